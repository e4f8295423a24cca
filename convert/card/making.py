"""Sections of a card: what the model is made of, under which licences, by which runs, and how it was quantised."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from densepose_mobile.convert.card.markdown import table
from densepose_mobile.convert.card.sources import Sources
from densepose_mobile.errors import InputError

__all__ = ["ingredients", "quantisation", "runs"]

_INGREDIENTS: Final = "## Ingredients"
_NOT_LEARNING: Final = ("name", "seed", "threads", "evaluation")
_KINDS: Final = {
    "backgrounds": "photos without people, behind rendered ones",
    "hdri": "environment maps: light and background of rendered people",
    "mh_clothes": "MakeHuman clothes, shoes and hair",
    "photos_train": "photos: of people, annotated by us; of places, behind rendered people",
    "poses": "motion capture and poses",
    "valid_avatars": "VALID avatars",
    "weights": "pretrained MoveNet: what backbone, pose branch and detector begin with",
    "parametric bodies": "parametric bodies, Anny",
}
"""What each folder of the assets holds, as the data sheet names it."""


def ingredients(sources: Sources, sheet: Path) -> list[str]:
    """Kinds of data with their licences, after the last table of the data sheet."""
    if not sheet.is_file():
        return sources.miss("Data and licences", f"densepose-mobile data sheet SHARDS --out {sheet.parent}")
    licences: dict[str, list[str]] = {}
    for kind, licence in _sheet_rows(sheet.read_text(encoding="utf-8")):
        licences.setdefault(kind, []).append(licence)
    rows = [[_KINDS.get(kind, kind), "; ".join(dict.fromkeys(known))] for kind, known in licences.items()]
    return [
        "",
        "## Data and licences",
        "",
        f"Counts, distributions and what is held out stand in the {sources.link(sheet, 'data sheet')}, credits in "
        f"{sources.link('NOTICE')}. Nothing that forbids commercial use went into the weights; photos that figures are "
        "measured on were never trained on.",
        "",
        *table(["ingredient", "licences of its files"], rows),
    ]


def _sheet_rows(text: str) -> Iterator[tuple[str, str]]:
    _, _, after = text.partition(_INGREDIENTS)
    for line in after.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == 3 and not cells[0].startswith(("-", "folder")):
            yield cells[0], cells[1]


def _chain(training: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Every run, the first one first."""
    found: list[Mapping[str, Any]] = []
    run: Mapping[str, Any] | None = training
    while run is not None:
        found.append(run)
        run = run.get("init")
    return found[::-1]


def runs(sources: Sources, recipes: Path) -> list[str]:
    """The runs that led to the weights, and what the last one's recipe changes.

    recipes: folder of NAME.yaml. Raises InputError for a recipe that is none.
    """
    training = sources.first.manifest.provenance.get("training", {})
    rows, recovered = [], {}
    for number, run in enumerate(_chain(training), 1):
        data, photos = run.get("data", {}), run.get("data", {}).get("photos")
        if "recovered_from" in run:
            recovered[number] = str(run["recovered_from"])
        rows.append(
            [
                number,
                run.get("recipe", {}).get("name", "not recorded"),
                _count(run.get("step")),
                _count(data.get("pictures")),
                run.get("seed", ""),
                "; ".join(f"{render['pictures']:,} of seed {render['seed']}" for render in data.get("renders", ())),
                f"{photos['pictures']}, {photos['people']} people" if photos else "",
            ]
        )
    lines = [
        "",
        "## How it was made",
        "",
        "Runs, the first one first, each from the weights of the one before. Renders: different pictures that a run "
        "could draw from, of `densepose-mobile data render --split train --seed SEED`; seen: those that came again "
        "count again.",
        "",
        *table(["run", "recipe", "steps", "pictures seen", "seed", "renders", "annotated photos"], rows),
        "",
    ]
    for number, bundle in recovered.items():
        lines += [
            f"The weights of run {number} were read back out of the bundle that they had been converted to (sha256 "
            f"`{bundle[:12]}`).",
            "",
        ]
    return lines + _recipe(sources, training.get("recipe", {}), recipes)


def _count(value: int | None) -> str:
    return "" if value is None else f"{value:,}"


def _recipe(sources: Sources, recipe: Mapping[str, Any], recipes: Path) -> list[str]:
    """The keys that the recipe's file names, with the values that the run had; the others are defaults."""
    path = recipes / f"{recipe.get('name')}.yaml"
    if not recipe or not path.is_file():
        return []
    changed = []
    for keys in _leaves(_yaml(path)):
        value: Any = recipe
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        if value is not None and keys[0] not in _NOT_LEARNING:
            changed.append(
                f"{'.'.join(keys)} {value:g}" if isinstance(value, int | float) else f"{'.'.join(keys)} {value}"
            )
    plan = recipe.get("optimisation", {})
    falls = f", the rate falling to zero over the last {plan['cooldown_steps']:,}" if plan.get("cooldown_steps") else ""
    return [
        f"Run {len(_chain(sources.first.manifest.provenance['training']))}: {plan.get('max_steps', 0):,} steps{falls}. "
        f"What {sources.link(path)} sets, as the run had it: {', '.join(changed)}."
    ]


def _yaml(path: Path) -> Mapping[str, Any]:
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise InputError(f"{path} is no recipe ({error}); give --recipes the folder of the recipes") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} is no recipe, but {type(content).__name__}; give --recipes the folder of the recipes")
    return content


def _leaves(values: Mapping[str, Any], above: Sequence[str] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*above, key))
        else:
            yield (*above, key)


def quantisation(sources: Sources) -> list[str]:
    """In sentences, of each bundle that is quantised."""
    lines: list[str] = []
    for bundle in sources.bundles:
        told = bundle.manifest.quantisation
        if not told:
            continue
        pictures = told["calibration"]
        origin = ", ".join(f"{count} of {name}" for name, count in pictures["sources"].items())
        lines += [
            "",
            f"`{bundle.manifest.target}`: weights {told['weights']}; activations {told['activations']}; inputs and "
            f"outputs {told['inputs_outputs']}; float stays {told['float_operators']}. Ranges ({told['ranges']}) come "
            f"from {pictures['pictures']} pictures ({origin}; set `{pictures['id'][:12]}`); rounding: "
            f"{told['rounding']}; seed {told['seed']}.",
        ]
    return ["", "### Quantisation", *lines] if lines else []

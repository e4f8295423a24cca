"""The model card as a page (Mitchell et al., Model Cards for Model Reporting, FAT* 2019), for whoever builds an app."""

import os
from pathlib import Path
from typing import Final

from densepose_mobile.convert.card import making, quality, running
from densepose_mobile.convert.card.markdown import megabytes, table
from densepose_mobile.convert.card.sources import Sources
from densepose_mobile.errors import InputError
from densepose_mobile.parts import NUM_PARTS

__all__ = ["model_card"]

_NOTES: Final = ("What it is for", "What it is not for", "Known failures")
"""Sections that are written by hand, in the order in which a card has them."""


def model_card(sources: Sources, notes: Path, sheet: Path, recipes: Path) -> str:
    """The card in Markdown.

    notes: Markdown file with the sections that nobody can measure. sheet: the data sheet. recipes: folder of recipes.

    Raises InputError where the notes lack a section, or a results file or recipe cannot be read.
    """
    for_what, not_for, failures = _sections(notes)
    body = [
        *quality.accuracy(sources),
        *quality.modes(sources),
        *quality.by_eye(sources),
        *quality.slices(sources),
        "",
        f"## {_NOTES[2]}",
        "",
        *failures,
        *running.speed(sources),
        *running.parity(sources),
        *running.graphs(sources),
        *making.ingredients(sources, sheet),
        *making.runs(sources, recipes),
        *making.quantisation(sources),
    ]
    lines = [
        *_opening(sources),
        "",
        f"## {_NOTES[0]}",
        "",
        *for_what,
        "",
        f"## {_NOTES[1]}",
        "",
        *not_for,
        *body,
        *_checksums(sources),
        *_missing(sources),
        "",
        f"Made by `densepose-mobile card {' '.join(bundle.label for bundle in sources.bundles)}` from these bundles, "
        f"{sources.link(_from_root(sources, sources.results), 'results files')} and "
        f"{sources.link(_from_root(sources, notes), 'notes by hand')}.",
    ]
    return "\n".join(lines) + "\n"


def _from_root(sources: Sources, path: Path) -> Path:
    return Path(os.path.relpath(path, sources.root))


def _sections(notes: Path) -> list[list[str]]:
    """Lines of each section of the notes."""
    try:
        text = notes.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"cannot read {notes} ({error.strerror or error}); write it, with the sections {', '.join(_NOTES)}"
        ) from error
    found = {}
    for part in ("\n" + text).split("\n## ")[1:]:
        title, _, content = part.partition("\n")
        found[title.strip()] = content.strip().splitlines()
    for title in _NOTES:
        if not found.get(title):
            raise InputError(f"{notes} has no section {title!r}; write it by hand under `## {title}`")
    return [found[title] for title in _NOTES]


def _opening(sources: Sources) -> list[str]:
    about = sources.first.manifest
    rows = [
        [f"`{bundle.label}`", bundle.manifest.target, megabytes(bundle.size), f"`{bundle.sha256[:12]}`"]
        for bundle in sources.bundles
    ]
    return [
        f"# {about.name} {about.version}",
        "",
        f"Finds the people in a picture, and says of every pixel of them which of {NUM_PARTS} body parts it shows, "
        "where on that part's surface it lies (U, V), and how sure that is. Small graphs, for phones. Licence of the "
        f"weights: {about.licence}.",
        "",
        *table(["bundle", "target", "MB", "sha256"], rows),
    ]


def _checksums(sources: Sources) -> list[str]:
    about = sources.first.manifest
    tools = {
        bundle.manifest.target: ", ".join(
            f"{name} {number}" for name, number in bundle.manifest.provenance.get("tools", {}).items()
        )
        for bundle in sources.bundles
    }
    rows = [["weights", f"`{sources.checkpoint}`", ""]]
    rows += [[bundle.label, f"`{bundle.sha256}`", tools[bundle.manifest.target]] for bundle in sources.bundles]
    charts = f"Parts, U and V are those of the body atlas `{about.atlas_id}`."
    return ["", "## Checksums", "", *table(["", "sha256", "made with"], rows), "", charts]


def _missing(sources: Sources) -> list[str]:
    if not sources.missing:
        return []
    rows = [[section, f"`{command}`"] for section, command in sources.missing.items()]
    return ["", "## Not measured for these bundles", "", *table(["section", "command"], rows)]

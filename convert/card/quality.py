"""Sections of a card: how good the model is on photos and on rendered people, in which mode, and for whom."""

from collections.abc import Mapping
from typing import Any, Final

from densepose_mobile.convert.card.markdown import figure, ratio, table
from densepose_mobile.convert.card.sources import Sources
from densepose_mobile.metrics import MEASURES
from densepose_mobile.metrics.slices import SLICED_MEASURES

__all__ = ["accuracy", "by_eye", "modes", "slices"]

_PHOTOS: Final = "coco_mini_val2017.json"
_RENDERED: Final = "synthetic_val.json"
_EYE: Final = "people_photos.json"
_MODES: Final = ("fast", "balanced", "accurate")
_SHOWN: Final = (
    "recall",
    "false_positives",
    "mask_iou",
    "keypoint_agreement",
    "limb_agreement",
    "swap_rate",
    "keypoint_gps",
    "gps",
    "gpsm",
)
_OF_MODES: Final = _SHOWN[:6]
_FLAT: Final = "constant-uv"
_SUMMED: Final = {
    "recall": "people found",
    "keypoint_agreement": "keypoints on the right part",
    "gps": "GPS of surface points",
}
_HEADS: Final = {
    "recall": "found",
    "mask_iou": "mask IoU",
    "keypoint_agreement": "keypoints on the right part",
    "limb_agreement": "limbs alone",
    "swap_rate": "limbs on the wrong side",
    "keypoint_gps": "keypoint-GPS",
    "gps": "GPS of surface points",
}


def _title(measure: str) -> str:
    return MEASURES[measure].removeprefix("- ")


def accuracy(sources: Sources) -> list[str]:
    """Two columns, photos and rendered people; GPS beside what U = V = 0.5 would have."""
    found = {}
    for name, kind in ((_PHOTOS, "people in photos (COCO val2017)"), (_RENDERED, "held-out rendered people")):
        content = sources.about_first(name)
        if content is None:
            sources.miss(f"How good it is, {kind}", f"densepose-mobile evaluate ... --out results/{name}")
        else:
            found[name] = (kind, content)
    if not found:
        return []
    heads = [
        f"{content['data']['people']:,} {kind}, {content['data']['pictures']:,} pictures"
        for kind, content in found.values()
    ]
    rows = []
    for measure in _SHOWN:
        cells = [_beside(content, measure) for _, content in found.values()]
        if any(cells):
            rows.append([_title(measure), *cells])
    rows.append(
        ["calibration error of confidence at keypoints", *(_calibration(content) for _, content in found.values())]
    )
    least = next(iter(found.values()))[1]["options"]
    return [
        "",
        "## How good it is",
        "",
        f"Bundle `{sources.first.manifest.target}`, mode `{least['mode']}`, least score {least['score']:g}, 95 % "
        f"bootstrap intervals by picture. {sources.link('results/README.md')} defines the measures. In brackets what "
        "U = V = 0.5 has in the same silhouettes.",
        "",
        *table(["", *heads], rows),
        "",
        *(f"- {sources.named(name, content)}" for name, (_, content) in found.items()),
    ]


def _beside(content: Mapping[str, Any], measure: str) -> str:
    ours = figure(content["report"]["measures"].get(measure))
    flat = content["baselines"].get(_FLAT, {}).get("measures", {}).get(measure)
    if not ours or flat is None or measure not in ("keypoint_gps", "gps", "gpsm"):
        return ours
    return f"{ours} ({figure({**flat, 'low': None})})"


def _calibration(content: Mapping[str, Any]) -> str:
    curves = content["report"].get("keypoint_confidence")
    return ratio(curves["ece"]) if curves else ""


def modes(sources: Sources) -> list[str]:
    """What the slower ways of looking gain over the first."""
    files = {mode: f"modes_{mode}.json" for mode in _MODES}
    found = {mode: content for mode, name in files.items() if (content := sources.about_first(name)) is not None}
    if len(found) < len(_MODES):
        lost = ", ".join(f"results/{files[mode]}" for mode in _MODES if mode not in found)
        return sources.miss("Modes", f"densepose-mobile evaluate ... --mode MODE --against FAST --out ... for {lost}")
    rows = []
    for measure in _OF_MODES:
        cells = [figure({**found[_MODES[0]]["report"]["measures"][measure], "low": None})]
        for mode in _MODES[1:]:
            value = figure({**found[mode]["report"]["measures"][measure], "low": None})
            gap = found[mode]["differences"].get("against", {}).get(measure)
            cells.append(f"{value}, {figure(gap, sign=True)}" if gap else value)
        rows.append([_title(measure), *cells])
    data = found[_MODES[0]]["data"]
    return [
        "",
        "### Modes",
        "",
        f"On {data['pictures']} photos, {data['people']} people, with what a mode has more than `{_MODES[0]}`, paired "
        "by picture. Those of COCO train2017 among them were watched while the model was trained.",
        "",
        *table(["", *(f"`{mode}`" for mode in _MODES)], rows),
        "",
        *(f"- {sources.named(files[mode], content)}" for mode, content in found.items()),
    ]


def by_eye(sources: Sources) -> list[str]:
    """The outcome of the rubric."""
    content = sources.about_first(_EYE)
    if content is None:
        return sources.miss("Looked at by eye", "look after docs/rubric.md and write results/people_photos.json")
    total = content["summary"]
    share = ", ".join(f"{name.replace('_', ' ')} {value:.2f}" for name, value in total["share"].items())
    return [
        "",
        "### Looked at by eye",
        "",
        f"In {total['judged']} photos of everyday people {total['people_found']} of {total['people']} people are "
        f"found; {total['passed']} photos have nothing seriously wrong. Mean grades from 0 to 1 after "
        f"{sources.link(content['rubric'])}: {share}.",
        "",
        f"- {sources.named(_EYE, content)}",
    ]


def _summary(by: Mapping[str, Any]) -> list[str]:
    """Which slicings part people of whom the model makes more from those of whom it makes less, by some measures."""
    told = [line for measure, title in _SUMMED.items() if (line := _parted(by, measure, title))]
    return [*told, ""] if told else []


def _parted(by: Mapping[str, Any], measure: str, title: str) -> str:
    apart: dict[bool, list[str]] = {True: [], False: []}
    for name, part in by.items():
        found = [classes["measures"].get(measure) for classes in part["classes"].values()]
        known = sorted((one for one in found if one), key=lambda one: one["value"])
        if len(known) > 1:
            apart[known[0]["high"] < known[-1]["low"]].append(name)
    told = []
    if apart[True]:
        told.append(f"the intervals of the worst and the best class lie apart by {', '.join(apart[True])}")
    if apart[False]:
        told.append(f"they overlap by {', '.join(apart[False])}, which proves no equality where classes are small")
    return f"- Of {title}, {'; '.join(told)}." if told else ""


def slices(sources: Sources) -> list[str]:
    """Measures of some of the people only, one row a class."""
    name = f"slices_{sources.first.manifest.name}.json"
    content = sources.about_first(name)
    if content is None or "slices" not in content:
        return sources.miss("For whom", f"densepose-mobile evaluate ... --slices --out results/{name}")
    rows: list[list[str]] = []
    for part in content["slices"]["by"].values():
        rows.append([f"**{part['title']}**", *[""] * (len(SLICED_MEASURES) + 1)])
        for place, found in part["classes"].items():
            rows.append(
                [place, str(found["people"]), *(figure(found["measures"].get(measure)) for measure in SLICED_MEASURES)]
            )
    side, data = content["slices"]["input_side"], content["data"]
    return [
        "",
        "## For whom it works, and for whom less",
        "",
        f"Held-out rendered people in {data['pictures']:,} pictures, parted by what is known of them; the network's "
        f"input has {side} x {side} px. Sizes apart, people with a box above 96² px in the picture count. Classes "
        "differ in more than their name: children fill less of a picture, and who is cut off is nearer. The typology "
        "angle is that of the skin as it is painted, before light and camera.",
        "",
        *_summary(content["slices"]["by"]),
        *table(["people", "of", *(_HEADS[measure] for measure in SLICED_MEASURES)], rows),
        "",
        f"- {sources.named(name, content)}",
    ]

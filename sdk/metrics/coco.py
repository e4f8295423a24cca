"""Reading COCO person files: instances, keypoints and DensePose points of every picture; PoseTrack's fields as well.

COCO's boxes and polygons are continuous coordinates, its keypoints are pixel indices: those get +0.5 here, so that all
of them are in the one pixel frame. DensePose points lie in the box scaled to 256 x 256: x = x0 + dp_x * w / 256.

A file of tens of thousands of annotations has broken ones. What of an annotation cannot be used is left out and named,
and the rest is read.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import InputError
from densepose_mobile.metrics.keypoints import KEYPOINT_NAMES
from densepose_mobile.metrics.posetrack import ignored_regions, is_annotated
from densepose_mobile.metrics.segmentation import check_segmentation
from densepose_mobile.metrics.traits import PersonTraits
from densepose_mobile.metrics.truth import DENSE_GRID, SurfacePoints, TruthPerson, TruthPicture
from densepose_mobile.parts import NUM_PARTS

__all__ = ["CocoFile", "LeftOut", "missing_pictures", "read_coco"]


@dataclass(frozen=True)
class LeftOut:
    """An annotation of which something, or everything, cannot be used."""

    annotation: int
    picture: str  # file name
    reason: str

    def __str__(self) -> str:
        return f"annotation {self.annotation} of picture {self.picture}: {self.reason}"


@dataclass(frozen=True)
class CocoFile:
    """What `read_coco` read, in the file's order."""

    pictures: tuple[TruthPicture, ...]
    left_out: tuple[LeftOut, ...]


def read_coco(annotations: str | Path, keypoints: str | Path | None = None, subset: str | None = None) -> CocoFile:
    """The pictures of a COCO person file with all their people.

    annotations: an instances, person_keypoints or DensePose file; other categories than "person" are left out.
    keypoints: a person_keypoints file of the same pictures, joined by annotation id.
    subset: keep the pictures of one split only, such as "val2017" (the image entry's `split` or its `coco_url`).

    A person without a usable box or mask is left out, one with broken keypoints or surface points is kept without them.
    Video frames that a PoseTrack file says are not annotated are left out too: nobody knows who is there.

    Raises InputError that names the file, when it is no COCO file or the picture of an annotation is not listed.
    """
    path = Path(annotations)
    content = _read(path)
    joints = {} if keypoints is None else {entry["id"]: entry for entry in _read(Path(keypoints))["annotations"]}
    people = _person_categories(content)
    by_picture: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for entry in content["annotations"]:
        if entry.get("category_id") in people:
            by_picture[entry.get("image_id")].append(entry)
    known = {image["id"] for image in content["images"]}
    for image_id, entries in by_picture.items():
        if image_id not in known:
            raise InputError(
                f"{path.name}: annotation {entries[0].get('id')} is of picture {image_id}, not listed there"
            )
    left_out: list[LeftOut] = []
    pictures = tuple(
        _picture(image, by_picture[image["id"]], joints, people, path.name, left_out)
        for image in content["images"]
        if is_annotated(image) and (subset is None or _in_subset(image, subset, path.name))
    )
    return CocoFile(pictures, tuple(left_out))


def missing_pictures(pictures: Sequence[TruthPicture], folder: str | Path) -> list[str]:
    """File names of pictures that are not in `folder`."""
    return [picture.file_name for picture in pictures if not (Path(folder) / picture.file_name).is_file()]


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read annotations {path}: {error.strerror or error}; give a COCO JSON file") from error
    except ValueError as error:
        raise InputError(f"{path} is no JSON file ({error}); give a COCO person file") from error
    if not isinstance(content, dict) or any(
        not isinstance(content.get(key), list) for key in ("images", "annotations")
    ):
        raise InputError(f"{path} has no lists `images` and `annotations`; give a COCO person file")
    for key in ("images", "annotations"):
        for index, entry in enumerate(content[key]):
            if not isinstance(entry, dict) or "id" not in entry:
                raise InputError(f"{path.name}: entry {index} of `{key}` has no id")
            if not str(entry["id"]).isdecimal():
                raise InputError(f"{path.name}: entry {index} of `{key}` has the id {entry['id']!r}; number them")
    categories = content.get("categories") or []
    if not isinstance(categories, list) or not all(isinstance(entry, dict) and "id" in entry for entry in categories):
        raise InputError(f"{path.name}: `categories` is no list of mappings with an id; give a COCO person file")
    return content


def _person_categories(content: dict[str, Any]) -> dict[int, Sequence[str]]:
    """Id of each category that is a person, and the names of its keypoints in their order."""
    named = [entry for entry in content.get("categories") or () if entry.get("name") == "person"]
    return {entry["id"]: entry.get("keypoints") or KEYPOINT_NAMES for entry in named} or {1: KEYPOINT_NAMES}


def _in_subset(image: dict[str, Any], subset: str, file: str) -> bool:
    split = image.get("split")
    if split is not None:
        return subset in (split, f"{split}2017")
    url = image.get("coco_url")
    if url is None:
        raise InputError(
            f"{file}: picture {image['id']} has neither split nor coco_url, so --subset {subset} is unknown"
        )
    return f"/{subset}/" in url


def _picture(
    image: dict[str, Any],
    entries: list[dict[str, Any]],
    joints: dict[Any, Any],
    categories: dict[int, Sequence[str]],
    file: str,
    left_out: list[LeftOut],
) -> TruthPicture:
    try:
        height, width, name = int(image["height"]), int(image["width"]), str(image["file_name"])
        ignored = ignored_regions(image)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{file}: picture {image['id']} lacks a usable height, width, file_name or ignore regions ({error!r})"
        ) from error
    people = []
    for entry in entries:
        reasons: list[str] = []
        joined = {**entry, **_keypoint_fields(joints.get(entry["id"], entry))}
        person = _person(joined, height, width, categories[entry["category_id"]], reasons)
        if person is not None:
            people.append(person)
        left_out += [LeftOut(entry["id"], name, reason) for reason in reasons]
    frame = {name: image.get(key) for name, key in (("video", "vid_id"), ("frame", "frame_id"))}
    return TruthPicture(int(image["id"]), name, height, width, tuple(people), ignored, **frame)


def _keypoint_fields(entry: dict[str, Any]) -> dict[str, Any]:
    return {"keypoints": entry["keypoints"]} if "keypoints" in entry else {}


def _person(
    entry: dict[str, Any], height: int, width: int, joint_names: Sequence[str], reasons: list[str]
) -> TruthPerson | None:
    """The person, or None; what is wrong with the annotation is added to `reasons`."""
    try:
        box = np.asarray(entry["bbox"], np.float32)
        if box.shape != (4,) or not np.isfinite(box).all() or (box[2:] < 0).any():
            raise InputError(f"bbox {entry['bbox']} is not x, y, width, height")
        if entry.get("segmentation") is None:
            raise InputError("it has no segmentation")
        check_segmentation(entry["segmentation"], height, width)
    except (InputError, KeyError, TypeError, ValueError) as error:
        reasons.append(_told(error))
        return None
    box[2:] += box[:2]
    fields: dict[str, Any] = {"keypoints": None, "points": None, "coarse_masks": None}
    if "person" in entry:
        try:
            fields["traits"] = PersonTraits.from_dict(entry["person"])
        except InputError as error:
            reasons.append(_told(error))
    try:
        fields["keypoints"] = _keypoints(entry.get("keypoints"), joint_names)
    except (InputError, TypeError, ValueError) as error:
        reasons.append(_told(error))
    try:
        fields["points"] = _points(entry, box, reasons)
    except (InputError, KeyError, TypeError, ValueError) as error:
        reasons.append(_told(error))
    try:
        fields["coarse_masks"] = _coarse_masks(entry.get("dp_masks"))
    except (InputError, TypeError) as error:
        reasons.append(f"dp_masks: {_told(error)}")
    return TruthPerson(
        id=int(entry["id"]),
        box=box,
        height=height,
        width=width,
        segmentation=entry["segmentation"],
        crowd=bool(entry.get("iscrowd", 0)),
        track=entry.get("track_id"),
        **fields,
    )


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, InputError) else repr(error)


def _keypoints(values: Any, names: Sequence[str]) -> NDArray[np.float32] | None:
    """(17, 3) in COCO's order, of which those that the file does not have are not visible."""
    if values is None:
        return None
    given = np.asarray(values, np.float32)
    if given.size != 3 * len(names):
        raise InputError(f"{given.size} keypoint numbers; {3 * len(names)} are expected, x, y and visibility of each")
    given = given.reshape(-1, 3)
    if not np.isin(given[:, 2], (0, 1, 2)).all():
        raise InputError(f"keypoint visibilities {sorted(set(given[:, 2].tolist()))}; 0, 1 and 2 are expected")
    table = np.zeros((len(KEYPOINT_NAMES), 3), np.float32)
    for index, name in enumerate(KEYPOINT_NAMES):
        if name in names:
            table[index] = given[list(names).index(name)]
    table[:, :2] += 0.5
    return table


def _points(entry: dict[str, Any], box: NDArray[np.float32], reasons: list[str]) -> SurfacePoints | None:
    if "dp_x" not in entry:
        return None
    x, y, u, v, part = (np.asarray(entry[f"dp_{name}"], np.float32).reshape(-1) for name in ("x", "y", "U", "V", "I"))
    if len({len(row) for row in (x, y, u, v, part)}) != 1:
        raise InputError("dp_x, dp_y, dp_U, dp_V and dp_I are of different lengths")
    usable = np.ones(len(part), bool)
    for name, row, low, high in (
        ("dp_x", x, 0, DENSE_GRID),
        ("dp_y", y, 0, DENSE_GRID),
        ("dp_U", u, 0, 1),
        ("dp_V", v, 0, 1),
        ("dp_I", part, 1, NUM_PARTS),
    ):
        wrong = ~((row >= low) & (row <= high))
        if name == "dp_I":
            wrong |= row != np.round(row)
        if wrong.any():
            reasons.append(f"{wrong.sum()} of {len(row)} points have {name} {row[wrong][0]:g}, not {low}..{high}")
            usable &= ~wrong
    xy = box[:2] + np.stack([x, y], 1) * (box[2:] - box[:2]) / DENSE_GRID
    return SurfacePoints(xy[usable].astype(np.float32), part[usable].astype(np.uint8), np.stack([u, v])[:, usable])


def _coarse_masks(codes: Any) -> Any:
    for code in codes or ():
        if code:
            check_segmentation(code, DENSE_GRID, DENSE_GRID)
    return codes

"""Contact sheets of rendered shards: each picture beside its truth."""

import logging
from itertools import islice
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.draw import PALETTE
from densepose_mobile.errors import InputError, OutputError
from densepose_mobile.train.data.folder import folder_labels
from densepose_mobile.train.data.records import Picture, iter_pictures
from densepose_mobile.train.data.targets import Labeller, label_picture

__all__ = ["panels", "write_sheets"]

_log = logging.getLogger(__name__)

_ROWS: Final = 6
_BONES: Final = (
    (5, 7), (7, 9), (6, 8), (8, 10), (5, 6), (5, 11), (6, 12), (11, 12), (11, 13), (13, 15), (12, 14), (14, 16), (0, 5),
    (0, 6),
)  # fmt: skip


def _drawn(picture: Picture) -> NDArray[np.uint8]:
    """The picture with boxes, outlines and keypoints: seen green, hidden blue."""
    image = picture.image.copy()
    edge = cv2.morphologyEx(picture.instance, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8)) > 0
    image[edge] = (255, 0, 0)
    for person in picture.people:
        if person.visible_pixels == 0:
            continue
        x0, y0, x1, y1 = (int(v) for v in person.box)
        cv2.rectangle(image, (x0, y0), (x1 - 1, y1 - 1), (255, 220, 0), 1)
        points = person.keypoints
        for a, b in _BONES:
            if points[a, 2] > 0 and points[b, 2] > 0:
                ends = [(int(points[k, 0]), int(points[k, 1])) for k in (a, b)]
                cv2.line(image, ends[0], ends[1], (255, 255, 255), 1, cv2.LINE_AA)
        for x, y, visibility in points:
            if visibility > 0:
                cv2.circle(image, (int(x), int(y)), 2, (0, 255, 0) if visibility == 2 else (60, 90, 255), -1)
    return image


def _blend(image: NDArray[np.uint8], colour: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.uint8]:
    out = image.copy()
    out[mask] = (0.3 * image[mask] + 0.7 * colour[mask]).astype(np.uint8)
    return out


def panels(picture: Picture, labeller: Labeller | None = None) -> NDArray[np.uint8]:
    """(H, n W, 3) uint8: picture, drawn truth, and parts, U and V (or face numbers and instances without labeller)."""
    mask = picture.instance > 0
    shown = [picture.image, _drawn(picture)]
    if labeller is None:
        number = (picture.face.astype(np.int64) * 2654435761 % 256).astype(np.uint8)
        hues = np.asarray(cv2.applyColorMap(number, cv2.COLORMAP_HSV)[..., ::-1], np.uint8)
        shown.append(_blend(picture.image, hues, mask))
        shown.append(_blend(picture.image, PALETTE[picture.instance * 5 % 25], mask))
    else:
        part, *uv, _ = np.moveaxis(label_picture(picture, labeller), 2, 0)
        shown.append(_blend(picture.image, PALETTE[part], mask))
        for coordinate in uv:
            ramp = cv2.applyColorMap(coordinate, cv2.COLORMAP_TURBO)[..., ::-1]
            shown.append(_blend(picture.image, np.asarray(ramp, np.uint8), mask))
    return np.hstack(shown)


def write_sheets(shards: Path, out: Path, count: int, labels: bool = False) -> list[Path]:
    """Contact sheets `sheet-000.jpg`, ... of the first `count` pictures, two columns of six; return their paths.

    labels: needs the body atlas and the surface set that lies beside the shards.
    """
    labeller = folder_labels(shards) if labels else None
    written: list[Path] = []
    pictures = islice(iter_pictures(shards), count)
    try:
        out.mkdir(parents=True, exist_ok=True)
        while rows := [panels(picture, labeller) for picture in islice(pictures, 2 * _ROWS)]:
            rows += [np.zeros_like(rows[0])] * (len(rows) % 2)
            sheet = np.vstack([np.hstack(rows[k : k + 2]) for k in range(0, len(rows), 2)])
            path = out / f"sheet-{len(written):03d}.jpg"
            partial = out / f".{path.name}.part.jpg"
            if not cv2.imwrite(str(partial), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88]):
                raise OutputError(f"cannot write {path}; choose another --out folder")
            partial.replace(path)
            written.append(path)
    except OSError as error:
        raise OutputError(f"cannot write to {out} ({error.strerror}); choose another --out folder") from error
    if not written:
        raise InputError(f"{shards} holds no pictures; make some with `data render --out DIR`")
    return written

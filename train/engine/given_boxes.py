"""A network's look at people whose boxes are given: what is measured then is its dense maps and nothing else."""

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from densepose_mobile.imaging import crop_input
from densepose_mobile.metrics import EvaluationOptions, TruthPerson, TruthPicture
from densepose_mobile.postprocess.maps import DenseMaps, paint_person
from densepose_mobile.postprocess.rois import crop_square
from densepose_mobile.postprocess.silhouette import silhouette
from densepose_mobile.results import DensePoseResult, Person
from densepose_mobile.spec import MAP_OUTPUTS, ModelSpec

__all__ = ["CropNetwork", "look_at", "measured_people", "true_boxes"]


class CropNetwork(Protocol):
    """A network that makes the dense maps of crops of one person each."""

    spec: ModelSpec

    def track(self, image: Tensor) -> dict[str, Tensor]:
        """(B, 3, S, S) RGB -1..1 -> maps (B, ., m, m) of the crops' central RoI."""
        ...


def measured_people(picture: TruthPicture) -> list[TruthPerson]:
    """The people of a picture who are measured: no crowds, nobody too small."""
    least = EvaluationOptions().min_box_area
    return [person for person in picture.people if not person.crowd and person.box_area > least]


def true_boxes(picture: TruthPicture) -> NDArray[np.float32]:
    """(P, 4) xyxy px of `measured_people`."""
    return np.array([person.box for person in measured_people(picture)], np.float32).reshape(-1, 4)


@torch.no_grad()
def look_at(network: CropNetwork, rgb: NDArray[np.uint8], boxes: NDArray[np.float32]) -> DensePoseResult:
    """One person for each box (N, 4) xyxy px, with what the network sees inside it; nobody where it has no pixel.

    rgb: (H, W, 3). The people's boxes are the given ones rounded outwards, and people may share pixels.
    """
    height, width = rgb.shape[:2]
    people: list[Person] = []
    for box, square in zip(boxes, crop_square(boxes, network.spec), strict=True):
        crop, letterbox = crop_input(rgb, square, network.spec.track_size)
        maps = network.track(torch.from_numpy(crop).permute(0, 3, 1, 2))
        outputs = [maps[name].permute(0, 2, 3, 1).numpy() for name in MAP_OUTPUTS]
        roi = letterbox.from_network(np.array(network.spec.track_roi, np.float32))
        person = _inside(DenseMaps.from_outputs(outputs, 0, roi), box, height, width)
        if person is not None:
            people.append(person)
    return DensePoseResult(tuple(people), height, width, {})


def _inside(maps: DenseMaps, box: NDArray[np.float32], height: int, width: int) -> Person | None:
    low = np.clip(np.floor(box[:2]), 0, (width - 1, height - 1)).astype(int)
    high = np.clip(np.ceil(box[2:]), low + 1, (width, height)).astype(int)
    window = slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0]))
    iuv = np.zeros((4, height, width), np.float32)
    shape = silhouette(maps.foreground, maps.roi, height, width)
    if shape is None:
        return None
    seen = paint_person(maps, shape, 1.0)
    iuv[(slice(None), *seen.window)] = np.concatenate([seen.part[None], seen.uv, seen.confidence[None]])
    cut = iuv[(slice(None), *window)]
    place = np.array([*low, *high], np.float32)
    return Person(place, 1.0, cut[0].astype(np.uint8), cut[1:3], cut[3])

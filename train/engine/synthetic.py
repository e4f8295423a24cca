"""Figures on held-out rendered people, cheap enough to be taken while training."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from densepose_mobile.metrics.similarity import Distances
from densepose_mobile.options import Options
from densepose_mobile.parts import FINE_TO_COARSE, KAPPA, MIRROR
from densepose_mobile.postprocess.decode import decode_boxes
from densepose_mobile.postprocess.nms import box_iou, nms
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.data.records import iter_pictures
from densepose_mobile.train.data.samples import Augmentation, Scene, crop_sample, whole_sample
from densepose_mobile.train.data.targets import Labeller, label_picture
from densepose_mobile.train.engine.averaged import network_tensor
from densepose_mobile.train.models.student import Student

__all__ = ["evaluate_synthetic"]

_PLAIN = Augmentation(0, 0, 0, 0, 0, 0, 0, 0.04, 0.08, 0, 0)
_SMALLEST = 32.0  # px, longer side of the people that count for recall


def evaluate_synthetic(
    student: Student, folder: Path, labeller: Labeller, geodesics: Distances, pictures: int
) -> dict[str, float]:
    """Measure the student on the first pictures of a folder of held-out shards.

    Returns iou, part_accuracy, swap_rate (mirrored cells of mirrored and right ones), uv_error (mean |dU| + |dV| where
    the part is right), gps (mean over people) from crops; recall and precision of `detect` at IoU 0.5.
    """
    spec = student.spec
    rng = np.random.default_rng(0)
    rows: list[NDArray[np.float64]] = []
    found = wanted = claimed = 0
    student.eval()
    for scene in _scenes(folder, labeller, pictures):
        for person in scene.people():
            sample = crop_sample(rng, scene, int(person), spec, _PLAIN)
            if sample is not None:
                rows.append(_crop_figures(student, sample.image, sample.maps, geodesics))
        hit, truth, boxes = _detection_figures(student, rng, scene, spec)
        found, wanted, claimed = found + hit, wanted + truth, claimed + boxes
    if not rows:
        return {}
    figures = np.array(rows)
    part = figures[:, 1].sum() / max(figures[:, 2].sum(), 1)
    return {
        "iou": float(figures[:, 0].mean()),
        "part_accuracy": float(part),
        "swap_rate": float(figures[:, 3].sum() / max(figures[:, 3].sum() + figures[:, 6].sum(), 1)),
        "uv_error": float(figures[:, 4].sum() / max(figures[:, 1].sum(), 1)),
        "gps": float(figures[:, 5].mean()),
        "recall": found / max(wanted, 1),
        "precision": found / max(claimed, 1),
    }


def _scenes(folder: Path, labeller: Labeller, count: int) -> Iterator[Scene]:
    for picture in islice(iter_pictures(folder), count):
        yield Scene.from_picture(picture, label_picture(picture, labeller))


@torch.no_grad()
def _crop_figures(
    student: Student, image: NDArray[np.uint8], truth: NDArray[np.uint8], geodesics: Distances
) -> NDArray[np.float64]:
    out = {
        name: value[0].numpy() for name, value in student.track(network_tensor(torch.from_numpy(image)[None])).items()
    }
    seen = out["foreground"][0] > 0
    true = truth[0] > 0
    both = seen & true
    part = (out["parts"].argmax(0) + 1).astype(np.uint8)
    uv = np.stack([np.take_along_axis(out[name], part[None].astype(np.int64) - 1, 0)[0] for name in ("u", "v")])
    uv = uv.clip(0, 1).astype(np.float32)
    true_uv = truth[1:].astype(np.float32) / np.float32(255)
    right = both & (part == truth[0])
    sided = both & (MIRROR[truth[0]] != truth[0])
    coarse, true_coarse = FINE_TO_COARSE[part], FINE_TO_COARSE[truth[0]]
    swapped = sided & (coarse == FINE_TO_COARSE[MIRROR[truth[0]]]) & (coarse != true_coarse)
    straight = sided & (coarse == true_coarse)
    similarity = np.zeros(true.shape)
    if both.any():
        distance = geodesics.geodesic(part[both], uv[:, both], truth[0][both], true_uv[:, both])
        similarity[both] = np.exp(-(distance**2) / (2 * KAPPA[truth[0][both]] ** 2))
    gap = np.abs(uv - true_uv).sum(0)
    return np.array(
        [
            both.sum() / max((seen | true).sum(), 1),
            right.sum(),
            true.sum(),
            swapped.sum(),
            gap[right].sum(),
            similarity[true].mean() if true.any() else 0.0,
            straight.sum(),
        ]
    )


@torch.no_grad()
def _detection_figures(
    student: Student, rng: np.random.Generator, scene: Scene, spec: ModelSpec
) -> tuple[int, int, int]:
    sample = whole_sample(rng, scene, spec, _PLAIN)
    out = student.detect(network_tensor(torch.from_numpy(sample.image)[None]))
    boxes = decode_boxes(out["boxes"][0].numpy(), spec)
    scores = out["scores"][0, :, 0].sigmoid().numpy()
    likely = np.flatnonzero(scores > Options.score)
    kept = likely[nms(boxes[likely], scores[likely], 0.6, 20)]
    longer = (sample.boxes[:, 2:] - sample.boxes[:, :2]).max(1)
    people = sample.boxes[(sample.kinds == 1) & (longer >= _SMALLEST)]
    overlap = box_iou(boxes[kept], people)
    hit = int((overlap.max(0, initial=0) >= 0.5).sum())
    return hit, len(people), len(kept)

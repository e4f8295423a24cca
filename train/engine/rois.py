"""RoIs of whole pictures for training the dense head: jittered true boxes and the detector's own proposals."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from densepose_mobile.postprocess.decode import decode_boxes
from densepose_mobile.postprocess.nms import box_iou
from densepose_mobile.postprocess.rois import roi_boxes, roi_weights
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.data.draws import Draw, generator
from densepose_mobile.train.data.keypoints import cut_keypoints, placed
from densepose_mobile.train.data.targets import box_matrix, burn_points, sample_maps
from densepose_mobile.train.losses.dense import DenseTarget

__all__ = ["choose_boxes", "sample_rois", "training_rois"]

_PROPOSAL_SHARE = 0.5
_PROPOSAL_IOU = 0.5
_JITTER = 0.06  # of the box's sides, standard deviation of each edge


def choose_boxes(
    rng: np.random.Generator,
    boxes: NDArray[np.float32],
    kinds: NDArray[np.uint8],
    proposals: NDArray[np.float32],
    scores: NDArray[np.float32],
    count: int,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """`count` person boxes of one picture and the rows of their people; row -1 is a random box of nobody.

    boxes: (M, 4), kinds: (M,) truth. proposals: (L, 4), scores: (L,) of the detector. Half of the boxes are the best
    proposals of their person where they overlap by IoU >= 0.5, the others are true boxes with shaken edges.
    """
    people = np.flatnonzero(kinds == 1)
    if not len(people):
        side = proposals[np.argmax(scores)] if len(scores) else np.array([0, 0, 64, 64], np.float32)
        return np.tile(side, (count, 1)).astype(np.float32), np.full(count, -1)
    rounds = -(-count // len(people))
    rows = np.concatenate([rng.permutation(people) for _ in range(rounds)])[:count]
    best = np.argsort(-scores)[:64]
    overlap = box_iou(boxes[people], proposals[best])
    chosen = np.empty((count, 4), np.float32)
    for i, row in enumerate(rows):
        near = np.flatnonzero(overlap[np.searchsorted(people, row)] >= _PROPOSAL_IOU)
        if len(near) and rng.random() < _PROPOSAL_SHARE:
            chosen[i] = proposals[best[near[int(rng.integers(min(len(near), 3)))]]]
        else:
            size = np.tile(boxes[row, 2:] - boxes[row, :2], 2)
            chosen[i] = boxes[row] + np.clip(rng.normal(0, _JITTER, 4), -0.15, 0.15) * size
    return chosen, rows


def training_rois(
    seed: int,
    batch: dict[str, Tensor],
    scores: Tensor,
    distances: Tensor,
    spec: ModelSpec,
    count: int,
) -> tuple[Tensor, Tensor, DenseTarget]:
    """Pooling weights wy, wx (P * count, R, S / 4) and targets of `count` RoIs of each whole picture of the batch.

    What is drawn for a picture depends on the seed and on its number alone, not on the pictures beside it.
    """
    proposals = decode_boxes(distances.detach().float().cpu().numpy(), spec)
    probability = scores.detach().float().sigmoid().cpu().numpy()[..., 0]
    return sample_rois(seed, batch, list(proposals), list(probability), spec, count)[:3]


def sample_rois(
    seed: int,
    batch: dict[str, Tensor],
    proposals: Sequence[NDArray[np.float32]],
    scores: Sequence[NDArray[np.float32]],
    spec: ModelSpec,
    count: int,
) -> tuple[Tensor, Tensor, DenseTarget, Tensor]:
    """As `training_rois`, of any detector's proposals (L, 4) xyxy px and scores (L,) of each picture.

    Besides come keypoints (P * count, 17, 3), x and y in cells of the maps, as of `CropSample`.
    """
    boxes, kinds, labels, points, keypoints = (
        batch[f"whole_{name}"].cpu().numpy() for name in ("boxes", "kinds", "labels", "points", "keypoints")
    )
    rois, maps, joints = [], [], []
    for p, number in enumerate(batch["whole_number"].tolist()):
        rng = generator(seed, Draw.ROIS, number)
        chosen, rows = choose_boxes(rng, boxes[p], kinds[p], proposals[p], scores[p], count)
        regions = roi_boxes(chosen, spec)
        rois.append(regions)
        for region, row in zip(regions, rows, strict=True):
            matrix, instance = box_matrix(region, spec.map_size), int(row) + 1 if row >= 0 else 255
            maps.append(sample_maps(labels[p], matrix, spec.map_size, instance))
            burn_points(maps[-1], points[p], matrix, instance)
            own = placed(keypoints[p, max(row, 0)], matrix) * (row >= 0)
            joints.append(cut_keypoints(own, spec.map_size, spec.map_size))
    cells = spec.detect_size // spec.feature_stride
    device = batch["whole_labels"].device
    wy, wx = roi_weights(np.concatenate(rois), cells, spec.feature_stride, spec.roi_size)
    tensors = [torch.from_numpy(array).to(device) for array in (wy, wx, np.stack(maps), np.stack(joints))]
    return tensors[0], tensors[1], DenseTarget.of(tensors[2]), tensors[3]

from pathlib import Path

import numpy as np
import torch

from densepose_mobile.postprocess.decode import decode_boxes
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.models.detector import DetectionHead
from densepose_mobile.train.models.keypoints import KEYPOINT_CHANNELS
from densepose_mobile.train.models.student import Student

from .movenet_file import random_weights

SPEC = ModelSpec(detect_size=64, track_size=96, feature_channels=8)


def test_locations_are_row_major() -> None:
    """What changes at one cell changes the scores of that cell's row and column, as far as a 3 x 3 kernel reaches."""
    torch.manual_seed(0)
    head = DetectionHead().eval()
    torch.nn.init.normal_(head.score[1].weight, std=0.3)
    joints = torch.rand(1, KEYPOINT_CHANNELS, 16, 12)
    with torch.no_grad():
        base, _ = head(joints)
        joints[0, :, 2, 5] += 5.0
        scores, boxes = head(joints)
    rows, columns = np.divmod(np.flatnonzero((scores != base).flatten()), 12)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (1, 3, 4, 6)
    assert boxes.shape == (1, 16 * 12, 4)
    assert (boxes >= 0).all()


def test_pretrained_heads_give_the_boxes_that_movenet_gives(tmp_path: Path) -> None:
    net = random_weights(tmp_path / "movenet.npz", 1.5)
    student = Student(SPEC, head_width=8).eval()
    student.load_pretrained(tmp_path / "movenet.npz")
    with torch.no_grad():
        net.heads["box_scale_0"][-1].bias += 20.0  # no side is negative
        student.detector.sides[-1].bias += 10.0
        image = torch.rand(1, 3, 64, 64) * 2 - 1
        found, maps = student.detect(image), net.maps(image)
    torch.testing.assert_close(found["scores"].flatten(), maps["center_0"].flatten())
    rows, columns = np.divmod(np.arange(256), 16)
    height, width = maps["box_scale_0"].flatten(2)[0].numpy()
    down, right = maps["box_offset_0"].flatten(2)[0].numpy()
    y, x = rows + down, columns + right
    want = 4 * np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], 1)
    np.testing.assert_allclose(decode_boxes(found["boxes"].numpy(), SPEC)[0], want, atol=1e-2)

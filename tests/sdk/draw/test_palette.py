import numpy as np
import pytest

from densepose_mobile.draw import PALETTE
from densepose_mobile.parts import MIRROR, PART_NAMES

LINEAR_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
LMS_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)  # linear RGB, full severity (Machado et al. 2009)


def perceived(seen_through: np.ndarray) -> np.ndarray:
    """(25, 3) OKLab of the palette."""
    value = PALETTE / 255.0
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4) @ seen_through.T
    return np.cbrt(np.clip(linear, 0, 1) @ LINEAR_TO_LMS.T) @ LMS_TO_LAB.T


def test_all_parts_differ() -> None:
    lab = perceived(np.eye(3))[1:]
    distance = np.linalg.norm(lab[:, None] - lab[None], axis=-1) + np.eye(24)
    assert distance.min() > 0.075


@pytest.mark.parametrize("seen_through", [np.eye(3), DEUTERANOPIA], ids=["normal", "deuteranopia"])
def test_left_and_right_differ_for_everyone(seen_through: np.ndarray) -> None:
    lab = perceived(seen_through)
    for part in range(1, 25):
        if MIRROR[part] != part:
            assert np.linalg.norm(lab[part] - lab[MIRROR[part]]) > 0.08, PART_NAMES[part]


def test_right_is_warm_and_left_is_cool() -> None:
    for part, name in enumerate(PART_NAMES):
        red, _, blue = PALETTE[part].astype(int)
        if "right" in name:
            assert red > blue, name
        elif "left" in name:
            assert blue > red, name

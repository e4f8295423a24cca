import numpy as np
import pytest

from densepose_mobile.results import DensePoseResult, Person

# part, x0, y0, x1, y1, radius of a capsule, in figure heights. The figure faces us: its left is at x > 0.
FIGURE = (
    (2, 0.0, 0.24, 0.0, 0.46, 0.105),
    (23, -0.018, 0.085, -0.018, 0.12, 0.05),
    (24, 0.022, 0.085, 0.022, 0.12, 0.045),
    (17, 0.14, 0.24, 0.21, 0.36, 0.036),
    (18, -0.14, 0.24, -0.24, 0.33, 0.036),
    (21, 0.22, 0.39, 0.23, 0.52, 0.028),
    (22, -0.27, 0.35, -0.34, 0.24, 0.028),
    (4, 0.235, 0.56, 0.235, 0.60, 0.022),
    (3, -0.36, 0.20, -0.38, 0.165, 0.022),
    (10, 0.06, 0.55, 0.08, 0.70, 0.055),
    (9, -0.06, 0.55, -0.08, 0.70, 0.055),
    (14, 0.085, 0.77, 0.09, 0.91, 0.036),
    (13, -0.085, 0.77, -0.09, 0.91, 0.036),
    (5, 0.09, 0.96, 0.12, 0.975, 0.024),
    (6, -0.09, 0.96, -0.12, 0.975, 0.024),
)


def figure(height: int, left: int, top: int, score: float = 0.93) -> Person:
    """A person made of capsules: U along each, V across."""
    width = round(height * 0.86)
    y, x = np.mgrid[:height, :width] + 0.5
    x, y = x / height - 0.43, y / height
    part = np.zeros((height, width), np.uint8)
    uv = np.zeros((2, height, width), np.float32)
    for number, x0, y0, x1, y1, radius in FIGURE:
        along = np.array([x1 - x0, y1 - y0])
        length = float(np.hypot(*along))
        t = ((x - x0) * along[0] + (y - y0) * along[1]) / length
        across = ((x - x0) * along[1] - (y - y0) * along[0]) / length
        inside = np.hypot(t - np.clip(t, 0, length), across) < radius
        part[inside] = number
        uv[0][inside] = np.clip((t + radius) / (length + 2 * radius), 0, 1)[inside]
        uv[1][inside] = np.clip(0.5 + across / (2 * radius), 0, 1)[inside]
    rows, columns = np.flatnonzero((part > 0).any(1)), np.flatnonzero((part > 0).any(0))
    crop = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    box = [left + columns[0], top + rows[0], left + columns[-1] + 1, top + rows[-1] + 1]
    part = part[crop]
    confidence = np.where(part > 0, 0.8, 0).astype(np.float32)
    return Person(np.array(box, np.float32), score, part, uv[:, crop[0], crop[1]], confidence)


@pytest.fixture
def result() -> DensePoseResult:
    """One figure, 200 px tall, in a picture of 260 x 220 px."""
    return DensePoseResult((figure(200, 40, 10),), 220, 260)


@pytest.fixture
def picture() -> np.ndarray:
    """(220, 260, 3) uint8, a soft pattern."""
    y, x = np.mgrid[:220, :260]
    return np.stack([90 + x // 3, 120 + y // 3, 140 + 40 * np.sin(x / 9)], -1).astype(np.uint8)

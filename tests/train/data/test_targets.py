from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from densepose_mobile.train.data.records import Picture
from densepose_mobile.train.data.targets import (
    UNKNOWN,
    Labeller,
    box_matrix,
    burn_points,
    instance_boxes,
    label_picture,
    sample_maps,
)


def gradient_labels(size: int = 64) -> np.ndarray:
    """Instance 1 on the left half, 2 on the right; part 1 above, 2 below; U counts columns, V rows."""
    y, x = np.mgrid[:size, :size]
    return np.stack([1 + (y >= size // 2), x, y, 1 + (x >= size // 2)], -1).astype(np.uint8)


@given(
    st.floats(-20, 50, width=32), st.floats(-20, 50, width=32), st.floats(4, 60, width=32), st.floats(4, 60, width=32)
)
def test_each_cell_holds_the_pixel_under_its_centre(x0: float, y0: float, width: float, height: float) -> None:
    labels = gradient_labels()
    box = np.array([x0, y0, x0 + width, y0 + height])
    maps = sample_maps(labels, box_matrix(box, 8), 8, 1)
    for i in range(8):
        for j in range(8):
            x, y = x0 + width * (j + 0.5) / 8, y0 + height * (i + 0.5) / 8
            column, row = int(np.floor(x)), int(np.floor(y))
            if 0 <= column < 32 and 0 <= row < 64:
                assert maps[:, i, j].tolist() == [1 + (row >= 32), column, row]
            else:  # beyond the picture, or the neighbour
                assert maps[:, i, j].tolist() == [0, 0, 0]


def test_what_is_unknown_is_unknown_to_everybody() -> None:
    labels = gradient_labels()
    labels[:8, :, 0], labels[:8, :, 3] = UNKNOWN, 0
    maps = sample_maps(labels, box_matrix(np.array([0, 0, 64, 64]), 8), 8, 2)
    assert (maps[0, 0] == UNKNOWN).all()
    assert (maps[0, 1:, :4] == 0).all()  # the neighbour is background


def test_points_are_burnt_into_the_cells_that_they_lie_in() -> None:
    maps = np.full((3, 8, 8), 255, np.uint8)
    points = np.array(
        [[10.1, 20.1, 3, 0.2, 1.0, 1], [33.9, 51.9, 24, 0.4, 0, 1], [12, 24, 5, 0, 0, 2], [9, 22, 6, 0, 0, 1]]
    )
    burn_points(maps, points.astype(np.float32), box_matrix(np.array([10, 20, 34, 52]), 8), 1)
    assert maps[:, 0, 0].tolist() == [3, 51, 255]
    assert maps[:, 7, 7].tolist() == [24, 102, 0]
    maps[:, [0, 7], [0, 7]] = 255
    assert (maps == 255).all()  # neither the other person's point nor the one outside


def test_label_picture_keeps_part_coordinates_and_person(
    picture: Callable[..., Picture], plain_labels: Labeller
) -> None:
    rendered = picture(3)
    labels = label_picture(rendered, plain_labels)
    seen = rendered.instance > 0
    assert (labels[~seen] == 0).all()
    assert (labels[..., 3] == rendered.instance).all()
    assert (labels[seen][:, 0] == rendered.face[seen] % 24 + 1).all()
    assert np.abs(labels[seen][:, 1:3] / 255 - rendered.barycentric[seen] / 15).max() <= 0.5 / 255 + 1e-6


def test_boxes_are_tight_to_what_is_seen() -> None:
    instance = np.zeros((10, 12), np.uint8)
    instance[2:5, 3:9] = 1
    instance[4:8, 8:12] = 3
    boxes, counts = instance_boxes(instance, 3)
    assert boxes.tolist() == [[3, 2, 9, 5], [0, 0, 0, 0], [8, 4, 12, 8]]
    assert counts.tolist() == [17, 0, 16]

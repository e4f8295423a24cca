"""Who is worth a second look."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from densepose_mobile.postprocess.closer import WORTHWHILE, closer_looks
from densepose_mobile.postprocess.rois import crop_square
from densepose_mobile.spec import ModelSpec

SPEC = ModelSpec()
BOXES = st.lists(
    st.tuples(st.floats(0, 3000), st.floats(0, 3000), st.floats(1, 2000), st.floats(1, 2000)).map(
        lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
    ),
    max_size=8,
)


@given(BOXES, st.floats(0.05, 4))
def test_those_whom_a_crop_shows_finer_come_largest_first(boxes: list[tuple[float, ...]], scale: float) -> None:
    array = np.array(boxes, np.float32).reshape(-1, 4)
    rows = closer_looks(array, scale, SPEC)
    assert len(set(rows)) == len(rows)
    area = (array[:, 2:] - array[:, :2]).prod(1)
    assert (np.diff(area[rows]) <= 0).all()
    for row, square in enumerate(crop_square(array, SPEC)):
        finer = min(SPEC.track_size / float(square[2] - square[0]), 1.0) / min(scale, 1.0)
        if abs(finer - WORTHWHILE) > 1e-4:
            assert (row in rows) == (finer > WORTHWHILE)


def test_a_picture_that_is_seen_as_it_is_needs_no_crop() -> None:
    small = np.array([[10, 10, 60, 120]], np.float32)
    assert closer_looks(small, 1.0, SPEC) == closer_looks(small, 3.0, SPEC) == []
    assert closer_looks(small, 0.25, SPEC) == [0]

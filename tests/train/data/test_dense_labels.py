from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from densepose_mobile.errors import InputError, OutputError
from densepose_mobile.train.data.dense_labels import (
    INDEX,
    DenseIndex,
    DenseLabels,
    file_hash,
    person_file,
    seen_window,
    write_person,
)


@pytest.fixture
def annotations(tmp_path: Path) -> Path:
    path = tmp_path / "annotations.json"
    path.write_text("{}")
    return path


@pytest.fixture
def index(annotations: Path) -> DenseIndex:
    return DenseIndex(file_hash(annotations), {"truth": "rendered"}, True, {42: (3, 5, 7, 9)}, ("7: why",))


def test_labels_come_back(tmp_path: Path, annotations: Path, index: DenseIndex) -> None:
    iuv = np.random.default_rng(0).integers(0, 256, (9, 7, 3)).astype(np.uint8)
    write_person(tmp_path / "dense", 42, iuv)
    index.write(tmp_path / "dense")
    assert DenseIndex.read(tmp_path / "dense").left_out == ["7: why"]
    found = DenseLabels.open(tmp_path / "dense", annotations).of(42)
    assert found is not None
    assert found[0] == (3, 5, 7, 9)
    np.testing.assert_array_equal(found[1], iuv)
    assert DenseLabels.open(tmp_path / "dense", annotations).of(43) is None


def test_labels_of_other_annotations_are_refused(tmp_path: Path, annotations: Path, index: DenseIndex) -> None:
    index.write(tmp_path / "dense")
    annotations.write_text('{"images": []}')
    with pytest.raises(InputError, match=rf"{index.annotations[:12]}.*{file_hash(annotations)[:12]}"):
        DenseLabels.open(tmp_path / "dense", annotations)


def test_labels_that_are_not_complete_are_refused(tmp_path: Path, annotations: Path, index: DenseIndex) -> None:
    replace(index, complete=False).write(tmp_path / "dense")
    with pytest.raises(InputError, match="not complete; go on"):
        DenseLabels.open(tmp_path / "dense", annotations)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "holds no dense labels"),
        ("{", "no index"),
        ('{"version": 9}', "version 9"),
        ('{"version": 1, "people": {"a": 1}}', "no index"),
    ],
)
def test_what_is_no_index_is_named(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / INDEX).write_text(text)
    with pytest.raises(InputError, match=message):
        DenseIndex.read(tmp_path)


def test_broken_files_are_named(tmp_path: Path, annotations: Path, index: DenseIndex) -> None:
    index.write(tmp_path)
    labels = DenseLabels.open(tmp_path, annotations)
    with pytest.raises(InputError, match=r"000000000042\.png cannot be read"):
        labels.of(42)
    write_person(tmp_path, 42, np.zeros((9, 8, 3), np.uint8))
    with pytest.raises(InputError, match=r"\(9, 8, 3\), uint8 of \(9, 7, 3\)"):
        labels.of(42)
    person_file(tmp_path, 42).write_bytes(b"no picture")
    with pytest.raises(InputError, match="no picture"):
        labels.of(42)


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, index: DenseIndex, fill_disk: Callable[[], None]) -> None:
    index.write(tmp_path)
    before = (tmp_path / INDEX).read_bytes()
    fill_disk()
    with pytest.raises(OutputError):
        replace(index, complete=False).write(tmp_path)
    with pytest.raises(OutputError):
        write_person(tmp_path, 1, np.zeros((2, 2, 3), np.uint8))
    assert (tmp_path / INDEX).read_bytes() == before
    assert not list((tmp_path / "people").iterdir())


@given(arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_the_window_is_the_smallest(mask: np.ndarray) -> None:
    window = seen_window(mask)
    if window is None:
        assert not mask.any()
        return
    x, y, width, height = window
    inside = mask[y : y + height, x : x + width]
    assert inside.sum() == mask.sum()
    assert all(edge.any() for edge in (inside[0], inside[-1], inside[:, 0], inside[:, -1]))

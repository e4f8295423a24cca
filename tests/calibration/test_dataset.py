"""Calibration sets on disk."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from densepose_mobile.calibration.command import app
from densepose_mobile.calibration.dataset import CalibrationSet, write_calibration_set
from densepose_mobile.calibration.pictures import PictureSources
from densepose_mobile.errors import InputError, OutputError


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(12):
        picture = (rng.random((24, 32, 3)) * 20 * (i + 1)).astype(np.uint8)
        cv2.imwrite(str(folder / f"{i:02d}.png"), picture[..., ::-1])
    return folder


def test_written_sets_are_read_again_exactly(tmp_path: Path, photos: Path) -> None:
    out = tmp_path / "set"
    written = write_calibration_set(PictureSources((photos,)), out, 5, seed=1)
    read = CalibrationSet.open(out)
    assert read == written
    assert len(read) == 5
    originals = {p.name: p.rgb for p in PictureSources((photos,))}
    for chosen, rgb in zip(read.pictures, read, strict=True):
        np.testing.assert_array_equal(rgb, originals[chosen.name])
    assert read.provenance() == {"id": read.id, "pictures": 5, "sources": {"photos": 5}}
    assert not list(tmp_path.glob("*.partial"))


def test_a_set_is_repeatable_and_replaces_an_older_one(tmp_path: Path, photos: Path) -> None:
    out = tmp_path / "set"
    first = write_calibration_set(PictureSources((photos,)), out, 4)
    other = write_calibration_set(PictureSources((photos,)), out, 6, seed=2)
    again = write_calibration_set(PictureSources((photos,)), out, 4)
    assert first.id == again.id != other.id
    assert len(list(out.glob("*.png"))) == 4


def test_other_files_are_never_replaced(tmp_path: Path, photos: Path) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    (out / "thesis.txt").write_text("precious")
    with pytest.raises(OutputError, match="other files"):
        write_calibration_set(PictureSources((photos,)), out, 4)
    assert (out / "thesis.txt").read_text() == "precious"


@pytest.mark.parametrize("damage", ["no manifest", "no JSON", "other schema", "picture changed", "picture missing"])
def test_damaged_sets_are_refused(tmp_path: Path, photos: Path, damage: str) -> None:
    out = tmp_path / "set"
    write_calibration_set(PictureSources((photos,)), out, 3)
    manifest = out / "manifest.json"
    if damage == "no manifest":
        manifest.unlink()
    elif damage == "no JSON":
        manifest.write_text("{")
    elif damage == "other schema":
        manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "schema": 99}))
    elif damage == "picture changed":
        (out / "0001.png").write_bytes(b"x")
    else:
        (out / "0001.png").unlink()
    with pytest.raises(InputError, match="calibrate"):
        CalibrationSet.open(out)


def test_the_command_writes_a_set_and_prints_what_it_holds(tmp_path: Path, photos: Path) -> None:
    result = CliRunner().invoke(app, [str(photos), "--out", str(tmp_path / "set"), "--count", "3"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["sources"] == {"photos": 3}

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from densepose_mobile.cli import demo
from densepose_mobile.cli.main import main
from densepose_mobile.errors import InputError
from densepose_mobile.imaging import load_image

Save = Callable[..., Path]


def test_samples_are_found_without_importing_their_package() -> None:
    pytest.importorskip("skimage")
    astronaut, camera = demo.samples()
    assert load_image(astronaut.path).shape == (512, 512, 3)
    assert load_image(camera.path).shape == (512, 512, 3)
    assert "NASA" in astronaut.credit
    assert "CC0" in camera.credit


def test_a_rendered_picture_joins_where_there_is_one(tmp_path: Path, save: Save) -> None:
    pytest.importorskip("skimage")
    assert len(demo.samples(tmp_path / "missing.jpg")) == 2
    *_, last = demo.samples(save(tmp_path / "group.jpg"))
    assert "rendered" in last.credit


def test_missing_samples_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"densepose-mobile\[demo\]"):
        demo.samples()


def test_own_photos_take_the_samples_place(
    tmp_path: Path, save: Save, model: object, capfd: pytest.CaptureFixture[str]
) -> None:
    photos = [save(tmp_path / "mine.png"), save(tmp_path / "grey.png", np.full((90, 30, 3), 50, np.uint8))]
    out = tmp_path / "out"
    assert main(["demo", *map(str, photos), "--out", str(out)]) == 0
    names = {path.name for path in out.iterdir()}
    assert names == {
        "contact.jpg",
        *(f"{stem}{end}" for stem in ("mine", "grey") for end in (".iuv.png", ".overlay.jpg", ".json")),
    }
    printed = capfd.readouterr().out
    assert "mine.png: 1 person" in printed
    assert "grey.png: 0 people" in printed
    assert str(out / "contact.jpg") in printed
    assert load_image(out / "contact.jpg").shape[1] > 3 * 140


def test_a_bad_photo_is_named(tmp_path: Path, save: Save, model: object, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    good = save(tmp_path / "good.png")
    assert main(["demo", str(tmp_path / "bad.jpg"), str(good), "--out", str(tmp_path / "out")]) == 1
    assert "bad.jpg is not a picture" in capfd.readouterr().err
    assert (tmp_path / "out" / "contact.jpg").exists()

"""Whatever one gives it, the SDK answers rightly or says what is wrong: the API and the command line side by side.

The shipped bundle is used where there is one; a stand-in that sees somebody in the middle of any picture, everywhere.
"""

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from densepose_mobile import BundleError, DensePose, DensePoseError, HashMismatch, InputError, OutputError
from densepose_mobile.bundle import Bundle, Manifest, registered, write_bundle
from densepose_mobile.cli import predict as command
from densepose_mobile.cli.main import main
from densepose_mobile.cli.outputs import write_atomically
from densepose_mobile.imaging import load_image
from densepose_mobile.spec import GraphSpec, ModelSpec

SPEC = ModelSpec()


class CentreGraph:
    """Sees one person in the middle of whatever it is given."""

    def __init__(self, spec: GraphSpec) -> None:
        self.spec = spec

    def __call__(self, *inputs: np.ndarray) -> tuple[np.ndarray, ...]:
        outputs = {tensor.name: np.zeros(tensor.shape, np.float32) for tensor in self.spec.outputs}
        if self.spec.name == "detect":
            cells = SPEC.detect_size // SPEC.level_strides[-1]
            middle = SPEC.num_locations - cells**2 + cells // 2 * cells + cells // 2
            outputs["scores"] -= 9.0
            outputs["scores"][0, middle] = 3.0
            outputs["boxes"][0, middle] = 3.0
            return tuple(outputs.values())
        size = SPEC.map_size
        y, x = (np.mgrid[:size, :size] + 0.5) / size - 0.5
        outputs["foreground"][:] = (20 * (0.45 - np.hypot(x, y)))[None, ..., None]
        outputs["parts"][..., 1] = 5.0
        outputs["u"][:], outputs["v"][:] = (y + 0.5)[None, ..., None], (x + 0.5)[None, ..., None]
        if "presence" in outputs:
            outputs["presence"][:] = 4.0
        return tuple(outputs.values())


class CentreRuntime:
    name = "centre"

    def load(self, spec: GraphSpec, model: bytes) -> CentreGraph:
        return CentreGraph(spec)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A well-formed bundle with graphs that no runtime could read."""
    path = tmp_path_factory.mktemp("bundle") / "tiny.dpm"
    graphs = dict.fromkeys([graph.name for graph in SPEC.graphs()], os.urandom(80_000))
    write_bundle(path, Manifest("tiny", "0", "litert-int8", SPEC, "atlas"), graphs, {"detect/image": np.zeros(4)})
    return path


@pytest.fixture(params=["stand-in", "shipped"])
def model(request: pytest.FixtureRequest, tiny: Path, monkeypatch: pytest.MonkeyPatch) -> DensePose:
    """Also what `densepose-mobile predict` gets."""
    if request.param == "shipped":
        if "small" not in registered():
            pytest.skip("no bundle is shipped yet")
        loaded = request.getfixturevalue("shipped_model")
    else:
        loaded = DensePose(Bundle.open(tiny), CentreRuntime())
    monkeypatch.setattr(command, "load_model", lambda *_: loaded)
    return loaded


@pytest.fixture(scope="session")
def shipped_model() -> DensePose:
    pytest.importorskip("ai_edge_litert")
    return DensePose.load()


def write(path: Path, rgb: np.ndarray, *options: int) -> Path:
    path.write_bytes(cv2.imencode(path.suffix, np.ascontiguousarray(rgb[..., ::-1]), options)[1].tobytes())
    return path


def person(height: int = 240, width: int = 180) -> np.ndarray:
    """(H, W, 3) uint8: something like a person before something like a wall."""
    picture = np.full((height, width, 3), (170, 175, 180), np.uint8)
    h, w = height / 240, width / 180
    cv2.ellipse(picture, (int(90 * w), int(50 * h)), (int(18 * w), int(24 * h)), 0, 0, 360, (200, 150, 120), -1)
    cv2.rectangle(picture, (int(60 * w), int(75 * h)), (int(120 * w), int(150 * h)), (40, 60, 140), -1)
    cv2.rectangle(picture, (int(64 * w), int(150 * h)), (int(88 * w), int(230 * h)), (60, 60, 60), -1)
    cv2.rectangle(picture, (int(94 * w), int(150 * h)), (int(118 * w), int(230 * h)), (60, 60, 60), -1)
    return picture


def check(result: Any, height: int, width: int) -> None:
    """That a result is sound, whoever is in it."""
    assert (result.height, result.width) == (height, width)
    iuv = result.iuv()
    assert iuv.shape == (height, width, 3)
    assert iuv[..., 0].max(initial=0) <= 24
    for found in result:
        assert 0 <= found.score <= 1
        assert found.part.any()
        for values in (found.uv, found.confidence):
            assert np.isfinite(values).all()
            assert values.min() >= 0
            assert values.max() <= 1


REFUSED = {
    "text named .jpg": ("note.jpg", b"dear diary, today", "not a picture"),
    "HEIC": ("phone.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200), "convert it to JPEG"),
    "HEIC named .jpg": ("phone.jpg", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200), "convert it to JPEG"),
    "empty file": ("nothing.png", b"", "empty"),
    "cut JPEG": ("cut.jpg", cv2.imencode(".jpg", person())[1].tobytes()[:1500], "breaks off"),
    "cut PNG": ("cut.png", cv2.imencode(".png", person())[1].tobytes()[:700], "damaged or incomplete"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_files(model: DensePose, tmp_path: Path, case: str, capfd: pytest.CaptureFixture[str]) -> None:
    name, data, word = REFUSED[case]
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InputError, match=word):
        model.predict(path)
    capfd.readouterr()
    assert main(["predict", str(path), "--out", str(tmp_path / "out")]) == 1
    printed = capfd.readouterr().err
    assert word in printed
    assert name in printed
    assert "Traceback" not in printed
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (60, 12000), (12000, 60)], ids=lambda size: "x".join(map(str, size)))
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_sizes(model: DensePose, tmp_path: Path, size: tuple[int, int], suffix: str) -> None:
    path = write(tmp_path / f"p{suffix}", np.full((*size, 3), 128, np.uint8))
    check(model.predict(path), *size)
    assert main(["predict", str(path), "--out", str(tmp_path / "out"), "--draw", "parts,uv,contour,boxes"]) == 0
    assert load_image(tmp_path / "out" / "p.iuv.png").shape[:2] == size


def test_twelve_thousand_pixels(model: DensePose, tmp_path: Path) -> None:
    path = write(tmp_path / "wide.jpg", cv2.resize(person(), (12000, 500)))
    result = model.predict(path, mode="fast")
    check(result, 500, 12000)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif(model: DensePose, tmp_path: Path, orientation: int) -> None:
    """Whichever way the camera was held, the result lies on the upright picture, and is the same one."""
    upright = person()
    turned = {1: 0, 2: 0, 3: 2, 4: 2, 5: 1, 6: 1, 7: -1, 8: -1}[orientation]
    stored = np.rot90(upright if orientation in (1, 3, 6, 8) else upright[:, ::-1], turned)
    if orientation in (5, 7):
        assert stored.shape == (180, 240, 3)
    path = write(tmp_path / "p.jpg", stored, cv2.IMWRITE_JPEG_QUALITY, 100)
    exif = b"Exif\0\0II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:])
    loaded = load_image(path)
    assert loaded.shape == upright.shape
    assert np.abs(loaded.astype(int) - upright).mean() < 4
    result = model.predict(path)
    check(result, 240, 180)
    np.testing.assert_array_equal(result.iuv(), model.predict(loaded).iuv())


LAYOUTS: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "grey (H, W)": ("gray", lambda rgb: rgb[..., 0]),
    "grey (H, W, 1)": ("gray", lambda rgb: rgb[..., :1]),
    "RGBA": ("rgba", lambda rgb: np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])),
    "BGRA": ("bgra", lambda rgb: np.dstack([rgb[..., ::-1], np.full(rgb.shape[:2], 255, np.uint8)])),
    "BGR": ("bgr", lambda rgb: rgb[..., ::-1]),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_array_layouts(model: DensePose, layout: str) -> None:
    color, arrange = LAYOUTS[layout]
    rgb = person()
    array = arrange(rgb)
    result = model.predict(array, color=color)
    check(result, 240, 180)
    plain = np.repeat(rgb[..., :1], 3, 2) if color == "gray" else rgb
    np.testing.assert_array_equal(result.iuv(), model.predict(plain).iuv())
    if color in ("gray", "rgba", "bgra"):
        with pytest.raises(InputError, match="expects uint8"):
            model.predict(array)


@pytest.mark.parametrize(
    "bad",
    [
        np.zeros((0, 0, 3), np.uint8),
        np.zeros((8, 8, 3)),
        np.full((8, 8, 3), np.nan, np.float32),
        np.zeros((3, 8, 8), np.uint8),
        np.zeros((2, 8, 8, 3), np.uint8),
        np.array("text"),
        None,
        17,
    ],
    ids=str,
)
def test_arrays_that_are_no_pictures(model: DensePose, bad: Any) -> None:
    with pytest.raises(InputError):
        model.predict(bad)


def test_grey_and_rgba_files(model: DensePose, tmp_path: Path) -> None:
    rgb = person()
    for name, array in {"grey": rgb[..., 0], "rgba": np.dstack([rgb, rgb[..., 0]])}.items():
        path = tmp_path / f"{name}.png"
        path.write_bytes(cv2.imencode(".png", array)[1].tobytes())
        check(model.predict(path), 240, 180)
        assert main(["predict", str(path), "--out", str(tmp_path / "out")]) == 0


def test_an_empty_folder(model: DensePose, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="folder"):
        model.predict(tmp_path / "empty")
    assert main(["predict", str(tmp_path / "empty"), "--out", str(tmp_path / "out")]) == 1
    assert "holds no picture" in capfd.readouterr().err


@pytest.mark.parametrize("protected", ["by permission", "by a file in the way"])
def test_a_read_only_folder(
    model: DensePose, tmp_path: Path, protected: str, capfd: pytest.CaptureFixture[str]
) -> None:
    photo = write(tmp_path / "p.png", person())
    out = tmp_path / "out"
    if protected == "by permission":
        if os.geteuid() == 0:
            pytest.skip("root may write everywhere")
        out.mkdir(mode=0o555)
    else:
        out.write_bytes(b"")
    assert main(["predict", str(photo), "--out", str(out)]) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"error: cannot write into {out}")


def test_a_disk_that_fills_up(
    model: DensePose, tmp_path: Path, fill_disk: Callable[[], None], capfd: pytest.CaptureFixture[str]
) -> None:
    photo = write(tmp_path / "p.png", person())
    fill_disk()
    assert main(["predict", str(photo), "--out", str(tmp_path / "out")]) == 1
    assert "No space left" in capfd.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []
    with pytest.raises(OutputError):
        write_atomically(tmp_path / "x.json", b"{}")


def corrupt(data: bytes) -> dict[str, bytes]:
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 255
    return {
        "empty": b"",
        "text": b"hello",
        "cut": data[: len(data) // 2],
        "cut at the end": data[:-1],
        "a bit changed": bytes(flipped),
        "another zip": b"PK\x05\x06" + bytes(18),
    }


@pytest.mark.parametrize("case", corrupt(bytes(100)))
def test_corrupt_bundles(tiny: Path, tmp_path: Path, case: str, capfd: pytest.CaptureFixture[str]) -> None:
    data = corrupt(tiny.read_bytes())[case]
    path = tmp_path / "bad.dpm"
    path.write_bytes(data)
    with pytest.raises(HashMismatch if case == "a bit changed" else BundleError):
        DensePose.load(path)
    with pytest.raises(BundleError):
        DensePose.load(data)
    photo = write(tmp_path / "p.png", person())
    for arguments in (
        ["predict", str(photo), "--out", str(tmp_path / "out"), "--model", str(path)],
        ["info", str(path)],
    ):
        assert main(arguments) == 1
        (line,) = capfd.readouterr().err.splitlines()
        assert line.startswith("error: ")
        assert "bad.dpm" in line
    assert list((tmp_path / "out").iterdir()) == []


def test_graphs_that_no_runtime_reads(tiny: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ai_edge_litert")
    with pytest.raises(DensePoseError):
        DensePose.load(tiny)
    photo = write(tmp_path / "p.png", person())
    assert main(["predict", str(photo), "--out", str(tmp_path / "out"), "--model", str(tiny)]) == 1
    assert "Traceback" not in capfd.readouterr().err


def test_what_is_written_is_what_was_predicted(model: DensePose, tmp_path: Path) -> None:
    path = write(tmp_path / "p.png", person())
    assert main(["predict", str(path), "--out", str(tmp_path / "out")]) == 0
    result = model.predict(path)
    np.testing.assert_array_equal(load_image(tmp_path / "out" / "p.iuv.png"), result.iuv())
    record = json.loads((tmp_path / "out" / "p.json").read_text())
    assert record["people"] == result.as_dict()["people"]

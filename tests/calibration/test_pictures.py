"""Sources of calibration pictures, and the refusal of eval-only data."""

import io
import json
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from densepose_mobile.calibration.pictures import PictureSources
from densepose_mobile.errors import InputError


def _write(path: Path, value: int, size: tuple[int, int] = (20, 30)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((*size, 3), (0, value, 0), np.uint8))


def _shard(path: Path, values: list[int]) -> None:
    with tarfile.open(path, "w") as tar:
        for i, value in enumerate(values):
            _, data = cv2.imencode(".png", np.full((8, 8, 3), (0, 0, value), np.uint8))
            for suffix, content in (("png", data.tobytes()), ("json", b"{}")):
                info = tarfile.TarInfo(f"{i:03d}.{suffix}")
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))


def test_sources_are_read_in_order_as_rgb_and_again(tmp_path: Path) -> None:
    _write(tmp_path / "photos" / "b.png", 200)
    _write(tmp_path / "photos" / "deep" / "a.png", 100)
    _shard(tmp_path / "shard.tar", [10, 20])
    sources = PictureSources((tmp_path / "photos", tmp_path / "shard.tar"))
    seen = [(p.name, p.source, tuple(int(v) for v in p.rgb[0, 0])) for p in sources]
    assert seen == [
        ("b.png", "photos", (0, 200, 0)),
        ("a.png", "photos", (0, 100, 0)),
        ("shard.tar:000.png", "shard.tar", (10, 0, 0)),
        ("shard.tar:001.png", "shard.tar", (20, 0, 0)),
    ]
    assert [p.name for p in sources] == [name for name, _, _ in seen]


def test_limit_holds_for_each_source_and_large_pictures_shrink(tmp_path: Path) -> None:
    for name in "ab":
        for i in range(3):
            _write(tmp_path / name / f"{i}.png", i, (100, 50))
    pictures = list(PictureSources((tmp_path / "a", tmp_path / "b"), longest=40, limit=2))
    assert [p.source for p in pictures] == ["a", "a", "b", "b"]
    assert {p.rgb.shape for p in pictures} == {(40, 20, 3)}


@pytest.mark.parametrize("kind", ["missing", "empty", "damaged shard", "no picture in the shard"])
def test_unusable_sources_are_named(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "source"
    if kind == "empty":
        path.mkdir()
    elif kind != "missing":
        path = tmp_path / "source.tar"
        if kind == "damaged shard":
            path.write_bytes(b"not a tar")
        else:
            with tarfile.open(path, "w") as tar:
                info = tarfile.TarInfo("0.jpg")
                info.size = 4
                tar.addfile(info, io.BytesIO(b"oops"))
    with pytest.raises(InputError, match="source"):
        list(PictureSources((path,)))


def test_sources_with_eval_only_pictures_are_refused(tmp_path: Path) -> None:
    _write(tmp_path / "mixed" / "bad.png", 2)
    _write(tmp_path / "clean" / "good.png", 3)
    uses = {"mixed/bad.png": "eval-only", "clean/good.png": "train"}
    manifest = {"files": [{"path": path, "use": use} for path, use in uses.items()]}
    (tmp_path / "MANIFEST.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError, match="mixed is marked"):
        list(PictureSources((tmp_path / "mixed",)))
    # The file is refused even where its folder is not listed by that name.
    with pytest.raises(InputError, match=r"bad\.png"):
        list(PictureSources((tmp_path,)))
    assert len(list(PictureSources((tmp_path / "clean",)))) == 1

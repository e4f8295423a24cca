import json
from pathlib import Path

import pytest

from densepose_mobile.errors import AssetError
from densepose_mobile.train.data.assets import asset_file, asset_folder


def folder_with(root: Path, content: bytes = b"avatar") -> Path:
    import hashlib

    (root / "poses").mkdir(parents=True)
    (root / "poses" / "a.npz").write_bytes(content)
    entry = {
        "path": "poses/a.npz",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "use": "train",
    }
    (root / "MANIFEST.json").write_text(json.dumps({"files": [entry]}))
    return root


def test_option_wins_over_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = folder_with(tmp_path / "a"), folder_with(tmp_path / "b")
    monkeypatch.setenv("DENSEPOSE_MOBILE_ASSETS", str(first))
    assert asset_folder() == first.resolve()
    assert asset_folder(second) == second.resolve()


def test_missing_folder_names_the_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DENSEPOSE_MOBILE_ASSETS", str(tmp_path / "nowhere"))
    with pytest.raises(AssetError, match=r"nowhere.*DENSEPOSE_MOBILE_ASSETS"):
        asset_folder()
    with pytest.raises(AssetError, match="no MANIFEST"):
        asset_folder(tmp_path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    root = folder_with(tmp_path / "a")
    assert asset_file(root, "poses/a.npz").is_file()
    with pytest.raises(AssetError, match=r"b\.npz is missing"):
        asset_file(root, "poses/b.npz")

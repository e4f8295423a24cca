import json
from pathlib import Path

import pytest

from densepose_mobile.errors import AssetError
from densepose_mobile.train.data.assets import asset_file, asset_folder, asset_use, verify_assets


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


def test_verify_finds_changed_and_missing_files(tmp_path: Path) -> None:
    root = folder_with(tmp_path / "a")
    assert verify_assets(root) == 1
    (root / "poses" / "a.npz").write_bytes(b"Avatar")
    with pytest.raises(AssetError, match="sha256"):
        verify_assets(root)
    (root / "poses" / "a.npz").unlink()
    with pytest.raises(AssetError, match=r"a\.npz is missing"):
        verify_assets(root)


def test_missing_file_and_unlisted_use(tmp_path: Path) -> None:
    root = folder_with(tmp_path / "a")
    assert asset_use(root, "poses/a.npz") == "train"
    with pytest.raises(AssetError, match="not listed"):
        asset_use(root, "poses/b.npz")
    with pytest.raises(AssetError, match=r"b\.npz is missing"):
        asset_file(root, "poses/b.npz")

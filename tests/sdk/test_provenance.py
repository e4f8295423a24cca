"""What data may be used for, as its manifests and READMEs state it."""

import json
from pathlib import Path

import pytest

from densepose_mobile.errors import InputError
from densepose_mobile.provenance import declared_use, refuse_eval_only


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_manifest_says_which_files_are_eval_only(tmp_path: Path) -> None:
    uses = {"mixed/good.png": "train", "mixed/bad.png": "eval-only", "clean/good.png": "train"}
    for name in uses:
        put(tmp_path / name)
    manifest = {"files": [{"path": path, "use": use} for path, use in uses.items()]}
    (tmp_path / "MANIFEST.json").write_text(json.dumps(manifest))
    assert declared_use(tmp_path / "mixed" / "good.png") == "train"
    assert declared_use(tmp_path / "clean") == "train"
    for path in ("mixed/bad.png", "mixed"):
        with pytest.raises(InputError, match="eval-only"):
            refuse_eval_only(tmp_path / path)
    refuse_eval_only(tmp_path / "clean")


def test_readme_above_says_that_a_folder_is_eval_only(tmp_path: Path) -> None:
    picture = put(tmp_path / "set" / "images" / "0.png")
    assert declared_use(picture) is None
    (tmp_path / "set" / "README.md").write_text("# A set\n\nText. **Use: eval-only. Never train on it.**\n")
    for path in (picture, picture.parent):
        with pytest.raises(InputError, match="eval-only"):
            refuse_eval_only(path)
    (tmp_path / "set" / "images" / "README.md").write_text("**Use: train.**\n")
    assert declared_use(picture.parent) == "train"


def test_use_is_followed_through_a_link(tmp_path: Path) -> None:
    put(tmp_path / "set" / "0.png")
    (tmp_path / "set" / "README.md").write_text("Use: eval-only.")
    (tmp_path / "elsewhere").symlink_to(tmp_path / "set")
    with pytest.raises(InputError, match="eval-only"):
        refuse_eval_only(tmp_path / "elsewhere")

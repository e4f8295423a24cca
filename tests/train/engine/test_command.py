from pathlib import Path

import pytest
from typer.testing import CliRunner

from densepose_mobile.errors import InputError, OutputError
from densepose_mobile.train.engine.checkpoint import CHECKPOINT_NAME
from densepose_mobile.train.engine.command import app
from densepose_mobile.train.engine.recipe import recipe_from
from densepose_mobile.train.engine.trainer import RunPaths, train


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.yaml"
    path.write_text("name: tiny\n")
    return path


def test_a_run_is_not_overwritten_by_mistake(tmp_path: Path, recipe: Path) -> None:
    out = tmp_path / "run"
    out.mkdir()
    (out / CHECKPOINT_NAME).write_bytes(b"precious")
    outcome = CliRunner().invoke(app, [str(recipe), "--data", str(tmp_path), "--out", str(out)])
    assert isinstance(outcome.exception, OutputError)
    assert "--resume" in str(outcome.exception)
    assert (out / CHECKPOINT_NAME).read_bytes() == b"precious"


def test_resuming_nothing_is_an_error(tmp_path: Path, recipe: Path) -> None:
    outcome = CliRunner().invoke(
        app, [str(recipe), "--data", str(tmp_path), "--out", str(tmp_path / "run"), "--resume"]
    )
    assert isinstance(outcome.exception, InputError)
    assert "nothing to resume" in str(outcome.exception)


def test_nothing_to_train_on_is_an_error(tmp_path: Path, recipe: Path) -> None:
    outcome = CliRunner().invoke(app, [str(recipe), "--out", str(tmp_path / "run")])
    assert isinstance(outcome.exception, InputError)
    assert "nothing to train on" in str(outcome.exception)
    assert not (tmp_path / "run").exists()
    dense = ["--photo-dense", str(tmp_path)]
    outcome = CliRunner().invoke(app, [str(recipe), "--data", str(tmp_path), "--out", str(tmp_path / "run"), *dense])
    assert outcome.exit_code == 2


def test_missing_assets_are_named_before_anything_is_trained(tmp_path: Path) -> None:
    paths = RunPaths(tmp_path, tmp_path / "run", assets=tmp_path / "nowhere")
    with pytest.raises(Exception, match="nowhere"):
        train(recipe_from({"name": "tiny"}), paths, resume=False)

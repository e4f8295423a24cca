"""The staged Android project, used by itself: the installed package is hidden from the process that tries it."""

import configparser
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from densepose_mobile.apps.camera.android import stage
from densepose_mobile.apps.camera.android.staging import P4A_RELEASE, RECIPES
from densepose_mobile.bundle import Bundle, Manifest, write_bundle
from densepose_mobile.errors import BundleError, OutputError
from densepose_mobile.spec import ModelSpec

ALONE = """
import sys
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in getattr(finder, "__module__", "")]
sys.path.insert(0, {folder!r})
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return stage(tmp_path_factory.mktemp("android") / "project", "small-fp16")


def run_alone(project: Path, code: str) -> str:
    script = ALONE.format(folder=str(project)) + code
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_staged_tree_predicts_by_itself(project: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    printed = run_alone(
        project,
        "import numpy as np, main, densepose_mobile\n"
        "assert densepose_mobile.__file__.startswith(sys.path[0]), densepose_mobile.__file__\n"
        "from densepose_mobile import DensePose\n"
        "from densepose_mobile.apps.camera.controller import Controller\n"
        "settings = main.settings()\n"
        "result = DensePose.load(settings.model, backend=settings.backend).predict(np.zeros((64, 48, 3), np.uint8))\n"
        "print(result.height, result.width)\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "assert not loaded & {'torch', 'kivy', 'typer', 'rich'}, loaded\n",
    )
    assert printed.split() == ["64", "48"]


def test_the_staged_source_works_by_itself(project: Path) -> None:
    code = (
        "import main\nfrom densepose_mobile.apps.camera.sources import open_source\n"
        "print(*open_source(main.settings().source).picture(0).shape)"
    )
    assert run_alone(project, code).split()[2] == "3"


def test_pictures_and_cameras_need_no_later_opencv_than_the_recipe_has(project: Path, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((4, 6, 3), (0, 0, 200), np.uint8))
    printed = run_alone(
        project,
        "import cv2\n"
        "for owner, name in ((cv2, 'IMREAD_COLOR_RGB'), (cv2.utils, 'logging')):\n"  # 4.5.1 has neither
        "    vars(owner).pop(name, None)\n"
        "from densepose_mobile.apps.camera.sources import Choice, open_source\n"
        "from densepose_mobile.errors import InputError\n"
        "from densepose_mobile.imaging import load_image\n"
        f"print(load_image({str(tmp_path / 'a.png')!r})[0, 0].tolist())\n"
        "try:\n"
        "    open_source(Choice('camera', '93'))\n"
        "except InputError as error:\n"
        "    print(error)\n",
    )
    assert printed.splitlines()[0] == "[200, 0, 0]"
    assert "camera 93 does not open" in printed


def test_training_and_conversion_stay_behind(project: Path) -> None:
    for name in ("train", "convert", "calibration", "metrics"):
        run_alone(
            project,
            f"from importlib.util import find_spec\nassert find_spec('densepose_mobile.{name}') is None, '{name}'",
        )
    assert [path.name for path in project.rglob("*.dpm")] == ["model.dpm"]
    assert sum(path.stat().st_size for path in project.rglob("*") if path.is_file()) < 20e6
    assert not list(project.rglob("*.pyc")) or not list(project.rglob("train"))


def test_buildozer_is_told_pinned_versions(project: Path) -> None:
    spec = configparser.ConfigParser()
    spec.read(project / "buildozer.spec", "utf-8")
    app = spec["app"]
    wanted = dict(entry.split("==") for entry in app["requirements"].split(","))
    assert wanted == RECIPES
    assert all(re.fullmatch(r"\d+(\.\d+)+", number) for number in wanted.values())
    assert app["p4a.branch"] == P4A_RELEASE
    assert app["android.permissions"] == "CAMERA"
    suffixes = {path.suffix.lstrip(".") for path in (project / "densepose_mobile").rglob("*.*") if path.is_file()}
    assert suffixes - {"pyc", "md"} <= set(app["source.include_exts"].split(","))


def test_the_readme_says_that_no_apk_was_built(project: Path) -> None:
    text = (project / "README.md").read_text("utf-8")
    assert "No APK of it has been built" in text
    assert "litert-fp16" in text
    assert "$" not in text.replace("$ANDROID", "")


def test_what_cannot_be_staged_is_told(tmp_path: Path, project: Path) -> None:
    with pytest.raises(OutputError, match="not empty"):
        stage(project, "small")
    with pytest.raises(BundleError, match="no-such"):
        stage(tmp_path / "new", "no-such")
    spec = ModelSpec()
    path = tmp_path / "other.dpm"
    manifest = Manifest("other", "1", "onnx-fp32", spec, "no atlas")
    write_bundle(path, manifest, {graph.name: b"x" for graph in spec.graphs()}, {})
    assert Bundle.open(path).manifest.family == "onnx"
    with pytest.raises(BundleError, match=r"onnx-fp32.*run litert"):
        stage(tmp_path / "new", path)
    assert not (tmp_path / "new").exists()

"""Laying out what buildozer builds an APK of: main.py, the package without training and conversion, one bundle."""

import shutil
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from string import Template
from typing import Final

import densepose_mobile
from densepose_mobile import apps
from densepose_mobile.bundle import BUNDLE_SUFFIX, Bundle, registered
from densepose_mobile.cli.outputs import prepare_folder, write_atomically
from densepose_mobile.errors import BundleError, OutputError

__all__ = ["FAMILY", "P4A_RELEASE", "RECIPES", "STAGED_BUNDLE", "stage"]

RECIPES: Final = {
    "hostpython3": "3.11.5",
    "python3": "3.11.5",
    "kivy": "2.3.1",
    "numpy": "1.22.3",
    "opencv": "4.5.1",
    "tflite-runtime": "2.8.0",
}
"""Recipes of python-for-android and their versions, as the release has them (Kivy newer: its recipe takes any)."""

P4A_RELEASE: Final = "v2024.01.21"

FAMILY: Final = "litert"
"""Target family that the recipes can run."""

STAGED_BUNDLE: Final = f"model{BUNDLE_SUFFIX}"
_LEFT_OUT: Final = ("train", "convert", "calibration", "models", "metrics", "__pycache__")
_TEMPLATES: Final = ("main.py", "buildozer.spec", "README.md")


def stage(folder: Path, model: str | Path) -> Path:
    """Write the project.

    folder: made, or must be empty. model: a bundle of the family `FAMILY`: path, or the name of a shipped one.
    Returns the folder. Raises OutputError for a folder that is not empty or cannot be written, BundleError for a bundle
    that the phone could not run.
    """
    bundle = Bundle.open(str(model))
    data = registered().get(str(model), Path(model)).read_bytes()
    if bundle.manifest.family != FAMILY:
        raise BundleError(
            f"{bundle.source} is {bundle.manifest.target}, but the Android recipes run {FAMILY}: give such a bundle"
        )
    if folder.exists() and any(folder.iterdir()):
        raise OutputError(f"{folder} is not empty: choose a new folder for the Android project")
    prepare_folder(folder)
    package = folder / "densepose_mobile"
    try:
        _copy_package(package)
        (package / "models").mkdir()
        (package / "models" / "__init__.py").write_text('"""Bundles that this app ships: one."""\n', "utf-8")
    except OSError as error:
        raise OutputError(f"cannot write {package} ({error.strerror or error}): free some room") from error
    write_atomically(package / "models" / STAGED_BUNDLE, data)
    values = {
        "version": version("densepose-mobile"),
        "requirements": ",".join(f"{name}=={number}" for name, number in RECIPES.items()),
        "release": P4A_RELEASE,
        "bundle": Path(STAGED_BUNDLE).stem,
        "target": bundle.manifest.target,
    }
    templates = resources.files("densepose_mobile.apps.camera.android.templates")
    for name in _TEMPLATES:
        text = Template((templates / f"{name}.in").read_text("utf-8")).substitute(values)
        write_atomically(folder / name, text.encode())
    return folder


def _copy_package(target: Path) -> None:
    """The installed package: in a source tree each folder of it lies elsewhere, so they are copied one by one."""
    for source, there, left_out in (
        (densepose_mobile, target, (*_LEFT_OUT, "apps")),
        (apps, target / "apps", ("android", "ios", "vectors", "__pycache__")),
    ):
        shutil.copytree(Path(source.__path__[0]), there, ignore=shutil.ignore_patterns(*left_out, "*.pyc"))

"""Where the asset folder is, and its files."""

import hashlib
import os
from pathlib import Path
from typing import Final

from densepose_mobile.errors import AssetError

__all__ = ["asset_file", "asset_folder", "asset_stamp"]

_VARIABLE: Final = "DENSEPOSE_MOBILE_ASSETS"
_MANIFEST: Final = "MANIFEST.json"


def asset_folder(option: str | Path | None = None) -> Path:
    """Folder of the data assets: `option`, else $DENSEPOSE_MOBILE_ASSETS, else ../shared/assets beside the repository.

    Raises AssetError when the folder or its MANIFEST.json is not there.
    """
    variable = os.environ.get(_VARIABLE)
    if option is not None:
        folder, source = Path(option), "the --assets option"
    elif variable:
        folder, source = Path(variable), f"${_VARIABLE}"
    else:
        folder, source = Path(__file__).resolve().parents[2].parent / "shared" / "assets", "the default place"
    if not folder.is_dir():
        raise AssetError(f"no asset folder at {folder} (from {source}); give --assets FOLDER or set {_VARIABLE}")
    if not (folder / _MANIFEST).is_file():
        raise AssetError(
            f"{folder} (from {source}) has no {_MANIFEST}, so it is no asset folder; set {_VARIABLE} to one"
        )
    return folder.resolve()


def asset_file(assets: Path, name: str) -> Path:
    """Path of the asset `name` (relative, with /) in the folder `assets`; AssetError when it is missing."""
    path = assets / name
    if not path.is_file():
        raise AssetError(f"asset {name} is missing in {assets}; copy it again, {_MANIFEST} lists what belongs there")
    return path


def asset_stamp(assets: Path) -> str:
    """Eight hexadecimal digits that change when the manifest does: part of the name of whatever is cached."""
    return hashlib.sha256(asset_file(assets, _MANIFEST).read_bytes()).hexdigest()[:8]

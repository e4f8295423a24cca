"""Where the asset folder is, and whether its files are what its manifest says."""

import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from densepose_mobile.errors import AssetError

__all__ = ["ASSET_FOLDERS", "asset_file", "asset_folder", "asset_stamp", "asset_use", "verify_assets"]

ASSET_FOLDERS: Final = ("valid_avatars", "poses", "mh_clothes", "hdri", "backgrounds", "photos_train")
"""Folders that training data is made from."""

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


@lru_cache(maxsize=4)
def _manifest(assets: Path) -> dict[str, dict[str, Any]]:
    path = asset_file(assets, _MANIFEST)
    try:
        entries = json.loads(path.read_text())["files"]
        return {entry["path"]: entry for entry in entries}
    except (ValueError, KeyError, TypeError) as error:
        raise AssetError(f"{path} is no manifest ({error}); copy it again") from error


def asset_stamp(assets: Path) -> str:
    """Eight hexadecimal digits that change when the manifest does: part of the name of whatever is cached."""
    return hashlib.sha256(asset_file(assets, _MANIFEST).read_bytes()).hexdigest()[:8]


def asset_use(assets: Path, name: str) -> str:
    """What the manifest allows the asset `name` to be used for: "train" or "eval-only"."""
    entry = _manifest(assets).get(name)
    if entry is None:
        raise AssetError(f"asset {name} is not listed in {assets / _MANIFEST}; only listed files may be used")
    return str(entry["use"])


def verify_assets(assets: Path, prefixes: tuple[str, ...] = ASSET_FOLDERS) -> int:
    """Compare size and sha256 of every listed file under `prefixes` with the manifest; return how many were compared.

    Raises AssetError that names the files that are missing or differ (the first five) and the mend.
    """
    chosen = [entry for name, entry in _manifest(assets).items() if name.split("/", 1)[0] in prefixes]
    if not chosen:
        raise AssetError(f"{assets / _MANIFEST} lists nothing under {', '.join(prefixes)}; copy the asset folder again")
    wrong = [problem for problem in (_compare(assets, entry) for entry in chosen) if problem]
    if wrong:
        shown = "; ".join(wrong[:5]) + (f"; and {len(wrong) - 5} more" if len(wrong) > 5 else "")
        raise AssetError(f"{len(wrong)} of {len(chosen)} assets in {assets} are wrong: {shown}; copy them again")
    return len(chosen)


def _compare(assets: Path, entry: dict[str, Any]) -> str | None:
    path = assets / entry["path"]
    if not path.is_file():
        return f"{entry['path']} is missing"
    data = path.read_bytes()
    if len(data) != entry["bytes"]:
        return f"{entry['path']} has {len(data)} bytes instead of {entry['bytes']}"
    if hashlib.sha256(data).hexdigest() != entry["sha256"]:
        return f"{entry['path']} differs from its sha256"
    return None

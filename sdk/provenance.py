"""What a picture may be used for: nothing that is marked eval-only may shape a model, not even its quantisation."""

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from densepose_mobile.errors import InputError

__all__ = ["declared_use", "refuse_eval_only"]

_MANIFEST: Final = "MANIFEST.json"
_README: Final = "README.md"
_STATEMENT: Final = re.compile(r"\buse:\s*(eval-only|train)\b", re.IGNORECASE)


def declared_use(path: Path) -> str | None:
    """The use that the data states for a file or folder: "eval-only", "train", another word, or None if it says none.

    Asked in this order: every MANIFEST.json above it that lists it (or, for a folder, a file in it), then the nearest
    README.md above it with a sentence "Use: ...". A folder with one eval-only file is eval-only.
    """
    path = path.resolve()
    folders = (path, *path.parents) if path.is_dir() else tuple(path.parents)
    for folder in folders:
        use = _manifest_use(folder / _MANIFEST, path)
        if use is not None:
            return use
    for folder in folders:
        use = _readme_use(folder / _README)
        if use is not None:
            return use
    return None


def refuse_eval_only(path: Path) -> None:
    """Raise InputError when the data says that `path` is for evaluation only."""
    use = declared_use(path)
    if use is not None and use.startswith("eval"):
        raise InputError(
            f"{path} is marked {use!r}: a model must not be shaped by what it is measured with. Give training "
            "pictures instead, for example rendered shards or photos_train"
        )


def _manifest_use(manifest: Path, path: Path) -> str | None:
    if not manifest.is_file():
        return None
    name = path.relative_to(manifest.parent).as_posix()
    uses = _listed(manifest)
    if name in uses:
        return uses[name]
    below = {use for entry, use in uses.items() if name != "." and entry.startswith(name + "/")}
    return next((use for use in sorted(below) if use.startswith("eval")), min(below, default=None))


@lru_cache(maxsize=8)
def _listed(manifest: Path) -> dict[str, str]:
    try:
        entries: list[dict[str, Any]] = json.loads(manifest.read_text())["files"]
        return {str(entry["path"]): str(entry["use"]) for entry in entries if "use" in entry}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}  # some other project's MANIFEST.json


def _readme_use(readme: Path) -> str | None:
    if not readme.is_file():
        return None
    text = readme.read_text(errors="replace").replace("*", "")
    found = _STATEMENT.search(text)
    return found.group(1).lower() if found else None

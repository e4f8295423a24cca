"""Labels of a folder of shards: its surface set, seen through the packaged atlas."""

from pathlib import Path

from densepose_mobile.atlas import Atlas
from densepose_mobile.errors import InputError
from densepose_mobile.train.atlas.labels import SurfaceLabels
from densepose_mobile.train.data.shards import SURFACES_NAME
from densepose_mobile.train.data.surfaces import SurfaceSet

__all__ = ["folder_labels"]


def folder_labels(shards: Path) -> SurfaceLabels:
    """Labels of the surfaces that shards were drawn with: those of a folder, or one shard in it.

    Raises:
        InputError: there is no surfaces.npz beside the shards.
    """
    path = (shards if shards.is_dir() else shards.parent) / SURFACES_NAME
    if not path.is_file():
        raise InputError(f"{path} is missing: it belongs beside the shards; render them with `data render --out DIR`")
    return SurfaceLabels.build(Atlas.load(), SurfaceSet.load(path))

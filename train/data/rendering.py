"""Rendering many pictures: worker processes make chunks of pictures, one process writes the shards in order."""

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from densepose_mobile.errors import DensePoseError
from densepose_mobile.train.data.ingredients import Ingredients
from densepose_mobile.train.data.light import Split
from densepose_mobile.train.data.people import PeopleFactory
from densepose_mobile.train.data.records import encode
from densepose_mobile.train.data.render import Renderer
from densepose_mobile.train.data.shards import SURFACES_NAME, ShardFolder, ShardManifest
from densepose_mobile.train.data.surfaces import SurfaceSet

__all__ = ["RenderJob", "Sample", "chunks", "open_folder", "render_chunk", "render_shards", "write_shards"]

_CHUNK: Final = 8
_log = logging.getLogger(__name__)

Sample = tuple[str, dict[str, bytes]]


@dataclass(frozen=True)
class RenderJob:
    """What to render: all that decides the pictures."""

    assets: Path
    split: Split = "train"
    seed: int = 0
    size: int = 320  # px
    ingredients: Ingredients = field(default_factory=Ingredients)

    def surfaces(self) -> SurfaceSet:
        """The surface set whose faces the pictures will show."""
        return PeopleFactory(self.assets, self.split).surfaces

    def renderer(self) -> Renderer:
        """A renderer with the people of the split."""
        people = PeopleFactory(self.assets, self.split, self.ingredients)
        offset = people.surfaces.face_offset
        return Renderer(self.assets, people, offset, self.split, self.seed, self.size, self.ingredients)


_renderer: Renderer | None = None


def _start(make: Callable[[], Renderer]) -> None:
    global _renderer
    _renderer = make()


def _render(indices: range) -> list[Sample]:
    assert _renderer is not None
    return render_chunk(_renderer, indices)


def render_chunk(renderer: Renderer, indices: range) -> list[Sample]:
    """Key and encoded members of some pictures."""
    samples = []
    for index in indices:
        try:
            picture = renderer.picture(index)
            samples.append((picture.key, encode(picture)))
        except DensePoseError:
            raise
        except Exception as error:
            raise RuntimeError(f"picture {index} could not be rendered: {error!r}") from error
    return samples


def chunks(plan: list[tuple[int, int]]) -> list[range]:
    """What workers make at a time of the shards of a plan, in order."""
    return [range(at, min(at + _CHUNK, end)) for first, end in plan for at in range(first, end, _CHUNK)]


def render_shards(
    make: Callable[[], Renderer],
    folder: ShardFolder,
    count: int,
    workers: int = 1,
    on_progress: Callable[[int], None] = lambda done: None,
) -> int:
    """Render what of the first `count` pictures is not in the folder yet; return how many were rendered.

    make: picklable; makes each worker's renderer. on_progress is told the number of pictures just finished.
    The pictures do not depend on `workers`. Shards that are finished stay when the run is stopped.
    """
    plan = folder.plan(count)
    if not plan:
        return 0
    jobs = chunks(plan)
    if workers <= 1:
        _start(make)
        return write_shards(plan, map(_render, jobs), folder, on_progress)
    # One thread a worker: they share the cores already.
    before = {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    os.environ.update(dict.fromkeys(before, "1"))
    try:
        context = multiprocessing.get_context("spawn")
        with context.Pool(workers, initializer=_start_worker, initargs=(make,)) as pool:
            return write_shards(plan, pool.imap(_render, jobs), folder, on_progress)
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _start_worker(make: Callable[[], Renderer]) -> None:
    import cv2

    cv2.setNumThreads(1)
    _start(make)


def write_shards(
    plan: list[tuple[int, int]],
    results: Iterator[list[Sample]],
    folder: ShardFolder,
    on_progress: Callable[[int], None],
) -> int:
    """Write the shards of a plan from the samples of its `chunks`, in order; return how many pictures were written."""
    done = 0
    for first, end in plan:
        samples: list[Sample] = []
        while len(samples) < end - first:
            chunk = next(results)
            samples += chunk
            done += len(chunk)
            on_progress(len(chunk))
        path = folder.write(first, end, samples)
        _log.info("wrote %s", path)
    return done


def open_folder(out: Path, job: RenderJob, surfaces: SurfaceSet, shard_size: int) -> ShardFolder:
    """The output folder with manifest and surface set; InputError when it holds pictures of other settings."""
    manifest = ShardManifest(surfaces.id, job.split, job.seed, job.size, shard_size, job.ingredients.left_out)
    folder = ShardFolder(out, manifest)
    if not (out / SURFACES_NAME).exists():
        surfaces.save(out / SURFACES_NAME)
    return folder

"""Rendering on a Ray cluster: actors make chunks of pictures, this process writes the shards in order.

Pictures follow from seed and index alone, so that what a lost worker was making is made again by another. Every node
needs the asset folder at the same path, and this package with the extra `train`.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from densepose_mobile.errors import InputError
from densepose_mobile.train.data.render import Renderer
from densepose_mobile.train.data.rendering import Sample, chunks, render_chunk, write_shards
from densepose_mobile.train.data.shards import ShardFolder

__all__ = ["render_on_cluster"]

_AHEAD: Final = 3  # chunks that each worker has been asked for


class _Worker:
    """A renderer in a process of its own somewhere on the cluster."""

    def __init__(self, make: Callable[[], Renderer]) -> None:
        import cv2

        cv2.setNumThreads(1)
        self._renderer = make()

    def render(self, first: int, end: int) -> list[Sample]:
        return render_chunk(self._renderer, range(first, end))


def render_on_cluster(
    make: Callable[[], Renderer],
    folder: ShardFolder,
    count: int,
    workers: int,
    address: str = "local",
    on_progress: Callable[[int], None] = lambda done: None,
) -> int:
    """As `rendering.render_shards`, by `workers` actors of the Ray cluster at `address`.

    address: "local" starts a cluster on this machine; "auto" finds the running one; else host:port or ray://host:port.

    Raises InputError when Ray is not installed, or there is no cluster at the address.
    """
    try:
        import ray
    except ImportError as error:
        raise InputError("rendering on a cluster needs Ray; pip install 'densepose-mobile[cluster]'") from error
    plan = folder.plan(count)
    if not plan:
        return 0
    try:
        here = {"num_cpus": workers} if address == "local" else {}
        ray.init(address, include_dashboard=False, log_to_driver=False, logging_level="warning", **here)
    except (ConnectionError, ValueError) as error:
        raise InputError(f"no Ray cluster answers at {address!r} ({error}); start one or give --ray local") from error
    try:
        actor = ray.remote(_Worker).options(num_cpus=1, max_restarts=-1, max_task_retries=-1)
        actors = [actor.remote(make) for _ in range(workers)]
        return write_shards(plan, _in_order(ray, actors, chunks(plan)), folder, on_progress)
    finally:
        ray.shutdown()


def _in_order(ray: Any, actors: Sequence[Any], jobs: Sequence[range]) -> Iterator[list[Sample]]:
    """The samples of each job; whoever finishes one is asked for the next."""
    waiting = deque(enumerate(jobs))
    asked: dict[Any, tuple[int, Any]] = {}
    done: dict[int, Any] = {}
    for actor in [actor for _ in range(_AHEAD) for actor in actors]:
        if waiting:
            number, job = waiting.popleft()
            asked[actor.render.remote(job.start, job.stop)] = number, actor
    for wanted in range(len(jobs)):
        while wanted not in done:
            (reference,), _ = ray.wait(list(asked), num_returns=1)
            number, actor = asked.pop(reference)
            done[number] = reference
            if waiting:
                following, job = waiting.popleft()
                asked[actor.render.remote(job.start, job.stop)] = following, actor
        yield ray.get(done.pop(wanted))

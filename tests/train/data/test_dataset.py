from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch

from densepose_mobile.errors import InputError
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.data import dataset
from densepose_mobile.train.data.annotated import AnnotatedPhotos
from densepose_mobile.train.data.dataset import Batch, BatchPlan, RenderedBatches
from densepose_mobile.train.data.export import export_coco
from densepose_mobile.train.data.samples import MAX_PEOPLE, Augmentation
from densepose_mobile.train.data.targets import Labeller

SPEC = ModelSpec(detect_size=64, track_size=96)
PLAN = BatchPlan(whole=2, crops=3, buffer=4)


def stream(folder: Path, labels: Labeller, **fields: object) -> RenderedBatches:
    values = {"seed": 0, "reads": {}, **fields}
    return RenderedBatches(folder, SPEC, PLAN, Augmentation(), lambda folder: labels, **values)  # type: ignore[arg-type]


def test_batches_have_their_shapes(tmp_path: Path, shard: Callable[..., None], plain_labels: Labeller) -> None:
    shard(tmp_path / "a.tar", range(8))
    batch = next(iter(stream(tmp_path, plain_labels)))
    shapes = {name: tuple(value.shape) for name, value in batch.items() if isinstance(value, torch.Tensor)}
    assert shapes == {
        "whole_image": (2, 64, 64, 3),
        "whole_labels": (2, 64, 64, 4),
        "whole_boxes": (2, MAX_PEOPLE, 4),
        "whole_kinds": (2, MAX_PEOPLE),
        "whole_points": (2, 0, 6),
        "whole_keypoints": (2, MAX_PEOPLE, 17, 3),
        "crop_image": (3, 96, 96, 3),
        "crop_maps": (3, 3, 56, 56),
        "crop_presence": (3,),
        "crop_box": (3, 4),
        "crop_keypoints": (3, 17, 3),
        "crop_photo": (3,),
    }
    assert batch["pictures"] >= 4


def test_same_seed_gives_the_same_stream(tmp_path: Path, shard: Callable[..., None], plain_labels: Labeller) -> None:
    shard(tmp_path / "a.tar", range(6))
    first, second, other = (list(islice(stream(tmp_path, plain_labels, seed=seed), 3)) for seed in (1, 1, 2))
    assert all(torch.equal(a["crop_image"], b["crop_image"]) for a, b in zip(first, second, strict=True))
    assert not all(torch.equal(a["crop_image"], b["crop_image"]) for a, b in zip(first, other, strict=True))


def test_fresh_shards_come_first_and_reads_are_told(
    tmp_path: Path, shard: Callable[..., None], plain_labels: Labeller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "_OPEN_SHARDS", 1)
    for i, name in enumerate("abc"):
        shard(tmp_path / f"{name}.tar", range(4 * i, 4 * i + 4))
    finished: list[str] = []
    for batch in stream(tmp_path, plain_labels, reads={"a.tar": 2, "c.tar": 1}):
        finished += batch["finished"]
        if "d.tar" not in finished and len(finished) == 2 and not (tmp_path / "d.tar").exists():
            shard(tmp_path / "d.tar", range(20, 24))  # appears while the stream runs
        if len(finished) >= 5:
            break
    assert finished[:2] == ["b.tar", "c.tar"] or finished[:2] == ["b.tar", "b.tar"]
    assert "d.tar" in finished


def test_broken_shard_is_left_out(tmp_path: Path, shard: Callable[..., None], plain_labels: Labeller) -> None:
    (tmp_path / "bad.tar").write_bytes(b"not a tar" * 300)
    shard(tmp_path / "good.tar", range(6))
    batches = list(islice(stream(tmp_path, plain_labels), 3))
    assert len(batches) == 3


def test_empty_folder_is_an_error(tmp_path: Path, plain_labels: Labeller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "_PATIENCE", 0.0)
    with pytest.raises(InputError, match="no shard"):
        next(iter(stream(tmp_path, plain_labels)))


def test_photos_alone_are_enough(tmp_path: Path, shard: Callable[..., None], plain_labels: Labeller) -> None:
    shard(tmp_path / "a.tar", range(4))
    path = export_coco(tmp_path / "a.tar", tmp_path / "coco", plain_labels, dense=tmp_path / "dense")
    points = AnnotatedPhotos(path, tmp_path / "coco" / "images")

    def batches(photos: AnnotatedPhotos) -> list[Batch]:
        plan = BatchPlan(whole=0, crops=3, buffer=4, photos=0.0)
        stream = RenderedBatches(None, SPEC, plan, Augmentation(), lambda folder: plain_labels, 0, photos=photos)
        return list(islice(stream, 3))

    sparse, dense = batches(points), batches(replace(points, dense=tmp_path / "dense"))
    for poor, rich in zip(sparse, dense, strict=True):  # nothing but the labels differs
        assert torch.equal(poor["crop_image"], rich["crop_image"])
        assert torch.equal(poor["crop_maps"][:, 0] > 0, rich["crop_maps"][:, 0] > 0)
    known = [torch.cat([batch["crop_maps"][:, 0] for batch in some]) <= 24 for some in (sparse, dense)]
    assert known[1].all()
    assert not known[0].all()


def test_nothing_to_train_on_is_an_error(plain_labels: Labeller) -> None:
    with pytest.raises(InputError, match="nothing to train on"):
        next(iter(RenderedBatches(None, SPEC, PLAN, Augmentation(), lambda folder: plain_labels, 0)))


def test_folders_within_are_labelled_on_their_own(
    tmp_path: Path, shard: Callable[..., None], plain_labels: Labeller
) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        shard(tmp_path / name / "a.tar", range(4))
    asked: list[Path] = []

    def labels(folder: Path) -> Labeller:
        asked.append(folder)
        return plain_labels

    finished: set[str] = set()
    for batch in RenderedBatches(tmp_path, SPEC, PLAN, Augmentation(), labels, 0):
        finished |= set(batch["finished"])
        if len(finished) == 2:
            break
    assert sorted(asked) == [tmp_path / "first", tmp_path / "second"]
    assert finished == {"first/a.tar", "second/a.tar"}

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import densepose_mobile.train.recipes as recipes
from densepose_mobile.atlas import Atlas
from densepose_mobile.errors import InputError
from densepose_mobile.metrics import PictureScore, TruthPicture, read_coco
from densepose_mobile.spec import ModelSpec
from densepose_mobile.train.data.annotated import AnnotatedPhotos
from densepose_mobile.train.data.export import export_coco
from densepose_mobile.train.data.targets import Labeller
from densepose_mobile.train.engine import contenders, worth
from densepose_mobile.train.engine.given_boxes import true_boxes
from densepose_mobile.train.engine.recipe import Recipe, load_recipe
from densepose_mobile.train.engine.task import STUDENT_NAME
from densepose_mobile.train.engine.trainer import RunPaths
from densepose_mobile.train.models.student import Student
from densepose_mobile.train.models.weights import save_student


def scores(overlap: float) -> list[PictureScore]:
    rng = np.random.default_rng(0)
    people = rng.integers(1, 4, 40).tolist()
    return [
        PictureScore(f"{n}.jpg", {"recall": (count, count), "mask_iou": (overlap * count, count)})
        for n, count in enumerate(people)
    ]


def test_seeds_are_merged_picture_by_picture() -> None:
    merged = worth.merge_seeds([scores(0.2), scores(0.6)])
    assert len(merged) == 40
    first = scores(1.0)[0].sums["mask_iou"][1]
    assert merged[0].sums["mask_iou"] == pytest.approx((0.8 * first, 2 * first))


def test_the_table_says_what_is_better_than_the_first() -> None:
    rows = worth.table({"plain": scores(0.2), "rich": scores(0.6)})
    assert rows["plain"]["mask_iou"]["value"] == 0.2
    assert "more" not in rows["plain"]["mask_iou"]
    more = rows["rich"]["mask_iou"]["more"]
    assert more["value"] == more["low"] == pytest.approx(0.4)


@pytest.mark.parametrize("finds", [False, True])
def test_a_student_is_judged_on_annotated_pictures(
    tmp_path: Path,
    shard: Callable[..., None],
    plain_labels: Labeller,
    monkeypatch: pytest.MonkeyPatch,
    finds: bool,
) -> None:
    shard(tmp_path / "a.tar", range(2))
    export_coco(tmp_path / "a.tar", tmp_path / "coco", plain_labels)
    torch.manual_seed(0)
    student = Student(ModelSpec(detect_size=64, track_size=96, feature_channels=8), head_width=8)
    pictures = read_coco(tmp_path / "coco" / "annotations.json").pictures
    given: list[TruthPicture] = []
    monkeypatch.setattr(worth, "true_boxes", lambda picture: given.append(picture) or true_boxes(picture))
    judged = worth.judge(student, pictures, tmp_path / "coco" / "images", Atlas.load(), finds)
    assert [score.file_name for score in judged] == [picture.file_name for picture in pictures]
    assert len(given) == (0 if finds else len(pictures))


def test_data_that_is_not_named_as_it_should_be_is_refused(tmp_path: Path) -> None:
    for entries in (["runs/a"], ["a=x", "a=y"]):
        with pytest.raises(InputError, match="NAME=FOLDER"):
            contenders.rendered_data(entries)
    for entries in (["runs/a:b"], ["a=x:y", "a=y:z"], ["a=x"], ["a=x:"], ["a=x:y:z:w"]):
        with pytest.raises(InputError, match=r"NAME=ANNOTATIONS:IMAGES\[:DENSE\]"):
            contenders.annotated_data(entries)
    here = dict.fromkeys(("recipe", "photos", "photo_images", "synthetic", "synthetic_images", "runs", "out"), tmp_path)
    with pytest.raises(InputError, match="a is named"):
        worth._main(data=["a=x"], annotated=["a=x:y"], run=None, seeds=1, **here)
    with pytest.raises(InputError, match="nothing is named"):
        worth._main(data=None, annotated=None, run=None, seeds=1, **here)


def test_annotated_data_says_what_it_is_made_of(
    tmp_path: Path, shard: Callable[..., None], plain_labels: Labeller
) -> None:
    shard(tmp_path / "a.tar", range(2))
    path = export_coco(tmp_path / "a.tar", tmp_path / "coco", plain_labels, dense=tmp_path / "dense")
    where = f"{path}:{tmp_path / 'coco' / 'images'}"
    kinds = contenders.annotated_data([f"points={where}", f"truth={where}:{tmp_path / 'dense'}"])
    assert kinds["points"].photos == AnnotatedPhotos(path, tmp_path / "coco" / "images")
    about = {name: data.describe() for name, data in kinds.items()}
    assert about["points"]["annotations"] == about["truth"]["annotations"]
    assert "dense" not in about["points"]
    assert about["truth"]["dense"] == {"made_by": {"truth": "rendered"}, "people": 4, "agreement": {}}


def test_ways_to_teach_have_recipes_teachers_and_photos(tmp_path: Path) -> None:
    shards, recipe, teacher = tmp_path / "shards", tmp_path / "probe.yaml", tmp_path / "teacher.safetensors"
    recipe.write_text("name: short")
    teacher.write_bytes(b"weights")
    entries = [f"none={recipe}", f"taught={recipe}:{teacher}", f"photos={recipe}::a.json:photos"]
    kinds = contenders.taught_data(entries, shards)
    assert {own.shards for own in kinds.values()} == {shards}
    assert [own.teacher for own in kinds.values()] == [None, teacher, None]
    assert kinds["photos"].photos == AnnotatedPhotos(Path("a.json"), Path("photos"))
    about = contenders.TrainingData(teacher=teacher, recipe=recipe).describe()
    assert about["recipe"] == "short"
    assert about["teacher"]["file"] == "teacher.safetensors"
    for wrong in ("recipe.yaml", "a=", "a=x:y:z", "a=x:y::z", "a=x:y:z:w:v"):
        with pytest.raises(InputError, match=r"NAME=RECIPE\[:TEACHER\[:ANNOTATIONS:IMAGES\]\]"):
            contenders.taught_data([wrong], shards)


def test_only_runs_of_equal_length_are_compared(tmp_path: Path) -> None:
    for name, steps in (("short", 10), ("long", 20)):
        (tmp_path / name).write_text(f"name: {name}\noptimisation:\n  max_steps: {steps}")
    here = dict.fromkeys(("photos", "photo_images", "synthetic", "synthetic_images", "runs", "out"), tmp_path)
    run = [f"a={tmp_path / 'short'}", f"b={tmp_path / 'long'}"]
    with pytest.raises(InputError, match="unequal length"):
        worth._main(recipe=None, data=["x=y"], annotated=None, run=run, **here)
    with pytest.raises(InputError, match="one --data, not of 2"):
        worth._main(recipe=None, data=["x=y", "z=y"], annotated=None, run=run, **here)
    with pytest.raises(InputError, match="x has no recipe"):
        worth._main(recipe=None, data=["x=y"], annotated=None, run=None, **here)


def test_what_was_trained_on_is_not_measured(
    tmp_path: Path, shard: Callable[..., None], plain_labels: Labeller
) -> None:
    shard(tmp_path / "a.tar", range(2))
    path = export_coco(tmp_path / "a.tar", tmp_path / "coco", plain_labels)
    images, pictures = tmp_path / "coco" / "images", read_coco(path).pictures
    seen = {"own": contenders.TrainingData(photos=AnnotatedPhotos(path, images))}
    with pytest.raises(InputError, match="own is trained on 2 of the measured photos"):
        contenders.refuse_seen(seen, pictures, images)
    contenders.refuse_seen(seen, pictures, tmp_path)  # others of the same names


def test_the_probe_is_short_and_sees_no_photos() -> None:
    plan = load_recipe(Path(recipes.__file__).parent / "probe.yaml")
    assert plan.batch.photos == 0
    assert plan.optimisation.cooldown_steps < plan.optimisation.max_steps <= 1000


def test_runs_begin_with_the_weights_that_are_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = []

    def train(recipe: Recipe, paths: RunPaths, resume: bool) -> None:
        begun.append(paths.init)
        save_student(paths.out / STUDENT_NAME, Student(ModelSpec(detect_size=64, track_size=96), 8), {"step": 900})

    monkeypatch.setattr(worth, "train", train)
    plan, first = load_recipe(Path(recipes.__file__).parent / "probe.yaml"), tmp_path / "v1-1.safetensors"
    first.write_bytes(b"weights")
    data, out = contenders.TrainingData(), tmp_path / "run"
    for _ in range(2):  # what is there is not made again
        worth._student(plan, data, out, first)
    assert begun == [first]
    (tmp_path / "teacher").write_bytes(b"weights")
    taught = contenders.TrainingData(teacher=tmp_path / "teacher")
    for other in ((replace(plan, seed=7), data, first), (plan, taught, first), (plan, data, None)):
        with pytest.raises(InputError, match="another recipe or other data"):
            worth._student(other[0], other[1], out, other[2])
    assert begun == [first]


def test_measurements_of_other_pictures_are_made_anew(
    tmp_path: Path, shard: Callable[..., None], plain_labels: Labeller, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard(tmp_path / "a.tar", range(3))
    path = export_coco(tmp_path / "a.tar", tmp_path / "coco", plain_labels)
    asked = []

    def judge(student: Student, pictures: Sequence[TruthPicture], *_: object) -> list[PictureScore]:
        asked.append([picture.file_name for picture in pictures])
        return [PictureScore(picture.file_name, {"recall": (1.0, 1.0)}) for picture in pictures]

    monkeypatch.setattr(worth, "judge", judge)
    student = Student(ModelSpec(detect_size=64, track_size=96, feature_channels=8), head_width=8)
    for limit, finds in ((2, False), (2, False), (3, False), (3, True)):
        truth = worth._Truth.read(path, path.parent / "images", limit=limit)
        (kept,) = worth._measured(student, {"photos": truth}, Atlas.load(), finds, tmp_path / "run").values()
        assert [score.file_name for score in kept] == [picture.file_name for picture in truth.pictures]
    assert [len(names) for names in asked] == [2, 3, 3]


def test_the_table_holds_the_weights_that_runs_began_with(
    tmp_path: Path, shard: Callable[..., None], plain_labels: Labeller, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard(tmp_path / "a.tar", range(2))
    seen, path = (export_coco(tmp_path / "a.tar", tmp_path / name, plain_labels) for name in ("seen", "coco"))
    plan = tmp_path / "short.yaml"
    plan.write_text("name: short\nbatch:\n  whole: 0\noptimisation:\n  max_steps: 1")
    student = Student(ModelSpec(detect_size=64, track_size=96, feature_channels=8), head_width=8)
    save_student(tmp_path / "first.safetensors", student, {"step": 0})

    def train(recipe: Recipe, paths: RunPaths, resume: bool) -> None:
        paths.out.mkdir(parents=True, exist_ok=True)
        torch.nn.init.constant_(student.dense_head.outputs["foreground"].bias, 9.0)
        save_student(paths.out / STUDENT_NAME, student, {"step": 1})

    def judge(student: Student, *_: object) -> list[PictureScore]:
        return scores(0.6 if student.dense_head.outputs["foreground"].bias.item() > 0 else 0.2)

    monkeypatch.setattr(worth, "train", train)
    monkeypatch.setattr(worth, "judge", judge)
    here = {"photos": path, "synthetic": path}
    here |= dict.fromkeys(("photo_images", "synthetic_images"), tmp_path / "coco" / "images")
    begin, out = str(tmp_path / "first.safetensors"), tmp_path / "table.json"
    here |= {
        "runs": tmp_path / "runs",
        "out": out,
        "begin": begin,
        "annotated": [f"own={seen}:{seen.parent / 'images'}"],
    }
    worth._main(recipe=plan, data=None, run=None, subset=None, seeds=2, limit=2, **here)
    table = json.loads(out.read_text())
    assert len(set(table["begun_from"].values())) == 1
    for kind in ("photos", "synthetic"):
        rows = table[kind]
        assert list(rows) == ["own", "before"]
        assert rows["before"]["mask_iou"]["value"] == 0.2
        assert rows["before"]["mask_iou"]["more"]["value"] == pytest.approx(-0.4)

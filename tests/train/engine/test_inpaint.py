import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from densepose_mobile.errors import InputError
from densepose_mobile.imaging import load_image
from densepose_mobile.metrics import TruthPerson, TruthPicture
from densepose_mobile.metrics.segmentation import encode_rle
from densepose_mobile.metrics.similarity import Distances
from densepose_mobile.parts import COARSE_NAMES, FINE_TO_COARSE, PART_NAMES
from densepose_mobile.train.data.annotated import AnnotatedPhotos, annotated_scene
from densepose_mobile.train.data.command import app
from densepose_mobile.train.data.dense_labels import DenseIndex, DenseLabels, file_hash, person_file
from densepose_mobile.train.data.export import export_coco
from densepose_mobile.train.data.person_crops import CropPlan
from densepose_mobile.train.data.targets import Labeller
from densepose_mobile.train.engine import inpaint
from densepose_mobile.train.engine.agreement import agreement
from densepose_mobile.train.engine.inpaint import fill_in, inpaint_people
from densepose_mobile.train.engine.inpaint_task import INPAINTING_NAME
from densepose_mobile.train.engine.recipe import Evaluation, InpaintingPlan, Optimisation, Recipe
from densepose_mobile.train.engine.trainer import RunPaths, train
from densepose_mobile.train.models.inpainting import InpaintingNet, load_inpainting, save_inpainting


@pytest.fixture(scope="module")
def net() -> InpaintingNet:
    torch.manual_seed(0)
    net = InpaintingNet(width=8, crop_size=64)
    torch.nn.init.normal_(net.output.weight, std=1.0)  # speaks its mind, whatever that is
    return net.eval()


@pytest.fixture
def photos(tmp_path: Path, shard: Callable[..., None], plain_labels: Labeller) -> AnnotatedPhotos:
    shard(tmp_path / "a.tar", range(3))
    path = export_coco(tmp_path / "a.tar", tmp_path / "coco", plain_labels, dense=tmp_path / "true")
    return AnnotatedPhotos(path, tmp_path / "coco" / "images")


def test_part_masks_are_obeyed(net: InpaintingNet) -> None:
    mask = np.zeros((120, 90), bool)
    mask[10:110, 20:70] = True
    upper, lower = np.zeros((2, 256, 256), bool)
    upper[:100], lower[150:] = True, True
    codes: list[object] = [[]] * 14
    codes[COARSE_NAMES.index("head") - 1], codes[COARSE_NAMES.index("left foot") - 1] = map(encode_rle, (upper, lower))
    person = TruthPerson.from_mask(1, mask, coarse_masks=codes)
    rgb = np.random.default_rng(0).integers(0, 256, (120, 90, 3)).astype(np.uint8)
    iuv = fill_in(net, annotated_scene(TruthPicture(1, "a.jpg", 120, 90, (person,)), rgb))
    assert iuv.shape == (100, 50, 3)
    assert (iuv[..., 0] > 0).all()
    coarse = FINE_TO_COARSE[iuv[..., 0]]
    assert (coarse[:39] == COARSE_NAMES.index("head")).all()
    assert (iuv[59:, :, 0] == PART_NAMES.index("left foot")).all()
    told = [COARSE_NAMES.index("head"), COARSE_NAMES.index("left foot")]
    assert not np.isin(coarse[41:57], told).all()  # where the masks say nothing, anything may be


def test_a_torso_known_to_show_its_front_shows_its_front(net: InpaintingNet) -> None:
    mask = np.ones((100, 60), bool)
    joints = np.zeros((17, 3), np.float32)
    joints[[5, 6, 12, 11]] = (50, 20, 2), (10, 20, 2), (15, 80, 2), (45, 80, 2)
    person = TruthPerson.from_mask(1, mask, keypoints=joints)
    picture = TruthPicture(1, "a.jpg", 100, 60, (person,))
    iuv = fill_in(net, annotated_scene(picture, np.zeros((100, 60, 3), np.uint8)))
    assert iuv[50, 30, 0] == PART_NAMES.index("torso front")


def test_large_people_are_filled_in_piece_by_piece(net: InpaintingNet, monkeypatch: pytest.MonkeyPatch) -> None:
    mask = np.ones((70, 50), bool)
    scene = annotated_scene(
        TruthPicture(1, "a.jpg", 70, 50, (TruthPerson.from_mask(1, mask),)), np.zeros((70, 50, 3), np.uint8)
    )
    whole = fill_in(net, scene)
    monkeypatch.setattr(inpaint, "_AT_ONCE", 333)
    np.testing.assert_array_equal(fill_in(net, scene), whole)


def test_everybody_is_written_and_a_stopped_run_goes_on(
    net: InpaintingNet, photos: AnnotatedPhotos, tmp_path: Path
) -> None:
    out = tmp_path / "dense"
    whole = inpaint_people(net, "abc", photos, photos.pictures(), tmp_path / "whole")

    def stop() -> None:
        if len(list((out / "people").iterdir())) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        inpaint_people(net, "abc", photos, photos.pictures(), out, stop)
    with pytest.raises(InputError, match="not complete"):
        DenseLabels.open(out, photos.annotations)
    written = {path: path.stat().st_mtime_ns for path in (out / "people").iterdir()}
    dense = inpaint_people(net, "abc", photos, photos.pictures(), out)
    assert all(path.stat().st_mtime_ns == before for path, before in written.items())
    assert dense.index == whole.index == DenseLabels.open(out, photos.annotations).index
    assert sorted(dense.index.people) == [1, 2, 3, 4, 5, 6]
    for person in dense.index.people:
        assert person_file(out, person).read_bytes() == person_file(tmp_path / "whole", person).read_bytes()
    filled = replace(photos, dense=out)
    picture = filled.pictures()[0]
    scene = annotated_scene(picture, load_image(photos.images / picture.file_name), filled.open_dense())
    assert (scene.labels[scene.labels[..., 3] > 0, 0] <= 24).all()


def test_labels_of_another_file_or_model_are_not_mixed(
    net: InpaintingNet, photos: AnnotatedPhotos, tmp_path: Path
) -> None:
    inpaint_people(net, "abc", photos, photos.pictures(), tmp_path / "dense")
    with pytest.raises(InputError, match=r"made_by.*abc.*not.*def.*--out"):
        inpaint_people(net, "def", photos, photos.pictures(), tmp_path / "dense")
    photos.annotations.write_text(photos.annotations.read_text() + " ")
    with pytest.raises(InputError, match=r"annotations.*--out"):
        inpaint_people(net, "abc", photos, photos.pictures(), tmp_path / "dense")


def test_people_who_cannot_be_filled_in_are_named_and_the_others_are(
    net: InpaintingNet, photos: AnnotatedPhotos, tmp_path: Path
) -> None:
    content = json.loads(photos.annotations.read_text())
    content["images"][0]["width"] += 1  # its photo is narrower than that
    first = content["images"][0]["id"]
    for entry in content["annotations"]:
        if entry["image_id"] == first:
            entry["segmentation"] = [[1, 1, 40, 1, 40, 40]]
    photos.annotations.write_text(json.dumps(content))
    (photos.images / content["images"][1]["file_name"]).write_bytes(b"no picture")
    dense = inpaint_people(net, "abc", photos, photos.pictures(), tmp_path / "dense")
    assert sorted(dense.index.people) == [5, 6]
    assert len(dense.index.left_out) == 4
    assert "annotation 1 of picture 000000.jpg: 000000.jpg is 128 x 128 px" in dense.index.left_out[0]
    assert "annotation 3 of picture 000001.jpg" in dense.index.left_out[2]
    assert DenseIndex.read(tmp_path / "dense").complete


def test_true_labels_agree_with_all_points_and_others_with_fewer(
    net: InpaintingNet, photos: AnnotatedPhotos, tmp_path: Path, flat_geodesics: Distances
) -> None:
    true = DenseLabels.open(tmp_path / "true", photos.annotations)
    pictures = photos.pictures()
    best = agreement(true, pictures, 5, flat_geodesics)
    assert best["taught"]["points"] > 3 * best["kept_back"]["points"] > 0
    for figures in best.values():
        assert figures["part"] == figures["labelled"] == 1
        assert figures["uv_error"] < 0.003
        assert figures["gps"] > 0.99
    worse = agreement(
        inpaint_people(net, "abc", photos, photos.pictures(), tmp_path / "dense"), pictures, None, flat_geodesics
    )
    assert worse["taught"] == {"points": 0}
    assert worse["kept_back"]["points"] == best["taught"]["points"] + best["kept_back"]["points"]
    assert worse["kept_back"]["labelled"] == 1
    assert worse["kept_back"]["gps"] < 0.9
    assert agreement(true, pictures, 0, flat_geodesics)["kept_back"] == {"points": 0}


def test_the_command_goes_from_points_to_labels(photos: AnnotatedPhotos, tmp_path: Path) -> None:
    recipe = Recipe(
        name="tiny",
        task="inpainting",
        inpainting=InpaintingPlan(width=8, kept_back=4, checked_people=2, crops=CropPlan(size=64, batch=2)),
        optimisation=Optimisation(warmup_steps=1, max_steps=2),
        evaluation=Evaluation(every_steps=2, log_every_steps=1),
    )
    torch.manual_seed(0)
    save_inpainting(tmp_path / "first.safetensors", InpaintingNet(8, 64), {})
    paths = RunPaths(None, tmp_path / "run", init=tmp_path / "first.safetensors", photos=photos)
    train(recipe, paths, resume=False)
    model = tmp_path / "run" / INPAINTING_NAME
    assert "kept_back/gps" in load_inpainting(model)[1]["metrics"]
    arguments = ["inpaint", str(photos.annotations), str(photos.images), "--model", str(model)]

    outcome = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "dense")], catch_exceptions=False)
    assert outcome.exit_code == 0
    figures = json.loads(outcome.stdout)
    assert figures["taught"]["points"] > 2 * figures["kept_back"]["points"] > 0
    index = DenseLabels.open(tmp_path / "dense", photos.annotations).index
    assert (index.agreement, index.made_by) == (figures, {"model": file_hash(model)})

    next(photos.images.iterdir()).write_bytes(b"no picture")
    outcome = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "other")], catch_exceptions=False)
    assert outcome.exit_code == 1
    assert len(DenseIndex.read(tmp_path / "other").left_out) == 2

import io
import json
import tarfile

import numpy as np
import pytest

from densepose_mobile.errors import InputError, OutputError
from densepose_mobile.metrics import BASELINES, EvaluationOptions, evaluate, read_coco
from densepose_mobile.metrics.keypoints import PARTS_AT_KEYPOINT
from densepose_mobile.metrics.traits import PersonTraits
from densepose_mobile.results import DensePoseResult, Person
from densepose_mobile.train.data.dense_labels import DenseLabels
from densepose_mobile.train.data.export import export_coco
from densepose_mobile.train.data.records import PersonTruth, Picture, decode, encode, iter_samples

BLOCK = 20
HEIGHT, WIDTH = 130, 240


class Faces:
    """Face number is the part, barycentric weights are U and V."""

    def iuv(self, face, barycentric):
        return face.astype(np.uint8), np.moveaxis(barycentric, -1, 0).astype(np.float32)


class Sheet:
    """Distance in UV, and a metre more when the parts differ."""

    def geodesic(self, part_a, uv_a, part_b, uv_b):
        apart = np.where((part_a == 0) | (part_b == 0), np.inf, part_a != part_b)
        return (np.linalg.norm(uv_a - uv_b, axis=0) + apart).astype(np.float32)

    def keypoint_distance(self, keypoint, part, uv):
        return np.where(PARTS_AT_KEYPOINT[keypoint, part], 0, np.where(part == 0, np.inf, 1)).astype(np.float32)


def body(left, top):
    """A quilt of one block a keypoint: each a part that meets there, with the keypoint in its middle."""
    part = np.zeros((HEIGHT, WIDTH), np.int32)
    keypoints = np.zeros((17, 3), np.float32)
    for index in range(17):
        row, column = top + BLOCK * (index // 5), left + BLOCK * (index % 5)
        limb_or_head = np.flatnonzero(PARTS_AT_KEYPOINT[index])
        part[row : row + BLOCK, column : column + BLOCK] = limb_or_head[limb_or_head > 2][-1]
        keypoints[index] = column + BLOCK / 2 + 0.25, row + BLOCK / 2 + 0.25, 2
    return part, keypoints


def picture(key, seed):
    rng = np.random.default_rng(seed)
    face = np.full((HEIGHT, WIDTH), -1, np.int32)
    instance = np.zeros((HEIGHT, WIDTH), np.uint8)
    people = []
    for index, (left, top) in enumerate([(5, 15), (110, 40), (3, 2)], 1):
        part, keypoints = body(left, top)
        if index == 3:  # 12 pixels
            part[:] = 0
            part[:3, :4] = 2
        mask = (part > 0) & (instance == 0)
        face[mask], instance[mask] = part[mask], index
        box = np.array([0, 0, 1, 1], np.float32)
        people.append(PersonTruth(index, "valid", f"someone {index}", box, box, keypoints, int(mask.sum())))
    nobody = PersonTruth(4, "anny", "hidden", np.zeros(4, np.float32), np.zeros(4, np.float32), keypoints, 0)
    barycentric = rng.integers(0, 16, (HEIGHT, WIDTH, 2)).astype(np.uint8)
    image = rng.integers(0, 255, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    return Picture(key, image, face, barycentric, instance, (*people, nobody))


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "pictures.tar"
    with tarfile.open(path, "w") as tar:
        for seed in range(3):
            for member, data in encode(picture(f"{seed:06d}", seed)).items():
                entry = tarfile.TarInfo(f"{seed:06d}.{member}")
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
    return path


def truth_as_prediction(sample):
    """What a perfect model would say."""
    shown = decode(sample)
    people = []
    for truth in shown.people:
        mask = shown.instance == truth.index
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if not rows.size:
            continue
        box = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float32)
        window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        seen = mask[window]
        part = np.where(seen, shown.face[window], 0).astype(np.uint8)
        uv = np.moveaxis(shown.weights()[window], -1, 0) * seen
        people.append(Person(box, 0.9, part, uv, seen.astype(np.float32)))
    return DensePoseResult(tuple(people), *shown.instance.shape)


def test_layout_is_the_public_one(shard, tmp_path):
    path = export_coco(shard, tmp_path / "coco", Faces())
    content = json.loads(path.read_text())
    assert [image["file_name"] for image in content["images"]] == ["000000.jpg", "000001.jpg", "000002.jpg"]
    assert (tmp_path / "coco" / "images" / "000001.jpg").read_bytes() == list(iter_samples(shard))[1]["jpg"]
    first, second, speck = content["annotations"][:3]
    assert len(content["annotations"]) == 9  # the hidden person is nobody's annotation
    assert first["bbox"] == [5, 15, 100, 80]
    assert first["area"] == 17 * BLOCK * BLOCK
    assert first["num_keypoints"] == 17
    assert first["keypoints"][:3] == [14.75, 24.75, 2]
    assert len(first["dp_masks"]) == 14
    assert first["dp_masks"][0] == []  # no torso on the quilt
    assert isinstance(second["dp_masks"][13]["counts"], str)
    lengths = {len(first[f"dp_{name}"]) for name in "IUVxy"}
    assert len(lengths) == 1
    assert 100 <= lengths.pop() <= 196
    assert max(first["dp_x"]) < 256
    assert speck["iscrowd"] == 1
    assert "dp_x" not in speck


def test_points_lie_on_their_pixels(shard, tmp_path):
    truth = read_coco(export_coco(shard, tmp_path / "coco", Faces())).pictures
    for shown, annotated in zip(map(decode, iter_samples(shard)), truth, strict=True):
        for person in annotated.people[:2]:
            x, y = np.floor(person.points.xy).astype(int).T
            np.testing.assert_array_equal(shown.face[y, x], person.points.part)
            np.testing.assert_allclose(shown.weights()[y, x].T, person.points.uv, atol=1e-4)
            np.testing.assert_array_equal(person.mask, shown.instance == person.id - 3 * (annotated.id - 1))


def test_a_perfect_prediction_scores_one_and_worse_ones_less(shard, tmp_path):
    truth = read_coco(export_coco(shard, tmp_path / "coco", Faces())).pictures
    perfect = [truth_as_prediction(sample) for sample in iter_samples(shard)]
    options = EvaluationOptions(min_box_area=50 * 50)

    def measured(results):
        return evaluate(results, truth, Sheet(), options, resamples=20)

    best = measured(perfect)
    assert best.people == 6
    for name in ("recall", "mask_iou", "keypoint_agreement", "limb_agreement", "keypoint_gps", "gps", "ap_gps"):
        assert best[name].value == pytest.approx(1), name
    assert best["gpsm"].value > 0.99  # masks at 256 x 256
    assert best["swap_rate"].value == best["false_positives"].value == 0
    assert best["point_error_cm"].value == pytest.approx(0, abs=0.01)
    mirrored = measured(map(BASELINES["mirrored"], perfect))
    assert mirrored["swap_rate"].value == 1
    assert mirrored["limb_agreement"].value == 0
    assert mirrored["mask_iou"].value == best["mask_iou"].value
    constant = measured(map(BASELINES["constant-uv"], perfect))
    assert constant["gps"].value < 0.5
    assert constant["gpsm"].value < best["gpsm"].value
    assert constant["keypoint_agreement"].value == 1


def test_the_seed_decides_the_points(shard, tmp_path):
    one, same, other = (
        export_coco(shard, tmp_path / str(place), Faces(), seed=seed).read_bytes()
        for place, seed in enumerate((1, 1, 2))
    )
    assert one == same
    assert one != other


def test_only_the_first(shard, tmp_path):
    assert len(read_coco(export_coco(shard, tmp_path / "coco", Faces(), limit=2)).pictures) == 2


def test_who_it_is_stands_under_a_key_of_its_own(shard, tmp_path):
    def traits(picture):
        return [PersonTraits(height_m=1.0 + person.index / 10, skin_ita=-3.0) for person in picture.people]

    plain = json.loads(export_coco(shard, tmp_path / "plain", Faces()).read_text())["annotations"][1]
    assert plain["person"] == {"kind": "valid", "identity": "someone 2", "full_box": [0, 0, 1, 1]}
    people = read_coco(export_coco(shard, tmp_path / "coco", Faces(), traits=traits)).pictures[0].people
    assert [person.traits.height_m for person in people] == [1.1, 1.2, 1.3]
    assert people[1].traits == PersonTraits("valid", "someone 2", (0, 0, 1, 1), height_m=1.2, skin_ita=-3)


def test_other_tools_read_it(shard, tmp_path):
    coco = pytest.importorskip("pycocotools.coco")
    path = export_coco(shard, tmp_path / "coco", Faces())
    file = coco.COCO(str(path))
    shown = decode(next(iter_samples(shard)))
    np.testing.assert_array_equal(file.annToMask(file.anns[2]), shown.instance == 2)


def test_true_labels_lie_beside_the_points(shard, tmp_path):
    path = export_coco(shard, tmp_path / "coco", Faces(), dense=tmp_path / "dense")
    labels = DenseLabels.open(tmp_path / "dense", path)
    assert sorted(labels.index.people) == [1, 2, 4, 5, 7, 8]  # nobody too small to be annotated
    for shown, annotated in zip(map(decode, iter_samples(shard)), read_coco(path).pictures, strict=True):
        for person in annotated.people[:2]:
            (x, y, width, height), iuv = labels.of(person.id)
            assert [x, y, x + width, y + height] == person.box.tolist()
            window = slice(y, y + height), slice(x, x + width)
            seen = person.mask[window]
            np.testing.assert_array_equal(iuv[seen, 0], shown.face[window][seen])
            np.testing.assert_array_equal(iuv[seen, 1:], np.rint(shown.weights()[window][seen] * 255))
            assert not iuv[~seen].any()


def test_an_export_that_was_stopped_leaves_no_labels_to_mistake(shard, tmp_path):
    path = export_coco(shard, tmp_path / "coco", Faces(), dense=tmp_path / "dense")

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_coco(shard, tmp_path / "coco", Faces(), seed=1, advance=stop, dense=tmp_path / "dense")
    with pytest.raises(InputError, match="no dense labels"):
        DenseLabels.open(tmp_path / "dense", path)


def test_nothing_to_export_and_nowhere_to_write(shard, tmp_path):
    with pytest.raises(InputError):
        export_coco(tmp_path / "nowhere", tmp_path / "coco", Faces())
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        export_coco(shard, tmp_path / "file" / "coco", Faces())

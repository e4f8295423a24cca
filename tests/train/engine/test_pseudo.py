import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from densepose_mobile.errors import AssetError, InputError
from densepose_mobile.metrics import read_coco
from densepose_mobile.metrics.keypoints import KEYPOINT_NAMES
from densepose_mobile.parts import COARSE_NAMES
from densepose_mobile.results import DensePoseResult, Person
from densepose_mobile.train.data.annotated import AnnotatedPhotos, annotated_scene
from densepose_mobile.train.data.targets import COARSE, UNKNOWN
from densepose_mobile.train.engine.pseudo import PhotoLabeller, PseudoPlan, label_folder, photos_of, sure_joints
from densepose_mobile.train.engine.pseudo_check import check_pseudo_labels, keypoint_similarity
from densepose_mobile.train.engine.segmenter import Segmenter
from densepose_mobile.train.models.keypoints import KEYPOINT_INPUT

JOINT = {name: index for index, name in enumerate(KEYPOINT_NAMES)}
SIZE = 160
BOX = (30.0, 10.0, 110.0, 150.0)
JOINTS = {
    "left_shoulder": (97, 38), "left_elbow": (99, 73), "left_wrist": (102, 108), "right_shoulder": (43, 38),
    "right_elbow": (41, 73), "left_hip": (86, 101), "right_hip": (54, 101),
}  # fmt: skip


def person(score: float, box: tuple[float, ...] = BOX) -> Person:
    height, width = int(box[3] - box[1]), int(box[2] - box[0])
    part = np.full((height, width), 2, np.uint8)
    return Person(
        np.array(box, np.float32), score, part, np.zeros((2, height, width), np.float32), part / np.float32(2)
    )


def looks(places: dict[str, tuple[float, float]], score: float = 0.9) -> Callable[[torch.Tensor], torch.Tensor]:
    """Sees joints at given places of the photo in the crop about `BOX`, and the same in the mirror."""
    side = 1.2 * (BOX[3] - BOX[1])
    low = np.array([(BOX[0] + BOX[2] - side) / 2, (BOX[1] + BOX[3] - side) / 2])

    def look(crops: torch.Tensor) -> torch.Tensor:
        assert crops.shape == (2, 3, KEYPOINT_INPUT, KEYPOINT_INPUT)
        found = torch.zeros(2, 17, 3)
        for name, place in places.items():
            x, y = (np.array(place) - low) * KEYPOINT_INPUT / side
            other = name.replace("left", "?").replace("right", "left").replace("?", "right")
            found[0, JOINT[name]] = torch.tensor([x, y, score])
            found[1, JOINT[other]] = torch.tensor([KEYPOINT_INPUT - x, y, score])
        return found

    return look


def labelled(tmp_path: Path, labeller: PhotoLabeller) -> tuple[Path, Path]:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(photos / name), np.full((SIZE, SIZE, 3), 90, np.uint8))
    (photos / "notes.txt").write_text("no photo")
    told: list[tuple[int, int]] = []
    content = label_folder(photos, labeller, {"detector": "x"}, lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]
    file = tmp_path / "pseudo.json"
    file.write_text(json.dumps(content))
    return file, photos


def test_pseudo_labels_teach_what_annotations_teach(tmp_path: Path) -> None:
    """Boxes, silhouettes, crowds; and sure joints fix the coarse parts about them, and left from right."""
    result = DensePoseResult((person(0.9), person(0.35, (0, 0, 20, 20))), SIZE, SIZE, {})
    file, photos = labelled(tmp_path, PhotoLabeller(lambda rgb: result, looks(JOINTS)))
    read = read_coco(file)
    assert not read.left_out
    assert [picture.file_name for picture in read.pictures] == ["a.png", "b.png"]
    found, doubtful = read.pictures[0].people
    np.testing.assert_array_equal(found.box, BOX)
    assert doubtful.crowd
    assert found.keypoints is not None
    np.testing.assert_allclose(found.keypoints[JOINT["left_wrist"]], [102, 108, 2], atol=0.1)
    assert found.keypoints[JOINT["nose"], 2] == 1  # placed, but nobody is sure
    scene = annotated_scene(read.pictures[0], np.zeros((SIZE, SIZE, 3), np.uint8))
    assert scene.labels[55, 98, 0] == COARSE + COARSE_NAMES.index("left upper arm")
    assert scene.labels[55, 42, 0] == COARSE + COARSE_NAMES.index("right upper arm")
    assert scene.labels[90, 100, 0] == COARSE + COARSE_NAMES.index("left lower arm")
    assert scene.labels[10, 10, 0] == UNKNOWN
    assert scene.people().tolist() == [0]
    assert AnnotatedPhotos(file, photos).read()[0].people == (0,)


def test_photos_without_a_sure_person_are_left_out(tmp_path: Path) -> None:
    result = DensePoseResult((person(0.35),), SIZE, SIZE, {})
    file, _ = labelled(tmp_path, PhotoLabeller(lambda rgb: result, looks(JOINTS)))
    content = json.loads(file.read_text())
    assert content["images"] == content["annotations"] == []
    assert content["info"]["photos"] == 2


def test_a_folder_without_photos_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no photo"):
        label_folder(tmp_path, PhotoLabeller(lambda rgb: DensePoseResult((), 1, 1, {}), looks({})), {}, print)


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere cannot be listed"):
        photos_of(tmp_path / "nowhere")


def test_joints_are_sure_where_both_looks_agree_on_the_person() -> None:
    mask = np.zeros((100, 100), bool)
    mask[20:80, 20:80] = True
    straight = np.zeros((17, 3))
    straight[:] = 50, 50, 0.9
    mirrored = straight.copy()
    mirrored[1, 0] += 9  # elsewhere in the mirror
    mirrored[2, 2] = 0.1  # hardly seen in the mirror
    straight[3, :2] = mirrored[3, :2] = 5, 5  # off the person
    straight[4, :2] = mirrored[4, :2] = 200, 50  # off the photo
    straight[5, :2] = mirrored[5, :2] = 81.0, 50  # at the edge
    places, sure = sure_joints(straight, mirrored, mask, 100.0, PseudoPlan())
    assert sure[:6].tolist() == [True, False, False, False, False, True]
    assert places[1].tolist() == [54.5, 50]


def test_the_segmenter_redraws_whom_it_means(tmp_path: Path) -> None:
    result = DensePoseResult((person(0.9),), SIZE, SIZE, {})
    own = np.zeros((SIZE, SIZE), bool)
    own[15:150, 30:110] = True
    other = np.zeros((SIZE, SIZE), bool)
    other[:, :20] = True
    for drawn, least in ((own, 15), (other, 10)):
        label = PhotoLabeller(lambda rgb: result, looks(JOINTS), lambda rgb, square, drawn=drawn: drawn)  # type: ignore[misc]
        (entry,) = label(np.zeros((SIZE, SIZE, 3), np.uint8))
        assert entry["bbox"][1] == least


class White:
    """Stands for an interpreter whose network finds white: probabilities, or logits."""

    logits = False

    def __init__(self, model_path: str, num_threads: int) -> None:
        self.seen = np.zeros(0, np.float32)

    def allocate_tensors(self) -> None:
        pass

    def get_input_details(self) -> list[dict[str, object]]:
        return [{"index": 0, "shape": np.array([1, 64, 64, 3])}]

    def get_output_details(self) -> list[dict[str, object]]:
        return [{"index": 1, "shape": np.array([1, 195])}, {"index": 2, "shape": np.array([1, 32, 32, 1])}]

    def set_tensor(self, index: int, value: NDArray[np.float32]) -> None:
        assert value.dtype == np.float32
        assert 0 <= value.min() <= value.max() <= 1
        self.seen = value

    def invoke(self) -> None:
        pass

    def get_tensor(self, index: int) -> NDArray[np.float32]:
        small = cv2.resize(self.seen[0, ..., 0], (32, 32), interpolation=cv2.INTER_AREA)[None, ..., None]
        return 20 * small - 10 if self.logits else small


@pytest.mark.parametrize("logits", [False, True])
def test_a_segmenter_draws_where_it_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logits: bool) -> None:
    module = ModuleType("ai_edge_litert.interpreter")
    module.Interpreter = type("Interpreter", (White,), {"logits": logits})  # type: ignore[attr-defined]
    monkeypatch.setitem(__import__("sys").modules, "ai_edge_litert.interpreter", module)
    (tmp_path / "white.tflite").write_bytes(b"network")
    rgb = np.zeros((100, 140, 3), np.uint8)
    rgb[30:90, 60:100] = 255
    drawn = Segmenter(tmp_path / "white.tflite")(rgb, [40.0, 10.0, 130.0, 100.0])
    assert drawn.shape == (100, 140)
    rows, columns = np.nonzero(drawn)
    np.testing.assert_allclose(
        [rows.min(), rows.max() + 1, columns.min(), columns.max() + 1], [30, 90, 60, 100], atol=2
    )


def test_what_is_no_segmenter_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    with pytest.raises(AssetError, match="does not exist"):
        Segmenter(tmp_path / "none.tflite")
    (tmp_path / "bad.tflite").write_bytes(b"no network")
    with pytest.raises(AssetError, match="no network that LiteRT reads"):
        Segmenter(tmp_path / "bad.tflite")


def test_labels_are_measured_against_those_by_hand(tmp_path: Path) -> None:
    result = DensePoseResult((person(0.9),), SIZE, SIZE, {})
    file, _ = labelled(tmp_path, PhotoLabeller(lambda rgb: result, looks(JOINTS)))
    content = json.loads(file.read_text())
    same = check_pseudo_labels(read_coco(file).pictures, read_coco(file).pictures)
    for name in ("recall", "mask_iou", "mask_iou_found", "oks", "joints_near", "sure", "sure_near", "sure_seen"):
        assert same[name]["value"] == 1, name
    assert same["false_positives"]["value"] == same["sure_swapped"]["value"] == 0
    swapped = json.loads(json.dumps(content))
    for entry in swapped["annotations"]:
        joints = np.array(entry["keypoints"]).reshape(17, 3)
        pair = [JOINT["left_shoulder"], JOINT["right_shoulder"]]
        joints[pair] = joints[pair[::-1]]
        entry["keypoints"] = joints.ravel().tolist()
    swapped["annotations"] = swapped["annotations"][:1]
    (tmp_path / "swapped.json").write_text(json.dumps(swapped))
    worse = check_pseudo_labels(read_coco(tmp_path / "swapped.json").pictures, read_coco(file).pictures)
    assert worse["recall"]["value"] == worse["mask_iou"]["value"] == 0.5
    assert worse["sure_near"]["value"] == pytest.approx(5 / 7, abs=1e-3)
    assert worse["sure_swapped"]["value"] == pytest.approx(2 / 6, abs=1e-3)  # of joints whose other side is seen too


def test_keypoint_similarity_is_cocos() -> None:
    true = np.zeros((17, 2))
    off = true + np.array([10.0, 0.0])
    value = keypoint_similarity(off, true, 2500.0)
    assert value[0] == pytest.approx(np.exp(-100 / (2 * 2500 * (2 * 0.026) ** 2)))
    assert value[11] > value[9] > value[0]

import json

import cv2
import numpy as np
import pytest

from densepose_mobile.bundle import write_bundle
from densepose_mobile.bundle.manifest import Manifest
from densepose_mobile.cli import evaluate as command
from densepose_mobile.cli.main import main
from densepose_mobile.metrics.segmentation import encode_rle
from densepose_mobile.results import DensePoseResult, Person
from densepose_mobile.spec import ModelSpec

SIZE = 160


class FlatAtlas:
    """Distance in UV, metres."""

    id = "0123"

    def geodesic(self, part_a, uv_a, part_b, uv_b):
        return np.where(part_a == part_b, np.linalg.norm(uv_a - uv_b, axis=0), np.inf).astype(np.float32)

    def keypoint_distance(self, keypoint, part, uv):
        return np.where(part > 0, uv[0], np.inf).astype(np.float32)


class SeesASquare:
    """Finds one person in every picture, at the square that is brighter than the rest; left thigh, U = 0."""

    def predict(self, rgb, mode="balanced"):
        rows, columns = np.nonzero(rgb[..., 0] > 128)
        box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], np.float32)
        shape = int(box[3] - box[1]), int(box[2] - box[0])
        part = np.full(shape, 10, np.uint8)
        person = Person(box, 0.9, part, np.zeros((2, *shape), np.float32), np.full(shape, 0.8, np.float32))
        return DensePoseResult((person,), *rgb.shape[:2])


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    """Four pictures of one person each; the last is of another split."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images").mkdir()
    images, annotations = [], []
    for index in range(4):
        rgb = np.zeros((SIZE, SIZE, 3), np.uint8)
        left = 4 + 8 * index
        mask = np.zeros((SIZE, SIZE), bool)
        mask[10:130, left : left + 110] = True
        rgb[mask] = 255
        name = f"{index}.png"
        cv2.imwrite(str(tmp_path / "images" / name), rgb)
        split = "train" if index == 3 else "val"
        images.append({"id": index, "file_name": name, "height": SIZE, "width": SIZE, "split": split})
        keypoints = [0] * 51
        keypoints[3 * 13 : 3 * 14] = [left + 50, 60, 2]  # left knee, on the left thigh
        if index == 0:
            keypoints[3 * 14 : 3 * 15] = [left + 50, 60, 2]  # a right knee: swapped
        annotations.append(
            {
                "id": index,
                "image_id": index,
                "category_id": 1,
                "bbox": [left, 10, 110, 120],
                "iscrowd": 0,
                "segmentation": encode_rle(mask),
                "keypoints": keypoints,
                "dp_x": [128.0],
                "dp_y": [128.0],
                "dp_I": [10],
                "dp_U": [0.0],
                "dp_V": [0.0],
            }
        )
    path = tmp_path / "people.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations}))
    spec = ModelSpec()
    manifest = Manifest("tiny", "0.0", "litert-int8", spec, "0123")
    write_bundle(tmp_path / "tiny.dpm", manifest, {graph.name: b"x" for graph in spec.graphs()}, {})
    monkeypatch.setattr(command, "load_model", lambda model, backend, options: SeesASquare())
    monkeypatch.setattr(command.Atlas, "load", lambda: FlatAtlas())
    return path


def run(*options):
    return main(["evaluate", "people.json", "--images", "images", "--model", "tiny.dpm", *options])


@pytest.mark.parametrize("option", ["--out", "--per-picture", "--save-results"])
def test_a_place_that_cannot_be_written_is_told_before_anything_is_looked_at(dataset, capsys, monkeypatch, option):
    monkeypatch.setattr(SeesASquare, "predict", None)
    assert run(option, "people.json/below/out.json") == 1
    assert "cannot write into people.json/below" in capsys.readouterr().err


def test_missing_folders_are_made(dataset):
    assert run("--resamples", "50", "--per-picture", "new/p.jsonl", "--save-results", "newer/r.json") == 0
    assert len((dataset.parent / "new" / "p.jsonl").read_text().splitlines()) == 4
    assert json.loads((dataset.parent / "newer" / "r.json").read_text())


def test_table_and_results_file(dataset, capsys):
    options = ["--subset", "val2017", "--resamples", "50", "--out", "results/tiny.json", "--per-picture", "s.jsonl"]
    assert run(*options, "--baseline", "constant-uv", "--baseline", "mirrored") == 0
    shown = capsys.readouterr().out
    assert "people found" in shown
    assert "3 people in 3 pictures" in shown
    content = json.loads((dataset.parent / "results" / "tiny.json").read_text())
    assert content["schema"] == 1
    assert content["command"] == (
        "densepose-mobile evaluate people.json --images images --subset val2017 --model tiny.dpm "
        "--baseline constant-uv --baseline mirrored --resamples 50 --out results/tiny.json --per-picture s.jsonl"
    )
    assert content["model"]["name"] == "tiny"
    assert len(content["model"]["sha256"]) == 64
    assert content["data"]["pictures"] == content["data"]["people"] == 3
    measures = content["report"]["measures"]
    assert measures["recall"] == {"value": 1.0, "low": 1.0, "high": 1.0, "count": 3.0}
    assert measures["mask_iou"]["value"] == 1
    assert measures["keypoint_agreement"]["value"] == 0.75
    assert measures["swap_rate"]["value"] == 0.25
    assert measures["gps"]["value"] == 1
    assert content["baselines"]["constant-uv"]["measures"]["gps"]["value"] < 0.1
    assert content["baselines"]["mirrored"]["measures"]["swap_rate"]["value"] == 0.75
    assert content["differences"]["constant-uv"]["gps"]["low"] > 0.9
    assert content["differences"]["constant-uv"]["recall"] == {"value": 0, "low": 0, "high": 0}
    assert str(dataset.parent) not in json.dumps(content)


def test_what_is_broken_or_missing_is_named_and_the_rest_is_measured(dataset, caplog):
    content = json.loads(dataset.read_text())
    content["annotations"][0]["dp_I"] = [25]
    content["annotations"][2]["segmentation"] = {"size": [3, 3], "counts": [9]}
    dataset.write_text(json.dumps(content))
    (dataset.parent / "images" / "1.png").unlink()
    assert run("--resamples", "50", "--out", "r.json") == 0
    data = json.loads((dataset.parent / "r.json").read_text())["data"]
    assert (data["pictures"], data["people"]) == (3, 2)
    points, mask, picture = data["left_out"]
    assert "annotation 0 of picture 0.png: 1 of 1 points have dp_I 25" in points
    assert "annotation 2 of picture 2.png" in mask
    assert picture == "picture 1.png is not in --images"
    assert all(reason in caplog.text for reason in data["left_out"])


def test_slices_of_whom_the_file_tells(dataset, capsys):
    content = json.loads(dataset.read_text())
    for index, entry in enumerate(content["annotations"]):
        entry["person"] = {"full_box": [entry["bbox"][0], 10, 110, 120 + 60 * (index == 0)], "skin_ita": 20 * index}
    dataset.write_text(json.dumps(content))
    assert run("--slices", "--resamples", "50", "--out", "r.json") == 0
    shown = capsys.readouterr().out
    assert "of the whole person's box within the picture" in shown
    assert ".500 [.500, .500]" in next(line for line in shown.split("\n") if "75 % and more" in line)
    slices = json.loads((dataset.parent / "r.json").read_text())["slices"]
    assert slices["input_side"] == 320
    people = {
        name: {place: entry["people"] for place, entry in part["classes"].items()}
        for name, part in slices["by"].items()
    }
    assert people["scale"] == {"240 and more": 4}  # 120 of 160 px, fitted to 320
    assert people["truncation"] == {"75 % and more": 1, "all": 3}  # 150 of the first one's 180 rows are in the picture
    assert people["skin"] == {
        "brown and dark, up to 10°": 1,
        "tan, 10..28°": 1,
        "intermediate, 28..41°": 1,
        "light, above 41°": 1,
    }
    assert "age" not in people
    measures = slices["by"]["truncation"]["classes"]["75 % and more"]["measures"]
    assert measures["swap_rate"] == {"value": 0.5, "low": 0.5, "high": 0.5, "count": 2}
    assert "recall" in measures


def test_saved_results_measure_the_same_without_the_pictures(dataset, capsys):
    pytest.importorskip("pycocotools")
    assert run("--resamples", "50", "--out", "a.json", "--save-results", "results.json", "--coco-ap") == 0
    assert main(["evaluate", "people.json", "--results", "results.json", "--resamples", "50", "--out", "b.json"]) == 0
    first, second = (json.loads((dataset.parent / name).read_text()) for name in ("a.json", "b.json"))
    assert second["model"]["results"] == "results.json"
    assert first["report"]["measures"] == second["report"]["measures"]
    assert first["report"]["measures"]["ap_gps"]["value"] == 1
    assert first["coco"]["box"]["ap"] == first["coco"]["mask"]["ap75"] == 1
    assert first["coco"]["mask"]["ap_small"] is None
    for options in ([], ["--images", "images", "--results", "results.json"]):
        assert main(["evaluate", "people.json", *options]) == 2


def test_people_followed_through_a_video(dataset, capsys):
    pytest.importorskip("motmetrics")
    content = json.loads(dataset.read_text())
    for index, image in enumerate(content["images"]):
        image |= {"vid_id": 1, "frame_id": index}
    for entry in content["annotations"]:
        entry["track_id"] = 7
    dataset.write_text(json.dumps(content))
    assert run("--resamples", "50", "--save-results", "results.json") == 0
    results = json.loads((dataset.parent / "results.json").read_text())
    for index, entry in enumerate(results):
        entry["track_id"] = 3 if index < len(results) - 1 else 4
    (dataset.parent / "results.json").write_text(json.dumps(results))
    code = main(
        [
            "evaluate",
            "people.json",
            "--results",
            "results.json",
            "--tracks",
            "--resamples",
            "50",
            "--out",
            "t.json",
        ]
    )
    assert code == 0
    assert "identity switches: 1" in capsys.readouterr().out
    tracks = json.loads((dataset.parent / "t.json").read_text())["tracks"]
    assert tracks["num_switches"] == 1
    assert tracks["num_objects"] == len(results)
    assert tracks["mota"] == pytest.approx(1 - 1 / len(results), abs=1e-4)


def test_comparison_with_an_earlier_run(dataset, capsys, monkeypatch):
    assert run("--per-picture", "one.jsonl", "--resamples", "50") == 0
    lines = [json.loads(line) for line in (dataset.parent / "one.jsonl").read_text().splitlines()]
    for line in lines:
        line["sums"]["mask_iou"][0] -= 0.25
    (dataset.parent / "two.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert run("--against", "two.jsonl", "--out", "three.json", "--resamples", "50") == 0
    content = json.loads((dataset.parent / "three.json").read_text())
    assert content["differences"]["against"]["mask_iou"] == {"value": 0.25, "low": 0.25, "high": 0.25}
    assert content["against"]["file"] == "two.jsonl"
    capsys.readouterr()
    monkeypatch.setattr(SeesASquare, "predict", None)  # nothing is looked at before the file is found to be wrong
    assert run("--against", "two.jsonl", "--limit", "2") == 1
    assert "different pictures" in capsys.readouterr().err
    (dataset.parent / "bad.jsonl").write_text('{"sums": 1}\n')
    assert run("--against", "bad.jsonl") == 1
    assert "line 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--images", "elsewhere"], 1, "none of 4 pictures is in elsewhere"),
        (["--subset", "test2017"], 1, "no picture of subset test2017"),
        (["--baseline", "luck"], 2, "luck"),
        (["--keypoints", "nothing.json"], 1, "nothing.json"),
        (["--out", "people.json/results.json"], 1, "people.json"),
    ],
)
def test_what_cannot_be_done_is_said(dataset, capsys, options, code, message):
    assert run("--resamples", "50", *options) == code
    assert message in " ".join(capsys.readouterr().err.split())


def test_a_rotated_picture_is_refused(dataset, capsys):
    cv2.imwrite(str(dataset.parent / "images" / "1.png"), np.full((SIZE, SIZE + 10, 3), 255, np.uint8))
    assert run() == 1
    assert "1.png" in capsys.readouterr().err

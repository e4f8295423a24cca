"""The Kotlin host steps, compiled here and held against the golden vectors and a real photo."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from densepose_mobile.bundle import Bundle
from densepose_mobile.export.encoding import VectorFile, spec_fields, tensor
from densepose_mobile.export.pixel_cases import people_case
from densepose_mobile.imaging import load_image, network_input
from densepose_mobile.postprocess import roi_boxes, roi_weights
from densepose_mobile.postprocess.detections import select_people
from densepose_mobile.postprocess.maps import DenseMaps
from densepose_mobile.runtime import open_runtime

ROOT = Path(__file__).parents[2]
VECTORS = sorted((ROOT / "apps/vectors").glob("*.json"))


@pytest.fixture(scope="session")
def jar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources and their tests, compiled once."""
    if not shutil.which("kotlinc") or not shutil.which("java"):
        pytest.skip("kotlinc or java is missing: apt-get install kotlin")
    path = tmp_path_factory.mktemp("kotlin") / "host.jar"
    # Compiling takes seconds: the optimising compiler of the JVM never pays for itself.
    environment = {**os.environ, "JAVA_OPTS": "-Xmx512M -XX:TieredStopAtLevel=1"}
    command = ["kotlinc", "src/main", "src/test", "-include-runtime", "-d", str(path)]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT / "apps/android", env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    # The script of Debian's kotlinc asks the JVM for an option that newer ones warn of; our sources give no warning.
    assert "warning: " not in done.stderr.replace("VM warning: ", ""), done.stderr
    return path


def run(jar: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["java", "-jar", str(jar), str(folder)], capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def report(jar: Path) -> list[str]:
    return run(jar, ROOT / "apps/vectors").stdout.splitlines()


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_every_golden_vector_passes(path: Path, report: list[str]) -> None:
    names = [case["name"] for case in json.loads(path.read_text("utf-8"))["cases"]]
    lines = [line for line in report if line.split(" ", 1)[1].startswith(f"{path.stem}/")]
    assert [line for line in lines if not line.startswith("ok ")] == []
    assert [line.split("/", 1)[1].rpartition(" ")[0] for line in lines] == names


def spoil(path: Path, target: Path) -> None:
    """Change one expected number of the file's last case that has one."""
    file = json.loads(path.read_text("utf-8"))

    def change(value: object) -> bool:
        if isinstance(value, list) and value and isinstance(value[-1], int | float):
            value[-1] += 1
            return True
        inside = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
        # Shapes of tensors stand first and are read only where they matter.
        return any(change(item) for item in reversed(inside))

    assert any(change(case.get("expected")) for case in reversed(file["cases"]))
    target.write_text(json.dumps(file), "utf-8")


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_a_wrong_number_is_found(path: Path, jar: Path, tmp_path: Path) -> None:
    spoil(path, tmp_path / path.name)
    done = run(jar, tmp_path)
    assert done.returncode == 1
    assert sum(line.startswith(f"FAILED {path.stem}/") for line in done.stdout.splitlines()) == 1


def test_no_vectors_are_no_pass(jar: Path, tmp_path: Path) -> None:
    assert run(jar, tmp_path).returncode == 2
    (tmp_path / "dance.json").write_text('{"step": "dance", "tolerance": 0, "slack": 0, "cases": []}', "utf-8")
    assert run(jar, tmp_path).returncode == 2


def test_a_real_photo_comes_out_the_same(jar: Path, tmp_path: Path) -> None:
    """The whole chain at full size. Maps of a real model come near thresholds: one value in a thousand may differ."""
    rgb = load_image(ROOT / "docs/samples/group.jpg")
    bundle = Bundle.open("small")
    runtime = open_runtime(bundle.manifest.family)
    graphs = {g.name: runtime.load(g, bundle.graph(g.name)) for g in (bundle.spec.detect(), bundle.spec.dense(1))}
    spec, (height, width) = bundle.spec, rgb.shape[:2]

    image, letterbox = network_input(rgb, spec.detect_size)
    features, logits, distances = graphs["detect"](image)
    content = letterbox.to_network(np.array([0, 0, width, height], np.float32))
    settings = {"score": 0.4, "limit": 20}
    boxes, scores = select_people(logits[0, :, 0], distances[0], spec, content, iou=0.6, **settings)
    assert len(boxes) >= 2
    rois = roi_boxes(boxes, spec)
    wy, wx = roi_weights(rois, features.shape[1], spec.feature_stride, spec.roi_size)
    placed = letterbox.from_network(rois)
    maps = [
        DenseMaps.from_outputs(graphs["dense_1"](features, wy[i : i + 1], wx[i : i + 1]), 0, placed[i])
        for i in range(len(boxes))
    ]
    select = {
        "given": {
            "spec": spec_fields(spec),
            "logits": tensor(logits),
            "distances": tensor(distances[0]),
            "content": tensor(content),
            "overlap": 0.6,
            **settings,
        },
        "expected": {"boxes": tensor(boxes), "scores": tensor(scores)},
    }
    sample = {
        "given": {"picture": tensor(rgb), "size": spec.detect_size},
        "expected": {"image": tensor(image[0])},
    }
    people = people_case("group", maps, [float(score) for score in scores], height, width)
    for file in (
        VectorFile("sample", "", 0.01, [{"name": "group", **sample}]),
        VectorFile("select", "", 1e-5, [{"name": "group", **select}]),
        VectorFile("people", "", 1e-4, [people], slack=1e-3),
    ):
        (tmp_path / f"{file.step}.json").write_text(file.text(), "utf-8")
    done = run(jar, tmp_path)
    lines = done.stdout.splitlines()
    assert len(lines) == 3, done.stderr
    assert [line for line in lines if not line.startswith("ok ")] == []

"""A bundle as plain files for an app."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from densepose_mobile.bundle import Bundle, Manifest, write_bundle
from densepose_mobile.bundle.manifest import ONE_FILE
from densepose_mobile.errors import AssetError, BundleError, InputError, OutputError
from densepose_mobile.export import PLATFORMS, export_bundle
from densepose_mobile.export import mobile as module
from densepose_mobile.export.vectors import golden_vectors as all_vectors
from densepose_mobile.parts import PART_NAMES
from densepose_mobile.spec import ModelSpec

SPEC = ModelSpec(detect_size=64, track_size=32, level_strides=(8, 16, 32))


@pytest.fixture(autouse=True)
def _few_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    few = all_vectors()[3:4]
    monkeypatch.setattr(module, "golden_vectors", lambda: few)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Bundle]:
    """A bundle of a target whose graphs nothing could run."""

    def write(target: str, graphs: dict[str, bytes] | None = None) -> Bundle:
        path = tmp_path / f"{target}.dpm"
        manifest = Manifest("tiny", "0.1", target, SPEC, "atlas-7", quantisation={"activations": "int8"})
        apart = manifest.family not in ONE_FILE
        content = graphs or {graph.name: (graph.name.encode() if apart else b"all") * 5 for graph in SPEC.graphs()}
        write_bundle(path, manifest, content, {})
        return Bundle.open(path)

    return write


def package(name: str, *entries: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for entry in entries or (f"{name}.mlpackage/Manifest.json", f"{name}.mlpackage/Data/model.mlmodel"):
            file.writestr(entry, name.encode())
    return archive.getvalue()


@pytest.mark.parametrize(("platform", "suffix"), [("android", ".kt"), ("ios", ".swift")])
def test_everything_is_there(platform: str, suffix: str, make: Callable[..., Bundle], tmp_path: Path) -> None:
    out = export_bundle(make("litert-int8"), platform, tmp_path / "deep" / "app")
    assert sorted(path.name for path in out.iterdir()) == ["host", "model", "vectors"]
    assert sorted(path.name for path in (out / "model").iterdir()) == ["model.json", "model.tflite"]
    assert (out / "model" / "model.tflite").read_bytes() == b"all" * 5
    assert (out / "host" / "README.md").stat().st_size > 1000
    assert len(list((out / "host").rglob(f"*{suffix}"))) >= 12
    assert not list((out / "host").rglob("*.py*"))
    assert sorted(path.name for path in (out / "vectors").iterdir()) == ["README.md", "nms.json"]
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["app"]


def test_model_json_says_what_an_app_needs(make: Callable[..., Bundle], tmp_path: Path) -> None:
    folder = export_bundle(make("litert-int8"), "android", tmp_path / "app") / "model"
    model = json.loads((folder / "model.json").read_text("utf-8"))
    assert (model["name"], model["target"], model["licence"], model["atlas"]) == (
        "tiny",
        "litert-int8",
        "Apache-2.0",
        "atlas-7",
    )
    assert (model["input"]["mean"], model["input"]["scale"], model["input"]["colour"]) == (127.5, 127.5, "RGB")
    assert {name: model["spec"][name] for name in ("detect_size", "level_strides", "num_locations")} == {
        "detect_size": 64,
        "level_strides": [8, 16, 32],
        "num_locations": SPEC.num_locations,
    }
    assert model["spec"]["track_roi"] == list(SPEC.track_roi)
    assert model["thresholds"]["score"] == 0.4
    assert model["thresholds"].keys() >= {"closer_looks", "doubtful", "mean_score", "presence", "worthwhile"}
    assert model["mirror_flips"] == {"u": [3, 4, 5, 6, 23, 24], "v": [1, 2]}
    assert model["quantisation"] == {"activations": "int8"}
    assert model["parts"] == list(PART_NAMES)
    for graph in SPEC.graphs():
        entry = model["graphs"][graph.name]
        assert (entry["file"], entry["signature"]) == ("model.tflite", graph.name)
        data = (folder / entry["file"]).read_bytes()
        assert model["files"][entry["file"]] == {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        assert [tensor["name"] for tensor in entry["outputs"]] == [tensor.name for tensor in graph.outputs]


def test_other_families_have_a_file_a_graph(make: Callable[..., Bundle], tmp_path: Path) -> None:
    folder = export_bundle(make("onnx-fp32"), "android", tmp_path / "app") / "model"
    assert (folder / "dense_4.onnx").read_bytes() == b"dense_4" * 5
    graphs = json.loads((folder / "model.json").read_text("utf-8"))["graphs"]
    assert {name: entry["file"] for name, entry in graphs.items()} == {g.name: f"{g.name}.onnx" for g in SPEC.graphs()}
    assert not any("signature" in entry for entry in graphs.values())


@pytest.mark.parametrize(
    ("target", "runs_on"),
    [
        ("litert-int8", "android ios"),
        ("litert-fp16", "android ios"),
        ("onnx-fp32", "android ios"),
        ("executorch-fp32", "android ios"),
        ("executorch-vulkan-fp32", "android"),
        ("executorch-coreml-fp16", "ios"),
        ("coreml-fp16", "ios"),
    ],
)
def test_targets_fit_platforms(target: str, runs_on: str, make: Callable[..., Bundle], tmp_path: Path) -> None:
    bundle = make(target)
    for platform in PLATFORMS:
        out = tmp_path / platform
        if platform in runs_on.split():
            assert (export_bundle(bundle, platform, out) / "model/model.json").exists()
            continue
        with pytest.raises(BundleError, match=rf"{target}.* {platform}; it takes .*densepose-mobile convert"):
            export_bundle(bundle, platform, out)
        assert not out.exists()


def test_core_ml_packages_become_folders(make: Callable[..., Bundle], tmp_path: Path) -> None:
    bundle = make("coreml-fp16", {graph.name: package(graph.name) for graph in SPEC.graphs()})
    model = export_bundle(bundle, "ios", tmp_path / "app") / "model"
    assert (model / "track.mlpackage/Data/model.mlmodel").read_bytes() == b"track"
    described = json.loads((model / "model.json").read_text("utf-8"))
    assert described["graphs"]["track"]["file"] == "track.mlpackage"
    assert "track.mlpackage/Data/model.mlmodel" in described["files"]


@pytest.mark.parametrize(
    "entry", ["../evil", "/evil", "detect.mlpackage/../../evil", "detect.mlpackage\\evil", "other/file", "C:/evil"]
)
def test_a_package_writes_nowhere_else(entry: str, make: Callable[..., Bundle], tmp_path: Path) -> None:
    graphs = {graph.name: package(graph.name, entry) for graph in SPEC.graphs()}
    with pytest.raises(BundleError, match=r"which is no file of detect\.mlpackage"):
        export_bundle(make("coreml-fp16", graphs), "ios", tmp_path / "app")
    assert not (tmp_path / "app").exists()
    assert not (tmp_path / "evil").exists()


def test_an_unknown_platform(make: Callable[..., Bundle], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'windows'.*android or ios"):
        export_bundle(make("litert-int8"), "windows", tmp_path / "app")


def test_what_is_there_stays(make: Callable[..., Bundle], tmp_path: Path) -> None:
    bundle = make("litert-int8")
    (tmp_path / "app").mkdir()
    export_bundle(bundle, "android", tmp_path / "app")  # an empty folder will do
    (tmp_path / "app" / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="app is there already"):
        export_bundle(bundle, "android", tmp_path / "app")
    assert (tmp_path / "app" / "mine.txt").read_text() == "mine"
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="file is there already"):
        export_bundle(bundle, "android", tmp_path / "file")
    with pytest.raises(OutputError, match="cannot write"):
        export_bundle(bundle, "android", tmp_path / "file" / "below")


def test_a_full_disk_leaves_nothing(
    make: Callable[..., Bundle], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = make("litert-int8")
    before = sorted(tmp_path.iterdir())
    whole, written = Path.write_bytes, []

    def fill_the_disk(path: Path, data: bytes) -> int:
        written.append(path)
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        return whole(path, data)

    monkeypatch.setattr(Path, "write_bytes", fill_the_disk)
    with pytest.raises(OutputError, match="No space left"):
        export_bundle(bundle, "android", tmp_path / "app")
    assert sorted(tmp_path.iterdir()) == before


def test_an_installation_without_sources_says_so(
    make: Callable[..., Bundle], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = make("litert-int8")

    def absent(package: str) -> Path:
        raise ModuleNotFoundError(package)

    for files in (absent, lambda package: tmp_path):
        monkeypatch.setattr(module.resources, "files", files)
        with pytest.raises(AssetError, match="Kotlin"):
            export_bundle(bundle, "android", tmp_path / "app")
    assert not (tmp_path / "app").exists()

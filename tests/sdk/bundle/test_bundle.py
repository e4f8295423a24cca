"""Bundles: round trip, alignment, and every kind of damage."""

import hashlib
import io
import json
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from densepose_mobile.bundle import ALIGNMENT, SCHEMA, Bundle, Manifest, write_bundle
from densepose_mobile.errors import BundleError, DensePoseError, HashMismatch, OutputError, UnsupportedSchema
from densepose_mobile.spec import ModelSpec

SPEC = ModelSpec(detect_size=64, track_size=48, map_size=8, roi_size=4, feature_channels=8)
MANIFEST = Manifest(
    name="tiny",
    version="0.1",
    target="litert-int8",
    spec=SPEC,
    atlas_id="atlas-1",
    provenance={"data": "none"},
    metrics={"iou": 0.5},
)
FILES = {graph.name: bytes([65 + i]) * (100 + 37 * i) for i, graph in enumerate(SPEC.graphs())}
GRAPHS = dict.fromkeys(FILES, b"".join(FILES.values()))  # LiteRT has them in one file
GOLDEN = {"detect/image": np.zeros((1, 64, 64, 3), np.uint8), "detect/scores": np.arange(4, dtype=np.float16)}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("bundle") / "tiny.dpm"
    write_bundle(path, MANIFEST, GRAPHS, GOLDEN)
    return path.read_bytes()


def rewritten(data: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """The bundle with another manifest and a sound zip around it."""
    source = zipfile.ZipFile(io.BytesIO(data))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "manifest.json":
                values = json.loads(content)
                change(values)
                content = json.dumps(values).encode()
            target.writestr(name, content)
    return archive.getvalue()


def test_round_trip(data: bytes) -> None:
    bundle = Bundle.open(data)
    assert bundle.spec == SPEC
    assert replace(bundle.manifest, members={}) == MANIFEST
    assert {name: bundle.graph(name) for name in GRAPHS} == GRAPHS
    assert bundle.golden.keys() == GOLDEN.keys()
    for name, array in GOLDEN.items():
        np.testing.assert_array_equal(bundle.golden[name], array)
        assert bundle.golden[name].dtype == array.dtype
    assert "tiny 0.1, litert-int8" in repr(bundle)


def test_same_content_same_bytes(data: bytes, tmp_path: Path) -> None:
    complete = write_bundle(tmp_path / "again.dpm", MANIFEST, GRAPHS, GOLDEN)
    assert (tmp_path / "again.dpm").read_bytes() == data
    assert complete.members["model.tflite"] == hashlib.sha256(GRAPHS["detect"]).hexdigest()


def test_members_are_stored_and_aligned(data: bytes) -> None:
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.testzip() is None
    for entry in archive.infolist():
        name, extra = struct.unpack_from("<HH", data, entry.header_offset + 26)
        start = entry.header_offset + 30 + name + extra
        assert entry.compress_type == zipfile.ZIP_STORED
        assert start % ALIGNMENT == 0, entry.filename
        assert data[start : start + entry.file_size] == archive.read(entry)


def test_manifest_tells_other_languages_the_tensors(data: bytes) -> None:
    values = json.loads(zipfile.ZipFile(io.BytesIO(data)).read("manifest.json"))
    assert values["schema"] == SCHEMA
    assert values["graphs"]["dense_4"]["file"] == "model.tflite"
    assert values["graphs"]["dense_4"]["signature"] == "dense_4"
    assert values["graphs"]["dense_4"]["inputs"][1] == {"name": "wy", "shape": [4, 4, 16]}


def test_graphs_of_one_file_are_stored_once(data: bytes) -> None:
    assert zipfile.ZipFile(io.BytesIO(data)).namelist() == ["manifest.json", "model.tflite", "golden.npz"]
    bundle = Bundle.open(data)
    assert bundle.graph("detect") is bundle.graph("track")
    assert bundle.file_bytes == {"model.tflite": len(GRAPHS["detect"])}


@pytest.mark.parametrize(
    ("target", "suffix"), [("onnx-fp32", ".onnx"), ("executorch-fp32", ".pte"), ("coreml-fp16", ".mlpackage.zip")]
)
def test_other_families_have_a_file_a_graph(target: str, suffix: str, tmp_path: Path) -> None:
    write_bundle(tmp_path / "tiny.dpm", replace(MANIFEST, target=target), FILES, GOLDEN)
    bundle = Bundle.open(tmp_path / "tiny.dpm")
    assert {name: bundle.graph(name) for name in FILES} == FILES
    assert bundle.file_bytes == {name + suffix: len(model) for name, model in FILES.items()}
    table = bundle.manifest.as_dict()["graphs"]
    assert table["dense_4"]["file"] == f"dense_4{suffix}"
    assert "signature" not in table["dense_4"]


def test_one_file_is_one_model(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="'dense_1' is another one than that of 'detect'; merge them"):
        write_bundle(tmp_path / "x.dpm", MANIFEST, FILES, GOLDEN)
    assert not list(tmp_path.iterdir())


def test_opens_path_and_text(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "tiny.dpm"
    path.write_bytes(data)
    assert Bundle.open(path).manifest == Bundle.open(str(path)).manifest


@pytest.mark.parametrize("source", ["nowhere.dpm", "smal", Path("small")])
def test_missing_bundle_names_the_value_and_the_mend(source: str | Path) -> None:
    with pytest.raises(BundleError, match=rf"'{source}'.*path to a \.dpm file or a shipped name"):
        Bundle.open(source)


@pytest.mark.parametrize("source", [3, "x\0.dpm", "x" * 5000])
def test_impossible_paths_are_bundle_errors(source: Any) -> None:
    with pytest.raises(BundleError, match="shipped name"):
        Bundle.open(source)


def test_opens_any_kind_of_bytes(data: bytes) -> None:
    assert Bundle.open(bytearray(data)).manifest == Bundle.open(data).manifest  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\0" * 100, b"PK\x03\x04", b"PK\x03\x04" + b"\0" * 200])
def test_other_files_are_refused(content: bytes) -> None:
    with pytest.raises(BundleError):
        Bundle.open(content)


def test_every_truncation_is_a_bundle_error(data: bytes) -> None:
    for length in range(0, len(data), 61):
        with pytest.raises(BundleError):
            Bundle.open(data[:length])


@pytest.mark.parametrize("flip", [0x01, 0x80, 0xFF])
def test_every_damaged_byte_is_refused_or_harmless(data: bytes, flip: int) -> None:
    """Never another exception, never other content: padding and dates may differ, nothing else."""
    refused = 0
    for position in range(flip % 3, len(data), 3):
        damaged = bytearray(data)
        damaged[position] ^= flip
        try:
            bundle = Bundle.open(bytes(damaged))
        except BundleError:
            refused += 1
            continue
        assert replace(bundle.manifest, members={}) == MANIFEST, position
        assert {name: bundle.graph(name) for name in GRAPHS} == GRAPHS, position
    assert refused > len(data) / 3 * 0.7


@pytest.mark.parametrize("member", ["model.tflite", "golden.npz"])
def test_damaged_member_is_a_hash_mismatch(data: bytes, member: str) -> None:
    """Whether the zip's own checksum notices it or not."""
    archive = zipfile.ZipFile(io.BytesIO(data))
    damaged = data.replace(archive.read(member), bytes(archive.getinfo(member).file_size))
    with pytest.raises(HashMismatch, match=member):
        Bundle.open(damaged)

    def lie(values: dict[str, Any]) -> None:
        values["members"][member] = "0" * 64

    with pytest.raises(HashMismatch, match=f"{member}.*{'0' * 64}"):
        Bundle.open(rewritten(data, lie))


def test_newer_schema_names_the_bundle_and_says_to_upgrade(data: bytes, tmp_path: Path) -> None:
    def age(values: dict[str, Any]) -> None:
        values.update(schema=SCHEMA + 1, spec={"nothing": "like today"})

    newer = tmp_path / "newer.dpm"
    newer.write_bytes(rewritten(data, age))
    with pytest.raises(UnsupportedSchema, match=rf"newer\.dpm: .*schema {SCHEMA + 1}.*pip install --upgrade"):
        Bundle.open(newer)


def test_older_schema_says_to_convert_again(data: bytes) -> None:
    with pytest.raises(UnsupportedSchema, match=rf"schema 1, this version reads schema {SCHEMA}: convert"):
        Bundle.open(rewritten(data, lambda values: values.update(schema=1, spec={"nothing": "like today"})))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.pop("schema"), "schema is None"),
        (lambda v: v.update(schema=True), "schema is True"),
        (lambda v: v.pop("atlas_id"), "lacks 'atlas_id'"),
        (lambda v: v.update(licens="MIT"), "'licens'; is it 'licence'"),
        (lambda v: v.update(name=3), "name = 3, where str"),
        (lambda v: v.update(target="tpu-int8"), "'tpu-int8'"),
        (lambda v: v.update(target="litert"), "'litert'"),
        (lambda v: v.update(spec=[1]), "spec is"),
        (lambda v: v["spec"].update(map_size="56"), "map_size = '56', where int"),
        (lambda v: v["spec"].update(map_size=28), "not those of its spec"),
        (lambda v: v["spec"].update(level_strides=[0]), "makes no graphs"),
        (lambda v: v["spec"].update(level_strides=["8"]), "makes no graphs"),
        (lambda v: v.pop("graphs"), "not those of its spec"),
        (lambda v: v["graphs"]["track"].pop("signature"), "not those of its spec"),
        (lambda v: v["members"].pop("golden.npz"), "its spec asks for"),
        (lambda v: v["members"].update({"../evil": "0"}), "its spec asks for"),
    ],
)
def test_wrong_manifest_names_the_key(data: bytes, change: Callable[[dict[str, Any]], None], message: str) -> None:
    with pytest.raises(BundleError, match=message):
        Bundle.open(rewritten(data, change))


def test_bundle_that_was_zipped_anew_is_refused(data: bytes) -> None:
    source = zipfile.ZipFile(io.BytesIO(data))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
    with pytest.raises(BundleError, match="zipped anew"):
        Bundle.open(archive.getvalue())


@pytest.mark.parametrize("text", [b"{", b"[]", b"[" * 100_000, b"\xff", b"null"])
def test_manifest_that_is_not_an_object_is_refused(text: bytes) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr("manifest.json", text)
    with pytest.raises(BundleError, match="manifest"):
        Bundle.open(archive.getvalue())


def test_unlisted_member_is_refused(data: bytes) -> None:
    archive = io.BytesIO(data)
    with zipfile.ZipFile(archive, "a") as target:
        target.writestr("extra.bin", b"x")
    with pytest.raises(BundleError, match=r"extra\.bin"):
        Bundle.open(archive.getvalue())


def test_unknown_graph_names_the_known(data: bytes) -> None:
    with pytest.raises(BundleError, match="'dense_2'; it has detect, dense_1, dense_4, track"):
        Bundle.open(data).graph("dense_2")


def test_writer_wants_exactly_the_graphs_of_the_spec(tmp_path: Path) -> None:
    graphs = {name: model for name, model in GRAPHS.items() if name != "track"}
    with pytest.raises(BundleError, match="track"):
        write_bundle(tmp_path / "x.dpm", MANIFEST, graphs, GOLDEN)
    assert not list(tmp_path.iterdir())


def test_unwritable_place_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="choose another place") as caught:
        write_bundle(tmp_path / "file" / "x.dpm", MANIFEST, GRAPHS, GOLDEN)
    assert isinstance(caught.value, DensePoseError)

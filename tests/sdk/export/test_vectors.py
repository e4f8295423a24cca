"""The committed golden vectors are what the SDK computes, and rounding decides none of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from densepose_mobile.errors import OutputError
from densepose_mobile.export import golden_vectors, write_vectors
from densepose_mobile.export import vectors as module
from densepose_mobile.export.encoding import VectorFile, tensor
from densepose_mobile.export.pixel_cases import people_case
from densepose_mobile.postprocess.maps import DenseMaps

COMMITTED = Path(__file__).parents[3] / "apps/vectors"
FILES = {file.step: file for file in golden_vectors()}


def differences(path: str, committed: Any, fresh: Any, tolerance: float) -> list[str]:
    """Where two JSON values differ: floats by more than the tolerance, all else at all."""
    if isinstance(committed, float) and isinstance(fresh, float):
        off = abs(committed - fresh) > tolerance * max(1.0, abs(committed))
        return [f"{path}: {committed} is now {fresh}"] if off else []
    if isinstance(committed, dict) and isinstance(fresh, dict) and committed.keys() == fresh.keys():
        return [d for key in committed for d in differences(f"{path}.{key}", committed[key], fresh[key], tolerance)]
    if isinstance(committed, list) and isinstance(fresh, list) and len(committed) == len(fresh):
        pairs = zip(committed, fresh, strict=True)
        return [d for index, (a, b) in enumerate(pairs) for d in differences(f"{path}[{index}]", a, b, tolerance)]
    return [] if committed == fresh and type(committed) is type(fresh) else [f"{path}: {committed!r} is now {fresh!r}"]


def test_every_step_is_committed_and_nothing_else() -> None:
    assert {path.stem for path in COMMITTED.glob("*.json")} == set(FILES)
    assert sum(path.stat().st_size for path in COMMITTED.iterdir()) < 700_000
    described = (COMMITTED / "README.md").read_text("utf-8")
    assert all(f"`{step}.json`" in described for step in FILES)


@pytest.mark.parametrize("step", FILES)
def test_the_committed_vectors_are_fresh(step: str) -> None:
    """Else: `densepose-mobile bundle vectors --out apps/vectors`."""
    committed = json.loads((COMMITTED / f"{step}.json").read_text("utf-8"))
    fresh = json.loads(FILES[step].text())
    assert differences(step, committed, fresh, committed["tolerance"]) == []
    assert len({case["name"] for case in committed["cases"]}) == len(committed["cases"])


def test_the_comparison_finds_differences() -> None:
    before = {"values": [1.0, 2.0], "kept": [1, 2]}
    assert differences("", before, {"values": [1.0, 2.0 + 1e-7], "kept": [1, 2]}, 1e-6) == []
    assert len(differences("", before, {"values": [1.0, 2.1], "kept": [1, 2]}, 1e-6)) == 1
    assert len(differences("", before, {"values": [1.0, 2.0], "kept": [1, 3]}, 1e-6)) == 1
    assert len(differences("", before, {"values": [1.0], "kept": [1, 2]}, 1e-6)) == 1


def jittered(encoded: dict[str, Any], rng: np.random.Generator) -> NDArray[np.float32]:
    values = np.array(encoded["values"], np.float64).reshape(encoded["shape"])
    return (values * (1 + rng.uniform(-1e-6, 1e-6, values.shape))).astype(np.float32)


@pytest.mark.parametrize("seed", range(5))
def test_rounding_decides_no_pixel(seed: int) -> None:
    """Noise of the size of float32 rounding changes no part, no byte and no owner."""
    rng = np.random.default_rng(seed)
    for case in FILES["people"].cases:
        given, expected = case["given"], case["expected"]
        if "equal" in case["name"]:
            continue  # ties on purpose, in numbers that are exact
        maps = []
        for person in given["people"]:
            arrays = (jittered(person[name], rng) for name in ("foreground", "parts", "u", "v", "confidence"))
            maps.append(DenseMaps(np.array(person["roi"]["values"], np.float32), *arrays))
        scores = [person["score"] for person in given["people"]]
        again = people_case(case["name"], maps, scores, given["height"], given["width"])["expected"]
        assert again["iuv"] == expected["iuv"], case["name"]
        assert [p["part"] for p in again["people"]] == [p["part"] for p in expected["people"]]


def test_rounding_decides_no_silhouette() -> None:
    for case in FILES["silhouette"].cases:
        if case["expected"]["box"] is not None:
            assert np.abs(case["expected"]["logit"]["values"]).min() > 1e-4, case["name"]


def test_the_vectors_reach_the_edges() -> None:
    """What the cases are named for does happen in them."""
    people = {case["name"]: case["expected"]["people"] for case in FILES["people"].cases}
    pixels = {name: [np.count_nonzero(p["part"]["values"]) for p in found] for name, found in people.items()}
    assert pixels["nobody"] == []
    assert pixels["a tiny RoI"][0] < 20
    assert [p["index"] for p in people["off the picture, and one on it"]] == [1]
    assert [p["index"] for p in people["one person seen twice"]] == [0]
    assert pixels["two who overlap"][0] < pixels["a doubtful one in front"][0]
    assert set(people["equal logits: the lower part"][0]["part"]["values"]) == {3, 9}
    assert people["cut by the border"][0]["box"][:2] == [0, 0]
    silhouettes = {case["name"]: case for case in FILES["silhouette"].cases}
    speckled = silhouettes["specks and holes"]
    before = np.array(speckled["given"]["foreground"]["values"]) > 0
    after = np.array(speckled["expected"]["cells"]["values"]) > 0
    assert np.count_nonzero(before & ~after) == 3
    assert np.count_nonzero(after & ~before) >= 2
    assert sum(case["expected"]["box"] is None for case in silhouettes.values()) == 4
    assert sum("expected" not in case for case in FILES["letterbox"].cases) == 4


def test_float32_comes_back_exactly() -> None:
    values = np.random.default_rng(0).normal(0, 1e3, 200).astype(np.float32)
    text = VectorFile("x", "y", 0.0, [{"name": "n", "given": tensor(values)}]).text()
    read = json.loads(text)["cases"][0]["given"]
    np.testing.assert_array_equal(np.array(read["values"], np.float32), values)
    assert read["shape"] == [200]
    with pytest.raises(ValueError, match="finite"):
        tensor(np.array([np.inf]))
    with pytest.raises(ValueError, match="finite"):
        tensor(np.array([np.nan]))


def test_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = golden_vectors()[3:5]
    monkeypatch.setattr(module, "golden_vectors", lambda: few)
    paths = write_vectors(tmp_path / "new" / "vectors")
    assert [path.name for path in paths] == ["nms.json", "select.json"]
    assert paths[0].read_text("utf-8") == few[0].text()


def test_a_disk_that_fills_up_leaves_earlier_vectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fill_disk: Callable[[], None]
) -> None:
    few = golden_vectors()[3:5]
    monkeypatch.setattr(module, "golden_vectors", lambda: few)
    earlier = {tmp_path / name: b"earlier" for name in ("nms.json", "select.json")}
    for path, data in earlier.items():
        path.write_bytes(data)
    fill_disk()
    with pytest.raises(OutputError, match="No space left"):
        write_vectors(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == earlier

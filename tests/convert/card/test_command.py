"""`densepose-mobile card` on a tiny bundle and results files made by hand, and the committed card."""

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from densepose_mobile.bundle import Manifest, registered, write_bundle
from densepose_mobile.cli.main import main
from densepose_mobile.cli.results_file import model_card as described
from densepose_mobile.spec import ModelSpec

ROOT = Path(__file__).parents[3]
SPEC = ModelSpec(detect_size=64, track_size=64)
CHAIN = {
    "calls": 7,
    "outputs": {"parts": {"sqnr_db": 33.33, "max_abs": 1.0}, "u": {"sqnr_db": 22.22, "max_abs": 2.0}},
    "maps": {"rois": 9, "label_agreement": 0.9876, "uv_mean_abs": 0.00123},
}
TRAINING = {
    "recipe": {"name": "tiny", "losses": {"uv": 5.0, "score": 2.5}, "optimisation": {"max_steps": 90, "clip": 1.0}},
    "seed": 4,
    "step": 90,
    "data": {"pictures": 2000, "renders": [{"seed": 8, "pictures": 1500}], "photos": {"pictures": 3, "people": 5}},
    "init": {"seed": 2, "step": 30, "data": {"pictures": 12}, "init": {"recovered_from": "ab" * 32, "step": 10}},
}
NOTES = "# Notes\n\n## What it is for\n\nFun.\n\n## What it is not for\n\n- War.\n\n## Known failures\n\n- Chairs.\n"


def bundle(path: str, target: str = "litert-int8", weights: str = "c" * 64) -> None:
    told = {"id": "d" * 64, "pictures": 12, "sources": {"photos": 2, "train": 10}}
    quantisation = {
        "weights": "int8", "activations": "int8 too", "inputs_outputs": "float32", "float_operators": "pooling",
        "calibration": told, "ranges": "minmax", "rounding": "nearest", "seed": 6,
    }  # fmt: skip
    provenance = {"checkpoint_sha256": weights, "training": TRAINING, "tools": {"torch": "9.9"}}
    manifest = Manifest(
        "tiny", "1.2", target, SPEC, "atlas7", provenance=provenance,
        quantisation=quantisation if target.endswith("int8") else {}, metrics={"parity": {"chain": CHAIN}},
    )  # fmt: skip
    write_bundle(
        Path(path), manifest, {graph.name: b"x" * 20_000 for graph in SPEC.graphs()}, {"detect/image": np.zeros(1)}
    )


def measure(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.1, "high": value + 0.1, "count": 5}


def evaluation(name: str, model: str = "tiny.dpm", **more: Any) -> dict[str, Any]:
    measures = {key: measure(0.5) for key in ("recall", "false_positives", "mask_iou", "keypoint_agreement")}
    measures |= {"limb_agreement": measure(0.25), "swap_rate": measure(0.2), "keypoint_gps": measure(0.6)}
    return {
        "command": f"densepose-mobile evaluate --out results/{name}",
        "model": described(model),
        "options": {"mode": "balanced", "score": 0.4},
        "data": {"pictures": 1234, "people": 2345},
        "report": {"measures": measures, "keypoint_confidence": {"ece": 0.07}},
        "baselines": {"constant-uv": {"measures": {"keypoint_gps": measure(0.3)}}},
        "differences": {"against": {"recall": measure(0.05)}},
        **more,
    }


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a bundle, notes, a data sheet and a recipe, and no results yet."""
    monkeypatch.chdir(tmp_path)
    bundle("tiny.dpm")
    for folder in ("results", "docs/models", "recipes"):
        Path(folder).mkdir(parents=True)
    Path("docs/models/tiny.notes.md").write_text(NOTES)
    Path("recipes/tiny.yaml").write_text("name: tiny\nlosses:\n  score: 2.0\noptimisation:\n  max_steps: 5\n")
    rows = [
        "| hdri | CC0-1.0 | 4 |",
        "| poses | MIT | 1 |",
        "| poses | CC0-1.0 | 2 |",
        "| new things | CC-BY-4.0 | 1 |",
    ]
    Path("docs/data_sheet.md").write_text(
        "| 0 | 6 % | x |\n\n## Ingredients\n\n| folder | licence | files |\n|---|---|---|\n" + "\n".join(rows)
    )
    return tmp_path


def put(name: str, content: dict[str, Any]) -> None:
    (Path("results") / name).write_text(json.dumps(content))


def card(*words: str) -> str:
    assert main(["card", *(words or ("tiny.dpm",)), "--recipes", "recipes"]) == 0
    return Path("docs/models/tiny.md").read_text()


def test_without_results_the_card_says_what_to_run(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = card()
    assert capsys.readouterr().out.strip() == "docs/models/tiny.md"
    assert text.startswith("# tiny 1.2\n")
    order = [
        "## What it is for\n\nFun.",
        "## What it is not for\n\n- War.",
        "## Known failures\n\n- Chairs.",
        "## Graphs",
    ]
    assert [text.index(title) for title in order] == sorted(text.index(title) for title in order)
    for title in ("How good", "Modes", "For whom", "How fast", "same on every"):
        assert f"# {title}" not in text
    missing = text[text.index("## Not measured") :]
    for name in ("coco_mini_val2017", "synthetic_val", "modes_fast", "people_photos", "slices_tiny", "bench", "parity"):
        assert f"results/{name}.json" in missing
    assert "| `detect` | whole picture to features, scores and boxes | image 1x64x64x3 |" in text
    assert "each a signature of its name: `model.tflite` of litert-int8, 0.02 MB." in text


def test_sizes_of_bundles_with_a_file_a_graph(place: Path) -> None:
    bundle("other.dpm", target="onnx-fp32")
    text = card("tiny.dpm", "other.dpm")
    assert "| outputs | MB, onnx-fp32 |" in text
    assert text.count("| 0.02 |\n") == len(SPEC.graphs())
    assert "`model.tflite` of litert-int8, 0.02 MB." in text


def test_figures_name_their_file_and_command(place: Path) -> None:
    put("synthetic_val.json", evaluation("synthetic_val.json"))
    for mode in ("fast", "balanced", "accurate"):
        put(f"modes_{mode}.json", evaluation(f"modes_{mode}.json"))
    text = card()
    assert "2,345 held-out rendered people, 1,234 pictures" in text
    assert "COCO val2017" not in text.partition("## Not measured")[0]
    assert "| people found | .500 [.400, .600] |" in text
    assert "| keypoint-GPS | .600 [.500, .700] (.300) |" in text
    assert "| people found | .500 | .500, +.050 [-.050, .150] | .500, +.050 [-.050, .150] |" in text
    named = "- [results/synthetic_val.json](../../results/synthetic_val.json): `densepose-mobile evaluate --out"
    assert named in text


def test_figures_of_another_bundle_are_left_out(place: Path) -> None:
    bundle("other.dpm", target="litert-fp32")
    put("synthetic_val.json", evaluation("synthetic_val.json", model="other.dpm"))
    text = card()
    assert "## How good" not in text
    assert "results/synthetic_val.json" in text[text.index("## Not measured") :]


def test_slices_are_rows(place: Path) -> None:
    part = {"title": "age", "classes": {"child": {"people": 9, "measures": {"recall": measure(0.3)}}}}
    put("slices_tiny.json", evaluation("slices_tiny.json", slices={"input_side": 64, "by": {"age": part}}))
    text = card()
    assert "| **age** | | | | | | | | |\n| child | 9 | .300 [.200, .400] | | | | | | |" in text
    assert "64 x 64 px" in text
    assert "worst and the best" not in text  # of one class


def test_slices_that_part_people_are_named(place: Path) -> None:
    def part(*values: float) -> dict[str, Any]:
        kinds = {
            str(value): {"people": 9, "measures": {"keypoint_agreement": measure(value), "recall": measure(0.5)}}
            for value in values
        }
        return {"title": "some", "classes": kinds}

    by = {"scale": part(0.5, 0.2, 0.71), "age": part(0.5, 0.6), "skin": part(0.4, 0.5)}
    put("slices_tiny.json", evaluation("slices_tiny.json", slices={"input_side": 64, "by": by}))
    text = card()
    told = [line for line in text.splitlines() if line.startswith("- Of ")]
    assert len(told) == 2  # nothing is known of the third
    assert told[0].startswith("- Of people found, they overlap by scale, age, skin,")
    assert told[1].startswith(
        "- Of keypoints on the right part, the intervals of the worst and the best class lie apart by scale; they "
        "overlap by age, skin,"
    )


def row(target: str, **what: Any) -> dict[str, Any]:
    about = {"model": "tiny", "version": "1.2", "target": target, "backend": target.partition("-")[0], "threads": 1}
    return {**about, "cpu_ms": {"p50": 12.34}, "peak_mib": 99.6, **what}


def test_times_of_one_thread_and_of_this_version(place: Path) -> None:
    runs = [row("litert-int8", mode="fast"), row("litert-int8", mode="accurate", cpu_ms={"p50": 30.0})]
    runs += [
        row("onnx-fp32", mode="fast", error="no runtime"),
        row("litert-int8", mode="fast", threads=2, cpu_ms={"p50": 1}),
    ]
    runs += [row("litert-fp32", mode="fast", version="1.1", cpu_ms={"p50": 2.0})]
    machine = {"processor": "Abacus", "instruction_sets": []}
    picture = {"name": "a.png", "width": 5, "height": 6}
    put("bench.json", {"command": "bench", "machine": machine, "pictures": [picture], "runs": runs, "graphs": []})
    text = card()
    assert "| ms | litert-int8 |\n|---|---|\n| picture, `fast` | 12.3 |\n| picture, `accurate` | 30.0 |" in text
    assert "| peak memory, MiB | 100 |" in text
    assert "Abacus" in text


def test_parity_is_of_these_weights(place: Path) -> None:
    ours = {"command": "convert all", "checkpoint_sha256": "c" * 64, "run": "mil", "graphs": {"chain": CHAIN}}
    targets = {
        "coreml-fp16": ours,
        "litert-int8": {**ours, "command": "convert int8", "run": "litert"},
        "onnx-fp32": {**ours, "checkpoint_sha256": "e" * 64},
        "executorch-vulkan-fp32": {**ours, "run": "lowered, not run", "graphs": {}},
    }
    put("parity.json", {"targets": targets})
    text = card()
    assert "| litert-int8 | litert | 7 | 22.2 | .988 | 0.0012 |\n| coreml-fp16 | mil | 7 |" in text
    assert "| executorch-vulkan-fp32 | lowered, not run | | | | |" in text
    assert "onnx-fp32" not in text
    assert "parity.json): `convert all`" in text
    assert "parity.json): `convert int8`" in text


def test_how_it_was_made(place: Path) -> None:
    text = card()
    assert (
        "| 1 | not recorded | 10 | | | | |\n"
        "| 2 | not recorded | 30 | 12 | 2 | | |\n"
        "| 3 | tiny | 90 | 2,000 | 4 | 1,500 of seed 8 | 3, 5 people |" in text
    )
    assert "run 1 were read back out of the bundle that they had been converted to (sha256 `abababababab`)" in text
    assert "as the run had it: losses.score 2.5, optimisation.max_steps 90." in text
    assert "losses.uv" not in text
    assert "come from 12 pictures (2 of photos, 10 of train; set `dddddddddddd`)" in text
    assert "| motion capture and poses | MIT; CC0-1.0 |" in text
    assert "| new things | CC-BY-4.0 |" in text


def test_what_cannot_make_a_card_is_named(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle("other.dpm", target="litert-fp16", weights="f" * 64)
    assert main(["card", "tiny.dpm", "other.dpm"]) == 1
    assert "bundles of 2 models" in capsys.readouterr().err
    put("synthetic_val.json", {})
    Path("results/synthetic_val.json").write_text("[")
    assert main(["card", "tiny.dpm"]) == 1
    assert "synthetic_val.json is no results file" in capsys.readouterr().err.replace("\n", " ")
    put("synthetic_val.json", {})
    Path("docs/models/tiny.notes.md").write_text(NOTES.replace("## Known failures", "## Known"))
    assert main(["card", "tiny.dpm"]) == 1
    assert "no section 'Known failures'" in capsys.readouterr().err.replace("\n", " ")
    assert not Path("docs/models/tiny.md").exists()


def test_the_committed_card_is_what_bundles_and_results_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "small" not in registered():
        pytest.skip("no bundle is shipped yet")
    monkeypatch.chdir(ROOT)
    committed = ROOT / "docs/models/small.md"
    fresh = ROOT / "docs/models" / f".small.{os.getpid()}.md"  # links depend on the folder
    try:
        words = ["card", "small", "small-fp16", "--out", str(fresh), "--notes", "docs/models/small.notes.md"]
        assert main(words) == 0
        text = fresh.read_text("utf-8")
    finally:
        fresh.unlink(missing_ok=True)
    assert text == committed.read_text("utf-8"), "make it again: densepose-mobile card small small-fp16"
    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert (committed.parent / link).exists(), link

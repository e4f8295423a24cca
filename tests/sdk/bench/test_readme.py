"""The times that README.md states are those of results/bench.json."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
LINES = {
    "picture, `fast`": ("mode", "fast"),
    "picture, `balanced`": ("mode", "balanced"),
    "picture, `accurate`": ("mode", "accurate"),
    "frame of a video": ("mode", "video"),
    "graph `detect`": ("graph", "detect"),
    "graph `dense`": ("graph", "dense_1"),
    "graph `track`": ("graph", "track"),
}


def times(rows: Sequence[Mapping[str, Any]]) -> str:
    """Markdown: one column a bundle and backend, medians of the processor's time of those on one thread."""
    rows = [row for row in rows if row["threads"] == 1 and "error" not in row]
    columns = list(dict.fromkeys((row["target"], row["backend"]) for row in rows))
    heads = [f"{target} on {backend}" if target.partition("-")[0] != backend else target for target, backend in columns]
    text = ["| ms | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for name, (kind, value) in LINES.items():
        found = {(row["target"], row["backend"]): row["cpu_ms"]["p50"] for row in rows if row.get(kind) == value}
        text.append(f"| {name} | " + " | ".join(f"{found[column]:.1f}" for column in columns) + " |")
    peaks = {(row["target"], row["backend"]): row["peak_mib"] for row in rows if row.get("mode") == "accurate"}
    text.append("| peak memory, MiB | " + " | ".join(f"{peaks[column]:.0f}" for column in columns) + " |")
    return "\n".join(text)


def test_readme_states_the_times_of_the_results_file() -> None:
    content = json.loads((ROOT / "results" / "bench.json").read_text("utf-8"))
    table = times([*content["runs"], *content["graphs"]])
    readme = (ROOT / "README.md").read_text("utf-8")
    assert table in readme, f"put this into README.md:\n{table}"
    assert content["machine"]["processor"] in readme


def test_the_file_holds_a_person_followed_in_float_on_one_thread() -> None:
    content = json.loads((ROOT / "results" / "bench.json").read_text("utf-8"))
    rows = [
        row for row in content["runs"] if (row["mode"], row["threads"], row["target"]) == ("video", 1, "litert-fp32")
    ]
    assert rows
    assert all(sum(row["people"].values()) == 1 and row["ms"]["total"]["p50"] > 0 for row in rows)

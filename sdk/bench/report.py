"""Measurements as rows: of JSON, of CSV."""

import csv
import io
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from densepose_mobile.bench.accuracy import Accuracy
from densepose_mobile.bench.case import Case, Measurement
from densepose_mobile.bench.runner import Failure

__all__ = ["csv_text", "row_of", "spread"]


def spread(values: Sequence[float]) -> dict[str, float]:
    """p50, p95 and mean, milliseconds."""
    p50, p95 = np.percentile(values, [50, 95])
    return {"p50": round(float(p50), 3), "p95": round(float(p95), 3), "mean": round(statistics.fmean(values), 3)}


def row_of(
    case: Case,
    outcome: Sequence[Measurement] | Failure,
    card: Mapping[str, Any],
    accuracy: Sequence[Accuracy] = (),
) -> dict[str, Any]:
    """One case as plain values.

    card: name, version, target and sha256 of the model. outcome: a measurement a round; the calls of all rounds are
    pooled, and `rounds_p50` has the median of each round's totals, which shows how the machine drifted. accuracy: the
    figures about this bundle in this mode are taken, the others left.
    """
    row: dict[str, Any] = {
        "model": card["name"],
        "version": card["version"],
        "target": card["target"],
        "sha256": card["sha256"],
        "backend": case.backend,
        ("mode" if case.graph is None else "graph"): case.mode if case.graph is None else case.graph,
        "threads": case.threads,
    }
    if isinstance(outcome, Failure):
        return {**row, "error": outcome.reason}
    row["backend"] = outcome[0].backend
    row["placement"] = dict(outcome[0].placement)
    row["elsewhere"] = list(outcome[0].elsewhere)
    pooled: dict[str, list[float]] = {}
    for measurement in outcome:
        for stage, values in measurement.ms.items():
            pooled.setdefault(stage, []).extend(values)
    if case.graph is None:
        row["people"] = dict(outcome[-1].people)
    row["load_ms"] = _median(m.load_ms for m in outcome)
    row["first_ms"] = _median(m.first_ms for m in outcome)
    row["base_mib"] = _largest(m.base_mib for m in outcome)
    row["peak_mib"] = _largest(m.peak_mib for m in outcome)
    row["calls"] = len(pooled["total"])
    row["ms"] = {stage: spread(values) for stage, values in pooled.items()}
    row["rounds_p50"] = [round(statistics.median(m.ms["total"]), 3) for m in outcome]
    row["cpu_ms"] = spread([value for m in outcome for value in m.cpu_ms])
    found = {a.source: dict(a.measures) for a in accuracy if (a.sha256, a.mode) == (card["sha256"], case.mode)}
    return {**row, "accuracy": found} if found else row


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as CSV, nested names joined by dots; people are the sum over the pictures."""
    flat = [_flat({**row, **({"people": sum(row["people"].values())} if "people" in row else {})}) for row in rows]
    names = list(dict.fromkeys(name for row in flat for name in row))
    order = ["model", "version", "target", "sha256", "backend", "mode", "graph", "threads", "error"]
    names.sort(key=lambda name: order.index(name) if name in order else len(order))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat.update(_flat(value, f"{prefix}{name}."))
        else:
            flat[f"{prefix}{name}"] = " ".join(map(str, value)) if isinstance(value, list) else value
    return flat


def _median(values: Any) -> float:
    return round(statistics.median(values), 3)


def _largest(values: Any) -> float | None:
    known = [value for value in values if value is not None]
    return round(max(known), 1) if known else None

"""Figures on the atlas: distortion and overlap of each chart, geodesic error, sizes."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.atlas import Atlas
from densepose_mobile.parts import NUM_PARTS, PART_NAMES
from densepose_mobile.train.atlas.build import Charts
from densepose_mobile.train.atlas.geodesics import Skin, exact_distances
from densepose_mobile.train.atlas.unwrap import distortion, overlap, vertex_area

__all__ = ["geodesic_errors", "report", "vertex_labels", "write_report"]

_SEED: Final = 20


def report(atlas: Atlas, charts: Charts, sources: int = 24) -> dict[str, Any]:
    """Everything that docs/atlas.json tells. sources: points whose exact distances to all others are measured."""
    return {
        "command": "densepose-mobile atlas build",
        "id": atlas.id,
        "height_m": atlas.height,
        "vertices": len(atlas.vertices),
        "triangles": len(atlas.faces),
        "geodesic_nodes": len(atlas.nodes),
        "geodesics": geodesic_errors(atlas, sources),
        "charts": {str(part): _chart(charts, part) for part in range(1, NUM_PARTS + 1)},
    }


def write_report(path: Path, content: dict[str, Any]) -> None:
    """JSON, to a temporary name first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.partial")
    temporary.write_text(json.dumps(content, indent=1) + "\n")
    temporary.replace(path)


def geodesic_errors(atlas: Atlas, sources: int, targets: int = 2000) -> dict[str, Any]:
    """`Atlas.geodesic` against exact distances on the cut mesh, between random vertices.

    sources, targets: vertices drawn by area; each source costs about a second.
    """
    rng = np.random.default_rng(_SEED)
    corner = atlas.vertices[atlas.faces].astype(np.float64)
    area = np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1)
    weight = np.bincount(atlas.faces.ravel(), np.repeat(area, 3), len(atlas.vertices))
    chance = weight / weight.sum()
    part, uv = vertex_labels(atlas)
    whole = Skin(atlas.vertices.astype(np.float64), atlas.faces, np.zeros(0, np.int32), 0)
    exact, found = [], []
    for source in rng.choice(len(chance), sources, replace=False, p=chance):
        target = rng.choice(len(chance), targets, replace=False, p=chance)
        exact.append(exact_distances(whole, np.array([source], np.int32))[target])
        here = np.full(targets, source)
        found.append(atlas.geodesic(part[here], uv[:, here], part[target], uv[:, target]))
    truth, error = np.concatenate(exact), np.concatenate(found) - np.concatenate(exact)
    bands = {}
    for low, high in ((0.0, 0.1), (0.1, 0.3), (0.3, 3.0)):
        inside = (truth >= low) & (truth < high)
        bands[f"{low:g}-{high:g} m"] = _spread(error[inside])
    return {"pairs": len(error), "error_mm": _spread(error), "error_mm_by_distance": bands}


def vertex_labels(atlas: Atlas) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """part (V,) and uv (2, V) of every vertex of the cut mesh, on one of the charts that it belongs to."""
    part = np.zeros(len(atlas.vertices), np.uint8)
    uv = np.zeros((2, len(atlas.vertices)), np.float32)
    part[atlas.faces.ravel()] = np.repeat(atlas.part, 3)
    uv[:, atlas.faces.ravel()] = atlas.chart_uv[atlas.chart_faces.ravel()].T
    return part, uv


def _spread(error: NDArray[np.floating]) -> dict[str, float]:
    absolute = np.abs(error) * 1000
    return {
        "mean": round(float(absolute.mean()), 2),
        "p95": round(float(np.quantile(absolute, 0.95)), 2),
        "max": round(float(absolute.max()), 2),
        "bias": round(float(error.mean() * 1000), 2),
    }


def _chart(charts: Charts, part: int) -> dict[str, Any]:
    chart, uv = charts.chart(part)
    area = vertex_area(chart).sum()
    size, sense = _metric_size(charts, part)
    flat = uv * size * [1.0, sense]
    measured = {name: round(value, 4) for name, value in asdict(distortion(chart, flat)).items()}
    return {
        "name": PART_NAMES[part],
        "triangles": len(chart.faces),
        "area_cm2": round(float(area) * 1e4, 1),
        "size_mm": [round(float(side) * 1000, 1) for side in size],
        **measured,
        "overlap": round(overlap(chart, flat, 2048), 6),
    }


def _metric_size(charts: Charts, part: int) -> tuple[NDArray[np.float64], float]:
    """Metres that U = 1 and V = 1 span (root mean square), and +1 where U -> V turns counter-clockwise, else -1."""
    chart, uv = charts.chart(part)
    p, q = chart.vertices[chart.faces], uv[chart.faces]
    edge = np.stack([p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]], axis=1)
    step = np.stack([q[:, 1] - q[:, 0], q[:, 2] - q[:, 0]], axis=1)
    # columns of the inverse map: how far the body moves for a unit of u and of v
    jacobian = np.linalg.solve(step, edge)
    area = np.linalg.norm(np.cross(edge[:, 0], edge[:, 1]), axis=1)
    size = np.sqrt((np.square(jacobian).sum(axis=2) * area[:, None]).sum(axis=0) / area.sum())
    turning = np.linalg.det(step)
    return size, float(np.sign((turning * area).sum()))

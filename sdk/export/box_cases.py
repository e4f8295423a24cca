"""Golden vectors of the steps on boxes: letterbox, decoding, suppression, regions of interest."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import InputError
from densepose_mobile.export.encoding import Case, spec_fields, tensor
from densepose_mobile.imaging import Letterbox
from densepose_mobile.postprocess import box_iou, crop_square, decode_boxes, locations, nms, roi_boxes, roi_weights
from densepose_mobile.postprocess.decode import sigmoid
from densepose_mobile.postprocess.detections import select_people
from densepose_mobile.spec import ModelSpec

__all__ = ["decode_cases", "letterbox_cases", "nms_cases", "roi_cases", "select_cases"]

_SMALL: Final = ModelSpec(detect_size=64, track_size=32, roi_size=6, map_size=8)


def letterbox_cases() -> list[Case]:
    """Both mappings, of whole pictures and of windows, and what is no window."""
    cases = []
    for name, width, height, size in (
        ("landscape", 640, 480, 320),
        ("portrait with an odd rest", 333, 500, 320),
        ("as it is", 320, 320, 320),
        ("enlarged", 31, 47, 320),
        ("a line of pixels", 5000, 1, 320),
        ("halves round to even", 5, 2, 4),
        ("one pixel", 1, 1, 64),
        ("no pixel", 0, 10, 320),
    ):
        cases.append(_letterbox_case(name, {"kind": "fit", "width": width, "height": height, "size": size}))
    for name, square in (
        ("window inside", [10.0, 20.0, 110.0, 120.0]),
        ("window beyond the picture", [-50.25, -8.5, 141.75, 183.5]),
        ("window of a fraction of a pixel", [7.25, 3.5, 7.5, 3.75]),
        ("window with a rounding error", [0.1, 0.1, 1000.2, 1000.1998]),
        ("not square", [0.0, 0.0, 10.0, 12.0]),
        ("no side", [5.0, 5.0, 5.0, 5.0]),
        ("turned round", [9.0, 9.0, 1.0, 1.0]),
    ):
        cases.append(_letterbox_case(name, {"kind": "window", "square": tensor(np.array(square)), "size": 192}))
    return cases


def _letterbox_case(name: str, given: dict[str, Any]) -> Case:
    points = np.array([[0, 0], [0.5, 0.5], [320, 240], [-17.25, 900.125], [4031.7, 3023.9]], np.float32)
    boxes = np.array([[1.5, 2.25, 33.125, 64.5], [-10, -10, 700, 500]], np.float32)
    given = {**given, "points": tensor(points), "boxes": tensor(boxes)}
    try:
        if given["kind"] == "fit":
            letterbox = Letterbox.fit(given["width"], given["height"], given["size"])
        else:
            letterbox = Letterbox.window(np.array(given["square"]["values"], np.float32), given["size"])
    except InputError:
        return {"name": name, "given": given}
    expected = {
        "scale": letterbox.scale,
        "pad": list(letterbox.pad),
        "network_points": tensor(letterbox.to_network(points)),
        "source_points": tensor(letterbox.from_network(points)),
        "network_boxes": tensor(letterbox.to_network(boxes)),
        "source_boxes": tensor(letterbox.from_network(boxes)),
    }
    return {"name": name, "given": given, "expected": expected}


def decode_cases() -> list[Case]:
    """Locations of every row, boxes of its distances, probabilities of its logits."""
    rng = np.random.default_rng(11)
    cases = []
    for name, spec in (
        ("three levels", ModelSpec(detect_size=32)),
        ("two levels", ModelSpec(detect_size=48, level_strides=(8, 16))),
        ("levels that do not divide the picture", ModelSpec(detect_size=40, level_strides=(8, 16, 32))),
    ):
        rows = spec.num_locations
        distances = rng.uniform(0, 6, (rows, 4)).round(3).astype(np.float32)
        distances[:2] = [[0.0, 0.0, 0.0, 0.0], [100.0, 0.0, 250.5, 7.0]]
        logits = rng.normal(0, 3, rows).round(3).astype(np.float32)
        logits[:6] = [0.0, -0.0, 100.0, -100.0, 1e4, -1e4]
        centres, strides = locations(spec)
        given = {"spec": spec_fields(spec), "distances": tensor(distances), "logits": tensor(logits)}
        expected = {
            "centres": tensor(centres),
            "strides": tensor(strides),
            "boxes": tensor(decode_boxes(distances, spec)),
            "probabilities": tensor(sigmoid(logits)),
        }
        cases.append({"name": name, "given": given, "expected": expected})
    return cases


def nms_cases() -> list[Case]:
    """Overlap of every pair, and the rows that stay, best first."""
    rng = np.random.default_rng(12)
    corner = rng.uniform(0, 40, (14, 2))
    crowd = np.concatenate([corner, corner + rng.uniform(8, 30, (14, 2))], 1).round(2).astype(np.float32)
    scores = rng.uniform(0.3, 1, 14).round(3).astype(np.float32)
    pile = np.tile(np.array([[4, 4, 24, 44]], np.float32), (4, 1))
    chain = np.array([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10], [12, 0, 22, 10]], np.float32)
    flat = np.array([[3, 3, 3, 9], [3, 3, 3, 9], [5, 5, 2, 2], [0, 0, 8, 8]], np.float32)
    even = np.array([[0, 0, 12, 8], [0, 0, 6, 8], [0, 0, 24, 8]], np.float32)  # overlaps of exactly 0.5, 0.25
    return [
        _nms_case("nobody", np.zeros((0, 4), np.float32), np.zeros(0, np.float32), 0.5, 5),
        _nms_case("a crowd", crowd, scores, 0.4, 20),
        _nms_case("a crowd, cut to three", crowd, scores, 0.4, 3),
        _nms_case("none wanted", crowd, scores, 0.4, 0),
        _nms_case("equal scores: the earlier row", pile, np.full(4, 0.5, np.float32), 0.6, 5),
        _nms_case("equal scores, no overlap", chain[::3], np.full(2, 0.5, np.float32), 0.6, 5),
        _nms_case("what was suppressed suppresses nothing", chain, np.array([0.9, 0.8, 0.7, 0.6], np.float32), 0.2, 5),
        _nms_case("boxes without area", flat, np.array([0.9, 0.8, 0.7, 0.6], np.float32), 0.0, 5),
        _nms_case("an overlap of the limit stays", even, np.array([0.9, 0.8, 0.7], np.float32), 0.5, 5),
    ]


def _nms_case(name: str, boxes: NDArray[np.float32], scores: NDArray[np.float32], overlap: float, limit: int) -> Case:
    given = {"boxes": tensor(boxes), "scores": tensor(scores), "overlap": overlap, "limit": limit}
    expected = {"iou": tensor(box_iou(boxes, boxes)), "kept": nms(boxes, scores, overlap, limit).tolist()}
    return {"name": name, "given": given, "expected": expected}


def select_cases() -> list[Case]:
    """From raw outputs of `detect` to people: decoded, clipped, thresholded, suppressed."""
    rng = np.random.default_rng(13)
    rows = _SMALL.num_locations
    distances = rng.uniform(0.2, 3, (rows, 4)).round(2).astype(np.float32)
    logits = rng.normal(-1, 1.5, rows).round(2).astype(np.float32)
    logits[[5, 9, 30]] = 1.25
    off = distances.copy()
    off[:8, :2], off[:8, 2:] = 9, -2  # wholly left of the content
    whole, middle = [0.0, 0.0, 64.0, 64.0], [0.0, 12.0, 64.0, 52.0]
    half = np.full(rows, -9, np.float32)
    half[[3, 60, 70]] = [0, 0, -0.001]  # a probability of exactly the threshold counts
    cases = []
    for name, scores, edges, content, settings in (
        ("a picture of people", logits, distances, whole, (0.4, 0.6, 20)),
        ("padding above and below", logits, distances, middle, (0.4, 0.6, 20)),
        ("many overlaps allowed", logits, distances, whole, (0.6, 0.95, 20)),
        ("the best two", logits, distances, whole, (0.4, 0.3, 2)),
        ("boxes off the picture", logits + np.float32(4), off, [12.0, 0.0, 52.0, 64.0], (0.7, 0.5, 20)),
        ("nobody", np.full(rows, -9, np.float32), distances, whole, (0.4, 0.6, 20)),
        ("exactly at the threshold", half, distances, whole, (0.5, 0.6, 20)),
    ):
        score, overlap, limit = settings
        boxes, kept = select_people(
            scores, edges, _SMALL, np.array(content, np.float32), score=score, iou=overlap, limit=limit
        )
        given = {
            "spec": spec_fields(_SMALL),
            "logits": tensor(scores),
            "distances": tensor(edges),
            "content": tensor(np.array(content)),
            "score": score,
            "overlap": overlap,
            "limit": limit,
        }
        cases.append({"name": name, "given": given, "expected": {"boxes": tensor(boxes), "scores": tensor(kept)}})
    return cases


def roi_cases() -> list[Case]:
    """RoIs of boxes, their pooling weights, and the squares that `track` looks at."""
    uneven = ModelSpec(detect_size=48, roi_size=5, roi_margin=1.1, track_margin=1.75, roi_min_aspect=0.8)
    cases = []
    for name, spec, boxes in (
        ("no box", _SMALL, []),
        ("inside", _SMALL, [[10, 12, 40, 52], [3.3, 8.1, 21.7, 55.9]]),
        ("cut by the border", _SMALL, [[-4, -6, 20, 30], [40, 44, 80, 70.5]]),
        ("off the picture", _SMALL, [[-90, 10, -40, 50], [200, 200, 260, 290]]),
        ("tiny, empty and turned round", _SMALL, [[30, 30, 30.5, 30.25], [20, 20, 20, 20], [40, 40, 30, 30]]),
        ("slender", _SMALL, [[30, 2, 32, 62], [2, 30, 62, 31]]),
        ("larger than the picture", _SMALL, [[-100, -100, 164, 164]]),
        ("another spec", uneven, [[5, 6, 17, 40], [40, 40, 52, 46]]),
    ):
        array = np.array(boxes, np.float32).reshape(-1, 4)
        rois = roi_boxes(array, spec)
        wy, wx = roi_weights(rois, spec.detect_size // spec.feature_stride, spec.feature_stride, spec.roi_size)
        expected = {
            "rois": tensor(rois),
            "wy": tensor(wy),
            "wx": tensor(wx),
            "crop_squares": tensor(crop_square(array, spec)),
            "track_roi": list(spec.track_roi),
        }
        given = {"spec": spec_fields(spec), "boxes": tensor(array)}
        cases.append({"name": name, "given": given, "expected": expected})
    return cases

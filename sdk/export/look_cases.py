"""Golden vectors of the steps about looks: who is worth a second one, the mean of a look and of its mirror image."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.export.encoding import Case, spec_fields, tensor
from densepose_mobile.postprocess import roi_weights
from densepose_mobile.postprocess.closer import WORTHWHILE, closer_looks
from densepose_mobile.postprocess.mirror import mean_detections, mean_maps, mirror_input, mirror_weights
from densepose_mobile.spec import MAP_OUTPUTS, ModelSpec

__all__ = ["closer_cases", "mirror_cases"]

_TINY: Final = ModelSpec(detect_size=32, track_size=16, roi_size=3, map_size=4, level_strides=(8, 16))


def closer_cases() -> list[Case]:
    """Rows of the boxes whose crops are worthwhile, the largest box first."""
    spec = ModelSpec()
    small, large = [40.0, 60.0, 90.0, 190.0], [300.0, 100.0, 900.0, 1000.0]
    cases = []
    for name, scale, boxes in (
        ("nobody", 0.25, []),
        ("small people in a large picture", 0.16, [small, [500.0, 500.0, 560.0, 700.0], large]),
        ("a small picture is as fine as it gets", 1.0, [small]),
        ("an enlarged picture likewise", 2.5, [small, large]),
        ("one who fills the picture", 0.25, [[0.0, 0.0, 1280.0, 1280.0]]),
        ("equal sizes: the earlier row", 0.125, [small, [400.0, 60.0, 450.0, 190.0], [8.0, 8.0, 138.0, 58.0]]),
        ("a point, and one turned round", 0.25, [[9.0, 9.0, 9.0, 9.0], [50.0, 50.0, 40.0, 10.0], small]),
    ):
        array = np.array(boxes, np.float32).reshape(-1, 4)
        given = {"spec": spec_fields(spec), "scale": scale, "worthwhile": WORTHWHILE, "boxes": tensor(array)}
        cases.append({"name": name, "given": given, "expected": {"rows": closer_looks(array, scale, spec)}})
    return cases


def mirror_cases() -> list[Case]:
    """Inputs of the mirror image, and the mean of what the graphs say of both."""
    return [_mirror_case(f"{rois} RoI{'s' * (rois > 1)}", rois, seed) for rois, seed in ((1, 41), (2, 42))]


def _mirror_case(name: str, rois: int, seed: int) -> Case:
    rng = np.random.default_rng(seed)

    def drawn(*shape: int) -> NDArray[np.float32]:
        return rng.uniform(-2, 2, shape).round(2).astype(np.float32)

    spec = _TINY
    image = drawn(1, 5, 5, 3)
    boxes = np.array([[3.0, 2.0, 20.5, 30.0], [-4.0, 6.0, 12.0, 40.0]], np.float32)[:rois]
    wx = roi_weights(boxes, spec.detect_size // spec.feature_stride, spec.feature_stride, spec.roi_size)[1]
    both = []
    for _ in range(2):
        shapes = {tensor.name: tensor.shape for tensor in (*spec.detect().outputs[1:], *spec.maps(rois))}
        both.append({name: drawn(*shape) for name, shape in shapes.items()})
    plain, mirrored = both
    scores, distances = mean_detections(
        (plain["scores"], plain["boxes"]), (mirrored["scores"], mirrored["boxes"]), spec
    )
    maps = mean_maps([plain[name] for name in MAP_OUTPUTS], [mirrored[name] for name in MAP_OUTPUTS])
    given: dict[str, Any] = {
        "spec": spec_fields(spec),
        "image": tensor(image[0]),
        "wx": tensor(wx),
        "plain": {name: tensor(array) for name, array in plain.items()},
        "mirrored": {name: tensor(array) for name, array in mirrored.items()},
    }
    expected = {
        "image": tensor(mirror_input(image)[0]),
        "wx": tensor(mirror_weights(wx)),
        "scores": tensor(scores),
        "boxes": tensor(distances),
        **{name: tensor(array) for name, array in zip(MAP_OUTPUTS, maps, strict=True)},
    }
    return {"name": name, "given": given, "expected": expected}

"""Golden inputs and outputs of a bundle: a drawn figure, and what the graphs made of it where they were converted.

The picture is drawn, so that a bundle carries no one's photograph, and stored values are rounded, so that they
compress: by far less than the tolerance of `bundle.golden`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.convert.errors import ConversionError
from densepose_mobile.imaging import crop_input, network_input
from densepose_mobile.postprocess.rois import crop_square, roi_boxes, roi_weights
from densepose_mobile.spec import GraphSpec, ModelSpec

__all__ = ["draw_figure", "golden_arrays"]

_STEP_ABSOLUTE: Final = 0.02
_STEP_RELATIVE: Final = 0.1
_SKIN: Final = (208, 164, 136)
_SHIRT: Final = (64, 96, 168)
_TROUSERS: Final = (56, 56, 64)
_BOX: Final = (0.30, 0.08, 0.70, 0.96)  # of the picture's side: where the figure stands


def draw_figure(side: int) -> NDArray[np.uint8]:
    """A standing figure before a plain wall, (side, side, 3) uint8 RGB; the same on every machine."""
    canvas = np.full((320, 320, 3), (176, 184, 176), np.uint8)
    canvas[240:] = (120, 108, 96)

    def limb(a: tuple[int, int], b: tuple[int, int], width: int, colour: tuple[int, int, int]) -> None:
        cv2.line(canvas, a, b, colour, width)

    for x, foot in ((144, 138), (176, 182)):
        limb((x, 180), (x, 290), 24, _TROUSERS)
        limb((foot, 296), (foot, 300), 18, (32, 32, 32))
    limb((160, 100), (160, 170), 58, _SHIRT)
    for shoulder, elbow, hand in (((132, 96), (118, 140), (114, 182)), ((188, 96), (202, 140), (206, 182))):
        limb(shoulder, elbow, 20, _SHIRT)
        limb(elbow, hand, 15, _SKIN)
    limb((160, 66), (160, 82), 18, _SKIN)
    cv2.ellipse(canvas, (160, 52), (19, 24), 0, 0, 360, _SKIN, -1)
    cv2.ellipse(canvas, (160, 40), (20, 15), 0, 180, 360, (40, 28, 24), -1)
    return np.asarray(cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA), np.uint8)


def golden_arrays(
    spec: ModelSpec, graphs: Mapping[str, Callable[..., tuple[NDArray[np.float32], ...]]]
) -> dict[str, NDArray[Any]]:
    """ "GRAPH/TENSOR" -> float16 array, as `write_bundle` takes them.

    graphs: every graph of `spec`, ready to run, by name. The features that the `dense` graphs are given are those that
    `detect` gave, and are stored once.

    Raises:
        ConversionError: an output is not finite.
    """
    picture = draw_figure(spec.detect_size)
    image = network_input(picture, spec.detect_size)[0].astype(np.float16)
    box = np.array([_BOX], np.float32) * np.float32(spec.detect_size)
    crop = crop_input(picture, crop_square(box[0], spec), spec.track_size)[0].astype(np.float16)
    arrays: dict[str, NDArray[Any]] = {"detect/image": image, "track/image": crop}
    _record(spec.detect(), graphs["detect"](image.astype(np.float32)), arrays)
    features = arrays["detect/features"].astype(np.float32)
    cells = spec.detect_size // spec.feature_stride
    for rois in spec.roi_batches:
        graph = spec.dense(rois)
        # The last RoI holds the figure; those before it lie beyond the picture and give plain maps, which compress.
        away = -2 * spec.detect_size * np.arange(rois - 1, -1, -1, dtype=np.float32)[:, None]
        boxes = box + away
        wy, wx = (
            w.astype(np.float16) for w in roi_weights(roi_boxes(boxes, spec), cells, spec.feature_stride, spec.roi_size)
        )
        arrays[f"{graph.name}/wy"], arrays[f"{graph.name}/wx"] = wy, wx
        outputs = graphs[graph.name](features, wy.astype(np.float32), wx.astype(np.float32))
        _record(graph, outputs, arrays)
    _record(spec.track(), graphs["track"](crop.astype(np.float32)), arrays)
    return arrays


def _record(graph: GraphSpec, outputs: tuple[NDArray[np.float32], ...], arrays: dict[str, NDArray[Any]]) -> None:
    for tensor, output in zip(graph.outputs, outputs, strict=True):
        if not np.isfinite(output).all():
            raise ConversionError(
                f"the network itself gives {tensor.name!r} of graph {graph.name!r} values that are no finite numbers: "
                "its training went wrong; take an earlier checkpoint"
            )
        step = _STEP_ABSOLUTE + _STEP_RELATIVE * float(np.sqrt(np.mean(np.square(output))))
        step = 2.0 ** np.floor(np.log2(step))  # exact in float16
        arrays[f"{graph.name}/{tensor.name}"] = (np.round(output / step) * step).astype(np.float16)

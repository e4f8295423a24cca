"""A person segmentation network of others, as a .tflite file, that draws the silhouette of the person in a crop."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from densepose_mobile.errors import AssetError, BackendUnavailable
from densepose_mobile.imaging import crop_input
from densepose_mobile.imaging.letterbox import INPUT_MEAN, INPUT_SCALE
from densepose_mobile.postprocess.decode import sigmoid
from densepose_mobile.train.data.dense_labels import file_hash

__all__ = ["Segmenter"]


class Segmenter:
    """BlazePose, MediaPipe's selfie segmentation, or another network of (1, S, S, 3) RGB 0..1 -> (1, M, M, 1).

    Of several such outputs the largest is taken. What leaves 0..1 is a logit, anything else a probability.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        """Raises AssetError for a file that is missing or no such network, BackendUnavailable without LiteRT."""
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise BackendUnavailable(
                f'a segmenter needs LiteRT ({error}): pip install "densepose-mobile[litert]"'
            ) from error
        if not path.is_file():
            raise AssetError(f"segmenter {path} does not exist; give a .tflite file, or leave out --segmenter")
        self.name = path.name
        self.sha256 = file_hash(path)
        try:
            self._interpreter: Any = Interpreter(model_path=str(path), num_threads=threads)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError, TypeError) as error:
            raise AssetError(f"{path} is no network that LiteRT reads: {error}") from error
        inputs = [detail for detail in self._interpreter.get_input_details() if _is_square(detail, 3)]
        outputs = [detail for detail in self._interpreter.get_output_details() if _is_square(detail, 1)]
        if len(inputs) != 1 or not outputs:
            raise AssetError(f"{path} has no (1, S, S, 3) input and (1, M, M, 1) output: it is no person segmenter")
        self._input = inputs[0]
        self._output = max(outputs, key=lambda detail: int(detail["shape"][1]))

    def __call__(self, rgb: NDArray[np.uint8], square: ArrayLike) -> NDArray[np.bool_]:
        """(H, W) bool: the person's pixels within a square (4,) xyxy px of a picture (H, W, 3); none beyond it."""
        size = int(self._input["shape"][1])
        crop, letterbox = crop_input(rgb, square, size)
        self._interpreter.set_tensor(self._input["index"], (crop * INPUT_SCALE + INPUT_MEAN) / np.float32(255))
        self._interpreter.invoke()
        inside: NDArray[np.float32] = self._interpreter.get_tensor(self._output["index"])[0, ..., 0]
        if inside.min() < 0 or inside.max() > 1:
            inside = sigmoid(inside)
        height, width = rgb.shape[:2]
        cells = letterbox.scale * len(inside) / size  # network cells for each pixel of the picture
        shift = np.asarray(letterbox.pad) * len(inside) / size
        matrix = np.array([[cells, 0, shift[0] + 0.5 * cells - 0.5], [0, cells, shift[1] + 0.5 * cells - 0.5]])
        drawn = cv2.warpAffine(inside, matrix, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        return np.asarray(drawn > 0.5)


def _is_square(detail: dict[str, Any], channels: int) -> bool:
    shape = [int(side) for side in detail["shape"]]
    return len(shape) == 4 and shape[0] == 1 and shape[1] == shape[2] > 1 and shape[3] == channels

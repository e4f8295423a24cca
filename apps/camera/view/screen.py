"""The picture on screen: right side up, red for red, as large as fits, over a dim blur of itself."""

from typing import Any, Final

import cv2
import numpy as np
from kivy.graphics import Color, Rectangle, RoundedRectangle
from kivy.graphics.texture import Texture
from kivy.uix.widget import Widget
from numpy.typing import NDArray

from densepose_mobile.apps.camera.view.theme import RADIUS

__all__ = ["PictureScreen", "fitted"]

_BLUR: Final = 10  # px across the small copy that is drawn large: interpolation makes the blur
_DIM: Final = 0.30


def fitted(picture: tuple[float, float], place: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    """x, y, width, height of a picture of a size, as large as fits centred into a place (x, y, width, height)."""
    scale = min(place[2] / max(picture[0], 1), place[3] / max(picture[1], 1))
    width, height = picture[0] * scale, picture[1] * scale
    return place[0] + (place[2] - width) / 2, place[1] + (place[3] - height) / 2, width, height


class PictureScreen(Widget):
    """Shows RGB arrays. inset: px left free around the picture."""

    def __init__(self, inset: float) -> None:
        super().__init__(pos_hint={"x": 0, "y": 0})
        self._inset = inset
        self._texture: Texture | None = None
        self._small: Texture | None = None
        with self.canvas:
            self._blur_colour = Color(1, 1, 1, 0)
            self._blur = Rectangle()
            self._colour = Color(1, 1, 1, 0)
            self._shape = RoundedRectangle(radius=[RADIUS])
        self.bind(pos=self._place, size=self._place)

    @property
    def place(self) -> tuple[float, float, float, float]:
        """x, y, width, height of the picture in the window, from the bottom left."""
        size = self._texture.size if self._texture else (4, 3)
        inside = (
            self.x + self._inset,
            self.y + self._inset,
            self.width - 2 * self._inset,
            self.height - 2 * self._inset,
        )
        return fitted(size, inside)

    def show(self, rgb: NDArray[np.uint8] | None) -> None:
        """Show a picture, (H, W, 3) uint8 RGB, or none."""
        self._colour.a = 0 if rgb is None else 1
        self._blur_colour.a = 0 if rgb is None else _DIM
        if rgb is None:
            return
        small = np.asarray(cv2.resize(rgb, (_BLUR, _BLUR), interpolation=cv2.INTER_AREA), np.uint8)
        self._texture = self._shape.texture = _filled(self._texture, rgb)
        self._small = self._blur.texture = _filled(self._small, small)
        self._place()

    def _place(self, *_: Any) -> None:
        x, y, width, height = self.place
        self._shape.pos, self._shape.size = (x, y), (width, height)
        self._blur.pos, self._blur.size = self.pos, self.size
        if self._small:
            # The blur covers the whole place, whatever its shape: it is cut, not squeezed.
            ratio = (self.width / max(self.height, 1)) * (height / max(width, 1))
            across, down = (1.0, 1 / ratio) if ratio > 1 else (ratio, 1.0)
            x0, x1, y0, y1 = (1 - across) / 2, (1 + across) / 2, (1 - down) / 2, (1 + down) / 2
            self._blur.tex_coords = (x0, y1, x1, y1, x1, y0, x0, y0)


def _filled(texture: Texture | None, rgb: NDArray[np.uint8]) -> Texture:
    """A texture that holds the picture; a new one when the size is new. Rows of arrays run down, of textures up."""
    size = (rgb.shape[1], rgb.shape[0])
    if texture is None or texture.size != size:
        texture = Texture.create(size=size, colorfmt="rgb")
        texture.mag_filter = texture.min_filter = "linear"
        texture.flip_vertical()
    texture.blit_buffer(np.ascontiguousarray(rgb).tobytes(), colorfmt="rgb", bufferfmt="ubyte")
    return texture

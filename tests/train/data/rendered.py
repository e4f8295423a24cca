"""A tiny world for the tests of rendering: boxy people, flat backgrounds, a panorama with a sun."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.train.data.persons import Layer, PosedPerson
from densepose_mobile.train.data.render import Renderer
from densepose_mobile.train.data.shapes import box

FACES_PER_BODY = 12


def write_assets(folder: Path) -> Path:
    """Asset folder with one panorama, one photo and one cube face for each split."""
    rng = np.random.default_rng(0)
    for name in ("hdri", "backgrounds", "photos_train"):
        (folder / name).mkdir(parents=True)
    panorama = np.full((32, 64, 3), 0.4, np.float32)
    panorama[6:8, 40:42] = 300.0
    rows = ["file,kind"]
    for k in range(24):  # enough for the held-out eighth to hold some
        cv2.imwrite(str(folder / "hdri" / f"place{k}_1k.hdr"), panorama)
        photo = rng.integers(60, 200, (48, 64, 3)).astype(np.uint8)
        cv2.imwrite(str(folder / "backgrounds" / f"photo{k}.jpg"), photo)
        cv2.imwrite(str(folder / "photos_train" / f"polyhaven_spot{k}_posx.jpg"), photo[:, :48])
        rows.append(f"polyhaven_spot{k}_posx.jpg,B")
    (folder / "photos_train" / "photos.csv").write_text("\n".join(rows) + "\n")
    return folder


class BoxPeople:
    """People that are one box each; every keypoint lies on the box's axis."""

    def sample(self, rng: np.random.Generator) -> PosedPerson:
        """A box 0.3..0.5 m wide and 1.5..1.9 m high that stands on the ground."""
        width, height = float(rng.uniform(0.3, 0.5)), float(rng.uniform(1.5, 1.9))
        body = box((width, height, 0.25), np.full((8, 8, 3), 180, np.uint8))
        vertices = body.vertices + np.array([0, height / 2, 0], np.float32)
        keypoints: NDArray[np.float32] = np.zeros((17, 3), np.float32)
        keypoints[:, 1] = np.linspace(0.95, 0.1, 17) * height
        keypoints[5::2, 0], keypoints[6::2, 0] = 0.05, -0.05
        layer = Layer("box", vertices, body.faces, body.uv_faces, body.uv, body.texture, True)
        return PosedPerson("box", "boxy", (layer,), keypoints, height, "standing:0")


def make_renderer(assets: Path, split: str = "train", size: int = 64, seed: int = 3) -> Renderer:
    """A renderer of box people."""
    return Renderer(assets, BoxPeople(), {"box": 100}.__getitem__, split, seed, size)  # type: ignore[arg-type]

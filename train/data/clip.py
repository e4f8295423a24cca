"""A short film of rendered people who dance: what the camera demo shows to whoever has no camera.

Two VALID avatars in their own clothes (MIT), hand-made motions and a panorama (CC0), one fixed camera.
"""

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import AssetError
from densepose_mobile.train.data.avatar_people import AvatarPeople
from densepose_mobile.train.data.background import Backdrop
from densepose_mobile.train.data.camera import look_at
from densepose_mobile.train.data.ingredients import Ingredients
from densepose_mobile.train.data.light import Environment
from densepose_mobile.train.data.people import PeopleFactory
from densepose_mobile.train.data.persons import PosedPerson
from densepose_mobile.train.data.poses import CANONICAL, Motions, Pose
from densepose_mobile.train.data.render import draw_scene, shoulder
from densepose_mobile.train.data.scene import Scene, facing, move, person_meshes
from densepose_mobile.train.data.sensor import encode_srgb

__all__ = ["FPS", "dance", "pack_frames"]

FPS: Final = 20
"""Frames a second of the film; the motions have ten, between which poses are interpolated."""

_PANORAMA: Final = "pmndrs_park.hdr"
_YAW: Final = 2.6  # rad
_EXPOSURE: Final = 1.0
_FOCAL: Final = 1.72  # picture sides
_QUALITY: Final = 72  # of WebP
_AS_THEY_COME: Final = Ingredients(outfits=False, relief=False)


@dataclass(frozen=True)
class _Dancer:
    avatar: str
    clip: str
    place: tuple[float, float, float]  # m
    turn: float  # rad from the camera, in the clip's first frame
    seed: int = 3  # of the hands


_DANCERS: Final = (
    _Dancer("Black_F_2_Casual", "m2m_Dance_Body_Roll", (-0.5, 0.0, 0.0), -0.1),
    _Dancer("Hispanic_M_1_Casual", "m2m_Dance_Charleston", (0.52, 0.0, -0.1), -0.1),
)


def dance(
    assets: Path, size: int = 480, advance: Callable[[int, int], None] = lambda done, total: None
) -> list[NDArray[np.uint8]]:
    """Render the film, one turn of the first dancer's motion. size: px, side of the square frames.

    advance: called with frames done and in all. Returns (size, size, 3) uint8 RGB frames. Raises AssetError.
    """
    people = PeopleFactory(assets)
    avatars, offset = people.avatars, people.surfaces.face_offset
    motions = [_clip(assets, dancer.clip) for dancer in _DANCERS]
    turns = [_turn(avatars, dancer, poses[0]) for dancer, poses in zip(_DANCERS, motions, strict=True)]
    camera = look_at(np.array([0, 1.3, 3.9], np.float32), np.array([0, 0.92, 0], np.float32), size * _FOCAL, size)
    environment = Environment.load(assets / "hdri" / _PANORAMA)
    backdrop = Backdrop("panorama", _PANORAMA, environment.view(camera, _YAW), environment, _YAW)
    light = environment.light(_YAW, _EXPOSURE, np.ones(3, np.float32))
    behind = shoulder(np.clip(backdrop.image * np.float32(0.55 * _EXPOSURE), 0.0, 8.0))
    frames = []
    for number in range(len(motions[0])):
        placed = tuple(
            move(_posed(avatars, dancer, poses[number % len(poses)]), turn, np.array(dancer.place))
            for dancer, poses, turn in zip(_DANCERS, motions, turns, strict=True)
        )
        meshes = tuple(mesh for k, person in enumerate(placed, 1) for mesh in person_meshes(person, k, offset))
        # The same chance in each frame: only the people move.
        linear, _ = draw_scene(
            Scene(meshes, placed, camera, "whole"), light, behind, backdrop, np.random.default_rng(5)
        )
        frames.append(encode_srgb(shoulder(linear)))
        advance(number + 1, len(motions[0]))
    return frames


def pack_frames(frames: list[NDArray[np.uint8]]) -> bytes:
    """A stored zip of the frames as WebP, by name in order of time. frames: (H, W, 3) uint8 RGB."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number, frame in enumerate(frames):
            bgr = cv2.cvtColor(frame, cv2.COLOR_RGB2BGR)
            done, data = cv2.imencode(".webp", bgr, [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])
            assert done
            archive.writestr(zipfile.ZipInfo(f"{number:04d}.webp"), data.tobytes())
    return packed.getvalue()


def _clip(assets: Path, name: str) -> list[Pose]:
    """The poses of a clip, with as many again between them, and from the last to the first."""
    for split in ("train", "val"):
        motions = Motions(assets, split)
        found = [motions.pose(index) for index, frame in enumerate(motions.names) if frame.startswith(f"{name}:")]
        if found:
            pairs = zip(found, [*found[1:], found[0]], strict=True)
            return [pose for here, there in pairs for pose in (here, _between(here, there))]
    raise AssetError(f"no motion clip {name!r} in {assets / 'poses'}; copy the asset folder again")


def _between(first: Pose, second: Pose) -> Pose:
    left, _, right = np.linalg.svd((first.rotations + second.rotations).astype(np.float64))
    return Pose((left @ right).astype(np.float32), (first.air + second.air) / 2, first.clip)


def _posed(avatars: AvatarPeople, dancer: _Dancer, pose: Pose) -> PosedPerson:
    avatar = avatars.library.load(dancer.avatar)
    build = np.ones((len(CANONICAL), 3), np.float32)
    return avatars.posed(avatar, np.random.default_rng(dancer.seed), pose, build, _AS_THEY_COME)


def _turn(avatars: AvatarPeople, dancer: _Dancer, pose: Pose) -> float:
    return dancer.turn - facing(_posed(avatars, dancer, pose))

"""People made from VALID avatars: an avatar, another build, other colours, a pose."""

from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.train.atlas.template import TemplateMesh
from densepose_mobile.train.cache import cached_arrays
from densepose_mobile.train.data.avatars import NUM_WIGS, Avatar, AvatarLibrary
from densepose_mobile.train.data.bodies import BodyBank
from densepose_mobile.train.data.builds import sample_build
from densepose_mobile.train.data.figure import FaceMarks, joint_scales, keypoints, stand
from densepose_mobile.train.data.garments import NAPE
from densepose_mobile.train.data.hands import finger_rotations, sample_hand
from densepose_mobile.train.data.ingredients import Ingredients
from densepose_mobile.train.data.nearest import SurfacePoints, vertex_normals
from densepose_mobile.train.data.outfits import AvatarWardrobe, tint_hair
from densepose_mobile.train.data.persons import Layer, PosedPerson
from densepose_mobile.train.data.poses import CANONICAL, Pose, Split
from densepose_mobile.train.data.registration import avatar_canonical
from densepose_mobile.train.data.retarget import bone_transforms, joint_rotations
from densepose_mobile.train.data.rotations import heading
from densepose_mobile.train.data.segments import SEGMENTS, segments_of
from densepose_mobile.train.data.skinning import skin
from densepose_mobile.train.data.surfaces import Surface, SurfaceSet
from densepose_mobile.train.data.texels import BodyCoordinates, cached_texels

__all__ = ["AvatarPeople"]

_WIGS_FORMAT: Final = 3
_TALLEST: Final = 2.0  # m
_HEAD: Final = SEGMENTS.index("head")


class AvatarPeople:
    """Draws people of kind "valid". `split` holds identities apart."""

    def __init__(self, assets: Path, split: Split, bank: BodyBank, template: TemplateMesh) -> None:
        self.library = AvatarLibrary(assets)
        self._names = self.library.names(split)
        self.surfaces = self._surfaces(bank, template.vertices)
        library, coordinates = self.library, BodyCoordinates(template, bank)
        texels = cached_texels(self.surfaces[0], library.uv, library.uv_faces, coordinates, library.texture_size)
        self._wardrobe = AvatarWardrobe(library, texels, SurfaceSet(self.surfaces[:1]).id)

    def _surfaces(self, bank: BodyBank, template: NDArray[np.float32]) -> tuple[Surface, ...]:
        """Body and wigs, registered to the template (13718, 3)."""
        canonical = avatar_canonical(self.library, bank, template)
        wigs = cached_arrays(
            f"wig-registration-{_WIGS_FORMAT}-{self.library.stamp}", lambda: self._register_wigs(canonical)
        )
        found = [Surface("valid/body", self.library.faces, canonical)]
        for number in range(NUM_WIGS):
            corners, weights = wigs[f"corners_{number}"], wigs[f"weights_{number}"]
            points = np.einsum("vk,vkc->vc", weights.astype(np.float64), canonical[corners].astype(np.float64))
            found.append(Surface(f"valid/wig{number}", self.library.wig_faces[number], points.astype(np.float32)))
        return tuple(found)

    def _register_wigs(self, canonical: NDArray[np.float32]) -> dict[str, NDArray[np.generic]]:
        """Triple of body vertices and weights for each wig vertex: the nearest point of the head below."""
        out: dict[str, NDArray[np.generic]] = {}
        library = self.library
        for number in range(NUM_WIGS):
            name = next(name for name, entry in library.entries.items() if entry["wig_topology"] == number)
            avatar = library.load(name)
            segment = segments_of(library.rig, avatar.weights)[library.faces].min(1)
            usable = (segment == _HEAD) & (canonical[library.faces, 1].min(1) > NAPE)
            points = SurfacePoints(avatar.vertices.astype(np.float64), library.faces, segment, usable)
            wig = avatar.wig_vertices.astype(np.float64)
            normals = vertex_normals(wig, library.wig_faces[number])
            face, weights = points.trees().nearest(wig, 0.2 * normals, np.full(len(wig), _HEAD))
            out[f"corners_{number}"] = library.faces[face]
            out[f"weights_{number}"] = weights.astype(np.float32)
        return out

    @cached_property
    def marks(self) -> FaceMarks:
        """Keypoint vertices of the head on the common topology."""
        library = self.library
        name = next(iter(library.entries))
        avatar = library.load(name)
        vertices, joints = avatar.vertices, avatar.joints
        head = segments_of(library.rig, avatar.weights) == _HEAD
        eyes = [joints[library.rig.index(f"{side}Eye")] for side in ("Left", "Right")]
        level = float(eyes[0][1])

        def best(score: NDArray[np.float32], allowed: NDArray[np.bool_]) -> int:
            return int(np.where(allowed & head, score, -np.inf).argmax())

        near = np.abs(vertices[:, 1] - level)
        return FaceMarks(
            best(vertices[:, 2], (np.abs(vertices[:, 0]) < 0.015) & (vertices[:, 1] < level) & (near < 0.07)),
            (self._front(vertices, eyes[0]), self._front(vertices, eyes[1])),
            (best(vertices[:, 0], near < 0.05), best(-vertices[:, 0], near < 0.05)),
        )

    @staticmethod
    def _front(vertices: NDArray[np.float32], eye: NDArray[np.float32]) -> int:
        off = np.linalg.norm(vertices[:, :2] - eye[:2], axis=1)
        return int(np.where(off < 0.006, vertices[:, 2], -np.inf).argmax())

    def sample(self, rng: np.random.Generator, pose: Pose, parts: Ingredients) -> PosedPerson:
        """A person in `pose`; parts: of other proportions, in other clothes than the avatar's own, with folds."""
        avatar = self.library.load(self._names[int(rng.integers(len(self._names)))])
        build = sample_build(rng) if parts.builds else np.ones((len(CANONICAL), 3), np.float32)
        build *= min(1.0, _TALLEST / (float(avatar.entry["height_m"]) * float(build[:, 1].mean())))
        return self.posed(avatar, rng, pose, build, parts)

    def posed(
        self, avatar: Avatar, rng: np.random.Generator, pose: Pose, build: NDArray[np.float32], parts: Ingredients
    ) -> PosedPerson:
        """`avatar` in `pose`, stretched by `build` (22, 3), dressed anew or not, with relief or without."""
        library, rig = self.library, self.library.rig
        fingers = finger_rotations(library.finger_joints, sample_hand(rng), sample_hand(rng))
        turned = heading(float(rng.uniform(-np.pi, np.pi))) @ joint_rotations(rig, pose.rotations, fingers)
        scale = joint_scales(rig, build)
        affine, joints = bone_transforms(rig, avatar.joints, turned, scale)
        body = skin(avatar.vertices, avatar.weights, affine)
        points = keypoints(rig, joints, body, self.marks)
        meshes = [body]
        if avatar.wig >= 0:
            head = affine[rig.index("Head")]
            meshes.append((avatar.wig_vertices @ head[:, :3].T + head[:, 3]).astype(np.float32))
        height = float(avatar.entry["height_m"]) * float(build[:, 1].mean())
        meshes, points = stand(meshes, joints, points, pose.air * height / 1.7)
        faces = library.faces
        texture, hair = self._wardrobe.dress(avatar, rng) if parts.outfits else (avatar.texture, None)
        relief = avatar.relief if parts.relief else None
        layers = [Layer("valid/body", meshes[0], faces, library.uv_faces, library.uv, texture, relief=relief)]
        if avatar.wig >= 0:
            wig = library.wig_faces[avatar.wig]
            strands = avatar.wig_texture if hair is None else tint_hair(avatar.wig_texture, hair)
            layers.append(
                Layer(f"valid/wig{avatar.wig}", meshes[1], wig, wig, library.wig_uv[avatar.wig], strands, True)
            )
        return PosedPerson("valid", avatar.name, tuple(layers), points, height, pose.clip)

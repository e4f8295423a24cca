"""People made from Anny bodies: a shape of the bank, clothes fitted at rest, one skinning for all layers."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.train.atlas.template import TemplateMesh
from densepose_mobile.train.data.bodies import BodyBank
from densepose_mobile.train.data.body_paint import BodyPainter
from densepose_mobile.train.data.bodyrig import BodyRig
from densepose_mobile.train.data.builds import sample_build
from densepose_mobile.train.data.fabrics import Fabric, Paint, paint
from densepose_mobile.train.data.figure import FaceMarks, joint_scales, keypoints, stand
from densepose_mobile.train.data.garments import Garment, load_garments
from densepose_mobile.train.data.hair import hair_texture
from densepose_mobile.train.data.hands import finger_rotations, sample_hand
from densepose_mobile.train.data.persons import Layer, PosedPerson
from densepose_mobile.train.data.poses import Pose, Split
from densepose_mobile.train.data.retarget import bone_transforms, joint_rotations
from densepose_mobile.train.data.rotations import heading
from densepose_mobile.train.data.skinning import SkinWeights, all_corners, normals, skin
from densepose_mobile.train.data.surfaces import Surface
from densepose_mobile.train.data.texels import ARM, LEG, TRUNK, BodyCoordinates, TexelMap, cached_texels, face_of_texel
from densepose_mobile.train.data.wardrobe import Outfit, sample_outfit

__all__ = ["BodyPeople"]

_CLOTH_SIZE: Final = 256  # px, textures of clothes
_PUSH: Final = 0.006  # m that skin below cloth is drawn in
_TALLEST: Final = 2.0  # m
_MARGIN: Final = 0.03  # m of skin that is kept beyond the edge of a garment


class _Cloth:
    """A suit, skirt or pair of shoes with what painting and cutting it needs."""

    def __init__(self, garment: Garment, coordinates: BodyCoordinates) -> None:
        self.garment = garment
        surface = garment.surface
        self.texels: TexelMap = cached_texels(surface, garment.uv, garment.uv_faces, coordinates, _CLOTH_SIZE)
        segment = coordinates.segments(surface.canonical)
        self.kind, self.along, _, _ = coordinates.coordinates(surface.canonical, segment)
        self.zone = garment.piece[face_of_texel(garment.uv, garment.uv_faces, _CLOTH_SIZE)]
        noise = self.texels.noise
        self.light = np.clip(128 + 7 * noise[..., 1] + 5 * noise[..., 2] + 2 * noise[..., 3], 60, 190).astype(np.uint8)
        self.base = np.zeros((_CLOTH_SIZE, _CLOTH_SIZE, 3), np.uint8)
        y = surface.canonical[:, 1]
        trunk = self.kind == TRUNK
        upper = np.zeros(len(y), bool)
        lower = np.zeros(len(y), bool)
        upper[garment.faces[garment.piece == 0]] = True
        lower[garment.faces[garment.piece == 1]] = True
        self.hem = float(y[upper & trunk].min()) if (upper & trunk).any() else 2.0
        self.belt = float(y[lower].max()) if lower.any() else 0.0

    def texture(
        self, fabrics: tuple[Fabric, Fabric, Fabric], seed: int, sleeve: float | None, leg: float | None
    ) -> NDArray[np.uint8]:
        """(S, S, 3), or (S, S, 4) where a cut makes a part transparent."""
        paints = tuple(Paint("cloth", fabric=fabric) for fabric in fabrics)
        picture = paint(self.base, self.light, self.zone, self.texels, paints, seed)
        if sleeve is None and leg is None:
            return picture
        gone = np.zeros(self.zone.shape, bool)
        texels = self.texels
        if sleeve is not None:
            gone |= (texels.kind == ARM) & (texels.along > sleeve)
        if leg is not None:
            gone |= (texels.kind == LEG) & (texels.along > leg)
        return np.dstack([picture, np.where(gone, 0, 255).astype(np.uint8)])

    def cut_faces(self, sleeve: float | None, leg: float | None) -> NDArray[np.bool_]:
        """(F,) faces that lie wholly beyond the cuts."""
        beyond = np.zeros(len(self.kind), bool)
        if sleeve is not None:
            beyond |= (self.kind == ARM) & (self.along > sleeve)
        if leg is not None:
            beyond |= (self.kind == LEG) & (self.along > leg)
        return all_corners(beyond, self.garment.faces)


class BodyPeople:
    """Draws people of kind "anny". Every eighth body shape is held out for "val"."""

    def __init__(self, assets: Path, split: Split, bank: BodyBank, template: TemplateMesh) -> None:
        self._bank = bank
        self._body = BodyRig(bank)
        shapes = np.arange(len(bank))
        self._shapes = shapes[(shapes % 8 == 3) == (split == "val")]
        body = Surface("anny/body", bank.faces, template.vertices)
        garments = load_garments(assets, bank, template.vertices)
        self.surfaces = (body, *(garment.surface for garment in garments.values()))
        self._garments = garments
        self._coordinates = BodyCoordinates(template, bank)
        self._cloths: dict[str, _Cloth] = {}
        self._painter = BodyPainter(body, bank, template)
        every = self._body.weights
        keep = np.zeros(len(every.start) - 1, bool)
        keep[bank.body] = True
        mine = keep[every.rows]
        place = np.full(len(keep), -1)
        place[bank.body] = np.arange(len(bank.body))
        self._weights = SkinWeights.from_entries(
            len(bank.body), place[every.rows[mine]], every.bone[mine], every.weight[mine]
        )
        self._hidden_under = {
            name: np.isin(bank.body, garment.deleted) for name, garment in garments.items() if len(garment.deleted)
        }
        self._straights: dict[int, NDArray[np.float32]] = {}
        self.marks = _face_marks(template)

    def _cloth(self, name: str) -> _Cloth:
        if name not in self._cloths:
            self._cloths[name] = _Cloth(self._garments[name], self._coordinates)
        return self._cloths[name]

    def _straight(self, shape: int) -> NDArray[np.float32]:
        if shape not in self._straights:
            self._straights[shape] = self._body.straight(self._bank.joints[shape])
        return self._straights[shape]

    def sample(self, rng: np.random.Generator, pose: Pose) -> PosedPerson:
        """A person in `pose`."""
        shape = int(self._shapes[int(rng.integers(len(self._shapes)))])
        phenotype = self._bank.phenotype(shape)
        height = float(self._bank.heights[shape])
        outfit = sample_outfit(rng, phenotype, height)
        strength = 0.55 if phenotype["age"] > 0.55 else 0.3
        build = sample_build(rng, strength)
        build *= min(1.0, _TALLEST / (height * float(build[:, 1].mean())))
        return self.posed(shape, outfit, rng, pose, build)

    def posed(
        self, shape: int, outfit: Outfit, rng: np.random.Generator, pose: Pose, build: NDArray[np.float32]
    ) -> PosedPerson:
        """Body `shape` of the bank in `outfit` and `pose`, stretched by `build` (22, 3)."""
        bank, rig = self._bank, self._body.rig
        base, rest = bank.base(shape), bank.joints[shape]
        fingers = finger_rotations(self._body.finger_joints, sample_hand(rng), sample_hand(rng))
        turned = heading(float(rng.uniform(-np.pi, np.pi))) @ joint_rotations(rig, pose.rotations, fingers)
        affine, joints = bone_transforms(rig, rest, turned, joint_scales(rig, build), self._straight(shape))

        worn = self._worn(outfit)
        hidden, pushed = self._under(worn, outfit)
        flesh = base[bank.body]
        normal = normals(flesh, bank.faces)
        size = float(bank.heights[shape]) / 1.7
        lift = self._painter.lift(outfit.cover, outfit.loose) * size
        lift[pushed] = -_PUSH
        bare = skin(flesh, self._weights, affine)
        body = bare if not lift.any() else skin(flesh + lift[:, None] * normal, self._weights, affine)

        meshes = [body]
        for name, _ in worn:
            garment = self._garments[name]
            meshes.append(skin(garment.fit(base), garment.weights, affine))
        points = keypoints(rig, joints, bare, self.marks)
        height = float(bank.heights[shape]) * float(build[:, 1].mean())
        meshes, points = stand(meshes, joints, points, pose.air * height / 1.7)

        texture = self._painter.texture(outfit.look, outfit.cover, rng)
        hidden_faces = all_corners(hidden, bank.faces)
        layers = [Layer("anny/body", meshes[0], bank.faces, bank.uv_faces, bank.uv, texture, False, hidden_faces)]
        for (name, piece), mesh in zip(worn, meshes[1:], strict=True):
            layers.append(self._layer(name, piece, mesh, outfit, rng))
        return PosedPerson("anny", f"anny_{shape:03d}", tuple(layers), points, height, pose.clip)

    def _worn(self, outfit: Outfit) -> list[tuple[str, int]]:
        """Garments and which piece is shown: 0 upper, 1 lower, -1 all."""
        worn: list[tuple[str, int]] = []
        if outfit.bottom is not None and outfit.bottom == outfit.top:
            worn.append((outfit.bottom, -1))
        else:
            if outfit.bottom is not None:
                worn.append((outfit.bottom, 1))
            if outfit.top is not None:
                worn.append((outfit.top, 0))
        worn += [(name, -1) for name in (outfit.shoes, outfit.hair) if name is not None]
        return worn

    def _under(self, worn: list[tuple[str, int]], outfit: Outfit) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """(V,), (V,) body vertices that are hidden, and that are drawn in, below what is worn."""
        painter = self._painter
        kind, along, y = painter.kind, painter.along, painter.canonical[:, 1]
        hidden = np.zeros(len(kind), bool)
        pushed = np.zeros(len(kind), bool)
        for name, piece in worn:
            below = self._hidden_under.get(name)
            if below is None:
                continue
            near = self._garments[name].near | below
            if name == outfit.shoes:
                hidden |= below
                pushed |= near
                continue
            cloth = self._cloth(name)
            sleeve = 9.0 if outfit.sleeve is None else outfit.sleeve
            leg = 9.0 if outfit.leg is None else outfit.leg
            upper = ((kind == ARM) & (along < sleeve)) | ((kind == TRUNK) & (y > cloth.hem))
            lower = ((kind == LEG) & (along < leg)) | ((kind == TRUNK) & (y < cloth.belt))
            upper_in = ((kind == ARM) & (along < sleeve - 0.15)) | ((kind == TRUNK) & (y > cloth.hem + _MARGIN))
            lower_in = ((kind == LEG) & (along < leg - 0.12)) | ((kind == TRUNK) & (y < cloth.belt - _MARGIN))
            if piece == 0:
                lower, lower_in = np.zeros_like(lower), np.zeros_like(lower)
            elif piece == 1:
                upper, upper_in = np.zeros_like(upper), np.zeros_like(upper)
            pushed |= near & (upper | lower)
            hidden |= below & (upper_in | lower_in)
        return hidden, pushed

    def _layer(
        self, name: str, piece: int, mesh: NDArray[np.float32], outfit: Outfit, rng: np.random.Generator
    ) -> Layer:
        garment = self._garments[name]
        if name == outfit.hair:
            texture = hair_texture(outfit.look.hair, rng) if "fedora" not in name else None
            if texture is not None:
                return Layer(garment.surface.name, mesh, garment.faces, garment.uv_faces, garment.uv, texture, True)
        cloth = self._cloth(name)
        top = outfit.top_fabric or outfit.look.top
        bottom = outfit.bottom_fabric or outfit.look.bottom
        trim = outfit.look.feet
        fabrics = (trim, trim, trim) if name == outfit.shoes or name == outfit.hair else (top, bottom, trim)
        feet = name == outfit.shoes
        sleeve = None if feet or piece == 1 else outfit.sleeve
        leg = None if feet or piece == 0 else outfit.leg
        texture = cloth.texture(fabrics, int(rng.integers(1 << 31)), sleeve, leg)
        hidden = cloth.cut_faces(sleeve, leg)
        if piece >= 0:
            hidden = hidden | (garment.piece != piece)
        return Layer(garment.surface.name, mesh, garment.faces, garment.uv_faces, garment.uv, texture, True, hidden)


def _face_marks(template: TemplateMesh) -> FaceMarks:
    """Keypoint vertices of the head of the template, which Anny bodies share."""
    vertices = template.vertices
    x, y, z = vertices.T
    skin_only = template.component == 0

    def best(score: NDArray[np.float32], allowed: NDArray[np.bool_]) -> int:
        return int(np.where(allowed & skin_only, score, -np.inf).argmax())

    eyes = []
    for side in "LR":
        centre = template.joints[f"eye.{side}"]
        off = np.hypot(x - centre[0], y - centre[1])
        eyes.append(int(np.where((template.component == 2) & (off < 0.008), z, -np.inf).argmax()))
    return FaceMarks(
        best(z, (np.abs(x) < 0.01) & (y > 1.54) & (y < 1.585)),
        (eyes[0], eyes[1]),
        (best(x, (y > 1.55) & (y < 1.60)), best(-x, (y > 1.55) & (y < 1.60))),
    )

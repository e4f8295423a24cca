"""What the people of rendered pictures are like: standing height, age, weight, skin.

Pictures do not record it. They follow from their seed and number, so the people are sampled again, and must be those
whom the picture names.

Skin is told by its individual typology angle, atan((L* - 50) / b*) in CIELAB (Chardon, Cretois and Hourseau, Int. J.
Cosmetic Science 13, 1991), of the median colour that the cheeks are painted with: not as light and camera show them.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import InputError
from densepose_mobile.metrics.traits import PersonTraits
from densepose_mobile.train.data.bodies import body_bank
from densepose_mobile.train.data.ingredients import Ingredients
from densepose_mobile.train.data.light import Split
from densepose_mobile.train.data.people import PeopleFactory
from densepose_mobile.train.data.persons import PosedPerson
from densepose_mobile.train.data.records import Picture
from densepose_mobile.train.data.render import PeopleSource, sample_people
from densepose_mobile.train.data.shards import read_manifest
from densepose_mobile.train.data.surfaces import SurfaceSet

__all__ = ["TraitReader", "cheeks", "skin_angle", "typology_angle"]

_GROWN: Final = 0.5  # of Anny's age, where 1/3 is a child and 2/3 a young adult


def typology_angle(rgb: NDArray[np.floating]) -> float:
    """Degrees, -90..90, of an sRGB colour (3,) 0..255: above 55 very light, 41 light, 28 intermediate, 10 tan, -30
    brown, else dark."""
    lightness, _, yellow = cv2.cvtColor((np.asarray(rgb, np.float32) / 255).reshape(1, 1, 3), cv2.COLOR_RGB2LAB)[0, 0]
    return float(np.degrees(np.arctan2(lightness - 50, max(float(yellow), 1e-3))))


def cheeks(points: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(...) which template points (..., 3) m lie on the cheeks, where no beard, glasses or headgear is painted."""
    side, y, z = np.abs(points[..., 0]), points[..., 1], points[..., 2]
    return (side > 0.018) & (side < 0.05) & (y > 1.548) & (y < 1.57) & (z > 0.122)  # the mouth lies deeper


def skin_angle(person: PosedPerson, surfaces: SurfaceSet) -> float | None:
    """Typology angle of a person's cheeks, None where the body has none."""
    body = person.layers[0]
    surface = surfaces[body.surface]
    faces = np.flatnonzero(cheeks(surface.canonical[surface.faces].mean(1)))
    if not len(faces):
        return None
    height, width = body.texture.shape[:2]
    u, v = body.uv[body.uv_faces[faces]].mean(1).T % 1.0
    row, column = (v * height).astype(np.intp), (u * width).astype(np.intp)
    return typology_angle(np.median(body.texture[row, column, :3], axis=0))


class TraitReader:
    """Tells the traits of the people of one folder's pictures.

    source: the people that they were rendered with. groups: whether there were groups among them.
    """

    def __init__(self, source: PeopleSource, surfaces: SurfaceSet, split: Split, seed: int, groups: bool) -> None:
        self._source, self._surfaces = source, surfaces
        self._split, self._seed, self._groups = split, seed, groups

    @classmethod
    def open(cls, shards: Path, assets: Path) -> "TraitReader":
        """For a folder of shards, or one shard in it. Raises AssetError, and InputError for what is no such folder."""
        manifest = read_manifest(shards if shards.is_dir() else shards.parent)
        parts = Ingredients.without(manifest.without)
        split: Split = "val" if manifest.split == "val" else "train"
        people = PeopleFactory(assets, split, parts)
        return cls(people, people.surfaces, split, manifest.seed, parts.groups)

    def __call__(self, picture: Picture) -> Sequence[PersonTraits]:
        """Traits of each person of `picture.people`. Raises InputError when it shows others than would be drawn now."""
        index = int(picture.meta["index"])
        sampled, _ = sample_people(self._source, self._split, self._seed, index, self._groups)
        drawn = {(person.kind, person.identity, person.clip): person for person in sampled}
        found = []
        for truth in picture.people:
            who = truth.kind, truth.identity, str(picture.meta["clips"][truth.index - 1])
            if who not in drawn:
                raise InputError(
                    f"picture {picture.key} shows {truth.identity}, who is not drawn there by this version and these "
                    "assets; render the shards again, or do without traits"
                )
            found.append(self._traits(drawn[who]))
        return found

    def _traits(self, person: PosedPerson) -> PersonTraits:
        angle = skin_angle(person, self._surfaces)
        traits = PersonTraits(
            height_m=round(person.height_m, 3), age="adult", skin_ita=None if angle is None else round(angle, 1)
        )
        if person.kind != "anny":
            return traits
        phenotype = body_bank().phenotype(int(person.identity.rpartition("_")[2]))
        age = "child" if phenotype["age"] < _GROWN else "adult"
        return replace(traits, age=age, weight=round(phenotype["weight"], 3))

"""People to draw: identities, shapes, clothes and poses, sampled."""

from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from densepose_mobile.train.atlas.template import template_mesh
from densepose_mobile.train.data.avatar_people import AvatarPeople
from densepose_mobile.train.data.bodies import body_bank
from densepose_mobile.train.data.body_people import BodyPeople
from densepose_mobile.train.data.ingredients import Ingredients
from densepose_mobile.train.data.motion_mix import sample_clip_pose, sample_pose
from densepose_mobile.train.data.persons import Layer, PosedPerson
from densepose_mobile.train.data.poses import Motions, Split
from densepose_mobile.train.data.surfaces import SurfaceSet

__all__ = ["AVATAR_SHARE", "Layer", "PeopleFactory", "PosedPerson"]


AVATAR_SHARE: Final = 0.58
"""How many of the people are VALID avatars; the others are Anny bodies."""


class PeopleFactory:
    """Samples posed, dressed people of a split. "val" holds identities, body shapes and motion clips apart.

    The first construction on a machine builds caches (about a minute); later ones take a second.
    """

    def __init__(self, assets: Path, split: Split = "train", ingredients: Ingredients | None = None) -> None:
        self._ingredients = ingredients or Ingredients()
        self._motions = Motions(assets, split)
        bank, template = body_bank(), template_mesh()
        self.avatars = AvatarPeople(assets, split, bank, template)
        self._bodies = BodyPeople(assets, split, bank, template)

    @cached_property
    def surfaces(self) -> SurfaceSet:
        """Every surface that a layer can name, the same for both splits."""
        return SurfaceSet.of((*self.avatars.surfaces, *self._bodies.surfaces))

    def sample(self, rng: np.random.Generator) -> PosedPerson:
        """A new person; the same `rng` state gives the same person."""
        parts = self._ingredients
        pose = sample_pose(rng, self._motions) if parts.stances else sample_clip_pose(rng, self._motions)
        if rng.random() < AVATAR_SHARE or not parts.bodies:
            return self.avatars.sample(rng, pose, parts)
        return self._bodies.sample(rng, pose)

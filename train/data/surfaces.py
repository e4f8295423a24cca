"""Every mesh that is ever drawn, with the point of the body template on which each of its vertices lies."""

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from densepose_mobile.errors import InputError

__all__ = ["Surface", "SurfaceSet"]


@dataclass(frozen=True, eq=False)
class Surface:
    """A mesh topology registered to the body template."""

    name: str  # unique in a SurfaceSet: "valid/body", "valid/wig3", "anny/body", "mh/shoes01", ...
    faces: NDArray[np.int32]  # (F, 3) vertex indices, counter-clockwise seen from outside
    canonical: NDArray[np.float32]  # (V, 3) m, body template frame: where on the body each vertex lies

    def __post_init__(self) -> None:
        """Check shapes and index range."""
        if self.faces.ndim != 2 or self.faces.shape[1] != 3 or self.canonical.ndim != 2 or self.canonical.shape[1] != 3:
            raise InputError(
                f"surface {self.name}: faces {self.faces.shape} and canonical {self.canonical.shape}; "
                "give (F, 3) and (V, 3)"
            )
        if len(self.faces) and (int(self.faces.min()) < 0 or int(self.faces.max()) >= len(self.canonical)):
            raise InputError(
                f"surface {self.name}: face indices {self.faces.min()}..{self.faces.max()} exceed "
                f"its {len(self.canonical)} vertices; give one canonical point per vertex"
            )


@dataclass(frozen=True, eq=False)
class SurfaceSet:
    """Surfaces in a fixed order. The global face id of a pixel = offset of its surface + face index in the surface."""

    surfaces: tuple[Surface, ...]

    def __post_init__(self) -> None:
        """Refuse two surfaces of one name."""
        names = [surface.name for surface in self.surfaces]
        doubles = sorted({name for name in names if names.count(name) > 1})
        if doubles:
            raise InputError(f"surface names {doubles} occur twice; name each surface once")

    @classmethod
    def of(cls, surfaces: Iterable[Surface]) -> "SurfaceSet":
        """The set of `surfaces`, arrays brought to their types."""
        return cls(
            tuple(
                Surface(
                    surface.name,
                    np.ascontiguousarray(surface.faces, np.int32),
                    np.ascontiguousarray(surface.canonical, np.float32),
                )
                for surface in surfaces
            )
        )

    def __iter__(self) -> Iterator[Surface]:
        """Surfaces in order."""
        return iter(self.surfaces)

    def __len__(self) -> int:
        """Number of surfaces."""
        return len(self.surfaces)

    def __getitem__(self, name: str) -> Surface:
        """The surface called `name`; InputError when there is none."""
        return self.surfaces[self.index(name)]

    @cached_property
    def _indices(self) -> dict[str, int]:
        return {surface.name: index for index, surface in enumerate(self.surfaces)}

    def index(self, name: str) -> int:
        """Place of the surface called `name`; InputError when there is none."""
        try:
            return self._indices[name]
        except KeyError:
            raise InputError(f"no surface called {name!r}; there are {', '.join(self._indices)}") from None

    @cached_property
    def face_offsets(self) -> NDArray[np.int32]:
        """(S + 1,) first global face id of each surface, then the number of all faces."""
        return np.cumsum([0, *(len(surface.faces) for surface in self.surfaces)]).astype(np.int32)

    @cached_property
    def vertex_offsets(self) -> NDArray[np.int32]:
        """(S + 1,) first global vertex id of each surface, then the number of all vertices."""
        return np.cumsum([0, *(len(surface.canonical) for surface in self.surfaces)]).astype(np.int32)

    def face_offset(self, name: str) -> int:
        """Global face id of the first face of the surface called `name`."""
        return int(self.face_offsets[self.index(name)])

    @property
    def num_faces(self) -> int:
        """Faces of all surfaces; global face ids are below it."""
        return int(self.face_offsets[-1])

    @cached_property
    def faces(self) -> NDArray[np.int32]:
        """(F, 3) int32 faces of all surfaces, indices into `canonical`."""
        parts = [surface.faces + first for surface, first in zip(self.surfaces, self.vertex_offsets, strict=False)]
        return np.concatenate(parts).astype(np.int32) if parts else np.zeros((0, 3), np.int32)

    @cached_property
    def canonical(self) -> NDArray[np.float32]:
        """(V, 3) float32 m, body template frame: canonical points of all surfaces."""
        parts = [surface.canonical for surface in self.surfaces]
        return np.concatenate(parts) if parts else np.zeros((0, 3), np.float32)

    def canonical_points(self, face: NDArray[np.int32], barycentric: NDArray[np.float32]) -> NDArray[np.float32]:
        """Template points (..., 3) m of global faces (...) and the first two barycentric weights (..., 2)."""
        corners = self.canonical[self.faces[face]]
        first, second = barycentric[..., :1], barycentric[..., 1:2]
        return corners[..., 0, :] * first + corners[..., 1, :] * second + corners[..., 2, :] * (1 - first - second)

    @cached_property
    def id(self) -> str:
        """16 hexadecimal digits of a hash over names, faces and canonical points."""
        digest = hashlib.sha256()
        for surface in self.surfaces:
            digest.update(f"{surface.name}:{len(surface.canonical)}:{len(surface.faces)}\n".encode())
            digest.update(surface.faces.astype("<i4").tobytes())
            digest.update(surface.canonical.astype("<f4").tobytes())
        return digest.hexdigest()[:16]

    def save(self, path: str | Path) -> None:
        """Write an npz (to a temporary name, then renamed)."""
        path = Path(path)
        arrays: dict[str, NDArray[np.generic]] = {"names": np.array([surface.name for surface in self.surfaces])}
        for index, surface in enumerate(self.surfaces):
            arrays[f"faces_{index}"] = surface.faces
            arrays[f"canonical_{index}"] = surface.canonical
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".npz", delete=False) as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        Path(file.name).chmod(0o644)
        os.replace(file.name, path)

    @classmethod
    def load(cls, path: str | Path) -> "SurfaceSet":
        """Read what `save` wrote; InputError when the file is none."""
        try:
            with np.load(path, allow_pickle=False) as data:
                names = [str(name) for name in data["names"]]
                return cls.of(Surface(n, data[f"faces_{i}"], data[f"canonical_{i}"]) for i, n in enumerate(names))
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise InputError(f"{path} is no surface set ({error}); render the shards again or copy the file") from error

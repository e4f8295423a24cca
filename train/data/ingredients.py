"""What rendered pictures may go without, so that the worth of each can be measured."""

from collections.abc import Iterable
from dataclasses import dataclass, fields

from densepose_mobile.errors import InputError

__all__ = ["Ingredients"]


@dataclass(frozen=True)
class Ingredients:
    """Each is there, or not. Without any of them: avatars as they come, in clip poses, alone on clean pictures."""

    bodies: bool = True  # parametric bodies in garments beside the avatars
    outfits: bool = True  # avatars in new colours, patterns and cuts, with other hair
    builds: bool = True  # avatars stretched to other proportions
    stances: bool = True  # poses made from rules beside those of clips, arms exchanged
    groups: bool = True  # more than four people, rows of people
    things: bool = True  # seats, bags, what is held, what stands in front
    relief: bool = True  # the avatars' folds and creases that their meshes are too coarse for
    sensor: bool = True  # blur, noise, white balance, contrast, compression

    @classmethod
    def without(cls, names: Iterable[str]) -> "Ingredients":
        """All but those named. Raises InputError for a name that is none."""
        known = [field.name for field in fields(cls)]
        missing = set(names)
        for name in sorted(missing):
            if name not in known:
                raise InputError(f"{name!r} is no ingredient of rendered pictures; these are: {', '.join(known)}")
        return cls(**dict.fromkeys(missing, False))

    @property
    def left_out(self) -> list[str]:
        """Names of what is not there."""
        return [field.name for field in fields(self) if not getattr(self, field.name)]

"""What an annotation file may say of a person besides where the person is seen: rendered people have it, photos not.

It stands under the key `person` of a COCO annotation, which other tools ignore.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from densepose_mobile.errors import InputError

__all__ = ["PersonTraits"]


@dataclass(frozen=True)
class PersonTraits:
    """Whoever does not know something leaves it None."""

    kind: str | None = None  # what the person was made from: "valid", an avatar, or "anny", a parametric body
    identity: str | None = None
    full_box: tuple[float, float, float, float] | None = None  # xyxy px, whole person, beyond frame and behind others
    height_m: float | None = None  # standing
    age: str | None = None  # "child" or "adult"
    weight: float | None = None  # 0 thin .. 1 stout, of parametric bodies
    skin_ita: float | None = None  # degrees, individual typology angle of the drawn skin: the larger, the lighter

    def as_dict(self) -> dict[str, Any]:
        """What is known, as plain values for JSON; the box as COCO has it, x, y, width, height."""
        known = {key: value for key, value in asdict(self).items() if value is not None}
        if self.full_box is not None:
            x0, y0, x1, y1 = self.full_box
            known["full_box"] = [round(value, 2) for value in (x0, y0, x1 - x0, y1 - y0)]
        return known

    @classmethod
    def from_dict(cls, values: Any) -> "PersonTraits":
        """Read what `as_dict` wrote; keys of others are left. Raises InputError that names the key."""
        if not isinstance(values, Mapping):
            raise InputError(f"person is {str(values)[:40]!r}, not an object")
        read: dict[str, Any] = {}
        for name in (field.name for field in fields(cls)):
            value = values.get(name)
            if value is None:
                continue
            try:
                read[name] = _READ.get(name, float)(value)
            except (TypeError, ValueError) as error:
                raise InputError(f"person has {name} = {value!r}") from error
        return cls(**read)


def _box(values: Any) -> tuple[float, float, float, float]:
    x, y, width, height = map(float, values)
    return x, y, x + width, y + height


_READ: Mapping[str, Any] = {"full_box": _box, "kind": str, "identity": str, "age": str}

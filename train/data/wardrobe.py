"""What an Anny body wears: pieces of garments, how long, of which cloth, and what is painted on the skin."""

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from densepose_mobile.train.data.body_paint import Cover, Look
from densepose_mobile.train.data.fabrics import Colour, Fabric, sample_fabric, sample_hair_colour, sample_skin

__all__ = ["Outfit", "sample_outfit"]

_WOMENS: Final = ("female_casualsuit01", "female_casualsuit02", "female_elegantsuit01", "female_sportsuit01")
_MENS: Final = ("male_casualsuit01", "male_casualsuit02", "male_casualsuit03", "male_casualsuit04", "male_casualsuit05",
                "male_casualsuit06", "male_elegantsuit01", "male_worksuit01")  # fmt: skip
_SHOES: Final = ("shoes01", "shoes02", "shoes03")
_LONG_HAIR: Final = ("bob01", "bob02", "braid01", "long01", "ponytail01", "short03", "long01", "ponytail01")
_SHORT_HAIR: Final = ("short01", "short02", "short03", "short04", "afro01", "short01", "short02")
_HATS: Final = ("fedora", "fedora_cocked")

_ADULT: Final = 0.55  # of Anny's age
_GROWN: Final = 0.66
_OLD: Final = 0.84
_IRIS: Final = ((70, 45, 25), (95, 65, 35), (50, 35, 25), (90, 110, 120), (80, 100, 70))


@dataclass(frozen=True)
class Outfit:
    """Clothes and colours of one person."""

    cover: Cover
    look: Look
    top: str | None = None  # garment whose upper piece is worn
    bottom: str | None = None  # garment whose lower piece is worn, or "skirt"
    sleeve: float | None = None  # a garment's sleeves are cut here (0 shoulder, 1 elbow, 2 wrist)
    leg: float | None = None  # a garment's legs or a skirt are cut here (0 hip, 1 knee, 2 ankle)
    shoes: str | None = None
    hair: str | None = None
    top_fabric: Fabric | None = None
    bottom_fabric: Fabric | None = None
    loose: tuple[float, float] = field(default=(0.0, 0.0))  # m that painted top and trousers stand off the skin


def _pick(rng: np.random.Generator, names: tuple[str, ...]) -> str:
    return names[int(rng.integers(len(names)))]


def sample_outfit(rng: np.random.Generator, phenotype: dict[str, float], height: float) -> Outfit:
    """Clothes for a body of this age and gender (0 man, 1 woman); only grown bathers go without top or trousers.

    height: m.
    """
    woman, age = phenotype["gender"] > 0.5, phenotype["age"]
    own, other = (_WOMENS, _MENS) if woman else (_MENS, _WOMENS[:2])
    suits = own if rng.random() < (0.6 if woman else 0.93) else other
    skin = sample_skin(rng)
    top_fabric = _unlike(sample_fabric(rng, logo=True), skin)
    bottom_fabric = _unlike(sample_fabric(rng, calm=True), skin)
    dress = woman and rng.random() < 0.16
    skirt = dress or (woman and rng.random() < 0.14)
    if dress:
        bottom_fabric = top_fabric
    top: str | None = _pick(rng, suits)
    bottom: str | None = _pick(rng, (*suits, *_MENS[:4]))
    if top == "male_elegantsuit01" and rng.random() < 0.5:
        bottom, bottom_fabric = top, top_fabric
    sleeve = leg = None
    cover_sleeve = cover_leg = None
    hem, belt, loose = 0.95, 1.02, [0.0, 0.0]
    if rng.random() < 0.34:  # painted on the body: tight, or standing off it like a pullover or a parka
        top = None
        cover_sleeve = float(rng.choice([0.05, 0.35, 0.55, 0.8, 1.4, 1.9, 1.95])) + rng.normal(0, 0.04)
        hem = float(rng.uniform(0.86, 1.04))
        loose[0] = float(rng.choice([0.002, 0.006, 0.014, 0.028]) * rng.uniform(0.6, 1.4))
    elif rng.random() < 0.35:
        sleeve = float(rng.choice([0.3, 0.55, 0.8, 1.2, 1.6])) + rng.normal(0, 0.04)
    if skirt:
        bottom = "skirt"
        leg = float(rng.choice([0.45, 0.7, 0.95, 1.2, 1.7, 2.1])) + rng.normal(0, 0.05)
        cover_leg = 0.12 if rng.random() < 0.75 else 1.93  # tights
    elif rng.random() < 0.36:
        bottom = None
        cover_leg = float(rng.choice([0.25, 0.4, 0.6, 0.9, 1.4, 1.95, 1.95])) + rng.normal(0, 0.04)
        belt = float(rng.uniform(0.96, 1.06))
        loose[1] = float(rng.choice([0.001, 0.004, 0.010, 0.016]) * rng.uniform(0.6, 1.4))
    elif rng.random() < 0.32:
        leg = float(rng.choice([0.4, 0.6, 0.85, 1.1, 1.5])) + rng.normal(0, 0.04)
    if top is not None and bottom is not None and bottom != top and cover_leg is None:
        cover_leg = 0.1  # under two suits that may leave a gap
    if top is None or (bottom is None and hem > 0.97):
        belt = max(belt, hem + 0.02)
    band = None
    if age > _GROWN and height > 1.5 and rng.random() < 0.05:
        top, cover_sleeve, sleeve = None, None, None
        bottom, leg, cover_leg = None, None, 0.08 if woman else float(rng.choice([0.15, 0.5, 0.9]))
        belt = 0.93 if woman else 0.98
        band = (1.17, 1.30) if woman else None
    shoes, socks = _feet(rng)
    hair_colour = sample_hair_colour(rng, age > _OLD)
    hair, stubble = _hair(rng, woman, age)
    look = Look(
        skin,
        hair_colour,
        float(rng.uniform(0.3, 1.0) if woman else rng.uniform(0.15, 0.6)),
        stubble,
        _IRIS[int(rng.integers(len(_IRIS)))],
        top_fabric,
        bottom_fabric,
        _unlike(sample_fabric(rng, calm=True), skin),
        _unlike(sample_fabric(rng), skin),
        _near_black(rng),
    )
    headgear, beard, glasses, gloves = _extras(rng, woman, age)
    if headgear is not None:
        hair = None
    neck = float(rng.uniform(1.39, 1.45))
    cover = Cover(cover_sleeve, hem, neck, cover_leg, belt, socks, band, headgear, beard, glasses, gloves)
    return Outfit(
        cover,
        look,
        top,
        bottom,
        sleeve,
        leg,
        shoes,
        hair,
        top_fabric,
        bottom_fabric,
        (loose[0], loose[1]),
    )


def _unlike(fabric: Fabric, skin: Colour) -> Fabric:
    """A fabric that cannot be taken for the skin: too near a colour is darkened."""
    near = max(abs(a - b) for a, b in zip(fabric.first, skin, strict=True)) < 48
    if not near:
        return fabric
    r, g, b = fabric.first
    return replace(fabric, first=(0.35 * r, 0.4 * g, 0.5 * b))


def _near_black(rng: np.random.Generator) -> Colour:
    r, g, b = rng.uniform(8, 60, 3)
    return float(r), float(g), float(b)


def _extras(rng: np.random.Generator, woman: bool, age: float) -> tuple[str | None, bool, bool, bool]:
    """Headgear, beard, glasses, gloves."""
    draw = rng.random(4)
    headgear = None
    if draw[0] < 0.16:
        headgear = str(rng.choice(["cap", "helmet", "scarf"], p=[0.45, 0.3, 0.25]))
    beard = not woman and age > _GROWN and draw[1] < 0.28
    return headgear, beard, bool(draw[2] < 0.08), bool(draw[3] < 0.07)


def _feet(rng: np.random.Generator) -> tuple[str | None, float | None]:
    draw = rng.random()
    if draw < 0.72:
        socks = float(rng.choice([1.55, 1.75, 1.85])) if rng.random() < 0.5 else None
        return _pick(rng, _SHOES), socks
    if draw < 0.86:
        return None, float(rng.choice([1.2, 1.6, 1.8, 1.95]))  # boots and socks, painted
    return None, None


def _hair(rng: np.random.Generator, woman: bool, age: float) -> tuple[str | None, float]:
    """Hair mesh and how much hair shows on the scalp."""
    draw = rng.random()
    if draw < 0.06:
        return _pick(rng, _HATS), float(rng.uniform(0.4, 0.9))
    if draw < (0.88 if woman else 0.62):
        names = _LONG_HAIR if woman and rng.random() < 0.8 else _SHORT_HAIR
        return _pick(rng, names), 0.9
    if woman or age < _ADULT or rng.random() < 0.65:
        return None, float(rng.uniform(0.65, 1.0))  # cropped
    return None, float(rng.uniform(0.0, 0.3))  # bald

"""Procedural cloth and skin colours, painted texel by texel in body coordinates so that patterns follow the body."""

from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.train.data.texels import TexelMap

__all__ = [
    "PATTERNS",
    "SKIN_TONES",
    "Fabric",
    "Paint",
    "paint",
    "sample_colour",
    "sample_fabric",
    "sample_hair_colour",
    "sample_skin",
]

Colour = tuple[float, float, float]

PATTERNS: Final[dict[str, float]] = {
    "plain": 0.40,
    "level stripes": 0.10,
    "upright stripes": 0.05,
    "checks": 0.05,
    "plaid": 0.07,
    "dots": 0.04,
    "blotches": 0.06,
    "melange": 0.08,
    "blocks": 0.05,
    "gradient": 0.02,
    "slanted stripes": 0.02,
    "flowers": 0.04,
    "worn": 0.06,
}
"""Patterns and how often tops have them; the number of a pattern in the kernel is its place here."""

_NAMES: Final = tuple(PATTERNS)
_CHANCE: Final = np.array(list(PATTERNS.values())) / sum(PATTERNS.values())
_CALM: Final = np.array(
    [0.62 if name == "plain" else 0.14 if name in ("worn", "melange") else 0.01 for name in PATTERNS]
)

SKIN_TONES: Final[NDArray[np.float64]] = np.array(
    [
        [246, 214, 196],
        [238, 200, 176],
        [228, 184, 156],
        [222, 170, 136],
        [205, 152, 116],
        [184, 128, 94],
        [156, 102, 72],
        [126, 80, 56],
        [96, 60, 44],
        [68, 44, 36],
    ],
    np.float64,
)
"""sRGB, from light to dark."""

_HAIR: Final[NDArray[np.float64]] = np.array(
    [[18, 16, 16], [34, 26, 22], [58, 40, 28], [86, 58, 38], [120, 84, 52], [170, 130, 80], [208, 176, 122],
     [140, 66, 34], [150, 148, 146], [214, 212, 208]], np.float64
)  # fmt: skip
_NEUTRAL: Final = ((22, 22, 25), (45, 46, 50), (88, 90, 94), (140, 142, 145), (190, 190, 190), (238, 238, 236))
_BLUES: Final = ((28, 36, 66), (44, 62, 104), (66, 92, 136), (104, 134, 172), (150, 176, 204))
_EARTH: Final = ((104, 84, 62), (142, 118, 86), (184, 164, 128), (214, 200, 170), (84, 88, 60), (62, 68, 50))


def _near(rng: np.random.Generator, colours: tuple[tuple[int, int, int], ...]) -> Colour:
    base = np.array(colours[int(rng.integers(len(colours)))], np.float64) * rng.uniform(0.8, 1.15)
    r, g, b = np.clip(base + rng.normal(0, 6, 3), 4, 250)
    return float(r), float(g), float(b)


def sample_colour(rng: np.random.Generator, calm: bool = False) -> Colour:
    """An sRGB colour of clothes; `calm` as trousers and shoes have it."""
    draw = rng.random()
    if draw < (0.42 if calm else 0.36):
        return _near(rng, _NEUTRAL)
    if draw < (0.72 if calm else 0.52):
        return _near(rng, _BLUES)
    if draw < (0.88 if calm else 0.62):
        return _near(rng, _EARTH)
    hue, saturation, value = rng.random() * 6, rng.uniform(0.2, 0.95), rng.uniform(0.3, 1.0)
    k = (np.array([5.0, 3.0, 1.0]) + hue) % 6
    r, g, b = 255 * (value - value * saturation * np.clip(np.minimum(k, 4 - k), 0, 1))
    return float(r), float(g), float(b)


def sample_skin(rng: np.random.Generator) -> Colour:
    """An sRGB skin tone."""
    place = rng.random() ** 1.1 * (len(SKIN_TONES) - 1)
    low = min(int(place), len(SKIN_TONES) - 2)
    tone = SKIN_TONES[low] * (low + 1 - place) + SKIN_TONES[low + 1] * (place - low)
    r, g, b = np.clip(tone * (1 + rng.normal(0, 0.03)) + rng.normal(0, 3, 3), 20, 252)
    return float(r), float(g), float(b)


def sample_hair_colour(rng: np.random.Generator, old: bool = False) -> Colour:
    """An sRGB hair colour; grey and white mostly for the old."""
    index = int(rng.integers(8, 10)) if old and rng.random() < 0.7 else int(rng.choice(9, p=_HAIR_CHANCE))
    r, g, b = np.clip(_HAIR[index] * rng.uniform(0.75, 1.25) + rng.normal(0, 4, 3), 6, 248)
    return float(r), float(g), float(b)


_HAIR_CHANCE: Final = np.array([0.22, 0.18, 0.17, 0.13, 0.1, 0.08, 0.05, 0.04, 0.03])


@dataclass(frozen=True)
class Fabric:
    """A cloth: two colours and how they meet, with a print on the chest if there is one."""

    pattern: str
    first: Colour
    second: Colour
    scale: float  # m, width of the pattern
    ratio: float  # 0..1, share of the first colour
    phase: float
    weave: float  # 0..1, strength of fine noise
    logo: tuple[float, float, float, float] | None = None  # m: level of the top, height, half width, kind (0..1)
    logo_colour: Colour = (240.0, 240.0, 240.0)


def sample_fabric(rng: np.random.Generator, calm: bool = False, logo: bool = False) -> Fabric:
    """A fabric; `calm` for trousers, skirts and shoes; `logo`: the chest may carry a print."""
    chance = _CALM / _CALM.sum() if calm else _CHANCE
    pattern = _NAMES[int(rng.choice(len(_NAMES), p=chance))]
    first = sample_colour(rng, calm)
    second = sample_colour(rng, calm) if rng.random() < 0.6 else _near(rng, _NEUTRAL)
    if pattern in ("melange", "worn"):
        gain = rng.uniform(0.7, 1.35)
        second = (first[0] * gain, first[1] * gain, first[2] * gain)
    place = None
    if logo and rng.random() < 0.35:
        place = (
            float(rng.uniform(1.24, 1.34)),
            float(rng.uniform(0.04, 0.22)),
            float(rng.uniform(0.04, 0.13)),
            rng.random(),
        )
    return Fabric(
        pattern,
        first,
        second,
        float(np.exp(rng.uniform(np.log(0.012), np.log(0.14)))),
        float(rng.uniform(0.3, 0.7)),
        float(rng.uniform(0, 10)),
        float(rng.uniform(0.0, 0.07)),
        place,
        sample_colour(rng),
    )


@dataclass(frozen=True)
class Paint:
    """What to do with the texels of one zone. mode: keep, tint (times `gain`), skin (of colour `gain`), cloth."""

    mode: str
    gain: Colour = (1.0, 1.0, 1.0)
    fabric: Fabric | None = None
    shading: float = 1.0  # 0..1, how much of the old texture's light and dark shows through cloth and new skin


_MODES: Final = ("keep", "tint", "skin", "cloth")
_COLUMNS: Final = 22


def _row(item: Paint) -> NDArray[np.float32]:
    row = np.zeros(_COLUMNS, np.float32)
    row[0] = _MODES.index(item.mode)
    row[1:4] = item.gain
    row[4] = item.shading
    if item.fabric is not None:
        fabric = item.fabric
        row[5] = _NAMES.index(fabric.pattern)
        row[6:9], row[9:12] = fabric.first, fabric.second
        row[12:16] = fabric.scale, fabric.ratio, fabric.phase, fabric.weave
        if fabric.logo is not None:
            row[16:20] = fabric.logo
            row[19] += 1  # 0 stands for none
    return row


def paint(
    base: NDArray[np.uint8],
    light: NDArray[np.uint8],
    zone: NDArray[np.uint8],
    texels: TexelMap,
    paints: tuple[Paint, ...],
    seed: int,
) -> NDArray[np.uint8]:
    """A new texture (S, S, 3) sRGB.

    base: (S, S, 3) old texture. light: (S, S) its brightness against the middle of its zone, 128 = equal. zone: (S, S)
    index into `paints`. seed: for the prints.
    """
    table = np.stack([_row(item) for item in paints])
    logo = np.array([item.fabric.logo_colour if item.fabric else (0, 0, 0) for item in paints], np.float32)
    rng = np.random.default_rng(seed)
    bitmap = rng.random((12, 16)).astype(np.float32)
    bitmap[:, 8:] = bitmap[:, 7::-1] if rng.random() < 0.5 else bitmap[:, 8:]
    out = np.empty_like(base)
    shift = rng.integers(0, 4)
    _paint(base, light, zone, texels.level, texels.around, texels.noise, table, logo, bitmap, int(shift), out)
    return out


@numba.njit(cache=True, fastmath=True, inline="always")
def _fraction(x):  # type: ignore[no-untyped-def]
    return x - np.floor(x)


@numba.njit(cache=True, fastmath=True)
def _mix(pattern, level, around, n0, n1, n2, n3, scale, ratio, phase):  # type: ignore[no-untyped-def]
    """Share of the second colour, 0..1."""
    u, v = around / scale + phase, level / scale + phase
    if pattern == 1:
        return 1.0 if _fraction(v) > ratio else 0.0
    if pattern == 2:
        return 1.0 if _fraction(u) > ratio else 0.0
    if pattern == 3:
        return 1.0 if (_fraction(u) > 0.5) != (_fraction(v) > 0.5) else 0.0
    if pattern == 4:
        wide, high = _fraction(u * 0.5), _fraction(v * 0.5)
        share = (0.5 if wide > ratio else 0.0) + (0.5 if high > ratio else 0.0)
        if _fraction(u * 0.5 + 0.3) < 0.05 or _fraction(v * 0.5 + 0.3) < 0.05:
            return 1.0 - share
        return share
    if pattern == 5:
        x, y = _fraction(u) - 0.5, _fraction(v + (0.5 if _fraction(u * 0.5) > 0.5 else 0.0)) - 0.5
        return 1.0 if x * x + y * y < 0.14 * ratio else 0.0
    if pattern == 6:
        return 1.0 if (n1 + 0.6 * n2) > (ratio - 0.5) * 3 else 0.0
    if pattern == 7:
        return min(1.0, max(0.0, 0.5 + 0.45 * n3 + 0.15 * n2))
    if pattern == 8:
        return 1.0 if level > 0.95 + 0.5 * ratio else 0.0
    if pattern == 9:
        return min(1.0, max(0.0, (level - 0.8) / 0.6))
    if pattern == 10:
        return 1.0 if _fraction(u + v) > ratio else 0.0
    if pattern == 11:
        x, y = _fraction(u + 0.2 * n2) - 0.5, _fraction(v + 0.2 * n3) - 0.5
        return 1.0 if x * x + y * y < 0.16 + 0.05 * n3 else 0.0
    if pattern == 12:
        return min(1.0, max(0.0, 0.4 + 0.3 * n0 + 0.12 * n1 + 0.12 * n3))
    return 0.0


@numba.njit(cache=True, fastmath=True, nogil=True)
def _paint(base, light, zone, level, around, noise, table, logo, bitmap, shift, out):  # type: ignore[no-untyped-def]
    zero, full, one = np.float32(0), np.float32(255), np.float32(1)
    last, mode, pattern = -1, 0, 0
    row, mark = table[0], logo[0]
    for y in range(zone.shape[0]):
        for x in range(zone.shape[1]):
            number = zone[y, x]
            if number != last:
                last, row, mark = number, table[number], logo[number]
                mode, pattern = int(row[0]), int(row[5])
            if mode == 0:
                for k in range(3):
                    out[y, x, k] = base[y, x, k]
                continue
            if mode == 1:
                for k in range(3):
                    out[y, x, k] = np.uint8(min(full, np.float32(base[y, x, k]) * row[1 + k]))
                continue
            n0, n1, n2, n3 = noise[y, x, 0], noise[y, x, 1], noise[y, x, 2], noise[y, x, 3]
            if mode == 2:
                tone = one + np.float32(0.03) * n0 + np.float32(0.025) * n1 + np.float32(0.02) * n3
                tone *= one + row[4] * (np.float32(light[y, x]) * np.float32(1 / 128) - one)
                for k in range(3):
                    out[y, x, k] = np.uint8(min(full, max(zero, row[1 + k] * tone)))
                continue
            h, w = level[y, x], around[y, x]
            shade = one + row[4] * (np.float32(light[y, x]) * np.float32(1 / 128) - one)
            shade *= one + row[15] * n3 + np.float32(0.02) * (n1 if shift < 2 else n2)
            r, g, b = row[6], row[7], row[8]
            if pattern > 0:
                share = np.float32(_mix(pattern, h, w, n0, n1, n2, n3, row[12], row[13], row[14]))
                r += (row[9] - r) * share
                g += (row[10] - g) * share
                b += (row[11] - b) * share
            if row[19] > 0:
                a, c = (row[16] - h) / row[17], (w / row[18] + one) * np.float32(0.5)
                if 0 <= a < 1 and 0 <= c < 1:
                    letters = row[19] < 1.6
                    cell = bitmap[int(a * (4 if letters else 12)), int(c * 16)]
                    if cell > 0.45 and not (letters and _fraction(a * 4) > 0.7):
                        r, g, b = mark[0], mark[1], mark[2]
            out[y, x, 0] = np.uint8(min(full, max(zero, r * shade)))
            out[y, x, 1] = np.uint8(min(full, max(zero, g * shade)))
            out[y, x, 2] = np.uint8(min(full, max(zero, b * shade)))

"""New clothes for the avatars: which texels are skin, hair, top, trousers, shoes, and how to paint them anew."""

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from densepose_mobile.train.cache import cached_arrays
from densepose_mobile.train.data.avatars import Avatar, AvatarLibrary
from densepose_mobile.train.data.fabrics import (
    Colour,
    Fabric,
    Paint,
    paint,
    sample_fabric,
    sample_hair_colour,
    sample_skin,
)
from densepose_mobile.train.data.headwear import head_regions
from densepose_mobile.train.data.texels import ARM, HEAD, LEG, TRUNK, TexelMap

__all__ = ["AvatarWardrobe", "tint_hair"]

_FORMAT: Final = 2
KEEP, FACE, SKIN, HAIR, TOP, BOTTOM, SHOES, BARE, HEADGEAR, GLASSES, GLOVES = range(11)
"""Zones of the avatars' texture; BARE is skin that a shorter sleeve or trouser leg lays open."""

_LOOSE: Final = ("Busi", "Milit", "Util")  # cut too wide to become bare skin
_ALIKE: Final = ("Milit", "Util", "Medi", "Busi")  # all look the same: rarely left as they are


@dataclass(frozen=True, eq=False)
class _Zones:
    zone: NDArray[np.uint8]  # (S, S)
    light: NDArray[np.uint8]  # (S, S) brightness against the mean of the zone, 128 = equal
    mean: NDArray[np.float64]  # (11, 3) mean colour of each zone; of skin, what lies in the light


def _group(entry: dict[str, Any]) -> str:
    return f"{entry['gender']}_{entry['outfit']}_{entry['number']}"


def _lab(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    return cv2.cvtColor(picture, cv2.COLOR_RGB2LAB).astype(np.float32)


class AvatarWardrobe:
    """Zones of all avatars, found by comparing each texel with the avatar's own face, voted over its outfit.

    body: id of the registered body surface, of which `texels` is the map.
    """

    def __init__(self, library: AvatarLibrary, texels: TexelMap, body: str) -> None:
        self._texels = texels
        self._zones: dict[str, _Zones] = {}
        self._on_head = head_regions(texels.point, texels.kind == HEAD)
        self._fixed = self._fixed_texels(library)
        self._near = cv2.dilate(texels.used.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
        self._groups = cached_arrays(
            f"avatar-outfits-{_FORMAT}-{library.stamp}-{body}-{texels.size}", lambda: self._vote(library)
        )

    def _fixed_texels(self, library: AvatarLibrary) -> NDArray[np.bool_]:
        """(S, S) texels of the eyes."""
        size = self._texels.size
        out = np.zeros((size, size), np.uint8)
        for face in library.uv_faces[library.face_group > 0]:
            cv2.fillConvexPoly(out, np.round(library.uv[face] * size - 0.5).astype(np.int32), 1)
        return cv2.dilate(out, np.ones((3, 3), np.uint8)) > 0

    def _skin_likeness(self, picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """(S, S) texels coloured like the avatar's own cheeks."""
        texels, lab = self._texels, _lab(picture)
        point = texels.point
        eyes = 1.58
        cheeks = (texels.kind == HEAD) & texels.used & (np.abs(point[..., 0]) < 0.06) & (point[..., 2] > 0.08)
        cheeks &= (point[..., 1] < eyes - 0.02) & (point[..., 1] > eyes - 0.06)
        tone = np.median(lab[cheeks], 0)
        off = np.abs(lab - tone)
        return (off[..., 1] < 11) & (off[..., 2] < 13) & (off[..., 0] < 75)

    def _vote(self, library: AvatarLibrary) -> dict[str, NDArray[np.generic]]:
        texels = self._texels
        votes: dict[str, list[NDArray[np.bool_]]] = {}
        colours: dict[str, list[NDArray[np.float32]]] = {}
        for name, entry in library.entries.items():
            picture = library.picture(name)
            votes.setdefault(_group(entry), []).append(self._skin_likeness(picture))
            colours.setdefault(_group(entry), []).append(_lab(picture))
        out: dict[str, NDArray[np.generic]] = {}
        for group, masks in votes.items():
            skin = cv2.medianBlur((np.mean(masks, 0) > 0.55).astype(np.uint8), 5) > 0
            zone = np.full(skin.shape, TOP, np.uint8)
            belt = self._belt(np.mean(colours[group], 0), skin)
            zone[np.isin(texels.kind, (TRUNK, LEG)) & (texels.point[..., 1] < belt)] = BOTTOM
            zone[skin] = SKIN
            zone[(texels.kind == LEG) & (texels.along > 1.93) & ~skin] = SHOES
            zone[texels.kind == HEAD] = FACE
            out[group] = zone
        return out

    def _belt(self, lab: NDArray[np.float32], skin: NDArray[np.bool_]) -> float:
        """m, level where the colour of the trunk changes most, between hips and waist."""
        texels = self._texels
        trunk = texels.used & (texels.kind != ARM) & (texels.kind != HEAD) & ~skin
        y = texels.point[..., 1]
        best, belt = 0.0, 1.0
        for level in np.arange(0.86, 1.10, 0.01):
            above, below = trunk & (y > level) & (y < level + 0.06), trunk & (y < level) & (y > level - 0.06)
            if above.sum() > 50 and below.sum() > 50:
                change = float(np.linalg.norm(np.median(lab[above], 0) - np.median(lab[below], 0)))
                if change > best:
                    best, belt = change, float(level)
        return belt

    def _zones_of(self, avatar: Avatar) -> _Zones:
        if avatar.name not in self._zones:
            texels, picture = self._texels, avatar.texture
            zone = self._groups[_group(avatar.entry)].astype(np.uint8)
            skin = self._skin_likeness(picture)
            hair = (zone == FACE) & ~skin & (texels.point[..., 1] > 1.52)
            lab = _lab(picture)
            hair &= (texels.point[..., 1] > 1.615) | (texels.point[..., 2] < 0.04)
            zone[cv2.medianBlur(hair.astype(np.uint8), 5) > 0] = HAIR
            zone[(texels.kind == HEAD) & (texels.point[..., 1] < 1.44) & ~skin] = TOP
            zone[self._fixed | ~self._near] = KEEP
            light = np.full(zone.shape, 128, np.uint8)
            mean = np.full((11, 3), 128.0)
            bright = np.maximum(lab[..., 0], 1)
            for number in range(BARE):
                mine = (zone == number) & texels.used
                if mine.any():
                    mean[number] = picture[mine].mean(0)
                    if number in (FACE, SKIN):
                        own = mine & skin
                        if own.any():
                            mean[number] = np.percentile(picture[own], 60, axis=0)
                    middle = max(float(bright[mine].mean()), 12.0)
                    light[zone == number] = np.clip(128 * bright[zone == number] / middle, 40, 220)
            self._zones[avatar.name] = _Zones(zone, light, mean)
        return self._zones[avatar.name]

    def dress(self, avatar: Avatar, rng: np.random.Generator) -> tuple[NDArray[np.uint8], Colour | None]:
        """A new texture (S, S, 3) for `avatar`, and a colour for its wig (None: as it is)."""
        zones = self._zones_of(avatar)
        outfit = str(avatar.entry["outfit"])
        keep = 0.06 if outfit in _ALIKE else 0.2
        zone = zones.zone
        paints = [Paint("keep")] * 11
        flesh = zones.mean[SKIN] if zones.mean[SKIN].sum() > 60 else zones.mean[FACE]
        gain = (1.0, 1.0, 1.0)
        if rng.random() < 0.6:
            wanted, share = np.array(sample_skin(rng)), rng.uniform(0.3, 1.0)
            gain = _skin_gain(zones.mean[FACE] * (1 - share) + wanted * share, zones.mean[FACE])
            paints[FACE] = Paint("tint", gain)
            even = zones.mean[FACE] / np.maximum(flesh, 12)  # hands are often photographed lighter than the face
            gain = _skin_gain(np.array(gain) * flesh * (0.5 + 0.5 * even), flesh)
            paints[SKIN] = Paint("tint", gain)
        r, g, b = (float(v) for v in np.clip(flesh * gain, 0, 250))
        paints[BARE] = Paint("skin", (r, g, b), shading=0.0)
        hair: Colour | None = None
        if rng.random() < 0.5:
            hair = sample_hair_colour(rng)
            paints[HAIR] = Paint("cloth", fabric=_plain(hair))
        top = self._garment(rng, zones, TOP, keep, logo=True)
        bottom = self._garment(rng, zones, BOTTOM, keep, logo=False)
        if outfit == "Util" and rng.random() < 0.5:
            bottom = top
        paints[TOP], paints[BOTTOM] = top, bottom
        if rng.random() < 0.5:
            paints[SHOES] = self._garment(rng, zones, SHOES, 0.2, logo=False)
        if rng.random() < 0.55:
            zone = self._recut(rng, zone, outfit, paints)
        zone = self._extras(rng, zone, paints, wig=avatar.wig >= 0)
        seed = int(rng.integers(1 << 31))
        return paint(avatar.texture, zones.light, zone, self._texels, tuple(paints), seed), hair

    def _garment(self, rng: np.random.Generator, zones: _Zones, zone: int, keep: float, logo: bool) -> Paint:
        draw = rng.random()
        if draw < keep:
            return Paint("keep")
        fabric = sample_fabric(rng, calm=not logo, logo=logo)
        if draw < keep + 0.15:
            return Paint("tint", _gain(np.array(fabric.first), zones.mean[zone]))
        return Paint("cloth", fabric=fabric, shading=float(rng.uniform(0.45, 1.0)))

    def _recut(
        self, rng: np.random.Generator, zone: NDArray[np.uint8], outfit: str, paints: list[Paint]
    ) -> NDArray[np.uint8]:
        """Other lengths of sleeves and legs, another belt line; changes `paints` where a kept texture cannot grow."""
        texels = self._texels
        out = zone.copy()
        arm, leg = texels.kind == ARM, texels.kind == LEG
        tight = outfit not in _LOOSE
        sleeve = float(rng.choice([0.05, 0.45, 0.7, 1.0, 1.5, 1.92])) + rng.normal(0, 0.05)
        cuff = float(rng.choice([0.3, 0.55, 0.85, 1.4, 1.92, 1.92])) + rng.normal(0, 0.06)
        if rng.random() < 0.6:
            grown = arm & (out == SKIN) & (texels.along < sleeve)
            if tight:
                out[arm & (out == TOP) & (texels.along > sleeve)] = BARE
            out[grown] = TOP
            paints[TOP] = _as_cloth(paints[TOP], rng, logo=True)
        if rng.random() < 0.6:
            grown = leg & (out == SKIN) & (texels.along < cuff)
            if tight:
                out[leg & (out == BOTTOM) & (texels.along > cuff)] = BARE
            out[grown] = BOTTOM
            paints[BOTTOM] = _as_cloth(paints[BOTTOM], rng, logo=False)
        if rng.random() < 0.35:
            level = rng.uniform(0.82, 1.08)
            cloth = (out == TOP) | (out == BOTTOM)
            trunk = np.isin(texels.kind, (TRUNK, LEG)) & cloth
            out[trunk] = np.where(texels.point[trunk][:, 1] < level, BOTTOM, TOP)
            paints[TOP] = _as_cloth(paints[TOP], rng, logo=True)
            paints[BOTTOM] = _as_cloth(paints[BOTTOM], rng, logo=False)
        if tight and rng.random() < 0.08:  # beach: a bare trunk, or with a band round the chest
            y = texels.point[..., 1]
            bare = (texels.kind == TRUNK) & (y > 0.97) & (out == TOP)
            if rng.random() < 0.6:
                bare &= (y < 1.14) | (y > 1.29)
            out[bare | (arm & (out == TOP))] = BARE
        return out

    def _extras(
        self, rng: np.random.Generator, zone: NDArray[np.uint8], paints: list[Paint], wig: bool
    ) -> NDArray[np.uint8]:
        """Glasses, gloves and, without a wig, headgear."""
        draw = rng.random(3)
        if draw.min() > 0.12:
            return zone
        out = zone.copy()
        if draw[0] < 0.06:
            out[self._on_head["glasses"]] = GLASSES
            r, g, b = (float(v) for v in rng.uniform(8, 60, 3))
            paints[GLASSES] = Paint("skin", (r, g, b), shading=0.0)
        if draw[1] < 0.06:
            out[(self._texels.kind == ARM) & (self._texels.along > 1.95)] = GLOVES
            paints[GLOVES] = Paint("cloth", fabric=sample_fabric(rng, calm=True), shading=0.3)
        if draw[2] < 0.12 and not wig:
            out[self._on_head[str(rng.choice(["cap", "helmet", "scarf"]))]] = HEADGEAR
            paints[HEADGEAR] = Paint("cloth", fabric=sample_fabric(rng), shading=0.0)
        return out


def _as_cloth(item: Paint, rng: np.random.Generator, logo: bool) -> Paint:
    if item.mode == "cloth":
        return item
    return Paint("cloth", fabric=sample_fabric(rng, calm=not logo, logo=logo), shading=float(rng.uniform(0.45, 1.0)))


def _plain(colour: Colour) -> Fabric:
    return Fabric("plain", colour, colour, 0.1, 0.5, 0.0, 0.05)


def _gain(wanted: NDArray[np.float64], mean: NDArray[np.float64]) -> Colour:
    r, g, b = np.clip(wanted / np.maximum(mean, 12), 0.2, 4.0)
    return float(r), float(g), float(b)


def _skin_gain(wanted: NDArray[np.float64], mean: NDArray[np.float64]) -> Colour:
    """A gain that neither bleaches skin nor turns it blue or green."""
    gain = wanted / np.maximum(mean, 12)
    level = float(gain.mean())
    r, g, b = np.clip(level, 0.4, 1.35) * np.clip(gain / level, 0.88, 1.12)
    return float(r), float(g), float(b)


def tint_hair(texture: NDArray[np.uint8], colour: Colour) -> NDArray[np.uint8]:
    """A hair texture (H, W, 3) in another colour, its strands kept."""
    grey = cv2.cvtColor(texture, cv2.COLOR_RGB2GRAY)
    light = np.arange(256) / max(float(grey.mean()), 8.0)
    table = np.clip(np.clip(light, 0.25, 2.2)[:, None] ** 0.8 * np.array(colour), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(table[grey])

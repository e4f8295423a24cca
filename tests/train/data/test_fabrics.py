import numpy as np
import pytest

from densepose_mobile.train.data.fabrics import (
    PATTERNS,
    SKIN_TONES,
    Fabric,
    Paint,
    paint,
    sample_colour,
    sample_fabric,
    sample_skin,
)
from densepose_mobile.train.data.headwear import HEADGEAR, head_regions
from densepose_mobile.train.data.texels import TexelMap

SIZE = 48


@pytest.fixture
def texels() -> TexelMap:
    """A flat cloth: level falls by 1 cm a row, around grows by 1 cm a column."""
    rows, columns = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)
    level, around = 1.4 - 0.01 * rows, 0.01 * (columns - SIZE / 2)
    noise = np.random.default_rng(0).normal(size=(SIZE, SIZE, 4)).astype(np.float32)
    point = np.stack([around, level, np.zeros_like(level)], -1)
    return TexelMap(point, np.ones((SIZE, SIZE), np.uint8), level, level, around, noise, np.ones((SIZE, SIZE), bool))


def cloth(pattern: str, **other: object) -> Paint:
    values = {"scale": 0.08, "ratio": 0.5, "phase": 0.0, "weave": 0.0} | other
    return Paint("cloth", fabric=Fabric(pattern, (250, 20, 20), (20, 20, 250), **values))  # type: ignore[arg-type]


def painted(texels: TexelMap, *paints: Paint, zone: int = 0, base: int = 100) -> np.ndarray:
    shape = (SIZE, SIZE)
    old = np.full((*shape, 3), base, np.uint8)
    return paint(old, np.full(shape, 128, np.uint8), np.full(shape, zone, np.uint8), texels, paints, 3)


def test_keep_tint_and_skin(texels: TexelMap) -> None:
    assert (painted(texels, Paint("keep")) == 100).all()
    assert (painted(texels, Paint("tint", (1.0, 0.5, 4.0))) == [100, 50, 255]).all()
    skin = painted(texels, Paint("skin", (200.0, 150.0, 120.0)))
    assert np.allclose(skin.reshape(-1, 3).mean(0), [200, 150, 120], atol=8)


def test_level_stripes_run_across_and_upright_ones_down(texels: TexelMap) -> None:
    across, down = painted(texels, cloth("level stripes")), painted(texels, cloth("upright stripes"))
    red_across, red_down = across[..., 0] > 128, down[..., 0] > 128
    assert (red_across == red_across[:, :1]).all()
    assert (red_down == red_down[:1]).all()
    assert 0.3 < red_across.mean() < 0.7
    assert len(np.flatnonzero(np.diff(red_across[:, 0]))) > 5


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_pattern_mixes_its_two_colours(texels: TexelMap, pattern: str) -> None:
    picture = painted(texels, cloth(pattern))
    assert picture.reshape(-1, 3).std(0).max() > (5 if pattern == "plain" else 10) or pattern == "plain"
    again = painted(texels, cloth(pattern))
    assert np.array_equal(picture, again)


def test_print_stays_in_its_frame(texels: TexelMap) -> None:
    bare = painted(texels, cloth("plain"))
    with_print = painted(texels, cloth("plain", logo=(1.30, 0.10, 0.05, 0.9), logo_colour=(0.0, 255.0, 0.0)))
    rows, columns = np.nonzero((bare != with_print).any(-1))
    assert len(rows) > 5
    assert texels.level[rows.min(), 0] <= 1.301
    assert texels.level[rows.max(), 0] >= 1.199
    assert np.abs(texels.around[0, columns]).max() <= 0.051


def test_zones_choose_their_paint(texels: TexelMap) -> None:
    picture = painted(texels, Paint("keep"), Paint("skin", (10.0, 10.0, 10.0)), zone=1)
    assert picture.max() < 20


def test_samples_are_colours() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        skin = np.array(sample_skin(rng))
        assert ((skin >= 4) & (skin <= 255)).all()
        assert skin[0] >= skin[2]  # never bluish
        assert all(0 <= value <= 255 for value in sample_colour(rng))
        assert sample_fabric(rng, logo=True).pattern in PATTERNS
    assert (np.diff(SKIN_TONES.sum(1)) < 0).all()


def test_head_regions_lie_where_they_should() -> None:
    points = np.array(
        [
            [0.031, 1.590, 0.13],  # left pupil
            [0.0, 1.69, 0.05],  # crown
            [0.0, 1.49, 0.12],  # chin
            [0.0, 1.575, 0.145],  # nose
            [0.0, 1.60, -0.04],  # back of the head
        ],
        np.float32,
    )
    regions = head_regions(points, np.ones(len(points), bool))
    assert regions["glasses"].tolist() == [True, False, False, False, False]
    assert regions["beard"].tolist() == [False, False, True, False, False]
    assert regions["cap"].tolist() == [False, True, False, False, True]
    assert regions["scarf"].tolist() == [False, True, True, False, True]
    assert set(HEADGEAR) <= set(regions)
    assert not any(mask.any() for mask in head_regions(points, np.zeros(len(points), bool)).values())

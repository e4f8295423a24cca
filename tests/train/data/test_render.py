import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from rendered import FACES_PER_BODY, make_renderer, write_assets

from densepose_mobile.train.data.light import Environment, in_split
from densepose_mobile.train.data.records import Picture
from densepose_mobile.train.data.sensor import develop


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_assets(tmp_path_factory.mktemp("assets"))


@pytest.fixture(scope="module")
def pictures(assets: Path) -> list[Picture]:
    renderer = make_renderer(assets)
    return [renderer.picture(index) for index in range(40)]


def test_truth_of_pictures_is_consistent(pictures: list[Picture]) -> None:
    assert {len(p.people) for p in pictures} >= {0, 1, 2, 3}
    for picture in pictures:
        person_pixels = picture.instance > 0
        np.testing.assert_array_equal(picture.face >= 0, person_pixels)
        assert ((picture.face[person_pixels] - 100) // FACES_PER_BODY == 0).all()
        assert picture.barycentric.astype(int).sum(axis=2).max(initial=0) <= 15
        assert set(np.unique(picture.instance)) - {0} <= {p.index for p in picture.people}
        for person in picture.people:
            rows, columns = np.nonzero(picture.instance == person.index)
            assert person.visible_pixels == len(rows)
            if len(rows):
                tight = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
                np.testing.assert_array_equal(person.box, tight)
                assert (person.full_box[:2] <= person.box[:2] + 1).all()
                assert (person.full_box[2:] >= person.box[2:] - 1).all()


def test_seen_keypoints_lie_on_their_person(pictures: list[Picture]) -> None:
    seen = hidden = 0
    for picture in pictures:
        for person in picture.people:
            for x, y, visibility in person.keypoints:
                assert visibility == 0 or (0 <= x < 64 and 0 <= y < 64)
                if visibility == 2:
                    assert picture.instance[int(y), int(x)] == person.index
                    seen += 1
                hidden += visibility == 1
    assert seen > 100
    assert hidden > 10


def test_people_differ_from_what_is_behind(pictures: list[Picture]) -> None:
    """The drawn colour follows the truth: within a box's face the picture is smoother than across its outline."""
    for picture in pictures:
        assert picture.image.shape == (64, 64, 3)
        assert picture.image.dtype == np.uint8
    means = [float(p.image.mean()) for p in pictures]
    assert 30 < np.median(means) < 200
    assert np.std(means) > 5


def test_a_picture_follows_from_seed_and_index(assets: Path, pictures: list[Picture]) -> None:
    again = make_renderer(assets)
    for index in (17, 4):  # in another order, by another renderer
        picture = again.picture(index)
        np.testing.assert_array_equal(picture.image, pictures[index].image)
        np.testing.assert_array_equal(picture.face, pictures[index].face)
    other = make_renderer(assets, seed=4).picture(4)
    assert not np.array_equal(other.image, pictures[4].image)


def test_splits_share_no_place(assets: Path) -> None:
    names = [f"place{k}_1k.hdr" for k in range(24)]
    train, val = ({n for n in names if in_split(n, split)} for split in ("train", "val"))
    assert train
    assert val
    assert not train & val
    assert in_split("polyhaven_chapel_negx.jpg", "val") == in_split("chapel_1k.hdr", "val")
    assert make_renderer(assets, "val").picture(0).meta["split"] == "val"


def test_key_light_shines_from_the_bright_spot(assets: Path) -> None:
    environment = Environment.load(assets / "hdri" / "place0_1k.hdr")
    azimuth, elevation = (41 / 64 - 0.5) * 2 * np.pi, (0.5 - 7 / 32) * np.pi
    toward = [np.sin(azimuth) * np.cos(elevation), np.sin(elevation), -np.cos(azimuth) * np.cos(elevation)]
    np.testing.assert_allclose(environment.direction, toward, atol=0.03)
    light = environment.light(0.0, 1.0, np.ones(3, np.float32))
    # The rest is uniform: its irradiance is the same from all sides.
    sky = [light.ambient(np.array(n, np.float32)) for n in ([0, 1, 0], [0, -1, 0], [1, 0, 0], [0, 0, 1])]
    np.testing.assert_allclose(sky, np.broadcast_to(sky[0], (4, 3)), rtol=0.1)
    assert light.key.min() > sky[0].max()


def test_turning_the_panorama_turns_light_and_view(assets: Path) -> None:
    environment = Environment.load(assets / "hdri" / "place0_1k.hdr")
    turned = environment.light(0.7, 1.0, np.ones(3, np.float32)).direction
    straight = environment.light(0.0, 1.0, np.ones(3, np.float32)).direction
    assert abs(float(turned[1] - straight[1])) < 1e-5
    cosine = float(turned[[0, 2]] @ straight[[0, 2]]) / float(np.linalg.norm(straight[[0, 2]]) ** 2)
    np.testing.assert_allclose(np.arccos(cosine), 0.7, atol=1e-3)


def test_development_moves_nothing() -> None:
    linear = np.zeros((64, 64, 3), np.float32)
    linear[24:40, 24:40] = 0.6
    for seed in range(60):
        image, _ = develop(linear, np.random.default_rng(seed))
        grey = np.maximum(image.astype(np.float64).sum(axis=2) - np.median(image.sum(axis=2)) - 60, 0)
        rows, columns = np.indices(grey.shape) + 0.5
        np.testing.assert_allclose(
            [(grey * rows).sum() / grey.sum(), (grey * columns).sum() / grey.sum()], [32, 32], atol=0.35
        )

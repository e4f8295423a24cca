from pathlib import Path

import numpy as np
import pytest

from densepose_mobile.metrics.keypoints import KEYPOINT_NAMES
from densepose_mobile.train.atlas.template import TemplateMesh, template_mesh
from densepose_mobile.train.data.avatars import AvatarLibrary, identity_of
from densepose_mobile.train.data.people import PeopleFactory, PosedPerson

pytest.importorskip("anny")

KEYPOINT = {name: index for index, name in enumerate(KEYPOINT_NAMES)}


@pytest.fixture(scope="module")
def factory(assets: Path) -> PeopleFactory:
    return PeopleFactory(assets, "val")


@pytest.fixture(scope="module")
def people(factory: PeopleFactory) -> list[PosedPerson]:
    rng = np.random.default_rng(0)
    return [factory.sample(rng) for _ in range(24)]


@pytest.fixture(scope="module")
def template() -> TemplateMesh:
    return template_mesh()


def canonical(factory: PeopleFactory, person: PosedPerson) -> np.ndarray:
    return factory.surfaces[person.layers[0].surface].canonical


def test_same_seed_same_person(factory: PeopleFactory) -> None:
    first, second = (factory.sample(np.random.default_rng(11)) for _ in range(2))
    assert (first.kind, first.identity, first.clip) == (second.kind, second.identity, second.clip)
    assert np.array_equal(first.keypoints, second.keypoints)
    for a, b in zip(first.layers, second.layers, strict=True):
        assert np.array_equal(a.vertices, b.vertices)
        assert np.array_equal(a.texture, b.texture)


def test_both_kinds_and_different_people(people: list[PosedPerson]) -> None:
    assert {person.kind for person in people} == {"valid", "anny"}
    assert len({person.identity for person in people}) > 10


def test_layers_fit_their_surfaces(factory: PeopleFactory, people: list[PosedPerson]) -> None:
    for person in people:
        for layer in person.layers:
            surface = factory.surfaces[layer.surface]
            assert np.array_equal(layer.faces, surface.faces)
            assert layer.vertices.shape == surface.canonical.shape
            assert layer.vertices.dtype == np.float32
            assert layer.uv_faces.shape == layer.faces.shape
            assert layer.uv_faces.max() < len(layer.uv)
            assert layer.texture.dtype == np.uint8
            assert layer.texture.shape[2] in (3, 4)
            assert np.isfinite(layer.vertices).all()
            assert layer.hidden_faces is None or layer.hidden_faces.shape == (len(layer.faces),)


def test_people_stand_on_the_ground_at_the_origin(people: list[PosedPerson]) -> None:
    for person in people:
        assert 0.4 < person.height_m < 2.05
        lowest = min(layer.vertices[:, 1].min() for layer in person.layers)
        assert -1e-4 < lowest < 0.5
        if person.clip.startswith("stance"):
            assert lowest < 1e-4
        hips = person.keypoints[[KEYPOINT["left_hip"], KEYPOINT["right_hip"]]].mean(0)
        assert np.abs(hips[[0, 2]]).max() < 0.25


@pytest.mark.parametrize(
    ("keypoint", "bone", "reach"),
    [
        ("left_wrist", "wrist.L", 0.05),
        ("right_wrist", "wrist.R", 0.05),
        ("left_elbow", "lowerarm01.L", 0.06),
        ("right_knee", "lowerleg01.R", 0.08),
        ("left_ankle", "foot.L", 0.07),
        ("right_shoulder", "upperarm01.R", 0.09),
    ],
)
def test_vertices_at_a_joint_lie_at_that_joint_of_the_template(
    factory: PeopleFactory, people: list[PosedPerson], template: TemplateMesh, keypoint: str, bone: str, reach: float
) -> None:
    seen = set()
    for person in people:
        body, points = person.layers[0].vertices, canonical(factory, person)
        joint = template.joints[bone]
        away = np.linalg.norm(points - joint, axis=1)
        nearest = body[away < reach]
        span = person.height_m / 1.7
        gap = np.linalg.norm(nearest.mean(0) - person.keypoints[KEYPOINT[keypoint]])
        assert gap < 0.10 * max(span, 0.7), (person.identity, person.clip, gap)
        seen.add(person.kind)
    assert seen == {"valid", "anny"}


def test_left_stays_left(factory: PeopleFactory, people: list[PosedPerson], template: TemplateMesh) -> None:
    for person in people:
        body, points = person.layers[0].vertices, canonical(factory, person)
        for name, bone in (("wrist", "wrist"), ("ankle", "foot"), ("knee", "lowerleg01")):
            mine, other = (person.keypoints[KEYPOINT[f"{side}_{name}"]] for side in ("left", "right"))
            if np.linalg.norm(mine - other) < 0.3:
                continue  # too near each other to tell
            place = body[np.linalg.norm(points - template.joints[f"{bone}.L"], axis=1) < 0.06].mean(0)
            assert np.linalg.norm(place - mine) < np.linalg.norm(place - other)


def test_face_keypoints_lie_on_the_face(factory: PeopleFactory, people: list[PosedPerson]) -> None:
    for person in people:
        body, points = person.layers[0].vertices, canonical(factory, person)
        for name, side in (("nose", 0), ("left_eye", 1), ("right_eye", -1), ("left_ear", 1), ("right_ear", -1)):
            vertex = int(np.linalg.norm(body - person.keypoints[KEYPOINT[name]], axis=1).argmin())
            x, y, z = points[vertex]
            assert y > 1.5
            assert np.sign(round(float(x), 2)) == side
            assert (z > 0.09) == ("ear" not in name)


def test_canonical_points_lie_on_the_template(factory: PeopleFactory, template: TemplateMesh) -> None:
    from scipy.spatial import cKDTree

    centres = np.concatenate([template.vertices, template.vertices[template.faces].mean(1)])
    tree = cKDTree(centres)
    for surface in factory.surfaces:
        distance = tree.query(surface.canonical)[0]
        assert distance.max() < 0.03, surface.name


def test_registration_has_no_jumps(factory: PeopleFactory) -> None:
    surface = factory.surfaces["valid/body"]
    corners = surface.canonical[surface.faces]
    longest = np.linalg.norm(corners - np.roll(corners, 1, 1), axis=-1).max(1)
    assert np.quantile(longest, 0.999) < 0.08
    sides = np.sign(corners[..., 0]) * (np.abs(corners[..., 0]) > 0.04)
    below = corners[..., 1].max(1) < 0.7
    assert not ((sides.min(1) < 0) & (sides.max(1) > 0) & below).any()  # no triangle joins the two legs


def test_wigs_and_hair_lie_on_the_head(factory: PeopleFactory) -> None:
    for surface in factory.surfaces:
        if "wig" in surface.name or surface.name in ("mh/long01", "mh/afro01", "mh/fedora"):
            assert surface.canonical[:, 1].min() > 1.49, surface.name


def test_surfaces_are_the_same_for_both_splits(assets: Path, factory: PeopleFactory) -> None:
    assert PeopleFactory(assets, "train").surfaces.id == factory.surfaces.id


def test_splits_share_no_avatar_identity(assets: Path) -> None:
    library = AvatarLibrary(assets)
    people = [{identity_of(library.entries[name]) for name in library.names(split)} for split in ("train", "val")]
    assert people[0].isdisjoint(people[1])
    assert len(people[1]) >= 5
    assert sum(len(library.names(split)) for split in ("train", "val")) == 234


def test_nobody_is_undressed(factory: PeopleFactory) -> None:
    """Bodies of children and youths always wear a top and trousers or a skirt."""
    from densepose_mobile.train.data.wardrobe import sample_outfit

    rng = np.random.default_rng(0)
    for _ in range(300):
        outfit = sample_outfit(rng, {"gender": float(rng.random()), "age": float(rng.uniform(-0.1, 0.65))}, 1.6)
        assert outfit.top is not None or outfit.cover.sleeve is not None
        assert outfit.bottom is not None or outfit.cover.leg is not None

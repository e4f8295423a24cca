import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from rendered import BoxPeople, make_renderer, write_assets

from densepose_mobile.errors import InputError
from densepose_mobile.train.data.ingredients import Ingredients
from densepose_mobile.train.data.people import PeopleFactory
from densepose_mobile.train.data.render import Renderer
from densepose_mobile.train.data.rendering import RenderJob, open_folder
from densepose_mobile.train.data.scene import compose, sample_count
from densepose_mobile.train.data.shards import read_manifest
from densepose_mobile.train.data.surfaces import Surface, SurfaceSet


def test_ingredients_are_left_out_by_name() -> None:
    parts = Ingredients.without(["things", "groups"])
    assert (parts.things, parts.groups, parts.sensor) == (False, False, True)
    assert parts.left_out == ["groups", "things"]
    assert Ingredients().left_out == []
    with pytest.raises(InputError, match="'thing' is no ingredient"):
        Ingredients.without(["thing"])


def test_without_groups_four_people_are_the_most() -> None:
    rng = np.random.default_rng(0)
    assert max(sample_count(rng, groups=False) for _ in range(2000)) == 4


def test_without_things_only_people_are_drawn() -> None:
    grey = np.full((64, 64, 3), 128, np.uint8)
    for seed in range(10):
        rng = np.random.default_rng(seed)
        people = [BoxPeople().sample(rng) for _ in range(3)]
        scene = compose(people, 64, rng, {"box": 0}.__getitem__, lambda side: grey[:side, :side], with_things=False)
        assert all(mesh.instance > 0 for mesh in scene.meshes)


def test_without_a_sensor_pictures_are_clean(tmp_path: Path) -> None:
    assets = write_assets(tmp_path)
    clean = Renderer(assets, BoxPeople(), {"box": 100}.__getitem__, "train", 3, 64, Ingredients.without(["sensor"]))  # type: ignore[arg-type]
    done = {"blur", "noise", "jpeg", "motion", "side", "grey"}
    assert not any(done & clean.picture(index).meta.keys() for index in range(12))
    assert any(done & make_renderer(assets).picture(index).meta.keys() for index in range(12))


def test_the_folder_says_what_is_missing_and_takes_nothing_else(tmp_path: Path) -> None:
    surfaces = SurfaceSet.of((Surface("a", np.array([[0, 1, 2]], np.int32), np.zeros((3, 3), np.float32)),))
    job = RenderJob(tmp_path, ingredients=Ingredients.without(["things"]))
    open_folder(tmp_path / "out", job, surfaces, 4)
    assert read_manifest(tmp_path / "out").without == ["things"]
    with pytest.raises(InputError, match=r"without \['things'\] there, \[\] asked"):
        open_folder(tmp_path / "out", RenderJob(tmp_path), surfaces, 4)


def test_people_go_without_each_ingredient(assets: Path) -> None:
    plain = PeopleFactory(assets, "train", Ingredients.without(field.name for field in fields(Ingredients)))
    people = [plain.sample(np.random.default_rng(seed)) for seed in range(12)]
    assert {person.kind for person in people} == {"valid"}
    assert not any(person.clip.startswith("stance") for person in people)
    names = {person.identity: person for person in people}
    for name, person in names.items():
        avatar = plain.avatars.library.load(name)
        np.testing.assert_array_equal(person.layers[0].texture, avatar.texture)
        assert person.height_m == pytest.approx(min(2.0, avatar.entry["height_m"]), rel=1e-3)

import itertools
from pathlib import Path

import pytest
import yaml

from densepose_mobile.errors import InputError
from densepose_mobile.train.engine.recipe import Optimisation, Recipe, load_recipe, recipe_from, save_recipe, with_steps
from densepose_mobile.train.engine.schedule import lr_factor

SHIPPED = sorted((Path(__file__).parents[3] / "train" / "recipes").glob("*.yaml"))


def test_unknown_key_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"optimisation\.warmup.*did you mean `optimisation\.warmup_steps`"):
        recipe_from({"name": "x", "optimisation": {"warmup": 3}})
    with pytest.raises(InputError, match="did you mean `precision`"):
        recipe_from({"name": "x", "precison": "bf16"})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "name"),
        ({"name": "x", "seed": "three"}, "seed"),
        ({"name": "x", "precision": "int4"}, "int4"),
        ({"name": "x", "losses": 3}, "mapping"),
        ({"name": "x", "threads": 0}, "`threads` is 0"),
        ({"name": "x", "batch": {"whole": 0, "crops": 0}}, r"batch\.whole \+ batch\.crops"),
        ({"name": "x", "batch": {"photos": 1.5}}, r"batch\.photos.*1\.5"),
        ({"name": "x", "optimisation": {"schedule": "linear"}}, "linear.*extendable, cosine"),
        ({"name": "x", "optimisation": {"schedule": "cosine", "cooldown_steps": 5}}, r"cooldown_steps.*5.*cosine"),
        ({"name": "x", "threads": True}, "threads"),
        ({"name": "x", "task": "teach"}, "`task` is .*one of student, teacher"),
        ({"name": "x", "optimisation": {"optimizer": "adam"}}, r"optimisation\.optimizer.*adamw, sgd"),
        ({"name": "x", "teacher": {"dilations": [3, "six"]}}, r"teacher\.dilations.*list of int"),
        ({"name": "x", "teacher": {"head": "mlp"}}, r"teacher\.head.*deeplab"),
        ({"name": "x", "student": {"track_size": 100}}, r"student\.track_size.*100"),
        ({"name": "x", "student": {"roi_size": 7}}, r"student\.roi_size.*7"),
        ({"name": "x", "task": "tutor"}, r"`task` is .tutor.; one of student, teacher, inpainting"),
        ({"name": "x", "inpainting": {"crops": {"size": 100}}}, r"inpainting\.crops\.size.*100"),
        ({"name": "x", "inpainting": {"kept_back": 1}}, r"inpainting\.kept_back.*1"),
        ({"name": "x", "student": {"track_size": 64}}, r"student\.track_size.*64.*from 96 on"),
        ({"name": "x", "student": {"head_width": 0}}, r"student\.head_width.*0; 1 or more"),
        ({"name": "x", "seed": -1}, "`seed` is -1; 0 or more"),
        ({"name": "x", "rois_per_picture": 0}, "`rois_per_picture` is 0; 1 or more"),
        ({"name": "x", "evaluation": {"every_steps": 0}}, r"evaluation\.every_steps"),
        ({"name": "x", "evaluation": {"log_every_steps": 0}}, r"evaluation\.log_every_steps"),
        ({"name": "x", "inpainting": {"crops": {"batch": 0}}}, r"inpainting\.crops\.batch"),
        ({"name": "x", "augmentation": {"photometric": 2.0}}, r"augmentation\.photometric.*a share"),
        ({"name": "x", "batch": {"guests": 7}}, r"batch\.guests.*a share"),
        ({"name": "x", "losses": {"uv": -1}}, r"losses\.uv.*0 or more"),
        ({"name": "x", "teacher_losses": {"mask": -1}}, r"teacher_losses\.mask.*0 or more"),
        ({"name": "x", "distillation": {"temperature": 0}}, r"distillation\.temperature.*more than 0"),
        ({"name": "x", "distillation": {"gate": {"limb": 2}}}, r"distillation\.gate\.limb.*a share"),
        ({"name": "x", "optimisation": {"ema": 2}}, r"optimisation\.ema"),
        ({"name": "x", "optimisation": {"lr": float("nan")}}, r"optimisation\.lr"),
        ({"name": "x", "optimisation": {"frozen_stages": 5}}, r"optimisation\.frozen_stages.*0 to 4"),
        ({"name": "x", "student": {"width": 7}}, r"student\.width.*student\.head_width"),
    ],
)
def test_wrong_values_are_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        recipe_from(values)


def test_resolved_recipe_reads_back_the_same(tmp_path: Path) -> None:
    recipe = recipe_from({"name": "x", "losses": {"uv": 2}, "batch": {"crops": 3}})
    assert recipe.losses.uv == 2.0
    recipe = recipe_from({"name": "x", "task": "teacher", "teacher": {"dilations": [3, 6], "map_size": 56}})
    assert recipe.teacher.dilations == (3, 6)
    save_recipe(recipe, tmp_path / "recipe.yaml")
    assert load_recipe(tmp_path / "recipe.yaml") == recipe
    assert set(yaml.safe_load((tmp_path / "recipe.yaml").read_text())["optimisation"]) >= {"lr", "ema"}


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_recipes_are_read(path: Path) -> None:
    assert isinstance(load_recipe(path), Recipe)


def test_what_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "weights.safetensors").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(InputError, match=r"weights\.safetensors is no YAML"):
        load_recipe(tmp_path / "weights.safetensors")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.yaml"):
        load_recipe(tmp_path / "none.yaml")


def test_rate_warms_up_decays_and_cools_down() -> None:
    plan = Optimisation(warmup_steps=10, steady_steps=100, cooldown_steps=50, max_steps=1000)
    rates = [lr_factor(step, plan) for step in range(1001)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[100] == 1.0
    assert rates[400] == pytest.approx(0.5)
    assert rates[1000] == 0.0
    assert all(a >= b for a, b in itertools.pairwise(rates[100:]))
    longer = Optimisation(warmup_steps=10, steady_steps=100, cooldown_steps=0, max_steps=5000)
    assert [lr_factor(step, longer) for step in range(950)] == rates[:950]


def test_cosine_falls_from_the_warm_up_to_zero() -> None:
    plan = Optimisation(schedule="cosine", warmup_steps=10, max_steps=110)
    rates = [lr_factor(step, plan) for step in range(111)]
    assert rates[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert rates[60] == pytest.approx(0.5)
    assert rates[110] == 0.0
    assert all(a >= b for a, b in itertools.pairwise(rates[10:]))


def test_length_and_cooldown_are_told_on_the_command_line() -> None:
    plan = with_steps(recipe_from({"name": "tiny"}), 5000, 700).optimisation
    assert (plan.max_steps, plan.cooldown_steps) == (5000, 700)
    assert with_steps(recipe_from({"name": "tiny"}), None, None) == recipe_from({"name": "tiny"})
    cosine = recipe_from({"name": "tiny", "optimisation": {"schedule": "cosine"}})
    with pytest.raises(InputError, match="cosine"):
        with_steps(cosine, None, 700)

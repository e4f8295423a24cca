"""docs/train.md: its commands are understood, its recipes are read, its table of keys is that of the dataclasses."""

import importlib
import inspect
import re
import shlex
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
import typer
import yaml
from torch.distributed.run import parse_args

from densepose_mobile.cli.main import catalogue
from densepose_mobile.train.engine.recipe import Recipe, load_recipe, recipe_from

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs" / "train.md").read_text("utf-8")
RECIPES = sorted((ROOT / "train" / "recipes").glob("*.yaml"))


def blocks(language: str, text: str = GUIDE) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands() -> Iterator[list[str]]:
    """Words of every command of ours in the guide, as they are, behind torchrun, or of a module."""
    for block in blocks("sh"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] in (["densepose-mobile"], ["torchrun"]) or words[:2] == ["python", "-m"]:
                yield words


def understand(words: list[str]) -> None:
    """Parse a command as the command line would, without running it."""
    words = [word for word in words if word != "-v"]
    command, words = catalogue()[words[0]].load(), words[1:]
    while hasattr(command, "commands"):
        command, words = command.commands[words[0]], words[1:]
    command.make_context(command.name, words)


def understand_module(words: list[str]) -> None:
    """The same of the one command of a module."""
    app = typer.Typer()
    app.command()(importlib.import_module(words[0])._main)
    typer.main.get_command(app).make_context(words[0], words[1:])


@pytest.mark.parametrize("words", list(commands()), ids=shlex.join)
def test_commands_are_understood(words: list[str]) -> None:
    if words[0] == "torchrun":
        started = parse_args(words[1:])
        assert (started.module, started.training_script) == (True, "densepose_mobile")
        understand(started.training_script_args)
    elif words[0] == "python":
        understand_module(words[2:])
    else:
        understand(words[1:])
    for word in words:
        if word.startswith("train/recipes/"):
            assert (ROOT / word).is_file()


def test_a_wrong_command_would_be_noticed() -> None:
    with pytest.raises(Exception, match="--datum"):
        understand(["train", "r.yaml", "--out", "o", "--datum", "d"])
    with pytest.raises(Exception, match="--outer"):
        understand_module(["densepose_mobile.train.engine.release", "w", "--data", "d", "--outer", "o"])


@pytest.mark.parametrize("text", blocks("yaml"))
def test_recipes_are_read(text: str) -> None:
    recipe_from({"name": "x", **yaml.safe_load(text)})


def table(kind: type[Any] = Recipe, prefix: str = "") -> Iterator[str]:
    """A row for each key, its meaning as the comment beside the field says it; sections after single keys."""
    comments = dict(re.findall(r"^    (\w+): [^#\n]*#\s*(.*)$", inspect.getsource(kind), re.MULTILINE))
    hints, sections = get_type_hints(kind), []
    for item in fields(kind):
        hint = hints[item.name]
        if is_dataclass(hint):
            sections.append((hint, f"{prefix}{item.name}."))
            continue
        default = "" if item.default is MISSING else yaml.safe_dump(item.default, default_flow_style=True)
        default = default.split("\n")[0].replace("!!python/tuple ", "")
        said = [", ".join(get_args(hint)) if get_origin(hint) is Literal else "", comments.get(item.name, "")]
        assert any(said), f"{prefix}{item.name} has no comment"
        meaning = "; ".join(text for text in said if text).replace("|", "\\|")
        yield f"| `{prefix}{item.name}` | {default} | {meaning} |"
    for hint, name in sections:
        yield from table(hint, name)


def test_every_key_is_in_the_table() -> None:
    rows = "\n".join(["| key | default | |", "|---|---|---|", *table()])
    assert rows in GUIDE, f"put this into docs/train.md:\n{rows}"


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_shipped_recipes_are_named(path: Path) -> None:
    load_recipe(path)
    assert f"`{path.name}`" in GUIDE

"""`densepose-mobile`: one command line over the SDK and whatever other packages are installed.

Commands are looked up by name and imported only when run, so that help is quick and a command whose extra is missing
costs one line. Other packages add theirs through the entry-point group `densepose_mobile.commands`; the extra that a
command needs stands in square brackets after its entry point.
"""

import importlib
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points, version
from typing import Any, Final, NoReturn

import typer
from rich.console import Console
from rich.text import Text
from typer.core import TyperCommand, TyperGroup

from densepose_mobile.errors import DensePoseError

__all__ = ["GROUP", "Command", "catalogue", "main", "run_module"]

GROUP: Final = "densepose_mobile.commands"
"""Entry-point group through which other packages add commands: `name = package.module:typer_app [extra]`."""

_INTERRUPTED: Final = 130
_OWN: Final = "densepose_mobile.cli"
_SUMMARIES: Final = {
    "predict": "Body parts and surface coordinates of the people in pictures and videos.",
    "info": "What is installed: version, bundle, backends.",
    "demo": "Predict on sample photos, or on yours, and show the outcome.",
    "verify": "Check that a bundle computes here what it computed where it was made.",
    "evaluate": "Measure a bundle on people with known truth.",
    "camera": "People live on screen, from a camera, a video or pictures.",
    "bundle": "Export a bundle's plain files for an Android or iOS app.",
    "bench": "How long bundles take on this machine, stage by stage, and what memory.",
    "atlas": "Build and inspect the body atlas.",
    "data": "Render, inspect and export synthetic people.",
    "train": "Train a student or a teacher.",
    "distill": "Train a student from a teacher.",
    "calibrate": "Choose calibration pictures and collect their statistics.",
    "card": "Write a released model's card from its bundles and results files.",
    "convert": "Turn a checkpoint into graphs and bundles for devices.",
}
_SDK_COMMANDS: Final = ("predict", "info", "demo", "verify", "evaluate", "bench", "bundle")


@dataclass(frozen=True)
class Command:
    """A command that is not imported yet."""

    name: str
    target: str  # "package.module:typer_app"
    extras: tuple[str, ...] = ()  # what `pip install "densepose-mobile[...]"` needs for it

    @property
    def summary(self) -> str:
        """One line for the list of commands."""
        return _SUMMARIES.get(self.name, f"From {self.target.partition(':')[0]}.")

    def load(self) -> Any:
        """Import it. Returns the typer command; raises DensePoseError where a package is missing."""
        module, _, attribute = self.target.partition(":")
        try:
            app = getattr(importlib.import_module(module), attribute)
        except ModuleNotFoundError as error:
            raise self.missing(error) from error
        command = typer.main.get_command(app)
        command.name = self.name
        _dress(command)
        return command

    def missing(self, error: ModuleNotFoundError) -> DensePoseError:
        """One line that says what to install."""
        if (error.name or "").partition(".")[0] == "densepose_mobile":
            return DensePoseError(f"`densepose-mobile {self.name}` is not part of this installation ({error.name})")
        mend = (
            f'pip install "densepose-mobile[{",".join(self.extras)}]"' if self.extras else f"pip install {error.name}"
        )
        return DensePoseError(f"`densepose-mobile {self.name}` needs {error.name}, which is not installed: {mend}")


def catalogue() -> dict[str, Command]:
    """Every command by name: the SDK's own first, then those of other packages in alphabetical order."""
    own = {name: Command(name, f"{_OWN}.{name}:app") for name in _SDK_COMMANDS}
    others = {
        point.name: Command(point.name, point.value.split("[")[0].strip(), tuple(point.extras))
        for point in entry_points(group=GROUP)
    }
    return {**own, **{name: others[name] for name in sorted(others) if name not in own}}


def _dress(command: Any) -> None:
    """One look for all: paragraphs flow, and completion is no business of a single command."""
    command.rich_markup_mode = "markdown"
    command.params = [p for p in command.params if p.name not in ("install_completion", "show_completion")]
    for below in getattr(command, "commands", {}).values():
        _dress(below)


class _LazyGroup(TyperGroup):
    """Lists commands without importing them."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(catalogue())

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:
        command = catalogue().get(cmd_name)
        return TyperCommand(cmd_name, help=command.summary) if command else None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        command = catalogue().get(args[0]) if args else None
        if command is None:
            return super().resolve_command(ctx, args)
        ctx.obj = command
        return command.name, command.load(), args[1:]


_app = typer.Typer(cls=_LazyGroup, no_args_is_help=True, add_completion=False, rich_markup_mode="markdown")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"densepose-mobile {version('densepose-mobile')}")
        raise typer.Exit


@_app.callback()
def _root(
    show_version: bool = typer.Option(
        False, "--version", is_eager=True, callback=_print_version, help="Print the version and leave."
    ),
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Say more about what is done."),
) -> None:
    """People in pictures to body parts and surface coordinates.

    Progress goes to stderr, machine output to stdout. Exit codes: 0 done, 1 failed or some inputs failed, 2 usage.
    """
    style = "%(levelname)s %(name)s: %(message)s" if verbose else "%(message)s"
    logging.basicConfig(level=logging.WARNING, format=style)
    logging.getLogger("densepose_mobile").setLevel(logging.DEBUG if verbose else logging.INFO)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line. arguments: without the program's name; sys.argv when None. Returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    return _run(_app, words, "densepose-mobile")


def run_module(command: Callable[..., None]) -> NoReturn:
    """Run the one command of a module that is called as `python -m`, and leave with the exit code, as `main` does."""
    app = typer.Typer()
    app.command()(command)
    sys.exit(_run(app, sys.argv[1:], f"python -m {_module_name()}"))


def _module_name() -> str:
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    return spec.name if spec else sys.argv[0]


def _run(app: typer.Typer, words: list[str], name: str) -> int:
    try:
        typer.main.get_command(app).main(args=words, prog_name=name)
    except SystemExit as leave:
        code = leave.code if isinstance(leave.code, int) else int(leave.code is not None)
        if code == _INTERRUPTED:
            _say("interrupted")
        return code
    except KeyboardInterrupt:
        _say("interrupted")
        return _INTERRUPTED
    except DensePoseError as error:
        _say(f"error: {error}")
        return 1
    except ModuleNotFoundError as error:
        command = catalogue().get(next((word for word in words if not word.startswith("-")), ""))
        if command is None or not command.extras or (error.name or "").startswith("densepose_mobile"):
            raise
        _say(f"error: {command.missing(error)}")
        return 1
    return 0


def _say(message: str) -> None:
    Console(stderr=True, highlight=False).print(Text(message, style="red"), soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())

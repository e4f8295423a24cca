import subprocess
import sys
import types
from importlib.metadata import EntryPoint

import pytest
import typer

from densepose_mobile.cli import main as cli
from densepose_mobile.errors import InputError

OWN = ("predict", "info", "demo", "verify", "evaluate", "bench", "bundle")  # commands of the SDK, in their order


def install(monkeypatch: pytest.MonkeyPatch, **functions: object) -> None:
    """Add commands as another package would."""
    module = types.ModuleType("pretended_commands")
    points = []
    for name, function in functions.items():
        app = typer.Typer()
        app.command()(function)
        setattr(module, name, app)
        points.append(EntryPoint(name, f"pretended_commands:{name} [pretend]", cli.GROUP))
    points.append(EntryPoint("absent", "no_such_distribution.command:app [pretend]", cli.GROUP))
    points.append(EntryPoint("unfinished", "densepose_mobile.no_such_part:app [pretend]", cli.GROUP))
    monkeypatch.setitem(sys.modules, "pretended_commands", module)
    monkeypatch.setattr(cli, "entry_points", lambda group: points)


def test_help_lists_every_command_and_imports_none() -> None:
    code = (
        "import sys; from densepose_mobile.cli.main import main; assert main(['--help']) == 0;"
        "heavy = {'torch', 'lightning', 'kivy', 'densepose_mobile.train', 'densepose_mobile.convert',"
        " 'densepose_mobile.cli.predict'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name in (*OWN, "camera", "atlas", "data", "train", "calibrate", "convert"):
        assert f" {name} " in done.stdout


def test_own_commands_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, zebra=lambda: None, predict=lambda: None)
    assert list(cli.catalogue()) == [*OWN, "absent", "unfinished", "zebra"]
    assert cli.catalogue()["predict"].target == "densepose_mobile.cli.predict:app"


def test_a_command_gets_its_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def shout(word: str, times: int = 1) -> None:
        seen.append(word * times)

    install(monkeypatch, shout=shout)
    assert cli.main(["shout", "ha", "--times", "3"]) == 0
    assert seen == ["hahaha"]
    assert cli.main(["shout"]) == 2
    assert cli.main(["shout", "ha", "--times", "often"]) == 2


@pytest.mark.parametrize("arguments", [["shuot"], ["--bogus"], []])
def test_usage_mistakes_are_2(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    install(monkeypatch, shout=lambda: None)
    assert cli.main(arguments) == 2


def test_our_errors_are_one_line(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise InputError("photo.jpg is [empty] (0 bytes): copy it again")

    install(monkeypatch, fail=fail)
    assert cli.main(["fail"]) == 1
    printed = capfd.readouterr()
    assert printed.err == "error: photo.jpg is [empty] (0 bytes): copy it again\n"
    assert printed.out == ""


def test_exit_codes_of_commands_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def partly() -> None:
        raise typer.Exit(1)

    install(monkeypatch, partly=partly)
    assert cli.main(["partly"]) == 1


def test_a_missing_extra_is_one_line(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def late() -> None:
        raise ModuleNotFoundError("No module named 'anny'", name="anny")

    install(monkeypatch, late=late)
    assert cli.main(["absent"]) == 1
    assert cli.main(["late"]) == 1
    assert cli.main(["unfinished"]) == 1
    first, second, third = capfd.readouterr().err.splitlines()
    assert "needs no_such_distribution" in first
    assert 'pip install "densepose-mobile[pretend]"' in first
    assert "needs anny" in second
    assert "[pretend]" in second
    assert "not part of this installation" in third


def test_interruption_is_quiet(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    install(monkeypatch, stop=stop)
    assert cli.main(["stop"]) == 130
    assert capfd.readouterr().err == "interrupted\n"


def test_version(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capfd.readouterr().out.startswith("densepose-mobile ")


def test_help_of_a_command_flows_and_keeps_to_itself(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def talk() -> None:
        """Say something.

        The first line of a paragraph
        goes on in the second one.
        """

    install(monkeypatch, talk=talk)
    assert cli.main(["talk", "--help"]) == 0
    printed = capfd.readouterr().out
    assert "paragraph goes on" in printed
    assert "completion" not in printed


def test_a_module_that_is_a_command_ends_as_the_command_line_does(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def command(times: int = typer.Option(..., min=1)) -> None:
        if times > 2:
            raise InputError(f"{times} times is too often: twice at most")
        typer.echo("done")

    for words, code, said in (
        (["--times", "2"], 0, "done"),
        (["--times", "3"], 1, "error: 3 times is too often: twice at most"),
        (["--times", "0"], 2, "--times"),
        ([], 2, "--times"),
    ):
        monkeypatch.setattr(sys, "argv", ["module.py", *words])
        with pytest.raises(SystemExit) as left:
            cli.run_module(command)
        assert left.value.code == code
        shown = capfd.readouterr()
        assert said in shown.out + shown.err
        assert "Traceback" not in shown.err

"""The installed commands are those of pyproject.toml, and each runs its module's `main`."""

import importlib
import sys
import tomllib

import pytest

from common import entry_points, signals
from music_vae_keras import namespace
from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
DOOR = "music-vae"
SCRIPTS = {name: target for name, target in PROJECT["project"]["scripts"].items() if name != DOOR}


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_name_a_module_that_is_installed(script: str) -> None:
    target, command = SCRIPTS[script].split(":")
    assert target == "music_vae_keras.common.entry_points"
    module = entry_points.module_of(command)
    assert callable(importlib.import_module(module).main)
    assert command in entry_points.COMMANDS
    assert module in namespace.COMMANDS or module.startswith("preprocess.")


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_run_their_command(
    script: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [script, "--no_such_flag"])
    try:
        status = getattr(entry_points, SCRIPTS[script].split(":")[1])()
    finally:
        signals.listen_no_more()  # or a signal that a later test sends ends the process of the tests
    assert status == 2
    said = capsys.readouterr().err
    assert said.startswith(f"{script}: ") and said.count("\n") == 1


def said_by_the_door(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[int, str, str]:
    """Status, standard output and standard error of `music-vae` with these words."""
    monkeypatch.setattr(sys, "argv", [DOOR, *words])
    try:
        status = entry_points.door()
    finally:
        signals.listen_no_more()
    return status, *capsys.readouterr()


@pytest.mark.parametrize("words", [(), ("--help",)])
def test_the_door_lists_all_commands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    status, out, err = said_by_the_door(monkeypatch, capsys, *words)
    assert (status, err) == (0, "")
    assert [line.split()[0] for line in out.split("commands:\n")[1].split("\n\n")[0].splitlines()] == list(
        entry_points.COMMANDS
    )
    for command in entry_points.COMMANDS:
        assert callable(importlib.import_module(entry_points.module_of(command)).main)


def test_the_door_runs_commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = said_by_the_door(monkeypatch, capsys, "sample", "--no_such_flag")
    assert status == 2 and err.startswith("music-vae sample: ")
    status, out, err = said_by_the_door(monkeypatch, capsys, "smaple")
    assert (status, out) == (2, "") and "there is no command 'smaple'" in err and err.count("\n") == 1

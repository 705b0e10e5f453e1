"""The installed commands are those of pyproject.toml, and each runs its module's `main`."""

import importlib
import sys
import tomllib

import pytest

from common import entry_points, signals
from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SCRIPTS = PROJECT["project"]["scripts"]


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_name_a_module_that_is_installed(script: str) -> None:
    target, command = SCRIPTS[script].split(":")
    assert target == "common.entry_points"
    module = entry_points.module_of(command)
    assert callable(importlib.import_module(module).main)
    packaged = PROJECT["tool"]["setuptools"]
    assert module in packaged["py-modules"] or module.startswith("preprocess.")


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

"""The commands in README, docs and cards: their flags exist and take the values that are given there."""

import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from common import entry_points
from tests.conftest import ROOT

DOCUMENTS = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("checkpoints/*.md"))]

ALIASES = {"music_vae_train": "train", "music_vae_sample": "sample"}
"""Installed commands whose modules have other names."""


def commands_in(text: str) -> Iterator[tuple[str, list[str]]]:
    """The commands of ours in a document's shell blocks: name of the module, and its flags."""
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):  # KERAS_BACKEND=jax in front
                words = words[1:]
            if words[:1] == ["python"] and words[1].endswith(".py"):
                yield Path(words[1]).stem, words[2:]
            elif words[:1] == ["music-vae"]:
                yield words[1], words[2:]
            elif words and words[0] != "export":  # the shell's
                name = ALIASES.get(words[0], words[0])
                if name in entry_points.COMMANDS:
                    yield name, words[1:]


def test_commands_are_found() -> None:
    text = "```sh\nKERAS_BACKEND=jax python a.py --x=1 \\\n    --y   # so\nmusic-vae sample\nmake demo\n```"
    assert list(commands_in(text)) == [("a", ["--x=1", "--y"]), ("sample", [])]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_flags_exist(document: Path) -> None:
    for name, flags in commands_in(document.read_text()):
        if name == "music_vae_generate":  # hands its flags to the parser of its --mode
            flags = [flag for flag in flags if flag.startswith("--mode=")]
        module = importlib.import_module(entry_points.module_of(name))
        module.get_parser().parse_args(flags)

"""The examples in docstrings (`>>>`) give what they say."""

import doctest
import importlib

import pytest

from tests.conftest import ROOT

OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
PLACES = (
    *("*.py", "baselines", "benchmarks", "catalog", "checkpoints", "common", "interop", "metrics", "models"),
    *("patterns", "preprocess", "render", "workflows"),
)
MODULES = sorted(
    str(path.relative_to(ROOT).with_suffix("")).replace("/", ".").removesuffix(".__init__")
    for place in PLACES
    for path in (ROOT.glob(place) if place.endswith(".py") else (ROOT / place).rglob("*.py"))
    if ">>> " in path.read_text()
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_give_what_they_say(name: str) -> None:
    found = doctest.testmod(importlib.import_module(name), optionflags=OPTIONS)
    assert found.attempted and not found.failed

"""Each extra that a message names is one of pyproject.toml's."""

import tomllib

import pytest

from common import extras
from tests.conftest import ROOT

DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


@pytest.mark.parametrize("package", extras.EXTRA_OF)
def test_every_package_belongs_to_an_extra_that_exists(package: str) -> None:
    assert extras.EXTRA_OF[package] in DECLARED


def test_a_missing_package_is_named_with_the_line_that_installs_it() -> None:
    sentence = extras.missing("keras.layers")
    assert sentence is not None and sentence.startswith(
        "this needs keras, which is not installed; pip install "
    )
    assert sentence.endswith('[train]"')
    assert extras.missing("no_such_package") is None and extras.missing(None) is None

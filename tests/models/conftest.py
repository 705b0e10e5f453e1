"""Fixtures of the tests of models: the shipped drum model, and beats for it."""

from pathlib import Path
from typing import Any

import pytest

from models import families
from models.music_vae.trained import TrainedModel
from preprocess.dataset import load_examples


@pytest.fixture(scope="module")
def shipped() -> TrainedModel:
    """The shipped drum model."""
    return families.open_music_vae("hierdec-drum_4bar_small")


@pytest.fixture(scope="module")
def beats(shipped: TrainedModel, patterns_tfrecord: Path) -> Any:
    """The project's own beats as examples."""
    spec = shipped.config.converter_spec
    return load_examples(str(patterns_tfrecord), shipped.converter, spec, shipped.max_length)

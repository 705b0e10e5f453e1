"""Converters between NoteSequences and training examples, built from a config's plain data."""

from collections.abc import Mapping
from typing import Any

from common.errors import InputError
from preprocess.converters.base import Converter, Example
from preprocess.converters.drums import DrumsConverter
from preprocess.converters.groove import GrooveConverter
from preprocess.converters.melody import MelodyConverter
from preprocess.converters.performance import MultiInstrumentPerformanceConverter
from preprocess.converters.pianoroll import PianorollConverter
from preprocess.converters.relative import RelativeConverter
from preprocess.converters.trio import TrioConverter

__all__ = ["CONVERTERS", "Converter", "Example", "create"]

CONVERTERS: dict[str, type[Converter]] = {
    "drums": DrumsConverter,
    "melody": MelodyConverter,
    "trio": TrioConverter,
    "groove": GrooveConverter,
    "performance": MultiInstrumentPerformanceConverter,
    "pianoroll": PianorollConverter,
    "relative": RelativeConverter,
}


def create(spec: Mapping[str, Any]) -> Converter:
    """Build the converter of a spec such as `{"name": "drums", "slice_bars": 4}`.

    Raises:
        InputError: for an unknown name or option (`bad_converter`).
    """
    options = dict(spec)
    name = options.pop("name", None)
    if name not in CONVERTERS:
        raise InputError(
            f"There is no converter '{name}'; expected {', '.join(CONVERTERS)}.", "bad_converter"
        )
    try:
        return CONVERTERS[name](**options)
    except (TypeError, ValueError) as error:
        raise InputError(f"Converter '{name}': {error}.", "bad_converter") from error

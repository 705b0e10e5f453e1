"""The registry: every path leads to a class of its kind, and the arguments that it names are the class's."""

import inspect
from collections.abc import Mapping
from typing import Any

import keras
import pytest

from catalog import registry
from models.numpy_engine import outputs as numpy_outputs
from models.outputs.base import Output
from models.piano.key_decoders import KeyDecoder
from models.piano.readers.base import FrameReader

KINDS: Mapping[str, tuple[Mapping[str, Any], type]] = {
    "outputs": (registry.OUTPUTS, Output),
    "readers": (registry.READERS, FrameReader),
    "key decoders": (registry.KEY_DECODERS, KeyDecoder),
    "encoders": (registry.ENCODERS, keras.layers.Layer),
    "decoders": (registry.DECODERS, keras.layers.Layer),
}
ROWS = [(kind, name) for kind, (rows, _) in KINDS.items() for name in rows]


@pytest.mark.parametrize(("kind", "name"), ROWS)
def test_paths_lead_to_classes_of_their_kind(kind: str, name: str) -> None:
    rows, base = KINDS[kind]
    row = rows[name]
    assert issubclass(registry.found(row.path), base)
    for path in (row.shapes, row.numpy):
        assert not path or callable(registry.found(path))


@pytest.mark.parametrize(
    ("kind", "name"), [(k, n) for k, n in ROWS if k in ("outputs", "readers", "key decoders")]
)
def test_options_are_arguments_of_the_class(kind: str, name: str) -> None:
    row = KINDS[kind][0][name]
    arguments = inspect.signature(registry.found(row.path).__init__).parameters
    assert set(row.options) <= set(arguments)


@pytest.mark.parametrize("name", [name for name, row in registry.OUTPUTS.items() if row.numpy])
def test_outputs_in_numpy_keep_the_contract(name: str) -> None:
    assert issubclass(registry.found(registry.OUTPUTS[name].numpy), numpy_outputs.Output)


def test_an_output_is_a_decoder_of_the_families_that_its_row_names() -> None:
    for name, row in registry.OUTPUTS.items():
        assert (f"{name}_lstm" in registry.PARTS["music_vae"]["decoder"]) == ("music_vae" in row.families)
        assert (name in registry.PARTS["frame_model"]["decoder"]) == ("frame_model" in row.families)

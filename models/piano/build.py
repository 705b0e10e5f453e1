"""From a config's plain data to a piano model, by the classes that the registry names."""

from collections.abc import Callable, Mapping
from typing import Any

from catalog import registry
from catalog.config import Config, HParams
from models.layers.backend import set_seed
from models.outputs.base import Output
from models.piano.key_decoders import KeyDecoder
from models.piano.model import FrameModel
from models.piano.readers.base import FrameReader
from models.piano.velocities import VelocityDecoder
from preprocess.keyboard import KEYS, PITCH_CLASSES

MOST_CLOCK_BITS = 16


def frame_model(config: Config, seed: int = 0) -> FrameModel:
    """Build a frame model with fresh weights.

    Args:
        config: its `encoder` is the reader, `{"name": ...}`, one of `registry.READERS`, with its arguments, and `clock_bits`
            and `signed` of `FrameModel`; an `lstm` has the layers of `enc_rnn_size`. Its `decoder` is the output,
            `{"name": ...}`, one of `registry.OUTPUTS`, with its arguments; `form` and `step_weights` of `FrameModel`; `keys`, a
            decoder of `registry.KEY_DECODERS` with its arguments; `velocities`, those of the velocity decoder.
        seed: of the initial weights and of what training draws.

    Raises:
        ValueError: naming a part or an argument that does not fit.
    """
    set_seed(seed)
    try:
        return _built(config.encoder, config.decoder, config.hparams, seed)
    except TypeError as error:
        raise ValueError(
            f"A value in the config's encoder or decoder is of another type: {error}."
        ) from error


def _built(encoder: Mapping[str, Any], decoder: Mapping[str, Any], hparams: HParams, seed: int) -> FrameModel:
    bits = encoder.get("clock_bits", 0)
    if type(bits) is not int or not 0 <= bits <= MOST_CLOCK_BITS:
        raise ValueError(f"clock_bits is {bits!r}; expected a whole number from 0 to {MOST_CLOCK_BITS}.")
    form = decoder.get("form", "keys")
    depth = decoder.get("depth", KEYS)
    if form != "tokens" and depth != KEYS:
        raise ValueError(f"depth is {depth!r}; frames of keys have {KEYS}.")
    output = _output(decoder, form, depth, hparams, seed + 2)
    reader = _reader(encoder, output, hparams, seed + 1)
    if output.takes_features and output.parameter_depth != reader.output_depth:
        output = _output({**decoder, "features": reader.output_depth}, form, depth, hparams, seed + 2)
    keys, velocities = decoder.get("keys"), decoder.get("velocities")
    return FrameModel(
        reader,
        output,
        hparams,
        form,
        bits,
        encoder.get("signed", False),
        decoder.get("step_weights", False),
        _key_decoder(keys, seed + 3) if keys else None,
        _made("velocity decoder", lambda: VelocityDecoder(**velocities)) if velocities is not None else None,
        depth,
        seed,
    )


def _reader(encoder: Mapping[str, Any], output: Output, hparams: HParams, seed: int) -> FrameReader:
    options = {k: v for k, v in encoder.items() if k != "name" and k not in registry.OF_READER_INPUTS}
    kind = _class_of("reader", registry.READERS, encoder["name"])
    return _made("reader", lambda: kind.from_config(options, hparams, output, seed))


def _output(decoder: Mapping[str, Any], form: str, depth: int, hparams: HParams, seed: int) -> Output:
    width = len(PITCH_CLASSES) if form == "classes" else depth
    options = {k: v for k, v in decoder.items() if k != "name" and k not in registry.OF_FRAMES}
    kind = _class_of("output", registry.OUTPUTS, decoder["name"])
    return _made("output", lambda: kind.from_config((width,), options, hparams, seed))


def _key_decoder(keys: Any, seed: int) -> KeyDecoder:
    if not isinstance(keys, Mapping):
        raise ValueError(f"The key decoder of the config is {keys!r}; expected a table with a name.")
    options = {k: v for k, v in keys.items() if k != "name"}
    kind = _class_of("key decoder", registry.KEY_DECODERS, keys.get("name"))
    return _made("key decoder", lambda: kind(**options, seed=seed))


def _class_of(part: str, rows: Mapping[str, registry.Row | registry.OutputRow], name: Any) -> Any:
    if name not in rows:
        raise ValueError(f"There is no {part} '{name}'; expected {', '.join(rows)}.")
    return registry.found(rows[name].path)


def _made(part: str, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except TypeError as error:
        raise ValueError(f"The {part} of the config is not valid: {error}.") from error

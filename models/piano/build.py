"""From a config's plain data to a frame model; the only place that knows which name means which class."""

from collections.abc import Mapping
from typing import Any

from catalog.config import Config
from models.layers.backend import set_seed
from models.outputs.base import Output
from models.outputs.boolean import Boolean
from models.outputs.categorical import Categorical
from models.outputs.chords import ChordClasses, IndependentVoices
from models.outputs.nade import Nade
from models.outputs.polyphonic_sampler import PolyphonicSampler
from models.outputs.rbm import RBM
from models.piano.key_decoders import IndependentKeys
from models.piano.model import FrameModel
from models.piano.rbm_keys import RBMKeys
from models.piano.readers.base import FrameReader, LSTMReader
from models.piano.readers.capsules import CapsuleReader, StackedCapsules
from models.piano.readers.endecell import EnDeCell
from models.piano.readers.history_user import HistoryUser
from models.piano.readers.latency_lstm import LatencyCapsules, LatencyLSTM
from models.piano.readers.levels import LevelLSTM
from models.piano.velocities import VelocityDecoder
from preprocess.keyboard import KEYS, PITCH_CLASSES

READERS: dict[str, Any] = {
    "lstm": LSTMReader,
    "history_user": HistoryUser,
    "latency_lstm": LatencyLSTM,
    "latency_capsules": LatencyCapsules,
    "level_lstm": LevelLSTM,
    "capsules": CapsuleReader,
    "stacked_capsules": StackedCapsules,
    "endecell": EnDeCell,
}
OUTPUTS = (
    "boolean",
    "nade",
    "rbm",
    "categorical",
    "polyphonic_sampler",
    "independent_voices",
    "chord_classes",
)
KEY_DECODERS: dict[str, Any] = {"independent": IndependentKeys, "rbm": RBMKeys}
MOST_CLOCK_BITS = 16
OF_THE_MODEL = ("name", "form", "keys", "velocities", "step_weights", "clock_bits", "signed")
"""Entries of a config's encoder and decoder that are not arguments of the reader or the output."""


def frame_model(config: Config, seed: int = 0) -> FrameModel:
    """Build a frame model with fresh weights.

    Args:
        config: its `encoder` is the reader, `{"name": ...}`, one of `READERS`, with its arguments, and `clock_bits`
            and `signed` of `FrameModel`; an `lstm` has the layers of `enc_rnn_size`. Its `decoder` is the output,
            `{"name": ...}`, one of `OUTPUTS`, with its arguments; `form` and `step_weights` of `FrameModel`; `keys`, a
            decoder of `KEY_DECODERS` with its arguments; `velocities`, those of the velocity decoder.
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


def _built(encoder: Mapping[str, Any], decoder: Mapping[str, Any], hparams: Any, seed: int) -> FrameModel:
    bits = encoder.get("clock_bits", 0)
    if type(bits) is not int or not 0 <= bits <= MOST_CLOCK_BITS:
        raise ValueError(f"clock_bits is {bits!r}; expected a whole number from 0 to {MOST_CLOCK_BITS}.")
    form = decoder.get("form", "keys")
    depth = decoder.get("depth", KEYS)
    if form != "tokens" and depth != KEYS:
        raise ValueError(f"depth is {depth!r}; frames of keys have {KEYS}.")
    output = _output(decoder, form, depth, hparams, seed + 2)
    reader = _reader(encoder, output, hparams, seed + 1)
    if isinstance(output, PolyphonicSampler) and output.parameter_depth != reader.output_depth:
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
        _named("key decoder", KEY_DECODERS, keys, seed + 3) if keys else None,
        _made(VelocityDecoder, "velocity decoder", velocities) if velocities is not None else None,
        depth,
        seed,
    )


def _reader(encoder: Mapping[str, Any], output: Output, hparams: Any, seed: int) -> FrameReader:
    options = {k: v for k, v in encoder.items() if k not in OF_THE_MODEL}
    dropout = 1.0 - hparams.dropout_keep_prob
    if encoder["name"] == "lstm" and "layer_sizes" not in options:
        options["layer_sizes"] = hparams.enc_rnn_size
    if encoder["name"] == "stacked_capsules":
        options = {"parameter_depth": output.parameter_depth, **options}
    if encoder["name"] == "endecell":
        options = {"keys": output.depth, **options}
    return _named("reader", READERS, {"name": encoder["name"], "dropout": dropout, **options}, seed)


def _output(decoder: Mapping[str, Any], form: str, depth: int, hparams: Any, seed: int) -> Output:
    name, width = decoder["name"], len(PITCH_CLASSES) if form == "classes" else depth
    options = {k: v for k, v in decoder.items() if k not in (*OF_THE_MODEL, "depth")}
    if name == "boolean":
        return _made(Boolean, "output", {"depth": width, **options})
    if name == "nade":
        hidden = {} if "hidden" in options else {"hidden": hparams.nade_num_hidden}
        return _made(Nade, "output", {"depth": width, **hidden, **options})
    if name == "rbm":
        return _made(RBM, "output", {"keys": width, "seed": seed, **options})
    if name == "categorical":
        return _made(Categorical, "output", {"depth": width, **options})
    if name == "polyphonic_sampler":
        return _made(PolyphonicSampler, "output", {"pitches": width, "seed": seed, **options})
    if name == "independent_voices":
        return _made(IndependentVoices, "output", {"pitches": width, **options})
    if name == "chord_classes":
        return _made(ChordClasses, "output", {"pitches": width, **options})
    raise ValueError(f"There is no output '{name}'; expected {', '.join(OUTPUTS)}.")


def _named(part: str, classes: Mapping[str, Any], options: Mapping[str, Any], seed: int) -> Any:
    """One of some classes by its name, with the other options as arguments."""
    if not isinstance(options, Mapping):
        raise ValueError(f"The {part} of the config is {options!r}; expected a table with a name.")
    arguments = dict(options)
    name = arguments.pop("name", None)
    if name not in classes:
        raise ValueError(f"There is no {part} '{name}'; expected {', '.join(classes)}.")
    return _made(classes[name], f"{part} '{name}'", {**arguments, "seed": seed})


def _made(kind: Any, part: str, arguments: Mapping[str, Any]) -> Any:
    try:
        return kind(**arguments)
    except TypeError as error:
        raise ValueError(f"The {part} of the config is not valid: {error}.") from error

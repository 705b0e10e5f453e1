"""The registry: each name that a config gives to a part of a model, with the part's class, its options and their limits.

A new output, reader, encoder, decoder or key decoder is its file, its row here and its test; `preprocess/converters`
has the rows of converters. Rows are data: a class is imported when it is built (`found`), so that configs can be read,
checked and listed without Keras. Whether the options of one config go together shows when its parts are built.
"""

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from catalog.limits import MAX_LAYERS, MAX_UNITS, ConfigError
from common.errors import shown
from common.option_rules import (
    FLAG,
    MAX_STEPS,
    SHARE,
    TEXT,
    Options,
    Rule,
    number,
    optional,
    whole,
    whole_list,
    word,
    wrong_option,
)
from preprocess import converters

_NONE: Mapping[str, Any] = MappingProxyType({})


class Row(NamedTuple):
    """A part in the registry.

    Attributes:
        path: its class, `models.piano.readers.levels.LevelLSTM`.
        options: the arguments of its class that a config can give, and what each may be.
        required: the options that can't be left out.
        shapes: what says the names and shapes of its weights without building it, a function of a `weight_shapes` file.
            Without one, weights are compared when the built model takes them.
        numpy: the class or function that plays it in `models/numpy_engine`; without one, Keras plays.
        output: of a decoder, the output that it draws from.
    """

    path: str
    options: Options = _NONE
    required: tuple[str, ...] = ()
    shapes: str = ""
    numpy: str = ""
    output: str = ""


class OutputRow(NamedTuple):
    """An output in the registry: `NAME` is the decoder of a piano model, `NAME_lstm` one of MusicVAE.

    Attributes:
        path, options, shapes, numpy: as for `Row`; the options are those of a piano model's config.
        families: the families whose models can have it.
        in_music_vae: the arguments of its class as the output of a MusicVAE, where they are not the defaults.
    """

    path: str
    options: Options = _NONE
    families: tuple[str, ...] = ("music_vae", "frame_model")
    in_music_vae: Mapping[str, Any] = _NONE
    shapes: str = ""
    numpy: str = ""


def found(path: str) -> Any:
    """The class or function of a row's path."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(f"{_PACKAGE}{module}"), name)


_PACKAGE = __name__.removesuffix("catalog.registry")
"""What the names of all modules begin with: nothing in a clone, the package where they are installed."""


_UNITS, _LAYERS, _NO_LAYERS = (
    whole(1, MAX_UNITS),
    whole_list(1, MAX_UNITS, MAX_LAYERS),
    whole_list(1, MAX_UNITS, MAX_LAYERS, 0),
)
_LAGS, _LEADS = whole_list(1, MAX_STEPS, 256), whole_list(0, MAX_STEPS, 256)
_LEVELS = whole_list(1, MAX_STEPS, 8)
_BARS = whole(1, 1024)
_CLOCK_BITS = whole(0, 16)

# Outputs.

_MACHINE: Options = {
    "hidden": whole(1, 256),
    "steps": whole(1, 100),
    "chain": whole(1, 100),
    "objective": TEXT,
    "annealing": whole_list(1, 1000, 2, 2),
}
_VOICES: Options = {"voices": whole(1, 88), "objective": TEXT, "leak": SHARE}
_SHAPES, _NUMPY = "models.outputs.weight_shapes", "models.numpy_engine.outputs"

OUTPUTS: Mapping[str, OutputRow] = {
    "categorical": OutputRow(
        "models.outputs.categorical.Categorical", shapes=f"{_SHAPES}.without_weights", numpy=f"{_NUMPY}.Categorical"
    ),
    "multi_categorical": OutputRow(
        "models.outputs.categorical.MultiCategorical", families=("music_vae",), shapes=f"{_SHAPES}.without_weights",
        numpy=f"{_NUMPY}.MultiCategorical",
    ),
    "boolean": OutputRow(
        "models.outputs.boolean.Boolean", shapes=f"{_SHAPES}.without_weights", numpy=f"{_NUMPY}.Boolean"
    ),
    "nade": OutputRow(
        "models.outputs.nade.Nade", {"hidden": _UNITS, "most": whole(0, 88)}, shapes=f"{_SHAPES}.nade",
        numpy=f"{_NUMPY}.Nade",
    ),
    "groove": OutputRow(
        "models.outputs.groove.Groove", families=("music_vae",), shapes=f"{_SHAPES}.groove", numpy=f"{_NUMPY}.Groove"
    ),
    "polyphonic_sampler": OutputRow(
        "models.outputs.polyphonic_sampler.PolyphonicSampler",
        {
            **_VOICES, "features": _UNITS, "units": _UNITS,
            **dict.fromkeys(("pauses", "memory", "aposter", "pause_loss", "crutch"), FLAG),
        },
        in_music_vae={"features": 128, "voices": 8, "pauses": True}, shapes=f"{_SHAPES}.polyphonic_sampler",
    ),
    "rbm": OutputRow("models.outputs.rbm.RBM", _MACHINE, families=("frame_model",), shapes=f"{_SHAPES}.rbm"),
    "independent_voices": OutputRow(
        "models.outputs.chords.IndependentVoices", _VOICES, families=("frame_model",),
        shapes=f"{_SHAPES}.independent_voices",
    ),
    "chord_classes": OutputRow(
        "models.outputs.chords.ChordClasses", {"mean_of_classes": FLAG}, families=("frame_model",),
        shapes=f"{_SHAPES}.chord_classes",
    ),
}  # fmt: skip

# MusicVAE, and the history drum models.

_CONTROLS: Options = {"preprocess_controls": FLAG}
_SHAPES, _NUMPY = "models.formats.weight_shapes", "models.numpy_engine"

ENCODERS: Mapping[str, Row] = {
    "bidirectional_lstm": Row(
        "models.music_vae.encoders.BidirectionalLSTMEncoder", shapes=f"{_SHAPES}.bidirectional_encoder",
        numpy=f"{_NUMPY}.encoding.bidirectional",
    ),
    "lstm": Row("models.music_vae.encoders.LSTMEncoder", shapes=f"{_SHAPES}.lstm_encoder"),
    "hierarchical_lstm": Row(
        "models.music_vae.encoders.HierarchicalLSTMEncoder", {"level_lengths": _LEVELS}, ("level_lengths",),
        shapes=f"{_SHAPES}.hierarchical_encoder", numpy=f"{_NUMPY}.encoding.hierarchical",
    ),
    "bars": Row(
        "models.history_drums.bar_encoder.BarEncoder",
        {"bars": _BARS, "bar_sizes": _LAYERS, "joint_sizes": _NO_LAYERS, "hit_noise": SHARE},
        ("bars", "bar_sizes"), shapes=f"{_SHAPES}.bar_encoder", numpy=f"{_NUMPY}.bars.encode",
    ),
}  # fmt: skip
CORES: Mapping[str, Row] = {
    **{
        f"{name}_lstm": Row(
            "models.music_vae.decoders.LSTMDecoder", _CONTROLS,
            shapes=row.shapes and f"{_SHAPES}.lstm_decoder", numpy=row.numpy, output=name,
        )
        for name, row in OUTPUTS.items() if "music_vae" in row.families
    },
    "split_lstm": Row(
        "models.music_vae.decoders.SplitDecoder", _CONTROLS, shapes=f"{_SHAPES}.split_decoder",
        numpy=OUTPUTS["categorical"].numpy, output="categorical",
    ),
}  # fmt: skip
"""The decoders that can stand under a conductor."""
DECODERS: Mapping[str, Row] = {
    **CORES,
    "hierarchical_lstm": Row(
        "models.music_vae.conductor.HierarchicalLSTMDecoder",
        {
            **_CONTROLS, "core": word(*CORES), "level_lengths": _LEVELS, "re_encode": FLAG,
            "disable_autoregression": Rule(
                lambda x: type(x) is bool or whole_list(0, 7, 8, 0).fits(x), "true, false or a list of levels"
            ),
        },
        ("level_lengths", "core"), shapes=f"{_SHAPES}.hierarchical_decoder",
    ),
    "groove_mixture_lstm": Row(
        "models.music_vae.groove_score_decoder.GrooveScoreDecoder",
        {
            "components": whole(1, 64), "window": whole(0, 256), "history_dropout": SHARE,
            "condition_dropout": SHARE, "hit_dropout": SHARE,
        },
        ("components", "window"), shapes=f"{_SHAPES}.groove_score_decoder",
    ),
    "history_lstm": Row(
        "models.history_drums.decoder.HistoryDecoder",
        {
            "drums": whole(1, 12), "length": whole(1, MAX_STEPS), "steps_per_bar": whole(1, 384), "lags": _LAGS,
            "copy_lags": _LAGS, "leads": _LEADS, "hidden_size": _UNITS, "conditions": whole(0, 1024),
            "z_slices": whole(1, 1024), "step_features": whole(0, MAX_UNITS),
        },
        ("drums", "length", "steps_per_bar", "lags", "copy_lags", "leads", "hidden_size"),
        shapes=f"{_SHAPES}.history_decoder", numpy=f"{_NUMPY}.history_drums.HistoryPlayer", output="categorical",
    ),
}  # fmt: skip

# The piano models.

_DELAYS: Options = {"delays": _LAGS, "units_per_delay": whole(1, 1024), "aggregator_sizes": _NO_LAYERS}
_CAPSULES: Options = {"lags": _LAGS, "units": _UNITS}
_SHAPES, _READER = "models.formats.piano_weight_shapes", "models.piano.readers"
OF_READER_INPUTS: Options = {"clock_bits": _CLOCK_BITS, "signed": FLAG}
"""Options of `FrameModel` that stand with the reader: what the reader sees."""

READERS: Mapping[str, Row] = {
    "lstm": Row(
        f"{_READER}.base.LSTMReader", {"layer_sizes": _LAYERS, "output_dropout": SHARE}, shapes=f"{_SHAPES}.lstm"
    ),
    "history_user": Row(
        f"{_READER}.history_user.HistoryUser",
        {
            "lags": _LEADS, "reader_sizes": _LAYERS, "local_sizes": _NO_LAYERS, "aggregator_sizes": _NO_LAYERS,
            "mean_read": FLAG, "memoryless_local": FLAG, "attention_stddev": number(0, 100),
        },
        shapes=f"{_SHAPES}.history_user",
    ),
    "latency_lstm": Row(f"{_READER}.latency_lstm.LatencyLSTM", _DELAYS, shapes=f"{_SHAPES}.latency_lstm"),
    "latency_capsules": Row(f"{_READER}.latency_lstm.LatencyCapsules", _DELAYS, shapes=f"{_SHAPES}.latency_capsules"),
    "level_lstm": Row(
        f"{_READER}.levels.LevelLSTM", {"levels": whole(1, 16), "units": _UNITS, "output_depth": _UNITS},
        shapes=f"{_SHAPES}.level_lstm",
    ),
    "capsules": Row(
        f"{_READER}.capsules.CapsuleReader", {**_CAPSULES, "aggregator_sizes": _LAYERS}, shapes=f"{_SHAPES}.capsules"
    ),
    "stacked_capsules": Row(
        f"{_READER}.capsules.StackedCapsules", {**_CAPSULES, "ruler_units": _UNITS},
        shapes=f"{_SHAPES}.stacked_capsules",
    ),
    "endecell": Row(
        f"{_READER}.endecell.EnDeCell", {"layer_sizes": _LAYERS, "as_drawn": FLAG}, shapes=f"{_SHAPES}.endecell"
    ),
}  # fmt: skip
KEY_DECODERS: Mapping[str, Row] = {
    "independent": Row(
        "models.piano.key_decoders.IndependentKeys", {"units": _UNITS, "at_least_one": FLAG, "objective": TEXT},
        shapes=f"{_SHAPES}.independent_keys",
    ),
    "rbm": Row(
        "models.piano.rbm_keys.RBMKeys", {"units": _UNITS, **_MACHINE, "at_least_one": FLAG}, shapes=f"{_SHAPES}.rbm_keys"
    ),
}  # fmt: skip
_VELOCITIES: Options = {"units": _UNITS}


def _is_key_decoder(x: Any) -> bool:
    if not isinstance(x, Mapping) or not x:
        return isinstance(x, Mapping)
    name = x.get("name")
    return (
        isinstance(name, str) and name in KEY_DECODERS and wrong_option(KEY_DECODERS[name].options, x) is None
    )


OF_FRAMES: Options = {
    "form": word("keys", "classes", "tokens"),
    "depth": whole(1, 1024),
    "step_weights": FLAG,
    "keys": optional(Rule(_is_key_decoder, "a table with a name and its options, or an empty one")),
    "velocities": optional(
        Rule(lambda x: isinstance(x, Mapping) and wrong_option(_VELOCITIES, x) is None, "a table with units"),
    ),
}
"""Options of `FrameModel` that stand with the output."""

PARTS: Mapping[str, Mapping[str, Mapping[str, Row]]] = {
    "music_vae": {"encoder": ENCODERS, "decoder": DECODERS},
    "frame_model": {
        "encoder": {
            name: row._replace(options={**row.options, **OF_READER_INPUTS}) for name, row in READERS.items()
        },
        "decoder": {
            name: Row(row.path, {**row.options, **OF_FRAMES})
            for name, row in OUTPUTS.items()
            if "frame_model" in row.families
        },
    },
}


def check_part(model: str, kind: str, part: Any) -> None:
    """Raise a ConfigError where an encoder, a decoder or a converter does not exist or has a wrong option.

    Args:
        model: "music_vae" or "frame_model".
        kind: "encoder", "decoder" or "converter".
        part: a table with a name and options.
    """
    if model not in PARTS:
        raise ConfigError(f"The model is {shown(model)}; expected {' or '.join(PARTS)}.")
    known: Mapping[str, Any] = converters.CONVERTERS if kind == "converter" else PARTS[model][kind]
    name = part.get("name") if isinstance(part, Mapping) else None
    if not isinstance(name, str) or name not in known:
        raise ConfigError(f"The {kind} is {shown(name)}; expected a table whose name is {', '.join(known)}.")
    wrong = wrong_option(known[name].options, part)
    if wrong is not None:
        raise ConfigError(f"The {kind} {name}: {wrong}.")
    missing = [option for option in known[name].required if option not in part]
    if missing:
        raise ConfigError(f"The {kind} {name}: {missing[0]} is missing.")

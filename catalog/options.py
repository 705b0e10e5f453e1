"""The options of a config's parts: what each may be, and how large.

`models/music_vae/build.py`, `models/piano/build.py` and `preprocess/converters` say what the options mean; whether those of one
config go together shows when its parts are built.
"""

from collections.abc import Mapping
from typing import Any

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

_UNITS, _LAYERS, _NO_LAYERS = (
    whole(1, MAX_UNITS),
    whole_list(1, MAX_UNITS, MAX_LAYERS),
    whole_list(1, MAX_UNITS, MAX_LAYERS, 0),
)
_LAGS, _LEADS = whole_list(1, MAX_STEPS, 256), whole_list(0, MAX_STEPS, 256)
_LEVELS = whole_list(1, MAX_STEPS, 8)
_BARS = whole(1, 1024)


# The parts: options by the name of the part. Those of REQUIRED can't be left out.

CONVERTERS: Mapping[str, Options] = {name: row.options for name, row in converters.CONVERTERS.items()}

_CORES = (
    *("categorical_lstm", "multi_categorical_lstm", "split_lstm", "boolean_lstm", "nade_lstm", "groove_lstm"),
    "polyphonic_sampler_lstm",
)
_CONTROLS: Options = {"preprocess_controls": FLAG}

VAE_ENCODERS: Mapping[str, Options] = {
    "bidirectional_lstm": {},
    "lstm": {},
    "hierarchical_lstm": {"level_lengths": _LEVELS},
    "bars": {"bars": _BARS, "bar_sizes": _LAYERS, "joint_sizes": _NO_LAYERS, "hit_noise": SHARE},
}
VAE_DECODERS: Mapping[str, Options] = {
    **dict.fromkeys(_CORES, _CONTROLS),
    "hierarchical_lstm": {
        **_CONTROLS, "core": word(*_CORES), "level_lengths": _LEVELS, "re_encode": FLAG,
        "disable_autoregression": Rule(
            lambda x: type(x) is bool or whole_list(0, 7, 8, 0).fits(x), "true, false or a list of levels"
        ),
    },
    "groove_mixture_lstm": {
        "components": whole(1, 64), "window": whole(0, 256), "history_dropout": SHARE,
        "condition_dropout": SHARE, "hit_dropout": SHARE,
    },
    "history_lstm": {
        "drums": whole(1, 12), "length": whole(1, MAX_STEPS), "steps_per_bar": whole(1, 384), "lags": _LAGS,
        "copy_lags": _LAGS, "leads": _LEADS, "hidden_size": _UNITS, "conditions": whole(0, 1024),
        "z_slices": whole(1, 1024), "step_features": whole(0, MAX_UNITS),
    },
}  # fmt: skip

_DELAYS: Options = {"delays": _LAGS, "units_per_delay": whole(1, 1024), "aggregator_sizes": _NO_LAYERS}
_CAPSULES: Options = {"lags": _LAGS, "units": _UNITS}
_OF_READERS: Options = {"clock_bits": whole(0, 16), "signed": FLAG}
READERS: Mapping[str, Options] = {
    name: {**options, **_OF_READERS}
    for name, options in {
        "lstm": {"layer_sizes": _LAYERS, "output_dropout": SHARE},
        "history_user": {
            "lags": _LEADS, "reader_sizes": _LAYERS, "local_sizes": _NO_LAYERS, "aggregator_sizes": _NO_LAYERS,
            "mean_read": FLAG, "memoryless_local": FLAG, "attention_stddev": number(0, 100),
        },
        "latency_lstm": _DELAYS,
        "latency_capsules": _DELAYS,
        "level_lstm": {"levels": whole(1, 16), "units": _UNITS, "output_depth": _UNITS},
        "capsules": {**_CAPSULES, "aggregator_sizes": _LAYERS},
        "stacked_capsules": {**_CAPSULES, "ruler_units": _UNITS},
        "endecell": {"layer_sizes": _LAYERS, "as_drawn": FLAG},
    }.items()
}  # fmt: skip

_MACHINE: Options = {
    "hidden": whole(1, 256),
    "steps": whole(1, 100),
    "chain": whole(1, 100),
    "objective": TEXT,
    "annealing": whole_list(1, 1000, 2, 2),
    "at_least_one": FLAG,
}  # fmt: skip
KEY_DECODERS: Mapping[str, Options] = {
    "independent": {"units": _UNITS, "at_least_one": FLAG, "objective": TEXT},
    "rbm": {"units": _UNITS, **_MACHINE},
}
_VELOCITIES: Options = {"units": _UNITS}
_VOICES: Options = {"voices": whole(1, 88), "objective": TEXT, "leak": SHARE}


def _is_part(parts: Mapping[str, Options], x: Any) -> bool:
    name = x.get("name") if isinstance(x, Mapping) else None
    return isinstance(name, str) and name in parts and wrong_option(parts[name], x) is None


_OF_FRAMES: Options = {
    "form": word("keys", "classes", "tokens"),
    "depth": whole(1, 1024),
    "step_weights": FLAG,
    "keys": optional(
        Rule(
            lambda x: _is_part(KEY_DECODERS, x) or (isinstance(x, Mapping) and not x),
            "a table with a name and its options, or an empty one",
        ),
    ),
    "velocities": optional(
        Rule(lambda x: isinstance(x, Mapping) and wrong_option(_VELOCITIES, x) is None, "a table with units"),
    ),
}
FRAME_DECODERS: Mapping[str, Options] = {
    name: {**options, **_OF_FRAMES}
    for name, options in {
        "boolean": {},
        "nade": {"hidden": _UNITS, "most": whole(0, 88)},
        "rbm": {name: rule for name, rule in _MACHINE.items() if name != "at_least_one"},
        "categorical": {},
        "polyphonic_sampler": {
            **_VOICES, "features": _UNITS, "units": _UNITS,
            **dict.fromkeys(("pauses", "memory", "aposter", "pause_loss", "crutch"), FLAG),
        },
        "independent_voices": _VOICES,
        "chord_classes": {"mean_of_classes": FLAG},
    }.items()
}  # fmt: skip

REQUIRED: Mapping[str, tuple[str, ...]] = {
    "hierarchical_lstm": ("level_lengths",),
    "bars": ("bars", "bar_sizes"),
    "groove_mixture_lstm": ("components", "window"),
    "history_lstm": ("drums", "length", "steps_per_bar", "lags", "copy_lags", "leads", "hidden_size"),
    **{name: row.required for name, row in converters.CONVERTERS.items()},
}
PARTS: Mapping[str, Mapping[str, Mapping[str, Options]]] = {
    "music_vae": {"encoder": VAE_ENCODERS, "decoder": VAE_DECODERS, "converter": CONVERTERS},
    "frame_model": {"encoder": READERS, "decoder": FRAME_DECODERS, "converter": CONVERTERS},
}


def check_part(model: str, kind: str, part: Any) -> None:
    """Raise a ConfigError where an encoder, a decoder or a converter is not what there is.

    Args:
        model: "music_vae" or "frame_model".
        kind: "encoder", "decoder" or "converter".
        part: a table with a name and options.
    """
    if model not in PARTS:
        raise ConfigError(f"The model is {shown(model)}; expected {' or '.join(PARTS)}.")
    known = PARTS[model][kind]
    name = part.get("name") if isinstance(part, Mapping) else None
    if not isinstance(name, str) or name not in known:
        raise ConfigError(f"The {kind} is {shown(name)}; expected a table whose name is {', '.join(known)}.")
    wrong = wrong_option(known[name], part)
    if wrong is not None:
        raise ConfigError(f"The {kind} {name}: {wrong}.")
    required = (
        *REQUIRED.get(name, ()),
        *(("core",) if (kind, name) == ("decoder", "hierarchical_lstm") else ()),
    )
    missing = [option for option in required if option not in part]
    if missing:
        raise ConfigError(f"The {kind} {name}: {missing[0]} is missing.")

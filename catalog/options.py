"""The options of a config's parts: what each may be, and how large.

`models/music_vae/build.py`, `models/piano/build.py` and `preprocess/converters` say what the options mean; whether those of one
config go together shows when its parts are built.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from catalog.limits import MAX_LAYERS, MAX_STEPS, MAX_UNITS, MAX_WORDS, ConfigError
from common.errors import shown

# What a value may be.


class Rule(NamedTuple):
    """What an option may be.

    Attributes:
        fits: whether a value is allowed.
        expected: what is, in words.
    """

    fits: Callable[[Any], bool]
    expected: str


def _whole(least: int, most: int) -> Rule:
    return Rule(lambda x: type(x) is int and least <= x <= most, f"a whole number from {least} to {most}")


def _number(least: float, most: float) -> Rule:
    return Rule(
        lambda x: type(x) in (int, float) and least <= x <= most, f"a number from {least:g} to {most:g}"
    )


def _wholes(least: int, most: int, longest: int, shortest: int = 1) -> Rule:
    def fits(x: Any) -> bool:
        in_range = isinstance(x, list | tuple) and all(type(v) is int and least <= v <= most for v in x)
        return in_range and shortest <= len(x) <= longest

    return Rule(fits, f"a list of {shortest} to {longest} whole numbers from {least} to {most}")


def _word(*words: str) -> Rule:
    return Rule(lambda x: isinstance(x, str) and x in words, " or ".join(words))


def _or(other: Any, rule: Rule) -> Rule:
    return Rule(lambda x: x is other or rule.fits(x), rule.expected)


def _is_drums(x: Any) -> bool:
    if isinstance(x, str):
        return len(x) <= MAX_WORDS
    pitches = _wholes(0, 127, 128)
    return isinstance(x, list | tuple) and 1 <= len(x) <= 62 and all(pitches.fits(drum) for drum in x)


_FLAG = Rule(lambda x: type(x) is bool, "true or false")
_SHARE = _number(0, 1)
_UNITS, _LAYERS, _NO_LAYERS = (
    _whole(1, MAX_UNITS),
    _wholes(1, MAX_UNITS, MAX_LAYERS),
    _wholes(1, MAX_UNITS, MAX_LAYERS, 0),
)
_LAGS, _LEADS = _wholes(1, MAX_STEPS, 256), _wholes(0, MAX_STEPS, 256)
_LEVELS = _wholes(1, MAX_STEPS, 8)
_PITCH = _whole(0, 127)
_BARS, _MAYBE_BARS = _whole(1, 1024), _or(None, _whole(1, 1024))
_DRUMS = Rule(_is_drums, "a name, or up to 62 lists of pitches from 0 to 127")
_COUNT = _or(None, _whole(0, 10**6))
_WORD = Rule(lambda x: isinstance(x, str) and len(x) <= MAX_WORDS, f"up to {MAX_WORDS} letters")


# The parts: options by the name of the part. Those of REQUIRED can't be left out.

Options = Mapping[str, Rule]
_GRID: Options = {"steps_per_quarter": _whole(1, 96), "quarters_per_bar": _whole(1, 32)}
_CHORDS: Options = {"chord_encoding": _or(None, _WORD), "condition_on_key": _FLAG}
_PITCHES: Options = {"min_pitch": _PITCH, "max_pitch": _PITCH}
_SLICES: Options = {
    "max_bars": _or(None, _whole(1, 10**6)),
    "slice_bars": _MAYBE_BARS,
    "gap_bars": _or(None, _number(0, 10**6)),
    "max_tensors_per_notesequence": _COUNT,
    "presplit_on_time_changes": _FLAG,
    "add_end_token": _FLAG,
    "pad_to_total_time": _FLAG,
}

CONVERTERS: Mapping[str, Options] = {
    "drums": {
        **_GRID, **_SLICES, "pitch_classes": _DRUMS, "roll_input": _FLAG, "roll_output": _FLAG,
        "meter": _or(None, _WORD), "only_on_grid": _FLAG,
    },
    "melody": {
        **_GRID, **_SLICES, **_PITCHES, **_CHORDS, "valid_programs": _or(None, _wholes(0, 127, 128, 0)),
        "skip_polyphony": _FLAG, "dedupe_event_lists": _FLAG, "shorter_bars": _FLAG,
    },
    "trio": {
        **_GRID, **_CHORDS, "slice_bars": _BARS, "gap_bars": _whole(0, 10**6), "max_bars": _whole(1, 10**6),
        "max_tensors_per_notesequence": _COUNT,
    },
    "groove": {
        **_GRID, "split_bars": _MAYBE_BARS, "max_tensors_per_notesequence": _COUNT, "pitch_classes": _or(None, _DRUMS),
        "inference_pitch_classes": _or(None, _DRUMS), "humanize": _FLAG, "tapify": _FLAG,
        "add_instruments": _or(None, _wholes(0, 61, 62, 0)), "num_velocity_bins": _or(None, _whole(0, 128)),
        "num_offset_bins": _or(None, _whole(0, 128)), "split_instruments": _FLAG, "hop_size": _or(None, _whole(1, MAX_STEPS)),
        "hits_as_controls": _FLAG, "taps_as_controls": _FLAG, "conditions_as_controls": _FLAG,
        "fixed_velocities": _FLAG, "max_note_dropout_probability": _or(None, _SHARE),
    },
    "performance": {
        **_GRID, **_PITCHES, "num_velocity_bins": _whole(0, 127), "max_tensors_per_notesequence": _COUNT,
        "hop_size_bars": _BARS, "chunk_size_bars": _BARS, "min_num_instruments": _whole(0, 128),
        "max_num_instruments": _whole(1, 128), "min_total_events": _whole(0, 10**6),
        "max_events_per_instrument": _whole(3, MAX_STEPS), "first_subsequence_only": _FLAG,
        "chord_encoding": _or(None, _WORD), "drop_tracks_and_truncate": _FLAG,
    },
    "pianoroll": {
        **_GRID, **_PITCHES, "representation": _WORD, "slice_bars": _MAYBE_BARS, "max_tensors_per_notesequence": _COUNT,
        "shorter_bars": _FLAG, "clock_bits": _whole(0, 16),
    },
    "relative": {"absolute": _FLAG, "fold": _WORD, "steps_per_quarter": _whole(1, 96)},
}  # fmt: skip

_CORES = (
    *("categorical_lstm", "multi_categorical_lstm", "split_lstm", "boolean_lstm", "nade_lstm", "groove_lstm"),
    "polyphonic_sampler_lstm",
)
_CONTROLS: Options = {"preprocess_controls": _FLAG}

VAE_ENCODERS: Mapping[str, Options] = {
    "bidirectional_lstm": {},
    "lstm": {},
    "hierarchical_lstm": {"level_lengths": _LEVELS},
    "bars": {"bars": _BARS, "bar_sizes": _LAYERS, "joint_sizes": _NO_LAYERS, "hit_noise": _SHARE},
}
VAE_DECODERS: Mapping[str, Options] = {
    **dict.fromkeys(_CORES, _CONTROLS),
    "hierarchical_lstm": {
        **_CONTROLS, "core": _word(*_CORES), "level_lengths": _LEVELS, "re_encode": _FLAG,
        "disable_autoregression": Rule(
            lambda x: type(x) is bool or _wholes(0, 7, 8, 0).fits(x), "true, false or a list of levels"
        ),
    },
    "groove_mixture_lstm": {
        "components": _whole(1, 64), "window": _whole(0, 256), "history_dropout": _SHARE,
        "condition_dropout": _SHARE, "hit_dropout": _SHARE,
    },
    "history_lstm": {
        "drums": _whole(1, 12), "length": _whole(1, MAX_STEPS), "steps_per_bar": _whole(1, 384), "lags": _LAGS,
        "copy_lags": _LAGS, "leads": _LEADS, "hidden_size": _UNITS, "conditions": _whole(0, 1024),
        "z_slices": _whole(1, 1024), "step_features": _whole(0, MAX_UNITS),
    },
}  # fmt: skip

_DELAYS: Options = {"delays": _LAGS, "units_per_delay": _whole(1, 1024), "aggregator_sizes": _NO_LAYERS}
_CAPSULES: Options = {"lags": _LAGS, "units": _UNITS}
_OF_READERS: Options = {"clock_bits": _whole(0, 16), "signed": _FLAG}
READERS: Mapping[str, Options] = {
    name: {**options, **_OF_READERS}
    for name, options in {
        "lstm": {"layer_sizes": _LAYERS, "output_dropout": _SHARE},
        "history_user": {
            "lags": _LEADS, "reader_sizes": _LAYERS, "local_sizes": _NO_LAYERS, "aggregator_sizes": _NO_LAYERS,
            "mean_read": _FLAG, "memoryless_local": _FLAG, "attention_stddev": _number(0, 100),
        },
        "latency_lstm": _DELAYS,
        "latency_capsules": _DELAYS,
        "level_lstm": {"levels": _whole(1, 16), "units": _UNITS, "output_depth": _UNITS},
        "capsules": {**_CAPSULES, "aggregator_sizes": _LAYERS},
        "stacked_capsules": {**_CAPSULES, "ruler_units": _UNITS},
        "endecell": {"layer_sizes": _LAYERS, "as_drawn": _FLAG},
    }.items()
}  # fmt: skip

_MACHINE: Options = {
    "hidden": _whole(1, 256),
    "steps": _whole(1, 100),
    "chain": _whole(1, 100),
    "objective": _WORD,
    "annealing": _wholes(1, 1000, 2, 2),
    "at_least_one": _FLAG,
}  # fmt: skip
KEY_DECODERS: Mapping[str, Options] = {
    "independent": {"units": _UNITS, "at_least_one": _FLAG, "objective": _WORD},
    "rbm": {"units": _UNITS, **_MACHINE},
}
_VELOCITIES: Options = {"units": _UNITS}
_VOICES: Options = {"voices": _whole(1, 88), "objective": _WORD, "leak": _SHARE}


def _is_part(parts: Mapping[str, Options], x: Any) -> bool:
    name = x.get("name") if isinstance(x, Mapping) else None
    return isinstance(name, str) and name in parts and _wrong_option(parts[name], x) is None


_OF_FRAMES: Options = {
    "form": _word("keys", "classes", "tokens"),
    "depth": _whole(1, 1024),
    "step_weights": _FLAG,
    "keys": _or(
        None,
        Rule(
            lambda x: _is_part(KEY_DECODERS, x) or (isinstance(x, Mapping) and not x),
            "a table with a name and its options, or an empty one",
        ),
    ),
    "velocities": _or(
        None,
        Rule(
            lambda x: isinstance(x, Mapping) and _wrong_option(_VELOCITIES, x) is None, "a table with units"
        ),
    ),
}
FRAME_DECODERS: Mapping[str, Options] = {
    name: {**options, **_OF_FRAMES}
    for name, options in {
        "boolean": {},
        "nade": {"hidden": _UNITS, "most": _whole(0, 88)},
        "rbm": {name: rule for name, rule in _MACHINE.items() if name != "at_least_one"},
        "categorical": {},
        "polyphonic_sampler": {
            **_VOICES, "features": _UNITS, "units": _UNITS,
            **dict.fromkeys(("pauses", "memory", "aposter", "pause_loss", "crutch"), _FLAG),
        },
        "independent_voices": _VOICES,
        "chord_classes": {"mean_of_classes": _FLAG},
    }.items()
}  # fmt: skip

REQUIRED: Mapping[str, tuple[str, ...]] = {
    "hierarchical_lstm": ("level_lengths",),
    "bars": ("bars", "bar_sizes"),
    "groove_mixture_lstm": ("components", "window"),
    "history_lstm": ("drums", "length", "steps_per_bar", "lags", "copy_lags", "leads", "hidden_size"),
    "trio": ("slice_bars",),
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
    wrong = _wrong_option(known[name], part)
    if wrong is not None:
        raise ConfigError(f"The {kind} {name}: {wrong}.")
    required = (
        *REQUIRED.get(name, ()),
        *(("core",) if (kind, name) == ("decoder", "hierarchical_lstm") else ()),
    )
    missing = [option for option in required if option not in part]
    if missing:
        raise ConfigError(f"The {kind} {name}: {missing[0]} is missing.")


def _wrong_option(options: Options, part: Mapping[str, Any]) -> str | None:
    """What is wrong with a part's options, in words; None where nothing is."""
    for option, value in part.items():
        if option == "name":
            continue
        if option not in options:
            return f"there is no option {shown(option)}; expected {', '.join(options) or 'none'}"
        if not options[option].fits(value):
            given = list(value) if isinstance(value, tuple) else value
            return f"{option} is {shown(given)}; expected {options[option].expected}"
    return None

"""Converters between NoteSequences and training examples, built from a config's plain data.

base          what every converter offers, and what an example is
drums         drum beats on a grid, a token or a row of bits a step
groove        drums as they are played: hits, velocities and timing
melody        one voice, a token a step
performance   up to eight instruments as streams of note events
pianoroll     the keys of a piano, a row of bits a step
quick_chords  note-seq's chord inference, made fast
relative      pieces as steps forward and intervals without octaves
segments      stretches of one tempo and meter, on the grid; chords and keys as controls
trio          melody, bass and drums side by side

`CONVERTERS` is the registry. A new converter is its file here, with a subclass of `base.Converter`, and its row there.
This module loads no NumPy, so that configs can be read and checked without: a converter's file is imported when one
is built.
"""

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from common.errors import InputError
from common.option_rules import (
    FLAG,
    MAX_STEPS,
    MAX_WORDS,
    SHARE,
    TEXT,
    Options,
    Rule,
    number,
    optional,
    whole,
    whole_list,
)

if TYPE_CHECKING:
    from preprocess.converters.base import Converter

__all__ = ["CONVERTERS", "Row", "create"]


class Row(NamedTuple):
    """A converter in the registry.

    Attributes:
        path: its file in this folder and its class there, `drums.DrumsConverter`.
        options: the arguments of its class, and what each may be.
        required: the options that can't be left out.
    """

    path: str
    options: Options
    required: tuple[str, ...] = ()


def _are_drums(x: Any) -> bool:
    if isinstance(x, str):
        return len(x) <= MAX_WORDS
    pitches = whole_list(0, 127, 128)
    return isinstance(x, list | tuple) and 1 <= len(x) <= 62 and all(pitches.fits(drum) for drum in x)


# What options of several converters may be.
_DRUMS = Rule(_are_drums, "a name, or up to 62 lists of pitches from 0 to 127")
_BARS = whole(1, 1024)
_PITCH = whole(0, 127)
_MANY = whole(0, 10**6)
_BINS = optional(whole(0, 128))

# Options of several converters.
_EXAMPLES: Options = {"max_tensors_per_notesequence": optional(_MANY)}
_GRID: Options = {"steps_per_quarter": whole(1, 96), "quarters_per_bar": whole(1, 32)}
_CHORDS: Options = {"chord_encoding": optional(TEXT), "condition_on_key": FLAG}
_PITCHES: Options = {"min_pitch": _PITCH, "max_pitch": _PITCH}
_SLICES: Options = {
    "max_bars": optional(whole(1, 10**6)),
    "slice_bars": optional(_BARS),
    "gap_bars": optional(number(0, 10**6)),
    **_EXAMPLES,
    "presplit_on_time_changes": FLAG,
    "add_end_token": FLAG,
    "pad_to_total_time": FLAG,
}

CONVERTERS: Mapping[str, Row] = {
    "drums": Row("drums.DrumsConverter", {
        **_GRID, **_SLICES, "pitch_classes": _DRUMS, "roll_input": FLAG, "roll_output": FLAG,
        "meter": optional(TEXT), "only_on_grid": FLAG,
    }),
    "melody": Row("melody.MelodyConverter", {
        **_GRID, **_SLICES, **_PITCHES, **_CHORDS, "valid_programs": optional(whole_list(0, 127, 128, 0)),
        "skip_polyphony": FLAG, "dedupe_event_lists": FLAG, "shorter_bars": FLAG,
    }),
    "trio": Row("trio.TrioConverter", {
        **_GRID, **_CHORDS, "slice_bars": _BARS, "gap_bars": _MANY, "max_bars": whole(1, 10**6), **_EXAMPLES,
    }, required=("slice_bars",)),
    "groove": Row("groove.GrooveConverter", {
        **_GRID, "split_bars": optional(_BARS), **_EXAMPLES, "pitch_classes": optional(_DRUMS),
        "inference_pitch_classes": optional(_DRUMS), "humanize": FLAG, "tapify": FLAG,
        "add_instruments": optional(whole_list(0, 61, 62, 0)), "num_velocity_bins": _BINS, "num_offset_bins": _BINS,
        "split_instruments": FLAG, "hop_size": optional(whole(1, MAX_STEPS)), "hits_as_controls": FLAG,
        "taps_as_controls": FLAG, "conditions_as_controls": FLAG, "fixed_velocities": FLAG,
        "max_note_dropout_probability": optional(SHARE),
    }),
    "performance": Row("performance.MultiInstrumentPerformanceConverter", {
        **_GRID, **_PITCHES, "num_velocity_bins": whole(0, 127), **_EXAMPLES, "hop_size_bars": _BARS,
        "chunk_size_bars": _BARS, "min_num_instruments": whole(0, 128), "max_num_instruments": whole(1, 128),
        "min_total_events": _MANY, "max_events_per_instrument": whole(3, MAX_STEPS), "first_subsequence_only": FLAG,
        "chord_encoding": optional(TEXT), "drop_tracks_and_truncate": FLAG,
    }),
    "pianoroll": Row("pianoroll.PianorollConverter", {
        **_GRID, **_PITCHES, "representation": TEXT, "slice_bars": optional(_BARS), **_EXAMPLES, "shorter_bars": FLAG,
        "clock_bits": whole(0, 16),
    }),
    "relative": Row("relative.RelativeConverter", {
        "absolute": FLAG, "fold": TEXT, "steps_per_quarter": whole(1, 96),
    }),
}  # fmt: skip


def create(spec: Mapping[str, Any]) -> "Converter":
    """Build the converter of a spec, which is a name of `CONVERTERS` and options.

    >>> drums = create({"name": "drums", "slice_bars": 4, "roll_input": True})
    >>> drums.steps_per_bar, drums.input_depth, drums.output_depth
    (16, 10, 512)

    Raises:
        InputError: for an unknown name or option (`bad_converter`).
    """
    options = dict(spec)
    name = options.pop("name", None)
    if name not in CONVERTERS:
        raise InputError(
            f"There is no converter '{name}'; expected {', '.join(CONVERTERS)}.", "bad_converter"
        )
    module, _, class_name = CONVERTERS[name].path.partition(".")
    try:
        made: Converter = getattr(importlib.import_module(f"{__name__}.{module}"), class_name)(**options)
    except (TypeError, ValueError) as error:
        raise InputError(f"Converter '{name}': {error}.", "bad_converter") from error
    return made

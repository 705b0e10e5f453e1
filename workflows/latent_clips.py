"""`sample.py` with a MusicVAE, and what other commands take from it: length, chords, decoding in batches."""

import argparse
import re
from pathlib import Path

import numpy as np

from common.console import progress
from common.errors import InputError
from common.wording import number_of
from models.music_vae.trained import TrainedModel
from preprocess.converters.base import Converter
from preprocess.converters.segments import Conditioning, Dropped
from preprocess.note_sequence import NoteSequence
from render.clips import in_meter_of, numbered, planned_files, write_clips
from render.midi import Style
from workflows.grooves.feel import with_feel

Array = np.ndarray


def sample(args: argparse.Namespace, model: TrainedModel, style: Style) -> str:
    """Draw and write clips.

    Args:
        args: the flags of `workflows.flags.sampling`.
        model: the model.
        style: how clips are played.

    Returns:
        What was written, in a sentence.

    Raises:
        InputError: for flags that don't fit the model, and files that can't be written.
    """
    steps = steps_of(model, args.length)
    controls = controls_of(model, args.chords, args.num_outputs, steps)
    check_controls(model, controls)
    stem = Path(args.output_dir).expanduser() / f"{model.config.name}_sample"
    planned_files(stem, args.num_outputs, args)
    z = model.prior_sample(args.num_outputs, args.seed)
    sequences = with_feel(args, decode_in_batches(model, z, args, controls, steps), style)
    style = in_meter_of(style, model.converter)
    bars = model.converter.bars_of(steps)
    files = write_clips(numbered(sequences, style, "sample"), stem, args, bars, "Samples")
    return (
        f"Wrote {number_of(len(sequences), 'clip')} ({number_of(len(files), 'file')}) to {stem.parent}, temperature {args.temperature}, "
        f"seed {args.seed}."
    )


def steps_of(model: TrainedModel, length: int | None) -> int:
    """Steps of a clip: `length`, or the model's own length where it is None.

    Raises:
        InputError: where the model plays its own length only.
    """
    if length is None or length == model.max_length:
        return model.max_length
    if model.has_fixed_length:
        steps = f"{model.max_length} steps"
        plays = (
            f"plays clips of {steps}, and longer ones by --bars"
            if model.fills_in
            else f"always plays {steps}"
        )
        raise InputError(f"{model.config.name} {plays}; leave out --length.", "bad_flag")
    return length


def controls_of(model: TrainedModel, chords: str | None, n: int, steps: int) -> Array | None:
    """The controls of `n` clips over the chords of `--chords`, spread evenly over each clip.

    Returns:
        Bool `[n, steps, control_depth]`, or None where the model has no controls or none are given.

    Raises:
        InputError: where the model takes no chords, or one can't be read.
    """
    converter = model.converter
    if chords is None:
        return None
    encoding = model.config.converter.get("chord_encoding")
    if not encoding or model.config.converter.get("condition_on_key"):
        what = "keys with its chords, which --chords can't say" if encoding else "no chords"
        raise InputError(f"{model.config.name} takes {what}; leave out --chords.", "bad_flag")
    names = chords.replace("|", " ").split()
    if not names:
        raise InputError('--chords is empty; expected chord symbols such as "C G Am F".', "bad_flag")
    rows = np.stack([_chord_row(encoding, name) for name in names])
    if converter.chunk_steps:
        return _chords_of_chunks(converter, rows, n)
    if len(names) > steps:
        raise InputError(
            f"--chords names {number_of(len(names), 'chord')} for {number_of(steps, 'step')}; expected fewer.",
            "bad_flag",
        )
    return np.broadcast_to(rows[np.arange(steps) * len(names) // steps], (n, steps, rows.shape[1]))


def _chord_row(encoding: str, name: str) -> Array:
    """A chord symbol as a row of controls, bool `[control_depth]`."""
    try:
        return Conditioning(encoding, condition_on_key=False).encode(np.zeros((1, 1), np.int64), [name])[0]
    except Dropped as error:
        names = {"triad": "major, minor, augmented and diminished", "major_minor": "major and minor"}
        kinds = names[encoding]
        raise InputError(
            f"--chords: '{name}' is not a chord that the model knows; it knows {kinds} chords, such as C, F#m and "
            "Bb7, and N.C. for none.",
            "bad_chord",
        ) from error


def _chords_of_chunks(converter: Converter, rows: Array, n: int) -> Array:
    """Controls of performances, whose steps are events at unknown times, so that each chunk has one chord.

    Args:
        converter: of performances.
        rows: a row of controls for each chord, spread over a clip's chunks; further ones continue in the next clip.
        n: number of clips.

    Returns:
        Bool `[n, steps, control_depth]`.
    """

    chunks, depth = converter.max_num_chunks, rows.shape[1]
    if len(rows) <= chunks:
        chosen = np.tile(np.arange(chunks) * len(rows) // chunks, n)
    else:
        chosen = np.arange(n * chunks) % len(rows)
    instruments, events = converter.max_num_instruments, converter.max_events_per_instrument
    controls = np.zeros((n, chunks, instruments, events, depth), dtype=bool)
    controls[:] = rows[chosen].reshape(n, chunks, 1, 1, depth)
    # The program that each instrument begins with has no chord.
    controls[..., 0, :] = np.arange(depth) == 0
    return controls.reshape(n, -1, depth)


def check_controls(model: TrainedModel, controls: Array | None) -> None:
    """Refuse to play without the controls that a model needs.

    Raises:
        InputError: saying what the model needs.
    """
    if not model.converter.control_depth or controls is not None:
        return
    options = model.config.converter
    if options.get("chord_encoding") and not options.get("condition_on_key"):
        raise InputError(
            f'{model.config.name} plays over chords; give them, as --chords="C G Am F".', "no_controls"
        )
    if options.get("conditions_as_controls"):
        command = "tap2drum.py" if options.get("tapify") else "humanize.py"
        raise InputError(f"{model.config.name} plays to what is given; {command} does.", "no_controls")
    what = "hits" if options.get("hits_as_controls") else "chords and keys"
    raise InputError(
        f"{model.config.name} plays to given {what}; interpolate.py takes them from --input_midi_1, and "
        "TrainedModel.sample as c_input.",
        "no_controls",
    )


def decode_in_batches(
    model: TrainedModel, z: Array, args: argparse.Namespace, controls: Array | None, steps: int
) -> list[NoteSequence]:
    """The NoteSequences of latent vectors `[n, z_size]`, as the flags ask for them.

    Args:
        model: the model.
        z: the latent vectors.
        args: the command's flags.
        controls: `[n, steps, control_depth]`, where the model has any.
        steps: of a clip.
    """

    values: list[Array] = []
    with progress("Playing", len(z)) as advance:
        for start in range(0, len(z), args.max_batch_size):
            rows = slice(start, start + args.max_batch_size)
            some = None if controls is None else controls[rows]
            values += list(
                model.decode_values(z[rows], args.temperature or None, args.seed, start, steps, some)
            )
            advance(len(z[rows]))
    return model.to_note_sequences(np.stack(values), controls)


def bars_of_text(flag: str, text: str, last: int) -> list[int]:
    """The bars, from 0, of a flag such as `--bars=1,3-4`.

    Raises:
        InputError: where it is of another form, or names a bar that is not there.
    """
    bars: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,6})(?:\s*-\s*(\d{1,6}))?\s*", part)
        first, end = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= first <= end <= last:
            raise InputError(f"{flag} is '{text}'; expected bars from 1 to {last}, such as 2 or 1,3-4.")
        bars |= set(range(first - 1, end))
    return sorted(bars)

"""`sample.py` with drum models that hear themselves: clips that are asked for something, and songs."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from models.drum_controls import NO_TOKEN
from models.trained_history import HistoryModel
from preprocess.console import progress
from preprocess.converters.drums import DrumsConverter
from preprocess.drum_conditions import DrumConditions
from preprocess.errors import InputError
from preprocess.midi import read_midi
from preprocess.tempo_map import at_one_tempo
from render.clips import bars_of, in_meter_of, planned_files, write_clips
from render.midi import Style
from studio import drum_flags, drum_sampling
from studio.clips import bars_of_text, read_clip
from studio.drum_generator import DrumGenerator
from studio.loading import weights_that_fit
from studio.song_files import planned_song_files, write_songs
from studio.song_form import form_of
from studio.songs import compose

Array = np.ndarray

Finish = Callable[[list[Any]], list[Any]]
"""What is done to NoteSequences before they are written."""


def sample(args: argparse.Namespace, model: HistoryModel, style: Style, finish: Finish) -> None:
    """Draw what the flags ask for, write it, and say so.

    Args:
        args: the flags of `sample.py`.
        model: a model that hears itself.
        style: how clips are played.
        finish: is given the NoteSequences, and gives those that are written.

    Raises:
        InputError: for flags that contradict each other, and files that can't be used.
    """
    drum_flags.check_drum_flags(args, model)
    conditions = drum_flags.conditions_of(args, model)
    if args.guidance is None:
        args.guidance = drum_flags.GUIDANCE
    style = in_meter_of(style, model.converter)
    if args.bars is not None or args.structure is not None:
        _sample_songs(args, model, style, conditions, finish)
    else:
        _sample_clips(args, model, style, conditions, finish)


def _sample_clips(
    args: argparse.Namespace, model: HistoryModel, style: Style, conditions: DrumConditions, finish: Finish
) -> None:
    n = args.num_outputs
    stem = Path(args.output_dir).expanduser() / f"{model.config.name}_sample"
    planned_files(stem, n, args)
    known, mask, past = _given_clip(args, model)
    # What is asked for, and what is heard before, would be contradicted by a latent vector drawn at random.
    by_itself = conditions != DrumConditions() or past is not None
    values: list[Array] = []
    size = max(1, args.max_batch_size // drum_sampling.CANDIDATES)
    with progress("Playing", n) as advance, weights_that_fit(model):
        for first in range(0, n, size):
            some = min(size, n - first)
            values += list(
                drum_sampling.draw(
                    model,
                    [conditions] * some,
                    None if by_itself else model.prior_sample(n, args.seed)[first : first + some],
                    _repeated(known, some),
                    _repeated(mask, some),
                    _repeated(past, some),
                    temperature=args.temperature,
                    seed=args.seed,
                    first=first,
                    guidance=args.guidance,
                )
            )
            advance(some)
    sequences = finish(model.to_note_sequences(np.stack(values)))
    bars = bars_of(model.converter, model.max_length)
    files = write_clips(sequences, stem, args, bars, "Samples", style=style)
    print(
        f"Wrote {n} clips ({len(files)} files) to {stem.parent}, temperature {args.temperature}, seed {args.seed}."
    )


def _repeated(x: Array | None, n: int) -> Array | None:
    return None if x is None else np.stack([x] * n)


def _given_clip(
    args: argparse.Namespace, model: HistoryModel
) -> tuple[Array | None, Array | None, Array | None]:
    """Of `--input_midi` the tokens that are known and which hits of them stay, or else what comes before."""
    if args.input_midi is None:
        return None, None, None
    if args.keep is None and args.keep_bars is None:
        return None, None, last_bars(args.input_midi, model)
    length, steps_per_bar = model.max_length, model.converter.steps_per_bar
    bars = (
        [] if args.keep_bars is None else bars_of_text("--keep_bars", args.keep_bars, length // steps_per_bar)
    )
    mask = drum_flags.kept_hits(args.keep, bars, length, steps_per_bar)
    return np.asarray(read_clip(args.input_midi, model).inputs, np.int64), mask, None


def last_bars(path: str, model: HistoryModel) -> Array:
    """The last tokens of a MIDI file's drums, int64 `[steps]` of a clip; NO_TOKEN before their beginning.

    Raises:
        InputError: naming the file and why it can't be gone on from.
    """
    from models.trained_model import explain

    own = model.converter
    whole = DrumsConverter(
        gap_bars=None,
        pitch_classes=own.pitch_classes,
        steps_per_quarter=own.steps_per_quarter,
        quarters_per_bar=own.steps_per_bar // own.steps_per_quarter,
    )
    file = Path(path).expanduser()
    try:
        examples, reasons = whole.convert(at_one_tempo(read_midi(file)))
    except InputError as error:
        raise InputError(f"{file}: {str(error).removeprefix(f'{file}: ')}", error.reason) from error
    if not examples:
        raise InputError(f"{file}: can't be gone on from, as {explain(reasons)}.", "no_examples")
    tokens = np.asarray(examples[-1].inputs, np.int64)[-model.max_length :]
    return np.concatenate([np.full(model.max_length - len(tokens), NO_TOKEN, np.int64), tokens])


def _sample_songs(
    args: argparse.Namespace, model: HistoryModel, style: Style, conditions: DrumConditions, finish: Finish
) -> None:
    form = form_of(args.structure, args.bars)
    n = args.num_outputs
    stem = Path(args.output_dir).expanduser() / f"{model.config.name}_song"
    planned_song_files(stem, n, args)
    past = None if args.input_midi is None else last_bars(args.input_midi, model)
    generator = DrumGenerator(model, args.temperature, args.guidance)
    songs = []
    with progress("Composing", n) as advance, weights_that_fit(model):
        for number in range(n):
            seed = int(np.random.SeedSequence([args.seed, number]).generate_state(1)[0])
            songs.append(compose(generator, form, seed, conditions, past=past))
            advance()
    sequences = finish([model.to_note_sequences(song.tokens[None])[0] for song in songs])
    files = write_songs(songs, sequences, stem, args, style, generator.steps_per_bar)
    fills = ", ".join(str(bar + 1) for bar in songs[0].fills)
    print(
        f"Wrote {n} songs of {form.bars} bars ({len(files)} files) to {stem.parent}, temperature "
        f"{args.temperature}, seed {args.seed}: {form}{f', fills in bars {fills}' if fills else ''}."
    )

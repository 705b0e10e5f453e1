"""`sample.py` with history drum models: clips under conditions, clips changed in part or continued, and songs."""

import argparse
import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.console import progress
from common.wording import number_of
from models.history_drums.trained import HistoryModel
from preprocess.drums.conditions import DrumConditions
from preprocess.drums.tracks import drum_choice_of
from preprocess.example_forms import NO_TOKEN
from render.clips import Shown, in_meter_of, numbered, planned_files, write_clips
from render.midi import Style
from workflows.flags.history_drums import GUIDANCE
from workflows.grooves.feel import with_feel
from workflows.history_drums import flag_values, sampling
from workflows.history_drums.phrases import DrumGenerator
from workflows.latent_clips import bars_of_text, check_controls, controls_of, steps_of
from workflows.midi_clips.clip import Clip, first_bars, read_clip, read_last_bars
from workflows.midi_clips.merge import given_sequence, merged, style_like
from workflows.songs.composing import compose
from workflows.songs.files import planned_song_files, write_songs
from workflows.songs.form import form_of

Array = np.ndarray


def sample(args: argparse.Namespace, model: HistoryModel, style: Style) -> str:
    """Draw and write clips or songs.

    Args:
        args: the flags of `workflows.flags.sampling`.
        model: a history drum model.
        style: how clips are played.

    Returns:
        What was written, in a sentence.

    Raises:
        InputError: for flags that contradict each other, and files that can't be used.
    """
    steps = steps_of(model, args.length)
    check_controls(model, controls_of(model, args.chords, args.num_outputs, steps))
    flag_values.check_drum_flags(args, model)
    conditions = flag_values.conditions_of(args, model)
    if args.guidance is None:
        args.guidance = GUIDANCE
    style = in_meter_of(style, model.converter)
    if args.bars is not None or args.structure is not None:
        return _sample_songs(args, model, style, conditions)
    return _sample_clips(args, model, style, conditions)


@dataclass(frozen=True)
class Given:
    """What `--input_midi` gives to clips that are drawn.

    Attributes:
        clip: the clip that is changed in part, or the one that comes before.
        stays: bool `[steps, drums]`, which hits of it stay; None where it comes before.
    """

    clip: Clip
    stays: Array | None = None


def _sample_clips(
    args: argparse.Namespace, model: HistoryModel, style: Style, conditions: DrumConditions
) -> str:
    n = args.num_outputs
    stem = Path(args.output_dir).expanduser() / f"{model.config.name}_sample"
    planned_files(stem, n, args, others=args.input_midi is not None)
    given = _given(args, model)
    if given:
        style = style_like(given.clip, style, args.qpm)
    sequences = with_feel(args, model.to_note_sequences(_draw(args, model, conditions, given)), style)
    title, beside = "Samples", []
    shown = numbered(sequences, style, "sample")
    if given:
        beside = [Shown(f"{given.clip.title}, as given", given_sequence(given.clip), style)]
        title = f"What goes on from {given.clip.title}"
    if given and given.stays is not None:
        title = f"{given.clip.title}, changed in part"
        kept = [merged(given.clip, drawn, given.stays, model.converter.pitch_classes) for drawn in sequences]
        bars = given.stays.reshape(given.clip.bars, -1).all(axis=1)
        spans = tuple((float(bar), bar + 1.0) for bar in np.flatnonzero(bars))
        shown = [dataclasses.replace(s, given=spans) for s in numbered(kept, style, "number")]
    files = write_clips(shown, stem, args, model.converter.bars_of(model.max_length), title, beside=beside)
    wrote = f"{number_of(n, 'clip')} ({number_of(len(files), 'file')})"
    return f"Wrote {wrote} to {stem.parent}, temperature {args.temperature}, seed {args.seed}."


def _draw(
    args: argparse.Namespace, model: HistoryModel, conditions: DrumConditions, given: Given | None
) -> Array:
    """Tokens of the clips that the flags ask for, int `[n, steps]`."""
    n = args.num_outputs
    known = mask = past = None
    if given and given.stays is not None:
        known, mask = np.asarray(given.clip.example.inputs, np.int64), given.stays
    elif given:
        past = tokens_before(given.clip, model)
    # A random latent vector would contradict the conditions, and the music before.
    by_itself = conditions != DrumConditions() or past is not None
    values: list[Array] = []
    size = max(1, args.max_batch_size // sampling.CANDIDATES)
    with progress("Playing", n) as advance:
        for first in range(0, n, size):
            some = min(size, n - first)
            values += list(
                sampling.draw(
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
    return np.stack(values)


def _repeated(x: Array | None, n: int) -> Array | None:
    return None if x is None else np.stack([x] * n)


def _given(args: argparse.Namespace, model: HistoryModel) -> Given | None:
    """What `--input_midi` gives, by `--keep` and `--keep_bars`."""
    if args.input_midi is None:
        return None
    if args.keep is None and args.keep_bars is None:
        return Given(read_last_bars(args.input_midi, model, drum_choice_of(args)))
    length, steps_per_bar = model.max_length, model.converter.steps_per_bar
    bars = (
        [] if args.keep_bars is None else bars_of_text("--keep_bars", args.keep_bars, length // steps_per_bar)
    )
    stays = flag_values.kept_hits(args.keep, bars, length, steps_per_bar)
    return Given(read_clip(args.input_midi, model, first_bars(args.bar, 1)[0], drum_choice_of(args)), stays)


def tokens_before(past: Clip, model: HistoryModel) -> Array:
    """The tokens of what comes before, int64 `[steps]` of a clip; NO_TOKEN before their beginning."""
    tokens = np.asarray(past.example.inputs, np.int64)[-model.max_length :]
    return np.concatenate([np.full(model.max_length - len(tokens), NO_TOKEN, np.int64), tokens])


def _sample_songs(
    args: argparse.Namespace, model: HistoryModel, style: Style, conditions: DrumConditions
) -> str:
    form = form_of(args.structure, args.bars)
    n = args.num_outputs
    stem = Path(args.output_dir).expanduser() / f"{model.config.name}_song"
    planned_song_files(stem, n, args)
    past = None if args.input_midi is None else read_last_bars(args.input_midi, model, drum_choice_of(args))
    before = None if past is None else tokens_before(past, model)
    if past:
        style = style_like(past, style, args.qpm)
    generator = DrumGenerator(model, args.temperature, args.guidance)
    songs = []
    with progress("Composing", n) as advance:
        for number in range(n):
            seed = int(np.random.SeedSequence([args.seed, number]).generate_state(1)[0])
            songs.append(compose(generator, form, seed, conditions, past=before))
            advance()
    sequences = with_feel(args, [model.to_note_sequences(song.tokens[None])[0] for song in songs], style)
    files = write_songs(songs, sequences, stem, args, style, generator.steps_per_bar)
    fills = songs[0].fills
    named = ", ".join(str(bar + 1) for bar in fills)
    filled = f", {'fill in bar' if len(fills) == 1 else 'fills in bars'} {named}" if fills else ""
    return (
        f"Wrote {number_of(n, 'song')} of {number_of(form.bars, 'bar')} ({number_of(len(files), 'file')}) to {stem.parent}, "
        f"temperature {args.temperature}, seed {args.seed}: {form}{filled}."
    )

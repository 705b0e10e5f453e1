"""Piano pieces begun or continued, as NoteSequences."""

import argparse
from collections.abc import Callable

import numpy as np

from common.console import progress
from common.errors import InputError
from models.piano.trained import TrainedFrameModel
from preprocess.converters.relative import NEXT_FRAME
from preprocess.note_sequence import NoteSequence
from preprocess.piano_rolls import Roll, to_note_sequence
from workflows.flags.clips import LONGEST
from workflows.midi_clips.merge import merged
from workflows.piano.primers import Primer, bar_frames, representation_of

DEFAULT_BARS = 8

MOST_TOKENS = 16
"""Tokens a frame, at most, of models of tokens."""

PRIMER_VELOCITY, SOFTEST = np.float32(0.6), np.float32(1 / 128)
"""The velocity of primers that come without, and the least that a struck key has; of 1."""


def frames_of(args: argparse.Namespace, model: TrainedFrameModel, primers: list[Primer]) -> int:
    """Frames of a piece, primer included, by `--bars` or `--length`.

    Raises:
        InputError: where both are given, or a primer is as long as the piece.
    """
    if args.bars is not None and args.length is not None:
        raise InputError("--bars and --length are both given; name one of them.", "bad_flag")
    frames = args.length or (args.bars or DEFAULT_BARS) * bar_frames(model, primers)
    if frames > LONGEST:
        raise InputError(f"A piece of {frames} frames is too long; expected at most {LONGEST}.", "bad_flag")
    longest = max(primers, key=lambda primer: primer.frames)
    if longest.frames >= frames:
        raise InputError(
            f"The beginning '{longest.name}' has {longest.frames} frames and the piece {frames}; give more --bars"
            " or fewer --primer_bars.",
            "bad_flag",
        )
    return frames


def play(
    model: TrainedFrameModel, primer: Primer, frames: int, args: argparse.Namespace, first: int = 0
) -> list[NoteSequence]:
    """NoteSequences of pieces, each primer included.

    Args:
        model: the model.
        primer: what every piece begins with.
        frames: of each piece; more than the primer has.
        args: the command's flags: `num_outputs`, `max_batch_size`, `temperature`, `seed`.
        first: number of the first piece.
    """
    play_batch = _play_tokens if model.form == "tokens" else _play_rolls
    sequences: list[NoteSequence] = []
    with progress("Playing", args.num_outputs * (frames - primer.frames)) as advance:
        for start in range(0, args.num_outputs, args.max_batch_size):
            count = min(args.max_batch_size, args.num_outputs - start)
            sequences += play_batch(model, primer, count, frames, args, first + start, advance)
    return sequences


def _play_rolls(
    model: TrainedFrameModel,
    primer: Primer,
    count: int,
    frames: int,
    args: argparse.Namespace,
    first: int,
    advance: Callable[[int], None],
) -> list[NoteSequence]:
    """One batch of pieces of a model of keys; arguments as for `play`."""
    played = model.play(
        count,
        frames - primer.frames,
        primer.keys,
        primer.velocities,
        args.temperature or None,
        args.seed,
        first,
        lambda done: advance(done * count),
    )
    sequences = []
    for i in range(count):
        velocities = None if played.velocities is None else played.velocities[i]
        roll = _with_primer(primer, played.keys[i], velocities, model)
        sequence = to_note_sequence(roll, model.converter.steps_per_quarter)
        if primer.clip:
            # The primer's own notes, with their exact times, in place of its frames.
            stays = np.arange(frames) < primer.frames
            sequence = merged(primer.clip, sequence, stays, one_voice=False)
        sequences.append(sequence)
    return sequences


def _play_tokens(
    model: TrainedFrameModel,
    primer: Primer,
    count: int,
    frames: int,
    args: argparse.Namespace,
    first: int,
    advance: Callable[[int], None],
) -> list[NoteSequence]:
    """One batch of pieces of a model of tokens, which take no primer; arguments as for `play`."""
    sequences = model.converter.from_tensors(play_tokens(model, count, frames, args, first))
    advance(count * frames)
    return sequences


def play_tokens(
    model: TrainedFrameModel, count: int, frames: int, args: argparse.Namespace, first: int = 0
) -> list[np.ndarray]:
    """Token sequences that last a number of frames, int32 `[tokens]` each.

    A frame takes as many tokens as it has notes, and one more, so pieces are drawn again with twice the tokens until
    all of them are long enough. One that is still shorter with `MOST_TOKENS` a frame ends there.
    """
    tokens = 2 * frames
    while True:
        drawn = model.play(
            count, tokens, temperature=args.temperature or None, seed=args.seed, first=first
        ).keys
        frame = np.cumsum(drawn == NEXT_FRAME, axis=1)
        if frame[:, -1].min() >= frames or tokens >= MOST_TOKENS * frames:
            return [row[: np.searchsorted(at, frames)] for row, at in zip(drawn, frame, strict=True)]
        tokens *= 2


def _with_primer(
    primer: Primer, keys: np.ndarray, velocities: np.ndarray | None, model: TrainedFrameModel
) -> Roll:
    """The roll of a whole piece: its primer, and what was played after it, bool `[frames, keys]`."""
    whole = keys if primer.keys is None else np.concatenate([primer.keys, keys])
    if velocities is not None:
        same = np.full((primer.frames, keys.shape[1]), PRIMER_VELOCITY)
        begun = same if primer.velocities is None else primer.velocities
        loud = np.concatenate([begun, np.maximum(velocities, SOFTEST)])
        whole = np.where(whole, loud, 0.0).astype(np.float32)
    if representation_of(model) == "sounding":
        return Roll.of_sounding(whole)
    return Roll.of_struck(whole, 4 * model.converter.steps_per_quarter)

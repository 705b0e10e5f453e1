"""Frame models at work: pieces begun or continued, what a model expects, and what it copied.

The counterpart of `models/music_vae/latent.py` and `workflows/exploring/edits.py` for models that have no latent vector.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.console import print_table, progress
from common.errors import InputError
from common.output_files import check_outputs
from preprocess.converters.pianoroll import Roll, piano_roll, to_note_sequence
from preprocess.drums.tracks import DrumChoice, drum_choice_of
from preprocess.midi.bar_lines import quarters_of
from preprocess.pieces.rolls import transpose
from render.midi import Style
from workflows.midi_clips.clip import Clip, read_beginning, window_of
from workflows.midi_clips.merge import merged, style_like

LONGEST_PRIMER = 4096
"""Frames of a primer that a model hears, at most."""

LONGEST = 65536
"""Frames of a piece, at most."""

LONGEST_PICTURE = 2048
"""Frames of a picture, at most."""

DEFAULT_BARS, PRIMER_BARS = 8, 4
MOST_TOKENS = 16
"""Tokens a frame, at most, of models of tokens."""

PRIMER_VELOCITY, SOFTEST = np.float32(0.6), np.float32(1 / 128)
"""How loud given beginnings are, and the least that a struck key has."""


@dataclass(frozen=True)
class Primer:
    """What a piece begins with.

    Attributes:
        name: of the file or entry that it comes from; empty for nothing.
        keys: bool `[frames, 88]`, struck or sounding, as the model has it; or None for nothing.
        velocities: float32 `[frames, 88]`, from 0 to 1; None where only keys are given.
        clip: the beginning of the MIDI file that it comes from, whose tempo and meter go on; None for others.
    """

    name: str = ""
    keys: np.ndarray | None = None
    velocities: np.ndarray | None = None
    clip: Clip | None = None

    @property
    def frames(self) -> int:
        """Its length."""
        return 0 if self.keys is None else len(self.keys)


def primers_of(args: argparse.Namespace, model: Any) -> list[Primer]:
    """The beginnings that the flags name; one of nothing where they name none.

    Raises:
        InputError: where several kinds are given, one can't be read, or the model plays tokens.
    """
    from preprocess.pieces import primers

    given = [f for f in ("primer_midi", "primer_pitches", "initiator_file") if getattr(args, f) is not None]
    if args.primer_bars is not None and not args.primer_midi:
        raise InputError("--primer_bars says how much of a --primer_midi is heard; name one.", "bad_flag")
    if len(given) > 1:
        raise InputError(f"--{given[0]} and --{given[1]} are both given; name one of them.", "bad_flag")
    if given and model.form == "tokens":
        raise InputError(f"{model.config.name} begins by itself; leave out --{given[0]}.", "bad_flag")
    kind, per_quarter = _representation(model), model.converter.steps_per_quarter
    if args.primer_midi:
        bars = PRIMER_BARS if args.primer_bars is None else args.primer_bars
        return [_primer_of_midi(args.primer_midi, bars, kind, per_quarter, drum_choice_of(args))]
    if args.primer_pitches is not None:
        try:
            pitches = [int(p) for p in args.primer_pitches.replace(",", " ").split()]
            if not pitches:
                raise ValueError("no pitch")
        except ValueError as error:
            raise InputError(
                f"--primer_pitches is '{args.primer_pitches}'; expected MIDI pitches such as 60,64,67.",
                "bad_flag",
            ) from error
        return [Primer("chord", primers.primer_of_pitches(pitches, per_quarter, kind))]
    if args.initiator_file:
        path = Path(args.initiator_file).expanduser()
        return [Primer(name, keys) for name, keys in primers.read_initiators(path)]
    return [Primer()]


def _primer_of_midi(
    path: str, bars: int, representation: str, steps_per_quarter: int, drums: DrumChoice
) -> Primer:
    from preprocess.pieces.primers import primer_of_sequence

    clip = read_beginning(path, min(bars, LONGEST_PRIMER), steps_per_quarter, drums)
    if clip.steps > LONGEST_PRIMER:
        raise InputError(
            f"{path}: {bars} bars of it are {clip.steps} frames; give fewer --primer_bars.", "bad_flag"
        )
    sequence = window_of(clip).note_sequence()
    return Primer(
        clip.title, *primer_of_sequence(sequence, clip.steps, representation, steps_per_quarter), clip
    )


def bar_frames(model: Any, primers: list[Primer]) -> int:
    """Frames of a bar: of the meter of the primer's file, or of 4/4."""
    clips = [primer.clip for primer in primers if primer.clip]
    quarters = quarters_of(clips[0].time_signature) if clips else 4
    return round(quarters * model.converter.steps_per_quarter)


def style_of_pieces(style: Style, primers: list[Primer], qpm: float | None) -> Style:
    """How pieces are played: at the tempo and in the meter of the primer's file, where there is one."""
    clips = [primer.clip for primer in primers if primer.clip]
    return style_like(clips[0], style, qpm) if clips else style


def _representation(model: Any) -> str:
    return model.config.converter.get("representation", "struck")


def frames_of(args: argparse.Namespace, model: Any, primers: list[Primer]) -> int:
    """Frames of a piece, by `--bars` or `--length`.

    Raises:
        InputError: where both are given, or a beginning leaves nothing to play.
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


def play(model: Any, primer: Primer, frames: int, args: argparse.Namespace, first: int = 0) -> list[Any]:
    """Pieces of so many frames, their beginning included, as NoteSequences.

    Args:
        model: a `TrainedFrameModel`.
        primer: what they begin with.
        frames: of each piece; more than the primer has.
        args: the command's flags: `num_outputs`, `max_batch_size`, `temperature`, `seed`.
        first: number of the first piece.
    """
    sequences: list[Any] = []
    with progress("Playing", args.num_outputs * (frames - primer.frames)) as advance:
        for start in range(0, args.num_outputs, args.max_batch_size):
            count = min(args.max_batch_size, args.num_outputs - start)
            if model.form == "tokens":
                sequences += model.converter.from_tensors(
                    play_tokens(model, count, frames, args, first + start)
                )
                advance(count * frames)
                continue
            played = model.play(
                count,
                frames - primer.frames,
                primer.keys,
                primer.velocities,
                args.temperature or None,
                args.seed,
                first + start,
                lambda n, count=count: advance(n * count),
            )
            for i in range(count):
                loud = None if played.velocities is None else played.velocities[i]
                roll = _whole(primer, played.keys[i], loud, model)
                sequence = to_note_sequence(roll, model.converter.steps_per_quarter)
                if primer.clip:
                    # What was given stands as it is in its file.
                    stays = np.arange(frames) < primer.frames
                    sequence = merged(primer.clip, sequence, stays, one_voice=False)
                sequences.append(sequence)
    return sequences


def play_tokens(
    model: Any, count: int, frames: int, args: argparse.Namespace, first: int = 0
) -> list[np.ndarray]:
    """Pieces of tokens that are so many frames long, int32 `[tokens]` each.

    A frame takes as many tokens as it has notes, and one more, so more are drawn until all frames are full. A piece
    that is still not there after `MOST_TOKENS` a frame ends where it is.
    """
    from preprocess.converters.relative import NEXT_FRAME

    tokens = 2 * frames
    while True:
        drawn = model.play(
            count, tokens, temperature=args.temperature or None, seed=args.seed, first=first
        ).keys
        frame = np.cumsum(drawn == NEXT_FRAME, axis=1)
        if frame[:, -1].min() >= frames or tokens >= MOST_TOKENS * frames:
            return [row[: np.searchsorted(at, frames)] for row, at in zip(drawn, frame, strict=True)]
        tokens *= 2


def _whole(primer: Primer, keys: np.ndarray, velocities: Any, model: Any) -> Roll:
    """A piece of its beginning and what was played."""
    whole = keys if primer.keys is None else np.concatenate([primer.keys, keys])
    if velocities is not None:
        same = np.full((primer.frames, keys.shape[1]), PRIMER_VELOCITY)
        begun = same if primer.velocities is None else primer.velocities
        loud = np.concatenate([begun, np.maximum(velocities, SOFTEST)])
        whole = np.where(whole, loud, 0.0).astype(np.float32)
    if _representation(model) == "sounding":
        return Roll.of_sounding(whole)
    return Roll.of_struck(whole, 4 * model.converter.steps_per_quarter)


def planned_pictures(stem: Path, count: int, frames: int, args: argparse.Namespace, model: Any) -> list[Path]:
    """The attention pictures that the flags ask for, one a piece.

    Raises:
        InputError: where the model does not weigh its past, pieces are too long for a picture, or one exists
            and `--force` is not given.
    """
    if not args.attention:
        return []
    if frames > LONGEST_PICTURE:
        raise InputError(f"--attention draws at most {LONGEST_PICTURE} frames, not {frames}.", "bad_flag")
    if model.config.encoder["name"] != "history_user":
        raise InputError(f"{model.config.name} has no history reader; leave out --attention.", "bad_flag")
    paths = [stem.with_name(f"{stem.name}-{i:03d}-of-{count:03d}-attention.png") for i in range(count)]
    check_outputs(paths, args.force)
    return paths


def write_pictures(
    paths: list[Path], sequences: list[Any], begun: list[int], frames: int, model: Any
) -> list[Path]:
    """Write the attention pictures of some pieces, where any are asked for.

    Args:
        paths: one a piece, or none.
        sequences: the pieces.
        begun: frames of each that it was given.
        frames: of each piece.
        model: which played them.
    """
    from render.frames import save_attention

    pieces = zip(paths, sequences if paths else [], begun if paths else [], strict=True)
    for number, (path, sequence, given) in enumerate(pieces, 1):
        roll = piano_roll(sequence, model.converter.steps_per_quarter, frames=frames)
        keys, _ = roll.cells(_representation(model))
        weights, lags = model.attention(keys)
        save_attention(path, keys, weights, lags, f"Piece {number}: what is read of the past", given)
    return paths


def training_pieces(model: Any, patterns: str) -> Any:
    """The pieces that `--compare_with` names.

    Raises:
        InputError: where there are none to compare with.
    """
    from metrics.plagiarism import PASSAGE, count_passages
    from workflows.training.data import load_pieces

    if model.form == "tokens":
        raise InputError(f"{model.config.name} plays tokens, not keys; leave out --compare_with.", "bad_flag")
    training = load_pieces(patterns, model.config, "train")
    if not count_passages(training):
        raise InputError(f"--compare_with: no piece of {patterns} has {PASSAGE} frames.", "no_pieces")
    return training


def report_nearest(sequences: list[Any], begun: list[int], model: Any, training: Any, picture: Path) -> None:
    """Print how near the pieces are to those that the model was trained on, and draw the nearest passages.

    Args:
        sequences: the pieces.
        begun: frames of each that it was given and did not play, which are left out.
        model: which played them.
        training: the `training_pieces`.
        picture: where to draw.
    """
    from metrics.plagiarism import PASSAGE, summarize
    from render.frames import NearestPair, save_nearest

    rolls = [piano_roll(sequence, model.converter.steps_per_quarter) for sequence in sequences]
    keys = [roll.cells(_representation(model))[0][skip:] for roll, skip in zip(rolls, begun, strict=True)]
    matches = nearest_passages(keys, training)
    if not matches:
        print(f"No piece has {PASSAGE} frames with music, so there is nothing to compare.")
        return
    summary = summarize(matches)
    nearest = sorted(matches, key=lambda match: match.distance)[:10]
    rows = [
        (m.piece, begun[m.piece] + m.frame, m.distance, m.name, m.training_frame, m.transposition)
        for m in nearest
    ]
    columns = ["piece", "frame", "distance", "nearest training piece", "frame", "semitones up"]
    print_table("The passages of two bars nearest to a training piece (0 is a copy)", columns, rows)
    pairs = []
    for m in nearest[:3]:
        theirs = training.keys[m.training_piece][m.training_frame : m.training_frame + PASSAGE]
        ours = keys[m.piece][m.frame : m.frame + PASSAGE]
        source = f"{m.name}, frame {m.training_frame}, {m.transposition:+d} semitones"
        moved = transpose(theirs, m.transposition, drop=True)
        ours_at = f"piece {m.piece}, frame {begun[m.piece] + m.frame}"
        pairs.append(NearestPair(ours, moved, ours_at, source, m.distance))
    save_nearest(picture, pairs, f"{model.config.name}: the passages nearest to a training piece")
    print(
        f"{summary.segments} passages: {summary.copied:.1%} copied, mean distance "
        f"{summary.mean_distance:.2f}; wrote {picture}."
    )


def nearest_passages(rolls: list[np.ndarray], training: Any) -> list[Any]:
    """`nearest_segments`, with a progress bar."""
    from metrics.plagiarism import count_passages, nearest_segments

    with progress("Comparing", count_passages(training)) as advance:
        return nearest_segments(rolls, training, on_passages=advance)


EXPECTED_FRAMES = 128
"""Frames of a piece in a picture of what is expected."""


def draw_expected(path: Path, model: Any, pieces: Any, title: str) -> None:
    """Draw the first of some pieces beside what a model expects of it; nothing for a model that says no keys.

    Args:
        path: of the picture.
        model: a `FrameModel`.
        pieces: `preprocess.pieces.pieces.Pieces`.
        title: over the picture.
    """
    if not model.plays_keys:
        return
    from render.frames import save_expected

    keys = pieces.keys[0][:EXPECTED_FRAMES]
    velocities = None if pieces.velocities is None else pieces.velocities[0][:EXPECTED_FRAMES]
    save_expected(path, keys, expected_keys(model, keys, velocities), title)


def expected_keys(model: Any, keys: np.ndarray, velocities: Any = None, draws: int = 16) -> np.ndarray:
    """How likely each key is at each frame of a piece, given the frames before: float `[frames, keys]`.

    Args:
        model: a `FrameModel` of keys.
        keys: bool `[frames, keys]`.
        velocities: float `[frames, keys]`, for models with velocities.
        draws: that the mean is taken over, for models whose keys depend on one another.
    """
    from keras import ops

    batch: dict[str, np.ndarray] = {
        "keys": np.repeat(keys[None].astype(np.float32), draws, axis=0),
        "before": np.zeros((draws, keys.shape[1]), np.float32),
        "lengths": np.full(draws, len(keys), np.int32),
        "position": np.zeros(draws, np.int32),
    }
    if model.velocity_decoder is not None:
        loud = 0.6 * keys if velocities is None else velocities
        batch["velocities"] = np.repeat(np.asarray(loud, np.float32)[None], draws, axis=0)
        batch["velocity_before"] = batch["before"]
    sizes = model.uniforms
    uniforms = np.random.default_rng(0).random((draws, len(keys), sizes.values), np.float32)
    return ops.convert_to_numpy(model.expected(batch, uniforms)).mean(axis=0)

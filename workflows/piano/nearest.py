"""How near played piano pieces are to the training pieces: the check for plagiarism of `sample.py` and `evaluate.py`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from common.console import print_table, progress
from common.errors import InputError
from metrics.plagiarism import PASSAGE, Match, count_passages, nearest_segments, summarize
from models.piano.trained import TrainedFrameModel
from preprocess.note_sequence import NoteSequence
from preprocess.piano_rolls import piano_roll
from preprocess.pieces.pieces import Pieces
from preprocess.pieces.transforms import transpose
from workflows.examples import load_pieces
from workflows.piano.primers import representation_of


def training_pieces(model: TrainedFrameModel, patterns: str) -> Pieces:
    """The pieces that `--compare_with` names.

    Raises:
        InputError: where there are none to compare with.
    """
    if model.form == "tokens":
        raise InputError(f"{model.config.name} plays tokens, not keys; leave out --compare_with.", "bad_flag")
    training = load_pieces(patterns, model.config, "train")
    if not count_passages(training):
        raise InputError(f"--compare_with: no piece of {patterns} has {PASSAGE} frames.", "no_pieces")
    return training


def report_nearest(
    sequences: list[NoteSequence], begun: list[int], model: TrainedFrameModel, training: Pieces, picture: Path
) -> str:
    """Compare played pieces with the training pieces; print a table of the nearest passages, and draw some.

    Args:
        sequences: NoteSequences of the pieces.
        begun: frames of each piece's primer, which are not compared.
        model: the model that played them.
        training: as `training_pieces` returns them.
        picture: the PNG file to write.

    Returns:
        How near they are, in a sentence.
    """
    from render.frames import NearestPair, save_nearest

    rolls = [piano_roll(sequence, model.converter.steps_per_quarter) for sequence in sequences]
    keys = [roll.cells(representation_of(model))[0][skip:] for roll, skip in zip(rolls, begun, strict=True)]
    matches = nearest_passages(keys, training)
    if not matches:
        return f"No piece has {PASSAGE} frames with music, so there is nothing to compare."
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
    return (
        f"{summary.segments} passages: {summary.copied:.1%} copied, mean distance "
        f"{summary.mean_distance:.2f}; wrote {picture}."
    )


def nearest_passages(rolls: Sequence[np.ndarray], training: Pieces) -> list[Match]:
    """The training passage nearest to each passage of rolls, bool `[frames, 88]` each (`nearest_segments`); with a progress bar."""
    with progress("Comparing", count_passages(training)) as advance:
        return nearest_segments(rolls, training, on_passages=advance)

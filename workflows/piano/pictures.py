"""Pictures of piano models: what is read of the past, and what is expected of a piece."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from common.errors import InputError
from common.output_files import check_outputs
from models.piano.trained import TrainedFrameModel
from preprocess.note_sequence import NoteSequence
from preprocess.piano_rolls import piano_roll
from preprocess.pieces.pieces import Pieces
from workflows.piano.primers import representation_of

if TYPE_CHECKING:
    # Imports Keras.
    from models.piano.model import FrameModel

LONGEST_PICTURE = 2048
"""Frames of an attention picture, at most."""

EXPECTED_FRAMES = 128
"""Frames of a piece in a picture of what is expected."""


def planned_pictures(
    stem: Path, count: int, frames: int, args: argparse.Namespace, model: TrainedFrameModel
) -> list[Path]:
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
    paths: list[Path],
    sequences: list[NoteSequence],
    begun: list[int],
    frames: int,
    model: TrainedFrameModel,
    bar: int,
) -> list[Path]:
    """Write the attention pictures of some pieces, where any are asked for.

    Args:
        paths: one a piece, or none.
        sequences: the pieces.
        begun: frames of each piece's primer.
        frames: of each piece, primer included.
        model: the model that played them.
        bar: frames of a bar.
    """
    from render.frames import save_attention

    pieces = zip(paths, sequences if paths else [], begun if paths else [], strict=True)
    for number, (path, sequence, given) in enumerate(pieces, 1):
        roll = piano_roll(sequence, model.converter.steps_per_quarter, frames=frames)
        keys, _ = roll.cells(representation_of(model))
        read = model.attention(keys)
        assert read is not None, "planned_pictures refuses models without attention"
        save_attention(path, keys, *read, f"Piece {number}: what is read of the past", given, bar)
    return paths


def draw_expected(path: Path, model: "FrameModel", pieces: Pieces, title: str) -> None:
    """Draw the first of some pieces beside the keys that a model expects; nothing for models that do not play keys.

    Args:
        path: the PNG file to write.
        model: the Keras model.
        pieces: at least one.
        title: of the picture.
    """
    if not model.plays_keys:
        return
    from render.frames import save_expected

    keys = pieces.keys[0][:EXPECTED_FRAMES]
    velocities = None if pieces.velocities is None else pieces.velocities[0][:EXPECTED_FRAMES]
    save_expected(path, keys, expected_keys(model, keys, velocities), title)


def expected_keys(
    model: "FrameModel", keys: np.ndarray, velocities: np.ndarray | None = None, draws: int = 16
) -> np.ndarray:
    """The probability of each key at each frame of a piece, given the frames before: float `[frames, keys]`, 0 to 1.

    Args:
        model: a Keras model that plays keys.
        keys: bool `[frames, keys]`.
        velocities: float `[frames, keys]`, 0 to 1, for models with velocities; 0.6 where None.
        draws: for models whose keys depend on one another, the number of draws averaged.
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

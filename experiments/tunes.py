"""Training data of the experiments: songs of 128 frames and 13 keys, the original's or the ones shipped here."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

VERSIONS = 2
"""Transpositions used of each of our tunes, which gives about as many versions as the original had (69)."""


@dataclass(frozen=True)
class Songs:
    """Songs to learn.

    Attributes:
        versions: struck keys, uint8 `[n, 128, 13]`. Of the original's songs, every transposition that fits the 13
            keys: 69 versions, three of them empty. Of our tunes, the two highest transpositions of each.
        first: the song for experiments that learn a single one, untransposed, uint8 `[128, 13]`: the original's
            "grasshopper", or the first of our tunes.
        name: name of `first`.
        are_original: whether these are the original's songs, so that its published figures apply.
    """

    versions: np.ndarray
    first: np.ndarray
    name: str
    are_original: bool


def load_songs(folder: str | None = None) -> Songs:
    """Load the original's 34 songs, `track (1).mid` to `track (34).mid`, from a folder, or else our own tunes.

    Raises:
        InputError: if a song is missing or cannot be read.
    """
    from preprocess.pieces.thirteen_key_songs import (
        load_thirteen_key_songs,
        thirteen_key_song,
        transposed_versions,
    )

    if folder:
        from preprocess.midi.reader import read_midi

        versions = np.stack(load_thirteen_key_songs(folder))
        return Songs(
            versions, thirteen_key_song(read_midi(Path(folder) / "track (1).mid")), "the grasshopper", True
        )
    from patterns.melody import load_tunes

    tunes = load_tunes()
    rolls = [tune.roll() for tune in tunes]
    versions = np.stack([version for roll in rolls for version in transposed_versions(roll)[:VERSIONS]])
    return Songs(versions, rolls[0], tunes[0].name, False)

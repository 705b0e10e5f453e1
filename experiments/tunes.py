"""What the experiments learn: songs of 128 frames and 13 keys, the seeds' own where they are at hand, else ours."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

VERSIONS = 2
"""Of each tune of ours: the seeds' songs have about as many, most of them one."""


@dataclass(frozen=True)
class Songs:
    """Songs to learn.

    Attributes:
        versions: uint8 `[n, 128, 13]` of struck keys: the seeds' list of 69, every song in every transposition
            that fits, three of them empty; or our tunes in the two highest each, about as many.
        first: the song that experiments with a single song learn, untransposed, uint8 `[128, 13]`: the seeds'
            "grasshopper", or the first of ours.
        name: of the first.
        from_seed: whether they are the seeds', so that the seeds' reference numbers hold.
    """

    versions: np.ndarray
    first: np.ndarray
    name: str
    from_seed: bool


def load_songs(folder: str = "") -> Songs:
    """The seeds' 34 songs from a folder of `track (1).mid` ..., or without one our own tunes.

    Raises:
        InputError: where a song is missing or unreadable.
    """
    from preprocess.piano import load_seed_songs, seed_song, seed_versions

    if folder:
        from preprocess.midi import read_midi

        versions = np.stack(load_seed_songs(folder))
        return Songs(versions, seed_song(read_midi(Path(folder) / "track (1).mid")), "the grasshopper", True)
    from patterns.melody import load_tunes

    tunes = load_tunes()
    rolls = [tune.roll() for tune in tunes]
    versions = np.stack([version for roll in rolls for version in seed_versions(roll)[:VERSIONS]])
    return Songs(versions, rolls[0], tunes[0].name, False)

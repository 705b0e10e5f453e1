"""The 34 songs of MusicGeneration: their versions, and one of them note by note."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from preprocess.midi.reader import read_midi
from preprocess.pieces.thirteen_key_songs import (
    load_thirteen_key_songs,
    thirteen_key_song,
    transposed_versions,
)
from preprocess.pieces.transforms import transpose

GRASSHOPPER = (
    "A.E.A.E.A.G#.G#...G#.E.G#.E.G#.A.A...A.E.A.E.A.G#.G#...G#.E.G#.E.G#.A....."
    "A.B.BBB.B.C^.C^C^C^.C^.C^.B.A.G#.A.A...A.B.BBB.B.C^.C^C^C^.C^.C^.B.A.G#.A....."
)
KEY_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B", "C^")
VERSIONS = {20: 6, 1: 5, 2: 4, 3: 4, 4: 4, 17: 4, 11: 3, 14: 3, 23: 3, 24: 3, 29: 3, 34: 3, 5: 2, 19: 2}
ONSETS = (
    60, 52, 49, 44, 44, 56, 54, 52, 52, 44, 37, 60, 49, 42, 38, 42, 50,
    39, 44, 52, 69, 42, 52, 56, 61, 0, 44, 0, 74, 28, 0, 76, 53, 58,
)  # fmt: skip


@pytest.fixture
def songs(data_dir: Callable[[str], Path]) -> list[np.ndarray]:
    return load_thirteen_key_songs(data_dir("songs34"))


def test_the_songs_have_69_versions(data_dir: Callable[[str], Path], songs: list[np.ndarray]) -> None:
    assert len(songs) == 69 and all(s.shape == (128, 13) and s.dtype == np.uint8 for s in songs)
    assert sum(not song.any() for song in songs) == 3
    folder = data_dir("songs34")
    first = [thirteen_key_song(read_midi(folder / f"track ({i}).mid")) for i in range(1, 35)]
    assert tuple(int(song.sum()) for song in first) == ONSETS
    counts = [len(transposed_versions(song)) for song in first]
    assert counts == [VERSIONS.get(i, 1) for i in range(1, 35)]
    # From the highest down, each a semitone below the one before.
    np.testing.assert_array_equal(transpose(songs[0], -1), songs[1])
    assert songs[0][:, 12].any() and songs[4][:, 0].any()
    chords = [i for i, song in enumerate(first, 1) if (song.sum(axis=1) > 1).any()]
    assert chords == [22] and (first[21].sum(axis=1) > 1).sum() == 13


def test_the_grasshopper(data_dir: Callable[[str], Path]) -> None:
    song = thirteen_key_song(read_midi(data_dir("songs34") / "track (1).mid"))
    assert song.sum() == 60 and np.flatnonzero(song.any(axis=1))[-1] == 122
    text = "".join(KEY_NAMES[int(frame.argmax())] if frame.any() else "." for frame in song)
    assert text == GRASSHOPPER


def test_missing_songs_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"track \(1\).mid"):
        load_thirteen_key_songs(tmp_path)

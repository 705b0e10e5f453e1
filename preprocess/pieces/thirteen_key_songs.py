"""The 34 songs that the first notebooks of FortsAndMills' MusicGeneration learn from: 13 keys, an eighth a frame."""

from pathlib import Path

import numpy as np

from preprocess.midi.reader import read_midi
from preprocess.note_sequence import NoteSequence
from preprocess.pieces.transforms import transpose, transpositions

SONGS, FRAMES = 34, 128
KEYS, LOWEST_PITCH = 13, 60
"""From middle C to the C above."""
SECONDS_PER_FRAME = 0.25


def thirteen_key_song(note_sequence: NoteSequence) -> np.ndarray:
    """A song in the form of 13 keys, uint8 `[128, 13]`: keys struck in frames of 0.25 s, C to upper C.

    Its lowest note is moved up to C if it lies below, its highest down to the upper C if it lies above. A
    song of more than 13 keys is out of range and gives zeros.
    """
    song = np.zeros((FRAMES, KEYS), dtype=np.uint8)
    notes = [(n.start_time, n.pitch) for n in note_sequence.notes if n.velocity]
    lowest, highest = min((p for _, p in notes), default=0), max((p for _, p in notes), default=0)
    if not notes or highest - lowest >= KEYS:
        return song
    top = LOWEST_PITCH + KEYS - 1
    shift = top - highest if highest > top else max(0, LOWEST_PITCH - lowest)
    for time, pitch in notes:
        frame = round(time / SECONDS_PER_FRAME)
        if 0 <= frame < FRAMES:
            song[frame, pitch + shift - LOWEST_PITCH] = 1
    return song


def transposed_versions(song: np.ndarray) -> list[np.ndarray]:
    """A song in every transposition that fits its keys, from the highest down."""
    return [transpose(song, semitones) for semitones in reversed(transpositions(song))]


def load_thirteen_key_songs(folder: str | Path) -> list[np.ndarray]:
    """The augmented list of MusicGeneration's notebooks: all versions of `track (1).mid` to `track (34).mid`, 69 of them, 3 empty.

    For comparisons with these notebooks only: the songs carry no licence.

    Raises:
        InputError: where a file is missing or unreadable.
    """
    paths = [Path(folder) / f"track ({i}).mid" for i in range(1, SONGS + 1)]
    return [version for path in paths for version in transposed_versions(thirteen_key_song(read_midi(path)))]

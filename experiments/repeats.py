"""Finding the frames of a song that repeat an earlier passage."""

import numpy as np


def repeated_frames(song: np.ndarray, context: int = 8) -> np.ndarray:
    """Mark the frames that a model could predict simply by remembering the song so far.

    A frame counts as repeated if it and the `context` frames before it have occurred together earlier in the song.

    Args:
        song: struck keys, `[frames, keys]`.
        context: how many preceding frames must match; at least two of them must contain a note.

    Returns:
        bool `[frames]`.
    """
    rows = [row.tobytes() for row in np.ascontiguousarray(song != 0)]
    repeated, heard = np.zeros(len(song), dtype=bool), set()
    for t in range(context, len(song)):
        phrase = tuple(rows[t - context : t + 1])
        notes = int((song[t - context : t] != 0).any(axis=-1).sum())
        repeated[t] = phrase in heard and notes >= 2
        heard.add(phrase)
    return repeated

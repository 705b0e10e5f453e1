"""Which frames of a song repeat what was heard before."""

import numpy as np


def repeated_frames(song: np.ndarray, context: int = 8) -> np.ndarray:
    """The frames that a memory of the song could know: the frames just before were heard once before.

    Args:
        song: struck keys, `[frames, keys]`.
        context: so many frames before, with two notes among them at least, stood somewhere earlier and were
            followed by the same frame.

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

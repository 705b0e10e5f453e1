"""note_seq's chord inference in a tenth of its time, with the same results.

note_seq builds its table of transitions pair by pair for each sequence (0.7 s), goes through all pairs of 1164 states for each
chord (7 s for the 1000 chords that it takes at most), and through all chords that a note lasts for each note.
"""

import bisect
import functools
import itertools
from typing import Any

import numpy as np

from preprocess.note_sequence import NoteSequence

Array = np.ndarray
KEYS = 12
CLOSE = 1e-6
"""Log-likelihoods nearer than this may round to the same sum; farther apart they can't."""


@functools.cache
def speed_up_note_seq() -> None:
    """Replace the slow parts of `note_seq.chord_inference`, for the whole process."""
    from note_seq import chord_inference

    def viterbi(frames: Array, keys: Array, transitions: Array) -> list[tuple[int, Any]]:
        chords = chord_inference._CHORDS
        return [(i // len(chords), chords[i % len(chords)]) for i in best_path(frames, keys, transitions)]

    def vectors(sequence: NoteSequence, seconds: Any) -> Array:
        return pitch_vectors(sequence, seconds, chord_inference.constants.UNPITCHED_PROGRAMS)

    chord_inference._key_chord_transition_distribution = transition_table
    chord_inference._key_chord_viterbi = viterbi
    chord_inference.sequence_note_pitch_vectors = vectors


def transition_table(distribution: Array, key_change_prob: float, chord_change_prob: float) -> Array:
    """Probability of each state after each other, `[12 * chords, 12 * chords]`.

    Args:
        distribution: of the chords in each key, `[12, chords]`.
        key_change_prob, chord_change_prob: from one frame to the next.
    """
    chords = distribution.shape[1]
    table = np.empty((KEYS, chords, KEYS, chords))
    table[:] = key_change_prob / 11 * distribution
    for key, row in enumerate(distribution):
        # What the chord before would have is shared among the others, since the chord is known to change.
        changed = chord_change_prob * (row + row[:, None] / (chords - 1))
        same = np.eye(chords, dtype=bool)
        table[key, :, key] = (1 - key_change_prob) * np.where(same, 1 - chord_change_prob, changed)
    return table.reshape(KEYS * chords, KEYS * chords)


def best_path(chord_frames: Array, key_chords: Array, transitions: Array) -> list[int]:
    """The likeliest states, key times number of chords plus chord, by the Viterbi algorithm.

    A change of key is as likely from whichever key and chord, so that only the likeliest states of other keys can come
    before one. Of states that are equally likely the first one is taken, as by note_seq.

    Args:
        chord_frames: log-likelihood of each frame under each chord, `[frames, chords]`.
        key_chords: of each chord in each key, `[12, chords]`.
        transitions: of each state after each other, `[12 * chords, 12 * chords]`.
    """
    frames, chords = chord_frames.shape
    states = KEYS * chords
    blocks = transitions.reshape(KEYS, chords, KEYS, chords)
    same_key = np.stack([blocks[key, :, key].T for key in range(KEYS)])
    other_key = np.concatenate([blocks[key - 1, 0, key] for key in range(KEYS)])
    key_of = np.arange(states) // chords
    first_of_key = chords * np.arange(KEYS)[:, None]
    before = np.zeros((frames, states), np.int32)
    likelihood = (-np.log(12) + key_chords + chord_frames[0]).reshape(-1)

    def change(sources: Array, to: slice) -> None:
        """Come from the first of the likeliest sources where that is likelier than from the same key."""
        sums = likelihood[sources][:, None] + other_key[to]
        choice = sums.argmax(axis=0)
        reached, source = sums[choice, np.arange(len(choice))], sources[choice]
        better = (reached > value[to]) | ((reached == value[to]) & (source < best[to]))
        value[to] = np.where(better, reached, value[to])
        best[to] = np.where(better, source, best[to])

    for frame in range(1, frames):
        sums = likelihood.reshape(KEYS, 1, chords) + same_key
        choice = sums.argmax(axis=2)
        value = np.take_along_axis(sums, choice[:, :, None], axis=2).reshape(-1)
        best = (choice + first_of_key).reshape(-1)
        likely = np.flatnonzero(likelihood >= likelihood.max() - CLOSE)
        keys = set(key_of[likely].tolist())
        for key in range(KEYS):
            if key in keys:  # which the likeliest states are not another key for
                others = np.flatnonzero(key_of != key)
                others = others[likelihood[others] >= likelihood[others].max() - CLOSE]
                change(others, slice(key * chords, (key + 1) * chords))
        for start, stop in _between(keys):
            change(likely, slice(start * chords, stop * chords))
        before[frame] = best
        likelihood = value + np.tile(chord_frames[frame], KEYS)
    path = [int(likelihood.argmax())]
    for frame in range(frames - 1, 0, -1):
        path.append(int(before[frame, path[-1]]))
    return path[::-1]


def _between(keys: set[int]) -> list[tuple[int, int]]:
    """The ranges of keys that are not among some."""
    ends = [-1, *sorted(keys), KEYS]
    return [(low + 1, high) for low, high in itertools.pairwise(ends) if low + 1 < high]


def pitch_vectors(sequence: NoteSequence, seconds_per_frame: Any, unpitched: Any) -> Array:
    """How long each pitch class sounds in each frame, as unit vectors `[frames, 12]`.

    Args:
        sequence: its notes are looked at.
        seconds_per_frame: or the times between the frames.
        unpitched: programs that are left out, as drums are.
    """
    if isinstance(seconds_per_frame, int | float):
        count = int(np.ceil(sequence.total_time / seconds_per_frame))
        bounds = (seconds_per_frame * np.arange(1, count)).tolist()
    else:
        bounds = sorted(seconds_per_frame)
    lengths = np.diff(np.array(bounds))
    sounding = np.zeros((len(bounds) + 1, 12))
    for note in sequence.notes:
        if note.is_drum or note.program in unpitched:
            continue
        start, end = bisect.bisect_right(bounds, note.start_time), bisect.bisect_left(bounds, note.end_time)
        pitch = note.pitch % 12
        if start >= end:
            sounding[start, pitch] += note.end_time - note.start_time
        else:
            sounding[start, pitch] += bounds[start] - note.start_time
            sounding[start + 1 : end, pitch] += lengths[start : end - 1]
            sounding[end, pitch] += note.end_time - bounds[end - 1]
    norms = np.linalg.norm(sounding, axis=1)
    sounding[norms > 0] /= norms[norms > 0, None]
    return sounding

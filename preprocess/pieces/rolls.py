"""Piano pieces for the frame models: what is done to rolls, and which files are fit for them.

Rolls are `[frames, keys]` with a frame a sixteenth and 88 keys from MIDI pitch 21; `converters.pianoroll`
makes them of NoteSequences and turns them back. Here they are transposed, reduced to pitch classes and spoilt
by errors, as the models of FortsAndMills' MusicGeneration read them.
Other data in frames: the four sets of Boulanger-Lewandowski, Bengio and Vincent (2012) from their `.mat`
files, and the 34 songs of the seed in its first form of 13 keys.
"""

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common import flags
from common.errors import InputError, because
from preprocess.converters.pianoroll import (
    MAX_FRAMES,
    Roll,
    clock,
    heard,
    note_times,
    piano_roll,
    to_note_sequence,
)
from preprocess.converters.segments import note_field
from preprocess.keyboard import HIGHEST_PITCH, KEYS, LOWEST_PITCH

__all__ = ["KEYS", "LOWEST_PITCH", "Roll", "clock", "piano_roll", "to_note_sequence"]

SPLITS = {"train": "traindata", "validation": "validdata", "test": "testdata"}
SEED_SONGS, SEED_FRAMES, SEED_KEYS, SEED_LOWEST_PITCH = 34, 128, 13, 60
SEED_SECONDS_PER_FRAME = 0.25

FRAMES_A_QUARTER = 4
OFF_GRID = 0.1
"""How far from the nearest frame a note begins that is off the grid, in frames."""


def pitch_classes(roll: np.ndarray) -> np.ndarray:
    """Which of the twelve pitch classes a roll has, bool `[..., 12]` of `[..., keys]`.

    All keys count; the seed left the four above the seventh octave out, which `roll[..., :84]` does.
    """
    keys = roll.shape[-1]
    cells = np.zeros((*roll.shape[:-1], keys + -keys % 12), dtype=bool)
    cells[..., :keys] = roll != 0
    return np.logical_or.reduce(cells.reshape(*roll.shape[:-1], -1, 12), axis=-2)


def transpositions(roll: np.ndarray) -> range:
    """The transpositions that keep every note of `[..., keys]` on the keyboard; only 0 of silence."""
    used = np.flatnonzero((roll != 0).any(axis=tuple(range(roll.ndim - 1))))
    return range(-int(used[0]), roll.shape[-1] - int(used[-1])) if used.size else range(1)


def transpose(roll: np.ndarray, semitones: int, drop: bool = False) -> np.ndarray:
    """A roll `[..., keys]` of any type, moved up by so many semitones.

    Args:
        roll: is not changed.
        semitones: negative for down.
        drop: leave out notes that would leave the keyboard.

    Raises:
        InputError: where some would and `drop` is not given (`pitch_range`).
    """
    if not drop and roll.any() and semitones not in transpositions(roll):
        raise InputError(f"Transposed by {semitones}, notes would leave the keyboard.", "pitch_range")
    moved, keys = np.zeros_like(roll), roll.shape[-1]
    low, high = max(0, semitones), min(keys, keys + semitones)
    if low < high:
        moved[..., low:high] = roll[..., low - semitones : high - semitones]
    return moved


def add_errors(roll: np.ndarray, rate: float, rng: np.random.Generator) -> np.ndarray:
    """A spoilt copy of a binary roll `[frames, keys]`: the seed's noise, at a rate.

    Args:
        roll: is not changed.
        rate: errors a frame, 0 to 1; their number is drawn from the binomial distribution.
        rng: what is drawn from.
    """
    return add_error_count(roll, int(rng.binomial(len(roll), rate)), rng)


def add_error_count(roll: np.ndarray, errors: int, rng: np.random.Generator) -> np.ndarray:
    """So many times a random frame is cleared and one random key struck in it; frames may be hit again."""
    spoilt = roll.copy()
    frames, keys = rng.integers(0, len(roll), errors), rng.integers(0, roll.shape[1], errors)
    for frame, key in zip(frames, keys, strict=True):
        spoilt[frame] = 0
        spoilt[frame, key] = 1
    return spoilt


def fragment_starts(frames: int, length: int = 256, hop: int = 32) -> range:
    """Where the fragments of a piece begin; what is left after the last whole one is not used."""
    return range(0, frames - length + 1, hop)


@dataclass(frozen=True)
class Checks:
    """Which NoteSequences are piano pieces that rolls can hold; drums in them are not looked at.

    Attributes:
        min_pitch, max_pitch: MIDI pitches, both included.
        any_meter: take bars of every length; otherwise only those that halve into halves, as the seed does.
        max_tempo_changes: as many as the seed's parser of large collections bore; None for any number.
        max_off_grid: largest share of the notes that begin more than `OFF_GRID` from the grid of sixteenths.
        min_frames: from the first note to the end of the last; four bars of 4/4 by default.
    """

    min_pitch: int = LOWEST_PITCH
    max_pitch: int = HIGHEST_PITCH
    any_meter: bool = False
    max_tempo_changes: int | None = 4
    max_off_grid: float = 0.05
    min_frames: int = 64

    def reason_to_refuse(self, note_sequence: Any) -> str:
        """Nothing for a usable piece.

        Otherwise `no_notes`, `pitch_range`, `other_meter`, `tempo_changes`, `negative_time`, `off_grid`,
        `too_short` or `too_long`, whichever comes first.
        """
        plays = heard(note_sequence)
        pitches = note_field(note_sequence, "pitch")[plays]
        if not pitches.size:
            return "no_notes"
        if pitches.min() < self.min_pitch or pitches.max() > self.max_pitch:
            return "pitch_range"
        meters = ((s.numerator, s.denominator) for s in note_sequence.time_signatures)
        if not self.any_meter and any(n < 1 or n & (n - 1) or d < 1 or d & (d - 1) for n, d in meters):
            return "other_meter"
        if self.max_tempo_changes is not None and tempo_changes(note_sequence) > self.max_tempo_changes:
            return "tempo_changes"
        starts, ends = (times[plays] * FRAMES_A_QUARTER for times in note_times(note_sequence))
        if starts.min() < 0:
            return "negative_time"
        if (np.abs(starts - np.round(starts)) > OFF_GRID).mean() > self.max_off_grid:
            return "off_grid"
        if round(ends.max() - starts.min()) < self.min_frames:
            return "too_short"
        return "too_long" if ends.max() > MAX_FRAMES else ""


CHECK_FLAGS = {
    "min_pitch": ("lowest MIDI pitch", flags.PITCH),
    "max_pitch": ("highest MIDI pitch", flags.PITCH),
    "any_meter": ("also 3/4, 6/8 and the like", None),
    "max_tempo_changes": ("most tempo changes of a piece", flags.COUNT_OR_NONE),
    "max_off_grid": ("largest share of notes off the grid of sixteenths", flags.FRACTION),
    "min_frames": ("shortest piece, in sixteenths", flags.COUNT),
}


def tempo_changes(note_sequence: Any) -> int:
    """How often the tempo becomes another, the first one not counted."""
    tempos = [t.qpm for t in sorted(note_sequence.tempos, key=lambda t: t.time)]
    return sum(a != b for a, b in itertools.pairwise(tempos))


def load_frames(path: str | Path) -> dict[str, list[np.ndarray]]:
    """The pieces of one of the four polyphonic sets, bool `[frames, 88]` each, by split.

    What sounds, from MIDI pitch 21. A frame is a quarter note in JSB_Chorales, an eighth in MuseData,
    Nottingham and Piano_midi. `train`, `validation` and `test` are the splits of the literature.

    SciPy's reader is native code that a damaged file can crash, so it runs in a process of its own.

    Raises:
        InputError: where SciPy is not installed (`no_scipy`), or the file is none of them (`bad_mat`).
    """
    from common.pools import map_in_processes

    (found,) = map_in_processes(_read_mat, [[str(path)]], 1, _crashed)
    if isinstance(found, InputError):
        raise found
    return found


def _crashed(path: str) -> InputError:
    return InputError(f"{path}: is damaged, and SciPy can't read it.", "bad_mat")


def _read_mat(path: str) -> dict[str, list[np.ndarray]] | InputError:
    """The pieces, or why there are none."""
    try:
        from scipy.io import loadmat
    except ImportError:
        message = "MATLAB files are read by SciPy, which is not installed; pip install scipy."
        return InputError(message, "no_scipy")
    try:
        with open(path, "rb") as file:  # given a name, SciPy does not say that the file is missing
            content = loadmat(file)
        return {
            split: [_binary(piece) for piece in np.ravel(content[name])] for split, name in SPLITS.items()
        }
    except OSError as error:
        return InputError(f"{path}: can't be read ({error.strerror or error}).", "unreadable")
    except Exception as error:  # noqa: BLE001 - SciPy raises many kinds on damaged files
        message = f"{path}: is not a set of {KEYS}-key frames in traindata, validdata and testdata ({because(error)})."
        return InputError(message, "bad_mat")


def _binary(piece: np.ndarray) -> np.ndarray:
    if piece.ndim != 2 or piece.shape[1] != KEYS or not np.isin(piece, (0, 1)).all():
        raise ValueError(f"a piece of shape {piece.shape} is not one of zeros and ones")
    return piece.astype(bool)


def seed_song(note_sequence: Any) -> np.ndarray:
    """A song in the seed's first form, uint8 `[128, 13]`: keys struck in frames of 0.25 s, C to upper C.

    Its lowest note is moved up to C if it lies below, its highest down to the upper C if it lies above. A
    song of more than 13 keys is out of range and gives zeros.
    """
    song = np.zeros((SEED_FRAMES, SEED_KEYS), dtype=np.uint8)
    notes = [(n.start_time, n.pitch) for n in note_sequence.notes if n.velocity]
    lowest, highest = min((p for _, p in notes), default=0), max((p for _, p in notes), default=0)
    if not notes or highest - lowest >= SEED_KEYS:
        return song
    top = SEED_LOWEST_PITCH + SEED_KEYS - 1
    shift = top - highest if highest > top else max(0, SEED_LOWEST_PITCH - lowest)
    for time, pitch in notes:
        frame = round(time / SEED_SECONDS_PER_FRAME)
        if 0 <= frame < SEED_FRAMES:
            song[frame, pitch + shift - SEED_LOWEST_PITCH] = 1
    return song


def seed_versions(song: np.ndarray) -> list[np.ndarray]:
    """A song in every transposition that fits its keys, from the highest down."""
    return [transpose(song, semitones) for semitones in reversed(transpositions(song))]


def load_seed_songs(folder: str | Path) -> list[np.ndarray]:
    """The seed's augmented list: all versions of `track (1).mid` to `track (34).mid`, 69 of them, 3 empty.

    For the reference cases of the seed only; its songs carry no licence.

    Raises:
        InputError: where a file is missing or unreadable.
    """
    from preprocess.midi.reader import read_midi

    paths = [Path(folder) / f"track ({i}).mid" for i in range(1, SEED_SONGS + 1)]
    return [version for path in paths for version in seed_versions(seed_song(read_midi(path)))]

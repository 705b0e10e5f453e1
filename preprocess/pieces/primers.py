"""Primers: the frames that a frame model is given before it goes on by itself.

From a list of starts in the form of MusicGenerator's `initiator.json`, from music, or from a chord.
Primers are rolls, bool `[frames, 88]`.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import InputError
from preprocess.keyboard import HIGHEST_PITCH, KEYS, LOWEST_PITCH
from preprocess.note_sequence import NoteSequence
from preprocess.piano_rolls import REPRESENTATIONS, piano_roll

MAX_BYTES = 2**20
MAX_PRIMERS = 256
MAX_FRAMES = 4096
MAX_NAME = 64


def read_initiators(path: str | Path) -> list[tuple[str, np.ndarray]]:
    """The primers of a JSON file `{"initiator": [{"name": ..., "seq": [{"notes": [60, 64, 67]}, ...]}, ...]}`.

    An entry of `seq` is a frame, its notes MIDI pitches. (The original lit the key 21 semitones too high.)

    Raises:
        InputError: where the file can't be read (`unreadable`, `file_too_large`) or holds something else, or pitches
            outside the 88 keys (`bad_primer`); says in which entry.
    """
    content = _json(Path(path))
    entries = content.get("initiator") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not 1 <= len(entries) <= MAX_PRIMERS:
        raise _bad(path, f'is not a list "initiator" of 1 to {MAX_PRIMERS} primers')
    primers: dict[str, np.ndarray] = {}
    for i, entry in enumerate(entries):
        where = f"primer {i + 1}"
        name = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME or not name.isprintable():
            raise _bad(path, f'{where} has no "name" of 1 to {MAX_NAME} printable characters')
        if name in primers:
            raise _bad(path, f"{where} has the name of an earlier one, {name}")
        primers[name] = _frames(path, f"{where} ({name})", entry.get("seq"))
    return list(primers.items())


def primer_of_sequence(
    note_sequence: NoteSequence,
    frames: int | None = None,
    representation: str = "struck",
    steps_per_quarter: int = 4,
) -> tuple[np.ndarray, np.ndarray]:
    """The first frames of a NoteSequence, bool `[frames, 88]`, and its velocities, 0 to 1.

    Args:
        note_sequence: is not changed.
        frames: how many, silent ones among them; up to the end of the last note where it is None.
        representation: "struck" or "sounding", as the model's training pieces.
        steps_per_quarter: frames of a quarter note.

    Raises:
        InputError: where it can't be a roll (`negative_time`, `too_long`).
        ValueError: for an unknown representation or less than one frame.
    """
    _check(representation, 1 if frames is None else frames)
    return piano_roll(note_sequence, steps_per_quarter, frames=frames).cells(representation)


def primer_of_pitches(pitches: Sequence[int], frames: int = 1, representation: str = "struck") -> np.ndarray:
    """A chord of MIDI pitches that begins in the first of some frames and lasts until their end.

    Args:
        pitches: from 21 to 108; none is silence.
        frames: how many.
        representation: "struck", on in the first frame; or "sounding", in all.

    Raises:
        InputError: for pitches outside the 88 keys (`pitch_range`).
        ValueError: for an unknown representation or less than one frame.
    """
    _check(representation, frames)
    for pitch in pitches:
        if not LOWEST_PITCH <= pitch <= HIGHEST_PITCH:
            raise InputError(
                f"A piano has the pitches {LOWEST_PITCH} to {HIGHEST_PITCH}, not {pitch}.", "pitch_range"
            )
    cells = np.zeros((frames, KEYS), bool)
    last = frames if representation == "sounding" else 1
    cells[:last, np.array(pitches, np.int64) - LOWEST_PITCH] = True
    return cells


def _check(representation: str, frames: int) -> None:
    if representation not in REPRESENTATIONS:
        raise ValueError(
            f"There is no representation '{representation}'; expected {', '.join(REPRESENTATIONS)}."
        )
    if frames < 1:
        raise ValueError(f"A primer has at least one frame, not {frames}.")


def _json(path: Path) -> Any:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path}: is larger than {MAX_BYTES} bytes.", "file_too_large")
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror}).", "unreadable") from error
    except (ValueError, RecursionError) as error:
        raise _bad(path, f"is not JSON ({error})") from error


def _frames(path: str | Path, where: str, sequence: Any) -> np.ndarray:
    if not isinstance(sequence, list) or not 1 <= len(sequence) <= MAX_FRAMES:
        raise _bad(path, f'{where} has no list "seq" of 1 to {MAX_FRAMES} frames')
    cells = np.zeros((len(sequence), KEYS), bool)
    for t, frame in enumerate(sequence):
        notes = frame.get("notes") if isinstance(frame, dict) else None
        if not isinstance(notes, list) or len(notes) > KEYS:
            raise _bad(path, f'{where}, frame {t + 1} has no list "notes" of at most {KEYS} pitches')
        for note in notes:
            if not isinstance(note, int) or not LOWEST_PITCH <= note <= HIGHEST_PITCH:
                shown = json.dumps(note)[:40]
                raise _bad(
                    path,
                    f"{where}, frame {t + 1} has the note {shown}; "
                    f"pitches are whole numbers from {LOWEST_PITCH} to {HIGHEST_PITCH}",
                )
            cells[t, note - LOWEST_PITCH] = True
    return cells


def _bad(path: str | Path, what: str) -> InputError:
    return InputError(f"{path}: {what}.", "bad_primer")

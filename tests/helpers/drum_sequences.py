"""Drum NoteSequences for tests, written down as steps."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES
from preprocess.note_sequence import NoteSequence
from render.midi import write_midi

SIXTEENTH = 0.125
Hit = tuple[int, int, int, int]
"""Sixteenth, pitch, velocity, length in sixteenths."""

PITCHES = [drum.pitch for drum in REDUCED_DRUM_CLASSES]


def drum_sequence(hits: Iterable[Hit]) -> Any:
    """A NoteSequence at 120 quarter notes a minute."""
    sequence = NoteSequence(ticks_per_quarter=220)
    sequence.tempos.add(qpm=120.0)
    for step, pitch, velocity, length in hits:
        sequence.notes.add(
            start_time=step * SIXTEENTH,
            end_time=(step + length) * SIXTEENTH,
            pitch=pitch,
            velocity=velocity,
            instrument=9,
            is_drum=True,
        )
    sequence.total_time = max((note.end_time for note in sequence.notes), default=0.0)
    return sequence


def backbeat(bars: int, every: int = 2) -> Any:
    """Kick on 1, snare on 2 and 4, closed hi-hat every `every` sixteenths."""
    hits: list[Hit] = []
    for start in range(0, bars * 16, 16):
        hits += [(start, 36, 100, 1), (start + 4, 38, 90, 1), (start + 12, 38, 90, 1)]
        hits += [(start + i, 42, 70, 1) for i in range(0, 16, every)]
    return drum_sequence(hits)


def random_hits(steps: int, max_size: int = 60) -> st.SearchStrategy[list[Hit]]:
    """Lists of hits, overlapping and doubled ones among them."""
    hit = st.tuples(
        st.integers(0, steps - 1), st.sampled_from(PITCHES), st.integers(1, 127), st.integers(1, 9)
    )
    return st.lists(hit, max_size=max_size)


def write_beat(path: Path, bars: int = 4, every: int = 2) -> Path:
    """A MIDI file of `backbeat`."""
    write_midi(backbeat(bars, every), path, bars=bars)
    return path

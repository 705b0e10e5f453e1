"""MIDI files as drum grids: what is struck at which step of which bar, for people to read and change."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np

from common.errors import InputError
from patterns.beat import Beat, default_steps
from patterns.notation import (
    MAX_BARS,
    MAX_STEPS_PER_BAR,
    MAX_SWING,
    format_beat,
    note_sequence_to_beat,
    parse,
)
from preprocess.converters.segments import lies_on_triplets
from preprocess.drums.tracks import DrumChoice, take_drums
from preprocess.midi.bar_lines import Bar, bars_until
from preprocess.midi.reader import read_midi_file
from preprocess.midi.tempo_map import TempoMap, at_one_tempo
from preprocess.note_sequence import NoteSequence

SLOWEST, FASTEST = 20.0, 400.0
"""Quarter notes a minute that a grid can say."""

ON_THE_GRID = 0.02
"""Quarter notes between a hit and a step that it lies on."""

FINER_GRIDS = (6, 8, 12)
"""Steps of a quarter note that are tried where neither thirds nor fourths hold all hits."""

LEAST_SWING, FEWEST_SWUNG = 0.53, 4
"""A swing below which a grid is straight, and the off-beat hits that it takes to tell one."""


def beats_of_midi(path: Path, choice: DrumChoice = DrumChoice()) -> tuple[list[Beat], list[str]]:
    """The drums of a MIDI file as grids, one for each stretch of one meter, and what is to be said of them.

    A grid has sixteenths, with swing where the second ones are late alike; or thirds of a quarter, or finer steps, where the
    hits of its stretch lie on them. Its tempo is that at which the stretch begins. Velocities become the nearest of the four
    that a grid can write, and drums that it has no line for are left out.

    Args:
        path: of the file.
        choice: where its drums are.

    Raises:
        InputError: naming the file, and why its drums can't be written down.
    """

    try:
        reading = read_midi_file(path, drums=choice)
    except InputError as error:
        raise InputError(f"{path}: {str(error).removeprefix(f'{path}: ')}", error.reason) from error
    sequence, remarks = reading.sequences[0], [warning.message for warning in reading.warnings]
    remarks += filter(None, [take_drums(sequence)])
    tempo_map = TempoMap.of(sequence)
    if tempo_map.changes:
        remarks.append(
            "its tempo changes, which a grid has no sign for; each grid has the tempo of its beginning."
        )
    beats: list[Beat] = []
    for number, (begin, bars) in enumerate(_stretches(sequence, tempo_map), 1):
        name = path.stem if number == 1 else f"{path.stem} {number}"
        beats.append(_beat(sequence, begin, bars, tempo_map.qpm_at(begin), name, path))
    if not beats:
        raise InputError(f"{path}: has no drums that a grid has a line for.", "no_drums")
    return beats, [f"{path}: {remark}" for remark in remarks]


def _stretches(sequence: NoteSequence, tempo_map: TempoMap) -> Iterator[tuple[float, list[Bar]]]:
    """Where stretches of one meter begin, in quarter notes, and their bars: those with drums, at most `MAX_BARS`."""
    starts = [float(tempo_map.to_quarters(n.start_time)) for n in sequence.notes if n.is_drum and n.velocity]
    if not starts:
        return
    bars = bars_until(sequence, max(starts) + 1e-3, tempo_map)
    for _, same in groupby(bars, lambda bar: (bar.time_signature, bar.is_whole)):
        run = list(same)
        for i in range(0, len(run), MAX_BARS):
            part = run[i : i + MAX_BARS]
            end = part[-1].start + part[-1].length
            if any(part[0].start - 1 / 8 <= start < end - 1 / 8 for start in starts):
                yield part[0].start, part


def _beat(sequence: NoteSequence, begin: float, bars: list[Bar], qpm: float, name: str, path: Path) -> Beat:
    """The grid of a stretch.

    Raises:
        InputError: where its tempo or its meter can't be written.
    """
    meter = bars[0].time_signature
    if not SLOWEST <= qpm <= FASTEST:
        raise InputError(
            f"{path}: is at {qpm:g} quarter notes a minute; a grid says {SLOWEST:g} to {FASTEST:g}.",
            "bad_tempo",
        )
    part = _part(at_one_tempo(sequence, qpm), begin, bars, qpm)
    positions = np.array([note.start_time * qpm / 60 for note in part.notes])
    per_quarter, swing = _grid_of(positions)
    grid = max(1, round(per_quarter * 4 * meter[0] / meter[1]))
    if per_quarter * 4 * meter[0] % meter[1] or (swing != 0.5 and grid % 2):
        grid, swing = default_steps(meter), 0.5
    if swing != 0.5:
        part.text_annotations.add(text=f"swing: {swing}")
    if grid != default_steps(meter):
        part.text_annotations.add(text=f"grid: {grid}")
    part.sequence_metadata.title = name
    beat = note_sequence_to_beat(part)
    if grid > MAX_STEPS_PER_BAR or not _is_written(beat):
        raise InputError(f"{path}: is in {meter[0]}/{meter[1]}, which a grid can't say.", "other_meter")
    return beat


def _part(even: NoteSequence, begin: float, bars: list[Bar], qpm: float) -> NoteSequence:
    """The drums of some bars of music at one tempo, which begins with the first of them."""
    first, length = begin * 60 / qpm, sum(bar.length for bar in bars) * 60 / qpm
    half = 60 / qpm / 8
    part = NoteSequence(ticks_per_quarter=even.ticks_per_quarter)
    part.tempos.add(qpm=qpm)
    numerator, denominator = bars[0].time_signature
    part.time_signatures.add(numerator=numerator, denominator=denominator)
    for note in even.notes:
        if note.is_drum and note.velocity and -half <= note.start_time - first < length - half:
            added = part.notes.add()
            added.CopyFrom(note)
            added.start_time = max(0.0, note.start_time - first)
            added.end_time = max(added.start_time, note.end_time - first)
    part.total_time = length
    return part


def _grid_of(positions: np.ndarray) -> tuple[int, float]:
    """Steps of a quarter note, and swing, of hits at quarter notes: the coarsest grid that all lie on.

    Where they lie on none, as when they were played, thirds or fourths of a quarter, whichever is nearer.
    """

    def lies_on(steps: int) -> bool:
        return bool(
            np.abs(positions * steps - np.round(positions * steps)).max(initial=0) / steps < ON_THE_GRID
        )

    for steps in (4, 3):
        if lies_on(steps):
            return steps, 0.5
    swing = _swing(positions)
    if swing > LEAST_SWING:
        # What is late by the swing goes back to its sixteenth.
        within = positions * 2 % 1
        late = np.abs(within - swing) < 2 * ON_THE_GRID
        straight = np.where(late, positions - within / 2 + 0.25, positions)
        if np.abs(straight * 4 - np.round(straight * 4)).max(initial=0) / 4 < ON_THE_GRID:
            return 4, swing
    for steps in FINER_GRIDS:
        if lies_on(steps):
            return steps, 0.5
    if lies_on_triplets(positions):
        return 3, 0.5
    return 4, swing if swing > LEAST_SWING else 0.5


def _swing(positions: np.ndarray) -> float:
    """Where the second sixteenth of each pair falls within the eighth: 0.5 for straight, 0.7 at most."""
    within = positions * 2 % 1
    late = within[(within > 0.4) & (within < 0.8)]
    if len(late) < FEWEST_SWUNG:
        return 0.5
    return round(min(MAX_SWING, max(0.5, float(np.median(late)))), 2)


def _is_written(beat: Beat) -> bool:
    """Whether the notation can say it."""
    try:
        return len(parse(format_beat(beat))) == 1
    except InputError:
        return False

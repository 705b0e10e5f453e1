"""Which performances to train on: beat-generation-with-mvae's rule by file names, and ours by the columns of info.csv.

That project (its data_selection.ipynb) takes files whose name holds `beat`, outside
`eval_session`, and for its second model `rock` as well; it copies them into one folder by base name. Two
sessions of a drummer can hold the same base name, so files replace each other, and the official splits end up
in one folder. Ours chooses by columns, per split, and keeps relative paths.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from preprocess.groove_dataset import SPLITS, GrooveRow, select
from preprocess.note_sequence import NoteSequence


@dataclass(frozen=True)
class NameSelection:
    """What the rule by file names matches, and what copying by base name leaves of it."""

    matched: list[GrooveRow]
    surviving: list[GrooveRow]  # of rows with the same base name, the last one copied

    @property
    def lost(self) -> int:
        """How many files are replaced by another of the same base name."""
        return len(self.matched) - len(self.surviving)


def selection_by_name(rows: Iterable[GrooveRow], rock: bool = False) -> NameSelection:
    """The rule of beat-generation-with-mvae: `beat` (and `rock`) in the file's name, outside eval_session; all splits together."""
    matched = [
        row
        for row in rows
        if "beat" in row.file_name
        and "eval_session" not in row.midi_filename
        and (not rock or "rock" in row.file_name)
    ]
    return NameSelection(matched, list({row.file_name: row for row in matched}.values()))


def selection_by_column(rows: Iterable[GrooveRow], style: str | None = None) -> dict[str, list[GrooveRow]]:
    """Beats in 4/4 (of one style, if given), by official split."""
    rows = list(rows)
    styles = None if style is None else [style]
    return {s: select(rows, s, styles=styles, beat_types=["beat"], time_signatures=["4-4"]) for s in SPLITS}


def count_by(rows: Iterable[GrooveRow], key: Callable[[GrooveRow], str]) -> dict[str, dict[str, int]]:
    """How many rows of each split there are for each value of `key`; the most frequent value first."""
    rows = list(rows)
    counts = Counter((key(row), row.split) for row in rows)
    order = [value for value, _ in Counter(key(row) for row in rows).most_common()]
    return {value: {split: counts[value, split] for split in SPLITS} for value in order}


def hits_per_quarter(note_sequence: NoteSequence, qpm: float) -> float:
    """Drum hits per quarter note, from the first hit to the last; 0 for less than two hits.

    Args:
        note_sequence: times in seconds.
        qpm: the tempo of the performance in quarters per minute.
    """
    starts = np.array([note.start_time for note in note_sequence.notes if note.is_drum])
    span = float(np.ptp(starts)) if starts.size else 0.0
    return float((starts.size - 1) / (span * qpm / 60)) if span > 0 else 0.0

"""Whole pieces for the piano models, which `preprocess/pieces/fragments.py` cuts into batches.

Pieces are 88-key rolls of NoteSequences (`preprocess/piano_rolls.py`) or of the four polyphonic sets, or tokens that a
converter makes of NoteSequences (`preprocess/converters/relative.py`).
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import InputError, shown
from common.wording import number_of
from preprocess.converters.base import Converter
from preprocess.converters.pianoroll import PianorollConverter
from preprocess.dataset import dropped
from preprocess.example_check import read_example
from preprocess.note_sequence import NoteSequence, read_note_sequences
from preprocess.piano_rolls import REPRESENTATIONS, piano_roll
from preprocess.pieces.polyphonic_sets import SPLITS, load_polyphonic_set
from preprocess.tfrecord import expand_patterns, read_records, read_sidecar

QUARTERS_PER_BAR = 4

Keyed = tuple[np.ndarray, np.ndarray | None]
"""Keys, or tokens, of a piece and its velocities where they are known."""


@dataclass(frozen=True)
class Pieces:
    """Pieces in frames, or in tokens.

    Attributes:
        names: where each comes from.
        keys: bool `[frames, 88]` a piece; or int32 tokens `[length]`.
        velocities: float32 `[frames, 88]` a piece, MIDI velocities / 128 where a key is on, of a held key that
            with which it was struck, and 0 elsewhere; None where they are not wanted or not known.
        reasons: how often what was dropped for which reason.
    """

    names: tuple[str, ...]
    keys: list[np.ndarray]
    velocities: list[np.ndarray] | None = None
    reasons: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def lengths(self) -> np.ndarray:
        """Frames of each piece, int64 `[pieces]`."""
        return np.array([len(piece) for piece in self.keys], dtype=np.int64)

    @property
    def are_tokens(self) -> bool:
        """Whether the pieces are tokens."""
        return bool(self.keys) and self.keys[0].ndim == 1

    def some(self, count: int, seed: int = 0) -> "Pieces":
        """A random choice of `count` of them, in their order; all of them if there are no more."""
        if count >= len(self):
            return self
        chosen = np.sort(np.random.default_rng(seed).permutation(len(self))[:count])
        velocities = None if self.velocities is None else [self.velocities[i] for i in chosen]
        return Pieces(
            tuple(self.names[i] for i in chosen), [self.keys[i] for i in chosen], velocities, self.reasons
        )

    def describe(self) -> str:
        """One sentence: how many pieces and frames, and what was dropped."""
        length = number_of(int(self.lengths.sum()), "token" if self.are_tokens else "frame")
        return f"{number_of(len(self), 'piece')}, {length}{dropped(self.reasons)}"


def first_bar(cells: np.ndarray, bar: int) -> int:
    """The first frame of the bar in which the first note of `[frames, keys]` is; the end where all is silent."""
    sounding = np.flatnonzero(cells.any(axis=1))
    return int(sounding[0]) // bar * bar if sounding.size else len(cells)


def load_pieces(
    patterns: str,
    representation: str = "struck",
    steps_per_quarter: int = 4,
    split: str | None = None,
    converter: Converter | None = None,
    with_velocities: bool = False,
    on_record: Callable[[], None] = lambda: None,
) -> Pieces:
    """All pieces of some files.

    A NoteSequence is one piece. Silent bars before its first note are cut off, so that its first frame begins a
    bar; without notes of the 88 keys, or with notes that `piano_roll` refuses, it is dropped for that reason.
    Pieces of a `.mat` file are taken as they are.

    Args:
        patterns: globs separated by commas: TFRecords of NoteSequences, shards of `preprocess_tfrecord` that hold
            whole pieces without velocities, and `.mat` files of the four polyphonic sets, one split of each, as in `JSB_Chorales.mat:test`.
        representation: "struck", the keys struck in a frame; or "sounding", those struck or held, which is all
            that the polyphonic sets know.
        steps_per_quarter: frames of a quarter note of a NoteSequence.
        split: of `.mat` files that name none: "train" (the default), "validation" or "test".
        converter: makes tokens, a piece an example, instead of frames; with it the other
            options of NoteSequences say nothing.
        with_velocities: keep velocities, which only NoteSequences have.
        on_record: called after each record or `.mat` file.

    Raises:
        InputError: where no file matches, one is damaged, a set does not hold what is wanted
            (`no_onsets`, `no_velocities`, `no_tokens`, `bad_split`), or no piece results (`no_pieces`).
        ValueError: for an unknown representation.
    """
    if representation not in REPRESENTATIONS:
        raise ValueError(
            f"There is no representation '{representation}'; expected {', '.join(REPRESENTATIONS)}."
        )
    reader = _Reader(representation, steps_per_quarter, converter, with_velocities, on_record)
    found = [piece for path, part in _files(patterns, split or "train") for piece in reader.read(path, part)]
    reasons = reader.reasons
    if not found:
        counted = ", ".join(f"{r}: {n}" for r, n in reasons.most_common()) or "the files are empty"
        raise InputError(f"{patterns}: gave no piece ({counted}).", "no_pieces")
    keeps_velocities = with_velocities and converter is None
    velocities = [v for _, (_, v) in found if v is not None] if keeps_velocities else None
    return Pieces(
        tuple(name for name, _ in found), [keys for _, (keys, _) in found], velocities, dict(reasons)
    )


@dataclass
class _Reader:
    """Reads pieces, with their names, from a file of any kind; options as in `load_pieces`.

    Attributes:
        reasons: how often what was dropped so far for which reason.
    """

    representation: str
    steps_per_quarter: int
    converter: Converter | None
    with_velocities: bool
    on_record: Callable[[], None]
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def wanted(self) -> str:
        """What only NoteSequences hold, where it is wanted."""
        return "tokens" if self.converter is not None else "velocities" if self.with_velocities else ""

    def read(self, path: Path, split: str) -> list[tuple[str, Keyed]]:
        """The pieces of a file; of a polyphonic set those of a split."""
        if split:
            return self._of_polyphonic_set(path, split)
        sidecar = read_sidecar(path) or {}
        if sidecar.get("kind") == "examples":
            return self._of_shard(path, sidecar)
        return self._of_note_sequences(path)

    def _of_polyphonic_set(self, path: Path, split: str) -> list[tuple[str, Keyed]]:
        """The pieces of a `.mat` file, as they are."""
        if self.wanted:
            raise InputError(f"{path}: holds no {self.wanted}, only which keys sound.", f"no_{self.wanted}")
        if self.representation == "struck":
            raise InputError(
                f"{path}: holds which keys sound, not which are struck; take piano-sounding, or a config file with "
                'representation = "sounding" under [converter].',
                "no_onsets",
            )
        pieces = load_polyphonic_set(path)[split]
        self.on_record()
        return [(f"{path.stem}:{split}#{i}", (piece, None)) for i, piece in enumerate(pieces)]

    def _of_note_sequences(self, path: Path) -> list[tuple[str, Keyed]]:
        """The pieces of a TFRecord of NoteSequences; what can't be used is counted."""
        found = []
        for name, sequence in read_note_sequences(path, self.reasons):
            pieces = (
                self._rolls_of(sequence)
                if self.converter is None
                else self._tokens_of(sequence, self.converter)
            )
            found += [(name, piece) for piece in pieces]
            self.on_record()
        return found

    def _tokens_of(self, sequence: NoteSequence, converter: Converter) -> list[Keyed]:
        examples, reasons = converter.convert(sequence)
        self.reasons += reasons
        return [(example.inputs[: int(example.length)].astype(np.int32), None) for example in examples]

    def _rolls_of(self, sequence: NoteSequence) -> list[Keyed]:
        """The one roll of a piece, from the bar of its first note on; none where it can't be used."""
        try:
            roll = piano_roll(sequence, self.steps_per_quarter)
        except InputError as error:
            self.reasons[error.reason] += 1
            return []
        first = first_bar(roll.onsets, QUARTERS_PER_BAR * self.steps_per_quarter)
        if first == len(roll.onsets):
            self.reasons["no_notes"] += 1
            return []
        cells, velocities = roll.cells(self.representation)
        return [(cells[first:], velocities[first:])]

    def _of_shard(self, path: Path, sidecar: dict[str, Any]) -> list[tuple[str, Keyed]]:
        """The pieces of a shard of `preprocess_tfrecord`, as they are; variants are left out.

        A record that is not a piece is left out and counted among the reasons.
        """
        self.reasons += Counter(sidecar.get("reasons", {}))
        self._check_shard(path, sidecar.get("converter", {}))
        converter = PianorollConverter(self.representation, steps_per_quarter=self.steps_per_quarter)
        found: list[tuple[str, Keyed]] = []
        for record in read_records(path):
            self.on_record()
            try:
                source, variant, example = read_example(record, converter)
            except InputError as error:
                self.reasons[error.reason] += 1
                continue
            if not variant:
                found.append((source, (example.inputs, None)))
        return found

    def _check_shard(self, path: Path, spec: dict[str, Any]) -> None:
        """Raise an InputError where the converter that made a shard gives other pieces than those wanted."""
        made = {"representation": "struck", "steps_per_quarter": 4, "slice_bars": None} | spec
        wanted = {
            "name": "pianoroll",
            "representation": self.representation,
            "steps_per_quarter": self.steps_per_quarter,
            "slice_bars": None,
        }
        if self.wanted or any(made.get(option) != value for option, value in wanted.items()):
            raise InputError(
                f"{path}: was preprocessed with another converter ({shown(spec)}); run preprocess_tfrecord again with "
                "this config, or name the TFRecord of NoteSequences, which alone holds velocities.",
                "other_converter",
            )


def _files(patterns: str, split: str) -> list[tuple[Path, str]]:
    """The files of patterns, each once, with the split to read of a `.mat` file; no split of others."""
    files: list[tuple[Path, str]] = []
    for pattern in filter(None, (p.strip() for p in patterns.split(","))):
        named = re.fullmatch(r"(.*\.mat)(?::([^:/]*))?", pattern)
        part = (named[2] or split) if named else ""
        if part and part not in SPLITS:
            raise InputError(
                f"{pattern}: there is no split '{part}'; expected {', '.join(SPLITS)}.", "bad_split"
            )
        for path in expand_patterns(named[1] if named else pattern):
            is_set = path.suffix == ".mat"
            files.append((path, (part or split) if is_set else ""))
    if not files:
        raise InputError("There is no file to read; name some.", "no_files")
    return list(dict.fromkeys(files))

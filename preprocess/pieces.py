"""Whole pieces for the frame models, and batches of fragments drawn from them.

A frame model predicts each frame of a piece from all those before it. For training, pieces are cut into fragments
that know the frames before them; for evaluation, each is read from its beginning to its end in chunks. Pieces are
88-key rolls of NoteSequences or of the four polyphonic sets (`preprocess/piano.py`), or tokens that a converter
makes of NoteSequences (`preprocess/converters/relative.py`).
"""

import bisect
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from preprocess import piano
from preprocess.converters.base import NO_TOKEN, Converter
from preprocess.converters.pianoroll import REPRESENTATIONS
from preprocess.dataset import dropped, network_type
from preprocess.errors import InputError
from preprocess.example_proto import decode
from preprocess.note_sequence import read_note_sequences
from preprocess.tfrecord import expand_patterns, read_records, read_sidecar

QUARTERS_PER_BAR = 4
Batch = dict[str, np.ndarray]
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
        """So many of them, chosen at random, in their order; all where there are no more."""
        if count >= len(self):
            return self
        chosen = np.sort(np.random.default_rng(seed).permutation(len(self))[:count])
        velocities = None if self.velocities is None else [self.velocities[i] for i in chosen]
        return Pieces(
            tuple(self.names[i] for i in chosen), [self.keys[i] for i in chosen], velocities, self.reasons
        )

    def describe(self) -> str:
        """One sentence: how many pieces and frames, and what was dropped."""
        unit = "tokens" if self.are_tokens else "frames"
        return f"{len(self)} pieces, {self.lengths.sum()} {unit}{dropped(self.reasons)}"


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
        InputError: where no file matches, one is damaged, the sets are asked for what they do not hold
            (`no_onsets`, `no_velocities`, `no_tokens`, `bad_split`), or no piece results (`no_pieces`).
        ValueError: for an unknown representation.
    """
    if representation not in REPRESENTATIONS:
        raise ValueError(
            f"There is no representation '{representation}'; expected {', '.join(REPRESENTATIONS)}."
        )
    names: list[str] = []
    rolls: list[Keyed] = []
    reasons: Counter[str] = Counter()
    wanted = "tokens" if converter is not None else "velocities" if with_velocities else ""
    for path, part in _files(patterns, split or "train"):
        if part:
            _refuse_mat(path, representation, wanted)
            frames = piano.load_frames(path)[part]
            names += [f"{path.stem}:{part}#{i}" for i in range(len(frames))]
            rolls += [(piece, None) for piece in frames]
            on_record()
            continue
        if (read_sidecar(path) or {}).get("kind") == "examples":
            found = _of_shard(path, representation, steps_per_quarter, wanted, on_record)
            names += [name for name, _ in found]
            rolls += [piece for _, piece in found]
            continue
        for name, sequence in read_note_sequences(path):
            if converter is not None:
                examples, dropped = converter.convert(sequence)
                reasons += dropped
                made: list[Keyed] = [(e.inputs[: int(e.length)].astype(np.int32), None) for e in examples]
            else:
                made = _of_note_sequence(sequence, representation, steps_per_quarter, reasons)
            names += [name] * len(made)
            rolls += made
            on_record()
    if not rolls:
        counted = ", ".join(f"{r}: {n}" for r, n in reasons.most_common()) or "the files are empty"
        raise InputError(f"{patterns}: gave no piece ({counted}).", "no_pieces")
    velocities = [v for _, v in rolls if v is not None] if with_velocities and converter is None else None
    return Pieces(tuple(names), [keys for keys, _ in rolls], velocities, dict(reasons))


def _files(patterns: str, split: str) -> list[tuple[Path, str]]:
    """The files of patterns, each once, with the split to read of a `.mat` file; no split of others."""
    files: list[tuple[Path, str]] = []
    for pattern in filter(None, (p.strip() for p in patterns.split(","))):
        named = re.fullmatch(r"(.*\.mat)(?::([^:/]*))?", pattern)
        part = (named[2] or split) if named else ""
        if part and part not in piano.SPLITS:
            raise InputError(
                f"{pattern}: there is no split '{part}'; expected {', '.join(piano.SPLITS)}.", "bad_split"
            )
        for path in expand_patterns(named[1] if named else pattern):
            is_set = path.suffix == ".mat"
            files.append((path, (part or split) if is_set else ""))
    if not files:
        raise InputError("There is no file to read; name some.", "no_files")
    return list(dict.fromkeys(files))


def _refuse_mat(path: Path, representation: str, wanted: str) -> None:
    if wanted:
        raise InputError(f"{path}: holds no {wanted}, only which keys sound.", f"no_{wanted}")
    if representation == "struck":
        raise InputError(
            f"{path}: holds which keys sound, not which are struck; take piano-sounding, or a config file with "
            'representation = "sounding" under [converter].',
            "no_onsets",
        )


def _of_note_sequence(
    sequence: Any, representation: str, steps_per_quarter: int, reasons: Counter[str]
) -> list[Keyed]:
    """Keys and velocities of a piece; nothing, and a reason counted, where it can't be used."""
    try:
        roll = piano.piano_roll(sequence, steps_per_quarter)
    except InputError as error:
        reasons[error.reason] += 1
        return []
    first = first_bar(roll.onsets, QUARTERS_PER_BAR * steps_per_quarter)
    if first == len(roll.onsets):
        reasons["no_notes"] += 1
        return []
    cells, velocities = roll.cells(representation)
    return [(cells[first:], velocities[first:])]


def _of_shard(
    path: Path, representation: str, steps_per_quarter: int, wanted: str, on_record: Callable[[], None]
) -> list[tuple[str, Keyed]]:
    """The pieces of a shard of `preprocess_tfrecord`, as they are, with their names; variants are left out."""
    spec = (read_sidecar(path) or {}).get("converter", {})
    kept = {"representation": "struck", "steps_per_quarter": 4, "slice_bars": None} | spec
    asked = {"name": "pianoroll", "representation": representation, "steps_per_quarter": steps_per_quarter}
    if wanted or any(kept.get(key) != value for key, value in (asked | {"slice_bars": None}).items()):
        raise InputError(
            f"{path}: was preprocessed with another converter ({spec}); run preprocess_tfrecord again with this "
            "config, or name the TFRecord of NoteSequences, which alone holds velocities.",
            "other_converter",
        )
    found: list[tuple[str, Keyed]] = []
    for record in read_records(path):
        source, variant, example = decode(record)
        if not variant:
            found.append((source, (example.inputs.astype(bool), None)))
        on_record()
    return found


def fragments(
    pieces: Pieces,
    chosen: np.ndarray,
    starts: np.ndarray,
    stops: np.ndarray,
    length: int,
    history: int,
    semitones: np.ndarray | None = None,
) -> Batch:
    """Fragments of pieces as the frame models take them.

    A model reads the frames s - 1 to s + n - 2 of a piece and predicts s to s + n - 1. Frames before a piece, and
    those from a fragment's end to `length`, are zeros, tokens NO_TOKEN.

    Args:
        pieces: what is cut.
        chosen: the piece of each fragment, int `[batch]`; -1 for a row of nothing.
        starts: s, int `[batch]`.
        stops: s + n, int `[batch]`; not above s where there is nothing left to predict.
        length: no fragment is longer.
        history: so many frames before s - 1 are given as `past`.
        semitones: how far each is moved up, int `[batch]`; what would leave the keyboard is left out.

    Returns:
        `keys`: uint8 `[batch, length, 88]`, or `tokens`: int32 `[batch, length]`. `before`: the frame s - 1,
        `[batch, 88]` or `[batch]`. `past`: the frames s - 1 - history to s - 2, oldest first, `[batch, history,
        ...]`, where history is not 0. `lengths`: n, int32 `[batch]`. `position`: s, int32 `[batch]`. And of
        pieces with velocities, float32, `velocities` `[batch, length, 88]` and `velocity_before` `[batch, 88]`.
    """
    semitones = np.zeros(len(starts), np.int64) if semitones is None else semitones
    rows = list(zip(chosen.tolist(), starts.tolist(), stops.tolist(), semitones.tolist(), strict=True))
    frames = _windows(pieces.keys, rows, length, history)
    batch = {
        "tokens" if pieces.are_tokens else "keys": frames[:, history + 1 :],
        "before": frames[:, history],
    }
    if history:
        batch["past"] = frames[:, :history]
    if pieces.velocities is not None:
        velocities = _windows(pieces.velocities, rows, length, 0)
        batch |= {"velocities": velocities[:, 1:], "velocity_before": velocities[:, 0]}
    lengths = np.maximum(stops - starts, 0).astype(np.int32)
    return batch | {"lengths": lengths, "position": starts.astype(np.int32)}


def _windows(
    pieces: list[np.ndarray], rows: list[tuple[int, int, int, int]], length: int, history: int
) -> np.ndarray:
    """The frames s - 1 - history to s + length - 1 of each row, `[rows, history + 1 + length, ...]`."""
    kind = network_type(pieces[0][:0]).dtype
    nothing = NO_TOKEN if pieces[0].ndim == 1 else 0
    frames = np.full((len(rows), history + 1 + length, *pieces[0].shape[1:]), nothing, kind)
    for row, (piece, start, stop, semitones) in zip(frames, rows, strict=True):
        first = start - 1 - history
        begin = max(0, first)
        found = pieces[piece][begin:stop] if piece >= 0 else pieces[0][:0]
        row[begin - first :][: len(found)] = (
            piano.transpose(found, semitones, drop=True) if semitones else found
        )
    return frames


class FragmentBatches:
    """Batches of fragments, each a function of (seed, step).

    An epoch goes through all frames of all pieces once, in fragments in a random order. Each piece is cut at a random
    frame from 1 to `length`, and from there into fragments of that length; so a frame is seen at every place of a
    fragment in the course of training. Each fragment is transposed by a random number of semitones that keeps all
    notes of its piece on the keyboard. The last batch of an epoch is filled up from the next one.

    Args:
        pieces: what is cut.
        length: frames of a fragment.
        history: frames that are given beside it (`fragments`).
        batch_size: fragments of a batch.
        seed: of cuts, order and transpositions.
        transpose: smallest and largest number of semitones, both included, 0 among them.

    Raises:
        ValueError: without pieces, for sizes that are not positive, or a transposition that is not possible: a
            range without 0, or any of tokens.
    """

    def __init__(
        self,
        pieces: Pieces,
        length: int,
        history: int,
        batch_size: int,
        seed: int,
        transpose: tuple[int, int] = (0, 0),
    ):
        if not len(pieces) or not pieces.lengths.any():
            raise ValueError("There is no piece to draw from.")
        if min(length, batch_size) < 1 or history < 0:
            raise ValueError("length and batch_size must be at least 1, history at least 0.")
        low, high = transpose
        if not low <= 0 <= high:
            raise ValueError(f"Transpositions must be a range around 0, not {low} to {high}.")
        if pieces.are_tokens and (low or high):
            raise ValueError("Tokens are not transposed.")
        self.pieces, self.length, self.history = pieces, length, history
        self.batch_size, self.seed = batch_size, seed
        possible = [piano.transpositions(p) if low or high else range(1) for p in pieces.keys]
        self._lowest = np.array([max(low, r.start) for r in possible])
        self._highest = np.array([min(high, r.stop - 1) for r in possible])
        self._lengths = pieces.lengths
        self._begins = [0]  # of each epoch, in fragments; their number differs with the cuts
        self._epochs: dict[int, np.ndarray] = {}

    def _cuts(self, epoch: int) -> tuple[np.random.Generator, np.ndarray, np.ndarray]:
        """What an epoch draws from further, the first cut of each piece and its number of fragments."""
        rng = np.random.default_rng([self.seed, epoch])
        cuts = np.minimum(rng.integers(1, self.length + 1, len(self._lengths)), self._lengths)
        return rng, cuts, (self._lengths > 0) - (cuts - self._lengths) // self.length

    def _epoch(self, epoch: int) -> np.ndarray:
        """Piece, start, stop and transposition of the fragments of an epoch in their order, int64 `[fragments, 4]`.

        The last two epochs asked for are remembered.
        """
        if epoch not in self._epochs:
            rng, cuts, counts = self._cuts(epoch)
            pieces = np.repeat(np.arange(len(counts)), counts)
            number = np.arange(len(pieces)) - np.repeat(np.cumsum(counts) - counts, counts)
            stops = cuts[pieces] + number * self.length
            starts = np.where(number > 0, stops - self.length, 0)
            stops = np.minimum(stops, self._lengths[pieces])
            semitones = rng.integers(self._lowest[pieces], self._highest[pieces] + 1)
            rows = np.stack([pieces, starts, stops, semitones], axis=1)
            self._epochs = {k: v for k, v in self._epochs.items() if k == epoch - 1}
            self._epochs[epoch] = rng.permutation(rows)
        return self._epochs[epoch]

    def batch(self, step: int) -> Batch:
        """The batch of a step, from 0, as `fragments` gives it."""
        parts: list[np.ndarray] = []
        position, wanted = step * self.batch_size, self.batch_size
        while wanted:
            while self._begins[-1] <= position:
                self._begins.append(self._begins[-1] + int(self._cuts(len(self._begins) - 1)[2].sum()))
            epoch = bisect.bisect_right(self._begins, position) - 1
            offset = position - self._begins[epoch]
            parts.append(self._epoch(epoch)[offset : offset + wanted])
            position += len(parts[-1])
            wanted -= len(parts[-1])
        pieces, starts, stops, semitones = np.concatenate(parts).T
        return fragments(self.pieces, pieces, starts, stops, self.length, self.history, semitones)


def chunks(pieces: Pieces, length: int, batch_size: int, history: int = 0) -> Iterator[list[Batch]]:
    """All pieces from beginning to end, for a model that carries its state from chunk to chunk.

    Pieces of similar length are read side by side, the longest first.

    Args:
        pieces: what is read.
        length: frames of a chunk.
        batch_size: pieces of a group.
        history: frames that are given beside each chunk, for a model that carries no state.

    Yields:
        For each group of pieces its batches in the order of time, as `fragments` gives them, with the number of
        the piece in each row as `pieces`, int32 `[batch]`. All batches are of one shape: rows without a piece have
        -1, and where a piece is over the length is 0.
    """
    lengths = pieces.lengths
    order = np.argsort(-lengths, kind="stable")
    for i in range(0, len(order), batch_size):
        chosen = np.full(batch_size, -1)
        chosen[: len(order[i : i + batch_size])] = order[i : i + batch_size]
        ends = np.where(chosen >= 0, lengths[chosen], 0)
        group = []
        for start in range(0, int(ends.max()), length):
            starts = np.full(batch_size, start)
            stops = np.minimum(ends, start + length)
            batch = fragments(pieces, chosen, starts, stops, length, history)
            group.append(batch | {"pieces": chosen.astype(np.int32)})
        yield group

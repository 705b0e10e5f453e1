"""TFRecords of NoteSequences, or preprocessed shards, to arrays in memory and batches drawn from them.

Everything is parsed once; a batch is a few array look-ups. Which examples a batch holds is a function of
(seed, step) alone, so that training resumes exactly where it stopped.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from preprocess.converters.base import Converter, Example
from preprocess.errors import InputError
from preprocess.note_sequence import NoteSequence
from preprocess.tfrecord import expand_patterns, read_records, read_sidecar


@dataclass(frozen=True)
class ExampleSet:
    """All examples of a data set, padded to one length.

    Attributes:
        tokens: int32 `[examples, steps]`, zeros behind each end.
        lengths: int32 `[examples]`.
        sources: int32 `[examples]`, which NoteSequence each comes from.
        source_names: the NoteSequences' file names or ids.
        reasons: how often what was dropped for which reason.
    """

    tokens: np.ndarray
    lengths: np.ndarray
    sources: np.ndarray
    source_names: tuple[str, ...]
    reasons: dict[str, int]

    def __len__(self) -> int:
        return len(self.tokens)

    def describe(self) -> str:
        """One sentence: how many examples from how many sources, and what was dropped."""
        used = len(np.unique(self.sources))
        text = f"{len(self)} examples from {used} of {len(self.source_names)} NoteSequences"
        dropped = ", ".join(
            f"{reason} {n}" for reason, n in sorted(self.reasons.items(), key=lambda r: -r[1])
        )
        return text + (f" (dropped: {dropped})" if dropped else "")


class ExampleCollector:
    """Gathers examples source by source into an ExampleSet.

    Args:
        max_steps: longer examples are cut.
    """

    def __init__(self, max_steps: int):
        self.max_steps = max_steps
        self.examples: list[tuple[np.ndarray, int]] = []
        self.names: list[str] = []
        self.reasons: Counter[str] = Counter()
        self._shard_sources: dict[str, int] = {}

    def add(self, name: str, examples: list[Example], reasons: Counter[str]) -> None:
        """Add what one NoteSequence gave."""
        self.examples += [(e.inputs[: self.max_steps], len(self.names)) for e in examples]
        self.names.append(name)
        self.reasons += reasons

    def add_from_shard(self, name: str, example: Example) -> None:
        """Add one example; what has the same name is one source, in whichever shards it lies."""
        if name not in self._shard_sources:
            self._shard_sources[name] = len(self.names)
            self.names.append(name)
        self.examples.append((example.inputs[: self.max_steps], self._shard_sources[name]))

    def result(self) -> ExampleSet:
        """The set of all that was added."""
        tokens = np.zeros((len(self.examples), self.max_steps), dtype=np.int32)
        lengths = np.zeros(len(self.examples), dtype=np.int32)
        for i, (example, _) in enumerate(self.examples):
            tokens[i, : len(example)] = example
            lengths[i] = len(example)
        sources = np.array([source for _, source in self.examples], dtype=np.int32)
        return ExampleSet(tokens, lengths, sources, tuple(self.names), dict(self.reasons))


def load_examples(
    patterns: str,
    converter: Converter,
    spec: dict[str, Any],
    max_steps: int,
    on_record: Callable[[], None] = lambda: None,
) -> ExampleSet:
    """All examples of some TFRecord files.

    Args:
        patterns: globs separated by commas; NoteSequence TFRecords or shards of `preprocess_tfrecord`.
        converter: makes examples of NoteSequences.
        spec: the converter's plain data, which preprocessed shards must have been made with.
        max_steps: the length that examples are padded or cut to.
        on_record: called after each record.

    Raises:
        InputError: where a file is damaged, shards were made for another config, or no example results
            (`no_examples`, with the reasons).
    """
    collector = ExampleCollector(max_steps)
    paths = expand_patterns(patterns)
    for path in paths:
        sidecar = read_sidecar(path) or {}
        if sidecar.get("kind") == "examples":
            _load_shard(path, sidecar, spec, collector, on_record)
        else:
            _load_note_sequences(path, converter, collector, on_record)
    examples = collector.result()
    if not len(examples):
        counted = ", ".join(f"{r}: {n}" for r, n in collector.reasons.most_common()) or "the files are empty"
        raise InputError(
            f"{patterns}: {len(collector.names)} NoteSequences gave no example ({counted}).", "no_examples"
        )
    return examples


def _load_note_sequences(
    path: Path, converter: Converter, collector: ExampleCollector, on_record: Callable[[], None]
) -> None:
    for i, record in enumerate(read_records(path)):
        try:
            sequence = NoteSequence.FromString(record)
        except Exception as error:  # noqa: BLE001 - protobuf's DecodeError, wherever its version keeps it
            raise InputError(f"{path}: record {i} is not a NoteSequence ({error}).", "bad_record") from error
        examples, reasons = converter.convert(sequence)
        collector.add(sequence.filename or sequence.id or f"{path.name}#{i}", examples, reasons)
        on_record()


def _load_shard(
    path: Path,
    sidecar: dict[str, Any],
    spec: dict[str, Any],
    collector: ExampleCollector,
    on_record: Callable[[], None],
) -> None:
    from preprocess.example_proto import decode

    if sidecar.get("converter") != spec:
        raise InputError(
            f"{path}: was preprocessed with another converter ({sidecar.get('converter')}); "
            f"run preprocess_tfrecord again with this config.",
            "other_converter",
        )
    for record in read_records(path):
        source, tokens = decode(record)
        collector.add_from_shard(source, Example(tokens, tokens, None, len(tokens)))
        on_record()
    collector.reasons += Counter(sidecar.get("reasons", {}))


class Batches:
    """Batches of a set, each a function of (seed, step).

    An epoch goes through the set once in a fresh order. Where `max_per_source` is given it first chooses so many
    examples of each source anew, which is what Magenta's `max_tensors_per_notesequence` means to do (its cache
    keeps the first choice for ever). The last batch of an epoch is filled up from the next one, so that every
    batch is full, also where it is larger than the set.

    Args:
        examples: the set.
        batch_size: examples a batch.
        seed: of the order.
        max_per_source: examples of a source an epoch; None for all.
    """

    def __init__(self, examples: ExampleSet, batch_size: int, seed: int, max_per_source: int | None = None):
        self.examples = examples
        self.batch_size = batch_size
        self.seed = seed
        self.max_per_source = max_per_source
        self._orders: dict[int, np.ndarray] = {}
        self.epoch_size = len(self._order(0))

    def _order(self, epoch: int) -> np.ndarray:
        """The examples of an epoch in their order; the last two epochs asked for are remembered."""
        if epoch not in self._orders:
            rng = np.random.default_rng([self.seed, epoch])
            order = rng.permutation(len(self.examples))
            if self.max_per_source:
                # The rank of each example among those of its source, in the order just drawn.
                sources = self.examples.sources[order]
                by_source = np.argsort(sources, kind="stable")
                counts = np.bincount(sources)
                first = np.repeat(np.cumsum(counts) - counts, counts)
                rank = np.empty(len(order), dtype=np.int64)
                rank[by_source] = np.arange(len(order)) - first
                order = order[rank < self.max_per_source]
            self._orders = {k: v for k, v in self._orders.items() if k == epoch - 1}
            self._orders[epoch] = order
        return self._orders[epoch]

    def batch(self, step: int) -> dict[str, np.ndarray]:
        """The batch of a step, from 0: `tokens` int32 `[batch, steps]` and `lengths` int32 `[batch]`."""
        chosen: list[np.ndarray] = []
        position, wanted = step * self.batch_size, self.batch_size
        while wanted:
            epoch, offset = divmod(position, self.epoch_size)
            part = self._order(epoch)[offset : offset + wanted]
            chosen.append(part)
            position += len(part)
            wanted -= len(part)
        index = np.concatenate(chosen)
        return {"tokens": self.examples.tokens[index], "lengths": self.examples.lengths[index]}

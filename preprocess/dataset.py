"""TFRecords of NoteSequences, or preprocessed shards, to arrays in memory and batches drawn from them.

Everything is parsed once; a batch is a few array look-ups. A record that can't be used is left out and counted with its
reason; a file whose framing or checksums are damaged is refused, since nothing after the damage can be trusted. Which
examples a batch holds is a function of (seed, step) alone, so that training resumes exactly where it stopped. If training
varies its music (transposition, random note dropout), all variants are made beforehand and each epoch chooses among them.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import InputError, shown
from common.wording import number_of
from preprocess.augment import Augmenter
from preprocess.converters.base import Converter, Example
from preprocess.example_check import read_example
from preprocess.example_forms import NO_TOKEN
from preprocess.midi.tempo_map import at_one_tempo
from preprocess.note_sequence import NoteSequence, read_note_sequences
from preprocess.tfrecord import expand_patterns, read_records, read_sidecar

RANDOM_DRAWS = 8
"""Variants that a converter with a random part makes of a NoteSequence."""


@dataclass(frozen=True)
class ExampleSet:
    """All examples of a data set, padded to one length.

    Attributes:
        inputs: `[examples, steps]` or `[examples, steps, depth]`; tokens or numbers, as the converter has them.
        outputs: the same for what the decoder plays; None where it plays what the encoder reads.
        controls: boolean `[examples, steps, control_depth]`, or None.
        lengths: int32 `[examples]`, or `[examples, segments]`.
        sources: int32 `[examples]`, which NoteSequence each comes from.
        variants: int32 `[examples]`, which variant of it; 0 is the NoteSequence as it is.
        step_seconds: float32 `[examples]`, length of a step as it was played; 0 where that is not kept.
        source_names: the NoteSequences' file names or ids.
        reasons: how often what was dropped for which reason.
    """

    inputs: np.ndarray
    lengths: np.ndarray
    sources: np.ndarray
    source_names: tuple[str, ...]
    reasons: dict[str, int]
    outputs: np.ndarray | None = None
    controls: np.ndarray | None = None
    variants: np.ndarray | None = None
    step_seconds: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    def batch(self, index: np.ndarray | slice) -> dict[str, np.ndarray]:
        """The examples of an index or slice as a model takes them: int32 tokens, float32 numbers."""
        arrays = {"inputs": self.inputs, "outputs": self.outputs, "controls": self.controls}
        batch = {name: network_type(x[index]) for name, x in arrays.items() if x is not None}
        return batch | {"lengths": self.lengths[index]}

    def describe(self) -> str:
        """One sentence: how many examples from how many sources, and what was dropped."""
        used = len(np.unique(self.sources))
        text = f"{number_of(len(self), 'example')} from {used} of {number_of(len(self.source_names), 'NoteSequence')}"
        if self.variants is not None and self.variants.max(initial=0) > 0:
            text += f" in {number_of(int(self.variants.max()) + 1, 'variant')}"
        return text + dropped(self.reasons)


def dropped(reasons: Mapping[str, int]) -> str:
    """What was dropped for which reason, the commonest first, for the end of a sentence; "" for nothing."""
    counted = ", ".join(f"{reason} {n}" for reason, n in sorted(reasons.items(), key=lambda r: -r[1]))
    return f" (dropped: {counted})" if counted else ""


def network_type(x: np.ndarray) -> np.ndarray:
    """Tokens as int32, numbers as float32, bits as uint8."""
    if x.dtype == np.bool_:
        return x.astype(np.uint8)
    return x.astype(np.int32 if np.issubdtype(x.dtype, np.integer) else np.float32)


def padded(x: np.ndarray, steps: int) -> np.ndarray:
    """An example's array cut or padded to a number of steps: tokens as int32 with NO_TOKEN, others with 0."""
    tokens = np.issubdtype(x.dtype, np.integer)
    x = x[:steps].astype(np.int32) if tokens else x[:steps]
    missing = [(0, steps - len(x))] + [(0, 0)] * (x.ndim - 1)
    return np.pad(x, missing, constant_values=NO_TOKEN if tokens else 0)


class ExampleCollector:
    """Gathers examples source by source into an ExampleSet.

    Args:
        max_steps: longer examples are cut.
    """

    def __init__(self, max_steps: int):
        self.max_steps = max_steps
        self.columns: dict[str, list[Any]] = {
            name: []
            for name in ("inputs", "outputs", "controls", "lengths", "sources", "variants", "step_seconds")
        }
        self.same = True
        self.names: list[str] = []
        self.reasons: Counter[str] = Counter()
        self.first_refused = ""
        self._shard_sources: dict[str, int] = {}

    def add(self, name: str, versions: list[list[Example]], reasons: Counter[str]) -> None:
        """Add what one NoteSequence gave, variant by variant."""
        for variant, examples in enumerate(versions):
            for example in examples:
                self._append(example, len(self.names), variant)
        self.names.append(name)
        self.reasons += reasons

    def refuse(self, place: str, reason: str) -> None:
        """Count a record that is not an example of the converter.

        Args:
            place: its file and number.
            reason: a code, as of `preprocess.example_check`.
        """
        self.reasons[reason] += 1
        self.first_refused = self.first_refused or f"{place} is the first that can't be used ({reason})."

    def add_from_shard(self, name: str, example: Example, variant: int) -> None:
        """Add one example; what has the same name is one source, in whichever shards it lies."""
        if name not in self._shard_sources:
            self._shard_sources[name] = len(self.names)
            self.names.append(name)
        self._append(example, self._shard_sources[name], variant)

    def _append(self, example: Example, source: int, variant: int) -> None:
        length = np.minimum(example.length, self.max_steps)
        self.same &= example.outputs is example.inputs
        row = (
            example.inputs,
            example.outputs,
            example.controls,
            length,
            source,
            variant,
            example.step_seconds,
        )
        for column, value in zip(self.columns.values(), row, strict=True):
            column.append(value)

    def result(self) -> ExampleSet:
        """The set of all that was added."""
        columns = self.columns

        def stacked(name: str) -> np.ndarray:
            return np.stack([padded(x, self.max_steps) for x in columns[name]])

        if not columns["inputs"]:
            nothing = np.zeros(0, np.int32)
            return ExampleSet(nothing, nothing, nothing, tuple(self.names), dict(self.reasons))
        return ExampleSet(
            inputs=stacked("inputs"),
            outputs=None if self.same else stacked("outputs"),
            controls=None if columns["controls"][0] is None else stacked("controls"),
            lengths=np.array(columns["lengths"], dtype=np.int32),
            sources=np.array(columns["sources"], dtype=np.int32),
            variants=np.array(columns["variants"], dtype=np.int32),
            step_seconds=np.array(columns["step_seconds"], dtype=np.float32),
            source_names=tuple(self.names),
            reasons=dict(self.reasons),
        )


def convert_versions(
    note_sequence: NoteSequence, converter: Converter, augmenter: Augmenter | None, rng: np.random.Generator
) -> tuple[list[list[Example]], Counter[str]]:
    """The examples of a NoteSequence as it is, then of each variant of it; and what was dropped as it is.

    Args:
        note_sequence: is not changed.
        converter: makes the examples.
        augmenter: makes the variants; without one, and without a random part of the converter, there are none.
        rng: what variants draw from.
    """
    examples, reasons = converter.convert(note_sequence)
    versions = [examples]
    if augmenter is not None:
        try:
            others = augmenter.variants(note_sequence, rng)
        except InputError as error:
            # What can't be varied is music all the same.
            return versions, reasons + Counter([error.reason])
        versions += [converter.convert(other, rng)[0] for other in others]
    elif converter.is_random:
        versions += [converter.convert(note_sequence, rng)[0] for _ in range(RANDOM_DRAWS)]
    return versions, reasons


def load_examples(
    patterns: str,
    converter: Converter,
    spec: dict[str, Any],
    max_steps: int,
    on_record: Callable[[], None] = lambda: None,
    augmenter: Augmenter | None = None,
    training: bool = False,
) -> ExampleSet:
    """All examples of some TFRecord files.

    Args:
        patterns: globs separated by commas; NoteSequence TFRecords or shards of `preprocess_tfrecord`.
        converter: makes examples of NoteSequences.
        spec: the converter's plain data, which preprocessed shards must have been made with.
        max_steps: the length that examples are padded or cut to.
        on_record: called after each record.
        augmenter: makes variants of NoteSequences, for training.
        training: whether variants are wanted at all.

    Raises:
        InputError: where a file is damaged, shards were made for another config, or no example results
            (`no_examples`, with the reasons).
    """
    collector = ExampleCollector(max_steps)
    paths = expand_patterns(patterns)
    for path in paths:
        sidecar = read_sidecar(path) or {}
        if sidecar.get("kind") == "examples":
            _load_shard(path, sidecar, spec, converter, collector, training, on_record)
        else:
            for name, versions, reasons in _convert_file(
                path, converter, augmenter, training, collector.reasons
            ):
                collector.add(name, versions, reasons)
                on_record()
    examples = collector.result()
    if not len(examples):
        counted = ", ".join(f"{r}: {n}" for r, n in collector.reasons.most_common()) or "the files are empty"
        first = f" {collector.first_refused}" if collector.first_refused else ""
        sources = (
            f"{number_of(len(collector.names), 'NoteSequence')} gave" if collector.names else "the files hold"
        )
        raise InputError(f"{patterns}: {sources} no example ({counted}).{first}", "no_examples")
    return examples


def _convert_file(
    path: Path, converter: Converter, augmenter: Augmenter | None, training: bool, unreadable: Counter[str]
) -> Iterator[tuple[str, list[list[Example]], Counter[str]]]:
    for i, (name, written) in enumerate(read_note_sequences(path, unreadable)):
        sequence = at_one_tempo(written)
        if training:
            versions, reasons = convert_versions(sequence, converter, augmenter, np.random.default_rng([i]))
        else:
            examples, reasons = converter.convert(sequence)
            versions = [examples]
        yield name, versions, reasons


def _load_shard(
    path: Path,
    sidecar: dict[str, Any],
    spec: dict[str, Any],
    converter: Converter,
    collector: ExampleCollector,
    training: bool,
    on_record: Callable[[], None],
) -> None:
    """Gather a shard's examples; a record that is none of the converter's is left out and counted.

    Raises:
        InputError: where the shard was made by another converter, or the file is damaged.
    """
    if sidecar.get("converter") != spec:
        raise InputError(
            f"{path}: was preprocessed with another converter ({shown(sidecar.get('converter'))}); "
            "run preprocess_tfrecord again with this config.",
            "other_converter",
        )
    for i, record in enumerate(read_records(path)):
        on_record()
        try:
            source, variant, example = read_example(record, converter)
        except InputError as error:
            collector.refuse(f"{path}: record {i}", error.reason)
            continue
        if training or not variant:
            collector.add_from_shard(source, example, variant)
    collector.reasons += Counter(sidecar.get("reasons", {}))


class Batches:
    """Batches of a set, each a function of (seed, step).

    An epoch goes through the set once in an order of its own. It first chooses one variant of each source that has
    several, and at most `max_per_source` examples of each source. (Magenta's augmenter and `max_tensors_per_notesequence`
    mean to choose for each epoch, too, but its cache keeps the first choice for ever.) The last batch of an epoch is
    filled up from the next one, so that every batch is full, even if it is larger than the set.

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
        variants = examples.variants
        self._variants = 1 if variants is None else int(variants.max(initial=0)) + 1
        # Sources lose different numbers of examples by transposition, so epochs differ in size; each is cut or
        # filled up to the first one's.
        self.epoch_size = len(self._order(0))

    def _order(self, epoch: int) -> np.ndarray:
        """The examples of an epoch in their order; the last two epochs asked for are remembered."""
        if epoch not in self._orders:
            rng = np.random.default_rng([self.seed, epoch])
            order = everything = rng.permutation(len(self.examples))
            if self._variants > 1:
                chosen = rng.integers(0, self._variants, len(self.examples.source_names))
                variants = self.examples.variants
                assert variants is not None, "counted from them"
                order = order[variants[order] == chosen[self.examples.sources[order]]]
                # Few sources may all lack the variants chosen for them.
                order = order if len(order) else everything
            if self.max_per_source:
                # The rank of each example among those of its source, in the order just drawn.
                sources = self.examples.sources[order]
                by_source = np.argsort(sources, kind="stable")
                counts = np.bincount(sources)
                first = np.repeat(np.cumsum(counts) - counts, counts)
                rank = np.empty(len(order), dtype=np.int64)
                rank[by_source] = np.arange(len(order)) - first
                order = order[rank < self.max_per_source]
            if epoch:
                order = np.resize(order, self.epoch_size)
            self._orders = {k: v for k, v in self._orders.items() if k == epoch - 1}
            self._orders[epoch] = order
        return self._orders[epoch]

    def batch(self, step: int) -> dict[str, np.ndarray]:
        """The batch of a step, from 0, as `ExampleSet.batch` gives it."""
        chosen: list[np.ndarray] = []
        position, wanted = step * self.batch_size, self.batch_size
        while wanted:
            epoch, offset = divmod(position, self.epoch_size)
            part = self._order(epoch)[offset : offset + wanted]
            chosen.append(part)
            position += len(part)
            wanted -= len(part)
        return self.examples.batch(np.concatenate(chosen))

"""The examples in given files, with a progress bar and a line that says what there is."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from catalog.config import Config
from common.console import progress
from common.errors import InputError
from common.wording import number_of
from preprocess import dataset
from preprocess.augment import Augmenter
from preprocess.converters.drums import DrumsConverter
from preprocess.dataset import ExampleSet
from preprocess.drums.windows import DrumWindows, windows_of
from preprocess.midi.tempo_map import at_one_tempo
from preprocess.note_sequence import read_note_sequences
from preprocess.pieces import pieces
from preprocess.pieces.fragments import chunks
from preprocess.pieces.pieces import Pieces
from preprocess.tfrecord import expand_patterns, read_sidecar

PIECES_AT_ONCE = 32
"""Held-out pieces of a batch."""


def load_examples(patterns: str, config: Config, training: bool = False) -> ExampleSet:
    """The examples of some TFRecords.

    Args:
        patterns: globs separated by commas.
        config: says the converter, and how training varies its music.
        training: whether to make the variants.

    Raises:
        InputError: as `preprocess.dataset.load_examples`.
    """
    augmenter = Augmenter(**config.augmenter) if training and config.augmenter else None
    with progress("Reading examples", _records(patterns)) as advance:
        examples = dataset.load_examples(
            patterns,
            config.build_converter(),
            config.converter_spec,
            config.hparams.max_seq_len,
            advance,
            augmenter,
            training,
        )
    print(f"{patterns}: {examples.describe()}")
    return examples


def load_windows(patterns: str, config: Config) -> DrumWindows:
    """The drum clips of some TFRecords of NoteSequences, with what came before each.

    Args:
        patterns: globs separated by commas.
        config: of a history drum model.

    Raises:
        InputError: for preprocessed shards, and where there is no clip.
    """
    converter = config.build_converter()
    assert isinstance(converter, DrumsConverter), "history drum models have no other"
    reasons: Counter[str] = Counter()
    with progress("Reading examples", _records(patterns)) as advance:
        sequences = _whole_sequences(patterns, config.name, reasons, advance)
        found = windows_of(sequences, converter)
    print(
        f"{patterns}: {number_of(len(found), 'clip')}, and {number_of(len(found.fills), 'fill')} to end clips with{dataset.dropped(reasons)}."
    )
    return found


def _whole_sequences(
    patterns: str, name: str, reasons: Counter[str], advance: Callable[[], None]
) -> Iterator[Any]:
    """NoteSequences at one tempo; what can't be read is counted in `reasons`."""
    for path in expand_patterns(patterns):
        if (read_sidecar(path) or {}).get("kind") == "examples":
            raise InputError(
                f"{path}: holds clips alone, and {name} also hears what came before them; give it the "
                "TFRecord of NoteSequences.",
                "shards",
            )
        for _, sequence in read_note_sequences(path, reasons):
            advance()
            yield at_one_tempo(sequence)


def load_pieces(patterns: str, config: Config, split: str) -> Pieces:
    """The pieces of some TFRecords or polyphonic sets.

    Args:
        patterns: globs separated by commas; a polyphonic set may name its split, as in `JSB_Chorales.mat:test`.
        config: of a piano model.
        split: of polyphonic sets that name none.

    Raises:
        InputError: as `preprocess.pieces.pieces.load_pieces`.
    """
    converter = config.build_converter()
    tokens = config.decoder.get("form") == "tokens"
    with progress("Reading pieces", _records(patterns)) as advance:
        found = pieces.load_pieces(
            patterns,
            config.converter.get("representation", "struck"),
            converter.steps_per_quarter,
            split,
            converter if tokens else None,
            config.decoder.get("velocities") is not None,
            advance,
        )
    print(f"{patterns}: {found.describe()}")
    return found


def groups_of(
    found: Pieces, config: Config, batch_size: int = PIECES_AT_ONCE
) -> list[list[dict[str, np.ndarray]]]:
    """Chunks of whole pieces in order, as `models.piano.evaluation` takes them."""
    return list(chunks(found, config.hparams.max_seq_len, min(batch_size, len(found))))


def _records(patterns: str) -> int:
    """How many records the sidecars of some TFRecords promise."""
    records = ",".join(p for p in patterns.split(",") if ".mat" not in p)
    paths = expand_patterns(records) if records else []
    return sum((read_sidecar(path) or {}).get("count", 0) for path in paths)

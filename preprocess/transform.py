"""From one NoteSequence to training examples, as `preprocess_tfrecord` makes them: checks, filters, converter."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from preprocess.augment import Augmenter
from preprocess.converters import create
from preprocess.converters.base import Example
from preprocess.dataset import convert_versions
from preprocess.example_proto import encode
from preprocess.midi.tempo_map import at_one_tempo
from preprocess.note_sequence import NoteSequence, reason_to_refuse


@dataclass(frozen=True)
class Filters:
    """Which NoteSequences are worth converting: Magenta's `--enable_filtering`.

    Attributes:
        max_total_time: seconds.
        max_num_notes: notes.
        min_velocities: different velocities; played music has many.
        min_metric_positions: different positions of onsets among the sixteen of a quarter note.
        is_drum: look at the velocities and positions of drums (True), of others (False) or of all notes (None).
        drums_only: drop a sequence that holds anything but drums.
    """

    max_total_time: float = 1800.0
    max_num_notes: int = 10000
    min_velocities: int = 1
    min_metric_positions: int = 1
    is_drum: bool | None = None
    drums_only: bool = False

    def reason_to_drop(self, sequence: NoteSequence) -> str:
        """A reason code, or "" for one that is kept."""
        if sequence.total_time > self.max_total_time:
            return "too_long"
        if len(sequence.notes) > self.max_num_notes:
            return "too_many_notes"
        if self.drums_only and not all(n.is_drum for n in sequence.notes):
            return "not_only_drums"
        notes = [n for n in sequence.notes if n.velocity and self.is_drum in (None, n.is_drum)]
        if len({n.velocity for n in notes}) < self.min_velocities:
            return "too_few_velocities"
        sixteen_a_second = (sequence.tempos[0].qpm if sequence.tempos else 120.0) / 60 * 16
        positions = {int(n.start_time * sixteen_a_second + 0.5) % 16 for n in notes}
        if len(positions) < self.min_metric_positions:
            return "too_few_metric_positions"
        return ""


_WANT_DRUMS = {"drums": True, "groove": True, "melody": False, "pianoroll": False, "relative": False}
"""Converters that read drums only, and those that read no drums."""


def _missing(sequence: NoteSequence, converter: str | None) -> str:
    """`no_notes`, `no_drums` or `only_drums` where a NoteSequence has none of the notes that a converter reads."""
    drums = sum(note.is_drum for note in sequence.notes)
    if not sequence.notes:
        return "no_notes"
    if converter in _WANT_DRUMS and drums == (0 if _WANT_DRUMS[converter] else len(sequence.notes)):
        return "no_drums" if _WANT_DRUMS[converter] else "only_drums"
    return ""


@dataclass(frozen=True)
class Transform:
    """From one serialised NoteSequence to serialised examples; the same for the local pool and for Beam.

    Attributes:
        converter: the converter's plain data.
        filters: or None to convert everything.
        max_examples: the most examples of a NoteSequence, evenly spaced; None for all.
        augmenter: the augmenter's plain data, for the variants that training chooses from; None for none.
        at_one_tempo: find examples in bars, whatever the tempo does (`preprocess.midi.tempo_map.at_one_tempo`); otherwise
            a new stretch, and with it a new bar, begins wherever the tempo changes, as Magenta has it.
    """

    converter: dict[str, Any]
    filters: Filters | None
    max_examples: int | None = None
    augmenter: dict[str, Any] | None = None
    at_one_tempo: bool = True

    def __call__(self, record: bytes) -> tuple[list[bytes], Counter[str]]:
        """The examples, and the reasons if there are none. Raises nothing, whatever the record holds."""
        try:
            sequence = NoteSequence.FromString(record)
        except Exception:  # noqa: BLE001 - protobuf's DecodeError, wherever its version keeps it
            return [], Counter(["bad_record"])
        reason = reason_to_refuse(sequence)
        if not reason and self.filters is not None:
            reason = self.filters.reason_to_drop(sequence)
        if reason:
            return [], Counter([reason])
        try:
            records, reasons = self._convert(
                at_one_tempo(sequence) if self.at_one_tempo else sequence, record
            )
        except (ArithmeticError, IndexError, KeyError, MemoryError, TypeError, ValueError):
            # A converter should know better; one odd record must not end a run of hours.
            return [], Counter(["converter_failed"])
        if records:
            return records, reasons
        missing = _missing(sequence, self.converter.get("name"))
        return [], Counter([missing]) if missing else reasons or Counter(["empty"])

    def _convert(self, sequence: NoteSequence, record: bytes) -> tuple[list[bytes], Counter[str]]:
        # A NoteSequence without a name is told from others by what it holds.
        digest = hashlib.sha256(record)
        name = sequence.filename or sequence.id or digest.hexdigest()
        converter = create(self.converter)
        if self.augmenter is None:
            examples, reasons = converter.convert(sequence)
            versions = [examples]
        else:
            augmenter = Augmenter(**self.augmenter) if self.augmenter else None
            rng = np.random.default_rng(int.from_bytes(digest.digest()[:8], "big"))
            versions, reasons = convert_versions(sequence, converter, augmenter, rng)
        records = [
            encode(name, example, variant)
            for variant, found in enumerate(versions)
            for example in self._some(found)
        ]
        return records, reasons

    def _some(self, examples: list[Example]) -> list[Example]:
        """At most `max_examples` of them, evenly spaced."""
        if not self.max_examples or len(examples) <= self.max_examples:
            return examples
        step = len(examples) / self.max_examples
        return [examples[int(i * step)] for i in range(self.max_examples)]

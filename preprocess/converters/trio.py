"""Trios as three integers a step: a melody's token, a bass's, and the drums'.

The counterpart of Magenta's `TrioConverter` (music_vae/data.py), with the same examples of a NoteSequence.
Its instruments are melodies, basses or drums by their MIDI program, each is encoded from beginning to end as
`melody.py` and `drums.py` do, and a window slides by bars over every three of them that play together.
"""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from preprocess.converters.base import Converter, Example, dense_controls, one_hot
from preprocess.converters.drums import DrumsConverter
from preprocess.converters.melody import MelodyConverter, MelodyNotes
from preprocess.converters.segments import Conditioning, Dropped, Segment, Steps, quantize, split
from preprocess.note_sequence import NoteSequence

MELODY_PROGRAMS = range(32)
BASS_PROGRAMS = range(32, 40)
OUTPUT_BASS_PROGRAM = 33
OUTPUT_BASS_INSTRUMENT = 1
INSTRUMENTS = 128

_MELODY, _BASS, _DRUMS, _OTHER = range(4)


class TrioConverter(Converter):
    """NoteSequences to tokens of melody, bass and drums, and back.

    Args:
        slice_bars: bars of an example.
        gap_bars: bars for which an instrument may be silent before and after it plays.
        max_bars: music is cut after this many bars, before slicing.
        steps_per_quarter: steps of a quarter note.
        quarters_per_bar: quarter notes of a bar; music in another meter is dropped. (The original gives
            nothing for any number but 4.)
        max_tensors_per_notesequence: the most examples of a NoteSequence that an epoch takes; None for all.
        chord_encoding: condition on chords, "triad" (49 of them) or "major_minor" (25); None for not.
        condition_on_key: condition on the key too, one of 12. Chords and keys that a NoteSequence lacks are
            inferred.

    Raises:
        ValueError: for an unknown chord encoding, or sizes that are not positive.
    """

    slice_bars: int
    input_form = "multi_one_hot"
    output_form = "multi_one_hot"
    dtype = np.int16

    def __init__(
        self,
        slice_bars: int,
        gap_bars: int = 2,
        max_bars: int = 1024,
        steps_per_quarter: int = 4,
        quarters_per_bar: int = 4,
        max_tensors_per_notesequence: int | None = 5,
        chord_encoding: str | None = None,
        condition_on_key: bool = False,
    ):
        if slice_bars < 1 or max_bars < 1 or gap_bars < 0:
            raise ValueError("slice_bars and max_bars must be at least 1, gap_bars at least 0.")
        self.slice_bars = slice_bars
        self.gap_bars = gap_bars
        self.max_bars = max_bars
        self.steps_per_quarter = steps_per_quarter
        self.steps_per_bar = steps_per_quarter * quarters_per_bar
        self.max_tensors_per_notesequence = max_tensors_per_notesequence
        self.conditioning = Conditioning(chord_encoding, condition_on_key)
        self.control_depth = self.conditioning.depth
        # Only whole instruments are encoded; the window is slid over all three at once.
        grid: dict[str, Any] = {"steps_per_quarter": steps_per_quarter, "quarters_per_bar": quarters_per_bar}
        self._melody = MelodyConverter(gap_bars=None, pad_to_total_time=True, **grid)
        self._drums = DrumsConverter(gap_bars=None, pad_to_total_time=True, **grid)
        self.pitch_classes = self._drums.pitch_classes
        melody_depth = self._melody.output_depth
        self.output_depths = (melody_depth, melody_depth, self._drums.output_depth)
        self.input_depth = self.output_depth = sum(self.output_depths)

    def convert(
        self, note_sequence: NoteSequence, rng: np.random.Generator | None = None, inference: bool = False
    ) -> tuple[list[Example], Counter[str]]:
        """All examples, and how often a stretch of music was dropped for which reason.

        The reasons: `empty`, `other_meter`, `bad_time_signature`, `bad_tempo`, `negative_time`, `no_trio`
        where melody, bass or drums are lacking, `too_short`, `not_together`; with chords or keys those of
        `MelodyConverter`.
        """
        examples: list[Example] = []
        reasons: Counter[str] = Counter()
        notes = MelodyNotes.of(note_sequence)
        drum_bits = self._drums.drum_bits(note_sequence)
        segments = list(split(note_sequence, True, reasons))
        sources = self.conditioning.sources(note_sequence, segments, True)
        for segment, source in zip(segments, sources, strict=True):
            try:
                examples += self._convert_segment(segment, notes, drum_bits, source)
            except Dropped as dropped:
                reasons[dropped.reason] += 1
        if not segments and not reasons:
            reasons["empty"] += 1
        return examples, reasons

    def _convert_segment(
        self, segment: Segment, notes: MelodyNotes, drum_bits: np.ndarray, source: NoteSequence | None
    ) -> list[Example]:
        steps = quantize(segment, self.steps_per_quarter, self.steps_per_bar)
        bars = min(-(-steps.total // self.steps_per_bar), self.max_bars)
        if segment.qpm <= 0:
            raise Dropped("bad_tempo")
        kinds = _kinds(notes, segment.notes)
        if not {_MELODY, _BASS, _DRUMS} <= set(kinds.values()):
            raise Dropped("no_trio")
        if bars < self.slice_bars:
            raise Dropped("too_short")
        total = bars * self.steps_per_bar
        whole = dataclasses.replace(segment, total_time=total * 60 / segment.qpm / self.steps_per_quarter)
        tokens = self._instruments(whole, notes, drum_bits, kinds)
        played = self._played_bars(steps, notes.instruments[segment.notes], bars)
        slices = list(self._slices(tokens, kinds, self._bridged(played)))
        if not slices:
            raise Dropped("not_together")
        controls = None if source is None else self._controls(source, whole.total_time, total)
        examples = []
        for first, window in slices:
            part = None if controls is None else controls[first : first + len(window)]
            examples.append(Example(inputs=window, outputs=window, controls=part, length=len(window)))
        return examples

    def _instruments(
        self, segment: Segment, notes: MelodyNotes, drum_bits: np.ndarray, kinds: dict[int, int]
    ) -> dict[int, np.ndarray]:
        """The tokens of each melody, bass and drums from the first step to the last, where it has any."""
        steps = round(segment.total_time * segment.qpm / 60 * self.steps_per_quarter)
        tokens = {}
        for instrument, kind in kinds.items():
            if kind == _OTHER:
                continue
            part = segment.select(notes.instruments[segment.notes] == instrument)
            try:
                if kind == _DRUMS:
                    whole = self._drums.convert_segment(part, drum_bits[part.notes])[0].inputs
                else:
                    whole = self._melody.tracks(part, notes)[0].tokens
            except Dropped:
                continue
            tokens[instrument] = whole[:steps].astype(self.dtype)
        return tokens

    def _played_bars(self, steps: Steps, instruments: np.ndarray, bars: int) -> np.ndarray:
        """In which bars each instrument sounds, bool `[bars, 128]`."""
        played = np.zeros((bars, INSTRUMENTS), dtype=bool)
        first = steps.starts // self.steps_per_bar
        end = -(-steps.ends // self.steps_per_bar)
        kept = (instruments >= 0) & (instruments < INSTRUMENTS)
        for i, j, instrument in np.unique(np.stack([first, end, instruments])[:, kept], axis=1).T:
            played[i:j, instrument] = True
        return played

    def _bridged(self, played: np.ndarray) -> np.ndarray:
        """The same with `gap_bars` more before and after each bar."""
        bridged = np.empty_like(played)
        for bar in range(len(played)):
            bridged[bar] = played[max(0, bar - self.gap_bars) : bar + self.gap_bars + 1].any(axis=0)
        return bridged

    def _slices(
        self, tokens: dict[int, np.ndarray], kinds: dict[int, int], bridged: np.ndarray
    ) -> Iterator[tuple[int, np.ndarray]]:
        """First step and tokens `[steps, 3]` of each window in which the three of a trio play."""
        by_kind = [[i for i in sorted(tokens) if kinds[i] == kind] for kind in (_MELODY, _BASS, _DRUMS)]
        gap, size = self.gap_bars, self.slice_bars
        for trio in itertools.product(*by_kind):
            covered = np.asarray(bridged[:, trio].all(axis=1))
            # At both ends one that plays is enough, so that slices give the same slices again. With no gap
            # the last line means all bars, as it does in the original.
            covered[:gap] = bridged[:gap, trio].any()
            covered[-gap:] = bridged[-gap:, trio].any()
            together = np.stack([tokens[i] for i in trio], axis=1)
            for bar in range(len(bridged) - size + 1):
                if covered[bar : bar + size].all():
                    first = bar * self.steps_per_bar
                    yield first, together[first : first + size * self.steps_per_bar]

    def _controls(self, source: NoteSequence, total_time: float, steps: int) -> np.ndarray:
        """Chords and keys of all steps of a stretch, bool `[steps, control_depth]`."""
        quantized, inferred = self.conditioning.quantize(source, self.steps_per_quarter)
        if inferred:
            chord = type(source).TextAnnotation.CHORD_SYMBOL
            for annotation in quantized.text_annotations:
                if annotation.annotation_type == chord:
                    source.text_annotations.add(
                        annotation_type=chord, time=annotation.time, text=annotation.text
                    )
            for key in quantized.key_signatures:
                source.key_signatures.add(time=key.time, key=key.key)
        source.total_time = total_time
        del source.notes[:]
        quantized, _ = self.conditioning.quantize(source, self.steps_per_quarter)
        return self.conditioning.encode(*self.conditioning.marks(quantized, steps))

    def to_dense(self, example: Example) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Magenta's boolean input, output and control tensors of an example, `[steps, depth]` each."""
        parts = [one_hot(example.inputs[:, i], depth) for i, depth in enumerate(self.output_depths)]
        dense = np.concatenate(parts, axis=1)
        return dense, dense, dense_controls(example)

    def from_tensors(
        self, samples: Sequence[np.ndarray], controls: Sequence[np.ndarray] | None = None
    ) -> list[NoteSequence]:
        """A NoteSequence at 120 quarters a minute for each sample: piano, electric bass and drums.

        Args:
            samples: integer tokens `[steps, 3]`, or dense outputs `[steps, output_depth]`.
            controls: for each sample `[steps, control_depth]`; its chords and keys are written down.
        """
        sequences = []
        for i, sample in enumerate(samples):
            melody, bass, drums = self._parts(np.asarray(sample))
            (sequence,) = self._melody.from_tensors([melody])
            if controls is not None and self.control_depth:
                self.conditioning.annotate(sequence, np.asarray(controls[i]), self._melody.seconds_per_step)
            (bass_sequence,) = self._melody.from_tensors([bass])
            (drum_sequence,) = self._drums.from_tensors([drums])
            for note in bass_sequence.notes:
                note.instrument = OUTPUT_BASS_INSTRUMENT
                note.program = OUTPUT_BASS_PROGRAM
            for other in (bass_sequence, drum_sequence):
                sequence.notes.extend(other.notes)
                sequence.total_time = max(sequence.total_time, other.total_time)
            sequences.append(sequence)
        return sequences

    def _parts(self, sample: np.ndarray) -> list[np.ndarray]:
        """The tokens of melody, bass and drums of a sample; NO_TOKEN, like a row of zeros, is nothing."""
        if sample.shape[-1] == len(self.output_depths):
            return list(np.maximum(sample, 0).T)
        bounds = np.cumsum(self.output_depths)[:-1]
        return [np.argmax(part, axis=-1) for part in np.split(sample, bounds, axis=-1)]


def _kinds(notes: MelodyNotes, here: np.ndarray) -> dict[int, int]:
    """Whether each instrument of the notes `here` is a melody, a bass, drums, or something else."""
    programs, instruments = notes.programs[here], notes.instruments[here]
    kind = np.full(len(here), _OTHER)
    kind[np.isin(programs, MELODY_PROGRAMS)] = _MELODY
    kind[np.isin(programs, BASS_PROGRAMS)] = _BASS
    kind[notes.drums[here]] = _DRUMS
    kinds = {}
    for instrument in np.unique(instruments):
        if 0 <= instrument < INSTRUMENTS:
            several = np.unique(kind[instruments == instrument])
            kinds[int(instrument)] = int(several[0]) if len(several) == 1 else _OTHER
    return kinds

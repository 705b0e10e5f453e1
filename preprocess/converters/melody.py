"""Melodies as one integer a step: 0 holds what sounds, 1 ends it, 2 and more begin a pitch.

The counterpart of Magenta's `OneHotMelodyConverter` (music_vae/data.py) and of the `extract_melodies` behind
it, with the same options and the same examples of a NoteSequence: each instrument's highest line, cut where a
bar or more is silent, from the bar of its first note to the end of the bar of its last; a window slides over
it by bars. The order is that of first appearance (the original's follows Python's hashing). Chords and keys,
which some models are conditioned on, come from note_seq, which is imported only then.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from preprocess.converters.base import Converter, Example, dense_controls, one_hot
from preprocess.converters.segments import (
    DEFAULT_QPM,
    Conditioning,
    Dropped,
    Segment,
    Steps,
    note_field,
    quantize,
    split,
)
from preprocess.note_sequence import NoteSequence

NO_EVENT = 0
NOTE_OFF = 1
FIRST_PITCH = 2
"""The token of the lowest pitch."""

OUTPUT_VELOCITY = 80


@dataclass(frozen=True)
class MelodyNotes:
    """What counts of a NoteSequence's notes, arrays `[notes]`; drums and notes of velocity 0 don't sound."""

    pitches: np.ndarray
    programs: np.ndarray
    instruments: np.ndarray
    drums: np.ndarray
    sounding: np.ndarray

    @classmethod
    def of(cls, note_sequence: NoteSequence) -> "MelodyNotes":
        drums = note_field(note_sequence, "is_drum") != 0
        return cls(
            pitches=note_field(note_sequence, "pitch"),
            programs=note_field(note_sequence, "program"),
            instruments=note_field(note_sequence, "instrument"),
            drums=drums,
            sounding=~drums & (note_field(note_sequence, "velocity") != 0),
        )


@dataclass(frozen=True)
class Track:
    """A line of tokens `[steps]` and the step of the stretch at which it begins."""

    first: int
    tokens: np.ndarray


class MelodyConverter(Converter):
    """NoteSequences to melody tokens and back.

    Args:
        min_pitch, max_pitch: MIDI pitches that are modelled, both included; other notes are ignored.
        valid_programs: MIDI programs whose notes count; all where it is None.
        skip_polyphony: leave out what an instrument plays from the melody on in which two notes begin
            together; otherwise the highest of them counts.
        max_bars: melodies are cut after this many bars, before slicing.
        slice_bars: bars of an example; whole melodies where it is None.
        gap_bars: silent bars that end a melody; None or 0 for never.
        steps_per_quarter: steps of a quarter note.
        quarters_per_bar: quarter notes of a bar; music in another meter is dropped.
        add_end_token: mark the end by one more token.
        pad_to_total_time: pad each melody to the length of the whole sequence.
        max_tensors_per_notesequence: the most examples of a NoteSequence that an epoch takes; None for all.
        presplit_on_time_changes: split where tempo or time signature changes; otherwise such music is
            dropped.
        chord_encoding: condition on chords, "triad" (49 of them) or "major_minor" (25); None for not.
        condition_on_key: condition on the key too, one of 12. Chords and keys that a NoteSequence lacks are
            inferred.
        dedupe_event_lists: keep each distinct slice once.
        shorter_bars: take music in bars, too, of which several make one (2/4); the original drops it.

    Raises:
        ValueError: for pitches outside 0..127, an unknown chord encoding, or sizes that are not positive.
    """

    input_form = "one_hot"
    output_form = "one_hot"
    dtype = np.uint8

    def __init__(
        self,
        min_pitch: int = 21,
        max_pitch: int = 108,
        valid_programs: Collection[int] | None = None,
        skip_polyphony: bool = False,
        max_bars: int | None = None,
        slice_bars: int | None = None,
        gap_bars: float | None = 1.0,
        steps_per_quarter: int = 4,
        quarters_per_bar: int = 4,
        add_end_token: bool = False,
        pad_to_total_time: bool = False,
        max_tensors_per_notesequence: int | None = 5,
        presplit_on_time_changes: bool = True,
        chord_encoding: str | None = None,
        condition_on_key: bool = False,
        dedupe_event_lists: bool = True,
        shorter_bars: bool = False,
    ):
        if not 0 <= min_pitch <= max_pitch <= 127:
            raise ValueError(f"Pitches must be between 0 and 127, not {min_pitch} to {max_pitch}.")
        if steps_per_quarter < 1 or quarters_per_bar < 1:
            raise ValueError("steps_per_quarter and quarters_per_bar must be at least 1.")
        self.min_pitch = min_pitch
        self.max_pitch = max_pitch
        self.valid_programs = None if valid_programs is None else tuple(valid_programs)
        self.skip_polyphony = skip_polyphony
        self.max_bars = max_bars
        self.slice_bars = slice_bars
        self.gap_bars = gap_bars
        self.steps_per_quarter = steps_per_quarter
        self.steps_per_bar = steps_per_quarter * quarters_per_bar
        self.pad_to_total_time = pad_to_total_time
        self.max_tensors_per_notesequence = max_tensors_per_notesequence
        self.presplit_on_time_changes = presplit_on_time_changes
        self.dedupe_event_lists = dedupe_event_lists
        self.shorter_bars = shorter_bars
        self.conditioning = Conditioning(chord_encoding, condition_on_key)
        self.control_depth = self.conditioning.depth
        classes = max_pitch - min_pitch + 1 + FIRST_PITCH
        self.end_token = classes if add_end_token else None
        self.input_depth = self.output_depth = classes + add_end_token
        self.output_depths = (self.output_depth,)

    def convert(
        self, note_sequence: NoteSequence, rng: np.random.Generator | None = None, inference: bool = False
    ) -> tuple[list[Example], Counter[str]]:
        """All distinct examples, and how often a stretch of music was dropped for which reason.

        `other_programs` counts the stretches of which instruments were left out that are not of `valid_programs` (a
        violin is none of Magenta's melodies), whether others gave examples or not. The other reasons: `empty`,
        `other_meter`, `bad_time_signature`, `time_changes`, `negative_time`, `bad_note` (it ends before it begins),
        `no_melody`, `polyphonic`, `too_short`; with chords or keys `no_chords`
        (none could be inferred), `coincident_chords`, `bad_chord` and `bad_key`.
        """
        examples: list[Example] = []
        reasons: Counter[str] = Counter()
        notes = MelodyNotes.of(note_sequence)
        segments = list(split(note_sequence, self.presplit_on_time_changes, reasons))
        sources = self.conditioning.sources(note_sequence, segments, self.presplit_on_time_changes)
        for segment, source in zip(segments, sources, strict=True):
            reasons["other_programs"] += self._leaves_out(notes, segment)
            try:
                examples += self._convert_segment(segment, notes, source)
            except Dropped as dropped:
                reasons[dropped.reason] += 1
        if not segments and not reasons:
            reasons["empty"] += 1
        return examples, +reasons

    def _leaves_out(self, notes: MelodyNotes, segment: Segment) -> bool:
        """Whether an instrument of a stretch is left out for its program alone."""
        if self.valid_programs is None:
            return False
        here = segment.notes
        played = notes.sounding[here] & (notes.pitches[here] >= self.min_pitch)
        played &= notes.pitches[here] <= self.max_pitch
        return bool(played.any() and not np.isin(notes.programs[here][played], self.valid_programs).all())

    def _convert_segment(
        self, segment: Segment, notes: MelodyNotes, source: NoteSequence | None
    ) -> list[Example]:
        tracks = self.tracks(segment, notes)
        slices = [piece for track in tracks for piece in self._slices(track)]
        if not slices:
            raise Dropped("too_short")
        if source is None:  # nothing to condition on
            unique = {s.tokens.tobytes(): s for s in slices} if self.dedupe_event_lists else None
            return [self._example(s.tokens, None) for s in (unique.values() if unique else slices)]
        # Note by note the same as the segment's: both are sorted by time.
        valid = self._valid(notes)[segment.notes]
        kept = [n for n, chosen in zip(source.notes, valid, strict=True) if chosen]
        del source.notes[:]
        source.notes.extend(kept)
        quantized, _ = self.conditioning.quantize(source, self.steps_per_quarter)
        marks, figures = self.conditioning.marks(quantized, max(s.first + len(s.tokens) for s in slices))
        pairs = [(s.tokens, marks[s.first : s.first + len(s.tokens)]) for s in slices]
        if self.dedupe_event_lists:
            # By the chords' names, of which several may be one class: so does the original.
            pairs = list({(t.tobytes(), m.tobytes()): (t, m) for t, m in pairs}.values())
        return [self._example(t, self.conditioning.encode(m, figures)) for t, m in pairs]

    def _example(self, tokens: np.ndarray, controls: np.ndarray | None) -> Example:
        if self.end_token is not None:
            tokens = np.append(tokens, self.dtype(self.end_token))
            # The last chord again, so that it does not tell the decoder that the end has come.
            controls = controls if controls is None else np.concatenate([controls, controls[-1:]])
        return Example(inputs=tokens, outputs=tokens, controls=controls, length=len(tokens))

    def _valid(self, notes: MelodyNotes) -> np.ndarray:
        valid = (notes.pitches >= self.min_pitch) & (notes.pitches <= self.max_pitch)
        if self.valid_programs is not None:
            valid &= np.isin(notes.programs, self.valid_programs)
        return valid

    def tracks(self, segment: Segment, notes: MelodyNotes) -> list[Track]:
        """The melodies of a stretch, instrument by instrument.

        Raises:
            Dropped: where there are none.
        """
        segment = segment.select(self._valid(notes)[segment.notes])
        quantized = quantize(segment, self.steps_per_quarter, self.steps_per_bar, self.shorter_bars)
        pitches, sounding = notes.pitches[segment.notes], notes.sounding[segment.notes]
        instruments = notes.instruments[segment.notes]
        tracks: list[Track] = []
        for instrument in np.unique(instruments):
            mine = np.flatnonzero(instruments == instrument)
            # The highest of those that begin together comes first.
            mine = mine[np.lexsort((-pitches[mine], quantized.starts[mine]))]
            audible = mine[sounding[mine]]
            steps = Steps(quantized.starts[audible], quantized.ends[audible], quantized.total)
            tracks += self._instrument_tracks(quantized.starts[mine], steps, pitches[audible])
        if not tracks:
            raise Dropped("polyphonic" if self.skip_polyphony and sounding.any() else "no_melody")
        return [self._padded(t, quantized.total) for t in tracks] if self.pad_to_total_time else tracks

    def _instrument_tracks(self, anything: np.ndarray, steps: Steps, pitches: np.ndarray) -> Iterator[Track]:
        """Melodies between silences of `gap_bars`, each a whole number of bars.

        A melody begins with the bar of its first note, bars being counted from the end of the melody before;
        notes that don't sound (`anything` has the starts of all) count there too, as in the original.
        """
        together = steps.starts[1:][np.diff(steps.starts) == 0]
        alone = np.diff(steps.starts, prepend=-1) != 0
        starts, ends, pitches = steps.starts[alone], steps.ends[alone], pitches[alone]
        if (ends <= starts).any():
            raise Dropped("bad_note")
        gap = self.gap_bars * self.steps_per_bar if self.gap_bars else np.inf
        breaks = np.append(np.flatnonzero(starts[1:] - ends[:-1] >= gap) + 1, len(starts))
        search = 0
        while (i := int(np.searchsorted(starts, search))) < len(starts):
            j = int(breaks[np.searchsorted(breaks, i + 1)])
            if self.skip_polyphony and ((together >= starts[i]) & (together <= starts[j - 1])).any():
                return
            earliest = int(anything[np.searchsorted(anything, search)])
            first = earliest - (earliest - search) % self.steps_per_bar
            tokens = self._tokens_between(starts[i:j] - first, ends[i:j] - first, pitches[i:j])
            search = first + len(tokens)
            if self.max_bars:
                tokens = tokens[: self.max_bars * self.steps_per_bar]
            if (tokens >= FIRST_PITCH).any():
                yield Track(first, tokens)

    def _tokens_between(self, starts: np.ndarray, ends: np.ndarray, pitches: np.ndarray) -> np.ndarray:
        """The tokens of notes, up to a whole bar; a note ends where the next one begins, if not before."""
        length = int(ends[-1])
        tokens = np.zeros(length + -length % self.steps_per_bar, dtype=self.dtype)
        tokens[ends[:-1][ends[:-1] < starts[1:]]] = NOTE_OFF
        tokens[starts] = pitches - self.min_pitch + FIRST_PITCH
        tokens[length : length + 1] = NOTE_OFF
        return tokens

    def _padded(self, track: Track, total: int) -> Track:
        """A melody as long as the stretch; what sounds at its end is ended."""
        tokens = np.concatenate([np.zeros(track.first, self.dtype), track.tokens])
        padded = np.zeros(total, self.dtype)
        padded[: len(tokens)] = tokens[:total]
        if total > len(tokens) and tokens[np.flatnonzero(tokens)[-1]] >= FIRST_PITCH:
            padded[len(tokens)] = NOTE_OFF
        return Track(0, padded)

    def _slices(self, track: Track) -> Iterator[Track]:
        if not self.slice_bars:
            yield track
            return
        size = self.steps_per_bar * self.slice_bars
        for i in range(0, len(track.tokens) - size + 1, self.steps_per_bar):
            tokens = track.tokens[i : i + size].copy()
            # There is nothing to end before the first note.
            begun = np.flatnonzero(tokens >= FIRST_PITCH)
            tokens[: begun[0] if begun.size else size] = NO_EVENT
            yield Track(track.first + i, tokens)

    def to_dense(self, example: Example) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Magenta's boolean input, output and control tensors of an example, `[steps, depth]` each."""
        dense = one_hot(example.inputs, self.output_depth)
        return dense, dense, dense_controls(example)

    def from_tensors(
        self, samples: Sequence[np.ndarray], controls: Sequence[np.ndarray] | None = None
    ) -> list[NoteSequence]:
        """A NoteSequence at 120 quarters a minute for each sample.

        Args:
            samples: integer tokens `[steps]`, or dense outputs `[steps, output_depth]`. What follows an end
                token is left out; NO_TOKEN, like a row of zeros, holds what sounds.
            controls: for each sample `[steps, control_depth]`; its chords and keys are written down. (Without
                keys the original reads only the first `control_depth - 12` chords and takes others for none.)
        """
        sequences = []
        for i, sample in enumerate(samples):
            array = np.asarray(sample)
            tokens = (np.argmax(array, axis=-1) if array.ndim == 2 else array).tolist()
            if self.end_token is not None and self.end_token in tokens:
                tokens = tokens[: tokens.index(self.end_token)]
            sequence = self._to_note_sequence(tokens)
            if controls is not None and self.control_depth:
                self.conditioning.annotate(
                    sequence, np.asarray(controls[i])[: len(tokens)], self.seconds_per_step
                )
            sequences.append(sequence)
        return sequences

    @property
    def seconds_per_step(self) -> float:
        """Length of a step of what `from_tensors` gives."""
        return 60.0 / DEFAULT_QPM / self.steps_per_quarter

    def _to_note_sequence(self, tokens: list[int]) -> NoteSequence:
        sequence = NoteSequence(ticks_per_quarter=220)
        sequence.tempos.add(qpm=DEFAULT_QPM)
        seconds = self.seconds_per_step
        sounding = None
        for step, token in enumerate([*tokens, NOTE_OFF]):
            if token < NOTE_OFF:
                continue
            if sounding is not None:
                sounding.end_time = step * seconds
                sounding = None
            if token >= FIRST_PITCH:
                pitch = token - FIRST_PITCH + self.min_pitch
                sounding = sequence.notes.add(
                    pitch=pitch, velocity=OUTPUT_VELOCITY, start_time=step * seconds
                )
        if sequence.notes:
            sequence.total_time = sequence.notes[-1].end_time
        return sequence

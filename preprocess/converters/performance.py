"""Music of several instruments as one stream of note events for each, chunk by chunk.

The counterpart of Magenta's `MultiInstrumentPerformanceConverter` (music_vae/data_hierarchical.py), which its
hier-multiperf models read and play, with all its options and the same tokens. An example is a grid of chunks,
instruments and events, written one after another; what is not used of it is NO_TOKEN. Instruments of one
program are in the order of their numbers (the original's follows Python's hashing).
"""

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from note_seq import (
    chord_symbols_lib,
    chords_encoder_decoder,
    chords_lib,
    sequences_lib,
)
from note_seq.performance_lib import MetricPerformance, PerformanceEvent

from preprocess.converters.base import Converter, Example, dense_controls, one_hot
from preprocess.converters.segments import Conditioning, Dropped
from preprocess.example_forms import NO_TOKEN
from preprocess.note_sequence import NoteSequence, reason_to_refuse

OUTPUT_QPM = 120.0
DRUM_PROGRAM = 128  # "drums", after the MIDI programs
MAX_SHIFT_QUARTERS = 4
NO_CHORD_TOKEN = 0


class MultiInstrumentPerformanceConverter(Converter):
    """NoteSequences to event tokens of several instruments and back.

    The tokens: a pitch begins, a pitch ends, time passes (1 step to 4 quarter notes), the velocity changes,
    the instrument's program (129 of them, the last one drums; it comes first), the end.

    Args:
        num_velocity_bins: values of velocity; 0 for none.
        max_tensors_per_notesequence: the most examples of a NoteSequence that an epoch takes; None for all.
        hop_size_bars: bars of an example.
        chunk_size_bars: bars of a chunk; `hop_size_bars` is a multiple of it.
        steps_per_quarter: steps of a quarter note.
        quarters_per_bar: quarter notes of a bar; music in another meter is dropped.
        min_num_instruments, max_num_instruments: examples with fewer or more instruments are dropped.
        min_total_events: examples with fewer events in all are dropped.
        max_events_per_instrument: tokens of an instrument and chunk, program and end among them; examples
            with more are dropped.
        min_pitch, max_pitch: examples with notes outside of these MIDI pitches are dropped.
        first_subsequence_only: only music that is no longer than one example.
        chord_encoding: "triad" or "major_minor": controls hold the chord at each token, inferred where the
            music has no chord symbols. None for no controls.
        drop_tracks_and_truncate: leave out instruments at random and events at the end instead of dropping
            examples with too many. Without a random generator the first instruments stay.

    Raises:
        ValueError: for an unknown chord encoding, or sizes that don't go together.
    """

    input_form = output_form = "one_hot"

    def __init__(
        self,
        num_velocity_bins: int = 0,
        max_tensors_per_notesequence: int | None = None,
        hop_size_bars: int = 1,
        chunk_size_bars: int = 1,
        steps_per_quarter: int = 24,
        quarters_per_bar: int = 4,
        min_num_instruments: int = 2,
        max_num_instruments: int = 8,
        min_total_events: int = 8,
        max_events_per_instrument: int = 64,
        min_pitch: int = 0,
        max_pitch: int = 127,
        first_subsequence_only: bool = False,
        chord_encoding: str | None = None,
        drop_tracks_and_truncate: bool = False,
    ):
        if min(hop_size_bars, chunk_size_bars, steps_per_quarter, quarters_per_bar, max_num_instruments) < 1:
            raise ValueError("Bars, steps, quarters and max_num_instruments must be at least 1.")
        if hop_size_bars % chunk_size_bars:
            raise ValueError("hop_size_bars must be a multiple of chunk_size_bars.")
        if max_events_per_instrument < 3:
            raise ValueError("max_events_per_instrument must be at least 3: program, an event and end.")
        if not 0 <= min_pitch <= max_pitch <= 127 or not 0 <= num_velocity_bins <= 127:
            raise ValueError(
                "min_pitch, max_pitch and num_velocity_bins must be between 0 and 127, in order."
            )
        self._quarters_of_example = quarters_per_bar * hop_size_bars
        self._conditioning = Conditioning(chord_encoding, condition_on_key=False)
        self.num_velocity_bins = num_velocity_bins
        self.max_tensors_per_notesequence = max_tensors_per_notesequence
        self.steps_per_quarter = steps_per_quarter
        self.steps_per_bar = steps_per_quarter * quarters_per_bar
        self.slice_bars = hop_size_bars
        self.chunk_steps = self.steps_per_bar * chunk_size_bars
        self.max_num_chunks = hop_size_bars // chunk_size_bars
        self.min_num_instruments, self.max_num_instruments = min_num_instruments, max_num_instruments
        self.min_total_events = min_total_events
        self.max_events_per_instrument = max_events_per_instrument
        self.min_pitch, self.max_pitch = min_pitch, max_pitch
        self.first_subsequence_only = first_subsequence_only
        self.chord_encoding = chord_encoding
        self.drop_tracks_and_truncate = drop_tracks_and_truncate

        pitches = max_pitch - min_pitch + 1
        velocity = 2 * pitches + MAX_SHIFT_QUARTERS * steps_per_quarter
        # The first token and the smallest value of PerformanceEvent's types 1 to 4: on, off, shift, velocity.
        self._events = {1: (0, min_pitch), 2: (pitches, min_pitch), 3: (2 * pitches, 1), 4: (velocity, 1)}
        self.program_token = velocity + num_velocity_bins
        self._end = self.program_token + DRUM_PROGRAM + 1
        self.end_token = self._end
        self.input_depth = self.output_depth = self._end + 1
        self.output_depths = (self.output_depth,)
        self.control_depth = self._conditioning.depth
        self.segments = self.max_num_chunks * max_num_instruments
        self._size = (self.max_num_chunks, max_num_instruments, max_events_per_instrument)
        self.is_random = drop_tracks_and_truncate

    @property
    def most_steps(self) -> int:
        """Tokens of an example."""
        return self.segments * self.max_events_per_instrument

    def bars_of(self, rows: int) -> int:
        """The bars of an example: its rows are events, which last as long as they say."""
        return self.max_num_chunks * self.chunk_steps // self.steps_per_bar

    def convert(
        self, note_sequence: NoteSequence, rng: np.random.Generator | None = None, inference: bool = False
    ) -> tuple[list[Example], Counter[str]]:
        """All examples in order, and how often music was dropped for which reason.

        The reasons of whole stretches of one tempo and meter: `empty`, `quantized`, `bad_tempo`,
        `bad_time_signature`, `other_meter`, `negative_time`, `no_chords`, `too_long`; those of an example's
        bars: `pitch_range`, `bad_velocity`, `bad_program`, `too_few_instruments`, `too_many_instruments`,
        `too_few_events`, `too_many_events`, `coincident_chords`, `bad_chord`.

        Args:
            note_sequence: is not changed.
            rng: draws the instruments to keep where `drop_tracks_and_truncate` leaves some out.
        """
        if refused := reason_to_refuse(note_sequence):
            return [], Counter([refused])
        examples: list[Example] = []
        reasons: Counter[str] = Counter()
        stretches = sequences_lib.split_note_sequence_on_time_changes(note_sequence)
        for stretch in stretches:
            try:
                bars = self._split(stretch)
            except Dropped as dropped:
                reasons[dropped.reason] += 1
                continue
            for quantized in bars:
                try:
                    examples.append(self._example(quantized, rng))
                except Dropped as dropped:
                    reasons[dropped.reason] += 1
        if not stretches:
            reasons["empty"] += 1
        return examples, reasons

    def _split(self, stretch: NoteSequence) -> list[NoteSequence]:
        """The quantised NoteSequences of `hop_size_bars` each of a stretch of one tempo and meter."""
        qpm = stretch.tempos[0].qpm if stretch.tempos else OUTPUT_QPM
        if not 0 < qpm < np.inf:
            raise Dropped("bad_tempo")
        stretch = sequences_lib.apply_sustain_control_changes(stretch)
        if self.chord_encoding:
            self._infer_chords(stretch)
        parts = sequences_lib.split_note_sequence(stretch, 60.0 * self._quarters_of_example / qpm)
        if not parts:
            raise Dropped("empty")
        if self.first_subsequence_only and len(parts) > 1:
            raise Dropped("too_long")
        return [self._quantize(part) for part in parts]

    def _quantize(self, note_sequence: NoteSequence) -> NoteSequence:
        """A quantised copy in the right meter."""
        try:
            quantized = sequences_lib.quantize_note_sequence(note_sequence, self.steps_per_quarter)
            steps_per_bar = sequences_lib.steps_per_bar_in_quantized_sequence(quantized)
        except sequences_lib.BadTimeSignatureError:
            raise Dropped("bad_time_signature") from None
        except sequences_lib.NegativeTimeError:
            raise Dropped("negative_time") from None
        if steps_per_bar != self.steps_per_bar:
            raise Dropped("other_meter")
        return quantized

    def _infer_chords(self, note_sequence: NoteSequence) -> None:
        """Add the chord symbols that note_seq infers, where there are none."""
        if any(text.annotation_type == text.CHORD_SYMBOL for text in note_sequence.text_annotations):
            return
        self._quantize(note_sequence)  # says first whether the meter is right
        quantized, _ = self._conditioning.quantize(note_sequence, self.steps_per_quarter)
        for inferred in quantized.text_annotations:
            if inferred.annotation_type == inferred.CHORD_SYMBOL:
                note_sequence.text_annotations.add(
                    annotation_type=inferred.CHORD_SYMBOL, time=inferred.time, text=inferred.text
                )

    def _example(self, quantized: NoteSequence, rng: np.random.Generator | None) -> Example:
        """The example of a quantised NoteSequence of `hop_size_bars`."""
        tracks = [self._chunks(track) for track in self._tracks(quantized, rng)]
        if sum(len(chunk) for track in tracks for chunk in track) < self.min_total_events:
            raise Dropped("too_few_events")
        tokens = np.full(self._size, NO_TOKEN, dtype=np.int16)
        tokens[:, :, 0] = self._end
        chords = np.full(self._size, NO_TOKEN)
        chords[:, :, 0] = NO_CHORD_TOKEN
        for i in range(self.max_num_chunks):
            here = [track[i] for track in tracks]
            chords_of = self._chord_tokens(quantized, here) if self.chord_encoding else [[]] * len(here)
            for j, (chunk, chunk_chords) in enumerate(zip(here, chords_of, strict=True)):
                tokens[i, j, : len(chunk) + 2] = self._tokens(chunk)
                chords[i, j, : len(chunk_chords)] = chunk_chords
        lengths = (tokens != NO_TOKEN).sum(axis=2, dtype=np.int32)
        flat = tokens.reshape(-1)
        controls = one_hot(chords.reshape(-1), self.control_depth) if self.chord_encoding else None
        return Example(inputs=flat, outputs=flat, controls=controls, length=lengths.reshape(-1))

    def _tracks(self, quantized: NoteSequence, rng: np.random.Generator | None) -> list[MetricPerformance]:
        """A performance of each instrument, as long as an example, by program with drums at the end."""
        if any(not self.min_pitch <= note.pitch <= self.max_pitch for note in quantized.notes):
            raise Dropped("pitch_range")
        if self.num_velocity_bins and any(not 1 <= note.velocity <= 127 for note in quantized.notes):
            raise Dropped("bad_velocity")
        instruments = sorted({note.instrument for note in quantized.notes})
        if self.drop_tracks_and_truncate and len(instruments) > self.max_num_instruments:
            order = instruments if rng is None else rng.permutation(instruments).tolist()
            instruments = sorted(order[: self.max_num_instruments])
        if len(instruments) < self.min_num_instruments:
            raise Dropped("too_few_instruments")
        if len(instruments) > self.max_num_instruments:
            raise Dropped("too_many_instruments")
        tracks = [self._performance(quantized_sequence=quantized, instrument=i) for i in instruments]
        for track in tracks:
            track.set_length(self.max_num_chunks * self.chunk_steps)
        # An instrument of several programs has none; the original takes it for 0 where it doesn't stop.
        return sorted(tracks, key=lambda track: (bool(track.is_drum), track.program or 0))

    def _chunks(self, track: MetricPerformance) -> list[MetricPerformance]:
        """The chunks of a performance, none of them with notes of the one before.

        A silent chunk has no program and counts as drums, as in the original.
        """
        chunks = []
        for chunk in self._cut(track):
            notes = sequences_lib.quantize_note_sequence(chunk.to_sequence(), self.steps_per_quarter)
            clipped = self._performance(quantized_sequence=notes, start_step=chunk.start_step)
            clipped.set_length(self.chunk_steps)
            if self.drop_tracks_and_truncate:
                clipped.truncate(self.max_events_per_instrument - 2)
            if len(clipped) > self.max_events_per_instrument - 2:
                raise Dropped("too_many_events")
            if not clipped.is_drum and not 0 <= clipped.program < DRUM_PROGRAM:
                raise Dropped("bad_program")
            chunks.append(clipped)
        return chunks

    def _cut(self, track: MetricPerformance) -> list[MetricPerformance]:
        """A performance cut into chunks; at the cut notes still end in the chunk before."""
        chunks = [self._empty(0, track.program, track.is_drum)]
        room = self.chunk_steps
        for event in track:
            shift = event.event_type == PerformanceEvent.TIME_SHIFT
            left = event.event_value if shift else 0
            while left or not shift:
                if not room and event.event_type != PerformanceEvent.NOTE_OFF:
                    start = len(chunks) * self.chunk_steps
                    chunks.append(self._empty(start, track.program, track.is_drum))
                    room = self.chunk_steps
                if not shift:
                    chunks[-1].append(event)
                    break
                passing = min(left, room)
                chunks[-1].append(PerformanceEvent(PerformanceEvent.TIME_SHIFT, passing))
                left -= passing
                room -= passing
        return chunks[: self.max_num_chunks]  # what begins at the very end is left out

    def _performance(self, **options: Any) -> MetricPerformance:
        return MetricPerformance(num_velocity_bins=self.num_velocity_bins, **options)

    def _empty(self, start_step: int, program: int | None, is_drum: bool | None) -> MetricPerformance:
        return self._performance(
            steps_per_quarter=self.steps_per_quarter, start_step=start_step, program=program, is_drum=is_drum
        )

    def _tokens(self, chunk: MetricPerformance) -> list[int]:
        tokens = [self.program_token + (DRUM_PROGRAM if chunk.is_drum else chunk.program)]
        for event in chunk:
            first, smallest = self._events[event.event_type]
            tokens.append(first + event.event_value - smallest)
        return [*tokens, self._end]

    def _chord_tokens(self, quantized: NoteSequence, chunks: list[MetricPerformance]) -> list[list[int]]:
        """The chord of each chunk's program, events and end."""
        encoding = _chord_codec(self.chord_encoding)
        try:
            found = chords_lib.event_list_chords(quantized, chunks)
            tokens = [[encoding.encode_event(chord) for chord in chords] for chords in found]
        except chords_lib.CoincidentChordsError:
            raise Dropped("coincident_chords") from None
        except (chord_symbols_lib.ChordSymbolError, chords_encoder_decoder.ChordEncodingError):
            raise Dropped("bad_chord") from None
        return [[NO_CHORD_TOKEN, *chords, (chords or [NO_CHORD_TOKEN])[-1]] for chords in tokens]

    def to_dense(self, example: Example) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Magenta's boolean input, output and control tensors of an example, `[steps, depth]` each."""
        dense = one_hot(example.outputs, self.output_depth)
        return dense, dense, dense_controls(example)

    def from_tensors(
        self, samples: Sequence[np.ndarray], controls: Sequence[np.ndarray] | None = None
    ) -> list[NoteSequence]:
        """A NoteSequence at 120 quarters a minute for each sample, with the chord symbols of its controls.

        Args:
            samples: integer tokens `[max_num_chunks * max_num_instruments * max_events_per_instrument]`, or
                dense outputs of as many steps `[steps, output_depth]`. What follows an end token in a chunk
                is left out.
            controls: `[steps, control_depth]` each; used with a `chord_encoding` only.
        """
        sequences = []
        for i, sample in enumerate(map(np.asarray, samples)):
            tokens = sample.argmax(axis=-1) if sample.ndim == 2 else sample
            chords = None
            if controls is not None and self.chord_encoding:
                chords = np.argmax(controls[i], axis=-1).reshape(self._size)
            sequences.append(self._to_note_sequence(tokens.reshape(self._size), chords))
        return sequences

    def _to_note_sequence(self, tokens: np.ndarray, chords: np.ndarray | None) -> NoteSequence:
        """The music of tokens and, where given, chord tokens `[chunks, instruments, events]`."""
        codec = _chord_codec(self.chord_encoding)
        seconds = 60.0 / (self.steps_per_quarter * OUTPUT_QPM)
        sequence = NoteSequence(ticks_per_quarter=220)
        sequence.tempos.add(qpm=OUTPUT_QPM)
        timed_chords: list[tuple[float, str]] = []
        for instrument in range(self.max_num_instruments):
            parts: list[MetricPerformance] = []
            for i in range(self.max_num_chunks):
                chunk, places = self._decode(tokens[i, instrument])
                if chords is not None:
                    figures = [codec.decode_event(int(token)) for token in chords[i, instrument, places]]
                    timed_chords += [
                        ((i * self.chunk_steps + step) * seconds, figure)
                        for step, figure in zip(chunk.steps, figures, strict=True)
                        if step < self.chunk_steps
                    ]
                chunk.set_length(self.chunk_steps)
                parts.append(chunk)
            whole, *others = parts
            for event in itertools.chain.from_iterable(others):
                whole.append(event)
            sequence.notes.extend(whole.to_sequence(instrument=instrument, qpm=OUTPUT_QPM).notes)
        sequence.total_time = max((note.end_time for note in sequence.notes), default=0.0)
        if timed_chords:
            times, names = zip(*sorted(timed_chords), strict=True)
            chords_lib.add_chords_to_sequence(sequence, names, times)
        return sequence

    def _decode(self, tokens: np.ndarray) -> tuple[MetricPerformance, list[int]]:
        """The performance of a chunk's tokens up to the end, and the place of each event among them."""
        ends = np.flatnonzero((tokens == self._end) | (tokens == NO_TOKEN))
        tokens = tokens[: ends[0]] if ends.size else tokens
        programs = tokens[tokens >= self.program_token] - self.program_token
        program = int(programs[0]) if programs.size else 0
        is_drum = program == DRUM_PROGRAM
        performance = self._empty(0, 0 if is_drum else program, is_drum)
        places = np.flatnonzero(tokens < self.program_token).tolist()
        for token in tokens[places].tolist():
            kind = max(kind for kind, (first, _) in self._events.items() if first <= token)
            first, smallest = self._events[kind]
            performance.append(PerformanceEvent(kind, token - first + smallest))
        return performance, places


def _chord_codec(encoding: str | None) -> Any:
    if encoding == "triad":
        return chords_encoder_decoder.TriadChordOneHotEncoding()
    return chords_encoder_decoder.MajorMinorChordOneHotEncoding()

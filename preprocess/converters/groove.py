"""Drum performances as hits, velocities and timing offsets of each drum on a grid of steps.

The counterpart of Magenta's `GrooveConverter` (music_vae/data.py), which the GrooVAE models read and play,
with all its options and the same values. Three things are different: drums that no class holds and notes of
other instruments are left out, where the original stops or takes them for drums; a first hit ahead of the
beat starts at 0 instead of before it; steps of one-hot velocities and offsets are all played back (the
original plays one of nine when it doesn't split instruments).
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from preprocess.converters.base import Converter, Example, dense_controls
from preprocess.converters.segments import (
    MOST_QUARTERS,
    Dropped,
    check_meter,
    note_field,
    note_seconds,
    values_of,
)
from preprocess.drums import groove_conditions
from preprocess.drums.drum_classes import Classes
from preprocess.drums.drum_classes import pitch_classes as drum_classes
from preprocess.drums.groove_grid import GridRows, Triple, grid_of, loudest
from preprocess.note_sequence import NoteSequence, reason_to_refuse

OUTPUT_QPM = 120.0
TAP_DRUM = 3
"""The class that plays everything when drums are tapified: the open hi-hat."""


class GrooveConverter(Converter):
    """NoteSequences to hits, velocities and offsets and back.

    A step holds the hits of all drums (0 or 1), then their velocities (0 to 1), then their offsets (-1 to 1:
    half a step late to half a step early). With bins, a drum's velocity and its offset are one-hot instead.

    Args:
        split_bars: bars of an example, a window that slides over the music; whole pieces where it is None.
        steps_per_quarter: steps of a quarter note.
        quarters_per_bar: quarter notes of a bar; music in another meter is dropped.
        max_tensors_per_notesequence: the most examples of a NoteSequence that an epoch takes; None for all.
        pitch_classes: MIDI pitches that count as one drum, for each drum, or a name of `PITCH_CLASSES`.
        inference_pitch_classes: the same for the input of a trained model, and for what it plays;
            None for those of training.
        humanize: inputs know the hits only, not velocities and offsets.
        tapify: inputs have every step's loudest drum only, as a tap of class 3 (the open hi-hat).
        add_instruments: indices of drums that inputs don't have.
        num_velocity_bins, num_offset_bins: number of values of one-hot velocities and offsets.
        split_instruments: a step for each drum, in turn; controls say which one.
        hop_size: steps that the window moves by; its own length by default.
        hits_as_controls: controls hold the hits.
        taps_as_controls: controls hold whether a step is tapped, and the tap's offset; needs tapify.
        conditions_as_controls: controls hold tempo, drummer and style (`groove_conditions`), the latter two as far
            as the NoteSequence is named after them.
        fixed_velocities: inputs don't know the velocities.
        max_note_dropout_probability: inputs lack notes at random, soft ones more often: up to this
            probability, drawn for each NoteSequence. Needs the random generator of `convert`.

    Raises:
        ValueError: for options that don't go together, or sizes that are not positive.
    """

    input_form = output_form = "dense"

    def __init__(
        self,
        split_bars: int | None = None,
        steps_per_quarter: int = 4,
        quarters_per_bar: int = 4,
        max_tensors_per_notesequence: int | None = 8,
        pitch_classes: str | Sequence[Sequence[int]] | None = None,
        inference_pitch_classes: str | Sequence[Sequence[int]] | None = None,
        humanize: bool = False,
        tapify: bool = False,
        add_instruments: Sequence[int] | None = None,
        num_velocity_bins: int | None = None,
        num_offset_bins: int | None = None,
        split_instruments: bool = False,
        hop_size: int | None = None,
        hits_as_controls: bool = False,
        taps_as_controls: bool = False,
        conditions_as_controls: bool = False,
        fixed_velocities: bool = False,
        max_note_dropout_probability: float | None = None,
    ):
        self.pitch_classes = drum_classes(pitch_classes or "roland")
        self.inference_pitch_classes = drum_classes(inference_pitch_classes or self.pitch_classes)
        self.slice_bars = split_bars
        self.steps_per_quarter = steps_per_quarter
        self.steps_per_bar = steps_per_quarter * quarters_per_bar
        self.max_tensors_per_notesequence = max_tensors_per_notesequence
        self.humanize = humanize
        self.tapify = tapify
        self.add_instruments = list(add_instruments or ())
        self.num_velocity_bins = num_velocity_bins or 0
        self.num_offset_bins = num_offset_bins or 0
        self.split_instruments = split_instruments
        self.hop_size = hop_size
        self.hits_as_controls = hits_as_controls
        self.taps_as_controls = taps_as_controls
        self.conditions_as_controls = conditions_as_controls
        self.fixed_velocities = fixed_velocities
        self.max_note_dropout_probability = max_note_dropout_probability
        self.is_random = bool(max_note_dropout_probability)
        self._check()

        drums = len(self.pitch_classes)
        self._grid_rows = GridRows(drums, self.num_velocity_bins, self.num_offset_bins, split_instruments)
        self.rows_a_step = self._grid_rows.rows_a_step
        self.input_depth = self.output_depth = self._grid_rows.width
        self.output_depths = (self.output_depth,)
        self.control_depth = (
            hits_as_controls * self._grid_rows.drums_a_row
            + split_instruments * drums
            + taps_as_controls * 2
            + conditions_as_controls * groove_conditions.WIDTH
        )

    def _check(self) -> None:
        drums = len(self.pitch_classes)
        if self.steps_per_quarter < 1 or self.steps_per_bar < 1:
            raise ValueError("steps_per_quarter and quarters_per_bar must be at least 1.")
        if len(self.inference_pitch_classes) != drums:
            raise ValueError(
                f"There are {drums} pitch_classes but {len(self.inference_pitch_classes)} "
                "inference_pitch_classes; they must be as many."
            )
        if bool(self.num_velocity_bins) != bool(self.num_offset_bins):
            raise ValueError("num_velocity_bins and num_offset_bins go together: set both or none.")
        if self.num_velocity_bins and min(self.num_velocity_bins, self.num_offset_bins) < 2:
            raise ValueError("num_velocity_bins and num_offset_bins must be at least 2.")
        if self.hop_size is not None and (not self.slice_bars or self.hop_size < 1):
            raise ValueError("hop_size must be at least 1 and needs split_bars.")
        if self.slice_bars is not None and self.slice_bars < 1:
            raise ValueError("split_bars must be at least 1.")
        if self.tapify and drums <= TAP_DRUM:
            raise ValueError(f"tapify plays drum {TAP_DRUM}, but there are only {drums} pitch_classes.")
        if self.taps_as_controls and not self.tapify:
            raise ValueError("taps_as_controls needs tapify.")
        if (self.taps_as_controls or self.conditions_as_controls) and self.split_instruments:
            raise ValueError("taps_as_controls and conditions_as_controls don't go with split_instruments.")
        if not all(0 <= drum < drums for drum in self.add_instruments):
            raise ValueError(f"add_instruments must be indices of the {drums} pitch_classes.")
        if not 0 <= (self.max_note_dropout_probability or 0) <= 1:
            raise ValueError("max_note_dropout_probability must be between 0 and 1.")

    def convert(
        self, note_sequence: NoteSequence, rng: np.random.Generator | None = None, inference: bool = False
    ) -> tuple[list[Example], Counter[str]]:
        """All examples in order, and how often music was dropped for which reason.

        The reasons: `empty`, `no_drums`, `time_changes`, `bad_time_signature`, `other_meter`, `bad_tempo`,
        `negative_time`, `bad_velocity`, `too_short`.

        Args:
            note_sequence: is not changed.
            rng: draws the notes that inputs lack; they have all without one.
            inference: go by `inference_pitch_classes`.
        """
        try:
            triple, qpm = self._grid(note_sequence, inference)
        except Dropped as dropped:
            return [], Counter([dropped.reason])
        dropout = rng if self.max_note_dropout_probability is not None else None
        inputs = self._inputs(triple, dropout) if self._inputs_differ(dropout) else triple
        drummer, style = groove_conditions.named(note_sequence.filename)
        controls = self._controls(triple, inputs, groove_conditions.row(qpm, drummer, style))
        output_rows = self._grid_rows.of(triple)
        input_rows = output_rows if inputs is triple else self._grid_rows.of(inputs)
        step_seconds = 60.0 / qpm / self.steps_per_quarter
        windows = self._windows(len(output_rows))
        examples = [_window(input_rows, output_rows, controls, window, step_seconds) for window in windows]
        return examples, Counter() if examples else Counter({"too_short": 1})

    def _grid(self, note_sequence: NoteSequence, inference: bool) -> tuple[Triple, float]:
        """The loudest note of each step and drum, `[steps, drums]` of whole bars, and the tempo.

        Raises:
            Dropped: where the music can't be used.
        """
        if not note_sequence.notes:
            raise Dropped("empty")
        if refused := reason_to_refuse(note_sequence):
            raise Dropped(refused)
        qpm = self._tempo(note_sequence)
        starts, ends = note_seconds(note_sequence)
        steps_per_second = self.steps_per_quarter * qpm / 60.0
        if max(starts.max(), ends.max()) * steps_per_second > MOST_QUARTERS * self.steps_per_quarter:
            raise Dropped("too_long")
        steps = (starts * steps_per_second + 0.5).astype(np.int64)
        if min(steps.min(), (ends * steps_per_second + 0.5).astype(np.int64).min()) < 0:
            raise Dropped("negative_time")
        classes = self.inference_pitch_classes if inference else self.pitch_classes
        drum_of = {pitch: drum for drum, pitches in enumerate(classes) for pitch in pitches}
        drums = np.array([drum_of.get(n.pitch, -1) if n.is_drum else -1 for n in note_sequence.notes])
        if not (drums >= 0).any():
            raise Dropped("no_drums")
        velocities = note_field(note_sequence, "velocity")
        if not ((velocities >= 0) & (velocities <= 127)).all():
            raise Dropped("bad_velocity")
        chosen = loudest(steps * len(classes) + drums, velocities, drums >= 0)
        step_seconds = 60.0 / qpm / self.steps_per_quarter
        offsets = (step_seconds * steps[chosen] - starts[chosen]) / step_seconds * 2
        return self._filled(steps[chosen], drums[chosen], velocities[chosen], offsets), qpm

    def _filled(
        self, steps: np.ndarray, drums: np.ndarray, velocities: np.ndarray, offsets: np.ndarray
    ) -> Triple:
        return grid_of((steps, drums), velocities, offsets, len(self.pitch_classes), self.steps_per_bar)

    def grid_of_hits(self, positions: np.ndarray, drums: np.ndarray, velocities: np.ndarray) -> Triple:
        """The loudest hit of each step and drum, `[steps, drums]` of whole bars.

        Args:
            positions: float `[hits]` in steps from the first bar line, 0 or more; at least one.
            drums: int `[hits]`, which drum is struck.
            velocities: int `[hits]`, MIDI velocities.
        """
        steps = np.floor(positions + 0.5).astype(np.int64)
        cells = steps * len(self.pitch_classes) + drums
        chosen = loudest(cells, velocities, np.ones(len(cells), bool))
        offsets = (steps - positions)[chosen] * 2
        return self._filled(steps[chosen], drums[chosen], velocities[chosen], offsets)

    def windows_of_grid(
        self, grid: Triple, size: int, conditions: Sequence[float] | np.ndarray | None = None
    ) -> list[Example]:
        """A grid cut into windows that lie end to end, the last one padded with silence.

        Args:
            grid: as `grid_of_hits` gives it.
            size: steps of a window.
            conditions: `groove_conditions.row`, or `[steps, WIDTH]` of them where the tempo changes; by default
                nothing is known but a tempo of 120.
        """
        missing = -len(grid[0]) % size
        by_step = np.atleast_2d(groove_conditions.row(OUTPUT_QPM) if conditions is None else conditions)
        if len(by_step) > 1:
            by_step = np.pad(by_step, ((0, missing), (0, 0)), mode="edge")
        hits, velocities, offsets = (np.pad(part, ((0, missing), (0, 0))) for part in grid)
        padded = hits, velocities, offsets
        known = self._inputs(padded, None) if self._inputs_differ(None) else padded
        outputs, controls = self._grid_rows.of(padded), self._controls(padded, known, by_step)
        inputs = outputs if known is padded else self._grid_rows.of(known)
        rows = size * self.rows_a_step
        windows = ((start, start + rows) for start in range(0, len(outputs), rows))
        return [_window(inputs, outputs, controls, window) for window in windows]

    def _tempo(self, note_sequence: NoteSequence) -> float:
        """The only tempo in quarter notes a minute.

        Raises:
            Dropped: where there are several, or several meters, or one that can't be used.
        """
        meters = values_of(
            ((t.time, (t.numerator, t.denominator)) for t in note_sequence.time_signatures), (4, 4)
        )
        speeds = values_of(((t.time, t.qpm) for t in note_sequence.tempos), OUTPUT_QPM)
        if len(meters) > 1 or len(speeds) > 1:
            raise Dropped("time_changes")
        (meter,), (qpm,) = meters, speeds
        check_meter(meter, self.steps_per_quarter, self.steps_per_bar)
        if not 0 < qpm < np.inf:
            raise Dropped("bad_tempo")
        return qpm

    def _inputs_differ(self, dropout: np.random.Generator | None) -> bool:
        flags = self.tapify, self.humanize, self.fixed_velocities, self.add_instruments
        return any(flags) or dropout is not None

    def _inputs(self, outputs: Triple, dropout: np.random.Generator | None) -> Triple:
        """What the encoder gets to know of the outputs, `[steps, drums]`."""
        hits, velocities, offsets = (part.copy() for part in outputs)
        if dropout is not None:
            probability = dropout.uniform(0.0, self.max_note_dropout_probability or 0.0)
            lacking = dropout.binomial(1, np.maximum(0.2, 1 - velocities) * probability).astype(bool)
            for part in (hits, velocities, offsets):
                part[lacking] = 0.0
        if self.tapify:
            # Where dropout leaves nothing, drum 0 is tapped if it was struck: so the models were trained.
            loudest = velocities.argmax(axis=1)
            for part, full in zip((hits, velocities, offsets), outputs, strict=True):
                part[:] = 0.0
                part[:, TAP_DRUM] = full[np.arange(len(full)), loudest]
        if self.humanize or self.fixed_velocities:
            velocities[:] = 0.0
        if self.humanize:
            offsets[:] = 0.0
        for part in (hits, velocities, offsets):
            part[:, self.add_instruments] = 0.0
        return hits, velocities, offsets

    def _controls(
        self, played: Triple, known: Triple, conditions: Sequence[float] | np.ndarray
    ) -> np.ndarray | None:
        """What both parts of a model are conditioned on, `[rows, control_depth]`.

        Hits, then which drum a row is, both boolean; or numbers: hits or taps, then the conditions, of all steps or
        of each.
        """
        if not self.control_depth:
            return None
        hits = played[0].astype(bool)
        steps, drums = hits.shape
        parts: list[np.ndarray] = []
        if self.hits_as_controls:
            parts.append(hits.reshape(-1, self._grid_rows.drums_a_row))
        if self.split_instruments:
            parts.append(np.tile(np.eye(drums, dtype=bool), (steps, 1)))
        if self.taps_as_controls:
            # Where nothing is struck the loudest drum is drum 0, at no velocity: no tap.
            parts.append(np.stack([known[0][:, TAP_DRUM] > 0, known[2][:, TAP_DRUM]], axis=1))
        if self.conditions_as_controls:
            parts.append(np.broadcast_to(conditions, (steps, groove_conditions.WIDTH)))
        numbers = self.taps_as_controls or self.conditions_as_controls
        return np.concatenate(parts, axis=1).astype(np.float32 if numbers else bool)

    def _windows(self, rows: int) -> list[tuple[int, int]]:
        if not self.slice_bars:
            return [(0, rows)]
        size = self.steps_per_bar * self.slice_bars * self.rows_a_step
        hop = self.hop_size * self.rows_a_step if self.hop_size else size
        return [(start, start + size) for start in range(0, rows - size + 1, hop)]

    def to_dense(self, example: Example) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Magenta's input, output and control tensors of an example, `[steps, depth]` each."""
        return example.inputs, example.outputs, dense_controls(example)

    def from_tensors(
        self,
        samples: Sequence[np.ndarray],
        controls: Sequence[np.ndarray] | None = None,
        inference: bool = True,
    ) -> list[NoteSequence]:
        """A NoteSequence at 120 quarters a minute for each sample.

        Args:
            samples: `[steps, output_depth]` each; a drum is struck where its hit is above 0.5.
            controls: are not needed.
            inference: play the pitches of `inference_pitch_classes`, as Magenta's trained models do.
        """
        classes = self.inference_pitch_classes if inference else self.pitch_classes
        return [self._to_note_sequence(np.asarray(sample, dtype=np.float64), classes) for sample in samples]

    def _to_note_sequence(self, sample: np.ndarray, classes: Classes) -> NoteSequence:
        hits, velocities, offsets = self.played(sample)
        sequence = NoteSequence(ticks_per_quarter=220)
        sequence.tempos.add(qpm=OUTPUT_QPM)
        seconds = 60.0 / OUTPUT_QPM / self.steps_per_quarter
        for step, drum in np.argwhere(hits > 0.5):
            start = float(step - offsets[step, drum]) * seconds
            sequence.notes.add(
                start_time=max(0.0, start),
                end_time=start + seconds,
                pitch=classes[drum][0],
                velocity=int(velocities[step, drum]),
                instrument=9,
                is_drum=True,
            )
        sequence.total_time = max((note.end_time for note in sequence.notes), default=0.0)
        return sequence

    def played(self, sample: np.ndarray) -> Triple:
        """Hits, MIDI velocities and offsets in steps (early ones positive) of a sample, `[steps, drums]` each.

        Args:
            sample: float `[steps, output_depth]`.
        """
        return self._grid_rows.played(sample)


def _window(
    inputs: np.ndarray,
    outputs: np.ndarray,
    controls: np.ndarray | None,
    window: tuple[int, int],
    step_seconds: float = 0.0,
) -> Example:
    """An example of the rows from the first to the second of a window; inputs that are the outputs stay the same array."""
    start, end = window
    played = outputs[start:end]
    return Example(
        inputs=played if inputs is outputs else inputs[start:end],
        outputs=played,
        controls=None if controls is None else controls[start:end],
        length=end - start,
        step_seconds=step_seconds,
    )

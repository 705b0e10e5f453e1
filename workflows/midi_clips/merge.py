"""Keeping of a clip what is to be kept, to the tick: the notes of its file beside those that a model draws.

What a model hears of a clip are tokens: nine drums on a grid, without velocities. What stays of a clip is therefore
taken from its file, with its pitches, velocities, timing, tempo and meter, and what is written has the file's
resolution or a multiple of it, so that nothing is rounded.
"""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from preprocess.midi.bar_lines import quarters_of
from preprocess.note_sequence import NoteSequence
from render.midi import FINEST, GIVEN, GIVEN_PART, Style
from workflows.midi_clips.clip import Clip, nearest_steps

Array = np.ndarray

QPM = 120.0
"""Of the NoteSequences that converters and this module give; a `Style` says how fast they are played."""

LEAST_TICKS = 96
"""Ticks of a quarter note, at least, where a model's notes are written beside those of a coarse file."""


def resolution_for(clip: Clip) -> int:
    """Ticks of a quarter note that hold the file's ticks, the model's steps and whole bars: a multiple of the file's."""
    own, bar = clip.ticks_per_quarter, quarters_of(clip.time_signature)
    for ticks in itertools.takewhile(lambda t: t <= FINEST, itertools.count(own, own)):
        if ticks >= LEAST_TICKS and ticks % clip.steps_per_quarter == 0 and ticks * bar == round(ticks * bar):
            return ticks
    return own


def style_like(clip: Clip, style: Style, qpm: float | None = None) -> Style:
    """A style with the tempo map, meter and resolution of a clip; all of it at `qpm` where that is given."""
    return dataclasses.replace(
        style,
        qpm=clip.qpm if qpm is None else qpm,
        tempos=clip.tempos[1:] if qpm is None else (),
        time_signature=clip.time_signature,
        ticks_per_quarter=resolution_for(clip),
    )


def styles_between(
    clips: Sequence[Clip], weights: Array, style: Style, qpm: float | None = None
) -> list[Style]:
    """How what lies between clips is played: at the mean of their first tempos, in the meter of the first of them.

    What is a clip itself is played as it is, with its own tempo map.

    Args:
        clips: what it lies between.
        weights: of each clip, float `[n, clips]`, which add up to 1.
        style: what else there is to playing.
        qpm: the tempo of all, where it is asked for.
    """
    styles = []
    for row in weights:
        own = next((clip for clip, weight in zip(clips, row, strict=True) if weight == 1), None)
        if own is not None:
            styles.append(style_like(own, style, qpm))
            continue
        mean = float(sum(weight * clip.qpm for clip, weight in zip(clips, row, strict=True)))
        styles.append(style_like(clips[0], style, mean if qpm is None else qpm))
    return styles


def given_sequence(clip: Clip, chosen: Array | None = None) -> Any:
    """The notes of a clip as they stand in its file, as a NoteSequence that is written as it is (`render.midi.GIVEN`).

    Args:
        clip: a clip.
        chosen: bool `[notes]`, which of them; all by default.
    """
    sequence = NoteSequence(ticks_per_quarter=resolution_for(clip))
    sequence.tempos.add(qpm=QPM)
    sequence.part_infos.add(part=GIVEN_PART, name=GIVEN)
    seconds = 60.0 / QPM / clip.ticks_per_quarter
    notes = clip.notes if chosen is None else clip.notes.select(chosen)
    for note in notes.rows():
        # A clip has nothing before its beginning; what was played early for it is its first note.
        start = max(0, note.start)
        sequence.notes.add(
            start_time=start * seconds,
            end_time=max(start + 1, note.end) * seconds,
            pitch=note.pitch,
            velocity=note.velocity,
            program=note.program,
            instrument=note.instrument,
            is_drum=note.is_drum,
            part=GIVEN_PART,
        )
    sequence.total_time = max((note.end_time for note in sequence.notes), default=0.0)
    return sequence


def in_its_voices(clip: Clip, sequence: Any) -> Any:
    """A drawn NoteSequence played by the instruments of a clip: a variation of a violin's melody is a violin's."""
    drawn = sorted({note.instrument for note in sequence.notes if not note.is_drum})
    voices = dict(zip(drawn, clip.voices, strict=False))
    for note in sequence.notes:
        if not note.is_drum and note.instrument in voices:
            note.instrument, note.program = voices[note.instrument]
    return sequence


def merged(
    clip: Clip,
    drawn: Any,
    stays: Array,
    pitch_classes: Sequence[Sequence[int]] = (),
    one_voice: bool = True,
) -> Any:
    """A clip of which some stays and the rest is drawn.

    Every note of the file stays whose step stays, or that stands between the bar lines of what stays; drums that the
    model does not know stay in bars that do, and everywhere where whole drums do. Drawn notes are left out where the
    file's stay.

    Args:
        clip: what it is a change of.
        drawn: a NoteSequence of the model at 120 quarter notes a minute, of the whole clip.
        stays: bool `[steps]`, or of drum models `[steps, drums]`.
        pitch_classes: the pitches of each drum of the model.
        one_voice: instruments that are no drums play one note at a time, so that a held note that stays gives way to
            the next that is drawn.
    """
    keeper = _Keeper(clip, stays, pitch_classes)
    sequence = given_sequence(clip, keeper.kept)
    new = [note for note in in_its_voices(clip, drawn).notes if not keeper.holds(note)]
    for note in new:
        keeper.keep_out(note)
    if one_voice:
        _end_where_others_begin(sequence, new)
    sequence.notes.extend(new)
    for field in ("text_annotations", "key_signatures"):
        getattr(sequence, field).extend(getattr(drawn, field))
    return sequence


class _Keeper:
    """What stays of a clip; arguments as for `merged`.

    Attributes:
        kept: which of the file's notes stay, bool `[notes]`.
    """

    def __init__(self, clip: Clip, stays: Array, pitch_classes: Sequence[Sequence[int]]):
        self.clip, self.last = clip, len(stays) - 1
        self.stays = (
            np.repeat(stays[:, None], max(1, len(pitch_classes)), axis=1) if stays.ndim == 1 else stays
        )
        self.drum_of = {pitch: drum for drum, pitches in enumerate(pitch_classes) for pitch in pitches}
        whole = np.asarray(self.stays.all(axis=1))
        whole_drums = bool(pitch_classes) and bool(self.stays.all(axis=0).any())
        nearest = np.clip(clip.note_steps, 0, self.last).tolist()
        between = np.clip(clip.notes.starts * clip.steps_per_quarter // clip.ticks_per_quarter, 0, self.last)
        self.kept = np.zeros(len(clip.notes), bool)
        self._taken: set[tuple[int, int | None]] = set()
        for i, (note, step, place) in enumerate(
            zip(clip.notes.rows(), nearest, between.tolist(), strict=True)
        ):
            drum = self._drum(note)
            if drum is None:
                self.kept[i] = whole[step] or whole[place] or (note.is_drum and whole_drums)
            else:
                self.kept[i] = self.stays[step, drum] or self.stays[place, drum]
            if self.kept[i]:
                self._taken.add((step, drum))

    def _drum(self, note: Any) -> int | None:
        return self.drum_of.get(note.pitch) if note.is_drum else None

    def _step(self, note: Any) -> int:
        """The step that a drawn note is nearest to."""
        millionths = np.array(round(note.start_time * QPM / 60 * 1e6))
        return min(self.last, int(nearest_steps(millionths, 1_000_000, self.clip.steps_per_quarter)))

    def holds(self, note: Any) -> bool:
        """Whether a drawn note stands where the file's stay."""
        step, drum = self._step(note), self._drum(note)
        if drum is None:
            return bool(self.stays[step].all())
        return bool(self.stays[step, drum]) or (step, drum) in self._taken

    def keep_out(self, note: Any) -> None:
        """Let a drawn note that is played early begin on its bar line rather than in a bar that stays."""
        per_second = QPM / 60 * self.clip.steps_per_quarter
        # Rounded, or what stands on a step would lie before it.
        place = min(self.last, int(note.start_time * per_second + 1e-6))
        if self.stays[place].all():
            note.start_time = self._step(note) / per_second
            note.end_time = max(note.end_time, note.start_time)


def _end_where_others_begin(sequence: Any, new: Sequence[Any]) -> None:
    """Notes of an instrument end where the next that is drawn for it begins."""
    for note in sequence.notes:
        if not note.is_drum:
            begins = [n.start_time for n in new if n.instrument == note.instrument and not n.is_drum]
            later = [time for time in begins if note.start_time < time < note.end_time]
            note.end_time = min(later, default=note.end_time)

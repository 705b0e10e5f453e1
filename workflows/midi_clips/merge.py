"""Merging the notes that are kept of a clip, exact to the tick, with those that a model draws.

A model's tokens lose much of a clip: they are, for example, nine drums on a grid without velocities. What is kept of a
clip is therefore taken from its file, with pitches, velocities, timing, tempo and meter, and written at the file's
resolution or a multiple of it, so that nothing is rounded.
"""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from preprocess.midi.bar_lines import quarters_of
from preprocess.note_sequence import NoteSequence
from render.midi import FINEST, GIVEN, GIVEN_PART, Style
from workflows.midi_clips.clip import Excerpt, nearest_steps
from workflows.midi_clips.source import NoteRow

Array = np.ndarray

QPM = 120.0
"""The tempo of NoteSequences from converters and from this module; a `Style` says how fast they are played."""

LEAST_TICKS = 96
"""Ticks of a quarter note, at least, where drawn notes are written beside those of a file of low resolution."""


def resolution_for(clip: Excerpt) -> int:
    """Ticks of a quarter note on which the file's ticks, the model's steps and bar lines fall: a multiple of the file's."""
    own, bar = clip.ticks_per_quarter, quarters_of(clip.time_signature)
    for ticks in itertools.takewhile(lambda t: t <= FINEST, itertools.count(own, own)):
        if ticks >= LEAST_TICKS and ticks % clip.steps_per_quarter == 0 and ticks * bar == round(ticks * bar):
            return ticks
    return own


def style_like(clip: Excerpt, style: Style, qpm: float | None = None) -> Style:
    """A style with the tempo map, meter and resolution of a clip; all of it at `qpm` where that is given."""
    return dataclasses.replace(
        style,
        qpm=clip.qpm if qpm is None else qpm,
        tempos=clip.tempos[1:] if qpm is None else (),
        time_signature=clip.time_signature,
        ticks_per_quarter=resolution_for(clip),
    )


def styles_between(
    clips: Sequence[Excerpt], weights: Array, style: Style, qpm: float | None = None
) -> list[Style]:
    """The styles of music between clips: at the weighted mean of their first tempos, in the meter of the first clip.

    Where a clip has all the weight, its own tempo map is kept.

    Args:
        clips: the clips.
        weights: of each clip, float `[n, clips]`; rows sum to 1.
        style: everything but tempo, meter and resolution.
        qpm: the tempo of all of them instead, if given.
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


def given_sequence(clip: Excerpt, chosen: Array | None = None) -> NoteSequence:
    """A clip's own notes as a NoteSequence that is written unchanged (`render.midi.GIVEN`).

    Args:
        clip: the clip.
        chosen: which of its notes, bool `[notes]`; all by default.
    """
    sequence = NoteSequence(ticks_per_quarter=resolution_for(clip))
    sequence.tempos.add(qpm=QPM)
    sequence.part_infos.add(part=GIVEN_PART, name=GIVEN)
    seconds = 60.0 / QPM / clip.ticks_per_quarter
    notes = clip.notes if chosen is None else clip.notes.select(chosen)
    for note in notes.rows():
        # Notes that anticipate the first bar line begin on it.
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


def in_its_voices(clip: Excerpt, sequence: NoteSequence) -> NoteSequence:
    """A drawn NoteSequence with the clip's instruments, so that a variation of a violin's melody is played by a violin."""
    drawn = sorted({note.instrument for note in sequence.notes if not note.is_drum})
    voices = dict(zip(drawn, clip.voices, strict=False))
    for note in sequence.notes:
        if not note.is_drum and note.instrument in voices:
            note.instrument, note.program = voices[note.instrument]
    return sequence


def merged(
    clip: Excerpt,
    drawn: NoteSequence,
    stays: Array,
    pitch_classes: Sequence[Sequence[int]] = (),
    one_voice: bool = True,
) -> NoteSequence:
    """A clip of which a part is kept and the rest is drawn.

    A note of the file is kept if its step is kept, or if it lies between the bar lines of what is kept; drums that the
    model does not know are kept in bars that are kept, and everywhere if whole drums are. Drawn notes are left out
    where the file's notes are kept.

    Args:
        clip: the clip.
        drawn: the model's NoteSequence of the whole clip, at 120 quarter notes a minute.
        stays: which steps are kept, bool `[steps]`; for drum models `[steps, drums]`.
        pitch_classes: the pitches of each of the model's drums.
        one_voice: pitched instruments play one note at a time, so that a held note that is kept ends where the next
            drawn note begins.
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
    """Which notes of a clip are kept; arguments as for `merged`.

    Attributes:
        kept: which of the file's notes are kept, bool `[notes]`.
    """

    def __init__(self, clip: Excerpt, stays: Array, pitch_classes: Sequence[Sequence[int]]):
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

    def _drum(self, note: "NoteRow | NoteSequence.Note") -> int | None:
        return self.drum_of.get(note.pitch) if note.is_drum else None

    def _step(self, note: NoteSequence.Note) -> int:
        """The step that a drawn note is nearest to."""
        millionths = np.array(round(note.start_time * QPM / 60 * 1e6))
        return min(self.last, int(nearest_steps(millionths, 1_000_000, self.clip.steps_per_quarter)))

    def holds(self, note: NoteSequence.Note) -> bool:
        """Whether a drawn note falls where the file's notes are kept."""
        step, drum = self._step(note), self._drum(note)
        if drum is None:
            return bool(self.stays[step].all())
        return bool(self.stays[step, drum]) or (step, drum) in self._taken

    def keep_out(self, note: NoteSequence.Note) -> None:
        """Move a drawn note that anticipates a bar line onto it, rather than into a bar that is kept."""
        per_second = QPM / 60 * self.clip.steps_per_quarter
        # Rounding keeps a note that is on a step from falling before it.
        place = min(self.last, int(note.start_time * per_second + 1e-6))
        if self.stays[place].all():
            note.start_time = self._step(note) / per_second
            note.end_time = max(note.end_time, note.start_time)


def _end_where_others_begin(sequence: NoteSequence, new: Sequence[NoteSequence.Note]) -> None:
    """End the notes of each pitched instrument where its next drawn note begins."""
    for note in sequence.notes:
        if not note.is_drum:
            begins = [n.start_time for n in new if n.instrument == note.instrument and not n.is_drum]
            later = [time for time in begins if note.start_time < time < note.end_time]
            note.end_time = min(later, default=note.end_time)

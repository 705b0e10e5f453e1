"""NoteSequences to MIDI files that loop in a DAW.

Tempo and time signature are at tick 0, no note is before it or after the clip, drums are on channel 10, and the track
ends exactly on a bar line. Files have one track (format 0), which every DAW imports as one clip.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import mido

from common.errors import InputError
from common.output_files import check_outputs, write_atomically
from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES
from preprocess.drums.tracks import DRUM_CHANNEL
from preprocess.midi.events import MICROSECONDS_A_MINUTE, microseconds_of
from preprocess.note_sequence import NoteSequence

TICKS_PER_QUARTER = 480

Marker = tuple[int, str]
"""The bar, counted from 0, at which a section begins, and its name."""

GIVEN_PART, GIVEN = 1, "given"
"""The part of a NoteSequence whose notes come from a file: they are written unchanged, whatever the style."""

FINEST = 32767
"""Ticks of a quarter note, at most: the header has fifteen bits for them."""

SLOWEST, FASTEST = MICROSECONDS_A_MINUTE / 2**24, MICROSECONDS_A_MINUTE
"""Tempos in quarter notes a minute that a file can hold, which are stored as microseconds in three bytes."""


@dataclass(frozen=True)
class Style:
    """How a clip is played: tempo, meter, swing, dynamics and drum map.

    Swing, velocity, accents and drum map apply to notes that a model plays; notes of the part `GIVEN` are unchanged.

    >>> style = Style(qpm=90, time_signature=(6, 8))
    >>> style.quarters_per_bar, style.quarters_per_beat, style.seconds(3)
    (3.0, 1.5, 2.0)

    Attributes:
        qpm: quarter notes a minute at the beginning, from `SLOWEST` to `FASTEST`.
        swing: delay of every second sixteenth, as a share of a sixteenth, 0 to 0.5 (1/3 is a triplet feel).
        velocity: 1 to 127 for all notes, or None to keep those of the NoteSequence.
        accents: make beats louder and off-beat sixteenths softer, as a drummer would.
        drum_map: MIDI note by drum name; None keeps the NoteSequence's pitches.
        time_signature: numerator and denominator.
        tempos: tempo changes: (quarter note, quarter notes a minute from there on).
        ticks_per_quarter: resolution of the file.

    Raises:
        InputError: where a value is out of its range.
    """

    qpm: float = 120.0
    swing: float = 0.0
    velocity: int | None = None
    accents: bool = False
    drum_map: Mapping[str, int] | None = None
    time_signature: tuple[int, int] = (4, 4)
    tempos: tuple[tuple[float, float], ...] = ()
    ticks_per_quarter: int = TICKS_PER_QUARTER

    def __post_init__(self) -> None:
        for qpm in (self.qpm, *(qpm for _, qpm in self.tempos)):
            if not SLOWEST <= qpm <= FASTEST:
                raise InputError(
                    f"The tempo is {qpm}; expected {SLOWEST:g} to {FASTEST:g} quarter notes a minute.",
                    "bad_flag",
                )
        if not 0 <= self.swing <= 0.5:
            raise InputError(f"The swing is {self.swing}; expected 0 to 0.5 of a sixteenth.", "bad_flag")
        if self.velocity is not None and not 1 <= self.velocity <= 127:
            raise InputError(f"The velocity is {self.velocity}; expected 1 to 127.", "bad_flag")
        numerator, denominator = self.time_signature
        if not 1 <= numerator <= 255 or denominator not in (1, 2, 4, 8, 16, 32):
            raise InputError(
                f"The time signature is {numerator}/{denominator}; expected 1 to 255 over 1, 2, 4, ... 32.",
                "bad_flag",
            )

    def seconds(self, quarters: float) -> float:
        """The time of a quarter note, in seconds from the beginning."""
        now, before, qpm = 0.0, 0.0, self.qpm
        for quarter, changed in self.tempos:
            if quarter >= quarters:
                break
            now, before, qpm = now + (quarter - before) * 60 / qpm, quarter, changed
        return now + (quarters - before) * 60 / qpm

    @property
    def quarters_per_bar(self) -> float:
        """Length of a bar in quarter notes."""
        return 4 * self.time_signature[0] / self.time_signature[1]

    @property
    def quarters_per_beat(self) -> float:
        """Length of a beat in quarter notes: a dotted quarter in 6/8, 9/8 and 12/8, a quarter otherwise."""
        numerator, denominator = self.time_signature
        return 1.5 if denominator == 8 and numerator % 3 == 0 and numerator > 3 else 1.0


def midi_bytes(
    sequence: NoteSequence, style: Style = Style(), bars: int | None = None, markers: Sequence[Marker] = ()
) -> bytes:
    """The bytes of a MIDI file.

    Args:
        sequence: its own tempo says on which quarter note a note falls, `style.qpm` how fast they are played.
        style: how it is played.
        bars: length of the clip; by default up to the bar line after the last note: after the onset of drums (whose
            length means nothing), and after the end of pitched notes.
        markers: of sections, which a DAW shows above the track; their names are written as UTF-8.

    Raises:
        InputError: where `bars` is below 1.
        ValueError: where a marker is not within the clip.
    """
    if bars is not None and bars < 1:
        raise InputError(f"A clip of {bars} bars can't be written; expected at least 1.", "bad_length")
    source_qpm = sequence.tempos[0].qpm if sequence.tempos else 120.0
    per_second = source_qpm / 60.0 * style.ticks_per_quarter
    bar = round(style.quarters_per_bar * style.ticks_per_quarter)
    end = bar * (bars if bars is not None else _bars_needed(sequence, per_second, bar))
    if not all(0 <= at * bar < end for at, _ in markers):
        raise ValueError(f"Markers must lie within the {end // bar} bars of the clip.")
    events: list[tuple[int, int, int, int, int]] = []  # tick, off before on, channel, pitch, velocity
    struck: dict[tuple[int, int], int] = {}
    pitch_map = _pitch_map(style.drum_map)
    channels = _channels(sequence)
    given = {info.part for info in sequence.part_infos if info.name == GIVEN}
    for note in sorted(sequence.notes, key=lambda n: (n.start_time, n.pitch)):
        if note.start_time < 0 and note.end_time <= 0:
            continue
        written = max(0, round(note.start_time * per_second))
        is_given = note.part in given
        start = written if is_given else _swung(written, style)
        stop = min(max(start + 1, round(note.end_time * per_second)), end)
        if start >= end:
            continue
        channel = DRUM_CHANNEL if note.is_drum else channels[note.instrument]
        pitch = pitch_map.get(note.pitch, note.pitch) if note.is_drum and not is_given else note.pitch
        # Accents go by the tick before swing: half-way between sixteenths, the swung one is ambiguous.
        velocity = note.velocity if is_given else _velocity(note.velocity, written, style)
        before = struck.get((channel, pitch))
        if before is not None and events[before][0] == start:
            # Two notes at once become one, the louder; the end of the earlier one is the next event.
            louder = max(velocity, events[before][4])
            events[before] = (*events[before][:4], louder)
            events[before + 1] = (max(stop, events[before + 1][0]), *events[before + 1][1:])
            continue
        if before is not None and events[before + 1][0] > start:
            events[before + 1] = (start, *events[before + 1][1:])
        struck[channel, pitch] = len(events)
        events.append((start, 1, channel, pitch, velocity))
        events.append((stop, 0, channel, pitch, 0))
    return _write_track(sequence, events, channels, end, style, [(at * bar, name) for at, name in markers])


def _bars_needed(sequence: NoteSequence, per_second: float, bar: int) -> int:
    """Bars of `bar` ticks up to the bar line after the last note."""
    needed = 1
    for note in sequence.notes:
        needed = max(needed, int(note.start_time * per_second + 0.5) // bar + 1)
        if not note.is_drum:
            needed = max(needed, -(-int(note.end_time * per_second + 0.5) // bar))
    return needed


def _swung(tick: int, style: Style) -> int:
    """The tick with swing: the second sixteenth of each pair is delayed, and what is around it in proportion."""
    if not style.swing:
        return tick
    sixteenth = style.ticks_per_quarter / 4
    pair, inside = divmod(tick, 2 * sixteenth)
    middle = round(sixteenth * (1 + style.swing))
    if inside <= sixteenth:
        inside = round(inside * middle / sixteenth)
    else:
        # Rounding must not carry the last ticks into the next pair, or over the end of the clip.
        late = middle + round((inside - sixteenth) * (2 * sixteenth - middle) / sixteenth)
        inside = min(late, 2 * sixteenth - 1)
    return round(pair * 2 * sixteenth + inside)


def _velocity(velocity: int, tick: int, style: Style) -> int:
    """The velocity with the style's own velocity and accents, 1 to 127."""
    value = style.velocity if style.velocity is not None else velocity
    if style.accents:
        step = round(tick / (style.ticks_per_quarter / 4)) % round(4 * style.quarters_per_beat)
        value += 12 if step == 0 else (0, -14)[step % 2]
    return min(127, max(1, value))


def _pitch_map(drum_map: Mapping[str, int] | None) -> dict[int, int]:
    """The MIDI note that each pitch of a drum is written as."""
    if drum_map is None:
        return {}
    return {pitch: drum_map[drum.name] for drum in REDUCED_DRUM_CLASSES for pitch in drum.pitches}


def _channels(sequence: NoteSequence) -> dict[int, int]:
    """A MIDI channel for each pitched instrument, leaving out channel 10."""
    instruments = sorted({note.instrument for note in sequence.notes if not note.is_drum})
    free = [channel for channel in range(16) if channel != DRUM_CHANNEL]
    return {instrument: free[i % len(free)] for i, instrument in enumerate(instruments)}


def _write_track(
    sequence: NoteSequence,
    events: list[tuple[int, int, int, int, int]],
    channels: dict[int, int],
    end: int,
    style: Style,
    markers: list[tuple[int, str]],
) -> bytes:
    file = mido.MidiFile(type=0, ticks_per_beat=style.ticks_per_quarter, charset="utf-8")
    track = mido.MidiTrack()
    file.tracks.append(track)
    numerator, denominator = style.time_signature
    track.append(mido.MetaMessage("time_signature", numerator=numerator, denominator=denominator))
    track.append(mido.MetaMessage("set_tempo", tempo=microseconds_of(style.qpm)))
    programs = {note.instrument: note.program for note in sequence.notes if not note.is_drum}
    for instrument, program in sorted(programs.items()):
        track.append(mido.Message("program_change", channel=channels[instrument], program=program))
    now = 0
    changes = ((round(quarter * style.ticks_per_quarter), qpm) for quarter, qpm in style.tempos)
    metas = [
        *(
            (tick, mido.MetaMessage("set_tempo", tempo=microseconds_of(qpm)))
            for tick, qpm in changes
            if tick < end
        ),
        *((tick, mido.MetaMessage("marker", text=name)) for tick, name in sorted(markers)),
    ]
    for tick, message in _in_order(events, metas):
        message.time = tick - now
        track.append(message)
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=end - now))
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def _in_order(
    events: list[tuple[int, int, int, int, int]], metas: list[tuple[int, mido.MetaMessage]]
) -> Iterator[tuple[int, mido.Message | mido.MetaMessage]]:
    """Ticks and messages in order; markers and tempos come before the notes of the same tick."""
    waiting = sorted(metas, key=lambda meta: meta[0])
    for tick, is_on, channel, pitch, velocity in sorted(events):
        while waiting and waiting[0][0] <= tick:
            yield waiting.pop(0)
        kind = "note_on" if is_on else "note_off"
        yield tick, mido.Message(kind, channel=channel, note=pitch, velocity=velocity)
    yield from waiting


def write_midi(
    sequence: NoteSequence,
    path: str | Path,
    style: Style = Style(),
    bars: int | None = None,
    force: bool = False,
    markers: Sequence[Marker] = (),
) -> None:
    """Write a MIDI file, completely or not at all; arguments as for `midi_bytes`.

    >>> import tempfile
    >>> from preprocess.midi.reader import read_midi
    >>> beat = NoteSequence()
    >>> _ = beat.notes.add(pitch=36, velocity=100, start_time=0.0, end_time=0.1, is_drum=True)
    >>> _ = beat.notes.add(pitch=38, velocity=100, start_time=0.5, end_time=0.6, is_drum=True)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_midi(beat, f"{folder}/beat.mid", Style(qpm=60), bars=1)
    ...     [(note.pitch, note.start_time) for note in read_midi(f"{folder}/beat.mid").notes]
    [(36, 0.0), (38, 1.0)]

    Raises:
        InputError: where the file exists and `force` is not given, or the folder can't be written.
    """
    path = Path(path)
    check_outputs([path], force)
    write_atomically(path, midi_bytes(sequence, style, bars, markers))

"""The notes, bends and controls of a MIDI file by instrument: by program, channel and track, as pretty_midi groups them."""

import bisect
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from preprocess.midi.events import (
    CONTROL_CHANGE,
    META,
    NOTE_OFF,
    NOTE_ON,
    PITCH_BEND,
    PROGRAM_CHANGE,
    TRACK_NAME,
    Track,
    meta_data,
)


@dataclass
class Instrument:
    """The notes of one program, channel and track.

    Attributes:
        name: of the track so far, when the instrument first plays.
        notes: start and end in ticks, pitch and velocity.
        unended: places in `notes` of those without end or length; their end is the latest that they can have.
        bends: tick, and -8192 to 8191.
        controls: tick, number and value.
    """

    program: int
    channel: int
    track: int
    name: str
    notes: list[tuple[int, int, int, int]] = field(default_factory=list)
    unended: list[int] = field(default_factory=list)
    bends: list[tuple[int, int]] = field(default_factory=list)
    controls: list[tuple[int, int, int]] = field(default_factory=list)

    def add_unended(self, started: Sequence[tuple[int, int]], pitch: int, latest: int) -> None:
        """Add notes of a pitch that have no end, as (start, velocity)."""
        self.unended += range(len(self.notes), len(self.notes) + len(started))
        self.notes += [(start, latest, pitch, velocity) for start, velocity in started]

    def end_notes(self, is_drum: bool, short: int, latest: int | None) -> None:
        """Give each note without end or length an end, at the latest where the next one of its pitch begins.

        Args:
            is_drum: whether they are drums, which last no longer than `short`, as notes without length do.
            short: ticks.
            latest: ends no note later; None for no limit.
        """
        starts: dict[int, list[int]] = defaultdict(list)
        for start, _, pitch, _ in self.notes:
            starts[pitch].append(start)
        for of_pitch in starts.values():
            of_pitch.sort()
        for place in self.unended:
            start, end, pitch, velocity = self.notes[place]
            end = end if latest is None else min(end, latest)
            if is_drum or end <= start:
                end = min(end, start + short) if end > start else start + short
            following = bisect.bisect_right(starts[pitch], start)
            if following < len(starts[pitch]):
                end = min(end, starts[pitch][following])
            self.notes[place] = (start, end, pitch, velocity)


Instruments = dict[tuple[int, int, int], Instrument]
"""By program, channel and track."""


def instruments_of(tracks: Sequence[Track]) -> list[Instrument]:
    """The instruments of tracks that sound together, in the order of each one's first finished note."""
    instruments: Instruments = {}
    for index, track in enumerate(tracks):
        _TrackInstruments(index, instruments).read(track)
    return list(instruments.values())


class _TrackInstruments:
    """The instruments of one track while its events are read.

    Bends and controls before a channel's first note wait, and go to each instrument of that channel that comes later.
    (All of these share them: so pretty_midi has it.)

    Args:
        index: of the track.
        instruments: those of all tracks; this one's are added.
    """

    def __init__(self, index: int, instruments: Instruments):
        self.index = index
        self.instruments = instruments
        self.name = ""
        self.programs = [0] * 16
        self.waiting: dict[int, Instrument] = {}
        self.sounding: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)

    def read(self, track: Track) -> None:
        """Go through the events of the track; what still sounds at its end has no end."""
        sounding = self.sounding
        for tick, event in track.events:
            status = event[0]
            kind, channel = status & 0xF0, status & 0x0F
            if kind == NOTE_ON and event[2]:
                sounding[channel, event[1]].append((tick, event[2]))
            elif kind in (NOTE_OFF, NOTE_ON):
                self._end_notes(channel, event[1], tick)
            elif kind == PROGRAM_CHANGE:
                self.programs[channel] = event[1]
            elif kind == CONTROL_CHANGE:
                self._controlled(channel).controls.append((tick, event[1], event[2]))
            elif kind == PITCH_BEND:
                self._controlled(channel).bends.append((tick, (event[2] << 7 | event[1]) - 8192))
            elif status == META and event[1] == TRACK_NAME:
                self.name = meta_data(event).decode("latin-1")
        end = track.events[-1][0] if track.events else 0
        for (channel, pitch), started in sounding.items():
            if started:
                self._playing(channel).add_unended(started, pitch, end)

    def _playing(self, channel: int) -> Instrument:
        """The instrument that plays on a channel now; a new one where it has no note yet."""
        key = (self.programs[channel], channel, self.index)
        instrument = self.instruments.get(key)
        if instrument is None:
            instrument = self.instruments[key] = Instrument(*key, self.name)
            if waiting := self.waiting.get(channel):
                instrument.bends, instrument.controls = waiting.bends, waiting.controls
        return instrument

    def _controlled(self, channel: int) -> Instrument:
        """The instrument that bends and controls of a channel go to now: one that waits, before its first note."""
        key = (self.programs[channel], channel, self.index)
        playing = self.instruments.get(key)
        return playing or self.waiting.setdefault(channel, Instrument(*key, self.name))

    def _end_notes(self, channel: int, pitch: int, tick: int) -> None:
        """End all notes of a pitch that began before a tick; those that begin at it go on, if others end there."""
        started = self.sounding.pop((channel, pitch), None)
        if not started:
            return
        ended = [(start, tick, pitch, velocity) for start, velocity in started if start != tick]
        if not ended:
            self._playing(channel).add_unended(started, pitch, tick)
            return
        if len(ended) < len(started):
            self.sounding[channel, pitch] = [note for note in started if note[0] == tick]
        self._playing(channel).notes += ended

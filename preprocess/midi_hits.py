"""The drum hits of a MIDI file, to be struck earlier, later, softer or louder in the same file.

A NoteSequence holds less than a MIDI file does: names, controllers and system messages of other tracks would be
lost on the way through one. So the bytes of every other event are kept as they are, and only those of the hits
that change are written anew.
"""

import dataclasses
import math
import struct
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from preprocess.converters.groove_hits import Triple
from preprocess.drum_tracks import DRUM_CHANNEL, DrumChoice, drum_parts
from preprocess.errors import InputError
from preprocess.midi import note_sequences, read_bytes
from preprocess.midi_file import Event, MidiFile, parse_midi
from preprocess.note_sequence import NoteSequence

STEPS_PER_QUARTER = 4
FINE = 480
"""Ticks of a quarter note below which a file is written with more of them, or timing would be coarse."""

MAX_STEPS = 2**19
"""Sixteenths of a file: four hours at 480 quarter notes a minute."""


@dataclass(frozen=True)
class Hit:
    """A note that is a drum.

    Attributes:
        start, end: in ticks.
        pitch, velocity: 0 to 127 and 1 to 127.
        track: index of its track.
        on, off: indices of its two events in the track.
        earliest, latest: ticks between which its program stays the same.
    """

    start: int
    end: int
    pitch: int
    velocity: int
    track: int
    on: int
    off: int
    earliest: int
    latest: int


class MidiHits:
    """A MIDI file with its drum hits in order of time.

    Args:
        data: the file's bytes.
        drums: where its drums are.

    Attributes:
        hits: all of them.
        qpm: the file's first tempo.
        drums_found: the sentence that says which track was taken for drums, where that is not said by channel 10.

    Raises:
        InputError: where it is not a file that `read_midi` takes, has no drums (`no_drums`), a meter that does
            not have four quarter notes a bar (`other_meter`) or more than `MAX_STEPS` (`too_long`).
    """

    def __init__(self, data: bytes, drums: DrumChoice = DrumChoice()):
        file = parse_midi(data)
        sequence = note_sequences(file, drums=drums)[0]
        check_meter(sequence)
        self.qpm = sequence.tempos[0].qpm
        self._data = data
        division = file.ticks_per_quarter
        # Time in SMPTE frames is fine enough as it stands.
        scale = 1 if division >= FINE or file.seconds_per_tick is not None else -(-FINE // division)
        self.ticks_per_step = division * scale / STEPS_PER_QUARTER
        self._header = _header(file, scale)
        self._before = [track.before for track in file.tracks]
        self._behind = file.behind
        self._tracks = [[(tick * scale, event) for tick, event in track.events] for track in file.tracks]
        parts, self.drums_found = drum_parts(file, drums, wanted=True)
        hits = [hit for i, channel in sorted(parts) for hit in _hits(self._tracks[i], i, channel)]
        if not hits:
            raise InputError("The file has no drums; a drum track is on MIDI channel 10.", "no_drums")
        self.hits = sorted(hits, key=lambda hit: (hit.start, hit.track, hit.on))
        check_length(self.positions[-1])

    @property
    def positions(self) -> np.ndarray:
        """Where each of `hits` begins, float `[hits]` in sixteenths from the start."""
        return np.array([hit.start for hit in self.hits]) / self.ticks_per_step

    def with_hits(self, starts: Sequence[int], velocities: Sequence[int]) -> bytes:
        """The file with its hits struck otherwise; the same bytes where nothing changes.

        A hit keeps its length, except where the next one of its pitch now begins before it ends, and where it
        would now end behind the track that held it.

        Args:
            starts: a tick for each of `hits`.
            velocities: 1 to 127 for each of `hits`.
        """
        new = [
            dataclasses.replace(hit, start=start, end=hit.end + start - hit.start, velocity=velocity)
            for hit, start, velocity in zip(self.hits, starts, velocities, strict=True)
        ]
        changed = {(hit.track, hit.pitch) for hit, old in zip(new, self.hits, strict=True) if hit != old}
        if not changed:
            return self._data
        chunks = []
        for i, events in enumerate(self._tracks):
            pairs = [
                (old, hit)
                for old, hit in zip(self.hits, new, strict=True)
                if hit.track == i and (i, hit.pitch) in changed
            ]
            chunks.append(self._before[i] + _track_bytes(_restruck(events, pairs) if pairs else events))
        return self._header + b"".join(chunks) + self._behind

    def drum_sequence(self) -> Any:
        """The hits alone as a NoteSequence at the file's first tempo, for pictures and sound."""
        seconds = 60.0 / self.qpm / STEPS_PER_QUARTER / self.ticks_per_step
        sequence = NoteSequence(ticks_per_quarter=FINE)
        sequence.tempos.add(qpm=self.qpm)
        for hit in self.hits:
            sequence.notes.add(
                start_time=hit.start * seconds,
                end_time=max(hit.end, hit.start + 1) * seconds,
                pitch=hit.pitch,
                velocity=hit.velocity,
                instrument=DRUM_CHANNEL,
                is_drum=True,
            )
        sequence.total_time = max(note.end_time for note in sequence.notes)
        return sequence


def read_hits(path: Path, drums: DrumChoice = DrumChoice()) -> MidiHits:
    """The hits of the MIDI file at a path.

    Raises:
        InputError: as `MidiHits` does, naming the file, or where it can't be read (`unreadable`).
    """
    try:
        return MidiHits(read_bytes(path), drums)
    except InputError as error:
        raise InputError(f"{path}: {str(error).removeprefix(f'{path}: ')}", error.reason) from error


def check_meter(sequence: Any) -> None:
    """Refuse music whose bars are not four quarter notes long.

    Raises:
        InputError: naming the meter (`other_meter`).
    """
    for meter in sequence.time_signatures:
        if meter.numerator != meter.denominator:
            raise InputError(
                f"The meter is {meter.numerator}/{meter.denominator}; the models play 4/4 only.",
                "other_meter",
            )


def check_length(steps: float) -> None:
    """Refuse music of more sixteenths than any music has.

    Raises:
        InputError: `too_long`.
    """
    if steps > MAX_STEPS:
        raise InputError(f"The music lasts longer than {MAX_STEPS} sixteenths.", "too_long")


def as_performed(
    file: MidiHits, drums: np.ndarray, performance: Triple, timing: float = 1.0, velocity: float = 1.0
) -> bytes:
    """The file with its hits played as a performance of them.

    The loudest hit of a drum and step is played as the performance says. Others of that drum on the same step,
    the grace note of a flam or a second kick drum, go with it: they move as far, and are as much louder or
    softer. All stay within half a step of their step, and none lies before the start.

    Args:
        file: whose hits; not changed.
        drums: int `[hits]`, which drum of the performance each is; -1 for those that stay as they are.
        performance: hits, MIDI velocities and offsets in steps (early ones positive), `[steps, drums]` each.
        timing: 0 to 1, how far the hits move towards the performance's timing.
        velocity: 0 to 1, the same for the velocities.
    """
    _, new_velocities, offsets = performance
    starts = [hit.start for hit in file.hits]
    velocities = [hit.velocity for hit in file.hits]
    together: dict[tuple[int, int], list[int]] = defaultdict(list)
    for i, (position, drum) in enumerate(zip(file.positions, drums, strict=True)):
        if drum >= 0:
            together[int(position + 0.5), int(drum)].append(i)
    for (step, drum), members in together.items():
        hits = [file.hits[i] for i in members]
        # The first of equally loud ones, as the grid has it.
        loudest = max(hits, key=lambda hit: hit.velocity)
        played = (step - offsets[step, drum]) * file.ticks_per_step
        shift = _allowed(round(timing * (played - loudest.start)), hits, step, file.ticks_per_step)
        wanted = (1 - velocity) * loudest.velocity + velocity * new_velocities[step, drum]
        for i, hit in zip(members, hits, strict=True):
            starts[i] = hit.start + shift
            velocities[i] = min(127, max(1, round(hit.velocity * wanted / loudest.velocity)))
    return file.with_hits(starts, velocities)


def _allowed(shift: int, hits: list[Hit], step: int, ticks_per_step: float) -> int:
    """The nearest shift in ticks that leaves hits on their step, in the file and under their program."""
    first = max(0, math.ceil((step - 0.5) * ticks_per_step), *(hit.earliest for hit in hits))
    last = min(math.ceil((step + 0.5) * ticks_per_step) - 1, *(hit.latest for hit in hits))
    lowest = min(0, first - min(hit.start for hit in hits))
    highest = max(0, last - max(hit.start for hit in hits))
    return min(highest, max(lowest, shift))


def _header(file: MidiFile, scale: int) -> bytes:
    """The header of the file with so many times the ticks, and with what it says about length and tracks set right."""
    size, count = len(file.header) - 8, len(file.tracks)
    division = file.header[12:14]
    if scale != 1:
        division = struct.pack(">H", file.ticks_per_quarter * scale)
    return (
        b"MThd"
        + struct.pack(">I", size)
        + file.header[8:10]
        + struct.pack(">H", count)
        + division
        + file.header[14:]
    )


def _hits(events: list[Event], track: int, channel: int) -> list[Hit]:
    """The notes of a channel on a track, paired as `read_midi` does: an end closes all that began before it.

    Where there is only one that began at the same tick, it is a note without length, as drum triggers send.
    """
    programs = [(i, tick) for i, (tick, data) in enumerate(events) if data[0] == 0xC0 | channel]
    last_tick = events[-1][0] if events else 0
    sounding: dict[int, list[int]] = defaultdict(list)
    hits = []
    for i, (tick, data) in enumerate(events):
        if data[0] & 0x0F != channel or data[0] & 0xF0 not in (0x80, 0x90):
            continue
        pitch = data[1]
        if data[0] & 0xF0 == 0x90 and data[2]:
            sounding[pitch].append(i)
            continue
        closed = [on for on in sounding[pitch] if events[on][0] < tick] or sounding[pitch]
        sounding[pitch] = [on for on in sounding[pitch] if on not in closed]
        for on in closed:
            at = bisect_right(programs, (on, 0))
            earliest = programs[at - 1][1] if at else 0
            latest = programs[at][1] if at < len(programs) else last_tick
            start, message = events[on]
            hits.append(Hit(start, tick, pitch, message[2], track, on, i, earliest, latest))
    return hits


def _restruck(events: list[Event], pairs: list[tuple[Hit, Hit]]) -> list[Event]:
    """A track's events with hits, of all that its pitches have, replaced by others: (old, new)."""
    last_tick = events[-1][0]
    replaced = {index for old, _ in pairs for index in (old.on, old.off)}
    # At one tick: what ends, then everything in its order, then the ends of notes without length.
    keyed = [((tick, 1, i), data) for i, (tick, data) in enumerate(events) if i not in replaced]
    following: dict[int, tuple[Hit, Hit]] = {}
    for old, new in reversed(pairs):
        end = min(new.end, max(last_tick, new.start + 1)) if old.end > old.start else new.start
        if new.pitch in following and old.end > old.start:
            old_next, new_next = following[new.pitch]
            if old.end <= old_next.start:
                end = max(new.start + 1, min(end, new_next.start))
        following[new.pitch] = (old, new)
        on, off = events[old.on][1], events[old.off][1]
        keyed.append(((new.start, 1, old.on), on[:2] + bytes([new.velocity])))
        keyed.append(((end, 0 if end > new.start else 2, old.off), off))
    keyed.sort(key=lambda pair: pair[0])
    return _ended([(key[0], data) for key, data in keyed])


def _ended(events: list[Event]) -> list[Event]:
    """The events with the end of the track behind them all."""
    ends = [event for event in events if event[1][:2] == b"\xff\x2f"]
    others = [event for event in events if event[1][:2] != b"\xff\x2f"]
    if not ends:
        return others
    return [*others, (max(ends[-1][0], others[-1][0]), ends[-1][1])]


def _track_bytes(events: list[Event]) -> bytes:
    """A track chunk; every event says its status."""
    out = bytearray()
    now = 0
    for tick, data in events:
        # Only a late end of the track can be too far away for four bytes.
        out += _quantity(min(tick - now, 2**28 - 1)) + data
        now = tick
    return b"MTrk" + len(out).to_bytes(4, "big") + bytes(out)


def _quantity(value: int) -> bytes:
    """A variable-length quantity."""
    out = [value & 0x7F]
    while value := value >> 7:
        out.append(value & 0x7F | 0x80)
    return bytes(reversed(out))

"""What the tracks of a MIDI file say of tempo, meter and key, as note-seq reads it, and on which track it counts.

note-seq reads these of the first track. Here those of the others count too, where they change something; what the first
one says stays as note-seq has it, repetitions included.
"""

import bisect
from collections.abc import Sequence

from common.errors import InputError
from preprocess.midi.events import KEY, METER, MICROSECONDS_A_MINUTE, TEMPO, Track, microseconds
from preprocess.midi.file import MidiWarning


def timeline_events(tracks: Sequence[Track], kind: int) -> list[tuple[int, int, bytes]]:
    """The events of a kind on all tracks in order of time: tick, index of the track and data.

    Args:
        tracks: that sound together.
        kind: `TEMPO`, `METER` or `KEY`.
    """
    found = [
        (tick, index, data)
        for index, track in enumerate(tracks)
        for tick, other, data in track.conductor
        if other == kind
    ]
    return found if len(tracks) == 1 else sorted(found, key=lambda event: event[:2])


class Clock:
    """Ticks as seconds.

    Args:
        tracks: that sound together; their tempos count.
        ticks_per_quarter: of the file.
        seconds_per_tick: of a file that counts time in SMPTE frames: its times are its own, and its tempos only say where
            the quarter notes are.

    Attributes:
        tempos: seconds, and quarter notes a minute from there on.
        seconds_per_tick: of a file of one tempo; None where it changes.

    Raises:
        InputError: for a tempo that is none (`bad_tempo`).
    """

    def __init__(self, tracks: Sequence[Track], ticks_per_quarter: int, seconds_per_tick: float | None):
        changes = _scales(tracks, ticks_per_quarter)
        ticks, scales = [tick for tick, _ in changes], [scale for _, scale in changes]
        if seconds_per_tick is None:
            times = [0.0]
            for i in range(1, len(ticks)):
                times.append(times[-1] + scales[i - 1] * (ticks[i] - ticks[i - 1]))
            self._ticks, self._times, self._scales = ticks, times, scales
        else:
            times = [tick * seconds_per_tick for tick in ticks]
            self._ticks, self._times, self._scales = [0], [0.0], [seconds_per_tick]
        qpms = [60.0 / (scale * ticks_per_quarter) for scale in scales]
        self.tempos = list(zip(times, qpms, strict=True))
        self.seconds_per_tick = self._scales[0] if len(self._scales) == 1 else None

    def time(self, tick: int) -> float:
        """Seconds at a tick."""
        i = bisect.bisect_right(self._ticks, tick) - 1 if len(self._ticks) > 1 else 0
        return self._times[i] + self._scales[i] * (tick - self._ticks[i])


def _scales(tracks: Sequence[Track], ticks_per_quarter: int) -> list[tuple[int, float]]:
    """Where each tempo begins, from tick 0 on, and the seconds of a tick from there on."""
    scales = [(0, 60.0 / (120.0 * ticks_per_quarter))]
    for tick, index, data in timeline_events(tracks, TEMPO):
        scale = 60.0 / (MICROSECONDS_A_MINUTE / microseconds(data) * ticks_per_quarter)
        if tick == 0:
            scales = [(0, scale)]
            continue
        # Of several tracks' tempos at one tick the last one stays, as it does where they are played.
        if index and tick == scales[-1][0]:
            scales.pop()
        if scale != scales[-1][1]:
            scales.append((tick, scale))
    return scales


def meters(tracks: Sequence[Track], warnings: list[MidiWarning]) -> list[tuple[int, int, int]]:
    """Tick, numerator and denominator of all meters of the first track, and of those of others that change something.

    At one tick the last one stays.

    Raises:
        InputError: for a time signature that is none (`bad_time_signature`).
    """
    found: list[tuple[int, int, int]] = []
    for tick, index, data in timeline_events(tracks, METER):
        if len(data) < 2 or data[1] > 30:
            raise InputError("A time signature is cut off or has no such denominator.", "bad_time_signature")
        if data[0] == 0:
            _warn(warnings, "time_signature", "A time signature has no beats; it was left out.")
            continue
        meter = (tick, data[0], 2 ** data[1])
        if index and found and found[-1][0] == tick:
            found.pop()
        if not index or not found or found[-1][1:] != meter[1:]:
            found.append(meter)
    return found


def keys(tracks: Sequence[Track], warnings: list[MidiWarning]) -> list[tuple[int, int, int]]:
    """Tick, tonic (0 for C) and mode (0 major, 1 minor) of the keys; one that names none is left out with a warning."""
    found: list[tuple[int, int, int]] = []
    for tick, index, data in timeline_events(tracks, KEY):
        sharps = int.from_bytes(data[:1], "big", signed=True) if data else 8
        if len(data) < 2 or not -7 <= sharps <= 7 or data[1] > 1:
            _warn(warnings, "key_signature", "A key signature names no key; it was left out.")
            continue
        minor = int(data[1])
        key = (tick, (7 * sharps + 9 * minor) % 12, minor)
        if not index or not found or found[-1][1:] != key[1:]:
            found.append(key)
    return found


def _warn(warnings: list[MidiWarning], code: str, message: str) -> None:
    """Add a warning, once of each code."""
    if all(warning.code != code for warning in warnings):
        warnings.append(MidiWarning(code, message))

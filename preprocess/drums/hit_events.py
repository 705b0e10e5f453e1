"""The notes of a track that are hits: their two events found, and written again where timing or velocity change."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from preprocess.midi.events import Event


class Hit(NamedTuple):
    """A note that is a drum, or a tap.

    Attributes:
        start, end: in ticks; equal where it has no length, or no end.
        pitch, velocity: 0 to 127 and 1 to 127.
        track: index of its track.
        channel: 0 to 15.
        on, off: indices of its two events in the track; `off` is None where it has no end of its own.
        earliest, latest: ticks between which its program stays the same and its track lasts.
    """

    start: int
    end: int
    pitch: int
    velocity: int
    track: int
    channel: int
    on: int
    off: int | None
    earliest: int
    latest: int


def hits_of(events: Sequence[Event], track: int, channels: Collection[int]) -> Iterable[Hit]:
    """The notes of some of a track's channels, paired as `read_midi` does: an end closes all that began before it.

    Where there is only what began at the same tick, it is a note without length, as drum triggers send. Of several
    notes that an end closes, the last one has it, and the others have none.
    """
    programs: dict[int, list[tuple[int, int]]] = defaultdict(list)
    sounding: dict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    ended: dict[int, tuple[int, int | None]] = {}
    for i, (tick, data) in enumerate(events):
        kind, channel = data[0] & 0xF0, data[0] & 0x0F
        if kind == 0xC0:
            programs[channel].append((i, tick))
        if kind not in (0x80, 0x90) or channel not in channels:
            continue
        waiting = sounding[channel, data[1]]
        if kind == 0x90 and data[2]:
            waiting.append((tick, i))
            ended[i] = tick, None
        elif waiting:
            count = bisect_left(waiting, (tick,)) or len(waiting)
            for _, on in waiting[:count]:
                ended[on] = tick, None
            ended[waiting[count - 1][1]] = tick, i
            del waiting[:count]
    last_tick = events[-1][0] if events else 0
    for on, (end, off) in ended.items():
        start, message = events[on]
        channel = message[0] & 0x0F
        at = bisect_right(programs[channel], (on, 0))
        earliest = programs[channel][at - 1][1] if at else 0
        latest = programs[channel][at][1] if at < len(programs[channel]) else last_tick - (end > start)
        yield Hit(start, end, message[1], message[2], track, channel, on, off, earliest, latest)


def restruck(events: Sequence[Event], pairs: list[tuple[Hit, Hit]]) -> list[Event]:
    """A track's events with hits, of all that its pitches have, replaced by others: (old, new)."""
    last_tick = events[-1][0]
    replaced = {index for old, _ in pairs for index in (old.on, old.off)}
    # At one tick: what ends, then everything in its order, then the ends of notes without length.
    keyed = [((tick, 1, i), data) for i, (tick, data) in enumerate(events) if i not in replaced]
    following: dict[tuple[int, int], tuple[Hit, Hit]] = {}
    for old, new in reversed(pairs):
        note = new.channel, new.pitch
        on = events[old.on][1]
        keyed.append(((new.start, 1, old.on), on[:2] + bytes([new.velocity])))
        if old.off is not None:
            end = min(new.end, max(last_tick, new.start + 1)) if old.end > old.start else new.start
            if note in following and old.end > old.start:
                old_next, new_next = following[note]
                if old.end <= old_next.start:
                    end = max(new.start + 1, min(end, new_next.start))
            keyed.append(((end, 0 if end > new.start else 2, old.off), events[old.off][1]))
        following[note] = (old, new)
    keyed.sort(key=lambda pair: pair[0])
    return [(key[0], data) for key, data in keyed]

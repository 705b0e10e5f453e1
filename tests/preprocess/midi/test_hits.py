"""The hits of MIDI files of every kind, and the same files with other hits."""

import io
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import mido
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from preprocess.drums.tracks import DrumChoice
from preprocess.midi.file import parse_midi
from preprocess.midi.hits import MidiHits, as_performed
from preprocess.midi.reader import read_midi
from tests.helpers.midi_bytes import END, Events, meter, midi, struck, tempo, track

STEP = 120
BAR = 1920


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """Fail where the block hangs; generous, as it guards against quadratic work only."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"not done after {seconds} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def played(file: MidiHits, late: float = 0.0, velocity: float = 50.0) -> bytes:
    """The file with all its hits `late` steps later and at one velocity."""
    shape = int(file.positions.max()) + 17, 1
    values = np.ones(shape), np.full(shape, velocity), np.full(shape, -late)
    return file.with_hits(*as_performed(file, np.zeros(len(file.hits), int), values))


def others(data: bytes) -> list[list[tuple[int, bytes]]]:
    """All events but the notes, and but the ends of tracks."""
    return [
        [(tick, e) for tick, e in track.events if e[0] & 0xE0 != 0x80 and e[:2] != b"\xff\x2f"]
        for track in parse_midi(data).tracks
    ]


def test_notes_without_an_end_are_hits_and_get_none() -> None:
    ons = [(tick, b"\x99\x26\x64") for tick in range(0, BAR, 240)]
    file = MidiHits(midi(track(*ons, end=BAR)))
    assert [(hit.start, hit.end, hit.off) for hit in file.hits] == [(t, t, None) for t, _ in ons]
    events = parse_midi(played(file, 0.25)).tracks[0].events
    assert events == [(tick + 30, b"\x99\x26\x32") for tick, _ in ons] + [(BAR, END[1:])]


def test_of_several_notes_that_one_end_closes_the_last_one_has_it() -> None:
    events = [(0, b"\x99\x26\x64"), (240, b"\x99\x26\x50"), (480, b"\x89\x26\x00"), (960, b"\x99\x26\x40")]
    file = MidiHits(midi(track(*events, end=BAR)))
    assert [(hit.start, hit.end, hit.off) for hit in file.hits] == [
        (0, 480, None),
        (240, 480, 2),
        (960, 960, None),
    ]
    after = MidiHits(played(file, 0.5))
    assert [(hit.start, hit.end) for hit in after.hits] == [(59, 539), (299, 539), (1019, 1019)]
    assert len(parse_midi(played(file, 0.5)).tracks[0].events) == 5


def test_what_is_not_a_hit_stays_to_the_byte() -> None:
    rest: Events = [
        (0, tempo(500000)),
        (0, meter(4, 4)),
        (0, b"\xff\x03\x04Drum"),
        (0, b"\xc9\x08"),
        (100, b"\xb9\x04\x20"),
        (100, b"\xf0\x03\x01\x02\xf7"),
        (300, b"\xe9\x00\x40"),
        (700, tempo(412345)),
        (960, b"\xff\x7f\x02\x01\x02"),
        (960, b"\xd9\x33"),
    ]
    keys = track(*struck(range(0, BAR, 240), 60, channel=0), (500, b"\xb0\x40\x7f"))
    data = midi(keys, track(*rest, *struck(range(0, BAR, 120), 38), end=BAR))
    after = played(MidiHits(data), 0.2)
    assert others(after) == others(data)
    assert parse_midi(after).tracks[0].events == parse_midi(data).tracks[0].events
    assert after != data
    assert [e for e in parse_midi(after).tracks[1].events if e[1][:2] == b"\xff\x2f"] == [(BAR, END[1:])]


def test_swing_is_kept_and_what_is_played_added() -> None:
    ticks = [i * STEP + 29 * (i % 2) for i in range(32)]
    file = MidiHits(midi(track(*struck(ticks, 42), end=2 * BAR)))
    assert np.floor(file.positions + 0.5).tolist() == list(range(32))
    offsets = np.random.default_rng(0).normal(0, 0.1, (32, 1)).clip(-0.4, 0.4)
    performance = np.ones((32, 1)), np.full((32, 1), 80.0), offsets
    moved = np.array(as_performed(file, np.zeros(32, int), performance)[0]) - ticks
    np.testing.assert_allclose(moved[2::2], -offsets[2::2, 0] * STEP, atol=0.51)
    assert abs(moved[1::2].mean()) < 3
    half = np.array(as_performed(file, np.zeros(32, int), performance, timing=0.5)[0]) - ticks
    np.testing.assert_allclose(half, moved / 2, atol=1)
    assert as_performed(file, np.zeros(32, int), performance, timing=0)[0] == ticks


@given(
    ticks=st.lists(st.integers(0, 3 * BAR), min_size=1, max_size=60, unique=True),
    seed=st.integers(0, 2**32 - 1),
    timing=st.floats(0, 1),
)
def test_hits_of_a_drum_keep_their_order(ticks: list[int], seed: int, timing: float) -> None:
    ticks = sorted(ticks)
    rng = np.random.default_rng(seed)
    file = MidiHits(midi(track(*struck(ticks, 38, length=1), *struck(ticks[::2], 36), end=4 * BAR)))
    performance = np.ones((64, 2)), rng.uniform(1, 127, (64, 2)), rng.uniform(-0.5, 0.5, (64, 2))
    drums = np.array([int(hit.pitch == 38) for hit in file.hits])
    starts, velocities = as_performed(file, drums, performance, timing)
    for drum in (0, 1):
        moved = [start for start, which in zip(starts, drums, strict=True) if which == drum]
        assert sorted(set(moved)) == moved
    data = file.with_hits(starts, velocities)
    assert len(read_midi(data).notes) == len(file.hits) == len(MidiHits(data).hits)


@pytest.mark.parametrize("signature", [(2, 4), (3, 4), (5, 4), (6, 8), (7, 8), (12, 8)])
def test_meters_of_every_kind_are_taken(signature: tuple[int, int]) -> None:
    data = midi(track((0, meter(*signature)), *struck(range(0, 4 * BAR, 240), 38)))
    file = MidiHits(data)
    assert file.meter == signature
    np.testing.assert_array_equal(file.positions, np.arange(32) * 2)
    assert others(played(file, 0.1)) == others(data)


def test_bars_after_a_short_one_are_heard_from_their_bar_lines() -> None:
    metres = track((0, meter(4, 4)), (BAR, meter(2, 4)), (BAR + 960, meter(4, 4)))
    kicks = [0, BAR, BAR + 960, 2 * BAR + 960]
    file = MidiHits(midi(metres, track(*struck(kicks, 36), end=3 * BAR + 960)))
    assert file.positions.tolist() == [0, 16, 32, 48]
    assert [hit.start for hit in MidiHits(played(file, 0.25)).hits] == [
        30,
        BAR + 30,
        BAR + 990,
        2 * BAR + 990,
    ]


def test_a_tempo_map_on_any_track_says_how_fast_each_hit_is() -> None:
    tempos = track((0, tempo(600000)), (960, tempo(300000)))
    file = MidiHits(midi(track(*struck([0, 480, 960, 1440], 38)), tempos))
    assert file.qpms.tolist() == [100, 100, 200, 200] and file.qpm == 100
    assert MidiHits(midi(track(*struck([0, 480], 38)))).qpms.tolist() == [120, 120]


def test_the_patterns_of_a_format_2_file_stand_for_themselves() -> None:
    first = track((0, meter(3, 4)), (0, tempo(600000)), *struck([0, 1440], 38), end=2880)
    data = bytearray(midi(first, track((0, tempo(300000)), *struck([120, 360], 36), end=480)))
    data[9] = 2
    file = MidiHits(bytes(data))
    assert [(hit.track, hit.start) for hit in file.hits] == [(0, 0), (0, 1440), (1, 120), (1, 360)]
    assert file.positions.tolist() == [0, 12, 33, 35] and file.qpms.tolist() == [100, 100, 200, 200]
    assert file.quarters().tolist() == [0, 3, 8.25, 8.75]
    after = played(file, 0.25)
    assert after[9] == 2 and others(after) == others(bytes(data))
    assert [(hit.track, hit.start) for hit in MidiHits(after).hits] == [
        (0, 30),
        (0, 1470),
        (1, 150),
        (1, 390),
    ]


def test_time_in_smpte_frames_stays_such_and_becomes_finer() -> None:
    """25 frames of 4 ticks: 50 ticks are a quarter note at 120."""
    data = midi(track(*struck([0, 25, 50], 38, length=5), end=100), division=0xE704)
    file = MidiHits(data)
    assert file.positions.tolist() == [0, 2, 4] and file.qpm == 120
    after = played(file, 0.25)
    assert after[12] == 0xE7 and after[13] == 40
    assert [note.start_time for note in read_midi(after).notes] == pytest.approx(
        [0.032, 0.282, 0.532], abs=0.002
    )


def test_drums_are_found_and_chosen_on_other_channels() -> None:
    kit = [*struck(range(0, BAR, 480), 36, channel=0), *struck(range(0, BAR, 240), 42, channel=0)]
    keys = track(*struck(range(0, BAR, 240), 61, channel=4))
    data = midi(keys, track((0, b"\xff\x03\x05Drums"), *kit))
    file = MidiHits(data)
    assert {(hit.track, hit.channel) for hit in file.hits} == {(1, 0)} and len(file.hits) == 12
    assert any("Drums" in warning.message for warning in file.warnings)
    after = played(file, 0.2)
    assert parse_midi(after).tracks[0].events == parse_midi(data).tracks[0].events
    chosen = MidiHits(data, DrumChoice(channel=5))
    assert {hit.pitch for hit in chosen.hits} == {61}
    assert {hit.pitch for hit in MidiHits(data, DrumChoice(track="2")).hits} == {36, 42}
    assert len(MidiHits(data, None).hits) == 20
    with pytest.raises(InputError, match="channel 7"):
        MidiHits(data, DrumChoice(channel=7))


def test_two_pitched_tracks_are_no_drums() -> None:
    tracks = [track(*struck(range(0, BAR, 240), pitch, channel=i)) for i, pitch in enumerate((60, 64))]
    with pytest.raises(InputError, match="--drum_track"):
        MidiHits(midi(*tracks))


def faulty() -> dict[str, bytes]:
    """Files with a fault that every DAW opens, all with the same eight hits."""
    hits = track(*struck(range(0, BAR, 240), 38), end=BAR)
    plain = midi(hits)
    return {
        "plain": plain,
        "track count": midi(hits, count=2),
        "track length": plain[:18] + (len(hits) + 5).to_bytes(4, "big") + plain[22:],
        "chunk": plain[:14] + b"XFIH\0\0\0\2ab" + plain[14:],
        "chunk behind": plain + b"XFKM\0\0\0\1c",
        "real time": midi(b"\x00\xf8" + hits),
        "no end": midi(track(*struck(range(0, BAR, 240), 38), (BAR, b"\xff\x06\x01x"))[: -len(END)]),
        "riff": b"RIFF" + (len(plain) + 12).to_bytes(4, "little") + b"RMIDdata" + len(plain).to_bytes(4, "little") + plain,
    }  # fmt: skip


@pytest.mark.parametrize("kind", list(faulty()))
@pytest.mark.parametrize("late", [0.0, 0.25])
def test_what_is_written_is_without_faults(kind: str, late: float) -> None:
    data = faulty()[kind]
    file = MidiHits(data)
    assert len(file.hits) == 8
    after = played(file, late, velocity=100)
    warned = {warning.code for warning in parse_midi(after).warnings}
    assert after[:4] == b"MThd" and warned <= {"unknown_chunk"}
    assert [hit.start for hit in MidiHits(after).hits] == [240 * i + round(STEP * late) for i in range(8)]
    # Behind the tracks, where a reader that knows no such chunks finds the tracks before them.
    assert after.endswith(b"XFIH\0\0\0\2ab") == (kind == "chunk")
    assert after.endswith(b"XFKM\0\0\0\1c") == (kind == "chunk behind")
    assert len(mido.MidiFile(file=io.BytesIO(after)).tracks) == 1


def test_an_event_too_far_away_for_finer_ticks_stays_where_it_is() -> None:
    far = (2**27, b"\xff\x01\x01x")
    data = midi(track(*struck([0, 24, 48], 38, length=5), far), division=96)
    after = parse_midi(played(MidiHits(data), 0.5)).tracks[0].events
    assert far in after


HOSTILE = {
    "notes that one end closes": [*((0, b"\x99\x26\x64") for _ in range(60_000)), (0, b"\x99\x26\x00")],
    "notes at ticks of their own that one end closes": [*((i, b"\x99\x26\x64") for i in range(60_000)), (60_000, b"\x99\x26\x00")],
    "ends at the tick of notes": [*((5, b"\x99\x26\x64") for _ in range(30_000)), *((5, b"\x99\x26\x00") for _ in range(30_000))],
    "programs": [e for i in range(30_000) for e in ((i, b"\xc9\x01"), (i, b"\x99\x26\x64"))],
    "meters": [e for i in range(30_000) for e in ((i, meter(1 + i % 2, 4)), (i, b"\x99\x26\x64"))],
    "tempos": [e for i in range(30_000) for e in ((i, tempo(400000 + i)), (i, b"\x99\x26\x64"))],
}  # fmt: skip


@pytest.mark.parametrize("kind", list(HOSTILE))
def test_hostile_files_of_160_kilobytes_take_no_time(kind: str) -> None:
    """Pairing notes by going through all of them at each end took a minute for 60,000."""
    data = midi(track(*HOSTILE[kind]))
    with within(30):
        try:
            played(MidiHits(data), 0.2)
        except InputError as error:
            assert error.reason == "too_long"


@given(data=st.data())
def test_any_notes_come_back_as_many_in_a_file_of_any_kind(data: Any) -> None:
    event = st.tuples(
        st.integers(0, 3000),
        st.sampled_from([0x80, 0x90, 0x90]),
        st.sampled_from([0, 9]),
        st.integers(35, 38),
        st.integers(0, 127),
    )
    events = data.draw(st.lists(event, max_size=40))
    tracks = [[], []]
    for i, (tick, kind, channel, pitch, velocity) in enumerate(events):
        tracks[i % 2].append((tick, bytes([kind | channel, pitch, velocity])))
    source = bytearray(
        midi(*(track(*t) for t in tracks), division=data.draw(st.sampled_from([24, 96, 480, 0xE728])))
    )
    source[9] = data.draw(st.integers(0, 1))
    try:
        file = MidiHits(bytes(source), None)
    except InputError as error:
        assert error.reason == "empty"
        return
    rng = np.random.default_rng(0)
    shape = int(file.positions.max()) + 2, 1
    values = np.ones(shape), rng.uniform(1, 127, shape), rng.uniform(-0.5, 0.5, shape)
    after = file.with_hits(*as_performed(file, np.zeros(len(file.hits), int), values))
    again = MidiHits(after, None)
    assert len(again.hits) == len(file.hits) == sum(e[1] == 0x90 and e[4] > 0 for e in events)
    assert not parse_midi(after).warnings or source[9] == 0
    assert (
        others(after) == others(bytes(source)) if file.ticks_per_quarter == again.ticks_per_quarter else True
    )


def test_a_track_ends_where_it_did() -> None:
    data = midi(track(*struck([0, BAR - 10], 38, length=10)))
    events = parse_midi(played(MidiHits(data), 0.3)).tracks[0].events
    assert events[-1] == (BAR, END[1:])

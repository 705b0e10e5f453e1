"""Our MIDI reader: what note-seq makes of real files, typed reasons for bad ones, nothing else for any bytes."""

import resource
import subprocess
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import InputError
from preprocess.midi.events import KEY, METER
from preprocess.midi.file import parse_midi
from preprocess.midi.reader import Limits, read_midi, read_midi_file
from tests.conftest import ROOT
from tests.helpers.midi_bytes import END, NOTE, delta, midi

FOLDERS = {"groove": 14, "midi_samples": 8, "mutopia_piano": 7, "chorales": 6, "joplin_rags": 5}


def meta(kind: int, data: bytes) -> bytes:
    return bytes([0, 0xFF, kind, len(data)]) + data


# Each is a crasher known from mido, pretty_midi, symusic or note-seq.
BAD = {
    "nothing": (b"", "not_midi"),
    "other file": (b"RIFF....WAVE", "not_midi"),
    "header cut off": (b"MThd\0\0\0\6\0", "truncated"),
    "header too small": (b"MThd\0\0\0\2" + bytes(8), "bad_header"),
    "no ticks per quarter": (midi(NOTE + END, division=0), "bad_header"),
    "no tracks": (midi(), "bad_header"),
    "track cut off": (midi(NOTE + END)[:-3], "truncated"),
    "other chunk": (midi(NOTE + END).replace(b"MTrk", b"XFIH"), "bad_header"),
    "65535 tracks": (midi(NOTE + END, count=65535), "too_many_tracks"),
    "tick 2^31": (
        midi(delta(2**28 - 1) + (b"\x90\x3c\x40" + delta(2**28 - 1)) * 8 + NOTE[1:] + END),
        "too_long",
    ),
    "tick 2^28": (midi(delta(2**28 - 1) + NOTE[1:] + END), "too_long"),
    "negative delta wrapped": (midi(NOTE + delta(268435458) + NOTE[1:] + END), "bad_event"),
    "variable length of 9 bytes": (midi(delta(144115188075998575) + NOTE[1:] + END), "bad_event"),
    "data byte above 127": (midi(b"\x00\x99\x26\x80" + END), "bad_event"),
    "no running status": (midi(b"\x00\x26\x64" + END), "bad_event"),
    "status F4": (midi(b"\x00\xf4" + END), "bad_event"),
    "empty time signature": (midi(meta(0x58, b"") + NOTE + END), "bad_time_signature"),
    "denominator 2^31": (midi(meta(0x58, b"\x04\x1f\x18\x08") + NOTE + END), "bad_time_signature"),
    "denominator 2^255": (midi(meta(0x58, b"\x04\xff\x18\x08") + NOTE + END), "bad_time_signature"),
    "empty tempo": (midi(meta(0x51, b"") + NOTE + END), "bad_tempo"),
    "tempo 0": (midi(meta(0x51, b"\0\0\0") + NOTE + END), "bad_tempo"),
    "ends inside an event": (midi(b"\x00\x99\x26"), "truncated"),
    "ends inside a delta": (midi(b"\x83"), "truncated"),
    "ends inside a meta event": (midi(b"\x00\xff\x03\x7fname"), "truncated"),
    "ends inside sysex": (midi(b"\x00\xf0\x7f\x01"), "truncated"),
}
# Odd but well-formed: read, not refused.
FINE = {
    "zero-length meta": midi(meta(0x03, b"") + meta(0x01, b"") + meta(0x7F, b"") + NOTE + END),
    "zero-length sysex": midi(b"\x00\xf0\x00" + NOTE + END),
    "no end of track": midi(NOTE),
    "end of track at 2^28": midi(NOTE + delta(2**28 - 1) + END[1:]),
    "RIFF around it": b"RIFF\0\0\0\0RMIDdata\0\0\0\0" + midi(NOTE + END),
    "longer header": midi(NOTE + END)
    .replace(b"\0\0\0\6", b"\0\0\0\7", 1)
    .replace(b"\x01\xe0MTrk", b"\x01\xe0\0MTrk"),
    "32767 ticks a quarter": midi(NOTE + END, division=32767),
    "SMPTE frames": midi(NOTE + END, division=0xE728),
}
EMPTY = b"MTrk\0\0\0\0"
NOTES = NOTE * 2 + END
CHUNK = b"XFIH\0\0\0\4abcd"


def with_length(data: bytes, change: int, track: int = 0) -> bytes:
    """A file whose track has a length that is wrong by so much."""
    at = [i for i in range(len(data)) if data[i : i + 4] == b"MTrk"][track] + 4
    length = int.from_bytes(data[at : at + 4], "big") + change
    return data[:at] + length.to_bytes(4, "big") + data[at + 4 :]


# What breaks the standard and has one meaning all the same: two hits each, and a warning.
FORGIVEN = {
    "chunk before the tracks": (midi(NOTES).replace(b"MTrk", CHUNK + b"MTrk"), "unknown_chunk"),
    "chunk between the tracks": (
        midi(END, NOTES).replace(END + b"MTrk", END + CHUNK + b"MTrk"),
        "unknown_chunk",
    ),
    "chunk behind the tracks": (midi(NOTES) + CHUNK, "unknown_chunk"),
    "header counts one track more": (midi(END, NOTES, count=3), "track_count"),
    "header counts one track less": (midi(END, NOTES, count=1), "track_count"),
    "header counts no track": (midi(NOTES, count=0), "track_count"),
    "first track's length one too long": (with_length(midi(NOTES, END), 1), "track_length"),
    "first track's length one too short": (with_length(midi(NOTES, END), -1), "track_length"),
    "first track's length much too short": (with_length(midi(NOTES, END), -9), "track_length"),
    "first track's length takes in the second": (with_length(midi(NOTES, END), 12), "track_length"),
    "first track's length beyond the file": (with_length(midi(NOTES, END), 999), "track_length"),
    "last track's length one too long": (with_length(midi(END, NOTES), 1, 1), "track_length"),
    "last track's length two too short": (with_length(midi(END, NOTES), -2, 1), "track_length"),
    "length never filled in": (with_length(midi(NOTES), -len(NOTES)), "track_length"),
    "length of 2^32 - 1": (with_length(midi(NOTES), 2**32 - 1 - len(NOTES)), "track_length"),
    "bytes after the end of track": (midi(NOTES + b"\0\0junk", END), "bytes_after_end"),
    "notes after the end of track": (midi(NOTES + NOTE, END), "bytes_after_end"),
    "bytes between the tracks": (midi(NOTES, END).replace(END + b"MTrk", END + b"\0\0\0MTrk"), "stray_bytes"),
    "bytes behind the last track": (midi(NOTES) + bytes(100), "stray_bytes"),
    "bytes before the header": (b"\r\n" + midi(NOTES), "leading_bytes"),
    "header's length wrong": (midi(NOTES).replace(b"\0\0\0\6", b"\0\0\0\7", 1), "header_length"),
    "no end of track": (midi(NOTE * 2), "no_end_of_track"),
    "clock as an event": (midi(NOTE + b"\0\xf8" + NOTE[:1] + NOTE[2:] + END), "real_time"),
    "clock inside an event": (
        midi(NOTE + b"\x00\x99\xf8\x26\x64\x83\x60\x99\x26\xfe\x00" + END),
        "real_time",
    ),
    "clock before a time": (midi(NOTE + NOTE[:4] + b"\xf8" + NOTE[4:] + END), "real_time"),
    "clocks before times": (midi(NOTE + b"\xf8\xf8\xf8\xf8\xf8" + NOTE + END), "real_time"),
    "song position": (midi(NOTE + b"\x00\xf2\x10\x10" + NOTE + END), "system_message"),
    "running status after sysex": (
        midi(NOTE + b"\0\xf0\2\1\xf7" + NOTE[:1] + NOTE[2:] + END),
        "running_status",
    ),
    "key of 8 sharps": (midi(meta(0x59, b"\x08\x00") + NOTES), "key_signature"),
    "key mode 2": (midi(meta(0x59, b"\x00\x02") + NOTES), "key_signature"),
    "empty key": (midi(meta(0x59, b"") + NOTES), "key_signature"),
    "odd key on another track": (midi(END, meta(0x59, b"\x80\x00") + NOTES), "key_signature"),
    "meter without beats": (midi(meta(0x58, b"\0\2\x18\x08") + NOTES), "time_signature"),
    "format 7": (midi(NOTES).replace(b"\0\1", b"\0\7", 1), "unknown_format"),
}


def sample(folder: Path, count: int) -> list[Path]:
    files = sorted(folder.rglob("*.mid"))
    return files[:: max(1, len(files) // count)][:count]


@pytest.mark.parametrize("name", FOLDERS)
def test_equal_to_note_seq(data_dir: Callable[[str], Path], name: str) -> None:
    midi_io = pytest.importorskip("note_seq.midi_io")
    files = sample(data_dir(name), FOLDERS[name])
    assert files
    for path in files:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = midi_io.midi_to_note_sequence(path.read_bytes())
        assert_same(as_note_seq_would(read_midi(path), theirs, path), theirs, path)


def as_note_seq_would(sequence: Any, theirs: Any, path: Path) -> Any:
    """A reading without the notes that end at the tick at which they begin, and with note-seq's meters and keys
    where some are on other tracks than the first: note-seq drops those.
    """
    file = parse_midi(path.read_bytes())
    key = attrgetter("pitch", "velocity", "is_drum")
    known = Counter((key(n), round(n.start_time, 5)) for n in theirs.notes)
    kept = [n for n in sequence.notes if (key(n), round(n.start_time, 5)) in known]
    extra = len(sequence.notes) - len(kept)
    assert extra <= sum(ends_where_it_begins(track.events) for track in file.tracks)
    result = type(sequence)()
    result.CopyFrom(sequence)
    del result.notes[:]
    result.notes.extend(kept)
    result.total_time = max(n.end_time for n in kept)
    result.ClearField("sequence_metadata")
    for kind, name in ((METER, "time_signatures"), (KEY, "key_signatures")):
        if any(event[1] == kind for track in file.tracks[1:] for event in track.conductor):
            assert len(getattr(result, name)) >= len(getattr(theirs, name))
            result.ClearField(name)
            getattr(result, name).extend(getattr(theirs, name))
    return result


def ends_where_it_begins(events: list[tuple[int, bytes]]) -> int:
    """How many notes of a track do."""
    ons = {(tick, e[0] & 0x0F, e[1]) for tick, e in events if e[0] & 0xF0 == 0x90 and e[2]}
    offs = {
        (tick, e[0] & 0x0F, e[1])
        for tick, e in events
        if e[0] & 0xF0 == 0x80 or (e[0] & 0xF0 == 0x90 and not e[2])
    }
    return len(ons & offs)


def assert_same(ours: object, theirs: object, path: Path, at: str = "") -> None:
    """Field by field; floating-point numbers within a microsecond."""
    for field in theirs.DESCRIPTOR.fields:  # type: ignore[attr-defined]
        mine, other = getattr(ours, field.name), getattr(theirs, field.name)
        where = f"{path}: {at}{field.name}"
        if hasattr(other, "__len__") and not isinstance(other, str | bytes):
            assert len(mine) == len(other), where
            for a, b in zip(mine, other, strict=True):
                assert_same(a, b, path, f"{field.name}.") if hasattr(b, "DESCRIPTOR") else None
        elif hasattr(other, "DESCRIPTOR"):
            assert_same(mine, other, path, f"{field.name}.")
        elif isinstance(other, float):
            assert mine == pytest.approx(other, rel=1e-9, abs=1e-6), where
        else:
            assert mine == other, where


@pytest.mark.parametrize("name", BAD)
def test_known_crashers(name: str) -> None:
    data, reason = BAD[name]
    with pytest.raises(InputError) as caught:
        read_midi(data)
    assert caught.value.reason == reason
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("name", FINE)
def test_odd_but_well_formed(name: str) -> None:
    assert [n.pitch for n in read_midi(FINE[name]).notes] == [38]


@pytest.mark.parametrize("name", FORGIVEN)
def test_what_a_daw_opens(name: str) -> None:
    data, code = FORGIVEN[name]
    reading = read_midi_file(data)
    assert [(n.pitch, n.velocity, n.start_time) for n in reading.sequences[0].notes] == [
        (38, 100, 0),
        (38, 100, 0.5),
    ]
    assert [warning.code for warning in reading.warnings] == [code]
    assert all(warning.message.endswith(".") for warning in reading.warnings)


def tempo(qpm: int) -> bytes:
    return meta(0x51, (60_000_000 // qpm).to_bytes(3, "big"))


METER_3_4, METER_5_8 = meta(0x58, b"\3\2\x18\x08"), meta(0x58, b"\5\3\x18\x08")


@pytest.mark.parametrize(
    ("tracks", "tempos", "meters"),
    [
        ([END, tempo(150) + METER_3_4 + NOTES], [(0, 150)], [(0, 3, 4)]),
        ([tempo(100) + END, tempo(150) + NOTES], [(0, 150)], []),
        ([tempo(100) + NOTES, delta(480) + tempo(150)[1:] + END], [(0, 100), (0.6, 150)], []),
        ([METER_3_4 + NOTES, METER_3_4 + END, delta(1440) + METER_5_8[1:] + END], [(0, 120)], [(0, 3, 4), (1.5, 5, 8)]),
        ([METER_5_8 + END, METER_3_4 + NOTES], [(0, 120)], [(0, 3, 4)]),
        ([tempo(150) + NOTES, tempo(150) + END, delta(9) + tempo(150)[1:] + END], [(0, 150)], []),
    ],
)  # fmt: skip
def test_tempos_and_meters_on_any_track(tracks: list[bytes], tempos: list, meters: list) -> None:
    sequence = read_midi(midi(*tracks))
    assert [(round(t.time, 9), round(t.qpm, 6)) for t in sequence.tempos] == tempos
    assert [(t.time, t.numerator, t.denominator) for t in sequence.time_signatures] == meters


def test_type_2_tracks_are_pieces_of_their_own() -> None:
    data = midi(tempo(100) + METER_3_4 + END, NOTE + END, tempo(150) + NOTE * 2 + END).replace(
        b"\0\1", b"\0\2", 1
    )
    reading = read_midi_file(data)
    assert [[n.start_time for n in s.notes] for s in reading.sequences] == [[0], [0, 0.4]]
    assert [s.tempos[0].qpm for s in reading.sequences] == [100, 150]
    assert [s.time_signatures[0].numerator for s in reading.sequences] == [3, 3]
    assert all(n.is_drum for s in reading.sequences for n in s.notes)
    assert read_midi(data) == reading.sequences[0]


@pytest.mark.parametrize(
    ("division", "ticks_a_second"), [(0xE728, 1000), (0xE250, 2400), (0xE850, 1920), (0xE350, 2400 / 1.001)]
)
def test_smpte_time(division: int, ticks_a_second: float) -> None:
    """25 frames of 40 ticks, 30 and 24 of 80, and 29.97 of 80; tempos only say where the quarter notes are."""
    sequence = read_midi(midi(tempo(150) + NOTES, division=division))
    found = [(n.start_time, n.end_time) for n in sequence.notes]
    assert found == [
        pytest.approx((i * 480 / ticks_a_second, (i + 1) * 480 / ticks_a_second)) for i in (0, 1)
    ]
    assert [t.qpm for t in sequence.tempos] == pytest.approx([150], rel=1e-3)
    assert sequence.ticks_per_quarter == round(ticks_a_second * 0.4)


@pytest.mark.parametrize(
    ("channel", "track", "notes"),
    [
        (9, "00 99 24 64 81 70 99 24 64 81 70 99 24 64 83 60", [(0, 0.125), (0.25, 0.375), (0.5, 0.625)]),
        (0, "00 90 24 64 81 70 90 24 64 83 60", [(0, 0.25), (0.25, 0.75)]),
        (9, "00 99 24 64 3c 99 24 64 83 60", [(0, 0.0625), (0.0625, 0.1875)]),
        (9, "00 99 24 64 00 89 24 00 81 70 99 24 64 00 99 24 00 00", [(0, 0.125), (0.25, 0.375)]),
        (0, "00 90 24 64 00 80 24 00 00", [(0, 0.125)]),
        (9, "00 99 24 64 00 89 24 00 3c 99 24 64 00 89 24 00 00", [(0, 0.0625), (0.0625, 0.1875)]),
        (0, "00 90 24 64 81 70 90 24 64 00 80 24 00 81 70 80 24 00 00", [(0, 0.25), (0.25, 0.5)]),
        (9, "83 60 99 24 64 00", [(0.5, 0.625)]),
    ],
)  # fmt: skip
def test_notes_without_end_or_length(channel: int, track: str, notes: list[tuple[float, float]]) -> None:
    """Drums last a sixteenth at most, others until the track ends; none beyond the next one of its pitch."""
    sequence = read_midi(midi(bytes.fromhex(track) + END[1:]))
    assert [(n.start_time, n.end_time) for n in sequence.notes] == notes
    assert all(n.is_drum == (channel == 9) for n in sequence.notes)


def test_where_a_file_ends_and_what_it_is_called() -> None:
    name = meta(0x03, "Größe".encode())
    reading = read_midi_file(midi(name + END, NOTE + delta(480) + END[1:]))
    assert reading.ends == [1.0] and reading.sequences[0].total_time == 0.5
    assert reading.sequences[0].sequence_metadata.title == "Größe"
    assert read_midi_file(midi(NOTE + delta(2**28 - 1) + END[1:])).ends == [Limits().seconds]
    assert read_midi(midi(name + NOTE + END, NOTE + END)).sequence_metadata.title == ""


def test_what_never_ends_is_not_read() -> None:
    with pytest.raises(InputError, match="is not a file"):
        read_midi("/dev/zero")


def test_nothing_played() -> None:
    sequence = read_midi(midi(END))
    assert not sequence.notes and sequence.total_time == 0


def test_limits(tmp_path: Path) -> None:
    data = midi(NOTE * 10 + END)
    for limits, reason in [
        (Limits(bytes=20), "file_too_large"),
        (Limits(tracks=0), "too_many_tracks"),
        (Limits(events=5), "too_many_events"),
        (Limits(seconds=1.0), "too_long"),
    ]:
        with pytest.raises(InputError) as caught:
            read_midi(data, limits)
        assert caught.value.reason == reason
    path = tmp_path / "beat.mid"
    path.write_bytes(data)
    assert read_midi(path) == read_midi(str(path)) == read_midi(data)
    for wrong, limits, reason in [
        (path, Limits(bytes=20), "file_too_large"),
        (tmp_path, Limits(), "unreadable"),
        (tmp_path / "none.mid", Limits(), "unreadable"),
    ]:
        with pytest.raises(InputError) as caught:
            read_midi(wrong, limits)
        assert caught.value.reason == reason and str(wrong) in str(caught.value)


@pytest.mark.parametrize("name", ["tick 2^31", "tick 2^28"])
def test_far_ticks_take_no_memory(name: str) -> None:
    code = (
        "import sys\n"
        "from common.errors import InputError\n"
        "from preprocess.midi.reader import read_midi\n"
        "try:\n    read_midi(sys.stdin.buffer.read())\n"
        "except InputError as error:\n    print(error.reason)\n"
    )

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30))

    result = subprocess.run(
        [sys.executable, "-c", code], input=BAD[name][0], cwd=ROOT, capture_output=True, preexec_fn=limit
    )
    assert (result.returncode, result.stdout.strip()) == (0, b"too_long"), result.stderr


@given(st.binary(max_size=200))
@settings(max_examples=150, deadline=None)
def test_any_bytes(data: bytes) -> None:
    for content in (data, midi(data), midi(NOTE + data + END)):
        only_input_errors(content)


@given(st.sampled_from([*FINE.values(), *(b for b, _ in BAD.values())]), st.data())
@settings(max_examples=250, deadline=None)
def test_mutated_files(original: bytes, data: st.DataObject) -> None:
    content = bytearray(original)
    for _ in range(data.draw(st.integers(1, 6))):
        if not content:
            break
        at = data.draw(st.integers(0, len(content) - 1))
        what = data.draw(st.integers(0, 2))
        if what == 0:
            content[at] = data.draw(st.integers(0, 255))
        elif what == 1:
            del content[at : at + data.draw(st.integers(1, 8))]
        else:
            content[at:at] = data.draw(st.binary(max_size=8))
    only_input_errors(bytes(content))


def only_input_errors(content: bytes) -> None:
    try:
        sequence = read_midi(content)
    except InputError as error:
        assert error.reason != "bad_input", "every refusal has a code of its own"
    else:
        assert all(0 <= n.start_time < n.end_time <= sequence.total_time for n in sequence.notes)
        assert type(sequence).FromString(sequence.SerializeToString()) == sequence

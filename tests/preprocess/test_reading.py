"""MIDI and TFRecord readers against note-seq and TensorFlow on the same bytes, and against damaged ones."""

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import mido
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocess.errors import InputError
from preprocess.midi import Limits, read_midi
from preprocess.tfrecord import RecordWriter, expand_patterns, read_records

ROOT = Path(__file__).resolve().parents[2]


def track(*events: bytes) -> bytes:
    """A MIDI file of one track with 480 ticks a quarter."""
    body = b"".join(events) + b"\x00\xff\x2f\x00"
    header = b"MThd" + (6).to_bytes(4, "big") + b"\x00\x00\x00\x01\x01\xe0"
    return header + b"MTrk" + len(body).to_bytes(4, "big") + body


NOTE = b"\x00\x99\x24\x64\x60\x89\x24\x00"


def rounded(value: object) -> object:
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    if isinstance(value, list):
        return [rounded(v) for v in value]
    return round(value, 6) if isinstance(value, float) else value


@pytest.mark.parametrize("folder", ["groove", "midi_samples", "mutopia_piano", "chorales", "joplin_rags"])
def test_midi_becomes_note_seqs_note_sequence(folder: str, data_dir: Callable[[str], Path]) -> None:
    import note_seq
    from google.protobuf.json_format import MessageToDict

    files = sorted(data_dir(folder).rglob("*.mid"))
    for path in files[:: max(1, len(files) // 8)]:
        expected = MessageToDict(note_seq.midi_file_to_note_sequence(str(path)))
        assert rounded(MessageToDict(read_midi(path))) == rounded(expected), path


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not_midi"),
        (b"RIFFxxxxWAVE", "not_midi"),
        (track(NOTE)[:20], "truncated"),
        (track(NOTE)[:30], "truncated"),
        (track(b"\x00\x99\x24\xff"), "bad_event"),
        (track(b"\x00\x24\x64"), "bad_event"),
        (track(b"\xff\xff\xff\xff\x7f\x99\x24\x64"), "bad_event"),
        (track(b"\x00\xff\x59\x02\x08\x00", NOTE), "bad_key_signature"),
        (track(b"\x00\xff\x51\x03\x00\x00\x00", NOTE), "bad_tempo"),
        (track(b"\x00\xff\x58\x04\x04\xff\x18\x08", NOTE), "bad_time_signature"),
        (track(b"\x00\x99\x24\x64\xff\xff\xff\x7f\x89\x24\x00"), "too_long"),
        (track(NOTE).replace(b"\x00\x01\x01\xe0", b"\xff\xff\x01\xe0"), "too_many_tracks"),
        (track(NOTE).replace(b"\x01\xe0", b"\x00\x00"), "bad_header"),
    ],
)  # fmt: skip
def test_a_damaged_file_has_a_typed_reason(data: bytes, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        read_midi(data)
    assert caught.value.reason == reason


def test_what_is_unusual_but_legal_is_read() -> None:
    zero_length_meta = track(b"\x00\xff\x03\x00\x00\xf0\x00", NOTE)
    assert len(read_midi(zero_length_meta).notes) == 1
    high_resolution = track(NOTE).replace(b"\x01\xe0", b"\x7f\xff")
    assert len(read_midi(high_resolution).notes) == 1
    assert len(read_midi(track()).notes) == 0


def test_limits_are_checked_before_anything_is_built() -> None:
    with pytest.raises(InputError, match="too many events"):
        read_midi(track(NOTE * 100), Limits(events=50))
    with pytest.raises(InputError) as caught:
        read_midi(track(NOTE), Limits(bytes=10))
    assert caught.value.reason == "file_too_large"


def test_a_note_at_the_last_tick_of_31_bits_takes_no_memory() -> None:
    far = b"\xff\xff\xff\x7f\xb0\x07\x40" * 8 + b"\x00\x99\x24\x64\x60\x89\x24\x00"
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_AS, (2**29, 2**29));"
        "from preprocess.midi import read_midi; from preprocess.errors import InputError\n"
        f"try: read_midi({track(far)!r})\n"
        "except InputError as error: sys.exit(7 if error.reason == 'too_long' else 1)"
    )
    assert resource.RLIMIT_AS is not None
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 7


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_raise_nothing_but_input_errors(data: bytes) -> None:
    for candidate in (data, track(data), track(NOTE, data)):
        try:
            read_midi(candidate)
        except InputError as error:
            assert error.reason


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 2000), st.integers(0, 127), st.integers(1, 127), st.integers(1, 960)),
        max_size=30,
    )
)
def test_notes_written_by_mido_come_back(notes: list[tuple[int, int, int, int]]) -> None:
    """Times, pitches and velocities of notes that do not overlap on one pitch."""
    kept, free = [], {}
    for start, pitch, velocity, length in sorted(notes):
        if free.get(pitch, -1) < start:
            kept.append((start, pitch, velocity, length))
            free[pitch] = start + length
    events = [(s, 1, p, v) for s, p, v, _ in kept] + [(s + n, 0, p, 0) for s, p, _, n in kept]
    file, now = mido.MidiFile(ticks_per_beat=480), 0
    file.tracks.append(mido.MidiTrack())
    for tick, on, pitch, velocity in sorted(events):
        kind = "note_on" if on else "note_off"
        file.tracks[0].append(mido.Message(kind, note=pitch, velocity=velocity, time=tick - now))
        now = tick
    import io

    buffer = io.BytesIO()
    file.save(file=buffer)
    sequence = read_midi(buffer.getvalue())
    found = sorted(
        (round(n.start_time * 960), n.pitch, n.velocity, round((n.end_time - n.start_time) * 960))
        for n in sequence.notes
    )
    assert found == sorted(kept)


def test_tensorflow_reads_our_records_and_we_read_its(tmp_path: Path) -> None:
    import tensorflow as tf

    records = [b"", b"a", bytes(range(256)) * 50]
    with RecordWriter(tmp_path / "ours") as writer:
        for record in records:
            writer.write(record)
    assert [r.numpy() for r in tf.data.TFRecordDataset(str(tmp_path / "ours"))] == records
    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as writer:
        for record in records:
            writer.write(record)
    assert list(read_records(tmp_path / "theirs")) == records


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 255))
def test_every_flipped_byte_is_found(position: int, flip: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records"
        with RecordWriter(path) as writer:
            for i in range(5):
                writer.write(bytes([i]) * 20)
        data = bytearray(path.read_bytes())
        data[position % len(data)] ^= flip
        path.write_bytes(data)
        with pytest.raises(InputError, match=r"at byte \d+|claims"):
            list(read_records(path))


def test_an_exception_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "records"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError), RecordWriter(path) as writer:
        writer.write(b"new")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["records"]


def test_patterns_expand_in_order_and_must_match(tmp_path: Path) -> None:
    for name in ("b-1", "b-0", "a", "a.json"):
        (tmp_path / name).write_bytes(b"")
    found = expand_patterns(f"{tmp_path}/b-*,{tmp_path}/a*")
    assert [p.name for p in found] == ["b-0", "b-1", "a"]
    with pytest.raises(InputError, match="no such file"):
        expand_patterns(f"{tmp_path}/c*")

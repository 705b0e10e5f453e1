"""TFRecord files: TensorFlow's own reader and writer agree, damage is located, writing is whole or nothing."""

import struct
import subprocess
import sys
from pathlib import Path

import google_crc32c
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from preprocess.tfrecord import (
    RecordWriter,
    expand_patterns,
    read_records,
    read_sidecar,
    sidecar_path,
    write_atomically,
    write_sidecar,
)
from tests.conftest import ROOT

RECORDS = [b"first", b"", b"\x00\xff" * 5000]


def write(path: Path, records: list[bytes] = RECORDS) -> Path:
    with RecordWriter(path) as writer:
        for record in records:
            writer.write(record)
    return path


def test_tensorflow_reads_ours_and_we_read_theirs(tmp_path: Path) -> None:
    tf = pytest.importorskip("tensorflow")
    ours, theirs = write(tmp_path / "ours"), tmp_path / "theirs"
    assert [r.numpy() for r in tf.data.TFRecordDataset(str(ours))] == RECORDS
    with tf.io.TFRecordWriter(str(theirs)) as writer:
        for record in RECORDS:
            writer.write(record)
    assert list(read_records(theirs)) == RECORDS
    assert theirs.read_bytes() == ours.read_bytes()


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, records: list[bytes]) -> None:
    path = tmp_path_factory.getbasetemp() / "round_trip"
    assert list(read_records(write(path, records))) == records


@given(st.data())
def test_every_damaged_byte_is_noticed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = write(tmp_path_factory.getbasetemp() / "damaged", [b"first", b"second"])
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        list(read_records(path))
    assert caught.value.reason in ("bad_record", "record_too_large")
    assert str(path) in str(caught.value)
    assert f"byte {0 if at < 21 else 21}" in str(caught.value)


@pytest.mark.parametrize("kept", [5, 11, 14, 18])
def test_a_file_cut_off_names_the_record_and_keeps_those_before(tmp_path: Path, kept: int) -> None:
    path = write(tmp_path / "cut", [b"first", b"second"])
    path.write_bytes(path.read_bytes()[: 21 + kept])
    records = read_records(path)
    assert next(records) == b"first"
    with pytest.raises(InputError, match="byte 21") as caught:
        next(records)
    assert caught.value.reason == "bad_record"


def test_a_giant_record_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path, header = tmp_path / "giant", struct.pack("<Q", 2**62)
    crc = google_crc32c.value(header)
    masked = (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF
    path.write_bytes(header + struct.pack("<I", masked))
    with pytest.raises(InputError) as caught:
        list(read_records(path))
    assert caught.value.reason == "record_too_large"


def test_an_absent_file(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        list(read_records(tmp_path / "none"))
    assert caught.value.reason == "unreadable"


def test_an_exception_leaves_the_old_file(tmp_path: Path) -> None:
    path = write(tmp_path / "file")
    before = path.read_bytes()
    with pytest.raises(RuntimeError), RecordWriter(path) as writer:
        writer.write(b"new")
        raise RuntimeError
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_kill_leaves_the_old_file(tmp_path: Path) -> None:
    path = write(tmp_path / "file")
    before = path.read_bytes()
    code = (
        "import os, signal, sys\n"
        "from preprocess.tfrecord import RecordWriter\n"
        "with RecordWriter(sys.argv[1]) as writer:\n"
        "    writer.write(bytes(10**6))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    result = subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT)
    assert result.returncode == -9
    assert path.read_bytes() == before
    assert expand_patterns(str(tmp_path / "*")) == [path], "a half-written file is no input"


def test_write_atomically_replaces(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert [p.name for p in path.parent.iterdir()] == ["file"]


def test_patterns(tmp_path: Path) -> None:
    for name in ("b.tfrecord", "a.tfrecord", "other", "a.tfrecord.json"):
        (tmp_path / name).touch()
    found = expand_patterns(f"{tmp_path}/*.tfrecord, {tmp_path}/a*,{tmp_path}/other")
    assert [p.name for p in found] == ["a.tfrecord", "b.tfrecord", "other"]
    with pytest.raises(InputError) as caught:
        expand_patterns(f"{tmp_path}/other,{tmp_path}/none*")
    assert caught.value.reason == "no_files"


def test_sidecar(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert read_sidecar(path) is None
    write_sidecar(path, {"count": 3})
    assert read_sidecar(path) == {"count": 3}
    for bad in ("[1]", "{", "\xff"):
        sidecar_path(path).write_text(bad, encoding="latin-1")
        with pytest.raises(InputError) as caught:
            read_sidecar(path)
        assert caught.value.reason == "bad_sidecar"


def test_the_sidecar_of_before_goes_with_its_file(tmp_path: Path) -> None:
    path = write(tmp_path / "file")
    write_sidecar(path, {"count": 3})
    with pytest.raises(RuntimeError), RecordWriter(path):
        raise RuntimeError
    assert read_sidecar(path) == {"count": 3}
    write(path, [b"one"])
    assert read_sidecar(path) is None

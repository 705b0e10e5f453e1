"""Groove's table and files: folder and zip give the same, absent files are reported, bad tables refused."""

import builtins
import csv
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from common.errors import InputError
from preprocess import groove as command
from preprocess import groove_dataset as groove
from preprocess.groove_dataset import (
    GrooveFiles,
    copy_selection,
    load_note_sequences,
    load_tfds,
    read_info,
    select,
)
from preprocess.note_sequence import NoteSequence
from preprocess.tfrecord import read_records, read_sidecar

HEADER = "drummer,session,id,style,bpm,beat_type,time_signature,midi_filename,audio_filename,duration,split\n"
LINE = "drummer1,drummer1/s,drummer1/s/1,rock/folk,120,beat,4-4,drummer1/s/1.mid,,2.5,train\n"
# One snare hit at tick 0, a quarter note long, 480 ticks per quarter.
TRACK = bytes.fromhex("00992664 8360 992600 00ff2f00".replace(" ", ""))
MIDI = (
    b"MThd"
    + bytes.fromhex("0000000600000001 01e0".replace(" ", ""))
    + b"MTrk"
    + len(TRACK).to_bytes(4, "big")
    + TRACK
)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A data set of three rows: two files of one base name, one absent."""
    root = tmp_path / "groove"
    lines = [LINE, LINE.replace("/s", "/t"), LINE.replace("/s", "/u").replace("train", "test")]
    for session in "st":
        (root / "drummer1" / session).mkdir(parents=True)
        (root / "drummer1" / session / "1.mid").write_bytes(MIDI)
    (root / "info.csv").write_text(HEADER + "".join(lines))
    return root


def zipped(folder: Path) -> Path:
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            archive.write(file, f"groove/{file.relative_to(folder).as_posix()}")
    return path


def test_counts_of_the_official_table(data_dir):
    rows = read_info(data_dir("groove"))
    assert len(rows) == 1150
    assert [len(select(rows, s)) for s in groove.SPLITS] == [897, 124, 129]
    assert [len(select(rows, beat_types=[b])) for b in groove.BEAT_TYPES] == [503, 647]
    assert len(select(rows, time_signatures=["4/4"])) == 1138
    # By column; beat-generation-with-mvae's rule by file name gives 174, 17, 17 (tested in test_selection).
    assert [len(select(rows, s, ["rock"], ["beat"])) for s in groove.SPLITS] == [173, 17, 21]


def test_select_agrees_with_a_plain_filter_of_the_csv(data_dir):
    path = data_dir("groove") / "info.csv"
    with open(path, newline="") as file:
        plain = [
            r["midi_filename"]
            for r in csv.DictReader(file)
            if r["drummer"] in ("drummer1", "drummer7")
            and 90 <= int(r["bpm"]) <= 110
            and r["split"] == "validation"
        ]
    chosen = select(read_info(path), "validation", qpm_range=(90, 110), drummers=["drummer1", "drummer7"])
    assert plain and [r.midi_filename for r in chosen] == plain


def test_absent_files_are_reported(data_dir):
    rows = select(read_info(data_dir("groove")), styles=["blues", "gospel"])
    with GrooveFiles(data_dir("groove")) as files:
        loaded = load_note_sequences(rows, files)
    assert len(loaded.note_sequences) + len(loaded.missing) == len(rows) and not loaded.unreadable
    assert set(loaded.missing) <= {r.midi_filename for r in rows if r.split == "test"}


def test_folder_and_zip_give_the_same(small):
    results = []
    for path in (small, zipped(small)):
        with GrooveFiles(path) as files:
            results.append(load_note_sequences(read_info(path), files))
    assert results[0] == results[1]
    assert [s.id for s in results[0].note_sequences] == ["drummer1/s/1.mid", "drummer1/t/1.mid"]
    assert results[0].missing == ["drummer1/u/1.mid"]
    assert results[0].note_sequences[0].notes[0].pitch == 38


def test_damaged_file_is_reported(small):
    (small / "drummer1/s/1.mid").write_bytes(b"not music")
    with GrooveFiles(small) as files:
        loaded = load_note_sequences(read_info(small), files)
    assert [name for name, _ in loaded.unreadable] == ["drummer1/s/1.mid"] and len(loaded.note_sequences) == 1


def test_copy_keeps_relative_paths_and_refuses_to_overwrite(small, tmp_path):
    with GrooveFiles(zipped(small)) as files:
        rows = read_info(small)
        written, missing = copy_selection(rows, files, tmp_path / "copy")
        assert len(written) == 2 and missing == ["drummer1/u/1.mid"]
        assert (tmp_path / "copy/drummer1/t/1.mid").read_bytes() == MIDI
        with pytest.raises(InputError, match="already exists"):
            copy_selection(rows, files, tmp_path / "copy")
        assert len(copy_selection(rows, files, tmp_path / "copy", force=True)[0]) == 2


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (LINE.replace("120", "fast"), "line 2"),
        (LINE.replace("120", "nan"), "line 2"),
        (LINE.replace("drummer1/s/1.mid", "../../1.mid"), "not a path inside"),
        (LINE.replace("drummer1/s/1.mid", "/etc/passwd"), "not a path inside"),
        (LINE.replace("train", "extra"), "unknown split"),
        (LINE + LINE, "twice"),
    ],
)
def test_bad_rows_are_refused(tmp_path, line, what):
    (tmp_path / "info.csv").write_text(HEADER + line)
    with pytest.raises(InputError, match=what):
        read_info(tmp_path)


def test_wrong_inputs_are_named(tmp_path, small):
    with pytest.raises(InputError, match=r"holds no info\.csv"):
        read_info(tmp_path / "groove" / "drummer1")
    with pytest.raises(InputError, match="neither a folder nor a zip"):
        read_info(tmp_path / "absent")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="lacks drummer"):
        read_info(tmp_path / "other.csv")
    with pytest.raises(InputError, match="is not a style of the table; it has rock, rock/folk"):
        select(read_info(small), styles=["polka"])


def test_command_writes_records_and_sidecar(small, tmp_path, capsys):
    output = tmp_path / "out.tfrecord"
    flags = [f"--input={small}", "--style", "rock", "--time_signature=4-4", f"--output_file={output}"]
    assert command.main(flags) == 0
    assert "Wrote 2 NoteSequences of 3 selected rows" in capsys.readouterr().out
    sequences = [NoteSequence.FromString(r) for r in read_records(output)]
    assert [s.filename for s in sequences] == ["drummer1/s/1.mid", "drummer1/t/1.mid"]
    sidecar = read_sidecar(output)
    assert (
        sidecar is not None
        and sidecar["splits"] == {"train": 2}
        and sidecar["missing"] == ["drummer1/u/1.mid"]
    )
    with pytest.raises(InputError, match="--force"):
        command.main(flags)
    with pytest.raises(InputError, match="leaves none"):
        command.main([f"--input={small}", "--split=test", f"--output_file={tmp_path / 'test.tfrecord'}"])
    assert not (tmp_path / "test.tfrecord").exists()


def test_command_line_reports_bad_input_in_one_line(tmp_path):
    script = Path(command.__file__)
    line = [
        sys.executable,
        str(script),
        f"--input={tmp_path / 'absent'}",
        f"--output_file={tmp_path / 'o'}",
    ]
    result = subprocess.run(line, capture_output=True, text=True, check=False, cwd=script.parents[1])
    assert result.returncode == 2 and result.stderr.count("\n") == 1 and "Traceback" not in result.stderr


def test_tfds_examples_become_rows(monkeypatch):
    def label(*names):
        return SimpleNamespace(int2str=lambda i: names[i])

    features = {
        "drummer": label("drummer1", "drummer2"),
        "type": label("beat", "fill"),
        "time_signature": label("3-4", "4-4"),
        "style": {"primary": label("jazz", "rock")},
    }
    example = {
        "id": b"drummer2/session1/7", "drummer": 1, "type": 0, "bpm": 95, "time_signature": 1,
        "style": {"primary": 1, "secondary": b"folk"}, "midi": MIDI,
    }  # fmt: skip
    calls = []

    def load(name, split, with_info):
        calls.append((name, split, with_info))
        return [example], SimpleNamespace(features=features)

    monkeypatch.setitem(sys.modules, "tensorflow_datasets", SimpleNamespace(load=load, as_numpy=lambda d: d))
    [(row, sequence)] = load_tfds(split="validation")
    assert calls == [("groove/full-midionly", "validation", True)]
    assert (row.drummer, row.style, row.qpm, row.beat_type, row.time_signature) == (
        "drummer2", "rock/folk", 95.0, "beat", "4-4",
    )  # fmt: skip
    assert sequence.id == row.midi_filename == "drummer2/session1/7.mid" and sequence.notes[0].pitch == 38


def test_tfds_absent_is_one_sentence(monkeypatch):
    original = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "tensorflow_datasets":
            raise ImportError(name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"pip install .*\[tfds\]"):
        load_tfds()

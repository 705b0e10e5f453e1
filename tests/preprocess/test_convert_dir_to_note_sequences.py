"""convert_dir_to_note_sequences: folders and zips, a reason for each dropped file, whole output or none."""

import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from common.console import run_command
from common.errors import InputError
from preprocess.convert_dir_to_note_sequences import main
from preprocess.note_sequence import NoteSequence
from preprocess.tfrecord import read_records, read_sidecar
from tests.conftest import ROOT
from tests.helpers.midi_bytes import END, NOTE, delta, midi

GOOD = midi(NOTE + END)
BAD = {
    "empty.mid": (b"", "not_midi"),
    "text.midi": (b"hello", "not_midi"),
    "cut.mid": (GOOD[:-5], "truncated"),
    "long.mid": (midi(delta(2**28 - 1) + NOTE[1:] + END), "too_long"),
    "bad.xml": (b"<score", "bad_score"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "music"
    (root / "inside").mkdir(parents=True)
    for name in ("b.mid", "A.MID", "inside/c.midi"):
        (root / name).write_bytes(GOOD)
    for name, (data, _) in BAD.items():
        (root / name).write_bytes(data)
    (root / "notes.txt").write_text("not music")
    return root


def run(source: Path, output: Path, *flags: str) -> list:
    assert main([f"--input_dir={source}", f"--output_file={output}", "--num_processes=2", *flags]) == 0
    return [NoteSequence.FromString(r) for r in read_records(output)]


def zipped(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*"), reverse=True):
            archive.write(file, file.relative_to(folder))
    return path


def test_a_folder_with_bad_files(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "out.tfrecord"
    sequences = run(folder, output)
    assert [s.filename for s in sequences] == ["A.MID", "b.mid"]
    assert {s.collection_name for s in sequences} == {"music"}
    assert [n.pitch for n in sequences[0].notes] == [38]
    sidecar = read_sidecar(output)
    assert sidecar is not None
    assert {d["file"]: d["reason"] for d in sidecar["dropped"]} == {n: r for n, (_, r) in BAD.items()}
    assert all(d["message"] for d in sidecar["dropped"])
    assert sidecar["files"] == {"read": 2, "dropped": 5, "other": 1} and sidecar["count"] == 2
    assert "Wrote 2 NoteSequences from 2 of 7 files" in capsys.readouterr().out.replace("\n", " ")


def test_recursive_and_zip_give_the_same(folder: Path, tmp_path: Path) -> None:
    sequences = run(folder, tmp_path / "folder.tfrecord", "--recursive")
    assert [s.filename for s in sequences] == ["A.MID", "b.mid", "inside/c.midi"]
    assert len({s.id for s in sequences}) == 3
    run(zipped(folder, tmp_path / "music.zip"), tmp_path / "zip.tfrecord")
    assert (tmp_path / "zip.tfrecord").read_bytes() == (tmp_path / "folder.tfrecord").read_bytes()


def test_a_damaged_zip_member_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "music.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.mid", GOOD * 50)
        archive.writestr("b.mid", GOOD)
        archive.writestr("../../c.mid", GOOD)
    data = bytearray(path.read_bytes())
    data[35:45] = b"\xff" * 10
    path.write_bytes(data)
    output = tmp_path / "out.tfrecord"
    assert [s.filename for s in run(path, output)] == ["../../c.mid", "b.mid"]
    assert [d["reason"] for d in (read_sidecar(output) or {})["dropped"]] == ["unreadable"]
    assert not (tmp_path.parent.parent / "c.mid").exists(), "nothing is unpacked to disk"


def test_bytes_do_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    for i in range(20):
        (folder / f"{i:02d}.mid").write_bytes(midi(NOTE * (20 - i) + END))
    outputs = []
    for processes in (1, 3):
        output = tmp_path / f"{processes}.tfrecord"
        assert main([f"--input_dir={folder}", f"--output_file={output}", f"--num_processes={processes}"]) == 0
        outputs.append(output.read_bytes())
    assert outputs[0] == outputs[1]


def test_limits(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        run(folder, tmp_path / "out", "--max_seconds=0.1")
    assert "too_long: 3" in str(caught.value)
    with pytest.raises(InputError) as caught:
        run(folder, tmp_path / "out", "--max_megabytes=0.00001")
    assert "file_too_large" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_refusals(folder: Path, tmp_path: Path) -> None:
    empty, output = tmp_path / "empty", tmp_path / "out"
    empty.mkdir()
    for source, reason in [(tmp_path / "none", "unreadable"), (empty, "no_files"), (folder, "exists")]:
        if reason == "exists":
            output.write_bytes(b"old")
        with pytest.raises(InputError) as caught:
            main([f"--input_dir={source}", f"--output_file={output}"])
        assert caught.value.reason == reason
    assert output.read_bytes() == b"old"
    assert len(run(folder, output, "--force")) == 2


def test_exit_statuses(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["convert", f"--input_dir={folder}", f"--output_file={tmp_path}/out"])
    assert run_command(main) == 0
    capsys.readouterr()
    assert run_command(main) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "--force" in error and "Traceback" not in error


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or waits only for its parent to notice."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_killed_run_leaves_the_old_file_and_no_process(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    output.write_bytes(b"old")
    code = (
        "import multiprocessing, os, signal, sys\n"
        "from preprocess import tfrecord\n"
        "from preprocess.convert_dir_to_note_sequences import main\n"
        "write = tfrecord.RecordWriter.write\n"
        "def write_and_die(writer, record):\n"
        "    write(writer, record)\n"
        "    print(*(child.pid for child in multiprocessing.active_children()), flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "tfrecord.RecordWriter.write = write_and_die\n"
        "main(sys.argv[1:])\n"
    )
    flags = [f"--input_dir={folder}", f"--output_file={output}", "--force", "--num_processes=1"]
    result = subprocess.run([sys.executable, "-c", code, *flags], cwd=ROOT, stdout=subprocess.PIPE)
    assert result.returncode == -signal.SIGKILL
    assert output.read_bytes() == b"old" and read_sidecar(output) is None
    workers = [int(pid) for pid in result.stdout.split()]
    assert workers
    for _ in range(300):
        if all(map(has_ended, workers)):
            break
        time.sleep(0.1)
    assert all(map(has_ended, workers))


def piece(pitches: list[int]) -> bytes:
    """Quarters of the given pitches as a MIDI file."""
    notes = b"".join(bytes([0, 0x90, p, 80]) + delta(120) + bytes([0x80, p, 0]) for p in pitches)
    return midi(notes + END)


def test_pieces_are_held_out_by_their_notes(tmp_path: Path) -> None:
    folder = tmp_path / "music"
    (folder / "again").mkdir(parents=True)
    for i in range(40):
        data = piece([60 + i % 12, 61 + i // 12, 62 + i % 7])
        (folder / f"{i:02}.mid").write_bytes(data)
        (folder / "again" / f"copy of {i}.mid").write_bytes(data)
    held_out = tmp_path / "held_out"
    flags = ["--recursive", f"--held_out_file={held_out}", "--held_out_percent=30"]
    train = run(folder, tmp_path / "train", *flags)
    other = [NoteSequence.FromString(r) for r in read_records(held_out)]
    assert len(train) + len(other) == 80 and 4 < len(other) < 44
    tunes = [{tuple(n.pitch for n in s.notes) for s in part} for part in (train, other)]
    assert not tunes[0] & tunes[1], "a piece under two names stays on one side"
    assert (read_sidecar(held_out) or {})["count"] == len(other)
    with pytest.raises(InputError, match="held_out_percent is 100"):
        run(folder, tmp_path / "c", f"--held_out_file={tmp_path / 'd'}", "--held_out_percent=100")
    with pytest.raises(InputError, match="already exists"):
        run(folder, tmp_path / "c", f"--held_out_file={held_out}")
    assert not (tmp_path / "c").exists()


def test_files_without_notes_are_dropped_and_warnings_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    files = {
        "empty.mid": midi(END),
        "short header.mid": midi(NOTE + END, count=2),
        "piano.mid": piece([60, 62]),
        "both.mid": midi(NOTE + END, piece([60])[22:]),
        "named.mid": midi(b"\0\xff\3\4Kick\0\x90\x24\x40\x60\x80\x24\0" + END),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    output = tmp_path / "out"
    run(folder, output)
    sidecar = read_sidecar(output) or {}
    assert [(d["file"], d["reason"]) for d in sidecar["dropped"]] == [("empty.mid", "no_notes")]
    assert sidecar["files"] == {"read": 4, "dropped": 1, "other": 0}
    assert sidecar["warnings"] == {"drums_elsewhere": 1, "track_count": 1}
    assert sidecar["notes"] == {"drums_only": 2, "no_drums": 1, "both": 1}
    printed = " ".join(capsys.readouterr().out.split())
    assert "2 with drums alone, 1 with drums and other notes, 1 with no drums" in printed
    assert "drums_elsewhere" in printed and "no_notes" in printed
    (tmp_path / "channel").mkdir()
    (tmp_path / "channel" / "a.mid").write_bytes(files["piano.mid"])
    (sequence,) = run(tmp_path / "channel", output, "--drum_channel=1", "--force")
    assert all(note.is_drum for note in sequence.notes)


def test_a_book_of_tunes_is_counted_tune_by_tune(tmp_path: Path) -> None:
    pytest.importorskip("note_seq")
    folder = tmp_path / "music"
    folder.mkdir()
    tune = "X:{0}\nT:Tune {0}\nM:4/4\nL:1/4\nK:C\n{1}|\n"
    (folder / "a.abc").write_text(
        "\n".join(tune.format(i, m) for i, m in enumerate(("CDEF", "C&D", "[CE]2"), 1))
    )
    (folder / "b.abc").write_text(tune.format(1, "C&D"))
    output = tmp_path / "out"
    sequences = run(folder, output)
    assert len({sequence.id for sequence in sequences}) == len(sequences) == 2
    sidecar = read_sidecar(output) or {}
    assert [(t["tune"], t["reason"]) for t in sidecar["dropped_tunes"]] == [
        ("a.abc, 2 (Tune 2)", "abc_unreadable"),
        ("b.abc, 1 (Tune 1)", "abc_unreadable"),
    ]
    assert [(d["file"], d["reason"]) for d in sidecar["dropped"]] == [("b.abc", "abc_unreadable")]


def test_a_zip_is_opened_once(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    original = zipfile.ZipFile.__init__

    def counted(archive: zipfile.ZipFile, *arguments: Any, **options: Any) -> None:
        opened.append(arguments)
        original(archive, *arguments, **options)

    path = zipped(folder, tmp_path / "music.zip")
    monkeypatch.setattr(zipfile.ZipFile, "__init__", counted)
    run(path, tmp_path / "out")
    assert len(opened) == 2, "once to look for files, once to read them"

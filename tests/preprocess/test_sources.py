"""Files of music in folders, zips and flags: each once, whatever it is called."""

import os
import zipfile
from pathlib import Path

import pytest

from common.errors import InputError
from preprocess.convert_dir_to_note_sequences import main
from preprocess.note_sequence import NoteSequence
from preprocess.sources import MIDI_SUFFIXES, find_sources, named_files, read_path
from preprocess.tfrecord import RecordWriter, expand_patterns, read_records, read_sidecar
from tests.helpers.midi_bytes import END, NOTE, midi

GOOD = midi(NOTE + END)


def names(folder: Path, recursive: bool = True) -> list[str]:
    return [source.name for source in find_sources(folder, recursive).sources]


def test_suffixes(tmp_path: Path) -> None:
    music = [
        "a.mid",
        "b.MID",
        "c.midi",
        "d.smf",
        "e.kar",
        "f.rmi",
        "g.Smf",
        "h.abc",
        "i.XML",
        "j.mxl",
        "k.musicxml",
    ]
    for name in [*music, "notes.txt", "._a.mid", "mid", "a.mid.bak"]:
        (tmp_path / name).write_bytes(GOOD)
    found = find_sources(tmp_path, False)
    assert [source.name for source in found.sources] == music and found.others == 4
    assert [s.name for s in find_sources(tmp_path, False, MIDI_SUFFIXES).sources] == [*music[:7]]


def test_linked_folders_are_read_and_each_file_once(tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "deep").mkdir(parents=True)
    (tmp_path / "elsewhere" / "x.mid").write_bytes(GOOD)
    (tmp_path / "elsewhere" / "deep" / "y.mid").write_bytes(GOOD)
    folder = tmp_path / "music"
    (folder / "real").mkdir(parents=True)
    (folder / "real" / "a.mid").write_bytes(GOOD)
    (folder / "again").symlink_to(folder / "real")
    (folder / "circle").symlink_to(folder)
    (folder / "more").symlink_to(tmp_path / "elsewhere")
    (folder / "more2").symlink_to(tmp_path / "elsewhere")
    (folder / "a copy.mid").symlink_to(folder / "real" / "a.mid")
    (folder / "linked.mid").symlink_to(tmp_path / "elsewhere" / "x.mid")
    (folder / "nowhere.mid").symlink_to(tmp_path / "nowhere")
    assert names(folder) == ["linked.mid", "more/deep/y.mid", "nowhere.mid", "real/a.mid"]
    assert names(folder, recursive=False) == ["a copy.mid", "linked.mid", "nowhere.mid"]
    link = tmp_path / "link to all"
    link.symlink_to(folder)
    assert names(link) == names(folder)
    output = tmp_path / "out"
    assert main([f"--input_dir={folder}", f"--output_file={output}", "--recursive", "--num_processes=1"]) == 0
    sidecar = read_sidecar(output) or {}
    assert sidecar["count"] == 3 and [d["file"] for d in sidecar["dropped"]] == ["nowhere.mid"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names")
def test_what_is_no_file_is_left_alone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mid")
    (tmp_path / "folder.mid").mkdir()
    (tmp_path / "device.mid").symlink_to("/dev/zero")
    assert names(tmp_path) == []
    with pytest.raises(InputError, match="is not a file"):
        read_path(tmp_path / "pipe.mid", 10)


@pytest.mark.skipif(os.name != "posix", reason="names of any bytes")
@pytest.mark.parametrize("processes", [1, 2])
def test_names_of_any_bytes(tmp_path: Path, processes: int, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "music"
    folder.mkdir()
    for name in (
        b"caf\xe9.mid",
        b"[red]a[bold].mid",
        b"a,b{c}*?.mid",
        b"\x1b[31m.mid",
        b"new\nline.mid",
        "ü.mid".encode(),
    ):
        (folder / os.fsdecode(name)).write_bytes(GOOD)
        (folder / os.fsdecode(b"bad " + name)).write_bytes(b"none")
    output = tmp_path / "out"
    assert main([f"--input_dir={folder}", f"--output_file={output}", f"--num_processes={processes}"]) == 0
    found = {NoteSequence.FromString(record).filename for record in read_records(output)}
    assert found == {
        r"caf\xe9.mid",
        "[red]a[bold].mid",
        "a,b{c}*?.mid",
        "\x1b[31m.mid",
        "new\nline.mid",
        "ü.mid",
    }
    assert len((read_sidecar(output) or {})["dropped"]) == 6
    assert "\x1b" not in capsys.readouterr().out


def test_names_before_globs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a[1].x", "a1.x", "b,c.x", "b", "c.x", "d*.x", "d1.x"):
        Path(name).write_text("x")
    Path("set [2]").mkdir()
    Path("set [2]/one.x").write_text("x")

    def named(patterns: str) -> list[str]:
        return [str(path) for path in named_files(patterns)]

    assert named("a[1].x") == ["a[1].x"]
    assert named("a[0-2].x") == ["a1.x"]
    assert named("b,c.x") == ["b,c.x"]
    assert named("b, c.x") == ["b", "c.x"]
    assert named("b,c.x,a1.x") == ["b,c.x", "a1.x"]
    assert named("d*.x") == ["d*.x"]
    assert named("d?.x") == ["d*.x", "d1.x"]
    assert named("set [2]/*.x") == ["set [2]/one.x"]
    with pytest.raises(InputError, match="none: no such file"):
        named("b,none")


def test_shards_are_found_by_names_and_globs(tmp_path: Path) -> None:
    for name in ("set[1].tfrecord-00000-of-00002", "set[1].tfrecord-00001-of-00002"):
        with RecordWriter(tmp_path / name) as writer:
            writer.write(b"x")
    (tmp_path / "set[1].tfrecord-00000-of-00002.json").write_text("{}")
    assert len(expand_patterns(f"{tmp_path}/set[1].tfrecord*")) == 2
    assert len(expand_patterns(f"{tmp_path}/set[1].tfrecord-00000-of-00002")) == 1


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="the superuser reads all folders")
def test_folders_that_can_not_be_read_are_said(tmp_path: Path) -> None:
    (tmp_path / "a.mid").write_bytes(GOOD)
    (tmp_path / "closed").mkdir(mode=0)
    assert [name for name, _ in find_sources(tmp_path, True).unreadable] == ["closed"]


def test_a_zip_whose_members_have_the_same_name(tmp_path: Path) -> None:
    path = tmp_path / "music.zip"
    with zipfile.ZipFile(path, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("a.mid", GOOD)
        archive.writestr("a.mid", midi(NOTE * 2 + END))
        archive.writestr("__MACOSX/a.mid", GOOD)
    output = tmp_path / "out"
    assert main([f"--input_dir={path}", f"--output_file={output}", "--num_processes=1"]) == 0
    assert [len(NoteSequence.FromString(record).notes) for record in read_records(output)] == [1, 2]

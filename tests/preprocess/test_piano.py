"""The command that checks a folder of piano pieces."""

import json
from pathlib import Path

import pytest

from common.errors import InputError
from preprocess import piano as command
from preprocess.note_sequence import NoteSequence
from preprocess.tfrecord import read_records, read_sidecar
from render.midi import Style, write_midi
from tests.preprocess.pieces.test_checks import melody


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six usable files, one in a folder inside; two that are refused; one that is no MIDI file."""
    root = tmp_path / "pieces"
    for i in range(5):
        write_midi(melody(pitch=60 + i), root / f"{i}.mid")
    write_midi(melody(pitch=70), root / "inside" / "5.mid")
    write_midi(melody(steps=16), root / "short.mid")
    write_midi(melody(), root / "waltz.mid", Style(time_signature=(3, 4)))
    (root / "text.mid").write_text("no music")
    (root / "notes.txt").write_text("no music either")
    return root


def test_command_writes_usable_pieces_and_says_why_others_are_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, held_out = tmp_path / "out.tfrecord", tmp_path / "held.tfrecord"
    flags = [f"--input={folder}", f"--output_file={output}", "--num_processes=1"]
    assert command.main(flags) == 0
    names = [NoteSequence.FromString(r).filename for r in read_records(output)]
    assert names == ["0.mid", "1.mid", "2.mid", "3.mid", "4.mid", "inside/5.mid"]
    sidecar = read_sidecar(output) or {}
    assert (sidecar["count"], sidecar["made_by"], sidecar["checks"]["min_frames"]) == (6, "piano", 64)
    refused = {entry["file"]: entry["reason"] for entry in sidecar["refused"]}
    assert refused == {"short.mid": "too_short", "waltz.mid": "other_meter", "text.mid": "not_midi"}
    text = capsys.readouterr().out
    assert "Wrote 6 pieces" in text and all(reason in text for reason in refused.values())
    with pytest.raises(InputError, match="already exists"):
        command.main(flags)
    again = [*flags, "--force", f"--held_out_file={held_out}", "--held_out_percent=50", "--min_frames=16"]
    assert command.main([*again, "--any_meter"]) == 0
    counts = [len(list(read_records(path))) for path in (output, held_out)]
    assert sum(counts) == 8 and min(counts) > 0
    assert json.dumps(read_sidecar(held_out)).count("not_midi") == 1


def test_command_refuses_folders_without_usable_pieces(folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.tfrecord"
    flags = [f"--input={folder}", f"--output_file={output}", "--num_processes=1"]
    with pytest.raises(InputError, match="too_short: 7"):
        command.main([*flags, "--min_frames=1000"])
    assert not output.exists()
    with pytest.raises(InputError, match="none: no such folder or zip file"):
        command.main([f"--input={folder}/none", f"--output_file={output}"])
    with pytest.raises(InputError, match="neither a folder nor a whole zip file"):
        command.main([f"--input={folder / 'waltz.mid'}", f"--output_file={output}"])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (["--held_out_percent=5"], "without a --held_out_file"),
        (["--held_out_file={0}/b", "--held_out_percent=0"], "--held_out_percent is 0"),
        (["--held_out_file={0}/a"], "two outputs have the same name"),
        (["--held_out_file={0}"], "is a folder"),
        (["--min_pitch=100", "--max_pitch=20"], "--max_pitch is 20; expected at least"),
        (["--max_off_grid=7"], "--max_off_grid is 7"),
        (["--max_off_grid=nan"], "--max_off_grid is nan"),
        (["--min_frames=-5"], "--min_frames is -5; expected a whole number"),
    ],
)
def test_command_refuses_flags_that_make_no_sense(
    folder: Path, tmp_path: Path, changed: list[str], said: str
) -> None:
    flags = [f"--input={folder}", f"--output_file={tmp_path}/a", *(flag.format(tmp_path) for flag in changed)]
    with pytest.raises(InputError, match=said):
        command.main(flags)
    assert not (tmp_path / "a").exists()


def test_command_says_when_nothing_was_held_out(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [f"--input={folder}", f"--output_file={tmp_path}/a", f"--held_out_file={tmp_path}/b"]
    assert command.main([*flags, "--held_out_percent=0.01", "--num_processes=1"]) == 0
    assert "b; of so few pieces, --held_out_percent=0.01 chose none." in capsys.readouterr().out

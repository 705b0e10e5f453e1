"""Piano data: the numbers of the specification, transposition, errors, history, checks and the command."""

import builtins
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from common.errors import InputError
from preprocess import piano as command
from preprocess.keyboard import PITCH_CLASSES
from preprocess.midi.reader import read_midi
from preprocess.note_sequence import NoteSequence
from preprocess.pieces import rolls as piano
from preprocess.tfrecord import read_records, read_sidecar
from render.midi import Style, write_midi

ROLLS = hnp.arrays(bool, st.tuples(st.integers(1, 20), st.integers(1, 100)))
PIANO_ROLLS = hnp.arrays(bool, (6, piano.KEYS))

GRASSHOPPER = (
    "A.E.A.E.A.G#.G#...G#.E.G#.E.G#.A.A...A.E.A.E.A.G#.G#...G#.E.G#.E.G#.A....."
    "A.B.BBB.B.C^.C^C^C^.C^.C^.B.A.G#.A.A...A.B.BBB.B.C^.C^C^C^.C^.C^.B.A.G#.A....."
)
KEY_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B", "C^")
VERSIONS = {20: 6, 1: 5, 2: 4, 3: 4, 4: 4, 17: 4, 11: 3, 14: 3, 23: 3, 24: 3, 29: 3, 34: 3, 5: 2, 19: 2}
ONSETS = (
    60, 52, 49, 44, 44, 56, 54, 52, 52, 44, 37, 60, 49, 42, 38, 42, 50,
    39, 44, 52, 69, 42, 52, 56, 61, 0, 44, 0, 74, 28, 0, 76, 53, 58,
)  # fmt: skip
SETS = {
    "JSB_Chorales": ((229, 13807), (76, 4602), (77, 4725), 11.09),
    "Nottingham": ((694, 176561), (173, 45513), (170, 44463), 10.26),
    "MuseData": ((524, 245202), (135, 82755), (124, 64339), 11.51),
    "Piano_midi": ((87, 75911), (12, 8540), (25, 19036), 11.05),
}


@pytest.fixture
def songs(data_dir: Callable[[str], Path]) -> list[np.ndarray]:
    return piano.load_seed_songs(data_dir("songs34"))


def test_seed_songs_have_69_versions(data_dir: Callable[[str], Path], songs: list[np.ndarray]) -> None:
    assert len(songs) == 69 and all(s.shape == (128, 13) and s.dtype == np.uint8 for s in songs)
    assert sum(not song.any() for song in songs) == 3
    folder = data_dir("songs34")
    first = [piano.seed_song(read_midi(folder / f"track ({i}).mid")) for i in range(1, 35)]
    assert tuple(int(song.sum()) for song in first) == ONSETS
    counts = [len(piano.seed_versions(song)) for song in first]
    assert counts == [VERSIONS.get(i, 1) for i in range(1, 35)]
    # From the highest down, each a semitone below the one before.
    np.testing.assert_array_equal(piano.transpose(songs[0], -1), songs[1])
    assert songs[0][:, 12].any() and songs[4][:, 0].any()
    chords = [i for i, song in enumerate(first, 1) if (song.sum(axis=1) > 1).any()]
    assert chords == [22] and (first[21].sum(axis=1) > 1).sum() == 13


def test_the_grasshopper(data_dir: Callable[[str], Path]) -> None:
    song = piano.seed_song(read_midi(data_dir("songs34") / "track (1).mid"))
    assert song.sum() == 60 and np.flatnonzero(song.any(axis=1))[-1] == 122
    text = "".join(KEY_NAMES[int(frame.argmax())] if frame.any() else "." for frame in song)
    assert text == GRASSHOPPER


def test_missing_seed_songs_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"track \(1\).mid"):
        piano.load_seed_songs(tmp_path)


@pytest.mark.parametrize("name", SETS)
def test_polyphonic_sets(data_dir: Callable[[str], Path], name: str) -> None:
    """Their sizes, and the published nats a frame of a model that knows only how often each key sounds."""
    frames = piano.load_frames(data_dir("polyphonic") / f"{name}.mat")
    *sizes, nats = SETS[name]
    assert [(len(pieces), sum(map(len, pieces))) for pieces in frames.values()] == sizes
    assert list(frames) == ["train", "validation", "test"]
    assert all(p.dtype == bool and p.shape[1] == 88 for pieces in frames.values() for p in pieces)
    p = np.concatenate(frames["train"]).mean(axis=0).clip(1e-6, 1 - 1e-6)
    # Each frame is predicted from the one before, so the first of a piece is none to predict.
    test = np.concatenate([piece[1:] for piece in frames["test"]])
    found = -np.where(test, np.log(p), np.log(1 - p)).sum(axis=1).mean()
    assert found == pytest.approx(nats, abs=0.005)


def test_other_files_are_no_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    savemat = pytest.importorskip("scipy.io").savemat
    pieces = np.empty((1, 2), dtype=object)
    pieces[0, :] = [np.zeros((3, 88)), np.eye(5, 88)]
    parts = {"traindata": pieces, "validdata": pieces, "testdata": pieces}

    def load(**content: Any) -> dict[str, list[np.ndarray]]:
        savemat(tmp_path / "set.mat", content)
        return piano.load_frames(tmp_path / "set.mat")

    assert [int(p.sum()) for p in load(**parts)["test"]] == [0, 5]
    bad = np.empty((1, 1), dtype=object)
    bad[0, 0] = np.zeros((3, 87))
    (tmp_path / "text.mat").write_bytes(b"not a MATLAB file" * 20)
    for damaged in (
        lambda: load(traindata=pieces),
        lambda: load(**parts | {"testdata": bad}),
        lambda: load(**parts | {"testdata": pieces * 2}),
        lambda: piano.load_frames(tmp_path / "text.mat"),
    ):
        with pytest.raises(InputError) as error:
            damaged()
        assert error.value.reason == "bad_mat"
    with pytest.raises(InputError, match=r"absent\.mat: can't be read \(No such file or directory\)"):
        piano.load_frames(tmp_path / "absent.mat")
    find = builtins.__import__

    def without_scipy(name: str, *args: Any) -> Any:
        if name.startswith("scipy"):
            raise ImportError(name)
        return find(name, *args)

    monkeypatch.setattr(builtins, "__import__", without_scipy)
    with pytest.raises(InputError, match="pip install scipy"):
        piano.load_frames(tmp_path / "set.mat")


@given(ROLLS)
def test_pitch_classes_are_any_octave(roll: np.ndarray) -> None:
    classes = piano.pitch_classes(roll)
    for k in range(12):
        np.testing.assert_array_equal(classes[:, k], roll[:, k::12].any(axis=1))
    assert PITCH_CLASSES[(60 - piano.LOWEST_PITCH) % 12] == "C"


@given(PIANO_ROLLS, st.integers(-100, 100))
def test_transposed_rolls_have_transposed_classes(roll: np.ndarray, semitones: int) -> None:
    used = piano.transpositions(roll)
    assert 0 in used
    if semitones in used or not roll.any():
        moved = piano.transpose(roll, semitones)
        assert moved.sum() == roll.sum()
        np.testing.assert_array_equal(piano.transpose(moved, -semitones), roll)
        np.testing.assert_array_equal(
            piano.pitch_classes(moved), np.roll(piano.pitch_classes(roll), semitones, axis=-1)
        )
        return
    with pytest.raises(InputError) as error:
        piano.transpose(roll, semitones)
    assert error.value.reason == "pitch_range"
    # MusicGeneration drops them: notes that would wrap are cleared, then the keys are rolled.
    kept = roll.copy()
    keys = np.arange(piano.KEYS) + semitones
    kept[:, (keys < 0) | (keys >= piano.KEYS)] = False
    np.testing.assert_array_equal(
        piano.transpose(roll, semitones, drop=True), np.roll(kept, semitones, axis=1)
    )


def test_a_transposed_piece_has_a_transposed_roll(data_dir: Callable[[str], Path]) -> None:
    sequence = read_midi(data_dir("joplin_rags") / "maple.mid")
    roll = piano.piano_roll(sequence)
    used = piano.transpositions(roll.onsets)
    for note in sequence.notes:
        note.pitch += used[-1]
    higher = piano.piano_roll(sequence)
    assert roll.velocities is not None and higher.velocities is not None
    for ours, theirs in (
        (roll.onsets, higher.onsets),
        (roll.sounding, higher.sounding),
        (roll.velocities, higher.velocities),
    ):
        np.testing.assert_array_equal(piano.transpose(ours, used[-1]), theirs)


@given(hnp.arrays(np.uint8, (128, 13), elements=st.integers(0, 1)), st.integers(0, 64), st.integers(0, 9))
def test_errors_leave_one_key_where_they_hit(song: np.ndarray, errors: int, seed: int) -> None:
    before = song.copy()
    spoilt = piano.add_error_count(song, errors, np.random.default_rng(seed))
    np.testing.assert_array_equal(song, before)
    changed = (spoilt != song).any(axis=1)
    assert changed.sum() <= errors and (spoilt[changed].sum(axis=1) == 1).all()
    np.testing.assert_array_equal(spoilt, piano.add_error_count(song, errors, np.random.default_rng(seed)))


def test_errors_come_at_their_rate() -> None:
    silence = np.zeros((20_000, 13), bool)
    spoilt = piano.add_errors(silence, 0.1, np.random.default_rng(0))
    # Some of the 2000 hit the same frame: 1 - exp(-0.1) of the frames are left.
    assert spoilt.any(axis=1).mean() == pytest.approx(1 - np.exp(-0.1), abs=0.01)
    assert spoilt.sum(axis=0).min() > 100
    assert not piano.add_errors(silence, 0.0, np.random.default_rng(0)).any()


def test_fragments_are_whole() -> None:
    assert list(piano.fragment_starts(255)) == [] and list(piano.fragment_starts(256)) == [0]
    assert list(piano.fragment_starts(330)) == [0, 32, 64]


def melody(steps: int = 64, every: float = 2.0, pitch: int = 60, qpm: float = 120.0) -> Any:
    """Repeated notes, one every `every` sixteenths."""
    sequence = NoteSequence(ticks_per_quarter=220)
    sequence.tempos.add(qpm=qpm)
    sequence.time_signatures.add(numerator=4, denominator=4)
    for i in range(int(steps / every)):
        start, end = (round(t * every * 15 / qpm, 9) for t in (i, i + 1))
        sequence.notes.add(start_time=start, end_time=end, pitch=pitch, velocity=80)
    sequence.total_time = max((n.end_time for n in sequence.notes), default=0.0)
    return sequence


def with_changes(count: int) -> Any:
    sequence = melody()
    for i in range(count):
        sequence.tempos.add(time=8.0 + i, qpm=121.0 + i)
    return sequence


def with_meter(numerator: int, denominator: int) -> Any:
    sequence = melody()
    sequence.time_signatures.add(time=4.0, numerator=numerator, denominator=denominator)
    return sequence


def test_checks() -> None:
    reason = piano.Checks().reason_to_refuse
    assert reason(melody()) == reason(melody(qpm=97.0)) == reason(with_changes(4)) == ""
    assert reason(with_meter(2, 2)) == reason(with_meter(2, 4)) == ""
    assert reason(NoteSequence()) == "no_notes"
    assert reason(melody(pitch=20)) == reason(melody(pitch=109)) == "pitch_range"
    assert reason(with_meter(3, 4)) == reason(with_meter(6, 8)) == reason(with_meter(0, 4)) == "other_meter"
    assert piano.Checks(any_meter=True).reason_to_refuse(with_meter(3, 4)) == ""
    assert reason(with_changes(5)) == "tempo_changes"
    assert piano.Checks(max_tempo_changes=None).reason_to_refuse(with_changes(5)) == ""
    assert reason(melody(every=4 / 3)) == "off_grid"
    assert reason(melody(steps=63, every=1)) == "too_short"
    assert reason(melody(steps=2**19, every=2**14)) == "too_long"
    early = melody()
    early.notes[0].start_time = -1.0
    assert reason(early) == "negative_time"
    drums = melody()
    for note in drums.notes:
        note.is_drum = True
    assert reason(drums) == "no_notes"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("joplin_rags", {"": 15}),
        ("chorales", {"": 400}),
        ("mutopia_piano", {"other_meter": 113, "": 112, "off_grid": 31, "tempo_changes": 6}),
    ],
)
def test_checks_of_real_pieces(data_dir: Callable[[str], Path], name: str, expected: dict[str, int]) -> None:
    files = sorted(data_dir(name).rglob("*.mid"))
    assert Counter(piano.Checks().reason_to_refuse(read_midi(f)) for f in files) == expected


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
    with pytest.raises(InputError, match="exists already"):
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
        (["--held_out_file={0}/a"], "are the same file"),
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
    assert "b; none of so few fell to it at --held_out_percent=0.01." in capsys.readouterr().out

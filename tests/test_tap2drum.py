"""tap2drum.py: any notes are taps, and drums of their length come back."""

from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest

import tap2drum
from common.errors import InputError
from models.families import open_music_vae
from preprocess.midi.file import parse_midi
from preprocess.midi.hits import MidiHits
from preprocess.midi.reader import read_midi
from render.midi import Style, write_midi
from tests.helpers.checkpoints import save_tiny, tiny_config
from tests.helpers.drum_sequences import PITCHES, drum_sequence, write_beat
from tests.helpers.midi_bytes import meter, midi, struck, tempo, track
from tests.helpers.processes import FRAMEWORKS, run

BAR = 1920
STEPS = [0, 3, 6, 10, 12, 16, 19, 22, 26, 28, 32, 35, 38]
"""A rhythm of three bars, in sixteenths."""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    name = "groovae_2bar_tap_small"
    return save_tiny(tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors", tiny_config(name))


def taps(is_drum: bool = False, pitch: int = 60) -> Any:
    """The rhythm, each tap a little late, as a NoteSequence at 120."""
    sequence = drum_sequence([(step, pitch, 60 + step, 1) for step in STEPS])
    for note in sequence.notes:
        note.is_drum = is_drum
        note.start_time += 0.03125  # 30 ticks
    return sequence


@pytest.fixture
def rhythm(tmp_path: Path) -> Path:
    write_midi(taps(), tmp_path / "taps.mid", Style(qpm=100))
    return tmp_path / "taps.mid"


def drummed(tiny: Path, rhythm: Path, out: Path, *flags: str) -> list[Path]:
    """Run the command; the MIDI files that it wrote."""
    command = [f"--checkpoint_file={tiny}", f"--input_midi={rhythm}", f"--output_dir={out}", *flags]
    assert tap2drum.main(command) == 0
    return sorted(out.glob("*.mid"))


def notes(path: Path) -> list[tuple[float, int, int]]:
    return [(note.start_time, note.pitch, note.velocity) for note in read_midi(path).notes]


def test_drums_of_the_same_length_and_tempo_come_back(tiny: Path, rhythm: Path, tmp_path: Path) -> None:
    (path,) = drummed(tiny, rhythm, tmp_path / "out")
    assert path.name == "taps_drums.mid"
    sequence = read_midi(path)
    assert sequence.tempos[0].qpm == pytest.approx(100, abs=1e-3)
    assert sum(m.time for m in mido.MidiFile(path).tracks[0]) == 3 * BAR
    assert sequence.notes and all(note.is_drum for note in sequence.notes)
    assert {note.pitch for note in sequence.notes} <= set(PITCHES)
    steps = {int(note.start_time * 100 / 15 + 0.5) // 16 for note in sequence.notes}
    assert steps == {0, 1, 2}


def test_velocities_and_timing_are_the_models(tiny: Path, rhythm: Path, tmp_path: Path) -> None:
    (path,) = drummed(tiny, rhythm, tmp_path / "out", "--temperature=0")
    model = open_music_vae(str(tiny))
    sequence = taps(is_drum=True, pitch=PITCHES[3])
    # Taps lie on the same steps at any tempo; the model is told that of the file.
    sequence.tempos[0].qpm = 100.0
    for note in sequence.notes:
        note.start_time *= 1.2
        note.end_time *= 1.2
    # The converter leaves out what does not fill a window, so a last hit fills the second one.
    sequence.notes.add(start_time=63 * 0.15, end_time=9.6, pitch=100, velocity=1, is_drum=True, instrument=9)
    first = model.converter.convert(sequence, inference=True)[0][0]
    (values,) = model.decode_values(np.zeros((1, 0)), None, controls=first.controls)
    (expected,) = model.converter.from_tensors([values])
    told = sorted((n.start_time * 1.2, n.pitch, n.velocity) for n in expected.notes)
    # A hit of the window's last step is played by then, one of the next window's first step not before.
    played = sorted(note for note in notes(path) if note[0] < 31.5 * 0.15)
    assert len(played) == len(told) > 10
    np.testing.assert_allclose([p[0] for p in played], [t[0] for t in told], atol=0.002)
    assert sorted(p[1:] for p in played) == sorted((t[1], max(1, t[2])) for t in told)
    assert len({velocity for _, _, velocity in played}) > 3


def test_any_key_or_drum_is_a_tap(tiny: Path, rhythm: Path, tmp_path: Path) -> None:
    write_midi(taps(is_drum=True, pitch=36), tmp_path / "drums.mid", Style(qpm=100))
    write_midi(taps(pitch=99), tmp_path / "high.mid", Style(qpm=100))
    played = []
    for name in ("taps", "drums", "high"):
        drummed(tiny, tmp_path / f"{name}.mid", tmp_path / "out", "--force")
        played.append((tmp_path / "out" / f"{name}_drums.mid").read_bytes())
    assert len(set(played)) == 1


def test_another_seed_or_temperature_plays_other_drums(tiny: Path, rhythm: Path, tmp_path: Path) -> None:
    def struck(name: str, *flags: str) -> list[Any]:
        paths = drummed(tiny, rhythm, tmp_path / name, *flags)
        return [sorted((round(t / 0.15), pitch) for t, pitch, _ in notes(path)) for path in paths]

    several = struck("several", "--num_outputs=3", "--temperature=1")
    assert len({tuple(hits) for hits in several}) == 3
    assert several[:1] == struck("one", "--temperature=1")
    assert several[:1] != struck("seed", "--temperature=1", "--seed=5")
    likeliest = struck("likeliest", "--temperature=0")
    assert several[:1] != likeliest == struck("again", "--temperature=0", "--seed=5")


def test_the_tempo_can_be_said_where_the_file_does_not_know_it(tiny: Path, tmp_path: Path) -> None:
    """What was tapped at 100 and recorded as 120 gives the same drums, at 100."""
    sequence = taps()
    write_midi(sequence, tmp_path / "known.mid", Style(qpm=100))
    for note in sequence.notes:
        note.start_time *= 1.2
        note.end_time *= 1.2
    write_midi(sequence, tmp_path / "unknown.mid", Style(qpm=120))
    (known,) = drummed(tiny, tmp_path / "known.mid", tmp_path / "a")
    (told,) = drummed(tiny, tmp_path / "unknown.mid", tmp_path / "b", "--qpm=100")
    assert known.read_bytes() == told.read_bytes()


def test_a_drum_map_moves_the_drums(tiny: Path, rhythm: Path, tmp_path: Path) -> None:
    (path,) = drummed(tiny, rhythm, tmp_path / "out", "--drum_map=pads_from_c1")
    assert {pitch for _, pitch, _ in notes(path)} <= set(range(36, 45))


def test_pictures_page_and_sound_are_written(tiny: Path, rhythm: Path, tmp_path: Path) -> None:
    drummed(tiny, rhythm, tmp_path / "out", "--png", "--gallery", "--wav", "--num_outputs=2")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    numbered = {f"taps_drums-00{i}-of-002.{kind}" for i in (0, 1) for kind in ("mid", "wav")}
    assert names == numbered | {"taps_drums.png", "taps_drums.html"}


def two_tempos(path: Path) -> None:
    file = mido.MidiFile()
    track = file.add_track()
    track.append(mido.MetaMessage("set_tempo", tempo=500000))
    track.append(mido.Message("note_on", note=60))
    track.append(mido.MetaMessage("set_tempo", tempo=400000, time=480))
    track.append(mido.Message("note_off", note=60))
    file.save(path)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("empty", "no notes"),
        ("text", "MThd"),
        ("missing", "can't be read"),
    ],
)
def test_files_without_a_rhythm_are_refused_with_the_reason(
    tiny: Path, tmp_path: Path, kind: str, reason: str
) -> None:
    path = tmp_path / f"{kind}.mid"
    if kind == "text":
        path.write_text("hello")
    elif kind != "missing":
        write_midi(drum_sequence([]) if kind == "empty" else taps(), path)
    with pytest.raises(InputError, match=reason) as error:
        drummed(tiny, path, tmp_path / "out")
    assert str(error.value).count(str(path)) == 1 and "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def conducted(path: Path) -> list[tuple[int, bytes]]:
    """Tempos and meters of a file with 480 ticks a quarter note."""
    file = parse_midi(path.read_bytes())
    assert file.ticks_per_quarter == 480
    said = [(tick, e) for tick, e in file.tracks[0].events if e[:2] in (b"\xff\x51", b"\xff\x58")]
    assert said == sorted(said, key=lambda event: event[0])
    return sorted(said)


def test_the_tempo_map_of_the_taps_is_kept(tiny: Path, tmp_path: Path) -> None:
    """A tempo a bar: the same taps in bars give the same drums in bars, under the same tempos."""
    hits = [(bar * BAR + step * 120 + 7, 60 + step) for bar in range(4) for step in (0, 3, 6, 8, 10, 12)]
    maps = {"one": [(0, 500000)], "many": [(bar * BAR, 500000 + 5000 * bar) for bar in range(4)]}
    drums = {}
    for name, tempos in maps.items():
        conductor = track((0, meter(4, 4)), *((tick, tempo(microseconds)) for tick, microseconds in tempos))
        taps = [event for tick, pitch in hits for event in struck([tick], pitch, channel=0)]
        (tmp_path / f"{name}.mid").write_bytes(midi(conductor, track(*taps)))
        (path,) = drummed(tiny, tmp_path / f"{name}.mid", tmp_path / "out", "--force", "--temperature=0")[-1:]
        path = tmp_path / "out" / f"{name}_drums.mid"
        assert conducted(path) == sorted([(0, meter(4, 4)), *((tick, tempo(m)) for tick, m in tempos)])
        drums[name] = [(hit.start, hit.pitch) for hit in MidiHits(path.read_bytes()).hits]
        assert sum(m.time for m in mido.MidiFile(path).tracks[0]) == 4 * BAR
    assert {tick for tick, _ in drums["many"]} == {tick for tick, _ in hits}
    assert drums["one"][:8] == drums["many"][:8]


def test_the_first_of_several_patterns_is_taken(tiny: Path, tmp_path: Path, capsys: Any) -> None:
    data = bytearray(midi(track((0, tempo(600000))), *(track(*struck([0, tick], 60)) for tick in (480, 960))))
    data[9] = 2
    (tmp_path / "taps.mid").write_bytes(data)
    (path,) = drummed(tiny, tmp_path / "taps.mid", tmp_path / "out", "--temperature=0")
    assert {hit.start for hit in MidiHits(path.read_bytes()).hits} == {0, 480}
    printed = capsys.readouterr()
    assert "2 patterns" in printed.err and "100 quarter notes" in printed.out


@pytest.mark.parametrize("signature", [(2, 4), (3, 4), (5, 4), (6, 8), (12, 8), (7, 8)])
def test_the_meter_of_the_taps_is_kept(tiny: Path, tmp_path: Path, signature: tuple[int, int]) -> None:
    bar = BAR * signature[0] // signature[1]
    ticks = range(10, 3 * bar, 360)
    data = midi(track((0, meter(*signature)), *struck(ticks, 60, channel=0, length=30)), division=480)
    (tmp_path / "taps.mid").write_bytes(data)
    (path,) = drummed(tiny, tmp_path / "taps.mid", tmp_path / "out", "--temperature=0")
    assert conducted(path) == [(0, tempo(500000)), (0, meter(*signature))]
    assert {hit.start for hit in MidiHits(path.read_bytes()).hits} == set(ticks)
    assert sum(m.time for m in mido.MidiFile(path).tracks[0]) == 3 * bar


def test_a_bar_of_another_meter_among_the_taps_is_kept(tiny: Path, tmp_path: Path) -> None:
    metres = [(0, meter(4, 4)), (2 * BAR, meter(2, 4)), (2 * BAR + 960, meter(4, 4))]
    ticks = range(0, 4 * BAR + 960, 480)
    (tmp_path / "taps.mid").write_bytes(midi(track(*metres, *struck(ticks, 60, channel=0)), division=480))
    (path,) = drummed(tiny, tmp_path / "taps.mid", tmp_path / "out", "--temperature=0")
    assert conducted(path) == [(0, tempo(500000)), *metres]
    assert {hit.start for hit in MidiHits(path.read_bytes()).hits} == set(ticks)
    assert sum(m.time for m in mido.MidiFile(path).tracks[0]) == 4 * BAR + 960


def test_a_tempo_that_is_told_holds_for_all_of_the_file(tiny: Path, tmp_path: Path) -> None:
    two_tempos(tmp_path / "tempos.mid")
    (path,) = drummed(tiny, tmp_path / "tempos.mid", tmp_path / "out", "--qpm=90")
    assert conducted(path) == [(0, tempo(666667)), (0, meter(4, 4))]
    assert sum(m.time for m in mido.MidiFile(path).tracks[0]) == BAR


def test_a_model_that_reads_no_taps_is_refused(rhythm: Path, tmp_path: Path) -> None:
    config = tiny_config("groovae_2bar_humanize_small")
    checkpoint = save_tiny(tmp_path / "humanize.safetensors", config)
    with pytest.raises(InputError, match="does not read taps"):
        drummed(checkpoint, rhythm, tmp_path / "out")


@pytest.mark.parametrize("flag", ["--qpm=1000", "--num_outputs=0", "--temperature=-1", "--drum_map=nothing"])
def test_flags_out_of_range_are_refused(tiny: Path, rhythm: Path, tmp_path: Path, flag: str) -> None:
    with pytest.raises(InputError):
        drummed(tiny, rhythm, tmp_path / "out", flag)
    assert not (tmp_path / "out").exists()


def test_no_framework_is_loaded(tiny: Path, tmp_path: Path) -> None:
    beat = write_beat(tmp_path / "beat.mid")
    done = run("tap2drum.py", f"--input_midi={beat}", f"--checkpoint_file={tiny}", f"--output_dir={tmp_path}")
    assert done.returncode == 0, done.stderr
    assert not FRAMEWORKS & set(done.stdout.splitlines()[-1].split())
    helped = run("tap2drum.py", "--help")
    assert not (FRAMEWORKS | {"matplotlib", "note_seq"}) & set(helped.stdout.splitlines()[-1].split())

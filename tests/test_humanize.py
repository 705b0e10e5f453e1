"""humanize.py: the hits get velocities and timing; how many there are and all else in the file stays."""

import wave
from collections import Counter
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import humanize
from common.errors import InputError
from models.families import open_music_vae
from preprocess.midi.hits import MidiHits, as_performed
from preprocess.midi.reader import read_midi
from render.midi import midi_bytes, write_midi
from tests.helpers.checkpoints import save_tiny, tiny_config
from tests.helpers.drum_sequences import PITCHES, Hit, backbeat, drum_sequence, random_hits, write_beat
from tests.helpers.midi_bytes import END, delta, meter, midi, struck, tempo, track
from tests.helpers.processes import FRAMEWORKS, run

STEP, BAR = 120, 1920
"""Ticks of a sixteenth and of four quarters in the files that this project writes."""
DRUM_OF = {pitch: drum for drum, pitch in enumerate(PITCHES)}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    name = "groovae_2bar_humanize_small"
    return save_tiny(tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors", tiny_config(name))


def humanized(tiny: Path, beat: Path, out: Path, *flags: str) -> list[Path]:
    """Run the command; the MIDI files that it wrote."""
    command = [f"--checkpoint_file={tiny}", f"--input_midi={beat}", f"--output_dir={out}", *flags]
    assert humanize.main(command) == 0
    return sorted(out.glob("*.mid"))


def cells(data: bytes) -> Counter[tuple[int, int]]:
    """How often each pitch is struck on each sixteenth."""
    file = MidiHits(data)
    return Counter((int(p + 0.5), hit.pitch) for p, hit in zip(file.positions, file.hits, strict=True))


def ticked(path: Path) -> list[list[tuple[int, mido.Message]]]:
    """Every message of every track with its tick."""
    tracks = []
    for messages_of_track in mido.MidiFile(path).tracks:
        now, messages = 0, []
        for message in messages_of_track:
            now += message.time
            messages.append((now, message.copy(time=0)))
        tracks.append(messages)
    return tracks


def song(path: Path) -> Path:
    """Five bars: a named piano with a pedal, a system message, two tempos, drums, and a drum of no class."""
    file = mido.MidiFile(type=1, ticks_per_beat=480)
    conductor, piano, drums = (file.add_track(name) for name in ("song", "piano", "drums"))
    conductor.append(mido.MetaMessage("time_signature", numerator=4, denominator=4))
    conductor.append(mido.MetaMessage("set_tempo", tempo=500000))
    conductor.append(mido.MetaMessage("set_tempo", tempo=400000, time=2 * 1920))
    piano.append(mido.Message("sysex", data=(1, 2, 3)))
    piano.append(mido.Message("program_change", program=4))
    piano.append(mido.Message("control_change", control=64, value=127, time=17))
    for i in range(20):
        piano.append(mido.Message("note_on", note=60 + i % 5, velocity=33 + i, time=13))
        piano.append(mido.Message("note_off", note=60 + i % 5, velocity=9, time=467))
    for i in range(40):
        drums.append(mido.Message("note_on", channel=9, note=(36, 38, 42, 90)[i % 4], velocity=70, time=0))
        drums.append(mido.Message("note_off", channel=9, note=(36, 38, 42, 90)[i % 4], time=240))
    file.save(path)
    return path


def test_every_hit_is_played_on_its_step_and_something_changes(tiny: Path, tmp_path: Path) -> None:
    beat = write_beat(tmp_path / "beat.mid", bars=5)
    (path,) = humanized(tiny, beat, tmp_path / "out")
    assert path.name == "beat_humanized.mid"
    assert cells(path.read_bytes()) == cells(beat.read_bytes())
    before, after = MidiHits(beat.read_bytes()), MidiHits(path.read_bytes())
    assert sum(a.start != b.start for a, b in zip(before.hits, after.hits, strict=True)) > 20
    assert len({hit.velocity for hit in after.hits}) > 5
    assert all(hit.start >= 0 for hit in after.hits)
    assert sum(m.time for m in mido.MidiFile(path).tracks[0]) == 5 * 1920


def test_all_else_in_the_file_stays(tiny: Path, tmp_path: Path) -> None:
    beat = song(tmp_path / "song.mid")
    (path,) = humanized(tiny, beat, tmp_path / "out")

    def kept(messages: list[tuple[int, mido.Message]]) -> list[tuple[int, mido.Message]]:
        return [
            (tick, m)
            for tick, m in messages
            if not (m.type in ("note_on", "note_off") and m.channel == 9 and m.note != 90)
        ]

    before, after = ticked(beat), ticked(path)
    assert before[:2] == after[:2]
    assert kept(before[2]) == kept(after[2])
    assert before[2] != after[2]
    assert Counter(n.pitch for n in read_midi(path).notes) == Counter(n.pitch for n in read_midi(beat).notes)
    assert cells(path.read_bytes()) == cells(beat.read_bytes())


def test_the_amounts_go_from_the_input_to_the_model(tiny: Path, tmp_path: Path) -> None:
    beat = song(tmp_path / "song.mid")
    (same,) = humanized(tiny, beat, tmp_path / "0", "--timing=0", "--velocity=0")
    assert same.read_bytes() == beat.read_bytes()

    def hits(name: str, *flags: str) -> list[tuple[int, int]]:
        (path,) = humanized(tiny, beat, tmp_path / name, *flags)
        return [(hit.start, hit.velocity) for hit in MidiHits(path.read_bytes()).hits]

    given = [(hit.start, hit.velocity) for hit in MidiHits(beat.read_bytes()).hits]
    full, half = np.array(hits("1")), np.array(hits("half", "--timing=0.5", "--velocity=0.5"))
    assert np.abs(half - (np.array(given) + full) / 2).max() <= 1
    timing, velocity = np.array(hits("t", "--velocity=0")), np.array(hits("v", "--timing=0"))
    np.testing.assert_array_equal(timing, np.stack([full[:, 0], np.array(given)[:, 1]], axis=1))
    np.testing.assert_array_equal(velocity, np.stack([np.array(given)[:, 0], full[:, 1]], axis=1))


def test_a_seed_gives_the_same_performances_and_another_one_others(tiny: Path, tmp_path: Path) -> None:
    beat = write_beat(tmp_path / "beat.mid")
    contents = {}
    for name, flags in {
        "a": ["--num_outputs=3"],
        "b": ["--num_outputs=2"],
        "c": ["--num_outputs=3", "--seed=1"],
        "mean": ["--temperature=0"],
        "mean again": ["--temperature=0", "--seed=1"],
    }.items():
        contents[name] = [path.read_bytes() for path in humanized(tiny, beat, tmp_path / name, *flags)]
    assert len(set(contents["a"])) == 3
    assert contents["a"][:2] == contents["b"]
    assert not set(contents["a"]) & set(contents["c"])
    assert contents["mean"] == contents["mean again"]


def test_windows_are_played_each_for_itself(tiny: Path, tmp_path: Path) -> None:
    """The first two bars of five sound as two bars alone do, and the last one as if silence followed."""
    hits = [(step, (36, 38, 42, 51)[step * step % 4], 50 + step, 1) for step in range(0, 80, 3)]
    played = {}
    for name, part in {
        "whole": hits,
        "first": [hit for hit in hits if hit[0] < 32],
        "last": [(step - 64, *rest) for step, *rest in hits if step >= 64],
    }.items():
        write_midi(drum_sequence(part), tmp_path / f"{name}.mid")
        (path,) = humanized(tiny, tmp_path / f"{name}.mid", tmp_path / "out", "--temperature=0", "--force")[
            -1:
        ]
        path = tmp_path / "out" / f"{name}_humanized.mid"
        played[name] = [(hit.start, hit.pitch, hit.velocity) for hit in MidiHits(path.read_bytes()).hits]
    assert [hit for hit in played["whole"] if hit[0] < 31.5 * STEP] == played["first"]
    last = [(tick - 64 * STEP, *rest) for tick, *rest in played["whole"] if tick >= 63.5 * STEP]
    assert [(max(0, tick), *rest) for tick, *rest in last] == played["last"]


def test_hits_are_fed_to_a_model_that_is_conditioned_on_them(tmp_path: Path) -> None:
    config = tiny_config("groovae_2bar_hits_control_tfds")
    checkpoint = save_tiny(tmp_path / "controls.safetensors", config)
    beat = write_beat(tmp_path / "beat.mid", bars=2)
    (path,) = humanized(checkpoint, beat, tmp_path / "out", "--temperature=0")
    model = open_music_vae(str(checkpoint))
    batch = model.config.batch_of(model.examples_of(read_midi(beat)))
    hits = batch["inputs"][..., :9]
    (values,) = model.decode_values(model.posterior(batch)[0], None, controls=batch["controls"], known=hits)
    for hit in MidiHits(path.read_bytes()).hits:
        step, drum = int(hit.start / STEP + 0.5), DRUM_OF[hit.pitch]
        assert abs(hit.velocity - 127 * values[step, 9 + drum]) <= 0.51
        expected = STEP * (step - values[step, 18 + drum] / 2)
        assert abs(hit.start - max(0, expected)) <= 1


@st.composite
def performances(draw: Any) -> tuple[list[Hit], Any, Any]:
    hits = draw(random_hits(48).filter(bool))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return hits, rng.uniform(1, 127, (48, 9)), rng.choice([-0.5, 0.5, 0.0, 0.3, -0.1], (48, 9))


@given(drawn=performances(), timing=st.floats(0, 1), velocity=st.floats(0, 1))
def test_any_performance_of_any_hits_keeps_them(drawn: Any, timing: float, velocity: float) -> None:
    hits, velocities, offsets = drawn
    data = midi_bytes(drum_sequence(hits))
    file = MidiHits(data)
    drums = np.array([DRUM_OF[hit.pitch] for hit in file.hits])
    played = file.with_hits(
        *as_performed(file, drums, (velocities > 0, velocities, offsets), timing, velocity)
    )
    assert cells(played) == cells(data)
    assert len(read_midi(played).notes) == len(read_midi(data).notes)
    after = MidiHits(played).hits
    assert all(hit.start >= 0 and hit.end > hit.start for hit in after)

    def by_pitch(hits: list[Any]) -> list[Any]:
        return sorted(hits, key=lambda hit: (hit.pitch, hit.start))

    for old, new in zip(by_pitch(file.hits), by_pitch(after), strict=True):
        assert new.end - new.start <= old.end - old.start
        step = int(old.start / STEP + 0.5)
        wanted = old.start + timing * ((step - offsets[step, DRUM_OF[old.pitch]]) * STEP - old.start)
        assert abs(new.start - max(0, wanted)) <= 1.5
        loudness = (1 - velocity) * old.velocity + velocity * velocities[step, DRUM_OF[old.pitch]]
        assert abs(new.velocity - loudness) <= 0.51


def test_a_flam_moves_as_one() -> None:
    sequence = drum_sequence([(8, 38, 100, 1), (12, 42, 60, 1)])
    grace = sequence.notes.add()
    grace.CopyFrom(sequence.notes[0])
    grace.start_time, grace.end_time, grace.velocity = 0.97, 0.98, 40
    file = MidiHits(midi_bytes(sequence))
    offsets = np.zeros((16, 9))
    offsets[8, 1] = -0.25
    velocities = np.full((16, 9), 50.0)
    played = file.with_hits(*as_performed(file, np.array([1, 1, 2]), (velocities > 0, velocities, offsets)))
    before, after = file.hits, MidiHits(played).hits
    assert [new.start - old.start for old, new in zip(before, after, strict=True)] == [30, 30, 0]
    assert [hit.velocity for hit in after] == [20, 50, 50]


def test_a_hit_before_the_first_beat_is_not_possible() -> None:
    file = MidiHits(midi_bytes(drum_sequence([(0, 36, 100, 1), (16, 36, 100, 1)])))
    early = np.full((32, 9), 0.4)
    played = file.with_hits(*as_performed(file, np.array([0, 0]), (early > 0, early * 100, early)))
    assert [hit.start for hit in MidiHits(played).hits] == [0, 16 * STEP - 48]


def test_a_hit_does_not_leave_the_program_it_is_played_with() -> None:
    kit = b"\xc9\x08"
    track = NOTE_AT_0 + delta(0) + kit + delta(0) + b"\x99\x26\x64" + delta(100) + b"\x99\x26\x00" + END
    file = MidiHits(midi(track))
    early = np.full((16, 9), 0.3)
    played = file.with_hits(*as_performed(file, np.array([1, 1]), (early > 0, early * 100, early)))
    assert [hit.start for hit in MidiHits(played).hits] == [0, 480]
    assert {note.program for note in read_midi(played).notes} == {0, 8}


NOTE_AT_0 = b"\x00\x99\x26\x64" + delta(480) + b"\x99\x26\x00"


def test_notes_without_length_are_hits_as_well() -> None:
    """Drum triggers send the end of a note at the tick it begins."""
    track = b"".join(delta(240 * (i > 0)) + b"\x99\x26\x64\x00\x89\x26\x40" for i in range(4)) + END
    file = MidiHits(midi(track))
    assert [(hit.start, hit.end) for hit in file.hits] == [(240 * i, 240 * i) for i in range(4)]
    late = np.full((16, 9), -0.2)
    played = MidiHits(file.with_hits(*as_performed(file, np.ones(4, int), (late < 0, late * -300, late))))
    assert [(hit.start, hit.velocity) for hit in played.hits] == [(240 * i + 24, 60) for i in range(3)] + [
        (720, 60)  # the track ends there
    ]


def test_a_coarse_file_gets_finer_ticks_and_the_same_times() -> None:
    pitched = b"\x00\x90\x3c\x50" + delta(31) + b"\x80\x3c\x00" + END
    drums = b"".join(b"\x00\x99\x26\x64" + delta(24) + b"\x89\x26\x40" for _ in range(4)) + END
    data = midi(pitched, drums, division=24)
    file = MidiHits(data)
    late = np.full((16, 9), -0.1)
    played = file.with_hits(*as_performed(file, np.ones(4, int), (late < 0, late * -500, late)))
    before, after = read_midi(data), read_midi(played)
    assert after.ticks_per_quarter == 480
    assert [n.start_time for n in after.notes if n.is_drum][:3] == pytest.approx([0.0125, 0.5125, 1.0125])
    (old,), (new,) = ([n for n in s.notes if not n.is_drum] for s in (before, after))
    assert (new.start_time, new.pitch, new.velocity) == (old.start_time, old.pitch, old.velocity)
    assert new.end_time == pytest.approx(old.end_time, abs=1e-12)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("pitched", "no drums"),
        ("unknown", "none of the drums"),
        ("empty", "no drums"),
        ("text", "MThd"),
        ("missing", "no such file"),
    ],
)
def test_files_that_can_not_be_humanized_are_refused_with_the_reason(
    tiny: Path, tmp_path: Path, kind: str, reason: str
) -> None:
    path = tmp_path / f"{kind}.mid"
    sequence = drum_sequence([(i, 100 if kind == "unknown" else 36, 80, 1) for i in range(4)])
    if kind == "pitched":
        for i, note in enumerate(sequence.notes):
            note.is_drum, note.instrument, note.program = False, i % 2, i % 2
    if kind == "text":
        path.write_text("hello")
    elif kind != "missing":
        write_midi(drum_sequence([]) if kind == "empty" else sequence, path)
    with pytest.raises(InputError, match=reason) as error:
        humanized(tiny, path, tmp_path / "out")
    assert str(path) in str(error.value) and "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_a_folder_is_humanized_but_for_what_can_not_be(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "beats"
    folder.mkdir()
    write_beat(folder / "a.mid")
    write_beat(folder / "b.mid", every=4)
    (folder / "c.mid").write_text("hello")
    paths = humanized(tiny, folder, tmp_path / "out", "--num_outputs=2")
    assert [path.name for path in paths] == [f"{s}_humanized-00{i}-of-002.mid" for s in "ab" for i in (0, 1)]
    printed = capsys.readouterr()
    assert (
        "c.mid" in printed.err and "Humanized 2 files: wrote " in printed.out and "(4 files)" in printed.out
    )
    before = [path.read_bytes() for path in paths]
    (tmp_path / "out" / "a_humanized-000-of-002.mid").unlink()
    with pytest.raises(InputError, match="--force"):
        humanized(tiny, folder, tmp_path / "out", "--num_outputs=2", "--seed=1")
    assert not (tmp_path / "out" / "a_humanized-000-of-002.mid").exists()
    assert [path.read_bytes() for path in paths[1:]] == before[1:]


@pytest.fixture(scope="module")
def shipped() -> Path:
    return Path(humanize.HUMANIZE_CONFIG)


def groove(fractions: dict[int, float], bars: int = 8) -> tuple[bytes, list[float]]:
    """Hats at each sixteenth (of four) that is named, so much of a step behind it, kick and snare; and the hats' steps."""
    steps = [beat * 4 + step + late for beat in range(4 * bars) for step, late in fractions.items()]
    hats = struck([round(step * STEP) for step in steps], 42)
    kicks = struck(range(0, bars * BAR, BAR), 36)
    snares = struck([bar * BAR + beat * 480 for bar in range(bars) for beat in (1, 3)], 38)
    conductor = track((0, meter(4, 4)), (0, tempo(600000)), end=bars * BAR)
    return midi(conductor, track(*hats, *kicks, *snares, end=bars * BAR)), steps


@pytest.mark.parametrize("flags", [[], ["--temperature=0.7", "--seed=3"], ["--timing=0.5"]])
def test_swing_survives(shipped: Path, tmp_path: Path, flags: list[str]) -> None:
    """62 %: the second of two sixteenths is late by 0.24 of a step."""
    data, steps = groove({0: 0, 1: 0.24, 2: 0, 3: 0.24})
    (tmp_path / "swing.mid").write_bytes(data)
    (path,) = humanized(shipped, tmp_path / "swing.mid", tmp_path / "out", *flags)
    hats = np.array([hit.start for hit in MidiHits(path.read_bytes()).hits if hit.pitch == 42]) / STEP
    assert len(hats) == len(steps) and (np.diff(hats) > 0).all()
    late = hats - np.floor(np.array(steps) + 0.5)
    assert late[1::2].mean() - late[::2].mean() == pytest.approx(0.24, abs=0.05)
    assert np.abs(hats - steps).max() > 0.02  # something is played


@pytest.mark.parametrize("qpm", [80, 120, 160])
def test_triplets_survive(shipped: Path, tmp_path: Path, qpm: int) -> None:
    """The model hears steps 0, 1 and 3 and knows triplets by them; they are not made longer than they are."""
    data, steps = groove({0: 0, 1: 1 / 3, 3: -1 / 3})
    (tmp_path / "triplets.mid").write_bytes(data.replace(tempo(600000), tempo(round(6e7 / qpm))))
    (path,) = humanized(shipped, tmp_path / "triplets.mid", tmp_path / "out")
    hats = np.array([hit.start for hit in MidiHits(path.read_bytes()).hits if hit.pitch == 42]) / STEP
    late = (hats - steps).reshape(-1, 3)
    np.testing.assert_allclose(late.mean(axis=0), [0, 0, 0], atol=0.1)
    assert np.diff(hats).mean() == pytest.approx(4 / 3, abs=0.01)


@pytest.mark.parametrize("signature", [(2, 4), (3, 4), (5, 4), (6, 8), (7, 8), (12, 8)])
def test_meters_of_every_kind_are_played(tiny: Path, tmp_path: Path, signature: tuple[int, int]) -> None:
    bar = BAR * signature[0] // signature[1]
    drums = [*struck(range(0, 6 * bar, 240), 42), *struck(range(0, 6 * bar, bar), 36)]
    data = midi(track((0, meter(*signature)), *drums, end=6 * bar))
    (tmp_path / "beat.mid").write_bytes(data)
    (path,) = humanized(tiny, tmp_path / "beat.mid", tmp_path / "out", "--png", "--gallery", "--wav")
    assert cells(path.read_bytes()) == cells(data)
    assert MidiHits(path.read_bytes()).meter == signature


def test_bar_lines_behind_a_short_bar_are_where_the_file_has_them(tiny: Path, tmp_path: Path) -> None:
    """What follows a bar of 2/4 is played as it is without that bar."""
    kit = [(step * STEP, pitch) for step in range(64) for pitch in (36, 38, 42) if (step * pitch) % 5 == 0]
    played = []
    for name, late in (("plain", 0), ("short bar", 960)):
        hits = [(tick + late * (tick >= 2 * BAR), pitch) for tick, pitch in kit]
        metres = [(2 * BAR, meter(2, 4)), (2 * BAR + 960, meter(4, 4))] if late else []
        events = [event for tick, pitch in hits for event in struck([tick], pitch)]
        (tmp_path / f"{name}.mid").write_bytes(midi(track((0, meter(4, 4)), *metres, *events, end=5 * BAR)))
        humanized(tiny, tmp_path / f"{name}.mid", tmp_path / name)
        after = MidiHits((tmp_path / name / f"{name}_humanized.mid").read_bytes()).hits
        played.append(
            [(hit.start - late * (hit.start > 2.3 * BAR), hit.pitch, hit.velocity) for hit in after]
        )
    same = sum(a == b for a, b in zip(*played, strict=True))
    assert same > 0.5 * len(kit) and played[0][: len(kit) // 2 - 2] == played[1][: len(kit) // 2 - 2]


def test_drums_on_channel_1_are_found_or_chosen(tiny: Path, tmp_path: Path, capsys: Any) -> None:
    drums = track((0, b"\xff\x03\x05Drums"), *struck(range(0, BAR, 240), 42, channel=0), end=BAR)
    bass = track(*struck(range(0, BAR, 480), 36, channel=1), end=BAR)
    data = midi(bass, drums)
    (tmp_path / "beat.mid").write_bytes(data)
    (path,) = humanized(tiny, tmp_path / "beat.mid", tmp_path / "out")
    assert "track 2 (Drums)" in capsys.readouterr().err
    before, after = ticked(tmp_path / "beat.mid"), ticked(path)
    assert before[0] == after[0] and before[1] != after[1]
    (path,) = humanized(tiny, tmp_path / "beat.mid", tmp_path / "chosen", "--drum_channel=2")
    chosen = ticked(path)
    assert before[1] == chosen[1] and before[0] != chosen[0]
    (path,) = humanized(tiny, tmp_path / "beat.mid", tmp_path / "named", "--drum_track=drums")
    assert ticked(path) == after
    with pytest.raises(InputError, match="channel 9"):
        humanized(tiny, tmp_path / "beat.mid", tmp_path / "none", "--drum_channel=9")


def test_an_early_hit_at_a_silent_end_of_a_long_file_takes_no_time(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "far.mid").write_bytes(midi(track(*struck([0, 4000 * BAR], 36), end=4001 * BAR)))
    (path,) = humanized(tiny, tmp_path / "far.mid", tmp_path / "out")
    assert len(MidiHits(path.read_bytes()).hits) == 2


NAMES = [
    *("a.MID", "b.Midi", "c.smf", "d.KAR", "e.rmi"),
    *("[bold]f.mid", "g,{1},*.mid", "h\x1b[31m.mid", "i\udcff.mid", "j' \\.mid"),
]


def test_files_of_all_names_in_a_folder_are_humanized(tiny: Path, tmp_path: Path, capsys: Any) -> None:
    """Suffixes in any case, markup, brackets, escape codes, and bytes that are not UTF-8."""
    folder = tmp_path / "beats"
    folder.mkdir()
    data = write_beat(tmp_path / "beat.mid", bars=1).read_bytes()
    for name in NAMES:
        (folder / name).write_bytes(data)
    (folder / "notes.txt").write_text("hello")
    (folder / "[red]cut off.mid").write_bytes(data[:-9])
    paths = humanized(tiny, folder, tmp_path / "out", "--gallery", "--png")
    assert {path.name for path in paths} == {f"{Path(name).stem}_humanized.mid" for name in NAMES}
    printed = capsys.readouterr()
    assert "[red]cut off.mid" in printed.err and "notes.txt" not in printed.err
    assert f"Humanized {len(NAMES)} files" in printed.out
    page = (tmp_path / "out" / "[bold]f_humanized.html").read_text(encoding="utf-8")
    assert "[bold]f, humanized" in page


def test_the_only_file_has_any_name(tiny: Path, tmp_path: Path) -> None:
    beat = write_beat(tmp_path / "[beat],*.backup", bars=1)
    (path,) = humanized(tiny, beat, tmp_path / "out")
    assert path.name == "[beat],*_humanized.mid"
    with pytest.raises(InputError, match="no such file"):
        humanized(tiny, tmp_path / ("x" * 300 + ".mid"), tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"no MIDI files .*\.kar"):
        humanized(tiny, tmp_path / "empty", tmp_path / "out")


def test_two_files_of_one_name_are_not_written_over_each_other(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "beats"
    folder.mkdir()
    write_beat(folder / "a.mid")
    write_beat(folder / "a.midi")
    with pytest.raises(InputError, match=r"a_humanized\.mid: two of the inputs"):
        humanized(tiny, folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_pictures_page_and_sound_are_written(tiny: Path, tmp_path: Path) -> None:
    beat = write_beat(tmp_path / "beat.mid", bars=1)
    humanized(tiny, beat, tmp_path / "out", "--png", "--gallery", "--wav")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {f"beat_humanized.{kind}" for kind in ("mid", "png", "html", "wav")}


def test_sound_follows_the_tempo_map(tiny: Path, tmp_path: Path) -> None:
    """A bar at 120 and a bar at 60, in a meter that holds for both."""
    kit = struck(range(0, 2 * BAR, 240), 42)
    (tmp_path / "beat.mid").write_bytes(
        midi(track((0, tempo(500000)), (BAR, tempo(1000000)), *kit, end=2 * BAR))
    )
    humanized(tiny, tmp_path / "beat.mid", tmp_path / "out", "--wav", "--gallery")
    with wave.open(str(tmp_path / "out" / "beat_humanized.wav")) as sound:
        assert sound.getnframes() / sound.getframerate() == pytest.approx(6, abs=0.01)


@pytest.mark.parametrize(
    "flag", ["--timing=1.5", "--velocity=-0.1", "--num_outputs=0", "--temperature=-1", "--seed=-1"]
)
def test_flags_out_of_range_are_refused(tiny: Path, tmp_path: Path, flag: str) -> None:
    with pytest.raises(InputError, match=flag.split("=")[0]):
        humanized(tiny, write_beat(tmp_path / "beat.mid"), tmp_path / "out", flag)
    assert not (tmp_path / "out").exists()


def test_several_performances_without_a_draw_are_refused(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="same performance"):
        humanized(
            tiny, write_beat(tmp_path / "beat.mid"), tmp_path / "out", "--temperature=0", "--num_outputs=2"
        )


def test_a_model_of_other_music_is_refused(tmp_path: Path) -> None:
    beat = tmp_path / "beat.mid"
    write_midi(backbeat(2), beat)
    with pytest.raises(InputError, match="hierdec-drum_4bar_small does not play"):
        humanized(Path("hierdec-drum_4bar_small"), beat, tmp_path / "out")


def test_no_framework_is_loaded(tiny: Path, tmp_path: Path) -> None:
    beat = write_beat(tmp_path / "beat.mid")
    done = run("humanize.py", f"--input_midi={beat}", f"--checkpoint_file={tiny}", f"--output_dir={tmp_path}")
    assert done.returncode == 0, done.stderr
    assert not FRAMEWORKS & set(done.stdout.splitlines()[-1].split())
    refused = run("humanize.py", "--input_midi=missing.mid")
    assert refused.returncode == 2 and "missing.mid" in refused.stderr


def test_help_loads_little() -> None:
    done = run("humanize.py", "--help")
    assert done.returncode == 0 and "example:" in done.stdout
    modules = set(done.stdout.splitlines()[-1].split())
    assert not (FRAMEWORKS | {"matplotlib", "note_seq"}) & modules

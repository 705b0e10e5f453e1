"""A clip of a file: where it begins, how long it is, and what a model hears of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import InputError
from models import families
from preprocess.drums.tracks import DrumChoice
from preprocess.midi.bar_lines import Bar, bars_until
from preprocess.midi.reader import read_midi
from tests.helpers.midi_bytes import END, delta, midi
from workflows.midi_clips.clip import first_bars, read_beginning, read_clip, read_last_bars

TICKS = 480
BAR = 4 * TICKS
METER = 0x58


def meta(kind: int, *data: int) -> bytes:
    return bytes([0xFF, kind, len(data), *data])


def meter(numerator: int, power: int = 2) -> bytes:
    return meta(METER, numerator, power, 24, 8)


def tempo(qpm: float) -> bytes:
    return meta(0x51, *round(6e7 / qpm).to_bytes(3, "big"))


def track(events: list[tuple[int, bytes]], end: int | None = None) -> bytes:
    """A track of events at ticks, its end at `end` or right behind the last of them."""
    out, now = b"", 0
    for tick, data in sorted(events, key=lambda event: event[0]):
        out += delta(tick - now) + data
        now = tick
    return out + delta(max(now, end or 0) - now) + END[1:]


def note(
    tick: int, pitch: int, velocity: int = 90, length: int = 60, channel: int = 9
) -> list[tuple[int, bytes]]:
    on, off = bytes([0x90 | channel, pitch, velocity]), bytes([0x80 | channel, pitch, 0])
    return [(tick, on), (tick + length, off)]


def beat(first: int, bars: int, quarters: int = 4) -> list[tuple[int, bytes]]:
    """Kick on the first quarter of each bar, hats on eighths; a tom that says which bar it is."""
    events = []
    for bar in range(bars):
        start = first + bar * quarters * TICKS
        events += note(start, 36)
        events += [e for i in range(2 * quarters) for e in note(start + i * TICKS // 2, 42, 60 + i)]
        events += note(start + (bar % 8) * TICKS // 4, 45)
    return events


@pytest.fixture(scope="module")
def drums() -> Any:
    return families.open_music_vae("histdec-drum_4bar")


@pytest.fixture(scope="module")
def melody() -> Any:
    return families.open_music_vae("cat-mel_2bar_tiny")


def write(path: Path, *tracks: bytes, division: int = TICKS) -> str:
    path.write_bytes(midi(*tracks, division=division))
    return str(path)


def toms(clip: Any) -> list[int]:
    """The step within its bar of the tom of each bar of a clip."""
    steps = np.flatnonzero(np.asarray(clip.example.inputs, np.int64) >> 4 & 1)
    return [int(step) % 16 for step in steps]


def test_a_clip_begins_where_there_is_music(
    drums: Any, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = write(tmp_path / "a.mid", track(beat(2 * BAR, 6)))
    clip = read_clip(path, drums)
    assert toms(clip) == [0, 1, 2, 3] and (clip.bars, clip.steps) == (4, 64)
    assert "bars 3 to 6 are the clip, of 8; --bar takes another" in capsys.readouterr().out
    assert toms(read_clip(path, drums, bar=5)) == [2, 3, 4, 5]


def test_silent_bars_count_where_the_file_goes_on(drums: Any, tmp_path: Path) -> None:
    clip = read_clip(write(tmp_path / "a.mid", track(beat(0, 3), end=4 * BAR)), drums)
    assert toms(clip) == [0, 1, 2] and clip.steps == 64
    with pytest.raises(InputError, match="shorter than the model's clip"):
        read_clip(write(tmp_path / "b.mid", track(beat(0, 3))), drums)
    middle = beat(0, 1) + beat(3 * BAR, 1)
    assert read_clip(write(tmp_path / "c.mid", track(middle)), drums).steps == 64
    first = read_clip(write(tmp_path / "d.mid", track(beat(BAR, 3))), drums)
    assert np.flatnonzero(first.example.inputs)[0] == 16


@pytest.mark.parametrize("bars", [1, 2])
def test_loops_are_repeated_and_said_to_be(
    drums: Any, tmp_path: Path, capsys: pytest.CaptureFixture, bars: int
) -> None:
    clip = read_clip(write(tmp_path / "loop.mid", track([(0, tempo(110)), *beat(0, bars)])), drums)
    assert toms(clip) == list(range(bars)) * (4 // bars)
    assert "repeated to the 4 that histdec-drum_4bar plays" in capsys.readouterr().out
    one = len(beat(0, bars)) // 2
    assert len(clip.notes) == one * 4 // bars
    starts = clip.notes.starts.reshape(4 // bars, one)
    assert (np.diff(starts, axis=0) == bars * BAR).all()


@pytest.mark.parametrize("odd", [1, 2, 3])
def test_a_pickup_or_an_odd_bar_is_no_reason_to_refuse(drums: Any, tmp_path: Path, odd: int) -> None:
    pickup = [(0, meter(odd)), *note(0, 38), (odd * TICKS, meter(4)), *beat(odd * TICKS, 4)]
    assert toms(read_clip(write(tmp_path / "a.mid", track(pickup)), drums)) == [0, 1, 2, 3]
    middle = [
        *beat(0, 2),
        (2 * BAR, meter(odd)),
        (2 * BAR + odd * TICKS, meter(4)),
        *beat(2 * BAR + odd * TICKS, 5),
    ]
    path = write(tmp_path / "b.mid", track([(0, meter(4)), *middle]))
    assert toms(read_clip(path, drums)) == [0, 1, 2, 3]
    assert toms(read_clip(path, drums, bar=5)) == [1, 2, 3, 4]
    with pytest.raises(InputError, match="no clip begins at bar 3, as its meter is not 4/4"):
        read_clip(path, drums, bar=3)
    with pytest.raises(InputError, match="has 8 bars"):
        read_clip(path, drums, bar=9)


def test_tempo_and_meter_of_the_place_where_it_begins(drums: Any, tmp_path: Path) -> None:
    tempos = [(0, tempo(100)), (BAR, tempo(90)), (2 * BAR + TICKS, tempo(133)), (7 * BAR, tempo(60))]
    path = write(tmp_path / "a.mid", track([*tempos, *beat(0, 8)]))
    clip = read_clip(path, drums, bar=3)
    assert [at for at, _ in clip.tempos] == [0, 1]
    assert [qpm for _, qpm in clip.tempos] == pytest.approx([90, 133], abs=1e-3)
    assert read_last_bars(path, drums).qpm == pytest.approx(60)


def test_what_is_played_early_belongs_to_the_bar_behind_the_line(drums: Any, tmp_path: Path) -> None:
    early = [*beat(0, 5), *note(2 * BAR - 20, 49)]
    clip = read_clip(write(tmp_path / "a.mid", track(early)), drums, bar=2)
    crash = clip.notes.pitches == 49
    assert clip.notes.starts[crash].tolist() == [BAR - 20] and clip.note_steps[crash].tolist() == [16]
    clip = read_clip(write(tmp_path / "b.mid", track([*beat(BAR, 4), *note(BAR - 20, 49)])), drums, bar=2)
    assert clip.notes.starts.min() == -20 and clip.example.inputs[0] >> 7 & 1


@pytest.mark.parametrize("name", ["drums", "melody"])
def test_a_bar_line_that_no_rounding_moves(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """A meter begins at 10 1/6 quarter notes; what is half a step before the end belongs to the next bar."""
    model, channel = request.getfixturevalue(name), 9 if name == "drums" else 0
    ticks, bars = 24, model.max_length // 16
    end = 244 + bars * 4 * ticks
    notes = [e for tick in (244, 260, end - 3) for e in note(tick, 45, 90, 2, channel)]
    path = write(tmp_path / "a.mid", track([(0, meter(3)), (244, meter(4)), *notes], end), division=ticks)
    assert len(read_clip(path, model).example.inputs) == model.max_length


def test_every_drum_note_stands_in_a_clip_and_no_other(drums: Any, tmp_path: Path) -> None:
    others = [*beat(0, 4), *note(50, 56), *note(60, 37), *note(70, 88), *note(80, 60, channel=0)]
    clip = read_clip(write(tmp_path / "a.mid", track(others)), drums)
    assert {37, 56, 88} <= set(clip.notes.pitches.tolist()) and 60 not in clip.notes.pitches


def test_drums_of_another_channel(drums: Any, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    moved = [(tick, bytes([data[0] & 0xF0 | 2, *data[1:]])) for tick, data in beat(0, 4)]
    path = write(tmp_path / "a.mid", track(moved), track(note(0, 60, channel=0)))
    assert toms(read_clip(path, drums, drums=DrumChoice(channel=3))) == [0, 1, 2, 3]
    only = write(tmp_path / "only.mid", track(moved))
    assert toms(read_clip(only, drums)) == [0, 1, 2, 3]
    assert "taken as drums" in capsys.readouterr().out


def test_any_instrument_can_be_a_melody_and_the_usual_ones_come_first(
    melody: Any, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    def line(channel: int, program: int, pitch: int) -> list[tuple[int, bytes]]:
        notes = [e for i in range(8) for e in note(i * TICKS, pitch + i, 70 + i, 400, channel)]
        return [(0, bytes([0xC0 | channel, program])), *notes]

    clip = read_clip(write(tmp_path / "violin.mid", track(line(0, 40, 60))), melody)
    assert clip.notes.pitches.tolist() == list(range(60, 68)) and clip.voices[0][1] == 40
    assert "MIDI program 41 is taken as the melody" in capsys.readouterr().out
    both = write(tmp_path / "both.mid", track(line(0, 40, 60)), track(line(1, 5, 72)))
    assert read_clip(both, melody).notes.pitches.tolist() == list(range(72, 80))
    assert "melody" not in capsys.readouterr().out


def test_a_piece_for_piano_begins_in_its_own_meter(tmp_path: Path) -> None:
    keys = [e for i in range(24) for e in note(TICKS + i * TICKS // 2, 60 + i % 5, 50 + i, 200, channel=0)]
    path = write(tmp_path / "waltz.mid", track([(0, meter(1)), (TICKS, meter(3)), (0, tempo(84)), *keys]))
    clip = read_beginning(path, 2, 4)
    assert (clip.time_signature, clip.bars, clip.steps) == ((3, 4), 2, 24)
    assert clip.qpm == pytest.approx(84, abs=1e-3) and clip.notes.starts[0] == 0
    assert read_beginning(path, 9, 4).bars == 4
    with pytest.raises(InputError, match="no note of a piano"):
        read_beginning(write(tmp_path / "drums.mid", track(beat(0, 2)), track(note(0, 5, channel=0))), 2, 4)


@pytest.mark.parametrize("text", ["0", "x", "-1", "1,2,3", "", "1,", "1.5", "٣"])
def test_bars_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="--bar"):
        first_bars(text, 2)


def test_a_bar_for_each_file_or_one_for_all() -> None:
    assert first_bars("3", 2) == [3, 3] and first_bars("3, 5", 2) == [3, 5] and first_bars(None, 1) == [None]


def test_bar_lines() -> None:
    data = midi(
        track([(0, meter(4)), (BAR + TICKS, meter(6, 3)), (3 * BAR, meter(6, 3)), *note(4 * BAR, 36)])
    )
    bars = bars_until(read_midi(data), 9.5)
    assert bars[:4] == [Bar(0, 4, (4, 4)), Bar(4, 1, (4, 4)), Bar(5, 3, (6, 8)), Bar(8, 3, (6, 8))]
    assert [bar.is_whole for bar in bars] == [True, False, True, True]
    assert bars_until(read_midi(midi(END)), 0) == [Bar(0, 4, (4, 4))]

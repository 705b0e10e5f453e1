"""MIDI files that loop: what mido and the project's own reader find in them."""

import io
from pathlib import Path
from typing import Any

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InputError
from preprocess.midi.reader import read_midi
from preprocess.note_sequence import NoteSequence
from render.drum_maps import DRUM_MAPS
from render.midi import Style, midi_bytes, write_midi
from tests.helpers.drum_sequences import Hit, backbeat, drum_sequence, random_hits

BAR = 1920


def events_of(data: bytes) -> list[tuple[int, Any]]:
    """Messages of the only track, with their ticks from the start."""
    file = mido.MidiFile(file=io.BytesIO(data))
    assert (file.type, len(file.tracks), file.ticks_per_beat) == (0, 1, 480)
    now, events = 0, []
    for message in file.tracks[0]:
        assert message.time >= 0
        now += message.time
        events.append((now, message))
    return events


def struck(data: bytes) -> list[tuple[int, int, int]]:
    """Tick, pitch and velocity of each note."""
    return sorted((t, m.note, m.velocity) for t, m in events_of(data) if m.type == "note_on")


def loudest(hits: list[Hit]) -> dict[tuple[int, int], int]:
    """Hits by (step, pitch); of two at once the louder one is heard."""
    best: dict[tuple[int, int], int] = {}
    for step, pitch, velocity, _ in hits:
        best[step, pitch] = max(velocity, best.get((step, pitch), 0))
    return best


@given(hits=random_hits(64), swing=st.sampled_from([0.0, 0.2, 1 / 3, 0.5]), qpm=st.floats(10, 400))
def test_a_clip_of_drums_loops(hits: list[Hit], swing: float, qpm: float) -> None:
    events = events_of(midi_bytes(drum_sequence(hits), Style(qpm=qpm, swing=swing), bars=4))
    assert events[-1][1].type == "end_of_track"
    assert events[-1][0] == 4 * BAR
    at_start = {m.type: m for t, m in events if t == 0 and m.is_meta}
    assert at_start["set_tempo"].tempo == round(6e7 / qpm)
    assert (at_start["time_signature"].numerator, at_start["time_signature"].denominator) == (4, 4)
    sounding: set[int] = set()
    for tick, message in events:
        if message.is_meta:
            continue
        assert message.channel == 9
        if message.type == "note_on":
            assert tick < 4 * BAR and message.velocity > 0
            assert message.note not in sounding, "a pitch struck again must end first"
            sounding.add(message.note)
        else:
            sounding.remove(message.note)
    assert not sounding


@given(hits=random_hits(64))
def test_every_hit_is_in_the_file_at_its_tick_and_velocity(hits: list[Hit]) -> None:
    expected = sorted((step * 120, pitch, v) for (step, pitch), v in loudest(hits).items())
    assert struck(midi_bytes(drum_sequence(hits), bars=4)) == expected


@given(hits=random_hits(64), qpm=st.sampled_from([60.0, 97.0, 120.0, 174.0]))
def test_our_own_reader_finds_the_same_notes(hits: list[Hit], qpm: float) -> None:
    found = read_midi(midi_bytes(drum_sequence(hits), Style(qpm=qpm), bars=4))
    assert [round(t.qpm, 2) for t in found.tempos] == [qpm]
    assert all(note.is_drum for note in found.notes)
    notes = {(round(n.start_time * qpm / 15, 3), n.pitch): n.velocity for n in found.notes}
    assert notes == {(float(step), pitch): v for (step, pitch), v in loudest(hits).items()}


def test_swing_delays_the_second_sixteenth_of_each_pair() -> None:
    hits = [(step, 42, 80, 1) for step in range(4)]
    ticks = [t for t, *_ in struck(midi_bytes(drum_sequence(hits), Style(swing=1 / 3), bars=1))]
    assert ticks == [0, 160, 240, 400]


def test_accents_follow_the_beat_and_stay_in_range() -> None:
    hits = [(step, 42, 80, 1) for step in range(4)] + [(4, 42, 127, 1), (5, 42, 3, 1)]
    velocities = [v for *_, v in struck(midi_bytes(drum_sequence(hits), Style(accents=True), bars=1))]
    assert velocities == [92, 66, 80, 66, 127, 1]


def test_one_velocity_for_all() -> None:
    assert {v for *_, v in struck(midi_bytes(backbeat(1), Style(velocity=33)))} == {33}


def test_drum_map_moves_every_pitch_of_a_class() -> None:
    hits = [(0, 36, 80, 1), (1, 35, 80, 1), (2, 42, 80, 1), (3, 44, 80, 1), (4, 46, 80, 1)]
    data = midi_bytes(drum_sequence(hits), Style(drum_map=DRUM_MAPS["roland_td"]), bars=1)
    assert [pitch for _, pitch, _ in struck(data)] == [36, 36, 22, 22, 26]


def test_pitches_of_one_class_at_once_become_one_note() -> None:
    hits = [(0, 36, 60, 1), (0, 35, 90, 1)]
    data = midi_bytes(drum_sequence(hits), Style(drum_map=DRUM_MAPS["general_midi"]), bars=1)
    assert struck(data) == [(0, 36, 90)]


def test_length_without_bars_is_the_next_bar_line() -> None:
    assert events_of(midi_bytes(drum_sequence([(15, 36, 80, 1)])))[-1][0] == BAR
    assert events_of(midi_bytes(drum_sequence([(16, 36, 80, 1)])))[-1][0] == 2 * BAR
    assert events_of(midi_bytes(drum_sequence([])))[-1][0] == BAR
    three_four = Style(time_signature=(3, 4))
    assert events_of(midi_bytes(drum_sequence([(15, 36, 80, 1)]), three_four))[-1][0] == 2 * 1440


def test_notes_before_the_start_or_behind_the_end_are_not_written_there() -> None:
    sequence = drum_sequence([(64, 36, 80, 1), (63, 38, 80, 8)])
    sequence.notes.add(start_time=-0.5, end_time=0.1, pitch=42, velocity=80, instrument=9, is_drum=True)
    data = midi_bytes(sequence, bars=4)
    assert struck(data) == [(0, 42, 80), (63 * 120, 38, 80)]
    assert events_of(data)[-1][0] == 4 * BAR


def test_pitched_instruments_keep_clear_of_the_drum_channel() -> None:
    sequence = NoteSequence()
    for instrument in range(12):
        sequence.notes.add(pitch=60, velocity=80, end_time=1.0, instrument=instrument, program=instrument)
    events = events_of(midi_bytes(sequence))
    channels = [m.channel for _, m in events if m.type == "note_on"]
    assert sorted(channels) == [c for c in range(13) if c != 9]
    programs = {m.channel: m.program for _, m in events if m.type == "program_change"}
    assert programs[0] == 0 and programs[10] == 9


@pytest.mark.parametrize("swing", [0.0, 1 / 3, 0.5])
def test_accents_go_by_the_step_however_late_it_is_swung(swing: float) -> None:
    hits = [(step, 42, 80, 1) for step in range(8)]
    data = midi_bytes(drum_sequence(hits), Style(accents=True, swing=swing), bars=1)
    assert [v for *_, v in struck(data)] == [92, 66, 80, 66] * 2


def test_full_swing_loses_no_note_at_the_end_of_the_clip() -> None:
    sequence = NoteSequence()
    sequence.notes.add(start_time=1919 / 960, end_time=2.0, pitch=38, velocity=80, is_drum=True)
    assert struck(midi_bytes(sequence, Style(swing=0.5), bars=1)) == [(1919, 38, 80)]


def test_what_ended_before_the_clip_is_not_written() -> None:
    sequence = drum_sequence([(0, 36, 80, 1)])
    sequence.notes.add(start_time=-1.0, end_time=-0.5, pitch=38, velocity=80, is_drum=True)
    assert struck(midi_bytes(sequence, bars=1)) == [(0, 36, 80)]


@pytest.mark.parametrize(("seconds", "bars"), [(1.0, 1), (2.0, 1), (2.1, 2), (8.0, 4)])
def test_a_held_pitched_note_is_not_cut_short(seconds: float, bars: int) -> None:
    sequence = NoteSequence()
    sequence.notes.add(start_time=0.0, end_time=seconds, pitch=60, velocity=80)
    events = events_of(midi_bytes(sequence))
    assert events[-1][0] == bars * BAR
    assert [t for t, m in events if m.type == "note_off"] == [round(seconds * 960)]


@pytest.mark.parametrize("bars", [0, -1])
def test_a_clip_of_no_bars_is_refused(bars: int) -> None:
    with pytest.raises(InputError, match="at least 1"):
        midi_bytes(backbeat(1), bars=bars)


@pytest.mark.parametrize("meter", [(3, 5), (0, 4), (4, 0), (256, 4)])
def test_meters_that_midi_can_not_say_are_refused(meter: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="time signature"):
        Style(time_signature=meter)


@pytest.mark.parametrize("bad", [{"qpm": 3}, {"qpm": float("nan")}, {"swing": 0.6}, {"velocity": 0}])
def test_styles_out_of_range_are_refused(bad: dict) -> None:
    with pytest.raises(InputError, match="expected"):
        Style(**bad)


def test_writing_is_refused_where_the_file_exists(tmp_path: Path) -> None:
    path = tmp_path / "beat.mid"
    write_midi(backbeat(1), path)
    before = path.read_bytes()
    with pytest.raises(InputError, match="--force"):
        write_midi(backbeat(2), path)
    assert path.read_bytes() == before
    write_midi(backbeat(2), path, force=True)
    assert path.read_bytes() != before
    assert [p.name for p in tmp_path.iterdir()] == ["beat.mid"]


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=20)


@given(
    hits=random_hits(64),
    markers=st.lists(st.tuples(st.integers(0, 3), NAMES), max_size=5),
    meter=st.sampled_from([(4, 4), (3, 4), (6, 8), (12, 8)]),
)
def test_markers_stand_at_bar_lines_and_change_nothing_else(
    hits: list[Hit], markers: list[tuple[int, str]], meter: tuple[int, int]
) -> None:
    style = Style(time_signature=meter)
    bar = 1920 * meter[0] // meter[1]
    data = midi_bytes(drum_sequence(hits), style, 4, markers)
    file = mido.MidiFile(file=io.BytesIO(data), charset="utf-8")
    now, found, others = 0, [], []
    for message in file.tracks[0]:
        now += message.time
        if message.type == "marker":
            found.append((now, message.text))
        else:
            others.append((now, message.copy(time=0)))
    assert found == sorted((at * bar, name) for at, name in markers)
    assert now == 4 * bar
    plain = midi_bytes(drum_sequence(hits), style, 4)
    assert others == [(tick, message.copy(time=0)) for tick, message in events_of(plain)]
    assert read_midi(data) == read_midi(plain)


def test_a_marker_comes_before_the_notes_of_its_bar(tmp_path: Path) -> None:
    write_midi(backbeat(8), tmp_path / "song.mid", bars=8, markers=((0, "verse"), (4, "chorus")))
    kinds = [(tick, m.type) for tick, m in events_of((tmp_path / "song.mid").read_bytes())]
    at_chorus = [kind for tick, kind in kinds if tick == 4 * BAR and kind != "note_off"]
    assert at_chorus[0] == "marker" and "note_on" in at_chorus
    assert kinds[-1] == (8 * BAR, "end_of_track")
    for wrong in (-1, 8):
        with pytest.raises(ValueError, match="within the 8 bars"):
            midi_bytes(backbeat(8), bars=8, markers=((wrong, "coda"),))


@pytest.mark.parametrize(
    ("meter", "loud"), [((4, 4), 4), ((3, 4), 4), ((6, 8), 6), ((12, 8), 6), ((3, 8), 4)]
)
def test_accents_fall_on_the_beats_of_the_meter(meter: tuple[int, int], loud: int) -> None:
    style = Style(accents=True, time_signature=meter)
    data = midi_bytes(drum_sequence([(step, 42, 64, 1) for step in range(12)]), style)
    velocities = [velocity for _, _, velocity in struck(data)]
    assert velocities == [76 if s % loud == 0 else 64 - 14 * (s % 2) for s in range(12)]


def test_triplets_are_not_swung() -> None:
    from preprocess.converters.drums import DrumsConverter
    from render.clips import in_meter_of

    with pytest.raises(InputError, match="plays triplets"):
        in_meter_of(Style(swing=0.2), DrumsConverter(steps_per_quarter=3))
    assert in_meter_of(Style(swing=0.2), DrumsConverter()).time_signature == (4, 4)
    assert in_meter_of(Style(), DrumsConverter(quarters_per_bar=3)).time_signature == (3, 4)

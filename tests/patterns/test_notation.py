"""Drum grids: text, data and NoteSequences are the same beat; bad text is located; the shipped beats are sound."""

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import patterns
from common.errors import InputError
from patterns.beat import LEVELS, Beat
from patterns.convert import main
from patterns.files import midi_names
from patterns.from_midi import beats_of_midi
from patterns.kit import KIT, LINES
from patterns.notation import (
    NotationError,
    beat_to_note_sequence,
    format_beat,
    load_all,
    note_sequence_to_beat,
    parse,
)
from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES
from preprocess.note_sequence import NoteSequence
from tests.helpers.midi_bytes import END, midi

GRID = """\
# a comment
beat: Plain
style: rock
tempo: 100

    1e+a2e+a3e+a4e+a
HH |x-x-x-x-x-x-x-x-|%|
SN |----X-------X--.|----X-------X---|
KK |x-------x-------|x-----o-x-------|
"""
STYLES = (
    "rock|funk|soul|motown|hip-hop|boom-bap|trap|jazz swing|bossa nova|samba|afro-cuban|6/8 bembe|reggae|disco"
    "|house|techno|uk garage|drum'n'bass|jungle|half-time|shuffle|blues|12/8 blues|country train|punk|metal"
    "|second line|bo diddley|linear funk|waltz|6/8 ballad"
)


@pytest.fixture(scope="module")
def beats() -> list[Beat]:
    return load_all()


@st.composite
def random_beats(draw: st.DrawFn) -> Beat:
    """Any beat that the notation can hold."""
    meter = draw(st.sampled_from([(4, 4), (3, 4), (6, 8), (12, 8), (7, 8), (5, 4), (2, 2)]))
    sixteenths = 16 * meter[0] // meter[1]
    grid = draw(st.sampled_from([sixteenths, sixteenths, 12, 9, 24, 7]))
    swings = [0.5, 0.54, 0.6, 0.7] if grid == sixteenths and grid % 2 == 0 else [0.5]
    bars = draw(st.integers(1, 4))
    lines = draw(st.lists(st.integers(0, len(KIT) - 1), min_size=1, max_size=6, unique=True))
    row = st.lists(st.sampled_from([0, 0, *LEVELS.values()]), min_size=bars * grid, max_size=bars * grid)
    text = st.text("abc XYZ-'/#:0123", min_size=1).map(lambda s: " ".join(s.split())).filter(bool)
    return Beat(
        name=draw(text),
        style=draw(text),
        qpm=draw(st.sampled_from([60.0, 97.5, 120.0, 133.3333333]) | st.integers(20, 400).map(float)),
        time_signature=meter,
        steps_per_bar=grid,
        bars=bars,
        drums=tuple(KIT[i].key for i in sorted(lines)),
        hits=tuple(tuple(draw(row.filter(any))) for _ in lines),
        swing=draw(st.sampled_from(swings)),
        players=draw(st.integers(1, 9)),
        about=draw(st.just("") | text),
    )


@given(random_beats())
def test_text_gives_the_same_beat_back(beat: Beat) -> None:
    assert parse(format_beat(beat)) == [beat]


@given(random_beats())
def test_note_sequence_gives_the_same_beat_back(beat: Beat) -> None:
    sequence = beat_to_note_sequence(beat)
    assert note_sequence_to_beat(NoteSequence.FromString(sequence.SerializeToString())) == beat


@given(st.text(max_size=300))
def test_any_text_parses_or_is_located(text: str) -> None:
    try:
        parse(text)
    except NotationError as error:
        lines = text.split("\n")
        assert 1 <= error.line <= len(lines)
        assert 1 <= error.column <= len(lines[error.line - 1]) + 1


@settings(max_examples=300)
@given(st.integers(0, len(GRID) - 1), st.text(max_size=3), st.integers(0, 3))
def test_damaged_grids_parse_or_are_located(place: int, inserted: str, removed: int) -> None:
    text = GRID[:place] + inserted + GRID[place + removed :]
    try:
        parse(text)
    except NotationError as error:
        lines = text.split("\n")
        assert 1 <= error.column <= len(lines[error.line - 1]) + 1


@given(st.integers(6, 8), st.integers(0, 15), st.sampled_from("qyY*0/"))
def test_a_wrong_symbol_is_located_exactly(line: int, step: int, symbol: str) -> None:
    lines = GRID.split("\n")
    lines[line] = lines[line][: 4 + step] + symbol + lines[line][5 + step :]
    with pytest.raises(NotationError) as caught:
        parse("\n".join(lines), "rock.txt")
    expected = f'rock.txt:{line + 1}:{step + 5}: expected one of "X x o . - | %", got "{symbol}"'
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("beat: Plain\n", "", 'f:2:1: expected "beat: name" before anything else, got "style: rock"'),
        ("tempo: 100", "tempo: fast", 'f:4:8: expected a number from 20 to 400, got "fast"'),
        ("tempo: 100", "tempo:", 'f:4:7: expected a value after "tempo:", got end of line'),
        ("tempo: 100\n", "", 'f:2:1: expected "tempo:" in the header of this beat, got none'),
        ("style: rock", "meter: 4/5", 'f:3:8: expected a meter such as 4/4, 3/4, 6/8, got "4/5"'),
        ("x-x-|%|", "x-x|%|", "f:7:20: expected 16 steps in this bar, got 15"),
        ("x-x-|%|", "x-x-x|%|", 'f:7:21: expected "|" after 16 steps, got "x"'),
        ("x-x-|%|", "x-x-|%", 'f:7:23: expected "|" after 16 steps, got end of line'),
        ("|x-x-x-x-x-x-x-x-|%|", "|%|%|", 'f:7:5: expected a bar before "%", got the first bar as "%"'),
        ("SN |", "HH |", "f:8:1: expected HH once a beat, got a second line of it"),
        ("SN |", "SN ", 'f:8:4: expected "|", got "-"'),
        ("|%|", "|", "f:8:38: expected 1 bars as in the line above, got 2"),
        ("1e+a2e+a", "1e+a2y+a", 'f:6:10: expected a ruler of counts such as "1e+a2e+a", got "y"'),
        (
            "style: rock",
            "grid: 12\nswing: 0.6",
            'f:4:8: expected swing on a grid of sixteenths only, got "0.6"',
        ),
    ],
)
def test_errors_name_the_place_and_what_was_expected(old: str, new: str, message: str) -> None:
    assert old in GRID
    with pytest.raises(NotationError) as caught:
        parse(GRID.replace(old, new, 1), "f")
    assert str(caught.value) == message
    assert isinstance(caught.value, InputError)


def test_an_unknown_drum_is_named() -> None:
    with pytest.raises(NotationError, match=r'f:8:1: expected a header .* or a drum .*, got "QQ"'):
        parse(GRID.replace("SN", "QQ"), "f")


def test_played_notes_go_to_the_nearest_step_and_level() -> None:
    beat = parse(GRID)[0]
    sequence = beat_to_note_sequence(beat)
    rng = random.Random(1)
    for note in sequence.notes:
        note.start_time = max(0.0, note.start_time + rng.uniform(-0.4, 0.4) * beat.step_seconds)
        note.velocity += rng.randint(-7, 7)
    assert note_sequence_to_beat(sequence) == beat


def test_a_sequence_without_drums_is_refused() -> None:
    sequence = NoteSequence(total_time=2.0)
    sequence.notes.add(pitch=60, velocity=90, end_time=1.0)
    with pytest.raises(InputError, match="no drum notes"):
        note_sequence_to_beat(sequence)


def test_every_line_belongs_to_one_drum_class() -> None:
    pitches = [p for c in REDUCED_DRUM_CLASSES for p in c.pitches]
    assert all(pitches.count(line.pitch) == 1 for line in KIT)
    assert len({line.pitch for line in KIT}) == len(KIT)


def test_shipped_beats_are_enough_and_different(beats: list[Beat]) -> None:
    assert len(beats) >= 48
    assert len({(b.drums, b.hits) for b in beats}) == len(beats)
    assert len({b.name for b in beats}) == len(beats)
    assert {b.bars for b in beats} == {4}
    assert sum(b.time_signature == (4, 4) and b.steps_per_bar == 16 for b in beats) >= 44
    assert set(STYLES.split("|")) <= {b.style for b in beats}


def test_shipped_beats_can_be_played(beats: list[Beat]) -> None:
    for beat in beats:
        by_hand = np.array(
            [[v > 0 for v in r] for d, r in zip(beat.drums, beat.hits, strict=True) if not LINES[d].by_foot]
        )
        assert by_hand.sum(0).max() <= 2 * beat.players, beat.name
        row = dict(zip(beat.drums, beat.hits, strict=True))
        both_hats = [o and c for o, c in zip(row.get("OH", ()), row.get("HH", ()), strict=False)]
        assert not any(both_hats), f"{beat.name} strikes an open and a closed hi-hat at once"
        rows = np.array(beat.hits).reshape(len(beat.drums), 4, -1)
        assert (rows.max(axis=(0, 2)) > 0).all(), f"{beat.name} has an empty bar"
        classes = {
            next(c.name for c in REDUCED_DRUM_CLASSES if LINES[d].pitch in c.pitches) for d in beat.drums
        }
        percussion_only = beat.style in ("afro-cuban", "samba", "6/8 bembe")
        assert percussion_only or classes >= {"kick", "snare"}, beat.name


def test_shipped_beats_end_differently(beats: list[Beat]) -> None:
    """A fill, or at least a change, in the last bar."""
    for beat in beats:
        rows = np.array(beat.hits).reshape(len(beat.drums), 4, -1)
        assert all((rows[:, 3] != rows[:, bar]).any() for bar in range(3)), beat.name


def test_shipped_beats_survive_both_round_trips(beats: list[Beat]) -> None:
    for beat in beats:
        assert parse(format_beat(beat)) == [beat]
        assert note_sequence_to_beat(beat_to_note_sequence(beat)) == beat


def expected_roll(beat: Beat) -> np.ndarray:
    """The beat's grid reduced to the nine classes: booleans [steps, 9]."""
    roll = np.zeros((beat.steps, 9), bool)
    for drum, row in zip(beat.drums, beat.hits, strict=True):
        roll[:, [LINES[drum].pitch in c.pitches for c in REDUCED_DRUM_CLASSES].index(True)] |= (
            np.array(row) > 0
        )
    return roll


@pytest.mark.reference
def test_magenta_reads_the_grids_that_were_written(
    beats: list[Beat], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "1")
    data = pytest.importorskip("magenta.models.music_vae.data")
    converter = data.DrumsConverter(max_bars=100, slice_bars=4, steps_per_quarter=4, roll_input=True)
    common = [b for b in beats if b.time_signature == (4, 4) and b.steps_per_bar == 16]
    for beat in common:
        tensors = converter.to_tensors(beat_to_note_sequence(beat)).inputs
        assert len(tensors) == 1, beat.name
        np.testing.assert_array_equal(tensors[0][:, :9] > 0, expected_roll(beat), err_msg=beat.name)


def test_command_writes_records_and_refuses_to_overwrite(tmp_path, capsys, beats: list[Beat]) -> None:
    from preprocess.tfrecord import read_records, read_sidecar

    output = tmp_path / "patterns.tfrecord"
    assert main([f"--output_file={output}"]) == 0
    assert f"{len(beats)} NoteSequences to {output}" in capsys.readouterr().out
    back = [note_sequence_to_beat(NoteSequence.FromString(r)) for r in read_records(output)]
    assert back == beats
    assert read_sidecar(output)["count"] == len(beats)
    with pytest.raises(InputError, match="--force"):
        main([f"--output_file={output}"])
    assert main([f"--output_file={output}", "--force"]) == 0


def test_command_writes_midi_that_reads_back(tmp_path, beats: list[Beat]) -> None:
    from preprocess.midi.reader import read_midi

    assert main([f"--midi_dir={tmp_path}"]) == 0
    assert len(list(tmp_path.glob("*.mid"))) == len(beats)
    for beat, name in zip(beats, midi_names(beats), strict=True):
        played = read_midi(tmp_path / name)
        # MIDI holds no grid: put the beat's own beside the notes, and read the swing from the beat.
        played.text_annotations.extend(beat_to_note_sequence(beat).text_annotations)
        back = note_sequence_to_beat(played)
        assert (back.drums, back.hits, back.bars) == (beat.drums, beat.hits, beat.bars), name
        assert back.time_signature == beat.time_signature
        assert back.qpm == pytest.approx(beat.qpm, rel=1e-5)


def test_command_reads_grids_of_ones_own(tmp_path) -> None:
    from preprocess.tfrecord import read_records

    grid, output = tmp_path / "mine.txt", tmp_path / "mine.tfrecord"
    grid.write_text(GRID)
    assert main([f"--input_files={grid}", "--output_file", str(output)]) == 0
    (record,) = read_records(output)
    assert note_sequence_to_beat(NoteSequence.FromString(record)) == parse(GRID)[0]
    grid.write_text(GRID.replace("SN |-", "SN |q"))
    with pytest.raises(NotationError, match=r"mine\.txt:8:5: expected one of"):
        main([f"--input_files={grid}", f"--output_file={output}", "--force"])
    assert len(list(read_records(output))) == 1


def test_the_readme_shows_a_beat_that_parses() -> None:
    readme = (Path(patterns.__file__).parent / "README.md").read_text(encoding="utf-8")
    (beat,) = parse(readme.split("```")[1].strip())
    assert beat.style == "funk"
    assert beat in load_all()
    for line in KIT:
        assert f"`{line.key}`" in readme


def test_messages_and_file_names_stay_short() -> None:
    long = "x" * 5000
    with pytest.raises(NotationError) as caught:
        parse(f"beat: a\nstyle: b\ntempo: {long}\n")
    assert len(str(caught.value)) < 200
    text = f"beat: {long}\nstyle: {long}\ntempo: 120\nKK |X---------------|\n"
    names = midi_names(parse(text + text))
    assert len(set(names)) == 2
    assert all(len(name) < 200 for name in names)


# MIDI files as grids.


def struck(beat: Beat) -> list[tuple[int, float, int]]:
    """Pitch, quarter note and velocity of each hit, in order."""
    notes = beat_to_note_sequence(beat).notes
    return sorted((n.pitch, n.start_time * beat.qpm / 60, n.velocity) for n in notes)


def test_the_shipped_beats_come_back_from_their_midi_files(tmp_path: Path) -> None:
    assert main([f"--midi_dir={tmp_path}"]) == 0
    written = load_all()
    for beat, name in zip(written, midi_names(written), strict=True):
        (found,), remarks = beats_of_midi(tmp_path / name)
        assert remarks == []
        assert (found.time_signature, found.bars) == (beat.time_signature, beat.bars)
        assert found.qpm == pytest.approx(beat.qpm, abs=1e-3)
        for one, other in zip(struck(found), struck(beat), strict=True):
            assert one[::2] == other[::2] and abs(one[1] - other[1]) < 0.02, name
        assert parse(format_beat(found)) == [found]


def test_each_stretch_of_one_meter_is_a_grid(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    hit = b"\x00\x99\x26\x64\x60\x89\x26\x00\x60\x99\x2a\x40\x83\x20\x89\x2a\x00"
    meter = {n: b"\x00\xff\x58\x04" + bytes([n, 2, 24, 8]) for n in (3, 4)}
    tempo = b"\x00\xff\x51\x03" + (500_000).to_bytes(3, "big")
    slower = b"\x00\xff\x51\x03" + (600_000).to_bytes(3, "big")
    data = midi(tempo + meter[4] + hit * 3 + meter[3] + slower + hit * 5 + END, division=96 * 6)
    (tmp_path / "song.mid").write_bytes(data)
    text = tmp_path / "song.txt"
    assert main([f"--input_files={tmp_path / 'song.mid'}", f"--text_file={text}"]) == 0
    assert "Wrote 2 grids" in capsys.readouterr().out
    first, second = parse(text.read_text())
    assert (first.time_signature, second.time_signature) == ((4, 4), (3, 4))
    assert (first.qpm, second.qpm) == (120, 100)
    assert main([f"--input_files={tmp_path / 'song.mid'}", "--text_file=-"]) == 0
    assert parse(capsys.readouterr().out) == [first, second]
    (tmp_path / "empty.mid").write_bytes(midi(END))
    with pytest.raises(InputError, match=r"empty\.mid: has no drums"):
        main([f"--input_files={tmp_path / 'empty.mid'}", f"--text_file={tmp_path / 'x.txt'}"])
    assert not (tmp_path / "x.txt").exists()

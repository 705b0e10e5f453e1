"""MIDI files that the pages write: byte for byte those of `render.midi` for the same notes."""

import base64
import random
from collections.abc import Iterator
from typing import Any

import pytest

from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES
from preprocess.midi.reader import read_midi_file
from preprocess.note_sequence import NoteSequence
from render.drum_maps import DRUM_MAPS
from render.midi import Style, midi_bytes
from tests.helpers.module_page import module_browser

DRUMS = len(REDUCED_DRUM_CLASSES)
ENTRY = """
import { DRUM_MAPS } from "./music/drum_maps.js";
import { notesOfMelody } from "./music/midi_notes.js";
import { midiBytes } from "./music/midi_writer.js";

Object.assign(window, { DRUM_MAPS, midiBytes, notesOfMelody });
window.textOf = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
window.beatOf = (beat) => {
  const velocities = new Uint8Array(beat.steps * 9);
  const offsets = new Float32Array(beat.steps * 9);
  for (const [cell, velocity, offset] of beat.hits) {
    velocities[cell] = velocity;
    offsets[cell] = offset;
  }
  return { steps: beat.steps, velocities, offsets };
};
"""
WRITTEN = """
return arguments[0].map(({ style, beats, melody }) =>
  textOf(midiBytes(style, beats ? beats.map(beatOf) : notesOfMelody(...melody))));
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with module_browser(tmp_path_factory.mktemp("page"), ENTRY) as browser:
        yield browser


def written(page: Any, cases: list[dict[str, Any]]) -> list[bytes]:
    return [base64.b64decode(text) for text in page.execute_script(WRITTEN, cases)]


def in_quarters() -> NoteSequence:
    """A NoteSequence whose seconds are quarter notes."""
    sequence = NoteSequence()
    sequence.tempos.add(qpm=60.0)
    return sequence


def sequence_of(beats: list[dict[str, Any]]) -> NoteSequence:
    sequence = in_quarters()
    first = 0
    for beat in beats:
        for cell, velocity, offset in beat["hits"]:
            start = (first + cell // DRUMS + offset) / 4
            pitch = REDUCED_DRUM_CLASSES[cell % DRUMS].pitch
            sequence.notes.add(
                start_time=start, end_time=start + 0.25, pitch=pitch, velocity=velocity, is_drum=True
            )
        first += beat["steps"]
    return sequence


def a_beat(rng: random.Random, bars: int) -> dict[str, Any]:
    steps, share = 16 * bars, rng.choice((0.0, 0.02, 0.15, 0.5, 1.0))
    # Offsets of every kind that a Float32Array holds exactly: on ticks, half-way between two, at the edges.
    off = rng.choice(
        ([0.0], [-0.5, 0.5], [i / 256 for i in range(-128, 129)], [i / 16 for i in range(-8, 9)])
    )
    hits = [
        (cell, rng.randint(1, 127), rng.choice(off)) for cell in range(steps * DRUMS) if rng.random() < share
    ]
    return {"steps": steps, "hits": hits}


def test_beats_are_written_byte_for_byte_as_the_commands_write_them(page: Any) -> None:
    rng = random.Random(0)
    cases, expected = [], []
    for number in range(300):
        bars = rng.choice((1, 1, 2, 4, 4, 4, 8, 64 if number % 20 == 0 else 3))
        lengths = [bars] if rng.random() < 0.7 else [4, 4, bars, 1]
        beats = [a_beat(rng, length) for length in lengths]
        total = sum(lengths)
        names = rng.sample(["A", "B", "fill", "Überleitung", "ド", "", "🥁" * 50], rng.randint(0, 3))
        markers = [(rng.randrange(total), name) for name in names]
        drum_map = rng.choice(list(DRUM_MAPS))
        qpm = rng.choice((120.0, 93.7, rng.uniform(3.6, 400), 3.6, 6e7, 250.0))
        swing = rng.choice((0.0, 0.5, 1 / 3, rng.uniform(0, 0.5)))
        style = {"qpm": qpm, "swing": swing, "drumMap": drum_map}
        style["markers"] = [{"bar": bar, "name": name} for bar, name in markers]
        cases.append({"style": style, "beats": beats})
        python = Style(qpm=qpm, swing=swing, drum_map=DRUM_MAPS[drum_map])
        expected.append(midi_bytes(sequence_of(beats), python, total, markers))
    assert written(page, cases) == expected


def test_what_is_written_is_read_back(page: Any) -> None:
    beat = {"steps": 64, "hits": [(0, 100, -0.25), (4 * DRUMS + 1, 1, 0.25), (63 * DRUMS + 8, 127, 0.5)]}
    style = {"qpm": 100.0, "markers": [{"bar": 2, "name": "fill"}]}
    (data,) = written(page, [{"style": style, "beats": [beat, beat]}])
    reading = read_midi_file(data)
    notes = sorted((n.start_time, n.pitch, n.velocity) for n in reading.sequences[0].notes)
    step = 0.6 / 4
    late = [(4.25 * step, 38, 1), (63.5 * step, 51, 127)]
    again = [
        (64 * step + at - (0 if at else 0.25 * step), pitch, v) for at, pitch, v in [(0, 36, 100), *late]
    ]
    again = [(63.75 * step, 36, 100), (68.25 * step, 38, 1), (127.5 * step, 51, 127)]
    # A hit before the first bar line is written on it: DAWs show no bar before the first.
    assert notes == [
        (pytest.approx(at), pitch, v) for at, pitch, v in sorted([(0.0, 36, 100), *late, *again])
    ]
    assert reading.ends[0] == pytest.approx(8 * 4 * 0.6) and not reading.warnings


def test_melodies_are_written_byte_for_byte_as_the_commands_write_them(page: Any) -> None:
    from preprocess.converters.melody import MelodyConverter

    rng = random.Random(1)
    converter = MelodyConverter(slice_bars=2)
    cases, expected = [], []
    for _ in range(100):
        weights = rng.choice(([8, 1, 3], [1, 1, 8], [1, 0, 0]))
        tokens = [rng.randint(2, 89) if kind == 2 else kind for kind in rng.choices((0, 1, 2), weights, k=32)]
        qpm, program = rng.uniform(40, 240), rng.choice((0, 33, 127))
        cases.append({"style": {"qpm": qpm, "bars": 2}, "melody": [tokens, 80, program]})
        (sequence,) = converter.from_tensors([tokens])
        for note in sequence.notes:
            note.program = program
        expected.append(midi_bytes(sequence, Style(qpm=qpm), 2))
    assert written(page, cases) == expected


def test_without_a_length_a_file_ends_at_the_bar_line_after_the_last_note(page: Any) -> None:
    ends = page.execute_script(
        """
const note = (start, end, drum) => ({ start, end, velocity: 90, ...(drum ? { drum: 0 } : { pitch: 60 }) });
const files = [[], [note(3.9, 4.1, true)], [note(3.9, 4.1, false)], [note(7.9999, 8, true)]];
return files.map((notes) => textOf(midiBytes({ qpm: 60, meter: arguments[0] }, notes)));
""",
        [3, 4],
    )
    assert [read_midi_file(base64.b64decode(text)).ends[0] for text in ends] == [3, 6, 6, 9]


@pytest.mark.parametrize(
    ("style", "message"),
    [
        ({"qpm": 0}, "The tempo is 0;"),
        ({"swing": 0.6}, "The swing is 0.6;"),
        ({"meter": [4, 3]}, "The time signature is 4/3;"),
        ({"bars": 0}, "A clip of 0 bars"),
        ({"bars": 2, "markers": [{"bar": 2, "name": "A"}]}, "Markers must lie within the 2 bars"),
        ({"drumMap": "toString"}, 'There is no drum map "toString"; expected general_midi,'),
    ],
)
def test_what_no_file_can_hold_is_refused(page: Any, style: dict[str, Any], message: str) -> None:
    said = page.execute_script(
        "try { midiBytes(arguments[0], []); } catch (error) { return error.message; }", style
    )
    assert said.startswith(message)


def test_drum_maps_are_those_of_the_commands(page: Any) -> None:
    maps = page.execute_script("return DRUM_MAPS;")
    assert {name: entry["notes"] for name, entry in maps.items()} == {
        name: list(notes.values()) for name, notes in DRUM_MAPS.items()
    }

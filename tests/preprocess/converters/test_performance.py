"""The converter of several instruments: Magenta's tensors and its notes back, round trips, reasons."""

import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preprocess.converters.performance import MultiInstrumentPerformanceConverter
from preprocess.example_forms import NO_TOKEN
from preprocess.midi.reader import read_midi
from preprocess.note_sequence import NoteSequence
from tests.helpers.magenta_scripts import run_original

CHORD_SYMBOL = NoteSequence.TextAnnotation.CHORD_SYMBOL
# hier-multiperf_vel_1bar_med and _big; with chords _med_chords and _big_chords
VELOCITIES = {
    "num_velocity_bins": 8,
    "hop_size_bars": 1,
    "max_num_instruments": 8,
    "max_events_per_instrument": 64,
}
FOUR_BARS = {"hop_size_bars": 4, "max_num_instruments": 3, "drop_tracks_and_truncate": True}
OPTIONS: list[dict[str, Any]] = [
    VELOCITIES,
    {**VELOCITIES, "chord_encoding": "triad"},
    {},
    {"chord_encoding": "major_minor", "hop_size_bars": 2, "num_velocity_bins": 5},
    {"min_num_instruments": 1, "max_num_instruments": 3, "min_total_events": 0},
    {**FOUR_BARS, "max_events_per_instrument": 24, "num_velocity_bins": 32},
    {**FOUR_BARS, "chunk_size_bars": 2, "chord_encoding": "triad", "min_num_instruments": 1},
    {"min_pitch": 30, "max_pitch": 90, "first_subsequence_only": True, "hop_size_bars": 16},
    {"steps_per_quarter": 6, "quarters_per_bar": 3, "min_total_events": 20},
]
SAMPLES = 3


def random_sequence(seed: int) -> Any:
    """Several instruments on and off the grid, with pedals, chord symbols, other tempos and meters."""
    rng = random.Random(seed)
    sequence = NoteSequence(ticks_per_quarter=220, id=str(seed))
    length = rng.choice([1.9, 8.0, 8.0, 20.0])
    meters = rng.choice([[(4, 4)]] * 6 + [[], [(3, 4)], [(3, 4)], [(4, 4), (3, 4)], [(5, 7)], [(3, 16)]])
    for i, (numerator, denominator) in enumerate(meters):
        sequence.time_signatures.add(time=i * length / 2, numerator=numerator, denominator=denominator)
    for i in range(rng.choice([0, 1, 1, 1, 2])):
        sequence.tempos.add(time=i * length / 2, qpm=rng.choice([90.0, 120.0, 133.3]))
    for instrument in range(rng.choice([0, 1, 2, 3, 4, 6, 8])):
        add_instrument(sequence, instrument, length, rng)
    if seed % 10 == 9:  # with programs of their own, as the original orders such many by Python's hashing
        for instrument in range(8, 12):
            add_instrument(sequence, instrument, length, rng, program=instrument)
    if rng.random() < 0.8:
        for i in range(int(length)):
            figure = rng.choice(
                ["C", "Am", "F#maj7", "Bbdim", "N.C.", "G7/B"] + ["Dsus4", "?"] * (seed % 7 == 0)
            )
            sequence.text_annotations.add(annotation_type=CHORD_SYMBOL, time=float(i), text=figure)
    sequence.total_time = max((n.end_time for n in sequence.notes), default=0.0) + rng.choice([0.0, 3.0])
    return sequence


def add_instrument(
    sequence: Any, instrument: int, length: float, rng: random.Random, program: int | None = None
) -> None:
    is_drum = program is None and rng.random() < 0.2
    program = rng.randrange(20, 128) if program is None else program
    for _ in range(rng.choice([3, 10, 30])):
        start = rng.choice([rng.uniform(0, length), rng.randrange(int(length * 8)) / 8])
        sequence.notes.add(
            pitch=rng.choice(
                [36, 60, 64, 67, rng.randint(30, 90), rng.randint(0, 127) if instrument == 5 else 50]
            ),
            velocity=rng.choice([1, 80, 127, rng.randint(1, 127)]),
            start_time=start,
            end_time=start + rng.choice([0.0, 0.01, 0.25, 0.5, 3.0]),
            instrument=instrument,
            program=program,
            is_drum=is_drum,
        )
    for i in range(rng.choice([0, 0, 4])):
        sequence.control_changes.add(
            time=rng.uniform(0, length), control_number=64, control_value=127 * (i % 2), instrument=instrument
        )


@pytest.fixture(scope="module")
def sequences(data_dir: Callable[[str], Path]) -> list[Any]:
    piano = sorted(data_dir("mutopia_piano").glob("*.mid"), key=lambda path: (path.stat().st_size, path.name))
    chorales = sorted((data_dir("chorales") / "midi").glob("*.mid"))
    files = piano[3:40:18] + chorales[::150]
    return [read_midi(path) for path in files] + [random_sequence(seed) for seed in range(40)]


@pytest.fixture(scope="module")
def samples() -> dict[str, np.ndarray]:
    """Random dense tensors for the way back, by option set, with controls where there are any."""
    rng = np.random.default_rng(0)
    chosen = {}
    for index, options in enumerate(OPTIONS):
        converter = MultiInstrumentPerformanceConverter(**options)
        steps = converter.segments * converter.max_events_per_instrument
        for i in range(SAMPLES):
            tokens = rng.integers(0, converter.output_depth, steps)
            # Time passes and notes begin more often than among all tokens alike.
            tokens[rng.random(steps) < 0.5] %= 128
            chosen[f"{index}/{i}"] = np.eye(converter.output_depth, dtype=bool)[tokens]
            if converter.control_depth:
                chords = rng.integers(0, converter.control_depth, steps)
                chosen[f"{index}/{i}/controls"] = np.eye(converter.control_depth, dtype=bool)[chords]
    return chosen


@pytest.fixture(scope="module")
def magenta(
    sequences: list[Any], samples: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, np.ndarray]:
    """What Magenta's own converter makes of the same, from one process."""
    folder = tmp_path_factory.mktemp("magenta")
    np.savez(folder / "samples.npz", **samples)  # type: ignore[arg-type]
    task = {"converter": "performance", "options": OPTIONS, "samples": SAMPLES}
    return run_original(folder, "magenta_groove", sequences, task)


@pytest.mark.reference
@pytest.mark.parametrize("index", range(len(OPTIONS)), ids=lambda i: json.dumps(OPTIONS[i])[:60])
def test_examples_are_magentas(magenta: dict[str, np.ndarray], sequences: list[Any], index: int) -> None:
    converter = MultiInstrumentPerformanceConverter(**OPTIONS[index])
    depths = [converter.input_depth, converter.output_depth, converter.control_depth]
    assert magenta[f"{index}/depths"].tolist() == depths
    found = 0
    for i, sequence in enumerate(sequences):
        before = sequence.SerializeToString()
        examples = converter.to_tensors(sequence)
        assert sequence.SerializeToString() == before
        assert len(examples) == magenta[f"{index}/{i}/count"], f"sequence {i}"
        for j, example in enumerate(examples):
            inputs, outputs, controls = converter.to_dense(example)
            key = f"{index}/{i}/{j}"
            np.testing.assert_array_equal(np.packbits(inputs), magenta[f"{key}/in"], key)
            np.testing.assert_array_equal(np.packbits(outputs), magenta[f"{key}/out"], key)
            np.testing.assert_array_equal(example.length, magenta[f"{key}/length"], key)
            if controls.size:
                np.testing.assert_array_equal(np.packbits(controls), magenta[f"{key}/control"], key)
        found += len(examples)
    assert found > 10, "the comparison must compare something"


@pytest.mark.reference
@pytest.mark.parametrize("index", range(len(OPTIONS)), ids=lambda i: json.dumps(OPTIONS[i])[:60])
def test_note_sequences_are_magentas(
    magenta: dict[str, np.ndarray], samples: dict[str, np.ndarray], index: int
) -> None:
    converter = MultiInstrumentPerformanceConverter(**OPTIONS[index])
    for i in range(SAMPLES):
        controls = [samples[f"{index}/{i}/controls"]] if converter.control_depth else None
        (sequence,) = converter.from_tensors([samples[f"{index}/{i}"]], controls)
        ours = [
            (n.start_time, n.end_time, n.pitch, n.velocity, n.instrument, n.program, n.is_drum)
            for n in sequence.notes
        ]
        assert len(ours) > 10
        np.testing.assert_allclose(sorted(ours), sorted(map(tuple, magenta[f"{index}/back/{i}"].tolist())))
        chords = [[text.time, text.text] for text in sequence.text_annotations]
        assert chords == json.loads(str(magenta[f"{index}/back/{i}/chords"]))
        assert sequence.total_time == max(n.end_time for n in sequence.notes)


def band(*notes: tuple[int, int, int, int, int]) -> Any:
    """Two seconds and more at 120: notes of instrument, 24ths of a quarter, length, pitch and velocity.

    Instrument 3 is drums; the program of the others is three times their number.
    """
    sequence = NoteSequence(ticks_per_quarter=220)
    sequence.tempos.add(qpm=120.0)
    for instrument, step, steps, pitch, velocity in notes:
        sequence.notes.add(
            instrument=instrument,
            start_time=step / 48,
            end_time=(step + steps) / 48,
            pitch=pitch,
            velocity=velocity,
            program=0 if instrument == 3 else 3 * instrument,
            is_drum=instrument == 3,
        )
    sequence.total_time = max((note.end_time for note in sequence.notes), default=0.0)
    return sequence


NOTES = st.tuples(
    st.integers(0, 3), st.integers(0, 95), st.integers(1, 40), st.integers(58, 63), st.integers(1, 127)
)
ONE_EACH = [(instrument, 0, 10, 60, 100) for instrument in range(4)]
LOOSE = {"num_velocity_bins": 8, "max_events_per_instrument": 256}


@settings(max_examples=40)
@given(st.lists(NOTES, max_size=20))
def test_round_trip(notes: list[tuple[int, int, int, int, int]]) -> None:
    """What comes back says the same again, as tokens and as dense tensors."""
    converter = MultiInstrumentPerformanceConverter(**LOOSE)
    (example,) = converter.to_tensors(band(*ONE_EACH, *notes))[:1]
    assert example.inputs.dtype == np.int16 and example.inputs is example.outputs
    (back,) = converter.from_tensors([example.outputs])
    (dense,) = converter.from_tensors([converter.to_dense(example)[1]])
    assert back == dense
    (again,) = converter.to_tensors(back)
    np.testing.assert_array_equal(again.outputs, example.outputs)
    np.testing.assert_array_equal(again.length, example.length)


@settings(max_examples=40)
@given(st.lists(NOTES, max_size=20))
def test_padding_and_lengths(notes: list[tuple[int, int, int, int, int]]) -> None:
    converter = MultiInstrumentPerformanceConverter(**LOOSE, chord_encoding="triad", hop_size_bars=2)
    music = band(*ONE_EACH, *notes)
    for i, figure in enumerate(("C", "F", "G7")):
        music.text_annotations.add(annotation_type=CHORD_SYMBOL, time=i / 2, text=figure)
    (example,) = converter.to_tensors(music)[:1]
    assert converter.segments == 16
    tokens = example.outputs.reshape(16, 256)
    assert isinstance(example.length, np.ndarray) and example.controls is not None
    np.testing.assert_array_equal((tokens != NO_TOKEN).sum(axis=1), example.length)
    np.testing.assert_array_equal(example.controls.sum(axis=1), example.outputs != NO_TOKEN)
    for segment, length in zip(tokens, example.length, strict=True):
        assert segment[length - 1] == converter.end_token
        assert length == 1 or segment[0] >= converter.program_token
    (back,) = converter.from_tensors([example.outputs], [example.controls])
    figures = [text.text for text in back.text_annotations]
    assert figures[0] == "C" and set(figures) <= {"C", "F", "G"}


def test_tracks_are_drawn_by_the_generator() -> None:
    converter = MultiInstrumentPerformanceConverter(max_num_instruments=2, drop_tracks_and_truncate=True)
    programs = set()
    for seed in range(30):
        ((example,), _) = converter.convert(band(*ONE_EACH), np.random.default_rng(seed))
        programs.add(tuple(example.outputs[::64] - converter.program_token))
    assert programs == {(0, 3), (0, 6), (0, 128), (3, 6), (3, 128), (6, 128)}
    (example,) = converter.to_tensors(band(*ONE_EACH))
    assert tuple(example.outputs[::64] - converter.program_token) == (0, 3)


def changed(music: Any, **fields: Any) -> Any:
    """Music with one more event of a field, or with other values of its first note."""
    for name, values in fields.items():
        if name == "note":
            for key, value in values.items():
                setattr(music.notes[0], key, value)
        else:
            getattr(music, name).add(**values)
    return music


def chords(*figures: str) -> Any:
    music = band(*ONE_EACH)
    for figure in figures:
        music.text_annotations.add(annotation_type=CHORD_SYMBOL, time=0.05, text=figure)
    return music


def quantized() -> Any:
    music = band(*ONE_EACH)
    music.quantization_info.steps_per_quarter = 4
    return music


def waltz(denominator: int) -> Any:
    return changed(band(*ONE_EACH), time_signatures={"numerator": 3, "denominator": denominator})


@pytest.mark.parametrize(
    ("music", "options", "reason"),
    [
        (NoteSequence(), {}, "empty"),
        (quantized(), {}, "quantized"),
        (waltz(4), {}, "other_meter"),
        (waltz(512), {}, "other_meter"),
        (waltz(5), {}, "bad_time_signature"),
        (waltz(4), {"chord_encoding": "triad"}, "other_meter"),
        (changed(band(*reversed(ONE_EACH)), note={"end_time": -3.0}), {}, "negative_time"),
        (band(*ONE_EACH, (0, 90, 20, 60, 90)), {"first_subsequence_only": True}, "too_long"),
        (band(*ONE_EACH), {"min_pitch": 61}, "pitch_range"),
        (changed(band(*ONE_EACH), note={"velocity": 0}), {"num_velocity_bins": 8}, "bad_velocity"),
        (changed(band(*ONE_EACH), note={"program": 200}), {}, "bad_program"),
        (band(*ONE_EACH), {"max_num_instruments": 3}, "too_many_instruments"),
        (band(*ONE_EACH[:1]), {}, "too_few_instruments"),
        (band(*ONE_EACH), {"max_events_per_instrument": 5}, "too_many_events"),
        (band(*ONE_EACH), {"min_total_events": 100}, "too_few_events"),
        (chords("C", "F"), {"chord_encoding": "triad"}, "coincident_chords"),
        (chords("?"), {"chord_encoding": "triad"}, "bad_chord"),
        (chords("Cdim"), {"chord_encoding": "major_minor"}, "bad_chord"),
    ],
)
def test_reasons(music: Any, options: dict[str, Any], reason: str) -> None:
    examples, reasons = MultiInstrumentPerformanceConverter(**options).convert(music)
    assert (examples, reasons) == ([], Counter({reason: 1}))


def test_instruments_of_several_programs_count_as_program_0() -> None:
    music = band(*ONE_EACH, (1, 20, 4, 60, 90))
    music.notes[-1].program = 50
    converter = MultiInstrumentPerformanceConverter()
    (example,) = converter.to_tensors(music)
    programs = example.outputs[::64][:4] - converter.program_token
    assert programs.tolist() == [0, 0, 6, 128]


@pytest.mark.parametrize(
    "options",
    [
        {"chord_encoding": "jazz"},
        {"hop_size_bars": 3, "chunk_size_bars": 2},
        {"hop_size_bars": 0},
        {"steps_per_quarter": 0},
        {"max_events_per_instrument": 2},
        {"min_pitch": 60, "max_pitch": 50},
        {"num_velocity_bins": 128},
    ],
)
def test_bad_options(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        MultiInstrumentPerformanceConverter(**options)

"""The melody converter: Magenta's examples and NoteSequences, with chords and keys, and round trips."""

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from preprocess.converters.melody import MelodyConverter
from preprocess.note_sequence import NoteSequence
from tests.helpers.magenta_converter import (
    ROOT,
    assert_same_sequence,
    magentas_examples,
    our_examples,
    real_sequences,
    run_magenta,
)

MELODY_PROGRAMS = list(range(32))
PLAIN: list[dict[str, Any]] = [
    {"valid_programs": MELODY_PROGRAMS, "max_bars": 100, "slice_bars": 2},  # cat-mel_2bar_small and _big
    {"max_bars": 100, "slice_bars": 16},  # mel_16bar
    {},
    {"slice_bars": 1},
    {"slice_bars": 2, "gap_bars": None},
    {"gap_bars": 0},
    {"gap_bars": 0.5},
    {"gap_bars": 2, "max_bars": 3},
    {"skip_polyphony": True},
    {"skip_polyphony": True, "slice_bars": 1, "gap_bars": 0.5},
    {"add_end_token": True, "slice_bars": 4},
    {"add_end_token": True, "min_pitch": 48, "max_pitch": 72},
    {"min_pitch": 0, "max_pitch": 127, "valid_programs": [0, 40]},
    {"valid_programs": []},
    {"pad_to_total_time": True},
    {"pad_to_total_time": True, "gap_bars": 0.5, "add_end_token": True},
    {"pad_to_total_time": True, "max_bars": 2, "slice_bars": 1},
    {"presplit_on_time_changes": False},
    {"presplit_on_time_changes": False, "slice_bars": 1, "pad_to_total_time": True},
    {"steps_per_quarter": 3, "quarters_per_bar": 3},
    {"steps_per_quarter": 2, "quarters_per_bar": 2, "slice_bars": 1},
    {"slice_bars": 1, "dedupe_event_lists": False},
]
CONDITIONED: list[dict[str, Any]] = [
    {"max_bars": 100, "slice_bars": 2, "chord_encoding": "triad"},  # cat-mel_2bar_med_chords
    {"chord_encoding": "triad", "add_end_token": True},
    {"chord_encoding": "major_minor", "slice_bars": 1},
    {"chord_encoding": "triad", "condition_on_key": True, "slice_bars": 1},
    {"condition_on_key": True, "pad_to_total_time": True},
    {"chord_encoding": "triad", "slice_bars": 2, "dedupe_event_lists": False, "gap_bars": None},
    {"chord_encoding": "triad", "condition_on_key": True, "presplit_on_time_changes": False},
]
OPTIONS = PLAIN + CONDITIONED
CHORDS = ["C", "Am", "G7", "Bdim", "Caug", "N.C.", "Fmaj7", "Dm7b5", "C"]
RANDOM = 45
TOKENS = st.lists(st.one_of(st.integers(0, 1), st.integers(2, 89)), min_size=1, max_size=80)


def random_melodies(seed: int) -> Any:
    """Lines on and off the grid, with chords, rests, drums, silent notes and changes of tempo and meter."""
    rng = random.Random(seed)
    sequence = NoteSequence(ticks_per_quarter=220, id=str(seed))
    length = rng.choice([2.0, 8.0, 20.0, 40.0])
    add_time_changes(rng, sequence, length)
    for instrument in rng.sample([0, 1, 2, 5, 9, 16, 130], rng.randint(0, 4)):
        program = rng.choice([0, 0, 0, 31, 32, 40, 120])
        add_line(rng, sequence, length, instrument=instrument, program=program)
    latest = max((n.end_time for n in sequence.notes), default=0.0)
    sequence.total_time = latest + rng.choice([0.0, 0.0, 3.0])
    add_chords_and_keys(rng, sequence)
    return sequence


def add_time_changes(rng: random.Random, sequence: Any, length: float) -> None:
    meters = rng.choice(
        [[(4, 4)], [(4, 4)], [(3, 4)], [(4, 4), (3, 4)], [(4, 4), (4, 4), (2, 4)], [(2, 2)], [(5, 7)], []]
    )
    for i, (numerator, denominator) in enumerate(meters):
        time = 0.0 if i == 0 and rng.random() < 0.8 else rng.uniform(0, length)
        sequence.time_signatures.add(time=time, numerator=numerator, denominator=denominator)
    for i in range(rng.choice([0, 1, 1, 1, 2])):
        time = 0.0 if i == 0 and rng.random() < 0.8 else rng.uniform(0, length)
        sequence.tempos.add(time=time, qpm=rng.choice([60.0, 120.0, 120.0, 133.3]))


def add_line(rng: random.Random, sequence: Any, length: float, **fields: Any) -> None:
    pitches = [36, 38, 42] if fields.get("is_drum") else [60, 62, 64, 67]
    time = rng.choice([0.0, 0.3, 5.0])
    polyphony = rng.choice([0.0, 0.0, 0.3])
    rests = rng.choice([0.0, 0.1, 0.3])
    odd = rng.choice([0.0, 0.05])
    while time < length:
        lasting = rng.choice([0.0, 0.05, 0.125, 0.25, 0.25, 0.5, 1.0, 3.0])
        start = time if rng.random() < 0.5 else round(time * 8) / 8
        if rng.random() < rests:
            time += rng.choice([0.5, 1.0, 2.0, 5.0])
            continue
        for _ in range(1 + (rng.random() < polyphony)):
            note = sequence.notes.add(
                pitch=rng.choice([*pitches, rng.randint(10, 120)]), velocity=80, **fields
            )
            note.start_time, note.end_time = start, start + lasting
            note.velocity = 0 if rng.random() < odd else 80
            note.is_drum = fields.get("is_drum", False) != (rng.random() < odd)
        time += lasting * rng.choice([0.5, 1.0, 1.0, 1.0, 1.5]) + 0.01 * (lasting == 0)


def add_chords_and_keys(rng: random.Random, sequence: Any) -> None:
    """None, some, or some that can't be used."""
    given_ones = rng.random()
    if given_ones < 0.5:
        return
    for i in range(rng.randint(1, 6)):
        text = rng.choice(["Csus4", "nonsense", "C"]) if given_ones > 0.9 else rng.choice(CHORDS)
        time = i * 2.0 if rng.random() < 0.9 else 0.0
        sequence.text_annotations.add(
            text=text, time=time, annotation_type=NoteSequence.TextAnnotation.CHORD_SYMBOL
        )
    for i in range(rng.randint(0, 2)):
        sequence.key_signatures.add(key=rng.randrange(12), time=i * rng.choice([1.0, 7.3]))


def random_samples(options: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tokens for the way back, two for each option set, with controls where it has them."""
    rng = random.Random(0)
    samples = []
    for one in options:
        converter = MelodyConverter(**one)
        for _ in range(2):
            hot = [rng.choice([0, 0, 1, rng.randrange(2, converter.output_depth)]) for _ in range(32)]
            controls: list[list[int]] | None = None
            if converter.control_depth:
                # Magenta reads 12 chords too few where there are no keys.
                chords = converter.conditioning.chord_depth - 12 * (not one.get("condition_on_key"))
                controls = [[rng.randrange(chords)] if chords > 0 else [] for _ in range(8)]
                if one.get("condition_on_key"):
                    controls = [[*c, converter.control_depth - 1 - rng.randrange(12)] for c in controls]
                controls = [controls[i // 4] for i in range(32)]
            samples.append({"options": one, "hot": [[t] for t in hot], "controls": controls})
    return samples


SAMPLES = random_samples(OPTIONS)


@pytest.fixture(scope="module")
def sequences(data_dir: Callable[[str], Path]) -> list[Any]:
    every = {"midi_samples": 1, "joplin_rags": 8, "chorales": 80, "mutopia_piano": 60}
    return [random_melodies(seed) for seed in range(RANDOM)] + real_sequences(data_dir, every)


@pytest.fixture(scope="module")
def cases(sequences: list[Any]) -> list[dict[str, Any]]:
    """Inferring chords takes long, so of the real files only a few short ones are for it."""
    short = [i for i, s in enumerate(sequences) if i < 30 or (i >= RANDOM and s.total_time < 60)]
    return [{"options": o, "sequences": [*range(len(sequences))]} for o in PLAIN] + [
        {"options": o, "sequences": short[:34]} for o in CONDITIONED
    ]


@pytest.fixture(scope="module")
def magenta(
    sequences: list[Any], cases: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, np.ndarray], list[Any]]:
    folder = tmp_path_factory.mktemp("magenta")
    return run_magenta(folder, "OneHotMelodyConverter", sequences, cases, SAMPLES)


@pytest.mark.reference
@pytest.mark.parametrize("index", range(len(OPTIONS)), ids=lambda i: json.dumps(OPTIONS[i])[:60])
def test_examples_are_magentas(
    magenta: tuple[dict[str, np.ndarray], list[Any]],
    sequences: list[Any],
    cases: list[dict[str, Any]],
    index: int,
) -> None:
    arrays, _ = magenta
    converter = MelodyConverter(**OPTIONS[index])
    end = -1 if converter.end_token is None else converter.end_token
    depths = [converter.input_depth, converter.output_depth, converter.control_depth, end]
    assert arrays[f"{index}/depths"].tolist() == depths
    found = 0
    for i in cases[index]["sequences"]:
        ours = our_examples(converter, sequences[i])
        assert ours == magentas_examples(arrays, index, i), f"sequence {i}"
        found += sum(ours.values())
    assert found > 20 or OPTIONS[index].get("valid_programs") == [], "the comparison must compare something"


@pytest.mark.reference
@pytest.mark.parametrize("index", range(len(SAMPLES)))
def test_note_sequences_are_magentas(magenta: tuple[dict[str, np.ndarray], list[Any]], index: int) -> None:
    sample = SAMPLES[index]
    converter = MelodyConverter(**sample["options"])
    tokens = np.array(sample["hot"])[:, 0]
    controls = None
    if sample["controls"] is not None:
        controls = [np.zeros((len(tokens), converter.control_depth), dtype=bool)]
        for row, hot in zip(controls[0], sample["controls"], strict=True):
            row[hot] = True
    (ours,) = converter.from_tensors([tokens], controls)
    assert_same_sequence(ours, magenta[1][index])


@given(st.sampled_from(PLAIN), TOKENS)
def test_tokens_and_dense_tensors_give_the_same_notes(options: dict[str, Any], tokens: list[int]) -> None:
    converter = MelodyConverter(**options)
    array = np.array(tokens) % converter.output_depth
    dense = np.arange(converter.output_depth) == array[:, None]
    assert converter.from_tensors([array]) == converter.from_tensors([dense.astype(np.float32)])


@given(TOKENS)
def test_round_trip(tokens: list[int]) -> None:
    """From a note in the first bar on, whole bars come back; an off where nothing sounds says nothing."""
    converter = MelodyConverter(gap_bars=None)
    array = np.array([5, *tokens], dtype=np.uint8)
    array = np.pad(array, (0, -len(array) % 16))
    (example,) = converter.to_tensors(converter.from_tensors([array])[0])
    expected, sounding = array.copy(), False
    for step, token in enumerate(array):
        if token == 1 and not sounding:
            expected[step] = 0
        sounding = token >= 2 or (sounding and token == 0)
    if not sounding:
        # Silent bars at the end have left no trace.
        length = int(np.flatnonzero(expected)[-1])
        expected = expected[: length + -length % 16]
    np.testing.assert_array_equal(example.inputs, expected)
    assert example.length == len(expected) and example.outputs is example.inputs
    assert example.inputs.dtype == np.uint8 and example.controls is None


@given(TOKENS, st.integers(0, 79))
def test_nothing_sounds_after_the_end(tokens: list[int], end: int) -> None:
    converter = MelodyConverter(add_end_token=True)
    assert converter.end_token == 90
    tokens.insert(min(end, len(tokens)), 90)
    (sequence,) = converter.from_tensors([np.array(tokens)])
    (expected,) = converter.from_tensors([np.array(tokens[: tokens.index(90)], dtype=np.int64)])
    assert sequence == expected


@given(st.integers(0, 48), st.integers(0, 11))
def test_chords_and_keys_come_back(chord: int, key: int) -> None:
    """All chords, the diminished ones too, which Magenta loses where there are no keys."""
    for with_key in (False, True):
        converter = MelodyConverter(chord_encoding="triad", condition_on_key=with_key)
        controls = np.zeros((16, converter.control_depth), dtype=bool)
        controls[:, chord] = True
        if with_key:
            controls[:, 49 + key] = True
        (sequence,) = converter.from_tensors([np.full(16, 41)], [controls])
        assert len(sequence.text_annotations) == 1 and len(sequence.key_signatures) == with_key
        (example,) = converter.to_tensors(sequence)
        assert example.controls is not None
        np.testing.assert_array_equal(example.controls, controls)


def line(*notes: tuple[int, int, int], **changes: Any) -> Any:
    """A NoteSequence of (sixteenth, pitch, length in sixteenths) at 120 quarters a minute."""
    sequence = NoteSequence(ticks_per_quarter=220)
    for step, pitch, length in notes:
        sequence.notes.add(
            start_time=step / 8, end_time=(step + length) / 8, pitch=pitch, velocity=90, **changes
        )
    sequence.total_time = max((n.end_time for n in sequence.notes), default=0.0)
    return sequence


def meter(numerator: int, denominator: int) -> Any:
    sequence = line((0, 60, 16))
    sequence.time_signatures.add(numerator=numerator, denominator=denominator)
    return sequence


def chord(*texts: str) -> Any:
    """All at the second quarter."""
    sequence = line((0, 60, 16))
    for text in texts:
        sequence.text_annotations.add(
            time=0.5, text=text, annotation_type=NoteSequence.TextAnnotation.CHORD_SYMBOL
        )
    return sequence


def tempo_change() -> Any:
    sequence = line((0, 60, 16))
    sequence.tempos.add(time=1.0, qpm=90.0)
    return sequence


def key(number: int) -> Any:
    sequence = chord("C")
    sequence.key_signatures.add(key=number)
    return sequence


def test_instruments_that_are_left_out_for_their_program_are_counted() -> None:
    violin, both = line((0, 60, 4), (4, 62, 4)), line((0, 60, 4), (4, 62, 4))
    for note in violin.notes:
        note.program = 40
    note = both.notes.add()
    note.CopyFrom(violin.notes[0])
    note.instrument = 1
    piano = MelodyConverter(valid_programs=range(32))
    assert piano.convert(violin)[1] == {"other_programs": 1, "no_melody": 1}
    examples, reasons = piano.convert(both)
    assert len(examples) == 1 and reasons == {"other_programs": 1}
    assert MelodyConverter().convert(violin)[1] == {}


TRIAD = {"chord_encoding": "triad"}
WHOLE = {"presplit_on_time_changes": False}


@pytest.mark.parametrize(
    ("sequence", "options", "reason"),
    [
        (NoteSequence(), {}, "empty"),
        (meter(3, 4), {}, "other_meter"),
        (meter(4, 5), {}, "bad_time_signature"),
        (line((0, 20, 4)), {}, "no_melody"),
        (line((0, 60, 4), is_drum=True), {}, "no_melody"),
        (line((0, 60, 4), (0, 64, 4)), {"skip_polyphony": True}, "polyphonic"),
        (line((0, 60, 16)), {"slice_bars": 2}, "too_short"),
        (line((-20, 60, 4), (0, 60, 4)), WHOLE, "negative_time"),
        (line((8, 60, -4), (16, 60, 4)), {}, "bad_note"),
        (chord("Csus4"), TRIAD, "bad_chord"),
        (chord("C", "G"), TRIAD, "coincident_chords"),
        (chord("C"), {"condition_on_key": True}, "no_chords"),
        (key(12), {"condition_on_key": True}, "bad_key"),
        (tempo_change(), WHOLE, "time_changes"),
    ],
)
def test_reasons(sequence: Any, options: dict[str, Any], reason: str) -> None:
    assert MelodyConverter(**options).convert(sequence) == ([], Counter({reason: 1}))


def test_order_is_that_of_first_appearance() -> None:
    sequence = line(*((16 * i, pitch, 16) for i, pitch in enumerate([60, 62, 60, 62, 64])))
    examples = MelodyConverter(slice_bars=1).to_tensors(sequence)
    assert [int(e.inputs[0]) for e in examples] == [41, 43, 45]


@pytest.mark.parametrize(
    "options",
    [
        {"min_pitch": -1},
        {"max_pitch": 128},
        {"min_pitch": 60, "max_pitch": 59},
        {"steps_per_quarter": 0},
        {"chord_encoding": "jazz"},
    ],
)
def test_bad_options(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        MelodyConverter(**options)


def test_plain_melodies_do_without_note_seq() -> None:
    """Its import takes two seconds."""
    code = (
        "import sys; import numpy as np; from preprocess.converters.melody import MelodyConverter as M;"
        "s = M(chord_encoding='triad').from_tensors([np.full(16, 9)], [np.eye(49)[:16]]);"
        "assert M().to_tensors(s[0]) and 'note_seq' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_two_bars_of_two_quarters_make_one_of_four() -> None:
    sequence = meter(2, 4)
    assert not MelodyConverter().to_tensors(sequence)
    (ours,) = MelodyConverter(shorter_bars=True).to_tensors(sequence)
    (four,) = MelodyConverter().to_tensors(meter(4, 4))
    np.testing.assert_array_equal(ours.inputs, four.inputs)
    for numerator, denominator in ((3, 4), (6, 8), (5, 8)):
        assert not MelodyConverter(shorter_bars=True).to_tensors(meter(numerator, denominator))

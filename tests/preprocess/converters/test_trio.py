"""The trio converter: Magenta's examples and NoteSequences, with chords and keys, and round trips."""

import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from preprocess.converters.trio import TrioConverter
from preprocess.note_sequence import NoteSequence
from tests.helpers.drum_sequences import backbeat
from tests.helpers.magenta_converter import (
    assert_same_sequence,
    magentas_examples,
    our_examples,
    real_sequences,
    run_magenta,
)
from tests.preprocess.converters.test_melody import add_chords_and_keys, add_line

PLAIN: list[dict[str, Any]] = [
    {"slice_bars": 16, "gap_bars": 2},  # trio_16bar
    {"slice_bars": 4},
    {"slice_bars": 2, "gap_bars": 0},
    {"slice_bars": 1, "gap_bars": 1, "max_bars": 3},
    {"slice_bars": 2, "steps_per_quarter": 2},
    {"slice_bars": 3, "gap_bars": 5, "steps_per_quarter": 3, "max_bars": 8},
]
CONDITIONED: list[dict[str, Any]] = [
    {"slice_bars": 2, "chord_encoding": "triad"},
    {"slice_bars": 2, "condition_on_key": True, "max_bars": 6},
    {"slice_bars": 1, "chord_encoding": "major_minor", "condition_on_key": True},
]
OPTIONS = PLAIN + CONDITIONED
RANDOM = 60
TRIOS = st.lists(
    st.tuples(st.integers(0, 89), st.integers(0, 89), st.integers(0, 511)), min_size=1, max_size=60
)


def random_trio(seed: int) -> Any:
    """Melodies, basses, drums and others, some of them lacking, silent for a while or of two kinds."""
    rng = random.Random(seed)
    sequence = NoteSequence(ticks_per_quarter=220, id=str(seed))
    length = rng.choice([4.0, 12.0, 30.0, 60.0])
    sequence.tempos.add(qpm=rng.choice([60.0, 120.0, 120.0, 133.3]))
    if rng.random() < 0.3:
        sequence.tempos.add(time=rng.uniform(0, length), qpm=100.0)
    if rng.random() < 0.2:
        sequence.time_signatures.add(numerator=3, denominator=4)
    programs = {0: [0, 8], 1: [33, 39], 2: [31, 32], 3: [24, 60], 9: [0, 33], 127: [36, 5], 130: [0, 0]}
    for instrument in rng.sample(sorted(programs), rng.randint(3, 7)):
        program = programs[instrument][rng.random() < 0.2]
        drums = instrument == 9 or rng.random() < 0.1
        add_line(rng, sequence, length, instrument=instrument, program=program, is_drum=drums)
    latest = max((n.end_time for n in sequence.notes), default=0.0)
    sequence.total_time = latest + rng.choice([0.0, 0.0, 3.0])
    add_chords_and_keys(rng, sequence)
    return sequence


def with_rhythm_section(sequence: Any) -> Any:
    """A chorale with its lowest voice as a bass and a beat below it."""
    trio = NoteSequence.FromString(sequence.SerializeToString())
    lowest = max(n.instrument for n in trio.notes)
    for note in trio.notes:
        note.program = 33 if note.instrument == lowest else 0
    trio.notes.extend(backbeat(int(trio.total_time / 2)).notes)
    return trio


def random_samples() -> list[dict[str, Any]]:
    """Dense steps for the way back, with controls where the option set has them and a key."""
    rng = random.Random(0)
    samples = []
    for options in OPTIONS:
        for _ in range(3):
            hot = [
                [rng.choice([0, rng.randrange(90)]), 90 + rng.choice([0, 1, rng.randrange(90)]), 180]
                for _ in range(32)
            ]
            for step in hot:
                step[2] += rng.choice([0, rng.randrange(512)])
            controls = None
            if options.get("chord_encoding") and options.get("condition_on_key"):
                controls = [[rng.randrange(25), 25 + i // 9] for i in range(32)]
            samples.append({"options": options, "hot": hot, "controls": controls})
    return samples


SAMPLES = random_samples()


@pytest.fixture(scope="module")
def sequences(data_dir: Callable[[str], Path]) -> list[Any]:
    chorales = real_sequences(data_dir, {"chorales": 45})
    return [
        *(random_trio(seed) for seed in range(RANDOM)),
        *map(with_rhythm_section, chorales),
        *real_sequences(data_dir, {"midi_samples": 1}),
    ]


@pytest.fixture(scope="module")
def cases(sequences: list[Any]) -> list[dict[str, Any]]:
    """Inferring chords takes long, so only a part is for it."""
    part = [*range(0, RANDOM, 2), *range(RANDOM, RANDOM + 3)]
    return [{"options": o, "sequences": [*range(len(sequences))]} for o in PLAIN] + [
        {"options": o, "sequences": part} for o in CONDITIONED
    ]


@pytest.fixture(scope="module")
def magenta(
    sequences: list[Any], cases: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, np.ndarray], list[Any]]:
    return run_magenta(tmp_path_factory.mktemp("magenta"), "TrioConverter", sequences, cases, SAMPLES)


@pytest.mark.reference
@pytest.mark.parametrize("index", range(len(OPTIONS)), ids=lambda i: json.dumps(OPTIONS[i])[:60])
def test_examples_are_magentas(
    magenta: tuple[dict[str, np.ndarray], list[Any]],
    sequences: list[Any],
    cases: list[dict[str, Any]],
    index: int,
) -> None:
    arrays, _ = magenta
    converter = TrioConverter(**OPTIONS[index])
    depths = [converter.input_depth, converter.output_depth, converter.control_depth, -1]
    assert arrays[f"{index}/depths"].tolist() == depths
    found = 0
    for i in cases[index]["sequences"]:
        ours = our_examples(converter, sequences[i])
        assert ours == magentas_examples(arrays, index, i), f"sequence {i}"
        found += sum(ours.values())
    assert found > 20, "the comparison must compare something"


@pytest.mark.reference
@pytest.mark.parametrize("index", range(len(SAMPLES)))
def test_note_sequences_are_magentas(magenta: tuple[dict[str, np.ndarray], list[Any]], index: int) -> None:
    sample = SAMPLES[index]
    converter = TrioConverter(**sample["options"])
    tokens = np.array(sample["hot"]) - [0, 90, 180]
    controls = None
    if sample["controls"] is not None:
        controls = [np.zeros((len(tokens), converter.control_depth), dtype=bool)]
        for row, hot in zip(controls[0], sample["controls"], strict=True):
            row[hot] = True
    (ours,) = converter.from_tensors([tokens], controls)
    assert_same_sequence(ours, magenta[1][index])


@given(TRIOS)
def test_tokens_and_dense_tensors_give_the_same_notes(steps: list[tuple[int, int, int]]) -> None:
    converter = TrioConverter(slice_bars=1)
    tokens = np.array(steps, dtype=np.int16)
    dense = np.concatenate(
        [np.arange(d) == tokens[:, i, None] for i, d in enumerate(converter.output_depths)], axis=1
    )
    assert converter.from_tensors([tokens]) == converter.from_tensors([dense.astype(np.float32)])


@given(TRIOS)
def test_round_trip(steps: list[tuple[int, int, int]]) -> None:
    """What begins and ends with all three comes back, as notes and then as tokens."""
    tokens = np.array([(5, 7, 1), *steps, (9, 9, 3)], dtype=np.int16)
    tokens = np.pad(tokens, ((0, -len(tokens) % 16), (0, 0)))
    tokens[-1] = (9, 9, 3)
    converter = TrioConverter(slice_bars=len(tokens) // 16, gap_bars=len(tokens))
    (example,) = converter.to_tensors(converter.from_tensors([tokens])[0])
    expected = tokens.copy()
    for part in range(2):
        sounding = False
        for step, token in enumerate(tokens[:, part]):
            if token == 1 and not sounding:
                expected[step, part] = 0
            sounding = token >= 2 or (sounding and token == 0)
    np.testing.assert_array_equal(example.inputs, expected)
    assert example.inputs.dtype == np.int16 and example.outputs is example.inputs
    assert example.length == len(tokens) and example.controls is None


def test_programs_and_instruments() -> None:
    (sequence,) = TrioConverter(slice_bars=1).from_tensors([np.array([(2, 2, 1)] + [(0, 0, 0)] * 15)])
    found = {(n.instrument, n.program, n.is_drum, n.pitch) for n in sequence.notes}
    assert found == {(0, 0, False, 21), (1, 33, False, 21), (9, 0, True, 36)}
    assert sequence.total_time == 2.0


def trio_sequence() -> Any:
    tokens = np.zeros((32, 3), dtype=np.int16)
    tokens[::4] = (40, 20, 1)
    return TrioConverter(slice_bars=2).from_tensors([tokens])[0]


def without(instrument: int) -> Any:
    sequence = trio_sequence()
    kept = [n for n in sequence.notes if n.instrument != instrument]
    del sequence.notes[:]
    sequence.notes.extend(kept)
    return sequence


def in_three() -> Any:
    sequence = trio_sequence()
    sequence.time_signatures.add(numerator=3, denominator=4)
    return sequence


def without_tempo() -> Any:
    sequence = trio_sequence()
    sequence.tempos[0].qpm = 0.0
    return sequence


def one_after_another() -> Any:
    sequence = trio_sequence()
    for note in sequence.notes:
        note.start_time += 6 * note.instrument
        note.end_time += 6 * note.instrument
    sequence.total_time = max(n.end_time for n in sequence.notes)
    return sequence


@pytest.mark.parametrize(
    ("sequence", "options", "reason"),
    [
        (NoteSequence(), {}, "empty"),
        (in_three(), {}, "other_meter"),
        (without_tempo(), {}, "bad_tempo"),
        (without(0), {}, "no_trio"),
        (without(1), {}, "no_trio"),
        (without(9), {}, "no_trio"),
        (trio_sequence(), {"slice_bars": 3}, "too_short"),
        (one_after_another(), {"gap_bars": 1}, "not_together"),
    ],
)
def test_reasons(sequence: Any, options: dict[str, Any], reason: str) -> None:
    converter = TrioConverter(**{"slice_bars": 2, **options})
    assert converter.convert(sequence) == ([], Counter({reason: 1}))


def test_other_meters() -> None:
    """Magenta's gives nothing here."""
    (example,) = TrioConverter(slice_bars=2, quarters_per_bar=3).to_tensors(in_three())[:1]
    assert example.length == 24


@pytest.mark.parametrize("options", [{"slice_bars": 0}, {"slice_bars": 1, "chord_encoding": "jazz"}])
def test_bad_options(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        TrioConverter(**options)

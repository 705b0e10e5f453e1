"""The drum converter: Magenta's examples and its NoteSequences back, round trips, the counts of real data."""

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

from common.errors import InputError
from preprocess.converters import create
from preprocess.converters.drums import DrumsConverter
from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES
from preprocess.groove_dataset import GrooveFiles, load_note_sequences, read_info, select
from preprocess.midi.reader import read_midi
from preprocess.note_sequence import NoteSequence
from tests.helpers.drum_sequences import backbeat, drum_sequence
from tests.helpers.magenta_scripts import run_original

ALL_CLASSES = [[pitch] for pitch in range(27, 88)]  # 61, as many as Magenta's FULL_DRUM_PITCH_CLASSES
ROLLS = {"roll_input": True, "roll_output": True}
OPTIONS: list[dict[str, Any]] = [
    {},
    {"slice_bars": 2},
    {"slice_bars": 4, "max_bars": 100, "roll_input": True},
    {"slice_bars": 2, "gap_bars": None},
    {"gap_bars": 0},
    {"gap_bars": 0.5},
    {"gap_bars": 2, "max_bars": 3},
    {"add_end_token": True},
    {"add_end_token": True, "roll_input": True, "slice_bars": 1},
    {"add_end_token": True, **ROLLS},
    {"roll_output": True},
    {"pitch_classes": ALL_CLASSES, "slice_bars": 2, **ROLLS},
    {"pitch_classes": ALL_CLASSES, "add_end_token": True, **ROLLS},
    {"pad_to_total_time": True},
    {"pad_to_total_time": True, "gap_bars": 0.5, "add_end_token": True},
    {"pad_to_total_time": True, "max_bars": 2},
    {"presplit_on_time_changes": False},
    {"presplit_on_time_changes": False, "slice_bars": 1, "pad_to_total_time": True},
    {"steps_per_quarter": 3, "quarters_per_bar": 3},
    {"steps_per_quarter": 2, "quarters_per_bar": 3, "slice_bars": 1},
]
TOKENS = st.lists(st.integers(0, 511), min_size=1, max_size=80)


def random_sequence(seed: int) -> Any:
    """Notes on and off the grid, of drums and others, with changes of tempo and meter here and there."""
    rng = random.Random(seed)
    sequence = NoteSequence(ticks_per_quarter=220, id=str(seed))
    length = rng.choice([1.0, 5.0, 20.0, 60.0])
    meters = rng.choice(
        [[(4, 4)], [(3, 4)], [(4, 4), (3, 4)], [(4, 4), (4, 4), (6, 8)], [(2, 2)], [(5, 7)], []]
    )
    for i, (numerator, denominator) in enumerate(meters):
        time = 0.0 if i == 0 and rng.random() < 0.8 else rng.uniform(0, length)
        sequence.time_signatures.add(time=time, numerator=numerator, denominator=denominator)
    for i in range(rng.choice([0, 1, 1, 1, 2, 3])):
        time = 0.0 if i == 0 and rng.random() < 0.8 else rng.uniform(0, length)
        sequence.tempos.add(time=time, qpm=rng.choice([60.0, 90.0, 120.0, 133.3]))
    for _ in range(rng.choice([0, 3, 20, 150])):
        start = rng.uniform(0, length)
        if rng.random() < 0.5:
            start = round(start * 8) / 8
        end = start + rng.choice([0.0, 0.01, 0.1, 0.125, 1.0])
        sequence.notes.add(
            pitch=rng.randint(20, 95),
            velocity=rng.choice([1, 80, 127]),
            start_time=start,
            end_time=end,
            is_drum=rng.random() < 0.9,
        )
    sequence.total_time = max((n.end_time for n in sequence.notes), default=0.0) + rng.choice([0.0, 0.0, 3.0])
    return sequence


@pytest.fixture(scope="module")
def sequences(data_dir: Callable[[str], Path]) -> list[Any]:
    files = sorted(data_dir("groove").rglob("*.mid"))[::39]
    return [read_midi(path) for path in files] + [random_sequence(seed) for seed in range(60)]


@pytest.fixture(scope="module")
def samples() -> dict[int, list[list[int]]]:
    """Random tokens for the way back, by option set."""
    rng = random.Random(0)
    chosen = {}
    for i, options in enumerate(OPTIONS):
        bits = len(options.get("pitch_classes", range(9)))
        chosen[i] = [
            [rng.choice([0, rng.getrandbits(bits), 1 << rng.randrange(bits)]) for _ in range(32)]
            for _ in range(4)
        ]
    return chosen


@pytest.fixture(scope="module")
def magenta(
    sequences: list[Any], samples: dict[int, list[list[int]]], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, np.ndarray]:
    """What Magenta's own converter makes of the same, from one process."""
    folder = tmp_path_factory.mktemp("magenta")
    return run_original(folder, "magenta_drums", sequences, {"options": OPTIONS, "samples": samples})


def packed(tensor: np.ndarray) -> tuple[tuple[int, ...], bytes]:
    return tensor.shape, np.packbits(tensor.astype(bool)).tobytes()


@pytest.mark.reference
@pytest.mark.parametrize("index", range(len(OPTIONS)), ids=lambda i: json.dumps(OPTIONS[i])[:60])
def test_examples_are_magentas(magenta: dict[str, np.ndarray], sequences: list[Any], index: int) -> None:
    converter = DrumsConverter(**OPTIONS[index])
    depths = [
        converter.input_depth,
        converter.output_depth,
        -1 if converter.end_token is None else converter.end_token,
    ]
    assert magenta[f"{index}/depths"].tolist() == depths
    found = 0
    for i, sequence in enumerate(sequences):
        dense = [converter.to_dense(example) for example in converter.to_tensors(sequence)]
        ours = Counter((packed(inputs), packed(outputs)) for inputs, outputs, _ in dense)
        theirs: Counter = Counter()
        for j in range(int(magenta[f"{index}/{i}/count"])):
            one = [
                (
                    tuple(magenta[f"{index}/{i}/{j}/{k}/shape"].tolist()),
                    magenta[f"{index}/{i}/{j}/{k}"].tobytes(),
                )
                for k in ("in", "out")
            ]
            theirs[one[0], one[1]] += 1
        assert ours == theirs, f"sequence {i}"
        found += sum(ours.values())
    assert found > 20, "the comparison must compare something"


@pytest.mark.reference
@pytest.mark.parametrize("index", range(len(OPTIONS)), ids=lambda i: json.dumps(OPTIONS[i])[:60])
def test_note_sequences_are_magentas(
    magenta: dict[str, np.ndarray], samples: dict[int, list[list[int]]], index: int
) -> None:
    converter = DrumsConverter(**OPTIONS[index])
    tokens = [np.array(s, dtype=converter.dtype) for s in samples[index]]
    examples = [converter.from_tensors([t])[0] for t in tokens]
    for i, sequence in enumerate(examples):
        ours = sorted((n.start_time, n.end_time, n.pitch, n.velocity, n.is_drum) for n in sequence.notes)
        theirs = sorted(map(tuple, magenta[f"{index}/back/{i}"].tolist()))
        np.testing.assert_allclose(ours, theirs, atol=1e-9)
        total, qpm = magenta[f"{index}/back/{i}/total"]
        assert sequence.total_time == pytest.approx(total) and sequence.tempos[0].qpm == qpm


@given(st.sampled_from([o for o in OPTIONS if "pitch_classes" not in o]), TOKENS)
def test_tokens_and_dense_tensors_give_the_same_notes(options: dict[str, Any], tokens: list[int]) -> None:
    converter = DrumsConverter(**options)
    array = np.array(tokens, dtype=converter.dtype)
    bits = (array[:, None] >> np.arange(9, dtype=converter.dtype)) & 1
    dense = np.zeros((len(tokens), converter.output_depth), dtype=np.float32)
    if converter.roll_output:
        dense[:, :9] = bits
    else:
        dense[np.arange(len(tokens)), tokens] = 1
    from_tokens, from_dense = converter.from_tensors([array])[0], converter.from_tensors([dense])[0]
    assert from_tokens == from_dense
    assert len(from_tokens.notes) == bits.sum()


@given(TOKENS)
def test_round_trip(tokens: list[int]) -> None:
    """A whole bar's length, sounding at both ends and without a silent bar: all of it comes back."""
    converter = DrumsConverter(gap_bars=None)
    array = np.array(tokens, dtype=np.uint16)
    array[0] |= 1
    padded = np.pad(array, (0, -len(array) % 16))
    last = np.flatnonzero(padded)[-1]
    padded = padded[: (last // 16 + 1) * 16]
    (example,) = converter.to_tensors(converter.from_tensors([padded])[0])
    np.testing.assert_array_equal(example.inputs, padded)
    assert example.length == len(padded) and example.outputs is example.inputs


@given(TOKENS, st.integers(0, 79))
def test_nothing_sounds_after_the_end(tokens: list[int], end: int) -> None:
    converter = DrumsConverter(add_end_token=True)
    assert converter.end_token == 512
    tokens.insert(min(end, len(tokens)), 512)
    (sequence,) = converter.from_tensors([np.array(tokens)])
    (expected,) = converter.from_tensors([np.array(tokens[: tokens.index(512)], dtype=np.int64)])
    assert sequence == expected


@given(st.integers(0, 10**9))
def test_examples_are_distinct_and_in_a_fixed_order(seed: int) -> None:
    converter, sequence = DrumsConverter(slice_bars=1), random_sequence(seed)
    first = [e.inputs.tobytes() for e in converter.to_tensors(sequence)]
    assert first == [e.inputs.tobytes() for e in DrumsConverter(slice_bars=1).to_tensors(sequence)]
    if all(event.time == 0 for event in (*sequence.tempos, *sequence.time_signatures)):
        assert len(set(first)) == len(first)


def test_order_is_that_of_first_appearance() -> None:
    bars = [1, 2, 1, 2, 3]
    sequence = drum_sequence([(16 * i, REDUCED_DRUM_CLASSES[bar].pitch, 90, 1) for i, bar in enumerate(bars)])
    examples = DrumsConverter(slice_bars=1).to_tensors(sequence)
    assert [int(e.inputs[0]) for e in examples] == [2, 4, 8]


def meter(numerator: int, denominator: int) -> Any:
    sequence = backbeat(4)
    sequence.time_signatures.add(numerator=numerator, denominator=denominator)
    return sequence


def negative() -> Any:
    sequence = backbeat(4)
    sequence.notes[0].start_time = -5.0
    return sequence


def tempo_change() -> Any:
    sequence = backbeat(4)
    sequence.tempos.add(time=2.0, qpm=90.0)
    return sequence


@pytest.mark.parametrize(
    ("sequence", "options", "reason"),
    [
        (NoteSequence(), {}, "empty"),
        (meter(3, 4), {}, "other_meter"),
        (meter(4, 5), {}, "bad_time_signature"),
        (meter(4, 0), {}, "bad_time_signature"),
        (drum_sequence([(0, 20, 90, 1)]), {}, "no_drums"),
        (backbeat(3), {"slice_bars": 4}, "too_short"),
        (tempo_change(), {"presplit_on_time_changes": False}, "time_changes"),
        (negative(), {"presplit_on_time_changes": False}, "negative_time"),
    ],
)
def test_reasons(sequence: Any, options: dict[str, Any], reason: str) -> None:
    assert DrumsConverter(**options).convert(sequence) == ([], Counter({reason: 1}))


@pytest.mark.parametrize(
    "spec",
    [
        {"name": "drumz"},
        {},
        {"name": "drums", "bars": 4},
        {"name": "drums", "steps_per_quarter": 0},
        {"name": "drums", "pitch_classes": [[i] for i in range(63)]},
    ],
)
def test_bad_specs(spec: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        create(spec)
    assert caught.value.reason == "bad_converter"


@pytest.mark.parametrize(("split", "files", "examples"), [("train", 368, 13202), ("validation", 46, 1830)])
def test_counts_of_groove(data_dir: Callable[[str], Path], split: str, files: int, examples: int) -> None:
    """Of note-seq's readings, which drop hits of no length, they are 13,220 and 1,834."""
    folder = data_dir("groove")
    rows = select(read_info(folder / "info.csv"), split=split, beat_types=["beat"], time_signatures=["4-4"])
    with GrooveFiles(folder) as groove:
        sequences = load_note_sequences(rows, groove).note_sequences
    converter = DrumsConverter(max_bars=100, slice_bars=4, roll_input=True, max_tensors_per_notesequence=None)
    assert len(sequences) == files
    assert sum(len(converter.to_tensors(sequence)) for sequence in sequences) == examples

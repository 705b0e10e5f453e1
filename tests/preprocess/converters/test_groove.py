"""The groove converter: Magenta's tensors and its notes back, round trips, what is done better."""

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
from hypothesis.extra.numpy import arrays

from preprocess.converters.groove import GrooveConverter
from preprocess.midi.reader import read_midi
from preprocess.note_sequence import NoteSequence
from tests.helpers.drum_sequences import backbeat, drum_sequence
from tests.helpers.magenta_scripts import run_original

CLASSES = {"pitch_classes": "roland", "inference_pitch_classes": "reduced"}
TWO_BARS = {"split_bars": 2, **CLASSES}
TAPS = {**TWO_BARS, "tapify": True, "fixed_velocities": True}
BINS = {"num_velocity_bins": 8, "num_offset_bins": 10}
OPTIONS: list[dict[str, Any]] = [
    {"split_bars": 4, **CLASSES},  # groovae_4bar
    {**TWO_BARS, "humanize": True},  # groovae_2bar_humanize
    TAPS,  # groovae_2bar_tap_fixed_velocity
    {**TAPS, "max_note_dropout_probability": 0.8},  # groovae_2bar_tap_fixed_velocity_note_dropout
    {**TWO_BARS, "add_instruments": [2]},  # groovae_2bar_add_closed_hh
    {**TWO_BARS, "hits_as_controls": True},  # groovae_2bar_hits_control_tfds
    {**TWO_BARS, "inference": True},
    {},
    {"max_note_dropout_probability": 0.5, "humanize": True},
    {"split_bars": 2, "hop_size": 16, "pitch_classes": "reduced"},
    {"split_bars": 1, "hop_size": 5, "add_instruments": [0, 3], "tapify": True},
    {"split_bars": 2, "split_instruments": True},
    {"split_bars": 1, "split_instruments": True, "hits_as_controls": True, "hop_size": 8},
    {"split_bars": 2, **BINS},
    {"split_bars": 2, "split_instruments": True, **BINS, "hits_as_controls": True},
    {"split_bars": 1, **BINS, "humanize": True, "max_note_dropout_probability": 1.0},
    {"pitch_classes": [[36], [38, 37, 40], [42, 44, 46], [49], [51, 36]], "steps_per_quarter": 3},
    {"steps_per_quarter": 2, "quarters_per_bar": 3, "split_bars": 1},
]
SAMPLES = 3


def random_sequence(seed: int) -> Any:
    """Drums on and off the grid, doubled ones and strangers among them, here and there in another meter."""
    rng = random.Random(seed)
    sequence = NoteSequence(ticks_per_quarter=220, id=str(seed))
    length = rng.choice([1.0, 9.0, 20.0])
    meters = rng.choice([[(4, 4)], [(4, 4)], [], [(3, 4)], [(3, 4)], [(4, 4), (3, 4)], [(2, 2)], [(5, 7)]])
    for i, (numerator, denominator) in enumerate(meters):
        sequence.time_signatures.add(time=i * length / 2, numerator=numerator, denominator=denominator)
    for i in range(rng.choice([0, 1, 1, 1, 2])):
        sequence.tempos.add(time=i * length / 2, qpm=rng.choice([60.0, 120.0, 133.3]))
    for _ in range(rng.choice([0, 3, 20, 150])):
        start = rng.choice([rng.uniform(0, length), rng.randrange(int(length * 16)) / 16])
        sequence.notes.add(
            pitch=rng.choice([36, 38, 40, 42, 46, 45, 49, 51, rng.randint(20, 95)]),
            velocity=rng.choice([1, 80, 80, 127, rng.randint(1, 127)]),
            start_time=start,
            end_time=start + rng.choice([0.0, 0.01, 0.1, 1.0]),
            is_drum=rng.random() < 0.9,
        )
    sequence.total_time = max((n.end_time for n in sequence.notes), default=0.0) + rng.choice([0.0, 3.0])
    return sequence


def build(options: dict[str, Any]) -> tuple[GrooveConverter, bool]:
    """The converter, and whether it is asked by a trained model."""
    options = dict(options)
    inference = options.pop("inference", False)
    return GrooveConverter(**options), inference


@pytest.fixture(scope="module")
def sequences(data_dir: Callable[[str], Path]) -> list[Any]:
    files = sorted(data_dir("groove").rglob("*.mid"), key=lambda path: (path.stat().st_size, path.name))
    return [read_midi(path) for path in files[100:-200:40]] + [random_sequence(seed) for seed in range(40)]


@pytest.fixture(scope="module")
def samples() -> dict[str, np.ndarray]:
    """Random numbers for the way back, by option set; velocities and offsets also out of range."""
    rng = np.random.default_rng(0)
    chosen = {}
    for index, options in enumerate(OPTIONS):
        converter, _ = build(options)
        for i in range(SAMPLES):
            sample = rng.uniform(-0.2, 1.1, (9 * 18, converter.output_depth))
            sample[rng.random(sample.shape) < 0.3] *= -1
            chosen[f"{index}/{i}"] = sample
    return chosen


@pytest.fixture(scope="module")
def magenta(
    sequences: list[Any], samples: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, np.ndarray]:
    """What Magenta's own converter makes of the same, from one process."""
    folder = tmp_path_factory.mktemp("magenta")
    np.savez(folder / "samples.npz", **samples)  # type: ignore[arg-type]
    task = {"converter": "groove", "options": OPTIONS, "samples": SAMPLES}
    return run_original(folder, "magenta_groove", sequences, task)


@pytest.mark.reference
@pytest.mark.parametrize("index", range(len(OPTIONS)), ids=lambda i: json.dumps(OPTIONS[i])[:60])
def test_examples_are_magentas(magenta: dict[str, np.ndarray], sequences: list[Any], index: int) -> None:
    converter, inference = build(OPTIONS[index])
    depths = [converter.input_depth, converter.output_depth, converter.control_depth]
    assert magenta[f"{index}/depths"].tolist() == depths
    found = 0
    for i, sequence in enumerate(sequences):
        examples, _ = converter.convert(sequence, np.random.default_rng(i), inference=inference)
        assert len(examples) == magenta[f"{index}/{i}/count"], f"sequence {i}"
        for j, example in enumerate(examples):
            inputs, outputs, controls = converter.to_dense(example)
            key = f"{index}/{i}/{j}"
            assert inputs.dtype == outputs.dtype == np.float32
            np.testing.assert_array_equal(inputs, magenta[f"{key}/in"], key)
            np.testing.assert_array_equal(outputs, magenta[f"{key}/out"], key)
            assert example.length == magenta[f"{key}/length"] == len(outputs)
            assert controls.shape == (len(outputs), converter.control_depth)
            if controls.size:
                np.testing.assert_array_equal(np.packbits(controls), magenta[f"{key}/control"], key)
        found += len(examples)
    assert found >= 10, "the comparison must compare something"


@pytest.mark.reference
@pytest.mark.parametrize("index", range(len(OPTIONS)), ids=lambda i: json.dumps(OPTIONS[i])[:60])
def test_note_sequences_are_magentas(
    magenta: dict[str, np.ndarray], samples: dict[str, np.ndarray], index: int
) -> None:
    converter, inference = build(OPTIONS[index])
    for i in range(SAMPLES):
        sample = samples[f"{index}/{i}"]
        if converter.num_velocity_bins and not converter.split_instruments:
            sample = sample[: len(sample) // 9]  # where the original ends
        (sequence,) = converter.from_tensors([sample], inference=inference)
        theirs = magenta[f"{index}/back/{i}"]
        theirs[:, 0] = np.maximum(theirs[:, 0], 0.0)
        ours = [
            (n.start_time, n.end_time, n.pitch, n.velocity, n.instrument, n.program, n.is_drum)
            for n in sequence.notes
        ]
        assert len(ours) > 10
        np.testing.assert_allclose(sorted(ours), sorted(map(tuple, theirs.tolist())), atol=1e-9)
        assert sequence.total_time == max(n.end_time for n in sequence.notes)
        assert sequence.tempos[0].qpm == 120.0


@st.composite
def grooves(draw: st.DrawFn) -> np.ndarray:
    """Two bars `[32, 27]` as the converter writes them, a hit in the last bar."""
    hits = draw(arrays(bool, (32, 9)))
    hits[draw(st.integers(16, 31)), draw(st.integers(0, 8))] = True
    velocities = draw(arrays(np.int64, (32, 9), elements=st.integers(1, 127))) / 127
    offsets = draw(arrays(np.int64, (32, 9), elements=st.integers(-98, 98))) / 100
    offsets[0] = np.minimum(offsets[0], 0)  # nothing is ahead of the start
    return np.concatenate([hits, velocities * hits, offsets * hits], axis=1).astype(np.float32)


@settings(max_examples=30)
@given(grooves())
def test_round_trip(groove: np.ndarray) -> None:
    converter = GrooveConverter(split_bars=2)
    (sequence,) = converter.from_tensors([groove])
    (example,) = converter.to_tensors(sequence)
    np.testing.assert_allclose(example.outputs, groove, atol=1e-5)
    assert example.inputs is example.outputs and example.length == 32 and example.controls is None


@settings(max_examples=30)
@given(grooves())
def test_round_trip_with_split_instruments(groove: np.ndarray) -> None:
    converter = GrooveConverter(split_bars=2, split_instruments=True)
    split = groove.reshape(32, 3, 9).transpose(0, 2, 1).reshape(-1, 3)
    (sequence,) = converter.from_tensors([split])
    assert sequence == GrooveConverter().from_tensors([groove])[0]
    (example,) = converter.to_tensors(sequence)
    np.testing.assert_allclose(example.outputs, split, atol=1e-5)
    assert example.controls is not None
    np.testing.assert_array_equal(example.controls.argmax(axis=1), np.tile(np.arange(9), 32))


@given(st.integers(0, 10**9))
def test_one_hot_bins_play_near_what_they_were(seed: int) -> None:
    rng = np.random.default_rng(seed)
    hits = [(int(step), 36, int(rng.integers(1, 128)), 1) for step in rng.permutation(32)[:9]]
    sequence = drum_sequence(hits)
    converter = GrooveConverter(num_velocity_bins=64, num_offset_bins=65)
    (example,) = converter.to_tensors(sequence)
    assert example.outputs.sum() >= 27 and set(np.unique(example.outputs)) == {0.0, 1.0}
    (back,) = converter.from_tensors([example.outputs])
    ours = [(n.start_time, n.velocity) for n in back.notes]
    theirs = sorted((n.start_time, n.velocity) for n in sequence.notes)
    np.testing.assert_allclose(ours, theirs, atol=3)
    np.testing.assert_allclose([t for t, _ in ours], [t for t, _ in theirs], atol=0.01)


def test_strangers_are_left_out() -> None:
    sequence = backbeat(2)
    expected = GrooveConverter().to_tensors(sequence)
    sequence.notes.add(pitch=20, velocity=127, start_time=1.0, end_time=1.1, is_drum=True)
    sequence.notes.add(pitch=36, velocity=127, start_time=1.1, end_time=9.9, is_drum=False)
    before = sequence.SerializeToString()
    for ours, theirs in zip(GrooveConverter().to_tensors(sequence), expected, strict=True):
        np.testing.assert_array_equal(ours.outputs, theirs.outputs)
    assert sequence.SerializeToString() == before


def test_a_hit_ahead_of_the_start_starts_at_0() -> None:
    sample = np.zeros((16, 27), dtype=np.float32)
    sample[0, [0, 9, 18]] = 1.0
    (sequence,) = GrooveConverter().from_tensors([sample])
    (note,) = sequence.notes
    assert (note.start_time, note.end_time, note.velocity) == (0.0, 0.0625, 127)
    assert sequence.total_time == 0.0625


def test_pitches_of_training_and_inference() -> None:
    converter = GrooveConverter(**CLASSES)
    sequence = drum_sequence([(0, 45, 100, 1), (1, 41, 100, 1)])
    training, inference = (converter.to_tensors(sequence, inference=flag)[0] for flag in (False, True))
    assert [np.flatnonzero(row[:9]).tolist() for row in training.outputs[:2]] == [[5], []]
    assert [np.flatnonzero(row[:9]).tolist() for row in inference.outputs[:2]] == [[4], [4]]
    sample = np.zeros((1, 27))
    sample[0, 4] = 1.0
    pitches = [converter.from_tensors([sample], inference=flag)[0].notes[0].pitch for flag in (False, True)]
    assert pitches == [43, 45]


def test_dropout_draws_from_the_generator_only() -> None:
    converter, sequence = GrooveConverter(max_note_dropout_probability=1.0), backbeat(8, every=1)
    (whole,) = converter.to_tensors(sequence)
    assert whole.inputs is whole.outputs
    lacking = []
    for seed in range(50):
        ((example,), _), ((again,), _) = (
            converter.convert(sequence, np.random.default_rng(seed)) for _ in range(2)
        )
        np.testing.assert_array_equal(example.inputs, again.inputs)
        np.testing.assert_array_equal(example.outputs, whole.outputs)
        assert (example.inputs[:, :9] <= whole.outputs[:, :9]).all()
        lacking.append(1 - example.inputs[:, :9].sum() / whole.outputs[:, :9].sum())
    # Velocities of 70 to 100 of 127 give weights of 0.45 to 0.21; half of that on average.
    assert 0.1 < np.mean(lacking) < 0.25


def timed(**changes: Any) -> Any:
    sequence = backbeat(4)
    for name, values in changes.items():
        getattr(sequence, name).add(**values)
    return sequence


def negative() -> Any:
    sequence = backbeat(4)
    sequence.notes[0].start_time = -5.0
    return sequence


def without_speed() -> Any:
    sequence = backbeat(4)
    sequence.tempos[0].qpm = 0.0
    return sequence


@pytest.mark.parametrize(
    ("sequence", "options", "reason"),
    [
        (NoteSequence(), {}, "empty"),
        (drum_sequence([(0, 20, 90, 1)]), {}, "no_drums"),
        (backbeat(3), {"split_bars": 4}, "too_short"),
        (timed(tempos={"time": 2.0, "qpm": 90.0}), {}, "time_changes"),
        (timed(time_signatures={"time": 2.0, "numerator": 3, "denominator": 4}), {}, "time_changes"),
        (timed(time_signatures={"numerator": 3, "denominator": 4}), {}, "other_meter"),
        (timed(time_signatures={"numerator": 4, "denominator": 5}), {}, "bad_time_signature"),
        (timed(time_signatures={"numerator": 4, "denominator": 0}), {}, "bad_time_signature"),
        (without_speed(), {}, "bad_tempo"),
        (negative(), {}, "negative_time"),
    ],
)
def test_reasons(sequence: Any, options: dict[str, Any], reason: str) -> None:
    assert GrooveConverter(**options).convert(sequence) == ([], Counter({reason: 1}))


@pytest.mark.parametrize(
    "options",
    [
        {"pitch_classes": "tabla"},
        {"inference_pitch_classes": [[36]]},
        {"num_velocity_bins": 8},
        {"num_velocity_bins": 1, "num_offset_bins": 8},
        {"hop_size": 16},
        {"split_bars": 2, "hop_size": 0},
        {"split_bars": 0},
        {"steps_per_quarter": 0},
        {"pitch_classes": [[36], [38]], "tapify": True},
        {"add_instruments": [9]},
        {"max_note_dropout_probability": 1.5},
    ],
)
def test_bad_options(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        GrooveConverter(**options)

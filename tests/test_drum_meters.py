"""Drums in 3/4, 6/8, 12/8 and on triplets: what the configs take, what they leave, and the MIDI that they write."""

from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import configs
from patterns.notation import beat_to_note_sequence, load_all
from preprocess.converters import create
from preprocess.converters.segments import lies_on_triplets
from preprocess.groove_dataset import GrooveFiles, load_note_sequences, read_info, select
from preprocess.midi.reader import read_midi
from render.clips import in_meter_of
from render.midi import Style, midi_bytes
from tests.helpers.drum_sequences import backbeat, drum_sequence

METERS = {"3-4": (3, 4), "6-8": (6, 8), "12-8": (12, 8), "triplets": (4, 4)}
TOKENS = st.lists(st.integers(0, 511), min_size=48, max_size=48).filter(lambda t: any(t[:12]) and any(t[36:]))


def converter_of(name: str) -> Any:
    return configs.get_config(f"hierdec-drum_4bar_{name}_small").build_converter()


def silent_bar(tokens: list[int]) -> bool:
    hits = np.flatnonzero(tokens)
    return bool((np.diff(hits) > 12).any())


@pytest.mark.parametrize("name", METERS)
@given(tokens=TOKENS)
def test_a_sample_comes_back_from_the_midi_file_in_its_meter(name: str, tokens: list[int]) -> None:
    converter = converter_of(name)
    (sequence,) = converter.from_tensors([np.array(tokens)])
    style = in_meter_of(Style(qpm=97), converter)
    assert style.time_signature == METERS[name]
    played = read_midi(midi_bytes(sequence, style, converter.bars_of(len(tokens))))
    signature = played.time_signatures[0]
    assert (signature.numerator, signature.denominator) == METERS[name]
    assert [(t.numerator, t.denominator) for t in sequence.time_signatures] == [METERS[name]]
    examples, reasons = converter.convert(played)
    if examples:
        assert [e.outputs.tolist() for e in examples] == [tokens]
    else:  # a silent bar cuts it, and hits on the quarters alone are no triplets
        on_quarters = name == "triplets" and not any(t for i, t in enumerate(tokens) if i % 3)
        assert silent_bar(tokens) or on_quarters, reasons


@pytest.mark.parametrize("name", METERS)
def test_music_in_another_meter_is_dropped(name: str) -> None:
    counted: Counter[str] = Counter()
    for meter in (*METERS.values(), (2, 4), (5, 8)):
        sequence = drum_sequence([(i, 36, 80, 1) for i in range(0, 24 * 8, 2)])
        sequence.time_signatures.add(numerator=meter[0], denominator=meter[1])
        examples, reasons = converter_of(name).convert(sequence)
        assert bool(examples) == (meter == METERS[name] and name != "triplets"), meter
        counted += reasons
    assert counted["other_meter"] == 5
    assert counted["other_grid"] == (name == "triplets")


@pytest.mark.parametrize(("steps", "takes"), [(3, True), (4, False)])
def test_triplets_are_told_from_sixteenths(steps: int, takes: bool) -> None:
    rng = np.random.default_rng(0)
    quarters = np.concatenate([np.arange(32), np.arange(32 * steps) / steps])
    played = quarters + rng.normal(0, 0.03, len(quarters))
    assert lies_on_triplets(quarters) is takes and lies_on_triplets(played) is takes
    assert lies_on_triplets(np.arange(8.0)) is None and lies_on_triplets(np.zeros(0)) is None
    sequence = drum_sequence([])
    for start in np.maximum(played, 0):
        sequence.notes.add(
            pitch=36, velocity=80, start_time=start / 2, end_time=start / 2 + 0.1, is_drum=True
        )
    sequence.total_time = 16.2
    examples, reasons = converter_of("triplets").convert(sequence)
    assert bool(examples) is takes and reasons["other_grid"] == (not takes)
    straight = create({"name": "drums", "slice_bars": 4, "only_on_grid": True})
    assert bool(straight.convert(sequence)[0]) is not takes
    assert straight.convert(backbeat(4, every=4))[0]  # what lies on quarters lies on sixteenths


@pytest.mark.parametrize("name", METERS)
def test_our_beats_come_back_as_they_are_written(name: str) -> None:
    converter = converter_of(name)
    written = [b for b in load_all() if b.time_signature == METERS[name] and b.steps_per_bar == 12]
    assert len(written) >= 12
    for beat in written:
        examples, reasons = converter.convert(beat_to_note_sequence(beat))
        assert len(examples) == 1, (beat.name, reasons)
        struck = np.flatnonzero(np.array(beat.hits).any(axis=0))
        assert np.flatnonzero(examples[0].outputs).tolist() == struck.tolist(), beat.name


def test_bars_of_twelve_steps_are_as_long_as_their_meter() -> None:
    for name, (numerator, denominator) in METERS.items():
        converter = converter_of(name)
        assert converter.steps_per_bar == 12
        assert Fraction(12, converter.steps_per_quarter * 4) == Fraction(numerator, denominator)
        assert configs.get_config(f"hierdec-drum_4bar_{name}_small").hparams.max_seq_len == 48


@pytest.mark.slow
def test_what_groove_has_in_them_is_as_little_as_the_notes_say(data_dir: Any) -> None:
    folder = data_dir("groove")
    with GrooveFiles(folder) as files:
        rows = select(read_info(folder), split="train", beat_types=["beat"])
        sequences = load_note_sequences(rows, files).note_sequences
    counts = {}
    for name in METERS:
        examples = [converter_of(name).to_tensors(sequence) for sequence in sequences]
        counts[name] = (sum(map(bool, examples)), sum(map(len, examples)))
    assert counts == {"3-4": (4, 376), "6-8": (4, 70), "12-8": (0, 0), "triplets": (42, 1592)}

"""Piano rolls: the way back gives the same roll, tempo moves nothing, examples are windows of the piece."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from common.errors import InputError
from preprocess import converters
from preprocess.converters.pianoroll import PianorollConverter
from preprocess.dataset import load_examples
from preprocess.keyboard import KEYS, LOWEST_PITCH
from preprocess.midi.reader import read_midi
from preprocess.note_sequence import NoteSequence
from preprocess.piano_rolls import clock, piano_roll, quarters, to_note_sequence
from preprocess.preprocess_tfrecord import main as preprocess
from preprocess.tfrecord import RecordWriter
from tests.preprocess.test_piano_rolls import CELLS, assert_same, piece

CONFIG = """base = "hierdec-drum_4bar"
[encoder]
name = "bidirectional_lstm"
[decoder]
name = "boolean_lstm"
[converter]
name = "pianoroll"
slice_bars = 2
representation = "sounding"
shorter_bars = true
clock_bits = 6
"""


@given(CELLS)
def test_struck_and_sounding_rolls_alone_come_back(cells: np.ndarray) -> None:
    high = LOWEST_PITCH + cells.shape[1] - 1
    for name in ("struck", "sounding"):
        converter = PianorollConverter(representation=name, max_pitch=high)
        (sequence,) = converter.from_tensors([cells])
        roll = piano_roll(sequence, highest_pitch=high, frames=len(cells))
        np.testing.assert_array_equal(roll.onsets if name == "struck" else roll.sounding, cells)


def test_tempo_changes_move_no_note() -> None:
    steady = [(0, 60, 3), (7, 62, 1), (16, 64, 16), (35, 40, 2)]
    changing = piece(*steady, qpm=90.0)
    # From the second bar on twice as fast, which halves what is left of every time.
    bar = 16 * 15.0 / 90.0
    changing.tempos.add(time=bar, qpm=180.0)
    for note in changing.notes:
        note.start_time, note.end_time = (
            min(t, bar) + max(0, t - bar) / 2 for t in (note.start_time, note.end_time)
        )
    changing.total_time = max(n.end_time for n in changing.notes)
    assert quarters(changing, np.array([bar / 2, bar, bar + 1.0])).tolist() == [2.0, 4.0, 7.0]
    assert_same(piano_roll(changing), piano_roll(piece(*steady)))
    for converter in (PianorollConverter(), PianorollConverter("sounding", slice_bars=1)):
        ours, theirs = (converter.to_tensors(s) for s in (changing, piece(*steady)))
        assert [e.inputs.tolist() for e in ours] == [e.inputs.tolist() for e in theirs]


def test_drums_silent_notes_and_other_pitches_are_left_out() -> None:
    sequence = piece((0, 60, 4), (0, 20, 4), (0, 109, 4), (1, 61, 4), (2, 62, 4))
    sequence.notes[3].is_drum, sequence.notes[4].velocity = True, 0
    assert np.argwhere(piano_roll(sequence).onsets).tolist() == [[0, 39]]
    (example,) = PianorollConverter().to_tensors(sequence)
    assert np.argwhere(example.inputs).tolist() == [[0, 39]] and example.inputs.shape == (16, KEYS)


def test_impossible_times_are_refused() -> None:
    for note, reason in (((-2, 60, 1), "negative_time"), ((2**19, 60, 1), "too_long")):
        with pytest.raises(InputError) as error:
            piano_roll(piece(note))
        assert error.value.reason == reason
    assert PianorollConverter().convert(piece((0, 60, 1), (2**19, 60, 1))) == ([], {"too_long": 1})


def test_windows_move_by_bars_and_are_distinct() -> None:
    notes = [(16 * bar, 60, 4) for bar in (1, 2, 3, 4)] + [(16 * 8, 62, 20)]
    struck = PianorollConverter(slice_bars=2).to_tensors(piece(*notes))
    # Bars 1 to 8: twice C (three windows alike), C and a rest, two rests (left out, twice), a rest and D.
    assert [np.argwhere(e.inputs).tolist() for e in struck] == [[[0, 39], [16, 39]], [[0, 39]], [[16, 41]]]
    sounding = PianorollConverter(slice_bars=2, representation="sounding").to_tensors(piece(*notes))
    assert [int(e.inputs.sum()) for e in sounding] == [8, 4, 16, 20]
    assert all(e.length == 32 and e.outputs is e.inputs and e.inputs.dtype == bool for e in struck + sounding)


def test_meters_are_stretches_of_their_own() -> None:
    sequence = piece((0, 60, 4), (16, 62, 4), (16 + 12, 64, 4))
    sequence.time_signatures.add(time=2.0, numerator=3, denominator=4)
    sequence.time_signatures.add(time=3.5, numerator=2, denominator=4)
    examples, reasons = PianorollConverter().convert(sequence)
    assert len(examples) == 1 and reasons == {"other_meter": 2}
    examples, reasons = PianorollConverter(shorter_bars=True).convert(sequence)
    assert len(examples) == 2 and reasons == {"other_meter": 1}


def test_reasons() -> None:
    def reasons(sequence: Any, **options: Any) -> dict[str, int]:
        examples, counted = PianorollConverter(**options).convert(sequence)
        assert not examples
        return dict(counted)

    assert reasons(NoteSequence()) == {"empty": 1}
    assert reasons(piece((0, 20, 4))) == {"no_notes": 1}
    assert reasons(piece((0, 60, 16)), slice_bars=2) == {"too_short": 1}
    assert reasons(piece((0, 60, 16), meter=(3, 4))) == {"other_meter": 1}
    assert reasons(piece((0, 60, 16), meter=(4, 5))) == {"bad_time_signature": 1}


@pytest.mark.parametrize(
    "options",
    [{"representation": "held"}, {"min_pitch": 90, "max_pitch": 80}, {"slice_bars": 0}, {"clock_bits": 17}],
)
def test_impossible_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="pianoroll"):
        converters.create({"name": "pianoroll", **options})


def test_tensors_have_one_more_input_for_silence_and_the_clock_as_control() -> None:
    converter = converters.create({"name": "pianoroll", "clock_bits": 6, "slice_bars": 1})
    (example,) = converter.to_tensors(piece((3, 60, 1), (5, 108, 1)))
    inputs, outputs, controls = converter.to_dense(example)
    assert (inputs.shape[1], outputs.shape[1], controls.shape[1]) == (89, 88, 6)
    assert (converter.input_depth, converter.output_depth, converter.control_depth) == (89, 88, 6)
    assert converter.output_depths == (88,) and converter.input_form == converter.output_form == "dense_roll"
    assert np.flatnonzero(~inputs[:, -1]).tolist() == [3, 5]
    assert controls.tolist() == clock(16).tolist()


@pytest.mark.parametrize("name", ["joplin_rags", "chorales", "mutopia_piano"])
def test_real_pieces_come_back(data_dir: Callable[[str], Path], name: str) -> None:
    """Roll, NoteSequence, roll; and the windows of a piece are pieces of its roll."""
    files = sorted(data_dir(name).rglob("*.mid"))
    for path in files[:: max(1, len(files) // 12)]:
        sequence = read_midi(path)
        roll = piano_roll(sequence)
        notes = {(n.pitch, round(n.start_time, 6)) for n in sequence.notes}
        assert 0.9 * len(notes) < roll.onsets.sum() <= len(notes)
        assert_same(piano_roll(to_note_sequence(roll), frames=len(roll.onsets)), roll)
        padded = np.pad(roll.onsets, ((0, 64), (0, 0)))
        windows = {padded[i : i + 64].tobytes() for i in range(len(padded) - 63)}
        examples = PianorollConverter(slice_bars=4, shorter_bars=True).to_tensors(sequence)
        if len(sequence.time_signatures) == 1:
            assert {e.inputs.tobytes() for e in examples} <= windows
        if name != "mutopia_piano":
            assert examples


def test_shards_of_preprocess_tfrecord_are_those_of_memory(
    data_dir: Callable[[str], Path], tmp_path: Path
) -> None:
    import configs

    source, toml = tmp_path / "rags.tfrecord", tmp_path / "mine.toml"
    toml.write_text(CONFIG, encoding="utf-8")
    with RecordWriter(source) as writer:
        for path in sorted(data_dir("joplin_rags").glob("*.mid"))[:3]:
            sequence = read_midi(path)
            sequence.filename = path.name
            writer.write(sequence.SerializeToString())
    flags = [f"--input_tfrecord={source}", f"--output_tfrecord={tmp_path}/shard", f"--config={toml}"]
    assert preprocess([*flags, "--output_shards=2", "--num_processes=1"]) == 0
    config = configs.get_config(str(toml))
    converter, spec = config.build_converter(), config.converter_spec
    memory, shards = (
        load_examples(str(pattern), converter, spec, max_steps=32)
        for pattern in (source, tmp_path / "shard-*-of-00002")
    )
    assert len(shards) == len(memory) > 100 and shards.inputs.shape[1:] == (32, KEYS)
    assert {x.tobytes() for x in shards.inputs} == {x.tobytes() for x in memory.inputs}
    assert shards.inputs.dtype == bool and shards.outputs is None
    batch = shards.batch(slice(4))
    assert {name: (x.shape, x.dtype.name) for name, x in batch.items()} == {
        "inputs": ((4, 32, KEYS), "uint8"),
        "controls": ((4, 32, 6), "uint8"),
        "lengths": ((4,), "int32"),
    }

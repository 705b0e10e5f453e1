"""Piano rolls: the way back gives the same roll, tempo moves nothing, examples are windows of the piece."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from common.errors import InputError
from preprocess import converters
from preprocess.converters.pianoroll import (
    VELOCITY_SCALE,
    PianorollConverter,
    Roll,
    clock,
    piano_roll,
    quarters,
    to_note_sequence,
)
from preprocess.dataset import load_examples
from preprocess.keyboard import KEYS, LOWEST_PITCH
from preprocess.midi.reader import read_midi
from preprocess.note_sequence import NoteSequence
from preprocess.preprocess_tfrecord import main as preprocess
from preprocess.tfrecord import RecordWriter
from render.midi import Style, midi_bytes

CELLS = hnp.arrays(bool, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40))
QPMS = st.sampled_from([60.0, 97.0, 120.0, 133.3, 240.0])
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


@st.composite
def rolls(draw: st.DrawFn) -> Roll:
    """Whole rolls of up to 40 frames and keys: what is struck sounds, with velocities from 1 to 127."""
    sounding = draw(CELLS)
    onsets = draw(hnp.arrays(bool, sounding.shape)) | Roll.of_sounding(sounding).onsets
    velocities = draw(hnp.arrays(np.int64, sounding.shape, elements=st.integers(1, 127)))
    onsets &= sounding
    return Roll(onsets, sounding, (velocities * onsets / VELOCITY_SCALE).astype(np.float32))


def piece(*notes: tuple[int, int, int], qpm: float = 120.0, meter: tuple[int, int] = (4, 4)) -> Any:
    """A NoteSequence of `(first sixteenth, pitch, sixteenths)`."""
    sequence = NoteSequence(ticks_per_quarter=220)
    sequence.tempos.add(qpm=qpm)
    sequence.time_signatures.add(numerator=meter[0], denominator=meter[1])
    seconds = 15.0 / qpm
    for step, pitch, length in notes:
        sequence.notes.add(
            start_time=step * seconds, end_time=(step + length) * seconds, pitch=pitch, velocity=64
        )
    sequence.total_time = max((n.end_time for n in sequence.notes), default=0.0)
    return sequence


def assert_same(ours: Roll, theirs: Roll) -> None:
    np.testing.assert_array_equal(ours.onsets, theirs.onsets)
    np.testing.assert_array_equal(ours.sounding, theirs.sounding)
    if theirs.velocities is not None:
        np.testing.assert_array_equal(ours.velocities, theirs.velocities)


@given(rolls(), QPMS)
def test_a_roll_comes_back_from_a_note_sequence(roll: Roll, qpm: float) -> None:
    frames, keys = roll.onsets.shape
    sequence = to_note_sequence(roll, qpm=qpm)
    assert_same(piano_roll(sequence, highest_pitch=LOWEST_PITCH + keys - 1, frames=frames), roll)


@settings(max_examples=40)
@given(rolls(), QPMS)
def test_a_roll_comes_back_from_a_midi_file(roll: Roll, qpm: float) -> None:
    frames, keys = roll.onsets.shape
    data = midi_bytes(to_note_sequence(roll), Style(qpm=qpm))
    assert_same(piano_roll(read_midi(data), highest_pitch=LOWEST_PITCH + keys - 1, frames=frames), roll)


@given(CELLS)
def test_struck_and_sounding_rolls_alone_come_back(cells: np.ndarray) -> None:
    high = LOWEST_PITCH + cells.shape[1] - 1
    for name in ("struck", "sounding"):
        converter = PianorollConverter(representation=name, max_pitch=high)
        (sequence,) = converter.from_tensors([cells])
        roll = piano_roll(sequence, highest_pitch=high, frames=len(cells))
        np.testing.assert_array_equal(roll.onsets if name == "struck" else roll.sounding, cells)


def test_a_held_key_is_one_note_until_it_is_struck_again() -> None:
    sounding, onsets = np.zeros((2, 8, 2), bool)
    sounding[1:7, 0] = onsets[[1, 4], 0] = True
    notes = to_note_sequence(Roll(onsets, sounding)).notes
    assert [(n.pitch, n.start_time, n.end_time, n.velocity) for n in notes] == [
        (21, 0.125, 0.5, 80),
        (21, 0.5, 0.875, 80),
    ]


def test_struck_keys_ring_until_the_next_or_for_a_bar() -> None:
    struck = np.zeros((40, 3), bool)
    struck[0, 0] = struck[6, [1, 2]] = True
    lengths = [
        (n.pitch, (n.end_time - n.start_time) * 8) for n in to_note_sequence(Roll.of_struck(struck)).notes
    ]
    assert lengths == [(21, 6), (22, 16), (23, 16)]


def test_velocities_of_struck_keys_are_kept_and_the_louder_counts() -> None:
    sequence = piece((0, 60, 2), (0, 60, 4))
    sequence.notes[1].velocity = 100
    roll = piano_roll(sequence)
    assert roll.velocities is not None
    assert roll.velocities[0, 39] == np.float32(100 / 128) and roll.velocities.sum() == roll.velocities[0, 39]
    assert roll.sounding.sum() == 4 and roll.onsets.sum() == 1
    struck = Roll.of_struck(roll.velocities)
    assert to_note_sequence(struck).notes[0].velocity == 100


def test_held_keys_are_as_loud_as_they_were_struck() -> None:
    sequence = to_note_sequence(Roll.of_struck(np.eye(4, 88, dtype=bool)[[0, 3, 3, 1]], 2))
    for note, velocity in zip(sequence.notes, (32, 64, 96, 127), strict=True):
        note.velocity = velocity
    roll = piano_roll(sequence)
    on, loud = roll.cells("sounding")
    np.testing.assert_array_equal(on, roll.sounding)
    np.testing.assert_array_equal(loud > 0, on)
    np.testing.assert_array_equal(loud[roll.onsets], np.array([32, 64, 96, 127]) / 128)
    # Back from what sounds: a key that goes on is not struck again, and keeps its first velocity.
    again = piano_roll(to_note_sequence(Roll.of_sounding(loud)))
    assert again.velocities is not None and again.velocities.max() == np.float32(127 / 128)
    np.testing.assert_array_equal(again.sounding, on)
    assert not Roll(roll.onsets, roll.sounding).cells("struck")[1].any()


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


def test_clock_counts_with_the_highest_bit_first() -> None:
    counter = clock(70)
    assert counter.shape == (70, 6) and counter.dtype == bool
    assert counter[1].tolist() == [0, 0, 0, 0, 0, 1] and counter[32].tolist() == [1, 0, 0, 0, 0, 0]
    assert (counter @ (1 << np.arange(6)[::-1])).tolist() == [t % 64 for t in range(70)]
    np.testing.assert_array_equal(clock(6, start=64), counter[:6])
    # MusicGeneration's first notebooks counted down from 63, the lowest bit first.
    down = [[(63 - t) >> bit & 1 for bit in range(6)] for t in range(64)]
    assert (~clock(64)[:, ::-1]).astype(int).tolist() == down


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

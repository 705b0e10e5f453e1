"""NoteSequence without note_seq's package, and the same class with it, whichever is imported first."""

import math
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import configs
from common.errors import InputError
from preprocess import converters
from preprocess.dataset import load_examples
from preprocess.midi.reader import Limits
from preprocess.note_sequence import (
    MOST_CHANGES,
    MOST_NOTES,
    MOST_SECONDS,
    NoteSequence,
    read_note_sequences,
    reason_to_refuse,
)
from preprocess.piano_rolls import piano_roll
from preprocess.tfrecord import RecordWriter
from tests.conftest import ROOT

ALONE = """
import sys
from preprocess.note_sequence import NoteSequence
assert not {"note_seq", "librosa", "pydub", "tensorflow"} & set(sys.modules)
sequence = NoteSequence()
sequence.notes.add(pitch=36)
assert NoteSequence.FromString(sequence.SerializeToString()) == sequence
"""
OURS_FIRST = "from preprocess.note_sequence import NoteSequence; import note_seq"
THEIRS_FIRST = "import note_seq; from preprocess.note_sequence import NoteSequence"
SAME = """
assert NoteSequence is note_seq.NoteSequence
from note_seq.protobuf import music_pb2
assert NoteSequence is music_pb2.NoteSequence
"""


@pytest.mark.parametrize("code", [ALONE, OURS_FIRST + SAME, THEIRS_FIRST + SAME])
def test_import_order(code: str) -> None:
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def beat() -> Any:
    """Eight bars of drums and a melody."""
    sequence = NoteSequence(total_time=16.0, ticks_per_quarter=220)
    sequence.tempos.add(qpm=120.0)
    for i in range(128):
        sequence.notes.add(
            pitch=36 + 2 * (i % 3), velocity=90, start_time=i / 8, end_time=i / 8 + 0.1, is_drum=True
        )
        sequence.notes.add(
            pitch=60 + i % 5, velocity=90, start_time=i / 8, end_time=i / 8 + 0.1, instrument=1
        )
    return sequence


def _set(field: str, value: float, which: int = 3) -> Callable[[Any], None]:
    return lambda sequence: setattr(sequence.notes[which], field, value)


# What others' TFRecords have been seen to hold, and the reason under which it is counted.
UNSOUND: dict[str, tuple[Callable[[Any], Any], str]] = {
    "start is not a number": (_set("start_time", math.nan), "bad_time"),
    "end is infinite": (_set("end_time", math.inf), "bad_time"),
    "both infinities": (
        lambda s: (_set("start_time", -math.inf)(s), _set("end_time", math.inf)(s)),
        "bad_time",
    ),
    "total is not a number": (lambda s: setattr(s, "total_time", math.nan), "bad_time"),
    "lasts a year": (_set("end_time", 3e7), "too_long"),
    "total is a year": (lambda s: setattr(s, "total_time", 3e7), "too_long"),
    "lies a year before": (_set("start_time", -3e7), "negative_time"),
    "tempo is not a number": (lambda s: s.tempos.add(time=1.0, qpm=math.nan), "bad_tempo"),
    "tempo is infinite": (lambda s: s.tempos.add(time=1.0, qpm=math.inf), "bad_tempo"),
    "tempo is 0": (lambda s: s.tempos.add(time=1.0, qpm=0.0), "bad_tempo"),
    "tempo at no time": (lambda s: s.tempos.add(time=math.nan, qpm=90.0), "bad_time"),
    "meter at no time": (
        lambda s: s.time_signatures.add(time=math.nan, numerator=4, denominator=4),
        "bad_time",
    ),
    "chord at no time": (lambda s: s.text_annotations.add(time=math.inf, text="C"), "bad_time"),
    "pedal at no time": (lambda s: s.control_changes.add(time=math.nan, control_number=64), "bad_time"),
    "quantised": (lambda s: setattr(s.quantization_info, "steps_per_quarter", 4), "quantized"),
    "quantised by seconds": (lambda s: setattr(s.quantization_info, "steps_per_second", 100), "quantized"),
    "a meter a millisecond": (
        lambda s: [s.time_signatures.add(time=i / 1000, numerator=4) for i in range(MOST_CHANGES + 1)],
        "too_many_changes",
    ),
}


def every_converter() -> list[Any]:
    """That of every config, each once."""
    specs = {repr(c.converter_spec): c.converter_spec for c in configs.CONFIG_MAP.values()}
    return [converters.create(spec) for spec in specs.values()]


@pytest.mark.parametrize("name", UNSOUND)
def test_unsound_music_is_dropped_for_its_reason(name: str) -> None:
    change, reason = UNSOUND[name]
    sequence = beat()
    assert reason_to_refuse(sequence) == ""
    change(sequence)
    assert reason_to_refuse(sequence) == reason
    for converter in every_converter():
        assert converter.convert(sequence) == ([], Counter([reason])), converter


def test_limits_are_those_of_midi_files() -> None:
    assert Limits().seconds == MOST_SECONDS
    assert Limits().events == MOST_NOTES


def test_one_bad_record_does_not_end_a_run(tmp_path: Path) -> None:
    path = tmp_path / "some.tfrecord"
    records = [b"\xff\xff\xff", beat().SerializeToString()]
    for change, _ in UNSOUND.values():
        sequence = beat()
        change(sequence)
        records.append(sequence.SerializeToString())
    with RecordWriter(path) as writer:
        for record in records:
            writer.write(record)
    reasons: Counter[str] = Counter()
    assert len(list(read_note_sequences(path, reasons))) == len(records) - 1
    assert reasons == {"bad_record": 1}
    config = configs.CONFIG_MAP["hierdec-drum_4bar_small"]
    examples = load_examples(str(path), config.build_converter(), config.converter_spec, 64)
    assert len(examples)
    assert set(examples.sources) == {0}
    assert sum(examples.reasons.values()) == len(records) - 1


def test_notes_in_any_order_give_the_same_examples() -> None:
    sequence = beat()
    backwards = beat()
    del backwards.notes[:]
    backwards.notes.extend(reversed(sequence.notes))
    converter = configs.CONFIG_MAP["hierdec-drum_4bar_small"].build_converter()
    given, turned = (converter.convert(s)[0] for s in (sequence, backwards))
    assert [e.inputs.tolist() for e in given] == [e.inputs.tolist() for e in turned]


def test_a_tempo_a_millisecond_takes_no_time_squared() -> None:
    sequence = beat()
    for i in range(1, MOST_CHANGES - 1):
        sequence.tempos.add(time=i / 1000, qpm=120.0 + i % 2)
    for name in ("hierdec-drum_4bar_small", "cat-mel_2bar_small"):
        configs.CONFIG_MAP[name].build_converter().convert(sequence)


def test_velocities_that_midi_has_not_are_not_learned() -> None:
    """A velocity of 2^31 - 1 came out as 16,909,320 times the loudest."""
    sequence = beat()
    sequence.notes[0].velocity = 2**31 - 1
    sequence.notes[1].velocity = 2**31 - 1
    groove = configs.CONFIG_MAP["groovae_4bar"].build_converter()
    assert groove.convert(sequence) == ([], Counter(["bad_velocity"]))
    with pytest.raises(InputError) as caught:
        piano_roll(sequence)
    assert caught.value.reason == "bad_velocity"

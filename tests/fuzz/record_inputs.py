"""TFRecords: of NoteSequences that no reader makes, and shards of examples that no converter makes; framed well or badly."""

import json
import math
import random
import struct
from dataclasses import dataclass
from typing import Any

import google_crc32c
import numpy as np

from preprocess.converters.base import Example
from preprocess.example_proto import encode
from preprocess.note_sequence import NoteSequence
from tests.fuzz.mutate import ODD_FLOATS, ODD_TEXTS, mutate_bytes, mutate_json

DRUMS = (36, 38, 42, 46, 49)
CHORDS = ("C", "Am7", "F#dim", "Bb/D", "N.C.", "H", "", "C" * 1000, "🎵", "G7(#9,b13)")
INT32 = (0, -1, 1, 60, 127, 128, 255, -128, 10**6, 2**31 - 1, -(2**31))


@dataclass(frozen=True)
class RecordFile:
    """The bytes of a TFRecord and of what stands beside it.

    Attributes:
        data: of the TFRecord.
        sidecar: of its description; None for none.
        good: whether every frame is whole and one record is plain drum music.
    """

    data: bytes
    sidecar: bytes | None = None
    good: bool = False


def _masked_crc(data: bytes) -> int:
    crc = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def framed(records: list[bytes]) -> bytes:
    """A TFRecord with right checksums."""
    out = bytearray()
    for record in records:
        length = struct.pack("<Q", len(record))
        out += (
            length + struct.pack("<I", _masked_crc(length)) + record + struct.pack("<I", _masked_crc(record))
        )
    return bytes(out)


def plain_sequence(rng: random.Random, drums: bool | None = None) -> Any:
    """Four to eight bars of ordinary drums, melody, chords or all of them."""
    sequence = NoteSequence(ticks_per_quarter=220, filename=f"{rng.randrange(9)}.mid")
    qpm = rng.choice((120.0, 92.0, 174.0, 60.0))
    sequence.tempos.add(qpm=qpm)
    if rng.random() < 0.7:
        sequence.time_signatures.add(numerator=4, denominator=4)
    step = 15.0 / qpm
    kinds = [drums] if drums is not None else rng.choice(([True], [False], [True, False, False]))
    for part, is_drum in enumerate(kinds):
        for i in range(rng.choice((64, 128))):
            for pitch in (
                p for p in (DRUMS if is_drum else (60 + i % 12, 64)[: part + 1]) if rng.random() < 0.4
            ):
                sequence.notes.add(
                    pitch=pitch, velocity=rng.randint(1, 127), start_time=i * step, end_time=(i + 1) * step,
                    is_drum=bool(is_drum), instrument=9 if is_drum else part, program=0 if is_drum else 32 * (part - 1) % 128,
                )  # fmt: skip
    sequence.total_time = max((n.end_time for n in sequence.notes), default=0.0)
    return sequence


def good_sequence() -> Any:
    """Eight bars of drums, of which every drum converter makes examples."""
    sequence = NoteSequence(filename="good.mid", total_time=16.0)
    sequence.tempos.add(qpm=120.0)
    sequence.time_signatures.add(numerator=4, denominator=4)
    for i in range(128):
        pitch = DRUMS[i % 3]
        sequence.notes.add(
            pitch=pitch, velocity=90, start_time=i / 8, end_time=(i + 1) / 8, is_drum=True, instrument=9
        )
    return sequence


def odd_sequence(rng: random.Random) -> Any:
    """A NoteSequence of which some fields hold what they never should."""
    sequence = plain_sequence(rng)
    for _ in range(rng.choice((0, 1, 1, 2, 4))):
        rng.choice(_CHANGES)(rng, sequence)
    return sequence


def _times(rng: random.Random, sequence: Any) -> None:
    for note in rng.sample(list(sequence.notes), min(len(sequence.notes), rng.choice((1, 3, 1000)))):
        setattr(note, rng.choice(("start_time", "end_time")), rng.choice((*ODD_FLOATS, 1e6, 14400.0, -0.01)))


def _shifted(rng: random.Random, sequence: Any) -> None:
    by = rng.choice((-1.0, 3600.0, 1e7, 1e15, 0.03))
    for note in sequence.notes:
        note.start_time += by
        note.end_time += by
    sequence.total_time += by


def _numbers(rng: random.Random, sequence: Any) -> None:
    for note in rng.sample(list(sequence.notes), min(len(sequence.notes), rng.choice((1, 3, 1000)))):
        setattr(note, rng.choice(("pitch", "velocity", "program", "instrument")), rng.choice(INT32))


def _tempos(rng: random.Random, sequence: Any) -> None:
    if rng.random() < 0.3:
        del sequence.tempos[:]
    for _ in range(rng.choice((1, 1, 3, 300))):
        time = rng.choice((0.0, 2.0, rng.random() * 16, rng.random() * 16, *ODD_FLOATS))
        sequence.tempos.add(time=time, qpm=rng.choice((60.0, 121.0, 1e-9, 0.01, 9999.0, *ODD_FLOATS)))


def _meters(rng: random.Random, sequence: Any) -> None:
    for _ in range(rng.choice((1, 1, 3, 100))):
        time = rng.choice((0.0, 2.0, rng.random() * 16, *ODD_FLOATS))
        numerator = rng.choice((3, 4, 4, 6, 12, *INT32))
        sequence.time_signatures.add(
            time=time, numerator=numerator, denominator=rng.choice((4, 4, 8, 3, *INT32))
        )


def _keys(rng: random.Random, sequence: Any) -> None:
    for _ in range(rng.choice((1, 3))):
        key = rng.choice((0, 11, 12, 99, -1))
        sequence.key_signatures.add(
            time=rng.choice((0.0, *ODD_FLOATS)), key=key, mode=rng.choice((0, 1, 7, 99))
        )


def _chords(rng: random.Random, sequence: Any) -> None:
    for _ in range(rng.choice((1, 4, 200))):
        time = rng.choice((0.0, 2.0, rng.random() * 16, *ODD_FLOATS))
        kind = rng.choice((0, 1, 1, 1, 2, 99))
        sequence.text_annotations.add(time=time, text=rng.choice(CHORDS), annotation_type=kind)


def _controls(rng: random.Random, sequence: Any) -> None:
    for _ in range(rng.choice((1, 20))):
        sequence.control_changes.add(
            time=rng.choice((0.0, 1.0, *ODD_FLOATS)), control_number=rng.choice((64, 64, 7, *INT32)),
            control_value=rng.choice((0, 127, *INT32)), instrument=rng.choice((0, 9, *INT32)),
        )  # fmt: skip
        sequence.pitch_bends.add(time=rng.choice(ODD_FLOATS), bend=rng.choice(INT32))


def _quantized(rng: random.Random, sequence: Any) -> None:
    if rng.random() < 0.5:
        sequence.quantization_info.steps_per_quarter = rng.choice((4, *INT32))
    else:
        sequence.quantization_info.steps_per_second = rng.choice((100, *INT32))
    for note in sequence.notes:
        note.quantized_start_step = rng.choice((0, 1, *INT32))


def _names(rng: random.Random, sequence: Any) -> None:
    text = rng.choice([t for t in ODD_TEXTS if t.isascii() or "\ud800" not in t])
    setattr(sequence, rng.choice(("filename", "id", "collection_name")), text)
    sequence.sequence_metadata.title = text


def _order(rng: random.Random, sequence: Any) -> None:
    notes = list(sequence.notes)
    rng.shuffle(notes)
    del sequence.notes[:]
    sequence.notes.extend(notes)


def _many(rng: random.Random, sequence: Any) -> None:
    notes = list(sequence.notes) or [NoteSequence.Note(pitch=60, velocity=90, end_time=1.0)]
    for i in range(rng.choice((100, 1000, 10_000))):
        note = sequence.notes.add()
        note.CopyFrom(notes[i % len(notes)])
        if rng.random() < 0.5:
            note.instrument, note.pitch = i % 300, i % 128
    if rng.random() < 0.3:
        for note in sequence.notes:
            note.start_time, note.end_time = 0.0, rng.choice((0.0, 16.0, 7200.0))


def _total(rng: random.Random, sequence: Any) -> None:
    sequence.total_time = rng.choice((*ODD_FLOATS, 14401.0, 1e7, 0.001))


def _groups(rng: random.Random, sequence: Any) -> None:
    sequence.subsequence_info.start_time_offset = rng.choice(ODD_FLOATS)
    sequence.section_annotations.add(time=rng.choice(ODD_FLOATS), section_id=rng.choice(INT32))
    sequence.ticks_per_quarter = rng.choice(INT32)


def _empty(rng: random.Random, sequence: Any) -> None:
    del sequence.notes[:]


_CHANGES = (
    *(
        _times,
        _times,
        _shifted,
        _numbers,
        _numbers,
        _tempos,
        _tempos,
        _meters,
        _meters,
        _keys,
        _chords,
        _controls,
    ),
    *(_quantized, _names, _order, _many, _total, _total, _groups, _empty),
)


def note_sequence_file(rng: random.Random) -> RecordFile:
    """A TFRecord of one to four odd NoteSequences, sometimes with a good one among them."""
    records = [odd_sequence(rng).SerializeToString() for _ in range(rng.choice((1, 1, 2, 4)))]
    if corrupted := rng.random() < 0.15:
        at = rng.randrange(len(records))
        records[at] = mutate_bytes(rng, records[at])
    good = rng.random() < 0.4
    if good:
        records.insert(rng.randrange(len(records) + 1), good_sequence().SerializeToString())
    data = framed(records)
    if broken := rng.random() < 0.15:
        data = mutate_bytes(rng, data)
    sidecar = None
    if rng.random() < 0.3:
        sidecar = mutate_json(rng, {"kind": "note_sequences", "schema": 1, "count": len(records)}).encode(
            errors="replace"
        )
    return RecordFile(data, sidecar, good and not (broken or corrupted or sidecar))


def shard_file(rng: random.Random, converter: Any, spec: dict[str, Any]) -> RecordFile:
    """A shard of a converter's examples of which some are corrupted, and a description that may be."""
    sequence = good_sequence() if rng.random() < 0.8 else plain_sequence(rng)
    examples, _ = converter.convert(sequence)
    records = []
    for example in (examples or [_an_example(rng)])[:4]:
        if rng.random() < 0.6:
            example = _odd_example(rng, example)
        record = encode(
            rng.choice(("a.mid", "b.mid", "", "../x")), example, rng.choice((0, 0, 1, 7, -1, 2**40))
        )
        records.append(mutate_bytes(rng, record) if rng.random() < 0.15 else record)
    data = framed(records)
    if rng.random() < 0.1:
        data = mutate_bytes(rng, data)
    sidecar = {
        "kind": "examples",
        "schema": 2,
        "features": {},
        "count": len(records),
        "converter": spec,
        "reasons": {"empty": 2},
    }
    text = json.dumps(sidecar)
    if rng.random() < 0.3:
        text = mutate_json(rng, sidecar)
    return RecordFile(data, text.encode(errors="replace"))


def _an_example(rng: random.Random) -> Example:
    tokens = np.array([rng.randrange(8) for _ in range(rng.choice((1, 32, 64)))])
    return Example(tokens, tokens, None, len(tokens))


def _odd_example(rng: random.Random, example: Example) -> Example:
    arrays = {"inputs": example.inputs, "outputs": example.outputs, "controls": example.controls}
    name = rng.choice([n for n, a in arrays.items() if a is not None])
    array = _odd_array(rng, arrays[name])
    same = example.outputs is example.inputs
    arrays[name] = array
    if same and name != "controls" and rng.random() < 0.8:
        arrays["inputs"] = arrays["outputs"] = array
    if rng.random() < 0.1:
        arrays["controls"] = np.ones((rng.choice((0, 1, len(array))), rng.choice((1, 3))), bool)
    length = (
        example.length
        if rng.random() < 0.7
        else rng.choice((0, -1, 2**31 - 1, np.array([1, 2, 3]), np.array([], int)))
    )
    seconds = (
        example.step_seconds if rng.random() < 0.8 else rng.choice((*ODD_FLOATS[:5], math.inf, math.nan))
    )
    return Example(arrays["inputs"], arrays["outputs"], arrays["controls"], length, seconds)


def _odd_array(rng: random.Random, array: np.ndarray) -> np.ndarray:
    way = rng.randrange(9)
    if way == 0:
        return array[: rng.choice((0, 1, len(array) // 2))]
    if way == 1:
        return np.concatenate([array] * rng.choice((2, 3, 50)))
    if way == 2:
        return array.astype(np.float32) * rng.choice((1.0, 0.5, math.nan, math.inf, 1e30))
    if way == 3:
        return array.astype(np.int64) + rng.choice((1, -1, -2, 10**6, 2**40, -(2**40)))
    if way == 4:
        return array.reshape(len(array), -1)[:, : rng.choice((0, 1, 2))]
    if way == 5:
        return array.astype(bool)
    if way == 6:
        return np.repeat(array.reshape(len(array), -1), rng.choice((2, 7)), axis=1)
    if way == 7:
        return array.ravel()
    odd = array.astype(np.float64 if rng.random() < 0.5 else np.int64).copy()
    if odd.size:
        odd.flat[rng.randrange(odd.size)] = rng.choice((-1, -2, 10**6, 511, 512, 2**31))
        if odd.dtype == np.float64:
            odd.flat[rng.randrange(odd.size)] = rng.choice(ODD_FLOATS)
    return odd

"""Our declaration of NoteSequence against note-seq's: the same fields, enumerations and bytes."""

import random
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from preprocess.note_sequence_schema import message_class
from tests.conftest import ROOT

music_pb2 = pytest.importorskip("note_seq.protobuf.music_pb2", reason="note-seq is not installed")
OURS, THEIRS = message_class(), music_pb2.NoteSequence


def described(message: Descriptor) -> Iterator[tuple[Any, ...]]:
    """Everything about a message and those within it."""
    for field in message.fields:
        kind = field.message_type or field.enum_type
        oneof = field.containing_oneof
        yield (
            *(message.full_name, field.number, field.name, field.type, field.is_repeated, field.is_packed),
            *(field.has_presence, kind and kind.full_name, oneof and oneof.name),
        )
        if field.message_type and field.message_type.full_name == "magenta.SequenceMetadata":
            yield from described(field.message_type)
    for enum in message.enum_types:
        yield enum.full_name, sorted((value.number, value.name) for value in enum.values)
    for nested in message.nested_types:
        yield from described(nested)


def test_all_messages_fields_and_enumerations_are_those_of_note_seq() -> None:
    ours, theirs = (
        sorted(map(str, described(OURS.DESCRIPTOR))),
        sorted(map(str, described(THEIRS.DESCRIPTOR))),
    )
    assert ours == theirs
    assert len(ours) > 80


def fill(message: Any, rng: random.Random, depth: int = 0) -> None:
    """Give a message random values."""
    for field in message.DESCRIPTOR.fields:
        if rng.random() < 0.3 or depth > 4:
            continue
        values = [value_of(field, rng) for _ in range(rng.randrange(1, 4) if field.is_repeated else 1)]
        for value in values:
            if field.message_type:
                child = getattr(message, field.name)
                fill(child.add() if field.is_repeated else child, rng, depth + 1)
            elif field.is_repeated:
                getattr(message, field.name).append(value)
            else:
                setattr(message, field.name, value)


def value_of(field: FieldDescriptor, rng: random.Random) -> Any:
    if field.enum_type:
        return rng.choice([value.number for value in field.enum_type.values])
    return {
        FieldDescriptor.TYPE_STRING: "".join(map(chr, rng.choices(range(32, 1000), k=5))),
        FieldDescriptor.TYPE_BOOL: True,
        FieldDescriptor.TYPE_DOUBLE: rng.uniform(-10, 1000),
    }.get(field.type, rng.randrange(-(2**31), 2**31))


@pytest.mark.parametrize("seed", range(50))
def test_bytes_go_both_ways(seed: int) -> None:
    first = THEIRS()
    fill(first, random.Random(seed))
    data = first.SerializeToString(deterministic=True)
    ours = OURS.FromString(data)
    assert ours.SerializeToString(deterministic=True) == data
    assert str(ours) == str(first)
    assert THEIRS.FromString(ours.SerializeToString()) == first


def test_without_note_seq_music_is_read_and_written_all_the_same() -> None:
    script = """
import sys
from importlib.machinery import PathFinder
class Without(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] == "note_seq":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Without)
import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == "note_seq" else real(name, package)
from preprocess.midi.reader import read_midi
from preprocess.note_sequence import NoteSequence
from render.midi import midi_bytes
beat = NoteSequence()
beat.notes.add(pitch=36, velocity=100, start_time=0.5, end_time=0.6, is_drum=True)
beat.text_annotations.add(text="C", annotation_type=NoteSequence.TextAnnotation.CHORD_SYMBOL)
found = read_midi(midi_bytes(NoteSequence.FromString(beat.SerializeToString()), bars=1))
print(found.notes[0].pitch, found.notes[0].start_time, "note_seq" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["36", "0.5", "False"], done.stderr

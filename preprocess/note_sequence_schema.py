"""The NoteSequence protobuf declared here, for installations without note-seq.

The messages are wire-compatible with those of note-seq's `music.proto` (package `magenta`): the same numbers, types and
names. They live in a pool of their own, so that a later `import note_seq` can still register its file.
"""

import re
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_SCHEMA = """
NoteSequence: 1 id string, 2 filename string, 3 collection_name string, 4 ticks_per_quarter int32,
  5 time_signatures .TimeSignature*, 6 key_signatures .KeySignature*, 7 tempos .Tempo*, 8 notes .Note*,
  9 total_time double, 10 pitch_bends .PitchBend*, 11 control_changes .ControlChange*, 12 part_infos .PartInfo*,
  13 source_info .SourceInfo, 14 text_annotations .TextAnnotation*, 15 quantization_info .QuantizationInfo,
  16 total_quantized_steps int64, 17 subsequence_info .SubsequenceInfo, 18 reference_number int64,
  19 sequence_metadata SequenceMetadata, 20 section_annotations .SectionAnnotation*, 21 section_groups .SectionGroup*,
  23 instrument_infos .InstrumentInfo*
.Note: 1 pitch int32, 2 velocity int32, 3 start_time double, 4 end_time double, 5 numerator int32, 6 denominator int32,
  7 instrument int32, 8 program int32, 9 is_drum bool, 10 part int32, 11 pitch_name enum.PitchName, 12 voice int32,
  13 quantized_start_step int64, 14 quantized_end_step int64
.TimeSignature: 1 time double, 2 numerator int32, 3 denominator int32
.KeySignature: 1 time double, 2 key enum.KeySignature.Key, 3 mode enum.KeySignature.Mode
.Tempo: 1 time double, 2 qpm double
.PitchBend: 1 time double, 2 bend int32, 3 instrument int32, 4 program int32, 5 is_drum bool
.ControlChange: 1 time double, 2 control_number int32, 3 control_value int32, 4 instrument int32, 5 program int32,
  6 is_drum bool, 7 quantized_step int64
.PartInfo: 1 part int32, 2 name string
.InstrumentInfo: 1 instrument int32, 2 name string
.SourceInfo: 1 source_type enum.SourceInfo.SourceType, 2 encoding_type enum.SourceInfo.EncodingType,
  3 parser enum.SourceInfo.Parser
.TextAnnotation: 1 time double, 2 text string, 3 annotation_type enum.TextAnnotation.TextAnnotationType,
  4 quantized_step int64
.QuantizationInfo: 1 steps_per_quarter int32 resolution, 2 steps_per_second int32 resolution
.SubsequenceInfo: 1 start_time_offset double, 2 end_time_offset double
.SectionAnnotation: 1 time double, 4 section_id int64
.Section: 1 section_id int64 section_type, 2 section_group .SectionGroup section_type
.SectionGroup: 1 sections .Section*, 2 num_times int32
SequenceMetadata: 1 title string, 2 artist string, 3 genre string*, 4 composers string*
"""
"""Messages, those of NoteSequence with a dot in front: number, name and type of each field, `*` where it is repeated, and
the oneof that it belongs to."""

_NOTE_NAMES = [
    f"{name}{accidental}"
    for accidental in ("_FLAT_FLAT", "_FLAT", "", "_SHARP", "_SHARP_SHARP")
    for name in "FCGDAEB"
]

_ENUMS = {
    "PitchName": list(enumerate(["UNKNOWN_PITCH_NAME", *_NOTE_NAMES])),
    "KeySignature.Key": [
        *(
            (0, "C"),
            (1, "C_SHARP"),
            (1, "D_FLAT"),
            (2, "D"),
            (3, "D_SHARP"),
            (3, "E_FLAT"),
            (4, "E"),
            (5, "F"),
        ),
        *((6, "F_SHARP"), (6, "G_FLAT"), (7, "G"), (8, "G_SHARP"), (8, "A_FLAT"), (9, "A"), (10, "A_SHARP")),
        *((10, "B_FLAT"), (11, "B")),
    ],
    "KeySignature.Mode": list(
        enumerate(
            ["MAJOR", "MINOR", "NOT_SPECIFIED", "MIXOLYDIAN", "DORIAN", "PHRYGIAN", "LYDIAN", "LOCRIAN"]
        )
    ),
    "SourceInfo.SourceType": list(enumerate(["UNKNOWN_SOURCE_TYPE", "SCORE_BASED", "PERFORMANCE_BASED"])),
    "SourceInfo.EncodingType": list(
        enumerate(["UNKNOWN_ENCODING_TYPE", "MUSIC_XML", "ABC", "MIDI", "MUSICNET"])
    ),
    "SourceInfo.Parser": list(
        enumerate(
            [
                "UNKNOWN_PARSER",
                "MUSIC21",
                "PRETTY_MIDI",
                "MAGENTA_MUSIC_XML",
                "MAGENTA_MUSICNET",
                "MAGENTA_ABC",
                "TONEJS_MIDI_CONVERT",
            ]
        )
    ),
    "TextAnnotation.TextAnnotationType": list(enumerate(["UNKNOWN", "CHORD_SYMBOL", "BEAT"])),
}
"""Numbers and names of the enumerations within NoteSequence."""

_FIELD = re.compile(r"(\d+) (\w+) ([\w.]+)(\*?)(?: (\w+))?$")


def message_class() -> Any:
    """The class of NoteSequences, as note-seq's `NoteSequence` in all that goes over the wire."""
    file = descriptor_pb2.FileDescriptorProto(name="music.proto", package="magenta", syntax="proto3")
    messages: dict[str, Any] = {}
    for line in _SCHEMA.replace("\n  ", " ").strip().split("\n"):
        name, fields = line.split(": ")
        if name.startswith("."):
            message = messages["NoteSequence"].nested_type.add(name=name[1:])
        else:
            message = file.message_type.add(name=name)
        messages[name.removeprefix(".")] = message
        for field in fields.split(", "):
            _add_field(message, field)
    for path, values in _ENUMS.items():
        owner, _, name = path.rpartition(".")
        declared = messages[owner or "NoteSequence"].enum_type.add(name=name)
        if len({number for number, _ in values}) < len(values):
            declared.options.allow_alias = True
        for number, value in values:
            declared.value.add(name=value, number=number)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("magenta.NoteSequence"))


def _add_field(message: Any, text: str) -> None:
    """Add a field that is described as in `_SCHEMA`."""
    field = descriptor_pb2.FieldDescriptorProto
    found = _FIELD.match(text)
    assert found is not None, text
    number, name, kind, repeated, oneof = found.groups()
    declared = message.field.add(name=name, number=int(number))
    declared.label = field.LABEL_REPEATED if repeated else field.LABEL_OPTIONAL
    if kind.startswith("enum."):
        declared.type, declared.type_name = field.TYPE_ENUM, f".magenta.NoteSequence.{kind[5:]}"
    elif kind.startswith("."):
        declared.type, declared.type_name = field.TYPE_MESSAGE, f".magenta.NoteSequence{kind}"
    elif kind[0].isupper():
        declared.type, declared.type_name = field.TYPE_MESSAGE, f".magenta.{kind}"
    else:
        declared.type = getattr(field, f"TYPE_{kind.upper()}")
    if oneof:
        if not message.oneof_decl:
            message.oneof_decl.add(name=oneof)
        declared.oneof_index = 0

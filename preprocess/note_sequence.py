"""The NoteSequence protobuf of note-seq, without the two seconds of imports that its package brings.

`import note_seq` loads librosa, IPython and pydub; a command that only reads or writes NoteSequences needs
nothing but the generated `music_pb2` module. It is loaded from its file and registered under its full name, so
that a later `import note_seq` in the same process finds the same classes. Where note-seq is not installed, the class is
that of `preprocess/note_sequence_schema.py`, whose records are the same bytes.
"""

import importlib.util
import math
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preprocess.tfrecord import read_records

_NAME = "note_seq.protobuf.music_pb2"


def _note_sequence_class() -> Any:
    """note-seq's class where it is installed, otherwise our own declaration of it."""
    if _NAME in sys.modules:
        return sys.modules[_NAME].NoteSequence
    package = importlib.util.find_spec("note_seq")
    if package is None or not package.submodule_search_locations:
        from preprocess.note_sequence_schema import message_class

        return message_class()
    path = f"{package.submodule_search_locations[0]}/protobuf/music_pb2.py"
    spec = importlib.util.spec_from_file_location(_NAME, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[_NAME] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[_NAME]
        raise
    return module.NoteSequence


if TYPE_CHECKING:
    from note_seq.protobuf.music_pb2 import NoteSequence
else:
    NoteSequence = _note_sequence_class()

MOST_SECONDS = 4 * 3600.0
MOST_NOTES = 1_000_000
MOST_CHANGES = 10_000
MOST_QPM = 6e7
"""One microsecond a quarter note, the fastest that MIDI has."""


def reason_to_refuse(note_sequence: NoteSequence) -> str:
    """Why a NoteSequence could not come from a reader, as a code; "" for a sound one.

    Records of others' TFRecords hold anything that a protobuf can. What passes has at most what a MIDI file may have
    (`preprocess.midi.reader.Limits`), finite times and tempos, and is not quantised; so converters may count and round.
    Negative times, odd meters and numbers that are not MIDI's are left to them, which know what they can do without.

    Returns:
        `too_many_events`, `too_many_changes` (tempos, meters, keys, chords), `quantized`, `bad_time` (not a number, or
        infinite), `too_long`, `negative_time` (by more than music can last), `bad_tempo`; or "".
    """
    notes = note_sequence.notes
    if len(notes) > MOST_NOTES:
        return "too_many_events"
    changes = (
        note_sequence.tempos,
        note_sequence.time_signatures,
        note_sequence.key_signatures,
        note_sequence.text_annotations,
    )
    if sum(map(len, changes)) > MOST_CHANGES:
        return "too_many_changes"
    info = note_sequence.quantization_info
    if info.steps_per_quarter or info.steps_per_second:
        return "quantized"
    times = [note_sequence.total_time, *(event.time for events in changes for event in events)]
    times += (note.start_time for note in notes)
    times += (note.end_time for note in notes)
    times += (event.time for event in note_sequence.control_changes)
    # A sum is finite where all its parts are: no music is long enough for it to overflow otherwise.
    if not math.isfinite(sum(times)):
        return "bad_time"
    if max(times) > MOST_SECONDS * (1 + 1e-9):
        return "too_long"
    if min(times) < -MOST_SECONDS:
        return "negative_time"
    if not all(0 < tempo.qpm <= MOST_QPM for tempo in note_sequence.tempos):
        return "bad_tempo"
    return ""


def read_note_sequences(path: str | Path, reasons: Counter[str]) -> Iterator[tuple[str, NoteSequence]]:
    """The NoteSequences of a TFRecord file with their names: the file's they were made of, or their place.

    Args:
        path: of the file.
        reasons: a record that is not a NoteSequence is left out and counted here (`bad_record`).

    Raises:
        InputError: where the file can't be read, or is damaged.
    """
    for i, record in enumerate(read_records(path)):
        try:
            sequence = NoteSequence.FromString(record)
        except Exception:  # noqa: BLE001 - protobuf's DecodeError, wherever its version keeps it
            reasons["bad_record"] += 1
            continue
        yield sequence.filename or sequence.id or f"{Path(path).name}#{i}", sequence

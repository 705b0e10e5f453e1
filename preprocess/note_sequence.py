"""The NoteSequence protobuf of note-seq, without the two seconds of imports that its package brings.

`import note_seq` loads librosa, IPython and pydub; a command that only reads or writes NoteSequences needs
nothing but the generated `music_pb2` module. It is loaded from its file and registered under its full name, so
that a later `import note_seq` in the same process finds the same classes.
"""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from preprocess.errors import InputError
from preprocess.tfrecord import read_records

_NAME = "note_seq.protobuf.music_pb2"


def _music_pb2() -> Any:
    if _NAME in sys.modules:
        return sys.modules[_NAME]
    package = importlib.util.find_spec("note_seq")
    if package is None or not package.submodule_search_locations:
        raise ImportError("note-seq is not installed; pip install note-seq==0.0.5.")
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
    return module


NoteSequence: Any = _music_pb2().NoteSequence


def read_note_sequences(path: str | Path) -> Iterator[tuple[str, Any]]:
    """The NoteSequences of a TFRecord file with their names: the file's they were made of, or their place.

    Raises:
        InputError: where the file can't be read or a record is no NoteSequence (`bad_record`).
    """
    for i, record in enumerate(read_records(path)):
        try:
            sequence = NoteSequence.FromString(record)
        except Exception as error:  # noqa: BLE001 - protobuf's DecodeError, wherever its version keeps it
            raise InputError(f"{path}: record {i} is not a NoteSequence ({error}).", "bad_record") from error
        yield sequence.filename or sequence.id or f"{Path(path).name}#{i}", sequence

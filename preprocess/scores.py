"""MusicXML and ABC to NoteSequences, through note-seq's readers."""

import tempfile
import warnings
import zipfile
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

from preprocess.errors import InputError
from preprocess.midi_file import Limits
from preprocess.score import Score

MAX_UNPACKED_BYTES = 64 * 2**20


def read_score(data: bytes, suffix: str, limits: Limits = Limits()) -> Score:
    """The NoteSequences of a score.

    Args:
        data: the file's bytes.
        suffix: `.xml`, `.musicxml`, `.mxl` or `.abc`.
        limits: what the file may hold.

    Raises:
        InputError: with the reason `bad_score`, `file_too_large` or `too_long`.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Couldn't find ffmpeg or avconv")
        import note_seq  # noqa: F401 - here, where its warning is silenced
    if suffix == ".abc":
        from preprocess.abc_tunes import read_tune_book

        return _checked(read_tune_book(data), limits)
    return _checked(Score([_read_musicxml(data, suffix)]), limits)


def _checked(score: Score, limits: Limits) -> Score:
    for sequence in score.sequences:
        if sequence.total_time > limits.seconds:
            raise InputError(f"The music lasts longer than {limits.seconds:.0f} seconds.", "too_long")
    return score


def _read_musicxml(data: bytes, suffix: str) -> Any:
    from note_seq import musicxml_reader

    if zipfile.is_zipfile(BytesIO(data)):
        suffix = ".mxl"
        _check_archive(data)
    else:
        _check_xml(data)
    # note-seq decides by the name whether a score is compressed, so it gets a file of its own.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"score{'.mxl' if suffix == '.mxl' else '.xml'}"
        path.write_bytes(data)
        try:
            sequence = musicxml_reader.musicxml_file_to_sequence_proto(str(path))
        except Exception as error:  # noqa: BLE001 - note-seq raises many kinds on damaged scores
            raise InputError(f"The MusicXML file can't be read ({error}).", "bad_score") from error
    if not sequence.notes:
        raise InputError("The XML file holds no notes; is it a MusicXML score?", "bad_score")
    return sequence


def _check_archive(data: bytes) -> None:
    """Refuse what unpacks to too much, or holds XML that does."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_UNPACKED_BYTES:
                raise InputError(
                    f"The score unpacks to more than {MAX_UNPACKED_BYTES} bytes.", "file_too_large"
                )
            for member in archive.infolist():
                _check_xml(archive.read(member))
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError) as error:
        raise InputError(f"The compressed score can't be unpacked ({error}).", "bad_score") from error


def _check_xml(data: bytes) -> None:
    # Without its zero bytes UTF-16 reads as ASCII, so no encoding hides a declaration.
    if b"<!ENTITY" in data.replace(b"\0", b""):
        raise InputError("The score defines XML entities, which could expand without bound.", "bad_score")

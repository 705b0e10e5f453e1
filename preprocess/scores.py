"""MusicXML and ABC to NoteSequences, through note-seq's readers."""

import warnings
import zipfile
from io import BytesIO

from preprocess.errors import InputError
from preprocess.midi_file import Limits
from preprocess.score import Score
from preprocess.sources import ZIP_ERRORS

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
    from preprocess.musicxml import read_musicxml

    if zipfile.is_zipfile(BytesIO(data)):
        _check_archive(data)
    else:
        _check_xml(data)
    return _checked(read_musicxml(data), limits)


def _checked(score: Score, limits: Limits) -> Score:
    for sequence in score.sequences:
        if sequence.total_time > limits.seconds:
            raise InputError(f"The music lasts longer than {limits.seconds:.0f} seconds.", "too_long")
    return score


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
    except ZIP_ERRORS as error:
        raise InputError(f"The compressed score can't be unpacked ({error}).", "bad_score") from error


def _check_xml(data: bytes) -> None:
    # Without its zero bytes UTF-16 reads as ASCII, so no encoding hides a declaration.
    if b"<!ENTITY" in data.replace(b"\0", b""):
        raise InputError("The score defines XML entities, which could expand without bound.", "bad_score")

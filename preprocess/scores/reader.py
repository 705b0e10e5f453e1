"""MusicXML and ABC to NoteSequences, through note-seq's readers."""

import warnings
import zipfile
from io import BytesIO

from common.errors import InputError, because
from preprocess.midi.file import Limits, MidiWarning
from preprocess.note_sequence import NoteSequence, reason_to_refuse
from preprocess.scores.score import Score
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
        from preprocess.scores.abc_tunes import read_tune_book

        return _checked(read_tune_book(data), limits)
    from preprocess.scores.musicxml import read_musicxml

    if zipfile.is_zipfile(BytesIO(data)):
        _check_archive(data)
    else:
        _check_xml(data)
    return _checked(read_musicxml(data), limits)


def _checked(score: Score, limits: Limits) -> Score:
    """The score without meters that are none; what can't be played is refused, in a book tune by tune."""
    sound: list[NoteSequence] = []
    is_book = len(score.sequences) + len(score.dropped) > 1
    for number, sequence in enumerate(score.sequences, 1):
        _leave_out_odd_meters(sequence, score.warnings)
        # A part that goes back further than it has come ends before its notes do.
        sequence.total_time = max([sequence.total_time, *(note.end_time for note in sequence.notes)])
        fault = _fault_of(sequence, limits)
        if fault is None:
            sound.append(sequence)
        elif is_book:
            name = sequence.sequence_metadata.title or str(number)
            score.dropped.append((name, fault.reason, f"Tune {name}: {fault}"))
        else:
            raise fault
    score.sequences[:] = sound
    return score


def _fault_of(sequence: NoteSequence, limits: Limits) -> InputError | None:
    """Why a NoteSequence is none that could be played, if it is not."""
    if sequence.total_time > limits.seconds:
        return InputError(f"The music lasts longer than {limits.seconds:.0f} seconds.", "too_long")
    if reason := reason_to_refuse(sequence):
        return InputError(f"Its times or tempos are impossible ({reason}).", reason)
    for note in sequence.notes:
        if not 0 <= note.start_time <= note.end_time or not 0 <= note.pitch <= 127:
            return InputError(
                "A note begins before the music does, ends before it begins, or is higher or lower than MIDI goes.",
                "bad_note",
            )
    return None


def _leave_out_odd_meters(sequence: NoteSequence, warnings: list[MidiWarning]) -> None:
    """Take out meters without beats or of no note value, with a warning, as in MIDI files."""
    for i, meter in reversed(list(enumerate(sequence.time_signatures))):
        if meter.numerator < 1 or meter.denominator < 1 or meter.denominator & (meter.denominator - 1):
            del sequence.time_signatures[i]
            if all(warning.code != "time_signature" for warning in warnings):
                sentence = (
                    f"A meter of {meter.numerator}/{meter.denominator} does not exist; it was left out."
                )
                warnings.append(MidiWarning("time_signature", sentence))


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
        raise InputError(
            f"The compressed score can't be unpacked ({because(error)}).", "bad_score"
        ) from error


def _check_xml(data: bytes) -> None:
    # Without its zero bytes UTF-16 reads as ASCII, so no encoding hides a declaration.
    if b"<!ENTITY" in data.replace(b"\0", b""):
        raise InputError("The score defines XML entities, which could expand without bound.", "bad_score")

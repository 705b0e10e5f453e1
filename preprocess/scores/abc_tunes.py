"""ABC tune books: each tune by note-seq's reader, by `abc_reader` what that refuses, and a reason for the rest.

What note-seq reads stays as note-seq reads it: repeats stand as sections of a NoteSequence.
"""

import re

from common.errors import InputError
from preprocess.scores.score import Score

MAX_TUNE = 100_000
"""Characters of a tune, some fifty pages; reading them takes seconds."""

_FIELD = re.compile(r"[A-Za-z+]:")
_REASONS = {
    "PartError": "abc_parts",
    "RepeatParseError": "abc_repeat",
}
"""Reason codes by note-seq's exception."""


def read_tune_book(data: bytes) -> Score:
    """The tunes of a book.

    Raises:
        InputError: where it holds none (`bad_score`).
    """
    from note_seq import abc_parser

    from preprocess.scores.abc_reader import FullTune

    score = Score()
    header, tunes = _split(_decoded(data))
    if not tunes:
        raise InputError("The ABC file holds no tune.", "bad_score")
    for number, tune in enumerate(tunes, 1):
        name = _name_of(tune, number)
        if sum(map(len, tune)) > MAX_TUNE:
            score.dropped.append((name, "too_long", f"Tune {name}: has more than {MAX_TUNE} characters."))
            continue
        try:
            try:
                sequence = abc_parser.ABCTune(header + tune).note_sequence
            except Exception:  # noqa: BLE001 - of many kinds, as below
                sequence = FullTune(header + tune).note_sequence
        except InputError as error:
            score.dropped.append((name, error.reason, f"Tune {name}: {error}"))
        except abc_parser.ABCParseError as error:
            reason = _REASONS.get(type(error).__name__, "abc_unreadable")
            what = str(error.args[-1] if error.args else "can't be read").rstrip(".")
            score.dropped.append((name, reason, f"Tune {name}: {what}."))
        except Exception:  # noqa: BLE001 - note-seq raises many kinds on damaged tunes
            message = f"Tune {name}: a field or a note in it makes no sense."
            score.dropped.append((name, "abc_unreadable", message))
        else:
            if sequence.notes:
                score.sequences.append(sequence)
            else:
                score.dropped.append((name, "no_notes", f"Tune {name}: has no notes."))
    return score


def _decoded(data: bytes) -> str:
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _split(text: str) -> tuple[list[str], list[list[str]]]:
    """The lines of the book's header, and those of each tune; free text between tunes is left out."""
    sections: list[list[str]] = [[]]
    for line in text.splitlines():
        line = line.strip()
        if line:
            sections[-1].append(line)
        elif sections[-1]:
            sections.append([])
    sections = [section for section in sections if section]
    header: list[str] = []
    if len(sections) > 1 and not any(line.startswith("X:") for line in sections[0]):
        header = [line for line in sections.pop(0) if _FIELD.match(line)]
    return header, [section for section in sections if any(_FIELD.match(line) for line in section)]


def _name_of(tune: list[str], number: int) -> str:
    """How people find a tune in a book: by its number and title."""
    fields = {line[0]: line[2:].strip() for line in reversed(tune) if _FIELD.match(line)}
    title = f" ({fields['T']})" if fields.get("T") else ""
    return f"{fields.get('X') or number}{title}"

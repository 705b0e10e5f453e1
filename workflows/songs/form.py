"""The form of a song: sections with a name and a number of bars, as `--structure` and MIDI markers have them."""

import re
from dataclasses import dataclass

from common.errors import InputError

MOST_BARS = 999
LONGEST_NAME = 40
EXAMPLE = '"intro:4 verse:8 chorus:8 verse:8 outro:4"'


@dataclass(frozen=True)
class Section:
    """A section of a song.

    Attributes:
        name: sections of one name are the same music.
        bars: its length.
    """

    name: str
    bars: int


@dataclass(frozen=True)
class SongForm:
    """The sections of a song, in order; sections of one name are the same music.

    >>> form = parse_structure("intro:4 verse:8 intro:4")
    >>> form.bars, form.starts, form.names
    (16, (0, 4, 12), ('intro', 'verse'))

    Attributes:
        sections: at least one, of at least one bar each.
    """

    sections: tuple[Section, ...]

    @property
    def bars(self) -> int:
        """Length of the song."""
        return sum(section.bars for section in self.sections)

    @property
    def starts(self) -> tuple[int, ...]:
        """The bar at which each section begins, counted from 0."""
        starts, bar = [], 0
        for section in self.sections:
            starts.append(bar)
            bar += section.bars
        return tuple(starts)

    @property
    def names(self) -> tuple[str, ...]:
        """The different names, in the order of their first appearance."""
        return tuple(dict.fromkeys(section.name for section in self.sections))

    @property
    def markers(self) -> tuple[tuple[int, str], ...]:
        """Bar, counted from 0, and name of each section, as MIDI markers have them."""
        return tuple((start, s.name) for start, s in zip(self.starts, self.sections, strict=True))

    def __str__(self) -> str:
        return " ".join(f"{section.name}:{section.bars}" for section in self.sections)


def parse_structure(text: str) -> SongForm:
    """The form that a text such as `intro:4 verse:8 chorus:8` describes; spaces or commas separate sections.

    >>> print(parse_structure("intro:4, verse:8"))
    intro:4 verse:8

    Raises:
        InputError: where the text has another form, a section has no bars, or the song has more than `MOST_BARS`.
    """
    sections = tuple(_section(part) for part in re.split(r"[\s,]+", text.strip(" \t\n,")) if part)
    if not sections:
        raise InputError(f"The structure is empty; expected sections such as {EXAMPLE}.", "bad_structure")
    return _checked(SongForm(sections))


def form_of(structure: str | None, bars: int | None) -> SongForm:
    """The form that `--structure` and `--bars` ask for; bars alone are one section, named `song`.

    Raises:
        InputError: where both are given and differ in length, neither is given, or one is invalid.
    """
    if structure is None:
        if bars is None:
            raise InputError(f"A song needs --bars or --structure, such as {EXAMPLE}.", "bad_structure")
        if bars < 1:
            raise InputError(f"--bars is {bars}; expected at least 1.", "bad_flag")
        return _checked(SongForm((Section("song", bars),)))
    form = parse_structure(structure)
    if bars is not None and bars != form.bars:
        raise InputError(
            f"--bars is {bars}, but the sections of --structure have {form.bars}; leave out --bars.",
            "bad_flag",
        )
    return form


def _section(text: str) -> Section:
    name, colon, bars = text.rpartition(":")
    if not colon or not name or ":" in name or not bars.isascii() or not bars.isdigit():
        raise InputError(
            f"The structure has '{text}'; expected a name, a colon and a number of bars, such as verse:8.",
            "bad_structure",
        )
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise InputError(
            f"The structure has a section named {name!r:.60}; expected at most {LONGEST_NAME} printable characters.",
            "bad_structure",
        )
    # A number of many digits is too long for a song anyway, and slow to convert.
    return Section(name, int(bars) if len(bars) < 10 else MOST_BARS + 1)


def _checked(form: SongForm) -> SongForm:
    for section in form.sections:
        if section.bars < 1:
            raise InputError(
                f"The section {section.name} has {section.bars} bars; expected at least 1.", "bad_structure"
            )
    if any(s.bars > MOST_BARS for s in form.sections) or form.bars > MOST_BARS:
        raise InputError(
            f"The song would have more than {MOST_BARS} bars; expected at most that many.", "bad_structure"
        )
    return form

"""Performances to files, for `humanize.py` and `tap2drum.py`: MIDI, picture, page and sound."""

import argparse
import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.console import printable
from common.errors import InputError
from common.output_files import check_outputs, write_atomically
from preprocess.note_sequence import NoteSequence
from preprocess.sources import as_text
from render.midi import Style

PICTURE_BARS = 8
"""Bars that a picture shows at most; more could not be told apart."""

FINEST_DENOMINATOR = 32
"""The largest denominator of the time signatures that a `Style` has."""


def style_of(
    tempos: Sequence[tuple[float, float]],
    meter: tuple[int, int],
    drum_map: Mapping[str, int] | None = None,
) -> Style:
    """The style in which pictures and sounds show the drums of a file.

    Args:
        tempos: (quarter note, quarter notes a minute from there on); the first at 0.
        meter: numerator and denominator; 4/4 replaces meters that a `Style` can't have.
        drum_map: MIDI note by drum name.
    """
    shown = meter if meter[1] <= FINEST_DENOMINATOR else (4, 4)
    return Style(tempos[0][1], drum_map=drum_map, time_signature=shown, tempos=tuple(tempos[1:]))


def shown_name(path: Path) -> str:
    """A file's name without its suffix, as titles show it: bytes that are not text, and escape codes, are made visible."""
    return printable(as_text(path.stem), line=True)


def are_shown(args: argparse.Namespace) -> bool:
    """Whether the flags ask for more than MIDI files."""
    return bool(args.png or args.gallery or args.wav)


def midi_paths(stem: Path, count: int) -> list[Path]:
    """`STEM.mid`, or `STEM-000-of-008.mid` and so on."""
    numbers = [""] if count == 1 else [f"-{i:03d}-of-{count:03d}" for i in range(count)]
    return [_path(stem, f"{number}.mid") for number in numbers]


def check_files(stems: Sequence[Path], args: argparse.Namespace) -> None:
    """Refuse to begin where a file of the performances can't be written.

    Raises:
        InputError: naming a file that exists, that can't be created, or that two inputs would write.
    """
    files: list[Path] = []
    for stem in stems:
        midi = midi_paths(stem, args.num_outputs)
        wavs = [path.with_suffix(".wav") for path in midi] if args.wav else []
        pages = [_path(stem, f".{kind}") for kind, on in (("png", args.png), ("html", args.gallery)) if on]
        files += [*midi, *wavs, *pages]
    for path, times in Counter(files).items():
        if times > 1:
            raise InputError(f"{path}: two of the inputs would become this file; rename one.", "same_name")
    check_outputs(files, args.force)


def _path(stem: Path, ending: str) -> Path:
    return stem.with_name(stem.name + ending)


@dataclass(frozen=True)
class Performances:
    """The performances of one input.

    Attributes:
        stem: path of the files to write, without number and ending.
        midi: the bytes of a MIDI file for each performance.
        drums: the drums of each as a NoteSequence, in the file's bars; empty where nothing shows them.
        given: the input's own drums, for comparison.
        bars: length in bars of `style`.
        style: tempo, meter and drum map of `drums`.
        title: over picture and page.
    """

    stem: Path
    midi: list[bytes]
    drums: list[NoteSequence]
    given: NoteSequence
    bars: int
    style: Style
    title: str

    def midi_paths(self) -> list[Path]:
        """The path of each performance's MIDI file."""
        return midi_paths(self.stem, len(self.midi))

    def rendered(self, args: argparse.Namespace) -> dict[Path, bytes]:
        """The files to write and their contents, except for sound."""
        paths = self.midi_paths()
        contents = dict(zip(paths, self.midi, strict=True))
        rows = [("as given", self.given)]
        rows += [(shown_name(path), drums) for path, drums in zip(paths, self.drums, strict=False)]
        if args.png:
            from render.pianoroll import clip_figure, png_bytes

            bars = min(self.bars, PICTURE_BARS)
            lengths = self.style.quarters_per_bar, self.style.quarters_per_beat
            figure = clip_figure(rows, bars, self.title, *lengths)
            contents[_path(self.stem, ".png")] = png_bytes(figure)
        if args.gallery:
            from render.gallery import Clip, Section, gallery_html

            given, *performed = (Clip(label, sequence, self.bars) for label, sequence in rows)
            sections = [
                Section("As given", "", (given,)),
                Section("Performed", "Each clip loops.", tuple(performed)),
            ]
            # The page plays at one tempo.
            style = dataclasses.replace(self.style, tempos=())
            contents[_path(self.stem, ".html")] = gallery_html(sections, self.title, style).encode("utf-8")
        return contents


def write_all(pieces: Sequence[Performances], args: argparse.Namespace) -> int:
    """Write the performances of all inputs, whose files `check_files` has accepted.

    Returns:
        The number of files.

    Raises:
        OutputError: where one can't be written.
    """
    count = 0
    for piece in pieces:
        contents = piece.rendered(args)
        for path, data in contents.items():
            write_atomically(path, data)
        count += len(contents) + (len(piece.drums) if args.wav else 0)
        if args.wav:
            from render.audio import write_wav

            for path, drums in zip(piece.midi_paths(), piece.drums, strict=True):
                write_wav(drums, path.with_suffix(".wav"), piece.style, piece.bars)
    return count

"""Clips as files: MIDI, and the picture, page and sound that a command's flags ask for."""

import argparse
import dataclasses
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import InputError
from common.output_files import check_outputs
from preprocess.converters.base import Converter
from preprocess.note_sequence import NoteSequence
from render.drum_maps import load_drum_map
from render.midi import FINEST, GIVEN, GIVEN_PART, Style, write_midi

MOST_IN_A_PICTURE = 64
"""Clips of one PNG; matplotlib draws no more than 65,536 pixels in height."""


def style_of(args: argparse.Namespace) -> Style:
    """The style that the flags of `workflows.flags.playback` ask for, in 4/4.

    Raises:
        InputError: where the drum map can't be used.
    """
    return Style(
        qpm=120.0 if args.qpm is None else args.qpm,
        swing=args.swing,
        velocity=args.velocity,
        accents=args.accents,
        drum_map=load_drum_map(args.drum_map) if args.drum_map else None,
    )


def in_meter_of(style: Style, converter: Converter) -> Style:
    """The style with the bars of a converter.

    Raises:
        InputError: where it swings, and the converter's steps are thirds of a quarter, which do so by themselves.
    """
    if style.swing and converter.steps_per_quarter == 3:
        raise InputError("--swing is for sixteenths; this model plays triplets, leave it out.", "bad_flag")
    return dataclasses.replace(style, time_signature=converter.meter)


@dataclass(frozen=True)
class ClipFiles:
    """The files that a command is going to write.

    Attributes:
        midi, wav: one a clip, or none.
        png, html: of all clips, or None.
        whole: all clips in one MIDI file, or None.
    """

    midi: list[Path]
    wav: list[Path]
    png: Path | None
    html: Path | None
    whole: Path | None = None

    @property
    def all(self) -> list[Path]:
        """Every file, MIDI first."""
        single = [path for path in (self.png, self.html, self.whole) if path]
        return [*self.midi, *single, *self.wav]


def planned_files(
    stem: Path,
    n: int,
    args: argparse.Namespace,
    whole: bool = False,
    endings: Sequence[str] = (),
    others: int = 0,
) -> ClipFiles:
    """The files of `n` clips, `STEM-000-of-008.mid` and so on, with those that the flags ask for.

    Args:
        stem: folder and beginning of the names.
        n: number of clips.
        args: the command's flags.
        whole: also all clips in one, `STEM.mid`.
        endings: the end of each file's name, before `.mid`.
        others: number of clips that a picture shows beside them.

    Raises:
        InputError: where one exists and `--force` is not given, or a picture would hold too many clips.
    """
    if args.png and n + others > MOST_IN_A_PICTURE:
        raise InputError(
            f"--png shows at most {MOST_IN_A_PICTURE} clips, not {n + others}; leave it out or ask for fewer.",
            "bad_flag",
        )
    ends = endings or [""] * n
    midi = [stem.with_name(f"{stem.name}-{i:03d}-of-{n:03d}{end}.mid") for i, end in enumerate(ends)]
    files = ClipFiles(
        midi,
        [path.with_suffix(".wav") for path in midi] if args.wav else [],
        stem.with_name(f"{stem.name}.png") if args.png else None,
        stem.with_name(f"{stem.name}.html") if args.gallery else None,
        stem.with_name(f"{stem.name}.mid") if whole else None,
    )
    check_outputs(files.all, args.force)
    return files


@dataclass(frozen=True)
class Shown:
    """A clip in pictures and pages.

    Attributes:
        label: what it is.
        sequence: its NoteSequence.
        style: how it is played.
        given: (first, end) in bars of spans that were given, not played by a model.
    """

    label: str
    sequence: NoteSequence
    style: Style
    given: tuple[tuple[float, float], ...] = ()


def write_clips(
    clips: Sequence[Shown],
    stem: Path,
    args: argparse.Namespace,
    bars: int,
    title: str,
    chain: bool = False,
    whole: bool = False,
    beside: Sequence[Shown] = (),
    endings: Sequence[str] = (),
) -> list[Path]:
    """Write clips as MIDI files, and the pictures, page and sounds that the flags ask for.

    Args:
        clips: what to write.
        stem: folder and beginning of the files' names.
        args: the command's flags.
        bars: length of each clip.
        title: of picture and page.
        chain: the page plays one after the other.
        whole: also write all clips in one MIDI file.
        beside: clips that picture and page show before the others, such as the clip that they are made of.
        endings: the end of each file's name, before `.mid`.

    Returns:
        The files, MIDI first.

    Raises:
        InputError: as `planned_files`, before anything is written.
    """
    files = planned_files(stem, len(clips), args, whole, endings, len(beside))
    for path, clip in zip(files.midi, clips, strict=True):
        write_midi(clip.sequence, path, clip.style, bars, force=True)
    if files.whole:
        styles = [clip.style for clip in clips]
        one = joined([clip.sequence for clip in clips], bars, styles[0].quarters_per_bar)
        write_midi(one, files.whole, joined_style(styles, bars), bars * len(clips), force=True)
    if files.wav:
        from render.audio import write_wav

        for path, clip in zip(files.wav, clips, strict=True):
            write_wav(clip.sequence, path, clip.style, bars)
    if files.png:
        from render.audio import as_written
        from render.pianoroll import clip_figure, save_png

        everything = (*beside, *clips)
        rows = [(c.label, as_written(c.sequence, c.style, bars)) for c in everything]
        style, given = clips[0].style, [c.given for c in everything]
        figure = clip_figure(rows, bars, title, style.quarters_per_bar, style.quarters_per_beat, given)
        save_png(figure, files.png)
    if files.html:
        from render.gallery import Clip, Section, write_gallery

        names = [*(c.label for c in beside), *(path.stem for path in files.midi)]
        shown = tuple(
            Clip(c.label, c.sequence, bars, c.style, name, c.given)
            for c, name in zip((*beside, *clips), names, strict=True)
        )
        text = "Each step plays after the one before." if chain else "Each clip loops."
        write_gallery(files.html, [Section(title, text, shown, chain)], title, clips[0].style)
    return files.all


def numbered(sequences: Sequence[NoteSequence], style: Style, name: str = "") -> list[Shown]:
    """Clips of one style, labelled by a name and a number, from 1."""
    return [Shown(f"{name} {i}".strip(), sequence, style) for i, sequence in enumerate(sequences, 1)]


def joined_style(styles: Sequence[Style], bars: int) -> Style:
    """The style of `joined` clips: each at its own tempo, in the meter of the first.

    The resolution is a multiple of all of theirs if a file can have it, else the finest of them.
    """
    resolution = math.lcm(*(style.ticks_per_quarter for style in styles))
    if resolution > FINEST:
        resolution = max(style.ticks_per_quarter for style in styles)
    tempos: list[tuple[float, float]] = []
    for i, style in enumerate(styles):
        begin = i * bars * style.quarters_per_bar
        tempos += [(begin, style.qpm), *((begin + quarter, qpm) for quarter, qpm in style.tempos)]
    changes = [now for before, now in itertools.pairwise(tempos) if now[1] != before[1]]
    return dataclasses.replace(styles[0], tempos=tuple(changes), ticks_per_quarter=resolution)


def joined(sequences: list[NoteSequence], bars: int, quarters_per_bar: float = 4.0) -> NoteSequence:
    """One NoteSequence of consecutive clips, at the tempo of the first.

    Args:
        sequences: each of a single tempo; tempos may differ.
        bars: length of each clip; notes are cut at its end.
        quarters_per_bar: length of a bar in quarter notes.

    Returns:
        A NoteSequence with their notes, chord symbols and key signatures. Instruments are renumbered, so that each
        plays one program throughout.
    """
    whole = type(sequences[0])(ticks_per_quarter=sequences[0].ticks_per_quarter)
    qpm = _qpm(sequences[0])
    whole.tempos.add(qpm=qpm)
    whole.part_infos.add(part=GIVEN_PART, name=GIVEN)
    length = bars * quarters_per_bar * 60 / qpm
    numbers: dict[tuple[bool, int, int], int] = {}
    for i, sequence in enumerate(sequences):
        speed, begin, end = _qpm(sequence) / qpm, i * length, (i + 1) * length
        player_of = _players(sequence)
        given = {info.part for info in sequence.part_infos if info.name == GIVEN}
        for note in sequence.notes:
            start = begin + note.start_time * speed
            if start >= end:
                continue
            added = whole.notes.add()
            added.CopyFrom(note)
            player = player_of[note.is_drum, note.program, note.instrument]
            added.part = GIVEN_PART if note.part in given else 0
            added.instrument = numbers.setdefault(player, len(numbers))
            added.start_time, added.end_time = start, min(end, begin + note.end_time * speed)
        for field in ("text_annotations", "key_signatures"):
            for event in getattr(sequence, field):
                added = getattr(whole, field).add()
                added.CopyFrom(event)
                added.time = begin + event.time * speed
    whole.total_time = len(sequences) * length
    return whole


def _qpm(sequence: NoteSequence) -> float:
    return sequence.tempos[0].qpm if sequence.tempos else 120.0


def _players(sequence: NoteSequence) -> dict[tuple[bool, int, int], tuple[bool, int, int]]:
    """For each (is drum, program, instrument): (is drum, program, its index among the instruments of that program)."""
    players = {}
    seen: dict[tuple[bool, int], int] = {}
    for key in sorted({(note.is_drum, note.program, note.instrument) for note in sequence.notes}):
        kind = key[:2]
        players[key] = (*kind, seen.setdefault(kind, 0))
        seen[kind] += 1
    return players

"""What the commands that write clips share: the flags of playing, and writing clips with their pictures."""

import argparse
import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preprocess import flags
from preprocess.errors import InputError
from preprocess.output_files import check_outputs
from render.drum_maps import DRUM_MAPS, load_drum_map
from render.midi import Style, write_midi

MOST_IN_A_PICTURE = 64
"""Clips of one PNG; matplotlib draws no more than 65,536 pixels in height."""


def add_style_flags(parser: argparse.ArgumentParser) -> None:
    """Flags that say how clips are played and written."""
    group = parser.add_argument_group("playing")
    group.add_argument("--qpm", type=flags.QPM, help="quarter notes a minute, 10 to 400 (default: 120)")
    group.add_argument(
        "--velocity",
        type=flags.integer(1, 127),
        default=None,
        help="1 to 127 for all notes (default: as the model plays them)",
    )
    group.add_argument("--accents", action="store_true", help="beats louder, off-beat sixteenths softer")
    group.add_argument(
        "--swing", type=flags.number(0, 0.5), default=0.0, help="0 to 0.5 of a sixteenth (default: 0)"
    )
    maps = ", ".join(DRUM_MAPS)
    group.add_argument(
        "--drum_map", help=f"{maps}, or a .toml file (default: the General MIDI notes that the model plays)"
    )
    group = parser.add_argument_group("writing")
    group.add_argument("--output_dir", default="generated", help="folder to write to (default: generated)")
    group.add_argument("--force", action="store_true", help="overwrite files of the same name")
    group.add_argument("--png", action="store_true", help="write a piano roll as well")
    group.add_argument(
        "--gallery", action="store_true", help="write an HTML page that shows and plays the clips"
    )
    group.add_argument("--wav", action="store_true", help="write the sound as well")


def style_of(args: argparse.Namespace) -> Style:
    """The style that the flags ask for, in 4/4.

    Raises:
        InputError: where a flag makes no sense.
    """
    return Style(
        qpm=120.0 if args.qpm is None else args.qpm,
        swing=args.swing,
        velocity=args.velocity,
        accents=args.accents,
        drum_map=load_drum_map(args.drum_map) if args.drum_map else None,
    )


def meter_of(converter: Any) -> tuple[int, int]:
    """The time signature that a converter's music is in: its own, or the quarter notes of a bar."""
    own: tuple[int, int] | None = getattr(converter, "time_signature", None)
    return own or (converter.steps_per_bar // converter.steps_per_quarter, 4)


def in_meter_of(style: Style, converter: Any) -> Style:
    """The style with the bars of a converter.

    Raises:
        InputError: where it swings, and the converter's steps are thirds of a quarter, which do so by themselves.
    """
    if style.swing and converter.steps_per_quarter == 3:
        raise InputError("--swing is for sixteenths; this model plays triplets, leave it out.", "bad_flag")
    return dataclasses.replace(style, time_signature=meter_of(converter))


def bars_of(converter: Any, steps: int) -> int:
    """The bars that hold so many steps of a converter's output."""
    if hasattr(converter, "chunk_steps"):
        # A step is an event there; how long they last is a matter of the chunks.
        return converter.max_num_chunks * converter.chunk_steps // converter.steps_per_bar
    if getattr(converter, "split_instruments", False):
        steps = -(-steps // len(converter.pitch_classes))
    return -(-steps // converter.steps_per_bar)


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


def planned_files(stem: Path, n: int, args: argparse.Namespace, whole: bool = False) -> ClipFiles:
    """The files of `n` clips, `STEM-000-of-008.mid` and so on, with those that the flags ask for.

    Args:
        stem: folder and beginning of the names.
        n: number of clips.
        args: the command's flags.
        whole: also all clips in one, `STEM.mid`.

    Raises:
        InputError: where one exists and `--force` is not given, or a picture would hold too many clips.
    """
    if args.png and n > MOST_IN_A_PICTURE:
        raise InputError(
            f"--png shows at most {MOST_IN_A_PICTURE} clips, not {n}; leave it out or ask for fewer.",
            "bad_flag",
        )
    midi = [stem.with_name(f"{stem.name}-{i:03d}-of-{n:03d}.mid") for i in range(n)]
    files = ClipFiles(
        midi,
        [path.with_suffix(".wav") for path in midi] if args.wav else [],
        stem.with_name(f"{stem.name}.png") if args.png else None,
        stem.with_name(f"{stem.name}.html") if args.gallery else None,
        stem.with_name(f"{stem.name}.mid") if whole else None,
    )
    check_new(files.all, args.force)
    return files


def check_new(paths: list[Path], force: bool) -> None:
    """Refuse to begin where one of the files to write exists, or can't be written.

    Raises:
        InputError: naming the first.
    """
    check_outputs(paths, force)


def write_clips(
    sequences: list[Any],
    stem: Path,
    args: argparse.Namespace,
    bars: int,
    title: str,
    chain: bool = False,
    style: Style | None = None,
    whole: bool = False,
) -> list[Path]:
    """Write NoteSequences as MIDI files, and the pictures, page and sounds that the flags ask for.

    Args:
        sequences: one a clip.
        stem: folder and beginning of the files' names.
        args: the command's flags.
        bars: length of each clip.
        title: of picture and page.
        chain: the page plays one after the other.
        style: how they are played; by default as the flags ask, in 4/4.
        whole: also write all clips in one MIDI file.

    Returns:
        The files, MIDI first.

    Raises:
        InputError: as `planned_files`, before anything is written.
    """
    style = style or style_of(args)
    files = planned_files(stem, len(sequences), args, whole)
    for path, sequence in zip(files.midi, sequences, strict=True):
        write_midi(sequence, path, style, bars, force=True)
    if files.whole:
        everything = joined(sequences, bars, style.quarters_per_bar)
        write_midi(everything, files.whole, style, bars * len(sequences), force=True)
    if files.wav:
        from render.audio import write_wav

        for path, sequence in zip(files.wav, sequences, strict=True):
            write_wav(sequence, path, style, bars)
    if files.png:
        from render.audio import as_written
        from render.pianoroll import clip_figure, save_png

        rows = [(p.stem, as_written(s, style, bars)) for p, s in zip(files.midi, sequences, strict=True)]
        figure = clip_figure(rows, bars, title, style.quarters_per_bar, style.quarters_per_beat)
        save_png(figure, files.png)
    if files.html:
        from render.gallery import Clip, Section, write_gallery

        clips = tuple(Clip(p.stem, s, bars) for p, s in zip(files.midi, sequences, strict=True))
        text = "Each step plays after the one before." if chain else "Each clip loops."
        write_gallery(files.html, [Section(title, text, clips, chain)], title, style)
    return files.all


def joined(sequences: list[Any], bars: int, quarters_per_bar: float = 4.0) -> Any:
    """One NoteSequence of clips one after the other, at the tempo of the first.

    Args:
        sequences: of one tempo each, which may differ.
        bars: length of each clip; notes are cut where it ends.
        quarters_per_bar: length of a bar in quarter notes.

    Returns:
        A NoteSequence with their notes, chord symbols and key signatures. Instruments are numbered anew, so
        that one of them plays one program throughout.
    """
    whole = type(sequences[0])(ticks_per_quarter=sequences[0].ticks_per_quarter)
    qpm = _qpm(sequences[0])
    whole.tempos.add(qpm=qpm)
    length = bars * quarters_per_bar * 60 / qpm
    numbers: dict[Any, int] = {}
    for i, sequence in enumerate(sequences):
        speed, begin, end = _qpm(sequence) / qpm, i * length, (i + 1) * length
        player_of = _players(sequence)
        for note in sequence.notes:
            start = begin + note.start_time * speed
            if start >= end:
                continue
            added = whole.notes.add()
            added.CopyFrom(note)
            player = player_of[note.is_drum, note.program, note.instrument]
            added.instrument = numbers.setdefault(player, len(numbers))
            added.start_time, added.end_time = start, min(end, begin + note.end_time * speed)
        for field in ("text_annotations", "key_signatures"):
            for event in getattr(sequence, field):
                added = getattr(whole, field).add()
                added.CopyFrom(event)
                added.time = begin + event.time * speed
    whole.total_time = len(sequences) * length
    return whole


def _qpm(sequence: Any) -> float:
    return sequence.tempos[0].qpm if sequence.tempos else 120.0


def _players(sequence: Any) -> dict[tuple[bool, int, int], tuple[bool, int, int]]:
    """Each instrument's drums or not, program, and which of the instruments of that program it is."""
    players = {}
    seen: dict[tuple[bool, int], int] = {}
    for key in sorted({(note.is_drum, note.program, note.instrument) for note in sequence.notes}):
        kind = key[:2]
        players[key] = (*kind, seen.setdefault(kind, 0))
        seen[kind] += 1
    return players

"""What `sample.py` and `interpolate.py` share: the flags of playing, and writing clips with their pictures."""

import argparse
from pathlib import Path
from typing import Any

from preprocess.errors import InputError
from render.drum_maps import DRUM_MAPS, load_drum_map
from render.midi import Style, write_midi


def add_style_flags(parser: argparse.ArgumentParser) -> None:
    """Flags that say how clips are played and written."""
    group = parser.add_argument_group("playing")
    group.add_argument("--qpm", type=float, default=120.0, help="quarter notes a minute (default: 120)")
    group.add_argument("--velocity", type=int, default=None, help="1 to 127 for all notes (default: 80)")
    group.add_argument("--accents", action="store_true", help="beats louder, off-beat sixteenths softer")
    group.add_argument("--swing", type=float, default=0.0, help="0 to 0.5 of a sixteenth (default: 0)")
    maps = ", ".join(DRUM_MAPS)
    group.add_argument(
        "--drum_map", default="general_midi", help=f"{maps}, or a .toml file (default: general_midi)"
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
    """The style that the flags ask for."""
    return Style(
        qpm=args.qpm,
        swing=args.swing,
        velocity=args.velocity,
        accents=args.accents,
        drum_map=load_drum_map(args.drum_map),
    )


def bars_of(max_seq_len: int) -> int:
    """Bars of 4/4 that hold so many sixteenths."""
    return -(-max_seq_len // 16)


def check_new(paths: list[Path], force: bool) -> None:
    """Refuse to begin where one of the files to write exists.

    Raises:
        InputError: naming the first.
    """
    for path in paths:
        if path.exists() and not force:
            raise InputError(
                f"{path}: exists already; give --force to overwrite it, or another --output_dir.", "exists"
            )


def write_clips(
    sequences: list[Any], stem: Path, args: argparse.Namespace, bars: int, title: str, chain: bool = False
) -> list[Path]:
    """Write each NoteSequence as `STEM-000-of-008.mid`, with the pictures, page and sound that the flags ask for.

    Returns:
        The files, MIDI first.
    """
    style = style_of(args)
    n = len(sequences)
    midi = [stem.with_name(f"{stem.name}-{i:03d}-of-{n:03d}.mid") for i in range(n)]
    extras = {
        kind: stem.with_name(f"{stem.name}.{kind}")
        for kind, on in (("png", args.png), ("html", args.gallery))
        if on
    }
    wavs = [path.with_suffix(".wav") for path in midi] if args.wav else []
    check_new([*midi, *extras.values(), *wavs], args.force)
    for path, sequence in zip(midi, sequences, strict=True):
        write_midi(sequence, path, style, bars, force=True)
    for path, sequence in zip(wavs, sequences, strict=False):
        from render.audio import write_wav

        write_wav(sequence, path, style, bars)
    if "png" in extras:
        from render.pianoroll import drum_figure, save_png

        rows = [(path.stem, sequence) for path, sequence in zip(midi, sequences, strict=True)]
        save_png(drum_figure(rows, bars, title), extras["png"])
    if "html" in extras:
        from render.gallery import Clip, Section, write_gallery

        clips = tuple(Clip(p.stem, s, bars) for p, s in zip(midi, sequences, strict=True))
        text = "Each step plays after the one before." if chain else "Each clip loops."
        write_gallery(extras["html"], [Section(title, text, clips, chain)], title, style)
    return [*midi, *extras.values(), *wavs]

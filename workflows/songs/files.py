"""Songs as files: MIDI with a marker at each section, and pictures, sound and an HTML page where flags ask for them."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.output_files import check_outputs
from preprocess.note_sequence import NoteSequence
from render.midi import Style, write_midi
from workflows.songs.composing import Song


@dataclass(frozen=True)
class SongFiles:
    """The files that songs are written to.

    Attributes:
        midi: one a song.
        png, wav: one a song, or none.
        html: of all songs, or None.
    """

    midi: list[Path]
    png: list[Path]
    wav: list[Path]
    html: Path | None

    @property
    def all(self) -> list[Path]:
        """Every file, MIDI first."""
        return [*self.midi, *self.png, *([self.html] if self.html else []), *self.wav]


def planned_song_files(stem: Path, n: int, args: argparse.Namespace) -> SongFiles:
    """The files of `n` songs, `STEM-000-of-002.mid` and so on, with those that `--png`, `--wav`, `--gallery` ask for.

    Raises:
        InputError: where one exists and `--force` is not given.
    """
    midi = [stem.with_name(f"{stem.name}-{i:03d}-of-{n:03d}.mid") for i in range(n)]
    files = SongFiles(
        midi,
        [path.with_suffix(".png") for path in midi] if args.png else [],
        [path.with_suffix(".wav") for path in midi] if args.wav else [],
        stem.with_name(f"{stem.name}.html") if args.gallery else None,
    )
    check_outputs(files.all, args.force)
    return files


def write_songs(
    songs: Sequence[Song],
    sequences: Sequence[NoteSequence],
    stem: Path,
    args: argparse.Namespace,
    style: Style,
    steps_per_bar: int = 16,
) -> list[Path]:
    """Write songs of one form.

    Args:
        songs: as they were composed.
        sequences: a NoteSequence each, as it is played.
        stem: folder and beginning of the files' names.
        args: the command's flags, `workflows.flags.playback.add_style_flags`.
        style: how they are played, in their meter.
        steps_per_bar: steps of a bar of their tokens.

    Returns:
        The files, MIDI first.

    Raises:
        InputError: as `planned_song_files`, before anything is written.
    """
    files = planned_song_files(stem, len(songs), args)
    for path, song, sequence in zip(files.midi, songs, sequences, strict=True):
        write_midi(sequence, path, style, song.form.bars, force=True, markers=song.markers)
    if files.wav:
        from render.audio import write_wav

        for path, song, sequence in zip(files.wav, songs, sequences, strict=True):
            write_wav(sequence, path, style, song.form.bars)
    titles = [f"Song {number}" for number in range(1, len(songs) + 1)]
    for path, title, song, sequence in zip(files.png, titles, songs, sequences, strict=False):
        _draw(path, title, song, sequence, style, steps_per_bar)
    if files.html:
        from render.gallery import Clip, Section, write_gallery

        clips = tuple(
            Clip(title, sequence, song.form.bars, file=path.stem)
            for path, title, song, sequence in zip(files.midi, titles, songs, sequences, strict=True)
        )
        write_gallery(files.html, [Section("Songs", str(songs[0].form), clips)], "Songs", style)
    return files.all


def _draw(
    path: Path, title: str, song: Song, sequence: NoteSequence, style: Style, steps_per_bar: int
) -> None:
    from render.audio import as_written
    from render.pianoroll import save_png
    from render.song import song_figure

    figure = song_figure(
        as_written(sequence, style, song.form.bars),
        song.tokens,
        [(section.name, section.bars) for section in song.sections],
        song.fills,
        title,
        steps_per_bar,
        style.quarters_per_bar,
        style.quarters_per_beat,
    )
    save_png(figure, path)

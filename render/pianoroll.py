"""Piano rolls as pictures: drums as nine named rows, pitched music by key, bars and beats as lines."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from preprocess.converters.drum_classes import REDUCED_DRUM_CLASSES
from preprocess.tfrecord import write_atomically

INK, PAPER, GRID, BAR = "#22223b", "#fbfaf7", "#e6e2da", "#9a8c98"
COLOURS = {
    "kick": "#c8553d",
    "snare": "#e09f3e",
    "closed hi-hat": "#2a9d8f",
    "open hi-hat": "#4fb3a5",
    "low tom": "#6d597a",
    "mid tom": "#8e6f9c",
    "high tom": "#b08abf",
    "crash": "#3d5a80",
    "ride": "#6d8fb8",
}
ROW_OF_PITCH = {p: i for i, drum in enumerate(REDUCED_DRUM_CLASSES) for p in drum.pitches}


def drum_figure(rows: list[tuple[str, Any]], bars: int = 4, title: str = "") -> Figure:
    """Drum beats one under the other.

    Args:
        rows: label and NoteSequence of each beat.
        bars: length of each, in 4/4.
        title: above the picture.
    """
    height = 1.75 if len(rows) > 2 else 2.3
    figure = Figure(figsize=(min(24, 2.6 * bars + 1.2), height * len(rows) + 0.5), facecolor=PAPER)
    axes = figure.subplots(len(rows), 1, squeeze=False, sharex=True)[:, 0]
    for axis, (label, sequence) in zip(axes, rows, strict=True):
        _draw_beat(axis, sequence, bars)
        axis.set_title(label, loc="left", fontsize=9, color=INK, pad=3)
    if title:
        figure.suptitle(title, x=0.02, ha="left", fontsize=12, color=INK)
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.3 / figure.get_figheight() if title else 1))
    return figure


def _draw_beat(axis: Any, sequence: Any, bars: int) -> None:
    steps = bars * 16
    axis.set_facecolor(PAPER)
    axis.set_xlim(0, steps)
    axis.set_ylim(-0.5, len(REDUCED_DRUM_CLASSES) - 0.5)
    for step in range(0, steps + 1, 4):
        axis.axvline(
            step, color=BAR if step % 16 == 0 else GRID, linewidth=1.1 if step % 16 == 0 else 0.7, zorder=0
        )
    per_second = (sequence.tempos[0].qpm if sequence.tempos else 120.0) / 60 * 4
    for note in sequence.notes:
        row = ROW_OF_PITCH.get(note.pitch)
        if row is None or note.start_time * per_second >= steps:
            continue
        shade = 0.35 + 0.65 * note.velocity / 127
        colour = COLOURS[REDUCED_DRUM_CLASSES[row].name]
        box = FancyBboxPatch(
            (note.start_time * per_second + 0.1, row - 0.34), 0.8, 0.68, boxstyle="round,pad=0,rounding_size=0.18",
            facecolor=colour, alpha=shade, linewidth=0,
        )  # fmt: skip
        axis.add_patch(box)
    axis.set_yticks(
        range(len(REDUCED_DRUM_CLASSES)), [d.name for d in REDUCED_DRUM_CLASSES], fontsize=7, color=INK
    )
    axis.set_xticks(
        [16 * b for b in range(bars)], [f"bar {b + 1}" for b in range(bars)], fontsize=7, color=INK, ha="left"
    )
    axis.tick_params(length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)


def pitched_figure(sequence: Any, title: str = "") -> Figure:
    """A pitched NoteSequence as a piano roll, low notes at the bottom, time in seconds."""
    figure = Figure(figsize=(10, 3.2), facecolor=PAPER)
    axis = figure.subplots()
    axis.set_facecolor(PAPER)
    pitches = [note.pitch for note in sequence.notes] or [60]
    low, high = min(pitches) - 2, max(pitches) + 2
    for pitch in range(low, high + 1):
        if pitch % 12 in (1, 3, 6, 8, 10):
            axis.axhspan(pitch - 0.5, pitch + 0.5, color=GRID, alpha=0.5, linewidth=0)
    for note in sequence.notes:
        width = max(0.02, note.end_time - note.start_time)
        axis.barh(
            note.pitch,
            width,
            left=note.start_time,
            height=0.85,
            color=COLOURS["crash"],
            alpha=0.35 + 0.65 * note.velocity / 127,
        )
    axis.set_ylim(low, high)
    axis.set_xlim(0, max(1.0, sequence.total_time))
    axis.set_xlabel("seconds", fontsize=8)
    axis.set_ylabel("MIDI pitch", fontsize=8)
    axis.set_title(title, loc="left", fontsize=11, color=INK)
    figure.tight_layout()
    return figure


def png_bytes(figure: Figure, dpi: int = 110) -> bytes:
    """The bytes of a PNG file."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer) if dpi == figure.dpi else figure.savefig(
        buffer, format="png", dpi=dpi
    )
    return buffer.getvalue()


def save_png(figure: Figure, path: str | Path, dpi: int = 110) -> None:
    """Write a figure as PNG, whole or not at all."""
    write_atomically(path, png_bytes(figure, dpi))


def drum_grid(sequence: Any, steps: int) -> np.ndarray:
    """Velocities `[9, steps]` of a drum NoteSequence on sixteenths, 0 where nothing is struck."""
    grid = np.zeros((len(REDUCED_DRUM_CLASSES), steps), dtype=np.int32)
    per_second = (sequence.tempos[0].qpm if sequence.tempos else 120.0) / 60 * 4
    for note in sequence.notes:
        step, row = int(note.start_time * per_second + 0.5), ROW_OF_PITCH.get(note.pitch)
        if row is not None and 0 <= step < steps:
            grid[row, step] = max(grid[row, step], note.velocity)
    return grid

"""PNG plots of the experiments (piano rolls of 13 keys, curves, matrices), and their MIDI files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from patterns.melody import KEYS, roll_to_note_sequence
from render.pianoroll import GRID, INK, PAPER, PART_COLOURS, save_png

WRONG = PART_COLOURS[1]
"""Of frames that are not as they should be."""


def _figure(width: float, height: float, title: str) -> Figure:
    figure = Figure(figsize=(width, height), facecolor=PAPER)
    figure.set_layout_engine("constrained")
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=12, color=INK, parse_math=False)
    return figure


def _prepare(axis: Any, heading: str) -> None:
    axis.set_facecolor(PAPER)
    axis.set_title(heading, loc="left", fontsize=9, color=INK, parse_math=False)
    axis.tick_params(labelsize=7.5, length=0, colors=INK)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)


def save_rolls(
    path: Path, rolls: Mapping[str, np.ndarray], title: str = "", truth: np.ndarray | None = None
) -> None:
    """Plot piano rolls one below the other, low keys at the bottom.

    Args:
        path: PNG file to write.
        rolls: rolls by heading, `[frames, keys]` each, values from 0 (white) to 1 (black).
        title: title of the whole figure.
        truth: what rolls of this shape should be, `[frames, keys]`; their wrong frames are coloured.
    """
    figure = _figure(11, 0.6 + 1.7 * len(rolls), title)
    axes = figure.subplots(len(rolls), 1, squeeze=False)[:, 0]
    for axis, (heading, roll) in zip(axes, rolls.items(), strict=True):
        wrong = wrong_frames(roll, truth)
        _prepare(axis, f"{heading}: {len(wrong)} wrong frames, coloured" if len(wrong) else heading)
        for frame in wrong:
            axis.axvspan(frame - 0.5, frame + 0.5, color=WRONG, alpha=0.35, linewidth=0, zorder=2)
        axis.imshow(np.asarray(roll).T, aspect="auto", origin="lower", cmap="Greys", vmin=0, vmax=1)
        axis.set_xticks(np.arange(0, len(roll), 8) - 0.5, [str(i) for i in range(0, len(roll), 8)])
        axis.grid(axis="x", color=GRID)
        named = range(0, len(KEYS), 2) if roll.shape[1] == len(KEYS) else ()
        axis.set_yticks(named, [KEYS[key] for key in named])
    axes[-1].set_xlabel("frame (an eighth note each)", fontsize=8, color=INK)
    save_png(figure, path)


def wrong_frames(roll: np.ndarray, truth: np.ndarray | None) -> np.ndarray:
    """The frames, int, in which a key is at least half on and should not be, or the other way round.

    Args:
        roll: `[frames, keys]`, from 0 to 1.
        truth: what it should be; none is wrong where it is None or of another shape.
    """
    if truth is None or np.shape(roll) != np.shape(truth):
        return np.zeros(0, np.int64)
    return np.flatnonzero(((np.asarray(roll) >= 0.5) != (np.asarray(truth) >= 0.5)).any(axis=1))


def save_curves(
    path: Path,
    curves: Mapping[str, Sequence[float] | tuple[Sequence[float], Sequence[float]]],
    meaning: str,
    over: str = "steps",
    title: str = "",
    logarithmic: bool = False,
    marks: Mapping[str, float] | None = None,
) -> None:
    """Plot curves in one panel.

    Args:
        path: PNG file to write.
        curves: curves by name, either y values at x = 0, 1, 2, ..., or a pair of x and y values.
        meaning: what the y axis shows, with its unit.
        over: what the x axis shows.
        title: title of the figure.
        logarithmic: whether the y axis is logarithmic.
        marks: y values of horizontal reference lines, by label.
    """
    figure = _figure(7.5, 4.2, title)
    axis = figure.subplots()
    _prepare(axis, meaning)
    for i, (name, curve) in enumerate(curves.items()):
        places, values = curve if isinstance(curve, tuple) else (range(len(curve)), curve)
        colour = PART_COLOURS[i % len(PART_COLOURS)]
        # A line needs two points.
        marker = "o" if len(values) == 1 else None
        axis.plot(list(places), list(values), label=name, linewidth=1.3, color=colour, marker=marker)
    for name, value in (marks or {}).items():
        axis.axhline(value, color=INK, linewidth=0.8, linestyle=":")
        axis.annotate(
            name, (1, value), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=7.5
        )
    if logarithmic:
        axis.set_yscale("log")
    axis.grid(axis="y", color=GRID)
    axis.set_axisbelow(True)
    axis.set_xlabel(over, fontsize=8, color=INK)
    if len(curves) > 1:
        axis.legend(fontsize=8, frameon=False, labelcolor=INK)
    save_png(figure, path)


def save_matrices(
    path: Path, matrices: Mapping[str, np.ndarray], rows: str, columns: str, title: str = ""
) -> None:
    """Plot matrices side by side, each with a colour scale of its own.

    Args:
        path: PNG file to write.
        matrices: matrices by heading, `[rows, columns]`; row 0 is drawn at the bottom.
        rows, columns: labels of the y and x axes.
        title: title of the whole figure.
    """
    figure = _figure(5.2 * len(matrices), 4.2, title)
    for axis, (heading, matrix) in zip(
        figure.subplots(1, len(matrices), squeeze=False)[0], matrices.items(), strict=True
    ):
        _prepare(axis, heading)
        image = axis.imshow(matrix, aspect="auto", origin="lower", cmap="magma_r", interpolation="nearest")
        axis.set_ylabel(rows, fontsize=8, color=INK)
        axis.set_xlabel(columns, fontsize=8, color=INK)
        figure.colorbar(image, ax=axis, fraction=0.04).ax.tick_params(labelsize=7)
    save_png(figure, path)


def save_midi(path: Path, roll: np.ndarray) -> None:
    """Write struck keys `[frames, 13]` as a MIDI file at 120 bpm, one eighth note per frame."""
    from render.midi import write_midi

    write_midi(roll_to_note_sequence(np.asarray(roll), path.stem), path, force=True)

"""Axes that hold piano rolls of 88 keys: their sizes, grids, keyboards and scales, as pictures of piano models share them."""

import math
import textwrap
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.colors import LinearSegmentedColormap, ListedColormap
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from preprocess.keyboard import HIGHEST_PITCH, KEYS, LOWEST_PITCH
from render.pianoroll import BAR, BLACK_KEYS, GRID, INK, PAPER, PART_COLOURS, octave_name, save_png

BAR_FRAMES, BEAT_FRAMES = 16, 4
PLAYED, ONE_ONLY = PART_COLOURS[0], PART_COLOURS[1]
SHADES = LinearSegmentedColormap.from_list("share", (PAPER, "#b9d3dc", "#6d9dc0", "#3d5a80", INK))
"""From nothing to all: probabilities and shares, darker where they are greater."""

MOST_FRAMES = 2048
"""A longer roll would have more frames than a picture of sensible size has pixels."""

WIDEST, MARGIN = 14.0, 1.8
"""Inches of the widest picture, and of what stands left and right of a roll."""

FINEST = 200
"""Dots an inch, at most."""


def key_range(used: np.ndarray) -> tuple[int, int]:
    """The lowest and the highest MIDI pitch to show.

    Args:
        used: bool `[frames, 88]`.

    Returns:
        What is used and two keys more on either side, at least two octaves, within the keyboard.
    """
    found = np.flatnonzero(used.any(axis=0)) + LOWEST_PITCH
    low, high = (int(found[0]), int(found[-1])) if found.size else (60, 60)
    low, high = max(LOWEST_PITCH, low - 2), min(HIGHEST_PITCH, high + 2)
    if high - low < 24:
        low = min(max(LOWEST_PITCH, (low + high) // 2 - 12), HIGHEST_PITCH - 24)
        high = low + 24
    return low, high


def checked_roll(name: str, roll: np.ndarray) -> np.ndarray:
    """The roll as bool."""
    shape = np.shape(roll)
    if len(shape) != 2 or shape[1] != KEYS or not 0 < shape[0] <= MOST_FRAMES:
        raise ValueError(
            f"{name} has the shape {shape}; expected (frames, {KEYS}) with 1 to {MOST_FRAMES} frames."
        )
    return np.asarray(roll) != 0


def check_shares(name: str, values: np.ndarray) -> None:
    """A mean of float32 numbers may go a little beyond 1."""
    if not (values.min(initial=0) >= -1e-3 and values.max(initial=0) <= 1.001):
        raise ValueError(f"{name} holds {values.min()} to {values.max()}; expected 0 to 1 (no logits).")


def picture_width(frames: int) -> float:
    """Width of a picture of that many frames, in inches."""
    return min(WIDEST, max(7.0, 0.085 * frames + MARGIN))


def roll_height(shown: tuple[int, int]) -> float:
    """Height of a roll of these keys, in inches."""
    return min(3.4, max(1.7, 0.055 * (shown[1] - shown[0])))


def new_figure(width: float, height: float, title: str) -> Figure:
    figure = Figure(figsize=(width, height), facecolor=PAPER)
    figure.set_layout_engine("constrained", hspace=0.03, h_pad=0.05)
    if title:
        lines = textwrap.fill(title, int(width * 10))
        figure.suptitle(lines, x=0.01, ha="left", fontsize=12, color=INK, parse_math=False)
    return figure


def save(figure: Figure, path: Path, frames: int) -> None:
    """As fine as gives a frame two pixels, or one in very long rolls, so that none falls between two pixels."""
    dots = math.ceil(2 * frames / (figure.get_figwidth() - 2 * MARGIN))
    save_png(figure, path, min(FINEST, max(110, dots)))


def heading(axis: Axes, text: str) -> None:
    axis.set_title(text, loc="left", fontsize=9, color=INK, pad=3, parse_math=False)


def draw_image(axis: Axes, values: np.ndarray, rows: tuple[float, float], greatest: float) -> AxesImage:
    """Cells `[rows, frames]` in shades, the first row at the bottom."""
    extent = (0, values.shape[1], *rows)
    return axis.imshow(
        values, cmap=SHADES, vmin=0, vmax=greatest, extent=extent, origin="lower", aspect="auto",
        interpolation="nearest", zorder=1,
    )  # fmt: skip


def draw_roll(
    axis: Axes,
    keys: np.ndarray,
    shown: tuple[int, int],
    both: np.ndarray | None = None,
    frames: int = 0,
    bar: int = BAR_FRAMES,
) -> None:
    """A roll on its keyboard; cells that are not in `both` are coloured apart."""
    for pitch in range(shown[0], shown[1] + 1):
        if pitch % 12 in BLACK_KEYS:
            axis.axhspan(pitch - 0.5, pitch + 0.5, color=GRID, alpha=0.45, linewidth=0, zorder=0)
    cells = np.where(keys, 1 if both is None else np.where(both, 1, 2), 0).T
    axis.imshow(
        np.ma.masked_equal(cells, 0), cmap=ListedColormap([PLAYED, ONE_ONLY]), vmin=1, vmax=2,
        extent=(0, len(keys), LOWEST_PITCH - 0.5, HIGHEST_PITCH + 0.5), origin="lower", aspect="auto",
        interpolation="nearest", zorder=1,
    )  # fmt: skip
    draw_grid(axis, frames or len(keys), bar=bar)
    name_octaves(axis, shown)


def draw_grid(axis: Axes, frames: int, above: bool = False, bar: int = BAR_FRAMES) -> None:
    """Lines of bars and beats, and the numbers of bars, as many as there is room for; no box around them.

    Args:
        axis: to be drawn on.
        frames: its length.
        above: whether the lines lie over an image that fills the axis.
        bar: frames of a bar; beats are quarter notes.
    """
    axis.set_facecolor(PAPER)
    axis.set_xlim(0, frames)
    order, thick = (2, 0.5) if above else (0.5, 1.1)
    thick = thick / 2 if frames > 512 else thick
    if frames <= 256 and not above:
        for start in range(0, frames + 1, bar):
            for beat in range(start + BEAT_FRAMES, min(start + bar, frames + 1), BEAT_FRAMES):
                axis.axvline(beat, color=GRID, linewidth=0.7, zorder=order)
    for frame in range(0, frames + 1, bar):
        axis.axvline(frame, color=BAR, linewidth=thick, zorder=order)
    bars = math.ceil(frames / bar)
    every = next(n for n in (1, 2, 4, 8, 16, 32) if bars / n <= 20)
    numbers = range(0, bars, every)
    axis.set_xticks(
        [b * bar for b in numbers], [f"bar {b + 1}" for b in numbers], fontsize=7, color=INK, ha="left"
    )
    axis.tick_params(length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)


def name_octaves(axis: Axes, shown: tuple[int, int], above: bool = False) -> None:
    low, high = shown
    axis.set_ylim(low - 0.5, high + 0.5)
    octaves = [pitch for pitch in range(low, high + 1) if pitch % 12 == 0]
    for pitch in octaves:
        axis.axhline(pitch - 0.5, color=BAR, alpha=0.5, linewidth=0.6, zorder=2 if above else 0.4)
    axis.set_yticks(octaves, [octave_name(pitch) for pitch in octaves], fontsize=7, color=INK)


def prepare_scale(scale: Colorbar, meaning: str) -> None:
    scale.set_label(meaning, fontsize=7.5, color=INK)
    scale.ax.tick_params(labelsize=7, length=2, colors=INK)
    scale.outline.set_visible(False)

"""The picture of a piano model's training: the loss a frame over the steps, and the nats of held-out pieces.

Where the loss is not a likelihood (for samplers and Boltzmann machines), the two are on different scales.
"""

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common.errors import InputError
from render.pianoroll import GRID, INK, PAPER, PART_COLOURS, save_png

TRAINING, HELD_OUT = PART_COLOURS[2], PART_COLOURS[1]

Points = list[tuple[int, float]]
"""Steps, and what was measured after them."""


def curves_figure(rows: Sequence[Mapping[str, Any]], title: str = "") -> Figure:
    """Loss and nats a frame over the steps; where keys are decoded by themselves, of all and of each part.

    The first steps, in which the loss falls from where chance put it, may lie above the picture.

    Args:
        rows: lines of a run's `log.csv`, as numbers or as text; what is empty is left out.
        title: above the picture.

    Raises:
        InputError: where no line has a step and nats, or a value is not a number.
    """
    nats, key_nats = _points(rows, "nats"), _points(rows, "key_nats")
    if not nats:
        raise InputError("The log holds no nats a frame; is it a piano model's?", "no_nats")
    panels = [("loss in training, nats held out, a frame", nats, _points(rows, "val_loss"))]
    if key_nats:
        keys = dict(key_nats)
        together = [(step, value + keys[step]) for step, value in nats if step in keys]
        panels = [
            ("loss in training, nats held out, a frame", together, panels[0][2]),
            ("of the frames' values", nats, _points(rows, "val_nats")),
            ("of the keys, given the values", key_nats, _points(rows, "val_key_nats")),
        ]
    figure = Figure(figsize=(7.5 if len(panels) == 1 else 4.6 * len(panels), 4.2), facecolor=PAPER)
    figure.set_layout_engine("constrained", w_pad=0.1)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=12, color=INK, parse_math=False)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, (heading, training, held_out) in zip(axes, panels, strict=True):
        _draw_panel(axis, heading, training, held_out)
    return figure


def save_curves(path: Path, log: Path | Sequence[Mapping[str, Any]], title: str = "") -> None:
    """Write `curves_figure` as PNG, whole or not at all; folders are made.

    Args:
        path: the PNG file to write.
        log: a run's `log.csv`, or its lines.
        title: above the picture.

    Raises:
        InputError: where the log can't be read, or is not that of a piano model.
    """
    save_png(curves_figure(read_log(log) if isinstance(log, Path) else log, title), path)


def read_log(path: Path) -> list[dict[str, str]]:
    """The lines of a run's `log.csv`.

    Raises:
        InputError: where it can't be read.
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return [dict(row) for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: can't be read as a log ({error}).", "unreadable") from error


def _points(rows: Sequence[Mapping[str, Any]], name: str) -> Points:
    """The points of a column, by ascending step; lines without a step or value, and values that are not finite, are left out."""
    points = []
    for row in rows:
        step, value = row.get("step"), row.get(name)
        if step in (None, "") or value in (None, ""):
            continue
        try:
            point = int(float(step)), float(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(
                f"The log's step is '{step}' and its {name} is '{value}'; expected numbers.", "bad_log"
            ) from error
        if math.isfinite(point[1]):
            points.append(point)
    return sorted(points)


def _draw_panel(axis: Axes, heading: str, training: Points, held_out: Points) -> None:
    axis.set_facecolor(PAPER)
    axis.set_title(heading, loc="left", fontsize=9, color=INK)
    # A line needs two points.
    marker = "o" if len(training) == 1 else None
    axis.plot(*zip(*training, strict=True), color=TRAINING, linewidth=1.3, marker=marker, label="training")
    if held_out:
        step, best = min(held_out, key=lambda point: point[1])
        label = f"held out, best {best:.3f} after {step:,} steps"
        axis.plot(*zip(*held_out, strict=True), color=HELD_OUT, linewidth=1.3, marker=".", label=label)
        axis.plot([step], [best], "o", color=HELD_OUT, markersize=7, markeredgecolor=INK)
    _limit(axis, training + held_out)
    axis.set_xlabel("steps", fontsize=8, color=INK)
    axis.xaxis.set_major_formatter("{x:,.0f}")
    axis.locator_params(axis="x", nbins=6, integer=True)
    axis.tick_params(labelsize=7.5, length=0, colors=INK)
    axis.grid(axis="y", color=GRID)
    axis.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    axis.legend(fontsize=8, frameon=False, labelcolor=INK, loc="upper right")


def _limit(axis: Axes, points: Points) -> None:
    """Let what comes after the first twentieth of the steps fill the height."""
    first, last = min(points)[0], max(points)[0]
    values = [value for step, value in points if step >= first + (last - first) / 20]
    low, high = min(values), max(values)
    space = max(0.08 * (high - low), 1e-3)
    axis.set_ylim(low - space, high + 2 * space)

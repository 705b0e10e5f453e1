"""The picture of an evaluation: reconstruction drum by drum, latent units, and samples against held-out beats."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from render.pianoroll import COLOURS, GRID, INK, PAPER

SAMPLES, HELD_OUT = COLOURS["kick"], COLOURS["closed hi-hat"]


@dataclass(frozen=True)
class ReportData:
    """What the picture shows.

    Attributes:
        drum_names: one a drum; none where the model plays no drums.
        f1: F1 of each drum by kind of reconstruction; NaN is left out.
        unit_variance: variance of the posterior mean of each latent unit.
        active_variance: above it a unit counts as active.
        density: mean share of the steps at which each drum is struck, `samples` and `held out`.
        distributions: by name, the values of `samples` and of `held out`.
    """

    drum_names: tuple[str, ...]
    f1: dict[str, np.ndarray]
    unit_variance: np.ndarray
    active_variance: float
    density: dict[str, np.ndarray]
    distributions: dict[str, dict[str, np.ndarray]]


def report_figure(data: ReportData, title: str) -> Figure:
    """The picture of an evaluation, two rows of panels where there are several."""
    fixed = 3 if data.drum_names else 1
    panels = fixed + len(data.distributions)
    rows = min(2, panels)
    columns = -(-panels // rows)
    figure = Figure(figsize=(max(7.0, 4.6 * columns), 3.6 * rows), facecolor=PAPER)
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    _draw_units(axes[0], data)
    if data.drum_names:
        _draw_bars(axes[1], data.drum_names, data.f1, "F1 of the hits, reconstruction")
        axes[1].set_ylim(0, 1)
        _draw_bars(axes[2], data.drum_names, data.density, "share of the steps struck")
    for axis, (name, values) in zip(axes[fixed:], data.distributions.items(), strict=False):
        _draw_distribution(axis, name, values)
    for axis in axes[fixed + len(data.distributions) :]:
        axis.set_visible(False)
    figure.suptitle(title, x=0.02, ha="left", fontsize=12, color=INK)
    figure.tight_layout()
    return figure


def _prepare(axis: Axes, title: str) -> None:
    axis.set_facecolor(PAPER)
    axis.set_title(title, loc="left", fontsize=9, color=INK)
    axis.grid(axis="y", color=GRID)
    axis.set_axisbelow(True)
    axis.tick_params(labelsize=7, length=0, colors=INK)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)


def _draw_bars(axis: Axes, names: tuple[str, ...], groups: dict[str, np.ndarray], title: str) -> None:
    _prepare(axis, title)
    width = 0.8 / len(groups)
    for i, ((label, values), colour) in enumerate(zip(groups.items(), (SAMPLES, HELD_OUT), strict=False)):
        places = np.arange(len(names)) - 0.4 + width * (i + 0.5)
        axis.bar(places, np.nan_to_num(values), width, color=colour, label=label)
    axis.set_xticks(range(len(names)), names, rotation=40, ha="right")
    axis.legend(fontsize=7, frameon=False)


def _draw_units(axis: Axes, data: ReportData) -> None:
    _prepare(axis, "variance of the posterior mean, by latent unit")
    variance = np.sort(data.unit_variance)[::-1]
    floor = data.active_variance / 100
    axis.bar(
        np.arange(1, len(variance) + 1),
        np.maximum(variance, floor) - floor,
        1.0,
        bottom=floor,
        color=HELD_OUT,
    )
    axis.axhline(data.active_variance, color=INK, linewidth=0.8, linestyle="--", label="active above")
    axis.set_yscale("log")
    axis.set_ylim(floor, max(1.5, float(variance.max(initial=0.0)) * 1.5))
    axis.legend(fontsize=7, frameon=False)


def _draw_distribution(axis: Axes, name: str, groups: dict[str, np.ndarray]) -> None:
    _prepare(axis, name)
    everything = np.concatenate([np.asarray(v, np.float64).ravel() for v in groups.values()])
    low, high = float(everything.min()), float(everything.max())
    whole = bool(np.all(everything == np.round(everything))) and high - low <= 40
    # Whole numbers get a bin each; equal bins elsewhere would show gaps that are not there.
    edges = np.arange(low - 0.5, high + 1) if whole else np.linspace(low, max(high, low + 1e-6), 26)
    for (label, values), colour in zip(groups.items(), (SAMPLES, HELD_OUT), strict=False):
        weights = np.full(np.size(values), 1 / np.size(values))
        axis.hist(np.ravel(values), edges.tolist(), weights=weights, color=colour, alpha=0.55, label=label)
    axis.legend(fontsize=7, frameon=False)

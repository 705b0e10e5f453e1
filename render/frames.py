"""Pictures of the piano models: what they expect beside what is played, which lags they read, what they copied.

Everything is drawn in frames, with bar lines (every 16 frames in 4/4) and low keys at the bottom. A key is drawn in the
frames in which a roll holds it: struck, or sounding.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from preprocess.keyboard import HIGHEST_PITCH, LOWEST_PITCH
from render.pianoroll import BAR, INK, PAPER
from render.roll_axes import (
    BAR_FRAMES,
    BEAT_FRAMES,
    ONE_ONLY,
    PLAYED,
    WIDEST,
    check_shares,
    checked_roll,
    draw_grid,
    draw_image,
    draw_roll,
    heading,
    key_range,
    name_octaves,
    new_figure,
    picture_width,
    prepare_scale,
    roll_height,
    save,
)

_LEAST_EXPECTED = 0.1
"""Keys that are expected less than this at every frame need not be shown."""


@dataclass(frozen=True)
class NearestPair:
    """A generated segment and the training segment that is nearest to it.

    Attributes:
        generated, nearest: bool `[frames, 88]` each; the nearest as it was compared, transposed or not.
        label: of the generated segment.
        source: of the nearest: the piece's name, and perhaps where in it and how it was transposed.
        distance: between both, 0 for a copy.
    """

    generated: np.ndarray
    nearest: np.ndarray
    label: str
    source: str
    distance: float


def expected_figure(keys: np.ndarray, expected: np.ndarray, title: str = "") -> Figure:
    """What is played, and below it how likely a model took each key to be, given the frames before.

    A mark stands above frames in which a key is played that was thought unlikely (below a half), or is not that was
    likely.

    Args:
        keys: bool `[frames, 88]`.
        expected: probabilities, `[frames, 88]`, from 0 to 1.
        title: above the picture.

    Raises:
        ValueError: where the shapes differ or are none of a roll, or `expected` holds no probabilities.
    """
    keys, expected = checked_roll("keys", keys), np.asarray(expected, np.float64)
    if expected.shape != keys.shape:
        raise ValueError(
            f"expected has the shape {expected.shape}; keys has {keys.shape}, and both must agree."
        )
    check_shares("expected", expected)
    shown = key_range(keys | (expected >= _LEAST_EXPECTED))
    height = roll_height(shown)
    figure = new_figure(picture_width(len(keys)), 2 * height + 1.2, title)
    played, likely = figure.subplots(2, 1, sharex=True)
    draw_roll(played, keys, shown)
    wrong = np.flatnonzero((keys != (expected >= 0.5)).any(axis=1))
    for frame in wrong:
        played.axvspan(frame, frame + 1, 0.96, 1.0, color=ONE_ONLY, linewidth=0, zorder=3)
    heading(played, f"played; {len(wrong)} of {len(keys)} frames otherwise than was likelier, marked above")
    image = draw_image(likely, expected.T, (LOWEST_PITCH - 0.5, HIGHEST_PITCH + 0.5), 1.0)
    draw_grid(likely, len(keys), above=True)
    name_octaves(likely, shown, above=True)
    heading(likely, f"expected: {_means(keys, expected)}")
    played.tick_params(labelbottom=False)
    scale = figure.colorbar(image, ax=[played, likely], aspect=30, pad=0.01)
    prepare_scale(scale, "probability")
    return figure


def save_expected(path: Path, keys: np.ndarray, expected: np.ndarray, title: str = "") -> None:
    """Write `expected_figure` as PNG, whole or not at all; folders are made."""
    save(expected_figure(keys, expected, title), path, len(keys))


def attention_figure(
    keys: np.ndarray,
    weights: np.ndarray,
    lags: Sequence[int],
    title: str = "",
    begun: int = 0,
    bar: int = BAR_FRAMES,
) -> Figure:
    """What is played, below it how much of each lag is read to predict each frame, and the mean of that.

    Args:
        keys: bool `[frames, 88]`.
        weights: share of each lag in what is read before a frame is played, `[frames, lags]`, from 0 to 1.
        lags: how many frames before the predicted one each lag lies, 1 or more; in any order.
        title: above the picture.
        begun: frames of the primer, at whose end a line is drawn; 0 for none.
        bar: frames of a bar.

    Raises:
        ValueError: where the shapes don't fit, or weights or lags are out of range.
    """
    keys, weights = checked_roll("keys", keys), np.asarray(weights, np.float64)
    if weights.shape != (len(keys), len(lags)):
        raise ValueError(
            f"weights has the shape {weights.shape}; {len(keys)} frames and {len(lags)} lags need "
            f"{(len(keys), len(lags))}."
        )
    if len(lags) == 0 or min(lags) < 1:
        raise ValueError(f"lags is {tuple(lags)}; expected some, each 1 or more.")
    check_shares("weights", weights)
    order = np.argsort(lags, kind="stable")
    weights, sorted_lags = weights[:, order], [int(lags[i]) for i in order]
    shown = key_range(keys)
    heights = [roll_height(shown), min(3.6, max(1.3, 0.2 * len(lags)))]
    width = min(WIDEST, picture_width(len(keys)) + 1.5)
    figure = new_figure(width, sum(heights) + 1.3, title)
    axes = figure.subplots(
        2, 2, sharex="col", width_ratios=[width - 2.4, 1.5], height_ratios=heights, squeeze=False
    )
    (played, corner), (read, mean) = axes
    draw_roll(played, keys, shown, bar=bar)
    heading(played, "given up to the line, then played" if begun else "played")
    for axis in (played, read) if begun else ():
        axis.axvline(begun, color=ONE_ONLY, linewidth=1.6, zorder=3)
    # The shortest lag stands at the top, next to the roll.
    image = draw_image(read, weights.T[::-1], (-0.5, len(lags) - 0.5), max(float(weights.max()), 1e-6))
    draw_grid(read, len(keys), above=True, bar=bar)
    heading(read, "read before each frame, by lag in frames")
    played.tick_params(labelbottom=False)
    _draw_means(mean, weights.mean(axis=0)[::-1])
    rows = labelled_lags(sorted_lags)
    for axis, names in ((read, [lag_name(sorted_lags[row], bar) for row in rows]), (mean, [""] * len(rows))):
        axis.set_yticks([len(lags) - 1 - row for row in rows], names, fontsize=7, color=INK)
    corner.set_axis_off()
    scale = figure.colorbar(image, cax=corner.inset_axes([0, 0.12, 1, 0.08]), orientation="horizontal")
    prepare_scale(scale, "share of what is read")
    return figure


def save_attention(
    path: Path,
    keys: np.ndarray,
    weights: np.ndarray,
    lags: Sequence[int],
    title: str = "",
    begun: int = 0,
    bar: int = BAR_FRAMES,
) -> None:
    """Write `attention_figure` as PNG, whole or not at all; folders are made."""
    save(attention_figure(keys, weights, lags, title, begun, bar), path, len(keys))


def nearest_figure(pairs: Sequence[NearestPair], title: str = "") -> Figure:
    """Generated segments, each above its nearest one; cells that both hold are coloured apart from the others.

    Args:
        pairs: at least one; two or three short ones stand side by side.
        title: above the picture.

    Raises:
        ValueError: where there are none, or the shapes of a pair differ or are none of a roll.
    """
    if not pairs:
        raise ValueError("pairs holds no pair; expected 1 or more.")
    for pair in pairs:
        generated, nearest = (checked_roll(n, getattr(pair, n)) for n in ("generated", "nearest"))
        if generated.shape != nearest.shape:
            raise ValueError(
                f"nearest has the shape {nearest.shape}; generated has {generated.shape}, and both must agree."
            )
    ranges = [key_range((pair.generated != 0) | (pair.nearest != 0)) for pair in pairs]
    longest = max(len(pair.generated) for pair in pairs)
    columns = min(len(pairs), 3 if longest <= 32 else 2 if longest <= 64 else 1)
    lines = math.ceil(len(pairs) / columns)
    each = 2 * max(map(roll_height, ranges)) + 0.9
    width = min(WIDEST + 2, max(7.0, columns * (0.1 * longest + 1.8)))
    figure = new_figure(width, lines * each + 0.7, title)
    panels = figure.subfigures(lines, columns, squeeze=False, hspace=0.02, wspace=0.02).ravel()
    for panel, pair, shown in zip(panels, pairs, ranges, strict=False):
        panel.set_facecolor("none")
        axes = panel.subplots(2, 1, sharex=True)
        _draw_pair(axes, pair, shown, longest, int(13 * (width / columns - 0.6)))
    legend = [Patch(color=PLAYED, label="in both"), Patch(color=ONE_ONLY, label="in one only")]
    figure.legend(
        handles=legend, loc="outside lower left", ncols=2, frameon=False, fontsize=8, labelcolor=INK
    )
    return figure


def save_nearest(path: Path, pairs: Sequence[NearestPair], title: str = "") -> None:
    """Write `nearest_figure` as PNG, whole or not at all; folders are made."""
    save(nearest_figure(pairs, title), path, max((len(pair.generated) for pair in pairs), default=0))


def lag_name(lag: int, bar: int = BAR_FRAMES) -> str:
    """A lag in frames, and in beats or bars of `bar` frames where it is whole: `3`, `4 = 1 beat`, `32 = 2 bars`."""
    for frames, unit in ((bar, "bar"), (BEAT_FRAMES, "beat")):
        if lag % frames == 0:
            return f"{lag} = {lag // frames} {unit}{'s' if lag > frames else ''}"
    return str(lag)


def labelled_lags(lags: Sequence[int], most: int = 24) -> list[int]:
    """The positions in ascending lags that get a label: all, or those of whole beats, bars or several bars."""
    unit = 1
    while True:
        rows = [row for row, lag in enumerate(lags) if lag % unit == 0]
        if len(rows) <= most:
            return rows
        unit *= BEAT_FRAMES


def _means(keys: np.ndarray, expected: np.ndarray) -> str:
    """How far a model tells the keys that are played from those that are not."""
    parts = ((keys, "where a key is played"), (~keys, "where it is not"))
    means = [f"{expected[cells].mean():.3f} {what}" for cells, what in parts if cells.any()]
    return f"on average {', '.join(means)}"


def _draw_means(axis: Axes, means: np.ndarray) -> None:
    """Bars in the rows of the lags beside them, and a line where all would be alike."""
    axis.set_facecolor(PAPER)
    axis.barh(range(len(means)), means, 0.8, color=PLAYED, zorder=1)
    axis.axvline(1 / len(means), color=ONE_ONLY, linewidth=0.9, linestyle="--", zorder=2)
    axis.set_ylim(-0.5, len(means) - 0.5)
    axis.set_xlim(0, max(1.1 * float(means.max()), 1.3 / len(means)))
    axis.locator_params(axis="x", nbins=3)
    axis.tick_params(labelsize=7, length=0, colors=INK)
    axis.set_xlabel("dashed: all alike", fontsize=7, color=INK)
    heading(axis, "mean share")
    for side in ("top", "right", "bottom"):
        axis.spines[side].set_visible(False)
    axis.spines["left"].set_color(BAR)


def _draw_pair(
    axes: np.ndarray, pair: NearestPair, shown: tuple[int, int], frames: int, characters: int
) -> None:
    """A segment above its nearest one, with headings of at most `characters`."""
    generated, nearest = (np.asarray(roll) != 0 for roll in (pair.generated, pair.nearest))
    for axis, roll in zip(axes, (generated, nearest), strict=True):
        draw_roll(axis, roll, shown, generated & nearest, frames)
    axes[0].tick_params(labelbottom=False)
    heading(axes[0], _clipped(f"generated: {pair.label}", characters))
    heading(axes[1], _clipped(f"distance {pair.distance:.3f}: {pair.source}", characters))


def _clipped(text: str, characters: int) -> str:
    """The text, without its middle where it is too long: names differ at their ends."""
    half = (characters - 1) // 2
    return text if len(text) <= characters else f"{text[:half]}…{text[-half:]}"

"""The picture of a song: its drums section by section, which bars are the same, and how alike all bars are."""

import colorsys
from collections import Counter
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES
from preprocess.drums.rhythm import hits_of
from preprocess.note_sequence import NoteSequence
from render.pianoroll import (
    BAR,
    COLOURS,
    GRID,
    INK,
    PAPER,
    PART_COLOURS,
    Hit,
    beat_lines,
    contents_of,
    hit_height,
    opacity,
)

Array = np.ndarray

BARS_PER_ROW = 8
DRUM_INCHES, STRIP_INCHES, GAP_INCHES, MARGIN_INCHES = 0.95, 0.17, 0.42, 0.95
ALIKE = LinearSegmentedColormap.from_list("alike", [PAPER, "#bcd8d4", "#2a9d8f", "#16423d"])


def bar_labels(tokens: Array, steps_per_bar: int) -> Array:
    """Which bars are equal: int `[bars]`, numbered from 0 in the order of first appearance.

    Args:
        tokens: int `[bars * steps_per_bar]`.
        steps_per_bar: steps of a bar.
    """
    seen: dict[bytes, int] = {}
    bars = np.asarray(tokens, np.int64).reshape(-1, steps_per_bar)
    return np.array([seen.setdefault(bar.tobytes(), len(seen)) for bar in bars])


def bar_similarity(tokens: Array, steps_per_bar: int) -> Array:
    """How alike bars are, float `[bars, bars]`: F1 of their hits, 1 for equal bars, silent ones included."""
    bars = np.asarray(tokens, np.int64).reshape(-1, steps_per_bar)
    hits = hits_of(bars, len(REDUCED_DRUM_CLASSES)).reshape(len(bars), -1).astype(np.float64)
    sizes = hits.sum(axis=1)
    both = sizes[:, None] + sizes[None, :]
    return np.where(both > 0, 2 * (hits @ hits.T) / np.maximum(both, 1), 1.0)


def song_figure(
    sequence: NoteSequence,
    tokens: Array,
    sections: Sequence[tuple[str, int]],
    fills: Sequence[int] = (),
    title: str = "",
    steps_per_bar: int = 16,
    quarters_per_bar: float = 4.0,
    quarters_per_beat: float = 1.0,
) -> Figure:
    """A song's drums, a new line for each section; above each bar its number, and a letter that equal bars share.

    Below them is a matrix of how similar all bars are to one another, for songs of two or more bars.

    Args:
        sequence: drawn as it is played.
        tokens: int `[bars * steps_per_bar]`, by which bars are compared.
        sections: (name, length in bars); the lengths add up to the bars of the tokens.
        fills: the bars that are fills, counted from 0, which are labelled.
        title: above the picture.
        steps_per_bar: steps of a bar.
        quarters_per_bar: length of a bar in quarter notes.
        quarters_per_beat: length of a beat in quarter notes; beats have thin lines.

    Raises:
        ValueError: where sections and tokens are not of the same length.
    """
    bars = len(tokens) // steps_per_bar
    if sum(length for _, length in sections) != bars or not bars:
        raise ValueError(
            f"The sections have {sum(length for _, length in sections)} bars, the tokens {bars}."
        )
    rows = [
        (
            f"{name}, {length} bar{'s' * (length > 1)}" if first == 0 else "",
            start + first,
            min(BARS_PER_ROW, length - first),
        )
        for start, (name, length) in zip(_starts(sections), sections, strict=True)
        for first in range(0, length, BARS_PER_ROW)
    ]
    width_in_bars = max(length for _, _, length in rows)
    bar_inches = 1.5 * max(1.0, quarters_per_bar / 4)
    width = max(6.0, MARGIN_INCHES + width_in_bars * bar_inches + 0.2)
    line = DRUM_INCHES + STRIP_INCHES + GAP_INCHES
    square = min(4.5, width - 1.5) if bars > 1 else 0.0
    top = 0.5 if title else 0.15
    height = top + len(rows) * line + (square + 0.75 if square else 0.1)
    figure = Figure(figsize=(width, height), facecolor=PAPER)
    if title:
        figure.text(0.1 / width, 1 - 0.15 / height, title, fontsize=13, color=INK, va="top", parse_math=False)
    hits: list[list[Hit]] = [[] for _ in range(bars)]
    for hit in contents_of(sequence, bars * quarters_per_bar * 4).hits:
        hits[int(hit.start / (quarters_per_bar * 4))].append(hit)
    labels = bar_labels(tokens, steps_per_bar)
    marks = _marks(labels, fills)
    for i, (name, first, length) in enumerate(rows):
        low = height - top - (i + 1) * line + 0.06
        axis = figure.add_axes(
            (MARGIN_INCHES / width, low / height, length * bar_inches / width, (DRUM_INCHES + STRIP_INCHES) / height)
        )  # fmt: skip
        inside = [hit for bar in hits[first : first + length] for hit in bar]
        beats = [
            first * quarters_per_bar * 4 + x for x in beat_lines(length, quarters_per_bar, quarters_per_beat)
        ]
        axis.vlines(beats, -0.5, len(REDUCED_DRUM_CLASSES) - 0.5, color=GRID, linewidth=0.7, zorder=0.5)
        _draw_row(axis, name, first, length, inside, marks, quarters_per_bar)
    if square:
        box = (MARGIN_INCHES / width, 0.15 / height, square / width, square / height)
        _draw_similarity(figure.add_axes(box), bar_similarity(tokens, steps_per_bar), sections)
    return figure


def _starts(sections: Sequence[tuple[str, int]]) -> list[int]:
    return np.cumsum([0, *(length for _, length in sections)])[:-1].tolist()


def _marks(labels: Array, fills: Sequence[int]) -> list[tuple[str, str]]:
    """The label above each bar, and its colour: a letter for bars that occur more than once."""
    counts = Counter(labels.tolist())
    repeated = {label: i for i, label in enumerate(label for label in counts if counts[label] > 1)}
    marks = []
    for bar, label in enumerate(labels.tolist()):
        i = repeated.get(label)
        colour = GRID
        if i is not None:
            colour = PART_COLOURS[i] if i < len(PART_COLOURS) else _more_colour(i - len(PART_COLOURS))
        letter = "" if i is None else _letters(i)
        marks.append((f"fill {letter}".strip() if bar in fills else letter, colour))
    return marks


def _more_colour(i: int) -> str:
    """A further colour after those of the palette; hues by the golden ratio, so that neighbours differ."""
    red, green, blue = colorsys.hsv_to_rgb((0.11 + 0.618 * i) % 1, 0.45, 0.72)
    return f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"


def _letters(i: int) -> str:
    """A to Z, AA, AB and so on."""
    tail = chr(ord("A") + i % 26)
    return tail if i < 26 else _letters(i // 26 - 1) + tail


def _draw_row(
    axis: Axes,
    name: str,
    first: int,
    length: int,
    hits: list[Hit],
    marks: list[tuple[str, str]],
    quarters_per_bar: float,
) -> None:
    """Some bars of a section: the strip of numbers and letters, the drums below it."""
    drums = len(REDUCED_DRUM_CLASSES)
    bar, strip = quarters_per_bar * 4, drums * STRIP_INCHES / DRUM_INCHES
    axis.set_facecolor("none")
    axis.set_xlim(first * bar, (first + length) * bar)
    axis.set_ylim(-0.5, drums - 0.5 + strip)
    for number in range(first, first + length):
        mark, colour = marks[number]
        x = number * bar
        axis.add_patch(Rectangle((x, -0.5), bar, drums, facecolor=colour, alpha=0.13, linewidth=0))
        axis.add_patch(Rectangle((x, drums - 0.5), bar, strip, facecolor=colour, linewidth=0))
        ink = INK if colour == GRID else "white"
        middle = drums - 0.5 + strip / 2
        axis.text(x + 0.04 * bar, middle, str(number + 1), fontsize=7, color=ink, va="center_baseline")
        axis.text(
            x + 0.94 * bar, middle, mark, fontsize=8, color=ink, va="center_baseline", ha="right",
            fontweight="bold",
        )  # fmt: skip
    lines = [bar * number for number in range(first, first + length + 1)]
    axis.vlines(lines, -0.5, drums - 0.5 + strip, color=BAR, linewidth=1.1, zorder=0.6, clip_on=False)
    boxes = [_box(hit) for hit in hits]
    colours = [to_rgba(COLOURS[REDUCED_DRUM_CLASSES[h.row].name], opacity(h.velocity)) for h in hits]
    axis.add_collection(PolyCollection(boxes, facecolors=colours, linewidths=0, zorder=2))
    names = [drum.name for drum in REDUCED_DRUM_CLASSES]
    axis.set_yticks(range(drums), names, fontsize=6, color=INK)
    axis.set_xticks([])
    axis.tick_params(length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)
    if name:
        axis.set_title(name, loc="left", fontsize=10.5, fontweight="bold", color=INK, pad=4, parse_math=False)


def _box(hit: Hit) -> list[tuple[float, float]]:
    left, right, low = hit.start + 0.06, hit.start + 0.86, hit.row - 0.43
    high = low + hit_height(hit.velocity)
    return [(left, low), (right, low), (right, high), (left, high)]


def _draw_similarity(axis: Axes, similarity: Array, sections: Sequence[tuple[str, int]]) -> None:
    """The similarity of bars, dark where they are equal, with lines and names of sections."""
    bars = len(similarity)
    axis.imshow(similarity, cmap=ALIKE, vmin=0, vmax=1, extent=(0, bars, bars, 0), interpolation="nearest")
    starts = _starts(sections)
    for start in starts[1:]:
        axis.axhline(start, color=PAPER, linewidth=2)
        axis.axvline(start, color=PAPER, linewidth=2)
    middles = [start + length / 2 for start, (_, length) in zip(starts, sections, strict=True)]
    # The names of very short sections would overlap.
    roomy = min(length for _, length in sections) / bars > 0.03
    names = [name for name, _ in sections] if roomy and len(sections) > 1 else [""] * len(sections)
    axis.set_yticks(middles, names, fontsize=8, color=INK, parse_math=False)
    axis.set_xticks([])
    axis.tick_params(length=0)
    axis.set_title(
        "How alike the bars are: from no hit in common, pale, to the same, dark",
        loc="left", fontsize=8.5, color=INK,
    )  # fmt: skip
    for spine in axis.spines.values():
        spine.set_visible(False)

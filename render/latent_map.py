"""Pictures of a latent space: a sheet of clips, a map of many clips, and what attribute vectors move."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from common.wording import number_of
from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES
from preprocess.note_sequence import NoteSequence
from render.pianoroll import BAR, COLOURS, GRID, INK, PAPER, ROW_OF_PITCH, hit_height, opacity

MOST_COLOURS = 10
"""Files with a colour of their own; all others share one."""

SIXTEENTHS_PER_SECOND = 8.0
SHADES = ("#3d5a80", "#fbfaf7", "#c8553d")


def grid_figure(
    rows: Sequence[Sequence[NoteSequence]], bars: int, title: str = "", quarters_per_bar: float = 4.0
) -> Figure:
    """Clips as small piano rolls in rows and columns; pitched notes share one scale of keys.

    Args:
        rows: NoteSequences at 120 quarter notes a minute; every row has the same number of them.
        bars: length of each clip.
        title: above the picture.
        quarters_per_bar: length of a bar in quarter notes.
    """
    columns = len(rows[0])
    figure = Figure(figsize=(min(30, 2.4 * columns), min(30, 1.2 * len(rows) + 0.5)), facecolor=PAPER)
    axes = figure.subplots(len(rows), columns, squeeze=False)
    pitches = [n.pitch for row in rows for clip in row for n in clip.notes if not n.is_drum]
    keys = (min(pitches), max(pitches)) if pitches else None
    for row, places in zip(rows, axes, strict=True):
        for clip, axis in zip(row, places, strict=True):
            _draw_clip(axis, clip, bars, keys, quarters_per_bar * 4)
    if title:
        figure.suptitle(title, x=0.02, ha="left", fontsize=12, color=INK, parse_math=False)
    figure.tight_layout(pad=0.5, rect=(0, 0, 1, 1 - 0.2 / figure.get_figheight() if title else 1))
    return figure


def _draw_clip(
    axis: Axes, sequence: NoteSequence, bars: int, keys: tuple[int, int] | None, steps_per_bar: float
) -> None:
    """A clip without labels, in sixteenths: drums as nine rows at the bottom, pitched notes by key above them."""
    steps, drums = bars * steps_per_bar, len(REDUCED_DRUM_CLASSES)
    struck = any(note.is_drum for note in sequence.notes)
    base = drums if struck and keys else 0
    height = drums if keys is None else base + keys[1] - keys[0] + 1
    axis.set(xlim=(0, steps), ylim=(-0.5, height - 0.5), xticks=[], yticks=[], facecolor="white")
    for bar in range(1, bars):
        axis.axvline(steps_per_bar * bar, color=BAR, linewidth=0.6, zorder=0)
    for note in sequence.notes:
        start, end = (t * SIXTEENTHS_PER_SECOND for t in (note.start_time, note.end_time))
        if note.is_drum and note.pitch in ROW_OF_PITCH:
            row = ROW_OF_PITCH[note.pitch]
            colour, high = COLOURS[REDUCED_DRUM_CLASSES[row].name], hit_height(note.velocity)
            axis.barh(
                row - 0.43,
                0.9,
                left=start,
                height=high,
                align="edge",
                color=colour,
                alpha=opacity(note.velocity),
            )
        elif keys is not None and not note.is_drum:
            place = base + note.pitch - keys[0]
            axis.barh(place, end - start, left=start, color=COLOURS["crash"], alpha=opacity(note.velocity))
    for spine in axis.spines.values():
        spine.set_color(GRID)


def map_figure(
    coordinates: np.ndarray,
    shares: np.ndarray,
    labels: Sequence[str] | np.ndarray,
    meaning: str,
    title: str = "",
) -> Figure:
    """Clips as dots on a plane.

    Args:
        coordinates: `[n, 2]`, along the two directions of greatest variance.
        shares: the share of the variance along each direction, `[2]`.
        labels: what dots are coloured by: numbers or names, one a clip.
        meaning: what the labels are.
        title: above the picture.
    """
    figure = Figure(figsize=(8.5, 6), facecolor=PAPER)
    axis = figure.subplots()
    axis.set_facecolor(PAPER)
    values = np.asarray(labels)
    size = max(4.0, min(40.0, 4000 / max(1, len(values))))
    if np.issubdtype(values.dtype, np.number):
        dots = axis.scatter(
            coordinates[:, 0], coordinates[:, 1], c=values, s=size, cmap="viridis", linewidths=0
        )
        figure.colorbar(dots, ax=axis, label=meaning)
    else:
        _scatter_by_name(axis, coordinates, values, size)
        axis.legend(title=meaning, fontsize=7, title_fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    for set_label, share, name in (
        (axis.set_xlabel, shares[0], "first"),
        (axis.set_ylabel, shares[1], "second"),
    ):
        set_label(f"{name} principal component, {share:.0%} of the variance", fontsize=9, color=INK)
    axis.set_title(title, loc="left", fontsize=12, color=INK, parse_math=False)
    axis.tick_params(labelsize=7, colors=INK)
    figure.tight_layout()
    return figure


def _scatter_by_name(axis: Axes, coordinates: np.ndarray, names: np.ndarray, size: float) -> None:
    """The names with most dots get a colour each."""
    found, counts = np.unique(names, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    own = found[order[:MOST_COLOURS]]
    others = ~np.isin(names, own)
    if others.any():
        label = f"{number_of(len(found) - len(own), 'other')}"
        axis.scatter(
            coordinates[others, 0], coordinates[others, 1], s=size, color=GRID, linewidths=0, label=label
        )
    for i, name in enumerate(own):
        here = names == name
        axis.scatter(
            coordinates[here, 0],
            coordinates[here, 1],
            s=size,
            color=f"C{i}",
            linewidths=0,
            label=str(name)[-40:],
        )


def effects_figure(
    panels: Sequence[tuple[str, np.ndarray]], names: Sequence[str], moved_by: str, title: str = ""
) -> Figure:
    """Matrices of what each vector moves, in standard deviations, side by side.

    Args:
        panels: a heading and a matrix `[vectors, attributes]` each.
        names: of the attributes, which are those of the vectors too.
        moved_by: what was added, such as "1 times the vector".
        title: above the picture.
    """
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("moved", SHADES)
    bound = max(1.0, *(float(np.nanmax(np.abs(matrix))) for _, matrix in panels))
    side = 1.0 + 0.8 * len(names)
    figure = Figure(figsize=(len(panels) * (side + 1.2), side + 1.2), facecolor=PAPER)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, (heading, matrix) in zip(axes, panels, strict=True):
        axis.imshow(matrix, cmap=shades, vmin=-bound, vmax=bound)
        for (row, column), value in np.ndenumerate(matrix):
            colour = PAPER if abs(value) > 0.6 * bound else INK
            axis.text(column, row, f"{value:+.2f}", ha="center", va="center", fontsize=9, color=colour)
        axis.set_xticks(range(len(names)), list(names), fontsize=8, color=INK, rotation=30)
        axis.set_yticks(range(len(names)), list(names), fontsize=8, color=INK)
        axis.set_xlabel("moves the attribute, in standard deviations", fontsize=8, color=INK)
        axis.set_ylabel(moved_by, fontsize=8, color=INK)
        axis.set_title(heading, loc="left", fontsize=10, color=INK)
        axis.tick_params(length=0)
    figure.suptitle(title, x=0.02, ha="left", fontsize=12, color=INK, parse_math=False)
    figure.tight_layout(rect=(0, 0, 1, 0.97))
    return figure

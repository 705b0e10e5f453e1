"""Piano rolls: the contents of a clip on its bars, and the picture of them.

Pitched notes are drawn by key, low ones at the bottom, each instrument in its own colour; drums are nine named rows. A
clip with both (a trio) shows both, one above the other. Times are in sixteenths from the start of the clip, as played,
on the grid or off it.
"""

import io
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Patch, Rectangle

from common.output_files import write_atomically
from preprocess.converters.segments import NO_CHORD
from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES
from preprocess.note_sequence import NoteSequence

GIVEN_SHADE = "#e9edf2"
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
PART_COLOURS = (
    "#3d5a80", "#c8553d", "#2a9d8f", "#e09f3e", "#8e6f9c", "#6a994e", "#b56576", "#5c8fbd",
)  # fmt: skip
FAMILIES = (
    "piano", "mallets", "organ", "guitar", "bass", "strings", "ensemble", "brass", "reeds", "pipes",
    "synth lead", "synth pad", "synth effects", "world", "percussion", "sound effects",
)  # fmt: skip
"""General MIDI's families of eight programs each."""

ROW_OF_PITCH = {p: i for i, drum in enumerate(REDUCED_DRUM_CLASSES) for p in drum.pitches}
BLACK_KEYS = (1, 3, 6, 8, 10)


@dataclass(frozen=True)
class Hit:
    """A drum hit: its row, its onset in sixteenths, and its velocity."""

    row: int
    start: float
    velocity: int


@dataclass(frozen=True)
class Key:
    """A pitched note: onset and length in sixteenths, velocity, and the index of the part that plays it."""

    pitch: int
    start: float
    length: float
    velocity: int
    part: int


@dataclass(frozen=True)
class Part:
    """An instrument of a clip: a name such as `piano 2`, its colour, and its MIDI program."""

    name: str
    colour: str
    program: int


@dataclass(frozen=True)
class Contents:
    """The contents of a clip.

    Attributes:
        hits: of the drums.
        keys: the pitched notes.
        parts: the instruments that play them.
        chords: (sixteenth from which on it holds, chord symbol).
        has_drums: whether it has drum notes, including drums without a row.
    """

    hits: tuple[Hit, ...]
    keys: tuple[Key, ...]
    parts: tuple[Part, ...]
    chords: tuple[tuple[float, str], ...]
    has_drums: bool


def octave_name(pitch: int) -> str:
    """The name of a C: 60 is C4."""
    return f"C{pitch // 12 - 1}"


def contents_of(sequence: NoteSequence, steps: float) -> Contents:
    """The contents of a NoteSequence of one tempo in its first `steps` sixteenths; longer notes are cut there."""
    per_second = (sequence.tempos[0].qpm if sequence.tempos else 120.0) / 60 * 4
    players = sorted({(note.program, note.instrument) for note in sequence.notes if not note.is_drum})
    hits, keys = [], []
    for note in sorted(sequence.notes, key=lambda n: (n.start_time, n.pitch)):
        start, end = max(0.0, note.start_time * per_second), min(steps, note.end_time * per_second)
        if start >= steps:
            continue
        if not note.is_drum:
            part = players.index((note.program, note.instrument))
            keys.append(Key(note.pitch, start, max(0.0, end - start), note.velocity, part))
        elif note.pitch in ROW_OF_PITCH:
            hits.append(Hit(ROW_OF_PITCH[note.pitch], start, note.velocity))
    return Contents(
        tuple(hits),
        tuple(keys),
        _parts([program for program, _ in players]),
        _chords(sequence, per_second, steps),
        any(note.is_drum for note in sequence.notes),
    )


def _chords(sequence: NoteSequence, per_second: float, steps: float) -> tuple[tuple[float, str], ...]:
    """The chord changes; of several symbols at one time the last counts, and "no chord" only if it is alone."""
    symbols: dict[float, str] = {}
    for text in sequence.text_annotations:
        start = max(0.0, text.time * per_second)
        if text.annotation_type != NoteSequence.TextAnnotation.CHORD_SYMBOL or start >= steps:
            continue
        if text.text != NO_CHORD or start not in symbols:
            symbols[start] = text.text
    changes: list[tuple[float, str]] = []
    for start, symbol in sorted(symbols.items()):
        if not changes or symbol != changes[-1][1]:
            changes.append((start, symbol))
    return tuple(changes)


def _parts(programs: list[int]) -> tuple[Part, ...]:
    """A part for each program, numbered where a family plays several."""
    families = [FAMILIES[program // 8 % len(FAMILIES)] for program in programs]
    total, seen = Counter(families), Counter[str]()
    parts = []
    for i, (program, family) in enumerate(zip(programs, families, strict=True)):
        seen[family] += 1
        name = f"{family} {seen[family]}" if total[family] > 1 else family
        parts.append(Part(name, PART_COLOURS[i % len(PART_COLOURS)], program))
    return tuple(parts)


def pitch_range(contents: Sequence[Contents]) -> tuple[int, int]:
    """The lowest and highest key that a picture of several clips shows: at least an octave and a half."""
    pitches = [key.pitch for clip in contents for key in clip.keys] or [60, 72]
    low, high = min(pitches) - 1, max(pitches) + 1
    lacking = max(0, 18 - (high - low))
    low, high = low - (lacking + 1) // 2, high + lacking // 2
    return max(0, low), min(127, high)


def opacity(velocity: int) -> float:
    """How opaque a note of this velocity is drawn."""
    return 0.22 + 0.78 * velocity / 127


def hit_height(velocity: int) -> float:
    """How high a hit of this velocity is drawn, as a share of its row: a ghost note is a third of an accent."""
    return 0.2 + 0.66 * velocity / 127


def clip_figure(
    rows: list[tuple[str, NoteSequence]],
    bars: int = 4,
    title: str = "",
    quarters_per_bar: float = 4.0,
    quarters_per_beat: float = 1.0,
    given: Sequence[Sequence[tuple[float, float]]] = (),
) -> Figure:
    """Clips below each other, each with keys, drums, or both.

    Args:
        rows: label and NoteSequence of each clip.
        bars: length of each.
        title: above the picture.
        quarters_per_bar: length of a bar in quarter notes.
        quarters_per_beat: length of a beat in quarter notes; beats have thin lines.
        given: for each clip, (first, end) in bars of what was given to the model, which is shaded.
    """
    steps = bars * quarters_per_bar * 4
    contents = [contents_of(sequence, steps) for _, sequence in rows]
    keyed = any(clip.keys for clip in contents)
    drums = any(clip.has_drums for clip in contents) or not keyed
    chords = any(clip.chords for clip in contents)
    keys = pitch_range(contents)
    drum_height = (1.15 if keyed else 1.45) if len(rows) > 2 or keyed else 2.0
    heights = ([_key_height(keys)] if keyed else []) + ([drum_height] if drums else [])
    legend = max(len(clip.parts) for clip in contents) + drums * keyed > 1
    height = sum(heights) + 0.3 + 0.17 * chords + 0.17 * legend + 0.1 * (len(heights) > 1)
    width = min(24.0, max(2.6 * bars * quarters_per_bar / 4 + 1.2, 8.0 if keyed else 0.0))
    figure = Figure(figsize=(width, height * len(rows) + 0.5), facecolor=PAPER)
    figure.set_layout_engine("constrained", hspace=0.02, h_pad=0.03)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=12, color=INK, parse_math=False)
    panels = figure.subfigures(len(rows), 1, squeeze=False)[:, 0]
    spans = given or [()] * len(rows)
    for panel, (label, _), clip, own in zip(panels, rows, contents, spans, strict=True):
        panel.set_facecolor("none")
        axes = list(panel.subplots(len(heights), 1, squeeze=False, sharex=True, height_ratios=heights)[:, 0])
        for axis in axes:
            _prepare(axis, bars, quarters_per_bar, quarters_per_beat)
            _shade_given(axis, own, bars, quarters_per_bar * 4)
        if keyed:
            _draw_keys(axes[0], clip, keys)
        if drums:
            _draw_hits(axes[-1], clip)
        for axis in axes[:-1]:
            axis.tick_params(labelbottom=False)
        _write_above(axes[0], label, clip, chords, legend)
    return figure


def _key_height(keys: tuple[int, int]) -> float:
    """The height of a range of keys, in inches."""
    return min(3.6, max(1.5, 0.062 * (keys[1] - keys[0])))


def beat_lines(bars: int, quarters_per_bar: float, quarters_per_beat: float) -> list[float]:
    """The sixteenths of beats that are not bar lines."""
    starts = [bar * quarters_per_bar for bar in range(bars)]
    beats = range(1, math.ceil(quarters_per_bar / quarters_per_beat))
    return [4 * (start + beat * quarters_per_beat) for start in starts for beat in beats]


def _prepare(axis: Axes, bars: int, quarters_per_bar: float, quarters_per_beat: float) -> None:
    """Lines of bars and beats, without a frame."""
    bar = quarters_per_bar * 4
    axis.set_facecolor(PAPER)
    axis.set_xlim(0, bars * bar)
    for beat in beat_lines(bars, quarters_per_bar, quarters_per_beat):
        axis.axvline(beat, color=GRID, linewidth=0.7, zorder=0.5)
    for line in range(bars + 1):
        axis.axvline(line * bar, color=BAR, linewidth=1.1, zorder=0.5)
    axis.set_xticks(
        [bar * b for b in range(bars)],
        [f"bar {b + 1}" for b in range(bars)],
        fontsize=7,
        color=INK,
        ha="left",
    )
    axis.tick_params(length=0)
    for spine in axis.spines.values():
        spine.set_visible(False)


def _shade_given(axis: Axes, spans: Sequence[tuple[float, float]], bars: int, bar: float) -> None:
    """Shade and label what was given, with a line where the model continues."""
    for first, end in spans:
        axis.axvspan(first * bar, end * bar, color=GIVEN_SHADE, linewidth=0, zorder=0.2)
        axis.text(
            first * bar + 0.3, 1, "given", transform=axis.get_xaxis_transform(), fontsize=6.5, color=BAR,
            va="top", ha="left",
        )  # fmt: skip
        if end < bars:
            axis.axvline(end * bar, color=INK, linewidth=1.6, zorder=0.6)


def _draw_hits(axis: Axes, clip: Contents) -> None:
    axis.set_ylim(-0.5, len(REDUCED_DRUM_CLASSES) - 0.5)
    for hit in clip.hits:
        box = FancyBboxPatch(
            (hit.start, hit.row - 0.43), 0.84, hit_height(hit.velocity), boxstyle="round,pad=0,rounding_size=0.18",
            facecolor=COLOURS[REDUCED_DRUM_CLASSES[hit.row].name], alpha=opacity(hit.velocity), linewidth=0,
        )  # fmt: skip
        axis.add_patch(box)
    names = [drum.name for drum in REDUCED_DRUM_CLASSES]
    axis.set_yticks(range(len(names)), names, fontsize=6.5, color=INK)


def _draw_keys(axis: Axes, clip: Contents, keys: tuple[int, int]) -> None:
    low, high = keys
    axis.set_ylim(low - 0.5, high + 0.5)
    for pitch in range(low, high + 1):
        if pitch % 12 in BLACK_KEYS:
            axis.axhspan(pitch - 0.5, pitch + 0.5, color=GRID, alpha=0.45, linewidth=0, zorder=0)
        if pitch % 12 == 0 and pitch > low:
            axis.axhline(pitch - 0.5, color=BAR, alpha=0.5, linewidth=0.6, zorder=0.4)
    for key in clip.keys:
        colour = clip.parts[key.part].colour
        # Drawn a little short, so that repeated notes are seen apart.
        size = (max(0.12, key.length - 0.12), 0.84)
        corner = (key.start, key.pitch - 0.42)
        axis.add_patch(Rectangle(corner, *size, facecolor=colour, alpha=opacity(key.velocity), linewidth=0))
        axis.add_patch(Rectangle(corner, *size, fill=False, edgecolor=colour, linewidth=0.6, alpha=0.8))
    octaves = [pitch for pitch in range(low, high + 1) if pitch % 12 == 0]
    axis.set_yticks(octaves, [octave_name(pitch) for pitch in octaves], fontsize=7, color=INK)


def _write_above(axis: Axes, label: str, clip: Contents, chords: bool, legend: bool) -> None:
    """From top to bottom the label, the instruments by colour, the chord symbols."""
    pad = 3 + 12 * chords + 12 * legend
    axis.set_title(label, loc="left", fontsize=9, color=INK, pad=pad, parse_math=False)
    for start, symbol in clip.chords:
        axis.annotate(
            symbol, (start, 1), (0, 2), xycoords=axis.get_xaxis_transform(), textcoords="offset points",
            fontsize=8.5, fontweight="bold", color=INK, va="bottom", ha="left", parse_math=False,
        )  # fmt: skip
    if legend and clip.parts:
        patches = [Patch(facecolor=part.colour, label=part.name) for part in clip.parts]
        axis.legend(
            handles=patches, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(patches), frameon=False,
            borderaxespad=0, borderpad=0.4 + 1.7 * chords, labelcolor=INK, handlelength=1, handleheight=0.8,
            columnspacing=1, fontsize=7,
        )  # fmt: skip


def png_bytes(figure: Figure, dpi: int = 110) -> bytes:
    """The bytes of a PNG file."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer) if dpi == figure.dpi else figure.savefig(
        buffer, format="png", dpi=dpi
    )
    return buffer.getvalue()


def save_png(figure: Figure, path: str | Path, dpi: int = 110) -> None:
    """Write a figure as PNG, completely or not at all."""
    write_atomically(path, png_bytes(figure, dpi))

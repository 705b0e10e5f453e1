"""The conditions of a drum beat: style, tempo, beat or fill, intensity, density, syncopation; and those that clips have.

A model is given all of them as one row, each with a flag that says whether it is known, so that single ones can be left
out in training (`dropped`) and by a player. Intensity, density and syncopation are quantiles: a density of 0.7 means that
70 % of Groove's training clips have fewer hits.

Source: the styles, the tempo and the division into beats and fills are those of the Groove MIDI Dataset's info.csv
(Gillick et al., 2019), as `preprocess/groove_dataset.py` writes them into NoteSequences.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.errors import InputError
from preprocess.converters.drums import DrumsConverter
from preprocess.converters.segments import Dropped, note_field, quantize, split
from preprocess.drums.rhythm import STEPS_PER_BAR, hits_of, syncopation
from preprocess.example_forms import NO_TOKEN
from preprocess.note_sequence import NoteSequence

Array = np.ndarray

STYLES = (
    "afrobeat", "afrocuban", "blues", "country", "dance", "funk", "gospel", "highlife", "hiphop", "jazz",
    "latin", "middleeastern", "neworleans", "pop", "punk", "reggae", "rock", "soul",
)  # fmt: skip
"""Groove's primary styles."""

VALUES = ("tempo", "fill", "intensity", "density", "syncopation")
"""The conditions that are numbers, in the order of a row."""

GROUPS = {"style": slice(0, len(STYLES))} | {
    name: slice(len(STYLES) + 2 * i, len(STYLES) + 2 * i + 2) for i, name in enumerate(VALUES)
}
"""The columns of each condition in a row: styles one-hot, all others a value from 0 to 1 and whether it is known."""

WIDTH = len(STYLES) + 2 * len(VALUES)
"""Columns of a row."""

KICK, SNARE, DRUMS = 0, 1, 9

LEVELS = np.linspace(0, 1, 21)
"""Of which quantiles the tables are: 0, 0.05 ... 1."""

QUANTILES: dict[str, tuple[float, ...]] = {
    "tempo": (
        50, 81, 88, 90, 93, 95, 96, 100, 102, 105, 110, 112, 115, 120, 120, 124, 127, 130, 140, 180, 290.001,
    ),
    "intensity": (
        29, 44.866, 49.268, 52.529, 55.013, 57.442, 59.628, 61.882, 64.126, 66.611, 68.927,
        71.408, 73.921, 76.558, 79.531, 82.5, 85.605, 89.268, 93.647, 99.878, 127,
    ),
    "density": (
        3, 10.75, 12.25, 13.25, 14.25, 15, 15.75, 16.5, 17.25, 18, 18.75,
        19.5, 20.25, 21, 22, 23, 24, 25.25, 26.75, 28.25, 36.75,
    ),
    "syncopation": (
        0, 0, 0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 2.75, 3, 3.25, 3.75, 4, 4.5, 5.25, 6.75, 13.75,
    ),
}  # fmt: skip
"""Quantiles of the 13,220 distinct clips of four bars in Groove's 368 training beats in 4/4 (`quantile_tables`)."""


@dataclass(frozen=True)
class DrumConditions:
    """The conditions that a beat should meet, or that are known of one; None is any, or unknown.

    Attributes:
        style: one of `STYLES`.
        tempo: quarter notes a minute, 10 to 400.
        fill: whether it is a fill.
        intensity: how loud it is played, as a quantile from 0 to 1.
        density: how many hits it has, as a quantile from 0 to 1.
        syncopation: how syncopated kick and snare are, as a quantile from 0 to 1.

    Raises:
        InputError: for a value that is out of its range.
    """

    style: str | None = None
    tempo: float | None = None
    fill: bool | None = None
    intensity: float | None = None
    density: float | None = None
    syncopation: float | None = None

    def __post_init__(self) -> None:
        if self.style is not None and self.style not in STYLES:
            raise InputError(
                f"The style is '{self.style}'; expected one of {', '.join(STYLES)}.", "bad_condition"
            )
        if self.tempo is not None and not 10 <= self.tempo <= 400:
            raise InputError(
                f"The tempo is {self.tempo:g}; expected 10 to 400 quarter notes a minute.", "bad_condition"
            )
        for name in ("intensity", "density", "syncopation"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise InputError(
                    f"The {name} is {value:g}; expected 0 to 1, the share of beats that have less.",
                    "bad_condition",
                )

    def to_row(self) -> Array:
        """float32 `[WIDTH]`, the columns as in `GROUPS`; the tempo is its quantile among the training clips."""
        row = np.zeros(WIDTH, np.float32)
        if self.style is not None:
            row[STYLES.index(self.style)] = 1
        for name in VALUES:
            value = getattr(self, name)
            if value is not None:
                row[GROUPS[name]] = (quantile_of("tempo", value) if name == "tempo" else value), 1
        return row

    def merged(self, other: "DrumConditions") -> "DrumConditions":
        """These conditions, but those of `other` where it has any."""
        return dataclasses.replace(self, **{k: v for k, v in vars(other).items() if v is not None})


def to_rows(conditions: Iterable[DrumConditions]) -> Array:
    """float32 `[n, WIDTH]`."""
    rows = [c.to_row() for c in conditions]
    return np.stack(rows) if rows else np.zeros((0, WIDTH), np.float32)


def dropped(rows: Array, rate: float, rng: np.random.Generator) -> Array:
    """Rows `[n, WIDTH]` in which each condition is unknown with this probability, each by itself."""
    rows = rows.copy()
    for columns in GROUPS.values():
        rows[rng.random(len(rows)) < rate, columns] = 0
    return rows


def parse_conditions(text: str) -> DrumConditions:
    """Conditions written as `style=funk,density=0.7,fill`; `fill=no` is a beat that is not a fill.

    Raises:
        InputError: for an unknown name, a name that comes twice, or a value that is none of its kind.
    """
    found: dict[str, Any] = {}
    for part in text.split(",") if text.strip() else ():
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if name != "style" and name not in VALUES:
            raise InputError(
                f"There is no condition '{name}'; expected style, {', '.join(VALUES)}.", "bad_condition"
            )
        if name in found:
            raise InputError(f"The condition {name} is given twice.", "bad_condition")
        if not equals and name != "fill":
            raise InputError(
                f"The condition {name} has no value; expected such as density=0.7.", "bad_condition"
            )
        found[name] = _value(name, value or "yes")
    return DrumConditions(**found)


def _value(name: str, text: str) -> str | bool | float:
    if name == "style":
        return text
    if name == "fill":
        if text not in ("yes", "no"):
            raise InputError(f"The condition fill is '{text}'; expected yes or no.", "bad_condition")
        return text == "yes"
    try:
        value = float(text)
    except ValueError as error:
        raise InputError(f"The {name} is '{text}'; expected a number.", "bad_condition") from error
    return value


def density(tokens: Array) -> Array:
    """Hits a bar of sixteen steps, float64 `[n]` for tokens `[n, steps]`; negative tokens are padding."""
    real = tokens >= 0
    hits = (hits_of(tokens, DRUMS) & real[..., None]).sum(axis=(1, 2))
    return hits * STEPS_PER_BAR / np.maximum(real.sum(axis=1), 1)


def syncopation_of(tokens: Array) -> Array:
    """Syncopation a bar of kick and snare together, float64 `[n]`, in Longuet-Higgins and Lee's weights.

    Args:
        tokens: int `[n, steps]`, whole bars of 4/4 on sixteenths; negative ones are silence.

    Raises:
        ValueError: where they are not whole bars.
    """
    hits = hits_of(tokens, DRUMS) & (tokens >= 0)[..., None]
    return syncopation(hits, (KICK, SNARE))


def quantile_of(name: str, values: float | Array) -> Array:
    """Where values of `tempo`, `intensity`, `density` or `syncopation` stand among training clips, 0 to 1.

    Where several quantiles have one value (a tenth of the clips have no syncopation), it is the middle of them.

    Args:
        name: of `QUANTILES`.
        values: quarter notes a minute, mean velocity, hits a bar, or weights a bar.
    """
    known, inverse = np.unique(QUANTILES[name], return_inverse=True)
    levels = np.bincount(inverse, LEVELS) / np.bincount(inverse)
    return np.asarray(np.interp(values, known, levels))


def value_at(name: str, quantile: float | Array) -> Array:
    """The value at a quantile from 0 to 1, in the units of `quantile_of`."""
    return np.asarray(np.interp(quantile, LEVELS, QUANTILES[name]))


def style_of(note_sequence: NoteSequence) -> str | None:
    """The primary style of a NoteSequence's genre (`rock` of `rock/shuffle`); None where it is none of `STYLES`."""
    for genre in note_sequence.sequence_metadata.genre:
        name = "".join(c for c in genre.split("/")[0].lower() if c.isalpha())
        if name in STYLES:
            return name
    return None


def fill_of(note_sequence: NoteSequence) -> bool | None:
    """Whether a NoteSequence is a fill, by its annotation `beat_type: fill`; None where it doesn't say."""
    texts = {annotation.text for annotation in note_sequence.text_annotations}
    if "beat_type: fill" in texts:
        return True
    return False if "beat_type: beat" in texts else None


@dataclass(frozen=True)
class Measured:
    """A clip and what is known of it, in natural units.

    Attributes:
        tokens: int `[steps]`.
        past: int, the tokens of the steps right before it in its stretch of music, as many as are known, at most
            `[steps]`.
        style, fill: of its NoteSequence.
        tempo: quarter notes a minute.
        intensity: mean velocity of its notes, 1 to 127.
        density: hits a bar.
        syncopation: weights a bar; None where the bars are not those of 4/4 on sixteenths.
    """

    tokens: Array
    past: Array
    style: str | None
    fill: bool | None
    tempo: float
    intensity: float
    density: float
    syncopation: float | None

    @property
    def conditions(self) -> DrumConditions:
        """The same as conditions: quantiles among the training clips."""
        tempo = self.tempo if 10 <= self.tempo <= 400 else None
        numbers = {
            name: None if value is None else float(quantile_of(name, value))
            for name, value in (
                ("intensity", self.intensity),
                ("density", self.density),
                ("syncopation", self.syncopation),
            )
        }
        return DrumConditions(self.style, tempo, self.fill, **numbers)


def measured_clips(note_sequence: NoteSequence, converter: DrumsConverter) -> list[Measured]:
    """The converter's clips of a NoteSequence, in its order and as often, and what each is like.

    A clip that comes again is measured where it first appears. Silent clips have intensity 0.
    """
    bits = converter.drum_bits(note_sequence)
    velocities = note_field(note_sequence, "velocity")
    style, fill = style_of(note_sequence), fill_of(note_sequence)
    in_sixteenths = converter.steps_per_bar == STEPS_PER_BAR and converter.steps_per_quarter == 4
    clips = []
    for segment in split(note_sequence, converter.presplit_on_time_changes, Counter()):
        own_bits, own_velocities = bits[segment.notes], velocities[segment.notes]
        try:
            slices = converter.placed_slices(segment, own_bits)
        except Dropped:
            continue
        starts = quantize(segment, converter.steps_per_quarter, converter.steps_per_bar).starts
        end = max(first + len(tokens) for first, tokens in slices)
        timeline = np.full(end, NO_TOKEN, np.int64)
        for first, tokens in slices:
            timeline[first : first + len(tokens)] = tokens
        for first, tokens in slices:
            past = timeline[max(0, first - len(tokens)) : first]
            silent = np.flatnonzero(past == NO_TOKEN)
            past = past[silent[-1] + 1 :] if len(silent) else past
            inside = (starts >= first) & (starts < first + len(tokens)) & (own_bits != 0)
            intensity = float(own_velocities[inside].mean()) if inside.any() else 0.0
            row = tokens.astype(np.int64)[None]
            per_bar = float(density(row)[0]) * converter.steps_per_bar / STEPS_PER_BAR
            off_beat = float(syncopation_of(row)[0]) if in_sixteenths else None
            clips.append(Measured(row[0], past, style, fill, segment.qpm, intensity, per_bar, off_beat))
    return clips


def conditioned_clips(
    note_sequence: NoteSequence, converter: DrumsConverter
) -> list[tuple[Array, DrumConditions]]:
    """The converter's clips of a NoteSequence, int tokens `[steps]` each, and the conditions that they meet."""
    return [(clip.tokens, clip.conditions) for clip in measured_clips(note_sequence, converter)]


def quantile_tables(clips: Sequence[Measured]) -> dict[str, tuple[float, ...]]:
    """`QUANTILES` of a set of clips."""
    columns = {
        name: np.array([getattr(c, name) for c in clips if getattr(c, name) is not None], np.float64)
        for name in ("tempo", "intensity", "density", "syncopation")
    }
    return {name: tuple(np.quantile(x, LEVELS).round(3).tolist()) for name, x in columns.items()}

"""Directions of the latent space that stand for something audible: more hits, higher pitch, more syncopation.

An attribute vector is the mean latent vector of clips in the top quartile of an attribute less that of clips in
the bottom quartile (Roberts et al., "A Hierarchical Latent Vector Model for Learning Long-Term Structure in
Music", 2018, section 5.3.2, whose attributes of melodies are among these). Attributes are measured on NoteSequences
as a converter makes them (at 120 quarter notes a minute, 4/4), so that encoded and decoded clips are measured in the same way.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.errors import CheckpointError, because
from common.json_text import parse_json
from models.music_vae.trained import TrainedModel
from preprocess.drums.rhythm import STEPS_PER_BAR, syncopation
from preprocess.note_sequence import NoteSequence

Array = np.ndarray

SIXTEENTHS_PER_SECOND = 8.0
KICKS, SNARES = (35, 36), (37, 38, 39, 40)
HI_HATS = (22, 26, 42, 44, 46)
"""General MIDI's closed, pedal and open hi-hat, and the two edges of Roland's."""


@dataclass(frozen=True)
class Notes:
    """The notes of one kind of a clip, arrays `[notes]`, times in sixteenths; and the clip's length in bars."""

    starts: Array
    ends: Array
    pitches: Array
    velocities: Array
    bars: int


@dataclass(frozen=True)
class Attribute:
    """A property of a clip that can be measured.

    Attributes:
        unit: of `measure`.
        of_drums: whether it is measured on drums or on pitched notes; None for all of them.
        measure: its value for a clip; NaN where it is not defined (the mean pitch of silence).
    """

    unit: str
    of_drums: bool | None
    measure: Callable[[Notes], float]


def _per_bar(notes: Notes) -> float:
    return len(notes.starts) / notes.bars


def _hi_hats(notes: Notes) -> float:
    return float(np.isin(notes.pitches, HI_HATS).sum()) / notes.bars


def _syncopation(notes: Notes) -> float:
    steps = notes.bars * STEPS_PER_BAR
    at = np.floor(notes.starts + 0.5).astype(int)
    kept = np.isin(notes.pitches, KICKS + SNARES) & (at >= 0) & (at < steps)
    rhythm = np.zeros((1, steps, 1), bool)
    rhythm[0, at[kept]] = True
    return float(syncopation(rhythm, (0,))[0])


def _mean(values: Array) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _pitch_range(notes: Notes) -> float:
    return float(np.ptp(notes.pitches)) if len(notes.pitches) else float("nan")


def _rests(notes: Notes) -> float:
    """Share of the sixteenths at whose middle nothing sounds."""
    middles = np.arange(notes.bars * STEPS_PER_BAR)[:, None] + 0.5
    sounding = ((notes.starts <= middles) & (middles < notes.ends)).any(axis=1)
    return float(1 - sounding.mean())


ATTRIBUTES: dict[str, Attribute] = {
    "hits": Attribute("hits a bar", True, _per_bar),
    "hihat": Attribute("hi-hat hits a bar", True, _hi_hats),
    "syncopation": Attribute("weights a bar", True, _syncopation),
    "notes": Attribute("notes a bar", False, _per_bar),
    "pitch": Attribute("semitones", False, lambda notes: _mean(notes.pitches)),
    "range": Attribute("semitones", False, _pitch_range),
    "rests": Attribute("share of the sixteenths", False, _rests),
    "loudness": Attribute("velocity, 1 to 127", None, lambda notes: _mean(notes.velocities)),
}
"""By name. `syncopation` is that of kick and snare together, Longuet-Higgins and Lee's (`metrics/drum_hits.py`)."""

_DRUMS, _MELODY = ("hits", "hihat", "syncopation"), ("notes", "pitch", "range", "rests")
_OF_CONVERTERS = {
    "drums": _DRUMS,
    "groove": _DRUMS,
    "melody": _MELODY,
    "trio": _DRUMS + _MELODY,
    "performance": _MELODY,
    "pianoroll": _MELODY,
}


def path_beside(source: str) -> Path:
    """Where the attribute vectors of a checkpoint stand: `beats.attributes.json` beside `beats.safetensors`."""
    path = Path(source).expanduser()
    return path.with_name(f"{path.name.removesuffix('.safetensors')}.attributes.json")


def names_for(model: TrainedModel) -> tuple[str, ...]:
    """The attributes of what a model plays; of a trio those of the drums and those of the melody.

    Loudness is among them only where the model plays velocities; the others play all notes equally loud.
    """
    options = model.config.converter
    kind = options["name"]
    loud = kind == "groove" or (kind == "performance" and options.get("num_velocity_bins", 0) > 0)
    names = _OF_CONVERTERS[kind] + ("loudness",) * loud
    meter = model.converter.time_signature or (4, 4)
    # Longuet-Higgins and Lee's weights are those of sixteenths of 4/4.
    in_sixteenths = meter == (4, 4) and model.converter.steps_per_quarter != 3
    return names if in_sixteenths else tuple(name for name in names if name != "syncopation")


def bars_of(model: TrainedModel) -> int:
    """Bars of a model's clip, in its own meter."""
    return model.converter.slice_bars or max(1, -(-model.max_length // STEPS_PER_BAR))


def measure(
    sequences: Sequence[NoteSequence], names: Sequence[str], bars: int, lead_only: bool = False
) -> Array:
    """Attributes of NoteSequences at 120 quarter notes a minute, float64 `[clips, attributes]`, NaN where undefined.

    Args:
        sequences: are not changed.
        names: of `ATTRIBUTES`.
        bars: length of a clip.
        lead_only: of pitched notes only those of the first instrument, a trio's melody.
    """
    values = np.empty((len(sequences), len(names)))
    for row, sequence in zip(values, sequences, strict=True):
        kinds = {
            kind: _notes(sequence, kind, lead_only and kind is False, bars) for kind in (True, False, None)
        }
        row[:] = [ATTRIBUTES[name].measure(kinds[ATTRIBUTES[name].of_drums]) for name in names]
    return values


def _notes(sequence: NoteSequence, drums: bool | None, lead_only: bool, bars: int) -> Notes:
    notes = [note for note in sequence.notes if drums is None or note.is_drum == drums]
    if lead_only and notes:
        lead = min(note.instrument for note in notes)
        notes = [note for note in notes if note.instrument == lead]
    columns = np.array([(n.start_time, n.end_time, n.pitch, n.velocity) for n in notes], np.float64)
    starts, ends, pitches, velocities = columns.reshape(-1, 4).T
    return Notes(starts * SIXTEENTHS_PER_SECOND, ends * SIXTEENTHS_PER_SECOND, pitches, velocities, bars)


def measure_values(
    model: TrainedModel, values: Array, names: Sequence[str], lengths: Array | None = None
) -> Array:
    """Attributes of compact values `[n, steps, ...]`, what a decoder plays or was to play; `[n, attributes]`.

    Args:
        model: says what the values mean.
        values: of the decoder.
        names: of the attributes.
        lengths: real steps of each, where some are padded at their end.
    """
    rows = list(values)
    if lengths is not None and np.ndim(lengths) == 1:
        rows = [row[:length] for row, length in zip(rows, lengths, strict=True)]
    sequences = model.converter.from_tensors(rows)
    return measure(sequences, names, bars_of(model), model.config.converter["name"] == "trio")


# Vectors.


@dataclass(frozen=True)
class AttributeVectors:
    """The vectors of a model's attributes, and how they were computed.

    Attributes:
        names: of the attributes.
        vectors: float32 `[attributes, z_size]`.
        means, deviations: of each attribute over the clips, float64 `[attributes]`.
        quartiles: lower and upper, float64 `[attributes, 2]`.
        clips: number of clips.
        config: the config's name.
        encoder: `models.music_vae.embedding.fingerprint` of the model.
        source: what the clips were, in words.
    """

    names: tuple[str, ...]
    vectors: Array
    means: Array
    deviations: Array
    quartiles: Array
    clips: int
    config: str = ""
    encoder: str = ""
    source: str = ""

    def vector(self, name: str, orthogonal: bool = False) -> Array:
        """The vector of an attribute, float32 `[z_size]`.

        Args:
            name: of it.
            orthogonal: only the part that is at right angles to all the others' vectors.

        Raises:
            ValueError: where there is none of that name.
        """
        if name not in self.names:
            raise ValueError(f"There is no vector of '{name}'; there are {', '.join(self.names)}.")
        return (orthogonalized(self.vectors) if orthogonal else self.vectors)[self.names.index(name)]

    def to_json(self) -> str:
        """As a file keeps them."""
        each = {
            name: {
                "unit": ATTRIBUTES[name].unit,
                "mean": float(self.means[i]),
                "standard_deviation": float(self.deviations[i]),
                "quartiles": self.quartiles[i].tolist(),
                "vector": [round(float(x), 6) for x in self.vectors[i]],
            }
            for i, name in enumerate(self.names)
        }
        how = "mean z of the clips in the top quartile less that of those in the bottom quartile"
        head = {
            "config": self.config,
            "encoder": self.encoder,
            "clips": self.clips,
            "computed_on": self.source,
        }
        return json.dumps({**head, "how": how, "attributes": each}, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str, source: str) -> "AttributeVectors":
        """The inverse of `to_json`; `source` is named where it fails.

        Raises:
            CheckpointError: where the text is something else.
        """
        try:
            data = parse_json(text)
            each = data["attributes"]
            columns = {
                key: np.array([entry[key] for entry in each.values()], np.float64)
                for key in ("vector", "mean", "standard_deviation", "quartiles")
            }
            with np.errstate(over="ignore"):  # what is too large becomes infinite, which is refused below
                vectors = columns["vector"].astype(np.float32)
            found = cls(
                names=tuple(each),
                vectors=vectors,
                means=columns["mean"],
                deviations=columns["standard_deviation"],
                quartiles=columns["quartiles"],
                clips=int(data["clips"]),
                config=str(data["config"]),
                encoder=str(data["encoder"]),
                source=str(data["computed_on"]),
            )
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise CheckpointError(f"{source}: holds no attribute vectors ({because(error)}).") from error
        n, arrays = len(found.names), (found.vectors, found.means, found.deviations, found.quartiles)
        known = n and all(name in ATTRIBUTES for name in found.names)
        shapes = found.vectors.ndim == 2, found.means.shape == found.deviations.shape == (n,)
        if not (known and all(shapes) and found.quartiles.shape == (n, 2)):
            raise CheckpointError(
                f"{source}: its attributes are unknown, or not each a vector with its statistics."
            )
        if not all(np.isfinite(array).all() for array in arrays):
            raise CheckpointError(f"{source}: holds NaN or infinite numbers; make it again.")
        return found


def attribute_vectors(mu: Array, values: Array, names: Sequence[str]) -> AttributeVectors:
    """Attribute vectors of encoded clips.

    Args:
        mu: means of the posteriors, `[clips, z_size]`.
        values: attributes, `[clips, attributes]`; a clip counts for those that are not NaN.
        names: of the attributes. Those whose quartiles are the same number are left out, as nothing is high in
            them or low.

    Raises:
        ValueError: where none is left.
    """
    kept, vectors, statistics = [], [], []
    for name, column in zip(names, np.asarray(values, np.float64).T, strict=True):
        defined = ~np.isnan(column)
        column, z = column[defined], np.asarray(mu, np.float64)[defined]
        low, high = np.quantile(column, (0.25, 0.75)) if len(column) else (0.0, 0.0)
        if not low < high:
            continue
        kept.append(name)
        vectors.append(z[column >= high].mean(axis=0) - z[column <= low].mean(axis=0))
        statistics.append((column.mean(), column.std(), low, high))
    if not kept:
        raise ValueError(f"The {len(mu)} clips differ in none of {', '.join(names)}.")
    table = np.array(statistics)
    stacked = np.stack(vectors).astype(np.float32)
    return AttributeVectors(tuple(kept), stacked, table[:, 0], table[:, 1], table[:, 2:], len(mu))


def orthogonalized(vectors: Array) -> Array:
    """Of each vector `[n, z_size]` the part at right angles to all the others, float32; zero where there is none.

    No order of the vectors is preferred, as Gram and Schmidt's way does. What is left is shorter, by as much as
    the attributes go together; an amount of it is therefore not an amount of the whole vector.
    """
    vectors = np.asarray(vectors, np.float64)
    parts = []
    for i, vector in enumerate(vectors):
        others = np.delete(vectors, i, axis=0)
        parts.append(vector - np.linalg.pinv(others) @ (others @ vector) if len(others) else vector)
    return np.stack(parts).astype(np.float32)


@dataclass(frozen=True)
class Effects:
    """What adding vectors to prior samples does.

    Attributes:
        amounts: `[amounts]`.
        moved: mean change of each attribute in its units, float64 `[vectors, amounts, attributes]`.
        rose: share of the samples whose attribute rose, of the same shape.
        plain: mean of each attribute of the samples as they are, float64 `[attributes]`.
    """

    amounts: tuple[float, ...]
    moved: Array
    rose: Array
    plain: Array


def effects(
    model: TrainedModel,
    found: AttributeVectors,
    amounts: Sequence[float],
    n: int = 64,
    temperature: float | None = 0.5,
    seed: int = 0,
    orthogonal: bool = False,
    on_batch: Callable[[], None] = lambda: None,
) -> Effects:
    """Measure what each vector moves; samples are compared with themselves, drawn with the same numbers.

    Args:
        model: whose vectors they are; without controls.
        found: the vectors.
        amounts: how much of each is added.
        n: prior samples.
        temperature: of the draws; None takes the likeliest values.
        seed: of the samples and draws.
        orthogonal: as for `AttributeVectors.vector`.
        on_batch: called after each decoded batch, `1 + vectors * amounts` times.
    """
    z = model.prior_sample(n, seed)

    def measured(vectors: Array) -> Array:
        values = measure_values(model, model.decode_values(vectors, temperature, seed), found.names)
        on_batch()
        return values

    before = measured(z)
    changes = np.stack(
        [
            [measured(z + np.float32(amount) * found.vector(name, orthogonal)) - before for amount in amounts]
            for name in found.names
        ]
    )
    return Effects(
        tuple(amounts), np.nanmean(changes, axis=2), (changes > 0).mean(axis=2), np.nanmean(before, axis=0)
    )

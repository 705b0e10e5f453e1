"""Groove models at work on music of any length: hits get velocities and timing, or taps become drums.

The music is cut into windows of the model's length that lie end to end, the last one padded with silence. What is
drawn depends on (seed, number of the performance, number of the window), not on how many are drawn together.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from models import numpy_groove, numpy_model, trained_model
from preprocess import groove_conditions
from preprocess.converters.groove_hits import OUTPUT_QPM, GrooveConverter, Triple
from preprocess.errors import InputError

SHIPPED = "groovae_2bar_humanize_small"
"""The shipped model that humanizes."""


def check_humanizes(model: Any) -> None:
    """Refuse a model that can't say how given hits are played.

    Raises:
        InputError: naming the config and what it is.
    """
    _check_groove(model)
    if model.converter.tapify or model.converter.add_instruments:
        raise InputError(
            f"{model.config.name} makes drums of its own; to humanize, give a config such as "
            "groovae_2bar_humanize_small.",
            "other_model",
        )


def check_takes_taps(model: Any) -> None:
    """Refuse a model that was not trained to make drums from taps.

    Raises:
        InputError: naming the config and what it is.
    """
    _check_groove(model)
    if not model.converter.tapify or model.converter.hits_as_controls:
        raise InputError(
            f"{model.config.name} does not read taps; give a config such as groovae_2bar_tap_small.",
            "other_model",
        )


def _check_groove(model: Any) -> None:
    converter = model.converter
    plays = (
        isinstance(converter, GrooveConverter)
        and converter.steps_per_bar == 16
        and not (converter.num_velocity_bins or converter.num_offset_bins)
        and (numpy_groove.supports(model.config) or _is_groovae(model))
    )
    if not plays:
        raise InputError(
            f"{model.config.name} does not play velocities and timing of drums on sixteenths; give a GrooVAE "
            "config such as groovae_2bar_humanize_small.",
            "other_model",
        )


def _is_groovae(model: Any) -> bool:
    """Whether it has an encoder and a decoder of Magenta's kind, which run in NumPy."""
    name = model.config.decoder["name"]
    return name == "groove_lstm" and numpy_model.supports_decoder(model.config) and model.z_size > 0


def humanized(
    model: Any,
    grid: Triple,
    temperature: float = 0.0,
    seed: int = 0,
    count: int = 1,
    conditions: Sequence[float] | None = None,
) -> Iterator[Triple]:
    """Performances of the same hits.

    Args:
        model: a `TrainedModel` that `check_humanizes` accepts.
        grid: hits, velocities and offsets, `[steps, drums]` each (`GrooveConverter.grid_of_hits`).
        temperature: 0 gives the one typical performance (of a GrooVAE the posterior's mean); above, performances
            are drawn hit by hit (of a GrooVAE from the posterior with its standard deviation times this).
        seed: of the draws.
        count: how many performances.
        conditions: tempo, drummer and style (`groove_conditions.row`), for models that know of them.

    Yields:
        Hits as given, MIDI velocities and offsets in steps (early ones positive), `[steps, drums]` each.
    """
    examples, batch = _windows(model, grid, conditions)
    if numpy_groove.supports(model.config):
        for number in range(count):
            yield _heard(model, _performance(model, batch, temperature, seed, number), len(grid[0]))
        return
    drums_a_row = model.converter.output_depth // 3
    known = np.stack([example.outputs[:, :drums_a_row] for example in examples])
    mu, sigma = model.posterior(batch)
    for number in range(count):
        z = mu
        if temperature > 0:
            noise = [
                np.random.default_rng([seed, 2, number, window]).standard_normal(model.z_size, np.float32)
                for window in range(len(mu))
            ]
            z = mu + np.float32(temperature) * sigma * np.stack(noise)
        values = model.decode_values(z, None, controls=batch.get("controls"), known=known)
        yield _heard(model, values, len(grid[0]))


def _heard(model: Any, values: np.ndarray, steps: int) -> Triple:
    """Hits, MIDI velocities and offsets in steps of windows `[n, rows, depth]`, so many steps of them."""
    hits, velocities, offsets = model.converter.played(np.concatenate(values).astype(np.float64))
    return hits[:steps], velocities[:steps], offsets[:steps]


def _performance(
    model: Any, batch: dict[str, np.ndarray], temperature: float, seed: int, number: int
) -> np.ndarray:
    """One performance of all windows by a model without latent vector."""
    controls = batch["controls"]
    no_z = np.zeros((len(controls), 0), np.float32)
    first = number * len(controls)
    return model.decode_values(no_z, temperature or None, seed, first, controls=controls)


def felt(
    sequences: Sequence[Any],
    qpm: float = OUTPUT_QPM,
    temperature: float = 0.0,
    seed: int = 0,
    drummer: str | None = None,
    style: str | None = None,
    model: Any = None,
) -> list[Any]:
    """Drum sequences with the velocities and the timing of a drummer.

    Args:
        sequences: NoteSequences of drums on General MIDI pitches, in 4/4 at one tempo each (120 where it says none);
            not changed. Notes that are no drum of the model's stay as they are.
        qpm: the tempo that they will be heard at, which may be another than theirs; it decides how they are played.
        temperature: 0 gives the typical performance of each; above, performances are drawn.
        seed: of the draws.
        drummer, style: one of `groove_conditions.DRUMMERS` and `groove_conditions.STYLES`; None where not known.
        model: a `TrainedModel` that `check_humanizes` accepts; the shipped one by default.

    Returns:
        A NoteSequence for each, with as many notes.

    Raises:
        InputError: where the model can't humanize.
    """
    if model is None:
        model = trained_model.load(SHIPPED)
    check_humanizes(model)
    conditions = groove_conditions.row(qpm, drummer, style)
    return [
        _felt(sequence, model, temperature, seed + number, conditions)
        for number, sequence in enumerate(sequences)
    ]


def _felt(sequence: Any, model: Any, temperature: float, seed: int, conditions: Sequence[float]) -> Any:
    played = type(sequence)()
    played.CopyFrom(sequence)
    classes = model.converter.inference_pitch_classes
    drum_of = {pitch: drum for drum, pitches in enumerate(classes) for pitch in pitches}
    notes = [note for note in played.notes if note.is_drum and note.pitch in drum_of]
    if not notes:
        return played
    step_seconds = 15 / (sequence.tempos[0].qpm if sequence.tempos else OUTPUT_QPM)
    positions = np.array([note.start_time for note in notes]) / step_seconds
    drums = np.array([drum_of[note.pitch] for note in notes])
    grid = model.converter.grid_of_hits(positions, drums, np.array([note.velocity for note in notes]))
    ((_, velocities, offsets),) = humanized(model, grid, temperature, seed, 1, conditions)
    for note, position, drum in zip(notes, positions, drums, strict=True):
        step = int(position + 0.5)
        length = note.end_time - note.start_time
        note.velocity = max(1, int(velocities[step, drum]))
        note.start_time = max(0.0, float(step - offsets[step, drum]) * step_seconds)
        note.end_time = note.start_time + length
    played.total_time = max(sequence.total_time, *(note.end_time for note in played.notes))
    return played


def drums_of_taps(
    model: Any,
    grid: Triple,
    temperature: float = 0.0,
    seed: int = 0,
    count: int = 1,
    conditions: Sequence[float] | None = None,
) -> Iterator[Any]:
    """Drum performances of a tapped rhythm, as NoteSequences of General MIDI drums at 120.

    Args:
        model: a `TrainedModel` that `check_takes_taps` accepts.
        grid: taps, on whichever drums, as for `humanized`.
        temperature: of the draws; 0 takes the likeliest drums. (A GrooVAE draws hits alone.)
        seed: of the draws.
        count: how many performances.
        conditions: as for `humanized`.

    Yields:
        A NoteSequence as long as the grid at most.
    """
    _, batch = _windows(model, grid, conditions)
    mu = None if numpy_groove.supports(model.config) else model.posterior(batch)[0]
    for number in range(count):
        if mu is None:
            values = _performance(model, batch, temperature, seed, number)
        else:
            first, controls = number * len(mu), batch.get("controls")
            values = model.decode_values(mu, temperature or None, seed, first, controls=controls)
        rows = np.concatenate(values)[: len(grid[0]) * model.converter.rows_a_step]
        yield model.converter.from_tensors([rows])[0]


def _windows(
    model: Any, grid: Triple, conditions: Sequence[float] | None
) -> tuple[list[Any], dict[str, np.ndarray]]:
    """The windows as examples, and as one batch."""
    size = model.max_length // model.converter.rows_a_step
    examples = model.converter.windows_of_grid(grid, size, conditions)
    return examples, model.config.batch_of(examples)

"""GrooVAE models at work on music of any length: hits get velocities and timing, or taps become drums.

The music is cut into windows of the model's length that lie end to end, the last one padded with silence. What is
drawn depends on (seed, number of the performance, number of the window), not on how many are drawn together.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from models import numpy_model
from preprocess.converters.groove_hits import GrooveConverter, Triple
from preprocess.errors import InputError


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
        and model.config.decoder["name"] == "groove_lstm"
        and numpy_model.supports_decoder(model.config)
        and model.z_size > 0
    )
    if not plays:
        raise InputError(
            f"{model.config.name} does not play velocities and timing of drums on sixteenths; give a GrooVAE "
            "config such as groovae_2bar_humanize_small.",
            "other_model",
        )


def humanized(
    model: Any, grid: Triple, temperature: float = 0.0, seed: int = 0, count: int = 1
) -> Iterator[Triple]:
    """Performances of the same hits.

    Args:
        model: a `TrainedModel` that `check_humanizes` accepts.
        grid: hits, velocities and offsets, `[steps, drums]` each (`GrooveConverter.grid_of_hits`).
        temperature: 0 takes the posterior's mean for each window; above, draws from the posterior with its
            standard deviation times this.
        seed: of the draws.
        count: how many performances.

    Yields:
        Hits as given, MIDI velocities and offsets in steps (early ones positive), `[steps, drums]` each.
    """
    examples, batch = _windows(model, grid)
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
        hits, velocities, offsets = model.converter.played(np.concatenate(values).astype(np.float64))
        steps = len(grid[0])
        yield hits[:steps], velocities[:steps], offsets[:steps]


def drums_of_taps(
    model: Any, grid: Triple, temperature: float = 0.0, seed: int = 0, count: int = 1
) -> Iterator[Any]:
    """Drum performances of a tapped rhythm, as NoteSequences of General MIDI drums at 120.

    Args:
        model: a `TrainedModel` that `check_takes_taps` accepts.
        grid: taps, on whichever drums, as for `humanized`.
        temperature: of the hits' draws; 0 takes the likeliest. Velocities and offsets are not drawn.
        seed: of the draws.
        count: how many performances.

    Yields:
        A NoteSequence as long as the grid at most.
    """
    _, batch = _windows(model, grid)
    mu, _ = model.posterior(batch)
    for number in range(count):
        first = number * len(mu)
        values = model.decode_values(mu, temperature or None, seed, first, controls=batch.get("controls"))
        rows = np.concatenate(values)[: len(grid[0]) * model.converter.rows_a_step]
        yield model.converter.from_tensors([rows])[0]


def _windows(model: Any, grid: Triple) -> tuple[list[Any], dict[str, np.ndarray]]:
    """The windows as examples, and as one batch."""
    examples = model.converter.windows_of_grid(grid, model.max_length // model.converter.rows_a_step)
    return examples, model.config.batch_of(examples)

"""Filling in: some steps of a clip are drawn again so that they fit the others, which stay.

Called as `TrainedModel.infill`. A model that was trained to play around known hits does it in its own way
(`models/history_drums/trained.py`). NumPy alone.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from metrics import variational
from preprocess.converters.base import Example
from preprocess.example_forms import NO_TOKEN

if TYPE_CHECKING:
    from models.music_vae.codec import Codec

Array = np.ndarray

NOTHING_HAPPENS = 0
"""The token of a silent step of drums, and of a step of a melody at which nothing begins or ends."""


@dataclass(frozen=True)
class Infill:
    """Clips that fill a hole, the likeliest to be right first.

    Attributes:
        values: `[n, steps, ...]`, all with the known steps as they were.
        z: the latent vector of each, float32 `[n, z_size]`.
        log_weights: importance of each in nats, float64 `[n]`.
        effective: how many equally important candidates these are worth, from 1 to n.
    """

    values: Array
    z: Array
    log_weights: Array
    effective: float


@dataclass(frozen=True)
class Task:
    """What is to be filled in.

    Attributes:
        batch: the clip as a batch of one, as `TrainedModel.posterior` takes it.
        values: what is known of it, `[1, steps, ...]` in the compact form of the output.
        hole: the steps to draw again, bool `[max_length]`.
        stays: the steps to keep, bool `[max_length]`; neither is true behind the clip's end.
        length: steps of the clip.
    """

    batch: dict[str, Array]
    values: Array
    hole: Array
    stays: Array
    length: int


def task(model: "Codec", example: Example, hole: Array) -> Task:
    """What is to be filled in, checked.

    Args:
        model: of tokens.
        example: a converter's example of the clip.
        hole: bool `[max_length]`, true at the steps to draw again; what lies behind the clip's end is ignored.

    Raises:
        ValueError: where no step of the clip is to be drawn again or to stay.
    """
    batch = model.config.batch_of([example])
    length = min(int(batch["lengths"][0]), model.max_length)
    inside = np.arange(model.max_length) < length
    hole = np.asarray(hole, bool) & inside
    if not hole.any() or hole[:length].all():
        raise ValueError(f"Some of the clip's {length} steps must be renewed, and some must stay.")
    return Task(batch, batch.get("outputs", batch["inputs"]), hole, inside & ~hole, length)


def check_steps(model: "Codec") -> None:
    """Refuse models whose values can't be imposed step by step.

    Raises:
        ValueError: saying why.
    """
    name, converter = model.config.name, model.converter
    if converter.output_form == "dense":
        raise ValueError(
            f"{name}: plays velocities and timing, which can't be imposed step by step; "
            "filling in takes a model of tokens."
        )
    if converter.segments:
        raise ValueError(
            f"{name}: its tokens are events and not steps of time, so no bar of it can be filled in."
        )
    if not model.z_size:
        raise ValueError(f"{name}: has no latent vector, so nothing can be filled in.")


def infill(
    model: "Codec", wanted: Task, n: int = 32, temperature: float | None = 1.0, seed: int = 0
) -> Infill:
    """Candidates for a hole, weighed by how well their latent vectors explain what is known.

    Latent vectors are drawn from the posterior of the clip with the hole blanked. A blank is what stands for
    "nothing happens" and not NO_TOKEN: the encoder has never seen a row of zeros amid a clip, but has seen rests
    (for drums that are read as a roll both are the same).

    Still, that posterior is of a clip with a rest in it. So each candidate (a vector, and what it plays in the
    hole, the known steps imposed) is weighed by how well it explains the known steps: `p(known | z, hole so far)
    p(z) / q(z)`, its importance as a draw from the model given what is known. The candidates are returned in the
    order of draws by importance without replacement (the Gumbel trick), the first being the choice; with
    temperature None in the order of importance itself.

    Args:
        model: one that decodes in NumPy.
        wanted: the clip and its hole.
        n, temperature, seed: as for `TrainedModel.infill`.
    """
    values, controls = wanted.values, wanted.batch.get("controls")
    known = np.where(_beside(~wanted.stays, values), NO_TOKEN, values.astype(np.int32))
    z, log_ratio = _draw_around(model, wanted.batch, wanted.hole, n, seed)
    drawn = model.decode_values(z, temperature, seed, controls=controls, known=np.repeat(known, n, axis=0))
    nats = model.log_probability(z, drawn, controls)
    log_weights = nats[:, wanted.stays].astype(np.float64).sum(axis=1) + log_ratio
    noise = np.random.default_rng([seed, 6]).gumbel(size=n) if temperature is not None else 0.0
    order = np.argsort(-(log_weights + noise), kind="stable")
    weights = np.exp(log_weights - log_weights.max())
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    return Infill(drawn[order][:, : wanted.length], z[order], log_weights[order], effective)


def _draw_around(
    model: "Codec", batch: dict[str, Array], hole: Array, n: int, seed: int
) -> tuple[Array, Array]:
    """Draws of z from the posterior with the hole blanked, and `log p(z) - log q(z)` of each in nats."""
    blanked = np.where(_beside(hole, batch["inputs"]), NOTHING_HAPPENS, batch["inputs"])
    mu, sigma = model.posterior({**batch, "inputs": blanked.astype(batch["inputs"].dtype)})
    noise = np.random.default_rng([seed, 5]).standard_normal((n, model.z_size), np.float32)
    return mu + sigma * noise, variational.log_prior_over_posterior(noise, mu, sigma)


def _beside(mask: Array, values: Array) -> Array:
    """A mask `[steps]` in the shape of values `[1, steps, ...]`."""
    return mask.reshape(1, -1, *[1] * (values.ndim - 2))

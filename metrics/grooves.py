"""How well a groove model plays: errors note by note, and distances between the distributions of notes.

Both are needed. A model that always plays the mean velocity exactly on the beat has small errors and sounds like a
machine; the distance between the distributions shows it (Gillick et al., "Learning to Groove with Inverse Sequence
Transformations", 2019, table 2: the linear model and the MLP).
"""

from dataclasses import dataclass

import numpy as np

Array = np.ndarray

BINS = 32
"""Bins of the histograms that are compared."""


@dataclass(frozen=True)
class GrooveFigures:
    """A performance compared with the drummer's, at the drummer's hits.

    Attributes:
        timing_mae_ms: mean distance of onsets, milliseconds.
        timing_mse: mean squared distance of onsets, in sixteenths.
        velocity_mae: mean distance of MIDI velocities, of 127.
        timing_kl, velocity_kl: KL divergence in nats of the drummer's histogram to the performance's, of
            offsets (from half a step early to half a step late) and of velocities.
    """

    timing_mae_ms: float
    timing_mse: float
    velocity_mae: float
    timing_kl: float
    velocity_kl: float


def compare(truth: Array, played: Array, step_seconds: Array) -> GrooveFigures:
    """Figures of performances `[n, steps, 3 * drums]` against the drummer's.

    Args:
        truth: hits, velocities (0 to 1) and offsets (-1 to 1) as recorded.
        played: the same as the model plays it; its hits are ignored.
        step_seconds: length of a step of each performance, `[n]`.
    """
    hits, true_velocity, true_offset = np.split(truth, 3, axis=-1)
    _, velocity, offset = np.split(played, 3, axis=-1)
    struck = hits > 0.5
    seconds = np.broadcast_to(step_seconds[:, None, None], hits.shape)[struck]
    # An offset of 1 is half a step.
    steps_apart = (offset[struck] - true_offset[struck]) / 2
    return GrooveFigures(
        timing_mae_ms=float(np.mean(np.abs(steps_apart) * seconds) * 1000),
        timing_mse=float(np.mean(steps_apart**2)),
        velocity_mae=float(np.mean(np.abs(velocity[struck] - true_velocity[struck])) * 127),
        timing_kl=histogram_kl(true_offset[struck], offset[struck], (-1.0, 1.0)),
        velocity_kl=histogram_kl(true_velocity[struck], velocity[struck], (0.0, 1.0)),
    )


def quantized(truth: Array) -> Array:
    """The drummer's hits exactly on the grid, at the mean velocity of all hits: what a drum machine would play."""
    hits, velocities, offsets = np.split(truth, 3, axis=-1)
    struck = hits > 0.5
    mean = float(velocities[struck].mean()) if struck.any() else 0.0
    return np.concatenate([hits, hits * mean, offsets * 0], axis=-1)


def hit_f1(truth: Array, played: Array) -> float:
    """F1 of the hits of performances `[n, steps, 3 * drums]`; 0 where there are none at all."""
    drums = truth.shape[-1] // 3
    wanted, struck = truth[..., :drums] > 0.5, played[..., :drums] > 0.5
    both = 2 * float(np.sum(wanted & struck))
    return both / max(1.0, float(wanted.sum() + struck.sum()))


def histogram_kl(truth: Array, played: Array, bounds: tuple[float, float]) -> float:
    """KL divergence in nats between two histograms of 32 bins, one count added to each bin."""
    p, q = (
        np.histogram(np.clip(x, *bounds), BINS, bounds)[0].astype(np.float64) + 1 for x in (truth, played)
    )
    p, q = p / p.sum(), q / q.sum()
    return float(np.sum(p * np.log(p / q)))

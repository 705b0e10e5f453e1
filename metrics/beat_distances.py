"""Distributions of a set of drum beats, and how far two sets are apart; the measures are those of `drum_hits`."""

from dataclasses import dataclass

import numpy as np

from metrics import drum_hits
from preprocess.drums.rhythm import syncopation

Array = np.ndarray


@dataclass(frozen=True)
class BeatStatistics:
    """What a set of clips is like.

    Attributes:
        hits_per_bar: hits of all drums, int `[bars]`.
        density: share of the steps at which each drum is struck, float `[clips, drums]`.
        syncopation: Longuet-Higgins and Lee's score a bar, float `[clips]`.
    """

    hits_per_bar: Array
    density: Array
    syncopation: Array


def statistics(hits: Array, rhythm: tuple[int, ...]) -> BeatStatistics:
    """The statistics of clips.

    Args:
        hits: boolean `[clips, steps, drums]`, whole bars of sixteen steps.
        rhythm: the drums whose syncopation is measured.
    """
    return BeatStatistics(drum_hits.hits_per_bar(hits), drum_hits.density(hits), syncopation(hits, rhythm))


def distances(a: BeatStatistics, b: BeatStatistics) -> dict[str, float]:
    """Earth mover's distances, each in the units of the statistic.

    Returns:
        `hits_per_bar` (hits), `density` (share of the steps, the mean over the drums) and `syncopation` (weights).
    """
    drums = range(a.density.shape[1])
    return {
        "hits_per_bar": drum_hits.wasserstein(a.hits_per_bar, b.hits_per_bar),
        "density": float(np.mean([drum_hits.wasserstein(a.density[:, d], b.density[:, d]) for d in drums])),
        "syncopation": drum_hits.wasserstein(a.syncopation, b.syncopation),
    }


def summary(hits: Array, own: BeatStatistics, drum_names: tuple[str, ...]) -> dict[str, object]:
    """Means of the statistics, and the shares of different bars and clips (which depend on how many clips there are)."""
    return {
        "clips": len(hits),
        "hits_per_bar": float(own.hits_per_bar.mean()),
        "density": dict(zip(drum_names, own.density.mean(axis=0).tolist(), strict=True)),
        "syncopation": float(own.syncopation.mean()),
        "distinct_bars": drum_hits.distinct_share(drum_hits.bars_of(hits)),
        "distinct_clips": drum_hits.distinct_share(hits),
    }


def nearest_summary(nearest: Array) -> dict[str, float]:
    """Hamming distances to the nearest training clip `[clips]`, in cells: quartiles, and the share of copies."""
    low, middle, high = np.quantile(nearest, (0.25, 0.5, 0.75))
    return {
        "copies": float((nearest == 0).mean()),
        "lower_quartile": float(low),
        "median": float(middle),
        "upper_quartile": float(high),
        "mean": float(nearest.mean()),
    }

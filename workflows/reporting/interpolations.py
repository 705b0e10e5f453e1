"""Evaluating interpolations: whether their ends are the clips, how even their steps are, how likely the steps between.

Likelihood is that of the mixture of counts (`baselines/drum_counts.py`), which is independent of the model.
"""

from typing import Any

import numpy as np

from baselines.drum_counts import CountMixture
from common.console import print_table, progress
from metrics import beats
from metrics.drum_hits import f1
from models.families import default_temperature
from models.history_drums import editing
from models.music_vae.trained import TrainedModel
from workflows.loading import player_beside

Array = np.ndarray

PAIRS, STEPS = 32, 8


def figures(
    model: TrainedModel, clips: Array, sources: Array, mixture: CountMixture | None, seed: int
) -> dict[str, Any]:
    """Figures of interpolations between held-out clips of different files, at the default temperature of `interpolate.py`.

    Args:
        model: of drum tokens.
        clips: int tokens `[n, steps]`.
        sources: int `[n]`, the file of each.
        mixture: fitted to the training clips; None where there are none.
        seed: of the pairs and the draws.

    Returns:
        `pairs` and `steps`; `ends_f1`, F1 of the hits of decoded ends and clips at temperature 0; `largest_hop`, the
        largest change from step to step as a multiple of the mean one, averaged over the pairs; `middle_nats` and
        `clip_nats`, mean costs of the inner steps and of the clips.
    """
    pairs = _pairs(sources, np.random.default_rng([seed, 9]))
    ends, numbers = np.unique(pairs, return_inverse=True)
    lengths = np.full(len(ends), clips.shape[1])
    batch = {"inputs": clips[ends], "lengths": lengths}
    mu, z = model.posterior(batch)[0], editing.encoded(model, batch)
    decoded = beats.grid_of(model.decode_values(z, None))
    truth = beats.grid_of(clips[ends])
    largest, middles, beside = [], [], player_beside(model)
    with progress("Interpolating", len(pairs)) as advance:
        for pair in numbers.reshape(-1, 2):
            way = editing.even_steps(
                model, mu[pair], STEPS, default_temperature(model.config), seed, exact=z[pair], beside=beside
            )
            grids = beats.grid_of(way)
            hops = (grids[1:] != grids[:-1]).reshape(STEPS - 1, -1).sum(axis=1)
            largest.append(hops.max() / max(hops.mean(), 1e-9))
            middles.append(way[1:-1])
            advance()
    return {
        "pairs": len(pairs),
        "steps": STEPS,
        "ends_f1": f1(int((decoded & truth).sum()), int(decoded.sum() + truth.sum())),
        "largest_hop": float(np.mean(largest)),
        "middle_nats": None
        if mixture is None
        else float(mixture.nats(np.concatenate(middles)).sum(axis=1).mean()),
        "clip_nats": None if mixture is None else float(mixture.nats(clips[ends]).sum(axis=1).mean()),
    }


def _pairs(sources: Array, rng: np.random.Generator) -> list[tuple[int, int]]:
    """Pairs of clips of different files; of clips of one file where there is no other."""
    found: list[tuple[int, int]] = []
    for _ in range(50 * PAIRS):
        a, b = (int(i) for i in rng.integers(0, len(sources), 2))
        if len(found) < PAIRS and (sources[a] != sources[b] or len(set(sources.tolist())) == 1):
            found.append((a, b))
    return found


def print_figures(found: dict[str, Any]) -> None:
    """Print the table of what `figures` found."""
    rows: list[tuple] = [
        ("F1 of the ends, decoded at temperature 0", found["ends_f1"]),
        ("largest change of a step, times the mean", found["largest_hop"]),
    ]
    if found["middle_nats"] is not None:
        rows.append(("nats of the steps between, by the count mixture", found["middle_nats"]))
        rows.append(("nats of the clips themselves, by the count mixture", found["clip_nats"]))
    title = f"Interpolation, {found['pairs']} pairs of held-out clips, {found['steps']} steps each"
    print_table(title, ["measure", "value"], rows)

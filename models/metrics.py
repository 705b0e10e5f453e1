"""Measures of drum beats and of a variational autoencoder, in NumPy on tokens and arrays.

A token is one sixteenth of a beat; its bit i says that drum i is struck. Beats are compared as boolean grids
`[clips, steps, drums]` (`hits_of`), sixteen steps a bar of 4/4.

Sources: the importance-weighted bound is that of Burda, Grosse, Salakhutdinov, "Importance Weighted
Autoencoders" (2016), as are active units; syncopation is Longuet-Higgins and Lee's (`preprocess/rhythm.py`);
distributions are compared by the earth mover's distance (Wasserstein-1), which is in the units of what it compares
and needs no bins.
"""

from dataclasses import dataclass

import numpy as np

from preprocess.rhythm import STEPS_PER_BAR as STEPS_PER_BAR
from preprocess.rhythm import hits_of as hits_of
from preprocess.rhythm import syncopation as syncopation

Array = np.ndarray

ACTIVE_VARIANCE = 0.01


def step_mask(lengths: Array, steps: int) -> Array:
    """Boolean `[clips, steps]`, true at the steps before each clip's end."""
    return np.arange(steps)[None, :] < np.asarray(lengths)[:, None]


@dataclass(frozen=True)
class Reconstruction:
    """How well clips were reconstructed.

    Attributes:
        token_accuracy: share of the steps whose token, all drums at once, is right.
        f1: F1 of the hits of all drums together (each hit counts once, so frequent drums weigh more).
        f1_per_drum: F1 of each drum, NaN where it is struck neither in the truth nor in the reconstruction.
    """

    token_accuracy: float
    f1: float
    f1_per_drum: tuple[float, ...]


def reconstruction(truth: Array, predicted: Array, lengths: Array, drums: int) -> Reconstruction:
    """Compare tokens.

    Args:
        truth: int `[clips, steps]`.
        predicted: int `[clips, steps]`.
        lengths: `[clips]`; later steps do not count.
        drums: number of drums.
    """
    real = step_mask(lengths, truth.shape[1])
    wanted = hits_of(truth, drums) & real[..., None]
    struck = hits_of(predicted, drums) & real[..., None]
    right = (wanted & struck).sum(axis=(0, 1))
    both = wanted.sum(axis=(0, 1)) + struck.sum(axis=(0, 1))
    return Reconstruction(
        float((truth == predicted)[real].mean()),
        _f1(right.sum(), both.sum()),
        tuple(_f1(r, b) for r, b in zip(right, both, strict=True)),
    )


def _f1(right: int, wanted_and_struck: int) -> float:
    """Harmonic mean of precision and recall, `2 TP / (2 TP + FP + FN)`."""
    return float(2 * right / wanted_and_struck) if wanted_and_struck else float("nan")


def kl_to_standard_normal(mu: Array, sigma: Array) -> Array:
    """KL(N(mu, diag sigma^2) || N(0, I)) in nats: `[n]` for `[n, z_size]`."""
    mu, sigma = np.asarray(mu, np.float64), _positive(sigma)
    return 0.5 * (mu**2 + sigma**2 - 1 - 2 * np.log(sigma)).sum(axis=-1)


def log_prior_over_posterior(noise: Array, mu: Array, sigma: Array) -> Array:
    """`log N(z; 0, I) - log N(z; mu, diag sigma^2)` in nats at `z = mu + sigma * noise`: `[...]` for `[..., z_size]`."""
    noise, sigma = np.asarray(noise, np.float64), _positive(sigma)
    z = np.asarray(mu, np.float64) + sigma * noise
    return (0.5 * noise**2 - 0.5 * z**2 + np.log(sigma)).sum(axis=-1)


def _positive(sigma: Array) -> Array:
    """`sigma` in double precision; a softplus that has rounded to 0 becomes the least float32."""
    return np.maximum(np.asarray(sigma, np.float64), np.finfo(np.float32).tiny)


def importance_weighted_bound(log_weights: Array) -> Array:
    """Lower bound of log p(x) in nats from K draws of z a clip: the log of the mean weight, `[n]`.

    With K = 1 it is an estimate of the evidence lower bound; it grows with K towards log p(x) (Burda et al.).

    Args:
        log_weights: `log p(x, z) - log q(z | x)`, `[n, K]`.
    """
    log_weights = np.asarray(log_weights, np.float64)
    highest = log_weights.max(axis=1, keepdims=True)
    # Weights of one clip differ by hundreds of nats: only relative to the highest do they fit a float.
    return highest[:, 0] + np.log(np.exp(log_weights - highest).mean(axis=1))


def active_units(mu: Array, threshold: float = ACTIVE_VARIANCE) -> int:
    """Latent units whose posterior mean `[n, z_size]` varies over the clips by more than the threshold."""
    return int((np.asarray(mu, np.float64).var(axis=0) > threshold).sum())


def hits_per_bar(hits: Array) -> Array:
    """Hits of all drums in each whole bar: int `[clips * bars]` for hits `[clips, steps, drums]`."""
    return bars_of(hits).sum(axis=(1, 2))


def bars_of(hits: Array) -> Array:
    """The whole bars of clips, `[clips * bars, 16, drums]`; an unfinished last bar is left out."""
    clips, steps, drums = hits.shape
    bars = steps // STEPS_PER_BAR
    return hits[:, : bars * STEPS_PER_BAR].reshape(clips * bars, STEPS_PER_BAR, drums)


def density(hits: Array) -> Array:
    """Share of the steps at which each drum is struck, `[clips, drums]` for hits `[clips, steps, drums]`."""
    return hits.mean(axis=1)


def distinct_share(patterns: Array) -> float:
    """Different patterns as a share of all, of patterns `[n, ...]`; 1 where no two are the same."""
    flat = np.packbits(patterns.reshape(len(patterns), -1), axis=1)
    return len(np.unique(flat, axis=0)) / len(patterns)


def wasserstein(a: Array, b: Array) -> float:
    """Earth mover's distance (Wasserstein-1) between two samples of numbers, in their units.

    It is the area between the two cumulative distributions.
    """
    a, b = np.sort(np.asarray(a, np.float64).ravel()), np.sort(np.asarray(b, np.float64).ravel())
    values = np.sort(np.concatenate([a, b]))
    below_a = np.searchsorted(a, values[:-1], side="right") / len(a)
    below_b = np.searchsorted(b, values[:-1], side="right") / len(b)
    return float((np.abs(below_a - below_b) * np.diff(values)).sum())


def nearest_distance(queries: Array, pool: Array, block: int = 256) -> Array:
    """Hamming distance from each clip to the most similar one of a pool.

    Args:
        queries: boolean hits `[n, steps, drums]`.
        pool: boolean hits `[m, steps, drums]`.
        block: queries compared at once, which bounds the memory to `block * m` numbers.

    Returns:
        int `[n]`, the number of cells of the grid that differ; 0 is a copy.
    """
    # |q xor p| = |q| + |p| - 2 q.p, so that the work is a matrix product. float32 counts exactly to 2 ** 24.
    rows = pool.reshape(len(pool), -1).astype(np.float32)
    sizes = rows.sum(axis=1)
    nearest = []
    for start in range(0, len(queries), block):
        part = queries[start : start + block]
        part = part.reshape(len(part), -1).astype(np.float32)
        nearest.append(part.sum(axis=1) + (sizes[None, :] - 2 * part @ rows.T).min(axis=1))
    return np.concatenate(nearest).astype(np.int64)


def unigram_nats(train: Array, clips: Array, classes: int) -> float:
    """Nats a clip where each step is drawn by itself from the training tokens' frequencies, one count added.

    Args:
        train, clips: int tokens `[n, steps]`; negative ones are padding and cost nothing.
        classes: number of tokens.
    """
    counts = np.bincount(train[train >= 0], minlength=classes) + 1.0
    cost = -np.log(counts / counts.sum())
    return float(np.where(clips >= 0, cost[np.maximum(clips, 0)], 0.0).sum(axis=1).mean())


def markov_nats(train: Array, clips: Array, classes: int, prior: float = 1.0) -> float:
    """Nats a clip under a Markov chain over tokens, smoothed by the frequencies of single tokens.

    `p(b | a) = (n(a, b) + prior p(b)) / (n(a) + prior)`; the first step is drawn by itself.

    Args:
        train, clips, classes: as for `unigram_nats`.
        prior: how many observations the frequencies of single tokens count as.
    """
    single = np.bincount(train[train >= 0], minlength=classes) + 1.0
    single /= single.sum()
    before, after = train[:, :-1], train[:, 1:]
    real = (before >= 0) & (after >= 0)
    pairs = np.bincount(before[real] * classes + after[real], minlength=classes**2).reshape(classes, classes)
    chain = (pairs + prior * single) / (pairs.sum(axis=1, keepdims=True) + prior)
    before, after = clips[:, :-1], clips[:, 1:]
    cost = -np.log(chain[np.maximum(before, 0), np.maximum(after, 0)])
    cost = np.where((before >= 0) & (after >= 0), cost, 0.0).sum(axis=1)
    first = np.where(clips[:, 0] >= 0, -np.log(single[np.maximum(clips[:, 0], 0)]), 0.0)
    return float((cost + first).mean())

"""The simplest baselines of token models: each step by itself, and a Markov chain."""

import numpy as np

Array = np.ndarray


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

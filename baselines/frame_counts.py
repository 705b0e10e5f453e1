"""What frame models have to beat: models that know next to nothing, fitted by counting.

The protocol is that of the literature on the four polyphonic sets (Boulanger-Lewandowski, Bengio and Vincent, 2012):
mean nats a frame over all frames of a split but the first of each piece, which has none before it to be
predicted from. Pieces are bool `[frames, depth]`: 88 keys, or 12 pitch classes.
"""

from collections.abc import Sequence

import numpy as np

SMALLEST = 1e-6
"""Probabilities are kept this far from 0 and 1, as in the published numbers of the sets."""

MOST_BITS = 16

Frames = Sequence[np.ndarray]


def static_bernoulli_nats(train: Frames, test: Frames) -> float:
    """Nats a frame of a model that knows only how often each key sounds: `p_k = mean of x_k over train`.

    Raises:
        ValueError: where `train` or `test` has no frame to learn from or to predict.
    """
    _, following = _pairs(test)
    return float(_cross_entropy(_rates(train), following).sum(axis=1).mean())


def markov_nats(train: Frames, test: Frames) -> float:
    """Nats a frame of a first-order Markov chain for each key by itself.

    `p(x_t,k = 1 | x_{t-1},k = s) = (c_sk + r_k) / (n_sk + 1)` with n_sk how often key k was in state s, c_sk how often
    it then sounded, and r_k how often it sounds at all.

    Raises:
        ValueError: where a split has no frame to learn from or to predict.
    """
    before, following = _pairs(train)
    seen = np.stack([(~before).sum(axis=0), before.sum(axis=0)])
    sounded = np.stack([(~before & following).sum(axis=0), (before & following).sum(axis=0)])
    p = ((sounded + _rates(train)) / (seen + 1)).clip(SMALLEST, 1 - SMALLEST)
    before, following = _pairs(test)
    return float(_cross_entropy(np.where(before, p[1], p[0]), following).sum(axis=1).mean())


def unigram_nats(train: Frames, test: Frames, outcomes: int) -> float:
    """Nats a step of a model that knows only how often each outcome comes, each counted once more than seen.

    Args:
        train: int `[steps]` a piece: tokens, or `chord_numbers`.
        test: the same; the first step of a piece is not predicted.
        outcomes: how many there are; all are below.

    Raises:
        ValueError: where `test` has no step to predict.
    """
    counts = np.bincount(np.concatenate([np.zeros(0, np.int64), *train]), minlength=outcomes) + 1
    _, following = _pairs(test)
    return float(-np.log(counts / counts.sum())[following].mean())


def chord_numbers(cells: np.ndarray) -> np.ndarray:
    """Frames `[frames, depth]` of a few classes as numbers `sum_k x_k 2^k`, int64 `[frames]`.

    Twelve pitch classes have 4096, for `unigram_nats`.

    Raises:
        ValueError: for more than 16 classes.
    """
    if cells.shape[-1] > MOST_BITS:
        raise ValueError(f"Chords of more than {MOST_BITS} classes are too many to count.")
    return (np.asarray(cells) != 0) @ (1 << np.arange(cells.shape[-1]))


def _pairs(pieces: Frames) -> tuple[np.ndarray, np.ndarray]:
    """All frames but the last of each piece, and all but the first, one piece after the other."""
    if not any(len(piece) > 1 for piece in pieces):
        raise ValueError("There is no frame to predict: no piece has two.")
    before, following = ([piece[chosen] for piece in pieces] for chosen in (slice(None, -1), slice(1, None)))
    return np.concatenate(before), np.concatenate(following)


def _rates(pieces: Frames) -> np.ndarray:
    frames = sum(map(len, pieces))
    if not frames:
        raise ValueError("There is no frame to learn from.")
    return (sum(piece.sum(axis=0) for piece in pieces) / frames).clip(SMALLEST, 1 - SMALLEST)


def _cross_entropy(p: np.ndarray, values: np.ndarray) -> np.ndarray:
    return -np.where(values, np.log(p), np.log(1 - p))

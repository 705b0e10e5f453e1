"""What the voices of polyphonic outputs share: masked softmaxes, draws, and likelihoods over orders of deciding.

Used by the polyphonic sampler (`models/outputs/polyphonic_sampler.py`) and the other outputs of whole frames
(`models/outputs/chords.py`). A frame is what several voices decided one after the other; its probability is the sum
over all orders in which they can have done so.
"""

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from keras import ops

Tensor = Any

FORBIDDEN = -1e9
"""The log probability that stands for none, finite so that no product with 0 makes NaN."""

LARGEST_LOGIT = 1e6
"""Logits are cut here, infinite ones too; the difference of two such decides any draw."""

SMALLEST = 1e-6
"""Probabilities are kept this far from 0 and 1 before their logarithms, as in the author's notebooks."""


def masked_log_softmax(logits: Tensor, allowed: Tensor) -> Tensor:
    """`log(m exp(z) / sum(m exp(z)))` for logits z and a mask m, without overflow.

    The author's own form had no maximum subtracted, and its published weights are NaN.

    Args:
        logits: `[..., outcomes]`, any values but NaN.
        allowed: boolean, of a shape that broadcasts to that of the logits.

    Returns:
        `[..., outcomes]`; `FORBIDDEN` where the mask is false.
    """
    allowed = ops.broadcast_to(allowed, ops.shape(logits))
    logits = ops.clip(logits, -LARGEST_LOGIT, LARGEST_LOGIT)
    highest = ops.max(ops.where(allowed, logits, -LARGEST_LOGIT), axis=-1, keepdims=True)
    # Replaced before exp: the gradient would otherwise be 0 times infinity.
    shifted = ops.where(allowed, logits - ops.stop_gradient(highest), 0.0)
    total = ops.sum(ops.where(allowed, ops.exp(shifted), 0.0), axis=-1, keepdims=True)
    return ops.where(allowed, shifted - ops.log(ops.maximum(total, 1e-30)), FORBIDDEN)


def draw_outcome(log_probabilities: Tensor, uniforms: Tensor | None) -> Tensor:
    """One outcome as a one-hot vector: the first k whose cumulative probability is above u.

    Unlike `draw_token` it never hits an outcome of probability 0, however the sums are rounded.

    Args:
        log_probabilities: `[..., outcomes]`, as `masked_log_softmax` gives them.
        uniforms: `[...]` in [0, 1), or None for the likeliest outcome.

    Returns:
        float32 `[..., outcomes]`, without gradient.
    """
    count = log_probabilities.shape[-1]
    if uniforms is None:
        chosen = ops.argmax(log_probabilities, axis=-1)
    else:
        p = ops.exp(log_probabilities)
        possible = p > 0
        cumulative = ops.where(possible, ops.cumsum(p, axis=-1), 0.0)
        total = ops.max(cumulative, axis=-1, keepdims=True)
        threshold = ops.minimum(uniforms[..., None], 1 - 1e-6) * total
        chosen = ops.argmax(ops.cast(ops.logical_and(possible, cumulative > threshold), "int32"), axis=-1)
    return ops.stop_gradient(ops.one_hot(chosen, count, dtype="float32"))


def cross_entropy(probabilities: Tensor, values: Tensor) -> Tensor:
    """`-sum_k y_k log P_k + (1 - y_k) log(1 - P_k)` in nats, `[...]` for arguments `[..., pitches]`."""
    p = ops.clip(probabilities, SMALLEST, 1 - SMALLEST)
    return -ops.sum(values * ops.log(p) + (1 - values) * ops.log(1 - p), axis=-1)


def with_leak(log_probability: Tensor, leak: float, pitches: int) -> Tensor:
    """`log((1 - leak) P + leak / 2^pitches)`: a distribution that can say every frame, if seldom."""
    if not leak:
        return log_probability
    floor = math.log(leak) - pitches * math.log(2)
    return ops.logaddexp(math.log1p(-leak) + log_probability, floor)


class Transitions(NamedTuple):
    """Which sets of decided things a voice can leave, and from which ones before it.

    Attributes:
        sets, following: the sets before and after the voice, boolean `[sets, slots]`.
        before: for each set after it and each member, `set before * slots + member`.
        stays: for each set after it, its number among those before.
        possible: whether the entries of `before` and, in a last column with pauses, of `stays` exist.
    """

    sets: np.ndarray
    following: np.ndarray
    before: np.ndarray
    stays: np.ndarray
    possible: np.ndarray


def _subsets(slots: int, smallest: int, largest: int) -> np.ndarray:
    """All subsets of `slots` slots with `smallest` to `largest` members, boolean `[subsets, slots]`."""
    sizes = range(smallest, min(largest, slots) + 1)
    members = [chosen for size in sizes for chosen in itertools.combinations(range(slots), size)]
    return np.array([[k in chosen for k in range(slots)] for chosen in members], bool).reshape(-1, slots)


@functools.cache
def _transitions(slots: int, voice: int, pauses: bool) -> Transitions:
    sets = _subsets(slots, 0 if pauses else voice, voice)
    following = _subsets(slots, 0 if pauses else voice + 1, voice + 1)
    index = {row.tobytes(): i for i, row in enumerate(sets)}
    before = np.zeros((len(following), slots), np.int32)
    stays = np.zeros(len(following), np.int32)
    possible = np.zeros((len(following), slots + pauses), bool)
    for i, row in enumerate(following):
        for k in np.flatnonzero(row):
            without = row & (np.arange(slots) != k)
            before[i, k], possible[i, k] = index[without.tobytes()] * slots + k, True
        if pauses and row.tobytes() in index:
            stays[i], possible[i, slots] = index[row.tobytes()], True
    return Transitions(sets, following, before, stays, possible)


def sum_over_orders(decide: Callable, slots: int, voices: int, pauses: bool) -> tuple[Tensor, np.ndarray]:
    """The probability of every set that voices can have decided, summed over all orders of deciding.

    With A_v(D) the probability that D is decided before voice v (counted from 0), and d_v(k | D) that of voice v
    deciding k: `A_{v+1}(D) = sum_{k in D} A_v(D - k) d_v(k | D - k) + A_v(D) stay_v(D)`, where stay is the
    probability that the voice decides nothing new, 0 without pauses. All terms are positive: the
    inclusion-exclusion of the author's notebook ("ML") gives the same number, but cancels.

    Args:
        decide: a function of the voice's number and of boolean sets `[sets, slots]` that returns log d `[batch,
            sets, slots]` and log stay `[batch, sets]` (None without pauses).
        slots: number of things that can be decided.
        voices: number of voices.
        pauses: whether a voice may decide nothing new; otherwise each decides one thing.

    Returns:
        Log probabilities `[batch, sets]` after the last voice, and the sets, boolean `[sets, slots]`.
    """
    reached = None
    for voice in range(voices):
        tables = _transitions(slots, voice, pauses)
        decided, stayed = decide(voice, tables.sets)
        reached = ops.zeros_like(decided[..., 0]) if reached is None else reached
        pairs = ops.reshape(reached[..., None] + decided, (-1, len(tables.sets) * slots))
        terms = ops.reshape(
            ops.take(pairs, tables.before.reshape(-1), axis=1), (-1, len(tables.following), slots)
        )
        if pauses:
            stayed = ops.take(reached + stayed, tables.stays, axis=1)
            terms = ops.concatenate([terms, stayed[..., None]], axis=-1)
        reached = ops.logsumexp(ops.where(tables.possible, terms, FORBIDDEN), axis=-1)
    return reached, tables.following


def pausing_log_likelihood(log_outcomes: Callable, values: Tensor, voices: int) -> Tensor:
    """Log probability that voices which note or pause leave exactly these frames, over all their orders.

    Only subsets of the sounding pitches matter, at most `2^voices` of them.

    Args:
        log_outcomes: a function of the voice's number and of the notes so far `[batch, sets, pitches]` that
            returns log probabilities `[batch, sets, pitches + 1]`, the pause last.
        values: 0 or 1, `[batch, pitches]`.
        voices: number of voices.

    Returns:
        Nats `[batch]`, around `FORBIDDEN` where more pitches sound than there are voices.
    """
    rank = ops.cumsum(values, axis=-1)[:, None] - 1 - ops.arange(voices, dtype="float32")[:, None]
    # The i-th row is one-hot at the i-th sounding pitch, or zero.
    rows = ops.cast(ops.abs(rank) < 0.5, "float32") * values[:, None]
    filled = ops.sum(rows, axis=-1) > 0.5

    def decide(voice: int, sets: np.ndarray) -> tuple[Tensor, Tensor]:
        log_d = log_outcomes(voice, ops.matmul(sets.astype("float32")[None], rows))
        by_slot = ops.matmul(log_d[..., :-1], ops.transpose(rows, (0, 2, 1)))
        by_slot = ops.where(filled[:, None], by_slot, FORBIDDEN)
        again = ops.where(sets, by_slot, FORBIDDEN)
        return by_slot, ops.logsumexp(ops.concatenate([again, log_d[..., -1:]], axis=-1), axis=-1)

    reached, sets = sum_over_orders(decide, voices, voices, pauses=True)
    wrong = ops.any(ops.logical_xor(filled[:, None], sets), axis=-1)
    likelihood = ops.logsumexp(ops.where(wrong, FORBIDDEN, reached), axis=-1)
    return ops.where(ops.sum(values, axis=-1) > voices + 0.5, FORBIDDEN, likelihood)

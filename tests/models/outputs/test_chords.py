"""Voices that know nothing of one another, and one softmax over chords: their formulas in NumPy, and draws."""

import itertools

import numpy as np
import pytest
from keras import ops

from models.outputs.chords import ChordClasses, IndependentVoices
from tests.helpers.formulas import softmax
from tests.helpers.gradients import gradients
from tests.models.outputs.test_polyphonic_sampler import FRAMES, numpy_cross_entropy, numpy_draw

Array = np.ndarray


def independent_probability(table: Array, values: Array) -> float:
    """The author's inclusion-exclusion over subsets of the sounding pitches, for one frame."""
    total, sounding = 0.0, np.flatnonzero(values)
    for size in range(len(sounding) + 1):
        for subset in itertools.combinations(sounding, size):
            factors = [voice[-1] + sum(voice[k] for k in subset) for voice in table]
            total += (-1) ** (len(sounding) - size) * np.prod(factors)
    return total


def test_independent_voices_are_the_formulas() -> None:
    rng = np.random.default_rng(6)
    logits = rng.standard_normal((1, 1, 3 * 5)).astype(np.float32)
    table = softmax(logits.astype(np.float64).reshape(3, 5))
    output = IndependentVoices(4, 3, leak=0.0)
    repeated, values = np.repeat(logits, 16, axis=1), FRAMES[None]
    ours = np.exp(ops.convert_to_numpy(output.log_likelihood(repeated, values)).astype(np.float64))[0]
    expected = np.array([independent_probability(table, frame) for frame in FRAMES])
    np.testing.assert_allclose(ours, expected, atol=1e-6)
    np.testing.assert_allclose(ours.sum(), 1, atol=1e-5)
    marginals = ops.convert_to_numpy(IndependentVoices(4, 3, "marginals").loss(repeated, values))[0]
    p = 1 - np.prod(1 - table[:, :4], axis=0)
    np.testing.assert_allclose(marginals, numpy_cross_entropy(p, FRAMES), atol=1e-5)
    count = 40_000
    many = ops.convert_to_tensor(np.repeat(logits[0], count, axis=0))
    drawn = ops.convert_to_numpy(output.draw(many, rng.random((count, 3)).astype(np.float32), 1.0))
    found = np.bincount((drawn @ 2 ** np.arange(4)[::-1]).astype(int), minlength=16) / count
    assert np.abs(found - expected).max() < 5 * np.sqrt(0.25 / count)


@pytest.mark.parametrize("objective", ["likelihood", "marginals"])
def test_gradients_of_independent_voices_are_finite(objective: str) -> None:
    logits = np.random.default_rng(7).standard_normal((1, 16, 15)).astype(np.float32) * 1e5
    output = IndependentVoices(4, 3, objective)
    (slope,) = gradients(lambda x: ops.sum(output.loss(x, FRAMES[None])), [logits])
    assert (
        np.isfinite(slope).all()
        and np.isfinite(ops.convert_to_numpy(output.loss(logits, FRAMES[None]))).all()
    )


def test_chord_classes_are_the_formulas() -> None:
    rng = np.random.default_rng(8)
    logits = rng.standard_normal((1, 1, 16)).astype(np.float32)
    p = softmax(logits.astype(np.float64))[0, 0]
    chosen = (FRAMES @ 2 ** np.arange(4)).astype(int)
    repeated = np.repeat(logits, 16, axis=1)
    ours = ops.convert_to_numpy(ChordClasses(4).loss(repeated, FRAMES[None]))[0]
    np.testing.assert_allclose(ours, -np.log(p[chosen]), atol=1e-5)
    author = ops.convert_to_numpy(ChordClasses(4, mean_of_classes=True).loss(repeated, FRAMES[None]))[0]
    np.testing.assert_allclose(author, numpy_cross_entropy(p, np.eye(16)[chosen]) / 16, atol=1e-5)
    u = rng.random((200, 1)).astype(np.float32)
    drawn = ops.convert_to_numpy(ChordClasses(4).draw(np.repeat(logits[0], 200, axis=0), u, 1.0))
    expected = [numpy_draw(p, x) for x in u[:, 0].astype(np.float64)]
    np.testing.assert_array_equal(drawn @ 2 ** np.arange(4), expected)


def test_an_unknown_objective_is_refused() -> None:
    with pytest.raises(ValueError, match="objective"):
        IndependentVoices(objective="luck")

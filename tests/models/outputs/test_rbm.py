"""Boltzmann machines: energies, chains and partition functions in NumPy and by enumeration, draws and learning."""

import itertools
from typing import Any

import numpy as np
import pytest
from keras import ops

from models.music_vae.decoder_base import Draws, KnownSteps
from models.music_vae.decoders import LSTMDecoder
from models.outputs.boltzmann import Machine
from models.outputs.rbm import RBM
from tests.helpers.formulas import sigmoid
from tests.helpers.gradients import gradients

Array = np.ndarray
KEYS, HIDDEN = 6, 3
STATES = np.array(list(itertools.product((0, 1), repeat=KEYS)), np.float32)
HIDDEN_STATES = np.array(list(itertools.product((0, 1), repeat=HIDDEN)), np.float32)


def arrays(*shape: int, scale: float = 1.0, keys: int = KEYS, hidden: int = HIDDEN) -> list[Array]:
    """Weights, biases and allowed keys of random machines, float32."""
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((hidden, keys)) * scale
    visible, hidden_bias = rng.standard_normal((*shape, keys)), rng.standard_normal((*shape, hidden))
    allowed = rng.random((*shape, keys)) < 0.7
    return [x.astype(np.float32) for x in (weights, visible, hidden_bias, allowed)]


def machine(parts: list[Array]) -> Machine:
    return Machine(*(ops.convert_to_tensor(x) for x in parts))


def frames(parts: list[Array]) -> list[tuple[Array, Array, Array, Array]]:
    """The machines one by one, in float64."""
    weights, *rest = (x.astype(np.float64) for x in parts)
    flat = [x.reshape(-1, x.shape[-1]) for x in rest]
    return [(weights, *x) for x in zip(*flat, strict=True)]


def joint(weights: Array, visible: Array, hidden: Array, allowed: Array) -> Array:
    """`exp(-E(v, h))` for all keys and hidden states, 0 where a key is not allowed: `[states, hidden states]`."""
    energy = -(STATES @ visible)[:, None] - HIDDEN_STATES @ hidden - STATES @ weights.T @ HIDDEN_STATES.T
    return np.exp(-energy) * (allowed >= STATES).all(axis=-1)[:, None]


def probabilities(parts: list[Array]) -> Array:
    """Probability of each of `STATES` under each machine, `[machines, states]`."""
    tables = np.array([joint(*frame).sum(axis=-1) for frame in frames(parts)])
    return tables / tables.sum(axis=-1, keepdims=True)


def test_the_free_energy_sums_the_hidden_units_out() -> None:
    parts = arrays(1, 1)
    found = machine(parts).free_energy(STATES[None])
    expected = -np.log(joint(*frames(parts)[0][:3], np.ones(KEYS)).sum(axis=-1))
    np.testing.assert_allclose(ops.convert_to_numpy(found)[0], expected, atol=1e-5)


def numpy_chain(parts: list[Array], keys: Array, uniforms: Array, temperature: float = 1.0) -> Array:
    """The specification's chain: h of v, v of h, and the mask, for uniforms `[steps, ..., hidden + keys]`."""
    weights, visible, hidden, allowed = parts
    width = len(weights)
    for u in uniforms:
        h = (u[..., :width] < sigmoid((keys @ weights.T + hidden) / temperature)).astype(np.float64)
        keys = (u[..., width:] < sigmoid((h @ weights + visible) / temperature)) * allowed
    return keys


def numpy_free_energy(parts: list[Array], keys: Array) -> Array:
    weights, visible, hidden, _ = parts
    return -(keys * visible).sum(axis=-1) - np.logaddexp(0, keys @ weights.T + hidden).sum(axis=-1)


@pytest.mark.parametrize("steps", [1, 3])
def test_contrastive_divergence_is_the_formula_and_holds_the_chain_fixed(steps: int) -> None:
    parts = arrays(4, 5)
    rng = np.random.default_rng(1)
    keys = (rng.random((4, 5, KEYS)) < 0.5) * parts[3]
    uniforms = rng.random((steps, 4, 5, HIDDEN + KEYS), np.float32)
    exact = [x.astype(np.float64) for x in parts]
    chained = numpy_chain(exact, keys, uniforms)
    np.testing.assert_array_equal(machine(parts).gibbs(keys, uniforms), chained)
    found = ops.convert_to_numpy(machine(parts).contrastive_divergence(keys, uniforms))
    expected = numpy_free_energy(exact, keys) - numpy_free_energy(exact, chained)
    np.testing.assert_allclose(found, expected, atol=1e-5)

    def total(*given: Any) -> Any:
        return ops.sum(Machine(*given, parts[3]).contrastive_divergence(keys, uniforms))

    slopes = gradients(total, parts[:3])
    hidden = sigmoid(keys @ exact[0].T + exact[2]), sigmoid(chained @ exact[0].T + exact[2])
    np.testing.assert_allclose(slopes[1], chained - keys, atol=1e-5)
    np.testing.assert_allclose(slopes[2], hidden[1] - hidden[0], atol=1e-5)
    pairs = np.einsum("bth,btk->hk", hidden[1], chained) - np.einsum("bth,btk->hk", hidden[0], keys)
    np.testing.assert_allclose(slopes[0], pairs, atol=1e-4)


@pytest.mark.parametrize("shape", [(5,), (2, 3)], ids=["a frame", "frames"])
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_the_enumerated_partition_function_is_the_sum_over_all_keys(shape: tuple, scale: float) -> None:
    parts = arrays(*shape, scale=scale)
    tables = [joint(*frame) for frame in frames(parts)]
    found = ops.convert_to_numpy(machine(parts).enumerated_log_partition())
    np.testing.assert_allclose(found.reshape(-1), [np.log(t.sum()) for t in tables], rtol=1e-5, atol=1e-5)

    upstream = np.random.default_rng(2).standard_normal(shape).astype(np.float32)

    def total(*given: Any) -> Any:
        return ops.sum(Machine(*given, parts[3]).enumerated_log_partition() * upstream)

    slopes = gradients(total, parts[:3])
    posteriors = [t / t.sum() for t in tables]
    visible = np.array([(p[..., None] * STATES[:, None]).sum(axis=(0, 1)) for p in posteriors])
    hidden = np.array([(p[..., None] * HIDDEN_STATES).sum(axis=(0, 1)) for p in posteriors])
    pairs = sum(
        u * HIDDEN_STATES.T @ p.T @ STATES for u, p in zip(upstream.reshape(-1), posteriors, strict=True)
    )
    each = upstream.reshape(-1)[:, None]
    np.testing.assert_allclose(slopes[0], pairs, atol=1e-4)
    np.testing.assert_allclose(slopes[1].reshape(-1, KEYS), each * visible, atol=1e-5)
    np.testing.assert_allclose(slopes[2].reshape(-1, HIDDEN), each * hidden, atol=1e-5)


@pytest.mark.parametrize("shape", [(5,), (2, 3)], ids=["a frame", "frames"])
def test_marginals_are_those_of_the_enumeration(shape: tuple) -> None:
    parts = arrays(*shape)
    found = ops.convert_to_numpy(machine(parts).marginals(1)).reshape(-1, KEYS)
    np.testing.assert_allclose(found, probabilities(parts) @ STATES, atol=1e-5)


def test_mean_field_is_exact_where_nothing_is_coupled_and_near_where_little_is() -> None:
    for scale, tolerance in ((0.0, 1e-6), (0.2, 0.01)):
        parts = arrays(4, scale=scale)
        found = ops.convert_to_numpy(machine(parts).mean_field(20))
        np.testing.assert_allclose(found, probabilities(parts) @ STATES, atol=tolerance)


def test_annealing_finds_the_partition_function_and_errs_to_the_low_side() -> None:
    parts = arrays(8, 4, keys=20, hidden=8)
    exact = ops.convert_to_numpy(machine(parts).enumerated_log_partition())
    errors = {}
    for chains, temperatures in ((1, 5), (16, 100)):
        estimates = [machine(parts).annealed_log_partition(chains, temperatures, seed) for seed in range(5)]
        errors[chains] = np.stack([ops.convert_to_numpy(x) for x in estimates]) - exact
    assert np.abs(errors[16]).max() < 0.5 and np.abs(errors[16].mean()) < 0.02
    assert errors[1].mean() < -0.1
    # On the scale of Z itself the estimate has no bias.
    weights = np.exp(errors[16])
    assert abs(weights.mean() - 1) < 5 * weights.std() / np.sqrt(5)
    again = machine(parts).annealed_log_partition(16, 100, 0)
    np.testing.assert_allclose(ops.convert_to_numpy(again) - exact, errors[16][0], atol=1e-5)
    alone = machine([parts[0], *(x[:1, 2] for x in parts[1:])]).annealed_log_partition(16, 100, 0)
    np.testing.assert_allclose(ops.convert_to_numpy(alone) - exact[:1, 2], errors[16][0, :1, 2], atol=1e-4)


def output(hidden: int = HIDDEN, **options: Any) -> RBM:
    """A small output whose weights matter."""
    rbm = RBM(KEYS, hidden, **options)
    rbm.build()
    rbm.coupling.weights_of_keys.assign(np.random.default_rng(3).standard_normal((hidden, KEYS)))
    return rbm


def parts_of(rbm: RBM, parameters: Array) -> list[Array]:
    weights = ops.convert_to_numpy(rbm.coupling.weights_of_keys)
    return [weights, parameters[..., :KEYS], parameters[..., KEYS:], np.ones_like(parameters[..., :KEYS])]


@pytest.mark.parametrize("hidden", [HIDDEN, 17], ids=["exact", "estimated"])
def test_the_likelihood_of_an_output_sums_to_one(hidden: int) -> None:
    rbm = output(hidden, annealing=(64, 100))
    parameters = np.random.default_rng(4).standard_normal((2, KEYS + hidden)).astype(np.float32)
    repeated = np.repeat(parameters[:, None], len(STATES), axis=1)
    log_p = ops.convert_to_numpy(rbm.log_likelihood(repeated, np.repeat(STATES[None], 2, axis=0)))
    p = np.exp(log_p.astype(np.float64))
    assert (rbm.measure == "exact") == (hidden == HIDDEN)
    np.testing.assert_allclose(p.sum(axis=-1), 1, atol=1e-5 if rbm.measure == "exact" else 0.2)
    if rbm.measure == "exact":
        np.testing.assert_allclose(p, probabilities(parts_of(rbm, parameters)), rtol=1e-4)
        # p(v) = exp(-F(v)) / Z
        energies = ops.convert_to_numpy(rbm.machine(parameters[:, None]).free_energy(STATES[None]))
        log_z = ops.convert_to_numpy(rbm.log_partition(parameters))
        np.testing.assert_allclose(log_p, -energies - log_z[:, None], atol=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_draws_of_a_long_chain_have_the_machines_frequencies(temperature: float) -> None:
    rbm, count = output(chain=40), 20_000
    rng = np.random.default_rng(5)
    parameters = rng.standard_normal((1, KEYS + HIDDEN)).astype(np.float32)
    tempered = [x / temperature for x in parts_of(rbm, parameters)[:3]]
    expected = probabilities([*tempered, np.ones((1, KEYS), np.float32)])[0]
    uniforms = rng.random((count, rbm.uniforms), np.float32)
    drawn = rbm.draw(np.repeat(parameters, count, axis=0), ops.convert_to_tensor(uniforms), temperature)
    numbers = (ops.convert_to_numpy(drawn) @ 2 ** np.arange(KEYS)[::-1]).astype(int)
    found = np.bincount(numbers, minlength=len(STATES)) / count
    assert (np.abs(found - expected) < 5 * np.sqrt(expected * (1 - expected) / count) + 1e-4).all()


def test_it_is_an_output_of_a_decoder() -> None:
    rbm = RBM(KEYS, HIDDEN, chain=2)
    decoder = LSTMDecoder(rbm, (7,))
    decoder.build(2)
    rng = np.random.default_rng(6)
    rbm.coupling.weights_of_keys.assign(rng.standard_normal((HIDDEN, KEYS)))
    embedding = ops.convert_to_tensor(rng.standard_normal((3, 2)).astype(np.float32))
    uniforms = ops.convert_to_tensor(rng.random((3, 5, rbm.uniforms), np.float32))
    drawn, previous, _ = decoder.generate(embedding, rbm.nothing(3), 5, Draws(uniforms))
    assert tuple(drawn.shape) == (3, 5, KEYS) and set(np.unique(drawn)) <= {0.0, 1.0}
    parameters, _ = decoder.teacher_forced(KnownSteps(previous, drawn, np.ones((3, 5), bool)), embedding)
    again = [rbm.draw(parameters[:, t], uniforms[:, t], 1.0) for t in range(5)]
    np.testing.assert_array_equal(ops.convert_to_numpy(ops.stack(again, axis=1)), ops.convert_to_numpy(drawn))
    likeliest = ops.stack([rbm.draw(parameters[:, t], None, 1.0) for t in range(5)], axis=1)
    np.testing.assert_array_equal(ops.convert_to_numpy(rbm.correct(parameters, likeliest)), 1.0)
    assert [name for name in decoder.named_weights() if "rbm" in name]


def test_wrong_arguments_are_refused() -> None:
    for options, message in (
        ({"objective": "luck"}, "objective"),
        ({"objective": "likelihood"}, "at most 16 hidden units"),
        ({"hidden": 0}, "at least one"),
        ({"chain": 0}, "at least one"),
    ):
        with pytest.raises(ValueError, match=message):
            RBM(**options)

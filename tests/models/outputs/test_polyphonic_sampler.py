"""The polyphonic sampler: formulas in NumPy, enumeration of all paths, draws, gradients, and use in a decoder."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops

from models.music_vae.decoder_base import Draws, KnownSteps
from models.music_vae.decoders import LSTMDecoder
from models.outputs.chords import ChordClasses, IndependentVoices
from models.outputs.polyphonic_sampler import PolyphonicSampler
from tests.helpers.formulas import sigmoid
from tests.helpers.gradients import gradients

Array = np.ndarray
PITCHES, FEATURES, VOICES, UNITS = 4, 3, 2, 5
BATCH, TIME = 3, 6
SIZES: dict[str, Any] = {"pitches": PITCHES, "features": FEATURES, "voices": VOICES, "units": UNITS}
FRAMES = np.array(list(itertools.product((0, 1), repeat=PITCHES)), np.float32)
KINDS = {"banning": {}, "pauses": {"pauses": True}, "three of four": {"voices": 3}}


def small(**options: Any) -> PolyphonicSampler:
    """A small sampler whose weights matter."""
    sampler = PolyphonicSampler(**(SIZES | {"leak": 0.0} | options))
    sampler.build()
    rng = np.random.default_rng(0)
    for weight in sampler.named_weights().values():
        weight.assign(rng.standard_normal(weight.shape))
    return sampler


def numbers(sampler: PolyphonicSampler) -> dict[str, Array]:
    """The weights in float64 by the last part of their names; the voices' and the output's apart."""
    named = {k: ops.convert_to_numpy(v).astype(np.float64) for k, v in sampler.named_weights().items()}
    return {("out_" if "/output/" in k else "") + k.split("/")[-1]: v for k, v in named.items()}


def numpy_voice(
    weights: dict, features: Array, decided: Array, state: tuple | None
) -> tuple[Array, tuple | None]:
    """Logits of one voice for one frame, and its state: TensorFlow 1's LSTMCell, or a layer of tanh."""
    if state is None:
        hidden = np.tanh(np.concatenate([features, decided]) @ weights["kernel"] + weights["bias"])
    else:
        cell, hidden = state
        z = np.concatenate([features, decided, hidden]) @ weights["kernel"] + weights["bias"]
        i, g, f, o = np.split(z, 4)
        cell = sigmoid(f + 1) * cell + sigmoid(i) * np.tanh(g)
        hidden = sigmoid(o) * np.tanh(cell)
        state = cell, hidden
    return hidden @ weights["out_kernel"] + weights["out_bias"], state


def numpy_draw(d: Array, u: float) -> int:
    """The rule of the author's replicas: the number of cumulative sums at or below u."""
    return int((np.cumsum(d / d.sum()) <= u).sum())


def numpy_path(sampler: PolyphonicSampler, features: Array, frames: Array, uniforms: Array) -> tuple:
    """The baseline's training pass over one piece by its formulas, a voice and a frame at a time.

    Returns:
        P and on, `[time, pitches]`, and the log probability that all voices pause, `[time]`.
    """
    weights, n = numbers(sampler), sampler.depth
    zeros = (np.zeros(sampler.voices.units), np.zeros(sampler.voices.units)) if sampler.memory else None
    states: list[Any] = [zeros] * sampler.uniforms
    probabilities, ons, silences = [], [], []
    for x, y, us in zip(features, frames, uniforms, strict=True):
        on, off, silence = np.zeros(n), np.zeros(n), 0.0
        p, b, p_rest, b_rest = np.zeros(n), np.zeros(n), np.ones(n), np.ones(n)
        for v, u in enumerate(us):
            decided = on if sampler.pauses else np.concatenate([on, off])
            z, states[v] = numpy_voice(weights, x, decided, states[v])
            mask = np.ones(n + 1) if sampler.pauses else np.tile((on + off) == 0, 2)
            d = mask * np.exp(z) / (mask * np.exp(z)).sum()
            p, p_rest = p + p_rest * d[:n], p_rest * (1 - d[:n])
            true = np.concatenate([y, [1] if sampler.pauses else 1 - y])
            j = numpy_draw(d * true if sampler.aposter else d, u)
            if sampler.pauses:
                silence += np.log(d[n])
                on = np.maximum(on, np.eye(n + 1)[j, :n] * y)
                continue
            b, b_rest = b + b_rest * d[n:], b_rest * (1 - d[n:])
            (on if y[j % n] else off)[j % n] = 1
        probabilities.append(p * (1 - b))
        ons.append(on)
        silences.append(silence)
    return np.array(probabilities), np.array(ons), np.array(silences)


def paths(sampler: PolyphonicSampler, features: Array) -> Iterator[tuple[Array, float]]:
    """Every sequence of outcomes of one frame: the frame that it makes, and its probability."""
    weights, n = numbers(sampler), sampler.depth

    def follow(on: Array, off: Array, p: float, voice: int) -> Iterator[tuple[Array, float]]:
        if voice == sampler.uniforms:
            yield on, p
            return
        decided = on if sampler.pauses else np.concatenate([on, off])
        z, _ = numpy_voice(weights, features, decided, None)
        free = np.ones(n + 1) if sampler.pauses else np.tile((on + off) == 0, 2)
        d = free * np.exp(z) / (free * np.exp(z)).sum()
        for j in np.flatnonzero(free):
            following = on.copy(), off.copy()
            if j < n:
                following[0][j] = 1
            elif not sampler.pauses:
                following[1][j - n] = 1
            yield from follow(*following, p * d[j], voice + 1)

    yield from follow(np.zeros(n), np.zeros(n), 1.0, 0)


def frame_probabilities(sampler: PolyphonicSampler, features: Array) -> Array:
    """Probability of each of `FRAMES`, `[frames]`."""
    table = np.zeros(len(FRAMES))
    for on, p in paths(sampler, features):
        table[int(on @ 2 ** np.arange(PITCHES)[::-1])] += p
    return table


@pytest.fixture
def data() -> tuple[Array, Array, Array]:
    """Features, frames of at most two notes, and uniforms."""
    rng = np.random.default_rng(1)
    features = rng.standard_normal((BATCH, TIME, FEATURES)).astype(np.float32)
    frames = FRAMES[FRAMES.sum(axis=-1) <= VOICES]
    return features, frames[rng.integers(0, len(frames), (BATCH, TIME))], rng.random((BATCH, TIME, VOICES))


def numpy_cross_entropy(p: Array, y: Array) -> Array:
    return -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum(axis=-1)


@pytest.mark.jax
@pytest.mark.parametrize("memory", [False, True], ids=["stateless", "memory"])
@pytest.mark.parametrize("aposter", [False, True], ids=["inverted", "aposter"])
@pytest.mark.parametrize("pauses", [False, True], ids=["banning", "pauses"])
def test_the_path_is_the_formulas(data: tuple, pauses: bool, aposter: bool, memory: bool) -> None:
    features, frames, uniforms = data
    sampler = small(pauses=pauses, aposter=aposter, memory=memory, objective="path", pause_loss=pauses)
    walk = sampler.voices.walk(
        features, frames, uniforms.astype(np.float32), "true" if aposter else "inverted"
    )
    loss = ops.convert_to_numpy(sampler.path_loss(features, frames, uniforms.astype(np.float32)))
    for i in range(BATCH):
        p, on, silence = numpy_path(sampler, features[i].astype(np.float64), frames[i], uniforms[i])
        np.testing.assert_array_equal(ops.convert_to_numpy(walk.on[i]), on)
        ours = ops.convert_to_numpy(walk.sounds[i] * (1 - walk.banned[i]))
        np.testing.assert_allclose(ours, p, atol=1e-5)
        expected = numpy_cross_entropy(np.clip(p, 1e-6, 1 - 1e-6), frames[i])
        if pauses:
            empty = (frames[i].max(axis=-1, keepdims=True) == 0).astype(float)
            expected = expected + numpy_cross_entropy(np.exp(silence)[:, None], empty)
        np.testing.assert_allclose(loss[i], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.jax
def test_the_crutch_changes_the_gradient_alone(data: tuple) -> None:
    features, frames, uniforms = data
    uniforms = uniforms.astype(np.float32)
    results = []
    for crutch in (False, True):
        sampler = small(pauses=True, objective="path", crutch=crutch)
        value = ops.convert_to_numpy(sampler.path_loss(features, frames, uniforms))
        run = sampler.path_loss
        (slope,) = gradients(lambda x, run=run: ops.sum(run(x, frames, uniforms)), [features])
        results.append((value, slope))
    np.testing.assert_allclose(results[0][0], results[1][0], atol=1e-6)
    assert np.abs(results[0][1] - results[1][1]).max() > 1e-3


@pytest.mark.jax
@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS.keys())
def test_the_likelihood_is_the_sum_over_all_paths(options: dict) -> None:
    sampler = small(**options)
    features = np.random.default_rng(3).standard_normal((2, FEATURES)).astype(np.float32)
    repeated = np.repeat(features[:, None], len(FRAMES), axis=1)
    values = np.repeat(FRAMES[None], 2, axis=0)
    ours = np.exp(ops.convert_to_numpy(sampler.log_likelihood(repeated, values)).astype(np.float64))
    for i in range(2):
        expected = frame_probabilities(sampler, features[i].astype(np.float64))
        np.testing.assert_allclose(expected.sum(), 1)
        np.testing.assert_allclose(ours[i], expected, atol=1e-6, rtol=1e-5)
    np.testing.assert_allclose(ours.sum(axis=-1), 1, atol=1e-5)
    sampler.leak = 0.01
    leaking = np.exp(ops.convert_to_numpy(sampler.log_likelihood(repeated, values)).astype(np.float64))
    np.testing.assert_allclose(leaking, 0.99 * ours + 0.01 / len(FRAMES), atol=1e-6)


@pytest.mark.jax
@pytest.mark.parametrize("options", KINDS.values(), ids=KINDS.keys())
def test_draws_and_bounds_have_the_formulas_frequencies(options: dict) -> None:
    sampler, count = small(**options), 40_000
    rng = np.random.default_rng(4)
    feature = rng.standard_normal(FEATURES).astype(np.float32)
    expected = frame_probabilities(sampler, feature.astype(np.float64))
    repeated = np.repeat(feature[None], count, axis=0)
    uniforms = rng.random((count, sampler.uniforms)).astype(np.float32)
    drawn = ops.convert_to_numpy(sampler.draw(ops.convert_to_tensor(repeated), uniforms, 1.0))
    found = np.bincount((drawn @ 2 ** np.arange(PITCHES)[::-1]).astype(int), minlength=len(FRAMES)) / count
    assert np.abs(found - expected).max() < 5 * np.sqrt(0.25 / count)
    for i in np.flatnonzero(FRAMES.sum(axis=-1) <= sampler.uniforms):
        values = np.repeat(FRAMES[i][None], count, axis=0)
        log_weight = ops.convert_to_numpy(sampler.bound(repeated, values, uniforms)).astype(np.float64)
        weight = np.exp(log_weight)
        assert abs(weight.mean() - expected[i]) < 5 * weight.std() / np.sqrt(count) + 1e-6
        assert log_weight.mean() <= np.log(expected[i]) + 1e-5


@pytest.mark.jax
@pytest.mark.parametrize("pauses", [False, True])
def test_beginnings_of_voices_with_a_memory_are_known_and_make_a_bound_of_the_rest(pauses: bool) -> None:
    """Two frames: `-log p(x1 | x0)` is at most the mean path's nats less those of x0, which alone are no bound."""
    sampler, paths = small(memory=True, pauses=pauses), 20_000
    rng = np.random.default_rng(5)
    features = np.repeat(rng.standard_normal((1, 2, FEATURES)).astype(np.float32), paths, axis=0)
    uniforms = rng.random((paths, 2, sampler.uniforms)).astype(np.float32)
    first = np.repeat(features[:1, 0], len(FRAMES), axis=0)
    known = ops.convert_to_numpy(sampler.log_likelihood_of_beginnings(first, FRAMES.astype(np.float32)))
    assert np.exp(known.astype(np.float64)).sum() == pytest.approx(1, abs=1e-3)
    for i, j in ((1, 2), (3, 5), (6, 6)):
        frames = np.repeat(FRAMES[None, [i, j]].astype(np.float32), paths, axis=0)
        log_weight = ops.convert_to_numpy(sampler.bound(features, frames, uniforms)).astype(np.float64)
        weight = np.exp(log_weight[:, 0])
        assert abs(weight.mean() - np.exp(known[i])) < 5 * weight.std() / np.sqrt(paths) + 1e-6
        whole = np.exp(log_weight.sum(axis=1))
        truth = known[i] - np.log(whole.mean())
        slack = 5 * whole.std() / whole.mean() / np.sqrt(paths)
        assert known[i] - log_weight.sum(axis=1).mean() >= truth - slack


@pytest.mark.jax
def test_the_baseline_has_its_sizes_and_sums_to_one() -> None:
    sampler = PolyphonicSampler(memory=True)
    sampler.build()
    shapes = [tuple(weight.shape) for weight in sampler.named_weights().values()]
    assert shapes == [(254, 400), (400,), (100, 24), (24,)]
    sampler = PolyphonicSampler(features=4, units=6, leak=0.0)
    sampler.build()
    frames = np.array(list(itertools.product((0, 1), repeat=12)), np.float32)
    features = np.full((512, len(frames) // 512, 4), 0.5, np.float32)
    likelihood = ops.convert_to_numpy(sampler.log_likelihood(features, frames.reshape(512, -1, 12)))
    np.testing.assert_allclose(np.exp(likelihood.astype(np.float64)).sum(), 1, atol=1e-4)
    assert (likelihood.reshape(-1)[frames.sum(axis=-1) > 5] < -1e8).all()


@pytest.mark.jax
@pytest.mark.parametrize("pauses", [False, True], ids=["banning", "pauses"])
def test_steps_are_the_whole_sequence(data: tuple, pauses: bool) -> None:
    features, _, uniforms = data
    uniforms = uniforms.astype(np.float32)
    sampler = small(pauses=pauses, memory=True)
    states = sampler.voices.zero_states(BATCH)
    for given in (uniforms, None):
        whole = sampler.voices.walk(features, uniforms=given)
        state = states
        for t in range(TIME):
            on, state = sampler.step(features[:, t], state, None if given is None else given[:, t])
            np.testing.assert_array_equal(ops.convert_to_numpy(on), ops.convert_to_numpy(whole.on[:, t]))
        for found, expected in zip(keras.tree.flatten(state), keras.tree.flatten(whole.states), strict=True):
            np.testing.assert_allclose(ops.convert_to_numpy(found), ops.convert_to_numpy(expected), atol=1e-5)


@pytest.mark.jax
@pytest.mark.parametrize("pauses", [False, True], ids=["banning", "pauses"])
def test_the_bound_goes_on_where_it_stopped(data: tuple, pauses: bool) -> None:
    features, frames, uniforms = data
    uniforms = uniforms.astype(np.float32)
    sampler = small(pauses=pauses, memory=True)
    whole = ops.convert_to_numpy(sampler.bound(features, frames, uniforms))
    found, states = [], None
    for part in (slice(0, 2), slice(2, TIME)):
        bound, states = sampler.bound_after(features[:, part], frames[:, part], uniforms[:, part], states)
        found.append(ops.convert_to_numpy(bound))
    np.testing.assert_allclose(np.concatenate(found, axis=1), whole, atol=1e-5)


def losses(sampler: PolyphonicSampler, values: Array, uniforms: Array) -> list[Callable]:
    found: list[Callable] = [
        lambda x: sampler.path_loss(x, values, uniforms),
        lambda x: -sampler.bound(x, values, uniforms),
    ]
    return found if sampler.memory else [*found, lambda x: -sampler.log_likelihood(x, values)]


@pytest.mark.parametrize("options", [{}, {"pauses": True, "pause_loss": True}, {"memory": True}], ids=str)
@pytest.mark.parametrize("scale", [1.0, 1e4, 1e30])
def test_losses_and_gradients_are_finite_whatever_the_logits(options: dict, scale: float) -> None:
    sampler = small(leak=1e-6, **options)
    sampler.voices.output_kernel.assign(sampler.voices.output_kernel * scale)
    values = FRAMES[None]  # the full frame, too, which the voices cannot say
    rng = np.random.default_rng(5)
    features = rng.standard_normal((1, len(FRAMES), FEATURES)).astype(np.float32)
    uniforms = rng.random((1, len(FRAMES), VOICES)).astype(np.float32)
    for run in losses(sampler, values, uniforms):
        assert np.isfinite(ops.convert_to_numpy(run(ops.convert_to_tensor(features)))).all()
        (slope,) = gradients(lambda x, run=run: ops.sum(run(x)), [features])
        assert np.isfinite(slope).all()


OUTPUTS: dict[str, Callable] = {
    "banning": lambda: PolyphonicSampler(**SIZES),
    "pauses": lambda: PolyphonicSampler(**SIZES, pauses=True),
    "exact": lambda: PolyphonicSampler(**SIZES, objective="likelihood"),
    "path": lambda: PolyphonicSampler(**SIZES, objective="path"),
    "independent": lambda: IndependentVoices(PITCHES, VOICES),
    "classes": lambda: ChordClasses(PITCHES),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_they_are_outputs_of_a_decoder(name: str, data: tuple) -> None:
    _, frames, uniforms = data
    output = OUTPUTS[name]()
    decoder = LSTMDecoder(output, (7,))
    decoder.build(2)
    embedding = ops.convert_to_tensor(np.random.default_rng(9).standard_normal((BATCH, 2)).astype(np.float32))
    uniforms = ops.convert_to_tensor(uniforms[..., : output.uniforms].astype(np.float32))
    drawn, previous, _ = decoder.generate(embedding, output.nothing(BATCH), TIME, Draws(uniforms))
    assert tuple(drawn.shape) == frames.shape and set(np.unique(drawn)) <= {0.0, 1.0}
    known = KnownSteps(previous, drawn, np.ones((BATCH, TIME), bool))
    parameters, _ = decoder.teacher_forced(known, embedding)
    again = [output.draw(parameters[:, t], uniforms[:, t], 1.0) for t in range(TIME)]
    np.testing.assert_array_equal(ops.convert_to_numpy(ops.stack(again, axis=1)), ops.convert_to_numpy(drawn))
    for values in (drawn, output.target(frames)):
        assert (ops.convert_to_numpy(output.loss(parameters, values)) >= 0).all()
        assert tuple(output.correct(parameters, values).shape) == (BATCH, TIME)
    np.testing.assert_array_equal(ops.convert_to_numpy(output.dense(drawn, "float32")), drawn)
    likeliest = ops.stack([output.draw(parameters[:, t], None, 1.0) for t in range(TIME)], axis=1)
    np.testing.assert_array_equal(ops.convert_to_numpy(output.correct(parameters, likeliest)), 1.0)
    names = [k for k in decoder.named_weights() if "sampler" in k]
    assert len(names) == (4 if isinstance(output, PolyphonicSampler) else 0)


class Memoriser(keras.Model):
    """A sampler on features of its own for each step, which has one piece to learn."""

    def __init__(self, sampler: PolyphonicSampler) -> None:
        super().__init__()
        self.sampler = sampler
        self.sampler.build()
        self.features = self.add_weight((1, TIME, FEATURES), initializer="normal", name="features")

    def call(self, frames: Any) -> Any:
        features = ops.repeat(ops.convert_to_tensor(self.features), ops.shape(frames)[0], axis=0)
        return self.sampler.loss(features, frames)


@pytest.mark.jax
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"memory": True},
        pytest.param({"memory": True, "objective": "path"}, marks=pytest.mark.slow),
        pytest.param({"pauses": True}, marks=pytest.mark.slow),
        pytest.param({"objective": "likelihood"}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_it_learns_a_piece(options: dict, data: tuple) -> None:
    """Also that the draws of `loss` go with compiled training on either backend."""
    keras.utils.set_random_seed(0)
    frames = np.repeat(data[1][:1], 8, axis=0)
    model = Memoriser(PolyphonicSampler(**SIZES, **options))
    model.compile(optimizer=keras.optimizers.Adam(0.05), loss=lambda _, cost: ops.mean(cost))
    costs = model.fit(frames, frames[..., 0], batch_size=8, epochs=150, verbose=0).history["loss"]
    assert np.isfinite(costs).all() and costs[0] > 1.5
    # The author's objective does not reach 0: a pitch that no voice decides is not certain to be silent.
    assert costs[-1] < (0.5 * costs[0] if options.get("objective") == "path" else 0.1)


@pytest.mark.jax
def test_wrong_arguments_are_refused() -> None:
    for options, message in (
        ({"objective": "luck"}, "objective"),
        ({"objective": "likelihood", "memory": True}, "objective"),
        ({"voices": 5}, "cannot decide"),
        ({"pause_loss": True}, "pause loss"),
    ):
        with pytest.raises(ValueError, match=message):
            small(**options)
    sampler = small(memory=True)
    with pytest.raises(ValueError, match="use `step`"):
        sampler.draw(ops.zeros((1, FEATURES)), None, 1.0)
    with pytest.raises(ValueError, match="use `bound`"):
        sampler.log_likelihood(ops.zeros((1, 1, FEATURES)), ops.zeros((1, 1, PITCHES)))

"""models/music_vae/latent.py: grids, variations, filling in and neighbours do what their descriptions promise."""

import dataclasses
import io
import zipfile
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from benchmarks.random_batches import for_our_model, random_batch
from common.errors import CheckpointError
from models import families
from models.music_vae import latent
from models.music_vae.trained import TrainedModel, slerp_at
from models.numpy_engine import decoding as numpy_model
from preprocess.drums.rhythm import hits_of
from tests.conftest import ROOT
from tests.helpers.checkpoints import randomize, tiny_config, zero_weights
from tests.helpers.small_models import short

SHIPPED = ROOT / "checkpoints" / "hierdec-drum_4bar_small.safetensors"
DECODERS = (
    "hierdec-drum_4bar_small",
    "hierdec-drum_4bar",
    "cat-drums_2bar_small",
    "nade-drums_2bar_reduced",
    "cat-mel_2bar_med_chords",
    "flat-trio_16bar",
    "hier-trio_16bar",
    "groovae_2bar_humanize",
)
VECTORS = arrays(np.float32, 6, elements=st.floats(-4, 4, width=32))


def tiny_model(name: str, scale: float = 0.7) -> TrainedModel:
    config = short(tiny_config(name))
    return TrainedModel(config, randomize(families.build_model(config), scale))


def example_of(model: TrainedModel, values: np.ndarray, controls: Any = None) -> Any:
    from preprocess.converters.base import Example

    return Example(inputs=values, outputs=values, controls=controls, length=len(values))


# Grids, variations, arithmetic.


@given(
    corners=arrays(np.float32, (4, 6), elements=st.floats(-4, 4, width=32)),
    rows=st.integers(1, 5),
    columns=st.integers(1, 5),
)
def test_a_grid_keeps_its_corners_exactly(corners: np.ndarray, rows: int, columns: int) -> None:
    sheet = latent.grid(corners, rows, columns)
    assert sheet.shape == (rows, columns, 6) and sheet.dtype == np.float32 and np.isfinite(sheet).all()
    np.testing.assert_array_equal(sheet[0, 0], corners[0])
    if columns > 1:
        np.testing.assert_array_equal(sheet[0, -1], corners[1])
    if rows > 1:
        np.testing.assert_array_equal(sheet[-1, 0], corners[2])
    if rows > 1 and columns > 1:
        np.testing.assert_array_equal(sheet[-1, -1], corners[3])


def test_a_grid_is_slerps_of_slerps() -> None:
    corners = np.random.default_rng(0).standard_normal((4, 6)).astype(np.float32)
    sheet = latent.grid(corners, 5, 4)
    left = slerp_at(corners[0], corners[2], np.linspace(0, 1, 5))
    right = slerp_at(corners[1], corners[3], np.linspace(0, 1, 5))
    for row, a, b in zip(sheet, left, right, strict=True):
        np.testing.assert_allclose(row, slerp_at(a, b, np.linspace(0, 1, 4)), atol=1e-5)
    on_sphere = latent.grid(np.eye(4, dtype=np.float32), 7, 7)
    np.testing.assert_allclose(np.linalg.norm(on_sphere, axis=-1), 1, atol=1e-6)


@given(z=VECTORS, similarity=st.floats(0.01, 0.99), seed=st.integers(0, 99))
def test_similar_vectors_lie_on_the_way_and_are_as_long_as_it(
    z: np.ndarray, similarity: float, seed: int
) -> None:
    draws, found = latent.similar(z, 3, 0.0, seed), latent.similar(z, 3, similarity, seed)
    assert found.shape == (3, 6) and np.isfinite(found).all()
    np.testing.assert_array_equal(latent.similar(z, 3, 1.0, seed), [z] * 3)
    lengths, length = np.linalg.norm(draws, axis=1), np.linalg.norm(z)
    if length > 0.1:
        expected = (1 - similarity) * lengths + similarity * length
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), expected, rtol=1e-3)
        # The angle to the vector is that of the draw, in proportion.
        cosines = [np.clip((x @ z) / np.linalg.norm(x) / length, -1, 1) for x in (draws[0], found[0])]
        np.testing.assert_allclose(np.arccos(cosines[1]), (1 - similarity) * np.arccos(cosines[0]), atol=0.01)


def test_at_0_similar_is_the_prior_and_half_way_it_is_as_long(shipped: TrainedModel) -> None:
    z = shipped.prior_sample(1, 8)[0]
    np.testing.assert_array_equal(latent.similar(z, 4, 0, seed=3), shipped.prior_sample(4, seed=3))
    half = np.linalg.norm(latent.similar(z, 200, 0.5), axis=1)
    assert abs(half.mean() / np.sqrt(shipped.z_size) - 1) < 0.05
    straight = np.linalg.norm(0.5 * (z + shipped.prior_sample(200)), axis=1)
    assert straight.mean() / np.sqrt(shipped.z_size) < 0.8
    for similarity in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="not between 0 and 1"):
            latent.similar(z, 1, similarity)


def test_more_similar_clips_share_more_hits_with_the_clip(shipped: TrainedModel, beats: Any) -> None:
    mu = shipped.posterior(beats.batch(slice(0, 3)))[0]
    shared = {}
    for similarity in (0.1, 0.9):
        z = np.concatenate([latent.similar(one, 16, similarity, seed=1) for one in mu])
        played = hits_of(shipped.decode_values(z, None), 9).reshape(3, 16, -1)
        clips = hits_of(beats.inputs[:3], 9).reshape(3, 1, -1)
        shared[similarity] = (2 * (played & clips).sum() / (played.sum() + 16 * clips.sum())).item()
    assert shared[0.9] > shared[0.1] + 0.2


def test_arithmetic_is_a_weighted_sum() -> None:
    a, b, c = np.random.default_rng(0).standard_normal((3, 6)).astype(np.float32)
    found = latent.combine(np.stack([a, b, c]), np.array([1, 0.5, -2]))
    np.testing.assert_allclose(found, a + 0.5 * b - 2 * c, rtol=1e-6)
    np.testing.assert_allclose(latent.combine(np.stack([a, b, b]), np.array([1, 1, -1])), a, atol=1e-6)


# Log probabilities.


@pytest.mark.parametrize("name", DECODERS)
def test_the_same_log_probability_as_keras(name: str) -> None:
    model = tiny_model(name)
    batch = for_our_model(random_batch(model.config, seed=2))
    values = batch.get("outputs", batch["inputs"])
    n, steps = values.shape[:2]
    lengths = np.full(n, steps, np.int32)
    z = np.random.default_rng(4).standard_normal((n, model.z_size)).astype(np.float32)
    keras_model = families.build_model(model.config)
    for variable_name, variable in keras_model.named_weights().items():
        variable.assign(model.weights[variable_name])
    controls = batch.get("controls")
    targets = keras_model.decoder.distribution.target(values)
    prepared = None if controls is None else keras_model.decoder.prepare_controls(controls, lengths)
    _, loss = keras_model.reconstruct(targets, z, lengths, prepared)
    found = model.log_probability(z, np.asarray(targets), controls)
    assert found.shape == (n, steps)
    np.testing.assert_allclose(found.sum(axis=1), -np.asarray(loss), rtol=2e-4)


def test_the_log_probability_of_what_is_drawn_sums_to_one() -> None:
    model = tiny_model("cat-drums_2bar_small")
    z = np.repeat(model.prior_sample(1), 512, axis=0)
    values = np.tile(model.decode_values(z[:1], None), (512, 1))
    values[:, -1] = np.arange(512)
    nats = model.log_probability(z, values).astype(np.float64)
    np.testing.assert_allclose(np.exp(nats[:, -1]).sum(), 1, rtol=1e-4)
    np.testing.assert_allclose(nats[:, :-1], np.repeat(nats[:1, :-1], 512, axis=0), rtol=1e-5)
    # At temperature 0 every token is the likeliest given those before it.
    likeliest = model.log_probability(z[:1], model.decode_values(z[:1], None))
    assert (likeliest[0, -1] >= nats[:, -1] - 1e-5).all()


def test_another_configs_weights_have_no_log_probability() -> None:
    model = tiny_model("cat-drums_2bar_small")
    with pytest.raises(CheckpointError, match="has no weight"):
        numpy_model.log_probability({}, model.config.decoder, (512,), model.prior_sample(1), np.zeros((1, 4)))


# Filling in.


@pytest.mark.parametrize("temperature", [None, 1.0])
def test_infill_keeps_every_known_step_and_renews_the_others(
    shipped: TrainedModel, beats: Any, temperature: float | None
) -> None:
    clip = beats.inputs[5]
    hole = np.arange(64) // 16 == 2
    found = latent.infill(shipped, example_of(shipped, clip), hole, 12, temperature, seed=3)
    assert found.values.shape == (12, 64) and found.z.shape == (12, 64)
    np.testing.assert_array_equal(found.values[:, ~hole], np.tile(clip[~hole], (12, 1)))
    assert (found.values[:, hole] != clip[hole]).any()
    assert len(np.unique(found.values[:, hole], axis=0)) > 3
    assert 1 <= found.effective <= 12
    again = latent.infill(shipped, example_of(shipped, clip), hole, 12, temperature, seed=3)
    np.testing.assert_array_equal(again.values, found.values)
    if temperature is None:
        assert (np.diff(found.log_weights) <= 0).all()


def test_the_importance_of_a_candidate_is_that_of_the_definition(shipped: TrainedModel, beats: Any) -> None:
    clip, hole = beats.inputs[7], np.arange(64) // 16 == 1
    found = latent.infill(shipped, example_of(shipped, clip), hole, 6, None, seed=1)
    blanked = np.where(hole, 0, clip)[None].astype(np.int32)
    mu, sigma = shipped.posterior({"inputs": blanked, "lengths": np.array([64])})
    mu, sigma, z = (np.asarray(x, np.float64) for x in (mu, sigma, found.z))
    log_p = -0.5 * (z**2 + np.log(2 * np.pi)).sum(axis=1)
    log_q = (-0.5 * ((z - mu) / sigma) ** 2 - np.log(sigma) - 0.5 * np.log(2 * np.pi)).sum(axis=1)
    explained = shipped.log_probability(found.z, found.values)[:, ~hole].sum(axis=1)
    np.testing.assert_allclose(found.log_weights, explained + log_p - log_q, rtol=1e-4)


def test_the_filled_bar_is_like_the_bars_around_it(shipped: TrainedModel, beats: Any) -> None:
    """The project's beats repeat themselves, so that the bar that was there is a fair answer."""
    hole = np.arange(64) // 16 == 2
    filled: list[float] = []
    sampled: list[float] = []
    for i in range(0, 60, 10):
        clip = beats.inputs[i]
        truth = hits_of(clip[hole], 9)
        chosen = latent.infill(shipped, example_of(shipped, clip), hole, 16, None).values[0]
        prior = shipped.decode_values(shipped.prior_sample(1, seed=i), None)[0]
        for values, scores in ((chosen, filled), (prior, sampled)):
            played = hits_of(values[hole], 9)
            scores.append(2 * (played & truth).sum() / (played.sum() + truth.sum()))
    assert np.mean(filled) > np.mean(sampled) + 0.2


@pytest.mark.parametrize(
    "name",
    ["cat-mel_2bar_small", "cat-mel_2bar_med_chords", "hier-trio_16bar", "nade-drums_2bar_reduced"],
)
def test_infill_of_all_kinds_of_tokens(name: str) -> None:
    model = tiny_model(name)
    rng = np.random.default_rng(0)
    steps, depths = model.max_length, model.converter.output_depths
    if model.converter.output_form == "dense_roll":
        values = rng.random((steps, depths[0])) < 0.3
    else:
        values = np.stack([rng.integers(0, d, steps) for d in depths], axis=-1)
    values = values[:, 0] if model.converter.output_form == "one_hot" else values
    depth = model.converter.control_depth
    controls = np.eye(depth, dtype=bool)[rng.integers(0, depth, steps)] if depth else None
    hole = np.zeros(steps, bool)
    hole[4:9] = True
    found = latent.infill(model, example_of(model, values, controls), hole, 5)
    np.testing.assert_array_equal(found.values[:, ~hole], np.stack([values[~hole]] * 5))
    assert (found.values[:, hole] != values[hole]).any() and (found.values >= 0).all()


def test_a_clip_shorter_than_the_models_is_not_made_longer() -> None:
    model = tiny_model("cat-mel_2bar_small")
    values = np.random.default_rng(0).integers(0, 90, 20)
    hole = np.arange(model.max_length) >= 16
    found = latent.infill(model, example_of(model, values), hole, 3)
    assert found.values.shape == (3, 20)
    np.testing.assert_array_equal(found.values[:, :16], np.tile(values[:16], (3, 1)))


def test_what_infill_refuses(shipped: TrainedModel, beats: Any) -> None:
    for name, reason in (
        ("groovae_2bar_humanize", "velocities and timing"),
        ("hier-multiperf_vel_1bar_med", "events and not steps"),
    ):
        config = tiny_config(name)
        with pytest.raises(ValueError, match=reason):
            latent.check_infill(TrainedModel(config, zero_weights(config)))
    for hole in (np.zeros(64, bool), np.ones(64, bool)):
        with pytest.raises(ValueError, match="must be renewed"):
            latent.infill(shipped, example_of(shipped, beats.inputs[0]), hole)


# Many clips.


def test_a_clips_nearest_neighbour_is_itself(shipped: TrainedModel, beats: Any) -> None:
    embedding = latent.embed(shipped, beats)
    for i in range(0, len(beats), 9):
        (mu,) = shipped.posterior(beats.batch(slice(i, i + 1)))[0]
        for apart in latent.distances(mu, embedding.mu).values():
            assert apart.min() == pytest.approx(apart[i], abs=1e-5) and apart[i] < 1e-4


def test_an_embedding_comes_back_from_its_file(shipped: TrainedModel, beats: Any) -> None:
    embedding = latent.embed(shipped, beats)
    found = latent.load_embedding(embedding.to_bytes(), "x.npz")
    for name in ("mu", "sigma", "names", "clips", "values", "lengths"):
        np.testing.assert_array_equal(getattr(found, name), getattr(embedding, name))
    assert (found.config, found.encoder) == (shipped.config.name, latent.fingerprint(shipped))
    found.check(shipped)
    other = TrainedModel(shipped.config, {k: w + np.float32(1e-3) for k, w in shipped.weights.items()})
    with pytest.raises(CheckpointError, match="another checkpoint"):
        found.check(other)
    for data in (b"", b"hello", embedding.to_bytes()[:-500]):
        with pytest.raises(CheckpointError, match=r"x\.npz"):
            latent.load_embedding(data, "x.npz")


def test_clips_are_numbered_within_their_file() -> None:
    found = latent._numbers_within(np.array([2, 0, 2, 2, 1, 0]))
    assert found.tolist() == [0, 0, 1, 2, 0, 1]


def test_distances_are_those_of_the_definitions() -> None:
    pool = np.random.default_rng(0).standard_normal((5, 3))
    z = np.array([1.0, 2.0, 3.0])
    found = latent.distances(z, np.vstack([pool, np.zeros(3), 2 * z]))
    for i, row in enumerate(pool):
        cosine = sum(a * b for a, b in zip(row, z, strict=True)) / np.sqrt((row**2).sum() * 14)
        assert found["cosine"][i] == pytest.approx(1 - cosine)
        assert found["euclidean"][i] == pytest.approx(np.sqrt(((row - z) ** 2).sum()))
    assert found["cosine"][5] == 1 and found["cosine"][6] == pytest.approx(0)


@settings(max_examples=30)
@given(arrays(np.float64, (7, 4), elements=st.floats(-10, 10).map(lambda x: round(x, 3))))
def test_principal_components_are_those_of_the_covariance(x: np.ndarray) -> None:
    coordinates, shares = latent.principal_components(x)
    variances = np.linalg.eigvalsh(np.cov(x.T, ddof=0))[::-1]
    np.testing.assert_allclose(coordinates.var(axis=0), variances[:2], atol=1e-8)
    if variances.sum() > 1e-6:
        np.testing.assert_allclose(shares, variances[:2] / variances.sum(), atol=1e-8)
    np.testing.assert_allclose(coordinates.mean(axis=0), 0, atol=1e-8)


def test_one_clip_has_a_place_on_the_map() -> None:
    coordinates, shares = latent.principal_components(np.ones((1, 5)))
    np.testing.assert_array_equal(coordinates, [[0, 0]])
    np.testing.assert_array_equal(shares, [0, 0])


def test_embeddings_of_other_shapes_or_sizes_are_refused(shipped: TrainedModel, beats: Any) -> None:
    embedding = latent.embed(shipped, beats)
    whole = {f.name: np.asarray(getattr(embedding, f.name)) for f in dataclasses.fields(embedding)}

    def packed(**changes: Any) -> bytes:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **{**whole, **changes})
        return buffer.getvalue()

    latent.load_embedding(packed(), "x.npz").check(shipped)
    wrong = {
        "mu": [whole["mu"][0], whole["mu"][:-1], whole["mu"] * np.nan, whole["mu"].astype(int)],
        "sigma": [whole["sigma"][:, :-1], np.full_like(whole["sigma"], np.inf), whole["sigma"].astype("U8")],
        "names": [whole["names"][:-1], np.zeros(len(beats)), np.array(3)],
        "clips": [whole["clips"] * 0.5, whole["clips"][:2]],
        "values": [whole["values"][0], whole["values"][:-1], whole["values"].astype("U3")],
        "lengths": [
            whole["lengths"] * 1.0,
            whole["lengths"] + 10**6,
            -whole["lengths"],
            np.zeros((3, 3, 3), int),
        ],
        "config": [np.zeros(3), np.array(["a", "b"])],
        "encoder": [np.array(3.5)],
    }
    for name, values in wrong.items():
        for value in values:
            with pytest.raises(
                CheckpointError, match=r"x\.npz: is no array file of explore\.py embed \(its "
            ):
                latent.load_embedding(packed(**{name: value}), "x.npz")
    with pytest.raises(CheckpointError, match="holds other clips"):
        latent.load_embedding(packed(values=whole["values"] + 512), "x.npz").check(shipped)
    with pytest.raises(CheckpointError, match=r"x\.npz: is no array file"):
        latent.load_embedding(packed(mu=np.array([{}], object)), "x.npz")

    header, bomb = io.BytesIO(), io.BytesIO()
    shape = {"descr": "<f4", "fortran_order": False, "shape": (10**9, 64)}
    np.lib.format.write_array_header_1_0(header, shape)
    for data, said in (
        (header.getvalue(), "an array of shape"),
        (bytes(2 * 10**7), "claims to hold 160000000 bytes"),
    ):
        with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in whole:
                archive.writestr(f"{name}.npy", data)
        with pytest.raises(CheckpointError, match=said):
            latent.load_embedding(bomb.getvalue(), "x.npz")
        bomb = io.BytesIO()

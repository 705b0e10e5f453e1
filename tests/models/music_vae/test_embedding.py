"""The latent vectors of many clips: their file, distances and map."""

import dataclasses
import io
import zipfile
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from common.errors import CheckpointError
from models.music_vae.embedding import (
    _numbers_within,
    distances,
    embed,
    fingerprint,
    load_embedding,
    principal_components,
)
from models.music_vae.trained import TrainedModel


def test_a_clips_nearest_neighbour_is_itself(shipped: TrainedModel, beats: Any) -> None:
    embedding = embed(shipped, beats)
    for i in range(0, len(beats), 9):
        (mu,) = shipped.posterior(beats.batch(slice(i, i + 1)))[0]
        for apart in distances(mu, embedding.mu).values():
            assert apart.min() == pytest.approx(apart[i], abs=1e-5) and apart[i] < 1e-4


def test_an_embedding_comes_back_from_its_file(shipped: TrainedModel, beats: Any) -> None:
    embedding = embed(shipped, beats)
    found = load_embedding(embedding.to_bytes(), "x.npz")
    for name in ("mu", "sigma", "names", "clips", "values", "lengths"):
        np.testing.assert_array_equal(getattr(found, name), getattr(embedding, name))
    assert (found.config, found.encoder) == (shipped.config.name, fingerprint(shipped))
    found.check(shipped)
    other = TrainedModel(shipped.config, {k: w + np.float32(1e-3) for k, w in shipped.weights.items()})
    with pytest.raises(CheckpointError, match="another checkpoint"):
        found.check(other)
    for data in (b"", b"hello", embedding.to_bytes()[:-500]):
        with pytest.raises(CheckpointError, match=r"x\.npz"):
            load_embedding(data, "x.npz")


def test_clips_are_numbered_within_their_file() -> None:
    found = _numbers_within(np.array([2, 0, 2, 2, 1, 0]))
    assert found.tolist() == [0, 0, 1, 2, 0, 1]


def test_distances_are_those_of_the_definitions() -> None:
    pool = np.random.default_rng(0).standard_normal((5, 3))
    z = np.array([1.0, 2.0, 3.0])
    found = distances(z, np.vstack([pool, np.zeros(3), 2 * z]))
    for i, row in enumerate(pool):
        cosine = sum(a * b for a, b in zip(row, z, strict=True)) / np.sqrt((row**2).sum() * 14)
        assert found["cosine"][i] == pytest.approx(1 - cosine)
        assert found["euclidean"][i] == pytest.approx(np.sqrt(((row - z) ** 2).sum()))
    assert found["cosine"][5] == 1 and found["cosine"][6] == pytest.approx(0)


@settings(max_examples=30)
@given(arrays(np.float64, (7, 4), elements=st.floats(-10, 10).map(lambda x: round(x, 3))))
def test_principal_components_are_those_of_the_covariance(x: np.ndarray) -> None:
    coordinates, shares = principal_components(x)
    variances = np.linalg.eigvalsh(np.cov(x.T, ddof=0))[::-1]
    np.testing.assert_allclose(coordinates.var(axis=0), variances[:2], atol=1e-8)
    if variances.sum() > 1e-6:
        np.testing.assert_allclose(shares, variances[:2] / variances.sum(), atol=1e-8)
    np.testing.assert_allclose(coordinates.mean(axis=0), 0, atol=1e-8)


def test_one_clip_has_a_place_on_the_map() -> None:
    coordinates, shares = principal_components(np.ones((1, 5)))
    np.testing.assert_array_equal(coordinates, [[0, 0]])
    np.testing.assert_array_equal(shares, [0, 0])


def test_embeddings_of_other_shapes_or_sizes_are_refused(shipped: TrainedModel, beats: Any) -> None:
    embedding = embed(shipped, beats)
    whole = {f.name: np.asarray(getattr(embedding, f.name)) for f in dataclasses.fields(embedding)}

    def packed(**changes: Any) -> bytes:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **{**whole, **changes})
        return buffer.getvalue()

    load_embedding(packed(), "x.npz").check(shipped)
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
                CheckpointError, match=r"x\.npz: is not an array file of explore\.py embed \(its "
            ):
                load_embedding(packed(**{name: value}), "x.npz")
    with pytest.raises(CheckpointError, match="holds other clips"):
        load_embedding(packed(values=whole["values"] + 512), "x.npz").check(shipped)
    with pytest.raises(CheckpointError, match=r"x\.npz: is not an array file"):
        load_embedding(packed(mu=np.array([{}], object)), "x.npz")

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
            load_embedding(bomb.getvalue(), "x.npz")
        bomb = io.BytesIO()

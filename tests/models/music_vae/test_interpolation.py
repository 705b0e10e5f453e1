"""Grids, variations and arithmetic do what their descriptions promise."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.music_vae import interpolation
from models.music_vae.interpolation import slerp_at
from models.music_vae.trained import TrainedModel
from preprocess.drums.rhythm import hits_of

VECTORS = arrays(np.float32, 6, elements=st.floats(-4, 4, width=32))


@given(
    corners=arrays(np.float32, (4, 6), elements=st.floats(-4, 4, width=32)),
    rows=st.integers(1, 5),
    columns=st.integers(1, 5),
)
def test_a_grid_keeps_its_corners_exactly(corners: np.ndarray, rows: int, columns: int) -> None:
    sheet = interpolation.grid(corners, rows, columns)
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
    sheet = interpolation.grid(corners, 5, 4)
    left = slerp_at(corners[0], corners[2], np.linspace(0, 1, 5))
    right = slerp_at(corners[1], corners[3], np.linspace(0, 1, 5))
    for row, a, b in zip(sheet, left, right, strict=True):
        np.testing.assert_allclose(row, slerp_at(a, b, np.linspace(0, 1, 4)), atol=1e-5)
    on_sphere = interpolation.grid(np.eye(4, dtype=np.float32), 7, 7)
    np.testing.assert_allclose(np.linalg.norm(on_sphere, axis=-1), 1, atol=1e-6)


@given(z=VECTORS, similarity=st.floats(0.01, 0.99), seed=st.integers(0, 99))
def test_similar_vectors_lie_on_the_way_and_are_as_long_as_it(
    z: np.ndarray, similarity: float, seed: int
) -> None:
    draws, found = interpolation.similar(z, 3, 0.0, seed), interpolation.similar(z, 3, similarity, seed)
    assert found.shape == (3, 6) and np.isfinite(found).all()
    np.testing.assert_array_equal(interpolation.similar(z, 3, 1.0, seed), [z] * 3)
    lengths, length = np.linalg.norm(draws, axis=1), np.linalg.norm(z)
    if length > 0.1:
        expected = (1 - similarity) * lengths + similarity * length
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), expected, rtol=1e-3)
        # The angle to the vector is that of the draw, in proportion.
        cosines = [np.clip((x @ z) / np.linalg.norm(x) / length, -1, 1) for x in (draws[0], found[0])]
        np.testing.assert_allclose(np.arccos(cosines[1]), (1 - similarity) * np.arccos(cosines[0]), atol=0.01)


def test_at_0_similar_is_the_prior_and_half_way_it_is_as_long(shipped: TrainedModel) -> None:
    z = shipped.prior_sample(1, 8)[0]
    np.testing.assert_array_equal(interpolation.similar(z, 4, 0, seed=3), shipped.prior_sample(4, seed=3))
    half = np.linalg.norm(interpolation.similar(z, 200, 0.5), axis=1)
    assert abs(half.mean() / np.sqrt(shipped.z_size) - 1) < 0.05
    straight = np.linalg.norm(0.5 * (z + shipped.prior_sample(200)), axis=1)
    assert straight.mean() / np.sqrt(shipped.z_size) < 0.8
    for similarity in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="not between 0 and 1"):
            interpolation.similar(z, 1, similarity)


def test_more_similar_clips_share_more_hits_with_the_clip(shipped: TrainedModel, beats: Any) -> None:
    mu = shipped.posterior(beats.batch(slice(0, 3)))[0]
    shared = {}
    for similarity in (0.1, 0.9):
        z = np.concatenate([interpolation.similar(one, 16, similarity, seed=1) for one in mu])
        played = hits_of(shipped.decode_values(z, None), 9).reshape(3, 16, -1)
        clips = hits_of(beats.inputs[:3], 9).reshape(3, 1, -1)
        shared[similarity] = (2 * (played & clips).sum() / (played.sum() + 16 * clips.sum())).item()
    assert shared[0.9] > shared[0.1] + 0.2


def test_arithmetic_is_a_weighted_sum() -> None:
    a, b, c = np.random.default_rng(0).standard_normal((3, 6)).astype(np.float32)
    found = interpolation.combine(np.stack([a, b, c]), np.array([1, 0.5, -2]))
    np.testing.assert_allclose(found, a + 0.5 * b - 2 * c, rtol=1e-6)
    np.testing.assert_allclose(interpolation.combine(np.stack([a, b, b]), np.array([1, 1, -1])), a, atol=1e-6)

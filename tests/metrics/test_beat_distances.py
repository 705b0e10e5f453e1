"""Distances between sets of beats by hand."""

import numpy as np
import pytest

from metrics import beat_distances


def test_distances_of_a_set_to_itself_and_to_a_busier_one():
    rng = np.random.default_rng(0)
    quiet, busy = rng.random((30, 64, 9)) < 0.1, rng.random((30, 64, 9)) < 0.3
    a, b = (beat_distances.statistics(hits, (0, 1)) for hits in (quiet, busy))
    assert all(v == 0 for v in beat_distances.distances(a, a).values())
    apart = beat_distances.distances(a, b)
    assert apart["hits_per_bar"] == pytest.approx(busy.sum() / 120 - quiet.sum() / 120)
    assert apart["density"] == pytest.approx(busy.mean() - quiet.mean())


def test_copies_show():
    found = beat_distances.nearest_summary(np.array([0, 0, 4, 8]))
    assert found["copies"] == 0.5 and found["median"] == 2 and found["mean"] == 3

"""The rank correlation against SciPy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.rank_correlation import rank_correlation

stats = pytest.importorskip("scipy.stats", reason="SciPy is not installed")


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(-1e3, 1e3)), min_size=3, max_size=60))
def test_it_is_scipys(pairs: list[tuple[int, float]]) -> None:
    x, y = np.array(pairs).T
    if len(set(x)) < 2 or len(set(y)) < 2:
        return
    assert rank_correlation(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-12)

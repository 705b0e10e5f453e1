"""The pointing check: its loss before training, and that it reaches the original's final figures."""

import argparse
from pathlib import Path

import numpy as np
import pytest

from common.errors import InputError
from experiments import pointer


def test_uniform_weights_have_the_originals_first_loss() -> None:
    shown, wanted = pointer.draw(np.random.default_rng(0), 2)
    assert shown.shape == (2, 192, 13) and not shown[:, 128:].any() and shown[:, :128].any()
    even = np.full(wanted.shape, 1 / 80, np.float32)
    even[:, :64] = 5  # the first 64 frames do not count
    np.testing.assert_allclose(pointer.pointing_loss(wanted, even), 0.01233, atol=3e-5)
    np.testing.assert_allclose(pointer.pointing_loss(wanted, wanted), 0)
    assert wanted.sum() == wanted[..., 16].sum() == 2 * 192


def test_flags_below_one_are_refused(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    pointer.add_flags(parser)
    with pytest.raises(InputError, match="--batch=0"):
        pointer.run(parser.parse_args(["--batch=0"]), tmp_path)


@pytest.mark.slow
def test_it_points_after_200_steps(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    pointer.add_flags(parser)
    parser.set_defaults(seed=0)
    outcome = pointer.run(parser.parse_args([]), tmp_path)
    first, last, share = (float(finding.here) for finding in outcome.findings)
    assert abs(first - 0.01233) < 3e-4 and last < 2e-5 and share > 0.95  # original: 6e-6, 0.99993
    assert all((tmp_path / name).stat().st_size > 5000 for name, _ in outcome.pictures)

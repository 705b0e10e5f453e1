"""What evaluate.py reports on conditions: for a model that follows them, one that ignores them, and a tiny one."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models import families
from preprocess.drums.conditions import DrumConditions, density, quantile_of
from tests.helpers.checkpoints import save_tiny, tiny_history_config
from workflows.exploring import vary_conditions as explore_conditions
from workflows.reporting import conditions as condition_report
from workflows.reporting.conditions import LEVELS, by_level


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = save_tiny(tmp_path_factory.mktemp("tiny") / "tiny.safetensors", tiny_history_config())
    return families.open_music_vae(str(path))


def hats(rng: np.random.Generator, share: float, n: int = 40) -> np.ndarray:
    """Clips whose hi-hats are as dense as asked, over kicks at random."""
    return (rng.random((n, 64)) < share) * 4 + (rng.random((n, 64)) < 0.1) * 1


def test_what_follows_is_told_from_what_is_ignores() -> None:
    rng = np.random.default_rng(0)
    follows = by_level("density", [hats(rng, level) for level in LEVELS], hats(rng, 0.5))
    ignores = by_level("density", [hats(rng, 0.5) for _ in LEVELS], hats(rng, 0.5))
    assert follows["rank_correlation"] > 0.9 > 0.3 > abs(ignores["rank_correlation"])
    assert follows["got"] == sorted(follows["got"]) and follows["other"] == "syncopation"
    assert max(follows["other_moves"], ignores["other_moves"]) < 0.7, "kicks do not depend on hi-hats"
    same = by_level("density", [np.zeros((3, 64), int)] * 5, np.zeros((3, 64), int))
    assert same["rank_correlation"] is None and same["other_moves"] is None


def test_others_that_move_are_seen_in_standard_deviations() -> None:
    rng = np.random.default_rng(1)
    clips = [hats(rng, 0.2 * i) | ((rng.random((40, 64)) < 0.1 * i) * 2) for i in range(5)]
    found = by_level("syncopation", clips, hats(rng, 0.5))
    means = [density(c).mean() for c in clips]
    assert found["other"] == "density"
    assert found["other_moves"] == pytest.approx(
        (max(means) - min(means)) / density(hats(rng, 0.5)).std(), 0.5
    )


def test_a_report_is_complete(model: Any, patterns_tfrecord: Path, capsys: pytest.CaptureFixture) -> None:
    beats = str(patterns_tfrecord)
    args = argparse.Namespace(condition_clips=2, seed=0, train_examples_path=beats, examples_path=beats)
    found = condition_report.figures(model, args)
    assert json.loads(json.dumps(found)) == found
    for name in ("density", "syncopation"):
        for how in ("asked_for", "varied"):
            assert len(found[name][how]["got"]) == len(LEVELS)
    assert set(found["fills"]) == {"asked", "not_wanted", "not_said"}
    style = found["style"]
    assert style["chance"] == 1 / style["styles"] < style["held_out_named"], (
        "here it has heard the held-out clips"
    )
    condition_report.print_figures(found)
    said = capsys.readouterr().out
    assert (
        "Conditions and what was drawn: 2 clips each" in said
        and "Intensity and tempo are not measured" in said
    )


def test_vary_moves_one_quantile_and_holds_the_other(model: Any) -> None:
    own = [DrumConditions(density=0.8, syncopation=0.3), DrumConditions()]
    found = explore_conditions.vary(model, "density", [-0.5, 0.0, 0.5], own, None, 1.0, 3)
    np.testing.assert_allclose(found.asked, [[0.3, 0.0], [0.8, 0.5], [1.0, 1.0]])
    assert found.values.shape == (3, 2, 64)
    again = explore_conditions.vary(model, "density", [0.5], own, None, 1.0, 3)
    assert (again.values[0] == found.values[2]).all(), "amounts do not depend on one another"
    tempo = explore_conditions.vary(model, "tempo", [0.2], [DrumConditions(tempo=120)], None, 1.0, 3)
    assert tempo.asked[0, 0] == pytest.approx(quantile_of("tempo", 120) + 0.2)

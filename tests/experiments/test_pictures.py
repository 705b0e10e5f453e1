"""Pictures of the experiments: wrong frames are found, and everything can be drawn."""

from pathlib import Path

import numpy as np

from experiments.pictures import save_curves, save_rolls, wrong_frames


def test_wrong_frames_are_those_in_which_a_key_differs() -> None:
    truth = np.zeros((6, 13))
    truth[2, 4] = 1
    played = truth.copy()
    played[2, 4], played[5, 0], played[0, 1] = 0.4, 0.9, 0.2
    assert wrong_frames(played, truth).tolist() == [2, 5]
    assert wrong_frames(truth, truth).size == wrong_frames(played, None).size == 0
    assert wrong_frames(played[:, :5], truth).size == 0


def test_wrong_frames_and_a_single_point_are_seen(tmp_path: Path) -> None:
    truth = np.zeros((16, 13))
    save_rolls(tmp_path / "right.png", {"replay": truth}, truth=truth)
    save_rolls(tmp_path / "wrong.png", {"replay": np.ones((16, 13))}, truth=truth)
    save_rolls(tmp_path / "plain.png", {"replay": np.ones((16, 13))})
    pictures = [(tmp_path / f"{name}.png").read_bytes() for name in ("right", "wrong", "plain")]
    assert len(set(pictures)) == 3
    save_curves(tmp_path / "point.png", {"a": [0.5]}, "errors")
    save_curves(tmp_path / "line.png", {"a": [0.5, 0.5]}, "errors")
    save_curves(tmp_path / "none.png", {"a": []}, "errors")
    point, nothing = ((tmp_path / f"{name}.png").read_bytes() for name in ("point", "none"))
    assert point != nothing

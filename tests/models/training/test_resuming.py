"""Resuming: from checkpoints of today's layout and of the one before."""

import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from catalog.config import Config
from models import families
from models.formats import ours as checkpoint
from models.training import resuming, trainer
from models.training.settings import Settings

pytestmark = pytest.mark.jax

OLD = Path(__file__).parent / "run_of_models_with_own_step.safetensors"
"""A checkpoint at step 3 of `cat-mel_2bar_small` at tiny widths, trained on `RandomTokens` from when models counted their steps
themselves; with dropout, scheduled sampling and an annealed beta, all of which depend on the state."""

LOSSES = {4: 36.010494, 5: 36.054398, 6: 36.103024}
"""What the same code went on to log, on TensorFlow."""


class RandomTokens:
    """Batches of random melodies."""

    def batch(self, step: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng([7, step])
        return {"inputs": rng.integers(0, 90, (4, 8)).astype(np.int32), "lengths": np.full(4, 8, np.int32)}


def trained(run_dir: Path, config: Config, steps: int) -> tuple[Any, list[tuple[int, dict[str, float]]]]:
    """A model after training to a step with a line of the log for each, and the lines."""
    model = families.build_model(config, 3)
    trainer.compile_model(model)
    lines: list[tuple[int, dict[str, float]]] = []
    settings = Settings(steps, 1, 1, 1)
    trainer.train(
        model, RandomTokens(), run_dir, config.to_json(), settings, report=lambda *line: lines.append(line)
    )
    return model, lines


def test_a_checkpoint_of_models_that_counted_their_own_steps_goes_on_as_it_did(tmp_path: Path) -> None:
    folder = tmp_path / "train"
    folder.mkdir()
    (folder / "step-00000003.safetensors").write_bytes(OLD.read_bytes())
    before = checkpoint.load(OLD)
    model, lines = trained(tmp_path, Config.from_json(before.config), 6)
    assert model.step == 6 and [step for step, _ in lines] == [4, 5, 6]
    losses = [line["loss"] for _, line in lines]
    # Other backends draw other random numbers.
    rtol = 1e-5 if keras.backend.backend() == "tensorflow" else 2e-2
    np.testing.assert_allclose(losses, list(LOSSES.values()), rtol=rtol)
    after = checkpoint.load(folder / "step-00000006.safetensors")
    assert int(after.state["optimizer/000"]) == 6
    assert [k for k in before.state if k.startswith("model/")] == [f"model/{i:03d}" for i in range(4)]
    assert [k for k in after.state if k.startswith("model/")] == [f"model/{i:03d}" for i in range(3)]


def test_only_the_step_is_left_out_of_an_older_state() -> None:
    seeds = [np.array([i, i], np.uint32) for i in range(3)]
    step, maps = np.array(7, np.int32), np.zeros((9, 2), np.float32)
    stored = [step, maps, *seeds]
    state = {f"model/{i:03d}": x for i, x in enumerate(stored)} | {"optimizer/000": np.array(7, np.int64)}
    found = resuming.without_own_step(state, 4)
    assert sorted(found) == ["model/000", "model/001", "model/002", "model/003", "optimizer/000"]
    for i, x in enumerate([maps, *seeds]):
        assert found[f"model/{i:03d}"] is x
    assert resuming.without_own_step(state, 5) is state, "today's layout stays as it is"


def test_a_run_in_pieces_is_the_run_in_one_go(tmp_path: Path) -> None:
    """Bit for bit, the log's means over each interval included; also from a step that ends no interval."""
    config = Config.from_json(checkpoint.load(OLD).config)
    lines: dict[str, list] = {"whole": [], "pieces": []}
    for name, stops in (("whole", (7,)), ("pieces", (3, 7))):
        for stop in stops:
            model = families.build_model(config, 3)
            trainer.compile_model(model)
            trainer.train(
                model, RandomTokens(), tmp_path / name, config.to_json(), Settings(stop, 2, 2, 2),
                report=lambda step, line, to=lines[name]: to.append((step, line["loss"])),
            )  # fmt: skip
    assert [step for step, _ in lines["whole"]] == [2, 4, 6, 7]
    assert [step for step, _ in lines["pieces"]] == [2, 3, 4, 6, 7]
    assert lines["whole"][2:] == lines["pieces"][3:]
    whole, pieces = (checkpoint.load(tmp_path / name / "train/step-00000007.safetensors") for name in lines)
    np.testing.assert_equal([whole.weights, whole.state], [pieces.weights, pieces.state])


def test_a_checkpoint_of_every_few_hours_is_kept_beside_the_newest(tmp_path: Path) -> None:
    paths = [tmp_path / f"step-{step:08d}.safetensors" for step in range(1, 9)]
    for hour, path in enumerate(paths):
        path.touch()
        os.utime(path, (3600 * hour, 3600 * hour))
    resuming.remove_old(paths, keep=2, hours_between_kept=3)
    assert [path for path in paths if path.exists()] == [paths[i] for i in (0, 3, 6, 7)]
    resuming.remove_old(sorted(tmp_path.iterdir()), keep=1)
    assert [path for path in paths if path.exists()] == [paths[7]]

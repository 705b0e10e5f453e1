"""What evaluate.py says of groove models: figures of models and baselines side by side."""

from pathlib import Path

import numpy as np
import pytest

from metrics import grooves as groove_metrics
from models.families import open_music_vae
from preprocess.dataset import load_examples
from tests.helpers.checkpoints import save_tiny, tiny_config
from workflows.reporting import grooves as groove_report


@pytest.mark.parametrize("name", ["groovae_2bar_humanize_small", "groovae_2bar_tap_small"])
def test_models_stand_beside_the_baselines(
    name: str, patterns_tfrecord: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = open_music_vae(str(save_tiny(tmp_path / "tiny.safetensors", tiny_config(name))))
    converter = model.converter
    examples = load_examples(str(patterns_tfrecord), converter, model.config.converter_spec, 32)
    batch = examples.batch(slice(None))
    no_z = np.zeros((len(examples), 0), np.float32)
    found, values = groove_report.figures(
        model, batch, examples.batch(slice(0, 40)), examples.step_seconds, no_z, 1.0, 0
    )
    truth = batch["outputs"]
    hits = truth[..., :9]
    assert found["hits"] == hits.sum() == len(values["velocity"]["samples"])
    for row in (
        "model",
        "told_who_plays",
        "drawn",
        "quantized",
        "table",
        "regression",
        "nearest_training_clip",
    ):
        by_drum = np.array(found[row]["velocity_mae_per_drum"])
        counts = hits.sum(axis=(0, 1))
        mean = np.nansum(by_drum * counts) / counts.sum()
        assert mean == pytest.approx(found[row]["velocity_mae"], rel=1e-4)
        timing = np.nansum(np.array(found[row]["timing_mae_ms_per_drum"]) * counts) / counts.sum()
        assert timing == pytest.approx(found[row]["timing_mae_ms"], rel=1e-4, abs=1e-6)
    # The project's own beats are named after no drummer, so there is nothing to be told.
    for key, value in found["model"].items():
        assert found["told_who_plays"][key] == pytest.approx(value, nan_ok=True), key
    groove_report.print_figures(found)
    printed = capsys.readouterr().out
    assert "regression" in printed
    if converter.tapify:
        assert found["taps_without_a_drum"] == 0
        taps = groove_report.taps_of(batch["inputs"], 9)
        np.testing.assert_array_equal(taps[..., 0] > 0, hits.any(axis=-1))
        assert found["model"]["timing_mae_ms"] == pytest.approx(found["taps_own_time"]["timing_mae_ms"])
        played = groove_report._play(model, no_z, batch)  # noqa: SLF001
        assert found["hit_f1"] == pytest.approx(groove_metrics.hit_f1(truth, played))
        assert "tapped" in printed or "taps" in printed
    else:
        assert "hit_f1" not in found

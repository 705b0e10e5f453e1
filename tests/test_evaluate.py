"""evaluate.py from beats to report, on a tiny model trained for a few steps on the project's own beats."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import evaluate
from common.errors import CheckpointError
from metrics import drum_hits, variational
from models.formats import ours as checkpoint

HPARAMS = (
    "batch_size=16,z_size=4,enc_rnn_size=[16],dec_rnn_size=[16],free_bits=0,max_beta=1.0,"
    "sampling_schedule=constant,sampling_rate=0,learning_rate=0.01"
)


@pytest.fixture(scope="module")
def run_dir(patterns_tfrecord: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of twenty steps."""
    import train

    path = tmp_path_factory.mktemp("evaluate") / "run"
    flags = ["--config=cat-drums_2bar_small", f"--run_dir={path}", f"--examples_path={patterns_tfrecord}"]
    flags += [
        "--num_steps=20",
        "--log_every=10",
        "--save_every=20",
        "--eval_every=20",
        f"--hparams={HPARAMS}",
    ]
    assert train.main(flags) == 0
    return path


def flags_of(run_dir: Path, examples: Path, output: Path, *more: str) -> list[str]:
    """Flags of a small evaluation."""
    return [
        f"--run_dir={run_dir}",
        f"--examples_path={examples}",
        f"--output_dir={output}",
        "--num_samples=24",
        "--importance_samples=8",
        "--temperatures=1,0.5",
        "--infill_clips=3",
        *more,
    ]


@pytest.fixture(scope="module")
def report(
    run_dir: Path, patterns_tfrecord: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Any]:
    """The folder of one evaluation, and its figures."""
    output = tmp_path_factory.mktemp("evaluate") / "report"
    train_flag = f"--train_examples_path={patterns_tfrecord}"
    assert evaluate.main(flags_of(run_dir, patterns_tfrecord, output, train_flag)) == 0
    return output, json.loads((output / "evaluation.json").read_text())


def test_report_is_complete_and_consistent(report: tuple[Path, Any]):
    output, found = report
    split, samples = found["split"], found["samples"]
    assert split["kl_bits"] == pytest.approx(split["kl_nats"] / math.log(2))
    assert split["negative_elbo_nats"] == pytest.approx(split["reconstruction_nats"] + split["kl_nats"])
    assert split["importance_weighted_bound_nats"] < split["negative_elbo_nats"]
    assert 0 <= split["active_units"] <= split["latent_units"] == 4
    for kind in ("teacher_forced", "sampled"):
        assert 0 <= split[kind]["token_accuracy"] <= 1 and set(split[kind]["f1_per_drum"]) >= {"kick", "ride"}
    assert samples["held_out"]["nearest_training_clip"]["copies"] == 1.0, "here the split is the training set"
    assert samples["samples"]["nearest_training_clip"]["mean"] > 0
    assert (output / "evaluation.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert sorted(p.name for p in output.iterdir()) == ["evaluation.json", "evaluation.png"]


def test_beats_stand_beside_tables_and_drummers(report: tuple[Path, Any]):
    found, split = report[1]["beats"], report[1]["split"]
    by_bar = found["nats_by_bar"]
    assert set(by_bar) == {"model", "count_mixture", "longest_match"}
    assert all(len(nats) == 2 for nats in by_bar.values()), "this model plays two bars"
    # The mixture has counted the very clips that it is asked about; the model's bars make up its own loss.
    assert split["baselines"]["count_mixture"] == pytest.approx(sum(by_bar["count_mixture"]))
    assert split["baselines"]["count_mixture"] < split["baselines"]["longest_match"]
    assert split["baselines"]["count_mixture"] < split["baselines"]["markov_chain"]
    assert sum(by_bar["model"]) == pytest.approx(split["reconstruction_nats"], rel=0.1)
    assert 0 <= found["encode_decode"]["model"] <= 1 and 0 < found["encode_decode"]["first_bar_repeated"] <= 1
    assert found["infill"]["bar"] == 2 and found["infill"]["clips"] == 3
    samples = found["samples"]
    assert list(samples["temperatures"]) == ["0.5", "1"]
    rows = [*samples["temperatures"].values(), samples["count_mixture"]]
    assert all(row["clips"] == 24 and 0 <= row["equal_bars"] <= 1 for row in rows)
    assert samples["held_out"]["copies"] == 1 and "copies" not in samples["training"]
    areas = {name: row["auc"] for name, row in samples["temperatures"].items()}
    if samples["count_mixture"]["auc"] is not None:
        assert found["temperature_of_least_auc"] == min(areas, key=lambda name: areas[name])


def test_figures_agree_with_the_models_own_loss(
    report: tuple[Path, Any], run_dir: Path, patterns_tfrecord: Path
):
    from models import families
    from models.music_vae import evaluation
    from workflows.examples import load_examples

    model = families.open_music_vae(str(run_dir))
    examples = load_examples(str(patterns_tfrecord), model.config)
    scores = evaluation.score(model.keras_model, examples.batch(slice(None)), 2, seed=0, batch_size=7)
    noise = (scores.z - scores.mu) / scores.sigma
    batch = {**examples.batch(slice(None)), "noise": noise.astype(np.float32)}
    outputs = model.keras_model(batch)
    own = model.keras_model.loss_terms(batch, outputs)
    assert scores.reconstruction[:, 0] == pytest.approx(np.asarray(own.reconstruction), rel=1e-4)
    assert variational.kl_to_standard_normal(scores.mu, scores.sigma) == pytest.approx(
        np.asarray(own.kl), rel=1e-3, abs=1e-4
    )
    assert (scores.predicted == np.asarray(outputs.parameters).argmax(axis=-1)).mean() > 0.999
    right = drum_hits.reconstruction(examples.inputs, scores.predicted, examples.lengths, 9)
    assert right.token_accuracy == pytest.approx(np.asarray(own.accuracy).mean(), abs=1e-3)
    # The draws are those of the command, whatever the size of the batches.
    kl = variational.kl_to_standard_normal(scores.mu, scores.sigma).mean()
    assert report[1]["split"]["kl_nats"] == pytest.approx(kl, rel=1e-4)
    assert report[1]["split"]["teacher_forced"]["f1"] == pytest.approx(right.f1, abs=1e-3)


def test_report_is_not_overwritten(report: tuple[Path, Any], run_dir: Path, patterns_tfrecord: Path):
    before = (report[0] / "evaluation.json").stat().st_mtime_ns
    with pytest.raises(evaluate.InputError, match="--force"):
        evaluate.main(flags_of(run_dir, patterns_tfrecord, report[0]))
    assert (report[0] / "evaluation.json").stat().st_mtime_ns == before


def test_part_of_the_split_at_temperature_zero(run_dir: Path, patterns_tfrecord: Path, tmp_path: Path):
    flags = flags_of(
        run_dir, patterns_tfrecord, tmp_path, "--max_examples=10", "--temperature=0", "--max_batch_size=4"
    )
    assert evaluate.main(flags) == 0
    found = json.loads((tmp_path / "evaluation.json").read_text())
    assert found["split"]["clips"] == 10
    assert found["samples"]["distance_of_held_out_to_rest"] is None
    assert "nearest_training_clip" not in found["samples"]["samples"]
    assert set(found["beats"]["nats_by_bar"]) == {"model"} and "baselines" not in found["split"]


def test_without_scikit_learn_a_sentence_stands_for_the_classifier(
    run_dir: Path,
    patterns_tfrecord: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    from metrics import two_sample

    monkeypatch.setattr(two_sample, "available", lambda: False)
    flags = flags_of(run_dir, patterns_tfrecord, tmp_path, "--max_examples=8", "--importance_samples=1")
    assert evaluate.main(flags) == 0
    assert "scikit-learn is missing" in capsys.readouterr().out
    found = json.loads((tmp_path / "evaluation.json").read_text())["beats"]
    assert found["temperature_of_least_auc"] is None
    assert {row["auc"] for row in found["samples"]["temperatures"].values()} == {None}


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--run_dir=nowhere"], "--examples_path is missing"),
        (["--examples_path=x", "--num_samples=0"], "--num_samples is 0"),
        (["--examples_path=x", "--temperatures=0.5,hot"], "--temperatures=0.5,hot: expected numbers"),
        (["--examples_path=x", "--temperatures=-1"], "--temperatures=-1: expected numbers"),
        (["--examples_path=x", "--infill_clips=0"], "--infill_clips is 0"),
        (["--examples_path=x", "--seed=-1"], "--seed is -1"),
        (["--examples_path=x", "--temperature=-1", "--run_dir=nowhere"], "--temperature is -1"),
    ],
)
def test_bad_flags_are_refused(flags: list[str], message: str, tmp_path: Path):
    with pytest.raises(evaluate.InputError, match=message):
        evaluate.main([*flags, f"--output_dir={tmp_path}"])
    assert not list(tmp_path.iterdir())


def test_a_model_of_other_clips_is_refused(run_dir: Path, patterns_tfrecord: Path, tmp_path: Path):
    config = tmp_path / "whole_tracks.toml"
    config.write_text('base = "cat-drums_2bar_small"\n[converter]\nslice_bars = 1\n')
    with pytest.raises(CheckpointError, match="slice_bars of the converter is 2, not 1 as in whole_tracks"):
        evaluate.main(flags_of(run_dir, patterns_tfrecord, tmp_path / "out", f"--config={config}"))
    _, found = checkpoint.load_named(str(run_dir))
    other = dataclasses.replace(found, config=found.config.replace('"slice_bars": 2', '"slice_bars": 1'))
    checkpoint.save(tmp_path / "other.safetensors", other)
    with pytest.raises(evaluate.InputError, match="slice_bars=1"):
        evaluate.main(flags_of(tmp_path / "other.safetensors", patterns_tfrecord, tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_missing_examples_leave_nothing_behind(run_dir: Path, tmp_path: Path):
    with pytest.raises(evaluate.InputError):
        evaluate.main(flags_of(run_dir, tmp_path / "absent.tfrecord", tmp_path / "out"))
    assert not (tmp_path / "out").exists()

"""Frame models: what is trained, scored and played are the same probabilities, for configs of each kind."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import ops, tree

from catalog.config import ConfigError, frozen
from catalog.piano import PIANO_CONFIGS
from common.errors import CheckpointError
from configs import CONFIG_MAP
from models import families
from models.piano import evaluation as frame_evaluation
from models.piano.trained import TrainedFrameModel
from models.training import trainer
from tests.helpers.small_piano_models import built, music, small, weights_of, with_past

pytestmark = pytest.mark.jax

ROOT = Path(__file__).resolve().parents[3]
READERS = (
    "piano-chord_classes",
    "piano-levels_3",
    *(pytest.param(n, marks=pytest.mark.slow) for n in ("piano-latency", "piano-latency_capsules")),
    "piano-capsules",
)
SLOW = ("piano-velocity",)
SOME = ("basic_rnn", "relative_rnn", *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW))


@pytest.mark.parametrize("name", SOME)
def test_learns_a_few_pieces_by_heart(name: str) -> None:
    config = small(name, learning_rate=0.03, decay_rate=1.0, batch_size=3)
    model = families.build_model(config)
    trainer.compile_model(model)
    batch = with_past(config, model, music(config))
    first = model.train_on_batch(batch)
    for _ in range(60):
        last = model.train_on_batch(batch)
    assert np.isfinite(last).all()
    assert np.asarray(last).flat[0] < 0.8 * np.asarray(first).flat[0]


@pytest.mark.parametrize("name", SOME)
def test_every_weight_is_named_and_learns(name: str) -> None:
    config = small(name, learning_rate=0.01)
    model = families.build_model(config)
    trainer.compile_model(model)
    assert {id(v) for v in model.named_weights().values()} == {id(v) for v in model.trainable_variables}
    before = {n: ops.convert_to_numpy(v).copy() for n, v in model.named_weights().items()}
    for seed in range(2):
        model.train_on_batch(with_past(config, model, music(config, seed=seed)))
    still = [
        n for n, v in model.named_weights().items() if np.array_equal(ops.convert_to_numpy(v), before[n])
    ]
    assert not still


def groups(batch: dict[str, np.ndarray], cut: int) -> list[list[dict[str, np.ndarray]]]:
    """One group of two chunks, cut at a frame; the second is padded to the size of the first."""
    name = "tokens" if "tokens" in batch else "keys"
    frames = batch[name].shape[1]
    pieces = np.arange(len(batch[name]), dtype=np.int32)
    chunks = []
    for start in range(0, frames, cut):
        part: dict[str, np.ndarray] = {"pieces": pieces}
        for key in ("keys", "tokens", "velocities"):
            if key in batch:
                rest = batch[key][:, start : start + cut]
                missing = [(0, 0), (0, cut - rest.shape[1])] + [(0, 0)] * (rest.ndim - 2)
                part[key] = np.pad(rest, missing)
        before = "velocity_before" if "velocities" in batch else None
        part["before"] = batch["before"] if start == 0 else batch[name][:, start - 1]
        if before:
            part[before] = batch[before] if start == 0 else batch["velocities"][:, start - 1]
        part["lengths"] = np.full(len(pieces), min(cut, frames - start), np.int32)
        part["position"] = np.full(len(pieces), start, np.int32)
        chunks.append(part)
    return [chunks]


def exact(name: str) -> Any:
    """A small config whose likelihood is exact and whose output remembers nothing, so that its reader shows."""
    config = small(name)
    if config.decoder["name"] == "polyphonic_sampler":
        keys = config.decoder["keys"]
        config = dataclasses.replace(
            config, decoder=frozen({"name": "chord_classes", "form": "classes", "keys": keys})
        )
    return config


@pytest.mark.parametrize("name", ["basic_rnn", "relative_rnn", *READERS[:2]])
def test_chunks_score_as_the_whole_piece_does(name: str) -> None:
    config = exact(name)
    model = built(config)
    batch = music(config)
    whole = frame_evaluation.score(frame_evaluation.Scorer(model), groups(batch, 12), 3)
    parts = frame_evaluation.score(frame_evaluation.Scorer(model), groups(batch, 8), 3)
    assert whole.measure == "exact"
    np.testing.assert_allclose(np.stack(parts.nats), np.stack(whole.nats), rtol=1e-4, atol=1e-4)
    if whole.key_nats is not None:
        keys = np.stack(parts.key_nats or [])
        np.testing.assert_allclose(keys, np.stack(whole.key_nats), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_keys_are_scored_once_for_all_random_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    config = small("piano-small")
    model = built(config)
    batch, traced = music(config), []
    own = model.score_decoders
    monkeypatch.setattr(model, "score_decoders", lambda *a: traced.append(1) or own(*a))
    scorer = frame_evaluation.Scorer(model)
    one = frame_evaluation.score(scorer, groups(batch, 8), 3)
    several = frame_evaluation.score(scorer, groups(batch, 8), 3, samples=3)
    assert len(traced) == 1
    np.testing.assert_array_equal(np.stack(several.key_nats or []), np.stack(one.key_nats or []))
    assert several.velocity_error == one.velocity_error
    np.testing.assert_allclose(several.sampled_nats[:, 0], one.sampled_nats[:, 0], rtol=1e-6)
    assert len(set(several.sampled_nats[0])) == 3
    # The first frame costs what it does, and what its path costs beyond that is the second's.
    inputs = {"batch": batch, "state": [ops.convert_to_numpy(x) for x in tree.flatten(model.zero_state(3))]}
    rngs = [np.random.default_rng([0, 0, piece, 0]) for piece in range(3)]
    inputs["uniforms"] = np.stack([r.random((12, model.uniforms.values), np.float32) for r in rngs])
    scorer = frame_evaluation.Scorer(model)
    path = scorer.predict_on_batch(inputs)
    whole = frame_evaluation.score(scorer, groups(batch, 12), 3)
    np.testing.assert_allclose([n.sum() for n in whole.nats], path["nats"].sum(axis=1), rtol=1e-4)
    np.testing.assert_allclose([n[0] for n in whole.nats], path["beginning"][:, 0], rtol=1e-5)
    np.testing.assert_allclose([n[2:] for n in whole.nats], path["nats"][:, 2:], rtol=1e-4, atol=1e-5)


def test_a_fragment_tells_the_reader_its_place() -> None:
    config = small("piano-levels_3")
    batch = music(config) | {"position": np.array([0, 5, 17], np.int32)}
    after = families.build_model(config).read(batch).state
    np.testing.assert_array_equal(ops.convert_to_numpy(after.position), [12, 17, 29])


@pytest.mark.parametrize("name", SOME)
def test_no_frame_is_scored_by_itself_or_later_ones(name: str) -> None:
    config = small(name)
    model = built(config)
    batch = music(config)
    frames = "tokens" if "tokens" in batch else "keys"
    changed = {k: v.copy() for k, v in batch.items()}
    changed[frames][:, 7:] = music(config, seed=5)[frames][:, 7:]
    first, second = (
        ops.convert_to_numpy(model.parameters_of(model.read(b).outputs)) for b in (batch, changed)
    )
    # The frame at 7 is the first that differs, and what predicts it has not seen it.
    np.testing.assert_array_equal(first[:, :8], second[:, :8])
    assert not np.array_equal(first[:, 8:], second[:, 8:])


@pytest.mark.parametrize("name", ["basic_rnn", "relative_rnn", *READERS])
def test_goes_on_as_if_it_had_played_the_beginning_itself(name: str) -> None:
    """Playing 9 frames, and playing 5 and then 4 more from these 5 as a primer, are the same at temperature 0."""
    config = exact(name)
    trained = TrainedFrameModel(config, weights_of(families.build_model(config)))
    whole = trained.play(1, 9, temperature=None)
    rest = trained.play(1, 4, whole.keys[0, :5], temperature=None)
    np.testing.assert_array_equal(rest.keys[0], whole.keys[0, 5:])


@pytest.mark.slow
def test_goes_on_with_memories_and_velocities() -> None:
    """Voices' memories of given frames are not those of frames that they drew themselves."""
    config = small("piano-velocity")
    trained = TrainedFrameModel(config, weights_of(families.build_model(config)))
    whole = trained.play(1, 9, temperature=None)
    assert whole.velocities is not None
    rest = trained.play(1, 4, whole.keys[0, :5], whole.velocities[0, :5], temperature=None)
    assert rest.keys.shape == (1, 4, 88) and rest.velocities is not None


@pytest.mark.parametrize(
    "name",
    ["relative_rnn", *(pytest.param(n, marks=pytest.mark.slow) for n in ("piano-baseline", "rnn_nade"))],
)
def test_a_piece_depends_on_its_number_and_not_on_its_company(name: str) -> None:
    config = small(name)
    trained = TrainedFrameModel(config, weights_of(families.build_model(config)))
    three = trained.play(3, 6, seed=4)
    alone = trained.play(1, 6, seed=4, first=2)
    np.testing.assert_array_equal(three.keys[2], alone.keys[0])
    assert not np.array_equal(three.keys[0], three.keys[1])


def test_the_sums_of_the_likelihood_are_those_of_the_draws() -> None:
    """Frequencies of single keys in many draws of a first frame agree with the model's probabilities."""
    config = small("basic_rnn")
    trained = TrainedFrameModel(config, weights_of(families.build_model(config)))
    drawn = trained.play(2000, 1, seed=1).keys[:, 0]
    batch = {
        "keys": np.zeros((1, 1, 88), np.uint8), "before": np.zeros((1, 88), np.uint8),
        "lengths": np.ones(1, np.int32), "position": np.zeros(1, np.int32),
    }  # fmt: skip
    model = trained.keras_model
    logits = ops.convert_to_numpy(model.parameters_of(model.read(batch).outputs))[0, 0]
    p = 1 / (1 + np.exp(-logits.astype(np.float64)))
    error = np.sqrt(p * (1 - p) / 2000)
    assert (np.abs(drawn.mean(axis=0) - p) < 5 * error + 1e-3).all()


def test_step_weights_count_the_end_of_a_fragment_only() -> None:
    """Conchylicultor/MusicGenerator's linear weights: step i of L weighs i / (L - 1)."""
    config = small("basic_rnn")
    model = built(config)
    batch = music(config)
    outputs = model(batch)
    nats = ops.convert_to_numpy(model.loss_terms(batch, outputs).nats).astype(np.float64)
    weights = np.arange(12) / 11
    expected = (nats * weights).sum() / (3 * weights.sum())
    loss = float(ops.convert_to_numpy(model.compute_loss(batch, y_pred=outputs)))
    assert loss == pytest.approx(expected, rel=1e-5)


def test_padding_costs_nothing() -> None:
    config = small("rnn_nade")
    model = built(config)
    batch = music(config)
    batch["lengths"] = np.array([12, 5, 1], np.int32)
    loss = float(ops.convert_to_numpy(model.compute_loss(batch, y_pred=model(batch))))
    batch["keys"][1, 5:], batch["keys"][2, 1:] = 1, 1
    again = float(ops.convert_to_numpy(model.compute_loss(batch, y_pred=model(batch))))
    assert loss == pytest.approx(again, rel=1e-6)


def test_reads_the_clock_of_the_frame_that_it_is_shown() -> None:
    config = small("piano-no_history")
    model = families.build_model(config)
    frames = np.zeros((1, 3, 12), np.float32)
    seen = ops.convert_to_numpy(model.reader_inputs(frames, np.array([64], np.int32)))
    np.testing.assert_array_equal(seen[0, :, 12:], [[1] * 6, [0] * 6, [0, 0, 0, 0, 0, 1]])


@pytest.mark.slow
def test_ten_thousand_steps_make_no_nan() -> None:
    """The author's weights were lost to it; at his learning rate, with chords of more keys than voices."""
    config = small("piano-baseline", learning_rate=0.01, decay_rate=1.0, max_seq_len=6, batch_size=2)
    config = dataclasses.replace(config, decoder=frozen({**config.decoder, "voices": 2}))
    model = families.build_model(config)
    trainer.compile_model(model)
    batches = [with_past(config, model, music(config, 2, 6, seed)) for seed in range(20)]
    model.steps_per_execution = 100  # calling takes longer than so small a step
    history = model.fit(
        ((batch,) for batch in batches * 500), steps_per_epoch=10_000, verbose=0, shuffle=False
    )
    assert model.step == 10_000
    assert np.isfinite(history.history["loss"]).all()  # the mean of all steps
    assert all(np.isfinite(ops.convert_to_numpy(v)).all() for v in model.variables)


PLAY = """
import sys, numpy as np
sys.path.insert(0, {root!r})
from tests.helpers.small_piano_models import small
from models.piano.trained import TrainedFrameModel
config = small({name!r})
weights = dict(np.load({weights!r}))
trained = TrainedFrameModel(config, weights, backend="numpy")
import keras
played = trained.play(2, 20, seed=3)
np.savez({out!r}, keys=played.keys, backend=keras.backend.backend())
assert "tensorflow" not in sys.modules
"""


@pytest.mark.parametrize(
    "name", ["piano-small", *(pytest.param(n, marks=pytest.mark.slow) for n in ("rnn_nade", "relative_rnn"))]
)
def test_plays_the_same_on_numpy(name: str, tmp_path: Path) -> None:
    config = small(name)
    weights = weights_of(families.build_model(config))
    here = TrainedFrameModel(config, weights).play(2, 20, seed=3)
    np.savez(tmp_path / "weights.npz", **weights)
    script = PLAY.format(
        root=str(ROOT), name=name, weights=str(tmp_path / "weights.npz"), out=str(tmp_path / "out.npz")
    )
    environment = {k: v for k, v in os.environ.items() if k != "KERAS_BACKEND"}
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, check=True)
    with np.load(tmp_path / "out.npz") as found:
        assert str(found["backend"]) == "numpy"
        np.testing.assert_array_equal(found["keys"], here.keys)


class Recorded:
    """Hyperparameters that remember which of them were read."""

    def __init__(self, hparams: Any):
        self.hparams, self.read = hparams, set[str]()

    def __getattr__(self, name: str) -> Any:
        self.read.add(name)
        return getattr(self.hparams, name)


@pytest.mark.parametrize(
    "name", ["piano-baseline", "piano-no_history", "endecell", "rnn_nade", "rnn_rbm", "relative_rnn"]
)
def test_a_config_lists_the_hyperparameters_that_are_read(name: str) -> None:
    config = CONFIG_MAP[name]
    recorded = Recorded(config.hparams)
    trainer.compile_model(families.build_model(dataclasses.replace(config, hparams=recorded)))
    # These two say how fragments are cut, which `PieceData` does.
    assert recorded.read | {"max_seq_len", "batch_size"} == set(config.hyperparameters)


@pytest.mark.slow
@pytest.mark.parametrize("name", [c.name for c in PIANO_CONFIGS if c.model == "frame_model"])
def test_every_config_is_built_at_its_size(name: str) -> None:
    model = families.build_model(CONFIG_MAP[name])
    assert {id(v) for v in model.named_weights().values()} == {id(v) for v in model.trainable_variables}
    assert 10_000 < model.count_params() < 4_000_000


def test_several_paths_make_a_tighter_bound() -> None:
    """`-log mean exp(-nats)` for each piece; 3 of the 5 frames follow another."""
    nats = [np.zeros(3), np.zeros(2)]
    paths = np.array([[2.0, 4.0], [1.0, 1.0]])
    scores = frame_evaluation.FrameScores(nats, None, paths, None, "bound")
    expected = (-np.log((np.exp(-2) + np.exp(-4)) / 2) + 1) / 3
    assert scores.tighter() == pytest.approx(expected)
    both = dataclasses.replace(scores, key_nats=[np.full(3, 0.5), np.full(2, 0.5)])
    assert both.tighter("values") == pytest.approx(expected)
    assert both.tighter() == pytest.approx(expected + 0.5)


def test_a_misfit_of_parts_is_said() -> None:
    config = small("basic_rnn")
    model = families.build_model(config)
    base = CONFIG_MAP["piano-no_history"]
    for part, changes, said in (
        ("decoder", {"units": "six"}, "units is 'six'"),
        ("encoder", {"clock_bits": 40}, "clock_bits is 40"),
        ("encoder", {"layer_sizes": []}, r"layer_sizes is \[\]"),
    ):
        with pytest.raises(ConfigError, match=said):
            dataclasses.replace(base, **{part: frozen({**getattr(base, part), **changes})})
    wrong = dataclasses.replace(base, decoder=frozen({**base.decoder, "depth": 90}))
    with pytest.raises(ValueError, match="depth is 90"):
        families.build_model(wrong)
    with pytest.raises(CheckpointError, match="depth is 90"):
        TrainedFrameModel(wrong, {})
    with pytest.raises(ValueError, match="key decoder is for frames of pitch classes"):
        type(model)(model.reader, model.output_layer, config.hparams, key_decoder=keras.layers.Dense(1))

"""PyTorch weights of FortsAndMills/MusicGeneration: our models beside its formulas in NumPy, and files that don't fit."""

import dataclasses
import functools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras import ops
from safetensors.numpy import save_file

import configs
from catalog.config import frozen
from common.errors import CheckpointError
from models import families
from models.formats import ours as checkpoint
from models.formats.opening import open_checkpoint
from models.formats.torch import config_of, is_torch_checkpoint, load, read, to_model_weights
from models.layers.backend import compiled
from models.outputs.polyphonic_likelihood import cross_entropy
from models.piano import playing as frame_playing
from models.piano.model import FrameModel
from models.piano.playing import Frame
from tests.helpers.checkpoints import save_tiny, tiny_config
from tests.helpers.torch_originals import (
    BATCH,
    HIDDEN,
    KEYS,
    VOICES,
    Original,
    Tensors,
    classes_of,
    of_keys,
    sigmoid,
    state_dict,
)

Array = np.ndarray
TIME = 20
LOUD = ("head", "final")
CASES = [("latency", "rbm"), *(("history", decoder) for decoder in ("plain", "rbm", "head", "final"))]
NAMES = {
    ("history", "plain"): "piano-baseline",
    ("history", "rbm"): "piano-rbm_keys",
    ("history", "head"): "piano-velocity",
    ("history", "final"): "piano-velocity",
    ("latency", "rbm"): "piano-latency-rbm_keys",
    ("latency", "plain"): "piano-latency",
}


# Ours.


@functools.cache
def imported(generator: str, decoder: str) -> FrameModel:
    """Our model with a state dict's weights, drawing as the original does (but see `Original.draw`)."""
    tensors = state_dict(generator), state_dict(decoder)
    config = config_of(*tensors)
    options: dict[str, Any] = {"name": "rbm", "chain": 1}
    if decoder == "plain":
        options = {"name": "independent", "at_least_one": False, "objective": "masked_mean"}
    config = dataclasses.replace(config, decoder=frozen({**config.decoder, "keys": options}))
    model = families.build_model(config)
    checkpoint.assign(model, to_model_weights(*tensors, config), "state dicts")
    return model


@functools.cache
def music() -> tuple[Array, Array, Array]:
    """Keys and velocities `[batch, 1 + TIME, 88]` of which the highest four never sound, and uniforms."""
    rng = np.random.default_rng(1)
    keys = (rng.random((BATCH, TIME + 1, KEYS)) < 0.03) * (np.arange(KEYS) < 84)
    velocities = keys * rng.uniform(0.2, 1, keys.shape)
    return keys.astype(np.float64), velocities, rng.random((TIME, BATCH, VOICES + HIDDEN + KEYS))


def batch(decoder: str) -> dict[str, Array]:
    """All frames but the first, which stands before them and is shown at clock 0."""
    keys, velocities, _ = (x.astype(np.float32) for x in music())
    found = {"keys": keys[:, 1:], "before": keys[:, 0], "lengths": np.full(BATCH, TIME, np.int32)}
    if decoder in LOUD:
        found |= {"velocities": velocities[:, 1:], "velocity_before": velocities[:, 0]}
    return found | {"position": np.ones(BATCH, np.int32)}


def numbers(x: Any) -> Array:
    return ops.convert_to_numpy(x)


@pytest.mark.parametrize("generator", ["history", "latency"])
def test_voices_say_what_the_original_says_along_the_same_draws(generator: str) -> None:
    keys, _, uniforms = music()
    original = Original(state_dict(generator))
    classes = classes_of(keys)
    expected = np.stack(
        [original.frame(classes[:, t], uniforms[t], classes[:, t + 1])[1] for t in range(TIME)], axis=1
    )
    clipped = np.clip(expected, 1e-6, 1 - 1e-6)
    loss = -np.where(classes[:, 1:] > 0, np.log(clipped), np.log(1 - clipped)).sum(axis=-1)
    model = imported(generator, "rbm")
    values, drawn = classes[:, 1:].astype(np.float32), uniforms[..., :VOICES].swapaxes(0, 1)

    def ours(given: dict[str, Any], values: Any, drawn: Any) -> tuple[Any, Any]:
        parameters = model.parameters_of(model.read(given).outputs)
        walk = model.output_layer.voices.walk(parameters, values, drawn, "inverted")
        p = walk.sounds * (1 - walk.banned)
        return p, cross_entropy(p, values)

    p, nats = compiled(ours)(batch("rbm"), values, drawn.astype(np.float32))
    np.testing.assert_allclose(numbers(p), expected, atol=1e-5)
    np.testing.assert_allclose(numbers(nats), loss, rtol=1e-4)


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_frames_are_the_original_ones_for_the_same_random_numbers(case: tuple[str, str]) -> None:
    generator, decoder = Original(state_dict(case[0])), Original(state_dict(case[1]))
    model = imported(*case)
    keys, velocities, uniforms = music()
    x, before = classes_of(keys[:, 0]), (velocities if case[1] in LOUD else keys)[:, 0]
    first = (x, keys[:, 0], before if case[1] in LOUD else None)
    ours = Frame(*(None if part is None else part.astype(np.float32) for part in first))
    state, sounding = model.zero_state(BATCH), 0

    def play(before: Frame, position: Any, state: Any, u: Any) -> tuple[Any, Frame, Any]:
        shown = model.reader_inputs(before.values, position)
        features = model.reader.step(shown, state.reader, before.values).outputs
        walk = model.output_layer.voices.walk(features, uniforms=u[:, :VOICES], states=state.output)
        p = walk.sounds * (1 - walk.banned)
        return p, *frame_playing.play_frame(model, before, position, state, u[:, : sum(model.uniforms)], 1.0)

    play = compiled(play)
    for t in range(TIME):
        position = np.full(BATCH, t + 1, np.int32)
        found, ours, state = play(ours, position, state, uniforms[t].astype(np.float32))
        x, p = generator.frame(x, uniforms[t])
        np.testing.assert_allclose(numbers(found), p, atol=1e-5)
        np.testing.assert_array_equal(numbers(ours.values), x)
        hidden = decoder.decode(x, before, raw=case[1] == "head")
        drawn = decoder.draw(before, x, hidden, uniforms[t, :, VOICES:])
        np.testing.assert_array_equal(numbers(ours.keys), drawn)
        before = drawn * decoder.velocities(x, before, hidden) if case[1] in LOUD else drawn
        if case[1] in LOUD:
            np.testing.assert_allclose(numbers(ours.velocities), before, atol=1e-5)
        sounding += drawn.sum()
    assert sounding > TIME


def test_plain_decoder_has_the_original_loss() -> None:
    keys, _, _ = music()
    original, mask = Original(state_dict("plain")), of_keys(classes_of(keys[:, 1:]))
    hidden = [original.decode(classes_of(keys[:, t + 1]), keys[:, t]) for t in range(TIME)]
    p = sigmoid(original.linear("linear", np.stack(hidden, axis=1)))
    loss = -np.where(keys[:, 1:] > 0, np.log(p), np.log(1 - p))
    decoder, classes = imported("history", "plain").key_decoder, classes_of(keys[:, 1:]).astype(np.float32)
    features, _ = decoder.features(classes, keys[:, :-1])
    ours = decoder.loss(features, keys[:, 1:].astype(np.float32), classes)
    np.testing.assert_allclose(numbers(ours).mean(), (mask * loss).sum() / mask.sum(), rtol=1e-5)


@pytest.mark.parametrize("decoder", ["rbm", "head", "final"])
def test_machines_have_the_original_free_energies(decoder: str) -> None:
    keys, velocities, uniforms = music()
    original, model = Original(state_dict(decoder)), imported("history", decoder)
    classes, previous = classes_of(keys[:, 1:]), (velocities if decoder in LOUD else keys)[:, :-1]
    expected = np.zeros((2, BATCH, TIME))
    for t in range(TIME):
        hidden = original.decode(classes[:, t], previous[:, t], raw=decoder == "head")
        after = original.chain(keys[:, t + 1], classes[:, t], hidden, uniforms[t, :, VOICES:])
        expected[:, :, t] = [original.free_energy(v, hidden) for v in (keys[:, t + 1], after)]
    features, _ = model.key_decoder.features(classes, previous)
    machine = model.key_decoder.machine(features, classes.astype(np.float32))
    data, u = keys[:, 1:].astype(np.float32), uniforms[None, :, :, VOICES:].swapaxes(1, 2).astype(np.float32)
    np.testing.assert_allclose(numbers(machine.free_energy(data)), expected[0], rtol=1e-5, atol=1e-4)
    divergence = numbers(machine.contrastive_divergence(data, u))
    np.testing.assert_allclose(divergence, expected[0] - expected[1], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("decoder", ["head", "final"])
def test_velocities_have_the_original_loss(decoder: str) -> None:
    keys, velocities, _ = music()
    original = Original(state_dict(decoder))
    errors = []
    for t in range(TIME):
        classes, before = classes_of(keys[:, t + 1]), velocities[:, t]
        hidden = original.decode(classes, before, raw=decoder == "head")
        said = original.velocities(classes, before, hidden)
        errors.append(keys[:, t + 1] * (said - velocities[:, t + 1]) ** 2)
    model = imported("history", decoder)
    values = classes_of(keys[:, 1:]).astype(np.float32)
    terms, _, _ = model.score_decoders(batch(decoder), values, model.zero_state(BATCH))
    ours = terms["squared_velocity_error"]
    np.testing.assert_allclose(numbers(ours).mean() / KEYS, np.mean(errors), rtol=1e-5)


# Names and shapes.


@pytest.mark.parametrize("case", NAMES, ids="-".join)
def test_tensors_say_which_config_they_belong_to(case: tuple[str, str]) -> None:
    config = config_of(*map(state_dict, case))
    assert config.name == NAMES[case]
    assert configs.CONFIG_MAP.get(config.name, config) == config


def renamed(tensors: Tensors, old: str, new: str) -> Tensors:
    return {name.replace(old, new): array for name, array in tensors.items()}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("_l0", ""),
        ("_lstm.", "_lstm.lstm."),
        ("history_reader.", "module.reader."),
        ("aggregation", "mixing"),
    ],
)
def test_other_spellings_give_the_same_weights(old: str, new: str) -> None:
    pair = state_dict("history"), state_dict("final")
    config = config_of(*pair)
    expected = to_model_weights(*pair, config)
    found = to_model_weights(renamed(pair[0], old, new), renamed(pair[1], old, new), config)
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])


def without(tensors: Tensors, word: str) -> Tensors:
    return {name: array for name, array in tensors.items() if word not in name}


HISTORY = state_dict("history")


@pytest.mark.parametrize(
    ("generator", "sentence"),
    [
        (without(HISTORY, "read_linear"), "piano-baseline: its read_linear is missing"),
        (HISTORY | {"pause.bias": np.zeros(3)}, "'pause' is left over"),
        (HISTORY | {"local_lstm.weight_ih_l1": np.zeros((400, 100))}, "'local_lstm.weight_ih_l1' is left over"),
        (HISTORY | {"sampler.linear.bias": np.zeros(13)}, r"'sampler.linear' has bias \[13\] and weight .* instead"),
        (without(HISTORY, "read_lstm.bias_hh"), "read_lstm' has bias_ih .* instead of bias_hh"),
        (HISTORY | {f"old.{k}": v for k, v in HISTORY.items()}, "'local_lstm' and 'old.local_lstm' could both"),
        (state_dict("rbm"), "is not a generator of the family"),
        ({k: v for k, v in HISTORY.items() if "sampler" in k}, "its latency_lstm is missing"),
    ],
)  # fmt: skip
def test_tensors_that_do_not_fit_are_named(generator: Tensors, sentence: str) -> None:
    with pytest.raises(CheckpointError, match=f"^a.pt: .*{sentence}"):
        config_of(generator, state_dict("plain"), "a.pt")


def test_config_of_another_model_is_refused() -> None:
    pair = state_dict("history"), state_dict("plain")
    with pytest.raises(
        CheckpointError, match="is a model like piano-baseline, of other parts than piano-lat"
    ):
        to_model_weights(*pair, configs.CONFIG_MAP["piano-latency"])
    with pytest.raises(CheckpointError, match="of other parts than piano-rbm_keys"):
        to_model_weights(*pair, configs.CONFIG_MAP["piano-rbm_keys"])


def test_generator_alone_is_a_model_of_classes() -> None:
    config = config_of(HISTORY)
    assert "keys" not in config.decoder
    model = families.build_model(config)
    checkpoint.assign(model, to_model_weights(HISTORY, None, config), "generator")


# Files.


def test_exports_load_as_a_pair(tmp_path: Path) -> None:
    pair = [tmp_path / "generator.safetensors", tmp_path / "decoder.safetensors"]
    for path, kind in zip(pair, ("history", "rbm"), strict=True):
        save_file(state_dict(kind), path)
    name = ",".join(map(str, pair))
    assert is_torch_checkpoint(name)
    config, weights = load(name)
    assert config.name == "piano-rbm_keys"
    np.testing.assert_array_equal(weights["keys/rbm/weights"], state_dict("rbm")["W"])
    sounding = dataclasses.replace(config, name="mine", converter=frozen({"name": "pianoroll"}))
    assert open_checkpoint(name, sounding).config.name == "mine"
    with pytest.raises(CheckpointError, match="names 3 files"):
        load(f"{name},{pair[0]}")


def test_files_are_told_by_what_they_begin_with(tmp_path: Path) -> None:
    beginnings = {
        "zip.pt": b"PK\x03\x04",
        "old.pth": b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.",
        "no.pt": b"PL",
    }
    for name, content in (beginnings | {"zip.zip": b"PK\x03\x04"}).items():
        (tmp_path / name).write_bytes(content + bytes(9))
    ours = save_tiny(tmp_path / "ours.safetensors", tiny_config())
    told = [p.name for p in sorted(tmp_path.iterdir()) if is_torch_checkpoint(str(p))]
    assert told == ["old.pth", "zip.pt"]
    assert is_torch_checkpoint(f"{tmp_path}/zip.pt,{tmp_path}/old.pth")
    assert not is_torch_checkpoint(f"{tmp_path}/zip.pt,{ours}")
    assert not is_torch_checkpoint(tmp_path / "absent.pt")


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.full((36, 88), np.nan, np.float32), "'W' holds NaN, as the published baseline does"),
        (np.full((36, 88), np.inf, np.float32), "'W' holds infinite"),
        (np.ones((36, 88), np.int32), "'W' is not a floating-point tensor"),
    ],
)
def test_tensors_that_are_no_numbers_are_refused(tmp_path: Path, array: Array, sentence: str) -> None:
    save_file(state_dict("rbm") | {"W": array}, tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match=f"a.safetensors: {sentence}"):
        read(tmp_path / "a.safetensors")


def test_missing_pytorch_is_said_with_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(CheckpointError, match=r"PyTorch's files need PyTorch; pip install .*\[torch\]"):
        read(tmp_path / "generator.pt")


@pytest.mark.parametrize("as_zip", [True, False], ids=["zip", "legacy"])
def test_files_of_pytorch_give_the_weights_of_their_tensors(tmp_path: Path, as_zip: bool) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    paths = [tmp_path / "generator.pt", tmp_path / "decoder.pt"]
    for path, kind in zip(paths, ("latency", "final"), strict=True):
        tensors = {name: torch.tensor(array) for name, array in state_dict(kind).items()}
        torch.save(tensors, path, _use_new_zipfile_serialization=as_zip)
    name = ",".join(map(str, paths))
    assert is_torch_checkpoint(name)
    config, weights = load(name)
    assert config.name == "piano-latency-velocity"
    expected = to_model_weights(state_dict("latency"), state_dict("final"), config)
    for key in expected:
        np.testing.assert_array_equal(weights[key], expected[key])
    paths[1].write_bytes(paths[1].read_bytes()[:300])
    with pytest.raises(CheckpointError, match=r"decoder.pt: (is damaged|can't be read)"):
        load(name)
    torch.save({"model": object()}, paths[0])
    with pytest.raises(CheckpointError, match="holds more than tensors, which could run code"):
        read(paths[0])
    torch.save({"step": torch.tensor(3)}, paths[0])
    with pytest.raises(CheckpointError, match="'step' is not a floating-point tensor"):
        read(paths[0])

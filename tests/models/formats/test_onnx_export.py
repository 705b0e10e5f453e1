"""ONNX files beside the NumPy engine, on the same weights and random numbers, by the host that docs/sharing.md shows."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

import configs
import export
from common.errors import InputError
from models.families import default_temperature, open_music_vae
from models.formats import onnx_export, onnx_meanings, weight_check
from models.formats.onnx_graph import Graph
from models.music_vae.trained import TrainedModel
from models.numpy_engine.outputs import Categorical
from preprocess.drums import conditions, groove_conditions
from tests.conftest import ROOT
from tests.helpers.checkpoints import tiny_config

TOKENS = ("hierdec-drum_4bar_small", "histdec-drum_4bar", "histdec-drum_4bar_edit", "cat-mel_2bar_tiny")
GROOVES = ("groovae_2bar_humanize_small", "groovae_2bar_tap_small")
CLIPS = 8


@cache
def host() -> dict[str, Any]:
    """The program in the documentation."""
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "sharing.md").read_text(), re.S)
    names: dict[str, Any] = {}
    exec(next(block for block in blocks if "def decode(" in block), names)
    return names


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Exports a shipped model once; returns its folder."""

    @cache
    def exported(name: str) -> Path:
        folder = tmp_path_factory.mktemp("onnx") / name
        assert export.main([f"--checkpoint_file={name}", "--format=onnx", f"--output={folder}"]) == 0
        return folder

    return exported


def random_weights(config: configs.Config) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(8)
    shapes = weight_check.shapes_of(config)
    return {name: rng.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}


def manifest_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "manifest.json").read_text())


def uniforms_for(manifest: dict[str, Any], seed: int = 0) -> np.ndarray:
    shape = CLIPS, manifest["steps"], manifest["draw"]["uniforms_a_step"]
    return np.random.default_rng(seed).random(shape, np.float32)


def run(folder: Path, name: str, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    facts = manifest_of(folder)["files"][name]
    names = [row["name"] for row in facts["outputs"]]
    session = onnxruntime.InferenceSession(folder / facts["file"])
    return dict(zip(names, session.run(names, given), strict=True))


def numpy_values(
    model: TrainedModel, z: np.ndarray, controls: Any, uniforms: np.ndarray, temperature: float
) -> Any:
    """`decode_values` with the random numbers given."""
    model.uniforms = lambda *_: uniforms  # type: ignore[method-assign]
    return model.decode_values(z, temperature, controls=controls)


@pytest.mark.parametrize("temperature", (0.5, 1.0))
@pytest.mark.parametrize("name", TOKENS)
def test_tokens_are_those_of_the_numpy_engine(folder_of: Any, name: str, temperature: float) -> None:
    folder, model = folder_of(name), open_music_vae(name)
    manifest = manifest_of(folder)
    z = np.random.default_rng(1).standard_normal((CLIPS, manifest["z_size"]), np.float32)
    given = {"z": z}
    if manifest["controls"]:
        row = np.array(manifest["controls"]["default_row"], np.float32)
        given["controls"] = np.tile(row, (CLIPS, manifest["steps"], 1))
    uniforms = uniforms_for(manifest)
    played = host()["decode"](folder, given, uniforms, temperature)
    expected = numpy_values(model, z, None, uniforms, temperature)
    assert len(np.unique(expected)) > 5
    np.testing.assert_array_equal(played, expected)
    assert manifest["temperature"] == default_temperature(model.config)


def test_known_hits_the_past_and_conditions_are_heeded_as_in_numpy(folder_of: Any) -> None:
    folder, model = folder_of("histdec-drum_4bar"), open_music_vae("histdec-drum_4bar")
    manifest, rng = manifest_of(folder), np.random.default_rng(2)
    columns, steps = manifest["controls"]["columns"], manifest["steps"]
    row = conditions.DrumConditions(style="funk", density=0.8, fill=True).to_row()
    past = model.decode_values(rng.standard_normal((CLIPS, model.z_size), np.float32), 0.7)
    known, mask = np.full((CLIPS, steps), 5), np.zeros((CLIPS, steps, 9), bool)
    mask[:, ::8, :3] = True
    packed = model.given(CLIPS, known, mask, past, np.tile(row, (CLIPS, 1)), False)  # type: ignore[attr-defined]

    controls = np.zeros_like(packed)
    controls[:, ::8, columns["hits"][0]] = controls[:, ::8, columns["hits"][0] + 2] = 1
    controls[:, ::8, columns["mask"][0] : columns["mask"][0] + 3] = 1
    bits = np.array([[[token >> i & 1 for i in range(9)] for token in clip] for clip in past])
    controls[..., columns["past"][0] : columns["past"][1] - 1] = bits
    controls[..., columns["past"][1] - 1] = 1
    controls[..., columns["style"][0] + manifest["controls"]["styles"].index("funk")] = 1
    for name, value in (("density", 0.8), ("fill", 1)):
        controls[..., columns[name][0] : columns[name][1]] = value, 1
    np.testing.assert_array_equal(controls, packed)

    z, uniforms = np.zeros((CLIPS, model.z_size), np.float32), uniforms_for(manifest, 3)
    played = host()["decode"](folder, {"z": z, "controls": controls}, uniforms, 0.8)
    assert (played[:, ::8] & 7 == 5).all()
    np.testing.assert_array_equal(played, numpy_values(model, z, packed, uniforms, 0.8))


def groove_controls(manifest: dict[str, Any]) -> np.ndarray:
    """Random scores or taps, each clip at a tempo of its own, half of them by a drummer in a style."""
    rng, facts = np.random.default_rng(4), manifest["controls"]
    columns = facts["columns"]
    controls = np.tile(np.array(facts["default_row"], np.float32), (CLIPS, manifest["steps"], 1))
    if "tap" in columns:
        tapped = rng.random((CLIPS, manifest["steps"])) < 0.6
        controls[..., columns["tap"][0]] = tapped
        controls[..., columns["offset"][0]] = tapped * rng.uniform(-0.8, 0.8, tapped.shape)
    else:
        start, stop = columns["hits"]
        controls[..., start:stop] = rng.random((CLIPS, manifest["steps"], stop - start)) < 0.25
    controls[..., columns["tempo"][0]] = rng.uniform(-1, 1, CLIPS)[:, None]
    controls[::2, :, columns["drummer"][0] + 2] = 1
    controls[::2, :, columns["style"][0] + facts["styles"].index("funk")] = 1
    return controls


@pytest.mark.parametrize("temperature", (0.6, 1.0))
@pytest.mark.parametrize("name", GROOVES)
def test_grooves_are_those_of_the_numpy_engine(folder_of: Any, name: str, temperature: float) -> None:
    folder, model = folder_of(name), open_music_vae(name)
    manifest = manifest_of(folder)
    controls, uniforms = groove_controls(manifest), uniforms_for(manifest)
    played = host()["decode"](folder, {"controls": controls}, uniforms, temperature)
    expected = numpy_values(model, np.zeros((CLIPS, 0)), controls, uniforms, temperature)
    _assert_same_groove(played, expected, manifest)


@pytest.mark.parametrize("name", GROOVES)
def test_the_typical_groove_is_that_of_the_numpy_engine(folder_of: Any, name: str) -> None:
    folder, model = folder_of(name), open_music_vae(name)
    manifest = manifest_of(folder)
    controls = groove_controls(manifest)
    played = run(folder, "typical", {"controls": controls})["values"]
    expected = model.decode_values(np.zeros((CLIPS, 0)), None, controls=controls)
    _assert_same_groove(played, expected, manifest)


def _assert_same_groove(played: np.ndarray, expected: np.ndarray, manifest: dict[str, Any]) -> None:
    hits = slice(*manifest["values"]["columns"]["hits"])
    assert expected[..., hits].sum() > 100
    np.testing.assert_array_equal(played[..., hits], expected[..., hits])
    np.testing.assert_allclose(played, expected, atol=1e-4)


@pytest.mark.parametrize("name", TOKENS)
def test_the_encoder_is_that_of_the_numpy_engine(folder_of: Any, name: str) -> None:
    folder, model = folder_of(name), open_music_vae(name)
    steps = manifest_of(folder)["steps"]
    z = np.random.default_rng(5).standard_normal((CLIPS, model.z_size), np.float32)
    tokens = model.decode_values(z, 1.0)
    lengths = np.array([steps] * (CLIPS - 2) + [steps // 2, steps - 3], np.int32)
    found = run(folder, "encoder", {"tokens": tokens.astype(np.int64), "lengths": lengths})
    for ours, expected in zip(
        (found["mu"], found["sigma"]), model.posterior({"inputs": tokens, "lengths": lengths}), strict=True
    ):
        np.testing.assert_allclose(ours, expected, atol=1e-4)
        assert expected.std() > 0.01


def test_the_example_in_the_documentation_plays_beats(
    folder_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (ROOT / "docs" / "sharing.md").read_text()
    example = next(b for b in re.findall(r"```python\n(.*?)```", text, re.S) if 'decode("exported"' in b)
    (tmp_path / "exported").symlink_to(folder_of("histdec-drum_4bar"))
    monkeypatch.chdir(tmp_path)
    names = dict(host())
    exec(example, names)
    assert names["tokens"].shape == (4, 64) and len(np.unique(names["tokens"])) > 5


def test_a_host_that_draws_from_the_logits_itself_gets_the_same_tokens() -> None:
    graph = Graph("draw")
    logits = graph.input("logits", "float32", ["n", 50], "")
    uniforms = graph.input("uniforms", "float32", ["n", 1], "")
    temperature = graph.input("temperature", "float32", [1], "")
    graph.output("value", graph.drawn_token(logits, uniforms, temperature, 50), "int64", ["n"], "")
    rng = np.random.default_rng(6)
    given = {
        "logits": rng.normal(0, 4, (2000, 50)).astype(np.float32),
        "uniforms": np.append(rng.random((1998, 1), np.float32), [[0.0], [1 - 2**-24]], axis=0).astype("f"),
        "temperature": np.array([0.7], np.float32),
    }
    (tokens,) = onnxruntime.InferenceSession(graph.to_bytes()).run(["value"], given)
    drawn = Categorical(50).draw(given["logits"], given["uniforms"], np.float32(0.7))
    np.testing.assert_array_equal(tokens, drawn)


@pytest.mark.parametrize(
    "name", ("cat-drums_2bar_small", "groovae_4bar", "hierdec-mel_16bar", "cat-mel_2bar_big")
)
def test_magentas_configs_play_the_same_with_random_weights(tmp_path: Path, name: str) -> None:
    config = tiny_config(name)
    if why := onnx_meanings.why_not(config):
        pytest.fail(f"{name} {why}")
    model = TrainedModel(config, random_weights(config))
    onnx_export.write(tmp_path / "out", config, model.weights, 1.0)
    manifest = manifest_of(tmp_path / "out")
    z = np.random.default_rng(7).standard_normal((CLIPS, model.z_size), np.float32)
    uniforms = uniforms_for(manifest)
    played = host()["decode"](tmp_path / "out", {"z": z}, uniforms, 1.0)
    np.testing.assert_allclose(played, numpy_values(model, z, None, uniforms, 1.0), atol=1e-4)


def test_the_manifest_says_what_values_mean(folder_of: Any) -> None:
    drums = manifest_of(folder_of("hierdec-drum_4bar_small"))["values"]["drums"]
    assert [(drum["name"], drum["midi_pitch"]) for drum in drums[:3]] == [
        ("kick", 36), ("snare", 38), ("closed hi-hat", 42),
    ]  # fmt: skip
    tokens = manifest_of(folder_of("cat-mel_2bar_tiny"))["values"]["tokens"]
    model = open_music_vae("cat-mel_2bar_tiny")
    first = tokens["first_pitch"]
    (sequence,) = model.converter.from_tensors([np.array([first["token"] + 3] + [tokens["hold"]] * 31)])
    assert [note.pitch for note in sequence.notes] == [first["midi_pitch"] + 3]
    groove = manifest_of(folder_of("groovae_2bar_tap_small"))
    width = groove["files"]["decoder_start"]["inputs"][0]["shape"][-1]
    assert len(groove["controls"]["default_row"]) == width == 2 + groove_conditions.WIDTH


@pytest.mark.parametrize(
    ("name", "reason"),
    (
        ("hierdec-trio_16bar", "split_lstm"),
        ("piano-small", "piano frame after frame"),
        ("nade-drums_2bar_full", "nade_lstm"),
    ),
)
def test_a_config_that_cant_be_exported_is_refused(name: str, reason: str) -> None:
    assert reason in onnx_meanings.why_not(configs.CONFIG_MAP[name])


def test_the_command_refuses_what_it_cant_export(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"piano-small plays piano frame after frame"):
        export.main(["--checkpoint_file=piano-small", "--format=onnx", f"--output={tmp_path / 'out'}"])
    assert not (tmp_path / "out").exists()

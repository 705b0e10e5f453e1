"""Checkpoints of magenta.js, read and written; the JavaScript library itself plays them in a real browser."""

import dataclasses
import functools
import http.server
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import configs
import export
from catalog.config import merged
from common.errors import CheckpointError, InputError, OutputError
from models import families
from models.formats import magenta_js
from models.formats import ours as checkpoint
from tests.helpers.browser import headless_chromium
from tests.helpers.checkpoints import randomize

PACKAGE = "@magenta/music@1.23.1"
SHIPPED = "hierdec-drum_4bar_small"
FLAT = configs.CONFIG_MAP["cat-drums_2bar_small"]
HIERARCHICAL = configs.CONFIG_MAP[SHIPPED]
CELL = "multi_rnn_cell/cell_0/lstm_cell"


def flat_weights(encoder: bool = True) -> dict[str, np.ndarray]:
    """The weights of a flat model with one unit a layer, as far as magenta.js needs them."""
    parts = [f"decoder/{CELL}", "decoder/z_to_initial_state", "decoder/output_projection"]
    if encoder:
        parts += ["encoder/mu", *(f"encoder/cell_0/bidirectional_rnn/{way}/{CELL}" for way in ("fw", "bw"))]
    rng = np.random.default_rng(0)
    kernels = {f"{part}/kernel": rng.standard_normal((3, 4)).astype(np.float32) for part in parts}
    return kernels | {f"{part}/bias": rng.standard_normal(4).astype(np.float32) for part in parts}


def assert_same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    for name, array in found.items():
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, expected[name], err_msg=name)


def manifest_of(folder: Path) -> Any:
    return json.loads((folder / "weights_manifest.json").read_text())


finite = st.floats(allow_nan=False, allow_infinity=False, width=32)
shapes = hnp.array_shapes(min_dims=0, max_dims=4, max_side=5)
arrays = hnp.arrays(np.float32, shapes, elements=finite)
named = st.dictionaries(
    st.from_regex(r"[a-z]{1,8}(/[a-z_0-9]{1,8}){0,3}", fullmatch=True), arrays, max_size=4
)


@given(named)
def test_float32_comes_back_exactly(tmp_path_factory: pytest.TempPathFactory, extra: dict) -> None:
    weights = flat_weights() | {f"extra/{name}": array for name, array in extra.items()}
    folder = tmp_path_factory.mktemp("round") / "model"
    assert magenta_js.write(folder, weights, FLAT)
    assert_same(magenta_js.read(folder).weights, weights)


@given(
    hnp.arrays(np.float32, shapes, elements=st.floats(-(2.0**100), 2.0**100, width=32)),
    st.sampled_from(["uint8", "uint16"]),
)
def test_quantized_values_are_within_half_a_step(
    tmp_path_factory: pytest.TempPathFactory, array: np.ndarray, quantization: str
) -> None:
    folder = tmp_path_factory.mktemp("quantized") / "model"
    magenta_js.write(folder, flat_weights() | {"extra": array}, FLAT, quantization)
    found = magenta_js.read(folder).weights["extra"].astype(np.float64)
    assert found.shape == array.shape
    exact = array.astype(np.float64)
    step = (exact.max() - exact.min()) / np.iinfo(quantization).max
    rounding = 2**-23 * np.abs(exact).max() + 1e-9 * step + 1e-45
    assert np.abs(found - exact).max() <= step / 2 + rounding
    if exact.min() <= 0 <= exact.max():
        assert (found[exact == 0] == 0).all(), "padding and masks rely on it"


def test_files_are_those_of_tensorflow_js(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(magenta_js, "SHARD_BYTES", 100)
    weights = flat_weights()
    magenta_js.write(tmp_path / "model", weights, FLAT, "uint16")
    (group,) = manifest_of(tmp_path / "model")
    total = sum(array.size for array in weights.values()) * 2
    count = -(-total // 100)
    assert group["paths"] == [f"group1-shard{i + 1}of{count}" for i in range(count)]
    sizes = [(tmp_path / "model" / path).stat().st_size for path in group["paths"]]
    assert sizes == [100] * (count - 1) + [total - 100 * (count - 1)]
    entry = next(e for e in group["weights"] if e["name"] == "encoder/mu/kernel")
    kernel = weights["encoder/mu/kernel"]
    assert (entry["shape"], entry["dtype"]) == ([3, 4], "float32")
    assert entry["quantization"]["dtype"] == "uint16"
    assert entry["quantization"]["scale"] == pytest.approx((kernel.max() - kernel.min()) / 65535)
    assert entry["quantization"]["min"] == pytest.approx(kernel.min(), abs=entry["quantization"]["scale"])


def test_the_shipped_checkpoint_is_exported_whole(tmp_path: Path) -> None:
    """Its flat encoder, which magenta.js can't run under a conductor, is there for who reads the folder back."""
    weights = checkpoint.load(checkpoint.resolve(SHIPPED)).weights
    assert not magenta_js.write(tmp_path / "beats", weights, HIERARCHICAL)
    assert_same(magenta_js.read(tmp_path / "beats").weights, weights)
    names = sorted(path.name for path in (tmp_path / "beats").iterdir())
    assert names == ["config.json", "group1-shard1of2", "group1-shard2of2", "weights_manifest.json"]
    assert (tmp_path / "beats" / "group1-shard1of2").stat().st_size == 4 * 2**20
    spec = json.loads((tmp_path / "beats" / "config.json").read_text())
    assert spec["type"] == "MusicVAE"
    assert spec["dataConverter"]["type"] == "DrumsConverter"
    args = spec["dataConverter"]["args"]
    assert (args["numSteps"], args["numSegments"], len(args["pitchClasses"])) == (64, 4, 9)


def test_a_decoder_alone_is_enough(tmp_path: Path) -> None:
    weights = flat_weights(encoder=False)
    assert not magenta_js.write(tmp_path / "model", weights, FLAT)
    assert_same(magenta_js.read(tmp_path / "model").weights, weights)


def test_deeplearn_js_has_one_file_a_variable(tmp_path: Path) -> None:
    weights = flat_weights()
    manifest = {}
    for name, array in weights.items():
        manifest[name] = {"filename": name.replace("/", "_"), "shape": list(array.shape)}
        array.tofile(tmp_path / manifest[name]["filename"])
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    for path in (tmp_path, tmp_path / "manifest.json"):
        assert magenta_js.is_magenta_js(path)
        assert_same(magenta_js.read(path).weights, weights)
    (tmp_path / "encoder_mu_bias").write_bytes(b"123")
    with pytest.raises(CheckpointError, match="encoder_mu_bias: too short"):
        magenta_js.read(tmp_path)


def foreign(folder: Path) -> Path:
    """A checkpoint in two groups with what TensorFlow.js's converter also writes."""
    half = {"name": "half", "shape": [2], "dtype": "float32", "quantization": {"dtype": "float16"}}
    step = {"name": "global_step", "shape": [], "dtype": "int32"}
    slot = {"name": "a/Adam", "shape": [1], "dtype": "float32"}
    groups = [
        {"paths": ["weights/one.bin"], "weights": [half, step]},
        {"paths": ["two-1.bin", "two-2.bin"], "weights": [slot, {**slot, "name": "a"}]},
    ]
    (folder / "weights").mkdir(parents=True)
    (folder / "weights" / "one.bin").write_bytes(np.array([0.5, -2], "<f2").tobytes() + np.int32(7).tobytes())
    (folder / "two-1.bin").write_bytes(np.float32(1).tobytes()[:3])
    (folder / "two-2.bin").write_bytes(np.float32(1).tobytes()[3:] + np.float32(2).tobytes())
    (folder / "weights_manifest.json").write_text(json.dumps(groups))
    return folder


def test_other_writers_are_read(tmp_path: Path) -> None:
    found = magenta_js.read(foreign(tmp_path / "foreign"))
    expected = {"half": np.array([0.5, -2], np.float32), "a": np.array([2], np.float32)}
    assert_same(found.weights, expected)
    assert found.config == ""


def edited(**changes: Any) -> Callable[[Path], None]:
    """Change the second group's first entry, or the first group's paths."""

    def edit(folder: Path) -> None:
        groups = manifest_of(folder)
        groups[0]["paths"] = changes.pop("paths", groups[0]["paths"])
        groups[1]["weights"][0] |= changes
        (folder / "weights_manifest.json").write_text(json.dumps(groups))

    return edit


def written(name: str, content: str | bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    return write


def linked(folder: Path) -> None:
    (folder.parent / "elsewhere").write_bytes((folder / "two-1.bin").read_bytes())
    (folder / "two-1.bin").unlink()
    (folder / "two-1.bin").symlink_to(folder.parent / "elsewhere")


MANIFEST = "weights_manifest.json"
DAMAGE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "shard too short": (written("weights/one.bin", b"1234567"), "one.bin: too short"),
    "shard too long": (written("weights/one.bin", b"123456789"), "one.bin: too long"),
    "first of two too short": (written("two-1.bin", b"12"), "two-1.bin: too short"),
    "shard missing": (lambda folder: (folder / "two-2.bin").unlink(), "two-2.bin: is missing"),
    "path upwards": (edited(paths=["../one.bin"]), "leads elsewhere"),
    "path upwards within": (edited(paths=["weights/../../one.bin"]), "leads elsewhere"),
    "path absolute": (edited(paths=["/etc/hostname"]), "leads elsewhere"),
    "path with backslashes": (edited(paths=["..\\one.bin"]), "leads elsewhere"),
    "path to another host": (edited(paths=["http://example.org/one.bin"]), "leads elsewhere"),
    "path no word": (edited(paths=[7]), "leads elsewhere"),
    "path as long as a book": (edited(paths=["a" * 5000]), "leads elsewhere"),
    "path deeper than any": (edited(paths=["a/" * 5000 + "a"]), "leads elsewhere"),
    "link that leads elsewhere": (linked, "leads elsewhere"),
    "unknown dtype": (edited(dtype="bfloat16"), "unknown dtype 'bfloat16'"),
    "unknown quantization": (edited(quantization={"dtype": "int4", "min": 0, "scale": 1}), "unknown dtype"),
    "scale no number": (edited(quantization={"dtype": "uint8", "min": 0, "scale": "1"}), "not numbers"),
    "scale not finite": (edited(quantization={"dtype": "uint8", "min": float("nan"), "scale": 1}), "not num"),
    "scale beyond all": (
        edited(quantization={"dtype": "uint8", "min": 0, "scale": 10**400}),
        "not a manifest",
    ),
    "no scale": (edited(quantization={"dtype": "uint8"}), "not a manifest"),
    "negative size": (edited(shape=[-1]), "impossible shape"),
    "enormous size": (edited(shape=[2**31 - 1] * 8), "too short"),
    "size no whole number": (edited(shape=[1.0]), "impossible shape"),
    "shape no list": (edited(shape=1), "not a manifest"),
    "name twice": (edited(name="half"), "'half' twice"),
    "name no word": (edited(name=[]), "impossible shape"),
    "no weights": (written(MANIFEST, "[]"), "no weights"),
    "other JSON": (written(MANIFEST, '{"name": "an app", "icons": []}'), "not a manifest"),
    "null": (written(MANIFEST, "null"), "not a manifest"),
    "no JSON": (written(MANIFEST, "<!doctype html>"), "read as JSON"),
    "no text": (written(MANIFEST, b"\xff\xfe\x00"), "read as JSON"),
    "nested without end": (written(MANIFEST, "[" * 10**6), "read as JSON"),
    "digits without end": (written(MANIFEST, "1" * 10**4), "read as JSON"),
    "config no JSON": (written("config.json", "{"), "config.json: can't be read as JSON"),
    "manifest missing": (lambda folder: (folder / MANIFEST).unlink(), "holds no magenta.js checkpoint"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_gets_one_sentence_that_names_the_file(tmp_path: Path, kind: str) -> None:
    damage, expected = DAMAGE[kind]
    folder = foreign(tmp_path / "foreign")
    damage(folder)
    with pytest.raises(CheckpointError, match=expected) as error:
        magenta_js.read(folder)
    assert str(error.value).startswith(str(folder))
    assert "\n" not in str(error.value)


def test_what_is_larger_than_a_manifest_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = foreign(tmp_path / "foreign")
    monkeypatch.setattr(magenta_js, "MAX_JSON_BYTES", 20)
    with pytest.raises(CheckpointError, match="not a manifest"):
        magenta_js.read(folder)


@pytest.mark.parametrize("name", ["", "notes.txt", "absent"])
def test_other_paths_are_not_taken_for_checkpoints(tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    assert not magenta_js.is_magenta_js(tmp_path / name)
    with pytest.raises(CheckpointError, match=r"holds no magenta\.js checkpoint"):
        magenta_js.read(tmp_path / name)


@pytest.mark.parametrize("calls", range(3))
def test_an_export_is_whole_or_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
    folder = tmp_path / "model"
    first, second = flat_weights(), {name: array * 2 for name, array in flat_weights().items()}
    left = [calls]

    def failing(descriptor: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        with pytest.raises(OutputError, match="no space"):
            magenta_js.write(folder, first, FLAT)
        assert list(tmp_path.iterdir()) == []
    magenta_js.write(folder, first, FLAT)
    left[0] = calls
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        with pytest.raises(OutputError, match="no space"):
            magenta_js.write(folder, second, FLAT)
    assert_same(magenta_js.read(folder).weights, first)
    magenta_js.write(folder, second, FLAT)
    assert_same(magenta_js.read(folder).weights, second)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_files_of_somebody_else_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    for target in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(CheckpointError, match="name a new folder"):
            magenta_js.write(target, flat_weights(), FLAT)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_weights_that_are_missing_or_not_finite_are_refused(tmp_path: Path) -> None:
    for name in flat_weights():
        weights = flat_weights()
        weights[name] = np.full_like(weights[name], np.nan)
        with pytest.raises(CheckpointError, match=f"'{name}' is empty or not finite"):
            magenta_js.write(tmp_path / "model", weights, FLAT)
        del weights[name]
        with pytest.raises(CheckpointError, match=f"lack '{name}'"):
            magenta_js.write(tmp_path / "model", weights, FLAT)
    assert list(tmp_path.iterdir()) == []


def changed(name: str, **changes: Any) -> configs.Config:
    """A config with some of its parts' options or hyperparameters replaced."""
    config = configs.CONFIG_MAP[name]
    parts = {
        part: merged(getattr(config, part), changes.pop(part, {}))
        for part in ("encoder", "decoder", "converter")
    }
    return dataclasses.replace(config, hparams=dataclasses.replace(config.hparams, **changes), **parts)


NOT_EXPORTABLE = {
    "stacked": (changed("cat-drums_2bar_small", enc_rnn_size=(8, 8)), "one layer only"),
    "autoregression": (changed(SHIPPED, decoder={"disable_autoregression": False}), "autoregression"),
    "other level not autoregressive": (changed(SHIPPED, decoder={"disable_autoregression": (1,)}), "autoregression"),
    "two conductors": (changed(SHIPPED, decoder={"level_lengths": (2, 2, 16)}), "one level of conductors"),
    "three levels read": (
        changed("hier-mel_16bar", encoder={"level_lengths": (16, 4, 4)}), "two levels only"
    ),
    "other segments read": (changed("hier-mel_16bar", encoder={"level_lengths": (32, 8)}), "as many segments"),
    "no conductor": (changed("hier-mel_16bar", decoder={"name": "categorical_lstm"}), "as many segments"),
    "unknown encoder": (changed("cat-drums_2bar_small", encoder={"name": "lstm"}), "no 'lstm' encoder"),
    "layers of two sizes": (changed("cat-drums_2bar_small", dec_rnn_size=(8, 9)), "one size"),
    "many outputs": (
        changed("hier-trio_16bar", decoder={"core": "multi_categorical_lstm"}), "'multi_categorical_lstm'"
    ),
    "unknown data": (changed("cat-drums_2bar_small", converter={"name": "relative"}), "'relative' data"),
    "end token": (changed("cat-mel_2bar_small", converter={"add_end_token": True}), "add_end_token"),
    "triplets": (changed(SHIPPED, converter={"steps_per_quarter": 3}), "drums on sixteenths"),
    "velocities of taps": (changed("groovae_2bar_humanize", converter={"humanize": False, "tapify": True}), "taps?"),
}  # fmt: skip


@pytest.mark.parametrize("kind", NOT_EXPORTABLE)
def test_what_magenta_js_cannot_run_is_refused_with_the_reason(tmp_path: Path, kind: str) -> None:
    config, reason = NOT_EXPORTABLE[kind]
    with pytest.raises(CheckpointError, match=f"^{config.name}: magenta.js can't run it, because .*{reason}"):
        magenta_js.write(tmp_path / "model", flat_weights(), config)
    assert list(tmp_path.iterdir()) == []


def test_the_command_exports_and_reads_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, back = tmp_path / "web" / "beats", tmp_path / "back.safetensors"
    source = [f"--checkpoint_file={SHIPPED}", "--format=magenta_js", f"--output={folder}"]
    export.main([*source, "--quantization=uint8"])
    assert "can sample and decode" in capsys.readouterr().out
    with pytest.raises(InputError, match="--force"):
        export.main(source)
    export.main([*source, "--force"])
    with pytest.raises(CheckpointError, match=r"magenta\.js checkpoint.*--config"):
        export.main([f"--checkpoint_file={folder}", f"--output={back}"])
    export.main([f"--checkpoint_file={folder}", f"--config={SHIPPED}", f"--output={back}"])
    expected = checkpoint.load(checkpoint.resolve(SHIPPED))
    found = checkpoint.load(back)
    assert_same(found.weights, expected.weights)
    assert configs.Config.from_json(found.config) == configs.CONFIG_MAP[SHIPPED]
    with pytest.raises(InputError, match="magenta_js only"):
        export.main([f"--checkpoint_file={SHIPPED}", f"--output={tmp_path / 'a'}", "--quantization=uint8"])


PAGE = """<!doctype html><title>magenta.js</title>
<script src="node_modules/@tensorflow/tfjs/dist/tf.min.js"></script>
<script src="node_modules/@magenta/music/es6/music_vae.js"></script>"""

# Each script ends by calling the last argument; errors come back as text.
LOAD = """const [url, done] = arguments;
(async () => {
  await tf.setBackend('cpu');
  window.model = new music_vae.MusicVAE(url);
  await model.initialize();
  return {zDims: model.zDims, encoderDims: model.encoder.zDims, pitches: model.dataConverter.pitchClasses};
})().then(done, error => done(String(error)));"""

DECODE = """const [z, controls, done] = arguments;
model.decodeTensors(tf.tensor2d(z), undefined, controls || undefined).then(x => x.array())
  .then(done, error => done(String(error)));"""

ENCODE = """const [inputs, controls, done] = arguments;
model.encodeTensors(tf.tensor3d(inputs), controls || undefined).then(x => x.array())
  .then(done, error => done(String(error)));"""

SAMPLE = """const [count, done] = arguments;
model.sample(count, 1.0).then(found => done(found.map(s => s.notes.map(n => [n.quantizedStartStep, n.pitch]))),
  error => done(String(error)));"""


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with magenta.js and a page that loads it."""
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        pytest.skip("node and npm are not installed")
    folder = tmp_path_factory.mktemp("site")
    (folder / "package.json").write_text('{"private": true}')
    command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", PACKAGE]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not install {PACKAGE} within ten minutes")
    if done.returncode:
        pytest.skip(f"npm can't install {PACKAGE}: {done.stderr.strip().splitlines()[-1:]}")
    (folder / "index.html").write_text(PAGE)
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """The site, served on this machine only."""
    handler = functools.partial(QuietHandler, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless Chromium with magenta.js loaded."""
    page = headless_chromium(tmp_path_factory.mktemp("profile"), "no-proxy-server")
    try:
        page.set_script_timeout(300)
        page.get(f"{address}/index.html")
        yield page
    finally:
        page.quit()


def call(browser: Any, script: str, *arguments: Any) -> Any:
    """What a script gives; its error fails the test."""
    found = browser.execute_async_script(script, *arguments)
    assert not isinstance(found, str), found
    return found


def latents(n: int, size: int) -> np.ndarray:
    return np.random.default_rng(3).standard_normal((n, size)).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("quantization", [None, "uint8", "uint16"])
def test_the_shipped_checkpoint_plays_the_same_in_a_browser(
    browser: Any, site: Path, quantization: str | None
) -> None:
    from models import families
    from models.music_vae import trained as trained_model

    name = f"beats-{quantization}"
    shipped = families.open_music_vae(SHIPPED)
    magenta_js.write(site / name, shipped.weights, shipped.config, quantization)
    found = call(browser, LOAD, name)
    assert found["zDims"] == found["encoderDims"] == shipped.z_size
    assert found["pitches"] == [list(pitches) for pitches in shipped.converter.pitch_classes]
    ours = trained_model.TrainedModel(shipped.config, magenta_js.read(site / name).weights)
    z = latents(16, ours.z_size)
    expected = ours.decode_values(z, temperature=None)
    assert len(np.unique(expected)) > 10, "it must say something"
    tensors = np.array(call(browser, DECODE, z.tolist(), None))
    assert tensors.shape == (16, 64, 512)
    np.testing.assert_array_equal(tensors.argmax(axis=-1), expected)

    clips = call(browser, SAMPLE, 4)
    assert len(clips) == 4 and all(clips)
    steps, pitches = np.concatenate([np.array(clip) for clip in clips]).T
    assert set(pitches) <= {drum[0] for drum in found["pitches"]}
    assert 48 <= steps.max() < 64, "all four bars are played"
    with pytest.raises(AssertionError, match="inner shapes"):
        call(browser, ENCODE, np.zeros((1, 64, 10)).tolist(), None)


KINDS = {
    "drums": "cat-drums_2bar_small",
    "NADE": "nade-drums_2bar_reduced",
    "boolean": changed("nade-drums_2bar_reduced", decoder={"name": "boolean_lstm"}),
    "melody": "cat-mel_2bar_small",
    "chords": "cat-mel_2bar_med_chords",
    "hierarchical melody": "hier-mel_16bar",
    "trio": "hier-trio_16bar",
    "performance": "hier-multiperf_vel_1bar_med",
    "groove": "groovae_2bar_humanize",
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_model_is_the_same_in_a_browser(browser: Any, site: Path, kind: str) -> None:
    """Random weights, two layers: greedy decoding and the means of the posterior."""
    from models.music_vae.representations import encoder_input

    config = KINDS[kind] if isinstance(KINDS[kind], configs.Config) else configs.CONFIG_MAP[KINDS[kind]]
    sizes = {"enc_rnn_size": (8,), "dec_rnn_size": (8, 8), "z_size": 4}
    config = dataclasses.replace(config, hparams=dataclasses.replace(config.hparams, **sizes))
    model = families.build_model(config)
    name = kind.replace(" ", "-")
    assert magenta_js.write(site / name, randomize(model), config)
    assert call(browser, LOAD, name)["zDims"] == 4
    n = 1 if kind == "performance" else 2
    arguments, controls = chords(n, config) if kind == "chords" else (None, None)
    values = np.asarray(model.decode(latents(n, 4), controls=controls))
    assert len(np.unique(values)) > 1, "it must say something"
    expected = np.asarray(model.decoder.distribution.dense(values, "float32"))
    found = np.array(call(browser, DECODE, latents(n, 4).tolist(), arguments))
    np.testing.assert_allclose(found, expected, atol=1e-4)

    inputs, lengths = tracks(model) if kind == "performance" else (values, np.full(n, values.shape[1]))
    dense = np.asarray(encoder_input(inputs, model.input_form, model.input_depths, "float32"))
    mu = np.asarray(model.encode(inputs, lengths, controls)[0])
    np.testing.assert_allclose(np.array(call(browser, ENCODE, dense.tolist(), arguments)), mu, atol=1e-4)


def chords(n: int, config: configs.Config) -> tuple[dict[str, Any], np.ndarray]:
    """Four chords for magenta.js, and the same as controls `[n, steps, depth]`."""
    from note_seq.chords_encoder_decoder import TriadChordOneHotEncoding

    names, encoding = ["C", "Am", "Bdim", "Gaug"], TriadChordOneHotEncoding()
    each = config.hparams.max_seq_len // len(names)
    classes = np.repeat([encoding.encode_event(name) for name in names], each)
    controls = np.eye(encoding.num_classes, dtype=np.float32)[classes]
    return {"chordProgression": names}, np.repeat(controls[None], n, axis=0)


def tracks(model: Any) -> tuple[np.ndarray, np.ndarray]:
    """Tokens of eight tracks of one bar, each with its own length, and those lengths."""
    rng = np.random.default_rng(1)
    end = model.input_depths[0] - 1
    lengths = rng.integers(2, 64, 8)
    tokens = np.full((8, 64), -1, np.int32)
    for track, length in zip(tokens, lengths, strict=True):
        track[: length - 1] = rng.integers(0, end, length - 1)
        track[length - 1] = end
    return tokens.reshape(1, -1), lengths[None]

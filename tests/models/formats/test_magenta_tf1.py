"""Magenta's TensorFlow 1 checkpoints, read and written; the original itself is at the other end of three tests."""

import io
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from common.errors import CheckpointError
from interop.magenta_process import magenta_is_installed, run_magenta
from models import families
from models.formats import magenta_tf1 as magenta_checkpoint
from tests.helpers.checkpoints import TINY, randomize, tiny_config

needs_magenta = pytest.mark.skipif(not magenta_is_installed(), reason="magenta is not installed")
STEPS = (5, 12)


def weights_of(step: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(step)
    return {
        "encoder/mu/kernel": rng.standard_normal((30, 20)).astype(np.float32),
        "encoder/mu/bias": rng.standard_normal(20).astype(np.float32),
        "core_decoder/decoder/multi_rnn_cell/cell_0/lstm_cell/kernel": np.full((2, 3), step, np.float32),
    }


def assert_same(ours: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert ours.keys() == expected.keys()
    for name, array in ours.items():
        np.testing.assert_array_equal(array, expected[name], err_msg=name)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the checkpoints of two steps."""
    folder = tmp_path_factory.mktemp("source")
    for step in STEPS:
        magenta_checkpoint.write(folder / f"model.ckpt-{step}", weights_of(step), step)
    return folder


def members(source: Path, step: int = 5) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in source.glob(f"model.ckpt-{step}.*")}


def pack(path: Path, files: dict[str, bytes], *special: tarfile.TarInfo) -> Path:
    with tarfile.open(path, f"w:{'gz' if path.suffix in ('.gz', '.tgz') else ''}") as archive:
        for info in special:
            archive.addfile(info)
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def test_round_trip_keeps_weights_slots_and_step(tmp_path: Path) -> None:
    weights = weights_of(3)
    slots = {f"{name}/Adam": array * 2 for name, array in weights.items()}
    slots |= {f"{name}/Adam_1": array * 3 for name, array in weights.items()}
    slots |= {"beta1_power": np.float32(0.9), "beta2_power": np.float32(0.999)}
    prefix = tmp_path / "new" / "model.ckpt-3"
    magenta_checkpoint.write(prefix, weights, 3, slots)
    found = magenta_checkpoint.read(prefix)
    assert found.step == 3
    assert_same(found.weights, weights)
    assert_same(found.state, slots)
    assert sorted(p.name for p in prefix.parent.iterdir()) == [
        "checkpoint",
        "model.ckpt-3.data-00000-of-00001",
        "model.ckpt-3.index",
    ]


def test_half_precision_is_written_as_the_original_needs_it(tmp_path: Path) -> None:
    prefix = tmp_path / "model.ckpt"
    magenta_checkpoint.write(prefix, {"a": np.array([0.5, -2.0], np.float16)})
    assert magenta_checkpoint.read(prefix).weights["a"].dtype == np.float32


def test_prefix_index_and_folder_name_a_checkpoint(source: Path) -> None:
    for name, step in (("model.ckpt-5", 5), ("model.ckpt-5.index", 5), ("", 12)):
        assert magenta_checkpoint.is_magenta_checkpoint(str(source / name))
        found = magenta_checkpoint.read(source / name)
        assert found.step == step
        assert_same(found.weights, weights_of(step))
    assert not magenta_checkpoint.is_magenta_checkpoint(str(source / "model.ckpt-6"))


@pytest.mark.parametrize("name", ["beats.safetensors", "a.mid", "a.zip", "folder", "absent.tar"])
def test_other_files_are_not_taken_for_checkpoints(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    for file in ("beats.safetensors", "a.mid", "a.zip", "folder/beats.safetensors"):
        (tmp_path / file).write_bytes(b"something")
    assert not magenta_checkpoint.is_magenta_checkpoint(str(tmp_path / name))


@pytest.mark.parametrize(
    ("state", "step"),
    [
        ('model_checkpoint_path: "/home/somebody/run/model.ckpt-5"\n', 5),
        ('model_checkpoint_path: "model.ckpt-99"\n', 12),
        (None, 12),
    ],
    ids=["of another machine", "names one that is gone", "absent"],
)
def test_folder_means_what_its_state_file_says_or_the_newest(
    source: Path, tmp_path: Path, state: str | None, step: int
) -> None:
    for name, content in (members(source, 5) | members(source, 12)).items():
        (tmp_path / name).write_bytes(content)
    if state:
        (tmp_path / "checkpoint").write_text(state)
    assert magenta_checkpoint.read(tmp_path).step == step


@pytest.mark.parametrize("name", ["model.tar", "model.tar.gz", "model.tgz"])
@pytest.mark.parametrize("folder", ["", "./", "cat-drums/"])
def test_tar_is_read(source: Path, tmp_path: Path, name: str, folder: str) -> None:
    # Archives packed on macOS hold such a companion of each file, which is no checkpoint.
    files = {f"{folder}._model.ckpt-99.index": b"Mac OS X"}
    files |= {f"{folder}{n}": content for n, content in members(source).items()}
    path = pack(tmp_path / name, files | {f"{folder}README.txt": b"hello"})
    assert magenta_checkpoint.is_magenta_checkpoint(str(path))
    found = magenta_checkpoint.read(path)
    assert found.step == 5
    assert_same(found.weights, weights_of(5))


def special(name: str, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, "/etc/passwd"
    return info


HOSTILE: dict[str, Callable[[], tarfile.TarInfo]] = {
    "absolute path": lambda: tarfile.TarInfo("/model.ckpt-5.index"),
    "path upwards": lambda: tarfile.TarInfo("a/../../model.ckpt-5.index"),
    "symbolic link": lambda: special("model.ckpt-5.index", tarfile.SYMTYPE),
    "hard link": lambda: special("model.ckpt-5.index", tarfile.LNKTYPE),
    "device": lambda: special("model.ckpt-5.index", tarfile.CHRTYPE),
    "named pipe": lambda: special("model.ckpt-5.index", tarfile.FIFOTYPE),
    "same name twice": lambda: tarfile.TarInfo("other/model.ckpt-5.index"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_tar_with_what_does_not_belong_is_refused(source: Path, tmp_path: Path, kind: str) -> None:
    path = pack(tmp_path / "model.tar", members(source), HOSTILE[kind]())
    with pytest.raises(CheckpointError, match=r"model\.tar: .*(leads elsewhere|is there twice)"):
        magenta_checkpoint.read(path)
    assert [p.name for p in tmp_path.iterdir()] == ["model.tar"], "nothing is unpacked beside it"


@pytest.mark.parametrize("limit", ["MAX_MEMBER_BYTES", "MAX_TOTAL_BYTES"])
def test_tar_too_large_is_refused(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    sizes = [len(content) for content in members(source).values()]
    path = pack(tmp_path / "model.tgz", members(source))
    largest = max(sizes) if limit == "MAX_MEMBER_BYTES" else sum(sizes)
    monkeypatch.setattr(magenta_checkpoint, limit, largest)
    assert magenta_checkpoint.read(path).step == 5
    monkeypatch.setattr(magenta_checkpoint, limit, largest - 1)
    with pytest.raises(CheckpointError, match="larger than"):
        magenta_checkpoint.read(path)


def test_temporary_folder_is_removed(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    good = pack(tmp_path / "good.tar", members(source))
    magenta_checkpoint.read(good)
    bad = pack(tmp_path / "bad.tar", members(source) | {"x/../y.index": b""})
    with pytest.raises(CheckpointError):
        magenta_checkpoint.read(bad)
    assert list(scratch.iterdir()) == []


def damaged(source: Path, folder: Path) -> dict[str, Path]:
    whole = pack(folder / "whole.tgz", members(source)).read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    plain = pack(folder / "whole.tar", members(source)).read_bytes()
    contents = {
        "cut.tgz": whole[: len(whole) // 2],
        "flipped.tgz": bytes(flipped),
        "cut.tar": plain[: len(plain) // 3],
        "text.tar": b"hello",
        "empty.tar": b"",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    without_index = {n: c for n, c in members(source).items() if not n.endswith(".index")}
    pack(folder / "no_index.tar", without_index)
    (folder / "lonely.index").write_bytes(next(c for n, c in members(source).items() if n.endswith(".index")))
    (folder / "noise.index").write_bytes(b"noise" * 100)
    (folder / "nothing").mkdir()
    names = [*contents, "no_index.tar", "lonely.index", "noise.index", "nothing", "absent"]
    return {name: folder / name for name in names}


def test_what_is_no_checkpoint_gets_one_sentence_that_names_it(source: Path, tmp_path: Path) -> None:
    for name, path in damaged(source, tmp_path).items():
        with pytest.raises(CheckpointError) as error:
            magenta_checkpoint.read(path)
        message = str(error.value)
        assert message.startswith(str(path).removesuffix(".index")), name
        assert "\n" not in message, name
        assert "/tmp" not in message.replace(str(tmp_path), ""), f"{name}: names a folder that is gone"


def test_variables_that_claim_more_than_the_files_hold_are_refused(tmp_path: Path) -> None:
    """Before anything is allocated for them, however large the index says they are."""
    prefix = tmp_path / "model.ckpt-1"
    magenta_checkpoint.write(prefix, {"decoder/a": np.zeros((64, 64), np.float32)})
    assert magenta_checkpoint.read(prefix).weights["decoder/a"].shape == (64, 64)
    (data,) = tmp_path.glob("*.data-*")
    data.write_bytes(data.read_bytes()[:1000])
    with pytest.raises(
        CheckpointError, match="its variables claim 16392 bytes, and its data files have 1000"
    ):
        magenta_checkpoint.read(prefix)


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    magenta_checkpoint.write(tmp_path / "model.ckpt-1", {"decoder/a": np.full(3, np.nan, np.float32)})
    with pytest.raises(CheckpointError, match="'decoder/a' holds NaN or infinite numbers"):
        magenta_checkpoint.read(tmp_path)


def test_without_tensorflow_says_what_to_install(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(CheckpointError, match=r"pip install .*\[train\]"):
        magenta_checkpoint.read(source)


@needs_magenta
@pytest.mark.reference
@pytest.mark.parametrize("name", ["hierdec-drum_4bar", "cat-drums_2bar_small"])
def test_checkpoint_of_the_original_reads_back_equal(name: str, tmp_path: Path) -> None:
    """Written by the original's Saver after one step of its optimizer."""
    config = tiny_config(name, **TINY)
    expected = run_magenta("save_checkpoint", config, checkpoint=str(tmp_path / "model.ckpt"))
    found = magenta_checkpoint.read(tmp_path)
    assert found.step == 1
    assert_same(found.weights, expected)
    slots = {f"{n}/{slot}": array.shape for n, array in expected.items() for slot in ("Adam", "Adam_1")}
    powers = {"beta1_power": (), "beta2_power": ()}
    assert {n: array.shape for n, array in found.state.items()} == slots | powers
    variables = families.build_model(config).named_weights()
    assert {n: tuple(v.shape) for n, v in variables.items()} == {n: a.shape for n, a in expected.items()}


@needs_magenta
@pytest.mark.reference
@pytest.mark.parametrize("name", ["hierdec-drum_4bar", "hierdec-drum_4bar-no_ar", "cat-drums_2bar_small"])
def test_our_checkpoint_plays_the_same_in_the_original(name: str, tmp_path: Path) -> None:
    """At a temperature near zero its TrainedModel gives the tokens of our greedy decoding."""
    config = tiny_config(name, **TINY)
    model = families.build_model(config)
    prefix = tmp_path / "model.ckpt-7"
    magenta_checkpoint.write(prefix, randomize(model), 7)
    n = 6
    theirs = run_magenta("sample_checkpoint", config, checkpoint=str(prefix), n=n, temperature=1e-5)[
        "samples"
    ].argmax(-1)
    z = np.random.default_rng(0).standard_normal((n, config.hparams.z_size)).astype(np.float32)
    np.testing.assert_array_equal(theirs, np.asarray(model.decode(z)))
    assert len(np.unique(theirs)) > 3, "it must say something"


@needs_magenta
@pytest.mark.reference
def test_the_original_goes_on_training_from_ours(tmp_path: Path) -> None:
    """Slots and step that we read and write again leave nothing for its Saver to miss."""
    config = tiny_config("cat-drums_2bar_small", **TINY)
    run_magenta("save_checkpoint", config, checkpoint=str(tmp_path / "theirs" / "model.ckpt"))
    found = magenta_checkpoint.read(tmp_path / "theirs")
    ours = tmp_path / "ours" / "model.ckpt-1"
    magenta_checkpoint.write(ours, found.weights, found.step, found.state)
    run_magenta("save_checkpoint", config, checkpoint=str(tmp_path / "on" / "model.ckpt"), resume=str(ours))
    further = magenta_checkpoint.read(tmp_path / "on")
    assert further.step == 2
    np.testing.assert_allclose(further.state["beta1_power"], found.state["beta1_power"] * 0.9, rtol=1e-6)

"""Any checkpoint is opened in one way, and its file is read once."""

from pathlib import Path

import numpy as np
import pytest

import export
import sample
from common.errors import CheckpointError
from models import families
from models.formats import magenta_js, ours
from models.formats.opening import open_checkpoint, read_checkpoint
from tests.helpers.checkpoints import save_tiny, tiny_config


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The safetensors files whose arrays are read."""
    found: list[Path] = []
    read = ours.read_safetensors

    def counted(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
        found.append(path)
        return read(path)

    monkeypatch.setattr(ours, "read_safetensors", counted)
    return found


def test_a_checkpoint_is_read_once(tmp_path: Path, reads: list[Path]) -> None:
    path = save_tiny(tmp_path / "tiny.safetensors", tiny_config("cat-drums_2bar_small"))
    families.open_model(str(path))
    assert reads == [path]
    for command, more in ((sample, ["--output_dir"]), (export, ["--output"])):
        reads.clear()
        assert command.main([f"--checkpoint_file={path}", *more, str(tmp_path / command.__name__)]) == 0
        assert reads == [path]


def test_a_run_is_read_once_unless_its_best_checkpoint_is_damaged(
    tmp_path: Path, reads: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    config = tiny_config("cat-drums_2bar_small")
    (tmp_path / "train").mkdir()
    best, newest = tmp_path / "train" / "best.safetensors", tmp_path / "train" / "step-00000002.safetensors"
    save_tiny(best, config)
    save_tiny(newest, config)
    assert open_checkpoint(str(tmp_path)).source == str(best) and reads == [best]
    best.write_bytes(b"damaged")
    assert open_checkpoint(str(tmp_path)).source == str(newest) and reads == [best, best, newest]
    assert str(best) in capsys.readouterr().err


def test_what_is_opened_says_where_it_comes_from(tmp_path: Path) -> None:
    config = tiny_config("cat-drums_2bar_small")
    path = save_tiny(tmp_path / "tiny.safetensors", config)
    found = open_checkpoint(str(path))
    assert (found.config, found.source, found.is_own) == (config, str(path), True)
    folder = tmp_path / "site"
    magenta_js.write(folder, found.weights, config)
    with pytest.raises(CheckpointError, match=r"is a magenta\.js checkpoint, which does not say its config"):
        open_checkpoint(str(folder))
    there = open_checkpoint(str(folder), config)
    assert (there.config, there.source, there.is_own) == (config, str(folder), False)
    assert read_checkpoint(str(folder)).format == "magenta.js"
    for name, array in found.weights.items():
        np.testing.assert_array_equal(there.weights[name], array)

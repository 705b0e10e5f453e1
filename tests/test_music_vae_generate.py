"""music_vae_generate.py: Magenta's flags, the output of sample.py and interpolate.py."""

from pathlib import Path

import pytest

import interpolate
import music_vae_generate
import sample
from common.errors import CheckpointError
from models.formats import magenta_tf1 as magenta_checkpoint
from models.formats import ours as checkpoint
from tests.helpers.checkpoints import save_tiny, tiny_config


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors", tiny_config())


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir()}


@pytest.mark.parametrize(("mode", "command"), [("sample", sample), ("interpolate", interpolate)])
@pytest.mark.parametrize("separate", [False, True])
def test_modes_are_the_two_commands(
    tiny: Path, tmp_path: Path, mode: str, command: object, separate: bool
) -> None:
    flags = [
        ("--checkpoint_file", str(tiny)),
        ("--num_outputs", "3"),
        ("--temperature", "0.5"),
        ("--log", "INFO"),
    ]

    def line(folder: str) -> list[str]:
        pairs = [*flags, ("--output_dir", str(tmp_path / folder))]
        return [part for pair in pairs for part in pair] if separate else ["=".join(p) for p in pairs]

    assert music_vae_generate.main([f"--mode={mode}", *line("a")]) == 0
    assert command.main(line("b")) == 0
    assert contents(tmp_path / "a") == contents(tmp_path / "b") != {}


@pytest.mark.parametrize("mode", ["sample", "interpolate"])
def test_chords_and_length_pass_through(tmp_path: Path, mode: str) -> None:
    path = save_tiny(tmp_path / "tiny.safetensors", tiny_config("cat-mel_2bar_med_chords"))
    flags = [f"--checkpoint_file={path}", "--num_outputs=2", f"--output_dir={tmp_path / 'out'}"]
    assert (
        music_vae_generate.main([f"--mode={mode}", *flags, "--chords=C F", "--length=16", "--gallery"]) == 0
    )
    page = (tmp_path / "out" / f"cat-mel_2bar_med_chords_{mode}.html").read_text()
    assert page.count('"chords":[[0,"C"],[8,"F"]]') == 2


def test_magentas_checkpoint_and_config_give_the_same_samples(tiny: Path, tmp_path: Path) -> None:
    """`--config` with `--checkpoint_file` of Magenta's form, as in its own command lines."""
    found = checkpoint.load(tiny)
    prefix = tmp_path / "exported" / "model.ckpt-7"
    magenta_checkpoint.write(prefix, found.weights, step=7)
    toml = tmp_path / "hierdec-drum_4bar_small.toml"
    toml.write_text(
        'base = "hierdec-drum_4bar_small"\n[hparams]\nz_size = 4\nenc_rnn_size = [8]\ndec_rnn_size = [8]\n'
    )
    with pytest.raises(CheckpointError, match="give --config"):
        music_vae_generate.main([f"--checkpoint_file={prefix}", f"--output_dir={tmp_path / 'a'}"])
    music_vae_generate.main(
        [f"--checkpoint_file={prefix}", f"--config={toml}", f"--output_dir={tmp_path / 'a'}"]
    )
    sample.main([f"--checkpoint_file={tiny}", f"--output_dir={tmp_path / 'b'}"])
    assert contents(tmp_path / "a") == contents(tmp_path / "b") != {}

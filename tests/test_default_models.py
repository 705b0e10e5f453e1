"""Which model a command takes without being told: one to sample from, one that keeps clips to edit."""

import re
from pathlib import Path

import pytest

import configs
import explore
import interpolate
import music_vae_generate
import sample
from tests.helpers.checkpoints import save_tiny, tiny_history_config
from tests.helpers.drum_sequences import write_beat

SAMPLES, EDITS = "histdec-drum_4bar", "histdec-drum_4bar_edit"


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoints")
    for name in (SAMPLES, EDITS):
        save_tiny(folder / f"{name}.safetensors", tiny_history_config(name))
    return folder


def test_each_command_chooses_its_model(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(configs, "DEFAULT_CONFIG", str(shipped / f"{SAMPLES}.safetensors"))
    monkeypatch.setattr(configs, "DEFAULT_EDIT_CONFIG", str(shipped / f"{EDITS}.safetensors"))
    beat = write_beat(tmp_path / "beat.mid")
    clip = f"--input_midi={beat}"
    for number, (main, flags, expected) in enumerate(
        (
            (sample.main, ["--num_outputs=1"], SAMPLES),
            (sample.main, ["--num_outputs=1", "--bars=2"], SAMPLES),
            (interpolate.main, ["--num_outputs=2"], EDITS),
            (music_vae_generate.main, ["--mode=sample", "--num_outputs=1"], SAMPLES),
            (music_vae_generate.main, ["--mode=interpolate", "--num_outputs=2"], EDITS),
            (explore.main, ["similar", clip, "--num_outputs=1"], EDITS),
            (explore.main, ["grid", "--rows=1", "--columns=2"], EDITS),
            (explore.main, ["combine", clip, f"--plus={beat}"], EDITS),
            (explore.main, ["infill", clip, "--bars=2", "--num_candidates=1", "--num_outputs=1"], SAMPLES),
            (explore.main, ["vary", "--attribute=density", "--num_outputs=1"], SAMPLES),
        )
    ):
        out = tmp_path / str(number)
        assert main([*flags, f"--output_dir={out}"]) == 0
        commands = "sample|song|interpolate|similar|grid|combine|infill|vary"
        names = {re.split(f"_(?:{commands})", path.name)[0] for path in out.iterdir()}
        assert names == {expected}, flags


def test_the_defaults_are_configs() -> None:
    assert {configs.DEFAULT_CONFIG, configs.DEFAULT_EDIT_CONFIG} <= set(configs.CONFIG_MAP)

"""sample.py: the same seed gives the same files, nothing is overwritten, and no framework is loaded."""

import os
import subprocess
import sys
from pathlib import Path

import mido
import pytest

import sample
from models.errors import CheckpointError
from preprocess.errors import InputError
from tests.checkpoints import save_tiny, tiny_config
from tests.conftest import ROOT

COMMANDS = [
    "train.py", "sample.py", "interpolate.py", "evaluate.py", "music_vae_generate.py", "export.py",
    "preprocess/convert_dir_to_note_sequences.py", "preprocess/preprocess_tfrecord.py",
]  # fmt: skip
FRAMEWORKS = {"tensorflow", "keras", "jax", "tensorflow_probability"}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors", tiny_config())


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def run(*arguments: object) -> subprocess.CompletedProcess:
    """A command in a process of its own; its last line of output is the modules it loaded."""
    script, *rest = map(str, arguments)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    code = (
        "import runpy, sys\n"
        f"sys.argv = [{script!r}, *{rest!r}]\n"
        "status = 0\n"
        f"try: runpy.run_path({str(ROOT / script)!r}, run_name='__main__')\n"
        "except SystemExit as end: status = end.code or 0\n"
        "print(*sys.modules)\n"
        "sys.exit(status)\n"
    )
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_the_same_seed_gives_the_same_bytes_however_they_are_batched(tiny: Path, tmp_path: Path) -> None:
    flags = [f"--checkpoint_file={tiny}", "--num_outputs=5", "--temperature=0.8"]
    for folder, more in (
        ("a", ["--seed=3"]),
        ("b", ["--seed=3", "--max_batch_size=2"]),
        ("c", ["--seed=3", "--max_batch_size", "1"]),
        ("d", ["--seed=4"]),
    ):
        assert sample.main([*flags, *more, f"--output_dir={tmp_path / folder}"]) == 0
    first = contents(tmp_path / "a")
    assert len(first) == 5 and len(set(first.values())) == 5
    assert first == contents(tmp_path / "b") == contents(tmp_path / "c")
    assert not set(first.values()) & set(contents(tmp_path / "d").values())


def test_more_samples_begin_with_the_same_ones(tiny: Path, tmp_path: Path) -> None:
    for n in (2, 3):
        sample.main([f"--checkpoint_file={tiny}", f"--num_outputs={n}", f"--output_dir={tmp_path / str(n)}"])
    two, three = (list(contents(tmp_path / str(n)).values()) for n in (2, 3))
    assert three[:2] == two


def test_every_clip_is_four_bars_of_drums(tiny: Path, tmp_path: Path) -> None:
    sample.main([f"--checkpoint_file={tiny}", "--num_outputs=2", "--qpm=90", f"--output_dir={tmp_path}"])
    for path in tmp_path.iterdir():
        file = mido.MidiFile(path)
        assert sum(m.time for m in file.tracks[0]) == 4 * 4 * file.ticks_per_beat
        notes = [m for m in file.tracks[0] if m.type == "note_on"]
        assert notes and {m.channel for m in notes} == {9}
        assert [round(mido.tempo2bpm(m.tempo)) for m in file.tracks[0] if m.type == "set_tempo"] == [90]


def test_pictures_page_and_sound_are_written_where_asked(tiny: Path, tmp_path: Path) -> None:
    flags = ["--png", "--gallery", "--wav", "--num_outputs=2", f"--output_dir={tmp_path}"]
    assert sample.main([f"--checkpoint_file={tiny}", *flags]) == 0
    suffixes = sorted(path.suffix for path in tmp_path.iterdir())
    assert suffixes == [".html", ".mid", ".mid", ".png", ".wav", ".wav"]


def test_files_are_not_overwritten_unless_forced(tiny: Path, tmp_path: Path) -> None:
    flags = [f"--checkpoint_file={tiny}", "--num_outputs=2", f"--output_dir={tmp_path}"]
    sample.main(flags)
    before = contents(tmp_path)
    with pytest.raises(InputError, match="--force"):
        sample.main([*flags, "--seed=9"])
    assert contents(tmp_path) == before
    assert sample.main([*flags, "--seed=9", "--force"]) == 0
    after = contents(tmp_path)
    assert after.keys() == before.keys() and after != before


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--num_outputs=0"], "--num_outputs is 0"),
        (["--max_batch_size=0"], "--max_batch_size is 0"),
        (["--temperature=-1"], "--temperature is -1"),
        (["--run_dir=x"], "both given"),
        (["--qpm=1"], "tempo is 1"),
        (["--swing=2"], "swing is 2"),
        (["--velocity=300"], "velocity is 300"),
        (["--drum_map=nothing"], "neither a drum map"),
    ],
)
def test_flags_that_make_no_sense_are_refused_and_nothing_is_written(
    tiny: Path, tmp_path: Path, flags: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        sample.main([f"--checkpoint_file={tiny}", f"--output_dir={tmp_path / 'out'}", *flags])
    assert not (tmp_path / "out").exists()


def test_checkpoint_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such file"):
        sample.main(["--checkpoint_file=nowhere", f"--output_dir={tmp_path}"])
    path = tmp_path / "text.safetensors"
    path.write_text("nothing of the kind")
    with pytest.raises(CheckpointError, match="can't be read"):
        sample.main([f"--checkpoint_file={path}"])


def test_command_ends_with_status_and_one_line_and_loads_no_framework(tiny: Path, tmp_path: Path) -> None:
    done = run("sample.py", f"--checkpoint_file={tiny}", "--num_outputs=1", f"--output_dir={tmp_path}")
    assert (done.returncode, done.stderr) == (0, "")
    said, modules = done.stdout.splitlines()
    assert said == f"Wrote 1 clips (1 files) to {tmp_path}, temperature 0.5, seed 0."
    assert not (FRAMEWORKS | {"matplotlib", "note_seq"}) & set(modules.split())

    for script, flags in (
        ("sample.py", [f"--checkpoint_file={tiny}", "--num_outputs=1", f"--output_dir={tmp_path}"]),
        ("sample.py", ["--checkpoint_file=nowhere"]),
        ("sample.py", ["--config=nothing"]),
        ("music_vae_generate.py", ["--mode=sample", "--checkpoint_file=nowhere"]),
        ("music_vae_generate.py", ["--mode=interpolate", "--input_midi_1=a.mid"]),
        ("train.py", ["--run_dir=x"]),
    ):
        done = run(script, *flags)
        assert done.returncode == 2
        assert done.stderr.startswith(f"{script}: ") and done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize("script", COMMANDS)
def test_help_loads_no_framework(script: str) -> None:
    done = run(script, "--help")
    assert done.returncode == 0
    assert "usage:" in done.stdout and "example:" in done.stdout
    modules = set(done.stdout.splitlines()[-1].split())
    assert not (FRAMEWORKS | {"matplotlib", "note_seq", "apache_beam"}) & modules

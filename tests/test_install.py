"""`pip install .` in an environment of its own: what it brings, how large it is, and that the commands run there."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow

MOST_MEGABYTES = 250
NOT_NEEDED = {"keras", "tensorflow", "tf-keras", "note-seq", "jax", "scipy", "pandas", "librosa"}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of an environment in which the wheel is installed, and nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    wheel = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(folder),
        str(ROOT),
    ]
    built = subprocess.run(wheel, capture_output=True, text=True, check=False, cwd=folder)
    if built.returncode:
        # Building takes setuptools from a package index.
        pytest.skip(f"no wheel could be built: {built.stderr[-300:]}")
    venv.create(folder / "environment", with_pip=True)
    programs = folder / "environment" / "bin"
    (path,) = folder.glob("*.whl")
    subprocess.run(
        [str(programs / "python"), "-m", "pip", "install", "--quiet", str(path)],
        check=True,
        capture_output=True,
    )
    return programs


def run(programs: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the environment in a folder without the project."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "KERAS"))}
    return subprocess.run(
        [str(programs / command[0]), *command[1:]],
        cwd=folder, env=clean, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def test_the_core_is_small(installed: Path, tmp_path: Path) -> None:
    listed = run(installed, tmp_path, "python", "-m", "pip", "list", "--format=json")
    names = {package["name"].lower().replace("_", "-") for package in json.loads(listed.stdout)}
    assert "music-vae-keras" in names
    assert not names & NOT_NEEDED
    tools = {"pip", "setuptools"}
    packages = next((installed.parent / "lib").glob("python*/site-packages"))
    size = sum(
        path.lstat().st_size
        for path in packages.rglob("*")
        if path.is_file() and path.relative_to(packages).parts[0].split("-")[0] not in tools
    )
    assert size < MOST_MEGABYTES * 1e6, f"{size / 1e6:.0f} MB"


def test_music_is_made_without_tensorflow(installed: Path, tmp_path: Path) -> None:
    def ran(*command: str) -> str:
        done = run(installed, tmp_path, *command)
        assert done.returncode == 0, done.stderr
        return done.stdout

    module = ("python", "-m")
    ran(*module, "sample", "--num_outputs=2", "--png", "--wav", "--gallery", "--output_dir=beats")
    beat = "beats/histdec-drum_4bar_sample-000-of-002.mid"
    ran(*module, "sample", "--config=cat-mel_2bar_tiny", "--num_outputs=1", "--output_dir=melodies")
    ran(*module, "interpolate", "--num_outputs=3", "--output_dir=morph")
    ran("humanize", f"--input_midi={beat}", "--output_dir=played")
    ran("tap2drum", f"--input_midi={beat}", "--output_dir=drums")
    ran("music_vae_explore", "vary", f"--input_midi={beat}", "--attribute=hits", "--output_dir=varied")
    ran("convert_dir_to_note_sequences", "--input_dir=beats", "--output_file=beats.tfrecord")
    ran(*module, "export", "--format=page", "--output=studio.html")
    ran(
        "preprocess_tfrecord", "--input_tfrecord=beats.tfrecord", "--output_tfrecord=examples.tfrecord",
        "--config=hierdec-drum_4bar_small",
    )  # fmt: skip
    assert len(list(tmp_path.rglob("*.mid"))) >= 6
    assert (tmp_path / "studio.html").stat().st_size > 1e6


def test_what_needs_more_says_what_brings_it(installed: Path, tmp_path: Path) -> None:
    for command in (
        ("python", "-m", "sample", "--config=piano-small", "--num_outputs=1", "--output_dir=piano"),
        ("python", "-m", "sample", "--backend=tensorflow", "--output_dir=beats"),
    ):
        done = run(installed, tmp_path, *command)
        assert done.returncode in (1, 2)
        assert 'pip install "music-vae-keras[train]"' in done.stderr
        assert "Traceback" not in done.stderr

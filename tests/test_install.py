"""`pip install .` in an environment of its own: what it brings, how large it is, and that the commands run there."""

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow

MOST_MEGABYTES = 250
NOT_NEEDED = {"keras", "tensorflow", "tf-keras", "note-seq", "jax", "scipy", "pandas", "librosa"}


def copy_of_sources(folder: Path) -> Path:
    """The project without what is not of it, since building leaves files behind."""
    ignored = shutil.ignore_patterns(".*", "build", "demo", "docs", "tests", "*.egg-info", "__pycache__")
    return Path(shutil.copytree(ROOT, folder / "sources", ignore=ignored))


def new_environment(folder: Path) -> Path:
    """The folder of the programs of a new environment."""
    venv.create(folder / "environment", with_pip=True)
    return folder / "environment" / "bin"


def run(programs: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the environment in a folder without the project."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "KERAS"))}
    return subprocess.run(
        [str(programs / command[0]), *command[1:]],
        cwd=folder, env=clean, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the programs of an environment in which the wheel is installed, and nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    sources = str(copy_of_sources(folder))
    wheel = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(folder),
        sources,
    ]
    built = subprocess.run(wheel, capture_output=True, text=True, check=False, cwd=folder)
    assert built.returncode == 0, built.stderr
    programs = new_environment(folder)
    (path,) = folder.glob("*.whl")
    done = run(programs, folder, "python", "-m", "pip", "install", "--quiet", str(path))
    assert done.returncode == 0, done.stderr
    return programs


def packages_of(programs: Path) -> Path:
    """The folder of an environment's packages."""
    return next((programs.parent / "lib").glob("python*/site-packages"))


def test_the_core_is_small(installed: Path, tmp_path: Path) -> None:
    listed = run(installed, tmp_path, "python", "-m", "pip", "list", "--format=json")
    names = {package["name"].lower().replace("_", "-") for package in json.loads(listed.stdout)}
    assert "music-vae-keras" in names
    assert not names & NOT_NEEDED
    packages = packages_of(installed)
    size = sum(
        path.lstat().st_size
        for path in packages.rglob("*")
        if path.is_file() and path.relative_to(packages).parts[0].split("-")[0] not in ("pip", "setuptools")
    )
    assert size < MOST_MEGABYTES * 1e6, f"{size / 1e6:.0f} MB"


def test_music_is_made_without_tensorflow(installed: Path, tmp_path: Path) -> None:
    def ran(*command: str) -> str:
        done = run(installed, tmp_path, *command)
        assert done.returncode == 0, done.stderr
        return done.stdout

    ran("music_vae_sample", "--num_outputs=2", "--png", "--wav", "--gallery", "--output_dir=beats")
    beat = "beats/histdec-drum_4bar_sample-000-of-002.mid"
    ran("music-vae", "sample", "--config=cat-mel_2bar_tiny", "--num_outputs=1", "--output_dir=melodies")
    ran("music_vae_interpolate", "--num_outputs=3", "--output_dir=morph")
    ran("humanize", f"--input_midi={beat}", "--output_dir=played")
    ran("tap2drum", f"--input_midi={beat}", "--output_dir=drums")
    ran("music_vae_explore", "vary", f"--input_midi={beat}", "--attribute=hits", "--output_dir=varied")
    ran("convert_dir_to_note_sequences", "--input_dir=beats", "--output_file=beats.tfrecord")
    ran("music_vae_export", "--format=page", "--output=studio.html")
    ran(
        "preprocess_tfrecord", "--input_tfrecord=beats.tfrecord", "--output_tfrecord=examples.tfrecord",
        "--config=hierdec-drum_4bar_small",
    )  # fmt: skip
    script = "import sys, music_vae_keras as m; print(len(m.load('histdec-drum_4bar').sample(2)), 'keras' in sys.modules)"
    assert ran("python", "-c", script).split() == ["2", "False"]
    assert len(list(tmp_path.rglob("*.mid"))) >= 6
    assert (tmp_path / "studio.html").stat().st_size > 1e6


def test_what_needs_more_says_what_brings_it(installed: Path, tmp_path: Path) -> None:
    for command in (
        ("music_vae_sample", "--config=piano-small", "--num_outputs=1", "--output_dir=piano"),
        ("music-vae", "sample", "--backend=tensorflow", "--output_dir=beats"),
    ):
        done = run(installed, tmp_path, *command)
        assert done.returncode in (1, 2)
        assert 'pip install "music-vae-keras[train]"' in done.stderr
        assert "Traceback" not in done.stderr


def test_nothing_of_ours_is_in_the_way_of_another_distribution(installed: Path, tmp_path: Path) -> None:
    theirs = ("python", "-m", "pip", "install", "--quiet", "--no-deps", "humanize", "evaluate")
    assert run(installed, tmp_path, *theirs).returncode == 0
    script = "import humanize, importlib.util as u; print(humanize.intcomma(12345), u.find_spec('evaluate').origin)"
    number, origin = run(installed, tmp_path, "python", "-c", script).stdout.split()
    assert number == "12,345" and Path(origin).parts[-2:] == ("evaluate", "__init__.py")
    packages = packages_of(installed)
    assert (packages / "music_vae_keras" / "models").is_dir()
    assert not [name for name in ("models", "common", "web", "sample.py") if (packages / name).exists()]
    for command in ("humanize", "music_vae_evaluate"):
        done = run(installed, tmp_path, command, "--help")
        assert done.returncode == 0 and "--checkpoint_file" in done.stdout


def test_an_editable_installation_sees_changes_of_the_sources(tmp_path: Path) -> None:
    sources, programs = copy_of_sources(tmp_path), new_environment(tmp_path)
    needed = ("google-crc32c", "mido", "numpy", "protobuf", "rich", "safetensors")
    for what in (needed, ("--no-deps", "--editable", str(sources))):
        done = run(programs, tmp_path, "python", "-m", "pip", "install", "--quiet", *what)
        assert done.returncode == 0, done.stderr
    done = run(programs, tmp_path, "music-vae", "sample", "--num_outputs=1", "--output_dir=beats")
    assert done.returncode == 0, done.stderr
    script = "import music_vae_keras.workflows.sampling as s, importlib.util as u; print(s.__name__, u.find_spec('models'))"
    found = run(programs, tmp_path, "python", "-c", script)
    assert found.stdout.split() == ["music_vae_keras.workflows.sampling", "None"], found.stderr
    with (sources / "workflows" / "sampling.py").open("a") as file:
        file.write("\nADDED = 1\n")
    script = "from music_vae_keras.workflows import sampling; print(sampling.ADDED)"
    assert run(programs, tmp_path, "python", "-c", script).stdout.split() == ["1"]

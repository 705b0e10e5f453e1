"""Fixtures that all tests share: real data, and our own beats as a TFRecord."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# Tests run on shared machines, so no example fails for being slow.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")


@pytest.fixture(scope="session")
def data_dir() -> Callable[[str], Path]:
    """`data_dir("groove")`: a folder of real data, or a skip that says why."""
    root = Path(os.environ.get("MUSIC_DATA_DIR", ROOT.parent / "shared" / "data"))

    def find(name: str) -> Path:
        folder = root / name
        if not folder.is_dir():
            pytest.skip(f"the data folder '{name}' is absent; set MUSIC_DATA_DIR to the folder that holds it")
        return folder

    return find


@pytest.fixture(scope="session")
def patterns_tfrecord(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's own beats as a TFRecord of NoteSequences."""
    from patterns.convert import main

    path = tmp_path_factory.mktemp("patterns") / "patterns.tfrecord"
    assert main([f"--output_file={path}"]) == 0
    return path

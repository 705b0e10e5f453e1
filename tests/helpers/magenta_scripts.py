"""Running a script of Magenta's converters in a process of its own; see the scripts `magenta_*.py` beside this."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from preprocess.tfrecord import RecordWriter
from tests.conftest import ROOT


def run_original(
    folder: Path, script: str, sequences: list[Any], task: dict[str, Any]
) -> dict[str, np.ndarray]:
    """The arrays that a script leaves in `magenta.npz`; the test is skipped where it ends without Magenta.

    Args:
        folder: where `sequences` (TFRecord) and `task.json` are put for the script.
        script: the name of a module beside this one.
        sequences: NoteSequences.
        task: what else it must know.
    """
    with RecordWriter(folder / "sequences") as writer:
        for sequence in sequences:
            writer.write(sequence.SerializeToString())
    (folder / "task.json").write_text(json.dumps(task))
    result = subprocess.run(
        [sys.executable, "-m", f"{__package__}.{script}", str(folder)],
        env=os.environ | {"TF_USE_LEGACY_KERAS": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if result.returncode == 77:
        pytest.skip(result.stderr.strip().splitlines()[-1])
    assert result.returncode == 0, result.stderr[-3000:]
    with np.load(folder / "magenta.npz", allow_pickle=False) as arrays:
        return dict(arrays)

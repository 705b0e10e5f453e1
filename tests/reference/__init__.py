"""The original Magenta, run in a process of its own, as the reference of the tests and benchmarks."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]


def magenta_is_installed() -> bool:
    """Whether the reference can run here."""
    return importlib.util.find_spec("magenta") is not None and importlib.util.find_spec("tf_slim") is not None


def run_magenta(task: str, config: Any, arrays: dict[str, np.ndarray] | None = None, **options: Any) -> dict:
    """Run tasks of `magenta_graph.py` and return the arrays that they give.

    Args:
        task: names of tasks, separated by commas.
        config: one of our configs.
        arrays: what the task needs.
        options: its further options, as JSON has them.

    Raises:
        RuntimeError: with the end of its output, where it fails.
    """
    with TemporaryDirectory() as folder:
        np.savez(f"{folder}/in.npz", **dict(arrays or {}))  # type: ignore[arg-type]
        request = {"task": task, "config": config.to_json(), **options}
        Path(f"{folder}/request.json").write_text(json.dumps(request))
        environment = {
            **os.environ,
            "TF_USE_LEGACY_KERAS": "1",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "PYTHONPATH": str(ROOT),
        }
        environment.pop("KERAS_BACKEND", None)
        command = [sys.executable, "-m", "tests.reference.magenta_graph", folder]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"The reference failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        with np.load(f"{folder}/out.npz") as result:
            return {name: result[name] for name in result.files}

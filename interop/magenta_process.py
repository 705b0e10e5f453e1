"""The original Magenta, run in a process of its own, as the reference of the tests and benchmarks."""

import functools
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]


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
        server = _server()
        print(folder, file=server.stdin, flush=True)
        answer = server.stdout.readline().strip()  # type: ignore[union-attr]
        if answer != "0":
            log = Path(f"{folder}/log.txt")
            said = log.read_text() if log.exists() else "It ended; can Magenta be imported?"
            raise RuntimeError(f"The reference failed with status {answer or 'none'}:\n{said[-4000:]}")
        with np.load(f"{folder}/out.npz") as result:
            return {name: result[name] for name in result.files}


@functools.cache
def _server() -> subprocess.Popen:
    """A process that has Magenta imported, which takes many seconds, and ends when this one does."""
    environment = {
        **os.environ,
        "TF_USE_LEGACY_KERAS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": str(ROOT),
    }
    environment.pop("KERAS_BACKEND", None)
    command = [sys.executable, "-m", "interop.magenta_graph"]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, text=True)

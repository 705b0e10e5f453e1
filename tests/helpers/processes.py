"""Commands in a process of their own, and the files that they write."""

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

FRAMEWORKS = {"tensorflow", "keras", "jax", "tensorflow_probability"}


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def run(*arguments: object) -> subprocess.CompletedProcess:
    """Run a command in a process of its own; its last line of output is the modules that it loaded."""
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

"""The installed commands: `common.entry_points:sample` in pyproject.toml runs `sample.py`.

Each module of the root or of `preprocess` that has a `main` is an attribute here, as a function without arguments. It
listens for signals before it imports the module, as `python sample.py` does (see `common/signals.py`).
"""

import importlib
import importlib.util
from collections.abc import Callable
from functools import partial

from common import signals


def __getattr__(name: str) -> Callable[[], int]:
    if name.startswith("_"):
        raise AttributeError(name)
    return partial(run, name)


def module_of(command: str) -> str:
    """The full name of the module with a command's `main`.

    Args:
        command: name of a module of the root or of `preprocess`.
    """
    return command if importlib.util.find_spec(command) else f"preprocess.{command}"


def run(command: str) -> int:
    """Run a command with the flags of `sys.argv`; returns its exit status."""
    signals.listen()
    from common.console import run_command  # after `listen`, as importing it takes a while

    return run_command(importlib.import_module(module_of(command)).main)

"""Only one process trains a run at a time: a lock file in the run_dir names it.

The operating system holds the lock (`flock`) and releases it when the process ends, however it ends, so the lock file of
a dead process is taken over. Where a folder has no such locks, as on some network file systems, the process that the
file names is looked up; one of another host counts as alive until its lock file is removed.
"""

import contextlib
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from common.errors import InputError
from common.json_text import parse_json
from common.output_files import check_folder, write_error

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

FILE = "train.lock"
MAX_BYTES = 4096
_WORDS = "{path.parent}: is being trained by process {pid} on {host}, since {started}; wait for it, or name another --run_dir."


@contextlib.contextmanager
def locked(run_dir: Path) -> Iterator[None]:
    """Hold the lock of a run_dir, which is created where it is missing.

    Raises:
        InputError: where another process holds it, naming its number, host and start (`locked`); or where the folder
            can't be written.
    """
    check_folder(run_dir)
    path = run_dir / FILE
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        descriptor = _acquired(path)
    except OSError as error:
        raise write_error(path, error) from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
        os.close(descriptor)


def check_free(run_dir: Path) -> None:
    """Refuse a run_dir that another process is training, before any work is done; raises as `locked` does."""
    path = run_dir / FILE
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDWR)
        try:
            _take(descriptor, path)
        finally:
            os.close(descriptor)


def _acquired(path: Path) -> int:
    """Lock the lock file, write into it who holds it, and return its open descriptor."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _take(descriptor, path)
            # The one before may have removed the file between our opening and locking it.
            if _is_same(descriptor, path):
                text = f'{{"pid": {os.getpid()}, "host": "{_host()}", "started": "{time.strftime("%Y-%m-%d %H:%M:%S")}"}}\n'
                os.ftruncate(descriptor, 0)
                os.pwrite(descriptor, text.encode(), 0)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _take(descriptor: int, path: Path) -> None:
    """Lock an open lock file, or raise an InputError that names who holds it."""
    holder = _holder(descriptor)
    try:
        if fcntl is None:
            raise OSError("no locks")
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = holder or {
            "pid": "of unknown number",
            "host": "an unknown host",
            "started": "an unknown time",
        }
        raise InputError(_WORDS.format(path=path, **holder), "locked") from None
    except OSError:
        if holder and _may_live(holder):
            words = _WORDS.format(path=path, **holder)
            raise InputError(f"{words} Where it is gone, remove {path}.", "locked") from None
        return
    if holder and holder["host"] != _host():
        print(
            f"{path.parent}: process {holder['pid']} on {holder['host']} is gone; its lock is taken over.",
            file=sys.stderr,
        )


def _holder(descriptor: int) -> dict[str, str] | None:
    """Who wrote a lock file; None where it can't be understood."""
    try:
        data = parse_json(os.pread(descriptor, MAX_BYTES, 0))
        return {key: str(data[key])[:100] for key in ("pid", "host", "started")}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _may_live(holder: dict[str, str]) -> bool:
    if holder["host"] != _host():
        return True
    try:
        os.kill(int(holder["pid"]), 0)
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    except OSError:
        return True
    return int(holder["pid"]) != os.getpid()


def _is_same(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _host() -> str:
    return socket.gethostname().replace('"', "").replace("\\", "")

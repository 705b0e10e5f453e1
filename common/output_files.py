"""Files that commands write: checked before any work is done, and complete or absent afterwards.

A file is written as `.name.PID-N.part` beside its target and renamed when it is complete. A process that is stopped
removes its unfinished files (`abandon_all`); those of a process that was killed are removed when a command next writes
into the same folder.
"""

import contextlib
import errno
import itertools
import os
import re
import shutil
import stat
import tempfile
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from common.errors import InputError, OutputError

try:
    import fcntl
except ImportError:  # Windows: nothing is locked there, and nothing swept
    fcntl = None  # type: ignore[assignment]

PARTIAL = re.compile(r"\..*\.(?P<pid>\d{1,10})(?:-\d+)?\.part", re.DOTALL)
"""Names of unfinished files and folders, with the process that writes them."""
LONGEST_STEM = 40
"""Characters of a target's name that its partial file's name contains, so that it does not become longer than is allowed."""

_BAD_PLACE = (
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM),
    *(errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP, errno.EEXIST, errno.EINVAL, errno.ENXIO),
)
"""Errors of `open` that mean that a flag names a place where no file can be written."""

_lock = threading.RLock()
_unfinished: set["OutputFile"] = set()
_folders: set[Path] = set()
_numbers = itertools.count()
_swept: set[Path] = set()


def is_full(error: OSError) -> bool:
    """Whether an error is that of a full disk, of a quota, or of a limit on files."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_error(path: str | Path, error: OSError) -> OutputError:
    """The error for a file, or a stream of that name, that could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"{path}: can't be written, the disk is full; make room and run this again.")
    if error.errno == errno.EFBIG:
        return OutputError(
            f"{path}: can't be written, it would be larger than the system allows (ulimit -f)."
        )
    return OutputError(f"{path}: can't be written ({error.strerror or error}).")


def partial_path(path: Path) -> Path:
    """Where a file or folder is written before it is complete; a different path with each call."""
    return path.parent / f".{path.name[:LONGEST_STEM]}.{os.getpid()}-{next(_numbers)}.part"


class OutputFile:
    """A file that appears under its name only when it is complete.

    Use it as a context manager. On an exception the partial file is removed, and an existing file is left unchanged.

    Args:
        path: the target. Missing folders are created; a link is followed.
        about: a file that describes the previous version of the target, and is removed with it.

    Raises:
        InputError: if no file can be written there (`unwritable`).
        OutputError: if the disk is full or broken; also from `write` and on exit.
    """

    def __init__(self, path: str | Path, about: Path | None = None):
        self.path, self._about = Path(path), about
        check_place(self.path)
        self._target = Path(os.path.realpath(self.path))
        try:
            self._target.parent.mkdir(parents=True, exist_ok=True)
            sweep(self._target.parent)
            with _lock:
                self._partial = partial_path(self._target)
                self._file: Any = open(self._partial, "xb")  # noqa: SIM115 - closed by `finish` and `discard`
                _unfinished.add(self)
        except OSError as error:
            if error.errno not in _BAD_PLACE:
                raise write_error(self.path, error) from error
            raise InputError(f"{self.path}: can't be written ({error.strerror}).", "unwritable") from error
        if fcntl is not None:
            with contextlib.suppress(OSError):  # some network folders have no locks
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def write(self, data: bytes) -> int:
        """Append bytes; returns their number."""
        try:
            return int(self._file.write(data))
        except OSError as error:
            raise write_error(self.path, error) from error

    def finish(self) -> None:
        """Flush everything to disk, still under the partial name."""
        if self._file.closed:
            return
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        except OSError as error:
            raise write_error(self.path, error) from error

    def discard(self) -> None:
        """Remove the partial file."""
        with _lock:
            _unfinished.discard(self)
            with contextlib.suppress(OSError):  # what is buffered can't be written on a full disk
                self._file.close()
            with contextlib.suppress(OSError):
                os.unlink(self._partial)

    def _publish(self) -> None:
        try:
            if self._about is not None:
                self._about.unlink(missing_ok=True)
            os.replace(self._partial, self._target)
        except OSError as error:
            raise write_error(self.path, error) from error
        _unfinished.discard(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            publish([self])
        else:
            self.discard()


def publish(files: Iterable[OutputFile]) -> None:
    """Rename files to their targets once all of them are complete, so that readers see the whole set or nothing."""
    files = list(files)
    try:
        for file in files:
            file.finish()
        with _lock:
            for file in files:
                file._publish()
    except BaseException:
        for file in files:
            file.discard()
        raise


def write_atomically(path: str | Path, data: bytes) -> None:
    """Write `data` to `path`, completely or not at all."""
    with OutputFile(path) as file:
        file.write(data)


@contextlib.contextmanager
def temporary_folder(target: Path | None = None) -> Iterator[Path]:
    """A folder that is removed on exit, and when the process is stopped.

    Args:
        target: the path beside which the folder is created, for `publish_folder`; by default it is created among the
            system's temporary files.

    Raises:
        InputError, OutputError: as `OutputFile`.
    """
    if target is not None:
        check_folder(target)
        sweep(target.parent)
    with _lock:
        try:
            if target is None:
                folder = Path(tempfile.mkdtemp())
            else:
                folder = partial_path(target)
                folder.mkdir(parents=True)
        except OSError as error:
            raise write_error(target or tempfile.gettempdir(), error) from error
        _folders.add(folder)
    try:
        yield folder
    finally:
        with _lock:
            _folders.discard(folder)
            shutil.rmtree(folder, ignore_errors=True)


def publish_folder(folder: Path, target: Path) -> None:
    """Rename a complete folder to `target`, replacing what exists there."""
    previous = partial_path(target)
    with _lock:
        try:
            if target.exists():
                os.replace(target, previous)
            try:
                os.replace(folder, target)
            except OSError:
                if previous.exists():
                    os.replace(previous, target)
                raise
        except OSError as error:
            raise write_error(target, error) from error
        if previous.is_dir():
            shutil.rmtree(previous, ignore_errors=True)
        else:
            previous.unlink(missing_ok=True)


def write_folder(folder: Path, files: Mapping[str, bytes], may_hold: Collection[str]) -> None:
    """Write a folder, completely or not at all; one that an earlier export wrote is replaced.

    Args:
        folder: to write.
        files: their bytes by name.
        may_hold: names of files that a folder to be replaced may hold.

    Raises:
        InputError: where the folder holds anything else (`exists`), or can't be written.
        OutputError: where the disk is full or broken.
    """
    target = folder.expanduser().resolve()
    if target.exists() and not (target.is_dir() and all(path.name in may_hold for path in target.iterdir())):
        raise InputError(f"{folder}: holds other files than an earlier export; name a new folder.", "exists")
    with temporary_folder(target) as place:
        for name, data in files.items():
            try:
                (place / name).write_bytes(data)
            except OSError as error:
                raise write_error(folder / name, error) from error
        publish_folder(place, target)


def abandon_all() -> None:
    """Remove all unfinished files of this process, and let none be started or finished any more: the process is ending."""
    _lock.acquire()  # never released
    for folder in list(_folders):
        shutil.rmtree(folder, ignore_errors=True)
    for file in list(_unfinished):
        with contextlib.suppress(OSError):
            os.unlink(file._partial)


def sweep(folder: Path) -> None:
    """Remove what dead processes left unfinished in a folder; done once per folder in each process."""
    if fcntl is None or folder in _swept:
        return
    _swept.add(folder)
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            match = PARTIAL.fullmatch(name)
            if match and not _is_alive(int(match["pid"])):
                _remove_if_free(folder / name)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # it belongs to another user
        return True
    return True


def _remove_if_free(path: Path) -> None:
    """Remove a partial file or folder, unless a process that this one can't see (in a container) has locked it."""
    if path.is_symlink():
        return
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        return
    with contextlib.suppress(OSError), open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()


def check_outputs(paths: Iterable[Path], force: bool) -> None:
    """Refuse to begin if a file that is to be written already exists, or can't be written.

    Raises:
        InputError: if no file can be written there (`unwritable`), if it exists and `force` is not set (`exists`), or if
            it is named twice (`bad_flag`).
    """
    seen: set[Path] = set()
    checked: set[Path] = set()
    for path in paths:
        if path.parent not in checked:
            check_folder(path.parent)
            sweep(path.parent)
            checked.add(path.parent)
        check_place(path)
        if path.exists() and not force:
            raise InputError(
                f"{path}: already exists; give --force to overwrite it, or another name.", "exists"
            )
        if path in seen:
            raise InputError(f"{path}: two outputs have the same name; give them different ones.", "bad_flag")
        seen.add(path)


def check_place(path: Path) -> None:
    """Refuse a path that exists but is not a file: a folder, or a device, which the finished file would replace.

    Raises:
        InputError: naming it (`unwritable`).
    """
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{path}: can't be written ({reason}).", "unwritable") from error
    if stat.S_ISDIR(mode):
        raise InputError(f"{path}: is a folder; name a file in it.", "unwritable")
    if not stat.S_ISREG(mode):
        raise InputError(f"{path}: is a device, not a file; name a file.", "unwritable")


def check_folder(folder: str | Path) -> None:
    """Refuse a folder that can neither be written to nor created.

    Raises:
        InputError: naming it (`unwritable`).
    """
    folder = Path(folder)
    for place in _with_parents(folder):
        try:
            mode = os.stat(place).st_mode
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise InputError(f"{folder}: can't be written ({reason}).", "unwritable") from error
        if not stat.S_ISDIR(mode):
            what = "it" if place == folder else place
            raise InputError(f"{folder}: can't be written, {what} is a file; name a folder.", "unwritable")
        _try_to_write(place, folder)
        return


def _try_to_write(place: Path, folder: Path) -> None:
    """Create a folder in an existing one and remove it: the only test of write permission that works everywhere."""
    trial = partial_path(place / "trial")
    try:
        with _lock:  # so that a stopped process leaves none behind
            os.mkdir(trial)
            os.rmdir(trial)
    except OSError as error:
        if error.errno not in _BAD_PLACE:
            raise write_error(folder, error) from error
        what = "can't be written" if place == folder else f"can't be created, as {place} can't be written"
        raise InputError(
            f"{folder}: {what} ({error.strerror}); name another folder.", "unwritable"
        ) from error


def _with_parents(folder: Path) -> Iterator[Path]:
    yield folder
    yield from folder.parents

"""Files that commands write: checked before the work, whole or absent afterwards.

A file grows as `.name.PID-N.part` beside its target and gets its name when it is complete. A process that is stopped
removes its own (`abandon_all`); those of a process that was killed go when a command next writes into that folder.
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
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from common.errors import InputError, OutputError

try:
    import fcntl
except ImportError:  # Windows: nothing is locked there, and nothing swept
    fcntl = None  # type: ignore[assignment]

PARTIAL = re.compile(r"\..*\.(?P<pid>\d{1,10})(?:-\d+)?\.part", re.DOTALL)
"""Names of unfinished files and folders, by whom they are written."""
LONGEST_STEM = 40
"""Characters of a target's name that stand in its partial file's name, which may not grow longer than the target's."""

_BAD_PLACE = (
    *(errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM),
    *(errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP, errno.EEXIST, errno.EINVAL, errno.ENXIO),
)
"""What opening fails with where the flag names no place for a file."""

_lock = threading.RLock()
_unfinished: set["OutputFile"] = set()
_folders: set[Path] = set()
_numbers = itertools.count()
_swept: set[Path] = set()


def is_full(error: OSError) -> bool:
    """Whether an error is that of a full disk, of a quota, or of a limit on files."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def write_error(path: str | Path, error: OSError) -> OutputError:
    """The sentence about a file, or a stream's name, that could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"{path}: can't be written, the disk is full; make room and run this again.")
    if error.errno == errno.EFBIG:
        return OutputError(
            f"{path}: can't be written, it would be larger than the system allows (ulimit -f)."
        )
    return OutputError(f"{path}: can't be written ({error.strerror or error}).")


def partial_path(path: Path) -> Path:
    """Where a file or folder grows before it gets its name; a new one with each call."""
    return path.parent / f".{path.name[:LONGEST_STEM]}.{os.getpid()}-{next(_numbers)}.part"


class OutputFile:
    """A file that appears under its name only when it is complete.

    Use as a context manager; on an exception the partial file is removed and an old one stays as it was.

    Args:
        path: the target. Folders that it needs are made; a link is followed.
        about: a file that describes the one before, and goes with it.

    Raises:
        InputError: where no file can stand there (`unwritable`).
        OutputError: where the disk is full or broken; from `write` and at the end as well.
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
        """Append bytes; returns how many."""
        try:
            return int(self._file.write(data))
        except OSError as error:
            raise write_error(self.path, error) from error

    def finish(self) -> None:
        """Bring everything to the disk, still under the partial name."""
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
    """Give files their names when all of them are complete, so that readers see all of a set or nothing."""
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
    """Write `data` to `path`, whole or not at all."""
    with OutputFile(path) as file:
        file.write(data)


@contextlib.contextmanager
def temporary_folder(target: Path | None = None) -> Iterator[Path]:
    """A folder that is removed at the end, or where the process is stopped.

    Args:
        target: it is made beside this one, to be given to `publish_folder`; by default among the system's temporary
            files.

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
    """Give a complete folder its name in place of the one that stands there."""
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


def abandon_all() -> None:
    """Remove all unfinished files of this process, and let no other be begun or finished: the process ends."""
    _lock.acquire()  # for ever
    for folder in list(_folders):
        shutil.rmtree(folder, ignore_errors=True)
    for file in list(_unfinished):
        with contextlib.suppress(OSError):
            os.unlink(file._partial)


def sweep(folder: Path) -> None:
    """Remove what processes that are gone left unfinished in a folder; once a folder and process."""
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
    except (OSError, OverflowError):  # of another user's
        return True
    return True


def _remove_if_free(path: Path) -> None:
    """Remove a partial file or folder, unless a process that this one can't see (a container's) holds it."""
    if path.is_symlink():
        return
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        return
    with contextlib.suppress(OSError), open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()


def check_outputs(paths: Iterable[Path], force: bool) -> None:
    """Refuse to begin where a file that is to be written stands already, or can't stand.

    Raises:
        InputError: where no file can stand there (`unwritable`), for a file without `force` (`exists`), or one named
            twice (`bad_flag`).
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
                f"{path}: exists already; give --force to overwrite it, or another name.", "exists"
            )
        if path in seen:
            raise InputError(f"{path}: two outputs are the same file; name two.", "bad_flag")
        seen.add(path)


def check_place(path: Path) -> None:
    """Refuse what is there and no file: a folder, or a device, which the finished file would replace.

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
        raise InputError(f"{path}: is a device, no file; name a file.", "unwritable")


def check_folder(folder: str | Path) -> None:
    """Refuse a folder that can be neither written to nor made.

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
    """Make a folder in one that is there and remove it: what may be written is known by no other means everywhere."""
    trial = partial_path(place / "trial")
    try:
        with _lock:  # so that a process that is stopped leaves none
            os.mkdir(trial)
            os.rmdir(trial)
    except OSError as error:
        if error.errno not in _BAD_PLACE:
            raise write_error(folder, error) from error
        what = "can't be written" if place == folder else f"can't be made, as {place} can't be written"
        raise InputError(
            f"{folder}: {what} ({error.strerror}); name another folder.", "unwritable"
        ) from error


def _with_parents(folder: Path) -> Iterator[Path]:
    yield folder
    yield from folder.parents

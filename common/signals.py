"""Ctrl-C, SIGTERM and SIGHUP end a command at once, whatever it is doing, and leave nothing half-written.

Nothing is raised in the main thread: an exception raised while TensorFlow is being imported or compiles ends in a
traceback, or is swallowed. Instead, a separate thread waits for signals, removes unfinished files, ends the other
processes and then this one. Whatever a command needs after it is stopped it must therefore have written before, as for
SIGKILL.

Each command calls `listen` in its first lines, before its other imports: until then Ctrl-C ends in a traceback.
"""

import _signal as signal  # `signal` itself takes longer to import, in which Ctrl-C would end in a traceback
import atexit
import os
import sys

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]

_pipe: tuple[int, int] | None = None
_before: dict[int, object] = {}
_outcome: int | None = None
_errors = 2


def listen() -> bool:
    """From now on end the process on a signal, with status 128 + its number; returns False if that was so already.

    A signal that was ignored when the process started stays ignored, as `nohup` and shells expect. Outside the main
    thread this does nothing.
    """
    global _pipe, _errors
    if _pipe is not None:
        return False
    try:
        for number in SIGNALS:
            handler = signal.getsignal(number)
            if handler is not signal.SIG_IGN:
                _before[number] = handler
                signal.signal(number, signal.SIG_DFL)  # until the thread is there
    except ValueError:  # not the main thread
        return False
    import threading

    _fill_standard_streams()
    _errors = os.dup(2)  # which stays what it is while the messages of libraries are silenced
    _pipe = os.pipe()
    os.set_blocking(_pipe[1], False)
    signal.set_wakeup_fd(_pipe[1], warn_on_full_buffer=False)
    threading.Thread(target=_wait, args=(_pipe[0],), name="signals", daemon=True).start()
    for number in _before:
        signal.signal(number, _noted)
    atexit.register(_ignore)
    return True


def listen_no_more() -> None:
    """Undo `listen`, for a process that continues after the command: a test, or a notebook."""
    global _pipe, _outcome, _errors
    if _pipe is None:
        return
    atexit.unregister(_ignore)
    signal.set_wakeup_fd(-1)
    for number, handler in _before.items():
        signal.signal(number, handler)  # type: ignore[arg-type]
    _before.clear()
    os.close(_pipe[1])  # which ends the thread
    os.close(_errors)
    _errors = 2
    _pipe = _outcome = None


def set_outcome(status: int) -> None:
    """The command is done: a signal that arrives while Python shuts down ends the process with this status."""
    global _outcome
    _outcome = status


def _ignore() -> None:
    """While Python shuts down, ignore signals: it removes our handlers first, and a signal would then set the exit status."""
    for number in _before:
        signal.signal(number, signal.SIG_IGN)


def restore_defaults() -> None:
    """In a worker process: leave Ctrl-C, which the terminal sends to all, to the main process; end on SIGTERM."""
    global _pipe
    _pipe = None
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in SIGNALS:
        if number != signal.SIGINT and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def _noted(number: int, frame: object) -> None:
    """Python's part of a signal; the thread has already received the number, even while C code is running."""


def _wait(pipe: int) -> None:
    while data := os.read(pipe, 1):
        if data[0] in SIGNALS:
            _end(data[0])
    os.close(pipe)


def _end(number: int) -> None:
    if _outcome is not None:
        os._exit(_outcome)
    # One after the other, whatever becomes of the one before: the main thread goes on meanwhile, and modules may be half
    # imported.
    for step in (_end_workers, _remove_unfinished, _end_children, _say_so):
        try:
            step()
        except Exception:  # noqa: BLE001, S110 - there is nobody left to tell
            pass
    os._exit(128 + number)


def _end_workers() -> None:
    """Kill the processes of pools."""
    for worker in getattr(sys.modules.get("multiprocessing"), "active_children", list)():
        worker.kill()


def _remove_unfinished() -> None:
    getattr(sys.modules.get(f"{__package__}.output_files"), "abandon_all", lambda: None)()


def _end_children() -> None:
    """Ask other child processes, which may be commands themselves, to end."""
    for thread in os.listdir("/proc/self/task"):  # only Linux has such a list
        try:
            with open(f"/proc/self/task/{thread}/children") as file:
                children = file.read().split()
            for child in children:
                os.kill(int(child), signal.SIGTERM)
        except (OSError, ValueError):  # gone meanwhile
            pass


def _say_so() -> None:
    # A progress bar hides the cursor and does not end its line.
    os.write(_errors, b"\x1b[?25h\nStopped.\n" if os.isatty(_errors) else b"Stopped.\n")


def _fill_standard_streams() -> None:
    """Open the null device in place of a closed standard stream, so that none of our files gets its descriptor."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)

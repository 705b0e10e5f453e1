"""How commands end: one sentence and a status, whatever happens to their output, memory or process."""

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from common.console import Parser, print_table, printable, run_command
from common.errors import InputError
from tests.conftest import ROOT

BEGIN = "import os, sys, time\nfrom common import signals\nsignals.listen()\n"
RUN = (
    BEGIN
    + "from common.console import *\nfrom common.console import run_command\nfrom common.errors import *\n"
)


def run(body: str, **options) -> subprocess.CompletedProcess:
    """A process whose command has this body."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    code = f"{RUN}def main(argv):\n{lines}    return 0\nsys.exit(run_command(main))\n"
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60, text=True, **options)


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        ('InputError("a.mid: is no MIDI.")', 2, "a.mid: is no MIDI."),
        ('OutputError("out.wav: the disk is full.")', 1, "out.wav: the disk is full."),
        ('CheckpointError("a.ckpt: holds no weights.")', 2, "a.ckpt: holds no weights."),
        ('OSError(28, "No space left on device", "out.wav")', 1, "out.wav: No space left on device."),
        ("MemoryError()", 1, "there is not enough memory"),
        ("RecursionError()", 2, "the input is nested too deeply"),
        ('InputError("a\\nb\\x1b[31m.mid: is no MIDI.")', 2, "a\\nb\\x1b[31m.mid: is no MIDI."),
        ('InputError("\\udce9.mid: is no MIDI.")', 2, "\\udce9.mid: is no MIDI."),
    ],
)
def test_errors_are_one_sentence(raised: str, status: int, said: str) -> None:
    done = run(f"raise {raised}")
    assert done.returncode == status
    assert done.stderr.startswith(f"-c: {said}") and done.stderr.count("\n") == 1


def test_a_defect_of_ours_is_not_hidden() -> None:
    assert "ZeroDivisionError" in run("1 / 0").stderr


@pytest.mark.parametrize("body", ["print('x')", "print_table('t', ['c'], [('x',)])", "sys.stdout.write('x')"])
def test_a_full_disk_behind_standard_output(body: str) -> None:
    with open("/dev/full", "w") as full:
        done = run(body, stdout=full)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "standard output" in done.stderr and "disk is full" in done.stderr


@pytest.mark.parametrize("body", ["print('x')\nprint('y')", "print_table('t', ['c'], [('x',)])"])
def test_a_pipe_that_nobody_reads(body: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = run(body, stdout=writing)
    os.close(writing)
    assert done.returncode == 1
    assert done.stderr == "-c: standard output was closed before everything was written to it.\n"


def test_closed_standard_output_is_said_before_the_work(tmp_path: Path) -> None:
    done = run(f"open({str(tmp_path / 'made')!r}, 'w')", stdout=None, preexec_fn=lambda: os.close(1))
    assert (
        done.returncode == 1 and done.stderr.count("\n") == 1 and "standard output is closed" in done.stderr
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("stderr", ["closed", "/dev/full"])
def test_standard_error_that_takes_nothing(stderr: str) -> None:
    if stderr == "closed":
        done = run("raise InputError('x')", stderr=None, preexec_fn=lambda: os.close(2))
        fine = run("print('x')", stderr=None, preexec_fn=lambda: os.close(2))
    else:
        with open(stderr, "w") as full:
            done, fine = run("raise InputError('x')", stderr=full), run("print('x')", stderr=full)
    assert done.returncode == 2
    assert (fine.returncode, fine.stdout) == (0, "x\n")


def test_escape_codes_and_markup_are_shown() -> None:
    done = run(
        "print('\\x1b]0;title\\x07[bold]a[/bold]')\nprint_table('[red]t', ['c'], [('[b]x[/b]\\x1b[2J',)])"
    )
    assert "\x1b" not in done.stdout and "\\x1b]0;title\\x07[bold]a[/bold]" in done.stdout
    assert "[red]t" in done.stdout and "[b]x[/b]\\x1b[2J" in done.stdout


def test_a_terminal_gets_the_styles_of_tables_and_no_escape_codes_of_names() -> None:
    parent, child = pty.openpty()
    done = run(
        "print_table('t', ['c'], [('\\x1b[2Jx',)])", stdout=child, env=os.environ | {"TERM": "xterm-256color"}
    )
    os.close(child)
    shown = os.read(parent, 65536).decode()
    os.close(parent)
    assert done.returncode == 0
    assert "\x1b[1m" in shown and "\\x1b[2Jx" in shown and "\x1b[2J" not in shown


def test_printable() -> None:
    assert printable("é 鼓 \x1b[0m\x9b\u202e\r") == "é 鼓 \\x1b[0m\\x9b\\u202e\\x0d"
    assert printable("a\tb\n") == "a\tb\n"
    assert printable("a\tb\n", line=True) == "a\\tb\\n"


@pytest.mark.parametrize(
    "body",
    [
        "print('begun', flush=True)\ntime.sleep(60)",
        # Swallowed where it is raised, and a defect where it is turned into another exception.
        "print('begun')\nwhile True:\n    try:\n        time.sleep(0.01)\n    except BaseException:\n        pass",
        # Python's part of a signal waits until C code comes back.
        "print('begun')\nimport zlib\nzlib.crc32(bytes(10**9))\nfor _ in range(99): zlib.crc32(bytes(10**9))",
    ],
)
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_signals_end_a_command_at_once(body: str, number: int, status: int) -> None:
    indented = "".join(f"    {line}\n" for line in body.splitlines())
    code = f"{RUN}def main(argv):\n{indented}sys.exit(run_command(main))\n"
    process = started([sys.executable, "-c", code])
    assert process.stdout.readline() == "begun\n"
    began = time.monotonic()
    process.send_signal(number)
    _, said = process.communicate(timeout=10)
    assert time.monotonic() - began < 5
    assert (process.returncode, said) == (status, "Stopped.\n")


def started(command: list[str]) -> subprocess.Popen:
    """A process that hears signals, also where the tests run in the background and don't."""

    def default() -> None:
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)

    return subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=default
    )


def test_ignored_signals_stay_ignored() -> None:
    code = f"{RUN}def main(argv):\n    print('begun')\n    time.sleep(1)\n    return 0\nsys.exit(run_command(main))"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGHUP)
    assert process.wait(30) == 0


POOL = """
import json, os, sys, time
from common import signals
signals.listen()
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from common.console import run_command
from common.process_pools import start_worker
from common.output_files import OutputFile

def work(seconds):
    Path(sys.argv[1], f"worker-{os.getpid()}").touch()
    time.sleep(seconds)

def main(argv):
    with OutputFile(Path(sys.argv[1], "out")) as file, ProcessPoolExecutor(2, initializer=start_worker) as pool:
        file.write(b"half")
        waiting = [pool.submit(work, 30) for _ in range(8)]
        while len(list(Path(sys.argv[1]).glob("worker-*"))) < 2:
            time.sleep(0.01)
        print("begun")
        waiting[0].result()
    return 0

sys.exit(run_command(main))
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("everyone", [False, True])
def test_a_pool_is_stopped_with_its_command(tmp_path: Path, number: int, status: int, everyone: bool) -> None:
    process = started([sys.executable, "-c", POOL, str(tmp_path)])
    assert process.stdout.readline() == "begun\n"
    workers = [int(path.name.split("-")[1]) for path in tmp_path.glob("worker-*")]
    assert len(workers) == 2 and list(tmp_path.glob(".*.part"))
    if everyone:  # as a terminal does
        for pid in [*workers, process.pid] if number == signal.SIGINT else [process.pid]:
            os.kill(pid, number)
    else:
        process.send_signal(number)
    began = time.monotonic()
    _, said = process.communicate(timeout=10)
    assert time.monotonic() - began < 5
    assert (process.returncode, said) == (status, "Stopped.\n")
    assert not list(tmp_path.glob(".*"))
    deadline = time.monotonic() + 10
    while any(map(is_running, workers)):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_process_goes_on_after_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM), sys.stdout, sys.stderr
    monkeypatch.setattr(sys, "argv", ["test"])
    assert run_command(lambda argv: 3) == 3
    assert (
        signal.getsignal(signal.SIGINT),
        signal.getsignal(signal.SIGTERM),
        sys.stdout,
        sys.stderr,
    ) == before


def test_flags_are_refused_in_a_sentence() -> None:
    parser = Parser("Test.", "test")
    parser.add_argument("--count", type=int)
    parser.add_argument("--kind", choices=("a", "b"))
    parser.add_argument("--needed", required=True)
    for flags, said in (
        (["--needed=1", "--other"], "unrecognized arguments: --other; see --help."),
        ([], "the following arguments are required: --needed; see --help."),
        (["--needed=1", "--count=x"], "--count: invalid int value: 'x'; see --help."),
    ):
        with pytest.raises(InputError) as caught:
            parser.parse_args(flags)
        assert str(caught.value) == said


def test_tables_outside_a_command_go_where_print_goes(capsys: pytest.CaptureFixture[str]) -> None:
    print_table("t", ["c"], [(1,), (2,)])
    assert "t" in capsys.readouterr().out

"""A run belongs to one process at a time."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import train
from common.errors import InputError
from tests.conftest import ROOT
from tests.helpers.runs import flags
from workflows.training import run_lock

HOLD = (
    "import pathlib, sys, time\nfrom workflows.training import run_lock\n"
    "with run_lock.locked(pathlib.Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(600)\n"
)


def test_the_lock_names_the_other_process_and_is_taken_over_from_a_dead_one(
    patterns_tfrecord: Path, tmp_path: Path
) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        said = rf"is being trained by process {other.pid} on .*, since 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d"
        with pytest.raises(InputError, match=said):
            train.main(flags(tmp_path, patterns_tfrecord, "--num_steps=2"))
        with pytest.raises(InputError, match=said), run_lock.locked(tmp_path):
            pass
        assert [path.name for path in tmp_path.iterdir()] == [run_lock.FILE]
    finally:
        other.send_signal(signal.SIGKILL)
        other.wait()
    assert (tmp_path / run_lock.FILE).exists()
    run_lock.check_free(tmp_path)
    with run_lock.locked(tmp_path):
        assert json.loads((tmp_path / run_lock.FILE).read_text())["pid"] == os.getpid()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text", ["", "{", "[[[[", '{"pid": []}', '{"pid": 1, "host": "elsewhere", "started": "x"}']
)
def test_a_lock_file_that_nobody_holds_is_taken(tmp_path: Path, text: str) -> None:
    (tmp_path / run_lock.FILE).write_text(text)
    run_lock.check_free(tmp_path)
    with run_lock.locked(tmp_path), pytest.raises(InputError, match=rf"process {os.getpid()} on"):
        run_lock.check_free(tmp_path)


def test_without_locks_of_the_system_the_process_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_lock, "fcntl", None)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for pid, host, is_held in (
        (os.getppid(), socket.gethostname(), True),
        (dead.pid, socket.gethostname(), False),
        (1, "x", True),
    ):
        text = json.dumps({"pid": pid, "host": host, "started": "2026-01-02 03:04:05"})
        (tmp_path / run_lock.FILE).write_text(text)
        if is_held:
            with pytest.raises(
                InputError, match=f"process {pid} on {host}, since 2026-01-02 03:04:05.*remove"
            ):
                run_lock.check_free(tmp_path)
        else:
            run_lock.check_free(tmp_path)

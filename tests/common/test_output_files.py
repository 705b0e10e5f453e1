"""Output is checked before the work, whole or absent after it, and what a killed process left is swept."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from common import output_files
from common.errors import InputError, OutputError
from common.output_files import (
    OutputFile,
    check_folder,
    check_outputs,
    publish,
    publish_folder,
    temporary_folder,
    write_atomically,
)
from tests.conftest import ROOT

DEAD = 2**22 + 1  # above Linux's largest process number


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_partial_files_of_dead_processes_are_swept_and_no_others(tmp_path: Path) -> None:
    kept = [
        ".a.part",
        f"a.{DEAD}.part",
        f".a.{os.getpid()}.part",
        f".a.{os.getppid()}-1.part",
        f".a.{DEAD}.parts",
    ]
    for name in (f".a.tfrecord.{DEAD}.part", f".b.{DEAD}-7.part", f".line\nend.{DEAD}-7.part", *kept):
        (tmp_path / name).touch()
    (tmp_path / f".folder.{DEAD}-0.part").mkdir()
    (tmp_path / f".folder.{DEAD}-0.part" / "file").touch()
    (tmp_path / f".link.{DEAD}-0.part").symlink_to(tmp_path / "elsewhere")
    write_atomically(tmp_path / "new", b"")
    assert names(tmp_path) == sorted([*kept, "new", f".link.{DEAD}-0.part"])


def test_a_partial_file_that_is_held_is_kept(tmp_path: Path) -> None:
    """Its process may be one of another container, whose number says nothing here."""
    with OutputFile(tmp_path / "out") as file:
        file.write(b"x")
        partial = next(tmp_path.glob(".*.part"))
        foreign = partial.rename(tmp_path / f".out.{DEAD}.part")
        code = f"from common.output_files import *; write_atomically('{tmp_path}/other', b'')"
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
        assert foreign.exists()
        foreign.rename(partial)
    assert names(tmp_path) == ["other", "out"]


def test_what_a_killed_process_left_is_swept_by_the_next(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\nfrom common.output_files import OutputFile\nfile = OutputFile(sys.argv[1])\n"
        "file.write(bytes(10**6))\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "out")], cwd=ROOT)
    assert len(names(tmp_path)) == 1
    subprocess.run(
        [sys.executable, "-c", "import sys\n" + code.split("\n")[1] + "\nOutputFile(sys.argv[1]).discard()",
         str(tmp_path / "out")],
        cwd=ROOT, check=True,
    )  # fmt: skip
    assert names(tmp_path) == []


def test_checks_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path, reason in (
        (tmp_path, "unwritable"),
        (tmp_path / "file", "exists"),
        (tmp_path / "file" / "below", "unwritable"),
        (Path("/dev/null"), "unwritable"),
        (tmp_path / ("x" * 300), "unwritable"),
        (tmp_path / "null\0", "unwritable"),
    ):
        with pytest.raises(InputError) as caught:
            check_outputs([path], force=False)
        assert caught.value.reason == reason and str(path.parent) in str(caught.value)
    with pytest.raises(InputError, match="two outputs"):
        check_outputs([tmp_path / "new", tmp_path / "new"], force=True)
    check_outputs([tmp_path / "file", tmp_path / "a" / "b" / "c"], force=True)
    assert names(tmp_path) == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    for folder in (tmp_path, tmp_path / "below"):
        with pytest.raises(InputError, match="can't be written"):
            check_folder(folder)


def test_a_device_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="device"):
        write_atomically(tmp_path / "pipe", b"")
    assert names(tmp_path) == ["pipe"]


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "target")
    write_atomically(tmp_path / "link", b"x")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "folder" / "target").read_bytes() == b"x"


def test_a_long_name(tmp_path: Path) -> None:
    write_atomically(tmp_path / ("x" * 255), b"x")
    write_atomically(tmp_path / ("鼓" * 85), b"x")
    assert len(names(tmp_path)) == 2


@pytest.fixture
def small_files():
    """No file may be longer than 100,000 bytes, as if the disk were full then."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_does_not_fit_leaves_the_old_file(tmp_path: Path, small_files: None) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"old")
    for size in (100_001, 10**6):
        with pytest.raises(OutputError) as caught:
            write_atomically(path, bytes(size))
        assert str(caught.value).startswith(f"{path}: can't be written")
    assert path.read_bytes() == b"old" and names(tmp_path) == ["out"]


def test_a_set_appears_as_a_whole_or_not_at_all(tmp_path: Path, small_files: None) -> None:
    files = [OutputFile(tmp_path / name) for name in "abc"]
    files[0].write(b"x")
    files[1].write(bytes(100_000))
    files[2].write(b"x")
    with pytest.raises(OutputError):
        files[1].write(b"x" * 10**5)
        publish(files)
    for file in files:
        file.discard()
    assert names(tmp_path) == []
    publish([OutputFile(tmp_path / name) for name in "abc"])
    assert names(tmp_path) == ["a", "b", "c"]


def test_nothing_is_left_open_or_counted(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", b"")
    with pytest.raises(RuntimeError), OutputFile(tmp_path / "b"):
        raise RuntimeError
    assert not output_files._unfinished and names(tmp_path) == ["a"]


def test_a_folder_appears_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "export"
    for content in (b"old", b"new"):
        with temporary_folder(target) as folder:
            assert folder.parent == tmp_path
            write_atomically(folder / "file", content)
            publish_folder(folder, target)
    assert (target / "file").read_bytes() == b"new" and names(tmp_path) == ["export"]
    with pytest.raises(RuntimeError), temporary_folder(target) as folder:
        raise RuntimeError
    with temporary_folder() as elsewhere:
        assert elsewhere.is_dir() and elsewhere.parent != tmp_path
    assert not elsewhere.exists() and names(tmp_path) == ["export"]


def test_a_stopped_process_leaves_no_folder(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys, time\nfrom pathlib import Path\nfrom common import signals\nsignals.listen()\n"
        "from common.output_files import *\n"
        "with temporary_folder(Path(sys.argv[1])) as folder:\n"
        "    write_atomically(folder / 'a', b'a')\n    os.kill(os.getpid(), signal.SIGTERM)\n    time.sleep(30)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "out")], cwd=ROOT, capture_output=True)
    assert (done.returncode, done.stderr) == (143, b"Stopped.\n") and names(tmp_path) == []

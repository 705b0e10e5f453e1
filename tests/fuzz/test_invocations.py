"""Every command with every input, output, number and stream gone wrong: one sentence, a status, nothing half-written."""

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.fuzz.invocations import COMMANDS, Command, Done, invoke, value_flags, world

pytestmark = pytest.mark.slow

QUICK = [command for command in COMMANDS if command.is_quick]
NUMBERS = ("1000000000000", "-1000000000000", "nan", "inf", "1e999", "x", "9" * 5000)
MAY_BE_EMPTY = ("hparams", "pipeline_options", "eval_dir_suffix")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return world(tmp_path_factory.mktemp("world"))


@pytest.fixture
def place(tmp_path: Path, files: dict[str, str]) -> dict[str, str]:
    (tmp_path / "out").mkdir()
    return files | {"out": str(tmp_path / "out"), "tmp": str(tmp_path)}


def run(command: Command, arguments: list[str], place: dict[str, str], **options) -> Done:
    filled = [argument.format(**place) if "{" in argument else argument for argument in arguments]
    return invoke(command.module, filled, Path(place["tmp"]), **options)


def check_refused(
    done: Done, place: dict[str, str], command: Command, statuses: tuple[int, ...], what: str
) -> None:
    """One sentence, one of these statuses, and nothing that is half-written."""
    context = f"{command.name}, {what}: {done}"
    assert done.status in statuses, context
    assert "Traceback" not in done.said and "Exception ignored" not in done.said, context
    assert done.said.count("\n") == 1 and len(done.said) < 1500, context
    assert not leftovers(place), context


def leftovers(place: dict[str, str]) -> list[Path]:
    return [path for path in Path(place["tmp"]).rglob("*") if path.name.startswith(".")]


def named(commands: tuple[Command, ...] | list[Command]) -> dict:
    return {"argvalues": commands, "ids": [command.name for command in commands]}


@pytest.mark.parametrize("command", **named([c for c in COMMANDS if c.works and c.is_quick]))
def test_the_invocations_work(command: Command, place: dict[str, str]) -> None:
    """Or what follows would say nothing."""
    done = run(command, [*command.head, *command.arguments], place)
    assert done.status == 0, (command.name, done)
    assert not leftovers(place)


@pytest.mark.parametrize("command", **named(COMMANDS))
def test_inputs_that_can_not_be_read(command: Command, place: dict[str, str]) -> None:
    folder = Path(place["tmp"]) / "folder"
    folder.mkdir()
    (folder / "empty").touch()
    (folder / "text").write_text("[bold]no music[/bold]\n")
    (folder / "noise").write_bytes(bytes(range(256)) * 40)
    (folder / "loop").symlink_to(folder / "loop")
    wrong = (
        folder / "missing",
        folder,
        folder / "empty",
        folder / "text",
        folder / "noise",
        folder / "loop",
        "/proc/self/mem",
        folder / ("x" * 300),
    )
    for flag in command.inputs:
        for value in wrong:
            done = run(command, command.with_flag(flag, str(value)), place)
            check_refused(done, place, command, (1, 2), f"--{flag}={value}")


@pytest.mark.parametrize("command", **named(COMMANDS))
def test_outputs_that_can_not_be_written(command: Command, place: dict[str, str]) -> None:
    file = Path(place["tmp"]) / "file"
    file.write_text("mine")
    for flag in command.outputs:
        for value in (
            file / "below",
            "/dev/full/below",
            "/proc/none/below",
            Path(place["tmp"]) / ("x" * 300),
        ):
            done = run(command, command.with_flag(flag, str(value)), place)
            check_refused(done, place, command, (1, 2), f"--{flag}={value}")
            assert done.seconds < 60
    assert file.read_text() == "mine"


@pytest.mark.parametrize("command", **named(COMMANDS))
def test_flags_that_are_empty(command: Command, place: dict[str, str]) -> None:
    for action in value_flags(command.parser()):
        name = action.option_strings[0].lstrip("-")
        if name not in MAY_BE_EMPTY:
            done = run(command, command.with_flag(name, ""), place)
            check_refused(done, place, command, (2,), f"--{name}=")
    assert not list(Path(place["out"]).iterdir())


@pytest.mark.parametrize("command", **named(COMMANDS))
def test_numbers_that_are_none(command: Command, place: dict[str, str]) -> None:
    for action in value_flags(command.parser()):
        if action.type is None or getattr(action.type, "__qualname__", "").split(".")[0] not in (
            "integer",
            "number",
        ):
            continue
        name = action.option_strings[0].lstrip("-")
        for value in NUMBERS:
            done = run(command, command.with_flag(name, value), place)
            check_refused(done, place, command, (2,), f"--{name}={value[:20]}")
            assert name in done.said
    assert not list(Path(place["out"]).iterdir())


@pytest.mark.parametrize("command", **named(COMMANDS))
def test_unknown_flags_and_help(command: Command, place: dict[str, str]) -> None:
    done = run(command, [*command.head, *command.arguments, "--no_such_flag\x1b[31m"], place)
    check_refused(done, place, command, (2,), "unknown flag")
    assert "\x1b" not in done.said
    assert run(command, [*command.head, "--help"], place).status == 0
    assert run(command, [*command.head, "--help"], place, stdout="full").status == 1


@pytest.mark.parametrize("stdout", ["closed", "full", "broken"])
@pytest.mark.parametrize("command", **named([c for c in QUICK if c.works]))
def test_standard_output_that_takes_nothing(command: Command, place: dict[str, str], stdout: str) -> None:
    done = run(command, [*command.head, *command.arguments], place, stdout=stdout)
    check_refused(done, place, command, (1,), stdout)
    assert "standard output" in done.said
    if stdout == "closed":
        assert not list(Path(place["out"]).iterdir())


@pytest.mark.parametrize("file_bytes", [0, 20])
@pytest.mark.parametrize(
    "command",
    **named([c for c in QUICK if c.outputs and c.works]),
)
def test_a_full_disk(command: Command, place: dict[str, str], file_bytes: int) -> None:
    done = run(command, [*command.head, *command.arguments], place, file_bytes=file_bytes)
    check_refused(done, place, command, (1,), f"{file_bytes} bytes")
    assert not [path for path in Path(place["out"]).rglob("*") if path.is_file()]


SIGNALLED = (
    "sample",
    "explore infill",
    "humanize",
    "preprocess.convert_dir_to_note_sequences",
    "patterns.convert",
    "train",
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", **named([c for c in COMMANDS if c.name in SIGNALLED]))
def test_signals_at_any_moment(command: Command, place: dict[str, str], number: int) -> None:
    """From the command's first line on; before it, Python itself starts."""

    def default() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)

    arguments = [argument.format(**place) for argument in (*command.head, *command.arguments)]
    for tenths in (0, 1, 2, 4, 8, 16, 32):
        process = subprocess.Popen(
            [sys.executable, "-m", command.module, *arguments, *(["--force"] if command.name != "train" else [])],
            cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, preexec_fn=default,
        )  # fmt: skip
        wait_until_it_listens(process.pid)
        time.sleep(tenths / 10)
        began = time.monotonic()
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
        done = Done(process.returncode, said, "", time.monotonic() - began)
        assert done.status in (0, 128 + number), (command.name, tenths, done)
        assert "Traceback" not in said and done.seconds < 10, (command.name, tenths, done)
        assert not re.search(r"\n.*\n", said), (command.name, tenths, done)
        assert not leftovers(place)


def wait_until_it_listens(pid: int) -> None:
    """Until SIGTERM, which Python leaves alone, is caught, or the process is done."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        state = dict(line.split(":", 1) for line in lines)
        caught = int(state.get("SigCgt", "0"), 16)
        if caught >> (signal.SIGTERM - 1) & 1 or state["State"].strip().startswith("Z"):
            return
        time.sleep(0.002)


def test_there_are_enough() -> None:
    """The table covers all commands of the project, and as many invocations as were promised."""
    scripts = {path.stem for path in ROOT.glob("*.py") if "run_command(main)" in path.read_text()}
    assert scripts <= {command.module for command in COMMANDS}
    flags = [list(value_flags(command.parser())) for command in COMMANDS]
    assert sum(map(len, flags)) > 250

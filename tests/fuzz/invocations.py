"""Commands as a person runs them, in processes whose output, files and limits go wrong.

A child is forked rather than started, as Python's own start and imports would take most of the time; in it the command
runs as `__main__`, with standard streams, limits and arguments of its own.
"""

import argparse
import contextlib
import importlib
import os
import resource
import runpy
import select
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import ROOT


@dataclass(frozen=True)
class Done:
    """How an invocation ended.

    Attributes:
        status: of the process; negative for a signal, None where it had to be killed.
        said: what it wrote to standard error.
        printed: what it wrote to standard output, where that was a pipe.
        seconds: how long it took.
    """

    status: int | None
    said: str
    printed: str
    seconds: float


@dataclass(frozen=True)
class Command:
    """A command and an invocation of it that works.

    Attributes:
        module: what `python -m` runs.
        arguments: of the invocation, with {files} of `world` in them; {out} is an empty folder.
        inputs: flags that name a file, or a folder, to read.
        outputs: flags that name a file or folder to write.
        is_quick: takes less than some seconds.
        works: gets by with these small files.
        head: arguments before the flags: a subcommand.
    """

    module: str
    arguments: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    is_quick: bool = True
    works: bool = True
    head: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """For messages."""
        return " ".join((self.module, *self.head))

    def with_flag(self, flag: str, value: str) -> list[str]:
        """The arguments with one flag changed or added."""
        others = [a for a in self.arguments if not a.startswith(f"--{flag}=")]
        return [*self.head, *others, f"--{flag}={value}"]

    def parser(self) -> argparse.ArgumentParser:
        """The parser of its flags."""
        if self.module == "experiments":
            return importlib.import_module("experiments.__main__").get_parser(self.head[0])
        module = importlib.import_module(
            "benchmarks.__main__" if self.module == "benchmarks" else self.module
        )
        parser = module.get_parser()
        if not self.head:
            return parser
        (commands,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
        return commands.choices[self.head[0]]


def _explore(name: str, *arguments: str, inputs: tuple[str, ...], output: str = "output_dir") -> Command:
    return Command("explore", arguments, inputs, (output,), head=(name,))


SMALL = "--config=hierdec-drum_4bar_small"
COMMANDS = (
    Command("sample", ("--num_outputs=2", "--output_dir={out}"), ("checkpoint_file", "run_dir", "config", "drum_map", "input_midi"), ("output_dir",)),
    Command("interpolate", (SMALL, "--input_midi_1={beat}", "--input_midi_2={beat}", "--num_outputs=3", "--output_dir={out}"),
            ("input_midi_1", "input_midi_2", "checkpoint_file", "run_dir", "config"), ("output_dir",)),
    Command("music_vae_generate", (SMALL, "--num_outputs=2", "--output_dir={out}"), ("checkpoint_file", "run_dir", "config"), ("output_dir",)),
    _explore("similar", SMALL, "--input_midi={beat}", "--num_outputs=2", "--output_dir={out}", inputs=("input_midi", "checkpoint_file")),
    _explore("grid", SMALL, "--rows=2", "--columns=2", "--output_dir={out}", inputs=("input_midi_1", "checkpoint_file")),
    _explore("vary", SMALL, "--input_midi={beat}", "--attribute=hits", "--output_dir={out}", inputs=("input_midi", "attributes_file")),
    _explore("infill", "--input_midi={beat}", "--bars=2", "--num_outputs=1", "--num_candidates=2", "--output_dir={out}",
             inputs=("input_midi", "checkpoint_file")),
    _explore("combine", SMALL, "--input_midi={beat}", "--plus={beat}", "--output_dir={out}", inputs=("input_midi", "plus", "minus")),
    _explore("embed", SMALL, "--input_dir={midi}", "--output_file={out}/e.npz", inputs=("input_dir", "examples_path"), output="output_file"),
    _explore("neighbours", SMALL, "--embedding={embedding}", "--input_midi={beat}", "--midi", "--output_dir={out}", inputs=("embedding", "input_midi")),
    _explore("attributes", SMALL, "--examples_path={records}", "--max_examples=8", "--num_samples=2", "--attributes_file={out}/a.json",
             "--output_dir={out}", inputs=("examples_path",)),
    Command("export", ("--checkpoint_file={checkpoint}", "--output={out}/x.safetensors"), ("checkpoint_file", "run_dir"), ("output",)),
    Command("export", ("--format=onnx", "--checkpoint_file={checkpoint}", "--output={out}/onnx"), ("checkpoint_file", "run_dir"), ("output",)),
    Command("export", ("--format=page", "--checkpoint_file={checkpoint}", "--output={out}/studio.html"), ("checkpoint_file", "run_dir"), ("output",)),
    Command("evaluate", (SMALL, "--examples_path={records}", "--output_dir={out}", "--num_samples=2"),
            ("examples_path", "train_examples_path", "checkpoint_file"), ("output_dir",), is_quick=False),
    Command("humanize", ("--input_midi={beat}", "--output_dir={out}"), ("input_midi", "checkpoint_file", "config"), ("output_dir",)),
    Command("tap2drum", ("--input_midi={beat}", "--output_dir={out}"), ("input_midi", "checkpoint_file", "drum_map"), ("output_dir",)),
    Command("train", (SMALL, "--run_dir={out}", "--examples_path={records}", "--num_steps=1", "--log_every=1", "--save_every=1", "--eval_every=1",
                      "--hparams=batch_size=4,enc_rnn_size=[8],dec_rnn_size=[8],z_size=4"),
            ("examples_path", "eval_examples_path", "init_from", "config"), ("run_dir",), is_quick=False),
    Command("preprocess.convert_dir_to_note_sequences", ("--input_dir={midi}", "--output_file={out}/o.tfrecord", "--num_processes=1"),
            ("input_dir",), ("output_file", "held_out_file")),
    Command("preprocess.preprocess_tfrecord", ("--input_tfrecord={records}", "--output_tfrecord={out}/s", SMALL, "--output_shards=2", "--num_processes=1"),
            ("input_tfrecord", "config"), ("output_tfrecord",)),
    Command("preprocess.groove", ("--input={groove}", "--output_file={out}/o.tfrecord"), ("input",), ("output_file",)),
    Command("preprocess.piano", ("--input={midi}", "--output_file={out}/o.tfrecord", "--num_processes=1"), ("input",), ("output_file", "held_out_file"), works=False),
    Command("patterns.convert", ("--midi_dir={out}/m", "--output_file={out}/o.tfrecord"), ("input_files",), ("output_file", "midi_dir")),
    Command("workflows.grooves.calibrate", ("--run_dir={groove_checkpoint}", "--examples_path={records}", "--output={out}/o.safetensors"),
            ("run_dir", "examples_path"), ("output",), is_quick=False, works=False),
    Command("experiments", ("--output_dir={out}", "--rule=linear"), ("songs",), ("output_dir",), is_quick=False, head=("boolean_algebra",)),
    Command("benchmarks", ("--only=nothing",), ("groove",), ("output",), works=False),
    Command("benchmarks.polyphonic", ("--data={midi}",), ("data",), (), works=False),
)  # fmt: skip


def world(folder: Path) -> dict[str, str]:
    """Small inputs of every kind, by the names that arguments have them under."""
    import shutil

    import configs
    import explore
    from patterns import convert
    from tests.helpers.drum_sequences import write_beat

    (folder / "midi").mkdir()
    beat = write_beat(folder / "midi" / "beat.mid")
    (folder / "groove" / "drummer1").mkdir(parents=True)
    shutil.copy(beat, folder / "groove" / "drummer1" / "1.mid")
    (folder / "groove" / "info.csv").write_text(
        "drummer,session,id,style,bpm,beat_type,time_signature,midi_filename,duration,split\n"
        "drummer1,drummer1/session1,drummer1/session1/1,rock,120,beat,4-4,drummer1/1.mid,8.0,train\n"
    )
    (folder / "grid.txt").write_bytes(next((ROOT / "patterns").glob("waltz.txt")).read_bytes())
    convert.main([f"--input_files={ROOT}/patterns/funk.txt", f"--output_file={folder}/records.tfrecord"])
    explore.main(["embed", SMALL, f"--input_dir={folder}/midi", f"--output_file={folder}/e.npz"])
    checkpoints = ROOT / "checkpoints"
    assert configs.DEFAULT_CONFIG
    return {
        "beat": str(beat),
        "midi": str(folder / "midi"),
        "groove": str(folder / "groove"),
        "records": str(folder / "records.tfrecord"),
        "embedding": str(folder / "e.npz"),
        "checkpoint": str(checkpoints / "hierdec-drum_4bar_small.safetensors"),
        "groove_checkpoint": str(checkpoints / "groovae_2bar_humanize_small.safetensors"),
    }


def invoke(
    module: str,
    arguments: list[str],
    folder: Path,
    stdout: str = "pipe",
    file_bytes: int | None = None,
    timeout: float = 120.0,
) -> Done:
    """Run a command in a child.

    Args:
        module: what `python -m` runs.
        arguments: the command line.
        folder: where it runs.
        stdout: pipe, closed, full (`/dev/full`) or broken (a pipe that nobody reads).
        file_bytes: what files may hold, as if the disk were full then.
        timeout: seconds after which it is killed.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    errors, printed = os.pipe(), os.pipe()
    began = time.monotonic()
    pid = os.fork()
    if pid == 0:
        status = 70
        try:
            os.setsid()
            os.dup2(errors[1], 2)
            _set_stdout(stdout, printed[1])
            os.closerange(3, 1024)
            status = _run(module, arguments, folder, file_bytes)
        finally:
            os._exit(status)
    os.close(errors[1])
    os.close(printed[1])
    said, out = _read_all((errors[0], printed[0]), began + timeout)
    status: int | None = None
    while True:
        ended, code = os.waitpid(pid, os.WNOHANG)
        if ended:
            status = os.waitstatus_to_exitcode(code)
            break
        if time.monotonic() > began + timeout:
            break
        time.sleep(0.01)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    if status is None:
        os.waitpid(pid, 0)
    return Done(status, said, out, time.monotonic() - began)


def _read_all(pipes: tuple[int, int], deadline: float) -> list[str]:
    """What comes from two pipes until both are closed."""
    found = {pipe: b"" for pipe in pipes}
    opened = list(pipes)
    while opened and (left := deadline - time.monotonic()) > 0:
        for pipe in select.select(opened, [], [], left)[0]:
            data = os.read(pipe, 65536)
            found[pipe] += data
            if not data:
                opened.remove(pipe)
    for pipe in pipes:
        os.close(pipe)
    return [data.decode(errors="replace") for data in found.values()]


def _set_stdout(stdout: str, pipe: int) -> None:
    if stdout == "pipe":
        os.dup2(pipe, 1)
    elif stdout == "closed":
        os.close(1)
    elif stdout == "full":
        os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
    else:
        reading, writing = os.pipe()
        os.close(reading)
        os.dup2(writing, 1)


def _run(module: str, arguments: list[str], folder: Path, file_bytes: int | None) -> int:
    """In the child: the command, as Python would run it."""
    import traceback

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # as Python has it
    if file_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))
    os.chdir(folder)
    sys.path.insert(0, str(ROOT))
    sys.argv = [f"{module}.py", *arguments]
    sys.modules.pop(module, None)  # or runpy would warn
    try:
        os.fstat(1)
        sys.stdout = sys.__stdout__ = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    except OSError:
        sys.stdout = sys.__stdout__ = None  # type: ignore[assignment,misc]
    sys.stderr = sys.__stderr__ = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115
    status: Any = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=False)
    except SystemExit as end:
        status = end.code
    except BaseException:  # noqa: BLE001 - what Python would print
        traceback.print_exc()
        status = 1
    if sys.stdout is not None:
        try:
            sys.stdout.flush()
        except OSError:
            os.write(2, b"Exception ignored in: standard output\n")
            status = 120
    return 0 if status is None else int(status) if isinstance(status, int) else 1


def value_flags(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """The flags of a parser that take a value."""
    for action in parser._actions:
        takes = action.option_strings and action.nargs != 0 and action.help is not argparse.SUPPRESS
        if takes and not isinstance(action, argparse.BooleanOptionalAction | argparse._HelpAction):
            yield action

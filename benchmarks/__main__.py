"""Measure this project beside its originals, on this machine, in one run; print the tables of docs/figures.md.

Each measurement runs in a process of its own, one after the other; what is compared runs close together in time.
"""

if __name__ == "__main__":  # see common/console.py
    from common import signals

    signals.listen()

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import configs
from benchmarks.flops import training_flops
from common.console import Parser, print_table, run_command
from common.errors import InputError
from common.output_files import check_outputs, write_atomically
from interop.magenta_process import ROOT, magenta_is_installed, run_magenta

CONFIG = "hierdec-drum_4bar"
LARGE = {
    "cat-mel_2bar_big": 4,
    "hierdec-mel_16bar:enc_rnn_size=[512,512],dec_rnn_size=[256,256]": 8,
    "groovae_4bar": 64,
}
"""Magenta's larger configs, with batch sizes that two cores train in seconds.

At its own widths the original of `hierdec-mel_16bar` needs more than 23 GB for a batch of 2, so here they are a quarter.
"""

COMMANDS = tuple(sorted(path.name for path in ROOT.glob("*.py") if path.stem != "configs"))
MODULES = ("preprocess.convert_dir_to_note_sequences", "preprocess.preprocess_tfrecord", "preprocess.groove")


def get_parser() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Parser(
        "Measure this project beside its originals.",
        "python -m benchmarks --groove=groove --output=results.json",
    )
    parser.add_argument("--groove", help="the Groove MIDI folder, for the two conversions")
    parser.add_argument("--only", help="names of measurements, separated by commas (default: all)")
    parser.add_argument(
        "--torch_python",
        default=sys.executable,
        help="a Python with PyTorch, for 'piano' (default: this one)",
    )
    parser.add_argument("--quick", action="store_true", help="'piano' at a small size, as a smoke test")
    parser.add_argument("--output", help="JSON file for the figures")
    return parser


Row = dict[str, Any]
"""A line of the table: `name`, seconds of the `original` and of `ours`, their `ratio`, and a `note`."""


def ours(
    task: str, backend: str, batch: int = 0, repeats: int = 5, line: str = "", config: str = CONFIG
) -> dict[str, Any]:
    """What a task of `benchmarks.ours` prints; arguments as there, and `line` is its standard input."""
    environment = {**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "benchmarks.ours", task, config, str(batch), str(repeats)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, input=line, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    return json.loads(done.stdout.splitlines()[-1])


def process(arguments: list[str], environment: dict[str, str] | None = None) -> float:
    """Wall-clock seconds of a Python process, from start to end.

    Raises:
        RuntimeError: with the end of its output, where it fails.
    """
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env={**os.environ, **(environment or {})},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{arguments}: {done.stderr[-3000:]}")
    return time.perf_counter() - began


def original_steps(name: str, batch: int, count: int) -> float:
    """Median seconds of the original's training step, the first left out."""
    import numpy as np

    from benchmarks.ours import chosen_config, random_examples
    from benchmarks.random_batches import with_hparams

    config = with_hparams(chosen_config(name), batch_size=batch)
    batches = [random_examples(config, batch, seed) for seed in range(count + 1)]
    arrays = {key: np.stack([b[key] for b in batches]) for key in batches[0] if key != "lengths"}
    arrays["noise"] = np.zeros((count + 1, batch, config.hparams.z_size), np.float32)
    result = run_magenta("train_steps", config, arrays, assign=False, fixed_noise=False)
    return statistics.median(result["seconds"][1:])


def train_step(batch: int, count: int) -> list[Row]:
    """The training step on both backends, with the share of the backend's matrix-product rate."""
    original = original_steps(CONFIG, batch, count)
    flops = training_flops(configs.CONFIG_MAP[CONFIG], batch)
    rows = []
    for backend in ("tensorflow", "jax"):
        seconds = statistics.median(ours("train_step", backend, batch, count)["seconds"])
        rate = ours("matrix_product", backend, repeats=10)["gflops"]
        share = flops / seconds / 1e9 / rate
        note = f"{flops / seconds / 1e9:.0f} of {rate:.0f} GFLOP/s ({share:.0%})"
        rows.append(row(f"train step, batch {batch}, {backend}", original, seconds, note))
    return rows


def large_train_steps() -> list[Row]:
    """The training step of Magenta's larger configs, on both backends."""
    rows = []
    for name, batch in LARGE.items():
        original = original_steps(name, batch, 1)
        for backend in ("tensorflow", "jax"):
            seconds = statistics.median(ours("train_step", backend, batch, 2, config=name)["seconds"])
            rows.append(row(f"train step of {name}, batch {batch}, {backend}", original, seconds))
    return rows


def row(name: str, original: float, seconds: float, note: str = "") -> Row:
    """A line of the table, of seconds."""
    return {"name": name, "original": original, "ours": seconds, "ratio": original / seconds, "note": note}


def sampling(name: str, n: int) -> list[Row]:
    """Sampling `n` clips from the same untrained weights, after warming up."""
    with tempfile.TemporaryDirectory() as folder:
        from benchmarks.ours import chosen_config

        prefix = _untrained_checkpoint(Path(folder), name)
        config = chosen_config(name)
        original = run_magenta("sample_checkpoint", config, checkpoint=prefix, n=n, repeats=4)["seconds"]
        steady = statistics.median(original[2:])
        rows = []
        for backend in ("tensorflow", "jax"):
            found = ours("sample", backend, n, 5, config=name)
            seconds = statistics.median(found["compiled"])
            rows.append(row(f"sample {n} clips of {name}, {backend}", steady, seconds))
        seconds = statistics.median(found["numpy"])
        rows.append(row(f"sample {n} clips of {name}, NumPy", steady, seconds))
        return rows


def _untrained_checkpoint(folder: Path, name: str = CONFIG) -> str:
    """A TensorFlow 1 checkpoint of fresh weights, written by this project."""
    prefix = str(folder / "model.ckpt-0")
    ours("untrained_checkpoint", "tensorflow", line=prefix + "\n", config=name)
    return prefix


ORIGINAL_GENERATE = (
    "import sys, warnings; warnings.simplefilter('ignore');"
    "import configs; configs.register_in_magenta();"
    "from magenta.models.music_vae import music_vae_generate; music_vae_generate.console_entry_point()"
)


def sample_command() -> list[Row]:
    """Sampling eight beats, the whole process: from the original's kind of checkpoint, and from the shipped one."""
    with tempfile.TemporaryDirectory() as folder:
        prefix = _untrained_checkpoint(Path(folder))
        flags = [
            f"--config={CONFIG}",
            f"--checkpoint_file={prefix}",
            "--num_outputs=8",
            f"--output_dir={folder}/a",
        ]
        original = process(["-c", ORIGINAL_GENERATE, "--mode=sample", *flags], {"TF_USE_LEGACY_KERAS": "1"})
        same = process(["sample.py", *flags, "--force"])
        named = ["--config=hierdec-drum_4bar_small", "--num_outputs=8", f"--output_dir={folder}/b"]
        shipped = process(["sample.py", *named])
        return [
            row("sample.py, 8 beats, hierdec-drum_4bar_small", original, shipped),
            row("sample.py, 8 beats, Magenta checkpoint", original, same, "TensorFlow reads it"),
        ]


ORIGINAL_CONVERT = (
    "from magenta.scripts.convert_dir_to_note_sequences import console_entry_point; console_entry_point()"
)


def convert(groove: str) -> list[Row]:
    """Converting a folder of MIDI files to NoteSequences, the whole process."""
    with tempfile.TemporaryDirectory() as folder:
        flags = [f"--input_dir={groove}", f"--output_file={folder}/a.tfrecord", "--recursive"]
        original = process(["-c", ORIGINAL_CONVERT, *flags], {"TF_USE_LEGACY_KERAS": "1"})
        seconds = process(["-m", "preprocess.convert_dir_to_note_sequences", *flags, "--force"])
        return [row("MIDI folder to NoteSequences", original, seconds)]


ORIGINAL_EXAMPLES = """
import sys, time, warnings; warnings.simplefilter("ignore")
import note_seq, tensorflow as tf
from magenta.models.music_vae import data
c = data.DrumsConverter(max_bars=100, slice_bars=4, steps_per_quarter=4, roll_input=True, max_tensors_per_notesequence=None)
began, n = time.perf_counter(), 0
for record in tf.compat.v1.io.tf_record_iterator(sys.argv[1]):
    n += len(c.to_tensors(note_seq.NoteSequence.FromString(record)).outputs)
print(n, time.perf_counter() - began)
"""


def convert_examples(groove: str) -> list[Row]:
    """Converting NoteSequences to examples in one process, without its start-up."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/a.tfrecord"
        process(
            [
                "-m",
                "preprocess.convert_dir_to_note_sequences",
                f"--input_dir={groove}",
                f"--output_file={path}",
                "--recursive",
            ]
        )
        done = subprocess.run(
            [sys.executable, "-c", ORIGINAL_EXAMPLES, path], cwd=ROOT, capture_output=True, text=True, check=True,
            env={**os.environ, "TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
        )  # fmt: skip
        count, original = done.stdout.split()[-2:]
        found = ours("examples", "tensorflow", line=path + "\n")
        note = f"{found['examples']} examples, the original {count}"
        return [row("NoteSequences to examples", float(original), found["seconds"][0], note)]


def torch_version(python: str) -> str | None:
    """The version of PyTorch that a Python has; None where it has none."""
    try:
        done = subprocess.run(
            [python, "-c", "import torch; print(torch.__version__)"],
            capture_output=True,
            text=True,
            check=False,
        )
    except OSError as error:
        raise InputError(f"--torch_python: {python} can't be run ({error.strerror}).", "bad_flag") from error
    return None if done.returncode else done.stdout.strip()


def torch_baseline(
    python: str, task: str, layer: str, batch: int, frames: int, repeats: int
) -> tuple[float, int]:
    """Median seconds of a task of `benchmarks/torch_baseline.py` with a layer, and the threads that it took.

    It runs with one thread and with one for each core, and the faster run counts: with steps as small as these, threads
    can lose more by waiting for each other than they gain.
    """
    script = str(ROOT / "benchmarks" / "torch_baseline.py")
    found = []
    for threads in sorted({1, len(os.sched_getaffinity(0))}):
        command = [python, script, task, layer, *map(str, (batch, frames, repeats, threads))]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr[-3000:])
        found.append((statistics.median(json.loads(done.stdout.splitlines()[-1])["seconds"]), threads))
    return min(found)


def piano(python: str, quick: bool) -> list[Row]:
    """The piano baseline beside PyTorch, which runs step by step as the author did: training, and hours of music.

    The original's layer is torch.nn.LSTM; the note says what LSTMCell takes, which computes the same with less overhead.
    The author's fragments of 256 frames are 255 predictions; ours are 256, as the frame before them is known.
    """
    batch, frames, repeats, hour = (8, 32, 2, 512) if quick else (140, 256, 3, 28_800)
    pieces, config = 4, f"piano-baseline:max_seq_len={frames}"
    version, rows = torch_version(python), []

    def beside(task: str, *sizes: int) -> tuple[float, str]:
        original, threads = torch_baseline(python, task, "LSTM", *sizes)
        cell, _ = torch_baseline(python, task, "LSTMCell", *sizes)
        return original, f"PyTorch {version}, {threads} threads; {cell:.2f} s with LSTMCell"

    original, note = beside("train", batch, frames, repeats)
    for backend in ("tensorflow", "jax"):
        seconds = statistics.median(ours("train_step", backend, batch, repeats, config=config)["seconds"])
        what = f"train step of piano-baseline, batch {batch} x {frames}, {backend}"
        rows.append(row(what, original, seconds, note))
    original, note = beside("play", pieces, hour, 1)
    for backend in ("tensorflow", "jax"):
        found = ours("play", backend, pieces, hour, config=config)
        what = f"play {pieces} pieces of {hour} frames, {backend}"
        compiling = f"; ours compiles for {found['first']:.0f} s before"
        rows.append(row(what, original, found["seconds"][0], note + compiling))
    return rows


def help_texts() -> list[Row]:
    """The slowest `--help` of our commands, beside the original's generate."""
    # absl ends `--helpshort` with status 1, so it is not run by `process`.
    environment = {**os.environ, "TF_USE_LEGACY_KERAS": "1"}
    began = time.perf_counter()
    command = [sys.executable, "-c", ORIGINAL_GENERATE, "--helpshort"]
    subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
    original = time.perf_counter() - began
    slowest = max(
        [process([command, "--help"]) for command in COMMANDS]
        + [process(["-m", m, "--help"]) for m in MODULES]
    )
    return [row("--help, the slowest command", original, slowest)]


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args = get_parser().parse_args(argv)
    for flag, folder in (("groove", args.groove), ("output", args.output and Path(args.output).parent)):
        if folder is not None and not Path(folder).is_dir():
            raise InputError(f"--{flag}: {folder} is not a folder.", "bad_flag")
    measurements: dict[str, Callable[[], list[Row]]] = {
        "train_32": lambda: train_step(32, 5),
        "train_256": lambda: train_step(256, 2),
        "sampling": lambda: sampling(CONFIG, 256),
        "train_large": large_train_steps,
        "sampling_large": lambda: [r for name in LARGE for r in sampling(name, 16)],
        "sample_command": sample_command,
        "help": help_texts,
        "piano": lambda: piano(args.torch_python, args.quick),
    }
    if args.groove:
        groove = str(Path(args.groove).resolve())
        measurements |= {"convert": lambda: convert(groove), "examples": lambda: convert_examples(groove)}
    chosen = [name for name in (args.only or "").split(",") if name] or list(measurements)
    unknown = sorted(set(chosen) - set(measurements))
    if unknown:
        raise InputError(f"--only names '{unknown[0]}'; expected {', '.join(measurements)}.")
    if args.output:
        check_outputs([Path(args.output)], force=True)
    if chosen != ["piano"] and not magenta_is_installed():
        raise InputError("Magenta is not installed; make test installs it. Only --only=piano does without.")
    if "piano" in chosen and torch_version(args.torch_python) is None:
        missing = f"{args.torch_python} has no PyTorch; pip install torch, or name another by --torch_python."
        if args.only:
            raise InputError(missing)
        print(f"Leaving out piano: {missing}", file=sys.stderr)
        chosen.remove("piano")
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    rows = []
    for name in chosen:
        print(f"measuring {name}", file=sys.stderr, flush=True)
        found = measurements[name]()
        rows += found
        for one in found:
            line = f"{one['name']}: {one['original']:.3g} s, ours {one['ours']:.3g} s; {one['note']}"
            print(line.rstrip("; "), file=sys.stderr, flush=True)
        if args.output:  # what has been measured is kept, even if a later measurement fails
            text = json.dumps({"machine": machine, "rows": rows}, indent=1)
            write_atomically(args.output, f"{text}\n".encode())
    columns = ["what", "original (s)", "ours (s)", "times faster", "note"]
    print_table(f"Beside the originals on {machine}", columns, [tuple(r.values()) for r in rows])
    if args.output:
        print(f"Wrote {args.output}.")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))

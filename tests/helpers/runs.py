"""Small training runs: their flags, and what they leave."""

import csv
from pathlib import Path

from models.formats import ours as checkpoint

# Without scheduled sampling, whose compilation takes longest; one test has it.
TINY = "z_size=4,enc_rnn_size=[8],dec_rnn_size=[8],batch_size=8,sampling_schedule=constant,sampling_rate=0.0"


def flags(
    run_dir: Path, examples: Path, *more: str, hparams: str = "", config: str = "cat-drums_2bar_small"
) -> list[str]:
    settings = ["--log_every=2", "--save_every=2", "--eval_every=2"]
    model = [f"--config={config}", f"--hparams={TINY}{hparams and ','}{hparams}"]
    return [*model, f"--run_dir={run_dir}", f"--examples_path={examples}", *settings, *more]


def steps_of(run_dir: Path) -> list[int]:
    return [int(p.stem.removeprefix("step-")) for p in checkpoint.numbered(run_dir / "train")]


def log_of(run_dir: Path) -> list[dict[str, str]]:
    with open(run_dir / "log.csv", newline="") as file:
        return list(csv.DictReader(file))


def newest(run_dir: Path) -> checkpoint.Checkpoint:
    path = checkpoint.latest(run_dir / "train")
    assert path is not None
    return checkpoint.load(path)

"""HistoryUser with an LSTM behind it: three tests of whether it reads what the next layer needs.

A final LSTM sees the present frame and what was read, so it may change what it gets, and the reader must still learn
where to read. The seeds tried three tasks on random bits: say the frame of 64 ago; say it with its keys turned by
one; and say the one from a lag that the number of ones in the present frame decides, turned by one as well. In
short, it works; numbers of ones that are rare are not learnt. Look at the losses, and at the error by the number of
ones. The seeds gave each task 1000 steps of 128 examples: --steps 1000 1000 1000 --batch=128 does so here.
"""

import argparse
from collections.abc import Callable, Iterable
from functools import partial
from math import comb
from pathlib import Path
from typing import Any

import numpy as np

from experiments.history_copy import CHANCE, FRAMES, KEYS, LAG, copy_loss, draw_copies
from experiments.outcome import Finding, Outcome

LAG_OF_ONES = (1, 2, 4, 8, 12, 16, 24, 28, 32, 36, 40, 48, 56, 64)
"""The third task's lag, by the number of ones among the 13 keys of a frame."""
SOLVED = 1.0

Examples = tuple[np.ndarray, np.ndarray]

SEED_STEPS = range(0, 1000, 100)
SEED_LOSSES = {
    "copy": (134.47, 32.43, 2.67, 0.3165, 0.1848, 0.1384, 0.1119, 0.0901, 0.0768, 0.0646),
    "copy and turn": (236.78, 33.73, 30.81, 2.76, 0.365, 0.207, 0.151, 0.124, 0.101, 0.0856),
    "varying lag": (242.09, 34.97, 32.71, 31.10, 21.92, 8.80, 6.70, 6.12, 6.12, 5.41),
}
SEED_ERRORS = "about 0.02 to 0.03 for 4 to 9 ones, 4.8 to 6.6 for others"


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of this experiment."""
    parser.add_argument(
        "--steps",
        type=int,
        nargs=3,
        default=(550, 350, 600),
        metavar="N",
        help="of each task (default: 550 350 600; the seed's: 1000 1000 1000)",
    )
    parser.add_argument("--batch", type=int, default=16, help="of a step (default: 16; the seed's: 128)")


def run(args: argparse.Namespace, folder: Path) -> Outcome:
    """Learn the three tasks one after the other, each from the same initial weights."""
    from preprocess.errors import InputError

    if min(*args.steps, args.batch) < 1:
        raise InputError("--steps and --batch: give numbers of 1 or more.", "bad_flag")
    from experiments.descent import mean_of_last, start_over, train
    from models import quiet

    quiet.import_keras()
    model = build_model(args.seed)
    initial, losses = model.get_weights(), {}
    for (name, task), steps in zip(TASKS.items(), args.steps, strict=True):
        start_over(model, initial)
        draw = partial(task, np.random.default_rng(args.seed), args.batch)
        losses[name] = train(model, copy_loss, draw, steps, name)
    errors = error_by_ones(model, *vary_lag(np.random.default_rng(args.seed + 1), 64))
    ends = {name: mean_of_last(task_losses) for name, task_losses in losses.items()}
    findings = [
        Finding(
            f"loss, {name}: step 0, and after {len(losses[name])}",
            f"{SEED_LOSSES[name][0]:.1f}, {SEED_LOSSES[name][-1]:.3f} (900)",
            f"{losses[name][0]:.1f}, {ends[name]:.3f}",
        )
        for name in TASKS
    ]
    common, rare = (mean_error(errors, ones) for ones in (COMMON, RARE))
    findings.append(
        Finding(
            "varying lag, error of a frame: 4 to 9 ones, fewer or more",
            "0.02 to 0.03, 4.8 to 6.6",
            f"{common:.3f}, {rare:.3f}",
        )
    )
    return Outcome(
        "HistoryUser with an LSTM behind it",
        "Where a layer after the read does something of its own, are the right frames asked for, and does the "
        "gradient lead there? In short, it works.",
        tuple(findings),
        verdict(ends, common, rare),
        draw_pictures(folder, losses, errors),
    )


# ---------------------------------------------------------------------------------------------- the tasks


def copy_and_turn(rng: np.random.Generator, batch: int) -> Examples:
    """`draw_copies` with every key of the answer moved up by one, the highest to the lowest."""
    shown, said = draw_copies(rng, batch)
    return shown, np.roll(said, 1, axis=-1)


def vary_lag(rng: np.random.Generator, batch: int) -> Examples:
    """192 random frames; the answer is the turned frame from `LAG_OF_ONES[ones in the present frame]` ago."""
    shown = rng.integers(0, 2, (batch, FRAMES, KEYS)).astype(np.float32)
    source = np.arange(FRAMES) - np.array(LAG_OF_ONES)[shown.sum(axis=-1).astype(int)]
    said = np.take_along_axis(shown, np.maximum(source, 0)[..., None], axis=1) * (source >= 0)[..., None]
    return shown, np.roll(said, 1, axis=-1).astype(np.float32)


TASKS: dict[str, Callable[[np.random.Generator, int], Examples]] = {
    "copy": draw_copies,
    "copy and turn": copy_and_turn,
    "varying lag": vary_lag,
}
COMMON = range(4, 10)
"""Numbers of ones that the seed's network learnt."""
RARE = (1, 2, 3, 10, 11, 12, 13)


def build_model(seed: int) -> Any:
    """LSTMs 70 and 50 that weigh the last 80 frames, an LSTM 90 on frame and read, a linear layer to 13 keys."""
    from models.backend import set_seed
    from models.history_predictor import HistoryPredictor

    set_seed(seed)
    return HistoryPredictor(KEYS, KEYS)


def error_by_ones(model: Any, shown: np.ndarray, said: np.ndarray) -> dict[int, float]:
    """The squared error of a frame, summed over its keys, by the number of ones in the frame that is seen."""
    error = np.square(said - np.asarray(model(shown)))[:, LAG:].sum(axis=-1)
    ones = shown[:, LAG:].sum(axis=-1)
    return {n: float(error[ones == n].mean()) for n in range(KEYS + 1) if (ones == n).any()}


def mean_error(errors: dict[int, float], ones: Iterable[int]) -> float:
    """The mean over numbers of ones, each counting as much as the next; those that did not occur are left out."""
    return float(np.mean([errors[n] for n in ones if n in errors]))


# ----------------------------------------------------------------------------------------------- what came out


def verdict(ends: dict[str, float], common: float, rare: float) -> str:
    """What the last losses say."""
    solved = [f'"{name}"' for name, loss in ends.items() if loss < SOLVED]
    said = f"Learnt, to a loss below {SOLVED:g} where chance is {CHANCE:.0f}: {' and '.join(solved) or 'no task'}. "
    share = sum(comb(KEYS, n) for n in COMMON) / 2**KEYS
    if common < 0.5 < rare:
        return said + (
            f"With a varying lag, 4 to 9 ones ({share:.0%} of the frames) are answered and the rest not, as the "
            "seed found."
        )
    if ends["varying lag"] < 0.5 * CHANCE:
        return said + "With a varying lag it has learnt a part of the lags."
    return said + "The varying lag needs more steps than these."


def draw_pictures(
    folder: Path, losses: dict[str, list[float]], errors: dict[int, float]
) -> tuple[tuple[str, str], ...]:
    """Write the pictures; their names and captions."""
    from experiments.pictures import save_curves

    curves: dict[str, Any] = {}
    for name in TASKS:
        curves[name] = losses[name]
        curves[f"{name}, the seed"] = (SEED_STEPS, SEED_LOSSES[name])
    title = "Three tasks"
    save_curves(
        folder / "losses.png", curves, "loss", title=title, logarithmic=True, marks={"chance": CHANCE}
    )
    by_ones = {"error": (list(errors), list(errors.values()))}
    meaning, over = "squared error of a frame, over its 13 keys", "ones in the present frame"
    chance = {"chance": 0.25 * KEYS}
    save_curves(folder / "errors.png", by_ones, meaning, over, "Varying lag", logarithmic=True, marks=chance)
    return (
        ("losses.png", "Loss over the steps, beside the seed's."),
        ("errors.png", f"Error with a varying lag, by the number of ones; the seed's was {SEED_ERRORS}."),
    )

"""HistoryUser followed by an LSTM: three tasks that test whether it learns to read what the next layer needs.

HistoryUser predicts from the present frame which of the last 80 frames to read (see history_copy). Here a final LSTM
receives the present frame and the result of the read, and may transform it, so the gradient that teaches the reader
where to read has to pass through another layer. As in the original (MusicGeneration), there are three tasks on random
bits: output the frame from 64 steps ago ("copy"); output it with its keys rotated by one ("copy and turn"); and output,
also rotated, the frame from a lag that depends on the number of ones in the present frame ("varying lag"). The original
learned all three, except for frames in which the number of ones is unusual. Compare the loss curves with the original's,
and see how the error depends on the number of ones. To train as long as the original did, use
--steps 1000 1000 1000 --batch=128.
"""

import argparse
from collections.abc import Callable, Iterable
from functools import partial
from math import comb
from pathlib import Path
from typing import Any

import numpy as np

from common import flags
from experiments.history_copy import CHANCE, FRAMES, KEYS, LAG, copy_loss, draw_copies
from experiments.outcome import Finding, Outcome

LAG_OF_ONES = (1, 2, 4, 8, 12, 16, 24, 28, 32, 36, 40, 48, 56, 64)
"""The third task's lag, by the number of ones among the 13 keys of a frame."""
SOLVED = 1.0
"""A task with a final loss below this counts as learned."""

Examples = tuple[np.ndarray, np.ndarray]

ORIGINAL_STEPS = range(0, 1000, 100)
ORIGINAL_LOSSES = {
    "copy": (134.47, 32.43, 2.67, 0.3165, 0.1848, 0.1384, 0.1119, 0.0901, 0.0768, 0.0646),
    "copy and turn": (236.78, 33.73, 30.81, 2.76, 0.365, 0.207, 0.151, 0.124, 0.101, 0.0856),
    "varying lag": (242.09, 34.97, 32.71, 31.10, 21.92, 8.80, 6.70, 6.12, 6.12, 5.41),
}
ORIGINAL_ERRORS = "about 0.02 to 0.03 for 4 to 9 ones, 4.8 to 6.6 for others"


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--steps",
        type=flags.COUNT_OR_NONE,
        nargs=3,
        default=(550, 350, 600),
        metavar="N",
        help="training steps for each of the three tasks (default: 550 350 600; original: 1000 1000 1000)",
    )
    parser.add_argument(
        "--batch",
        type=flags.integer(0, 65_536),
        default=16,
        help="examples per training step (default: 16; original: 128)",
    )


def run(args: argparse.Namespace, folder: Path) -> Outcome:
    """Train on the three tasks in turn, each time from the same initial weights."""
    from common.errors import InputError

    if min(*args.steps, args.batch) < 1:
        raise InputError("--steps and --batch: give numbers of 1 or more.", "bad_flag")
    from experiments.descent import mean_of_last, start_over, train
    from models.layers import startup

    startup.import_keras()
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
            f"{name}: loss at step 0, and after {len(losses[name])} steps",
            f"{ORIGINAL_LOSSES[name][0]:.1f}, {ORIGINAL_LOSSES[name][-1]:.3f} (900)",
            f"{losses[name][0]:.1f}, {ends[name]:.3f}",
        )
        for name in TASKS
    ]
    common, rare = (mean_error(errors, ones) for ones in (COMMON, RARE))
    findings.append(
        Finding(
            "varying lag: error per frame for 4 to 9 ones, and for fewer or more",
            "0.02 to 0.03, 4.8 to 6.6",
            f"{common:.3f}, {rare:.3f}",
        )
    )
    return Outcome(
        "HistoryUser followed by an LSTM",
        "With another layer after the read, the network still learned to read the right frames by gradient descent, "
        "except for frames in which the number of ones is unusual.",
        tuple(findings),
        verdict(ends, common, rare),
        draw_pictures(folder, losses, errors),
    )


# ---------------------------------------------------------------------------------------------- the tasks


def copy_and_turn(rng: np.random.Generator, batch: int) -> Examples:
    """`draw_copies` with every key of the target moved up by one, and the highest moved to the lowest."""
    shown, said = draw_copies(rng, batch)
    return shown, np.roll(said, 1, axis=-1)


def vary_lag(rng: np.random.Generator, batch: int) -> Examples:
    """192 random frames; the target is the frame from `LAG_OF_ONES[ones in the present frame]` steps ago, rotated."""
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
"""The numbers of ones that the original's network learned."""
RARE = (1, 2, 3, 10, 11, 12, 13)


def build_model(seed: int) -> Any:
    """HistoryUser (LSTMs of 70 and 50 units that weight the last 80 frames), an LSTM of 90, and 13 linear outputs."""
    from models.layers.backend import set_seed
    from models.piano.readers.history_predictor import HistoryPredictor

    set_seed(seed)
    return HistoryPredictor(KEYS, KEYS)


def error_by_ones(model: Any, shown: np.ndarray, said: np.ndarray) -> dict[int, float]:
    """Squared error per frame, summed over its keys, by the number of ones in the present frame."""
    error = np.square(said - np.asarray(model(shown)))[:, LAG:].sum(axis=-1)
    ones = shown[:, LAG:].sum(axis=-1)
    return {n: float(error[ones == n].mean()) for n in range(KEYS + 1) if (ones == n).any()}


def mean_error(errors: dict[int, float], ones: Iterable[int]) -> float:
    """Unweighted mean of the errors for the given numbers of ones; numbers that did not occur are skipped."""
    return float(np.mean([errors[n] for n in ones if n in errors]))


# ----------------------------------------------------------------------------------------------- the results


def verdict(ends: dict[str, float], common: float, rare: float) -> str:
    """A summary of the final losses, and of the varying lag's error for common and rare numbers of ones."""
    solved = [f'"{name}"' for name, loss in ends.items() if loss < SOLVED]
    said = f"Learned to a loss below {SOLVED:g} (chance level is {CHANCE:.0f}): {' and '.join(solved) or 'no task'}. "
    share = sum(comb(KEYS, n) for n in COMMON) / 2**KEYS
    if common < 0.5 < rare:
        return said + (
            f"With a varying lag, frames with 4 to 9 ones ({share:.0%} of all) are learned and the others are not, as "
            "in the original."
        )
    if ends["varying lag"] < 0.5 * CHANCE:
        return said + "With a varying lag, some of the lags are learned."
    return said + "The varying lag needs more steps than it was given."


def draw_pictures(
    folder: Path, losses: dict[str, list[float]], errors: dict[int, float]
) -> tuple[tuple[str, str], ...]:
    """Write the pictures; returns their names and captions."""
    from experiments.pictures import save_curves

    curves: dict[str, Any] = {}
    for name in TASKS:
        curves[name] = losses[name]
        curves[f"{name}, original"] = (ORIGINAL_STEPS, ORIGINAL_LOSSES[name])
    title = "Three tasks"
    save_curves(
        folder / "losses.png", curves, "loss", title=title, logarithmic=True, marks={"chance": CHANCE}
    )
    by_ones = {"error": (list(errors), list(errors.values()))}
    meaning, over = "squared error per frame, summed over 13 keys", "ones in the present frame"
    chance = {"chance": 0.25 * KEYS}
    save_curves(folder / "errors.png", by_ones, meaning, over, "Varying lag", logarithmic=True, marks=chance)
    return (
        ("losses.png", "Training loss on each task, and the original's."),
        (
            "errors.png",
            f"Error with a varying lag, by the number of ones; the original's: {ORIGINAL_ERRORS}.",
        ),
    )

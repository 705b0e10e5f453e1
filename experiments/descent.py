"""Gradient descent for the experiments: compiled steps on fresh batches, the loss of each, a progress bar."""

from collections.abc import Callable
from typing import Any

import numpy as np

Batch = tuple[np.ndarray, np.ndarray]


def train(
    model: Any,
    loss: Callable[[Any, Any], Any],
    draw: Callable[[], Batch],
    steps: int,
    what: str,
    optimizer: Any = None,
) -> list[float]:
    """Train a Keras model, each step on a batch drawn for it.

    Args:
        model: a `keras.Model`; one that was trained before goes on with its own optimizer.
        loss: a function of answers and outputs that gives one number for each example, `[batch]`.
        draw: gives inputs and answers.
        steps: 1 or more.
        what: stands before the progress bar.
        optimizer: by default Adam with a rate of 0.001.

    Returns:
        The mean loss of each step's batch, before that step.
    """
    import keras

    from preprocess.console import progress

    if not model.compiled:
        model.compile(
            optimizer=optimizer or keras.optimizers.Adam(1e-3), loss=loss, jit_compile=True, run_eagerly=False
        )
    losses = []
    with progress(what, steps) as advance:
        for _ in range(steps):
            model.reset_metrics()  # else Keras gives the mean of all steps so far
            losses.append(float(model.train_on_batch(*draw())))
            advance()
    return losses


def positive_flag(args: Any, *names: str) -> None:
    """Refuse flags below 1.

    Raises:
        InputError: for the first of them.
    """
    from preprocess.errors import InputError

    for name in names:
        if getattr(args, name) < 1:
            raise InputError(f"--{name}={getattr(args, name)}: give a number of 1 or more.", "bad_flag")


def mean_of_last(losses: list[float], count: int = 10) -> float:
    """The mean of the last losses, which are noisy one by one."""
    return float(np.mean(losses[-count:]))


def start_over(model: Any, weights: list[np.ndarray]) -> None:
    """Give a trained model its weights of before, and its optimizer no memory: a compiled step is used again."""
    model.set_weights(weights)
    if model.compiled and model.optimizer.built:
        rate = model.optimizer.learning_rate
        for variable in model.optimizer.variables:
            if variable is not rate:
                variable.assign(np.zeros(variable.shape))

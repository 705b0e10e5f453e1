"""The training loop that the Keras experiments share, and a few helpers around it."""

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
    """Train a Keras model with a new batch for every step.

    Args:
        model: a `keras.Model`. If it has been trained before, training continues with its existing optimizer.
        loss: a function of targets and outputs that returns one value per example, `[batch]`.
        draw: returns the next batch, as inputs and targets.
        steps: number of training steps, at least 1.
        what: label of the progress bar.
        optimizer: Adam with a learning rate of 0.001 by default.

    Returns:
        The mean loss of each batch, measured before the weights were updated on it.
    """
    import keras

    from common.console import progress

    if not model.compiled:
        model.compile(
            optimizer=optimizer or keras.optimizers.Adam(1e-3), loss=loss, jit_compile=True, run_eagerly=False
        )
    losses = []
    with progress(what, steps) as advance:
        for _ in range(steps):
            model.reset_metrics()  # otherwise Keras returns the running mean over all steps
            losses.append(float(model.train_on_batch(*draw())))
            advance()
    return losses


def positive_flag(args: Any, *names: str) -> None:
    """Check that the named flags are 1 or more.

    Raises:
        InputError: for the first one that is not.
    """
    from common.errors import InputError

    for name in names:
        if getattr(args, name) < 1:
            raise InputError(f"--{name}={getattr(args, name)}: give a number of 1 or more.", "bad_flag")


def mean_of_last(losses: list[float], count: int = 10) -> float:
    """The mean of the last `count` losses; single losses are noisy."""
    return float(np.mean(losses[-count:]))


def start_over(model: Any, weights: list[np.ndarray]) -> None:
    """Reset a trained model to the given weights and clear its optimizer state.

    Unlike building a new model, this does not compile the training step a second time.
    """
    model.set_weights(weights)
    if model.compiled and model.optimizer.built:
        rate = model.optimizer.learning_rate
        for variable in model.optimizer.variables:
            if variable is not rate:
                variable.assign(np.zeros(variable.shape))

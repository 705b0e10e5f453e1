"""Two searches for piano rolls that a listener rates highly: gradient ascent on the roll, and a genetic algorithm.

A listener is a Keras model from rolls `[batch, 128, 13]` to responses `[batch]` (`experiments/listener.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.console import progress
from experiments.descent import train
from patterns.melody import FRAMES, KEYS

ASCENT_STEPS = 100


@dataclass(frozen=True)
class Found:
    """The rolls that the searches found for a listener.

    Attributes:
        ascended: result of the gradient ascent, real-valued rolls `[n, 128, 13]`.
        climb: mean response before each step of the ascent, `[ASCENT_STEPS]`.
        bred: survivors of the genetic search, best first, binary rolls `[n, 128, 13]`.
        best: best response in each generation; the first generation is random.
    """

    ascended: np.ndarray
    climb: np.ndarray
    bred: np.ndarray
    best: np.ndarray


def responses(listener: Any, rolls: np.ndarray) -> np.ndarray:
    """A listener's responses to rolls `[n, 128, 13]`: `[n]`."""
    count, whole = len(rolls), -(-len(rolls) // 250) * 250
    # Pad to whole batches of 250, because Keras would compile the model again for any other size.
    padded = np.concatenate([rolls, np.zeros((whole - count, FRAMES, len(KEYS)))]).astype(np.float32)
    return listener.predict(padded, batch_size=250, verbose=0)[:count]


def ascend(listener: Any, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Raise a listener's response by gradient ascent on rolls, from noise, with step size 0.999^n as in the original.

    Returns:
        Rolls `[count, 128, 13]`, and the mean response before each step, `[ASCENT_STEPS]`.
    """
    import keras
    from keras import ops

    start = np.random.default_rng(seed).random((count, FRAMES, len(KEYS)))

    class Climber(keras.Model):
        """A model whose only weights are the rolls; the listener is not part of it, so it is not trained."""

        def __init__(self) -> None:
            super().__init__()
            self.rolls = self.add_weight(shape=start.shape, initializer="zeros")
            self.rolls.assign(start)

        def call(self, nothing: Any) -> Any:
            return listener(ops.convert_to_tensor(self.rolls))

    climber = Climber()
    rate = keras.optimizers.schedules.ExponentialDecay(1.0, decay_steps=1, decay_rate=0.999)
    nothing = np.zeros(count, np.float32)
    losses = train(
        climber,
        # Keras averages the loss over the rolls, which would make the steps smaller.
        lambda _, response: -count * response,
        lambda: (nothing, nothing),
        ASCENT_STEPS,
        "gradient ascent",
        keras.optimizers.SGD(rate),
    )
    return ops.convert_to_numpy(climber.rolls), -np.asarray(losses) / count


def breed(
    respond: Callable[[np.ndarray], np.ndarray],
    population: int,
    generations: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Search for binary rolls with a high response by a genetic algorithm without mutation, as in the original.

    The best quarter of each generation survives. A child has two random parents; it keeps the bits that they share,
    and the others are random.

    Args:
        respond: a function from rolls `[n, 128, 13]` to responses `[n]`.
        population: rolls per generation.
        generations: number of generations after the first, which is random with 10 % ones.
        rng: the source of random numbers.

    Returns:
        The survivors of the last generation, best first, and the best response in every generation.
    """
    rolls = (rng.random((population, FRAMES, len(KEYS))) < 0.1).astype(np.uint8)
    keep = max(2, population // 4)
    best = []
    with progress("genetic search", generations + 1) as advance:
        for generation in range(generations + 1):
            marks = respond(rolls)
            order = np.argsort(-marks)[:keep]
            best.append(float(marks[order[0]]))
            parents = rolls[order]
            if generation < generations:
                mothers, fathers = (parents[rng.integers(0, keep, population)] for _ in range(2))
                coins = rng.integers(0, 2, mothers.shape, dtype=np.uint8)
                rolls = np.where(mothers == fathers, mothers, coins)
            advance()
    return parents, np.asarray(best)


def search(listener: Any, climbers: int, population: int, generations: int, seed: int) -> Found:
    """Run both searches against a listener."""
    ascended, climb = ascend(listener, climbers, seed)
    rng = np.random.default_rng(seed)
    bred, best = breed(lambda rolls: responses(listener, rolls), population, generations, rng)
    return Found(ascended, climb, bred, best)

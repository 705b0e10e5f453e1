"""Learning rates that change with the training step: Magenta's exponential decay, and a cosine with a warmup."""

import math
from typing import Any

import keras
from keras import ops

Tensor = Any


@keras.saving.register_keras_serializable("models")
class ExponentialDecayToFloor(keras.optimizers.schedules.LearningRateSchedule):
    """`(learning_rate - min_learning_rate) * decay_rate ** step + min_learning_rate`, as in Magenta's `MusicVAE.train`.

    Example:
        >>> rate = ExponentialDecayToFloor(0.001, 0.5, 0.0001)
        >>> [round(float(rate(step)), 6) for step in (0, 1, 2, 1000)]
        [0.001, 0.00055, 0.000325, 0.0001]
    """

    def __init__(self, learning_rate: float, decay_rate: float, min_learning_rate: float):
        self.learning_rate = learning_rate
        self.decay_rate = decay_rate
        self.min_learning_rate = min_learning_rate

    def __call__(self, step: Tensor) -> Tensor:
        """The learning rate at `step`."""
        decayed = ops.power(self.decay_rate, ops.cast(step, "float32"))
        return (self.learning_rate - self.min_learning_rate) * decayed + self.min_learning_rate

    def get_config(self) -> dict[str, float]:
        """The constructor's arguments."""
        return {
            "learning_rate": self.learning_rate,
            "decay_rate": self.decay_rate,
            "min_learning_rate": self.min_learning_rate,
        }


@keras.saving.register_keras_serializable("models")
class CosineDecayToFloor(keras.optimizers.schedules.LearningRateSchedule):
    """Half a cosine from `learning_rate` down to `min_learning_rate` over `decay_steps`, after a linear warmup.

    Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (2017), without its restarts.
    """

    def __init__(
        self, learning_rate: float, decay_steps: int, min_learning_rate: float, warmup_steps: int = 0
    ):
        self.learning_rate = learning_rate
        self.decay_steps = decay_steps
        self.min_learning_rate = min_learning_rate
        self.warmup_steps = warmup_steps

    def __call__(self, step: Tensor) -> Tensor:
        """The learning rate at `step`."""
        step = ops.cast(step, "float32")
        progress = ops.minimum(step / self.decay_steps, 1.0)
        height = 0.5 * (1.0 + ops.cos(math.pi * progress))
        rate = self.min_learning_rate + (self.learning_rate - self.min_learning_rate) * height
        return rate * ops.minimum(1.0, (step + 1.0) / max(1, self.warmup_steps))

    def get_config(self) -> dict[str, float]:
        """The constructor's arguments."""
        return {
            "learning_rate": self.learning_rate,
            "decay_steps": self.decay_steps,
            "min_learning_rate": self.min_learning_rate,
            "warmup_steps": self.warmup_steps,
        }

"""Quantities that change with the training step: learning rate, weight of the KL, scheduled sampling.

The formulas are those of Magenta's `MusicVAE.train` and `lstm_utils.get_sampling_probability`.
"""

import math
from typing import Any

import keras
from keras import ops

Array = Any

SAMPLING_SCHEDULES = ("constant", "exponential", "inverse_sigmoid")


@keras.saving.register_keras_serializable("models")
class ExponentialDecayToFloor(keras.optimizers.schedules.LearningRateSchedule):
    """`(learning_rate - min_learning_rate) * decay_rate ** step + min_learning_rate`."""

    def __init__(self, learning_rate: float, decay_rate: float, min_learning_rate: float):
        self.learning_rate = learning_rate
        self.decay_rate = decay_rate
        self.min_learning_rate = min_learning_rate

    def __call__(self, step: Array) -> Array:
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
    """Half a cosine from `learning_rate` to `min_learning_rate` in `decay_steps`, with a linear rise at first.

    Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts" (2017), without restarts.
    """

    def __init__(
        self, learning_rate: float, decay_steps: int, min_learning_rate: float, warmup_steps: int = 0
    ):
        self.learning_rate = learning_rate
        self.decay_steps = decay_steps
        self.min_learning_rate = min_learning_rate
        self.warmup_steps = warmup_steps

    def __call__(self, step: Array) -> Array:
        """The learning rate at `step`."""
        step = ops.cast(step, "float32")
        way = ops.minimum(step / self.decay_steps, 1.0)
        height = 0.5 * (1.0 + ops.cos(math.pi * way))
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


def kl_weight(step: Array, max_beta: float, beta_rate: float) -> Array:
    """Beta, the weight of the KL: `(1 - beta_rate ** step) * max_beta`."""
    return (1.0 - ops.power(beta_rate, ops.cast(step, "float32"))) * max_beta


def check_sampling_schedule(schedule: str, rate: float) -> None:
    """Raise a ValueError that names the allowed values where a schedule or its rate is not one."""
    if schedule not in SAMPLING_SCHEDULES:
        raise ValueError(
            f"sampling_schedule is '{schedule}'; expected one of {', '.join(SAMPLING_SCHEDULES)}."
        )
    if schedule == "constant" and not 0 <= rate <= 1:
        raise ValueError(f"sampling_rate of the constant schedule is {rate}; expected 0 to 1.")
    if schedule == "exponential" and not 0 < rate < 1:
        raise ValueError(
            f"sampling_rate of the exponential schedule is {rate}; expected above 0 and below 1."
        )
    if schedule == "inverse_sigmoid" and rate < 1:
        raise ValueError(f"sampling_rate of the inverse_sigmoid schedule is {rate}; expected at least 1.")


def is_teacher_forcing(schedule: str, rate: float) -> bool:
    """Whether a schedule never gives a model its own draws."""
    return schedule == "constant" and rate == 0


def sampling_probability(step: Array, schedule: str, rate: float) -> Array:
    """Probability that a model's next input is its own draw instead of the true value.

    constant: `rate`. exponential: `1 - rate ** step`. inverse_sigmoid: `1 - rate / (rate + exp(step / rate))`.
    Bengio et al., "Scheduled Sampling for Sequence Prediction with Recurrent Neural Networks" (2015).
    """
    step = ops.cast(step, "float32")
    if schedule == "exponential":
        return 1.0 - ops.power(rate, step)
    if schedule == "inverse_sigmoid":
        return 1.0 - rate / (rate + ops.exp(step / rate))
    return ops.cast(rate, "float32") + 0.0 * step

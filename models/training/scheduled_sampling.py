"""Scheduled sampling: how often a model in training is fed its own draw instead of the true value.

Bengio et al., "Scheduled Sampling for Sequence Prediction with Recurrent Neural Networks" (2015). The probabilities are
those of Magenta's `lstm_utils.get_sampling_probability`. What a model does with them is in its own file:
`MusicVAE.scheduled_inputs` and `FrameModel.scheduled_inputs`.
"""

from typing import Any

from keras import ops

Tensor = Any

SAMPLING_SCHEDULES = ("constant", "exponential", "inverse_sigmoid")


def check_sampling_schedule(schedule: str, rate: float) -> None:
    """Refuse an unknown schedule, or a rate outside of its range.

    Args:
        schedule: one of `SAMPLING_SCHEDULES`.
        rate: from 0 to 1 for `constant`, between them for `exponential`, at least 1 for `inverse_sigmoid`.

    Raises:
        ValueError: naming the values that are allowed.
    """
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
    """Whether a schedule always feeds the true values, so that there is nothing to draw."""
    return schedule == "constant" and rate == 0


def sampling_probability(step: Tensor, schedule: str, rate: float) -> Tensor:
    """Probability that a model's next input is its own draw instead of the true value.

    Args:
        step: training steps taken so far.
        schedule: `constant`: `rate`; `exponential`: `1 - rate ** step`; `inverse_sigmoid`:
            `1 - rate / (rate + exp(step / rate))`.
        rate: see `check_sampling_schedule`.

    Returns:
        float32, from 0 to 1.

    Example:
        >>> [round(float(sampling_probability(step, "inverse_sigmoid", 1000)), 3) for step in (0, 5000, 10000)]
        [0.001, 0.129, 0.957]
    """
    step = ops.cast(step, "float32")
    if schedule == "exponential":
        return 1.0 - ops.power(rate, step)
    if schedule == "inverse_sigmoid":
        return 1.0 - rate / (rate + ops.exp(step / rate))
    return ops.cast(rate, "float32") + 0.0 * step

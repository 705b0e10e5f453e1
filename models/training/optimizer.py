"""Adam with Magenta's ways of clipping gradients, weight decay, and a moving average of the weights."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

if TYPE_CHECKING:
    from models.training.trainable import TrainableModel

Tensor = Any


class ClippedAdam(keras.optimizers.Adam):
    """Adam as TensorFlow 1 has it (epsilon 1e-8), with gradients clipped first.

    Args:
        learning_rate: a constant or a schedule.
        clip_mode: `global_norm` scales all gradients so that their joint norm is at most `grad_clip`, and skips
            the step where it reaches `grad_norm_clip_to_zero`; `value` clips each element to +-`grad_clip`.
        grad_clip: see `clip_mode`.
        grad_norm_clip_to_zero: see `clip_mode`.
        weight_decay: fraction of every kernel that a step subtracts, times the learning rate (Loshchilov and Hutter,
            "Decoupled Weight Decay Regularization", 2019); biases do not decay.
        averaging_rate: fraction of a moving average of the weights that a step keeps (Polyak); 0 for no average.

    Raises:
        ValueError: for an unknown clip_mode.
    """

    def __init__(
        self,
        learning_rate: "float | keras.optimizers.schedules.LearningRateSchedule",
        clip_mode: str,
        grad_clip: float,
        grad_norm_clip_to_zero: float,
        weight_decay: float = 0.0,
        averaging_rate: float = 0.0,
    ):
        super().__init__(
            learning_rate,
            epsilon=1e-8,
            weight_decay=weight_decay or None,
            use_ema=averaging_rate > 0,
            ema_momentum=averaging_rate or 0.99,
        )
        if weight_decay:
            self.exclude_from_weight_decay(var_names=["bias"])
        if clip_mode not in ("global_norm", "value"):
            raise ValueError(f"clip_mode is '{clip_mode}'; expected global_norm or value.")
        self.clip_mode = clip_mode
        self.grad_clip = grad_clip
        self.grad_norm_clip_to_zero = grad_norm_clip_to_zero

    def finalize_variable_values(self, var_list: list[keras.Variable]) -> None:
        """Do nothing: `fit` would end with the average as the weights, and training goes on with the weights themselves."""

    def assign_average(self, variables: list[keras.Variable]) -> None:
        """Give the trainable variables the values of their moving averages."""
        super().finalize_variable_values(variables)
        for variable in variables:
            # JAX gives the memory of a step's arguments to its results, so no two variables may share an array.
            variable.assign(ops.convert_to_numpy(variable))

    def apply(self, grads: list[Tensor], trainable_variables: list[keras.Variable] | None = None) -> None:
        """Clip the gradients and take a step."""
        if self.clip_mode == "value":
            grads = [ops.clip(g, -self.grad_clip, self.grad_clip) for g in grads]
        else:
            norm = global_norm(grads)
            scale = self.grad_clip / ops.maximum(norm, self.grad_clip)
            scale = ops.where(norm < self.grad_norm_clip_to_zero, scale, 0.0)
            # A skipped step must not let an infinite gradient through: 0 * inf is not 0.
            grads = [ops.where(scale > 0, g * scale, ops.zeros_like(g)) for g in grads]
        super().apply(grads, trainable_variables)


def global_norm(grads: list[Tensor]) -> Tensor:
    """The Euclidean norm of all gradients together, float32."""
    return ops.sqrt(sum(ops.sum(ops.square(ops.cast(g, "float32"))) for g in grads))


@contextlib.contextmanager
def averaged(model: "TrainableModel") -> Iterator[None]:
    """Within it, a model has the moving average of its weights where its optimizer keeps one; then its own again."""
    if not model.optimizer.use_ema:
        yield
        return
    own = [ops.convert_to_numpy(v) for v in model.trainable_variables]
    model.optimizer.assign_average(model.trainable_variables)
    try:
        yield
    finally:
        for variable, value in zip(model.trainable_variables, own, strict=True):
            variable.assign(value)

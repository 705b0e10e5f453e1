"""What training needs of a model, whatever its family."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

if TYPE_CHECKING:
    from catalog.config import HParams

Tensor = Any
Batch = dict[str, Tensor]
"""What a step of training takes, by name; each family says which names it reads.

`fit` adds `step`, the number of steps that the optimizer has taken before this one.
"""


class TrainableModel(keras.Model):
    """Base of the models that `models.training.trainer` trains.

    What changes with the training step (the weight of the KL divergence, scheduled sampling) reads the optimizer's own
    count, which `fit` hands to `call` and `compute_loss` as the batch's `step`. So the count is part of the optimizer's
    state, and a model keeps none.

    Attributes:
        hparams: says among others how the model is trained.
    """

    hparams: "HParams"

    @abstractmethod
    def named_weights(self) -> dict[str, keras.Variable]:
        """The weights by the names under which checkpoints hold them."""

    @property
    def step(self) -> int:
        """Training steps that the optimizer has taken; 0 where the model is not compiled."""
        return int(self.optimizer.iterations) if self.optimizer is not None else 0

    def train_step(self, *arguments: Any) -> Any:
        """Keras's training step, with the optimizer's count in the batch.

        Args:
            arguments: the data of a step, on JAX after the state of all variables.
        """
        *state, data = arguments
        batch, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        return super().train_step(*state, ({**batch, "step": self._count(*state)},))

    def _count(self, state: tuple[list[Tensor], ...] | None = None) -> Tensor:
        """The optimizer's count within a training step: on JAX it is among the state's optimizer variables."""
        count = self.optimizer.iterations
        if state is None:
            return ops.convert_to_tensor(count)
        _, _, optimizer_variables, _ = state
        return next(
            value
            for variable, value in zip(self.optimizer.variables, optimizer_variables, strict=True)
            if variable is count
        )

"""How hard the keys of a frame are struck, given its pitch classes and the velocities of the frame before.

The velocity generator of the final piano model in FortsAndMills/MusicGeneration ("The Model"). Velocities are MIDI's divided by
128, from 0 to 1.
"""

from typing import Any

import keras
from keras import ops

from models.layers.lstm_sequence import State
from models.piano.key_decoders import ClassesLSTM
from preprocess.keyboard import KEYS

Tensor = Any


class VelocityDecoder(ClassesLSTM):
    """An LSTM on `[classes ; velocities of the frame before]`, and the sigmoid of a dense layer for each key.

    A velocity costs its squared distance from the true one, at struck keys alone. What generation feeds back is
    what training shows, velocities; the original fed back zeros and ones, which made its pieces too loud.

    Args:
        units, classes, dropout, seed: as for `ClassesLSTM`.
    """

    def build(self, keys: int = KEYS) -> None:
        super().build(keys)
        self.dense = keras.layers.Dense(keys, activation="sigmoid")
        self.dense.build((None, self.units))
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        """The LSTM's weights, `dense/kernel` and `dense/bias`."""
        return super().named_weights() | {"dense/kernel": self.dense.kernel, "dense/bias": self.dense.bias}

    def velocities(self, features: Tensor, keys: Tensor) -> Tensor:
        """Velocities from 0 to 1 of struck keys, 0 of others: `[..., keys]`.

        Args:
            features: `[..., units]`.
            keys: whether each key is struck, 0 or 1, `[..., keys]`.
        """
        return ops.cast(self.dense(features), "float32") * ops.cast(keys > 0.5, "float32")

    def loss(self, features: Tensor, velocities: Tensor, keys: Tensor) -> Tensor:
        """Sum over a frame's struck keys of the squared distance between velocities, `[batch, time]`.

        Divided by the number of struck keys it is the mean squared error, and by 88 keys the author's loss.

        Args:
            features: `[batch, time, units]`.
            velocities: the true ones, from 0 to 1, `[batch, time, keys]`.
            keys: whether each key is struck, 0 or 1, `[batch, time, keys]`.
        """
        struck = ops.cast(keys > 0.5, "float32")
        return ops.sum(ops.square(self.velocities(features, keys) - velocities * struck), axis=-1)

    def step(
        self, classes: Tensor, previous: Tensor, keys: Tensor, state: list[State]
    ) -> tuple[Tensor, list[State]]:
        """Velocities of one frame.

        Args:
            classes: of the frame, 0 or 1, `[batch, classes]`.
            previous: velocities of the frame before, `[batch, keys]`.
            keys: what is struck, 0 or 1, `[batch, keys]`.
            state: before the frame.

        Returns:
            `[batch, keys]`, 0 where nothing is struck, and the state after the frame.
        """
        features, state = self.step_features(classes, previous, state)
        return self.velocities(features, keys), state

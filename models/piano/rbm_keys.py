"""An LSTM-RBM from pitch classes to keys: a machine in which only keys of sounding classes can sound."""

from typing import Any

import keras
from keras import ops

from models.layers.lstm_sequence import State
from models.outputs.boltzmann import MOST_ENUMERATED, Machine
from models.outputs.polyphonic_likelihood import FORBIDDEN
from models.outputs.rbm import Coupling
from models.piano.key_decoders import KeyDecoder, complete, of_class
from preprocess.keyboard import KEYS

Tensor = Any


class RBMKeys(KeyDecoder):
    """Keys of a Boltzmann machine whose biases are linear in the features; only keys of sounding classes sound.

    The LSTM-RBM decoder of FortsAndMills/MusicGeneration. The machine does not know that a sounding class has at least one key, so that
    `p(classes) p(keys | classes)` is a lower bound of the probability that the two together say these keys, and
    comparing it with `IndependentKeys` is a little unfair to the machine.

    A draw starts from the frame before, as the author's did in one step; 20 steps forget more of that frame.

    Args:
        units, classes, dropout: as for `ClassesLSTM`.
        hidden: hidden units. Up to `MOST_ENUMERATED` of them `log_likelihood` is exact; otherwise it is estimated
            and on average too high (`Machine.annealed_log_partition`).
        at_least_one: a sounding class that a draw leaves without a key gets its likeliest one.
        steps, chain, objective, annealing: as for `Coupling`.
        seed: of what training and the estimate draw.

    Raises:
        ValueError: as for `Coupling`.
    """

    def __init__(
        self,
        units: int = 100,
        hidden: int = 36,
        steps: int = 1,
        chain: int = 20,
        at_least_one: bool = True,
        objective: str = "contrastive_divergence",
        annealing: tuple[int, int] = (16, 100),
        classes: int = 12,
        dropout: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(units, classes, dropout, seed, **kwargs)
        self.coupling = Coupling(hidden, steps, chain, objective, annealing, seed + 1)
        self.at_least_one = at_least_one
        self.measure = "exact" if hidden <= MOST_ENUMERATED else "estimate"

    def build(self, keys: int = KEYS) -> None:
        super().build(keys)
        hidden = self.coupling.hidden
        self.coupling.build(keys)
        self.visible_dense, self.hidden_dense = keras.layers.Dense(keys), keras.layers.Dense(hidden)
        self.visible_dense.build((None, self.units))
        self.hidden_dense.build((None, self.units))
        self.uniforms = self.coupling.chain * (hidden + keys)

    def named_weights(self) -> dict[str, keras.Variable]:
        """The LSTM's weights, those of the two dense layers, and `rbm/weights`."""
        return super().named_weights() | {
            "visible/kernel": self.visible_dense.kernel,
            "visible/bias": self.visible_dense.bias,
            "hidden/kernel": self.hidden_dense.kernel,
            "hidden/bias": self.hidden_dense.bias,
            "rbm/weights": self.coupling.weights_of_keys,
        }

    def machine(self, features: Tensor, classes: Tensor) -> Machine:
        """The machine over the keys of classes `[..., classes]`, for features `[..., units]`."""
        allowed = of_class(classes, self.keys)
        return self.coupling.machine(self.visible_dense(features), self.hidden_dense(features), allowed)

    def log_partition(self, features: Tensor, classes: Tensor) -> Tensor:
        """log Z over the keys of the sounding classes in nats, `[...]`, exact or estimated."""
        return self.coupling.log_partition(self.machine(features, classes))

    def loss(self, features: Tensor, keys: Tensor, classes: Tensor) -> Tensor:
        return self.coupling.loss(self.machine(features, classes), keys)

    def log_likelihood(self, features: Tensor, keys: Tensor, classes: Tensor) -> Tensor:
        """As for all decoders, exact or estimated; `FORBIDDEN` where a key's class does not sound."""
        machine = self.machine(features, classes)
        wrong = ops.any(keys > machine.allowed + 0.5, axis=-1)
        return ops.where(wrong, FORBIDDEN, self.coupling.log_likelihood(machine, keys))

    def marginals(self, features: Tensor, classes: Tensor) -> Tensor:
        """As for all decoders, exact or by mean field."""
        return self.machine(features, classes).marginals(self.coupling.chain)

    def step(
        self,
        classes: Tensor,
        previous: Tensor,
        state: list[State],
        uniforms: Tensor | None = None,
        temperature: Tensor | float = 1.0,
    ) -> tuple[Tensor, list[State]]:
        features, state = self.step_features(classes, previous, state)
        machine = self.machine(features, classes)
        keys = self.coupling.draw(machine, ops.cast(previous > 0, "float32"), uniforms, temperature)
        if self.at_least_one:
            likelier = machine.visible_logits(ops.sigmoid(machine.hidden_logits(keys)))
            keys = complete(keys, likelier, classes)
        return keys, state

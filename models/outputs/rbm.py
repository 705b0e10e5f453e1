"""Restricted Boltzmann machines over keys, whose biases come from an LSTM: LSTM-RBMs.

`RBM` is such a machine as the output of a frame model (Boulanger-Lewandowski, Bengio and Vincent, "Modeling temporal
dependencies in high-dimensional sequences", 2012); `RBMKeys` is the author's second decoder from pitch classes to
keys (seed 000), a machine in which only keys of sounding classes can sound.
"""

from typing import Any

import keras
from keras import ops

from models.layers import backend
from models.layers.lstm_sequence import State
from models.outputs.base import Output
from models.outputs.boltzmann import MOST_ENUMERATED, Machine
from models.outputs.polyphonic_likelihood import FORBIDDEN, LARGEST_LOGIT
from models.piano.key_decoders import KeyDecoder, complete, of_class

Array = Any

OBJECTIVES = ("contrastive_divergence", "likelihood")


class Coupling(keras.layers.Layer):
    """The static weights of a machine, and how it is trained, scored and drawn from.

    Args:
        hidden: number of hidden units.
        steps: k of the contrastive divergence.
        chain: steps of the chain that draws, and rounds of `Machine.mean_field`.
        objective: "contrastive_divergence", or "likelihood", exact, for few hidden units.
        annealing: chains and temperatures of the estimate of the partition function where it is not enumerated.
        seed: of what training and the estimate draw.

    Raises:
        ValueError: no hidden unit or step, or the likelihood of too many hidden units.
    """

    def __init__(
        self, hidden: int, steps: int, chain: int, objective: str, annealing: tuple[int, int], seed: int
    ):
        super().__init__()
        if min(hidden, steps, chain, *annealing) < 1:
            raise ValueError("A Boltzmann machine needs hidden units, and at least one step of every kind.")
        if objective not in OBJECTIVES:
            raise ValueError(f"The objective is one of {', '.join(OBJECTIVES)}, not {objective!r}.")
        if objective == "likelihood" and hidden > MOST_ENUMERATED:
            raise ValueError(
                f"The exact likelihood takes at most {MOST_ENUMERATED} hidden units, not {hidden}."
            )
        self.hidden, self.steps, self.chain, self.objective = hidden, steps, chain, objective
        self.annealing, self.seed = tuple(annealing), seed
        self.draws = keras.random.SeedGenerator(seed)

    def build(self, keys: int) -> None:
        self.width = self.hidden + keys
        near_zero = keras.initializers.RandomNormal(stddev=0.01)
        self.weights_of_keys = self.add_weight((self.hidden, keys), initializer=near_zero, name="weights")
        self.built = True

    def machine(self, visible_bias: Array, hidden_bias: Array, allowed: Array) -> Machine:
        """The machine of some frames."""
        # A cut so far out changes no probability and keeps all energies finite.
        biases = (ops.clip(x, -LARGEST_LOGIT, LARGEST_LOGIT) for x in (visible_bias, hidden_bias))
        arrays = (self.weights_of_keys, *biases, allowed)
        return Machine(*(ops.cast(ops.convert_to_tensor(x), "float32") for x in arrays))

    def log_partition(self, machine: Machine) -> Array:
        """log Z in nats, exact or estimated."""
        if self.hidden <= MOST_ENUMERATED:
            return machine.enumerated_log_partition()
        chains, temperatures = self.annealing
        return machine.annealed_log_partition(chains, temperatures, self.seed)

    def log_likelihood(self, machine: Machine, keys: Array) -> Array:
        """Log probability of allowed keys in nats."""
        return -machine.free_energy(keys) - self.log_partition(machine)

    def loss(self, machine: Machine, keys: Array) -> Array:
        """What training makes small, `[batch, time]`."""
        if self.objective == "likelihood":
            return -self.log_likelihood(machine, keys)
        shape = (self.steps, *ops.shape(keys)[:-1], self.width)
        uniforms = backend.uniform(shape, self.draws)
        return machine.contrastive_divergence(keys, uniforms)

    def draw(
        self, machine: Machine, start: Array, uniforms: Array | None, temperature: Array | float
    ) -> Array:
        """Keys `[batch, keys]` by a chain from others, or those that are likelier to sound than not.

        Args:
            machine: of one frame of each piece.
            start: `[batch, keys]`.
            uniforms: `[batch, chain * (hidden + keys)]`, or None.
            temperature: divides the energy, above 0.
        """
        if uniforms is None:
            return ops.cast(machine.marginals(self.chain) > 0.5, "float32")
        by_step = ops.reshape(uniforms, (-1, self.chain, self.width))
        return machine.gibbs(start, ops.swapaxes(by_step, 0, 1), temperature)


class RBM(Output):
    """Keys of a Boltzmann machine whose biases are the parameters, `[b_v ; b_h]`: the LSTM-RBM on all keys.

    A draw starts from silence and takes the keys after `chain` steps, 25 as in the paper's published code; its
    distribution comes near the machine's, but is not it.

    Args:
        keys: keys in a frame.
        hidden: hidden units. Up to `MOST_ENUMERATED` of them `log_likelihood` is exact; otherwise it is estimated
            and on average too high (`Machine.annealed_log_partition`).
        steps, chain, objective, annealing, seed: as for `Coupling`.

    Attributes:
        is_exact: whether `log_likelihood` is exact.

    Raises:
        ValueError: as for `Coupling`.
    """

    def __init__(
        self,
        keys: int = 88,
        hidden: int = 36,
        steps: int = 1,
        chain: int = 25,
        objective: str = "contrastive_divergence",
        annealing: tuple[int, int] = (16, 100),
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.coupling = Coupling(hidden, steps, chain, objective, annealing, seed)
        self.depth, self.parameter_depth = keys, keys + hidden
        self.uniforms = chain * (keys + hidden)
        self.is_exact = hidden <= MOST_ENUMERATED

    def build(self) -> None:
        self.coupling.build(self.depth)
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        return {"rbm/weights": self.coupling.weights_of_keys}

    def machine(self, parameters: Array) -> Machine:
        """The machine of parameters `[..., parameter_depth]`."""
        visible_bias, hidden_bias = parameters[..., : self.depth], parameters[..., self.depth :]
        return self.coupling.machine(visible_bias, hidden_bias, ops.ones_like(visible_bias))

    def log_partition(self, parameters: Array) -> Array:
        """log Z in nats, `[...]`, exact or estimated."""
        return self.coupling.log_partition(self.machine(parameters))

    def log_likelihood(self, parameters: Array, values: Array) -> Array:
        """Log probability of true frames in nats, `[batch, time]`, exact or estimated."""
        return self.coupling.log_likelihood(self.machine(parameters), values)

    def loss(self, parameters: Array, values: Array) -> Array:
        return self.coupling.loss(self.machine(parameters), values)

    def correct(self, parameters: Array, values: Array) -> Array:
        sounding = self.machine(parameters).marginals(self.coupling.chain) > 0.5
        return ops.mean(ops.cast(sounding == (values > 0.5), "float32"), axis=-1)

    def draw(self, parameters: Array, uniforms: Array | None, temperature: Array | float) -> Array:
        machine = self.machine(parameters)
        return self.coupling.draw(machine, ops.zeros_like(machine.allowed), uniforms, temperature)


class RBMKeys(KeyDecoder):
    """Keys of a Boltzmann machine whose biases are linear in the features; only keys of sounding classes sound.

    The author's LSTM-RBM decoder. That a class has at least one key is no part of the machine, so that
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
        self.is_exact = hidden <= MOST_ENUMERATED

    def build(self, keys: int = 88) -> None:
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

    def machine(self, features: Array, classes: Array) -> Machine:
        """The machine over the keys of classes `[..., classes]`, for features `[..., units]`."""
        allowed = of_class(classes, self.keys)
        return self.coupling.machine(self.visible_dense(features), self.hidden_dense(features), allowed)

    def log_partition(self, features: Array, classes: Array) -> Array:
        """log Z over the keys of the sounding classes in nats, `[...]`, exact or estimated."""
        return self.coupling.log_partition(self.machine(features, classes))

    def loss(self, features: Array, keys: Array, classes: Array) -> Array:
        return self.coupling.loss(self.machine(features, classes), keys)

    def log_likelihood(self, features: Array, keys: Array, classes: Array) -> Array:
        """As for all decoders, exact or estimated; `FORBIDDEN` where a key's class does not sound."""
        machine = self.machine(features, classes)
        wrong = ops.any(keys > machine.allowed + 0.5, axis=-1)
        return ops.where(wrong, FORBIDDEN, self.coupling.log_likelihood(machine, keys))

    def marginals(self, features: Array, classes: Array) -> Array:
        """As for all decoders, exact or by mean field."""
        return self.machine(features, classes).marginals(self.coupling.chain)

    def step(
        self,
        classes: Array,
        previous: Array,
        state: list[State],
        uniforms: Array | None = None,
        temperature: Array | float = 1.0,
    ) -> tuple[Array, list[State]]:
        features, state = self.step_features(classes, previous, state)
        machine = self.machine(features, classes)
        keys = self.coupling.draw(machine, ops.cast(previous > 0, "float32"), uniforms, temperature)
        if self.at_least_one:
            likelier = machine.visible_logits(ops.sigmoid(machine.hidden_logits(keys)))
            keys = complete(keys, likelier, classes)
        return keys, state

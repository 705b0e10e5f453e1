"""Restricted Boltzmann machines over keys, whose biases come from an LSTM: LSTM-RBMs.

`RBM` is such a machine as the output of a piano model (Boulanger-Lewandowski, Bengio and Vincent, "Modeling temporal
dependencies in high-dimensional sequences", 2012); `models/piano/rbm_keys.py` has the one from pitch classes to keys.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import keras
from keras import ops

from models.layers import backend
from models.outputs.base import Output
from models.outputs.boltzmann import MOST_ENUMERATED, Machine
from models.outputs.polyphonic_likelihood import LARGEST_LOGIT
from preprocess.keyboard import KEYS

if TYPE_CHECKING:
    from catalog.config import HParams

Tensor = Any

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

    def machine(self, visible_bias: Tensor, hidden_bias: Tensor, allowed: Tensor) -> Machine:
        """The machine of some frames."""
        # A cut so far out changes no probability and keeps all energies finite.
        biases = (ops.clip(x, -LARGEST_LOGIT, LARGEST_LOGIT) for x in (visible_bias, hidden_bias))
        arrays = (self.weights_of_keys, *biases, allowed)
        return Machine(*(ops.cast(ops.convert_to_tensor(x), "float32") for x in arrays))

    def log_partition(self, machine: Machine) -> Tensor:
        """log Z in nats, exact or estimated."""
        if self.hidden <= MOST_ENUMERATED:
            return machine.enumerated_log_partition()
        chains, temperatures = self.annealing
        return machine.annealed_log_partition(chains, temperatures, self.seed)

    def log_likelihood(self, machine: Machine, keys: Tensor) -> Tensor:
        """Log probability of allowed keys in nats."""
        return -machine.free_energy(keys) - self.log_partition(machine)

    def loss(self, machine: Machine, keys: Tensor) -> Tensor:
        """The training loss: contrastive divergence or minus the log likelihood, `[batch, time]`."""
        if self.objective == "likelihood":
            return -self.log_likelihood(machine, keys)
        shape = (self.steps, *ops.shape(keys)[:-1], self.width)
        uniforms = backend.uniform(shape, self.draws)
        return machine.contrastive_divergence(keys, uniforms)

    def draw(
        self, machine: Machine, start: Tensor, uniforms: Tensor | None, temperature: Tensor | float
    ) -> Tensor:
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

    Raises:
        ValueError: as for `Coupling`.
    """

    def __init__(
        self,
        keys: int = KEYS,
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
        self.measure = "exact" if hidden <= MOST_ENUMERATED else "estimate"

    @classmethod
    def from_config(
        cls, depths: tuple[int, ...], options: Mapping[str, Any], hparams: "HParams", seed: int
    ) -> Self:
        return super().from_config(depths, {"seed": seed, **options}, hparams, seed)

    def build(self) -> None:
        self.coupling.build(self.depth)
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        return {"rbm/weights": self.coupling.weights_of_keys}

    def machine(self, parameters: Tensor) -> Machine:
        """The machine of parameters `[..., parameter_depth]`."""
        visible_bias, hidden_bias = parameters[..., : self.depth], parameters[..., self.depth :]
        return self.coupling.machine(visible_bias, hidden_bias, ops.ones_like(visible_bias))

    def log_partition(self, parameters: Tensor) -> Tensor:
        """log Z in nats, `[...]`, exact or estimated."""
        return self.coupling.log_partition(self.machine(parameters))

    def log_likelihood(self, parameters: Tensor, values: Tensor) -> Tensor:
        """Log probability of true frames in nats, `[batch, time]`, exact or estimated."""
        return self.coupling.log_likelihood(self.machine(parameters), values)

    def loss(self, parameters: Tensor, values: Tensor) -> Tensor:
        return self.coupling.loss(self.machine(parameters), values)

    def correct(self, parameters: Tensor, values: Tensor) -> Tensor:
        sounding = self.machine(parameters).marginals(self.coupling.chain) > 0.5
        return ops.mean(ops.cast(sounding == (values > 0.5), "float32"), axis=-1)

    def draw(self, parameters: Tensor, uniforms: Tensor | None, temperature: Tensor | float) -> Tensor:
        machine = self.machine(parameters)
        return self.coupling.draw(machine, ops.zeros_like(machine.allowed), uniforms, temperature)

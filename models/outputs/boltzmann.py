"""The mathematics of restricted Boltzmann machines over keys, one machine for each frame.

Boulanger-Lewandowski, Bengio and Vincent, "Modeling temporal dependencies in high-dimensional sequences" (2012):
keys and hidden units see each other through static weights, and each frame has its own biases. `models/outputs/rbm.py`
makes layers of it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from models.layers.backend import scan
from models.layers.lstm_sequence import gradients_of_outputs
from models.outputs.base import draw_bits

Tensor = Any

MOST_ENUMERATED = 16
"""Machines of this many hidden units or fewer have their partition function computed by enumeration."""


class Machine(NamedTuple):
    """`p(v, h) = exp(v . b_v + h . b_h + h . W v) / Z` over keys v and hidden units h of 0 or 1, for each frame.

    Attributes:
        weights: W, `[hidden, keys]`.
        visible_bias, hidden_bias: b_v `[..., keys]` and b_h `[..., hidden]`, float32.
        allowed: 1 at keys that can sound and 0 at others, `[..., keys]`.
    """

    weights: Tensor
    visible_bias: Tensor
    hidden_bias: Tensor
    allowed: Tensor

    def hidden_logits(self, keys: Tensor) -> Tensor:
        """`b_h + W v`, `[..., hidden]`, of which the sigmoid is `p(h = 1 | v)`."""
        return self.hidden_bias + ops.matmul(keys, ops.transpose(self.weights))

    def visible_logits(self, hidden: Tensor) -> Tensor:
        """`b_v + h W`, `[..., keys]`, of which the sigmoid is `p(v = 1 | h)` at allowed keys."""
        return self.visible_bias + ops.matmul(hidden, self.weights)

    def free_energy(self, keys: Tensor) -> Tensor:
        """`F(v) = -v . b_v - sum_j softplus((W v + b_h)_j)`, `[...]`, so that `p(v) = exp(-F(v)) / Z`."""
        hidden = ops.sum(ops.softplus(self.hidden_logits(keys)), axis=-1)
        return -ops.sum(keys * self.visible_bias, axis=-1) - hidden

    def gibbs(self, keys: Tensor, uniforms: Tensor, temperature: Tensor | float = 1.0) -> Tensor:
        """A chain that draws all hidden units, then all keys, and so on; the keys after it, without gradient.

        Args:
            keys: where it starts, `[..., keys]`.
            uniforms: in [0, 1), `[steps, ..., hidden + keys]`.
            temperature: divides the energy, above 0.
        """
        width = self.weights.shape[0]
        machine = Machine(*map(ops.stop_gradient, self))

        def step(keys: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
            hidden = draw_bits(machine.hidden_logits(keys), u[..., :width], temperature)
            keys = draw_bits(machine.visible_logits(hidden), u[..., width:], temperature) * machine.allowed
            return keys, ops.zeros(())

        keys, _ = scan(step, ops.cast(keys, "float32"), uniforms)
        return ops.stop_gradient(keys)

    def contrastive_divergence(self, keys: Tensor, uniforms: Tensor) -> Tensor:
        """CD-k: `F(v) - F(v')`, `[...]`, with v' where a chain of k steps from the data v ends.

        Its gradient stands for that of minus the log likelihood (Hinton, 2002). The value itself is not
        a measure of fit, and goes up and down around 0.

        Args:
            keys, uniforms: as for `gibbs`; k is the number of steps.
        """
        return self.free_energy(keys) - self.free_energy(self.gibbs(keys, uniforms))

    def mean_field(self, steps: int) -> Tensor:
        """Probabilities of the keys as if keys and hidden units were independent, `[..., keys]`: an approximation.

        Args:
            steps: rounds in which hidden units see the keys' probabilities and the other way round.
        """
        keys = self.allowed * ops.sigmoid(self.visible_bias)
        for _ in range(steps):
            keys = self.allowed * ops.sigmoid(self.visible_logits(ops.sigmoid(self.hidden_logits(keys))))
        return keys

    def marginals(self, steps: int) -> Tensor:
        """Probability of each key, `[..., keys]`: exact where hidden units can be enumerated, else `mean_field`."""
        if self.weights.shape[0] > MOST_ENUMERATED:
            return self.mean_field(steps)
        bits = _all_bits(self.weights.shape[0])

        def frame(machine: Machine) -> Tensor:
            joint, logits = machine.log_joint(bits)
            posterior = ops.softmax(joint, axis=-1)
            return ops.einsum("...h,...hk->...k", posterior, ops.sigmoid(logits)) * machine.allowed

        return self._by_time(frame)

    def log_joint(self, bits: Tensor) -> tuple[Tensor, Tensor]:
        """Unnormalised log probabilities of hidden states, all keys summed out, and the keys' logits given each.

        Args:
            bits: hidden states of 0 or 1, `[states, hidden]`.

        Returns:
            `log sum_v exp(...)` `[..., states]`, and logits `[..., states, keys]`.
        """
        logits = self.visible_bias[..., None, :] + ops.matmul(bits, self.weights)
        keys = ops.sum(self.allowed[..., None, :] * ops.softplus(logits), axis=-1)
        return ops.matmul(self.hidden_bias, ops.transpose(bits)) + keys, logits

    def _by_time(self, function: Callable) -> Tensor:
        """A function of the machines of one frame, frame after frame where there are several, to save memory."""
        if len(self.visible_bias.shape) < 3:
            return function(self)
        by_time = tuple(ops.swapaxes(x, 0, 1) for x in self[1:])
        _, outputs = scan(
            lambda carry, inputs: (carry, function(Machine(self.weights, *inputs))), ops.zeros(()), by_time
        )
        return ops.swapaxes(outputs, 0, 1)

    def enumerated_log_partition(self) -> Tensor:
        """log Z, exactly, by a sum over all hidden states; `[...]` for biases of one or two leading axes.

        The gradient is written by hand, as what the machine expects of keys and hidden units: that of the sum would
        keep all hidden states of all frames.
        """
        bits = _all_bits(self.weights.shape[0])

        @ops.custom_gradient
        def run(*arrays: Tensor) -> tuple[Tensor, Callable]:
            machine = Machine(*arrays)
            log_z = machine._by_time(lambda frame: ops.logsumexp(frame.log_joint(bits)[0], axis=-1))

            def gradient(*arguments: Tensor, upstream: Any = None) -> tuple[Tensor, ...]:
                d_log_z = gradients_of_outputs(arguments, upstream)
                return (*_expectations(machine, bits, d_log_z), ops.zeros_like(machine.allowed))

            return log_z, gradient

        return run(*self)

    def annealed_log_partition(self, chains: int = 16, temperatures: int = 100, seed: int = 0) -> Tensor:
        """log Z, estimated by annealed importance sampling (Salakhutdinov and Murray, 2008); `[...]`.

        From the machine whose hidden units see nothing, b slowly goes from 0 to 1 in `p_b(v) = exp(v . b_v) prod_j
        (1 + exp(b (W v + b_h)_j))`. The mean of the chains' weights is right on average, so its logarithm is on
        average too low, by less the more chains and temperatures there are; a log likelihood computed with it is
        on average too high. All frames use the same random numbers: a frame's estimate does not depend on the
        others, but their errors are alike.

        Args:
            chains: runs to average.
            temperatures: steps of b.
            seed: of the draws.
        """
        width, keys = self.weights.shape
        frames = Machine(self.weights, *(x[..., None, :] for x in self[1:]))
        rng = np.random.default_rng(seed)
        uniforms = rng.random((temperatures, chains, keys + width), np.float32)
        ladder = np.linspace(0, 1, temperatures + 1, dtype=np.float32)

        def anneal(carry: tuple, inputs: tuple) -> tuple[tuple, Tensor]:
            hidden_logits, log_weight = carry
            u, before, after = inputs
            # Both distributions at the keys that the chain has come to, which then moves on under the second.
            gain = ops.softplus(after * hidden_logits) - ops.softplus(before * hidden_logits)
            log_weight = log_weight + ops.sum(gain, axis=-1)
            hidden = draw_bits(after * hidden_logits, u[..., :width], 1.0)
            logits = frames.visible_bias + after * ops.matmul(hidden, frames.weights)
            drawn = draw_bits(logits, u[..., width:], 1.0) * frames.allowed
            return (frames.hidden_logits(drawn), log_weight), after

        first = draw_bits(frames.visible_bias, rng.random((chains, keys), np.float32), 1.0) * frames.allowed
        start = frames.hidden_logits(first)
        steps = tuple(ops.convert_to_tensor(x) for x in (uniforms, ladder[:-1], ladder[1:]))
        (_, log_weight), _ = scan(anneal, (start, ops.zeros_like(start[..., 0])), steps)
        of_keys = ops.sum(self.allowed * ops.softplus(self.visible_bias), axis=-1)
        return of_keys + width * np.log(2) + ops.logsumexp(log_weight, axis=-1) - np.log(chains)


def _all_bits(width: int) -> np.ndarray:
    """All states of `width` units, float32 `[2^width, width]`."""
    return (np.arange(2**width)[:, None] >> np.arange(width) & 1).astype(np.float32)


def _expectations(machine: Machine, bits: np.ndarray, scale: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Expected `h v`, v and h under a machine, times a scale `[...]`; the first summed over frames."""
    single = len(machine.visible_bias.shape) == 2
    arrays = (*machine[1:], scale)
    by_time = tuple(x[None] if single else ops.swapaxes(x, 0, 1) for x in arrays)

    def frame(total: Tensor, inputs: tuple) -> tuple[Tensor, tuple]:
        *parts, scale = inputs
        joint, logits = Machine(machine.weights, *parts).log_joint(bits)
        posterior = ops.softmax(joint, axis=-1) * scale[:, None]
        sounding = ops.sigmoid(logits) * parts[2][:, None]
        total = total + ops.einsum("bh,bhk->hk", posterior, sounding)
        return total, (ops.einsum("bh,bhk->bk", posterior, sounding), ops.matmul(posterior, bits))

    zeros = ops.zeros((bits.shape[0], machine.weights.shape[1]), dtype="float32")
    by_state, expected = scan(frame, zeros, by_time)
    visible, hidden = (x[0] if single else ops.swapaxes(x, 0, 1) for x in expected)
    return ops.matmul(ops.transpose(bits), by_state), visible, hidden

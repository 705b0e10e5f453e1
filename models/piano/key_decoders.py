"""Decoders from pitch classes to keys: which octaves sound in a frame, given which of the twelve classes do.

The second half of the piano systems in FortsAndMills/MusicGeneration ("Baseline Model"): the generator draws twelve classes, and
a decoder that sees them and the keyboard of the frame before says the keys. Here are what all decoders share and
the one whose keys are independent; `models/piano/rbm_keys.py` has the one with a Boltzmann machine.

Key i has the class `i % 12`, for all 88 keys; class 0 is A. The original left out the highest four keys.
"""

from abc import ABC, abstractmethod
from typing import Any

import keras
import numpy as np
from keras import ops

from models.layers.lstm import LSTMStack
from models.layers.lstm_sequence import State, swap
from models.outputs.base import Measure, draw_bits
from models.outputs.polyphonic_likelihood import FORBIDDEN, LARGEST_LOGIT
from models.piano.readers.base import run_stack, step_stack
from preprocess.keyboard import KEYS

Tensor = Any

OBJECTIVES = ("likelihood", "masked_mean")


def by_octave(values: Tensor, classes: int, fill: float) -> Tensor:
    """Keys `[..., keys]` as `[..., octaves, classes]`; `fill` stands where the last octave has no key."""
    keys = values.shape[-1]
    widths = [[0, 0]] * (len(values.shape) - 1) + [[0, -keys % classes]]
    padded = ops.pad(values, widths, constant_values=fill)
    return ops.reshape(padded, (*ops.shape(values)[:-1], padded.shape[-1] // classes, classes))


def from_octaves(values: Tensor, keys: int) -> Tensor:
    """The inverse of `by_octave`: `[..., keys]`."""
    octaves, classes = values.shape[-2:]
    return ops.reshape(values, (*ops.shape(values)[:-2], octaves * classes))[..., :keys]


def of_class(values: Tensor, keys: int) -> Tensor:
    """For each key the value of its class: `[..., keys]` for values `[..., classes]`."""
    return ops.take(values, np.arange(keys) % values.shape[-1], axis=-1)


def log_any(logits: Tensor, axis: int = -1) -> Tensor:
    """`log(1 - prod_i (1 - sigmoid(z_i)))`: at least one of some independent keys sounds.

    The product is `exp(-s)` with `s = sum_i softplus(z_i)`. The logarithm of s is what is kept, so that the result
    and its gradient stay right where every probability, and s itself, is below the smallest float32.

    Args:
        logits: any finite numbers.
        axis: the axis of the keys, which the result has no more.
    """
    # log softplus(z) is z - exp(z) / 2 + ... far below 0.
    low = logits < -15
    log_softplus = ops.where(low, logits, ops.log(ops.softplus(ops.where(low, 0.0, logits))))
    log_s = ops.logsumexp(log_softplus, axis=axis)
    small = log_s < -8
    of_small = log_s - ops.exp(ops.minimum(log_s, 0.0)) / 2
    of_large = ops.log(-ops.expm1(-ops.exp(ops.where(small, 0.0, log_s))))
    return ops.where(small, of_small, of_large)


def complete(keys: Tensor, logits: Tensor, classes: Tensor) -> Tensor:
    """Keys with, for each sounding class that has none, its likeliest key.

    Args:
        keys: 0 or 1, `[batch, keys]`.
        logits: what makes a key likelier, `[batch, keys]`.
        classes: 0 or 1, `[batch, classes]`.
    """
    width = classes.shape[-1]
    grid = by_octave(keys, width, 0.0)
    highest = ops.argmax(by_octave(logits, width, FORBIDDEN), axis=-2)
    best = ops.transpose(ops.one_hot(highest, grid.shape[-2], dtype="float32"), (0, 2, 1))
    missing = ops.cast(classes > 0.5, "float32") * ops.cast(ops.sum(grid, axis=-2) < 0.5, "float32")
    return from_octaves(ops.maximum(grid, best * missing[:, None]), keys.shape[-1])


class ClassesLSTM(keras.layers.Layer):
    """An LSTM that sees the classes of the frame to decode and the keyboard of the frame before.

    Args:
        units: of the LSTM.
        classes: number of pitch classes; key i has the class `i % classes`.
        dropout: probability that an input value is dropped while training.
        seed: of what training draws.
    """

    def __init__(
        self, units: int = 100, classes: int = 12, dropout: float = 0.0, seed: int = 0, **kwargs: Any
    ):
        super().__init__(**kwargs)
        self.units, self.classes = units, classes
        self.stack = LSTMStack((units,), dropout, seed)

    def build(self, keys: int = KEYS) -> None:
        """Create the weights for `keys` keys."""
        self.keys = keys
        self.stack.build(self.classes + keys)
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        """The weights by names that stay the same."""
        return self.stack.named_weights()

    def zero_state(self, batch: Any, dtype: Any = "float32") -> list[State]:
        """The state before a piece."""
        return self.stack.zero_states(batch, dtype)

    def features(
        self, classes: Tensor, previous: Tensor, state: list[State] | None = None, training: bool = False
    ) -> tuple[Tensor, list[State]]:
        """The LSTM's outputs for all frames at once.

        Args:
            classes: of the frames to decode, 0 or 1, `[batch, time, classes]`.
            previous: the frames before them, 0 or 1, or velocities from 0 to 1, `[batch, time, keys]`.
            state: before the first frame; `zero_state` by default.
            training: whether dropout is on.

        Returns:
            Features `[batch, time, units]` and the state after the last frame.
        """
        inputs = self._inputs(classes, previous)
        state = self.zero_state(ops.shape(inputs)[0], inputs.dtype) if state is None else state
        outputs, state = run_stack(self.stack, swap(inputs), state, training)
        return swap(outputs), state

    def step_features(
        self, classes: Tensor, previous: Tensor, state: list[State]
    ) -> tuple[Tensor, list[State]]:
        """The features `[batch, units]` of one frame and the state after it, equal to those of `features`.

        Args:
            classes, previous: `[batch, classes]` and `[batch, keys]`.
            state: before the frame.
        """
        return step_stack(self.stack, self._inputs(classes, previous), state)

    def _inputs(self, classes: Tensor, previous: Tensor) -> Tensor:
        return ops.concatenate([ops.cast(classes, "float32"), ops.cast(previous, "float32")], axis=-1)


class KeyDecoder(ClassesLSTM, ABC):
    """Base of the decoders: `p(keys_t | classes_t, frames before)`.

    A key whose class is off never sounds. All methods take features of `features`.

    Attributes:
        uniforms: random numbers that a frame takes in `step`; known once built.
        measure: whether `log_likelihood` is exact or an estimate.
    """

    uniforms: int
    measure: Measure = "exact"

    @abstractmethod
    def loss(self, features: Tensor, keys: Tensor, classes: Tensor) -> Tensor:
        """The training loss, float32 `[batch, time]`.

        Args:
            features: `[batch, time, units]`.
            keys: the true keys, 0 or 1, `[batch, time, keys]`.
            classes: the classes of these keys, 0 or 1, `[batch, time, classes]`.
        """

    @abstractmethod
    def log_likelihood(self, features: Tensor, keys: Tensor, classes: Tensor) -> Tensor:
        """Log probability of true keys given their classes, in nats `[batch, time]`; arguments as for `loss`."""

    @abstractmethod
    def marginals(self, features: Tensor, classes: Tensor) -> Tensor:
        """Probability of each key given the classes, `[batch, time, keys]`, as figures show it."""

    @abstractmethod
    def step(
        self,
        classes: Tensor,
        previous: Tensor,
        state: list[State],
        uniforms: Tensor | None = None,
        temperature: Tensor | float = 1.0,
    ) -> tuple[Tensor, list[State]]:
        """Draw the keys of one frame.

        Args:
            classes: 0 or 1, `[batch, classes]`.
            previous: the frame before, as in `features`, `[batch, keys]`.
            state: before the frame.
            uniforms: `[batch, uniforms]` in [0, 1), or None for the likeliest keys.
            temperature: divides the logits, above 0.

        Returns:
            Keys, 0 or 1, float32 `[batch, keys]`, and the state after the frame.
        """


class IndependentKeys(KeyDecoder):
    """Keys that are independent given the features: the decoder of the author's baseline.

    `s_i = sigmoid(z_i)` with logits z of a dense layer. The author's keys are plainly independent, so that he could
    draw a class without any key; here it is known that each sounding class has one or more:

        log p(keys) = sum_c ( sum_{i of class c} log Bernoulli(key_i; s_i) - log(1 - prod_{i of class c} (1 - s_i)) )

    over the sounding classes c, and the draws are exactly from it.

    Args:
        units, classes, dropout, seed: as for `ClassesLSTM`.
        at_least_one: False leaves out the second term and what it stands for.
        objective: "likelihood" trains on minus the log likelihood of a frame. "masked_mean" is the author's loss,
            `sum(mask BCE) / sum(mask)` over all keys of sounding classes in the batch, as the mean of the losses
            over batch and time. Frames of padding count in this mean.

    Raises:
        ValueError: an unknown objective.
    """

    def __init__(
        self,
        units: int = 100,
        at_least_one: bool = True,
        objective: str = "likelihood",
        classes: int = 12,
        dropout: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(units, classes, dropout, seed, **kwargs)
        if objective not in OBJECTIVES:
            raise ValueError(f"The objective is one of {', '.join(OBJECTIVES)}, not {objective!r}.")
        self.at_least_one, self.objective = at_least_one, objective

    def build(self, keys: int = KEYS) -> None:
        super().build(keys)
        self.uniforms = keys
        self.dense = keras.layers.Dense(keys)
        self.dense.build((None, self.units))

    def named_weights(self) -> dict[str, keras.Variable]:
        """The LSTM's weights, `dense/kernel` and `dense/bias`."""
        return super().named_weights() | {"dense/kernel": self.dense.kernel, "dense/bias": self.dense.bias}

    def logits(self, features: Tensor, temperature: Tensor | float = 1.0) -> Tensor:
        """`z / temperature`, `[..., keys]`."""
        # A cut so far out changes no probability and keeps all sums finite.
        z = ops.cast(self.dense(features), "float32") / temperature
        return ops.clip(z, -LARGEST_LOGIT, LARGEST_LOGIT)

    def loss(self, features: Tensor, keys: Tensor, classes: Tensor) -> Tensor:
        if self.objective == "likelihood":
            return -self.log_likelihood(features, keys, classes)
        mask = of_class(classes, self.keys)
        frames = -self._bernoulli(self.logits(features), keys, classes)
        return frames / ops.maximum(ops.mean(ops.sum(mask, axis=-1)), 1e-6)

    def _bernoulli(self, logits: Tensor, keys: Tensor, classes: Tensor) -> Tensor:
        """Log probability of the keys of sounding classes as if they were independent, `[...]`."""
        terms = -ops.softplus(ops.where(keys > 0.5, -logits, logits))
        return ops.sum(terms * of_class(classes, self.keys), axis=-1)

    def log_likelihood(self, features: Tensor, keys: Tensor, classes: Tensor) -> Tensor:
        """As for all decoders, and exact; around `FORBIDDEN` where keys and classes contradict each other."""
        logits = self.logits(features)
        log_p = self._bernoulli(logits, keys, classes)
        sounding = ops.max(by_octave(keys, self.classes, 0.0), axis=-2) > 0.5
        wrong = ops.logical_and(sounding, classes < 0.5)
        if self.at_least_one:
            wrong = ops.logical_xor(sounding, classes > 0.5)
            some = log_any(by_octave(logits, self.classes, FORBIDDEN), axis=-2)
            log_p = log_p - ops.sum(some * classes, axis=-1)
        return ops.where(ops.any(wrong, axis=-1), FORBIDDEN, log_p)

    def marginals(self, features: Tensor, classes: Tensor) -> Tensor:
        logits = self.logits(features)
        log_p = -ops.softplus(-logits)
        if self.at_least_one:
            some = log_any(by_octave(logits, self.classes, FORBIDDEN), axis=-2)
            log_p = ops.minimum(log_p - of_class(some, self.keys), 0.0)
        return ops.exp(log_p) * of_class(classes, self.keys)

    def step(
        self,
        classes: Tensor,
        previous: Tensor,
        state: list[State],
        uniforms: Tensor | None = None,
        temperature: Tensor | float = 1.0,
    ) -> tuple[Tensor, list[State]]:
        features, state = self.step_features(classes, previous, state)
        logits = self.logits(features, temperature)
        if self.at_least_one and uniforms is not None:
            drawn = self._draw_some(logits, uniforms)
        else:
            drawn = draw_bits(logits, uniforms, 1.0)
        drawn = drawn * of_class(ops.cast(classes, "float32"), self.keys)
        return (complete(drawn, logits, classes) if self.at_least_one else drawn), state

    def _draw_some(self, logits: Tensor, uniforms: Tensor) -> Tensor:
        """Keys of which each class has one or more, `[batch, keys]`, one octave after the other.

        While a class has no key, the probability of its next one is that given that one of those left sounds:
        `s_i / (1 - prod_{j >= i} (1 - s_j))`, which is 1 for the last (but for rounding, see `complete`).
        """
        z, u = by_octave(logits, self.classes, FORBIDDEN), by_octave(uniforms, self.classes, 1.0)
        drawn = []
        found = ops.zeros_like(z[:, 0]) > 0.5
        for octave in range(z.shape[1]):
            log_p = -ops.softplus(-z[:, octave])
            log_p = ops.where(found, log_p, log_p - log_any(z[:, octave:], axis=1))
            sounds = u[:, octave] < ops.exp(log_p)
            found = ops.logical_or(found, sounds)
            drawn.append(ops.cast(sounds, "float32"))
        return from_octaves(ops.stack(drawn, axis=1), self.keys)

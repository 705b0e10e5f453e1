"""The contract of an output: the distribution of a step's value given what comes before it.

An output takes parameters (a decoder's or a reader's features through a dense layer, or the features themselves) and
says what a true value costs in nats, how good a likelihood that is, and how a value is drawn. It also knows the
compact form of its values (a token, a token a part, or numbers), and how the value before enters an LSTM. MusicVAE's
decoders and the piano models use outputs by this contract alone; `catalog/registry.py` has their names.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

import keras
from keras import ops

if TYPE_CHECKING:
    from catalog.config import HParams

Tensor = Any
State = Any
"""A nested tuple or list of arrays `[batch, ...]`; `()` for an output that remembers nothing."""
Measure = Literal["exact", "bound", "estimate"]
"""What `Output.score` gives: the log likelihood itself; a lower bound, on average over its uniforms; or an estimate
whose error may have either sign."""


class Output(keras.layers.Layer, ABC):
    """Base of the distributions; by default of vectors, and without state.

    A subclass sets the attributes, and implements `loss`, `correct` and `draw`; the rest has defaults. What depends on
    more than one step's parameters (voices that remember their last frame) also implements `zero_state`, `step`,
    `score` and `state_after`.

    Attributes:
        depth: width of a value as an input of the decoder.
        parameter_depth: width of the parameters.
        uniforms: random numbers that a draw takes.
        measure: how good the likelihood of `score` is.
        takes_features: whether the parameters are the features themselves, so that no dense layer comes before them.
        draws_in_training: whether scheduled sampling draws values, or takes the likeliest.

    Examples:
        A coin that shows heads with probability `sigmoid(parameter)`:

        >>> from models.outputs.base import Output, draw_bits
        >>> class Coin(Output):
        ...     depth = parameter_depth = uniforms = 1
        ...
        ...     def loss(self, parameters, values):
        ...         return ops.sum(ops.softplus(parameters) - parameters * values, axis=-1)
        ...
        ...     def correct(self, parameters, values):
        ...         return ops.mean(ops.cast((parameters >= 0) == (values > 0.5), "float32"), axis=-1)
        ...
        ...     def draw(self, parameters, uniforms, temperature):
        ...         return draw_bits(parameters, uniforms, temperature)
        >>> coin, fair = Coin(), ops.zeros((1, 2, 1))
        >>> ops.convert_to_numpy(coin.loss(fair, ops.ones((1, 2, 1)))).round(4)
        array([[0.6931, 0.6931]], dtype=float32)
        >>> ops.convert_to_numpy(coin.draw_sequence(fair, ops.convert_to_tensor([[[0.2], [0.7]]])))[0, :, 0]
        array([1., 0.], dtype=float32)
        >>> coin.measure, coin.zero_state(1)
        ('exact', ())
    """

    depth: int
    parameter_depth: int
    uniforms: int
    measure: Measure = "exact"
    takes_features = False
    draws_in_training = True

    @classmethod
    def from_config(
        cls, depths: tuple[int, ...], options: Mapping[str, Any], hparams: "HParams", seed: int
    ) -> Self:
        """The output of a config's options; the default passes the sum of the depths and the options on.

        Args:
            depths: widths of the parts of a value, one for most.
            options: arguments of the class, as the config names them.
            hparams: for what the options leave open.
            seed: of what training draws.
        """
        del hparams, seed
        return cls(sum(depths), **options)

    def build(self) -> None:
        """Create the weights, where there are any."""
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        """The weights by the names that checkpoints have for them: Magenta's variable names within a decoder."""
        return {}

    # Values as inputs.

    def nothing(self, batch: Tensor | int) -> Tensor:
        """The value before the first step."""
        return ops.zeros((batch, self.depth), dtype="float32")

    def target(self, values: Tensor) -> Tensor:
        """Values as a batch holds them in the type that the rest takes."""
        return ops.cast(values, "float32")

    def before(self, values: Tensor) -> Tensor:
        """The value before each step, for values `[batch, time, ...]`."""
        first = self.nothing(ops.shape(values)[0])[:, None]
        return ops.concatenate([first, values[:, :-1]], axis=1)

    def select(self, use_first: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Values of `first` where the boolean `[batch]` is true, and of `second` elsewhere."""
        return ops.where(use_first[:, None], first, second)

    def product(self, values: Tensor, rows: Tensor) -> Tensor:
        """Values times the kernel's rows `[depth, width]`: `[..., width]`."""
        return ops.matmul(ops.cast(values, rows.dtype), rows)

    def dense(self, values: Tensor, dtype: str) -> Tensor:
        """Magenta's tensor of values, `[..., depth]`."""
        return ops.cast(values, dtype)

    # Training.

    @abstractmethod
    def loss(self, parameters: Tensor, values: Tensor) -> Tensor:
        """The training loss in nats, `[batch, time]`; minus the log likelihood, unless a subclass says otherwise.

        Args:
            parameters: `[batch, time, parameter_depth]`.
            values: the true ones, `[batch, time, ...]`.
        """

    @abstractmethod
    def correct(self, parameters: Tensor, values: Tensor) -> Tensor:
        """Share of a step's values that the likeliest ones hit, float32 `[batch, time]`."""

    # Drawing.

    @abstractmethod
    def draw(self, parameters: Tensor, uniforms: Tensor | None, temperature: Tensor | float) -> Tensor:
        """One step's values.

        Args:
            parameters: `[batch, parameter_depth]`.
            uniforms: `[batch, uniforms]` in [0, 1), or None for the likeliest values.
            temperature: divides the logits, above 0.
        """

    def zero_state(self, batch: Tensor | int) -> State:
        """What is remembered before a piece."""
        del batch
        return ()

    def step(
        self, parameters: Tensor, state: State, uniforms: Tensor | None, temperature: Tensor | float
    ) -> tuple[Tensor, State]:
        """`draw` of one step of a piece, and the state after it."""
        return self.draw(parameters, uniforms, temperature), state

    def draw_sequence(self, parameters: Tensor, uniforms: Tensor) -> Tensor:
        """Values drawn for each step of sequences by itself, `[batch, time, ...]`.

        Args:
            parameters: `[batch, time, parameter_depth]`.
            uniforms: `[batch, time, uniforms]`.
        """
        flat = ops.reshape(parameters, (-1, parameters.shape[-1]))
        drawn = self.draw(flat, ops.reshape(uniforms, (-1, uniforms.shape[-1])), 1.0)
        return ops.reshape(drawn, (*ops.shape(parameters)[:2], *drawn.shape[1:]))

    # Scoring.

    def log_likelihood(self, parameters: Tensor, values: Tensor) -> Tensor:
        """Log likelihood of true values in nats, `[batch, time]`; arguments as for `loss`."""
        return -self.loss(parameters, values)

    def score(
        self, parameters: Tensor, values: Tensor, uniforms: Tensor | None, state: State
    ) -> tuple[Tensor, State]:
        """Log likelihood of true values of a piece that goes on from a state, as `measure` says, and the state after it.

        Args:
            parameters, values: as for `loss`.
            uniforms: `[batch, time, uniforms]`, needed where `measure` is "bound".
            state: before the first step.
        """
        del uniforms
        return self.log_likelihood(parameters, values), state

    def log_likelihood_of_beginnings(self, parameters: Tensor, values: Tensor) -> Tensor | None:
        """Exact log likelihood `[batch]` of the first step of pieces, where `score` gives but a bound; else None.

        Args:
            parameters: `[batch, parameter_depth]`.
            values: `[batch, ...]`.
        """
        del parameters, values
        return None

    def state_after(self, parameters: Tensor, values: Tensor, state: State) -> State:
        """The state after values `[batch, time, ...]` that were not drawn here but given."""
        del parameters, values
        return state


def draw_bits(logits: Tensor, uniforms: Tensor | None, temperature: Tensor | float) -> Tensor:
    """0 or 1 for each of the logits, float32; 1 with probability `sigmoid(logit / temperature)`.

    Without uniforms the likelier one, 1 where both are equal.
    """
    logits = ops.cast(logits, "float32")
    if uniforms is None:
        return ops.cast(logits >= 0, "float32")
    return ops.cast(uniforms < ops.sigmoid(logits / temperature), "float32")


def draw_token(logits: Tensor, uniforms: Tensor | None, temperature: Tensor | float) -> Tensor:
    """Draw a token by the inverse of the cumulative distribution of `softmax(logits / temperature)`.

    One uniform number a token, rather than one for each class, so that a draw costs little and its outcome
    depends on (seed, sample, step) alone. The cumulative sum runs over blocks as two small products.

    Args:
        logits: `[batch, classes]`.
        uniforms: `[batch]` in [0, 1), or None for the likeliest class.
        temperature: above 0.

    Returns:
        int32 `[batch]`.
    """
    if uniforms is None:
        return ops.cast(ops.argmax(logits, axis=-1), "int32")
    probabilities = ops.softmax(ops.cast(logits, "float32") / temperature, axis=-1)
    classes = probabilities.shape[-1]
    block = 16
    padded = ops.pad(probabilities, ((0, 0), (0, -classes % block)))
    blocks = ops.reshape(padded, (-1, padded.shape[-1] // block, block))
    within = ops.matmul(blocks, ops.triu(ops.ones((block, block))))
    totals = within[:, :, -1]
    count = totals.shape[-1]
    before = ops.matmul(totals, ops.triu(ops.ones((count, count)), k=1))
    cumulative = ops.reshape(within + before[:, :, None], (-1, count * block))
    threshold = uniforms[:, None] * cumulative[:, -1:]
    token = ops.sum(ops.cast(cumulative <= threshold, "int32"), axis=-1)
    return ops.minimum(token, classes - 1)

"""Decoders: an embedding `[batch, embedding_size]` becomes a sequence.

A decoder offers two ways through the same weights. `teacher_forced` knows every input beforehand and runs the
whole sequence as large products; training and evaluation use it. `generate` draws step by step; sampling uses
it, and scheduled sampling to find out which tokens the network would have seen (no gradient flows through a
draw, so the loss is then `teacher_forced` on those tokens).

Tokens are integers `[batch, time]`; -1 stands for "nothing yet", an input of zeros.
"""

from typing import Any, NamedTuple

import keras
from keras import ops

from models.backend import scan
from models.lstm import InitialState, LSTMStack, State

Array = Any

NO_TOKEN = -1


class Draws(NamedTuple):
    """What decides the tokens of `generate`.

    Attributes:
        steps: arrays `[batch, time]` by name. `uniforms` in [0, 1) are one number a draw; without them the
            likeliest token is taken. `teacher` (tokens) with `sample_mask` (boolean) is scheduled sampling: the
            next input is the drawn token where the mask is true, and the teacher's elsewhere.
        temperature: divides the logits before the draw, above 0.
    """

    steps: dict[str, Array]
    temperature: Array | float = 1.0


def draw_token(logits: Array, uniforms: Array | None, temperature: Array | float) -> Array:
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


class CategoricalLSTMDecoder(keras.layers.Layer):
    """LSTM decoder with one categorical output a step: Magenta's `CategoricalLstmDecoder`.

    The input of a step is the one-hot token before beside the embedding. Neither product is made step by step:
    a token selects a row of the kernel, and the embedding is multiplied once for the whole sequence.

    Args:
        output_depth: number of tokens.
        layer_sizes: units of each LSTM layer.
        dropout: probability that an input value of a layer is dropped while training.
        seed: seed of the dropout masks.
    """

    def __init__(
        self,
        output_depth: int,
        layer_sizes: tuple[int, ...],
        dropout: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.output_depth = output_depth
        self.stack = LSTMStack(layer_sizes, dropout, seed)
        self.initial_state = InitialState(layer_sizes)
        self.output_projection = keras.layers.Dense(output_depth)

    @property
    def state_size(self) -> int:
        """Size of all cell and hidden states side by side."""
        return 2 * sum(self.stack.layer_sizes)

    def build(self, embedding_size: int) -> None:
        """Create the weights for embeddings `[batch, embedding_size]`."""
        self.embedding_size = embedding_size
        self.stack.build(self.output_depth + embedding_size)
        self.initial_state.build(embedding_size)
        self.output_projection.build((None, self.stack.layer_sizes[-1]))
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        """The weights by Magenta's variable names."""
        names = {f"decoder/z_to_initial_state/{k}": v for k, v in self.initial_state.named_weights().items()}
        names |= {f"decoder/multi_rnn_cell/{k}": v for k, v in self.stack.named_weights().items()}
        names["decoder/output_projection/kernel"] = self.output_projection.kernel
        names["decoder/output_projection/bias"] = self.output_projection.bias
        return names

    def _token_rows(self, tokens: Array) -> Array:
        """The kernel's row of each token `[...]`, zeros for NO_TOKEN: `[..., 4 * units]`."""
        rows = ops.take(
            self.stack.layers[0].kernel_rows(0, self.output_depth), ops.maximum(tokens, 0), axis=0
        )
        return rows * ops.cast(tokens >= 0, rows.dtype)[..., None]

    def _embedding_projection(self, embedding: Array) -> Array:
        """The share of embeddings `[..., embedding_size]` in the lowest layer's projection, bias included."""
        layer = self.stack.layers[0]
        rows = layer.kernel_rows(self.output_depth, self.output_depth + self.embedding_size)
        return ops.matmul(embedding, rows) + layer.bias

    def _projected_inputs(self, previous: Array, embedding: Array, training: bool) -> Array:
        """The lowest layer's input projections `[time, batch, 4 * units]`."""
        previous = ops.transpose(previous)
        rows = self._token_rows(previous)
        if not training or not self.stack.dropout:
            return rows + self._embedding_projection(embedding)[None]
        # Dropout of a one-hot token either keeps its row (scaled) or leaves nothing of it.
        kept = self.stack.drop(ops.ones_like(rows[..., :1]), training)
        repeated = ops.repeat(embedding[None], previous.shape[0], axis=0)
        return rows * kept + self._embedding_projection(self.stack.drop(repeated, training))

    def teacher_forced(
        self, previous: Array, embedding: Array, training: bool = False
    ) -> tuple[Array, list[State]]:
        """Run over known inputs.

        Args:
            previous: the token before each step, int `[batch, time]`, NO_TOKEN for none.
            embedding: `[batch, embedding_size]`.
            training: whether dropout is on.

        Returns:
            Logits `[batch, time, output_depth]`, and the states after the last step.
        """
        states = self.initial_state(embedding)
        projected = self._projected_inputs(previous, embedding, training)
        hiddens, states = self.stack.sequence(projected, states, training)
        return ops.transpose(self.output_projection(hiddens), (1, 0, 2)), states

    def generate(
        self, embedding: Array, first: Array, time: int, draws: Draws
    ) -> tuple[Array, Array, list[State]]:
        """Draw a sequence step by step.

        Args:
            embedding: `[batch, embedding_size]`.
            first: the token before the first step, int32 `[batch]`.
            time: number of steps.
            draws: what decides the tokens, `[batch, time]` each.

        Returns:
            The drawn tokens and the tokens that were the inputs, int32 `[batch, time]` each, and the states.
        """
        constant = self._embedding_projection(embedding)

        def step(carry, inputs):
            states, previous = carry
            output, states = self.stack.step(self._token_rows(previous) + constant, states)
            token = draw_token(self.output_projection(output), inputs.get("uniforms"), draws.temperature)
            following = (
                ops.where(inputs["sample_mask"], token, inputs["teacher"]) if "teacher" in inputs else token
            )
            return (states, following), (token, previous)

        inputs = {name: ops.transpose(array) for name, array in draws.steps.items()}
        inputs["step"] = ops.arange(time, dtype="int32")
        carry = (self.initial_state(embedding), ops.cast(first, "int32"))
        (states, _), (tokens, previous) = scan(step, carry, inputs)
        return ops.transpose(tokens), ops.transpose(previous), states

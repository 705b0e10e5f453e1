"""Decoding without a framework: z to tokens in plain NumPy, from the weights of a checkpoint.

Sampling eight beats is a few hundred small matrix products; importing TensorFlow for them takes ten times as
long as doing them. This is the whole path from z to tokens in one place, so it also serves the tests as a second
opinion on the Keras decoders. It covers the categorical decoder, flat and hierarchical.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from models.errors import CheckpointError

Array = np.ndarray
State = tuple[Array, Array]

FORGET_BIAS = np.float32(1.0)
HALF = np.float32(0.5)


def supports(decoder: Mapping[str, Any]) -> bool:
    """Whether a config's decoder can be decoded here."""
    return decoder["name"] == "categorical_lstm" or (
        decoder["name"] == "hierarchical_lstm" and decoder.get("core") == "categorical_lstm"
    )


def decode(
    weights: Mapping[str, Array],
    decoder: Mapping[str, Any],
    z: Array,
    steps: int,
    uniforms: Array | None = None,
    temperature: float = 1.0,
) -> Array:
    """Sequences for latent vectors.

    Args:
        weights: float32 arrays by Magenta's names.
        decoder: a config's decoder.
        z: float32 `[batch, z_size]`.
        steps: length of a sequence.
        uniforms: `[batch, steps]` in [0, 1), one a draw; None takes the likeliest token at every step.
        temperature: divides the logits, above 0.

    Returns:
        int32 tokens `[batch, steps]`.

    Raises:
        CheckpointError: where a weight is missing.
    """
    try:
        return _Decoder(weights, decoder, uniforms, temperature).run(np.asarray(z, np.float32), steps)
    except KeyError as error:
        raise CheckpointError(
            f"The checkpoint has no weight {error}; it belongs to another config."
        ) from error


class _Decoder:
    def __init__(
        self,
        weights: Mapping[str, Array],
        decoder: Mapping[str, Any],
        uniforms: Array | None,
        temperature: float,
    ):
        self.weights, self.uniforms, self.temperature = weights, uniforms, np.float32(temperature)
        hierarchical = decoder["name"] == "hierarchical_lstm"
        self.level_lengths = tuple(decoder["level_lengths"]) if hierarchical else ()
        self.core = "core_decoder/decoder" if hierarchical else "decoder"
        self.tokens: list[Array] = []
        self.last: Array | None = None
        if hierarchical and self.level_lengths:
            levels = range(len(self.level_lengths) - 1)
            disabled = decoder.get("disable_autoregression", False)
            self.deaf = tuple(levels) if disabled is True else tuple(disabled or ())

    def run(self, z: Array, steps: int) -> Array:
        """Decode `steps` tokens for each row of `z`."""
        if self.level_lengths:
            if steps != np.prod(self.level_lengths):
                raise CheckpointError(f"The hierarchy {self.level_lengths} does not make {steps} steps.")
            self._conduct(0, z)
        else:
            self._play(z, steps)
        return np.stack(self.tokens, axis=1)

    def _conduct(self, level: int, embedding: Array) -> Array:
        """Play a level of the hierarchy; returns its last state, side by side."""
        if level == len(self.level_lengths) - 1:
            return self._play(embedding, self.level_lengths[-1])
        scope = f"decoder/hierarchical_level_{level}"
        states = self._initial_states(f"{scope}/initial_state", f"{scope}/cell_", embedding)
        feedback = None
        for _ in range(self.level_lengths[level]):
            if level in self.deaf:
                inputs = np.zeros((len(embedding), 1), np.float32)
            else:
                if feedback is None:
                    rows = self.weights[f"{scope}/cell_0/lstm_cell/kernel"].shape[0]
                    size = rows - embedding.shape[1] - states[0][1].shape[1]
                    feedback = np.zeros((len(embedding), size), np.float32)
                inputs = np.concatenate([feedback, embedding], axis=1)
            output, states = self._stack(f"{scope}/cell_", self._project(f"{scope}/cell_0", inputs), states)
            feedback = self._conduct(level + 1, output)
        return _side_by_side(states)

    def _play(self, embedding: Array, steps: int) -> Array:
        """Play a segment with the core decoder; returns its last state, side by side."""
        cells = f"{self.core}/multi_rnn_cell/cell_"
        states = self._initial_states(f"{self.core}/z_to_initial_state", cells, embedding)
        kernel = self.weights[f"{cells}0/lstm_cell/kernel"]
        output_kernel = self.weights[f"{self.core}/output_projection/kernel"]
        output_bias = self.weights[f"{self.core}/output_projection/bias"]
        classes = output_kernel.shape[1]
        constant = embedding @ kernel[classes : classes + embedding.shape[1]]
        constant += self.weights[f"{cells}0/lstm_cell/bias"]
        for _ in range(steps):
            projected = constant if self.last is None else constant + kernel[self.last]
            output, states = self._stack(cells, projected, states)
            token = self._draw(output @ output_kernel + output_bias)
            self.tokens.append(token)
            self.last = token
        return _side_by_side(states)

    def _draw(self, logits: Array) -> Array:
        if self.uniforms is None:
            return np.argmax(logits, axis=-1).astype(np.int32)
        logits = logits / self.temperature
        cumulative = np.cumsum(np.exp(logits - logits.max(axis=-1, keepdims=True)), axis=-1)
        threshold = self.uniforms[:, len(self.tokens), None].astype(np.float32) * cumulative[:, -1:]
        token = np.sum(cumulative <= threshold, axis=-1, dtype=np.int32)
        return np.minimum(token, np.int32(logits.shape[1] - 1))

    def _initial_states(self, scope: str, cells: str, embedding: Array) -> list[State]:
        flat = np.tanh(embedding @ self.weights[f"{scope}/kernel"] + self.weights[f"{scope}/bias"])
        states: list[State] = []
        start = 0
        while start < flat.shape[1]:
            units = self.weights[f"{cells}{len(states)}/lstm_cell/bias"].shape[0] // 4
            states.append((flat[:, start : start + units], flat[:, start + units : start + 2 * units]))
            start += 2 * units
        return states

    def _project(self, cell: str, inputs: Array) -> Array:
        kernel = self.weights[f"{cell}/lstm_cell/kernel"]
        return inputs @ kernel[: inputs.shape[1]] + self.weights[f"{cell}/lstm_cell/bias"]

    def _stack(self, cells: str, projected: Array, states: list[State]) -> tuple[Array, list[State]]:
        """One step of the layers `cells`0, `cells`1, ...; the lowest layer's inputs are projected already."""
        new_states: list[State] = []
        for i, (cell, hidden) in enumerate(states):
            if i:
                projected = self._project(f"{cells}{i}", new_states[-1][1])
            kernel = self.weights[f"{cells}{i}/lstm_cell/kernel"]
            gates = projected + hidden @ kernel[-hidden.shape[1] :]
            new_states.append(_lstm(gates, cell))
        return new_states[-1][1], new_states


def _lstm(gates: Array, cell: Array) -> State:
    """`c' = sigmoid(f + 1) c + sigmoid(i) tanh(g)`, `h' = sigmoid(o) tanh(c')`."""
    units = cell.shape[1]
    gates[:, 2 * units : 3 * units] += FORGET_BIAS
    # sigmoid(x) = (1 + tanh(x / 2)) / 2: one pass of tanh serves all four gates.
    gates[:, :units] *= HALF
    gates[:, 2 * units :] *= HALF
    np.tanh(gates, out=gates)
    i = (gates[:, :units] + 1) * HALF
    g = gates[:, units : 2 * units]
    f = (gates[:, 2 * units : 3 * units] + 1) * HALF
    o = (gates[:, 3 * units :] + 1) * HALF
    cell = f * cell + i * g
    return cell, o * np.tanh(cell)


def _side_by_side(states: list[State]) -> Array:
    return np.concatenate([part for state in states for part in state], axis=-1)

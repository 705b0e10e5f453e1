"""Encoding and decoding without a framework: the whole path from clip to z to clip in plain NumPy.

Sampling eight beats is a few hundred small matrix products; importing TensorFlow for them takes ten times as
long as doing them. It is also the path to read first, and serves the tests as a second opinion on the Keras
models. It covers what the shipped models and Magenta's configs are made of: bidirectional and hierarchical
encoders, all outputs, conductors with and without autoregression, controls. Residual layers, LSTM-read controls
and re-encoders are left to Keras.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from common.errors import CheckpointError
from models.layers.conventions import FORGET_BIAS
from models.numpy_engine.outputs import Output, output

Array = np.ndarray
State = tuple[Array, Array]
Weights = Mapping[str, Array]

HALF = np.float32(0.5)


def supports_decoder(config: Any) -> bool:
    """Whether a config's decoder can be run here."""
    decoder = config.decoder
    name = decoder.get("core", decoder["name"])
    known = (
        *("categorical_lstm", "multi_categorical_lstm", "split_lstm"),
        *("boolean_lstm", "nade_lstm", "groove_lstm", "history_lstm"),
    )
    return (
        name in known
        and not config.hparams.residual_decoder
        and not decoder.get("preprocess_controls")
        and not decoder.get("re_encode")
    )


def supports_encoder(config: Any) -> bool:
    """Whether a config's encoder can be run here."""
    known = ("bidirectional_lstm", "hierarchical_lstm", "bars")
    return config.encoder["name"] in known and not config.hparams.residual_encoder


def decode(
    weights: Weights,
    decoder: Mapping[str, Any],
    depths: tuple[int, ...],
    z: Array,
    steps: int,
    uniforms: Array | None = None,
    temperature: float = 1.0,
    controls: Array | None = None,
    known: Array | None = None,
) -> Array:
    """Sequences for latent vectors.

    Args:
        weights: float32 arrays by Magenta's names.
        decoder: a config's decoder.
        depths: the converter's `output_depths`.
        z: float32 `[batch, z_size]`.
        steps: length of a sequence.
        uniforms: `[batch, steps, uniforms]` in [0, 1), one a draw; None takes the likeliest value at every step.
        temperature: divides the logits, above 0.
        controls: `[batch, steps, control_depth]`, where the model has any.
        known: what is not to be drawn: tokens `[batch, steps, ...]` with NO_TOKEN where they are, or for a groove
            the hits `[batch, steps, drums]`.

    Returns:
        Values `[batch, steps, ...]` in the compact form of the output: int32 tokens, or float32 numbers.

    Raises:
        CheckpointError: where a weight is missing.
    """
    with _named_where_missing():
        run = _Decoder(weights, decoder, depths, uniforms, temperature, controls, known)
        return run.decode(np.asarray(z, np.float32), steps)


def log_probability(
    weights: Weights,
    decoder: Mapping[str, Any],
    depths: tuple[int, ...],
    z: Array,
    values: Array,
    controls: Array | None = None,
) -> Array:
    """`log p(value of a step | all values before it, z)` in nats, `[batch, steps]`; of a groove minus its loss.

    Args:
        weights, decoder, depths, z, controls: as for `decode`.
        values: the true values `[batch, steps, ...]` in the compact form of the output; what is said of
            NO_TOKEN means nothing.

    Raises:
        CheckpointError: where a weight is missing.
    """
    with _named_where_missing():
        run = _Decoder(weights, decoder, depths, None, 1.0, controls, None, np.asarray(values))
        run.decode(np.asarray(z, np.float32), values.shape[1])
    return np.sum([np.stack(core.log_probabilities, axis=1) for core in run.cores], axis=0)


@contextlib.contextmanager
def _named_where_missing() -> Iterator[None]:
    try:
        yield
    except KeyError as error:
        reason = f"The checkpoint has no weight {error}; it belongs to another config."
        raise CheckpointError(reason) from error


def encode(
    weights: Weights, encoder: Mapping[str, Any], sequence: Array, lengths: Array
) -> tuple[Array, Array]:
    """Mean and standard deviation of the posterior, float32 `[batch, z_size]` each.

    Args:
        weights: float32 arrays by Magenta's names.
        encoder: a config's encoder.
        sequence: Magenta's input tensor with the controls behind it, float32 `[batch, steps, depth]`.
        lengths: `[batch]`, or `[batch, segments]` where each segment is padded at its own end.

    Raises:
        CheckpointError: where a weight is missing, as it is in a checkpoint that holds a decoder only.
    """
    try:
        if encoder["name"] == "hierarchical_lstm":
            embedding = _encode_levels(weights, encoder["level_lengths"], sequence, lengths)
        else:
            whole = lengths if lengths.ndim == 1 else lengths.sum(axis=1)
            embedding = _encode_both_ways(weights, "encoder", sequence, whole)
        mu = embedding @ weights["encoder/mu/kernel"] + weights["encoder/mu/bias"]
        sigma = embedding @ weights["encoder/sigma/kernel"] + weights["encoder/sigma/bias"]
    except KeyError as error:
        reason = "it holds a decoder only" if not any(n.startswith("encoder/") for n in weights) else ""
        raise CheckpointError(
            f"The checkpoint can't encode: {reason or f'it has no weight {error}'}."
        ) from error
    return mu, np.logaddexp(np.float32(0), sigma)


def _encode_levels(
    weights: Weights, level_lengths: tuple[int, ...], sequence: Array, lengths: Array
) -> Array:
    steps = level_lengths[0]
    count = sequence.shape[1] // steps
    if lengths.ndim == 1:
        lengths = np.clip(lengths[:, None] - np.arange(count)[None] * steps, 0, steps)
    flat = lengths.reshape(-1)
    for level, steps in enumerate(level_lengths):
        batch, count = len(sequence), sequence.shape[1] // steps
        if level:
            flat = np.full(batch * count, steps)
        segments = sequence.reshape(batch * count, steps, -1)
        embeddings = _encode_both_ways(weights, f"encoder/hierarchical_level_{level}", segments, flat)
        sequence = embeddings.reshape(batch, count, -1)
    return sequence[:, 0]


def _encode_both_ways(weights: Weights, scope: str, sequence: Array, lengths: Array) -> Array:
    """The last forward beside the last backward hidden state of stacked bidirectional layers."""
    real = (np.arange(sequence.shape[1])[None] < lengths[:, None]).astype(np.float32)
    layer = 0
    lasts: list[Array] = []
    while (
        layer == 0
        or f"{scope}/cell_{layer}/bidirectional_rnn/fw/multi_rnn_cell/cell_0/lstm_cell/kernel" in weights
    ):
        outputs, lasts = [], []
        for direction in ("fw", "bw"):
            cell = f"{scope}/cell_{layer}/bidirectional_rnn/{direction}/multi_rnn_cell/cell_0"
            hiddens, last = _read(weights, cell, sequence, real, direction == "bw")
            outputs.append(hiddens)
            lasts.append(last)
        sequence = np.concatenate(outputs, axis=-1)
        layer += 1
    return np.concatenate(lasts, axis=-1)


def _read(weights: Weights, cell: str, sequence: Array, real: Array, reverse: bool) -> tuple[Array, Array]:
    """One layer in one direction: hidden states `[batch, steps, units]`, and the last real one."""
    kernel, bias = weights[f"{cell}/lstm_cell/kernel"], weights[f"{cell}/lstm_cell/bias"]
    depth, units = sequence.shape[2], len(bias) // 4
    projected = sequence @ kernel[:depth] + bias
    state = hidden = np.zeros((len(sequence), units), np.float32)
    hiddens = np.zeros((*sequence.shape[:2], units), np.float32)
    last = hidden
    steps = range(sequence.shape[1])
    for step in reversed(steps) if reverse else steps:
        here = real[:, step, None]
        state, hidden = _lstm(projected[:, step] + hidden @ kernel[depth:], state)
        state, hidden = state * here, hidden * here
        hiddens[:, step] = hidden
        last = np.where(here > 0, hidden, last)
    return hiddens, last


class _Core:
    """The LSTM decoder of a segment, with one output."""

    def __init__(self, weights: Weights, scope: str, distribution: Output):
        self.weights, self.scope, self.distribution = weights, scope, distribution
        self.cells = f"{scope}/multi_rnn_cell/cell_"
        self.log_probabilities: list[Array] = []

    def play(
        self,
        embedding: Array,
        last: Array,
        steps: int,
        uniforms: Array | None,
        temperature: np.float32,
        controls: Array | None,
        known: Array | None,
        truth: Array | None = None,
    ) -> tuple[Array, Array]:
        """Values `[batch, steps, ...]`, those of `truth` and scored where it is given; and the last state."""
        weights, output = self.weights, self.distribution
        states = initial_states(weights, f"{self.scope}/z_to_initial_state", self.cells, embedding)
        kernel = weights[f"{self.cells}0/lstm_cell/kernel"]
        start = output.depth + embedding.shape[1]
        constant = embedding @ kernel[output.depth : start] + weights[f"{self.cells}0/lstm_cell/bias"]
        projection = weights[f"{self.scope}/output_projection/kernel"]
        bias = weights[f"{self.scope}/output_projection/bias"]
        values = []
        for step in range(steps):
            projected = constant + output.product(last, kernel)
            if controls is not None:
                here = controls[:, step]
                projected = projected + here @ kernel[start : start + here.shape[1]]
            hidden, states = run_stack(weights, self.cells, projected, states)
            parameters = hidden @ projection + bias
            if truth is not None:
                last = truth[:, step]
                self.log_probabilities.append(output.log_probability(parameters, last))
            else:
                draws = None if uniforms is None else uniforms[:, step]
                last = output.draw(parameters, draws, temperature)
            if known is not None:
                last = output.impose(last, known[:, step], parameters)
            values.append(last)
        return np.stack(values, axis=1), side_by_side(states)


class _Decoder:
    def __init__(
        self,
        weights: Weights,
        decoder: Mapping[str, Any],
        depths: tuple[int, ...],
        uniforms: Array | None,
        temperature: float,
        controls: Array | None,
        known: Array | None,
        truth: Array | None = None,
    ):
        self.weights, self.uniforms, self.temperature = weights, uniforms, np.float32(temperature)
        self.known, self.truth = known, truth
        self.controls = None if controls is None else np.asarray(controls, np.float32)
        hierarchical = decoder["name"] == "hierarchical_lstm"
        name = decoder["core"] if hierarchical else decoder["name"]
        scope = "core_decoder/" if hierarchical else ""
        if name == "split_lstm":
            self.cores = [
                _Core(weights, f"{scope}core_decoder_{i}/decoder", output("categorical_lstm", (d,), {}, ""))
                for i, d in enumerate(depths)
            ]
        else:
            scope += "decoder"
            self.cores = [_Core(weights, scope, output(name, depths, weights, scope))]
        self.split = name == "split_lstm"
        self.level_lengths = tuple(decoder["level_lengths"]) if hierarchical else ()
        disabled = decoder.get("disable_autoregression", False)
        self.deaf = tuple(range(len(self.level_lengths))) if disabled is True else tuple(disabled or ())
        self.played: list[Array] = []
        self.last: Array | None = None
        self.step = 0

    def decode(self, z: Array, steps: int) -> Array:
        """Decode `steps` values for each row of `z`."""
        if self.level_lengths:
            if steps != np.prod(self.level_lengths):
                raise CheckpointError(f"The hierarchy {self.level_lengths} does not make {steps} steps.")
            self._conduct(0, z)
        else:
            self._play(z, steps)
        return np.concatenate(self.played, axis=1)

    def _conduct(self, level: int, embedding: Array) -> Array:
        """Play a level of the hierarchy; returns its last state, side by side."""
        if level == len(self.level_lengths) - 1:
            return self._play(embedding, self.level_lengths[-1])
        scope = f"decoder/hierarchical_level_{level}"
        states = initial_states(self.weights, f"{scope}/initial_state", f"{scope}/cell_", embedding)
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
            projected = project(self.weights, f"{scope}/cell_0", inputs)
            hidden, states = run_stack(self.weights, f"{scope}/cell_", projected, states)
            feedback = self._conduct(level + 1, hidden)
        return side_by_side(states)

    def _play(self, embedding: Array, steps: int) -> Array:
        """Play a segment; returns the last state of the cores, layer by layer side by side."""
        here = slice(self.step, self.step + steps)
        self.step += steps
        uniforms = None if self.uniforms is None else self.uniforms[:, here]
        controls = None if self.controls is None else self.controls[:, here]
        known = None if self.known is None else self.known[:, here]
        truth = None if self.truth is None else self.truth[:, here]
        results = []
        for i, core in enumerate(self.cores):
            last = core.distribution.nothing(len(embedding))
            if self.last is not None:
                last = self.last[..., i] if self.split else self.last
            own = uniforms[..., i : i + 1] if self.split and uniforms is not None else uniforms
            fixed = known[..., i] if self.split and known is not None else known
            true = truth[..., i] if self.split and truth is not None else truth
            results.append(core.play(embedding, last, steps, own, self.temperature, controls, fixed, true))
        values = np.stack([v for v, _ in results], axis=-1) if self.split else results[0][0]
        self.played.append(values)
        self.last = values[:, -1]
        return results[0][1] if len(results) == 1 else _merged([s for _, s in results], self.cores)


def _merged(flat_states: list[Array], cores: list[_Core]) -> Array:
    """The states of several cores: c0 of all, h0 of all, c1 of all, and so on."""
    units, layer = [], 0
    while f"{cores[0].cells}{layer}/lstm_cell/bias" in cores[0].weights:
        units += [len(cores[0].weights[f"{cores[0].cells}{layer}/lstm_cell/bias"]) // 4] * 2
        layer += 1
    cuts = np.cumsum(units)[:-1]
    parts = zip(*(np.split(flat, cuts, axis=1) for flat in flat_states), strict=True)
    return np.concatenate([np.concatenate(same, axis=1) for same in parts], axis=1)


def initial_states(weights: Weights, scope: str, cells: str, embedding: Array) -> list[State]:
    """The states that a stack starts from: tanh of a dense layer, split as c0, h0, c1, h1..."""
    flat = np.tanh(embedding @ weights[f"{scope}/kernel"] + weights[f"{scope}/bias"])
    states: list[State] = []
    start = 0
    while start < flat.shape[1]:
        units = weights[f"{cells}{len(states)}/lstm_cell/bias"].shape[0] // 4
        states.append((flat[:, start : start + units], flat[:, start + units : start + 2 * units]))
        start += 2 * units
    return states


def project(weights: Weights, cell: str, inputs: Array) -> Array:
    """Inputs times a cell's kernel, plus its bias."""
    kernel = weights[f"{cell}/lstm_cell/kernel"]
    return inputs @ kernel[: inputs.shape[1]] + weights[f"{cell}/lstm_cell/bias"]


def run_stack(
    weights: Weights, cells: str, projected: Array, states: list[State]
) -> tuple[Array, list[State]]:
    """One step of the layers `cells`0, `cells`1, ...; the lowest layer's inputs are projected already."""
    new_states: list[State] = []
    for i, (cell, hidden) in enumerate(states):
        if i:
            projected = project(weights, f"{cells}{i}", new_states[-1][1])
        kernel = weights[f"{cells}{i}/lstm_cell/kernel"]
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


def side_by_side(states: list[State]) -> Array:
    """All cells and hidden states of a stack, c0, h0, c1, h1..."""
    return np.concatenate([part for state in states for part in state], axis=-1)

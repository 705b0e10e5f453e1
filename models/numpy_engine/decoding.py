"""Decoding without a framework: from z to a sequence in plain NumPy.

Sampling eight beats is a few hundred small matrix products; importing TensorFlow for them takes ten times as long as
doing them. It is also the path to read first, and the tests compare the Keras models with it. It covers the shipped
models and Magenta's configs: the outputs of `models/numpy_engine/outputs.py`, conductors with and without
autoregression, controls. Residual layers, controls that an LSTM reads first, and re-encoders are left to Keras.
"""

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from catalog import registry
from common.errors import CheckpointError
from models.numpy_engine.lstm import State, Weights, initial_states, project, run_stack, side_by_side
from models.numpy_engine.outputs import Output

if TYPE_CHECKING:
    from catalog.config import Config

Array = np.ndarray


def supports_decoder(config: "Config") -> bool:
    """Whether a config's decoder can be run here."""
    decoder = config.decoder
    return (
        bool(registry.DECODERS[decoder.get("core", decoder["name"])].numpy)
        and not config.hparams.residual_decoder
        and not decoder.get("preprocess_controls")
        and not decoder.get("re_encode")
    )


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
        Values `[batch, steps, ...]` in the compact form of the output: int32 tokens, or float32 values.

    Raises:
        CheckpointError: where a weight is missing.
    """
    with _named_where_missing():
        given = _Given(uniforms, _float32(controls), known)
        return _Decoder(weights, decoder, depths, given, temperature).decode(_float32(z), steps)


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
        values: the true values `[batch, steps, ...]` in the compact form of the output; the result
            at NO_TOKEN is meaningless.

    Raises:
        CheckpointError: where a weight is missing.
    """
    with _named_where_missing():
        given = _Given(controls=_float32(controls), truth=np.asarray(values))
        run = _Decoder(weights, decoder, depths, given)
        run.decode(_float32(z), values.shape[1])
    return np.sum([np.stack(core.log_probabilities, axis=1) for core in run.cores], axis=0)


@contextlib.contextmanager
def _named_where_missing() -> Iterator[None]:
    try:
        yield
    except KeyError as error:
        reason = f"The checkpoint has no weight {error}; it belongs to another config."
        raise CheckpointError(reason) from error


def _float32(array: Array | None) -> Any:
    return None if array is None else np.asarray(array, np.float32)


class _Given(NamedTuple):
    """What decides the values of some steps, `[batch, steps, ...]` each, or None.

    Attributes:
        uniforms: one in [0, 1) for each draw; without them the likeliest values are taken.
        controls: conditions of each step.
        known: what is not drawn.
        truth: values that are scored instead of drawing any.
    """

    uniforms: Array | None = None
    controls: Array | None = None
    known: Array | None = None
    truth: Array | None = None

    def between(self, start: int, stop: int) -> "_Given":
        """The part for some of the steps."""
        return _Given(*(None if x is None else x[:, start:stop] for x in self))

    def of_part(self, part: int) -> "_Given":
        """What decides one of several tokens a step."""
        return _Given(
            None if self.uniforms is None else self.uniforms[..., part : part + 1],
            self.controls,
            None if self.known is None else self.known[..., part],
            None if self.truth is None else self.truth[..., part],
        )


class _Core:
    """The LSTM decoder of a segment, with one output.

    Attributes:
        log_probabilities: of the true values of each step played, nats `[batch]`, where these were given.
    """

    def __init__(self, weights: Weights, scope: str, output: Output):
        self.weights, self.scope, self.output = weights, scope, output
        self.cells = f"{scope}/multi_rnn_cell/cell_"
        self.log_probabilities: list[Array] = []

    def play(
        self, embedding: Array, last: Array, steps: int, given: _Given, temperature: np.float32
    ) -> tuple[Array, list[State]]:
        """Values `[batch, steps, ...]` after the value `last`, and the last states."""
        weights, output = self.weights, self.output
        states = initial_states(weights, f"{self.scope}/z_to_initial_state", self.cells, embedding)
        kernel = weights[f"{self.cells}0/lstm_cell/kernel"]
        start = output.depth + embedding.shape[1]
        constant = embedding @ kernel[output.depth : start] + weights[f"{self.cells}0/lstm_cell/bias"]
        projection = weights[f"{self.scope}/output_projection/kernel"]
        bias = weights[f"{self.scope}/output_projection/bias"]
        values = []
        for step in range(steps):
            projected = constant + output.product(last, kernel)
            if given.controls is not None:
                here = given.controls[:, step]
                projected = projected + here @ kernel[start : start + here.shape[1]]
            hidden, states = run_stack(weights, self.cells, projected, states)
            parameters = hidden @ projection + bias
            if given.truth is not None:
                last = given.truth[:, step]
                self.log_probabilities.append(output.log_probability(parameters, last))
            else:
                draws = None if given.uniforms is None else given.uniforms[:, step]
                last = output.draw(parameters, draws, temperature)
            if given.known is not None:
                last = output.impose(last, given.known[:, step], parameters)
            values.append(last)
        return np.stack(values, axis=1), states


class _Decoder:
    """A decoder on its way through a sequence: conductors where there are any, and the cores under them."""

    def __init__(
        self,
        weights: Weights,
        decoder: Mapping[str, Any],
        depths: tuple[int, ...],
        given: _Given,
        temperature: float = 1.0,
    ):
        self.weights, self.given, self.temperature = weights, given, np.float32(temperature)
        self.is_split = decoder.get("core", decoder["name"]) == "split_lstm"
        self.cores = _cores(weights, decoder, depths)
        self.level_lengths = tuple(decoder.get("level_lengths", ()))
        disabled = decoder.get("disable_autoregression", False)
        self.not_autoregressive = (
            tuple(range(len(self.level_lengths))) if disabled is True else tuple(disabled or ())
        )
        self.played: list[Array] = []
        self.last: list[Array] = []
        self.step = 0

    def decode(self, z: Array, steps: int) -> Array:
        """Decode `steps` values for each row of `z`."""
        self.last = [core.output.nothing(len(z)) for core in self.cores]
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
            if level in self.not_autoregressive:
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
        return side_by_side([states])

    def _play(self, embedding: Array, steps: int) -> Array:
        """Play a segment after what was played before; returns the last state of the cores, side by side."""
        given = self.given.between(self.step, self.step + steps)
        self.step += steps
        values, states = [], []
        for i, core in enumerate(self.cores):
            own = given.of_part(i) if self.is_split else given
            played, state = core.play(embedding, self.last[i], steps, own, self.temperature)
            values.append(played)
            states.append(state)
        self.last = [played[:, -1] for played in values]
        self.played.append(np.stack(values, axis=-1) if self.is_split else values[0])
        return side_by_side(states)


def _cores(weights: Weights, decoder: Mapping[str, Any], depths: tuple[int, ...]) -> list[_Core]:
    """The cores of a decoder: one, or one for each of several tokens a step."""
    is_hierarchical = "core" in decoder
    name = decoder["core"] if is_hierarchical else decoder["name"]
    output: type[Output] = registry.found(registry.CORES[name].numpy)
    scope = "core_decoder/" if is_hierarchical else ""
    if name != "split_lstm":
        scope += "decoder"
        return [_Core(weights, scope, output.from_weights(depths, weights, scope))]
    scopes = [f"{scope}core_decoder_{i}/decoder" for i in range(len(depths))]
    return [
        _Core(weights, own, output.from_weights((depth,), weights, own))
        for own, depth in zip(scopes, depths, strict=True)
    ]

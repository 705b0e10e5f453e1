"""The author's PyTorch models in NumPy: state dicts of the published shapes, and his formulas, in float64.

What `tests/models/formats/test_torch.py` compares our frame models with; nothing here is shared with them.
"""

from typing import Any

import numpy as np

Array = np.ndarray
Tensors = dict[str, Array]
BATCH, VOICES, HIDDEN, KEYS = 2, 5, 36, 88
LAGS = (4, 8, 16, 32, 48, 64, 96, 128)
DELAYS = (1, 4, 8, 16, 32, 48, 64, 96, 128)


# State dicts of the published shapes.


def lstm_shapes(name: str, inputs: int, units: int) -> dict[str, tuple[int, ...]]:
    shapes = {"weight_ih": (4 * units, inputs), "weight_hh": (4 * units, units), "bias_ih": (4 * units,)}
    return {f"{name}.{k}_l0": v for k, v in {**shapes, "bias_hh": (4 * units,)}.items()}


def linear_shapes(name: str, inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


SAMPLER = {**lstm_shapes("sampler.lstm", 154, 100), **linear_shapes("sampler.linear", 100, 24)}
MACHINE = {
    "W": (HIDDEN, KEYS),
    **linear_shapes("v_bias_linear", 100, KEYS),
    **linear_shapes("h_bias_linear", 100, HIDDEN),
}
HEAD = linear_shapes("velocity_linear", 100, KEYS)
SHAPES = {
    "history": {
        **lstm_shapes("local_lstm", 18, 100),
        **lstm_shapes("history_reader.read_lstm", 18, 100),
        **linear_shapes("history_reader.read_linear", 100, 8),
        **lstm_shapes("aggregation_lstm", 112, 130),
        **SAMPLER,
    },
    "latency": {
        **lstm_shapes("latency_lstm.lstm", 18, 216),
        **lstm_shapes("aggregation_lstm", 216, 130),
        **SAMPLER,
    },
    "plain": {**lstm_shapes("lstm", 100, 100), **linear_shapes("linear", 100, KEYS)},
    "rbm": {**lstm_shapes("lstm", 100, 100), **MACHINE},
    "head": {**lstm_shapes("lstm", 100, 100), **MACHINE, **HEAD},
    "final": {
        **lstm_shapes("decoder_lstm", 100, 100),
        **lstm_shapes("velocity_lstm", 100, 100),
        **MACHINE,
        **HEAD,
    },
}


def state_dict(kind: str) -> Tensors:
    """Random float32 tensors, large enough that every part matters."""
    rng = np.random.default_rng(sorted(SHAPES).index(kind))
    tensors = {k: rng.normal(0, 0.2, shape).astype(np.float32) for k, shape in SHAPES[kind].items()}
    if kind == "head":
        # It hears MIDI velocities; larger weights would make what is fed back grow any rounding a thousandfold.
        tensors["lstm.weight_ih_l0"][:, 12:] /= 128
    return tensors


# The author's formulas, in float64, on the tensors as PyTorch has them.


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


class Original:
    """One network, a frame a call; its LSTMs remember."""

    def __init__(self, tensors: Tensors):
        self.tensors = {name: array.astype(np.float64) for name, array in tensors.items()}
        self.states: dict[Any, tuple[Array, Array]] = {}
        self.time = 0
        self.history = np.zeros((BATCH, 128, 12))
        self.rings = [np.zeros((delay, 2, BATCH, 24)) for delay in DELAYS]

    def cell(self, name: str, x: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        """PyTorch's LSTM cell, with gates i, f, g, o and two biases."""
        w_ih, w_hh, b_ih, b_hh = (
            self.tensors[f"{name}.{k}_l0"] for k in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        h, c = state
        i, f, g, o = np.split(x @ w_ih.T + b_ih + h @ w_hh.T + b_hh, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(c), c

    def lstm(self, name: str, *inputs: Array, of: Any = None) -> Array:
        zeros = np.zeros((BATCH, self.tensors[f"{name}.weight_hh_l0"].shape[1]))
        state = self.states.get((name, of), (zeros, zeros))
        self.states[name, of] = self.cell(name, np.concatenate(inputs, axis=-1), state)
        return self.states[name, of][0]

    def linear(self, name: str, x: Array) -> Array:
        return x @ self.tensors[f"{name}.weight"].T + self.tensors[f"{name}.bias"]

    def features(self, x: Array) -> Array:
        """What the aggregator makes of frame t, `[batch, 130]`."""
        clock = [[self.time % 64 >> bit & 1 for bit in range(5, -1, -1)]] * BATCH
        inputs = np.concatenate([x, clock], axis=-1)
        if "local_lstm.weight_ih_l0" in self.tensors:
            scores = self.linear("history_reader.read_linear", self.lstm("history_reader.read_lstm", inputs))
            weights = np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)
            self.history = np.concatenate([x[:, None], self.history[:, :-1]], axis=1)
            read = sum(weights[:, k, None] * self.history[:, lag - 1] for k, lag in enumerate(LAGS))
            parts = (self.lstm("local_lstm", inputs), read)
        else:
            before = [ring[self.time % delay] for ring, delay in zip(self.rings, DELAYS, strict=True)]
            h, c = np.concatenate(before, axis=-1)
            after = self.cell("latency_lstm.lstm", inputs, (h, c))
            for i, (ring, delay) in enumerate(zip(self.rings, DELAYS, strict=True)):
                ring[self.time % delay] = [part[:, 24 * i : 24 * i + 24] for part in after]
            parts = (after[0],)
        self.time += 1
        return self.lstm("aggregation_lstm", *parts)

    def frame(self, x: Array, uniforms: Array, truth: Array | None = None) -> tuple[Array, Array]:
        """What five voices decide after frame x, and `P = p (1 - b)`, `[batch, 12]` each."""
        features = self.features(x)
        on, off, p, b = np.zeros((4, BATCH, 12))
        rows = np.arange(BATCH)
        for voice in range(VOICES):
            z = self.linear("sampler.linear", self.lstm("sampler.lstm", features, on, off, of=voice))
            d = np.tile(1 - on - off, 2) * np.exp(z)
            d /= d.sum(axis=-1, keepdims=True)
            p, b = p + (1 - p) * d[:, :12], b + (1 - b) * d[:, 12:]
            drawn = (np.cumsum(d, axis=-1) <= uniforms[:, voice, None]).sum(axis=-1)
            sounds = drawn < 12 if truth is None else truth[rows, drawn % 12] > 0
            on[rows, drawn % 12], off[rows, drawn % 12] = sounds, ~sounds
        return on, p * (1 - b)

    def decode(self, classes: Array, previous: Array, raw: bool = False) -> Array:
        """The key decoder's features; `raw` hears MIDI velocities."""
        name = "decoder_lstm" if "decoder_lstm.weight_ih_l0" in self.tensors else "lstm"
        return self.lstm(name, classes, previous * 128 if raw else previous)

    def biases(self, features: Array) -> tuple[Array, Array]:
        return self.linear("v_bias_linear", features), self.linear("h_bias_linear", features)

    def free_energy(self, keys: Array, features: Array) -> Array:
        visible, hidden = self.biases(features)
        softplus = np.log(1 + np.exp(keys @ self.tensors["W"].T + hidden))
        return -(keys * visible).sum(axis=-1) - softplus.sum(axis=-1)

    def chain(self, keys: Array, classes: Array, features: Array, uniforms: Array) -> Array:
        """One step of the chain, its keys masked by the classes."""
        w, (visible, hidden) = self.tensors["W"], self.biases(features)
        h = uniforms[:, :HIDDEN] < sigmoid(keys @ w.T + hidden)
        return (uniforms[:, HIDDEN:] < sigmoid(h @ w + visible)) * of_keys(classes)

    def draw(self, before: Array, classes: Array, features: Array, uniforms: Array) -> Array:
        """A frame of keys; with a machine a class that is left without one gets its likeliest, our own addition."""
        if "W" not in self.tensors:
            return (uniforms[:, :KEYS] < sigmoid(self.linear("linear", features))) * of_keys(classes)
        keys = self.chain((before > 0) * 1.0, classes, features, uniforms)
        w, (visible, hidden) = self.tensors["W"], self.biases(features)
        scores = sigmoid(keys @ w.T + hidden) @ w + visible
        for row, k in zip(*np.nonzero(classes), strict=True):
            if not keys[row, k::12].any():
                keys[row, k + 12 * np.argmax(scores[row, k::12])] = 1
        return keys

    def velocities(self, classes: Array, previous: Array, features: Array) -> Array:
        if "velocity_lstm.weight_ih_l0" in self.tensors:
            features = self.lstm("velocity_lstm", classes, previous)
        return sigmoid(self.linear("velocity_linear", features))


def of_keys(classes: Array) -> Array:
    return np.tile(classes, 8)[..., :KEYS]


def classes_of(keys: Array) -> Array:
    return keys[..., :84].reshape(*keys.shape[:-1], 7, 12).max(axis=-2)

"""The history decoder (`models/history_drums/decoder.py`) in plain NumPy, step by step: drawing clips, and scoring them.

Guidance is here alone: a decoder that was trained with conditions and without can be asked for more than the
conditions say by themselves, `log p + strength (log p(. | conditions) - log p)` (Ho and Salimans, "Classifier-Free
Diffusion Guidance", 2022).
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from models.numpy_engine.lstm import initial_states, project, run_stack
from models.numpy_engine.outputs import Categorical
from preprocess.drums.history_controls import ControlLayout
from preprocess.example_forms import NO_TOKEN

Array = np.ndarray
Weights = Mapping[str, Array]

CELLS = "decoder/multi_rnn_cell/cell_"
IMPOSSIBLE = np.float32(-1e9)


class HistoryPlayer:
    """Plays and scores clips of drum tokens.

    Args:
        weights: float32 arrays by the names of `HistoryDecoder.named_weights`.
        decoder: a config's decoder, with `drums`, `length`, `steps_per_bar`, `lags`, `copy_lags`, `leads`,
            `conditions` and `z_slices`.
    """

    def __init__(self, weights: Weights, decoder: Mapping[str, Any]):
        self.weights = weights
        self.layout = ControlLayout(decoder["drums"], decoder.get("conditions", 0))
        self.length, self.steps_per_bar = decoder["length"], decoder["steps_per_bar"]
        self.lags, self.copy_lags = np.array(decoder["lags"]), np.array(decoder["copy_lags"])
        self.leads = tuple(decoder["leads"])
        self.z_slices = decoder.get("z_slices", 1)
        self.depth = 2 ** decoder["drums"]
        self.output = Categorical(self.depth)
        self.token_bits = self.layout.bits(np.arange(self.depth))
        nothing = np.zeros((1, decoder["drums"] + 1), np.float32)
        real = np.concatenate([self.token_bits, np.ones((self.depth, 1), np.float32)], axis=1)
        # Indexed with NO_TOKEN, which is -1, it gives the last row.
        self.read_bits = np.concatenate([real, nothing])
        # One product gives the logits of whole tokens and those that they share drum by drum.
        self.logit_kernel = (
            weights["decoder/output_projection/kernel"]
            + weights["decoder/drum_projection/kernel"] @ self.token_bits.T
        )

    def decode(
        self,
        z: Array,
        controls: Array,
        uniforms: Array | None = None,
        temperature: float = 1.0,
        guidance: float = 1.0,
    ) -> Array:
        """Tokens for latent vectors, int32 `[n, steps]`.

        Args:
            z: float32 `[n, z_size]`.
            controls: `[n, steps, layout.depth]`.
            uniforms: `[n, steps, 1]` in [0, 1), one a draw; None takes the likeliest token at every step.
            temperature: divides the logits, above 0.
            guidance: strength of the conditions: 1 as they were trained, more exaggerates them, 0 ignores them.
        """
        voices = [Voice(self, z, controls, np.float32(guidance))]
        if guidance != 1.0:
            without = controls.copy()
            without[..., self.layout.wanted] = 0
            voices.append(Voice(self, z, without, np.float32(1 - guidance)))
        return decode_together(voices, uniforms, temperature)

    def log_probability(self, z: Array, controls: Array, values: Array) -> Array:
        """`log p(token of a step | those before, z, controls)` in nats, float32 `[n, steps]`."""
        run = _Run(self, z, controls)
        found = []
        for step in range(values.shape[1]):
            tokens = values[:, step]
            logits = run.log_probabilities(step)
            found.append(np.take_along_axis(logits, np.maximum(tokens, 0)[:, None], axis=1)[:, 0])
            run.hear(tokens)
        return np.stack(found, axis=1)


class Voice(NamedTuple):
    """One opinion of what comes next: a player, what it is given, and how much it counts.

    Attributes:
        player: says how likely each token is.
        z: float32 `[n, z_size]`.
        controls: `[n, steps, player.layout.depth]`.
        weight: of its log probabilities, for all clips or float32 `[n]`; those of all voices sum to 1.
    """

    player: HistoryPlayer
    z: Array
    controls: Array
    weight: Array | np.float32


def decode_together(
    voices: Sequence[Voice], uniforms: Array | None = None, temperature: float = 1.0
) -> Array:
    """Tokens on which several voices agree, int32 `[n, steps]`: drawn by the weighted sum of their log probabilities.

    Args:
        voices: of as many clips, steps and tokens each.
        uniforms, temperature: as for `HistoryPlayer.decode`.
    """
    voices = [voice for voice in voices if np.any(voice.weight)]
    n, steps = voices[0].controls.shape[:2]
    weights = [np.broadcast_to(np.asarray(v.weight, np.float32), (n,))[:, None] for v in voices]
    runs = [_Run(voice.player, voice.z, voice.controls) for voice in voices]
    played = np.zeros((n, steps), np.int32)
    for step in range(steps):
        opinions = (w * run.log_probabilities(step) for w, run in zip(weights, runs, strict=True))
        logits = np.maximum(sum(opinions), IMPOSSIBLE)
        draws = None if uniforms is None else uniforms[:, step]
        played[:, step] = voices[0].player.output.draw(logits, draws, np.float32(temperature))
        for run in runs:
            run.hear(played[:, step])
    return played


class _Run:
    """One pass over a batch of clips: what was heard so far, and the LSTM's states."""

    def __init__(self, player: HistoryPlayer, z: Array, controls: Array):
        self.player, weights, layout = player, player.weights, player.layout
        n, steps = controls.shape[:2]
        heard = np.asarray(z, np.float32) * controls[:, 0, layout.uses_z]
        self.states = initial_states(weights, "decoder/z_to_initial_state", CELLS, heard)
        sliced = heard.reshape(n, player.z_slices, heard.shape[1] // player.z_slices)
        if "decoder/unrolled/kernel" in weights:
            unrolled = sliced @ weights["decoder/unrolled/kernel"] + weights["decoder/unrolled/bias"]
            self.z = unrolled.reshape(n, steps, -1)
        else:
            self.z = np.repeat(sliced, steps // player.z_slices, axis=1)
        self.fixed = _fixed_reads(player, controls)
        self.agrees = _agrees(player, controls)
        self.recent = np.full((n, player.length + 1), NO_TOKEN, np.int32)
        self.recent[:, -steps:] = layout.past_tokens(controls)

    def log_probabilities(self, step: int) -> Array:
        """Of every token at a step, float32 `[n, depth]`."""
        player, weights = self.player, self.player.weights
        before = self.recent[:, -1]
        back = self.recent[:, -player.copy_lags]
        equal = (before[:, None] == self.recent[:, -player.copy_lags - 1]) & (before >= 0)[:, None]
        history = player.read_bits[self.recent[:, -player.lags]].reshape(len(before), -1)
        read = np.concatenate(
            [history, equal.astype(np.float32), self.fixed[:, step], self.z[:, step]], axis=1
        )
        hidden = np.maximum(read @ weights["decoder/hidden/kernel"] + weights["decoder/hidden/bias"], 0)
        projected = project(weights, f"{CELLS}0", np.concatenate([hidden, self.z[:, step]], axis=1))
        output, self.states = run_stack(weights, CELLS, projected, self.states)
        return self._mixture(output, hidden, back, self.agrees[:, step])

    def hear(self, tokens: Array) -> None:
        """Go on to the next step, after the tokens of this one."""
        self.recent = np.concatenate([self.recent[:, 1:], np.maximum(tokens, 0)[:, None]], axis=1)

    def _mixture(self, output: Array, hidden: Array, back: Array, agrees: Array) -> Array:
        """Drawing and copying mixed; see `models/history_drums/decoder.py`."""
        player, weights = self.player, self.player.weights
        logits = np.concatenate([output, hidden], axis=1) @ player.logit_kernel
        logits = np.where(agrees, logits + weights["decoder/output_projection/bias"], IMPOSSIBLE)
        gate = output @ weights["decoder/copy_weights/kernel"] + weights["decoder/copy_weights/bias"]
        possible = (back >= 0) & np.take_along_axis(agrees, np.maximum(back, 0), axis=1)
        gate[:, 1:] = np.where(possible, gate[:, 1:], IMPOSSIBLE)
        gate = _softmax(gate)
        everything = gate[:, :1] * _softmax(logits)
        rows = np.arange(len(back))
        for lag in range(back.shape[1]):
            everything[rows, np.maximum(back[:, lag], 0)] += gate[:, lag + 1]
        everything = np.log(np.maximum(everything, np.float32(1e-9)))
        return np.where(agrees, everything, IMPOSSIBLE)


def _fixed_reads(player: HistoryPlayer, controls: Array) -> Array:
    """What a step reads that does not depend on what is played, `[n, steps, width]`."""
    n, steps = controls.shape[:2]
    layout = player.layout
    at, bars = np.arange(steps), player.length // player.steps_per_bar
    positions = np.concatenate(
        [np.eye(player.steps_per_bar)[at % player.steps_per_bar], np.eye(bars)[at // player.steps_per_bar]],
        axis=1,
    )
    padded = np.pad(controls[..., : layout.mask.stop], ((0, 0), (0, player.length), (0, 0)))
    ahead = [padded[:, lead : lead + steps] for lead in player.leads]
    fixed = [
        np.broadcast_to(positions, (n, *positions.shape)),
        *ahead,
        controls[..., layout.wanted],
        controls[..., layout.uses_z],
    ]
    return np.concatenate(fixed, axis=-1, dtype=np.float32)


def _agrees(player: HistoryPlayer, controls: Array) -> Array:
    """Boolean `[n, steps, depth]`: which tokens agree with the hits that are known."""
    hits = controls[..., player.layout.hits]
    absent = controls[..., player.layout.mask] - hits
    bits = player.token_bits.T
    return hits @ (1 - bits) + absent @ bits < 0.5


def _softmax(logits: Array) -> Array:
    grown = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return grown / grown.sum(axis=-1, keepdims=True)

"""The voices of the polyphonic sampler: a network that decides pitch after pitch, each voice knowing those before.

What they draw is `Voices.walk`; what is made of it, the objectives and likelihoods, is in
`models/outputs/polyphonic_sampler.py`.
"""

from typing import Any, Literal, NamedTuple

import keras
from keras import ops

from models.layers import wavefront
from models.layers.lstm import LSTM
from models.layers.lstm_sequence import State, lstm_cell, swap
from models.outputs.polyphonic_likelihood import draw_outcome, masked_log_softmax

Tensor = Any
States = list[State | None]
"""The `(cell, hidden)` of each voice; None for voices without memory."""


Rule = Literal["free", "inverted", "true", "viable"]
"""How `Voices.walk` uses the true frames."""


class Walk(NamedTuple):
    """What `Voices` drew and said.

    Attributes:
        on, off: pitches decided to sound and not to, 0 or 1, `[..., pitches]`.
        sounds: `p = p1 + (1 - p1) p2 + (1 - p1)(1 - p2) p3 + ...` of the voices' probabilities, `[..., pitches]`.
        banned: the same sum b for "certainly does not sound"; zeros with pauses.
        log_silence: log probability that all voices pause, `[...]`; 0 without pauses.
        log_weight: sum over voices of log d(drawn) - log q(drawn), q being what was drawn from, `[...]`.
        states: each voice's `(cell, hidden)` afterwards; None without memory.
    """

    on: Tensor
    off: Tensor
    sounds: Tensor
    banned: Tensor
    log_silence: Tensor
    log_weight: Tensor
    states: States


class Path(NamedTuple):
    """What `Voices` decided one after the other; no gradient goes through it.

    Attributes:
        on, off: what was decided before each voice, `[..., voices, batch, pitches]`.
        drawn: each voice's draw, one-hot `[..., voices, batch, outcomes]`.
        log_q: log probabilities that it was drawn from.
        decided: on and off after all voices, `[..., pitches]`.
        states: each voice's `(cell, hidden)` afterwards; None without memory.
        run: how the voices went over a sequence; None without memory, and for one frame.
    """

    on: Tensor
    off: Tensor
    drawn: Tensor
    log_q: Tensor
    decided: tuple[Tensor, Tensor]
    states: States
    run: wavefront.Run | None


class _Drawing(NamedTuple):
    """How voices draw: the arguments of `Voices.walk` of these names."""

    rule: Rule
    values: Tensor | None
    uniforms: Tensor | None
    temperature: Tensor | float


class Voices(keras.layers.Layer):
    """Voices that draw one after the other, by one network for all (see `PolyphonicSampler`).

    Args:
        pitches: pitches in a frame.
        features: width of the features.
        voices: how many there are.
        units: hidden units of the network.
        pauses: a voice draws a pitch or a pause, instead of a pitch or a ban.
        memory: the network is an LSTM, whose state each voice keeps, instead of a layer of tanh.
        crutch: no gradient through the `1 - p` before a voice's probability (the author's "holy crutch").
    """

    def __init__(
        self,
        pitches: int,
        features: int,
        voices: int,
        units: int,
        pauses: bool = False,
        memory: bool = False,
        crutch: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.pitches, self.features, self.count, self.units = pitches, features, voices, units
        self.pauses, self.memory, self.crutch = pauses, memory, crutch
        self.outcomes = pitches + 1 if pauses else 2 * pitches
        self.decisions = pitches if pauses else 2 * pitches
        self.voice: Any = LSTM(units) if memory else keras.layers.Dense(units)

    def build(self) -> None:
        """Create the weights."""
        inputs = self.features + self.decisions
        self.voice.build(inputs if self.memory else (None, inputs))
        self.output_kernel = self.add_weight(
            (self.units, self.outcomes), initializer="glorot_uniform", name="output_kernel"
        )
        self.output_bias = self.add_weight((self.outcomes,), initializer="zeros", name="output_bias")
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        """The weights by names that stay the same."""
        prefix = "voice/lstm_cell" if self.memory else "voice"
        return {
            f"{prefix}/kernel": self.voice.kernel,
            f"{prefix}/bias": self.voice.bias,
            "output/kernel": self.output_kernel,
            "output/bias": self.output_bias,
        }

    def zero_states(self, batch: Any, dtype: Any = "float32") -> States:
        """The voices' states before a piece."""
        return [self.voice.zero_state(batch, dtype) if self.memory else None for _ in range(self.count)]

    def of_features(self, features: Tensor) -> Tensor:
        """The features' share in the voices' preactivation, made once for all voices: `[..., width]`."""
        return ops.matmul(features, self.voice.kernel[: self.features]) + self.voice.bias

    def of_decided(self, on: Tensor, off: Tensor) -> Tensor:
        """The share of what was decided: `[..., width]`."""
        start = self.features
        return ops.matmul(self._seen(on, off), self.voice.kernel[start : start + self.decisions])

    def _seen(self, on: Tensor, off: Tensor) -> Tensor:
        """What a voice sees of what was decided: `[..., decisions]`."""
        return on if self.pauses else ops.concatenate([on, off], axis=-1)

    def _decided(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """The inverse of `_seen`: on and off."""
        on = seen[..., : self.pitches]
        return on, ops.zeros_like(on) if self.pauses else seen[..., self.pitches :]

    def begin(self, preactivation: Tensor) -> Tensor:
        """The hidden values `[..., units]` of a voice that remembers nothing yet, of its preactivation."""
        if not self.memory:
            return ops.tanh(preactivation)
        return lstm_cell(preactivation, ops.zeros_like(preactivation[..., : self.units]))[1]

    def logits(self, hidden: Tensor) -> Tensor:
        """The outcomes' logits `[..., outcomes]` of a voice's hidden values `[..., units]`."""
        return ops.matmul(hidden, self.output_kernel) + self.output_bias

    def _allowed(self, on: Tensor, off: Tensor) -> Tensor:
        """Outcomes that a voice may draw, boolean `[..., outcomes]`."""
        if self.pauses:
            return ops.ones_like(ops.concatenate([on, on[..., :1]], axis=-1)) > 0.5
        undecided = on + off < 0.5
        return ops.concatenate([undecided, undecided], axis=-1)

    def _true_outcomes(self, values: Tensor) -> Tensor:
        """Outcomes that say the truth, boolean `[..., outcomes]`."""
        other = ops.ones_like(values[..., :1]) if self.pauses else 1 - values
        return ops.concatenate([values, other], axis=-1) > 0.5

    def _viable(self, values: Tensor, on: Tensor, voice: Tensor | int) -> Tensor:
        """True outcomes after which the voices left suffice for the pitches left, boolean `[..., outcomes]`."""
        missing = values * (1 - on)
        pressed = ops.sum(missing, axis=-1, keepdims=True) > self.count - voice - 0.5
        others = ops.zeros_like(on[..., :1] if self.pauses else on)
        urgent = ops.concatenate([missing, others], axis=-1) > 0.5
        return ops.where(pressed, urgent, self._true_outcomes(values))

    def _domain(self, how: "_Drawing", on: Tensor, off: Tensor, voice: Tensor | int) -> Tensor:
        """Outcomes that are drawn from under a rule of `walk`, boolean `[..., outcomes]`."""
        allowed = self._allowed(on, off)
        if how.rule in ("free", "inverted"):
            return allowed
        if how.rule == "true":
            return ops.logical_and(allowed, self._true_outcomes(how.values))
        return ops.logical_and(allowed, self._viable(how.values, on, voice))

    def _decide(self, drawn: Tensor, values: Tensor | None, on: Tensor, off: Tensor) -> tuple[Tensor, Tensor]:
        """What is decided after a draw (one-hot), the verdict taken from the true values where there are any."""
        sounds = drawn[..., : self.pitches]
        if self.pauses:
            return ops.maximum(on, sounds if values is None else sounds * values), off
        bans = drawn[..., self.pitches :]
        if values is None:
            return on + sounds, off + bans
        return on + (sounds + bans) * values, off + (sounds + bans) * (1 - values)

    def walk(
        self,
        features: Tensor,
        values: Tensor | None = None,
        uniforms: Tensor | None = None,
        rule: Rule = "free",
        states: States | None = None,
        temperature: Tensor | float = 1.0,
    ) -> Walk:
        """Let the voices draw, for one frame or for a whole sequence at once.

        Voices with a memory go over a sequence side by side (`models/layers/wavefront.py`).

        Args:
            features: `[batch, features]`, or `[batch, time, features]`.
            values: the true frames, which all rules but "free" need.
            uniforms: `[..., voices]` in [0, 1), or None for the likeliest outcomes.
            rule: "free" takes draws as they are; "inverted" keeps the drawn pitch, but takes from the truth whether it
                sounds (with pauses, a wrong note changes nothing); "true" draws from true outcomes alone (the
                author's "aposter"); "viable" from those after which the voices left suffice to complete the frame.
            states: each voice's state before, by default zeros.
            temperature: divides the logits, above 0.
        """
        features = ops.cast(features, "float32")
        if not self.memory or len(features.shape) == 2:
            return self._walk(features, _Drawing(rule, values, uniforms, temperature), states)
        # An LSTM goes along the first axis.
        values, uniforms = (None if x is None else swap(x) for x in (values, uniforms))
        walk = self._walk(swap(features), _Drawing(rule, values, uniforms, temperature), states)
        by_piece = {name: swap(x) for name, x in walk._asdict().items() if name != "states"}
        return walk._replace(**by_piece)

    def step(
        self,
        features: Tensor,
        states: States | None = None,
        uniforms: Tensor | None = None,
        temperature: Tensor | float = 1.0,
    ) -> tuple[Tensor, States]:
        """What sounds in one frame `[batch, pitches]`, and the voices' states after it: `walk` for playing.

        What the voices say of a frame takes as long as drawing it, and playing does without.

        Args:
            features: `[batch, features]`.
            states, uniforms, temperature: as for `walk`.
        """
        features = ops.cast(features, "float32")
        states = self.zero_states(ops.shape(features)[-2]) if states is None else states
        how = _Drawing("free", None, uniforms, temperature)
        path = self._decisions(self.of_features(features), how, states)
        return path.decided[0], path.states

    def _walk(self, features: Tensor, how: "_Drawing", states: States | None) -> Walk:
        """`walk`, with time first where there is a memory.

        The voices draw one by one without a gradient; what they said on the path of their draws is then computed for
        all of them at once, with it.
        """
        states = self.zero_states(ops.shape(features)[-2]) if states is None else states
        projected = self.of_features(features)
        over_time = self.memory and len(projected.shape) == 3
        decide = self._decisions_over_time if over_time else self._decisions
        path = decide(ops.stop_gradient(projected), how, states)
        logits = self.logits(self._all_hidden(projected, states, path))
        log_d = masked_log_softmax(logits / how.temperature, self._allowed(path.on, path.off))
        log_weight = ops.sum(path.drawn * (log_d - path.log_q), axis=(-3, -1))
        sounds, banned, log_silence = self._said(log_d)
        return Walk(*path.decided, sounds, banned, log_silence, log_weight, path.states)

    def _said(self, log_d: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What the voices' log probabilities `[..., voices, batch, outcomes]` say: see `Walk`."""
        d = ops.exp(log_d)
        sounds = self._any(d[..., : self.pitches])
        if self.pauses:
            return sounds, ops.zeros_like(sounds), ops.sum(log_d[..., -1], axis=-2)
        return sounds, self._any(d[..., self.pitches :]), ops.zeros_like(sounds[..., 0])

    def _decisions(self, projected: Tensor, how: "_Drawing", states: States) -> Path:
        """The voices' draws one after the other, without gradient; arguments as for `_walk`."""
        on = off = ops.zeros((*ops.shape(projected)[:-1], self.pitches), dtype="float32")
        voices, after = [], []
        for voice, state in enumerate(states):
            inputs = projected + self.of_decided(on, off)
            hidden, state = self.voice.step(inputs, state) if self.memory else (ops.tanh(inputs), None)
            own = None if how.uniforms is None else how.uniforms[..., voice]
            drawn, log_q, decided = self._draw(hidden, on, off, voice, how._replace(uniforms=own))
            voices.append((on, off, drawn, log_q))
            after.append(state)
            on, off = decided
        on_before, off_before, draws, sources = (
            ops.stop_gradient(ops.stack(x, axis=-3)) for x in zip(*voices, strict=True)
        )
        return Path(on_before, off_before, draws, sources, (on, off), after, None)

    def _decisions_over_time(self, projected: Tensor, how: "_Drawing", states: States) -> Path:
        """`_decisions` of voices with a memory over a sequence, time first."""
        numbers = ops.reshape(ops.arange(self.count, dtype="float32"), (-1, 1, 1))
        inputs = {}
        if how.values is not None:
            inputs["values"] = wavefront.skewed([how.values] * self.count)
        if how.uniforms is not None:
            each = [how.uniforms[..., voice, None] for voice in range(self.count)]
            inputs["uniforms"] = wavefront.skewed(each)

        def decide(hidden: Tensor, seen: Tensor, own: dict[str, Tensor]) -> tuple[Tensor, tuple]:
            uniforms = own["uniforms"][..., 0] if "uniforms" in own else None
            here = how._replace(values=own.get("values"), uniforms=uniforms)
            drawn, log_q, decided = self._draw(hidden, *self._decided(seen), numbers, here)
            after = self._seen(*decided)
            return after, (drawn, log_q, after)

        kernel = ops.stop_gradient(self._kernel())
        run, last, outputs = wavefront.run(
            projected, kernel, [s for s in states if s], self.decisions, decide, inputs
        )
        seen, drawn, log_q, after = (
            ops.stop_gradient(wavefront.unskewed(x)) for x in (run.seen[..., : self.decisions], *outputs)
        )
        return Path(*self._decided(seen), drawn, log_q, self._decided(after[:, -1]), [*last], run)

    def _kernel(self) -> Tensor:
        """The memory's kernel for what was decided and for the hidden state."""
        return ops.cast(self.voice.kernel[self.features :], "float32")

    def _draw(
        self, hidden: Tensor, on: Tensor, off: Tensor, voice: Tensor | int, how: "_Drawing"
    ) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
        """One draw of a voice, or of several that draw at one time, without gradient.

        Args:
            hidden: the voice's hidden values, `[..., units]`.
            on, off: what was decided before it, `[..., pitches]`.
            voice: its number.
            how: says how it draws; its uniforms are the voice's own, `[...]`.

        Returns:
            The draw one-hot, the log probabilities that it was drawn from, and what is decided after it.
        """
        kernel, bias = ops.stop_gradient(self.output_kernel), ops.stop_gradient(self.output_bias)
        logits = ops.matmul(hidden, kernel) + bias
        log_d = masked_log_softmax(logits / how.temperature, self._allowed(on, off))
        log_q = masked_log_softmax(log_d, self._domain(how, on, off, voice))
        drawn = draw_outcome(log_q, how.uniforms)
        return drawn, log_q, self._decide(drawn, None if how.rule == "free" else how.values, on, off)

    def _all_hidden(self, projected: Tensor, states: list[Any], path: Path) -> Tensor:
        """All voices' hidden values `[..., voices, batch, units]` on a path, with gradient."""
        if path.run is not None:
            return wavefront.hidden_states(projected, self._kernel(), states, path.run)
        inputs = projected[..., None, :, :] + self.of_decided(path.on, path.off)
        if not self.memory:
            return ops.tanh(inputs)
        cell, hidden = (ops.concatenate(parts, axis=0) for parts in zip(*states, strict=True))
        flat, _ = self.voice.step(ops.reshape(inputs, (-1, inputs.shape[-1])), (cell, hidden))
        return ops.reshape(flat, (*ops.shape(inputs)[:-1], self.units))

    def _any(self, d: Tensor) -> Tensor:
        """`p1 + (1 - p1) p2 + (1 - p1)(1 - p2) p3 + ...` for the voices' `[..., voices, batch, pitches]`."""
        p = ops.zeros_like(d[..., 0, :, :])
        for voice in range(self.count):
            rest = 1 - p
            p = p + (ops.stop_gradient(rest) if self.crutch else rest) * d[..., voice, :, :]
        return p

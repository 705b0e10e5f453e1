"""The polyphonic sampler: a frame of pitches drawn note by note, as the output of a decoder or of a piano model.

The output layer of the piano systems in FortsAndMills/MusicGeneration ("Baseline Model"; before it the "RealData
First Model" notebooks): voices that draw one after the other and know what was drawn. Values are frames of 0 or 1,
`[batch, time, pitches]`. The outputs that it replaced are in `models/outputs/chords.py`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import keras
import numpy as np
from keras import ops

from models.layers import backend
from models.layers.lstm_sequence import swap
from models.outputs.base import Output
from models.outputs.polyphonic_likelihood import (
    FORBIDDEN,
    cross_entropy,
    masked_log_softmax,
    pausing_log_likelihood,
    sum_over_orders,
    with_leak,
)
from models.outputs.voices import States, Voices

if TYPE_CHECKING:
    from catalog.config import HParams

Tensor = Any


MOST_WITH_BANS = 16
"""Pitches whose sets of decided ones are few enough to be summed over."""

OBJECTIVES = ("bound", "path", "likelihood")


class PolyphonicSampler(Output):
    """Voices that draw one after the other, each knowing what was decided in its frame.

    One network serves all voices. Voice v sees `[features ; on ; off]` and says z over 24 outcomes, "k sounds" for
    each pitch k and "k certainly does not" (a ban); `d = softmax(z)` over the pitches not yet decided, and its draw
    decides one. What no voice decides is silent, so at most `voices` pitches sound.
    With `pauses` it is the earlier form: `[features ; on]`, 13 outcomes (each pitch, or a pause), no ban.

    As an output of a decoder, whose LSTM remembers the past, the network is a layer of tanh. With `memory` it is
    the author's LSTM, whose state each voice keeps from frame to frame; `step` then takes the place of `draw`.

    Three objectives, in nats a frame:

    - "bound": minus `bound`, an upper bound on the negative log likelihood by one random order of decisions;
    - "path": the author's cross-entropy of `P = p (1 - b)` along the drawn decisions. Wrong draws are turned into
      the truth ("no aposter"), or impossible from the start (`aposter`);
    - "likelihood": minus `log_likelihood`, exact but hundreds of times the work, and without memory only.

    Args:
        pitches: pitches in a frame.
        features: width of the features, the decoder's projected output.
        voices: most pitches that sound at once.
        units: hidden units of the voices' network.
        pauses, memory, objective, aposter: see above.
        pause_loss: on the path, add the cross-entropy of "the frame is empty" (with pauses alone).
        crutch: no gradient through the `1 - p` before a voice's probability (the author's "holy crutch").
        leak: see `with_leak`, for "bound" and "likelihood"; draws do without.
        seed: of the draws in `loss`.

    Raises:
        ValueError: arguments that do not go together.

    Examples:
        Two voices of which each plays one of three pitches or pauses:

        >>> sampler = PolyphonicSampler(pitches=3, features=4, voices=2, units=5, pauses=True)
        >>> sampler.build()
        >>> features = ops.ones((1, 4))
        >>> frame = sampler.draw(features, ops.convert_to_tensor([[0.1, 0.8]]), 1.0)
        >>> frame.shape[-1], bool(ops.sum(frame) <= 2)
        (3, True)
        >>> frames = ops.convert_to_tensor([[[a, b, c]] for a in (0.0, 1.0) for b in (0.0, 1.0) for c in (0.0, 1.0)])
        >>> p = ops.exp(sampler.log_likelihood(ops.ones((8, 1, 4)), frames))
        >>> round(float(ops.sum(p)), 3)
        1.0
    """

    takes_features = True

    def __init__(
        self,
        pitches: int = 12,
        features: int = 130,
        voices: int = 5,
        units: int = 100,
        pauses: bool = False,
        memory: bool = False,
        objective: str = "bound",
        aposter: bool = False,
        pause_loss: bool = False,
        crutch: bool = False,
        leak: float = 1e-6,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if objective not in OBJECTIVES or (memory and objective == "likelihood"):
            raise ValueError(f"The objective is one of {OBJECTIVES}, and no 'likelihood' with memory.")
        if voices < 1 or (voices > pitches and not pauses):
            raise ValueError(f"{voices} voices cannot decide one of {pitches} pitches each.")
        if pause_loss and not pauses:
            raise ValueError("There is no pause loss without pauses.")
        self.depth, self.parameter_depth, self.uniforms = pitches, features, voices
        self.pauses, self.memory, self.objective = pauses, memory, objective
        self.aposter, self.pause_loss, self.leak = aposter, pause_loss, leak
        self.voices = Voices(pitches, features, voices, units, pauses, memory, crutch)
        self.draws = keras.random.SeedGenerator(seed)
        self.sums_orders = pauses or pitches <= MOST_WITH_BANS
        self.measure = "exact" if self.sums_orders and not memory else "bound"

    @classmethod
    def from_config(
        cls, depths: tuple[int, ...], options: Mapping[str, Any], hparams: "HParams", seed: int
    ) -> Self:
        return super().from_config(depths, {"seed": seed, **options}, hparams, seed)

    def build(self) -> None:
        self.voices.build()
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        return {f"sampler/{name}": weight for name, weight in self.voices.named_weights().items()}

    def path_loss(self, parameters: Tensor, values: Tensor, uniforms: Tensor | None) -> Tensor:
        """The author's training loss, in nats `[batch, time]`: the cross-entropy of `P = p (1 - b)`.

        P is what the voices said along one path of decisions, not the probability of the frame. The author
        divided by the number of pitches (one more with `pause_loss`).

        Args:
            parameters: features `[batch, time, features]`.
            values: `[batch, time, pitches]`.
            uniforms: `[batch, time, voices]`, or None for the likeliest decisions.
        """
        walk = self.voices.walk(parameters, values, uniforms, "true" if self.aposter else "inverted")
        loss = cross_entropy(walk.sounds * (1 - walk.banned), values)
        if not self.pause_loss:
            return loss
        empty = ops.cast(ops.max(values, axis=-1, keepdims=True) < 0.5, "float32")
        return loss + cross_entropy(ops.exp(walk.log_silence)[..., None], empty)

    def bound(self, parameters: Tensor, values: Tensor, uniforms: Tensor) -> Tensor:
        """A lower bound on the log likelihood of true frames in nats, `[batch, time]`, by one random path each.

        A path s is drawn from q, the voices' own probabilities restricted to outcomes that can still lead to the
        frame. The mean of the weight `P(s) / q(s)` is the frame's likelihood (with memory, the mean of the
        product over time is the sequence's), so the mean of its logarithm is at most the log likelihood. Average
        the exponentials over several uniforms for a tighter bound. The gradient takes q as given.

        Args:
            parameters, values, uniforms: as for `path_loss`; the uniforms are needed.
        """
        return self.bound_after(parameters, values, uniforms, None)[0]

    def bound_after(
        self, parameters: Tensor, values: Tensor, uniforms: Tensor, states: States | None
    ) -> tuple[Tensor, States]:
        """`bound` of frames that follow others, and the voices' states after them.

        Args:
            parameters, values, uniforms: as for `bound`.
            states: each voice's state before the first frame, by default zeros.
        """
        walk = self.voices.walk(parameters, values, uniforms, "viable", states)
        too_many = ops.sum(values, axis=-1) > self.uniforms + 0.5
        log_weight = ops.where(too_many, FORBIDDEN, walk.log_weight)
        return with_leak(log_weight, self.leak, self.depth), walk.states

    def log_likelihood(self, parameters: Tensor, values: Tensor) -> Tensor:
        """Exact log likelihood of true frames in nats, `[batch, time]`, over all orders of decisions.

        Goes frame by frame, so that the sets of decided pitches (794 of 12 pitches for five voices) are never held for
        all frames at once.

        Args:
            parameters, values: as for `path_loss`.

        Raises:
            ValueError: the voices have a memory, in which frames depend on the paths before; use `bound`.
        """
        if self.memory:
            raise ValueError("Voices with a memory have no exact likelihood of a frame; use `bound`.")

        def frame(carry: Tensor, inputs: tuple) -> tuple[Tensor, Tensor]:
            return carry, self._frames(*inputs)

        projected = self.voices.of_features(ops.cast(parameters, "float32"))
        by_time = tuple(swap(x) for x in (projected, values))
        _, likelihood = backend.scan(frame, ops.zeros(()), by_time)
        return with_leak(ops.transpose(likelihood), self.leak, self.depth)

    def score(
        self, parameters: Tensor, values: Tensor, uniforms: Tensor | None, state: States
    ) -> tuple[Tensor, States]:
        """`log_likelihood` where it is exact; else `bound`, which goes on from the voices' states."""
        if self.measure == "exact":
            return self.log_likelihood(parameters, values), state
        log_likelihood, after = self.bound_after(parameters, values, uniforms, state if self.memory else None)
        return log_likelihood, after if self.memory else state

    def log_likelihood_of_beginnings(self, parameters: Tensor, values: Tensor) -> Tensor | None:
        """As for all outputs: with memory, because before a first frame there is nothing to remember.

        Args:
            parameters: features `[batch, features]`.
            values: `[batch, pitches]`.
        """
        if not self.memory or not self.sums_orders:
            return None
        likelihood = self._frames(self.voices.of_features(ops.cast(parameters, "float32")), values)
        return with_leak(likelihood, self.leak, self.depth)

    def _frames(self, projected: Tensor, values: Tensor) -> Tensor:
        """Log likelihood `[batch]` of frames `[batch, pitches]` over all orders of decisions."""
        return (self._pausing_frames if self.pauses else self._banning_frames)(projected, values)

    def _banning_frames(self, projected: Tensor, values: Tensor) -> Tensor:
        """Log likelihood `[batch]` of frames `[batch, pitches]`: every decided set must hold all that sounds."""

        def decide(voice: int, sets: np.ndarray) -> tuple[Tensor, None]:
            on = sets.astype("float32") * values[:, None]
            off = sets.astype("float32") * (1 - values[:, None])
            hidden = self.voices.begin(projected[:, None] + self.voices.of_decided(on, off))
            log_d = masked_log_softmax(self.voices.logits(hidden), np.concatenate([~sets, ~sets], axis=-1))
            true = values[:, None] > 0.5
            return ops.where(true, log_d[..., : self.depth], log_d[..., self.depth :]), None

        reached, sets = sum_over_orders(decide, self.depth, self.uniforms, pauses=False)
        missing = ops.matmul(values, (~sets).T.astype("float32"))
        return ops.logsumexp(ops.where(missing > 0.5, FORBIDDEN, reached), axis=-1)

    def _pausing_frames(self, projected: Tensor, values: Tensor) -> Tensor:
        def log_outcomes(voice: int, on: Tensor) -> Tensor:
            hidden = self.voices.begin(projected[:, None] + self.voices.of_decided(on, on))
            return masked_log_softmax(self.voices.logits(hidden), True)

        return pausing_log_likelihood(log_outcomes, values, self.uniforms)

    def loss(self, parameters: Tensor, values: Tensor) -> Tensor:
        if self.objective == "likelihood":
            return -self.log_likelihood(parameters, values)
        shape = (*ops.shape(values)[:-1], self.uniforms)
        uniforms = backend.uniform(shape, self.draws)
        if self.objective == "bound":
            return -self.bound(parameters, values, uniforms)
        return self.path_loss(parameters, values, uniforms)

    def correct(self, parameters: Tensor, values: Tensor) -> Tensor:
        on = self.voices.walk(parameters).on
        return ops.mean(ops.cast((on > 0.5) == (values > 0.5), "float32"), axis=-1)

    def draw(self, parameters: Tensor, uniforms: Tensor | None, temperature: Tensor | float) -> Tensor:
        if self.memory:
            raise ValueError("Voices with a memory need their states to draw; use `step`.")
        return self.voices.step(parameters, None, uniforms, temperature)[0]

    def draw_sequence(self, parameters: Tensor, uniforms: Tensor) -> Tensor:
        return self.voices.walk(parameters, uniforms=uniforms).on

    def zero_state(self, batch: Tensor | int) -> States | tuple[()]:
        """The state of each voice before a piece; nothing without memory."""
        return self.voices.zero_states(batch) if self.memory else ()

    def step(
        self,
        parameters: Tensor,
        state: States,
        uniforms: Tensor | None = None,
        temperature: Tensor | float = 1.0,
    ) -> tuple[Tensor, States]:
        """Draw one frame `[batch, pitches]` from features `[batch, features]`, and the voices' new states."""
        if not self.memory:
            return self.draw(parameters, uniforms, temperature), state
        return self.voices.step(parameters, state, uniforms, temperature)

    def state_after(self, parameters: Tensor, values: Tensor, state: States) -> States:
        """The voices' states after given frames, of which every decision is taken to be the likeliest true one."""
        if not self.memory:
            return state
        return self.voices.walk(parameters, values, None, "viable", state).states

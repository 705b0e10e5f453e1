"""Outputs of whole frames of pitches without a voice that knows of the others.

What FortsAndMills/MusicGeneration tried before the polyphonic sampler ("RealData First Model" notebooks): voices that
draw independently (`IndependentVoices`), and one softmax over all chords (`ChordClasses`). Values are frames of 0 or
1, `[batch, time, pitches]`.
"""

from typing import Any

import numpy as np
from keras import ops

from models.layers.distributions import categorical_log_probability
from models.outputs.base import Output, draw_token
from models.outputs.polyphonic_likelihood import (
    cross_entropy,
    draw_outcome,
    masked_log_softmax,
    pausing_log_likelihood,
    with_leak,
)

Tensor = Any


class IndependentVoices(Output):
    """Voices that each draw a pitch or a pause without knowing of one another; what any voice draws sounds.

    The author's "one-time polyphony" and its maximum likelihood form ("ML"): the parameters are the logits z of
    all voices, `V_{v,k} = softmax(z_v)_k` with the pause last. Objectives, in nats a frame:

    - "likelihood": minus the log of the exact probability that the voices draw this very set of pitches, which is
      `sum_{S in Y} (-1)^{|Y| - |S|} prod_v (pause_v + sum_{k in S} V_{v,k})`;
    - "marginals": the cross-entropy of `p_k = 1 - prod_v (1 - V_{v,k})`, as if pitches were independent.

    Args:
        pitches: pitches in a frame.
        voices: most pitches that sound at once.
        objective: see above.
        leak: see `with_leak`, for "likelihood".

    Raises:
        ValueError: an unknown objective.
    """

    def __init__(
        self,
        pitches: int = 12,
        voices: int = 5,
        objective: str = "likelihood",
        leak: float = 1e-6,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if objective not in ("likelihood", "marginals"):
            raise ValueError(f"The objective is 'likelihood' or 'marginals', not {objective!r}.")
        self.depth, self.uniforms, self.objective, self.leak = pitches, voices, objective, leak
        self.parameter_depth = voices * (pitches + 1)

    def _log_voices(self, parameters: Tensor, temperature: Tensor | float = 1.0) -> Tensor:
        """Log probabilities `[..., voices, pitches + 1]`."""
        shape = (*ops.shape(parameters)[:-1], self.uniforms, self.depth + 1)
        return masked_log_softmax(ops.reshape(parameters, shape) / temperature, True)

    def log_likelihood(self, parameters: Tensor, values: Tensor) -> Tensor:
        """Log probability of true frames in nats, `[batch, time]`."""
        log_voices = self._log_voices(ops.reshape(parameters, (-1, self.parameter_depth)))

        def log_outcomes(voice: int, on: Tensor) -> Tensor:
            return ops.broadcast_to(log_voices[:, voice, None], (*ops.shape(on)[:-1], self.depth + 1))

        flat = ops.reshape(values, (-1, self.depth))
        likelihood = pausing_log_likelihood(log_outcomes, flat, self.uniforms)
        return with_leak(ops.reshape(likelihood, ops.shape(values)[:-1]), self.leak, self.depth)

    def loss(self, parameters: Tensor, values: Tensor) -> Tensor:
        if self.objective == "likelihood":
            return -self.log_likelihood(parameters, values)
        drawn = ops.exp(self._log_voices(parameters)[..., : self.depth])
        return cross_entropy(1 - ops.prod(1 - drawn, axis=-2), values)

    def correct(self, parameters: Tensor, values: Tensor) -> Tensor:
        on = self.draw(parameters, None, 1.0)
        return ops.mean(ops.cast((on > 0.5) == (values > 0.5), "float32"), axis=-1)

    def draw(self, parameters: Tensor, uniforms: Tensor | None, temperature: Tensor | float) -> Tensor:
        drawn = draw_outcome(self._log_voices(parameters, temperature), uniforms)
        return ops.max(drawn[..., : self.depth], axis=-2)


class ChordClasses(Output):
    """One softmax over all `2^pitches` frames (the author's "4096 classes"): class `sum_k y_k 2^k`.

    Args:
        pitches: pitches in a frame.
        mean_of_classes: the author's loss, the mean over classes of the cross-entropy of each class's probability
            (about a class count's share of a nat), instead of minus the log likelihood.
    """

    def __init__(self, pitches: int = 12, mean_of_classes: bool = False, **kwargs: Any):
        super().__init__(**kwargs)
        self.depth, self.parameter_depth, self.uniforms = pitches, 2**pitches, 1
        self.mean_of_classes = mean_of_classes

    def _classes(self, values: Tensor) -> Tensor:
        powers = 2 ** np.arange(self.depth, dtype=np.int32)
        return ops.sum(ops.cast(values > 0.5, "int32") * powers, axis=-1)

    def _frames(self, classes: Tensor) -> Tensor:
        powers = 2 ** np.arange(self.depth, dtype=np.int32)
        return ops.cast((ops.cast(classes, "int32")[..., None] // powers) % 2, "float32")

    def log_likelihood(self, parameters: Tensor, values: Tensor) -> Tensor:
        """Log probability of true frames in nats, `[batch, time]`."""
        return categorical_log_probability(parameters, self._classes(values))

    def loss(self, parameters: Tensor, values: Tensor) -> Tensor:
        if not self.mean_of_classes:
            return -self.log_likelihood(parameters, values)
        hot = ops.one_hot(self._classes(values), self.parameter_depth, dtype="float32")
        return cross_entropy(ops.softmax(parameters, axis=-1), hot) / self.parameter_depth

    def correct(self, parameters: Tensor, values: Tensor) -> Tensor:
        frames = self._frames(ops.argmax(parameters, axis=-1))
        return ops.mean(ops.cast((frames > 0.5) == (values > 0.5), "float32"), axis=-1)

    def draw(self, parameters: Tensor, uniforms: Tensor | None, temperature: Tensor | float) -> Tensor:
        return self._frames(draw_token(parameters, None if uniforms is None else uniforms[:, 0], temperature))

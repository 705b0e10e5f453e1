"""Frame models: the next frame of a piece from the frames before it, `p(x) = prod_t p(x_t | x_<t)`.

Every model of the piano family (after FortsAndMills/MusicGeneration and Conchylicultor/MusicGenerator) is a reader of
the past (`models/piano/readers/`), an output that says how a frame is drawn given the reader's features
(`models/outputs/`), and, where a frame is reduced to twelve pitch classes, a decoder from the classes to keys and perhaps
one for velocities. Training runs over whole fragments; generation goes frame by frame with the same results.
"""

from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from models.layers import backend
from models.outputs.base import Output
from models.piano.frames import FrameOutputs, FrameState, FrameTerms, Sizes, State
from models.piano.readers.base import FrameReader, Reading
from models.training import scheduled_sampling
from models.training.trainable import Batch, TrainableModel
from preprocess.keyboard import KEYS, PITCH_CLASSES

if TYPE_CHECKING:
    from catalog.config import HParams
    from models.piano.key_decoders import KeyDecoder
    from models.piano.velocities import VelocityDecoder

Tensor = Any

FRAME_FORMS = ("keys", "classes", "tokens")


class FrameModel(TrainableModel):
    """A model of frames.

    A batch holds fragments that begin at frame s of their pieces: `keys` `[batch, time, 88]` and `before` `[batch, 88]`,
    the frame s - 1 (or `tokens` `[batch, time]` and `before` `[batch]`); `lengths` `[batch]`; `position` `[batch]`, which
    is s; `past` `[batch, history_length, 88]`, the frames before s - 1; with velocities also `velocities`
    `[batch, time, 88]` and `velocity_before` `[batch, 88]`.

    Args:
        reader: reads the past.
        output: draws a frame.
        hparams: how the model is trained.
        form: what a frame is: all `keys`, their pitch `classes`, or `tokens`.
        clock_bits: number of bits of a binary counter, the highest first, by which the reader also sees the position of
            the frame that it is shown; 0 for none.
        signed: the reader sees -1 for a silent key instead of 0, as in Conchylicultor/MusicGenerator.
        step_weights: the loss of a fragment's step i of L is weighted by i / (L - 1), because the first frames can't be
            predicted, as in Conchylicultor/MusicGenerator; evaluation has no such weights.
        key_decoder: from classes to keys; with the form `classes`, needed to play.
        velocity_decoder: of struck keys.
        depth: keys, or number of tokens.
        seed: of what training draws.

    Raises:
        ValueError: parts that do not go together, or an unknown sampling schedule.
    """

    def __init__(
        self,
        reader: FrameReader,
        output: Output,
        hparams: "HParams",
        form: str = "keys",
        clock_bits: int = 0,
        signed: bool = False,
        step_weights: bool = False,
        key_decoder: "KeyDecoder | None" = None,
        velocity_decoder: "VelocityDecoder | None" = None,
        depth: int = KEYS,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if form not in FRAME_FORMS:
            raise ValueError(f"A frame is one of {', '.join(FRAME_FORMS)}, not {form!r}.")
        if key_decoder is not None and form != "classes":
            raise ValueError("A key decoder is for frames of pitch classes.")
        if velocity_decoder is not None and form == "tokens":
            raise ValueError("Tokens have no velocities.")
        scheduled_sampling.check_sampling_schedule(hparams.sampling_schedule, hparams.sampling_rate)
        self.reader, self.output_layer, self.hparams = reader, output, hparams
        self.form, self.clock_bits, self.signed, self.step_weights = form, clock_bits, signed, step_weights
        self.key_decoder, self.velocity_decoder, self.depth = key_decoder, velocity_decoder, depth
        self.frame_depth = len(PITCH_CLASSES) if form == "classes" else depth
        features_are_parameters = reader.predicts or output.takes_features
        self.projection = None if features_are_parameters else keras.layers.Dense(output.parameter_depth)
        self.draws = keras.random.SeedGenerator(seed)
        names = ["nats"]
        names += ["own_nats"] if reader.predicts_apart else []
        names += ["key_nats"] if key_decoder is not None else []
        names += ["velocity_error"] if velocity_decoder is not None else []
        self.trackers = [keras.metrics.Mean(name=n) for n in names]
        self._build_parts()
        self.built = True

    def _build_parts(self) -> None:
        self.reader.build(self.frame_depth + self.clock_bits, self.frame_depth)
        self.output_layer.build()
        if self.projection is not None:
            self.projection.build((None, self.reader.output_depth))
        elif self.reader.output_depth != self.output_layer.parameter_depth:
            raise ValueError(
                f"The reader gives {self.reader.output_depth} values and the output takes "
                f"{self.output_layer.parameter_depth}."
            )
        for part in (self.key_decoder, self.velocity_decoder):
            if part is not None:
                part.build(self.depth)

    def named_weights(self) -> dict[str, keras.Variable]:
        """The weights by part: `reader/...`, `projection/...`, `output/...`, `keys/...`, `velocities/...`."""
        parts = {
            "reader": self.reader,
            "output": self.output_layer,
            "keys": self.key_decoder,
            "velocities": self.velocity_decoder,
        }
        names = {
            f"{part}/{name}": weight
            for part, layer in parts.items()
            if layer is not None
            for name, weight in layer.named_weights().items()
        }
        if self.projection is not None:
            names |= {"projection/kernel": self.projection.kernel, "projection/bias": self.projection.bias}
        return names

    # From a batch to what the parts read.

    def values_of(self, keys: Tensor) -> Tensor:
        """Frames of keys (or tokens) as values of the output."""
        if self.form == "tokens":
            return ops.cast(keys, "int32")
        keys = ops.cast(keys, "float32")
        return pitch_classes(keys) if self.form == "classes" else keys

    def as_frames(self, values: Tensor) -> Tensor:
        """Values as numbers that a reader sees, float32 `[..., frame_depth]`; zeros for no token."""
        return ops.one_hot(values, self.depth, dtype="float32") if self.form == "tokens" else values

    def reader_inputs(self, frames: Tensor, position: Tensor) -> Tensor:
        """What the reader sees of frames `[batch, frame_depth]` or `[batch, time, frame_depth]`.

        Args:
            frames: the frames shown.
            position: of the (first) frame to predict, int32 `[batch]`; the frame shown is the one before.
        """
        shown = 2 * frames - 1 if self.signed else frames
        if not self.clock_bits:
            return shown
        counts = ops.cast(position, "int32") - 1
        if len(frames.shape) == 3:
            counts = counts[:, None] + ops.arange(frames.shape[1], dtype="int32")
        bits = np.arange(self.clock_bits)[::-1].astype(np.int32)
        clock = ops.floor_divide(ops.mod(counts, 2**self.clock_bits)[..., None], 2**bits) % 2
        return ops.concatenate([shown, ops.cast(clock, "float32")], axis=-1)

    def zero_state(
        self, batch: int | Tensor, past: Tensor | None = None, position: Tensor | None = None
    ) -> FrameState:
        """The state before a piece, or before a fragment whose `past` and `position` are known (see the class)."""
        reader = self.reader.zero_state(batch)
        if position is not None:
            reader = self.reader.with_position(reader, position)
        if past is not None and self.reader.history_length:
            reader = self.reader.with_past(reader, self.as_frames(self.values_of(past)))
        return FrameState(
            reader,
            self.output_layer.zero_state(batch),
            self.key_decoder.zero_state(batch) if self.key_decoder is not None else (),
            self.velocity_decoder.zero_state(batch) if self.velocity_decoder is not None else (),
        )

    def read(
        self,
        batch: Batch,
        state: FrameState | None = None,
        training: bool = False,
        values: Tensor | None = None,
    ) -> Reading:
        """What the reader makes of the frames before each frame of a fragment.

        Args:
            batch: see the class.
            state: before the fragment, by default what the batch says of it.
            training: whether dropout is on.
            values: what the reader sees in the place of the fragment's own frames (see `values_of`).
        """
        if values is None:
            values = self.true_values(batch)
        frames = self.as_frames(_shifted(self.values_of(batch["before"]), values))
        if state is None:
            state = self.zero_state(ops.shape(frames)[0], batch.get("past"), batch["position"])
        inputs = self.reader_inputs(frames, batch["position"])
        return self.reader(inputs, frames, state.reader, training=training)

    def parameters_of(self, features: Tensor) -> Tensor:
        """The output's parameters for features of the reader, `[..., parameter_depth]`."""
        return features if self.projection is None else self.projection(features)

    # Training.

    def true_values(self, batch: Batch) -> Tensor:
        """The values of a batch's frames, as the output takes them."""
        return self.values_of(batch["tokens" if self.form == "tokens" else "keys"])

    def call(self, batch: Batch, training: bool = False) -> FrameOutputs:
        """Predict each frame from the frames before it.

        Args:
            batch: see the class.
            training: draw scheduled samples by the schedule and apply dropout.
        """
        seen = values = self.true_values(batch)
        schedule = self.hparams.sampling_schedule, self.hparams.sampling_rate
        if training and not scheduled_sampling.is_teacher_forcing(*schedule):
            probability = scheduled_sampling.sampling_probability(batch.get("step", 0), *schedule)
            seen = self.scheduled_inputs(batch, values, probability)
        reading = self.read(batch, training=training, values=seen)
        key_features = velocity_features = None
        if self.key_decoder is not None:
            key_features, _ = self.key_decoder.features(values, self._previous(batch), None, training)
        if self.velocity_decoder is not None:
            classes = pitch_classes(batch["keys"])
            velocity_features, _ = self.velocity_decoder.features(
                classes, self._previous(batch), None, training
            )
        own = tuple(reading.own) if self.reader.predicts_apart else ()
        return FrameOutputs(self.parameters_of(reading.outputs), own, key_features, velocity_features)

    def scheduled_inputs(self, batch: Batch, values: Tensor, probability: Tensor) -> Tensor:
        """The values that the reader sees under scheduled sampling: some of the true ones, some drawn.

        In two passes over whole fragments (Duckworth et al., "Parallel Scheduled Sampling", 2019): the first one reads
        true frames only, and draws all frames at once.

        Args:
            batch: see the class.
            values: the true values `[batch, time, ...]`.
            probability: of a frame being the model's own draw.
        """
        shape = ops.shape(values)[:2]
        uniforms = backend.uniform((*shape, self.output_layer.uniforms), self.draws)
        drawn = self._drawn(batch, uniforms)
        own = backend.uniform(shape, self.draws) < probability
        own = own if self.form == "tokens" else own[..., None]
        return ops.stop_gradient(ops.where(own, ops.cast(drawn, values.dtype), values))

    def _drawn(self, batch: Batch, uniforms: Tensor) -> Tensor:
        """Values drawn for each frame of a fragment, given the true frames before it; `[batch, time, ...]`.

        Args:
            batch: see the class.
            uniforms: `[batch, time, values]`, see `uniforms`.
        """
        parameters = self.parameters_of(self.read(batch).outputs)
        return self.output_layer.draw_sequence(parameters, uniforms)

    def score_decoders(
        self, batch: Batch, values: Tensor, state: FrameState
    ) -> tuple[dict[str, Tensor], State, State]:
        """What the decoders of keys and velocities make of a fragment, for evaluation.

        Returns:
            `key_nats`, `squared_velocity_error` and `struck` (number of struck keys), `[batch, time]` each, of
            the parts that the model has; then the states of both decoders after the fragment.
        """
        terms, key_state, velocity_state = {}, state.keys, state.velocities
        if self.key_decoder is not None:
            features, key_state = self.key_decoder.features(values, self._previous(batch), state.keys)
            keys = ops.cast(batch["keys"], "float32")
            terms["key_nats"] = -self.key_decoder.log_likelihood(features, keys, values)
        if self.velocity_decoder is not None:
            velocities, struck = ops.cast(batch["velocities"], "float32"), ops.cast(batch["keys"], "float32")
            features, velocity_state = self.velocity_decoder.features(
                pitch_classes(struck), self._previous(batch), state.velocities
            )
            terms["squared_velocity_error"] = self.velocity_decoder.loss(features, velocities, struck)
            terms["struck"] = ops.sum(struck, axis=-1)
        return terms, key_state, velocity_state

    def _previous(self, batch: Batch) -> Tensor:
        """The keys before each frame, or their velocities where the model has them."""
        if self.velocity_decoder is not None:
            velocities = ops.cast(batch["velocities"], "float32")
            return _shifted(ops.cast(batch["velocity_before"], "float32"), velocities)
        keys = ops.cast(batch["keys"], "float32")
        return _shifted(ops.cast(batch["before"], "float32"), keys)

    def loss_terms(self, batch: Batch, outputs: FrameOutputs) -> FrameTerms:
        """The terms of the training loss of each frame of a batch, for what `call` says of it."""
        values = self.true_values(batch)
        time = values.shape[1]
        real = ops.arange(time)[None] < ops.cast(batch["lengths"], "int32")[:, None]
        nats = self.output_layer.loss(outputs.parameters, values)
        own = [self.output_layer.loss(parameters, values) for parameters in outputs.own]
        key_nats = velocity_error = None
        if self.key_decoder is not None:
            keys = ops.cast(batch["keys"], "float32")
            key_nats = self.key_decoder.loss(outputs.key_features, keys, values)
        if self.velocity_decoder is not None:
            velocities, struck = ops.cast(batch["velocities"], "float32"), ops.cast(batch["keys"], "float32")
            velocity_error = self.velocity_decoder.loss(outputs.velocity_features, velocities, struck)
        own_nats = sum(own) if own else None
        return FrameTerms(nats, own_nats, key_nats, velocity_error, ops.cast(real, "float32"))

    def compute_loss(
        self,
        x: Batch | None = None,
        y: Any = None,
        y_pred: FrameOutputs | None = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """The mean loss a frame, for `fit`: values, keys and velocities added up; also updates the metrics.

        Args:
            x: the batch.
            y, sample_weight, training: not used.
            y_pred: what `call` says of it.
        """
        del y, sample_weight, training
        assert x is not None and y_pred is not None, "given by fit and evaluate"
        terms = self.loss_terms(x, y_pred)
        weights = terms.real
        if self.step_weights:
            steps = weights.shape[1]
            weights = weights * ops.arange(steps, dtype="float32")[None] / max(1, steps - 1)
        loss = 0.0
        for tracker in self.trackers:
            term = getattr(terms, tracker.name)
            tracker.update_state(_mean(term, terms.real))
            loss = loss + _mean(term, weights)
        return loss

    def expected(self, batch: Batch, uniforms: Tensor) -> Tensor:
        """How likely each key is given the frames before, for one draw of what the model draws first.

        Args:
            batch: see the class.
            uniforms: `[batch, time, values]`; the mean over several is the probability.

        Returns:
            `[batch, time, keys]`, from 0 to 1.
        """
        drawn = self._drawn(batch, uniforms)
        if self.key_decoder is None:
            return drawn
        features, _ = self.key_decoder.features(drawn, self._previous(batch))
        return self.key_decoder.marginals(features, drawn)

    @property
    def plays_keys(self) -> bool:
        """Whether it predicts keys: not where frames are tokens, or classes without a decoder to keys."""
        return self.form == "keys" or self.key_decoder is not None

    @property
    def uniforms(self) -> Sizes:
        """How many random numbers a frame takes."""
        keys = self.key_decoder.uniforms if self.key_decoder is not None else 0
        return Sizes(self.output_layer.uniforms, keys)


def pitch_classes(keys: Tensor) -> Tensor:
    """Which of the twelve pitch classes sound, float32 `[..., 12]` of keys `[..., keys]`; the first key is an A."""
    keys = ops.cast(keys, "float32")
    width, classes = keys.shape[-1], len(PITCH_CLASSES)
    padded = ops.pad(keys, [[0, 0]] * (len(keys.shape) - 1) + [[0, -width % classes]])
    octaves = ops.reshape(padded, (*ops.shape(keys)[:-1], -1, classes))
    return ops.cast(ops.max(octaves, axis=-2) > 0, "float32")


def _shifted(first: Tensor, values: Tensor) -> Tensor:
    """The value before each one, `[batch, time, ...]`."""
    return ops.concatenate([first[:, None], values[:, :-1]], axis=1)


def _mean(terms: Tensor, weights: Tensor) -> Tensor:
    return ops.sum(terms * weights) / ops.maximum(ops.sum(weights), 1.0)

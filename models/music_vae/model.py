"""MusicVAE: an encoder to a Gaussian posterior over z, and a decoder from z.

Roberts, Engel, Raffel, Hawthorne, Eck, "A Hierarchical Latent Vector Model for Learning Long-Term Structure in
Music" (2018); Magenta's `MusicVAE`. The loss of a sequence is its reconstruction loss plus beta times what the
KL divergence exceeds the free bits by. Without latent vector (z_size 0) it is a language model of its decoder.
"""

from typing import Any

import keras
from keras import ops

from models.layers import backend
from models.layers.distributions import kl_to_standard_normal
from models.music_vae import elbo
from models.music_vae.decoders import Draws
from models.music_vae.representations import encoder_input, step_mask
from models.training import scheduled_sampling

Array = Any
Batch = dict[str, Array]
"""What a step of training takes, by name.

`inputs` and `lengths` (`[batch]`, or `[batch, segments]` where each segment is padded at its own end); `outputs`
where the decoder plays something else than the encoder reads; `controls` `[batch, time, control_depth]` where
both are conditioned on some; optionally `noise` `[batch, z_size]`, the standard normal noise of z.
"""


class MusicVAE(keras.Model):
    """Variational autoencoder of sequences.

    Args:
        encoder: one of `models/music_vae/encoders.py`; None where z_size is 0.
        decoder: one of `models/music_vae/decoders.py` or `models/music_vae/conductor.py`.
        hparams: `catalog.config.HParams`.
        input_form: how the encoder reads inputs, one of `preprocess.example_forms.FORMS`.
        input_depths: width of the encoder's input, or of its parts.
        control_depth: width of the controls, 0 for none.
        seed: seed of the latent noise and of scheduled sampling.
    """

    def __init__(
        self,
        encoder: keras.layers.Layer | None,
        decoder: Any,
        hparams: Any,
        input_form: str,
        input_depths: tuple[int, ...],
        control_depth: int = 0,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        scheduled_sampling.check_sampling_schedule(hparams.sampling_schedule, hparams.sampling_rate)
        self.encoder = encoder
        self.decoder = decoder
        self.hparams = hparams
        self.input_form = input_form
        self.input_depths = tuple(input_depths)
        self.control_depth = control_depth
        self.noise = keras.random.SeedGenerator(seed)
        self.trackers = [keras.metrics.Mean(name=n) for n in ("reconstruction", "kl_bits", "accuracy")]
        if self.encoder is not None:
            self.build_posterior(self.encoder)
        self.decoder.build(hparams.z_size)
        self.step = self.add_weight(
            shape=(), dtype="int32", initializer="zeros", trainable=False, name="step"
        )
        self.built = True

    def build_posterior(self, encoder: keras.layers.Layer) -> None:
        """Create the weights of the encoder, and those that make a posterior of its embedding."""
        near_zero = keras.initializers.RandomNormal(stddev=0.001)
        self.mu = keras.layers.Dense(self.hparams.z_size, kernel_initializer=near_zero)
        self.sigma = keras.layers.Dense(
            self.hparams.z_size, activation="softplus", kernel_initializer=near_zero
        )
        encoder.build(sum(self.input_depths) + self.control_depth)
        for dense in (self.mu, self.sigma):
            dense.build((None, encoder.output_depth))

    def named_weights(self) -> dict[str, keras.Variable]:
        """The weights by the names that Magenta's checkpoints have."""
        if self.encoder is None:
            return self.decoder.named_weights()
        names = {f"encoder/{k}": v for k, v in self.encoder.named_weights().items()}
        for name, dense in (("mu", self.mu), ("sigma", self.sigma)):
            names[f"encoder/{name}/kernel"] = dense.kernel
            names[f"encoder/{name}/bias"] = dense.bias
        return names | self.decoder.named_weights()

    def encode(
        self, inputs: Array, lengths: Array, controls: Array | None = None, training: bool = False
    ) -> tuple[Array, Array]:
        """Mean and standard deviation of the posterior.

        Args:
            inputs: `[batch, time, ...]` in the compact form that `input_form` says.
            lengths: `[batch]` or `[batch, segments]`.
            controls: `[batch, time, control_depth]`, where the model has controls.
            training: whether dropout is on.

        Returns:
            `mu` and `sigma`, float32 `[batch, z_size]`.
        """
        if self.encoder is None:
            nothing = ops.zeros((ops.shape(inputs)[0], 0))
            return nothing, nothing
        sequence = encoder_input(inputs, self.input_form, self.input_depths, self.compute_dtype)
        if controls is not None:
            sequence = ops.concatenate([sequence, ops.cast(controls, sequence.dtype)], axis=-1)
        embedding = self.encoder(sequence, lengths, training=training)
        return ops.cast(self.mu(embedding), "float32"), ops.cast(self.sigma(embedding), "float32")

    def reconstruct(
        self,
        targets: Array,
        z: Array,
        lengths: Array,
        controls: Array | None = None,
        previous: Array | None = None,
        training: bool = False,
    ) -> tuple[Array, Array]:
        """What the teacher-forced decoder says at every step, and the loss of each sequence.

        Args:
            targets: true values `[batch, time, ...]`.
            z: `[batch, z_size]`.
            lengths: `[batch]` or `[batch, segments]`.
            controls: as the decoder's `prepare_controls` gives them.
            previous: the value before each step as the decoder is to see it; the true one by default.
            training: whether dropout is on.

        Returns:
            Parameters of the output, float32 `[batch, time, parameter_depth]`, and the summed loss in nats
            `[batch]`.
        """
        real = step_mask(lengths, targets.shape[1])
        steps = {"previous": self.decoder.distribution.before(targets) if previous is None else previous}
        # What was played at a step is the value before the next one.
        steps["played"] = ops.concatenate([steps["previous"][:, 1:], targets[:, -1:]], axis=1)
        steps["real"] = real
        if controls is not None:
            steps["controls"] = controls
        parameters, _ = self.decoder.teacher_forced(steps, ops.cast(z, self.compute_dtype), training)
        parameters = ops.cast(parameters, "float32")
        losses = self.decoder.distribution.loss(parameters, targets)
        return parameters, ops.sum(ops.where(real, losses, 0.0), axis=1)

    def call(self, batch: Batch, training: bool = False) -> dict[str, Array]:
        """Per-sequence terms of the loss.

        Args:
            batch: see `Batch`.
            training: draw scheduled samples by the schedule and apply dropout; otherwise teacher forcing.

        Returns:
            `mu`, `sigma`, `parameters` of the output, and per sequence `reconstruction` and `kl` in nats, and
            `accuracy`.
        """
        lengths, controls = batch["lengths"], batch.get("controls")
        targets = self.decoder.distribution.target(batch.get("outputs", batch["inputs"]))
        mu, sigma = self.encode(batch["inputs"], lengths, controls, training)
        noise = batch.get("noise")
        if noise is None:
            noise = backend.normal(ops.shape(mu), self.noise)
        # Keras casts inputs to the compute dtype, which is a half precision one with a mixed policy.
        z = mu + sigma * ops.cast(noise, mu.dtype)
        if controls is not None:
            controls = self.decoder.prepare_controls(controls, lengths, training)
        previous = None
        schedule = self.hparams.sampling_schedule, self.hparams.sampling_rate
        if training and not scheduled_sampling.is_teacher_forcing(*schedule):
            previous = self._scheduled_inputs(targets, z, controls)
        parameters, reconstruction = self.reconstruct(targets, z, lengths, controls, previous, training)
        if training:
            self.step.assign_add(1)
        no_kl = ops.zeros_like(reconstruction)
        return {
            "mu": mu,
            "sigma": sigma,
            "parameters": parameters,
            "reconstruction": reconstruction,
            "kl": no_kl if self.encoder is None else kl_to_standard_normal(mu, sigma),
            "accuracy": self.accuracy(parameters, targets, lengths),
        }

    def accuracy(self, parameters: Array, targets: Array, lengths: Array) -> Array:
        """Share of each sequence's values that the likeliest ones hit, float32 `[batch]`."""
        real = ops.cast(step_mask(lengths, targets.shape[1]), "float32")
        correct = self.decoder.distribution.correct(parameters, targets) * real
        return ops.sum(correct, axis=1) / ops.maximum(ops.sum(real, axis=1), 1.0)

    def _scheduled_inputs(self, targets: Array, z: Array, controls: Array | None) -> Array:
        """The values that the decoder sees under scheduled sampling, in the form of the targets."""
        probability = scheduled_sampling.sampling_probability(
            self.step, self.hparams.sampling_schedule, self.hparams.sampling_rate
        )
        output = self.decoder.distribution
        batch, time = ops.shape(targets)[0], targets.shape[1]
        sampled = backend.uniform((batch, time), self.noise) < probability
        steps = {"teacher": targets, "sample_mask": sampled}
        if output.draws_in_training:
            steps["uniforms"] = backend.uniform((batch, time, output.uniforms), self.noise)
        if controls is not None:
            steps["controls"] = ops.stop_gradient(controls)
        z = ops.cast(ops.stop_gradient(z), self.compute_dtype)
        return ops.stop_gradient(self.decoder.generate(z, output.nothing(batch), time, Draws(steps))[1])

    def total_loss(self, reconstruction: Array, kl: Array, beta: Array) -> Array:
        """`mean(reconstruction) + beta * mean(max(kl - free_bits ln 2, 0))`, a scalar in nats."""
        return elbo.beta_elbo_loss(reconstruction, kl, beta, self.hparams.free_bits)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Array:
        """The loss of a batch, for `fit`; also feeds the progress bar's metrics."""
        del x, y, sample_weight
        # `call` has counted this step already where it trains; the schedule starts from step 0.
        step = self.step - 1 if training else self.step
        beta = elbo.kl_weight(step, self.hparams.max_beta, self.hparams.beta_rate)
        loss = self.total_loss(y_pred["reconstruction"], y_pred["kl"], beta)
        values = (y_pred["reconstruction"], y_pred["kl"] / elbo.LN2, y_pred["accuracy"])
        for tracker, value in zip(self.trackers, values, strict=True):
            tracker.update_state(value)
        return loss

    def decode(
        self,
        z: Array,
        uniforms: Array | None = None,
        temperature: Array | float = 1.0,
        controls: Array | None = None,
        length: int | None = None,
    ) -> Array:
        """Sequences for latent vectors.

        Args:
            z: `[batch, z_size]`; its rows alone are counted where z_size is 0.
            uniforms: `[batch, time, uniforms]` in [0, 1), one a draw; None takes the likeliest value at every
                step.
            temperature: divides the logits, above 0.
            controls: `[batch, time, control_depth]`, where the model has controls.
            length: steps to decode; `max_seq_len` by default, and always with a hierarchical decoder.

        Returns:
            Values `[batch, time, ...]` in the compact form of the output.
        """
        length = length or self.hparams.max_seq_len
        batch = ops.shape(z)[0]
        steps = {} if uniforms is None else {"uniforms": uniforms}
        if controls is not None:
            steps["controls"] = self.decoder.prepare_controls(controls, ops.full((batch,), length))
        z = ops.cast(z, self.compute_dtype)
        first = self.decoder.distribution.nothing(batch)
        return self.decoder.generate(z, first, length, Draws(steps, temperature))[0]

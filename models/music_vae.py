"""MusicVAE: an encoder to a Gaussian posterior over z, and a decoder from z.

Roberts, Engel, Raffel, Hawthorne, Eck, "A Hierarchical Latent Vector Model for Learning Long-Term Structure in
Music" (2018); Magenta's `MusicVAE`. The loss of a sequence is its reconstruction loss plus beta times what the
KL divergence exceeds the free bits by.
"""

import math
from typing import Any

import keras
from keras import ops

from models import schedules
from models.decoders import NO_TOKEN, Draws
from models.distributions import categorical_log_probability, kl_to_standard_normal
from models.representations import encoder_input, step_mask

Array = Any

LN2 = math.log(2.0)


class MusicVAE(keras.Model):
    """Variational autoencoder of token sequences.

    Args:
        encoder: `encoder(sequence, lengths, training) -> [batch, encoder.output_depth]`.
        decoder: a decoder of `models/decoders.py` or `models/hierarchical.py`.
        hparams: `configs.HParams`.
        input_form: how the encoder reads tokens, one of `representations.ENCODER_INPUTS`.
        input_depth: depth of the encoder's input.
        seed: seed of the latent noise and of scheduled sampling.
    """

    def __init__(
        self,
        encoder: keras.layers.Layer,
        decoder: keras.layers.Layer,
        hparams: Any,
        input_form: str,
        input_depth: int,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        schedules.check_sampling_schedule(hparams.sampling_schedule, hparams.sampling_rate)
        self.encoder = encoder
        self.decoder = decoder
        self.hparams = hparams
        self.input_form = input_form
        self.input_depth = input_depth
        near_zero = keras.initializers.RandomNormal(stddev=0.001)
        self.mu = keras.layers.Dense(hparams.z_size, kernel_initializer=near_zero)
        self.sigma = keras.layers.Dense(hparams.z_size, activation="softplus", kernel_initializer=near_zero)
        self.noise = keras.random.SeedGenerator(seed)
        self.trackers = [keras.metrics.Mean(name=n) for n in ("reconstruction", "kl_bits", "accuracy")]
        self.encoder.build(input_depth)
        for dense in (self.mu, self.sigma):
            dense.build((None, encoder.output_depth))
        self.decoder.build(hparams.z_size)
        self.step = self.add_weight(
            shape=(), dtype="int32", initializer="zeros", trainable=False, name="step"
        )
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        """The weights by the names that Magenta's checkpoints have."""
        names = {f"encoder/{k}": v for k, v in self.encoder.named_weights().items()}
        for name, dense in (("mu", self.mu), ("sigma", self.sigma)):
            names[f"encoder/{name}/kernel"] = dense.kernel
            names[f"encoder/{name}/bias"] = dense.bias
        return names | self.decoder.named_weights()

    def encode(self, tokens: Array, lengths: Array, training: bool = False) -> tuple[Array, Array]:
        """Mean and standard deviation of the posterior.

        Args:
            tokens: int `[batch, time]`.
            lengths: `[batch]`.
            training: whether dropout is on.

        Returns:
            `mu` and `sigma`, float32 `[batch, z_size]`.
        """
        sequence = encoder_input(tokens, self.input_form, self.input_depth, self.compute_dtype)
        embedding = self.encoder(sequence, lengths, training=training)
        return ops.cast(self.mu(embedding), "float32"), ops.cast(self.sigma(embedding), "float32")

    def reconstruct(
        self, tokens: Array, inputs: Array, z: Array, lengths: Array, training: bool = False
    ) -> Array:
        """Logits of every step given the decoder's inputs, and the loss of each sequence.

        Args:
            tokens: true tokens, int `[batch, time]`.
            inputs: the token before each step as the decoder is to see it, int `[batch, time]`.
            z: `[batch, z_size]`.
            lengths: `[batch]` or `[batch, segments]`.
            training: whether dropout is on.

        Returns:
            float32 logits `[batch, time, classes]`, and the summed loss in nats `[batch]`.
        """
        logits, _ = self.decoder.teacher_forced(inputs, ops.cast(z, self.compute_dtype), training)
        logits = ops.cast(logits, "float32")
        real = ops.cast(step_mask(lengths, tokens.shape[1]), "float32")
        return logits, -ops.sum(categorical_log_probability(logits, tokens) * real, axis=1)

    def call(self, batch: dict[str, Array], training: bool = False) -> dict[str, Array]:
        """Per-sequence terms of the loss.

        Args:
            batch: `tokens` int `[batch, time]`, `lengths` `[batch]` or `[batch, segments]`, and optionally
                `noise` `[batch, z_size]`, the standard normal noise of z.
            training: draw scheduled samples by the schedule and apply dropout; otherwise teacher forcing.

        Returns:
            `mu`, `sigma`, `logits`, and per sequence `reconstruction` and `kl` in nats, and `accuracy`.
        """
        tokens, lengths = ops.cast(batch["tokens"], "int32"), batch["lengths"]
        mu, sigma = self.encode(tokens, _total(lengths), training)
        noise = batch.get("noise")
        if noise is None:
            noise = keras.random.normal(ops.shape(mu), seed=self.noise)
        # Keras casts inputs to the compute dtype, which is a half precision one with a mixed policy.
        z = mu + sigma * ops.cast(noise, mu.dtype)
        inputs = ops.pad(tokens[:, :-1], ((0, 0), (1, 0)), constant_values=NO_TOKEN)
        if training and self.uses_scheduled_sampling:
            inputs = self._scheduled_inputs(tokens, z)
        logits, reconstruction = self.reconstruct(tokens, inputs, z, lengths, training)
        if training:
            self.step.assign_add(1)
        real = ops.cast(step_mask(lengths, tokens.shape[1]), "float32")
        correct = ops.cast(ops.cast(ops.argmax(logits, axis=-1), "int32") == tokens, "float32") * real
        return {
            "mu": mu,
            "sigma": sigma,
            "logits": logits,
            "reconstruction": reconstruction,
            "kl": kl_to_standard_normal(mu, sigma),
            "accuracy": ops.sum(correct, axis=1) / ops.maximum(ops.sum(real, axis=1), 1.0),
        }

    @property
    def uses_scheduled_sampling(self) -> bool:
        """Whether training ever feeds the decoder its own draws."""
        return not (self.hparams.sampling_schedule == "constant" and self.hparams.sampling_rate == 0)

    def _scheduled_inputs(self, tokens: Array, z: Array) -> Array:
        """The tokens that the decoder sees under scheduled sampling, int32 `[batch, time]`."""
        probability = schedules.sampling_probability(
            self.step, self.hparams.sampling_schedule, self.hparams.sampling_rate
        )
        shape = ops.shape(tokens)
        draws = Draws(
            {
                "uniforms": keras.random.uniform(shape, seed=self.noise),
                "teacher": tokens,
                "sample_mask": keras.random.uniform(shape, seed=self.noise) < probability,
            }
        )
        first = ops.full((shape[0],), NO_TOKEN, dtype="int32")
        z = ops.cast(ops.stop_gradient(z), self.compute_dtype)
        return ops.stop_gradient(self.decoder.generate(z, first, tokens.shape[1], draws)[1])

    def total_loss(self, reconstruction: Array, kl: Array, beta: Array) -> Array:
        """`mean(reconstruction) + beta * mean(max(kl - free_bits ln 2, 0))`, a scalar in nats."""
        kl_cost = ops.maximum(kl - self.hparams.free_bits * LN2, 0.0)
        return ops.mean(reconstruction) + beta * ops.mean(kl_cost)

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
        beta = schedules.kl_weight(step, self.hparams.max_beta, self.hparams.beta_rate)
        loss = self.total_loss(y_pred["reconstruction"], y_pred["kl"], beta)
        values = (y_pred["reconstruction"], y_pred["kl"] / LN2, y_pred["accuracy"])
        for tracker, value in zip(self.trackers, values, strict=True):
            tracker.update_state(value)
        return loss

    def decode(self, z: Array, uniforms: Array | None = None, temperature: Array | float = 1.0) -> Array:
        """Sequences for latent vectors.

        Args:
            z: `[batch, z_size]`.
            uniforms: `[batch, time]` in [0, 1), one a draw; None takes the likeliest token at every step.
            temperature: divides the logits, above 0.

        Returns:
            int32 tokens `[batch, max_seq_len]`.
        """
        first = ops.full((ops.shape(z)[0],), NO_TOKEN, dtype="int32")
        draws = Draws({} if uniforms is None else {"uniforms": uniforms}, temperature)
        z = ops.cast(z, self.compute_dtype)
        return self.decoder.generate(z, first, self.hparams.max_seq_len, draws)[0]


def _total(lengths: Array) -> Array:
    return lengths if len(lengths.shape) == 1 else ops.sum(lengths, axis=1)

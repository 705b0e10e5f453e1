"""MusicVAE: an encoder to a Gaussian posterior over z, and a decoder from z.

Roberts, Engel, Raffel, Hawthorne, Eck, "A Hierarchical Latent Vector Model for Learning Long-Term Structure in
Music" (2018); Magenta's `MusicVAE`. The loss is that of `models/music_vae/elbo.py`. Without a latent vector (z_size 0)
it is a language model of its decoder.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import keras
from keras import ops

from models.layers import backend
from models.layers.distributions import kl_to_standard_normal
from models.music_vae import elbo
from models.music_vae.decoder_base import Decoder, Draws, KnownSteps
from models.music_vae.representations import encoder_input, step_mask
from models.training import scheduled_sampling
from models.training.trainable import Batch, TrainableModel

if TYPE_CHECKING:
    from catalog.config import HParams

Tensor = Any


class VAEOutputs(NamedTuple):
    """What a MusicVAE says of a batch of sequences.

    Attributes:
        mu: mean of the posterior, float32 `[batch, z_size]`.
        sigma: standard deviation of the posterior, float32 `[batch, z_size]`.
        parameters: of the decoder's output distribution at every step, float32 `[batch, time, parameter_depth]`.
    """

    mu: Tensor
    sigma: Tensor
    parameters: Tensor


class LossTerms(NamedTuple):
    """The terms of the loss of each sequence, float32 `[batch]`.

    Attributes:
        reconstruction: `-log p(x | z)` in nats.
        kl: `KL(q(z | x) || p(z))` in nats; 0 without a latent vector.
        accuracy: share of the sequence's values that the likeliest ones hit, from 0 to 1; not part of the loss.
    """

    reconstruction: Tensor
    kl: Tensor
    accuracy: Tensor


class MusicVAE(TrainableModel):
    """Variational autoencoder of sequences.

    A batch has `inputs`, tokens or numbers `[batch, time, ...]`, and `lengths` (`[batch]`, or `[batch, segments]` where
    each segment is padded at its own end); `outputs` where the decoder plays something else than the encoder reads;
    `controls` `[batch, time, control_depth]` where both are conditioned on some; optionally `noise` `[batch, z_size]`,
    the standard normal noise of z.

    Example:
        >>> import numpy as np
        >>> import configs
        >>> from models.families import build_model
        >>> tiny = "z_size=2,enc_rnn_size=[4],dec_rnn_size=[4],max_seq_len=8,free_bits=0.0"
        >>> model = build_model(configs.config_with_overrides("cat-mel_2bar_small", tiny))
        >>> batch = {"inputs": np.full((3, 8), 60), "lengths": np.full(3, 8)}
        >>> outputs = model(batch)
        >>> tuple(outputs.mu.shape), tuple(outputs.parameters.shape)
        ((3, 2), (3, 8, 90))
        >>> terms = model.loss_terms(batch, outputs)
        >>> [round(float(nats)) for nats in terms.reconstruction]  # about 8 ln 90 for each sequence
        [36, 36, 36]

    Args:
        encoder: one of `models/music_vae/encoders.py`; None where z_size is 0.
        decoder: one of `models/music_vae/decoders.py` or `models/music_vae/conductor.py`.
        hparams: z_size, and how the model is trained.
        input_form: how the encoder reads inputs, one of `preprocess.example_forms.FORMS`.
        input_depths: width of the encoder's input, or of its parts.
        control_depth: width of the controls, 0 for none.
        seed: seed of the latent noise and of scheduled sampling.
    """

    def __init__(
        self,
        encoder: keras.layers.Layer | None,
        decoder: Decoder,
        hparams: "HParams",
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
        self.built = True

    def build_posterior(self, encoder: keras.layers.Layer) -> None:
        """Create the weights of the encoder, and of the layers from its embedding to the posterior."""
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
        self, inputs: Tensor, lengths: Tensor, controls: Tensor | None = None, training: bool = False
    ) -> tuple[Tensor, Tensor]:
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

    def teacher_forced(
        self,
        targets: Tensor,
        z: Tensor,
        lengths: Tensor,
        controls: Tensor | None = None,
        previous: Tensor | None = None,
        training: bool = False,
    ) -> Tensor:
        """The decoder's output distribution at every step, given the steps before.

        Args:
            targets: true values `[batch, time, ...]`.
            z: `[batch, z_size]`.
            lengths: `[batch]` or `[batch, segments]`.
            controls: as the decoder's `prepare_controls` gives them.
            previous: the value before each step as the decoder is to see it; the true one by default.
            training: whether dropout is on.

        Returns:
            Parameters of the output, float32 `[batch, time, parameter_depth]`.
        """
        if previous is None:
            previous = self.decoder.distribution.before(targets)
        # What was played at a step is the value before the next one.
        played = ops.concatenate([previous[:, 1:], targets[:, -1:]], axis=1)
        steps = KnownSteps(previous, played, step_mask(lengths, targets.shape[1]), controls)
        parameters, _ = self.decoder.teacher_forced(steps, ops.cast(z, self.compute_dtype), training)
        return ops.cast(parameters, "float32")

    def targets(self, batch: Batch) -> Tensor:
        """The values that the decoder is to play, `[batch, time, ...]`."""
        return self.decoder.distribution.target(batch.get("outputs", batch["inputs"]))

    def call(self, batch: Batch, training: bool = False) -> VAEOutputs:
        """Encode, draw z, and decode with teacher forcing.

        Args:
            batch: see the class.
            training: draw scheduled samples by the schedule and apply dropout.
        """
        lengths, controls = batch["lengths"], batch.get("controls")
        targets = self.targets(batch)
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
            probability = scheduled_sampling.sampling_probability(batch.get("step", 0), *schedule)
            previous = self.scheduled_inputs(targets, z, controls, probability)
        parameters = self.teacher_forced(targets, z, lengths, controls, previous, training)
        return VAEOutputs(mu, sigma, parameters)

    def scheduled_inputs(
        self, targets: Tensor, z: Tensor, controls: Tensor | None, probability: Tensor
    ) -> Tensor:
        """The values that the decoder sees under scheduled sampling, in the form of the targets.

        Args:
            targets: true values `[batch, time, ...]`.
            z: `[batch, z_size]`.
            controls: as the decoder's `prepare_controls` gives them.
            probability: of a step's value being the decoder's own draw.
        """
        output = self.decoder.distribution
        batch, time = ops.shape(targets)[0], targets.shape[1]
        draws = Draws(
            teacher=targets,
            sample_mask=backend.uniform((batch, time), self.noise) < probability,
            uniforms=backend.uniform((batch, time, output.uniforms), self.noise)
            if output.draws_in_training
            else None,
            controls=None if controls is None else ops.stop_gradient(controls),
        )
        z = ops.cast(ops.stop_gradient(z), self.compute_dtype)
        return ops.stop_gradient(self.decoder.generate(z, output.nothing(batch), time, draws)[1])

    def loss_terms(self, batch: Batch, outputs: VAEOutputs) -> LossTerms:
        """The terms of the loss of each sequence of a batch, for what `call` says of it."""
        targets = self.targets(batch)
        reconstruction = self.reconstruction(outputs.parameters, targets, batch["lengths"])
        return LossTerms(
            reconstruction,
            ops.zeros_like(reconstruction)
            if self.encoder is None
            else kl_to_standard_normal(outputs.mu, outputs.sigma),
            self.accuracy(outputs.parameters, targets, batch["lengths"]),
        )

    def reconstruction(self, parameters: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
        """The reconstruction loss of each sequence, summed over its steps: nats, float32 `[batch]`."""
        losses = self.decoder.distribution.loss(parameters, targets)
        return ops.sum(ops.where(step_mask(lengths, targets.shape[1]), losses, 0.0), axis=1)

    def accuracy(self, parameters: Tensor, targets: Tensor, lengths: Tensor) -> Tensor:
        """Share of each sequence's values that the likeliest ones hit, float32 `[batch]`."""
        real = ops.cast(step_mask(lengths, targets.shape[1]), "float32")
        correct = self.decoder.distribution.correct(parameters, targets) * real
        return ops.sum(correct, axis=1) / ops.maximum(ops.sum(real, axis=1), 1.0)

    def compute_loss(
        self,
        x: Batch | None = None,
        y: Any = None,
        y_pred: VAEOutputs | None = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Tensor:
        """The loss of a batch in nats, for `fit`; also updates the metrics.

        Args:
            x: the batch.
            y, sample_weight: not used.
            y_pred: what `call` says of it.
            training: weigh the KL divergence by the beta of the batch's `step`; otherwise by the final one.
        """
        del y, sample_weight
        assert x is not None and y_pred is not None, "given by fit and evaluate"
        terms = self.loss_terms(x, y_pred)
        values = (terms.reconstruction, terms.kl / elbo.LN2, terms.accuracy)
        for tracker, value in zip(self.trackers, values, strict=True):
            tracker.update_state(value)
        h = self.hparams
        beta = elbo.kl_weight(x.get("step", 0), h.max_beta, h.beta_rate) if training else h.max_beta
        return elbo.beta_elbo_loss(terms.reconstruction, terms.kl, beta, h.free_bits)

    def decode(
        self,
        z: Tensor,
        uniforms: Tensor | None = None,
        temperature: Tensor | float = 1.0,
        controls: Tensor | None = None,
        length: int | None = None,
    ) -> Tensor:
        """Sequences for latent vectors.

        Args:
            z: `[batch, z_size]`; where z_size is 0 only its number of rows matters.
            uniforms: `[batch, time, uniforms]` in [0, 1), one for each draw; None takes the likeliest value at every
                step.
            temperature: divides the logits, above 0.
            controls: `[batch, time, control_depth]`, where the model has controls.
            length: steps to decode; `max_seq_len` by default, and always with a hierarchical decoder.

        Returns:
            Values `[batch, time, ...]` in the compact form of the output.
        """
        length = length or self.hparams.max_seq_len
        batch = ops.shape(z)[0]
        if controls is not None:
            controls = self.decoder.prepare_controls(controls, ops.full((batch,), length))
        draws = Draws(uniforms=uniforms, controls=controls, temperature=temperature)
        z = ops.cast(z, self.compute_dtype)
        first = self.decoder.distribution.nothing(batch)
        return self.decoder.generate(z, first, length, draws)[0]

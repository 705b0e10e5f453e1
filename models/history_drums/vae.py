"""A MusicVAE with an autoregressive history decoder, which plays some clips from z and others without it.

While training, a clip's controls (`preprocess/drums/history_controls.py`) say whether it is decoded from its own z, or without one:
from nothing, from its beginning, or around hits that are known. So one set of weights samples from the prior, continues
music that came before, and fills in. The loss of a clip without z has no KL divergence.
"""

from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from models.history_drums.bar_encoder import BarEncoder
from models.history_drums.decoder import HistoryDecoder
from models.layers import backend
from models.music_vae.model import LossTerms, MusicVAE, VAEOutputs
from models.music_vae.representations import encoder_input
from models.training.trainable import Batch

if TYPE_CHECKING:
    from catalog.config import HParams

Tensor = Any


class HistoryVAE(MusicVAE):
    """A MusicVAE whose encoder reads bars, and whose decoder reads its own past.

    Args:
        encoder: reads bars.
        decoder: reads its own past; its controls condition it alone.
        hparams: z_size, and how the model is trained; there is no scheduled sampling.
        input_depth: width of the encoder's input.
        hit_noise: probability that the encoder misses a hit while training.
        seed: seed of the latent noise.
    """

    def __init__(
        self,
        encoder: BarEncoder,
        decoder: HistoryDecoder,
        hparams: "HParams",
        input_depth: int,
        hit_noise: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ):
        self.hit_noise = hit_noise
        super().__init__(encoder, decoder, hparams, "roll", (input_depth,), 0, seed, **kwargs)

    def build_posterior(self, encoder: BarEncoder) -> None:
        """Create the weights of the encoder, and those that make a posterior of the embedding of each slice."""
        units = self.hparams.z_size // encoder.slices
        self.mu = keras.layers.Dense(units)
        self.sigma = keras.layers.Dense(units, activation="softplus")
        encoder.build(sum(self.input_depths), self.hparams.max_seq_len)
        for dense in (self.mu, self.sigma):
            dense.build((None, encoder.output_depth))

    def encode(
        self, inputs: Tensor, lengths: Tensor, controls: Tensor | None = None, training: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the posterior, float32 `[batch, z_size]`; controls are not read."""
        del controls
        sequence = encoder_input(inputs, self.input_form, self.input_depths, self.compute_dtype)
        if training and self.hit_noise:
            kept = backend.uniform(ops.shape(sequence), self.noise) >= self.hit_noise
            sequence = sequence * ops.cast(kept, sequence.dtype)
        assert self.encoder is not None, "given at construction"
        embedding = self.encoder(sequence, lengths, training=training)
        flat = (-1, self.hparams.z_size)
        mu, sigma = (ops.reshape(part(embedding), flat) for part in (self.mu, self.sigma))
        return ops.cast(mu, "float32"), ops.cast(sigma, "float32")

    def loss_terms(self, batch: Batch, outputs: VAEOutputs) -> LossTerms:
        """The terms of the loss of each sequence; a clip that is decoded without its z has no KL divergence.

        Without controls every clip is decoded from its z.
        """
        terms = super().loss_terms(batch, outputs)
        if "controls" not in batch:
            return terms
        uses_z = batch["controls"][:, 0, self.decoder.layout.uses_z][:, 0]
        return terms._replace(kl=terms.kl * ops.cast(uses_z, terms.kl.dtype))

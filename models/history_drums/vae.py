"""The MusicVAE around a history decoder: z for some clips, the decoder by itself for others, one set of weights.

While training, a clip's controls (`preprocess.drums.history_controls.py`) say whether it is decoded from its own z, or without one:
from nothing, from its beginning, or around hits that are known. So one model samples by the prior, goes on from music
that came before, and fills in. The loss of a clip without z has no KL.
"""

from typing import Any

import keras
from keras import ops

from models.history_drums.bar_encoder import BarEncoder
from models.history_drums.decoder import HistoryDecoder
from models.layers import backend
from models.music_vae.model import Batch, MusicVAE
from models.music_vae.representations import encoder_input

Array = Any


class HistoryVAE(MusicVAE):
    """A MusicVAE whose encoder reads bars, and whose decoder reads its own past.

    Args:
        encoder: reads bars.
        decoder: reads its own past; its controls condition it alone.
        hparams: `catalog.config.HParams`; there is no scheduled sampling.
        input_depth: width of the encoder's input.
        hit_noise: probability that a hit is not heard by the encoder while training.
        seed: seed of the latent noise.
    """

    def __init__(
        self,
        encoder: BarEncoder,
        decoder: HistoryDecoder,
        hparams: Any,
        input_depth: int,
        hit_noise: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ):
        self.hit_noise = hit_noise
        super().__init__(encoder, decoder, hparams, "roll", (input_depth,), 0, seed, **kwargs)

    def build_posterior(self, encoder: Any) -> None:
        """Create the weights of the encoder, and those that make a posterior of the embedding of each slice."""
        units = self.hparams.z_size // encoder.slices
        self.mu = keras.layers.Dense(units)
        self.sigma = keras.layers.Dense(units, activation="softplus")
        encoder.build(sum(self.input_depths), self.hparams.max_seq_len)
        for dense in (self.mu, self.sigma):
            dense.build((None, encoder.output_depth))

    def encode(
        self, inputs: Array, lengths: Array, controls: Array | None = None, training: bool = False
    ) -> tuple[Array, Array]:
        """Mean and standard deviation of the posterior, float32 `[batch, z_size]`; controls are not read."""
        del controls
        sequence = encoder_input(inputs, self.input_form, self.input_depths, self.compute_dtype)
        if training and self.hit_noise:
            heard = backend.uniform(ops.shape(sequence), self.noise) >= self.hit_noise
            sequence = sequence * ops.cast(heard, sequence.dtype)
        assert self.encoder is not None, "given at construction"
        embedding = self.encoder(sequence, lengths, training=training)
        flat = (-1, self.hparams.z_size)
        mu, sigma = (ops.reshape(part(embedding), flat) for part in (self.mu, self.sigma))
        return ops.cast(mu, "float32"), ops.cast(sigma, "float32")

    def call(self, batch: Batch, training: bool = False) -> dict[str, Array]:
        """Per-sequence terms of the loss, as `MusicVAE.call`; controls that are missing mean a clip from its z."""
        terms = super().call(batch, training)
        if "controls" in batch:
            uses_z = batch["controls"][:, 0, self.decoder.layout.uses_z][:, 0]
            terms["kl"] = terms["kl"] * ops.cast(uses_z, terms["kl"].dtype)
        return terms

"""Validation of a MusicVAE during training: the negative ELBO of held-out batches, and what it consists of."""

from typing import Any

import keras
import numpy as np

from models.music_vae.elbo import LN2
from models.music_vae.model import LossTerms, MusicVAE
from models.training.trainable import Batch

Tensor = Any

ACTIVE = 0.01
"""Variance of its posterior mean over the data above which a latent unit counts as active."""


class ValidationTerms(keras.Model):
    """A MusicVAE's posterior mean and loss terms as a model of their own, for `predict_on_batch`."""

    def __init__(self, vae: MusicVAE):
        super().__init__()
        self.vae = vae
        self.built = True

    def call(self, batch: Batch) -> tuple[Tensor, LossTerms]:
        outputs = self.vae(batch, training=False)
        return outputs.mu, self.vae.loss_terms(batch, outputs)


class Validator:
    """Validates a model on held-out batches; what it compiles the first time serves all other times.

    Args:
        model: is validated with the weights that it has when `figures` is called.
        batches: as `MusicVAE` takes them.
        seed: of the latent noise, which is the same every time.
    """

    def __init__(self, model: MusicVAE, batches: list[dict[str, np.ndarray]], seed: int = 0):
        self.model, self.batches, self.seed = model, batches, seed
        self._terms = ValidationTerms(model)
        self._terms.compile(jit_compile=True)

    def figures(self) -> dict[str, float]:
        """Teacher-forced loss at beta 1 without free bits.

        Returns:
            `val_loss` (the negative ELBO), `val_reconstruction` and `val_kl` in nats a sequence, `val_kl_bits`,
            `val_accuracy`, and `val_active_units`: latent units whose posterior mean varies by more than `ACTIVE`.
        """
        rng = np.random.default_rng(self.seed)
        means, terms = [], []
        for batch in self.batches:
            noise = rng.standard_normal((len(batch["inputs"]), self.model.hparams.z_size), dtype=np.float32)
            mu, of_batch = self._terms.predict_on_batch({**batch, "noise": noise})
            means.append(np.asarray(mu))
            terms.append([np.asarray(term) for term in of_batch])
        all_terms = LossTerms(*(np.concatenate(parts) for parts in zip(*terms, strict=True)))
        reconstruction, kl = float(all_terms.reconstruction.mean()), float(all_terms.kl.mean())
        return {
            "val_loss": reconstruction + kl,
            "val_reconstruction": reconstruction,
            "val_kl": kl,
            "val_kl_bits": kl / LN2,
            "val_accuracy": float(all_terms.accuracy.mean()),
            "val_active_units": float((np.concatenate(means).var(axis=0) > ACTIVE).sum()),
        }

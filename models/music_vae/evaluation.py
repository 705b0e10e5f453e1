"""What a trained MusicVAE makes of held-out clips: posterior, reconstruction and importance weights.

The encoder and the teacher-forced decoder are compiled separately, so that a clip is encoded once for any number of
latent draws, and so that only the results leave the device (logits are 512 values a step).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from metrics import variational
from models.music_vae.model import MusicVAE

Array = np.ndarray


@dataclass(frozen=True)
class Scores:
    """What the model makes of `n` clips with K latent draws each.

    Attributes:
        mu, sigma: the posteriors, float32 `[n, z_size]`.
        z: the first draw of each clip, float32 `[n, z_size]`.
        predicted: likeliest values given the true values of earlier steps and the first draw, `[n, steps, ...]`.
        reconstruction: `-log p(x | z)` in nats, float64 `[n, K]`.
        accuracy: share of each clip's values that `predicted` gets right, float32 `[n]`.
        log_weights: `log p(x, z) - log q(z | x)` in nats, float64 `[n, K]`.
    """

    mu: Array
    sigma: Array
    z: Array
    predicted: Array
    reconstruction: Array
    accuracy: Array
    log_weights: Array


class Posterior(keras.Model):
    """The encoder as a model of its own, for `predict_on_batch`."""

    def __init__(self, vae: MusicVAE):
        super().__init__()
        self.vae = vae
        self.built = True

    def call(self, batch: dict[str, Any]) -> dict[str, Any]:
        mu, sigma = self.vae.encode(batch["inputs"], batch["lengths"], batch.get("controls"))
        return {"mu": mu, "sigma": sigma}


class Likelihood(keras.Model):
    """The teacher-forced decoder as a model of its own, for `predict_on_batch`."""

    def __init__(self, vae: MusicVAE):
        super().__init__()
        self.vae = vae
        self.built = True

    def call(self, batch: dict[str, Any]) -> dict[str, Any]:
        distribution, controls = self.vae.decoder.distribution, batch.get("controls")
        targets, lengths = self.vae.targets(batch), batch["lengths"]
        if controls is not None:
            controls = self.vae.decoder.prepare_controls(controls, lengths)
        parameters = self.vae.teacher_forced(targets, batch["z"], lengths, controls)
        # The likeliest value of a step is drawn step by step elsewhere; here all steps are one large batch.
        flat = ops.reshape(parameters, (-1, parameters.shape[-1]))
        predicted = distribution.draw(flat, None, 1.0)
        shape = (-1, targets.shape[1], *predicted.shape[1:])
        return {
            "reconstruction": self.vae.reconstruction(parameters, targets, lengths),
            "predicted": ops.reshape(predicted, shape),
            "accuracy": self.vae.accuracy(parameters, targets, lengths),
        }


def score(
    model: MusicVAE,
    examples: dict[str, Array],
    importance_samples: int = 64,
    seed: int = 0,
    batch_size: int = 256,
    on_batch: Callable[[], None] = lambda: None,
) -> Scores:
    """Score clips under a MusicVAE.

    The noise of a clip depends on the seed and its number alone, so the result does not depend on the batch size.

    Args:
        model: with its weights.
        examples: a batch of all clips, as `MusicVAE.call` takes it.
        importance_samples: latent draws a clip, K.
        seed: of the draws.
        batch_size: clips scored together; bounds the memory.
        on_batch: called after each of the `ceil(n / batch_size) * K` scored batches.
    """
    posterior, likelihood = Posterior(model), Likelihood(model)
    for part in (posterior, likelihood):
        part.compile(jit_compile=True)
    count = len(examples["inputs"])
    batch_size = min(batch_size, count)
    parts = []
    for start in range(0, count, batch_size):
        stop = min(start + batch_size, count)
        # Every batch is full (the last one repeats clips), because each shape costs a compilation.
        index = np.minimum(np.arange(start, start + batch_size), stop - 1)
        batch = {name: array[index] for name, array in examples.items()}
        rngs = (np.random.default_rng([seed, 2, i]) for i in index)
        noise = np.stack(
            [r.standard_normal((importance_samples, model.hparams.z_size), np.float32) for r in rngs]
        )
        scores = _score_batch(posterior, likelihood, batch, noise, on_batch)
        parts.append([array[: stop - start] for array in scores])
    return Scores(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _score_batch(
    posterior: Posterior,
    likelihood: Likelihood,
    batch: dict[str, Array],
    noise: Array,
    on_batch: Callable[[], None],
) -> tuple[Array, ...]:
    """The fields of `Scores`, in their order, of one batch with noise `[batch, K, z_size]`."""
    q = {name: np.asarray(value) for name, value in posterior.predict_on_batch(batch).items()}
    mu, sigma = q["mu"], q["sigma"]
    losses, predicted, accuracy = [], None, None
    for k in range(noise.shape[1]):
        outputs = likelihood.predict_on_batch({**batch, "z": mu + sigma * noise[:, k]})
        losses.append(np.asarray(outputs["reconstruction"], np.float64))
        if predicted is None:
            predicted, accuracy = np.asarray(outputs["predicted"]), np.asarray(outputs["accuracy"])
        on_batch()
    reconstruction = np.stack(losses, axis=1)
    ratio = variational.log_prior_over_posterior(noise, mu[:, None], sigma[:, None])
    assert predicted is not None and accuracy is not None, "importance_samples is at least 1"
    z = mu + sigma * noise[:, 0]
    return mu, sigma, z, predicted, reconstruction, accuracy, ratio - reconstruction

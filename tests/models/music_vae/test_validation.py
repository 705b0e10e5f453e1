"""Validation: the same figures every time, and those of the loss."""

import numpy as np
import pytest

import configs
from models import families
from models.music_vae.validation import Validator

pytestmark = pytest.mark.jax

TINY = "z_size=2,enc_rnn_size=[3],dec_rnn_size=[4],max_seq_len=8"


def test_figures_are_means_over_all_sequences_with_the_same_noise_every_time() -> None:
    model = families.build_model(configs.config_with_overrides("cat-mel_2bar_small", TINY))
    rng = np.random.default_rng(0)
    batches = [
        {"inputs": rng.integers(0, 90, (n, 8)).astype(np.int32), "lengths": np.full(n, 8, np.int32)}
        for n in (4, 2)
    ]
    validator = Validator(model, batches)
    figures = validator.figures()
    assert figures == validator.figures()
    terms = []
    noise = np.random.default_rng(0)
    for batch in batches:
        of_batch = {**batch, "noise": noise.standard_normal((len(batch["inputs"]), 2), dtype=np.float32)}
        terms.append(model.loss_terms(of_batch, model(of_batch)))
    reconstruction = np.concatenate([np.asarray(t.reconstruction) for t in terms]).mean()
    kl = np.concatenate([np.asarray(t.kl) for t in terms]).mean()
    assert figures["val_reconstruction"] == pytest.approx(reconstruction, rel=1e-5)
    assert figures["val_kl"] == pytest.approx(kl, rel=1e-4)
    assert figures["val_loss"] == pytest.approx(reconstruction + kl, rel=1e-5)

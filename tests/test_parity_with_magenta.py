"""The models against Magenta's own graph: same weights, same inputs, same numbers, for every config."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import configs
from benchmarks.random_batches import for_our_model, random_batch, random_controls, with_hparams
from interop.magenta_process import magenta_is_installed, run_magenta
from models import families
from models.music_vae import elbo
from models.music_vae.model import LossTerms, VAEOutputs
from tests.helpers.small_models import AS_MAGENTA, TEACHER_FORCING, narrow, random_weights, short

pytestmark = [
    pytest.mark.reference,
    pytest.mark.skipif(not magenta_is_installed(), reason="magenta is not installed (make test installs it)"),
]

Arrays = dict[str, np.ndarray]


def our_numbers(model: Any, arrays: Arrays, step: int) -> Arrays:
    """The same quantities from our model, gradients included, on the backend that runs."""
    import keras
    from keras import ops

    batch = for_our_model(arrays)
    beta = (1.0 - model.hparams.beta_rate**step) * model.hparams.max_beta

    def total(outputs: VAEOutputs) -> tuple[Any, LossTerms]:
        terms = model.loss_terms(batch, outputs)
        return elbo.beta_elbo_loss(terms.reconstruction, terms.kl, beta, model.hparams.free_bits), terms

    value, said, gradients = _differentiated(model, batch, total, keras.backend.backend())
    by_variable = {id(v): g for v, g in zip(model.trainable_variables, gradients, strict=True)}
    numbers = {name: ops.convert_to_numpy(x) for name, x in said.items()}
    numbers["loss"] = ops.convert_to_numpy(value)
    for name, variable in model.named_weights().items():
        gradient = by_variable[id(variable)]
        if gradient is not None:
            numbers[f"gradient:{name}"] = ops.convert_to_numpy(gradient)
    squares = [
        np.sum(np.square(g, dtype=np.float64)) for n, g in numbers.items() if n.startswith("gradient:")
    ]
    numbers["global_norm"] = np.sqrt(sum(squares))
    return numbers


def _differentiated(model: Any, batch: Arrays, total: Callable, backend: str) -> tuple[Any, dict, list]:
    """Loss, outputs with loss terms by their names, and gradients of a teacher-forced batch."""
    if backend == "jax":
        import jax
        import keras

        def loss(values: list) -> tuple:
            mapping = zip(model.trainable_variables, values, strict=True)
            with keras.StatelessScope(state_mapping=list(mapping)):
                outputs = model(batch, training=False)
                value, terms = total(outputs)
            return value, outputs._asdict() | terms._asdict()

        values = [v.value for v in model.trainable_variables]
        (value, outputs), gradients = jax.jit(jax.value_and_grad(loss, has_aux=True))(values)
        return value, outputs, gradients
    import tensorflow as tf

    @tf.function
    def run(batch: dict) -> tuple:
        with tf.GradientTape() as tape:
            outputs = model(batch, training=False)
            value, terms = total(outputs)
        gradients = tape.gradient(value, [v.value for v in model.trainable_variables])
        return value, outputs._asdict() | terms._asdict(), gradients

    return run({name: tf.constant(x) for name, x in batch.items()})


def relative_error(ours: np.ndarray, reference: np.ndarray) -> float:
    """Euclidean distance over the reference's length."""
    return float(np.linalg.norm(ours - reference) / max(np.linalg.norm(reference), 1e-12))


def check_parameters(ours: np.ndarray, reference: np.ndarray, lengths: np.ndarray) -> None:
    """What the decoder says at real steps; behind an end the original's loop stops or runs on as it must."""
    real = np.arange(ours.shape[1])[None] < lengths[:, None]
    padded = np.zeros_like(ours)
    padded[:, : reference.shape[1]] = reference
    assert relative_error(ours[real], padded[real]) < 1e-4


def check(config: configs.Config, scale: float) -> None:
    model = families.build_model(config)
    arrays = random_weights(model, scale) | random_batch(config)
    rng = np.random.default_rng(1)
    z = rng.standard_normal((config.hparams.batch_size, config.hparams.z_size)).astype(np.float32)
    converter = config.build_converter()
    extra = {"z": z}
    if converter.control_depth:
        extra["sample_controls"] = random_controls(converter, (1, config.hparams.max_seq_len), rng)[0].astype(
            np.float32
        )
    decoder = config.decoder.get("core", config.decoder["name"])
    in_order = arrays["lengths"].ndim == 1 and decoder != "split_lstm"
    reference = run_magenta("loss,greedy", config, arrays | extra, step=3, fetch_parameters=in_order)
    ours = our_numbers(model, arrays, step=3)
    if "parameters" in reference:
        check_parameters(ours["parameters"], reference["parameters"], arrays["lengths"])
    # Without a latent vector there is a kernel of no values.
    names = [n for n in reference if n not in ("parameters", "samples") and reference[n].size]
    gradients = {n for n in names if n.startswith("gradient:")}
    assert gradients == {n for n in ours if n.startswith("gradient:")}
    errors = {name: relative_error(ours[name], reference[name]) for name in names}
    assert {name: error for name, error in errors.items() if error >= 1e-4} == {}
    if config.hparams.z_size:
        assert reference["kl"].max() > config.hparams.free_bits * np.log(2), "the KL term must take part"
    check_greedy(model, converter, extra, reference["samples"])


def check_greedy(model: Any, converter: Any, extra: Arrays, reference: np.ndarray) -> None:
    """Greedy decoding is the original's, and says something."""
    controls = extra.get("sample_controls")
    if controls is not None:
        controls = np.repeat(controls[None], len(extra["z"]), axis=0)
    values = np.asarray(model.decode(extra["z"], controls=controls))
    distribution = model.decoder.distribution
    dense = np.asarray(distribution.dense(values, "float32"))
    if converter.output_form == "dense":
        np.testing.assert_allclose(dense, reference, atol=1e-4)
    else:
        np.testing.assert_array_equal(dense, reference)
    different = len(np.unique(dense.reshape(-1, dense.shape[-1]), axis=0))
    assert different >= 2, "it must say something"


QUICK = (
    "cat-drums_2bar_small",
    "groovae_2bar_hits_control_tfds",
    "hier-multiperf_vel_1bar_med_chords",
    "hierdec-drum_4bar_small",
    "nade-drums_2bar_reduced",
)
"""One config of each kind, which the quick tests compare; the slow ones compare all others."""

ON_JAX = ("cat-drums_2bar_small", "groovae_2bar_hits_control_tfds")
"""The quick configs that are compared on JAX too."""


def _marks(name: str) -> list[pytest.MarkDecorator]:
    marks = [] if name in QUICK else [pytest.mark.slow]
    return [*marks, pytest.mark.jax] if name in ON_JAX else marks


@pytest.mark.parametrize("name", [pytest.param(n, marks=_marks(n)) for n in AS_MAGENTA])
def test_loss_gradients_and_greedy_decoding_are_magentas(name: str) -> None:
    """Every config at reduced widths; those with levels also at reduced lengths."""
    check(short(narrow(configs.CONFIG_MAP[name])), scale=0.5)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hierdec-mel_16bar", "hier-multiperf_vel_1bar_med_chords"])
def test_whole_lengths_are_magentas(name: str) -> None:
    """The long hierarchies at their own lengths."""
    check(narrow(configs.CONFIG_MAP[name], batch_size=2), scale=0.3)


def variant(name: str, **changes: Any) -> configs.Config:
    """A config with other parts; hyperparameters under `hparams`."""
    hparams = changes.pop("hparams", {})
    return narrow(dataclasses.replace(configs.CONFIG_MAP[name], **changes), **hparams)


RESIDUAL = {"residual_encoder": True, "residual_decoder": True, "dec_rnn_size": (12, 12, 14)}
ONE_DRUM = {
    "name": "drums",
    "slice_bars": 2,
    "roll_input": True,
    "roll_output": True,
    "pitch_classes": [[36]],
}
VARIANTS = {
    "residual": variant("cat-mel_2bar_small", hparams={**RESIDUAL, "enc_rnn_size": (20, 20)}),
    "unidirectional": variant("cat-mel_2bar_small", encoder={"name": "lstm"}),
    "unidirectional residual": variant(
        "cat-mel_2bar_small", encoder={"name": "lstm"}, hparams={**RESIDUAL, "enc_rnn_size": (20, 20)}
    ),
    "boolean": variant("cat-drums_2bar_small", decoder={"name": "boolean_lstm"}, converter=ONE_DRUM),
    "control preprocessing": variant(
        "cat-mel_2bar_med_chords", decoder={"name": "categorical_lstm", "preprocess_controls": True}
    ),
    "control preprocessing by segment": variant(
        "cat-mel_2bar_med_chords",
        decoder={
            "name": "hierarchical_lstm",
            "core": "categorical_lstm",
            "level_lengths": (4, 8),
            "disable_autoregression": True,
            "preprocess_controls": True,
        },
    ),
    "three levels": variant(
        "cat-drums_2bar_small",
        decoder={"name": "hierarchical_lstm", "core": "categorical_lstm", "level_lengths": (2, 4, 4)},
    ),
    "three levels, the lower conductor not autoregressive": variant(
        "cat-drums_2bar_small",
        decoder={
            "name": "hierarchical_lstm",
            "core": "categorical_lstm",
            "level_lengths": (2, 4, 4),
            "disable_autoregression": (1,),
        },
    ),
    "residual hierarchy of NADEs": variant(
        "nade-drums_2bar_reduced",
        decoder={"name": "hierarchical_lstm", "core": "nade_lstm", "level_lengths": (4, 8)},
        hparams=RESIDUAL,
    ),
    "split and autoregressive": variant(
        "hierdec-trio_16bar",
        decoder={"name": "hierarchical_lstm", "core": "split_lstm", "level_lengths": (3, 4)},
        hparams={"max_seq_len": 12},
    ),
    "split without conductor": variant(
        "flat-trio_16bar", decoder={"name": "split_lstm"}, hparams={"max_seq_len": 32}
    ),
    "re-encoder": variant(
        "hier-mel_16bar",
        encoder={"name": "hierarchical_lstm", "level_lengths": (4, 3)},
        decoder={
            "name": "hierarchical_lstm",
            "core": "categorical_lstm",
            "level_lengths": (3, 4),
            "re_encode": True,
        },
        hparams={"max_seq_len": 12},
    ),
    "re-encoder of three levels": variant(
        "hier-mel_16bar",
        encoder={"name": "hierarchical_lstm", "level_lengths": (3, 2, 2)},
        decoder={
            "name": "hierarchical_lstm",
            "core": "categorical_lstm",
            "level_lengths": (2, 2, 3),
            "re_encode": True,
        },
        hparams={"max_seq_len": 12},
    ),
    "no latent vector": variant("cat-mel_2bar_small", hparams={"z_size": 0}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_parts_that_no_config_uses_are_magentas(name: str) -> None:
    check(VARIANTS[name], scale=0.3)


@pytest.mark.slow
def test_full_size_hierdec_drum_4bar_is_magentas() -> None:
    config = configs.CONFIG_MAP["hierdec-drum_4bar"]
    check(with_hparams(config, batch_size=2, free_bits=1.0, **TEACHER_FORCING), scale=0.06)


@pytest.mark.jax
@pytest.mark.parametrize("clip_mode", ["global_norm", "value"])
def test_optimizer_takes_magentas_steps(clip_mode: str) -> None:
    """Clipping, learning-rate schedule, beta annealing and Adam, over five steps."""
    from keras import ops

    from models.training import trainer

    grad_clip = 1.0 if clip_mode == "global_norm" else 0.01
    config = narrow(
        configs.CONFIG_MAP["cat-drums_2bar_small"], clip_mode=clip_mode, grad_clip=grad_clip,
        beta_rate=0.5, learning_rate=0.01, decay_rate=0.5, min_learning_rate=0.001,
    )  # fmt: skip
    model = families.build_model(config)
    arrays = random_weights(model, 0.3)
    rng = np.random.default_rng(3)
    arrays["inputs"] = rng.choice([0, 0, 1, 2, 4, 5], (5, 6, 32))
    arrays["noise"] = rng.standard_normal((5, 6, 10)).astype(np.float32)
    reference = run_magenta("train_steps", config, arrays)
    trainer.compile_model(model)
    losses = []
    for tokens, noise in zip(arrays["inputs"], arrays["noise"], strict=True):
        batch = {"inputs": tokens.astype(np.int32), "lengths": np.full(6, 32, np.int32), "noise": noise}
        history = model.fit(((b,) for b in [batch]), steps_per_epoch=1, verbose=0, shuffle=False).history
        losses.append(history["loss"][-1])
    np.testing.assert_allclose(losses, reference["losses"], rtol=1e-4)
    for name, variable in model.named_weights().items():
        before = arrays[f"weight:{name}"]
        ours, theirs = ops.convert_to_numpy(variable) - before, reference[f"weight:{name}"] - before
        assert relative_error(ours, theirs) < 5e-3

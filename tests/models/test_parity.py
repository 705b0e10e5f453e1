"""The models against Magenta's own graph: same weights, same inputs, same numbers."""

import dataclasses

import numpy as np
import pytest

import configs
from tests.reference import magenta_is_installed, run_magenta

pytestmark = [
    pytest.mark.reference,
    pytest.mark.skipif(not magenta_is_installed(), reason="magenta is not installed (make test installs it)"),
]

SMALL = {"enc_rnn_size": (24, 20), "dec_rnn_size": (16, 12), "z_size": 10, "batch_size": 6}
TEACHER_FORCING = {"sampling_schedule": "constant", "sampling_rate": 0.0}
NAMES = ("hierdec-drum_4bar", "hierdec-drum_4bar_v2", "hierdec-drum_4bar-no_ar", "cat-drums_2bar_small")


def with_hparams(name: str, **changes: object) -> configs.Config:
    config = configs.CONFIG_MAP[name]
    return dataclasses.replace(config, hparams=dataclasses.replace(config.hparams, **changes))


def arrays_for(model: object, config: configs.Config, scale: float, seed: int = 0) -> dict[str, np.ndarray]:
    """Random weights, large enough that every part matters, and random inputs."""
    rng = np.random.default_rng(seed)
    h = config.hparams
    arrays = {}
    for name, variable in model.named_weights().items():
        value = (scale * rng.standard_normal(variable.shape)).astype(np.float32)
        variable.assign(value)
        arrays[f"weight:{name}"] = value
    # Few different tokens, and silence among them, as in real beats.
    arrays["tokens"] = rng.choice([0, 0, 1, 2, 4, 5, 6, 257, 511], (h.batch_size, h.max_seq_len))
    lengths = np.full(h.batch_size, h.max_seq_len)
    if config.decoder["name"] == "categorical_lstm":
        lengths[:4] = (1, h.max_seq_len // 2, h.max_seq_len - 1, 7)
    elif h.batch_size > 1:
        lengths[1] = 0  # the hierarchy of the original takes whole sequences and empty ones
    arrays["lengths"] = lengths
    arrays["noise"] = rng.standard_normal((h.batch_size, h.z_size)).astype(np.float32)
    return arrays


def our_numbers(model: object, arrays: dict[str, np.ndarray], step: int) -> dict[str, np.ndarray]:
    """The same quantities from our model, gradients included, on the backend that runs."""
    import keras
    from keras import ops

    batch = {name: arrays[name].astype(np.int32) for name in ("tokens", "lengths")} | {
        "noise": arrays["noise"]
    }
    beta = configs_beta(model, step)

    def total(outputs: dict) -> object:
        return model.total_loss(outputs["reconstruction"], outputs["kl"], beta)

    if keras.backend.backend() == "jax":
        import jax

        others = [v.value for v in model.non_trainable_variables]

        def loss(values: list) -> tuple:
            outputs, _ = model.stateless_call(values, others, batch, training=False)
            return total(outputs), outputs

        values = [v.value for v in model.trainable_variables]
        (value, outputs), gradients = jax.jit(jax.value_and_grad(loss, has_aux=True))(values)
    else:
        import tensorflow as tf

        @tf.function
        def run(batch: dict) -> tuple:
            with tf.GradientTape() as tape:
                outputs = model(batch, training=False)
                value = total(outputs)
            return value, outputs, tape.gradient(value, [v.value for v in model.trainable_variables])

        value, outputs, gradients = run({name: tf.constant(x) for name, x in batch.items()})
    by_variable = {id(v): g for v, g in zip(model.trainable_variables, gradients, strict=True)}
    numbers = {n: ops.convert_to_numpy(outputs[n]) for n in ("mu", "sigma", "logits", "reconstruction", "kl")}
    numbers["loss"] = ops.convert_to_numpy(value)
    for name, variable in model.named_weights().items():
        numbers[f"gradient:{name}"] = ops.convert_to_numpy(by_variable[id(variable)])
    squares = [
        np.sum(np.square(g, dtype=np.float64)) for n, g in numbers.items() if n.startswith("gradient:")
    ]
    numbers["global_norm"] = np.sqrt(sum(squares))
    return numbers


def configs_beta(model: object, step: int) -> float:
    h = model.hparams
    return (1.0 - h.beta_rate**step) * h.max_beta


def relative_error(ours: np.ndarray, reference: np.ndarray) -> float:
    """Euclidean distance over the reference's length."""
    return float(np.linalg.norm(ours - reference) / max(np.linalg.norm(reference), 1e-12))


def check(config: configs.Config, scale: float) -> None:
    model = config.build_model()
    arrays = arrays_for(model, config, scale)
    z = (
        np.random.default_rng(1)
        .standard_normal((config.hparams.batch_size, config.hparams.z_size))
        .astype(np.float32)
    )
    reference = run_magenta("loss,greedy", config, arrays | {"z": z}, step=3)
    ours = our_numbers(model, arrays, step=3)
    real = np.arange(config.hparams.max_seq_len)[None] < arrays["lengths"][:, None]
    # Behind the end of a sequence the original's loop stops or runs on as the batch demands.
    reference_logits = np.zeros_like(ours["logits"])
    reference_logits[:, : reference["logits"].shape[1]] = reference["logits"]
    assert relative_error(ours["logits"][real], reference_logits[real]) < 1e-4
    names = [n for n in reference if n not in ("logits", "tokens")]
    assert len([n for n in names if n.startswith("gradient:")]) == len(model.trainable_variables)
    errors = {name: relative_error(ours[name], reference[name]) for name in names}
    assert {name: error for name, error in errors.items() if error >= 1e-4} == {}
    assert reference["kl"].max() > config.hparams.free_bits * np.log(2), "the KL term must take part"

    tokens = np.asarray(model.decode(z))
    np.testing.assert_array_equal(tokens, reference["tokens"])
    assert len(np.unique(tokens)) > 3, "greedy decoding must say something"


@pytest.mark.parametrize("name", NAMES)
def test_loss_gradients_and_greedy_decoding_are_magentas(name: str) -> None:
    check(with_hparams(name, **SMALL, **TEACHER_FORCING, free_bits=1.0), scale=0.3)


@pytest.mark.slow
def test_full_size_hierdec_drum_4bar_is_magentas() -> None:
    check(with_hparams("hierdec-drum_4bar", batch_size=2, **TEACHER_FORCING, free_bits=1.0), scale=0.06)


@pytest.mark.parametrize("clip_mode", ["global_norm", "value"])
def test_optimizer_takes_magentas_steps(clip_mode: str) -> None:
    """Clipping, learning-rate schedule, beta annealing and Adam, over five steps."""
    from keras import ops

    from models import trainer

    grad_clip = 1.0 if clip_mode == "global_norm" else 0.01
    config = with_hparams(
        "cat-drums_2bar_small", **SMALL, **TEACHER_FORCING, clip_mode=clip_mode, grad_clip=grad_clip,
        free_bits=1.0, beta_rate=0.5, learning_rate=0.01, decay_rate=0.5, min_learning_rate=0.001,
    )  # fmt: skip
    model = config.build_model()
    arrays = arrays_for(model, config, 0.3)
    rng = np.random.default_rng(3)
    arrays["tokens"] = rng.choice([0, 0, 1, 2, 4, 5], (5, 6, 32))
    arrays["noise"] = rng.standard_normal((5, 6, 10)).astype(np.float32)
    reference = run_magenta("train_steps", config, arrays)
    trainer.compile_model(model)
    losses = []
    for tokens, noise in zip(arrays["tokens"], arrays["noise"], strict=True):
        batch = {"tokens": tokens.astype(np.int32), "lengths": np.full(6, 32, np.int32), "noise": noise}
        history = model.fit(((b,) for b in [batch]), steps_per_epoch=1, verbose=0, shuffle=False).history
        losses.append(history["loss"][-1])
    np.testing.assert_allclose(losses, reference["losses"], rtol=1e-4)
    for name, variable in model.named_weights().items():
        ours = ops.convert_to_numpy(variable)
        assert (
            relative_error(
                ours - arrays[f"weight:{name}"], reference[f"weight:{name}"] - arrays[f"weight:{name}"]
            )
            < 5e-3
        )

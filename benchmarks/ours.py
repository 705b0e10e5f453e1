"""One measurement of this project in a process of its own: `python -m benchmarks.ours TASK CONFIG BATCH REPEATS`.

TASK is one of `TASKS`. Prints one JSON object. The backend is that of KERAS_BACKEND.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import configs
from models import families
from models.layers import startup


def chosen_config(text: str) -> configs.Config:
    """The config of `NAME` or `NAME:hparams`, such as `hierdec-mel_16bar:enc_rnn_size=[512,512]`."""
    name, _, hparams = text.partition(":")
    return configs.config_with_overrides(name, hparams)


def random_examples(config: configs.Config, batch: int, seed: int = 0) -> dict[str, np.ndarray]:
    """A random batch of full length in the config's forms; its values do not matter for time."""
    if config.family == "frame_model":
        return random_frames(config, batch, seed)
    from benchmarks.random_batches import for_our_model, random_batch, with_hparams

    arrays = for_our_model(random_batch(with_hparams(config, batch_size=batch), seed))
    arrays["lengths"] = np.full(batch, config.hparams.max_seq_len, np.int32)
    del arrays["noise"]
    return arrays


def random_frames(config: configs.Config, batch: int, seed: int = 0) -> dict[str, np.ndarray]:
    """A random batch of a model of keys without velocities, 2.6 keys a frame."""
    shape = (batch, config.hparams.max_seq_len, config.decoder.get("depth", 88))
    keys = (np.random.default_rng(seed).random(shape) < 0.03).astype(np.float32)
    lengths = np.full(batch, shape[1], np.int32)
    return {
        "keys": keys,
        "before": np.zeros_like(keys[:, 0]),
        "lengths": lengths,
        "position": np.zeros_like(lengths),
    }


def seconds_of(run: Callable[[], Any], repeats: int) -> list[float]:
    """Seconds of each of some calls, after one that compiles and warms up."""
    run()
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - began)
    return seconds


def train_step(config: configs.Config, batch: int, repeats: int) -> dict[str, Any]:
    """Seconds of each training step after the first, scheduled sampling included, and of the first."""
    startup.import_keras()
    import keras

    from models.training import trainer

    model = families.build_model(config)
    trainer.compile_model(model)
    example = random_examples(config, batch)
    seconds: list[float] = []

    class Clock(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            self.began = time.perf_counter()

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            seconds.append(time.perf_counter() - self.began)

    batches = ((example,) for _ in range(repeats + 1))
    model.fit(batches, steps_per_epoch=repeats + 1, verbose=0, shuffle=False, callbacks=[Clock()])
    return {"first": seconds[0], "seconds": seconds[1:]}


def sample(config: configs.Config, batch: int, repeats: int) -> dict[str, Any]:
    """Seconds to decode `batch` latent vectors: NumPy, and the Keras model compiled by its backend."""
    from models.numpy_engine import decoding as numpy_model

    startup.import_keras()
    import keras

    model = families.build_model(config)
    weights = {name: np.asarray(v) for name, v in model.named_weights().items()}
    rng = np.random.default_rng(0)
    z = rng.standard_normal((batch, config.hparams.z_size)).astype(np.float32)
    steps = config.hparams.max_seq_len
    uniforms = rng.random((batch, steps, model.decoder.distribution.uniforms), dtype=np.float32)
    depths = tuple(config.build_converter().output_depths)
    if keras.backend.backend() == "jax":
        import jax

        compiled = jax.jit(lambda z, u: model.decode(z, u))
    else:
        import tensorflow as tf

        compiled = tf.function(lambda z, u: model.decode(z, u), jit_compile=True)
    runs = {
        "compiled": lambda: np.asarray(compiled(z, uniforms)),
        "numpy": lambda: numpy_model.decode(weights, config.decoder, depths, z, steps, uniforms),
    }
    result: dict[str, Any] = {}
    for name, run in runs.items():
        result[name] = seconds_of(run, repeats)
    return result


def play(config: configs.Config, pieces: int, frames: int) -> dict[str, Any]:
    """Seconds to draw `pieces` pieces of `frames` frames with a piano model, and of a short call that compiles first."""
    startup.import_keras()
    from models.piano.trained import FRAMES_A_CALL, TrainedFrameModel

    weights = {name: np.asarray(v) for name, v in families.build_model(config).named_weights().items()}
    model = TrainedFrameModel(config, weights)
    began = time.perf_counter()
    model.play(pieces, min(FRAMES_A_CALL, frames))
    first = time.perf_counter() - began
    began = time.perf_counter()
    model.play(pieces, frames, seed=1)
    return {"first": first, "seconds": [time.perf_counter() - began]}


def matrix_product(config: configs.Config, batch: int, repeats: int) -> dict[str, Any]:
    """GFLOP/s of a float32 product of two 2048 x 2048 matrices on the backend."""
    startup.import_keras()
    import keras

    a = np.random.default_rng(0).standard_normal((2048, 2048)).astype(np.float32)
    if keras.backend.backend() == "jax":
        import jax

        product = jax.jit(lambda a: a @ a)
        run = lambda: product(a).block_until_ready()  # noqa: E731
    else:
        import tensorflow as tf

        product, a = tf.function(lambda a: a @ a, jit_compile=True), tf.constant(a)
        run = lambda: product(a).numpy()  # noqa: E731
    return {"gflops": 2 * 2048**3 / np.median(seconds_of(run, repeats)) / 1e9}


def examples(config: configs.Config, batch: int, repeats: int) -> dict[str, Any]:
    """Seconds from the NoteSequence TFRecord on standard input's path to examples, one process."""
    from preprocess.dataset import load_examples

    path = sys.stdin.readline().strip()
    converter = config.build_converter()
    began = time.perf_counter()
    found = load_examples(path, converter, config.converter_spec, config.hparams.max_seq_len)
    return {"seconds": [time.perf_counter() - began], "examples": len(found)}


def untrained_checkpoint(config: configs.Config, batch: int, repeats: int) -> dict[str, Any]:
    """Write a TensorFlow 1 checkpoint of fresh weights to the prefix on standard input."""
    from models.formats import magenta_tf1

    weights = families.build_model(config).named_weights()
    prefix = Path(sys.stdin.readline().strip())
    magenta_tf1.write(prefix, {name: np.asarray(value) for name, value in weights.items()})
    return {"prefix": str(prefix)}


TASKS: dict[str, Callable[[configs.Config, int, int], dict[str, Any]]] = {
    task.__name__: task for task in (train_step, sample, play, matrix_product, examples, untrained_checkpoint)
}


if __name__ == "__main__":
    task, name, batch, repeats = sys.argv[1:5]
    print(json.dumps(TASKS[task](chosen_config(name), int(batch), int(repeats))))

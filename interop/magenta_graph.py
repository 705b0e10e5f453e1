"""Tasks on Magenta's own graph, in a process with TF_USE_LEGACY_KERAS=1: `python -m interop.magenta_graph`.

It reads names of folders from standard input, one a line, and answers each with a status, 0 for success. A folder
holds `request.json` (task, config, options) and `in.npz`; the result goes to `out.npz`, and what is printed to
`log.txt`. What a task must know and Magenta draws at random (the latent noise, greedy instead of sampled tokens) is
patched in, and so that no patch outlives its task, each task runs in a fork of this process.

Lengths that the original takes: a flat decoder any from 0 to max_seq_len; a hierarchical decoder under a flat
encoder (all three `hierdec-drum_4bar`) only 0 and max_seq_len, else it stops with an assertion. Its lengths by
segment `[batch, segments]` need a hierarchical encoder, since a flat one takes a vector.
"""

import json
import os
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

import numpy as np

warnings.simplefilter("ignore")

import tensorflow.compat.v1 as tf  # noqa: E402
from magenta.models.music_vae import base_model, lstm_models  # noqa: E402
from tensorflow.core.protobuf import rewriter_config_pb2  # noqa: E402

from configs import Config  # noqa: E402
from interop.magenta_configs import magenta_config  # noqa: E402

tf.disable_v2_behavior()
tf.logging.set_verbosity(tf.logging.ERROR)

Arrays = dict[str, np.ndarray]


def _dense(config: Config, arrays: Arrays) -> tuple[np.ndarray, ...]:
    """The original's input, output and control tensors of a batch of compact ones."""
    from preprocess.converters.base import Example

    converter = config.build_converter()
    inputs = arrays["inputs"]
    outputs, controls = arrays.get("outputs", inputs), arrays.get("controls")
    tensors = [
        converter.to_dense(
            Example(inputs[i], outputs[i], None if controls is None else controls[i], len(inputs[i]))
        )
        for i in range(len(inputs))
    ]
    return tuple(np.stack(parts).astype(np.float32) for parts in zip(*tensors, strict=True))


def _assign(session: Any, arrays: Arrays) -> None:
    """Give the graph's variables the values `weight:NAME`; every variable must be among them."""
    for variable in tf.trainable_variables():
        variable.load(arrays[f"weight:{variable.op.name}"], session)


def _fix_latent_noise(noise: Any) -> None:
    base_model.ds.MultivariateNormalDiag.sample = lambda self, *a, **k: self.mean() + self.stddev() * noise


def _collect_parameters() -> list:
    """What the decoder's LSTM says at each step, call by call."""
    collected: list = []
    original = lstm_models.BaseLstmDecoder.reconstruction_loss

    def reconstruction_loss(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        collected.append(result[2].rnn_output)
        return result

    lstm_models.BaseLstmDecoder.reconstruction_loss = reconstruction_loss
    return collected


def _without_length_check() -> None:
    """A split decoder asserts that all sequences have their full length; its losses and states don't need that."""

    def merge(self: Any, results: Any) -> Any:
        states = [result.final_state for result in results]
        together = tf.nest.map_structure(lambda *parts: tf.concat(parts, axis=-1), *states)
        return results[0]._replace(final_state=together)

    lstm_models.SplitMultiOutLstmDecoder._merge_decode_results = merge  # noqa: SLF001


def loss(config: Config, request: dict, arrays: Arrays) -> Arrays:
    """mu, sigma, reconstruction, KL, loss, gradients and perhaps the decoder's parameters, teacher-forced."""
    reference = magenta_config(config)
    inputs, outputs, controls = _dense(config, arrays)
    has_z = config.hparams.z_size > 0
    model = reference.model
    model.build(reference.hparams, outputs.shape[-1], is_training=True)
    if has_z:
        _fix_latent_noise(tf.constant(arrays["noise"]))
    parameters = _collect_parameters()
    _without_length_check()
    losses: dict = {}
    original = model.decoder.reconstruction_loss

    def reconstruction_loss(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        losses["reconstruction"] = result[0]
        return result

    model.decoder.reconstruction_loss = reconstruction_loss
    lengths = tf.constant(arrays["lengths"].astype(np.int32))
    conditions = tf.constant(controls) if controls.shape[-1] else None
    optimizer = model.train(tf.constant(inputs), tf.constant(outputs), lengths, conditions)
    gradients = {v.op.name: g for g, v in optimizer.compute_gradients(model.loss)}
    fetches = {"loss": model.loss, "global_norm": tf.global_norm(list(gradients.values())), **losses}
    fetches |= {f"gradient:{name}": g for name, g in gradients.items()}
    if request.get("fetch_parameters"):
        fetches["parameters"] = tf.concat(parameters, axis=1)
    if has_z:
        with tf.variable_scope("", reuse=True):
            posterior = model.encode(tf.constant(inputs), lengths, conditions)
        prior = base_model.ds.MultivariateNormalDiag(
            tf.zeros([config.hparams.z_size]), tf.ones([config.hparams.z_size])
        )
        kl = base_model.ds.kl_divergence(posterior, prior)
        fetches |= {"mu": posterior.mean(), "sigma": posterior.stddev(), "kl": kl}
    with _session() as session:
        session.run(tf.global_variables_initializer())
        _assign(session, arrays)
        model.global_step.load(request.get("step", 0), session)
        return session.run(fetches)


def _session() -> Any:
    """TensorFlow 2.21 fuses a product over no values with the bias behind it and loses the bias (z_size 0)."""
    options = tf.ConfigProto()
    options.graph_options.rewrite_options.remapping = rewriter_config_pb2.RewriterConfig.OFF
    return tf.Session(config=options)


def _draw_the_likeliest() -> None:
    def one_hot(logits: Any) -> Any:
        return tf.one_hot(tf.argmax(logits, axis=-1), logits.shape[-1])

    def multiple(self: Any, logits: Any, temperature: float = 1.0) -> Any:
        return tf.concat([one_hot(x) for x in tf.split(logits, self._output_depths, axis=-1)], axis=-1)

    def groove(self: Any, output: Any, temperature: float = 1.0) -> Any:
        hits, velocities, offsets = tf.split(output, 3, axis=1)
        return tf.concat([tf.to_float(hits >= 0), tf.sigmoid(velocities), tf.tanh(offsets)], axis=1)

    nade = lstm_models.MultiLabelRnnNadeDecoder._sample  # noqa: SLF001
    lstm_models.CategoricalLstmDecoder._sample = lambda self, logits, temperature=1.0: one_hot(logits)  # noqa: SLF001
    lstm_models.MultiOutCategoricalLstmDecoder._sample = multiple  # noqa: SLF001
    lstm_models.BooleanLstmDecoder._sample = lambda self, logits, temperature=1.0: tf.to_float(logits >= 0)  # noqa: SLF001
    lstm_models.GrooveLstmDecoder._sample = groove  # noqa: SLF001
    lstm_models.MultiLabelRnnNadeDecoder._sample = lambda self, output, temperature=None: nade(self, output)  # noqa: SLF001


def greedy(config: Config, request: dict, arrays: Arrays) -> Arrays:
    """The likeliest values for latent vectors `z`, as the original's dense tensor, under `sample_controls`."""
    reference = magenta_config(config)
    _draw_the_likeliest()
    _without_length_check()
    depth = config.build_converter().output_depth
    reference.model.build(reference.hparams, depth, is_training=False)
    z = tf.constant(arrays["z"]) if config.hparams.z_size else None
    controls = tf.constant(arrays["sample_controls"]) if "sample_controls" in arrays else None
    length = config.hparams.max_seq_len
    samples, _ = reference.model.sample(
        len(arrays["z"]), max_length=length, z=z, c_input=controls, temperature=1.0
    )
    with _session() as session:
        session.run(tf.global_variables_initializer())
        _assign(session, arrays)
        return {"samples": session.run(samples)}


def train_steps(config: Config, request: dict, arrays: Arrays) -> Arrays:
    """Losses and weights of the original's optimizer over batches `inputs` `[steps, batch, time]` with `noise`.

    With `outputs` and `controls` where the config has them.
    """
    reference = magenta_config(config)
    names = [name for name in ("inputs", "outputs", "controls") if name in arrays]
    dense = [_dense(config, {name: arrays[name][i] for name in names}) for i in range(len(arrays["inputs"]))]
    inputs = tf.placeholder(tf.float32, dense[0][0].shape)
    outputs = tf.placeholder(tf.float32, dense[0][1].shape)
    controls = tf.placeholder(tf.float32, dense[0][2].shape) if dense[0][2].shape[-1] else None
    noise = tf.placeholder(tf.float32, arrays["noise"].shape[1:])
    model = reference.model
    model.build(reference.hparams, dense[0][1].shape[-1], is_training=True)
    if request.get("fixed_noise", True):
        _fix_latent_noise(noise)
    lengths = tf.fill([inputs.shape[0]], config.hparams.max_seq_len)
    _without_length_check()
    optimizer = model.train(inputs, outputs, lengths, controls)
    gradients, variables = zip(*optimizer.compute_gradients(model.loss), strict=True)
    clipped = _clip(reference.hparams, gradients)
    step = optimizer.apply_gradients(zip(clipped, variables, strict=True), global_step=model.global_step)
    losses, seconds = [], []
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        if request.get("assign", True):
            _assign(session, arrays)
        for i, (x, y, c) in enumerate(dense):
            began = time.perf_counter()
            feed = {inputs: x, outputs: y, noise: arrays["noise"][i]}
            if controls is not None:
                feed[controls] = c
            losses.append(session.run([model.loss, step], feed)[0])
            seconds.append(time.perf_counter() - began)
        weights = session.run({f"weight:{v.op.name}": v for v in tf.trainable_variables()})
    return {"losses": np.array(losses), "seconds": np.array(seconds), **weights}


def _clip(hparams: Any, gradients: Any) -> Any:
    """The clipping of Magenta's `music_vae_train.train`, which can't be called without its input pipeline."""
    if hparams.clip_mode == "value":
        return [tf.clip_by_value(g, -hparams.grad_clip, hparams.grad_clip) for g in gradients]
    norm = tf.global_norm(gradients)
    return tf.cond(
        norm < hparams.grad_norm_clip_to_zero,
        lambda: tf.clip_by_global_norm(gradients, hparams.grad_clip, use_norm=norm)[0],
        lambda: [tf.zeros(tf.shape(g)) for g in gradients],
    )


def sample_checkpoint(config: Config, request: dict, arrays: Arrays) -> Arrays:
    """Samples of the original's own TrainedModel from a checkpoint, and the seconds that each call took."""
    from magenta.models.music_vae import TrainedModel

    began = time.perf_counter()
    n = request["n"]
    model = TrainedModel(magenta_config(config), batch_size=n, checkpoint_dir_or_path=request["checkpoint"])
    seconds = [time.perf_counter() - began]
    rolls = []
    for _ in range(request.get("repeats", 1)):
        began = time.perf_counter()
        z = np.random.default_rng(0).standard_normal((n, config.hparams.z_size)).astype(np.float32)
        samples = model.decode_to_tensors(z, config.hparams.max_seq_len, request.get("temperature", 1.0))
        seconds.append(time.perf_counter() - began)
        rolls = samples
    return {"samples": np.stack(rolls), "seconds": np.array(seconds)}


def save_checkpoint(config: Config, request: dict, arrays: Arrays) -> Arrays:
    """Take one step from fresh weights, or from those of `resume`, and save with the original's Saver.

    Adam slots and the global step are saved beside the weights, which are returned.
    """
    reference = magenta_config(config)
    batch, steps = config.hparams.batch_size, config.hparams.max_seq_len
    inputs, outputs, _ = _dense(config, {"inputs": np.zeros((batch, steps), np.int64)})
    reference.model.build(reference.hparams, outputs.shape[-1], is_training=True)
    optimizer = reference.model.train(tf.constant(inputs), tf.constant(outputs), tf.fill([batch], steps))
    step = optimizer.minimize(reference.model.loss, global_step=reference.model.global_step)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        if "resume" in request:
            tf.train.Saver().restore(session, request["resume"])
        session.run(step)
        tf.train.Saver().save(session, request["checkpoint"], global_step=reference.model.global_step)
        return session.run({v.op.name: v for v in tf.trainable_variables()})


TASKS = {f.__name__: f for f in (loss, greedy, train_steps, sample_checkpoint, save_checkpoint)}


def main(folder: Path) -> None:
    """Run the task of a folder."""
    request = json.loads((folder / "request.json").read_text())
    with np.load(folder / "in.npz") as file:
        arrays = {name: file[name] for name in file.files}
    result: Arrays = {}
    for task in request["task"].split(","):
        with tf.Graph().as_default():
            tf.set_random_seed(0)
            result |= TASKS[task](Config.from_json(request["config"]), request, arrays)
    np.savez(folder / "out.npz", **result)  # type: ignore[arg-type]


def serve() -> None:
    """Run the tasks of the folders named on standard input, each in a fork."""
    for line in sys.stdin:
        folder = Path(line.rstrip("\n"))
        child = os.fork()
        if child == 0:
            status = 1
            try:
                log = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT)
                os.dup2(log, 1)
                os.dup2(log, 2)
                main(folder)
                status = 0
            except Exception:
                traceback.print_exc()
                sys.stderr.flush()
            finally:
                os._exit(status)
        _, state = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(state), flush=True)


if __name__ == "__main__":
    serve()

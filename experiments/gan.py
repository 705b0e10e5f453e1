"""A GAN trained on songs suffers mode collapse; minibatch discrimination is tried as the remedy.

A generator makes songs from noise, and a discriminator learns to tell them from real songs. In the original
(MusicGeneration) the generator soon produced nearly the same song for any noise: the discriminator judges every song
separately, so it cannot see that all of them are alike. With minibatch discrimination (Salimans et al. 2016,
arXiv:1606.03498, here together with the label smoothing from the same paper) the discriminator also sees how close each
song is to the others in its batch. This experiment trains a GAN without it and one with it. See how many different
songs the samples resemble, and how much two samples differ, compared with two real songs.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common import flags
from experiments.descent import positive_flag, train
from experiments.likeness import differences, mean_difference
from experiments.outcome import Finding, Outcome
from experiments.tunes import Songs, load_songs
from patterns.melody import FRAMES, KEYS

SIZE = FRAMES * len(KEYS)
NOISE = 100
UNITS = 64
KERNELS, KERNEL_SIZE = 32, 8
"""Minibatch discrimination: the number of closeness measures, and the size of the vectors that each compares."""
KERNEL_DEVIATION = 0.1
"""Standard deviation of the initial weights of minibatch discrimination."""
SMOOTH = 0.9
"""Target for real songs with minibatch discrimination (label smoothing, from the same paper). With a target of 1 the
discriminator soon becomes too confident to give a useful gradient."""
DENSITY = 0.1
"""The untrained generator's mean output. From 1/2, as in the original, the discriminator first drives the generator
to all keys or none, where its sigmoids saturate."""
STRUCK_ABOVE = 0.5
"""Outputs above this count as struck keys (original: 0.1)."""
SAMPLES = 256
NAMES = ("without minibatch discrimination", "with minibatch discrimination")
CHECKS = 20
"""How many times the samples' variety is measured during training."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--steps",
        type=flags.COUNT_OR_NONE,
        default=3000,
        help="training steps for each GAN (default: 3000; the original took about 7762)",
    )
    parser.add_argument(
        "--batch_size",
        type=flags.integer(0, 65_536),
        default=64,
        help="songs per batch, all different (default: 64)",
    )


def make_gan(minibatch: bool, seed: int) -> Any:
    """A Keras model that takes `{"songs": [n, 1664], "noise": [m, 100]}` and returns its loss `[1]`.

    Its method `generate` turns noise into songs, with values from 0 to 1.

    Args:
        minibatch: whether the discriminator uses minibatch discrimination.
        seed: random seed for the initial weights.
    """
    from models.layers import startup

    startup.import_keras()
    import keras
    from keras import ops

    from models.layers.backend import set_seed

    smooth = SMOOTH if minibatch else 1.0

    def nearness(features: Any, tensor: Any) -> Any:
        """Closeness of each example to the others in its batch: sums of exp(-L1 distance), `[n, KERNELS]`."""
        kernels = ops.reshape(ops.matmul(features, tensor), (-1, KERNELS, KERNEL_SIZE))
        apart = ops.sum(ops.abs(kernels[:, None] - kernels[None]), -1)
        return ops.sum(ops.exp(-apart), 1) - 1  # minus the example's closeness to itself

    class GAN(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            judged = UNITS + (KERNELS if minibatch else 0)
            self.generator = self._weights(NOISE, UNITS) + self._weights(UNITS, SIZE)
            self.generator[-1].assign(np.full(SIZE, np.log(DENSITY / (1 - DENSITY))))
            self.discriminator = self._weights(SIZE, UNITS) + self._weights(judged, 1)
            if minibatch:
                # Small enough that distances between real songs are about 1, where exp(-distance) has a gradient.
                small = keras.initializers.RandomNormal(stddev=KERNEL_DEVIATION)
                shape = (UNITS, KERNELS * KERNEL_SIZE)
                self.discriminator.append(self.add_weight(shape=shape, initializer=small))

        def _weights(self, inputs: int, outputs: int) -> list[Any]:
            normal = keras.initializers.RandomNormal(stddev=(inputs / 2) ** -0.5)
            kernel = self.add_weight(shape=(inputs, outputs), initializer=normal)
            return [kernel, self.add_weight(shape=(outputs,), initializer="zeros")]

        def generate(self, noise: Any) -> Any:
            """Songs `[m, 1664]` made from noise `[m, 100]`."""
            kernel, bias, kernel_2, bias_2 = self.generator
            hidden = ops.relu(ops.matmul(noise, kernel) + bias)
            return ops.sigmoid(ops.matmul(hidden, kernel_2) + bias_2)

        def judge(self, songs: Any, weights: Sequence[Any]) -> Any:
            """The discriminator's logits for songs `[n, 1664]` being real, `[n, 1]`, computed with given weights."""
            kernel, bias, kernel_2, bias_2, *tensor = weights
            features = ops.relu(ops.matmul(songs, kernel) + bias)
            if tensor:
                features = ops.concatenate([features, nearness(features, tensor[0])], -1)
            return ops.matmul(features, kernel_2) + bias_2

        def call(self, batch: dict[str, Any]) -> Any:
            """The sum of both losses; gradients are stopped so that each part learns only from its own loss."""
            made = self.generate(batch["noise"])
            fixed = [ops.stop_gradient(ops.convert_to_tensor(weight)) for weight in self.discriminator]
            # -log D(x) is softplus(-logit), and -log(1 - D(x)) is softplus(logit).
            logits = self.judge(batch["songs"], self.discriminator)
            real = ops.mean(smooth * ops.softplus(-logits) + (1 - smooth) * ops.softplus(logits))
            false = ops.mean(ops.softplus(self.judge(ops.stop_gradient(made), self.discriminator)))
            fooled = ops.mean(ops.softplus(-self.judge(made, fixed)))
            return ops.reshape(real + false + fooled, (1,))

    set_seed(seed)
    return GAN()


def draw_noise(size: int, rng: np.random.Generator) -> np.ndarray:
    """Input of the generator: uniform from -1 to 1, float32 `[size, 100]`."""
    return rng.uniform(-1, 1, (size, NOISE)).astype(np.float32)


def variety(rolls: np.ndarray, songs: np.ndarray) -> dict[str, float]:
    """Measure the variety of binary rolls `[n, 1664]` and how close they come to the songs `[m, 1664]`.

    Returns:
        `nearest`: how many different songs are the nearest song of some roll; `most`: the fraction of rolls whose
        nearest song is the most common one; `differ`: mean number of cells in which two rolls differ; `distance`:
        mean number of cells in which a roll differs from its nearest song.
    """
    apart = differences(rolls, songs)
    counts = np.bincount(apart.argmin(1))
    return {
        "nearest": int((counts > 0).sum()),
        "most": float(counts.max() / len(rolls)),
        "differ": mean_difference(rolls),
        "distance": float(apart.min(1).mean()),
    }


def learn(songs: np.ndarray, minibatch: bool, args: argparse.Namespace) -> tuple[np.ndarray, list[dict]]:
    """Train a GAN; returns its final samples `[SAMPLES, 1664]`, from 0 to 1, and their variety at each check."""
    gan = make_gan(minibatch, args.seed)
    from keras import ops  # after make_gan, which imports Keras without its log messages

    real = songs.reshape(len(songs), SIZE).astype(np.float32)
    rng = np.random.default_rng(args.seed)
    noise = draw_noise(SAMPLES, rng)
    size = min(args.batch_size, len(songs))

    def draw() -> tuple[Any, np.ndarray]:
        chosen = rng.choice(len(real), size, replace=False)
        return {"songs": real[chosen], "noise": draw_noise(size, rng)}, np.zeros(1, np.float32)

    varieties = []
    checks = min(CHECKS, args.steps)
    for i in range(checks):
        steps = args.steps * (i + 1) // checks - args.steps * i // checks
        name = f"{'with' if minibatch else 'without'} minibatch discrimination, {i + 1} of {checks}"
        train(gan, lambda _, loss: loss, draw, steps, name)
        samples = ops.convert_to_numpy(gan.generate(noise))
        varieties.append(variety(samples > STRUCK_ABOVE, real))
    return samples, varieties


def run(args: argparse.Namespace, folder: Path) -> Outcome:
    """Train a GAN without minibatch discrimination and one with it."""
    positive_flag(args, "steps", "batch_size")
    songs = load_songs(args.songs)
    # Three of the original's songs are silent, and a generator would collapse to silence before anything else.
    sounding = songs.versions[songs.versions.any((1, 2))]
    real = sounding.reshape(len(sounding), SIZE)
    of_songs = variety(real, real)
    samples, varieties = {}, {}
    for name, minibatch in zip(NAMES, (False, True), strict=True):
        samples[name], varieties[name] = learn(sounding, minibatch, args)
    rows = []
    for name, course in varieties.items():
        last = course[-1]
        as_original = name == NAMES[0]
        rows += [
            (
                f"{name}: different songs nearest to {SAMPLES} samples",
                "about 1" if as_original else "",
                str(last["nearest"]),
            ),
            (f"{name}: samples nearest to the most common one", "", f"{last['most']:.0%}"),
            (f"{name}: cells in which two samples differ", "", f"{last['differ']:.1f}"),
            (
                f"{name}: cells in which a sample differs from the nearest song",
                "",
                f"{last['distance']:.1f}",
            ),
            (
                f"{name}: outputs below 0.1 or above 0.9",
                "nearly all" if as_original else "",
                f"{decided(samples[name]):.1%}",
            ),
        ]
    rows.append(("different songs in the training data", "", str(of_songs["nearest"])))
    rows.append(("cells in which two songs differ", "", f"{of_songs['differ']:.1f}"))
    draw(folder, songs, samples, varieties, of_songs, args.steps)
    return Outcome(
        title="A GAN on songs and its mode collapse",
        said="A plain GAN converged quickly to about one of the songs and stayed there, with outputs close to 0 or 1. "
        "The author mentions minibatch discrimination as a possible remedy.",
        findings=tuple(Finding(*row) for row in rows),
        verdict=verdict({name: course[-1] for name, course in varieties.items()}, of_songs),
        pictures=(
            ("samples.png", "A song, and three samples from each GAN for different noise"),
            ("nearest.png", f"Number of different songs that are nearest to any of {SAMPLES} samples"),
            (
                "differ.png",
                f"Mean number of cells, out of {SIZE}, in which two samples differ; dotted line: two songs",
            ),
        ),
        midi=("without.mid", "with.mid"),
    )


def decided(samples: np.ndarray) -> float:
    """The fraction of outputs that are close to 0 or 1."""
    return float(((samples < 0.1) | (samples > 0.9)).mean())


def verdict(last: dict[str, dict[str, float]], of_songs: dict[str, float]) -> str:
    """A summary that compares the variety of each GAN's final samples with that of the songs."""
    sentences = []
    for name, found in last.items():
        if found["differ"] < of_songs["differ"] / 4:
            end = "collapses"
        elif found["distance"] > of_songs["differ"] / 2:
            end = "produces varied samples, but they stay far from the songs"
        else:
            end = "does not collapse"
        sentences.append(
            f"{name.capitalize()} the GAN {end}: its samples are nearest to {found['nearest']:.0f} of "
            f"{of_songs['nearest']:.0f} songs ({found['most']:.0%} of them to the same one), they differ from the "
            f"nearest song in {found['distance']:.0f} cells on average, and two samples differ in "
            f"{found['differ']:.0f} cells, compared with {of_songs['differ']:.0f} for two songs."
        )
    return " ".join(sentences)


def draw(
    folder: Path,
    songs: Songs,
    samples: dict[str, np.ndarray],
    varieties: dict[str, list[dict[str, float]]],
    of_songs: dict[str, float],
    steps: int,
) -> None:
    """Write the pictures and the MIDI files."""
    from experiments import pictures

    rolls: dict[str, np.ndarray] = {songs.name: songs.first}
    for name, made in samples.items():
        for i in range(3):
            rolls[f"{name}, sample {i + 1}"] = made[i].reshape(FRAMES, -1)
        roll = made[0].reshape(FRAMES, -1) > STRUCK_ABOVE
        pictures.save_midi(folder / f"{name.split()[0]}.mid", roll)
    pictures.save_rolls(folder / "samples.png", rolls)
    for what, meaning in (("nearest", "different nearest songs"), ("differ", "cells")):
        courses = {
            name: (
                [steps * (i + 1) / len(course) for i in range(len(course))],
                [found[what] for found in course],
            )
            for name, course in varieties.items()
        }
        marks = {"songs": float(of_songs[what])}
        pictures.save_curves(folder / f"{what}.png", courses, meaning, marks=marks)

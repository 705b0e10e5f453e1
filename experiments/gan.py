"""A GAN on songs: the generator ends at one song, whatever noise it gets; minibatch discrimination is the remedy.

A generator makes songs from noise, a discriminator tells them from real ones, each learns against the other. In the
seed (001) the generator soon gives nearly the same song for any noise, because the discriminator judges each song for
itself and cannot see that they are all alike. With minibatch discrimination (Salimans et al. 2016, arXiv:1606.03498,
with the smoothed labels of the same paper) it also sees how near the others of the batch are. Look at how many songs
the samples are nearest to, and at how much two samples differ, each beside what holds for the songs.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.descent import positive_flag, train
from experiments.likeness import differences, mean_difference
from experiments.outcome import Finding, Outcome
from experiments.tunes import Songs, load_songs
from patterns.melody import FRAMES, KEYS

SIZE = FRAMES * len(KEYS)
NOISE = 100
UNITS = 64
KERNELS, KERNEL_SIZE = 32, 8
"""Of minibatch discrimination: so many measures of nearness, each of so many values."""
KERNEL_DEVIATION = 0.1
SMOOTH = 0.9
"""With minibatch discrimination, songs shall be judged real with this probability (the same paper), else the
discriminator is soon too sure to teach anything."""
DENSITY = 0.1
"""Of keys, where the generator starts. From 1/2, the seed's, the discriminator first drives it to all keys or to none,
where its sigmoids have no slope."""
STRUCK_ABOVE = 0.5
"""An output counts as a struck key above this (seed: 0.1)."""
SAMPLES = 256
NAMES = ("without minibatch discrimination", "with minibatch discrimination")
CHECKS = 20
"""Times that samples are looked at during training."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of this experiment."""
    parser.add_argument(
        "--steps", type=int, default=3000, help="training steps of each GAN (default: 3000; seed: about 7762)"
    )
    parser.add_argument("--batch_size", type=int, default=64, help="different songs in a batch (default: 64)")


def make_gan(minibatch: bool, seed: int) -> Any:
    """A Keras model that takes `{"songs": [n, 1664], "noise": [m, 100]}` and returns its loss `[1]`.

    Its `generate` gives songs of values from 0 to 1 for noise.

    Args:
        minibatch: whether the discriminator sees how near the songs of a batch are to one another.
        seed: of the initial weights.
    """
    from models import quiet

    quiet.import_keras()
    import keras
    from keras import ops

    from models.backend import set_seed

    smooth = SMOOTH if minibatch else 1.0

    def nearness(features: Any, tensor: Any) -> Any:
        """How near each example is to the others of its batch, `[n, KERNELS]`: sums of exp(-L1 distance)."""
        kernels = ops.reshape(ops.matmul(features, tensor), (-1, KERNELS, KERNEL_SIZE))
        apart = ops.sum(ops.abs(kernels[:, None] - kernels[None]), -1)
        return ops.sum(ops.exp(-apart), 1) - 1  # without itself

    class GAN(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            judged = UNITS + (KERNELS if minibatch else 0)
            self.generator = self._weights(NOISE, UNITS) + self._weights(UNITS, SIZE)
            self.generator[-1].assign(np.full(SIZE, np.log(DENSITY / (1 - DENSITY))))
            self.discriminator = self._weights(SIZE, UNITS) + self._weights(judged, 1)
            if minibatch:
                # Small, so that real songs are at distances of about 1, where exp(-distance) has a slope.
                small = keras.initializers.RandomNormal(stddev=KERNEL_DEVIATION)
                shape = (UNITS, KERNELS * KERNEL_SIZE)
                self.discriminator.append(self.add_weight(shape=shape, initializer=small))

        def _weights(self, inputs: int, outputs: int) -> list[Any]:
            normal = keras.initializers.RandomNormal(stddev=(inputs / 2) ** -0.5)
            kernel = self.add_weight(shape=(inputs, outputs), initializer=normal)
            return [kernel, self.add_weight(shape=(outputs,), initializer="zeros")]

        def generate(self, noise: Any) -> Any:
            """Songs `[m, 1664]` for noise."""
            kernel, bias, kernel_2, bias_2 = self.generator
            hidden = ops.relu(ops.matmul(noise, kernel) + bias)
            return ops.sigmoid(ops.matmul(hidden, kernel_2) + bias_2)

        def judge(self, songs: Any, weights: Sequence[Any]) -> Any:
            """The logits that songs are real, `[n, 1]`, by the discriminator's weights."""
            kernel, bias, kernel_2, bias_2, *tensor = weights
            features = ops.relu(ops.matmul(songs, kernel) + bias)
            if tensor:
                features = ops.concatenate([features, nearness(features, tensor[0])], -1)
            return ops.matmul(features, kernel_2) + bias_2

        def call(self, batch: dict[str, Any]) -> Any:
            """Both losses added up: each part's weights are held fixed where the other one's loss is computed."""
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
    """What the generator makes songs of: uniform from -1 to 1, float32 `[size, 100]`."""
    return rng.uniform(-1, 1, (size, NOISE)).astype(np.float32)


def variety(rolls: np.ndarray, songs: np.ndarray) -> dict[str, float]:
    """How many songs the rolls `[n, 1664]` of 0 and 1 are nearest to, how much two differ, how far songs are.

    Returns:
        `nearest`: different nearest songs; `most`: the share of the rolls at the most frequent one; `differ`: places
        in which two rolls differ, mean over pairs; `distance`: places from the nearest song.
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
    """Train a GAN; the samples at the end, `[SAMPLES, 1664]` from 0 to 1, and their variety at each check."""
    gan = make_gan(minibatch, args.seed)
    from keras import ops  # only now that it has been imported without its notes

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
    # Among the seed's are three silent ones, which a generator finds first of all.
    sounding = songs.versions[songs.versions.any((1, 2))]
    real = sounding.reshape(len(sounding), SIZE)
    of_songs = variety(real, real)
    samples, varieties = {}, {}
    for name, minibatch in zip(NAMES, (False, True), strict=True):
        samples[name], varieties[name] = learn(sounding, minibatch, args)
    rows = []
    for name, course in varieties.items():
        last = course[-1]
        seed = name == NAMES[0]
        rows += [
            (
                f"{name}: songs that {SAMPLES} samples are nearest to",
                "about 1" if seed else "",
                str(last["nearest"]),
            ),
            (f"{name}: share of samples at the most frequent one", "", f"{last['most']:.0%}"),
            (f"{name}: places in which two samples differ", "", f"{last['differ']:.1f}"),
            (
                f"{name}: places in which a sample differs from the nearest song",
                "",
                f"{last['distance']:.1f}",
            ),
            (
                f"{name}: outputs below 0.1 or above 0.9",
                "nearly all" if seed else "",
                f"{decided(samples[name]):.1%}",
            ),
        ]
    rows.append(("different songs", "", str(of_songs["nearest"])))
    rows.append(("places in which two songs differ", "", f"{of_songs['differ']:.1f}"))
    draw(folder, songs, samples, varieties, of_songs, args.steps)
    return Outcome(
        title="A GAN on songs, and its collapse",
        said="A plain GAN on a few dozen songs soon gives about one song, and the others do not throw it out of that "
        "optimum. Its outputs are nearly 0 or 1. The author names minibatch discrimination as the remedy.",
        findings=tuple(Finding(*row) for row in rows),
        verdict=verdict({name: course[-1] for name, course in varieties.items()}, of_songs),
        pictures=(
            ("samples.png", "A song, and samples of each GAN for different noise"),
            ("nearest.png", f"How many different songs {SAMPLES} samples are nearest to"),
            ("differ.png", "Places in which two samples differ, of 1664; dotted: two songs"),
        ),
        midi=("without.mid", "with.mid"),
    )


def decided(samples: np.ndarray) -> float:
    """The share of outputs that are nearly 0 or 1."""
    return float(((samples < 0.1) | (samples > 0.9)).mean())


def verdict(last: dict[str, dict[str, float]], of_songs: dict[str, float]) -> str:
    """What came out: the variety of each GAN's samples at the end beside that of the songs."""
    sentences = []
    for name, found in last.items():
        if found["differ"] < of_songs["differ"] / 4:
            end = "collapses"
        elif found["distance"] > of_songs["differ"] / 2:
            end = "keeps its samples apart, but does not reach songs"
        else:
            end = "does not collapse"
        sentences.append(
            f"{name.capitalize()} the GAN {end}: its samples are nearest to {found['nearest']:.0f} of "
            f"{of_songs['nearest']:.0f} songs, {found['most']:.0%} of them to the same, {found['distance']:.0f} places "
            f"away, and two of them differ in {found['differ']:.0f} places where songs differ in "
            f"{of_songs['differ']:.0f}."
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
    """The pictures and the MIDI files."""
    from experiments import pictures

    rolls: dict[str, np.ndarray] = {songs.name: songs.first}
    for name, made in samples.items():
        for i in range(3):
            rolls[f"{name}, sample {i + 1}"] = made[i].reshape(FRAMES, -1)
        roll = made[0].reshape(FRAMES, -1) > STRUCK_ABOVE
        pictures.save_midi(folder / f"{name.split()[0]}.mid", roll)
    pictures.save_rolls(folder / "samples.png", rolls)
    for what, meaning in (("nearest", "different nearest songs"), ("differ", "places")):
        courses = {
            name: (
                [steps * (i + 1) / len(course) for i in range(len(course))],
                [found[what] for found in course],
            )
            for name, course in varieties.items()
        }
        marks = {"songs": float(of_songs[what])}
        pictures.save_curves(folder / f"{what}.png", courses, meaning, marks=marks)

"""An autoencoder-like network is trained to turn any song into any other song, and collapses to a constant.

If songs can be transformed into one another, a network that is given one song and trained to output another, drawn at
random, might discover such a transformation. In the original (MusicGeneration) it did not: the output soon stopped
depending on the input, because without knowing which song is wanted nothing beats a constant guess. See how little
the outputs vary from song to song, and how the network's loss compares with that of the best constant. The original's
large initial weights also leave some outputs stuck at 1; a second network with small initial weights shows how much
of the loss that explains.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from common import flags
from common.errors import InputError
from experiments.descent import mean_of_last, positive_flag, train
from experiments.outcome import Finding, Outcome
from experiments.tunes import load_songs
from patterns.melody import FRAMES, KEYS

SIZE = FRAMES * len(KEYS)
UNITS = (1280, 640, 1280, SIZE)
STUCK_ABOVE = 0.9
ORIGINAL_LOSSES = ((100, "0.8262"), (200, "0.6467"), (400, "0.5559"))
"""The original's losses at these steps."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--steps",
        type=flags.COUNT_OR_NONE,
        default=300,
        help="training steps for each network (default: 300; the original took 10000)",
    )
    parser.add_argument(
        "--batch_size",
        type=flags.integer(0, 65_536),
        default=128,
        help="pairs of songs per training step (default: 128)",
    )
    parser.add_argument(
        "--small",
        type=flags.number(0, 100),
        default=0.03,
        help="standard deviation of the second network's initial weights (default: 0.03); the first one's is 1",
    )


def pairs(songs: np.ndarray, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Input songs and target songs, drawn independently of each other: float32 `[size, 1664]` each."""
    flat = songs.reshape(len(songs), -1).astype(np.float32)
    return flat[rng.integers(0, len(flat), size)], flat[rng.integers(0, len(flat), size)]


def distance(answers: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Fourth root of the mean squared difference, `[...]`; the original's loss is its mean over a batch.

    Because the root is concave, being close to one song is worth more than being equally far from all of them.
    """
    return ((answers - outputs) ** 2).mean(-1) ** 0.25


def best_constant(songs: np.ndarray, rounds: int = 100) -> np.ndarray:
    """The roll with the lowest mean `distance` to the songs, `[1664]`.

    Setting the gradient to zero shows that it is a weighted mean of the songs, with weights distance^-3. Weights and
    mean are updated in turn, starting from the plain mean (Weiszfeld's algorithm).
    """
    flat = songs.reshape(len(songs), -1).astype(np.float64)
    constant = flat.mean(0)
    for _ in range(rounds):
        weights = np.maximum(distance(flat, constant), 1e-9) ** -3
        constant = weights @ flat / weights.sum()
    return constant


def make_network(deviation: float, seed: int) -> Any:
    """A sigmoid network 1664-1280-640-1280-1664 with weights and biases drawn from N(0, deviation^2)."""
    from models.layers import startup

    startup.import_keras()
    import keras

    from models.layers.backend import set_seed

    set_seed(seed)
    drawn = keras.initializers.RandomNormal(stddev=deviation)
    layers = [
        keras.layers.Dense(units, "sigmoid", kernel_initializer=drawn, bias_initializer=drawn.clone())
        for units in UNITS
    ]
    return keras.Sequential([keras.Input((SIZE,)), *layers])


def make_optimizer(network: Any) -> Any:
    """RMSProp with rate 0.01 as in TensorFlow 1.

    Its mean of squared gradients starts at 1 instead of 0, which makes the first steps small.
    """
    import keras
    from keras import ops

    optimizer = keras.optimizers.RMSprop(0.01, rho=0.9, epsilon=1e-10)
    optimizer.build(network.trainable_variables)
    for variable in optimizer.variables:
        if "velocity" in variable.path:
            variable.assign(ops.ones_like(variable))
    return optimizer


def learn(songs: np.ndarray, deviation: float, args: argparse.Namespace) -> tuple[list[float], np.ndarray]:
    """Train a network; returns the loss of each step and the final outputs for all songs, `[songs, 1664]`."""
    network = make_network(deviation, args.seed)
    rng = np.random.default_rng(args.seed)

    def loss(answer: Any, output: Any) -> Any:
        from keras import ops

        return ops.sqrt(ops.sqrt(ops.mean((answer - output) ** 2, -1)))

    def draw() -> tuple[np.ndarray, np.ndarray]:
        return pairs(songs, args.batch_size, rng)

    name = f"initial weights with deviation {deviation:g}"
    losses = train(network, loss, draw, args.steps, name, make_optimizer(network))
    return losses, network.predict(songs.reshape(len(songs), SIZE).astype(np.float32), verbose=0)


def variation(outputs: np.ndarray, songs: np.ndarray) -> float:
    """Variance of outputs `[songs, 1664]` across songs, as a fraction of the variance of the songs themselves."""
    return float(outputs.var(0).mean() / songs.reshape(len(songs), SIZE).var(0).mean())


def run(args: argparse.Namespace, folder: Path) -> Outcome:
    """Train with large and with small initial weights, and compare both with the best constant."""
    positive_flag(args, "steps", "batch_size")
    if args.small <= 0:
        raise InputError(f"--small={args.small:g}: give a standard deviation above 0.", "bad_flag")
    songs = load_songs(args.songs)
    constant = best_constant(songs.versions)
    floor = float(distance(songs.versions.reshape(-1, SIZE), constant).mean())
    wide, wide_outputs = learn(songs.versions, 1.0, args)
    small, small_outputs = learn(songs.versions, args.small, args)
    stuck = (wide_outputs > STUCK_ABOVE).all(0)
    # The loss of the best constant with these outputs set to 1 shows how much of the plateau they explain.
    held = float(distance(songs.versions.reshape(-1, SIZE), np.where(stuck, 1, constant)).mean())
    rows = [
        ("loss before training", "0.8303", f"{wide[0]:.4f}"),
        *(
            (f"loss at step {i}", was, f"{mean_of_last(wide[:i]):.4f}")
            for i, was in ORIGINAL_LOSSES
            if i <= args.steps
        ),
        (f"loss at the end, step {args.steps}", "0.544-0.549 at step 10000", f"{mean_of_last(wide):.4f}"),
        (
            "variance of outputs across songs, as a fraction of the songs'",
            "0 (constant)",
            f"{variation(wide_outputs, songs.versions):.5f}",
        ),
        ("outputs above 0.9 for every song", "", f"{stuck.sum()} of {SIZE}"),
        ("loss of the best constant", "", f"{floor:.4f}"),
        ("loss of the best constant with those outputs set to 1", "", f"{held:.4f}"),
        (f"initial weights with deviation {args.small:g}: loss at the end", "", f"{mean_of_last(small):.4f}"),
        (
            f"initial weights with deviation {args.small:g}: variance of outputs",
            "",
            f"{variation(small_outputs, songs.versions):.5f}",
        ),
    ]
    from experiments import pictures

    curves = {"deviation 1 (original)": wide, f"deviation {args.small:g}": small}
    pictures.save_curves(folder / "loss.png", curves, "loss of each batch", marks={"best constant": floor})
    rolls = {songs.name: songs.first}
    for i in (0, len(songs.versions) // 2):
        rolls[f"the network's output for song {i + 1}"] = wide_outputs[i].reshape(FRAMES, -1)
    rolls["output for the same song with small initial weights"] = small_outputs[i].reshape(FRAMES, -1)
    rolls["the best constant"] = constant.reshape(FRAMES, -1)
    pictures.save_rolls(folder / "outputs.png", rolls)
    return Outcome(
        title="Transforming any song into any other",
        said="The network converged to a constant output, about equally far from all songs, with a loss that stayed "
        "near 0.546.",
        findings=tuple(Finding(*row) for row in rows),
        verdict=verdict(
            variation(wide_outputs, songs.versions), mean_of_last(wide), held, mean_of_last(small), floor
        ),
        pictures=(
            ("outputs.png", "A song, the networks' outputs for two songs, and the best constant"),
            ("loss.png", "Training loss; no constant output can get below the dotted line"),
        ),
    )


def verdict(varies: float, loss: float, held: float, small: float, floor: float) -> str:
    """A summary of the results.

    Args:
        varies: variance of the first network's outputs, as a fraction of the songs' variance.
        loss: final loss of the first network, with large initial weights.
        held: loss of the best constant with the outputs that are stuck at 1 in the first network set to 1.
        small: final loss of the second network, with small initial weights.
        floor: loss of the best constant.
    """
    sentences = []
    if varies < 0.05:
        sentences.append(
            f"The network collapses: the variance of its outputs across songs is {varies:.2%} of the songs' variance."
        )
    else:
        sentences.append(
            f"The network has not collapsed: the variance of its outputs across songs is {varies:.0%} of the songs' "
            "variance."
        )
    if loss > floor + 0.02:
        sentences.append(f"Its loss of {loss:.3f} is higher than that of the best constant, {floor:.3f}.")
        if abs(loss - held) < 0.02:
            sentences.append(
                "Its large initial weights explain the difference: with the outputs that are stuck at 1, even the best "
                f"constant has a loss of {held:.3f}."
            )
    word = "reaches" if small < floor + 0.005 else "does not reach"
    sentences.append(f"With small initial weights it {word} the loss of the best constant ({small:.3f}).")
    return " ".join(sentences)

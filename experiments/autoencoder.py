"""Any song to any other: a network shall turn each song into another one of the set, and learns a constant.

If some songs can be had from others by transformations, a network that is shown a song and must answer with another
one, drawn at random, might find such a transformation. In the seed (001) it collapses: the answer no longer depends
on the song, because nobody who doesn't know which song is wanted can do better than a constant. Look at how much
the outputs vary from song to song, and at the loss of the best constant beside that of the network. The seed's wide
initial weights leave some keys stuck at 1 besides; a second network that starts from small ones shows the difference.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from experiments.descent import mean_of_last, positive_flag, train
from experiments.outcome import Finding, Outcome
from experiments.tunes import load_songs
from patterns.melody import FRAMES, KEYS
from preprocess.errors import InputError

SIZE = FRAMES * len(KEYS)
UNITS = (1280, 640, 1280, SIZE)
STUCK_ABOVE = 0.9
SEED_LOSSES = ((100, "0.8262"), (200, "0.6467"), (400, "0.5559"))
"""The seed's losses at some steps."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of this experiment."""
    parser.add_argument(
        "--steps", type=int, default=300, help="training steps of each network (default: 300; seed: 10000)"
    )
    parser.add_argument("--batch_size", type=int, default=128)
    parser.add_argument(
        "--small", type=float, default=0.03, help="the other deviation of the initial weights (default: 0.03)"
    )


def pairs(songs: np.ndarray, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Songs and what they shall become, drawn independently: float32 `[size, 1664]` each."""
    flat = songs.reshape(len(songs), -1).astype(np.float32)
    return flat[rng.integers(0, len(flat), size)], flat[rng.integers(0, len(flat), size)]


def distance(answers: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """The fourth root of the mean squared difference, `[...]`; the seed's loss is its mean over a batch.

    The root makes a near miss of one song worth more than the same distance from all.
    """
    return ((answers - outputs) ** 2).mean(-1) ** 0.25


def best_constant(songs: np.ndarray, rounds: int = 100) -> np.ndarray:
    """The roll whose mean `distance` to the songs is lowest: `[1664]`.

    There the gradient vanishes, so it is a mean of the songs weighed by their distance^-3, the slope of the fourth
    root. Weights and mean are computed in turn, from the plain mean on (Weiszfeld's algorithm).
    """
    flat = songs.reshape(len(songs), -1).astype(np.float64)
    constant = flat.mean(0)
    for _ in range(rounds):
        weights = np.maximum(distance(flat, constant), 1e-9) ** -3
        constant = weights @ flat / weights.sum()
    return constant


def make_network(deviation: float, seed: int) -> Any:
    """1664 - 1280 - 640 - 1280 - 1664, all sigmoid; weights and biases drawn from N(0, deviation^2)."""
    from models import quiet

    quiet.import_keras()
    import keras

    from models.backend import set_seed

    set_seed(seed)
    drawn = keras.initializers.RandomNormal(stddev=deviation)
    layers = [
        keras.layers.Dense(units, "sigmoid", kernel_initializer=drawn, bias_initializer=drawn.clone())
        for units in UNITS
    ]
    return keras.Sequential([keras.Input((SIZE,)), *layers])


def make_optimizer(network: Any) -> Any:
    """RMSProp as TensorFlow 1 had it, rate 0.01: its mean of squared gradients starts at 1, so first steps are small."""
    import keras
    from keras import ops

    optimizer = keras.optimizers.RMSprop(0.01, rho=0.9, epsilon=1e-10)
    optimizer.build(network.trainable_variables)
    for variable in optimizer.variables:
        if "velocity" in variable.path:
            variable.assign(ops.ones_like(variable))
    return optimizer


def learn(songs: np.ndarray, deviation: float, args: argparse.Namespace) -> tuple[list[float], np.ndarray]:
    """Train a network; its losses, and its outputs for all songs, `[songs, 1664]`."""
    network = make_network(deviation, args.seed)
    rng = np.random.default_rng(args.seed)

    def loss(answer: Any, output: Any) -> Any:
        from keras import ops

        return ops.sqrt(ops.sqrt(ops.mean((answer - output) ** 2, -1)))

    def draw() -> tuple[np.ndarray, np.ndarray]:
        return pairs(songs, args.batch_size, rng)

    name = f"weights of deviation {deviation:g}"
    losses = train(network, loss, draw, args.steps, name, make_optimizer(network))
    return losses, network.predict(songs.reshape(len(songs), SIZE).astype(np.float32), verbose=0)


def variation(outputs: np.ndarray, songs: np.ndarray) -> float:
    """The variance of outputs `[songs, 1664]` from song to song, as a share of that of the songs themselves."""
    return float(outputs.var(0).mean() / songs.reshape(len(songs), SIZE).var(0).mean())


def run(args: argparse.Namespace, folder: Path) -> Outcome:
    """Train from wide and from small initial weights, and compare with the best constant."""
    positive_flag(args, "steps", "batch_size")
    if args.small <= 0:
        raise InputError(f"--small={args.small:g}: a standard deviation is above 0.", "bad_flag")
    songs = load_songs(args.songs)
    constant = best_constant(songs.versions)
    floor = float(distance(songs.versions.reshape(-1, SIZE), constant).mean())
    wide, wide_outputs = learn(songs.versions, 1.0, args)
    small, small_outputs = learn(songs.versions, args.small, args)
    stuck = (wide_outputs > STUCK_ABOVE).all(0)
    # What the constant would cost with these keys at 1: how much of the plateau they explain.
    held = float(distance(songs.versions.reshape(-1, SIZE), np.where(stuck, 1, constant)).mean())
    rows = [
        ("loss before training", "0.8303", f"{wide[0]:.4f}"),
        *(
            (f"loss at step {i}", was, f"{mean_of_last(wide[:i]):.4f}")
            for i, was in SEED_LOSSES
            if i <= args.steps
        ),
        (f"loss at the end, step {args.steps}", "0.544-0.549 at step 10000", f"{mean_of_last(wide):.4f}"),
        (
            "variance of outputs from song to song, share of the songs'",
            "0 (constant)",
            f"{variation(wide_outputs, songs.versions):.5f}",
        ),
        ("outputs that are above 0.9 whatever the song", "", f"{stuck.sum()} of {SIZE}"),
        ("loss of the best constant", "", f"{floor:.4f}"),
        ("loss of the best constant with those outputs at 1", "", f"{held:.4f}"),
        (f"initial weights of deviation {args.small:g}: loss at the end", "", f"{mean_of_last(small):.4f}"),
        (
            f"initial weights of deviation {args.small:g}: variance of outputs",
            "",
            f"{variation(small_outputs, songs.versions):.5f}",
        ),
    ]
    from experiments import pictures

    curves = {"deviation 1 (seed)": wide, f"deviation {args.small:g}": small}
    pictures.save_curves(folder / "loss.png", curves, "loss of the batch", marks={"best constant": floor})
    rolls = {songs.name: songs.first}
    for i in (0, len(songs.versions) // 2):
        rolls[f"what the network makes of song {i + 1}"] = wide_outputs[i].reshape(FRAMES, -1)
    rolls["the same song, network of small initial weights"] = small_outputs[i].reshape(FRAMES, -1)
    rolls["the best constant"] = constant.reshape(FRAMES, -1)
    pictures.save_rolls(folder / "outputs.png", rolls)
    return Outcome(
        title="From any song to any other",
        said="A network that shall turn each song into another of the set converges to a constant that is about as "
        "far from all songs; its loss stays near 0.546.",
        findings=tuple(Finding(*row) for row in rows),
        verdict=verdict(
            variation(wide_outputs, songs.versions), mean_of_last(wide), held, mean_of_last(small), floor
        ),
        pictures=(
            ("outputs.png", "What the networks make of two songs, and the best constant"),
            ("loss.png", "The loss; below the dotted line lies what no constant reaches"),
        ),
    )


def verdict(varies: float, loss: float, held: float, small: float, floor: float) -> str:
    """What came out: `held` and `floor` are the best constant's loss with keys stuck as the network's, and without."""
    sentences = []
    if varies < 0.05:
        sentences.append(f"It collapses: the outputs vary by {varies:.2%} of what songs do.")
    else:
        sentences.append(f"It has not collapsed: the outputs vary by {varies:.0%} of what songs do.")
    if loss > floor + 0.02:
        sentences.append(f"Its loss of {loss:.3f} is above the best constant's, {floor:.3f}.")
        if abs(loss - held) < 0.02:
            sentences.append(
                f"The wide initial weights explain it: with the keys that are stuck at 1 the constant costs {held:.3f}."
            )
    word = "reaches" if small < floor + 0.005 else "does not reach"
    sentences.append(f"From small initial weights it {word} the best constant ({small:.3f}).")
    return " ".join(sentences)

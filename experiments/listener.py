"""An LSTM "listener" rates how corrupted a song is, and two searches look for rolls that it rates highly.

Songs of 128 frames are corrupted by s random changes, and the LSTM learns to output 1 - s/64. A listener that knew what
music is could be used to compose: by gradient ascent on the roll itself, or by a genetic search over binary rolls. In
the original (MusicGeneration) neither worked. Both searches ended at rolls that the listener rates higher than any
song, yet that are nothing like music, because it was never trained on such rolls. This experiment also tries the remedy
that the author suggested: a second listener is trained on random junk, and on what the searches found, with a target of
0. See what the searches find for each listener, and in the last rows of the table how close it comes to songs.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from common import flags
from common.errors import InputError
from experiments.descent import mean_of_last, positive_flag, train
from experiments.likeness import Likeness, likeness
from experiments.outcome import Finding, Outcome
from experiments.roll_search import Found, responses, search
from experiments.tunes import Songs, load_songs
from patterns.melody import FRAMES, KEYS

MOST_CHANGES = 64
STRUCK_ABOVE = 0.9
"""In rolls found by gradient ascent, values above this count as struck keys, as in the original."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--steps",
        type=flags.COUNT_OR_NONE,
        default=300,
        help="training steps for the first listener (default: 300; original: 30000)",
    )
    parser.add_argument(
        "--batch_size",
        type=flags.integer(0, 65_536),
        default=64,
        help="rolls per training step (default: 64)",
    )
    parser.add_argument(
        "--optimizer",
        choices=("adam", "sgd"),
        default="adam",
        help="adam with learning rate 0.002 (default), or sgd with rate 0.001 like the original",
    )
    parser.add_argument(
        "--rounds",
        type=flags.COUNT_OR_NONE,
        default=3,
        help="rounds of search and training for the second listener (default: 3)",
    )
    parser.add_argument(
        "--population",
        type=flags.integer(0, flags.MOST_OUTPUTS),
        default=1000,
        help="genetic search: population (default: 1000)",
    )
    parser.add_argument(
        "--generations",
        type=flags.COUNT_OR_NONE,
        default=25,
        help="genetic search: generations (default: 25)",
    )


def spoiled_batch(songs: np.ndarray, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Corrupted songs, float32 `[size, 128, 13]`, and the listener's targets for them, `[size]`.

    As in the original, each change clears a random frame and strikes one random key in it. The number of changes is the
    product of two integers drawn uniformly from 0 to 8; the target is 1 for an intact song and 0 after 64 changes.
    """
    from preprocess.pieces.transforms import add_error_count

    changes = rng.integers(0, 9, size) * rng.integers(0, 9, size)
    chosen = songs[rng.integers(0, len(songs), size)]
    rolls = [add_error_count(song, int(s), rng) for song, s in zip(chosen, changes, strict=True)]
    return np.stack(rolls).astype(np.float32), (1 - changes / MOST_CHANGES).astype(np.float32)


def random_junk(size: int, rng: np.random.Generator) -> np.ndarray:
    """Noise of all densities, from near silence to all keys at once: float32 `[size, 128, 13]`.

    Half of the rolls are binary, half have real values from 0 to 1, like the starting point of the gradient ascent.
    """
    density = 10 ** rng.uniform(-3, 0, (size, 1, 1))
    uniform = rng.random((size, FRAMES, len(KEYS)))
    binary = rng.random((size, 1, 1)) < 0.5
    return np.where(binary, uniform < density, uniform * density**0.25).astype(np.float32)


def batches(
    songs: np.ndarray, size: int, seed: int, junk: np.ndarray | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield training batches endlessly.

    With `junk`, rolls that searches have found (`[n, 128, 13]`), a third of each batch has a target of 0: half of that
    third is random junk, and half is drawn from these rolls.
    """
    rng = np.random.default_rng(seed)
    while True:
        if junk is None:
            yield spoiled_batch(songs, size, rng)
            continue
        third = size // 3
        rolls, targets = spoiled_batch(songs, size - third, rng)
        noise = random_junk(third - third // 2, rng)
        known = junk[rng.integers(0, len(junk), third // 2)]
        zeros = np.zeros(third, np.float32)
        yield np.concatenate([rolls, noise, known]), np.concatenate([targets, zeros])


def make_listener(seed: int) -> Any:
    """A Keras model from rolls `[batch, 128, 13]` to responses `[batch]`: an LSTM of 100 units and a linear layer."""
    from models.layers import startup

    startup.import_keras()
    import keras
    from keras import ops

    from models.layers.backend import set_seed
    from models.layers.lstm import LSTM

    class Listener(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = LSTM(100)
            self.lstm.build(len(KEYS))
            self.dense = keras.layers.Dense(1)
            self.dense.build((None, 100))

        def call(self, rolls: Any) -> Any:
            state = self.lstm.zero_state(ops.shape(rolls)[0], "float32")
            projected = self.lstm.project(ops.transpose(rolls, (1, 0, 2)))
            _, (_, last), _ = self.lstm.sequence(projected, state)
            return self.dense(last)[:, 0]

    set_seed(seed)
    return Listener()


def teach(listener: Any, source: Iterator[tuple], steps: int, optimizer: str, what: str) -> list[float]:
    """Train a listener, or continue to train it; returns the mean squared error of each batch."""
    import keras

    # The original's steps are small enough for any gradient; Adam's need clipping against the rare large ones.
    descent = keras.optimizers.SGD(1e-3) if optimizer == "sgd" else keras.optimizers.Adam(2e-3, clipnorm=1.0)

    def error(answer: Any, response: Any) -> Any:
        return (answer - response) ** 2

    return train(listener, error, lambda: next(source), steps, what, descent)


def teach_junk(args: argparse.Namespace, songs: np.ndarray, found: Found) -> tuple[Any, list[float]]:
    """Train a second listener on junk as well: random rolls, and rolls found by searches against it and the first.

    `songs` are without silent ones, `found` is what the searches found for the first listener. Returns the second
    listener and its training losses.
    """
    listener = make_listener(args.seed)
    junk = np.concatenate([found.ascended, found.bred]).astype(np.float32)
    losses: list[float] = []
    for turn in range(args.rounds):
        if turn:
            # A search with a quarter of the population and a third of the generations is enough to find new junk.
            new = search(listener, 8, args.population // 4, -(-args.generations // 3), args.seed + turn)
            junk = np.concatenate([junk, new.ascended, new.bred]).astype(np.float32)
        source = batches(songs, args.batch_size, args.seed + turn, junk)
        # A third of each batch is junk, so it takes half as many steps again to see as many songs as the first did.
        steps = -(-3 * args.steps // (2 * args.rounds))
        losses += teach(listener, source, steps, args.optimizer, f"second listener, round {turn + 1}")
    return listener, losses


def run(args: argparse.Namespace, folder: Path) -> Outcome:
    """Train a listener and search for what it rates highly; do the same with one that was also trained on junk."""
    positive_flag(args, "steps", "batch_size", "rounds", "generations")
    if args.population < 8:
        raise InputError(f"--population={args.population}: give a number of 8 or more.", "bad_flag")
    songs = load_songs(args.songs)
    sounding = songs.versions[songs.versions.any((1, 2))]
    first = make_listener(args.seed)
    source = batches(songs.versions, args.batch_size, args.seed)
    losses = {"first": teach(first, source, args.steps, args.optimizer, "first listener")}
    found = {"first": search(first, 8, args.population, args.generations, args.seed)}
    second, losses["second, with junk"] = teach_junk(args, sounding, found["first"])
    found["second"] = search(second, 8, args.population, args.generations, args.seed)
    heard = {
        "first": hear(first, sounding, found["first"], args.seed),
        "second": hear(second, sounding, found["first"], args.seed),
    }
    likenesses = {"songs": likeness(sounding, sounding, itself=True)}
    for name, of in found.items():
        likenesses[f"{name}, ascent"] = likeness((of.ascended > STRUCK_ABOVE).astype(int), sounding)
        likenesses[f"{name}, genetic"] = likeness(of.bred[:8], sounding)
    draw(folder, songs, losses, found)
    return Outcome(
        title="A listener, and what it rates highly",
        said="An LSTM learned to rate how corrupted a song is, but what it rated highest was not music: gradient "
        "ascent ended at rolls full of struck keys and the genetic search at sparse ones, unlike anything in the "
        "training set. The author suggested adding random examples to it.",
        findings=findings(losses["first"][0], heard, found, likenesses),
        verdict=verdict(heard, found, likenesses),
        pictures=(
            ("found.png", "A song, and the rolls that the searches found for each listener"),
            ("ascent.png", "Mean response during gradient ascent; an intact song has a target of 1"),
            ("breeding.png", "Best response in each generation of the genetic search"),
            ("training.png", "Training error; the second listener is also trained on junk"),
        ),
        midi=tuple(f"{name}_{how}.mid" for name in found for how in ("ascent", "genetic")),
    )


def hear(listener: Any, songs: np.ndarray, found: Found, seed: int) -> dict[str, float]:
    """Mean responses to songs, corrupted songs, junk and the first searches' results; and the squared error."""
    rng = np.random.default_rng([seed, 1])  # not the random numbers used in training
    rolls, targets = spoiled_batch(songs, 500, rng)
    answers = responses(listener, rolls)
    asked = {"clean": songs, "junk": random_junk(500, rng), "ascended": found.ascended, "bred": found.bred}
    heard = {name: float(responses(listener, them).mean()) for name, them in asked.items()}
    spoiled = float(answers[targets < 0.5].mean())
    return heard | {"spoiled": spoiled, "error": float(np.mean((answers - targets) ** 2))}


def findings(
    start: float, heard: dict[str, dict[str, float]], found: dict[str, Found], likenesses: dict[str, Likeness]
) -> tuple[Finding, ...]:
    """The rows of the table."""
    one, two = heard["first"], heard["second"]
    rows = [
        ("squared error before training", "1.51", f"{start:.2f}"),
        ("squared error on corrupted songs", "0.03-0.04 at step 30000", f"{one['error']:.3f}"),
        ("response to intact songs", "0.886", f"{one['clean']:.3f}"),
        ("response to songs with a target below 0.5", "0.478", f"{one['spoiled']:.3f}"),
        ("response to random junk", "", f"{one['junk']:.2f}"),
        ("gradient ascent: response", "-5.85 to 15.54", _change(found["first"].climb)),
        ("genetic search: best response", "0.397 to 1.171", _change(found["first"].best)),
        ("second listener: squared error on corrupted songs", "", f"{two['error']:.3f}"),
        ("second listener: response to intact songs", "", f"{two['clean']:.3f}"),
        ("second listener: response to random junk", "", f"{two['junk']:.2f}"),
        ("second listener: response to the first ascent's rolls", "", f"{two['ascended']:.2f}"),
        ("second listener: response to the first genetic search's rolls", "", f"{two['bred']:.2f}"),
        ("second listener: gradient ascent, response", "", _change(found["second"].climb)),
        ("second listener: genetic search, best response", "", _change(found["second"].best)),
    ]
    rows += [(f"similarity to songs: {name}", "", str(like)) for name, like in likenesses.items()]
    return tuple(Finding(*row) for row in rows)


def _change(curve: np.ndarray) -> str:
    return f"{curve[0]:.2f} to {curve[-1]:.2f}"


def verdict(
    heard: dict[str, dict[str, float]], found: dict[str, Found], likenesses: dict[str, Likeness]
) -> str:
    """A summary of the results."""
    one, two = heard["first"], heard["second"]
    sentences = []
    if min(one["ascended"], one["bred"]) > one["clean"]:
        sentences.append("Both searches find rolls that the first listener rates higher than songs.")
    taught = max(two["ascended"], two["bred"]) < 0.5 < two["clean"]
    sentences.append(
        f"A listener trained on junk {'rejects them' if taught else 'still accepts some of them'}: its responses are "
        f"{two['ascended']:.2f} and {two['bred']:.2f}, compared with {two['clean']:.2f} for songs."
    )
    again = {"gradient ascent": found["second"].climb[-1], "genetic search": found["second"].best[-1]}
    for (how, best), short in zip(again.items(), ("ascent", "genetic"), strict=True):
        before, after = (likenesses[f"{name}, {short}"].distance for name in ("first", "second"))
        pleased = (
            "finds rolls that it rates like songs"
            if best > 0.9 * two["clean"]
            else "finds nothing that it rates like a song"
        )
        like = "closer to a song than before" if after < 0.9 * before else "no closer to a song than before"
        sentences.append(
            f"A new {how} {pleased} ({best:.2f}) and ends {like} (in {after:.0f} cells different from the nearest "
            f"song, {before:.0f} before; a song differs from the nearest other one in "
            f"{likenesses['songs'].distance:.0f})."
        )
    return " ".join(sentences)


def draw(folder: Path, songs: Songs, losses: dict[str, list[float]], found: dict[str, Found]) -> None:
    """Write the pictures and the MIDI files."""
    from experiments import pictures

    rolls: dict[str, np.ndarray] = {songs.name: songs.first}
    for name, of in found.items():
        rolls[f"gradient ascent, {name} listener"] = of.ascended[0]
        rolls[f"genetic search, {name} listener"] = of.bred[0]
        pictures.save_midi(folder / f"{name}_ascent.mid", of.ascended[0] > STRUCK_ABOVE)
        pictures.save_midi(folder / f"{name}_genetic.mid", of.bred[0])
    pictures.save_rolls(folder / "found.png", rolls)
    marks = {"target of an intact song": 1.0}
    climbs = {f"{name} listener": list(of.climb) for name, of in found.items()}
    pictures.save_curves(folder / "ascent.png", climbs, "mean response", marks=marks)
    best = {f"{name} listener": list(of.best) for name, of in found.items()}
    pictures.save_curves(folder / "breeding.png", best, "best response", over="generation", marks=marks)
    # One point for every ten steps: their mean.
    smooth = {
        name: [mean_of_last(values[:i]) for i in range(10, len(values) + 1, 10)]
        for name, values in losses.items()
    }
    pictures.save_curves(
        folder / "training.png", smooth, "mean squared error", "steps / 10", logarithmic=True
    )

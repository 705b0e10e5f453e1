"""The listener: an LSTM hears a song of 128 frames and says how spoiled it is; then two searches try to please it.

Songs are spoiled by s random changes, and the LSTM learns 1 - s/64. A listener that knows what music is could be
asked for music: by gradient ascent on the roll itself, or by a genetic search over rolls of zeros and ones. The
seed (001) found neither: both end at rolls that please the listener more than any song and sound like nothing,
because it never heard such rolls. The remedy that the author proposes is tried as well: a second listener hears
random junk, and what the searches found, as things to dislike. Look at the rolls, and at the last rows of the table.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.descent import mean_of_last, positive_flag, train
from experiments.likeness import Likeness, likeness
from experiments.outcome import Finding, Outcome
from experiments.tunes import Songs, load_songs
from patterns.melody import FRAMES, KEYS
from preprocess.console import progress
from preprocess.errors import InputError

MOST_CHANGES = 64
ASCENT_STEPS = 100
STRUCK_ABOVE = 0.9
"""A value that gradient ascent found counts as a struck key above this one, as in the seed."""


@dataclass(frozen=True)
class Found:
    """What the searches found that pleases a listener.

    Attributes:
        ascended: rolls of real numbers, `[n, 128, 13]`.
        climb: the mean response to them before each step of the ascent, `[ASCENT_STEPS]`.
        bred: the survivors of the genetic search, the best first, rolls of 0 and 1, `[n, 128, 13]`.
        best: the best response of each generation, the first one that of random rolls.
    """

    ascended: np.ndarray
    climb: np.ndarray
    bred: np.ndarray
    best: np.ndarray


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of this experiment."""
    parser.add_argument("--steps", type=int, default=300, help="training steps (default: 300; seed: 30000)")
    parser.add_argument("--batch_size", type=int, default=64)
    parser.add_argument(
        "--optimizer",
        choices=("adam", "sgd"),
        default="adam",
        help="adam (default) with rate 0.002; sgd is the seed's, with rate 0.001",
    )
    parser.add_argument(
        "--rounds", type=int, default=3, help="times the second listener is searched and taught"
    )
    parser.add_argument("--population", type=int, default=1000, help="of the genetic search (default: 1000)")
    parser.add_argument("--generations", type=int, default=25, help="of the genetic search (default: 25)")


def spoiled_batch(songs: np.ndarray, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Spoiled songs, float32 `[size, 128, 13]`, and what the listener shall say of them, `[size]`.

    Each change clears a random frame and strikes one random key there. Their number is the product of two uniform
    ones from 0 to 8; the answer is 1 for an unspoiled song and 0 after 64 changes (seed 001).
    """
    from preprocess.piano import add_error_count

    changes = rng.integers(0, 9, size) * rng.integers(0, 9, size)
    chosen = songs[rng.integers(0, len(songs), size)]
    rolls = [add_error_count(song, int(s), rng) for song, s in zip(chosen, changes, strict=True)]
    return np.stack(rolls).astype(np.float32), (1 - changes / MOST_CHANGES).astype(np.float32)


def random_junk(size: int, rng: np.random.Generator) -> np.ndarray:
    """Rolls that are no music, float32 `[size, 128, 13]`: noise of every density, from silence to all keys.

    Half of it is of zeros and ones, half of real numbers from 0 to 1, as a gradient ascent starts from.
    """
    density = 10 ** rng.uniform(-3, 0, (size, 1, 1))
    uniform = rng.random((size, FRAMES, len(KEYS)))
    binary = rng.random((size, 1, 1)) < 0.5
    return np.where(binary, uniform < density, uniform * density**0.25).astype(np.float32)


def batches(
    songs: np.ndarray, size: int, seed: int, junk: np.ndarray | None = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches for ever; with `junk` (`[n, 128, 13]`, what searches found), a third of each is junk of target 0."""
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
    """A Keras model from rolls `[batch, 128, 13]` to responses `[batch]`: an LSTM of 100, then a linear layer."""
    from models import quiet

    quiet.import_keras()
    import keras
    from keras import ops

    from models.backend import set_seed
    from models.lstm import LSTM

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
    """Train a listener, which may have been trained before; the mean squared error of each batch."""
    import keras

    # The seed's steps are small enough for any gradient; Adam's need a bound on the rare steep ones.
    descent = keras.optimizers.SGD(1e-3) if optimizer == "sgd" else keras.optimizers.Adam(2e-3, clipnorm=1.0)

    def error(answer: Any, response: Any) -> Any:
        return (answer - response) ** 2

    return train(listener, error, lambda: next(source), steps, what, descent)


def responses(listener: Any, rolls: np.ndarray) -> np.ndarray:
    """What a listener says of rolls: `[n]`."""
    count, whole = len(rolls), -(-len(rolls) // 250) * 250
    # Always batches of 250, because another size would be compiled anew.
    padded = np.concatenate([rolls, np.zeros((whole - count, FRAMES, len(KEYS)))]).astype(np.float32)
    return listener.predict(padded, batch_size=250, verbose=0)[:count]


def ascend(listener: Any, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Climb from noise to what a listener likes, by the gradient of its response to each number of the roll.

    Steps of 1, decayed by 0.999, times the gradient (seed 001).

    Returns:
        Rolls `[count, 128, 13]`, and the mean response before each step, `[ASCENT_STEPS]`.
    """
    import keras
    from keras import ops

    start = np.random.default_rng(seed).random((count, FRAMES, len(KEYS)))

    class Climber(keras.Model):
        """Its only weights are the rolls: the listener is used from outside, so it stays as it is."""

        def __init__(self) -> None:
            super().__init__()
            self.rolls = self.add_weight(shape=start.shape, initializer="zeros")
            self.rolls.assign(start)

        def call(self, nothing: Any) -> Any:
            return listener(ops.convert_to_tensor(self.rolls))

    climber = Climber()
    rate = keras.optimizers.schedules.ExponentialDecay(1.0, decay_steps=1, decay_rate=0.999)
    nothing = np.zeros(count, np.float32)
    losses = train(
        climber,
        # Keras divides the loss by the number of rolls, which would shorten the steps.
        lambda _, response: -count * response,
        lambda: (nothing, nothing),
        ASCENT_STEPS,
        "gradient ascent",
        keras.optimizers.SGD(rate),
    )
    return ops.convert_to_numpy(climber.rolls), -np.asarray(losses) / count


def breed(
    respond: Callable[[np.ndarray], np.ndarray],
    population: int,
    generations: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """A genetic search for rolls of zeros and ones that get a high response, without mutation (seed 001).

    The best quarter survives. A child takes the bits that its two random parents share and tosses a coin for
    the others.

    Args:
        respond: the responses `[n]` to rolls `[n, 128, 13]`.
        population: rolls in a generation.
        generations: how many follow the first, which is random with a tenth of ones.
        rng: what is drawn from.

    Returns:
        The survivors of the last generation, the best first, and the best response of every generation.
    """
    rolls = (rng.random((population, FRAMES, len(KEYS))) < 0.1).astype(np.uint8)
    keep = max(2, population // 4)
    best = []
    with progress("genetic search", generations + 1) as advance:
        for generation in range(generations + 1):
            marks = respond(rolls)
            order = np.argsort(-marks)[:keep]
            best.append(float(marks[order[0]]))
            parents = rolls[order]
            if generation < generations:
                mothers, fathers = (parents[rng.integers(0, keep, population)] for _ in range(2))
                coins = rng.integers(0, 2, mothers.shape, dtype=np.uint8)
                rolls = np.where(mothers == fathers, mothers, coins)
            advance()
    return parents, np.asarray(best)


def search(listener: Any, climbers: int, population: int, generations: int, seed: int) -> Found:
    """Both searches against a listener."""
    ascended, climb = ascend(listener, climbers, seed)
    rng = np.random.default_rng(seed)
    bred, best = breed(lambda rolls: responses(listener, rolls), population, generations, rng)
    return Found(ascended, climb, bred, best)


def teach_junk(args: argparse.Namespace, songs: np.ndarray, found: Found) -> tuple[Any, list[float]]:
    """The remedy: a new listener that hears junk as well, and round after round what pleased it last.

    Args:
        args: the flags.
        songs: without silent ones, `[n, 128, 13]`.
        found: what the searches found against the first listener.

    Returns:
        The second listener, and its training losses.
    """
    listener = make_listener(args.seed)
    junk = np.concatenate([found.ascended, found.bred]).astype(np.float32)
    losses: list[float] = []
    for turn in range(args.rounds):
        if turn:
            # A search a quarter as wide and a third as long shows well enough what is liked wrongly.
            new = search(listener, 8, args.population // 4, -(-args.generations // 3), args.seed + turn)
            junk = np.concatenate([junk, new.ascended, new.bred]).astype(np.float32)
        source = batches(songs, args.batch_size, args.seed + turn, junk)
        # A third of what it hears is junk, so it hears as many songs as the first listener in half as many steps more.
        steps = -(-3 * args.steps // (2 * args.rounds))
        losses += teach(listener, source, steps, args.optimizer, f"second listener, round {turn + 1}")
    return listener, losses


def run(args: argparse.Namespace, folder: Path) -> Outcome:
    """Train a listener and search it; teach another one about junk and search that."""
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
        title="A listener, and what pleases it",
        said="An LSTM learns to hear how spoiled a song is. What pleases it most is no music: gradient ascent ends "
        "at rolls full of struck keys, the genetic search at sparse ones, things that are not in the training set. "
        "The author proposes to add random examples to it.",
        findings=findings(losses["first"][0], heard, found, likenesses),
        verdict=verdict(heard, found, likenesses),
        pictures=(
            ("found.png", "A song, and what the searches found to please each listener"),
            ("ascent.png", "The response while the gradient is climbed; 1 is an unspoiled song"),
            ("breeding.png", "The best response in each generation of the genetic search"),
            ("training.png", "Mean squared error in training; the second listener hears junk too"),
        ),
        midi=tuple(f"{name}_{how}.mid" for name in found for how in ("ascent", "genetic")),
    )


def hear(listener: Any, songs: np.ndarray, found: Found, seed: int) -> dict[str, float]:
    """Mean responses to songs, spoiled ones, junk, and what pleases the first listener; and the squared error."""
    rng = np.random.default_rng([seed, 1])  # other draws than in training
    rolls, targets = spoiled_batch(songs, 500, rng)
    answers = responses(listener, rolls)
    asked = {"clean": songs, "junk": random_junk(500, rng), "ascended": found.ascended, "bred": found.bred}
    heard = {name: float(responses(listener, them).mean()) for name, them in asked.items()}
    spoiled = float(answers[targets < 0.5].mean())
    return heard | {"spoiled": spoiled, "error": float(np.mean((answers - targets) ** 2))}


def findings(
    start: float, heard: dict[str, dict[str, float]], found: dict[str, Found], likenesses: dict[str, Likeness]
) -> tuple[Finding, ...]:
    """The table."""
    one, two = heard["first"], heard["second"]
    rows = [
        ("squared error before training", "1.51", f"{start:.2f}"),
        ("squared error on spoiled songs", "0.03-0.04 at step 30000", f"{one['error']:.3f}"),
        ("response to unspoiled songs", "0.886", f"{one['clean']:.3f}"),
        ("response to songs of a target below 0.5", "0.478", f"{one['spoiled']:.3f}"),
        ("response to random junk", "", f"{one['junk']:.2f}"),
        ("gradient ascent: response", "-5.85 to 15.54", _change(found["first"].climb)),
        ("genetic search: best response", "0.397 to 1.171", _change(found["first"].best)),
        ("second listener: squared error on spoiled songs", "", f"{two['error']:.3f}"),
        ("second listener: response to unspoiled songs", "", f"{two['clean']:.3f}"),
        ("second listener: response to random junk", "", f"{two['junk']:.2f}"),
        ("second listener: response to what the ascent found first", "", f"{two['ascended']:.2f}"),
        ("second listener: response to what the genetic search found first", "", f"{two['bred']:.2f}"),
        ("second listener: gradient ascent against it", "", _change(found["second"].climb)),
        ("second listener: genetic search against it", "", _change(found["second"].best)),
    ]
    rows += [(f"likeness: {name}", "", str(like)) for name, like in likenesses.items()]
    return tuple(Finding(*row) for row in rows)


def _change(curve: np.ndarray) -> str:
    return f"{curve[0]:.2f} to {curve[-1]:.2f}"


def verdict(
    heard: dict[str, dict[str, float]], found: dict[str, Found], likenesses: dict[str, Likeness]
) -> str:
    """What came out, by the numbers."""
    one, two = heard["first"], heard["second"]
    sentences = []
    if min(one["ascended"], one["bred"]) > one["clean"]:
        sentences.append("Both searches find rolls that please the first listener more than songs do.")
    taught = max(two["ascended"], two["bred"]) < 0.5 < two["clean"]
    sentences.append(
        f"A listener that heard junk in training {'rejects them' if taught else 'still falls for some'}: "
        f"{two['ascended']:.2f} and {two['bred']:.2f} where songs get {two['clean']:.2f}."
    )
    again = {"gradient ascent": found["second"].climb[-1], "genetic search": found["second"].best[-1]}
    for (how, best), short in zip(again.items(), ("ascent", "genetic"), strict=True):
        before, after = (likenesses[f"{name}, {short}"].distance for name in ("first", "second"))
        pleased = (
            "pleases it as songs do"
            if best > 0.9 * two["clean"]
            else "finds nothing that it takes for a song"
        )
        like = "nearer to a song than before" if after < 0.9 * before else "no nearer to a song than before"
        sentences.append(
            f"A new {how} {pleased} ({best:.2f}) and ends {like} ({after:.0f} differences; {before:.0f} before; "
            f"songs differ by {likenesses['songs'].distance:.0f})."
        )
    return " ".join(sentences)


def draw(folder: Path, songs: Songs, losses: dict[str, list[float]], found: dict[str, Found]) -> None:
    """The pictures and the MIDI files."""
    from experiments import pictures

    rolls: dict[str, np.ndarray] = {songs.name: songs.first}
    for name, of in found.items():
        rolls[f"gradient ascent, {name} listener"] = of.ascended[0]
        rolls[f"genetic search, {name} listener"] = of.bred[0]
        pictures.save_midi(folder / f"{name}_ascent.mid", of.ascended[0] > STRUCK_ABOVE)
        pictures.save_midi(folder / f"{name}_genetic.mid", of.bred[0])
    pictures.save_rolls(folder / "found.png", rolls)
    marks = {"an unspoiled song": 1.0}
    climbs = {f"{name} listener": list(of.climb) for name, of in found.items()}
    pictures.save_curves(folder / "ascent.png", climbs, "mean response", marks=marks)
    best = {f"{name} listener": list(of.best) for name, of in found.items()}
    pictures.save_curves(folder / "breeding.png", best, "best response", over="generations", marks=marks)
    # The mean of every ten steps, drawn at the last of them.
    smooth = {
        name: [mean_of_last(values[:i]) for i in range(10, len(values) + 1, 10)]
        for name, values in losses.items()
    }
    pictures.save_curves(
        folder / "training.png", smooth, "mean squared error", "tens of steps", logarithmic=True
    )

"""An LSTM that answers what was right when its state was like this before.

The seed's idea for repeats, which never ran: while a song plays, keep each state of the network with the frame that
came next; at every frame find the stored state nearest to the present one, and mix what followed it then into the
answer, by a gate that another LSTM sets. The memory is a nearest-neighbour model that over-fits the song at once. It
runs here, with its two mistakes mended: what is stored is the next frame, not the present one, and the gate is that
of the present frame. Beside the seed's gate there is one that also sees how near the nearest state is, which the
seed's does not know. Look at songs that were not trained on, whose repeats only a memory can know.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.outcome import Finding, Outcome

KEYS = 13
UNITS = 100
EPSILON = 1e-4
"""Probabilities are kept this far from 0 and 1, for the remembered frame has no others."""
LEARNING_RATE = 0.003
SEEING, BLIND, PLAIN = "memory, gate sees how near", "memory, the seed's gate", "no memory"
KINDS = (SEEING, BLIND, PLAIN)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of this experiment."""
    parser.add_argument("--steps", type=int, default=100, help="of each network (default: 100)")
    parser.add_argument("--batch", type=int, default=16, help="songs of a step (default: 16; the seed's: 69)")
    parser.add_argument(
        "--units", type=int, default=UNITS, help="of each LSTM layer (default: 100, the seed's)"
    )
    parser.add_argument(
        "--held_out", type=int, default=4, help="one song in so many is not trained on (default: 4)"
    )


def run(args: argparse.Namespace, folder: Path) -> Outcome:
    """Train the network with and without its memory; compare them on songs that they did not see."""
    from experiments.descent import positive_flag

    positive_flag(args, "steps", "batch", "units")
    from experiments.tunes import load_songs
    from models import quiet

    known, unknown = split(load_songs(args.songs).versions, args.held_out)
    quiet.import_keras()
    losses, scores, models = {}, {}, {}
    for kind in KINDS:
        models[kind] = build_model(args.units, kind, args.seed)
        losses[kind] = learn(models[kind], known, args, kind)
        scores[kind] = score(models[kind], unknown)
    return Outcome(
        "A memory of nearest neighbours",
        "An LSTM does not see repeats, so tell it: you were in this state before, and this was the right answer "
        "then. It was never got to run; it would need evolution, for the nearest state has no gradient.",
        findings_of(scores, losses),
        verdict(scores),
        draw_pictures(folder, losses, models, unknown),
    )


# ------------------------------------------------------------------------------------------ the songs


def split(versions: np.ndarray, every: int) -> tuple[np.ndarray, np.ndarray]:
    """Songs to learn in all their transpositions, and one version of each that is held out.

    Args:
        versions: `[n, 128, 13]`; empty ones are left out.
        every: so many songs are counted until one is held out; of fewer songs the last is.

    Raises:
        InputError: where there are not two songs to tell apart.
    """
    from preprocess.errors import InputError

    songs: dict[bytes, list[np.ndarray]] = {}
    for version in versions[versions.any(axis=(1, 2))]:
        lowest = np.flatnonzero(version.any(axis=0))[0]
        songs.setdefault(np.roll(version, -lowest, axis=-1).tobytes(), []).append(version)
    groups = list(songs.values())
    if every < 2 or len(groups) < 2:
        raise InputError(
            f"--held_out={every} with {len(groups)} songs: give 2 or more, and 2 songs at least.", "bad_flag"
        )
    every = min(every, len(groups))
    known = [v for i, group in enumerate(groups) if (i + 1) % every for v in group]
    unknown = [group[0] for i, group in enumerate(groups) if (i + 1) % every == 0]
    return np.stack(known).astype(np.float32), np.stack(unknown).astype(np.float32)


# ------------------------------------------------------------------------------------------ the network


def nearest_before(states: Any) -> Any:
    """For each frame t, which stored state is nearest (by the sum of absolute differences) to its own.

    Stored are a state of zeros at place 0, and at place s the state of frame s - 1, which the frame s followed. At
    frame t the places 0 to t are known.

    Args:
        states: `[batch, time, units]`.

    Returns:
        int `[batch, time]`.
    """
    from keras import ops

    time = states.shape[1]
    stored = ops.pad(states[:, :-1], ((0, 0), (1, 0), (0, 0)))
    distance = ops.sum(ops.abs(states[:, :, None] - stored[:, None]), axis=-1)
    known = ops.arange(time)[None, :] <= ops.arange(time)[:, None]
    return ops.argmin(ops.where(known, distance, np.inf), axis=-1)


def recall(frames: Any, places: Any) -> Any:
    """The frames that followed the stored states: frame s for place s, silence for place 0. `[batch, time, keys]`"""
    from keras import ops

    remembered = ops.take_along_axis(frames, places[..., None], axis=1)
    return ops.where(places[..., None] > 0, remembered, 0.0)


def farness(states: Any, places: Any) -> Any:
    """How far the nearest stored state is, by the size of the present one, as a logarithm: `[batch, time, 1]`."""
    from keras import ops

    stored = ops.pad(states[:, :-1], ((0, 0), (1, 0), (0, 0)))
    nearest = ops.take_along_axis(stored, places[..., None], axis=1)
    distance = ops.mean(ops.abs(states - nearest), axis=-1, keepdims=True)
    return ops.log(distance / (ops.mean(ops.abs(states), axis=-1, keepdims=True) + 1e-6) + 1e-4)


def build_model(units: int, kind: str, seed: int) -> Any:
    """One of the `KINDS` of network, as a Keras model from frames to probabilities of the next frame's keys.

        h1 = LSTM(x)    h2 = LSTM(h1)    own = sigmoid(linear(h2))
        gate = sigmoid(linear(LSTM(h1)))            seeing: sigmoid(linear(LSTM(h1)) + caution farness(h2))
        answer = gate own + (1 - gate) recalled(h2)         without memory: own

    No gradient leads through the choice of the nearest state, and none is needed: the gate learns when to trust what
    was recalled, and the states learn to predict.
    """
    import keras
    from keras import ops

    from models.backend import set_seed
    from models.frame_reader import run_stack
    from models.lstm import LSTMStack
    from models.lstm_sequence import swap

    def through(stack: LSTMStack, x: Any) -> Any:
        return swap(run_stack(stack, swap(x), stack.zero_states(ops.shape(x)[0], x.dtype), False)[0])

    class Rememberer(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.lower, self.upper = LSTMStack((units,)), LSTMStack((units,))
            self.lower.build(KEYS)
            self.upper.build(units)
            self.own = keras.layers.Dense(KEYS, activation="sigmoid")
            self.own.build((None, units))
            if kind != PLAIN:
                self.side, self.gate = LSTMStack((units,)), keras.layers.Dense(1)
                self.side.build(units)
                self.gate.build((None, units))
            if (
                kind == SEEING
            ):  # from 1: trust what is near, for a gate that begins by shunning it may not turn
                self.caution = self.add_weight(shape=(), initializer="ones", name="caution")
            self.built = True

        def parts(self, frames: Any) -> tuple[Any, Any, Any]:
            """The network's own answer, the gate `[batch, time, 1]`, and the place of the nearest state."""
            below = through(self.lower, frames)
            states = through(self.upper, below)
            places = ops.stop_gradient(nearest_before(states))
            gate = self.gate(through(self.side, below))
            if kind == SEEING:
                gate = gate + self.caution * farness(states, places)
            return self.own(states), ops.sigmoid(gate), places

        def call(self, frames: Any) -> Any:
            if kind == PLAIN:
                return self.own(through(self.upper, through(self.lower, frames)))
            own, gate, places = self.parts(frames)
            return gate * own + (1 - gate) * recall(frames, places)

    set_seed(seed)
    return Rememberer()


def song_loss(answers: Any, outputs: Any) -> Any:
    """Binary cross-entropy of a frame in nats, its 13 keys added up, in the mean over a song: `[batch]`."""
    from keras import ops

    p = ops.clip(outputs, EPSILON, 1 - EPSILON)
    by_key = -answers * ops.log(p) - (1 - answers) * ops.log(1 - p)
    return ops.mean(ops.sum(by_key, axis=-1), axis=-1)


def learn(model: Any, songs: np.ndarray, args: argparse.Namespace, what: str) -> list[float]:
    """Adam on random songs, to answer each frame with the next."""
    import keras

    from experiments.descent import train

    rng = np.random.default_rng(args.seed)

    def draw() -> tuple[np.ndarray, np.ndarray]:
        batch = songs[rng.integers(0, len(songs), args.batch)]
        return batch[:, :-1], batch[:, 1:]

    return train(model, song_loss, draw, args.steps, what, keras.optimizers.Adam(LEARNING_RATE))


# ----------------------------------------------------------------------------------------------- what came out


@dataclass(frozen=True)
class Score:
    """Of a network on songs: loss of a frame in nats, and share of frames of which a key is wrong."""

    loss_new: float
    loss_repeated: float
    wrong_new: float
    wrong_repeated: float


def repeats_of(songs: np.ndarray) -> np.ndarray:
    """Which of the frames to answer, 1 to 127, repeat what a song had before: bool `[songs, 127]`."""
    from experiments.repeats import repeated_frames

    return np.stack([repeated_frames(song)[1:] for song in songs])


def score(model: Any, songs: np.ndarray) -> Score:
    """Score a network on songs' new and repeated frames."""
    answers, repeated = songs[:, 1:], repeats_of(songs)
    outputs = np.asarray(model(songs[:, :-1]))
    loss = np.asarray(song_loss(answers.reshape(-1, 1, KEYS), outputs.reshape(-1, 1, KEYS)))
    loss = loss.reshape(repeated.shape)
    wrong = ((outputs > 0.5) != (answers > 0.5)).any(axis=-1)
    figures = [float(a[mask].mean()) for a in (loss, wrong) for mask in (~repeated, repeated)]
    return Score(*figures)


def findings_of(scores: dict[str, Score], losses: dict[str, list[float]]) -> tuple[Finding, ...]:
    """The figures."""
    from experiments.descent import mean_of_last

    rows = []
    for kind, s in scores.items():
        seed = "never ran" if kind == BLIND else ""
        rows += [
            Finding(f"{kind}: loss of a frame in training, nats", seed, f"{mean_of_last(losses[kind]):.3f}"),
            Finding(
                f"{kind}: loss of unseen songs' repeated and new frames",
                seed,
                f"{s.loss_repeated:.3f}, {s.loss_new:.3f}",
            ),
            Finding(
                f"{kind}: wrong among unseen songs' repeated and new frames",
                seed,
                f"{s.wrong_repeated:.1%}, {s.wrong_new:.1%}",
            ),
        ]
    return tuple(rows)


def verdict(scores: dict[str, Score]) -> str:
    """Whether either memory helps in repeats."""
    wrong = {kind: s.wrong_repeated for kind, s in scores.items()}
    figures = ", ".join(f"{share:.0%} ({kind})" for kind, share in wrong.items())
    helped = [kind for kind in (SEEING, BLIND) if wrong[kind] < 0.5 * wrong[PLAIN]]
    said = "It runs, and learns by gradient descent without evolution. "
    if helped == [SEEING]:
        said += "The memory knows repeats of songs that it never saw, once the gate sees how near the old state is"
    elif helped:
        said += f"The memory knows repeats of songs that it never saw ({' and '.join(helped)})"
    else:
        said += "But neither memory helps much in songs that it never saw"
    return f"{said}. Wrong among their repeated frames: {figures}."


def draw_pictures(
    folder: Path, losses: dict[str, list[float]], models: dict[str, Any], songs: np.ndarray
) -> tuple[tuple[str, str], ...]:
    """Write the pictures; their names and captions."""
    from experiments.pictures import save_curves, save_matrices, save_rolls

    save_curves(folder / "loss.png", losses, "loss of a frame, nats", title="Learning the songs")
    model, seen = models[SEEING], songs[:1, :-1]
    gate, places = (np.asarray(x) for x in model.parts(seen)[1:])
    rolls = {
        "an unseen song, from its second frame": songs[0, 1:],
        "what memory recalls": np.asarray(recall(seen, places))[0],
        "how far the gate trusts it": np.repeat(1 - gate[0], 3, axis=-1),
        **{f"the answer: {kind}": np.asarray(models[kind](seen))[0] for kind in KINDS},
    }
    save_rolls(folder / "answers.png", rolls, "Each frame, foretold from those before it")
    reminded = np.eye(places.shape[1] + 1)[places[0]].T
    save_matrices(
        folder / "reminded.png", {"nearest state": reminded}, "the frame that followed it", "present frame"
    )
    return (
        ("loss.png", "Loss over the steps, by the kind of network."),
        (
            "answers.png",
            "An unseen song, what the memory recalled and how far it was trusted, and the answers.",
        ),
        ("reminded.png", "Which earlier frame each frame brought to mind; a repeat is a slanting line."),
    )

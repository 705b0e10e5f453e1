"""An LSTM with a nearest-neighbour memory: when its state resembles an earlier one, it recalls what came next then.

LSTMs do not pick up repeats in songs that they were not trained on. The author of the original (MusicGeneration) had an
idea for a remedy, but never got it to run. While a song plays, each state of the network is stored together with the
frame that followed. At every frame, the network looks up the stored state nearest to its present one and mixes the frame
that followed it into the prediction, by a gate that another LSTM controls. The idea works here, after two fixes: it
stores the next frame rather than the present one, and it uses the present frame's gate. The original's gate does not
know how close the nearest state is; a second version of the gate does. See how many repeated frames of unseen songs,
which only a memory can predict, each version gets right.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common import flags
from experiments.outcome import Finding, Outcome

KEYS = 13
UNITS = 100
EPSILON = 1e-4
"""Probabilities are kept this far from 0 and 1 in the loss; a recalled frame consists only of zeros and ones."""
LEARNING_RATE = 0.003
SEEING, BLIND, PLAIN = "memory, gate sees distance", "memory, original gate", "no memory"
KINDS = (SEEING, BLIND, PLAIN)
"""The kinds of network: a gate that sees how near the nearest state is, the original's gate, and no memory at all."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--steps",
        type=flags.COUNT_OR_NONE,
        default=100,
        help="training steps for each network (default: 100)",
    )
    parser.add_argument(
        "--batch",
        type=flags.integer(0, 65_536),
        default=16,
        help="songs per training step (default: 16; original: 69)",
    )
    parser.add_argument(
        "--units",
        type=flags.integer(0, 4096),
        default=UNITS,
        help="units in each LSTM layer (default: 100, like the original)",
    )
    parser.add_argument(
        "--held_out",
        type=flags.integer(0, flags.MOST),
        default=4,
        help="hold out every Nth song from training (default: 4)",
    )


def run(args: argparse.Namespace, folder: Path) -> Outcome:
    """Train the network with and without memory, and compare them on held-out songs."""
    from experiments.descent import positive_flag

    positive_flag(args, "steps", "batch", "units")
    from experiments.tunes import load_songs
    from models.layers import startup

    known, unknown = split(load_songs(args.songs).versions, args.held_out)
    startup.import_keras()
    losses, scores, models = {}, {}, {}
    for kind in KINDS:
        models[kind] = build_model(args.units, kind, args.seed)
        losses[kind] = learn(models[kind], known, args, kind)
        scores[kind] = score(models[kind], unknown)
    return Outcome(
        "A nearest-neighbour memory",
        "LSTMs do not notice repeats, so an external memory should tell the network when it has been in a similar state "
        "before, and what the right answer was then. The author did not get this to run, and expected that it would "
        "have to be trained by evolution.",
        findings_of(scores, losses),
        verdict(scores),
        draw_pictures(folder, losses, models, unknown),
    )


# ------------------------------------------------------------------------------------------ the songs


def split(versions: np.ndarray, every: int) -> tuple[np.ndarray, np.ndarray]:
    """Split songs into a training set and a held-out set, keeping all transpositions of a song on the same side.

    Args:
        versions: `[n, 128, 13]`; empty songs are dropped.
        every: every `every`-th song is held out. If there are fewer songs, the last one is.

    Returns:
        All transpositions of the songs to train on, and one version of each held-out song.

    Raises:
        InputError: if `every` is below 2, or there are fewer than two different songs.
    """
    from common.errors import InputError

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
    """For each frame, find the stored state that is nearest to its own state, by L1 distance.

    The memory holds a state of zeros at index 0, and at index s the state of frame s - 1, which was followed by frame
    s. At frame t, indices 0 to t are available.

    Args:
        states: `[batch, time, units]`.

    Returns:
        Indices into the memory, int `[batch, time]`.
    """
    from keras import ops

    time = states.shape[1]
    stored = ops.pad(states[:, :-1], ((0, 0), (1, 0), (0, 0)))
    distance = ops.sum(ops.abs(states[:, :, None] - stored[:, None]), axis=-1)
    known = ops.arange(time)[None, :] <= ops.arange(time)[:, None]
    return ops.argmin(ops.where(known, distance, np.inf), axis=-1)


def recall(frames: Any, places: Any) -> Any:
    """The frames that followed the stored states, `[batch, time, keys]`: frame s for index s, silence for index 0."""
    from keras import ops

    remembered = ops.take_along_axis(frames, places[..., None], axis=1)
    return ops.where(places[..., None] > 0, remembered, 0.0)


def farness(states: Any, places: Any) -> Any:
    """Log of the distance to the nearest stored state, relative to the size of the present state: `[batch, time, 1]`."""
    from keras import ops

    stored = ops.pad(states[:, :-1], ((0, 0), (1, 0), (0, 0)))
    nearest = ops.take_along_axis(stored, places[..., None], axis=1)
    distance = ops.mean(ops.abs(states - nearest), axis=-1, keepdims=True)
    return ops.log(distance / (ops.mean(ops.abs(states), axis=-1, keepdims=True) + 1e-6) + 1e-4)


def build_model(units: int, kind: str, seed: int) -> Any:
    """A Keras model of one of the `KINDS`, from frames to probabilities of the next frame's keys.

        h1 = LSTM(x)    h2 = LSTM(h1)    own = sigmoid(linear(h2))
        gate = sigmoid(linear(LSTM(h1)))            SEEING: sigmoid(linear(LSTM(h1)) + caution farness(h2))
        output = gate own + (1 - gate) recalled(h2)         PLAIN: own

    The choice of the nearest state has no gradient, and needs none: the gate learns when to trust the recalled frame,
    and the states are trained by the network's own prediction.
    """
    import keras
    from keras import ops

    from models.layers.backend import set_seed
    from models.layers.lstm import LSTMStack
    from models.layers.lstm_sequence import swap
    from models.piano.readers.base import run_stack

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
            if kind == SEEING:
                # Starting at 1 means that near states are trusted from the start; a gate that starts by distrusting
                # them might not recover.
                self.caution = self.add_weight(shape=(), initializer="ones", name="caution")
            self.built = True

        def parts(self, frames: Any) -> tuple[Any, Any, Any]:
            """The network's own prediction, the gate `[batch, time, 1]`, and the index of the nearest state."""
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
    """Binary cross-entropy in nats, summed over the 13 keys and averaged over the frames of a song: `[batch]`."""
    from keras import ops

    p = ops.clip(outputs, EPSILON, 1 - EPSILON)
    by_key = -answers * ops.log(p) - (1 - answers) * ops.log(1 - p)
    return ops.mean(ops.sum(by_key, axis=-1), axis=-1)


def learn(model: Any, songs: np.ndarray, args: argparse.Namespace, what: str) -> list[float]:
    """Train with Adam on random songs to predict each frame's successor; returns the losses."""
    import keras

    from experiments.descent import train

    rng = np.random.default_rng(args.seed)

    def draw() -> tuple[np.ndarray, np.ndarray]:
        batch = songs[rng.integers(0, len(songs), args.batch)]
        return batch[:, :-1], batch[:, 1:]

    return train(model, song_loss, draw, args.steps, what, keras.optimizers.Adam(LEARNING_RATE))


# ----------------------------------------------------------------------------------------------- the results


@dataclass(frozen=True)
class Score:
    """A network's performance on songs, separately for new frames and frames that repeat an earlier passage.

    Attributes:
        loss_new, loss_repeated: mean loss per frame, in nats.
        wrong_new, wrong_repeated: fraction of frames in which at least one key is wrong.
    """

    loss_new: float
    loss_repeated: float
    wrong_new: float
    wrong_repeated: float


def repeats_of(songs: np.ndarray) -> np.ndarray:
    """Which of the predicted frames, 1 to 127, repeat an earlier passage of their song: bool `[songs, 127]`."""
    from experiments.repeats import repeated_frames

    return np.stack([repeated_frames(song)[1:] for song in songs])


def score(model: Any, songs: np.ndarray) -> Score:
    """Evaluate a network on the new and on the repeated frames of songs."""
    answers, repeated = songs[:, 1:], repeats_of(songs)
    outputs = np.asarray(model(songs[:, :-1]))
    loss = np.asarray(song_loss(answers.reshape(-1, 1, KEYS), outputs.reshape(-1, 1, KEYS)))
    loss = loss.reshape(repeated.shape)
    wrong = ((outputs > 0.5) != (answers > 0.5)).any(axis=-1)
    figures = [float(a[mask].mean()) for a in (loss, wrong) for mask in (~repeated, repeated)]
    return Score(*figures)


def findings_of(scores: dict[str, Score], losses: dict[str, list[float]]) -> tuple[Finding, ...]:
    """The rows of the table."""
    from experiments.descent import mean_of_last

    rows = []
    for kind, s in scores.items():
        original = "never ran" if kind == BLIND else ""
        rows += [
            Finding(f"{kind}: training loss, nats per frame", original, f"{mean_of_last(losses[kind]):.3f}"),
            Finding(
                f"{kind}: loss on repeated and on new frames of unseen songs",
                original,
                f"{s.loss_repeated:.3f}, {s.loss_new:.3f}",
            ),
            Finding(
                f"{kind}: repeated and new frames of unseen songs predicted wrongly",
                original,
                f"{s.wrong_repeated:.1%}, {s.wrong_new:.1%}",
            ),
        ]
    return tuple(rows)


def verdict(scores: dict[str, Score]) -> str:
    """A sentence on whether either memory helps to predict repeats."""
    wrong = {kind: s.wrong_repeated for kind, s in scores.items()}
    figures = ", ".join(f"{share:.0%} ({kind})" for kind, share in wrong.items())
    helped = [kind for kind in (SEEING, BLIND) if wrong[kind] < 0.5 * wrong[PLAIN]]
    said = "The network runs, and can be trained by gradient descent, without evolution. "
    if helped == [SEEING]:
        said += "The memory predicts repeats in unseen songs if the gate sees how near the recalled state is"
    elif helped:
        said += f"The memory predicts repeats in unseen songs ({'; '.join(helped)})"
    else:
        said += "However, neither memory helps much with unseen songs"
    return f"{said}. Repeated frames predicted wrongly: {figures}."


def draw_pictures(
    folder: Path, losses: dict[str, list[float]], models: dict[str, Any], songs: np.ndarray
) -> tuple[tuple[str, str], ...]:
    """Write the pictures; returns their names and captions."""
    from experiments.pictures import save_curves, save_matrices, save_rolls

    save_curves(folder / "loss.png", losses, "loss, nats per frame", title="Training")
    model, seen = models[SEEING], songs[:1, :-1]
    gate, places = (np.asarray(x) for x in model.parts(seen)[1:])
    rolls = {
        "an unseen song, from its second frame": songs[0, 1:],
        "frame recalled from memory": np.asarray(recall(seen, places))[0],
        "how much the gate trusts the recalled frame": np.repeat(1 - gate[0], 3, axis=-1),
        **{f"prediction: {kind}": np.asarray(models[kind](seen))[0] for kind in KINDS},
    }
    save_rolls(folder / "answers.png", rolls, "Each frame, predicted from the ones before it", songs[0, 1:])
    reminded = np.eye(places.shape[1] + 1)[places[0]].T
    save_matrices(
        folder / "reminded.png", {"nearest state": reminded}, "frame that followed it", "present frame"
    )
    return (
        ("loss.png", "Training loss of each kind of network."),
        (
            "answers.png",
            "An unseen song, what the memory recalled, how much the gate trusted it, and the predictions.",
        ),
        ("reminded.png", "Which earlier frame the memory recalled at each frame; repeats show as diagonals."),
    )

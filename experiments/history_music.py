"""HistoryUser writes music: it learns songs by heart, then plays on from a random first note.

Two of the seeds' networks. The "music generator" answers with 13 numbers, one a key, by squared error; it memorises
the songs and reads what stood 32 and 64 frames before the frame to come, but how to draw a frame from such numbers is
unclear. The "melody generator" has a local LSTM beside the reader and answers with a distribution over 13 keys and a
pause, so that sampling is honest; there the seeds saw it read from a strange 21 frames back. (A misspelt name left
that local LSTM without memory; it has one here unless --memoryless_local is given.) Look at the weights by lag, and
listen.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.outcome import Finding, Outcome

KEYS, PAUSE = 13, 13
LOCAL_SIZES = (75,)
WINDOW = 80


@dataclass(frozen=True)
class System:
    """One of the seeds' generators.

    Attributes:
        title: of the pictures.
        melody: whether frames are one of 13 keys or a pause, or else 13 keys that sound or don't.
        cross_entropy: whether it answers with a distribution, or else by squared error.
        seed_losses: the seed's, at its steps.
    """

    title: str
    melody: bool
    cross_entropy: bool
    seed_losses: dict[int, float]

    @property
    def seed_words(self) -> str:
        """The seed's last loss."""
        step, loss = max(self.seed_losses.items())
        return f"{loss:g} ({step})"


SYSTEMS = {
    "music": System(
        "Music generator",
        False,
        False,
        {0: 118.64, 100: 6.14, 200: 4.89, 300: 4.35, 400: 3.96, 500: 3.53, 600: 3.05, 700: 2.56, 800: 2.31, 1000: 1.89},
    ),
    "melody": System(
        "Melody generator",
        True,
        True,
        {0: 477.5, 100: 161.9, 400: 94.9, 900: 47.0, 1000: 42.1, 1900: 24.7, 2000: 15.5, 2900: 10.8, 3000: 8.98},
    ),
    "melody_squared": System(
        "Melody generator by squared error", True, False, {0: 164.6, 900: 2.04, 1000: 1.797}
    ),
}  # fmt: skip


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of this experiment."""
    parser.add_argument(
        "--systems",
        nargs="+",
        choices=list(SYSTEMS),
        default=["music", "melody"],
        help="which to train (default: music melody)",
    )
    parser.add_argument(
        "--steps", type=int, default=600, help="of each (default: 600; the seed's: 1000, and 3000 for melody)"
    )
    parser.add_argument(
        "--batch", type=int, default=16, help="songs of a step, 0 for all (default: 16; the seed's: 0)"
    )
    parser.add_argument(
        "--memoryless_local",
        action="store_true",
        help="start the melody generator's local LSTM anew at every frame, as the seed's mistake did",
    )


def run(args: argparse.Namespace, folder: Path) -> Outcome:
    """Train each system on the songs, see what it reads, and let it play."""
    from preprocess.errors import InputError

    if args.steps < 1 or args.batch < 0:
        raise InputError("--steps: give a number of 1 or more; --batch: of 0 or more.", "bad_flag")
    from experiments.pictures import save_midi
    from experiments.tunes import load_songs
    from models import quiet

    quiet.import_keras()
    songs = load_songs(args.songs)
    results = {}
    for name in dict.fromkeys(args.systems):
        results[name] = learn(SYSTEMS[name], songs.versions, songs.first, args)
        save_midi(folder / f"{name}.mid", results[name].played)
    findings = tuple(finding for name in results for finding in findings_of(SYSTEMS[name], results[name]))
    return Outcome(
        "HistoryUser writes music",
        "The music generator over-fits 35 songs easily and gave one interesting example among poor ones, without a "
        "grasp of what is near. The melody generator samples more sensibly, but reads from 21 frames back, of all "
        "places.",
        findings,
        verdict(results),
        draw_pictures(folder, results),
        tuple(f"{name}.mid" for name in results),
    )


# ------------------------------------------------------------------------------------------ songs as frames


def as_frames(rolls: np.ndarray, melody: bool) -> np.ndarray:
    """Songs as a system reads them, float32 `[songs, 128, 13]`, or `[songs, 128, 14]` with a pause for melodies.

    Songs with chords are no melodies and are left out of those.
    """
    if not melody:
        return rolls.astype(np.float32)
    rolls = rolls[(rolls.sum(axis=-1) <= 1).all(axis=-1)]
    pause = 1 - rolls.sum(axis=-1, keepdims=True)
    return np.concatenate([rolls, pause], axis=-1).astype(np.float32)


def as_roll(frames: np.ndarray) -> np.ndarray:
    """Struck keys `[frames, 13]` of frames with or without a pause."""
    return frames[..., :KEYS]


# ------------------------------------------------------------------------------------------ the network


def build_model(system: System, memoryless_local: bool, seed: int) -> Any:
    """The reader and its LSTM of 90 units, for melodies with a local LSTM of 75 beside the reader."""
    from models.backend import set_seed
    from models.history_predictor import HistoryPredictor

    set_seed(seed)
    if system.melody:
        return HistoryPredictor(KEYS + 1, KEYS + 1, LOCAL_SIZES, memoryless_local)
    return HistoryPredictor(KEYS, KEYS)


def loss_of(system: System) -> Callable[[Any, Any], Any]:
    """The loss of a song, summed over its 127 predicted frames: a function of answers and outputs, `[batch]`."""
    from keras import ops

    def cross_entropy(answers: Any, outputs: Any) -> Any:
        return -ops.sum(answers * ops.log_softmax(outputs, axis=-1), axis=(1, 2))

    def squared_error(answers: Any, outputs: Any) -> Any:
        return ops.sum(ops.mean(ops.square(answers - outputs), axis=-1), axis=-1)

    return cross_entropy if system.cross_entropy else squared_error


@dataclass(frozen=True)
class Result:
    """What a system learnt.

    Attributes:
        losses: of each step's batch.
        loss: over all songs, after training.
        constant: what the best answer that never changes would have.
        weights: mean weight of each lag, `[80]`, that of lag 1 (the frame before) first.
        new, repeated: the first song's mean loss of a frame that is new to it, and of one within a repeat; None
            where it has no such frames.
        played: what it played, `[128, 13]`.
    """

    losses: list[float]
    loss: float
    constant: float
    weights: np.ndarray
    new: float | None
    repeated: float | None
    played: np.ndarray


def learn(system: System, rolls: np.ndarray, first: np.ndarray, args: argparse.Namespace) -> Result:
    """Train a system to answer each frame of the songs with the next, and let it play."""
    from experiments.descent import train

    frames = as_frames(rolls, system.melody)
    rng = np.random.default_rng(args.seed)

    def draw() -> tuple[np.ndarray, np.ndarray]:
        few = 0 < args.batch < len(frames)
        batch = frames[rng.choice(len(frames), args.batch, replace=False)] if few else frames
        return batch[:, :-1], batch[:, 1:]

    model = build_model(system, args.memoryless_local, args.seed)
    losses = train(model, loss_of(system), draw, args.steps, system.title)
    loss, weights = study(model, system, frames)
    new, repeated = study_repeats(model, system, first)
    played = as_roll(play(model, system, args.seed))
    return Result(losses, loss, constant_loss(system, frames), weights, new, repeated, played)


def constant_loss(system: System, frames: np.ndarray) -> float:
    """The mean loss of answering every frame with how often each key is struck: what a network must beat."""
    shares = frames[:, 1:].mean(axis=(0, 1))
    if system.cross_entropy:
        shares = np.log(np.maximum(shares, 1e-9))
    outputs = np.broadcast_to(shares, frames[:, 1:].shape)
    return float(np.mean(loss_of(system)(frames[:, 1:], outputs)))


def study(model: Any, system: System, frames: np.ndarray) -> tuple[float, np.ndarray]:
    """The mean loss of all songs, and the mean weight by lag over frames that have 80 others before them."""
    from keras import ops

    reading = model.history(frames[:, :-1])
    loss = float(ops.mean(loss_of(system)(frames[:, 1:], model.head(reading.outputs))))
    weights = ops.convert_to_numpy(reading.weights)[:, WINDOW:].mean(axis=(0, 1))
    return loss, weights[::-1]


def study_repeats(model: Any, system: System, song: np.ndarray) -> tuple[float | None, float | None]:
    """The mean loss of a song's new and of its repeated frames."""
    from experiments.repeats import repeated_frames

    frames = as_frames(song[None], system.melody)
    if not len(frames):
        return None, None
    outputs, answers = model(frames[:, :-1])[0], frames[0, 1:]
    by_frame = np.asarray(loss_of(system)(answers[:, None], outputs[:, None]))
    repeated = repeated_frames(song)[1:]
    means = [float(by_frame[mask].mean()) if mask.any() else None for mask in (~repeated, repeated)]
    return means[0], means[1]


# ------------------------------------------------------------------------------------------ playing


def play(model: Any, system: System, seed: int, length: int = 128) -> np.ndarray:
    """One random note, then frame after frame as the model says: `[length, 13 or 14]`."""
    rng = np.random.default_rng(seed)
    depth = KEYS + 1 if system.melody else KEYS
    frame = np.eye(depth, dtype=np.float32)[rng.integers(KEYS)]
    state, frames = model.history.zero_state(1), []
    for _ in range(length):
        frames.append(frame)
        reading = model.step(frame[None], state)
        state = reading.state
        frame = draw_frame(np.asarray(reading.outputs)[0], system, rng)
    return np.stack(frames)


def draw_frame(outputs: np.ndarray, system: System, rng: np.random.Generator) -> np.ndarray:
    """The next frame, one-hot or empty.

    From logits by their softmax. From outputs of squared error they are clipped to 0..1 and divided by their sum;
    without a pause among them that sum is, as the seed has it, the probability that there is a note at all.
    """
    if system.cross_entropy:
        shares = np.exp(outputs - outputs.max())
    else:
        shares = np.clip(outputs, 0, 1)
        if not system.melody and rng.random() >= shares.sum():
            return np.zeros(len(outputs), np.float32)
    if not shares.sum():
        return np.eye(len(outputs), dtype=np.float32)[PAUSE]
    return np.eye(len(outputs), dtype=np.float32)[rng.choice(len(outputs), p=shares / shares.sum())]


# ----------------------------------------------------------------------------------------------- what came out


def peaks(weights: np.ndarray, count: int = 3) -> list[int]:
    """The lags of the highest local maxima of the weights `[80]` that are above an even share, the highest first."""
    padded = np.pad(weights, 1, constant_values=-np.inf)
    tops = np.flatnonzero(
        (padded[1:-1] > padded[:-2]) & (padded[1:-1] >= padded[2:]) & (weights > 1 / len(weights))
    )
    return [int(i) + 1 for i in tops[np.argsort(-weights[tops])][:count]]


def findings_of(system: System, result: Result) -> list[Finding]:
    """The figures of one system."""
    what = system.title.lower()
    seed_peaks = "21" if system.cross_entropy else "powers of two" if system.melody else "31, 63"
    findings = [
        Finding(f"{what}: loss at step 0", f"{system.seed_losses[0]:g}", f"{result.losses[0]:.4g}"),
        Finding(f"{what}: loss after {len(result.losses)} steps", system.seed_words, f"{result.loss:.4g}"),
        Finding(f"{what}: loss of an answer that never changes", "", f"{result.constant:.4g}"),
        Finding(f"{what}: lags it reads most", seed_peaks, ", ".join(map(str, peaks(result.weights)))),
    ]
    if result.new is not None and result.repeated is not None:
        said = "repeats better" if not system.melody else ""
        here = f"{result.new:.4f}, {result.repeated:.4f}"
        findings.append(Finding(f"{what}: loss of a new and of a repeated frame, first song", said, here))
    notes = result.played.any(axis=-1).sum()
    findings.append(
        Finding(f"{what}: notes in the {len(result.played)} frames it played", "", f"{notes:.0f}")
    )
    return findings


def verdict(results: dict[str, Result]) -> str:
    """What the losses and the weights say."""
    sentences = []
    for name, result in results.items():
        share = result.loss / result.constant
        learnt = "has not learnt the songs"
        if share < 0.9:
            learnt = "has learnt a part of the songs" if share > 0.1 else "has the songs nearly by heart"
        back = [lag + 1 for lag in peaks(result.weights)]
        bars = [f"{frames}" for frames in back if frames % 8 == 0]
        sentences.append(
            f"The {SYSTEMS[name].title.lower()} {learnt}: its loss is {share:.0%} of what an answer that never changes "
            f"has. Counted from the frame to come it reads most from {', '.join(map(str, back))} frames before "
            f"(whole bars: {', '.join(bars) or 'none'})."
        )
    return " ".join(sentences)


def draw_pictures(folder: Path, results: dict[str, Result]) -> tuple[tuple[str, str], ...]:
    """Write the pictures; their names and captions."""
    from experiments.pictures import save_curves, save_rolls

    pictures = []
    for name, result in results.items():
        system = SYSTEMS[name]
        seed = (list(system.seed_losses), list(system.seed_losses.values()))
        curves: dict[str, Any] = {"here": result.losses, "the seed": seed}
        save_curves(folder / f"{name}.png", curves, "loss of a song", title=system.title, logarithmic=True)
        pictures.append((f"{name}.png", f"{system.title}: loss over the steps, beside the seed's."))
    reads: dict[str, Any] = {
        SYSTEMS[name].title: (range(1, WINDOW + 1), result.weights.tolist())
        for name, result in results.items()
    }
    over = "frames back from the present one (31 is 32 before the frame to come)"
    save_curves(folder / "weights.png", reads, "mean weight", over, "Where they read")
    rolls = {SYSTEMS[name].title: result.played for name, result in results.items()}
    save_rolls(folder / "played.png", rolls, "What they played")
    pictures.append(("weights.png", "Mean weight of each lag over the songs."))
    pictures.append(("played.png", "What they played from one random note."))
    return tuple(pictures)

"""HistoryUser generates music: it memorises songs, then continues from a random first note.

Two networks from the original (MusicGeneration) are trained to predict each frame of the songs from the ones before it.
The "music generator" has 13 outputs, one for each key, trained by squared error. It memorises the songs and attends to
the frames 32 and 64 steps before the one it predicts, but there is no proper way to sample a frame from its outputs.
The "melody generator" adds a local LSTM in parallel with the reader, and outputs a distribution over 13 keys and a
pause, which can be sampled directly; the original's attended to a lag of 21 frames, which fits no musical period. (A
misspelt variable left the original's local LSTM without memory. --memoryless_local reproduces that.) See which lags
the networks read, compare the losses with the original's, and listen to the generated MIDI files.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common import flags
from experiments.outcome import Finding, Outcome

KEYS, PAUSE = 13, 13
LOCAL_SIZES = (75,)
WINDOW = 80


@dataclass(frozen=True)
class System:
    """One of the original's generators.

    Attributes:
        title: name for pictures and tables.
        melody: whether a frame is one of 13 keys or a pause; otherwise it is 13 keys that may be struck together.
        cross_entropy: whether the outputs are logits of a distribution; otherwise they are trained by squared error.
        original_losses: the original's loss, by training step.
    """

    title: str
    melody: bool
    cross_entropy: bool
    original_losses: dict[int, float]

    @property
    def last_original_loss(self) -> str:
        """The original's last loss and, in brackets, its step."""
        step, loss = max(self.original_losses.items())
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
        "Melody generator with squared error", True, False, {0: 164.6, 900: 2.04, 1000: 1.797}
    ),
}  # fmt: skip


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--systems",
        nargs="+",
        choices=list(SYSTEMS),
        default=["music", "melody"],
        help="which networks to train (default: music melody)",
    )
    parser.add_argument(
        "--steps",
        type=flags.COUNT_OR_NONE,
        default=600,
        help="training steps for each network (default: 600; original: 1000, and 3000 for melody)",
    )
    parser.add_argument(
        "--batch",
        type=flags.integer(0, 65_536),
        default=16,
        help="songs per training step, 0 for all of them (default: 16; original: 0)",
    )
    parser.add_argument(
        "--memoryless_local",
        action="store_true",
        help="reset the melody generator's local LSTM at every frame, reproducing a bug in the original",
    )


def run(args: argparse.Namespace, folder: Path) -> Outcome:
    """Train each system on the songs, measure which lags it reads, and generate from it."""
    from common.errors import InputError

    if args.steps < 1 or args.batch < 0:
        raise InputError("--steps: give a number of 1 or more; --batch: of 0 or more.", "bad_flag")
    from experiments.pictures import save_midi
    from experiments.tunes import load_songs
    from models.layers import startup

    startup.import_keras()
    songs = load_songs(args.songs)
    results = {}
    for name in dict.fromkeys(args.systems):
        results[name] = learn(SYSTEMS[name], songs.versions, songs.first, args)
        save_midi(folder / f"{name}.mid", results[name].played)
    findings = tuple(finding for name in results for finding in findings_of(SYSTEMS[name], results[name]))
    return Outcome(
        "HistoryUser generates music",
        "The music generator easily overfitted 35 songs; most of its output was poor, with one interesting example, and "
        "it did not capture local structure. Sampling from the melody generator worked better, but it read mostly from "
        "21 frames back, which the author could not explain.",
        findings,
        verdict(results),
        draw_pictures(folder, results),
        tuple(f"{name}.mid" for name in results),
    )


# ------------------------------------------------------------------------------------------ songs as frames


def as_frames(rolls: np.ndarray, melody: bool) -> np.ndarray:
    """Encode songs for a system: float32 `[songs, 128, 13]`, or for melodies `[songs, 128, 14]` with a pause.

    Songs that contain chords cannot be encoded as melodies and are left out.
    """
    if not melody:
        return rolls.astype(np.float32)
    rolls = rolls[(rolls.sum(axis=-1) <= 1).all(axis=-1)]
    pause = 1 - rolls.sum(axis=-1, keepdims=True)
    return np.concatenate([rolls, pause], axis=-1).astype(np.float32)


def as_roll(frames: np.ndarray) -> np.ndarray:
    """Struck keys `[frames, 13]`, dropping the pause if there is one."""
    return frames[..., :KEYS]


# ------------------------------------------------------------------------------------------ the network


def build_model(system: System, memoryless_local: bool, seed: int) -> Any:
    """HistoryUser and its final LSTM of 90 units; for melodies also a local LSTM of 75 units in parallel."""
    from models.layers.backend import set_seed
    from models.piano.readers.history_predictor import HistoryPredictor

    set_seed(seed)
    if system.melody:
        return HistoryPredictor(KEYS + 1, KEYS + 1, LOCAL_SIZES, memoryless_local)
    return HistoryPredictor(KEYS, KEYS)


def loss_of(system: System) -> Callable[[Any, Any], Any]:
    """The loss as a function of targets and outputs, `[batch]`: per song, summed over its 127 predicted frames."""
    from keras import ops

    def cross_entropy(answers: Any, outputs: Any) -> Any:
        return -ops.sum(answers * ops.log_softmax(outputs, axis=-1), axis=(1, 2))

    def squared_error(answers: Any, outputs: Any) -> Any:
        return ops.sum(ops.mean(ops.square(answers - outputs), axis=-1), axis=-1)

    return cross_entropy if system.cross_entropy else squared_error


@dataclass(frozen=True)
class Result:
    """The results for one system.

    Attributes:
        losses: training loss of each step.
        loss: mean loss per song over all songs, after training.
        constant: mean loss per song of the best constant output.
        weights: mean weight of each lag, `[80]`, starting with lag 1 (the previous frame).
        new, repeated: mean loss per frame in the first song, over new frames and over frames that repeat an earlier
            passage; None if there are no such frames.
        played: a generated song, `[128, 13]`.
    """

    losses: list[float]
    loss: float
    constant: float
    weights: np.ndarray
    new: float | None
    repeated: float | None
    played: np.ndarray


def learn(system: System, rolls: np.ndarray, first: np.ndarray, args: argparse.Namespace) -> Result:
    """Train a system to predict the next frame of the songs, evaluate it, and generate from it."""
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
    """Mean loss of predicting, for every frame, how often each key is struck: the baseline for a network."""
    shares = frames[:, 1:].mean(axis=(0, 1))
    if system.cross_entropy:
        shares = np.log(np.maximum(shares, 1e-9))
    outputs = np.broadcast_to(shares, frames[:, 1:].shape)
    return float(np.mean(loss_of(system)(frames[:, 1:], outputs)))


def study(model: Any, system: System, frames: np.ndarray) -> tuple[float, np.ndarray]:
    """Mean loss over all songs, and mean weight by lag, over frames with at least 80 frames before them."""
    from keras import ops

    reading = model.history(frames[:, :-1])
    loss = float(ops.mean(loss_of(system)(frames[:, 1:], model.head(reading.outputs))))
    weights = ops.convert_to_numpy(reading.weights)[:, WINDOW:].mean(axis=(0, 1))
    return loss, weights[::-1]


def study_repeats(model: Any, system: System, song: np.ndarray) -> tuple[float | None, float | None]:
    """Mean loss per frame over a song's new frames, and over its repeated frames."""
    from experiments.repeats import repeated_frames

    frames = as_frames(song[None], system.melody)
    if not len(frames):
        return None, None
    outputs, answers = model(frames[:, :-1])[0], frames[0, 1:]
    by_frame = np.asarray(loss_of(system)(answers[:, None], outputs[:, None]))
    repeated = repeated_frames(song)[1:]
    means = [float(by_frame[mask].mean()) if mask.any() else None for mask in (~repeated, repeated)]
    return means[0], means[1]


# ------------------------------------------------------------------------------------------ generation


def play(model: Any, system: System, seed: int, length: int = 128) -> np.ndarray:
    """Generate from a random first note, feeding each sampled frame back in: `[length, 13 or 14]`."""
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
    """Sample the next frame, one-hot or empty, from a system's outputs.

    Logits are sampled by softmax. Outputs trained by squared error are clipped to 0..1 and normalised; if there is no
    pause among them, their sum before normalising is, as in the original, the probability of a note at all.
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


# ----------------------------------------------------------------------------------------------- the results


def peaks(weights: np.ndarray, count: int = 3) -> list[int]:
    """Lags of the highest local maxima of the weights `[80]` that exceed uniform weight, highest first."""
    padded = np.pad(weights, 1, constant_values=-np.inf)
    tops = np.flatnonzero(
        (padded[1:-1] > padded[:-2]) & (padded[1:-1] >= padded[2:]) & (weights > 1 / len(weights))
    )
    return [int(i) + 1 for i in tops[np.argsort(-weights[tops])][:count]]


def findings_of(system: System, result: Result) -> list[Finding]:
    """The table rows for one system."""
    what = system.title.lower()
    original_peaks = "21" if system.cross_entropy else "powers of two" if system.melody else "31, 63"
    findings = [
        Finding(f"{what}: loss at step 0", f"{system.original_losses[0]:g}", f"{result.losses[0]:.4g}"),
        Finding(
            f"{what}: loss after {len(result.losses)} steps", system.last_original_loss, f"{result.loss:.4g}"
        ),
        Finding(f"{what}: loss of the best constant output", "", f"{result.constant:.4g}"),
        Finding(f"{what}: lags read most", original_peaks, ", ".join(map(str, peaks(result.weights)))),
    ]
    if result.new is not None and result.repeated is not None:
        said = "repeated frames are predicted better" if not system.melody else ""
        here = f"{result.new:.4f}, {result.repeated:.4f}"
        findings.append(Finding(f"{what}: loss per new and per repeated frame, first song", said, here))
    notes = result.played.any(axis=-1).sum()
    findings.append(Finding(f"{what}: notes in {len(result.played)} generated frames", "", f"{notes:.0f}"))
    return findings


def verdict(results: dict[str, Result]) -> str:
    """A summary of the losses and of the lags that the networks read."""
    sentences = []
    for name, result in results.items():
        share = result.loss / result.constant
        learnt = "has not learned the songs"
        if share < 0.9:
            learnt = "has partly learned the songs" if share > 0.1 else "has almost memorised the songs"
        back = [lag + 1 for lag in peaks(result.weights)]
        bars = [f"{frames}" for frames in back if frames % 8 == 0]
        sentences.append(
            f"The {SYSTEMS[name].title.lower()} {learnt}: its loss is {share:.0%} of that of the best constant output. "
            f"Counted back from the frame that it predicts, it reads most from {', '.join(map(str, back))} frames "
            f"before (whole bars: {', '.join(bars) or 'none'})."
        )
    return " ".join(sentences)


def draw_pictures(folder: Path, results: dict[str, Result]) -> tuple[tuple[str, str], ...]:
    """Write the pictures; returns their names and captions."""
    from experiments.pictures import save_curves, save_rolls

    pictures = []
    for name, result in results.items():
        system = SYSTEMS[name]
        original = (list(system.original_losses), list(system.original_losses.values()))
        curves: dict[str, Any] = {"here": result.losses, "original": original}
        save_curves(folder / f"{name}.png", curves, "loss per song", title=system.title, logarithmic=True)
        pictures.append((f"{name}.png", f"{system.title}: training loss, and the original's."))
    reads: dict[str, Any] = {
        SYSTEMS[name].title: (range(1, WINDOW + 1), result.weights.tolist())
        for name, result in results.items()
    }
    over = "lag from the present frame (31 is 32 frames before the predicted one)"
    save_curves(folder / "weights.png", reads, "mean weight", over, "Where the networks read")
    rolls = {SYSTEMS[name].title: result.played for name, result in results.items()}
    save_rolls(folder / "played.png", rolls, "Generated songs")
    pictures.append(("weights.png", "Mean weight of each lag, over all songs."))
    pictures.append(("played.png", "What the networks generate from a random first note."))
    return tuple(pictures)

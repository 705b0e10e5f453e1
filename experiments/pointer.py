"""Sanity check: can HistoryUser's LSTMs learn to put all of their softmax weight on one memory slot?

When HistoryUser would not learn to copy (see history_copy), the original (MusicGeneration) tested its LSTMs alone:
whatever the input bits are, from frame 64 on a softmax over 80 slots must put all of its weight on slot 16, the one
that the copy task needs. They learned it within 200 steps, so the bug was elsewhere. Compare the loss with the
original's, and see how the weights of the slots develop over the frames.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from common import flags
from experiments.outcome import Finding, Outcome

FRAMES, FROM, KEYS = 192, 64, 13
SLOTS, SLOT = 80, 16
SIZES = (70, 50)
ORIGINAL_LOSSES = {0: 0.01233, 200: 6.01e-6}
ORIGINAL_SHARE = 0.99993


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--steps",
        type=flags.COUNT_OR_NONE,
        default=200,
        help="training steps (default: 200, like the original)",
    )
    parser.add_argument(
        "--batch",
        type=flags.integer(0, 65_536),
        default=16,
        help="examples per training step (default: 16; original: 128)",
    )


def run(args: argparse.Namespace, folder: Path) -> Outcome:
    """Train the LSTMs, and measure how much weight they put on the slot."""
    from experiments.descent import positive_flag, train

    positive_flag(args, "steps", "batch")
    from models.layers import startup

    startup.import_keras()
    model, rng = build_model(args.seed), np.random.default_rng(args.seed)
    losses = train(model, pointing_loss, lambda: draw(rng, args.batch), args.steps + 1, "pointing")
    shares = np.asarray(model(draw(rng, 1)[0]))[0]
    share = float(shares[FROM:, SLOT].mean())
    found = (
        Finding("mean squared error at step 0", f"{ORIGINAL_LOSSES[0]:g}", f"{losses[0]:.5f}"),
        Finding(f"mean squared error at step {args.steps}", "6.0e-06 (200)", f"{losses[-1]:.1e}"),
        Finding(f"weight on slot {SLOT} in frames {FROM} and later", f"{ORIGINAL_SHARE:g}", f"{share:.5f}"),
    )
    return Outcome(
        "Pointing at one slot",
        "The LSTMs alone learned within 200 steps to put all of the weight on slot 16 from frame 64 on.",
        found,
        f"The LSTMs {'learn to point' if share > 0.95 else 'have not learned to point'}: after {args.steps} steps, "
        f"{share:.3%} of the weight is on slot {SLOT}.",
        draw_pictures(folder, losses, shares),
    )


def draw(rng: np.random.Generator, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs: random bits `[batch, 192, 13]`, the last 64 frames empty. Targets: `[batch, 192, 80]`, 1 on slot 16."""
    shown = rng.integers(0, 2, (batch, FRAMES, KEYS)).astype(np.float32)
    shown[:, FRAMES - FROM :] = 0
    wanted = np.zeros((batch, FRAMES, SLOTS), np.float32)
    wanted[..., SLOT] = 1
    return shown, wanted


def pointing_loss(wanted: Any, shares: Any) -> Any:
    """Mean squared error of the weights in frames 64 and later, `[batch]`; for uniform weights it is 0.0123."""
    from keras import ops

    return ops.mean(ops.square(wanted - shares)[:, FROM:], axis=(1, 2))


def build_model(seed: int) -> Any:
    """LSTMs of 70 and 50 units and a softmax over 80 slots: HistoryUser's reader, with nothing to read."""
    import keras

    from models.layers.backend import set_seed
    from models.layers.lstm import LSTMStack
    from models.layers.lstm_sequence import swap
    from models.piano.readers.base import run_stack

    class Pointer(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.reader = LSTMStack(SIZES)
            self.reader.build(KEYS)
            self.head = keras.layers.Dense(SLOTS, activation="softmax")
            self.head.build((None, SIZES[-1]))
            self.built = True

        def call(self, frames: Any) -> Any:
            states = self.reader.zero_states(keras.ops.shape(frames)[0], frames.dtype)
            hidden, _ = run_stack(self.reader, swap(frames), states, False)
            return self.head(swap(hidden))

    set_seed(seed)
    return Pointer()


def draw_pictures(folder: Path, losses: list[float], shares: np.ndarray) -> tuple[tuple[str, str], ...]:
    """Write the pictures; returns their names and captions."""
    from experiments.pictures import save_curves, save_matrices

    curves: dict[str, Any] = {
        "here": losses,
        "original": (list(ORIGINAL_LOSSES), list(ORIGINAL_LOSSES.values())),
    }
    save_curves(
        folder / "loss.png", curves, "mean squared error", logarithmic=True, title="Pointing at slot 16"
    )
    save_matrices(folder / "shares.png", {"weights after training": shares.T}, "slot", "frame")
    return (
        ("loss.png", "Training loss, and the two losses that the original published."),
        (
            "shares.png",
            "Weights of the 80 slots over the frames of a sequence; only frames 64 and later were trained.",
        ),
    )

"""A sanity test: can LSTMs learn to point, always, at one slot of a memory?

When HistoryUser would not learn to copy, the seed took everything away but its LSTMs: whatever bits come in, 80
shares must lie on slot 16 alone from frame 64 on, which is where the copy task wants them. They learn it at once, so
the fault lay elsewhere. Look at the loss, and at how the shares of all slots change over the frames.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from experiments.outcome import Finding, Outcome

FRAMES, FROM, KEYS = 192, 64, 13
SLOTS, SLOT = 80, 16
SIZES = (70, 50)
SEED_LOSSES = {0: 0.01233, 200: 6.01e-6}
SEED_SHARE = 0.99993


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of this experiment."""
    parser.add_argument("--steps", type=int, default=200, help="of training (default: 200, the seed's)")
    parser.add_argument("--batch", type=int, default=16, help="of a step (default: 16; the seed's: 128)")


def run(args: argparse.Namespace, folder: Path) -> Outcome:
    """Train it, and look where it points."""
    from experiments.descent import positive_flag, train

    positive_flag(args, "steps", "batch")
    from models import quiet

    quiet.import_keras()
    model, rng = build_model(args.seed), np.random.default_rng(args.seed)
    losses = train(model, pointing_loss, lambda: draw(rng, args.batch), args.steps + 1, "pointing")
    shares = np.asarray(model(draw(rng, 1)[0]))[0]
    share = float(shares[FROM:, SLOT].mean())
    found = (
        Finding("mean squared error, step 0", f"{SEED_LOSSES[0]:g}", f"{losses[0]:.5f}"),
        Finding(f"mean squared error, step {args.steps}", "6.0e-06 (200)", f"{losses[-1]:.1e}"),
        Finding(f"share of slot {SLOT}, frames {FROM} and later", f"{SEED_SHARE:g}", f"{share:.5f}"),
    )
    return Outcome(
        "Pointing at one slot",
        "A check of the LSTMs alone: all of the mass on slot 16 from frame 64 on. It was learnt in 200 steps.",
        found,
        f"The LSTMs {'learn to point' if share > 0.95 else 'have not learnt to point'}: {share:.3%} of the mass lies "
        f"on slot {SLOT} after {args.steps} steps.",
        draw_pictures(folder, losses, shares),
    )


def draw(rng: np.random.Generator, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Random bits `[batch, 192, 13]`, the last 64 frames empty, and shares `[batch, 192, 80]`, all on slot 16."""
    shown = rng.integers(0, 2, (batch, FRAMES, KEYS)).astype(np.float32)
    shown[:, FRAMES - FROM :] = 0
    wanted = np.zeros((batch, FRAMES, SLOTS), np.float32)
    wanted[..., SLOT] = 1
    return shown, wanted


def pointing_loss(wanted: Any, shares: Any) -> Any:
    """Mean squared error of the shares of frames 64 and later: `[batch]`. Even shares have 0.0123."""
    from keras import ops

    return ops.mean(ops.square(wanted - shares)[:, FROM:], axis=(1, 2))


def build_model(seed: int) -> Any:
    """LSTM 70, LSTM 50, and a softmax of 80: HistoryUser's reader without anything to read."""
    import keras

    from models.backend import set_seed
    from models.frame_reader import run_stack
    from models.lstm import LSTMStack
    from models.lstm_sequence import swap

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
    """Write the pictures; their names and captions."""
    from experiments.pictures import save_curves, save_matrices

    curves: dict[str, Any] = {"here": losses, "the seed": (list(SEED_LOSSES), list(SEED_LOSSES.values()))}
    save_curves(
        folder / "loss.png", curves, "mean squared error", logarithmic=True, title="Pointing at slot 16"
    )
    save_matrices(folder / "shares.png", {"shares after training": shares.T}, "slot", "frame")
    return (
        ("loss.png", "Loss over the steps; the seed printed two of its own."),
        ("shares.png", "The shares of the 80 slots over a sequence; only frames 64 and later were trained."),
    )

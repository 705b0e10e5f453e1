"""HistoryUser learns to copy: bits are shown once, and 64 frames later it must say them again.

Two LSTM layers turn the present frame into 80 weights, one for each of the last 80 frames, and the answer is the
sum of those frames by the weights: the network says where to read without seeing what stands there. The seeds found
that it learns this by a few steps of gradient descent and, just as well, by the plainest evolution; a third form,
all frames at once, wanted more than 16 GB. Look at the two curves beside the seed's figures, at the weights, which
gather at 64 frames back, and at the memory that a training step takes here.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from experiments.outcome import Finding, Outcome

FRAMES, LAG, KEYS = 192, 64, 13
WINDOW = 80
READER_SIZES = (70, 50)
MUTATION = 0.1
CHANCE = 0.25 * (FRAMES - LAG)
"""Loss of answering 1/2 to everything; reading one wrong frame gives twice as much."""

SEED_GRADIENT = ((0, 200), (34.2074, 5e-5))
"""Steps and losses; the last was printed as 0.0000."""
SEED_EVOLUTION = ((0, 23, 34, 40, 44, 50, 58, 70), (36.79, 29.6, 14.8, 3.81, 0.357, 0.0447, 0.0054, 0.0015))
SEED_BATCH = 128
SEED_MEMORY_GB = 16


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of this experiment."""
    parser.add_argument(
        "--steps", type=int, default=200, help="of gradient descent (default: 200, the seed's)"
    )
    parser.add_argument("--batch", type=int, default=128, help="of a step (default: 128, the seed's)")
    parser.add_argument("--generations", type=int, default=70, help="of evolution (default: 70, the seed's)")
    parser.add_argument(
        "--children", type=int, default=200, help="of a generation (default: 200, the seed's)"
    )
    parser.add_argument(
        "--evolution_batch",
        type=int,
        default=3,
        help="examples that judge a generation (default: 3; the seed's 128 take some 30 times as long)",
    )


def run(args: argparse.Namespace, folder: Path) -> Outcome:
    """Learn it both ways, and measure the memory of a step."""
    from experiments.descent import positive_flag

    positive_flag(args, "steps", "batch", "generations", "children", "evolution_batch")
    megabytes = memory_of_a_step()
    from models import quiet

    quiet.import_keras()
    reader, probe = build_reader(args.seed), draw_copies(np.random.default_rng(args.seed + 2), 16)[0]
    weights = {"before learning": mean_weights(reader, probe)}
    by_gradient = learn_by_gradient(reader, args.steps, args.batch, args.seed)
    weights["after gradient descent"] = mean_weights(reader, probe)
    reader = build_reader(args.seed)
    by_evolution = learn_by_evolution(
        reader, args.generations, args.children, args.evolution_batch, args.seed
    )
    weights["after evolution"] = mean_weights(reader, probe)
    return Outcome(
        "HistoryUser learns to copy",
        "It joyfully converges to zero loss after a couple of steps of gradient descent, and even the dumbest "
        "evolution trains it. Rewritten to run all frames at once, it needed more than 16 GB of memory.",
        (
            Finding("loss by gradient, step 0", "34.21", f"{by_gradient[0]:.2f}"),
            Finding(f"loss by gradient, step {args.steps}", "0.0000 (200)", f"{by_gradient[-1]:.4f}"),
            Finding("loss by evolution, generation 0", "36.79", f"{by_evolution[0]:.2f}"),
            Finding(
                f"loss by evolution, generation {args.generations}", "0.0015 (70)", f"{by_evolution[-1]:.4f}"
            ),
            Finding(
                "weight of 64 frames back: before, by gradient, by evolution",
                "",
                ", ".join(f"{w[WINDOW - LAG]:.3f}" for w in weights.values()),
            ),
            Finding(
                f"memory of a step, {WINDOW} lags, {FRAMES} frames, batch {SEED_BATCH}",
                f"over {SEED_MEMORY_GB} GB",
                f"{megabytes / 1024:.2f} GB",
            ),
        ),
        verdict(by_gradient[-1], by_evolution[-1], megabytes),
        draw_pictures(folder, by_gradient, by_evolution, weights),
    )


# ---------------------------------------------------------------------------------------------- the task


def draw_copies(rng: np.random.Generator, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Frames of random bits, the last 64 of them empty, and the same 64 frames later, `[batch, 192, 13]` each."""
    shown, said = (np.zeros((batch, FRAMES, KEYS), np.float32) for _ in range(2))
    shown[:, : FRAMES - LAG] = rng.integers(0, 2, (batch, FRAMES - LAG, KEYS))
    said[:, LAG:] = shown[:, : FRAMES - LAG]
    return shown, said


def copy_loss(said: Any, outputs: Any) -> Any:
    """Mean squared error of a frame, summed over frames 64 to 191: `[batch]`."""
    from keras import ops

    return ops.sum(ops.mean(ops.square(said - outputs)[:, LAG:], axis=-1), axis=-1)


def build_reader(seed: int) -> Any:
    """A model whose answer is the read itself: nothing but where it reads is to be learnt."""
    import keras

    from models.backend import set_seed
    from models.history_user import HistoryUser, window_lags

    class Reader(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.history = HistoryUser(window_lags(WINDOW), READER_SIZES, (), (), attention_stddev=1.0)
            self.history.build(KEYS)
            self.built = True

        def call(self, frames: Any) -> Any:
            return self.history(frames).outputs

    set_seed(seed)
    return Reader()


def mean_weights(reader: Any, frames: np.ndarray) -> np.ndarray:
    """The share of each slot in the reads of frames 64 and later, `[80]`, the oldest slot first."""
    from keras import ops

    return ops.convert_to_numpy(reader.history(frames).weights)[:, LAG:].mean(axis=(0, 1))


# ------------------------------------------------------------------------------------------ two ways to learn


def learn_by_gradient(reader: Any, steps: int, batch: int, seed: int) -> list[float]:
    """Adam on a fresh batch each step; the losses before each step, and at the end."""
    from experiments.descent import train

    rng = np.random.default_rng(seed)
    return train(reader, copy_loss, lambda: draw_copies(rng, batch), steps + 1, "gradient descent")


def learn_by_evolution(reader: Any, generations: int, children: int, batch: int, seed: int) -> list[float]:
    """Move the weights by no gradient: the fitter a child, the more of it is in the next parent.

        child_i = parent + 0.1 N(0, 1)
        fitness_i = max_j loss_j - loss_i             all on one fresh batch
        parent <- sum_i fitness_i child_i / sum_i fitness_i

    Returns:
        The parent's loss before each generation, on that generation's batch, and at the end, on 16 examples.
    """
    from keras import ops

    from preprocess.console import progress

    rng, losses = np.random.default_rng(seed + 1), []
    judge = child_losses(reader)
    parent = np.concatenate([ops.convert_to_numpy(v).ravel() for v in reader.trainable_variables])
    with progress("evolution", generations) as advance:
        for _ in range(generations):
            noise = rng.standard_normal((children, parent.size), dtype=np.float32)
            litter = parent + np.float32(MUTATION) * noise
            of_parent, *found = judge(np.vstack([parent, litter]), *draw_copies(rng, batch))
            losses.append(float(of_parent))
            fitness = max(found) - np.array(found)
            parent = (fitness @ litter / fitness.sum()).astype(np.float32)
            advance()
    assign(reader, parent)
    return [*losses, own_loss(reader, *draw_copies(rng, 16))]


def child_losses(reader: Any) -> Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    """A compiled function of weights `[children, all weights]`, frames and answers: each child's loss `[children]`.

    Each child is a forward pass of the model itself with its weights in place of the model's, one child after the
    other, for then a child's 50 000 weights stay in the processor's cache for all of its 192 frames.
    """
    from keras import ops

    from models.backend import compiled, scan

    fixed = list(reader.non_trainable_variables)

    def judge(litter: Any, shown: Any, said: Any) -> Any:
        def one(carry: Any, weights: Any) -> tuple[Any, Any]:
            outputs, _ = reader.stateless_call(unflatten(reader, weights), fixed, shown)
            return carry, ops.mean(copy_loss(said, outputs))

        return scan(one, ops.zeros(()), litter)[1]

    run_all = compiled(judge)
    return lambda *arrays: ops.convert_to_numpy(run_all(*(ops.convert_to_tensor(a) for a in arrays)))


def own_loss(reader: Any, shown: np.ndarray, said: np.ndarray) -> float:
    """The loss of the model with its own weights."""
    return float(np.mean(copy_loss(said, reader(shown))))


def unflatten(reader: Any, flat: Any) -> list[Any]:
    """One row of weights as the arrays of the model's variables."""
    from keras import ops

    sizes = [int(np.prod(v.shape)) for v in reader.trainable_variables]
    ends = np.cumsum(sizes)
    shapes = [v.shape for v in reader.trainable_variables]
    return [ops.reshape(flat[e - n : e], shape) for e, n, shape in zip(ends, sizes, shapes, strict=True)]


def assign(reader: Any, flat: np.ndarray) -> None:
    """Give the model one row of weights."""
    for variable, value in zip(reader.trainable_variables, unflatten(reader, flat), strict=True):
        variable.assign(value)


# -------------------------------------------------------------------------------------------------- memory


def memory_of_a_step() -> float:
    """Megabytes that training steps of the seed's full size add to a process that does nothing else."""
    program = "from experiments.history_copy import print_memory; print_memory()"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).resolve().parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.split("MEMORY")[1])


def print_memory() -> None:
    """Print by how many megabytes the peak of memory grows from the built model to two steps of training."""
    from models import quiet

    quiet.import_keras()
    reader = build_reader(0)
    own_loss(reader, *draw_copies(np.random.default_rng(0), 1))  # so that the backend has started
    before = peak_memory()
    learn_by_gradient(reader, 1, SEED_BATCH, 0)
    print("MEMORY", peak_memory() - before)


def peak_memory() -> float:
    """The most memory that this process has held so far, in megabytes."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage's figure starts, on Linux, from that of the process that started this one
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
    import resource

    unit = 1024**2 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


# ----------------------------------------------------------------------------------------------- what came out


def verdict(gradient: float, evolution: float, megabytes: float) -> str:
    """What the last losses and the memory say."""

    def learnt(loss: float, aim: float) -> str:
        if loss < aim:
            return "learns to copy without error"
        return "learns to copy nearly" if loss < 1 else "had not learnt to copy when it ended"

    return (
        f"By gradient descent it {learnt(gradient, 5e-4)} (chance is {CHANCE:.0f}); by evolution it "
        f"{learnt(evolution, 2e-3)}. A training step over whole sequences takes {megabytes / 1024:.2f} GB, "
        f"{'within' if megabytes < 1024 else 'more than'} the 1 GB that it was allowed."
    )


def draw_pictures(
    folder: Path, by_gradient: list[float], by_evolution: list[float], weights: dict[str, np.ndarray]
) -> tuple[tuple[str, str], ...]:
    """Write the pictures; their names and captions."""
    from experiments.pictures import save_curves

    here = {"here": (range(len(by_gradient)), by_gradient), "the seed": SEED_GRADIENT}
    save_curves(folder / "gradient.png", here, "loss", "steps", "By gradient descent", logarithmic=True)
    here = {"here": (range(len(by_evolution)), by_evolution), "the seed": SEED_EVOLUTION}
    save_curves(folder / "evolution.png", here, "loss", "generations", "By evolution", logarithmic=True)
    slots = {name: (range(WINDOW), list(weight)) for name, weight in weights.items()}
    save_curves(
        folder / "weights.png",
        slots,
        "mean weight",
        "slot (16 is 64 frames back, 79 the last frame)",
        "Where it reads",
    )
    return (
        ("gradient.png", "Loss over the steps; the seed printed two of its own."),
        ("evolution.png", "Loss of the parent over the generations, beside the seed's."),
        ("weights.png", "The weight of each of the 80 slots, before and after."),
    )

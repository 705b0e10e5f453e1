"""HistoryUser learns a copy task: it is shown random bits and must reproduce them 64 frames later.

HistoryUser is a form of attention by position. Two LSTM layers turn the present frame into 80 weights, one for each of
the last 80 frames, and the output is the weighted sum of those frames: the network decides where to read without
looking at what is there. In the original (MusicGeneration) it learned the task within 200 steps of gradient descent
and also by a very simple evolution strategy; a version that processed all frames at once was abandoned because it
needed more than 16 GB of memory. Compare both learning curves with the original's, see how the weights concentrate on
the frame 64 steps back, and how much memory a training step takes here.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from common import flags
from experiments.outcome import Finding, Outcome

FRAMES, LAG, KEYS = 192, 64, 13
WINDOW = 80
READER_SIZES = (70, 50)
MUTATION = 0.1
"""Standard deviation of the noise that makes a child's weights from its parent's."""
CHANCE = 0.25 * (FRAMES - LAG)
"""Loss of the constant output 1/2. Reading a wrong frame costs twice as much."""

ORIGINAL_GRADIENT = ((0, 200), (34.2074, 5e-5))
"""Steps and losses; the last one was printed as 0.0000."""
ORIGINAL_EVOLUTION = (
    (0, 23, 34, 40, 44, 50, 58, 70),
    (36.79, 29.6, 14.8, 3.81, 0.357, 0.0447, 0.0054, 0.0015),
)
"""Generations and losses."""
ORIGINAL_BATCH = 128
ORIGINAL_MEMORY_GB = 16


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--steps",
        type=flags.COUNT_OR_NONE,
        default=200,
        help="steps of gradient descent (default: 200, like the original)",
    )
    parser.add_argument(
        "--batch",
        type=flags.integer(0, 65_536),
        default=128,
        help="examples per step of gradient descent (default: 128, like the original)",
    )
    parser.add_argument(
        "--generations",
        type=flags.COUNT_OR_NONE,
        default=70,
        help="generations of evolution (default: 70, like the original)",
    )
    parser.add_argument(
        "--children",
        type=flags.integer(0, flags.MOST_OUTPUTS),
        default=200,
        help="children per generation (default: 200, like the original)",
    )
    parser.add_argument(
        "--evolution_batch",
        type=flags.integer(0, 65_536),
        default=3,
        help="examples on which each generation is evaluated (default: 3; the original's 128 take about 30 times as "
        "long)",
    )


def run(args: argparse.Namespace, folder: Path) -> Outcome:
    """Learn the task both ways, and measure the memory that a training step takes."""
    from experiments.descent import positive_flag

    positive_flag(args, "steps", "batch", "generations", "children", "evolution_batch")
    megabytes = memory_of_a_step()
    from models.layers import startup

    startup.import_keras()
    reader, probe = build_reader(args.seed), draw_copies(np.random.default_rng(args.seed + 2), 16)[0]
    weights = {"before training": mean_weights(reader, probe)}
    by_gradient = learn_by_gradient(reader, args.steps, args.batch, args.seed)
    weights["after gradient descent"] = mean_weights(reader, probe)
    reader = build_reader(args.seed)
    by_evolution = learn_by_evolution(
        reader, args.generations, args.children, args.evolution_batch, args.seed
    )
    weights["after evolution"] = mean_weights(reader, probe)
    return Outcome(
        "HistoryUser learns to copy",
        "The network converged to zero loss after a few steps of gradient descent, and a very simple evolution "
        "strategy trained it as well. A version that ran all frames at once needed more than 16 GB of memory.",
        (
            Finding("gradient descent: loss at step 0", "34.21", f"{by_gradient[0]:.2f}"),
            Finding(f"gradient descent: loss at step {args.steps}", "0.0000 (200)", f"{by_gradient[-1]:.4f}"),
            Finding("evolution: loss in generation 0", "36.79", f"{by_evolution[0]:.2f}"),
            Finding(
                f"evolution: loss in generation {args.generations}", "0.0015 (70)", f"{by_evolution[-1]:.4f}"
            ),
            Finding(
                "weight on 64 frames back: untrained, by gradient, by evolution",
                "",
                ", ".join(f"{w[WINDOW - LAG]:.3f}" for w in weights.values()),
            ),
            Finding(
                f"memory for a training step ({WINDOW} lags, {FRAMES} frames, batch of {ORIGINAL_BATCH})",
                f"over {ORIGINAL_MEMORY_GB} GB",
                f"{megabytes / 1024:.2f} GB",
            ),
        ),
        verdict(by_gradient[-1], by_evolution[-1], megabytes),
        draw_pictures(folder, by_gradient, by_evolution, weights),
    )


# ---------------------------------------------------------------------------------------------- the task


def draw_copies(rng: np.random.Generator, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (random frames, the last 64 empty) and targets (the same, 64 frames later), `[batch, 192, 13]` each."""
    shown, said = (np.zeros((batch, FRAMES, KEYS), np.float32) for _ in range(2))
    shown[:, : FRAMES - LAG] = rng.integers(0, 2, (batch, FRAMES - LAG, KEYS))
    said[:, LAG:] = shown[:, : FRAMES - LAG]
    return shown, said


def copy_loss(said: Any, outputs: Any) -> Any:
    """Mean squared error per frame, summed over frames 64 to 191: `[batch]`."""
    from keras import ops

    return ops.sum(ops.mean(ops.square(said - outputs)[:, LAG:], axis=-1), axis=-1)


def build_reader(seed: int) -> Any:
    """A model whose output is the read itself, so that all it has to learn is where to read."""
    import keras

    from models.layers.backend import set_seed
    from models.piano.readers.history_user import HistoryUser, window_lags

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
    """Mean weight of each slot over frames 64 and later, `[80]`, oldest slot first."""
    from keras import ops

    return ops.convert_to_numpy(reader.history(frames).weights)[:, LAG:].mean(axis=(0, 1))


# ------------------------------------------------------------------------------------------ two ways to learn


def learn_by_gradient(reader: Any, steps: int, batch: int, seed: int) -> list[float]:
    """Train with Adam on a new batch each step; returns the loss before each step and after the last."""
    from experiments.descent import train

    rng = np.random.default_rng(seed)
    return train(reader, copy_loss, lambda: draw_copies(rng, batch), steps + 1, "gradient descent")


def learn_by_evolution(reader: Any, generations: int, children: int, batch: int, seed: int) -> list[float]:
    """Train by an evolution strategy: the next parent is the mean of the children, weighted by their fitness.

        child_i = parent + 0.1 N(0, 1)
        fitness_i = max_j loss_j - loss_i             (all on one new batch)
        parent <- sum_i fitness_i child_i / sum_i fitness_i

    Returns:
        The parent's loss before each generation, on that generation's batch, and after the last, on 16 examples.
    """
    from keras import ops

    from common.console import progress

    rng, losses = np.random.default_rng(seed + 1), []
    judge = child_losses(reader)
    parent = np.concatenate([ops.convert_to_numpy(v).ravel() for v in reader.trainable_variables])
    with progress("evolution", generations) as advance:
        for _ in range(generations):
            noise = rng.standard_normal((children, parent.size), dtype=np.float32)
            offspring = parent + np.float32(MUTATION) * noise
            of_parent, *found = judge(np.vstack([parent, offspring]), *draw_copies(rng, batch))
            losses.append(float(of_parent))
            fitness = max(found) - np.array(found)
            parent = (fitness @ offspring / fitness.sum()).astype(np.float32)
            advance()
    assign(reader, parent)
    return [*losses, own_loss(reader, *draw_copies(rng, 16))]


def child_losses(reader: Any) -> Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    """A compiled function from weights `[children, all weights]`, inputs and targets to losses `[children]`.

    Each child's loss is a forward pass of the model with the child's weights. Children are evaluated one after the
    other, so that one child's 50 000 weights stay in the processor's cache for all 192 frames.
    """
    from keras import ops

    from models.layers.backend import compiled, scan

    fixed = list(reader.non_trainable_variables)

    def judge(offspring: Any, shown: Any, said: Any) -> Any:
        def one(carry: Any, weights: Any) -> tuple[Any, Any]:
            outputs, _ = reader.stateless_call(unflatten(reader, weights), fixed, shown)
            return carry, ops.mean(copy_loss(said, outputs))

        return scan(one, ops.zeros(()), offspring)[1]

    run_all = compiled(judge)
    return lambda *arrays: ops.convert_to_numpy(run_all(*(ops.convert_to_tensor(a) for a in arrays)))


def own_loss(reader: Any, shown: np.ndarray, said: np.ndarray) -> float:
    """The loss of the model with its own weights."""
    return float(np.mean(copy_loss(said, reader(shown))))


def unflatten(reader: Any, flat: Any) -> list[Any]:
    """Split a vector of all weights into arrays with the shapes of the model's variables."""
    from keras import ops

    sizes = [int(np.prod(v.shape)) for v in reader.trainable_variables]
    ends = np.cumsum(sizes)
    shapes = [v.shape for v in reader.trainable_variables]
    return [ops.reshape(flat[e - n : e], shape) for e, n, shape in zip(ends, sizes, shapes, strict=True)]


def assign(reader: Any, flat: np.ndarray) -> None:
    """Set the model's variables from a vector of all weights."""
    for variable, value in zip(reader.trainable_variables, unflatten(reader, flat), strict=True):
        variable.assign(value)


# -------------------------------------------------------------------------------------------------- memory


def memory_of_a_step() -> float:
    """Megabytes that training at the original's full size adds to a process, measured in a process of its own."""
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
    """Print by how many megabytes two training steps raise this process's peak memory; runs in a process of its own."""
    from models.layers import startup

    startup.import_keras()
    reader = build_reader(0)
    own_loss(reader, *draw_copies(np.random.default_rng(0), 1))  # excludes the backend's start-up
    before = peak_memory()
    learn_by_gradient(reader, 1, ORIGINAL_BATCH, 0)
    print("MEMORY", peak_memory() - before)


def peak_memory() -> float:
    """The most memory that this process has held so far, in megabytes."""
    status = Path("/proc/self/status")
    if status.exists():  # on Linux, getrusage also counts the peak of the process that started this one
        return int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024
    import resource

    unit = 1024**2 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


# ----------------------------------------------------------------------------------------------- the results


def verdict(gradient: float, evolution: float, megabytes: float) -> str:
    """A summary of the final losses and of the memory that a step takes."""

    def learnt(loss: float, aim: float) -> str:
        if loss < aim:
            return "learns to copy without errors"
        return (
            "learns to copy with small errors"
            if loss < 1
            else "has not learned to copy by the end of training"
        )

    return (
        f"By gradient descent the network {learnt(gradient, 5e-4)} (chance level is a loss of {CHANCE:.0f}); by "
        f"evolution it {learnt(evolution, 2e-3)}. A training step on whole sequences takes {megabytes / 1024:.2f} GB, "
        f"{'within' if megabytes < 1024 else 'more than'} the limit of 1 GB."
    )


def draw_pictures(
    folder: Path, by_gradient: list[float], by_evolution: list[float], weights: dict[str, np.ndarray]
) -> tuple[tuple[str, str], ...]:
    """Write the pictures; returns their names and captions."""
    from experiments.pictures import save_curves

    here = {"here": (range(len(by_gradient)), by_gradient), "original": ORIGINAL_GRADIENT}
    save_curves(folder / "gradient.png", here, "loss", "steps", "By gradient descent", logarithmic=True)
    here = {"here": (range(len(by_evolution)), by_evolution), "original": ORIGINAL_EVOLUTION}
    save_curves(folder / "evolution.png", here, "loss", "generation", "By evolution", logarithmic=True)
    slots = {name: (range(WINDOW), list(weight)) for name, weight in weights.items()}
    save_curves(
        folder / "weights.png",
        slots,
        "mean weight",
        "slot (16 is 64 frames back, 79 is the previous frame)",
        "Where the network reads",
    )
    return (
        (
            "gradient.png",
            "Training loss by gradient descent, and the two losses that the original published.",
        ),
        ("evolution.png", "The parent's loss in each generation of evolution, and the original's."),
        ("weights.png", "Mean weight of each of the 80 slots, before and after training."),
    )

"""A neural Turing machine learns to copy sequences, and generalises to longer ones than it was trained on.

In a neural Turing machine (Graves, Wayne and Danihelka 2014, arXiv:1410.5401), a small LSTM moves a writing head and a
reading head over a memory, addressing it by content and by shifts to neighbouring locations. Its input is a start
marker, a sequence of random bits and an end marker; then it must output the bits. The original (MusicGeneration) tried
to copy 128 frames of 13 bits and ran out of memory before the first training step. Here training starts with short
sequences and goes on to longer ones. See how many bits are wrong at each length, including lengths that were not
trained, and watch the two heads: the writing head advances by one location per frame while the machine receives its
input, and the reading head follows the same path during the output.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from common import flags
from experiments.outcome import Finding, Outcome

MARKS = 2
"""Inputs besides the bits: the start marker and the end marker."""
SHIFTS = (-1, 0, 1)
EMPTY = 1e-6
"""Initial value of every memory cell."""
ACCEPTED = 0.05
"""A sequence counts as copied if at most this fraction of its bits is wrong."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    for name, default, meaning in (
        ("steps", 3000, "training steps (default: 3000)"),
        ("batch", 32, "sequences per training step (default: 32; original: 100)"),
        ("shortest", 1, "length of the shortest training sequences in frames (default: 1; original: 128)"),
        ("longest", 8, "length of the longest training sequences in frames (default: 8; original: 128)"),
        ("bits", 6, "bits per frame (default: 6; original: 13)"),
        ("controller", 64, "units of the controlling LSTM (default: 64; original: 10)"),
        ("locations", 24, "number of memory locations (default: 24; original: 128)"),
        ("width", 12, "values per memory location (default: 12; original: 13)"),
    ):
        parser.add_argument(f"--{name}", type=flags.integer(0, 100_000), default=default, help=meaning)
    parser.add_argument(
        "--learning_rate",
        type=flags.number(0, 1000),
        default=1e-3,
        help="learning rate of RMSProp (default: 0.001; original: 0.0001)",
    )


def run(args: argparse.Namespace, folder: Path) -> Outcome:
    """Train the machine, then test it on sequences of up to twice the training length."""
    check(args)
    from experiments.descent import mean_of_last
    from models.layers import startup

    startup.import_keras()
    sizes = Sizes(args.bits, args.controller, args.locations, args.width)
    machine = build_machine(sizes, args.seed)
    losses = learn(machine, args)
    lengths = trial_lengths(args.shortest, args.longest, args.locations)
    rng = np.random.default_rng(args.seed + 1)
    wrong = {length: wrong_bits(machine, rng, args.bits, length) for length in lengths}
    return Outcome(
        "A neural Turing machine",
        "A neural Turing machine was to copy 128 frames of 13 bits, but ran out of memory before the first training "
        "step and was never trained.",
        (
            Finding(
                "loss at the first and last step, nats per bit",
                "",
                f"{losses[0]:.3f}, {mean_of_last(losses):.4f}",
            ),
            *(
                Finding(
                    f"wrong bits, {length} frames"
                    + (" (longer than in training)" if length > args.longest else ""),
                    "",
                    f"{share:.2%}",
                )
                for length, share in wrong.items()
            ),
        ),
        verdict(wrong, args.longest),
        draw_pictures(folder, machine, losses, wrong, args),
    )


def check(args: argparse.Namespace) -> None:
    """Check the flags.

    Raises:
        InputError: if a number is out of range, or the lengths do not fit each other and the memory.
    """
    from common.errors import InputError
    from experiments.descent import positive_flag

    positive_flag(args, "steps", "batch", "shortest", "bits", "controller", "width")
    if not args.shortest <= args.longest <= args.locations:
        raise InputError(
            f"--longest={args.longest}: give a number from --shortest={args.shortest} to "
            f"--locations={args.locations}, because each frame needs a location.",
            "bad_flag",
        )
    if args.learning_rate <= 0:
        raise InputError("--learning_rate: give a number above 0.", "bad_flag")


# ---------------------------------------------------------------------------------------------- the task


def draw_sequences(
    rng: np.random.Generator, lengths: np.ndarray, longest: int, bits: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw random sequences to copy.

    The input for a sequence of n frames consists of a start marker, n frames of bits, an end marker, and n empty frames
    during which the machine must output the bits. Further empty frames pad all inputs to `2 * longest + 2` frames.

    Args:
        rng: the source of random numbers.
        lengths: lengths of the sequences in frames, `[batch]`.
        longest: maximum length, at least that of the longest sequence.
        bits: bits per frame.

    Returns:
        Inputs `[batch, time, bits + 2]`, and targets `[batch, time, bits + 1]`. The last column of the targets is 1 in
        the frames that count.
    """
    time = 2 * longest + 2
    inputs = np.zeros((len(lengths), time, bits + MARKS), np.float32)
    answers = np.zeros((len(lengths), time, bits + 1), np.float32)
    for i, n in enumerate(lengths):
        said = rng.integers(0, 2, (n, bits))
        inputs[i, 0, bits] = inputs[i, n + 1, bits + 1] = 1
        inputs[i, 1 : n + 1, :bits] = answers[i, n + 2 : 2 * n + 2, :bits] = said
        answers[i, n + 2 : 2 * n + 2, bits] = 1
    return inputs, answers


def copy_loss(answers: Any, logits: Any) -> Any:
    """Mean cross-entropy per bit in nats, over the frames that count: `[batch]`."""
    from keras import ops

    bits, counts = answers[..., :-1], answers[..., -1]
    by_bit = ops.softplus(logits) - bits * logits
    return ops.sum(ops.mean(by_bit, axis=-1) * counts, axis=-1) / ops.sum(counts, axis=-1)


# ---------------------------------------------------------------------------------------------- the machine


@dataclass(frozen=True)
class Sizes:
    """Sizes of a machine.

    Attributes:
        bits: bits per frame.
        controller: units of the controlling LSTM.
        locations: number of memory locations.
        width: values per memory location.
    """

    bits: int
    controller: int
    locations: int
    width: int


class Tape(NamedTuple):
    """The state of the machine between frames.

    Attributes:
        memory: `[batch, locations, width]`.
        reading, writing: positions of the heads, as weights over the locations, `[batch, locations]` each.
        read: the values read last, `[batch, width]`.
        cell, hidden: the controller's state, `[batch, units]` each.
    """

    memory: Any
    reading: Any
    writing: Any
    read: Any
    cell: Any
    hidden: Any


def address(memory: Any, before: Any, key: Any, strength: Any, gate: Any, shift: Any, sharpness: Any) -> Any:
    """The new position of a head (Graves et al. 2014, equations 5 to 9).

        by content:    c = softmax(strength * cosine(key, memory[i]))
        interpolated:  g = gate c + (1 - gate) before
        shifted:       s[i] = sum_j g[i - j] shift[j],   j = -1, 0, 1, wrapping around at the ends
        sharpened:     w = s ** sharpness / sum(s ** sharpness)

    Args:
        memory: `[batch, locations, width]`.
        before: previous position, `[batch, locations]`.
        key: content to look for, `[batch, width]`.
        strength: weight of the content, at least 0, `[batch, 1]`.
        gate: 0 (previous position) to 1 (content), `[batch, 1]`.
        shift: weights of the three shifts, `[batch, 3]`.
        sharpness: at least 1, `[batch, 1]`.

    Returns:
        Weights over the locations, `[batch, locations]`.
    """
    from keras import ops

    likeness = ops.sum(memory * key[:, None], axis=-1)
    norms = ops.sqrt(ops.sum(ops.square(memory), axis=-1) * ops.sum(ops.square(key), axis=-1)[:, None] + 1e-8)
    by_content = ops.softmax(strength * likeness / norms, axis=-1)
    gated = gate * by_content + (1 - gate) * before
    shifted = sum(shift[:, j : j + 1] * ops.roll(gated, step, axis=1) for j, step in enumerate(SHIFTS))
    sharp = ops.exp(sharpness * ops.log(shifted + 1e-12))
    return sharp / ops.sum(sharp, axis=-1, keepdims=True)


def build_machine(sizes: Sizes, seed: int) -> Any:
    """The machine as a Keras model from inputs to logits of the bits; `follow` also returns the heads' positions."""
    import keras
    from keras import ops

    from models.layers.backend import scan, set_seed
    from models.layers.lstm import LSTM
    from models.layers.lstm_sequence import swap

    width, places = sizes.width, sizes.locations
    head = [width, 1, 1, len(SHIFTS), 1]  # key, strength, gate, shift, sharpness
    parts = [*head, *head, width, width]  # reading head, writing head, erase, add

    class Machine(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.controller = LSTM(sizes.controller)
            self.controller.build(sizes.bits + MARKS + width)
            self.heads = keras.layers.Dense(sum(parts))
            self.heads.build((None, sizes.controller))
            self.speaker = keras.layers.Dense(sizes.bits)
            self.speaker.build((None, sizes.controller + width))
            self.built = True

        def start(self, batch: Any) -> Tape:
            """The initial state: an empty memory, and both heads at its first location."""
            place = ops.tile(ops.one_hot([0], places), (batch, 1))
            memory = ops.full((batch, places, width), EMPTY)
            nothing, zeros = ops.zeros((batch, width)), ops.zeros((batch, sizes.controller))
            return Tape(memory, place, place, nothing, zeros, zeros)

        def step(self, tape: Tape, frame: Any) -> tuple[Tape, tuple[Any, Any, Any]]:
            """Process a frame `[batch, bits + 2]`: move the writing head and write, then move the other and read.

            Returns:
                The new state; and the logits and the positions of the writing and the reading head.
            """
            heard = self.controller.project(ops.concatenate([frame, tape.read], axis=-1))
            hidden, (cell, _) = self.controller.step(heard, (tape.cell, tape.hidden))
            ends = np.cumsum(parts)[:-1].tolist()
            values = ops.split(self.heads(hidden), ends, axis=-1)
            writing = address(tape.memory, tape.writing, *self.bounded(values[5:10]))
            erase, add = ops.sigmoid(values[10]), ops.tanh(values[11])
            kept = tape.memory * (1 - writing[..., None] * erase[:, None])
            memory = kept + writing[..., None] * add[:, None]
            reading = address(memory, tape.reading, *self.bounded(values[:5]))
            read = ops.sum(reading[..., None] * memory, axis=1)
            logits = self.speaker(ops.concatenate([hidden, read], axis=-1))
            return Tape(memory, reading, writing, read, cell, hidden), (logits, writing, reading)

        def bounded(self, values: list[Any]) -> tuple[Any, ...]:
            """Bring each of a head's parameters into its range."""
            key, strength, gate, shift, sharpness = values
            return (
                ops.tanh(key),
                ops.softplus(strength),
                ops.sigmoid(gate),
                ops.softmax(shift, axis=-1),
                1 + ops.softplus(sharpness),
            )

        def follow(self, frames: Any) -> tuple[Any, Any, Any]:
            """Logits `[batch, time, bits]`, and positions of both heads (writing, reading), `[batch, time, locations]`."""
            _, outputs = scan(self.step, self.start(ops.shape(frames)[0]), swap(frames))
            logits, writing, reading = (swap(x) for x in outputs)
            return logits, writing, reading

        def call(self, frames: Any) -> Any:
            return self.follow(frames)[0]

    set_seed(seed)
    return Machine()


def learn(machine: Any, args: argparse.Namespace) -> list[float]:
    """Train with RMSProp on sequences whose maximum length grows over the first half of the steps."""
    import keras

    from experiments.descent import train

    rng = np.random.default_rng(args.seed)
    lengths = growing_lengths(rng, args)

    def draw() -> tuple[np.ndarray, np.ndarray]:
        return draw_sequences(rng, lengths(), args.longest, args.bits)

    optimizer = keras.optimizers.RMSprop(args.learning_rate, rho=0.95, momentum=0.9, clipvalue=10.0)
    return train(machine, copy_loss, draw, args.steps, "copying", optimizer)


def growing_lengths(rng: np.random.Generator, args: argparse.Namespace) -> Callable[[], np.ndarray]:
    """A function that draws the lengths of the sequences for the next step, `[batch]`."""
    step = 0

    def draw() -> np.ndarray:
        nonlocal step
        share = min(1.0, 2 * step / args.steps)
        step += 1
        top = args.shortest + round(share * (args.longest - args.shortest))
        return rng.integers(args.shortest, top + 1, args.batch)

    return draw


# ----------------------------------------------------------------------------------------------- the results


def trial_lengths(shortest: int, longest: int, locations: int) -> list[int]:
    """Lengths to test: the shortest, and 0.5, 1, 1.5 and 2 times the longest, as far as the memory allows."""
    wanted = (shortest, longest // 2, longest, longest * 3 // 2, longest * 2)
    return sorted({n for n in wanted if shortest <= n <= locations})


def wrong_bits(machine: Any, rng: np.random.Generator, bits: int, length: int, count: int = 50) -> float:
    """The fraction of bits that are wrong over `count` sequences of a given length; guessing gives one half."""
    inputs, answers = draw_sequences(rng, np.full(count, length), length, bits)
    said = np.asarray(machine(inputs)) > 0
    counts = answers[..., -1] > 0
    return float((said != (answers[..., :-1] > 0))[counts].mean())


def verdict(wrong: dict[int, float], longest: int) -> str:
    """A summary of the fractions of wrong bits."""
    known = max(share for length, share in wrong.items() if length <= longest)
    if known > ACCEPTED:
        return f"It has not learned to copy: up to {known:.0%} of the bits are wrong at lengths that it was trained on."
    said = (
        f"It copies sequences of the lengths it was trained on, up to {longest} frames, with at most {known:.1%} of the "
        "bits wrong."
    )
    beyond = {length: share for length, share in wrong.items() if length > longest}
    for length, share in beyond.items():
        how = "It copies" if share <= ACCEPTED else "It does not copy"
        said += f" {how} {length} frames, longer than in training ({share:.1%} wrong)."
    return said


def draw_pictures(
    folder: Path, machine: Any, losses: list[float], wrong: dict[int, float], args: argparse.Namespace
) -> tuple[tuple[str, str], ...]:
    """Write the pictures; returns their names and captions."""
    from experiments.pictures import save_curves, save_matrices

    save_curves(folder / "loss.png", {"loss": losses}, "nats per bit", title="Training", logarithmic=True)
    rng = np.random.default_rng(args.seed + 2)
    length = min(max(wrong), 3 * args.longest // 2)
    inputs, answers = draw_sequences(rng, np.array([length]), length, args.bits)
    logits, writing, reading = (np.asarray(x)[0] for x in machine.follow(inputs))
    spoken = (logits > 0) * answers[0, :, -1:]
    sequence = {"input (markers on top)": inputs[0].T, "target": answers[0, :, :-1].T, "output": spoken.T}
    title = f"A sequence of {length} frames, after training on up to {args.longest}"
    save_matrices(folder / "copy.png", sequence, "bit", "frame", title)
    heads = {"writing head": writing.T, "reading head": reading.T}
    save_matrices(folder / "heads.png", heads, "location", "frame", "Positions of the heads")
    return (
        ("loss.png", "Training loss; the sequences grow longer over the first half of the steps."),
        ("copy.png", "An input, the target and the machine's output."),
        ("heads.png", "Positions of the two heads in the same frames, as weights over the locations."),
    )

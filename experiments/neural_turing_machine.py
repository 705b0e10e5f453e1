"""A neural Turing machine learns to copy a sequence, and copies longer ones than it was shown.

Graves, Wayne and Danihelka's network of 2014: a small LSTM moves two heads over a memory, one writes and one reads,
by what stands in a location and by steps to a neighbour. It sees a mark, some random bits, another mark, and must
then say the bits again. The seed wanted 128 frames of 13 bits at once and ran out of memory before the first step;
here it learns, from short sequences to longer ones. Look at the two heads: while it listens the writing head moves
on by a location a frame, and while it speaks the reading head takes the same way.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.outcome import Finding, Outcome

MARKS = 2
"""Inputs beside the bits: one is 1 where a sequence begins, the other where it ends."""
SHIFTS = (-1, 0, 1)
EMPTY = 1e-6
"""What every cell of the memory holds at first."""
ACCEPTED = 0.05
"""Share of wrong bits up to which a sequence counts as copied."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of this experiment."""
    for name, default, meaning in (
        ("steps", 3000, "of training (default: 3000)"),
        ("batch", 32, "sequences of a step (default: 32; the seed's: 100)"),
        ("shortest", 1, "frames of a sequence, at least (default: 1; the seed's: 128)"),
        ("longest", 8, "and at most, in training (default: 8; the seed's: 128)"),
        ("bits", 6, "of a frame (default: 6; the seed's: 13)"),
        ("controller", 64, "units of the LSTM (default: 64; the seed's: 10)"),
        ("locations", 24, "of the memory (default: 24; the seed's: 128)"),
        ("width", 12, "of a location (default: 12; the seed's: 13)"),
    ):
        parser.add_argument(f"--{name}", type=int, default=default, help=meaning)
    parser.add_argument(
        "--learning_rate", type=float, default=1e-3, help="of RMSProp (default: 0.001; the seed's: 0.0001)"
    )


def run(args: argparse.Namespace, folder: Path) -> Outcome:
    """Train it, then try sequences of up to twice the length."""
    check(args)
    from experiments.descent import mean_of_last
    from models import quiet

    quiet.import_keras()
    sizes = Sizes(args.bits, args.controller, args.locations, args.width)
    machine = build_machine(sizes, args.seed)
    losses = learn(machine, args)
    lengths = trial_lengths(args.shortest, args.longest, args.locations)
    rng = np.random.default_rng(args.seed + 1)
    wrong = {length: wrong_bits(machine, rng, args.bits, length) for length in lengths}
    return Outcome(
        "A neural Turing machine",
        "A copy of 128 frames of 13 bits by a neural Turing machine: MemoryError before the first step, so that it "
        '"has not started yet".',
        (
            Finding(
                "loss, step 0 and the last, nats a bit", "", f"{losses[0]:.3f}, {mean_of_last(losses):.4f}"
            ),
            *(
                Finding(
                    f"wrong bits, {length} frames"
                    + (" (longer than any it learnt)" if length > args.longest else ""),
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
    """Refuse flags that fit nothing.

    Raises:
        InputError: with what to give instead.
    """
    from experiments.descent import positive_flag
    from preprocess.errors import InputError

    positive_flag(args, "steps", "batch", "shortest", "bits", "controller", "width")
    if not args.shortest <= args.longest <= args.locations:
        raise InputError(
            f"--longest={args.longest}: give a number from --shortest={args.shortest} to "
            f"--locations={args.locations}, for each frame needs a location.",
            "bad_flag",
        )
    if args.learning_rate <= 0:
        raise InputError("--learning_rate: give a number above 0.", "bad_flag")


# ---------------------------------------------------------------------------------------------- the task


def draw_sequences(
    rng: np.random.Generator, lengths: np.ndarray, longest: int, bits: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sequences to copy, and what is to be said.

    A sequence of n frames is: the mark of the beginning, n frames of bits, the mark of the end, n empty frames in
    which the answer is said, and more empty ones to the same length of `2 * longest + 2` for all.

    Args:
        rng: what is drawn from.
        lengths: of the sequences, `[batch]`.
        longest: at least the highest of them.
        bits: of a frame.

    Returns:
        Inputs `[batch, time, bits + 2]`, and answers `[batch, time, bits + 1]` whose last column is 1 in the frames
        that count.
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
    """Cross-entropy of a bit, in nats, over the frames that count: `[batch]`."""
    from keras import ops

    bits, counts = answers[..., :-1], answers[..., -1]
    by_bit = ops.softplus(logits) - bits * logits
    return ops.sum(ops.mean(by_bit, axis=-1) * counts, axis=-1) / ops.sum(counts, axis=-1)


# ---------------------------------------------------------------------------------------------- the machine


@dataclass(frozen=True)
class Sizes:
    """Of the machine: bits of a frame, units of the controller, locations of the memory, and their width."""

    bits: int
    controller: int
    locations: int
    width: int


class Tape(NamedTuple):
    """What the machine keeps between frames.

    Attributes:
        memory: `[batch, locations, width]`.
        reading, writing: where the heads are, shares of the locations, `[batch, locations]` each.
        read: what was read last, `[batch, width]`.
        cell, hidden: the controller's state, `[batch, units]` each.
    """

    memory: Any
    reading: Any
    writing: Any
    read: Any
    cell: Any
    hidden: Any


def address(memory: Any, before: Any, key: Any, strength: Any, gate: Any, shift: Any, sharpness: Any) -> Any:
    """Where a head is now (Graves 2014, equations 5 to 9).

        by content:  c = softmax(strength * cosine(key, memory[i]))
        or not:      g = gate c + (1 - gate) before
        shifted:     s[i] = sum_j g[i - j] shift[j],   j = -1, 0, 1, around the ends
        sharpened:   w = s ** sharpness / sum(s ** sharpness)

    Args:
        memory: `[batch, locations, width]`.
        before: where it was, `[batch, locations]`.
        key: what it looks for, `[batch, width]`.
        strength: at least 0, `[batch, 1]`.
        gate: 0 to 1, `[batch, 1]`.
        shift: shares of the three steps, `[batch, 3]`.
        sharpness: at least 1, `[batch, 1]`.
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
    """The machine as a Keras model from inputs to logits of the bits; `follow` also says where the heads were."""
    import keras
    from keras import ops

    from models.backend import scan, set_seed
    from models.lstm import LSTM
    from models.lstm_sequence import swap

    width, places = sizes.width, sizes.locations
    head = [width, 1, 1, len(SHIFTS), 1]  # key, strength, gate, shift, sharpness
    parts = [*head, *head, width, width]  # of the reading head, of the writing head; erase, add

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
            """An empty memory, both heads at its first location."""
            place = ops.tile(ops.one_hot([0], places), (batch, 1))
            memory = ops.full((batch, places, width), EMPTY)
            nothing, zeros = ops.zeros((batch, width)), ops.zeros((batch, sizes.controller))
            return Tape(memory, place, place, nothing, zeros, zeros)

        def step(self, tape: Tape, frame: Any) -> tuple[Tape, tuple[Any, Any, Any]]:
            """Hear a frame `[batch, bits + 2]`: move the heads, write, then read, and speak."""
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
            """A head's numbers, each brought into its range."""
            key, strength, gate, shift, sharpness = values
            return (
                ops.tanh(key),
                ops.softplus(strength),
                ops.sigmoid(gate),
                ops.softmax(shift, axis=-1),
                1 + ops.softplus(sharpness),
            )

        def follow(self, frames: Any) -> tuple[Any, Any, Any]:
            """Logits `[batch, time, bits]`, and where the heads were, `[batch, time, locations]` each."""
            _, outputs = scan(self.step, self.start(ops.shape(frames)[0]), swap(frames))
            logits, writing, reading = (swap(x) for x in outputs)
            return logits, writing, reading

        def call(self, frames: Any) -> Any:
            return self.follow(frames)[0]

    set_seed(seed)
    return Machine()


def learn(machine: Any, args: argparse.Namespace) -> list[float]:
    """RMSProp on sequences whose greatest length grows over the first half of the steps."""
    import keras

    from experiments.descent import train

    rng = np.random.default_rng(args.seed)
    lengths = growing_lengths(rng, args)

    def draw() -> tuple[np.ndarray, np.ndarray]:
        return draw_sequences(rng, lengths(), args.longest, args.bits)

    optimizer = keras.optimizers.RMSprop(args.learning_rate, rho=0.95, momentum=0.9, clipvalue=10.0)
    return train(machine, copy_loss, draw, args.steps, "copying", optimizer)


def growing_lengths(rng: np.random.Generator, args: argparse.Namespace) -> Callable[[], np.ndarray]:
    """A function that draws the lengths of the next step's sequences, `[batch]`."""
    step = 0

    def draw() -> np.ndarray:
        nonlocal step
        share = min(1.0, 2 * step / args.steps)
        step += 1
        top = args.shortest + round(share * (args.longest - args.shortest))
        return rng.integers(args.shortest, top + 1, args.batch)

    return draw


# ----------------------------------------------------------------------------------------------- what came out


def trial_lengths(shortest: int, longest: int, locations: int) -> list[int]:
    """Lengths to try: the shortest, half of the longest, the longest, half as long again, and twice as long."""
    wanted = (shortest, longest // 2, longest, longest * 3 // 2, longest * 2)
    return sorted({n for n in wanted if shortest <= n <= locations})


def wrong_bits(machine: Any, rng: np.random.Generator, bits: int, length: int, count: int = 50) -> float:
    """The share of bits that the machine says wrongly, over so many sequences of a length; guessing has 50%."""
    inputs, answers = draw_sequences(rng, np.full(count, length), length, bits)
    said = np.asarray(machine(inputs)) > 0
    counts = answers[..., -1] > 0
    return float((said != (answers[..., :-1] > 0))[counts].mean())


def verdict(wrong: dict[int, float], longest: int) -> str:
    """What the shares of wrong bits say."""
    known = max(share for length, share in wrong.items() if length <= longest)
    if known > ACCEPTED:
        return f"It has not learnt to copy: up to {known:.0%} of the bits are wrong at lengths that it practised."
    said = f"It copies what it practised, up to {longest} frames, with {known:.1%} of the bits wrong at most."
    beyond = {length: share for length, share in wrong.items() if length > longest}
    for length, share in beyond.items():
        how = "It copies" if share <= ACCEPTED else "It does not copy"
        said += f" {how} {length} frames, which it never practised ({share:.1%} wrong)."
    return said


def draw_pictures(
    folder: Path, machine: Any, losses: list[float], wrong: dict[int, float], args: argparse.Namespace
) -> tuple[tuple[str, str], ...]:
    """Write the pictures; their names and captions."""
    from experiments.pictures import save_curves, save_matrices

    save_curves(
        folder / "loss.png", {"loss": losses}, "nats a bit", title="Learning to copy", logarithmic=True
    )
    rng = np.random.default_rng(args.seed + 2)
    length = min(max(wrong), 3 * args.longest // 2)
    inputs, answers = draw_sequences(rng, np.array([length]), length, args.bits)
    logits, writing, reading = (np.asarray(x)[0] for x in machine.follow(inputs))
    spoken = (logits > 0) * answers[0, :, -1:]
    sequence = {"heard (two marks on top)": inputs[0].T, "to be said": answers[0, :, :-1].T, "said": spoken.T}
    title = f"A sequence of {length} frames; it practised up to {args.longest}"
    save_matrices(folder / "copy.png", sequence, "bit", "frame", title)
    heads = {"writing head": writing.T, "reading head": reading.T}
    save_matrices(folder / "heads.png", heads, "location", "frame", "Where the heads were")
    return (
        ("loss.png", "Loss over the steps; sequences grow longer over the first half."),
        ("copy.png", "What it heard, what it had to say, and what it said."),
        ("heads.png", "The heads over the same frames: shares of the locations."),
    )

"""Networks of voting neurons, grown one error at a time, learn a song by heart.

There are no gradients. Whenever an output is wrong, the network looks for who is to blame by how often each edge was
right so far, and does one thing: add a vote, split an edge with a new neuron, or delete an edge. Seed 001 tried some
fifteen ways to choose ("elephant nets"); two of them learned its song: "adaptive" deletes the more readily the better
it goes, "firing" lets only active neurons vote. Look at how many passes and hidden neurons it takes, and whether the
network then plays the song from its first 8 frames.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.boolean_algebra import START, active_inputs, new_start
from experiments.outcome import Finding, Outcome
from experiments.tunes import load_songs
from preprocess.console import progress
from preprocess.errors import InputError

BASE = 853  # inputs and outputs, which the seed counted among the neurons
MODES = ("per_object", "standard")


@dataclass(frozen=True)
class Variant:
    """A way to grow a network.

    Attributes:
        rule: of correction, in `elephant_rules.RULES`.
        silent: value of a neuron that is off: -1 where it votes too, 0 where only those that are on do.
        about: what is special about it.
        reached: how far the seed got in the two modes.
    """

    rule: str
    silent: int
    about: str
    reached: dict[str, str]


VARIANTS: dict[str, Variant] = {
    "adaptive": Variant(
        "forgetting",
        -1,
        "follows the most doubtful path; forgets the less the worse it goes",
        {
            "per_object": "all 128 frames in 1510 passes, 890 neurons, level 6.4",
            "standard": "0 errors after 1927 passes, 907 neurons, level 11.1",
        },
    ),
    "firing": Variant(
        "firing",
        0,
        "only neurons that are on vote; a random doubtful path",
        {
            "per_object": "all 128 frames in 530 passes, 907 neurons, level 1.01",
            "standard": "0 errors after 121 passes, 910 neurons, level 1.65",
        },
    ),
    "fixed": Variant(
        "forgetting",
        -1,
        "as adaptive, but with a fixed level",
        {"per_object": "sometimes all, 1068 to 1081 neurons", "standard": "sometimes 0 errors"},
    ),
    "path": Variant(
        "path",
        -1,
        "a random path offers actions, one is drawn",
        {"per_object": "74 frames, 1059 neurons", "standard": "at best 16 errors, in 58571 passes"},
    ),
    "returning": Variant(
        "returning",
        -1,
        "visits all wrong voters, deep first, and mends on the way back",
        {"per_object": "91 frames, 923 neurons", "standard": "at best 62 errors, in 36 passes"},
    ),
    "random_walk": Variant(
        "random_walk",
        -1,
        "walks about among actions until it does one",
        {"per_object": "65 frames", "standard": "at best 50 errors"},
    ),
    "drones": Variant(
        "drones",
        -1,
        "four workers of each output wander in the network",
        {"per_object": "27 frames, 927 neurons", "standard": ""},
    ),
    "voting": Variant(
        "voting",
        -1,
        "judges edges by their balance of right and wrong votes",
        {"per_object": "61 frames", "standard": "19 to 38 errors, 16 in an ensemble of 20"},
    ),
    "quality_voting": Variant(
        "quality_voting",
        -1,
        "blames an edge the less the deeper it is",
        {"per_object": "67 frames, 87 in a later version", "standard": "at best 36 errors"},
    ),
}
SEED_ERRORS = {
    "adaptive": "86, 77, 74, 64, 68, 60, 86",
    "firing": "63, 73, 77, 58, 74, 61, 47",
}
DEFAULT = (("adaptive", "per_object"), ("firing", "standard"))


@dataclass(frozen=True)
class Pass:
    """What is known after a pass over the first frames of a song.

    Attributes:
        limit: frames that are learned, 8 to 128.
        errors: outputs that were wrong.
        hidden: neurons.
        level: how slowly edges are forgotten, after the pass.
    """

    limit: int
    errors: int
    hidden: int
    level: float


class Elephant:
    """A network, what it learns, and how."""

    def __init__(self, variant: str, mode: str, roll: np.ndarray, seed: int, level: float = 1.0):
        """Prepare to learn a song `[128, 13]`; `level` is the first one, which most variants keep."""
        from experiments import elephant_engine as engine
        from experiments.elephant_rules import RULES

        self.engine = engine
        self.variant, self.per_object = variant, mode == "per_object"
        self.correct = RULES[VARIANTS[variant].rule]
        self.net: Any = engine.Network.make(VARIANTS[variant].silent)
        self.rng = np.random.RandomState(seed)
        self.level = level
        self.frames = [
            (np.array(active_inputs(roll, frame)), np.where(roll[frame] > 0, 1, -1))
            for frame in range(START, len(roll))
        ]

    def learn_pass(self, limit: int) -> int:
        """Learn from frames 8 to `limit`; the errors made."""
        errors = 0
        for active, targets in self.frames[: limit - START]:
            self.net.refill(self.rng)
            for key in np.flatnonzero(self.engine.observe(self.net, active, targets)):
                self.correct(self.net, self.engine.INPUTS + key, targets[key], self.level)
                errors += 1
        return errors

    def learn(self) -> Iterator[Pass]:
        """Pass after pass until there are no errors: over the whole song, or over one more frame whenever there are none."""
        last = START + len(self.frames)
        for limit in range(START if self.per_object else last, last + 1):
            previous = np.inf if self.per_object else 0  # the seed's beginnings
            errors = -1
            while errors != 0:
                errors = self.learn_pass(limit)
                self.adapt(errors, previous)
                yield Pass(limit, errors, int(self.net.state[self.engine.HIDDEN_COUNT]), self.level)
                previous = errors

    def adapt(self, errors: int, previous: float) -> None:
        """Set the level after a pass: one that made no fewer errors than that before is a reason to forget less."""
        if self.variant == "adaptive":
            self.level += 0.1 if errors >= previous else -0.1
        elif self.variant == "firing":
            if self.per_object or errors >= previous:
                self.level += 0.01
            if self.per_object and not errors:
                self.level = max(1.0, self.level - 0.1)
                self.net.forget()

    def play(self, start: np.ndarray, frames: int) -> np.ndarray:
        """What the network plays after a start `[8, 13]`, hearing only itself, uint8 `[frames, 13]`."""
        roll = np.zeros((frames, self.engine.OUTPUTS), dtype=np.uint8)
        roll[: len(start)] = start
        for frame in range(len(start), frames):
            roll[frame] = self.engine.answer(self.net, np.array(active_inputs(roll, frame)))
        return roll


def train(elephant: Elephant, passes: int, what: str) -> list[Pass]:
    """Learn until all is learned, a number of passes are over, or the network has no more room."""
    history: list[Pass] = []
    with progress(what, passes) as advance:
        for done in elephant.learn():
            history.append(done)
            advance()
            if len(history) == passes or elephant.net.is_full():
                break
    return history


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(seed=179)  # the seed's
    listing = "; ".join(f"{name}: {variant.about}" for name, variant in VARIANTS.items())
    parser.add_argument(
        "--variant",
        choices=[*VARIANTS, "both"],
        default="both",
        help=f"{listing}; both (default): adaptive, frame by frame, and firing, over the whole song",
    )
    parser.add_argument(
        "--mode",
        choices=MODES,
        help="per_object: one more frame whenever there are no errors (default for one variant); "
        "standard: the whole song in every pass",
    )
    parser.add_argument("--passes", type=int, default=3000, help="at most (default: 3000)")
    parser.add_argument(
        "--level", type=float, help="to start with; higher forgets less (default: 1, 3 for fixed)"
    )


def run(args: argparse.Namespace, folder: Path) -> Outcome:
    if args.passes < 1:
        raise InputError(f"--passes={args.passes}: needs at least one pass.", "bad_flag")
    songs = load_songs(args.songs)
    both = args.variant == "both"
    cases = (
        [(name, args.mode or mode) for name, mode in DEFAULT]
        if both
        else [(args.variant, args.mode or MODES[0])]
    )
    findings: list[Finding] = []
    sentences: list[str] = []
    histories: dict[str, list[Pass]] = {}
    replays, improvised = {songs.name: songs.first}, {}
    for name, mode in cases:
        title = f"{name}, {mode.replace('_', ' ')}"
        level = args.level if args.level is not None else 3.0 if name == "fixed" else 1.0
        elephant = Elephant(name, mode, songs.first, args.seed, level)
        history = histories[title] = train(elephant, args.passes, title)
        replay = elephant.play(songs.first[:START], len(songs.first))
        replays[f"{title}: replay"] = replay
        improvised[f"{title}: improvisation"] = elephant.play(new_start(), len(songs.first))
        learned = _describe(history, len(songs.first)) + ", then out of room" * elephant.net.is_full()
        differing = int((replay != songs.first).any(axis=1).sum())
        findings.append(Finding(f"{title}: learned", VARIANTS[name].reached[mode], learned))
        if mode == "standard":
            first = ", ".join(str(done.errors) for done in history[:7])
            findings.append(Finding(f"{title}: errors in the first passes", SEED_ERRORS.get(name, ""), first))
        findings.append(Finding(f"{title}: frames of the replay that differ", "", str(differing)))
        sentences.append(f"{title}: {learned}; its replay is {'not ' * bool(differing)}exact.")
    return Outcome(
        title="Elephant nets learn a song by heart",
        said="Networks of voting neurons, corrected one error at a time by statistics of their edges. Of some fifteen "
        "rules two learned the grasshopper: adaptive forgetting and firing. None learned nine songs; growth and "
        "deletion could not be balanced.",
        findings=tuple(findings),
        verdict=" ".join(sentences),
        pictures=(
            ("errors.png", "Wrong outputs in each pass"),
            ("neurons.png", "Hidden neurons after each pass"),
            ("replay.png", f"{songs.name}, and what the networks play after its first {START} frames"),
            ("improvisation.png", "What the networks make of a start that they never saw: C F E F"),
        ),
        midi=_draw(folder, histories, replays, improvised),
    )


def _describe(history: list[Pass], frames: int) -> str:
    """How far a training came."""
    last = history[-1]
    size = f"{BASE + last.hidden} neurons ({last.hidden} hidden), level {last.level:.2f}"
    if last.limit == frames and not last.errors:
        return f"all {frames} frames in {len(history)} passes, {size}"
    if history[0].limit < frames:
        return f"{last.limit - 1} frames in {len(history)} passes, {size}"
    return f"at best {min(done.errors for done in history)} errors in {len(history)} passes, {size}"


def _draw(
    folder: Path,
    histories: dict[str, list[Pass]],
    replays: dict[str, np.ndarray],
    improvised: dict[str, np.ndarray],
) -> tuple[str, ...]:
    """Write the pictures and the improvisations; the names of their MIDI files."""
    from experiments import pictures

    for name, field, meaning in (
        ("errors", "errors", "wrong outputs"),
        ("neurons", "hidden", "hidden neurons"),
    ):
        curves = {title: [getattr(done, field) for done in history] for title, history in histories.items()}
        pictures.save_curves(folder / f"{name}.png", curves, meaning, "passes")
    pictures.save_rolls(folder / "replay.png", replays)
    pictures.save_rolls(folder / "improvisation.png", improvised)
    names = []
    for title, roll in improvised.items():
        names.append(f"improvisation {title.split(',')[0]}.mid".replace(" ", "_"))
        pictures.save_midi(folder / names[-1], roll)
    return tuple(names)

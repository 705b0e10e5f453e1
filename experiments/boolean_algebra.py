"""Boolean rules, added one error at a time, memorise a song without a neural network.

Each of the 13 keys has a list of rules over the notes of the last 64 frames: "strike the key if all of these notes
were struck", or "don't strike it if ...". The last rule that applies decides. Whenever the answer is wrong, a new rule
is inserted right after the one that gave it. The original (MusicGeneration) memorised a song with three kinds of rules,
all re-implemented here: Discon, random conjunctions, which need several passes over the song; Greedy Discon,
conjunctions that never break an answer learned earlier; and Greedy linear, rules of the form "at least n of these
notes". The greedy kinds need a single pass. Compare the errors per pass with the original's, see whether the rules
replay the song from its first 8 frames, and hear how they continue a beginning that they have never seen.
"""

import argparse
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from common import flags
from common.console import progress
from common.errors import InputError
from experiments.outcome import Finding, Outcome
from experiments.tunes import Songs, load_songs

KEYS = 13
MEMORY = 64  # how many past frames a rule can see
START = 8  # frames at the start of the song that are given rather than learned
BEATS = 8  # inputs that encode the frame's position in the bar
NEW_START = (0, -1, 5, -1, 4, -1, 5, -1)  # C F E F, the original's start for improvisations
ORIGINAL_ERRORS = {
    "discon": "66, 74, 46, 34, 28, 25, 18, 12, 3, 4, 4, 5, 0",
    "greedy": "362, 0",
    "linear": "134, 0",
}
ORIGINAL_RULES = {
    "discon": "0, 0, 0, 0, 27, 0, 0, 0, 56, 47, 0, 63, 27",
    "greedy": "27, 21, 25, 27, 29, 24, 22, 25, 42, 41, 25, 36, 31",
    "linear": "7, 7, 7, 7, 13, 7, 7, 7, 22, 29, 7, 14, 13",
}
ORIGINAL_REPLAY = {"discon": "not exact", "greedy": "exact", "linear": "exact"}
NAMES = {"discon": "Discon", "greedy": "Greedy Discon", "linear": "Greedy linear"}


def active_inputs(roll: np.ndarray, frame: int, beats: bool = True) -> list[int]:
    """Indices of the inputs that are on when `frame` is predicted from the frames before it, in ascending order.

    Args:
        roll: struck keys `[frames, 13]`. Only the 64 frames before `frame` are used, with silence before the start.
        frame: index of the frame to predict.
        beats: whether inputs 0 to 7 are a one-hot code of `frame` modulo 8. If so, the keys start at input 8, oldest
            frame first.
    """
    first = BEATS if beats else 0
    oldest = max(0, frame - MEMORY)
    places = np.flatnonzero(roll[oldest:frame]) + (oldest - (frame - MEMORY)) * KEYS + first
    return ([frame % BEATS] if beats else []) + places.tolist()


def bit_set(inputs: Sequence[int]) -> int:
    """Pack input indices into the bits of an integer, so that subset and overlap tests are single operations."""
    return sum(1 << i for i in inputs)


@dataclass
class Rule:
    """Switches a key on or off if enough of certain inputs are active.

    Attributes:
        turns_on: the value that it gives the key when it applies.
        inputs: the inputs it looks at, as a bit set.
        threshold: how many of them must be active; all of them for a conjunction.
        score: (Discon) 1, plus the number of right answers, minus the number of wrong ones.
        support: (greedy) the training examples, as bit sets of active inputs, whose answers depend on this rule.
    """

    turns_on: bool
    inputs: int
    threshold: int
    score: int = 1
    support: list[int] = field(default_factory=list)

    def applies(self, active: int) -> bool:
        return (self.inputs & active).bit_count() >= self.threshold


class Discon:
    """One key's rules: a chain of disjunctions and conjunctions, starting from 0, with randomly chosen inputs.

    The name is the original's ("Дизкон").
    """

    beats = False

    def __init__(self, rng: np.random.RandomState):
        self.rng = rng
        self.rules: list[Rule] = []
        self.used: set[int] = set()

    def answer(self, active: int) -> tuple[bool, int]:
        """The value, and the index of the rule that decided it: the last one that changed it, or -1 if none did."""
        value, responsible = False, -1
        for place, rule in enumerate(self.rules):
            if rule.turns_on != value and rule.applies(active):
                value, responsible = rule.turns_on, place
        return value, responsible

    def learn(self, inputs: list[int], target: bool) -> bool:
        """Correct the answer to active inputs if it is wrong; returns whether that counts as an error."""
        value, responsible = self.answer(bit_set(inputs))
        if responsible >= 0:
            rule = self.rules[responsible]
            rule.score += 1 if value == target else -1
            if rule.score < 0:  # the original's "hatred": delete rules that were wrong more often than right
                del self.rules[responsible]
                return False
        if value == target:
            return False
        inputs = list(inputs)
        self.rng.shuffle(inputs)
        prefixes = (bit_set(inputs[: n + 1]) for n in range(len(inputs)))
        conjunction = next((prefix for prefix in prefixes if prefix not in self.used), None)
        if conjunction is None:  # every prefix has been tried before: start over
            self.rules.clear()
            responsible, conjunction = -1, bit_set(inputs[:3])
        self.used.add(conjunction)
        # Insert it right after the rule that decided, so that later rules can still override it.
        self.rules.insert(responsible + 1, Rule(target, conjunction, conjunction.bit_count()))
        return True


class Greedy(ABC):
    """One key's rules, chosen so that no answer learned earlier changes: a single pass over the examples is enough.

    Each example supports the rule that decides its answer. A new rule must not apply to any example that supports an
    opposite rule before it in the list, since that example's answer would change.
    """

    beats = True

    def __init__(self, rng: np.random.RandomState):
        self.rng = rng
        self.rules = [Rule(False, 0, 0)]  # always applies

    def answer(self, active: int) -> tuple[bool, int]:
        """The value, and the index of the rule that decided it: the last one that applies."""
        responsible = max(place for place, rule in enumerate(self.rules) if rule.applies(active))
        return self.rules[responsible].turns_on, responsible

    def learn(self, inputs: list[int], target: bool) -> bool:
        """Learn the answer to active inputs; returns whether a rule was needed.

        As in the original, a rule is also added where the answer was right but only the initial rule applied.
        """
        active = bit_set(inputs)
        value, responsible = self.answer(active)
        if value == target and responsible > 0:
            self.rules[responsible].support.append(active)
            return False
        left = self.rules[: responsible + 1]
        rule = self.predicate(inputs, [s for rule in left if rule.turns_on != target for s in rule.support])
        if rule:
            rule.turns_on = target
            rule.support.append(active)
            self.rules.insert(responsible + 1, rule)
        return bool(rule) or value != target

    @abstractmethod
    def predicate(self, inputs: list[int], opposite: list[int]) -> Rule | None:
        """A rule that applies to the active inputs but to none of the `opposite` examples, or None."""


class GreedyDiscon(Greedy):
    """Conjunctions of random inputs, just long enough to exclude all opposite examples."""

    def predicate(self, inputs: list[int], opposite: list[int]) -> Rule | None:
        inputs = list(inputs)
        self.rng.shuffle(inputs)
        for n in range(1, len(inputs) + 1):
            conjunction = bit_set(inputs[:n])
            if not any(conjunction & ~other == 0 for other in opposite):
                return Rule(False, conjunction, n)
        return None  # an opposite example contains all of these inputs, so no conjunction can tell them apart


class GreedyLinear(Greedy):
    """Thresholds: more of the inputs must be active than any opposite example has. A network with 0/1 weights."""

    def predicate(self, inputs: list[int], opposite: list[int]) -> Rule | None:
        active = bit_set(inputs)
        return Rule(False, active, 1 + max(((active & other).bit_count() for other in opposite), default=0))


KINDS: dict[str, type[Discon] | type[Greedy]] = {
    "discon": Discon,
    "greedy": GreedyDiscon,
    "linear": GreedyLinear,
}
Functions = Sequence[Discon | Greedy]


def learn_song(kind: str, roll: np.ndarray, passes: int, seed: int) -> tuple[Functions, list[int]]:
    """Learn a song `[128, 13]` in repeated passes until a pass makes no errors.

    Args:
        kind: a key of `KINDS`.
        roll: the song.
        passes: maximum number of passes.
        seed: random seed.

    Returns:
        The rules of the 13 keys, and the number of errors in each pass.
    """
    rng = np.random.RandomState(seed)  # shared by all keys, as in the original
    functions: Functions = [KINDS[kind](rng) for _ in range(KEYS)]
    objects = [
        (active_inputs(roll, frame, functions[0].beats), roll[frame] > 0) for frame in range(START, len(roll))
    ]
    errors: list[int] = []
    with progress(f"{NAMES[kind]}, passes", passes) as advance:
        while len(errors) < passes and 0 not in errors:
            errors.append(
                sum(
                    function.learn(inputs, bool(target))
                    for inputs, targets in objects
                    for function, target in zip(functions, targets, strict=True)
                )
            )
            advance()
    return functions, errors


def play(functions: Functions, start: np.ndarray, frames: int) -> np.ndarray:
    """Continue a start `[8, 13]`, feeding the rules their own output: uint8 `[frames, 13]`."""
    roll = np.zeros((frames, KEYS), dtype=np.uint8)
    roll[: len(start)] = start
    for frame in range(len(start), frames):
        active = bit_set(active_inputs(roll, frame, functions[0].beats))
        roll[frame] = [function.answer(active)[0] for function in functions]
    return roll


def new_start() -> np.ndarray:
    """The start C F E F, uint8 `[8, 13]`."""
    return np.stack([np.arange(KEYS) == key for key in NEW_START]).astype(np.uint8)


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(seed=179)  # the original's random seed
    parser.add_argument(
        "--rule", choices=[*KINDS, "all"], default="all", help="kind of rules to train (default: all)"
    )
    parser.add_argument(
        "--passes",
        type=flags.COUNT_OR_NONE,
        default=200,
        help="maximum number of passes over the song (default: 200)",
    )


def run(args: argparse.Namespace, folder: Path) -> Outcome:
    if args.passes < 1:
        raise InputError(f"--passes={args.passes}: needs at least one pass.", "bad_flag")
    songs = load_songs(args.songs)
    kinds = list(KINDS) if args.rule == "all" else [args.rule]
    findings: list[Finding] = []
    curves: dict[str, list[int]] = {}
    replays: dict[str, np.ndarray] = {}
    improvised: dict[str, np.ndarray] = {}
    for kind in kinds:
        functions, errors = learn_song(kind, songs.first, args.passes, args.seed)
        name = NAMES[kind]
        curves[name] = errors
        replays[name] = play(functions, songs.first[:START], len(songs.first))
        improvised[name] = play(functions, new_start(), len(songs.first))
        rules = ", ".join(str(len(function.rules)) for function in functions)
        differing = int((replays[name] != songs.first).any(1).sum())
        replay = "exact" if not differing else f"{differing} of {len(songs.first)} frames differ"
        findings += [
            Finding(f"{name}: errors per pass", ORIGINAL_ERRORS[kind], ", ".join(map(str, errors))),
            Finding(f"{name}: rules per key", ORIGINAL_RULES[kind], rules),
            Finding(f"{name}: replay from the first {START} frames", ORIGINAL_REPLAY[kind], replay),
        ]
    midi = _draw(folder, songs, curves, replays, improvised)
    return Outcome(
        title="Boolean rules memorise a song",
        said="Lists of Boolean rules, corrected one error at a time, memorised a song. The greedy kinds needed a single "
        "pass and are interpretable, but they depend on the order of the examples, their later rules are very "
        "specific, and they store every example they have seen.",
        findings=tuple(findings),
        verdict=_verdict(songs, curves, replays),
        pictures=(
            ("errors.png", "Corrections in each pass over the song, summed over the 13 keys"),
            ("replay.png", f"{songs.name}, and how the rules continue its first {START} frames"),
            ("improvisation.png", "How the rules continue a beginning that they have never seen: C F E F"),
        ),
        midi=midi,
    )


def _verdict(songs: Songs, curves: dict[str, list[int]], replays: dict[str, np.ndarray]) -> str:
    """A sentence for each kind of rule."""
    sentences = []
    for name, errors in curves.items():
        passes = len(errors) - 1
        learned = f"learned {songs.name} in {passes} pass{'es' * (passes != 1)}"
        if errors[-1]:
            learned = f"still made {errors[-1]} errors after {len(errors)} passes over {songs.name}"
        exact = np.array_equal(replays[name], songs.first)
        sentences.append(f"{name} {learned}; its replay is {'exact' if exact else 'not exact'}.")
    return " ".join(sentences)


def _draw(
    folder: Path,
    songs: Songs,
    curves: dict[str, list[int]],
    replays: dict[str, np.ndarray],
    improvised: dict[str, np.ndarray],
) -> tuple[str, ...]:
    """Write the pictures and the improvisations; returns the names of the MIDI files."""
    from experiments import pictures

    pictures.save_curves(folder / "errors.png", curves, "errors per pass", "pass")
    pictures.save_rolls(
        folder / "replay.png",
        {songs.name: songs.first} | {f"{name}, replay": roll for name, roll in replays.items()},
        truth=songs.first,
    )
    pictures.save_rolls(folder / "improvisation.png", improvised)
    names = []
    for name, roll in improvised.items():
        names.append(f"improvisation {name}.mid".lower().replace(" ", "_"))
        pictures.save_midi(folder / names[-1], roll)
    return tuple(names)

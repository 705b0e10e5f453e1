"""Two networks play a game: one presses keys, the other guesses them, and both are paid for guesses that are good.

An agent learns by Q-learning which of 13 keys to press next, so that a classifier, which learns to guess the next key
from the last ones, guesses it well, but not perfectly: while guesses are perfect a penalty grows exponentially and
throws the two out of the rut. ABABAB is one of the simplest patterns to a person; the seed (001) hoped that it would
appear, and saw one key repeated instead. Look at what share of the time is spent in patterns of one key, of two, and of
more, with and without the penalty. The seed's sizes and rates are not known; those here are ours.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments.descent import positive_flag
from experiments.outcome import Finding, Outcome
from patterns.melody import FRAMES, KEYS
from preprocess.console import progress
from preprocess.errors import InputError

MEMORY = 4
"""Both know so many last keys."""
WINDOW = 16
"""Keys that a pattern must hold for to be counted."""
PERIODS = range(1, WINDOW // 2 + 1)
PENALISED = "with the penalty"
NAMES = ("without the penalty", PENALISED)


@dataclass(frozen=True)
class Game:
    """What is paid to the agent, and how it learns.

    Attributes:
        perfect: a guess is perfect if the pressed key was given at least this probability.
        growth: each perfect guess in a row multiplies the penalty, which starts at `growth - 1`, by this.
        most: the penalty grows to this at most.
        rate: of Q-learning.
        discount: of later rewards.
        curiosity: the probability that a random key is pressed.
    """

    perfect: float = 0.9
    growth: float = 1.2
    most: float = 20.0
    rate: float = 0.5
    discount: float = 0.8
    curiosity: float = 0.01


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of this experiment."""
    game = Game()
    parser.add_argument("--steps", type=int, default=1500, help="keys that are pressed (default: 1500)")
    parser.add_argument("--runs", type=int, default=4, help="with the penalty, and without (default: 4)")
    parser.add_argument(
        "--curiosity",
        type=float,
        default=game.curiosity,
        help="probability of a random key (default: %(default)s)",
    )
    parser.add_argument(
        "--growth",
        type=float,
        default=game.growth,
        help="of the penalty, a perfect guess (default: %(default)s)",
    )


def reward(probability: float, perfect_in_a_row: int, game: Game, penalised: bool) -> float:
    """What the agent gets for a key that the classifier gave a probability.

    The probability itself, less a penalty of `growth ** n - 1` once n guesses in a row were perfect.
    """
    if not penalised or not perfect_in_a_row:
        return probability
    return probability - min(game.most, game.growth**perfect_in_a_row - 1)


def play(steps: int, seed: int, game: Game, penalised: bool) -> tuple[np.ndarray, np.ndarray]:
    """Let the two play.

    Returns:
        The pressed keys, int `[steps]`, and the probability that the classifier gave each, `[steps]`.
    """
    from sklearn import config_context
    from sklearn.neural_network import MLPClassifier

    rng = np.random.default_rng(seed)
    classifier = MLPClassifier((32,), learning_rate_init=0.01, random_state=seed)
    one_hot = np.eye(len(KEYS))
    # Q, what each key promises, is the sum over the places of the last keys, and a bias, which is in the last row.
    promises = np.zeros((MEMORY * len(KEYS) + 1, len(KEYS)))
    places = np.arange(MEMORY) * len(KEYS)
    keys = list(rng.integers(0, len(KEYS), MEMORY))
    probabilities = []
    row = 0
    # The checks of what is a single row each time would take most of the time.
    with config_context(assume_finite=True, skip_parameter_validation=True):
        classifier.partial_fit(one_hot[keys].reshape(1, -1), [keys[-1]], classes=range(len(KEYS)))
        active = np.append(places + keys, -1)
        for _ in range(steps):
            q = promises[active].sum(0)
            greedy = int(rng.choice(np.flatnonzero(q == q.max())))
            key = int(rng.integers(len(KEYS))) if rng.random() < game.curiosity else greedy
            seen = one_hot[keys[-MEMORY:]].reshape(1, -1)
            probability = float(classifier.predict_proba(seen)[0, key])
            classifier.partial_fit(seen, [key])
            row = row + 1 if probability >= game.perfect else 0
            keys.append(key)
            following = np.append(places + keys[-MEMORY:], -1)
            promised = (
                reward(probability, row, game, penalised) + game.discount * promises[following].sum(0).max()
            )
            promises[active, key] += game.rate * (promised - q[key]) / len(active)
            active = following
            probabilities.append(probability)
    return np.asarray(keys[MEMORY:]), np.asarray(probabilities)


def periods(keys: np.ndarray, window: int = WINDOW) -> dict[int, float]:
    """The share of windows of so many keys in which a pattern of 1, 2, ... keys is repeated throughout.

    A window counts for its shortest period only; 0 stands for those in which no pattern is played twice.

    Args:
        keys: `[steps]`, as many as a window at least.
        window: keys.
    """
    windows = np.lib.stride_tricks.sliding_window_view(keys, window)
    left = np.ones(len(windows), bool)
    shares = {}
    for period in PERIODS:
        repeats = left & (windows[:, period:] == windows[:, :-period]).all(1)
        shares[period] = float(repeats.mean())
        left &= ~repeats
    return shares | {0: float(left.mean())}


def run(args: argparse.Namespace, folder: Path) -> Outcome:
    """Several games without the penalty and with it."""
    positive_flag(args, "runs")
    if args.steps < FRAMES:
        raise InputError(f"--steps={args.steps}: give a number of {FRAMES} or more.", "bad_flag")
    if not 0 <= args.curiosity <= 1:
        raise InputError(f"--curiosity={args.curiosity:g}: a probability lies between 0 and 1.", "bad_flag")
    if args.growth <= 1:
        raise InputError(
            f"--growth={args.growth:g}: only a factor above 1 lets the penalty grow.", "bad_flag"
        )
    game = Game(curiosity=args.curiosity, growth=args.growth)
    games: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {name: [] for name in NAMES}
    with progress("games", 2 * args.runs) as advance:
        for name in NAMES:
            for i in range(args.runs):
                games[name].append(play(args.steps, args.seed + i, game, name == PENALISED))
                advance()
    shares = {name: [periods(keys) for keys, _ in played] for name, played in games.items()}
    mean = {
        name: {p: float(np.mean([run[p] for run in of])) for p in (*PERIODS, 0)}
        for name, of in shares.items()
    }
    alternating = {name: sum(run[2] > 0 for run in of) for name, of in shares.items()}
    rows = []
    for name, played in games.items():
        of = mean[name]
        rows += [
            (
                f"{name}: time on one key",
                "often converges to it" if name == PENALISED else "",
                f"{of[1]:.0%}",
            ),
            (f"{name}: time in ABAB...", "never" if name == PENALISED else "", f"{of[2]:.1%}"),
            (f"{name}: runs of {args.runs} with ABAB... for {WINDOW} keys", "", str(alternating[name])),
            (
                f"{name}: time in patterns of 3 to {PERIODS[-1]} keys",
                "",
                f"{sum(of[p] for p in PERIODS[2:]):.0%}",
            ),
            (f"{name}: mean probability given to the key", "", f"{np.mean([p for _, p in played]):.2f}"),
        ]
    draw(folder, games, mean)
    return Outcome(
        title="Two networks that play for each other",
        said="A Q-learning agent presses keys that a classifier shall guess, but not perfectly. It often converges to "
        "one key, penalty or not, and is not about to invent ABABAB.",
        findings=tuple(Finding(*row) for row in rows),
        verdict=verdict(mean, alternating, args.runs),
        pictures=(
            (
                "keys.png",
                f"The last {FRAMES} keys of the first game without the penalty, and of the first with it",
            ),
            ("periods.png", f"Share of windows of {WINDOW} keys by the period of their pattern"),
            ("guesses.png", f"The probability that the classifier gave the keys, in the last {FRAMES} steps"),
        ),
        midi=tuple(f"{name.replace(' ', '_')}.mid" for name in NAMES),
    )


def verdict(mean: dict[str, dict[int, float]], alternating: dict[str, int], runs: int) -> str:
    """What came out; `mean` holds the shares of windows by period, `alternating` the runs with some of period 2."""
    free, penalised = (mean[name] for name in NAMES)
    one = f"{free[1]:.0%} of the time {NAMES[0]}, {penalised[1]:.0%} {NAMES[1]}"
    sentences = [f"One key is repeated {one}."]
    if penalised[1] < free[1] / 2:
        longest = max(PERIODS[1:], key=lambda period: penalised[period])
        sentences.append(
            f"The penalty does push the pair out: it goes round in longer patterns, most often of {longest} keys "
            f"({penalised[longest]:.0%})."
        )
    if alternating[PENALISED]:
        sentences.append(
            f"ABABAB does appear, in {alternating[PENALISED]} of {runs} runs with the penalty, and does not last: "
            f"{penalised[2]:.1%} of the time."
            if penalised[2] < 0.1
            else f"ABABAB does appear, in {alternating[PENALISED]} of {runs} runs, {penalised[2]:.0%} of the time."
        )
    else:
        sentences.append("ABABAB does not appear.")
    return " ".join(sentences)


def draw(folder: Path, games: dict[str, list[tuple[np.ndarray, np.ndarray]]], mean: dict) -> None:
    """The pictures, and what is played as MIDI."""
    from experiments import pictures

    rolls = {name: np.eye(len(KEYS), dtype=int)[played[0][0][-FRAMES:]] for name, played in games.items()}
    pictures.save_rolls(folder / "keys.png", rolls)
    for name, roll in rolls.items():
        pictures.save_midi(folder / f"{name.replace(' ', '_')}.mid", roll)
    shares = {name: (list(PERIODS), [of[period] for period in PERIODS]) for name, of in mean.items()}
    pictures.save_curves(folder / "periods.png", shares, "share of windows", "period of the pattern in keys")
    guesses = {name: list(played[0][1][-FRAMES:]) for name, played in games.items()}
    marks = {"perfect": Game().perfect}
    pictures.save_curves(folder / "guesses.png", guesses, "probability given to the key", "keys", marks=marks)

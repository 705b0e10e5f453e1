"""A Q-learning agent presses keys so that a classifier can predict them well, but not perfectly.

Two networks learn together: the agent decides which of 13 keys to press next, and the classifier learns to predict that
key from the previous ones. The agent is rewarded for predictable keys, but while the predictions are perfect, a penalty
grows exponentially, which should push the pair out of trivial solutions. In the original (MusicGeneration) the hope was
that a pattern such as ABABAB, one of the simplest to a human listener, would emerge; instead the agent tended to get
stuck on a single key. See how much of the time is spent in patterns of one, two or more keys, with and without the
penalty. The original's network sizes and learning rates are not known; the ones used here are our own choice.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common import flags
from common.console import progress
from common.errors import InputError
from experiments.descent import positive_flag
from experiments.outcome import Finding, Outcome
from patterns.melody import FRAMES, KEYS

MEMORY = 4
"""How many previous keys both networks see."""
WINDOW = 16
"""How many consecutive keys must follow a pattern for it to count."""
PERIODS = range(1, WINDOW // 2 + 1)
PENALISED = "with the penalty"
NAMES = ("without the penalty", PENALISED)


@dataclass(frozen=True)
class Game:
    """The rules of the game and the parameters of Q-learning.

    Attributes:
        perfect: a prediction is perfect if it gives the pressed key at least this probability.
        growth: base of the penalty, which is `growth ** n - 1` after n perfect predictions in a row.
        most: upper limit of the penalty.
        rate: learning rate of Q-learning.
        discount: discount factor for later rewards.
        curiosity: probability of pressing a random key.
    """

    perfect: float = 0.9
    growth: float = 1.2
    most: float = 20.0
    rate: float = 0.5
    discount: float = 0.8
    curiosity: float = 0.01


def add_flags(parser: argparse.ArgumentParser) -> None:
    game = Game()
    parser.add_argument(
        "--steps",
        type=flags.COUNT_OR_NONE,
        default=1500,
        help="number of keys pressed in each run (default: 1500)",
    )
    parser.add_argument(
        "--runs",
        type=flags.integer(0, flags.MOST_OUTPUTS),
        default=4,
        help="number of runs with and without the penalty each (default: 4)",
    )
    parser.add_argument(
        "--curiosity",
        type=flags.number(0, 1000),
        default=game.curiosity,
        help="probability of pressing a random key (default: %(default)s)",
    )
    parser.add_argument(
        "--growth",
        type=flags.number(-1000, 1000),
        default=game.growth,
        help="base of the penalty, which is growth ** n - 1 after n perfect predictions in a row (default: %(default)s)",
    )


def reward(probability: float, perfect_in_a_row: int, game: Game, penalised: bool) -> float:
    """The agent's reward for pressing a key.

    Args:
        probability: the probability that the classifier gave the key; this is the reward without the penalty.
        perfect_in_a_row: n, the number of perfect predictions in a row, including this one.
        game: the rules.
        penalised: whether to subtract the penalty, `growth ** n - 1` but at most `game.most`.
    """
    if not penalised or not perfect_in_a_row:
        return probability
    return probability - min(game.most, game.growth**perfect_in_a_row - 1)


def play(steps: int, seed: int, game: Game, penalised: bool) -> tuple[np.ndarray, np.ndarray]:
    """Run a game.

    Returns:
        The pressed keys, int `[steps]`, and the probability that the classifier gave to each, `[steps]`.
    """
    from sklearn import config_context
    from sklearn.neural_network import MLPClassifier

    rng = np.random.default_rng(seed)
    classifier = MLPClassifier((32,), learning_rate_init=0.01, random_state=seed)
    one_hot = np.eye(len(KEYS))
    # Q is linear: the value of a key is a sum of one weight for each of the last keys, and a bias in the last row.
    promises = np.zeros((MEMORY * len(KEYS) + 1, len(KEYS)))
    places = np.arange(MEMORY) * len(KEYS)
    keys = list(rng.integers(0, len(KEYS), MEMORY))
    probabilities = []
    row = 0
    # Without this, scikit-learn would spend most of the time on validating single rows.
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
    """The fraction of windows that consist of a repeated pattern of 1, 2, ... keys, by the length of the pattern.

    A window counts only for its shortest period. Key 0 holds the fraction of windows without any repeated pattern.

    Args:
        keys: `[steps]`, at least as many as `window`.
        window: length of the windows in keys.
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
    """Run several games without the penalty and with it."""
    positive_flag(args, "runs")
    if args.steps < FRAMES:
        raise InputError(f"--steps={args.steps}: give a number of {FRAMES} or more.", "bad_flag")
    if not 0 <= args.curiosity <= 1:
        raise InputError(f"--curiosity={args.curiosity:g}: give a probability between 0 and 1.", "bad_flag")
    if args.growth <= 1:
        raise InputError(
            f"--growth={args.growth:g}: give a factor above 1, so that the penalty grows.", "bad_flag"
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
                f"{name}: time repeating one key",
                "sometimes converges to this" if name == PENALISED else "",
                f"{of[1]:.0%}",
            ),
            (f"{name}: time in ABAB...", "never" if name == PENALISED else "", f"{of[2]:.1%}"),
            (f"{name}: runs (of {args.runs}) with {WINDOW} keys of ABAB...", "", str(alternating[name])),
            (
                f"{name}: time in patterns of 3 to {PERIODS[-1]} keys",
                "",
                f"{sum(of[p] for p in PERIODS[2:]):.0%}",
            ),
            (f"{name}: mean probability of the pressed key", "", f"{np.mean([p for _, p in played]):.2f}"),
        ]
    draw(folder, games, mean)
    return Outcome(
        title="An agent and a classifier that predicts it",
        said="Despite the penalty, the agent sometimes converged to repeating one key, and it did not look as if the pair "
        "would leave this local optimum, let alone arrive at ABABAB.",
        findings=tuple(Finding(*row) for row in rows),
        verdict=verdict(mean, alternating, args.runs),
        pictures=(
            (
                "keys.png",
                f"The last {FRAMES} keys of the first run without the penalty, and of the first run with it",
            ),
            ("periods.png", f"Fraction of windows of {WINDOW} keys, by the period of their pattern"),
            (
                "guesses.png",
                f"Probability that the classifier gave to the pressed key, in the last {FRAMES} steps",
            ),
        ),
        midi=tuple(f"{name.replace(' ', '_')}.mid" for name in NAMES),
    )


def verdict(mean: dict[str, dict[int, float]], alternating: dict[str, int], runs: int) -> str:
    """A summary of the results.

    Args:
        mean: fraction of windows by period, averaged over the runs, for each of `NAMES`.
        alternating: number of runs that contain a window of period 2, for each of `NAMES`.
        runs: number of runs for each of `NAMES`.
    """
    free, penalised = (mean[name] for name in NAMES)
    one = f"{free[1]:.0%} of the time {NAMES[0]}, {penalised[1]:.0%} {NAMES[1]}"
    sentences = [f"One key is repeated {one}."]
    if penalised[1] < free[1] / 2:
        longest = max(PERIODS[1:], key=lambda period: penalised[period])
        sentences.append(
            f"The penalty does push the pair out of this: it moves on to longer patterns, most often of {longest} keys "
            f"({penalised[longest]:.0%})."
        )
    if alternating[PENALISED]:
        sentences.append(
            f"ABABAB does appear in {alternating[PENALISED]} of {runs} runs with the penalty, but it does not last: "
            f"{penalised[2]:.1%} of the time."
            if penalised[2] < 0.1
            else f"ABABAB appears in {alternating[PENALISED]} of {runs} runs with the penalty, {penalised[2]:.0%} of the "
            "time."
        )
    else:
        sentences.append("ABABAB does not appear.")
    return " ".join(sentences)


def draw(folder: Path, games: dict[str, list[tuple[np.ndarray, np.ndarray]]], mean: dict) -> None:
    """Write the pictures and the MIDI files."""
    from experiments import pictures

    rolls = {name: np.eye(len(KEYS), dtype=int)[played[0][0][-FRAMES:]] for name, played in games.items()}
    pictures.save_rolls(folder / "keys.png", rolls)
    for name, roll in rolls.items():
        pictures.save_midi(folder / f"{name.replace(' ', '_')}.mid", roll)
    shares = {name: (list(PERIODS), [of[period] for period in PERIODS]) for name, of in mean.items()}
    pictures.save_curves(
        folder / "periods.png", shares, "fraction of windows", "period of the pattern in keys"
    )
    guesses = {name: list(played[0][1][-FRAMES:]) for name, played in games.items()}
    marks = {"perfect": Game().perfect}
    pictures.save_curves(
        folder / "guesses.png", guesses, "probability of the pressed key", "step", marks=marks
    )

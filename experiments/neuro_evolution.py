"""NEAT evolves networks that compute XOR, and networks that press the right keys for a melody.

NEAT (Stanley and Miikkulainen 2002; here with the library neat-python) evolves the structure of a network together with
its weights: mutation adds neurons and connections and changes weights, and crossover mixes parents of the same species.
The original (MusicGeneration) solved XOR, but its melody player, which sees the last 32 frames, never got past frame
27. There were two obstacles. A sigmoid is always above the threshold of 0 that the original used, so every connected
key was always struck; and a network was evaluated only up to its first mistake, so nothing that it had learned about
later frames counted. Here the melody is evolved twice, with the original's fitness and with one that takes all frames
into account. See how many frames each gets right, and how many a silent player would.
"""

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common import flags
from common.console import progress
from common.errors import InputError
from experiments.outcome import Finding, Outcome
from experiments.tunes import load_songs

KEYS = 13
MEMORY = 32  # how many past frames a network sees
START = 8  # frames at the start of the song that are given rather than predicted
XOR_INPUTS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR_OUTPUTS = np.array([0.0, 1.0, 1.0, 0.0])
XOR_SOLVED = 3.9
XOR_POPULATION = 150
XOR_GENERATIONS = 300
ORIGINAL_THRESHOLD = 0.0
ORIGINAL, OURS = "original fitness", "our fitness"
SHARPNESS = {"sigmoid": 5.0, "tanh": 2.5}  # factors on the input of neat-python's activation functions
MIDDLE = {"sigmoid": 0.5, "tanh": 0.0}  # threshold for striking a key: the middle of the output's range

# The original's settings. A node's output is activation(bias + response * sum of weighted inputs).
SETTINGS: dict[str, dict[str, Any]] = {
    "NEAT": {
        "fitness_criterion": "max",
        "reset_on_extinction": True,
        "no_fitness_termination": False,
    },
    "DefaultGenome": {
        "aggregation_default": "sum",
        "aggregation_options": "sum",
        "aggregation_mutate_rate": 0.0,
        "activation_mutate_rate": 0.0,
        "bias_init_mean": 0.0,
        "bias_init_stdev": 1.0,
        "bias_init_type": "gaussian",
        "bias_min_value": -30.0,
        "bias_max_value": 30.0,
        "bias_mutate_power": 0.5,
        "bias_mutate_rate": 0.7,
        "bias_replace_rate": 0.1,
        "compatibility_disjoint_coefficient": 1.0,
        "compatibility_weight_coefficient": 0.5,
        "conn_add_prob": 0.5,
        "conn_delete_prob": 0.5,
        "enabled_default": "True",
        "enabled_mutate_rate": 0.01,
        "enabled_rate_to_true_add": 0.0,
        "enabled_rate_to_false_add": 0.0,
        "feed_forward": True,
        "initial_connection": "unconnected",
        "node_add_prob": 0.2,
        "node_delete_prob": 0.2,
        "num_hidden": 0,
        "response_init_mean": 1.0,
        "response_init_stdev": 0.0,
        "response_init_type": "gaussian",
        "response_min_value": -30.0,
        "response_max_value": 30.0,
        "response_mutate_power": 0.0,
        "response_mutate_rate": 0.0,
        "response_replace_rate": 0.0,
        "single_structural_mutation": False,
        "structural_mutation_surer": "default",
        # Not used by feed-forward networks, but neat-python requires it.
        "time_constant_init_mean": 1.0,
        "time_constant_init_stdev": 0.0,
        "time_constant_init_type": "gaussian",
        "time_constant_min_value": 0.01,
        "time_constant_max_value": 10.0,
        "time_constant_mutate_power": 0.0,
        "time_constant_mutate_rate": 0.0,
        "time_constant_replace_rate": 0.0,
        "weight_init_mean": 0.0,
        "weight_init_stdev": 1.0,
        "weight_init_type": "gaussian",
        "weight_min_value": -30.0,
        "weight_max_value": 30.0,
        "weight_mutate_power": 0.5,
        "weight_mutate_rate": 0.8,
        "weight_replace_rate": 0.1,
    },
    "DefaultSpeciesSet": {"compatibility_threshold": 3.0},
    "DefaultStagnation": {"species_fitness_func": "max", "max_stagnation": 20, "species_elitism": 2},
    "DefaultReproduction": {"elitism": 2, "survival_threshold": 0.2, "min_species_size": 2},
}
# The original's changes for the melody: fewer connections are deleted, and more neurons are added.
MELODY = {"num_inputs": MEMORY * KEYS, "num_outputs": KEYS, "conn_delete_prob": 0.35, "node_add_prob": 0.3}
# Our changes: networks grow, and a child differs from its parents in a few weights instead of most of them.
CALMER = {
    "conn_add_prob": 0.9,
    "conn_delete_prob": 0.2,
    "node_add_prob": 0.1,
    "node_delete_prob": 0.1,
    "weight_mutate_rate": 0.3,
    "weight_mutate_power": 1.0,
    "bias_mutate_rate": 0.3,
}


@dataclass(frozen=True)
class Evolved:
    """The result of an evolution.

    Attributes:
        config: neat-python's configuration.
        genome: the best genome of all generations.
        fitness: the best fitness in each generation.
    """

    config: Any
    genome: Any
    fitness: list[float]


def make_config(population: int, solved: float, activation: str, **genome: Any) -> Any:
    """Make neat-python's configuration from `SETTINGS`, by way of a temporary file, since it can only read files.

    Args:
        population: population size.
        solved: fitness at which evolution stops.
        activation: activation function of all neurons.
        genome: further settings of the section `DefaultGenome`, which override `SETTINGS`.
    """
    import neat

    settings = {section: dict(values) for section, values in SETTINGS.items()}
    settings["NEAT"] |= {"pop_size": population, "fitness_threshold": solved}
    settings["DefaultGenome"] |= {"activation_default": activation, "activation_options": activation} | genome
    lines = []
    for section, values in settings.items():
        lines += [f"[{section}]", *(f"{name} = {value}" for name, value in values.items())]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "neat.config"
        path.write_text("\n".join(lines), encoding="utf-8")
        return neat.Config(
            neat.DefaultGenome, neat.DefaultReproduction, neat.DefaultSpeciesSet, neat.DefaultStagnation, path
        )


def outputs(genome: Any, config: Any, inputs: np.ndarray) -> np.ndarray:
    """A network's outputs `[n, outputs]` for a batch of inputs `[n, inputs]`.

    neat-python's own `activate` takes a single input at a time, which is about a hundred times slower.
    """
    import neat

    network = neat.nn.FeedForwardNetwork.create(genome, config)
    values = {key: inputs[:, i] for i, key in enumerate(network.input_nodes)}
    for node, _, _, bias, response, links in network.node_evals:
        total = bias + response * sum(
            (values[source] * weight for source, weight in links), np.zeros(len(inputs))
        )
        values[node] = activate(total, genome.nodes[node].activation)
    silent = np.zeros(len(inputs))
    return np.stack([values.get(key, silent) for key in network.output_nodes], axis=1)


def activate(total: np.ndarray, activation: str) -> np.ndarray:
    """neat-python's activation functions, applied to arrays."""
    slope = np.clip(SHARPNESS[activation] * total, -60.0, 60.0)
    return 1 / (1 + np.exp(-slope)) if activation == "sigmoid" else np.tanh(slope)


def evolve(config: Any, fitness: Callable[[Any], float], generations: int, seed: int, what: str) -> Evolved:
    """Evolve until a genome reaches the configuration's fitness threshold, or for `generations`."""
    import neat

    history: list[float] = []
    with progress(what, generations) as advance:

        def evaluate(genomes: list[tuple[int, Any]], _: Any) -> None:
            for _, genome in genomes:
                genome.fitness = fitness(genome)
            history.append(max(genome.fitness for _, genome in genomes))
            advance()

        population = neat.Population(config, seed=seed)
        best = population.run(evaluate, generations)
    return Evolved(config, best, history)


def evolve_xor(population: int, generations: int, seed: int) -> Evolved:
    """Evolve XOR with the original's settings; the fitness is 4 minus the sum of squared errors.

    Unlike the original's, networks start with their inputs connected: in neat-python 2, most runs that start without
    connections get stuck at a fitness of 3.
    """
    config = make_config(
        population, XOR_SOLVED, "sigmoid", num_inputs=2, num_outputs=1, initial_connection="full_direct"
    )

    def fitness(genome: Any) -> float:
        return 4.0 - float(((outputs(genome, config, XOR_INPUTS)[:, 0] - XOR_OUTPUTS) ** 2).sum())

    return evolve(config, fitness, generations, seed, "XOR, generations")


def memories(roll: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Inputs `[120, 416]`, 1 for keys that were struck and -1 for the others, and targets, bool `[120, 13]`."""
    padded = np.concatenate([np.zeros((MEMORY - START, KEYS)), roll]) * 2 - 1
    seen = np.stack([padded[t : t + MEMORY].ravel() for t in range(len(roll) - START)])
    return seen, roll[START:] > 0


def until_first_mistake(played: np.ndarray, threshold: float, target: np.ndarray) -> float:
    """The original's fitness: 1, plus 1 for each right frame up to the first wrong one, plus partial credit for that.

    Args:
        played: outputs `[frames, 13]`.
        threshold: outputs above this count as struck keys.
        target: keys that should be struck, bool `[frames, 13]`.

    Returns:
        1 to 1 + frames. The partial credit is the mean over keys of 1 for a right key and 1 / (1 + e^|output|) for a
        wrong one.
    """
    right = (played > threshold) == target
    wrong = np.flatnonzero(~right.all(axis=1))
    if not wrong.size:
        return 1.0 + len(target)
    first = int(wrong[0])
    credit = np.where(right[first], 1.0, 1 / (1 + np.exp(np.abs(played[first]))))
    return 1.0 + first + float(credit.mean())


def expected_frames(played: np.ndarray, activation: str, target: np.ndarray) -> float:
    """Our fitness: the expected number of right frames if each output is the probability of striking its key.

    Unlike the original's fitness it takes all frames into account, and it rises whenever an output moves towards its
    target.

    Args:
        played: outputs `[frames, 13]`.
        activation: activation function of the outputs, whose range is mapped to probabilities from 0 to 1.
        target: keys that should be struck, bool `[frames, 13]`.

    Returns:
        0 to the number of frames.
    """
    chance = played if activation == "sigmoid" else (played + 1) / 2
    chance = np.clip(chance, 0.01, 0.99)
    return float(np.where(target, chance, 1 - chance).prod(axis=1).sum())


def evolve_melody(roll: np.ndarray, args: argparse.Namespace, original_fitness: bool) -> Evolved:
    """Evolve a player for a song `[128, 13]`, with the original's fitness, threshold and settings or with ours."""
    seen, target = memories(roll)
    activation = "sigmoid" if original_fitness else args.activation
    solved = len(target) - 1.0 if original_fitness else 0.95 * len(target)
    settings = MELODY | {"num_hidden": 100} if original_fitness else MELODY | CALMER
    config = make_config(args.population, solved, activation, **settings)

    def fitness(genome: Any) -> float:
        played = outputs(genome, config, seen)
        if original_fitness:
            return until_first_mistake(played, ORIGINAL_THRESHOLD, target)
        return expected_frames(played, activation, target)

    name = ORIGINAL if original_fitness else OURS
    return evolve(config, fitness, args.generations, args.seed, f"melody, {name}, generations")


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--population",
        type=flags.integer(0, flags.MOST_OUTPUTS),
        default=150,
        help="population size for the melody (default: 150; original: 1500)",
    )
    parser.add_argument(
        "--generations",
        type=flags.COUNT_OR_NONE,
        default=100,
        help="generations for the melody (default: 100)",
    )
    parser.add_argument(
        "--activation",
        choices=list(MIDDLE),
        default="sigmoid",
        help="activation function of the melody player evolved with our fitness (default: sigmoid)",
    )


def run(args: argparse.Namespace, folder: Path) -> Outcome:
    for name, least in (("population", 4), ("generations", 1)):
        if getattr(args, name) < least:
            raise InputError(f"--{name}={getattr(args, name)}: give a number of {least} or more.", "bad_flag")
    songs = load_songs(args.songs)
    xor = evolve_xor(XOR_POPULATION, XOR_GENERATIONS, args.seed)
    answers = outputs(xor.genome, xor.config, XOR_INPUTS)[:, 0]
    seen, target = memories(songs.first)
    silent = int((~target.any(axis=1)).sum())
    players: dict[str, Evolved] = {}
    rolls: dict[str, np.ndarray] = {songs.name: songs.first}
    right: dict[str, np.ndarray] = {}
    for name, original_fitness in ((ORIGINAL, True), (OURS, False)):
        player = players[name] = evolve_melody(songs.first, args, original_fitness)
        threshold = ORIGINAL_THRESHOLD if original_fitness else MIDDLE[args.activation]
        played = outputs(player.genome, player.config, seen) > threshold
        right[name] = (played == target).all(axis=1)
        rolls[f"{name}: keys that the best player strikes, given the true past"] = np.concatenate(
            [songs.first[:START], played.astype(np.uint8)]
        )
    best = {name: int(frames.sum()) for name, frames in right.items()}
    first = {name: int(np.argmin(np.append(frames, False))) for name, frames in right.items()}
    generations = f"{len(players[OURS].fitness)} generations of {args.population}"
    findings = [
        Finding("XOR: generations", "60 (13 on average)", str(len(xor.fitness))),
        Finding("XOR: fitness, out of 4", "3.9796", f"{xor.fitness[-1]:.4f}"),
        Finding("XOR: outputs", ".0015 .889 .911 .0033", " ".join(f"{answer:.3f}" for answer in answers)),
        Finding(f"{songs.name}: frames (of {len(target)}) that a silent player gets right", "", str(silent)),
    ]
    for name in players:
        original = "19, once 27, in thousands of generations of 1500" if name == ORIGINAL else ""
        findings += [
            Finding(f"{name}: frames before the first mistake, {generations}", original, str(first[name])),
            Finding(f"{name}: right frames in total", "", str(best[name])),
        ]
    midi = _draw(folder, xor, players, rolls, silent)
    solved = "solved" if xor.fitness[-1] > XOR_SOLVED else "not solved"
    gain = best[OURS] - silent
    return Outcome(
        title="NEAT on XOR and on a melody",
        said="NEAT solved XOR easily. On a melody it failed: after thousands of generations it got 19 of 128 frames "
        "right, and 27 once.",
        findings=tuple(findings),
        verdict=f"XOR was {solved} in {len(xor.fitness)} generations. With the original's fitness, the best player of "
        f"the melody gets {best[ORIGINAL]} of {len(target)} frames right; with our fitness, {best[OURS]}, "
        + (
            f"{gain} more than a silent player."
            if gain > 0
            else f"no better than a silent player ({silent})."
        ),
        pictures=(
            ("xor.png", "Fitness of the best XOR network in each generation"),
            (
                "melody.png",
                "Fitness of the best player in each generation; dotted line: frames that a silent player gets right",
            ),
            (
                "played.png",
                "The song, and the keys that the best players strike when they are given the true past",
            ),
        ),
        midi=midi,
    )


def _draw(
    folder: Path, xor: Evolved, players: dict[str, Evolved], rolls: dict[str, np.ndarray], silent: int
) -> tuple[str, ...]:
    """Write the pictures and a MIDI file of the last player; returns the names of the MIDI files."""
    from experiments import pictures

    pictures.save_curves(
        folder / "xor.png", {"XOR": xor.fitness}, "fitness", "generation", marks={"solved": XOR_SOLVED}
    )
    pictures.save_curves(
        folder / "melody.png",
        {name: player.fitness for name, player in players.items()},
        "fitness, in frames",
        "generation",
        marks={"silence": float(silent)},
    )
    pictures.save_rolls(folder / "played.png", rolls)
    pictures.save_midi(folder / "played.mid", list(rolls.values())[-1])
    return ("played.mid",)

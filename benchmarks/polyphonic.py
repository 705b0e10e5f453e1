"""Train the piano models on the four polyphonic sets and print their nats a frame beside published figures.

    python -m benchmarks.polyphonic --data=polyphonic --runs=runs/polyphonic --models=basic_rnn,rnn_nade
    python -m benchmarks.polyphonic --data=polyphonic

The first line trains what has no result in the runs yet (an interrupted run goes on), scores the best checkpoint by
the validation split on the test split, and puts the figures into `docs/polyphonic.json`; the second prints the
table of all figures in that file, beside simple models and published figures. The sets are those of
Boulanger-Lewandowski, Bengio and Vincent (2012), 88 keys, a frame a quarter note (JSB chorales) or an eighth. Frame t
is predicted from all before it, the mean is over all frames but each piece's first.
"""

if __name__ == "__main__":  # see common/console.py
    from common import signals

    signals.listen()

import argparse
import dataclasses
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import configs
from catalog.config import frozen
from common import flags
from common.console import Parser, print_table, run_command
from common.errors import InputError
from common.output_files import write_atomically

SETS = ("JSB_Chorales", "Nottingham", "MuseData", "Piano_midi")
PUBLISHED = {
    "RNN (Boulanger-Lewandowski 2012)": (8.71, 4.46, 8.13, 8.37),
    "RNN-RBM (Boulanger-Lewandowski 2012)": (6.27, 2.39, 6.01, 7.09),
    "RNN-NADE (Boulanger-Lewandowski 2012)": (5.56, 2.31, 5.60, 7.05),
    "LSTM (Bai 2018)": (8.45, 3.29, None, None),
    "TCN (Bai 2018)": (8.10, 3.07, None, None),
    "DMM (Krishnan 2017)": (6.388, 2.770, 6.831, 7.835),
}
RESULTS = Path(__file__).resolve().parents[1] / "docs" / "polyphonic.json"
"""The figures so far: model, set, nats a frame of the test split, and whether they are exact, a bound or an estimate."""

BASELINES = ("static Bernoulli", "first-order Markov")


@dataclass(frozen=True)
class Recipe:
    """How a model is trained on a set; chosen on the validation split.

    Attributes:
        hparams: changes of the config's.
        steps: at most.
        eval_every: steps between validations.
        patience: validations without a better one before it stops.
        reader, output: changes of the config's encoder and decoder.
    """

    hparams: dict[str, Any] = dataclasses.field(default_factory=dict)
    steps: int = 4000
    eval_every: int = 200
    patience: int = 5
    reader: dict[str, Any] = dataclasses.field(default_factory=dict)
    output: dict[str, Any] = dataclasses.field(default_factory=dict)


_CHORALES: dict[str, Any] = {
    "batch_size": 16,
    "max_seq_len": 160,
    "learning_rate": 0.005,
    "decay_rate": 0.999,
    "min_learning_rate": 0.0003,
    "dropout_keep_prob": 0.9,
}
_TUNES: dict[str, Any] = {
    **_CHORALES,
    "max_seq_len": 200,
    "learning_rate": 0.006,
    "dropout_keep_prob": 0.95,
}
_LSTM: dict[str, Any] = {"layer_sizes": [256]}
_BITS: dict[str, Any] = {"step_weights": False}
# The others were not tuned one by one: one recipe each set, short fragments where the pieces are short.
_OTHER_CHORALES: dict[str, Any] = {
    **_CHORALES,
    "max_seq_len": 64,
    "learning_rate": 0.004,
    "decay_rate": 0.9985,
}
_OTHER_TUNES: dict[str, Any] = {**_OTHER_CHORALES, "max_seq_len": 128}
RECIPES: dict[str, Recipe] = {
    # Dropping some of the 88 values of -1 would be much more noise than dropping the few of 1.
    "basic_rnn": Recipe(_TUNES, 4250, 250, 3, {**_LSTM, "output_dropout": 0.3, "signed": False}, _BITS),
    "rnn_nade": Recipe(_TUNES, 2000, 250, 3, {**_LSTM, "output_dropout": 0.3}, {"most": 15}),
}
BY_SET: dict[tuple[str, str], Recipe] = {
    ("basic_rnn", "JSB_Chorales"): Recipe(
        _CHORALES, 2500, 250, 3, {**_LSTM, "output_dropout": 0.5, "signed": False}, _BITS
    ),
    ("rnn_nade", "JSB_Chorales"): Recipe(
        {**_CHORALES, "learning_rate": 0.004, "decay_rate": 0.9985},
        1500, 100, 4, {"layer_sizes": [200], "output_dropout": 0.4}, {"most": 4},
    ),
    ("rnn_nade", "Nottingham"): Recipe(
        _TUNES, 2000, 250, 3, {**_LSTM, "output_dropout": 0.3}, {"most": 9}
    ),
    ("rnn_nade", "MuseData"): Recipe(
        _TUNES, 1250, 250, 3, {**_LSTM, "output_dropout": 0.3}, {"most": 15}
    ),
}  # fmt: skip


def recipe_of(model: str, name: str) -> Recipe:
    """The recipe of a model for a set."""
    recipe = BY_SET.get((model, name)) or RECIPES.get(model)
    if recipe is not None:
        return recipe
    if model in ("endecell", "endecell_as_drawn"):
        # It reads and writes key by key, 88 steps of an LSTM a frame: a small one, and few frames.
        keys = {**_OTHER_CHORALES, "max_seq_len": 32, "batch_size": 8, "decay_rate": 0.9995}
        reader = {"signed": False, "layer_sizes": [48]}
        return Recipe(keys, 5000, 500, 3, reader, _BITS)
    hparams = _OTHER_CHORALES if name == "JSB_Chorales" else _OTHER_TUNES
    if model == "rnn_rbm":
        # As in the paper, 15 steps of contrastive divergence. A validation anneals, which takes minutes on long pieces.
        every = 250 if name == "JSB_Chorales" else 1000
        return Recipe({**hparams, "decay_rate": 0.9995}, 4000, every, 2, _LSTM, {"hidden": 100, "steps": 15})
    reader = _LSTM if model == "rnn_sampler" else {}
    return Recipe(hparams, 1000, 200, 2, reader)


def config_of(model: str, name: str) -> configs.Config:
    """A model's config for a set, which says what sounds and not what is struck."""
    recipe, config = recipe_of(model, name), configs.get_config(model)
    if config.family != "frame_model" or config.decoder.get("form") == "tokens":
        raise InputError(f"{model}: does not play frames, which is all that the sets hold.", "other_model")
    decoder = {**config.decoder, **recipe.output}
    decoder.pop("velocities", None)  # the sets hold none
    own = dataclasses.replace(
        config,
        encoder=frozen({**config.encoder, **recipe.reader}),
        decoder=frozen(decoder),
        converter=frozen({**config.converter, "representation": "sounding"}),
        augmenter=frozen({}),  # the published models transpose nothing
    )
    return own.with_hparams(recipe.hparams)


def check_recipe(model: str, name: str, runs: Path) -> None:
    """Refuse a run that was begun with another recipe than today's.

    Raises:
        InputError: naming the run.
    """
    from workflows.training.run_config import config_of as config_of_run

    run_dir = runs / f"{model}-{name}"
    if config_of_run(run_dir) not in (None, config_of(model, name)):
        raise InputError(f"{run_dir}: was begun with another recipe; name other --runs.", "other_config")


def train_and_score(model: str, name: str, data: Path, runs: Path, samples: int) -> dict[str, Any]:
    """Train a model on a set, unless that is done, and score it on the test split."""
    from models.layers import startup

    startup.import_keras()
    from models.formats import ours as checkpoint
    from models.piano import evaluation as frame_evaluation
    from models.training.settings import Settings
    from workflows import families as workflows
    from workflows.examples import groups_of, load_pieces
    from workflows.training import run as training

    recipe, config = recipe_of(model, name), config_of(model, name)
    run_dir, path = runs / f"{model}-{name}", str(data / f"{name}.mat")
    began = time.perf_counter()
    examples = workflows.of(config).training_data(config, f"{path}:train", f"{path}:validation")
    built = training.built(config)
    every = recipe.eval_every
    settings = Settings(recipe.steps, every, every, every, 1, recipe.patience)
    training.run(built, config, examples, run_dir, settings)
    seconds = time.perf_counter() - began
    best = checkpoint.load(run_dir / "train" / "best.safetensors")
    checkpoint.assign(built, best.weights, str(run_dir))
    result: dict[str, Any] = {"model": model, "set": name, "step": best.step, "seconds": round(seconds)}
    scorer = frame_evaluation.Scorer(built)
    for split in ("validation", "test"):
        pieces = load_pieces(f"{path}:{split}", config, split)
        groups = groups_of(pieces, config)
        scores = frame_evaluation.score(scorer, groups, len(pieces), samples)
        result[split] = {"nats": scores.mean(), "measure": scores.measure}
        if scores.key_nats is not None:
            result[split] |= {"classes": scores.mean("values"), "keys": scores.mean("keys")}
        if scores.sampled_nats.shape[1] > 1:
            result[split]["tighter"] = scores.tighter()
    return result


def keep(result: dict[str, Any]) -> dict[str, Any]:
    """Put the test figure of a result of `train_and_score` into `RESULTS`, in the place of an earlier one."""
    test = result["test"]
    kept = {
        "model": result["model"],
        "set": result["set"],
        "nats": round(test.get("tighter", test["nats"]), 3),
        "measure": test["measure"],
    }
    others = [
        r for r in json.loads(RESULTS.read_text()) if (r["model"], r["set"]) != (kept["model"], kept["set"])
    ]
    lines = sorted((r["model"], SETS.index(r["set"]), json.dumps(r)) for r in [*others, kept])
    text = "[\n " + ",\n ".join(line for _, _, line in lines) + "\n]\n"
    write_atomically(RESULTS, text.encode())
    return kept


def baselines(name: str, data: Path) -> list[dict[str, Any]]:
    """The nats a frame of static Bernoulli and of a first-order Markov chain a key."""
    from baselines import frame_counts
    from preprocess.pieces.polyphonic_sets import load_polyphonic_set

    splits = load_polyphonic_set(data / f"{name}.mat")
    functions = (frame_counts.static_bernoulli_nats, frame_counts.markov_nats)
    return [
        {"model": label, "set": name, "nats": f(splits["train"], splits["test"]), "measure": "exact"}
        for label, f in zip(BASELINES, functions, strict=True)
    ]


def table(results: list[dict[str, Any]]) -> list[tuple]:
    """Rows of the table: a model, and its nats a frame on each set."""
    rows: list[tuple] = []
    mark = {"exact": "", "bound": "at most ", "estimate": "about "}
    models = list(dict.fromkeys(result["model"] for result in results))
    for model in (*BASELINES, *sorted(m for m in models if m not in BASELINES)):
        cells = []
        for name in SETS:
            found = [r for r in results if (r["model"], r["set"]) == (model, name)]
            cells.append(f"{mark[found[0]['measure']]}{found[0]['nats']:.2f}" if found else "")
        rows.append((model, *cells))
    for label, figures in PUBLISHED.items():
        rows.append((label, *("" if f is None else f"{f:.2f}" for f in figures)))
    return rows


def get_parser() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Parser(
        "Train frame models on the polyphonic sets and print their nats a frame.",
        "python -m benchmarks.polyphonic --data=polyphonic --runs=runs --models=basic_rnn --sets=JSB_Chorales",
    )
    parser.add_argument("--data", required=True, help="folder of the four .mat files")
    parser.add_argument("--runs", help="folder of the runs, needed with --models")
    parser.add_argument("--models", help="configs to train, separated by commas")
    parser.add_argument("--sets", default=",".join(SETS), help=f"of {', '.join(SETS)} (default: all)")
    parser.add_argument(
        "--samples", type=flags.integer(1, 100_000), default=8, help="random paths of a bound (default: 8)"
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args = get_parser().parse_args(argv)
    data = Path(args.data).expanduser()
    names = [name for name in args.sets.split(",") if name]
    unknown = sorted(set(names) - set(SETS))
    if unknown:
        raise InputError(f"--sets names '{unknown[0]}'; expected some of {', '.join(SETS)}.", "bad_flag")
    models = [model for model in (args.models or "").split(",") if model]
    if models and not args.runs:
        raise InputError("--runs is missing; it names a folder for what is trained.", "bad_flag")
    for model in models:
        for name in names:
            file = Path(args.runs).expanduser() / f"{model}-{name}.json"
            check_recipe(model, name, file.parent)
            if not file.exists():
                result = train_and_score(model, name, data, file.parent, args.samples)
                write_atomically(file, f"{json.dumps(result, indent=1)}\n".encode())
            kept = keep(json.loads(file.read_text()))
            print(f"{model} on {name}: {kept['nats']:.3f} nats a frame; wrote {file} and {RESULTS}.")
    results = json.loads(RESULTS.read_text()) + [row for name in names for row in baselines(name, data)]
    print_table("Nats a frame on the test splits", ["model", *SETS], table(results))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))

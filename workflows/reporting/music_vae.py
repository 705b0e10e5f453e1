"""Evaluating a MusicVAE: bounds on the likelihood, reconstruction, and for drums how like held-out clips samples are.

The measures and their sources are in `metrics`.
"""

import argparse
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from baselines import token_counts
from common.console import print_table, progress
from common.errors import InputError
from common.output_files import write_atomically
from metrics import variational
from models.music_vae.trained import TrainedModel
from preprocess.dataset import ExampleSet
from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES
from preprocess.drums.rhythm import STEPS_PER_BAR
from workflows.examples import load_examples
from workflows.exploring.vary_conditions import heeds_conditions
from workflows.reporting import beat_comparison
from workflows.reporting import beats as beat_report
from workflows.reporting import conditions as condition_report
from workflows.reporting import grooves as groove_report

if TYPE_CHECKING:
    # Imports Keras.
    from models.music_vae.evaluation import Scores

Array = np.ndarray
Batch = dict[str, Array]

Distributions = dict[str, dict[str, Array]]
"""By statistic, the values of `samples` and of `held out` that the picture shows."""

DEFAULTS = {"num_samples": 1024, "importance_samples": 64, "max_batch_size": 256}


def evaluate(args: argparse.Namespace, model: TrainedModel, files: list[Path]) -> None:
    """Evaluate a MusicVAE on held-out clips, print tables, and write report and picture.

    Args:
        args: the flags of `evaluate.py`; those of `DEFAULTS` that are not given are filled in.
        model: a MusicVAE, or a history drum model.
        files: of the report and of the picture.

    Raises:
        InputError: where the clips can't be read, or drums are not played in whole bars.
    """
    _fill_in(args, model)
    names = _drum_names(model)
    held_out = load_examples(args.examples_path, model.config)
    train = load_examples(args.train_examples_path, model.config) if args.train_examples_path else None
    chosen = _chosen(len(held_out), args)
    told = held_out.batch(chosen)
    examples = groove_report.unaided(model, told)
    scores = _score(model, examples, args)
    report: dict[str, Any] = {
        "checkpoint": Path(model.source).name,
        "config": model.config.name,
        "flags": {k: v for k, v in vars(args).items() if k not in ("force", "log")},
        "split": _bound_figures(examples, scores),
    }
    if train is not None and train.inputs.ndim == 2 and model.converter.output_form == "one_hot":
        report["split"]["baselines"] = _baselines(model, train.inputs, examples["inputs"])
    distributions: Distributions = {}
    if names:
        distributions = _add_drums(
            report, model, examples, held_out.sources[chosen], train, scores, names, args
        )
    elif model.config.converter["name"] == "groove":
        assert held_out.step_seconds is not None, "grooves keep them"
        report["groove"], distributions = groove_report.figures(
            model,
            told,
            None if train is None else train.batch(slice(None)),
            held_out.step_seconds[chosen],
            scores.mu,
            args.temperature or None,
            args.seed,
        )
    _print(report, names)
    _write(files, report, scores, distributions, names)


def _fill_in(args: argparse.Namespace, model: TrainedModel) -> None:
    """Fill in the flags that are not given, so that the report says what was done."""
    # Without a latent vector the likelihood is exact.
    defaults = DEFAULTS if model.z_size else {**DEFAULTS, "importance_samples": 1}
    for flag, value in defaults.items():
        if getattr(args, flag) is None:
            setattr(args, flag, value)


def _drum_names(model: TrainedModel) -> tuple[str, ...]:
    """The names of the model's drums; () where it does not play the nine drums on sixteenths.

    Raises:
        InputError: where it plays them, but not in whole bars.
    """
    converter, steps = model.converter, model.max_length
    plays_nine = converter.output_depth == 2 ** len(REDUCED_DRUM_CLASSES) and converter.end_token is None
    if model.config.converter["name"] != "drums" or not plays_nine:
        return ()
    whole_bars = converter.steps_per_bar == STEPS_PER_BAR and steps % STEPS_PER_BAR == 0
    if not whole_bars or STEPS_PER_BAR * (converter.slice_bars or 0) < steps:
        raise InputError(
            f"{model.source}: evaluate.py compares clips of one length in whole bars of {STEPS_PER_BAR} steps; "
            f"{model.config.name} has max_seq_len={steps} and slice_bars={converter.slice_bars}."
        )
    return tuple(drum.name for drum in REDUCED_DRUM_CLASSES)


def _chosen(clips: int, args: argparse.Namespace) -> Array:
    """The indices of the clips to evaluate: all of them, or `--max_examples` chosen at random."""
    index = np.arange(clips)
    if args.max_examples and args.max_examples < clips:
        index = np.sort(np.random.default_rng([args.seed, 3]).permutation(index)[: args.max_examples])
    return index


def _score(model: TrainedModel, examples: Batch, args: argparse.Namespace) -> "Scores":
    """What the Keras model makes of the clips."""
    vae, clips = model.keras_model, len(examples["inputs"])
    from models.music_vae import evaluation

    batches = math.ceil(clips / min(args.max_batch_size, clips)) * args.importance_samples
    with progress("Scoring", batches) as advance:
        return evaluation.score(
            vae, examples, args.importance_samples, args.seed, args.max_batch_size, advance
        )


def _add_drums(
    report: dict[str, Any],
    model: TrainedModel,
    examples: Batch,
    sources: Array,
    train: ExampleSet | None,
    scores: "Scores",
    names: tuple[str, ...],
    args: argparse.Namespace,
) -> Distributions:
    """Add to a report what is measured on drum beats alone.

    Args:
        report: gets `samples`, `beats`, and `conditions` for models that heed them; `split` gets more figures.
        model: plays the nine drums on sixteenths.
        examples: the held-out clips.
        sources: int `[clips]`, the file of each.
        train: the training clips.
        scores: of the held-out clips.
        names: of the drums.
        args: the flags of `evaluate.py`.
    """
    clips = examples["inputs"]
    played = beat_report.decode(model, scores.z, args.temperature, "Reconstructing", args)
    report["split"] |= beat_report.reconstruction_figures(examples, scores.predicted, played, names)
    report["samples"], distributions = beat_report.sample_figures(model, clips, train, names, args)
    report["beats"] = beat_comparison.figures(model, clips, sources, train, scores, args)
    tables = {name: sum(nats) for name, nats in report["beats"]["nats_by_bar"].items() if name != "model"}
    if tables:
        report["split"].setdefault("baselines", {}).update(tables)
    if heeds_conditions(model):
        report["conditions"] = condition_report.figures(model, args)
    return distributions


def _bound_figures(examples: Batch, scores: "Scores") -> dict[str, Any]:
    """Bounds on the likelihood, and what the latent vector carries."""
    kl = variational.kl_to_standard_normal(scores.mu, scores.sigma)
    reconstruction, kl_nats = float(scores.reconstruction.mean()), float(kl.mean())
    lengths = examples["lengths"] if examples["lengths"].ndim == 1 else examples["lengths"].sum(axis=1)
    return {
        "clips": len(examples["inputs"]),
        "mean_steps": float(np.mean(lengths)),
        "negative_elbo_nats": reconstruction + kl_nats,
        "importance_weighted_bound_nats": float(
            -variational.importance_weighted_bound(scores.log_weights).mean()
        ),
        "importance_samples": scores.log_weights.shape[1],
        "reconstruction_nats": reconstruction,
        "kl_nats": kl_nats,
        "kl_bits": kl_nats / math.log(2),
        "accuracy": float(scores.accuracy.mean()),
        "active_units": variational.active_units(scores.mu),
        "latent_units": scores.mu.shape[1],
    }


def _baselines(model: TrainedModel, train: Array, clips: Array) -> dict[str, float]:
    """The nats a clip of simple models of the training tokens, int `[n, steps]`."""
    depth = model.converter.output_depth
    return {
        "each_step_by_itself": token_counts.unigram_nats(train, clips, depth),
        "markov_chain": token_counts.markov_nats(train, clips, depth),
    }


def _print(report: dict[str, Any], names: tuple[str, ...]) -> None:
    """Print the report's tables."""
    split = report["split"]
    rows: list[tuple] = [
        ("negative ELBO, nats", split["negative_elbo_nats"]),
        (
            f"importance-weighted bound ({split['importance_samples']}), nats",
            split["importance_weighted_bound_nats"],
        ),
        ("reconstruction, nats", split["reconstruction_nats"]),
        ("KL, nats", split["kl_nats"]),
        ("KL, bits", split["kl_bits"]),
        ("accuracy of the likeliest values", split["accuracy"]),
        (f"active units of {split['latent_units']}", split["active_units"]),
    ]
    for key, value in split.get("baselines", {}).items():
        rows.append((f"for comparison: {key.replace('_', ' ')}, nats", value))
    print_table(f"{report['checkpoint']}: {split['clips']} held-out clips", ["measure", "value"], rows)
    if "groove" in report:
        groove_report.print_figures(report["groove"])
    if names:
        beat_report.print_figures(report, names)
        beat_comparison.print_figures(report["beats"])
    if "conditions" in report:
        condition_report.print_figures(report["conditions"])


def _write(
    files: list[Path],
    report: dict[str, Any],
    scores: "Scores",
    distributions: Distributions,
    names: tuple[str, ...],
) -> None:
    """Write the report as JSON, and its picture."""
    from render.pianoroll import png_bytes
    from render.report import ReportData, report_figure

    f1 = {
        kind.replace("_", "-"): np.array([report["split"][kind]["f1_per_drum"][name] for name in names])
        for kind in ("teacher_forced", "sampled")
        if names
    }
    shown = {name: sets for name, sets in distributions.items() if name != "density"}
    density = distributions.get("density", {})
    data = ReportData(names, f1, scores.mu.var(axis=0), variational.ACTIVE_VARIANCE, density, shown)
    picture = png_bytes(report_figure(data, f"{report['config']}, {report['checkpoint']}"))
    files[0].parent.mkdir(parents=True, exist_ok=True)
    write_atomically(files[0], (json.dumps(_without_nan(report), indent=1) + "\n").encode())
    write_atomically(files[1], picture)


def _without_nan(value: Any) -> Any:
    """A report with null for NaN, which JSON does not have: a measure that is not defined."""
    if isinstance(value, dict):
        return {key: _without_nan(v) for key, v in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value

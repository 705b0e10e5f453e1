"""What evaluate.py finds of a MusicVAE: bounds, reconstruction, and of drums how like the held-out its samples are.

The measures and their sources are in `metrics`.
"""

import argparse
import json
import math
from pathlib import Path
from typing import Any

from common.console import print_table, progress
from common.errors import InputError
from common.output_files import write_atomically
from workflows.reporting import grooves as groove_report
from workflows.training.data import load_examples


def evaluate(args: argparse.Namespace, model: Any, files: list[Path]) -> None:
    """Evaluate a MusicVAE on held-out clips, print tables, and write report and picture.

    Args:
        args: the flags of `evaluate.py`.
        model: a `TrainedModel`.
        files: of the report and of the picture.

    Raises:
        InputError: where the clips can't be read, or drums are played in something else than whole bars.
    """
    names = _drum_names(model)
    examples, step_seconds, sources = _chosen(load_examples(args.examples_path, model.config), args)
    train = load_examples(args.train_examples_path, model.config) if args.train_examples_path else None

    told, examples = examples, groove_report.unaided(model, examples)
    scores = _score(model, examples, args)
    report: dict[str, Any] = {
        "checkpoint": Path(model.source).name,
        "config": model.config.name,
        "flags": {k: v for k, v in vars(args).items() if k not in ("force", "log")},
        "split": _bound_figures(examples, scores),
    }
    if train is not None and train.inputs.ndim == 2 and model.converter.output_form == "one_hot":
        report["split"]["baselines"] = _baselines(model, train.inputs, examples["inputs"])
    values: dict[str, dict[str, Any]] = {}
    if names:
        from workflows.reporting import beat_comparison
        from workflows.reporting import beats as beat_report

        played = beat_report.decode(model, scores.z, args.temperature, "Reconstructing", args)
        report["split"] |= beat_report.reconstruction_figures(examples, scores, played, names)
        report["samples"], values = beat_report.sample_figures(model, examples["inputs"], train, names, args)
        report["beats"] = beat_comparison.figures(model, examples["inputs"], sources, train, scores, args)
        tables = {name: sum(nats) for name, nats in report["beats"]["nats_by_bar"].items() if name != "model"}
        if tables:
            report["split"].setdefault("baselines", {}).update(tables)
        if getattr(model, "heeds_conditions", False):
            from workflows.reporting import conditions as condition_report

            report["conditions"] = condition_report.figures(model, args)
    elif model.config.converter["name"] == "groove":
        report["groove"], values = groove_report.figures(
            model,
            told,
            None if train is None else train.batch(slice(None)),
            step_seconds,
            scores.mu,
            args.temperature or None,
            args.seed,
        )
    _print(report, names)
    _write(files, report, scores, values, names)


def _drum_names(model: Any) -> tuple[str, ...]:
    """The names of the model's drums; none where it plays something else than the nine on sixteenths.

    Raises:
        InputError: where it plays them in something else than whole bars.
    """
    from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES
    from preprocess.drums.rhythm import STEPS_PER_BAR

    made, steps = model.converter, model.config.hparams.max_seq_len
    expected = 2 ** len(REDUCED_DRUM_CLASSES)
    if (
        model.config.converter["name"] != "drums"
        or made.output_depth != expected
        or made.end_token is not None
    ):
        return ()
    if (
        made.steps_per_bar != STEPS_PER_BAR
        or steps % STEPS_PER_BAR
        or STEPS_PER_BAR * (made.slice_bars or 0) < steps
    ):
        raise InputError(
            f"{model.source}: evaluate.py compares clips of one length in whole bars of {STEPS_PER_BAR} steps; "
            f"{model.config.name} has max_seq_len={steps} and slice_bars={made.slice_bars}."
        )
    return tuple(drum.name for drum in REDUCED_DRUM_CLASSES)


def _chosen(examples: Any, args: argparse.Namespace) -> tuple[dict[str, Any], Any, Any]:
    """The clips to evaluate as one batch, all or `--max_examples` at random; their step lengths and files."""
    import numpy as np

    index = np.arange(len(examples))
    if args.max_examples and args.max_examples < len(index):
        index = np.sort(np.random.default_rng([args.seed, 3]).permutation(index)[: args.max_examples])
    return examples.batch(index), examples.step_seconds[index], examples.sources[index]


def _score(model: Any, examples: dict[str, Any], args: argparse.Namespace) -> Any:
    """The `models.music_vae.evaluation.Scores` of the clips."""
    vae, clips = model.keras_model, len(examples["inputs"])
    from models.music_vae import evaluation

    batches = math.ceil(clips / min(args.max_batch_size, clips)) * args.importance_samples
    with progress("Scoring", batches) as advance:
        return evaluation.score(
            vae, examples, args.importance_samples, args.seed, args.max_batch_size, advance
        )


def _bound_figures(examples: dict[str, Any], scores: Any) -> dict[str, Any]:
    """Bounds on the likelihood, and what the latent vector carries."""
    import numpy as np

    from metrics import variational

    kl = variational.kl_to_standard_normal(scores.mu, scores.sigma)
    loss, kl_nats = float(scores.reconstruction.mean()), float(kl.mean())
    lengths = examples["lengths"] if examples["lengths"].ndim == 1 else examples["lengths"].sum(axis=1)
    return {
        "clips": len(examples["inputs"]),
        "mean_steps": float(np.mean(lengths)),
        "negative_elbo_nats": loss + kl_nats,
        "importance_weighted_bound_nats": float(
            -variational.importance_weighted_bound(scores.log_weights).mean()
        ),
        "importance_samples": scores.log_weights.shape[1],
        "reconstruction_nats": loss,
        "kl_nats": kl_nats,
        "kl_bits": kl_nats / math.log(2),
        "accuracy": float(scores.accuracy.mean()),
        "active_units": variational.active_units(scores.mu),
        "latent_units": scores.mu.shape[1],
    }


def _baselines(model: Any, train: Any, clips: Any) -> dict[str, float]:
    """What simple models of the training tokens make of the clips, nats a clip."""
    from baselines import token_counts

    depth = model.converter.output_depth
    return {
        "each_step_by_itself": token_counts.unigram_nats(train, clips, depth),
        "markov_chain": token_counts.markov_nats(train, clips, depth),
    }


def _print(report: dict[str, Any], names: tuple[str, ...]) -> None:
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
        from workflows.reporting import beat_comparison
        from workflows.reporting import beats as beat_report

        beat_report.print_figures(report, names)
        beat_comparison.print_figures(report["beats"])
    if "conditions" in report:
        from workflows.reporting import conditions as condition_report

        condition_report.print_figures(report["conditions"])


def _write(
    files: list[Path],
    report: dict[str, Any],
    scores: Any,
    values: dict[str, dict[str, Any]],
    names: tuple[str, ...],
) -> None:
    import numpy as np

    from metrics.variational import ACTIVE_VARIANCE
    from render.pianoroll import png_bytes
    from render.report import ReportData, report_figure

    f1 = {
        kind.replace("_", "-"): np.array([report["split"][kind]["f1_per_drum"][name] for name in names])
        for kind in ("teacher_forced", "sampled")
        if names
    }
    distributions = {name: sets for name, sets in values.items() if name != "density"}
    density = values.get("density", {})
    data = ReportData(names, f1, scores.mu.var(axis=0), ACTIVE_VARIANCE, density, distributions)
    picture = png_bytes(report_figure(data, f"{report['config']}, {report['checkpoint']}"))
    files[0].parent.mkdir(parents=True, exist_ok=True)
    write_atomically(files[0], (json.dumps(_without_nan(report), indent=1) + "\n").encode())
    write_atomically(files[1], picture)


def _without_nan(value: Any) -> Any:
    """NaN, which JSON does not know, becomes null: a measure that is not defined."""
    if isinstance(value, dict):
        return {key: _without_nan(v) for key, v in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value

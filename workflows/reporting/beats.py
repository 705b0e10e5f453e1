"""What evaluate.py finds of drum beats: how well hits are reconstructed, and how far samples are from drummers.

What else a musician hears, and what tables without any network make of it, stands in `workflows/reporting/beat_comparison.py`.
"""

import argparse
from typing import Any

import numpy as np

from common.console import print_table, progress
from metrics import beat_distances, drum_hits
from preprocess.drums.rhythm import hits_of

RHYTHM_DRUMS = ("kick", "snare")
"""The drums whose syncopation is measured."""


def decode(model: Any, z: Any, temperature: float, description: str, args: argparse.Namespace) -> Any:
    """Tokens `[n, steps]` played from latent vectors; temperature 0 takes the likeliest."""
    tokens = []
    with progress(description, len(z)) as advance:
        for start in range(0, len(z), args.max_batch_size):
            batch = z[start : start + args.max_batch_size]
            tokens.append(model.decode_values(batch, temperature or None, args.seed, start))
            advance(len(batch))
    return np.concatenate(tokens)


def reconstruction_figures(
    examples: dict[str, Any], scores: Any, played: Any, names: tuple[str, ...]
) -> dict[str, Any]:
    """Reconstruction of the hits, drum by drum."""
    figures: dict[str, Any] = {}
    for kind, tokens in (("teacher_forced", scores.predicted), ("sampled", played)):
        found = drum_hits.reconstruction(examples["inputs"], tokens, examples["lengths"], len(names))
        per_drum = dict(zip(names, found.f1_per_drum, strict=True))
        figures[kind] = {"token_accuracy": found.token_accuracy, "f1": found.f1, "f1_per_drum": per_drum}
    return figures


def sample_figures(
    model: Any, clips: Any, train: Any, names: tuple[str, ...], args: argparse.Namespace
) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The figures of prior samples beside the split's, and the values behind them by (statistic, set)."""
    drums, rhythm = len(names), tuple(names.index(name) for name in RHYTHM_DRUMS)
    z = model.prior_sample(args.num_samples, args.seed)
    samples = hits_of(decode(model, z, args.temperature, "Sampling", args), drums)
    held_out = hits_of(clips, drums)
    # Shares of different clips depend on the number of clips: they are compared for equally many. (Clips of one
    # performance overlap, which lowers the held-out share of different bars, and what lies between it and the rest.)
    order = np.random.default_rng([args.seed, 4]).permutation(len(held_out))
    some, rest = held_out[order[: args.num_samples]], held_out[order[args.num_samples :]]
    sets = {"samples": samples, "held_out": some}
    found = {name: beat_distances.statistics(hits, rhythm) for name, hits in sets.items()}
    whole = beat_distances.statistics(held_out, rhythm)
    figures: dict[str, Any] = {
        name: beat_distances.summary(hits, found[name], names) for name, hits in sets.items()
    }
    figures["distance"] = beat_distances.distances(found["samples"], whole)
    figures["distance_of_held_out_to_rest"] = (
        beat_distances.distances(found["held_out"], beat_distances.statistics(rest, rhythm))
        if len(rest)
        else None
    )
    values: dict[str, dict[str, Any]] = {
        "density": {"samples": found["samples"].density.mean(axis=0), "held out": whole.density.mean(axis=0)},
        "hits a bar": {"samples": found["samples"].hits_per_bar, "held out": whole.hits_per_bar},
        "syncopation a bar (kick and snare)": {
            "samples": found["samples"].syncopation,
            "held out": whole.syncopation,
        },
    }
    if train is not None:
        pool = hits_of(train.inputs, drums)
        nearest = {name: drum_hits.nearest_distance(hits, pool) for name, hits in sets.items()}
        for name, cells in nearest.items():
            figures[name]["nearest_training_clip"] = beat_distances.nearest_summary(cells)
        figures["distance"]["nearest_training_clip"] = drum_hits.wasserstein(
            nearest["samples"], nearest["held_out"]
        )
        values["cells to the nearest training clip"] = {
            "samples": nearest["samples"],
            "held out": nearest["held_out"],
        }
    return figures, values


def print_figures(report: dict[str, Any], names: tuple[str, ...]) -> None:
    split, samples = report["split"], report["samples"]
    forced, sampled = split["teacher_forced"], split["sampled"]
    rows: list[tuple] = [("token accuracy", forced["token_accuracy"], sampled["token_accuracy"])]
    rows.append(("F1 of the hits", forced["f1"], sampled["f1"]))
    rows += [(f"F1, {name}", forced["f1_per_drum"][name], sampled["f1_per_drum"][name]) for name in names]
    print_table("Reconstruction", ["measure", "teacher-forced", "sampled"], rows)

    ours, theirs, apart = samples["samples"], samples["held_out"], samples["distance"]
    floor = samples["distance_of_held_out_to_rest"] or {}
    rows = []
    for key, label in (("hits_per_bar", "hits a bar"), ("syncopation", "syncopation a bar")):
        rows.append((label, ours[key], theirs[key], apart[key], floor.get(key, "-")))
    rows += [(f"density, {n}", ours["density"][n], theirs["density"][n], "-", "-") for n in names]
    rows.append(("density, mean of the drums", "-", "-", apart["density"], floor.get("density", "-")))
    for key, label in (("distinct_bars", "different bars"), ("distinct_clips", "different clips")):
        rows.append((label, ours[key], theirs[key], "-", "-"))
    if "nearest_training_clip" in ours:
        near = ours["nearest_training_clip"], theirs["nearest_training_clip"]
        rows.append(
            (
                "cells to the nearest training clip",
                near[0]["mean"],
                near[1]["mean"],
                apart["nearest_training_clip"],
                "-",
            )
        )
        rows.append(("copies of a training clip", near[0]["copies"], near[1]["copies"], "-", "-"))
    title = f"{ours['clips']} samples at temperature {report['flags']['temperature']}, {theirs['clips']} held-out clips"
    columns = ["measure", "samples", "held out", "earth mover's distance", "of held out to the rest"]
    print_table(title, columns, rows)

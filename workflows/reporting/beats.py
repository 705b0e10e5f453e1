"""Evaluating drum beats: how well hits are reconstructed, and how far samples are from what drummers play.

Phrases, copies and baselines without a network are in `beat_comparison`.
"""

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.console import print_table, progress
from metrics import beat_distances, drum_hits
from metrics.beat_distances import BeatStatistics
from models.music_vae.trained import TrainedModel
from preprocess.dataset import ExampleSet
from preprocess.drums.rhythm import hits_of

Array = np.ndarray

RHYTHM_DRUMS = ("kick", "snare")
"""The drums whose syncopation is measured."""


def decode(
    model: TrainedModel, z: Array, temperature: float, description: str, args: argparse.Namespace
) -> Array:
    """Tokens `[n, steps]` decoded from latent vectors `[n, z_size]`; temperature 0 takes the likeliest."""
    tokens = []
    with progress(description, len(z)) as advance:
        for start in range(0, len(z), args.max_batch_size):
            batch = z[start : start + args.max_batch_size]
            tokens.append(model.decode_values(batch, temperature or None, args.seed, start))
            advance(len(batch))
    return np.concatenate(tokens)


def reconstruction_figures(
    examples: dict[str, Array], predicted: Array, played: Array, names: tuple[str, ...]
) -> dict[str, Any]:
    """Token accuracy and F1 of reconstructed hits, of all drums and of each.

    Args:
        examples: `inputs`, int tokens `[n, steps]`, and `lengths`.
        predicted: the likeliest tokens under teacher forcing, `[n, steps]`.
        played: tokens drawn from the posterior's z, `[n, steps]`.
        names: of the drums.
    """
    figures: dict[str, Any] = {}
    for kind, tokens in (("teacher_forced", predicted), ("sampled", played)):
        found = drum_hits.reconstruction(examples["inputs"], tokens, examples["lengths"], len(names))
        per_drum = dict(zip(names, found.f1_per_drum, strict=True))
        figures[kind] = {"token_accuracy": found.token_accuracy, "f1": found.f1, "f1_per_drum": per_drum}
    return figures


@dataclass(frozen=True)
class _ClipSet:
    """Clips and their statistics.

    Attributes:
        hits: boolean `[clips, steps, drums]`.
        statistics: of these clips.
    """

    hits: Array
    statistics: BeatStatistics


def sample_figures(
    model: TrainedModel,
    clips: Array,
    train: ExampleSet | None,
    names: tuple[str, ...],
    args: argparse.Namespace,
) -> tuple[dict[str, Any], dict[str, dict[str, Array]]]:
    """Samples from the prior beside held-out clips.

    Args:
        model: plays the named drums.
        clips: held-out int tokens `[n, steps]`.
        train: the training clips, for distances to the nearest one.
        names: of the drums.
        args: the flags of `evaluate.py`.

    Returns:
        The figures of `samples`, of as many `held_out` clips, their `distance`, and `distance_of_held_out_to_rest`; and
        the values behind them, by statistic and set, for the picture.
    """
    drums, rhythm = len(names), tuple(names.index(name) for name in RHYTHM_DRUMS)

    def clip_set(hits: Array) -> _ClipSet:
        return _ClipSet(hits, beat_distances.statistics(hits, rhythm))

    z = model.prior_sample(args.num_samples, args.seed)
    samples = clip_set(hits_of(decode(model, z, args.temperature, "Sampling", args), drums))
    everything = clip_set(hits_of(clips, drums))
    # Shares of different clips depend on the number of clips, so as many held-out clips as samples are summarised.
    # (Clips of one performance overlap, which lowers the held-out share of different bars, and the distance between
    # these clips and the rest.)
    order = np.random.default_rng([args.seed, 4]).permutation(len(clips))
    held_out = clip_set(everything.hits[order[: args.num_samples]])
    rest = everything.hits[order[args.num_samples :]]

    sets = {"samples": samples, "held_out": held_out}
    figures: dict[str, Any] = {
        name: beat_distances.summary(each.hits, each.statistics, names) for name, each in sets.items()
    }
    figures["distance"] = beat_distances.distances(samples.statistics, everything.statistics)
    figures["distance_of_held_out_to_rest"] = (
        beat_distances.distances(held_out.statistics, clip_set(rest).statistics) if len(rest) else None
    )
    values = _values_of(samples.statistics, everything.statistics)
    if train is not None:
        pool = hits_of(train.inputs, drums)
        nearest = {name: drum_hits.nearest_distance(each.hits, pool) for name, each in sets.items()}
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


def _values_of(samples: BeatStatistics, held_out: BeatStatistics) -> dict[str, dict[str, Array]]:
    """What the picture shows of the statistics of two sets of clips, by statistic and set."""
    return {
        "density": {"samples": samples.density.mean(axis=0), "held out": held_out.density.mean(axis=0)},
        "hits a bar": {"samples": samples.hits_per_bar, "held out": held_out.hits_per_bar},
        "syncopation a bar (kick and snare)": {
            "samples": samples.syncopation,
            "held out": held_out.syncopation,
        },
    }


def print_figures(report: dict[str, Any], names: tuple[str, ...]) -> None:
    """Print the tables of `reconstruction_figures` and `sample_figures`, which are in a report."""
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

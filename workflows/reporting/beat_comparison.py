"""Evaluating drum beats beside drummers and beside baselines that only count: phrases, copies, nats a bar.

The statistics are those of `metrics.beats`, the classifier that of `metrics.two_sample`, the tables those of
`baselines`. Tables are fitted to the training clips and left out where none are given.
"""

import argparse
from typing import TYPE_CHECKING, Any

import numpy as np

from baselines import repeated_bars
from baselines.drum_counts import CountMixture
from baselines.longest_match import LongestMatch
from common.console import print_table, progress
from common.extras import install_line
from metrics import beats, two_sample
from metrics.drum_hits import f1
from models.history_drums import editing
from models.music_vae.trained import TrainedModel
from models.numpy_engine import decoding as numpy_model
from preprocess.converters.base import Example
from preprocess.dataset import ExampleSet
from preprocess.drums.rhythm import STEPS_PER_BAR
from workflows.reporting import interpolations as interpolation_report
from workflows.reporting.beats import decode

if TYPE_CHECKING:
    # Imports Keras.
    from models.music_vae.evaluation import Scores

Array = np.ndarray

HOLE = 2
"""The bar that is filled in, from 0; in shorter clips the last."""

REFINED_CLIPS = 256
"""Clips whose latent vectors are refined, for models of which commands do so."""

STATISTICS = {
    "equal_bars": "bars equal to another",
    "kick_f1": "kick F1, bar before",
    "token_repeats": "steps as a bar ago",
    "kick_on_one": "kick on one",
    "backbeat": "backbeat in all bars",
    "toms": "bars with toms",
    "fills": "fills in the last bar",
    "distinct_clips": "different clips",
    "copies": "copies of training",
    "auc": "two-sample test, AUC",
}


def figures(
    model: TrainedModel,
    clips: Array,
    sources: Array,
    train: ExampleSet | None,
    scores: "Scores",
    args: argparse.Namespace,
) -> dict[str, Any]:
    """All figures of a model of the nine drums.

    Args:
        model: plays the nine drums on sixteenths.
        clips: held-out int tokens `[n, steps]`.
        sources: int `[n]`, the file of each.
        train: the training clips, or None.
        scores: of the held-out clips.
        args: the flags of `evaluate.py`.
    """
    mixture = None
    found: dict[str, Any] = {"nats_by_bar": {"model": _model_nats_by_bar(model, scores.z, clips, args)}}
    if train is not None:
        with progress("Counting", 2) as advance:
            mixture = CountMixture(train.inputs, train.sources, args.seed)
            advance()
            tables: dict[str, CountMixture | LongestMatch] = {
                "count_mixture": mixture,
                "longest_match": LongestMatch(train.inputs),
            }
            found["nats_by_bar"] |= {name: _by_bar(table.nats(clips)) for name, table in tables.items()}
            advance()
    found["encode_decode"] = _encode_decode(model, clips, scores.mu, args)
    found["infill"] = _infill(model, clips, args)
    if model.z_size:
        found["interpolation"] = interpolation_report.figures(model, clips, sources, mixture, args.seed)
    found["samples"] = _sample_table(model, clips, sources, train, mixture, args)
    areas = {
        name: row["auc"] for name, row in found["samples"]["temperatures"].items() if row["auc"] is not None
    }
    found["temperature_of_least_auc"] = min(areas, key=lambda name: areas[name]) if areas else None
    return found


def _by_bar(nats: Array) -> list[float]:
    """Means over clips of the nats of each bar, of nats `[clips, steps]`."""
    return nats.reshape(len(nats), -1, STEPS_PER_BAR).sum(axis=2).mean(axis=0).tolist()


def _model_nats_by_bar(
    model: TrainedModel, z: Array, clips: Array, args: argparse.Namespace
) -> list[float] | None:
    """Nats of each bar given a draw of z, whose KL is not included; None for decoders without a NumPy likelihood."""
    if not numpy_model.supports_decoder(model.config):
        return None
    nats = [
        -model.log_probability(z[start : start + args.max_batch_size], part)
        for start, part in _batches(clips, args.max_batch_size)
    ]
    return _by_bar(np.concatenate(nats))


def _batches(clips: Array, size: int) -> list[tuple[int, Array]]:
    return [(start, clips[start : start + size]) for start in range(0, len(clips), size)]


def hit_f1(truth: Array, played: Array) -> float:
    """F1 of all hits together, of boolean grids of one shape."""
    return f1(int((truth & played).sum()), int(truth.sum() + played.sum()))


def _encode_decode(model: TrainedModel, clips: Array, mu: Array, args: argparse.Namespace) -> dict[str, Any]:
    """F1 of clips that are encoded and decoded at temperature 0, beside their first bar repeated."""
    played = decode(model, mu, 0.0, "Encoding and decoding", args)
    truth = beats.grid_of(clips)
    found: dict[str, Any] = {
        "model": hit_f1(truth, beats.grid_of(played)),
        "first_bar_repeated": hit_f1(truth, repeated_bars.first_bar_repeated(truth)),
    }
    if editing.is_refined(model):
        chosen = np.random.default_rng([args.seed, 10]).permutation(len(clips))[:REFINED_CLIPS]
        with progress("Refining", 1) as advance:
            again = model.decode_values(editing.refined(model, clips[chosen]), None)
            advance()
        found["refined"] = hit_f1(truth[chosen], beats.grid_of(again))
        found["refined_clips"] = len(chosen)
    return found


def _infill(model: TrainedModel, clips: Array, args: argparse.Namespace) -> dict[str, Any] | None:
    """F1 of a bar that is filled in, beside the majority of the other bars; None for clips of a single bar."""
    bars = clips.shape[1] // STEPS_PER_BAR
    if bars < 2:
        return None
    bar = min(HOLE, bars - 1)
    truth = beats.grid_of(clips)
    guessed = repeated_bars.majority_of_other_bars(truth, bar)
    found: dict[str, Any] = {"bar": bar + 1, "majority_all_clips": hit_f1(truth[:, bar], guessed)}
    try:
        model.check_infill()
    except ValueError as error:
        return {**found, "clips": 0, "model": None, "reason": str(error)}
    order = np.random.default_rng([args.seed, 7]).permutation(len(clips))
    chosen = np.sort(order[: args.infill_clips])
    filled = _filled(model, clips[chosen], bar, args.seed)
    return {
        **found,
        "clips": len(chosen),
        "majority": hit_f1(truth[chosen, bar], guessed[chosen]),
        "model": hit_f1(truth[chosen, bar], filled),
    }


def _filled(model: TrainedModel, clips: Array, bar: int, seed: int) -> Array:
    """The bar as the model fills it in at temperature 0, hits `[clips, 16, drums]`."""
    hole = np.arange(clips.shape[1]) // STEPS_PER_BAR == bar
    filled = []
    with progress(f"Filling in bar {bar + 1}", len(clips)) as advance:
        for clip in clips:
            values = model.infill(
                Example(clip, clip, None, len(clip)), hole, temperature=None, seed=seed
            ).values[0]
            filled.append(beats.grid_of(values[None])[0, bar])
            advance()
    return np.stack(filled)


def _sample_table(
    model: TrainedModel,
    clips: Array,
    sources: Array,
    train: ExampleSet | None,
    mixture: CountMixture | None,
    args: argparse.Namespace,
) -> dict[str, Any]:
    """Statistics of samples at several temperatures, of held-out and training clips, and of samples of the counts.

    Each set of samples has `--num_samples` clips. Statistics of held-out and training clips are those of all clips,
    except for shares of different clips, which depend on the number of clips, and the two-sample test of training clips:
    these take as many clips as there are samples.
    """
    pool = None if train is None else train.inputs
    temperatures = sorted(set(args.temperatures))
    work = len(temperatures) + 2 * (train is not None)
    z = model.prior_sample(args.num_samples, args.seed)
    sets = {f"{t:g}": decode(model, z, t, f"Sampling at temperature {t:g}", args) for t in temperatures}
    with progress("Telling samples from drummers", work) as advance:

        def row(tokens: Array) -> dict[str, Any]:
            area = _area(tokens, clips, sources, args.seed)
            advance()
            return {**beats.summary(tokens, pool), "auc": area}

        found: dict[str, Any] = {"temperatures": {name: row(tokens) for name, tokens in sets.items()}}
        some = _some(len(clips), args.num_samples, [args.seed, 4])
        found["held_out"] = {
            **beats.summary(clips, pool),
            "distinct_clips": beats.distinct_clips(clips[some]),
            "auc": None,
        }
        if train is not None:
            some = _some(len(train), args.num_samples, [args.seed, 8])
            found["training"] = {
                **beats.summary(train.inputs),
                "distinct_clips": beats.distinct_clips(train.inputs[some]),
                "auc": _area(train.inputs[some], clips, sources, args.seed, train.sources[some]),
            }
            advance()
            assert mixture is not None, "fitted to the training clips"
            found["count_mixture"] = row(mixture.sample(args.num_samples, clips.shape[1], 1.0, args.seed))
    return found


def _some(clips: int, most: int, seed: list[int]) -> Array:
    """The indices of at most `most` of the clips, chosen at random."""
    return np.random.default_rng(seed).permutation(clips)[:most]


def _area(
    samples: Array, clips: Array, sources: Array, seed: int, groups: Array | None = None
) -> float | None:
    """The area under the curve of the two-sample test; None where scikit-learn is missing or there are too few files."""
    fewest = min(len(np.unique(sources)), len(samples if groups is None else np.unique(groups)))
    if not two_sample.available() or fewest < two_sample.FOLDS:
        return None
    return two_sample.auc(samples, clips, sources, seed, groups)


def print_figures(found: dict[str, Any]) -> None:
    """Print the tables of what `figures` found."""
    _print_nats(found["nats_by_bar"])
    _print_edits(found["encode_decode"], found["infill"])
    if "interpolation" in found:
        interpolation_report.print_figures(found["interpolation"])
    _print_samples(found["samples"])
    if found["temperature_of_least_auc"] is None:
        print(
            "The AUC of the classifier is left out: "
            + ("there are too few files." if two_sample.available() else NO_CLASSIFIER)
        )
    else:
        least = found["temperature_of_least_auc"]
        area = found["samples"]["temperatures"][least]["auc"]
        print(f"Samples are hardest to tell from drummers at temperature {least}: AUC {area:.3f}.")


NO_CLASSIFIER = f"scikit-learn is missing ({install_line('evaluate')})."


def _print_nats(by_bar: dict[str, list[float] | None]) -> None:
    labels = {
        "model": "model, given a draw of z; add the KL",
        "count_mixture": "count mixture",
        "longest_match": "longest match in the clip",
    }
    known = {name: nats for name, nats in by_bar.items() if nats is not None}
    bars = max((len(nats) for nats in known.values()), default=0)
    rows = [(labels[name], *nats, sum(nats)) for name, nats in known.items()]
    print_table("Nats a bar", ["", *(f"bar {i + 1}" for i in range(bars)), "all"], rows)


def _print_edits(encode_decode: dict[str, Any], infill: dict[str, Any] | None) -> None:
    rows: list[tuple] = [
        ("encoded and decoded at temperature 0", encode_decode["model"], encode_decode["first_bar_repeated"])
    ]
    if "refined" in encode_decode:
        label = f"the same with refined z, as commands do, {encode_decode['refined_clips']} clips"
        rows.append((label, encode_decode["refined"], "-"))
    if infill is not None:
        clips = infill["clips"]
        label = f"bar {infill['bar']} filled in" + (f", {clips} clips" if clips else "")
        model, rule = (infill["model"], infill["majority"]) if clips else ("-", infill["majority_all_clips"])
        rows.append((label, model, rule))
    columns = ["F1 of the hits", "model", "first bar repeated; majority of the other bars"]
    print_table("Clips kept", columns, rows)


def _print_samples(samples: dict[str, Any]) -> None:
    sets = {f"T = {name}": row for name, row in samples["temperatures"].items()}
    sets["held out"] = samples["held_out"]
    sets |= {
        label: samples[name]
        for name, label in {"training": "training", "count_mixture": "counts, T = 1"}.items()
        if name in samples
    }
    rows = []
    for key, label in STATISTICS.items():
        values = [row.get(key) for row in sets.values()]
        if any(value is not None for value in values):
            rows.append((label, *("-" if value is None else value for value in values)))
    print_table("Samples beside what drummers play", ["share", *sets], rows)

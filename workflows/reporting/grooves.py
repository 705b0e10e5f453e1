"""Evaluating groove models: timing and velocity at the drummers' hits, beside baselines without a network.

The measures are in `metrics/grooves.py`, the baselines in `baselines/`. A model that is conditioned on drummer and style
is measured twice: with both unknown, as its commands play by default, and with those that the file is named after.
"""

from dataclasses import asdict
from typing import Any

import numpy as np

from baselines.groove_regression import GrooveRegression, nearest_clips
from baselines.groove_table import GrooveTable
from baselines.tap_table import TapTable, at_the_taps_time
from common.console import print_table
from metrics import grooves as groove_metrics
from models.music_vae.trained import TrainedModel
from models.numpy_engine import grooves as numpy_groove
from preprocess.converters.groove import TAP_DRUM
from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES
from workflows.grooves.quantile_maps import without_conditions

Array = np.ndarray

CLIPS_AT_ONCE = 256
LABELS = {
    "timing_mae_ms": "timing, mean distance, ms",
    "timing_mse": "timing, mean squared distance, sixteenths",
    "velocity_mae": "velocity, mean distance of 127",
    "timing_kl": "timing, KL of the histograms, nats",
    "velocity_kl": "velocity, KL of the histograms, nats",
}


def unaided(model: TrainedModel, examples: dict[str, Array]) -> dict[str, Array]:
    """The clips with drummer and style unknown, for models that are conditioned on them; others as they are."""
    if not numpy_groove.supports(model.config):
        return examples
    given = numpy_groove.layout_of(model.config).given
    return examples | {"controls": without_conditions(examples["controls"], given)}


def figures(
    model: TrainedModel,
    told: dict[str, Array],
    train: dict[str, Array] | None,
    step_seconds: Array,
    mu: Array,
    temperature: float | None,
    seed: int,
) -> tuple[dict[str, Any], dict[str, dict[str, Array]]]:
    """The figures of a model and of the baselines, and the values behind them by statistic and set.

    Args:
        model: of a groove config.
        told: the held-out clips as one batch, with the drummers and styles of their files.
        train: the training clips, which the baselines learn from; without them there are fewer baselines.
        step_seconds: length of a step of each clip.
        mu: means of the posteriors `[n, z_size]`.
        temperature: of draws, None for none; the typical performance is measured in any case.
        seed: of draws.
    """
    truth = told.get("outputs", told["inputs"])
    drums = truth.shape[-1] // 3
    hits = truth[..., :drums]
    struck = hits > 0.5
    examples = unaided(model, told)
    played = {"model": _play(model, mu, examples, hits)}
    if numpy_groove.supports(model.config):
        played["told_who_plays"] = _play(model, mu, told, hits)
        if temperature is not None:
            played["drawn"] = _play(model, mu, examples, hits, temperature, seed)
    played["quantized"] = groove_metrics.quantized(truth)
    found: dict[str, Any] = {"hits": int(hits.sum())}
    if not model.config.converter.get("hits_as_controls"):
        found["hit_f1"] = groove_metrics.hit_f1(truth, _play(model, mu, examples))
    if train is not None:
        clips = train.get("outputs", train["inputs"])
        played["table"] = GrooveTable(clips).play(truth)
        played["regression"] = GrooveRegression(clips).play(truth)
        played["nearest_training_clip"] = nearest_clips(clips, truth)
    if model.config.converter.get("tapify"):
        taps = taps_of(told["inputs"], drums)
        played["taps_own_time"] = at_the_taps_time(truth, taps)
        if train is not None:
            tables = [TapTable(clips, taps_of(train["inputs"], drums), by_step) for by_step in (False, True)]
            found["tap_table_f1"] = [groove_metrics.hit_f1(truth, t.play(taps)) for t in tables]
        free = _play(model, mu, examples)[..., :drums] > 0.5
        found["taps_without_a_drum"] = int(((taps[..., 0] > 0) & ~free.any(axis=-1)).sum())
        if numpy_groove.supports(model.config):
            found["hit_f1_told_who_plays"] = groove_metrics.hit_f1(truth, _play(model, mu, told))
    for name, performance in played.items():
        found[name] = asdict(groove_metrics.compare(truth, performance, step_seconds))
        found[name] |= _by_drum(truth, performance, step_seconds)
    parts = {"velocity": slice(drums, 2 * drums), "offset, share of half a step": slice(2 * drums, None)}
    behind = {
        name: {
            "samples": played["model"][..., part][struck],
            "held out": np.asarray(truth[..., part][struck]),
        }
        for name, part in parts.items()
    }
    return found, behind


def taps_of(inputs: Array, drums: int) -> Array:
    """Taps of what a tapified encoder reads: whether each step is tapped, and the tap's offset, float32 `[n, steps, 2]`."""
    tapped = inputs[..., TAP_DRUM] > 0
    return np.stack([tapped, inputs[..., 2 * drums + TAP_DRUM]], axis=-1).astype(np.float32)


def _play(
    model: TrainedModel,
    mu: Array,
    examples: dict[str, Array],
    hits: Array | None = None,
    temperature: float | None = None,
    seed: int = 0,
) -> Array:
    """The clips as the model plays them, `[n, steps, 3 * drums]`: at `hits`, or at hits of its own."""
    blocks = []
    for start in range(0, len(mu), CLIPS_AT_ONCE):
        rows = slice(start, start + CLIPS_AT_ONCE)
        controls = examples["controls"][rows] if "controls" in examples else None
        known = None if hits is None else hits[rows]
        blocks.append(model.decode_values(mu[rows], temperature, seed, start, controls=controls, known=known))
    return np.concatenate(blocks)


def _by_drum(truth: Array, played: Array, step_seconds: Array) -> dict[str, list[float]]:
    """Mean absolute errors of each drum's velocities (of 127) and onsets (in ms); NaN for drums that are not struck."""
    hits, velocity, offset = np.split(truth.astype(np.float64), 3, axis=-1)
    counts = hits.sum(axis=(0, 1))
    _, said_velocity, said_offset = np.split(played, 3, axis=-1)
    apart = {
        "velocity_mae_per_drum": np.abs(said_velocity - velocity) * 127,
        # An offset of 1 is half a step.
        "timing_mae_ms_per_drum": np.abs(said_offset - offset) * 500 * step_seconds[:, None, None],
    }
    return {
        name: [
            float(s / n) if n else float("nan") for s, n in zip((x * hits).sum((0, 1)), counts, strict=True)
        ]
        for name, x in apart.items()
    }


def print_figures(found: dict[str, Any]) -> None:
    """Print the tables of what `figures` found."""
    names = [name for name, value in found.items() if isinstance(value, dict)]
    heads = [name.replace("_", " ") for name in names]
    rows: list[tuple] = [(label, *(found[name][key] for name in names)) for key, label in LABELS.items()]
    print_table(f"At {found['hits']} hits of the drummers", ["measure", *heads], rows)
    drums = [drum.name for drum in REDUCED_DRUM_CLASSES]
    for key, title in (
        ("velocity_mae_per_drum", "Velocity by drum, mean distance of 127"),
        ("timing_mae_ms_per_drum", "Timing by drum, mean distance in ms"),
    ):
        columns = [found[name][key] for name in names]
        if len(columns[0]) == len(drums):
            rows = [(drum, *(column[i] for column in columns)) for i, drum in enumerate(drums)]
            print_table(title, ["drum", *heads], rows)
    rows = []
    for key, label in (
        ("hit_f1", "F1 of the hits"),
        ("hit_f1_told_who_plays", "the same, with drummer and style known"),
        ("taps_without_a_drum", "taps without a drum"),
    ):
        if key in found:
            rows.append((label, found[key]))
    if "tap_table_f1" in found:
        plain, by_step = found["tap_table_f1"]
        rows.append(("for comparison: a table of taps here, before, after", plain))
        rows.append(("for comparison: the same by step of the bar", by_step))
    if rows:
        print_table("Hits that it chooses", ["measure", "value"], rows)

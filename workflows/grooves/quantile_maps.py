"""Maps that give the typical performance of a groove's hits the spread of drummers, learnt from training clips.

The median of what drummers do at a hit is the value with the least error, and a performance of medians is too even: its
soft notes are too loud and its late notes too early. A map for each drum, which keeps their order, sends the
medians to a mixture of their own distribution and the drummers' (of weight `share`): at 1 the histograms are those of
the drummers, and the error is the largest. A part of the way costs little and has tails already, which the KL divergence
is about; the shares below were chosen on the validation split for divergences below 0.1. Offsets, which are shares of a step, are ordered with
the tempo in mind (`groove_layout.TEMPO_POWER`).

For taps a threshold is learnt beside, above which a drum's probability makes it play: the one with the best F1.

`python -m workflows.grooves.calibrate` learns them and writes a checkpoint that holds them.
"""

from typing import Any

import numpy as np

from models.numpy_engine import grooves as numpy_groove
from models.outputs.groove_layout import MAP_KNOTS
from preprocess.drums import groove_conditions

Array = np.ndarray

SHARES = {"velocity": 0.65, "offset": 0.81}
"""Of the drummers' distribution in what medians are mapped to."""
CLIPS_AT_ONCE = 256
LEAST_HITS = 50
"""A drum with fewer hits is played by the map of all."""
THRESHOLDS = np.linspace(0.2, 0.8, 61)


def mixture_map(medians: Array, truth: Array, scores: Array, share: float, knots: int = MAP_KNOTS) -> Array:
    """The increasing map to a distribution's mixture with another, float32 `[2, knots]`: from, to.

    Args:
        medians, truth: samples of both, `[n]` and `[m]`.
        scores: what is mapped, `[n]`: the medians, or what orders them otherwise.
        share: weight of the other, 0 to 1.
        knots: points of the map, at equal distances of probability.
    """
    values = np.concatenate([medians, truth])
    weights = np.repeat([(1 - share) / len(medians), share / len(truth)], [len(medians), len(truth)])
    order = np.argsort(values, kind="stable")
    levels = (np.arange(knots) + 0.5) / knots
    at = np.searchsorted(np.cumsum(weights[order]), levels).clip(0, len(values) - 1)
    return np.stack([np.quantile(scores, levels), values[order][at]]).astype(np.float32)


def without_conditions(controls: Array, given: int) -> Array:
    """Controls with drummer and style unknown."""
    controls = np.array(controls)
    controls[..., given + 1 : given + groove_conditions.WIDTH] = 0
    return controls


def calibrated(model: Any, examples: dict[str, Array], shares: dict[str, float]) -> dict[str, Array]:
    """The model's weights with maps and threshold learnt from training clips.

    The maps are learnt with drummer and style told, the threshold without.

    Args:
        model: a `TrainedModel` that `numpy_groove.supports`.
        examples: a batch of all clips, as `ExampleSet.batch` gives it.
        shares: as `SHARES`.
    """
    layout = numpy_groove.layout_of(model.config)
    hits, *truth = np.split(examples.get("outputs", examples["inputs"]), 3, axis=-1)
    struck = hits > 0.5
    told = examples["controls"]
    octaves = told[..., layout.given : layout.given + 1]
    medians: list[list[Array]] = [[] for _ in range(layout.parts)]
    probabilities = []
    for start in range(0, len(told), CLIPS_AT_ONCE):
        block = told[start : start + CLIPS_AT_ONCE]
        log_weights, parts, _ = numpy_groove.mixtures(model.weights, model.config, block)
        for i, part in enumerate(parts):
            medians[i].append(numpy_groove.medians(log_weights, *part, i))
        if layout.taps:
            untold = without_conditions(block, layout.given)
            probabilities.append(numpy_groove.mixtures(model.weights, model.config, untold)[2])
    weights = dict(model.weights)
    for i, name in enumerate(("velocity", "offset")[: layout.parts]):
        said = np.concatenate(medians[i])
        scores = said
        if name == "offset":
            by_drum = [said[..., drum][struck[..., drum]] for drum in range(layout.drums)]
            centre = np.array([np.median(x) if len(x) else 0 for x in by_drum], np.float32)
            weights["decoder/maps/offset_centre"] = centre
            scores = numpy_groove.offset_scores(said, centre, octaves)
        drums = []
        for drum in range(layout.drums):
            own = struck & (np.arange(layout.drums) == drum)
            if own.sum() < LEAST_HITS:
                own = struck
            drums.append(mixture_map(said[own], truth[i][own], scores[own], shares[name]))
        weights[f"decoder/maps/{name}"] = np.stack(drums)
    if layout.taps:
        weights["decoder/hit_threshold"] = np.array([best_threshold(np.concatenate(probabilities), struck)])
    return weights


def best_threshold(probabilities: Array, struck: Array) -> float:
    """The probability above which a hit is played for the best F1."""
    counts = []
    for level in THRESHOLDS:
        played = probabilities > level
        counts.append(2 * (played & struck).sum() / max(1, played.sum() + struck.sum()))
    return float(THRESHOLDS[int(np.argmax(counts))])

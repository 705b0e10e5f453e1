"""Quantile maps, learned from training clips, that give a groove model's typical performances the spread of drummers.

The median of what drummers do at a hit has the least absolute error, but a performance of medians is too even: its soft
notes are too loud and its late notes too early. For each drum an increasing map takes the medians to a mixture of their
own distribution and the drummers', the latter with weight `share`. At 1 the histograms are the drummers', and the error
is largest. A smaller share costs little error and already has the tails that the KL divergence measures; the shares below
were chosen on the validation split for divergences below 0.1. Offsets, in shares of a step, are ranked by their size
relative to the tempo (`groove_layout.TEMPO_POWER`).

For taps a threshold is learned as well: a drum plays where its probability is above it. It has the best F1.

`python -m workflows.grooves.calibrate` learns them and writes a checkpoint that holds them.
"""

import numpy as np

from models.music_vae.trained import TrainedModel
from models.numpy_engine import grooves as numpy_groove
from models.outputs.groove_layout import MAP_KNOTS
from preprocess.drums import groove_conditions

Array = np.ndarray

SHARES = {"velocity": 0.65, "offset": 0.81}
"""Weights of the drummers' distributions in the mixtures."""
CLIPS_AT_ONCE = 256
LEAST_HITS = 50
"""A drum with fewer hits has the map of all drums together."""
THRESHOLDS = np.linspace(0.2, 0.8, 61)


def mixture_map(medians: Array, truth: Array, scores: Array, share: float, knots: int = MAP_KNOTS) -> Array:
    """The increasing map from scores to the mixture of medians and true values, float32 `[2, knots]`: from, to.

    Args:
        medians: of the model, `[n]`.
        truth: what drummers played, `[m]`.
        scores: what is mapped, `[n]`: the medians, or other values that rank them.
        share: weight of the true values, 0 to 1.
        knots: points of the map, at equally spaced probabilities.
    """
    values = np.concatenate([medians, truth])
    weights = np.repeat([(1 - share) / len(medians), share / len(truth)], [len(medians), len(truth)])
    order = np.argsort(values, kind="stable")
    levels = (np.arange(knots) + 0.5) / knots
    at = np.searchsorted(np.cumsum(weights[order]), levels).clip(0, len(values) - 1)
    return np.stack([np.quantile(scores, levels), values[order][at]]).astype(np.float32)


def without_conditions(controls: Array, given: int) -> Array:
    """Controls `[..., depth]` with drummer and style unknown; conditions begin at column `given`."""
    controls = np.array(controls)
    controls[..., given + 1 : given + groove_conditions.WIDTH] = 0
    return controls


def calibrated(model: TrainedModel, examples: dict[str, Array], shares: dict[str, float]) -> dict[str, Array]:
    """The model's weights, with maps and threshold learned from training clips.

    The maps are learned with drummer and style known, the threshold with both unknown.

    Args:
        model: one that `numpy_groove.supports`.
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
    """The threshold of the hits' probabilities that has the best F1."""
    counts = []
    for level in THRESHOLDS:
        played = probabilities > level
        counts.append(2 * (played & struck).sum() / max(1, played.sum() + struck.sum()))
    return float(THRESHOLDS[int(np.argmax(counts))])

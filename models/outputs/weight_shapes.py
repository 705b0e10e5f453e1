"""Names and shapes of the outputs' weights, and the width of their parameters, without building an output.

A function for each, which `catalog/registry.py` names: it takes the widths of a value's parts, the options of the
output's class, and the hyperparameters for what these leave open.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from models.layers.weight_shapes import Shapes, dense, lstm
from preprocess.keyboard import PITCH_CLASSES

if TYPE_CHECKING:
    from catalog.config import HParams

Depths = tuple[int, ...]
Arguments = Mapping[str, Any]


class OutputShapes(NamedTuple):
    """What a model must know of its output.

    Attributes:
        parameter_depth: width of its parameters.
        weights: the shapes of its weights by name.
        takes_features: whether its parameters are the features themselves.
    """

    parameter_depth: int
    weights: Shapes
    takes_features: bool = False


def without_weights(depths: Depths, options: Arguments, hparams: "HParams") -> OutputShapes:
    """A parameter for each value, and no weights: tokens and bits."""
    return OutputShapes(sum(depths), {})


def groove(depths: Depths, options: Arguments, hparams: "HParams") -> OutputShapes:
    """Those of `models.outputs.groove.Groove`.

    Raises:
        ValueError: where the values are not hits, velocities and offsets of some drums.
    """
    depth = sum(depths)
    if depth % 3:
        raise ValueError(f"hits, velocities and offsets make a multiple of 3 values a step, not {depth}")
    return OutputShapes(depth, {})


def nade(depths: Depths, options: Arguments, hparams: "HParams") -> OutputShapes:
    """Those of `models.outputs.nade.Nade`."""
    depth, hidden = sum(depths), options.get("hidden", hparams.nade_num_hidden)
    return OutputShapes(
        hidden + depth, {"nade/w_enc": (depth, 1, hidden), "nade/w_dec_t": (depth, hidden, 1)}
    )


def rbm(depths: Depths, options: Arguments, hparams: "HParams") -> OutputShapes:
    """Those of `models.outputs.rbm.RBM`."""
    keys, hidden = sum(depths), options.get("hidden", 36)
    return OutputShapes(keys + hidden, {"rbm/weights": (hidden, keys)})


def independent_voices(depths: Depths, options: Arguments, hparams: "HParams") -> OutputShapes:
    """Those of `models.outputs.chords.IndependentVoices`."""
    return OutputShapes(options.get("voices", 5) * (sum(depths) + 1), {})


def chord_classes(depths: Depths, options: Arguments, hparams: "HParams") -> OutputShapes:
    """Those of `models.outputs.chords.ChordClasses`.

    Raises:
        ValueError: for more pitches than pitch classes.
    """
    pitches = sum(depths)
    if pitches > len(PITCH_CLASSES):
        raise ValueError(f"chords of {pitches} keys are too many to tell apart")
    return OutputShapes(2**pitches, {})


def polyphonic_sampler(depths: Depths, options: Arguments, hparams: "HParams") -> OutputShapes:
    """Those of `models.outputs.polyphonic_sampler.PolyphonicSampler`."""
    pitches, features, units = sum(depths), options.get("features", 130), options.get("units", 100)
    pauses = options.get("pauses", False)
    decisions = pitches if pauses else 2 * pitches
    outcomes = pitches + 1 if pauses else 2 * pitches
    make = lstm if options.get("memory", False) else dense
    weights = make("sampler/voice", features + decisions, units) | dense("sampler/output", units, outcomes)
    return OutputShapes(features, weights, takes_features=True)

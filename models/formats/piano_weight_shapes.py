"""Which weights a piano model's config has, by name and shape, without building anything; see `models/formats/weight_shapes.py`.

The functions of readers and key decoders are those that `catalog/registry.py` names.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from catalog import registry
from models.formats.weight_shapes import function_of
from models.layers.weight_shapes import Shapes, dense, stack
from preprocess.keyboard import KEYS, PITCH_CLASSES

if TYPE_CHECKING:
    from catalog.config import Config, HParams

CLASSES = len(PITCH_CLASSES)
LAGS, DELAYS = 8, 9
"""How many there are where a config names none."""

Options = Mapping[str, Any]


def of_frame_model(config: "Config") -> Shapes:
    """The shapes of all weights of a piano model, by the names of `FrameModel.named_weights`.

    Raises:
        ValueError: where the config's parts do not go together.
        UnknownShapes: where the shapes of one are not known.
    """
    encoder, decoder, h = config.encoder, config.decoder, config.hparams
    form, depth = decoder.get("form", "keys"), decoder.get("depth", KEYS)
    if form != "tokens" and depth != KEYS:
        raise ValueError(f"depth is {depth}; frames of keys have {KEYS}")
    frame = CLASSES if form == "classes" else depth
    of_output = function_of(registry.OUTPUTS[decoder["name"]])
    output = of_output((frame,), decoder, h)
    of_reader = function_of(registry.READERS[encoder["name"]])
    reader = of_reader(encoder, h, frame + encoder.get("clock_bits", 0), frame, output.parameter_depth)
    found = {f"reader/{name}": shape for name, shape in reader.weights.items()}
    if output.takes_features:
        output = of_output((frame,), {**decoder, "features": reader.output_depth}, h)
    elif not reader.predicts:
        found |= dense("projection", reader.output_depth, output.parameter_depth)
    elif reader.output_depth != output.parameter_depth:
        raise ValueError(
            f"the reader gives {reader.output_depth} values and the output takes {output.parameter_depth}"
        )
    found |= {f"output/{name}": shape for name, shape in output.weights.items()}
    keys, velocities = decoder.get("keys"), decoder.get("velocities")
    if keys and form != "classes":
        raise ValueError("a key decoder is for frames of pitch classes")
    if velocities is not None and form == "tokens":
        raise ValueError("tokens have no velocities")
    if keys:
        of_keys = function_of(registry.KEY_DECODERS[keys["name"]])
        found |= {f"keys/{name}": shape for name, shape in of_keys(keys, depth).items()}
    if velocities is not None:
        units = velocities.get("units", 100)
        of_velocities = _classes_lstm(units, depth) | dense("dense", units, depth)
        found |= {f"velocities/{name}": shape for name, shape in of_velocities.items()}
    return found


# The key decoders: from options and the number of keys to the shapes.


def _classes_lstm(units: int, keys: int) -> Shapes:
    return stack("", CLASSES + keys, (units,))


def independent_keys(options: Options, keys: int) -> Shapes:
    """Those of `models.piano.key_decoders.IndependentKeys`."""
    units = options.get("units", 100)
    return _classes_lstm(units, keys) | dense("dense", units, keys)


def rbm_keys(options: Options, keys: int) -> Shapes:
    """Those of `models.piano.rbm_keys.RBMKeys`."""
    units, hidden = options.get("units", 100), options.get("hidden", 36)
    found = _classes_lstm(units, keys) | dense("visible", units, keys) | dense("hidden", units, hidden)
    return found | {"rbm/weights": (hidden, keys)}


# The readers: options, hyperparameters, width of inputs, of frames and of the output's parameters to a `Reader`.


class Reader(NamedTuple):
    """What a model must know of its reader.

    Attributes:
        weights: the shapes of its weights by name.
        output_depth: width of its outputs.
        predicts: whether these are the output's parameters already.
    """

    weights: Shapes
    output_depth: int
    predicts: bool = False


def _count(options: Options, name: str, usual: int) -> int:
    return len(options[name]) if name in options else usual


def lstm(o: Options, h: "HParams", inputs: int, frame: int, parameters: int) -> Reader:
    """Those of `models.piano.readers.base.LSTMReader`."""
    sizes = o.get("layer_sizes", h.enc_rnn_size)
    return Reader(stack("", inputs, sizes), sizes[-1])


def history_user(o: Options, h: "HParams", inputs: int, frame: int, parameters: int) -> Reader:
    """Those of `models.piano.readers.history_user.HistoryUser`."""
    readers, local = o.get("reader_sizes", (100,)), o.get("local_sizes", (100,))
    aggregators = o.get("aggregator_sizes", (130,))
    found = stack("reader/", inputs, readers) | dense("attention", readers[-1], _count(o, "lags", LAGS))
    found |= stack("local/", inputs, local)
    found |= stack("aggregator/", (local[-1] if local else inputs) + frame, aggregators)
    return Reader(found, aggregators[-1] if aggregators else frame)


def _delayed(o: Options, apart: bool, inputs: int) -> Reader:
    delays, units = _count(o, "delays", DELAYS), o.get("units_per_delay", 24)
    aggregators = o.get("aggregator_sizes", (130,))
    found: Shapes = {} if apart else stack("latency/", inputs, (delays * units,))
    for i in range(delays if apart else 0):
        found |= stack(f"capsule_{i}/", inputs, (units,))
    found |= stack("aggregator/", delays * units, aggregators)
    return Reader(found, aggregators[-1] if aggregators else delays * units)


def latency_lstm(o: Options, h: "HParams", inputs: int, frame: int, parameters: int) -> Reader:
    """Those of `models.piano.readers.latency_lstm.LatencyLSTM`."""
    return _delayed(o, False, inputs)


def latency_capsules(o: Options, h: "HParams", inputs: int, frame: int, parameters: int) -> Reader:
    """Those of `models.piano.readers.latency_lstm.LatencyCapsules`."""
    return _delayed(o, True, inputs)


def level_lstm(o: Options, h: "HParams", inputs: int, frame: int, parameters: int) -> Reader:
    """Those of `models.piano.readers.levels.LevelLSTM`."""
    levels, units, width = o.get("levels", 7), o.get("units", 40), o.get("output_depth", 40)
    found: Shapes = {}
    for level in range(levels):
        found |= stack(f"level_{level}/", 2 * units if level else inputs, (units,))
        heard = units if level == levels - 1 else 2 * units
        found |= dense(f"heard_{level}", heard, units if level else width)
    return Reader(found, width)


def capsules(o: Options, h: "HParams", inputs: int, frame: int, parameters: int) -> Reader:
    """Those of `models.piano.readers.capsules.CapsuleReader`."""
    count, units = _count(o, "lags", LAGS) + 1, o.get("units", 24)
    sizes = o.get("aggregator_sizes", (100,))
    found: Shapes = {}
    for i in range(count):
        found |= stack(f"capsule_{i}/", frame, (units,))
    found |= stack("aggregator/", count * (units + frame) + inputs - frame, sizes)
    return Reader(found, sizes[-1])


def stacked_capsules(o: Options, h: "HParams", inputs: int, frame: int, parameters: int) -> Reader:
    """Those of `models.piano.readers.capsules.StackedCapsules`."""
    count, units = _count(o, "lags", LAGS) + 1, o.get("units", 100)
    ruler = o.get("ruler_units", 100)
    found: Shapes = {}
    for i in range(count):
        found |= stack(f"capsule_{i}/", inputs, (units,)) | dense(f"prediction_{i}", units, parameters)
    found |= stack("ruler/", inputs, (ruler,)) | dense("choice", ruler, count)
    return Reader(found, parameters, predicts=True)


def endecell(o: Options, h: "HParams", inputs: int, frame: int, parameters: int) -> Reader:
    """Those of `models.piano.readers.endecell.EnDeCell`."""
    sizes = o.get("layer_sizes", (256, 256))
    found = stack("encoder/", 1, sizes) | stack("decoder/", 1, sizes) | dense("logit", sizes[-1], 1)
    if o.get("as_drawn", False):
        found |= stack("over_time/", sizes[-1] + inputs - frame, sizes)
        found |= dense("start", sizes[-1], 2 * sum(sizes))
    return Reader(found, frame, predicts=True)

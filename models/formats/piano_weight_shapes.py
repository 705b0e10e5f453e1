"""Which weights a frame model's config has, by name and shape, without building anything; see `models/formats/weight_shapes.py`."""

from collections.abc import Callable, Mapping
from typing import Any

from models.formats.weight_shapes import Shapes, dense, stack, voices
from preprocess.keyboard import KEYS, PITCH_CLASSES

CLASSES = len(PITCH_CLASSES)
LAGS, DELAYS = 8, 9
"""How many there are where a config names none."""

Reader = tuple[Shapes, int]
"""The shapes of a reader's weights, and the width of its outputs."""


def of_frame_model(config: Any) -> Shapes:
    """The shapes of all weights of a frame model, by the names of `FrameModel.named_weights`.

    Raises:
        ValueError: where the config's parts do not go together.
    """
    decoder, h = config.decoder, config.hparams
    form, depth = decoder.get("form", "keys"), decoder.get("depth", KEYS)
    if form != "tokens" and depth != KEYS:
        raise ValueError(f"depth is {depth}; frames of keys have {KEYS}")
    frame = CLASSES if form == "classes" else depth
    inputs = frame + config.encoder.get("clock_bits", 0)
    parameters = _parameter_depth(decoder, frame, h)
    reader, width = READERS[config.encoder["name"]](config.encoder, h, inputs, frame, parameters)
    found = {f"reader/{name}": shape for name, shape in reader.items()}
    is_sampler = decoder["name"] == "polyphonic_sampler"
    found |= _output(decoder, frame, width, h)
    if not is_sampler and config.encoder["name"] not in ("stacked_capsules", "endecell"):
        found |= dense("projection", width, parameters)
    elif not is_sampler and width != parameters:
        raise ValueError(f"the reader gives {width} values and the output takes {parameters}")
    keys, velocities = decoder.get("keys"), decoder.get("velocities")
    if keys and form != "classes":
        raise ValueError("a key decoder is for frames of pitch classes")
    if velocities is not None and form == "tokens":
        raise ValueError("tokens have no velocities")
    return found | (_keys(keys, depth) if keys else {}) | _velocities(velocities, depth)


def _parameter_depth(decoder: Mapping[str, Any], width: int, h: Any) -> int:
    """Parameters of a frame, but of a polyphonic sampler, which takes what the reader gives."""
    name = decoder["name"]
    if name == "nade":
        return decoder.get("hidden", h.nade_num_hidden) + width
    if name == "rbm":
        return decoder.get("hidden", 36) + width
    if name == "independent_voices":
        return decoder.get("voices", 5) * (width + 1)
    if name == "chord_classes":
        if width > CLASSES:
            raise ValueError(f"chords of {width} keys are too many to tell apart")
        return 2**width
    return width


def _output(decoder: Mapping[str, Any], width: int, features: int, h: Any) -> Shapes:
    name = decoder["name"]
    if name == "nade":
        hidden = decoder.get("hidden", h.nade_num_hidden)
        return {"output/nade/w_enc": (width, 1, hidden), "output/nade/w_dec_t": (width, hidden, 1)}
    if name == "rbm":
        return {"output/rbm/weights": (decoder.get("hidden", 36), width)}
    if name == "polyphonic_sampler":
        units, pauses = decoder.get("units", 100), decoder.get("pauses", False)
        return voices("output/sampler", width, features, units, pauses, decoder.get("memory", False))
    return {}


def _keys(options: Mapping[str, Any], depth: int) -> Shapes:
    units = options.get("units", 100)
    found = stack("", CLASSES + depth, (units,))
    if options["name"] == "independent":
        found |= dense("dense", units, depth)
    else:
        hidden = options.get("hidden", 36)
        found |= dense("visible", units, depth) | dense("hidden", units, hidden)
        found["rbm/weights"] = (hidden, depth)
    return {f"keys/{name}": shape for name, shape in found.items()}


def _velocities(options: Mapping[str, Any] | None, depth: int) -> Shapes:
    if options is None:
        return {}
    units = options.get("units", 100)
    found = stack("", CLASSES + depth, (units,)) | dense("dense", units, depth)
    return {f"velocities/{name}": shape for name, shape in found.items()}


# The readers: options, hyperparameters, width of inputs, of frames and of parameters to a `Reader`.


def _count(options: Mapping[str, Any], name: str, usual: int) -> int:
    return len(options[name]) if name in options else usual


def _lstm(o: Mapping[str, Any], h: Any, inputs: int, frame: int, parameters: int) -> Reader:
    sizes = o.get("layer_sizes", h.enc_rnn_size)
    return stack("", inputs, sizes), sizes[-1]


def _history_user(o: Mapping[str, Any], h: Any, inputs: int, frame: int, parameters: int) -> Reader:
    readers, local = o.get("reader_sizes", (100,)), o.get("local_sizes", (100,))
    aggregators = o.get("aggregator_sizes", (130,))
    found = stack("reader/", inputs, readers) | dense("attention", readers[-1], _count(o, "lags", LAGS))
    found |= stack("local/", inputs, local)
    found |= stack("aggregator/", (local[-1] if local else inputs) + frame, aggregators)
    return found, aggregators[-1] if aggregators else frame


def _delayed(o: Mapping[str, Any], apart: bool, inputs: int) -> Reader:
    delays, units = _count(o, "delays", DELAYS), o.get("units_per_delay", 24)
    aggregators = o.get("aggregator_sizes", (130,))
    found: Shapes = {} if apart else stack("latency/", inputs, (delays * units,))
    for i in range(delays if apart else 0):
        found |= stack(f"capsule_{i}/", inputs, (units,))
    found |= stack("aggregator/", delays * units, aggregators)
    return found, aggregators[-1] if aggregators else delays * units


def _level_lstm(o: Mapping[str, Any], h: Any, inputs: int, frame: int, parameters: int) -> Reader:
    levels, units, width = o.get("levels", 7), o.get("units", 40), o.get("output_depth", 40)
    found: Shapes = {}
    for level in range(levels):
        found |= stack(f"level_{level}/", 2 * units if level else inputs, (units,))
        heard = units if level == levels - 1 else 2 * units
        found |= dense(f"heard_{level}", heard, units if level else width)
    return found, width


def _capsules(o: Mapping[str, Any], h: Any, inputs: int, frame: int, parameters: int) -> Reader:
    count, units = _count(o, "lags", LAGS) + 1, o.get("units", 24)
    sizes = o.get("aggregator_sizes", (100,))
    found: Shapes = {}
    for i in range(count):
        found |= stack(f"capsule_{i}/", frame, (units,))
    return found | stack("aggregator/", count * (units + frame) + inputs - frame, sizes), sizes[-1]


def _stacked_capsules(o: Mapping[str, Any], h: Any, inputs: int, frame: int, parameters: int) -> Reader:
    count, units = _count(o, "lags", LAGS) + 1, o.get("units", 100)
    ruler = o.get("ruler_units", 100)
    found: Shapes = {}
    for i in range(count):
        found |= stack(f"capsule_{i}/", inputs, (units,)) | dense(f"prediction_{i}", units, parameters)
    return found | stack("ruler/", inputs, (ruler,)) | dense("choice", ruler, count), parameters


def _endecell(o: Mapping[str, Any], h: Any, inputs: int, frame: int, parameters: int) -> Reader:
    sizes = o.get("layer_sizes", (256, 256))
    found = stack("encoder/", 1, sizes) | stack("decoder/", 1, sizes) | dense("logit", sizes[-1], 1)
    if o.get("as_drawn", False):
        found |= stack("over_time/", sizes[-1] + inputs - frame, sizes)
        found |= dense("start", sizes[-1], 2 * sum(sizes))
    return found, frame


READERS: Mapping[str, Callable[[Mapping[str, Any], Any, int, int, int], Reader]] = {
    "lstm": _lstm,
    "history_user": _history_user,
    "latency_lstm": lambda o, h, inputs, frame, parameters: _delayed(o, False, inputs),
    "latency_capsules": lambda o, h, inputs, frame, parameters: _delayed(o, True, inputs),
    "level_lstm": _level_lstm,
    "capsules": _capsules,
    "stacked_capsules": _stacked_capsules,
    "endecell": _endecell,
}

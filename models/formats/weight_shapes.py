"""Which weights a MusicVAE's config has, by name and shape, without building anything.

What `MusicVAE.named_weights` of the built model would say: `tests/models/formats/test_weight_shapes.py` holds both beside each
other. With it a checkpoint is compared with a config before anything is computed or allocated, in every engine.
The functions of encoders and decoders are those that `catalog/registry.py` names.
"""

from collections.abc import Callable, Mapping
from math import prod
from typing import TYPE_CHECKING, Any

from catalog import registry
from models.layers.weight_shapes import Shapes, bidirectional, dense, dense_stack, stack
from models.numpy_engine.representations import input_depths
from models.outputs.groove_layout import BEAT_STEPS, MAP_KNOTS, GrooveLayout
from preprocess.converters.base import Converter
from preprocess.drums import groove_conditions

if TYPE_CHECKING:
    from catalog.config import Config, HParams


class UnknownShapes(LookupError):
    """A part of a config whose row in the registry names no function of its shapes."""


def function_of(row: registry.Row | registry.OutputRow) -> Callable[..., Any]:
    """What says the shapes of a part's weights.

    Raises:
        UnknownShapes: where nothing does.
    """
    if not row.shapes:
        raise UnknownShapes(row.path)
    return registry.found(row.shapes)


def of_music_vae(config: "Config") -> Shapes:
    """The shapes of all weights of a MusicVAE, by Magenta's names; history drum models included.

    Raises:
        ValueError: where the config's parts do not go together.
        UnknownShapes: where the shapes of one are not known.
    """
    converter, h = config.build_converter(), config.hparams
    if config.family == "history_drums":
        return _bar_encoder(config, converter) | history_decoder(config, converter, h.z_size)
    found: Shapes = {}
    if h.z_size:
        inputs = sum(input_depths(converter)) + converter.control_depth
        embedding, encoder = function_of(registry.ENCODERS[config.encoder["name"]])(config, inputs)
        found = {f"encoder/{name}": shape for name, shape in encoder.items()}
        found |= dense("encoder/mu", embedding, h.z_size) | dense("encoder/sigma", embedding, h.z_size)
    return found | function_of(registry.DECODERS[config.decoder["name"]])(config, converter, h.z_size)


def _check_length(part: str, levels: tuple[int, ...], steps: int) -> None:
    if prod(levels) != steps:
        raise ValueError(
            f"the {part}'s level lengths {list(levels)} make {prod(levels)} steps, but max_seq_len is {steps}"
        )


# Encoders: from a config and the width of the inputs to the size of the embedding, and the shapes without the scope.

Encoder = tuple[int, Shapes]


def lstm_encoder(config: "Config", inputs: int) -> Encoder:
    """Those of `models.music_vae.encoders.LSTMEncoder`."""
    h = config.hparams
    return h.enc_rnn_size[-1], stack("multi_rnn_cell/", inputs, h.enc_rnn_size, h.residual_encoder)


def bidirectional_encoder(config: "Config", inputs: int) -> Encoder:
    """Those of `models.music_vae.encoders.BidirectionalLSTMEncoder`."""
    h = config.hparams
    return 2 * h.enc_rnn_size[-1], bidirectional("", inputs, h.enc_rnn_size, h.residual_encoder)


def hierarchical_encoder(config: "Config", inputs: int) -> Encoder:
    """Those of `models.music_vae.encoders.HierarchicalLSTMEncoder`."""
    h, embedding = config.hparams, 2 * config.hparams.enc_rnn_size[-1]
    _check_length("encoder", config.encoder["level_lengths"], h.max_seq_len)
    found: Shapes = {}
    for level in range(len(config.encoder["level_lengths"])):
        scope = f"hierarchical_level_{level}/"
        found |= bidirectional(scope, inputs, h.enc_rnn_size, h.residual_encoder)
        inputs = embedding
    return embedding, found


def bar_encoder(config: "Config", inputs: int) -> Encoder:
    """Refuses the encoder of bars in a MusicVAE: only a history drum model has it."""
    raise ValueError("the encoder 'bars' goes with a history_lstm alone")


# Decoders: from a config, its converter and the size of the embedding to the shapes.


def hierarchical_decoder(config: "Config", converter: Converter, embedding: int) -> Shapes:
    """Those of `models.music_vae.conductor.HierarchicalLSTMDecoder`, and of the decoder under it."""
    decoder, h = config.decoder, config.hparams
    levels = tuple(decoder["level_lengths"])
    _check_length("decoder", levels, h.max_seq_len)
    state = 2 * sum(h.dec_rnn_size)
    cores = len(converter.output_depths) if decoder["core"] == "split_lstm" else 1
    below = [state] * (len(levels) - 2) + [cores * state]
    if decoder.get("re_encode", False):
        if tuple(config.encoder.get("level_lengths", ())) != levels[::-1]:
            raise ValueError(
                "re_encode needs a hierarchical encoder whose level lengths are the decoder's, reversed"
            )
        below = [2 * h.enc_rnn_size[-1]] * len(below)
    found: Shapes = {}
    for level in range(len(levels) - 1):
        scope = f"decoder/hierarchical_level_{level}"
        # Without autoregression Magenta feeds a single zero.
        inputs = below[level] + embedding if is_autoregressive(decoder, level) else 1
        found |= dense(f"{scope}/initial_state", embedding, state)
        found |= stack(f"{scope}/", inputs, h.dec_rnn_size, h.residual_decoder)
        embedding = h.dec_rnn_size[-1]
    core = function_of(registry.CORES[decoder["core"]])(config, converter, embedding)
    return found | {f"core_decoder/{name}": shape for name, shape in core.items()}


def is_autoregressive(decoder: Mapping[str, Any], level: int) -> bool:
    """Whether the conductor of a level hears what was played below it."""
    disabled = decoder.get("disable_autoregression", False)
    return not (disabled if isinstance(disabled, bool) else level in disabled)


def lstm_decoder(config: "Config", converter: Converter, embedding: int) -> Shapes:
    """Those of `models.music_vae.decoders.LSTMDecoder` with its output."""
    h, depths = config.hparams, tuple(converter.output_depths)
    row = registry.OUTPUTS[registry.CORES[config.decoder.get("core", config.decoder["name"])].output]
    output = function_of(row)(depths, row.in_music_vae, h)
    found, controls = _controls(config, converter)
    inputs = embedding + controls
    found |= _lstm_decoder("decoder", sum(depths), output.parameter_depth, h, inputs, embedding)
    return found | {f"decoder/{name}": shape for name, shape in output.weights.items()}


def split_decoder(config: "Config", converter: Converter, embedding: int) -> Shapes:
    """Those of `models.music_vae.decoders.SplitDecoder`."""
    found, controls = _controls(config, converter)
    for i, depth in enumerate(converter.output_depths):
        scope = f"core_decoder_{i}/decoder"
        found |= _lstm_decoder(scope, depth, depth, config.hparams, embedding + controls, embedding)
    return found


def _controls(config: "Config", converter: Converter) -> tuple[Shapes, int]:
    """The shapes of the LSTM that reads the controls first, where there is one, and the width of what comes of them."""
    h, controls = config.hparams, converter.control_depth
    if not config.decoder.get("preprocess_controls", False):
        return {}, controls
    if not controls:
        raise ValueError("preprocess_controls needs a converter with controls")
    sizes = h.control_preprocessing_rnn_size
    return bidirectional("control_preprocessing/", controls, sizes, h.residual_decoder), 2 * sizes[-1]


def _lstm_decoder(
    scope: str, depth: int, parameters: int, h: "HParams", inputs: int, embedding: int
) -> Shapes:
    found = dense(f"{scope}/z_to_initial_state", embedding, 2 * sum(h.dec_rnn_size))
    found |= stack(f"{scope}/multi_rnn_cell/", depth + inputs, h.dec_rnn_size, h.residual_decoder)
    return found | dense(f"{scope}/output_projection", h.dec_rnn_size[-1], parameters)


def groove_score_decoder(config: "Config", converter: Converter, embedding: int) -> Shapes:
    """Those of `models.music_vae.groove_score_decoder.GrooveScoreDecoder`."""
    h, decoder = config.hparams, config.decoder
    if embedding:
        raise ValueError("a groove_mixture_lstm has no latent vector; set z_size=0")
    drums = converter.output_depth // 3
    layout = GrooveLayout(drums, decoder["components"], converter.taps_as_controls)
    if converter.control_depth != layout.given + groove_conditions.WIDTH:
        raise ValueError("a groove_mixture_lstm reads hits or taps, and conditions, as controls")
    rest = converter.control_depth - layout.given + BEAT_STEPS
    inputs = (2 * decoder["window"] + 1) * layout.given + rest
    found, width = dense_stack("reader", inputs, h.control_preprocessing_rnn_size)
    found |= dense("linear", inputs, layout.linear) | stack(
        "multi_rnn_cell/", width + 3 * drums, h.dec_rnn_size
    )
    found |= dense("output_projection", h.dec_rnn_size[-1] + width, layout.network_width)
    for name in ("velocity", "offset")[: layout.parts]:
        found[f"maps/{name}"] = (drums, 2, MAP_KNOTS)
    found["hit_threshold" if layout.taps else "maps/offset_centre"] = (1,) if layout.taps else (drums,)
    return {f"decoder/{name}": shape for name, shape in found.items()}


def _bar_encoder(config: "Config", converter: Converter) -> Shapes:
    """Those of `models.history_drums.bar_encoder.BarEncoder`, as a `HistoryVAE` has it."""
    encoder, h = config.encoder, config.hparams
    if encoder["name"] != "bars":
        raise ValueError(f"a history_lstm goes with the encoder 'bars', not '{encoder['name']}'")
    bars, joint = encoder["bars"], tuple(encoder.get("joint_sizes", ()))
    slices = 1 if joint else bars
    if h.max_seq_len % bars or h.z_size % slices:
        raise ValueError(
            f"{h.max_seq_len} steps and a z of {h.z_size} can't be cut into {bars} bars of one length"
        )
    found, width = dense_stack("bar", h.max_seq_len // bars * converter.input_depth, encoder["bar_sizes"])
    if joint:
        joints, width = dense_stack("joint", bars * width, joint)
        found |= joints
    found |= dense("mu", width, h.z_size // slices) | dense("sigma", width, h.z_size // slices)
    return {f"encoder/{name}": shape for name, shape in found.items()}


def history_decoder(config: "Config", converter: Converter, embedding: int) -> Shapes:
    """Those of `models.history_drums.decoder.HistoryDecoder`."""
    d, h = config.decoder, config.hparams
    drums, length, slices = d["drums"], d["length"], d.get("z_slices", 1)
    if length != h.max_seq_len:
        raise ValueError(f"the decoder's length is {length}, but max_seq_len {h.max_seq_len}")
    if max(*d["lags"], *d["copy_lags"], max(d["leads"]) + 1) > length:
        raise ValueError(f"lags and leads lie within {length} steps, the length of a clip")
    if h.z_size < 1 or h.z_size % slices or length % slices:
        raise ValueError(f"a z of {h.z_size} can't be cut into {slices} slices of {length} steps")
    if converter.output_depth != 2**drums:
        raise ValueError(f"the converter's tokens are {converter.output_depth}, not those of {drums} drums")
    here, features = h.z_size // slices, d.get("step_features", 0)
    found: Shapes = {}
    if features:
        found = dense("unrolled", here, length // slices * features)
        here = features
    past = len(d["lags"]) * (drums + 1) + len(d["copy_lags"])
    place = d["steps_per_bar"] + length // d["steps_per_bar"]
    read = past + place + len(d["leads"]) * 2 * drums + d.get("conditions", 0) + 1
    hidden, units = d["hidden_size"], h.dec_rnn_size[-1]
    found |= dense("z_to_initial_state", h.z_size, 2 * sum(h.dec_rnn_size))
    found |= stack("multi_rnn_cell/", hidden + here, h.dec_rnn_size)
    found |= dense("hidden", read + here, hidden) | dense("output_projection", units + hidden, 2**drums)
    found |= dense("drum_projection", units + hidden, drums, bias=False)
    found |= dense("copy_weights", units, 1 + len(d["copy_lags"]))
    return {f"decoder/{name}": shape for name, shape in found.items()}

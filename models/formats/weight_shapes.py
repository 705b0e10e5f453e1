"""Which weights a MusicVAE's config has, by name and shape, without building anything.

What `MusicVAE.named_weights` of the built model would say: `tests/models/formats/test_weight_shapes.py` holds both beside each
other. With it a checkpoint is compared with a config before anything is computed or allocated, in every engine.
"""

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any

from models.numpy_engine.representations import input_depths
from models.outputs.groove_layout import BEAT_STEPS, MAP_KNOTS, GrooveLayout
from preprocess.drums import groove_conditions

Shapes = dict[str, tuple[int, ...]]
SAMPLER_FEATURES = 128
"""What the polyphonic sampler of a MusicVAE takes of its decoder."""
SAMPLER_UNITS = 100


def dense(name: str, inputs: int, outputs: int, bias: bool = True) -> Shapes:
    """A dense layer's kernel and bias."""
    return {f"{name}/kernel": (inputs, outputs), **({f"{name}/bias": (outputs,)} if bias else {})}


def lstm(cell: str, inputs: int, units: int, projected: bool = False) -> Shapes:
    """An LSTM layer's (`models.layers.lstm.LSTM`), with the dense layer before it where it has one."""
    if projected:
        wrapper = f"{cell}/input_projection_wrapper"
        return dense(wrapper, inputs, units) | lstm(wrapper, units, units)
    return {f"{cell}/lstm_cell/kernel": (inputs + units, 4 * units), f"{cell}/lstm_cell/bias": (4 * units,)}


def stack(name: str, inputs: int, sizes: Iterable[int], residual: bool = False) -> Shapes:
    """Those of LSTM layers on top of one another (`models.layers.lstm.LSTMStack`)."""
    found: Shapes = {}
    below = None
    for i, units in enumerate(sizes):
        found |= lstm(f"{name}cell_{i}", inputs, units, residual and units != below)
        inputs = below = units
    return found


def dense_stack(name: str, inputs: int, sizes: Iterable[int]) -> tuple[Shapes, int]:
    """Those of dense layers on top of one another, and the width of the last."""
    found: Shapes = {}
    for i, units in enumerate(sizes):
        found |= dense(f"{name}_{i}", inputs, units)
        inputs = units
    return found, inputs


def of_music_vae(config: Any) -> Shapes:
    """The shapes of all weights of a MusicVAE, by Magenta's names.

    Raises:
        ValueError: where the config's parts do not go together.
    """
    converter, h = config.build_converter(), config.hparams
    if config.decoder["name"] == "history_lstm":
        return _history(config, converter)
    found: Shapes = {}
    if h.z_size:
        inputs = sum(input_depths(converter)) + converter.control_depth
        embedding, encoder = _encoder(config, inputs)
        found = {f"encoder/{name}": shape for name, shape in encoder.items()}
        found |= dense("encoder/mu", embedding, h.z_size) | dense("encoder/sigma", embedding, h.z_size)
    return found | _decoder(config, converter)


def _check_length(part: str, levels: tuple[int, ...], steps: int) -> None:
    if prod(levels) != steps:
        raise ValueError(
            f"the {part}'s level lengths {list(levels)} make {prod(levels)} steps, but max_seq_len is {steps}"
        )


def _bidirectional(name: str, inputs: int, sizes: Iterable[int], residual: bool) -> Shapes:
    found: Shapes = {}
    for i, units in enumerate(sizes):
        for direction in ("fw", "bw"):
            cell = f"{name}cell_{i}/bidirectional_rnn/{direction}/multi_rnn_cell/cell_0"
            found |= lstm(cell, inputs, units, residual)
        inputs = 2 * units
    return found


def _encoder(config: Any, inputs: int) -> tuple[int, Shapes]:
    """The size of the embedding, and the shapes without the scope of the encoder."""
    h, name = config.hparams, config.encoder["name"]
    if name == "lstm":
        return h.enc_rnn_size[-1], stack("multi_rnn_cell/", inputs, h.enc_rnn_size, h.residual_encoder)
    if name == "bars":
        raise ValueError("the encoder 'bars' goes with a history_lstm alone")
    embedding = 2 * h.enc_rnn_size[-1]
    if name == "bidirectional_lstm":
        return embedding, _bidirectional("", inputs, h.enc_rnn_size, h.residual_encoder)
    _check_length("encoder", config.encoder["level_lengths"], h.max_seq_len)
    found: Shapes = {}
    for level in range(len(config.encoder["level_lengths"])):
        scope = f"hierarchical_level_{level}/"
        found |= _bidirectional(scope, inputs, h.enc_rnn_size, h.residual_encoder)
        inputs = embedding
    return embedding, found


def _decoder(config: Any, converter: Any) -> Shapes:
    decoder, h = config.decoder, config.hparams
    if decoder["name"] == "groove_mixture_lstm":
        return _groove_mixture(config, converter)
    if decoder["name"] != "hierarchical_lstm":
        return _core(decoder["name"], config, converter, h.z_size)
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
    embedding = h.z_size
    for level in range(len(levels) - 1):
        scope = f"decoder/hierarchical_level_{level}"
        # Without autoregression Magenta feeds a single zero.
        inputs = 1 if is_deaf(decoder, level) else below[level] + embedding
        found |= dense(f"{scope}/initial_state", embedding, state)
        found |= stack(f"{scope}/", inputs, h.dec_rnn_size, h.residual_decoder)
        embedding = h.dec_rnn_size[-1]
    core = _core(decoder["core"], config, converter, embedding)
    return found | {f"core_decoder/{name}": shape for name, shape in core.items()}


def is_deaf(decoder: Mapping[str, Any], level: int) -> bool:
    """Whether the conductor of a level hears nothing of what is played."""
    disabled = decoder.get("disable_autoregression", False)
    return disabled if isinstance(disabled, bool) else level in disabled


def _core(name: str, config: Any, converter: Any, embedding: int) -> Shapes:
    """A decoder without conductors."""
    h, depths, controls = config.hparams, tuple(converter.output_depths), converter.control_depth
    found: Shapes = {}
    if config.decoder.get("preprocess_controls", False):
        if not controls:
            raise ValueError("preprocess_controls needs a converter with controls")
        sizes = h.control_preprocessing_rnn_size
        found = _bidirectional("control_preprocessing/", controls, sizes, h.residual_decoder)
        controls = 2 * sizes[-1]
    if name == "split_lstm":
        for i, depth in enumerate(depths):
            found |= _lstm_decoder(
                f"core_decoder_{i}/decoder", depth, depth, h, embedding + controls, embedding
            )
        return found
    depth = sum(depths)
    parameters = {"nade_lstm": h.nade_num_hidden + depth, "polyphonic_sampler_lstm": SAMPLER_FEATURES}
    inputs = embedding + controls
    found |= _lstm_decoder("decoder", depth, parameters.get(name, depth), h, inputs, embedding)
    if name == "nade_lstm":
        found["decoder/nade/w_enc"] = (depth, 1, h.nade_num_hidden)
        found["decoder/nade/w_dec_t"] = (depth, h.nade_num_hidden, 1)
    if name == "polyphonic_sampler_lstm":
        found |= voices("decoder/sampler", depth, SAMPLER_FEATURES, SAMPLER_UNITS, pauses=True, memory=False)
    if name == "groove_lstm" and depth % 3:
        raise ValueError(f"hits, velocities and offsets make a multiple of 3 values a step, not {depth}")
    return found


def _lstm_decoder(scope: str, depth: int, parameters: int, h: Any, inputs: int, embedding: int) -> Shapes:
    found = dense(f"{scope}/z_to_initial_state", embedding, 2 * sum(h.dec_rnn_size))
    found |= stack(f"{scope}/multi_rnn_cell/", depth + inputs, h.dec_rnn_size, h.residual_decoder)
    return found | dense(f"{scope}/output_projection", h.dec_rnn_size[-1], parameters)


def voices(scope: str, pitches: int, features: int, units: int, pauses: bool, memory: bool) -> Shapes:
    """Those of a polyphonic sampler's voices (`models.outputs.voices.Voices`)."""
    decisions = pitches if pauses else 2 * pitches
    outcomes = pitches + 1 if pauses else 2 * pitches
    inputs = features + decisions
    found = lstm(f"{scope}/voice", inputs, units) if memory else dense(f"{scope}/voice", inputs, units)
    return found | dense(f"{scope}/output", units, outcomes)


def _groove_mixture(config: Any, converter: Any) -> Shapes:
    """Those of `models.music_vae.groove_score_decoder.GrooveScoreDecoder`."""
    h, decoder = config.hparams, config.decoder
    if h.z_size:
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


def _history(config: Any, converter: Any) -> Shapes:
    """Those of `models.history_drums.vae.HistoryVAE`."""
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
    return {f"encoder/{name}": shape for name, shape in found.items()} | _history_decoder(config, converter)


def _history_decoder(config: Any, converter: Any) -> Shapes:
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

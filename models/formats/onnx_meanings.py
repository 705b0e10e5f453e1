"""What the numbers of an exported model mean, for the manifest beside its ONNX files; and which models can be exported."""

from typing import Any

import numpy as np

from catalog.config import Config
from models.numpy_engine import grooves
from preprocess.converters.drums import DrumsConverter
from preprocess.converters.groove import GrooveConverter
from preprocess.converters.melody import FIRST_PITCH, NO_EVENT, NOTE_OFF, MelodyConverter
from preprocess.drums import conditions, groove_conditions
from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES
from preprocess.drums.history_controls import ControlLayout

CORES = ("categorical_lstm", "boolean_lstm", "groove_lstm")
"""Cores of MusicVAE's decoders that are exported."""
MOST_BITS = 15
"""Most drums of a token."""


def why_not(config: Config) -> str:
    """Why a config's models can't be exported, for the end of a sentence that begins with its name; empty where they can.

    Example:
        >>> from catalog.config_map import CONFIG_MAP
        >>> why_not(CONFIG_MAP["cat-mel_2bar_tiny"])
        ''
        >>> why_not(CONFIG_MAP["hierdec-trio_16bar"])
        'has a decoder of the kind split_lstm'
    """
    if config.family == "frame_model":
        return "plays piano frame after frame"
    if config.family == "history_drums" or grooves.supports(config):
        return ""
    decoder, hparams = config.decoder, config.hparams
    core = decoder.get("core", decoder["name"])
    if core not in CORES:
        return f"has a decoder of the kind {core}"
    if config.encoder["name"] != "bidirectional_lstm":
        return f"has an encoder of the kind {config.encoder['name']}"
    if hparams.residual_encoder or hparams.residual_decoder:
        return "has residual layers"
    if config.build_converter().control_depth:
        return "needs chords or other conditions at each step"
    levels = tuple(decoder.get("level_lengths", ()))
    silent = decoder.get("disable_autoregression", False)
    if silent is not True and not set(range(len(levels) - 1)) <= set(silent or ()):
        return "has a conductor that hears what is played"
    return _why_not_values(config)


def _why_not_values(config: Config) -> str:
    converter = config.build_converter()
    if not isinstance(converter, DrumsConverter | MelodyConverter | GrooveConverter):
        return f"has examples of the kind {config.converter['name']}"
    if isinstance(converter, DrumsConverter) and converter.output_form == "one_hot":
        drums = len(converter.pitch_classes)
        return f"plays tokens of {drums} drums" if drums > MOST_BITS else ""
    if isinstance(converter, GrooveConverter) and (
        converter.split_instruments or converter.num_velocity_bins or converter.max_note_dropout_probability
    ):
        return "has grooves in another form than hits, velocities and offsets of all drums"
    return ""


def values_of(config: Config) -> dict[str, Any]:
    """What the values of a step mean: the drum map, or the pitches."""
    converter = config.build_converter()
    if isinstance(converter, MelodyConverter):
        return {
            "kind": "melody tokens",
            "tokens": {
                "hold": NO_EVENT,
                "note_off": NOTE_OFF,
                "first_pitch": {"token": FIRST_PITCH, "midi_pitch": converter.min_pitch},
                "last_pitch": {
                    "token": FIRST_PITCH + converter.max_pitch - converter.min_pitch,
                    "midi_pitch": converter.max_pitch,
                },
            },
            "end_token": converter.end_token,
            "how": "A token a step. Hold goes on with what sounds, or with silence; note_off ends it; any other token "
            "begins a pitch, which ends what sounded.",
        }
    if isinstance(converter, DrumsConverter):
        is_token = converter.output_form == "one_hot"
        return {
            "kind": "drum tokens" if is_token else "drum bits",
            "drums": _drum_map(converter.pitch_classes),
            "end_token": converter.end_token,
            "how": "A token a step, 0 for silence: the drum with the index i is struck where bit i, of the value 2^i, "
            "is set."
            if is_token
            else "Row of a step: 1 where the drum with this index is struck.",
        }
    assert isinstance(converter, GrooveConverter), "why_not lets no others through"
    drums = len(converter.pitch_classes)
    return {
        "kind": "groove",
        "drums": _drum_map(converter.inference_pitch_classes),
        "columns": {"hits": [0, drums], "velocities": [drums, 2 * drums], "offsets": [2 * drums, 3 * drums]},
        "how": "Row of a step: the hits of all drums, 0 or 1; their velocities, of which 1 is MIDI's 127; their offsets "
        "from -1 to 1: a hit sounds at (step - offset / 2) steps, so that positive ones are early.",
    }


def _drum_map(classes: Any) -> list[dict[str, Any]]:
    names = {drum.pitch: drum.name for drum in REDUCED_DRUM_CLASSES}
    return [
        {
            "index": i,
            "name": names.get(pitches[0], ""),
            "midi_pitch": pitches[0],
            "midi_pitches": list(pitches),
        }
        for i, pitches in enumerate(classes)
    ]


def draw_of(config: Config) -> dict[str, Any]:
    """How a value is drawn, and by which random numbers."""
    if grooves.supports(config):
        layout = grooves.layout_of(config)
        return {
            "where": "in decoder_step",
            "uniforms_a_step": layout.uniforms,
            "how": "Uniforms a step: one for the hit of each drum, read for taps only; one for the component of the "
            "mixture; one for each drum's velocity; one for each drum's offset, not read for taps.",
            "likeliest": "Run typical: controls in, the values of all steps out, without a draw.",
        }
    core = config.decoder.get("core", config.decoder["name"])
    if config.family == "history_drums" or core == "categorical_lstm":
        return {
            "where": "in decoder_step; logits are given, too",
            "uniforms_a_step": 1,
            "how": "p = exp(logits / temperature - the highest of them); c = the cumulative sums of p; the token is the "
            "number of entries of c that are at most u times the last of c, and at most the last token.",
            "likeliest": "The token with the highest of the logits.",
        }
    depth = config.build_converter().output_depth
    return {
        "where": "in decoder_step; logits are given, too",
        "uniforms_a_step": depth // 3 if core == "groove_lstm" else depth,
        "how": "A drum is struck where its uniform is below 1 / (1 + exp(-logit / temperature)).",
        "likeliest": "A drum is struck where its logit is at least 0.",
    }


def controls_of(config: Config) -> dict[str, Any] | None:
    """What stands in the columns of the controls; None for a model without any."""
    if config.family == "history_drums":
        return _history_controls(config)
    return _groove_controls(config) if grooves.supports(config) else None


def _history_controls(config: Config) -> dict[str, Any]:
    layout = ControlLayout(config.decoder["drums"], config.decoder.get("conditions", 0))
    row = np.zeros(layout.depth)
    row[layout.uses_z] = 1
    columns: dict[str, Any] = {
        name: _columns(getattr(layout, name)) for name in ("hits", "mask", "past", "uses_z")
    }
    if layout.conditions:
        columns |= {name: _columns(part, layout.wanted.start) for name, part in conditions.GROUPS.items()}
    return {
        "default_row": row.tolist(),
        "columns": columns,
        **(
            {"styles": list(conditions.STYLES), "tempo_quantiles": list(conditions.QUANTILES["tempo"])}
            if layout.conditions
            else {}
        ),
        "how": "default_row at every step plays a clip from z alone. hits: drums that are known to be struck, where "
        "mask is 1. past: the hits of the clip before, and 1 where there is one. uses_z: 0 at every step leaves z "
        "out. Of the conditions a style is one-hot; the others are a value from 0 to 1 (its quantile among the "
        "training clips; for fill 0 or 1) and a 1 where it is asked for; all zeros ask for nothing. "
        "tempo_quantiles: quarter notes a minute whose quantiles are 0, 0.05 ... 1, where there is a tempo.",
    }


def _groove_controls(config: Config) -> dict[str, Any]:
    layout = grooves.layout_of(config)
    start = layout.given
    drummers = start + 1 + len(groove_conditions.DRUMMERS)
    row = np.zeros(start + groove_conditions.WIDTH)
    given: dict[str, Any] = {"tap": [0, 1], "offset": [1, 2]} if layout.taps else {"hits": [0, layout.drums]}
    return {
        "default_row": row.tolist(),
        "columns": given
        | {"tempo": [start, start + 1], "drummer": [start + 1, drummers], "style": [drummers, len(row)]},
        "drummers": list(groove_conditions.DRUMMERS),
        "styles": list(groove_conditions.STYLES),
        "how": (
            "tap: 1 where a step is tapped; offset: of the tap, -1 to 1, as in values. "
            if layout.taps
            else "hits: 1 where a drum is struck, which the model does not change. "
        )
        + "tempo: log2(quarter notes a minute / 120), "
        f"from {groove_conditions.SLOWEST:g} to {groove_conditions.FASTEST:g} quarter notes a minute. drummer and style "
        "are one-hot, or all zeros where not known.",
    }


def _columns(part: slice, start: int = 0) -> list[int]:
    return [start + part.start, start + part.stop]

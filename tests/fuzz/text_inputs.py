"""Texts that people write: configs, hyperparameters, drum maps, initiators, drum grids, tunes, song forms."""

import json
import random
from functools import cache
from pathlib import Path
from typing import Any

import configs
import patterns
from catalog.config import HParams
from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES
from tests.fuzz.mutate import ODD_FLOATS, ODD_INTEGERS, ODD_TEXTS, encoded, mutate_json, mutate_text, nested

PATTERNS = Path(patterns.__file__).parent
NAMES = tuple(configs.CONFIG_MAP)
PIANO = {name for name, config in configs.CONFIG_MAP.items() if config.model == "frame_model"}
HPARAMS = tuple(HParams.__dataclass_fields__)
VALUES = (
    *(
        "1",
        "0",
        "-1",
        "0.5",
        "1e999",
        "nan",
        "inf",
        "-inf",
        "true",
        "'a'",
        '"x"',
        "[]",
        "[8]",
        "[8, 16]",
        "[0]",
        "[[8]]",
    ),
    *(
        "1000000000",
        "99999999999999999999",
        "1e9",
        "{}",
        "{a = 1}",
        "1979-05-27",
        "0x10",
        '"../../x"',
        '"\\u0000"',
        "[1.5]",
    ),
)
PARTS = (
    "hparams",
    "encoder",
    "decoder",
    "converter",
    "augmenter",
    "x",
    "decoder.keys",
    "encoder.bars",
    "decoder.velocities",
)
KEYS = (
    *(
        "name",
        "level_lengths",
        "core",
        "disable_autoregression",
        "slice_bars",
        "steps_per_quarter",
        "pitch_classes",
        "form",
    ),
    *(
        "transpose_range",
        "stretch_range",
        "layer_sizes",
        "lags",
        "clock_bits",
        "hidden",
        "representation",
        "meter",
    ),
    *(
        "chord_encoding",
        "drums",
        "conditions",
        "hidden_size",
        "window",
        "known_share",
        "error_rate",
        "max_pitch",
    ),
)

LIKELY = {
    "name": (
        '"lstm"',
        '"bidirectional_lstm"',
        '"hierarchical_lstm"',
        '"categorical_lstm"',
        '"drums"',
        '"melody"',
        '"nade"',
        '"rbm"',
    ),
    "level_lengths": ("[4, 16]", "[8, 8]", "[2, 2, 16]", "[64]", "[1, 64]", "[0, 64]", "[3, 3]", "[16, 16]"),
    "core": ('"categorical_lstm"', '"nade_lstm"', '"groove_lstm"', '"split_lstm"', '"boolean_lstm"'),
    "slice_bars": ("1", "2", "4", "3", "0", "1000"),
    "steps_per_quarter": ("4", "3", "1", "24", "1000000"),
    "pitch_classes": ('"reduced"', "[[36], [38]]", "[[36]]", "[[]]", "[]", "[[36, 36]]", "[[300]]"),
    "meter": ('"3/4"', '"6/8"', '"0/4"', '"4/4"', '"99/1"'),
    "chord_encoding": ('"triad"', '"major_minor"', '"x"'),
    "disable_autoregression": ("true", "false", "[0]", "[0, 1]", "[9]"),
    "enc_rnn_size": ("[8]", "[8, 8]", "[1]", "[100000]"),
    "dec_rnn_size": ("[8]", "[8, 8]", "[1]", "[100000]"),
    "layer_sizes": ("[8]", "[8, 8]", "[1]", "[100000]"),
    "z_size": ("4", "1", "0", "512", "100000"),
    "max_seq_len": ("1", "16", "32", "63", "64", "256", "100000"),
    "transpose_range": ("[-5, 5]", "[0, 0]", "[5, -5]", "[-200, 200]"),
    "stretch_range": ("[0.9, 1.1]", "[1, 1]", "[0, 1]", "[1, inf]"),
    "lags": ("[3, 7]", "[0]", "[1]", "[-1]", "[1000000]"),
}
"""Values that a person might try, right or wrong, by what they are for."""


def _value(rng: random.Random, key: str) -> str:
    likely = LIKELY.get(key)
    if likely and rng.random() < 0.75:
        return rng.choice(likely)
    return rng.choice(VALUES) if rng.random() < 0.97 else nested(rng.choice((3, 60, 5000)))


def toml_config(rng: random.Random) -> bytes:
    """A config of one's own: a base and tables, most of them wrong somewhere."""
    base = rng.choice(NAMES)
    lines = [f'base = "{base}"'] if rng.random() < 0.95 else [f"base = {rng.choice(VALUES)}"]
    if rng.random() < 0.08:
        lines.append(f"name = {rng.choice((*VALUES, *map(json.dumps, ODD_TEXTS)))}")
    if rng.random() < 0.7 and configs.CONFIG_MAP[base].hparams.z_size and base not in PIANO:
        lines.append("[hparams]\nz_size = 4\nenc_rnn_size = [8]\ndec_rnn_size = [8]")
    for part in rng.sample(PARTS[1:] if "[hparams]" in lines[-1] else PARTS, rng.choice((0, 1, 1, 2, 3))):
        lines.append(f"[{part}]")
        whole: Any = {} if "." in part or part == "x" else getattr(configs.CONFIG_MAP[base], part)
        known = (
            HPARAMS
            if part == "hparams"
            else (*(whole or {}), *(KEYS if not whole or rng.random() < 0.15 else ()))
        )
        for key in rng.sample(sorted(set(known)), min(len(set(known)), rng.choice((1, 1, 2, 3)))):
            lines.append(f"{key} = {_value(rng, key)}")
    text = "\n".join(lines)
    return encoded(rng, mutate_text(rng, text) if rng.random() < 0.15 else text)


def hparams(rng: random.Random) -> str:
    """The value of --hparams."""
    values = (
        *(v for v in VALUES if '"' not in v),
        "",
        " ",
        "[",
        "]",
        "[8,",
        "8]",
        "9" * 5000,
        "1_0",
        "٣",
        *ODD_TEXTS,
    )
    names = [rng.choice((*HPARAMS, *HPARAMS, "x", "", " z_size ")) for _ in range(rng.choice((1, 1, 2, 5)))]
    parts = [f"{n}={rng.choice(LIKELY.get(n, values) if rng.random() < 0.6 else values)}" for n in names]
    text = ",".join(parts)
    return mutate_text(rng, text) if rng.random() < 0.4 else text


def drum_map(rng: random.Random) -> bytes:
    """A drum map file."""
    drums = [drum.name.replace(" ", "_").replace("-", "_") for drum in REDUCED_DRUM_CLASSES]
    keys = drums if rng.random() < 0.5 else (*drums, "gong", '"kick"', "[kick]", "hi_hat", "a.b", "''")
    values = [str(n) for n in range(128)] if rng.random() < 0.4 else [*VALUES, "128", "127", "-1", "36"]
    lines = [f"{rng.choice(keys)} = {rng.choice(values)}" for _ in range(4)]
    text = "\n".join(dict.fromkeys(lines))
    return encoded(rng, mutate_text(rng, text) if rng.random() < 0.4 else text)


def initiator(rng: random.Random) -> bytes:
    """A file of primers in the form of MusicGenerator's initiator.json."""
    frames = [
        {"notes": sorted(rng.sample(range(21, 109), rng.choice((0, 1, 3))))}
        for _ in range(rng.choice((1, 8, 64)))
    ]
    value = {"initiator": [{"name": f"start {i}", "seq": frames} for i in range(rng.choice((1, 2)))]}
    text = json.dumps(value) if rng.random() < 0.1 else mutate_json(rng, value)
    return encoded(rng, text)


@cache
def _grids() -> tuple[str, ...]:
    """The shipped beats, one text each."""
    texts = [p.read_text(encoding="utf-8") for p in sorted(PATTERNS.glob("*.txt"))]
    return tuple("beat:" + part for text in texts for part in text.split("beat:")[1:])


def drum_grid(rng: random.Random) -> bytes:
    """Drum grids in the notation of `patterns`."""
    text = "\n".join(rng.sample(_grids(), rng.choice((1, 1, 2))))
    words = (
        "beat: x",
        "tempo: 1e9",
        "grid: 96",
        "grid: 0",
        "meter: 0/4",
        "meter: 32/2",
        "swing: 0.7",
        "|",
        "%",
        "|%|" * 70,
    )
    for _ in range(rng.choice((0, 1, 1, 2))):
        key = rng.choice(("tempo", "meter", "grid", "swing", "players", "about", "style", "beat"))
        odd = rng.choice(
            (*ODD_TEXTS, *map(str, ODD_INTEGERS), *map(str, ODD_FLOATS), "3/4", "7/8", "12", "٣", "²")
        )
        lines = [f"{key}: {odd}" if line.startswith(f"{key}:") else line for line in text.split("\n")]
        text = "\n".join(lines)
    return encoded(rng, mutate_text(rng, text, words) if rng.random() < 0.8 else text)


@cache
def _tunes() -> tuple[str, ...]:
    text = (PATTERNS / "folk.tunes").read_text(encoding="utf-8")
    return tuple("tune:" + part for part in text.split("tune:")[1:])


def tunes(rng: random.Random) -> bytes:
    """Tunes of one voice in the notation of `patterns`."""
    text = "\n".join(rng.sample(_tunes(), rng.choice((1, 2))))
    return encoded(rng, mutate_text(rng, text, ("bar: 33", "bar: 0", "bar: ²", "| C |", "tune:", "|" * 500)))


FLAGS = (
    *(
        "intro:4 verse:8 chorus:8 verse:8 outro:4",
        "-1,1,2",
        "1-2",
        "1,4",
        "kick,snare",
        "60,64,67",
        "C G Am F",
        "0.5",
    ),
    *(
        "2-",
        "-",
        ",",
        ":",
        "a:1",
        "a:0",
        "verse:999 verse:1",
        "1-1000000000",
        "kick,kick",
        "1e400",
        "nan,inf",
        "Cmaj7|Dm",
    ),
)


def flag(rng: random.Random) -> str:
    """The value of a flag with a notation of its own."""
    text = rng.choice(FLAGS)
    return mutate_text(rng, text, ("9" * 30, "٣", "²", "½", "1e9")) if rng.random() < 0.8 else text

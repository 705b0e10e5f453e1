"""Evaluating drum models with conditions: how far samples meet the conditions that they were drawn under.

Density, syncopation, fills and style are measured on what is drawn. Intensity and tempo can't be: tokens say what is
struck, not how loudly or when.
"""

import argparse
from typing import Any

import numpy as np

from common.console import print_table, progress
from common.errors import InputError
from metrics.rank_correlation import rank_correlation
from metrics.style_counts import StyleCounts
from models.families import default_temperature
from models.history_drums.trained import HistoryModel
from preprocess.drums.conditions import GROUPS, STYLES, DrumConditions, parse_conditions, quantile_of
from preprocess.drums.windows import ends_in_a_fill
from workflows.examples import load_windows
from workflows.exploring.vary_conditions import MEASURED, MIDDLE, samples_to_move, vary
from workflows.flags.history_drums import GUIDANCE
from workflows.history_drums import sampling

Array = np.ndarray

LEVELS = (0.1, 0.3, 0.5, 0.7, 0.9)
BATCH = 32
"""Clips drawn together, each with its candidates."""


def figures(model: HistoryModel, args: argparse.Namespace) -> dict[str, Any]:
    """How far conditions are met, at the default temperature and guidance of `sample.py`.

    Args:
        model: one that heeds conditions.
        args: the flags of `evaluate.py`.
    """
    temperature, n = default_temperature(model.config), args.condition_clips
    styles = _styles(args, model)
    a_style = max(1, n // 2)
    work = n * (2 + 2 * len(LEVELS)) + (a_style * len(styles[0].styles) if styles else 0)
    found: dict[str, Any] = {"temperature": temperature, "guidance": GUIDANCE, "clips": n}
    plain = model.decode_values(model.prior_sample(n, args.seed), temperature or None, args.seed)
    with progress("Asking", work) as advance:

        def drawn(asked: list[DrumConditions], seed: int) -> Array:
            parts = []
            for first in range(0, len(asked), BATCH):
                some = asked[first : first + BATCH]
                parts.append(
                    sampling.draw(
                        model, some, temperature=temperature, seed=seed, first=first, guidance=GUIDANCE
                    )
                )
                advance(len(some))
            return np.concatenate(parts)

        for i, name in enumerate(MEASURED, 1):
            wishes = [parse_conditions(f"{name}={level}") for level in LEVELS]
            clips = [drawn([wish] * n, args.seed + i) for wish in wishes]
            found[name] = {"asked_for": by_level(name, clips, plain)}
        shares = {
            "asked": drawn([DrumConditions(fill=True)] * n, args.seed + 3),
            "not_wanted": drawn([DrumConditions(fill=False)] * n, args.seed + 3),
            "not_said": plain,
        }
        found["fills"] = {k: float(ends_in_a_fill(v, 16).mean()) for k, v in shares.items()}
        found["style"] = None
        if styles:
            listener, held_out = styles
            wanted = np.repeat(listener.styles, a_style)
            in_style = drawn([DrumConditions(style=STYLES[style]) for style in wanted], args.seed + 4)
            found["style"] = {
                "styles": len(listener.styles),
                "clips_a_style": a_style,
                "named": listener.recall(in_style, wanted),
                "held_out_named": held_out,
                "chance": 1 / len(listener.styles),
            }
    for i, name in enumerate(MEASURED, 1):
        own = samples_to_move(model, name, n, temperature, args.seed + i)
        moved = vary(model, name, [level - MIDDLE for level in LEVELS], own, None, temperature, args.seed + i)
        found[name]["varied"] = by_level(name, list(moved.values), plain)
    return found


def by_level(name: str, clips: list[Array], plain: Array) -> dict[str, Any]:
    """What was measured at each level of an attribute, and how far the other attribute moved.

    Args:
        name: of the attribute that was asked for.
        clips: int tokens `[n, steps]` drawn at each level.
        plain: int tokens of samples without conditions.
    """
    got = np.stack([quantile_of(name, MEASURED[name](tokens)) for tokens in clips])
    asked = np.repeat(LEVELS, got.shape[1])
    (other,) = MEASURED.keys() - {name}
    means = [float(MEASURED[other](tokens).mean()) for tokens in clips]
    spread = float(MEASURED[other](plain).std())
    constant = got.std() == 0
    return {
        "asked": list(LEVELS),
        "got": got.mean(axis=1).tolist(),
        "rank_correlation": None if constant else float(rank_correlation(asked, got.ravel())),
        "other": other,
        "other_means": means,
        "other_moves": (max(means) - min(means)) / spread if spread else None,
    }


def _styles(args: argparse.Namespace, model: HistoryModel) -> tuple[StyleCounts, float | None] | None:
    """A classifier of styles, and its recall on held-out clips; None where no training clip has a style."""
    if args.train_examples_path is None:
        return None
    train = _labelled(args.train_examples_path, model)
    if train is None:
        return None
    listener = StyleCounts(*train, model.layout.drums)
    held_out = _labelled(args.examples_path, model)
    return listener, None if held_out is None else listener.recall(*held_out)


def _labelled(patterns: str, model: HistoryModel) -> tuple[Array, Array] | None:
    """The clips whose style is known, int tokens `[clips, steps]`, and the index of each one's style in `STYLES`."""
    try:
        windows = load_windows(patterns, model.config)
    except InputError:
        # Preprocessed shards hold clips alone.
        return None
    styles = windows.conditions[:, GROUPS["style"]]
    known = styles.any(axis=1)
    return (windows.tokens[known], styles[known].argmax(axis=1)) if known.any() else None


def print_figures(found: dict[str, Any]) -> None:
    """Print the tables of what `figures` found."""
    title = f"Conditions and what was drawn: {found['clips']} clips each, temperature {found['temperature']:g}, guidance {found['guidance']:g}"
    rows = [
        (
            f"{name}, {how}",
            *row["got"],
            _number(row["rank_correlation"]),
            f"{row['other']} {_number(row['other_moves'])}",
        )
        for name in MEASURED
        for how, row in (("asked for", found[name]["asked_for"]), ("varied", found[name]["varied"]))
    ]
    columns = ["quantile", *(f"{level:g}" for level in LEVELS), "rank correlation", "others move, SDs"]
    print_table(title, columns, rows)
    fills, style = found["fills"], found["style"]
    rows = [
        ("clips that end in a fill: asked for", fills["asked"]),
        ("not wanted", fills["not_wanted"]),
        ("nothing said", fills["not_said"]),
    ]
    if style:
        rows += [
            (f"style as asked, of {style['styles']}, named by counts", style["named"]),
            ("the same of held-out clips", _number(style["held_out_named"])),
            ("by chance", style["chance"]),
        ]
    print_table("Fills and styles asked for", ["measure", "share"], rows)
    print("Intensity and tempo are not measured: tokens say what is struck, not how loudly or when.")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"

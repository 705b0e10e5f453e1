"""Evaluating a piano model: nats a frame of held-out pieces, beside baselines and the nearest training passages."""

import argparse
import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from baselines import frame_counts
from common.console import print_table, progress
from common.errors import InputError
from common.output_files import write_atomically
from metrics.plagiarism import summarize
from models.layers import startup
from models.piano.trained import TrainedFrameModel
from preprocess.pieces.pieces import Pieces
from preprocess.pieces.transforms import pitch_classes
from workflows.examples import groups_of, load_pieces
from workflows.piano.nearest import nearest_passages
from workflows.piano.pictures import draw_expected

if TYPE_CHECKING:
    # Imports Keras.
    from models.piano.evaluation import FrameScores

DEFAULTS = {"num_samples": 64, "importance_samples": 8}


def evaluate(args: argparse.Namespace, model: TrainedFrameModel, files: list[Path]) -> None:
    """Score a model on held-out pieces, print tables, and write the report and its picture.

    Args:
        args: the flags of `evaluate.py`; those of `DEFAULTS` that are not given are filled in.
        model: the model.
        files: of the report and of the picture.

    Raises:
        InputError: for pieces that can't be read, for training pieces with a model of tokens, and for
            `--max_batch_size`, which piano models don't take.
    """
    _fill_in(args, model)
    if model.form == "tokens" and args.train_examples_path:
        raise InputError(
            f"{model.config.name} plays tokens, of which no passages are compared; leave out --train_examples_path.",
            "bad_flag",
        )
    startup.import_keras()
    from models.piano import evaluation as frame_evaluation

    pieces = load_pieces(args.examples_path, model.config, "validation")
    if args.max_examples is not None:
        pieces = pieces.some(args.max_examples, args.seed)
    train = load_pieces(args.train_examples_path, model.config, "train") if args.train_examples_path else None
    groups = groups_of(pieces, model.config)
    takes_paths = frame_evaluation.takes_paths(model.keras_model)
    paths = args.importance_samples if takes_paths else 1
    scorer = frame_evaluation.Scorer(model.keras_model)
    with progress("Scoring", sum(len(group) for group in groups) * paths) as advance:
        scores = frame_evaluation.score(scorer, groups, len(pieces), paths, args.seed, advance)
    report: dict[str, Any] = {
        "checkpoint": Path(model.source).name,
        "config": model.config.name,
        "unit": "token" if model.form == "tokens" else "frame",
        "flags": {k: v for k, v in vars(args).items() if k not in ("force", "log")},
        "split": _figures(pieces, scores),
    }
    if train is not None:
        report["split"]["baselines"] = _baselines(train, pieces, model)
    if model.keras_model.plays_keys:
        report["samples"] = _sample_figures(model, pieces, train, args)
    _print(report)
    _write(files, report, model, pieces)


def _fill_in(args: argparse.Namespace, model: TrainedFrameModel) -> None:
    """Fill in the flags that are not given, so that the report says what was done."""
    if args.max_batch_size is not None:
        raise InputError(
            f"{model.config.name} reads pieces side by side as their lengths allow; leave out --max_batch_size.",
            "bad_flag",
        )
    for flag, value in DEFAULTS.items():
        if getattr(args, flag) is None:
            setattr(args, flag, value)


SAMPLE_FRAMES = 256
"""Frames of a sample, and of the beginnings of pieces that samples are compared with."""


def _figures(pieces: Pieces, scores: "FrameScores") -> dict[str, Any]:
    """The figures of the held-out pieces."""
    found: dict[str, Any] = {
        "pieces": len(pieces),
        "frames": int(pieces.lengths.sum()),
        "nats_a_frame": scores.mean(),
        "measure": scores.measure,
    }
    if scores.sampled_nats.shape[1] > 1:
        found |= {
            "paths": scores.sampled_nats.shape[1],
            "nats_a_frame_tighter": scores.tighter(),
            "values_nats_tighter": scores.tighter("values"),
        }
    if scores.key_nats is not None:
        found |= {"classes_nats": scores.mean("values"), "keys_nats": scores.mean("keys")}
    if scores.velocity_error is not None:
        found["velocity_error"] = scores.velocity_error
    return found


def _baselines(train: Pieces, pieces: Pieces, model: TrainedFrameModel) -> dict[str, float]:
    """The nats a frame of the held-out pieces under simple models of the training pieces."""

    figures = {
        "each_key_by_itself": frame_counts.static_bernoulli_nats(train.keys, pieces.keys),
        "markov_chain_of_keys": frame_counts.markov_nats(train.keys, pieces.keys),
    }
    if model.form == "classes":
        classes = [[pitch_classes(piece) for piece in some.keys] for some in (train, pieces)]
        chords = [[frame_counts.chord_numbers(piece) for piece in some] for some in classes]
        figures |= {
            "each_chord_of_classes_by_itself": frame_counts.unigram_nats(chords[0], chords[1], 4096),
            "each_class_by_itself": frame_counts.static_bernoulli_nats(*classes),
            "markov_chain_of_classes": frame_counts.markov_nats(*classes),
        }
    return figures


def _sample_figures(
    model: TrainedFrameModel, pieces: Pieces, train: Pieces | None, args: argparse.Namespace
) -> dict[str, Any]:
    """How much is played in samples and in pieces, and how near samples and held-out pieces are to training pieces."""
    count = args.num_samples
    with progress("Playing", count * SAMPLE_FRAMES) as advance:
        played = model.play(
            count,
            SAMPLE_FRAMES,
            temperature=args.temperature or None,
            seed=args.seed,
            on_frames=lambda n: advance(n * count),
        )
    played_rolls = list(played.keys)
    sets = {"samples": played_rolls, "held_out": _beginnings(pieces)}
    sets |= {"train": _beginnings(train)} if train is not None else {}
    figures: dict[str, Any] = {name: _density(rolls) for name, rolls in sets.items()}
    if train is None:
        return figures
    for name in ("samples", "held_out"):
        # Pieces shorter than a passage have no nearest one.
        with contextlib.suppress(ValueError):
            near = summarize(nearest_passages(sets[name], train))
            figures[name] |= {
                "passages": near.segments,
                "copied": near.copied,
                "mean_distance_to_nearest": near.mean_distance,
            }
    return figures


def _beginnings(pieces: Pieces) -> list[np.ndarray]:
    """The first `SAMPLE_FRAMES` frames of each piece, bool `[frames, keys]`."""
    return [piece[:SAMPLE_FRAMES] for piece in pieces.keys]


def _density(rolls: list[np.ndarray]) -> dict[str, float]:
    """How much sounds or is struck in rolls, bool `[frames, keys]` each; the error is that of the mean over the rolls."""
    keys = [roll.sum(axis=1).mean() for roll in rolls]
    silent = np.array([(~roll.any(axis=1)).mean() for roll in rolls])
    return {
        "keys_a_frame": float(np.mean(keys)),
        "silent_frames": float(silent.mean()),
        "silent_frames_standard_error": float(silent.std() / np.sqrt(len(silent))),
    }


def _print(report: dict[str, Any]) -> None:
    """Print the report's tables."""
    split = report["split"]
    kind = {"exact": "", "bound": " (at most)", "estimate": " (an estimate)"}[split["measure"]]
    rows: list[tuple] = [(f"nats a {report['unit']}{kind}", split["nats_a_frame"])]
    labels = {
        "classes_nats": "of these, pitch classes",
        "keys_nats": "of these, keys of the classes",
        "nats_a_frame_tighter": f"nats a {report['unit']} by a tighter bound ({split.get('paths')} paths)",
        "values_nats_tighter": "of these, what is drawn first",
        "velocity_error": "velocity, root mean squared error of 1",
    }
    rows += [(label, split[key]) for key, label in labels.items() if key in split]
    for key, value in split.get("baselines", {}).items():
        rows.append((f"for comparison: {key.replace('_', ' ')}", value))
    print_table(f"{report['checkpoint']}: {split['pieces']} held-out pieces", ["measure", "value"], rows)
    samples = report.get("samples", {})
    if "samples" in samples:
        rows = [
            (
                key.replace("_", " "),
                *(samples.get(name, {}).get(key, "-") for name in ("samples", "held_out", "train")),
            )
            for key in samples["samples"]
        ]
        compared = ", and their passages of two bars" if "train" in samples else ""
        title = f"{report['flags']['num_samples']} samples of {SAMPLE_FRAMES} frames{compared}"
        print_table(title, ["measure", "samples", "held out", "training"], rows)


def _write(files: list[Path], report: dict[str, Any], model: TrainedFrameModel, pieces: Pieces) -> None:
    write_atomically(files[0], (json.dumps(report, indent=1) + "\n").encode())
    title = f"{report['config']}: {pieces.names[0]}, as it is and as expected"
    draw_expected(files[1], model.keras_model, pieces, title)

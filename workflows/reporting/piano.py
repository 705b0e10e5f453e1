"""What `evaluate.py` says of a frame model: nats a frame of held-out pieces, beside simple models and the training
pieces' nearest passages."""

import argparse
import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from common.console import print_table, progress
from common.errors import InputError


def evaluate(args: argparse.Namespace, model: Any, files: list[Path]) -> dict[str, Any]:
    """Score a model, print a table, and write the report and its picture.

    Args:
        args: the command's flags.
        model: a `TrainedFrameModel`.
        files: of the report and of the picture.

    Returns:
        The report.

    Raises:
        InputError: for pieces that can't be read, and training pieces for a model of tokens.
    """
    if model.form == "tokens" and args.train_examples_path:
        raise InputError(
            f"{model.config.name} plays tokens, of which no passages are compared; leave out --train_examples_path.",
            "bad_flag",
        )
    from models.layers import startup as quiet

    quiet.import_keras()
    from models.piano import evaluation as frame_evaluation
    from workflows.training.data import groups_of, load_pieces

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
    return report


SAMPLE_FRAMES = 256


def _figures(pieces: Any, scores: Any) -> dict[str, Any]:
    """The figures of a split."""
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


def _baselines(train: Any, pieces: Any, model: Any) -> dict[str, float]:
    """What simple models of the training pieces make of the held-out ones, nats a frame."""
    from baselines import frame_counts
    from preprocess.pieces.transforms import pitch_classes

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


def _sample_figures(model: Any, pieces: Any, train: Any, args: argparse.Namespace) -> dict[str, Any]:
    """How much is played in samples, and, where there are training pieces, how near to them those and what is held
    out lie."""
    from metrics.plagiarism import summarize
    from workflows.piano.nearest import nearest_passages

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


def _beginnings(pieces: Any) -> list[np.ndarray]:
    """As much of each piece as is played."""
    return [piece[:SAMPLE_FRAMES] for piece in pieces.keys]


def _density(rolls: list[np.ndarray]) -> dict[str, float]:
    """How much sounds or is struck in rolls `[frames, keys]`; the error is that of the mean over so many rolls."""
    keys = [roll.sum(axis=1).mean() for roll in rolls]
    silent = np.array([(~roll.any(axis=1)).mean() for roll in rolls])
    return {
        "keys_a_frame": float(np.mean(keys)),
        "silent_frames": float(silent.mean()),
        "silent_frames_standard_error": float(silent.std() / np.sqrt(len(silent))),
    }


def _print(report: dict[str, Any]) -> None:
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


def _write(files: list[Path], report: dict[str, Any], model: Any, pieces: Any) -> None:
    from common.output_files import write_atomically
    from workflows.piano.pictures import draw_expected

    write_atomically(files[0], (json.dumps(report, indent=1) + "\n").encode())
    title = f"{report['config']}: {pieces.names[0]}, as it is and as expected"
    draw_expected(files[1], model.keras_model, pieces, title)

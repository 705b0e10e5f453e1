"""`explore.py attributes`: attribute vectors, as `explore.py vary` takes them, and what they move."""

import argparse
import dataclasses
import json
from pathlib import Path

import numpy as np

import configs
from common.console import print_table, progress
from common.errors import InputError
from common.output_files import check_outputs, write_atomically
from models.music_vae import attributes
from models.music_vae.attributes import ATTRIBUTES, AttributeVectors, Effects, path_beside
from models.music_vae.embedding import fingerprint
from models.music_vae.trained import TrainedModel
from workflows.examples import load_examples
from workflows.loading import load_model


def amounts_of(text: str, flag: str) -> list[float]:
    """Numbers separated by commas.

    Raises:
        InputError: where one is not a number.
    """
    try:
        amounts = [float(part) for part in text.split(",")]
    except ValueError:
        amounts = []
    if not amounts or not all(abs(amount) < 1e3 for amount in amounts):
        raise InputError(f"{flag} is '{text}'; expected numbers separated by commas, such as -1,1.")
    return amounts


def compute(args: argparse.Namespace) -> None:
    """`explore.py attributes`: compute the vectors, measure their effects, and write both."""

    amounts = amounts_of(args.amounts, "--amounts")
    model = load_model(args, default=configs.DEFAULT_EDIT_CONFIG)
    report = Path(args.output_dir).expanduser() / "attribute_effects.json"
    output = Path(args.attributes_file or path_beside(model.source)).expanduser()
    check_outputs([output, report, report.with_suffix(".png")], args.force)
    found = _vectors_of(args, model)
    write_atomically(output, found.to_json().encode())
    if model.converter.control_depth:
        print(
            f"Wrote the vectors of {', '.join(found.names)} to {output}; samples can't be drawn without controls."
        )
        return
    effects = _measure_effects(model, found, amounts, args)
    for heading, effect in effects.items():
        _print_effects(heading, effect, found)
    summary = {
        heading: {"amounts": e.amounts, "moved": e.moved.tolist(), "share_that_rose": e.rose.tolist()}
        for heading, e in effects.items()
    }
    head = {"names": found.names, "standard_deviations": found.deviations.tolist()}
    write_atomically(report, (json.dumps({**head, **summary}, indent=1) + "\n").encode())
    _draw_effects(effects, found, model, report.with_suffix(".png"))
    print(f"Wrote the vectors of {', '.join(found.names)} to {output}, and {report} with its .png.")


def _vectors_of(args: argparse.Namespace, model: TrainedModel) -> AttributeVectors:
    """The `AttributeVectors` of the clips that the flags name."""

    examples = load_examples(args.examples_path, model.config)
    index = np.arange(len(examples))
    if args.max_examples < len(index):
        index = np.sort(np.random.default_rng([args.seed, 3]).permutation(index)[: args.max_examples])
    batch = examples.batch(index)
    names = attributes.names_for(model)
    values = attributes.measure_values(model, batch.get("outputs", batch["inputs"]), names, batch["lengths"])
    mu = model.posterior(batch)[0]
    try:
        found = attributes.attribute_vectors(mu, values, names)
    except ValueError as error:
        raise InputError(f"{args.examples_path}: {error}") from error
    left_out = sorted(set(names) - set(found.names))
    if left_out:
        print(f"Left out, as most clips are the same in them: {', '.join(left_out)}.")
    patterns = ", ".join(Path(part).name for part in args.examples_path.split(","))
    source = f"{len(index)} of {len(examples)} clips of {patterns}, seed {args.seed}"
    return dataclasses.replace(found, config=model.config.name, encoder=fingerprint(model), source=source)


def _measure_effects(
    model: TrainedModel, found: AttributeVectors, amounts: list[float], args: argparse.Namespace
) -> dict[str, Effects]:
    """The effects of the vectors as they are and at right angles to one another, by heading."""

    effects = {}
    with progress("Measuring", 2 * (1 + len(found.names) * len(amounts))) as advance:
        for heading, orthogonal in (("vectors", False), ("orthogonal", True)):
            effects[heading] = attributes.effects(
                model,
                found,
                amounts,
                args.num_samples,
                args.temperature or None,
                args.seed,
                orthogonal,
                advance,
            )
    return effects


def _print_effects(heading: str, effect: Effects, found: AttributeVectors) -> None:

    rows = []
    for i, name in enumerate(found.names):
        for j, amount in enumerate(effect.amounts):
            own = float(effect.moved[i, j, i]), ATTRIBUTES[name].unit
            relative = (effect.moved[i, j] / found.deviations).tolist()
            rows.append((name, amount, f"{own[0]:+.2f} {own[1]}", *(f"{x:+.2f}" for x in relative)))
    columns = ["vector", "amount", "moves its own by", *(f"{name}, sd" for name in found.names)]
    kind = "the vectors" if heading == "vectors" else "their orthogonal parts"
    print_table(f"What {kind} move, mean of the samples", columns, rows)


def _draw_effects(
    effects: dict[str, Effects], found: AttributeVectors, model: TrainedModel, path: Path
) -> None:
    from render.latent_map import effects_figure
    from render.pianoroll import save_png

    panels = []
    for heading, effect in effects.items():
        j = max(range(len(effect.amounts)), key=lambda k: effect.amounts[k])
        panels.append(
            (
                "vectors" if heading == "vectors" else "their orthogonal parts",
                effect.moved[:, j] / found.deviations,
            )
        )
    moved_by = f"{max(effect.amounts):g} times the vector of"
    title = f"What attribute vectors move, {model.config.name}"
    save_png(effects_figure(panels, found.names, moved_by, title), path)


def read_vectors(path: str | None, model: TrainedModel) -> AttributeVectors:
    """The `AttributeVectors` of a model, from a file or from beside its checkpoint.

    Raises:
        InputError: where there is none, or it is another model's.
    """

    file = Path(path).expanduser() if path else path_beside(model.source)
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{file}: can't be read; make it with explore.py attributes --examples_path=....tfrecord."
        ) from error
    found = AttributeVectors.from_json(text, str(file))
    if found.encoder != fingerprint(model) or found.vectors.shape[1] != model.z_size:
        raise InputError(
            f"{file}: holds the vectors of another checkpoint (of {found.config}); make it again."
        )
    return found

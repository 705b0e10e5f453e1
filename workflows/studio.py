"""`export.py --format=page`: which models the page gets, and what each of them does there."""

from pathlib import Path
from typing import Any

import configs
from common.errors import InputError
from common.output_files import check_outputs, write_atomically
from models import families
from models.formats import browser
from models.formats.opening import OpenedCheckpoint, open_checkpoint
from models.music_vae.attributes import ATTRIBUTES, path_beside
from models.music_vae.trained import TrainedModel
from patterns.for_page import page_patterns
from preprocess.converters.drums import DrumsConverter
from preprocess.drums.drum_classes import PITCH_CLASSES, REDUCED_DRUM_CLASSES
from render.studio import studio_html
from workflows.exploring.attributes import read_vectors
from workflows.flags.grooves import HUMANIZE_CONFIG, TAP_CONFIG

MELODY_CONFIG = "cat-mel_2bar_tiny"
SHIPPED = {
    configs.DEFAULT_CONFIG: "draw",
    configs.DEFAULT_EDIT_CONFIG: "edit",
    HUMANIZE_CONFIG: "humanize",
    TAP_CONFIG: "tap",
    MELODY_CONFIG: "melody",
}
"""The shipped models of the page, and their roles: what draws new beats, moves between beats, plays them as a drummer
would, makes drums for taps, and plays melodies."""

USUAL_BYTES = 8_000_000
"""A page of the shipped models, at most; one with a large model of one's own is slow to open."""

_PLAYED = {
    "groove": "velocities and timing for given hits",
    "melody": "melodies",
    "trio": "trios",
    "performance": "pieces for several instruments",
    "pianoroll": "piano",
}
"""What models other than those of beats play, by their converter."""


def export_page(source: str | None, output: Path, config: str | None = None, force: bool = False) -> str:
    """Write the page that plays the models.

    Args:
        source: one's own drum model, a run_dir or a checkpoint as `open_checkpoint` takes it; None for the shipped
            models alone.
        output: the file to write.
        config: name or file of its config, for checkpoints that don't contain theirs.
        force: whether `output` is overwritten.

    Returns:
        What was written, in sentences.

    Raises:
        InputError: where the page can't play the model, `config` is not needed, or `output` can't be written.
        CheckpointError: where the checkpoint can't be read.
    """
    check_outputs([output], force)
    own = None if source is None else open_own(source, config)
    models = page_models(own)
    title = "Beat studio" if own is None else f"Beat studio: {own.config.name}"
    page = studio_html(models, title, page_patterns()).encode("utf-8")
    write_atomically(output, page)
    size = f"{len(page) / 1e6:.1f} MB"
    remark = ""
    if len(page) > USUAL_BYTES:
        remark = " The model is large, so the page takes a while to open and to draw."
    return f"Wrote {output} ({size}). Open it in a browser: it needs no server and no network.{remark}"


def open_own(source: str, config: str | None = None) -> OpenedCheckpoint:
    """One's own drum model; arguments and errors as for `export_page`."""
    found = open_checkpoint(source, configs.get_config(config) if config else None)
    if config and found.is_own:
        raise InputError(f"{source}: contains its config; leave out --config.")
    reason = _why_not_drums(found) or browser.why_not(found.config)
    if reason:
        where = "" if source == found.config.name else f"{source}: "
        raise InputError(f"{where}{found.config.name} {reason}.", "other_model")
    return found


def _why_not_drums(found: OpenedCheckpoint) -> str:
    """Why a model's clips are not beats of the page's grid, for the end of a sentence; empty where they are."""
    if found.config.family == "frame_model":
        return "plays piano, and the page takes models that draw beats"
    converter = found.config.build_converter()
    if not isinstance(converter, DrumsConverter):
        return f"plays {_PLAYED[found.config.converter['name']]}, and the page takes models that draw beats"
    if converter.pitch_classes not in (PITCH_CLASSES["reduced"], PITCH_CLASSES["roland"]):
        count, expected = len(converter.pitch_classes), len(REDUCED_DRUM_CLASSES)
        plays = f"{count} drums" if count != expected else "other drums"
        return f"plays {plays}, and the page takes models of the {expected} drums of Magenta's reduced kit"
    if converter.time_signature not in (None, (4, 4)):
        return f"plays in {'/'.join(map(str, converter.time_signature))}, and the page is in 4/4"
    if (converter.steps_per_quarter, converter.steps_per_bar) != (4, 16):
        return (
            f"plays {converter.steps_per_bar} steps a bar and {converter.steps_per_quarter} a quarter note, and the "
            "page is in sixteenths of 4/4"
        )
    steps = found.config.hparams.max_seq_len
    if steps % converter.steps_per_bar:
        return f"plays {steps} steps, which are not whole bars"
    return ""


def page_models(own: OpenedCheckpoint | None = None) -> list[dict[str, Any]]:
    """The models of the page with their roles: the shipped ones, one's own in the place of those that it can stand for.

    Args:
        own: a drum model that `open_own` accepts.
    """
    taken: tuple[str, ...] = ()
    found = []
    if own is not None:
        taken = _roles_of(own)
        found.append({**_packaged(own), "roles": list(taken)})
    for name, role in SHIPPED.items():
        if role not in taken:
            found.append({**_packaged(open_checkpoint(name)), "roles": [role]})
    return found


def _roles_of(own: OpenedCheckpoint) -> tuple[str, ...]:
    """What one's own model does: it draws, and edits what it encodes.

    Those that fill in play around known hits rather than from z, which says little about the clip.
    """
    model = families.trained(own)
    assert isinstance(model, TrainedModel)  # as `open_own` sees to it
    return ("draw", "edit") if model.z_size and model.encodes_in_numpy and not model.fills_in else ("draw",)


def _packaged(checkpoint: OpenedCheckpoint) -> dict[str, Any]:
    return browser.packaged(
        checkpoint.config,
        checkpoint.weights,
        _attributes(checkpoint),
        families.default_temperature(checkpoint.config),
    )


def _attributes(checkpoint: OpenedCheckpoint) -> dict[str, dict[str, Any]] | None:
    """The attribute vectors beside a checkpoint; None where there are none.

    Raises:
        InputError, CheckpointError: where they are another checkpoint's, or damaged.
    """
    if not path_beside(checkpoint.source).is_file():
        return None
    model = families.trained(checkpoint)
    assert isinstance(model, TrainedModel)  # only these have attribute vectors
    found = read_vectors(None, model)
    return {
        name: {
            "unit": ATTRIBUTES[name].unit,
            "mean": float(found.means[i]),
            "standard_deviation": float(found.deviations[i]),
            "vector": [round(float(x), 6) for x in found.vectors[i]],
        }
        for i, name in enumerate(found.names)
    }

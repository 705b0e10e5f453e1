"""The folder that is uploaded to the Hugging Face Hub: the checkpoint, its config, and a model card with the Hub's metadata."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from catalog.config import Config
from models.formats import hub, ours
from models.formats.opening import OpenedCheckpoint
from models.numpy_engine import grooves
from preprocess.converters.melody import MelodyConverter

LIBRARY = "music-vae-keras"
CARD, CONFIG, CHECKPOINT = "README.md", "config.json", "model.safetensors"
REPLACEABLE = (CARD, CONFIG, CHECKPOINT, f"model{hub.ATTRIBUTES}")
"""Files that a folder to be replaced may hold, beside pictures of cards."""

_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s:]+)\)")
"""A link or a picture whose target is a file of this project."""


def files_of(found: OpenedCheckpoint, float16: bool = False) -> dict[str, bytes]:
    """The files of a checkpoint's folder by name.

    Args:
        found: the checkpoint. The card of a shipped one is that beside it; attribute vectors beside it come along.
        float16: whether weights are rounded to 16 bits; those that lose nothing by it are in any case.
    """
    source = Path(found.source)
    weights = {name: _stored(array, float16) for name, array in found.weights.items()}
    checkpoint = ours.Checkpoint(weights, found.config.to_json(), found.step, notes=found.notes)
    facts = {
        "library_name": LIBRARY,
        "model_type": found.config.family,
        "step": found.step,
        "config": json.loads(found.config.to_json()),
    }
    files = {CHECKPOINT: ours.to_bytes(checkpoint), CONFIG: json.dumps(facts, indent=1).encode() + b"\n"}
    card = source.with_suffix(".md")
    if source.resolve().parent == ours.SHIPPED and card.is_file():
        text, pictures = _without_links(card.read_text(encoding="utf-8"), card.parent)
        files |= pictures
    else:
        text = _written(found)
    attributes = source.with_name(source.name.removesuffix(ours.SUFFIX) + hub.ATTRIBUTES)
    if attributes.is_file():
        files[f"model{hub.ATTRIBUTES}"] = attributes.read_bytes()
    return files | {CARD: f"{text.rstrip()}\n\n{_use(found.config)}".encode()}


def says_licence(card: bytes) -> bool:
    """Whether the metadata of a card name a licence."""
    return bool(re.match(rb"---\n(?:(?!---).*\n)*?license: ", card))


def _stored(array: np.ndarray, float16: bool) -> np.ndarray:
    with np.errstate(over="ignore"):
        half = array.astype(np.float16)
    return half if float16 or np.array_equal(half.astype(np.float32), array) else array


def _without_links(text: str, folder: Path) -> tuple[str, dict[str, bytes]]:
    """A card whose links to files of this project are plain text, and the pictures that it shows, by name."""
    pictures: dict[str, bytes] = {}

    def replaced(match: re.Match[str]) -> str:
        is_picture, words, target = match.groups()
        if not is_picture:
            return words
        file = (folder / target).resolve()
        if not file.is_file():
            return ""
        pictures[file.name] = file.read_bytes()
        return f"![{words}]({file.name})"

    return _LINK.sub(replaced, text), pictures


def _tags(config: Config) -> list[str]:
    if config.family == "frame_model":
        return ["music", "midi", "music-generation", "piano"]
    kind = "melody" if isinstance(config.build_converter(), MelodyConverter) else "drums"
    latent = ["variational-autoencoder", "musicvae"] if config.hparams.z_size else ["groovae"]
    return ["music", "midi", "music-generation", kind, *latent]


def _written(found: OpenedCheckpoint) -> str:
    """A card of what is known of a model from its checkpoint."""
    config = found.config
    rows: dict[str, Any] = {
        "config": f"`{config.name}`",
        "encoder": _part(config.encoder),
        "decoder": _part(config.decoder),
        "latent vector": config.hparams.z_size or "none",
        "steps of a clip": config.hparams.max_seq_len,
        "weights": f"{sum(array.size for array in found.weights.values()):,}",
        "training": f"{found.step:,} steps",
    }
    rows |= {
        name.replace("_", " "): f"{value:.4g}"
        for name, value in found.notes.items()
        if name.startswith("val_") and isinstance(value, int | float)
    }
    head = ["---", f"library_name: {LIBRARY}", "tags:", *(f"- {tag}" for tag in _tags(config)), "---", ""]
    table = ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())]
    return "\n".join([*head, f"# {config.name}", "", *table])


def _part(part: Mapping[str, Any]) -> str:
    return ", ".join(f"`{part[key]}`" for key in ("name", "core") if key in part)


def _use(config: Config) -> str:
    """How the model is played from the Hub."""
    command = "sample"
    flags = "--output_dir=samples"
    if config.family == "music_vae" and grooves.supports(config):
        command = "tap2drum" if grooves.layout_of(config).taps else "humanize"
        flags = "--input_midi=beat.mid --output_dir=played"
    return f"""## Use

```sh
pip install "{LIBRARY}[hub]"
music-vae {command} --checkpoint_file=hf://OWNER/NAME {flags}
```

`OWNER/NAME` is this repository. The checkpoint is one safetensors file that holds its config, so that nothing else has to be
named.
"""

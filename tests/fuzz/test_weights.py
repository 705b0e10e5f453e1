"""The campaigns of weights: checkpoints of ours, of Magenta and of magenta.js, attribute vectors and embeddings."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import configs
from common.errors import CheckpointError
from models import families
from models.formats import magenta_js
from models.formats import magenta_tf1 as magenta_checkpoint
from models.formats import ours as checkpoint
from models.music_vae import embedding
from models.music_vae.attributes import AttributeVectors
from models.music_vae.trained import TrainedModel
from tests.fuzz import campaign, vector_inputs, weight_inputs
from tests.fuzz.campaign import Wrong
from tests.fuzz.weight_inputs import Files


def read_checkpoint(item: Files, folder: Path) -> None:
    """As a command does: opened, whatever its family, and what a MusicVAE plays."""
    path = item.write(folder)
    name = str(path)
    model = families.open_model(name)
    if not isinstance(model, TrainedModel):
        return
    if any(c in model.config.name for c in "/\\\0\n") or model.config.name in ("", ".", ".."):
        raise Wrong(f"the config's name is {model.config.name!r}")
    if not all(np.isfinite(array).all() for array in model.weights.values()):
        raise Wrong("weights that are not finite were accepted")
    if model.config.name in configs.CONFIG_MAP and "groove" in model.config.name:
        return
    z = model.prior_sample(2, seed=1)
    sequences = (
        model.to_note_sequences(model.decode_values(z, 0.5, 1)) if not model.converter.control_depth else []
    )
    if sequences and len(sequences) != 2:
        raise Wrong(f"two samples are {len(sequences)}")


def read_with_config(read: Callable[[Path], Any]) -> Callable[[Files, Path], None]:
    """Weights that carry no config, as the command reads them with --config."""

    def read_files(item: Files, folder: Path) -> None:
        path = item.write(folder)
        found = read(path)
        if not isinstance(found, checkpoint.Checkpoint) or not found.weights:
            raise Wrong("nothing was read, and nothing was said")
        escaped = [p for p in folder.parent.iterdir() if p != folder]
        if escaped:
            raise Wrong(f"{escaped} was written beside the folder")
        with pytest.raises(CheckpointError) as caught:
            families.open_music_vae(str(path), configs.CONFIG_MAP["cat-drums_2bar_small"])
        campaign.check_message(caught.value)

    return read_files


def read_torch(item: Files, folder: Path) -> None:
    from models.formats import torch as torch_checkpoint

    path = item.write(folder)
    if torch_checkpoint.is_torch_checkpoint(path):
        torch_checkpoint.load(path)
    else:
        torch_checkpoint.read(path)


KINDS: dict[str, tuple[Callable[[random.Random], Files], Callable[[Files, Path], None]]] = {
    "safetensors": (weight_inputs.checkpoint_file, read_checkpoint),
    "torch_export": (weight_inputs.torch_export, read_torch),
    "magenta_js": (weight_inputs.magenta_js_folder, read_with_config(magenta_js.read)),
    "tar": (weight_inputs.tar_file, read_with_config(magenta_checkpoint.read)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_read_or_refused_in_a_sentence(
    kind: str, kept: Path, tmp_path: Path, record_property: Any
) -> None:
    make, read = KINDS[kind]

    def read_in_a_folder(item: Files) -> None:
        with campaign.fresh_folder(tmp_path) as outer:
            inner = outer / "inner"
            inner.mkdir()
            read(item, inner)

    if kind == "tar":
        make(random.Random(0))  # imports TensorFlow, which is none of an input's business
    campaign.check(campaign.run(kind, make, read_in_a_folder, kept), record_property)


def read_attributes(text: str) -> None:
    found = AttributeVectors.from_json(text, "beats.attributes.json")
    count = len(found.names)
    shapes = found.means.shape, found.deviations.shape, found.quartiles.shape
    if (
        not count
        or found.vectors.ndim != 2
        or len(found.vectors) != count
        or shapes != ((count,), (count,), (count, 2))
    ):
        raise Wrong(f"{count} attributes, vectors {found.vectors.shape}, others {shapes}")
    if not np.isfinite(found.vectors).all():
        raise Wrong("vectors that are not finite")


def read_embedding(data: bytes) -> None:
    found = embedding.load_embedding(data, "mine.npz")
    n = len(found.mu)
    if found.mu.ndim != 2 or found.sigma.shape != found.mu.shape or found.mu.dtype.kind != "f":
        raise Wrong(f"mu is {found.mu.dtype} {found.mu.shape}, sigma {found.sigma.shape}")
    if not all(len(a) == n for a in (found.names, found.clips, found.values, found.lengths)):
        raise Wrong("the arrays are not of one length")
    if not np.isfinite(found.mu).all() or found.clips.dtype.kind not in "iu":
        raise Wrong("mu is not finite, or clips are no numbers")


def read_polyphonic(data: bytes, path: Path) -> None:
    from preprocess.pieces.polyphonic_sets import load_polyphonic_set

    path.write_bytes(data)
    for split, pieces in load_polyphonic_set(path).items():
        for piece in pieces:
            if piece.dtype != bool or piece.ndim != 2 or piece.shape[1] != 88:
                raise Wrong(f"a piece of {split} is {piece.dtype} {piece.shape}")


def test_polyphonic_sets_are_read_or_refused_in_a_sentence(
    kept: Path, tmp_path: Path, record_property: Any
) -> None:
    pytest.importorskip("scipy")
    path = tmp_path / "set.mat"
    outcome = campaign.run(
        "mat", vector_inputs.polyphonic_set, lambda data: read_polyphonic(data, path), kept, quick=40
    )
    campaign.check(outcome, record_property)


@pytest.mark.parametrize("kind", ["attributes", "npz"])
def test_vectors_are_read_or_refused_in_a_sentence(kind: str, kept: Path, record_property: Any) -> None:
    make, read = {
        "attributes": (vector_inputs.attributes_file, read_attributes),
        "npz": (vector_inputs.embedding_file, read_embedding),
    }[kind]
    campaign.check(campaign.run(kind, make, read, kept), record_property)

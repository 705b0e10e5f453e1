"""The campaigns of texts: configs, hyperparameters, drum maps, initiators, drum grids, tunes and flags."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import configs
from common.errors import InputError
from tests.fuzz import campaign, text_inputs
from tests.fuzz.campaign import Wrong
from tests.fuzz.checks import check_sequence

MOST_PARAMETERS = 2**30
PLAYABLE = 200_000


def read_config(path: Path) -> None:
    """A config, its converter, and the shapes of its weights, which must fit into memory."""
    check_config(configs.get_config(str(path)))


def check_config(config: configs.Config) -> None:
    """What a config that was accepted has to be good for."""
    from math import prod

    from models.formats.weight_check import shapes_of

    config.build_converter()
    if any(c in config.name for c in "/\\\0\n") or config.name in ("", ".", ".."):
        raise Wrong(f"the name {config.name!r} is no name of a file")
    if configs.Config.from_json(config.to_json()) != config:
        raise Wrong("the config does not come back from its JSON")
    total = sum(map(prod, shapes_of(config).values()))
    if total > MOST_PARAMETERS:
        raise Wrong(f"a model of {total} parameters")
    if total <= PLAYABLE and config.hparams.max_seq_len <= 256 and config.model == "music_vae":
        play(config)


def play(config: configs.Config) -> None:
    """A sample of random weights, where NumPy can draw one."""
    import numpy as np

    from models import families
    from models.formats.weight_check import shapes_of
    from models.numpy_engine import decoding as numpy_model

    rng = np.random.default_rng(0)
    weights = {n: rng.standard_normal(s).astype(np.float32) for n, s in shapes_of(config).items()}
    model = families.of(config).trained(config, weights, "weights")
    if numpy_model.supports_decoder(config) and not model.converter.control_depth and model.z_size:
        model.to_note_sequences(model.decode_values(model.prior_sample(1), 0.5))


def read_hparams(text: str) -> None:
    """Applied to a config of each kind."""
    for name in ("hierdec-drum_4bar_small", "piano-baseline"):
        check_config(configs.config_with_overrides(name, text))


def read_drum_map(path: Path) -> None:
    from render.drum_maps import DRUM_NAMES, load_drum_map

    notes = load_drum_map(str(path))
    if set(notes) != set(DRUM_NAMES) or not all(type(n) is int and 0 <= n <= 127 for n in notes.values()):
        raise Wrong(f"the drum map is {notes}")


def read_initiators(path: Path) -> None:
    from preprocess.pieces.primers import read_initiators

    for name, frames in read_initiators(path):
        if not name.isprintable() or frames.ndim != 2 or frames.shape[1] != 88 or not len(frames):
            raise Wrong(f"the primer {name!r} has the shape {frames.shape}")


def read_grids(path: Path) -> None:
    """Through the command that converts them: the files that it writes are whole, or there are none."""
    from patterns.convert import main
    from patterns.notation import format_beat, parse

    output = path.with_name("output")
    try:
        main(
            [
                f"--input_files={path}",
                f"--output_file={output / 'beats.tfrecord'}",
                f"--midi_dir={output / 'midi'}",
            ]
        )
    except InputError:
        if left := [p for p in output.rglob("*") if p.is_file()]:
            raise Wrong(f"{left} is there though the grids were refused") from None
        raise
    for beat in parse(path.read_text(encoding="utf-8-sig"), "text"):
        if parse(format_beat(beat), "formatted") != [beat]:
            raise Wrong(f"the beat {beat.name!r} does not come back from its own text")
    _check_midi_files(output / "midi")


def _check_midi_files(folder: Path) -> None:
    from preprocess.midi.reader import read_midi

    for path in folder.iterdir():
        sequence = read_midi(path)
        check_sequence(sequence)
        if not sequence.notes:
            raise Wrong(f"{path.name} holds no notes")


def read_tunes(path: Path) -> None:
    from patterns.melody import parse, roll_to_note_sequence

    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError("The tunes are no UTF-8.") from error
    for tune in parse(text, "text"):
        sequence = roll_to_note_sequence(tune.roll(), tune.name)
        if not len(tune.keys):
            raise Wrong(f"{sequence.id!r} is a tune without frames")


FILES: dict[str, tuple[Callable[[Any], bytes], Callable[[Path], None], str]] = {
    "toml": (text_inputs.toml_config, read_config, "mine.toml"),
    "drum_map": (text_inputs.drum_map, read_drum_map, "map.toml"),
    "initiator": (text_inputs.initiator, read_initiators, "initiator.json"),
    "drum_grid": (text_inputs.drum_grid, read_grids, "beats.txt"),
    "tunes": (text_inputs.tunes, read_tunes, "my.tunes"),
}


@pytest.mark.parametrize("kind", FILES)
def test_files_are_read_or_refused_in_a_sentence(
    kind: str, kept: Path, tmp_path: Path, record_property: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    make, read_path, name = FILES[kind]

    def read(data: bytes) -> None:
        with campaign.fresh_folder(tmp_path) as folder:
            (folder / name).write_bytes(data)
            read_path(folder / name)

    campaign.check(campaign.run(kind, make, read, kept), record_property)


def read_flag(text: str) -> None:
    """What reads texts of flags, each by itself."""
    from workflows.exploring import attributes as explore_attributes
    from workflows.songs import form as song_form

    refused = 0
    readers: tuple[Callable[[], Any], ...] = (
        lambda: song_form.parse_structure(text),
        lambda: explore_attributes.amounts_of(text, "--amount"),
    )
    for reader in readers:
        try:
            reader()
        except InputError as error:
            campaign.check_message(error)
            refused += 1
    if refused == len(readers):
        raise InputError("No flag takes such a text.")


@pytest.mark.parametrize("kind", ["hparams", "flags"])
def test_flags_are_read_or_refused_in_a_sentence(kind: str, kept: Path, record_property: Any) -> None:
    make, read = {
        "hparams": (text_inputs.hparams, read_hparams),
        "flags": (text_inputs.flag, read_flag),
    }[kind]
    campaign.check(campaign.run(kind, make, read, kept), record_property)

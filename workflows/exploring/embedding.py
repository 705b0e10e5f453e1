"""The subcommands of `explore.py` about the latent vectors of many clips: `embed` and `neighbours`."""

import argparse
from collections import Counter
from pathlib import Path

import numpy as np

import configs
from common.console import print_table, progress
from common.errors import InputError
from common.output_files import check_outputs, write_atomically
from common.wording import number_of
from models.music_vae import attributes
from models.music_vae.embedding import Embedding, distances, load_embedding, principal_components
from models.music_vae.embedding import embed as embed_clips
from models.music_vae.trained import TrainedModel
from preprocess.conversion import Options, convert_sources
from preprocess.converters.base import Example
from preprocess.dataset import ExampleCollector, ExampleSet
from preprocess.drums.tracks import drum_choice_of
from preprocess.midi.tempo_map import at_one_tempo
from preprocess.note_sequence import NoteSequence
from preprocess.sources import find_sources
from render.clips import Shown, in_meter_of, planned_files, style_of, write_clips
from workflows.examples import load_examples
from workflows.loading import load_model
from workflows.midi_clips.clip import first_bars, read_clip
from workflows.midi_clips.merge import given_sequence, style_like


def embed(args: argparse.Namespace) -> None:
    """`explore.py embed`: write the latent vectors of many clips to an array file."""
    if bool(args.input_dir) == bool(args.examples_path):
        raise InputError("Either --input_dir or --examples_path says what to embed; give one of them.")
    output = Path(args.output_file).expanduser()
    output = output if output.suffix == ".npz" else output.with_name(f"{output.name}.npz")
    picture = output.with_suffix(".png")
    check_outputs([output, *([picture] if args.png else [])], args.force)

    model = load_model(args, default=configs.DEFAULT_EDIT_CONFIG)
    colours = ("file", *attributes.names_for(model))
    if args.colour not in colours:
        raise InputError(f"--colour is '{args.colour}'; expected one of {', '.join(colours)}.")
    examples = read_folder(args, model) if args.input_dir else load_examples(args.examples_path, model.config)
    embedding = embed_clips(model, examples)
    write_atomically(output, embedding.to_bytes())
    if args.png:
        _draw_map(embedding, model, args.colour, picture)
    files = len(set(embedding.names.tolist()))
    shown = f" and {picture.name}" if args.png else ""
    clips = number_of(len(embedding.mu), "clip")
    print(f"Wrote the latent vectors of {clips} from {number_of(files, 'file')} to {output}{shown}.")


def read_folder(args: argparse.Namespace, model: TrainedModel) -> ExampleSet:
    """All clips of the files of a folder; prints how many files were refused and why.

    Raises:
        InputError: where there are no files, or none gives a clip.
    """

    folder = Path(args.input_dir).expanduser()
    sources = find_sources(folder, args.recursive).sources
    collector, refused = ExampleCollector(model.max_length), Counter[str]()
    with progress("Reading", len(sources)) as advance:
        for converted in convert_sources(sources, Options(folder.stem), processes=1):
            reason = converted.drops[0].reason if converted.drops else ""
            reasons: Counter[str] = Counter()
            examples: list[Example] = []
            for record in converted.records:
                made, why = model.converter.convert(at_one_tempo(NoteSequence.FromString(record)))
                examples += made
                reasons += why
            collector.add(converted.source.name, [examples], Counter())
            if not examples:
                refused[reason or next(iter(reasons), "empty")] += 1
            advance()
    counted = ", ".join(f"{reason} {n}" for reason, n in refused.most_common())
    print(f"{folder}: clips in {len(sources) - refused.total()} of {number_of(len(sources), 'file')}", end="")
    print(f" (refused: {counted})" if refused else "")
    if refused.total() == len(sources):
        raise InputError(
            f"{folder}: none of {number_of(len(sources), 'file')} gave a clip ({counted or 'there are none'}); "
            "--recursive reads the folders inside too.",
            "no_examples",
        )
    return collector.result()


def _draw_map(embedding: Embedding, model: TrainedModel, colour: str, path: Path) -> None:
    from render.latent_map import map_figure
    from render.pianoroll import save_png

    labels, meaning = embedding.names, "file"
    if colour != "file":
        values = attributes.measure_values(model, embedding.values, [colour], embedding.lengths)
        labels, meaning = values[:, 0], attributes.ATTRIBUTES[colour].unit
    coordinates, shares = principal_components(embedding.mu)
    title = f"{number_of(len(embedding.mu), 'clip')}, {embedding.config}"
    save_png(map_figure(coordinates, shares, labels, meaning, title), path)


def neighbours(args: argparse.Namespace) -> None:
    """`explore.py neighbours`: find the clips of an array file nearest to a given one."""

    path = Path(args.embedding).expanduser()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: can't be opened ({error.strerror}); make it with explore.py embed."
        ) from error
    embedding = load_embedding(data, str(path))
    model = load_model(args, default=configs.DEFAULT_EDIT_CONFIG)
    embedding.check(model)
    stem = _stem_of_neighbours(model, args, min(args.num_neighbours, len(embedding.mu)))
    clip = read_clip(args.input_midi, model, first_bars(args.bar, 1)[0], drum_choice_of(args))
    mu = model.posterior(model.config.batch_of([clip.example]))[0][0]
    apart = distances(mu, embedding.mu)
    order = np.argsort(apart[args.measure], kind="stable")[: args.num_neighbours]
    rows = [
        (
            rank,
            str(embedding.names[i]),
            int(embedding.clips[i]) + 1,
            float(apart["cosine"][i]),
            float(apart["euclidean"][i]),
        )
        for rank, i in enumerate(order, start=1)
    ]
    columns = ["", "file", "clip", "cosine distance", "Euclidean distance"]
    print_table(f"Nearest to {args.input_midi} of {len(embedding.mu)} clips", columns, rows)
    wrote = ""
    if stem:
        sequences = model.converter.from_tensors([_cut(embedding, i) for i in order])
        style = style_like(clip, in_meter_of(style_of(args), model.converter), args.qpm)
        labels = [f"{rank}: {embedding.names[i]}" for rank, i in enumerate(order, start=1)]
        shown = [Shown(label, s, style) for label, s in zip(labels, sequences, strict=True)]
        beside = [Shown(f"{clip.title}, as given", given_sequence(clip), style)]
        bars = model.converter.bars_of(model.max_length)
        files = write_clips(shown, stem, args, bars, f"Nearest to {clip.title}", beside=beside)
        wrote = (
            f"; wrote {number_of(len(sequences), 'clip')} ({number_of(len(files), 'file')}) to {stem.parent}"
        )
    print(f"Found {number_of(len(order), 'neighbour')} of {args.input_midi}{wrote}.")


def _stem_of_neighbours(model: TrainedModel, args: argparse.Namespace, n: int) -> Path | None:
    """Folder and beginning of the names of the files to write, or None where none are asked for."""
    if not (args.midi or args.png or args.gallery or args.wav):
        return None
    stem = Path(args.output_dir).expanduser() / f"{model.config.name}_neighbours"
    planned_files(stem, n, args, others=1)
    return stem


def _cut(embedding: Embedding, i: int) -> np.ndarray:
    """The values of a clip without the padding at its end."""
    values, length = embedding.values[i], embedding.lengths[i]
    return values if embedding.lengths.ndim > 1 else values[:length]

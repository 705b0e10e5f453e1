"""Command: a TFRecord of NoteSequences becomes shards of training examples. Magenta's command of that name.

Locally a pool of processes does the work; `--runner=beam` gives the same transform to Apache Beam, for sets that
need many machines. Shards are the same however many processes made them.
"""

import argparse
import hashlib
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # run as a script: the packages stand beside this one
    sys.path[0] = str(Path(__file__).resolve().parents[1])

if __name__ == "__main__":  # before all else, so that a signal is heard while the rest is imported
    from preprocess import stopping

    stopping.listen()

import configs
from preprocess.console import Parser, add_log_flag, print_table, progress, run_command, start_worker
from preprocess.errors import InputError

SCHEMA = 2
FEATURES = {
    "inputs": "int64 list, float list or bytes",
    "outputs": "the same, where they are not the inputs",
    "controls": "bytes, where there are any",
    "length": "int64 list",
    "source": "bytes",
    "variant": "int64",
    "step_seconds": "float",
}
CHUNK = 32


@dataclass(frozen=True)
class Filters:
    """Which NoteSequences are worth converting: Magenta's `--enable_filtering`.

    Attributes:
        max_total_time: seconds.
        max_num_notes: notes.
        min_velocities: different velocities; played music has many.
        min_metric_positions: different positions of onsets among the sixteen of a quarter note.
        is_drum: look at the velocities and positions of drums (True), of others (False) or of all notes (None).
        drums_only: drop a sequence that holds anything but drums.
    """

    max_total_time: float = 1800.0
    max_num_notes: int = 10000
    min_velocities: int = 1
    min_metric_positions: int = 1
    is_drum: bool | None = None
    drums_only: bool = False

    def reason_to_drop(self, sequence: Any) -> str:
        """A reason code, or nothing."""
        if sequence.total_time > self.max_total_time:
            return "too_long"
        if len(sequence.notes) > self.max_num_notes:
            return "too_many_notes"
        if self.drums_only and not all(n.is_drum for n in sequence.notes):
            return "not_only_drums"
        notes = [n for n in sequence.notes if n.velocity and self.is_drum in (None, n.is_drum)]
        if len({n.velocity for n in notes}) < self.min_velocities:
            return "too_few_velocities"
        sixteen_a_second = (sequence.tempos[0].qpm if sequence.tempos else 120.0) / 60 * 16
        positions = {int(n.start_time * sixteen_a_second + 0.5) % 16 for n in notes}
        if len(positions) < self.min_metric_positions:
            return "too_few_metric_positions"
        return ""


@dataclass(frozen=True)
class Transform:
    """From one serialised NoteSequence to serialised examples; the same for the local pool and for Beam.

    Attributes:
        converter: the converter's plain data.
        filters: or None to convert everything.
        max_examples: so many evenly spaced examples of a NoteSequence; None for all.
        augmenter: the augmenter's plain data, for the variants that training chooses from; None for none.
    """

    converter: dict[str, Any]
    filters: Filters | None
    max_examples: int | None = None
    augmenter: dict[str, Any] | None = None

    def __call__(self, record: bytes) -> tuple[list[bytes], Counter[str]]:
        """The examples, and why there are none where there are none."""
        import numpy as np

        from preprocess.augment import Augmenter
        from preprocess.converters import create
        from preprocess.dataset import convert_versions
        from preprocess.example_proto import encode
        from preprocess.note_sequence import NoteSequence, reason_to_refuse
        from preprocess.tempo_map import at_one_tempo

        try:
            sequence = NoteSequence.FromString(record)
        except Exception:  # noqa: BLE001 - protobuf's DecodeError, wherever its version keeps it
            return [], Counter(["bad_record"])
        if refused := reason_to_refuse(sequence):
            return [], Counter([refused])
        if self.filters is not None:
            reason = self.filters.reason_to_drop(sequence)
            if reason:
                return [], Counter([reason])
        sequence = at_one_tempo(sequence)
        # A NoteSequence without a name is told from others by what it holds.
        digest = hashlib.sha256(record)
        name = sequence.filename or sequence.id or digest.hexdigest()
        converter = create(self.converter)
        if self.augmenter is None:
            examples, reasons = converter.convert(sequence)
            versions = [examples]
        else:
            augmenter = Augmenter(**self.augmenter) if self.augmenter else None
            rng = np.random.default_rng(int.from_bytes(digest.digest()[:8], "big"))
            versions, reasons = convert_versions(sequence, converter, augmenter, rng)
        records = [
            encode(name, example, variant)
            for variant, found in enumerate(versions)
            for example in self._some(found)
        ]
        return records, reasons

    def _some(self, examples: list[Any]) -> list[Any]:
        """At most `max_examples` of them, evenly spaced."""
        if not self.max_examples or len(examples) <= self.max_examples:
            return examples
        step = len(examples) / self.max_examples
        return [examples[int(i * step)] for i in range(self.max_examples)]


def get_parser() -> argparse.ArgumentParser:
    """The command's flags; those that Magenta has keep their names."""
    parser = Parser(
        "Convert a TFRecord of NoteSequences to shards of training examples.",
        "preprocess_tfrecord --input_tfrecord=groove.tfrecord --output_tfrecord=examples.tfrecord "
        "--config=hierdec-drum_4bar",
    )
    parser.add_argument("--input_tfrecord", required=True, help="globs separated by commas")
    parser.add_argument("--output_tfrecord", required=True, help="shards get this name and -00000-of-00032")
    parser.add_argument("--config", required=True, help="a name or a .toml file")
    parser.add_argument("--output_shards", type=int, default=32, help="default: 32")
    parser.add_argument(
        "--max_examples_per_sequence", type=int, help="so many of each NoteSequence (default: all)"
    )
    parser.add_argument("--enable_filtering", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--max_total_time", type=float, default=1800.0, help="seconds (default: 1800)")
    parser.add_argument("--max_num_notes", type=int, default=10000, help="default: 10000")
    parser.add_argument("--min_velocities", type=int, default=1, help="default: 1")
    parser.add_argument("--min_metric_positions", type=int, default=1, help="default: 1")
    parser.add_argument(
        "--is_drum",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="look at the velocities and positions of drums only, or of others only",
    )
    parser.add_argument("--drums_only", action="store_true", help="drop what holds anything but drums")
    parser.add_argument(
        "--augment",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="also write the variants (transpositions, random note dropout) that training chooses from",
    )
    parser.add_argument("--runner", choices=("local", "beam"), default="local")
    parser.add_argument("--pipeline_options", default="", help="for Beam: --runner=DirectRunner,...")
    parser.add_argument("--num_processes", type=int, default=os.cpu_count() or 1, help="default: all cores")
    parser.add_argument("--force", action="store_true", help="overwrite shards of the same name")
    add_log_flag(parser)
    return parser


def shard_paths(output: str, shards: int) -> list[Path]:
    """The names of the shards."""
    return [Path(f"{output}-{i:05d}-of-{shards:05d}").expanduser() for i in range(shards)]


def _chunks(patterns: str) -> Iterator[list[bytes]]:
    from preprocess.tfrecord import expand_patterns, read_records

    records = (record for path in expand_patterns(patterns) for record in read_records(path))
    while chunk := list(islice(records, CHUNK)):
        yield chunk


def _apply(transform: Transform, records: list[bytes]) -> list[tuple[list[bytes], Counter[str]]]:
    return [transform(record) for record in records]


def run_locally(
    transform: Transform, patterns: str, paths: list[Path], processes: int
) -> tuple[list[int], Counter[str]]:
    """Examples of each shard, and the reasons of what was dropped. Example i goes to shard i modulo shards."""
    from preprocess.output_files import publish
    from preprocess.tfrecord import RecordWriter, expand_patterns, read_sidecar

    total = sum((read_sidecar(path) or {}).get("count", 0) for path in expand_patterns(patterns))
    reasons: Counter[str] = Counter()
    writers: list[RecordWriter] = []
    written = 0
    try:
        writers += map(RecordWriter, paths)
        with (
            ProcessPoolExecutor(max(1, processes), initializer=start_worker) as pool,
            progress("Converting", total) as advance,
        ):
            # Handed out a few at a time, so that a large input never lies in memory as a whole.
            chunks = _chunks(patterns)
            waiting: list[Any] = []
            while True:
                for chunk in islice(chunks, 2 * processes + 2 - len(waiting)):
                    waiting.append(pool.submit(_apply, transform, chunk))
                if not waiting:
                    break
                for examples, dropped in waiting.pop(0).result():
                    for example in examples:
                        writers[written % len(writers)].write(example)
                        written += 1
                    reasons += dropped
                    advance()
        if not written:
            raise _nothing(patterns, reasons)
        publish(writer.file for writer in writers)
    except BaseException:
        for writer in writers:
            writer.file.discard()
        raise
    return [writer.count for writer in writers], reasons


def run_on_beam(
    transform: Transform, patterns: str, paths: list[Path], options: str
) -> tuple[list[int], Counter[str]]:
    """As `run_locally`, on Apache Beam; the shards' order is Beam's."""
    try:
        import apache_beam as beam
        import apache_beam.io as beam_io
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError as error:
        raise InputError(
            '--runner=beam needs Apache Beam; pip install "apache-beam>=2.70".', "no_beam"
        ) from error
    from preprocess.tfrecord import expand_patterns, read_records

    count = len(paths)
    # Beam writes into a folder beside the shards, so that an old set stays whole until the new one is.
    with tempfile.TemporaryDirectory(dir=paths[0].parent, prefix=".beam-") as folder:
        with beam.Pipeline(options=PipelineOptions([o for o in options.split(",") if o])) as pipeline:
            converted = (
                pipeline
                | "paths" >> beam.Create([str(path) for path in expand_patterns(patterns)])
                | "read" >> beam.FlatMap(read_records)
                | "spread" >> beam.Reshuffle()
                | "convert" >> beam.Map(transform)
            )
            _ = (
                converted
                | "examples" >> beam.FlatMap(lambda result: result[0])
                | "write" >> beam_io.WriteToTFRecord(f"{folder}/shard", num_shards=count)
            )
            _ = (
                converted
                | "reasons" >> beam.FlatMap(lambda result: list(result[1].items()))
                | "sum" >> beam.CombinePerKey(sum)
                | "line" >> beam.Map(json.dumps)
                | "report" >> beam_io.WriteToText(f"{folder}/reasons", num_shards=1, shard_name_template="")
            )
        reasons = Counter(dict(map(json.loads, Path(f"{folder}/reasons").read_text().splitlines())))
        made = shard_paths(f"{folder}/shard", count)
        counts = [sum(1 for _ in read_records(path)) for path in made]
        if not sum(counts):
            raise _nothing(patterns, reasons)
        for source, target in zip(made, paths, strict=True):
            os.replace(source, target)
    return counts, reasons


def _nothing(patterns: str, reasons: Counter[str]) -> InputError:
    counted = ", ".join(f"{reason}: {n}" for reason, n in reasons.most_common()) or "the files are empty"
    return InputError(f"{patterns}: gave no example ({counted}).", "no_examples")


def _check_shards_serve(config: configs.Config, augment: bool) -> None:
    """Refuse what training would not take, or not take as it is meant."""
    if config.decoder.get("velocities") is not None:
        raise InputError(
            f"{config.name} learns velocities, which shards do not hold; give train.py the TFRecord of NoteSequences.",
            "no_velocities",
        )
    if config.decoder.get("form") == "tokens":
        raise InputError(
            f"{config.name} reads tokens, which train.py makes of the TFRecord of NoteSequences itself; give it that.",
            "bad_flag",
        )
    if augment and config.model == "frame_model":
        raise InputError(
            f"{config.name} is transposed anew for each fragment while it trains; leave out --augment.",
            "bad_flag",
        )


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args = get_parser().parse_args(argv)
    from preprocess.output_files import check_outputs
    from preprocess.tfrecord import write_sidecar

    if args.output_shards < 1 or args.num_processes < 1:
        raise InputError("--output_shards and --num_processes must be at least 1.")
    config = configs.get_config(args.config)
    _check_shards_serve(config, args.augment)
    paths = shard_paths(args.output_tfrecord, args.output_shards)
    check_outputs(paths, args.force)
    filters = Filters(
        args.max_total_time, args.max_num_notes, args.min_velocities, args.min_metric_positions,
        args.is_drum, args.drums_only,
    )  # fmt: skip
    transform = Transform(
        config.converter_spec,
        filters if args.enable_filtering else None,
        args.max_examples_per_sequence,
        dict(config.augmenter) if args.augment else None,
    )
    if args.runner == "beam":
        counts, reasons = run_on_beam(transform, args.input_tfrecord, paths, args.pipeline_options)
    else:
        counts, reasons = run_locally(transform, args.input_tfrecord, paths, args.num_processes)
    for i, (path, count) in enumerate(zip(paths, counts, strict=True)):
        write_sidecar(
            path,
            {
                "kind": "examples",
                "schema": SCHEMA,
                "features": FEATURES,
                "count": count,
                "converter": config.converter_spec,
                "config": config.name,
                "filters": asdict(filters) if args.enable_filtering else None,
                "made_by": "preprocess_tfrecord",
                # Counted once for all shards, so that reading them all adds up.
                "reasons": dict(reasons) if i == 0 else {},
            },
        )
    if reasons:
        print_table("Dropped", ["reason", "stretches of music"], list(reasons.most_common()))
    print(f"Wrote {sum(counts)} examples in {len(paths)} shards to {args.output_tfrecord}-*.")
    return 0


def console_main() -> int:
    """Entry point of the installed command."""
    return run_command(main, configs.ConfigError)


if __name__ == "__main__":
    sys.exit(console_main())

"""Command: a TFRecord of NoteSequences becomes shards of training examples. Magenta's command of that name.

Locally a pool of processes does the work; `--runner=beam` gives the same transform to Apache Beam, for sets that
need many machines. Shards are the same however many processes made them.
"""

if __name__ == "__main__":  # before all else, so that a signal is heard while the rest is imported
    if not __package__:  # run as a script: the packages stand beside this one
        import os
        import sys

        sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    from common import stopping

    stopping.listen()

import argparse
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import configs
from common import flags
from common.console import Parser, add_log_flag, print_table, progress, run_command
from common.errors import InputError
from preprocess.transform import Filters, Transform

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
CHUNK_BYTES = 2**20
"""Of NoteSequences that a process gets at once."""


def get_parser() -> argparse.ArgumentParser:
    """The command's flags; those that Magenta has keep their names."""
    parser = Parser(
        "Convert a TFRecord of NoteSequences to shards of training examples.",
        "preprocess_tfrecord --input_tfrecord=groove.tfrecord --output_tfrecord=examples.tfrecord "
        "--config=hierdec-drum_4bar",
    )
    parser.add_argument("--input_tfrecord", required=True, type=flags.text, help="globs separated by commas")
    parser.add_argument(
        "--output_tfrecord", required=True, type=flags.text, help="shards get this name and -00000-of-00032"
    )
    parser.add_argument("--config", required=True, type=flags.text, help="a name or a .toml file")
    parser.add_argument("--output_shards", type=flags.SHARDS, default=32, help="default: 32")
    parser.add_argument(
        "--max_examples_per_sequence", type=flags.COUNT, help="so many of each NoteSequence (default: all)"
    )
    parser.add_argument(
        "--split_at_tempo_changes",
        action="store_true",
        help="begin a new stretch of music, and a new bar, wherever the tempo changes, as Magenta does "
        "(default: find examples in bars, whatever the tempo does)",
    )
    parser.add_argument("--enable_filtering", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument(
        "--max_total_time",
        type=flags.number(above=0, at_most=flags.MOST),
        default=1800.0,
        help="seconds (default: 1800)",
    )
    parser.add_argument("--max_num_notes", type=flags.COUNT, default=10000, help="default: 10000")
    parser.add_argument("--min_velocities", type=flags.COUNT, default=1, help="default: 1")
    parser.add_argument("--min_metric_positions", type=flags.COUNT, default=1, help="default: 1")
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
    parser.add_argument(
        "--pipeline_options", type=str, default="", help="for Beam: --runner=DirectRunner,..."
    )
    parser.add_argument(
        "--num_processes", type=flags.PROCESSES, default=os.cpu_count() or 1, help="default: all cores"
    )
    parser.add_argument("--force", action="store_true", help="overwrite shards of the same name")
    add_log_flag(parser)
    parser.take_magenta_flags("preprocess_tfrecord")
    return parser


@dataclass
class Result:
    """What became of the NoteSequences.

    Attributes:
        counts: examples of each shard.
        reasons: of stretches of music, and of NoteSequences, that were dropped.
        without: how many NoteSequences gave no example at all, by the commonest reason of each.
    """

    counts: list[int]
    reasons: Counter[str] = field(default_factory=Counter)
    without: Counter[str] = field(default_factory=Counter)


def shard_paths(output: str, shards: int) -> list[Path]:
    """The names of the shards."""
    return [Path(f"{output}-{i:05d}-of-{shards:05d}").expanduser() for i in range(shards)]


def _chunks(patterns: str) -> Iterator[list[bytes]]:
    """The records, a few at a time, so that a large input never lies in memory as a whole."""
    from preprocess.tfrecord import expand_patterns, read_records

    chunk: list[bytes] = []
    for path in expand_patterns(patterns):
        for record in read_records(path):
            chunk.append(record)
            if len(chunk) == CHUNK or sum(map(len, chunk)) > CHUNK_BYTES:
                yield chunk
                chunk = []
    if chunk:
        yield chunk


def _died(record: bytes) -> tuple[list[bytes], Counter[str]]:
    return [], Counter(["converter_crashed"])


def run_locally(transform: Transform, patterns: str, paths: list[Path], processes: int) -> Result:
    """Write the shards. Example i goes to shard i modulo shards.

    Raises:
        InputError: where there is no example (`no_examples`), or an input can't be read.
    """
    from common.output_files import publish
    from common.pools import map_in_processes
    from preprocess.tfrecord import RecordWriter, expand_patterns, read_sidecar

    total = sum((read_sidecar(path) or {}).get("count", 0) for path in expand_patterns(patterns))
    result = Result([])
    writers: list[RecordWriter] = []
    written = 0
    try:
        writers += map(RecordWriter, paths)
        with progress("Converting", total) as advance:
            for examples, dropped in map_in_processes(transform, _chunks(patterns), processes, _died):
                for example in examples:
                    writers[written % len(writers)].write(example)
                    written += 1
                result.reasons += dropped
                result.without.update(_why(examples, dropped))
                advance()
        if not written:
            raise _nothing(patterns, result.reasons)
        publish(writer.file for writer in writers)
    except BaseException:
        for writer in writers:
            writer.file.discard()
        raise
    result.counts = [writer.count for writer in writers]
    return result


def _why(examples: list[bytes], dropped: Counter[str]) -> list[str]:
    """The commonest reason of a NoteSequence that gave nothing; nothing of one that gave something."""
    return [] if examples else [reason for reason, _ in dropped.most_common(1)]


def run_on_beam(transform: Transform, patterns: str, paths: list[Path], options: str) -> Result:
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

    def counted(result: tuple[list[bytes], Counter[str]]) -> list[tuple[tuple[str, str], int]]:
        reasons = [(("reasons", reason), n) for reason, n in result[1].items()]
        return reasons + [(("without", reason), 1) for reason in _why(*result)]

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
                | "reasons" >> beam.FlatMap(counted)
                | "sum" >> beam.CombinePerKey(sum)
                | "line" >> beam.Map(json.dumps)
                | "report" >> beam_io.WriteToText(f"{folder}/reasons", num_shards=1, shard_name_template="")
            )
        result = Result([])
        for (kind, reason), n in map(json.loads, Path(f"{folder}/reasons").read_text().splitlines()):
            getattr(result, kind)[reason] += n
        made = shard_paths(f"{folder}/shard", count)
        result.counts = [sum(1 for _ in read_records(path)) for path in made]
        if not sum(result.counts):
            raise _nothing(patterns, result.reasons)
        for source, target in zip(made, paths, strict=True):
            os.replace(source, target)
    return result


def _nothing(patterns: str, reasons: Counter[str]) -> InputError:
    counted = ", ".join(f"{reason}: {n}" for reason, n in reasons.most_common()) or "the files are empty"
    hint = ""
    if reasons and reasons.most_common(1)[0][0] == "no_drums":
        hint = "; where the drums are on another MIDI channel than 10, convert the files again with --drum_channel"
    return InputError(f"{patterns}: gave no example ({counted}){hint}.", "no_examples")


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
    from common.output_files import check_outputs
    from preprocess.tfrecord import write_sidecar

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
        at_one_tempo=not args.split_at_tempo_changes,
    )
    if args.runner == "beam":
        result = run_on_beam(transform, args.input_tfrecord, paths, args.pipeline_options)
    else:
        result = run_locally(transform, args.input_tfrecord, paths, args.num_processes)
    for i, (path, count) in enumerate(zip(paths, result.counts, strict=True)):
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
                "reasons": dict(result.reasons) if i == 0 else {},
                "without_example": dict(result.without) if i == 0 else {},
            },
        )
    if result.reasons:
        rows = [(reason, n, result.without[reason]) for reason, n in result.reasons.most_common()]
        print_table("Dropped", ["reason", "stretches of music", "NoteSequences without an example"], rows)
    print(f"Wrote {sum(result.counts)} examples in {len(paths)} shards to {args.output_tfrecord}-*.")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))

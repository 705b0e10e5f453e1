"""Command: a TFRecord of NoteSequences becomes shards of training examples. Magenta's command of that name.

Locally a pool of processes does the work; `--runner=beam` gives the same transform to Apache Beam, for sets that
need many machines. Shards are the same however many processes made them.
"""

if __name__ == "__main__":  # see common/console.py
    if not __package__:  # run as a script: the packages stand beside this one
        import os
        import sys

        sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    from common import signals

    signals.listen()

import argparse
import os
import sys
from dataclasses import asdict

import configs
from common import flags
from common.console import Parser, add_log_flag, print_table, run_command
from common.errors import InputError
from common.wording import number_of


def get_parser() -> argparse.ArgumentParser:
    """The command's flags; those that Magenta has keep their names."""
    parser = Parser(
        "Convert a TFRecord of NoteSequences to shards of training examples.",
        "preprocess_tfrecord --input_tfrecord=groove.tfrecord --output_tfrecord=examples.tfrecord "
        "--config=hierdec-drum_4bar",
    )
    parser.add_argument(
        "--input_tfrecord", required=True, type=flags.text, help="TFRecords: globs separated by commas"
    )
    parser.add_argument(
        "--output_tfrecord",
        required=True,
        type=flags.text,
        help="what the names of the shards begin with; -00000-of-00032 and so on follow",
    )
    parser.add_argument("--config", required=True, type=flags.text, help="a name or a .toml file")
    parser.add_argument(
        "--output_shards", type=flags.SHARDS, default=32, help="number of shards (default: 32)"
    )
    parser.add_argument(
        "--max_examples_per_sequence",
        type=flags.COUNT,
        help="most examples taken from one NoteSequence (default: all)",
    )
    parser.add_argument(
        "--split_at_tempo_changes",
        action="store_true",
        help="begin a new stretch of music, and a new bar, wherever the tempo changes, as Magenta does "
        "(default: find examples in bars, whatever the tempo does)",
    )
    parser.add_argument(
        "--enable_filtering",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="apply the limits below (default: yes)",
    )
    parser.add_argument(
        "--max_total_time",
        type=flags.number(above=0, at_most=flags.MOST),
        default=1800.0,
        help="longest NoteSequence, in seconds (default: 1800)",
    )
    parser.add_argument(
        "--max_num_notes",
        type=flags.COUNT,
        default=10000,
        help="most notes of a NoteSequence (default: 10000)",
    )
    parser.add_argument(
        "--min_velocities", type=flags.COUNT, default=1, help="fewest different velocities (default: 1)"
    )
    parser.add_argument(
        "--min_metric_positions",
        type=flags.COUNT,
        default=1,
        help="fewest different positions of onsets within a quarter note (default: 1)",
    )
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
    parser.add_argument(
        "--runner",
        choices=("local", "beam"),
        default="local",
        help="what converts: processes here, or Apache Beam (default: local)",
    )
    parser.add_argument(
        "--pipeline_options", type=str, default="", help="for Beam: --runner=DirectRunner,..."
    )
    parser.add_argument(
        "--num_processes",
        type=flags.PROCESSES,
        default=os.cpu_count() or 1,
        help="processes that convert (default: one for each core)",
    )
    flags.add_force_flag(parser)
    add_log_flag(parser)
    parser.take_magenta_flags("preprocess_tfrecord")
    return parser


def _check_shards_serve(config: configs.Config, augment: bool) -> None:
    """Raise an InputError for examples that training could not use, or would not use as they are meant."""
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
    if augment and config.augments_fragments:
        raise InputError(
            f"{config.name} is transposed for each fragment while it trains; leave out --augment.",
            "bad_flag",
        )


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args = get_parser().parse_args(argv)
    from common.output_files import check_outputs
    from preprocess.shards import shard_paths, write_locally, write_on_beam, write_sidecars
    from preprocess.transform import Filters, Transform

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
        result = write_on_beam(transform, args.input_tfrecord, paths, args.pipeline_options)
    else:
        result = write_locally(transform, args.input_tfrecord, paths, args.num_processes)
    description = {
        "converter": config.converter_spec,
        "config": config.name,
        "filters": asdict(filters) if args.enable_filtering else None,
    }
    write_sidecars(paths, result, description)
    if result.reasons:
        rows = [(reason, n, result.without[reason]) for reason, n in result.reasons.most_common()]
        print_table("Dropped", ["reason", "stretches of music", "NoteSequences without an example"], rows)
    examples, shards = number_of(sum(result.counts), "example"), number_of(len(paths), "shard")
    print(f"Wrote {examples} in {shards} to {args.output_tfrecord}-*.")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))

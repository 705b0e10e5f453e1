"""Shards of training examples made of TFRecords of NoteSequences, by a pool of processes or by Apache Beam."""

import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.console import progress
from common.errors import InputError
from common.extras import install_line
from common.output_files import publish
from common.process_pools import map_in_processes
from preprocess.tfrecord import RecordWriter, expand_patterns, read_records, read_sidecar, write_sidecar
from preprocess.transform import Transform

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


def write_locally(transform: Transform, patterns: str, paths: list[Path], processes: int) -> Result:
    """Write the shards. Example i goes to shard i modulo shards.

    Raises:
        InputError: where there is no example (`no_examples`), or an input can't be read.
    """
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


def write_on_beam(transform: Transform, patterns: str, paths: list[Path], options: str) -> Result:
    """As `write_locally`, on Apache Beam; the shards' order is Beam's."""
    try:
        import apache_beam as beam
        import apache_beam.io as beam_io
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError as error:
        raise InputError(f"--runner=beam needs Apache Beam; {install_line('beam')}", "no_beam") from error

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


def write_sidecars(paths: list[Path], result: Result, description: Mapping[str, Any]) -> None:
    """Write the `.json` beside each shard.

    Args:
        paths: of the shards.
        result: what they hold.
        description: the converter, the config and the filters they were made with.
    """
    for i, (path, count) in enumerate(zip(paths, result.counts, strict=True)):
        write_sidecar(
            path,
            {
                "kind": "examples",
                "schema": SCHEMA,
                "features": FEATURES,
                "count": count,
                **description,
                "made_by": "preprocess_tfrecord",
                # Counted once for all shards, so that reading them all adds up.
                "reasons": dict(result.reasons) if i == 0 else {},
                "without_example": dict(result.without) if i == 0 else {},
            },
        )

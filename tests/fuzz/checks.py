"""What every campaign checks of the music that it reads: NoteSequences and examples."""

import json
import math
from functools import cache
from typing import Any

import numpy as np

import configs
from preprocess import converters
from preprocess.midi.reader import Limits
from tests.fuzz.campaign import Wrong


@cache
def all_converters() -> tuple[Any, ...]:
    """The converter of every config, each once, with the most steps that its models take."""
    specs = {json.dumps(c.converter_spec, sort_keys=True): c for c in configs.CONFIG_MAP.values()}
    return tuple(converters.create(config.converter_spec) for _, config in sorted(specs.items()))


def check_sequence(sequence: Any, has_tempo: bool = True) -> None:
    """What every NoteSequence of a file holds: finite times in order, MIDI's numbers, music within the limits."""
    seconds = Limits().seconds
    last = 0.0
    for note in sequence.notes:
        if not (0 <= note.start_time <= note.end_time <= seconds + 1e-6):
            raise Wrong(f"a note lasts from {note.start_time} to {note.end_time}")
        if not (0 <= note.pitch <= 127 and 1 <= note.velocity <= 127 and 0 <= note.program <= 127):
            raise Wrong(f"a note has pitch {note.pitch}, velocity {note.velocity}, program {note.program}")
        last = max(last, note.end_time)
    if not last - 1e-9 <= sequence.total_time <= seconds + 1e-6:
        raise Wrong(f"the last note ends at {last}, the music at {sequence.total_time}")
    for tempo in sequence.tempos:
        if not (0 < tempo.qpm < math.inf and 0 <= tempo.time < math.inf):
            raise Wrong(f"a tempo of {tempo.qpm} at {tempo.time}")
    times = [tempo.time for tempo in sequence.tempos]
    if times != sorted(times) or (has_tempo and not times):
        raise Wrong("the tempos are not in order, or there is none")
    for meter in sequence.time_signatures:
        if meter.numerator < 1 or meter.denominator < 1 or not 0 <= meter.time < math.inf:
            raise Wrong(f"a meter of {meter.numerator}/{meter.denominator} at {meter.time}")


def check_examples(converter: Any, examples: list[Any]) -> None:
    """Tokens within their depth, finite numbers, lengths within the arrays."""
    parts = (
        ("inputs", converter.input_form, converter.input_depth),
        ("outputs", converter.output_form, converter.output_depth),
    )
    for example in examples:
        for name, form, depth in parts:
            values = getattr(example, name)
            if not np.isfinite(values.astype(np.float64)).all():
                raise Wrong(f"{name} are not finite")
            tokens = np.issubdtype(values.dtype, np.integer)
            highest = 2**depth if form == "roll" else depth
            if tokens and values.size and not (values.min() >= -1 and values.max() < highest):
                raise Wrong(f"{name} go from {values.min()} to {values.max()}, the depth is {depth} ({form})")
            if (
                form.startswith("dense")
                and not tokens
                and np.abs(values.astype(np.float64)).max(initial=0) > 1.001
            ):
                raise Wrong(f"{name} go to {np.abs(values).max()}")
        if np.min(example.length) < 0 or np.sum(example.length) > len(example.inputs):
            raise Wrong(f"a length of {example.length} in {len(example.inputs)} steps")

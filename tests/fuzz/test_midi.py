"""The campaign of MIDI files: reading, the examples of every converter, and humanizing."""

import random
from pathlib import Path
from typing import Any

from preprocess.midi.reader import read_midi
from tests.fuzz import campaign
from tests.fuzz.checks import all_converters, check_examples, check_sequence
from tests.fuzz.midi_inputs import midi_input

CONVERTERS_AN_INPUT = 4


def read(data: bytes) -> None:
    """Read a file and convert it; which converters take it depends on the file."""
    sequence = read_midi(data)
    check_sequence(sequence)
    known = all_converters()
    for converter in random.Random(len(data)).sample(known, CONVERTERS_AN_INPUT):
        examples, _ = converter.convert(sequence)
        check_examples(converter, examples)


def test_files_are_read_or_refused_in_a_sentence(kept: Path, record_property: Any) -> None:
    campaign.check(campaign.run("midi", midi_input, read, kept), record_property)

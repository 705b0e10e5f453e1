"""NoteSequence without note_seq's package, and the same class with it, whichever is imported first."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT

ALONE = """
import sys
from preprocess.note_sequence import NoteSequence
assert not {"note_seq", "librosa", "pydub", "tensorflow"} & set(sys.modules)
sequence = NoteSequence()
sequence.notes.add(pitch=36)
assert NoteSequence.FromString(sequence.SerializeToString()) == sequence
"""
OURS_FIRST = "from preprocess.note_sequence import NoteSequence; import note_seq"
THEIRS_FIRST = "import note_seq; from preprocess.note_sequence import NoteSequence"
SAME = """
assert NoteSequence is note_seq.NoteSequence
from note_seq.protobuf import music_pb2
assert NoteSequence is music_pb2.NoteSequence
"""


@pytest.mark.parametrize("code", [ALONE, OURS_FIRST + SAME, THEIRS_FIRST + SAME])
def test_import_order(code: str) -> None:
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr

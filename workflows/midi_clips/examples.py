"""The example of exactly these bars of a file, silent bars included.

Converters search files for music, as Magenta's do: they leave out silent bars at the end, and instruments outside their
programs. A user's clip is the bars that the user names, so here the same converters are set up to take all of them.
"""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.music_vae.trained import TrainedModel
from preprocess.converters import create
from preprocess.converters.base import Converter, Example
from preprocess.converters.drums import DrumsConverter
from preprocess.converters.groove import GrooveConverter
from preprocess.converters.melody import MelodyConverter
from preprocess.converters.pianoroll import PianorollConverter
from preprocess.converters.trio import BASS_PROGRAMS, MELODY_PROGRAMS, TrioConverter
from preprocess.drums import groove_conditions
from preprocess.piano_rolls import clock, piano_roll
from workflows.midi_clips.source import Notes, Window

Array = np.ndarray


@dataclass(frozen=True)
class Found:
    """An example of some bars.

    Attributes:
        example: the model's input.
        plays: a function that says which of some notes of the file are encoded, bool `[notes]`.
        voices: (instrument, program) in the file of each of the model's instruments, in their order.
        remarks: lines to print about it.
    """

    example: Example
    plays: Callable[[Notes], Array]
    voices: tuple[tuple[int, int], ...] = ()
    remarks: tuple[str, ...] = ()


def is_for_drums(converter: Converter) -> bool | None:
    """Whether a converter takes drums only (True), everything but drums (False), or both (None)."""
    if isinstance(converter, DrumsConverter | GrooveConverter):
        return True
    return False if isinstance(converter, MelodyConverter | PianorollConverter) else None


def examples_of_window(window: Window, model: TrainedModel) -> tuple[Found | None, Counter[str]]:
    """The example of a window; None, with the reasons, where the model's converter makes none."""
    converter, reasons = model.converter, Counter[str]()
    if isinstance(converter, GrooveConverter):
        found = _of_groove(window, converter)
        return found, Counter({} if found else {"no_drums": 1})
    if isinstance(converter, PianorollConverter):
        found = _of_roll(window, converter)
        return found, Counter({} if found else {"no_notes": 1})
    asked = _asked(model)
    for plays, told, players, remarks in _ensembles(window.notes, converter):
        examples, why = asked.convert(window.note_sequence(told), inference=True)
        if examples:
            programs = dict(_players(window.notes))
            voices = tuple((player, programs[player]) for player in players)
            return Found(examples[0], plays, voices, remarks), Counter()
        reasons += why
    return None, reasons or Counter({_lacking(converter): 1})


def _lacking(converter: Converter) -> str:
    """The reason code where no instruments fit."""
    if isinstance(converter, TrioConverter):
        return "no_trio"
    return "no_melody" if isinstance(converter, MelodyConverter) else "empty"


def _asked(model: TrainedModel) -> Converter:
    """The model's converter, set up to make one example of everything that it is given."""
    spec = dict(model.config.converter_spec)
    if isinstance(model.converter, DrumsConverter | MelodyConverter):
        whole: dict[str, Any] = {
            "gap_bars": None,
            "slice_bars": None,
            "max_bars": None,
            "pad_to_total_time": True,
        }
        # Music that is not split has the total time that it states.
        whole["presplit_on_time_changes"] = False
        if isinstance(model.converter, MelodyConverter):
            whole["valid_programs"] = None
        return create(spec | whole)
    return model.converter


Ensemble = tuple[Callable[[Notes], Array], Notes, tuple[int, ...], tuple[str, ...]]
"""Which notes belong to it (as `Found.plays`), its notes as the converter gets them, its instruments, and remarks."""


def _ensembles(notes: Notes, converter: Converter) -> Iterator[Ensemble]:
    """The choices of instruments to try, one after the other, until the converter makes an example of one.

    A melody model gets one instrument at a time: first those with the programs of Magenta's melodies (1 to 32), then the
    others. A trio gets a melody, a bass and all drums. Other models get everything.
    """
    if isinstance(converter, MelodyConverter):
        for lead, program, remark in _melodies(notes, converter.valid_programs):
            plays = _plays(lead)
            told = dataclasses.replace(notes, programs=np.full(len(notes), program))
            yield plays, told.select(plays(notes)), (lead,), remark
    elif isinstance(converter, TrioConverter):
        basses = [instrument for instrument, program in _players(notes) if program in BASS_PROGRAMS]
        leads = [lead for lead in _melodies(notes, MELODY_PROGRAMS) if lead[0] not in basses]
        drummer = int(notes.instruments.max(initial=0)) + 1
        for (lead, program, remark), bass in itertools.product(leads, basses):
            plays = _plays(lead, bass, drums=True)
            told = dataclasses.replace(
                notes,
                programs=np.where(notes.instruments == lead, program, notes.programs),
                # All drums are one instrument, also where each has a track of its own.
                instruments=np.where(notes.drums, drummer, notes.instruments),
            )
            yield plays, told.select(plays(notes)), (lead, bass), remark
    else:
        yield lambda notes: np.ones(len(notes), bool), notes, (), ()


def _plays(*instruments: int, drums: bool = False) -> Callable[[Notes], Array]:
    return lambda notes: np.where(notes.drums, drums, np.isin(notes.instruments, instruments))


def _players(notes: Notes) -> list[tuple[int, int]]:
    """The pitched instruments, and the program of each."""
    keyed = ~notes.drums
    pairs = np.stack([notes.instruments[keyed], notes.programs[keyed]], axis=1)
    return [(int(instrument), int(program)) for instrument, program in np.unique(pairs, axis=0)]


def _melodies(notes: Notes, usual: Collection[int] | None) -> list[tuple[int, int, tuple[str, ...]]]:
    """Instruments that may be a melody, the program that the converter gets for each, and remarks."""
    players = _players(notes)
    first = [(i, program, ()) for i, program in players if usual is None or program in usual]
    others = [
        (i, 0, (f"its instrument of MIDI program {program + 1} is taken as the melody.",))
        for i, program in players
        if usual is not None and program not in usual
    ]
    return [*first, *others]


def _of_groove(window: Window, converter: GrooveConverter) -> Found | None:
    notes = window.notes
    drum_of = {pitch: drum for drum, group in enumerate(converter.inference_pitch_classes) for pitch in group}
    drums = np.array([drum_of.get(pitch, -1) for pitch in notes.pitches.tolist()], np.int64)
    known = (drums >= 0) & notes.drums
    if not known.any():
        return None
    positions = notes.starts[known] / window.ticks_per_quarter * converter.steps_per_quarter
    grid = converter.grid_of_hits(positions, drums[known], notes.velocities[known])
    drummer, style = groove_conditions.named(window.filename)
    conditions = groove_conditions.row(window.tempos[0][1], drummer, style)
    steps = round(window.quarters * converter.steps_per_quarter)
    example = converter.windows_of_grid(grid, steps, conditions)[0]
    return Found(example, lambda notes: notes.drums)


def _of_roll(window: Window, converter: PianorollConverter) -> Found | None:
    steps = round(window.quarters * converter.steps_per_quarter)
    roll = piano_roll(
        window.note_sequence(), converter.steps_per_quarter, converter.min_pitch, converter.max_pitch, steps
    )
    cells, _ = roll.cells(converter.representation)
    if not cells.any():
        return None
    controls = clock(steps, converter.control_depth) if converter.control_depth else None
    voices = tuple(_players(window.notes)[:1])
    return Found(Example(cells, cells, controls, steps), lambda notes: ~notes.drums, voices)

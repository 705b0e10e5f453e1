"""A clip of a MIDI file: the model's example of it, and the file's own notes, tempo and meter.

Clips are whole bars. By default a clip begins where there is music; bars of it may be silent, even the last one if the
file is long enough. Music that is shorter than the model's clips, and fits into them a whole number of times, is
repeated. When parts of a clip are kept (`workflows.midi_clips.merge`), they are taken from the notes here.
"""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from common.errors import InputError
from common.wording import number_of
from models.music_vae.trained import TrainedModel
from preprocess.converters.base import Example
from preprocess.drop_reasons import WHY_DROPPED, explain
from preprocess.drums.tracks import DrumChoice
from preprocess.keyboard import HIGHEST_PITCH, LOWEST_PITCH
from preprocess.midi.bar_lines import Bar, quarters_of
from preprocess.midi.tempo_map import ON_A_TICK
from workflows.midi_clips.examples import examples_of_window, is_for_drums
from workflows.midi_clips.source import Notes, Source, Window, read_source

MOST_TRIES = 256
"""Places at which a clip is looked for, at most, before a file is refused."""


@dataclass(frozen=True, kw_only=True)
class Excerpt:
    """A part of a file in whole bars.

    Attributes:
        title: of the file.
        notes: its notes, in ticks from its beginning: for a drum model all drum notes, including drums that the model
            doesn't know; for other models the notes of the instruments that are encoded. A note that is played a little
            before the first bar line has a negative time.
        ticks_per_quarter: resolution of the file.
        tempos: (quarter notes from its beginning, quarter notes a minute from there on); the first at 0.
        time_signature: of its bars.
        bars: its length in the model's bars.
        steps: its length in the model's steps.
        steps_per_quarter: steps of a quarter note.
        voices: (instrument, program) in the file of each of the model's instruments, in their order.
    """

    title: str
    notes: Notes
    ticks_per_quarter: int
    tempos: tuple[tuple[float, float], ...]
    time_signature: tuple[int, int]
    bars: int
    steps: int
    steps_per_quarter: int
    voices: tuple[tuple[int, int], ...] = ()

    @property
    def qpm(self) -> float:
        """The tempo at its beginning, in quarter notes a minute."""
        return self.tempos[0][1]

    @property
    def ticks(self) -> int:
        """Its length in ticks."""
        return round(self.steps / self.steps_per_quarter * self.ticks_per_quarter)

    @property
    def note_steps(self) -> np.ndarray:
        """The step nearest to each note, int64 `[notes]`; notes that anticipate the next bar have the step after the last."""
        return nearest_steps(self.notes.starts, self.ticks_per_quarter, self.steps_per_quarter)


@dataclass(frozen=True, kw_only=True)
class Clip(Excerpt):
    """An excerpt that a model can encode.

    Attributes:
        example: the model's input.
    """

    example: Example


def window_of(clip: Excerpt) -> Window:
    """A clip's notes in the form that converters take."""
    return Window(
        notes=clip.notes,
        texts=(),
        keys=(),
        tempos=clip.tempos,
        time_signature=clip.time_signature,
        quarters=clip.steps / clip.steps_per_quarter,
        ticks_per_quarter=clip.ticks_per_quarter,
        filename="",
    )


def nearest_steps(ticks: np.ndarray, ticks_per_quarter: int, steps_per_quarter: int) -> np.ndarray:
    """The step nearest to each tick, int64; half-way between two steps the later one, as in the converters."""
    return (2 * ticks * steps_per_quarter + ticks_per_quarter) // (2 * ticks_per_quarter)


def first_bars(text: str | None, files: int) -> list[int | None]:
    """The bar, counted from 1, at which the clip of each file begins, as `--bar` gives them; None for where there is music.

    Raises:
        InputError: where one is not a positive number, or there are neither one nor as many of them as files.
    """
    if text is None:
        return [None] * files
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and int(part[:9]) > 0 for part in parts):
        raise InputError(f"--bar is '{text}'; expected a bar from 1 on, such as 5.", "bad_flag")
    if len(parts) not in (1, files):
        raise InputError(
            f"--bar names {number_of(len(parts), 'bar')} for {number_of(files, 'file')}; give one for each.",
            "bad_flag",
        )
    return [int(part[:9]) for part in (parts if len(parts) == files else parts * files)]


def read_clip(
    path: str, model: TrainedModel, bar: int | None = None, drums: DrumChoice = DrumChoice()
) -> Clip:
    """A clip of a MIDI file; prints a line where it is only a part of the file, or repeats it.

    Args:
        path: of the file.
        model: whose converter encodes it.
        bar: where it begins, counted from 1; None for where there is music.
        drums: where the drums of the file are.

    Raises:
        InputError: naming the file and why no clip can be made of it.
    """
    source = read_source(path, is_for_drums(model.converter), drums)
    finder = _Finder(source, model)
    if bar is not None and bar > len(source.bars):
        raise InputError(
            f"{path}: has {number_of(len(source.bars), 'bar')}, so no clip begins at bar {bar}.", "bad_flag"
        )
    clip = finder.at(bar - 1) if bar is not None else finder.first()
    if clip is None:
        raise _no_clip(path, model, finder.reasons, bar)
    for line in finder.remarks:
        print(f"{path}: {line}")
    return clip


def read_last_bars(path: str, model: TrainedModel, drums: DrumChoice = DrumChoice()) -> Clip:
    """The last bars of a MIDI file, at most as many as the model's clips have; fewer where there are fewer.

    Silent bars at the end count, unless all would be silent.

    Args:
        path: of the file.
        model: a drum model.
        drums: where the drums of the file are.

    Raises:
        InputError: naming the file and why it can't be continued.
    """
    finder = _Finder(read_source(path, is_for_drums(model.converter), drums), model)
    clip = finder.last()
    if clip is None:
        raise InputError(
            f"{path}: can't be gone on from, as {_explained(finder.reasons, model)}.",
            "no_examples",
        )
    return clip


def read_beginning(path: str, bars: int, steps_per_quarter: int, drums: DrumChoice = DrumChoice()) -> Excerpt:
    """The beginning of a piano piece, in bars of one meter, from a bar with music on.

    The first run of bars that is long enough is taken, else the longest; so a pickup bar, or a single bar of another
    meter, is not taken for the beginning.

    Args:
        path: of the file.
        bars: how many, at most.
        steps_per_quarter: frames of a quarter note.
        drums: where the drums of the file are, which are left out.

    Raises:
        InputError: naming the file, and why no beginning was found.
    """
    source = read_source(path, False, drums)
    pitches = source.notes.pitches
    notes = source.notes.select((pitches >= LOWEST_PITCH) & (pitches <= HIGHEST_PITCH))
    if not len(notes):
        raise InputError(f"{path}: holds no note of a piano.", "no_notes")
    half = source.ticks_per_quarter / steps_per_quarter / 2

    def is_played(bar: Bar) -> bool:
        begin, end = bar.start * source.ticks_per_quarter, (bar.start + bar.length) * source.ticks_per_quarter
        return notes.any_between(begin - half, end - half)

    def has_whole_frames(bar: Bar) -> bool:
        return bar.is_whole and bar.length * steps_per_quarter == round(bar.length * steps_per_quarter)

    found: list[list[Bar]] = []
    for _, same in itertools.groupby(source.bars, lambda bar: (bar.time_signature, has_whole_frames(bar))):
        run = list(itertools.dropwhile(lambda bar: not is_played(bar), same))[:bars]
        if run and has_whole_frames(run[0]):
            found.append(run)
    if not found:
        raise InputError(
            f"{path}: has its music in bars that are not a whole number of {4 * steps_per_quarter}ths.",
            "other_meter",
        )
    run = next((run for run in found if len(run) == bars), max(found, key=len))
    begin, length = run[0].start, sum(bar.length for bar in run)
    first, ticks = round(begin * source.ticks_per_quarter), round(length * source.ticks_per_quarter)
    chosen = notes.between(first - half, first + ticks - half) | notes.between(first, first + ticks)
    window = source.at(notes.select(chosen).moved(-first), begin, length)
    ends = window.notes.ends
    players = Counter(window.notes.instruments.tolist())
    player = players.most_common(1)[0][0]
    program = int(window.notes.programs[window.notes.instruments == player][0])
    return Excerpt(
        title=source.title,
        notes=window.notes,
        ticks_per_quarter=source.ticks_per_quarter,
        tempos=window.tempos,
        time_signature=window.time_signature,
        bars=len(run),
        # The piece continues where the last note ends, which may be within a bar.
        steps=min(
            round(length * steps_per_quarter),
            -(-int(ends.max()) * steps_per_quarter // source.ticks_per_quarter),
        ),
        steps_per_quarter=steps_per_quarter,
        voices=((player, program),),
    )


def _no_clip(path: str, model: TrainedModel, reasons: Counter[str], bar: int | None) -> InputError:
    bars = model.converter.bars_of(model.max_length)
    where = f"no clip begins at bar {bar}" if bar is not None else "can't be encoded"
    return InputError(
        f"{path}: {where}, as {_explained(reasons, model)}; it takes {bars} bar{'s' * (bars > 1)} in "
        f"{_meter(model)} that {model.config.name} can play, or a part of them to repeat.",
        "no_examples",
    )


def _explained(reasons: Counter[str], model: TrainedModel) -> str:
    """Why there is no clip, in words; for music of another meter they name the model's meter."""
    other = WHY_DROPPED["other_meter"]
    return explain(reasons).replace(other, f"its meter is not {_meter(model)}")


def _meter(model: TrainedModel) -> str:
    numerator, denominator = model.converter.meter
    return f"{numerator}/{denominator}"


class _Finder:
    """Looks for a clip in a file.

    Attributes:
        reasons: why no clip was found so far, counted by code.
        remarks: lines to print about the clip that was found.
    """

    def __init__(self, source: Source, model: TrainedModel):
        self.source, self.model = source, model
        self.converter = model.converter
        self.wanted = self.converter.bars_of(model.max_length)
        self.quarters = self.converter.steps_per_bar / self.converter.steps_per_quarter
        self.reasons: Counter[str] = Counter()
        self.remarks: list[str] = []

    def first(self) -> Clip | None:
        """The whole file if it is one clip; else the first clip that begins with music; else music repeated to a clip."""
        runs = list(self._runs())
        played = {i for first, end in runs for i in range(first, end) if self._is_played(i, i + 1)}
        if not played:
            self.reasons[self._nothing()] += 1
            return None
        whole = [i for first, end in runs for i in range(first, end - self._bars_at(first) + 1)]
        exact = [first for first, end in runs if end - first == self._bars_at(first) and first in whole]
        begun = [next((i for i in range(*run) if i in played), None) for run in runs]
        silent = [i for i in reversed(whole) if i not in played]
        tries = [*exact, *(i for i in whole if i in played), *(i for i in begun if i is not None), *silent]
        for i in tries[:MOST_TRIES]:
            found = self.at(i)
            if found is not None:
                return found
        return None

    def last(self) -> Clip | None:
        """The last bars of the file's last run of bars with music, at the tempo of their end."""
        for first, end in reversed(list(self._runs())):
            played = [i for i in range(first, end) if self._is_played(i, i + 1)]
            if not played:
                continue
            stop = min(end, max(played) + self._bars_at(first))
            clip = self._clip(self.source.bars[max(first, stop - self._bars_at(first)) : stop], 1)
            if clip is not None:
                return dataclasses.replace(clip, tempos=((0.0, clip.tempos[-1][1]),))
        self.reasons[self._nothing()] += not self.reasons
        return None

    def at(self, first: int) -> Clip | None:
        """The clip that begins at a bar, counted from 0."""
        end = next((e for f, e in self._runs() if f <= first < e), None)
        if end is None:
            self.reasons["other_meter"] += 1
            return None
        wanted, there = self._bars_at(first), end - first
        if there < wanted and wanted % there:
            self.reasons["too_short"] += 1
            return None
        bars = self.source.bars[first : first + min(wanted, there)]
        repeats = max(1, wanted // there)
        clip = self._clip(bars, repeats)
        if clip is not None:
            self._remark(first, len(bars), repeats, len(self.source.bars))
        return clip

    def _remark(self, first: int, length: int, repeats: int, total: int) -> None:
        name = self.model.config.name
        if repeats > 1:
            its = "its bar is" if length == 1 else f"its {length} bars are"
            self.remarks.append(f"{its} repeated to the {length * repeats} that {name} plays.")
        if length < total:
            which = f"bar {first + 1} is" if length == 1 else f"bars {first + 1} to {first + length} are"
            self.remarks.append(f"{which} the clip, of {total}; --bar takes another.")

    def _runs(self) -> Iterator[tuple[int, int]]:
        """Runs of whole bars in the model's meter, as (first, end) indices."""
        bars, first = self.source.bars, 0
        while first < len(bars):
            end = first
            while end < len(bars) and self._fits(bars[end]) and bars[end].length == bars[first].length:
                end += 1
            if end > first:
                yield first, end
            first = max(end, first + 1)

    def _fits(self, bar: Bar) -> bool:
        own = self.converter.time_signature
        if not bar.is_whole or own not in (None, bar.time_signature):
            return False
        length = quarters_of(bar.time_signature)
        shorter = self.converter.shorter_bars and self.quarters % length == 0
        return length == self.quarters or shorter

    def _bars_at(self, first: int) -> int:
        """How many of the file's bars make a clip: as many as the model's, or more where they are shorter."""
        return round(self.wanted * self.quarters / quarters_of(self.source.bars[first].time_signature))

    def _is_played(self, first: int, end: int) -> bool:
        bars = self.source.bars[first:end]
        begin, stop = bars[0].start, bars[-1].start + bars[-1].length
        return self.source.notes.any_between(*self._window(begin, stop))

    def _window(self, begin: float, stop: float) -> tuple[float, float]:
        """The ticks between which notes belong to the steps between two bar lines: from half a step before each line."""
        half = self.source.ticks_per_quarter / self.converter.steps_per_quarter / 2
        return self._tick(begin) - half, self._tick(stop) - half

    def _tick(self, quarter: float) -> float:
        """The tick of a bar line, which is read from seconds: whole where that is all that it lacks."""
        tick = quarter * self.source.ticks_per_quarter
        return round(tick) if abs(tick - round(tick)) < ON_A_TICK else tick

    def _nothing(self) -> str:
        if not self.source.has_notes:
            return "empty"
        if len(self.source.notes):
            return "other_meter"
        return "no_drums" if is_for_drums(self.converter) else "no_melody"

    def _clip(self, bars: list[Bar], repeats: int) -> Clip | None:
        """The clip of some bars, repeated; None, with the reason counted, where the converter makes no example of them."""
        source = self.source
        begin, length = bars[0].start, sum(bar.length for bar in bars)
        tick = round(begin * source.ticks_per_quarter)
        chosen = source.notes.between(*self._window(begin, begin + length))
        heard = source.notes.select(chosen).moved(-tick)
        window = source.at(heard, begin, length).repeated(repeats, length)
        found, reasons = examples_of_window(window, self.model)
        self.reasons += reasons
        if found is None:
            return None
        self.remarks += found.remarks
        # The clip keeps all notes between its bar lines, and notes that anticipate the first one.
        inside = chosen | source.notes.between(tick, tick + round(length * source.ticks_per_quarter))
        notes = source.notes.select(inside).moved(-tick)
        notes = notes.select(found.plays(notes)).repeated(repeats, round(length * source.ticks_per_quarter))
        own = bars[0].time_signature
        return Clip(
            example=found.example,
            title=source.title,
            notes=notes,
            ticks_per_quarter=source.ticks_per_quarter,
            tempos=window.tempos,
            time_signature=own if quarters_of(own) == self.quarters else self.converter.meter,
            bars=round(window.quarters / self.quarters),
            steps=round(window.quarters * self.converter.steps_per_quarter),
            steps_per_quarter=self.converter.steps_per_quarter,
            voices=found.voices,
        )

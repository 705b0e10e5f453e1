"""Groove models at work on music of any length: hits get velocities and timing, or taps become drums.

The music is cut into windows of the model's length that lie end to end, the last one padded with silence; silent ones
are left out. What is drawn depends on (seed, number of the performance, number of the window), not on how many are
drawn together.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from common.errors import InputError
from models import families
from models.numpy_engine import decoding as numpy_model
from models.numpy_engine import grooves as numpy_groove
from preprocess.converters.groove import OUTPUT_QPM, GrooveConverter
from preprocess.drums import groove_conditions
from preprocess.drums.groove_grid import Triple
from preprocess.drums.played_hits import Strokes
from preprocess.midi.step_grid import BAR
from workflows.flags.grooves import HUMANIZE_CONFIG

WINDOWS_AT_ONCE = 256
"""So many are played as one batch, which takes 100 MB."""


def check_humanizes(model: Any) -> None:
    """Refuse a model that can't say how given hits are played.

    Raises:
        InputError: naming the config and what it is.
    """
    _check_groove(model)
    if model.converter.tapify or model.converter.add_instruments:
        raise InputError(
            f"{model.config.name} makes drums of its own; to humanize, give a config such as "
            "groovae_2bar_humanize_small.",
            "other_model",
        )


def check_takes_taps(model: Any) -> None:
    """Refuse a model that was not trained to make drums from taps.

    Raises:
        InputError: naming the config and what it is.
    """
    _check_groove(model)
    if not model.converter.tapify or model.converter.hits_as_controls:
        raise InputError(
            f"{model.config.name} does not read taps; give a config such as groovae_2bar_tap_small.",
            "other_model",
        )


def _check_groove(model: Any) -> None:
    converter = model.converter
    plays = (
        isinstance(converter, GrooveConverter)
        and converter.steps_per_bar == 16
        and not (converter.num_velocity_bins or converter.num_offset_bins)
        and (numpy_groove.supports(model.config) or _is_groovae(model))
    )
    if not plays:
        raise InputError(
            f"{model.config.name} does not play velocities and timing of drums on sixteenths; give a GrooVAE "
            "config such as groovae_2bar_humanize_small.",
            "other_model",
        )


def _is_groovae(model: Any) -> bool:
    """Whether it has an encoder and a decoder of Magenta's kind, which run in NumPy."""
    name = model.config.decoder["name"]
    return name == "groove_lstm" and numpy_model.supports_decoder(model.config) and model.z_size > 0


def humanized(
    model: Any,
    grid: Triple,
    temperature: float = 0.0,
    seed: int = 0,
    count: int = 1,
    conditions: Sequence[float] | np.ndarray | None = None,
) -> Iterator[Triple]:
    """Performances of the same hits.

    Args:
        model: a `TrainedModel` that `check_humanizes` accepts.
        grid: hits, velocities and offsets, `[steps, drums]` each (`GrooveConverter.grid_of_hits`).
        temperature: 0 gives the one typical performance (of a GrooVAE the posterior's mean); above, performances
            are drawn hit by hit (of a GrooVAE from the posterior with its standard deviation times this).
        seed: of the draws.
        count: how many performances.
        conditions: tempo, drummer and style, of all the music (`groove_conditions.row`) or of each step
            (`conditions_at`), for models that know of them.

    Yields:
        Hits as given, MIDI velocities and offsets in steps (early ones positive), `[steps, drums]` each.
    """
    struck, batches = _windows(model, grid, conditions)
    for number in range(count):
        played = [_performance(model, *batch, temperature, seed, number, len(struck)) for batch in batches]
        yield _heard(model, np.concatenate(played), struck, len(grid[0]))


def conditions_at(
    positions: np.ndarray, qpms: np.ndarray, drummer: str | None = None, style: str | None = None
) -> np.ndarray:
    """What is known of each step up to the bar line behind the last hit, `[steps, groove_conditions.WIDTH]`.

    Args:
        positions: where hits are, float `[hits]` in steps of 16 a bar, in order.
        qpms: the tempo at each; a bar has that of its first hit, a silent one that of the bar before.
        drummer, style: as for `groove_conditions.row`.
    """
    bars = np.floor(positions + 0.5).astype(np.int64) // BAR
    struck, first = np.unique(bars, return_index=True)
    place = np.searchsorted(struck, np.arange(struck[-1] + 1), side="right") - 1
    tempos = qpms[first[np.maximum(place, 0)]]
    known, which = np.unique(tempos, return_inverse=True)
    rows = np.array([groove_conditions.row(qpm, drummer, style) for qpm in known])
    return np.repeat(rows[which], BAR, axis=0)


def _heard(model: Any, values: np.ndarray, struck: np.ndarray, steps: int) -> Triple:
    """Hits, MIDI velocities and offsets in steps of all windows, `[steps, drums]`.

    Args:
        model: whose converter reads values.
        values: of the windows that are not silent, `[windows, rows, depth]`.
        struck: their numbers.
        steps: of the music.
    """
    played = model.converter.played(np.concatenate(values).astype(np.float64))
    drums = played[0].shape[1]
    whole = []
    for part in played:
        windows = part.reshape(len(struck), -1, drums)
        laid = np.zeros((struck[-1] + 1, *windows.shape[1:]))
        laid[struck] = windows
        whole.append(laid.reshape(-1, drums)[:steps])
    hits, velocities, offsets = whole
    return hits, velocities, offsets


def _performance(
    model: Any,
    first: int,
    batch: dict[str, np.ndarray],
    known: np.ndarray,
    temperature: float,
    seed: int,
    number: int,
    windows: int,
) -> np.ndarray:
    """One performance of some windows.

    Args:
        model: the model.
        first: number of the first of them.
        batch: the windows.
        known: their hits, `[n, rows, drums]`.
        temperature, seed: of the draws.
        number: of the performance.
        windows: how many the music has.
    """
    controls = batch.get("controls")
    if numpy_groove.supports(model.config):
        no_z = np.zeros((len(known), 0), np.float32)
        start = number * windows + first
        return model.decode_values(no_z, temperature or None, seed, start, controls=controls)
    z, sigma = model.posterior(batch)
    if temperature > 0:
        noise = [
            np.random.default_rng([seed, 2, number, first + i]).standard_normal(model.z_size, np.float32)
            for i in range(len(z))
        ]
        z = z + np.float32(temperature) * sigma * np.stack(noise)
    return model.decode_values(z, None, controls=controls, known=known)


def felt(
    sequences: Sequence[Any],
    qpm: float = OUTPUT_QPM,
    temperature: float = 0.0,
    seed: int = 0,
    drummer: str | None = None,
    style: str | None = None,
    model: Any = None,
) -> list[Any]:
    """Drum sequences with the velocities and the timing of a drummer.

    Args:
        sequences: NoteSequences of drums on General MIDI pitches, in 4/4 at one tempo each (120 where it says none);
            not changed. Notes that are no drum of the model's stay as they are.
        qpm: the tempo that they will be heard at, which may be another than theirs; it decides how they are played.
        temperature: 0 gives the typical performance of each; above, performances are drawn.
        seed: of the draws.
        drummer, style: one of `groove_conditions.DRUMMERS` and `groove_conditions.STYLES`; None where not known.
        model: a `TrainedModel` that `check_humanizes` accepts; the shipped one by default.

    Returns:
        A NoteSequence for each, with as many notes.

    Raises:
        InputError: where the model can't humanize.
    """
    if model is None:
        model = families.open_music_vae(HUMANIZE_CONFIG)
    check_humanizes(model)
    conditions = groove_conditions.row(qpm, drummer, style)
    return [
        _felt(sequence, model, temperature, seed + number, conditions)
        for number, sequence in enumerate(sequences)
    ]


def _felt(sequence: Any, model: Any, temperature: float, seed: int, conditions: Sequence[float]) -> Any:
    played = type(sequence)()
    played.CopyFrom(sequence)
    classes = model.converter.inference_pitch_classes
    drum_of = {pitch: drum for drum, pitches in enumerate(classes) for pitch in pitches}
    notes = [note for note in played.notes if note.is_drum and note.pitch in drum_of]
    if not notes:
        return played
    step_seconds = 15 / (sequence.tempos[0].qpm if sequence.tempos else OUTPUT_QPM)
    positions = np.array([note.start_time for note in notes]) / step_seconds
    drums = np.array([drum_of[note.pitch] for note in notes])
    old_velocities = np.array([note.velocity for note in notes])
    grid = model.converter.grid_of_hits(positions, drums, old_velocities)
    ((_, velocities, offsets),) = humanized(model, grid, temperature, seed, 1, conditions)
    strokes = Strokes(positions, drums, old_velocities)
    back, ahead = strokes.room(positions)
    late = np.clip(strokes.late(offsets), np.maximum(-back, -0.5), np.minimum(ahead, 0.5))
    louder = strokes.louder(velocities)
    for i, (note, stroke) in enumerate(zip(notes, strokes.of_hit, strict=True)):
        length = note.end_time - note.start_time
        note.velocity = min(127, max(1, round(old_velocities[i] * louder[stroke])))
        note.start_time = max(0.0, float(positions[i] + late[stroke]) * step_seconds)
        note.end_time = note.start_time + length
    played.total_time = max(sequence.total_time, *(note.end_time for note in played.notes))
    return played


def drums_of_taps(
    model: Any,
    grid: Triple,
    temperature: float = 0.0,
    seed: int = 0,
    count: int = 1,
    conditions: Sequence[float] | np.ndarray | None = None,
) -> Iterator[Any]:
    """Drum performances of a tapped rhythm, as NoteSequences of General MIDI drums at 120.

    Args:
        model: a `TrainedModel` that `check_takes_taps` accepts.
        grid: taps, on whichever drums, as for `humanized`.
        temperature: of the draws; 0 takes the likeliest drums. (A GrooVAE draws hits alone.)
        seed: of the draws.
        count: how many performances.
        conditions: as for `humanized`.

    Yields:
        A NoteSequence as long as the grid at most.
    """
    struck, batches = _windows(model, grid, conditions)
    mixtures = numpy_groove.supports(model.config)
    for number in range(count):
        played = []
        for first, batch, hits in batches:
            if mixtures:
                values = _performance(model, first, batch, hits, temperature, seed, number, len(struck))
            else:
                mu, controls = model.posterior(batch)[0], batch.get("controls")
                start = number * len(struck) + first
                values = model.decode_values(mu, temperature or None, seed, start, controls=controls)
            played.append(values)
        rows = np.concatenate(played)
        laid = np.zeros((struck[-1] + 1, *rows.shape[1:]), rows.dtype)
        laid[struck] = rows
        whole = laid.reshape(-1, rows.shape[-1])[: len(grid[0]) * model.converter.rows_a_step]
        yield model.converter.from_tensors([whole])[0]


def _windows(
    model: Any, grid: Triple, conditions: Sequence[float] | np.ndarray | None
) -> tuple[np.ndarray, list[tuple[int, dict[str, np.ndarray], np.ndarray]]]:
    """The windows that are not silent: their numbers in the music, and batches of them.

    A batch is the place of its first window among those that are not silent, the windows, and their hits
    `[n, rows, drums]`.
    """
    size = model.max_length // model.converter.rows_a_step
    drums = model.converter.output_depth // 3
    examples = model.converter.windows_of_grid(grid, size, conditions)
    struck = np.array([i for i, example in enumerate(examples) if example.outputs[:, :drums].any()])
    batches = []
    for first in range(0, len(struck), WINDOWS_AT_ONCE):
        some = [examples[i] for i in struck[first : first + WINDOWS_AT_ONCE]]
        hits = np.stack([example.outputs[:, :drums] for example in some])
        batches.append((first, model.config.batch_of(some), hits))
    return struck, batches

"""Groove models on music of any length: velocities and timing for given hits, drums for taps.

The music is cut into consecutive windows of the model's length, the last one padded with silence; silent windows are
left out. Draws depend on (seed, index of the performance, index of the window), not on how many are drawn together.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from common.errors import InputError
from models import families
from models.music_vae.trained import TrainedModel
from models.numpy_engine import decoding as numpy_model
from models.numpy_engine import grooves as numpy_groove
from preprocess.converters.groove import OUTPUT_QPM, GrooveConverter
from preprocess.drums import groove_conditions
from preprocess.drums.groove_grid import Triple
from preprocess.drums.played_hits import Strokes
from preprocess.midi.step_grid import BAR
from preprocess.note_sequence import NoteSequence
from workflows.flags.grooves import HUMANIZE_CONFIG

WINDOWS_AT_ONCE = 256
"""Windows of a batch, which takes 100 MB."""


def check_humanizes(model: TrainedModel) -> None:
    """Refuse a model that does not play given hits.

    Raises:
        InputError: naming the config, and what the model does instead.
    """
    converter = _check_groove(model)
    if converter.tapify or converter.add_instruments:
        raise InputError(
            f"{model.config.name} makes drums of its own; to humanize, give a config such as "
            "groovae_2bar_humanize_small.",
            "other_model",
        )


def check_takes_taps(model: TrainedModel) -> None:
    """Refuse a model that was not trained on taps.

    Raises:
        InputError: naming the config.
    """
    converter = _check_groove(model)
    if not converter.tapify or converter.hits_as_controls:
        raise InputError(
            f"{model.config.name} does not read taps; give a config such as groovae_2bar_tap_small.",
            "other_model",
        )


def _check_groove(model: TrainedModel) -> GrooveConverter:
    """The converter of a groove model on sixteenths.

    Raises:
        InputError: for other models.
    """
    converter = model.converter
    if (
        isinstance(converter, GrooveConverter)
        and converter.steps_per_bar == 16
        and not (converter.num_velocity_bins or converter.num_offset_bins)
        and (numpy_groove.supports(model.config) or _is_groovae(model))
    ):
        return converter
    raise InputError(
        f"{model.config.name} does not play velocities and timing of drums on sixteenths; give a GrooVAE "
        "config such as groovae_2bar_humanize_small.",
        "other_model",
    )


def _is_groovae(model: TrainedModel) -> bool:
    """Whether it is a GrooVAE as Magenta's, with encoder and decoder that run in NumPy."""
    name = model.config.decoder["name"]
    return name == "groove_lstm" and numpy_model.supports_decoder(model.config) and model.z_size > 0


def humanized(
    model: TrainedModel,
    grid: Triple,
    temperature: float = 0.0,
    seed: int = 0,
    count: int = 1,
    conditions: Sequence[float] | np.ndarray | None = None,
) -> Iterator[Triple]:
    """Performances of the same hits.

    Args:
        model: one that `check_humanizes` accepts.
        grid: hits, velocities and offsets, `[steps, drums]` each (`GrooveConverter.grid_of_hits`).
        temperature: 0 gives the typical performance (for a GrooVAE the one at the posterior's mean); above 0,
            performances are drawn hit by hit (for a GrooVAE from the posterior, its standard deviation times this).
        seed: of the draws.
        count: how many performances.
        conditions: tempo, drummer and style, of all the music (`groove_conditions.row`) or of each step
            (`conditions_at`), for models that are conditioned on them.

    Yields:
        The hits as given, MIDI velocities, and offsets in steps (early hits have positive ones), `[steps, drums]` each.
    """
    struck, batches = _windows(model, grid, conditions)
    for number in range(count):
        played = [_performance(model, *batch, temperature, seed, number, len(struck)) for batch in batches]
        yield _heard(model, np.concatenate(played), struck, len(grid[0]))


def conditions_at(
    positions: np.ndarray, qpms: np.ndarray, drummer: str | None = None, style: str | None = None
) -> np.ndarray:
    """The conditions of each step up to the bar line after the last hit, `[steps, groove_conditions.WIDTH]`.

    Args:
        positions: of the hits, float `[hits]` in steps of 16 a bar, ascending.
        qpms: the tempo at each hit; a bar has that of its first hit, a silent bar that of the bar before.
        drummer, style: as for `groove_conditions.row`.
    """
    bars = np.floor(positions + 0.5).astype(np.int64) // BAR
    struck, first = np.unique(bars, return_index=True)
    place = np.searchsorted(struck, np.arange(struck[-1] + 1), side="right") - 1
    tempos = qpms[first[np.maximum(place, 0)]]
    known, which = np.unique(tempos, return_inverse=True)
    rows = np.array([groove_conditions.row(qpm, drummer, style) for qpm in known])
    return np.repeat(rows[which], BAR, axis=0)


def _heard(model: TrainedModel, values: np.ndarray, struck: np.ndarray, steps: int) -> Triple:
    """Hits, MIDI velocities and offsets in steps of the whole music, `[steps, drums]` each.

    Args:
        model: the model, whose converter reads the values.
        values: of the windows that are not silent, `[windows, rows, depth]`.
        struck: the indices of these windows.
        steps: of the music.
    """
    played = _check_groove(model).played(np.concatenate(values).astype(np.float64))
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
    model: TrainedModel,
    first: int,
    batch: dict[str, np.ndarray],
    known: np.ndarray,
    temperature: float,
    seed: int,
    number: int,
    windows: int,
) -> np.ndarray:
    """One performance of a batch of windows, `[n, rows, depth]`.

    Args:
        model: the model.
        first: index of the first window.
        batch: the windows.
        known: their hits, `[n, rows, drums]`.
        temperature, seed: of the draws.
        number: index of the performance.
        windows: how many windows the music has.
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
    sequences: Sequence[NoteSequence],
    qpm: float = OUTPUT_QPM,
    temperature: float = 0.0,
    seed: int = 0,
    drummer: str | None = None,
    style: str | None = None,
    model: TrainedModel | None = None,
) -> list[NoteSequence]:
    """Drum sequences with a drummer's velocities and timing.

    Args:
        sequences: NoteSequences of drums on General MIDI pitches, in 4/4, at one tempo each (120 where there is none);
            they are not changed. Notes that are not among the model's drums stay as they are.
        qpm: the tempo at which they will be heard, by which they are played; it may differ from theirs.
        temperature: 0 gives the typical performance of each; above 0, performances are drawn.
        seed: of the draws.
        drummer, style: one of `groove_conditions.DRUMMERS` and `groove_conditions.STYLES`; None where unknown.
        model: one that `check_humanizes` accepts; the shipped one by default.

    Returns:
        A NoteSequence for each, with the same number of notes.

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


def _felt(
    sequence: NoteSequence, model: TrainedModel, temperature: float, seed: int, conditions: Sequence[float]
) -> NoteSequence:
    played = type(sequence)()
    played.CopyFrom(sequence)
    converter = _check_groove(model)
    classes = converter.inference_pitch_classes
    drum_of = {pitch: drum for drum, pitches in enumerate(classes) for pitch in pitches}
    notes = [note for note in played.notes if note.is_drum and note.pitch in drum_of]
    if not notes:
        return played
    step_seconds = 15 / (sequence.tempos[0].qpm if sequence.tempos else OUTPUT_QPM)
    positions = np.array([note.start_time for note in notes]) / step_seconds
    drums = np.array([drum_of[note.pitch] for note in notes])
    old_velocities = np.array([note.velocity for note in notes])
    grid = converter.grid_of_hits(positions, drums, old_velocities)
    ((_, velocities, offsets),) = humanized(model, grid, temperature, seed, 1, conditions)
    strokes = Strokes(positions, drums, old_velocities)
    back, ahead = strokes.margins(positions)
    late = np.clip(strokes.delays(offsets), np.maximum(-back, -0.5), np.minimum(ahead, 0.5))
    louder = strokes.velocity_factors(velocities)
    for i, (note, stroke) in enumerate(zip(notes, strokes.of_hit, strict=True)):
        length = note.end_time - note.start_time
        note.velocity = min(127, max(1, round(old_velocities[i] * louder[stroke])))
        note.start_time = max(0.0, float(positions[i] + late[stroke]) * step_seconds)
        note.end_time = note.start_time + length
    played.total_time = max(sequence.total_time, *(note.end_time for note in played.notes))
    return played


def drums_of_taps(
    model: TrainedModel,
    grid: Triple,
    temperature: float = 0.0,
    seed: int = 0,
    count: int = 1,
    conditions: Sequence[float] | np.ndarray | None = None,
) -> Iterator[NoteSequence]:
    """Drum performances of a tapped rhythm, as NoteSequences of General MIDI drums at 120 quarter notes a minute.

    Args:
        model: one that `check_takes_taps` accepts.
        grid: the taps, on any drums, as for `humanized`.
        temperature: of the draws; 0 takes the likeliest drums. (A GrooVAE draws hits only.)
        seed: of the draws.
        count: how many performances.
        conditions: as for `humanized`.

    Yields:
        A NoteSequence, at most as long as the grid.
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
    model: TrainedModel, grid: Triple, conditions: Sequence[float] | np.ndarray | None
) -> tuple[np.ndarray, list[tuple[int, dict[str, np.ndarray], np.ndarray]]]:
    """The windows that are not silent: their indices in the music, and batches of them.

    A batch consists of the index of its first window among those that are not silent, the windows, and their hits
    `[n, rows, drums]`.
    """
    size = model.max_length // model.converter.rows_a_step
    drums = model.converter.output_depth // 3
    examples = _check_groove(model).windows_of_grid(grid, size, conditions)
    struck = np.array([i for i, example in enumerate(examples) if example.outputs[:, :drums].any()])
    batches = []
    for first in range(0, len(struck), WINDOWS_AT_ONCE):
        some = [examples[i] for i in struck[first : first + WINDOWS_AT_ONCE]]
        hits = np.stack([example.outputs[:, :drums] for example in some])
        batches.append((first, model.config.batch_of(some), hits))
    return struck, batches

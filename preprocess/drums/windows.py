"""Clips of drum beats as a history decoder learns from them: with the music before each, and its conditions.

A clip is a converter's example, with the bars that came before it in its file and its conditions
(`preprocess/drums/conditions.py`). Fills, most of which are a bar long, are kept apart: they become the ends of clips.
`DrumBatches` decides clip by clip what the model is given: z, the music before, known hits, conditions.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields

import numpy as np

from common.errors import InputError
from preprocess.converters.drums import DrumsConverter
from preprocess.drums import conditions as drum_conditions
from preprocess.drums import rhythm
from preprocess.drums.conditions import GROUPS, SNARE
from preprocess.drums.rhythm import hits_of
from preprocess.example_forms import NO_TOKEN
from preprocess.note_sequence import NoteSequence

Array = np.ndarray

DRUMS = 9
TOMS = (4, 5, 6)
SWAPS = ((2, 3), (2, 8), (4, 5), (5, 6), (4, 6), (7, 8))
"""Drums that can stand for one another: closed and open hi-hat, closed hi-hat and ride, toms, crash and ride."""


@dataclass(frozen=True)
class DrumWindows:
    """Clips, and fills to end clips with.

    Attributes:
        tokens: int32 `[clips, steps]`.
        past: int32 `[clips, steps]`, what came before each, NO_TOKEN where nothing did.
        conditions: float32 `[clips, WIDTH]`.
        sources: int32 `[clips]`, which NoteSequence each comes from.
        fills: int32 `[fills, steps]`, at the end of each row; NO_TOKEN before it.
        fill_conditions: float32 `[fills, WIDTH]`.
    """

    tokens: Array
    past: Array
    conditions: Array
    sources: Array
    fills: Array
    fill_conditions: Array

    def __len__(self) -> int:
        return len(self.tokens)


def ends_in_a_fill(tokens: Array, steps_per_bar: int) -> Array:
    """Boolean `[clips]`: whether the last bar of clips `[clips, steps]` is a fill (`preprocess.drums.rhythm`)."""
    return rhythm.ends_in_a_fill(hits_of(tokens, DRUMS), (SNARE, *TOMS), steps_per_bar)


def windows_of(note_sequences: Iterable[NoteSequence], converter: DrumsConverter) -> DrumWindows:
    """The clips of NoteSequences, and the fills among them.

    Args:
        note_sequences: those with the annotation `beat_type: fill` that are shorter than a clip are fills.
        converter: says what a clip is; of drums, with `slice_bars`.

    Raises:
        InputError: where there is no clip.
    """
    steps = converter.steps_per_bar * (converter.slice_bars or 0)
    tracks = DrumsConverter(
        slice_bars=None,
        steps_per_quarter=converter.steps_per_quarter,
        quarters_per_bar=converter.steps_per_bar // converter.steps_per_quarter,
        pitch_classes=converter.pitch_classes,
    )
    tokens, past, rows, sources = [], [], [], []
    fills, fill_rows = [], []
    for source, sequence in enumerate(note_sequences):
        is_fill = drum_conditions.fill_of(sequence)
        clips = drum_conditions.measured_clips(sequence, converter)
        for clip in clips:
            tokens.append(clip.tokens)
            past.append(clip.past)
            rows.append(clip.conditions.to_row())
            sources.append(source)
        if is_fill and not clips:
            for track in drum_conditions.measured_clips(sequence, tracks):
                if len(track.tokens) < steps:
                    fills.append(_at_the_end(track.tokens, steps))
                    fill_rows.append(track.conditions.to_row())
    if not tokens:
        raise InputError(
            f"No clip of {converter.slice_bars} bars of drums is among the examples.", "no_examples"
        )
    found = np.stack(tokens).astype(np.int32)
    conditions = _with_fills(np.stack(rows), found, converter.steps_per_bar)
    nothing = np.zeros((0, steps), np.int32), np.zeros((0, drum_conditions.WIDTH), np.float32)
    return DrumWindows(
        found,
        np.stack([_at_the_end(p, steps) for p in past]),
        conditions,
        np.array(sources, np.int32),
        np.stack(fills) if fills else nothing[0],
        np.stack(fill_rows) if fills else nothing[1],
    )


def _at_the_end(tokens: Array, steps: int) -> Array:
    """Tokens behind as many NO_TOKEN as make `steps` of them; only the last are kept where there are more."""
    row = np.full(steps, NO_TOKEN, np.int32)
    kept = tokens[max(0, len(tokens) - steps) :]
    row[steps - len(kept) :] = kept
    return row


def _with_fills(rows: Array, tokens: Array, steps_per_bar: int) -> Array:
    """Conditions of clips, in which `fill` says what the last bar is rather than what the file is called."""
    rows = rows.copy()
    rows[:, GROUPS["fill"]] = np.stack([ends_in_a_fill(tokens, steps_per_bar), np.ones(len(tokens))], axis=1)
    return rows


@dataclass(frozen=True)
class Mixture:
    """What a clip of a batch is given, as shares and probabilities from 0 to 1.

    Attributes:
        z_share: clips that are decoded from their own z.
        known_share: clips without z of which some bars, some drums or both are known; the rest has neither.
        past_rate: clips that are given what came before them.
        condition_rate: clips that are told any conditions; of these each is left out in every other clip.
        fill_share: clips that end in one of the fills.
        swap_rate: clips in which some drums stand for others, or are left out.
        recombined_rate: bars of such clips that are another clip's; half of the clips have none.
    """

    z_share: float = 0.5
    known_share: float = 0.25
    past_rate: float = 0.5
    condition_rate: float = 0.5
    fill_share: float = 0.05
    swap_rate: float = 0.0
    recombined_rate: float = 0.0

    @staticmethod
    def names() -> tuple[str, ...]:
        """Names of the shares."""
        return tuple(f.name for f in fields(Mixture))


class DrumBatches:
    """Batches of clips with their controls, each a function of (seed, step).

    Args:
        windows: the clips.
        mixture: what each is given.
        pack: of the model's `ControlLayout`, makes controls.
        batch_size: clips a batch.
        steps_per_bar: steps of a bar.
        seed: of everything.
    """

    def __init__(
        self,
        windows: DrumWindows,
        mixture: Mixture,
        pack: Callable[..., Array],
        batch_size: int,
        steps_per_bar: int,
        seed: int,
    ):
        self.windows, self.mixture, self.pack = windows, mixture, pack
        self.batch_size, self.steps_per_bar, self.seed = batch_size, steps_per_bar, seed
        self.bars = windows.tokens.reshape(-1, steps_per_bar)
        style = windows.conditions[:, GROUPS["style"]]
        wanted = windows.fill_conditions[:, GROUPS["style"]]
        alike = wanted @ style.T > 0
        self.before_fills = [np.flatnonzero(row) if row.any() else np.arange(len(windows)) for row in alike]

    def batch(self, step: int) -> dict[str, Array]:
        """The batch of a step: `inputs`, `lengths` and `controls`."""
        rng = np.random.default_rng([self.seed, step])
        n, mixture = self.batch_size, self.mixture
        tokens, past, rows, is_fill = self._clips(rng)
        tokens, past = self._swapped(tokens, past, rng)
        tokens = self._recombined(tokens, rng)
        rows = _measured_again(rows, tokens)
        steps = tokens.shape[1]
        told = rng.random(n) < mixture.condition_rate
        kept = drum_conditions.dropped(rows, 0.5, rng) * told[:, None]
        # The conditions say that an added fill is one; unlabelled, fills would be as frequent as they are here.
        kept[is_fill, GROUPS["fill"]] = 1
        past = np.where((rng.random(n) < mixture.past_rate)[:, None], past, NO_TOKEN)
        role = rng.random(n)
        uses_z = role < mixture.z_share
        mask = np.zeros((n, steps, DRUMS), bool)
        for i in np.flatnonzero(role >= 1 - mixture.known_share):
            mask[i] = self._some_known(steps, rng)
        controls = self.pack(n, steps, tokens, mask, past, kept, uses_z)
        return {"inputs": tokens, "lengths": np.full(n, steps, np.int32), "controls": controls}

    def _clips(self, rng: np.random.Generator) -> tuple[Array, Array, Array, Array]:
        """Clips drawn at random, some of which end in a fill: tokens, past, conditions, and which these are."""
        windows = self.windows
        index = rng.integers(0, len(windows), self.batch_size)
        is_fill = rng.random(self.batch_size) < self.mixture.fill_share * bool(len(windows.fills))
        fills = rng.integers(0, max(1, len(windows.fills)), self.batch_size)
        for i in np.flatnonzero(is_fill):
            index[i] = rng.choice(self.before_fills[fills[i]])
        tokens, past, rows = (x[index] for x in (windows.tokens, windows.past, windows.conditions))
        if is_fill.any():
            ending = windows.fills[fills] * is_fill[:, None]
            added = (windows.fills[fills] != NO_TOKEN) & is_fill[:, None]
            tokens = np.where(added, ending, tokens)
        return tokens, past, rows, is_fill

    def _swapped(self, tokens: Array, past: Array, rng: np.random.Generator) -> tuple[Array, Array]:
        """Clips in some of which drums stand for others or are left out, before the clip as within it."""
        whole = np.concatenate([past, tokens], axis=1)
        for i in np.flatnonzero(rng.random(len(tokens)) < self.mixture.swap_rate):
            order = np.arange(DRUMS)
            for a, b in SWAPS:
                if rng.random() < 0.15:
                    order[[a, b]] = order[[b, a]]
            struck = hits_of(whole[i], DRUMS) & (rng.random(DRUMS) >= 0.07)
            changed = struck[:, order] @ (1 << np.arange(DRUMS))
            whole[i] = np.where(whole[i] == NO_TOKEN, NO_TOKEN, changed)
        return whole[:, past.shape[1] :], whole[:, : past.shape[1]]

    def _recombined(self, tokens: Array, rng: np.random.Generator) -> Array:
        """Clips in half of which some bars are another clip's."""
        if not self.mixture.recombined_rate:
            return tokens
        bars = tokens.reshape(len(tokens), -1, self.steps_per_bar).copy()
        foreign = rng.random(bars.shape[:2]) < self.mixture.recombined_rate
        foreign &= rng.random((len(bars), 1)) < 0.5
        bars[foreign] = self.bars[rng.integers(0, len(self.bars), int(foreign.sum()))]
        return bars.reshape(tokens.shape)

    def _some_known(self, steps: int, rng: np.random.Generator) -> Array:
        """Which hits of a clip are known, boolean `[steps, DRUMS]`: some bars, some drums, or both."""
        mask = np.zeros((steps, DRUMS), bool)
        kind, bars = rng.integers(0, 3), steps // self.steps_per_bar
        if kind != 0:
            chosen = rng.permutation(bars)[: rng.integers(1, bars)]
            mask |= np.isin(np.arange(steps) // self.steps_per_bar, chosen)[:, None]
        if kind != 1:
            mask[:, rng.permutation(DRUMS)[: rng.integers(1, DRUMS)]] = True
        return mask


def _measured_again(rows: Array, tokens: Array) -> Array:
    """Conditions with the density and syncopation of clips that were changed; of kick and snare in 4/4."""
    rows = rows.copy()
    rows[:, GROUPS["density"].start] = drum_conditions.quantile_of("density", drum_conditions.density(tokens))
    if rows[:, GROUPS["syncopation"].stop - 1].any():
        value = drum_conditions.syncopation_of(tokens)
        rows[:, GROUPS["syncopation"].start] = drum_conditions.quantile_of("syncopation", value)
    return rows

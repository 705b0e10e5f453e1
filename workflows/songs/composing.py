"""Songs of many bars from a generator of drum phrases: sections that differ and return, and fills before changes.

The generator plays up to four bars, given the four bars before them. A song is played in phrases of four bars, so its
cost is linear in its length. Past, latent vector and conditions of each phrase make them one song:

- The first section continues the given music, if any. A new section has no past: a model that is given the section
  before goes on with that section's groove. A section that returns is given its own last bars, so that its groove returns.
- Sections of one name share a density, an intensity and a latent vector, which mixes the song's vector with one of the
  section.
- The last bar before another section is played separately, under the condition that it is a fill, and is not part of
  the section's past when it returns.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from preprocess.drums.conditions import DrumConditions
from workflows.songs.form import Section, SongForm

Array = np.ndarray

PHRASE_BARS = 4
NOTHING = -1
"""The token of steps before a song's beginning."""

CONTRAST = 0.4
"""Share of the variance of a section's latent vector that is the section's own, not the song's."""

LIVELINESS = {
    "intro": -0.15,
    "verse": -0.1,
    "pre": 0.0,
    "chorus": 0.2,
    "hook": 0.2,
    "refrain": 0.2,
    "drop": 0.3,
    "solo": 0.15,
    "bridge": -0.05,
    "break": -0.3,
    "outro": -0.15,
}
"""How much denser and louder than the song a section is, in quantiles, by the beginning of its name."""

OTHER_LIVELINESS = (0.0, 0.2, -0.2)
"""The same for other names, in turn, so that neighbouring sections differ."""


@dataclass(frozen=True)
class Asked:
    """What a phrase is generated from, besides its past.

    Attributes:
        z: latent vector, float `[n, z_size]`.
        conditions: style, density and so on, of all clips.
    """

    z: Array
    conditions: DrumConditions


class PhraseGenerator(Protocol):
    """Generates drum tokens that continue a past.

    Attributes:
        steps_per_bar: steps of a bar.
    """

    steps_per_bar: int

    def latent(self, seed: int) -> Array:
        """A latent vector from the prior, standard normal, `[1, z_size]`."""
        ...

    def play(self, past: Array, steps: int, seed: int, asked: Asked) -> Array:
        """The next steps.

        Args:
            past: int tokens `[n, 4 * steps_per_bar]`, the four bars before; `NOTHING` where there is none.
            steps: how many to play: whole bars, at most four.
            seed: random seed; the same arguments give the same tokens.
            asked: latent vector and conditions.

        Returns:
            int tokens `[n, steps]`.
        """
        ...


@dataclass(frozen=True)
class Song:
    """A song as it was composed.

    Attributes:
        tokens: int64 `[bars * steps_per_bar]`.
        form: its sections.
        fills: the bars that were asked for as fills, counted from 0.
    """

    tokens: Array
    form: SongForm
    fills: tuple[int, ...]

    @property
    def sections(self) -> tuple[Section, ...]:
        """Names and lengths in bars."""
        return self.form.sections

    @property
    def markers(self) -> tuple[tuple[int, str], ...]:
        """Bar, counted from 0, and name of each section."""
        return self.form.markers


def compose(
    generator: PhraseGenerator,
    form: SongForm,
    seed: int = 0,
    asked: DrumConditions = DrumConditions(),
    own: Mapping[str, DrumConditions] | None = None,
    past: Array | None = None,
    contrast: float = CONTRAST,
) -> Song:
    """A song of a given form.

    A form that extends another one begins with the same music, except for the fill before what is new (and for density
    and intensity, where the extension has the second name; see `characters_of`).

    Args:
        generator: plays the phrases.
        form: the sections.
        seed: of latent vectors and phrases.
        asked: conditions of the whole song; `fill` is ignored, since the song places the fills.
        own: conditions of single sections by name, which take precedence over those of the song.
        past: int tokens `[steps]` of whole bars that the first section continues.
        contrast: how far sections differ from one another, from 0 for one latent vector to 1 for unrelated ones.

    Returns:
        The song, without `past`.
    """
    characters = characters_of(form, asked, own or {})
    vectors = _latent_vectors(generator, form, seed, contrast)
    size = PHRASE_BARS * generator.steps_per_bar
    given = _last(np.asarray([] if past is None else past, np.int64), size)
    heard: dict[str, Array] = {}
    nothing = np.full(size, NOTHING, np.int64)
    played: list[Array] = []
    fills: list[int] = []
    for i, (start, section) in enumerate(zip(form.starts, form.sections, strict=True)):
        changes = i + 1 < len(form.sections) and form.sections[i + 1].name != section.name
        memory = heard.get(section.name, nothing if heard else given)
        for bars, is_fill in _phrases(section.bars, changes):
            character = dataclasses.replace(characters[section.name], fill=is_fill)
            tokens = generator.play(
                memory[None],
                bars * generator.steps_per_bar,
                _seed(seed, 1, len(played)),
                Asked(vectors[section.name], character),
            )[0].astype(np.int64)
            played.append(tokens)
            if is_fill:
                fills.append(start + section.bars - 1)
            else:
                memory = _last(np.concatenate([memory, tokens]), size)
        heard[section.name] = memory
    return Song(np.concatenate(played), form, tuple(fills))


def characters_of(
    form: SongForm, asked: DrumConditions, own: Mapping[str, DrumConditions]
) -> dict[str, DrumConditions]:
    """The conditions of each name of a form: those of the song, with more or less density and intensity by name.

    A form with a single name has the conditions of the song.

    Args:
        form: the sections.
        asked: conditions of the whole song.
        own: conditions of single names, which are taken as they are.
    """
    characters, others = {}, 0
    for name in form.names:
        character = asked
        if len(form.names) > 1:
            kind = next((k for k in LIVELINESS if name.lower().startswith(k)), None)
            shift = LIVELINESS[kind] if kind else OTHER_LIVELINESS[others % len(OTHER_LIVELINESS)]
            others += kind is None
            character = dataclasses.replace(
                asked,
                density=_shifted(asked.density, shift),
                intensity=_shifted(asked.intensity, shift),
            )
        characters[name] = character.merged(own.get(name, DrumConditions()))
    return characters


def _shifted(quantile: float | None, shift: float) -> float:
    return float(np.clip((0.5 if quantile is None else quantile) + shift, 0, 1))


def _latent_vectors(
    generator: PhraseGenerator, form: SongForm, seed: int, contrast: float
) -> dict[str, Array]:
    """A latent vector for each name, `[1, z_size]`, with the variance of the prior."""
    shared = generator.latent(_seed(seed, 0, 0))
    return {
        name: np.sqrt(1 - contrast) * shared + np.sqrt(contrast) * generator.latent(_seed(seed, 0, i))
        for i, name in enumerate(form.names, 1)
    }


def _phrases(bars: int, ends_in_fill: bool) -> list[tuple[int, bool]]:
    """The length in bars of each phrase of a section, and whether it is a fill, which is one bar, the last."""
    lengths = [min(PHRASE_BARS, bars - first) for first in range(0, bars, PHRASE_BARS)]
    phrases = [(length, False) for length in lengths]
    if ends_in_fill:
        rest = [(lengths[-1] - 1, False)] if lengths[-1] > 1 else []
        phrases[-1:] = [*rest, (1, True)]
    return phrases


def _last(tokens: Array, size: int) -> Array:
    """The last `size` tokens, int64 `[size]`, with `NOTHING` in front where there are fewer."""
    tokens = tokens[-size:]
    return np.concatenate([np.full(size - len(tokens), NOTHING, np.int64), tokens])


def _seed(seed: int, purpose: int, number: int) -> int:
    """A separate random seed for each of a song's draws."""
    return int(np.random.SeedSequence([seed, purpose, number]).generate_state(1)[0])

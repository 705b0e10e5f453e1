"""The melodies of the pages: their tokens and notes are those of the Python converter."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import configs
from preprocess.converters.melody import FIRST_PITCH, NOTE_OFF, MelodyConverter
from tests.helpers.drum_sequences import SIXTEENTH
from tests.helpers.module_page import answer_of, module_browser
from tests.helpers.pitched_sequences import pitched

STEPS = 32
NAMES = "equalMelodies, lockedMelody, mergedMelody, noteAt, notesOf, pitchName, tidied, tokensOfNotes, transposed, withNote, withoutNote"
ENTRY = f'import {{ {NAMES} }} from "./music/melody.js";\nObject.assign(window, {{ {NAMES} }});\n'


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless Chromium with the module's functions in `window`."""
    with module_browser(tmp_path_factory.mktemp("page"), ENTRY) as browser:
        yield browser


@pytest.fixture(scope="module")
def converter() -> MelodyConverter:
    """That of the shipped model."""
    made = configs.get_config("cat-mel_2bar_tiny").build_converter()
    assert isinstance(made, MelodyConverter)
    return made


def notes_of(sequence: Any) -> list[list[float]]:
    """Pitch, start and length in steps, and velocity of each note."""
    return [
        [n.pitch, n.start_time / SIXTEENTH, (n.end_time - n.start_time) / SIXTEENTH, n.velocity]
        for n in sequence.notes
    ]


def random_tokens(rng: np.random.Generator, density: float) -> list[int]:
    tokens = rng.integers(FIRST_PITCH, FIRST_PITCH + 88, STEPS)
    tokens[rng.random(STEPS) > density] = 0
    tokens[rng.random(STEPS) < 0.1] = NOTE_OFF
    return tokens.tolist()


def random_tune(rng: np.random.Generator) -> list[tuple[int, int, int]]:
    """Pitches, starts and lengths: one voice from the first bar to the second, without a bar of silence."""
    starts = [0, *(np.flatnonzero(rng.random(STEPS - 1) < 0.3) + 1).tolist(), STEPS - 2]
    starts = sorted(set(starts))
    ends = [*starts[1:], STEPS]
    return [
        (int(rng.integers(21, 109)), start, int(rng.integers(max(1, end - start - 8), end - start + 1)))
        for start, end in zip(starts, ends, strict=True)
    ]


def test_notes_of_tokens_are_those_of_the_converter(page: Any, converter: MelodyConverter) -> None:
    rng = np.random.default_rng(1)
    samples = [random_tokens(rng, density) for density in (0.0, 0.05, 0.3, 0.6, 1.0) for _ in range(20)]
    found = answer_of(
        page,
        "return args[0].map((t) => notesOf(t).map((n) => [n.pitch, n.start, n.length, n.velocity]));",
        samples,
    )
    sequences = converter.from_tensors([np.array(tokens) for tokens in samples])
    assert found == [notes_of(sequence) for sequence in sequences]
    assert sum(map(len, found)) > 500


def test_tokens_of_notes_are_those_of_the_converter(page: Any, converter: MelodyConverter) -> None:
    rng = np.random.default_rng(2)
    tunes = [random_tune(rng) for _ in range(60)]
    as_notes = [[{"pitch": p, "start": s, "length": n} for p, s, n in tune] for tune in tunes]
    found = answer_of(page, "return args[0].map((notes) => [...tokensOfNotes(notes)]);", as_notes)
    for tune, tokens in zip(tunes, found, strict=True):
        examples, _ = converter.convert(pitched(*((s, p, 80, n) for p, s, n in tune)))
        assert [example.inputs.tolist() for example in examples] == [tokens]


def test_of_notes_that_begin_together_the_highest_counts(page: Any, converter: MelodyConverter) -> None:
    tune = [(60, 0, 4), (64, 0, 2), (55, 2, 30)]
    found = answer_of(
        page,
        "return [...tokensOfNotes(args[0].map(([pitch, start, length]) => ({ pitch, start, length })))];",
        tune,
    )
    examples, _ = converter.convert(pitched(*((s, p, 80, n) for p, s, n in tune)))
    assert [example.inputs.tolist() for example in examples] == [found]


def test_a_tidied_melody_sounds_the_same_and_is_one_that_the_converter_gives(
    page: Any, converter: MelodyConverter
) -> None:
    rng = np.random.default_rng(3)
    samples = [random_tokens(rng, 0.2) for _ in range(40)]
    found = answer_of(
        page,
        "return args[0].map((t) => [[...tidied(t)], JSON.stringify(notesOf(tidied(t))) === JSON.stringify(notesOf(t))]);",
        samples,
    )
    for tokens, same in found:
        assert same
        struck = [step for step, token in enumerate(tokens) if token >= FIRST_PITCH]
        assert not any(tokens[: struck[0] if struck else STEPS])
    assert any(tidied != tokens for (tidied, _), tokens in zip(found, samples, strict=True))


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        ((62, 4, 4), [(60, 0, 4), (62, 4, 4), (64, 8, 8)]),  # in a gap
        ((62, 2, 2), [(60, 0, 2), (62, 2, 2), (64, 8, 8)]),  # the one that sounds is shortened
        ((62, 4, 16), [(60, 0, 4), (62, 4, 4), (64, 8, 8)]),  # it ends where the next begins
        ((62, 8, 2), [(60, 0, 4), (62, 8, 2)]),  # in the place of another
        ((200, 40, 9), [(60, 0, 4), (64, 8, 8), (108, 31, 1)]),  # moved to within the melody and the piano
        ((62, 20, 0), [(60, 0, 4), (64, 8, 8), (62, 20, 1)]),
    ],
)
def test_a_note_is_put_into_one_voice(page: Any, note: tuple, expected: list[tuple]) -> None:
    found = answer_of(
        page,
        "const as = ([pitch, start, length]) => ({ pitch, start, length });"
        "return notesOf(withNote(tokensOfNotes([[60, 0, 4], [64, 8, 8]].map(as)), as(args[0])))"
        "  .map((n) => [n.pitch, n.start, n.length]);",
        note,
    )
    assert [tuple(one) for one in found] == expected


def test_a_note_is_found_and_taken_out_and_pitches_move(page: Any) -> None:
    found = answer_of(
        page,
        "const tokens = tokensOfNotes([{ pitch: 21, start: 3, length: 4 }, { pitch: 108, start: 8, length: 2 }]);"
        "const pitches = (t) => notesOf(t).map((n) => n.pitch);"
        "return [[2, 3, 6, 7, 8].map((step) => noteAt(tokens, step)?.pitch ?? null), pitches(withoutNote(tokens, 3)),"
        " pitches(withoutNote(tokens, 4)), pitches(transposed(tokens, 1)), pitches(transposed(tokens, -12)),"
        " equalMelodies(transposed(tokens, 0), tokens), equalMelodies(transposed(tokens, 1), tokens)];",
    )
    assert found == [[None, 21, 21, None, 108], [108], [21, 108], [22, 97], [21, 96], True, False]


def test_what_is_locked_stays_to_its_last_step(page: Any) -> None:
    rng = np.random.default_rng(4)
    pairs = [[random_tokens(rng, 0.25), random_tokens(rng, 0.25)] for _ in range(60)]
    for locks in ([True, False], [False, True], [True, True], [False, False]):
        found = answer_of(
            page,
            "return args[0].map(([before, drawn]) => {"
            " const kept = lockedMelody(before, args[1]), made = mergedMelody(kept, drawn);"
            " return [[...kept.hole], ...[before, made, drawn].map((t) => notesOf(t).map((n) => [n.pitch, n.start, n.length]))];"
            "});",
            pairs, locks,
        )  # fmt: skip
        for hole, before, made, drawn in found:
            bars = [set(range(start // 16, (start + length - 1) // 16 + 1)) for _, start, length in before]
            locked = {bar for bar, lock in enumerate(locks) if lock}
            stay = [note for note, inside in zip(before, bars, strict=True) if inside & locked]
            assert [note for note in made if not hole[note[1]]] == stay
            free = [note[:2] for note in drawn if hole[note[1]]]
            assert [note[:2] for note in made if hole[note[1]]] == free
            assert all(
                hole[step] for note in made if note not in stay for step in range(note[1], note[1] + note[2])
            )


def test_what_is_no_note_of_a_piano_is_refused(page: Any) -> None:
    for pitch, start, length in ((20, 0, 1), (109, 0, 1), (60, -1, 1), (60, 32, 1), (60, 0, 0)):
        with pytest.raises(AssertionError, match="RangeError"):
            answer_of(
                page,
                "tokensOfNotes([{ pitch: args[0], start: args[1], length: args[2] }]);",
                pitch,
                start,
                length,
            )


def test_names_of_pitches(page: Any) -> None:
    found = answer_of(page, "return [21, 60, 61, 108].map((p) => [pitchName(p), pitchName(p, true)]);")
    assert found == [["A0", "A 0"], ["C4", "C 4"], ["C♯4", "C sharp 4"], ["C8", "C 8"]]

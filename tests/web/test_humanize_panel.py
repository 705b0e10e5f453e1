"""The humanize panel of the studio page: what is heard and saved is what humanize.py makes of the same beat."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from models.families import open_music_vae
from preprocess.converters.groove import GrooveConverter
from preprocess.drums import groove_conditions
from preprocess.drums.drum_classes import REDUCED_DRUM_CLASSES
from preprocess.midi.hits import MidiHits, as_performed
from render.midi import Style, midi_bytes
from tests.helpers.panel_user import DRUMS, PanelUser, panel_user, sequence_of
from workflows.flags.grooves import HUMANIZE_CONFIG
from workflows.grooves.performing import humanized

pytestmark = pytest.mark.slow

STEPS, TICKS, QPM = 64, 120, 96.0
MIDI = "beat_96bpm.mid"


@pytest.fixture(scope="module")
def user(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PanelUser]:
    with panel_user(tmp_path_factory.mktemp("studio")) as someone:
        yield someone


def beat(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Velocities and offsets of a beat with hits off their steps, `[steps, drums]` each."""
    rng = np.random.default_rng(seed)
    struck = rng.random((STEPS, DRUMS)) < np.array([0.3, 0.2, 0.5, 0.1, 0.03, 0.03, 0.03, 0.03, 0.1])
    ticks = rng.choice([0, 0, 0, 10, -12, 25], (STEPS, DRUMS))
    ticks[0] = 0
    return struck * rng.integers(20, 128, (STEPS, DRUMS)), struck * ticks / TICKS


def by_humanize(
    velocities: np.ndarray,
    offsets: np.ndarray,
    timing: float,
    velocity: float,
    style: str | None,
    swing: float,
) -> list[tuple[int, int, int]]:
    """What humanize.py makes of the beat as a file: (pitch, tick, velocity) of each hit, in order of pitch."""
    file = MidiHits(midi_bytes(sequence_of(velocities, offsets), Style(qpm=QPM, swing=swing), STEPS // 16))
    model = open_music_vae(HUMANIZE_CONFIG)
    assert isinstance(model.converter, GrooveConverter)
    pitches = [drum.pitch for drum in REDUCED_DRUM_CLASSES]
    drums = np.array([pitches.index(hit.pitch) for hit in file.hits])
    loudness = np.array([hit.velocity for hit in file.hits])
    grid = model.converter.grid_of_hits(file.positions, drums, loudness)
    (performance,) = humanized(model, grid, conditions=groove_conditions.row(QPM, None, style))
    starts, louder = as_performed(file, drums, performance, timing, velocity)
    return sorted((hit.pitch, start, v) for hit, start, v in zip(file.hits, starts, louder, strict=True))


def saved_hits(user: PanelUser) -> list[tuple[int, int, int]]:
    file = MidiHits(user.saved_by("save-midi", MIDI))
    assert file.qpm == pytest.approx(QPM)
    return sorted((hit.pitch, hit.start, hit.velocity) for hit in file.hits)


@pytest.mark.parametrize(
    ("timing", "velocity", "style", "swing"),
    [(0.0, 0.0, None, 0.0), (1.0, 1.0, None, 0.0), (0.37, 0.62, "funk", 0.0), (1.0, 0.0, "jazz", 0.25)],
)
def test_what_is_saved_is_what_humanize_writes(
    user: PanelUser, timing: float, velocity: float, style: str | None, swing: float
) -> None:
    written = beat(int(100 * timing))
    user.set_beat(*written, tempo=QPM, swing=swing)
    user.slide("humanize-timing", timing)
    user.slide("humanize-velocity", velocity)
    user.slide("humanize-style", style or "")
    found, expected = saved_hits(user), by_humanize(*written, timing, velocity, style, swing)
    assert [(pitch, v) for pitch, _, v in found] == [(pitch, v) for pitch, _, v in expected]
    # A swung hit is written where its tick before the swing is swung to.
    off = [abs(a - b) for (_, a, _), (_, b, _) in zip(found, expected, strict=True)]
    assert max(off) <= (2 if swing else 1)
    assert sum(off) < 0.5 * len(off)
    on_grid = user.beat()
    np.testing.assert_array_equal(on_grid[0], written[0])
    np.testing.assert_allclose(on_grid[1], written[1], atol=0.001)


def test_an_edit_is_heard_at_once_and_played_a_moment_later(user: PanelUser) -> None:
    velocities, offsets = beat(5)
    velocities[:, 7] = 0
    user.set_beat(velocities, offsets * 0, tempo=QPM, swing=0)
    user.slide("humanize-timing", 1)
    user.slide("humanize-velocity", 1)
    user.run("return studio.performed()")
    velocities[20, 7] = 99
    user.set_beat(velocities, offsets * 0)
    heard, _ = user.beat("playedBeat")
    assert heard[20, 7] == 99, "as written, until the model has played it"
    assert (heard[velocities > 0] != velocities[velocities > 0]).sum() > 50, "the others as they were played"
    user.wait("studio.playedBeat().velocities[20 * 9 + 7] !== 99")


def test_another_way_is_another_performance_and_the_typical_one_comes_back(user: PanelUser) -> None:
    user.set_beat(*beat(7), tempo=QPM, swing=0)
    user.slide("humanize-timing", 1)
    user.slide("humanize-velocity", 1)
    user.slide("humanize-freedom", 1)
    typical = saved_hits(user)
    user.tap("humanize-again")
    first = saved_hits(user)
    user.tap("humanize-again")
    second = saved_hits(user)
    assert len({str(hits) for hits in (typical, first, second)}) == 3
    assert [pitch for pitch, *_ in first] == [pitch for pitch, *_ in typical]
    user.tap("humanize-typical")
    assert saved_hits(user) == typical


def test_what_is_played_can_be_written_into_the_grid_and_undone(user: PanelUser) -> None:
    written = beat(9)
    user.set_beat(*written, tempo=QPM, swing=0)
    user.slide("humanize-timing", 0.8)
    user.slide("humanize-velocity", 0.9)
    played = saved_hits(user)
    user.tap("humanize-write")
    user.wait("studio.store.doc.feel.timing === 0")
    on_grid = user.beat()
    assert (on_grid[0] > 0).sum() == (written[0] > 0).sum()
    again = saved_hits(user)
    assert [(pitch, v) for pitch, _, v in again] == [(pitch, v) for pitch, _, v in played]
    assert max(abs(a - b) for (_, a, _), (_, b, _) in zip(again, played, strict=True)) <= 1
    user.run("studio.undo()")
    np.testing.assert_array_equal(user.beat()[0], written[0])
    assert user.run("return studio.store.doc.feel.timing") == 0.8


def test_a_beat_of_silence_stays_one(user: PanelUser, tmp_path: Path) -> None:
    silence = np.zeros((STEPS, DRUMS))
    user.set_beat(silence, silence)
    user.slide("humanize-timing", 1)
    user.run("return studio.performed()")
    assert not user.beat("playedBeat")[0].any()
    assert not user.said()[1]


def test_a_link_brings_the_same_take_back(user: PanelUser) -> None:
    user.set_beat(*beat(11), tempo=QPM, swing=0.2)
    user.slide("humanize-timing", 0.9)
    user.slide("humanize-velocity", 0.7)
    user.slide("humanize-style", "soul")
    user.tap("humanize-again")
    user.run("return studio.performed()")
    heard = user.beat("playedBeat")
    user.open(user.run("return studio.writeAddress()").partition("#")[2])
    user.run("return studio.performed()")
    again = user.beat("playedBeat")
    np.testing.assert_array_equal(again[0], heard[0])
    np.testing.assert_allclose(again[1], heard[1], atol=1e-6)
    assert user.run("return document.getElementById('humanize-style').value") == "soul"

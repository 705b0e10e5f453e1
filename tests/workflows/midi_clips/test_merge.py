"""What is kept of a clip is written to the tick, whatever is drawn beside it."""

import io
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import explore
import interpolate
import sample
from models import families
from render.midi import Style, midi_bytes
from tests.helpers.checkpoints import save_tiny, tiny_history_config
from tests.workflows.midi_clips.test_clip import BAR, TICKS, beat, meter, note, tempo, track, write
from workflows.midi_clips.clip import read_clip
from workflows.midi_clips.merge import given_sequence, merged, resolution_for, style_like, styles_between

PERCUSSION = [(0, tempo(92)), *beat(0, 4)]
for place, pitch, velocity in (
    (240, 37, 120),
    (480, 56, 33),
    (490, 88, 77),
    (BAR - 7, 35, 127),
    (BAR + 11, 54, 9),
):
    PERCUSSION += [e for bar in (0, 2) for e in note(bar * BAR + place, pitch, velocity, 33)]


def struck(data: bytes | Path) -> list[tuple[int, int, int]]:
    """Tick, pitch and velocity of each note on channel 10."""
    file = mido.MidiFile(file=io.BytesIO(data)) if isinstance(data, bytes) else mido.MidiFile(data)
    found = []
    for one in file.tracks:
        now = 0
        for message in one:
            now += message.time
            if message.type == "note_on" and message.velocity and message.channel == 9:
                found.append((now, message.note, message.velocity))
    return sorted(found)


def tempos(path: Path) -> list[tuple[int, int]]:
    """Tick and quarter notes a minute of each tempo."""
    now, found = 0, []
    for message in mido.MidiFile(path).tracks[0]:
        now += message.time
        if message.type == "set_tempo":
            found.append((now, round(6e7 / message.tempo)))
    return found


def within(notes: list[tuple[int, int, int]], bar: int, ticks: int = BAR) -> list[tuple[int, int, int]]:
    return [(tick - bar * ticks, *rest) for tick, *rest in notes if bar * ticks <= tick < (bar + 1) * ticks]


@pytest.fixture(scope="module")
def model() -> Any:
    return families.open_music_vae("histdec-drum_4bar")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The flag that names a drum model of random weights, which is quick."""
    path = tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors"
    return f"--checkpoint_file={save_tiny(path, tiny_history_config())}"


@pytest.fixture
def percussion(tmp_path: Path) -> str:
    return write(tmp_path / "percussion.mid", track(PERCUSSION))


def test_infill_keeps_the_other_bars_to_the_tick(tiny: str, percussion: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    flags = [tiny, f"--input_midi={percussion}", "--bars=2", "--num_outputs=2", "--num_candidates=2"]
    assert explore.main(["infill", *flags, "--swing=0.3", "--accents", f"--output_dir={out}"]) == 0
    before = struck(Path(percussion))
    for path in out.glob("*.mid"):
        after = struck(path)
        assert [within(after, bar) == within(before, bar) for bar in range(4)] == [True, False, True, True]
        assert tempos(path) == [(0, 92)] and mido.MidiFile(path).ticks_per_beat == TICKS
    assert explore.main(["infill", *flags, "--qpm=70", "--force", f"--output_dir={out}"]) == 0
    assert {tuple(tempos(path)) for path in out.glob("*.mid")} == {((0, 70),)}


def test_drums_and_bars_that_are_kept(tiny: str, percussion: str, tmp_path: Path) -> None:
    before = struck(Path(percussion))
    flags = [tiny, f"--input_midi={percussion}", "--num_outputs=1", "--feel"]
    assert sample.main([*flags, "--keep=snare", f"--output_dir={tmp_path / 'drums'}"]) == 0
    (path,) = (tmp_path / "drums").iterdir()
    snares = {37, 38, 39, 40, 56, 88}  # and what the model doesn't know
    assert [n for n in struck(path) if n[1] in snares] == [n for n in before if n[1] in snares] != []
    assert sample.main([*flags, "--keep_bars=1,3", f"--output_dir={tmp_path / 'bars'}"]) == 0
    (path,) = (tmp_path / "bars").iterdir()
    assert [within(struck(path), bar) == within(before, bar) for bar in range(4)] == [
        True,
        False,
        True,
        False,
    ]


def test_nothing_changed_is_the_clip_itself(tiny: str, percussion: str, tmp_path: Path) -> None:
    before = struck(Path(percussion))
    common = [f"--input_midi={percussion}", tiny, "--num_outputs=1"]
    assert explore.main(["similar", *common, "--similarity=1", f"--output_dir={tmp_path / 's'}"]) == 0
    flags = ["--attribute=density", "--amount=0,0.2", "--png", f"--output_dir={tmp_path / 'v'}"]
    assert explore.main(["vary", *common[:2], *flags]) == 0
    varied = sorted((tmp_path / "v").glob("*.mid"))
    assert [path.name.split("_")[-1] for path in varied] == ["density+0.mid", "density+0.2.mid"]
    for path in (next((tmp_path / "s").glob("*.mid")), varied[0]):
        assert struck(path) == before and tempos(path) == [(0, 92)]
    assert struck(varied[1]) != before and tempos(varied[1]) == [(0, 92)]


def test_the_ends_of_an_interpolation_are_the_clips(tiny: str, percussion: str, tmp_path: Path) -> None:
    changing = [(bar * 4 * 96, tempo(100 + bar)) for bar in range(8)]
    coarse = [(tick * 96 // TICKS, data) for tick, data in beat(0, 8)]
    other = write(tmp_path / "other.mid", track([*changing, *coarse]), division=96)
    flags = [f"--input_midi_1={percussion}", f"--input_midi_2={other}", "--bar=1,3", "--num_outputs=3", tiny]
    assert interpolate.main([*flags, f"--output_dir={tmp_path / 'out'}"]) == 0
    first, middle, last = sorted((tmp_path / "out").glob("*-of-003.mid"))
    assert struck(first) == struck(Path(percussion)) and tempos(first) == [(0, 92)]
    given = [(tick - 8 * 96, *rest) for tick, *rest in struck(Path(other)) if 8 * 96 <= tick < 24 * 96]
    assert struck(last) == given and mido.MidiFile(last).ticks_per_beat == 96
    assert tempos(last) == [(0, 102), (384, 103), (768, 104), (1152, 105)]
    assert tempos(middle) == [(0, 97)]
    (whole,) = (tmp_path / "out").glob("*_interpolate.mid")
    assert mido.MidiFile(whole).ticks_per_beat == 480
    assert [qpm for _, qpm in tempos(whole)] == [92, 97, 102, 103, 104, 105]
    assert len(struck(whole)) == sum(len(struck(path)) for path in (first, middle, last))


def test_what_goes_on_goes_on_at_the_tempo_and_in_the_meter(tiny: str, tmp_path: Path) -> None:
    last = write(tmp_path / "a.mid", track([(0, tempo(140)), (3 * BAR, tempo(71)), *beat(0, 5)]))
    assert (
        sample.main([tiny, f"--input_midi={last}", "--num_outputs=1", f"--output_dir={tmp_path / 'on'}"]) == 0
    )
    assert tempos(next((tmp_path / "on").iterdir())) == [(0, 71)]
    keys = [e for i in range(24) for e in note(i * TICKS // 2 + 5, 60 + i % 5, 50 + i, 200, channel=0)]
    waltz = write(tmp_path / "waltz.mid", track([(0, meter(3)), (0, tempo(84)), *keys]))
    flags = [
        "--config=piano-small",
        f"--primer_midi={waltz}",
        "--primer_bars=2",
        "--bars=3",
        "--num_outputs=1",
    ]
    assert sample.main([*flags, f"--output_dir={tmp_path / 'piano'}"]) == 0
    path = next((tmp_path / "piano").iterdir())
    file = mido.MidiFile(path)
    (signature,) = [m for m in file.tracks[0] if m.type == "time_signature"]
    assert (signature.numerator, signature.denominator) == (3, 4) and tempos(path) == [(0, 84)]
    assert sum(message.time for message in file.tracks[0]) == 9 * TICKS
    ons, now = [], 0
    for message in file.tracks[0]:
        now += message.time
        if message.type == "note_on" and now < 6 * TICKS:
            ons.append((now, message.note, message.velocity))
    assert ons == [(i * TICKS // 2 + 5, 60 + i % 5, 50 + i) for i in range(12)]


@given(
    ticks=st.sampled_from([1, 5, 24, 96, 110, 480, 960, 10_000, 32_767]),
    hits=st.lists(
        st.tuples(st.floats(0, 15.999), st.integers(20, 95), st.integers(1, 127)), min_size=1, max_size=40
    ),
    kept=st.sets(st.integers(0, 3)),
    seed=st.integers(0, 99),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_kept_bars_are_the_files_bars(
    model: Any, tmp_path: Path, ticks: int, hits: list[tuple[float, int, int]], kept: set[int], seed: int
) -> None:
    places = {(int(quarter * ticks), pitch): velocity for quarter, pitch, velocity in hits}
    # The first bar has music. (A drum struck twice on one tick is written once.)
    places.setdefault((0, 36), 99)
    events = [e for (at, pitch), v in places.items() for e in note(at, pitch, v, max(1, ticks // 8))]
    # An end before a beginning at the same tick, as files have them.
    events.sort(key=lambda event: (event[0], event[1][0] & 0xF0))
    path = write(tmp_path / "any.mid", track(events, end=16 * ticks), division=ticks)
    clip = read_clip(path, model)
    stays = np.isin(np.arange(64) // 16, list(kept))
    drawn = model.to_note_sequences(np.random.default_rng(seed).integers(0, 512, (1, 64)))[0]
    style = style_like(clip, Style(swing=0.2, accents=True))
    data = midi_bytes(merged(clip, drawn, stays, model.converter.pitch_classes), style, 4)
    times = resolution_for(clip) // ticks
    before, after = sorted(set(struck(Path(path)))), struck(data)
    for bar in kept:
        wanted = [(tick * times, *rest) for tick, *rest in within(before, bar, 4 * ticks)]
        assert within(after, bar, 4 * ticks * times) == wanted


def test_tempos_between(model: Any, percussion: str, tmp_path: Path) -> None:
    one = read_clip(percussion, model)
    other = read_clip(write(tmp_path / "b.mid", track([(0, tempo(132)), *beat(0, 4)])), model)
    weights = np.array([[1, 0], [0.75, 0.25], [0, 1]])
    styles = styles_between([one, other], weights, Style())
    assert [round(style.qpm) for style in styles] == [92, 102, 132]
    assert [style.qpm for style in styles_between([one, other], weights, Style(), 50)] == [50, 50, 50]
    assert struck(midi_bytes(given_sequence(other), styles[2], 4)) == struck(tmp_path / "b.mid")

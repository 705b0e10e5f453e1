"""interpolate.py: a way between two beats that begins and ends at them."""

from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import interpolate
import music_vae_generate
from models import trained_model
from models.trained_model import slerp
from preprocess.errors import InputError
from preprocess.midi import read_midi
from render.midi import Style, write_midi
from tests.checkpoints import save_tiny, tiny_config
from tests.drum_sequences import backbeat, drum_sequence, write_beat

BAR = 1920


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors", tiny_config())


@pytest.fixture
def beats(tmp_path: Path) -> tuple[Path, Path]:
    return write_beat(tmp_path / "a.mid"), write_beat(tmp_path / "b.mid", every=4)


def morph(tiny: Path, first: Path, second: Path, out: Path, *flags: str) -> Path:
    """Run the command; the file of all steps."""
    inputs = [f"--input_midi_1={first}", f"--input_midi_2={second}", "--temperature=0"]
    assert interpolate.main([f"--checkpoint_file={tiny}", *inputs, f"--output_dir={out}", *flags]) == 0
    return out / "hierdec-drum_4bar_small_interpolate.mid"


def ticks(path: Path) -> int:
    return sum(message.time for message in mido.MidiFile(path).tracks[0])


def onsets(path: Path) -> list[tuple[float, int]]:
    return sorted((round(n.start_time, 4), n.pitch) for n in read_midi(path).notes)


def test_eight_steps_are_thirty_two_bars_and_the_ends_are_the_reconstructions(
    tiny: Path, beats: tuple[Path, Path], tmp_path: Path
) -> None:
    whole = morph(tiny, *beats, tmp_path / "out", "--num_outputs=8", "--gallery")
    steps = sorted((tmp_path / "out").glob("*-of-008.mid"))
    assert ticks(whole) == 32 * BAR
    assert [ticks(path) for path in steps] == [4 * BAR] * 8
    assert whole.with_suffix(".html").is_file()
    joined = [(t + 8.0 * i, pitch) for i, path in enumerate(steps) for t, pitch in onsets(path)]
    assert onsets(whole) == sorted((round(t, 4), pitch) for t, pitch in joined)

    model = trained_model.load(str(tiny))
    for path, step in ((beats[0], steps[0]), (beats[1], steps[-1])):
        _, mu, _ = model.encode([read_midi(path)])
        (expected,) = model.decode(mu, temperature=None)
        assert onsets(step) == sorted((round(n.start_time, 4), n.pitch) for n in expected.notes)


def test_identical_files_give_the_same_clip_at_every_step(
    tiny: Path, beats: tuple[Path, Path], tmp_path: Path
) -> None:
    morph(tiny, beats[0], beats[0], tmp_path / "out", "--num_outputs=4")
    clips = {path.read_bytes() for path in (tmp_path / "out").glob("*-of-004.mid")}
    assert len(clips) == 1


def test_without_files_it_goes_between_two_samples(tiny: Path, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        flags = [f"--checkpoint_file={tiny}", "--num_outputs=3", f"--output_dir={tmp_path / folder}"]
        assert music_vae_generate.main(["--mode=interpolate", *flags]) == 0
    a, b = ({p.name: p.read_bytes() for p in (tmp_path / f).iterdir()} for f in "ab")
    assert len(a) == 4 and a == b


def test_files_are_not_overwritten_unless_forced(
    tiny: Path, beats: tuple[Path, Path], tmp_path: Path
) -> None:
    whole = morph(tiny, *beats, tmp_path / "out")
    before = whole.read_bytes()
    with pytest.raises(InputError, match="--force"):
        morph(tiny, *beats, tmp_path / "out", "--qpm=90")
    assert whole.read_bytes() == before
    morph(tiny, *beats, tmp_path / "out", "--qpm=90", "--force")
    assert whole.read_bytes() != before


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("short", "shorter than the model's clip"),
        ("pitched", "no drums"),
        ("waltz", "not 4/4"),
        ("empty", "no notes"),
        ("text", "not a MIDI file|MIDI"),
        ("missing", "missing.mid"),
    ],
)
def test_files_that_give_no_clip_are_refused_with_the_reason(
    tiny: Path, beats: tuple[Path, Path], tmp_path: Path, kind: str, reason: str
) -> None:
    path = tmp_path / f"{kind}.mid"
    pitched = drum_sequence([(i, 60, 80, 1) for i in range(64)])
    for note in pitched.notes:
        note.is_drum = False
    if kind == "text":
        path.write_text("hello")
    elif kind != "missing":
        sequence = {"short": backbeat(3), "pitched": pitched, "empty": drum_sequence([])}.get(
            kind, backbeat(4)
        )
        write_midi(sequence, path, Style(time_signature=(3, 4) if kind == "waltz" else (4, 4)))
    with pytest.raises(InputError, match=reason) as error:
        morph(tiny, beats[0], path, tmp_path / "out")
    assert str(path) in str(error.value) and "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_one_file_alone_or_one_step_is_refused(tiny: Path, beats: tuple[Path, Path]) -> None:
    with pytest.raises(InputError, match="go together"):
        interpolate.main([f"--checkpoint_file={tiny}", f"--input_midi_1={beats[0]}"])
    with pytest.raises(InputError, match="at least 2"):
        interpolate.main([f"--checkpoint_file={tiny}", "--num_outputs=1"])


VECTORS = arrays(np.float32, 6, elements=st.floats(-4, 4, width=32))


@given(start=VECTORS, end=VECTORS, steps=st.integers(2, 9))
def test_slerp_is_finite_and_keeps_its_ends(start: np.ndarray, end: np.ndarray, steps: int) -> None:
    way = slerp(start, end, steps)
    assert way.shape == (steps, 6) and way.dtype == np.float32
    assert np.isfinite(way).all()
    np.testing.assert_allclose(way[[0, -1]], [start, end], atol=1e-4)


def test_slerp_keeps_to_the_sphere() -> None:
    start, end = np.eye(2, dtype=np.float32)
    way = slerp(start, end, 5)
    np.testing.assert_allclose(np.linalg.norm(way, axis=1), 1.0, atol=1e-6)
    np.testing.assert_allclose(way[1], [np.cos(np.pi / 8), np.sin(np.pi / 8)], atol=1e-6)
    np.testing.assert_array_equal(slerp(start, start, 4), [start] * 4)
    np.testing.assert_allclose(slerp(start, -start, 3)[1], [0, 0], atol=1e-6)

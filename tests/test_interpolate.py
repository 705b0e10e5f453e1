"""interpolate.py: a way between two clips that begins and ends at them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import interpolate
import music_vae_generate
from common.errors import InputError
from models import families
from models.music_vae.interpolation import slerp
from models.music_vae.trained import TrainedModel
from preprocess.midi.reader import read_midi
from render.clips import joined
from render.midi import Style, write_midi
from tests.helpers.checkpoints import save_tiny, tiny_config
from tests.helpers.drum_sequences import backbeat, drum_sequence, write_beat
from tests.helpers.pitched_sequences import pitched, with_chords
from workflows.midi_clips.clip import read_clip

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


def test_eight_steps_are_thirty_two_bars_and_the_ends_are_the_clips(
    tiny: Path, beats: tuple[Path, Path], tmp_path: Path
) -> None:
    whole = morph(tiny, *beats, tmp_path / "out", "--num_outputs=8", "--gallery")
    steps = sorted((tmp_path / "out").glob("*-of-008.mid"))
    assert ticks(whole) == 32 * BAR
    assert [ticks(path) for path in steps] == [4 * BAR] * 8
    assert whole.with_suffix(".html").is_file()
    joined = [(t + 8.0 * i, pitch) for i, path in enumerate(steps) for t, pitch in onsets(path)]
    assert onsets(whole) == sorted((round(t, 4), pitch) for t, pitch in joined)

    for path, step in ((beats[0], steps[0]), (beats[1], steps[-1])):
        assert read_midi(step).notes == read_midi(path).notes


def test_identical_files_give_the_same_clip_at_every_step_between(
    tiny: Path, beats: tuple[Path, Path], tmp_path: Path
) -> None:
    morph(tiny, beats[0], beats[0], tmp_path / "out", "--num_outputs=4")
    clips = [path.read_bytes() for path in sorted((tmp_path / "out").glob("*-of-004.mid"))]
    assert clips[0] == clips[3] and clips[1] == clips[2]


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
    for i, note in enumerate(pitched.notes):
        note.is_drum, note.instrument = False, i % 2
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
    with pytest.raises(InputError, match="num_outputs is 1; expected a whole number from 2"):
        interpolate.main([f"--checkpoint_file={tiny}", "--num_outputs=1"])


def melody(bars: int, shift: int = 0, sequence: Any = None, **options: int) -> Any:
    """Quarter notes of a scale; `options` as for `pitched`."""
    notes = ((4 * i, 60 + shift + i % 7, 70 + i % 5, 4.0) for i in range(4 * bars))
    return pitched(*notes, sequence=sequence, **options)


def struck(path: Path) -> set[tuple[int, int]]:
    """Tick and pitch of all notes of a MIDI file."""
    return {(round(n.start_time * 960), n.pitch) for n in read_midi(path).notes}


def clip_of(kind: str, shift: int) -> Any:
    """A NoteSequence that a model of this kind can play."""
    if kind == "groove":
        return backbeat(2, every=2 + 2 * bool(shift))
    if kind == "melody":
        return melody(2, shift)
    sequence = melody(16 if kind == "trio" else 1, shift)
    melody(16 if kind == "trio" else 1, shift - 24, sequence, instrument=1, program=33)
    if kind == "trio":
        sequence.notes.extend(backbeat(16).notes)
    return sequence


@pytest.fixture(scope="module")
def tiny_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`tiny_of("cat-mel_2bar_small")`: a checkpoint of that config with random weights."""
    folder = tmp_path_factory.mktemp("checkpoints")

    def make(name: str, **changes: Any) -> Path:
        return save_tiny(folder / f"{name}.safetensors", tiny_config(name, **changes))

    return make


def run(path: Path, out: Path, *flags: object) -> tuple[Path, list[Path]]:
    """Run the command with three outputs; the file of all steps, and those of the steps."""
    options = ["--num_outputs=3", "--temperature=0", f"--output_dir={out}", *map(str, flags)]
    assert interpolate.main([f"--checkpoint_file={path}", *options]) == 0
    return next(out.glob("*_interpolate.mid")), sorted(out.glob("*-of-003.mid"))


@pytest.mark.parametrize(
    ("name", "kind", "bars", "chords"),
    [
        ("cat-mel_2bar_small", "melody", 2, None),
        ("cat-mel_2bar_med_chords", "melody", 2, "C G Am F"),
        ("flat-trio_16bar", "trio", 16, None),
        ("hier-multiperf_vel_1bar_med", "performance", 1, None),
        ("groovae_2bar_humanize", "groove", 2, None),
        ("nade-drums_2bar_reduced", "groove", 2, None),
    ],
)
def test_every_kind_of_music_is_interpolated_and_the_ends_are_the_clips(
    tiny_of: Callable[..., Path], tmp_path: Path, name: str, kind: str, bars: int, chords: str | None
) -> None:
    path = tiny_of(name)
    inputs = [tmp_path / "a.mid", tmp_path / "b.mid"]
    for file, shift in zip(inputs, (0, 3), strict=True):
        write_midi(clip_of(kind, shift), file)
    flags = [f"--input_midi_{i}={file}" for i, file in enumerate(inputs, 1)]
    if chords:
        flags.append(f"--chords={chords}")
    whole, steps = run(path, tmp_path / "out", *flags)
    assert ticks(whole) == 3 * bars * BAR and [ticks(step) for step in steps] == [bars * BAR] * 3
    expected = {(t + bars * BAR * i, pitch) for i, step in enumerate(steps) for t, pitch in struck(step)}
    assert struck(whole) == expected != set()

    model = families.open_music_vae(str(path))
    clips = [read_clip(str(file), model) for file in inputs]
    for step, file, clip in zip((steps[0], steps[-1]), inputs, clips, strict=True):
        written = {note for note in struck(file) if note[0] < bars * BAR}
        assert struck(step) == written
        inside = [note for note in read_midi(file).notes if note.start_time < 2 * bars]
        assert len(clip.notes) == len(inside) == len(read_midi(step).notes)


@pytest.mark.parametrize("name", ["groovae_2bar_hits_control_tfds", "cat-mel_2bar_med_chords"])
def test_without_chords_it_plays_to_what_the_first_file_has(
    tiny_of: Callable[..., Path], tmp_path: Path, name: str
) -> None:
    path = tiny_of(name)
    kind = "groove" if "groovae" in name else "melody"
    for file, shift in (("a.mid", 0), ("b.mid", 3)):
        write_midi(clip_of(kind, shift), tmp_path / file)
    flags = [f"--input_midi_1={tmp_path / 'a.mid'}", f"--input_midi_2={tmp_path / 'b.mid'}"]
    whole, _ = run(path, tmp_path / "out", *flags)
    assert ticks(whole) == 6 * BAR
    with pytest.raises(InputError, match=r"plays (over chords|to given hits)"):
        run(path, tmp_path / "none")
    with pytest.raises(InputError, match="32 steps to play to, not 16; leave out --length"):
        run(path, tmp_path / "none", *flags, "--length=16")
    assert not (tmp_path / "none").exists()


def test_a_model_without_latent_vector_is_refused(tiny_of: Callable[..., Path], tmp_path: Path) -> None:
    path = tiny_of("cat-mel_2bar_small", z_size=0)
    with pytest.raises(InputError, match=r"no latent vector to go along; sample.py can play it\.$"):
        run(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_pictures_page_and_sound_of_pitched_clips_are_written_where_asked(
    tiny_of: Callable[..., Path], tmp_path: Path
) -> None:
    run(tiny_of("cat-mel_2bar_small"), tmp_path, "--png", "--gallery", "--wav", "--length=16")
    suffixes = sorted(path.suffix for path in tmp_path.iterdir())
    assert suffixes == [".html", *[".mid"] * 4, ".png", *[".wav"] * 3]


@pytest.mark.parametrize(
    ("name", "sequence", "reason"),
    [
        ("cat-mel_2bar_small", backbeat(2), "no melody; it takes 2 bars in 4/4 that cat-mel_2bar_small"),
        ("flat-trio_16bar", melody(16), "no melody, bass and drums; it takes 16 bars"),
        ("flat-mel_16bar", melody(9), "shorter than the model's clip; it takes 16 bars"),
        ("groovae_2bar_humanize", melody(2, 0, melody(2), instrument=1), "no drums"),
    ],
)
def test_clips_that_a_model_cannot_play_are_refused_with_the_reason(
    tiny_of: Callable[..., Path], tmp_path: Path, name: str, sequence: Any, reason: str
) -> None:
    path = tmp_path / "clip.mid"
    write_midi(sequence, path)
    with pytest.raises(InputError, match=reason) as error:
        run(tiny_of(name), tmp_path / "out", f"--input_midi_1={path}", f"--input_midi_2={path}")
    assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_clips_of_other_tempos_are_joined_bar_by_bar() -> None:
    slow = with_chords(melody(1, 5), (8, "G"))
    slow.tempos[0].qpm = 60.0
    for event in [*slow.notes, *slow.text_annotations]:
        for field in {"start_time", "end_time", "time"} & {f.name for f, _ in event.ListFields()}:
            setattr(event, field, 2 * getattr(event, field))
    whole = joined([melody(1), slow, melody(1)], 1)
    assert (whole.tempos[0].qpm, whole.total_time) == (120.0, 6.0)
    assert [round(n.start_time, 6) for n in whole.notes] == [0.5 * i for i in range(12)]
    assert [(a.time, a.text) for a in whole.text_annotations] == [(3.0, "G")]


def test_joined_clips_keep_their_programs_and_end_at_their_bar_line() -> None:
    first = pitched((0, 60, 80, 40))
    second = pitched((0, 60, 80, 4), instrument=0, program=48)
    second.notes.extend(drum_sequence([(0, 36, 80, 1), (17, 38, 80, 1)]).notes)
    whole = joined([first, second, first], 1)
    found = [(n.start_time, n.end_time, n.program, n.is_drum) for n in whole.notes]
    assert found == [
        (0, 2, 0, False), (2, 2.5, 48, False), (2, 2.125, 0, True), (4, 6, 0, False),
    ]  # fmt: skip
    assert len({n.instrument for n in whole.notes}) == 3
    assert whole.notes[0].instrument == whole.notes[3].instrument


def test_joined_drums_are_the_steps_drums() -> None:
    whole = joined([backbeat(4), backbeat(4, every=4)], 4)
    assert len(whole.notes) == len(backbeat(4).notes) + len(backbeat(4, every=4).notes)
    assert all(note.is_drum for note in whole.notes)


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


def test_clips_are_decoded_in_batches_without_changing_the_steps(
    tiny: Path, beats: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = morph(tiny, *beats, tmp_path / "whole", "--num_outputs=4")
    decode, sizes = TrainedModel.decode_values, []

    def counted(self: Any, z: np.ndarray, *arguments: Any, **options: Any) -> np.ndarray:
        sizes.append(len(z))
        return decode(self, z, *arguments, **options)

    monkeypatch.setattr(TrainedModel, "decode_values", counted)
    parts = morph(tiny, *beats, tmp_path / "parts", "--num_outputs=4", "--max_batch_size=7")
    assert len(sizes) > 1 and max(sizes) == 7
    assert parts.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("flag", ["--bar=2", "--drum_channel=1", "--drum_track=Drums"])
def test_flags_about_input_files_need_some(tiny: Path, tmp_path: Path, flag: str) -> None:
    with pytest.raises(InputError, match=f"{flag.partition('=')[0]} says which part of a MIDI file to read"):
        interpolate.main([f"--checkpoint_file={tiny}", flag, f"--output_dir={tmp_path / 'out'}"])
    assert not (tmp_path / "out").exists()

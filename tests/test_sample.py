"""sample.py: the same seed gives the same files, nothing is overwritten, and no framework is loaded."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest

import sample
from common.errors import CheckpointError, InputError
from models import families
from preprocess.midi.reader import read_midi
from tests.conftest import ROOT
from tests.helpers.checkpoints import save_tiny, tiny_config
from tests.helpers.processes import FRAMEWORKS, contents, run
from workflows.latent_clips import controls_of

COMMANDS = [
    *sorted(path.name for path in ROOT.glob("*.py") if "run_command(main)" in path.read_text()),
    *("preprocess/convert_dir_to_note_sequences.py", "preprocess/preprocess_tfrecord.py"),
]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors", tiny_config())


@pytest.fixture(scope="module")
def tiny_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`tiny_of("cat-mel_2bar_small")`: a checkpoint of that config with random weights."""
    folder, made = tmp_path_factory.mktemp("checkpoints"), {}

    def make(name: str, **changes: Any) -> Path:
        key = name + "".join(f"-{k}-{v}" for k, v in changes.items())
        if key not in made:
            made[key] = save_tiny(folder / f"{key}.safetensors", tiny_config(name, **changes))
        return made[key]

    return make


def test_the_same_seed_gives_the_same_bytes_however_they_are_batched(tiny: Path, tmp_path: Path) -> None:
    flags = [f"--checkpoint_file={tiny}", "--num_outputs=5", "--temperature=0.8"]
    for folder, more in (
        ("a", ["--seed=3"]),
        ("b", ["--seed=3", "--max_batch_size=2"]),
        ("c", ["--seed=3", "--max_batch_size", "1"]),
        ("d", ["--seed=4"]),
    ):
        assert sample.main([*flags, *more, f"--output_dir={tmp_path / folder}"]) == 0
    first = contents(tmp_path / "a")
    assert len(first) == 5 and len(set(first.values())) == 5
    assert first == contents(tmp_path / "b") == contents(tmp_path / "c")
    assert not set(first.values()) & set(contents(tmp_path / "d").values())


def test_more_samples_begin_with_the_same_ones(tiny: Path, tmp_path: Path) -> None:
    for n in (2, 3):
        sample.main([f"--checkpoint_file={tiny}", f"--num_outputs={n}", f"--output_dir={tmp_path / str(n)}"])
    two, three = (list(contents(tmp_path / str(n)).values()) for n in (2, 3))
    assert three[:2] == two


@pytest.mark.slow
def test_a_backend_plays_what_numpy_plays(tiny: Path, tmp_path: Path) -> None:
    keras = pytest.importorskip("keras")
    for backend in ("numpy", keras.backend.backend()):
        flags = [f"--checkpoint_file={tiny}", "--num_outputs=3", "--temperature=0", f"--backend={backend}"]
        assert sample.main([*flags, f"--output_dir={tmp_path / backend}"]) == 0
    assert contents(tmp_path / "numpy") == contents(tmp_path / keras.backend.backend())


def test_numpy_is_refused_where_it_can_not_play(tiny_of: Callable[..., Path], tmp_path: Path) -> None:
    path = tiny_of("cat-drums_2bar_small", residual_decoder=True)
    with pytest.raises(InputError, match="NumPy can't run its decoder"):
        sample.main([f"--checkpoint_file={path}", "--backend=numpy", f"--output_dir={tmp_path / 'new'}"])
    assert not (tmp_path / "new").exists()


def test_every_clip_is_four_bars_of_drums(tiny: Path, tmp_path: Path) -> None:
    sample.main([f"--checkpoint_file={tiny}", "--num_outputs=2", "--qpm=90", f"--output_dir={tmp_path}"])
    for path in tmp_path.iterdir():
        file = mido.MidiFile(path)
        assert sum(m.time for m in file.tracks[0]) == 4 * 4 * file.ticks_per_beat
        notes = [m for m in file.tracks[0] if m.type == "note_on"]
        assert notes and {m.channel for m in notes} == {9}
        assert [round(mido.tempo2bpm(m.tempo)) for m in file.tracks[0] if m.type == "set_tempo"] == [90]


def played(sequence: Any, bars: int) -> set[tuple[int, int, bool, int]]:
    """Tick, pitch, whether it is a drum, and velocity of all notes that begin within the bars."""
    per_second = sequence.tempos[0].qpm / 60 * 480
    notes = (
        (round(n.start_time * per_second), n.pitch, n.is_drum, max(1, n.velocity)) for n in sequence.notes
    )
    return {note for note in notes if note[0] < bars * 1920}


@pytest.mark.parametrize(
    ("name", "bars", "chords"),
    [
        ("cat-mel_2bar_small", 2, None),
        ("cat-mel_2bar_med_chords", 2, "C G Am F"),
        ("flat-trio_16bar", 16, None),
        ("hier-multiperf_vel_1bar_med", 1, None),
        ("hier-multiperf_vel_1bar_med_chords", 1, "C G"),
        ("groovae_2bar_humanize", 2, None),
        ("nade-drums_2bar_reduced", 2, None),
        ("nade-drums_2bar_full", 2, None),
    ],
)
def test_midi_files_hold_what_the_model_played(
    tiny_of: Callable[..., Path], tmp_path: Path, name: str, bars: int, chords: str | None
) -> None:
    path = tiny_of(name)
    flags = ["--num_outputs=2", "--seed=3", "--qpm=100", *([f"--chords={chords}"] if chords else [])]
    assert sample.main([f"--checkpoint_file={path}", *flags, f"--output_dir={tmp_path}"]) == 0
    model = families.open_music_vae(str(path))
    controls = controls_of(model, chords, 2, model.max_length)
    expected = model.sample(2, temperature=0.5, c_input=controls, seed=3)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 2
    for file, sequence in zip(files, expected, strict=True):
        midi = mido.MidiFile(file)
        assert sum(message.time for message in midi.tracks[0]) == bars * 1920
        found, wanted = played(read_midi(file), bars), played(sequence, bars)
        # Of what two instruments of one channel strike at once the louder is kept.
        assert {note[:3] for note in found} == {note[:3] for note in wanted} != set()
        assert found <= wanted
        programs = {note.program for note in sequence.notes if not note.is_drum}
        assert programs == {m.program for m in midi.tracks[0] if m.type == "program_change"}


@pytest.mark.parametrize("name", ["cat-mel_2bar_med_chords", "flat-trio_16bar"])
def test_pitched_clips_get_pictures_page_and_sound(
    tiny_of: Callable[..., Path], tmp_path: Path, name: str
) -> None:
    flags = [f"--checkpoint_file={tiny_of(name)}", "--num_outputs=1", "--png", "--gallery", "--wav"]
    more = ["--length=32"] if "trio" in name else ["--chords=C F"]
    assert sample.main([*flags, *more, f"--output_dir={tmp_path}"]) == 0
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".html", ".mid", ".png", ".wav"]
    page = next(tmp_path.glob("*.html")).read_text()
    assert ('"chords":[[0,"C"],[16,"F"]]' in page) == ("chords" in name)


def test_chords_are_spread_evenly(tiny_of: Callable[..., Path]) -> None:
    model = families.open_music_vae(str(tiny_of("cat-mel_2bar_med_chords")))
    controls = controls_of(model, "C G7 | Am Bb", 3, 32)
    assert controls.shape == (3, 32, 49) and controls.sum() == 3 * 32
    for sequence in model.to_note_sequences(np.zeros((3, 32), np.int32), controls):
        chords = [a for a in sequence.text_annotations if a.annotation_type == a.CHORD_SYMBOL]
        assert [(a.time, a.text) for a in chords] == [(0, "C"), (1, "G"), (2, "Am"), (3, "Bb")]
    (three,) = controls_of(model, "C F#dim N.C.", 1, 32)
    assert three.argmax(axis=1).tolist() == [1] * 11 + [1 + 36 + 6] * 11 + [0] * 10


def test_a_performance_of_one_bar_has_one_chord_and_the_next_clip_the_next(
    tiny_of: Callable[..., Path],
) -> None:
    model = families.open_music_vae(str(tiny_of("hier-multiperf_vel_1bar_med_chords")))
    controls = controls_of(model, "C Am", 3, model.max_length)
    assert controls.shape == (3, 512, 49)
    grid = controls.argmax(axis=2).reshape(3, 8, 64)
    assert (grid[:, :, 0] == 0).all(), "the program of each instrument is under no chord"
    assert [set(np.unique(clip[:, 1:])) for clip in grid] == [{1}, {1 + 12 + 9}, {1}]


def test_length_is_that_of_the_flag_where_the_model_has_no_levels(
    tiny_of: Callable[..., Path], tmp_path: Path
) -> None:
    flags = [f"--checkpoint_file={tiny_of('cat-mel_2bar_small')}", "--num_outputs=1"]
    for length, bars in ((16, 1), (40, 3), (128, 8)):
        sample.main([*flags, f"--length={length}", f"--output_dir={tmp_path / str(length)}"])
        (path,) = (tmp_path / str(length)).iterdir()
        assert sum(m.time for m in mido.MidiFile(path).tracks[0]) == bars * 1920


def test_a_model_without_latent_vector_plays(tiny_of: Callable[..., Path], tmp_path: Path) -> None:
    path = tiny_of("cat-mel_2bar_small", z_size=0)
    assert sample.main([f"--checkpoint_file={path}", "--num_outputs=2", f"--output_dir={tmp_path}"]) == 0
    first, second = contents(tmp_path).values()
    assert first != second


@pytest.mark.parametrize(
    ("name", "flags", "message"),
    [
        ("cat-mel_2bar_med_chords", [], 'plays over chords; give them, as --chords="C G Am F"'),
        ("hier-multiperf_vel_1bar_med_chords", [], "plays over chords"),
        ("cat-mel_2bar_med_chords", ["--chords="], "--chords is empty"),
        ("cat-mel_2bar_med_chords", ["--chords=C H"], "'H' is not a chord"),
        ("cat-mel_2bar_med_chords", ["--chords=Csus4"], "'Csus4' is not a chord that the model knows"),
        ("cat-mel_2bar_med_chords", ["--chords=" + "C " * 33], "33 chords for 32 steps"),
        ("cat-mel_2bar_small", ["--chords=C"], "takes no chords"),
        ("groovae_2bar_hits_control_tfds", [], "plays to given hits"),
        ("groovae_2bar_hits_control_tfds", ["--chords=C"], "takes no chords"),
        ("cat-mel_2bar_small", ["--length=0"], "--length is 0"),
        ("cat-mel_2bar_small", ["--length=99999999"], "length is 99999999"),
        ("hier-multiperf_vel_1bar_med", ["--length=64"], "always plays 512 steps"),
        ("cat-mel_2bar_small", ["--num_outputs=65", "--png"], "at most 64 clips"),
    ],
)
def test_what_a_model_cannot_play_is_refused_and_nothing_is_written(
    tiny_of: Callable[..., Path], tmp_path: Path, name: str, flags: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message) as error:
        sample.main([f"--checkpoint_file={tiny_of(name)}", f"--output_dir={tmp_path / 'out'}", *flags])
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_weights_of_another_config_are_refused_and_nothing_is_written(
    tiny_of: Callable[..., Path], tmp_path: Path
) -> None:
    for config in ("cat-mel_2bar_small", "nade-drums_2bar_reduced", "hierdec-drum_4bar_small"):
        flags = [f"--checkpoint_file={tiny_of('flat-trio_16bar')}", f"--config={config}"]
        with pytest.raises(CheckpointError, match=r"was trained as|don't fit"):
            sample.main([*flags, f"--output_dir={tmp_path / 'out'}"])
    assert not (tmp_path / "out").exists()


def test_pictures_page_and_sound_are_written_where_asked(tiny: Path, tmp_path: Path) -> None:
    flags = ["--png", "--gallery", "--wav", "--num_outputs=2", f"--output_dir={tmp_path}"]
    assert sample.main([f"--checkpoint_file={tiny}", *flags]) == 0
    suffixes = sorted(path.suffix for path in tmp_path.iterdir())
    assert suffixes == [".html", ".mid", ".mid", ".png", ".wav", ".wav"]


def test_the_output_folder_that_is_a_file_is_refused(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="can't be written"):
        sample.main([f"--checkpoint_file={tiny}", "--num_outputs=1", f"--output_dir={tmp_path / 'file'}"])
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_files_are_not_overwritten_unless_forced(tiny: Path, tmp_path: Path) -> None:
    flags = [f"--checkpoint_file={tiny}", "--num_outputs=2", f"--output_dir={tmp_path}"]
    sample.main(flags)
    before = contents(tmp_path)
    with pytest.raises(InputError, match="--force"):
        sample.main([*flags, "--seed=9"])
    assert contents(tmp_path) == before
    assert sample.main([*flags, "--seed=9", "--force"]) == 0
    after = contents(tmp_path)
    assert after.keys() == before.keys() and after != before


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--num_outputs=0"], "--num_outputs is 0"),
        (["--max_batch_size=0"], "--max_batch_size is 0"),
        (["--temperature=-1"], "--temperature is -1"),
        (["--temperature=nan"], "--temperature is nan"),
        (["--seed=-1"], "--seed is -1"),
        (["--length=8"], "always plays 64 steps"),
        (["--bars=2"], "--bars is for models that continue a beginning"),
        (["--attention"], "--attention is for models"),
        (["--run_dir=x"], "both given"),
        (["--qpm=1"], "qpm is 1"),
        (["--swing=2"], "swing is 2"),
        (["--velocity=300"], "velocity is 300"),
        (["--drum_map=nothing"], "neither a drum map"),
    ],
)
def test_flags_that_make_no_sense_are_refused_and_nothing_is_written(
    tiny: Path, tmp_path: Path, flags: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        sample.main([f"--checkpoint_file={tiny}", f"--output_dir={tmp_path / 'out'}", *flags])
    assert not (tmp_path / "out").exists()


def test_checkpoint_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such file"):
        sample.main(["--checkpoint_file=nowhere", f"--output_dir={tmp_path}"])
    path = tmp_path / "text.safetensors"
    path.write_text("nothing of the kind")
    with pytest.raises(CheckpointError, match="can't be read"):
        sample.main([f"--checkpoint_file={path}"])


def test_command_ends_with_status_and_one_line_and_loads_no_framework(
    tiny: Path, tiny_of: Callable[..., Path], tmp_path: Path
) -> None:
    done = run("sample.py", f"--checkpoint_file={tiny}", "--num_outputs=1", f"--output_dir={tmp_path}")
    assert (done.returncode, done.stderr) == (0, "")
    said, modules = done.stdout.splitlines()
    assert said == f"Wrote 1 clip (1 file) to {tmp_path}, temperature 0.5, seed 0."
    assert not (FRAMEWORKS | {"matplotlib", "note_seq"}) & set(modules.split())

    for name, flags in (("hier-multiperf_vel_1bar_med", []), ("cat-mel_2bar_med_chords", ["--chords=C G"])):
        done = run("sample.py", f"--checkpoint_file={tiny_of(name)}", *flags, f"--output_dir={tmp_path}")
        assert (done.returncode, done.stderr) == (0, "")
        assert not (FRAMEWORKS | {"matplotlib"}) & set(done.stdout.splitlines()[-1].split())

    flags = ["--num_outputs=2", f"--output_dir={tmp_path}"]
    done = run("interpolate.py", f"--checkpoint_file={tiny_of('cat-mel_2bar_small')}", *flags)
    assert (done.returncode, done.stderr) == (0, "")
    assert not (FRAMEWORKS | {"matplotlib", "note_seq"}) & set(done.stdout.splitlines()[-1].split())

    for script, flags in (
        ("sample.py", [f"--checkpoint_file={tiny_of('cat-mel_2bar_med_chords')}"]),
        ("sample.py", [f"--checkpoint_file={tiny}", "--num_outputs=1", f"--output_dir={tmp_path}"]),
        ("sample.py", ["--checkpoint_file=nowhere"]),
        ("sample.py", ["--config=nothing"]),
        ("music_vae_generate.py", ["--mode=sample", "--checkpoint_file=nowhere"]),
        ("music_vae_generate.py", ["--mode=interpolate", "--input_midi_1=a.mid"]),
        ("train.py", ["--run_dir=x"]),
    ):
        done = run(script, *flags)
        assert done.returncode == 2
        assert done.stderr.startswith(f"{script}: ") and done.stderr.count("\n") == 1, done.stderr


@pytest.mark.parametrize("script", COMMANDS)
def test_help_loads_no_framework(script: str) -> None:
    done = run(script, "--help")
    assert done.returncode == 0
    assert "usage:" in done.stdout and "example:" in done.stdout
    modules = set(done.stdout.splitlines()[-1].split())
    assert not (FRAMEWORKS | {"matplotlib", "note_seq", "apache_beam"}) & modules


@pytest.mark.parametrize("flag", ["--bar=2", "--drum_channel=1", "--drum_track=Drums"])
def test_flags_about_input_files_need_one(tiny: Path, tmp_path: Path, flag: str) -> None:
    with pytest.raises(InputError, match=f"{flag.partition('=')[0]} says which part of a MIDI file to read"):
        sample.main([f"--checkpoint_file={tiny}", flag, f"--output_dir={tmp_path / 'out'}"])
    assert not (tmp_path / "out").exists()

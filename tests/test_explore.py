"""explore.py: every subcommand writes what it says, and refuses with a sentence what it can't do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import explore
from common.errors import CheckpointError, InputError
from models import families
from models.music_vae.embedding import load_embedding
from patterns.convert import main as convert_patterns
from preprocess.midi.reader import read_midi
from render.midi import write_midi
from tests.conftest import ROOT
from tests.helpers.checkpoints import save_tiny, tiny_config, tiny_history_config
from tests.helpers.drum_sequences import drum_sequence, write_beat

COMMANDS = ("similar", "grid", "vary", "infill", "combine", "embed", "neighbours", "attributes")
FRAMEWORKS = {"tensorflow", "keras", "jax", "tensorflow_probability"}
NAME = "hierdec-drum_4bar_small"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors", tiny_config())


@pytest.fixture(scope="module")
def groove(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = tiny_config("groovae_2bar_humanize")
    return save_tiny(tmp_path_factory.mktemp("checkpoint") / "groove.safetensors", config)


@pytest.fixture
def beat(tmp_path: Path) -> Path:
    return write_beat(tmp_path / "beat.mid")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight of the project's beats as MIDI files, and two files that give no clip."""
    every, some = tmp_path_factory.mktemp("all"), tmp_path_factory.mktemp("midi")
    assert convert_patterns([f"--midi_dir={every}"]) == 0
    for path in sorted(every.glob("rock-*.mid"))[:5] + sorted(every.glob("funk-*.mid"))[:3]:
        (some / path.name).write_bytes(path.read_bytes())
    write_beat(some / "short.mid", bars=1)
    (some / "text.mid").write_text("hello")
    (some / "notes.txt").write_text("no music")
    return some


def run(tiny: Path, out: Path, *flags: object) -> list[Path]:
    """Run a subcommand; the MIDI files that it wrote, in order."""
    command, *rest = map(str, flags)
    assert explore.main([command, f"--checkpoint_file={tiny}", f"--output_dir={out}", *rest]) == 0
    return sorted(out.glob("*.mid"))


def onsets(path: Path, first: float = 0.0, end: float = 8.0) -> list[tuple[float, int]]:
    notes = read_midi(path).notes
    return sorted((round(n.start_time, 3), n.pitch) for n in notes if first <= n.start_time < end - 1e-6)


# Commands that make clips.


def test_similar_at_1_is_the_clip_itself(tiny: Path, beat: Path, tmp_path: Path) -> None:
    flags = ("similar", f"--input_midi={beat}", "--num_outputs=3", "--temperature=0")
    same = run(tiny, tmp_path / "a", *flags, "--similarity=1", "--png", "--gallery")
    assert len(same) == 3 and len({path.read_bytes() for path in same}) == 1
    assert same[0].parent.joinpath(f"{NAME}_similar.png").is_file()
    assert same[0].parent.joinpath(f"{NAME}_similar.html").is_file()
    assert read_midi(same[0]).notes == read_midi(beat).notes
    other = run(tiny, tmp_path / "b", *flags, "--similarity=0.2")
    assert len({path.read_bytes() for path in other}) > 1


def test_a_grid_has_its_clips_at_its_corners(tiny: Path, tmp_path: Path) -> None:
    beats = [write_beat(tmp_path / f"{every}.mid", every=every) for every in (1, 2, 4, 8)]
    inputs = [f"--input_midi_{i}={path}" for i, path in enumerate(beats, 1)]
    shape = ("--rows=3", "--columns=2", "--temperature=0", "--png")
    clips = run(tiny, tmp_path / "out", "grid", *inputs, *shape)
    assert len(clips) == 6 and (tmp_path / "out" / f"{NAME}_grid.png").is_file()
    for path, place in zip(beats, (0, 1, 4, 5), strict=True):
        assert read_midi(clips[place]).notes == read_midi(path).notes
    assert len(run(tiny, tmp_path / "samples", "grid", "--rows=1", "--columns=2")) == 2


def test_infill_leaves_the_other_bars_alone(tiny: Path, beat: Path, tmp_path: Path) -> None:
    flags = ("--bars=2,4", "--num_outputs=2", "--num_candidates=4", "--temperature=1")
    clips = run(tiny, tmp_path / "out", "infill", f"--input_midi={beat}", *flags)
    assert len(clips) == 2
    for path in clips:
        for first, kept in ((0.0, True), (2.0, False), (4.0, True), (6.0, False)):
            assert (onsets(path, first, first + 2) == onsets(beat, first, first + 2)) == kept


def test_combining_with_what_is_taken_away_again_changes_nothing(
    tiny: Path, beat: Path, tmp_path: Path
) -> None:
    other = write_beat(tmp_path / "other.mid", every=1)
    (clip,) = run(
        tiny,
        tmp_path / "a",
        "combine",
        f"--input_midi={beat}",
        f"--plus={other}",
        f"--minus={other}",
        "--temperature=0",
    )
    model = families.open_music_vae(str(tiny))
    _, mu, _ = model.encode([read_midi(beat)])
    (expected,) = model.decode(mu, temperature=None)
    assert onsets(clip) == sorted((round(n.start_time, 3), n.pitch) for n in expected.notes)


# Commands on many clips.


def test_embedding_a_folder_and_finding_neighbours(
    tiny: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "set.npz"
    flags = [f"--checkpoint_file={tiny}", f"--output_file={output}", "--png", "--colour=hits"]
    assert explore.main(["embed", f"--input_dir={folder}", *flags]) == 0
    text = capsys.readouterr().out
    assert "in 8 of 10 files (refused: " in text and "too_short 1" in text and "not_midi 1" in text
    assert output.with_suffix(".png").is_file()
    embedding = load_embedding(output.read_bytes(), "set")
    assert embedding.config == NAME and len(set(embedding.names.tolist())) == 8
    assert embedding.mu.shape == embedding.sigma.shape == (len(embedding.names), 4)
    with pytest.raises(InputError, match="already exists"):
        explore.main(["embed", f"--input_dir={folder}", *flags])

    model = families.open_music_vae(str(tiny))
    query = sorted(folder.glob("funk-*.mid"))[0]
    find = ("neighbours", f"--embedding={output}", f"--input_midi={query}", "--num_neighbours=3")
    for measure in ("cosine", "euclidean"):
        clips = run(tiny, tmp_path / measure, *find, f"--measure={measure}", "--midi")
        assert len(clips) == 3
        found, asked = (model.examples_of(read_midi(path))[0].inputs for path in (clips[0], query))
        np.testing.assert_array_equal(found, asked)
    assert "Found 3 neighbours" in capsys.readouterr().out
    assert run(tiny, tmp_path / "none", *find) == []
    with pytest.raises(CheckpointError, match="another checkpoint"):
        explore.main([*find, f"--output_dir={tmp_path / 'x'}"])


def test_a_tfrecord_is_embedded_like_its_files(tiny: Path, patterns_tfrecord: Path, tmp_path: Path) -> None:
    flags = [f"--examples_path={patterns_tfrecord}", f"--output_file={tmp_path / 'set'}"]
    assert explore.main(["embed", f"--checkpoint_file={tiny}", *flags]) == 0
    embedding = load_embedding((tmp_path / "set.npz").read_bytes(), "set")
    assert len(embedding.mu) > 50 and (embedding.clips >= 0).all()


def test_attribute_vectors_are_computed_and_used(
    tiny: Path, patterns_tfrecord: Path, beat: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "vectors.json"
    flags = ("--num_samples=4", "--amounts=-1,2", f"--attributes_file={file}")
    run(tiny, tmp_path / "report", "attributes", f"--examples_path={patterns_tfrecord}", *flags)
    report = json.loads((tmp_path / "report" / "attribute_effects.json").read_text())
    assert report["names"] == ["hits", "hihat", "syncopation"]
    assert np.shape(report["vectors"]["moved"]) == (3, 2, 3)
    assert (tmp_path / "report" / "attribute_effects.png").is_file()
    assert json.loads(file.read_text())["config"] == NAME

    vary = ("vary", "--attribute=hits", f"--attributes_file={file}")
    assert len(run(tiny, tmp_path / "a", *vary, "--amount=-1,1", "--num_outputs=2")) == 4
    (same,) = run(tiny, tmp_path / "b", *vary, "--amount=0", f"--input_midi={beat}", "--temperature=0")
    assert read_midi(same).notes == read_midi(beat).notes
    assert same.name.endswith("_hits+0.mid")
    assert "hits a bar" in capsys.readouterr().out
    with pytest.raises(InputError, match="no vector of 'swing'"):
        run(tiny, tmp_path / "d", "vary", "--attribute=swing", f"--attributes_file={file}")
    with pytest.raises(InputError, match="another checkpoint"):
        explore.main([*vary, f"--output_dir={tmp_path / 'e'}"])


def test_the_shipped_model_varies_out_of_the_box(tmp_path: Path) -> None:
    flags = ["--attribute=hits", "--orthogonal", "--num_outputs=1", f"--output_dir={tmp_path}"]
    assert explore.main(["vary", *flags]) == 0
    assert len(list(tmp_path.glob("*.mid"))) == 1


# What is refused.


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("similar", "--input_midi=BEAT", "--similarity=1.5"), "expected a number from 0 to 1"),
        (
            ("similar", "--input_midi=BEAT", "--num_outputs=0"),
            "num_outputs is 0; expected a whole number from 1",
        ),
        (("similar", "--input_midi=BEAT", "--seed=-1"), "seed is -1; expected a whole number from 0"),
        (("similar", "--input_midi=absent.mid"), "absent.mid"),
        (("grid", "--input_midi_1=BEAT"), "give all four"),
        (("grid", "--qpm=1000"), "qpm is 1000; expected a number from 10 to 400"),
        (("vary", "--attribute=hits", "--amount=much"), "expected numbers"),
        (("vary", "--attribute=hits", "--amount=nan"), "expected numbers"),
        (("vary", "--attribute=hits"), "make it with explore.py attributes"),
        (("infill", "--input_midi=BEAT", "--bars=5"), "bars from 1 to 4"),
        (("infill", "--input_midi=BEAT", "--bars=x"), "bars from 1 to 4"),
        (("infill", "--input_midi=BEAT", "--bars=3-2"), "bars from 1 to 4"),
        (("infill", "--input_midi=BEAT", "--bars=1-4"), "some must stay"),
        (("combine", "--input_midi=BEAT"), "--plus nor --minus"),
        (("neighbours", "--input_midi=BEAT", "--embedding=absent.npz"), "absent.npz"),
        (("attributes", "--examples_path=absent.tfrecord"), "absent.tfrecord"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tiny: Path, beat: Path, tmp_path: Path, flags: tuple[str, ...], message: str
) -> None:
    with pytest.raises(InputError, match=message) as error:
        run(tiny, tmp_path / "out", *(flag.replace("BEAT", str(beat)) for flag in flags))
    assert "\n" not in str(error.value) and not (tmp_path / "out").exists()


def test_embed_needs_one_source_that_holds_clips(tiny: Path, beat: Path, tmp_path: Path) -> None:
    empty, output = tmp_path / "empty", f"--output_file={tmp_path / 'set.npz'}"
    empty.mkdir()
    command = ["embed", f"--checkpoint_file={tiny}", output]
    for flags, message in (
        ([], "give one of them"),
        ([f"--input_dir={empty}"], "none of 0 files"),
        ([f"--input_dir={beat.parent}", "--colour=pitch"], "expected one of file, hits"),
    ):
        with pytest.raises(InputError, match=message):
            explore.main([*command, *flags])
    assert not (tmp_path / "set.npz").exists()


def test_models_that_can_not_fill_in_say_so(groove: Path, beat: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="takes a model of tokens"):
        run(groove, tmp_path / "out", "infill", f"--input_midi={beat}", "--bars=1")


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("cat-mel_2bar_small", ()),
        ("cat-mel_2bar_med_chords", ("--chords=C Am",)),
        pytest.param("hier-trio_16bar", (), marks=pytest.mark.slow),
        ("groovae_2bar_humanize", ()),
    ],
)
def test_models_of_all_kinds_of_music(name: str, flags: tuple[str, ...], tmp_path: Path) -> None:
    path = save_tiny(tmp_path / "tiny.safetensors", tiny_config(name))
    clips = run(path, tmp_path / "grid", "grid", "--rows=2", "--columns=2", "--png", *flags)
    assert len(clips) == 4 and (tmp_path / "grid" / f"{name}_grid.png").is_file()
    if name == "cat-mel_2bar_small":
        # A sample may begin with rests, which the converter leaves out: take one that is a clip again.
        melody = tmp_path / "melody.mid"
        write_melody(melody)
        found = run(path, tmp_path / "infill", "infill", f"--input_midi={melody}", "--bars=2")
        assert [onsets(clip, 0, 2) for clip in found] == [onsets(melody, 0, 2)] * 3


def write_melody(path: Path) -> None:
    """Two bars of quarter notes, upwards."""
    sequence = drum_sequence([(4 * i, 60 + i, 80, 4) for i in range(8)])
    for note in sequence.notes:
        note.is_drum, note.instrument = False, 0
    write_midi(sequence, path, bars=2)


def test_files_are_not_overwritten_unless_forced(tiny: Path, tmp_path: Path) -> None:
    flags = ("grid", "--rows=1", "--columns=2", "--png")
    run(tiny, tmp_path, *flags)
    with pytest.raises(InputError, match="--force"):
        run(tiny, tmp_path, *flags)
    run(tiny, tmp_path, *flags, "--force")


# The process.


def in_process(*flags: str) -> subprocess.CompletedProcess:
    """Run the command; its last line of output is the modules it loaded."""
    code = (
        "import runpy, sys\n"
        f"sys.argv = ['explore.py', *{flags!r}]\n"
        "status = 0\n"
        f"try: runpy.run_path({str(ROOT / 'explore.py')!r}, run_name='__main__')\n"
        "except SystemExit as end: status = end.code or 0\n"
        "print(*sys.modules)\n"
        "sys.exit(status)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )


def test_help_loads_neither_pictures_nor_a_framework() -> None:
    for command in ((), *((name,) for name in COMMANDS)):
        done = in_process(*command, "--help")
        assert done.returncode == 0 and "example:" in done.stdout
        assert not {"matplotlib", *FRAMEWORKS} & set(done.stdout.splitlines()[-1].split())


def test_filling_in_loads_no_framework(tiny: Path, beat: Path, tmp_path: Path) -> None:
    flags = (f"--checkpoint_file={tiny}", f"--output_dir={tmp_path}", "--bars=1", "--num_candidates=2")
    done = in_process("infill", f"--input_midi={beat}", *flags)
    assert done.returncode == 0, done.stderr
    assert not FRAMEWORKS & set(done.stdout.splitlines()[-1].split())


def test_a_refusal_is_one_line_and_status_2(tiny: Path, beat: Path) -> None:
    done = in_process("infill", f"--checkpoint_file={tiny}", f"--input_midi={beat}", "--bars=9")
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "bars from 1 to 4" in done.stderr


# History drum models.


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("checkpoint") / "history.safetensors", tiny_history_config())


def test_vary_moves_what_is_asked_for(
    history: Path, beat: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    for flags, count in (
        (["--attribute=density", "--amount=-0.4,0.4", "--num_outputs=2"], 4),
        (["--attribute=tempo", "--amount=0.3", f"--input_midi={beat}"], 1),
        (["--attribute=syncopation", f"--input_midi={beat}"], 1),
    ):
        out = tmp_path / flags[0].removeprefix("--attribute=")
        assert len(run(history, out, "vary", *flags, "--temperature=1")) == count
    said = capsys.readouterr().out
    assert "density, asked" in said and "-0.4 density" in said and "syncopation, got" in said
    again = run(history, tmp_path / "again", "vary", "--attribute=density", "--amount=0.4", "--num_outputs=2",
                "--temperature=1")  # fmt: skip
    louder = sorted((tmp_path / "density").glob("*.mid"))[1::2]
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in louder]


def test_what_conditions_do_not_know_is_refused(history: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for flags, message in (
        (["--attribute=density", "--orthogonal"], "--orthogonal is for latent vectors"),
        (["--attribute=density", "--attributes_file=x.json"], "--attributes_file is for latent vectors"),
        (["--attribute=density", "--chords=C"], "--chords is for latent vectors"),
        (["--attribute=hits"], "can't be read; make it with explore.py attributes"),
        (["--attribute=density", "--amount=much"], "--amount is 'much'"),
    ):
        with pytest.raises(InputError, match=message):
            run(history, out, "vary", *flags)
    assert not out.exists()


def test_infill_by_a_model_that_is_told_what_stays(history: Path, beat: Path, tmp_path: Path) -> None:
    flags = ("infill", f"--input_midi={beat}", "--bars=2-3", "--num_outputs=2", "--num_candidates=4")
    files = run(history, tmp_path / "out", *flags, "--temperature=2")
    for path in files:
        assert onsets(path, 0, 2) == onsets(beat, 0, 2) and onsets(path, 6) == onsets(beat, 6)
    assert onsets(files[0], 2, 6) != onsets(files[1], 2, 6)


@pytest.mark.parametrize("command", [["grid"], ["vary", "--attribute=hits"]])
@pytest.mark.parametrize("flag", ["--bar=2", "--drum_channel=1", "--drum_track=Drums"])
def test_flags_about_input_files_need_one(command: list[str], flag: str, tmp_path: Path) -> None:
    """Samples come from no file, so a flag that says which part of one to read would be ignored."""
    with pytest.raises(InputError, match=f"{flag.partition('=')[0]} says which part of a MIDI file to read"):
        explore.main([*command, flag, f"--output_dir={tmp_path}"])
    assert not list(tmp_path.iterdir())

"""sample.py with a history drum model of random weights: conditions, what is kept, and songs."""

from pathlib import Path

import mido
import numpy as np
import pytest

import sample
from common.errors import CheckpointError, InputError
from models import families
from preprocess.midi.reader import read_midi
from render.midi import Style, write_midi
from tests.helpers.checkpoints import save_tiny, tiny_config, tiny_history_config
from tests.helpers.drum_sequences import backbeat, write_beat
from tests.helpers.processes import FRAMEWORKS, contents, run
from workflows.history_drums.flag_values import drums_of_text, kept_hits
from workflows.history_drums.playing import tokens_before
from workflows.midi_clips.clip import read_clip, read_last_bars

NAME = "histdec-drum_4bar"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("checkpoint") / "tiny.safetensors", tiny_history_config())


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    config = tiny_history_config(f"{NAME}_edit")
    return save_tiny(tmp_path_factory.mktemp("checkpoint") / "edit.safetensors", config)


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("checkpoint") / "other.safetensors", tiny_config())


@pytest.fixture
def beat(tmp_path: Path) -> Path:
    return write_beat(tmp_path / "beat.mid")


def tokens_of(path: Path, checkpoint: Path) -> np.ndarray:
    """The first clip of a file, int `[64]`."""
    return np.asarray(read_clip(str(path), families.open_music_vae(str(checkpoint))).example.inputs, np.int64)


def test_plain_clips_are_those_of_the_model(tiny: Path, tmp_path: Path) -> None:
    flags = [f"--checkpoint_file={tiny}", "--num_outputs=3", "--seed=2", "--temperature=0.7"]
    assert sample.main([*flags, f"--output_dir={tmp_path / 'a'}"]) == 0
    assert sample.main([*flags, "--max_batch_size=8", f"--output_dir={tmp_path / 'b'}"]) == 0
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    model = families.open_music_vae(str(tiny))
    for i, sequence in enumerate(model.sample(3, temperature=0.7, seed=2)):
        write_midi(sequence, tmp_path / "c" / f"{NAME}_sample-{i:03d}-of-003.mid", Style(), 4)
    assert contents(tmp_path / "a") == contents(tmp_path / "c")


def test_wishes_change_what_is_drawn_and_the_same_wishes_give_the_same(tiny: Path, tmp_path: Path) -> None:
    flags = [f"--checkpoint_file={tiny}", "--num_outputs=2", "--temperature=2"]
    wishes = {
        "plain": [],
        "many": ["--style=funk", "--density=0.7", "--syncopation=0.2", "--intensity=1", "--fill"],
        "guided": ["--style=funk", "--density=0.7", "--syncopation=0.2", "--intensity=1", "--guidance=3"],
        "fast": ["--qpm=180"],
        "none": ["--no-fill"],
    }
    found = {}
    for name, more in wishes.items():
        assert sample.main([*flags, *more, f"--output_dir={tmp_path / name}"]) == 0
        assert sample.main([*flags, *more, "--force", f"--output_dir={tmp_path / name}"]) == 0
        found[name] = contents(tmp_path / name)
        assert len(found[name]) == 2 and len(set(found[name].values())) == 2
    assert len({tuple(files.values()) for files in found.values()}) == len(wishes)


def test_drums_and_bars_of_a_clip_are_kept(tiny: Path, beat: Path, tmp_path: Path) -> None:
    flags = [f"--checkpoint_file={tiny}", f"--input_midi={beat}", "--num_outputs=2", "--temperature=1"]
    given = tokens_of(beat, tiny)
    cases = {
        "drums": (["--keep=kick,closed-hi-hat"], kept_hits("kick,closed hi-hat", [], 64, 16)),
        "bars": (["--keep_bars=1,3-4"], kept_hits(None, [0, 2, 3], 64, 16)),
        "both": (["--keep=snare", "--keep_bars=2", "--density=0.9"], kept_hits("snare", [1], 64, 16)),
    }
    for name, (more, mask) in cases.items():
        out = tmp_path / name
        assert sample.main([*flags, *more, f"--output_dir={out}"]) == 0
        for path in out.iterdir():
            played = tokens_of(path, tiny)
            stays = mask @ (1 << np.arange(9))
            assert (played & stays == given & stays).all()
            assert (played != given).any()


def test_a_song_has_a_marker_at_each_section_and_its_length(tiny: Path, tmp_path: Path) -> None:
    flags = [
        f"--checkpoint_file={tiny}",
        "--num_outputs=2",
        "--structure=intro:1 verse:5, intro:2",
        "--png",
        "--temperature=2",
    ]
    assert sample.main([*flags, "--gallery", f"--output_dir={tmp_path}"]) == 0
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".html", ".mid", ".mid", ".png", ".png"]
    first, second = sorted(tmp_path.glob("*.mid"))
    assert first.read_bytes() != second.read_bytes()
    file = mido.MidiFile(first)
    assert first.name == f"{NAME}_song-000-of-002.mid"
    assert sum(m.time for m in file.tracks[0]) == 8 * 4 * file.ticks_per_beat
    time, markers = 0, []
    for message in file.tracks[0]:
        time += message.time
        if message.type == "marker":
            markers.append((time // (4 * file.ticks_per_beat), message.text))
    assert markers == [(0, "intro"), (1, "verse"), (6, "intro")]


def test_bars_alone_are_a_song_of_one_section_that_goes_on(tiny: Path, beat: Path, tmp_path: Path) -> None:
    flags = [f"--checkpoint_file={tiny}", "--num_outputs=1", "--bars=6", "--temperature=2"]
    for name, more in (("by itself", []), ("after", [f"--input_midi={beat}"])):
        assert sample.main([*flags, *more, f"--output_dir={tmp_path / name}"]) == 0
        (path,) = (tmp_path / name).iterdir()
        assert round(mido.MidiFile(path).length) == 12
    assert contents(tmp_path / "by itself") != contents(tmp_path / "after")


def test_the_last_four_bars_of_a_file_are_heard(tiny: Path, tmp_path: Path) -> None:
    model = families.open_music_vae(str(tiny))
    one = 16 * [0]
    for at, token in ((0, 1), (4, 2), (12, 2)):
        one[at] = token
    for at in range(0, 16, 2):
        one[at] |= 4

    def last_bars(path: Path) -> list[int]:
        return tokens_before(read_last_bars(str(path), model), model).tolist()

    assert last_bars(write_beat(tmp_path / "short.mid", bars=2)) == 32 * [-1] + 2 * one
    assert last_bars(write_beat(tmp_path / "long.mid", bars=7)) == 4 * one
    silent = backbeat(1)
    for note in list(silent.notes):
        late = silent.notes.add()
        late.CopyFrom(note)
        late.start_time, late.end_time = note.start_time + 6, note.end_time + 6
    write_midi(silent, tmp_path / "gap.mid", bars=4)
    assert last_bars(tmp_path / "gap.mid") == one + 32 * [0] + one


def test_going_on_differs_from_beginning(tiny: Path, beat: Path, tmp_path: Path) -> None:
    flags = [f"--checkpoint_file={tiny}", "--num_outputs=2", "--no-fill", "--temperature=2"]
    sample.main([*flags, f"--output_dir={tmp_path / 'a'}"])
    sample.main([*flags, f"--input_midi={beat}", f"--output_dir={tmp_path / 'b'}"])
    assert not set(contents(tmp_path / "a").values()) & set(contents(tmp_path / "b").values())


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--style=polka"], "style is 'polka'; expected one of afrobeat"),
        (["--density=1.5"], "density is 1.5; expected a number from 0 to 1"),
        (["--syncopation=nan"], "syncopation is nan"),
        (["--intensity=-1"], "intensity is -1"),
        (["--guidance=-1"], "--guidance is -1"),
        (["--guidance=nan"], "--guidance is nan"),
        (["--keep=kick"], "--keep says what to keep of --input_midi"),
        (["--keep_bars=1"], "--keep_bars says what to keep of --input_midi"),
        (["--input_midi={beat}", "--keep=cowbell"], "no drum called 'cowbell'"),
        (["--input_midi={beat}", "--keep="], "keep is empty"),
        (["--input_midi={beat}", "--keep_bars=0"], "--keep_bars is '0'; expected bars from 1 to 4"),
        (["--input_midi={beat}", "--keep_bars=1-4"], "nothing left to draw"),
        (["--input_midi={beat}", "--keep=kick", "--bars=8"], "leave out --bars"),
        (["--input_midi="], "--input_midi is empty"),
        (["--input_midi=nowhere.mid"], "nowhere.mid: can't be read"),
        (["--fill", "--bars=8"], "--fill is for single clips"),
        (["--no-fill", "--structure=a:4"], "--fill is for single clips"),
        (["--bars=0"], "--bars is 0"),
        (["--bars=1000"], "more than 999 bars"),
        (["--structure=a"], "has 'a'; expected a name, a colon"),
        (["--structure=a:4", "--bars=8"], "leave out --bars"),
        (["--length=32"], "longer ones by --bars"),
        (["--chords=C"], "takes no chords"),
        (["--primer_bars=2"], "--primer_bars is for models"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_written(
    tiny: Path, beat: Path, tmp_path: Path, flags: list[str], message: str
) -> None:
    filled = [flag.format(beat=beat) for flag in flags]
    with pytest.raises(InputError, match=message) as error:
        sample.main([f"--checkpoint_file={tiny}", f"--output_dir={tmp_path / 'out'}", *filled])
    assert "\n" not in str(error.value) and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "flag",
    [
        *("--style=funk", "--density=0.5", "--syncopation=0.5", "--intensity=0.5", "--fill", "--no-fill"),
        *("--guidance=1", "--input_midi=a.mid", "--keep=kick", "--keep_bars=1", "--structure=a:4"),
    ],
)
def test_other_models_refuse_these_flags(other: Path, editor: Path, tmp_path: Path, flag: str) -> None:
    name = flag.split("=")[0].removeprefix("--").removeprefix("no-")
    flags = [flag, f"--output_dir={tmp_path / 'out'}"]
    with pytest.raises(InputError, match=rf"--{name} is for history drum models"):
        sample.main([f"--checkpoint_file={other}", *flags])
    with pytest.raises(InputError, match=rf"--{name}: {NAME}_edit was not trained to"):
        sample.main([f"--checkpoint_file={editor}", *flags])
    assert not (tmp_path / "out").exists()


def test_files_of_songs_are_not_overwritten(tiny: Path, tmp_path: Path) -> None:
    flags = [f"--checkpoint_file={tiny}", "--num_outputs=1", "--bars=1", f"--output_dir={tmp_path}"]
    assert sample.main(flags) == 0
    before = contents(tmp_path)
    with pytest.raises(InputError, match="--force"):
        sample.main([*flags, "--seed=1"])
    assert contents(tmp_path) == before
    assert sample.main([*flags, "--seed=1", "--force"]) == 0


def test_weights_that_do_not_fit_are_said_not_to(tiny: Path, tmp_path: Path) -> None:
    flags = [f"--checkpoint_file={tiny}", f"--config={NAME}_edit", f"--output_dir={tmp_path / 'out'}"]
    with pytest.raises(CheckpointError, match=r"was trained as|don't fit"):
        sample.main(flags)


def test_no_framework_is_loaded(tiny: Path, tmp_path: Path) -> None:
    more = ["--num_outputs=1", "--temperature=0.5", "--structure=a:1 b:1", f"--output_dir={tmp_path}"]
    done = run("sample.py", f"--checkpoint_file={tiny}", *more)
    assert (done.returncode, done.stderr) == (0, "")
    said, modules = done.stdout.splitlines()
    assert said == (
        f"Wrote 1 song of 2 bars (1 file) to {tmp_path}, temperature 0.5, seed 0: a:1 b:1, fill in bar 1."
    )
    assert not (FRAMEWORKS | {"matplotlib", "note_seq"}) & set(modules.split())


def test_drums_are_named_with_hyphens_or_spaces() -> None:
    assert drums_of_text("kick, Closed-Hi-Hat,closed hi-hat,high_tom") == [0, 2, 6]


def test_feel_moves_notes_and_their_velocities_and_nothing_else(
    tiny: Path, other: Path, tmp_path: Path
) -> None:
    for name, flags in (
        ("song", [f"--checkpoint_file={tiny}", "--bars=5", "--style=funk", "--qpm=96", "--temperature=2"]),
        ("clips", [f"--checkpoint_file={other}", "--temperature=1"]),
    ):
        found = {}
        for feel in ([], ["--feel"]):
            out = tmp_path / f"{name}{len(feel)}"
            assert sample.main([*flags, *feel, "--num_outputs=1", f"--output_dir={out}"]) == 0
            (path,) = out.iterdir()
            found[len(feel)] = sorted(read_midi(path).notes, key=lambda n: (n.pitch, n.start_time))
        assert [n.pitch for n in found[0]] == [n.pitch for n in found[1]]
        step = 60 / (96 if name == "song" else 120) / 4
        apart = [abs(a.start_time - b.start_time) for a, b in zip(found[0], found[1], strict=True)]
        assert 0 < max(apart) <= step / 2 + 0.01
        assert {n.velocity for n in found[0]} == {80} and len({n.velocity for n in found[1]}) > 3


def test_feel_is_for_drums_on_sixteenths(tmp_path: Path) -> None:
    for name in ("cat-mel_2bar_small", "hierdec-drum_4bar_6-8_small"):
        path = save_tiny(tmp_path / f"{name}.safetensors", tiny_config(name))
        with pytest.raises(InputError, match="--feel is for drums on sixteenths in 4/4"):
            sample.main([f"--checkpoint_file={path}", "--feel", f"--output_dir={tmp_path / 'out'}"])
    assert not (tmp_path / "out").exists()

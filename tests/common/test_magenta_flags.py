"""Every flag of Magenta's scripts is taken or refused with what replaces it; absl's ways of writing flags are read."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import interpolate
import music_vae_generate
import sample
import train
from common import magenta_flags
from common.errors import InputError
from preprocess import convert_dir_to_note_sequences, preprocess_tfrecord
from preprocess.tfds import write_split
from preprocess.tfrecord import read_records, read_sidecar
from tests.helpers.midi_bytes import midi, struck, track

# Names and a value that is not the default, as DEFINE_string(...) and so on have them in Magenta's main branch.
MAGENTA = {
    "music_vae_train": {
        "master": "grpc://host", "examples_path": "x", "tfds_name": "groove/2bar-midionly", "run_dir": "x",
        "num_steps": "10", "eval_num_batches": "2", "checkpoints_to_keep": "100", "keep_checkpoint_every_n_hours": "1",
        "mode": "eval", "config": "x", "hparams": "batch_size=8", "cache_dataset": None, "task": "1",
        "num_ps_tasks": "1", "num_sync_workers": "1", "eval_dir_suffix": "_2", "log": "INFO",
    },
    "music_vae_generate": {
        "run_dir": "x", "checkpoint_file": "x", "output_dir": "x", "config": "x", "mode": "interpolate",
        "input_midi_1": "x", "input_midi_2": "x", "num_outputs": "8", "max_batch_size": "8", "temperature": "0.5",
        "log": "INFO",
    },
    "preprocess_tfrecord": {
        "input_tfrecord": "x", "output_tfrecord": "x", "output_shards": "10", "config": "x", "enable_filtering": None,
        "max_total_time": "1800", "max_num_notes": "10000", "min_velocities": "1", "min_metric_positions": "1",
        "is_drum": None, "drums_only": None, "pipeline_options": "--runner=DirectRunner",
    },
    "convert_dir_to_note_sequences": {
        "input_dir": "x", "output_file": "x", "recursive": None, "log": "INFO",
    },
}  # fmt: skip
ABSL = {
    "alsologtostderr": None, "logtostderr": None, "showprefixforinfo": None, "stderrthreshold": "info",
    "verbosity": "1", "v": "1", "logger_levels": "a:INFO", "log_dir": "/tmp", "flagfile": "x", "undefok": "x",
    "only_check_args": None, "pdb": None, "pdb_post_mortem": None, "run_with_pdb": None, "run_with_profiling": None,
    "use_cprofile_for_profiling": None, "profile_file": "x", "helpfull": None, "helpshort": None, "helpxml": None,
}  # fmt: skip
REQUIRED = {
    "preprocess_tfrecord": ["--input_tfrecord=a", "--output_tfrecord=b", "--config=c"],
    "convert_dir_to_note_sequences": ["--input_dir=a", "--output_file=b"],
}
REFUSED = {
    "music_vae_train": {"master", "task", "num_ps_tasks", "num_sync_workers"},
    "absl": {
        *("log_dir", "flagfile", "undefok", "only_check_args", "pdb", "pdb_post_mortem", "run_with_pdb"),
        *("run_with_profiling", "profile_file", "helpfull", "helpshort", "helpxml"),
    },
}


def parsers(script: str) -> list:
    """Those that a command of ours gives its flags to."""
    return {
        "music_vae_train": [train.get_parser()],
        "music_vae_generate": [
            music_vae_generate.get_parser(),
            sample.get_parser(),
            interpolate.get_parser(),
        ],
        "preprocess_tfrecord": [preprocess_tfrecord.get_parser()],
        "convert_dir_to_note_sequences": [convert_dir_to_note_sequences.get_parser()],
    }[script]


def taken(script: str, flags: list[str]) -> dict:
    """The values that any of the parsers gives them; what one does not know the next must."""
    found: dict = {}
    for parser in parsers(script):
        args, rest = parser.parse_known_args([*REQUIRED.get(script, []), *flags])
        if not rest:
            found |= vars(args)
    assert found, f"{flags}: unknown"
    return found


@pytest.mark.parametrize("script", MAGENTA)
def test_every_flag_of_the_script_is_taken_or_refused_with_what_replaces_it(script: str) -> None:
    for flags, refused in ((MAGENTA[script], REFUSED.get(script, set())), (ABSL, REFUSED["absl"])):
        for name, value in flags.items():
            for dashes in ("--", "-"):
                given = [f"{dashes}{name}" if value is None else f"{dashes}{name}={value}"]
                if name in refused:
                    with pytest.raises(InputError, match=f"^--{name} is Magenta's; here "):
                        taken(script, given)
                else:
                    taken(script, given)
                    if value is None and name != "cache_dataset":
                        taken(script, [f"{dashes}no{name}"])


def test_the_values_arrive() -> None:
    assert taken("convert_dir_to_note_sequences", ["--norecursive"])["recursive"] is False
    assert taken("convert_dir_to_note_sequences", ["-recursive=TRUE"])["recursive"] is True
    assert taken("preprocess_tfrecord", ["--is_drum=false"])["is_drum"] is False
    assert taken("preprocess_tfrecord", ["--nodrums_only"])["drums_only"] is False
    assert taken("preprocess_tfrecord", ["--drums_only=0", "-config", "d"])["config"] == "d"
    with pytest.raises(InputError, match="expected true or false"):
        taken("preprocess_tfrecord", ["--is_drum=maybe"])


def test_what_asks_for_nothing_is_taken() -> None:
    for flags in (
        ["--master="],
        ["--task=0"],
        ["--nopdb"],
        ["--cache_dataset"],
        ["--cache_dataset=true"],
        ["--log_dir="],
    ):
        taken("music_vae_train", flags)
    for flags in (["--nocache_dataset"], ["--cache_dataset=False"]):
        with pytest.raises(InputError, match="held in memory"):
            taken("music_vae_train", flags)


def test_a_switch_takes_no_value_from_the_next_word() -> None:
    assert taken("music_vae_train", ["--alsologtostderr", "--config=x"])["config"] == "x"


def test_our_own_forms_stay() -> None:
    assert taken("preprocess_tfrecord", ["--no-enable_filtering"])["enable_filtering"] is False
    assert taken("music_vae_train", ["--hparams=x=-1"])["hparams"] == "x=-1"


def test_clips_to_interpolate_are_not_sampled() -> None:
    with pytest.raises(InputError, match="is for --mode=interpolate"):
        music_vae_generate.main(["--mode=sample", "--input_midi_1=a.mid"])


def test_lists_have_no_flag_twice() -> None:
    for script, flags in magenta_flags.SCRIPTS.items():
        assert not flags.keys() & magenta_flags.ABSL.keys() and flags.keys() <= MAGENTA[script].keys()
    assert magenta_flags.ABSL.keys() == ABSL.keys()


MIDI = midi(track(*struck([0, 480], 36)))


def test_a_data_set_of_tfds_becomes_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def load(name: str, split: str) -> list:
        calls.append((name, split))
        return [{"midi": MIDI, "id": b"one"}, {"midi": b"broken"}, {"midi": MIDI}]

    monkeypatch.setitem(sys.modules, "tensorflow_datasets", SimpleNamespace(load=load, as_numpy=iter))
    for _ in range(2):  # what is there is not loaded again
        write_split("groove/2bar-midionly", "train", tmp_path / "a" / "train.tfrecord")
    assert calls == [("groove/2bar-midionly", "train")]
    assert len(list(read_records(tmp_path / "a" / "train.tfrecord"))) == 2
    sidecar = read_sidecar(tmp_path / "a" / "train.tfrecord")
    assert sidecar is not None and (sidecar["count"], sidecar["unreadable"]) == (2, 1)


def test_a_data_set_that_cannot_be_had_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(name: str, split: str) -> list:
        raise ConnectionError("no\nnetwork")

    for module, said in (
        (SimpleNamespace(load=load, as_numpy=iter), "can't be loaded .no network."),
        (
            SimpleNamespace(load=lambda *_, **__: [{"image": 1}], as_numpy=iter),
            "not a data set of MIDI files",
        ),
        (SimpleNamespace(load=lambda *_, **__: [], as_numpy=iter), "no music"),
    ):
        monkeypatch.setitem(sys.modules, "tensorflow_datasets", module)
        with pytest.raises(InputError, match=said):
            write_split("x", "train", tmp_path / "train.tfrecord")
        assert not list(tmp_path.iterdir())

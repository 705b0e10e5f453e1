"""Configs: overrides are checked, the built-in ones can't be changed, files and JSON say the same."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import configs
from configs import CONFIG_MAP, Config, ConfigError, HParams, override, parse_hparams
from interop.magenta_process import magenta_is_installed
from models import families
from tests.conftest import ROOT

SEED_WEIGHTS = {
    "hierdec-drum_4bar": 14_343_680,
    "hierdec-drum_4bar_v2": 13_294_592,
    "hierdec-drum_4bar-no_ar": 12_771_840,
}


@pytest.mark.parametrize("name", SEED_WEIGHTS)
def test_the_seeds_configs_have_as_many_weights_as_the_original(name: str) -> None:
    import numpy as np

    model = families.build_model(CONFIG_MAP[name])
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == SEED_WEIGHTS[name]
    named = model.named_weights()
    assert len(named) == len(model.trainable_weights)


@pytest.mark.parametrize("name", CONFIG_MAP)
def test_json_round_trip(name: str) -> None:
    config = CONFIG_MAP[name]
    again = Config.from_json(config.to_json())
    assert again == config and again.to_json() == config.to_json()
    assert again.converter_spec == json.loads(json.dumps(config.converter_spec))
    config.build_converter()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"hparams": {"z": 1}}', '{"hparams": {}, "colour": 1}'])
def test_json_of_something_else_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        Config.from_json(text)


def test_built_in_configs_can_not_be_changed() -> None:
    config = CONFIG_MAP["hierdec-drum_4bar"]
    with pytest.raises(TypeError):
        CONFIG_MAP["mine"] = config  # type: ignore[index]
    for part in (config.converter, config.decoder, config.encoder):
        with pytest.raises(TypeError):
            part["name"] = "mine"  # type: ignore[index]
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.hparams.z_size = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("z_sise", 3, "no hyperparameter 'z_sise'"),
        ("z_size", "3", "z_size is '3'; expected a whole number"),
        ("z_size", 3.5, "expected a whole number"),
        ("z_size", True, "expected a whole number"),
        ("free_bits", "many", "expected a number"),
        ("free_bits", True, "expected a number"),
        ("clip_mode", 3, "expected a word"),
        ("enc_rnn_size", 256, "expected a list"),
        ("enc_rnn_size", [], "expected a list"),
        ("enc_rnn_size", [256, -1], "expected a list"),
        ("enc_rnn_size", [256, 0.5], "expected a list"),
        ("batch_size", 0, "batch_size is 0; expected at least 1"),
        ("learning_rate", -1, "learning_rate is -1; expected at least 0"),
        ("learning_rate", float("nan"), "learning_rate is nan"),
        ("dropout_keep_prob", 0, "expected more than 0 and at most 1"),
        ("dropout_keep_prob", 2.0, "dropout_keep_prob is 2; expected"),
        ("clip_mode", "norm", "expected global_norm or value"),
    ],
)
def test_overrides_are_checked_for_name_and_type(name: str, value: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        override(HParams(), {name: value})


def test_overrides_change_what_they_name() -> None:
    changed = configs.config_with_overrides(
        "hierdec-drum_4bar", "free_bits=10, enc_rnn_size=[128, 64],batch_size=8"
    ).hparams
    assert changed.free_bits == 10.0 and isinstance(changed.free_bits, float)
    assert (changed.enc_rnn_size, changed.batch_size, changed.z_size) == ((128, 64), 8, 512)
    assert CONFIG_MAP["hierdec-drum_4bar"].hparams.batch_size == 512


def test_frame_models_refuse_what_they_do_not_read() -> None:
    assert configs.config_with_overrides("rnn_nade", "enc_rnn_size=[64]").hparams.enc_rnn_size == (64,)
    with pytest.raises(ConfigError, match="piano-baseline reads no hyperparameter 'enc_rnn_size'"):
        configs.config_with_overrides("piano-baseline", "batch_size=4,enc_rnn_size=[64]")


VALUES = st.one_of(
    st.integers(),
    st.booleans(),
    st.floats(allow_nan=False),
    st.sampled_from(["constant", "global_norm", "a-b"]),
    st.lists(st.integers(-9, 999), min_size=1, max_size=4),
)
NAMES = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)


@given(changes=st.dictionaries(NAMES, VALUES, max_size=5), space=st.sampled_from(["", " "]))
def test_hparams_syntax_round_trip(changes: dict, space: str) -> None:
    def text_of(value: object) -> str:
        return f"[{f',{space}'.join(map(str, value))}]" if isinstance(value, list) else str(value)

    text = f",{space}".join(f"{name}={space}{text_of(value)}" for name, value in changes.items())
    parsed = parse_hparams(text)
    assert parsed == changes
    assert {n: type(v) for n, v in parsed.items()} == {n: type(v) for n, v in changes.items()}


@given(text=st.text(alphabet="ab=,[]1. -", max_size=30))
def test_any_text_is_parsed_or_refused_with_a_sentence(text: str) -> None:
    try:
        parse_hparams(text)
    except ConfigError as error:
        assert str(error).startswith("--hparams")


@pytest.mark.parametrize("text", ["z_size", "z_size=3,batch_size", "enc_rnn_size=[3,4", "enc_rnn_size=[3]4"])
def test_broken_hparams_are_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_hparams(text)


def write(folder: Path, text: str) -> str:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_toml_file_changes_single_values_of_its_base(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        'base = "hierdec-drum_4bar"\ndescription = "mine"\n[hparams]\nz_size = 64\nenc_rnn_size = [32]\n'
        "[decoder]\nlevel_lengths = [4, 16]\n[converter]\ngap_bars = 2.0\n",
    )
    config = configs.get_config(path)
    assert (config.name, config.description) == ("mine", "mine")
    assert (config.hparams.z_size, config.hparams.enc_rnn_size, config.hparams.batch_size) == (64, (32,), 512)
    assert config.decoder["level_lengths"] == (4, 16) and config.decoder["core"] == "categorical_lstm"
    assert config.converter["gap_bars"] == 2.0 and config.converter["slice_bars"] == 4
    assert Config.from_json(config.to_json()) == config


def test_toml_file_says_what_training_varies(tmp_path: Path) -> None:
    text = 'base = "piano-small"\n[augmenter]\nerror_rate = 0.02\n'
    config = configs.get_config(write(tmp_path, text))
    assert dict(config.augmenter) == {"transpose_range": (-6, 5), "error_rate": 0.02}
    assert Config.from_json(config.to_json()) == config


def test_toml_file_changes_a_value_of_a_table_in_a_table(tmp_path: Path) -> None:
    text = 'base = "piano-small"\n[decoder.keys]\nunits = 64\n'
    assert dict(configs.get_config(write(tmp_path, text)).decoder["keys"]) == {
        "name": "independent",
        "units": 64,
    }
    text = 'base = "piano-small"\n[decoder.keys]\nname = "rbm"\n'
    assert dict(configs.get_config(write(tmp_path, text)).decoder["keys"]) == {"name": "rbm"}


def test_toml_file_leaves_sizes_to_the_hyperparameters(tmp_path: Path) -> None:
    text = 'base = "piano-baseline"\n[hparams]\nenc_rnn_size = [64]\n'
    assert configs.get_config(write(tmp_path, text + '[encoder]\nname = "lstm"\n')).encoder["name"] == "lstm"
    with pytest.raises(ConfigError, match="mine reads no hyperparameter 'enc_rnn_size'") as error:
        configs.get_config(write(tmp_path, text))
    assert str(tmp_path) in str(error.value)


def test_toml_file_with_another_part_replaces_it_whole(tmp_path: Path) -> None:
    path = write(tmp_path, 'base = "hierdec-drum_4bar"\n[decoder]\nname = "categorical_lstm"\n')
    assert dict(configs.get_config(path).decoder) == {"name": "categorical_lstm"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("base = ", "can't be read"),
        ("", "base is ''"),
        ('base = "nothing"', "base is 'nothing'"),
        ('base = "hierdec-drum_4bar"\ncolour = 1', "unknown key 'colour'"),
        ('base = "hierdec-drum_4bar"\ndecoder = 1', "expected a table"),
        ('base = "hierdec-drum_4bar"\nhparams = 1', "expected a table"),
        ('base = "hierdec-drum_4bar"\n[hparams]\nz = 1', "no hyperparameter 'z'"),
        ('base = "piano-small"\n[augmenter]\nstretch_range = [0.9, 1.1]', "varies no 'stretch_range'"),
        ('base = "piano-small"\n[augmenter]\nerror_rate = 2', "error_rate is 2"),
        ('base = "relative_rnn"\n[augmenter]\ntranspose_range = [-5, 5]', "tokens are neither transposed"),
        ('base = "hierdec-drum_4bar"\n[augmenter]\nerror_rate = 0.1', "varies no 'error_rate'"),
        (
            'base = "hierdec-drum_4bar"\n[augmenter]\ntranspose_range = [1, 5]',
            "expected the least and the most",
        ),
    ],
)
def test_broken_files_are_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match=message) as error:
        configs.get_config(path)
    assert path in str(error.value)


def test_unknown_names_are_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="hierdec-drum_4bar_small"):
        configs.get_config("hierdec")
    with pytest.raises(ConfigError, match="can't be read"):
        configs.get_config(str(tmp_path / "absent.toml"))


@pytest.mark.reference
@pytest.mark.skipif(not magenta_is_installed(), reason="magenta is not installed (make test installs it)")
def test_registered_in_magenta() -> None:
    """Its own CONFIG_MAP has the three configs of beat-generation-with-mvae, with our hyperparameters and converter."""
    code = (
        "import json, configs; configs.register_in_magenta()\n"
        "from magenta.models.music_vae.configs import CONFIG_MAP as m\n"
        f"names = {list(SEED_WEIGHTS)!r}\n"
        "print(json.dumps({n: [m[n].hparams.z_size, list(m[n].hparams.enc_rnn_size), m[n].hparams.free_bits,"
        " list(m[n].model.decoder._level_lengths), list(m[n].model.decoder._disable_autoregression),"
        " m[n].data_converter.input_depth, m[n].data_converter.output_depth] for n in names}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "TF_USE_LEGACY_KERAS": "1"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == {
        "hierdec-drum_4bar": [512, [512, 512], 48, [8, 8], [], 10, 512],
        "hierdec-drum_4bar_v2": [256, [512, 512], 48, [8, 8], [], 10, 512],
        "hierdec-drum_4bar-no_ar": [512, [512, 512], 48, [8, 8], [0, 1], 10, 512],
    }


SAME_AS_MAGENTAS = """
import json, configs
from interop.magenta_configs import magenta_config
from magenta.models.music_vae.configs import CONFIG_MAP

def plain(value):
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in sorted(value.items(), key=str)}
    if isinstance(value, (list, tuple, range)):
        return [plain(v) for v in value]
    if isinstance(value, (str, int, float, bool, type(None))):
        return value
    inside = {k: plain(v) for k, v in vars(value).items()} if hasattr(value, "__dict__") and not callable(value) else {}
    return [type(value).__name__, inside]

def parts(config):
    hparams = config.hparams.values()
    hparams = {k: v for k, v in hparams.items() if k != "nade_num_hidden" or "nade" in name}
    return plain([hparams, config.model.encoder, config.model.decoder, config.data_converter,
                  config.note_sequence_augmenter])

differences = {}
for name, theirs in list(CONFIG_MAP.items()):
    ours, theirs = parts(magenta_config(configs.CONFIG_MAP[name])), parts(theirs)
    if ours != theirs:
        differences[name] = [str(ours), str(theirs)]
print(json.dumps([len(CONFIG_MAP), differences]))
"""


@pytest.mark.reference
@pytest.mark.skipif(not magenta_is_installed(), reason="magenta is not installed (make test installs it)")
def test_all_configs_of_magenta_are_here_and_the_same() -> None:
    """Hyperparameters, encoder, decoder, converter and augmenter of its 23 configs, attribute by attribute."""
    done = subprocess.run(
        [sys.executable, "-c", SAME_AS_MAGENTAS], cwd=ROOT, env={**os.environ, "TF_USE_LEGACY_KERAS": "1"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    count, differences = json.loads(done.stdout.splitlines()[-1])
    assert count == 23
    assert differences == {}


def test_shares_of_a_history_decoder_are_checked() -> None:
    config = CONFIG_MAP["histdec-drum_4bar"]
    assert config.with_augmenter({"z_share": 1.0}).augmenter["z_share"] == 1.0
    with pytest.raises(ConfigError, match="no share 'zshare'"):
        config.with_augmenter({"zshare": 0.5})
    for value in (1.5, "half", True):
        with pytest.raises(ConfigError, match="from 0 to 1"):
            config.with_augmenter({"swap_rate": value})


def test_history_decoders_know_as_many_conditions_as_there_are() -> None:
    from preprocess.drums.conditions import WIDTH

    assert CONFIG_MAP["histdec-drum_4bar"].decoder["conditions"] == WIDTH


# What a file from elsewhere may not say.


def stored(**changes: object) -> str:
    return json.dumps(json.loads(CONFIG_MAP["hierdec-drum_4bar"].to_json()) | changes)


@pytest.mark.parametrize(
    "name",
    [
        "../../x",
        "/etc/x",
        "a/b",
        "a\\b",
        "..",
        ".",
        "",
        "a" * 101,
        "a\nb",
        "a b",
        "ü",
        "\x1b[31m",
        None,
        3,
        ["x"],
    ],
)
def test_names_that_could_lead_elsewhere_are_refused(tmp_path: Path, name: object) -> None:
    with pytest.raises(ConfigError, match="config's name is"):
        Config.from_json(stored(name=name))
    with pytest.raises(ConfigError, match="config's name is"):
        dataclasses.replace(CONFIG_MAP["hierdec-drum_4bar"], name=name)  # type: ignore[arg-type]
    if isinstance(name, str) and name.isprintable():
        path = write(tmp_path, f'base = "hierdec-drum_4bar"\nname = {json.dumps(name)}')
        with pytest.raises(ConfigError, match=r"mine\.toml: The config's name is"):
            configs.get_config(path)


@pytest.mark.parametrize(
    ("stem", "name"), [("my model", "my_model"), ("..a", "a"), ("übung 1", "_bung_1"), ("a" * 150, "a" * 100)]
)
def test_a_files_own_name_becomes_one_that_can_stand_in_others(tmp_path: Path, stem: str, name: str) -> None:
    path = tmp_path / f"{stem}.toml"
    path.write_text('base = "hierdec-drum_4bar"\n')
    assert configs.get_config(str(path)).name == name


@pytest.mark.parametrize(
    ("part", "options", "message"),
    [
        ("hparams", {"z_size": 10**9}, "z_size is 1000000000; expected at least 0 and at most 8192"),
        ("hparams", {"z_size": 10**5000}, "z_size is a int too large|not valid"),
        ("hparams", {"enc_rnn_size": [10**9]}, "expected a list of positive whole numbers"),
        ("hparams", {"dec_rnn_size": [8] * 17}, "up to 16 of them"),
        ("hparams", {"max_seq_len": 10**9}, "max_seq_len is 1000000000"),
        ("hparams", {"batch_size": 10**9}, "batch_size is 1000000000"),
        ("hparams", {"free_bits": float("inf")}, "free_bits is inf"),
        (
            "decoder",
            {"name": "lstm_of_mine"},
            "The decoder is 'lstm_of_mine'; expected a table whose name is",
        ),
        ("decoder", {"name": "hierarchical_lstm", "core": "nade_lstm"}, "level_lengths is missing"),
        ("decoder", {"name": "hierarchical_lstm", "level_lengths": [8, 8]}, "core is missing"),
        ("decoder", {"name": "categorical_lstm", "size": 3}, "there is no option 'size'"),
        ("encoder", {"name": ["lstm"]}, "The encoder is"),
        ("encoder", "lstm", "The encoder is None"),
        (
            "converter",
            {"name": "drums", "slice_bars": "four"},
            "slice_bars is 'four'; expected a whole number from 1",
        ),
        ("converter", {"name": "drums", "slice_bars": 10**9}, "slice_bars is 1000000000"),
        ("converter", {"name": "drums", "pitch_classes": [[1, 2], [128]]}, "pitch_classes is"),
        ("augmenter", {"transpose_range": [-(10**9), 10**9]}, "expected the least and the most"),
        ("augmenter", 3, "augmenter is 3"),
        ("description", "a" * 1000, "The description is"),
        ("model", "other", "The model is 'other'"),
    ],
)
def test_parts_and_sizes_are_checked_where_they_are_read(part: str, options: object, message: str) -> None:
    data = json.loads(CONFIG_MAP["hierdec-drum_4bar"].to_json())
    changed = {**data["hparams"], **options} if part == "hparams" and isinstance(options, dict) else options
    if isinstance(options, dict) and options.get("z_size", 0) > 10**1000:
        text = stored().replace('"z_size": 512', f'"z_size": 1{"0" * 5000}')
    else:
        text = stored(**{part: changed})
    with pytest.raises(ConfigError, match=message):
        Config.from_json(text)


def test_wide_steps_are_refused_before_a_model_is_built() -> None:
    config = CONFIG_MAP["cat-drums_2bar_small"]
    wide = dataclasses.replace(config, converter={**config.converter, "pitch_classes": "full"})
    with pytest.raises(ConfigError, match=r"output depth is 2305843009213693952; at most 16384"):
        wide.build_converter()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("cat-drums_2bar_small", {"slice_bars": 1000}),
        ("groovae_2bar_humanize", {"split_bars": 1000}),
        ("hier-multiperf_vel_1bar_med", {"hop_size_bars": 1000}),
        ("hier-multiperf_vel_1bar_med", {"max_num_instruments": 128, "max_events_per_instrument": 8000}),
    ],
)
def test_long_examples_are_refused_before_music_is_converted(name: str, options: dict) -> None:
    config = CONFIG_MAP[name]
    with pytest.raises(ConfigError, match=r"examples have \d+ steps; at most 8192"):
        dataclasses.replace(config, converter={**config.converter, **options}).build_converter()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[decoder]\nlevel_lengths = [4, 4]", r"mine: the decoder's level lengths \[4, 4\] make 16 steps"),
        ("[hparams]\nmax_seq_len = 32", "make 64 steps, but max_seq_len is 32"),
        (
            "[hparams]\nenc_rnn_size = [8192, 8192, 8192]",
            "its sizes make [0-9,]+ weights, and at most 536,870,912",
        ),
        ("[encoder]\nname = 'bars'\nbars = 4\nbar_sizes = [8]", "goes with a history_lstm alone"),
    ],
)
def test_parts_that_do_not_go_together_are_refused_with_the_file(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=rf"mine\.toml: .*{message}"):
        configs.get_config(write(tmp_path, f'base = "hierdec-drum_4bar"\n{text}\n'))


def test_hparams_that_do_not_go_with_the_parts_are_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"hierdec-drum_4bar_small: the decoder's level lengths .* max_seq_len is 1\."
    ):
        configs.config_with_overrides("hierdec-drum_4bar_small", "max_seq_len=1")


@pytest.mark.parametrize(
    "text",
    [
        'base = "hierdec-drum_4bar"\nx = ' + "[" * 10**5,
        'base = "hierdec-drum_4bar"\n[encoder]\nx = ' + "[" * 50 + "1" + "]" * 50,
        'base = "hierdec-drum_4bar"\n' + "encoder" + ".a" * 20_000 + " = 1",
        'base = "hierdec-drum_4bar"\ndescription = "' + "a" * 300_000 + '"',
        "\x00",
    ],
)
def test_files_that_only_cost_time_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"mine\.toml: can't be read as a config"):
        configs.get_config(write(tmp_path, text))
    if text.count("[") > 1000:
        with pytest.raises(ConfigError, match="nested deeper"):
            Config.from_json("[" * 10**5)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)


@given(data=st.data())
def test_any_json_in_place_of_any_value_is_taken_or_refused(data: st.DataObject) -> None:
    """Of any config; what is taken says how wide its steps are, and which weights it has."""
    from common.errors import CheckpointError, InputError
    from models.formats import weight_check

    config = json.loads(CONFIG_MAP[data.draw(st.sampled_from(sorted(CONFIG_MAP)))].to_json())
    part = config[data.draw(st.sampled_from(["hparams", "encoder", "decoder", "converter", "augmenter"]))]
    key = data.draw(st.sampled_from([*part, "name", "core", "lags", "new"]))
    part[key] = data.draw(JSON)
    try:
        found = Config.from_json(json.dumps(config))
        assert Config.from_json(found.to_json()) == found
        weight_check.check(found, {}, "x")
    except (ConfigError, InputError, CheckpointError) as error:
        assert "\n" not in str(error)

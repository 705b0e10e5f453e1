"""Every config belongs to a family, and each family has its rows."""

import configs
from models import families
from workflows import families as workflows


def test_every_config_has_a_row_in_both_tables() -> None:
    assert set(families.FAMILIES) == set(workflows.WORKFLOWS)
    assert {config.family for config in configs.CONFIG_MAP.values()} == set(families.FAMILIES)
    for name, family in families.FAMILIES.items():
        assert family.name == name


def test_a_family_follows_from_the_parts_of_a_config() -> None:
    named = {
        name: families.of(configs.CONFIG_MAP[name]).name
        for name in ("hierdec-drum_4bar", "histdec-drum_4bar", "groovae_2bar_humanize", "piano-small")
    }
    assert named == {
        "hierdec-drum_4bar": "music_vae",
        "histdec-drum_4bar": "history_drums",
        "groovae_2bar_humanize": "music_vae",
        "piano-small": "frame_model",
    }


def test_the_temperature_is_that_of_the_family() -> None:
    temperatures = {name: families.default_temperature(c) for name, c in configs.CONFIG_MAP.items()}
    assert temperatures["histdec-drum_4bar"] == 0.87
    assert temperatures["histdec-drum_4bar_edit"] == temperatures["hierdec-drum_4bar"] == 0.5
    assert temperatures["piano-small"] == 1.0

"""What commands do with a family is found by its config."""

import configs
from tests.helpers.checkpoints import tiny_config, tiny_history_config
from workflows import families
from workflows.training.data import BeatData, ClipData, PieceData


def test_a_family_says_what_it_trains_on() -> None:
    for config, kind in (
        (tiny_config("hierdec-drum_4bar"), ClipData),
        (tiny_history_config(), BeatData),
        (configs.CONFIG_MAP["piano-small"], PieceData),
    ):
        assert type(families.of(config).training_data(config, None, None)) is kind

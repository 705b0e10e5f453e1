"""The command that gives a groove model its maps."""

import pytest

from common.errors import InputError
from workflows.grooves import calibrate


@pytest.mark.parametrize("share", ["-0.1", "1.5"])
def test_shares_out_of_range_are_refused(share: str) -> None:
    flags = ["--run_dir=nowhere", "--examples_path=x", "--output=y", f"--offset_share={share}"]
    with pytest.raises(InputError, match="offset_share"):
        calibrate.main(flags)

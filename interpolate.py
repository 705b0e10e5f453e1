"""Command: go from one clip to another in steps. The interpolation mode of Magenta's `music_vae_generate`.

The flags are in `workflows/flags/interpolating.py`, which `music_vae_generate.py` takes too; what is done with them is
in `workflows/interpolating.py`.
"""

if __name__ == "__main__":  # see common/console.py
    from common import signals

    signals.listen()

import sys

from common.console import run_command
from workflows.flags.interpolating import get_parser


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args = get_parser().parse_args(argv)

    from workflows import interpolating

    print(interpolating.interpolate(args))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))

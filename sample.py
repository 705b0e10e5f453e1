"""Command: sample clips from a trained model. The sampling mode of Magenta's `music_vae_generate`.

The flags are in `workflows/flags/sampling.py`, which `music_vae_generate.py` takes too; what is done with them begins in
`workflows/sampling.py`.
"""

if __name__ == "__main__":  # see common/console.py
    from common import signals

    signals.listen()

import sys

from common.console import run_command
from workflows.flags.sampling import get_parser


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args = get_parser().parse_args(argv)

    from workflows import sampling

    print(sampling.sample(args))
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))

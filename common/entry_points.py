"""The installed commands: each by a name of its own, as Magenta has them, and all by `music-vae COMMAND`.

`common.entry_points:sample` in pyproject.toml runs `sample.py`: each module of the root or of `preprocess` that has a
`main` is an attribute here, as a function without arguments. It listens for signals before it imports the module, as
`python sample.py` does (see `common/signals.py`).
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from functools import partial

from common import signals
from common.errors import InputError

DOOR = "music-vae"

COMMANDS = {
    "sample": "new beats, melodies or piano music from a model, or changes of given ones",
    "interpolate": "from one piece of music to another in steps",
    "humanize": "the drums of MIDI files with a drummer's velocities and timing",
    "tap2drum": "drums to a tapped rhythm",
    "explore": "a model's latent space: variations, attributes, edits, pictures",
    "convert_dir_to_note_sequences": "a folder of MIDI, MusicXML and ABC to NoteSequences",
    "preprocess_tfrecord": "NoteSequences to training examples",
    "groove": "a selection of the Groove MIDI Dataset",
    "piano": "a folder of piano MIDI to pieces",
    "train": "train a model, or go on with a training",
    "evaluate": "how good a model is, measured on held-out music",
    "export": "a checkpoint in another format, or the page that plays it",
    "music_vae_generate": "Magenta's command for sampling and interpolating",
}
"""What `music-vae` runs, and what each does in a line."""

_PACKAGE = (__package__ or "common").removesuffix("common")
"""What the names of all modules begin with: nothing in a clone, the package where they are installed."""


def __getattr__(name: str) -> Callable[[], int]:
    if name.startswith("_"):
        raise AttributeError(name)
    return partial(run, name)


def module_of(command: str) -> str:
    """The full name of the module with a command's `main`.

    Args:
        command: name of a module of the root or of `preprocess`.
    """
    module = f"{_PACKAGE}{command}"
    return module if importlib.util.find_spec(module) else f"{_PACKAGE}preprocess.{command}"


def run(command: str) -> int:
    """Run a command with the flags of `sys.argv`; returns its exit status."""
    signals.listen()
    from common.console import run_command  # after `listen`, as importing it takes a while

    return run_command(importlib.import_module(module_of(command)).main)


def door() -> int:
    """`music-vae COMMAND FLAGS`: run one of `COMMANDS`, or list them; returns the exit status."""
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in COMMANDS:
        sys.argv[:2] = [f"{DOOR} {name}"]
        return run(name)
    from common.console import run_command

    return run_command(lambda _: _answer(name))


def _answer(name: str) -> int:
    """What `music-vae` says where it runs no command."""
    if name not in ("-h", "--help"):
        raise InputError(f"there is no command {name!r:.60}; expected one of {', '.join(COMMANDS)}.")
    print(overview())
    return 0


def overview() -> str:
    """The help of `music-vae`: a line a command."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {text}" for name, text in COMMANDS.items()]
    return "\n".join(
        [
            f"usage: {DOOR} COMMAND [FLAGS]",
            "",
            "Music with Magenta's MusicVAE and a family of piano models.",
            "",
            "commands:",
            *lines,
            "",
            f"example:\n  {DOOR} sample --num_outputs=8 --output_dir=beats",
            "",
            f"{DOOR} COMMAND --help lists a command's flags.",
        ]
    )

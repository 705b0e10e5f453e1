"""Flags that Magenta's scripts have and ours don't, and absl's syntax of flags.

Each flag of `music_vae_train`, `music_vae_generate`, `preprocess_tfrecord` and `convert_dir_to_note_sequences` is
accepted, by the command itself or here, or refused with a sentence that says what replaces it. The lists are those of
Magenta 2.1.4 and of absl, whose flags all of Magenta's scripts have.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from common.errors import InputError


@dataclass(frozen=True)
class Flag:
    """A flag of Magenta's or absl's.

    Attributes:
        instead: what replaces it; empty for a flag that is accepted and has no effect here.
        default: the value that has no effect, and is accepted.
        is_switch: whether it is written as `--flag` and `--noflag`.
    """

    instead: str = ""
    default: str | None = None
    is_switch: bool = False


_ONE_PROCESS = "training runs in one process, on all cores or the GPU of this machine"

ABSL: dict[str, Flag] = {
    # Messages go to standard error anyway, and --log says which.
    "alsologtostderr": Flag(is_switch=True),
    "logtostderr": Flag(is_switch=True),
    "showprefixforinfo": Flag(is_switch=True),
    "stderrthreshold": Flag(),
    "verbosity": Flag(),
    "v": Flag(),
    "logger_levels": Flag(),
    "log_dir": Flag("messages go to standard error; send them to a file with 2> in the shell", ""),
    "flagfile": Flag("write the flags on the command line, or keep the command in a shell script", ""),
    "undefok": Flag("leave out the flags that are not known", ""),
    "only_check_args": Flag("flags are always checked before any work", "false", True),
    "pdb": Flag("run `python -m pdb` with this command's script", "false", True),
    "pdb_post_mortem": Flag("run `python -m pdb` with this command's script", "false", True),
    "run_with_pdb": Flag("run `python -m pdb` with this command's script", "false", True),
    "run_with_profiling": Flag("run `python -m cProfile` with this command's script", "false", True),
    "use_cprofile_for_profiling": Flag(is_switch=True),
    "profile_file": Flag("run `python -m cProfile -o FILE` with this command's script", ""),
    "helpfull": Flag("--help lists all flags", "false", True),
    "helpshort": Flag("--help lists all flags", "false", True),
    "helpxml": Flag("--help lists all flags", "false", True),
}

SCRIPTS: dict[str, dict[str, Flag]] = {
    "music_vae_train": {
        "master": Flag(f"{_ONE_PROCESS}, without a TensorFlow server", ""),
        "task": Flag(_ONE_PROCESS, "0"),
        "num_ps_tasks": Flag(_ONE_PROCESS, "0"),
        "num_sync_workers": Flag(_ONE_PROCESS, "0"),
        "cache_dataset": Flag(
            "examples are always held in memory; preprocess_tfrecord --max_examples_per_sequence makes fewer of them",
            "true",
            True,
        ),
    },
    "music_vae_generate": {},
    "preprocess_tfrecord": {},
    "convert_dir_to_note_sequences": {},
}
"""Flags beyond those that our commands have under the same name."""

_YES, _NO = ("1", "t", "true", "y", "yes"), ("0", "f", "false", "n", "no")


def add_magenta_flags(parser: argparse.ArgumentParser, script: str) -> None:
    """Let a parser accept the flags of a Magenta script; they do not appear in its help."""
    for name, flag in (SCRIPTS[script] | ABSL).items():
        parser.add_argument(
            f"--{name}",
            dest=f"magenta_{name}",
            action=_Taken,
            magenta=flag,
            nargs="?" if flag.is_switch else None,
            const="true",
            default=argparse.SUPPRESS,
            type=str,
            help=argparse.SUPPRESS,
        )


class _Taken(argparse.Action):
    """Accepts a flag that has no effect, and refuses a value that would have one."""

    def __init__(self, magenta: Flag, **options: Any):
        super().__init__(**options)
        self.magenta = magenta

    def __call__(
        self, parser: Any, namespace: Any, values: str | Sequence[Any] | None, option: str | None = None
    ) -> None:
        flag, value = self.magenta, str(values)
        if flag.instead and (switch(value) if flag.is_switch else value) != (
            switch(flag.default or "") if flag.is_switch else flag.default
        ):
            raise InputError(f"{option} is Magenta's; here {flag.instead}.", "bad_flag")


def switch(value: str) -> str:
    """absl's reading of a switch's value, "true" or "false"; the value itself if it is neither."""
    lower = value.lower()
    return "true" if lower in _YES else "false" if lower in _NO else value


def in_our_form(argv: Sequence[str], parser: argparse.ArgumentParser) -> list[str]:
    """A command line in absl's syntax (`-config=x`, `--norecursive`, `--recursive=false`) rewritten for argparse.

    Args:
        argv: the command line.
        parser: its flags are rewritten; others stay as they are.
    """
    actions = parser._option_string_actions
    written: list[str] = []
    for number, given in enumerate(argv):
        if given == "--":
            return [*written, *argv[number:]]
        name, equals, value = given.lstrip("-").partition("=")
        if not given.startswith("-") or not name:
            written.append(given)
            continue
        negative = name.removeprefix("no")
        action = actions.get(f"--{name}")
        other = actions.get(f"--{negative}") if negative != name and not equals else None
        if isinstance(action, argparse.BooleanOptionalAction | argparse._StoreTrueAction) and equals:
            written += _switched(f"--{name}", action, switch(value), given)
        elif action is None and isinstance(other, _Taken) and other.magenta.is_switch:
            written.append(f"--{negative}=false")
        elif action is None and isinstance(other, argparse.BooleanOptionalAction | argparse._StoreTrueAction):
            written += _switched(f"--{negative}", other, "false", given)
        elif isinstance(action, _Taken) and action.magenta.is_switch and not equals:
            written.append(f"--{name}=true")  # absl's switches take no value from the next word
        else:
            written.append(f"--{name}{equals}{value}" if action is not None else given)
    return written


def _switched(name: str, action: argparse.Action, value: str, given: str) -> list[str]:
    if value not in ("true", "false"):
        raise InputError(f"{given}: expected true or false.", "bad_flag")
    if value == "true":
        return [name]
    optional = isinstance(action, argparse.BooleanOptionalAction)
    return [f"--no-{name.removeprefix('--')}"] if optional else []

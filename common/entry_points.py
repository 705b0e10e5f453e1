"""The installed commands: each hears signals before it imports what it needs."""

import importlib

from common import stopping


def _run(module: str) -> int:
    stopping.listen()
    return int(importlib.import_module(module).console_main())


def convert_dir_to_note_sequences() -> int:
    """`preprocess/convert_dir_to_note_sequences.py`."""
    return _run("preprocess.convert_dir_to_note_sequences")


def preprocess_tfrecord() -> int:
    """`preprocess/preprocess_tfrecord.py`."""
    return _run("preprocess.preprocess_tfrecord")


def music_vae_train() -> int:
    """`train.py`."""
    return _run("train")


def music_vae_generate() -> int:
    """`music_vae_generate.py`."""
    return _run("music_vae_generate")


def music_vae_evaluate() -> int:
    """`evaluate.py`."""
    return _run("evaluate")


def music_vae_explore() -> int:
    """`explore.py`."""
    return _run("explore")


def humanize() -> int:
    """`humanize.py`."""
    return _run("humanize")


def tap2drum() -> int:
    """`tap2drum.py`."""
    return _run("tap2drum")

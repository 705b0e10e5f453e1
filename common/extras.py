"""Optional packages: which extra of pyproject.toml brings them, and the line that installs it.

Sampling, humanizing, exploring and converting need NumPy and a few small packages; training needs Keras and TensorFlow.
"""

from importlib import metadata
from pathlib import Path

DISTRIBUTION = "music-vae-keras"

EXTRA_OF = {
    "keras": "train",
    "tensorboard": "train",
    "tensorflow": "train",
    "tensorflow_probability": "train",
    "tf_keras": "train",
    "jax": "jax",
    "apache_beam": "beam",
    "tensorflow_datasets": "tfds",
    "torch": "torch",
    "sklearn": "evaluate",
    "scipy": "evaluate",
    "note_seq": "note-seq",
    "onnx": "onnx",
    "huggingface_hub": "hub",
}
"""The extra that brings each package that is imported."""


def install_line(extra: str) -> str:
    """The line for a shell that installs an extra.

    It names the project where that is installed, and otherwise the folder of its sources, which can be anywhere.

    >>> install_line("train").startswith("pip install ")
    True

    Args:
        extra: one of those in pyproject.toml.
    """
    try:
        metadata.version(DISTRIBUTION)
        source = DISTRIBUTION
    except metadata.PackageNotFoundError:
        source = str(Path(__file__).resolve().parents[1])
    return f'pip install "{source}[{extra}]"'


def missing(package: str | None) -> str | None:
    """What to do without a package, in a sentence; None for one that no extra brings.

    Args:
        package: the name by which it is imported, submodules included.
    """
    name = (package or "").partition(".")[0]
    extra = EXTRA_OF.get(name)
    return extra and f"this needs {name}, which is not installed; {install_line(extra)}"

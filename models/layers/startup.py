"""Import Keras and its backend without the notes that TensorFlow's C++ prints before anybody can ask it not to."""

import contextlib
import importlib.util
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator

from common.errors import InputError
from common.extras import install_line

_START_UP_NOTES = re.compile(
    r"^(WARNING: All log messages before absl::InitializeLog|[IWE]\d{4} [\d:.]+ +\d+ (cudart_stub|cpu_feature_guard"
    r"|port|cuda_platform|cuda_executor|computation_placer|device_compiler|service|gpu_device)\.(cc|h):"
    r"|To enable the following instructions:)"
)


@contextlib.contextmanager
def without_start_up_notes() -> Iterator[None]:
    """Hold back standard error, then print what is not a known start-up note."""
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
            held.seek(0)
            for line in held.read().decode("utf-8", "replace").splitlines(keepends=True):
                if not _START_UP_NOTES.match(line):
                    sys.stderr.write(line)


def import_keras() -> None:
    """Import Keras, its backend and TensorFlow Probability, quietly; nothing happens where they are imported."""
    if "keras" in sys.modules:
        return
    _choose_backend()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with without_start_up_notes():
        import keras

        from models.layers import distributions

        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            tf.config.list_physical_devices("GPU")
        if keras.backend.backend() != "numpy":
            distributions.load()


BACKENDS = ("numpy", "tensorflow", "jax")
"""What can encode and decode."""


def use_backend(name: str) -> None:
    """Let Keras run on one of `BACKENDS`.

    Raises:
        InputError: where it is not installed, or Keras runs on another one in this process already.
    """
    if name not in BACKENDS:
        raise InputError(f"There is no backend '{name}'; expected {', '.join(BACKENDS)}.", "bad_flag")
    if "keras" in sys.modules:
        running = sys.modules["keras"].backend.backend()
        if running != name:
            raise InputError(
                f"Keras runs on {running} in this process already, and can't change to {name}; start a new one.",
                "bad_flag",
            )
        return
    if importlib.util.find_spec(name) is None:
        line = install_line("jax" if name == "jax" else "train")
        raise InputError(f"The backend {name} is not installed; {line}", "bad_flag")
    os.environ["KERAS_BACKEND"] = name
    _quieten_numpy_backend()


def prefer_numpy() -> None:
    """Let Keras run on NumPy, which starts at once and compiles nothing, unless a backend is chosen already."""
    if "keras" not in sys.modules:
        os.environ.setdefault("KERAS_BACKEND", "numpy")
        _quieten_numpy_backend()


def _quieten_numpy_backend() -> None:
    """Leave out a warning that concerns training, which the NumPy backend can't do at all."""
    warnings.filterwarnings("ignore", message="`custom_gradient` for the numpy backend")


def _choose_backend() -> None:
    """TensorFlow where it is installed, or else JAX, unless the user has chosen by KERAS_BACKEND."""
    if not os.environ.get("KERAS_BACKEND") and importlib.util.find_spec("tensorflow") is None:
        os.environ["KERAS_BACKEND"] = "jax"

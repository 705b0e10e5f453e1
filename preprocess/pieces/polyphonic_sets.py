"""The four polyphonic sets of Boulanger-Lewandowski, Bengio and Vincent (2012), from their `.mat` files."""

from pathlib import Path

import numpy as np

from common.errors import InputError, because
from common.extras import install_line
from common.process_pools import map_in_processes
from preprocess.keyboard import KEYS

SPLITS = {"train": "traindata", "validation": "validdata", "test": "testdata"}
"""The parts of a set, and what its file calls them."""


def load_polyphonic_set(path: str | Path) -> dict[str, list[np.ndarray]]:
    """The pieces of one of the four polyphonic sets, bool `[frames, 88]` each, by split.

    What sounds, from MIDI pitch 21. A frame is a quarter note in JSB_Chorales, an eighth in MuseData,
    Nottingham and Piano_midi. `train`, `validation` and `test` are the splits of the literature.

    SciPy's reader is native code that a damaged file can crash, so it runs in a process of its own.

    Raises:
        InputError: where SciPy is not installed (`no_scipy`), or the file is none of them (`bad_mat`).
    """
    (found,) = map_in_processes(_read_mat, [[str(path)]], 1, _crashed)
    if isinstance(found, InputError):
        raise found
    return found


def _crashed(path: str) -> InputError:
    return InputError(f"{path}: is damaged, and SciPy can't read it.", "bad_mat")


def _read_mat(path: str) -> dict[str, list[np.ndarray]] | InputError:
    """The pieces, or why there are none."""
    try:
        from scipy.io import loadmat
    except ImportError:
        message = f"MATLAB files are read by SciPy, which is not installed; {install_line('evaluate')}"
        return InputError(message, "no_scipy")
    try:
        with open(path, "rb") as file:  # given a name, SciPy does not say that the file is missing
            content = loadmat(file)
        return {
            split: [_binary(piece) for piece in np.ravel(content[name])] for split, name in SPLITS.items()
        }
    except OSError as error:
        return InputError(f"{path}: can't be read ({error.strerror or error}).", "unreadable")
    except Exception as error:  # noqa: BLE001 - SciPy raises many kinds on damaged files
        message = f"{path}: is not a set of {KEYS}-key frames in traindata, validdata and testdata ({because(error)})."
        return InputError(message, "bad_mat")


def _binary(piece: np.ndarray) -> np.ndarray:
    if piece.ndim != 2 or piece.shape[1] != KEYS or not np.isin(piece, (0, 1)).all():
        raise ValueError(f"a piece of shape {piece.shape} is not one of zeros and ones")
    return piece.astype(bool)

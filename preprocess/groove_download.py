"""The Groove MIDI Dataset's official zip of MIDI files, from its address, with its checksum."""

import hashlib
import http.client
import urllib.request
from pathlib import Path

from common.errors import InputError
from common.output_files import write_atomically
from preprocess.groove_dataset import HOMEPAGE

ADDRESS = "https://storage.googleapis.com/magentadata/datasets/groove/groove-v1.0.0-midionly.zip"
SIZE = 3_260_318
"""Bytes of the file at `ADDRESS`."""
SHA256 = "651cbc524ffb891be1a3e46d89dc82a1cecb09a57c748c7b45b844c4841dcc1e"
"""Its checksum, which TensorFlow Datasets has too."""
TIMEOUT = 60
"""Seconds without an answer after which a download is given up."""


def download(folder: str | Path, address: str = ADDRESS, sha256: str = SHA256, size: int = SIZE) -> Path:
    """Download the zip, unless it is in the folder already; 3 MB.

    Args:
        folder: where it goes, under the last part of the address; created if missing.
        address: of the zip.
        sha256: its checksum as 64 hexadecimal digits; a file that has another is downloaded again.
        size: its length in bytes; no more than one byte beyond is read.

    Returns:
        The zip, as `GrooveFiles` and `preprocess/groove.py --input` take it.

    Raises:
        InputError: where the address can't be reached, or what lies there has another checksum (`no_download`); nothing
            is written then.
    """
    path = Path(folder).expanduser() / address.rpartition("/")[2]
    if path.is_file() and _digest(path.read_bytes()) == sha256:
        return path
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT) as answer:
            data = answer.read(size + 1)
    except (OSError, http.client.HTTPException) as error:
        why = getattr(error, "reason", None) or error
        raise InputError(
            f"{address}: can't be downloaded ({why}); try again, or get the data set from {HOMEPAGE}.",
            "no_download",
        ) from error
    if _digest(data) != sha256:
        raise InputError(
            f"{address}: what was downloaded is not version 1.0.0 of the data set, its checksum differs; try again, or "
            f"get the data set from {HOMEPAGE}.",
            "no_download",
        )
    write_atomically(path, data)
    return path


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

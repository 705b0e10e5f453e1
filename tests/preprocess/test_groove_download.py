"""The data set's zip is downloaded once, and kept only where its checksum is right."""

import hashlib
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from common.errors import InputError
from preprocess import groove_download
from preprocess.groove_download import download

DATA = b"PK not a zip, as far as downloading goes"
SHA256 = hashlib.sha256(DATA).hexdigest()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Of a file on a server of this machine."""
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "groove.zip").write_bytes(DATA)
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/groove.zip"
        server.shutdown()


def test_a_file_is_downloaded_once(address: str, tmp_path: Path) -> None:
    path = download(tmp_path / "new" / "folder", address, SHA256, len(DATA))
    assert path == tmp_path / "new" / "folder" / "groove.zip" and path.read_bytes() == DATA
    (tmp_path / "served" / "groove.zip").unlink()
    assert download(path.parent, address, SHA256, len(DATA)) == path


def test_a_damaged_file_is_downloaded_again(address: str, tmp_path: Path) -> None:
    (tmp_path / "groove.zip").write_bytes(DATA[:10])
    assert download(tmp_path, address, SHA256, len(DATA)).read_bytes() == DATA


@pytest.mark.parametrize("wrong", [{"sha256": "0" * 64}, {"size": len(DATA) - 10}])
def test_another_file_is_refused(address: str, tmp_path: Path, wrong: dict) -> None:
    with pytest.raises(InputError, match=r"checksum differs.*magenta\.tensorflow\.org/datasets/groove"):
        download(tmp_path, address, **({"sha256": SHA256, "size": len(DATA)} | wrong))
    assert not (tmp_path / "groove.zip").exists()


def test_an_address_without_a_file_is_reported(address: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"other\.zip: can't be downloaded \(.+\); try again"):
        download(tmp_path, address.replace("groove.zip", "other.zip"))
    with pytest.raises(InputError, match="can't be downloaded"):
        download(tmp_path, "http://127.0.0.1:1/groove.zip")
    assert not list(tmp_path.glob("*.zip"))


def test_the_checksum_is_that_of_tensorflow_datasets() -> None:
    tfds = pytest.importorskip("tensorflow_datasets")
    table = Path(tfds.__file__).parent / "datasets" / "groove" / "checksums.tsv"
    rows = [line.split("\t") for line in table.read_text().splitlines()]
    name = groove_download.ADDRESS.rpartition("/")[2]
    assert [groove_download.ADDRESS, str(groove_download.SIZE), groove_download.SHA256, name] in rows

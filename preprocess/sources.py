"""Files of music: which names they have, and how they are found in folders, zips and flags.

Each file is found once, also where links lead to it twice or in a circle. A name that is a file's own, with whatever
brackets and commas, is that file; only otherwise is it taken as a glob.
"""

import glob
import lzma
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from common.errors import InputError

MIDI_SUFFIXES = (".mid", ".midi", ".smf", ".kar", ".rmi")
SCORE_SUFFIXES = (".xml", ".mxl", ".musicxml", ".abc")
MUSIC_SUFFIXES = MIDI_SUFFIXES + SCORE_SUFFIXES
ZIP_ERRORS = (
    *(OSError, EOFError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(RuntimeError, NotImplementedError, ValueError, KeyError, IndexError, OverflowError),
)
"""What reading a damaged or encrypted zip raises."""


@dataclass(frozen=True)
class Source:
    """A file of music.

    Attributes:
        name: inside its folder or zip, with "/" between folders; always valid text.
        path: of the file, or of the zip that holds it.
        member: number of its entry in the zip; None for a file of its own.
    """

    name: str
    path: str
    member: int | None = None

    @property
    def suffix(self) -> str:
        """In lower case, with its dot."""
        return PurePosixPath(self.name).suffix.lower()


@dataclass
class Found:
    """What a folder or zip holds.

    Attributes:
        sources: the files of music, sorted by name.
        others: how many files are something else.
        unreadable: names of folders inside that can't be read, and why.
    """

    sources: list[Source] = field(default_factory=list)
    others: int = 0
    unreadable: list[tuple[str, str]] = field(default_factory=list)


def find_sources(place: Path, recursive: bool, suffixes: tuple[str, ...] = MUSIC_SUFFIXES) -> Found:
    """The files of music in a folder or zip.

    Args:
        place: a folder, or a zip, which is read with all folders inside.
        recursive: read the folders inside a folder too, and those that links lead to.
        suffixes: of the files that are wanted, in lower case; names may have them in any case.

    Raises:
        InputError: where `place` is neither a folder nor a zip, or can't be read (`unreadable`).
    """
    found = Found()
    if place.is_dir():
        for path in _Walk(place, recursive, found.unreadable).files():
            name = Path(path).relative_to(place).as_posix()
            if is_music(name, suffixes):
                found.sources.append(Source(as_text(name), path))
            else:
                found.others += 1
    elif _is_zip(place):
        with Archive(str(place)) as archive:
            for member, name in archive.names():
                if is_music(name, suffixes):
                    found.sources.append(Source(as_text(name), str(place), member))
                else:
                    found.others += 1
    else:
        what = "is neither a folder nor a whole zip file" if place.exists() else "no such folder or zip file"
        raise InputError(f"{place}: {what}.", "unreadable")
    found.sources.sort(key=lambda source: source.name)
    return found


def is_music(name: str, suffixes: tuple[str, ...] = MUSIC_SUFFIXES) -> bool:
    """Whether a file of that name is one; what macOS keeps beside files in zips and on other disks is not."""
    path = PurePosixPath(name)
    return path.suffix.lower() in suffixes and not path.name.startswith("._") and "__MACOSX" not in path.parts


def as_text(name: str) -> str:
    """A file name as valid text: bytes that are not UTF-8 are written `\\\\xff`."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _is_zip(path: Path) -> bool:
    try:
        return path.is_file() and zipfile.is_zipfile(path)
    except (OSError, ValueError):
        return False


class _Walk:
    """The files of a folder, each once: under its own name if that is inside, else under the first link's.

    Args:
        folder: where the walk begins.
        recursive: go into folders inside, too, and into those that links lead to.
        unreadable: folders that can't be read, and why, are added to it.
    """

    def __init__(self, folder: Path, recursive: bool, unreadable: list[tuple[str, str]]):
        self.folder, self.recursive, self.unreadable = folder, recursive, unreadable
        self._links: list[str] = []
        self._seen_folders: set[tuple[int, int] | None] = {_identity(folder)}
        self._seen_files: set[str] = set()

    def files(self) -> Iterator[str]:
        """The paths of the files; links are followed when all that they could lead to inside is known."""
        yield from self._below(str(self.folder))
        while self._links:
            link = self._links.pop(0)
            if os.path.isdir(link):
                identity = _identity(link)
                if identity is not None and self._is_new_folder(identity):
                    yield from self._below(link)
            # A link to nothing is a file that can't be read; what is neither file nor folder is left alone.
            elif os.path.isfile(link) or not os.path.exists(link):
                yield from [link] if self._is_new_file(os.path.realpath(link)) else []

    def _below(self, top: str) -> Iterator[str]:
        """The files of a folder and, where that is wanted, of the folders inside; links are kept for later."""
        waiting = [top]
        while waiting:
            place = waiting.pop()
            real_place = os.path.realpath(place)
            for entry in self._entries(place):
                if entry.is_symlink():
                    if self.recursive or not os.path.isdir(entry.path):
                        self._links.append(entry.path)
                elif entry.is_dir():
                    if self.recursive and self._is_new_folder(_identity(entry.path)):
                        waiting.append(entry.path)
                elif entry.is_file() and self._is_new_file(os.path.join(real_place, entry.name)):
                    yield entry.path

    def _entries(self, place: str) -> list[os.DirEntry[str]]:
        """The entries of a folder by name; none of one that can't be read, unless the walk begins there."""
        try:
            with os.scandir(place) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            if place == str(self.folder):
                raise InputError(f"{place}: can't be read ({error.strerror}).", "unreadable") from error
            self.unreadable.append((as_text(os.path.relpath(place, self.folder)), str(error.strerror)))
            return []

    def _is_new_folder(self, identity: tuple[int, int] | None) -> bool:
        is_new = identity not in self._seen_folders
        self._seen_folders.add(identity)
        return is_new

    def _is_new_file(self, real_path: str) -> bool:
        is_new = real_path not in self._seen_files
        self._seen_files.add(real_path)
        return is_new


def _identity(path: str | Path) -> tuple[int, int] | None:
    """Device and inode of a folder; None where there is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    return (status.st_dev, status.st_ino) if stat.S_ISDIR(status.st_mode) else None


class Archive:
    """A zip that is opened once for all its members. Use as a context manager.

    Raises:
        InputError: where it can't be read (`unreadable`).
    """

    def __init__(self, path: str):
        try:
            self._zip = zipfile.ZipFile(path)
        except ZIP_ERRORS as error:
            raise InputError(f"{path}: can't be read ({error}).", "unreadable") from error
        self._members = self._zip.infolist()

    def names(self) -> Iterator[tuple[int, str]]:
        """Number and name of each file."""
        for i, info in enumerate(self._members):
            if info.filename and not info.filename.endswith("/"):
                yield i, info.filename

    def read(self, member: int, name: str, limit: int) -> bytes:
        """The bytes of a member.

        Raises:
            InputError: where it is damaged (`unreadable`) or larger than `limit` (`file_too_large`).
        """
        try:
            with self._zip.open(self._members[member]) as file:
                data = file.read(limit + 1)
        except ZIP_ERRORS as error:
            raise InputError(f"{name}: can't be read ({error}).", "unreadable") from error
        if len(data) > limit:
            raise InputError(f"{name}: is larger than {limit} bytes.", "file_too_large")
        return data

    def __enter__(self) -> "Archive":
        return self

    def __exit__(self, *error: object) -> None:
        self._zip.close()


def read_path(path: str | Path, limit: int, name: str = "") -> bytes:
    """The bytes of a file.

    Args:
        path: of the file.
        limit: the most bytes that it may have.
        name: what messages call it; by default its path.

    Raises:
        InputError: where it can't be read, or is not a regular file and might never end (`unreadable`), or is larger than
            `limit` (`file_too_large`).
    """
    name = name or str(path)
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise InputError(f"{name}: is not a file.", "unreadable")
        with open(path, "rb") as file:
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{name}: can't be read ({reason}).", "unreadable") from error
    if len(data) > limit:
        raise InputError(f"{name}: is larger than {limit} bytes.", "file_too_large")
    return data


def named_files(patterns: str) -> list[Path]:
    """The files of names or globs separated by commas, each once, in their order and sorted within a glob.

    A part that is a file's name is that file, whatever it holds: commas first, then brackets, stars and question
    marks. A folder's name that holds brackets may stand before a glob.

    Raises:
        InputError: where a part matches nothing (`no_files`).
    """
    paths: list[str] = []
    parts = patterns.split(",")
    while parts:
        for count in range(len(parts), 0, -1):
            name = os.path.expanduser(",".join(parts[:count]).strip())
            if name and os.path.isfile(name):
                found = [name]
                break
        else:
            count = 1
            pattern = os.path.expanduser(parts[0].strip())
            found = _matches(pattern) if pattern else []
            if pattern and not found:
                raise InputError(
                    f"{parts[0].strip()}: no such file; files are named by a path or a glob.", "no_files"
                )
        paths += found
        del parts[:count]
    return [Path(path) for path in dict.fromkeys(paths)]


def _matches(pattern: str) -> list[str]:
    """The files that a glob matches, or where there are none, with its brackets taken as they stand."""
    for tried in (pattern, pattern.replace("[", "[[]")):
        found = sorted(path for path in glob.glob(tried) if os.path.isfile(path))
        if found:
            return found
    return []

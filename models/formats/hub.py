"""Checkpoints on the Hugging Face Hub: `hf://owner/name[/file][@revision]` as a file on this machine.

Downloads are cached by the Hub's library, so that a model is fetched once and also opens without a network. Only
safetensors files are taken, since loading them runs no code.
"""

import re
from pathlib import Path
from typing import NamedTuple

from common.errors import CheckpointError, because

PREFIX, SUFFIX = "hf://", ".safetensors"
ATTRIBUTES = ".attributes.json"
"""What attribute vectors are called beside a checkpoint (`models.music_vae.attributes.path_beside`)."""

SECONDS = 30.0
"""How long the Hub may take to say what a repository holds."""

_OWNER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38}[A-Za-z0-9])?")
_WORD = re.compile(r"[A-Za-z0-9_](?:[\w.-]{0,94}[A-Za-z0-9_])?", re.ASCII)
_SHAPE = f"expected {PREFIX}owner/name, {PREFIX}owner/name/file{SUFFIX} or either with @revision"


class Address(NamedTuple):
    """A checkpoint on the Hub.

    Attributes:
        repository: `owner/name`.
        file: its path in the repository, empty for the only one there is.
        revision: a branch, a tag or a commit; None for the main branch.
    """

    repository: str
    file: str = ""
    revision: str | None = None

    def __str__(self) -> str:
        path = f"{self.repository}/{self.file}" if self.file else self.repository
        return f"{PREFIX}{path}" + (f"@{self.revision}" if self.revision else "")


def is_address(name: str) -> bool:
    """Whether a checkpoint's name is an address on the Hub."""
    return name.startswith(PREFIX)


def parse(text: str) -> Address:
    """The address that a text names.

    Raises:
        CheckpointError: where it is not an address, or of another format than safetensors.

    Example:
        >>> parse("hf://someone/beats/best.safetensors@v1")
        Address(repository='someone/beats', file='best.safetensors', revision='v1')
    """
    path, has_revision, revision = text.removeprefix(PREFIX).partition("@")
    owner, _, rest = path.partition("/")
    name, has_file, file = rest.partition("/")
    words = [name, *(file.split("/") if has_file else ()), *(revision.split("/") if has_revision else ())]
    if not _OWNER.fullmatch(owner) or not all(_WORD.fullmatch(w) and ".." not in w for w in words):
        raise CheckpointError(f"{text}: is not an address on the Hugging Face Hub; {_SHAPE}.")
    if file and not file.endswith(SUFFIX):
        raise CheckpointError(
            f"{text}: is not a {SUFFIX} file, and no other kind is loaded from the Hub, as loading it could run code."
        )
    return Address(f"{owner}/{name}", file, revision or None)


def fetch(text: str) -> Path:
    """The file of an address, downloaded where it is not in the cache; attribute vectors beside it come along.

    Raises:
        CheckpointError: where the address is not one, the Hub can't be reached and the file is not in the cache, it is not
            there, or there are several to choose from.
        ModuleNotFoundError: without huggingface_hub, which is an extra.
    """
    address = parse(text)
    import huggingface_hub as hub
    from huggingface_hub import errors

    try:
        info = hub.HfApi().model_info(address.repository, revision=address.revision, timeout=SECONDS)
    except errors.RevisionNotFoundError as error:
        raise CheckpointError(
            f"{address}: the repository has no branch, tag or commit of that name."
        ) from error
    except errors.GatedRepoError as error:
        raise CheckpointError(
            f"{address}: can be had after its owner's terms are accepted on the Hub; do that, then run `hf auth login`."
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise CheckpointError(
            f"{address}: there is no such model on the Hub, or it is private; check the name, or run `hf auth login`."
        ) from error
    # What a lost connection raises is that of the library for HTTP, of which the Hub's has had three.
    except Exception as error:
        return _cached(address, error)
    there = sorted(entry.rfilename for entry in info.siblings or ())
    file = _chosen(address, there)
    wanted = [file] + [name for name in (_attributes_of(file),) if name in there]
    try:
        # By the branch's name, not by the commit, so that the cache knows the branch without a network, too.
        paths = [hub.hf_hub_download(address.repository, name, revision=address.revision) for name in wanted]
    except Exception as error:
        raise CheckpointError(f"{address}: can't be downloaded ({because(error)}).") from error
    return Path(paths[0])


def _attributes_of(file: str) -> str:
    return file.removesuffix(SUFFIX) + ATTRIBUTES


def _chosen(address: Address, there: list[str]) -> str:
    """The file of an address among those of its repository.

    Raises:
        CheckpointError: where it is not there, or none or several could be meant.
    """
    found = [name for name in there if name.endswith(SUFFIX)]
    listed = ", ".join(found[:8]) + (", ..." if len(found) > 8 else "")
    if address.file:
        if address.file not in found:
            raise CheckpointError(
                f"{address}: the repository has no such file; it has {listed or f'no {SUFFIX} file'}."
            )
        return address.file
    if not found:
        raise CheckpointError(
            f"{address}: has no {SUFFIX} file, and no other kind is loaded from the Hub, as loading it could run code."
        )
    if len(found) > 1:
        raise CheckpointError(
            f"{address}: has several checkpoints; add one of them to the address: {listed}."
        )
    return found[0]


def _cached(address: Address, error: Exception) -> Path:
    """The file of an address from the cache, where the Hub did not answer.

    Raises:
        CheckpointError: where it is not there.
    """
    from huggingface_hub import errors, scan_cache_dir

    try:
        repositories = scan_cache_dir().repos
    except errors.CacheNotFound:
        repositories = frozenset()
    wanted = address.revision or "main"
    for repository in repositories:
        for version in repository.revisions if repository.repo_id == address.repository else ():
            if wanted in version.refs or version.commit_hash == wanted:
                folder = version.snapshot_path
                there = sorted(path.relative_to(folder).as_posix() for path in folder.rglob(f"*{SUFFIX}"))
                return folder / _chosen(address, there)
    raise CheckpointError(
        f"{address}: the Hugging Face Hub can't be reached ({because(error)}), and no earlier download is in its cache."
    ) from error

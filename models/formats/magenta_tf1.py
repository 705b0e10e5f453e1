"""Magenta's TensorFlow 1 checkpoints as arrays by name, in and out.

The models keep Magenta's variable names and shapes, so weights pass unchanged. A `.tar` is read member by
member: only checkpoint files of bounded size are taken, into a fresh temporary folder.
"""

import lzma
import math
import os
import re
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from common.errors import CheckpointError, OutputError, because
from common.extras import install_line
from common.output_files import is_full, temporary_folder, write_error
from models.formats.ours import Checkpoint, as_weights

MAX_MEMBER_BYTES = 4 * 2**30
MAX_TOTAL_BYTES = 8 * 2**30
# No leading dot: archives packed on macOS hold a "._NAME" beside each file.
_MEMBER = re.compile(r"^(checkpoint|\w[\w.\-]*\.(index|data-\d{5}-of-\d{5}))$")
_SLOT = re.compile(r"(/Adam(_\d+)?|(^|/)beta[12]_power)$")


def is_magenta_checkpoint(name: str) -> bool:
    """Whether a flag names a TensorFlow 1 checkpoint: a prefix, a folder of such, or a tar."""
    path = Path(name).expanduser()
    if path.is_dir():
        return any(path.glob("*.index"))
    is_tar = path.is_file() and (path.suffix in (".tar", ".tgz") or path.name.endswith(".tar.gz"))
    return is_tar or Path(f"{path}.index").is_file() or path.suffix == ".index"


def read(path: Path) -> Checkpoint:
    """The weights of a checkpoint; optimizer slots go to `state`.

    Args:
        path: a prefix such as `model.ckpt-1000`, its `.index` file, a folder, or a `.tar`.

    Raises:
        CheckpointError: where there is no checkpoint, or the tar file is damaged or holds paths or links that lead
            elsewhere.
    """
    if path.is_file() and path.suffix != ".index":
        with temporary_folder() as folder:
            try:
                _unpack(path, folder)
            # Damage shows as one of these, by compression and by where the file is cut.
            except (tarfile.TarError, EOFError, OSError, zlib.error, lzma.LZMAError) as error:
                if isinstance(error, OSError) and is_full(error):
                    raise write_error(folder, error) from error
                # What fails to open has been tried as each kind in turn, and the message lists them all.
                is_none = str(error).startswith("file could not be opened")
                reason = "it is packed in no known way" if is_none else because(error)
                raise CheckpointError(f"{path}: is not a tar file, or is damaged ({reason}).") from error
            return _read_prefix(_prefix_in(folder, path), path)
    if path.is_dir():
        return _read_prefix(_prefix_in(path, path), path)
    prefix = str(path).removesuffix(".index")
    return _read_prefix(prefix, Path(prefix))


def _unpack(path: Path, folder: Path) -> None:
    left = MAX_TOTAL_BYTES
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isdir():
                continue
            name = PurePosixPath(member.name)
            if name.is_absolute() or ".." in name.parts or not member.isfile():
                raise CheckpointError(
                    f"{path}: holds '{member.name}', a path or link that leads elsewhere; refused."
                )
            if not _MEMBER.match(name.name):
                continue
            if member.size > MAX_MEMBER_BYTES:
                raise CheckpointError(
                    f"{path}: '{member.name}' is larger than {MAX_MEMBER_BYTES} bytes; refused."
                )
            left -= member.size
            if left < 0:
                raise CheckpointError(
                    f"{path}: its checkpoint files are larger than {MAX_TOTAL_BYTES} bytes together; refused."
                )
            source = archive.extractfile(member)
            if source is None or (folder / name.name).exists():
                raise CheckpointError(f"{path}: '{member.name}' can't be read or is there twice.")
            with source, open(folder / name.name, "wb") as target:
                while block := source.read(2**20):
                    target.write(block)


def _prefix_in(folder: Path, shown: Path) -> str:
    """The checkpoint prefix that a folder's `checkpoint` file names, or else the newest."""
    found = [index for index in folder.glob("*.index") if _MEMBER.match(index.name)]
    if not found:
        raise CheckpointError(f"{shown}: holds no TensorFlow checkpoint (no .index file).")
    state = folder / "checkpoint"
    text = state.read_text(encoding="utf-8", errors="replace") if state.is_file() else ""
    named = re.search(r'^model_checkpoint_path: "(.+)"', text, re.MULTILINE)
    if named:
        # Only its last part: the rest is a folder of the machine that trained it.
        prefix = folder / PurePosixPath(named.group(1)).name
        if prefix.with_name(f"{prefix.name}.index") in found:
            return str(prefix)

    def step(path: Path) -> int:
        number = re.search(r"-(\d+)\.index$", path.name)
        return int(number.group(1)) if number else -1

    return str(max(found, key=step)).removesuffix(".index")


def _tensorflow() -> Any:
    from models.layers.startup import without_start_up_notes

    try:
        with without_start_up_notes():
            import tensorflow as tf

            tf.config.list_physical_devices("GPU")
    except ImportError as error:
        raise CheckpointError(f"Magenta's checkpoints need TensorFlow; {install_line('train')}") from error
    return tf


def _read_prefix(prefix: str, shown: Path) -> Checkpoint:
    tf = _tensorflow()
    try:
        reader = tf.train.load_checkpoint(prefix)
        _check_claims(reader, prefix)
        arrays = {name: reader.get_tensor(name) for name in sorted(reader.get_variable_to_shape_map())}
    except Exception as error:  # noqa: BLE001 - TensorFlow raises many kinds on damaged files
        # A tar's temporary folder is gone when somebody reads this.
        reason = str(error).strip().rstrip(".").replace(f"{Path(prefix).parent}{os.sep}", "")
        raise CheckpointError(f"{shown}: can't be read as a TensorFlow checkpoint ({reason}).") from error
    step = int(arrays.pop("global_step", 0))
    slots = {name: array for name, array in arrays.items() if _SLOT.search(name)}
    weights = {
        name: array
        for name, array in arrays.items()
        if name not in slots and np.issubdtype(array.dtype, np.floating)
    }
    return Checkpoint(as_weights(weights, str(shown)), step=step, state=slots)


def _check_claims(reader: Any, prefix: str) -> None:
    """Raise a ValueError where variables claim more than the data files hold, before anything is allocated for them."""
    types = reader.get_variable_to_dtype_map()
    shapes = reader.get_variable_to_shape_map().items()
    claimed = sum(math.prod(shape) * max(1, types[name].size) for name, shape in shapes)
    folder, stem = Path(prefix).parent, Path(prefix).name
    held = sum(p.stat().st_size for p in folder.iterdir() if p.name.startswith(f"{stem}.data-"))
    if claimed > held:
        raise ValueError(f"its variables claim {claimed} bytes, and its data files have {held}")


def write(
    prefix: Path, weights: dict[str, np.ndarray], step: int = 0, slots: dict[str, np.ndarray] | None = None
) -> None:
    """Write a TensorFlow 1 checkpoint that Magenta's `TrainedModel` and `music_vae_generate` load.

    Args:
        prefix: such as `exported/model.ckpt-1000`; `.index` and `.data` files and `checkpoint` appear there.
        weights: arrays by Magenta's names.
        step: stored as `global_step`.
        slots: the optimizer's arrays by Magenta's names, as `read` gives them in `state`; its
            `music_vae_train` needs them to go on from the checkpoint.
    """
    tf = _tensorflow()
    prefix.parent.mkdir(parents=True, exist_ok=True)
    floats = {name: np.asarray(array, np.float32) for name, array in {**weights, **(slots or {})}.items()}
    arrays = {**floats, "global_step": np.int64(step)}
    names = sorted(arrays)
    with temporary_folder(prefix) as folder:
        try:
            tf.raw_ops.SaveV2(
                prefix=os.path.join(folder, prefix.name),
                tensor_names=names,
                shape_and_slices=[""] * len(names),
                tensors=[tf.constant(arrays[n]) for n in names],
            )
        except tf.errors.OpError as error:
            raise OutputError(f"{prefix}: can't be written ({because(error)}).") from error
        # The index makes a checkpoint one and the state file makes it the folder's newest, so they come last.
        files = sorted(os.listdir(folder), key=lambda name: name.endswith(".index"))
        state = f'model_checkpoint_path: "{prefix.name}"\nall_model_checkpoint_paths: "{prefix.name}"\n'
        Path(folder, "checkpoint").write_text(state)
        for name in [*files, "checkpoint"]:
            with open(os.path.join(folder, name), "rb") as file:
                os.fsync(file.fileno())
            os.replace(os.path.join(folder, name), prefix.parent / name)

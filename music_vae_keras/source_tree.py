"""The package in a clone or an editable installation: its modules are those of the root, read with `namespaced` imports.

The wheel holds all modules as they are to be imported, and nothing here has an effect.
"""

import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from music_vae_keras.namespace import COMMANDS, PACKAGE, ROOMS, namespaced

ROOT = Path(__file__).resolve().parents[1]


class _Loader(importlib.machinery.SourceFileLoader):
    """Reads a module of the root; its bytecode is not cached, since the same file has other bytecode under its short name."""

    def get_data(self, path: str) -> bytes:
        data = super().get_data(path)
        return namespaced(data.decode()).encode() if path.endswith(".py") else data

    def _cache_bytecode(self, *_: Any) -> None:
        return None

    def path_stats(self, path: str) -> Any:
        raise OSError(f"{path}: is not cached")


class _Finder:
    """Finds `music_vae_keras.models` and so on in the root."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        del path, target
        package, *parts = name.split(".")
        if package != PACKAGE or not parts or parts[0] not in (*ROOMS, *COMMANDS):
            return None
        at = ROOT.joinpath(*parts)
        if (at / "__init__.py").is_file():
            loader = _Loader(name, str(at / "__init__.py"))
            return importlib.util.spec_from_file_location(
                name, at / "__init__.py", loader=loader, submodule_search_locations=[str(at)]
            )
        file = at.with_name(f"{at.name}.py")
        if not file.is_file():
            return None
        return importlib.util.spec_from_file_location(name, file, loader=_Loader(name, str(file)))


def serve() -> None:
    """Let the modules of the root be imported from the package, unless they are in it already, as in the wheel."""
    if not (Path(__file__).parent / "models").exists() and _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)  # type: ignore[arg-type]

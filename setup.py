"""Builds the wheel: all modules inside of one package, so that none is in the way of another distribution.

Everything else is in pyproject.toml. `music_vae_keras/namespace.py` says why.
"""

import runpy
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
NAMESPACE = runpy.run_path(str(ROOT / "music_vae_keras" / "namespace.py"))


class BuildInOnePackage(build_py):
    """Adds the modules of the root to the package, with imports from it."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        package = Path(self.build_lib) / NAMESPACE["PACKAGE"]
        for room in NAMESPACE["ROOMS"]:
            for path in sorted((ROOT / room).rglob("*")):
                if path.suffix == ".py" or path.suffix in NAMESPACE["DATA"]:
                    self._add(path, package / path.relative_to(ROOT))
        for path in (ROOT / NAMESPACE["PACKAGE"]).glob("*.py"):
            self._add(path, package / path.name)
        for command in NAMESPACE["COMMANDS"]:
            self._add(ROOT / f"{command}.py", package / f"{command}.py")

    def _add(self, source: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".py":
            target.write_text(NAMESPACE["namespaced"](source.read_text(encoding="utf-8")), encoding="utf-8")
        else:
            shutil.copyfile(source, target)


setup(cmdclass={"build_py": BuildInOnePackage})

"""Imports run one way: every import of the tree, those within functions included, is read off the sources with `ast`.

Imports under `if TYPE_CHECKING:` count for the direction, since a signature is knowledge, too, but not for circles,
since nothing is loaded by them.
"""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.conftest import ROOT

ROOMS_BELOW = {
    "common": (),
    "preprocess": ("common",),
    # Beside the way from music to model: they know of music, not of models.
    "metrics": ("common", "preprocess"),
    "baselines": ("common", "preprocess", "metrics"),
    "patterns": ("common", "preprocess"),
    "web": (),
    "render": ("common", "preprocess", "metrics", "web"),
    # The way itself.
    "catalog": ("common", "preprocess"),
    "models": ("common", "preprocess", "metrics", "catalog"),
    "configs": ("common", "catalog", "models", "interop"),
    "workflows": (
        *("common", "preprocess", "metrics", "baselines", "patterns", "render", "catalog", "models"),
        *("configs", "checkpoints", "web"),
    ),
    "checkpoints": (),
    # Programs of their own.
    "interop": ("common", "preprocess", "catalog", "configs", "models"),
    "benchmarks": (
        *("common", "preprocess", "metrics", "baselines", "render", "catalog", "models", "configs"),
        *("workflows", "interop"),
    ),
    "experiments": (
        *("common", "preprocess", "metrics", "baselines", "patterns", "render", "catalog", "models"),
        *("configs", "workflows", "benchmarks"),
    ),
}
"""What each room may import besides itself; commands may import everything but commands."""

ROOMS_OF_MODELS = (
    *("layers", "outputs", "numpy_engine", "formats", "training", "music_vae", "piano", "history_drums"),
    "families",
)
"""The rooms of `models`, each of which may import those before it."""


class Import(NamedTuple):
    """An import of one module of the tree by another.

    Attributes:
        source, target: the modules' names.
        line: where it stands.
        is_typing: whether it stands under `if TYPE_CHECKING:`.
    """

    source: str
    target: str
    line: int
    is_typing: bool

    def __str__(self) -> str:
        return f"{self.source.replace('.', '/')}.py:{self.line} imports {self.target}"


@cache
def modules() -> dict[str, Path]:
    """The sources of the tree, tests left out, by module name."""
    rooms = [ROOT / room for room in ROOMS_BELOW if (ROOT / room).is_dir()]
    paths = [*ROOT.glob("*.py"), *(path for room in rooms for path in room.rglob("*.py"))]
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted(paths)
    }


@cache
def commands() -> set[str]:
    """What is run and never imported: modules that end in a run of their `main`; `common.entry_points` starts some by name."""
    return {
        module
        for module, path in modules().items()
        if path.read_text().endswith("sys.exit(run_command(main))\n")
    }


@cache
def imports() -> list[Import]:
    """All imports of modules of the tree, or of tests, by modules of the tree."""
    return [found for module, path in modules().items() for found in _imports_of(module, path)]


def _imports_of(module: str, path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    typing_lines = {
        inner.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    }
    for node in ast.walk(tree):
        for target in sorted(set(_targets(node))):
            yield Import(module, target, node.lineno, node.lineno in typing_lines)


def _targets(node: ast.AST) -> Iterator[str]:
    """The modules that an import statement names: of `from package import module` the module."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports name the whole path"
        names = [f"{node.module}.{alias.name}" for alias in node.names]
    else:
        return
    for name in names:
        while name and name not in modules() and name.partition(".")[0] != "tests":
            name = name.rpartition(".")[0]
        if name:
            yield name


def room_of(module: str) -> str:
    """The top folder or file of a module."""
    return module.partition(".")[0]


def room_of_models(module: str) -> str:
    """The room of a module of `models`."""
    return module.split(".")[1] if "." in module else ""


def test_the_walk_finds_imports() -> None:
    found = {(one.source, one.target) for one in imports()}
    assert ("models.families", "models.music_vae.trained") in found
    assert ("models.families", "models.music_vae.build") in found, "an import within a function"
    assert len(found) > 500


def test_rooms_import_only_what_is_below_them() -> None:
    wrong = [
        str(one)
        for one in imports()
        if one.source not in commands()
        and room_of(one.target) not in (room_of(one.source), *ROOMS_BELOW[room_of(one.source)])
        and one.target not in commands()
        and room_of(one.target) != "tests"
    ]
    assert not wrong, "against the order of ROOMS_BELOW: " + "; ".join(wrong)


def test_rooms_of_models_import_only_those_before_them() -> None:
    order = {room: place for place, room in enumerate(ROOMS_OF_MODELS)}
    inside = {one for one in imports() if room_of(one.source) == room_of(one.target) == "models"}
    wrong = [
        str(one)
        for one in sorted(inside)
        if order[room_of_models(one.target)] > order[room_of_models(one.source)]
    ]
    assert not wrong, f"against the order {', '.join(ROOMS_OF_MODELS)}: " + "; ".join(wrong)


def test_no_command_is_imported() -> None:
    wrong = [str(one) for one in imports() if one.target in commands()]
    assert not wrong, "a command is run, not imported; move what is shared to workflows: " + "; ".join(wrong)


def test_nothing_imports_tests() -> None:
    wrong = [str(one) for one in imports() if room_of(one.target) == "tests"]
    assert not wrong, "; ".join(wrong)


def test_no_circle() -> None:
    targets: dict[str, set[str]] = {module: set() for module in modules()}
    for one in imports():
        if not one.is_typing and one.target != one.source:
            targets[one.source].add(one.target)
    # What imports nothing that is left is in no circle; what remains leads into one.
    while leaves := {module for module, found in targets.items() if not found}:
        targets = {module: found - leaves for module, found in targets.items() if module not in leaves}
    circle = _circle(targets)
    assert not circle, "a circle of imports: " + " -> ".join(circle)


def _circle(targets: dict[str, set[str]]) -> list[str]:
    """The modules of a circle in order, the first one again at the end; empty where there is nothing."""
    if not targets:
        return []
    way = [min(targets)]
    while (after := min(targets[way[-1]])) not in way:
        way.append(after)
    return [*way[way.index(after) :], after]

"""Absolute imports within the project as imports from its package: `from models.x import y` as
`from music_vae_keras.models.x import y`.

In the sources the modules of the project import one another by short names, which are those that the commands of a clone
have. Installed under short names, `models` or `evaluate` would be in the way of other distributions, or the other way
round. So the wheel is built from rewritten sources (`setup.py`), and an editable installation rewrites them as they are
imported (`music_vae_keras/source_tree.py`).
"""

import ast
from collections.abc import Collection, Iterator

PACKAGE = "music_vae_keras"

ROOMS = (
    *(
        "baselines",
        "catalog",
        "checkpoints",
        "common",
        "experiments",
        "interop",
        "metrics",
        "models",
        "patterns",
    ),
    *("preprocess", "render", "web", "workflows"),
)
"""The packages of the root that are installed."""

COMMANDS = (
    *("configs", "evaluate", "explore", "export", "humanize", "interpolate", "music_vae_generate", "sample"),
    *("tap2drum", "train"),
)
"""The modules of the root."""


DATA = (".css", ".html", ".js", ".json", ".md", ".safetensors", ".tunes", ".txt")
"""Suffixes of the files that modules read from their own folders."""


def namespaced(source: str, names: Collection[str] = (*ROOMS, *COMMANDS)) -> str:
    """A module's source with its imports of the project's modules as imports from the package.

    Lines keep their numbers. Only import statements change, those in functions included.

    >>> namespaced("import numpy, configs" + chr(10) + "from models.families import open_model")
    'import numpy; from music_vae_keras import configs\\nfrom music_vae_keras.models.families import open_model'

    Args:
        source: Python.
        names: the modules and packages of the root.

    Raises:
        ValueError: for `import a.b` of two parts without a name of its own, which binds `a`.
    """
    lines = source.encode().splitlines(keepends=True)
    for node in sorted(
        _imports(ast.parse(source)), key=lambda node: (node.lineno, node.col_offset), reverse=True
    ):
        changed = _changed(node, names)
        if changed is None:
            continue
        first, last = node.lineno - 1, (node.end_lineno or node.lineno) - 1
        before, after = lines[first][: node.col_offset], lines[last][node.end_col_offset :]
        # Imports over several lines become one; the lines after it stay where they were.
        empty = [b"\n"] * (last - first)
        lines[first : last + 1] = [before + changed.encode() + after, *empty]
    return b"".join(lines).decode()


def _imports(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom))


def _changed(node: ast.Import | ast.ImportFrom, names: Collection[str]) -> str | None:
    """The statement in its new form, or None where it imports nothing of the project."""
    if isinstance(node, ast.ImportFrom):
        if node.level or (node.module or "").partition(".")[0] not in names:
            return None
        return ast.unparse(ast.ImportFrom(f"{PACKAGE}.{node.module}", node.names, 0))
    if not any(alias.name.partition(".")[0] in names for alias in node.names):
        return None
    return "; ".join(_one(alias, names) for alias in node.names)


def _one(alias: ast.alias, names: Collection[str]) -> str:
    """One of the modules of an `import`, as a statement of its own."""
    if alias.name.partition(".")[0] not in names:
        return ast.unparse(ast.Import([alias]))
    package, _, module = f"{PACKAGE}.{alias.name}".rpartition(".")
    if package != PACKAGE and not alias.asname:
        raise ValueError(
            f"'import {alias.name}' binds its first part; import it as a name, or from its package."
        )
    return ast.unparse(ast.ImportFrom(package, [ast.alias(module, alias.asname)], 0))

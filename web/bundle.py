"""Joins JavaScript modules into one script, as a page that is opened from the file system can't import any.

The modules are ES modules in a strict form, so that editors and browsers understand them as they are, and a few lines
suffice to join them: `import { a, b as c } from "./other.js";`, and `export` in front of a `function`, an `async
function`, a `class` or a `const`. There are no default exports, and modules don't import one another in circles.
"""

import re
from importlib.resources import files
from pathlib import PurePosixPath

_IMPORT = re.compile(r"^import \{([^}]*)\} from \"(\.[^\"]+)\";\n", re.MULTILINE)
_EXPORT = re.compile(
    r"^export (?=(?:async function\*?|function\*?|class|const) ([A-Za-z_$][\w$]*))", re.MULTILINE
)
_OTHER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


def read(path: str) -> str:
    """The text of a file of this folder, such as `studio/studio.css`."""
    return files(__package__).joinpath(path).read_text(encoding="utf-8")


def bundle(entry: str, source: str | None = None) -> str:
    """The script that a module and all that it imports make.

    Args:
        entry: the module's path in this folder, such as `studio/main.js`.
        source: what the module reads, instead of the file at that path; tests write theirs so.

    Returns:
        JavaScript that can stand in a `<script>` element.

    Raises:
        ValueError: for circular imports, a form of `import` or `export` that is not one of the above, a name that a
            module does not export, or text that would end a `<script>` element.
    """
    modules: dict[str, tuple[str, set[str]]] = {}
    _add(entry, modules, (), source)
    names = {path: f"module{number}" for number, path in enumerate(modules)}
    parts = ['"use strict";\n']
    for path, (text, exported) in modules.items():
        if "</script" in text.lower() or "<!--" in text:
            raise ValueError(f"{path}: holds text that ends a script element.")
        result = f"return {{ {', '.join(sorted(exported))} }};\n"
        body = _EXPORT.sub("", _joined(path, text, names))
        parts.append(f"const {names[path]} = (() => {{ // {path}\n{body}{result}}})();\n")
    return "".join(parts)


def _add(
    path: str, modules: dict[str, tuple[str, set[str]]], above: tuple[str, ...], text: str | None = None
) -> None:
    """Add a module after those that it imports."""
    if path in above:
        raise ValueError(f"Circular imports: {' -> '.join((*above, path))}.")
    if path in modules:
        return
    if text is None:
        text = read(path)
    imports = [(_target(path, m[2]), _names(m[1])) for m in _IMPORT.finditer(text)]
    for target, _ in imports:
        _add(target, modules, (*above, path))
    for target, names in imports:
        missing = {name for name, _ in names} - modules[target][1]
        if missing:
            raise ValueError(f"{path}: {target} exports no {min(missing)}.")
    exported = {m[1] for m in _EXPORT.finditer(text)}
    rest = _OTHER.search(_EXPORT.sub("", _IMPORT.sub("", text)))
    if rest:
        raise ValueError(f"{path}: '{rest[0]}' can't be joined; see web/bundle.py for the forms that can.")
    modules[path] = (text, exported)


def _joined(path: str, text: str, names: dict[str, str]) -> str:
    """The text of the module at `path` with its imports taken from the modules' results, which have `names`."""
    return _IMPORT.sub(lambda match: _destructured(match, names[_target(path, match[2])]), text)


def _target(path: str, relative: str) -> str:
    """The path in this folder of a module that the one at `path` imports as `relative`."""
    parts: list[str] = []
    for part in (PurePosixPath(path).parent / relative).parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def _names(braced: str) -> list[tuple[str, str]]:
    """The (exported, local) names between the braces of an import."""
    pairs = (part.split(" as ") for part in re.sub(r"\s+", " ", braced).strip(" ,").split(","))
    return [(pair[0].strip(), pair[-1].strip()) for pair in pairs if pair[0].strip()]


def _destructured(match: re.Match[str], module: str) -> str:
    """An import as a `const` statement, on as many lines."""
    inside = ", ".join(name if name == local else f"{name}: {local}" for name, local in _names(match[1]))
    return f"const {{ {inside} }} = {module};" + "\n" * match[0].count("\n")

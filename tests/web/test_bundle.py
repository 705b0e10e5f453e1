"""Joining JavaScript modules: order, names, and what can't be joined."""

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT
from web import bundle as bundling


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for `web/`."""
    monkeypatch.setattr(bundling, "files", lambda _: tmp_path)
    (tmp_path / "a").mkdir()
    return tmp_path


def test_each_module_stands_once_after_those_it_imports(modules: Path) -> None:
    (modules / "a/one.js").write_text("export const one = 1;\nconst hidden = 5;\n")
    (modules / "two.js").write_text(
        'import { one as first } from "./a/one.js";\n\nexport function two() {\n  return 2 * first;\n}\n'
    )
    (modules / "a/main.js").write_text(
        'import {\n  two,\n} from "../two.js";\nimport { one } from "./one.js";\n\nwindow.found = one + two();\n'
    )
    text = bundling.bundle("a/main.js")
    assert re.findall(r"// (\S+\.js)", text) == ["a/one.js", "two.js", "a/main.js"]
    assert "const { one: first } = module0;" in text
    assert "return { one };" in text and "hidden }" not in text
    assert not re.search(r"^(import|export)", text, re.MULTILINE)


def test_an_entry_may_be_text_that_is_no_file(modules: Path) -> None:
    (modules / "a/one.js").write_text("export const one = 1;\n")
    text = bundling.bundle("a/test.js", 'import { one } from "./one.js";\n\nwindow.found = one;\n')
    assert re.findall(r"// (\S+\.js)", text) == ["a/one.js", "a/test.js"]
    with pytest.raises(ValueError, match=r"a/one\.js exports no two"):
        bundling.bundle("a/test.js", 'import { two } from "./one.js";\n')


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("export default 1;\n", "can't be joined"),
        ('import "./b.js";\n', "can't be joined"),
        ("export let x = 1;\n", "can't be joined"),
        ('import { x } from "./main.js";\n', "Circular imports: main.js -> main.js"),
        ('import { y } from "./b.js";\n', "b.js exports no y"),
        ('export const x = "</script>";\n', "ends a script element"),
    ],
)
def test_what_cannot_be_joined_is_refused(modules: Path, text: str, message: str) -> None:
    (modules / "b.js").write_text("export const x = 1;\n")
    (modules / "main.js").write_text(text)
    with pytest.raises(ValueError, match=message):
        bundling.bundle("main.js")


FOLDERS_BELOW = {
    "music": set(),
    "engine": {"music"},
    "sound": {"music"},
    "gallery": {"music", "sound"},
    "studio": {"music", "engine", "sound"},
}
"""What the modules of each folder of `web/` may import besides their own."""


def test_imports_of_the_folders_run_one_way() -> None:
    web = ROOT / "web"
    paths = sorted(path.relative_to(web) for path in web.rglob("*.js"))
    assert {path.parts[0] for path in paths} == set(FOLDERS_BELOW)
    for path in paths:
        text = (web / path).read_text(encoding="utf-8")
        targets = set(re.findall(r"^(?:import .*|\}) from \"\.\./(\w+)/", text, re.MULTILINE))
        assert targets <= FOLDERS_BELOW[path.parts[0]], path


def test_every_module_is_part_of_a_page() -> None:
    web, used = ROOT / "web", set()
    for entry in ("studio/main.js", "engine/worker.js", "gallery/main.js"):
        used |= set(re.findall(r"// (\S+/\S+\.js)$", bundling.bundle(entry), re.MULTILINE))
    assert {path.relative_to(web).as_posix() for path in web.rglob("*.js")} == used

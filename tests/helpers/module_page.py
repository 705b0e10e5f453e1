"""Pages of a few lines that import modules of `web/`, and what their JavaScript answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.helpers.browser import headless_chromium
from web.bundle import bundle


def open_module(browser: Any, folder: Path, text: str, markup: str = "") -> None:
    """Open a page whose only script is a module of the test's own.

    Args:
        browser: a driver.
        folder: where the page is written.
        text: the module, as if it stood in `web/`: it imports as in `import { a } from "./music/b.js";`, and leaves what
            the test needs in `window`.
        markup: the page's body before the script.
    """
    path = folder / "module.html"
    page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>test</title><body>{markup}'
    path.write_text(f"{page}<script>\n{bundle('test.js', text)}</script></body></html>", encoding="utf-8")
    browser.get(path.as_uri())


@contextmanager
def module_browser(folder: Path, text: str, markup: str = "") -> Iterator[Any]:
    """A headless Chromium with such a page open.

    Args:
        folder: an empty one.
        text, markup: as for `open_module`.
    """
    browser = headless_chromium(folder / "profile")
    try:
        open_module(browser, folder, text, markup)
        yield browser
    finally:
        browser.quit()


def answer_of(browser: Any, script: str, *arguments: Any) -> Any:
    """What the body of an async function returns in the page; `arguments` are its `args`.

    Raises:
        AssertionError: with the message of what it throws.
    """
    result = browser.execute_async_script(
        "const args = [...arguments], done = args.pop();"
        f"(async () => {{ {script} }})().then((value) => done({{ value }}), (error) => done({{ error: String(error) }}));",
        *arguments,
    )
    assert "error" not in result, result["error"]
    return result.get("value")

"""A headless Chromium for tests, or a skip that says what is missing."""

import shutil
from pathlib import Path
from typing import Any

import pytest


def headless_chromium(profile: Path, *flags: str, log: bool = False) -> Any:
    """A selenium driver; the caller quits it.

    Args:
        profile: an empty folder for the browser's own files.
        flags: of Chromium, beside those that keep it quiet.
        log: keep what pages write to their console.
    """
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("chromium and chromedriver are not installed (Debian: chromium, chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (
        "headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking",
        "disable-component-update", "disable-sync", f"user-data-dir={profile}", *flags,
    ):  # fmt: skip
        options.add_argument(f"--{flag}")
    if log:
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))

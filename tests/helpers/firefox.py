"""A headless Firefox for tests, driven by WebDriver BiDi, or a skip that says what is missing.

selenium needs geckodriver, which Debian doesn't package; Firefox itself speaks BiDi on a local port.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PREFERENCES = """
user_pref("app.normandy.enabled", false);
user_pref("app.update.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("extensions.blocklist.enabled", false);
user_pref("media.autoplay.default", 0);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("services.settings.server", "data:,");
user_pref("toolkit.telemetry.enabled", false);
"""


class Firefox:
    """One tab of a browser; what its pages write to the console as errors is in `errors`."""

    def __init__(self, socket: Any):
        self._socket, self._number = socket, 0
        self.errors: list[str] = []
        self._send("session.new", capabilities={})
        self._send("session.subscribe", events=["log.entryAdded"])
        self._tab = self._send("browsingContext.getTree")["contexts"][0]["context"]

    def get(self, address: str) -> None:
        """Open a page, and wait until it is loaded."""
        self._send("browsingContext.navigate", context=self._tab, url=address, wait="complete")

    def run(self, script: str) -> Any:
        """What the body of an async function returns, through JSON.

        Raises:
            AssertionError: where it throws.
        """
        body = f"(async () => {{ {script} }})().then((value) => JSON.stringify(value ?? null))"
        found = self._send(
            "script.evaluate",
            expression=body,
            target={"context": self._tab},
            awaitPromise=True,
            userActivation=True,
        )
        assert found["type"] == "success", found.get("exceptionDetails", {}).get("text")
        return json.loads(found["result"]["value"])

    def _send(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv())
            if message.get("method") == "log.entryAdded" and message["params"]["level"] == "error":
                self.errors.append(message["params"]["text"] or "")
            if message.get("id") == self._number:
                assert message["type"] == "success", message
                return message["result"]


@contextmanager
def headless_firefox(profile: Path) -> Iterator[Firefox]:
    """A running Firefox, which is ended with the context.

    Args:
        profile: an empty folder for the browser's own files.
    """
    program = shutil.which("firefox-esr") or shutil.which("firefox")
    if not program:
        pytest.skip("Firefox is not installed (Debian: firefox-esr)")
    websocket = pytest.importorskip(
        "websocket", reason="websocket-client, which selenium needs, is not installed"
    )
    (profile / "user.js").write_text(PREFERENCES)
    command = [program, "--headless", "--no-remote", "--remote-debugging-port=0", "--profile", str(profile)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            listening = (
                re.search(r"WebDriver BiDi listening on (ws://\S+)", line) for line in process.stderr
            )
            address = next(match[1] for match in listening if match)
            socket = websocket.create_connection(f"{address}/session", timeout=120, suppress_origin=True)
            yield Firefox(socket)
        finally:
            process.kill()

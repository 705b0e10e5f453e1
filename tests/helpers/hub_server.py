"""A stand-in for the Hugging Face Hub on this machine: the few answers that huggingface_hub asks for to download a file."""

import hashlib
import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

GATED = "someone/gated"
Repositories = dict[str, dict[str, Path]]
"""By `owner/name` and branch the folder of files that it holds."""


@dataclass
class Hub:
    """A running stand-in.

    Attributes:
        address: of it, for HF_ENDPOINT.
        asked: method and path of every request, in order.
    """

    address: str
    asked: list[str] = field(default_factory=list)

    def environment(self, home: Path) -> dict[str, str]:
        """Variables with which huggingface_hub asks this hub and keeps its cache in a folder."""
        local = {
            "HF_ENDPOINT": self.address,
            "HF_HOME": str(home),
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }
        others = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUGGING"))}
        return others | local | {"HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}


@contextmanager
def serving(repositories: Repositories) -> Iterator[Hub]:
    """A hub with these repositories, on a free port of the loopback interface."""
    hub = Hub("")

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            hub.asked.append(f"{self.command} {path}")
            api = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path)
            file = re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
            found = api or file
            if not found:
                return self._refuse(404, "")
            if found[1] == GATED:
                return self._refuse(403, "GatedRepo")
            if found[1] not in repositories:
                return self._refuse(404, "RepoNotFound")
            branches = {b: f for b, f in repositories[found[1]].items()}
            branches |= {commit_of(f): f for f in branches.values()}
            folder = branches.get(found[2] or "main")
            if folder is None:
                return self._refuse(404, "RevisionNotFound")
            if api:
                names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
                siblings = [{"rfilename": name} for name in names]
                facts = {"id": found[1], "modelId": found[1], "sha": commit_of(folder), "siblings": siblings}
                facts |= {"private": False, "downloads": 0, "likes": 0, "tags": []}
                return self._answer(json.dumps(facts).encode(), "application/json", folder)
            if not (folder / found[3]).is_file():
                return self._refuse(404, "EntryNotFound")
            self._answer((folder / found[3]).read_bytes(), "application/octet-stream", folder)

        def _answer(self, data: bytes, kind: str, folder: Path) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
            self.send_header("X-Repo-Commit", commit_of(folder))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        def _refuse(self, status: int, code: str) -> None:
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def commit_of(folder: Path) -> str:
    """The commit of a branch, which stays the same as long as its folder is."""
    return hashlib.sha1(str(folder).encode()).hexdigest()

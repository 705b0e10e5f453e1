"""The report: stand-in experiments, one of which fails, and the page with their results."""

import base64
import html.parser
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from common.errors import InputError
from experiments import catalogue, report
from experiments.__main__ import main as experiments_main
from experiments.outcome import Finding, Outcome

GOOD = Outcome(
    title="Good & <b>bold</b>",
    said="The author said <script>alert(1)</script>.",
    findings=(Finding("loss", "0.5", "<0.4"),),
    verdict='It "works" & more.',
    pictures=(("curve.png", "A curve > 0"),),
    midi=("tune.mid",),
)

STAND_IN = """
import json, os, sys, time
from pathlib import Path
name, folder = sys.argv[1:]
folder = Path(folder)
(folder / "environment.json").write_text(json.dumps([os.environ["OMP_NUM_THREADS"], time.time()]))
if name == "bad":
    print("first line", file=sys.stderr)
    sys.exit("ValueError: no <good>")
if name == "slow":
    (folder / "started").touch()
    time.sleep(60)
(folder / "curve.png").write_bytes(b"picture")
(folder / "tune.mid").write_bytes(b"MThd tune")
(folder / "outcome.json").write_text(os.environ["OUTCOME"])
"""


@pytest.fixture
def stand_ins(monkeypatch, tmp_path):
    """A catalogue of stand-ins: `good`, `bad`, `slow`."""
    names = {"good": "succeeds", "bad": "a <failure>", "slow": "takes long"}
    monkeypatch.setattr(report, "EXPERIMENTS", names)
    monkeypatch.setattr(report, "SECONDS", {"bad": 5})
    monkeypatch.setattr(
        report, "command", lambda name, folder, songs: [sys.executable, "-c", STAND_IN, name, str(folder)]
    )
    GOOD.write(tmp_path)
    monkeypatch.setenv("OUTCOME", (tmp_path / "outcome.json").read_text())
    return tmp_path / "out"


class Page(html.parser.HTMLParser):
    """The text, the tags and the addresses in a page."""

    def __init__(self, path: Path):
        super().__init__()
        self.text, self.tags, self.addresses = "", [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href")]

    def handle_data(self, data):
        self.text += data


def test_a_failure_is_shown_and_the_others_run(stand_ins, capsys):
    assert report.main([f"--output_dir={stand_ins}", "--only=good,bad", "--processes=1"]) == 1
    page = Page(stand_ins / "report.html")
    for text in (GOOD.title, GOOD.said, GOOD.verdict, "<0.4", "A curve > 0", "Failed: ValueError: no <good>"):
        assert text in page.text
    assert "first line" not in page.text and "a <failure>" in page.text
    # No text from the outcome became markup, and nothing is loaded from elsewhere.
    assert not {"script", "b"} & set(page.tags)
    assert page.tags.count("section") == 2
    data = [address for address in page.addresses if not address.startswith("#")]
    assert data == [
        "data:image/png;base64," + base64.b64encode(b"picture").decode(),
        "data:audio/midi;base64," + base64.b64encode(b"MThd tune").decode(),
    ]
    assert "bad failed: ValueError: no <good>" in capsys.readouterr().err
    # Each ran on one thread, and the slowest first.
    noted = {
        name: json.loads((stand_ins / name / "environment.json").read_text()) for name in ("good", "bad")
    }
    assert noted["good"][0] == noted["bad"][0] == "1"
    assert noted["bad"][1] < noted["good"][1]


def test_experiments_run_again_unless_results_are_kept(stand_ins):
    assert report.main([f"--output_dir={stand_ins}", "--only=good"]) == 0
    first = (stand_ins / "good" / "environment.json").read_text()
    assert report.main([f"--output_dir={stand_ins}", "--only=good", "--keep"]) == 0
    assert (stand_ins / "good" / "environment.json").read_text() == first
    assert (
        " s" in Page(stand_ins / "report.html").text.split("good, ")[1]
    )  # the running time of the first run
    assert report.main([f"--output_dir={stand_ins}", "--only=good"]) == 0
    assert (stand_ins / "good" / "environment.json").read_text() != first


def test_an_old_result_does_not_hide_a_failure(stand_ins):
    (stand_ins / "bad").mkdir(parents=True)
    GOOD.write(stand_ins / "bad")
    assert report.main([f"--output_dir={stand_ins}", "--only=bad"]) == 1
    assert "Failed: ValueError" in Page(stand_ins / "report.html").text


def test_an_outcome_that_cannot_be_read_is_a_failure(stand_ins, monkeypatch):
    monkeypatch.setenv("OUTCOME", "{")
    assert report.main([f"--output_dir={stand_ins}", "--only=good"]) == 1
    assert "outcome.json is missing or cannot be read" in Page(stand_ins / "report.html").text


def test_an_interrupt_keeps_what_is_done_and_ends_the_children(stand_ins):
    """Ctrl-C while `slow` is sleeping and `good` is done."""
    children = []
    popen = subprocess.Popen

    def interrupt() -> None:
        deadline = time.time() + 30
        while time.time() < deadline:
            if (stand_ins / "good" / "outcome.json").exists() and (stand_ins / "slow" / "started").exists():
                time.sleep(0.5)
                os.kill(os.getpid(), signal.SIGINT)
                return
            time.sleep(0.05)

    class Recorded(popen):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            children.append(self)

    import threading

    # Shells start background jobs with interrupts ignored, and the tests may be one.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report.subprocess, "Popen", Recorded)
        watcher = threading.Thread(target=interrupt)
        watcher.start()
        with pytest.raises(KeyboardInterrupt):
            report.main([f"--output_dir={stand_ins}", "--only=slow,good"])
        watcher.join()
    signal.signal(signal.SIGINT, before)
    assert len(children) == 2 and all(child.poll() is not None for child in children)
    page = Page(stand_ins / "report.html")
    assert GOOD.title in page.text and page.tags.count("section") == 1


@pytest.mark.parametrize("flag", ["--only=nothing", "--processes=0", "--songs=/no/such/folder"])
def test_bad_flags(flag, tmp_path):
    with pytest.raises(InputError, match=flag.split("=")[0]):
        report.main([f"--output_dir={tmp_path}", flag])


def test_an_output_dir_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file"):
        report.main([f"--output_dir={tmp_path / 'file'}"])


def test_the_command_of_an_experiment(tmp_path):
    made = report.command("gan", tmp_path, "songs")
    assert made == [sys.executable, "-m", "experiments", "gan", f"--output_dir={tmp_path}", "--songs=songs"]
    assert len(report.command("gan", tmp_path, "")) == 5
    assert set(catalogue.SECONDS) <= set(catalogue.EXPERIMENTS)


def test_the_report_is_a_subcommand_of_experiments(tmp_path):
    with pytest.raises(InputError, match="--processes"):
        experiments_main(["report", f"--output_dir={tmp_path}", "--processes=0"])

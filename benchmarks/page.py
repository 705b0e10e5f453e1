"""How fast the page plays its models, in headless Chromium beside NumPy, on this machine: `python -m benchmarks.page`.

Times of the page include the way to the worker and back. Chromium and chromedriver have to be installed.
"""

if __name__ == "__main__":  # see common/console.py
    from common import signals

    signals.listen()

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import configs
from common.console import Parser, print_table, run_command
from common.errors import InputError
from common.output_files import check_outputs, write_atomically
from models import families
from models.history_drums.editing import refined
from models.history_drums.trained import HistoryModel
from preprocess.drums import groove_conditions
from preprocess.drums.conditions import DrumConditions
from workflows.flags.grooves import HUMANIZE_CONFIG
from workflows.grooves import performing
from workflows.history_drums import sampling
from workflows.studio import export_page

DRAW = "(i) => engine.draw({ seed: i, temperature: 0.87"
TASKS = {
    "new beat": DRAW + " })",
    "new beat, style": DRAW + ', conditions: { style: "funk" } })',
    "new beat, density": DRAW + ", conditions: { density: (i % 10) / 10 } })",
    "new beat, fill": DRAW + ", conditions: { fill: true } })",
    "encode a beat": '(i) => engine.encode({ role: "edit", tokens: beats[i] })',
    "pad, a point": '(i) => engine.mix({ role: "edit", corners, x: (i % 7) / 7 + 0.03, y: 0.4 })',
    "slider": "(i) => engine.move({ tokens: beats[0], amounts: { hits: (i + 1) / 40 } })",
    "humanize": "(i) => engine.humanize({ tokens: beats[i], qpm: 100, temperature: 0, seed: i })",
}
"""What is timed on the page: functions of the repetition."""

PREPARE = """
const beats = [], corners = [], { engine } = window.studio;
for (let i = 0; i < repeats + 4; i += 1) beats.push(await engine.draw({ seed: 1000 + i, temperature: 0.87 }));
for (let i = 0; i < 4; i += 1) corners.push(await engine.encode({ role: "edit", tokens: beats[repeats + i] }));
"""


def get_parser() -> argparse.ArgumentParser:
    """The command's flags."""
    parser = Parser("Time the page in Chromium beside NumPy.", "python -m benchmarks.page --output=page.json")
    parser.add_argument("--repeats", type=int, default=20, help="how often each task is timed (default: 20)")
    parser.add_argument("--output", help="JSON file for the figures")
    return parser


def on_the_page(page: Path, repeats: int) -> dict[str, list[float]]:
    """Seconds of each task in headless Chromium, and "start": from opening the file to the first model's readiness."""
    from selenium import webdriver

    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        raise InputError("chromium and chromedriver are not installed (Debian: chromium, chromium-driver).")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in ("headless", "no-sandbox", "disable-gpu", "no-first-run", f"user-data-dir={profile}"):
            options.add_argument(f"--{flag}")
        browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
        try:
            browser.set_script_timeout(600)
            return _timed(browser, page, repeats)
        finally:
            browser.quit()


def _timed(browser: Any, page: Path, repeats: int) -> dict[str, list[float]]:
    starts = []
    for _ in range(3):
        browser.get(page.as_uri())
        starts.append(
            browser.execute_async_script(
                "const done = arguments[0]; window.studio.engine.ready.then(() => done(performance.now() / 1000));"
            )
        )
    tasks = ", ".join(f"{json.dumps(name)}: {task}" for name, task in TASKS.items())
    found = browser.execute_async_script(
        f"""
        const [repeats, done] = arguments;
        (async () => {{
          {PREPARE}
          const found = {{}};
          for (const [name, task] of Object.entries({{ {tasks} }})) {{
            found[name] = [];
            await task(repeats);  // what was encoded once is remembered
            for (let i = 0; i < repeats; i += 1) {{
              const began = performance.now();
              await task(i);
              found[name].push((performance.now() - began) / 1000);
            }}
          }}
          return found;
        }})().then(done, (error) => done(String(error)));
        """,
        repeats,
    )
    if isinstance(found, str):
        raise RuntimeError(found)
    return {"start": starts, **found}


def in_numpy(repeats: int) -> dict[str, list[float]]:
    """Seconds of the same tasks in NumPy, in this process."""
    model, editor = (
        families.open_music_vae(name) for name in (configs.DEFAULT_CONFIG, configs.DEFAULT_EDIT_CONFIG)
    )
    assert isinstance(model, HistoryModel) and isinstance(editor, HistoryModel), "the shipped ones are"
    player = families.open_music_vae(HUMANIZE_CONFIG)
    beats = model.decode_values(model.prior_sample(repeats), 0.87).astype(np.int64)
    z = editor.prior_sample(1)
    row = groove_conditions.row(100.0)

    def drawn(conditions: DrumConditions) -> Callable[[int], Any]:
        return lambda i: sampling.draw(model, [conditions], temperature=0.87, seed=i, guidance=2.0)

    def humanized(i: int) -> Any:
        hits = (beats[i][:, None] >> np.arange(9) & 1).astype(float)
        return next(performing.humanized(player, (hits, hits, np.zeros_like(hits)), conditions=row))

    tasks: dict[str, Callable[[int], Any]] = {
        "new beat": lambda i: model.decode_values(model.prior_sample(1, i), 0.87, i),
        "new beat, style": drawn(DrumConditions(style="funk")),
        "new beat, density": lambda i: drawn(DrumConditions(density=i % 10 / 10))(i),
        "new beat, fill": drawn(DrumConditions(fill=True)),
        "encode a beat": lambda i: refined(editor, beats[i : i + 1]),
        "pad, a point": lambda i: editor.decode_values(z, None),
        "slider": lambda i: editor.decode_values(z, None),
        "humanize": humanized,
    }
    found: dict[str, list[float]] = {}
    for name, task in tasks.items():
        task(0)
        found[name] = []
        for i in range(repeats):
            began = time.perf_counter()
            task(i)
            found[name].append(time.perf_counter() - began)
    return found


def main(argv: list[str] | None = None) -> int:
    """Run the command."""
    args = get_parser().parse_args(argv)
    if args.repeats < 1:
        raise InputError(f"--repeats is {args.repeats}; expected at least 1.", "bad_flag")
    if args.output:
        check_outputs([Path(args.output)], force=True)
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "studio.html"
        export_page(None, page)
        size = page.stat().st_size
        browser, numpy = on_the_page(page, args.repeats), in_numpy(args.repeats)
    rows = []
    for name in ("start", *TASKS):
        seconds = browser[name]
        beside = f"{1000 * statistics.median(numpy[name]):.0f}" if name in numpy else ""
        rows.append((name, f"{1000 * statistics.median(seconds):.0f}", f"{1000 * max(seconds):.0f}", beside))
    load = os.getloadavg()[0]
    print_table(
        f"The page: {size / 1e6:.2f} MB; milliseconds, {args.repeats} repetitions, load {load:.1f} on {os.cpu_count()} cores",
        ["task", "Chromium, median", "at most", "NumPy, median"],
        rows,
    )
    if args.output:
        found = {"bytes": size, "load": load, "seconds": {"chromium": browser, "numpy": numpy}}
        write_atomically(Path(args.output), (json.dumps(found, indent=1) + "\n").encode())
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))

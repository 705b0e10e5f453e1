"""The page that plays the models, as `export.py` writes it: whole, of one piece, inert, and open without a server."""

import dataclasses
import html.parser
import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import configs
import export
from catalog.config import frozen
from common.errors import CheckpointError, InputError, UserError
from models.formats import ours as checkpoint
from preprocess.converters import CONVERTERS
from render.studio import studio_html
from tests.helpers.browser import headless_chromium
from tests.helpers.checkpoints import tiny_config, tiny_history_config, zero_weights
from tests.helpers.processes import FRAMEWORKS, run
from tests.helpers.studio_page import write_studio
from workflows import studio

MOST_BYTES = 8_000_000
EDITOR = "checkpoints/hierdec-drum_4bar_small.safetensors"
HOSTILE = '</script></style><img src="x" onerror="window.hacked = 1"><!-- <script> {{models}} {{title}} "quoted" & \u2028'
VOID = {"meta", "link", "img", "br", "input", "hr"}
SVG = "http://www.w3.org/2000/svg"


class Page(html.parser.HTMLParser):
    """The elements of a page with their attributes, and their texts by id."""

    def __init__(self, text: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self.open: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append((tag, dict(attrs).get("id") or tag))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            name = self.open[-1][1]
            self.texts[name] = self.texts.get(name, "") + data

    @property
    def tags(self) -> list[str]:
        return [tag for tag, _ in self.elements]

    @property
    def models(self) -> list[dict[str, Any]]:
        return json.loads(self.texts["models"])


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page with the shipped models."""
    return write_studio(tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless Chromium."""
    page = headless_chromium(tmp_path_factory.mktemp("profile"), "window-size=1100,900", log=True)
    yield page
    page.quit()


def export_page(folder: Path, *flags: str) -> Page:
    """The page that the command writes."""
    path = folder / "studio.html"
    assert export.main(["--format=page", f"--output={path}", *flags]) == 0
    return Page(path.read_text(encoding="utf-8"))


def roles(page: Page) -> dict[str, list[str]]:
    """The roles of each model of a page."""
    return {model["name"]: model["roles"] for model in page.models}


# What is in it.


def test_the_shipped_models_fit_into_eight_megabytes(shipped: Path) -> None:
    assert shipped.stat().st_size <= MOST_BYTES
    assert roles(Page(shipped.read_text(encoding="utf-8"))) == {
        "histdec-drum_4bar": ["draw"],
        "histdec-drum_4bar_edit": ["edit"],
        "groovae_2bar_humanize_small": ["humanize"],
        "groovae_2bar_tap_small": ["tap"],
        "cat-mel_2bar_tiny": ["melody"],
    }


def test_nothing_is_loaded_from_elsewhere(shipped: Path) -> None:
    text = shipped.read_text(encoding="utf-8")
    page = Page(text)
    for tag, attributes in page.elements:
        assert not {"src", "href", "srcset", "action", "data", "poster"} & set(attributes), tag
        assert not [name for name in attributes if name.startswith("on")], tag
    assert "link" not in page.tags and "iframe" not in page.tags
    assert not re.search(r"url\(|@import", page.texts["style"])
    for name in ("script", "worker"):
        code = re.sub(r"/\*\*.*?\*/|^\s*//.*?$", "", page.texts[name], flags=re.DOTALL | re.MULTILINE)
        loads = r"\bfetch\(|XMLHttpRequest|importScripts|WebSocket|EventSource|sendBeacon|\bimport\("
        assert not re.search(loads, code), name
    addresses = set(re.findall(r"\b(?:https?|ftp|wss?)://[^\s\"'`<>)]*", text))
    assert addresses <= {SVG}


def test_the_default_page_is_written_without_a_framework(tmp_path: Path) -> None:
    path = tmp_path / "studio.html"
    done = run("export.py", "--format=page", f"--output={path}")
    said, loaded = done.stdout.splitlines()[0], done.stdout.splitlines()[-1].split()
    assert done.returncode == 0, done.stderr
    size = f"{path.stat().st_size / 1e6:.1f} MB"
    assert said == f"Wrote {path} ({size}). Open it in a browser: it needs no server and no network."
    assert not FRAMEWORKS & set(loaded)
    assert [p.name for p in tmp_path.iterdir()] == ["studio.html"]


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("hierdec-drum_4bar_small", ["draw", "edit"]),
        ("histdec-drum_4bar", ["draw"]),
        ("histdec-drum_4bar_edit", ["draw", "edit"]),
        ("cat-drums_2bar_small", ["draw", "edit"]),
        ("nade-drums_2bar_reduced", ["draw", "edit"]),
    ],
)
def test_ones_own_model_takes_the_roles_that_it_can(tmp_path: Path, name: str, taken: list[str]) -> None:
    make = tiny_history_config if name.startswith("histdec") else tiny_config
    config = dataclasses.replace(make(name), name="mine")
    folder = tmp_path / "run" / "train"
    folder.mkdir(parents=True)
    own = checkpoint.Checkpoint(zero_weights(config), config.to_json())
    checkpoint.save(folder / "step-00000005.safetensors", own)
    found = roles(export_page(tmp_path, f"--run_dir={tmp_path / 'run'}"))
    assert found.pop("mine") == taken
    assert sorted(role for each in found.values() for role in each) == sorted(
        {"draw", "edit", "humanize", "tap", "melody"} - set(taken)
    )


def test_attribute_vectors_beside_ones_own_checkpoint_come_along(tmp_path: Path) -> None:
    found = export_page(tmp_path, f"--checkpoint_file={EDITOR}").models[0]
    vectors = json.loads(Path(EDITOR.replace(".safetensors", ".attributes.json")).read_text())["attributes"]
    assert list(found["attributes"]) == list(vectors) == ["hits", "hihat", "syncopation"]
    assert found["attributes"]["hits"]["vector"] == vectors["hits"]["vector"]
    lone = tmp_path / "lone.safetensors"
    lone.write_bytes(Path(EDITOR).read_bytes())
    assert export_page(tmp_path, f"--checkpoint_file={lone}", "--force").models[0]["attributes"] is None


def test_a_page_with_a_large_model_is_announced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(studio, "USUAL_BYTES", 1_000_000)
    export_page(tmp_path)
    assert "The model is large, so the page takes a while to open and to draw." in capsys.readouterr().out


# What is refused.


def save(folder: Path, config: configs.Config) -> str:
    """A checkpoint of a config with weights of its shapes; returns the flag that names it."""
    path = folder / "model.safetensors"
    checkpoint.save(path, checkpoint.Checkpoint(zero_weights(config), config.to_json()))
    return f"--checkpoint_file={path}"


REFUSED = {
    "cat-mel_2bar_tiny": "plays melodies, and the page takes models that draw beats",
    "piano-small": "plays piano, and the page takes models that draw beats",
    "groovae_2bar_humanize_small": "plays velocities and timing for given hits",
    "hierdec-drum_4bar_3-4_small": "plays in 3/4, and the page is in 4/4",
    "hierdec-drum_4bar_triplets_small": "plays 12 steps a bar and 3 a quarter note",
    "nade-drums_2bar_full": "plays 61 drums, and the page takes models of the 9 drums",
    "flat-trio_16bar": "plays trios",
}


@pytest.mark.parametrize(("name", "sentence"), REFUSED.items())
def test_other_models_are_refused_with_a_sentence(tmp_path: Path, name: str, sentence: str) -> None:
    shipped = Path(f"checkpoints/{name}.safetensors")
    flag = f"--checkpoint_file={name}" if shipped.is_file() else save(tmp_path, tiny_config(name))
    output = tmp_path / "out" / "studio.html"
    with pytest.raises(InputError, match=re.escape(sentence)) as refusal:
        export.main(["--format=page", f"--output={output}", flag])
    assert refusal.value.status == 2
    assert name in str(refusal.value) and str(refusal.value).count(name) == 1
    assert not output.exists()


def test_models_of_every_converter_have_a_word_for_what_they_play() -> None:
    # "relative" is of piano models, which are refused by their family.
    assert {"drums", "relative", *studio._PLAYED} == set(CONVERTERS)


def test_nine_other_drums_are_refused(tmp_path: Path) -> None:
    config = tiny_config("cat-drums_2bar_small")
    kit = {"pitch_classes": tuple((pitch,) for pitch in range(36, 45))}
    config = dataclasses.replace(config, converter=frozen({**config.converter, **kit}))
    with pytest.raises(InputError, match="cat-drums_2bar_small plays other drums, and the page takes"):
        export_page(tmp_path, save(tmp_path, config))


def test_a_decoder_that_only_keras_plays_is_refused(tmp_path: Path) -> None:
    config = tiny_config("cat-drums_2bar_small", residual_decoder=True)
    with pytest.raises(InputError, match="cat-drums_2bar_small has a decoder that only Keras plays"):
        export_page(tmp_path, save(tmp_path, config))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--run_dir=a", "--checkpoint_file=b"], "Give either --run_dir or --checkpoint_file"),
        (
            ["--config=hierdec-drum_4bar_small"],
            "--config is for a checkpoint that does not contain its config",
        ),
        (["--float16"], "--float16 is for --format=safetensors and --format=hub only"),
        (["--quantization=uint8"], "--quantization is for --format=magenta_js only"),
        (["--checkpoint_file=nowhere"], "nowhere: no such file, run_dir or shipped checkpoint"),
        ([f"--checkpoint_file={EDITOR}", "--config=hierdec-drum_4bar_small"], "leave out --config"),
    ],
)
def test_flags_that_do_not_fit_are_refused(tmp_path: Path, flags: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        export_page(tmp_path, *flags)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_page_is_kept_unless_forced(tmp_path: Path) -> None:
    (tmp_path / "studio.html").write_text("mine")
    with pytest.raises(InputError, match="already exists; give --force"):
        export_page(tmp_path)
    assert (tmp_path / "studio.html").read_text() == "mine"
    export_page(tmp_path, "--force")


def test_a_damaged_checkpoint_leaves_what_was_there(tmp_path: Path) -> None:
    source, output = tmp_path / "model.safetensors", tmp_path / "studio.html"
    save(tmp_path, tiny_config())
    sound = source.read_bytes()
    rng = random.Random(1)
    for number in range(24):
        damaged = bytearray(sound)
        if number % 3 == 0:
            del damaged[rng.randrange(len(damaged)) :]
        else:
            # Half of the damage is to the header, where names and shapes stand.
            at = rng.randrange(4000 if number % 2 else len(damaged))
            damaged[at : at + 8] = rng.randbytes(8)
        source.write_bytes(damaged)
        output.write_text("mine")
        with pytest.raises(CheckpointError, match=r"model\.safetensors"):
            export_page(tmp_path, f"--checkpoint_file={source}", "--force")
        assert output.read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.safetensors", "studio.html"]


# Names that would be more than names.


def test_no_name_becomes_an_element() -> None:
    def page(name: str) -> Page:
        model = {"name": name, "roles": ["draw"], "attributes": {name: {"unit": name}}, "data": ""}
        beat = {"name": name, "style": name, "qpm": 120, "swing": 0, "steps": 64, "hits": []}
        return Page(studio_html([model], name, [beat]))

    hostile = page(HOSTILE)
    assert hostile.tags == page("x").tags
    assert hostile.texts["title"] == hostile.texts["h1"] == HOSTILE
    assert hostile.models[0]["name"] == HOSTILE
    assert json.loads(hostile.texts["patterns"])[0]["style"] == HOSTILE


HOSTILE_HEADERS = {
    "name": lambda config: _renamed(config.to_json(), "name"),
    "description": lambda config: _renamed(config.to_json(), "description"),
    "decoder": lambda config: _renamed(config.to_json(), "decoder", "name"),
    "option of the decoder": lambda config: _renamed(config.to_json(), "decoder", HOSTILE),
    "converter": lambda config: _renamed(config.to_json(), "converter", "pitch_classes"),
    "augmenter": lambda config: _renamed(config.to_json(), "augmenter", HOSTILE),
}


def _renamed(text: str, *path: str) -> str:
    """A config's JSON with the hostile text at a place in it."""
    data = json.loads(text)
    place = data
    for key in path[:-1]:
        place = place.setdefault(key, {})
    place[path[-1]] = HOSTILE
    return json.dumps(data)


@pytest.mark.parametrize("where", HOSTILE_HEADERS)
def test_nothing_in_a_checkpoint_breaks_out_of_the_page(shipped: Path, tmp_path: Path, where: str) -> None:
    """It is refused, or stays a text; no further element comes of it."""
    plain = Page(shipped.read_text(encoding="utf-8"))
    config = tiny_config()
    notes = {HOSTILE: HOSTILE}
    hostile = checkpoint.Checkpoint(zero_weights(config), HOSTILE_HEADERS[where](config), notes=notes)
    checkpoint.save(tmp_path / "model.safetensors", hostile)
    try:
        page = export_page(tmp_path, f"--checkpoint_file={tmp_path / 'model.safetensors'}")
    except UserError:
        assert not (tmp_path / "studio.html").exists()
    else:
        assert where == "description"
        assert page.tags == plain.tags


def test_attribute_vectors_and_weights_of_hostile_names_are_refused_or_inert(
    shipped: Path, tmp_path: Path
) -> None:
    source = tmp_path / "model.safetensors"
    source.write_bytes(Path(EDITOR).read_bytes())
    beside = tmp_path / "model.attributes.json"
    vectors = json.loads(Path(EDITOR.replace(".safetensors", ".attributes.json")).read_text())
    entry = vectors["attributes"]["hits"]
    # The unit is taken from here, not from the file.
    vectors["attributes"]["hits"] = {**entry, "unit": HOSTILE}
    beside.write_text(json.dumps(vectors))
    assert HOSTILE not in json.dumps(
        export_page(tmp_path, f"--checkpoint_file={source}").models[0]["attributes"]
    )
    vectors["attributes"][HOSTILE] = entry
    beside.write_text(json.dumps(vectors))
    with pytest.raises(CheckpointError, match="attributes are unknown"):
        export_page(tmp_path, f"--checkpoint_file={source}", "--force")
    beside.unlink()
    config = tiny_config()
    weights = zero_weights(config)
    weights[HOSTILE] = weights[next(iter(weights))]
    checkpoint.save(source, checkpoint.Checkpoint(weights, config.to_json()))
    page = export_page(tmp_path, f"--checkpoint_file={source}", "--force")
    assert page.tags == Page(shipped.read_text(encoding="utf-8")).tags


# In a browser.


def errors_of(browser: Any) -> list[Any]:
    """What the page complained of since it was last asked."""
    return [line for line in browser.get_log("browser") if line["level"] == "SEVERE"]


def open_page(browser: Any, path: Path) -> None:
    """Open a page from the file system and wait for its models."""
    browser.get(path.as_uri())
    ready = "const done = arguments[0]; studio.engine.ready.then(() => done(null), (error) => done(String(error)))"
    assert browser.execute_async_script(ready) is None


@pytest.mark.slow
def test_the_page_opens_from_the_file_system_and_loads_nothing(browser: Any, shipped: Path) -> None:
    open_page(browser, shipped)
    assert browser.title == "Beat studio"
    loaded = browser.execute_script(
        "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    )
    assert [name for name in loaded if not name.startswith(("blob:", "data:"))] == []
    assert browser.execute_script("return studio.engine.model('melody').name") == "cat-mel_2bar_tiny"
    assert errors_of(browser) == []


@pytest.mark.slow
@pytest.mark.parametrize("as_run", [False, True])
def test_ones_own_model_plays(browser: Any, tmp_path: Path, as_run: bool) -> None:
    flag = f"--checkpoint_file={EDITOR}"
    if as_run:
        (tmp_path / "run/train").mkdir(parents=True)
        (tmp_path / "run/train/best.safetensors").write_bytes(Path(EDITOR).read_bytes())
        flag = f"--run_dir={tmp_path / 'run'}"
    export_page(tmp_path, flag)
    open_page(browser, tmp_path / "studio.html")
    assert browser.title == "Beat studio: hierdec-drum_4bar_small"
    models = "return ['draw', 'edit', 'humanize'].map((role) => studio.engine.model(role).name)"
    assert browser.execute_script(models) == [*["hierdec-drum_4bar_small"] * 2, "groovae_2bar_humanize_small"]
    drawn = browser.execute_async_script(
        "const done = arguments[0];"
        "studio.engine.draw({ seed: 1, temperature: 0.5 }).then((tokens) => done([...tokens]), (e) => done(String(e)))"
    )
    assert len(drawn) == 64 and any(drawn)
    assert errors_of(browser) == []


@pytest.mark.slow
def test_a_page_with_hostile_names_opens_and_stays_as_it_is(browser: Any, tmp_path: Path) -> None:
    beat = {"name": HOSTILE, "style": HOSTILE, "qpm": 120, "swing": 0, "steps": 64, "hits": [[0, 0, 100]]}
    path = tmp_path / "studio.html"
    path.write_text(studio_html(studio.page_models(), HOSTILE, [beat]), encoding="utf-8")
    open_page(browser, path)
    assert browser.title.startswith("</script>")
    assert browser.execute_script("return [window.hacked === undefined, document.images.length]") == [True, 0]
    assert errors_of(browser) == []


@pytest.mark.slow
def test_even_an_element_that_came_in_could_not_run_or_send_anything(browser: Any, shipped: Path) -> None:
    """The policy of the page, behind all else."""
    open_page(browser, shipped)
    blocked = browser.execute_async_script(
        "const done = arguments[0], found = [];"
        "document.addEventListener('securitypolicyviolation', (event) => found.push(event.effectiveDirective));"
        "const box = document.createElement('div');"
        'box.innerHTML = \'<img src="data:," onerror="window.hacked = 1"><img src="http://127.0.0.1:9/x.png">\';'
        "const script = document.createElement('script');"
        "script.textContent = 'window.hacked = 2';"
        "document.body.append(box, script);"
        "fetch('http://127.0.0.1:9/').catch(() => setTimeout(() => done([...found, window.hacked ?? 'no']), 200));"
    )
    assert sorted(blocked) == ["connect-src", "img-src", "no", "script-src-attr", "script-src-elem"]
    browser.get_log("browser")  # the page's own complaints are those of the policy

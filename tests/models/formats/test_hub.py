"""Checkpoints by their addresses on the Hugging Face Hub, from a stand-in on this machine, and the folders that go there."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from huggingface_hub import ModelCard

import export
from common.errors import CheckpointError
from models.formats import hub, ours
from models.formats.opening import open_checkpoint
from tests.conftest import ROOT
from tests.helpers.hub_server import GATED, Hub, commit_of, serving

SHIPPED = sorted(path.stem for path in ours.SHIPPED.glob("*.safetensors"))


def exported(folder: Path, checkpoint: str, *flags: str) -> Path:
    command = [f"--checkpoint_file={checkpoint}", "--format=hub", f"--output={folder}", *flags]
    assert export.main(command) == 0
    return folder


def run(hub: Hub, home: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A Python program in the project's folder that sees the stand-in."""
    environment = hub.environment(home) | variables
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_an_exported_folder_plays_the_same_from_the_hub_and_then_from_the_cache(tmp_path: Path) -> None:
    folder = exported(tmp_path / "melodies", "cat-mel_2bar_tiny")
    sample = ("sample.py", "--num_outputs=2", "--seed=5")
    with serving({"someone/melodies": {"main": folder}}) as server:
        plays = {
            "shipped": "cat-mel_2bar_tiny",
            "hub": "hf://someone/melodies",
            "again": "hf://someone/melodies/model.safetensors@main",
        }
        for name, checkpoint in plays.items():
            done = run(
                server,
                tmp_path / "home",
                *sample,
                f"--checkpoint_file={checkpoint}",
                f"--output_dir={tmp_path / name}",
            )
            assert done.returncode == 0, done.stderr
        got = [asked for asked in server.asked if asked.startswith("GET") and asked.endswith(".safetensors")]
        assert got == ["GET /someone/melodies/resolve/main/model.safetensors"]
    # The stand-in is gone.
    for name, variables in (("unreachable", {}), ("offline", {"HF_HUB_OFFLINE": "1"})):
        done = run(
            server, tmp_path / "home", *sample, "--checkpoint_file=hf://someone/melodies",
            f"--output_dir={tmp_path / name}", **variables,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    expected = [path.read_bytes() for path in sorted((tmp_path / "shipped").rglob("*.mid"))]
    assert len(expected) == 2
    for name in ("hub", "again", "unreachable", "offline"):
        assert [path.read_bytes() for path in sorted((tmp_path / name).rglob("*.mid"))] == expected


OPEN = """
import json, sys
from common.errors import CheckpointError
from models.formats import hub
for address in sys.argv[1:]:
    try:
        path = hub.fetch(address)
        print(json.dumps([str(path), sorted(p.name for p in path.parent.iterdir())]))
    except CheckpointError as error:
        print(json.dumps([str(error), []]))
"""


def fetched(server: Hub, home: Path, *addresses: str) -> list[tuple[str, list[str]]]:
    done = run(server, home, "-c", OPEN, *addresses)
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]  # type: ignore[misc]


def test_what_an_address_can_mean_and_what_is_said_where_it_means_nothing(tmp_path: Path) -> None:
    beats = exported(tmp_path / "beats", "hierdec-drum_4bar_small")
    older = exported(tmp_path / "older", "histdec-drum_4bar_edit")
    several, other = tmp_path / "several", tmp_path / "other"
    (several / "runs").mkdir(parents=True)
    for name in ("a.safetensors", "runs/b.safetensors"):
        shutil.copy(beats / "model.safetensors", several / name)
    other.mkdir()
    (other / "pytorch_model.bin").write_bytes(b"pickle")
    repositories = {
        "someone/beats": {"main": beats, "v1": older},
        "someone/several": {"main": several},
        "someone/other": {"main": other},
    }
    with serving(repositories) as server:
        found = fetched(
            server, tmp_path / "home",
            "hf://someone/beats", "hf://someone/beats@v1", f"hf://someone/beats@{commit_of(older)}",
            "hf://someone/several/runs/b.safetensors",
        )  # fmt: skip
        refused = fetched(
            server, tmp_path / "home",
            "hf://someone/several", "hf://someone/other", "hf://someone/beats/best.safetensors", "hf://someone/beats@v2",
            "hf://someone/nothing", f"hf://{GATED}", "hf://someone/beats/model.bin", "hf://someone",
        )  # fmt: skip
    originals = (beats, older, older, several / "runs")
    for (path, beside), original, name in zip(found, originals, ("model",) * 3 + ("b",), strict=True):
        assert Path(path).read_bytes() == (original / f"{name}.safetensors").read_bytes()
        assert (f"{name}.attributes.json" in beside) == (original / f"{name}.attributes.json").exists()
    assert sum("model.attributes.json" in beside for _, beside in found) == 3
    for (sentence, _), reason in zip(
        refused,
        (
            "has several checkpoints; add one of them to the address: a.safetensors, runs/b.safetensors",
            "has no .safetensors file",
            "the repository has no such file; it has model.safetensors",
            "no branch, tag or commit of that name",
            "there is no such model on the Hub, or it is private",
            "can be had after its owner's terms are accepted",
            "is not a .safetensors file",
            "is not an address on the Hugging Face Hub; expected hf://owner/name",
        ),
        strict=True,
    ):
        assert reason in sentence and sentence.startswith("hf://") and "\n" not in sentence
    ((sentence, _),) = fetched(server, tmp_path / "empty", "hf://someone/beats")
    assert "can't be reached" in sentence and "no earlier download is in its cache" in sentence


@pytest.mark.parametrize(
    "address",
    (
        "hf://", "hf://name", "hf:///name", "hf://a/", "hf://a/b/", "hf://a/b@", "hf://a/../b.safetensors",
        "hf://a/b/../c.safetensors", "hf://a/b//c.safetensors", "hf://a/b@..", "hf://a/b@x y", "hf://a/b@main?x=1",
        "hf://a/b/c d.safetensors", "hf://-a/b", "hf://a/b%2f", "hf://a/b@-x", "hf://a/b/.safetensors",
        "hf://a/b@" + "x" * 200,
    ),
)  # fmt: skip
def test_what_is_no_address_is_refused_before_anything_is_asked(address: str) -> None:
    with pytest.raises(CheckpointError, match="is not an address on the Hugging Face Hub"):
        hub.parse(address)


def test_addresses_have_a_file_and_a_revision() -> None:
    assert hub.parse("hf://a/b-c.d_e") == ("a/b-c.d_e", "", None)
    assert hub.parse("hf://a/b/runs/best.safetensors@refs/pr/1") == (
        "a/b",
        "runs/best.safetensors",
        "refs/pr/1",
    )
    assert str(hub.parse("hf://a/b/c.safetensors@v1")) == "hf://a/b/c.safetensors@v1"
    assert not hub.is_address("runs/hf")


def card_of(path: Path) -> dict[str, Any]:
    return ModelCard.load(path).data.to_dict()


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_cards_have_the_metadata_of_the_hub(name: str) -> None:
    card = card_of(ours.SHIPPED / f"{name}.md")
    assert card["license"] in ("cc-by-4.0", "cc0-1.0")
    assert card["library_name"] == "music-vae-keras"
    assert {"music", "midi"} < set(card["tags"])


@pytest.mark.parametrize("name", SHIPPED)
def test_the_folder_of_a_shipped_model_holds_all_that_its_card_shows(name: str, tmp_path: Path) -> None:
    folder = exported(tmp_path / "out", name)
    card = (folder / "README.md").read_text()
    assert card_of(folder / "README.md") == card_of(ours.SHIPPED / f"{name}.md")
    files = {path.name for path in folder.iterdir()}
    assert {"README.md", "config.json", "model.safetensors"} <= files
    shown = {line.split("](")[1].split(")")[0] for line in card.splitlines() if line.startswith("![")}
    assert shown == {name for name in files if name.endswith(".png")}
    assert "](../" not in card
    original = open_checkpoint(name)
    found = open_checkpoint(str(folder / "model.safetensors"))
    assert found.config == original.config and found.step == original.step
    for key, array in original.weights.items():
        np.testing.assert_array_equal(found.weights[key], array)
    assert json.loads((folder / "config.json").read_text())["config"] == json.loads(original.config.to_json())
    size, before = (
        (path).stat().st_size for path in (folder / "model.safetensors", ours.SHIPPED / f"{name}.safetensors")
    )
    assert size < 1.01 * before


def test_the_card_of_ones_own_model_says_what_is_known_and_asks_for_a_licence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "mine.safetensors"
    shutil.copy(ours.SHIPPED / "hierdec-drum_4bar_small.safetensors", own)
    folder = exported(tmp_path / "out", str(own))
    assert "does not name a licence" in capsys.readouterr().out
    card = card_of(folder / "README.md")
    assert card["library_name"] == "music-vae-keras" and "drums" in card["tags"] and "license" not in card
    assert "| training | 5,000 steps |" in (folder / "README.md").read_text()
    # A second export replaces the first, but nobody's other files.
    exported(folder, str(own), "--force")
    (folder / "thesis.txt").write_text("mine")
    with pytest.raises(Exception, match="holds other files than an earlier export"):
        exported(folder, str(own), "--force")
    assert (folder / "thesis.txt").read_text() == "mine"

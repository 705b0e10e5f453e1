"""The tree explains itself: each package lists its files, and the test of a file is where its name says."""

import fnmatch
import re
from pathlib import Path

import pytest

from music_vae_keras import namespace
from tests.conftest import ROOT

ROOMS = (
    "baselines benchmarks catalog checkpoints common experiments interop metrics models music_vae_keras patterns preprocess render web "
    "workflows tests.helpers tests.fuzz"
)
PACKAGES = sorted(
    path.parent.relative_to(ROOT)
    for room in ROOMS.split()
    for path in (ROOT / room.replace(".", "/")).rglob("__init__.py")
)

COVERED_BY = {
    "benchmarks/flops.py": "tests/benchmarks/test_polyphonic.py",
    "benchmarks/ours.py": "tests/test_parity_with_magenta.py",
    "benchmarks/random_batches.py": "tests/test_parity_with_magenta.py",
    "benchmarks/torch_baseline.py": "tests/models/formats/test_torch.py",
    "catalog/*.py": "tests/test_configs.py",
    "common/signals.py": "tests/common/test_console.py",
    "experiments/*.py": "tests/experiments/test_report.py",
    "export.py": "tests/models/formats/test_magenta_js.py",
    "interop/magenta_configs.py": "tests/test_configs.py",
    "interop/magenta_*.py": "tests/test_parity_with_magenta.py",
    "music_vae_keras/*.py": "tests/test_install.py",
    "setup.py": "tests/test_install.py",
    "models/formats/hub_card.py": "tests/models/formats/test_hub.py",
    "models/formats/onnx_*.py": "tests/models/formats/test_onnx_export.py",
    "models/formats/piano_weight_shapes.py": "tests/models/formats/test_weight_shapes.py",
    "models/history_drums/*.py": "tests/models/history_drums/test_decoder.py",
    "models/layers/conventions.py": "tests/models/layers/test_lstm.py",
    "models/layers/distributions.py": "tests/models/outputs/test_groove_mixture.py",
    "models/layers/lstm_sequence.py": "tests/models/layers/test_lstm.py",
    "models/layers/weight_shapes.py": "tests/models/formats/test_weight_shapes.py",
    "models/layers/startup.py": "tests/test_train.py",
    "models/music_vae/evaluation.py": "tests/test_evaluate.py",
    "models/music_vae/trained.py": "tests/models/music_vae/test_infilling.py",
    "models/music_vae/*.py": "tests/test_parity_with_magenta.py",
    "models/numpy_engine/grooves.py": "tests/models/outputs/test_groove_mixture.py",
    "models/numpy_engine/history_drums.py": "tests/models/history_drums/test_decoder.py",
    "models/numpy_engine/*.py": "tests/models/numpy_engine/test_decoding.py",
    "models/outputs/weight_shapes.py": "tests/models/outputs/test_base.py",
    "models/outputs/boltzmann.py": "tests/models/outputs/test_rbm.py",
    "models/outputs/groove_layout.py": "tests/models/outputs/test_groove_mixture.py",
    "models/outputs/groove.py": "tests/models/outputs/test_base.py",
    "models/outputs/voices.py": "tests/models/outputs/test_polyphonic_sampler.py",
    "models/outputs/boolean.py": "tests/models/outputs/test_base.py",
    "models/outputs/categorical.py": "tests/models/outputs/test_base.py",
    "models/outputs/nade.py": "tests/models/outputs/test_base.py",
    "models/piano/readers/history_predictor.py": "tests/experiments/test_history_copy.py",
    "models/piano/*.py": "tests/models/piano/test_model.py",
    "models/training/optimizer.py": "tests/test_parity_with_magenta.py",
    "models/training/settings.py": "tests/test_train.py",
    "models/training/trainable.py": "tests/models/training/test_resuming.py",
    "models/training/trainer.py": "tests/test_train.py",
    "patterns/*.py": "tests/patterns/test_notation.py",
    "preprocess/converters/base.py": "tests/fuzz/test_midi.py",
    "preprocess/drop_reasons.py": "tests/workflows/midi_clips/test_clip.py",
    "preprocess/drums/drum_classes.py": "tests/preprocess/converters/test_drums.py",
    "preprocess/drums/groove_conditions.py": "tests/workflows/grooves/test_performing.py",
    "preprocess/drums/groove_grid.py": "tests/preprocess/converters/test_groove.py",
    "preprocess/drums/hit_events.py": "tests/preprocess/midi/test_hits.py",
    "preprocess/drums/history_controls.py": "tests/models/history_drums/test_decoder.py",
    "preprocess/example_forms.py": "tests/preprocess/test_example_check.py",
    "preprocess/keyboard.py": "tests/preprocess/test_piano_rolls.py",
    "preprocess/example_proto.py": "tests/preprocess/test_example_check.py",
    "preprocess/groove.py": "tests/preprocess/test_groove_dataset.py",
    "preprocess/midi/bar_lines.py": "tests/workflows/midi_clips/test_clip.py",
    "preprocess/midi/changes.py": "tests/preprocess/midi/test_tempo_map.py",
    "preprocess/midi/timeline.py": "tests/preprocess/midi/test_reader.py",
    "preprocess/midi/events.py": "tests/preprocess/midi/test_reader.py",
    "preprocess/midi/file.py": "tests/preprocess/midi/test_reader.py",
    "preprocess/midi/instruments.py": "tests/preprocess/midi/test_reader.py",
    "preprocess/midi/writer.py": "tests/test_humanize.py",
    "preprocess/pieces/usable.py": "tests/preprocess/test_piano.py",
    "preprocess/pieces/fragments.py": "tests/preprocess/pieces/test_pieces.py",
    "preprocess/scores/abc_tunes.py": "tests/preprocess/scores/test_abc_reader.py",
    "preprocess/scores/repeats.py": "tests/preprocess/scores/test_musicxml.py",
    "preprocess/scores/score.py": "tests/preprocess/scores/test_reader.py",
    "preprocess/shards.py": "tests/preprocess/test_preprocess_tfrecord.py",
    "preprocess/tfds.py": "tests/common/test_magenta_flags.py",
    "preprocess/transform.py": "tests/preprocess/test_preprocess_tfrecord.py",
    "render/clips.py": "tests/test_interpolate.py",
    "render/performance.py": "tests/test_humanize.py",
    "render/studio.py": "tests/web/test_page.py",
    "render/roll_axes.py": "tests/render/test_frames.py",
    "render/report.py": "tests/test_evaluate.py",
    "web/skeleton.py": "tests/web/test_page.py",
    "workflows/exploring/*.py": "tests/test_explore.py",
    "workflows/flags/*.py": "tests/fuzz/test_invocations.py",
    "workflows/grooves/feel.py": "tests/test_sample_drums.py",
    "workflows/grooves/humanizing.py": "tests/test_humanize.py",
    "workflows/grooves/ta*.py": "tests/test_tap2drum.py",
    "workflows/history_drums/*.py": "tests/test_sample_drums.py",
    "workflows/evaluating.py": "tests/test_evaluate.py",
    "workflows/exporting.py": "tests/models/formats/test_magenta_js.py",
    "workflows/interpolating.py": "tests/test_interpolate.py",
    "workflows/studio.py": "tests/web/test_page.py",
    "workflows/sampling.py": "tests/test_sample.py",
    "workflows/latent_clips.py": "tests/test_sample.py",
    "workflows/loading.py": "tests/test_sample.py",
    "workflows/midi_clips/*.py": "tests/workflows/midi_clips/test_clip.py",
    "workflows/piano/*.py": "tests/test_piano_commands.py",
    "workflows/reporting/piano.py": "tests/test_piano_commands.py",
    "workflows/reporting/*.py": "tests/test_evaluate.py",
    "workflows/examples.py": "tests/test_train.py",
    "workflows/training/evaluation.py": "tests/test_train.py",
    "workflows/training/run.py": "tests/test_train.py",
    "workflows/training/run_config.py": "tests/test_run_damage.py",
    "workflows/training/tfds.py": "tests/test_train.py",
}
"""Files without a test of their own name (patterns of their paths, the first that fits), and the test that covers them."""

OF_SEVERAL = {
    "tests/fuzz/*": "mutated and hostile inputs of every reader",
    "tests/models/piano/test_scheduled_sampling.py": "models/piano/model.py, while it trains on its own draws",
    "tests/test_colab_notebook.py": "colab.ipynb",
    "tests/test_data_selection_notebook.py": "data_selection.ipynb",
    "tests/test_default_models.py": "which model each command takes",
    "tests/test_documented_commands.py": "the commands in README, docs and cards",
    "tests/test_drum_meters.py": "drums in 3/4, 6/8, 12/8 and triplets, from MIDI to MIDI",
    "tests/test_examples.py": "the examples in docstrings",
    "tests/test_install.py": "`pip install .`, and the commands there",
    "tests/test_imports.py": "the order of imports",
    "tests/test_parity_with_magenta.py": "MusicVAE beside the original",
    "tests/test_piano_commands.py": "the commands with piano models",
    "tests/test_rooms.py": "the tree",
    "tests/test_run_damage.py": "train.py on damaged runs",
    "tests/test_sample_drums.py": "sample.py with the history drum models",
    "tests/web/*": "the pages' JavaScript, in a browser",
}
"""Tests of more than one file, and what they test."""


def modules(package: Path) -> list[str]:
    """The names of a package's own files."""
    stems = [path.stem for path in (ROOT / package).glob("*.py")]
    return sorted(stem for stem in stems if not stem.startswith(("__", "test_", "conftest")))


def sources() -> list[str]:
    """Every source file that could have a test, as a path from the root."""
    packages = [package for package in PACKAGES if package.parts[0] != "tests"]
    return [f"{p.name}" for p in sorted(ROOT.glob("*.py"))] + [
        f"{package}/{name}.py" for package in packages for name in modules(package)
    ]


def namesake(source: str) -> str:
    """Where the test of a source file is."""
    path = Path(source)
    return str(Path("tests") / path.parent / f"test_{path.name}")


@pytest.mark.parametrize("package", PACKAGES, ids=str)
def test_a_package_lists_its_files(package: Path) -> None:
    """As `name  what it is`, a line each, with the names of no other files."""
    text = (ROOT / package / "__init__.py").read_text()
    listed = re.findall(r"^(\w+)  +\S", text.split('"""')[1], re.MULTILINE)
    folders = {p.parent.name for p in (ROOT / package).glob("*/__init__.py")}
    assert sorted(set(listed) - folders) == modules(package)
    assert len(listed) == len(set(listed))


def test_every_file_has_a_test_of_its_name_or_one_that_is_named_here() -> None:
    untested = [
        source
        for source in sources()
        if not (ROOT / namesake(source)).is_file()
        and not any(fnmatch.fnmatch(source, pattern) for pattern in COVERED_BY)
    ]
    assert untested == []


def test_every_test_is_of_a_file_or_named_here() -> None:
    expected = {namesake(source) for source in sources()}
    tests = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "tests").rglob("test_*.py"))]
    strays = [t for t in tests if t not in expected and not any(fnmatch.fnmatch(t, p) for p in OF_SEVERAL)]
    assert strays == []


def test_the_lists_name_what_exists() -> None:
    without = [source for source in sources() if not (ROOT / namesake(source)).is_file()]
    assert [pattern for pattern in COVERED_BY if not fnmatch.filter(without, pattern)] == []
    assert [test for test in COVERED_BY.values() if not (ROOT / test).is_file()] == []
    assert [pattern for pattern in OF_SEVERAL if not list(ROOT.glob(pattern))] == []


def test_the_wheel_has_every_module_and_package() -> None:
    assert sorted(namespace.COMMANDS) == sorted({path.stem for path in ROOT.glob("*.py")} - {"setup"})
    packages = {str(package).split("/")[0] for package in PACKAGES} - {
        "tests",
        "benchmarks",
        namespace.PACKAGE,
    }
    assert set(namespace.ROOMS) == packages
    grafted = re.findall(r"^graft (\w+)$", (ROOT / "MANIFEST.in").read_text(), re.MULTILINE)
    assert sorted(namespace.ROOMS) == grafted


def test_the_wheel_has_every_file_of_the_pages() -> None:
    suffixes = {path.suffix for path in (ROOT / "web").rglob("*") if path.is_file()} - {".py", ".pyc"}
    assert ".js" in suffixes and suffixes <= set(namespace.DATA)


def test_the_readme_is_short() -> None:
    """What does not fit into it is in docs/."""
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "patterns/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "checkpoints").glob("*.md")),
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_documents_link_to_and_name_what_exists(document: Path) -> None:
    """Links to files of the repository, and paths in backquotes that begin with one of its folders."""
    text = document.read_text()
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    named = re.findall(rf"`((?:{'|'.join(ROOMS.split()[:-2])}|docs|tests)/[\w./-]+)", text)
    named = [path for path in named if "NAME" not in path]
    paths = [document.parent / link for link in links if ":" not in link] + [ROOT / path for path in named]
    assert [str(path.relative_to(ROOT)) for path in paths if not path.exists()] == []

"""What `train.py` trains on: clips for MusicVAE, whole pieces for frame models, behind one interface."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from common.console import progress
from common.errors import InputError

if TYPE_CHECKING:
    from models.music_vae.validation import Validator


class TrainingData(Protocol):
    """The examples of a run.

    Attributes:
        has_held_out: whether some were given to validate on.
    """

    has_held_out: bool

    def batches(self, model: Any, seed: int) -> Any:
        """The training batches, each a function of its step."""
        ...

    def validate(self, model: Any, limit: int | None = None) -> dict[str, float]:
        """The model's figures on what is held out, `val_loss` among them."""
        ...

    def draw_expected(self, model: Any, step: int, path: Path) -> None:
        """Write a picture of what the model expects of held-out music after a step, where there is one to draw."""
        ...

    def draw_curves(self, run_dir: Path) -> None:
        """Write a picture of the run's log, where there is one to draw."""
        ...

    def report(self, step: int, line: dict[str, float]) -> str:
        """A line of the log for the terminal."""
        ...


class ClipData:
    """Examples of a converter, for MusicVAE."""

    def __init__(self, config: Any, train: str | None, held_out: str | None):
        self.config = config
        self.train = load_examples(train, config, training=True) if train else None
        self.held_out = load_examples(held_out, config) if held_out else None
        self.has_held_out = self.held_out is not None
        self._validator: Validator | None = None

    def batches(self, model: Any, seed: int) -> Any:
        from preprocess.dataset import Batches

        assert self.train is not None, "asked for where there are examples"
        most = self.config.build_converter().max_tensors_per_notesequence
        return Batches(self.train, self.config.hparams.batch_size, seed, most)

    def validate(self, model: Any, limit: int | None = None) -> dict[str, float]:
        from models.music_vae.validation import Validator

        assert self.held_out is not None, "asked for where some are held out"
        if self._validator is None or self._validator.model is not model:
            size = self.config.hparams.batch_size
            starts = range(0, len(self.held_out), size)[:limit]
            batches = [self.held_out.batch(slice(start, start + size)) for start in starts]
            self._validator = Validator(model, batches)
        return self._validator.figures()

    def draw_expected(self, model: Any, step: int, path: Path) -> None:
        """Nothing: MusicVAE's pictures are those of its samples."""

    def draw_curves(self, run_dir: Path) -> None:
        """Nothing: TensorBoard draws the log."""

    def report(self, step: int, line: dict[str, float]) -> str:
        text = (
            f"step {step}: loss {line['loss']:.2f}, reconstruction {line['reconstruction']:.2f}, "
            f"KL {line['kl_bits']:.1f} bits, accuracy {line['accuracy']:.3f}, "
            f"{line['steps_per_second']:.2f} steps/s"
        )
        if "val_loss" in line:
            text += f"; held out: -ELBO {line['val_loss']:.2f} nats, accuracy {line['val_accuracy']:.3f}"
        return text


class BeatData(ClipData):
    """Clips of drums with what came before them, for models that hear themselves.

    Raises:
        InputError: where the training examples are preprocessed shards, which hold clips alone.
    """

    def __init__(self, config: Any, train: str | None, held_out: str | None):
        super().__init__(config, None, held_out)
        self.windows = load_windows(train, config) if train else None

    def batches(self, model: Any, seed: int) -> Any:
        from preprocess.drums.windows import DrumBatches, Mixture

        assert self.windows is not None, "asked for where there are examples"
        pack, size = model.decoder.layout.pack, self.config.hparams.batch_size
        steps_per_bar = self.config.decoder["steps_per_bar"]
        mixture = Mixture(**self.config.augmenter)
        return DrumBatches(self.windows, mixture, pack, size, steps_per_bar, seed)


class PieceData:
    """Whole pieces, for frame models."""

    def __init__(self, config: Any, train: str | None, held_out: str | None):
        self.config = config
        self.train = load_pieces(train, config, "train") if train else None
        self.held_out = load_pieces(held_out, config, "validation") if held_out else None
        self.has_held_out = self.held_out is not None
        self._groups: list[list[dict[str, Any]]] | None = None
        self._validated = 0
        self._scorer: Any = None

    def batches(self, model: Any, seed: int) -> Any:
        from preprocess.pieces.fragments import FragmentBatches

        h = self.config.hparams
        transposed = self.config.augmenter.get("transpose_range", (0, 0))
        assert self.train is not None, "asked for where there are examples"
        return FragmentBatches(
            self.train,
            h.max_seq_len,
            model.reader.history_length,
            h.batch_size,
            seed,
            tuple(transposed),
            self.config.augmenter.get("error_rate", 0.0),
        )

    def validate(self, model: Any, limit: int | None = None) -> dict[str, float]:
        from models.piano import evaluation as frame_evaluation

        assert self.held_out is not None, "asked for where some are held out"
        if self._groups is None:
            pieces = self.held_out if limit is None else self.held_out.some(limit * PIECES_AT_ONCE)
            self._groups, self._validated = groups_of(pieces, self.config), len(pieces)
        if self._scorer is None or self._scorer.model is not model:
            self._scorer = frame_evaluation.Scorer(model)
        return frame_evaluation.validation(self._scorer, self._groups, self._validated)

    def draw_expected(self, model: Any, step: int, path: Path) -> None:
        assert self.held_out is not None, "asked for where some are held out"
        from workflows.piano.pictures import draw_expected

        draw_expected(path, model, self.held_out, f"{self.config.name}, step {step}")

    def draw_curves(self, run_dir: Path) -> None:
        from render.curves import save_curves

        try:
            save_curves(run_dir / "curves.png", run_dir / "log.csv", self.config.name)
        except InputError as error:  # a damaged log, from which nothing can be drawn
            print(f"{run_dir / 'curves.png'}: is not drawn. {error}", file=sys.stderr)

    def report(self, step: int, line: dict[str, float]) -> str:
        parts = {
            "nats": "",
            "own_nats": " for each part's own",
            "key_nats": " for keys",
            "velocity_error": " for velocities",
        }
        losses = [f"{line[name]:.3f}{what}" for name, what in parts.items() if name in line]
        unit = "token" if self.config.decoder.get("form") == "tokens" else "frame"
        text = f"step {step}: loss a {unit} {' + '.join(losses)}, {line['steps_per_second']:.2f} steps/s"
        if "val_loss" in line:
            text += f"; held out: {line['val_loss']:.3f} nats a {unit}"
        return text


PIECES_AT_ONCE = 32
"""Held-out pieces of a batch."""


def groups_of(pieces: Any, config: Any, batch_size: int = PIECES_AT_ONCE) -> list[list[dict[str, Any]]]:
    """Chunks of whole pieces in order, as `models.piano.evaluation` takes them."""
    from preprocess.pieces.fragments import chunks

    return list(chunks(pieces, config.hparams.max_seq_len, min(batch_size, len(pieces))))


def load_examples(patterns: str, config: Any, training: bool = False) -> Any:
    """The examples of some TFRecords, with a progress bar and a line that says what there is.

    Args:
        patterns: globs separated by commas.
        config: says the converter, and how training varies its music.
        training: whether to make the variants.
    """
    from preprocess.augment import Augmenter
    from preprocess.dataset import load_examples

    augmenter = Augmenter(**config.augmenter) if training and config.augmenter else None
    with progress("Reading examples", _records(patterns)) as advance:
        examples = load_examples(
            patterns,
            config.build_converter(),
            config.converter_spec,
            config.hparams.max_seq_len,
            advance,
            augmenter,
            training,
        )
    print(f"{patterns}: {examples.describe()}")
    return examples


def load_windows(patterns: str, config: Any) -> Any:
    """The `preprocess.drums.windows.DrumWindows` of some TFRecords of NoteSequences.

    Raises:
        InputError: for preprocessed shards, and where there is no clip.
    """
    from collections import Counter
    from collections.abc import Iterator

    from preprocess.dataset import dropped
    from preprocess.drums.windows import windows_of
    from preprocess.midi.tempo_map import at_one_tempo
    from preprocess.note_sequence import read_note_sequences
    from preprocess.tfrecord import expand_patterns, read_sidecar

    reasons: Counter[str] = Counter()

    def sequences(advance: Any) -> Iterator[Any]:
        for path in expand_patterns(patterns):
            if (read_sidecar(path) or {}).get("kind") == "examples":
                raise InputError(
                    f"{path}: holds clips alone, and {config.name} also hears what came before them; give it the "
                    "TFRecord of NoteSequences.",
                    "shards",
                )
            for _, sequence in read_note_sequences(path, reasons):
                advance()
                yield at_one_tempo(sequence)

    with progress("Reading examples", _records(patterns)) as advance:
        found = windows_of(sequences(advance), config.build_converter())
    print(
        f"{patterns}: {len(found)} clips, and {len(found.fills)} fills to end clips with{dropped(reasons)}."
    )
    return found


def load_pieces(patterns: str, config: Any, split: str) -> Any:
    """The pieces of some TFRecords or polyphonic sets, with a progress bar and a line that says what there is.

    Args:
        patterns: globs separated by commas; a polyphonic set may name its split, as in `JSB_Chorales.mat:test`.
        config: a frame model's config.
        split: of polyphonic sets that name none.

    Raises:
        InputError: as `preprocess.pieces.pieces.load_pieces`.
    """
    from preprocess.pieces.pieces import load_pieces

    converter = config.build_converter()
    tokens = config.decoder.get("form") == "tokens"
    with progress("Reading pieces", _records(patterns)) as advance:
        found = load_pieces(
            patterns,
            config.converter.get("representation", "struck"),
            converter.steps_per_quarter,
            split,
            converter if tokens else None,
            config.decoder.get("velocities") is not None,
            advance,
        )
    print(f"{patterns}: {found.describe()}")
    return found


def _records(patterns: str) -> int:
    from preprocess.tfrecord import expand_patterns, read_sidecar

    records = ",".join(p for p in patterns.split(",") if ".mat" not in p)
    paths = expand_patterns(records) if records else []
    return sum((read_sidecar(path) or {}).get("count", 0) for path in paths)

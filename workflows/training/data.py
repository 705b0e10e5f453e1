"""What `train.py` trains on, for each family of models behind one interface."""

import sys
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np

from catalog.config import Config
from common.errors import InputError
from preprocess.dataset import Batches, ExampleSet
from preprocess.drums.windows import DrumBatches, DrumWindows, Mixture
from preprocess.pieces.fragments import FragmentBatches
from preprocess.pieces.pieces import Pieces
from workflows.examples import PIECES_AT_ONCE, groups_of, load_examples, load_pieces, load_windows

if TYPE_CHECKING:
    from models.history_drums.vae import HistoryVAE
    from models.music_vae.model import MusicVAE
    from models.music_vae.validation import Validator
    from models.piano.evaluation import Scorer
    from models.piano.model import FrameModel
    from models.training.trainable import TrainableModel
    from models.training.trainer import BatchSource

Line = dict[str, float]
"""Figures of a step by name."""

Model = TypeVar("Model", bound="TrainableModel")


class TrainingData(ABC, Generic[Model]):
    """The examples of a run, for one class of models.

    Attributes:
        has_held_out: whether some were given to validate on.
    """

    has_held_out: bool

    @abstractmethod
    def batches(self, model: Model, seed: int) -> "BatchSource":
        """The training batches of a model, each a function of the seed and its step."""

    @abstractmethod
    def validate(self, model: Model, limit: int | None = None) -> Line:
        """A model's figures on what is held out, `val_loss` among them.

        Args:
            model: is validated with its present weights.
            limit: number of batches; None for all.
        """

    @abstractmethod
    def report(self, step: int, line: Line) -> str:
        """A line of the log for the terminal."""

    def draw_expected(self, model: Model, step: int, path: Path) -> None:  # noqa: B027
        """Write a picture of what a model expects of held-out music after a step, where there is one to draw."""

    def draw_curves(self, run_dir: Path) -> None:  # noqa: B027
        """Write a picture of the run's log, where there is one to draw."""


class ClipData(TrainingData["MusicVAE"]):
    """Examples of a converter, for MusicVAE.

    Args:
        config: of the model.
        train, held_out: globs separated by commas; either may be missing.
    """

    def __init__(self, config: Config, train: str | None, held_out: str | None):
        self.config = config
        self.train: ExampleSet | None = load_examples(train, config, training=True) if train else None
        self.held_out: ExampleSet | None = load_examples(held_out, config) if held_out else None
        self.has_held_out = self.held_out is not None
        self._validator: Validator | None = None

    def batches(self, model: "MusicVAE", seed: int) -> "BatchSource":
        assert self.train is not None, "asked for where there are examples"
        most = self.config.build_converter().max_tensors_per_notesequence
        return Batches(self.train, self.config.hparams.batch_size, seed, most)

    def validate(self, model: "MusicVAE", limit: int | None = None) -> Line:
        from models.music_vae.validation import Validator

        assert self.held_out is not None, "asked for where some are held out"
        if self._validator is None or self._validator.model is not model:
            size = self.config.hparams.batch_size
            starts = range(0, len(self.held_out), size)[:limit]
            batches = [self.held_out.batch(slice(start, start + size)) for start in starts]
            self._validator = Validator(model, batches)
        return self._validator.figures()

    def report(self, step: int, line: Line) -> str:
        text = (
            f"step {step}: loss {line['loss']:.2f}, reconstruction {line['reconstruction']:.2f}, "
            f"KL {line['kl_bits']:.1f} bits, accuracy {line['accuracy']:.3f}, "
            f"{line['steps_per_second']:.2f} steps/s"
        )
        if "val_loss" in line:
            text += f"; held out: -ELBO {line['val_loss']:.2f} nats, accuracy {line['val_accuracy']:.3f}"
        return text


class BeatData(ClipData):
    """Clips of drums with what came before them, for history drum models; arguments as for `ClipData`.

    Raises:
        InputError: where the training examples are preprocessed shards, which hold clips alone.
    """

    def __init__(self, config: Config, train: str | None, held_out: str | None):
        super().__init__(config, None, held_out)
        self.windows: DrumWindows | None = load_windows(train, config) if train else None

    def batches(self, model: "HistoryVAE", seed: int) -> "BatchSource":  # type: ignore[override]
        assert self.windows is not None, "asked for where there are examples"
        pack, size = model.decoder.layout.pack, self.config.hparams.batch_size
        steps_per_bar = self.config.decoder["steps_per_bar"]
        mixture = Mixture(**self.config.augmenter)
        return DrumBatches(self.windows, mixture, pack, size, steps_per_bar, seed)


class PieceData(TrainingData["FrameModel"]):
    """Whole pieces, for piano models; arguments as for `ClipData`."""

    def __init__(self, config: Config, train: str | None, held_out: str | None):
        self.config = config
        self.train: Pieces | None = load_pieces(train, config, "train") if train else None
        self.held_out: Pieces | None = load_pieces(held_out, config, "validation") if held_out else None
        self.has_held_out = self.held_out is not None
        self._groups: list[list[dict[str, np.ndarray]]] | None = None
        self._validated = 0
        self._scorer: Scorer | None = None

    def batches(self, model: "FrameModel", seed: int) -> "BatchSource":
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

    def validate(self, model: "FrameModel", limit: int | None = None) -> Line:
        from models.piano import evaluation

        assert self.held_out is not None, "asked for where some are held out"
        if self._groups is None:
            pieces = self.held_out if limit is None else self.held_out.some(limit * PIECES_AT_ONCE)
            self._groups, self._validated = groups_of(pieces, self.config), len(pieces)
        if self._scorer is None or self._scorer.model is not model:
            self._scorer = evaluation.Scorer(model)
        return evaluation.validation(self._scorer, self._groups, self._validated)

    def report(self, step: int, line: Line) -> str:
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

    def draw_expected(self, model: "FrameModel", step: int, path: Path) -> None:
        from workflows.piano.pictures import draw_expected

        assert self.held_out is not None, "asked for where some are held out"
        draw_expected(path, model, self.held_out, f"{self.config.name}, step {step}")

    def draw_curves(self, run_dir: Path) -> None:
        from render.curves import save_curves

        try:
            save_curves(run_dir / "curves.png", run_dir / "log.csv", self.config.name)
        except InputError as error:  # a damaged log, from which nothing can be drawn
            print(f"{run_dir / 'curves.png'}: is not drawn. {error}", file=sys.stderr)

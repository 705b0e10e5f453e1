"""Decoders without a conductor: an embedding `[batch, embedding_size]` becomes a sequence.

What a step's value is and how likely is up to the output, see `models/outputs/`. The conductor is in `conductor.py`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import keras
from keras import ops

from catalog import registry
from models.layers.backend import product, scan
from models.layers.lstm import InitialState, LSTMStack
from models.layers.lstm_sequence import State, swap
from models.music_vae.decoder_base import Decoder, Draws, KnownSteps
from models.music_vae.encoders import BidirectionalLSTM
from models.outputs.base import Output
from models.outputs.categorical import Categorical, MultiCategorical

if TYPE_CHECKING:
    from catalog.config import HParams
    from preprocess.converters.base import Converter

Tensor = Any


class LSTMDecoder(Decoder):
    """LSTM decoder: Magenta's `BaseLstmDecoder` with the output of one of its subclasses.

    The input of a step is the value before, beside the embedding and the controls. None of these products is
    made step by step where it can be made once: a token selects a row of the kernel, the embedding is multiplied
    once for the whole sequence, and so are the controls.

    Args:
        output: the distribution of a step's value.
        layer_sizes: units of each LSTM layer.
        control_depth: width of the controls, 0 for none.
        dropout: probability that an input value of a layer is dropped while training.
        seed: seed of the dropout masks.
        residual: each layer adds its input to its output.
    """

    def __init__(
        self,
        output: Output,
        layer_sizes: tuple[int, ...],
        control_depth: int = 0,
        dropout: float = 0.0,
        seed: int = 0,
        residual: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.distribution = output
        self.control_depth = control_depth
        self.stack = LSTMStack(layer_sizes, dropout, seed, residual)
        self.initial_state = InitialState(layer_sizes)
        self.output_projection = keras.layers.Dense(output.parameter_depth)

    @classmethod
    def from_config(
        cls,
        decoder: Mapping[str, Any],
        hparams: "HParams",
        converter: "Converter",
        control_depth: int,
        dropout: float,
        seed: int,
    ) -> Self:
        """The decoder of a config, with the output that the registry has for its name.

        Args:
            decoder: the config's decoder, a core without conductors.
            hparams: say the layers.
            converter: says the widths of a value.
            control_depth: width of the controls as this decoder gets them.
            dropout, seed: as for the class.
        """
        row = registry.OUTPUTS[registry.DECODERS[decoder["name"]].output]
        # The seed of what the output itself draws in training is the same for every training.
        output = registry.found(row.path).from_config(converter.output_depths, row.in_music_vae, hparams, 0)
        return cls(output, hparams.dec_rnn_size, control_depth, dropout, seed, hparams.residual_decoder)

    @property
    def state_size(self) -> int:
        """Size of all cell and hidden states side by side."""
        return 2 * sum(self.stack.layer_sizes)

    def build(self, embedding_size: int) -> None:
        """Create the weights for embeddings `[batch, embedding_size]`."""
        self.embedding_size = embedding_size
        self.distribution.build()
        self.stack.build(self.distribution.depth + embedding_size + self.control_depth)
        self.initial_state.build(embedding_size)
        self.output_projection.build((None, self.stack.layer_sizes[-1]))
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        """The weights by Magenta's variable names."""
        names = {f"z_to_initial_state/{k}": v for k, v in self.initial_state.named_weights().items()}
        names |= {f"multi_rnn_cell/{k}": v for k, v in self.stack.named_weights().items()}
        names["output_projection/kernel"] = self.output_projection.kernel
        names["output_projection/bias"] = self.output_projection.bias
        return {
            f"decoder/{name}": weight for name, weight in (names | self.distribution.named_weights()).items()
        }

    def _constant(self, embedding: Tensor, controls: Tensor | None) -> Tensor:
        """The share of embedding and controls in the projected inputs, bias included.

        `[batch, width]`, or `[batch, time, width]` with controls `[batch, time, control_depth]`.
        """
        layer = self.stack.layers[0]
        start = self.distribution.depth
        stop = start + self.embedding_size
        constant = product(embedding, layer.input_rows(start, stop)) + layer.input_bias
        if controls is None:
            return constant
        rows = layer.input_rows(stop, stop + self.control_depth)
        return constant[:, None] + ops.matmul(ops.cast(controls, rows.dtype), rows)

    def _projected_inputs(self, steps: KnownSteps, embedding: Tensor, training: bool) -> Tensor:
        """The lowest layer's projected inputs `[time, batch, width]`."""
        layer, dropping = self.stack.layers[0], training and self.stack.dropout > 0
        previous, controls = swap(steps.previous), steps.controls
        if dropping and isinstance(self.distribution, Categorical):
            # Dropout of a one-hot token either keeps its row (scaled) or leaves nothing of it.
            rows = self.distribution.product(previous, layer.input_rows(0, self.distribution.depth))
            rows = rows * self.stack.drop(ops.ones_like(rows[..., :1]), training)
        elif dropping:
            dense = self.stack.drop(self.distribution.dense(previous, embedding.dtype), training)
            rows = ops.matmul(dense, layer.input_rows(0, self.distribution.depth))
        else:
            rows = self.distribution.product(previous, layer.input_rows(0, self.distribution.depth))
        if not dropping:
            constant = self._constant(embedding, controls)
            return rows + (constant[None] if controls is None else swap(constant))
        repeated = ops.repeat(embedding[None], previous.shape[0], axis=0)
        if controls is not None:
            moved = ops.cast(swap(controls), embedding.dtype)
            repeated = ops.concatenate([repeated, moved], axis=-1)
        start = self.distribution.depth
        others = layer.input_rows(start, start + repeated.shape[-1])
        return rows + product(self.stack.drop(repeated, training), others) + layer.input_bias

    def teacher_forced(
        self, steps: KnownSteps, embedding: Tensor, training: bool = False
    ) -> tuple[Tensor, list[State]]:
        """Run over known inputs, see `Decoder.teacher_forced`."""
        states = self.initial_state(embedding)
        projected = self._projected_inputs(steps, embedding, training)
        outputs, states = self.stack.sequence(projected, states, training)
        return swap(self.output_projection(outputs)), states

    def generate(
        self, embedding: Tensor, first: Tensor, time: int, draws: Draws
    ) -> tuple[Tensor, Tensor, list[State]]:
        """Draw a sequence step by step, see `Decoder.generate`."""
        constant = self._constant(embedding, draws.controls)
        rows = self.stack.layers[0].input_rows(0, self.distribution.depth)

        def step(carry: tuple, inputs: dict[str, Tensor]) -> tuple:
            states, previous = carry
            own = {name: x for name, x in inputs.items() if name in Draws._fields}
            now = Draws(**own, temperature=draws.temperature)
            others = inputs.get("constant", constant)
            output, states = self.stack.step(self.distribution.product(previous, rows) + others, states)
            value = self.distribution.draw(self.output_projection(output), now.uniforms, now.temperature)
            following = value
            if now.teacher is not None:
                following = self.distribution.select(now.sample_mask, value, now.teacher)
            return (states, following), (value, previous)

        inputs = {name: swap(x) for name, x in draws._replace(controls=None).arrays().items()}
        if draws.controls is not None:
            inputs["constant"] = swap(constant)  # the controls' share of each step
        inputs["step"] = ops.arange(time, dtype="int32")
        (states, _), (values, previous) = scan(step, (self.initial_state(embedding), first), inputs)
        return swap(values), swap(previous), states


class SplitDecoder(Decoder):
    """A decoder of its own for each part of a multiple output: Magenta's `SplitMultiOutLstmDecoder`.

    Args:
        cores: decoders with a `Categorical` output each; all get the same embedding and controls.
    """

    def __init__(self, cores: list[LSTMDecoder], **kwargs: Any):
        super().__init__(**kwargs)
        self.cores = cores
        self.distribution = MultiCategorical(tuple(core.distribution.depth for core in cores))

    @classmethod
    def from_config(
        cls,
        decoder: Mapping[str, Any],
        hparams: "HParams",
        converter: "Converter",
        control_depth: int,
        dropout: float,
        seed: int,
    ) -> Self:
        """The decoder of a config; arguments as for `LSTMDecoder.from_config`."""
        sizes, residual = hparams.dec_rnn_size, hparams.residual_decoder
        return cls(
            [
                LSTMDecoder(Categorical(depth), sizes, control_depth, dropout, seed + 100 * i, residual)
                for i, depth in enumerate(converter.output_depths)
            ]
        )

    @property
    def state_size(self) -> int:
        """Size of all states of all cores side by side."""
        return sum(core.state_size for core in self.cores)

    def build(self, embedding_size: int) -> None:
        """Create the weights for embeddings `[batch, embedding_size]`."""
        self.distribution.build()
        for core in self.cores:
            core.build(embedding_size)
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        """The weights by Magenta's variable names."""
        return {
            f"core_decoder_{i}/{name}": weight
            for i, core in enumerate(self.cores)
            for name, weight in core.named_weights().items()
        }

    def teacher_forced(
        self, steps: KnownSteps, embedding: Tensor, training: bool = False
    ) -> tuple[Tensor, list[State]]:
        """Run over known inputs, see `Decoder.teacher_forced`."""
        parameters, states = [], []
        for i, core in enumerate(self.cores):
            own = steps._replace(previous=steps.previous[..., i], played=steps.played[..., i])
            logits, state = core.teacher_forced(own, embedding, training)
            parameters.append(logits)
            states.append(state)
        return ops.concatenate(parameters, axis=-1), _side_by_side(states)

    def generate(
        self, embedding: Tensor, first: Tensor, time: int, draws: Draws
    ) -> tuple[Tensor, Tensor, list[State]]:
        """Draw a sequence, see `Decoder.generate`."""
        results = []
        for i, core in enumerate(self.cores):
            own = draws
            if draws.uniforms is not None:
                own = own._replace(uniforms=draws.uniforms[..., i : i + 1])
            if draws.teacher is not None:
                own = own._replace(teacher=draws.teacher[..., i])
            results.append(core.generate(embedding, first[..., i], time, own))
        values, previous, states = zip(*results, strict=True)
        return ops.stack(values, axis=-1), ops.stack(previous, axis=-1), _side_by_side(list(states))


def _side_by_side(states: list[list[State]]) -> list[State]:
    """The states of several stacks, merged layer by layer."""
    return [
        (ops.concatenate([c for c, _ in layer], axis=-1), ops.concatenate([h for _, h in layer], axis=-1))
        for layer in zip(*states, strict=True)
    ]


class ControlPreprocessingDecoder(Decoder):
    """Reads the controls with a bidirectional LSTM before the core decoder gets them.

    Magenta's `BidirectionalLstmControlPreprocessingDecoder`.

    Args:
        core: a decoder whose `control_depth` is twice the last of `layer_sizes`.
        control_depth: width of the controls.
        layer_sizes, dropout, seed, residual: of the `BidirectionalLSTM`.
    """

    def __init__(
        self,
        core: Decoder,
        control_depth: int,
        layer_sizes: tuple[int, ...],
        dropout: float = 0.0,
        seed: int = 0,
        residual: bool = False,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.core = core
        self.control_depth = control_depth
        self.control_preprocessing = BidirectionalLSTM(layer_sizes, dropout, seed, residual)
        self.distribution = core.distribution

    @property
    def state_size(self) -> int:
        """Size of all states of the core."""
        return self.core.state_size

    def build(self, embedding_size: int) -> None:
        """Create the weights for embeddings `[batch, embedding_size]`."""
        self.control_preprocessing.build(self.control_depth)
        self.core.build(embedding_size)
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        """The weights by Magenta's variable names."""
        names = self.control_preprocessing.named_weights()
        return {f"control_preprocessing/{k}": v for k, v in names.items()} | self.core.named_weights()

    def prepare_controls(self, controls: Tensor, lengths: Tensor, training: bool = False) -> Tensor:
        """What the LSTM makes of controls `[batch, time, control_depth]` with `lengths` `[batch]`."""
        sequence = ops.cast(controls, self.compute_dtype)
        return self.control_preprocessing(sequence, lengths, training=training)[0]

    def teacher_forced(
        self, steps: KnownSteps, embedding: Tensor, training: bool = False
    ) -> tuple[Tensor, list[State]]:
        """Run the core over known inputs with prepared controls, see `Decoder.teacher_forced`."""
        return self.core.teacher_forced(steps, embedding, training)

    def generate(
        self, embedding: Tensor, first: Tensor, time: int, draws: Draws
    ) -> tuple[Tensor, Tensor, list[State]]:
        """Draw a sequence of the core with prepared controls, see `Decoder.generate`."""
        return self.core.generate(embedding, first, time, draws)

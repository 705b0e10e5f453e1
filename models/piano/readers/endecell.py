"""EnDeCell: a network within the network that reads and writes a keyboard key by key.

The answer of Conchylicultor/MusicGenerator to models that take keys for a set without neighbours: an RNN over the keys, from the lowest to the
highest, encodes a frame, so that intervals are steps that it counts, and another decodes the next one.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import keras
from keras import ops

from models.layers.backend import scan
from models.layers.lstm import LSTM, LSTMStack, unflatten_states
from models.layers.lstm_sequence import State, swap
from models.outputs.base import Output
from models.piano.readers.base import FrameReader, Reading, run_stack
from preprocess.keyboard import KEYS

if TYPE_CHECKING:
    from catalog.config import HParams

Tensor = Any


class EnDeCell(FrameReader):
    """An encoder and a decoder over the keys of each frame; its outputs are the logits of the next frame's keys.

    Both are layers of LSTM that take one key's value a step, the lowest key first. The decoder reads the keys of
    the frame before the one it says, as the encoder does; a dense layer makes one logit of each of its outputs.

    As the author's code has it, nothing else runs over time: the encoder starts from the state that the decoder
    ended the frame before with, and the decoder from the state that the encoder ended with. A sequence is
    thus 2 * keys steps a frame long, one after the other.

    As the figure there draws it, an encoder starts from zero at every frame, its top layer's last hidden state is the
    frame's vector, an LSTM of as many layers runs over the vectors, and of its output a dense layer with tanh makes
    the state that the decoder starts from. Encoder and decoder then run on all frames at once.

    A clock beside the frame has no place among the keys. The form as drawn puts it beside the frame's vector; the
    one as coded does not see it.

    Args:
        keys: of the keyboard.
        layer_sizes: units of each layer, alike in encoder, decoder and the LSTM over time.
        as_drawn: the form that the figure shows, instead of that of the code.
        dropout: probability that an input value of an LSTM layer is dropped while training.
        seed: of the dropout masks.

    Raises:
        ValueError: when built, frames of another number of keys.
    """

    predicts = True

    def __init__(
        self,
        keys: int = KEYS,
        layer_sizes: tuple[int, ...] = (256, 256),
        as_drawn: bool = False,
        dropout: float = 0.0,
        seed: int = 0,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.output_depth, self.layer_sizes = keys, tuple(layer_sizes)
        self.encoder = LSTMStack(layer_sizes, dropout, seed)
        self.decoder = LSTMStack(layer_sizes, dropout, seed + 1)
        self.logit = keras.layers.Dense(1)
        self.over_time: LSTMStack | None = None
        self.start: Any = None
        if as_drawn:
            self.over_time = LSTMStack(layer_sizes, dropout, seed + 2)
            self.start = keras.layers.Dense(2 * sum(layer_sizes), activation="tanh")

    @classmethod
    def from_config(cls, options: Mapping[str, Any], hparams: "HParams", output: Output, seed: int) -> Self:
        return super().from_config({"keys": output.depth, **options}, hparams, output, seed)

    def build(self, input_depth: int, frame_depth: int) -> None:
        if frame_depth != self.output_depth or input_depth < frame_depth:
            raise ValueError(
                f"An EnDeCell of {self.output_depth} keys can't read frames of {frame_depth} in inputs of "
                f"{input_depth} values."
            )
        self.encoder.build(1)
        self.decoder.build(1)
        self.logit.build((None, self.layer_sizes[-1]))
        if self.over_time is not None:
            self.over_time.build(self.layer_sizes[-1] + input_depth - frame_depth)
            self.start.build((None, self.layer_sizes[-1]))
        self.built = True

    def named_weights(self) -> dict[str, keras.Variable]:
        """By part: `encoder/...`, `decoder/...`, `logit/...`; as drawn `over_time/...` and `start/...` too."""
        stacks = {"encoder": self.encoder, "decoder": self.decoder, "over_time": self.over_time}
        names = {
            f"{part}/{name}": weight
            for part, stack in stacks.items()
            if stack is not None
            for name, weight in stack.named_weights().items()
        }
        for part, dense in (("logit", self.logit), ("start", self.start)):
            if dense is not None:
                names |= {f"{part}/kernel": dense.kernel, f"{part}/bias": dense.bias}
        return names

    def zero_state(self, batch: Any, dtype: Any = "float32") -> list[State]:
        """`(cell, hidden)` of each layer: of the decoder, or as drawn of the LSTM over time."""
        return self.decoder.zero_states(batch, dtype)

    def call(
        self, inputs: Tensor, frames: Tensor, state: list[State] | None = None, training: bool = False
    ) -> Reading:
        state = self.zero_state(ops.shape(inputs)[0], inputs.dtype) if state is None else state
        # Keys come first, then frames, then pieces.
        keys = ops.transpose(inputs[..., : self.output_depth], (2, 1, 0))[..., None]
        if self.over_time is None:
            outputs, state = self._as_coded(keys, state, training)
        else:
            outputs, state = self._as_drawn(keys, swap(inputs[..., self.output_depth :]), state, training)
        return Reading(ops.transpose(self.logit(outputs)[..., 0], (2, 1, 0)), None, state)

    def step(self, inputs: Tensor, state: list[State], frame: Tensor) -> Reading:
        reading = self.call(inputs[:, None], frame[:, None], state)
        return Reading(reading.outputs[:, 0], None, reading.state)

    def _as_coded(self, keys: Tensor, state: list[State], training: bool) -> tuple[Tensor, list[State]]:
        """The decoder's outputs `[keys, time, batch, units]` for keys `[keys, time, batch, 1]`, and its state."""
        # A layer's states depend on its own and on its inputs alone, so each layer runs through all frames at once.
        to_encoder = to_decoder = keys
        after = []
        for encoder, decoder, before in zip(self.encoder.layers, self.decoder.layers, state, strict=True):
            to_encoder, to_decoder, last = _alternating(
                encoder,
                decoder,
                self.encoder.drop(to_encoder, training),
                self.decoder.drop(to_decoder, training),
                before,
            )
            after.append(last)
        return to_decoder, after

    def _as_drawn(
        self, keys: Tensor, clock: Tensor, state: list[State], training: bool
    ) -> tuple[Tensor, list[State]]:
        """The same; `clock` is `[time, batch, depth]`."""
        number, time, batch = ops.shape(keys)[:3]
        keys = ops.reshape(keys, (self.output_depth, -1, 1))
        _, encoded = run_stack(
            self.encoder, keys, self.encoder.zero_states(time * batch, keys.dtype), training
        )
        vectors = ops.reshape(encoded[-1][1], (time, batch, self.layer_sizes[-1]))
        over_time, state = run_stack(
            self.over_time, ops.concatenate([vectors, clock], axis=-1), state, training
        )
        starts = ops.reshape(self.start(over_time), (time * batch, -1))
        outputs, _ = run_stack(self.decoder, keys, unflatten_states(starts, self.layer_sizes), training)
        return ops.reshape(outputs, (number, time, batch, self.layer_sizes[-1])), state


def _alternating(
    encoder: LSTM, decoder: LSTM, to_encoder: Tensor, to_decoder: Tensor, before: State
) -> tuple[Tensor, Tensor, State]:
    """Two LSTM layers that pass one state back and forth, each through the keys of a frame at a time.

    Args:
        encoder, decoder: of the same number of units.
        to_encoder, to_decoder: their inputs, `[keys, time, batch, depth]`.
        before: the state that the first frame's encoder starts from.

    Returns:
        The outputs of both, `[keys, time, batch, units]`, and the last frame's state after the decoder.
    """

    def frame(state: State, projected: tuple[Tensor, Tensor]) -> tuple[State, tuple[Tensor, Tensor]]:
        encoded, state, _ = encoder.sequence(projected[0], state)
        decoded, state, _ = decoder.sequence(projected[1], state)
        return state, (encoded, decoded)

    by_frame = tuple(
        ops.swapaxes(layer.project(inputs), 0, 1)
        for layer, inputs in ((encoder, to_encoder), (decoder, to_decoder))
    )
    last, outputs = scan(frame, before, by_frame)
    encoded, decoded = (ops.swapaxes(x, 0, 1) for x in outputs)
    return encoded, decoded, last

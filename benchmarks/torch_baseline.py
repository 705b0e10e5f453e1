"""The piano baseline of FortsAndMills/MusicGeneration in PyTorch, as its author trained it: one time step after the other.

    python benchmarks/torch_baseline.py train LSTM 140 256 3 2
    python benchmarks/torch_baseline.py play LSTMCell 4 28800 1 2

The arguments are task, layer, pieces, frames, repeats and threads; it prints one JSON object. The author called `torch.nn.LSTM` with one frame at
a time; `torch.nn.LSTMCell` computes the same faster. `python -m benchmarks --only=piano` runs it beside our
`piano-baseline`. It needs PyTorch and nothing else, not even this project, so that a separate Python can run it.
The sizes are those of the published weights: 328,512 parameters of the generator and 89,688 of the decoder.
"""

import json
import sys
import time

import torch
from torch import Tensor, nn
from torch.nn import functional

CLASSES, CLOCK, KEYS, VOICES = 12, 6, 88, 5
LAGS = (4, 8, 16, 32, 48, 64, 96, 128)
SMALLEST = 1e-6
LEARNING_RATE = 0.01

State = tuple[Tensor, Tensor]


class OneStep(nn.LSTM):
    """`torch.nn.LSTM`, called as an `LSTMCell` is."""

    def forward(self, x: Tensor, state: State) -> State:
        """The state after a frame, `[batch, units]` twice, of x `[batch, inputs]`."""
        _, (h, c) = super().forward(x[None], (state[0][None], state[1][None]))
        return h[0], c[0]


LAYERS: dict[str, type[nn.Module]] = {"LSTM": OneStep, "LSTMCell": nn.LSTMCell}


class Generator(nn.Module):
    """A local LSTM beside a history reader, an aggregator, and five voices that draw one after the other.

    Args:
        lstm: one of `LAYERS`, of all its LSTMs.
    """

    def __init__(self, lstm: type[nn.Module]) -> None:
        super().__init__()
        self.local_lstm = lstm(CLASSES + CLOCK, 100)
        self.read_lstm = lstm(CLASSES + CLOCK, 100)
        self.read_linear = nn.Linear(100, len(LAGS))
        self.aggregation_lstm = lstm(100 + CLASSES, 130)
        self.voice_lstm = lstm(130 + 2 * CLASSES, 100)
        self.voice_linear = nn.Linear(100, 2 * CLASSES)
        self.slots = torch.tensor(LAGS) - 1

    def start(self, batch: int) -> None:
        """Forget everything."""
        sizes = {"local": 100, "read": 100, "aggregation": 130} | {f"voice {v}": 100 for v in range(VOICES)}
        self.states: dict[str, State] = {
            name: (torch.zeros(batch, size), torch.zeros(batch, size)) for name, size in sizes.items()
        }
        self.history = torch.zeros(batch, max(LAGS), CLASSES)
        self.time = 0

    def remember(self, name: str, cell: nn.Module, inputs: Tensor) -> Tensor:
        """A step of an LSTM, on its own state."""
        self.states[name] = cell(inputs, self.states[name])
        return self.states[name][0]

    def forward(self, x: Tensor, truth: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Draw the frame after x.

        Args:
            x: `[batch, 12]`.
            truth: the frame after it, which in training says whether a drawn class sounds.

        Returns:
            The classes decided to sound, and `P = p (1 - b)`, `[batch, 12]` each.
        """
        bits = [float(self.time % 64 >> bit & 1) for bit in range(CLOCK - 1, -1, -1)]
        inputs = torch.cat([x, torch.tensor(bits).expand(len(x), -1)], dim=-1)
        self.time += 1
        scores = self.read_linear(self.remember("read", self.read_lstm, inputs))
        self.history = torch.cat([x[:, None], self.history[:, :-1]], dim=1)
        read = (torch.softmax(scores, dim=-1)[..., None] * self.history[:, self.slots]).sum(dim=1)
        local = self.remember("local", self.local_lstm, inputs)
        features = self.remember("aggregation", self.aggregation_lstm, torch.cat([local, read], dim=-1))
        return self.decide(features, truth)

    def decide(self, features: Tensor, truth: Tensor | None) -> tuple[Tensor, Tensor]:
        """Let the voices draw; arguments and results as for `forward`."""
        on = off = p = b = torch.zeros(len(features), CLASSES)
        for voice in range(VOICES):
            inputs = torch.cat([features, on, off], dim=-1)
            logits = self.voice_linear(self.remember(f"voice {voice}", self.voice_lstm, inputs))
            decided = (on + off).bool().repeat(1, 2)
            d = torch.softmax(logits.masked_fill(decided, -1e9), dim=-1)
            p, b = p + (1 - p) * d[:, :CLASSES], b + (1 - b) * d[:, CLASSES:]
            drawn = functional.one_hot(torch.multinomial(d.detach(), 1)[:, 0], 2 * CLASSES).float()
            sounds, silent = drawn[:, :CLASSES], drawn[:, CLASSES:]
            if truth is not None:
                sounds, silent = (sounds + silent) * truth, (sounds + silent) * (1 - truth)
            on, off = on + sounds, off + silent
        return on, p * (1 - b)


class Decoder(nn.Module):
    """Keys that are independent given an LSTM on the classes and the keys before."""

    def __init__(self, lstm: type[nn.Module]) -> None:
        super().__init__()
        self.lstm = lstm(CLASSES + KEYS, 100)
        self.linear = nn.Linear(100, KEYS)

    def start(self, batch: int) -> None:
        """Forget everything."""
        self.state = torch.zeros(batch, 100), torch.zeros(batch, 100)

    def forward(self, classes: Tensor, previous: Tensor) -> Tensor:
        """Logits `[batch, 88]` for classes `[batch, 12]` and the keys before, `[batch, 88]`."""
        self.state = self.lstm(torch.cat([classes, previous], dim=-1), self.state)
        return self.linear(self.state[0])


def of_keys(classes: Tensor) -> Tensor:
    """For each key whether its class sounds."""
    return classes.repeat(1, 8)[:, :KEYS]


def losses(generator: Generator, decoder: Decoder, keys: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy a class, and cross-entropy a key of sounding classes, for keys `[batch, frames, 88]`."""
    batch, frames = keys.shape[:2]
    classes = keys[..., :84].reshape(batch, frames, 7, CLASSES).amax(dim=2)
    generator.start(batch)
    decoder.start(batch)
    said, masked, allowed = [], torch.zeros(()), torch.zeros(())
    for t in range(frames - 1):
        said.append(generator(classes[:, t], classes[:, t + 1])[1])
        mask = of_keys(classes[:, t + 1])
        logits = decoder(classes[:, t + 1], keys[:, t])
        terms = functional.binary_cross_entropy_with_logits(logits, keys[:, t + 1], reduction="none")
        masked, allowed = masked + (mask * terms).sum(), allowed + mask.sum()
    p = torch.stack(said, dim=1).clamp(SMALLEST, 1 - SMALLEST)
    return functional.binary_cross_entropy(p, classes[:, 1:]), masked / allowed


def train(lstm: type[nn.Module], batch: int, frames: int, repeats: int) -> dict[str, object]:
    """Seconds of training steps, the first left out: both losses, their gradients, two Adam optimisers."""
    generator, decoder = Generator(lstm), Decoder(lstm)
    parts = (generator, decoder)
    optimisers = [torch.optim.Adam(part.parameters(), lr=LEARNING_RATE) for part in parts]
    keys = (torch.rand(batch, frames, KEYS) < 0.03).float()
    seconds = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        for loss, optimiser in zip(losses(generator, decoder, keys), optimisers, strict=True):
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        seconds.append(time.perf_counter() - began)
    sizes = [sum(p.numel() for p in part.parameters()) for part in parts]
    return {"seconds": seconds[1:], "parameters": sizes}


@torch.no_grad()
def play(lstm: type[nn.Module], pieces: int, frames: int, repeats: int) -> dict[str, object]:
    """Seconds to draw `pieces` pieces of `frames` frames side by side."""
    generator, decoder = Generator(lstm), Decoder(lstm)
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        generator.start(pieces)
        decoder.start(pieces)
        x, keys = torch.zeros(pieces, CLASSES), torch.zeros(pieces, KEYS)
        for _ in range(frames):
            x, _ = generator(x)
            likely = torch.sigmoid(decoder(x, keys))
            keys = (torch.rand_like(likely) < likely).float() * of_keys(x)
        seconds.append(time.perf_counter() - began)
    return {"seconds": seconds}


def main() -> None:
    """Run the command."""
    task, layer, *numbers = sys.argv[1:7]
    batch, frames, repeats, threads = map(int, numbers)
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    result = {"train": train, "play": play}[task](LAYERS[layer], batch, frames, repeats)
    print(json.dumps({**result, "version": torch.__version__, "threads": torch.get_num_threads()}))


if __name__ == "__main__":
    main()

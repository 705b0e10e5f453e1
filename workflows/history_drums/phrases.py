"""A history drum model as the generator of a song's phrases (`workflows.songs.composing.PhraseGenerator`)."""

import numpy as np

from models.history_drums.trained import HistoryModel
from preprocess.example_forms import NO_TOKEN
from workflows.history_drums import sampling
from workflows.songs.composing import Asked

Array = np.ndarray


class DrumGenerator:
    """Plays phrases of up to the length of the model's clips, given the bars before them.

    A phrase as long as a clip is drawn with its latent vector (except under a style, which a random vector would
    contradict), and the bars before it are the clip's past. A shorter phrase is the end of a clip that begins with the
    last of those bars as known hits; the bars before them are the clip's past.

    Args:
        model: trained with known hits and conditions.
        temperature: of the draws; 0 takes the likeliest tokens.
        guidance: strength of the conditions, 1 as in training.
        candidates: drawn of each phrase that has a measurable condition; see `sampling.draw`.
    """

    def __init__(
        self,
        model: HistoryModel,
        temperature: float = 1.0,
        guidance: float = 1.0,
        candidates: int = sampling.CANDIDATES,
    ):
        self.model = model
        self.temperature, self.guidance, self.candidates = temperature, guidance, candidates
        self.steps_per_bar: int = model.converter.steps_per_bar

    def latent(self, seed: int) -> Array:
        """A latent vector from the prior, float32 `[1, z_size]`."""
        return self.model.prior_sample(1, seed)

    def play(self, past: Array, steps: int, seed: int, asked: Asked) -> Array:
        """The next steps; arguments and result as for `PhraseGenerator.play`.

        Raises:
            ValueError: where `past` is not as long as a clip, or `steps` is longer.
        """
        length = self.model.max_length
        n, before = past.shape
        if before != length or not 0 < steps <= length:
            raise ValueError(f"{steps} steps after {before} can't be played; a clip has {length}.")
        known = np.full((n, length), NO_TOKEN, np.int64)
        known[:, : length - steps] = past[:, steps:]
        earlier = np.full((n, length), NO_TOKEN, np.int64)
        earlier[:, length - steps :] = past[:, :steps]
        mask = known != NO_TOKEN
        z = None
        if asked.conditions.style is None:
            z = np.broadcast_to(np.asarray(asked.z, np.float32), (n, self.model.z_size))
        drawn = sampling.draw(
            self.model,
            [asked.conditions] * n,
            z,
            known,
            mask,
            earlier,
            self.temperature,
            seed,
            guidance=self.guidance,
            candidates=self.candidates,
        )
        return drawn[:, length - steps :]

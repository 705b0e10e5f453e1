"""How long a run trains, and how often it logs, validates and saves."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """How to run, beside what the config says of the model.

    Attributes:
        num_steps: the last step.
        log_every: steps between lines of the log.
        save_every: steps between checkpoints; a multiple of `log_every`.
        eval_every: steps between validations; a multiple of `log_every`.
        checkpoints_to_keep: newest numbered checkpoints kept beside the best.
        patience: validations without a better one before training stops; 0 for never.
        hours_between_kept: also keep a checkpoint whenever this many hours have passed since the one kept before.
    """

    num_steps: int
    log_every: int = 100
    save_every: int = 500
    eval_every: int = 500
    checkpoints_to_keep: int = 5
    patience: int = 0
    hours_between_kept: float | None = None

    def is_due(self, every: int, step: int) -> bool:
        """Whether what is done every `every` steps is due after `step`; after the last step everything is.

        Example:
            >>> settings = Settings(num_steps=250)
            >>> [step for step in range(1, 251) if settings.is_due(settings.log_every, step)]
            [100, 200, 250]
        """
        return step % every == 0 or step == self.num_steps

    def is_out_of_patience(self, waited: int) -> bool:
        """Whether training is to stop after `waited` validations without a better one."""
        return 0 < self.patience <= waited

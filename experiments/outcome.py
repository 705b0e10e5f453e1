"""The results of an experiment next to those of the original; written as JSON and read by the report."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from common.output_files import write_atomically

FILE_NAME = "outcome.json"


@dataclass(frozen=True)
class Finding:
    """One figure of an experiment.

    Attributes:
        what: what was measured, with its unit.
        original: the figure that the original's author published, or "" if there is none.
        here: the figure measured in this run.
    """

    what: str
    original: str
    here: str


@dataclass(frozen=True)
class Outcome:
    """The results of an experiment.

    Attributes:
        title: heading of the experiment.
        said: what the original's author reported, summarised in a few sentences.
        findings: the figures.
        verdict: a summary of this run, in a sentence or two.
        pictures: PNG files in the output folder, as pairs of file name and caption.
        midi: names of the MIDI files in the output folder.
    """

    title: str
    said: str
    findings: tuple[Finding, ...]
    verdict: str
    pictures: tuple[tuple[str, str], ...]
    midi: tuple[str, ...] = ()

    def write(self, folder: Path) -> Path:
        """Write `outcome.json` to a folder and return its path."""
        path = folder / FILE_NAME
        write_atomically(path, f"{json.dumps(asdict(self), indent=1, ensure_ascii=False)}\n".encode())
        return path

    @classmethod
    def read(cls, folder: Path) -> "Outcome":
        """Read the `outcome.json` that `write` left in a folder."""
        fields = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
        fields["findings"] = tuple(Finding(**finding) for finding in fields["findings"])
        fields["pictures"] = tuple((name, caption) for name, caption in fields["pictures"])
        return cls(**fields | {"midi": tuple(fields["midi"])})

"""What an experiment found, beside what the seed said: written as JSON, read by the report."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

FILE_NAME = "outcome.json"


@dataclass(frozen=True)
class Finding:
    """One figure of an experiment.

    Attributes:
        what: what was measured, with its unit.
        seed: the seed's figure, or "" where it has none.
        here: ours.
    """

    what: str
    seed: str
    here: str


@dataclass(frozen=True)
class Outcome:
    """What an experiment found.

    Attributes:
        title: a line that names it.
        said: what the seed said, in a few sentences.
        findings: the figures.
        verdict: what came out here, in a sentence or two.
        pictures: names of the PNG files in its folder, each with its caption.
        midi: names of the MIDI files in its folder.
    """

    title: str
    said: str
    findings: tuple[Finding, ...]
    verdict: str
    pictures: tuple[tuple[str, str], ...]
    midi: tuple[str, ...] = ()

    def write(self, folder: Path) -> Path:
        """Write it into a folder; the file's path."""
        path = folder / FILE_NAME
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        return path

    @classmethod
    def read(cls, folder: Path) -> "Outcome":
        """What `write` wrote into a folder."""
        fields = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
        fields["findings"] = tuple(Finding(**finding) for finding in fields["findings"])
        fields["pictures"] = tuple((name, caption) for name, caption in fields["pictures"])
        return cls(**fields | {"midi": tuple(fields["midi"])})

"""The campaign of zips, as the converter reads them: whatever a member is, it costs only itself."""

from pathlib import Path
from typing import Any

from common.errors import InputError
from preprocess.conversion import Options, convert_source
from preprocess.note_sequence import NoteSequence
from preprocess.sources import Archive, find_sources
from tests.fuzz import campaign
from tests.fuzz.archive_inputs import archive
from tests.fuzz.campaign import Wrong
from tests.fuzz.checks import check_sequence

OPTIONS = Options("mine")


def read(data: bytes, path: Path) -> None:
    """Every member; what is dropped is dropped with a sentence."""
    path.write_bytes(data)
    found = find_sources(path, recursive=True)
    records = 0
    with Archive(str(path)) as members:
        for source in found.sources[:50]:
            try:
                assert source.member is not None
                content: bytes | InputError = members.read(source.member, source.name, OPTIONS.limits.bytes)
            except InputError as error:
                content = error
            converted = convert_source(source, OPTIONS, content)
            records += len(converted.records)
            for drop in converted.drops:
                campaign.check_message(InputError(drop.message, drop.reason))
            if not converted.records and not converted.drops:
                raise Wrong(f"{source.name} gave nothing, and no reason is counted")
            for record in converted.records:
                sequence = NoteSequence.FromString(record)
                check_sequence(sequence, has_tempo=False)
                if not sequence.notes:
                    raise Wrong(f"{source.name} gave a NoteSequence without notes")
    if not records:
        raise InputError("None of the files could be read.")


def test_zips_are_read_member_by_member(kept: Path, tmp_path: Path, record_property: Any) -> None:
    outcome = campaign.run("archive", archive, lambda data: read(data, tmp_path / "music.zip"), kept)
    campaign.check(outcome, record_property)

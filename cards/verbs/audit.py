"""``surgvqa-card audit``: a search for what must not be published."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from surgvqa.cards.arguments.option import Usage
from surgvqa.cards.command import InputError


@dataclass(frozen=True, kw_only=True)
class Audit:
    """Search a folder for what must not be published; exit 2 on a hit."""

    folder: Annotated[Path, Usage("DIR", position=True)]
    """a data set or a model"""
    sheets: Annotated[Path | None, Usage("OUT")] = None
    """write contact sheets of random frames for a person to look at"""
    frames: Annotated[int, Usage("N")] = 3000
    """how many; all where there are no more"""
    looked_at: Annotated[int | None, Usage("N")] = None
    """record that a person looked at so many of them"""
    hits: Annotated[int, Usage("K", default_text="0")] = 0
    """with --looked-at: how many showed what they must not"""


def run(config: Audit) -> None:
    """Print every hit; an error where there is one."""
    from surgvqa.cards.publish.audit import audit as search
    from surgvqa.cards.publish.push import files_of
    from surgvqa.cards.write import frame_audit

    folder = config.folder
    files = files_of(folder)
    hits = search(folder, files)
    for hit in hits:
        print(hit)
    if hits:
        raise InputError(f"{len(hits)} hits in {folder}; `push` would refuse it")
    print(f"no hit in {len(files)} files")
    if config.sheets is not None:
        sheets = frame_audit.sheets(folder, config.sheets, config.frames)
        print(
            f"{sheets.frame_count} of {sheets.total} frames on {len(sheets.paths)} sheets in {config.sheets}; look at them, then "
            f"--looked-at {sheets.frame_count} --hits K"
        )
    if config.looked_at is not None:
        frame_audit.record(folder, config.looked_at, config.hits)
        print(f"recorded in {folder / 'manifest.json'} and its card")

"""``surgvqa-build probe``: faults of videos."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from surgvqa.cards.arguments.option import Usage
from surgvqa.cards.command import InputError


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Decode every video of a folder and list what is wrong."""

    root: Annotated[Path, Usage("ROOT", position=True)]
    """a folder or a video"""
    json: Annotated[Path | None, Usage("FILE")] = None
    """also write the list as JSON"""
    workers: Annotated[int, Usage("N")] = 1
    """processes"""


def run(config: Probe) -> None:
    """List every video below a folder with what is wrong with it."""
    from surgvqa.builders.files.names import VIDEO_SUFFIXES
    from surgvqa.builders.video import probe as probing

    paths = probing.files(config.root)
    if not paths:
        raise InputError(
            f"no video below {config.root}; known are files that end in {', '.join(VIDEO_SUFFIXES)}"
        )
    reports = list(probing.probe_all(paths, config.workers))
    print(probing.table(reports, config.root))
    if config.json is not None:
        config.json.write_text(probing.as_json(reports), "utf-8")
    bad = sum(bool(one.faults) for one in reports)
    print(f"{len(reports)} files, {bad} with faults")

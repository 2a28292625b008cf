"""``surgvqa-build verify``: damage to a data set or a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from surgvqa.cards.arguments.option import Usage
from surgvqa.cards.files import manifest


@dataclass(frozen=True, kw_only=True)
class Verify:
    """Check every file of a data set or an adapter, bit for bit."""

    folder: Annotated[Path, Usage("DIR", position=True)]
    """what a build or a training wrote"""
    repair: Annotated[Path | None, Usage("ROOT")] = None
    """build what is damaged again, from the source's folder"""
    pseudonyms: Annotated[Path | None, Usage("FILE")] = None
    """for --repair, where the build had it"""
    signer: Annotated[Path | None, Usage("FILE")] = None
    """only a data set signed by one of FILE (allowed signers of ssh-keygen; `surgvqa-card sign` signs)"""
    workers: Annotated[int, Usage("N")] = 1
    """processes of --repair"""


def run(config: Verify) -> None:
    """Name every damaged file of a data set or a model; of a data set, mend it if asked to."""
    if not config.folder.exists():
        manifest.read(config.folder)  # says so, without what takes seconds to import
    from surgvqa.builders.pipeline.verify import verify

    if config.repair is not None:
        from surgvqa.builders.pipeline.repair import repair

        for name in repair(config.folder, config.repair, config.pseudonyms, config.workers):
            print(f"built again: {name}")
    if config.signer is not None:
        from surgvqa.cards.publish.signature import signer

        print(f"{config.folder}: signed by {signer(config.folder, config.signer)}")
    print(f"{config.folder}: all {verify(config.folder)} files are as they were written")

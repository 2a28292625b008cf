"""``surgvqa-card dataset``: the card of a data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from surgvqa.cards.arguments.option import Given


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Write the card of a data set from its manifest and report."""

    folder: Annotated[Path, Given("DIR", position=True)]
    """what surgvqa-build wrote"""
    repo: Annotated[str | None, Given("ORG/NAME")] = None
    """where it will be on the Hub, for the snippet"""


def run(config: Dataset) -> None:
    """Write DIR/README.md from DIR/manifest.json and DIR/report.json, and seal it."""
    from surgvqa.cards.files import manifest
    from surgvqa.cards.write.dataset import dataset_card

    known = manifest.whole(config.folder)
    if config.repo:
        known["repo"] = config.repo
    text = dataset_card(known, manifest.report_of(config.folder, known), known.get("repo"))
    manifest.rewrite(config.folder, known, manifest.CARD, text)
    print(config.folder / manifest.CARD)

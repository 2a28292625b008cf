"""``surgvqa-card dataset``: the card of a data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from surgvqa.cards.arguments.option import Usage
from surgvqa.cards.arguments.words import next_line


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Write the card of a data set from its manifest and report."""

    folder: Annotated[Path, Usage("DIR", position=True)]
    """what surgvqa-build wrote"""
    repo: Annotated[str | None, Usage("ORG/NAME")] = None
    """where it will be on the Hub, for the snippet"""


def run(config: Dataset) -> None:
    """Write DIR/README.md from DIR/manifest.json and DIR/report.json, and seal it."""
    from surgvqa.cards.files import manifest
    from surgvqa.cards.write.dataset import dataset_card

    content = manifest.whole(config.folder)
    if config.repo:
        content["repo"] = config.repo
    report = manifest.report_of(config.folder, content)
    text = dataset_card(content, report, content.get("repo"))
    manifest.rewrite(config.folder, content, manifest.CARD, text)
    print(config.folder / manifest.CARD)
    verb = ("surgvqa-build", "verify") if "samples" in report else ("surgvqa-eval", "leaks")
    print(next_line(*verb, config.folder))

"""``surgvqa-build inspect``: questions of a data set on a page, for a person to judge."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from surgvqa.cards.arguments.option import Usage
from surgvqa.cards.command import say


@dataclass(frozen=True, kw_only=True)
class Inspect:
    """Look at questions with their frames, and put what was found onto the card."""

    folder: Annotated[Path, Usage("DIR", position=True)]
    """what a build wrote"""
    n: Annotated[int, Usage("N")] = 200
    """questions, drawn at random, as many of each kind as there are"""
    page: Annotated[Path | None, Usage("FILE", default_text="DIR-inspect.html, beside DIR")] = None
    """where the page goes; it holds pictures and is not for publishing"""
    seed: Annotated[int, Usage("N")] = 0
    """of the draw"""
    result: Annotated[Path | None, Usage("FILE")] = None
    """the JSON that the page saved: onto the card as a rate of errors with its interval"""
    replace: bool = False
    """take --result also where fewer questions are judged than stand on the card"""


def run(config: Inspect) -> None:
    """Write the page, or read what came of it."""
    if config.result is not None:
        from surgvqa.builders.inspection.result import put

        summary = put(config.folder, config.result, config.replace)
        low, high = summary["ci95"]
        print(
            f"{summary['n']} judged: {summary['right']} right, {summary['wrong']} wrong, {summary['unclear']} unclear; "
            f"{summary['error_rate']:.1%} wrong or unclear (95 %: {low:.1%} to {high:.1%}); it is on the card"
        )
        return
    say(f"drawing {config.n} questions of {config.folder}")
    from surgvqa.builders.inspection.page import write

    path = config.page or config.folder.resolve().with_name(f"{config.folder.resolve().name}-inspect.html")
    number = write(config.folder, path, config.n, config.seed)
    print(f"{number} questions on {path}; open it, judge by key, save, then give the file with --result FILE")

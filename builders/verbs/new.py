"""``surgvqa-build new``: the files that a new procedure begins with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from surgvqa.builders.settings.frames import RateOptions
from surgvqa.cards.arguments.option import Usage
from surgvqa.cards.arguments.words import next_line
from surgvqa.cards.command import say


@dataclass(frozen=True, kw_only=True)
class New(RateOptions):
    """Write the commented files that a new procedure begins with."""

    procedure: Annotated[str, Usage("PROCEDURE", position=True)]
    """its name"""
    dir: Annotated[Path | None, Usage("DIR", default_text="the procedure's name")] = None
    """the folder"""
    check: bool = False
    """write nothing; say what is wrong with the folder"""
    example: bool = False
    """write six rendered laparoscopies with their labels, ready for every command of the documentation"""


def run(config: New) -> None:
    """Write a new procedure's files, or check them."""
    from surgvqa.builders.pipeline import new_procedure as begin

    folder = config.dir or Path(config.procedure)
    if config.check:
        print("\n".join(begin.check(folder, config.image_rate)))
        return
    if config.example:
        say(f"rendering six laparoscopies of half a minute into {folder}")
    for path in begin.new(config.procedure, folder, example=config.example):
        print(path)
    print(
        next_line("surgvqa-build", "procedure", "--root", folder, "--out", f"{folder}_dataset")
        if config.example
        else f"edit them, put recordings into {folder / 'videos'}, then: {begin.check_command(config.procedure, folder)}"
    )

"""``surgvqa-train``: fine-tune Qwen-VL models on clips with TRL."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from surgvqa.cards.arguments import parser as parsers
from surgvqa.cards.arguments.option import Verb
from surgvqa.cards.command import run_guarded
from surgvqa.train.settings.from_masks import Masks, Segment, Vision
from surgvqa.train.settings.pictures import Scratch, Towers
from surgvqa.train.settings.plan import Plan
from surgvqa.train.settings.whole_models import Configs, Merge, Tiny, Vllm
from surgvqa.train.verbs import own, trl

PROG = "surgvqa-train"


@dataclass(frozen=True, kw_only=True)
class Unread:
    """The configuration of a verb whose words TRL reads: nothing of ours."""


def verbs() -> tuple[Verb, ...]:
    """All verbs with options of their own."""
    return (
        Verb(name="tiny", config=Tiny, run=own.tiny),
        Verb(name="segment", config=Segment, run=own.segment),
        Verb(name="masks", config=Masks, run=own.masks),
        Verb(name="scratch", config=Scratch, run=own.scratch),
        Verb(name="towers", config=Towers, run=own.towers),
        Verb(name="vision", config=Vision, run=own.vision),
        Verb(name="plan", config=Plan, run=own.plan),
        Verb(name="configs", config=Configs, run=own.configs),
        Verb(name="merge", config=Merge, run=own.merge),
        Verb(name="vllm", config=Vllm, run=own.vllm),
    )


def all_verbs() -> tuple[Verb, ...]:
    """All verbs, for the list that ``--help`` prints."""
    recipes = (Verb(name=one.name, config=Unread, run=print, help=one.help) for one in trl.RECIPES)
    return (*recipes, *verbs())


def parser() -> parsers.Parser:
    """Return the command line; light, so that ``--help`` answers at once."""
    return parsers.parser_of(PROG, __doc__, all_verbs())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    for recipe in trl.RECIPES:
        if words[:1] == [recipe.name]:
            return run_guarded(PROG, lambda: recipe(PROG, words[1:]))  # noqa: B023 (called at once)
    return parsers.run(PROG, __doc__, all_verbs(), words)


if __name__ == "__main__":
    sys.exit(main())

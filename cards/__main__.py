"""``surgvqa-card``: cards that tell the truth, and publishing to the Hub."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from surgvqa.cards.arguments import parser as parsers
from surgvqa.cards.arguments.option import Verb
from surgvqa.cards.verbs import audit, dataset, model, push

PROG = "surgvqa-card"


def verbs() -> tuple[Verb, ...]:
    """All verbs."""
    return (
        Verb(name="dataset", config=dataset.Dataset, run=dataset.run),
        Verb(name="model", config=model.Model, run=model.run),
        Verb(name="audit", config=audit.Audit, run=audit.run),
        Verb(name="push", config=push.Push, run=push.run),
    )


def parser() -> parsers.Parser:
    """Return the command line; light, so that ``--help`` answers at once."""
    return parsers.parser_of(PROG, __doc__, verbs())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return parsers.run(PROG, __doc__, verbs(), argv)


if __name__ == "__main__":
    sys.exit(main())

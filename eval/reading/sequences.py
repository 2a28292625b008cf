"""Answers that put things in order: "dissection, ligation, extraction", as a list, a numbered one or a sentence."""

from __future__ import annotations

import itertools
import re

from surgvqa.eval.reading.order import ARTICLES, BACKWARD
from surgvqa.eval.words.terms import mentions
from surgvqa.eval.words.tokens import clauses

ASKS = re.compile(
    r"\b(?:in )?(?:what|which) (?:is the )?(?:\w+ )?(?:order|sequence)\b|\b(?:put|sort|arrange|list|name)\b.*\b(?:order|sequence)\b"
)
KINDS = frozenset(["order", "sequence", "ordering"])
NUMBERED_LINE = re.compile(r"^\W*(\d{1,2})\s*[.):]\s*(.+)$", re.MULTILINE)


def asks(question: str, kind: str) -> bool:
    """Whether the order of an answer's names counts.

    >>> asks("In what order are they done?", ""), asks("Which tools are in view?", "instruments")
    (True, False)
    """
    return kind in KINDS or ASKS.search(question.casefold()) is not None


def sequence(text: str, names: tuple[str, ...]) -> tuple[str, ...]:
    r"""Return names in the order that a text puts them in.

    >>> sequence("2. cut\n1. clip", ("clip", "cut")), sequence("cut after clip, then pack", ("clip", "cut", "pack"))
    (('clip', 'cut'), ('clip', 'cut', 'pack'))
    """
    numbered_items = sorted((int(match[1]), match[2]) for match in NUMBERED_LINE.finditer(text))
    if len(numbered_items) > 1:
        text = ", ".join(item for _, item in numbered_items)
    tokens = clauses(text)
    occurrences = [mention for mention in mentions(text, names) if mention.state != "negated"]
    own = [mention.option for mention in occurrences[:1]]
    for a, b in itertools.pairwise(occurrences):
        if b.option in own:
            continue
        between = tuple(word for word in tokens[a.end : b.start] if word not in ARTICLES)
        place = own.index(a.option) if between in BACKWARD else len(own)
        own.insert(place, b.option)
    return tuple(own)

"""Replies that refuse to answer."""

from __future__ import annotations

import re

from surgvqa.eval.reading.tokens import words

REFUSAL = re.compile(
    r"\bi(?: am|'m) (?:sorry|unable|not able|not sure)\b|\bi (?:can ?not|can't|don't know|do not know)\b"
    r"|\b(?:unable|impossible) to (?:determine|tell|say|see|answer|assess)\b|\bas an ai\b"
    r"|\bcan(?:not|'t| not) (?:be )?(?:determined?|tell|told|say|assess(?:ed)?|answer(?:ed)?)\b"
    r"|\bnot enough information\b|\binsufficient information\b"
)
REFUSING = frozenset(["i", "i'm", "unable", "impossible", "ai", "cannot", "can't", "can", "information"])


def refuses(text: str) -> bool:
    """Whether a reply refuses to answer.

    >>> refuses("I'm sorry, I can't tell."), refuses("The tip can be seen")
    (True, False)
    """
    said = words(text)
    return not REFUSING.isdisjoint(said) and REFUSAL.search(" ".join(said)) is not None

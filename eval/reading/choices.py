"""The choices of a question in a reply: both of two, one by the words that it alone has, one by denying the other."""

from __future__ import annotations

import re

from surgvqa.eval.words.negation import is_negated
from surgvqa.eval.words.terms import mentions
from surgvqa.eval.words.tokens import clauses, name, word_set, words

OR_WORDS = word_set("or nor")
AND = re.compile(r"\band\b|&|\+|\bplus\b|\bas well as\b", re.I)


def both_of(text: str, answers: tuple[str, ...], options: tuple[str, ...]) -> str | None:
    """Return the option "both" where a reply names the two others of a question, joined.

    >>> both_of("the left one and the right one", ("left", "right"), ("left", "right", "both", "neither"))
    'both'
    """
    others = {option for option in options if name(option) not in ("both", "neither", "none")}
    both = next((option for option in options if name(option) == "both"), None)
    is_joined = AND.search(text) is not None and OR_WORDS.isdisjoint(words(text))
    return both if len(others) == 2 and {*answers} - {both} == others and is_joined else None


def whole_choice(text: str, choices: tuple[str, ...]) -> str | None:
    """Return the choice that a reply names without the words that all choices have.

    >>> whole_choice("medial", ("medial compartment", "lateral compartment"))
    'medial compartment'
    """
    if len(choices) < 2:
        return None
    shared_words = set.intersection(*({*words(choice)} for choice in choices))
    own = {*words(text)} - shared_words - {"the", "a", "an"}
    matching = [choice for choice in choices if own and own == {*words(choice)} - shared_words]
    return matching[0] if shared_words and len(matching) == 1 else None


def only_denies_others(text: str, options: tuple[str, ...], choice_words: tuple[str, ...]) -> bool:
    """Whether a reply names no option but by denying another one than ``choice_words``: "A, not the uterus"."""
    tokens = clauses(text)
    return all(
        words(mention.option) != choice_words and is_negated(tokens, mention.start, mention.end)
        for mention in mentions(text, options)
    )

"""A reply in the words of its question: "no clip applier" is "no clipper" where the question asks for the clipper."""

from __future__ import annotations

from functools import lru_cache

from surgvqa.eval.words.terms import mentions
from surgvqa.eval.words.thesaurus import spellings_by_term
from surgvqa.eval.words.tokens import TOKEN, name, plain, words

LONGEST = 5  # words of a term in a question


@lru_cache(maxsize=16384)
def in_question_words(text: str, question: str) -> str:
    """Return a reply in which other names of the things that a question names are the question's.

    >>> in_question_words("No clip applier is visible.", "Is the clipper visible?"), in_question_words("Yes", "Is it?")
    ('no clipper is visible.', 'Yes')
    """
    for term in _terms_in(question):
        occurrences = mentions(text, (term,))
        if all(name(_between(text, one.start, one.end)) == term for one in occurrences):
            continue
        places = [match.span() for match in TOKEN.finditer(plain(text))]
        text = plain(text)
        for one in reversed(occurrences):
            text = text[: places[one.start][0]] + term + text[places[one.end - 1][1] :]
    return text


def _between(text: str, start: int, end: int) -> str:
    places = [match.span() for match in TOKEN.finditer(plain(text))]
    return plain(text)[places[start][0] : places[end - 1][1]]


@lru_cache(maxsize=4096)
def _terms_in(question: str) -> tuple[str, ...]:
    """Return the terms of the thesaurus that a question names, the longest at each place.

    >>> _terms_in("Is the common bile duct visible?")
    ('common bile duct',)
    """
    tokens, terms = words(question), []
    start = 0
    while start < len(tokens):
        sizes = range(min(LONGEST, len(tokens) - start), 0, -1)
        forms = (" ".join(tokens[start : start + size]) for size in sizes)
        term = next((form for form in forms if form in spellings_by_term()), "")
        if term:
            terms.append(term)
        start += max(1, len(term.split()))
    return tuple(terms)

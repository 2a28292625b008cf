"""Answers that are lists of names, compared as sets; "none" is the empty one."""

from __future__ import annotations

import re
from functools import lru_cache

from surgvqa.eval.scoring.negation import clauses, may_negate, name, named, words

THINGS = r"(?:instruments?|tools?|objects?|anatomy|structures?|phases?|steps?)"
NOTHING = re.compile(rf"(?:none|nothing|empty|no)|no (?:\w+ )?{THINGS}(?: \w+)*")
SAYS_NOTHING = re.compile(rf"\b(?:none|nothing)\b|\bno (?:\w+ ){{0,2}}{THINGS}\b|^(?:no|empty)$")


@lru_cache(maxsize=4096)
def listed(
    prediction: str, answer: str, vocabulary: tuple[str, ...] = ()
) -> tuple[frozenset[str], frozenset[str]]:
    """A list that was given and the true one, as sets of names.

    A name of the ``vocabulary`` counts where it stands; a piece of a plain list that holds no known name
    counts as a name of its own, so that inventing one is seen. "None" is the empty list, and silence about
    every known name isn't.

    >>> given, truth = listed("Spatula, forceps and a scalpel", "forceps, spatula", ("spatula", "forceps"))
    >>> sorted(given), sorted(truth)
    (['a scalpel', 'forceps', 'spatula'], ['forceps', 'spatula'])
    >>> listed("No instruments are visible.", "none")
    (frozenset(), frozenset())
    """
    truth = items(answer, vocabulary)
    known = tuple(dict.fromkeys([*truth, *(name(entry) for entry in vocabulary if not nothing(entry))]))
    given = {name(entry) for entry in named(prediction, known)}
    parts = pieces(prediction)
    if all(len(words(part)) <= 3 for part in parts):  # a plain list, not a sentence
        strange = {name(piece) for piece in parts if not named(piece, known)}
        given |= {piece for piece in strange if not nothing(piece) and not may_negate(clauses(piece))}
    if not given and not says_nothing(prediction):
        given = {name(prediction)}
    return frozenset(given), truth


def pieces(text: str) -> list[str]:
    """The parts between commas, full stops and "and".

    >>> pieces("spatula, forceps and a scalpel.")
    ['spatula', ' forceps ', ' a scalpel']
    """
    return [piece for piece in re.split(r"[,;\n.]|\band\b|&", text) if words(piece)]


@lru_cache(maxsize=65536)
def items(answer: str, vocabulary: tuple[str, ...] = ()) -> frozenset[str]:
    """The names in a true list; a known name keeps its "and".

    >>> sorted(items("Irrigation and aspiration, forceps", ("irrigation and aspiration",)))
    ['forceps', 'irrigation and aspiration']
    """
    names = {name(entry) for entry in vocabulary if not nothing(entry)}
    if name(answer) in names:
        return frozenset({name(answer)})
    found: set[str] = set()
    for piece in re.split(r"[,;\n]", answer):
        whole = name(re.sub(r"^\s*and\b", "", piece))
        parts = [whole] if whole in names else [name(part) for part in re.split(r"\band\b|&", piece)]
        found.update(part for part in parts if part)
    return frozenset(item for item in found if not nothing(item))


@lru_cache(maxsize=4096)
def nothing(text: str) -> bool:
    """Whether a list says that there is nothing in it.

    >>> nothing("none"), nothing("No instruments"), nothing("no earlier moment")
    (True, True, False)
    """
    return NOTHING.fullmatch(name(text)) is not None


def says_nothing(text: str) -> bool:
    """Whether a sentence says that there is none, of whatever was asked.

    >>> says_nothing("No new instruments have entered."), says_nothing("There is no spatula.")
    (True, False)
    """
    return SAYS_NOTHING.search(name(text)) is not None

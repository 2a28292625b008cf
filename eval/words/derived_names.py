"""Names of answers whose words stand in a text in other forms: "the lens is implanted" for "lens implantation"."""

from __future__ import annotations

from collections.abc import Iterator, Set
from itertools import pairwise

from surgvqa.eval.words.name_index import FILLERS, Index
from surgvqa.eval.words.roots import kin, root
from surgvqa.eval.words.tokens import MARK, word_set

SMALL = FILLERS | word_set(
    "a an in into from off its to at on with"
)  # of a phrase: "in the bag", "into a bag"


def find_derived(
    tokens: tuple[str, ...], option_index: Index, named_options: Set[str] = frozenset()
) -> Iterator[tuple[int, int, str]]:
    """Yield the one name whose words all stand in a clause in another form: "the lens is implanted"."""
    clause_roots: list[dict[str, int]] = [{}]
    for place, token in enumerate(tokens):
        if token == MARK:
            clause_roots.append({})
        else:
            clause_roots[-1].setdefault(kin(token), place)
    short: list[dict[str, int]] = [{}]  # as ``said``, with the roots of short words: "ties the knot"
    for place, token in enumerate(tokens):
        if token == MARK:
            short.append({})
        else:
            short[-1].setdefault(kin(token, 3), place)
    whole = {}
    stems = [kin(token, 3) for token in tokens]
    for form, option in option_index.exact.items():
        least, own = (5, clause_roots) if len(form) == 1 and len(root(form[0], 3)) > 4 else (3, short)
        roots = [kin(word, least) for word in form if word not in FILLERS]
        if not roots or option in named_options or (len(form) == 1 and form[0] in tokens):
            continue
        if all(kin(word, least) == word for word in form):
            if len(roots) > 1 and (first := _adjacent(stems, roots)) is not None:  # "leak testing"
                whole[option] = [first, first + len(roots) - 1]
            continue
        for clause in own:
            if all(one in clause for one in roots):
                whole[option] = [clause[one] for one in roots]
    if not whole and not named_options:
        whole = _longest_phrase(short, option_index)
    if len(whole) == 1:
        option, places = whole.popitem()
        yield min(places), max(places) + 1, option
    elif len(whole) > 1 and not named_options:  # "a is opened before b is tied"
        spans = sorted(
            (min(places), max(places) + 1, option) for option, places in whole.items() if len(places) > 1
        )
        if len(spans) == len(whole) and all(before[1] <= after[0] for before, after in pairwise(spans)):
            yield from spans


def _longest_phrase(clause_roots: list[dict[str, int]], option_index: Index) -> dict[str, list[int]]:
    """Return the option one of whose phrases stands in a clause with more words than any other option's, and where.

    >>> index_of_one = Index(phrases={("opening", "of", "the", "dura"): "durotomy"})
    >>> _longest_phrase([{"dura": 1, "open": 4}], index_of_one)
    {'durotomy': [4, 1]}
    """
    longest: dict[str, list[int]] = {}
    for form, option in option_index.phrases.items():
        roots = [kin(word, 3) for word in form if word not in SMALL]
        for clause in clause_roots:
            if len(roots) > len(longest.get(option, ())) and all(one in clause for one in roots):
                longest[option] = [clause[one] for one in roots]
    most = max(map(len, longest.values()), default=0)
    return {option: places for option, places in longest.items() if len(places) == most}


def _adjacent(stems: list[str], roots: list[str]) -> int | None:
    """Return where words stand beside each other, in order."""
    size = len(roots)
    return next((i for i in range(len(stems) - size + 1) if stems[i : i + size] == roots), None)

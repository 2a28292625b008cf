"""The answers of a kind that a text states: whole names, the longest first, in any of their spellings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from surgvqa.eval.words.derived_names import find_derived
from surgvqa.eval.words.mention_roles import aside, subordinate
from surgvqa.eval.words.name_index import FILLERS, Index, index
from surgvqa.eval.words.negation import is_negated
from surgvqa.eval.words.slips import find_misspelled
from surgvqa.eval.words.tokens import MARK, clauses, stem

ADVERBS = frozenset(["still"])  # "still moving" is not "still"
CAPITALS = re.compile(r"\b[A-Z]{2,5}\b")
OPEN = 500  # names beyond which a misspelled one is not looked for


class Mention(NamedTuple):
    """The place at which a text names an option, and its form."""

    start: int
    end: int
    option: str
    state: str  # "stated", "negated", "aside" or "subordinate"


@lru_cache(maxsize=32768)
def mentions(text: str, options: tuple[str, ...]) -> tuple[Mention, ...]:
    """Every place where a text names one of the options; a longer name wins over the shorter one in it.

    >>> [(mention.option, mention.state) for mention in mentions("the top left, not the center", ("left", "top-left", "center"))]
    [('top-left', 'stated'), ('center', 'negated')]
    """
    option_index, tokens = index(options), clauses(text)
    stems = tuple(map(stem, tokens))
    spans: list[tuple[int, int, str]] = []
    prefixes = option_index.prefixes
    for start, word in enumerate(stems):
        if word in prefixes:
            spans += _longest_at(tokens, stems, start, option_index)
    spans += _abbreviations(text, tokens, option_index)
    taken_tokens: set[int] = set()
    occurrences: list[Mention] = []
    for start, end, option in sorted(spans, key=lambda span: (span[0] - span[1], span[0])):
        if taken_tokens.isdisjoint(range(start, end)):
            taken_tokens.update(range(start, end))
            occurrences.append(_mention(tokens, (start, end, option)))
    if not occurrences and len(options) <= OPEN:
        others = list(find_misspelled(tokens, option_index)) or list(find_derived(tokens, option_index))
        occurrences = [_mention(tokens, span) for span in others]
        return tuple(_without_origins(sorted(occurrences), tokens))
    if len(options) <= OPEN:  # "forceps and a neddle driver"
        rest = tuple(MARK if i in taken_tokens else token for i, token in enumerate(tokens))
        named_options = {mention.option for mention in occurrences}
        occurrences += [
            _mention(tokens, span)
            for span in find_misspelled(rest, option_index)
            if span[2] not in named_options
        ]
    if len(options) <= OPEN and all(mention.state != "stated" for mention in occurrences):
        named_options = {mention.option for mention in occurrences}  # "a has finished, and now it is b-ed"
        occurrences += [_mention(tokens, span) for span in find_derived(tokens, option_index, named_options)]
    return tuple(_without_origins(sorted(occurrences), tokens))


def _mention(tokens: tuple[str, ...], span: tuple[int, int, str]) -> Mention:
    start, end, option = span
    return Mention(start, end, option, _state(tokens, start, end))


def _without_origins(occurrences: list[Mention], tokens: tuple[str, ...]) -> Iterator[Mention]:
    """Of "left to right" the left is where it comes from."""
    for i, mention in enumerate(occurrences):
        follows = occurrences[i + 1] if i + 1 < len(occurrences) else mention
        towards = tokens[mention.end : follows.end - 1] if follows is not mention else ()
        origin = follows.option != mention.option and towards in (("to",), ("to", "the"))
        yield mention._replace(state="aside") if origin else mention


def _abbreviations(text: str, tokens: tuple[str, ...], option_index: Index) -> Iterator[tuple[int, int, str]]:
    """Yield the capitals that are the first letters of one option alone: "the CBD"; a text in capitals has none.

    >>> list(_abbreviations("the CD", ("the", "cd"), index(("cystic duct", "liver"))))
    [(1, 2, 'cystic duct')]
    """
    capitals = {letters.casefold() for letters in CAPITALS.findall(text)} if option_index.initials else ()
    if capitals and not (text.isupper() and len(tokens) > 2):
        for place, token in enumerate(tokens):
            if token in capitals and token in option_index.initials:
                yield place, place + 1, option_index.initials[token]


def _longest_at(
    tokens: tuple[str, ...], stems: tuple[str, ...], start: int, option_index: Index
) -> Iterator[tuple[int, int, str]]:
    """Yield the longest name that begins at a word, its parts written apart, together or with "and" between."""
    best: tuple[int, int, str] | None = None
    together = ""
    bare = ""
    for end in range(start + 1, min(len(tokens), start + option_index.longest) + 1):
        if tokens[end - 1] == MARK:
            break
        together += stems[end - 1]
        bare += "" if tokens[end - 1] in FILLERS and end - 1 > start else stems[end - 1]
        if together not in option_index.prefixes and bare not in option_index.prefixes:
            break
        if tokens[end - 1] in FILLERS and together not in option_index.compounds:
            continue
        for key in dict.fromkeys((together, bare)):
            if own := option_index.compounds.get(key):
                exact = option_index.exact.get(tokens[start:end])
                if not (tokens[start] in ADVERBS and end == start + 1 and _adverb(tokens, end)):
                    best = (start, end, exact if exact in own else own[0])
                break
    if best:
        yield best


def _adverb(tokens: tuple[str, ...], end: int) -> bool:
    return end < len(tokens) and (
        tokens[end].endswith("ing") or tokens[end] in {"in", "visible", "present", "at", "being"}
    )


def _state(tokens: tuple[str, ...], start: int, end: int) -> str:
    if is_negated(tokens, start, end):
        return "negated"
    if aside(tokens, start, end):
        return "aside"
    return "subordinate" if subordinate(tokens, start) else "stated"

"""Counts: the whole number that a reply states, in digits or words, with "a couple", "more than two", "none"."""

from __future__ import annotations

import itertools
import re
from functools import lru_cache
from typing import NamedTuple

from surgvqa.builders.verifying.lexicon import UNITS
from surgvqa.eval.numerals.number_words import TENS, number, whole
from surgvqa.eval.words.negation import is_negated
from surgvqa.eval.words.tokens import MARK, clauses, stem, word_set, words

SUM = re.compile(r"\d\s*\+[^=]*=\s*(\d+)\b")  # "2 + 1 = 3"
HALF_DOZEN = re.compile(r"\bhalf(?: an?)?[ -]dozen\b", re.I)
NOT_ONE = re.compile(r"\bnot (?:a single|even|any) one\b|^\W*nil\W*$", re.I)
PER_CENT = re.compile(r"\bper ?cent(?:age)?\b", re.I)
NONE_OF = re.compile(  # "no grasper", "there is not one grasper", "it isn't a grasper"
    r"\b(?:no|not|without|never|\w+n't)(?: (?:even|any|a|an|one|1|single)){0,4} (?P<thing>\w+)"
)
BOUND_BEFORE = (  # what makes of a number a bound
    ("more", "than"), ("less", "than"), ("fewer", "than"), ("greater", "than"), ("at", "least"), ("at", "most"),
    ("no", "more", "than"), ("up", "to"), ("over",), ("under",), ("above",), ("below",), ("minimum", "of"), ("maximum", "of"),
    ("not", "more", "than"), ("between",), ("before",), ("until",), ("till",)
)  # fmt: skip
BOUND_BEHIND = (("or", "more"), ("or", "fewer"), ("or", "less"), ("and", "more"), ("plus",), ("+",))
# "One" is a number behind these, or at the start of a clause; "this one" and "no one" are not.
COUNTS = word_set(
    "is are was were be be: only just exactly precisely total see sees seen there with contains "
    "contain shows show has have count counts number and about approximately roughly least of or"
)
NOT_A_COUNT = frozenset(["of", "is", "by", "another"])  # "one of them", "one is held"
ARTICLE_ALONE = re.compile(r"\W*(?:there(?: is|'s) |i see )?an? (?:\w+ )?(\w+)\W*", re.I)
PARTS = frozenset(("of", word) for word in ("which", "whom", "them", "these", "those"))
ONE_PAIR = word_set("forceps scissors tweezers pliers glasses")  # "a pair of scissors" is one
CONCLUSION = re.compile(  # "from 12 to 57, so 45", "two here and one there, which makes three"
    r"(?:[,;.]|\s[-–—]|\band)\s*(?:so|thus|hence|therefore|which (?:makes|gives|is)|making|giving|that(?:'s| is| makes| gives)|i\.?e\.?)\b|\s=\s",
    re.I,
)
LABELS = word_set("clip step phase frame figure case video image")  # "clip 2" is one clip
EACH = word_set("each per apiece every")  # "two on each side" are not two
TOTAL = frozenset(["total", "altogether", "overall", "all"])


class Count(NamedTuple):
    """The whole numbers that a text gives as its answer."""

    values: frozenset[float]
    bounded: bool = False


def none_of(text: str, question: str) -> bool:
    """Whether a reply denies the very thing that is counted.

    >>> none_of("No graspers are visible.", "How many graspers are there?"), none_of("no idea", "How many graspers?")
    (True, False)
    >>> none_of("There isn't a single grasper", "How many graspers are there?")
    True
    """
    thing_stems = _counted_thing(question)
    return any(stem(match["thing"]) in thing_stems for match in NONE_OF.finditer(" ".join(words(text))))


def of_thing(text: str, question: str) -> frozenset[float] | None:
    """Return the numbers of the very thing that is counted; None where a number stands beside no thing.

    >>> of_thing("2 hooks and not one grasper", "How many hooks?") == {2.0}, of_thing("2 scissors", "How many hooks?") == set()
    (True, True)
    >>> of_thing("2 hooks or 3", "How many hooks?") is None
    True
    """
    thing_stems, reply_words = _counted_thing(question), NONE_OF.sub("", " ".join(words(text))).split()
    pairs = [(number(word), thing) for word, thing in itertools.pairwise([*reply_words, ""])]
    things = [(value, thing) for value, thing in pairs if value is not None]
    if any(len(thing) < 4 or not thing.isalpha() for _, thing in things):
        return None
    return frozenset(value for value, thing in things if stem(thing) in thing_stems)


def _counted_thing(question: str) -> set[str]:
    """Return the words of a question that may name what is counted."""
    return {stem(word) for word in words(question) if len(word) > 3}


def one_by_article(text: str, question: str) -> bool:
    """Whether a reply is the counted thing with an article: "a grasper" is one.

    >>> one_by_article("A grasper.", "How many graspers are there?"), one_by_article("a hook", "How many graspers?")
    (True, False)
    """
    match = ARTICLE_ALONE.fullmatch(text)
    return match is not None and stem(match.group(1).casefold()) in _counted_thing(question)


def times(text: str) -> str:
    """Return a reply to "how many times" with a number for "once", "twice" and "thrice".

    >>> times("only once"), times("once or twice")
    ('only 1', '1 or 2')
    """
    return re.sub(
        r"\b(?:once|twice|thrice)\b",
        lambda match: str(1 + ("once", "twice", "thrice").index(match[0].casefold())),
        text,
        flags=re.I,
    )


@lru_cache(maxsize=16384)
def count(text: str) -> Count:
    """Return the numbers a text states; of a total and its parts, the total; of a sum, what it comes to.

    >>> count("two in total: one forceps and one spatula").values == {2.0}
    True
    >>> count("from 12 to 57, so 45").values == {45.0}, count("2 or 3, so I can't tell").values == {2.0, 3.0}
    (True, True)
    >>> count("This one is hard").values, count("more than 2").bounded, count("2 or 3").values == {2.0, 3.0}
    (frozenset(), True, True)
    """
    text = HALF_DOZEN.sub("6", text)
    if total := SUM.search(text):
        text = total.group(1)
    if NOT_ONE.search(text):
        return Count(frozenset({0.0}))
    *_, conclusion = [None, *CONCLUSION.finditer(text)]
    if conclusion and len((last_count := count(text[conclusion.end() :])).values) == 1:
        return last_count
    tokens = clauses(text)
    numbers: list[tuple[int, int, float]] = []
    skip = 0
    for i, token in enumerate(tokens):
        if i < skip:
            continue
        value = number(token)
        if value is None and "-" in token[1:] and token[0].isdigit():  # 2-3
            low, high = token.split("-")[:2]
            return Count(frozenset({float(low.replace(",", ".")), float(high.replace(",", "."))}))
        if value is None and token[:1] in "<>≤≥":
            return Count(frozenset(), True)
        if value is None or _no_count(tokens, i):
            continue
        end = i + 1
        if token in TENS and end < len(tokens) and tokens[end] in UNITS[1:10]:
            value, end = value + UNITS.index(tokens[end]), end + 1
        skip = end
        if is_negated(tokens, i, end):
            continue
        if _is_bound(tokens, i, end):
            return Count(frozenset({value}), True)
        numbers.append((i, end, value))
    parts = [one for one in numbers if tokens[one[1] : one[1] + 2] in PARTS]  # "3 arms, 2 of which move"
    return Count(_total(tokens, [one for one in numbers if one not in parts] or numbers))


def _no_count(tokens: tuple[str, ...], i: int) -> bool:
    """Whether a number is none: "this one", "the 2nd", "a double", "single-use"."""
    token = tokens[i]
    before, behind = tokens[i - 1] if i else MARK, tokens[i + 1] if i + 1 < len(tokens) else MARK
    if behind == "o'clock" or before in LABELS:
        return True
    if (
        not EACH.isdisjoint(tokens[i + 1 : i + 5])
        and MARK not in tokens[i + 1 : i + 1 + _place_of_each(tokens[i + 1 : i + 5])]
    ):
        return True
    if token[0].isdigit():
        return behind in ("nd", "rd", "th", "st")
    if token == "one":
        is_count = before == MARK or before in COUNTS or number(before) is not None
        return not is_count or behind in NOT_A_COUNT or (before == "and" and behind == MARK)
    if token == "pair" and behind == "of":
        return not ONE_PAIR.isdisjoint(tokens[i + 2 : i + 5])
    return (
        token in ("both", "sole", "pair")
        and behind in ("of", MARK)
        and not (token == "pair" and behind == MARK)
    )


def _place_of_each(behind: tuple[str, ...]) -> int:
    return next(place for place, word in enumerate(behind) if word in EACH)


def _is_bound(tokens: tuple[str, ...], start: int, end: int) -> bool:
    return any(tokens[max(0, start - len(bound)) : start] == bound for bound in BOUND_BEFORE) or any(
        tokens[end : end + len(bound)] == bound for bound in BOUND_BEHIND
    )


def _total(tokens: tuple[str, ...], numbers: list[tuple[int, int, float]]) -> frozenset[float]:
    totals = {
        value
        for start, end, value in numbers
        if not TOTAL.isdisjoint(tokens[end : end + 3])
        or (not TOTAL.isdisjoint(tokens[max(0, start - 2) : start]) and tokens[start - 1] != MARK)
    }
    if len(totals) == 1:
        return frozenset(totals)
    values = [value for _, _, value in numbers]
    if len(values) > 2 and values == [*map(float, range(1, len(values))), values[-2]]:  # "1, 2, 3. So 3"
        return frozenset(values[-1:])
    if len(values) > 2 and values[0] == sum(values[1:]):  # two: one forceps and one spatula
        return frozenset(values[:1])
    if len(values) > 2 and values[-1] == sum(values[:-1]):
        return frozenset(values[-1:])
    return frozenset(values)


@lru_cache(maxsize=4096)
def without_numbers(options: tuple[str, ...]) -> tuple[str, ...]:
    """Return the options that are no whole numbers: of several numbers `count` says itself which is meant."""
    return tuple(option for option in options if whole(option) is None)


def is_share(text: str) -> bool:
    """Whether a text speaks of per cent.

    >>> is_share("2 %"), is_share("What per cent of it?"), is_share("What percentage?"), is_share("2 per centimetre")
    (True, True, True, False)
    """
    return "%" in text or PER_CENT.search(text) is not None

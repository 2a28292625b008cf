"""Quantities: a number with its unit, its bound or its range, in the unit's base."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import NamedTuple

from surgvqa.builders.verifying.lexicon import UNITS
from surgvqa.eval.numerals.counts import BOUND_BEHIND, CONCLUSION, TOTAL
from surgvqa.eval.numerals.number_words import TENS, number
from surgvqa.eval.numerals.units import LENGTHS, TIMES, UNIT_NAMES, joined_parts, unit_behind
from surgvqa.eval.words.negation import is_negated
from surgvqa.eval.words.tokens import clauses, words

LESS = frozenset([("less", "than"), ("smaller", "than"), ("fewer", "than"), ("shorter", "than")])
MORE = frozenset(
    [("more", "than"), ("larger", "than"), ("greater", "than"), ("bigger", "than"), ("longer", "than")]
)
NUMBER_WORD = re.compile(rf"\b(?:{'|'.join((*UNITS, *TENS))})\b", re.I)
TWICE = re.compile(r"(\d)\s*([a-zA-Z]{1,12})\s*((?:-|–|to|and)\s*\d[\d.]*\s*\2)\b")
TENS_AND_ONES = re.compile(rf"\b({'|'.join(TENS)})[- ]({'|'.join(UNITS[1:10])})\b", re.I)
QUANTITY = re.compile(r"([<>≤≥]=?)?(-?\d+(?:\.\d+)?)(?:-(\d+(?:\.\d+)?))?")


class Quantity(NamedTuple):
    """A number with its unit: "<5 mm" is ("<", 5, 5, "length")."""

    sign: str
    low: float
    high: float
    unit: str


BEGINS = re.compile(r"\b(?:starts?|started|begins?|began|from|starting|beginning|onset|commences?)\b")
ENDS = re.compile(r"\b(?:ends?|ended|stops?|stopped|finish\w*|done|complet\w*|until|till|to|over)\b")
ASKS_BEGIN, ASKS_END = (
    re.compile(r"\b(?:starts?|begins?|began|started)\b"),
    re.compile(r"\b(?:ends?|stops?|finish\w*|done|over)\b"),
)
PARTS = re.compile(r"[,;.](?!\d)|(?=\b(?:and|until|till|to)\b)")


@lru_cache(maxsize=16384)
def quantity(text: str) -> Quantity | None:
    """Return the one quantity in a text, in the unit's base; None where there is none, or several.

    >>> quantity("5 to 10 millimetres") == quantity("0.5-1 cm"), quantity("less than 5 mm") == quantity("<5 mm")
    (True, True)
    >>> quantity("5 mm") == quantity("<5 mm")
    False
    """
    *_, conclusion = [None, *CONCLUSION.finditer(text)]
    if conclusion and (last_quantity := quantity(text[conclusion.end() :])):
        return last_quantity
    tokens = clauses(_in_digits(text))
    places = [
        i for i, token in enumerate(tokens) if (token[0] in "<>≤≥-" and len(token) > 1) or token[0].isdigit()
    ]
    place = places[0] if len(places) == 1 else _place_of_total(tokens, places)
    if place is None:
        return None
    match = QUANTITY.fullmatch(tokens[place])
    if match is None or is_negated(tokens, place, place + 1):
        return None
    sign, low, high = (match.group(1) or "").replace("=", ""), float(match.group(2)), match.group(3)
    before = tokens[max(0, place - 2) : place]
    if before in LESS or before[-1:] in (("under",), ("below",), ("before",), ("until",)):
        sign = "<"
    elif before in MORE or before[-1:] in (("over",), ("above",)):
        sign = ">"
    elif before in (("at", "least"),):
        sign = "≥"
    elif before in (("at", "most"), ("up", "to")):
        sign = "≤"
    unit = UNIT_NAMES.get(tokens[place + 1], "") if place + 1 < len(tokens) else ""
    behind = tokens[place + 1 + bool(unit) :]
    if any(behind[: len(bound)] == bound for bound in BOUND_BEHIND):  # "5 mm or more"
        sign = "≤" if behind[1:2] in (("less",), ("fewer",)) else "≥"
    scale = LENGTHS.get(unit) or TIMES.get(unit) or 1.0
    base = "length" if unit in LENGTHS else "time" if unit in TIMES else unit
    top = float(high) if high else low
    return Quantity(sign, round(low * scale, 9), round(top * scale, 9), base)


def part_asked(text: str, question: str) -> str:
    """Return the part of a reply that tells when a thing begins, or ends, where that is asked and both are told.

    >>> part_asked("It starts at 7 s and is done by 19 s.", "When does it start?")
    'It starts at 7 s '
    >>> part_asked("from 7 s until 19 s", "When does it end?"), part_asked("7 s", "When does it end?")
    ('until 19 s', '7 s')
    """
    goals = [
        reply_words
        for question_words, reply_words in ((ASKS_BEGIN, BEGINS), (ASKS_END, ENDS))
        if question_words.search(question.casefold())
    ]
    if len(goals) != 1 or quantity(text) is not None:
        return text
    parts = [part for part in PARTS.split(text) if goals[0].search(part.casefold()) and quantity(part)]
    return parts[0] if len(parts) == 1 else text


def _place_of_total(tokens: tuple[str, ...], places: list[int]) -> int | None:
    """Return the place of the one of several numbers that is called the total, or that the others add up to."""
    totals = [
        place
        for place in places
        if not TOTAL.isdisjoint(tokens[place + 1 : place + 4])
        or not TOTAL.isdisjoint(tokens[max(0, place - 2) : place])
    ]
    if len(totals) == 1:
        return totals[0]
    values = [
        float(tokens[place]) if tokens[place].replace(".", "", 1).isdigit() else math.nan for place in places
    ]
    return places[-1] if len(values) > 2 and sum(values[:-1]) == values[-1] else None


def _in_digits(text: str) -> str:
    """Return a text with numbers in digits, a range's unit once: "five mm to ten mm" is "5 to 10 mm"."""
    text = joined_parts(text)
    text = TENS_AND_ONES.sub(
        lambda match: f"{sum(number(word.casefold()) or 0 for word in match.groups()):g}", text
    )
    text = unit_behind(NUMBER_WORD.sub(lambda match: f"{number(match.group().casefold()):g}", text))
    return TWICE.sub(r"\1 \3", text)


def is_quantity(answer: str) -> bool:
    """Whether an answer is a number with a unit, a bound or a range, and nothing else.

    >>> is_quantity("5-10 mm"), is_quantity("<5"), is_quantity("2"), is_quantity("class 2")
    (True, True, False, False)
    """
    answer_words = words(answer)
    if not answer_words or QUANTITY.fullmatch(answer_words[0]) is None:
        return False
    if len(answer_words) == 1:
        return not answer_words[0].replace(".", "").isdigit()
    return len(answer_words) == 2 and answer_words[1] in UNIT_NAMES

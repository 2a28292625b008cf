"""Counts and quantities: digits, words, "a couple", "more than two", ranges and units."""

from __future__ import annotations

import itertools
import re
from functools import lru_cache
from typing import NamedTuple

from surgvqa.builders.verifying.lexicon import UNITS
from surgvqa.eval.reading.negation import is_negated
from surgvqa.eval.reading.tokens import MARK, clauses, stem, word_set, words

TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
SUM = re.compile(r"\d\s*\+[^=]*=\s*(\d+)\b")  # "2 + 1 = 3"
OTHERS: dict[str, float] = {"single": 1, "sole": 1, "couple": 2, "both": 2, "dozen": 12, "pair": 2, "〇": 0, "一": 1, "二": 2, "两": 2, "兩": 2, "三": 3, "四": 4,
          "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "十": 10}  # fmt: skip
ABROAD = (
    "zwei drei vier funf sechs sieben acht neun zehn",
    "deux trois quatre cinq six sept huit neuf dix",
    "dos tres cuatro cinco seis siete ocho nueve diez",
    "due tre quattro cinque sei sette otto nove dieci",
)  # from two on: "un" and "ein" are articles
OTHERS.update({word: 2.0 + i for numerals in ABROAD for i, word in enumerate(numerals.split())})
CJK = re.compile(r"^([〇一二两兩三四五六七八九十])[个個把つ件种]?")
NOT_ONE = re.compile(r"\bnot (?:a single|even|any) one\b|^\W*nil\W*$", re.I)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
PER_CENT = re.compile(r"\bper ?cent(?:age)?\b", re.I)
NONE_OF = re.compile(  # "no grasper", "there is not one grasper", "it isn't a grasper"
    r"\b(?:no|not|without|never|\w+n't)(?: (?:even|any|a|an|one|1|single)){0,4} (?P<thing>\w+)"
)
BOUND_BEFORE = (  # what makes of a number a bound
    ("more", "than"), ("less", "than"), ("fewer", "than"), ("greater", "than"), ("at", "least"), ("at", "most"),
    ("no", "more", "than"), ("up", "to"), ("over",), ("under",), ("above",), ("below",), ("minimum", "of"), ("maximum", "of"),
    ("not", "more", "than"), ("between",), ("around",)
)[:-1]  # fmt: skip
BOUND_BEHIND = (("or", "more"), ("or", "fewer"), ("or", "less"), ("and", "more"), ("plus",), ("+",))
# "One" is a number behind these, or at the start of a clause; "this one" and "no one" are not.
COUNTS = word_set(
    "is are was were be be: only just exactly precisely total see sees seen there with contains "
    "contain shows show has have count counts number and about approximately roughly least of or"
)
NOT_A_COUNT = frozenset(["of", "is", "by", "another"])  # "one of them", "one is held"
PARTS = frozenset(("of", word) for word in ("which", "whom", "them", "these", "those"))
ONE_PAIR = word_set("forceps scissors tweezers pliers glasses")  # "a pair of scissors" is one
TOTAL = frozenset(["total", "altogether", "overall", "all"])
LENGTHS = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "um": 0.001}
TIMES = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
UNIT_NAMES = {
    "mm": "mm", "millimetre": "mm", "millimeter": "mm", "millimetres": "mm", "millimeters": "mm", "cm": "cm",
    "centimetre": "cm", "centimeter": "cm", "centimetres": "cm", "centimeters": "cm", "um": "um", "μm": "um",
    "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s", "min": "min", "mins": "min", "minute": "min",
    "minutes": "min", "h": "h", "hr": "h", "hour": "h", "hours": "h", "ms": "ms", "%": "%", "percent": "%",
    "sekunde": "s", "sekunden": "s", "seconde": "s", "secondes": "s", "segundo": "s", "segundos": "s", "secondo": "s", "secondi": "s",
    "秒": "s", "minuten": "min", "minuto": "min", "minutos": "min", "minuti": "min", "分": "min", "分钟": "min",
}  # fmt: skip
LESS = frozenset([("less", "than"), ("smaller", "than"), ("fewer", "than"), ("shorter", "than")])
MORE = frozenset(
    [("more", "than"), ("larger", "than"), ("greater", "than"), ("bigger", "than"), ("longer", "than")]
)
NUMBER_WORD = re.compile(rf"\b(?:{'|'.join((*UNITS, *TENS))})\b", re.I)
TWICE = re.compile(r"(\d)\s*([a-zA-Z]{1,12})\s*((?:-|–|to|and)\s*\d[\d.]*\s*\2)\b")
TENS_AND_ONES = re.compile(rf"\b({'|'.join(TENS)})[- ]({'|'.join(UNITS[1:10])})\b", re.I)
ORDINAL_TIME = re.compile(r"\b(\d+)(?:st|nd|rd|th) (second|minute)\b|\b(second|minute) (\d+)\b", re.I)
QUANTITY = re.compile(r"([<>≤≥]=?)?(-?\d+(?:\.\d+)?)(?:-(\d+(?:\.\d+)?))?")


CLOCK = re.compile(
    r"\b(?:(\d{1,2}):)?(\d{1,2}):(\d\d(?:\.\d+)?)\b(?:\s*(?:min(?:utes?)?|h(?:ours?)?)\b)?", re.I
)


class Count(NamedTuple):
    """The whole numbers that a text gives as its answer."""

    values: frozenset[float]
    bounded: bool = False


class Quantity(NamedTuple):
    """A number with its unit: "<5 mm" is ("<", 5, 5, "length")."""

    sign: str
    low: float
    high: float
    unit: str


def number(word: str) -> float | None:
    """Return a number in digits or as one word.

    >>> number("eleven"), number("2.0"), number("twenty"), number("forceps")
    (11.0, 2.0, 20.0, None)
    """
    if NUMBER.fullmatch(word):
        return float(word)
    if word in UNITS:
        return float(UNITS.index(word))
    if word in TENS:
        return 10.0 * (2 + TENS.index(word))
    if word in OTHERS:
        return float(OTHERS[word])
    if match := CJK.match(word):
        return float(OTHERS[match.group(1)])
    return None


def whole(answer: str) -> float | None:
    """Return the number that an answer is and nothing else; None for others.

    >>> whole("2"), whole("zero"), whole("2 mm"), whole("<5")
    (2.0, 0.0, None, None)
    """
    answer_words = words(answer)
    return (
        number(answer_words[0])
        if len(answer_words) == 1 and answer_words[0] not in ("single", "sole", "both", "couple", "pair")
        else None
    )


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


@lru_cache(maxsize=16384)
def count(text: str) -> Count:
    """Return the numbers a text states; of a total and its parts, the total.

    >>> count("two in total: one forceps and one spatula").values == {2.0}
    True
    >>> count("This one is hard").values, count("more than 2").bounded, count("2 or 3").values == {2.0, 3.0}
    (frozenset(), True, True)
    """
    if total := SUM.search(text):
        text = total.group(1)
    if NOT_ONE.search(text):
        return Count(frozenset({0.0}))
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


def _is_bound(tokens: tuple[str, ...], start: int, end: int) -> bool:
    return any(tokens[max(0, start - len(bound)) : start] == bound for bound in BOUND_BEFORE) or any(
        tokens[end : end + len(bound)] == bound for bound in BOUND_BEHIND
    )


def _total(tokens: tuple[str, ...], numbers: list[tuple[int, int, float]]) -> frozenset[float]:
    totals = {
        value
        for start, end, value in numbers
        if not TOTAL.isdisjoint(tokens[end : end + 3])
        or not TOTAL.isdisjoint(tokens[max(0, start - 2) : start])
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


@lru_cache(maxsize=16384)
def quantity(text: str) -> Quantity | None:
    """Return the one quantity in a text, in the unit's base; None where there is none, or several.

    >>> quantity("5 to 10 millimetres") == quantity("0.5-1 cm"), quantity("less than 5 mm") == quantity("<5 mm")
    (True, True)
    >>> quantity("5 mm") == quantity("<5 mm")
    False
    """
    tokens = clauses(_in_digits(text))
    places = [
        i for i, token in enumerate(tokens) if (token[0] in "<>≤≥-" and len(token) > 1) or token[0].isdigit()
    ]
    if len(places) != 1:
        return None
    place = places[0]
    match = QUANTITY.fullmatch(tokens[place])
    if match is None or is_negated(tokens, place, place + 1):
        return None
    sign, low, high = (match.group(1) or "").replace("=", ""), float(match.group(2)), match.group(3)
    before = tokens[max(0, place - 2) : place]
    if before in LESS or before[-1:] in (("under",), ("below",)):
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


def _in_digits(text: str) -> str:
    """Return a text with numbers in digits, a range's unit once: "five mm to ten mm" is "5 to 10 mm"."""
    text = in_seconds(text)
    text = TENS_AND_ONES.sub(
        lambda match: f"{sum(number(word.casefold()) or 0 for word in match.groups()):g}", text
    )
    text = NUMBER_WORD.sub(lambda match: f"{number(match.group().casefold()):g}", text)
    text = ORDINAL_TIME.sub(lambda m: f"{m[1] or m[4]} {m[2] or m[3]}", text)  # "second 42", "42nd second"
    return TWICE.sub(r"\1 \3", text)


def in_seconds(text: str) -> str:
    """Return a text with times of a clock as seconds.

    >>> in_seconds("from 0:12 to 1:05"), in_seconds("00:00:12")
    ('from 12 s to 65 s', '12 s')
    """
    return CLOCK.sub(_seconds, text) if ":" in text else text


def _seconds(match: re.Match[str]) -> str:
    """Return a clock's time as seconds: "1:05" is "65 s"."""
    hours, minutes, seconds = match.groups()
    return f"{3600 * int(hours or 0) + 60 * int(minutes) + float(seconds):g} s"


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

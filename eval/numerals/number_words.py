"""One word as a number: digits, words of seven languages, "couple", "dozen"."""

from __future__ import annotations

import re

from surgvqa.builders.verifying.lexicon import UNITS
from surgvqa.eval.words.tokens import words

TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
OTHERS: dict[str, float] = {"single": 1, "sole": 1, "couple": 2, "both": 2, "dozen": 12, "uno": 1, "eins": 1, "pair": 2, "〇": 0, "一": 1, "二": 2, "两": 2, "兩": 2, "三": 3, "四": 4,
          "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "十": 10}  # fmt: skip
ABROAD = (
    "zwei drei vier funf sechs sieben acht neun zehn",
    "deux trois quatre cinq six sept huit neuf dix",
    "dos tres cuatro cinco seis siete ocho nueve diez",
    "due tre quattro cinque sei sette otto nove dieci",
)  # from two on: "un" and "ein" are articles
OTHERS.update({word: 2.0 + i for numerals in ABROAD for i, word in enumerate(numerals.split())})
CJK = re.compile(r"^([〇一二两兩三四五六七八九十])[个個把つ件种]?")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


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

"""What a reply's numbers mean to a question: its count, or the option that a number stands for."""

from __future__ import annotations

import re

from surgvqa.eval.numerals import counts, units
from surgvqa.eval.numerals.number_words import number, whole
from surgvqa.eval.reading.lists import says_nothing
from surgvqa.eval.words.tokens import words

TIMES_QUESTION = re.compile(r"\bhow (?:many times|often)\b", re.I)
HOUR = re.compile(r"\b0?(\d{1,2}):00\b|\b(\d{1,2}) ?(?:h|uhr|heures?|ore|点|時)(?!\w)", re.I)
AROUND_NUMBER = re.compile(r"\b(?:at|about|around|approximately|roughly|the|position|hour)\b", re.I)


def stated_count(text: str, question: str) -> counts.Count:
    """Return the numbers that a reply states, in the unit and of the thing that a question asks for.

    >>> stated_count("1 min 15 s", "How many seconds?").values, stated_count("2 clips and a hook", "How many clips?").values
    (frozenset({75.0}), frozenset({2.0}))
    >>> stated_count("None of them", "How many?").values, stated_count("only twice", "How many times?").values
    (frozenset({0.0}), frozenset({2.0}))
    """
    if TIMES_QUESTION.search(question):
        text = counts.times(text)
    unit = units.question_unit(question)
    text = units.in_unit(text, unit) if unit else units.without_quantities(text, question)
    count = counts.count(text)
    if count.bounded:
        return count
    values = count.values
    own = counts.of_thing(text, question)
    if own and values:
        values = own
    others_only = not (values if own is None else own)
    if others_only and counts.none_of(text, question):
        values = frozenset({0.0})
    if not values and counts.one_by_article(text, question):
        values = frozenset({1.0})
    if not values and says_nothing(text):
        values = frozenset({0.0})
    return counts.Count(values)


def option_of_number(text: str, options: tuple[str, ...]) -> str | None:
    """Return the option that a bare number stands for, where options differ by a number: "3" is "3 o'clock".

    >>> option_of_number("at 3", ("3 o'clock", "6 o'clock")), option_of_number("3 clips", ("3 o'clock", "6 o'clock"))
    ("3 o'clock", None)
    """
    value = whole(AROUND_NUMBER.sub(" ", HOUR.sub(r"\1\2", text)))
    if value is None or words(text) in map(words, options):
        return None
    own = [
        (option, tuple(word for word in words(option) if number(word) is None))
        for option in options
        if {number(word) for word in words(option)} - {None} == {value}
    ]
    if len(own) != 1:
        return None
    option, rest = own[0]
    alike = sum(tuple(word for word in words(one) if number(word) is None) == rest for one in options)
    return option if alike > 1 or rest == ("o'clock",) else None

"""Places with a number: the cells of a grid with labels and the hours of a clock that a reply names."""

from __future__ import annotations

import re

from surgvqa.builders.verifying.lexicon import UNITS
from surgvqa.eval.words.slips import distance
from surgvqa.eval.words.tokens import plain

HOURS = {word: value for value, word in enumerate(UNITS[:13]) if value}
CELL_LABEL = re.compile(r"[a-z]\d{1,2}")
HOUR_LABEL = re.compile(r"(\d{1,2}) o'?clock")
CELL = re.compile(r"\b[a-z]\d{1,2}\b")
HOUR = re.compile(rf"\b(\d{{1,2}}|{'|'.join(HOURS)}) o'clock\b")
O_CLOCK = re.compile(r"\b(\d{1,2}|[a-z]{3,7})(\s?-?)(o\W? ?[a-z]{3,7})\b", re.I)
TYPOS = 2  # letters that may be wrong in "o'clock", and in an hour of four letters or more before it


def right_spelling(text: str) -> str:
    """Return a text whose hours of a clock are spelled without slips.

    >>> right_spelling("at elven o'clok"), right_spelling("9 oclock"), right_spelling("one of them")
    ("at eleven o'clock", "9 o'clock", 'one of them')
    """
    return O_CLOCK.sub(_spell_hour, text)


def _spell_hour(match: re.Match[str]) -> str:
    hour, unit = match[1].casefold(), re.sub(r"[^a-z]", "", match[3].casefold())
    if distance(unit, "oclock") > TYPOS or not unit.startswith("o"):
        return match[0]
    if not hour.isdigit() and hour not in HOURS:
        off = {word: distance(hour, word) for word in HOURS if word[0] == hour[0]}
        nearest = [word for word, letters in off.items() if letters == min(off.values())]
        if len(nearest) != 1 or off[nearest[0]] > (TYPOS if len(hour) > 3 else 1):
            return f"{match[1]} o'clock"
        hour = nearest[0]
    return f"{hour} o'clock"


def named_like(text: str, answer: str) -> tuple[str, ...]:
    """Return the places of a text that have the form of an answer: all its cells, or all its hours.

    >>> named_like("B2, just below A2", "A1"), named_like("nine o'clock, opposite 3 o'clock", "6 o'clock")
    (('A2', 'B2'), ("3 o'clock", "9 o'clock"))
    >>> named_like("B2", "left")
    ()
    """
    form, words = plain(answer).strip(), plain(text)
    if CELL_LABEL.fullmatch(form):
        return tuple(sorted({label.upper() for label in CELL.findall(words)}))
    if HOUR_LABEL.fullmatch(form):
        return tuple(
            f"{hour} o'clock" for hour in sorted({HOURS.get(one) or int(one) for one in HOUR.findall(words)})
        )
    return ()

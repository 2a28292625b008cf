"""Units of length and time, and times of a clock."""

from __future__ import annotations

import re

from surgvqa.builders.verifying.lexicon import UNITS
from surgvqa.eval.numerals.number_words import TENS, number

LENGTHS = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "um": 0.001}
TIMES = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
UNIT_NAMES = {
    "mm": "mm", "millimetre": "mm", "millimeter": "mm", "millimetres": "mm", "millimeters": "mm", "cm": "cm",
    "centimetre": "cm", "centimeter": "cm", "centimetres": "cm", "centimeters": "cm", "um": "um", "μm": "um",
    "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s", "min": "min", "mins": "min", "minute": "min",
    "minutes": "min", "h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h", "ms": "ms", "%": "%", "percent": "%",
    "sekunde": "s", "sekunden": "s", "seconde": "s", "secondes": "s", "segundo": "s", "segundos": "s", "secondo": "s", "secondi": "s",
    "秒": "s", "minuten": "min", "minuto": "min", "minutos": "min", "minuti": "min", "分": "min", "分钟": "min",
}  # fmt: skip
CLOCK = re.compile(
    r"\b(?:(\d{1,2}):)?(\d{1,2}):(\d\d(?:\.\d+)?)\b(?:\s*(?:min(?:utes?)?|h(?:ours?)?)\b)?", re.I
)


_TIME = r"h|hrs?|hours?|min|mins|minutes?|sec|secs|seconds?|s|ms"
_LENGTH = r"mm|millimet(?:re|er)s?|cm|centimet(?:re|er)s?|um|μm"
UNIT_QUESTION = re.compile(
    rf"\b(?:how many|number of|in|at what|at which|which|what)\s+(?:(?:full|whole|complete|total)\s+)?({_TIME}|{_LENGTH})\b(?!\s*\d)"
    rf"|[(\[]\s*(?:in\s+)?({_TIME}|{_LENGTH})\s*[)\]]",
    re.I,
)
NUMERAL = re.compile(
    rf"\b(?:(?P<tens>{'|'.join(TENS)})(?:[- ](?P<ones>{'|'.join(UNITS[1:10])}))?|(?P<word>{'|'.join(UNITS)}))"
    rf"(?=[- ](?:and a half |{_TIME}|{_LENGTH})\b)",
    re.I,
)
PARTS = {"half": 0.5, "quarter": 0.25, "three quarters": 0.75, "third": 1 / 3}
FRACTION = re.compile(
    rf"\b(?:(?:an?|one) )?(?P<part>three[- ]quarters|half|quarter|third)(?: of)?(?: an?)? (?P<unit>{_TIME})\b",
    re.I,
)
AND_A_HALF = re.compile(
    rf"\b(?P<whole>\d+|an?) (?:and a half (?P<unit>{_TIME})|(?P<single>{_TIME}) and a half)\b", re.I
)
COMPOUND = re.compile(
    r"(?<![\d.])(?P<large>\d+(?:\.\d+)?)\s*(?P<large_unit>h|hrs?|hours?|m|min|mins|minutes?|')[\s.,]*(?:and\s+)?"
    r"(?P<small>\d+(?:\.\d+)?)\s*(?P<small_unit>min|mins|minutes?|sec|secs|seconds?|s|''|\")(?!\w)",
    re.I,
)
QUANTITY = re.compile(rf"(?<![\w.])(?P<number>\d+(?:\.\d+)?)[\s-]*(?P<unit>{_TIME}|{_LENGTH})\b", re.I)


ORDINAL_TIME = re.compile(r"\b(\d+)(?:st|nd|rd|th) (second|minute)\b|(?<!\d )\b(second|minute) (\d+)\b", re.I)
SET_TIME = re.compile(rf"\bt\s*[=:≈]\s*(\d+(?:\.\d+)?)\b(?![.:\d])(?!\s*(?:{_TIME})\b)", re.I)  # "t = 12"
COUNTING = re.compile(r"\b(?:how many|how often|number of|count)\b", re.I)
DURATION = re.compile(
    r"\b(?:how long|duration|for how many|how many (?:seconds|minutes|hours) (?:does|did|do|is|was|has))\b",
    re.I,
)
MOMENT = re.compile(
    rf"\b(?:at|until|till|by|from|before) (?:about |around )?(?:(?:second|minute|t ?=) ?\d[\d.:]*|\d[\d.:]* ?(?:{_TIME})\b)",
    re.I,
)


def question_unit(question: str) -> str:
    """Return the unit in which a question wants its number; "" where it names none.

    >>> question_unit("For how many seconds does it last?"), question_unit("How many tools are in these 10 seconds?")
    ('s', '')
    """
    match = UNIT_QUESTION.search(question)
    return UNIT_NAMES.get((match.group(1) or match.group(2)).casefold(), "") if match else ""


def is_moment(text: str, question: str) -> bool:
    """Whether a reply to a question about a duration gives a moment and nothing else.

    >>> is_moment("at second 12", "How long does it take?"), is_moment("12 s", "How long does it take?")
    (True, False)
    """
    rest = MOMENT.sub(" ", text)
    return rest != text and DURATION.search(question) is not None and not any(map(str.isdigit, rest))


def in_unit(text: str, unit: str) -> str:
    """Return a text whose times or lengths are bare numbers in one unit.

    >>> in_unit("1 min 15 s", "s"), in_unit("half a minute", "s"), in_unit("45 minutes", "s"), in_unit("1:15", "s")
    ('75', '30', '2700', '75')
    >>> in_unit("0.5 cm", "mm"), in_unit("at two minutes", ""), in_unit("forty-five seconds", "s")
    ('5', 'at two minutes', '45')
    """
    scales = next((table for table in (TIMES, LENGTHS) if unit in table), None)
    if scales is None:
        return text

    def bare(match: re.Match[str]) -> str:
        own = UNIT_NAMES.get(match["unit"].casefold(), "")
        if own not in scales:
            return match[0]
        return f"{round(float(match['number']) * scales[own] / scales[unit], 6):g}"

    return QUANTITY.sub(bare, joined_parts(text))


def without_quantities(text: str, question: str) -> str:
    """Return a reply to "how many …" without its times and lengths, which count nothing.

    >>> without_quantities("2 (at 0:10 and 0:25)", "How many clips?").split(), without_quantities("2 mm", "How wide?")
    (['2', '(at', 'x', 'and', 'x', ')'], '2 mm')
    """
    if not COUNTING.search(question):
        return text
    return QUANTITY.sub(" x ", in_seconds(text))


def joined_parts(text: str) -> str:
    """Return a text in which each time is one number with one unit.

    >>> joined_parts("1 minute and 15 seconds"), joined_parts("a minute and a half"), joined_parts("1:05")
    ('75 s', '1.5 minute', '65 s')
    """
    text = re.sub(r"(?<![\d,.])(\d+),(\d{1,2})(?![\d,])", r"\1.\2", text)  # "1,5 min"
    text = SET_TIME.sub(r"\1 s", in_seconds(text))
    text = unit_behind(text)
    text = NUMERAL.sub(_digits, text)
    text = AND_A_HALF.sub(
        lambda match: (
            f"{float(match['whole'] if match['whole'].isdigit() else 1) + 0.5:g} {match['unit'] or match['single']}"
        ),
        text,
    )
    text = FRACTION.sub(
        lambda match: f"{PARTS[match['part'].casefold().replace('-', ' ')]:g} {match['unit']}", text
    )
    text = re.sub(r"\ban? (?=(?:minute|hour)\b)", "1 ", text, flags=re.I)
    while (shorter := COMPOUND.sub(_sum, text)) != text:
        text = shorter
    return text


def unit_behind(text: str) -> str:
    """Return a text in which a moment's unit stands behind its number.

    >>> unit_behind("second 42"), unit_behind("in the 42nd second")
    ('42 second', 'in the 42 second')
    """
    return ORDINAL_TIME.sub(lambda match: f"{match[1] or match[4]} {match[2] or match[3]}", text)


def _digits(match: re.Match[str]) -> str:
    tens, ones = match["tens"], match["ones"]
    values = [number(own.casefold()) or 0 for own in (tens, ones, match["word"]) if own]
    return f"{sum(values):g}"


def _sum(match: re.Match[str]) -> str:
    """Return hours and minutes, or minutes and seconds, as seconds."""
    large, small = (
        TIMES[{"'": "min", "m": "min", "''": "s", '"': "s"}.get(own) or UNIT_NAMES[own]]
        for own in (match["large_unit"].casefold(), match["small_unit"].casefold())
    )
    if large <= small:
        return match[0]
    return f"{float(match['large']) * large + float(match['small']) * small:g} s"


def is_clock(answer: str) -> bool:
    """Whether an answer is a time of a clock and nothing else.

    >>> is_clock("02:30"), is_clock("at 2:30")
    (True, False)
    """
    return CLOCK.fullmatch(answer.strip()) is not None


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

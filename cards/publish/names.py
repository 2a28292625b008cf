"""Names of people in text, by lists of given and family names and by the words that stand before a name.

``recogniser`` is the one interface: set it to ``by_presidio``, or to a function of your own. A list knows
nothing of a sentence: a lone family name without a title, and names in lower case, are not found.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any

CAPITAL = "A-ZÀ-ÖØ-Þ"
WORD = rf"[{CAPITAL}][\w'’-]+"
TITLES = r"(?:Dr|Prof|Mr|Mrs|Ms|Herrn?|Frau|Mme|Madame|Monsieur|Señora?|Sra?|Doktor|Doctor|Professor|OA|PD)"
ROLES = (
    r"(?:[Pp]atient(?:in|e)?|[Ss]urgeon|[Oo]perat(?:eu|o)r|[Aa]ssistant|[Nn]urse|[Aa]n(?:ae|e)sthetist|Chirurg(?:in)?|[Nn]ame|NAME|PATIENT"
    r"|[Cc]ontributor|[Aa]nnotator|[Pp]erformed by|[Ss]een by|[Oo]perated by|[Aa]nnotated by|[Ss]igned"
    r"|[Rr]eviewed by|[Oo]periert von|[Aa]nnotiert von|[Oo]p[ée]r[ée]e? par|[Aa]nnot[ée]e? par|[Nn]om)"
)
# Written for RE2: a text without a match of this holds no name that the lists would find.
CANDIDATE = rf"[{CAPITAL}][\w'’.-]*[ ,_.]+(?:[{CAPITAL}]\.? )?[{CAPITAL}]|{TITLES}\.? *[{CAPITAL}]|{ROLES}[ :=]+[{CAPITAL}]|[a-z]+_[a-z]+|[一-鿿]{{2,}}"
PAIR = re.compile(rf"(?<![\w-])({WORD})((?:,\s?|\s|_|\.)(?:[{CAPITAL}]\.?\s)?)({WORD})(?![\w])")
LOWER = re.compile(r"(?<![a-zA-Z0-9_])([a-z]{3,})_([a-z]{3,})(?![a-zA-Z0-9])")
TITLE_AND_NAME = re.compile(rf"(?<!\w){TITLES}\.?(?:\s?(?:med|Dr|Prof|rer|nat)\.?)*\s+({WORD})")
ROLE_AND_NAME = re.compile(rf"(?<!\w){ROLES}(?:\s?name)?[ :=]+({WORD})[ ,]+({WORD})")
CHINESE = re.compile("[一-鿿]+")
CHINESE_ROLE = re.compile(
    "(?:患者姓名|患者|病人|姓名|主刀医生|主刀|医生|医师|护士|术者)[ :：]*(?=([一-鿿]{2,4}))"
)
CHINESE_TITLE = re.compile("(?=([一-鿿]{2,3})(?:医生|医师|主任|教授|先生|女士|大夫|护士|醫師|醫生))")
NO_GIVEN = frozenset(
    "科醉院班资床诊术者的和是了在为与及"
)  # 麻醉医生 is an anaesthetist: no name, though 麻 is a family's
PLACEHOLDERS = {"Doe", "Roe", "Moe", "Mustermann", "Musterfrau"}


@cache
def lists() -> dict[str, frozenset[str]]:
    """Return the lists: given, family, and the Chinese ones."""
    words_by_list: dict[str, set[str]] = {
        name: set() for name in ("given", "family", "word", "term", "zh given", "zh family")
    }
    for line in (resources.files("surgvqa.cards.publish") / "names.txt").read_text("utf-8").splitlines():
        if not line.startswith("#"):
            language, kind, *words = line.split(" ")
            words_by_list[f"zh {kind}" if language == "zh" else kind].update(words)
    words_by_list["family"] |= PLACEHOLDERS
    return {name: frozenset(words) for name, words in words_by_list.items()}


def is_listed(word: str, kind: str) -> bool:
    """Whether a word stands in a list, however it is written; of two names with a hyphen the first."""
    plain = word.strip("'’.-_").split("-")[0]
    return (plain.capitalize() if plain.isupper() or plain.islower() else plain) in lists()[kind]


def is_word(word: str) -> bool:
    """Whether a name is an ordinary word, too."""
    return word.strip("'’.-_").capitalize() in lists()["word"]


def by_lists(text: str) -> str | None:
    """Return the first name in a text.

    >>> by_lists("Patient John Doe, seen by Dr. Smith"), by_lists("Doe, John"), by_lists("患者姓名：张伟")
    ('Dr. Smith', 'Doe, John', '张伟')
    >>> [by_lists(text) for text in ("Large Needle Driver", "Is the Maryland Dissector near Calot Triangle?", "什么器械")]
    [None, None, None]
    """
    if match := TITLE_AND_NAME.search(text):
        return match[0]
    for pattern in (PAIR, LOWER):
        at = 0
        while match := pattern.search(text, at):
            first, last = match[1], match[match.lastindex or 0]
            is_reversed = is_listed(first, "family") and is_listed(last, "given")
            straight = is_listed(first, "given") and is_listed(last, "family")
            plain = "," in match[0] or "_" in match[0] or straight
            if (straight or (is_reversed and plain)) and not (is_word(first) or is_word(last)):
                return match[0]
            if (
                straight and pattern is PAIR and is_word(first) != is_word(last)
            ):  # Amber Griffiths, Anna Walker
                return match[0]
            at = match.start() + max(1, len(first))
    if (name := _half_known(text)) is not None:
        return name
    for match in ROLE_AND_NAME.finditer(text):
        first, last = match.groups()
        is_reversed = is_listed(first, "family") and is_listed(last, "given")
        if (
            all(map(could_be_name, (first, last)))
            or (is_listed(first, "given") and is_listed(last, "family"))
            or is_reversed
        ):
            return match[0]
    return _chinese(text)


def _half_known(text: str) -> str | None:
    """Return a given name that is no word beside a capital word that is none either, known as a name or not."""
    at = 0
    while match := PAIR.search(text, at):
        first, last = match[1], match[match.lastindex or 0]
        given_name, other = (last, first) if "," in match[2] else (first, last)
        if (
            is_listed(given_name, "given")
            and could_be_name(given_name)
            and could_be_name(other)
            and _one_case(first, last)
        ):
            return match[0]
        at = match.start() + max(1, len(first))
    return None


def could_be_name(word: str) -> bool:
    """Whether a capital word is neither an ordinary word nor a term of surgery, research or computing.

    >>> could_be_name("Lalibert\u00e9"), could_be_name("Forceps"), could_be_name("BERT4")
    (True, False, False)
    """
    plain = word.strip("'’.-_")
    return (
        len(plain) > 2
        and plain.replace("-", "").replace("'", "").replace("’", "").isalpha()
        and not is_word(plain)
        and not any(part.casefold() in lists()["term"] for part in (plain, plain.removesuffix("s")))
    )


def _one_case(first: str, last: str) -> bool:
    """Whether both are written as names are: capital and small letters; ``Anna BERT`` is another thing."""
    return first.istitle() and (last.istitle() or (last[:1].isupper() and not last.isupper()))


def _chinese(text: str) -> str | None:
    """Return the first Chinese name: a run of its own, or beside what people are called by."""
    for match in CHINESE_ROLE.finditer(text):
        if match[1][0] in lists()["zh family"] and match[1][1] not in NO_GIVEN:
            return match[1]
    for match in CHINESE_TITLE.finditer(text):
        if match[1][0] in lists()["zh family"] and not NO_GIVEN & set(match[1]):
            return match[1]
    for match in CHINESE.finditer(text):
        run = match[0]
        if 2 <= len(run) <= 4 and run[0] in lists()["zh family"] and run[1:] in lists()["zh given"]:
            return run
    return None


def by_presidio(text: str) -> str | None:
    """Return the first name that presidio finds, with the spaCy model that the user installed; by the lists first."""
    name = by_lists(text)
    if name is None:
        spans = _presidio().analyze(text, language="en", entities=["PERSON"])
        name = text[spans[0].start : spans[0].end] if spans else None
    return name


@cache
def _presidio() -> Any:
    from presidio_analyzer import AnalyzerEngine

    return AnalyzerEngine()


recogniser: Callable[[str], str | None] = by_lists

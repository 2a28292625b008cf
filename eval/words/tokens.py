"""The words of a text, however it is spelled: look-alike letters, other scripts' digits, ranges, plurals."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

MARK = "|"  # where a clause ends
MARKS = frozenset(".,;:!?\n。,、;:!?–—-")
RANGE = (
    r"\d+(?:[.,]\d+)?\s*(?:-|–|—|\bto\b)\s*\d+(?:[.,]\d+)?|between\s+\d+(?:[.,]\d+)?\s+and\s+\d+(?:[.,]\d+)?"
)
TOKEN = re.compile(
    rf"(?:{RANGE})(?!\d)|(?:[<>≤≥]=?\s*|(?<![\w-])[-−](?=\d))?\d+(?:[.,]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)?|[+%°]|[.,;:!?\n。、]|(?<=\s)[-–—](?=\s)|—"
)
# Letters of other scripts that are drawn like Latin ones; only read so in a word that has Latin letters too.
LOOK_ALIKE = str.maketrans("асеоріхуѕјһԁвкмнтαεικνορτυχ", "aceopixysjhdbkmhtaeiknoptux")
ARROWS = {ord(sign): f" {way} " for sign, way in zip("←→↑↓", ("left", "right", "up", "down"), strict=True)}
ARROWS |= {ord(sign): f" {way} " for signs, way in (("✅✔☑✓👍", "yes"), ("❌✖✗✘👎", "no")) for sign in signs}
ARROWS |= {ord("∅"): " none "} | dict.fromkeys(map(ord, "™®©"), " ")
ARROW = re.compile(r"(?<=[\w\s*])\s*(?:-+>|=+>|→|⟶|➔)\s*(?=\w)")  # "left → right"
BRITISH_Z = re.compile(r"(?<=[a-z]{3})(?<!c)is(?=ation|ing$|ed$|es?$)")  # not "incised"
BRITISH_OUR = re.compile(r"(?<=[a-z]{2})our(?=s?$)")
BRITISH_E = re.compile(
    r"(?<=^an)ae(?=[ms])|(?<=h)ae(?=m)|^ae(?=t)|(?<=c)ae(?=c|l)|^oe(?=d|s)|(?<=f)(?:ae|oe)(?=c|t)|(?<=gyn)ae|(?<=p)ae(?=d)"
)
LATIN = re.compile(r"[a-z]")
LETTERS = re.compile(r"[^\W\d_]+")


def word_set(text: str) -> frozenset[str]:
    """Return the words of a plain list.

    >>> sorted(word_set("to the left"))
    ['left', 'the', 'to']
    """
    return frozenset(text.split())


@lru_cache(maxsize=65536)
def plain(text: str) -> str:
    """Return a text in lower case, its letters without accents, its digits European.

    >>> plain("Sí"), plain("٢"), plain("phacоemulsificаtion") == "phacoemulsification"
    ('si', '2', True)
    """
    text = ARROW.sub(" to ", text)
    if text.isascii():
        return text.casefold()
    text = (
        unicodedata.normalize("NFKC", text.translate(ARROWS)).replace("’", "'").replace("`", "'").casefold()
    )
    text = "".join(str(unicodedata.decimal(sign)) if sign.isdecimal() else sign for sign in text)
    spread = unicodedata.normalize("NFD", text)
    bare = "".join(
        sign
        for i, sign in enumerate(spread)
        if not (unicodedata.combining(sign) and i and LATIN.match(spread[i - 1]))
    )
    return LETTERS.sub(_one_script, unicodedata.normalize("NFC", bare))


def _one_script(match: re.Match[str]) -> str:
    word = match.group()
    return word.translate(LOOK_ALIKE) if not word.isascii() and LATIN.search(word) else word


@lru_cache(maxsize=65536)
def clauses(text: str) -> tuple[str, ...]:
    """Return the words of a text, lower case, with a mark where a clause ends.

    >>> clauses("Not left; it's Viscoelastic_Suction (<5 mm).")
    ('not', 'left', '|', "it's", 'viscoelastic', 'suction', '<5', 'mm', '|')
    >>> clauses("5 to 10 mm"), clauses("-2")
    (('5-10', 'mm'), ('-2',))
    """
    return tuple(
        MARK if token in MARKS else token if token.isalnum() else _number(token)
        for token in TOKEN.findall(plain(text))
    )


def _number(token: str) -> str:
    if not token[-1:].isdigit():
        return "".join(token.split())
    return "".join(re.sub(r"\s*(?:–|—|−|to|and)\s*", "-", token.removeprefix("between")).split())


@lru_cache(maxsize=65536)
def words(text: str) -> tuple[str, ...]:
    """Return the words of a text, without the marks.

    >>> words("Top-left.")
    ('top', 'left')
    """
    tokens = clauses(text)
    return tuple(token for token in tokens if token != MARK) if MARK in tokens else tokens


def after(text: str, count: int) -> str:
    """Return the text behind its first ``count`` words."""
    if not text.isascii():  # places must be those of the text that is searched
        text = plain(text)
    for match in TOKEN.finditer(text.casefold()):
        if count == 0 and match.group() not in MARKS:
            return text[match.start() :]
        count -= match.group() not in MARKS
    return ""


def name(text: str) -> str:
    """Return a name as lists compare it.

    >>> name("Phaco-tip")
    'phaco tip'
    """
    return " ".join(words(text))


def american(word: str) -> str:
    """Return a word as Americans spell it; others stay.

    >>> [american(word) for word in ("mobilisation", "tumours", "haemostasis", "oesophagus", "incision", "four")]
    ['mobilization', 'tumors', 'hemostasis', 'esophagus', 'incision', 'four']
    """
    if len(word) < 6 or not word.isalpha():
        return word
    return BRITISH_Z.sub("iz", BRITISH_OUR.sub("or", BRITISH_E.sub("e", word)))


@lru_cache(maxsize=65536)
def same_name(text: str) -> tuple[str, ...]:
    """Return what two spellings of one answer share: "the hooks" and "hook" are one answer.

    >>> same_name("The hooks") == same_name("hook"), same_name("Calot's triangle") == same_name("Calot triangle")
    (True, True)
    """
    stems = tuple(map(stem, words(text)))
    return stems[1:] if stems[:1] in (("the",), ("a",), ("an",)) and len(stems) > 1 else stems


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """Return a word without its plural ending.

    >>> [stem(word) for word in ("polyps", "biopsies", "masses", "lens", "forceps", "stenosis")]
    ['polyp', 'biopsy', 'mass', 'lens', 'forcep', 'stenosis']
    """
    if word.endswith("'s"):  # "the needle driver's jaws"
        word = word[:-2]
    word = american(word)
    if len(word) < 5 or not word.isalpha() or word.endswith(("ss", "us", "is")):
        return word
    if len(word) > 7 and word.endswith(("oses", "yses")):  # "anastomoses"
        return word[:-2] + "is"
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes", "lenses")):
        return word[:-2]
    return word.removesuffix("s")


def spots(tokens: tuple[str, ...], form: tuple[str, ...]) -> list[tuple[int, int]]:
    """Return the positions of the words, whole and in order."""
    if not form or form[0] not in tokens:
        return []
    size = len(form)
    return [(i, i + size) for i in range(len(tokens)) if tokens[i : i + size] == form]

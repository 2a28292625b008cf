"""What a search finds in one text or one picture: never the whole of it."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from surgvqa.cards.command import one_line
from surgvqa.cards.publish.identifiers import CONFIRMATIONS
from surgvqa.cards.publish.pictures import beside_pixels

WINDOW, OVERLAP = 2000, 300  # characters; no identifier is as long as the overlap
CLIP_TIMES = r"@\d+-\d+"  # of a clip's id, in milliseconds: as long as a hospital's numbers
TIMES = re.compile(CLIP_TIMES)
UNSEEN = "[\u00ad\u034f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]"  # between the letters of a name, shown by nobody


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that must not be published. ``excerpt`` shows where to look, never the whole of it."""

    file: str
    where: str  # a column, a key, a track
    what: str  # a name of RULES, or what the header holds
    excerpt: str

    def __str__(self) -> str:
        return f"{self.file} ({self.where}): {self.what}, {self.excerpt}"


def excerpt_of(text: str) -> str:
    """Return the first and the last two characters of a hit, so that it is recognised and not published again.

    >>> excerpt_of("john@clinic.org")
    "'jo…rg'"
    """
    text = one_line(text)
    return repr(f"{text[:2]}…{text[-2:]}" if len(text) > 8 else "…")


def match_of(what: str, rule: str, text: str) -> str | None:
    """Return what of a text a rule hits, confirmed where the pattern alone would hit too much."""
    match = re.search(rule, text)
    if match and what in CONFIRMATIONS:
        return CONFIRMATIONS[what](text)
    return match[0] if match else None


def normalise(text: str) -> str:
    r"""Return a text as a reader sees it, in one spelling: HTML, addresses, wide digits, accents apart from letters.

    >>> normalise("M&uuml;ller 19%36 Ju\u0308rgen Jo\u200bhn \uff11\uff19")
    'Müller 196 Jürgen John 19'
    """
    if "&" in text:
        text = html.unescape(text)
    if "%" in text:
        text = unquote(text)
    return text if text.isascii() else re.sub(UNSEEN, "", unicodedata.normalize("NFKC", text))


def in_text(file: str, where: str, text: str, patterns: dict[str, str]) -> Iterator[Hit]:
    """Yield the hits in one string.

    >>> from surgvqa.cards.publish.identifiers import RULES
    >>> [hit.what for hit in in_text("a", "b", "left-of, cut 2/3 at 12.5 s, 1024x768, phase 3.1.2", RULES)]
    []
    >>> [hit.what for hit in in_text("a", "b", "case DOE^JOHN, 1961-04-12, /home/x/7.mp4", RULES)]
    ['a path of a disk', 'a date', 'a DICOM name']
    """
    parts = list(windows(TIMES.sub("", normalise(text))))
    for what, rule in patterns.items():
        matches = (match_of(what, rule, part) for part in parts)
        if (match := next((one for one in matches if one is not None), None)) is not None:
            yield Hit(file, where, what, excerpt_of(match))


def windows(text: str) -> Iterator[str]:
    """Yield the parts of a text that are searched one by one, each with the end of the one before.

    What some rules cost grows with the square of a text's length: 2 s for 20,000 hyphens and digits.

    >>> [len(part) for part in windows("ab " * 1000)]
    [1997, 1306]
    """
    at = 0
    while len(text) - at > WINDOW:
        end = max(text.rfind(" ", at + WINDOW - OVERLAP, at + WINDOW), 0) or at + WINDOW
        yield text[at:end]
        begin = end - OVERLAP
        at = max(text.rfind(" ", begin - OVERLAP, begin), 0) or begin
    yield text[at:]


def in_picture(file: str, where: str, data: bytes) -> Iterator[Hit]:
    """Yield what a JPEG or a PNG carries beside its pixels."""
    for what, size in beside_pixels(data):
        yield Hit(file, where, one_line(what), f"{size} bytes")

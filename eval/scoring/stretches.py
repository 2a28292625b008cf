"""Whether a reply names the right box, the right interval of time, or the right stretches with what each shows."""

from __future__ import annotations

import re
from collections.abc import Sequence

from surgvqa.builders.geometry import regions
from surgvqa.eval.numerals import units
from surgvqa.eval.reading.lists import items
from surgvqa.eval.reading.polarity import SEVERAL

NO_BOX, NO_SPAN = "names no box", "names no interval"
SMALL_WORDS = re.compile(
    r"\b(?:s|sec\w*|the|an?|from|then|is|are|there|only|in view|visible|instruments?)\b", re.IGNORECASE
)


def read_stretches(text: str) -> list[regions.Stretch]:
    """Return the intervals of a text, each with the names behind it.

    >>> read_stretches("0.0-2.0 s: hook; 2.0-6.0 s: grasper, hook")[1] == ((2.0, 6.0), frozenset({"grasper", "hook"}))
    True
    """
    matches = list(regions.SPAN.finditer(text))
    ends = [*(match.start() for match in matches[1:]), len(text)]
    return [
        ((float(match[1]), float(match[2])), _names(text[match.end() : end]))
        for match, end in zip(matches, ends, strict=False)  # without an interval there is one end
        if float(match[1]) < float(match[2])
    ]


def _names(text: str) -> frozenset[str]:
    """Return the names of a list with the words of a sentence around it."""
    return items(re.sub(r"[:.]", " ", SMALL_WORDS.sub(" ", text)).strip(" ,;-\n"))


def true_stretches(answer: str) -> list[regions.Stretch]:
    """Return the stretches that a true answer is; none where it is something else.

    >>> true_stretches("1.0-3.0 s"), true_stretches("hook; grasper"), len(true_stretches("0.0-1.0 s: hook; 1.0-6.0 s: none"))
    ([], [], 2)
    """
    parts = answer.split("; ")
    return read_stretches(answer) if all(re.match(r"[\d.]+-[\d.]+ s: \S", part) for part in parts) else []


def judge_region(text: str, short: str) -> tuple[bool, str] | None:
    """Return right or wrong, and why, where the true answer is a box, an interval or stretches; None where it isn't."""
    if (box := regions.true_box(short)) is not None:
        return _overlapping([regions.same_box(one, box) for one in regions.boxes(text)], NO_BOX)
    in_seconds = units.in_seconds(text)
    if (span := regions.true_span(short)) is not None:
        return _overlapping([regions.same_span(one, span) for one in regions.spans(in_seconds)], NO_SPAN)
    if true := true_stretches(short):
        reply = read_stretches(in_seconds)
        if not reply:
            return False, NO_SPAN
        return (True, "") if regions.same_stretches(reply, true) else (False, "other stretches")
    return None


def _overlapping(right: Sequence[bool], none: str) -> tuple[bool, str]:
    if len(right) != 1:
        return False, SEVERAL if right else none
    return (True, "") if all(right) else (False, "another answer")

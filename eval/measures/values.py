"""Answers that are sets, numbers or times: how near is near enough."""

from __future__ import annotations

import re
from collections.abc import Iterable

from surgvqa.builders.geometry.regions import temporal_iou
from surgvqa.eval.numerals.number_words import number
from surgvqa.eval.words.tokens import clauses

__all__ = ["near", "near_time", "seconds", "set_f1", "temporal_iou"]

CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{2}(?:\.\d+)?)")


def set_f1(predictions: Iterable[str], true: Iterable[str]) -> float:
    """Return the F1 of two sets; two empty ones are alike.

    >>> round(set_f1({"forceps", "hook"}, {"forceps"}), 2), set_f1([], [])
    (0.67, 1.0)
    """
    predictions, true = set(predictions), set(true)
    return 2 * len(predictions & true) / (len(predictions) + len(true)) if predictions or true else 1.0


def near(reply: str, truth: float, tolerance: float, relative: bool = False) -> bool:
    """Whether the only number of a reply lies within the tolerance, of the truth where ``relative``.

    >>> near("about 12 mm", 10, 2), near("10 or 12", 10, 2), near("twelve", 10, 0.1, relative=True)
    (True, False, False)
    """
    values = {value for token in clauses(reply) if (value := number(token)) is not None}
    reach = tolerance * abs(truth) if relative else tolerance
    return len(values) == 1 and abs(values.pop() - truth) <= reach + 1e-9


def seconds(text: str) -> float | None:
    """Return a time in seconds: "1:02:03", "02:03.5", "95 s", "2 min"; None where there is none.

    >>> seconds("at 1:02:03"), seconds("02:03.5"), seconds("2 min"), seconds("soon")
    (3723.0, 123.5, 120.0, None)
    """
    if match := CLOCK.search(text):
        hours, minutes, rest = match.groups()
        return int(hours or 0) * 3600 + int(minutes) * 60 + float(rest)
    from surgvqa.eval.numerals.quantities import quantity

    value = quantity(text)
    return None if value is None or value.low != value.high or value.unit not in ("time", "") else value.low


def near_time(reply: str, truth_s: float, tolerance_s: float) -> bool:
    """Whether a reply's time lies within so many seconds of the true one.

    >>> near_time("at 01:05", 60, 5), near_time("1 min", 70, 5)
    (True, False)
    """
    reply_s = seconds(reply)
    return reply_s is not None and abs(reply_s - truth_s) <= tolerance_s + 1e-9

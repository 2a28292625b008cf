"""The figures of a report on what guessers without pixels leave open, kind by kind and over a data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from surgvqa.builders.bits.blind import Asked, Guesser, chance, context, even, left_open, meant, right, usual
from surgvqa.cards.files.documents import Bits

REWORDED = "_reworded"
Rows = Mapping[tuple[str, tuple[str, ...], str, str | None], int]  # question, choices, answer, phase -> times


def figures(kind: str, train: Rows, tested: Rows) -> dict[str, float | None]:
    """Return what guessers fitted to ``train`` leave open of ``tested``; None where either holds nothing.

    ``chance``; ``blind_best``, the share that the better of two guessers gets right, the most frequent answer and
    the classifier of text and choices; ``bits``, what the best of them and of who holds all choices for alike leaves open of an answer;
    ``blind_with_phase`` and ``bits_with_phase`` of the classifier that is told the phase, too.
    """
    if not train or not tested:
        return dict.fromkeys(("chance", "blind_best", "bits", "blind_with_phase", "bits_with_phase"))
    taught, asked = _counted(kind, train), _counted(kind, tested)
    words, most = Guesser(taught), Guesser(usual(taught))
    known = {answer for _, answer in taught}
    told, phased = Guesser(_counted(kind, train, phase=True)), _counted(kind, tested, phase=True)
    found = {
        "chance": chance(asked, known),
        "blind_best": max(right(words, asked), right(most, usual(asked))),
        "bits": min(left_open(words, asked), left_open(most, usual(asked)), even(asked, known)),
        "blind_with_phase": right(told, phased),
        "bits_with_phase": left_open(told, phased),
    }
    return {name: round(value, 4) for name, value in found.items()}


def _counted(kind: str, rows: Rows, *, phase: bool = False) -> Asked:
    asked: Asked = Counter()
    for (question, choices, answer, label), n in rows.items():
        asked[context(kind, question, choices, (label or "none") if phase else None), meant(answer)] += n
    return asked


def together(kinds: Mapping[str, Mapping[str, Any]], clips: int) -> Bits:
    """Sum the bits of a held-out split: all of them, those of a clip, and the same with the phase told.

    A fact that is asked again in other words (``*_reworded``) counts once.

    >>> together({"count": {"bits": 1.5, "bits_with_phase": 1.0, "n_blind": 4}}, 2)
    {'total': 6.0, 'per_clip': 3.0, 'per_question': 1.5, 'per_clip_with_phase': 2.0}
    """
    known = [
        one for name, one in kinds.items() if one.get("bits") is not None and not name.endswith(REWORDED)
    ]
    total = sum(one["bits"] * one["n_blind"] for one in known)
    phased = sum(min(one["bits"], one["bits_with_phase"]) * one["n_blind"] for one in known)
    number = sum(one["n_blind"] for one in known)
    return {
        "total": round(total, 1),
        "per_clip": round(total / max(1, clips), 3),
        "per_question": round(total / max(1, number), 3),
        "per_clip_with_phase": round(phased / max(1, clips), 3),
    }

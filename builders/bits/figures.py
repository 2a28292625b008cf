"""The figures of guessers without pixels in a report, kind by kind and over a data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from surgvqa.builders.bits.blind import (
    Guesser,
    QuestionCounts,
    answer_class,
    chance,
    context,
    even,
    left_open,
    right,
    usual,
)
from surgvqa.cards.files.documents import Bits

REWORDED_SUFFIX = "_reworded"
RETELLINGS = ("timed_caption", "phase_caption", "step_caption")
Rows = Mapping[tuple[str, tuple[str, ...], str, str | None], int]  # question, choices, answer, phase -> times


def figures(kind: str, train: Rows, test: Rows) -> dict[str, float | None]:
    """Return what guessers fitted to ``train`` leave open of ``test``; None where either holds nothing.

    ``chance``; ``blind_best``, the share that the better of two guessers gets right, the most frequent answer and
    the classifier of text and choices; ``bits``, what the best of them and of who holds all choices for alike leaves open of an answer;
    ``blind_with_phase`` and ``bits_with_phase`` of the classifier that is told the phase, too.
    """
    if not train or not test:
        return dict.fromkeys(("chance", "blind_best", "bits", "blind_with_phase", "bits_with_phase"))
    train_questions, test_questions = _count_questions(kind, train), _count_questions(kind, test)
    words, most = Guesser(train_questions), Guesser(usual(train_questions))
    train_answers = {answer for _, answer in train_questions}
    guesser_with_phase, questions_with_phase = (
        Guesser(_count_questions(kind, train, phase=True)),
        _count_questions(kind, test, phase=True),
    )
    measures = {
        "chance": chance(test_questions, train_answers),
        "blind_best": max(right(words, test_questions), right(most, usual(test_questions))),
        "bits": min(
            left_open(words, test_questions),
            left_open(most, usual(test_questions)),
            even(test_questions, train_answers),
        ),
        "blind_with_phase": right(guesser_with_phase, questions_with_phase),
        "bits_with_phase": left_open(guesser_with_phase, questions_with_phase),
    }
    return {name: round(value, 4) for name, value in measures.items()}


def _count_questions(kind: str, rows: Rows, *, phase: bool = False) -> QuestionCounts:
    questions: QuestionCounts = Counter()
    for (question, choices, answer, label), n in rows.items():
        questions[
            context(kind, question, choices, (label or "none") if phase else None), answer_class(answer)
        ] += n
    return questions


def repeats_facts(kind: str) -> bool:
    """Whether a kind asks again for what other kinds of the same clip ask.

    >>> repeats_facts("verb_reworded"), repeats_facts("verb")
    (True, False)
    """
    return kind in RETELLINGS or kind.endswith(REWORDED_SUFFIX)


def together(kinds: Mapping[str, Mapping[str, Any]], clips: int) -> Bits:
    """Sum the bits of a held-out split: all of them, those of a clip, and the same with the phase told.

    A fact that is asked again in other words (``*_reworded``), or told again (``timed_caption``), counts once.

    >>> together({"count": {"bits": 1.5, "bits_with_phase": 1.0, "n_blind": 4}}, 2)
    {'total': 6.0, 'per_clip': 3.0, 'per_question': 1.5, 'per_clip_with_phase': 2.0}
    """
    measured_kinds = [
        one for name, one in kinds.items() if one.get("bits") is not None and not repeats_facts(name)
    ]
    total = sum(one["bits"] * one["n_blind"] for one in measured_kinds)
    total_with_phase = sum(
        min(one["bits"], one["bits_with_phase"]) * one["n_blind"] for one in measured_kinds
    )
    number = sum(one["n_blind"] for one in measured_kinds)
    return {
        "total": round(total, 1),
        "per_clip": round(total / max(1, clips), 3),
        "per_question": round(total / max(1, number), 3),
        "per_clip_with_phase": round(total_with_phase / max(1, clips), 3),
    }

"""The figures of guessers without pixels in a report, kind by kind and over a data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from surgvqa.builders.bits import guessers
from surgvqa.builders.bits.blind import (
    Guesser,
    QuestionCounts,
    answer_class,
    context,
    even,
    left_open,
    right,
    usual,
)
from surgvqa.cards.files.documents import Bits

REWORDED_SUFFIX = "_reworded"
FIGURES = (
    "chance", "blind_majority", "blind_by_text", "blind_words", "blind_best", "bits", "blind_with_phase", "bits_with_phase",
)  # fmt: skip
RETELLINGS = ("timed_caption", "phase_caption", "step_caption")
Rows = Mapping[tuple[str, tuple[str, ...], str, str | None], int]  # question, choices, answer, phase -> times


def figures(kind: str, train: Rows, test: Rows) -> dict[str, float | None]:
    """Return what guessers fitted to ``train`` score on ``test`` and leave open of it; None where either holds nothing.

    ``blind_majority``, ``blind_by_text`` and ``blind_words`` are the shares that the three of ``guessers`` get right,
    ``blind_best`` is the largest of them, ``chance`` that of an even guess. ``bits`` is what the best of the most frequent
    answer, the classifier and who holds all choices for alike leaves open of an answer; ``blind_with_phase`` and
    ``bits_with_phase`` are the classifier's that is told the phase, too. Bits count a box by the cell of its middle.
    """
    if not train or not test:
        return dict.fromkeys(FIGURES)
    train_questions, test_questions = _count_questions(kind, train), _count_questions(kind, test)
    words, most = Guesser(train_questions), Guesser(usual(train_questions))
    train_answers = {answer for _, answer in train_questions}
    guesser_with_phase, questions_with_phase = (
        Guesser(_count_questions(kind, train, phase=True)),
        _count_questions(kind, test, phase=True),
    )
    shares = blind_shares(kind, train, test)
    measures = {
        "chance": chance_share(kind, train, test),
        **shares,
        "blind_best": max(shares.values()),
        "bits": min(
            left_open(words, test_questions),
            left_open(most, usual(test_questions)),
            even(test_questions, train_answers),
        ),
        "blind_with_phase": right(guesser_with_phase, questions_with_phase),
        "bits_with_phase": left_open(guesser_with_phase, questions_with_phase),
    }
    return {name: round(value, 4) for name, value in measures.items()}


def blind_shares(kind: str, train: Rows, test: Rows) -> dict[str, float]:
    """Return the share of ``test`` that each guesser without pixels gets right."""
    training_counts: Counter[tuple[str, tuple[str, ...], str]] = Counter()
    for (question, choices, answer, _), n in train.items():
        training_counts[question, choices, answer] += n
    kind_guessers = guessers.KindGuessers(kind, training_counts)
    share_of = {
        "blind_majority": kind_guessers.majority,
        "blind_by_text": kind_guessers.text,
        "blind_words": kind_guessers.words,
    }
    return {
        name: sum(
            n
            for (question, choices, answer, _), n in test.items()
            if guessers.is_right(guess(question, choices), answer)
        )
        / sum(test.values())
        for name, guess in share_of.items()
    }


def chance_share(kind: str, train: Rows, test: Rows) -> float:
    """Return the share of ``test`` that an even guess gets right."""
    answer_count = len({answer for _, _, answer, _ in (*train, *test)})
    return sum(
        n * guessers.chance(kind, choices, answer, answer_count)
        for (_, choices, answer, _), n in test.items()
    ) / sum(test.values())


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

"""Answers given away by the words of a data set's questions."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from surgvqa.eval.data.streams import Row

ASKED_OFTEN = 5  # a text asked less often says little by always having one answer


def questions_of(row: Row, columns: Mapping[str, str]) -> list[tuple[str, str]]:
    """(question, answer) pairs of a row: our ``qa`` list, two plain columns, or a conversation's turns.

    >>> questions_of({"conversations": [{"from": "human", "value": "Q?"}, {"from": "gpt", "value": "A"}]}, {})
    [('Q?', 'A')]
    """
    if isinstance(row.get("qa"), list):
        return [(qa["question"], qa["short_answer"]) for qa in row["qa"]]
    if {"question", "answer"} <= set(columns):
        return [(str(row[columns["question"]]), str(row[columns["answer"]]))]
    turns = row.get("messages") or row.get("conversations") or []
    utterances = [
        (turn.get("role", turn.get("from")), turn.get("content", turn.get("value"))) for turn in turns
    ]
    return [
        (str(question), str(answer))
        for (asker, question), (teller, answer) in itertools.pairwise(utterances)
        if asker in ("user", "human") and teller in ("assistant", "gpt")
    ]


class OneAnswer(NamedTuple):
    """A question text, word for word, that has the same answer every time it is asked."""

    question: str
    answer: str
    times: int


def one_answer_texts(rows: Iterable[tuple[str, str]]) -> list[OneAnswer]:
    """Question texts asked often and answered alike each time: no pixel is needed for them.

    ``rows`` are (question, answer); case and spacing don't count. Most frequent first.

    >>> one_answer_texts([("Is it day?", "yes")] * 5 + [("Is it X?", "yes"), ("is it x?", "no")] * 5)
    [OneAnswer(question='is it day?', answer='yes', times=5)]
    """
    answers: dict[str, Counter[str]] = defaultdict(Counter)
    for question, answer in rows:
        answers[" ".join(question.lower().split())][" ".join(answer.lower().split())] += 1
    single = [
        OneAnswer(text, next(iter(counts)), counts.total())
        for text, counts in answers.items()
        if len(counts) == 1 and counts.total() >= ASKED_OFTEN
    ]
    return sorted(single, key=lambda item: (-item.times, item.question))

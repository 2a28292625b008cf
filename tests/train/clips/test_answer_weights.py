"""Training that draws questions by the weights of their answers."""

from __future__ import annotations

from collections import Counter

import pytest
from datasets import Dataset
from surgvqa.cards.command import InputError
from surgvqa.train.clips.clip_trainer import Draws
from surgvqa.train.clips.collate import units
from surgvqa.train.clips.sequences import draw_weights


def rows(*, weighed: bool = True) -> Dataset:
    """Forty clips, each asked two questions: three in four answers are "one", one is "two"."""
    answers = ["two" if i % 4 == 0 else "one" for i in range(80)]
    made = []
    for clip in range(40):
        own = answers[2 * clip : 2 * clip + 2]
        said = [
            {"role": role, "content": text}
            for one in own
            for role, text in (("user", "?"), ("assistant", one))
        ]
        qa = [
            {"short_answer": one, "weight": (2.0 if one == "two" else 2 / 3) if weighed else None}
            for one in own
        ]
        made.append({"clip_id": f"c{clip}", "messages": said, "qa": qa, "weight": 1.0})
    return Dataset.from_list(made)


def test_a_rare_answer_is_drawn_as_often_as_a_frequent_one():
    table = rows()
    sequences = units(table, 1)
    plain, even = draw_weights(sequences, table), draw_weights(sequences, table, by_answers=True)
    assert set(plain) == {1.0} and sum(even) == pytest.approx(len(sequences))
    found: dict[str, Counter[str]] = {}
    for name, weights in (("plain", plain), ("even", even)):
        answers = found.setdefault(name, Counter())
        for epoch in range(20):
            draws = Draws(weights, None, 4, seed=0)
            draws.set_epoch(epoch)
            for index in draws:
                unit = sequences[index]
                answers[table[unit["row"]]["qa"][unit["questions"][0]]["short_answer"]] += 1
    assert found["plain"]["one"] == 3 * found["plain"]["two"]
    assert found["even"]["one"] == pytest.approx(found["even"]["two"], rel=0.1)


def test_questions_without_weights_are_refused():
    table = rows(weighed=False)
    with pytest.raises(InputError, match="--answer_weights"):
        draw_weights(units(table, 0), table, by_answers=True)

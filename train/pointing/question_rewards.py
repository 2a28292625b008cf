"""Rewards for every kind of question on a clip, by the matchers of the evaluation.

With TRL's own command, on rows that have these columns::

    trl grpo --reward_funcs surgvqa.train.pointing.question_rewards.answer_reward …

Each takes what TRL passes: ``completions`` and the columns ``kind``, ``question``, ``answer``, ``short_answer`` and, where
rows have them, ``choices`` and ``known_answers`` (those of the kind). Each gives one number per completion, from 0 to 1,
or None where it doesn't apply to the row. A right answer earns 1 in every one that applies, so that no kind of question
weighs more than another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from surgvqa.builders.geometry import regions
from surgvqa.builders.geometry.coordinates import iou
from surgvqa.cards.command import InputError
from surgvqa.eval.chat.thoughts import split
from surgvqa.eval.measures import values
from surgvqa.eval.numerals.number_words import number
from surgvqa.eval.numerals.units import in_seconds
from surgvqa.eval.reading.lists import name_sets
from surgvqa.eval.reading.unwrap import final
from surgvqa.eval.scoring import match

WEIGHTS = {"answer_reward": 1.0, "brevity_reward": 0.1}  # what `surgvqa-train grpo` adds up for clips
NEEDS = ("kind", "question", "answer", "short_answer")
Completion = str | Sequence[dict[str, Any]]
Question = Mapping[str, Any]
Rewards = list[float | None]


def answer_reward(completions: Sequence[Completion], **columns: Any) -> Rewards:
    """Return the mean of being right and, where the answer is a list, number, time, interval or box, of being near.

    >>> row = dict(kind="instruments", question="Which instruments?", answer="A hook.", short_answer="grasper, hook")
    >>> columns = {name: [value] * 3 for name, value in row.items()}
    >>> answer_reward(["grasper and hook", "hook", "no idea"], **columns)
    [1.0, 0.3333333333333333, 0.0]
    """
    out: Rewards = []
    for row, text in _each(completions, columns):
        near = [value for measure in NEAR if (value := measure(row, text)) is not None]
        out.append(sum([_right(row, text), *near]) / (1 + len(near)))
    return out


def right_reward(completions: Sequence[Completion], **columns: Any) -> Rewards:
    """1 for an answer that `surgvqa-eval score` counts as right, else 0."""
    return [_right(row, text) for row, text in _each(completions, columns)]


def choice_reward(completions: Sequence[Completion], **columns: Any) -> Rewards:
    """As ``right_reward``, for questions with choices only."""
    return [_right(row, text) if row.get("choices") else None for row, text in _each(completions, columns)]


def set_f1_reward(completions: Sequence[Completion], **columns: Any) -> Rewards:
    """F1 of the names in a list, for kinds that are lists."""
    return [_set_f1(row, text) for row, text in _each(completions, columns)]


def number_reward(completions: Sequence[Completion], **columns: Any) -> Rewards:
    """1 for the right number, 0.5 for one off by one or by a tenth, for answers that are numbers."""
    return [_number(row, text) for row, text in _each(completions, columns)]


def time_reward(completions: Sequence[Completion], **columns: Any) -> Rewards:
    """1 within a second, 0.5 within five, for answers that are times."""
    return [_time(row, text) for row, text in _each(completions, columns)]


def temporal_iou_reward(completions: Sequence[Completion], **columns: Any) -> Rewards:
    """Overlap over union of two intervals of time, for answers that are one."""
    return [_temporal_iou(row, text) for row, text in _each(completions, columns)]


def box_iou_reward(completions: Sequence[Completion], **columns: Any) -> Rewards:
    """Overlap over union of two boxes, for answers that are one."""
    return [_box_iou(row, text) for row, text in _each(completions, columns)]


def readable_reward(completions: Sequence[Completion], **columns: Any) -> Rewards:
    """1 for a reply that the evaluation can read, right or wrong; 0 for one that no rule can tell."""
    verdicts = [(text, _verdict(row, text)) for row, text in _each(completions, columns)]
    return [float(bool(text.strip()) and not verdict.is_undecided) for text, verdict in verdicts]


def brevity_reward(completions: Sequence[Completion], **columns: Any) -> Rewards:
    """1 for a right answer, without its thoughts, of at most twice the length of the true one and 20 letters; else 0."""
    out: Rewards = []
    for row, text in _each(completions, columns):
        is_short = len(final(text)) <= 2 * len(row["answer"]) + 20
        out.append(float(is_short) * _right(row, text))
    return out


def thoughts_reward(completions: Sequence[Completion], **columns: Any) -> Rewards:
    """1 for thoughts that end, ``<think>…</think>``, with an answer behind them; else 0."""
    out: Rewards = []
    for _, text in _each(completions, columns):
        reply = split(text)
        out.append(float(bool(reply.thoughts) and bool(reply.answer.strip())))
    return out


def _each(completions: Sequence[Completion], columns: Mapping[str, Any]) -> Iterator[tuple[Question, str]]:
    lists = {
        name: value
        for name, value in columns.items()
        if isinstance(value, list) and len(value) == len(completions)
    }
    if missing := [name for name in NEEDS if name not in lists]:
        raise InputError(f"the rewards need the columns {', '.join(NEEDS)}; there is no {', '.join(missing)}")
    for place, completion in enumerate(completions):
        text = completion if isinstance(completion, str) else str(completion[-1]["content"])
        yield {name: value[place] for name, value in lists.items()}, text


def _verdict(row: Question, text: str) -> match.Verdict:
    answers = tuple(row.get("known_answers") or ())
    target = match.Target(
        answer=row["short_answer"],
        choices=tuple(row.get("choices") or ()),
        kind=row["kind"],
        sentence=row["answer"],
        question=row["question"],
        known_answers=answers,
        others=answers,
    )
    return match.judge("choice" if target.choices else "word", text, target)


def _right(row: Question, text: str) -> float:
    return float(_verdict(row, text).correct)


def _set_f1(row: Question, text: str) -> float | None:
    if row["kind"] not in match.SET_KINDS:
        return None
    names, truth = name_sets(final(text), row["short_answer"], tuple(row.get("known_answers") or ()))
    return values.set_f1(names, truth) if text.strip() else 0.0


def _number(row: Question, text: str) -> float | None:
    truth = number(row["short_answer"])
    if truth is None:
        return None
    reply = final(text)
    if values.near(reply, truth, 0):
        return 1.0
    return 0.5 * values.near(reply, truth, max(1.0, abs(truth) / 10))


def _time(row: Question, text: str) -> float | None:
    short = row["short_answer"]
    truth = None if number(short) is not None or regions.true_span(short) else values.seconds(short)
    if truth is None:
        return None
    reply = final(text)
    return 1.0 if values.near_time(reply, truth, 1) else 0.5 * values.near_time(reply, truth, 5)


def _temporal_iou(row: Question, text: str) -> float | None:
    truth = regions.true_span(row["short_answer"])
    if truth is None:
        return None
    spans = set(regions.spans(in_seconds(final(text))))
    return values.temporal_iou(spans.pop(), truth) if len(spans) == 1 else 0.0


def _box_iou(row: Question, text: str) -> float | None:
    truth = regions.true_box(row["short_answer"])
    if truth is None:
        return None
    boxes = list(regions.boxes(final(text)))
    return iou(boxes[0], truth) if len(boxes) == 1 else 0.0


NEAR: tuple[Callable[[Question, str], float | None], ...] = (
    _set_f1,
    _number,
    _time,
    _temporal_iou,
    _box_iou,
)

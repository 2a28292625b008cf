"""Clips as rows of one question each, as TRL's GRPOTrainer takes them: all frames, a prompt, what rewards read."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from datasets import Dataset
from surgvqa.cards.command import InputError
from surgvqa.eval.data.row_media import name
from surgvqa.eval.models.encode import turns
from surgvqa.eval.models.pixels import evenly

TEXTS = ("kind", "question", "answer", "short_answer")
MOST_ANSWERS = 200  # known answers of a kind: a kind with more has free answers


def as_questions(rows: Dataset, frames: int) -> Dataset:
    """Return a row per question with ``frames`` pictures of its clip, in the order of the clips.

    Raises:
        InputError: clips without pictures, or with fewer than are to be seen; questions without their kinds.
    """
    if "qa" not in rows.features or "images" not in rows.features:
        raise InputError(
            "GRPO on clips needs rows with pictures and questions with their kinds (columns images, qa)"
        )
    texts = rows.select_columns([one for one in rows.column_names if one in ("clip_id", "qa", "messages")])
    answers = known_answers(texts)
    columns: dict[str, list[Any]] = defaultdict(list)
    owners = []
    for index, row in enumerate(texts):
        system, pairs = turns(row)
        if len(pairs) != len(row["qa"]):
            raise InputError(f"{name(row)}: {len(row['qa'])} questions in qa, {len(pairs)} in messages")
        for qa, (question, answer) in zip(row["qa"], pairs, strict=True):
            prompt = [{"role": "system", "content": system}] if system else []
            columns["prompt"].append([*prompt, {"role": "user", "content": question}])
            for key, value in zip(TEXTS, (qa["kind"], question, answer, qa["short_answer"]), strict=True):
                columns[key].append(value)
            columns["choices"].append(list(qa.get("choices") or ()))
            columns["known_answers"].append(answers[qa["kind"]])
            owners.append(index)
    pictures = rows.select_columns("images").select(owners)
    out = pictures.map(lambda row: {"images": choose(row["images"], frames)}, features=pictures.features)
    for key, values in columns.items():
        out = out.add_column(key, values)
    return out


def choose(images: Sequence[Any] | None, frames: int) -> list[Any]:
    """Return so many pictures of a clip, evenly.

    Raises:
        InputError: it has fewer.
    """
    if not images or len(images) < frames:
        raise InputError(
            f"a clip has {len(images or ())} pictures, the model is to see {frames}; build it with --media frames"
        )
    return [images[place] for place in evenly(len(images), frames)]


def known_answers(rows: Dataset) -> dict[str, list[str]]:
    """Return the short answers of each kind; none of a kind with free answers."""
    answers: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        for qa in row["qa"]:
            answers[qa["kind"]].add(qa["short_answer"])
    return {kind: sorted(own) if len(own) <= MOST_ANSWERS else [] for kind, own in answers.items()}


def guesses(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return what guessers that see no pixel say: the most frequent answer of each kind, and of each question."""
    by_kind: dict[str, Counter[str]] = defaultdict(Counter)
    by_question: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        by_kind[row["kind"]][row["answer"]] += 1
        by_question[row["question"]][row["answer"]] += 1
    return {
        "majority": [by_kind[row["kind"]].most_common(1)[0][0] for row in rows],
        "text": [by_question[row["question"]].most_common(1)[0][0] for row in rows],
        "silence": ["" for _ in rows],
    }

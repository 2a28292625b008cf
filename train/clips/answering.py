"""Answers of a model in training, to the same few validation questions each time.

A loss over taught tokens says little about answers (it is low as soon as the wording is learned), and accuracy
says little without the blind guess: ``eval_lift`` is the difference.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from datasets import Dataset
from surgvqa.eval.answers.hf_engine import answers
from surgvqa.eval.data.predictions import QUESTION_FIELDS, Prediction
from surgvqa.eval.data.streams import Row
from surgvqa.eval.models.encode import Encoder
from surgvqa.eval.scoring.score import score
from transformers import PreTrainedModel

CLIPS_AT_ONCE = 4


def choose_questions(rows: Dataset, count: int, seed: int = 0) -> list[tuple[int, list[int]]]:
    """``count`` questions of a split, as evenly over its kinds as they go, the same for the same seed.

    Returns:
        Indices of rows, each with the numbers of its questions.
    """
    kinds: dict[str, list[tuple[str, int, int]]] = defaultdict(list)
    for index, clip_questions in enumerate(rows["qa"]):
        for number, qa in enumerate(clip_questions):
            order = hashlib.sha256(f"{seed}\0{qa['qa_id']}".encode()).hexdigest()
            kinds[qa["kind"]].append((order, index, number))
    queues = [sorted(kinds[kind]) for kind in sorted(kinds)]
    picks = [
        queue[place]
        for place in range(max(map(len, queues), default=0))
        for queue in queues
        if place < len(queue)
    ]
    clips: dict[int, list[int]] = defaultdict(list)
    for _, index, number in picks[:count]:
        clips[index].append(number)
    return [(index, sorted(clips[index])) for index in sorted(clips)]


def questions(rows: Dataset) -> list[Prediction]:
    """Return a split's questions, for the blind guess."""
    texts = rows.select_columns(["clip_id", "case_id", "qa"])
    return [as_prediction(row, qa) for row in texts for qa in row["qa"]]


def as_prediction(row: Row, qa: Row, **reply: Any) -> Prediction:
    """Return a question as a prediction, with or without what was said."""
    question = {key: value for key, value in qa.items() if key in QUESTION_FIELDS}
    question["choices"] = tuple(question.get("choices") or ())
    return Prediction(clip_id=row["clip_id"], case_id=row["case_id"], **question, **reply)


class Answering:
    """A fixed set of questions for a model in training.

    Args:
        rows: the validation split.
        taught: the training split, whose most frequent answers are the blind guess.
        encoder: of the run.
        count: questions to ask.
        seed: of their choice.
        longest: tokens an answer may have.
    """

    def __init__(
        self,
        rows: Dataset,
        train_rows: Dataset,
        encoder: Encoder,
        count: int,
        seed: int = 0,
        longest: int = 64,
    ) -> None:
        self.rows, self.encoder, self.longest = rows, encoder, longest
        self.clips = choose_questions(rows, count, seed)
        self.taught_questions = questions(train_rows)

    def answer(self, model: PreTrainedModel, share: slice = slice(None)) -> Iterator[Prediction]:
        """Yield the answers to a share of the questions; a clip that can't be read stops the run, as it would in training."""
        clips = self.clips[share]
        for start in range(0, len(clips), CLIPS_AT_ONCE):
            part = clips[start : start + CLIPS_AT_ONCE]
            rows = [self.rows[index] for index, _ in part]
            encodings = [
                self.encoder.encode(row, numbers, False) for row, (_, numbers) in zip(rows, part, strict=True)
            ]
            replies_by_row = answers(model, self.encoder, encodings, self.longest)
            for row, (_, numbers), replies in zip(rows, part, replies_by_row, strict=True):
                for number, reply in zip(numbers, replies, strict=True):
                    yield as_prediction(row, row["qa"][number], prediction=reply.text)

    def figures(self, predictions: Sequence[Prediction]) -> dict[str, float]:
        """``accuracy``, ``blind`` and ``lift`` over all, and each kind's accuracy and lift.

        The lift is the mean over the kinds that have more than one answer, so that no frequent kind decides.
        """
        scores = score(predictions, train=self.taught_questions)
        kinds = {kind: own for kind, own in scores["by_kind"].items() if not own["single_class"]}
        lifts = [own["lift"] for own in kinds.values()]
        out = {
            "accuracy": scores["accuracy"],
            "blind": scores["blind_majority"],
            "lift": sum(lifts) / len(lifts) if lifts else 0.0,
        }
        for kind, own in kinds.items():
            out |= {f"accuracy_{kind}": own["accuracy"], f"lift_{kind}": own["lift"]}
        return out


@torch.no_grad()
def measure(answering: Answering, model: PreTrainedModel, process: int, processes: int) -> dict[str, float]:
    """Ask, each process its share, and score everything together; leaves the model's mode as it was."""
    was_training = model.training
    model.eval()
    try:
        predictions = list(answering.answer(model, slice(process, None, processes)))
    finally:
        model.train(was_training)
    if processes > 1:
        from accelerate.utils import gather_object

        predictions = gather_object(predictions)
    return answering.figures(predictions)

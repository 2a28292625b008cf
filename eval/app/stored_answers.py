"""The answers of one answerer so far: read from a file of predictions, or asked in the app."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Mapping
from pathlib import Path

from surgvqa.eval.app.clips import ShortClip, Split
from surgvqa.eval.app.shapes import Tally
from surgvqa.eval.data import columns
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.scoring.verdicts import judge

RULE = "choice"  # as `score` without --rule: a letter stands for a choice, where there are choices


class Answers:
    """The answers of one answerer, with their verdicts; safe to use from several threads."""

    def __init__(self, answers: Mapping[str, Prediction] | None = None) -> None:
        self.by_question = dict(answers or {})
        self.verdicts_by_split: dict[int, dict[str, bool]] = {}  # by split, then by question
        self.lock = threading.Lock()

    def add(self, split: Split, answer: Prediction) -> bool:
        """Keep an answer to an annotated question; returns whether it is right."""
        with self.lock:
            self.by_question[answer.qa_id] = answer
        right = self._verdicts(split, [answer])[answer.qa_id]
        own = self.verdicts(split)
        with self.lock:
            own[answer.qa_id] = right
        return right

    def verdicts(self, split: Split) -> dict[str, bool]:
        """Return whether each answer to a question of a split is right."""
        with self.lock:
            if id(split) not in self.verdicts_by_split:
                rows = [
                    dataclasses.replace(question, prediction=one.prediction, error=one.error)
                    for qa_id, question in split.questions.items()
                    if (one := self.by_question.get(qa_id)) is not None
                ]
                self.verdicts_by_split[id(split)] = self._verdicts(split, rows)
            return self.verdicts_by_split[id(split)]

    def _verdicts(self, split: Split, rows: list[Prediction]) -> dict[str, bool]:
        return {one.row.qa_id: one.verdicts[RULE].correct for one in judge(rows, split.questions.values())}


def tally(verdicts: Mapping[str, bool], clip: ShortClip) -> Tally:
    """Count the right and the wrong answers to a clip's questions."""
    own = [verdicts[one.qa_id] for one in clip.questions if one.qa_id in verdicts]
    return {"right": sum(own), "wrong": len(own) - sum(own)}


def read_answers(path: Path) -> Answers:
    """Return the answers of a predictions file.

    Raises:
        InputError: as ``columns.read``; no answer in it.
    """
    contents = columns.require_answers(columns.read(path), path)
    return Answers({one.qa_id: one for one in contents.predictions})

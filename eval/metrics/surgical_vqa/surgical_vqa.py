"""Accuracy of answers to surgical questions as an `evaluate` metric: matched by a rule, clustered by case."""

from __future__ import annotations

from typing import Any

import datasets
import evaluate
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.scoring.score import score

DESCRIPTION = """\
Accuracy of free-text answers to questions on surgical video: under one declared matching rule, with the other
rules beside it, a 95 % interval over operations rather than questions, the mean over kinds of questions, and
what the best constant answer scores without looking.
"""
INPUTS = """\
Args:
    predictions: what the model said, a text per question; an empty one is wrong.
    references: the short right answers.
    kinds: the kind of each question ("phase", "presence"); "" where there are none.
    cases: the operation each question is about, the unit of the interval; "" where unknown.
    choices: the choices of each question, an empty list for an open one.
    rule: exact, word, substring or choice; by default choice where there are choices, else word.
Returns:
    accuracy: over the kinds with more than one right answer, under the rule.
    ci95_low, ci95_high: its interval; None with a single case.
    macro_accuracy: the mean of the kinds' accuracies.
    blind_majority, lift: the best constant answer of each kind, and how far accuracy stands above it.
    exact, word, substring, choice: all questions under each rule.
    rule, empty, by_kind: the rule that was applied, how many answers are empty, and accuracy by kind.
Examples:
    >>> metric = SurgicalVqa()
    >>> result = metric.compute(
    ...     predictions=["It is the incision.", "This looks normal", "On the left", ""],
    ...     references=["incision", "no", "left", "right"],
    ...     kinds=["phase", "presence", "side", "side"],
    ...     cases=["case_1", "case_1", "case_2", "case_2"],
    ...     choices=[["incision", "idle"], ["yes", "no"], ["left", "right"], ["left", "right"]],
    ... )
    >>> result["accuracy"], result["by_kind"]["side"], result["empty"]
    (0.5, 0.5, 1)
    >>> result["substring"], result["word"]  # "no" is not an answer because "normal" holds it
    (0.75, 0.5)
"""
CITATION = """\
@software{surgvqa, title = {surgvqa: question answering on surgical video}, license = {Apache-2.0}}
"""
FEATURES = datasets.Features(
    {
        "predictions": datasets.Value("string"),
        "references": datasets.Value("string"),
        "kinds": datasets.Value("string"),
        "cases": datasets.Value("string"),
        "choices": datasets.List(datasets.Value("string")),
    }
)


@evaluate.utils.file_utils.add_start_docstrings(DESCRIPTION, INPUTS)
class SurgicalVqa(evaluate.Metric):  # type: ignore[misc]  # noqa: D101 - the texts above become the docstring
    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=DESCRIPTION, citation=CITATION, inputs_description=INPUTS, features=FEATURES
        )

    def _compute(
        self,
        predictions: list[str],
        references: list[str],
        kinds: list[str],
        cases: list[str],
        choices: list[list[str]],
        rule: str | None = None,
    ) -> dict[str, Any]:
        rows = [
            Prediction(f"{number}", "", case, kind, "", "", "", reference, tuple(options), prediction)
            for number, (prediction, reference, kind, case, options) in enumerate(
                zip(predictions, references, kinds, cases, choices, strict=True)
            )
        ]
        figures = score(rows, rule=rule)
        low, high = figures["ci95"] or (None, None)
        return {
            "accuracy": figures["accuracy"],
            "macro_accuracy": figures["macro_accuracy"],
            "blind_majority": figures["blind_majority"],
            "lift": figures["lift"],
            "rule": figures["rule"],
            "empty": figures["empty"],
            "ci95_low": low,
            "ci95_high": high,
            **figures["accuracy_by_rule"],
            "by_kind": {kind: own["accuracy"] for kind, own in figures["by_kind"].items()},
        }

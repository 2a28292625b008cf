"""Lists of instruments compared as sets, as an `evaluate` metric: precision, recall, F1."""

from __future__ import annotations

from typing import Any

import datasets
import evaluate
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.scoring.score import score

DESCRIPTION = """\
Lists of names (instruments, structures) in free text compared as sets: precision, recall and F1 over all names,
and the share of answers whose set is exactly right. Order, case, plural lists and "none" are understood.
"""
INPUTS = """\
Args:
    predictions: what the model said, "forceps and spatula"; an empty text names nothing and is no answer.
    references: the names that are right, separated by commas; "none" where there are none.
Returns:
    precision, recall, f1: over all names of all answers.
    exact: the share of answers that name the right set and nothing else.
Examples:
    >>> metric = InstrumentSets()
    >>> result = metric.compute(
    ...     predictions=["Spatula and forceps are in view.", "the hook", "none"],
    ...     references=["forceps, spatula", "hook, clipper", "none"],
    ... )
    >>> result["precision"], result["recall"], round(result["exact"], 2)
    (1.0, 0.75, 0.67)
"""
CITATION = """\
@software{surgvqa, title = {surgvqa: question answering on surgical video}, license = {Apache-2.0}}
"""
FEATURES = datasets.Features(
    {"predictions": datasets.Value("string"), "references": datasets.Value("string")}
)


@evaluate.utils.file_utils.add_start_docstrings(DESCRIPTION, INPUTS)
class InstrumentSets(evaluate.Metric):  # type: ignore[misc]  # noqa: D101 - the texts above become the docstring
    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=DESCRIPTION, citation=CITATION, inputs_description=INPUTS, features=FEATURES
        )

    def _compute(self, predictions: list[str], references: list[str]) -> dict[str, Any]:
        rows = [
            Prediction(f"{number}", "", "", "instruments", "", "", "", reference, (), prediction)
            for number, (prediction, reference) in enumerate(zip(predictions, references, strict=True))
        ]
        own = score(rows, rule="word")["by_kind"]["instruments"]
        lists = own["lists"]
        return {**{name: lists[name] for name in ("precision", "recall", "f1")}, "exact": own["accuracy"]}

"""Answers that name a cell of a 3x3 grid, as an `evaluate` metric: right cells, and how far off the others are."""

from __future__ import annotations

from typing import Any

import datasets
import evaluate
from surgvqa.eval.data.predictions import Prediction
from surgvqa.eval.scoring.score import score

DESCRIPTION = """\
Answers that say where something is in the picture, as a cell of a 3x3 grid ("top left", "center"): the share of
right cells, and the mean distance in cells of those that name one, so that a near miss is told from a far one.
"""
INPUTS = """\
Args:
    predictions: what the model said, "in the upper left corner".
    references: the right cell, "top-left".
Returns:
    accuracy: the share of answers that name the right cell and no other.
    mean_distance: in cells, over the answers that name a single cell; None where none does.
    unreadable: how many answers name no single cell.
Examples:
    >>> metric = SurgicalPositions()
    >>> result = metric.compute(
    ...     predictions=["Top left.", "In the center", "I see a spatula"],
    ...     references=["top-left", "center-left", "bottom-right"],
    ... )
    >>> round(result["accuracy"], 2), result["mean_distance"], result["unreadable"]
    (0.33, 0.5, 1)
"""
CITATION = """\
@software{surgvqa, title = {surgvqa: question answering on surgical video}, license = {Apache-2.0}}
"""
FEATURES = datasets.Features(
    {"predictions": datasets.Value("string"), "references": datasets.Value("string")}
)


@evaluate.utils.file_utils.add_start_docstrings(DESCRIPTION, INPUTS)
class SurgicalPositions(evaluate.Metric):  # type: ignore[misc]  # noqa: D101 - the texts above become the docstring
    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=DESCRIPTION, citation=CITATION, inputs_description=INPUTS, features=FEATURES
        )

    def _compute(self, predictions: list[str], references: list[str]) -> dict[str, Any]:
        rows = [
            Prediction(f"{number}", "", "", "absolute_position", "", "", "", reference, (), prediction)
            for number, (prediction, reference) in enumerate(zip(predictions, references, strict=True))
        ]
        own = score(rows, rule="word")["by_kind"]["absolute_position"]
        cells = own["cells"]
        return {
            "accuracy": own["accuracy"],
            "mean_distance": cells["mean_distance"],
            "unreadable": cells["unreadable"],
        }

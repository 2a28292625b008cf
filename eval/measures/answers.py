"""Measures of answers that are sets, numbers, times, intervals, phases or boxes, over all questions of a file.

Each takes replies and their right answers and returns a figure from 0 to 100, as those of `texts` do; thoughts and
wrappers are taken off first. Of several right answers the best counts. A right answer that isn't of the measure's kind
(words where a number should stand) is an error: such questions are measured apart.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

from surgvqa.builders.geometry import regions
from surgvqa.cards.command import InputError
from surgvqa.eval.measures import phases, values
from surgvqa.eval.measures.boxes import Box, average_precision
from surgvqa.eval.numerals.units import in_seconds
from surgvqa.eval.reading.lists import name_sets
from surgvqa.eval.reading.unwrap import final
from surgvqa.eval.scoring.stretches import read_stretches

References = Sequence[Sequence[str]]
CORNERS = ("bbox_2d", "box_2d", "bbox", "box")


def _mean(predictions: Sequence[str], references: References, one: Callable[[str, str], float]) -> float:
    """Return the mean over questions of the best right answer's figure, times 100."""
    best = [
        max(one(final(reply), truth) for truth in own)
        for reply, own in zip(predictions, references, strict=True)
    ]
    return 100 * sum(best) / len(best)


def set_f1(predictions: Sequence[str], references: References) -> float:
    """Return the mean F1 of the names in a list.

    >>> round(set_f1(["hook and grasper", "none"], [["hook"], ["none"]]), 1)
    83.3
    """
    vocabulary = tuple(
        sorted({name for own in references for truth in own for name in name_sets(truth, truth)[1]})
    )
    return _mean(
        predictions, references, lambda reply, truth: values.set_f1(*name_sets(reply, truth, vocabulary))
    )


def near_numbers(
    predictions: Sequence[str], references: References, tolerance: float, *, relative: bool
) -> float:
    """Return the share of replies whose one number lies within the tolerance.

    >>> near_numbers(["about 12", "20"], [["10"], ["10"]], 2, relative=False)
    50.0
    """
    return _mean(
        predictions,
        references,
        lambda reply, truth: values.near(reply, _number(truth), tolerance, relative=relative),
    )


def near_times(predictions: Sequence[str], references: References, tolerance_s: float) -> float:
    """Return the share of replies whose time lies within so many seconds.

    >>> near_times(["at 1:02", "2 min"], [["60 s"], ["60 s"]], 5)
    50.0
    """
    return _mean(
        predictions, references, lambda reply, truth: values.near_time(reply, _seconds(truth), tolerance_s)
    )


def temporal_iou(predictions: Sequence[str], references: References) -> float:
    """Return the mean overlap of intervals of time over their union; a reply without exactly one interval has 0.

    >>> temporal_iou(["from 0 s to 10 s", "at 3 s"], [["5-15 s"], ["0-10 s"]])
    16.666666666666664
    """

    def overlap(reply: str, truth: str) -> float:
        true, own = regions.spans(in_seconds(truth)), regions.spans(in_seconds(reply))
        if len(true) != 1:
            raise _wrong_kind(truth, "an interval, as 2.0-5.5 s")
        return values.temporal_iou(own.pop(), true.pop()) if len(own) == 1 else 0.0

    return _mean(predictions, references, overlap)


def segmental_f1(predictions: Sequence[str], references: References, overlap: float) -> float:
    """Return the mean segmental F1 of phases at an overlap.

    >>> segmental_f1(['["x", "x", "y"]'], [["x, x, y"]], 0.5), segmental_f1(["0-2 s: x; 2-3 s: y"], [["x, x, y"]], 0.5)
    (100.0, 100.0)
    """
    return _mean(
        predictions,
        references,
        lambda reply, truth: phases.segmental_f1(labels(reply), labels(truth), overlap),
    )


def edit_score(predictions: Sequence[str], references: References) -> float:
    """Return the mean edit score of the order of phases.

    >>> edit_score(["a, a, b"], [["a, b, b"]])
    100.0
    """
    return _mean(
        predictions, references, lambda reply, truth: phases.edit_score(labels(reply), labels(truth))
    )


def mean_average_precision(predictions: Sequence[str], references: References) -> float:
    """Return COCO's mean average precision of the boxes in replies, over all questions.

    >>> true = '[{"bbox_2d": [0, 0, 10, 10], "label": "hook"}]'
    >>> round(mean_average_precision([true], [[true]])), mean_average_precision(["nothing"], [[true]])
    (100, 0.0)
    """
    true = [box for i, own in enumerate(references) for box in boxes_in(own[0], str(i))]
    if not true:
        raise _wrong_kind(references[0][0], 'boxes, as [{"bbox_2d": [x1, y1, x2, y2], "label": "hook"}]')
    replies = [box for i, reply in enumerate(predictions) for box in boxes_in(reply, str(i))]
    return 100 * max(0.0, average_precision(replies, true).ap)


def labels(text: str) -> list[str]:
    """Return the labels of equal steps of time: a JSON list, names between commas, or a label a second of stretches.

    >>> labels("0-2 s: incision; 2-3 s: closure"), labels("incision, closure")
    (['incision', 'incision', 'closure'], ['incision', 'closure'])
    """
    if stretches := read_stretches(in_seconds(text)):
        return [
            ", ".join(sorted(names))
            for (start, end), names in stretches
            for _ in range(round(end) - round(start))
        ]
    value = _json(text)
    names = value if isinstance(value, list) else text.replace("\n", ",").split(",")
    return [str(name).strip().casefold() for name in names if str(name).strip()]


def boxes_in(text: str, picture: str) -> list[Box]:
    """Return the boxes that a text gives: JSON objects with corners and a label, or bare corners.

    >>> [(box.label, box.corners) for box in boxes_in("at [1, 2, 3, 4]", "a")]
    [('', (1.0, 2.0, 3.0, 4.0))]
    """
    value = _json(text)
    entries = value if isinstance(value, list) else [value]
    boxes = []
    for entry in entries:
        corners = (
            next((entry[key] for key in CORNERS if key in entry), None) if isinstance(entry, dict) else None
        )
        if isinstance(corners, list) and len(corners) == 4:
            x1, y1, x2, y2 = map(float, corners)
            score = float(entry.get("score", entry.get("confidence", 1.0)))
            boxes.append(
                Box(picture=picture, label=str(entry.get("label", "")), corners=(x1, y1, x2, y2), score=score)
            )
    return boxes or [
        Box(picture=picture, label="", corners=corners) for corners in sorted(regions.boxes(text))
    ]


def _json(text: str) -> Any:
    text = text.strip().removeprefix("```json").removesuffix("```").strip()
    try:
        return json.loads(text)
    except ValueError:
        return None


def _number(truth: str) -> float:
    try:
        return float(truth)
    except ValueError:
        raise _wrong_kind(truth, "a number") from None


def _seconds(truth: str) -> float:
    time_s = values.seconds(truth)
    if time_s is None or math.isnan(time_s):
        raise _wrong_kind(truth, "a time, as 1:05 or 65 s")
    return time_s


def _wrong_kind(truth: str, need: str) -> InputError:
    return InputError(
        f"a right answer is {truth[:60]!r}, and this measure needs {need}: measure such questions apart"
    )

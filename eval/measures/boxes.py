"""Average precision of boxes, by pycocotools, as COCO defines it."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Box:
    """A box on a picture, ``[x1, y1, x2, y2]`` in pixels, with a label; ``score`` only where it is a prediction."""

    picture: str
    label: str
    corners: tuple[float, float, float, float]
    score: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Precision:
    """COCO's figures, from 0 to 1; -1 where nothing is to be found."""

    ap: float  # mean over overlaps of 0.5 to 0.95
    ap50: float


def average_precision(predictions: Sequence[Box], true: Sequence[Box]) -> Precision:
    """Return the mean average precision of predicted boxes over all labels and pictures.

    >>> box = Box(picture="a", label="hook", corners=(0, 0, 10, 10))
    >>> round(average_precision([box], [box]).ap, 3), average_precision([], [box]).ap
    (1.0, 0.0)
    """
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    if not predictions:
        return Precision(ap=0.0, ap50=0.0) if true else Precision(ap=-1.0, ap50=-1.0)
    pictures = {name: i for i, name in enumerate(sorted({box.picture for box in (*predictions, *true)}), 1)}
    labels = {name: i for i, name in enumerate(sorted({box.label for box in (*predictions, *true)}), 1)}

    def rows(boxes: Sequence[Box]) -> list[dict[str, object]]:
        records: list[dict[str, object]] = []
        for i, box in enumerate(boxes, 1):
            x1, y1, x2, y2 = box.corners
            records.append(
                {
                    "id": i,
                    "image_id": pictures[box.picture],
                    "category_id": labels[box.label],
                    "iscrowd": 0,
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": (x2 - x1) * (y2 - y1),
                    "score": box.score,
                }
            )
        return records

    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
        truth = COCO()
        truth.dataset = {
            "info": {}, "images": [{"id": i} for i in pictures.values()], "annotations": rows(true),
            "categories": [{"id": i, "name": name} for name, i in labels.items()],
        }  # fmt: skip
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(rows(predictions)), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return Precision(ap=float(evaluation.stats[0]), ap50=float(evaluation.stats[1]))

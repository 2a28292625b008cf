"""Figures of a set of answers to the ``pointing`` config, and what guessers that saw no pixel make of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from surgvqa.builders.configs.pointing import STEP
from surgvqa.builders.geometry.coordinate_text import Location, write
from surgvqa.builders.geometry.coordinates import CELLS, QUADRANTS, Space, cell, iou, quadrant
from surgvqa.builders.schema import Box, Point
from surgvqa.cards.command import InputError
from surgvqa.eval.documents.spatial import Measure, PointingDifference, PointingFigures
from surgvqa.eval.scoring.statistics import interval, paired_test, sums
from surgvqa.eval.spatial.pointing import (
    Reading,
    Row,
    Truth,
    is_located,
    match,
    measures,
    read,
    same_label,
    truths,
)

THRESHOLDS = tuple(0.5 + 0.05 * i for i in range(10))  # COCO's


def report(
    rows: Sequence[Row], texts: Sequence[str | None], train: Sequence[Row] = (), seed: int = 0
) -> PointingFigures:
    """All figures of a set of answers, each with its interval over cases and the guessers beside it.

    Args:
        rows: Rows of one pointing config.
        texts: An answer each; None for a crash.
        train: Training rows, for the guesser that knows where each name usually is.
        seed: Of the intervals' bootstrap.
    """
    if not rows or len(rows) != len(texts):
        raise InputError(f"{len(texts)} answers for {len(rows)} pointing rows; one answer each is due")
    floors = [row["noise_floor"] for row in rows if row["visible"]]
    return {
        "n": len(rows),
        "metrics": _figures(rows, texts, seed),
        "noise_floor": sum(floors) / len(floors) if floors else 0.0,
        "guessers": {
            name: {key: figure["value"] for key, figure in _figures(rows, guesses, None).items()}
            for name, guesses in guessers(rows, train).items()
        },
    }


def _figures(rows: Sequence[Row], texts: Sequence[str | None], seed: int | None) -> dict[str, Measure]:
    values: dict[str, list[float]] = defaultdict(list)
    cases: dict[str, list[str]] = defaultdict(list)
    readings = [read(row, text or "") for row, text in zip(rows, texts, strict=True)]
    for row, reading in zip(rows, readings, strict=True):
        for name, value in measures(row, reading).items():
            values[name].append(value)
            cases[name].append(row["case_id"])
    figures: dict[str, Measure] = {}
    for name, numbers in sorted(values.items()):
        figures[name] = {"value": sum(numbers) / len(numbers), "n": len(numbers)}
        if seed is not None:
            ends = interval(sums(numbers, cases[name]), seed)
            figures[name]["ci95"] = list(ends) if ends else None
    for name, value in (*instrument_f1(rows, readings).items(), *average_precision(rows, readings).items()):
        figures[name] = {"value": value, "n": len(rows)}
    return figures


def differences(
    rows: Sequence[Row], texts: Sequence[str | None], others: Sequence[str | None], seed: int = 0
) -> dict[str, PointingDifference]:
    """How much more of each measure ``texts`` have than ``others``, paired by row, with intervals over cases."""
    values: dict[str, list[float]] = defaultdict(list)
    cases: dict[str, list[str]] = defaultdict(list)
    for row, text, other in zip(rows, texts, others, strict=True):
        mine, theirs = (measures(row, read(row, one or "")) for one in (text, other))
        for name in mine.keys() & theirs.keys():
            values[name].append(mine[name] - theirs[name])
            cases[name].append(row["case_id"])
    figures: dict[str, PointingDifference] = {}
    for name, numbers in sorted(values.items()):
        ends, p = paired_test(numbers, cases[name], seed)
        figures[name] = {
            "value": sum(numbers) / len(numbers),
            "n": len(numbers),
            "ci95": list(ends) if ends else None,
            "p": p,
        }
    return figures


def instrument_f1(rows: Sequence[Row], readings: Sequence[Reading]) -> dict[str, float]:
    """Precision, recall and F1 of things that are named right and where they are; absent rows count too."""
    right = item_count = due = 0
    for row, reading in zip(rows, readings, strict=True):
        item_count += len(reading.answer.objects)
        due += len(row["labels"])
        right += sum(
            pair.truth is not None
            and pair.item is not None
            and same_label(row, pair.truth, pair.item)
            and is_located(row, pair)
            for pair in reading.pairs
        )
    precision, recall = right / item_count if item_count else 0.0, right / due if due else 0.0
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    return {"precision": precision, "recall": recall, "f1": f1}


def average_precision(rows: Sequence[Row], readings: Sequence[Reading]) -> dict[str, float]:
    """MAP of boxes at IoU 0.5, and over 0.5 to 0.95; empty where no answer of the form is a box.

    Answers carry no confidence, so a class has one point of its curve: its average precision is precision
    times recall (what COCO's area comes to where everything found ranks equal).
    """
    if not any(
        row["form"] in ("box", "tokens") or item.box
        for row, r in _zip(rows, readings)
        for item in r.answer.objects
    ):
        return {}
    overlaps: dict[str, list[float]] = defaultdict(list)
    due: dict[str, int] = defaultdict(int)
    for row, reading in _zip(rows, readings):
        targets = [target for target in truths(row) if target.box]
        for target in targets:
            due[target.label] += 1
        items_by_label = defaultdict(list)
        for item in reading.answer.objects:
            items_by_label[
                asked_name(row) if row["kind"] != "grounded" and not item.label else item.label
            ].append(item)
        for label, items in items_by_label.items():
            for pair in match(row, [target for target in targets if target.label == label], items):
                if pair.item:
                    true = pair.truth.box if pair.truth else None
                    overlaps[label].append(iou(pair.item.box, true) if pair.item.box and true else 0.0)
    classes = [label for label, count in due.items() if count]
    if not classes:
        return {}

    def mean_at(threshold: float) -> float:
        total = 0.0
        for label in classes:
            right = sum(value >= threshold - 1e-12 for value in overlaps[label])
            total += (right / len(overlaps[label])) * (right / due[label]) if right else 0.0
        return total / len(classes)

    return {"map50": mean_at(0.5), "map": sum(map(mean_at, THRESHOLDS)) / len(THRESHOLDS)}


def _zip(rows: Sequence[Row], readings: Sequence[Reading]) -> Iterable[tuple[Row, Reading]]:
    return zip(rows, readings, strict=True)


def guessers(rows: Sequence[Row], train: Sequence[Row] = ()) -> dict[str, list[str]]:
    """Answers of those who see no pixel, in each row's own form; they are told which names are asked for.

    ``centre`` always points at the middle, ``class_mean`` where the name was on average in ``train`` (the
    middle for one that wasn't there), ``whole_image`` boxes everything, ``refuses`` says "not visible".
    ``quadrant_centre`` is no blind guesser: it knows the right quadrant and nothing finer.
    """
    places_by_label: dict[str, list[tuple[Point, Box]]] = defaultdict(list)
    for row in train:
        for target in truths(row):
            point = target.point or _centre_of(row, target)
            places_by_label[target.label].append((point, target.box or (*point, *point)))
    mean: dict[str, tuple[Point, Box]] = {}
    for label, places in places_by_label.items():
        x, y = (float(value) for value in np.mean([point for point, _ in places], axis=0))
        x1, y1, x2, y2 = (float(value) for value in np.mean([box for _, box in places], axis=0))
        mean[label] = ((x, y), (x1, y1, x2, y2))
    middle: tuple[Point, Box] = ((0.5, 0.5), (0.25, 0.25, 0.75, 0.75))
    phases = Counter(row["phase"] for row in train if row["kind"] == "grounded")
    step = max(sorted(phases), key=phases.__getitem__) if phases else ""
    out: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        names = row["labels"] or [asked_name(row)]
        out["centre"].append(_answer(row, [(name, *middle) for name in names]))
        out["class_mean"].append(_answer(row, [(name, *mean.get(name, middle)) for name in names]))
        out["whole_image"].append(_answer(row, [(name, (0.5, 0.5), (0.0, 0.0, 1.0, 1.0)) for name in names]))
        quadrant_centres = [
            (t.label, QUADRANTS[quadrant(t.point or _centre_of(row, t))]) for t in truths(row)
        ]
        out["quadrant_centre"].append(
            _answer(
                row,
                [
                    (name, at, (at[0] - 0.25, at[1] - 0.25, at[0] + 0.25, at[1] + 0.25))
                    for name, at in quadrant_centres
                ],
            )
        )
        out["refuses"].append(_answer(row, []))
        if row["kind"] == "grounded":
            for texts in out.values():
                texts[-1] = f"{STEP}{step}\n{texts[-1]}"
    return dict(out)


def _centre_of(row: Row, target: Truth) -> Point:
    return (QUADRANTS if row["granularity"] == "quadrant" else CELLS)[target.position]


def asked_name(row: Row) -> str:
    """Return the name a row asks for, from its id ``case@ms#name``."""
    return str(row["row_id"]).split("#", 1)[1]


def _answer(row: Row, places: Sequence[tuple[str, Point, Box]]) -> str:
    boxes = row["form"] in ("box", "tokens") or "bbox_2d" in row["prompt"][-1]["content"]
    names = QUADRANTS if row["granularity"] == "quadrant" else None
    objects = [
        Location(name, None if boxes else point, box if boxes else None, (quadrant if names else cell)(point))
        for name, point, box in places
    ]
    return write(objects, row["form"], Space(row["width"], row["height"]), Space(*row["space"]))

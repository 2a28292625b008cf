"""The verb ``segmentation``: predicted masks in, a table and JSON out.

surgvqa-eval segmentation masks.jsonl --data DIR --out segmentation.json

Predictions are JSONL, one object per row of the config ``segmentation``: ``row_id``, ``masks`` (class name ->
COCO run lengths over the row's width x height), and, where measured, ``ms``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from surgvqa.builders.configs.segmentation import labels_of
from surgvqa.builders.geometry import masks
from surgvqa.cards.command import InputError, nearest, parse_json
from surgvqa.eval.data import whole
from surgvqa.eval.data.streams import Row
from surgvqa.eval.documents.spatial import MaskLine, Measure
from surgvqa.eval.documents.spatial import Segmentation as Told
from surgvqa.eval.output import terminal
from surgvqa.eval.output.documents import write
from surgvqa.eval.settings.spatial import Segmentation
from surgvqa.eval.spatial.segmentation import Frame, Masks, frame, report

COLUMNS = ("row_id", "case_id", "width", "height", "classes", "label_map", "absent")
MEASURES = ("dice", "iou", "boundary_f", "challenge_iou", "isi_iou", "mean_class_iou", "false_masks")


def segmentation(config: Segmentation) -> None:
    """Every row of the split is scored; one without a prediction counts as empty masks."""
    predictions = read(config.file)
    frames: list[Frame] = []
    row_ids: set[str] = set()
    for row in rows(config.data, config.split, COLUMNS):
        row_ids.add(row["row_id"])
        guess = decode_masks(predictions.get(row["row_id"]), row)
        frames.append(frame(row["case_id"], truth(row), guess, row["absent"]))
    if strange := sorted(set(predictions) - row_ids):
        raise InputError(
            f"{config.file}: {len(strange)} predictions are on no row of {config.data} segmentation/{config.split}, "
            f"{strange[0]!r} for one; is it another split or task?"
        )
    times = [float(ms) for one in predictions.values() if (ms := one.get("ms")) is not None]
    figures: Told = {
        "file": config.file.name,
        "split": config.split,
        "missing": len(row_ids - set(predictions)),
        "ms_per_image": float(np.median(times)) if times else None,
        **report(frames, config.seed),
    }
    print(table(figures))
    if config.out:
        write(config.out, figures)


def rows(folder: Path, split: str, columns: tuple[str, ...]) -> Iterator[Row]:
    """Yield a split's rows, a row group at a time."""
    whole.check(folder, "segmentation")
    files = sorted((folder / "segmentation").glob(f"{split}-*.parquet"))
    if not files:
        raise InputError(
            f"{folder} has no segmentation/{split}-*.parquet; build it with --segmentation, or give another --split"
        )
    for path in files:
        for batch in pq.ParquetFile(path).iter_batches(64, columns=list(columns)):
            yield from batch.to_pylist()


def truth(row: Row) -> dict[str, np.ndarray]:
    """Return the masks of the classes that a row's label map shows."""
    labels = labels_of(row, (row["height"], row["width"]))
    return {row["classes"][int(value)]: labels == value for value in np.unique(labels) if value}


def decode_masks(line: MaskLine | None, row: Row) -> Masks:
    """Return the masks of one prediction. Raises ``InputError`` for a class or a size that isn't the row's."""
    masks_by_class = {}
    for name, rle in (line["masks"] if line else {}).items():
        if name not in row["classes"][1:]:
            raise InputError(f"{row['row_id']}: unknown class {name!r}; {nearest(name, row['classes'][1:])}")
        try:
            masks_by_class[name] = masks.rle_to_mask(rle, row["width"], row["height"])
        except InputError as error:
            raise InputError(f"{row['row_id']}, {name}: {error}; masks must be of the row's size") from error
    return masks_by_class


def read(path: Path) -> dict[str, MaskLine]:
    """Predictions by row; two of one row are a mistake."""
    if not path.is_file():
        raise InputError(f"no file {path}; `surgvqa-train segment` writes masks.jsonl")
    line_by_row: dict[str, MaskLine] = {}
    for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            one = parse_json(line)
            name, run_lengths = one["row_id"], one["masks"]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path} line {number}: not an object with row_id and masks: {error}") from error
        if not isinstance(name, str) or name in line_by_row:
            raise InputError(f"{path} line {number}: row_id {name!r} is there twice, or no text")
        if not isinstance(run_lengths, dict) or not all(isinstance(rle, str) for rle in run_lengths.values()):
            raise InputError(f"{path} line {number}: the masks of {name} are no object of run lengths")
        line_by_row[name] = one
    return line_by_row


def table(figures: Told) -> str:
    """Return the figures in percent, then the classes."""
    lines: list[tuple[str, ...]] = [("measure", "n", "value", "95 %")]
    measures: Mapping[str, Any] = figures
    for name in MEASURES:
        one: Measure = measures[name]
        cells = str(one["n"]), terminal.percent(one["value"]), terminal.span(one.get("ci95"))
        lines.append((f"{name} ↓" if name == "false_masks" else name, *cells))
    classes: list[tuple[str, ...]] = [("class", "frames", "missed", "invented", "dice", "iou", "boundary")]
    for name, own in figures["by_class"].items():
        parts = (terminal.percent(one["value"]) for one in (own["dice"], own["iou"], own["boundary_f"]))
        classes.append((name, *map(str, (own["frames"], own["missed"], own["invented"])), *parts))
    time = "" if figures["ms_per_image"] is None else f"; {figures['ms_per_image']:.1f} ms per image"
    tail = f"{figures['frames']} frames of {figures['sequences']} sequences, {figures['missing']} without a prediction"
    return f"{terminal.table(lines)}\n\n{terminal.table(classes)}\n\n{tail}{time}; ↓ less is better"

"""Tables and recordings that readers of several sources open: CSV with a checked header, videos by size."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from surgvqa.builders.packets import read_timeline
from surgvqa.builders.schema import Transform
from surgvqa.builders.video import read_frames
from surgvqa.cards.command import InputError


def rows(path: Path, needed: Sequence[str], shown: str | None = None) -> list[dict[str, str]]:
    """The rows of a CSV file as dictionaries; empty lines are passed over.

    Args:
        path: UTF-8, with or without a byte order mark; any line ends.
        needed: columns that must be there; others may be.
        shown: how messages call the file.

    Raises:
        InputError: not UTF-8, a column is missing or doubled, or a row has another number of cells.
    """
    shown = shown or path.name
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = [[cell.strip() for cell in row] for row in csv.reader(file, strict=True) if any(row)]
    except UnicodeDecodeError as error:
        raise InputError(f"{shown}: not UTF-8 at byte {error.start}; save it as UTF-8") from error
    except csv.Error as error:
        raise InputError(f"{shown}: not a CSV file: {error}") from error
    header = table[0] if table else []
    missing = [name for name in needed if name not in header]
    if missing:
        raise InputError(
            f"{shown}: no column {', '.join(missing)}; its first line is {','.join(header) or 'empty'!r}, "
            f"it needs {','.join(needed)}"
        )
    if len(set(header)) != len(header):
        raise InputError(f"{shown}: a column is there twice in its first line {','.join(header)!r}")
    for number, row in enumerate(table[1:], start=2):
        if len(row) != len(header):
            raise InputError(f"{shown}: row {number} has {len(row)} cells, its header {len(header)}")
    return [dict(zip(header, row, strict=True)) for row in table[1:]]


def number(row: Mapping[str, str], column: str, where: str) -> float:
    """A finite number of a row.

    >>> number({"sec": "13.28"}, "sec", "phases.csv row 2")
    13.28
    """
    if column not in row:
        raise InputError(f"{where}: there is no column {column}")
    try:
        value = float(row[column])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{where}: {column} is {row[column]!r}, not a number")
    return value


@dataclass(frozen=True, slots=True)
class Recording:
    """A video's size as it is shown and its length."""

    width: int
    height: int
    duration_s: float


def recording(path: Path) -> Recording:
    """Open a video, read its packets and decode its first frame.

    Raises:
        InputError: missing, empty, truncated or not a video; the message says which and names the file.
    """
    duration_s = read_timeline(path).duration_s
    height, width = read_frames(path, [0.0])[0].image.shape[:2]
    return Recording(width, height, duration_s)


def scaled(annotated: tuple[int, int], media: tuple[int, int]) -> Transform | None:
    """From annotated pixels to those of a copy of another size; None where they are the same, or not known.

    Only a copy of the same shape (within 1 %) is known to be scaled and not cropped or letterboxed.

    >>> scaled((1024, 768), (512, 384))
    Transform(scale_x=0.5, scale_y=0.5, offset_x=0.0, offset_y=0.0)
    >>> scaled((1024, 768), (1024, 576)) is None
    True
    """
    scale_x, scale_y = media[0] / annotated[0], media[1] / annotated[1]
    if annotated == media or abs(scale_x / scale_y - 1) > 0.01:
        return None
    return Transform(scale_x, scale_y)

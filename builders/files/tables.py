"""Tables that readers of several sources open: CSV with a checked header."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from surgvqa.builders.files.names import require_regular
from surgvqa.cards.command import InputError


def rows(path: Path, needed: Sequence[str], shown: str | None = None) -> list[dict[str, str]]:
    """Return the rows of a CSV file as dictionaries; empty lines are passed over.

    Args:
        path: UTF-8, with or without a byte order mark; any line ends; commas, semicolons or tabs between cells.
        needed: columns that must be there; others may be.
        shown: how messages call the file.

    Raises:
        InputError: not UTF-8, a column is missing or doubled, or a row has another number of cells.
    """
    shown = shown or path.name
    try:
        with require_regular(path, shown).open(newline="", encoding="utf-8-sig") as file:
            mark = _delimiter(file.readline(), needed)
            file.seek(0)
            read = csv.reader(file, strict=True, delimiter=mark)
            table = [[cell.strip() for cell in row] for row in read if any(row)]
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


def _delimiter(header: str, needed: Sequence[str]) -> str:
    r"""Return the separator of the cells in a table with this first line.

    >>> _delimiter("case;phase;start;end", ("case", "phase")), _delimiter("case,phase", ("case", "x"))
    (';', ',')
    """
    for mark in ",;\t":
        cells = {cell.strip().strip('"') for cell in header.split(mark)}
        if set(needed) <= cells:
            return mark
    return ","


def number(row: Mapping[str, str], column: str, where: str) -> float:
    """Return a finite number of a row.

    >>> number({"sec": "13.28"}, "sec", "phases.csv row 2")
    13.28
    """
    if column not in row:
        raise InputError(f"{where}: there is no column {column}")
    try:
        value = math.nan if "_" in row[column] else float(row[column])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{where}: {column} is {row[column]!r}, not a number")
    return value


def span(row: Mapping[str, str], start: str, end: str) -> tuple[float, float]:
    """Return the time of a row that can't be used: from its start to its end, or up to infinity where they can't be read.

    >>> span({"sec": "4", "endSec": "8"}, "sec", "endSec"), span({"sec": "4", "endSec": "?"}, "sec", "endSec")
    ((4.0, 8.0), (0.0, inf))
    """
    try:
        first, last = number(row, start, ""), number(row, end, "")
    except InputError:
        return 0.0, math.inf
    return (first, last) if first < last else (last, first)

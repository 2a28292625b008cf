"""Tables that readers of several sources open: CSV with a checked header."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from surgvqa.builders.files.texts import read_text
from surgvqa.cards.command import InputError


def rows(path: Path, columns: Sequence[str], file_name: str | None = None) -> list[dict[str, str]]:
    """Return the rows of a CSV file as dictionaries; empty lines are passed over.

    Args:
        path: UTF-8, with or without a byte order mark, or UTF-16 with one; any line ends; commas, semicolons or tabs between cells.
        columns: columns that must be there; others may be.
        file_name: how messages call the file.

    Raises:
        InputError: not UTF-8, a column is missing or doubled, or a row has another number of cells.
    """
    file_name = file_name or path.name
    try:
        text = read_text(path, file_name)
        mark = _delimiter(re.split(r"[\r\n]", text, maxsplit=1)[0], columns)
        read = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=mark)
        table = [[cell.strip() for cell in row] for row in read if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise InputError(f"{file_name}: not a CSV file: {error}") from error
    # spreadsheets write empty columns behind the last one
    spare = min(map(_empty_at_end, table), default=0) if len({len(row) for row in table}) == 1 else 0
    table = [row[: len(row) - spare] for row in table]
    header = table[0] if table else []
    missing = [name for name in columns if name not in header]
    if missing:
        raise InputError(
            f"{file_name}: no column {', '.join(missing)}; its first line is {','.join(header) or 'empty'!r}, "
            f"it needs {','.join(columns)}"
        )
    if len(set(header)) != len(header):
        raise InputError(f"{file_name}: a column is there twice in its first line {','.join(header)!r}")
    for number, row in enumerate(table[1:], start=2):
        if len(row) != len(header):
            raise InputError(f"{file_name}: row {number} has {len(row)} cells, its header {len(header)}")
    return [dict(zip(header, row, strict=True)) for row in table[1:]]


def _empty_at_end(row: Sequence[str]) -> int:
    """Return how many cells at the end of a row are empty."""
    return next((count for count, cell in enumerate(reversed(row)) if cell), len(row))


def _delimiter(header: str, columns: Sequence[str]) -> str:
    r"""Return the separator of the cells in a table with this first line.

    >>> _delimiter("case;phase;start;end", ("case", "phase")), _delimiter("case,phase", ("case", "x"))
    (';', ',')
    """
    for mark in ",;\t":
        cells = {cell.strip().strip('"') for cell in header.split(mark)}
        if set(columns) <= cells:
            return mark
    return ","


def number(row: Mapping[str, str], column: str, where: str) -> float:
    """Return a finite number of a row; a comma before its decimals is read, too.

    >>> number({"sec": "13.28"}, "sec", "phases.csv row 2"), number({"sec": "13,5"}, "sec", "phases.csv row 2")
    (13.28, 13.5)
    """
    if column not in row:
        raise InputError(f"{where}: there is no column {column}")
    text = row[column]
    if _THOUSANDS.fullmatch(text):
        raise InputError(
            f"{where}: {column} is {text!r}: thousands, or three decimals? Write a point, or none"
        )
    if _COMMA.fullmatch(text):
        text = text.replace(",", ".")
    try:
        value = math.nan if "_" in text else float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{where}: {column} is {row[column]!r}, not a number")
    return value


@lru_cache(maxsize=4096)  # columns come back in every row
def letters(key: str) -> str:
    """Return the letters and digits of a key or column, in lower case.

    >>> letters("Is_Deleted")
    'isdeleted'
    """
    return "".join(char for char in key.lower() if char.isalnum())


_COMMA = re.compile(r"[+-]?\d+,\d+")
_THOUSANDS = re.compile(r"[+-]?\d{1,3},\d{3}")
_CLOCK = re.compile(r"(\d+):([0-5]?\d):([0-5]?\d(?:[.,]\d+)?)")
UNITS, RATES = (
    ("unit", "units", "timeunit", "timeunits", "unitoftime"),
    ("fps", "framerate", "framespersecond"),
)
SECONDS = ("", "s", "sec", "secs", "second", "seconds")
_POINT_GROUPS = re.compile(r"\d{1,3}(?:\.\d{3})+")
_HALF_CLOCK = re.compile(r"\d+:\d+(?:[.,]\d+)?")


def seconds(row: Mapping[str, str], column: str, where: str) -> float:
    """Return a time of a row in seconds: a number of them, or hours:minutes:seconds.

    >>> seconds({"start": "1:02:03,5"}, "start", ""), seconds({"start": "13.28"}, "start", "")
    (3723.5, 13.28)
    """
    for other, value in row.items():
        key = letters(other)
        if (key in UNITS and value.lower() not in SECONDS) or (key in RATES and value):
            raise InputError(
                f"{where}: {other} is {value!r}, and times are seconds; write them so, and delete the column {other}"
            )
    text = row.get(column, "")
    if clock := _CLOCK.fullmatch(text):
        return int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3].replace(",", "."))
    if _HALF_CLOCK.fullmatch(text):
        raise InputError(
            f"{where}: {column} is {text!r}: hours and minutes, or minutes and seconds? Write h:mm:ss, or seconds"
        )
    return number(row, column, where)


def states_seconds(row: Mapping[str, str], columns: Sequence[str]) -> bool:
    """Whether a row that `seconds` read says itself that its times are seconds: by a column of the unit, or as h:mm:ss.

    >>> states_seconds({"start": "4"}, ["start"]), states_seconds({"start": "0:00:04"}, ["start"])
    (False, True)
    >>> states_seconds({"start": "4", "unit": "s"}, ["start"])
    True
    """
    by_unit = any(value and letters(column) in UNITS for column, value in row.items())
    return by_unit or all(_CLOCK.fullmatch(row[column]) for column in columns)


def refuse_thousands(column: Sequence[str], name: str) -> None:
    """Refuse a column of whole numbers below 1000 and of numbers with three decimals: 1.001 follows 999 there.

    >>> refuse_thousands(["998", "999.5", "1001.000"], "time")
    """
    with_points = [text for text in column if _POINT_GROUPS.fullmatch(text)]
    whole = [text for text in column if text.isdecimal() and 100 <= int(text) < 1000]
    if (
        with_points
        and whole
        and all((text.isdecimal() and int(text) < 1000) or _POINT_GROUPS.fullmatch(text) for text in column)
    ):
        raise InputError(
            f"{name} has {whole[-1]!r} and {with_points[0]!r}: thousands, or three decimals? Write no point between thousands"
        )


def span(row: Mapping[str, str], start: str, end: str) -> tuple[float, float]:
    """Return the time of a row that can't be used: from its start to its end, or up to infinity where they can't be read.

    >>> span({"sec": "4", "endSec": "8"}, "sec", "endSec"), span({"sec": "4", "endSec": "?"}, "sec", "endSec")
    ((4.0, 8.0), (0.0, inf))
    """
    try:
        first, last = seconds(row, start, ""), seconds(row, end, "")
    except InputError:
        return 0.0, math.inf
    return (first, last) if first < last else (last, first)

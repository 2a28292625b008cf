"""Rows of the tables that data sets ship: separated by comma, semicolon, tab or blanks, with or without a header; JSON.

A byte order mark, any line end, blanks around cells and empty lines are no matter. What isn't a table is refused.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from surgvqa.builders.annotations.outlines import read_json
from surgvqa.builders.files.texts import read_text
from surgvqa.cards.command import InputError

SEPARATORS = "\t;,"
FURTHER = "..."  # the last name of a header that leaves further columns out
Row = Mapping[str, str]


def read(path: Path, file_name: str, header: Sequence[str] = (), json_path: str | None = None) -> list[Row]:
    """Return the rows of a file as dictionaries.

    Args:
        path: the file.
        file_name: how messages call it.
        header: the columns, where the first line is data; with `FURTHER` at its end, more of them are passed over.
        json_path: of a JSON file, the dotted way to its list of objects.

    Raises:
        InputError: no table, a column there twice, a row that is too short, or a cell behind the last column.
    """
    if json_path is not None:
        return _json(path, file_name, json_path)
    cells = _cells(read_text(path, file_name), file_name)
    if not cells:
        raise InputError(f"{file_name}: it is empty; a table has rows")
    names, body = (list(header), cells) if header else (cells[0], cells[1:])
    further = list(header[-1:]) == [FURTHER]
    while names and (not names[-1] or (further and names[-1] == FURTHER)):
        names = names[:-1]
    if len(set(names)) != len(names):
        raise InputError(f"{file_name}: a column is there twice in its first line {','.join(names)!r}")
    for number, row in enumerate(body, start=1 if header else 2):
        if len(row) < len(names):
            raise InputError(f"{file_name}: row {number} has {len(row)} cells, {len(names)} are due")
        if not further and any(row[len(names) :]):
            raise InputError(
                f"{file_name}: row {number} has {len(row)} cells, {len(names)} are due: "
                f"{', '.join(filter(None, row[len(names) :]))!r} stands behind the last column, {names[-1]}"
            )
    return [dict(zip(names, row, strict=False)) for row in body]


def _cells(text: str, file_name: str) -> list[list[str]]:
    """Return the cells of every line that isn't empty."""
    lines = [line for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n") if line.strip()]
    first = next(iter(lines), "")
    separator = next((one for one in SEPARATORS if one in first), None)
    if separator is None:
        return [line.split() for line in lines]
    try:
        table = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        return [[cell.strip() for cell in row] for row in table if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise InputError(f"{file_name}: not a table: {error}") from error


def _json(path: Path, file_name: str, way: str) -> list[Row]:
    """Return the list of objects at a place of a JSON file; numbers as text, so that all tables are alike."""
    value: Any = read_json(path, file_name)
    for name in way.split(".") if way else ():
        if not isinstance(value, Mapping) or name not in value:
            raise InputError(f"{file_name}: nothing at {way!r}; it needs a list of objects there")
        value = value[name]
    if not isinstance(value, list) or not all(isinstance(row, Mapping) for row in value):
        raise InputError(f"{file_name}: {way!r} is not a list of objects")
    return [{str(key): str(cell) for key, cell in row.items()} for row in value]


def cell(row: Row, column: str, where: str) -> str:
    """Return a cell of a row; a missing column is named with those that are there."""
    if column not in row:
        raise InputError(f"{where}: no column {column}; there are {', '.join(row)}")
    return row[column]


def number(row: Row, column: str, where: str) -> float:
    """Return a number above 0 of a row."""
    text = cell(row, column, where)
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise InputError(f"{where}: {column} is {text!r}, not a number above 0")
    return value

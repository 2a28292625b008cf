"""Tables that somebody else keeps in a workbook: the sheet that has the columns, by ``openpyxl`` (extra ``sheets``)."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

from surgvqa.builders.files.names import require_regular
from surgvqa.builders.files.texts import LARGEST
from surgvqa.cards.command import InputError, nearest

NumberedRow = tuple[int, list[str]]


def read_sheet(
    path: Path, file_name: str, columns: Sequence[str], sheet: str = ""
) -> list[Mapping[str, str]]:
    """Return the rows of a workbook's sheet by the names in its first row; cells as text, empty ones as ''.

    Args:
        path: the workbook.
        file_name: how messages call it.
        columns: the columns that say which sheet is meant: the one that has them all.
        sheet: the name of the sheet, where several have these columns.

    Raises:
        InputError: no workbook, no sheet or several with these columns, a column without a name or there twice, a cell
            behind the last named column, or the extra is missing.
    """
    sheets = _sheets(path, file_name)
    if sheet and sheet not in sheets:
        raise InputError(f"{file_name}: no sheet {sheet!r}; {nearest(sheet, sheets)}")
    names = [sheet] if sheet else [name for name, rows in sheets.items() if _has(rows, columns)]
    if not names:
        headers = "; ".join(
            f"{name!r} has {', '.join(filter(None, rows[0][1])) if rows else 'nothing'}"
            for name, rows in sheets.items()
        )
        raise InputError(f"{file_name}: no sheet with the columns {', '.join(columns)}; {headers}")
    if len(names) > 1:
        raise InputError(
            f"{file_name}: the sheets {', '.join(map(repr, names))} all have the columns {', '.join(columns)}; "
            "name one of them with --sheet"
        )
    return _table(sheets[names[0]], f"{file_name} sheet {names[0]!r}")


def _has(rows: Sequence[NumberedRow], columns: Sequence[str]) -> bool:
    """Whether the first row of a sheet names these columns."""
    return bool(rows) and set(columns) <= set(rows[0][1])


def _sheets(path: Path, file_name: str) -> dict[str, list[NumberedRow]]:
    """Return the rows that hold anything of every sheet of a workbook, hidden ones too."""
    try:
        import openpyxl
    except ImportError:
        raise InputError(
            f"{file_name}: reading a workbook needs openpyxl: pip install 'surgvqa[sheets]', or save the sheet as CSV"
        ) from None
    require_regular(path, file_name)
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(one.file_size for one in archive.infolist())
        if size > LARGEST:
            raise InputError(f"{file_name}: {size} bytes once unpacked; up to {LARGEST} are read")
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise InputError(f"{file_name}: not a workbook: {error}; save it as .xlsx or CSV") from error
    try:
        return {
            one.title: [
                (number, row)
                for number, cells in enumerate(one.iter_rows(values_only=True), 1)
                if any(row := [text(cell) for cell in cells])
            ]
            for one in book.worksheets
        }
    finally:
        book.close()


def _table(numbered_rows: Sequence[NumberedRow], where: str) -> list[Mapping[str, str]]:
    """Return the rows below the first one as dictionaries."""
    if not numbered_rows:
        raise InputError(f"{where}: it is empty")
    (_, names), *body = numbered_rows
    while names and not names[-1]:
        names.pop()
    if not all(names) or len({*names}) != len(names):
        raise InputError(f"{where}: expected columns with names of their own in the first row, found {names}")
    for number, row in body:
        if any(row[len(names) :]):
            raise InputError(f"{where}: row {number} holds {row[len(names) :]} behind the last named column")
    return [dict(zip_longest(names, row[: len(names)], fillvalue="")) for _, row in body]


def text(cell: object) -> str:
    """Return a cell as text; a whole number has no decimals, as in a table of text.

    >>> text(3.0), text(" a "), text(None), text(2.5)
    ('3', 'a', '', '2.5')
    """
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return "" if cell is None else str(cell).strip()

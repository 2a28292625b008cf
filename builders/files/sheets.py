"""Tables that somebody else keeps in a workbook: the rows of its first sheet, by ``openpyxl`` (extra ``sheets``)."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

from surgvqa.builders.files.names import require_regular
from surgvqa.builders.files.texts import LARGEST
from surgvqa.cards.command import InputError


def read_sheet(path: Path, file_name: str) -> list[Mapping[str, str]]:
    """Return the rows of a workbook's first sheet by the names in its first row; cells as text, empty ones as ''.

    Raises:
        InputError: no workbook, a column without a name or there twice, or the extra is missing.
    """
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
        cells = [
            [text(cell) for cell in row]
            for row in book.worksheets[0].iter_rows(values_only=True)
            if any_cell(row)
        ]
    finally:
        book.close()
    if not cells:
        raise InputError(f"{file_name}: its first sheet is empty")
    names = cells[0]
    while names and not names[-1]:
        names.pop()
    if not all(names) or len({*names}) != len(names):
        raise InputError(
            f"{file_name}: expected columns with names of their own in the first row, found {names}"
        )
    return [dict(zip(names, row, strict=False)) for row in cells[1:]]


def any_cell(row: tuple[object, ...]) -> bool:
    """Whether a row holds anything."""
    return any(text(cell) for cell in row)


def text(cell: object) -> str:
    """Return a cell as text; a whole number has no decimals, as in a table of text.

    >>> text(3.0), text(" a "), text(None), text(2.5)
    ('3', 'a', '', '2.5')
    """
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return "" if cell is None else str(cell).strip()

"""Tables that somebody else keeps in a workbook: the rows of its first sheet, by ``openpyxl`` (extra ``sheets``)."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path

from surgvqa.builders.files.names import require_regular
from surgvqa.builders.files.texts import LARGEST
from surgvqa.cards.command import InputError


def read_sheet(path: Path, file_name: str) -> list[Mapping[str, str]]:
    """Return the rows of a workbook's first sheet by the names in its first row; cells as text, empty ones as ''.

    Raises:
        InputError: no workbook, a column without a name or there twice, a cell behind the last named column, or the
            extra is missing.
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
        sheet = ([text(cell) for cell in row] for row in book.worksheets[0].iter_rows(values_only=True))
        numbered_rows = [(number, row) for number, row in enumerate(sheet, 1) if any(row)]
    finally:
        book.close()
    if not numbered_rows:
        raise InputError(f"{file_name}: its first sheet is empty")
    (_, names), *body = numbered_rows
    while names and not names[-1]:
        names.pop()
    if not all(names) or len({*names}) != len(names):
        raise InputError(
            f"{file_name}: expected columns with names of their own in the first row, found {names}"
        )
    for number, row in body:
        if any(row[len(names) :]):
            raise InputError(
                f"{file_name}: row {number} holds {row[len(names) :]} behind the last named column"
            )
    return [dict(zip_longest(names, row[: len(names)], fillvalue="")) for _, row in body]


def text(cell: object) -> str:
    """Return a cell as text; a whole number has no decimals, as in a table of text.

    >>> text(3.0), text(" a "), text(None), text(2.5)
    ('3', 'a', '', '2.5')
    """
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return "" if cell is None else str(cell).strip()

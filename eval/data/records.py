"""Files of rows, whoever wrote them: JSON lines, JSON, CSV and TSV, Inspect's archives; a cut file is an error."""

from __future__ import annotations

import csv
import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from surgvqa.cards.command import InputError, parse_json

Row = Mapping[str, Any]
LISTS = (
    "samples", "predictions", "all_predictions", "results", "answers", "questions", "annotations", "data", "rows",
)  # fmt: skip

LARGEST_SAMPLE = 100_000_000  # bytes, unpacked: one with its pictures has some


def rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a file, told apart by its ending.

    Raises:
        InputError: no such file, not text, or cut off.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if path.suffix == ".eval":
        yield from _inspect_archive(path)
        return
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None
    if path.suffix.lower() in (".csv", ".tsv"):
        yield from _table(text, path)
    elif path.suffix.lower() in (".jsonl", ".ndjson"):
        yield from _lines(text, path)
    else:
        yield from _document(text, path)


def _table(text: str, path: Path) -> Iterator[Row]:
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter(text, path), strict=True)
    try:
        for row in reader:
            if None in row or None in row.values():
                raise InputError(f"{path}, line {reader.line_num}: not as many fields as the header has")
            yield row
    except csv.Error as error:
        raise InputError(f"{path}, after line {reader.line_num}: {error}; was the file cut off?") from None


def delimiter(text: str, path: Path) -> str:
    r"""Return the delimiter: the sign that divides the header into the most columns; in a ``.tsv`` the tab.

    >>> delimiter("True;Pred\n1,0;1,0\n", Path("a.csv"))
    ';'
    """
    header = text.partition("\n")[0]
    signs = "\t,;|" if path.suffix.lower() == ".tsv" else ",;\t|"
    counts = {sign: len(next(csv.reader([header], delimiter=sign), [])) for sign in signs}
    return max(signs, key=lambda sign: counts[sign])  # of as many, the first


def _lines(text: str, path: Path) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                row = parse_json(line)
            except json.JSONDecodeError as error:
                what = f"not whole JSON ({error.msg}); was the file cut off?"
                if "surrogate" in error.msg:  # it is all there
                    what = f"not JSON ({error.msg})"
                raise InputError(f"{path}, line {number}: {what}") from None
            if not isinstance(row, Mapping):
                raise InputError(f"{path}, line {number}: expected an object, found {type(row).__name__}")
            yield row


def _document(text: str, path: Path) -> Iterator[Row]:
    try:
        document = parse_json(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":  # JSON lines under another name
            yield from _lines(text, path)
            return
        raise InputError(
            f"{path}, line {error.lineno}: not whole JSON ({error.msg}); was the file cut off?"
        ) from None
    if isinstance(document, Mapping):
        name = _list_of_rows(document, path)
        below = bool(document) and all(isinstance(row, Mapping) and len(row) > 1 for row in document.values())
        if name is None and not below:
            raise InputError(f"{path}: an object without a list of rows; looked for {', '.join(LISTS)}")
        document = document if name is None else document[name]
    if isinstance(document, Mapping):  # rows below their task (lmms-eval) or below their id
        parts = document.items()
        document = [
            row if isinstance(value, list) or not isinstance(row, Mapping) else {"qa_id": key, **row}
            for key, value in parts
            for row in (value if isinstance(value, list) else [value])
        ]
    if not isinstance(document, list) or not all(isinstance(row, Mapping) for row in document):
        raise InputError(f"{path}: no list of rows, each an object")
    yield from document


def _list_of_rows(document: Mapping[str, Any], path: Path) -> str | None:
    """Return the key of a document's rows, or None where it has none of the known ones.

    Raises ``InputError`` where several lists of objects are there: which of them holds the answers isn't for us to choose.
    """
    names = [name for name in LISTS if document.get(name)]
    lists = [
        name for name in names if isinstance(document[name], list) and isinstance(document[name][0], Mapping)
    ]
    if len(lists) > 1:
        counts = ", ".join(f"{name} ({len(document[name])})" for name in lists)
        raise InputError(
            f"{path}: expected one list of rows, found {counts}; write the one to read into a file"
        )
    return next(iter([*lists, *names]), None)


def _inspect_archive(path: Path) -> Iterator[Row]:
    try:
        with zipfile.ZipFile(path) as archive:
            for name in sorted(name for name in archive.namelist() if name.startswith("samples/")):
                if archive.getinfo(name).file_size > LARGEST_SAMPLE:  # zipfile unpacks no more than is stated
                    raise InputError(f"{path}: {name} is larger than {LARGEST_SAMPLE} bytes")
                row = parse_json(archive.read(name))
                if not isinstance(row, Mapping):
                    raise InputError(f"{path}: {name}: expected an object, found {type(row).__name__}")
                yield row
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
        raise InputError(
            f"{path}: not a readable Inspect log ({error}); `inspect log convert --to json` makes one"
        ) from None

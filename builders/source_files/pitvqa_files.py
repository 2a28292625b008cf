"""PitVQA's CSV files as rows, and the seconds left out of them.

CRLF or LF, a byte order mark, names in any encoding (only ASCII matters), extra columns, and whole numbers
as pandas writes them next to blanks ("3.0") are all met in copies of these files.
"""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from surgvqa.builders.files.texts import read_bytes
from surgvqa.builders.schema import Omission
from surgvqa.cards.command import InputError

POSITIONS = {1: "top-left", 2: "top-right", 3: "center", 4: "bottom-left", 5: "bottom-right"}
COLUMNS = {
    "int_video",
    "int_time",
    "str_instrument1",
    "str_instrument2",
    "pos_instrument1",
    "pos_instrument2",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One second of instruments_XX.csv; a position is 1-5 or None. ``flaw`` says why it isn't trusted."""

    second: int
    name1: str
    name2: str
    position1: int | None
    position2: int | None
    flaw: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One row of steps_XX.csv: the step that begins at a second, with underscores, and the video it names."""

    start: int
    name: str
    video: int


class BadFileError(Exception):
    """Why a video's files can't be used; stays inside this file."""


class Ledger:
    """Seconds left out, by file and cause."""

    def __init__(self) -> None:
        self.seconds: dict[tuple[str, str], list[int]] = defaultdict(list)

    def add(self, file: str, cause: str, second: int) -> None:
        """Leave out one second of a file."""
        self.seconds[file, cause].append(second)

    def items(self) -> Iterator[Omission]:
        """One entry per file and cause, with the number of rows and their seconds."""
        for (file, cause), seconds in sorted(self.seconds.items()):
            yield Omission(f"{file}: {len(seconds)} rows at second {_ranges(seconds)}", cause)


def _ranges(seconds: Sequence[int]) -> str:
    """Seconds as ranges.

    >>> _ranges([4, 1, 2, 3, 9])
    '1-4, 9'
    """
    parts: list[list[int]] = []
    for second in sorted(seconds):
        if parts and second <= parts[-1][1] + 1:
            parts[-1][1] = second
        else:
            parts.append([second, second])
    return ", ".join(f"{a}-{b}" if b > a else f"{a}" for a, b in parts)


def read(path: Path, columns: set[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a CSV with the line each stands on; any encoding (the names are ASCII), CRLF or LF."""
    text = read_bytes(path, path.name).decode("utf-8-sig", errors="replace")
    reader = csv.DictReader(io.StringIO(text, newline=""))
    missing = columns - set(reader.fieldnames or ())
    if missing:
        raise BadFileError(f"{path.name} lacks the column {', '.join(sorted(missing))}")
    for row in reader:
        if any(extra := row.pop(None, ())):
            raise BadFileError(f"{path.name} line {reader.line_num}: {extra} stands behind the last column")
        if None in row.values():
            raise BadFileError(f"{path.name} line {reader.line_num}: fewer cells than columns")
        yield reader.line_num, {key: (value or "").strip() for key, value in row.items() if key in columns}


def _whole(text: str, where: str) -> int:
    """Return a whole number, also as pandas writes it next to blanks ("3.0")."""
    if not re.fullmatch(r"-?\d{1,9}(\.0+)?", text):
        raise BadFileError(f"{where}: {text!r} is not a whole number")
    return int(text.split(".")[0])


def instrument_codes(root: Path) -> dict[str, int]:
    """Name to number from map_instruments.csv, empty where the map isn't there."""
    for path in sorted([*root.glob("*/map_instruments.csv"), *root.glob("metadata/*/map_instruments.csv")]):
        try:
            rows = [row for _, row in read(path, {"int_instrument", "str_instrument"})]
            return {row["str_instrument"]: _whole(row["int_instrument"], path.name) for row in rows}
        except BadFileError as problem:
            raise InputError(f"{path}: {problem}") from None
    return {}


def instrument_rows(path: Path, video: int, codes: dict[str, int], left_out: Ledger) -> list[Row]:
    """Every row of the file, by second."""
    rows: dict[int, Row] = {}
    for line, row in read(path, COLUMNS | {"int_instrument1", "int_instrument2"}):
        where = f"{path.name} line {line}"
        second = _whole(row["int_time"], where)
        position = [
            _whole(row[key], where) if row[key] else None for key in ("pos_instrument1", "pos_instrument2")
        ]
        names = row["str_instrument1"], row["str_instrument2"]
        numbers = [_whole(row[f"int_instrument{i}"], where) for i in (1, 2)]
        if any(place is not None and place not in POSITIONS for place in position):
            raise BadFileError(f"{where}: a position outside 1-5")
        if second in rows or second < 0:
            raise BadFileError(f"{where}: second {second} is there twice or below 0")
        flaw = None
        if _whole(row["int_video"], where) != video:
            flaw = f"the row names video {row['int_video']}"
        elif any(codes.get(name, number) != number for name, number in zip(names, numbers, strict=True)):
            flaw = "the instrument's name and number disagree"
        rows[second] = Row(second, names[0], names[1], position[0], position[1], flaw)
    if not rows:
        raise BadFileError(f"{path.name} has no rows")
    return [rows[second] for second in sorted(rows)]


def step_rows(path: Path, video: int) -> list[Step]:
    """Step changes in the order of the file, names with underscores."""
    rows = []
    for line, row in read(path, {"int_video", "int_time", "str_step"}):
        where = f"{path.name} line {line}"
        name = "_".join(row["str_step"].lower().split())
        rows.append(Step(_whole(row["int_time"], where), name, _whole(row["int_video"], where)))
    if not rows:
        raise BadFileError(f"{path.name} has no rows")
    return rows


def files_by_number(root: Path, kind: str) -> dict[str, Path]:
    """``kind``_XX.csv in the root or one folder below it, by number."""
    files: dict[str, Path] = {}
    for path in sorted([*root.glob(f"{kind}_*.csv"), *root.glob(f"*/{kind}_*.csv")]):
        if match := re.fullmatch(rf"{kind}_(\d{{2}})\.csv", path.name):
            if other := files.get(match[1]):
                raise InputError(f"{root}: {other} and {path} are the same video; keep one")
            files[match[1]] = path
    return files

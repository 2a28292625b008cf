"""Where an answer points: a cell of the frame's 3x3 grid, or a point, and how far off it is."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

Cell = tuple[int, int]  # row and column, 0 at the top left
Point = tuple[float, float]

ROWS = {"top": 0, "upper": 0, "bottom": 2, "lower": 2}
COLUMNS = {"left": 0, "right": 2}
MIDDLE = frozenset({"center", "centre", "central", "middle"})
NUMBERS = re.compile(r"[\[(<][^\[\](){}]*?[\])>]")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def cell(words: Iterable[str]) -> Cell | None:
    """The one cell that words name, None where they name none or several.

    >>> cell(("in", "the", "upper", "left")), cell(("center",)), cell(("left",))
    ((0, 0), (1, 1), (1, 0))
    >>> cell(("top", "left", "or", "bottom", "right")) is None
    True
    """
    words = tuple(words)
    rows = {ROWS[word] for word in words if word in ROWS}
    columns = {COLUMNS[word] for word in words if word in COLUMNS}
    if len(rows) > 1 or len(columns) > 1 or not (rows or columns or MIDDLE.intersection(words)):
        return None
    return (rows.pop() if rows else 1, columns.pop() if columns else 1)


def cell_distance(a: Cell, b: Cell) -> float:
    """Cells from one centre to the other, straight.

    >>> cell_distance((0, 0), (1, 1)) == math.sqrt(2)
    True
    """
    return math.dist(a, b)


def point(text: str) -> Point | None:
    """The first point in a text, or the middle of the first box; None without one.

    >>> point("It is at (120, 45.5)."), point("[10, 20, 30, 60]"), point('<point x="3" y="4">tip</point>')
    ((120.0, 45.5), (20.0, 40.0), (3.0, 4.0))
    >>> point("at 5 o'clock") is None
    True
    """
    for group in NUMBERS.findall(text):
        numbers = [float(number) for number in NUMBER.findall(group)]
        if len(numbers) == 2:
            return numbers[0], numbers[1]
        if len(numbers) == 4:
            return (numbers[0] + numbers[2]) / 2, (numbers[1] + numbers[3]) / 2
    return None

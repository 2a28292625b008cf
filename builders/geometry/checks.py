"""The one check of boxes, outlines and points, whoever wrote them.

All that a reader places in a picture goes through here: it is finite, has an area, and lies in its picture. What
reaches beyond the edge is cut there, with a note, where no more than `OUTSIDE` of its area is lost; else it is
refused, with a hint of what it looks like. Coordinates are pixels, origin top left, y down.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal

from surgvqa.builders.geometry.coordinates import iou
from surgvqa.builders.schema import Box, Point
from surgvqa.cards.command import InputError

OUTSIDE = (
    0.25  # of a shape's area: annotators overshoot the edge by some pixels, not by a quarter of the thing
)
SLIGHT = 1.0  # pixels beyond the edge that rounding explains: cut without a note
SHAPE = 0.01  # a difference in aspect that rounding a size to whole pixels explains
APART = 0.5  # intersection over union below which a box is not the one around its outline
COMMON = (
    (640, 480), (720, 480), (720, 576), (854, 480), (1024, 768), (1280, 720), (1280, 1024), (1440, 1080),
    (1920, 1080), (1920, 1200), (2560, 1440), (3840, 2160), (4096, 2160),
)  # fmt: skip
Form = Literal["corners", "xywh"]  # how a file gives boxes; a hint names the other one


class MisplacedShape(InputError):  # noqa: N818 - reads as what it is, like StopIteration
    """A shape that its picture doesn't hold; where many are, the whole file is of another size or form."""


def extent(points: Iterable[Point]) -> Box:
    """Return the smallest box around points.

    >>> extent([(3, 4), (1, 9)])
    (1, 4, 3, 9)
    """
    xs, ys = zip(*points, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def turn_box(box: Box, degrees: float, about: Point | None = None) -> tuple[Point, ...]:
    """Return the corners of a box that is turned clockwise, as one sees it, about its centre or another point.

    >>> [round(value) for value in extent(turn_box((10, 45, 90, 55), 90))]
    [45, 10, 55, 90]
    >>> [round(value) for value in extent(turn_box((100, 20, 140, 30), 90, about=(100, 20)))]
    [90, 20, 100, 60]
    """
    x1, y1, x2, y2 = box
    if not (x1 < x2 and y1 < y2 and math.isfinite(degrees)):
        raise MisplacedShape(f"its box {box_text(box)}, turned by {degrees:g} degrees, has no area")
    x0, y0 = about or ((x1 + x2) / 2, (y1 + y2) / 2)
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return tuple(
        (x0 + (x - x0) * cos - (y - y0) * sin, y0 + (x - x0) * sin + (y - y0) * cos)
        for x, y in ((x1, y1), (x2, y1), (x2, y2), (x1, y2))
    )


def refuse_apart(box: Box, around: Box) -> None:
    """Refuse a box that overlaps the box around its own outline by less than half (intersection over union).

    Of 5,003 outlines of six real data sets all overlap by more than nine tenths.

    >>> refuse_apart((10, 10, 20, 20), (10.5, 10, 20, 19.5))
    """
    if iou(box, around) < APART:
        raise MisplacedShape(
            f"its box {box_text(box, 'xywh')} and its outline, in {box_text(around, 'xywh')}, lie apart: one of them is of "
            "another size or form"
        )


def refuse_beside(points: Iterable[Point], box: Box) -> None:
    """Refuse key points that all lie beside the box of their thing.

    >>> refuse_beside([(3, 4)], (0, 0, 5, 5))
    """
    x1, y1, x2, y2 = extent(points)
    if x2 < box[0] - SLIGHT or y2 < box[1] - SLIGHT or x1 > box[2] + SLIGHT or y1 > box[3] + SLIGHT:
        raise MisplacedShape(
            f"its box {box_text(box, 'xywh')} and its key points, in {box_text((x1, y1, x2, y2), 'xywh')}, lie apart: one "
            "of them is of another size or form"
        )


def in_per_cent(boxes: Sequence[Box], side: int) -> bool:
    """Whether the boxes of a file, whose pictures have no shorter side than ``side``, read as per cent of a picture.

    Ten boxes or more that fill 100 x 100 pixels to four fifths on both sides, and never reach beyond them.
    """
    if len(boxes) < 10 or side < 200:
        return False
    right, bottom = max(box[2] for box in boxes), max(box[3] for box in boxes)
    return 80 <= right <= 100 and 80 <= bottom <= 100


def ellipse(x: float, y: float, across: float, down: float, degrees: float = 0.0) -> tuple[Point, ...]:
    """Return an ellipse as a polygon of 72 points; ``across`` and ``down`` are its radii before it is turned clockwise.

    >>> [round(value) for value in extent(ellipse(60, 60, 20, 10))]
    [40, 50, 80, 70]
    """
    if not (across > 0 and down > 0):
        raise InputError(f"an ellipse has the radii {across:g} and {down:g}; both are above 0")
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    points = []
    for step in range(72):
        a, b = across * math.cos(math.tau * step / 72), down * math.sin(math.tau * step / 72)
        points.append((x + a * cos - b * sin, y + a * sin + b * cos))
    return tuple(points)


def inside(box: Sequence[float], width: int, height: int, form: Form = "corners") -> tuple[Box, float]:
    """Cut a box at the edge of its picture; returns the box and the share of its area that was cut off.

    Args:
        box: x1, y1, x2, y2.
        width: of the picture, pixels.
        height: of the picture.
        form: how the file gives boxes, for the hint.

    Raises:
        Misplaced: not finite, no area, too much of it outside; with a hint of what it looks like.

    >>> inside((60, 40, 100, 60), 90, 60)
    ((60, 40, 90, 60), 0.25)
    """
    x1, y1, x2, y2 = box
    if not (math.isfinite(x1) and math.isfinite(y1) and math.isfinite(x2) and math.isfinite(y2)):
        raise MisplacedShape(f"its box {box_text(box, form)} holds a number that is not finite")
    if x2 <= x1 or y2 <= y1:
        raise MisplacedShape(f"its box {box_text(box, form)} has no area{hint(box, width, height, form)}")
    if x2 <= 1 and y2 <= 1 and x1 >= 0 and y1 >= 0 and max(width, height) > 1:
        raise MisplacedShape(f"its box {box_text(box, form)} lies within one pixel{NORMALISED_HINT}")
    if x1 >= 0 and y1 >= 0 and x2 <= width and y2 <= height:
        return (x1, y1, x2, y2), 0.0
    left, top, right, bottom = max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)
    kept_share = max(0.0, right - left) * max(0.0, bottom - top) / ((x2 - x1) * (y2 - y1))
    _refuse(1 - kept_share, f"its box {box_text(box, form)}", box, (width, height), form)
    slight = max(-x1, -y1, x2 - width, y2 - height) <= SLIGHT
    return (left, top, right, bottom), 0.0 if slight else 1 - kept_share


def outline(points: Sequence[Point], width: int, height: int) -> tuple[Sequence[Point], float]:
    """Return a polygon cut at the edge of its picture, and the share of its area that was lost by it.

    Raises:
        Misplaced: under three points, not finite, no area, too much of it outside; with a hint.

    >>> outline([(0, 0), (12, 0), (12, 5), (0, 5)], 10, 10)[1]
    0.16666666666666663
    """
    if len(points) < 3:
        raise MisplacedShape(f"a polygon has {len(points)} points; it needs three points or more")
    box = extent(points)
    if not all(math.isfinite(value) for point in points for value in point):
        raise MisplacedShape("a polygon holds a number that is not finite")
    if box[0] >= 0 and box[1] >= 0 and box[2] <= 1 and box[3] <= 1 and max(width, height) > 1:
        raise MisplacedShape(f"a polygon lies within one pixel{NORMALISED_HINT}")
    whole = _area(points)
    if box[2] <= box[0] or box[3] <= box[1]:
        raise MisplacedShape("a polygon has no area: all its points lie on a line")
    if box[0] >= 0 and box[1] >= 0 and box[2] <= width and box[3] <= height:
        return points, 0.0
    cut = points
    for axis, edge, sign in ((0, 0.0, 1), (0, float(width), -1), (1, 0.0, 1), (1, float(height), -1)):
        cut = _cut(cut, axis, edge, sign)
    area = _area(cut) if len(cut) > 2 else 0.0
    lost_share = 1 - area / whole if whole > 0 else float(area <= 0)
    _refuse(
        lost_share,
        f"its outline [{', '.join(f'{value:g}' for value in box)}]",
        box,
        (width, height),
        "corners",
    )
    slight = max(-box[0], -box[1], box[2] - width, box[3] - height) <= SLIGHT
    return cut, 0.0 if slight else max(lost_share, 0.0)


def point(x: float, y: float, width: int, height: int) -> Point:
    """Return a point, moved to the edge where rounding put it beyond. Raises ``MisplacedShape`` for one outside the picture.

    >>> point(100.4, 3, 100, 50)
    (100.0, 3.0)
    """
    if not (math.isfinite(x) and math.isfinite(y)):
        raise MisplacedShape(f"its point ({x:g}, {y:g}) is not finite")
    if 0 < x < 1 and 0 < y < 1 and max(width, height) > 1:
        raise MisplacedShape(f"its point ({x:g}, {y:g}) lies within one pixel{NORMALISED_HINT}")
    if not (-SLIGHT <= x <= width + SLIGHT and -SLIGHT <= y <= height + SLIGHT):
        raise MisplacedShape(
            f"its point ({x:g}, {y:g}) lies outside its {width}x{height} picture"
            + hint((0.0, 0.0, x, y), width, height, "corners")
        )
    return min(max(float(x), 0.0), float(width)), min(max(float(y), 0.0), float(height))


NORMALISED_HINT = ": it looks normalised, from 0 to 1; multiply by the picture's size"


def hint(box: Sequence[float], width: int, height: int, form: Form) -> str:
    """Say what a box that doesn't fit its picture looks like, as the end of a sentence; nothing where it is unclear."""
    x1, y1, x2, y2 = box
    if form == "xywh" and 0 <= x1 < x2 - x1 <= width and 0 <= y1 < y2 - y1 <= height:
        return ": it looks like x1, y1, x2, y2; a box here is x, y, width, height"
    if form == "corners" and x1 >= 0 and y1 >= 0 and (x2 < x1 or y2 < y1) and x2 > 0 and y2 > 0:
        inside_too = x1 + x2 <= width and y1 + y2 <= height
        return ": it looks like x, y, width, height; a box here is x1, y1, x2, y2" if inside_too else ""
    for across, down in COMMON:
        same = abs(across * height / (down * width) - 1) <= 0.05
        if same and across > width and x1 >= 0 and y1 >= 0 and x2 <= across and y2 <= down:
            return f": it looks drawn in a picture of another size, such as {across}x{down}"
    return ""


def box_text(box: Sequence[float], form: Form = "corners") -> str:
    """Return a box as its file writes it."""
    x1, y1, x2, y2 = box
    values = (x1, y1, x2 - x1, y2 - y1) if form == "xywh" else (x1, y1, x2, y2)
    return f"[{', '.join(f'{value:g}' for value in values)}]"


def refuse_other_shape(
    annotated_size: tuple[int, int], viewed_size: tuple[int, int], stored_size: tuple[int, int] | None = None
) -> None:
    """Refuse annotations of another shape than their picture's.

    Args:
        annotated_size: the width and height that the annotations state.
        viewed_size: of the picture as a viewer shows it.
        stored_size: of the picture's file before its orientation is applied, where that differs.

    Raises:
        InputError: the shapes differ by more than `SHAPE`; copies of another size with the same shape fit.
    """
    if min(*annotated_size, *viewed_size) < 1:
        raise InputError(f"a size of {annotated_size[0]}x{annotated_size[1]}; sizes are above 0")
    if abs(annotated_size[0] * viewed_size[1] / (annotated_size[1] * viewed_size[0]) - 1) <= SHAPE:
        return
    why = ""
    if stored_size is not None and stored_size != viewed_size and annotated_size == stored_size:
        why = "; that is how its file stores it, before its EXIF orientation turns it: annotate it as it is shown"
    raise InputError(
        f"annotated at {annotated_size[0]}x{annotated_size[1]}, but the picture is shown at {viewed_size[0]}x{viewed_size[1]}{why}"
    )


def _refuse(lost_share: float, what: str, box: Sequence[float], size: tuple[int, int], form: Form) -> None:
    """Refuse a shape of which too much lies outside."""
    if lost_share > OUTSIDE:
        raise MisplacedShape(
            f"{what} is not in the {size[0]}x{size[1]} picture: {min(lost_share, 1.0):.0%} of it lie outside"
            f"{hint(box, *size, form)}"
        )


def _area(points: Sequence[Point]) -> float:
    """Return the area of a polygon, by the shoelace formula."""
    total = 0.0
    x0, y0 = points[-1]
    for x, y in points:
        total += x0 * y - x * y0
        x0, y0 = x, y
    return abs(total) / 2


def _cut(points: Sequence[Point], axis: int, edge: float, sign: int) -> list[Point]:
    """Return a polygon cut at a line along one axis (Sutherland and Hodgman); ``sign`` says which side is kept."""
    vertices: list[Point] = []
    for i, here in enumerate(points):
        before = points[i - 1]
        a, b = sign * (before[axis] - edge), sign * (here[axis] - edge)
        if (a >= 0) != (b >= 0):
            share = a / (a - b)
            crossing = [before[j] + share * (here[j] - before[j]) for j in (0, 1)]
            crossing[axis] = edge
            vertices.append((crossing[0], crossing[1]))
        if b >= 0:
            vertices.append((here[0], here[1]))
    return vertices

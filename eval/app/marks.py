"""Boxes and points over a frame: what is annotated, and what an answer points at."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from surgvqa.builders.geometry.coordinates import PERCENT, Space, move_point, resize
from surgvqa.builders.schema import Box, Scene

NUMBERS = re.compile(r"[(\[]\s*(-?\d+(?:\.\d+)?(?:\s*,\s*-?\d+(?:\.\d+)?)+)\s*[)\]]")
MOLMO = re.compile(r'<point\s+x="(\d+(?:\.\d+)?)"\s+y="(\d+(?:\.\d+)?)"')
ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class Mark:
    """A box (a point is one without size) to draw, as shares of the frame's width and height."""

    box: Box
    label: str
    role: str  # "instrument", "anatomy" or "answer": its colour


def marks_in(text: str, space: Space) -> tuple[Mark, ...]:
    """Return the points and boxes written in an answer, whose numbers run over ``space``.

    >>> [mark.box for mark in marks_in("at (50, 20) in [0, 0, 100, 50]", Space(100, 100))]
    [(0.5, 0.2, 0.5, 0.2), (0.0, 0.0, 1.0, 0.5)]
    >>> marks_in('<point x="25" y="50">tip</point>', Space(640, 480))[0].box
    (0.25, 0.5, 0.25, 0.5)
    """
    marks: list[Mark] = []

    def add(numbers: Sequence[float], over: Space) -> None:
        scale = resize(over, Space(1, 1))
        x1, y1 = move_point(scale, (numbers[0], numbers[1]))
        x2, y2 = move_point(scale, (numbers[-2], numbers[-1]))
        if 0 <= x1 <= x2 <= 1 and 0 <= y1 <= y2 <= 1:
            marks.append(Mark((x1, y1, x2, y2), "", ANSWER))

    for match in NUMBERS.finditer(text):
        numbers = [float(number) for number in match[1].split(",")]
        if len(numbers) in (2, 4):
            add(numbers, space)
    for match in MOLMO.finditer(text):
        add([float(match[1]), float(match[2])], PERCENT)
    return tuple(marks)


def marks_of(scene: Scene) -> tuple[Mark, ...]:
    """Return the annotations of a scene as marks: boxes, or points where there is no box."""
    scale = resize(Space(scene.width, scene.height), Space(1, 1))
    marks = []
    for node in scene.nodes:
        place = node.bbox or ((*node.centroid, *node.centroid) if node.centroid else None)
        if place is not None:
            x1, y1 = move_point(scale, (place[0], place[1]))
            x2, y2 = move_point(scale, (place[2], place[3]))
            marks.append(Mark((x1, y1, x2, y2), node.name, node.type))
    return tuple(marks)

"""Boxes and points over a frame: what is annotated, and what an answer points at."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from surgvqa.builders.cases.scene import from_json
from surgvqa.builders.geometry.coordinates import PERCENT, Space, move_point, resize
from surgvqa.builders.schema import Box, Scene
from surgvqa.eval.app import shapes
from surgvqa.eval.app.clips import ShortClip
from surgvqa.eval.app.film import Moments
from surgvqa.eval.app.tracks import in_words

NUMBERS = re.compile(r"[(\[]\s*(-?\d+(?:\.\d+)?(?:\s*,\s*-?\d+(?:\.\d+)?)+)\s*[)\]]")
MOLMO = re.compile(r'<point\s+x="(\d+(?:\.\d+)?)"\s+y="(\d+(?:\.\d+)?)"')
ANSWER = "answer"
UNKNOWN_SIZE = (16, 9)  # where neither a picture nor an annotation says


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


def annotated_moments(
    clip: ShortClip, scenes: Sequence[tuple[ShortClip, str | None]]
) -> tuple[Moments, tuple[int, int]]:
    """Return the annotated moments of a clip without pictures, and the size of the frame that was annotated."""
    read = [json.loads(text) for _, text in scenes if text]
    own = [scene for scene in read if clip.start_s <= scene["time_s"] <= clip.end_s]
    times = tuple(sorted({scene["time_s"] for scene in own})) or (clip.last_s,)
    width, height = next(((scene["width"], scene["height"]) for scene in own), UNKNOWN_SIZE)
    return Moments(times, 1.0), (width or UNKNOWN_SIZE[0], height or UNKNOWN_SIZE[1])


def annotated_frames(
    clip: ShortClip, times: Sequence[float], scenes: Sequence[tuple[ShortClip, str | None]]
) -> list[shapes.AnnotatedFrame]:
    """Return what is annotated within a clip, in time, of the scenes of all clips of its case."""
    frame_by_moment: dict[float, shapes.AnnotatedFrame] = {}
    for other, text in scenes:
        moment = json.loads(text)["time_s"] if text else None
        if text is None or moment is None or not clip.start_s <= moment <= clip.end_s:
            continue
        scene = from_json(text)
        marks = marks_of(scene)
        placed_labels = {mark.label for mark in marks}
        frame_by_moment[moment] = {
            "index": min(range(len(times)), key=lambda index: abs(times[index] - moment)),
            "time_s": moment,
            "marks": shapes_of(marks),
            "present": sorted(
                {in_words(node.name) for node in scene.nodes if node.name not in placed_labels}
            ),
            "own": other.clip_id == clip.clip_id
            or (moment in frame_by_moment and frame_by_moment[moment]["own"]),
        }
    return [frame_by_moment[moment] for moment in sorted(frame_by_moment)]


def shapes_of(marks: Sequence[Mark]) -> list[shapes.Shape]:
    """Return marks as the page draws them."""
    return [
        {"box": [round(side, 5) for side in mark.box], "label": in_words(mark.label), "role": mark.role}
        for mark in marks
    ]

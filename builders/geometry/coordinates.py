"""Coordinates of every kind in one algebra: pixels, 0-1, 0-100, 0-1000, resized pixels, cells and quadrants.

A ``Space`` is what numbers run over, and every change of numbers is a ``schema.Transform``: from one
space to another, a crop, a letterbox. Nothing is rounded here; ``builders/geometry/coordinate_text.py`` rounds when a
number becomes text. The scale and the resize factor belong to a model family and its processor, so
they are passed in (``Scale``, ``Grid``): this file knows neither torch nor transformers.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any

from surgvqa.builders.cases import scene
from surgvqa.builders.schema import Box, Point, Transform
from surgvqa.cards.command import InputError


@dataclass(frozen=True, slots=True)
class Space:
    """The space of coordinates, origin top left: 1280 x 720 pixels, 1 x 1, 100 x 100, 1000 x 1000."""

    width: float
    height: float


UNIT = Space(1, 1)
PERCENT = Space(100, 100)  # Molmo
THOUSAND = Space(1000, 1000)  # Qwen2-VL, Qwen3-VL


@dataclass(frozen=True, slots=True)
class Grid:
    """The sizes that a processor resizes to: multiples of ``factor`` (patch x merge) within a number of pixels."""

    factor: int
    min_pixels: int
    max_pixels: int

    @classmethod
    def of(cls, image_processor: Any) -> Grid:
        """Return the grid of a Qwen-VL image or video processor, read from its own attributes.

        Raises:
            InputError: a processor of another kind, which resizes otherwise.
        """
        if not hasattr(image_processor, "merge_size"):
            raise InputError(f"{type(image_processor).__name__} doesn't resize as Qwen-VL does")
        size = image_processor.size
        return cls(
            factor=image_processor.patch_size * image_processor.merge_size,
            min_pixels=size["shortest_edge"],
            max_pixels=size["longest_edge"],
        )

    def smart_resize(self, width: int, height: int) -> Space:
        """Return the pixels a model sees of a ``width x height`` image: the processors' ``smart_resize``.

        Images of every family, and videos of Qwen2-VL and Qwen2.5-VL (frame by frame). Qwen3-VL shares
        its pixels between the frames of a video, but writes 0-1000, so no coordinate depends on it.

        >>> Grid(28, 56 * 56, 28 * 28 * 1280).smart_resize(1280, 720)
        Space(width=1288, height=728)
        """
        if max(width, height) > 200 * min(width, height):
            raise InputError(f"an image of {width}x{height} is longer than 200:1; crop it first")
        step = self.factor
        new_w, new_h = round(width / step) * step, round(height / step) * step
        if new_w * new_h > self.max_pixels:
            shrink = math.sqrt(width * height / self.max_pixels)
            new_w = max(step, math.floor(width / shrink / step) * step)
            new_h = max(step, math.floor(height / shrink / step) * step)
        elif new_w * new_h < self.min_pixels:
            grow = math.sqrt(self.min_pixels / (width * height))
            new_w = math.ceil(width * grow / step) * step
            new_h = math.ceil(height * grow / step) * step
        return Space(new_w, new_h)


# Who writes what, by `config.model_type`: https://github.com/QwenLM/Qwen3-VL/issues/866, /1486
RELATIVE = ("qwen2_vl", "qwen3_vl", "qwen3_vl_moe")
ABSOLUTE = ("qwen2_5_vl",)


def model_space(model_type: str, width: int, height: int, grid: Grid | None = None) -> Space:
    """Return the space that a model family's own numbers run over, for a ``width x height`` image.

    0-1000 for Qwen2-VL and Qwen3-VL; the pixels after ``smart_resize`` for Qwen2.5-VL, which needs the
    processor's ``grid``. Raises InputError for a family with neither convention: give it 0-1000 or
    ``<point>`` (0-100), which any model can be taught.
    """
    if model_type in RELATIVE:
        return THOUSAND
    if model_type in ABSOLUTE:
        if grid is None:
            raise InputError(f"{model_type} writes pixels of the resized image: give its processor's grid")
        return grid.smart_resize(width, height)
    known_types = ", ".join(RELATIVE + ABSOLUTE)
    raise InputError(f"no coordinate convention known for model type {model_type!r}; known: {known_types}")


def resize(source: Space, target: Space) -> Transform:
    """From one space to another, each axis on its own.

    >>> resize(Space(1280, 720), THOUSAND)
    Transform(scale_x=0.78125, scale_y=1.3888888888888888, offset_x=0.0, offset_y=0.0)
    """
    return Transform(target.width / source.width, target.height / source.height)


def crop(box: Box) -> Transform:
    """From a frame to the part of it inside ``box``."""
    return Transform(1.0, 1.0, -box[0], -box[1])


def letterbox(source: Space, target: Space) -> Transform:
    """From a frame to the middle of ``target``, its aspect kept, the rest being bars.

    >>> letterbox(Space(200, 100), Space(100, 100))
    Transform(scale_x=0.5, scale_y=0.5, offset_x=0.0, offset_y=25.0)
    """
    scale = min(target.width / source.width, target.height / source.height)
    return Transform(
        scale, scale, (target.width - source.width * scale) / 2, (target.height - source.height * scale) / 2
    )


def then(first: Transform, second: Transform) -> Transform:
    """Both, one after the other."""
    return Transform(
        first.scale_x * second.scale_x,
        first.scale_y * second.scale_y,
        first.offset_x * second.scale_x + second.offset_x,
        first.offset_y * second.scale_y + second.offset_y,
    )


def inverse(transform: Transform) -> Transform:
    """Return the way back."""
    return Transform(
        1 / transform.scale_x,
        1 / transform.scale_y,
        -transform.offset_x / transform.scale_x,
        -transform.offset_y / transform.scale_y,
    )


def move_point(transform: Transform, point: Point) -> Point:
    """Return a point through a transform."""
    return (
        point[0] * transform.scale_x + transform.offset_x,
        point[1] * transform.scale_y + transform.offset_y,
    )


def move_box(transform: Transform, box: Box) -> Box:
    """Return a box through a transform.

    >>> move_box(resize(Space(200, 100), UNIT), (50, 25, 100, 75))
    (0.25, 0.25, 0.5, 0.75)
    """
    return (*move_point(transform, (box[0], box[1])), *move_point(transform, (box[2], box[3])))


def box_centre(box: Box) -> Point:
    """Return the middle of a box."""
    return ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)


def iou(a: Box, b: Box) -> float:
    """Intersection over union of two boxes; 0 where neither has an area.

    >>> iou((0, 0, 2, 2), (1, 0, 3, 2))
    0.3333333333333333
    """
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    inter = max(0.0, width) * max(0.0, height)
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inter
    return inter / union if union > 0 else 0.0


# Name -> centre, in 0-1. A cell is one of 3x3. A "quadrant" is one of PitVQA's five positions: four
# quarters and the middle; as the authors drew no border for the middle, a point belongs to the nearest.
CELLS: dict[str, Point] = {
    name: ((2 * (i % 3) + 1) / 6, (2 * (i // 3) + 1) / 6) for i, name in enumerate(scene.CELLS)
}
QUADRANTS: dict[str, Point] = {
    "top-left": (0.25, 0.25),
    "top-right": (0.75, 0.25),
    "center": (0.5, 0.5),
    "bottom-left": (0.25, 0.75),
    "bottom-right": (0.75, 0.75),
}


def cell(point: Point, space: Space = UNIT) -> str:
    """Return the 3x3 cell that a point lies in; a point outside counts for the nearest.

    >>> cell((640, 100), Space(1280, 720))
    'top-center'
    """
    return scene.grid_cell((point[0] / space.width, point[1] / space.height), 1, 1)


def quadrant(point: Point, space: Space = UNIT) -> str:
    """Return the one of the five positions whose centre is nearest, in fractions of the frame.

    >>> quadrant((0.3, 0.3)), quadrant((0.45, 0.45)), quadrant((1000, 700), Space(1280, 720))
    ('top-left', 'center', 'bottom-right')
    """
    x, y = point[0] / space.width, point[1] / space.height
    return min(QUADRANTS, key=lambda name: (QUADRANTS[name][0] - x) ** 2 + (QUADRANTS[name][1] - y) ** 2)


def jitter(point: Point, reach: float, *key: object) -> Point:
    """Return a unit point moved by up to ``reach`` on each axis, always the same way for the same ``key``.

    With case, second and object as the key, every sample of a frame shows the same point. An oracle
    that knows the unmoved point is off by ``reach / 2`` on average: the floor below which a mean
    absolute error says nothing.

    >>> jitter((0.25, 0.25), 0.1, "video_01", 12, "suction") == jitter((0.25, 0.25), 0.1, "video_01", 12, "suction")
    True
    """
    digest = hashlib.sha256("\x1f".join(map(str, key)).encode()).digest()
    dx, dy = (int.from_bytes(digest[i : i + 8], "big") / 2**63 - 1 for i in (0, 8))
    return (point[0] + reach * dx, point[1] + reach * dy)

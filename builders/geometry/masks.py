"""Masks as COCO run lengths: from polygons, and the box, area and points that follow from them.

A mask travels as the ASCII ``counts`` of COCO's compressed run-length code, column-major; its width and
height stand beside it in the scene. Coordinates: pixel ``(x, y)`` covers ``[x, x + 1) x [y, y + 1)``.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from numbers import Real
from typing import Any

import numpy as np
from pycocotools import mask as coco
from surgvqa.builders.schema import Box, Point, Scene
from surgvqa.cards.command import InputError

LONGEST_RUN = 65  # bits, in steps of 5; the differences of a frame of 2**31 pixels have 33


def polygons_to_rle(polygons: Sequence[Sequence[float]], width: int, height: int) -> str:
    """Return the union of polygons ``[x1, y1, x2, y2, …]`` as run lengths.

    Raises ``InputError`` for anything that isn't a list of lists of at least three points of the frame.

    >>> area_of(polygons_to_rle([[0, 0, 4, 0, 4, 2, 0, 2]], 10, 10), 10, 10)
    8.0
    """
    _refuse_empty(width, height)
    if isinstance(polygons, str) or not isinstance(polygons, Sequence) or not polygons:
        raise InputError(f"a segmentation is {short_repr(polygons)}, not a list of polygons [[x1, y1, …], …]")
    for polygon in polygons:
        _check(polygon, width, height)
    shapes = coco.frPyObjects([[float(value) for value in polygon] for polygon in polygons], height, width)
    counts: bytes = coco.merge(shapes)["counts"]
    return counts.decode("ascii")


def _refuse_empty(width: int, height: int) -> None:
    if width < 1 or height < 1:  # COCO's C code divides by the height: the process would end without a word
        raise InputError(f"a mask's frame is {width}x{height} pixels; a frame has at least one")


def _check(polygon: Sequence[float], width: int, height: int) -> None:
    if isinstance(polygon, str) or not isinstance(polygon, Sequence):
        raise InputError(f"a polygon is {short_repr(polygon)}, not a list of numbers [x1, y1, …]")
    if len(polygon) < 6 or len(polygon) % 2:
        raise InputError(
            f"a polygon has {len(polygon)} numbers; it needs three points or more, two numbers each"
        )
    for i, value in enumerate(polygon):
        if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
            raise InputError(f"a polygon holds {short_repr(value)}, not a finite number")
        side = (width, height)[i % 2]
        # Annotators overshoot the edge by some pixels; a whole frame beyond it is another picture's polygon.
        if not -side <= value <= 2 * side:
            raise InputError(f"a polygon reaches {value:g}, far outside its {width}x{height} frame")


def short_repr(value: object) -> str:
    """Return a value as messages show it, forty characters at most."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def mask_to_rle(mask: np.ndarray) -> str:
    """Return a boolean height x width array as run lengths.

    >>> mask_to_rle(np.array([[False, True], [False, True]]))
    '22'
    """
    counts: bytes = coco.encode(np.asfortranarray(mask.astype(np.uint8)))["counts"]
    return counts.decode("ascii")


def runs_to_rle(runs: Any, width: int, height: int, *, by_row: bool = False) -> str:
    """Run lengths that begin with zeros, column by column or ``by_row``, as COCO's compressed ones.

    Raises ``InputError`` where they don't fill the frame exactly.

    >>> runs_to_rle([1, 1, 1, 1], 2, 2) == runs_to_rle([2, 2], 2, 2, by_row=True)
    True
    """
    _refuse_empty(width, height)
    counts = np.asarray(runs, dtype=np.int64)
    if counts.ndim != 1 or (counts < 0).any() or counts.sum() != width * height:
        raise InputError(f"its run lengths don't cover the {width}x{height} frame")
    values = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return mask_to_rle(values.reshape(height, width) if by_row else values.reshape(width, height).T)


def rle_to_mask(rle: str, width: int, height: int) -> np.ndarray:
    """Run lengths as a boolean height x width array.

    Raises ``InputError`` where they don't fill the frame exactly (COCO's C code would write past its end).
    """
    _refuse_empty(width, height)
    runs = _runs(rle)
    if any(run < 0 for run in runs) or sum(runs) != width * height:
        raise InputError(
            f"a mask's run lengths cover {sum(runs)} pixels, its frame {width}x{height} has others"
        )
    values = np.zeros(len(runs), bool)
    values[1::2] = True
    return np.repeat(values, runs).reshape(width, height).T


def _runs(rle: str) -> list[int]:
    """COCO's compressed counts: six-bit characters, little end first, each third on a difference."""
    runs: list[int] = []
    value = shift = 0
    for char in rle:
        code = ord(char) - 48
        if not 0 <= code < 64:
            raise InputError(f"a mask's run lengths hold {char!r}, which COCO's code does not know")
        value |= (code & 31) << shift
        shift += 5
        if shift > LONGEST_RUN:
            raise InputError("a mask's run lengths hold a number beyond all frames")
        if not code & 32:
            if code & 16:
                value -= 1 << shift
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    if shift:
        raise InputError("a mask's run lengths break off in the middle of a number")
    return runs


def holds(rle: str, point: Point, width: int, height: int) -> bool:
    """Whether the mask covers a point; outside the frame nothing is covered.

    >>> holds("22", (1.5, 0.5), 2, 2), holds("22", (0.5, 0.5), 2, 2)
    (True, False)
    """
    x, y = math.floor(point[0]), math.floor(point[1])
    if not (0 <= x < width and 0 <= y < height):
        return False
    return bisect_right(_ends(rle), x * height + y) % 2 == 1


@lru_cache(maxsize=256)  # a tip is held against the same few outlines, with noise, again and again
def _ends(rle: str) -> list[int]:
    """Return the end of each run; the runs of the mask are the second, the fourth and so on."""
    return list(accumulate(_runs(rle)))


def area_of(rle: str, width: int, height: int) -> float:
    """Return the mask's pixels."""
    return float(coco.area(_coco_rle(rle, width, height)))


def box_of(rle: str, width: int, height: int) -> Box:
    """Return the smallest ``[x1, y1, x2, y2]`` around the mask. Raises ``InputError`` for an empty mask."""
    x, y, w, h = (float(value) for value in coco.toBbox(_coco_rle(rle, width, height)))
    if w <= 0 or h <= 0:
        raise InputError("a mask is empty: its polygons enclose no pixel")
    return x, y, x + w, y + h


def centroid_of(rle: str, width: int, height: int) -> Point:
    """Return the mean of the mask's pixel centres; it can lie outside a bent shape (see ``point_inside``)."""
    _refuse_empty(width, height)
    runs = _runs(rle)
    ends = np.cumsum(np.asarray(runs, dtype=np.int64))
    if any(run < 0 for run in runs) or not runs or ends[-1] != width * height:
        raise InputError(f"a mask's run lengths don't cover its {width}x{height} frame")
    starts, stops = ends[:-1:2], ends[1::2]
    starts = starts[: len(stops)]
    area = int((stops - starts).sum())
    if not area:
        raise InputError("a mask is empty: its polygons enclose no pixel")
    # Sums over runs, without the frame: exact, as they are of whole numbers.
    x = int((_columns(stops, height) - _columns(starts, height)).sum())
    places = int((stops * (stops - 1) // 2 - starts * (starts - 1) // 2).sum())
    return x / area + 0.5, (places - height * x) / area + 0.5


def _columns(ends: np.ndarray, height: int) -> np.ndarray:
    """Return the sum of the columns of the first ``ends`` pixels, column by column."""
    whole, rest = np.divmod(ends, height)
    sums: np.ndarray = height * (whole * (whole - 1) // 2) + whole * rest
    return sums


def _centroid(mask: np.ndarray) -> Point:
    columns, rows = mask.sum(axis=0), mask.sum(axis=1)  # sums first: nonzero() took most of a mask's time
    area = int(columns.sum())
    if not area:
        raise InputError("a mask is empty: its polygons enclose no pixel")
    x, y = columns @ np.arange(len(columns)), rows @ np.arange(len(rows))
    return float(x / area) + 0.5, float(y / area) + 0.5


def point_inside(mask: np.ndarray) -> Point:
    """Return the centre of a pixel well inside the mask: the farthest from its edge along row and column.

    Ties go to the pixel nearest to the centroid, then to the topmost, then to the leftmost.

    >>> point_inside(np.array([[0, 0, 0, 0], [1, 1, 1, 0], [0, 0, 0, 0]], bool))
    (1.5, 1.5)
    """
    x0, y0 = _centroid(mask)
    depth = np.minimum(_depth(mask), _depth(mask.T).T)
    ys, xs = np.nonzero(depth == depth.max())
    best = int(np.argmin((xs + 0.5 - x0) ** 2 + (ys + 0.5 - y0) ** 2))
    return float(xs[best]) + 0.5, float(ys[best]) + 0.5


def _depth(mask: np.ndarray) -> np.ndarray:
    """For each pixel of the mask, how many steps along its row lead out of it; 0 outside."""
    columns = np.arange(mask.shape[1])
    left = np.maximum.accumulate(np.where(mask, -1, columns), axis=1)
    right = np.minimum.accumulate(np.where(mask, mask.shape[1], columns)[:, ::-1], axis=1)[:, ::-1]
    return np.where(mask, np.minimum(columns - left, right - columns), 0)


def paste(rle: str, part: tuple[int, int], at: tuple[int, int], size: tuple[int, int]) -> str:
    """Return a mask of a part of a frame as a mask of the frame; ``at`` is the part's top left corner, which lies inside."""
    mask = rle_to_mask(rle, *part)
    whole = np.zeros((size[1], size[0]), bool)
    whole[at[1] : at[1] + part[1], at[0] : at[0] + part[0]] = mask
    return mask_to_rle(whole)


def move(mask: np.ndarray, scale: Point, offset: Point, size: tuple[int, int]) -> np.ndarray:
    """Return the mask after ``x' = x * scale_x + offset_x`` (same for y), in a frame of ``size`` (width, height)."""
    columns = np.floor((np.arange(size[0]) + 0.5 - offset[0]) / scale[0]).astype(int)
    rows = np.floor((np.arange(size[1]) + 0.5 - offset[1]) / scale[1]).astype(int)
    inside_x = (columns >= 0) & (columns < mask.shape[1])
    inside_y = (rows >= 0) & (rows < mask.shape[0])
    moved_mask = mask[np.clip(rows, 0, mask.shape[0] - 1)][:, np.clip(columns, 0, mask.shape[1] - 1)]
    cropped_mask: np.ndarray = moved_mask & inside_y[:, None] & inside_x[None, :]
    return cropped_mask


def _coco_rle(rle: str, width: int, height: int) -> dict[str, object]:
    _refuse_empty(width, height)
    return {"size": [height, width], "counts": rle.encode("ascii")}


def scaled_mask(rle: str, scene: Scene, size: tuple[int, int]) -> np.ndarray:
    """Return a mask of the scene in a picture of ``size`` (width, height), by the nearest pixel: no new values."""
    mask = rle_to_mask(rle, scene.width, scene.height)
    if (scene.width, scene.height) == size:
        return mask
    return move(mask, (size[0] / scene.width, size[1] / scene.height), (0.0, 0.0), size)

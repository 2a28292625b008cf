"""The entry point and the tip of an instrument, from its mask alone.

An instrument comes in over the edge of the frame (of the round field of an endoscope, where that is known) and
ends in the field: the tip is the mask's pixel farthest, along the mask, from where the mask touches the edge.
A mask that touches no edge, or the edge with both of its ends, has no tip here; which end works isn't told by its shape.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from surgvqa.builders.geometry import masks
from surgvqa.builders.schema import Point

HOUR_MARGIN = 0.1  # of an hour: 3 degrees
SIDES = ("left", "right", "top", "bottom")
FINE = 128  # pixels of the longer side at which ways along a mask are measured; 0.6 % of the diagonal
TOUCH = 0.012  # of the longer side: annotators stop some pixels short of the edge
END = 0.02  # of the way: the tip is the middle of what is that close to the farthest pixel
ONE_SIDE = 0.8  # of the contact lies on one side, else the side is not clear
FAR = (
    0.2  # of the diagonal: contacts that far apart are two ends, closer ones a tool that another one crosses
)
MINOR = 0.1  # of the contact, below which a piece of it is a slip of the outline
SHORT = 0.08  # of the diagonal: from a contact no farther away than this, no end can be told


@dataclass(frozen=True, slots=True)
class Tip:
    """An instrument's ends in pixels of the frame."""

    tip: Point
    entry: Point  # the middle of the contact with the edge
    side: str | None  # of the frame that it enters over; None where it touches several alike
    length: float  # the way along the mask from entry to tip


def tip_of(mask: np.ndarray) -> Tip | None:
    """Return the tip of an instrument by its mask (height x width); None where the mask tells none.

    >>> mask = np.zeros((100, 200), bool)
    >>> mask[40:50, 0:120] = True
    >>> found = tip_of(mask)
    >>> found.side, [round(x / 10) for x in found.tip]
    ('left', [12, 4])
    """
    height, width = mask.shape
    step = step_of(width, height)
    small = _shrunk(mask, step)
    contact, side = _contact(small)
    if contact is None or _both_ends(contact):
        return None
    ways = _ways(small, contact)
    reachable = np.isfinite(ways)
    longest = float(ways[reachable].max())
    if longest < SHORT * math.hypot(*small.shape):
        return None
    ys, xs = np.nonzero(reachable & (ways >= longest - max(1.0, END * longest)))
    far_y, far_x = np.unravel_index(int(np.where(reachable, ways, -1).argmax()), ways.shape)
    near = np.hypot(ys - far_y, xs - far_x) <= max(2.0, 2 * END * longest)
    tip = (float(xs[near].mean()) + 0.5) * step, (float(ys[near].mean()) + 0.5) * step
    rows, columns = np.nonzero(contact)
    entry = (float(columns.mean()) + 0.5) * step, (float(rows.mean()) + 0.5) * step
    inside = (min(tip[0], width - 0.5), min(tip[1], height - 0.5))
    return Tip(inside, (min(entry[0], width), min(entry[1], height)), side, longest * step)


def step_of(width: int, height: int) -> int:
    """Return the pixels between two points of the grid that tips are found on.

    >>> step_of(800, 600), step_of(100, 100)
    (7, 1)
    """
    return max(1, math.ceil(max(height, width) / FINE))


@lru_cache(maxsize=4096)  # several questions of two clips ask about one mask
def tip_of_rle(rle: str, width: int, height: int) -> Tip | None:
    """Return the tip of a mask in run lengths."""
    return tip_of(masks.rle_to_mask(rle, width, height))


def _shrunk(mask: np.ndarray, step: int) -> np.ndarray:
    """Return the mask at a ``step`` times coarser grid; a cell that holds any of it belongs to it."""
    height, width = mask.shape
    padded_mask = np.zeros((-(-height // step) * step, -(-width // step) * step), bool)
    padded_mask[:height, :width] = mask
    # Axis by axis: five times faster than both at once.
    rows = np.asarray(padded_mask.reshape(-1, step, padded_mask.shape[1]).any(axis=1))
    return np.asarray(rows.reshape(len(rows), -1, step).any(axis=2))


def _contact(mask: np.ndarray) -> tuple[np.ndarray | None, str | None]:
    """Return the mask's pixels that touch the frame's edge and which side that is."""
    height, width = mask.shape
    reach = max(1, round(TOUCH * max(height, width)))
    bands = {
        "left": np.s_[:, :reach],
        "right": np.s_[:, width - reach :],
        "top": np.s_[:reach, :],
        "bottom": np.s_[height - reach :, :],
    }
    lengths = {
        side: int(mask[band].any(axis=1 if side in ("left", "right") else 0).sum())
        for side, band in bands.items()
    }
    total = sum(lengths.values())
    if not total:
        return None, None
    contact = np.zeros_like(mask)
    for side in SIDES:
        contact[bands[side]] = mask[bands[side]]
    best = max(SIDES, key=lambda side: lengths[side])
    return contact, best if lengths[best] >= ONE_SIDE * total else None


def _both_ends(contact: np.ndarray) -> bool:
    """Whether a mask touches the edge at two places far from each other."""
    ys, xs = np.nonzero(contact)
    one = np.zeros_like(contact)
    one[ys[0], xs[0]] = True
    ways = np.full(contact.shape, np.inf)
    ways[one] = 0.0
    _flood(ways, one, contact)
    reachable = np.isfinite(ways[ys, xs])
    if reachable.all() or not MINOR <= reachable.mean() <= 1 - MINOR:
        return False
    apart = np.hypot(ys[reachable][:, None] - ys[~reachable], xs[reachable][:, None] - xs[~reachable])
    return bool(apart.min() >= FAR * math.hypot(*contact.shape))


def _ways(mask: np.ndarray, contact: np.ndarray) -> np.ndarray:
    """Return each pixel's distance from the contact, along the mask; infinite where no way leads.

    Pieces that a crossing tool cuts off are joined by the straight way to the nearest pixel reached.
    """
    ways = np.full(mask.shape, np.inf)
    ways[contact] = 0.0
    left = mask & ~contact
    front = contact
    for _ in range(8):  # pieces of one tool
        _flood(ways, front, mask)
        left = mask & ~np.isfinite(ways)
        if not left.any():
            break
        front = _bridge(ways, left)
    return ways


def _flood(ways: np.ndarray, front: np.ndarray, mask: np.ndarray) -> None:
    """Spread ways from the front over the mask, eight neighbours at a time (Bellman-Ford on the front)."""
    ys, xs = np.nonzero(front)
    height, width = mask.shape
    steps = [(dy, dx, math.hypot(dy, dx)) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if dy or dx]
    while len(ys):
        updates: list[np.ndarray] = []
        for dy, dx, cost in steps:
            y, x = ys + dy, xs + dx
            inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
            y, x = y[inside], x[inside]
            reach = ways[ys[inside], xs[inside]] + cost
            better = mask[y, x] & (reach < ways[y, x] - 1e-9)
            y, x, reach = y[better], x[better], reach[better]
            ways[y, x] = reach  # a pixel has one neighbour in a direction: no place is there twice
            updates.append(y * width + x)
        flat = np.unique(np.concatenate(updates))
        ys, xs = np.divmod(flat, width)


def _bridge(ways: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Bridge a gap: give the unreached pixel nearest to the reached ones its way length; returns it as the next front."""
    ys, xs = np.nonzero(left)
    reachable = np.isfinite(ways)
    ry, rx = np.nonzero(reachable & _edge(reachable))
    apart = (
        np.hypot(ys[:, None] - ry[None, :], xs[:, None] - rx[None, :]) if len(ys) * len(ry) < 4e6 else None
    )
    if apart is None:  # large pieces: their outlines stand for them
        edge = left & _edge(left)
        ys, xs = np.nonzero(edge)
        apart = np.hypot(ys[:, None] - ry[None, :], xs[:, None] - rx[None, :])
    a, b = np.unravel_index(int(apart.argmin()), apart.shape)
    ways[ys[a], xs[a]] = ways[ry[b], rx[b]] + apart[a, b]
    front = np.zeros_like(left)
    front[ys[a], xs[a]] = True
    return front


def _edge(mask: np.ndarray) -> np.ndarray:
    """Return the pixels of a mask beside one that isn't of it."""
    inner = mask.copy()
    inner[1:] &= mask[:-1]
    inner[:-1] &= mask[1:]
    inner[:, 1:] &= mask[:, :-1]
    inner[:, :-1] &= mask[:, 1:]
    edge: np.ndarray = mask & ~inner
    return edge


def clock_hour(point: Point, middle: Point) -> str:
    """Return the hour at which a point lies around a middle, 12 at the top of the picture.

    >>> [clock_hour(p, (0, 0)) for p in ((0, -5), (5, 0), (0, 5), (-5, 0))]
    ["12 o'clock", "3 o'clock", "6 o'clock", "9 o'clock"]
    """
    return f"{round(hours(point, middle)) % 12 or 12} o'clock"


def is_clear_hour(point: Point, middle: Point) -> bool:
    """Whether a direction lies clear of the border between two hours: nobody tells 10.53 from 10.47 by eye.

    >>> is_clear_hour((5, -5), (0, 0)), is_clear_hour((0, -5), (0, 0))
    (False, True)
    """
    return abs(hours(point, middle) % 1 - 0.5) >= HOUR_MARGIN


def hours(point: Point, middle: Point) -> float:
    """Return the direction from a middle to a point in hours, 0 to 12, 0 straight up.

    >>> round(hours((5, -5), (0, 0)), 3)
    1.5
    """
    angle = math.atan2(point[0] - middle[0], middle[1] - point[1])
    return (angle / (2 * math.pi) * 12) % 12

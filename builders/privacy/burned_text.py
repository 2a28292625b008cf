"""Burned-in text: letters that stand still while the picture moves, found by their strokes.

A stroke has a rising and a falling edge. Where both stand at the same pixels of every sampled frame, many of
them close together, something is written on the picture: names, dates, a device's settings. A border or a
light has one edge, a straight line two. Text that itself changes (a running clock) is found by what of it
stands still (colons, the hour, a frame), so name its place (``--cover``) where you know it. It can't see text that is
shown for a part of the time, moves, or differs from the picture by fewer than ``EDGE`` levels in every channel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

Region = tuple[int, int, int, int]  # x1, y1, x2, y2 in pixels, half-open

FRAMES = 12  # sampled of a case; fewer than MIN_FRAMES different ones say nothing about what stands still
MIN_FRAMES = 4
EDGE = 24  # grey levels between a pixel's neighbours that make an edge, 0-255
WINDOW = (31, 11)  # pixels: three to five letters of the smallest readable font
STROKES = 12  # pixels of rising, and as many of falling edge in a window: two letters and a half of that font
MARGIN = 6  # pixels around what was found: the halo of a compressed letter
MOTION = 2.0  # mean difference of grey levels between frames that count as two


def find(frames: Sequence[np.ndarray]) -> tuple[Region, ...]:
    """Find the text that stands on all of a case's frames (height x width x 3, uint8, one size).

    Empty with fewer than ``MIN_FRAMES`` different frames: where nothing moves, everything stands still.
    """
    different: list[np.ndarray] = []
    for frame in frames:
        grey = np.asarray(Image.fromarray(frame).convert("L"), np.int16)
        if not different or np.abs(grey - different[-1][..., 3]).mean() > MOTION:
            different.append(np.dstack([frame.astype(np.int16), grey]))
    if len(different) < MIN_FRAMES:
        return ()
    # A red or green letter on tissue can be as bright as the tissue: every channel is looked at by itself.
    strokes = np.logical_or.reduce(
        [_still_strokes([one[..., channel] for one in different]) for channel in range(4)]
    )
    return _regions(strokes)


def _still_strokes(channel: Sequence[np.ndarray]) -> np.ndarray:
    """Return the strokes that stand still in one channel of all frames."""
    slopes = np.stack([one[:, 2:] - one[:, :-2] for one in channel])
    # Compression blurs a letter in some frame; nine of ten must show the edge.
    rising = np.pad(np.quantile(slopes, 0.1, axis=0) > EDGE, ((0, 0), (1, 1)))
    falling = np.pad(np.quantile(slopes, 0.9, axis=0) < -EDGE, ((0, 0), (1, 1)))
    strokes: np.ndarray = np.minimum(_counts(rising), _counts(falling)) >= STROKES
    return strokes


def _counts(mask: np.ndarray) -> np.ndarray:
    """Return the number of a mask's pixels in the window around each pixel."""
    width, height = WINDOW
    padded_mask = np.pad(
        mask.astype(np.int32), ((height // 2 + 1, height // 2), (width // 2 + 1, width // 2))
    )
    total: np.ndarray = padded_mask.cumsum(0).cumsum(1)
    counts: np.ndarray = (
        total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]
    )
    return counts


def _regions(mask: np.ndarray) -> tuple[Region, ...]:
    """Return the boxes of a mask's parts with a margin; boxes that touch are one."""
    boxes: list[Region] = []
    height, width = mask.shape
    rows = np.flatnonzero(mask.any(1))
    for top, bottom in _runs(rows):
        columns = np.flatnonzero(mask[top:bottom].any(0))
        for left, right in _runs(columns):
            inside = np.flatnonzero(mask[top:bottom, left:right].any(1))
            boxes.append(
                (
                    max(0, left - MARGIN),
                    max(0, top + int(inside[0]) - MARGIN),
                    min(width, right + MARGIN),
                    min(height, top + int(inside[-1]) + 1 + MARGIN),
                )
            )
    return tuple(boxes)


def _runs(numbers: np.ndarray) -> list[tuple[int, int]]:
    """Ascending numbers as half-open runs without a gap."""
    if not numbers.size:
        return []
    breaks = np.flatnonzero(np.diff(numbers) > 1)
    starts = numbers[np.concatenate([[0], breaks + 1])]
    ends = numbers[np.concatenate([breaks, [numbers.size - 1]])]
    return [(int(a), int(b) + 1) for a, b in zip(starts, ends, strict=True)]


def cover(frame: np.ndarray, regions: Sequence[Region]) -> np.ndarray:
    """Return the frame with the regions painted black, so that nothing can be read out of them.

    >>> cover(np.full((2, 3, 3), 9, np.uint8), [(1, 0, 3, 1)])[..., 0].tolist()
    [[9, 0, 0], [9, 9, 9]]
    """
    if not regions:
        return frame
    picture = frame.copy()
    for x1, y1, x2, y2 in regions:
        picture[y1:y2, x1:x2] = 0
    return picture

"""Pictures that show a part of another: points of interest, each with a hash of 128 bits, and where they lie.

A frame is described by its 72 strongest SIFT points (OpenCV, extra ``surgvqa[leaks]``) on a picture of at most 288
pixels a side. A point's hash says which of its 128 numbers are above their median. Two frames are compared where many
hashes have 16 bits in common in the same place; they count as one picture where an affine map takes ten points or
more of one to points of the other with like hashes, over a good part of both pictures (a logo in a corner doesn't do).
A mirrored picture's hashes are those of the picture in another order, so both cost one description.

Measured on real frames by ``tests/benchmarks/bench_altered_frames.py``; the figures stand in ``docs/evaluate.md``.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

SIDE = 288  # pixels of the longer side
POINTS = 72
CONTRAST = 0.005  # of SIFT: soft tissue has little
BITS = 128
LIKE_BITS = 30  # hashes of one point in two encodings, on real frames
BANDS = 8  # of 16 bits
VOTES = 3  # points that share a band before two frames are compared
MOST = 8  # earlier frames that one later frame is compared with, and as many with its mirror image
SHARED_POINTS = 10
SPREAD = 0.15  # of the width and of the height, between the outermost shared points
TRIALS = 500  # of RANSAC: ten points of 40 are hit by three random ones in 99 of 100 runs of 320
REACH = 6.0  # pixels of the small picture that a point may lie off
# SIFT's numbers are 4 x 4 cells of 8 directions around the point, turned to its own direction: a mirror turns the
# order of the cells' rows round, and the sense of the directions.
MIRROR = np.array([((3 - r) * 4 + c) * 8 + (8 - o) % 8 for r in range(4) for c in range(4) for o in range(8)])
ORDER = np.random.default_rng(0).permutation(BITS)  # of the bits, for the bands
Bits = npt.NDArray[np.bool_]


class Points(NamedTuple):
    """The points of one frame."""

    places: npt.NDArray[np.float32]  # points x 2, pixels of the small picture
    words: npt.NDArray[np.uint64]  # points x 2, the hashes
    size: tuple[int, int]  # of the small picture


class Match(NamedTuple):
    """The earlier frame that a later one shows a part of."""

    frame: int
    points: int  # in both


def available() -> bool:
    """Say whether OpenCV is installed."""
    return importlib.util.find_spec("cv2") is not None


@cache
def _detector() -> Any:
    import cv2

    return cv2.SIFT_create(nfeatures=POINTS, contrastThreshold=CONTRAST)  # type: ignore[attr-defined, unused-ignore]


def describe(content: bytes) -> Points:
    """Find the points of an encoded picture."""
    with Image.open(io.BytesIO(content)) as picture:
        picture.draft("L", (SIDE, SIDE))
        grey = picture.convert("L")
        grey.thumbnail((SIDE, SIDE), Image.Resampling.BOX)
    points, numbers = _detector().detectAndCompute(np.asarray(grey), None)
    if numbers is None:
        return Points(np.zeros((0, 2), np.float32), np.zeros((0, 2), np.uint64), grey.size)
    places = np.array([point.pt for point in points], np.float32)
    return Points(places, _words(numbers > np.median(numbers, axis=1, keepdims=True)), grey.size)


def _bands(bits: Bits) -> npt.NDArray[np.uint16]:
    """Pack hashes into points x 8 bands; a band's bits are of all cells and directions."""
    return np.ascontiguousarray(np.packbits(bits[:, ORDER], axis=1)).view(np.uint16)


def _words(bits: Bits) -> npt.NDArray[np.uint64]:
    """Pack hashes into points x 2 numbers of 64 bits."""
    return np.ascontiguousarray(np.packbits(bits, axis=1)).view(np.uint64)


def _bits(words: npt.NDArray[np.uint64]) -> Bits:
    """Unpack hashes into points x 128."""
    return np.unpackbits(words.view(np.uint8), axis=1).astype(np.bool_)


@dataclass(frozen=True, slots=True)
class _Band:
    """Points of all earlier frames in the order of one band's value."""

    values: npt.NDArray[np.uint16]
    points: npt.NDArray[np.int64]  # their numbers among the points of all frames


class Index:
    """Frames that can be searched by the points of another."""

    def __init__(self, frames: Sequence[Points]) -> None:
        """Sort the points of ``frames`` by each band."""
        self.frames = frames
        self._owner = np.repeat(np.arange(len(frames)), [len(frame.words) for frame in frames])
        self._words = np.concatenate([np.zeros((0, 2), np.uint64), *(frame.words for frame in frames)])
        bands = _bands(_bits(self._words))
        orders = [np.argsort(bands[:, band], kind="stable") for band in range(BANDS)]
        self._bands = [_Band(bands[order, band], order) for band, order in enumerate(orders)]

    def matches(self, later: Points) -> Iterator[Match]:
        """Yield frames that have points enough in common with ``later``, as it is or mirrored."""
        for words in (later.words, _words(_bits(later.words)[:, MIRROR])):
            view = later._replace(words=words)
            for frame in self._candidates(words):
                shared = shared_points(self.frames[frame], view)
                if shared >= SHARED_POINTS:
                    yield Match(int(frame), shared)

    def find(self, later: Points) -> Match | None:
        """Return the frame with most points in common, where they suffice."""
        return max(self.matches(later), key=lambda one: one.points, default=None)

    def _candidates(self, words: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        """Frames in the order of how many of their points share a band with one of these, and are like it.

        A point counts once: along the edge of the endoscope's circle, all points are like each other.
        """
        bits = _bits(words)
        ours, theirs = [], []
        for values, band in zip(_bands(bits).T, self._bands, strict=True):
            starts = np.searchsorted(band.values, values, "left")
            counts = np.searchsorted(band.values, values, "right") - starts
            place = np.repeat(starts - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
            points, own = band.points[place], np.repeat(np.arange(len(words)), counts)
            like = np.bitwise_count(self._words[points] ^ words[own]).sum(axis=1) <= LIKE_BITS
            ours.append(points[like])
            theirs.append(own[like])
        points, own = np.concatenate(ours), np.concatenate(theirs)
        frames, pair_count = self._owner[points], max(1, len(words))
        once_ours = np.bincount(self._owner[np.unique(points)], minlength=len(self.frames))
        once_theirs = np.bincount(
            np.unique(frames * pair_count + own) // pair_count, minlength=len(self.frames)
        )
        votes = np.minimum(once_ours, once_theirs)
        order = np.argsort(-votes, kind="stable")[:MOST]
        return order[votes[order] >= VOTES]


def shared_points(earlier: Points, later: Points) -> int:
    """Count points that one affine map takes from a frame to another; 0 where they lie in one corner of either."""
    if min(len(earlier.words), len(later.words)) < SHARED_POINTS:
        return 0
    signs = [np.where(_bits(own.words), 1, -1).astype(np.float32) for own in (earlier, later)]
    apart = (BITS - signs[0] @ signs[1].T) / 2
    closest = apart.argmin(axis=0)
    # A point is the match of one other at most: the nearest.
    pairs = [
        (int(own), other)
        for other, own in enumerate(closest)
        if apart[own, other] <= LIKE_BITS and apart[own].argmin() == other
    ]
    if len(pairs) < SHARED_POINTS:
        return 0
    import cv2

    source = earlier.places[[own for own, _ in pairs]]
    target = later.places[[other for _, other in pairs]]
    _, fits = cv2.estimateAffine2D(
        source, target, method=cv2.RANSAC, ransacReprojThreshold=REACH, maxIters=TRIALS, refineIters=0
    )
    if fits is None:
        return 0
    kept = fits[:, 0].astype(bool)
    for places, size in ((source[kept], earlier.size), (target[kept], later.size)):
        if (np.ptp(places, axis=0) < SPREAD * np.array(size)).any():
            return 0
    return int(kept.sum())

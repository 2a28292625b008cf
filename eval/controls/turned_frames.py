"""A hash of a picture without its border, in the eight ways to turn and mirror it.

Uniform rows and columns at the border (black bars, a padded square) are cut off first. Two pictures are the same one
where a hash of one, in any of the eight ways, is within ``NEAR_BITS`` of the other's upright hash. Measured on real
frames by ``tests/benchmarks/bench_altered_frames.py``; the figures stand in ``docs/evaluate.md``.
"""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image
from surgvqa.builders.cases.leakage import WORDS

WAYS = 8  # four turns, each mirrored or not; the first is upright
NEAR_BITS = 24  # as for upright pictures
UNIFORM = 16  # grey levels between the darkest and the brightest pixel of a row that belongs to a bar
Numbers = npt.NDArray[np.uint64]


def turned_hashes(content: bytes) -> Numbers:
    """Hash an encoded picture in all eight ways: 8 x 4 numbers of 64 bits."""
    with Image.open(io.BytesIO(content)) as picture:
        picture.draft("L", (136, 136))  # a JPEG is decoded at a fraction of its size
        grey = picture.convert("L")
    box = inner_box(np.asarray(grey, np.int16))
    wide = np.asarray(grey.resize((17, 16), Image.Resampling.BOX, box), np.int16)
    tall = np.asarray(grey.resize((16, 17), Image.Resampling.BOX, box), np.int16).T
    views = [view[::up, ::left] for view in (wide, tall) for up in (1, -1) for left in (1, -1)]
    bits = np.array([view[:, 1:] > view[:, :-1] for view in views])
    return np.packbits(bits.reshape(WAYS, -1), axis=1).view(np.uint64)


def inner_box(grey: npt.NDArray[np.int16]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of what lies within the bars; all of a picture that is uniform.

    >>> inner_box(np.pad(np.arange(20, dtype=np.int16).reshape(4, 5) * 9, ((2, 1), (0, 0))))
    (0, 2, 5, 6)
    """
    rows = np.flatnonzero(np.ptp(grey, axis=1) > UNIFORM)
    columns = np.flatnonzero(np.ptp(grey, axis=0) > UNIFORM)
    if not len(rows) or not len(columns):
        return (0, 0, grey.shape[1], grey.shape[0])
    return (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def bits_apart(earlier: Numbers, later: Numbers) -> npt.NDArray[np.uint16]:
    """Count the bits between a later frame (8 x 4) and each earlier one (frames x 4, upright), by the best way."""
    bits: npt.NDArray[np.uint16] = np.zeros((WAYS, len(earlier)), np.uint16)
    for word in range(WORDS):
        bits += np.bitwise_count(later[:, word, None] ^ earlier[None, :, word])
    closest: npt.NDArray[np.uint16] = bits.min(axis=0)
    return closest

"""Text on pictures, read by the neural detector and reader of PP-OCR (extra ``ocr``): any size, colour and place.

Every picture is looked at by itself, so text that moves, jitters, counts or is shown for a moment is found like text
that stands still. The detector proposes boxes; a box is text when its letters can be read. On 62 real frames of eight
endoscopes and microscopes the detector proposed 25 boxes on tissue, and the reader was never surer of one than 0.38;
of burned-in words it was at least 0.73 sure. Faint letters are looked for in a second view with raised contrast.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import metadata
from typing import Any

import numpy as np
from PIL import Image, ImageFilter
from surgvqa.builders.files.pictures import resize
from surgvqa.builders.privacy.burned_text import Region

Box = tuple[float, float, float, float]  # x1, y1, x2, y2

SURE = 0.5  # how sure the reader has to be, 0-1, of a box's letters
LETTERS = 2  # that are read in a box; one letter alone is as often a glint
MARGIN = 0.15  # around a box, in heights of its line: the halo of a compressed letter, and its strokes that were missed
LARGEST = (
    1080  # pixels of the shorter side; PP-OCR enlarges to 736 by itself, and words of 12 pixels stay readable
)
CONTRAST = 4.0  # times the contrast of the second view
NEAR = 12  # pixels of blur: what is wider than a letter is no letter
GREY = 128


def version() -> str | None:
    """Return the name and version of the text reader, for the manifest; None without the extra ``ocr``."""
    try:
        return f"rapidocr-onnxruntime {metadata.version('rapidocr-onnxruntime')}"
    except metadata.PackageNotFoundError:
        return None


@cache
def _reader() -> Any:
    from rapidocr_onnxruntime import RapidOCR

    # One thread: the workers are the parallel part, and sums in another order are other sums.
    return RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)


def find(frames: Iterable[np.ndarray]) -> tuple[Region, ...]:
    """Find text on any of the frames (height x width x 3, uint8, RGB); they are taken one at a time."""
    regions: set[Region] = set()
    for frame in frames:
        times = max(1.0, min(frame.shape[:2]) / LARGEST)
        small = frame if times == 1 else resize(frame, round(max(frame.shape[:2]) / times))
        for view in (small, raise_contrast(small)):
            regions |= {_within(tuple(times * at for at in box), frame) for box in lines(view)}
        regions = set(outer_regions(regions))
    return tuple(sorted(regions))


def lines(frame: np.ndarray) -> list[Box]:
    """Return the boxes of a frame in which letters can be read, and what else of their lines was proposed."""
    reader = _reader()
    picture = np.ascontiguousarray(frame[..., ::-1])  # BGR
    quads, _ = reader.text_det(picture)
    if quads is None or not len(quads):
        return []
    upright, _, _ = reader.text_cls(reader.get_crop_img_list(picture, quads))
    read, _ = reader.text_rec(upright, False)
    sure: list[Box] = []
    others: list[Box] = []
    for quad, (text, score, *_) in zip(quads, read, strict=True):
        sides = np.linalg.norm(quad - np.roll(quad, 1, axis=0), axis=1)
        margin = MARGIN * float(sides.min())
        (x1, y1), (x2, y2) = quad.min(axis=0) - margin, quad.max(axis=0) + margin
        is_text = score >= SURE and sum(char.isalnum() for char in text) >= LETTERS
        (sure if is_text else others).append((float(x1), float(y1), float(x2), float(y2)))
    beside = [box for box in others if any(_one_line(box, one) for one in sure)]
    return sure + beside


def _one_line(box: Box, text: Box) -> bool:
    """Whether a box continues a line of text: as high, beside it, at most two heights away."""
    height = text[3] - text[1]
    overlap = min(box[3], text[3]) - max(box[1], text[1])
    gap = max(box[0], text[0]) - min(box[2], text[2])
    return overlap > 0.5 * height and box[3] - box[1] < 2 * height and gap < 2 * height


def raise_contrast(frame: np.ndarray) -> np.ndarray:
    """Return the frame with the contrast of everything as small as a letter raised, the rest grey."""
    background = np.asarray(Image.fromarray(frame).filter(ImageFilter.BoxBlur(NEAR)), np.float32)
    view: np.ndarray = np.clip(GREY + CONTRAST * (frame - background), 0, 255).astype(np.uint8)
    return view


def _within(box: Box, frame: np.ndarray) -> Region:
    height, width = frame.shape[:2]
    x1, y1, x2, y2 = box
    return max(0, int(x1)), max(0, int(y1)), min(width, int(np.ceil(x2))), min(height, int(np.ceil(y2)))


def outer_regions(regions: Iterable[Region]) -> tuple[Region, ...]:
    """Return the regions without those that lie inside another, in order.

    >>> outer_regions({(0, 0, 9, 9), (1, 1, 8, 8), (5, 0, 20, 9)})
    ((0, 0, 9, 9), (5, 0, 20, 9))
    """
    outer: list[Region] = []
    for x1, y1, x2, y2 in sorted(regions, key=lambda one: (-(one[2] - one[0]) * (one[3] - one[1]), one)):
        if not any(a <= x1 and b <= y1 and x2 <= c and y2 <= d for a, b, c, d in outer):
            outer.append((x1, y1, x2, y2))
    return tuple(sorted(outer))

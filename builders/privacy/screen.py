"""The screen of published pictures: covered regions, burned-in text, frames outside the body.

The bundled rule for "outside" is colour alone: lit tissue is red. It drops drapes, gauze, blue light, the inside
of a trocar; it does NOT see skin, faces or a warmly lit room, which are red, too, and it is no rule for a
microscope over an eye. For those take stretches that a person or a model (OoBNet, ROBAN) found: ``--outside
FILE.csv`` with ``case,start,end``. Or a model itself: ``--outside FILE.py`` defines ``outside(frame)``, which is asked of
every published frame (height x width x 3, uint8, RGB) and answers whether it shows the outside of the body, or a face.
What is left is audited by eye: ``surgvqa-card audit DIR --frames N``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from surgvqa.builders.files.pictures import resize
from surgvqa.builders.files.tables import rows, seconds
from surgvqa.builders.privacy import burned_text, text_reader
from surgvqa.builders.privacy.burned_text import Region
from surgvqa.builders.sources import module_of
from surgvqa.cards.command import InputError
from surgvqa.cards.files import manifest

if TYPE_CHECKING:
    from surgvqa.builders.schema import Clip

Detector = Callable[[np.ndarray], bool]  # height x width x 3 uint8 RGB -> shown from outside the body
Frames = Callable[[], Sequence[np.ndarray]]
Shares = tuple[float, float, float, float]

COLOUR = "colour"
MODEL = ".py"  # ending of a file with a detector of the user's own
LIT = 40  # the brightest channel of a pixel that shows anything, 0-255
REDDER = 1.1  # red over green and over blue
# Of the lit pixels. In the body 0.39 (da Vinci, pale tissue) to 1.00 over 84 real frames of four endoscopes; the
# inside of a trocar 0.12-0.57, blue and grey scenes 0.00-0.28; people at home 0.49-0.73, which colour can't tell.
INSIDE = 0.3
READ = (
    "burned-in text is black where PP-OCR read it, on every published picture and at least one a second; text of fewer "
    "than two letters, text shown for less than a second between two of them, and handwriting may be left"
)
STROKES = (
    "burned-in text is black where its strokes stand still on nearly all of twelve pictures of a case; text that moves, "
    "counts, is dim or is shown for a part of the time is left (pip install 'surgvqa[ocr]' has it read)"
)
DARK = 0.02  # a share of lit pixels under which nothing is shown, so nobody either


@dataclass(frozen=True, slots=True)
class Screen:
    """The treatment of every picture of a data set."""

    cover: tuple[Shares, ...] = ()  # x, y, width, height in shares of the picture: painted black
    find_text: bool = False
    reader: str | None = (
        None  # what reads text on every picture, with its version; None where strokes alone are found
    )
    outside: str | None = None  # "colour", or the name of the file of stretches
    stretches: tuple[tuple[str, float, float], ...] = ()  # case, seconds of the case
    model: Path | None = None  # a file of the user's own that says what shows the outside
    model_sha256: str | None = None

    def parameters(self) -> dict[str, object]:
        """Return these values as a manifest and a command line name them."""
        return {
            "cover": [",".join(f"{value:g}" for value in region) for region in self.cover],
            "cover_text": self.find_text,
            **({"text_reader": self.reader} if self.reader else {}),
            "outside": self.outside,
            **({"outside_sha256": self.model_sha256} if self.model_sha256 else {}),
        }

    def notes(self) -> tuple[str, ...]:
        """Return what has to be known of covered text."""
        return () if not self.find_text else (READ,) if self.reader else (STROKES,)

    @property
    def detector(self) -> Detector | None:
        """The detector that looks at every frame, None where none does."""
        if self.model is not None:
            return model_of(self.model)
        return shown_outside if self.outside == COLOUR else None

    def away(self, clip: Clip) -> bool:
        """Whether a clip overlaps a stretch outside the body."""
        return any(
            case_id == clip.case_id and start_s * 1000 < clip.end_ms and clip.start_ms < end_s * 1000
            for case_id, start_s, end_s in self.stretches
        )


def screen(cover: Sequence[str], find_text: bool, outside: str | None) -> Screen | None:
    """Return the options as a screen, None where there is nothing to do. Raises ``InputError`` for bad ones."""
    regions = tuple(region(text) for text in cover)
    stretches: tuple[tuple[str, float, float], ...] = ()
    model: Path | None = None
    if outside is not None and outside != COLOUR:
        path = Path(outside)
        if not path.is_file():
            raise InputError(
                f"--outside {outside}: neither {COLOUR!r}, nor a CSV file of case,start,end, nor a Python file with outside(frame)"
            )
        outside = path.name
        if path.suffix == MODEL:
            model = path.resolve()
            model_of(model)
        else:
            stretches = tuple(read_stretches(path))
    if not (regions or find_text or outside):
        return None
    reader = text_reader.version() if find_text else None
    return Screen(
        regions, find_text, reader, outside, stretches, model, manifest.sha256(model) if model else None
    )


@cache
def model_of(path: Path) -> Detector:
    """Return the detector of a Python file; its answers must be true or false.

    Raises:
        InputError: the file has no function ``outside``, or it answers something else.
    """
    function = getattr(module_of(path), "outside", None)
    if not callable(function):
        raise InputError(
            f"--outside {path.name}: it needs a function outside(frame) that returns True or False"
        )

    def detector(frame: np.ndarray) -> bool:
        verdict = function(frame)
        if not isinstance(verdict, bool | np.bool_):
            raise InputError(
                f"--outside {path.name}: outside(frame) returned {verdict!r}; True or False is due"
            )
        return bool(verdict)

    return detector


def region(text: str) -> Shares:
    """Return a region as an option gives it.

    >>> region("0,0.9,1,0.1")
    (0.0, 0.9, 1.0, 0.1)
    """
    try:
        x, y, width, height = map(float, text.split(","))
    except ValueError:
        x = y = width = height = -1
    if not (0 <= x < 1 and 0 <= y < 1 and 0 < width <= 1 - x + 1e-9 and 0 < height <= 1 - y + 1e-9):
        raise InputError(
            f"--cover {text}: give X,Y,WIDTH,HEIGHT in shares of the picture, as 0,0.9,1,0.1 for its lowest tenth"
        )
    return x, y, width, height


def read_stretches(path: Path) -> Iterable[tuple[str, float, float]]:
    """Yield the rows of a file of stretches."""
    for index, row in enumerate(rows(path, ("case", "start", "end")), start=2):
        where = f"{path.name} row {index}"
        start_s, end_s = seconds(row, "start", where), seconds(row, "end", where)
        if end_s <= start_s:
            raise InputError(f"{where}: ends at {end_s:g} s, starts at {start_s:g} s")
        yield row["case"], start_s, end_s


def shown_outside(frame: np.ndarray) -> bool:
    """Whether the colour of a frame (height x width x 3, uint8, RGB) rules out that it shows the inside of a body.

    >>> shown_outside(np.full((8, 8, 3), (60, 120, 160), np.uint8)), shown_outside(np.full((8, 8, 3), (160, 60, 50), np.uint8))
    (True, False)
    """
    small = resize(frame, 128).astype(np.float32)
    red, green, blue = small[..., 0], small[..., 1], small[..., 2]
    lit = small.max(-1) >= LIT
    if lit.mean() < DARK:
        return False
    reddish = lit & (red >= REDDER * green) & (red >= REDDER * blue)
    return bool(reddish.sum() < INSIDE * lit.sum())


def black_regions(
    how: Screen, size: tuple[int, int], sample: Frames, every: Callable[[], Iterable[np.ndarray]]
) -> tuple[Region, ...]:
    """Return the regions of a case's pictures (``size`` is width x height) that are painted black.

    ``sample`` gives a few pictures of it, ``every`` those that are looked at one by one.
    """
    width, height = size
    regions = [
        (
            int(x * width),
            int(y * height),
            min(width, -int(-(x + w) * width // 1)),
            min(height, -int(-(y + h) * height // 1)),
        )
        for x, y, w, h in how.cover
    ]
    if how.find_text:
        regions += burned_text.find(sample())
    if how.reader:
        regions += text_reader.find(every())
    return tuple(regions)

"""Still pictures: JPEG bytes that carry pixels and nothing else, and one way to make them smaller."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import simplejpeg
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from surgvqa.builders.files.names import require_regular
from surgvqa.cards.command import InputError, machine_fault

# What Pillow raises for a picture that is damaged or would fill the memory.
PICTURE_ERRORS = (OSError, SyntaxError, ValueError, Image.DecompressionBombError, struct.error)
QUARTER = (5, 6, 7, 8)  # EXIF orientations that swap width and height
QUALITY = 90  # 512 x 384: 40 kB a frame; a training set of 8 frames a clip stays below its source's size


def encode_jpeg(rgb: np.ndarray, quality: int = QUALITY) -> bytes:
    """Return a height x width x 3 uint8 RGB array as JPEG bytes, without EXIF, comment or colour profile.

    >>> import numpy as np
    >>> encode_jpeg(np.zeros((8, 8, 3), np.uint8))[:2].hex()
    'ffd8'
    """
    pixels = np.ascontiguousarray(rgb)
    data: bytes = simplejpeg.encode_jpeg(pixels, quality=quality, colorspace="RGB", colorsubsampling="420")
    return data


def decode_jpeg(data: bytes) -> np.ndarray:
    """JPEG bytes as a height x width x 3 uint8 RGB array. Raises ``InputError`` where they are damaged."""
    try:
        rgb: np.ndarray = simplejpeg.decode_jpeg(data, colorspace="RGB", strict=True)
    except ValueError as error:
        raise InputError(f"a JPEG of {len(data)} bytes cannot be decoded: {error}") from error
    return rgb


def fitted_size(width: int, height: int, max_side: int | None) -> tuple[int, int]:
    """Return the size of a picture whose longer side is brought down to ``max_side``; nothing is enlarged.

    >>> fitted_size(1024, 768, 512)
    (512, 384)
    >>> fitted_size(224, 224, 512)
    (224, 224)
    """
    longer = max(width, height)
    if max_side is None or longer <= max_side:
        return width, height
    return max(1, round(width * max_side / longer)), max(1, round(height * max_side / longer))


def resize(rgb: np.ndarray, max_side: int | None) -> np.ndarray:
    """Return the picture with its longer side at most ``max_side`` pixels, area-filtered; smaller ones as is."""
    height, width = rgb.shape[:2]
    size = fitted_size(width, height, max_side)
    if size == (width, height):
        return rgb
    factor = width // size[0]
    if (width, height) == (size[0] * factor, size[1] * factor):
        # The same mean of every block, at a third of the CPU: 1.2 ms instead of 3.5 for 1024x768 to 512x384.
        return halve(rgb) if factor == 2 else np.asarray(Image.fromarray(rgb).reduce(factor))
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BOX))


def halve(rgb: np.ndarray) -> np.ndarray:
    """Every 2x2 block's mean, halves up, as Pillow's ``reduce(2)``; half its CPU, as nothing is copied to it first.

    >>> import numpy as np
    >>> halve(np.array([[[0, 9, 1], [0, 9, 1]], [[1, 9, 1], [1, 8, 3]]], np.uint8)).tolist()
    [[[1, 9, 2]]]
    """
    pairs = np.add(rgb[0::2], rgb[1::2], dtype=np.uint16)
    pairs += 1  # twice in every block: a half is rounded up
    blocks = np.empty((rgb.shape[0] // 2, rgb.shape[1] // 2, 3), np.uint16)
    for channel in range(3):  # one by one: an inner loop of three is four times slower
        np.add(pairs[:, 0::2, channel], pairs[:, 1::2, channel], out=blocks[..., channel])
    blocks >>= 2
    return blocks.astype(np.uint8)


@contextmanager
def opened_picture(path: Path, file_name: str | None = None) -> Iterator[Image.Image]:
    """Yield a picture of an ordinary file; ``file_name`` is how a message calls it.

    Raises:
        InputError: it isn't there, no ordinary file, damaged or implausibly large, or becomes so in the caller's hands.
    """
    file_name = file_name or str(path)
    if not path.exists():
        raise InputError(f"{file_name}: no such picture")
    try:
        with Image.open(require_regular(path, file_name)) as picture:
            yield picture
    except UnidentifiedImageError as error:
        raise InputError(f"{file_name}: not a picture that can be read") from error
    except PICTURE_ERRORS as error:
        if machine_fault(error):
            raise
        raise InputError(f"{file_name}: the picture is damaged: {error}") from error


@dataclass(frozen=True, slots=True)
class Size:
    """The width and height of a picture in pixels, as a viewer shows it and as its file stores it."""

    viewed_size: tuple[int, int]
    stored_size: tuple[int, int]


def sizes_of(path: Path, name: str | None = None) -> Size:
    """Return the sizes of a picture, from its header; ``name`` is how a message calls the file.

    They differ where EXIF turns it by a quarter; `read_picture` and viewers apply that.

    Raises:
        InputError: it can't be read.
    """
    with opened_picture(path, name) as picture:
        width, height = picture.size
        quarter = picture.getexif().get(ExifTags.Base.Orientation) in QUARTER
    return Size((height, width) if quarter else (width, height), (width, height))


def size_of(path: Path, file_name: str | None = None) -> tuple[int, int]:
    """Width and height of a picture in pixels as it is shown; ``file_name`` is how a message calls the file.

    Raises:
        InputError: it can't be read.
    """
    return sizes_of(path, file_name).viewed_size


def one_size(paths: Sequence[Path]) -> Size | None:
    """Return the size that all pictures are shown in, or None of none. Raises ``InputError`` where they differ."""
    first: dict[tuple[int, int], tuple[Path, Size]] = {}
    for path in paths:
        size = sizes_of(path)
        first.setdefault(size.viewed_size, (path, size))
    if len(first) > 1:
        names = ", ".join(f"{path.name} is {w}x{h}" for (w, h), (path, _) in sorted(first.items()))
        raise InputError(f"{paths[0].parent}: pictures differ in size: {names}")
    return next((size for _, size in first.values()), None)


def read_picture(path: Path) -> np.ndarray:
    """Return a picture file as a height x width x 3 uint8 RGB array, turned as its EXIF says.

    Greys of 16 bits are brought to 8, as viewers do; Pillow alone would show all above 255 as white. Raises ``InputError``
    with the file's name where it is missing, damaged or implausibly large, its greys have no stated range, it holds several
    pictures, or a part of it is transparent: what somebody hid there would be shown.
    """
    with opened_picture(path) as picture:
        count = getattr(picture, "n_frames", 1)
        if count > 1 and picture.format != "MPO":  # a camera's JPEG with a preview behind it
            raise InputError(f"{path}: {count} pictures in one file; store them one by one")
        if picture.has_transparency_data and np.asarray(picture.convert("RGBA"))[..., 3].min() < 255:
            raise InputError(
                f"{path}: a part of it is transparent; store it as it is to be seen, without transparency"
            )
        upright = ImageOps.exif_transpose(picture)
        if picture.mode.startswith("I;16"):
            grey = (np.asarray(upright).astype(np.uint32) + 128) // 257
            return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)
        if picture.mode in ("I", "F"):
            raise InputError(f"{path}: greys of 32 bits, without a stated range; store 8 or 16 bits")
        return np.asarray(upright.convert("RGB"))


def one_colour(path: Path, within: int = 8) -> bool:
    """Whether a picture shows one colour alone, as what was blackened does; a damaged one is not told from others here."""
    try:
        with Image.open(path) as picture:
            picture.draft("RGB", (64, 64))  # of a JPEG an eighth of its lines is decoded
            small = picture.convert("RGB").resize((64, 64), Image.Resampling.BOX)
            pixels = np.asarray(small).astype(int)
            return bool((pixels.max((0, 1)) - pixels.min((0, 1)) <= within).all())
    except PICTURE_ERRORS:
        return False

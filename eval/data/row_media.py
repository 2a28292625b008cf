"""The pixels of a clip's row, without PyTorch: its pictures, and where its video lies."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image
from surgvqa.cards.command import InputError
from surgvqa.eval.data import whole


def name(row: Mapping[str, Any]) -> str:
    """Return the name of a row in a message."""
    return str(row.get("clip_id") or "a row without clip_id")


def video_of(row: Mapping[str, Any], video: str, root: Path | None) -> tuple[Path, float]:
    """Return the file that a row names, below ``root``, and the second of it at which the clip begins.

    Raises:
        InputError: it lies elsewhere, isn't there, isn't as it was written, or nobody knows where the clip begins.
    """
    root = (root or Path()).resolve()
    path = (root / video).resolve()
    if not path.is_relative_to(root):
        raise InputError(f"{name(row)}: video {video!r} lies outside of {root}")
    if not path.is_file():
        raise InputError(f"{name(row)}: no video {path}; give --video-root, the folder the build read from")
    whole.refuse_other_video(root, path)
    if row.get("video_start_s") is None:
        raise InputError(
            f"{name(row)} has no video_start_s: nobody knows where in {video} it begins; build again"
        )
    return path, float(row["video_start_s"])


def decode(data: bytes) -> NDArray[np.uint8]:
    """Picture bytes to ``height x width x 3`` RGB.

    Raises:
        ValueError, OSError: not a whole picture.
    """
    if simplejpeg.is_jpeg(data):
        rgb: NDArray[np.uint8] = simplejpeg.decode_jpeg(data, colorspace="RGB")
        return rgb
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB"))

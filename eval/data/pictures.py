"""Picture bytes as pixels, without PyTorch."""

from __future__ import annotations

import io

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image


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

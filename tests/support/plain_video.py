"""A video without content, for trees that need one."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def render(path: Path, seconds: float, width: int, height: int) -> None:
    """Four frames a second, each with blocks of its own, other ones for another file name."""
    random = np.random.default_rng(list(path.name.encode()))
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(4))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for _ in range(round(4 * seconds)):
            blocks = random.integers(0, 255, (height // 16, width // 16, 3), np.uint8)
            picture = blocks.repeat(16, axis=0).repeat(16, axis=1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())

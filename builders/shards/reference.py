"""The address of a clip in a video that stays where it is, and the size of the picture that stands for it."""

from __future__ import annotations

from urllib.parse import quote

POSTER_SIDE = 256  # pixels of its longer side: 10 kB, a fortieth of the frames of a clip


def address(video: str, start_s: float, end_s: float) -> str:
    """Return where in a video a clip lies, as a player reads it (a media fragment of the W3C).

    >>> address("cases/case 1.mp4", 12.5, 17.0)
    'cases/case%201.mp4#t=12.5,17'
    """
    return f"{quote(video)}#t={_seconds(start_s)},{_seconds(end_s)}"


def _seconds(at: float) -> str:
    return f"{at:.3f}".rstrip("0").rstrip(".")

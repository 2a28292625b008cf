"""Cataract-1K: cataract operations with phases, and instruments and anatomy as COCO masks."""

from __future__ import annotations

IMAGE_STEP_S = 5.0
IMAGE_LEAD_S = 0.5


def image_time(number: int) -> float:
    """The second at which image ``number`` (from 1) of a case was taken.

    >>> [image_time(number) for number in (1, 2, 3, 4)]
    [0.0, 0.0, 4.5, 9.5]
    """
    return max(0.0, IMAGE_STEP_S * (number - 2) - IMAGE_LEAD_S)

"""The times of Cataract-1K's pictures: its files number them and give no seconds."""

from __future__ import annotations

# When image n of a case was taken. The set's description says "one frame per five seconds" and no more, so
# the rule was measured on the 18 cases at hand that have phases and masks (1,287 images after the first);
# `notes` measures it again on whatever is read. Agreement: instruments of BELONGS in a phase of theirs, images
# without an instrument between phases, images with one in a phase:
#   5 (n - 1)          83.7 %   25.1 %   86.0 %
#   5 (n - 2)          98.5 %   72.5 %   97.8 %
#   5 (n - 2) - 0.5    99.2 %   81.3 %   99.5 %   a grid over slope and shift has its maximum here
#   5 (n - 2) - 1      97.1 %   74.9 %   97.2 %
#   n / N of the last phase's end   87.5 %   38.1 %   88.0 %
# Case by case the best shift against 5 (n - 2) lies between -0.75 and 0 s in all 18. Images 1 and 2 show the
# same moment, the first frame: their masks of cornea and pupil agree with an intersection over union of
# 0.94 or more in all 20 cases.
IMAGE_STEP_S = 5.0
IMAGE_LEAD_S = 0.5


def image_time(number: int) -> float:
    """Return the second at which image ``number`` (from 1) of a case was taken.

    >>> [image_time(number) for number in (1, 2, 3, 4)]
    [0.0, 0.0, 4.5, 9.5]
    """
    return max(0.0, IMAGE_STEP_S * (number - 2) - IMAGE_LEAD_S)

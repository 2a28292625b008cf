"""Numbers of the coordinate algebra that can be said in advance, each computed another way than the code does."""

from __future__ import annotations

import hashlib
import struct
from fractions import Fraction

import pytest
from surgvqa.builders.geometry.coordinates import CELLS, QUADRANTS, Space, iou, jitter, letterbox, quadrant


def test_a_cell_is_named_by_the_middle_of_its_ninth() -> None:
    rows, columns = ("top", "middle", "bottom"), ("left", "center", "right")
    centre = {0: Fraction(1, 6), 1: Fraction(1, 2), 2: Fraction(5, 6)}
    named = {
        ("center" if (row, column) == ("middle", "center") else f"{row}-{column}"): (
            float(centre[x]),
            float(centre[y]),
        )
        for y, row in enumerate(rows)
        for x, column in enumerate(columns)
    }
    assert named.keys() == CELLS.keys()
    for name, place in named.items():
        assert CELLS[name] == pytest.approx(place)


def test_quadrants_are_the_middles_of_the_quarters_and_of_the_picture() -> None:
    assert QUADRANTS == {
        "top-left": (1 / 4, 1 / 4), "top-right": (3 / 4, 1 / 4), "center": (1 / 2, 1 / 2),
        "bottom-left": (1 / 4, 3 / 4), "bottom-right": (3 / 4, 3 / 4),
    }  # fmt: skip
    # 80 and 60 pixels of a picture 100 wide and 200 high, which lie in a quarter by their fractions alone
    assert quadrant((80, 60), Space(100, 200)) == "top-right"
    assert quadrant((20, 60), Space(100, 200)) == "top-left"
    assert quadrant((180, 20), Space(200, 100)) == "top-right"
    assert quadrant((260, 10), Space(200, 100)) == "top-right", "a point outside counts for the nearest"


@pytest.mark.parametrize(
    ("source", "target", "scale", "left", "top"),
    [
        ((200, 100), (100, 100), 0.5, 0, 25),
        ((100, 200), (100, 100), 0.5, 25, 0),
        ((3, 2), (10, 10), 10 / 3, 0, 5 / 3),
        ((2, 3), (10, 10), 10 / 3, 5 / 3, 0),
        ((10, 10), (31, 30), 3.0, 0.5, 0),
        ((10, 10), (30, 31), 3.0, 0, 0.5),
    ],
)
def test_a_letterbox_keeps_the_aspect_and_is_in_the_middle(
    source: tuple[int, int], target: tuple[int, int], scale: float, left: float, top: float
) -> None:
    found = letterbox(Space(*source), Space(*target))
    assert (found.scale_x, found.scale_y) == pytest.approx((scale, scale))
    assert (found.offset_x, found.offset_y) == pytest.approx((left, top))


@pytest.mark.parametrize(
    ("a", "b", "share"),
    [
        ((0, 0, 2, 2), (5, 0, 7, 2), 0.0),  # apart on one axis
        ((0, 0, 2, 2), (0, 5, 2, 7), 0.0),  # apart on the other one
        ((0, 0, 2, 2), (5, 5, 7, 7), 0.0),  # apart on both: two negative sides make no area
        ((1, 1, 1, 1), (1, 1, 1, 1), 0.0),  # no area at all
        ((0, 0, 4, 2), (2, 0, 6, 2), 1 / 3),
    ],
)
def test_the_share_of_two_boxes(a: tuple, b: tuple, share: float) -> None:
    assert iou(a, b) == pytest.approx(share)


def test_a_jitter_is_the_first_two_numbers_of_the_keys_hash() -> None:
    for key in (("video_01", 12, "suction"), ("v", 0, "x"), (3,)):
        digest = hashlib.sha256("\x1f".join(map(str, key)).encode()).digest()
        first, second = (number / 2**63 - 1 for number in struct.unpack(">QQ", digest[:16]))
        assert jitter((0.2, 0.7), 0.1, *key) == pytest.approx((0.2 + 0.1 * first, 0.7 + 0.1 * second))

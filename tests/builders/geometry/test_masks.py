"""Masks: what the polygons enclose, and points that are surely inside."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from surgvqa.builders.geometry.masks import (
    area_of,
    box_of,
    centroid_of,
    mask_to_rle,
    move,
    point_inside,
    polygons_to_rle,
    rle_to_mask,
)
from surgvqa.cards.command import InputError

masks = st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1), st.floats(0, 1)).map(
    lambda s: np.random.default_rng(s[2]).random(s[:2]) < s[3]
)


@given(masks)
@settings(max_examples=200, deadline=None)
def test_run_lengths_come_back_and_agree_with_the_pixels(mask):
    height, width = mask.shape
    rle = mask_to_rle(mask)
    assert np.array_equal(rle_to_mask(rle, width, height), mask)
    assert area_of(rle, width, height) == mask.sum()
    if not mask.any():
        with pytest.raises(InputError, match="empty"):
            box_of(rle, width, height)
        return
    ys, xs = np.nonzero(mask)
    assert box_of(rle, width, height) == (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
    assert centroid_of(rle, width, height) == pytest.approx((xs.mean() + 0.5, ys.mean() + 0.5))
    x, y = point_inside(mask)
    assert mask[int(y), int(x)]


def test_the_point_of_a_ring_is_on_the_ring():
    y, x = np.mgrid[:101, :101]
    ring = (np.hypot(x - 50, y - 50) < 45) & (np.hypot(x - 50, y - 50) > 30)
    cx, cy = centroid_of(mask_to_rle(ring), 101, 101)
    assert not ring[int(cy), int(cx)]
    px, py = point_inside(ring)
    assert ring[int(py) - 3 : int(py) + 4, int(px) - 3 : int(px) + 4].all()


def test_several_polygons_are_one_mask():
    rle = polygons_to_rle([[0, 0, 10, 0, 10, 10, 0, 10], [5, 0, 20, 0, 20, 10, 5, 10]], 30, 20)
    assert area_of(rle, 30, 20) == 200
    assert box_of(rle, 30, 20) == (0, 0, 20, 10)


def test_a_polygon_over_the_edge_is_cut_there():
    assert box_of(polygons_to_rle([[-3, 5, 40, 5, 40, 9, -3, 9]], 30, 20), 30, 20) == (0, 5, 30, 9)


@pytest.mark.parametrize(
    ("polygons", "said"),
    [
        ("[[1, 2, 3, 4, 5, 6]]", "not a list of polygons"),
        ([], "not a list of polygons"),
        (["1, 2, 3"], "not a list of numbers"),
        ([[1, 2, 3, 4]], "three points"),
        ([[1, 2, 3, 4, 5, 6, 7]], "two numbers each"),
        ([[1, 2, 3, 4, 5, float("nan")]], "not a finite number"),
        ([[1, 2, 3, 4, 5, float("inf")]], "not a finite number"),
        ([[1, 2, 3, 4, 5, "6"]], "not a finite number"),
        ([[1, 2, 3, 4, 5, 10**6]], "far outside its 30x20 frame"),
    ],
)
def test_bad_polygons(polygons, said):
    with pytest.raises(InputError, match=said):
        polygons_to_rle(polygons, 30, 20)


@pytest.mark.parametrize("rle", ["22", "0000", "\x7f", "P", "o", mask_to_rle(np.ones((5, 7), bool)), "@@@"])
def test_bad_run_lengths(rle):
    with pytest.raises(InputError):
        rle_to_mask(rle, 5, 5)


@pytest.mark.parametrize(("width", "height"), [(0, 0), (0, 5), (5, 0), (-1, 5)])
@pytest.mark.parametrize(
    "call",
    [
        lambda w, h: polygons_to_rle([[0, 0, 0, 0, 0, 0]], w, h),
        lambda w, h: rle_to_mask("0", w, h),
        lambda w, h: box_of("22", w, h),
        lambda w, h: area_of("22", w, h),
    ],
)
def test_a_frame_without_a_pixel_is_refused_before_c_code_sees_it(call, width, height):
    """COCO's box of a mask of height 0 ends the whole process with SIGFPE."""
    with pytest.raises(InputError, match="has at least one"):
        call(width, height)


def test_a_number_without_an_end_is_refused_in_no_time():
    with pytest.raises(InputError, match="beyond all frames"):
        rle_to_mask("o" * 1_000_000, 5, 5)


def test_a_moved_mask_lies_where_its_box_goes():
    mask = np.zeros((768, 1024), bool)
    mask[100:300, 200:500] = True
    moved = move(mask, (0.25, 0.25), (0, 32), (256, 256))
    assert box_of(mask_to_rle(moved), 256, 256) == (50, 57, 125, 107)

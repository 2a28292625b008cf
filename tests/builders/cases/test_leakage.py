"""What one split shows of another: the numbers that are compared, and every edge of the comparison."""

from __future__ import annotations

import hashlib
import io
import random
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image
from surgvqa.builders.cases.leakage import (
    Finding,
    Window,
    between,
    digest,
    find,
    perceptual_hash,
    refuse,
    window,
)
from surgvqa.cards.command import InputError


def clip(
    name: str,
    case: str | None = "c",
    start: int | None = 0,
    end: int | None = 5000,
    frames: Sequence[int] = (),
    hashes: Sequence[Sequence[int]] = (),
) -> Window:
    looks = np.array(hashes, np.uint64).reshape(-1, 4)
    return Window(name, case, start, end, np.array(frames, np.uint64), looks)


def png(levels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(levels.astype(np.uint8), "L").save(out, "PNG")
    return out.getvalue()


def bits(count: int) -> list[int]:
    """A hash with so many bits set, over all four words."""
    return [sum(1 << (n // 4) for n in range(word, count, 4)) for word in range(4)]


def test_a_window_holds_its_times_in_milliseconds_and_its_frames_as_digests():
    picture = png(np.arange(17 * 16).reshape(16, 17) % 256)
    row = {
        "clip_id": "c@1500-6000",
        "case_id": "c",
        "start_s": 1.5,
        "end_s": 6.0,
        "frame_times_s": [1.7504, 4.0],
        "images": [{"bytes": picture}, picture],
    }
    known = window(row)
    named = [b"c@1750", b"c@4000", picture]
    assert (known.start_ms, known.end_ms) == (1500, 6000) and known.hashes.shape == (1, 4)
    assert (
        known.frames.tolist()
        == [int.from_bytes(hashlib.sha256(one).digest()[:8], "big") for one in named]
        == [digest(one) for one in named]
    )


def test_a_window_without_pictures_and_times_is_empty():
    bare = {
        "clip_id": "x",
        "case_id": "c",
        "start_s": 0.0,
        "end_s": 1.0,
        "frame_times_s": None,
        "images": None,
    }
    known = window(bare)
    assert known.frames.shape == (0,) and known.hashes.shape == (0, 4)


def test_a_hash_says_where_a_pixel_is_brighter_than_its_left_neighbour():
    levels = np.random.default_rng(0).integers(0, 256, (16, 17))
    rises = [levels[y, x + 1] > levels[y, x] for y in range(16) for x in range(16)]
    expected = np.packbits(np.array(rises)).view(np.uint64).tolist()
    assert perceptual_hash(png(levels)) == expected
    big = np.kron(levels, np.ones((8, 8), int))  # the mean of each block is its level
    assert perceptual_hash(png(big)) == expected


def test_equal_neighbours_are_no_rise():
    levels = np.full((16, 17), 100)
    levels[:8] = 0
    assert perceptual_hash(png(levels)) == [0, 0, 0, 0]


@pytest.mark.parametrize(("apart", "has"), [(5, False), (6, True)])
def test_a_picture_with_next_to_no_structure_has_no_hash(apart: int, has: bool):
    """Half of the pixels 5 or 6 grey levels above the other half: standard deviations of 2.5 and 3."""
    levels = np.full(272, 100)
    levels[:136] += apart
    assert (perceptual_hash(png(levels.reshape(16, 17))) is not None) == has


def test_a_jpeg_is_read_at_a_fraction_of_its_size_that_still_shows_the_same():
    levels = np.kron(np.random.default_rng(1).integers(0, 256, (16, 17)), np.ones((64, 64), int))
    out = io.BytesIO()
    Image.fromarray(levels.astype(np.uint8), "L").save(out, "JPEG", quality=95)
    a, b = perceptual_hash(out.getvalue()), perceptual_hash(png(levels))
    assert a is not None and b is not None
    assert sum((x ^ y).bit_count() for x, y in zip(a, b, strict=True)) <= 4


def test_overlaps_are_those_that_a_comparison_of_all_pairs_finds():
    draw = random.Random(5)
    for _ in range(60):

        def some(name: str) -> list[Window]:
            made = []
            for n in range(draw.randint(1, 12)):
                start = draw.randrange(0, 30_000, 250)
                case = draw.choice(["a", "b", None])
                made.append(clip(f"{name}{n:02d}", case, start, start + draw.choice([0, 250, 4000, 20_000])))
            return [*made, clip(f"{name}x", "a", None, 9000), clip(f"{name}y", "a", 100, None)]

        earlier, later = some("e"), some("l")
        expected = []
        for one in later:
            shared = [
                (min(one.end_ms, other.end_ms) - max(one.start_ms, other.start_ms), other.clip_id)
                for other in earlier
                if one.case_id is not None and one.case_id == other.case_id
                and None not in (one.start_ms, one.end_ms, other.start_ms, other.end_ms)
            ]  # fmt: skip
            if shared and max(shared)[0] > 0:
                expected.append(Finding(one.clip_id, max(shared)[1], max(shared)[0] / 1000))
        assert between(earlier, later)["overlapping_windows"] == expected


def test_one_shared_millisecond_is_an_overlap_and_a_touch_is_none():
    first = [clip("a", end=5000)]
    assert between(first, [clip("b", start=4999, end=9000)])["overlapping_windows"] == [
        Finding("b", "a", 0.001)
    ]
    assert between(first, [clip("b", start=5000, end=9000)])["overlapping_windows"] == []


def test_a_clip_without_times_hides_no_later_one():
    later = [clip("l", start=None), clip("m", case="other"), clip("n", start=1000, end=2000)]
    assert between([clip("e")], later)["overlapping_windows"] == [Finding("n", "e", 1.0)]


def test_a_clip_without_a_case_hides_no_shared_one():
    later = [clip("l", case=None), clip("m", case="other"), clip("n")]
    assert between([clip("e")], later)["shared_cases"] == ["c"]


def test_pictures_up_to_24_bits_apart_are_near_and_the_nearest_is_named():
    earlier = [clip("far", hashes=[bits(200)]), clip("none"), clip("near", hashes=[bits(256), bits(0)])]
    assert between(earlier, [clip("l", hashes=[bits(24)])])["near_duplicates"] == [Finding("l", "near", 24)]
    assert between(earlier, [clip("l", hashes=[bits(25)])])["near_duplicates"] == []
    assert between(earlier, [clip("l", hashes=[bits(120), bits(3)])])["near_duplicates"] == [
        Finding("l", "near", 3)
    ]
    assert between([clip("none")], [clip("l", hashes=[bits(0)])])["near_duplicates"] == []
    common = between([clip("e", hashes=[bits(100)])], [clip("l", hashes=[bits(110)])])
    assert common["near_duplicates"] == [Finding("l", "e", 10)], "bits that both have don't count"
    after = between(earlier, [clip("bare"), clip("l", hashes=[bits(24)])])
    assert [one.clip_id for one in after["near_duplicates"]] == ["l"]
    assert between(earlier, [clip("l")])["near_duplicates"] == []


def test_the_first_clip_with_the_very_frame_is_named_and_is_no_near_duplicate_too():
    earlier = [clip("a", frames=[7], hashes=[bits(0)]), clip("b", frames=[8, 9]), clip("c", frames=[9])]
    found = between(earlier, [clip("l", frames=[1, 9], hashes=[bits(0)]), clip("m", frames=[3])])
    assert found["shared_frames"] == [Finding("l", "b", 0)] and found["near_duplicates"] == []
    later = [clip(name, frames=[frame]) for name, frame in (("x", 7), ("y", 8), ("z", 9))]
    assert [one.like for one in between(earlier, later)["shared_frames"]] == ["a", "b", "b"]


def test_all_pairs_of_splits_are_counted_with_ten_examples_of_each():
    train = [clip(f"t{n}", "a", 0, 5000, [n], [bits(n)]) for n in range(12)]
    test = [clip(f"s{n}", "a", 1000, 3000, [n], [bits(n)]) for n in range(12)]
    leaks = find({"train": train, "validation": [clip("v", "b", frames=[5])], "test": test})
    assert leaks["pairs"] == {
        "train/validation": {"shared_cases": 0, "overlapping_windows": 0, "shared_frames": 1, "near_duplicates": 0},
        "train/test": {"shared_cases": 1, "overlapping_windows": 12, "shared_frames": 12, "near_duplicates": 0},
        "validation/test": {"shared_cases": 0, "overlapping_windows": 0, "shared_frames": 1, "near_duplicates": 0},
    }  # fmt: skip
    assert leaks["shared_cases"] == 1 and leaks["overlapping_windows"] == 12
    assert leaks["shared_frames"] == 14 and leaks["near_duplicates"] == 0 and leaks["frames_compared"] == 24
    assert sum("overlapping_windows of train in test" in one for one in leaks["examples"]) == 10
    assert "shared_cases of train in test: a" in leaks["examples"]


@pytest.mark.parametrize(
    ("kind", "refused"),
    [
        ("shared_cases", True),
        ("overlapping_windows", True),
        ("shared_frames", True),
        ("near_duplicates", False),
    ],
)
def test_near_duplicates_alone_are_reported_and_not_refused(kind: str, refused: bool):
    counts = dict.fromkeys(("shared_cases", "overlapping_windows", "shared_frames", "near_duplicates"), 0)
    leaks = {**counts, kind: 3, "examples": ["near_duplicates of a in b: x", f"{kind} of train in test: c"]}
    if refused:
        with pytest.raises(
            InputError, match=rf"the splits leak: 3 {kind.replace('_', ' ')} \({kind} of train"
        ):
            refuse(leaks)
    else:
        refuse(leaks)
    refuse(leaks, but=kind)

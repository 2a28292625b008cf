"""Every way of writing a place comes back to the same place, for each model family's own resize."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from surgvqa.builders.geometry.coordinate_text import (
    FORMS,
    NOT_VISIBLE,
    POSITION_WORDS,
    Location,
    parse,
    write,
)
from surgvqa.builders.geometry.coordinates import (
    CELLS,
    PERCENT,
    QUADRANTS,
    THOUSAND,
    UNIT,
    Grid,
    Space,
    box_centre,
    cell,
    crop,
    inverse,
    iou,
    jitter,
    letterbox,
    model_space,
    move_box,
    move_point,
    quadrant,
    resize,
    then,
)
from surgvqa.cards.command import InputError

FAMILIES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl")
# patch x merge, (min, max) pixels of the released processors, and two small budgets
GRIDS = {
    "qwen2_vl": (14, 2, 56 * 56, 28 * 28 * 1280),
    "qwen2_5_vl": (14, 2, 56 * 56, 28 * 28 * 1280),
    "qwen3_vl": (16, 2, 65536, 16777216),
    "small": (14, 2, 4 * 28 * 28, 256 * 28 * 28),
    "tiny": (7, 2, 14 * 14, 56 * 56),
}
sides = st.integers(32, 2160)
fractions = st.floats(0, 1, allow_nan=False)


def grid_of(family: str) -> Grid:
    patch, merge, low, high = GRIDS[family]
    return Grid(patch * merge, low, high)


@st.composite
def boxes(draw, smallest: float = 0.0):
    x1, y1 = draw(st.floats(0, 1 - smallest)), draw(st.floats(0, 1 - smallest))
    return (x1, y1, draw(st.floats(x1 + smallest, 1)), draw(st.floats(y1 + smallest, 1)))


@pytest.fixture(scope="module")
def processors():
    from transformers import Qwen2VLImageProcessor

    return {
        name: Qwen2VLImageProcessor(
            patch_size=patch, merge_size=merge, size={"shortest_edge": low, "longest_edge": high}
        )
        for name, (patch, merge, low, high) in GRIDS.items()
    }


@pytest.mark.parametrize("family", GRIDS)
@settings(max_examples=60, deadline=None)
@given(width=sides, height=sides)
def test_resized_is_what_the_processor_makes(processors, family, width, height):
    """The number of patches the real processor counts fixes the resized size."""
    processor = processors[family]
    assert Grid.of(processor) == grid_of(family)
    patch = processor.patch_size
    space = Grid.of(processor).smart_resize(width, height)
    assert space.width * space.height / patch**2 == processor.get_number_of_image_patches(height, width, {})


def test_resized_is_the_shape_of_real_pixels(processors):
    """Not only the count: width and height, through a real call."""
    from PIL import Image

    for family, processor in processors.items():
        for width, height in ((224, 224), (640, 360), (97, 301)):
            if family == "qwen3_vl" and width < 224:
                continue
            _, rows, columns = processor(images=[Image.new("RGB", (width, height))])["image_grid_thw"][
                0
            ].tolist()
            space = grid_of(family).smart_resize(width, height)
            assert (space.width, space.height) == (
                columns * processor.patch_size,
                rows * processor.patch_size,
            )


@settings(max_examples=60, deadline=None)
@given(width=sides, height=sides)
def test_video_frames_resize_like_images(width, height):
    """Qwen2-VL and Qwen2.5-VL resize a video frame by frame with the same formula."""
    from transformers.models.qwen2_vl.video_processing_qwen2_vl import smart_resize

    expected = smart_resize(height, width, 28, 128 * 28 * 28, 28 * 28 * 768)
    space = Grid(28, 128 * 28 * 28, 28 * 28 * 768).smart_resize(width, height)
    assert (space.height, space.width) == expected


def test_too_long_an_image_is_a_clear_error():
    with pytest.raises(InputError, match="200:1"):
        Grid(28, 3136, 100352).smart_resize(20100, 100)


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=150, deadline=None)
@given(width=sides, height=sides, x=fractions, y=fractions)
def test_a_point_comes_back_within_half_a_pixel(family, width, height, x, y):
    frame = Space(width, height)
    space = model_space(family, width, height, grid_of(family))
    for form in ("json", "point", "box", "tokens"):
        text = write([Location("a b", point=(x, y))], form, frame, space)
        (found,) = parse(text, form, space).objects
        assert abs(found.point[0] - x) * width <= 0.5 + 1e-9
        assert abs(found.point[1] - y) * height <= 0.5 + 1e-9


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=150, deadline=None)
@given(width=st.integers(240, 2160), height=st.integers(240, 2160), box=boxes(smallest=0.85))
def test_a_large_box_comes_back_with_iou_099(family, width, height, box):
    """Half a pixel at each corner of a box of 204 pixels a side still leaves 0.99."""
    frame, space = Space(width, height), model_space(family, width, height, grid_of(family))
    for form in ("json", "box", "tokens"):
        (found,) = parse(write([Location("a", box=box)], form, frame, space), form, space).objects
        assert iou(found.box, box) >= 0.99
        assert (
            max(abs(a - b) * side for a, b, side in zip(found.box, box, (width, height) * 2, strict=True))
            <= 0.5001
        )


@settings(max_examples=200, deadline=None)
@given(width=sides, height=sides, box=boxes(smallest=0.01))
def test_spaces_without_rounding_are_exact(width, height, box):
    """Any chain of spaces, crop and letterbox and back: IoU 1 but for floating point."""
    frame = Space(width, height)
    pixels = move_box(resize(UNIT, frame), box)
    for other in (
        UNIT,
        PERCENT,
        THOUSAND,
        grid_of("qwen2_5_vl").smart_resize(width, height),
        Space(224, 224),
    ):
        for way in (
            resize(frame, other),
            letterbox(frame, other),
            then(crop((10, 20, width, height)), resize(Space(width - 10, height - 20), other)),
        ):
            assert iou(move_box(inverse(way), move_box(way, pixels)), pixels) > 1 - 1e-9
            both = move_point(then(way, inverse(way)), (3.0, 5.0))
            assert both == pytest.approx((3, 5), abs=1e-9)


def test_letterbox_keeps_the_aspect_and_the_middle():
    way = letterbox(Space(1280, 720), Space(224, 224))
    assert way.scale_x == way.scale_y
    assert move_point(way, (640, 360)) == (112, 112)
    assert move_box(way, (0, 0, 1280, 720)) == pytest.approx((0, 49, 224, 175))


def test_the_convention_follows_the_model_type():
    grid = Grid(28, 3136, 28 * 28 * 100)
    assert model_space("qwen2_vl", 1280, 720) == model_space("qwen3_vl", 64, 64) == THOUSAND
    assert model_space("qwen2_5_vl", 1280, 720, grid) == grid.smart_resize(1280, 720) == Space(364, 196)
    with pytest.raises(InputError, match="grid"):
        model_space("qwen2_5_vl", 1280, 720)
    with pytest.raises(InputError, match="gemma3"):
        model_space("gemma3", 1280, 720)


def test_cells_and_quadrants():
    assert all(cell(centre) == name for name, centre in CELLS.items())
    assert all(quadrant(centre) == name for name, centre in QUADRANTS.items())
    assert cell((1, 1)) == "bottom-right" and cell((-5, 0.5)) == "middle-left"
    assert set(CELLS) == set(POSITION_WORDS) and len(CELLS) == 9
    # each position keeps what a jitter of 10 % makes of its centre
    for name, (x, y) in QUADRANTS.items():
        assert {quadrant((x + dx, y + dy)) for dx in (-0.1, 0.1) for dy in (-0.1, 0.1)} == {name}


def test_jitter_is_the_same_for_the_same_frame_and_spreads_evenly():
    import numpy as np

    points = np.array([jitter((0.5, 0.5), 0.1, "case", second, "suction") for second in range(4000)])
    again = np.array([jitter((0.5, 0.5), 0.1, "case", second, "suction") for second in range(4000)])
    assert (points == again).all()
    assert points.min() >= 0.4 and points.max() <= 0.6
    # the guesser at the centre is 5 % off per axis: the floor a card must show
    assert np.abs(points - 0.5).mean(axis=0) == pytest.approx([0.05, 0.05], abs=0.002)
    assert abs(np.corrcoef(points.T)[0, 1]) < 0.05
    assert jitter((0.5, 0.5), 0.1, "case", 1, "suction") != jitter((0.5, 0.5), 0.1, "case", 1, "drill")


@pytest.mark.parametrize("form", FORMS)
def test_several_objects_and_none(form):
    things = [
        Location("suction", point=(0.25, 0.5), word="top-left"),
        Location("ring curette", point=(0.5, 0.25), word="center"),
        Location("suction", point=(0.75, 0.75), word="bottom-right"),
    ]
    parsed = parse(write(things, form, Space(800, 800), THOUSAND), form, THOUSAND)
    assert parsed.error is None and not parsed.absent
    assert [item.label for item in parsed.objects] == ["suction", "ring curette", "suction"]
    where = "word" if form == "words" else "point"
    assert [getattr(item, where) for item in parsed.objects] == [getattr(item, where) for item in things]
    none = parse(write([], form, Space(800, 800), THOUSAND), form, THOUSAND)
    assert none.absent and none.error is None and not none.objects
    assert parse("Not visible.", form, THOUSAND).absent
    assert write([], form, Space(1, 1), THOUSAND) == NOT_VISIBLE


READ = [
    # floats, attributes in single quotes, and prose around
    ("point", "The suction is at <point x='67.5' y='45.25'>suction</point> here.", [("suction", (0.675, 0.4525))]),
    ("point", '<points x1="10" y1="20" x2="30.5" y2="40" alt="tip">tip</points>', [("tip", (0.1, 0.2)), ("tip", (0.305, 0.4))]),
    ("box", "<ref>drill</ref><box>(100, 200, 300.5, 400)</box>", [("drill", (0.1, 0.2, 0.3005, 0.4))]),
    ("box", "<box>(100,200),(300,400)</box>", [("", (0.1, 0.2, 0.3, 0.4))]),
    ("box", "<ref>tip</ref><box>(100, 200)</box>", [("tip", (0.1, 0.2))]),
    ("tokens", "suction(100,200),(300,400), drill (5,6),(7,8)", [("suction", (0.1, 0.2, 0.3, 0.4)), ("drill", (0.005, 0.006, 0.007, 0.008))]),
    ("json", '```json\n[{"bbox_2d": [100.5, 200, 300, 400], "label": "drill"}]\n```', [("drill", (0.1005, 0.2, 0.3, 0.4))]),
    ("json", '{"point_2d": [100, 200]}', [("", (0.1, 0.2))]),
    ("json", 'Primary [1st]: {"point_2d": [1, 2], "label": "a"} second: {"point_2d": [3, 4], "label": "b"}', [("a", (0.001, 0.002)), ("b", (0.003, 0.004))]),
]  # fmt: skip


@pytest.mark.parametrize(("form", "text", "expected"), READ)
def test_what_models_write_is_read(form, text, expected):
    parsed = parse(text, form, THOUSAND)
    assert parsed.error is None
    assert [(item.label, item.box or item.point) for item in parsed.objects] == [
        (label, pytest.approx(place)) for label, place in expected
    ]


def test_words_are_read_from_sentences():
    assert parse("The tip is in the bottom left of the image.", "words").objects[0].word == "bottom-left"
    assert parse("suction: Centre\ndrill: top right", "words").objects == (
        Location("suction", word="center"),
        Location("drill", word="top-right"),
    )


BAD = [
    ("point", "<point x='a' y='2'>t</point>"),
    ("point", "<point x='10'>t</point>"),
    ("point", "<point>t</point>"),
    ("point", "<point x='10' y='10'>t"),
    ("point", "<point x='10' y='101'>t</point>"),
    ("point", "<point x='-1' y='10'>t</point>"),
    ("point", "<point x='nan' y='10'>t</point>"),
    ("point", "<point x='1e999' y='10'>t</point>"),
    ("point", '<point x="..." y="...">t</point>'),
    ("point", "somewhere on the left"),
    ("point", ""),
    ("box", "<box>(1, 2, 3)</box>"),
    ("box", "<box>(5, 5, 3, 9)</box>"),
    ("box", "<box>(1, 2, 3, 4000)</box>"),
    ("box", "<box>(1, 2, 3, 4)"),
    ("box", "<box>drop table</box>"),
    ("tokens", "<|box_start|>(1,2),(3,4)"),
    ("tokens", "(1,2),(3"),
    ("json", '[{"bbox_2d": [1, 2, 3, 4], "label": "a"}, {"bbox_2d": [1, 2'),  # cut short
    ("json", '{"bbox_2d": [1, 2, 3]}'),
    ("json", '{"bbox_2d": "1, 2, 3, 4"}'),
    ("json", '{"point_2d": [NaN, 3]}'),
    ("json", '{"point_2d": [true, 3]}'),
    ("json", '{"point_2d": [null, 3]}'),
    ("json", '{"label": "suction"}'),
    ("json", '"suction"'),
    ("json", "[1, 2, 3, 4]"),
    ("json", "[" * 100_000),
    ("json", '{"a":' * 100_000),
    ("json", '{"point_2d": [' + "9" * 5000 + ", 3]}"),
    ("json", '{"point_2d": [' + "9" * 400 + ", 3]}"),
    ("words", "over there"),
    ("words", "suction: top-left or top-right"),
    ("words", ""),
]


@pytest.mark.parametrize(("form", "text"), BAD)
def test_bad_text_is_an_error_value(form, text):
    parsed = parse(text, form, THOUSAND)
    assert parsed.error and not parsed.objects and not parsed.absent


@settings(max_examples=300, deadline=None)
@given(
    text=st.text(st.sampled_from("<>pointbxs_2d=\"'1.0,-e9[]{}():/|NaN \n#é")), form=st.sampled_from(FORMS)
)
def test_no_text_raises(text, form):
    parsed = parse(text, form, THOUSAND)
    assert parsed.error or parsed.absent or parsed.objects
    for item in parsed.objects:
        for value in item.box or item.point or ():
            assert 0 <= value <= 1


def test_hostile_text_is_read_in_no_time():
    import time

    start = time.perf_counter()
    for form in FORMS:
        for piece in ("<point x='1' ", "(1,", "9", "[", '{"', "<box>(", "a: ", "x1='1' "):
            parse(piece * 20_000, form, THOUSAND)
    assert time.perf_counter() - start < 5


def test_labels_cannot_break_the_markup():
    for form in ("point", "box", "json"):
        text = write([Location('a"><b', point=(0.5, 0.5))], form, Space(10, 10), THOUSAND)
        parsed = parse(text, form, THOUSAND)
        assert parsed.error is None and parsed.objects[0].point == (0.5, 0.5)
    assert (
        json.loads(write([Location('a"b', point=(0, 0))], "json", Space(10, 10), THOUSAND))[0]["label"]
        == 'a"b'
    )


def test_a_form_refuses_what_it_cannot_write():
    with pytest.raises(ValueError, match="no place"):
        write([Location("a", box=(0, 0, 1, 1))], "point", Space(10, 10))
    with pytest.raises(ValueError, match="space"):
        write([Location("a", point=(0, 0))], "json", Space(10, 10))
    with pytest.raises(ValueError, match="space"):
        parse("[]", "json")


def test_box_centre_is_inside():
    assert box_centre((0, 0, 2, 4)) == (1, 2)


def test_a_crop_and_a_middle_keep_both_axes_apart():
    assert move_point(crop((10.0, 30.0, 90.0, 80.0)), (15.0, 50.0)) == (5.0, 20.0)
    assert box_centre((1.0, 10.0, 4.0, 17.0)) == (2.5, 13.5)


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1077, 2011), (1999, 643)])
def test_a_large_image_shrinks_to_the_largest_sides_that_fit(width, height):
    grid = Grid(28, 3136, 28 * 28 * 700)
    space = grid.smart_resize(width, height)
    shrink = (width * height / grid.max_pixels) ** 0.5
    assert (space.width, space.height) == (int(width / shrink / 28) * 28, int(height / shrink / 28) * 28)

"""The one check of geometry, the times in picture names, and how faults are listed."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from surgvqa.builders.annotations import picture_names
from surgvqa.builders.annotations.picture_names import numbers
from surgvqa.builders.files import faults
from surgvqa.builders.files.pictures import Size, read_picture, sizes_of
from surgvqa.builders.geometry import checks, masks
from surgvqa.builders.geometry.checks import MisplacedShape
from surgvqa.builders.schema import Case, Entity, Omission, Scene
from surgvqa.builders.sources import procedure
from surgvqa.cards.command import InputError


@pytest.mark.parametrize(
    ("box", "form", "said"),
    [
        ((0.1, 0.2, 0.5, 0.9), "corners", "normalised"),
        ((960, 540, 1860, 1040), "xywh", "such as 1920x1080"),
        ((640, 360, 1540, 860), "xywh", "looks like x1, y1, x2, y2"),
        ((400, 300, 200, 100), "corners", "looks like x, y, width, height"),
        ((1200, 650, 5000, 3000), "corners", "% of it lie outside"),
        ((10, 10, 10, 20), "corners", "no area"),
        ((math.nan, 0, 5, 5), "corners", "not finite"),
        ((0, 0, math.inf, 5), "corners", "not finite"),
        ((-50, 0, 100, 100), "corners", "33% of it lie outside"),
    ],
)
def test_a_box_that_can_not_be_is_refused_with_what_it_looks_like(box, form, said: str) -> None:
    with pytest.raises(MisplacedShape) as error:
        checks.inside(box, 1280, 720, form)
    assert said in str(error.value)


def test_a_box_is_kept_or_cut_at_the_edge() -> None:
    assert checks.inside((0, 0, 1280, 720), 1280, 720) == ((0, 0, 1280, 720), 0.0)
    assert checks.inside((-0.5, 0, 100, 50), 1280, 720) == ((0, 0, 100, 50), 0.0)  # rounding: no note
    box, lost = checks.inside((-10, 0, 90, 50), 1280, 720)
    assert box == (0, 0, 90, 50) and lost == pytest.approx(0.1)


def test_a_cut_outline_is_what_its_pixels_are() -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        angles = np.sort(rng.random(9)) * math.tau
        radii = rng.uniform(20, 30, 9)
        points = [(90 + r * math.cos(a), 40 + r * math.sin(a)) for r, a in zip(radii, angles, strict=True)]
        try:
            cut, _ = checks.outline(points, 110, 100)
        except MisplacedShape:
            continue
        whole, kept = (
            masks.area_of(masks.polygons_to_rle([[v for point in one for v in point]], 110, 100), 110, 100)
            for one in (points, cut)
        )
        assert kept == pytest.approx(whole, rel=0.02)
        assert checks.extent(cut)[2] <= 110


@pytest.mark.parametrize("points", [[(1, 1), (5, 5)], [(1, 1), (5, 5), (9, 9)][:1] * 3, [(0.1, 0.1), (0.9, 0.1), (0.5, 0.9)],
                                    [(1, 1), (9, 1), (math.nan, 5)], [(60, 60), (70, 60), (65, 70)]])  # fmt: skip
def test_an_outline_that_can_not_be_is_refused(points) -> None:
    with pytest.raises(MisplacedShape):
        checks.outline(points, 50, 50)


def test_numbers_of_names_follow_one_pattern() -> None:
    hashes = (
        "cfcd208495d565ef66e7dff9f98764da",
        "c4ca4238a0b923820dcc509a6f75849b",
        "45c48cce2e2d7fbdea1afc51c7c6ad26",
    )
    names = [f"op1_{n:04d}_jpg.rf.{code}.jpg" for n, code in zip((0, 1, 9), hashes, strict=True)]
    assert list(numbers(names).values()) == [0, 1, 9]
    assert numbers(["v2_000012_000480.png", "v2_000025_001000.png"])["v2_000025_001000.png"] == 1000
    for name, number in (
        ("op1_f0003.jpg", 3),
        ("video01_000123.png", 123),
        ("op1_frame3.jpg", 3),
        ("op 1 - 12s.jpg", 12),
        ("Fall3_0004_jpg.rf.1f0e3dad.jpg", 4),
        ("7.jpg", 7),
    ):
        assert numbers([name]) == {name: number}
    for bad, said in (
        (["op_0001.a3f9c2.jpg", "op_0002.b81d07.jpg"], "no pattern fits both"),
        (["op_0001_83927482.jpg", "op_0002_12345.jpg"], "two numbers change"),
        (["op_1.jpg", "op.jpg"], "holds no number|no pattern"),
        (["op_16123456789012345.jpg"], "is no frame's number"),
        (["op_00-01-30.jpg", "op_00-02-40.jpg"], "a clock time"),
        (["op_00-01-30.jpg", "op_00-01-40.jpg"], "a clock time"),
        (["op_2026-01-02.jpg", "op_2026-01-03.jpg"], "a date"),
        (["op_1:05.jpg"], "a clock time"),
        (["a_0001_25fps.jpg", "a_0002_25fps.jpg"], "no time"),
        (["0003_1280x720.jpg", "0004_1280x720.jpg"], "the last number of all names is 720"),
        (["a_0001_25fps.jpg"], "no time"),
        (["a_720p.jpg"], "no time"),
        (["25 fps.jpg", "30 fps.jpg"], "no time"),
        (["0003_v2.jpg"], "whether 2 tells the time"),
        (["frame0003_copy2.jpg"], "whether 2 tells the time"),
        (["0003_1280x720.jpg"], "whether 720 tells the time"),
        (["op1_0003.jpg", "op2_0005.jpg"], "two numbers change"),
        (["2026-01-02_0001.jpg", "2026-01-03_0002.jpg"], "two numbers change"),
        (["op_12.5.jpg", "op_12.7.jpg"], "decimals"),
        (["00h01m30s.jpg", "00h01m40s.jpg"], "a clock time"),
    ):
        with pytest.raises(InputError, match=said):
            numbers(bad)


def test_outlines_beyond_the_recording_are_refused() -> None:
    box = Entity("hook", "hook", "instrument", "box", (1, 1, 5, 5))
    case = Case("a", "s", "p", scenes=(Scene(12.0, 9, 9, (box,)),), video=Path("a.mp4"), duration_s=10.0)
    with pytest.raises(InputError, match=r"second 12 of a.mp4, which has 10.0 s"):
        picture_names.refuse_beyond(case)
    picture_names.refuse_beyond(
        Case("a", "s", "p", scenes=(Scene(10.5, 9, 9, (box,)),), video=Path("a.mp4"), duration_s=10.0)
    )


@pytest.mark.parametrize("orientation", range(1, 9))
def test_size_and_pixels_agree_on_every_orientation(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    for ending in ("jpg", "png", "webp"):
        path = tmp_path / f"a.{ending}"
        Image.new("RGB", (60, 40)).save(path, exif=exif)
        shown = (40, 60) if orientation > 4 else (60, 40)
        assert sizes_of(path) == Size(shown, (60, 40))
        assert read_picture(path).shape[1::-1] == shown


@pytest.mark.parametrize(
    ("size", "said"), [((40, 60), ""), ((60, 40), "before its EXIF orientation turns it")]
)
def test_a_case_of_turned_stills_is_annotated_as_they_are_shown(size, said: str, tmp_path: Path) -> None:
    (tmp_path / "procedure.yaml").write_text(
        "procedure: p\nphases: [{name: a}]\nanatomy: [liver]\ninstruments: [hook]\n"
    )
    (tmp_path / "frames/op").mkdir(parents=True)
    (tmp_path / "annotations").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (60, 40)).save(tmp_path / "frames/op/f_3.jpg", exif=exif)
    file = {
        "images": [{"id": 1, "file_name": "f_3.jpg", "width": size[0], "height": size[1]}],
        "categories": [{"id": 1, "name": "hook"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [2, 2, 9, 9]}],
    }
    (tmp_path / "annotations/op.json").write_text(json.dumps(file))
    (one,) = procedure.cases(tmp_path, image_rate=1.0)
    if said:
        assert isinstance(one, Omission) and one.fault and said in one.cause
    else:
        assert isinstance(one, Case) and one.scenes[0].time_s == 3.0


def test_faults_are_listed_by_kind_and_the_rest_is_in_a_file() -> None:
    many = [Omission(f"a.json: picture {i}", f"row {i}: hook={i}; 0 or 1") for i in range(500)]
    text = faults.summarise([*many, Omission("b.csv row 7", "unknown label 'staplr'")])
    assert "b.csv row 7: unknown label 'staplr'" in text and "and 481 more of this kind" in text
    assert text.count("; 0 or 1") == 19
    path = Path(text.rsplit(" ", 1)[1])
    assert len(path.read_text().splitlines()) == 501 and "picture 499\trow 499" in path.read_text()
    path.unlink()
    same = [Omission(f"a.json: picture {i}", "no area") for i in range(3)]
    text = faults.summarise(same)
    assert text.startswith("a.json: picture 0 and 2 more: no area; all 3 are in ")
    Path(text.rsplit(" ", 1)[1]).unlink()

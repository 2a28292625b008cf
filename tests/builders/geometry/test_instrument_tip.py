"""Tips of instruments from their masks, on drawn instruments whose tips are known."""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from surgvqa.builders.geometry.instrument_tip import clock_hour, tip_of

W, H = 1024, 768
DIAGONAL = math.hypot(W, H)


def drawn(rng: np.random.Generator, form: str) -> tuple[np.ndarray, tuple[float, float], str]:
    """An instrument from a side to a tip in the field: its mask, its tip, its side."""
    side = ("left", "right", "top", "bottom")[rng.integers(4)]
    across = rng.uniform(0.25, 0.75)
    start = {
        "left": (0, across * H),
        "right": (W, across * H),
        "top": (across * W, 0),
        "bottom": (across * W, H),
    }
    x0, y0 = start[side]
    x1, y1 = rng.uniform(0.3 * W, 0.7 * W), rng.uniform(0.3 * H, 0.7 * H)
    dx, dy = (x1 - x0), (y1 - y0)
    length = math.hypot(dx, dy)
    ux, uy, wide = dx / length, dy / length, rng.uniform(12, 30)
    end = 4.0 if form == "taper" else wide

    def at(along: float, off: float) -> tuple[float, float]:
        return x0 + ux * along - uy * off, y0 + uy * along + ux * off

    picture = Image.new("L", (W, H))
    pen = ImageDraw.Draw(picture)
    pen.polygon([at(-60, -wide), at(-60, wide), at(length, end / 2), at(length, -end / 2)], fill=1)
    if form == "forceps":
        for turn in (-1, 1):
            pen.line([at(length * 0.6, 0), at(length, turn * 10)], fill=1, width=10)
    if form == "cut":  # another tool lies across it
        pen.line([at(length * 0.5, -99), at(length * 0.5, 99)], fill=0, width=40)
    return np.asarray(picture, bool), (x1, y1), side


@pytest.mark.parametrize("form", ["taper", "blunt", "forceps", "cut"])
def test_the_tip_is_found(form):
    rng = np.random.default_rng(["taper", "blunt", "forceps", "cut"].index(form))
    near, sides, n = 0, 0, 50
    for _ in range(n):
        mask, tip, side = drawn(rng, form)
        found = tip_of(mask)
        if found is not None:
            near += math.dist(found.tip, tip) < 0.05 * DIAGONAL
            sides += found.side in (side, None)
    assert near >= 0.95 * n and sides == n


def test_a_bent_instrument_is_followed_along_its_mask():
    mask = np.zeros((H, W), bool)
    mask[100:130, 0:600] = True
    mask[100:500, 570:600] = True
    mask[470:500, 60:600] = True  # the tip, back near the side of entry
    assert math.dist(tip_of(mask).tip, (60, 485)) < 0.02 * DIAGONAL
    assert tip_of(mask).side == "left"


def test_without_contact_or_length_there_is_no_tip():
    mask = np.zeros((H, W), bool)
    mask[300:330, 300:700] = True
    assert tip_of(mask) is None
    mask[:] = False
    mask[0:20, 300:700] = True
    assert tip_of(mask) is None
    assert tip_of(np.zeros((H, W), bool)) is None


def test_a_mask_from_edge_to_edge_has_no_tip():
    mask = np.zeros((H, W), bool)
    for x in range(
        420
    ):  # from the left edge to the upper one, as a shaft whose tip lies outside of the frame
        mask[max(0, 400 - x) : max(0, 440 - x), x] = True
    assert tip_of(mask) is None
    mask[:60] = False  # it ends below the upper edge
    found = tip_of(mask)
    assert found is not None and math.dist(found.tip, (365, 65)) < 0.05 * DIAGONAL


def test_tips_are_where_a_person_sees_them(realdata: Path):
    """Sixty masks of Cataract-1K and CholecInstanceSeg, marked by eye on their pictures before any tip was computed."""
    marks = json.loads(Path(__file__).with_name("tip_marks.json").read_text())
    near = told = 0
    for name, (x, y) in marks.items():
        mask = real_mask(realdata, name)
        height, width = mask.shape
        if (found := tip_of(mask)) is not None:
            told += 1
            near += math.dist(found.tip, (x * width, y * height)) < 0.05 * math.hypot(width, height)
    assert len(marks) == 60 and told >= 54 and near >= 0.9 * len(marks)


@cache
def instances(path: Path) -> dict:
    return json.loads(path.read_text())


def real_mask(root: Path, name: str) -> np.ndarray:
    """A mask by its name: case_N/image/annotation of Cataract-1K's COCO files, or FRAME/label/group of LabelMe."""
    first, label, group = name.split("/")
    if first.startswith("case"):
        (path,) = sorted((root / "cataract1k").glob(f"**/{first}/annotations/instances.json"))
        file = instances(path)
        known = {one["id"]: one["name"] for one in file["categories"]}
        (picture,) = [one for one in file["images"] if Path(one["file_name"]).stem == label]
        size = picture["width"], picture["height"]
        found = [
            one["segmentation"]
            if not isinstance(one["segmentation"], str)
            else json.loads(one["segmentation"])
            for one in file["annotations"]
            if one["image_id"] == picture["id"] and known[one["category_id"]] == group
        ]
        polygons = [polygon for one in found for polygon in one]
    else:
        (path,) = (root / "cholec_instance_seg").rglob(f"ann_dir/{first}.json")
        file = instances(path)
        size = file["imageWidth"], file["imageHeight"]
        polygons = [
            [value for point in one["points"] for value in point]
            for one in file["shapes"]
            if one["label"] == label and str(one.get("group_id")) == group and len(one["points"]) > 2
        ]
    drawing = Image.new("L", size)
    for polygon in polygons:
        ImageDraw.Draw(drawing).polygon(polygon, fill=1)
    return np.asarray(drawing, bool)


def test_the_clock():
    assert clock_hour((100, 49), (50, 50)) == "3 o'clock"
    assert clock_hour((26, 10), (50, 50)) == "11 o'clock"

"""Several outlines of one thing are one entity where the source says so, and crowd regions aren't counted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from surgvqa.builders.annotations.one_thing import join_outlines
from surgvqa.builders.cases.scene import link
from surgvqa.builders.cases.windows import windows
from surgvqa.builders.geometry import masks
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.questions.ask import ask, transitions
from surgvqa.builders.questions.selection import Selection
from surgvqa.builders.schema import Case, Entity, Phase, Scene
from surgvqa.builders.sources import cataract1k

W, H = 100, 80


def square(x: float, y: float, side: float = 10) -> list[float]:
    return [x, y, x + side, y, x + side, y + side, x, y + side]


def box(outlines: list[list[float]]) -> list[float]:
    xs, ys = ([value for one in outlines for value in one[start::2]] for start in (0, 1))
    return [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]


def tree(root: Path, annotations: list[dict]) -> Path:
    """A case in Cataract-1K's layout with one phase and two pictures at 0 and 4.5 s."""
    phases = root / "case_0007" / "case_0007_annotations_phases.csv"
    phases.parent.mkdir(parents=True)
    phases.write_text("caseId,comment,frame,endFrame,sec,endSec\n0007,Incision,0,500,0,20\n")
    names = ["Forceps", "Capsulorhexis Forceps", "Gauge", "Pupil"]
    images = [
        {"id": n, "file_name": f"case0007_0{n}.png", "width": W, "height": H, "time_s": t}
        for n, t in ((2, 0.0), (3, 4.5))
    ]
    file = {
        "images": images,
        "categories": [{"id": i, "name": name} for i, name in enumerate(names[1:], 1)],
        "annotations": [
            {"id": i, "bbox": box(one["segmentation"]), "area": 1, "iscrowd": 0, **one}
            for i, one in enumerate(annotations, 1)
        ],
    }
    (root / "case_0007" / "instances.json").write_text(json.dumps(file))
    return root


def questions(case: Case) -> dict[str, list[str]]:
    case = link(case)
    known, found = transitions([case]), {}
    for clip in windows(case, 5.0).clips:
        for qa in ask(
            clip, case, load("cataract"), known, Selection(kinds=("count", "absolute_position", "entered"))
        ):
            found.setdefault(qa.kind, []).append(f"{qa.question}|{qa.short_answer}")
    return found


def test_two_outlines_of_one_tool_are_one_thing(tmp_path):
    jaws = [
        {"image_id": image, "category_id": 1, "segmentation": [square(x, 20)]}
        for image, places in ((2, (5,)), (3, (5, 40)))
        for x in places
    ]
    (case,) = cataract1k.cases(tree(tmp_path, jaws))
    last = case.scenes[-1]
    assert [node.id for node in last.nodes] == ["capsulorhexis forceps"]
    (node,) = last.nodes
    assert node.area == 200 and node.bbox == (5, 20, 50, 30) and node.centroid == (27.5, 25)
    assert masks.area_of(node.rle, W, H) == 200
    found = questions(case)
    assert [text.split("|")[1] for text in found["count"]] == ["1", "1"]
    assert not any("leftmost" in text for text in found["absolute_position"])
    assert found["entered"][-1].endswith("|none"), "the second jaw isn't a second forceps that enters"


def test_the_reason_is_stated():
    assert (
        "one thing" in cataract1k.FACTS.several_outlines
        and "51 pictures" in cataract1k.FACTS.several_outlines
    )


def test_outlines_that_overlap_are_not_counted_twice_in_the_area():
    rles = [masks.polygons_to_rle([square(x, 0)], W, H) for x in (0, 5)]
    nodes = [
        Entity(str(i), "gauge", "instrument", "mask", masks.box_of(r, W, H), area=100.0, rle=r)
        for i, r in enumerate(rles)
    ]
    (one,) = join_outlines(nodes, W, H)
    assert one.area == 150


@pytest.mark.parametrize("apart", ["track", "name", "crowd"])
def test_what_is_told_apart_stays_apart(apart):
    other = {"track": {"track": "2"}, "name": {"name": "spatula"}, "crowd": {"crowd": True}}[apart]
    facts = {"name": "gauge", "type": "instrument", "granularity": "box", "bbox": (0, 0, 5, 5)}
    nodes = [Entity(id="a", **facts), Entity(id="b", **{**facts, **other})]
    assert len(join_outlines(nodes, W, H)) == 2


def test_a_crowd_region_is_no_thing_to_count_or_to_point_at():
    crowd = Entity("gauge", "gauge", "instrument", "box", (0, 0, 5, 5), (2.5, 2.5), crowd=True)
    plain = Entity("gauge", "gauge", "instrument", "box", (0, 0, 5, 5), (2.5, 2.5))
    scenes = (Scene(2.5, W, H, (plain,)), Scene(7.5, W, H, (crowd,)))
    case = Case("a", "made-up", "cataract", (Phase("incision", 0, 10),), scenes, duration_s=10.0)
    found = questions(case)
    assert len(found["count"]) == 1 and len(found["absolute_position"]) == 1

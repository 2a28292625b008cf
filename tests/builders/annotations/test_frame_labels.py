"""The metadata of frames: the document's example, what is wrong, refining, and what other tools say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from surgvqa.builders.__main__ import main
from surgvqa.builders.frames.entry import MAKERS, from_json, to_json
from surgvqa.builders.frames.frame_labels import read, refine, scene_of, write
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.cards.command import InputError

CHOLE = load("cholecystectomy")
DOCUMENT = {
    "image": "frames/00012345.jpg",
    "video_id": "case_042",
    "timestamp_s": 615.2,
    "phase": "Calot_dissection",
    "anatomy": ["cystic_duct", "cystic_artery", "liver_edge"],
    "tools": ["grasper", "hook_cautery"],
    "events": ["bleeding_minor=false", "cv_safety_met=true"],
}


def frame(image: str = "frames/1.jpg", **facts):
    return from_json({"image": image, "video_id": "v", "timestamp_s": 1.0, **facts}, CHOLE)


def test_the_example_of_the_document_reads_as_the_procedures_names():
    found = from_json(DOCUMENT, CHOLE)
    assert found.phase == "calot triangle dissection"
    assert [thing.name for thing in found.anatomy] == ["cystic duct", "cystic artery", "liver"]
    assert [thing.name for thing in found.tools] == ["grasper", "hook"]
    assert found.events == (("minor bleeding", False), ("critical view of safety met", True))
    assert from_json(to_json(found), CHOLE) == found and not found.weak


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"tools": []},
        {"phase": "idle", "anatomy": None},
        {"tools": ["hook"], "confidence": {"hook": 0.5}, "made_by": {"tools": "detector"}},
        {
            "tools": ["hook"], "width": 90, "height": 60,
            "boxes": [{"name": "hook", "bbox": [1, 2, 30, 40], "confidence": 0.9}, {"name": "hook", "bbox": [50, 2, 60, 40]}],
        },
    ],
)  # fmt: skip
def test_what_is_written_is_read_again(facts, tmp_path: Path):
    one = frame(**facts)
    for name in ("frames.json", "frames.jsonl"):
        write(tmp_path / name, [one])
        assert read(tmp_path / name, CHOLE) == [one]


def test_unknown_is_not_none():
    assert frame().tools is None and frame(tools=[]).tools == ()
    assert "tools" not in to_json(frame()) and to_json(frame(tools=[]))["tools"] == []


def test_a_scene_has_places_relations_and_events():
    boxes = [{"name": "liver", "bbox": [0, 0, 30, 20]}, {"name": "hook", "bbox": [60, 40, 90, 60]}]
    scene = scene_of(frame(width=90, height=60, boxes=boxes, events=["bile leak"]))
    assert [node.grid for node in scene.nodes] == ["top-left", "bottom-right"]
    assert ("liver", "left-of", "hook") in {(edge.src, edge.rel, edge.dst) for edge in scene.edges}
    assert scene.events == ("bile leak=true",)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"phase": "incison"}, "unknown phase 'incison'"),
        ({"tools": ["stapler"]}, "unknown instrument 'stapler'"),
        ({"tools": "hook"}, "tools: expected a list in place of 'hook'"),
        ({"timestamp_s": -1}, "timestamp_s: expected greater than or equal to 0 in place of -1"),
        ({"timestamp_s": True}, "timestamp_s: expected a valid number in place of True"),
        ({"tool": []}, "unknown key 'tool': did you mean tools"),
        ({"events": ["bile leak=maybe"]}, "neither =true nor =false"),
        ({"events": ["bile leak", "bile leak=false"]}, "is true and false"),
        ({"boxes": [{"name": "hook", "bbox": [0, 0, 5, 5]}]}, "boxes without width and height"),
        (
            {"width": 9, "height": 9, "boxes": [{"name": "hook", "bbox": [0, 0, 50, 5]}]},
            "does not lie in the 9x9",
        ),
        (
            {"tools": [], "width": 9, "height": 9, "boxes": [{"name": "hook", "bbox": [0, 0, 5, 5]}]},
            "not among",
        ),
        (
            {"made_by": {"tools": "magic"}},
            "made_by.tools: expected 'weak', 'detector' or 'hand' in place of 'magic'",
        ),
        ({"confidence": {"hook": 3}}, "confidence.hook: expected less than or equal to 1 in place of 3"),
    ],
)
def test_what_is_wrong_is_said_with_the_frame(facts, said: str, tmp_path: Path):
    path = tmp_path / "frames.json"
    entry = {"image": "frames/7.jpg", "video_id": "v", "timestamp_s": 1.0}
    path.write_text(json.dumps([entry, entry | {"image": "frames/8.jpg", "timestamp_s": 2.0} | facts]))
    with pytest.raises(InputError) as error:
        read(path, CHOLE)
    assert said in str(error.value) and "line 1, frame 1: " in str(error.value)


@pytest.mark.parametrize("suffix", ["json", "jsonl"])
def test_every_fault_of_every_frame_is_named_with_its_line(suffix: str, tmp_path: Path):
    path = tmp_path / f"frames.{suffix}"
    entries = [{"image": f"frames/{n}.jpg", "video_id": "v", "timestamp_s": float(n)} for n in range(4)]
    entries[1] |= {"phase": "incison", "tools": ["stapler"], "events": ["leak=maybe"]}
    entries[3] |= {"tool": [], "anatomy": "liver"}
    lines = [json.dumps(entry) for entry in entries]
    path.write_text("\n".join(lines) if suffix == "jsonl" else "[\n" + ",\n".join(lines) + "\n]")
    with pytest.raises(InputError) as error:
        read(path, CHOLE)
    first = 2 if suffix == "json" else 1
    said = str(error.value)
    assert f"line {first + 1}, frame 1: frames/1.jpg: " in said and f"line {first + 3}, frame 3: " in said
    for one in ("'incison'", "'stapler'", "'leak=maybe'", "unknown key 'tool'", "anatomy: expected a list"):
        assert one in said


def test_the_same_picture_or_moment_twice_is_a_fault(tmp_path: Path):
    path = tmp_path / "frames.json"
    entry = {"image": "frames/7.jpg", "video_id": "v", "timestamp_s": 1.0}
    for other, said in (({"timestamp_s": 2.0}, "labelled twice"), ({"image": "8.jpg"}, "two pictures")):
        path.write_text(json.dumps([entry, entry | other]))
        with pytest.raises(InputError, match=said):
            read(path, CHOLE)


def weak(**facts):
    return frame(made_by=dict.fromkeys(facts, "weak"), **facts)


def detected(**facts):
    return frame(made_by=dict.fromkeys(facts, "detector"), **facts)


def test_hand_made_labels_are_only_replaced_by_hand_made_ones():
    hook, grasper, none = frame(tools=["hook"]), frame(tools=["grasper"]), frame()
    assert refine([hook], [weak(tools=["grasper"])]) == [hook]
    assert refine([hook], [detected(tools=["grasper"])]) == [hook]
    assert refine([hook], [none]) == [hook]
    assert refine([hook], [grasper]) == [grasper]
    assert refine([weak(tools=["hook"])], [detected(tools=["grasper"])]) == [detected(tools=["grasper"])]
    assert refine([detected(tools=["hook"])], [weak(tools=["grasper"])]) == [detected(tools=["hook"])]
    assert refine([weak(tools=["hook"])], [grasper]) == [grasper]
    mixed = refine([hook], [weak(tools=["grasper"], phase="preparation")])[0]
    assert mixed.tools == hook.tools and mixed.phase == "preparation" and mixed.made_by == {"phase": "weak"}


def test_a_refinement_adds_frames_and_refuses_another_size():
    assert len(refine([frame("a.jpg")], [frame("b.jpg")])) == 2
    box = {"name": "hook", "bbox": [0, 0, 5, 5]}
    with pytest.raises(InputError, match="labelled at 20x20, before at 10x10"):
        refine([frame(width=10, height=10, boxes=[box])], [frame(width=20, height=20, boxes=[box])])


CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version>
<image id="0" name="v/1.jpg" width="90" height="60">
  <box label="hook_cautery" occluded="0" xtl="60" ytl="40" xbr="95" ybr="60"/>
  <polygon label="liver" points="0,0;30,0;30,20"/><tag label="grasper"/>
</image></annotations>"""
CVAT_VIDEO = """<annotations><meta><task><original_size><width>90</width><height>60</height></original_size></task></meta>
<track id="3" label="hook"><box frame="25" outside="0" xtl="60" ytl="40" xbr="90" ybr="60"/>
<box frame="50" outside="1" xtl="60" ytl="40" xbr="90" ybr="60"/></track></annotations>"""
STUDIO = [
    {
        "id": 5,
        "data": {"image": "/data/local-files/?d=frames%2Fv%2F1.jpg"},
        "annotations": [
            {"result": [], "was_cancelled": True},
            {"result": [
                {"type": "rectanglelabels", "original_width": 90, "original_height": 60,
                 "value": {"x": 66.6667, "y": 66.6667, "width": 33.3333, "height": 33.3333, "rectanglelabels": ["hook"]}},
                {"type": "choices", "original_width": 90, "original_height": 60, "value": {"choices": ["grasper", "liver"]}},
            ]},
        ],
    }
]  # fmt: skip
COCO = {
    "images": [{"id": 1, "file_name": "v/1.jpg", "width": 90, "height": 60}],
    "categories": [{"id": 4, "name": "hook"}, {"id": 9, "name": "liver"}, {"id": 2, "name": "grasper"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 4, "bbox": [60, 40, 30, 20]},
        {"id": 2, "image_id": 1, "category_id": 9, "bbox": [0, 0, 30, 20]},
        {"id": 3, "image_id": 1, "category_id": 2, "bbox": [0, 0, 30, 20]},
    ],
}
LABELME = {
    "imagePath": "..\\frames\\v\\1.jpg", "imageWidth": 90, "imageHeight": 60,
    "shapes": [
        {"label": "hook", "shape_type": "rectangle", "points": [[60, 40], [90, 60]]},
        {"label": "liver", "shape_type": "rectangle", "points": [[0, 0], [30, 20]]},
        {"label": "grasper", "shape_type": "rectangle", "points": [[0, 0], [30, 20]]},
    ],
}  # fmt: skip
TABLE = "image,label,x1,y1,x2,y2,width,height\nv/1.jpg,hook,60,40,90,60,90,60\nv/1.jpg,liver,,,,,,\nv/1.jpg,grasper,,,,,,\n"
DETECTED = {
    "image": "v/1.jpg", "width": 90, "height": 60,
    "detections": [
        {"label": "hook", "bbox": [60, 40, 90, 60], "confidence": 0.9}, {"label": "liver", "confidence": 0.8},
        {"label": "grasper", "confidence": 0.7}, {"label": "clipper", "confidence": 0.1},
    ],
}  # fmt: skip


@pytest.fixture
def into(tmp_path: Path) -> Path:
    path = tmp_path / "frames.json"
    entries = [{"image": f"frames/v/{n}.jpg", "video_id": "v", "timestamp_s": float(n)} for n in (1, 2, 3)]
    entries[2]["tools"] = ["scissors"]
    path.write_text(json.dumps(entries))
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cvat.xml", CVAT),
        ("studio.json", json.dumps(STUDIO)),
        ("coco.json", json.dumps(COCO)),
        ("labelme.json", json.dumps(LABELME)),
        ("table.csv", TABLE),
        ("detector.json", json.dumps([DETECTED])),
        ("detector.jsonl", json.dumps(DETECTED)),
    ],
)
def test_every_tool_says_the_same(name: str, content: str, into: Path, tmp_path: Path):
    (tmp_path / name).write_text(content)
    command = ["labels", str(tmp_path / name), "--into", str(into), "--taxonomy", "cholecystectomy"]
    assert main([*command, "--min-confidence", "0.5"]) == 0
    first, second, third = read(into, CHOLE)
    hook = next(thing for thing in first.tools if thing.name == "hook")
    assert hook.bbox == pytest.approx((60, 40, 90, 60), abs=0.01) and hook.grid == "bottom-right"
    assert {thing.name for thing in first.tools} == {"hook", "grasper"}
    assert [thing.name for thing in first.anatomy] == ["liver"]
    assert second.tools is None and [thing.name for thing in third.tools] == ["scissors"]


def test_a_videos_frames_are_found_by_their_times(into: Path, tmp_path: Path, capsys):
    (tmp_path / "cvat.xml").write_text(CVAT_VIDEO)
    command = ["labels", str(tmp_path / "cvat.xml"), "--into", str(into), "--taxonomy", "cholecystectomy"]
    assert main(command) == 2 and "--image-rate" in capsys.readouterr().err
    assert main([*command, "--image-rate", "25"]) == 0
    first, second, third = read(into, CHOLE)
    assert (
        [thing.name for thing in first.tools] == ["hook"] and second.tools == () and third.tools is not None
    )


def test_a_detector_doesnt_overrule_a_person_and_says_how_sure_it_was(into: Path, tmp_path: Path):
    entries = [DETECTED, DETECTED | {"image": "3.jpg"}]
    (tmp_path / "d.json").write_text(json.dumps(entries))
    command = ["labels", str(tmp_path / "d.json"), "--into", str(into), "--taxonomy", "cholecystectomy"]
    assert main([*command, "--made-by", "detector"]) == 0
    first, _, third = read(into, CHOLE)
    assert first.weak and {t.name: t.confidence for t in first.tools}["hook"] == 0.9
    assert [thing.name for thing in third.tools] == ["scissors"] and third.made_by == {"anatomy": "detector"}


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.xml", "<!DOCTYPE x [<!ENTITY a 'b'>]><annotations/>", "a document type"),
        ("a.xml", "<annotations>", "not XML"),
        ("a.json", "[{}]", "entry 0: neither a tool's export"),
        ("a.csv", "image,label\nv/1.jpg,stapler\n", "row 2 of v/1.jpg: unknown label 'stapler'"),
        ("a.csv", "image,label\nv/9.jpg,hook\n", "no picture of a.csv"),
        ("a.json", json.dumps([DETECTED | {"detections": [{"label": "hook", "confidence": 7}]}]), "a confidence of 7"),
        ("a.json", json.dumps([DETECTED | {"detections": [{"label": "hook", "confidence": 1, "bbox": [95, 0, 99, 9]}]}]),
         "is not in the 90x60 picture"),
    ],
)  # fmt: skip
def test_a_bad_file_is_one_line(name: str, content: str, said: str, into: Path, tmp_path: Path, capsys):
    (tmp_path / name).write_text(content)
    before = into.read_bytes()
    assert main(["labels", str(tmp_path / name), "--into", str(into), "--taxonomy", "cholecystectomy"]) == 2
    assert said in capsys.readouterr().err and into.read_bytes() == before


def test_makers_are_ordered_from_weak_to_hand():
    assert MAKERS == ("weak", "detector", "hand")

"""Whose labels they are: a picture, a video or a row of another recording gets to no frame, and never in silence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from odd_annotations import BOUNDS, BOX, coco, darwin, moving, png, shape, shapes, studio
from surgvqa.builders.__main__ import main
from surgvqa.builders.frames import frame_labels
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.schema import Case
from surgvqa.builders.sources import procedure

BLACK = png(np.zeros((80, 100, 3), np.uint8))
DRAWN = shapes(shape("rectangle", [10, 20], [40, 60]))
NAMES = "procedure: p\nphases: [{name: prep}, {name: cut}]\nanatomy: [liver]\ninstruments: [hook, grasper]\n"
HEAD = "case,phase,start,end\n"


def several(*names: str) -> dict[str, Any]:
    """A COCO file of pictures, a hook in the first of them."""
    return coco(
        BOX, images=[{"id": i, "file_name": name, "width": 100, "height": 80} for i, name in enumerate(names)]
    )


def merge(
    folder: Path, recordings: tuple[str, ...], files: dict[str, Any], *more: str
) -> tuple[int, list[Any]]:
    """Merge an export into the frames of recordings, one each; returns the exit code and how many tools a frame has."""
    into = folder / "frames.json"
    frames = [{"image": f"frames/{one}/1.jpg", "video_id": one, "timestamp_s": 1.0} for one in recordings]
    into.write_text(json.dumps(frames))
    for name, content in files.items():
        path = folder / "export" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(
            content
            if isinstance(content, bytes)
            else json.dumps(content).encode()
            if isinstance(content, dict | list)
            else content.encode()
        )
    command = ["labels", str(folder / "export"), "--into", str(into), "--taxonomy", "cholecystectomy", *more]
    code = main(command)
    tools = [frame.tools for frame in frame_labels.read(into, load("cholecystectomy"))]
    return code, [None if one is None else len(one) for one in tools]


YOLO = {"data.yaml": "names: [hook]\n", "labels/op1/1.txt": "0 .25 .5 .3 .5\n", "images/op1/1.png": BLACK}
ITEM = {"name": "1.jpg", "path": "/op1", "slots": [{"width": 100, "height": 80}]}
CASES: dict[str, tuple[tuple[str, ...], dict[str, Any], int, list[int | None]]] = {
    "another recording": (("op2",), {"a.json": several("op1/1.jpg")}, 2, [None]),
    "two, one of them known": (("op2",), {"a.json": several("op1/1.jpg", "op2/1.jpg")}, 0, [0]),
    "a tool's own folders": (("op1",), {"a.json": several("upload/7/images/1.jpg")}, 0, [1]),
    "accents of two characters": (("Mu\u0308ller", "b"), {"a.json": several("M\u00fcller/1.jpg")}, 0, [1, None]),
    "folders of LabelMe files": (("op1", "op2"), {"op1/1.json": DRAWN, "op2/1.json": shapes()}, 0, [1, 0]),
    "a folder of LabelMe files of another": (("op2",), {"op1/1.json": DRAWN, "op2/1.json": shapes()}, 0, [0]),
    "folders of YOLO": (("op1", "op2"), YOLO | {"labels/op2/1.txt": "", "images/op2/1.png": BLACK}, 0, [1, 0]),
    "a folder of YOLO of another": (("op2",), YOLO, 2, [None]),
    "the path of a Darwin item": (("op2",), {"a.json": darwin(BOUNDS) | {"item": ITEM}}, 2, [None]),
    "a video of another": (("op2",), {"a.json": studio(moving(True), video="op1.mp4")}, 2, [None]),
    "a video by an upload's name": (("op1",), {"a.json": studio(moving(True), video="/x/0f6142fb-op1.mp4")}, 0, [1]),
    "a picture twice, not alike": (("op1",), {"a.json": several("1.jpg", "1.jpg")}, 2, [None]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_labels_get_to_frames_of_their_own_recording(name: str, tmp_path: Path) -> None:
    recordings, files, code, tools = CASES[name]
    assert merge(tmp_path, recordings, files) == (code, tools)


def exported(label: str, **boxes: bool) -> dict[str, Any]:
    """A COCO file of pictures, a thing in those that are true."""
    file = several(*(f"{name}/1.jpg" if name.startswith("op") else f"{name}.jpg" for name in boxes))
    drawn = [
        BOX | {"id": i, "image_id": i, "category_id": 4} for i, there in enumerate(boxes.values()) if there
    ]
    return file | {"annotations": drawn, "categories": [{"id": 4, "name": label}]}


TWO = {
    "alike": (exported("hook", op1=True, op2=False), exported("hook", op1=True, op2=False), 0, [1, 0], [None, None]),
    "none and one": (exported("hook", op1=True, op2=False), exported("hook", op1=True, op2=True), 2, [None] * 2, [None] * 2),
    "one and another": (exported("hook", op1=True, op2=False), exported("grasper", op1=True, op2=False), 2, [None] * 2, [None] * 2),
    "tools and anatomy": (exported("hook", op1=True, op2=False), exported("liver", op1=True, op2=False), 0, [1, 0], [1, 0]),
    "tools here, anatomy there": (exported("hook", op1=True, x=False), exported("liver", op2=True, y=False), 0, [1, None], [None, 1]),
    "tools and nothing at all": (exported("hook", op1=True, x=False), exported("liver", op2=False, y=False), 0, [1, 0], [None, None]),
}  # fmt: skip


@pytest.mark.parametrize("name", TWO)
def test_two_exports_say_what_each_was_looked_at_for(name: str, tmp_path: Path, capsys: Any) -> None:
    first, second, code, tools, anatomy = TWO[name]
    assert merge(tmp_path, ("op1", "op2"), {"a.json": first, "b.json": second}) == (code, tools)
    known = frame_labels.read(tmp_path / "frames.json", load("cholecystectomy"))
    assert [None if one.anatomy is None else len(one.anatomy) for one in known] == anatomy
    assert code == 0 or ".jpg is labelled twice, and its tools differ" in capsys.readouterr().err
    if code:
        files = {"a.json": first, "b.json": second}
        left = {"none and one": [1, None], "one and another": [None, 0]}[name]
        assert merge(tmp_path, ("op1", "op2"), files, "--on-error", "quarantine") == (0, left)


def test_boxes_in_per_cent_are_told_by_all_of_a_file(tmp_path: Path, capsys: Any) -> None:
    file = coco(
        *({"image_id": i, "bbox": [5 + 4 * i, 3 + 5 * i, 44, 38]} for i in range(12)),
        images=[{"id": i, "file_name": f"{i}.jpg", "width": 1920, "height": 1080} for i in range(12)],
    )
    assert merge(tmp_path, ("op1",), {"a.json": file})[0] == 2
    assert "per cent" in capsys.readouterr().err
    file["annotations"][0]["bbox"] = [5, 3, 400, 380]
    assert merge(tmp_path, ("op1",), {"a.json": file}) == (0, [1])


TABLES: dict[str, tuple[dict[str, str], str]] = {
    "merged cells": ({"phases.csv": HEAD + "op1,prep,0,10\n,cut,10,20\n"}, "row 3"),
    "two videos": ({"phases.csv": HEAD + "op1,prep,0,10\n", "videos.csv": "case,video,offset\nop1,a.mp4,0\nop1,op1.mp4,9\n"}, "a second video"),
    "one video of two": ({"phases.csv": HEAD + "op1,prep,0,10\n", "videos.csv": "case,video,offset\nop1,a.mp4,0\nop2,a.mp4,0\n"}, "is the video of op1, too"),
    "capital letters": ({"phases.csv": HEAD + "op1,prep,0,10\nOP1,cut,10,20\n"}, "capital letters"),
    "minutes": ({"phases.csv": "case,phase,start,end,unit\nop1,prep,0,10,min\n"}, "times are seconds"),
    "frames": ({"phases.csv": "case,phase,start,end,fps\nop1,prep,0,250,25\n"}, "times are seconds"),
    "points between thousands": ({"tools.csv": "case;time;hook\nop1;998;1\nop1;999;1\nop1;1.000;0\n"}, "thousands"),
    "a duration of another length": ({"phases.csv": "case,phase,start,end,Duration\nop1,prep,0,10,25\n"}, "from start to end it is 10 s"),
    "a row of another recording": ({"phases.csv": "case,phase,start,end,video\nop1,prep,0,10,op2.mp4\n"}, "another column names op2"),
    "a unit in two words": ({"phases.csv": "case,phase,start,end,Time unit\nop1,prep,0,10,minutes\n"}, "times are seconds"),
    "a row marked as deleted": ({"phases.csv": "case,phase,start,end,deleted\nop1,prep,0,10,1\n"}, "deleted"),
    "a row marked as ignored": ({"phases.csv": "case,phase,start,end,ignore\nop1,prep,0,10,yes\n"}, "ignore"),
    "a picture of another recording": ({"phases.csv": HEAD + "op1,prep,0,10\n", "annotations/op1.json": json.dumps(several("op2/f_0005.jpg"))}, "the picture of op2"),
    "two columns of one thing": ({"tools.csv": "case,time,hook,Hook\nop1,1,1,0\n"}, "things of one name"),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_rows_that_can_be_read_in_two_ways_are_faults(name: str, tmp_path: Path) -> None:
    files, said = TABLES[name]
    (tmp_path / "videos").mkdir()
    (tmp_path / "procedure.yaml").write_text(NAMES)
    for name_, content in (files | {"videos/op1.mp4": "x", "videos/a.mp4": "y"}).items():
        (tmp_path / name_).parent.mkdir(exist_ok=True)
        (tmp_path / name_).write_text(content)
    faults = [
        one for one in procedure.cases(tmp_path, image_rate=1.0) if not isinstance(one, Case) and one.fault
    ]
    assert any(said in f"{one.item}: {one.cause}" for one in faults)


def test_columns_that_say_the_same_are_no_fault(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "annotations").mkdir()
    (tmp_path / "videos/op1.mp4").write_text("x")
    (tmp_path / "procedure.yaml").write_text(NAMES)
    head = "case,phase,start,end,duration,video,deleted,note\n"
    (tmp_path / "phases.csv").write_text(f"{head}op1,prep,0,10,10.4,op1.mp4,0,op2 was harder\n")
    (tmp_path / "annotations/op1.json").write_text(json.dumps(several("op1/f_0005.jpg")))
    (case,) = procedure.cases(tmp_path, image_rate=1.0)
    assert isinstance(case, Case) and len(case.phases) == 1 and len(case.scenes) == 1


def test_seconds_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos/op1.mp4").write_text("x")
    (tmp_path / "procedure.yaml").write_text(NAMES)
    (tmp_path / "phases.csv").write_text("case,phase,start,end,unit\nop1,prep,0,10,s\n , , , ,\n")
    (case,) = procedure.cases(tmp_path)
    assert isinstance(case, Case) and [(phase.start_s, phase.end_s) for phase in case.phases] == [(0, 10)]


@pytest.mark.parametrize(("height", "width", "code"), [(160, 200, 0), (80, 160, 2)])
def test_shares_of_a_picture_with_bars_are_no_shares_of_its_frame(
    height: int, width: int, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = tmp_path / "frames" / "op1" / "1.jpg"
    frame.parent.mkdir(parents=True)
    frame.write_bytes(png(np.zeros((height, width, 3), np.uint8)))
    assert merge(tmp_path, ("op1",), YOLO)[0] == code
    refusal = "annotated at 100x80, but the picture is shown at 160x80"
    assert (refusal in capsys.readouterr().err) == bool(code)

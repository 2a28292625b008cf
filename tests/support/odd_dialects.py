"""Odd exports, third set: what an export says beside its places, and what makes them another picture's or no place at all.

A thing is marked as gone, a picture as not looked at, a rate or a class list is said twice and not alike, a box lies
apart from its own outline, a number behind a box is a track's.
"""

from __future__ import annotations

import json

from odd_annotations import (
    BNDBOX,
    BOX,
    HEAD,
    Odd,
    coco,
    darwin,
    film,
    hook,
    image,
    key,
    moving,
    object_,
    one,
    part,
    rectangle,
    runs,
    shape,
    shapes,
    studio,
)
from odd_exporters import INFO, PICTURE, SECONDS, WHOLE

SQUARE = [[10, 20, 40, 20, 40, 60, 10, 60]]


def _rows(*lines: str, head: str = "image,label") -> dict[str, str]:
    return {"a.csv": "\n".join((head, *lines)) + "\n"}


def _said_of_image(**more: object) -> dict[str, object]:
    return coco(images=[coco()["images"][0] | more])


def _yolo(line: str, **more: object) -> dict[str, object]:
    return {"data.yaml": "names: [hook]\n", "1.txt": line + "\n", "1.png": PICTURE, **more}


def _two(first: dict[str, object], second: dict[str, object], **of_task: object) -> object:
    """A task with two annotations."""
    task = studio(rectangle())[0]
    return [task | {"annotations": [first, second]} | of_task]


def _results(*given: dict[str, object]) -> list[dict[str, object]]:
    return list(studio(*given)[0]["annotations"][0]["result"])


def _project(*tracks: tuple[int, str]) -> str:
    size = "<original_size><width>100</width><height>80</height></original_size>"
    tasks = "".join(f"<task><id>{i}</id><name>op{i}</name>{size}</task>" for i in (1, 2))
    inside = "".join(
        f'<track id="{n}" label="hook" task_id="{task}" subset="default">{keys}</track>'
        for n, (task, keys) in enumerate(tracks)
    )
    return f"<annotations><meta><project><tasks>{tasks}</tasks></project></meta>{inside}</annotations>"


V1 = {
    "image": {"filename": "v.mp4", "width": 100, "height": 80, "fps": 25},
    "annotations": [
        {
            "name": "hook",
            "frames": {"0": {"bounding_box": {"x": 10, "y": 20, "w": 30, "h": 40}, "keyframe": True}},
            "segments": [[0, 26]],
            "interpolated": True,
        },
        {
            "name": "grasper",
            "frames": {"0": {"bounding_box": {"x": 10, "y": 20, "w": 30, "h": 40}}},
            "segments": [[0, 101]],
        },
    ],
}
GRASPER = {"grasper": (10, 20, 40, 60)}
TRANSPOSED = runs(part().T.reshape(80, 100))  # the pixels of the mask, run row by row as if down the columns

DIALECTS: dict[str, Odd] = {
    # ---- marked as gone
    "coco: deleted": one({"a.json": coco(BOX | {"deleted": True})}, "deleted"),
    "coco: outside attribute": one({"a.json": coco(BOX | {"attributes": {"outside": True}})}, "outside"),
    "coco: visible false": one({"a.json": coco(BOX | {"visible": False})}, "visible"),
    "coco: visible true": one({"a.json": coco(BOX | {"visible": True, "deleted": False})}, WHOLE),
    "coco: occluded": one({"a.json": coco(BOX | {"attributes": {"occluded": True}})}, WHOLE),
    "cvat: outside True": one(
        {"a.xml": image('<box label="hook" outside="True" xtl="1" ytl="2" xbr="30" ybr="40"/>')}, {}
    ),
    "cvat: outside 2": one(
        {"a.xml": image('<box label="hook" outside="2" xtl="1" ytl="2" xbr="30" ybr="40"/>')}, "outside"
    ),
    "cvat: track outside true": Odd(
        {"a.xml": film(key(25, 0) + key(75, 0, "true") + key(100, 0, "true"))},
        {1.0: hook(0, 0, 10, 10), 2.0: hook(0, 0, 10, 10), 3.0: {}, 4.0: {}},
        **SECONDS,
    ),
    "labelme: flag deleted": one(
        {"a.json": shapes(shape("rectangle", [10, 20], [40, 60], flags={"deleted": True}))}, "deleted"
    ),
    "labelme: flag occluded": one(
        {"a.json": shapes(shape("rectangle", [10, 20], [40, 60], flags={"occluded": True}))}, WHOLE
    ),
    "labelme: visible false": one(
        {"a.json": shapes(shape("rectangle", [10, 20], [40, 60], visible=False))}, "visible"
    ),
    "voc: deleted true": one({"a.xml": object_(BNDBOX + "<deleted>true</deleted>")}, {}),
    "voc: attribute outside": one(
        {
            "a.xml": object_(
                BNDBOX
                + "<attributes><attribute><name>outside</name><value>true</value></attribute></attributes>"
            )
        },
        "outside",
    ),
    "table: present": one(_rows("1.jpg,hook,0", "1.jpg,grasper,1", head="image,label,present"), "present"),
    "table: visible": one(_rows("1.jpg,hook,no", head="image,label,Visible"), "Visible"),
    "table: count": one(_rows("1.jpg,hook,0", head="image,label,count"), "count"),
    "table: score": one(_rows("1.jpg,hook,0.01", head="image,label,score"), "score"),
    "table: annotator": one(_rows("1.jpg,hook,anna", head="image,label,annotator"), hook()),
    "table: two videos": one(_rows("op1,1.jpg,hook", "op2,1.jpg,grasper", head="video,image,label"), "video"),
    "table: one video": one(_rows("op1,1.jpg,hook", head="video,image,label"), hook()),
    "detector: deleted": Odd(
        {"a.json": [{"image": "1.jpg", "width": 100, "height": 80, "deleted": True, "detections": []}]},
        note="deleted",
    ),
    # ---- nobody looked
    "coco: not annotated": Odd({"a.json": _said_of_image(annotated=False)}, {}, note="annotated"),
    "coco: annotated": one({"a.json": _said_of_image(annotated=True)}, {}),
    "coco: deleted image": Odd({"a.json": _said_of_image(deleted=True)}, {}, note="deleted"),
    "coco: num_annotations": one({"a.json": _said_of_image(num_annotations=2)}, "num_annotations"),
    "coco: status new": Odd({"a.json": _said_of_image(status="new")}, {}, note="status"),
    "coco: skipped": Odd({"a.json": _said_of_image(skipped=True)}, {}, note="skipped"),
    "detector: error": Odd(
        {"a.json": [{"image": "1.jpg", "width": 100, "height": 80, "detections": [], "error": "timeout"}]},
        note="error",
    ),
    "detector: no error": one(
        {"a.json": [{"image": "1.jpg", "width": 100, "height": 80, "detections": [], "error": None}]}, {}
    ),
    "labelme: skipped": Odd({"a.json": shapes(skipped=True)}, note="skipped"),
    "darwin: status": Odd(
        {"a.json": darwin() | {"item": darwin()["item"] | {"status": "new"}}}, note="status"
    ),
    # ---- a box apart from its outline
    "coco: row-major runs beside their box": one(
        {
            "a.json": coco(
                {"segmentation": {"size": [80, 100], "counts": TRANSPOSED}, "bbox": [40, 20, 20, 10]}
            )
        },
        "lie apart",
    ),
    "coco: runs beside their box": one(
        {
            "a.json": coco(
                {"segmentation": {"size": [80, 100], "counts": runs(part())}, "bbox": [40, 20, 20, 10]}
            )
        },
        hook(40, 20, 60, 30),
    ),
    "coco: keypoints far from the box": one(
        {"a.json": coco({"keypoints": [90, 70, 2], "num_keypoints": 1, "bbox": [1, 1, 10, 10]})}, "lie apart"
    ),
    # ---- said twice, and not alike
    "darwin: two rates": Odd(
        {"a.json": darwin({"frames": {"0": {"tag": {}}}, "ranges": [[0, 9]]}, fps=1)},
        fault="--image-rate",
        **SECONDS,
    ),
    "mot: two rates": Odd(
        {
            "gt.txt": "1,1,10,20,30,40,1,1,1\n",
            "labels.txt": "hook\n",
            "seqinfo.ini": INFO.replace("25", "30"),
        },
        fault="--image-rate",
        **SECONDS,
    ),
    "label studio: two rates": Odd(
        {"a.json": studio(moving(False), video="v.mp4")}, fault="--image-rate", rate=30.0, moments=(1.0,)
    ),
    "yolo: two lists": Odd(_yolo("0 .25 .5 .3 .5") | {"classes.txt": "grasper\nhook\n"}, fault="differ"),
    "yolo: two lists alike": Odd(_yolo("0 .25 .5 .3 .5") | {"classes.txt": "hook\n"}, {"1.txt": WHOLE}),
    # ---- which annotation, which picture
    "label studio: ground truth first": one(
        {
            "a.json": _two(
                {"id": 1, "ground_truth": True, "result": _results(rectangle())}, {"id": 2, "result": []}
            )
        },
        hook(10, 8, 30, 24),
    ),
    "label studio: the later one first": one(
        {
            "a.json": _two(
                {"id": 2, "updated_at": "2026-02-02T10:00:00Z", "result": _results(rectangle())},
                {"id": 1, "updated_at": "2026-01-02T10:00:00Z", "result": []},
            )
        },
        hook(10, 8, 30, 24),
    ),
    "label studio: two pictures": Odd(
        {
            "a.json": studio(
                rectangle() | {"to_name": "left"},
                rectangle() | {"to_name": "right"},
                left="1.jpg",
                right="2.jpg",
            )
        },
        fault="to_name",
    ),
    "label studio: the second picture": one(
        {"a.json": studio(rectangle() | {"to_name": "right"}, left="1.jpg", right="2.jpg")},
        hook(10, 8, 30, 24),
        "2.jpg",
    ),
    "label studio: a draft alone": one(
        {
            "a.json": [
                *studio(rectangle()),
                {"id": 2, "data": {"image": "2.jpg"}, "annotations": [], "drafts": [{"result": []}]},
            ]
        },
        hook(10, 8, 30, 24),
    ),
    "cvat: a project of two videos": Odd(
        {"a.xml": _project((1, key(0, 0) + key(50, 0, 1)), (2, key(0, 50) + key(50, 50, 1)))},
        fault="task",
        **SECONDS,
    ),
    # ---- numbers behind a box
    "yolo: confidence and track": Odd(_yolo("0 0.25 0.5 0.3 0.5 0.9 1"), fault="track"),
    "yolo: turned, confidence and track": Odd(
        _yolo("0 0.1 0.25 0.4 0.25 0.4 0.75 0.1 0.75 0.9 1"), fault="track"
    ),
    "yolo: angles, one of which is a confidence by itself": Odd(
        _yolo("0 0.25 0.5 0.3 0.5 0.5236") | {"2.txt": "0 0.25 0.5 0.3 0.5 1.5708\n", "2.png": PICTURE},
        fault="one of this folder is 1.5708",
    ),
    "yolo: how sure, in the note": Odd(
        _yolo("0 0.25 0.5 0.3 0.5 0.9") | {"2.txt": "0 0.25 0.5 0.3 0.5 0.6\n", "2.png": PICTURE},
        {"1.txt": WHOLE, "2.txt": WHOLE},
        note="read as a model's confidence, 0.6 to 0.9",
    ),
    "yolo: a triangle": Odd(_yolo("0 0.1 0.25 0.4 0.25 0.4 0.75"), {"1.txt": WHOLE}),
    "yolo: an outline along the edge": Odd(
        _yolo("0 0.1 0.25 0.4 0.25 0.4 1 0.1 1"), {"1.txt": hook(10, 20, 40, 80)}
    ),
    # ---- versions
    "darwin 1: segments": Odd(
        {"a.json": V1},
        {0.0: WHOLE | GRASPER, 1.0: WHOLE | GRASPER, 2.0: GRASPER, 3.0: GRASPER, 4.0: GRASPER},
        moments=(0.0, 1.0, 2.0, 3.0, 4.0),
    ),
    "darwin: an unknown key of a track": Odd(
        {"a.json": darwin({"frames": {"0": {"tag": {}}}, "mirrored": True}, fps=25)}, fault="mirrored"
    ),
    "coco: confidence": Odd({"a.json": coco(BOX | {"confidence": 7})}, fault="7"),
    "coco: roboflow": one(
        {
            "a.json": coco(
                BOX | {"area": 1200, "iscrowd": 0, "segmentation": []},
                images=[
                    coco()["images"][0] | {"license": 1, "extra": {"name": "1.jpg"}, "date_captured": "x"}
                ],
            )
        },
        WHOLE,
    ),
    "coco: cocovid": one({"a.json": coco(BOX | {"instance_id": 3}, videos=[{"id": 1, "name": "v"}])}, WHOLE),
    "cvat: ground truth job": one(
        {
            "a.xml": image(
                '<box label="hook" source="Ground truth" occluded="0" xtl="1" ytl="2" xbr="30" ybr="40" z_order="0"/>'
            )
        },
        hook(1, 2, 30, 40),
    ),
    "cvat 1.0": one(
        {
            "a.xml": image('<box label="hook" occluded="0" xtl="1" ytl="2" xbr="30" ybr="40"/>').replace(
                "1.1", "1.0"
            )
        },
        hook(1, 2, 30, 40),
    ),
    "labelbox": one({"a.ndjson": json.dumps({"data_row": {"id": "x"}, "projects": {}}) + "\n"}, "a.ndjson"),
    "label studio: csv": one(
        _rows('1.jpg,"[{""x"":10,""y"":10,""width"":20,""height"":20,""rectanglelabels"":[""hook""]}]"'),
        "unknown label",
    ),
    "label studio: tsv": one({"a.tsv": "image\tlabel\n1.jpg\thook\n"}, "a.tsv"),
    "mot: results": Odd(
        {"gt.txt": "1,1,10,20,30,40,0.9,-1,-1,-1\n", "labels.txt": "hook\n", "seqinfo.ini": INFO},
        fault="class -1",
    ),
    "mot: a cell behind the visibility": Odd(
        {"gt.txt": "1,1,10,20,30,40,1,1,1,0.3\n", "labels.txt": "hook\n", "seqinfo.ini": INFO},
        fault="10 cells; 9 are read",
    ),
    "mot: ignored": Odd(
        {"gt.txt": "1,1,10,20,30,40,0,1,1\n", "labels.txt": "hook\n", "seqinfo.ini": INFO}, fault="considered"
    ),
    "table: thousands": one(_rows('1.jpg,hook,"1,000",20,40,60,100,80', head=HEAD), "thousands"),
    "table: sep=": one({"a.csv": "sep=;\nimage;label\n1.jpg;hook\n"}, "no column"),
    "table: merged cells": Odd(_rows(",grasper"), fault="row 2"),
    "table: header twice": Odd(_rows("image,label"), fault="unknown label 'label'"),
    "table: blanks at the end": one({"a.csv": "image,label\n1.jpg,hook\n , \n,\n"}, hook()),
}

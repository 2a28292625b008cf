"""Odd exports, fifth set: what annotation platforms write in 2026, and forms of other projects that look like theirs.

Each has the value that its format's description gives, decided before it was read. Behind the last key frame of all
tracks nothing is known, so moments there have no picture.
"""

from __future__ import annotations

import json

from odd_annotations import (
    BOUNDS,
    BOX,
    SIZE,
    TRIANGLE,
    Odd,
    coco,
    darwin,
    film,
    hook,
    object_,
    one,
    rectangle,
    shape,
    shapes,
    studio,
    value,
)
from odd_exporters import INFO, PICTURE, SECONDS, WHOLE


def _tasks(*boxes: str) -> str:
    inside = "".join(
        f'<image id="{n}" name="1.jpg" subset="Train" task_id="{n}" width="100" height="80">{box}</image>'
        for n, box in enumerate(boxes, start=1)
    )
    return f"<annotations><version>1.1</version>{inside}</annotations>"


def _point(label: str, place: str, outside: int = 0) -> str:
    return f'<points label="{label}" outside="{outside}" occluded="0" keyframe="1" points="{place}"/>'


def _skeleton(frame: int, *points: str, outside: int = 0) -> str:
    return f'<skeleton frame="{frame}" outside="{outside}" keyframe="1">{"".join(points)}</skeleton>'


CVAT_BOX = '<box label="hook" xtl="10" ytl="20" xbr="40" ybr="60"/>'
OTHER_BOX = '<box label="hook" xtl="50" ytl="20" xbr="90" ybr="60"/>'
TRACK = (
    '<box frame="0" keyframe="1" outside="0" xtl="0" ytl="0" xbr="10" ybr="10"/>'
    '<box frame="25" keyframe="0" outside="0" xtl="20" ytl="0" xbr="30" ybr="10"/>'
    '<box frame="50" keyframe="1" outside="0" xtl="40" ytl="0" xbr="50" ybr="10"/>'
    '<box frame="51" keyframe="1" outside="1" xtl="40" ytl="0" xbr="50" ybr="10"/>'
)
LEG = "".join(
    (
        _skeleton(0, _point("a", "10,10"), _point("b", "30,30")),
        _skeleton(50, _point("a", "10,10"), _point("b", "30,30", 1)),
        _skeleton(51, _point("a", "10,10", 1), _point("b", "30,30", 1), outside=1),
    )
)
FILTER = "<start_frame>0</start_frame><stop_frame>110</stop_frame><frame_filter>step=5</frame_filter>"
STEPS = (
    f'<annotations><meta><task>{FILTER}{SIZE}</task></meta><track id="0" label="hook">'
    '<box frame="0" outside="0" xtl="0" ytl="0" xbr="10" ybr="10"/>'
    '<box frame="50" outside="0" xtl="50" ytl="0" xbr="60" ybr="10"/>'
    '<box frame="55" outside="1" xtl="50" ytl="0" xbr="60" ybr="10"/></track></annotations>'
)
TURNED = {
    "id": "a",
    "type": "videorectangle",
    "value": {
        "framesCount": 110,
        "duration": 4.4,
        "sequence": [
            {"frame": 1, "enabled": True, "rotation": 90, "x": 50, "y": 25, "width": 20, "height": 10},
            {"frame": 110, "enabled": True, "rotation": 90, "x": 50, "y": 25, "width": 20, "height": 10},
        ],
        "labels": ["hook"],
    },
}
CREATE_ML = [
    {
        "image": "1.jpg",
        "annotations": [{"label": "hook", "coordinates": {"x": 25, "y": 40, "width": 30, "height": 40}}],
    }
]
TWICE = json.dumps(coco(BOX))[:-1] + ', "annotations": []}'
SWAPPED = {"size": [100, 80], "counts": [1620, 30, 6350]}
X_ANYLABELING = shapes(
    shape("rotation", [20, 10], [30, 20], [20, 30], [10, 20], direction=0.785, score=0.9, difficult=False)
    | {"description": "", "attributes": {}, "kie_linking": []},
    version="3.2.1",
    flags={},
    imageData=None,
)
V7 = {
    "id": "f0", "properties": [{"frame_index": None, "name": "visible", "value": "no"}], "slot_names": ["0"],
}  # fmt: skip
V7_MORE = {
    "id": "f0", "slot_names": ["0"], "instance_id": {"value": 3}, "attributes": ["curved"],
    "text": {"text": "near the duct"}, "annotators": [{"full_name": "A"}], "reviewers": [],
}  # fmt: skip
SUPER_ANNOTATE = {
    "metadata": {"name": "1.jpg", "width": 100, "height": 80, "status": "Completed"},
    "instances": [{"type": "bbox", "className": "hook", "points": {"x1": 10, "x2": 40, "y1": 20, "y2": 60}}],
}
OPEN_LABEL = {
    "openlabel": {
        "metadata": {"schema_version": "1.0.0"},
        "objects": {"0": {"name": "a", "type": "hook"}},
        "frames": {
            "0": {"objects": {"0": {"object_data": {"bbox": [{"name": "b", "val": [25, 40, 30, 40]}]}}}}
        },
    }
}
LABEL_IMG = (
    "<annotation><folder>x</folder><filename>1.jpg</filename><source><database>Unknown</database></source>"
    "<size><width>100</width><height>80</height><depth>1</depth></size><segmented>1</segmented>"
    "<object><name>hook</name><pose>Unspecified</pose><truncated>1</truncated><difficult>1</difficult>"
    "<bndbox><ymax>60</ymax><xmin>10</xmin><ymin>20</ymin><xmax>40</xmax></bndbox></object></annotation>"
)
OTHER_VOC = LABEL_IMG.replace("1.jpg", "f_0002.jpg")
OTHER_V7 = darwin(BOUNDS) | {"item": {"name": "f_0002.jpg", "slots": [{"width": 100, "height": 80}]}}
LINE = "0 0.25 0.5 0.3 0.5\n"

PLATFORMS: dict[str, Odd] = {
    "cvat: pictures of one name in two tasks": Odd({"a.xml": _tasks(CVAT_BOX, OTHER_BOX)}, fault="there 2 times, and not alike"),
    "cvat: frames between key frames are written, too": Odd(
        {"a.xml": film(TRACK)},
        {0.0: hook(0, 0, 10, 10), 1.0: hook(20, 0, 30, 10), 2.0: hook(40, 0, 50, 10)},
        **SECONDS,
    ),
    "cvat: a point of a skeleton leaves": Odd(
        {"a.xml": film(LEG)}, {0.0: hook(10, 10, 30, 30), 2.0: hook(10, 10)},
        rate=25.0, moments=(0.0, 2.0, 3.0),
    ),
    "cvat: every fifth frame, by its number in the video": Odd(
        {"a.xml": STEPS}, {0.0: hook(0, 0, 10, 10), 1.0: hook(25, 0, 35, 10), 2.0: hook(50, 0, 60, 10)},
        rate=25.0, moments=(0.0, 1.0, 2.0, 3.0),
    ),
    "label studio: a turned box of a video": Odd(
        {"a.json": studio(TURNED, video="v.mp4")}, {1.0: hook(42, 20, 50, 40)}, moments=(1.0,)
    ),
    "label studio: a polygon that isn't closed": one(
        {"a.json": studio(value("polygonlabels", points=[[10, 25], [40, 25], [40, 75]], closed=False))}, WHOLE
    ),
    "label studio: a taxonomy beside a box": one(
        {"a.json": studio(rectangle(), {"type": "taxonomy", "value": {"taxonomy": [["tools", "grasper"]]}})},
        hook(10, 8, 30, 24) | {"grasper": ()},
    ),
    "create ml: centres": one({"a.json": CREATE_ML}, "lacks 'data'"),
    "coco: the key annotations twice": one({"a.json": TWICE}, "the key 'annotations' twice in one object"),
    "coco: runs of width and height": one({"a.json": coco({"bbox": [10, 20, 30, 40], "segmentation": SWAPPED})}, "its mask's size is"),
    "coco: a name of Windows": Odd(
        {"a.json": coco(BOX, images=[{"id": 0, "file_name": "op1\\1.jpg", "width": 100, "height": 80}])},
        {"op1\\1.jpg": WHOLE},
    ),
    "coco: no box, an outline": one(
        {"a.json": coco({"bbox": None, "segmentation": [[10, 20, 40, 20, 40, 60]]})}, WHOLE
    ),
    "x-anylabeling: turned": one({"a.json": X_ANYLABELING}, hook(10, 10, 30, 30)),
    "v7: a property says that it isn't visible": one({"a.json": darwin(BOUNDS | V7)}, "its visible is 'no'"),
    "v7: what stands beside a box": one({"a.json": darwin(BOUNDS | V7_MORE)}, WHOLE),
    "v7: one frame of a page": one({"a.json": darwin(BOUNDS) | {"item": {"name": "1.jpg", "path": "/", "slots": [
        {"type": "image", "slot_name": "0", "width": 100, "height": 80, "thumbnail_url": "x", "source_files": []}]}}}, WHOLE),
    "voc: corners in another order": one({"a.xml": LABEL_IMG}, WHOLE),
    "voc: a triangle's own key": one(
        {"a.xml": object_("<polygon><pt><x>1</x><y>2</y></pt><pt><x>30</x><y>2</y></pt><pt><x>30</x><y>40</y></pt></polygon>")},
        hook(1, 2, 30, 40),
    ),
    "labelme: a file renamed, its picture's name not": one(
        {"f_0003.json": shapes(shape("polygon", *TRIANGLE), imagePath="f_0002.jpg")}, "named f_0003.json, and inside"
    ),
    "labelme: a file named with its picture's ending": one(
        {"f_0002.jpg.json": shapes(shape("polygon", *TRIANGLE), imagePath="f_2.jpg")}, hook(1, 2, 30, 40), "f_2.jpg"
    ),
    "voc: a file renamed, its picture's name not": one({"f_0003.xml": OTHER_VOC}, "named f_0003.xml, and inside"),
    "v7: a file renamed, its picture's name not": one({"f_0003.json": OTHER_V7}, "named f_0003.json, and inside"),
    "mots: runs in a text": Odd(
        {"gt.txt": "1 1001 1 80 100 RVR5OZ2\n", "labels.txt": "hook\n", "seqinfo.ini": INFO}, fault="gt.txt line 1"
    ),
    "yolo: one name in train and val": Odd(
        {
            "data.yaml": "path: ..\ntrain: images/train\nval: images/val\nnames:\n  0: hook\n",
            "labels/train/1.txt": LINE, "labels/val/1.txt": "0 0.75 0.5 0.3 0.5\n",
            "images/train/1.png": PICTURE, "images/val/1.png": PICTURE,
        },
        fault="there 2 times, and not alike",
    ),
    "yolo: a list of names from Windows": Odd(
        {"classes.txt": "\ufeffhook\r\ngrasper\r\n\r\n", "1.txt": LINE, "1.png": PICTURE}, {"1.txt": WHOLE}
    ),
    "cvat: pascal voc without a mask": Odd(
        {
            "labelmap.txt": "# label:color_rgb:parts:actions\nhook:250,50,83::\n", "Annotations/1.xml": LABEL_IMG,
            "JPEGImages/1.png": PICTURE, "ImageSets/Main/default.txt": "1\n",
        },
        {"1.jpg": WHOLE},
    ),
    "coco: a table beside it": Odd(
        {"a.json": coco(BOX), "b.csv": "image,label\n2.jpg,hook\n"}, {"1.jpg": WHOLE}, note="give what holds labels"
    ),
    "mot: another form beside it": Odd(
        {"gt.txt": "1,1,10,20,30,40,1,1,1\n", "labels.txt": "hook\n", "seqinfo.ini": INFO, "a.json": coco(BOX)},
        {0.0: WHOLE}, note="give what holds labels",
    ),
    "tensorflow: a table": one(
        {"a.csv": "filename,width,height,class,xmin,ymin,xmax,ymax\n1.jpg,100,80,hook,10,20,40,60\n"}, "no column image, label"
    ),
    "retinanet: a table without a header": one({"a.csv": "1.jpg,10,20,40,60,hook\n"}, "no column image, label"),
    "superannotate": one({"a.json": SUPER_ANNOTATE}, "not COCO instances"),
    "open label": one({"a.json": OPEN_LABEL}, "not COCO instances"),
    "roboflow: masks": Odd(
        {"_classes.csv": "Pixel Value, Class\n0, background\n1, hook\n", "1_mask.png": PICTURE}, fault="nothing in it that one of these tools wrote"
    ),
}  # fmt: skip

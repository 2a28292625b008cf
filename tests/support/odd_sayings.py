"""Odd exports, fifth set: what an export says beside a place or a name that makes it another place, time or recording.

The frames that they are merged into are of op1, 1.jpg at second 1 and 2.jpg at second 2. Each has the boxes of the tools
in its pictures, None where nothing may be known of one, or `REFUSED`.
"""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from odd_annotations import (
    BNDBOX,
    BOUNDS,
    BOX,
    CVAT_IMAGES,
    HEAD,
    coco,
    darwin,
    image,
    object_,
    png,
    rectangle,
    shape,
    shapes,
    studio,
    value,
)
from odd_exporters import INFO, PICTURE

REFUSED = "refused"
WHOLE = (10, 20, 40, 60)
LARGE = base64.b64encode(png(np.zeros((160, 200, 3), np.uint8))).decode()
RIGHT = base64.b64encode(png(np.zeros((80, 100, 3), np.uint8))).decode()


def of_image(**more: Any) -> dict[str, Any]:
    """A COCO file whose picture says more."""
    return coco(BOX, images=[coco()["images"][0] | more])


def of_video(times: list[tuple[int, float]]) -> Any:
    """A box of a video whose key frames have seconds."""
    place = {"enabled": True, "x": 10, "y": 10, "width": 20, "height": 20, "rotation": 0}
    sequence = [{"frame": frame, "time": at, **place} for frame, at in times]
    return studio(
        {"id": "a", "type": "videorectangle", "value": {"sequence": sequence, "labels": ["hook"]}},
        video="op1.mp4",
    )


SAYINGS: dict[str, tuple[Any, ...]] = {
    # --- a place said elsewhere, at the level of the picture or the file
    "coco file bbox_format": ({"a.json": coco(BOX, bbox_format="xyxy")}, REFUSED),
    "coco info bbox_format": ({"a.json": coco(BOX, info={"bbox_format": "xyxy"})}, REFUSED),
    "coco image bbox_format": ({"a.json": of_image(bbox_format="xyxy")}, REFUSED),
    "coco image rotation": ({"a.json": of_image(rotation=90)}, REFUSED),
    "coco image exif orientation": ({"a.json": of_image(orientation=6)}, REFUSED),
    "coco image rotation 0": ({"a.json": of_image(rotation=0)}, {"1.jpg": [WHOLE]}),
    "coco image scale": ({"a.json": of_image(scale=0.5)}, REFUSED),
    "coco image flip": ({"a.json": of_image(flip=True)}, REFUSED),
    "coco image mirrored 1": ({"a.json": of_image(mirrored=1)}, REFUSED),
    "coco image crop": ({"a.json": of_image(crop=[10, 10, 50, 50])}, REFUSED),
    "coco attr rotation_deg": ({"a.json": coco(BOX | {"attributes": {"rotation_deg": 30}})}, REFUSED),
    "coco angle_deg": ({"a.json": coco(BOX | {"angle_deg": 30})}, REFUSED),
    "coco rot": ({"a.json": coco(BOX | {"rot": 30})}, REFUSED),
    "coco bbox_rotation": ({"a.json": coco(BOX | {"bbox_rotation": 0.5})}, REFUSED),
    "coco rotation 0.0 attr": (
        {"a.json": coco(BOX | {"attributes": {"rotation_deg": 0.0}})},
        {"1.jpg": [WHOLE]},
    ),
    "table rotation_deg": ({"a.csv": f"{HEAD},rotation_deg\n1.jpg,hook,10,20,40,60,100,80,30\n"}, REFUSED),
    "table rot": ({"a.csv": f"{HEAD},rot\n1.jpg,hook,10,20,40,60,100,80,30\n"}, REFUSED),
    "table scale": ({"a.csv": f"{HEAD},scale\n1.jpg,hook,10,20,40,60,100,80,0.5\n"}, REFUSED),
    "table conf": ({"a.csv": "image,label,conf\n1.jpg,hook,0.01\n"}, REFUSED),
    "table prob": ({"a.csv": "image,label,prob\n1.jpg,hook,0.01\n"}, REFUSED),
    "table not_visible": ({"a.csv": "image,label,not visible\n1.jpg,hook,1\n"}, REFUSED),
    "table in_view": ({"a.csv": "image,label,in view\n1.jpg,hook,0\n"}, REFUSED),
    "detector scale": (
        {
            "a.json": [
                {
                    "image": "1.jpg",
                    "width": 100,
                    "height": 80,
                    "scale": 0.5,
                    "detections": [{"label": "hook", "bbox": [10, 20, 40, 60], "confidence": 0.9}],
                }
            ]
        },
        REFUSED,
    ),
    "labelme angle_deg": ({"a.json": shapes(shape("rectangle", [10, 20], [40, 60], angle_deg=30))}, REFUSED),
    "labelme attributes angle": (
        {"a.json": shapes(shape("rectangle", [10, 20], [40, 60], attributes={"angle": 30}))},
        REFUSED,
    ),
    "labelme imageData of another size": (
        {"a.json": shapes(shape("rectangle", [10, 20], [40, 60]), imageData=LARGE)},
        REFUSED,
    ),
    "labelme flags skip": (
        {
            "a.json": shapes(flags={"skip": True}),
            "b.json": shapes(shape("rectangle", [10, 20], [40, 60]), imagePath="2.jpg"),
        },
        {"1.jpg": None, "2.jpg": [WHOLE]},
    ),
    "labelme flags unlabeled": (
        {
            "a.json": shapes(flags={"unlabeled": True}),
            "b.json": shapes(shape("rectangle", [10, 20], [40, 60]), imagePath="2.jpg"),
        },
        {"1.jpg": None, "2.jpg": [WHOLE]},
    ),
    "coco image attr annotated false": (
        {
            "a.json": coco(
                BOX | {"image_id": 1},
                images=[
                    coco()["images"][0] | {"attributes": {"annotated": False}},
                    {"id": 1, "file_name": "2.jpg", "width": 100, "height": 80},
                ],
            )
        },
        {"1.jpg": None, "2.jpg": [WHOLE]},
    ),
    "darwin status annotate": (
        {
            "a.json": darwin() | {"item": darwin()["item"] | {"status": "annotate"}},
            "b.json": darwin(BOUNDS) | {"item": darwin()["item"] | {"name": "2.jpg", "status": "complete"}},
        },
        {"1.jpg": None, "2.jpg": [WHOLE]},
    ),
    "darwin archived": (
        {
            "a.json": darwin() | {"item": darwin()["item"] | {"archived": True}},
            "b.json": darwin(BOUNDS) | {"item": darwin()["item"] | {"name": "2.jpg"}},
        },
        {"1.jpg": None, "2.jpg": [WHOLE]},
    ),
    # --- whose picture: recordings named elsewhere; frames are of op1
    "coco videos name": (
        {
            "a.json": coco(
                BOX, videos=[{"id": 2, "name": "op2"}], images=[coco()["images"][0] | {"video_id": 2}]
            )
        },
        REFUSED,
    ),
    "coco videos same": (
        {
            "a.json": coco(
                BOX, videos=[{"id": 1, "name": "op1"}], images=[coco()["images"][0] | {"video_id": 1}]
            )
        },
        {"1.jpg": [WHOLE]},
    ),
    "coco image video": ({"a.json": of_image(video="op2.mp4")}, REFUSED),
    "labelme imagePath folder": (
        {"a.json": shapes(shape("rectangle", [10, 20], [40, 60]), imagePath="../op2/1.jpg")},
        REFUSED,
    ),
    "voc folder": (
        {"a.xml": object_(BNDBOX).replace("<annotation>", "<annotation><folder>op2</folder>")},
        REFUSED,
    ),
    "voc folder same": (
        {"a.xml": object_(BNDBOX).replace("<annotation>", "<annotation><folder>op1</folder>")},
        {"1.jpg": [WHOLE]},
    ),
    "voc folder other word": (
        {"a.xml": object_(BNDBOX).replace("<annotation>", "<annotation><folder>VOC2012</folder>")},
        {"1.jpg": [WHOLE]},
    ),
    "voc path": (
        {"a.xml": object_(BNDBOX).replace("<annotation>", "<annotation><path>C:\\data\\op2\\1.jpg</path>")},
        REFUSED,
    ),
    "mot seq name": (
        {"gt.txt": "26,1,10,20,30,40,1,1,1\n", "labels.txt": "hook\n", "seqinfo.ini": INFO + "name=op2\n"},
        REFUSED,
    ),
    "mot seq name same": (
        {"gt.txt": "26,1,10,20,30,40,1,1,1\n", "labels.txt": "hook\n", "seqinfo.ini": INFO + "name=op1\n"},
        {"1.jpg": [WHOLE]},
    ),
    "detector video": (
        {
            "a.json": [
                {
                    "image": "1.jpg",
                    "video": "op2",
                    "width": 100,
                    "height": 80,
                    "detections": [{"label": "hook", "bbox": [10, 20, 40, 60], "confidence": 0.9}],
                }
            ]
        },
        REFUSED,
    ),
    "ls data case": ({"a.json": studio(rectangle(), image="1.jpg", case="op2")}, REFUSED),
    "ls data note": (
        {"a.json": studio(rectangle(), image="1.jpg", note="seen by Anna")},
        {"1.jpg": [(10, 8, 30, 24)]},
    ),
    "cvat task name": (
        {
            "a.xml": image(CVAT_IMAGES["box"][0]).replace(
                "<image", "<meta><task><name>op2</name></task></meta><image"
            )
        },
        REFUSED,
    ),
    "cvat task name other": (
        {
            "a.xml": image(CVAT_IMAGES["box"][0]).replace(
                "<image", "<meta><task><name>my task 7</name></task></meta><image"
            )
        },
        {"1.jpg": [(1, 2, 30, 40)]},
    ),
    "cvat subset": (
        {"a.xml": image(CVAT_IMAGES["box"][0]).replace('id="0"', 'id="0" subset="op2"')},
        REFUSED,
    ),
    "table folder col one": ({"a.csv": "video,image,label\nop2,1.jpg,hook\n"}, REFUSED),
    # --- time
    "ls times of 50 fps": (
        {"a.json": of_video([(26, 0.5), (51, 1.0), (76, 1.5)])},
        REFUSED,
        ["--image-rate", "25"],
    ),
    "ls times of 25 fps": (
        {"a.json": of_video([(1, 0.0), (26, 1.0), (51, 2.0)])},
        {"1.jpg": [(10, 8, 30, 24)], "2.jpg": [(10, 8, 30, 24)]},
        ["--image-rate", "25"],
    ),
    "mot visibility 0": (
        {"gt.txt": "26,1,10,20,30,40,1,1,0\n", "labels.txt": "hook\n", "seqinfo.ini": INFO},
        REFUSED,
    ),
    "mot beyond its length": (
        {
            "gt.txt": "26,1,10,20,30,40,1,1,1\n",
            "labels.txt": "hook\n",
            "seqinfo.ini": INFO + "seqLength=10\n",
        },
        REFUSED,
    ),
    "mot within its length": (
        {
            "gt.txt": "26,1,10,20,30,40,1,1,1\n",
            "labels.txt": "hook\n",
            "seqinfo.ini": INFO + "seqLength=100\n",
        },
        {"1.jpg": [WHOLE]},
    ),
    "darwin beyond frame_count": (
        {
            "a.json": darwin(
                {"frames": {"25": BOUNDS, "300": BOUNDS}, "ranges": [[25, 301]]}, fps=25, frame_count=100
            )
            | {
                "item": {
                    "name": "op1.mp4",
                    "slots": [{"width": 100, "height": 80, "fps": 25, "frame_count": 100}],
                }
            }
        },
        REFUSED,
    ),
    "ls beyond framesCount": (
        {
            "a.json": studio(
                {
                    "id": "a",
                    "type": "videorectangle",
                    "value": {
                        "framesCount": 50,
                        "duration": 2,
                        "sequence": [
                            {"frame": 26, "enabled": True, "x": 10, "y": 10, "width": 20, "height": 20},
                            {"frame": 300, "enabled": True, "x": 10, "y": 10, "width": 20, "height": 20},
                        ],
                        "labels": ["hook"],
                    },
                },
                video="op1.mp4",
            )
        },
        REFUSED,
    ),
    # --- shapes
    "coco zero box beside outline": (
        {"a.json": coco({"segmentation": [[10, 20, 40, 20, 40, 60, 10, 60]], "bbox": [0, 0, 0, 0]})},
        {"1.jpg": [WHOLE]},
    ),
    "coco outline of two far parts one outside": (
        {"a.json": coco({"segmentation": [[10, 20, 40, 20, 40, 60], [150, 20, 190, 20, 190, 60]]})},
        REFUSED,
    ),
    "coco outline swapped yx": (
        {"a.json": coco({"segmentation": [[20, 10, 20, 40, 60, 40, 60, 10]], "bbox": [10, 20, 30, 40]})},
        REFUSED,
    ),
    "coco two images one name alike": (
        {
            "a.json": coco(
                BOX, BOX | {"image_id": 1}, images=[coco()["images"][0], coco()["images"][0] | {"id": 1}]
            )
        },
        {"1.jpg": [WHOLE]},
    ),
    "voc x,y,w,h": ({"a.xml": object_("<bndbox><x>10</x><y>20</y><w>30</w><h>40</h></bndbox>")}, REFUSED),
    "voc bndbox attribs": (
        {
            "a.xml": object_(
                '<bndbox rotation="30"><xmin>10</xmin><ymin>20</ymin><xmax>40</xmax><ymax>60</ymax></bndbox>'
            )
        },
        REFUSED,
    ),
    "cvat attribute rotation": (
        {
            "a.xml": image(
                '<box label="hook" xtl="10" ytl="20" xbr="40" ybr="60"><attribute name="rotation">30</attribute></box>'
            )
        },
        REFUSED,
    ),
    "cvat angle": (
        {"a.xml": image('<box label="hook" xtl="10" ytl="20" xbr="40" ybr="60" angle="30"/>')},
        REFUSED,
    ),
    "ls rotation beside polygon": (
        {"a.json": studio(value("polygonlabels", points=[[10, 25], [40, 25], [40, 75]], rotation=30))},
        REFUSED,
    ),
    "ls keypoint rotation": (
        {"a.json": studio(value("keypointlabels", x=50, y=50, width=1, rotation=0))},
        {"1.jpg": [None]},
    ),
    "darwin box rotation beside": ({"a.json": darwin(BOUNDS | {"rotation": 30})}, REFUSED),
    "yolo keypoints outside": (
        {
            "data.yaml": "names: [hook]\nkpt_shape: [1,3]\n",
            "1.txt": "0 .25 .5 .3 .5 .9 .9 2\n",
            "1.png": PICTURE,
        },
        REFUSED,
    ),
    "yolo nc wrong": (
        {"data.yaml": "names: [hook]\nnc: 2\n", "1.txt": "0 .25 .5 .3 .5\n", "1.png": PICTURE},
        REFUSED,
    ),
    "yolo tab": (
        {"data.yaml": "names: [hook]\n", "1.txt": "0\t.25\t.5\t.3\t.5\n", "1.png": PICTURE},
        {"1.jpg": [WHOLE]},
    ),
    "yolo comma": ({"data.yaml": "names: [hook]\n", "1.txt": "0,.25,.5,.3,.5\n", "1.png": PICTURE}, REFUSED),
    "yolo class by name": (
        {"data.yaml": "names: [hook]\n", "1.txt": "hook .25 .5 .3 .5\n", "1.png": PICTURE},
        REFUSED,
    ),
    "labelme imageData of its size": (
        {"a.json": shapes(shape("rectangle", [10, 20], [40, 60]), imageData=RIGHT)},
        {"1.jpg": [WHOLE]},
    ),
    "ls two places of a region": (
        {
            "a.json": studio(
                {"id": "a", "type": "rectangle", "value": {"x": 50, "y": 10, "width": 20, "height": 20}},
                rectangle(id="a"),
            )
        },
        REFUSED,
    ),
    "yolo keypoints inside": (
        {
            "data.yaml": "names: [hook]\nkpt_shape: [1,3]\n",
            "1.txt": "0 .25 .5 .3 .5 .2 .5 2\n",
            "1.png": PICTURE,
        },
        {"1.jpg": [WHOLE]},
    ),
    "coco image scale 1": (
        {"a.json": of_image(scale=1.0, orientation=1, crop=[0, 0], flip=False)},
        {"1.jpg": [WHOLE]},
    ),
    "mask jpg": ({"classes.csv": "name,id\nhook,1\n", "1.jpg": PICTURE}, REFUSED),
}

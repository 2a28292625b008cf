"""Further odd exports: what other exporters, versions and conversions write beside what `odd_annotations.py` has.

Most were read without a word, and as something else, until December 2026: a turn beside a box in another spelling, a list
of objects one level deeper, frames that count from the wrong number, stretches of a video without a place.
"""

from __future__ import annotations

import numpy as np
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
    png,
    rectangle,
    shape,
    shapes,
    studio,
    value,
)

WHOLE = hook(10, 20, 40, 60)
SECONDS = {"rate": 25.0, "moments": (0.0, 1.0, 2.0, 3.0, 4.0)}
PICTURE = png(np.zeros((80, 100, 3), np.uint8))
INFO = "[Sequence]\nimWidth=100\nimHeight=80\nframeRate=25\n"
MORE: dict[str, Odd] = {
    "coco: angle": one({"a.json": coco(BOX | {"angle": 30})}, "angle"),
    "coco: theta attr": one({"a.json": coco(BOX | {"attributes": {"theta": 0.5}})}, "theta"),
    "coco: bbox_mode xyxy": one({"a.json": coco(BOX | {"bbox_mode": 0})}, "bbox_mode"),
    "coco: bbox_mode xywh": one({"a.json": coco(BOX | {"bbox_mode": 1})}, WHOLE),
    "coco: rotated_bbox": one(
        {"a.json": coco(BOX | {"rotated_bbox": [25, 40, 30, 40, 0.3]})}, "rotated_bbox"
    ),
    "coco: bbox strings": one({"a.json": coco({"bbox": ["10", "20", "30", "40"]})}, WHOLE),
    "coco: size strings": one(
        {"a.json": coco(BOX, images=[{"id": 0, "file_name": "1.jpg", "width": "100", "height": "80"}])},
        "size",
    ),
    "coco: panoptic": one(
        {
            "a.json": {
                "images": coco()["images"],
                "categories": coco()["categories"],
                "annotations": [
                    {"image_id": 0, "file_name": "1.png", "segments_info": [{"id": 1, "category_id": 4}]}
                ],
            }
        },
        "no id",
    ),
    "coco: caption": one({"a.json": coco({"caption": "a hook"})}, "no segmentation"),
    "coco: polygon+rotation attr": one(
        {
            "a.json": coco(
                {
                    "segmentation": [[10, 20, 40, 20, 40, 60, 10, 60]],
                    "bbox": [10, 20, 30, 40],
                    "attributes": {"rotation": 90},
                }
            )
        },
        WHOLE,
    ),
    "coco: a box of another size than its outline": one(
        {"a.json": coco({"segmentation": [[1, 2, 30, 2, 30, 40]], "bbox": [10, 20, 300, 400]})}, "lie apart"
    ),
    "coco: run lengths of nobody": one(
        {"a.json": coco(BOX | {"iscrowd": 0, "segmentation": {"size": [80, 100], "counts": "x"}})}, "1.jpg"
    ),
    "coco: annotation nested list": one({"a.json": {**coco(), "annotations": [[BOX]]}}, "an entry has no id"),
    "coco: file_name missing": one(
        {"a.json": coco(BOX, images=[{"id": 0, "width": 100, "height": 80}])}, "file_name"
    ),
    "coco: per image dict": one(
        {
            "a.json": {
                "images": coco()["images"],
                "categories": coco()["categories"],
                "annotations": {"0": [BOX]},
            }
        },
        "a.json",
    ),
    "youtube-vis": one(
        {
            "a.json": {
                "videos": [{"id": 1, "file_names": ["1.jpg"], "width": 100, "height": 80}],
                "categories": [{"id": 4, "name": "hook"}],
                "annotations": [{"id": 1, "video_id": 1, "category_id": 4, "bboxes": [[1, 2, 3, 4]]}],
            }
        },
        "a.json",
    ),
    "segment anything": one(
        {
            "a.json": {
                "image": {"image_id": 1, "width": 100, "height": 80, "file_name": "1.jpg"},
                "annotations": [
                    {"id": 1, "segmentation": {"size": [80, 100], "counts": "0"}, "bbox": [1, 2, 3, 4]}
                ],
            }
        },
        "name",
    ),
    "voc: objects nested": one(
        {
            "a.xml": object_(BNDBOX)
            .replace("<object>", "<objects><object>")
            .replace("</object>", "</object></objects>")
        },
        "objects",
    ),
    "voc: items": one({"a.xml": object_(BNDBOX).replace("object>", "item>")}, "item"),
    "voc: angle in bndbox": one(
        {"a.xml": object_(BNDBOX.replace("</bndbox>", "<angle>30</angle></bndbox>"))}, "angle"
    ),
    "voc: path and verified": one(
        {
            "a.xml": object_(BNDBOX).replace(
                "<annotation>",
                '<annotation verified="yes"><folder>x</folder><path>/x/1.jpg</path><source><database>Unknown</database></source><segmented>0</segmented>',
            )
        },
        WHOLE,
    ),
    "voc: object attr": one({"a.xml": object_(BNDBOX + "<rotation>20</rotation>")}, "rotation"),
    "cvat: image outside": one(
        {"a.xml": image('<box label="hook" outside="1" xtl="1" ytl="2" xbr="30" ybr="40"/>')}, {}
    ),
    "cvat: frame -1": Odd({"a.xml": film(key(-1, 0) + key(50, 0))}, fault="frame", **SECONDS),
    "cvat: job meta": Odd(
        {"a.xml": film(key(25, 0) + key(76, 0, 1)).replace("task>", "job>")},
        {1.0: hook(0, 0, 10, 10), 2.0: hook(0, 0, 10, 10), 3.0: hook(0, 0, 10, 10)},
        **SECONDS,
    ),
    "cvat: image w/ unknown child nested": one(
        {"a.xml": image('<group><box label="hook" xtl="1" ytl="2" xbr="30" ybr="40"/></group>')}, "group"
    ),
    "cvat: box comma": one(
        {"a.xml": image('<box label="hook" xtl="1,5" ytl="2" xbr="30" ybr="40"/>')}, "1.jpg"
    ),
    "cvat: wrapped images": one(
        {"a.xml": image("").replace("<image", "<images><image").replace("</image>", "</image></images>")},
        "images",
    ),
    "ls: frame 0": Odd(
        {
            "a.json": studio(
                {
                    **moving(True),
                    "value": {
                        **moving(True)["value"],
                        "sequence": [
                            {"frame": 0, "enabled": True, "x": 10, "y": 10, "width": 20, "height": 20}
                        ],
                    },
                },
                video="v.mp4",
            )
        },
        fault="frame",
        **SECONDS,
    ),
    "ls: timeseries": one(
        {
            "a.json": studio(
                {"type": "timeserieslabels", "value": {"start": 1, "end": 2, "timeserieslabels": ["hook"]}}
            )
        },
        "timeserieslabels",
    ),
    "ls: audio labels": one(
        {
            "a.json": studio(
                {"type": "labels", "value": {"start": 1.0, "end": 2.0, "channel": 0, "labels": ["hook"]}},
                video="v.mp4",
            )
        },
        "start",
    ),
    "ls: text labels": one(
        {
            "a.json": studio(
                {"type": "labels", "value": {"start": 1, "end": 2, "text": "x", "labels": ["hook"]}}
            )
        },
        "start",
    ),
    "ls: fractions": one(
        {"a.json": studio(value("rectanglelabels", x=0.1, y=0.1, width=0.2, height=0.2))}, "normalised"
    ),
    "ls: presigned": one(
        {"a.json": studio(rectangle(), image="https://s3.x/b/1.jpg?X-Amz=ab/cd&e=1")},
        hook(10, 8, 30, 24),
        "https://s3.x/b/1.jpg",
    ),
    "ls: local files": one(
        {"a.json": studio(rectangle(), image="/data/local-files/?d=a/1.jpg")}, hook(10, 8, 30, 24), "a/1.jpg"
    ),
    "ls: rotation string": one(
        {"a.json": studio(value("rectanglelabels", x=50, y=25, width=20, height=10, rotation="90"))},
        hook(42, 20, 50, 40),
    ),
    "ls: rotation -270": one(
        {"a.json": studio(value("rectanglelabels", x=50, y=25, width=20, height=10, rotation=-270))},
        hook(42, 20, 50, 40),
    ),
    "darwin: ranges gap": Odd(
        {
            "a.json": darwin(
                {
                    "frames": {
                        "0": {"bounding_box": {"x": 0, "y": 0, "w": 10, "h": 10}},
                        "100": {"bounding_box": {"x": 40, "y": 0, "w": 10, "h": 10}},
                    },
                    "ranges": [[0, 20], [50, 101]],
                },
                fps=25,
            )
        },
        {
            0.0: hook(0, 0, 10, 10),
            1.0: {},
            2.0: hook(20, 0, 30, 10),
            3.0: hook(30, 0, 40, 10),
            4.0: hook(40, 0, 50, 10),
        },
        moments=SECONDS["moments"],
    ),
    "darwin: range before key": Odd(
        {
            "a.json": darwin(
                {
                    "frames": {"50": {"bounding_box": {"x": 0, "y": 0, "w": 10, "h": 10}}},
                    "ranges": [[25, 101]],
                },
                fps=25,
            )
        },
        {1.0: hook(), 2.0: hook(0, 0, 10, 10), 3.0: hook(0, 0, 10, 10), 4.0: hook(0, 0, 10, 10)},
        moments=SECONDS["moments"],
    ),
    "darwin: angle in box": one(
        {"a.json": darwin({"bounding_box": {"x": 10, "y": 20, "w": 30, "h": 40, "angle": 0.5}})}, "angle"
    ),
    "mot: frame 0": Odd(
        {
            "gt.txt": "0,1,10,20,30,40,1,1,1\n25,1,10,20,30,40,1,1,1\n",
            "labels.txt": "hook\n",
            "seqinfo.ini": INFO,
        },
        fault="frame",
        moments=(0.0, 1.0),
    ),
    "mot: semicolons": Odd(
        {"gt.txt": "1;1;10;20;30;40;1;1;1\n", "labels.txt": "hook\n", "seqinfo.ini": INFO},
        fault="gt.txt line 1",
    ),
    "mot: class 0": Odd(
        {"gt.txt": "1,1,10,20,30,40,1,0,1\n", "labels.txt": "hook\n", "seqinfo.ini": INFO}, fault="class 0"
    ),
    "mot: crlf bom": Odd(
        {
            "gt.txt": b"\xef\xbb\xbf1,1,10,20,30,40,1,1,1\r\n",
            "labels.txt": "hook\r\n",
            "seqinfo.ini": "[Sequence]\r\nimWidth=100\r\nimHeight=80\r\nframeRate=25\r\n",
        },
        {0.0: WHOLE},
    ),
    "table: box no label": one({"a.csv": f"{HEAD}\n1.jpg,,10,20,40,60,100,80\n"}, "row 2"),
    "table: empty beside thing": one({"a.csv": "image,label\n1.jpg,hook\n1.jpg,\n"}, "1.jpg"),
    "table: left top": one(
        {"a.csv": "image,label,left,top,right,bottom,width,height\n1.jpg,hook,10,20,40,60,100,80\n"}, "column"
    ),
    "table: x_min": one({"a.csv": "image,label,x_min,y_min,x_max,y_max\n1.jpg,hook,10,20,40,60\n"}, "column"),
    "table: X1 caps": one(
        {"a.csv": "image,label,X1,Y1,X2,Y2,width,height\n1.jpg,hook,10,20,40,60,100,80\n"}, "column"
    ),
    "table: quoted bom crlf": one({"a.csv": b'\xef\xbb\xbf"image","label"\r\n"1.jpg","hook"\r\n'}, hook()),
    "table: tabs": one({"a.csv": f"{HEAD}\n1.jpg,hook,10,20,40,60,100,80\n".replace(",", "\t")}, WHOLE),
    "table: decimal comma": one(
        {"a.csv": f"{HEAD}\n1.jpg,hook,10;20;40;60;100;80\n".replace(",", ";").replace("10;", "10,5;")},
        hook(10.5, 20, 40, 60),
    ),
    "table: normalised": one({"a.csv": f"{HEAD}\n1.jpg,hook,0.1,0.2,0.4,0.6,100,80\n"}, "normalised"),
    "table: xywh": one({"a.csv": f"{HEAD}\n1.jpg,hook,60,50,20,20,100,80\n"}, "x, y, width, height"),
    "detector: format": one(
        {
            "a.json": [
                {
                    "image": "1.jpg",
                    "width": 100,
                    "height": 80,
                    "format": "xywh",
                    "detections": [{"label": "hook", "bbox": [10, 20, 40, 60], "confidence": 0.5}],
                }
            ]
        },
        "format",
    ),
    "detector: a broken line": one(
        {"a.jsonl": '{"image":"1.jpg","width":100,"height":80,"detections":[]}\n{bad\n'}, "line 2"
    ),
    "yolo: label float": Odd(
        {"data.yaml": "names: [hook]\n", "1.txt": "0.0 .5 .5 .2 .2\n", "1.png": PICTURE}, fault="class"
    ),
    "yolo: -0": Odd(
        {"data.yaml": "names: [hook]\n", "1.txt": "0 .25 .5 .3 .5\n", "1.png": PICTURE},
        {"1.txt": hook(10, 20, 40, 60)},
    ),
    "yolo: pose no kpt_shape": Odd(
        {"data.yaml": "names: [hook]\n", "1.txt": "0 .25 .5 .3 .5 .2 .3 2 .3 .4 1\n", "1.png": PICTURE},
        fault="1.txt",
    ),
    "yolo: class names quoted": Odd(
        {"classes.txt": "hook\r\ngrasper\r\n", "1.txt": "0 .25 .5 .3 .5\r\n", "1.png": PICTURE},
        {"1.txt": hook(10, 20, 40, 60)},
    ),
    "another tool: supervisely": one(
        {
            "a.json": {
                "size": {"height": 80, "width": 100},
                "objects": [{"classTitle": "hook", "points": {"exterior": [[1, 2]]}}],
            }
        },
        "a.json",
    ),
    "another tool: via": one({"a.json": {"1.jpg123": {"filename": "1.jpg", "regions": []}}}, "a.json"),
    "another tool: isat": one(
        {"a.json": {"info": {"name": "1.jpg", "width": 100, "height": 80}, "objects": []}}, "a.json"
    ),
    "another tool: datumaro": one({"a.json": {"info": {}, "categories": {}, "items": []}}, "a.json"),
    "another tool: scalabel": one(
        {
            "a.json": [
                {
                    "name": "1.jpg",
                    "labels": [{"category": "hook", "box2d": {"x1": 1, "x2": 3, "y1": 1, "y2": 2}}],
                }
            ]
        },
        "a.json",
    ),
    "another tool: ndjson": one({"a.ndjson": '{"a":1}\n{"b":2}\n'}, "a.ndjson"),
    "labelme: extra shapes key": one(
        {"a.json": shapes(shape("rectangle", [10, 20], [40, 60], rotation=30))}, "rotation"
    ),
    "labelme: rectangle direction 0": one(
        {"a.json": shapes(shape("rectangle", [10, 20], [40, 60], direction=0))}, WHOLE
    ),
}

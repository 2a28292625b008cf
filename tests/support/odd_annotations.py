"""Odd exports of annotation tools, made: each with the places that its tool shows, worked out by hand, or its fault.

Pictures are 100 wide and 80 high, videos have 25 frames a second. A place is x1, y1, x2, y2, or the two numbers of a
point; none where a thing is known to be in view alone.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 100, 80
Things = Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Odd:
    """Files of an export, and what is right."""

    files: Mapping[str, Any]  # by name: bytes, text, or a JSON value
    right: Mapping[str | float, Things] = field(default_factory=dict)  # pictures by name or second
    fault: str | None = None  # what is said of the picture, or the file, that can't be read
    note: str | None = None
    rate: float = 0.0
    moments: tuple[float, ...] = ()

    def make(self, folder: Path) -> Path:
        """Write the files; returns the only one, or the folder of several."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not isinstance(content, bytes | str):
                content = json.dumps(content)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return folder / next(iter(self.files)) if len(self.files) == 1 else folder


Cases = Iterator[tuple[str, Odd]]


def one(files: Mapping[str, Any], right: Things | str, picture: str = "1.jpg") -> Odd:
    """A picture with its things, or its fault."""
    if isinstance(right, str):
        return Odd(files, fault=right)
    return Odd(files, {picture: right})


def hook(*place: float) -> Things:
    """One hook."""
    return {"hook": place}


# ---- CVAT


def image(*elements: str) -> str:
    inside = "".join(elements)
    return f'<annotations><version>1.1</version><image id="0" name="1.jpg" width="{WIDTH}" height="{HEIGHT}">{inside}</image></annotations>'


CUBOID = " ".join(
    f'x{at}="{x}" y{at}="{y}"'
    for at, (x, y) in zip(
        ("tl1", "bl1", "tr1", "br1", "tl2", "bl2", "tr2", "br2"),
        ((1, 1), (1, 9), (9, 1), (9, 9), (2, 2), (2, 8), (12, 2), (12, 8)),
        strict=True,
    )
)
CVAT_IMAGES: dict[str, tuple[str, Things | str]] = {
    "box": ('<box label="hook" xtl="1" ytl="2" xbr="30" ybr="40"/>', hook(1, 2, 30, 40)),
    "box with attributes": ('<box label="hook" xtl="1" ytl="2" xbr="30" ybr="40"><attribute name="side">left</attribute></box>', hook(1, 2, 30, 40)),
    "box turned by 90": ('<box label="hook" xtl="20" ytl="35" xbr="60" ybr="45" rotation="90"/>', hook(35, 20, 45, 60)),
    "box turned by 270": ('<box label="hook" xtl="20" ytl="35" xbr="60" ybr="45" rotation="270"/>', hook(35, 20, 45, 60)),
    "box turned by 180": ('<box label="hook" xtl="20" ytl="35" xbr="60" ybr="45" rotation="180"/>', hook(20, 35, 60, 45)),
    "box turned by 45": ('<box label="hook" xtl="30" ytl="30" xbr="50" ybr="50" rotation="45"/>', hook(25.9, 25.9, 54.1, 54.1)),
    "box turned by 360": ('<box label="hook" xtl="20" ytl="35" xbr="60" ybr="45" rotation="360.0"/>', hook(20, 35, 60, 45)),
    "polygon": ('<polygon label="hook" points="1,2;30,2;30,40"/>', hook(1, 2, 30, 40)),
    "polyline": ('<polyline label="hook" points="1,2;30,40;5,50"/>', hook(1, 2, 30, 50)),
    "points": ('<points label="hook" points="1,2;30,40"/>', hook(1, 2, 30, 40)),
    "one point": ('<points label="hook" points="7,9"/>', hook(7, 9)),
    "ellipse": ('<ellipse label="hook" cx="50" cy="40" rx="20" ry="10"/>', hook(30, 30, 70, 50)),
    "ellipse turned": ('<ellipse label="hook" cx="50" cy="40" rx="20" ry="10" rotation="90"/>', hook(40, 20, 60, 60)),
    "mask": ('<mask label="hook" rle="0, 6" left="10" top="20" width="3" height="2"/>', hook(10, 20, 13, 22)),
    "mask with holes": ('<mask label="hook" rle="1, 1, 1, 1, 1, 1" left="10" top="20" width="3" height="2"/>', hook(10, 20, 13, 22)),
    "cuboid": (f'<cuboid label="hook" {CUBOID}/>', hook(1, 1, 12, 9)),
    "skeleton": ('<skeleton label="hook"><points label="a" points="3,4" outside="0"/><points label="b" points="9,8" outside="0"/></skeleton>', hook(3, 4, 9, 8)),
    "skeleton with an attribute": ('<skeleton label="hook"><attribute name="side">left</attribute><points label="a" points="3,4" outside="0"/><points label="b" points="9,8" outside="1"/></skeleton>', hook(3, 4)),
    "skeleton with attributes of points": ('<skeleton label="hook"><points label="a" points="3,4"><attribute name="x">y</attribute></points></skeleton>', hook(3, 4)),
    "tag": ('<tag label="hook"/>', hook()),
    "tag beside a box": ('<tag label="hook"/><box label="hook" xtl="1" ytl="2" xbr="30" ybr="40"/>', hook(1, 2, 30, 40)),
    "two of a kind": ('<box label="hook" xtl="1" ytl="2" xbr="30" ybr="40"/><box label="hook" xtl="5" ytl="2" xbr="30" ybr="40"/>', {"hook": (1, 2, 30, 40), "hook#2": (5, 2, 30, 40)}),
    "nothing": ("", {}),
    "an unknown shape": ('<box label="hook" xtl="1" ytl="2" xbr="30" ybr="40"/><voxel label="hook"/>', "a voxel, which is none of"),
    "an unknown label": ('<box label="stapler" xtl="1" ytl="2" xbr="30" ybr="40"/>', "unknown label 'stapler'"),
    "no label": ('<box xtl="1" ytl="2" xbr="30" ybr="40"/>', "without a label"),
    "normalised": ('<box label="hook" xtl="0.1" ytl="0.2" xbr="0.5" ybr="0.9"/>', "looks normalised"),
    "far outside": ('<box label="hook" xtl="90" ytl="2" xbr="190" ybr="40"/>', "90% of it lie outside"),
    "corners swapped": ('<box label="hook" xtl="30" ytl="40" xbr="1" ybr="2"/>', "has no area"),
    "not finite": ('<box label="hook" xtl="1" ytl="2" xbr="inf" ybr="40"/>', "not finite"),
    "mask beyond the edge": ('<mask label="hook" rle="0, 6" left="98" top="20" width="3" height="2"/>', "is not in the 100x80 picture"),
    "skeleton out of view": ('<skeleton label="hook"><points label="a" points="3,4" outside="1"/></skeleton>', "no point is in view"),
}  # fmt: skip
SIZE = f"<original_size><width>{WIDTH}</width><height>{HEIGHT}</height></original_size>"


def film(*tracks: str, stop: str = "") -> str:
    inside = "".join(
        f'<track id="{number}" label="hook">{keys}</track>' for number, keys in enumerate(tracks)
    )
    return f"<annotations><meta><task>{stop}{SIZE}</task></meta>{inside}</annotations>"


def key(frame: int, x: float, outside: int = 0, more: str = "") -> str:
    return f'<box frame="{frame}" outside="{outside}" xtl="{x}" ytl="0" xbr="{x + 10}" ybr="10" {more}/>'


def cvat() -> Cases:
    for name, (shapes, right) in CVAT_IMAGES.items():
        yield f"cvat: {name}", one({"a.xml": image(shapes)}, right)
    seconds = {"rate": 25.0, "moments": (0.0, 1.0, 2.0, 3.0, 4.0)}
    moving = film(key(25, 0) + key(75, 50) + key(100, 50, 1))
    right = {1.0: hook(0, 0, 10, 10), 2.0: hook(25, 0, 35, 10), 3.0: hook(50, 0, 60, 10), 4.0: {}}
    yield "cvat: a track between its frames", Odd({"a.xml": moving}, right, **seconds)
    stop = film(key(25, 0), stop="<stop_frame>80</stop_frame>")
    right = {1.0: hook(0, 0, 10, 10), 2.0: hook(0, 0, 10, 10), 3.0: hook(0, 0, 10, 10)}
    yield "cvat: a track up to the video's end", Odd({"a.xml": stop}, right, **seconds)
    again = film(key(0, 0) + key(24, 0, 1) + key(50, 40) + key(100, 40, 1))
    right = {0.0: hook(0, 0, 10, 10), 1.0: {}, 2.0: hook(40, 0, 50, 10), 3.0: hook(40, 0, 50, 10), 4.0: {}}
    yield "cvat: a track that leaves and comes back", Odd({"a.xml": again}, right, **seconds)
    turned = film(key(25, 40, more='rotation="90"') + key(75, 40, more='rotation="90"') + key(76, 40, 1))
    right = {1.0: hook(40, 0, 50, 10), 2.0: hook(40, 0, 50, 10), 3.0: hook(40, 0, 50, 10)}
    yield "cvat: a turned box between its frames", Odd({"a.xml": turned}, right, **seconds)
    turning = film(key(25, 40, more='rotation="90"') + key(75, 40, more='rotation="0.5"') + key(76, 40, 1))
    right = {1.0: hook(40, 0, 50, 10), 2.0: hook(), 3.0: hook(40, 0, 50, 10)}
    yield (
        "cvat: a box that turns between its frames",
        Odd({"a.xml": turning}, right, **seconds),
    )
    for name, shape in {
        "polygon": '<polygon frame="25" outside="0" points="1,2;30,2;30,40"/><polygon frame="76" outside="1" points="1,2;30,2;30,40"/>',
        "polyline": '<polyline frame="25" outside="0" points="1,2;30,2;30,40"/><polyline frame="76" outside="1" points="1,2;30,2;30,40"/>',
        "points": '<points frame="25" outside="0" points="1,2;30,2;30,40"/><points frame="76" outside="1" points="1,2;30,2;30,40"/>',
        "skeleton": '<skeleton frame="25"><attribute name="a">b</attribute><points label="t" outside="0" points="1,2"/><points label="u" outside="0" points="30,40"/></skeleton><skeleton frame="76"><attribute name="a">b</attribute><points label="t" outside="1" points="1,2"/></skeleton>',
    }.items():  # fmt: skip
        right = {1.0: hook(1, 2, 30, 40), 2.0: hook(), 3.0: hook()}
        yield f"cvat: a track of a {name}", Odd({"a.xml": film(shape)}, right, **seconds)
    yield (
        "cvat: an unknown shape in a track",
        Odd({"a.xml": film('<voxel frame="1"/>')}, fault="a voxel", **seconds),
    )
    yield "cvat: a track without its video's rate", Odd({"a.xml": moving}, fault="--image-rate")
    numbered = image(CVAT_IMAGES["box"][0]).replace("1.jpg", "frame_000050")
    yield (
        "cvat: a video's frame by its number",
        Odd({"a.xml": numbered}, {2.0: hook(1, 2, 30, 40)}, rate=25.0),
    )
    latin = '<?xml version="1.0" encoding="ISO-8859-1"?>' + image(CVAT_IMAGES["box"][0]).replace(
        "1.jpg", "Fall Müller.jpg"
    )
    yield (
        "cvat: Latin letters",
        one({"a.xml": latin.encode("latin-1")}, hook(1, 2, 30, 40), "Fall Müller.jpg"),
    )
    wide = '<?xml version="1.0" encoding="utf-16"?>' + image(CVAT_IMAGES["box"][0])
    yield "cvat: UTF-16", one({"a.xml": wide.encode("utf-16")}, hook(1, 2, 30, 40))
    yield "cvat: another document", Odd({"a.xml": "<svg/>"}, fault="its document is 'svg'")
    yield (
        "cvat: an entity",
        Odd({"a.xml": '<!DOCTYPE a [<!ENTITY b "c">]><annotations/>'}, fault="document type"),
    )


# ---- Label Studio


def studio(*results: Mapping[str, Any], **data: Any) -> Any:
    size = {"original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0}
    return [
        {
            "id": 1,
            "data": data or {"image": "1.jpg"},
            "annotations": [{"result": [size | {**result} for result in results]}],
        }
    ]


def rectangle(label: str = "hook", **more: Any) -> dict[str, Any]:
    return {
        "type": "rectanglelabels",
        "value": {"x": 10, "y": 10, "width": 20, "height": 20, "rectanglelabels": [label]},
        **more,
    }


def value(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "value": {**more, kind: ["hook"]}}


RECTANGLE = hook(10, 8, 30, 24)
STUDIO: dict[str, tuple[Sequence[Mapping[str, Any]], Things | str]] = {
    "rectangle": ([rectangle()], RECTANGLE),
    "rectangle turned about its corner": ([value("rectanglelabels", x=50, y=25, width=20, height=10, rotation=90)], hook(42, 20, 50, 40)),
    "rectangle drawn from below": ([value("rectanglelabels", x=30, y=30, width=-20, height=-20)], RECTANGLE),
    "polygon": ([value("polygonlabels", points=[[10, 10], [30, 10], [30, 30]], closed=True)], RECTANGLE),
    "ellipse": ([value("ellipselabels", x=50, y=50, radiusX=10, radiusY=10)], hook(40, 32, 60, 48)),
    "ellipse turned": ([value("ellipselabels", x=50, y=50, radiusX=20, radiusY=10, rotation=90)], hook(42, 20, 58, 60)),
    "key point": ([value("keypointlabels", x=50, y=50, width=0.5)], hook(50, 40)),
    "choice": ([{"type": "choices", "value": {"choices": ["hook"]}}], hook()),
    "label and place apart": ([{"id": "a", "type": "rectangle", "value": {"x": 10, "y": 10, "width": 20, "height": 20}}, {"id": "a", "type": "labels", "value": {"x": 10, "y": 10, "width": 20, "height": 20, "labels": ["hook"]}}], RECTANGLE),
    "a choice on a region": ([rectangle(id="a"), {"id": "a", "type": "choices", "value": {"x": 10, "y": 10, "width": 20, "height": 20, "choices": ["blurred"]}}], RECTANGLE),
    "a text on a region": ([rectangle(id="a"), {"id": "a", "type": "textarea", "value": {"x": 10, "y": 10, "width": 20, "height": 20, "text": ["unsure"]}}], RECTANGLE),
    "a relation": ([rectangle(id="a"), {"type": "relation", "from_id": "a", "to_id": "a", "direction": "right"}], RECTANGLE),
    "two labels on a region": ([{"type": "rectanglelabels", "value": {"x": 10, "y": 10, "width": 20, "height": 20, "rectanglelabels": ["hook", "liver"]}}], {"hook": RECTANGLE["hook"], "liver": RECTANGLE["hook"]}),
    "nothing": ([], {}),
    "no label": ([{"type": "rectangle", "value": {"x": 10, "y": 10, "width": 20, "height": 20}}], "without a label"),
    "a turned picture": ([rectangle() | {"image_rotation": 90}], "a picture turned in the tool"),
    "the second of several pages": ([rectangle() | {"item_index": 1}], "one of several of a task"),
    "a brush that breaks off": ([value("brushlabels", format="rle", rle=[0, 1, 2, 3])], "its brush breaks off"),
    "a brush in another form": ([value("brushlabels", format="png", rle=[1])], "a brush in the form 'png'"),
    "a bitmask": ([value("bitmasklabels", imageDataURL="data:image/png;base64,")], "a bitmasklabels"),
    "a vector": ([value("vectorlabels", vertices=[{"x": 1, "y": 2}])], "a vectorlabels"),
    "pixels": ([value("rectanglelabels", x=300, y=200, width=100, height=80)], "lie outside"),
}  # fmt: skip


def brush(mask: np.ndarray) -> list[int]:
    """A mask in Label Studio's code, one block for every pixel that differs from the one before."""
    values = np.repeat(mask.astype(int).ravel() * 255, 4)
    ends = [*(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)]
    bits = f"{len(values):032b}{7:05b}" + f"{15:04b}" * 4
    start = 0
    for end in ends:
        bits += "1" + "00" + f"{end - start - 1:016b}" + f"{values[start]:08b}"
        start = end
    bits += "0" * (-len(bits) % 8)
    return [int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)]


def part() -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[20:30, 40:60] = True
    return mask


PART = hook(40, 20, 60, 30)


def moving(last: bool, **more: Any) -> dict[str, Any]:
    """A box from second 1 to second 3, enabled there or not."""
    places = [{"frame": 26, "enabled": True, "x": 10}, {"frame": 76, "enabled": last, "x": 40}]
    sequence = [{"rotation": 0, "y": 10, "width": 20, "height": 20, **place} for place in places]
    return {
        "id": "a",
        "type": "videorectangle",
        "value": {"framesCount": 110, "duration": 4.4, "sequence": sequence, "labels": ["hook"]},
        **more,
    }


def label_studio() -> Cases:
    for name, (results, right) in STUDIO.items():
        yield f"label studio: {name}", one({"a.json": studio(*results)}, right)
    yield (
        "label studio: brush",
        one({"a.json": studio(value("brushlabels", format="rle", rle=brush(part())))}, PART),
    )
    moments = (0.0, 1.0, 2.0, 3.0, 3.04, 4.0)
    here = {1.0: hook(10, 8, 30, 24), 2.0: hook(25, 8, 45, 24), 3.0: hook(40, 8, 60, 24)}
    yield (
        "label studio: a box of a video",
        Odd({"a.json": studio(moving(False), video="v.mp4")}, here, moments=moments),
    )
    there = here | {3.04: hook(40, 8, 60, 24), 4.0: hook(40, 8, 60, 24)}
    yield (
        "label studio: a box up to the end",
        Odd({"a.json": studio(moving(True), video="v.mp4")}, there, moments=moments),
    )
    said = {"id": "a", "type": "choices", "value": {"sequence": [], "choices": ["blurred"]}}
    yield (
        "label studio: a choice on a box of a video",
        Odd({"a.json": studio(moving(False), said, video="v.mp4")}, here, moments=moments),
    )
    line = {
        "type": "timelinelabels",
        "value": {"ranges": [{"start": 26, "end": 51}], "timelinelabels": ["grasper"]},
    }
    right = {1.0: {"grasper": ()}, 2.0: {"grasper": ()}}
    yield (
        "label studio: a timeline",
        Odd({"a.json": studio(line, video="v.mp4")}, right, rate=25.0, moments=moments),
    )
    yield (
        "label studio: a timeline without a rate",
        Odd({"a.json": studio(line, video="v.mp4")}, fault="--image-rate"),
    )
    bare = [{"data": {"video": "v.mp4"}, "annotations": [{"result": [moving(False)]}]}]
    yield (
        "label studio: a video without its size",
        Odd({"a.json": bare}, fault="doesn't say the size", moments=moments),
    )
    words = {"type": "textarea", "value": {"text": ["blood"]}}
    yield (
        "label studio: a text of a video",
        Odd(
            {"a.json": studio(moving(False), words, video="v.mp4")},
            fault="a textarea of a video",
            moments=moments,
        ),
    )
    cancelled = studio(rectangle())
    cancelled[0]["annotations"].insert(0, {"was_cancelled": True, "result": [rectangle("grasper")]})
    cancelled[0]["annotations"].append({"was_cancelled": True, "result": []})
    yield "label studio: cancelled ones", one({"a.json": cancelled}, RECTANGLE)
    nobody = [*studio(rectangle()), {"id": 2, "data": {"image": "2.jpg"}, "annotations": []}]
    yield "label studio: a task that nobody did", one({"a.json": nobody}, RECTANGLE)
    guessed = [
        *studio(rectangle()),
        {"id": 2, "data": {"image": "2.jpg"}, "annotations": [], "predictions": [{"result": [rectangle()]}]},
    ]
    yield "label studio: a task with predictions alone", one({"a.json": guessed}, RECTANGLE)
    pages = studio(rectangle(), images=["1.jpg", "2.jpg"])
    yield "label studio: a task of several pages", Odd({"a.json": pages}, fault="its data names no picture")
    minimal = [{"annotation_id": 1, "image": "1.jpg", "label": []}]
    yield "label studio: JSON-MIN", Odd({"a.json": minimal}, fault="JSON-MIN")
    old = [{"id": 1, "data": {"image": "1.jpg"}, "completions": studio(rectangle())[0]["annotations"]}]
    yield "label studio: completions", one({"a.json": old}, RECTANGLE)


# ---- COCO


def coco(*annotations: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "images": [{"id": 0, "file_name": "1.jpg", "width": WIDTH, "height": HEIGHT}],
        "categories": [{"id": 4, "name": "hook"}],
        "annotations": [
            {"id": i, "image_id": 0, "category_id": 4, **given} for i, given in enumerate(annotations)
        ],
        **more,
    }


def runs(mask: np.ndarray) -> list[int]:
    """Run lengths down the columns, zeros first."""
    flat = mask.T.ravel()
    ends = [*(np.flatnonzero(np.diff(flat)) + 1).tolist(), len(flat)]
    lengths = np.diff([0, *ends]).tolist()
    return [0, *lengths] if flat[0] else lengths


def compressed(counts: Sequence[int]) -> str:
    """Run lengths as COCO's letters: differences to the last but one, five bits a letter."""
    letters = ""
    for i, count in enumerate(counts):
        rest = count - counts[i - 2] if i > 2 else count
        while True:
            five, rest = rest & 31, rest >> 5
            more = rest != (-1 if five & 16 else 0)
            letters += chr(48 + (five | 32 if more else five))
            if not more:
                break
    return letters


BOX = {"bbox": [10, 20, 30, 40]}
COCO: dict[str, tuple[Mapping[str, Any], Things | str]] = {
    "box": (coco(BOX), hook(10, 20, 40, 60)),
    "box and no outline": (coco(BOX | {"segmentation": []}), hook(10, 20, 40, 60)),
    "box and an empty outline": (coco(BOX | {"segmentation": [[]]}), hook(10, 20, 40, 60)),
    "box and null": (coco(BOX | {"segmentation": None, "attributes": None}), hook(10, 20, 40, 60)),
    "box turned": (coco({"bbox": [20, 35, 40, 10], "attributes": {"rotation": 90}}), hook(35, 20, 45, 60)),
    "box turned beside it": (coco({"bbox": [20, 35, 40, 10], "rotation": 90}), hook(35, 20, 45, 60)),
    "polygon": (coco({"segmentation": [[1, 2, 30, 2, 30, 40]]}), hook(1, 2, 30, 40)),
    "two parts": (coco({"segmentation": [[1, 2, 30, 2, 30, 40], [50, 50, 60, 50, 60, 60]]}), hook(1, 2, 60, 60)),
    "polygon as text": (coco({"segmentation": "[[1, 2, 30, 2, 30, 40]]"}), hook(1, 2, 30, 40)),
    "runs": (coco({"segmentation": {"size": [HEIGHT, WIDTH], "counts": runs(part())}}), PART),
    "compressed runs": (coco({"segmentation": {"size": [HEIGHT, WIDTH], "counts": compressed(runs(part()))}}), PART),
    "key points": (coco({"keypoints": [3, 4, 2, 9, 8, 1, 0, 0, 0]}), hook(3, 4, 9, 8)),
    "ids as text": (coco(BOX | {"image_id": "0", "category_id": "4", "id": "a"}), hook(10, 20, 40, 60)),
    "ids as decimals": (coco(BOX | {"image_id": 0.0, "category_id": 4.0, "id": 1.0}), hook(10, 20, 40, 60)),
    "no crowd, as a word": (coco(BOX | {"iscrowd": False}), hook(10, 20, 40, 60)),
    "no crowd, as text": (coco(BOX | {"iscrowd": "0"}), hook(10, 20, 40, 60)),
    "two of a kind": (coco(BOX, {"bbox": [0, 0, 9, 9]}), {"hook": (10, 20, 40, 60), "hook#2": (0, 0, 9, 9)}),
    "nothing": (coco(), {}),
    "beyond the edge a little": (coco({"bbox": [90, 20, 11, 40]}), hook(90, 20, 100, 60)),
    "no such category": (coco(BOX | {"category_id": 7}), "its category_id 7 is not among"),
    "no such image": (coco(BOX | {"image_id": 7}), "its image_id 7 is not among"),
    "an annotation twice": (coco(BOX | {"id": 3}, BOX | {"id": 3}), "the id is there twice"),
    "a category twice": (coco(BOX, categories=[{"id": 4, "name": "hook"}, {"id": "4", "name": "grasper"}]), "the id is there twice"),
    "an image twice": (coco(BOX, images=2 * coco()["images"]), "the id is there twice"),
    "runs of another size": (coco({"segmentation": {"size": [WIDTH, HEIGHT], "counts": runs(part())}}), "its mask's size is"),
    "runs that break off": (coco({"segmentation": {"size": [HEIGHT, WIDTH], "counts": [5, 5]}}), "don't cover"),
    "a flat outline": (coco({"segmentation": [1, 2, 30, 2, 30, 40]}), "not a list of numbers"),
    "an odd outline": (coco({"segmentation": [[1, 2, 30, 2, 30]]}), "two a point"),
    "no place": (coco({}), "no segmentation, no bbox and no visible keypoint"),
    "a box of no width": (coco({"bbox": [10, 20, 0, 40]}), "has no area"),
    "a box below zero": (coco({"bbox": [40, 60, -30, -40]}), "has no area"),
    "five numbers": (coco({"bbox": [10, 20, 30, 40, 0.5]}), "too many values"),
    "normalised": (coco({"bbox": [0.1, 0.2, 0.3, 0.4]}), "looks normalised"),
    "corners": (coco({"bbox": [50, 40, 90, 70]}), "x1, y1, x2, y2"),
    "a strange crowd": (coco(BOX | {"iscrowd": "maybe"}), "0 or 1 are due"),
    "no size": (coco(BOX, images=[{"id": 0, "file_name": "1.jpg"}]), "lacks 'width'"),
    "no pictures": ({"annotations": []}, "not COCO instances"),
    "results alone": ([{"image_id": 0, "category_id": 4, "bbox": [1, 2, 3, 4], "score": 1}], "neither a tool's export"),  # type: ignore[dict-item]
}  # fmt: skip


def coco_files() -> Cases:
    for name, (file, right) in COCO.items():
        yield f"coco: {name}", one({"a.json": file}, right)
    for name, crowd in {"1": 1, "a word": True, "text": "1", "ignore": None}.items():
        given = BOX | ({"ignore": 1} if crowd is None else {"iscrowd": crowd})
        yield f"coco: a crowd by {name}", Odd({"a.json": coco(given)}, {}, note="a crowd")
    yield (
        "coco: with a mark in front",
        one({"a.json": b"\xef\xbb\xbf" + json.dumps(coco(BOX)).encode()}, hook(10, 20, 40, 60)),
    )
    yield "coco: UTF-16", one({"a.json": json.dumps(coco(BOX)).encode("utf-16")}, hook(10, 20, 40, 60))
    yield (
        "coco: not a number",
        Odd({"a.json": json.dumps(coco({"bbox": [float("nan"), 2, 3, 4]}))}, fault="not finite"),
    )
    yield "coco: packed", Odd({"a.json": b"PK\x03\x04" + bytes(99)}, fault="a ZIP archive")


# ---- LabelMe


def png(pixels: np.ndarray, mode: str | None = None) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels, mode).save(file, "PNG")
    return file.getvalue()


def shapes(*given: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "imagePath": "1.jpg",
        "imageWidth": WIDTH,
        "imageHeight": HEIGHT,
        "shapes": [{"label": "hook", **shape} for shape in given],
        **more,
    }


def shape(kind: str, *points: Sequence[float], **more: Any) -> dict[str, Any]:
    return {"shape_type": kind, "points": points, **more}


TRIANGLE = ([1, 2], [30, 2], [30, 40])
MASK = base64.b64encode(png(np.full((10, 20), 255, np.uint8))).decode()
LABELME: dict[str, tuple[Mapping[str, Any], Things | str]] = {
    "polygon": (shapes(shape("polygon", *TRIANGLE)), hook(1, 2, 30, 40)),
    "no kind": (shapes({"points": TRIANGLE}), hook(1, 2, 30, 40)),
    "rectangle": (shapes(shape("rectangle", [40, 60], [10, 20])), hook(10, 20, 40, 60)),
    "rectangle of four": (shapes(shape("rectangle", [10, 20], [40, 20], [40, 60], [10, 60])), hook(10, 20, 40, 60)),
    "turned": (shapes(shape("rotation", [20, 10], [30, 20], [20, 30], [10, 20], direction=0.785)), hook(10, 10, 30, 30)),
    "oriented": (shapes(shape("oriented_rectangle", [20, 10], [30, 20], [20, 30], [10, 20])), hook(10, 10, 30, 30)),
    "circle": (shapes(shape("circle", [50, 40], [53, 44])), hook(45, 35, 55, 45)),
    "point": (shapes(shape("point", [7, 9])), hook(7, 9)),
    "points": (shapes(shape("points", [7, 9], [17, 19])), hook(7, 9, 17, 19)),
    "line": (shapes(shape("line", [1, 2], [30, 40])), hook(1, 2, 30, 40)),
    "line strip": (shapes(shape("linestrip", [1, 2], [3, 50], [30, 40])), hook(1, 2, 30, 50)),
    "mask": (shapes(shape("mask", [40, 20], [59, 29], mask=MASK)), PART),
    "a group": (shapes(shape("polygon", *TRIANGLE, group_id=1), shape("polygon", [50, 50], [60, 50], [60, 60], group_id=1)), hook(1, 2, 60, 60)),
    "a group of rectangles": (shapes(shape("rectangle", [1, 2], [9, 9], group_id=1), shape("rectangle", [50, 50], [60, 60], group_id=1)), hook(1, 2, 60, 60)),
    "a group of two kinds": (shapes(shape("circle", [50, 40], [53, 44], group_id=0), shape("polygon", *TRIANGLE, group_id=0)), hook(1, 2, 55, 45)),
    "a flag": (shapes(flags={"hook": True, "blurred": True, "liver": False}), hook()),
    "a path of Windows": (shapes(shape("point", [7, 9]), imagePath="..\\frames\\1.jpg"), hook(7, 9)),
    "nothing": (shapes(), {}),
    "a cuboid": (shapes(shape("cuboid", *TRIANGLE)), "a cuboid"),
    "ignored": (shapes(shape("polygon", *TRIANGLE) | {"label": "__ignore__"}), "unknown label '__ignore__'"),
    "outside": (shapes(shape("rectangle", [150, 20], [190, 60])), "100% of it lie outside"),
    "of no area": (shapes(shape("rectangle", [10, 20], [10, 20])), "has no area"),
    "two points": (shapes(shape("polygon", [1, 2], [3, 4])), "three points or more"),
    "a circle of one point": (shapes(shape("circle", [1, 2])), "a circle of 1 points"),
    "a mask beyond the edge": (shapes(shape("mask", [90, 20], [109, 29], mask=MASK)), "is not in the 100x80 picture"),
    "a mask of nothing": (shapes(shape("mask", [40, 20], [59, 29], mask="AAAA")), "its mask is no PNG"),
    "no size": (shapes(shape("point", [7, 9]), imageWidth=None), "it lacks imageWidth"),
}  # fmt: skip


# ---- Darwin, Pascal VOC, tables, detectors


def darwin(*given: Mapping[str, Any], **slot: Any) -> dict[str, Any]:
    slots = [{"width": WIDTH, "height": HEIGHT, **slot}]
    return {
        "version": "2.0",
        "item": {"name": "1.jpg", "slots": slots},
        "annotations": [{"name": "hook", **shape} for shape in given],
    }


def xy(*points: Sequence[float]) -> list[dict[str, float]]:
    return [{"x": x, "y": y} for x, y in points]


BOUNDS = {"bounding_box": {"x": 10, "y": 20, "w": 30, "h": 40}}
DARWIN: dict[str, tuple[Mapping[str, Any], Things | str]] = {
    "box": (darwin(BOUNDS), hook(10, 20, 40, 60)),
    "polygon": (darwin({"polygon": {"paths": [xy(*TRIANGLE)]}}), hook(1, 2, 30, 40)),
    "polygon of version 1": (darwin({"polygon": {"path": xy(*TRIANGLE)}}), hook(1, 2, 30, 40)),
    "further paths": (darwin({"polygon": {"path": xy(*TRIANGLE), "additional_paths": [xy((50, 50), (60, 50), (60, 60))]}}), hook(1, 2, 60, 60)),
    "several paths": (darwin({"complex_polygon": {"path": [xy(*TRIANGLE), xy((50, 50), (60, 50), (60, 60))]}}), hook(1, 2, 60, 60)),
    "ellipse": (darwin({"ellipse": {"angle": 1.5707963, "center": {"x": 50, "y": 40}, "radius": {"x": 20, "y": 10}}}), hook(40, 20, 60, 60)),
    "line": (darwin({"line": {"path": xy((1, 2), (30, 40))}}), hook(1, 2, 30, 40)),
    "key point": (darwin({"keypoint": {"x": 7, "y": 9}}), hook(7, 9)),
    "skeleton": (darwin({"skeleton": {"nodes": [*xy((1, 2), (5, 6)), {"x": 90, "y": 70, "occluded": True}]}}), hook(1, 2, 5, 6)),
    "cuboid": (darwin({"cuboid": {"front": {"top_left": {"x": 1, "y": 1}, "bottom_right": {"x": 9, "y": 9}}, "back": {"top_left": {"x": 2, "y": 2}, "bottom_right": {"x": 12, "y": 8}}}}), hook(1, 1, 12, 9)),
    "tag": (darwin({"tag": {}}), hook()),
    "a raster": (darwin({"raster_layer": {"dense_rle": []}}), "a raster_layer"),
    "no place": (darwin({}), "without a place, and no tag"),
    "two slots": (darwin(BOUNDS) | {"item": {"name": "1.jpg", "slots": [{"width": 1, "height": 1}] * 2}}, "an item of 2 slots"),
}  # fmt: skip


def keyed(**more: Any) -> dict[str, Any]:
    places = {"25": 0, "75": 50}
    frames = {at: {"bounding_box": {"x": x, "y": 0, "w": 10, "h": 10}} for at, x in places.items()}
    return {"frames": frames, "ranges": [[25, 100]], **more}


def object_(place: str, label: str = "hook") -> str:
    return f"<annotation><filename>1.jpg</filename><size><width>{WIDTH}</width><height>{HEIGHT}</height></size><object><name>{label}</name>{place}</object></annotation>"


BNDBOX = "<bndbox><xmin>10</xmin><ymin>20</ymin><xmax>40</xmax><ymax>60</ymax></bndbox>"
VOC: dict[str, tuple[str, Things | str]] = {
    "box": (object_(BNDBOX), hook(10, 20, 40, 60)),
    "hard and cut off": (object_("<pose>Left</pose><truncated>1</truncated><difficult>1</difficult>" + BNDBOX), hook(10, 20, 40, 60)),
    "turned": (object_("<type>robndbox</type><robndbox><cx>50</cx><cy>40</cy><w>40</w><h>10</h><angle>1.5707963</angle></robndbox>"), hook(45, 20, 55, 60)),
    "polygon": (object_("<polygon><x1>11</x1><y1>20</y1><x2>40</x2><y2>20</y2><x3>40</x3><y3>60</y3></polygon>" + BNDBOX), hook(11, 20, 40, 60)),
    "polygon of LabelMe": (object_("<deleted>0</deleted><polygon><pt><x>1</x><y>2</y></pt><pt><x>30</x><y>2</y></pt><pt><x>30</x><y>40</y></pt></polygon>"), hook(1, 2, 30, 40)),
    "deleted": (object_("<deleted>1</deleted>" + BNDBOX), {}),
    "with parts": (object_(f"{BNDBOX}<part><name>tip</name>{BNDBOX}</part>"), hook(10, 20, 40, 60)),
    "decimals": (object_(BNDBOX.replace("10", "10.5")), hook(10.5, 20, 40, 60)),
    "two boxes": (object_(2 * BNDBOX), "2 elements bndbox"),
    "a cube": (object_("<cube/>"), "with a cube"),
    "no name": (object_(BNDBOX, ""), "without a name"),
    "no place": (object_(""), "without a bndbox"),
    "a comma": (object_(BNDBOX.replace("10", "10,5")), "could not convert"),
    "no size": (object_(BNDBOX).replace("<width>100</width>", "").replace("<height>80</height>", ""), "doesn't say the size"),
}  # fmt: skip
HEAD = "image,label,x1,y1,x2,y2,width,height"
TABLES: dict[str, tuple[str, Things | str]] = {
    "box": (f"{HEAD}\n1.jpg,hook,10,20,40,60,100,80\n", hook(10, 20, 40, 60)),
    "semicolons": (f"{HEAD}\n1.jpg,hook,10,20,40,60,100,80\n".replace(",", ";"), hook(10, 20, 40, 60)),
    "presence": ("image,label\n1.jpg,hook\n", hook()),
    "nothing in view": ("image,label\n1.jpg,\n", {}),
    "half a box": (f"{HEAD}\n1.jpg,hook,,20,40,60,100,80\n", "x1 is '', not a number"),
    "no size": ("image,label,x1,y1,x2,y2\n1.jpg,hook,10,20,40,60\n", "no columns width,height"),
    "other corners": ("image,label,xmin,ymin,xmax,ymax\n1.jpg,hook,10,20,40,60\n", "a column xmin"),
    "a turn beside the box": (f"{HEAD},rotation\n1.jpg,hook,10,20,40,60,100,80,90\n", "a column rotation"),
}  # fmt: skip


def others() -> Cases:
    for name, (file, right) in LABELME.items():
        yield f"labelme: {name}", one({"a.json": file}, right)
    for name, (file, right) in DARWIN.items():
        yield f"darwin: {name}", one({"a.json": file}, right)
    moments = (0.0, 1.0, 2.0, 3.0, 4.0)
    for name, track, right in (
        ("a track", keyed(), {1.0: hook(0, 0, 10, 10), 2.0: hook(25, 0, 35, 10), 3.0: hook(50, 0, 60, 10)}),
        ("a hidden stretch", keyed(hidden_areas=[[40, 60]]), {1.0: hook(0, 0, 10, 10), 2.0: {}, 3.0: hook(50, 0, 60, 10)}),
        ("a track that stands", keyed(interpolated=False), {1.0: hook(0, 0, 10, 10), 2.0: hook(), 3.0: hook(50, 0, 60, 10)}),
    ):  # fmt: skip
        yield f"darwin: {name}", Odd({"a.json": darwin(track, fps=25)}, right, moments=moments)
    for name, (text, right) in VOC.items():
        yield f"voc: {name}", one({"a.xml": text}, right)
    for name, (text, right) in TABLES.items():
        yield f"table: {name}", one({"a.csv": text}, right)
    found = {
        "image": "1.jpg",
        "width": WIDTH,
        "height": HEIGHT,
        "detections": [{"label": "hook", "bbox": [10, 20, 40, 60], "confidence": 0.5}],
    }
    yield "detector: JSON", one({"a.json": [found]}, hook(10, 20, 40, 60))
    yield "detector: a line each", one({"a.jsonl": json.dumps(found) + "\n"}, hook(10, 20, 40, 60))
    strange = found | {
        "detections": [{"label": "hook", "bbox": [10, 20, 40, 60], "confidence": 0.5, "angle": 90}]
    }
    yield "detector: a turn beside the box", Odd({"a.json": [strange]}, fault="a detection with 'angle'")


# ---- folders: YOLO, MOT, masks

NAMES = "names: {0: hook, 1: grasper}\n"
STILL = png(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
YOLO: dict[str, tuple[str, str, Things | str]] = {
    "box": (NAMES, "0 0.25 0.5 0.3 0.5\n", hook(10, 20, 40, 60)),
    "how sure": (NAMES, "0 0.25 0.5 0.3 0.5 0.75\n", hook(10, 20, 40, 60)),
    "outline": (NAMES, "0 0.1 0.1 0.3 0.1 0.3 0.5\n", hook(10, 8, 30, 40)),
    "corners": (NAMES, "0 0.1 0.1 0.3 0.1 0.3 0.5 0.1 0.5\n", hook(10, 8, 30, 40)),
    "corners and how sure": (NAMES, "0 0.1 0.1 0.3 0.1 0.3 0.5 0.1 0.5 0.75\n", hook(10, 8, 30, 40)),
    "pose": (NAMES + "kpt_shape: [2, 3]\n", "0 0.25 0.5 0.3 0.5 0.2 0.3 2 0.2 0.3 0\n", hook(10, 20, 40, 60)),
    "pose and how sure": (NAMES + "kpt_shape: [1, 3]\n", "0 0.25 0.5 0.3 0.5 0.2 0.5 1 0.75\n", hook(10, 20, 40, 60)),
    "how sure of nothing": (NAMES, "0 0.25 0.5 0.3 0.5 0\n", "an angle or a track"),
    "an angle in degrees": (NAMES, "0 0.25 0.5 0.3 0.5 -30\n", "Save turned boxes by their four corners"),
    "a list of names": ("nc: 2\nnames: [hook, grasper]\n", "0 0.25 0.5 0.3 0.5\n", hook(10, 20, 40, 60)),
    "names by text": ("names: {'0': hook}\n", "0 0.25 0.5 0.3 0.5\r\n\r\n", hook(10, 20, 40, 60)),
    "nothing": (NAMES, "", {}),
    "pixels": (NAMES, "0 25 40 30 40\n", "look like pixels"),
    "a class too many": (NAMES, "2 0.25 0.5 0.3 0.5\n", "class '2' is none of the 2"),
    "a class below zero": (NAMES, "-1 0.25 0.5 0.3 0.5\n", "class '-1'"),
    "another count": ("nc: 3\nnames: [hook, grasper]\n", "0 0.25 0.5 0.3 0.5\n", "nc is 3, and 2 names"),
    "three numbers": (NAMES, "0 0.25 0.5 0.3\n", "3 numbers behind the class"),
    "a comma": (NAMES, "0 0,25 0,5 0,3 0,5\n", "could not convert"),
    "names twice": ("names: [hook]\nnc: 1\nnames: [grasper]\n", "0 0.25 0.5 0.3 0.5\n", "line 3: the key 'names' is there twice"),
    "no names": ("train: x\n", "0 0.25 0.5 0.3 0.5\n", "no list `names`"),
}  # fmt: skip
MOT: dict[str, tuple[str, Mapping[str | float, Things] | str]] = {
    "boxes": ("1,1,10,20,30,40,1,2,1\n51,1,20,20,30,40,1,2,1\n", {0.0: hook(10, 20, 40, 60), 1.0: {}, 2.0: hook(20, 20, 50, 60)}),
    "two tracks": ("1,1,10,20,30,40,1,2,1\n1,2,20,20,30,40,1,1,1\n", {0.0: {"hook": (10, 20, 40, 60), "grasper": (20, 20, 50, 60)}}),
    "not considered": ("1,1,10,20,30,40,0,2,1\n", "isn't to be considered"),
    "a class too many": ("1,1,10,20,30,40,1,3,1\n", "class 3 is none of the 2"),
    "a detector's": ("1,-1,10,20,30,40,0.9,-1,-1,-1\n", "class -1 is none"),
    "no area": ("1,1,10,20,0,40,1,2,1\n", "has no area"),
}  # fmt: skip


def patch(value: Any, shape: tuple[int, ...] = (), kind: type = np.uint8) -> np.ndarray:
    pixels = np.zeros((HEIGHT, WIDTH, *shape), kind)
    pixels[20:30, 40:60] = value
    return pixels


def palette() -> bytes:
    picture = Image.fromarray(patch(7)).convert("P")
    picture = Image.fromarray(patch(7), "P")
    picture.putpalette([value for index in range(256) for value in (index, 255 - index, 9)])
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def turned() -> bytes:
    """A mask that is stored upright and shown lying."""
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    Image.fromarray(np.rot90(patch(7))).save(file, "PNG", exif=exif)
    return file.getvalue()


IDS, COLOURS = "name,id\nhook,7\n", "# label:color_rgb:parts:actions\nbackground:0,0,0::\nhook:250,50,83::\n"
RED = (250, 50, 83)
MASKS: dict[str, tuple[str, bytes, Things | str]] = {
    "ids": (IDS, png(patch(7)), PART),
    "ids of a palette": (IDS, palette(), PART),
    "ids of 16 bits": ("name,id\nhook,700\n", png(patch(700, kind=np.uint16)), PART),
    "ids, turned by EXIF": (IDS, turned(), PART),
    "colours": (COLOURS, png(patch(RED, (3,))), PART),
    "colours and alpha": (COLOURS, png(patch((*RED, 255), (4,))), PART),
    "colours of a palette": ("name,red,green,blue\nhook,7,248,9\nbackground,0,255,9\n", palette(), PART),
    "nothing": (IDS, png(patch(0)), {}),
    "an id of no class": (IDS, png(patch(9)), "the value 9, which no class has"),
    "a colour of no class": (COLOURS, png(patch((1, 2, 3), (3,))), "the colour 1,2,3"),
    "soft edges": (COLOURS, png(patch((125, 25, 41), (3,))), "which no class has"),
    "half transparent": (COLOURS, png(patch((*RED, 128), (4,))), "half transparent"),
    "ids in colours": (IDS, png(patch(RED, (3,))), "a picture of mode RGB"),
    "one value twice": ("name,id\nhook,7\ngrasper,7\n", png(patch(7)), "has the value of hook"),
    "half an id": ("name,id\nhook,7.5\n", png(patch(7)), "no whole number"),
    "no picture": (IDS, b"no picture", "no mask that can be read: not a picture"),
}  # fmt: skip


def folders() -> Cases:
    for name, (names, lines, right) in YOLO.items():
        files = {"data.yaml": names, "labels/1.txt": lines, "images/1.png": STILL}
        yield f"yolo: {name}", one(files, right, "1.txt")
    lists = {"obj.names": "hook\ngrasper\n", "1.txt": "0 0.25 0.5 0.3 0.5\n", "1.png": STILL}
    yield "yolo: of Darknet", one(lists, hook(10, 20, 40, 60), "1.txt")
    two = {
        "a/classes.txt": "hook\n",
        "b/classes.txt": "grasper\n",
        "1.txt": "0 0.25 0.5 0.3 0.5\n",
        "1.png": STILL,
    }
    yield "yolo: two lists of names", Odd(two, fault="differ")
    yield (
        "yolo: no picture",
        Odd({"data.yaml": NAMES, "1.txt": "0 0.25 0.5 0.3 0.5\n"}, fault="doesn't say the size"),
    )
    sequence = f"[Sequence]\nimWidth={WIDTH}\nimHeight={HEIGHT}\nframeRate=25\n"
    for name, (lines, found) in MOT.items():
        files = {"gt/gt.txt": lines, "gt/labels.txt": "grasper\nhook\n", "seqinfo.ini": sequence}
        fault, right = (found, {}) if isinstance(found, str) else (None, found)
        yield f"mot: {name}", Odd(files, right, fault, moments=(0.0, 1.0, 2.0))
    several = {"a/gt/gt.txt": MOT["boxes"][0], "b/gt/gt.txt": MOT["boxes"][0]}
    yield "mot: two sequences", Odd(several, fault="2 sequences")
    yield "mot: no names", Odd({"gt.txt": MOT["boxes"][0], "seqinfo.ini": sequence}, fault="no labels.txt")
    for name, (names, picture, masked) in MASKS.items():
        files = {"labelmap.txt" if names.startswith("#") else "classes.csv": names, "1.png": picture}
        yield f"masks: {name}", one(files, masked, "1.png")


CORPUS: dict[str, Odd] = dict([*cvat(), *label_studio(), *coco_files(), *others(), *folders()])
Make = Callable[[Path], Path]

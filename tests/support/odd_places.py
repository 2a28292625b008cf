"""Odd exports, fourth set: a place that is written twice, a box beside its own outline, its points, its mask."""

from __future__ import annotations

from odd_annotations import (
    BNDBOX,
    BOUNDS,
    MASK,
    TRIANGLE,
    Odd,
    darwin,
    hook,
    object_,
    one,
    shape,
    shapes,
    xy,
)

SQUARE = {"polygon": {"paths": [xy((10, 20), (40, 20), (40, 60), (10, 60))]}}
FAR = {"polygon": {"paths": [xy((60, 10), (90, 10), (90, 30), (60, 30))]}}
CORNERS = "<polygon><x1>{}</x1><y1>20</y1><x2>40</x2><y2>20</y2><x3>40</x3><y3>60</y3></polygon>"

PLACES: dict[str, Odd] = {
    "darwin: an outline in its box": one({"a.json": darwin(SQUARE | BOUNDS)}, hook(10, 20, 40, 60)),
    "darwin: an outline apart from its box": one({"a.json": darwin(FAR | BOUNDS)}, "lie apart"),
    "darwin: an ellipse apart from its box": one(
        {"a.json": darwin(BOUNDS | {"ellipse": {"center": {"x": 80, "y": 40}, "radius": {"x": 9, "y": 5}}})},
        "lie apart",
    ),
    "darwin: an ellipse in its box": one(
        {
            "a.json": darwin(
                BOUNDS | {"ellipse": {"center": {"x": 25, "y": 40}, "radius": {"x": 15, "y": 20}}}
            )
        },
        hook(10, 20, 40, 60),
    ),
    "darwin: a key point apart from its box": one(
        {"a.json": darwin(BOUNDS | {"keypoint": {"x": 90, "y": 70}})}, "lie apart"
    ),
    "darwin: a key point in its box": one(
        {"a.json": darwin(BOUNDS | {"keypoint": {"x": 20, "y": 30}})}, hook(10, 20, 40, 60)
    ),
    "darwin: two places": one({"a.json": darwin(SQUARE | {"keypoint": {"x": 20, "y": 30}})}, "one place"),
    "darwin: an outline apart from its box in a video": Odd(
        {"a.json": darwin({"frames": {"0": FAR | BOUNDS}, "ranges": [[0, 9]]}, fps=25)},
        fault="lie apart",
        moments=(0.0,),
    ),
    "voc: an outline in its box": one({"a.xml": object_(CORNERS.format(10) + BNDBOX)}, hook(10, 20, 40, 60)),
    "voc: an outline apart from its box": one({"a.xml": object_(CORNERS.format(39) + BNDBOX)}, "lie apart"),
    "voc: a turned box apart from its box": one(
        {
            "a.xml": object_(
                BNDBOX + "<robndbox><cx>80</cx><cy>20</cy><w>20</w><h>10</h><angle>0.1</angle></robndbox>"
            )
        },
        "lie apart",
    ),
    "labelme: a mask of another size than its corners": one(
        {"a.json": shapes(shape("mask", [40, 20], [99, 79], mask=MASK))}, "lie apart"
    ),
    "labelme: a mask by one corner": one(
        {"a.json": shapes(shape("mask", [40, 20], mask=MASK))}, hook(40, 20, 60, 30)
    ),
    "labelme: a triangle": one({"a.json": shapes(shape("polygon", *TRIANGLE))}, hook(1, 2, 30, 40)),
}

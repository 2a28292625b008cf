"""Exports of annotation tools: every element is read with its right place, or its picture is refused by name."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from surgvqa.builders.__main__ import main
from surgvqa.builders.annotations.shapes import Annotations, Names, Picture
from surgvqa.builders.frames import frame_labels
from surgvqa.builders.geometry import masks
from surgvqa.builders.label_exports import brush, exports
from surgvqa.builders.label_exports.export_context import ExportContext
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.cards.command import InputError

CHOLE = load("cholecystectomy")
WIDTH, HEIGHT = 100, 80


def read(path: Path, content: Any = None, **known: Any) -> Annotations:
    """Read an export that holds ``content``."""
    if content is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return exports.read(path, ExportContext(Names(CHOLE), **known))


def boxes(picture: Picture) -> dict[str, list[float]]:
    """The boxes of a picture by the names of its things, to a tenth; a point as its two numbers."""
    return {
        node.id: [round(value, 1) for value in node.bbox or node.centroid or ()] for node in picture.nodes
    }


def cvat(*elements: str) -> str:
    return f'<annotations><image id="0" name="1.jpg" width="{WIDTH}" height="{HEIGHT}">{"".join(elements)}</image></annotations>'


CVAT_SHAPES = {
    '<box label="hook" xtl="10" ytl="45" xbr="90" ybr="55" rotation="90"/>': [45, 10, 55, 90 - 10],
    '<polygon label="hook" points="1,2;30,2;30,40"/>': [1, 2, 30, 40],
    '<polyline label="hook" points="1,2;30,40"/>': [1, 2, 30, 40],
    '<polyline label="hook" points="1,20;30,20"/>': [15.5, 20],
    '<points label="hook" points="7,9"/>': [7, 9],
    '<ellipse label="hook" cx="50" cy="40" rx="20" ry="10"/>': [30, 30, 70, 50],
    '<ellipse label="hook" cx="50" cy="40" rx="20" ry="10" rotation="90"/>': [40, 20, 60, 60],
    '<mask label="hook" rle="1, 2, 1, 2" left="10" top="20" width="3" height="2"/>': [11, 20, 13, 22],
    '<skeleton label="hook"><points label="a" points="3,4" outside="0"/><points label="b" points="9,8" outside="0"/><points label="c" points="0,0" outside="1"/></skeleton>': [3, 4, 9, 8],
    '<cuboid label="hook" xtl1="1" ytl1="1" xbl1="1" ybl1="9" xtr1="9" ytr1="1" xbr1="9" ybr1="9" xtl2="2" ytl2="2" xbl2="2" ybl2="8" xtr2="12" ytr2="2" xbr2="12" ybr2="8"/>': [1, 1, 12, 9],
    '<tag label="hook"/>': [],
}  # fmt: skip


@pytest.mark.parametrize("element", CVAT_SHAPES)
def test_every_shape_of_cvat_has_its_place(element: str, tmp_path: Path) -> None:
    found = read(tmp_path / "a.xml", cvat(element))
    expected = CVAT_SHAPES[element]
    if (
        "rotation" in element and "<box" in element
    ):  # 80 long, turned in a picture 80 high: cut above and below
        expected = [45, 10, 55, 80]
    assert not found.faults and boxes(found.pictures[0]) == {"hook": expected}


@pytest.mark.parametrize(
    ("element", "cause"),
    [
        ('<blob label="hook"/>', "a blob, which is none of"),
        ('<box label="hook" xtl="200" ytl="45" xbr="290" ybr="55"/>', "100% of it lie outside"),
        ('<box label="hook" xtl="0.1" ytl="0.2" xbr="0.5" ybr="0.9"/>', "looks normalised"),
        ('<box label="hook" xtl="5" ytl="5" xbr="5" ybr="9"/>', "no area"),
        ('<box label="hook" xtl="nan" ytl="5" xbr="7" ybr="9"/>', "not finite"),
        ('<mask label="hook" rle="1,2" left="0" top="0" width="3" height="2"/>', "don't cover the 3x2"),
        ('<mask label="hook" rle="0,6" left="99" top="0" width="3" height="2"/>', "is not in the 100x80 picture"),
        ('<skeleton label="hook"><points label="a" points="3,4" outside="1"/></skeleton>', "no point is in view"),
        ('<polygon label="hook" points="1,2;3"/>', "not enough values"),
        ('<ellipse label="hook" cx="5" cy="5" rx="0" ry="1"/>', "both are above 0"),
    ],
)  # fmt: skip
def test_what_cvat_can_not_mean_refuses_its_picture_by_name(element: str, cause: str, tmp_path: Path) -> None:
    found = read(tmp_path / "a.xml", cvat('<box label="grasper" xtl="1" ytl="1" xbr="9" ybr="9"/>', element))
    assert not found.pictures and len(found.faults) == 1
    assert "a.xml" in found.faults[0].item and "1.jpg" in found.faults[0].item
    assert cause in found.faults[0].cause and found.faults[0].fault


def track(identity: int, *keys: tuple[int, int, float]) -> str:
    """A track of boxes 10 wide: frame, outside, left edge."""
    shapes = "".join(
        f'<box frame="{frame}" outside="{outside}" xtl="{x}" ytl="0" xbr="{x + 10}" ybr="10"/>'
        for frame, outside, x in keys
    )
    return f'<track id="{identity}" label="hook">{shapes}</track>'


def test_a_track_is_in_view_between_its_frames_and_unknown_beyond_them(tmp_path: Path) -> None:
    size = f"<original_size><width>{WIDTH}</width><height>{HEIGHT}</height></original_size>"
    tracks = track(1, (25, 0, 0), (75, 0, 50), (100, 1, 50)) + track(2, (50, 0, 80), (51, 1, 80))
    moments = (0.0, 1.0, 2.0, 3.0, 3.5, 4.0, 5.0)
    text = f"<annotations><meta><task>{size}</task></meta>{tracks}</annotations>"
    found = read(tmp_path / "a.xml", text, rate=25.0, moments=moments)
    assert {one.time_s: boxes(one) for one in found.pictures} == {
        1.0: {"hook": [0, 0, 10, 10]},
        2.0: {
            "hook": [25, 0, 35, 10],
            "hook#2": [80, 0, 90, 10],
        },  # halfway, and one that is there for a frame
        3.0: {"hook": [50, 0, 60, 10]},
        3.5: {"hook": [50, 0, 60, 10]},
        4.0: {},
    }


def studio(*results: dict[str, Any], **data: Any) -> list[dict[str, Any]]:
    size = {"original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0}
    return [
        {
            "id": 1,
            "data": data or {"image": "1.jpg"},
            "annotations": [{"result": [size | one for one in results]}],
        }
    ]


def packed(mask: np.ndarray) -> list[int]:
    """A mask in Label Studio's code: one literal block, or one run, after the other."""
    values = np.repeat(mask.astype(int).ravel() * 255, 4).tolist()
    bits = f"{len(values):032b}{7:05b}" + f"{15:04b}" * 4
    at = 0
    while at < len(values):
        end = at
        while end < len(values) and values[end] == values[at] and end - at < 65536:
            end += 1
        bits += f"1{0:02b}{end - at - 1:016b}{values[at]:08b}"
        at = end
    bits += "0" * (-len(bits) % 8)
    return [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]


def test_a_brush_is_unpacked_to_the_pixel() -> None:
    mask = np.random.default_rng(3).random((HEIGHT, WIDTH)) < 0.3
    assert (brush.decode(packed(mask), WIDTH, HEIGHT) == mask).all()
    literal = (
        f"{16:032b}{7:05b}" + f"{3:04b}" * 4 + f"0{1:02b}{15:04b}" + "".join(f"{v:08b}" for v in range(16))
    )
    data = [int(literal[i : i + 8].ljust(8, "0"), 2) for i in range(0, len(literal), 8)]
    assert brush.decode(data, 2, 2).tolist() == [[True, True], [True, True]]  # alphas 3, 7, 11, 15
    with pytest.raises(InputError, match="breaks off"):
        brush.decode(data[:9], 2, 2)
    with pytest.raises(InputError, match="a 3x2 picture has 24"):
        brush.decode(data, 3, 2)


def part() -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[20:30, 40:60] = True
    return mask


STUDIO_SHAPES: list[tuple[dict[str, Any], list[float]]] = [
    ({"type": "rectanglelabels", "value": {"x": 50, "y": 25, "width": 20, "height": 10, "rotation": 90, "rectanglelabels": ["hook"]}}, [42, 20, 50, 40]),
    ({"type": "rectanglelabels", "value": {"x": 50, "y": 50, "width": 20, "height": -25, "rectanglelabels": ["hook"]}}, [50, 20, 70, 40]),
    ({"type": "labels", "value": {"x": 50, "y": 25, "width": 20, "height": 10, "labels": ["hook"]}}, [50, 20, 70, 28]),
    ({"type": "polygonlabels", "value": {"points": [[10, 10], [20, 10], [20, 50]], "polygonlabels": ["hook"]}}, [10, 8, 20, 40]),
    ({"type": "ellipselabels", "value": {"x": 50, "y": 50, "radiusX": 10, "radiusY": 25, "ellipselabels": ["hook"]}}, [40, 20, 60, 60]),
    ({"type": "keypointlabels", "value": {"x": 50, "y": 50, "width": 1, "keypointlabels": ["hook"]}}, [50, 40]),
    ({"type": "brushlabels", "value": {"format": "rle", "rle": packed(part()), "brushlabels": ["hook"]}}, [40, 20, 60, 30]),
    ({"type": "choices", "value": {"choices": ["hook"]}}, []),
    ({"type": "taxonomy", "value": {"taxonomy": [["tool", "hook"]]}}, []),
]  # fmt: skip


@pytest.mark.parametrize(("result", "place"), STUDIO_SHAPES, ids=lambda value: str(value)[:30])
def test_every_region_of_label_studio_has_its_place(result: Any, place: list[float], tmp_path: Path) -> None:
    found = read(tmp_path / "a.json", studio(result, {"type": "rating", "value": {"rating": 3}}))
    assert not found.faults and boxes(found.pictures[0]) == {"hook": place}


@pytest.mark.parametrize(
    ("result", "cause"),
    [
        ({"type": "vectorlabels", "value": {"vertices": [], "vectorlabels": ["hook"]}}, "a vectorlabels"),
        ({"type": "rectangle", "value": {"x": 1, "y": 1, "width": 9, "height": 9}}, "without a label"),
        ({"type": "textarea", "value": {"text": ["hook"]}}, "without a label"),
        ({"type": "brushlabels", "value": {"format": "rle", "rle": [0, 1, 2, 3], "brushlabels": ["hook"]}}, "breaks off"),
        ({"type": "rectanglelabels", "image_rotation": 90, "value": {"x": 1, "y": 1, "width": 9, "height": 9, "rectanglelabels": ["hook"]}}, "turned in the tool"),
    ],
)  # fmt: skip
def test_what_label_studio_can_not_mean_refuses_its_picture(result: Any, cause: str, tmp_path: Path) -> None:
    found = read(tmp_path / "a.json", studio(result))
    assert not found.pictures and "1.jpg" in found.faults[0].item and cause in found.faults[0].cause


def test_a_choice_names_a_phase_and_a_timeline_and_rectangles_hold_for_their_frames(tmp_path: Path) -> None:
    chosen = {"type": "choices", "value": {"choices": ["preparation", "hook"]}}
    (picture,) = read(tmp_path / "a.json", studio(chosen)).pictures
    assert picture.phase == "preparation" and boxes(picture) == {"hook": []}
    sequence = [
        {"frame": 26, "enabled": True, "x": 10, "y": 10, "width": 20, "height": 20},
        {"frame": 76, "enabled": False, "x": 40, "y": 10, "width": 20, "height": 20},
    ]
    moving = {
        "type": "videorectangle",
        "value": {"framesCount": 250, "duration": 10, "sequence": sequence, "labels": ["hook"]},
    }
    line = {
        "type": "timelinelabels",
        "value": {"ranges": [{"start": 51, "end": 101}], "timelinelabels": ["grasper"]},
    }
    found = read(
        tmp_path / "v.json", studio(moving, line, video="v.mp4"), moments=(0.0, 1.0, 2.0, 3.0, 3.04, 6.0)
    )
    assert {one.time_s: boxes(one) for one in found.pictures} == {
        1.0: {"hook": [10, 8, 30, 24]},
        2.0: {"hook": [25, 8, 45, 24], "grasper": []},
        3.0: {"hook": [40, 8, 60, 24], "grasper": []},
        3.04: {"grasper": []},
    }


def coco(*annotations: dict[str, Any], count: int = 1) -> dict[str, Any]:
    return {
        "images": [
            {"id": i, "file_name": f"{i}.jpg", "width": WIDTH, "height": HEIGHT} for i in range(count)
        ],
        "categories": [{"id": 4, "name": "hook"}],
        "annotations": [
            {"id": i, "image_id": 0, "category_id": 4, **one} for i, one in enumerate(annotations)
        ],
    }


COUNTS = masks.mask_to_rle(part())
COCO_SHAPES: list[tuple[dict[str, Any], list[float]]] = [
    ({"bbox": [10, 20, 30, 40]}, [10, 20, 40, 60]),
    ({"bbox": [10, 35, 80, 10], "segmentation": [], "attributes": {"rotation": 90.0}}, [45, 0, 55, 80]),
    ({"bbox": [1, 2, 29, 38], "segmentation": [[1, 2, 30, 2, 30, 40]]}, [1, 2, 30, 40]),
    ({"segmentation": {"size": [HEIGHT, WIDTH], "counts": COUNTS}}, [40, 20, 60, 30]),
    ({"segmentation": {"size": [HEIGHT, WIDTH], "counts": [0, 2, HEIGHT * WIDTH - 2]}}, [0, 0, 1, 2]),
    ({"bbox": [], "keypoints": [3, 4, 2, 9, 8, 1, 0, 0, 0], "num_keypoints": 2}, [3, 4, 9, 8]),
]


@pytest.mark.parametrize(("annotation", "place"), COCO_SHAPES, ids=lambda value: str(value)[:30])
def test_every_annotation_of_coco_has_its_place(annotation: Any, place: list[float], tmp_path: Path) -> None:
    found = read(tmp_path / "a.json", coco(annotation))
    assert not found.faults and boxes(found.pictures[0]) == {"hook": place}


def test_a_crowd_is_no_instance_and_its_picture_is_not_empty(tmp_path: Path) -> None:
    found = read(tmp_path / "a.json", coco({"bbox": [0, 0, 99, 79], "iscrowd": 1}, count=2))
    assert [one.name for one in found.pictures] == ["1.jpg"] and not found.faults
    assert "0.jpg" in found.notes[0].item and "crowd" in found.notes[0].cause


def test_corners_in_a_coco_file_are_told_by_all_of_its_boxes(tmp_path: Path) -> None:
    corners = coco({"bbox": [50, 40, 90, 70]}, {"bbox": [10, 10, 30, 30], "image_id": 1}, count=3)
    found = read(tmp_path / "a.json", corners)
    assert [one.name for one in found.pictures] == ["2.jpg"]
    assert "x1, y1, x2, y2" in found.faults[0].cause and "and 1 more" in found.faults[0].item
    corners["annotations"][1]["bbox"] = [50, 10, 30, 30]  # no corners: only the other one is in doubt
    found = read(tmp_path / "a.json", corners)
    assert not [one for one in found.pictures if one.name == "0.jpg"]


def test_what_reaches_beyond_the_edge_is_cut_with_a_note(tmp_path: Path) -> None:
    found = read(tmp_path / "a.json", coco({"bbox": [90, 10, 12, 10]}, {"bbox": [90.2, 10, 10, 10]}))
    assert boxes(found.pictures[0]) == {"hook": [90, 10, 100, 20], "hook#2": [90.2, 10, 100, 20]}
    assert "1 shapes were cut" in found.notes[0].cause and "17%" in found.notes[0].cause


def png(mask: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) * 255).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


LABELME_SHAPES: list[tuple[dict[str, Any], list[float]]] = [
    ({"shape_type": "rectangle", "points": [[40, 60], [10, 20]]}, [10, 20, 40, 60]),
    ({"shape_type": "polygon", "points": [[1, 2], [30, 2], [30, 40]]}, [1, 2, 30, 40]),
    ({"shape_type": "circle", "points": [[50, 40], [53, 44]]}, [45, 35, 55, 45]),
    ({"shape_type": "point", "points": [[7, 9]]}, [7, 9]),
    ({"shape_type": "line", "points": [[1, 2], [30, 40]]}, [1, 2, 30, 40]),
    ({"shape_type": "linestrip", "points": [[1, 2], [3, 50], [30, 40]]}, [1, 2, 30, 50]),
    ({"shape_type": "rotation", "points": [[20, 10], [30, 20], [20, 30], [10, 20]]}, [10, 10, 30, 30]),
    ({"shape_type": "mask", "points": [[40, 20], [59, 29]], "mask": png(np.ones((10, 20), bool))}, [40, 20, 60, 30]),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "place"), LABELME_SHAPES, ids=lambda value: str(value)[:30])
def test_every_shape_of_labelme_has_its_place(shape: Any, place: list[float], tmp_path: Path) -> None:
    file = {
        "imagePath": "1.jpg",
        "imageWidth": WIDTH,
        "imageHeight": HEIGHT,
        "shapes": [{"label": "hook", **shape}],
    }
    found = read(tmp_path / "a.json", file)
    assert not found.faults and boxes(found.pictures[0]) == {"hook": place}


DARWIN_SHAPES: list[tuple[dict[str, Any], list[float]]] = [
    ({"bounding_box": {"x": 10, "y": 20, "w": 30, "h": 40}}, [10, 20, 40, 60]),
    ({"polygon": {"paths": [[{"x": 1, "y": 2}, {"x": 30, "y": 2}, {"x": 30, "y": 40}]]}, "bounding_box": {"x": 1, "y": 2, "w": 29, "h": 37}}, [1, 2, 30, 40]),
    ({"ellipse": {"angle": 0, "center": {"x": 50, "y": 40}, "radius": {"x": 20, "y": 10}}}, [30, 30, 70, 50]),
    ({"keypoint": {"x": 7, "y": 9}}, [7, 9]),
    ({"line": {"path": [{"x": 1, "y": 2}, {"x": 30, "y": 40}]}}, [1, 2, 30, 40]),
    ({"skeleton": {"nodes": [{"x": 1, "y": 2, "occluded": False}, {"x": 5, "y": 6, "occluded": False}]}}, [1, 2, 5, 6]),
    ({"tag": {}}, []),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "place"), DARWIN_SHAPES, ids=lambda value: str(value)[:30])
def test_every_annotation_of_darwin_has_its_place(shape: Any, place: list[float], tmp_path: Path) -> None:
    slot = {"width": WIDTH, "height": HEIGHT}
    file = {
        "version": "2.0",
        "item": {"name": "1.jpg", "slots": [slot]},
        "annotations": [{"name": "hook", **shape}],
    }
    found = read(tmp_path / "a.json", file)
    assert not found.faults and boxes(found.pictures[0]) == {"hook": place}
    file["annotations"][0]["raster_layer"] = {"dense_rle": []}
    assert "a raster_layer" in read(tmp_path / "a.json", file).faults[0].cause


def test_voc_objects_have_their_places(tmp_path: Path) -> None:
    def document(place: str) -> str:
        return f"<annotation><filename>1.jpg</filename><size><width>{WIDTH}</width><height>{HEIGHT}</height></size><object><name>hook</name>{place}</object></annotation>"

    box = "<bndbox><xmin>10</xmin><ymin>20</ymin><xmax>40</xmax><ymax>60</ymax></bndbox>"
    turned = "<robndbox><cx>50</cx><cy>40</cy><w>40</w><h>10</h><angle>1.5707963</angle></robndbox>"
    for place, expected in ((box, [10, 20, 40, 60]), (turned, [45, 20, 55, 60])):
        assert boxes(read(tmp_path / "a.xml", document(place)).pictures[0]) == {"hook": expected}
    for place, cause in (("<cube/>", "with a cube"), ("", "without a bndbox")):
        assert cause in read(tmp_path / "a.xml", document(place)).faults[0].cause


def test_a_yolo_folder_has_boxes_outlines_and_pictures_without_anything(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text("names: {0: hook, 1: grasper}\n")
    lines = {
        "1": "0 0.25 0.5 0.3 0.5\n1 0.1 0.1 0.3 0.1 0.3 0.5\n",
        "2": "",
        "3": "0 25 40 30 40\n",
        "4": "7 0.2 0.2 0.1 0.1\n",
    }
    for name, text in lines.items():
        (tmp_path / "labels").mkdir(exist_ok=True)
        (tmp_path / "labels" / f"{name}.txt").write_text(text)
    found = read(tmp_path, size=lambda _: (WIDTH, HEIGHT))
    assert {one.name: boxes(one) for one in found.pictures} == {
        "1.txt": {"hook": [10, 20, 40, 60], "grasper": [10, 8, 30, 40]},
        "2.txt": {},
    }
    assert ["look like pixels" in found.faults[0].cause, "class '7'" in found.faults[1].cause] == [True, True]


def test_a_mot_folder_has_its_boxes_by_frames(tmp_path: Path) -> None:
    (tmp_path / "gt").mkdir()
    (tmp_path / "gt" / "labels.txt").write_text("grasper\nhook\n")
    (tmp_path / "gt" / "gt.txt").write_text("1,1,10,20,30,40,1,2,1\n3,1,20,20,30,40,1,2,1\n")
    (tmp_path / "seqinfo.ini").write_text(f"[Sequence]\nimWidth={WIDTH}\nimHeight={HEIGHT}\nframeRate=2\n")
    found = read(tmp_path, moments=(0.0, 0.5, 1.0, 1.5))
    assert {one.time_s: boxes(one) for one in found.pictures} == {
        0.0: {"hook": [10, 20, 40, 60]}, 0.5: {}, 1.0: {"hook": [20, 20, 50, 60]},
    }  # fmt: skip


@pytest.mark.parametrize("coloured", [True, False])
def test_masks_are_read_by_colour_and_by_id(coloured: bool, tmp_path: Path) -> None:
    pixels = np.zeros((HEIGHT, WIDTH, 3) if coloured else (HEIGHT, WIDTH), np.uint8)
    pixels[20:30, 40:60] = [250, 50, 83] if coloured else 7
    Image.fromarray(pixels).save(tmp_path / "1.png")
    if coloured:
        (tmp_path / "labelmap.txt").write_text(
            "# label:color_rgb:parts:actions\nbackground:0,0,0::\nhook:250,50,83::\n"
        )
    else:
        (tmp_path / "classes.csv").write_text("name,id\nhook,7\n")
    assert boxes(read(tmp_path).pictures[0]) == {"hook": [40, 20, 60, 30]}
    pixels[0, 0] = 9
    Image.fromarray(pixels).save(tmp_path / "1.png")
    found = read(tmp_path)
    assert (
        not found.pictures
        and "which no class has" in found.faults[0].cause
        and "1.png" in found.faults[0].item
    )


@pytest.fixture
def into(tmp_path: Path) -> Path:
    path = tmp_path / "work" / "frames.json"
    path.parent.mkdir()
    names = ("000001000.jpg", "000002000.jpg")
    path.write_text(json.dumps([
        {"image": f"frames/v/{name}", "video_id": "v", "timestamp_s": int(name[:9]) / 1000} for name in names
    ]))  # fmt: skip
    return path


def merge(into: Path, export: Path, *more: str) -> int:
    return main(["labels", str(export), "--into", str(into), "--taxonomy", "cholecystectomy", *more])


def test_refused_pictures_stop_a_merge_or_are_left_out_by_name(
    into: Path, tmp_path: Path, capsys: Any
) -> None:
    images = "".join(
        f'<image id="{i}" name="00000{i}000.jpg" width="{WIDTH}" height="{HEIGHT}"><{shape} label="hook" cx="9" cy="9" rx="5" ry="5"/></image>'
        for i, shape in ((1, "ellipse"), (2, "blob"))
    )
    export = tmp_path / "a.xml"
    export.write_text(f"<annotations>{images}</annotations>")
    before = into.read_bytes()
    assert merge(into, export) == 2 and into.read_bytes() == before
    assert "000002000.jpg: a blob" in capsys.readouterr().err
    assert merge(into, export, "--on-error", "quarantine") == 0
    assert "000002000.jpg: a blob" in capsys.readouterr().out
    first, second = frame_labels.read(into, CHOLE)
    assert (
        first.tools and first.tools[0].bbox and second.tools is None
    )  # nobody knows, and nothing says "none"


@pytest.mark.parametrize(
    "name", ["000001000.jpg", "0f6142fb-000001000.jpg", "000001000_jpg.rf.1f0e3dad.jpg", "x\\000001000.png"]
)
def test_names_are_matched_behind_what_exporters_add(name: str, into: Path, tmp_path: Path) -> None:
    file = coco({"bbox": [10, 20, 30, 40]})
    file["images"][0]["file_name"] = name
    export = tmp_path / "a.json"
    export.write_text(json.dumps(file))
    assert merge(into, export) == 0
    assert frame_labels.read(into, CHOLE)[0].tools


def test_labels_are_of_the_picture_as_it_is_shown(into: Path, tmp_path: Path, capsys: Any) -> None:
    picture = into.parent / "frames/v/000001000.jpg"
    picture.parent.mkdir(parents=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter to the right
    Image.new("RGB", (HEIGHT, WIDTH)).save(picture, exif=exif)  # stored upright, shown lying
    export = tmp_path / "a.json"
    for width, height, code in ((WIDTH, HEIGHT, 0), (HEIGHT, WIDTH, 2), (WIDTH, WIDTH, 2)):
        file = coco({"bbox": [10, 20, 30, 40]})
        file["images"][0] |= {"file_name": "000001000.jpg", "width": width, "height": height}
        export.write_text(json.dumps(file))
        assert merge(into, export) == code
        assert ("EXIF" in capsys.readouterr().err) == ((width, height) == (HEIGHT, WIDTH))

"""Files of any size for every reader, to see how its time grows with them.

A file is made of ``n`` elements of one kind; the kinds are those that a reader might take in more than linear time:
many points of one outline, many things of one picture, many pictures, many tracks, many files, many cases.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIZE = {"width": 100, "height": 80}
HEAD = "<meta><original_size><width>100</width><height>80</height></original_size></meta>"
BNDBOX = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax></bndbox>"
OBJECT = f"<object><name>hook</name>{BNDBOX}</object>"
NAMES = "procedure: p\nphases: [{name: prep}, {name: cut}]\nanatomy: [liver]\ninstruments: [hook, grasper]\n"


def ring(n: int) -> list[tuple[int, int]]:
    """Points in the picture, no three of them on a line for long."""
    return [(10 + i % 50, 10 + (i * 7) % 50) for i in range(n)]


def _json(folder: Path, value: Any, name: str = "a.json") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


def _text(folder: Path, text: str, name: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def coco(folder: Path, images: int, things: int, given: dict[str, Any]) -> Path:
    """So many things, shared out evenly over so many pictures."""
    file = {
        "images": [{"id": i, "file_name": f"f_{i}.jpg", **SIZE} for i in range(images)],
        "categories": [{"id": 1, "name": "hook"}],
        "annotations": [
            {"id": i, "image_id": i * images // max(1, things), "category_id": 1, **given}
            for i in range(things)
        ],
    }
    return _json(folder, file)


def runs(n: int) -> dict[str, Any]:
    """Run lengths of n runs in a picture of n pixels: every second pixel."""
    side = int(n**0.5) + 1
    return {"size": [side, side], "counts": [1] * (side * side)}


def coco_runs(folder: Path, n: int) -> Path:
    outline = runs(n)
    side = outline["size"][0]
    file = {
        "images": [{"id": 0, "file_name": "f_0.jpg", "width": side, "height": side}],
        "categories": [{"id": 1, "name": "hook"}],
        "annotations": [{"id": 0, "image_id": 0, "category_id": 1, "segmentation": outline}],
    }
    return _json(folder, file)


def outline(n: int) -> dict[str, Any]:
    return {"segmentation": [[value for point in ring(n) for value in point]]}


BOX = {"bbox": [1, 2, 30, 40]}


def cvat(folder: Path, images: int, shapes: int, shape: str) -> Path:
    each = shape * (shapes // images)
    inside = "".join(
        f'<image id="{i}" name="f_{i}.jpg" width="100" height="80">{each}</image>' for i in range(images)
    )
    return _text(folder, f"<annotations>{inside}</annotations>", "a.xml")


def cvat_points(n: int) -> str:
    return f'<polygon label="hook" points="{";".join(f"{x},{y}" for x, y in ring(n))}"/>'


def cvat_mask(folder: Path, n: int) -> Path:
    side = int(n**0.5) + 1
    rle = ", ".join(["1"] * (side * side))
    shape = f'<mask label="hook" rle="{rle}" left="0" top="0" width="{side}" height="{side}"/>'
    image = f'<image id="0" name="f_0.jpg" width="{side}" height="{side}">{shape}</image>'
    return _text(folder, f"<annotations>{image}</annotations>", "a.xml")


CVAT_BOX = '<box label="hook" xtl="1" ytl="2" xbr="30" ybr="40"/>'


def cvat_video(folder: Path, tracks: int, frames: int) -> Path:
    """Tracks side by side that all begin at the first frame."""
    keys = "".join(f'<box frame="{i}" outside="0" xtl="1" ytl="2" xbr="30" ybr="40"/>' for i in range(frames))
    whole = "".join(f'<track id="{i}" label="hook">{keys}</track>' for i in range(tracks))
    return _text(folder, f"<annotations>{HEAD}{whole}</annotations>", "a.xml")


def cvat_after_another(folder: Path, n: int) -> Path:
    """Tracks one after another, as of a tracker that loses its things."""
    box = '<box frame="{}" outside="{}" xtl="1" ytl="2" xbr="30" ybr="40"/>'
    whole = "".join(
        f'<track id="{i}" label="hook">{box.format(2 * i, 0)}{box.format(2 * i + 1, 1)}</track>'
        for i in range(n)
    )
    return _text(folder, f"<annotations>{HEAD}{whole}</annotations>", "a.xml")


def result(kind: str, **value: Any) -> dict[str, Any]:
    size = {"original_width": 100, "original_height": 80}
    return {"type": kind, "value": {**value, kind: ["hook"]}, **size}


PLACE = {"x": 10, "y": 10, "width": 20, "height": 20}


def studio(folder: Path, tasks: int, results: list[dict[str, Any]], video: bool = False) -> Path:
    data = [{"video": "v.mp4"} if video else {"image": f"f_{i}.jpg"} for i in range(tasks)]
    file = [{"id": i, "data": one, "annotations": [{"result": results}]} for i, one in enumerate(data)]
    return _json(folder, file)


def studio_numbered(folder: Path, n: int) -> Path:
    """Results with their ids and a choice on each."""
    results = []
    for i in range(n):
        results += [
            result("rectanglelabels", **PLACE) | {"id": f"r{i}"},
            {"id": f"r{i}", "type": "choices", "value": {"choices": ["blurred"]}},
        ]
    return studio(folder, 1, results)


def studio_keys(folder: Path, n: int) -> Path:
    key = {"enabled": True, "rotation": 0, **PLACE}
    value = {
        "framesCount": n,
        "duration": n / 25,
        "sequence": [{"frame": i + 1, **key} for i in range(n)],
        "labels": ["hook"],
    }
    size = {"original_width": 100, "original_height": 80}
    return studio(folder, 1, [{"type": "videorectangle", "value": value, **size}], video=True)


def studio_ranges(folder: Path, n: int) -> Path:
    ranges = [{"start": 2 * i + 1, "end": 2 * i + 1} for i in range(n)]
    value = {"ranges": ranges, "timelinelabels": ["hook"]}
    return studio(folder, 1, [{"type": "timelinelabels", "value": value}], video=True)


def studio_brush(folder: Path, n: int) -> Path:
    """A brush in which every pixel is a block of its own."""
    side = int(n**0.5) + 1
    bits = f"{4 * side * side:032b}{7:05b}" + f"{1:04b}" * 4
    bits += "".join(f"100{3:02b}{255 * (i % 2):08b}" for i in range(side * side))
    bits += "0" * (-len(bits) % 8)
    packed = list(int(bits, 2).to_bytes(len(bits) // 8, "big"))
    size = {"original_width": side, "original_height": side}
    return studio(folder, 1, [result("brushlabels", format="rle", rle=packed) | size])


def labelme(folder: Path, shapes: list[dict[str, Any]], name: str = "a.json", image: str = "f_1.jpg") -> Path:
    file = {"imagePath": image, "imageWidth": 100, "imageHeight": 80, "shapes": shapes}
    return _json(folder, file, name)


RECTANGLE = {"label": "hook", "shape_type": "rectangle", "points": [[1, 2], [30, 40]]}
TRIANGLE = {"label": "hook", "shape_type": "polygon", "points": [[1, 2], [30, 2], [30, 40]]}


def labelme_files(folder: Path, n: int) -> Path:
    for i in range(n):
        labelme(folder, [RECTANGLE], f"{i}.json", f"f_{i}.jpg")
    return folder


def yolo(folder: Path, files: int, text: str) -> Path:
    _text(folder, "names: [hook]\n", "data.yaml")
    picture = folder / "labels" / "0.png"
    for number in range(files):
        _text(folder, text, f"labels/{number}.txt")
        if number:
            (folder / "labels" / f"{number}.png").write_bytes(picture.read_bytes())
        else:
            Image.new("L", (100, 80)).save(picture)
    return folder


def voc(folder: Path, objects: int, name: str = "a.xml", image: str = "f_1.jpg") -> Path:
    size = "<size><width>100</width><height>80</height></size>"
    text = f"<annotation><filename>{image}</filename>{size}{OBJECT * objects}</annotation>"
    return _text(folder, text, name)


def voc_files(folder: Path, n: int) -> Path:
    for i in range(n):
        voc(folder, 1, f"{i}.xml", f"f_{i}.jpg")
    return folder


def mot(folder: Path, lines: int, tracks: int) -> Path:
    rows = "".join(f"{i // tracks + 1},{i % tracks + 1},1,2,30,40,1,1,1\n" for i in range(lines))
    _text(folder, rows, "gt.txt")
    _text(folder, "hook\n", "labels.txt")
    _text(folder, "[Sequence]\nimWidth=100\nimHeight=80\nframeRate=25\n", "seqinfo.ini")
    return folder


def darwin(folder: Path, annotations: list[dict[str, Any]], frames: int = 0) -> Path:
    slot = {**SIZE, "fps": 25, "frame_count": frames}
    item = {"name": "f_1.jpg", "slots": [slot]}
    return _json(folder, {"version": "2.0", "item": item, "annotations": annotations})


DARWIN_BOX = {"name": "hook", "bounding_box": {"x": 1, "y": 2, "w": 9, "h": 9}}


def darwin_hidden(folder: Path, n: int) -> Path:
    """A box at many frames, hidden for a moment behind each."""
    one = {
        "name": "hook",
        "frames": {str(8 * i): {"bounding_box": DARWIN_BOX["bounding_box"]} for i in range(n)},
        "ranges": [[0, 8 * n]],
        "hidden_areas": [[8 * i + 2, 8 * i + 5] for i in range(n)],
    }
    return darwin(folder, [one], 8 * n)


def masks(folder: Path, side: int, pictures: int, classes: int, colours: bool) -> Path:
    columns = "name,red,green,blue" if colours else "name,id"
    spelt = ("hook", "liver", "grasper", "background")
    rows = [
        f"{spelt[i % 4]},{i % 256},{i // 256 % 256},{i // 65536}" if colours else f"{spelt[i % 4]},{i}"
        for i in range(1, classes + 1)
    ]
    _text(folder, "\n".join([columns, *rows]) + "\n", "classes.csv")
    coded = np.arange(side * side).reshape(side, side) % min(classes, 200) + 1
    pixels = np.stack([coded, 0 * coded, 0 * coded], -1) if colours else coded
    for i in range(pictures):
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"f_{i}.png", compress_level=1)
    return folder


def table(folder: Path, rows: int, images: int) -> Path:
    lines = "".join(f"f_{i * images // rows}.jpg,hook,1,2,30,40,100,80\n" for i in range(rows))
    return _text(folder, f"image,label,x1,y1,x2,y2,width,height\n{lines}", "a.csv")


def detections(folder: Path, n: int) -> Path:
    found = [{"label": "hook", "bbox": [1, 2, 30, 40], "confidence": 0.5}]
    lines = (json.dumps({"image": f"f_{i}.jpg", **SIZE, "detections": found}) for i in range(n))
    return _text(folder, "\n".join(lines) + "\n", "a.jsonl")


def tree(folder: Path, **tables: str) -> Path:
    _text(folder, NAMES, "procedure.yaml")
    for name, text in tables.items():
        _text(folder, text, f"{name}.csv")
    return folder


def phases(folder: Path, n: int, cases: int, nested: bool = False) -> Path:
    each = max(1, n // cases)
    lines = (
        f"c{i // each},{('prep', 'cut')[i % 2]},{i % each},{2 * each - i % each if nested else i % each + 1}\n"
        for i in range(n)
    )
    return tree(folder, phases="case,phase,start,end\n" + "".join(lines))


def tools(folder: Path, n: int) -> Path:
    return tree(folder, tools="case,time,hook,grasper\n" + "".join(f"c,{i},1,0\n" for i in range(n)))


def videos(folder: Path, n: int) -> Path:
    """As many cases as recordings, each named in the tables."""
    lines = "".join(f"c{i},prep,0,9\n" for i in range(n))
    named = "".join(f"c{i},v{i}.mp4,0\n" for i in range(n))
    for i in range(n):
        _text(folder, "", f"videos/v{i}.mp4")
    return tree(folder, phases="case,phase,start,end\n" + lines, videos="case,video,offset\n" + named)


def stills(folder: Path, n: int) -> Path:
    """As many cases as folders of annotations and of stills."""
    for i in range(n):
        labelme(folder, [RECTANGLE], f"annotations/c{i}.json", "f_1.jpg")
        (folder / "frames" / f"c{i}").mkdir(parents=True)
        Image.new("L", (100, 80)).save(folder / "frames" / f"c{i}" / "f_1.png")
    return tree(folder)


def drawn(folder: Path, n: int) -> Path:
    """A case of many annotated pictures."""
    coco(folder / "annotations", n, n, BOX)
    return tree(folder)


def frames(folder: Path, n: int) -> Path:
    entries = [
        {"image": f"frames/v/f_{i}.jpg", "video_id": "v", "timestamp_s": i / 2, "tools": ["hook"]}
        for i in range(n)
    ]
    return _json(folder, entries, "frames.json")


def merged(folder: Path, n: int) -> Path:
    """Frames, and an export that labels each of them."""
    coco(folder / "export", n, n, BOX)
    return frames(folder, n)


def unknown_phases(folder: Path, n: int) -> Path:
    lines = "".join(f"c,prepp{i},{i},{i + 1}\n" for i in range(n))
    return tree(folder, phases="case,phase,start,end\n" + lines)


def unknown_labels(folder: Path, n: int) -> Path:
    return _text(folder, "image,label\n" + "".join(f"f_{i}.jpg,hookk{i}\n" for i in range(n)), "a.csv")


def missing(folder: Path, n: int) -> Path:
    named = "".join(f"c{i},v{i}.mp4,0\n" for i in range(n))
    _text(folder, "", "videos/other.mp4")
    return tree(folder, videos="case,video,offset\n" + named)


def names(folder: Path, n: int) -> Path:
    listed = "".join(f"  - name: phase {i}\n    instruments: [hook]\n" for i in range(n))
    return _text(folder, f"procedure: p\nphases:\n{listed}instruments: [hook]\n", "procedure.yaml")

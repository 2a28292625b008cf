"""Files of any size for every reader, to see how its time grows with them.

A file is made of ``n`` elements of one kind; the kinds are those that a reader might take in more than linear time:
many points of one outline, many things of one picture, many pictures, many tracks, many files, many cases.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Large:
    """A file of a size, the one that is measured and the one that a test makes."""

    make: Callable[[Path, int], Path]
    measured: int = 100_000
    tested: int = 20_000


FILES: dict[str, Large] = {
    "COCO: boxes, 100 a picture": Large(lambda f, n: coco(f, max(1, n // 100), n, BOX), 10**6),
    "COCO: boxes of one picture": Large(lambda f, n: coco(f, 1, n, BOX), 10**6),
    "COCO: pictures without a thing": Large(lambda f, n: coco(f, n, 0, BOX)),
    "COCO: points of an outline": Large(
        lambda f, n: coco(f, 1, 1, outline(n)), measured=10**6, tested=200_000
    ),
    "COCO: outlines of 10 points": Large(lambda f, n: coco(f, max(1, n // 100), n, outline(10)), 250_000),
    "COCO: runs of a mask": Large(coco_runs, measured=10**6, tested=200_000),
    "CVAT: boxes, 100 a picture": Large(lambda f, n: cvat(f, max(1, n // 100), n, CVAT_BOX)),
    "CVAT: boxes of one picture": Large(lambda f, n: cvat(f, 1, n, CVAT_BOX)),
    "CVAT: points of an outline": Large(
        lambda f, n: cvat(f, 1, 1, cvat_points(n)), measured=10**6, tested=200_000
    ),
    "CVAT: runs of a mask": Large(cvat_mask, measured=10**6, tested=200_000),
    "CVAT: frames of a track": Large(lambda f, n: cvat_video(f, 1, n)),
    "CVAT: 100 tracks side by side": Large(lambda f, n: cvat_video(f, 100, n // 100)),
    "CVAT: tracks one after another": Large(cvat_after_another),
    "Label Studio: tasks": Large(lambda f, n: studio(f, n, [result("rectanglelabels", **PLACE)])),
    "Label Studio: regions of one picture": Large(studio_numbered),
    "Label Studio: points of an outline": Large(
        lambda f, n: studio(f, 1, [result("polygonlabels", points=ring(n))]), measured=10**6, tested=200_000
    ),
    "Label Studio: frames of a box": Large(studio_keys),
    "Label Studio: stretches of a timeline": Large(studio_ranges),
    "Label Studio: blocks of a brush": Large(studio_brush, tested=20_000),
    "LabelMe: shapes": Large(lambda f, n: labelme(f, [RECTANGLE] * n)),
    "LabelMe: shapes of one group": Large(lambda f, n: labelme(f, [TRIANGLE | {"group_id": 1}] * n)),
    "LabelMe: points of an outline": Large(
        lambda f, n: labelme(f, [{"label": "hook", "points": ring(n)}]), measured=10**6, tested=200_000
    ),
    "LabelMe: files": Large(labelme_files, 40_000, 2_000),
    "YOLO: boxes of one picture": Large(lambda f, n: yolo(f, 1, "0 0.5 0.5 0.2 0.2\n" * n)),
    "YOLO: points of an outline": Large(
        lambda f, n: yolo(f, 1, "0 " + " ".join(f"{x / 100:g} {y / 100:g}" for x, y in ring(n))),
        measured=10**6,
        tested=200_000,
    ),
    "YOLO: files": Large(lambda f, n: yolo(f, n, "0 0.5 0.5 0.2 0.2\n"), 40_000, 2_000),
    "VOC: objects": Large(voc),
    "VOC: files": Large(voc_files, 40_000, 2_000),
    "MOT: lines of one track": Large(lambda f, n: mot(f, n, 1)),
    "MOT: lines of 100 tracks": Large(lambda f, n: mot(f, n, 100)),
    "MOT: lines of as many tracks": Large(lambda f, n: mot(f, n, n)),
    "Darwin: boxes": Large(lambda f, n: darwin(f, [DARWIN_BOX] * n)),
    "Darwin: points of an outline": Large(
        lambda f, n: darwin(
            f, [{"name": "hook", "polygon": {"paths": [[{"x": x, "y": y} for x, y in ring(n)]]}}]
        ),
        measured=10**6,
        tested=200_000,
    ),
    "Darwin: frames of a box, hidden": Large(darwin_hidden, 250_000),
    "masks by id: pixels": Large(
        lambda f, n: masks(f, int(n**0.5), 1, 3, False), measured=10**6, tested=250_000
    ),
    "masks by colour: pixels": Large(
        lambda f, n: masks(f, int(n**0.5), 1, 3, True), measured=10**6, tested=250_000
    ),
    "masks by id: pictures": Large(lambda f, n: masks(f, 50, n, 3, False), 20_000, 1_000),
    "masks by colour: classes": Large(lambda f, n: masks(f, 8, 1, n, True)),
    "table: rows, 100 a picture": Large(lambda f, n: table(f, n, max(1, n // 100))),
    "table: rows of one picture": Large(lambda f, n: table(f, n, 1)),
    "table: a row a picture": Large(lambda f, n: table(f, n, n)),
    "detector: pictures": Large(detections),
    "phases.csv: rows of 100 cases": Large(lambda f, n: phases(f, n, 100), 10**5),
    "phases.csv: rows of one case": Large(lambda f, n: phases(f, n, 1), 20_000),
    "phases.csv: nested rows of one case": Large(lambda f, n: phases(f, n, 1, nested=True), 20_000),
    "phases.csv: as many cases": Large(lambda f, n: phases(f, n, n), 10**5),
    "tools.csv: rows": Large(tools, 10**5),
    "videos.csv: recordings": Large(videos, 20_000, 2_000),
    "annotations/: cases with stills": Large(stills, 20_000, 1_000),
    "annotations/: pictures of a case": Large(drawn, 10**5),
    "frames.json: frames": Large(frames, 10**5),
    "COCO: boxes outside": Large(
        lambda f, n: coco(f, max(1, n // 2), n, {"bbox": [900, 2, 30, 40]}), 250_000
    ),
    "phases.csv: unknown phases": Large(unknown_phases, 10**5, 4_000),
    "table: unknown labels": Large(unknown_labels, 10**5, 4_000),
    "videos.csv: recordings that aren't there": Large(missing, 10**5, 4_000),
    "labels: frames with their labels": Large(merged, 10**5),
    "procedure.yaml: phases": Large(names, 20_000, 4_000),
}


def imports() -> None:
    """Import what the readers need, which takes longer than to read a small file."""
    import surgvqa.builders.frames.label_files
    import surgvqa.builders.sources.procedure  # noqa: F401


def read(path: Path) -> str:
    """Read a file as its command would; returns how much came of it, or why nothing did."""
    from surgvqa.builders.annotations.shapes import Names
    from surgvqa.builders.cases.timeline import course
    from surgvqa.builders.frames import frame_labels, label_files
    from surgvqa.builders.label_exports import exports
    from surgvqa.builders.label_exports.known import Known
    from surgvqa.builders.procedures.taxonomy import load
    from surgvqa.builders.schema import Case
    from surgvqa.builders.settings.labels import Labels
    from surgvqa.builders.sources import procedure
    from surgvqa.cards.command import InputError

    try:
        if path.name == "procedure.yaml":
            return f"{len(load(path).phases)} phases"
        if path.name == "frames.json":
            export = path.parent / "export" / "a.json"
            if not export.exists():
                return f"{len(frame_labels.read(path, load('cholecystectomy')))} frames"
            config = Labels(files=(export,), into=path, taxonomy="cholecystectomy")
            return f"{label_files.merge(config).frames} frames labelled"
        if (path / "procedure.yaml").is_file():
            found = list(procedure.cases(path, image_rate=1.0))
            cases = [one for one in found if isinstance(one, Case)]
            return f"{len(cases)} cases, {sum(len(course(case).stretches) for case in cases)} stretches"
        found = exports.read(path, Known(Names(load("cholecystectomy")), 25.0))
    except InputError as error:
        return f"refused: {str(error).replace(str(path), path.name)[:60]}"
    return f"{len(found.pictures)} pictures, {len(found.faults)} faults"

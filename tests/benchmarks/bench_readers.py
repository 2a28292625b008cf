"""Readers on large files: CPU seconds and peak memory, each in a process of its own.

    python tests/benchmarks/bench_readers.py

prints a line per reader: a million points, a million annotations, a hundred thousand phases. The bound is a minute of
CPU and 2 GB, or a refusal.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

MILLION = 10**6


def coco(folder: Path, annotations: int, points: int) -> Path:
    """Annotations of so many points each, 100 of them a picture."""
    ring = [value for i in range(points) for value in (10 + i % 50, 10 + (i * 7) % 50)]
    file = {
        "images": [{"id": i, "file_name": f"{i}.jpg", "width": 100, "height": 80} for i in range(max(1, annotations // 100))],
        "categories": [{"id": 1, "name": "hook"}],
        "annotations": [
            {"id": i, "image_id": i // 100 if annotations >= 100 else 0, "category_id": 1, **({"segmentation": [ring]} if points else {"bbox": [1, 2, 30, 40]})}
            for i in range(annotations)
        ],
    }  # fmt: skip
    path = folder / "a.json"
    path.write_text(json.dumps(file))
    return path


def labelme(folder: Path) -> Path:
    ring = [[10 + i % 50, 10 + (i * 7) % 50] for i in range(MILLION)]
    shapes = [{"label": "hook", "points": ring, "shape_type": "polygon"}]
    path = folder / "a.json"
    path.write_text(
        json.dumps({"imagePath": "1.jpg", "imageWidth": 100, "imageHeight": 80, "shapes": shapes})
    )
    return path


def cvat(folder: Path, boxes: int, points: int) -> Path:
    ring = ";".join(f"{10 + i % 50},{10 + (i * 7) % 50}" for i in range(points))
    shape = (
        f'<polygon label="hook" points="{ring}"/>'
        if points
        else '<box label="hook" xtl="1" ytl="2" xbr="30" ybr="40"/>'
    )
    images = (
        f'<image id="{i}" name="{i}.jpg" width="100" height="80">{shape * min(boxes, 100)}</image>'
        for i in range(max(1, boxes // 100))
    )
    path = folder / "a.xml"
    path.write_text(f"<annotations>{''.join(images)}</annotations>")
    return path


def track(folder: Path) -> Path:
    keys = "".join(
        f'<box frame="{i}" outside="0" xtl="1" ytl="2" xbr="30" ybr="40"/>' for i in range(MILLION // 4)
    )
    size = "<meta><original_size><width>100</width><height>80</height></original_size></meta>"
    path = folder / "a.xml"
    path.write_text(f'<annotations>{size}<track id="0" label="hook">{keys}</track></annotations>')
    return path


def table(folder: Path) -> Path:
    path = folder / "a.csv"
    rows = "".join(f"{i // 100}.jpg,hook,1,2,30,40,100,80\n" for i in range(MILLION))
    path.write_text(f"image,label,x1,y1,x2,y2,width,height\n{rows}")
    return path


def phases(folder: Path, cases: int) -> Path:
    count = 100_000 // cases
    rows = "".join(f"c{i // count},incision,{i % count},{i % count + 1}\n" for i in range(100_000))
    (folder / "phases.csv").write_text(f"case,phase,start,end\n{rows}")
    return folder


def mot(folder: Path) -> Path:
    (folder / "gt.txt").write_text("".join(f"{i + 1},1,1,2,30,40,1,1,1\n" for i in range(MILLION)))
    (folder / "labels.txt").write_text("hook\n")
    (folder / "seqinfo.ini").write_text("[Sequence]\nimWidth=100\nimHeight=80\nframeRate=25\n")
    return folder


def label_studio(folder: Path, points: int, frames: int) -> Path:
    """A polygon of so many points, or a rectangle of a video with so many key frames."""
    size = {"original_width": 100, "original_height": 80}
    if points:
        ring = [[10 + i % 50, 10 + (i * 7) % 50] for i in range(points)]
        result = {"type": "polygonlabels", "value": {"points": ring, "polygonlabels": ["hook"]}, **size}
    else:
        place = {"enabled": True, "rotation": 0, "x": 10, "y": 10, "width": 20, "height": 20}
        sequence = [{"frame": i + 1, **place} for i in range(frames)]
        value = {"framesCount": frames, "duration": frames / 25, "sequence": sequence, "labels": ["hook"]}
        result = {"type": "videorectangle", "value": value, **size}
    data = {"image": "1.jpg"} if points else {"video": "v.mp4"}
    path = folder / "a.json"
    path.write_text(json.dumps([{"id": 1, "data": data, "annotations": [{"result": [result]}]}]))
    return path


def darwin(folder: Path, points: int, frames: int) -> Path:
    """A polygon of so many points, or a box of a video with so many key frames, each hidden for a moment."""
    one: dict[str, object] = {"name": "hook"}
    if points:
        one["polygon"] = {"paths": [[{"x": 10 + i % 50, "y": 10 + (i * 7) % 50} for i in range(points)]]}
    else:
        one["frames"] = {
            str(8 * i): {"bounding_box": {"x": 1, "y": 2, "w": 9, "h": 9}} for i in range(frames)
        }
        one["ranges"] = [[0, 8 * frames]]
        one["hidden_areas"] = [[8 * i + 2, 8 * i + 5] for i in range(frames)]
    slot = {"width": 100, "height": 80, "fps": 25, "frame_count": 8 * frames}
    path = folder / "a.json"
    path.write_text(
        json.dumps({"version": "2.0", "item": {"name": "1.jpg", "slots": [slot]}, "annotations": [one]})
    )
    return path


def yolo(folder: Path, lines: int, points: int) -> Path:
    """Lines of boxes, a hundred a picture, or of one outline."""
    from PIL import Image

    (folder / "data.yaml").write_text("names: [hook]\n")
    outline = "0 " + " ".join(f"{0.1 + i % 50 / 100:g} {0.1 + i * 7 % 50 / 100:g}" for i in range(points))
    for number in range(max(1, lines // 100)):
        Image.new("L", (100, 80)).save(folder / f"{number}.png")
        (folder / f"{number}.txt").write_text(outline if points else "0 0.5 0.5 0.2 0.2\n" * 100)
    return folder


def voc(folder: Path) -> Path:
    box = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax></bndbox>"
    objects = f"<object><name>hook</name>{box}</object>" * 100_000
    size = "<size><width>100</width><height>80</height></size>"
    path = folder / "a.xml"
    path.write_text(f"<annotation><filename>1.jpg</filename>{size}{objects}</annotation>")
    return path


def tracks(folder: Path, count: int, frames: int) -> Path:
    """Tracks of a video that all hold through all its frames."""
    keys = "".join(f'<box frame="{i}" outside="0" xtl="1" ytl="2" xbr="30" ybr="40"/>' for i in range(frames))
    size = "<meta><original_size><width>100</width><height>80</height></original_size></meta>"
    path = folder / "a.xml"
    whole = "".join(f'<track id="{i}" label="hook">{keys}</track>' for i in range(count))
    path.write_text(f"<annotations>{size}{whole}</annotations>")
    return path


FILES: dict[str, Callable[[Path], Path]] = {
    "COCO, 10^6 boxes": lambda folder: coco(folder, MILLION, 0),
    "COCO, an outline of 10^6 points": lambda folder: coco(folder, 1, MILLION),
    "COCO, 10^5 outlines of 10 points": lambda folder: coco(folder, 100_000, 10),
    "LabelMe, an outline of 10^6 points": labelme,
    "CVAT, 10^6 boxes": lambda folder: cvat(folder, MILLION, 0),
    "CVAT, an outline of 10^6 points": lambda folder: cvat(folder, 1, MILLION),
    "CVAT, a track of 250,000 frames": track,
    "table, 10^6 rows": table,
    "MOT, 10^6 lines": mot,
    "Label Studio, an outline of 10^6 points": lambda folder: label_studio(folder, MILLION, 0),
    "Label Studio, a box at 250,000 frames": lambda folder: label_studio(folder, 0, MILLION // 4),
    "Darwin, an outline of 10^6 points": lambda folder: darwin(folder, MILLION, 0),
    "Darwin, a box at 20,000 frames": lambda folder: darwin(folder, 0, 20_000),
    "YOLO, an outline of 10^6 points": lambda folder: yolo(folder, 1, MILLION),
    "YOLO, 10^5 boxes": lambda folder: yolo(folder, 100_000, 0),
    "VOC, 10^5 objects of a picture": voc,
    "CVAT, 1,000 tracks of 250 frames": lambda folder: tracks(folder, 1_000, 250),
    "phases.csv, 10^5 rows of 100 cases": lambda folder: phases(folder, 100),
    "phases.csv, 10^5 rows of one case": lambda folder: phases(folder, 1),
}


def read(path: Path) -> str:
    """Read a file as its command would; returns how much came of it, or why nothing did."""
    from surgvqa.builders.annotations.shapes import Names
    from surgvqa.builders.cases.timeline import course
    from surgvqa.builders.label_exports import exports
    from surgvqa.builders.label_exports.known import Known
    from surgvqa.builders.procedures.taxonomy import load
    from surgvqa.builders.schema import Case
    from surgvqa.builders.sources import procedure
    from surgvqa.cards.command import InputError

    try:
        if (path / "phases.csv").is_file():
            cases = [one for one in procedure.cases(path, taxonomy="cataract") if isinstance(one, Case)]
            return f"{sum(len(course(case).stretches) for case in cases)} stretches"
        found = exports.read(path, Known(Names(load("cholecystectomy")), 25.0))
    except InputError as error:
        return f"refused: {str(error)[:60]}"
    return f"{len(found.pictures)} pictures, {len(found.faults)} faults"


def main() -> None:
    """Read every file, or those whose names hold one of the words given, in a process of its own."""
    print(f"{'file':38} {'CPU s':>6} {'MB':>5}  result")
    for name, make in FILES.items():
        if sys.argv[1:] and not any(word in name for word in sys.argv[1:]):
            continue
        with tempfile.TemporaryDirectory() as folder:
            path = make(Path(folder))
            code = (
                f"import sys, resource; sys.path.insert(0, {str(Path(__file__).parent)!r}); import bench_readers as b\n"
                f"from pathlib import Path; said = b.read(Path({str(path)!r})); used = resource.getrusage(resource.RUSAGE_SELF)\n"
                "print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, said, sep='\\t')"
            )
            run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
            if run.returncode:
                print(f"{name:38} {run.stderr.strip()[-200:]}", flush=True)
                continue
            seconds, megabytes, said = run.stdout.strip().split("\t")
            print(f"{name:38} {float(seconds):6.1f} {float(megabytes):5.0f}  {said}", flush=True)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main()

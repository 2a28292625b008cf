"""Raw files with masks, written as their sources write them, and read again without the builder's readers."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
from mask_answers import TOOLS, H, Pictures, Rectangle, W
from PIL import Image

CLASSES = {
    1: "cystic plate",
    3: "cystic artery",
    4: "cystic duct",
    5: "gallbladder",
    6: "unspecified instrument",
}
CRITERIA = (
    "two and only two tubular structures enter the gallbladder",
    "the hepatocystic triangle is cleared of fat and fibrous tissue",
    "the lower third of the gallbladder is separated from the liver bed",
)


def polygon(rectangle: Rectangle) -> list[float]:
    """Return a rectangle as COCO writes an outline."""
    x1, y1, x2, y2 = rectangle
    return [x1, y1, x2, y1, x2, y2, x1, y2]


def halves(rectangle: Rectangle) -> list[Rectangle]:
    """Return a bar in two pieces, as one that something crosses is outlined."""
    x1, y1, x2, y2 = rectangle
    if x2 - x1 > y2 - y1:
        return [(x1, y1, x1 + 60, y2), (x1 + 60, y1, x2, y2)]
    return [(x1, y1, x2, y2 - 60), (x1, y2 - 60, x2, y2)]


def write_cataract(root: Path, number: int, pictures: list[dict[str, Rectangle]], seed: int) -> None:
    """Write a case of Cataract-1K: pictures from 2 on, ids of classes of its own, some outlines as text, some in two."""
    draw = random.Random(seed)
    names = sorted({name for things in pictures for name in things})
    draw.shuffle(names)
    ids = {name: i for i, name in enumerate(names, 1)}
    images, outlines = [], []
    for index, things in enumerate(pictures, 2):
        images.append({"id": index, "file_name": f"case{number}_{index:02d}.png", "width": W, "height": H})
        for name, rectangle in things.items():
            pieces = halves(rectangle) if name in TOOLS and draw.random() < 0.3 else [rectangle]
            for piece in pieces:
                shape: object = [polygon(piece)]
                shape = json.dumps(shape) if draw.random() < 0.2 else shape
                one = {"id": len(outlines) + 1, "image_id": index, "category_id": ids[name]}
                outlines.append(
                    one | {"segmentation": shape, "area": 0.0, "bbox": [0, 0, 0, 0], "iscrowd": 0}
                )
    folder = root / "Coco-Annotations" / f"case_{number}" / "annotations"
    folder.mkdir(parents=True)
    categories = [{"id": i, "name": name.title(), "supercategory": name} for name, i in ids.items()]
    whole = {"images": images, "annotations": outlines, "categories": categories}
    (folder / "instances.json").write_text(json.dumps(whole))
    table = root / "annotations" / f"case_{number}"
    table.mkdir(parents=True)
    (table / f"case_{number}_annotations_phases.csv").write_text(
        f"caseId,comment,frame,endFrame,sec,endSec\n{number},Incision,0,7500,0.0,250.0\n"
    )


def read_cataract(root: Path, number: int) -> Pictures:
    """Return the rectangles of every picture by its second: 5 s apart from picture 2 on, half a second early."""
    file = json.loads(
        (root / "Coco-Annotations" / f"case_{number}" / "annotations" / "instances.json").read_text()
    )
    names = {one["id"]: one["name"].lower() for one in file["categories"]}
    seconds = {one["id"]: max(0.0, 5.0 * (int(one["file_name"][-6:-4]) - 2) - 0.5) for one in file["images"]}
    found: Pictures = {at: {} for at in seconds.values()}
    for one in file["annotations"]:
        shape = one["segmentation"]
        ((*numbers,),) = json.loads(shape) if isinstance(shape, str) else shape
        things, name = found[seconds[one["image_id"]]], names[one["category_id"]]
        x1, y1, x2, y2 = things.get(name, (W, H, 0, 0))
        across, down = numbers[::2], numbers[1::2]
        things[name] = (min(x1, *across), min(y1, *down), max(x2, *across), max(y2, *down))
    return found


def write_endoscapes(root: Path, video: int, seconds: list[int], seed: int) -> None:
    """Write label pictures that hold rectangles apart from each other, and what three raters say of each."""
    draw = random.Random(seed)
    (root / "semseg").mkdir(parents=True, exist_ok=True)
    (root / "train").mkdir(exist_ok=True)
    images = []
    for second in seconds:
        label = np.zeros((H, W), np.uint8)
        cells = [(x, y) for x in range(4) for y in range(3)]
        draw.shuffle(cells)
        for value in CLASSES:
            if draw.random() < 0.3:
                continue
            (x, y), w, h = cells.pop(), draw.randint(30, 190), draw.randint(30, 190)
            left, top = 200 * x + draw.randint(0, 195 - w), 200 * y + draw.randint(0, 195 - h)
            label[top : top + h, left : left + w] = value
        Image.fromarray(label).save(root / "semseg" / f"{video}_{25 * second}.png")
        ds = [draw.choice((0, 1, 2, 3)) / 3 for _ in CRITERIA]
        name = f"{video}_{25 * second}.jpg"
        keyframe = {"ds": ds, "is_ds_keyframe": True, "is_det_keyframe": True, "video_id": video}
        images.append({"id": len(images) + 1, "file_name": name, "width": W, "height": H} | keyframe)
    path = root / "train" / "annotation_ds_coco.json"
    before = json.loads(path.read_text())["images"] if path.exists() else []
    path.write_text(json.dumps({"images": [*before, *images], "annotations": [], "categories": []}))


def read_endoscapes(root: Path, video: int) -> tuple[Pictures, dict[tuple[float, str], int]]:
    """Return the rectangles of every label picture by its second, and how many raters hold each criterion to be met."""
    pictures: Pictures = {}
    for path in (root / "semseg").glob(f"{video}_*.png"):
        label = np.asarray(Image.open(path))
        things = pictures.setdefault(int(path.stem.split("_")[1]) / 25, {})
        for value, name in CLASSES.items():
            ys, xs = np.nonzero(label == value)
            if len(ys):
                things[name] = (int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1)
    images = json.loads((root / "train" / "annotation_ds_coco.json").read_text())["images"]
    rated = {
        (int(one["file_name"].split("_")[1][:-4]) / 25, words): round(3 * mean)
        for one in images
        if one["video_id"] == video
        for words, mean in zip(CRITERIA, one["ds"], strict=True)
    }
    return pictures, rated


def write_cholec80(root: Path, number: int, seconds: int, seed: int, every: int = 40) -> None:
    """Write the names of the tools in view of every second, as Cholec80 writes them, and two phases.

    A tool comes or goes every so many seconds, for the rows of the real ones are smooth.
    """
    draw, columns = (
        random.Random(seed),
        ("Grasper", "Bipolar", "Hook", "Scissors", "Clipper", "Irrigator", "SpecimenBag"),
    )
    shown: set[str] = set()
    lines = ["\t".join(("Frame", *columns))]
    for second in range(seconds):
        shown ^= {draw.choice(columns)} if second % every == every // 2 else set()
        lines.append("\t".join((str(25 * second), *(str(int(name in shown)) for name in columns))))
    phases = [
        "Frame\tPhase",
        *(
            f"{25 * second}\t{('Preparation', 'CalotTriangleDissection')[2 * second >= seconds]}"
            for second in range(seconds)
        ),
    ]
    for folder, what, text in (("tool_annotations", "tool", lines), ("phase_annotations", "phase", phases)):
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / f"video{number:02d}-{what}.txt").write_text("\n".join(text) + "\n")


def read_cholec80(root: Path, number: int) -> dict[float, int]:
    """Return how many kinds of tools are in view, by the second."""
    rows = (root / "tool_annotations" / f"video{number:02d}-tool.txt").read_text().splitlines()[1:]
    return {int(row.split("\t")[0]) / 25: row.split("\t")[1:].count("1") for row in rows}

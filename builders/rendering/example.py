"""Write the example procedure: a few invented laparoscopies as a folder that every command of the documentation takes.

surgvqa-build new gallbladder --example
"""

from __future__ import annotations

import csv
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from pycocotools import mask as coco_mask
from surgvqa.builders.rendering.laparoscopy import HEIGHT, NAMES, PHASES, STEP_S, USUAL, WIDTH, Laparoscopy
from tqdm import tqdm

CASES = 6
FRAME_RATE = 5
LEAST_PIXELS = 40  # of a thing that an annotator would see
PROCEDURE = """# An invented operation, rendered by surgvqa: six recordings with phases, instruments and masks.
procedure: {name}
title: invented laparoscopy
idle: [idle]

phases: # in usual order
{phases}
anatomy: [liver, gallbladder, cystic duct]
instruments: [grasper, hook, clip applier, irrigator]
events: [duct seen]

safety_gates:
  - name: view of the duct
    before: clipping
    event: duct seen
    conditions: [the cystic duct is seen over its whole length]
"""


def write(name: str, folder: Path) -> list[Path]:
    """Render the example's recordings into ``folder`` and write their tables and masks; returns the files."""
    for child in ("videos", "annotations"):
        (folder / child).mkdir(parents=True, exist_ok=True)
    phase_lines = "".join(
        f"  - name: {phase}\n    instruments: [{', '.join(USUAL[phase])}]\n" for phase in PHASES
    )
    (folder / "procedure.yaml").write_text(PROCEDURE.format(name=name, phases=phase_lines), encoding="utf-8")
    phases: list[list[object]] = [["case", "phase", "start", "end"]]
    tools: list[list[object]] = [["case", "time", *NAMES]]
    files = [folder / "procedure.yaml", folder / "phases.csv", folder / "tools.csv"]
    for number in tqdm(range(1, CASES + 1), desc="render", unit="case", disable=None):
        laparoscopy, case = Laparoscopy(number), f"lap{number:02d}"
        phases += [[case, one.phase, one.start_s, one.end_s] for one in laparoscopy.stretches]
        coco_document, tool_rows = label_moments(laparoscopy, case)
        tools += tool_rows
        files += [folder / "videos" / f"{case}.mp4", folder / "annotations" / f"{case}.json"]
        encode(laparoscopy, files[-2])
        files[-1].write_text(json.dumps(coco_document), encoding="utf-8")
    for path, rows in ((folder / "phases.csv", phases), (folder / "tools.csv", tools)):
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
    return files


def label_moments(laparoscopy: Laparoscopy, case: str) -> tuple[dict[str, object], list[list[object]]]:
    """Label a moment every two seconds: by turns as COCO instances and as a row of ``tools.csv``."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    rows: list[list[object]] = []
    for index in range(int(laparoscopy.duration_s / STEP_S)):
        time_s = index * STEP_S
        _, labels = laparoscopy.paint(time_s)
        counts = [int((labels == 1 + k).sum()) for k in range(len(NAMES))]
        if index % 2:
            rows.append([case, time_s, *(int(count >= LEAST_PIXELS) for count in counts)])
            continue
        picture = {
            "id": index,
            "file_name": f"{case}_{int(time_s):04d}.png",
            "width": WIDTH,
            "height": HEIGHT,
        }
        images.append(picture | {"time_s": time_s})
        for category, count in enumerate(counts, start=1):
            if count >= LEAST_PIXELS:
                entry = {"id": len(annotations) + 1, "image_id": index, "category_id": category, "iscrowd": 0}
                annotations.append(entry | coco_shape(labels == category))
    categories = [{"id": k, "name": name} for k, name in enumerate(NAMES, start=1)]
    return {"images": images, "annotations": annotations, "categories": categories}, rows


def coco_shape(mask: np.ndarray) -> dict[str, object]:
    """Return a mask as COCO has it: run lengths, area, box."""
    runs = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    box = [float(value) for value in coco_mask.toBbox(runs)]
    return {
        "segmentation": {"size": list(runs["size"]), "counts": runs["counts"].decode("ascii")},
        "area": int(mask.sum()),
        "bbox": box,
    }


def encode(laparoscopy: Laparoscopy, path: Path) -> None:
    """Draw and encode a recording; equal bytes for equal library versions."""
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=Fraction(FRAME_RATE))
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.thread_count = 1
        stream.options = {"preset": "superfast", "crf": "23", "g": str(2 * FRAME_RATE)}
        for index in range(int(laparoscopy.duration_s * FRAME_RATE)):
            picture = np.ascontiguousarray(laparoscopy.paint(index / FRAME_RATE)[0])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())

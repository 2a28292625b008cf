"""Rendered cataract operations, in Cataract-1K's own folder format and read by its reader.

Every phase, mask and movement is known, and nothing in it belongs to anybody: what tests, the demo and a
first try run on. ``cases(root)`` renders into ``root`` when nothing is there yet::

    surgvqa-build synthetic --root rendered --out dataset
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image
from surgvqa.builders.cases.timeline import IDLE, phase_at, to_ms
from surgvqa.builders.files.process_pool import Failure, run_tasks
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.rendering.draw import CATEGORIES, Shape, Stage, area
from surgvqa.builders.rendering.plan import USUAL, Plan, plan
from surgvqa.builders.schema import Case, Facts, Omission
from surgvqa.builders.sources import cataract1k
from surgvqa.cards.command import InputError
from tqdm import tqdm

FACTS = Facts(
    name="Synthetic cataract operations",
    homepage="https://github.com/surgvqa/surgvqa",
    licence="Apache-2.0",
    access="rendered on the spot by surgvqa; no patient, no camera",
    citation="@misc{surgvqa_synthetic, title = {Synthetic cataract operations, rendered by surgvqa}}",
    procedure="cataract",
)
TRIED_ON = "invented tree"
READS = "what it renders itself"

PHASES = Path("Phase_recognition_dataset")
IMAGES = Path("Segmentation_dataset/Annotations/Images-and-Supervisely-Annotations")
MASKS = Path("Segmentation_dataset/Annotations/Coco-Annotations")
# Seconds after a beat's middle. The middle comes first: the moments of a beat then share one clip, and it is
# centred there (builders/cases/windows.py).
MOMENTS = (0.0, 0.8, 1.6)
# The same of stills: where four frames of the beat's clip lie, the first before instruments come and go.
STILL_MOMENTS = (-1.9, -0.7, 0.5, 1.7)
CASES_A_WORKER = 8  # a process takes as long to start as two cases to draw
RENDER_S = 600.0  # a case; it takes two seconds
PARAMETERS_FILE = "synthetic.json"  # what the cases below a root were rendered with; written last


def cases(
    root: Path,
    *,
    render_cases: int = 30,
    render_seed: int = 0,
    difficulty: float = 0.5,
    size: int = 160,
    phase_seconds: float = 10.0,
    frame_rate: int = 5,
    stills: bool = False,
) -> Iterator[Case | Omission]:
    """Read the rendered cases below ``root``, after rendering them there if need be.

    Args:
        root: a folder of its own; made when missing.
        render_cases: how many cases.
        render_seed: other cases for another seed, the same ones for the same.
        difficulty: 0 (no distractors, clear figures) to 1; how much distracts and how faint phases show.
        size: width of the frames in pixels; the height is three quarters of it.
        phase_seconds: how long a phase takes on average.
        frame_rate: frames per second.
        stills: no videos; PNG pictures of the annotated moments, four a beat, as far apart as the frames of a clip.

    Raises:
        InputError: ``root`` holds something else, or cases rendered with other parameters.
    """
    parameters = {
        "render_cases": render_cases,
        "render_seed": render_seed,
        "difficulty": difficulty,
        "size": size,
        "phase_seconds": phase_seconds,
        "frame_rate": frame_rate,
        "stills": stills,
    }
    _check(parameters)
    parameters_file = root / PARAMETERS_FILE
    if parameters_file.is_file():
        earlier = json.loads(parameters_file.read_text())
        if earlier != parameters:
            other = sorted(key for key in parameters if earlier.get(key) != parameters[key])
            raise InputError(
                f"{root} holds cases rendered with other {', '.join(other)} "
                f"({', '.join(f'{key}={earlier.get(key)}' for key in other)}); give another --root or the same values"
            )
    else:
        if root.is_file() or (root.is_dir() and any(path.name not in _OWN for path in root.iterdir())):
            raise InputError(
                f"{root} holds something else and no {PARAMETERS_FILE}; give an empty or a new folder as --root"
            )
        render(root, parameters)
        parameters_file.write_text(json.dumps(parameters, indent=1) + "\n")
    yield from cataract1k.read(root, source="synthetic", idle="throughout")


_OWN = {PHASES.parts[0], MASKS.parts[0]}


def notes(read: Sequence[Case]) -> tuple[str, ...]:
    """Return notes on how much the phase gives away of the instruments, measured on these cases."""
    taxonomy = load(FACTS.procedure)
    usual = {
        taxonomy.canonical("phase", phase): taxonomy.canonical("instrument", name)
        for phase, name in USUAL.items()
    }
    in_view = alone = total = 0
    for case in read:
        for scene in case.scenes:
            usual_instrument = usual.get(phase_at(case, to_ms(scene.time_s)) or IDLE)
            names = {node.name for node in scene.nodes if node.type == "instrument"}
            if usual_instrument is not None:
                in_view, alone, total = (
                    in_view + (usual_instrument in names),
                    alone + (names == {usual_instrument}),
                    total + 1,
                )
    return (
        f"the phase's usual instrument is in view in {in_view} of {total} images and alone in {alone}; "
        "place, motion and distractors are drawn independently of phase and instrument",
    )


def _check(parameters: dict[str, float]) -> None:
    """Refuse parameters that cannot be rendered."""
    for key, least, most in (
        ("render_cases", 1, 9999),
        ("difficulty", 0, 1),
        ("size", 32, 1920),
        ("phase_seconds", 5, 600),
        ("frame_rate", 1, 60),
    ):
        if not least <= parameters[key] <= most:
            raise InputError(f"{key} is {parameters[key]}; give {least} to {most}")
    if parameters["size"] % 2:
        raise InputError(
            f"size is {parameters['size']}; give an even number, video frames are made of 2x2 pixels"
        )


def render(root: Path, parameters: Mapping[str, Any]) -> None:
    """Render all cases that were asked for, on every core.

    Raises:
        InputError: a process died over a case, or took too long.
    """
    count = parameters["render_cases"]
    workers = min(os.cpu_count() or 1, count // CASES_A_WORKER)
    outcomes = run_tasks(
        draw, [(number, root, parameters) for number in range(1, count + 1)], workers, RENDER_S
    )
    for index, outcome in tqdm(outcomes, total=count, desc="render", unit="case", disable=None):
        if isinstance(outcome, Failure):
            raise InputError(f"case {index + 1} could not be rendered: {outcome.cause}")


def draw(number: int, root: Path, parameters: Mapping[str, Any]) -> None:
    """Plan and write one case; the same bytes in any process."""
    case_plan = plan(
        number,
        seed=parameters["render_seed"],
        difficulty=parameters["difficulty"],
        phase_seconds=parameters["phase_seconds"],
    )
    write(
        case_plan,
        root,
        size=parameters["size"],
        frame_rate=parameters["frame_rate"],
        stills=parameters["stills"],
    )


def write(case_plan: Plan, root: Path, *, size: int = 160, frame_rate: int = 5, stills: bool = False) -> None:
    """Write one case: its phase and video CSV, masks, and its video or, of ``stills``, its pictures."""
    case = f"case_{case_plan.number:04d}"
    stage = Stage(case_plan, size)
    media_folder = root / IMAGES / case / "img" if stills else root / PHASES / "videos"
    phases = root / PHASES / "annotations" / case
    masks = root / MASKS / case / "annotations"
    for folder in (media_folder, phases, masks):
        folder.mkdir(parents=True, exist_ok=True)
    times = moments(case_plan, STILL_MOMENTS if stills else MOMENTS)
    if stills:
        for number, time_s in enumerate(times, start=1):
            Image.fromarray(stage.draw(time_s)).save(media_folder / image_name(case_plan.number, number))
    else:
        encode(stage, media_folder / f"{case}.mp4", frame_rate)
    rows = [
        f"{case_plan.number:04d},{label},{round(start * frame_rate)},{round(end * frame_rate)},{start:.3f},{end:.3f}"
        for label, start, end in case_plan.phases
    ]
    header = "caseId,comment,frame,endFrame,sec,endSec"
    (phases / f"{case}_annotations_phases.csv").write_text("\n".join([header, *rows]) + "\n")
    (phases / f"{case}_video.csv").write_text(
        f"caseId,physician,done,date,fps\n{case_plan.number:04d},none,0,,{frame_rate:.3f}\n"
    )
    (masks / "instances.json").write_text(json.dumps(coco(stage, times)))


def moments(case_plan: Plan, later: Sequence[float] = MOMENTS) -> tuple[float, ...]:
    """Return the seconds of a case's annotated images: twice the first frame, then so many after every beat's middle."""
    return (0.0, 0.0, *(round(beat.middle_s + at, 3) for beat in case_plan.beats for at in later))


def image_name(case: int, number: int) -> str:
    """Return Cataract-1K's name of an annotated image.

    >>> image_name(7, 3)
    'case0007_03.png'
    """
    return f"case{case:04d}_{number:02d}.png"


def encode(stage: Stage, path: Path, frame_rate: int) -> None:
    """Draw and encode a case's video; equal bytes for equal plans and library versions."""
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=Fraction(frame_rate))
        stream.width, stream.height, stream.pix_fmt = stage.width, stage.height, "yuv420p"
        stream.codec_context.thread_count = 1
        stream.options = {"preset": "superfast", "crf": "20", "g": str(4 * frame_rate)}
        for index in range(int(stage.plan.duration_s * frame_rate)):
            frame = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(stage.draw(index / frame_rate)), format="rgb24"
            )
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def coco(stage: Stage, times: Sequence[float]) -> dict[str, object]:
    """Return the case's annotated images, one at each of ``times``, and shapes as COCO instances.

    Two keys go beyond Cataract-1K's: a shape's ``track_id``, the same instrument from image to image, and an
    image's ``time_s``, for beside the image every five seconds two more follow, so that motion is known.
    """
    number = stage.plan.number
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for index, time_s in enumerate(times, start=1):
        image_id = number * 10_000 + index
        images.append(
            {
                "id": image_id,
                "file_name": image_name(number, index),
                "width": stage.width,
                "height": stage.height,
                "time_s": time_s,
            }
        )
        for shape in stage.shapes(time_s):
            annotations.append(_annotation(shape, number * 1_000_000 + len(annotations) + 1, image_id))
    return {
        "info": {"description": "rendered by surgvqa", "version": "1.0"},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": [
            {"id": index, "name": name, "supercategory": name}
            for index, name in enumerate(CATEGORIES, start=1)
        ],
    }


def _annotation(shape: Shape, annotation_id: int, image_id: int) -> dict[str, object]:
    xs, ys = zip(*shape.points, strict=True)
    entry: dict[str, object] = {
        "id": annotation_id,
        "image_id": image_id,
        "category_id": CATEGORIES.index(shape.name) + 1,
        "segmentation": [[round(value, 2) for point in shape.points for value in point]],
        "area": round(area(shape.points), 2),
        "bbox": [round(value, 2) for value in (min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))],
        "iscrowd": 0,
    }
    if shape.track is not None:
        entry["attributes"] = {"track_id": shape.track}
    return entry

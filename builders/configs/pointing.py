"""Config ``pointing``: where is it? One frame, one question, an answer in a written form, targets as columns.

One row shape serves ``trl sft`` (prompt, completion, images), ``trl grpo`` (prompt, images, and every
other column handed to the rewards) and the metrics of ``surgvqa.eval.spatial.pointing``. Targets are in 0-1 of the
frame and say how finely they are known: a quadrant stays a quadrant. Only ``spread`` turns one into
numbers, always the same for the same thing in the same frame, and then ``noise_floor`` says what an oracle
of the quadrant would be off by.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from surgvqa.builders.columns import Columns, Image, List, Value
from surgvqa.builders.configs.pointing_questions import Pointing, Question, questions
from surgvqa.builders.files import pictures
from surgvqa.builders.geometry.coordinate_text import FORM_SPACES, Location, write
from surgvqa.builders.geometry.coordinates import (
    CELLS,
    QUADRANTS,
    Space,
    model_space,
)
from surgvqa.builders.privacy.burned_text import cover
from surgvqa.builders.row_types import PointingRow
from surgvqa.builders.schema import Case, Omission, Scene
from surgvqa.builders.video import decode
from surgvqa.builders.video.case_media import still
from surgvqa.builders.video.decode import Decoder

Refuse = Callable[[float, np.ndarray], bool]
STRING = Value("string")
NUMBER = Value("float64")
POINTING_FEATURES = Columns(
    {
        "row_id": STRING,
        "case_id": STRING,
        "source": STRING,
        "procedure": STRING,
        "time_s": NUMBER,
        "kind": STRING,  # locate, absent, grounded
        "granularity": STRING,  # how finely the source knows the targets: mask, box, point, cell, quadrant
        "form": STRING,
        "prompt": List({"role": STRING, "content": STRING}),
        "completion": List({"role": STRING, "content": STRING}),
        "images": List(Image()),
        "width": Value("int64"),  # of the picture
        "height": Value("int64"),
        "space": List(NUMBER),  # what the written numbers run over: width and height
        "phase": STRING,
        "visible": Value("bool"),
        "labels": List(STRING),  # one entry per target, in this column and the next four
        "points": List(List(NUMBER)),  # [x, y] in 0-1; [] where the source knows none
        "boxes": List(List(NUMBER)),  # [x1, y1, x2, y2] in 0-1, or []
        "positions": List(STRING),  # the cell, or the quadrant where granularity is quadrant
        "masks": List(STRING),  # COCO run lengths over mask_size, or ""
        "mask_size": List(Value("int64")),
        "noise_floor": NUMBER,  # mean absolute error per axis of an oracle of the label, in 0-1
    }
)

HOW = {
    "point": 'Answer as <point x="X" y="Y">name</point> with X and Y from 0 to 100',
    "box": "Answer as <ref>name</ref><box>(X1, Y1, X2, Y2)</box> with numbers from 0 to 1000",
    "tokens": "Answer with the name and its box",
    "json": 'Answer as JSON, a list of {{"{key}": [{numbers}], "label": name}}',
    "words": "Answer as name: position, the position being one of {positions}",
}
STEP = "Step: "
COARSE_FIRST: tuple[str, ...] = ("quadrant", "cell", "point", "box", "mask")


def row(
    case: Case, question: Question, how: Pointing, width: int, height: int, jpeg: bytes | None
) -> PointingRow:
    """Return one row of ``POINTING_FEATURES`` for a picture of ``width x height`` pixels."""
    frame = Space(width, height)
    space = FORM_SPACES.get(how.form) or model_space(how.model_type, width, height, how.grid)
    locations = [
        Location(
            t.label,
            None if how.target_kind == "box" else t.point,
            t.box if how.target_kind == "box" else None,
            t.position,
        )
        for t in question.targets
    ]
    answer = write(locations, how.form, frame, space, how.decimals)
    if question.kind == "grounded":
        answer = f"{STEP}{question.phase}\n{answer}"
    granularity = min((item.granularity for item in question.targets), key=COARSE_FIRST.index, default=None)
    spread = how.spread or 0.0
    return {
        "row_id": f"{case.case_id}@{question.key}",
        "case_id": case.case_id,
        "source": case.source,
        "procedure": case.procedure,
        "time_s": question.scene.time_s,
        "kind": question.kind,
        "granularity": granularity,
        "form": how.form,
        "prompt": [{"role": "user", "content": prompt(question, how)}],
        "completion": [{"role": "assistant", "content": answer}],
        "images": [{"bytes": jpeg, "path": None}] if jpeg is not None else [],
        "width": width,
        "height": height,
        "space": [space.width, space.height],
        "phase": question.phase,
        "visible": bool(question.targets),
        "labels": [item.label for item in question.targets],
        "points": [list(item.point or ()) for item in question.targets],
        "boxes": [list(item.box or ()) for item in question.targets],
        "positions": [item.position for item in question.targets],
        "masks": [item.rle for item in question.targets],
        "mask_size": [question.scene.width, question.scene.height],
        "noise_floor": spread / 2
        if granularity in ("cell", "quadrant") and how.target_kind != "word"
        else 0.0,
    }


def prompt(question: Question, how: Pointing) -> str:
    """Return the question in words, with how to answer it.

    >>> from surgvqa.builders.schema import Scene
    >>> print(prompt(Question(Scene(0, 10, 10), "locate", "suction"), Pointing("point")))
    Point to the suction in this image. Answer as <point x="X" y="Y">name</point> with X and Y from 0 to 100, or "not visible".
    """
    quadrants = any(item.granularity == "quadrant" for item in question.targets) or any(
        entity.granularity == "quadrant" for entity in question.scene.nodes
    )
    names = QUADRANTS if quadrants else CELLS
    box = how.target_kind == "box"
    form = HOW[how.form].format(
        key="bbox_2d" if box else "point_2d",
        numbers="x1, y1, x2, y2" if box else "x, y",
        positions=", ".join(names),
    )
    if question.kind == "grounded":
        request = "Which step is being performed, and where are the primary instrument and, if there is one, the secondary?"
        return f"{request} Begin with a line {STEP}name. {form}, the primary first."
    verb = {"point": "Point to", "box": "Find", "word": "Where is"}[how.target_kind]
    mark = "?" if how.target_kind == "word" else "."
    return f'{verb} the {question.name} in this image{mark} {form}, or "not visible".'


def unshown(case: Case) -> tuple[Omission, ...]:
    """List what of a case the config leaves out: annotated moments without a still."""
    missing = len(case.scenes) - len(with_picture(case))
    if not missing:
        return ()
    cause = f"{missing} of {len(case.scenes)} annotated moments have no picture: not in config pointing"
    return (Omission(case.case_id, cause),)


def rows(
    case: Case,
    how: Pointing,
    max_side: int | None = None,
    decoder: Decoder = "pyav",
    refuse: Refuse | None = None,
) -> Iterator[PointingRow]:
    """Yield the rows of a case with their pictures, in order of time.

    Args:
        case: Its scenes in the pixels of its media (``media.fit``); moments without a picture are left out
            (``unshown`` names them).
        how: How rows are written.
        max_side: Longest side of the stored pictures.
        decoder: What decodes the video.
        refuse: Is shown the second and the picture; says which to leave out.
    """
    questions_by_time: dict[float, list[Question]] = defaultdict(list)
    for question in questions(replace(case, scenes=with_picture(case)), how):
        questions_by_time[question.scene.time_s].append(question)
    for time_s, image in pictures_at(case, sorted(questions_by_time), decoder):
        small = pictures.resize(image, max_side)
        if refuse is not None and refuse(time_s, small):
            continue
        jpeg = pictures.encode_jpeg(small)
        for question in questions_by_time[time_s]:
            yield row(case, question, how, small.shape[1], small.shape[0], jpeg)


def with_picture(case: Case) -> tuple[Scene, ...]:
    """Return the scenes of a case of which there is a picture: all of a video's, those with a still else."""
    if case.video is not None:
        return case.scenes
    stills = _stills(case)
    return tuple(scene for scene in case.scenes if _ms(scene.time_s) in stills)


def pictures_at(case: Case, times: Sequence[float], decoder: Decoder) -> Iterator[tuple[float, np.ndarray]]:
    """Yield the pictures at the given seconds of a case, in their order; cut to what of them is kept."""
    if case.video is not None:
        shots = decode.iterate_frames(case.video, [time_s + case.video_offset_s for time_s in times], decoder)
        yield from (
            (time_s, cover(shot.image, case.covered_regions))
            for time_s, shot in zip(times, shots, strict=True)
        )
    else:
        stills = _stills(case)
        yield from ((time_s, still(case, stills[_ms(time_s)])) for time_s in times)


def _ms(time_s: float) -> int:
    return round(time_s * 1000)


def _stills(case: Case) -> dict[int, Path]:
    return {_ms(frame.time_s): frame.path for frame in case.frames}

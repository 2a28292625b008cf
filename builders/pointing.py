"""Config ``pointing``: where is it? One frame, one question, an answer in a written form, targets as columns.

One row shape serves ``trl sft`` (prompt, completion, images), ``trl grpo`` (prompt, images, and every
other column handed to the rewards) and the metrics of ``surgvqa.eval.pointing``. Targets are in 0-1 of the
frame and say how finely they are known: a quadrant stays a quadrant. Only ``spread`` turns one into
numbers, always the same for the same thing in the same frame, and then ``noise_floor`` says what an oracle
of the quadrant would be off by.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from datasets import Features, Image, List, Value
from surgvqa.builders import masks, pictures, video
from surgvqa.builders.coordinates import (
    CELLS,
    QUADRANTS,
    UNIT,
    Space,
    cell,
    model_space,
    move_box,
    move_point,
    resize,
    then,
)
from surgvqa.builders.pointing_questions import Pointing, Question, questions
from surgvqa.builders.schema import Case, Dropped
from surgvqa.builders.written import FIXED, Located, write
from surgvqa.cards.command import InputError

STRING = Value("string")
NUMBER = Value("float64")
POINTING_FEATURES = Features(
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
) -> dict[str, Any]:
    """One row of ``POINTING_FEATURES`` for a picture of ``width x height`` pixels."""
    frame = Space(width, height)
    space = FIXED.get(how.form) or model_space(how.model_type, width, height, how.grid)
    located = [
        Located(
            t.label,
            None if how.wanted == "box" else t.point,
            t.box if how.wanted == "box" else None,
            t.position,
        )
        for t in question.targets
    ]
    answer = write(located, how.form, frame, space, how.decimals)
    if question.kind == "grounded":
        answer = f"{STEP}{question.phase}\n{answer}"
    known = min((item.granularity for item in question.targets), key=COARSE_FIRST.index, default=None)
    spread = how.spread or 0.0
    return {
        "row_id": f"{case.case_id}@{question.key}",
        "case_id": case.case_id,
        "source": case.source,
        "procedure": case.procedure,
        "time_s": question.scene.time_s,
        "kind": question.kind,
        "granularity": known,
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
        "noise_floor": spread / 2 if known in ("cell", "quadrant") and how.wanted != "word" else 0.0,
    }


def prompt(question: Question, how: Pointing) -> str:
    """The question in words, with how to answer it.

    >>> from surgvqa.builders.schema import Scene
    >>> print(prompt(Question(Scene(0, 10, 10), "locate", "suction"), Pointing("point")))
    Point to the suction in this image. Answer as <point x="X" y="Y">name</point> with X and Y from 0 to 100, or "not visible".
    """
    quadrants = any(item.granularity == "quadrant" for item in question.targets) or any(
        entity.granularity == "quadrant" for entity in question.scene.nodes
    )
    names = QUADRANTS if quadrants else CELLS
    box = how.wanted == "box"
    form = HOW[how.form].format(
        key="bbox_2d" if box else "point_2d",
        numbers="x1, y1, x2, y2" if box else "x, y",
        positions=", ".join(names),
    )
    if question.kind == "grounded":
        asked = "Which step is being performed, and where are the primary instrument and, if there is one, the secondary?"
        return f"{asked} Begin with a line {STEP}name. {form}, the primary first."
    verb = {"point": "Point to", "box": "Find", "word": "Where is"}[how.wanted]
    mark = "?" if how.wanted == "word" else "."
    return f'{verb} the {question.name} in this image{mark} {form}, or "not visible".'


def shifted(question: Question, case: Case, width: int, height: int) -> Question | None:
    """The question in a medium of ``width x height`` pixels that was cropped or squeezed from the annotated frame.

    None where a target lies outside the medium's picture: what is there then, nobody annotated.
    """
    if case.transform is None:
        return question
    scene, medium = question.scene, Space(width, height)
    way = then(then(resize(UNIT, Space(scene.width, scene.height)), case.transform), resize(medium, UNIT))
    moved = []
    for item in question.targets:
        point = move_point(way, item.point) if item.point else None
        box = move_box(way, item.box) if item.box else None
        corners = [point] if box is None else [point, box[:2], box[2:]]
        if any(corner and not (0 <= corner[0] <= 1 and 0 <= corner[1] <= 1) for corner in corners):
            return None
        rle = item.rle
        if rle:
            scale = (case.transform.scale_x, case.transform.scale_y)
            offset = (case.transform.offset_x, case.transform.offset_y)
            mask = masks.rle_to_mask(rle, scene.width, scene.height)
            rle = masks.mask_to_rle(masks.move(mask, scale, offset, (width, height)))
        fine = item.granularity not in ("cell", "quadrant")
        moved.append(
            replace(
                item, point=point, box=box, rle=rle, position=cell(point) if fine and point else item.position
            )
        )
    return replace(question, targets=tuple(moved), scene=replace(scene, width=width, height=height))


def rows(case: Case, how: Pointing, max_side: int | None = None) -> Iterator[dict[str, Any] | Dropped]:
    """The rows of a case with their pictures, in order of time; a question without a picture is ``Dropped``.

    ``max_side`` shrinks the stored picture. Raises InputError where the case has neither video nor stills.
    """
    asked: dict[float, list[Question]] = defaultdict(list)
    for question in questions(case, how):
        asked[question.scene.time_s].append(question)
    for time_s, image in _pictures(case, sorted(asked)):
        if image is None:
            yield Dropped(
                f"{case.case_id}: {len(asked[time_s])} pointing rows at {time_s:g} s",
                "no still at that second",
            )
            continue
        small = pictures.resize(image, max_side)
        jpeg = pictures.encode_jpeg(small)
        for question in asked[time_s]:
            placed = shifted(question, case, image.shape[1], image.shape[0])
            if placed is None:
                yield Dropped(
                    f"{case.case_id}@{question.key}", "what is asked for lies outside the video's picture"
                )
            else:
                yield row(case, placed, how, small.shape[1], small.shape[0], jpeg)


def _pictures(case: Case, times: Sequence[float]) -> Iterator[tuple[float, np.ndarray | None]]:
    if case.frames:
        stills = {round(frame.time_s * 1000): frame.path for frame in case.frames}
        for time_s in times:
            path = stills.get(round(time_s * 1000))
            yield time_s, pictures.read_picture(path) if path else None
    elif case.video:
        shots = video.iterate_frames(case.video, [time_s + case.video_offset_s for time_s in times])
        yield from ((time_s, shot.image) for time_s, shot in zip(times, shots, strict=True))
    elif times:
        raise InputError(f"{case.case_id} has neither a video nor stills: the pointing config needs pictures")

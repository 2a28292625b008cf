"""The questions of the config ``pointing``: a thing's place, a thing that is absent, the phase of the frame.

Targets are in 0-1 of the annotated frame and as fine as the source knows them, never finer.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from surgvqa.builders.cases.timeline import IDLE, phase_at, to_ms
from surgvqa.builders.geometry import masks
from surgvqa.builders.geometry.coordinate_text import Form
from surgvqa.builders.geometry.coordinates import (
    CELLS,
    QUADRANTS,
    UNIT,
    Grid,
    Space,
    box_centre,
    cell,
    jitter,
    move_box,
    move_point,
    resize,
)
from surgvqa.builders.schema import Case, Entity, Granularity, Point, Role, Scene


@dataclass(frozen=True, slots=True)
class Pointing:
    """The options of the config's rows.

    Args:
        form: One of ``written.FORMS``; all but ``json`` and ``words`` fix the shape too.
        shape: What ``json`` asks for.
        model_type: Whose numbers ``json`` writes (``coordinates.model_space``).
        grid: Its processor's resize, for a family that writes resized pixels.
        types: Of the things asked for by name, as ``("instrument",)``; empty for all.
        spread: None keeps cells and quadrants out of number forms; 0.1 writes their centres moved by up to
            10 % of the frame, the same way in every row of a frame.
        negatives: Rows asking for what isn't there, per row asking for what is.
        decimals: Of the written numbers; None for as many as half a pixel of the picture needs.
        per_case: At most so many positive rows of a case, picked by hash; None for all.
        seed: Of that pick and of the negatives.
    """

    form: Form = "json"
    shape: Literal["point", "box"] = "point"
    model_type: str = "qwen3_vl"
    grid: Grid | None = None
    types: tuple[Role, ...] = ()
    spread: float | None = None
    negatives: float = 0.25
    decimals: int | None = None
    per_case: int | None = None
    seed: int = 0

    @property
    def target_kind(self) -> Literal["point", "box", "word"]:
        """The kind of target that the form needs."""
        kinds_by_form: dict[str, Literal["point", "box", "word"]] = {
            "point": "point",
            "box": "box",
            "tokens": "box",
        }
        return "word" if self.form == "words" else kinds_by_form.get(self.form, self.shape)

    def parameters(self) -> dict[str, object]:
        """Return these values as a manifest and a command line name them."""
        options = {
            f"pointing_{name}": value
            for name, value in asdict(self).items()
            if name not in ("form", "seed", "grid", "types")
        }
        grid = self.grid and f"{self.grid.factor},{self.grid.min_pixels},{self.grid.max_pixels}"
        return {"pointing": self.form, **options, "pointing_grid": grid, "pointing_types": list(self.types)}

    def note(self) -> str:
        """Return what a card must say about the rows.

        >>> Pointing("point", spread=0.1).note()[-119:]
        'an oracle of the position is 5 % of the frame off per axis, so a smaller mean absolute error says nothing about places.'
        """
        text = "Config `pointing`: each row's `granularity` says how finely its source knows the place"
        if self.spread is None or self.form == "words":
            return f"{text}; nothing is written finer than that."
        return (
            f"{text}. Cells and quadrants are written as their middle, moved by up to {self.spread:.0%} of the "
            "frame, the same way in every row of a frame: an oracle of the position is "
            f"{50 * self.spread:.2g} % of the frame off per axis, so a smaller mean absolute error says nothing "
            "about places."
        )


@dataclass(frozen=True, slots=True)
class Target:
    """A thing and where it is, in 0-1 of the frame, as finely as its source knows it."""

    label: str
    granularity: Granularity
    position: str
    point: Point | None = None
    box: tuple[float, float, float, float] | None = None
    rle: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """A question about one scene; ``targets`` is empty where what is asked for isn't there."""

    scene: Scene
    kind: Literal["locate", "absent", "grounded"]
    name: str  # of what is asked for; "" for grounded
    targets: tuple[Target, ...] = ()
    phase: str | None = None

    @property
    def key(self) -> str:
        """Return the key that tells a question from the others of its case."""
        return f"{round(self.scene.time_s * 1000)}#{self.name or self.kind}"


def places(case: Case, how: Pointing) -> bool:
    """Whether anything of a case is known as finely as the form asks; cheap, no mask is read."""
    coarse = (
        ("cell", "quadrant")
        if how.target_kind == "word" or (how.target_kind == "point" and how.spread is not None)
        else ()
    )
    fine = ("mask", "box") if how.target_kind == "box" else ("mask", "box", "point")
    return any(entity.granularity in (*coarse, *fine) for scene in case.scenes for entity in scene.nodes)


def target(case: Case, scene: Scene, entity: Entity, how: Pointing) -> Target | None:
    """Return the target of an entity, or None where the form needs more than the source knows."""
    to = resize(Space(scene.width, scene.height), UNIT)
    box = move_box(to, entity.bbox) if entity.bbox else None
    if entity.granularity == "presence":
        return None
    if entity.granularity in ("cell", "quadrant"):
        if entity.grid is None or (how.target_kind != "word" and how.spread is None):
            return None
        centre = (QUADRANTS if entity.granularity == "quadrant" else CELLS)[entity.grid]
        key = (case.case_id, round(scene.time_s * 1000), entity.id)
        point = jitter(centre, how.spread, *key) if how.spread is not None else None
        return Target(
            entity.name, entity.granularity, entity.grid, point if how.target_kind != "box" else None
        )
    if entity.rle:
        if not masks.area_of(entity.rle, scene.width, scene.height):
            return None  # all of it lies outside a cropped medium
        point = move_point(to, _inside(entity.rle, scene.width, scene.height))
    elif entity.granularity == "point" and entity.centroid:
        point = move_point(to, entity.centroid)
    elif box:
        point = box_centre(box)
    else:
        return None
    return Target(entity.name, entity.granularity, cell(point), point, box, entity.rle or "")


def _inside(rle: str, width: int, height: int) -> Point:
    """``masks.point_inside`` on the mask's own box: the same point at a fraction of the frame's cost."""
    x1, y1, x2, y2 = (int(value) for value in masks.box_of(rle, width, height))
    x, y = masks.point_inside(masks.rle_to_mask(rle, width, height)[y1:y2, x1:x2])
    return x + x1, y + y1


def questions(case: Case, how: Pointing) -> list[Question]:
    """Yield the questions about a case in order of time: where it is, where it isn't, and which step is under way.

    A thing asked for where it is absent is one that another frame of the case shows, as often as it is
    asked for where it is present: its name alone says nothing about the answer.
    """
    positive: list[Question] = []
    scenes_by_name: dict[str, list[Scene]] = defaultdict(list)
    for scene in case.scenes:
        phase = _phase_at(case, scene.time_s)
        by_name: dict[str, list[Entity]] = defaultdict(list)
        for entity in scene.nodes:
            by_name[entity.name].append(entity)
        for name, entities in by_name.items():
            scenes_by_name[name].append(scene)
            if how.types and not {entity.type for entity in entities} & set(how.types):
                continue
            if targets := _targets(case, scene, entities, how):
                positive.append(Question(scene, "locate", name, targets, phase))
        ranked_entities = sorted(
            (entity for entity in scene.nodes if entity.rank), key=lambda entity: entity.rank or 0
        )
        if (
            phase
            and ranked_entities
            and ranked_entities[0].rank == 1
            and (targets := _targets(case, scene, ranked_entities, how))
        ):
            positive.append(Question(scene, "grounded", "", targets, phase))
    positive.sort(key=lambda question: _rank(how.seed, case.case_id, question.key))
    positive = positive[: how.per_case]
    all_questions = positive + list(_negatives(case, positive, scenes_by_name, how))
    return sorted(all_questions, key=lambda question: (question.scene.time_s, question.key))


def _targets(case: Case, scene: Scene, entities: Sequence[Entity], how: Pointing) -> tuple[Target, ...]:
    """Return the targets of several entities, or nothing where one can't be written in the form."""
    candidates = [target(case, scene, entity, how) for entity in entities]
    targets = tuple(
        item
        for item in candidates
        if item
        and (how.target_kind == "word" or (item.box if how.target_kind == "box" else item.point) is not None)
    )
    return targets if len(targets) == len(candidates) else ()


def _negatives(
    case: Case, positive: Sequence[Question], scenes_by_name: dict[str, list[Scene]], how: Pointing
) -> Iterator[Question]:
    uses: set[tuple[str, float]] = set()
    for question in positive:
        if (
            question.kind != "locate"
            or _rank(how.seed, "absent", case.case_id, question.key) >= how.negatives
        ):
            continue
        name = question.name
        there = {scene.time_s for scene in scenes_by_name[name]}
        free = [s for s in case.scenes if s.time_s not in there and (name, s.time_s) not in uses]
        if free:
            scene = min(free, key=lambda s: _rank(how.seed, case.case_id, question.key, s.time_s))
            uses.add((name, scene.time_s))
            yield Question(scene, "absent", name, phase=_phase_at(case, scene.time_s))


def _rank(*key: object) -> float:
    """Return a number in [0, 1) that depends on the key alone."""
    digest = hashlib.sha256("\x1f".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _phase_at(case: Case, time_s: float) -> str | None:
    """Return the phase under way at a moment, None where none is or nothing is known."""
    label = phase_at(case, to_ms(time_s))
    return None if label == IDLE else label

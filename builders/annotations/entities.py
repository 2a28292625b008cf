"""Shapes of a picture as entities of a scene, each checked against its picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from surgvqa.builders.annotations.shapes import Names, Shape
from surgvqa.builders.cases.scene import grid_cell
from surgvqa.builders.geometry import checks, masks
from surgvqa.builders.schema import Box, Entity, Point, Role
from surgvqa.cards.command import InputError


def phase_of(shapes: Iterable[Shape], names: Names) -> tuple[list[Shape], str | None]:
    """Return the shapes of things, and the phase that one without a place names. Raises ``InputError`` for two phases."""
    things: list[Shape] = []
    phases: set[str] = set()
    for shape in shapes:
        has_place = shape.box or shape.polygons or shape.rle or shape.turned_box or shape.trace
        phase = None if has_place else names.phase(shape.label)
        if phase is None:
            things.append(shape)
        else:
            phases.add(phase)
    if len(phases) > 1:
        raise InputError(f"two phases at once, {' and '.join(sorted(phases))}")
    return things, next(iter(phases), None)


def entities(
    shapes: Iterable[Shape],
    names: Names,
    size: tuple[int, int],
    cuts: list[tuple[float, str]],
    *,
    masked: bool = True,
    picture: str = "",
) -> tuple[Entity, ...]:
    """Shapes as entities with canonical names and ids that are unique in their scene.

    A structure outlined under a second label (``cornea`` and ``cornea1``) is one structure; several shapes
    of one label stay apart.

    Args:
        shapes: of one picture.
        names: the procedure's.
        size: width and height of the picture, pixels.
        cuts: gets the share that every cut shape lost.
        masked: outlines become masks; else the boxes around them.
        picture: its name, for ``cuts``.

    Raises:
        InputError: an unknown name, or a shape that its picture doesn't hold.
    """
    width, height = size
    nodes: list[Entity] = []
    first: dict[str, tuple[str, int]] = {}  # canonical anatomy -> its first label and place in nodes
    counts: dict[str, int] = {}
    present = set()
    for shape in shapes:
        try:
            role, name = names.of(shape.label)
            node, lost_share = _node(shape, name, role, width, height, masked)
            _refuse_apart(shape, node)
        except InputError as error:
            if shape.where:
                error.add_note(shape.where)  # for `Faults.add`
            raise
        if lost_share > 0:
            cuts.append((lost_share, picture))
        if masked and role == "anatomy" and node.rle and name in first and first[name][0] != shape.label:
            at = first[name][1]
            union = masks.rle_to_mask(node.rle, width, height)
            union = union | masks.rle_to_mask(nodes[at].rle or "", width, height)
            nodes[at] = _with_mask(nodes[at], masks.mask_to_rle(union), width, height)
            continue
        if node.granularity == "presence":
            if name in present or name in counts:
                continue  # a tag beside a box, or twice
            present.add(name)
        counts[name] = counts.get(name, 0) + 1
        if node.rle is not None:
            first.setdefault(name, (shape.label, len(nodes)))
        nodes.append(node)
    return tuple(
        number_entities(one for one in nodes if one.granularity != "presence" or counts[one.name] == 1)
    )


def _refuse_apart(shape: Shape, node: Entity) -> None:
    """Refuse an outline or a mask that lies apart from the box that its file writes beside it."""
    if shape.around is None:
        return
    x1, y1, x2, y2 = shape.around
    outline = (
        checks.extent(point for polygon in shape.polygons for point in polygon)
        if shape.polygons
        else node.bbox
    )
    if outline is not None and x1 < x2 and y1 < y2:
        checks.refuse_apart(shape.around, outline)


def number_entities(nodes: Iterable[Entity]) -> tuple[Entity, ...]:
    """Entities whose ids tell those of one name apart: "hook", "hook#2"."""
    counts: dict[str, int] = {}
    numbered_nodes = []
    for node in nodes:
        counts[node.name] = count = counts.get(node.name, 0) + 1
        identity = node.name if count == 1 else f"{node.name}#{count}"
        numbered_nodes.append(node if node.id == identity else replace(node, id=identity))
    return tuple(numbered_nodes)


def _node(shape: Shape, name: str, role: Role, width: int, height: int, masked: bool) -> tuple[Entity, float]:
    """Return a shape as an entity, and the share of it that was cut off."""
    lost_share = 0.0
    box: Box | None = None
    at: Point | None = None
    if shape.polygons:
        cut = [checks.outline(polygon, width, height) for polygon in shape.polygons]
        lost_share = max(share for _, share in cut)
        if masked:
            flat = [[value for point in polygon for value in point] for polygon in shape.polygons]
            bare = Entity(name, name, role, "mask", track=shape.track, confidence=shape.score)
            return _with_mask(bare, masks.polygons_to_rle(flat, width, height), width, height), lost_share
        box = checks.extent(point for polygon, _ in cut for point in polygon)
    elif shape.rle is not None:
        if masked:
            bare = Entity(name, name, role, "mask", track=shape.track, confidence=shape.score)
            return _with_mask(bare, shape.rle, width, height), lost_share
        box = masks.box_of(shape.rle, width, height)
    elif shape.box is not None:
        box, lost_share = checks.inside(shape.box, width, height, shape.form)
    elif shape.turned_box:
        corners, lost_share = checks.outline(shape.turned_box, width, height)
        box = checks.extent(corners)
    elif shape.trace:
        at, box, lost_share = _place_of_trace(shape.trace, width, height)
        if box is None:
            return Entity(
                name, name, role, "point", centroid=at, grid=grid_cell(at, width, height), track=shape.track,
                confidence=shape.score,
            ), lost_share  # fmt: skip
    if box is None:
        return Entity(name, name, role, "presence", track=shape.track, confidence=shape.score), 0.0
    x1, y1, x2, y2 = box
    at = ((x1 + x2) / 2, (y1 + y2) / 2)
    return Entity(
        name, name, role, "box", box, at, (x2 - x1) * (y2 - y1), grid_cell(at, width, height),
        confidence=shape.score, track=shape.track,
    ), lost_share  # fmt: skip


def _place_of_trace(points: Sequence[Point], width: int, height: int) -> tuple[Point, Box | None, float]:
    """Return the middle of points on a thing, and the box around them where that has an area."""
    box = checks.extent(points)
    middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    if box[2] > box[0] and box[3] > box[1]:
        inside_box, lost_share = checks.inside(box, width, height)
        return middle, inside_box, lost_share
    for x, y in points:
        checks.point(x, y, width, height)
    return checks.point(*middle, width, height), None, 0.0


def _with_mask(entity: Entity, rle: str, width: int, height: int) -> Entity:
    """Return an entity with a mask and what follows from it."""
    return replace(
        entity,
        rle=rle,
        bbox=masks.box_of(rle, width, height),
        area=masks.area_of(rle, width, height),
        centroid=masks.centroid_of(rle, width, height),
    )

"""Scene graphs: relations inside a scene, what changed since the previous one, JSON in and out.

Relations, between the annotated frame's own axes (x to the right, y down):
- left-of, right-of, above, below: the centres lie further apart than 2 % of the frame's width or height;
- inside, surrounds: 90 % of one's mask (of its box, where it has no mask) lies in the other's;
- overlaps: they share pixels, neither inside the other;
- near: they share none, and their boxes are closer than 5 % of the frame's diagonal.
Entities known only by presence have no relations; those known by a grid cell have directions from the cell.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from pycocotools import mask as coco
from surgvqa.builders.cases.timeline import phase_at, to_ms
from surgvqa.builders.schema import Action, Box, Case, Entity, Point, Relation, Scene

APART = 0.02  # of the frame's side: closer centres have no direction, a mask's edge moves that much
INSIDE = 0.9  # of the smaller one's area
NEAR = 0.05  # of the frame's diagonal
DECIMALS = 2  # of a pixel: nobody annotates finer, and a centroid's twelve digits say nothing
CONVERSE = {
    "left-of": "right-of",
    "right-of": "left-of",
    "above": "below",
    "below": "above",
    "inside": "surrounds",
    "surrounds": "inside",
    "overlaps": "overlaps",
    "near": "near",
}
ROWS = ("top", "middle", "bottom")
COLUMNS = ("left", "center", "right")
CELLS = tuple(
    "center" if (row, column) == ("middle", "center") else f"{row}-{column}"
    for row in ROWS
    for column in COLUMNS
)


def grid_cell(centroid: Point, width: int, height: int) -> str:
    """Return the cell of a 3x3 grid that a point lies in.

    >>> grid_cell((10, 10), 300, 300), grid_cell((150, 150), 300, 300), grid_cell((299, 150), 300, 300)
    ('top-left', 'center', 'middle-right')
    """
    column = min(2, max(0, int(3 * centroid[0] / width)))
    row = min(2, max(0, int(3 * centroid[1] / height)))
    return CELLS[3 * row + column]


def centre(entity: Entity, width: int, height: int) -> Point | None:
    """Return the place of an entity in pixels: its centroid, else its box's centre, else its cell's, else None."""
    if entity.centroid is not None:
        return entity.centroid
    if entity.bbox is not None:
        x1, y1, x2, y2 = entity.bbox
        return (x1 + x2) / 2, (y1 + y2) / 2
    if entity.grid in CELLS:
        row, column = divmod(CELLS.index(entity.grid), 3)
        return (column + 0.5) * width / 3, (row + 0.5) * height / 3
    return None


def link(case: Case) -> Case:
    """Return a case whose scenes, in order of time, have edges, grid cells, changes and events.

    Changes count instances: a second spatula enters although one is there. The first scene has none.
    """
    scenes: list[Scene] = []
    before: Scene | None = None
    for scene in sorted(case.scenes, key=lambda scene: scene.time_s):
        nodes = tuple(
            _with_grid_cell(_with_rounded_place(node), scene.width, scene.height) for node in scene.nodes
        )
        edges = tuple(relations(nodes, scene.width, scene.height))
        changes = _changes(before, scene)
        events = (*scene.events, *_events(case, before, scene, changes))
        scenes.append(replace(scene, nodes=nodes, edges=edges, events=events, **changes))
        before = scene
    return replace(case, scenes=tuple(scenes))


def _with_rounded_place(node: Entity) -> Entity:
    """Return an entity whose place and area are rounded: what is asked and what the row says rest on the same numbers."""
    places: dict[str, Any] = {
        "bbox": node.bbox and tuple(round(number, DECIMALS) for number in node.bbox),
        "centroid": node.centroid and tuple(round(number, DECIMALS) for number in node.centroid),
        "area": None if node.area is None else round(node.area, DECIMALS),
    }
    return replace(node, **places)


def _with_grid_cell(node: Entity, width: int, height: int) -> Entity:
    """Return an entity with its grid cell, where that is known and not said already."""
    at = centre(node, width, height)
    return replace(node, grid=grid_cell(at, width, height)) if node.grid is None and at is not None else node


def relations(nodes: Sequence[Entity], width: int, height: int) -> Iterator[Relation]:
    """Every relation of every pair, in both directions."""
    shares = _shares(nodes, width, height)
    places = [centre(node, width, height) for node in nodes]
    for i, a in enumerate(nodes):
        for j in range(i + 1, len(nodes)):
            b = nodes[j]
            for rel in _between(a, b, places[i], places[j], (shares[i][j], shares[j][i]), (width, height)):
                yield Relation(a.id, rel, b.id)
                yield Relation(b.id, CONVERSE[rel], a.id)


def _between(
    a: Entity,
    b: Entity,
    at: Point | None,
    to: Point | None,
    shares: tuple[float, float],
    size: tuple[int, int],
) -> Iterator[str]:
    """Return the relation of ``a`` to ``b``; ``shares`` are the parts of a in b and of b in a."""
    if at is not None and to is not None:
        dx, dy = to[0] - at[0], to[1] - at[1]
        if abs(dx) > APART * size[0]:
            yield "left-of" if dx > 0 else "right-of"
        if abs(dy) > APART * size[1]:
            yield "above" if dy > 0 else "below"
    if max(shares) >= INSIDE:
        yield "inside" if shares[0] >= shares[1] else "surrounds"
    elif max(shares) > 0:
        yield "overlaps"
    elif a.bbox is not None and b.bbox is not None and _gap(a.bbox, b.bbox) < NEAR * math.hypot(*size):
        yield "near"


def _shares(nodes: Sequence[Entity], width: int, height: int) -> list[list[float]]:
    """``[i][j]``: the part of entity i's area that lies in entity j; of masks where both have one, else boxes."""
    boxes = [node.bbox for node in nodes]
    shares = [[_box_share(a, b) if a and b else 0.0 for b in boxes] for a in boxes]
    masked_nodes = [i for i, node in enumerate(nodes) if node.rle is not None]
    if len(masked_nodes) > 1:
        rles = [{"size": [height, width], "counts": (nodes[i].rle or "").encode()} for i in masked_nodes]
        # against a "crowd" region, COCO's IoU is intersection over the first one's own area
        table = coco.iou(rles, rles, [1] * len(rles)).tolist()
        for row, i in enumerate(masked_nodes):
            for column, j in enumerate(masked_nodes):
                shares[i][j] = table[row][column]
    return shares


def _box_share(a: Box, b: Box) -> float:
    across = (a[2] if a[2] < b[2] else b[2]) - (a[0] if a[0] > b[0] else b[0])
    down = (a[3] if a[3] < b[3] else b[3]) - (a[1] if a[1] > b[1] else b[1])
    area = (a[2] - a[0]) * (a[3] - a[1])
    return across * down / area if across > 0 and down > 0 and area > 0 else 0.0


def _gap(a: Box, b: Box) -> float:
    """Pixels between two boxes."""
    return math.hypot(max(a[0] - b[2], b[0] - a[2], 0), max(a[1] - b[3], b[1] - a[3], 0))


def _changes(before: Scene | None, scene: Scene) -> dict[str, Any]:
    """Return the fields of a scene that compare it with the one before, instruments and anatomy apart."""
    if before is None:
        return {"first": True}
    changes: dict[str, Any] = {"previous_s": before.time_s}
    for role, prefix in (("instrument", ""), ("anatomy", "anatomy_")):
        old = Counter(node.name for node in before.nodes if node.type == role)
        new = Counter(node.name for node in scene.nodes if node.type == role)
        changes[f"{prefix}entered"] = tuple(sorted((new - old).elements()))
        changes[f"{prefix}exited"] = tuple(sorted((old - new).elements()))
        changes[f"{prefix}persisting"] = tuple(sorted((old & new).elements()))
    return changes


def _events(case: Case, before: Scene | None, scene: Scene, changes: dict[str, Any]) -> Iterator[str]:
    if before is None:
        return
    old, new = phase_at(case, to_ms(before.time_s)), phase_at(case, to_ms(scene.time_s))
    if old != new and old is not None and new is not None:
        yield f"phase: {old} -> {new}"
    yield from (f"entered: {name}" for name in changes["entered"])
    yield from (f"left: {name}" for name in changes["exited"])


def to_json(scene: Scene) -> str:
    """Return a scene as JSON, the same text for the same scene; what isn't known is left out.

    >>> to_json(Scene(1.5, 64, 48, first=True))
    '{"time_s": 1.5, "width": 64, "height": 48, "nodes": [], "edges": [], "entered": [], "exited": [], \
"persisting": [], "anatomy_entered": [], "anatomy_exited": [], "anatomy_persisting": [], "events": [], \
"first": true}'
    """
    fields = _known_fields(scene)
    fields["nodes"] = [_known_fields(node) for node in scene.nodes]
    fields["edges"] = [{"src": edge.src, "rel": edge.rel, "dst": edge.dst} for edge in scene.edges]
    if scene.actions is not None:
        fields["actions"] = [_known_fields(action) for action in scene.actions]
    return json.dumps(fields)


def _known_fields(one: Scene | Entity | Action) -> dict[str, Any]:
    """Return the fields that aren't None; five times faster than asdict, which copies."""
    return {name: value for name in one.__slots__ if (value := getattr(one, name)) is not None}


def from_json(text: str) -> Scene:
    """Return the scene that `to_json` wrote, equal in every field.

    >>> from_json(to_json(Scene(1.5, 64, 48, events=("x",)))) == Scene(1.5, 64, 48, events=("x",))
    True
    """
    fields = _with_tuples(json.loads(text))
    nodes = tuple(Entity(**_with_tuples(node)) for node in fields.pop("nodes", ()))
    if (actions := fields.get("actions")) is not None:
        fields["actions"] = tuple(Action(**{"verb": None, "target": None} | action) for action in actions)
    return Scene(nodes=nodes, edges=tuple(Relation(**edge) for edge in fields.pop("edges", ())), **fields)


def _with_tuples(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}

"""The place of an instrument over the seconds of a clip: when it gets to a place, and its most frequent place.

Needs positions, or boxes, of every annotated second of the clip (`Look.dense`), of an instrument that its name alone means.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

from surgvqa.builders.cases import draws
from surgvqa.builders.cases.scene import CELLS, grid_cell
from surgvqa.builders.kinds.tips import QUARTERS, instrument_places
from surgvqa.builders.kinds.view import Draft, Look, nameless, with_suffixes
from surgvqa.builders.schema import Entity, Scene

STEPS = 40  # of a straight way, each of which is looked up
MOST = 2  # instruments of a clip
MOSTLY = 2 / 3  # of the annotated seconds
UNSURE = "unsure"  # it is in view, and its place isn't known or lies on a border


def reaches(look: Look) -> Iterator[Draft]:
    """Yield the full second by which an instrument has got to a place for the first time."""
    drafts = []
    for name, cells in instrument_courses(look).items():
        sure = cells[: cells.index(UNSURE)] if UNSURE in cells else cells
        later = [cell for cell in dict.fromkeys(sure) if cell is not None and cell != cells[0]]
        if cells[0] in (None, UNSURE) or not later:
            continue
        place = draws.pick(later, *look.key("reaches", name))
        at = cells.index(place)
        seconds = tuple(f"{look.second(scene.time_s):.1f} s" for scene in look.moments[1:])
        evidence = (look.moments[at - 1].time_s, look.moments[at].time_s)
        slots = {"a": place_words(look, name), "b": place, "choices": ", ".join(seconds)}
        drafts.append(Draft(seconds[at - 1], evidence, slots, seconds, stable=straight(look, name, at)))
    yield from with_suffixes(drafts[:MOST])


def mostly_at(look: Look) -> Iterator[Draft]:
    """Yield where an instrument is in two thirds or more of the annotated seconds; asked where it is elsewhere, too."""
    drafts = []
    for name, cells in instrument_courses(look).items():
        place, n = Counter(cells).most_common(1)[0]
        if place is None or None in cells or UNSURE in cells or MOSTLY * len(cells) > n or n == len(cells):
            continue
        choices = place_choices(look, name)
        evidence = (look.moments[0].time_s, look.moments[-1].time_s)
        slots = {"a": place_words(look, name), "choices": ", ".join(choices)}
        drafts.append(Draft(place, evidence, slots, choices, stable=True))
    yield from with_suffixes(drafts[:MOST])


def straight(look: Look, name: str, until: int) -> bool:
    """Whether an instrument gets from each annotated moment to the next, up to one, without crossing a third place.

    Nobody labelled the frames between two moments, and they are shown. Of boxes the straight way counts, of bare places
    whether they have a side in common.
    """
    nodes = [{node.name: node for node in scene.nodes}.get(name) for scene in look.moments[: until + 1]]
    return all(
        _straight(a, b, look.moments[0]) for a, b in pairwise(nodes) if a is not None and b is not None
    )


def _straight(a: Entity, b: Entity, scene: Scene) -> bool:
    if a.bbox is None or b.bbox is None or not scene.width:
        return a.grid == b.grid or _touch(
            a.grid or "", b.grid or "", "quadrant" in (a.granularity, b.granularity)
        )
    (x1, y1), (x2, y2) = (((one[0] + one[2]) / 2, (one[1] + one[3]) / 2) for one in (a.bbox, b.bbox))
    way = ((x1 + (x2 - x1) * i / STEPS, y1 + (y2 - y1) * i / STEPS) for i in range(STEPS + 1))
    return {grid_cell(at, scene.width, scene.height) for at in way} <= {a.grid, b.grid}


def _touch(a: str, b: str, quarters: bool) -> bool:
    """Whether two places have a side in common; quarters of the frame also with the middle between them.

    >>> _touch("top-left", "center", True), _touch("top-left", "bottom-right", True), _touch("top-left", "center", False)
    (True, False, False)
    """
    if quarters and "center" in (a, b):
        return True
    (row, column), (other_row, other_column) = (divmod(CELLS.index(cell), 3) for cell in (a, b))
    away = abs(row - other_row), abs(column - other_column)
    return away in ((0, 2), (2, 0)) if quarters else sum(away) == 1


def _granularity(look: Look, name: str) -> str:
    return next(node.granularity for scene in look.moments for node in scene.nodes if node.name == name)


def place_choices(look: Look, name: str) -> tuple[str, ...]:
    """Return the parts of the frame that the positions of an instrument tell apart."""
    return QUARTERS if _granularity(look, name) == "quadrant" else CELLS


def place_words(look: Look, name: str) -> str:
    """Return what of an instrument has the place: of a box its middle."""
    return f"middle of the {look.boxed_part(name)}" if _granularity(look, name) == "box" else name


@lru_cache(maxsize=1)  # three kinds ask it of the same clip
def instrument_courses(look: Look) -> dict[str, list[str | None]]:
    """Return the place of each instrument at each annotated second: None where it isn't in view."""
    if not look.dense():
        return {}
    places = []
    for scene in look.moments:
        cells: dict[str, str | None] = {
            node.name: UNSURE for node in scene.nodes if node.type == "instrument"
        }
        cells |= {name: node.grid if stable else UNSURE for name, node, stable in instrument_places(scene)}
        places.append(cells)
    names = sorted({name for cells in places for name in cells if not nameless(name)})
    return {
        name: [cells.get(name) for cells in places] for name in draws.shuffle(names, *look.key("courses"))
    }

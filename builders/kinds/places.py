"""The place of an instrument over the seconds of a clip: when it gets to a place, and its most frequent place.

Needs positions, or boxes, of every annotated second of the clip (`Look.dense`), of an instrument that its name alone means.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from surgvqa.builders.cases import draws
from surgvqa.builders.cases.scene import CELLS
from surgvqa.builders.kinds.tips import QUARTERS, instrument_places
from surgvqa.builders.kinds.view import Draft, Look, nameless, with_suffixes

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
        seconds = tuple(f"{scene.time_s - look.frames[0]:.1f} s" for scene in look.moments[1:])
        evidence = (look.moments[at - 1].time_s, look.moments[at].time_s)
        slots = {"a": place_words(look, name), "b": place, "choices": ", ".join(seconds)}
        drafts.append(Draft(seconds[at - 1], evidence, slots, seconds, stable=True))
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

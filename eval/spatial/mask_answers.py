"""Answers that follow from masks alone: the specialist beside a model that speaks, by the builder's own rules.

Whoever has masks of a moment (a segmenter, the mean mask of training, those of the frame nearest in colour) can answer
what is in view, where it is, how large and on which side. The answer is worked out as the builder works out the right one,
so only the masks can be wrong. A question that names something without a mask, or is about something else, has no answer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from surgvqa.builders.asking.templates import wording
from surgvqa.builders.cases.scene import grid_cell
from surgvqa.builders.field_kinds.compare import cover_answer
from surgvqa.builders.field_kinds.layout import GROWTH, QUARTERS, SIZES
from surgvqa.builders.geometry import masks
from surgvqa.builders.geometry.coordinate_text import Location, write
from surgvqa.builders.geometry.coordinates import Space, cell
from surgvqa.builders.geometry.instrument_tip import clock_hour
from surgvqa.builders.questions.motion import towards
from surgvqa.builders.schema import Point

SPECK = 0.001  # of the frame: less of a class isn't taken for a thing; 20 x 20 pixels of a frame of 854 x 480
Slots = Mapping[str, str]


@dataclass(frozen=True)
class Moment:
    """The masks of a moment by class, each boolean height x width, and which classes are instruments."""

    masks: Mapping[str, np.ndarray]
    shape: tuple[int, int]  # height and width
    instruments: frozenset[str]

    @cached_property
    def visible(self) -> dict[str, np.ndarray]:
        """The masks that are more than a speck."""
        least = SPECK * self.shape[0] * self.shape[1]
        return {name: mask for name, mask in self.masks.items() if mask.sum() >= least}

    def middle(self, name: str) -> Point | None:
        """Return the middle of a class; None where it isn't visible."""
        if name not in self.visible:
            return None
        ys, xs = np.nonzero(self.visible[name])
        return float(xs.mean() + 0.5), float(ys.mean() + 0.5)

    def share(self, name: str) -> float:
        """Return the share of the frame that a class covers."""
        return float(self.masks[name].mean()) if name in self.masks else 0.0

    def tools(self) -> np.ndarray:
        """Return where any instrument is."""
        area = np.zeros(self.shape, bool)
        for name in self.instruments & self.visible.keys():
            area |= self.visible[name]
        return area


@cache
def _patterns(kind: str) -> tuple[re.Pattern[str], ...]:
    """Return a pattern for each phrasing of a kind, with a group for each of its slots.

    Of a moment only its own words are taken: "of the cystic plate at the end" isn't of a "cystic".
    """
    words = wording()
    template = words.kinds.get(kind)
    when = "|".join(
        map(_pattern, (words.moments.end, words.moments.start, words.moments.at, words.moments.picture))
    )
    aside = _pattern(words.moments.aside).replace(_pattern("{when}"), f"(?:{when})")
    groups = {"when": f"(?P<when>{aside}|{when})"}
    return tuple(
        re.compile(f"{_pattern(text, groups)}$", re.IGNORECASE)
        for text in (template.questions if template else ())
    )


def _pattern(text: str, groups: Mapping[str, str] | None = None) -> str:
    """Return a pattern of a text with slots; with ``groups`` each slot is a group, of its own pattern where it has one."""

    def slot(match: re.Match[str]) -> str:
        name = match[1]
        return "(?:.+?)" if groups is None else groups.get(name, f"(?P<{name}>.+?)")

    # re.escape puts a backslash before both braces of a slot.
    return re.sub(r"\\\{(\w+)\\\}", slot, re.escape(text))


def slots_of(kind: str, question: str) -> Slots:
    """Return what a question of the builder speaks of; empty where its words aren't those of the kind.

    >>> slots_of("larger", "Which covers more of the frame at the end of the clip, the liver or the cystic duct?")
    {'when': 'at the end of the clip', 'a': 'liver', 'b': 'cystic duct'}
    """
    for pattern in _patterns(kind):
        if match := pattern.match(question):
            return match.groupdict()
    return {}


def answer(kind: str, question: str, moments: Sequence[Moment]) -> str | None:
    """Return the short answer that the masks of a question's moments give; None where they give none."""
    slots = slots_of(kind, question)
    if not moments or not slots:
        return None
    if kind in _CHANGES:
        return _CHANGES[kind](moments[0], moments[-1], slots) if len(moments) > 1 else None
    return _STILLS[kind](moments[-1], slots) if kind in _STILLS else None


def point(name: str, moment: Moment, form: str, frame: Space, space: Space) -> str:
    """Return the answer to a row of config pointing, in its form: a point inside the mask, or "not visible"."""
    things = []
    if (mask := moment.visible.get(name)) is not None:
        height, width = moment.shape
        x, y = masks.point_inside(mask)
        x1, y1, x2, y2 = masks.box_of(masks.mask_to_rle(mask), width, height)
        at, box = (x / width, y / height), (x1 / width, y1 / height, x2 / width, y2 / height)
        as_box = form in ("box", "tokens")
        things = [Location(name, None if as_box else at, box if as_box else None, cell(at))]
    return write(things, form, frame, space)  # type: ignore[arg-type]


def _presence(moment: Moment, slots: Slots) -> str:
    return "yes" if slots["a"] in moment.visible else "no"


def _anatomy(moment: Moment, slots: Slots) -> str:
    names = [name for name in slots["choices"].split(", ") if name in moment.visible]
    return ", ".join(names) or "none"


def _missing(moment: Moment, slots: Slots) -> str:
    return min(slots["choices"].split(", "), key=moment.share)


def _largest(moment: Moment, slots: Slots) -> str:
    return max(slots["choices"].split(", "), key=moment.share)


def _middle(moment: Moment, slots: Slots) -> str | None:
    at = moment.middle(slots["a"])
    return at and grid_cell(at, moment.shape[1], moment.shape[0])


def _off_centre(moment: Moment, slots: Slots) -> str | None:
    at = moment.middle(slots["a"])
    return at and clock_hour(at, (moment.shape[1] / 2, moment.shape[0] / 2))


def _direction(moment: Moment, slots: Slots) -> str | None:
    at, of = moment.middle(slots["a"]), moment.middle(slots["b"])
    return clock_hour(at, of) if at and of else None


def _first(axis: int) -> Callable[[Moment, Slots], str | None]:
    """Return who answers which of two is further left (axis 0) or higher (axis 1)."""

    def which(moment: Moment, slots: Slots) -> str | None:
        at, of = moment.middle(slots["a"]), moment.middle(slots["b"])
        return (slots["a"] if at[axis] < of[axis] else slots["b"]) if at and of else None

    return which


def _larger(moment: Moment, slots: Slots) -> str:
    return max((slots["a"], slots["b"]), key=moment.share)


def _cover(moment: Moment, slots: Slots) -> str | None:
    return cover_answer(moment.share(slots["a"]))[0] if slots["a"] in moment.visible else None


def _box(moment: Moment, slots: Slots) -> str:
    mask = moment.visible.get(slots["a"])
    if mask is None:
        return "not visible"
    height, width = moment.shape
    corners = masks.box_of(masks.mask_to_rle(mask), width, height)
    sides = (width, height) * 2
    return f"[{', '.join(str(round(1000 * at / side)) for at, side in zip(corners, sides, strict=True))}]"


def _tools_cover(moment: Moment, slots: Slots) -> str:
    return cover_answer(float(moment.tools().mean()))[0]


def _tools_quarter(moment: Moment, slots: Slots) -> str | None:
    tools, (height, width) = moment.tools(), moment.shape
    y, x = height // 2, width // 2
    areas = [int(part.sum()) for part in (tools[:y, :x], tools[:y, x:], tools[y:, :x], tools[y:, x:])]
    return QUARTERS[areas.index(max(areas))] if any(areas) else None


def _seen_when(before: Moment, after: Moment, slots: Slots) -> str:
    choices = slots["choices"].split(", ")  # at the start, at the end, both, neither
    pair = slots["a"] in before.visible, slots["a"] in after.visible
    return choices[{(True, False): 0, (False, True): 1, (True, True): 2, (False, False): 3}[pair]]


def _growth(before: Moment, after: Moment, slots: Slots) -> str | None:
    one, other = before.share(slots["a"]), after.share(slots["a"])
    if not one or not other:
        return None
    return SIZES[0 if other >= GROWTH * one else 2 if other <= one / GROWTH else 1]


def _shift(before: Moment, after: Moment, slots: Slots) -> str | None:
    one, other = before.middle(slots["a"]), after.middle(slots["a"])
    if one is None or other is None or math.dist(one, other) == 0:
        return None
    return towards(other[0] - one[0], other[1] - one[1])


_STILLS: dict[str, Callable[[Moment, Slots], str | None]] = {
    "presence": _presence,
    "anatomy": _anatomy,
    "missing": _missing,
    "option_anatomy": _largest,
    "middle": _middle,
    "off_centre": _off_centre,
    "direction": _direction,
    "left_of": _first(0),
    "higher": _first(1),
    "larger": _larger,
    "cover": _cover,
    "box": _box,
    "tools_cover": _tools_cover,
    "tools_quarter": _tools_quarter,
}
_CHANGES: dict[str, Callable[[Moment, Moment, Slots], str | None]] = {
    "seen_when": _seen_when,
    "resized": _growth,
    "moved": _shift,
}
KINDS = (*_STILLS, *_CHANGES)

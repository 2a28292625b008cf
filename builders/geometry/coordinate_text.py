"""Coordinates as text: the forms models write, and one parser that never raises.

======== ============================================================ =====================
form     an answer                                                    runs over
======== ============================================================ =====================
point    ``<point x="67.5" y="45.2" alt="suction">suction</point>``   0-100 (Molmo)
box      ``<ref>suction</ref><box>(634, 391), (716, 513)</box>``      0-1000
tokens   ``<|object_ref_start|>…<|box_start|>(634,391),(716,513)…``   0-1000 (Qwen2-VL)
json     ``[{"point_2d": [675, 452], "label": "suction"}]``           the model family's
words    ``suction: top-right``                                       cells or quadrants
======== ============================================================ =====================

In memory every coordinate is in 0-1 of the frame; the space a form's numbers run over is passed in.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from surgvqa.builders.geometry.coordinates import PERCENT, THOUSAND, UNIT, Space, move_box, move_point, resize
from surgvqa.builders.schema import Box, Point

Form = Literal["point", "box", "tokens", "json", "words"]
FORMS: tuple[Form, ...] = ("point", "box", "tokens", "json", "words")
FORM_SPACES: dict[str, Space] = {"point": PERCENT, "box": THOUSAND, "tokens": THOUSAND, "words": UNIT}

NOT_VISIBLE = "not visible"  # the one answer where the thing asked for is absent
POSITION_WORDS = (
    *("top-left", "top-center", "top-right", "middle-left", "center"),
    *("middle-right", "bottom-left", "bottom-center", "bottom-right"),
)


@dataclass(frozen=True, slots=True)
class Location:
    """A named thing and where it is, in 0-1 of the frame: a point, a box, or a word for a position."""

    label: str
    point: Point | None = None
    box: Box | None = None
    word: str | None = None


@dataclass(frozen=True, slots=True)
class ParsedText:
    """The content of a text: objects, or their absence, or the cause why it can't be read (``error``)."""

    objects: tuple[Location, ...] = ()
    absent: bool = False  # the text says in so many words that nothing is there
    error: str | None = None


def digits(extent: float, pixels: float) -> int:
    """Decimals that keep a written number within half a pixel of the frame.

    >>> digits(1000, 640), digits(1000, 1920), digits(100, 640), digits(1, 640)
    (0, 1, 1, 3)
    """
    return max(0, math.ceil(math.log10(pixels / extent)))


def write(
    objects: Sequence[Location],
    form: Form,
    frame: Space,
    space: Space | None = None,
    decimals: int | None = None,
) -> str:
    """Objects of one ``frame`` (its size in pixels) as text; no objects is ``not visible``.

    Args:
        objects: In 0-1 of the frame. ``point`` takes points, ``box`` and ``tokens`` points or boxes,
            ``json`` either, ``words`` words; ValueError where an object lacks it.
        form: See the module.
        frame: Gives the decimals: enough for half a pixel.
        space: What ``json`` numbers run over (``coordinates.model_space``); the others have their own.
        decimals: Instead of the half-pixel rule.

    >>> write([Location("suction", point=(0.675, 0.452))], "json", Space(640, 360), THOUSAND)
    '[{"point_2d": [675, 452], "label": "suction"}]'
    >>> write([], "point", Space(1280, 720))
    'not visible'
    """
    if not objects:
        return NOT_VISIBLE
    if form == "words":
        return "; ".join(f"{item.label}: {_need(item, item.word)}" for item in objects)
    over = FORM_SPACES.get(form) or space
    if over is None:
        raise ValueError("form json needs the space its numbers run over")
    if decimals is None:
        decimals = max(digits(over.width, frame.width), digits(over.height, frame.height))
    to = resize(UNIT, over)

    def numbers(values: Sequence[float]) -> list[str]:
        return [f"{value:.{decimals}f}" for value in values]

    def coordinates(item: Location) -> list[str]:
        return numbers(move_box(to, item.box) if item.box else move_point(to, _need(item, item.point)))

    if form == "point":
        return " ".join(
            _point_tag(item.label, numbers(move_point(to, _need(item, item.point)))) for item in objects
        )
    if form == "json":
        parts = (
            f'{{"{"bbox_2d" if item.box else "point_2d"}": [{", ".join(coordinates(item))}], '
            f'"label": {json.dumps(item.label)}}}'
            for item in objects
        )
        return f"[{', '.join(parts)}]"
    return "".join(_box_tag(item.label, coordinates(item), form) for item in objects)


def _need(item: Location, value: Any) -> Any:
    if value is None:
        raise ValueError(f"{item.label!r} has no place of the kind this form writes")
    return value


def _point_tag(label: str, xy: Sequence[str]) -> str:
    name = label.replace('"', "'").replace("<", "(").replace(">", ")")
    return f'<point x="{xy[0]}" y="{xy[1]}" alt="{name}">{name}</point>'


def _box_tag(label: str, numbers: Sequence[str], form: Form) -> str:
    name = label.replace("<", "(").replace(">", ")")
    pairs = [
        f"({x}, {y})" if form == "box" else f"({x},{y})"
        for x, y in zip(numbers[::2], numbers[1::2], strict=True)
    ]
    if form == "box":
        return f"<ref>{name}</ref><box>{', '.join(pairs)}</box>"
    return f"<|object_ref_start|>{name}<|object_ref_end|><|box_start|>{','.join(pairs)}<|box_end|>"


def parse(text: str, form: Form, space: Space | None = None) -> ParsedText:
    """Read what a model wrote, in 0-1 of the frame; a bad text gives ``error``, never an exception.

    ``space`` is what ``json`` numbers run over. Numbers may be floats; a number outside its space, an
    open tag, a box with its corners swapped or anything not finite is an error. A text with no place
    in it is an error too, unless it says ``not visible`` (or is an empty JSON list).

    >>> parse('It is <point x="67.5" y="45">suction</point>.', "point").objects
    (Location(label='suction', point=(0.675, 0.45), box=None, word=None),)
    >>> parse("not visible", "json", THOUSAND).absent
    True
    >>> parse("[{'point_2d': 12", "json", THOUSAND).error
    'not JSON'
    """
    if form == "json" and space is None:
        raise ValueError("form json needs the space its numbers run over")
    bare = text.strip().strip(".*\"'` ").lower()
    if bare == NOT_VISIBLE:
        return ParsedText(absent=True)
    try:
        if form == "json" and space is not None:
            locations = _read_json(text, space)
        elif form == "words":
            locations = _read_words(text)
        else:
            locations = _read_tags(text, form)
    except _BadTextError as problem:
        return ParsedText(error=str(problem))
    if not locations:
        empty = form == "json" and bare in ("[]", "json\n[]")
        return ParsedText(absent=True) if empty else ParsedText(error="no place in the text")
    return ParsedText(objects=tuple(locations))


class _BadTextError(Exception):
    """Why a text can't be read; stays inside ``parse``."""


NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
PAIR = rf"[(\[]\s*({NUMBER})\s*,\s*({NUMBER})\s*[)\]]"
FOUR = rf"[(\[]\s*({NUMBER})\s*,\s*({NUMBER})\s*,\s*({NUMBER})\s*,\s*({NUMBER})\s*[)\]]"
PLACE = re.compile(rf"{FOUR}|{PAIR}(?:\s*,\s*{PAIR})?")
ATTRIBUTE = re.compile(r"""([a-z]+\d*)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
POINT_TAG = re.compile(r"<points?\b([^<>]*)>([^<>]*)</points?>")
BOX_TAG = re.compile(r"(?:<ref>([^<>]*)</ref>\s*)?<box>([^<>]*)</box>")
TOKEN_TAG = re.compile(
    r"(?:<\|object_ref_start\|>([^<>]*)<\|object_ref_end\|>\s*)?<\|box_start\|>([^<>]*)<\|box_end\|>"
)
POSITION = re.compile(r"\b(top|middle|bottom)[- ](left|right|cent(?:er|re))\b|\bcent(?:er|re)\b")


def _read_tags(text: str, form: Form) -> list[Location]:
    if form == "point":
        locations = [
            item for match in POINT_TAG.finditer(text) for item in _points(match[1], match[2].strip())
        ]
        openings = len(re.findall(r"<points?\b", text))
        closings = len(POINT_TAG.findall(text))
    else:
        tag, start = (BOX_TAG, "<box>") if form == "box" else (TOKEN_TAG, "<|box_start|>")
        matches = list(tag.finditer(text))
        locations = [_place(match[2], (match[1] or "").strip()) for match in matches]
        openings, closings = text.count(start), len(matches)
        if not openings and form == "tokens":  # decoded without its special tokens
            places = list(PLACE.finditer(text))
            starts = [0, *(match.end() for match in places)]
            if "(" in text[starts.pop() :]:
                raise _BadTextError("cut short")
            names = [
                text[start : match.start()].strip(" ,\n") for start, match in zip(starts, places, strict=True)
            ]
            locations = [_place(match[0], name) for match, name in zip(places, names, strict=True)]
    if openings != closings:
        raise _BadTextError("a tag isn't closed")
    return locations


def _points(attributes: str, label: str) -> list[Location]:
    values: dict[str, str] = {name: a or b for name, a, b in ATTRIBUTE.findall(attributes)}
    label_or_alt = label or values.get("alt", "")
    locations = []
    for name in values:
        if re.fullmatch(r"x\d*", name):
            y = values.get("y" + name[1:])
            if y is None:
                raise _BadTextError(f"{name} without its y")
            locations.append(Location(label_or_alt, point=_unit((values[name], y), PERCENT)))
    if not locations:
        raise _BadTextError("a point without x and y")
    return locations


def _place(body: str, label: str) -> Location:
    match = PLACE.fullmatch(body.strip())
    if not match:
        raise _BadTextError("not two or four numbers")
    numbers = [value for value in match.groups() if value is not None]
    return _location(label, numbers, THOUSAND)


def _location(label: str, numbers: Sequence[Any], space: Space) -> Location:
    if len(numbers) == 2:
        return Location(label, point=_unit((numbers[0], numbers[1]), space))
    if len(numbers) != 4:
        raise _BadTextError("not two or four numbers")
    x1, y1 = _unit((numbers[0], numbers[1]), space)
    x2, y2 = _unit((numbers[2], numbers[3]), space)
    if x2 < x1 or y2 < y1:
        raise _BadTextError("a box with its corners swapped")
    return Location(label, box=(x1, y1, x2, y2))


def _unit(pair: tuple[Any, Any], space: Space) -> Point:
    values = []
    for value, extent in zip(pair, (space.width, space.height), strict=True):
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise _BadTextError("not a number")
        try:
            number = float(value)
        except (ValueError, OverflowError):
            raise _BadTextError("not a number") from None
        if not (0 <= number <= extent):  # false for nan and inf
            raise _BadTextError(f"outside 0-{extent:g}")
        values.append(number / extent)
    return (values[0], values[1])


def _read_json(text: str, space: Space) -> list[Location]:
    """Return the objects of every JSON value in the text; prose, fences and ``[notes]`` around them are fine."""
    decoder = json.JSONDecoder()
    locations: list[Location] = []
    at, has_json = 0, False
    while bracket := re.compile(r"[\[{]").search(text, at):
        try:
            value, at = decoder.raw_decode(text, bracket.start())
        except (ValueError, RecursionError):
            # "[{", "[[", '{"' mean JSON, cut short or misspelt; "[see" is prose
            if re.compile(r"\[\s*[\[{]|\{\s*[\"'{]").match(text, bracket.start()):
                raise _BadTextError("not JSON") from None
            at = bracket.end()
            continue
        has_json = True
        locations += [_from_object(item, space) for item in (value if isinstance(value, list) else [value])]
    if not has_json:
        raise _BadTextError("not JSON")
    return locations


def _from_object(item: object, space: Space) -> Location:
    if not isinstance(item, dict):
        raise _BadTextError("not a list of objects")
    for key in ("bbox_2d", "point_2d"):
        numbers = item.get(key)
        if numbers is not None:
            if not isinstance(numbers, list) or len(numbers) != (4 if key == "bbox_2d" else 2):
                raise _BadTextError(f"{key} isn't a list of {4 if key == 'bbox_2d' else 2} numbers")
            label = item.get("label", "")
            return _location(label if isinstance(label, str) else "", numbers, space)
    raise _BadTextError("neither bbox_2d nor point_2d")


def _read_words(text: str) -> list[Location]:
    locations = []
    for part in filter(str.strip, re.split(r"[;\n]", text.lower())):
        label, colon, rest = part.partition(":")
        words = [
            match[0].replace(" ", "-").replace("centre", "center")
            for match in POSITION.finditer(rest or part)
        ]
        if len(words) != 1:
            raise _BadTextError(f"{len(words)} positions where one is due")
        locations.append(Location(label.strip() if colon else "", word=words[0]))
    return locations

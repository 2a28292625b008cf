"""The result of every reader of annotations: pictures with entities, faults, notes.

A picture in which one element cannot be read is left out whole, by name: what it lacks would count as absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from surgvqa.builders.files.texts import read_text
from surgvqa.builders.geometry import checks, masks
from surgvqa.builders.procedures.taxonomy import Taxonomy, UnknownLabel
from surgvqa.builders.schema import Box, Entity, Omission, Point, Role
from surgvqa.cards.command import InputError, nearest, parse_json

MAX_SIDE = 32_768  # pixels; what a mask takes is width x height
# What reading somebody else's values raises where they aren't what the format says.
MALFORMED_ERRORS = (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Picture:
    """One annotated picture of a file."""

    name: str  # as the file calls it; never opened
    width: int
    height: int
    nodes: tuple[Entity, ...]
    time_s: float | None = None  # where the file says when it was taken
    confidence: float | None = None  # of the whole picture, where a machine outlined it
    phase: str | None = None  # canonical, where the file says it of the picture
    recordings: tuple[
        str, ...
    ] = ()  # what the file says beside the name that may tell which recording it is of


class Annotations(NamedTuple):
    """The pictures of a file, its faults, and what was cut or left out by design."""

    pictures: tuple[Picture, ...]
    faults: tuple[Omission, ...]
    notes: tuple[Omission, ...] = ()


@dataclass(frozen=True, slots=True)
class Shape:
    """One element of a file, before it becomes an entity or part of one.

    Of the fields ``box``, ``turned_box``, ``polygons``, ``rle`` and ``trace`` one is given, or none: presence alone.
    """

    label: str
    polygons: Sequence[Sequence[Point]] = ()  # outlines of one thing
    rle: str | None = None
    box: Box | None = None
    turned_box: Sequence[Point] = ()  # corners of a box that is turned; its place is the box around them
    trace: Sequence[
        Point
    ] = ()  # points or a line on a thing: the box around them, or a point where it has no area
    track: str | None = None
    score: float | None = None  # how sure a machine was
    where: str = ""  # "annotation 7", for messages
    form: checks.Form = "corners"
    around: Box | None = None  # the box that the file writes beside an outline or a mask


@dataclass(slots=True)
class Names:
    """The procedure's names for the labels of one file, each looked up once."""

    taxonomy: Taxonomy
    roles_by_label: dict[str, tuple[Role, str] | str] = field(default_factory=dict)

    def of(self, label: str) -> tuple[Role, str]:
        """As `role_of`."""
        there = self.roles_by_label.get(label)
        if there is None:
            try:
                there = role_of(self.taxonomy, label)
            except UnknownLabel as error:
                there = str(error)
            self.roles_by_label[label] = there
        if isinstance(there, str):
            raise UnknownLabel(there)
        return there

    def phase(self, label: str) -> str | None:
        """Return the phase that a label names, or None."""
        try:
            return self.taxonomy.canonical("phase", label)
        except UnknownLabel:
            return None


@dataclass(slots=True)
class Faults:
    """Collects what is wrong with a file, and what was cut in it."""

    shown_name: str  # how messages call the file
    faults: list[Omission] = field(default_factory=list)
    left: list[Omission] = field(default_factory=list)
    cuts: list[tuple[float, str]] = field(default_factory=list)  # share lost, picture
    misplaced_pictures: int = 0  # pictures that were refused because a shape lies outside

    def add(self, item: str, cause: object) -> None:
        """Note a fault; a missing key is said as one, and the notes of an error say of which element it is."""
        text = f"lacks {cause}" if isinstance(cause, KeyError) else str(cause)
        self.misplaced_pictures += isinstance(cause, checks.MisplacedShape)
        where = "".join(f"{note} of " for note in getattr(cause, "__notes__", ()))
        self.faults.append(Omission(f"{self.shown_name}: {where}{item}", text, fault=True))

    def note(self, item: str, cause: str) -> None:
        """Note what is left out by design."""
        self.left.append(Omission(f"{self.shown_name}: {item}", cause))

    def sum_up(self, pictures: Iterable[Picture]) -> Annotations:
        """All of it; equal causes once, cuts in one note.

        Where half of the located pictures or more hold a shape that lies outside, the others are refused, too: the
        file's coordinates are of something else, and those that fit do so by chance.
        """
        pictures = tuple(self._unlike(pictures))
        located_pictures = [one for one in pictures if any(node.bbox or node.centroid for node in one.nodes)]
        if self.misplaced_pictures > 0 and self.misplaced_pictures >= len(located_pictures):
            cause = "shapes of other pictures of this file lie outside them, so its places are in doubt"
            self.faults += [
                Omission(f"{self.shown_name}: {one.name}", cause, fault=True) for one in located_pictures
            ]
            pictures = _without(pictures, located_pictures)
        pictures = self._per_cent(pictures)
        notes = list(once(self.left))
        if self.cuts:
            worst, name = max(self.cuts)
            cause = (
                f"{len(self.cuts)} shapes were cut at the edge of their pictures; most was lost in {name}, "
                f"{worst:.0%} of one"
            )
            notes.append(Omission(self.shown_name, cause))
        return Annotations(pictures, tuple(once(self.faults)), tuple(notes))

    def _unlike(self, pictures: Iterable[Picture]) -> Iterator[Picture]:
        """Yield the pictures; one that is there twice, and not alike, is a fault: nobody knows which of them holds."""
        there: dict[tuple[str, float | None], list[Picture]] = {}
        for one in pictures:
            there.setdefault((one.name, one.time_s), []).append(one)
        for (name, time_s), same in there.items():
            drawn_pictures = [one for one in same if one.nodes or not one.phase]  # a phase may be said apart
            if any(one.nodes != drawn_pictures[0].nodes for one in drawn_pictures):
                self.add(
                    name or f"second {time_s:g}",
                    f"it is there {len(drawn_pictures)} times, and not alike; keep one of them",
                )
            else:
                yield from same

    def _per_cent(self, pictures: tuple[Picture, ...]) -> tuple[Picture, ...]:
        """Return the pictures without those whose boxes are in per cent, as all of a file then are."""
        boxed_pictures = [one for one in pictures if any(node.bbox for node in one.nodes)]
        boxes = [node.bbox for one in boxed_pictures for node in one.nodes if node.bbox]
        if not checks.in_per_cent(
            boxes, min((min(one.width, one.height) for one in boxed_pictures), default=0)
        ):
            return pictures
        for one in boxed_pictures:
            self.add(
                one.name,
                "all boxes of this file fill 100x100 pixels of larger pictures, so they look like per cent; give pixels",
            )
        return _without(pictures, boxed_pictures)


def _without(pictures: Iterable[Picture], refused_pictures: Iterable[Picture]) -> tuple[Picture, ...]:
    """Return the pictures that aren't among the refused ones, in linear time."""
    refused_ids = {id(one) for one in refused_pictures}
    return tuple(one for one in pictures if id(one) not in refused_ids)


def role_of(taxonomy: Taxonomy, label: str) -> tuple[Role, str]:
    """Whether a label names anatomy or an instrument, and its canonical name.

    Raises:
        UnknownLabel: it names neither.
    """
    roles: tuple[Role, ...] = ("anatomy", "instrument")
    for role in roles:
        try:
            return role, taxonomy.canonical(role, label)
        except UnknownLabel:
            continue
    hint = nearest(label, (*taxonomy.anatomy, *taxonomy.instruments))
    raise UnknownLabel(
        f"unknown label {label!r}: {hint}; add it, or a synonym of a known one, to {taxonomy.path}"
    )


def read_json(path: Path, shown_name: str) -> Any:
    """Return the JSON value of a file; ``shown_name`` is how messages call it."""
    try:
        return parse_json(read_text(path, shown_name))
    except ValueError as error:
        raise InputError(f"{shown_name}: not JSON: {error}") from error


def read_json_lines(path: Path, shown_name: str) -> list[Any]:
    """Return the JSON values of a file's lines; empty ones are passed over. Lines end at line feeds alone."""
    values = []
    for number, line in enumerate(read_text(path, shown_name).split("\n"), start=1):
        try:
            values += [parse_json(line)] if line.strip() else []
        except ValueError as error:
            raise InputError(f"{shown_name} line {number}: not JSON: {error}") from error
    return values


def frame_size(width: Any, height: Any) -> tuple[int, int]:
    """Return a frame's size as a file states it. COCO's C code ends the process on a side of 0.

    >>> frame_size(1920, 1080.0)
    (1920, 1080)
    """
    for side in (width, height):
        whole = isinstance(side, int | float) and not isinstance(side, bool) and side == side // 1
        if not whole or not 1 <= side <= MAX_SIDE:
            raise InputError(f"its size is {width!r}x{height!r}; whole numbers from 1 to {MAX_SIDE} are due")
    return int(width), int(height)


def pairs(flat: Sequence[Any]) -> list[Point]:
    """Points of a list x1, y1, x2, y2, ….

    >>> pairs([1, 2, 3, 4])
    [(1, 2), (3, 4)]
    """
    if isinstance(flat, str) or not isinstance(flat, Sequence) or len(flat) % 2:
        raise InputError(
            f"a polygon is {masks.short_repr(flat)}, not a list of numbers [x1, y1, …], two a point"
        )
    for value in flat:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"a polygon holds {masks.short_repr(value)}, not a finite number")
    return list(zip(flat[::2], flat[1::2], strict=True))


def once(faults: Iterable[Omission]) -> Iterator[Omission]:
    """Each cause of a file once, with the number of further items it holds for."""
    first: dict[str, Omission] = {}
    more: dict[str, int] = {}
    for fault in faults:
        more[fault.cause] = more.get(fault.cause, -1) + 1
        first.setdefault(fault.cause, fault)
    for cause, fault in first.items():
        yield replace(fault, item=f"{fault.item} and {more[cause]} more") if more[cause] else fault


def confidence(value: Any, what: str = "its score is") -> float | None:
    """Return the confidence of a machine, 0 to 1; None where nothing is said."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InputError(f"{what} {value!r}; give 0 to 1")
    return float(value)


def attributes(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a shape says beside its place."""
    extra = entry.get("attributes") or {}
    if not isinstance(extra, Mapping):
        raise InputError(f"its attributes are {extra!r}, not an object")
    return extra

"""The labels of one frame, and the object that says them in a metadata file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, Strict, ValidationError
from surgvqa.builders.annotations.entities import number_entities
from surgvqa.builders.annotations.shapes import role_of
from surgvqa.builders.cases.scene import grid_cell
from surgvqa.builders.files.user_yaml import StrictModel, Text, faults
from surgvqa.builders.procedures.taxonomy import Taxonomy, plain
from surgvqa.builders.schema import Entity, Role
from surgvqa.cards.command import InputError

Maker = Literal["weak", "detector", "hand"]
MAKERS: tuple[Maker, ...] = ("weak", "detector", "hand")  # each may replace what those before it said
FIELDS = ("phase", "anatomy", "tools", "events")
ROLES: Mapping[str, Role] = {"anatomy": "anatomy", "tools": "instrument"}
TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
T = TypeVar("T")
Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]  # no text, no truth value
Share = Annotated[Number, Field(ge=0, le=1)]
Side = Annotated[int, Strict(), Field(ge=0)]  # pixels


class Box(StrictModel):
    """A thing's box."""

    name: Text
    bbox: tuple[Number, Number, Number, Number]  # [x1, y1, x2, y2] in pixels
    confidence: Share | None = None


class FrameEntry(StrictModel):
    """A frame of a metadata file; a key that is missing or null says that nobody looked."""

    image: Text
    video_id: Text
    timestamp_s: Annotated[Number, Field(ge=0)]  # seconds from the start of the video
    phase: Text | None = None
    anatomy: tuple[Text, ...] | None = None
    tools: tuple[Text, ...] | None = None
    events: tuple[Text, ...] | None = None  # "name=true"
    width: Side | None = None
    height: Side | None = None
    boxes: tuple[Box, ...] | None = None
    confidence: dict[Text, Share] | None = None  # by name
    made_by: dict[Literal["phase", "anatomy", "tools", "events"], Maker] | None = None  # by field


@dataclass(frozen=True, slots=True)
class FrameLabels:
    """The labels of one frame, with canonical names. None: nobody looked."""

    image: str  # as the file calls it, below the file's folder
    video_id: str
    timestamp_s: float
    phase: str | None = None  # "idle" between phases
    anatomy: tuple[Entity, ...] | None = None
    tools: tuple[Entity, ...] | None = None
    events: tuple[tuple[str, bool], ...] | None = None
    width: int = 0  # 0 where no position is known
    height: int = 0
    made_by: Mapping[str, Maker] = field(default_factory=dict)  # of a field; by hand where it isn't named

    @property
    def weak(self) -> bool:
        """Whether any label was not made by hand at this very moment."""
        return any(maker != "hand" for maker in self.made_by.values())


class EntryFaults(InputError):  # noqa: N818 - reads as what it is
    """Everything that is wrong with the labels of one frame."""

    def __init__(self, image: str, causes: Sequence[str]) -> None:
        super().__init__(": ".join(one for one in (image, "; ".join(causes)) if one))
        self.causes = tuple(causes)


def from_json(entry: Any, taxonomy: Taxonomy) -> FrameLabels:
    """Return the labels that one object of a metadata file holds.

    Raises:
        EntryFaults: everything that is wrong with its keys and values, else with what they name.
    """
    try:
        read = FrameEntry.model_validate(entry)
    except ValidationError as error:
        raise EntryFaults("", [cause for _, cause in faults(error, FrameEntry)]) from None
    wrong: list[str] = []

    def attempt(part: Callable[[], T], otherwise: T) -> T:
        try:
            return part()
        except InputError as error:
            wrong.append(str(error))
            return otherwise

    width, height = read.width or 0, read.height or 0
    if (width > 0) != (height > 0):
        wrong.append(f"width {width} and height {height}; give both in pixels")
    if read.boxes and not width:
        wrong.append("boxes without width and height of the frame they were drawn in")
    box_entities = [
        attempt(partial(_box_entity, box, taxonomy, width, height), None) for box in read.boxes or ()
    ]
    boxes = [box for box in box_entities if box is not None]
    sure: dict[str, float] = attempt(partial(_confidences, read, taxonomy), {})
    labels = FrameLabels(
        image=read.image,
        video_id=read.video_id,
        timestamp_s=read.timestamp_s,
        phase=None
        if read.phase is None
        else attempt(partial(taxonomy.canonical, "phase", read.phase), read.phase),
        anatomy=attempt(partial(_things, read.anatomy, "anatomy", taxonomy, boxes, sure), None),
        tools=attempt(partial(_things, read.tools, "instrument", taxonomy, boxes, sure), None),
        events=attempt(partial(_events, read.events, taxonomy), None),
        width=width,
        height=height,
        made_by={name: maker for name, maker in (read.made_by or {}).items() if maker != "hand"},
    )
    if wrong:
        raise EntryFaults(read.image, wrong)
    return labels


def _box_entity(box: Box, taxonomy: Taxonomy, width: int, height: int) -> Entity | None:
    """Return a located thing; its confidence, where given, is a detector's."""
    role, name = _role_of(taxonomy, box.name)
    if not width or not height:
        return None  # a fault of the frame
    x1, y1, x2, y2 = box.bbox
    if not (0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height):
        raise InputError(f"the bbox {[*box.bbox]} of {name} does not lie in the {width}x{height} frame")
    at = ((x1 + x2) / 2, (y1 + y2) / 2)
    return Entity(
        name, name, role, "box", box.bbox, at, (x2 - x1) * (y2 - y1), grid_cell(at, width, height),
        confidence=box.confidence,
    )  # fmt: skip


def _role_of(taxonomy: Taxonomy, label: str) -> tuple[Role, str]:
    """As `outlines.role_of`, without looking for the nearest name of the other role first."""
    spelling = plain(label)
    for role in ROLES.values():
        if name := taxonomy.spellings.get((role, spelling)):
            return role, name
    return role_of(taxonomy, label)


def _confidences(read: FrameEntry, taxonomy: Taxonomy) -> dict[str, float]:
    return {_role_of(taxonomy, name)[1]: share for name, share in (read.confidence or {}).items()}


def _things(
    names: Sequence[str] | None,
    role: Role,
    taxonomy: Taxonomy,
    boxes: Iterable[Entity],
    sure: Mapping[str, float],
) -> tuple[Entity, ...] | None:
    """Return the named things of a role, with their boxes where there are any; None where nobody looked."""
    boxes_of_role = [box for box in boxes if box.type == role]
    if names is None and not boxes_of_role:
        return None
    canonical = list(dict.fromkeys(taxonomy.canonical(role, name) for name in names or ()))
    if names is not None:
        for box in boxes_of_role:
            if box.name not in canonical:
                raise InputError(f"a box of {box.name}, which is not among the frame's {role} labels")
    things = [
        Entity(name, name, role, "presence", confidence=sure.get(name))
        for name in canonical
        if name not in {box.name for box in boxes_of_role}
    ]
    return number_entities([*things, *boxes_of_role])


def _events(texts: Sequence[str] | None, taxonomy: Taxonomy) -> tuple[tuple[str, bool], ...] | None:
    if texts is None:
        return None
    events: dict[str, bool] = {}
    for one in texts:
        name, _, value = one.partition("=")
        if value.strip().lower() not in ("", *TRUTH):
            raise InputError(f"the event {one!r} ends in neither =true nor =false")
        holds = TRUTH.get(value.strip().lower(), True)
        if events.setdefault(taxonomy.canonical("event", name), holds) != holds:
            raise InputError(f"the event {name!r} is true and false")
    return tuple(events.items())


def to_json(frame: FrameLabels) -> dict[str, object]:
    """Return the object that `from_json` reads as this very frame; what isn't known is left out."""
    things = (*(frame.anatomy or ()), *(frame.tools or ()))
    boxes = tuple(
        Box(name=one.name, bbox=one.bbox, confidence=one.confidence) for one in things if one.bbox is not None
    )
    sure = {one.name: one.confidence for one in things if one.bbox is None and one.confidence is not None}
    entry = FrameEntry(
        image=frame.image,
        video_id=frame.video_id,
        timestamp_s=frame.timestamp_s,
        phase=frame.phase,
        anatomy=None if frame.anatomy is None else _names(frame.anatomy),
        tools=None if frame.tools is None else _names(frame.tools),
        events=None
        if frame.events is None
        else tuple(f"{name}={str(holds).lower()}" for name, holds in frame.events),
        width=frame.width or None,
        height=frame.height or None,
        boxes=boxes or None,
        confidence=sure or None,
        made_by=dict(frame.made_by) or None,  # type: ignore[arg-type] # its keys are names of fields
    )
    return entry.model_dump(mode="json", exclude_none=True)


def _names(things: Sequence[Entity]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(thing.name for thing in things))

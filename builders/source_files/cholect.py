"""The labels of CholecT45 and CholecT50: a JSON file a video, or text files a kind, at one frame a second.

An instance is ``[triplet, instrument, score, x, y, width, height, verb, target, score, x, y, width, height, phase]``;
boxes are shares of the picture and -1 in releases without them. A target is what an instrument acts on, not what is in
view, so it's no structure of the scene; the action stands among its events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from surgvqa.builders.annotations.outlines import read_json
from surgvqa.builders.procedures.taxonomy import Taxonomy
from surgvqa.builders.schema import Action, Entity, Scene
from surgvqa.cards.command import InputError

FRAME_SIZE = (854, 480)  # of Cholec80's recordings; boxes are shares, so cells and directions need no other
LENGTH = 15  # numbers of an instance


class Labels:
    """The labels of a video."""

    def __init__(self, scenes: list[Scene], phases: dict[float, str], blank: int) -> None:
        self.scenes, self.phases, self.blank = scenes, phases, blank


def read_labels(path: Path, file_name: str, taxonomy: Taxonomy, size: tuple[int, int]) -> Labels:
    """Return the labels of a JSON file."""
    file = read_json(path, file_name)
    try:
        names: Mapping[str, Mapping[str, str]] = file["categories"]
        rate = float(file["fps"])
        frames = {int(frame): instances for frame, instances in file["annotations"].items()}
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{file_name}: not labels of CholecT50: it lacks {error}") from error
    scenes: list[Scene] = []
    phases: dict[float, str] = {}
    blank = 0
    for frame, instances in sorted(frames.items()):
        where = f"{file_name} frame {frame}"
        if not instances or any(len(one) != LENGTH for one in instances):
            raise InputError(f"{where}: an instance has {LENGTH} numbers, and a frame at least one instance")
        phase_ids = {int(one[-1]) for one in instances}
        if len(phase_ids) != 1:
            raise InputError(f"{where}: its instances lie in phases {sorted(phase_ids)}; a frame has one")
        phase = phase_ids.pop()
        if phase >= 0:
            phases[frame / rate] = taxonomy.canonical("phase", names["phase"][str(phase)])
        else:
            blank += 1
        scenes.append(_scene(frame / rate, instances, names, taxonomy, size))
    return Labels(scenes, phases, blank)


def _scene(
    time_s: float,
    instances: list[list[Any]],
    names: Mapping[str, Mapping[str, str]],
    taxonomy: Taxonomy,
    size: tuple[int, int],
) -> Scene:
    """Return the instruments of a frame, and what they do."""
    nodes: list[Entity] = []
    has_boxes = any(float(one[3]) >= 0 for one in instances)
    for one in instances:
        if int(one[1]) < 0:
            continue
        name = taxonomy.canonical("instrument", names["instrument"][str(int(one[1]))])
        number = sum(node.name == name for node in nodes) + 1
        identity = name if number == 1 else f"{name}#{number}"
        if not has_boxes:
            if number == 1:  # without boxes two instances can be one instrument that does two things
                nodes.append(Entity(identity, name, "instrument", "presence"))
            continue
        if float(one[3]) < 0:
            raise InputError(f"second {time_s:g}: one instrument has a box and another none")
        thing = boxed_tool(identity, name, [float(value) for value in one[3:7]], size)
        if any(node.bbox == thing.bbox and node.name == name for node in nodes):
            continue  # one instrument that does two things
        nodes.append(thing)
    actions = tuple(dict.fromkeys(_actions(instances, names)))
    width, height = size if has_boxes else (0, 0)
    return Scene(
        time_s, width, height, tuple(nodes), events=actions, actions=_triplets(instances, names, taxonomy)
    )


def boxed_tool(
    identity: str, name: str, box: Sequence[float], size: tuple[int, int], track: str | None = None
) -> Entity:
    """Return an instrument with a box: left, top, width, height as shares of the picture."""
    x, y, w, h = box
    left, top, right, bottom = (
        min(max(share, 0), 1) * side for share, side in zip((x, y, x + w, y + h), (*size, *size), strict=True)
    )
    if left >= right or top >= bottom:
        raise InputError(f"{name}: the box {list(box)} lies outside the picture; expected shares from 0 to 1")
    middle, area = ((left + right) / 2, (top + bottom) / 2), (right - left) * (bottom - top)
    return Entity(identity, name, "instrument", "box", (left, top, right, bottom), middle, area, track=track)


NOTHING = ("null_verb", "null_target")  # how the data set writes that an instrument is idle


def _triplets(
    instances: list[list[Any]], names: Mapping[str, Mapping[str, str]], taxonomy: Taxonomy
) -> tuple[Action, ...] | None:
    """Return what the instruments of a frame do; None where the action of one of them was not said."""
    if any(int(one[1]) >= 0 and int(one[0]) < 0 for one in instances):
        return None
    actions: dict[Action, None] = {}
    for one in instances:
        if int(one[0]) < 0:
            continue
        tool, verb, target = names["triplet"][str(int(one[0]))].split(",")
        words = [None if word in NOTHING else word.replace("_", " ") for word in (verb, target)]
        actions[Action(taxonomy.canonical("instrument", tool), *words)] = None
    return tuple(actions)


def _actions(instances: list[list[Any]], names: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Return an action as the data set writes it: instrument, verb, target."""
    for one in instances:
        if int(one[0]) >= 0:
            yield "action: " + names["triplet"][str(int(one[0]))].replace(",", ", ")

"""CholecTrack20: tracked instruments of laparoscopic cholecystectomies, with the hand that holds each, and what hides it.

Expects ``Training|Validation|Testing/VID01/vid01.json`` below the root, and ``Frames/000025.png`` or a ``VID01.mp4`` beside
it where there are pictures. Labels are numbered by frames of 25 a second, and skip seconds: what happens in these is
unknown. Keys are the files' own (``instrument``, ``intraoperative_track``), not those of the data set's README
(``category``, ``intraoperative_track_id``). Names of ids come from a file's ``categories`` where it has them. No real file
of the set was at hand.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from surgvqa.builders.annotations.outlines import read_json
from surgvqa.builders.files.duplicate_files import choose
from surgvqa.builders.files.pictures import size_of
from surgvqa.builders.procedures.taxonomy import Taxonomy, load
from surgvqa.builders.schema import Action, Case, Entity, Facts, Frame, Omission, Phase, Scene
from surgvqa.builders.source_files import cholect, moments
from surgvqa.builders.tabular import clock
from surgvqa.builders.tabular.find import Tree
from surgvqa.cards.command import InputError

FACTS = Facts(
    name="CholecTrack20",
    homepage="https://github.com/CAMMA-public/cholectrack20",
    licence="CC-BY-NC-SA-4.0",
    access="https://github.com/CAMMA-public/cholectrack20 (a data use agreement, then a key of Synapse)",
    citation="""@inproceedings{nwoye2025cholectrack20,
  title = {CholecTrack20: A Multi-Perspective Tracking Dataset for Surgical Tools},
  author = {Nwoye, Chinedu Innocent and Elgohary, Kareem and Srinivas, Anvita and others},
  booktitle = {CVPR}, year = {2025}
}""",
    procedure="cholecystectomy",
)
TRIED_ON = "invented tree"
READS = "phases, instruments, tracks, boxes, actions, videos, frames"
FPS = 25
SPLITS = {"training": "train", "validation": "validation", "testing": "test"}
OPERATORS = {1: "main surgeon's left hand", 2: "assistant's right hand", 3: "main surgeon's right hand"}
HIDDEN_BY = ("bleeding", "blurred", "smoke", "crowded", "occluded", "reflection", "stainedlens", "undercoverage")  # fmt: skip
# https://github.com/litianhao738/streaming-surgical-agent found it; a shift of the frames is its unofficial repair.
WRONG_PICTURES = {30: "the frames filed as VID30 are those that VID31's labels describe; they are not read"}


Media = tuple[Path | None, list[Frame], str | None]  # a video, or its stills; and its split
Size = tuple[int, int]
Ids = Mapping[str, Mapping[str, str]]  # kind -> id -> name


def cases(root: Path, *, protocol: str = "official") -> Iterator[Case | Omission]:
    """Read every video below ``root``.

    Args:
        root: the data set's folder, or any folder above or below it.
        protocol: official, by the folders Training, Validation and Testing, or none to leave the splits to the build.
    """
    if not root.is_dir():
        raise InputError(
            f"no folder {root}; get CholecTrack20 at {FACTS.access} and give its folder as --root"
        )
    if protocol not in ("official", "none"):
        raise InputError(f"--protocol {protocol}: expected official or none")
    tree = Tree(root)
    labels: dict[int, list[Path]] = {}
    splits: dict[Path, str | None] = {}
    for one in tree.find(["{split}/VID*/VID{number}.json", "VID{number}.json"]):
        labels.setdefault(int(one.fields["case"]), []).append(one.path)
        splits[one.path] = SPLITS.get((one.fields.get("split") or "").casefold())
    if not labels:
        raise InputError(
            f"nothing of CholecTrack20 below {root}: no Training/VID01/vid01.json; get it at {FACTS.access}"
        )
    pictures: dict[int, list[Frame]] = {}
    for one in tree.find(["VID{number}/Frames/{frame}.png"]):
        frame = Frame(int(one.fields["frame"]) / FPS, one.path)
        pictures.setdefault(int(one.fields["case"]), []).append(frame)
    videos = {int(one.fields["case"]): one.path for one in tree.find(["VID{number}.mp4"])}
    taxonomy = load(FACTS.procedure)
    for number in sorted(labels, key=lambda one: f"VID{one:02}"):
        path, left = choose(labels[number], root, f"the labels of VID{number:02}")
        yield from left
        assert path is not None
        split = splits[path] if protocol == "official" else None
        video, frames = videos.get(number), pictures.get(number, [])
        if number in WRONG_PICTURES and (video or frames):
            yield Omission(f"VID{number:02}", WRONG_PICTURES[number])
            video, frames = None, []
        yield from _case(f"VID{number:02}", path, tree.relative_path(path), (video, frames, split), taxonomy)


def _case(case_id: str, path: Path, name: str, media: Media, taxonomy: Taxonomy) -> Iterator[Case | Omission]:
    """Yield a video, or what is wrong with its labels."""
    video, frames, split = media
    frames = [] if video else sorted(frames, key=lambda frame: frame.time_s)
    left: Counter[str] = Counter()
    try:
        size = size_of(frames[0].path) if frames else cholect.FRAME_SIZE
        scenes, phases = _labels(path, name, taxonomy, size, left)
        length = clock.recording(video)[1] if video else None
    except InputError as error:
        yield Omission(case_id, str(error), fault=True)
        return
    yield from (Omission(f"{case_id}, {count:,} times", why) for why, count in sorted(left.items()))
    yield Case(
        case_id,
        "cholectrack20",
        taxonomy.name,
        phases=phases,
        scenes=scenes,
        video=video,
        frames=tuple(frames),
        duration_s=length,
        split=split,
        files=(path, *([video] if video else []), *(frame.path for frame in frames)),
    )


def _labels(
    path: Path, name: str, taxonomy: Taxonomy, size: tuple[int, int], left: Counter[str]
) -> tuple[tuple[Scene, ...], tuple[Phase, ...]]:
    """Return the scenes of a file, and its phases, each no longer than its labelled seconds follow each other."""
    file = read_json(path, name)
    try:
        categories = file.get("categories") or {}
        # Files that don't say what ids mean: the taxonomy lists tools and phases in the order of Cholec80 and CholecT50.
        own = {"instrument": _by_id(taxonomy.instruments), "phase": _by_id(taxonomy.phases)}
        ids = {**own, **{kind: _by_id(categories[kind]) for kind in categories}}
        frames = {int(frame): list(things) for frame, things in file["annotations"].items()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{name}: expected 'annotations' with a list of instruments a frame, as CholecTrack20 has; {error!r}"
        ) from error
    scenes: list[Scene] = []
    labels: list[dict[float, str]] = []
    before = None
    for frame, things in sorted(frames.items()):
        where = f"{name} frame {frame}"
        scenes.append(_scene((frame, where), things, ids, taxonomy, size, left))
        phase_ids = {_number(one, "phase", where) for one in things if one.get("phase") is not None}
        if len(phase_ids) > 1:
            raise InputError(f"{where}: its instruments lie in phases {sorted(phase_ids)}; a frame has one")
        if before is None or frame - before > FPS:
            labels.append({})
        if phase_ids:
            labels[-1][frame / FPS] = taxonomy.canonical("phase", _name(ids, "phase", phase_ids.pop(), where))
        before = frame
    return tuple(scenes), tuple(phase for run in labels for phase in moments.phases(run, 1.0))


def _by_id(names: Mapping[str, str] | Sequence[str]) -> dict[str, str]:
    """Return names by id, of a list or of a mapping."""
    pairs = names.items() if isinstance(names, Mapping) else enumerate(names)
    return {str(number): str(name) for number, name in pairs}


def _name(ids: Ids, kind: str, number: int, where: str) -> str:
    """Return the name of an id; an unknown id is refused."""
    names = ids.get(kind, {})
    if str(number) not in names:
        raise InputError(f"{where}: {kind} {number} has no name; expected one of {', '.join(names)}")
    return names[str(number)]


def _scene(
    at: tuple[int, str], things: list[Any], ids: Ids, taxonomy: Taxonomy, size: Size, left: Counter[str]
) -> Scene:
    """Return the instruments of a frame with their tracks, who holds them, and what hides them."""
    frame, where = at
    nodes: list[Entity] = []
    events: dict[str, None] = {}
    actions: dict[Action, None] | None = {}
    for one in things:
        if not isinstance(one, dict):
            raise InputError(f"{where}: expected an object an instrument, found {str(one)[:40]!r}")
        label = _name(ids, "instrument", _number(one, "instrument", where), where)
        name = taxonomy.canonical("instrument", label)
        alike = sum(node.name == name for node in nodes) + 1
        identity = name if alike == 1 else f"{name}#{alike}"
        nodes.append(_entity(one, identity, name, size, where))
        operator = one.get("operator")
        if operator in OPERATORS:
            events[f"held: {identity}, {OPERATORS[operator]}"] = None
        events |= dict.fromkeys(f"condition: {what}" for what in HIDDEN_BY if one.get(what) in (1, True))
        action = _action(one, name, ids, where, left)
        if action is None:
            actions = None
        elif actions is not None:
            actions[action] = None
    scene_actions = None if actions is None else tuple(actions)
    return Scene(frame / FPS, *size, tuple(nodes), events=tuple(events), actions=scene_actions)


def _entity(one: Mapping[str, Any], identity: str, name: str, size: tuple[int, int], where: str) -> Entity:
    """Return an instrument with its box, shares of the picture: left, top, width, height."""
    box = one.get("tool_bbox")
    numbers = box if isinstance(box, list) and all(isinstance(value, int | float) for value in box) else []
    if len(numbers) != 4 or min(numbers) < -0.01 or max(numbers) > 1.01 or min(numbers[2:]) <= 0:
        raise InputError(f"{where}: tool_bbox is {box!r}; expected left, top, width, height from 0 to 1")
    track = one.get("intraoperative_track")
    track_id = f"{name} {track}" if isinstance(track, int) and track >= 0 else None
    return cholect.boxed_tool(identity, name, numbers, size, track_id)


def _action(one: Mapping[str, Any], name: str, ids: Ids, where: str, left: Counter[str]) -> Action | None:
    """Return what an instrument does; None where nobody said it, or no list says what the ids mean."""
    verb, target = one.get("verb"), one.get("target")
    if verb is None or target is None or _number(one, "verb", where) < 0 or _number(one, "target", where) < 0:
        return None
    if "verb" not in ids or "target" not in ids:
        left["an action whose ids no list of the file explains"] += 1
        return None
    names = [_name(ids, kind, _number(one, kind, where), where) for kind in ("verb", "target")]
    words = [None if word in cholect.NOTHING else word.replace("_", " ") for word in names]
    return Action(name, *words)


def _number(one: Mapping[str, Any], key: str, where: str) -> int:
    """Return an id that must be a whole number."""
    value = one.get(key)
    if isinstance(value, bool) or not isinstance(value, int):
        raise InputError(f"{where}: {key} is {value!r}, expected a whole number; keys: {', '.join(one)}")
    return value


def notes(read: Sequence[Case]) -> tuple[str, ...]:
    """State what the reader of a score must know."""
    scenes = [scene for case in read for scene in case.scenes]
    gaps = sum(after.time_s - at.time_s > 1 for case in read for at, after in itertools.pairwise(case.scenes))
    acting = sum(bool(scene.actions) for scene in scenes)
    return (
        f"{len(read)} of the data set's 20 videos, {len(scenes):,} annotated frames, {acting:,} of them with an action of "
        "every instrument",
        f"{gaps:,} times labels skip a second or more: what happens there is unknown",
        "tracks are those through the whole operation (intraoperative); 15 of the 20 videos are Cholec80's",
    )

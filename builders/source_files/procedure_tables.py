"""The tables of one's own operations, case by case; `sources/procedure.py` has the layout."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from surgvqa.builders.annotations import beside, outlines
from surgvqa.builders.annotations.picture_names import of_another, recordings
from surgvqa.builders.cases.timeline import IDLE, to_ms
from surgvqa.builders.files.names import safe_id
from surgvqa.builders.files.tables import (
    letters,
    number,
    refuse_thousands,
    rows,
    seconds,
    span,
    states_seconds,
)
from surgvqa.builders.procedures.taxonomy import Taxonomy
from surgvqa.builders.schema import Action, Entity, Idle, Omission, Phase, Scene
from surgvqa.cards.command import InputError


@dataclass(slots=True)
class Part:
    """The parts of one case while it is read."""

    name: str  # as it was met first
    phases: list[Phase] = field(default_factory=list)
    steps: list[Phase] = field(default_factory=list)
    idle: list[tuple[float, float]] = field(default_factory=list)
    unknown: list[tuple[float, float]] = field(default_factory=list)
    scenes: dict[int, Scene] = field(default_factory=dict)  # by millisecond
    video: Path | None = None
    offset_s: float = 0.0
    seconds_stated: bool = True  # every row of phases says that its times are seconds
    files: list[Path] = field(default_factory=list)


ROUNDED_S = 1.0  # starts and ends of annotations are rounded to seconds
LENGTHS = ("duration", "length", "lasts", "durations", "lengths")


def refuse_otherwise(row: Mapping[str, str], case: str, length_s: float, where: str) -> None:
    """Refuse a row of phases of which another column says that it doesn't hold: gone, of another recording, as long as not."""
    beside.refuse_gone(row)
    if (cause := beside.not_looked_at(row)) is not None:
        raise InputError(f"{cause.removeprefix('left out: ')}; delete the row, or the column")
    others = {column: value for column, value in row.items() if column != "case"}
    if of_another(recordings(others), (case,)):
        raise InputError(f"the row is of {case}, and another column names {', '.join(recordings(others))}")
    for column in row:
        if letters(column) in LENGTHS and row[column]:
            stated_s = seconds(row, column, where)
            if abs(stated_s - length_s) > ROUNDED_S:
                raise InputError(
                    f"{column} is {stated_s:g}, and from start to end it is {length_s:g} s; give seconds"
                )


def stretch(row: Mapping[str, str], label: str, part: Part, where: str) -> Phase:
    """Return a row of phases or steps as a stretch of its case."""
    phase = Phase(label, seconds(row, "start", where), seconds(row, "end", where))
    part.seconds_stated &= states_seconds(row, ("start", "end"))
    refuse_otherwise(row, part.name, phase.end_s - phase.start_s, where)
    if phase.start_s > phase.end_s:
        raise InputError(f"{label} ends at {phase.end_s:g} s, before it starts at {phase.start_s:g} s")
    return phase


class Tables:
    """Collects the parts of all cases that phases.csv, tools.csv and videos.csv hold, and everything that is wrong."""

    def __init__(self, root: Path, taxonomy: Taxonomy, image_rate: float | None, videos: Path) -> None:
        self.root, self.taxonomy, self.rate, self.videos = root, taxonomy, image_rate, videos
        own = Path(taxonomy.path)  # of a shipped procedure it is no file's path
        self.own = (own,) if own.is_file() else ()
        self.parts: dict[str, Part] = {}
        self.folded_ids: dict[str, str] = {}  # ids without capital letters, to ids
        self.faults: list[Omission] = []
        self.gaps: Idle = "stated"
        self.listings: dict[Path, dict[str, Path]] = {}

    def fault(self, item: str, cause: object) -> None:
        """Note bad input."""
        self.faults.append(Omission(item, str(cause).removeprefix(f"{item}: "), fault=True))

    def part(self, name: str, file: Path | None = None) -> Part:
        """Return the part of a case of a name, made when it is first met."""
        name = unicodedata.normalize("NFC", name)
        case_id = safe_id(name)
        alike = self.folded_ids.setdefault(case_id.casefold(), case_id)
        if alike != case_id:
            raise InputError(f"{alike!r} and {case_id!r} differ in capital letters alone; write one of them")
        part = self.parts.setdefault(case_id, Part(name))
        if part.name != name:
            raise InputError(
                f"{part.name!r} and {name!r} get the same id, {safe_id(name)}; rename one of them"
            )
        if file is not None and file not in part.files:
            part.files.append(file)
        return part

    def rows(self, name: str, columns: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
        """(where, row) of a table, if it is there."""
        path = self.root / name
        try:
            table = rows(path, columns) if path.exists() else []
            for column in ("start", "end", "time"):
                refuse_thousands([row[column] for row in table if column in row], column)
        except InputError as error:
            self.fault(name, error)
            return
        yield from ((f"{name} row {index}", row) for index, row in enumerate(table, start=2))

    def tables(self) -> None:
        """Read phases.csv, tools.csv, videos.csv."""
        for where, row in self.rows("phases.csv", ("case", "phase", "start", "end")):
            try:
                part = self.part(row["case"], self.root / "phases.csv")
            except InputError as error:
                self.fault(where, error)
                continue
            try:
                phase = stretch(row, self.taxonomy.canonical("phase", row["phase"]), part, where)
            except InputError as error:
                self.fault(where, error)
                part.unknown.append(span(row, "start", "end"))
                continue
            if phase.label == IDLE:
                part.idle.append((phase.start_s, phase.end_s))
            else:
                part.phases.append(phase)
        for where, row in self.rows("steps.csv", ("case", "step", "start", "end")):
            try:
                part = self.part(row["case"], self.root / "steps.csv")
                if not (label := " ".join(row["step"].split())):
                    raise InputError("no name of a step; a row is case,step,start,end")
                part.steps.append(stretch(row, label, part, where))
            except InputError as error:
                self.fault(where, error)
        self.presence()
        owners: dict[tuple[Path, float], str] = {}
        for where, row in self.rows("videos.csv", ("case", "video", "offset")):
            try:
                part = self.part(row["case"], self.root / "videos.csv")
                offset, video = number(row, "offset", where), self.below(row["video"])
                if part.video is not None:
                    raise InputError(
                        f"{part.name} has a second video, {video.name} beside {part.video.name}; join them, or make two cases"
                    )
                owner = owners.setdefault((video, offset), part.name)
                if owner != part.name:
                    raise InputError(f"{video.name} is the video of {owner}, too; a case has its own")
                part.offset_s, part.video = offset, video
            except InputError as error:
                self.fault(where, error)

    def below(self, name: str) -> Path:
        """Return a video's path, which stays in its folder."""
        path = self.videos / name
        if (
            not path.exists()
        ):  # a letter with its accent may be one character in the table and two on the disk
            path = self.paths_by_name(path.parent).get(unicodedata.normalize("NFC", path.name), path)
        if Path(name).is_absolute() or ".." in Path(name.replace("\\", "/")).parts:
            raise InputError(f"the video {name!r} lies outside {self.videos}")
        if not path.is_file():
            raise InputError(f"no video {path}")
        return path

    def paths_by_name(self, folder: Path) -> dict[str, Path]:
        """Return what lies in a folder by its name in composed characters; the folder is listed once."""
        if folder not in self.listings:
            there = sorted(folder.glob("*"), reverse=True) if folder.is_dir() else ()
            self.listings[folder] = {unicodedata.normalize("NFC", one.name): one for one in there}
        return self.listings[folder]

    def presence(self) -> None:
        """Read tools.csv: a scene per row with the things in view, without a place."""
        columns: dict[str, Entity] = {}
        for where, row in self.rows("tools.csv", ("case", "time")):
            if not columns:
                try:
                    columns = {name: self.thing(name) for name in row if name not in ("case", "time")}
                    same = [
                        name
                        for name in columns
                        if [one.name for one in columns.values()].count(columns[name].name) > 1
                    ]
                    if same:
                        raise InputError(
                            f"the columns {' and '.join(same)} stand for things of one name; keep one of each"
                        )
                except InputError as error:
                    self.fault("tools.csv", error)
                    return
            try:
                part = self.part(row["case"], self.root / "tools.csv")
                time_s = seconds(row, "time", where)
                other = [f"{name}={row[name]}" for name in columns if row[name] not in ("0", "1")]
                if other:
                    raise InputError(f"{', '.join(other)}; 0 or 1 say whether it is in view")
                nodes = tuple(node for name, node in columns.items() if row[name] == "1")
                self.add(part, Scene(time_s, 0, 0, nodes))
            except InputError as error:
                self.fault(where, error)

    def thing(self, label: str) -> Entity:
        """Return what a column of tools.csv stands for."""
        role, name = outlines.role_of(self.taxonomy, label)
        return Entity(name, name, role, "presence")

    def actions(self) -> None:
        """Read actions.csv: what each instrument does at a moment; its rows of a moment name all instruments in view."""
        table = self.root / "actions.csv"
        acts: dict[tuple[str, int], dict[Action, None]] = {}
        for where, row in self.rows(table.name, ("case", "time", "instrument", "verb", "target")):
            try:
                part = self.part(row["case"], table)
                at = to_ms(seconds(row, "time", where))
                verb, target = (" ".join(row[name].split()) or None for name in ("verb", "target"))
                if target and not verb:
                    raise InputError(
                        f"a target, {target}, and no verb; leave both empty where nothing is done"
                    )
                act = Action(self.taxonomy.canonical("instrument", row["instrument"]), verb, target)
                if act in acts.setdefault((safe_id(part.name), at), {}):
                    raise InputError(
                        f"{act.instrument} does the same twice at {at / 1000:g} s; leave one row"
                    )
                acts[safe_id(part.name), at][act] = None
            except InputError as error:
                self.fault(where, error)
        for (case_id, at), there in acts.items():
            scenes, names = self.parts[case_id].scenes, list(dict.fromkeys(act.instrument for act in there))
            nodes = tuple(Entity(name, name, "instrument", "presence") for name in names)
            scene = scenes.get(at) or Scene(at / 1000, 0, 0, nodes)
            if absent := sorted({*names} - {node.name for node in scene.nodes}):
                cause = (
                    f"{', '.join(absent)} acts at {at / 1000:g} s and isn't in view there by the other tables"
                )
                self.fault(f"{table.name}: {case_id}", cause)
            else:
                scenes[at] = replace(scene, actions=tuple(there))

    def add(self, part: Part, scene: Scene) -> None:
        """Add a scene; outlines win over presence, a second one of the same kind is a fault."""
        there = part.scenes.get(to_ms(scene.time_s))
        if there is not None and bool(there.width) == bool(scene.width):
            raise InputError(f"second {scene.time_s:g} of the case is annotated twice")
        if there is None or not there.width:
            part.scenes[to_ms(scene.time_s)] = scene

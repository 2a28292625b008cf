"""Your own operations: tables of phases and instruments, outlines in COCO or LabelMe files, videos or stills.

Below the root, each part optional, CASE the name of an operation::

    phases.csv               case,phase,start,end             seconds, or h:mm:ss; a column unit may say so (s);
                                                              without a row nothing is known (--gaps)
    steps.csv                case,step,start,end              finer than phases, inside them or across; any names
    tools.csv                case,time,hook,grasper,…         one column per thing, 1 where it is in view
    actions.csv              case,time,instrument,verb,target a row for every instrument in view; no verb: it does nothing
    annotations/CASE.json    COCO instances or a LabelMe file; annotations/CASE/*.json for several; a file of
                             another name holds several cases, if its pictures are named CASE/…
    videos/CASE.mp4          or as videos.csv says
    videos.csv               case,video,offset                offset: the video's second at which second 0 of
                                                              the tables lies (-60: it starts a minute later)
    frames/CASE/*.png        stills, where a case has no video
    procedure.yaml           the names of phases, anatomy, instruments; or --taxonomy cataract
    predicted/CASE.json      what a segmenter outlined, written with --segmenter (`builders/annotations/machine_scenes.py`)

A picture's time is the last number of its name, by one pattern that fits all, divided by ``--image-rate``::

    surgvqa-build procedure --root my_data --taxonomy cholecystectomy --image-rate 25 --out dataset
"""

from __future__ import annotations

import unicodedata
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path

from surgvqa.builders.annotations import machine_scenes, outlines, picture_names
from surgvqa.builders.cases.agreement import measure, sentence
from surgvqa.builders.files.names import require_regular, safe_id
from surgvqa.builders.files.pictures import one_size
from surgvqa.builders.files.tree import files_below
from surgvqa.builders.geometry.checks import refuse_other_shape
from surgvqa.builders.procedures.taxonomy import Taxonomy, load, shipped_procedures
from surgvqa.builders.schema import Case, Facts, Frame, Idle, Omission, Scene
from surgvqa.builders.source_files.procedure_tables import Part, Tables
from surgvqa.cards.command import InputError, nearest

FACTS = Facts(
    name="A procedure of one's own",
    homepage="https://github.com/surgvqa/surgvqa",
    licence="other: whatever the owner of the recordings decides",
    access="from the owner of the recordings",
    citation="@misc{own_procedure, title = {Recordings of the data set's author}}",
    procedure="procedure.yaml",
)
TRIED_ON = "invented tree"
READS = "phases, steps, presence, actions, boxes, masks, videos, frames"

VIDEOS = (".mp4", ".avi", ".mkv", ".mov", ".m4v", ".webm", ".mpg")
STILLS = (".png", ".jpg", ".jpeg")
GAPS: dict[str, Idle] = {"unknown": "stated", "idle": "until_last"}
RENAMED_NOTE = "its name was made an id: spaces and letters beyond ASCII were replaced"

FILES = ("phases.csv", "steps.csv", "tools.csv", "actions.csv", "videos.csv")
DOCUMENTS = (".csv", ".tsv", ".xlsx", ".json", ".xml")


def cases(
    root: Path,
    *,
    taxonomy: str | None = None,
    image_rate: float | None = None,
    videos: Path | None = None,
    segmenter: Path | None = None,
    every: float = 5.0,
    gaps: str = "unknown",
) -> Iterator[Case | Omission]:
    """Read every case below ``root``; see the module's text for the files.

    Args:
        root: the folder with the tables.
        taxonomy: the name of a shipped procedure or a YAML file; procedure.yaml below the root if not given.
        image_rate: how much the numbers in picture names grow per second: 25 for frame numbers of a video with
            25 frames per second, 1 for pictures taken every second, 0.2 for every five seconds.
        videos: the folder of the videos, where it is not videos/ below the root.
        segmenter: a folder of `surgvqa-train segment`; cases that nobody has outlined get its outlines, and
            questions on them say how sure it was. Where somebody has, the two are compared.
        every: seconds from one outlined moment to the next, with a segmenter.
        gaps: what holds where phases.csv has no row: "unknown", nothing is asked there, or "idle", between two phases
            and before the first no phase is under way. Rows with a label of `idle` in procedure.yaml say so
            themselves.
    """
    if gaps not in GAPS:
        raise InputError(f"--gaps {gaps}: {nearest(gaps, GAPS)}")
    names = taxonomy_of(root, taxonomy)
    read = _Reader(root, names, image_rate, videos or root / "videos")
    read.gaps = GAPS[gaps]
    read.tables()
    read.read_outlines()
    read.actions()
    read.recordings(named=videos is not None, unlabelled=segmenter is not None)
    if segmenter is not None:
        read.machine(segmenter, every)
    if not any(part.phases or part.steps or part.scenes for part in read.parts.values()) and not read.faults:
        raise InputError(
            f"nothing to read below {root}: no phases.csv, no tools.csv, nothing in annotations/; "
            "`surgvqa-build new` writes the files to fill in"
        )
    yield from read.faults
    yield from unread(root)
    for case_id in sorted(read.parts):
        yield from read.case(case_id)


def facts_of(read: Sequence[Case]) -> Facts:
    """Return what a card says of these cases: the name of their procedure stands in its own file."""
    titles = sorted({load(case.taxonomy or case.procedure).title for case in read})
    if not titles:
        return FACTS
    title = " and ".join(titles)
    return replace(FACTS, name=f"{title[:1].upper()}{title[1:]}, own recordings", procedure=title)


def unread(root: Path) -> Iterator[Omission]:
    """Name the tables and documents in the root itself that this source doesn't know."""
    for path in sorted(root.iterdir()):
        if path.suffix.lower() in DOCUMENTS and path.name not in FILES and not path.name.startswith("."):
            hint = (
                "; events stand in the frame labels of `surgvqa-build frames`" if "event" in path.stem else ""
            )
            yield Omission(path.name, f"not read, {', '.join(FILES)} and annotations/ are{hint}")


def taxonomy_of(root: Path, taxonomy: str | None) -> Taxonomy:
    """Return the names that a tree uses: the given procedure's, else those of its ``procedure.yaml``."""
    if not root.is_dir():
        raise InputError(f"no folder {root}; give the folder of phases.csv as --root")
    own = root / "procedure.yaml"
    if not taxonomy and not own.is_file():
        raise InputError(
            f"no {own} and no --taxonomy; write one (`surgvqa-build new`) or name a shipped one: "
            f"{', '.join(shipped_procedures())}"
        )
    return load(taxonomy or own)


def notes(read: Sequence[Case]) -> tuple[str, ...]:
    """Return notes on the agreement of moments with phases, and of a segmenter with people, measured on these cases."""
    return (sentence(measure(read, {})), *machine_scenes.notes(read))


def owners(
    name: str, pictures: Sequence[outlines.Picture], names: Container[str]
) -> dict[str, list[outlines.Picture]]:
    """Return pictures by case: of the one that a file is named after, or of several, by the folders of their names.

    Its name counts where it is one of ``names``, where no picture lies in the folder of one of them, and where it reads
    as a case and all pictures are of one other.
    """
    pictures_by_case: dict[str, list[outlines.Picture]] = {}
    for picture in pictures:
        folders = [unicodedata.normalize("NFC", one) for one in picture_names.parts(picture.name)[:-1]]
        own = [folder for folder in folders if folder in names]
        pictures_by_case.setdefault(own[0] if len(own) == 1 else name, []).append(picture)
    if not pictures or name in names or {*pictures_by_case} == {name}:
        return {name: list(pictures)}
    if name in pictures_by_case:
        raise InputError(
            f"{pictures_by_case.pop(name)[0].name} lies in the folder of no case, and other pictures of the file are of "
            f"{', '.join(sorted(pictures_by_case))}; give every case a file of its name"
        )
    is_one_other = len(pictures_by_case) == 1 and picture_names.of_another((*pictures_by_case,), (name,))
    return {name: list(pictures)} if is_one_other else pictures_by_case


class _Reader(Tables):
    """Collects the parts of all cases, and everything that is wrong."""

    def read_outlines(self) -> None:
        """Read the COCO and LabelMe files below annotations/, then give the pictures of every case their times."""
        folder = self.root / "annotations"
        pictures_by_case: dict[str, list[tuple[str, outlines.Picture]]] = {}
        names = self.case_names()
        for path in files_below(folder, "*.json"):
            inside = path.relative_to(folder).parts
            name = inside[0] if len(inside) > 1 else path.stem
            file_name = path.relative_to(self.root).as_posix()
            try:
                require_regular(path, file_name)
                read = outlines.read(path, self.taxonomy, file_name)
                for case, case_pictures in owners(name, read.pictures, names).items():
                    part = self.part(case, path)
                    entries = ((file_name, picture) for picture in case_pictures)
                    pictures_by_case.setdefault(safe_id(part.name), []).extend(entries)
            except InputError as error:
                self.fault(file_name, error)
                continue
            self.faults += [*read.faults, *read.notes]
        for case_id, pictures in pictures_by_case.items():
            self.add_pictures(self.parts[case_id], pictures)

    def case_names(self) -> set[str]:
        """Return the names of cases that a table, a video or a folder of stills has."""
        parts = [
            part for part in self.parts.values() if part.phases or part.steps or part.scenes or part.video
        ]
        videos = (Path(name) for name in self.paths_by_name(self.videos))
        stems = (path.stem for path in videos if path.suffix.lower() in VIDEOS)
        return {*(part.name for part in parts), *stems, *self.paths_by_name(self.root / "frames")}

    def add_pictures(self, part: Part, pictures: Sequence[tuple[str, outlines.Picture]]) -> None:
        """Add the scenes of a case's pictures, at their own times or by the numbers of their names."""
        try:
            times = self.times(one.name for _, one in pictures if one.time_s is None)
        except InputError as error:
            self.fault(f"{pictures[0][0]}: {pictures[0][1].name}", error)
            return
        for file_name, picture in pictures:
            try:
                folders = picture_names.parts(picture.name)[:-1]
                if picture_names.of_another((*folders, *picture.recordings), (part.name, safe_id(part.name))):
                    recording_names = ", ".join((*folders, *picture.recordings))
                    raise InputError(
                        f"the file is of {part.name}, and the picture of {recording_names}, as it says"
                    )
                time_s = times[picture.name] if picture.time_s is None else picture.time_s
                self.add(part, Scene(time_s, picture.width, picture.height, picture.nodes))
            except InputError as error:
                self.fault(f"{file_name}: {picture.name}", error)

    def times(self, names: Iterable[str]) -> dict[str, float]:
        """Return the seconds of pictures, from the numbers of their names, by one pattern that fits all of them."""
        numbers = picture_names.numbers(names)
        if numbers and (self.rate is None or self.rate <= 0):
            raise InputError("give --image-rate, how much the numbers in picture names grow per second")
        return {name: value / (self.rate or 1.0) for name, value in numbers.items()}

    def machine(self, segmenter: Path, every: float) -> None:
        """Outline by machine: scenes for the cases without outlines, files to compare with for the others."""
        if not every > 0:
            raise InputError(f"--every {every:g}: give seconds, more than 0")
        moments: dict[str, machine_scenes.CaseMoments] = {}
        for case_id, part in sorted(self.parts.items()):
            there = [scene.time_s for scene in part.scenes.values() if scene.width]
            try:
                frames = () if part.video else self.stills(case_id)
                moments[case_id] = machine_scenes.choose_moments(
                    part.video, part.offset_s, frames, sorted(there), every
                )
            except InputError as error:
                self.fault(case_id, error)
        for case_id, path in machine_scenes.predict(segmenter, moments, self.root / "predicted").items():
            part = self.parts[case_id]
            part.files.append(path)
            if not any(scene.width for scene in part.scenes.values()):
                for scene in machine_scenes.scenes(path, self.taxonomy):
                    self.add(part, scene)

    def recordings(self, *, named: bool, unlabelled: bool = False) -> None:
        """Find the videos by the cases' names, and name those of no case, or make them cases if ``unlabelled``."""
        if not self.videos.is_dir():
            if named:
                raise InputError(f"no folder {self.videos}; give the folder of the videos as --videos")
            return
        videos_in_use = {part.video for part in self.parts.values()}
        for path in sorted(self.videos.iterdir()):
            if path.suffix.lower() not in VIDEOS or path in videos_in_use or path.name.startswith("._"):
                continue
            try:
                case_id = safe_id(unicodedata.normalize("NFC", path.stem))
                if unlabelled or case_id in self.parts:
                    self.part(path.stem, None)
                part = self.parts.get(case_id)
                if part is not None:
                    require_regular(path)
            except InputError as error:
                self.fault(path.name, error)
                continue
            if part is None:
                self.faults.append(Omission(path.name, "a video of no case in the tables and annotations"))
            elif part.video is not None:
                self.fault(path.name, f"{part.name} has a second video, {part.video.name}; keep one")
            else:
                part.video = path
        for case_id, part in sorted(self.parts.items()):
            if part.video is None and self.folder(case_id) is None:
                self.fault(
                    case_id, f"no video {part.name}.mp4 in {self.videos} and no line of it in videos.csv"
                )

    def folder(self, case_id: str) -> Path | None:
        """Return the folder of a case's stills, if there is one."""
        folder = self.paths_by_name(self.root / "frames").get(self.parts[case_id].name)
        return folder if folder is not None and folder.is_dir() else None

    def stills(self, case_id: str) -> tuple[Frame, ...]:
        """Return the stills of a case in order of time, all of one size."""
        folder = self.folder(case_id)
        paths = [
            require_regular(path)
            for path in sorted(folder.glob("*") if folder else ())
            if path.suffix.lower() in STILLS and not path.name.startswith("._")
        ]
        times = self.times(path.name for path in paths)
        size = one_size(paths)
        for scene in self.parts[case_id].scenes.values():
            if scene.width and size is not None:
                refuse_other_shape((scene.width, scene.height), size.viewed_size, size.stored_size)
        return tuple(sorted((Frame(times[p.name], p) for p in paths), key=lambda frame: frame.time_s))

    def case(self, case_id: str) -> Iterator[Case | Omission]:
        """Yield a case with its recording."""
        part = self.parts[case_id]
        if not part.phases and not part.steps and not part.scenes and not part.idle:
            yield Omission(case_id, "neither phases nor instruments nor outlines of it could be read")
            return
        frames: tuple[Frame, ...] = ()
        try:
            if part.video is None:
                frames = self.stills(case_id)
        except InputError as error:
            yield Omission(case_id, str(error), fault=True)
            return
        scenes = [part.scenes[at] for at in sorted(part.scenes)]
        width, height = next(((scene.width, scene.height) for scene in scenes if scene.width), (0, 0))
        yield Case(
            case_id,
            "procedure",
            self.taxonomy.name,
            taxonomy=next(iter(self.own), None),
            phases=tuple(sorted(part.phases, key=lambda phase: (phase.start_s, phase.end_s, phase.label))),
            steps=tuple(sorted(part.steps, key=lambda step: (step.start_s, step.end_s, step.label))),
            scenes=tuple(s if s.width else replace(s, width=width, height=height) for s in scenes),
            video=part.video,
            frames=frames,
            seconds_stated=part.seconds_stated,
            video_offset_s=part.offset_s,
            idle=self.gaps if all(isfinite(end) for _, end in part.unknown) else "stated",
            idle_s=tuple(sorted(part.idle)),
            unknown=tuple(sorted(span for span in part.unknown if isfinite(span[1]))),
            notes=() if part.name == case_id else (RENAMED_NOTE,),
            files=(
                *self.own,
                *part.files,
                *([part.video] if part.video else []),
                *(frame.path for frame in frames),
            ),
        )

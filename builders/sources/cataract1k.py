"""Cataract-1K: cataract operations with phases, and instruments and anatomy as COCO masks.

Files are found by their names anywhere below the root, in the official layout, surgery-sft's or another:
``case_5013_annotations_phases.csv``, ``…/case_5013/…/instances.json``, ``case_5013.mp4``,
``case5013_01.png``. Videos may be there, or the frames of the segmentation set, or neither::

    surgvqa-build cataract1k --root Cataract-1K --out dataset
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path

from surgvqa.builders.annotations import outlines
from surgvqa.builders.annotations.one_thing import joined
from surgvqa.builders.cases.agreement import measure, sentence
from surgvqa.builders.cases.timeline import IDLE
from surgvqa.builders.files.duplicate_files import choose
from surgvqa.builders.files.pictures import size_of
from surgvqa.builders.files.tables import number, rows, span
from surgvqa.builders.geometry import masks
from surgvqa.builders.procedures.taxonomy import Taxonomy, load
from surgvqa.builders.schema import Case, Dropped, Facts, Frame, Idle, Phase, Scene
from surgvqa.builders.source_files import cataract1k_second
from surgvqa.builders.source_files.cataract1k_times import IMAGE_LEAD_S, IMAGE_STEP_S, image_time
from surgvqa.cards.command import InputError

FACTS = Facts(
    name="Cataract-1K",
    homepage="https://github.com/Negin-Ghamsarian/Cataract-1K",
    licence="CC-BY-4.0",
    access="https://doi.org/10.7303/syn53404507 (Synapse, after registration)",
    citation="""@article{ghamsarian2024cataract1k,
  title = {Cataract-1K Dataset for Deep-Learning-Assisted Analysis of Cataract Surgery Videos},
  author = {Ghamsarian, Negin and El-Shabrawi, Yosuf and Nasirihaghighi, Sahar and
            Putzgruber-Adamitsch, Doris and Zinkernagel, Martin and Wolf, Sebastian and
            Schoeffmann, Klaus and Sznitman, Raphael},
  journal = {Scientific Data},
  volume = {11},
  pages = {373},
  year = {2024},
}""",
    procedure="cataract",
    # Looked at: all 51 pictures of 30 operations in which a class is outlined more than once.
    several_outlines="of a class in a picture are one thing: so in all of 51 pictures, the jaws of a forceps or a "
    "tool that another one crosses",
)
TRIED = "real files"
READS = "phases, masks, videos, frames"

BELONGS = {
    "slit knife": ("incision",),
    "incision knife": ("incision",),
    "capsulorhexis forceps": ("capsulorhexis",),
    "capsulorhexis cystotome": ("capsulorhexis",),
    "phacoemulsification tip": ("phacoemulsification",),
    "irrigation-aspiration": ("irrigation/aspiration", "capsule polishing", "viscoelastic suction"),
    "lens injector": ("lens implantation",),
}
SAME_IOU = 0.9  # masks of cornea and pupil of two images of one moment

_FOLDER = re.compile(r"case_?(\d+)", re.IGNORECASE)
_PHASES = re.compile(r"case_?(\d+)_annotations_phases(-checkpoint)?\.csv", re.IGNORECASE)
_MASKS = re.compile(r"instances(-checkpoint)?\.json", re.IGNORECASE)
_VIDEO = re.compile(r"case_?(\d+)\.(mp4|avi|mkv|mov|m4v|webm)", re.IGNORECASE)
_IMAGE = re.compile(r"case_?(\d+)_(\d+)\.(png|jpe?g)", re.IGNORECASE)
_NOT_PICTURES = re.compile(r"mask|label|^ann", re.IGNORECASE)  # folders of label images
_FOLD = re.compile(r"Cat1k_anatomy_instrument_(\d+)_(train|test)\.csv")


def cases(root: Path, *, folds: Path | None = None, fold: int = 0) -> Iterator[Case | Dropped]:
    """Read every case below ``root``.

    Args:
        root: the data set's folder, or any folder above or below it.
        folds: the folder of the authors' fold lists, Cat1k_anatomy_instrument_0_train.csv and so on; looked for
            below the root where not given. Without them no case has an official split.
        fold: which of the authors' five folds says what is train and what is test.
    """
    for case in read(root, source="cataract1k", folds=folds, fold=fold):
        yield replace(case, scenes=tuple(map(_things, case.scenes))) if isinstance(case, Case) else case


def _things(scene: Scene) -> Scene:
    """A scene in which the outlines of one thing are one entity."""
    return replace(scene, nodes=joined(scene.nodes, scene.width, scene.height))


def read(
    root: Path, *, source: str, folds: Path | None = None, fold: int = 0, idle: Idle = "until_last"
) -> Iterator[Case | Dropped]:
    """Read a tree in Cataract-1K's format for a source of any name; every outline is an entity of its own.

    Its authors leave gaps where a case is idle.
    """
    if not root.is_dir():
        raise InputError(f"no folder {root}; get Cataract-1K at {FACTS.access} and give its folder as --root")
    found, left_out = _find(root)
    labelled = any(files.phases or files.masks for files in found.values())
    if not labelled and any(root.rglob("annotations.csv")):
        yield from cataract1k_second.read(root, source)
        return
    if not labelled:
        raise InputError(
            f"nothing of Cataract-1K below {root}: no case_NNNN_annotations_phases.csv, no instances.json "
            f"below a folder case_NNNN; get it at {FACTS.access}"
        )
    splits = official_splits(folds or root, fold, required=folds is not None)
    yield from left_out
    taxonomy = load(FACTS.procedure)
    for case_id in sorted(found):
        yield from _case(root, source, case_id, found, taxonomy, splits.get(case_id), idle)


@dataclass(slots=True)
class _Files:
    """The files of one case."""

    phases: list[Path] = field(default_factory=list)
    masks: list[Path] = field(default_factory=list)
    videos: list[Path] = field(default_factory=list)
    images: dict[int, list[Path]] = field(default_factory=dict)


def _find(root: Path) -> tuple[dict[str, _Files], list[Dropped]]:
    """Every case's files, by the folder ``case_NNNN`` they lie in, else by their own name."""
    found: dict[str, _Files] = defaultdict(_Files)
    nowhere: list[Dropped] = []
    for path in sorted(root.rglob("*")):
        name = path.name
        if name.startswith("._") or not path.is_file():
            continue
        kinds = ((kind, kind.fullmatch(name)) for kind in (_PHASES, _MASKS, _VIDEO, _IMAGE))
        kind, match = next(((kind, match) for kind, match in kinds if match), (None, None))
        if kind is None or match is None or (kind is _IMAGE and _NOT_PICTURES.search(path.parent.name)):
            continue
        folders = (root.resolve().name, *path.relative_to(root).parts[:-1])
        matches = (_FOLDER.fullmatch(folder) for folder in reversed(folders))
        inside = next((match for match in matches if match), None) or _FOLDER.match(name)
        if inside is None:
            cause = "it belongs to no case: no folder above it is named case_NNNN"
            nowhere.append(Dropped(_shown(root, path), cause, fault=True))
            continue
        files = found[f"case_{inside[1]}"]
        if kind is _IMAGE:
            files.images.setdefault(int(match[2]), []).append(path)
        else:
            {_PHASES: files.phases, _MASKS: files.masks, _VIDEO: files.videos}[kind].append(path)
    return dict(found), nowhere


def _shown(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def _case(
    root: Path,
    source: str,
    case_id: str,
    found: dict[str, _Files],
    taxonomy: Taxonomy,
    split: str | None,
    idle: Idle,
) -> Iterator[Case | Dropped]:
    """One case, after what of it is left out."""
    files = found[case_id]
    if not files.phases and not files.masks:
        yield Dropped(case_id, "neither phases nor masks: only videos or pictures")
        return
    drops: list[Dropped] = []
    table = _one(root, files.phases, f"the phases of {case_id}", drops)
    instances = _one(root, files.masks, f"the masks of {case_id}", drops)
    video = _one(root, files.videos, f"the video of {case_id}", drops)
    without: list[tuple[float, float]] = []
    unknown: list[tuple[float, float]] = []
    phases = _phases(root, case_id, table, taxonomy, drops, without, unknown) if table else ()
    scenes = _scenes(root, instances, case_id, found.keys(), taxonomy, drops) if instances else {}
    frames: tuple[Frame, ...] = ()
    try:
        if video is None:
            frames = _frames(root, case_id, files.images, scenes, drops)
    except InputError as error:
        # without its pictures the case would pass for one that never had any
        drops.append(Dropped(case_id, str(error), fault=True))
        yield from drops
        return
    yield from drops
    if phases or scenes:
        yield Case(
            case_id,
            source,
            FACTS.procedure,
            phases=phases,
            scenes=tuple(scenes.values()),
            video=video,
            frames=frames,
            squeezed=True,  # surgery-sft's square videos are the 4:3 frames squeezed, as its README says
            split=split,
            idle=idle if all(isfinite(end) for _, end in unknown) else "stated",
            idle_s=tuple(without),
            unknown=tuple(span for span in unknown if isfinite(span[1])),
            files=tuple(path for path in (table, instances, video) if path)
            + tuple(frame.path for frame in frames),
        )


def _one(root: Path, paths: list[Path], what: str, drops: list[Dropped]) -> Path | None:
    kept, left_out = choose(paths, root, what)
    drops += left_out
    return kept


def _phases(
    root: Path,
    case_id: str,
    path: Path,
    taxonomy: Taxonomy,
    drops: list[Dropped],
    idle: list[tuple[float, float]],
    unknown: list[tuple[float, float]],
) -> tuple[Phase, ...]:
    """The phases of a case. ``sec`` and ``endSec`` count; frame numbers don't, the frame rate varies.

    Stretches labelled as idle go into ``idle``, the time of rows that can't be read into ``unknown``, up to infinity where that can't be read either.
    """
    shown = _shown(root, path)
    found: list[Phase] = []
    try:
        table = rows(path, ("caseId", "comment", "sec", "endSec"), shown)
        _agree(case_id, path, shown, {row["caseId"] for row in table})
    except InputError as error:
        drops.append(Dropped(shown, str(error), fault=True))
        return ()
    for index, row in enumerate(table, start=2):
        where = f"{shown} row {index}"
        try:
            label = taxonomy.canonical("phase", row["comment"])
            start_s, end_s = number(row, "sec", where), number(row, "endSec", where)
        except InputError as error:
            drops.append(Dropped(where, str(error), fault=True))
            unknown.append(span(row, "sec", "endSec"))
            continue
        if end_s <= start_s:
            drops.append(Dropped(where, f"{label} from {start_s:g} to {end_s:g} s has no length"))
            unknown.append((end_s, start_s))
        elif label == IDLE:
            idle.append((start_s, end_s))
        else:
            found.append(Phase(label, start_s, end_s))
    return tuple(sorted(found, key=lambda phase: (phase.start_s, phase.end_s, phase.label)))


def _agree(case_id: str, path: Path, shown: str, stated: set[str]) -> None:
    """Two of folder, file name and ``caseId`` must say the case; one of them may be wrong."""
    number = case_id.removeprefix("case_")
    named = _PHASES.fullmatch(path.name)
    votes = Counter([*stated, named[1] if named else "", _folder_number(path)])
    if len(stated) > 1 or votes[number] < 2:
        raise InputError(
            f"{shown}: folder or file name say case {number}, its caseId column {', '.join(sorted(stated))}; "
            "correct the one that is wrong"
        )


def _folder_number(path: Path) -> str:
    matches = (_FOLDER.fullmatch(folder) for folder in reversed(path.parts[:-1]))
    return next((match[1] for match in matches if match), "")


def _scenes(
    root: Path, path: Path, case_id: str, known: Set[str], taxonomy: Taxonomy, drops: list[Dropped]
) -> dict[int, Scene]:
    """A scene per annotated image, by the image's index."""
    shown = _shown(root, path)
    try:
        read = outlines.coco(path, taxonomy, shown)
    except InputError as error:
        drops.append(Dropped(shown, str(error), fault=True))
        return {}
    drops += [*read.faults, *read.notes]
    pictures: dict[int, outlines.Picture] = {}
    for picture in read.pictures:
        match = _IMAGE.fullmatch(picture.name)
        index = int(match[2]) if match else 0
        if match is None or index < 1:
            cause = f"{picture.name!r} has no index; Cataract-1K's images are named case5013_01.png"
        elif index in pictures:
            cause = f"two images have the index {index}: {pictures[index].name}, {picture.name}"
        elif f"case_{match[1]}" in known - {case_id}:
            # a number of no case is a slip of the pen (case_5315's images are named case_53153_01.png)
            cause = f"{picture.name} is named after another case, in the folder of {case_id}"
        else:
            pictures[index] = picture
            continue
        drops.append(Dropped(shown, cause, fault=True))
    if 1 in pictures and 2 in pictures:
        first, second = pictures.pop(1), pictures[2]
        agreement = _agreement(first, second)
        same = "both show the first frame" if agreement >= SAME_IOU else "but they differ"
        cause = f"taken at the moment of {second.name}; {same} (masks agree to {agreement:.2f})"
        drops.append(Dropped(f"{shown}: {first.name}", cause))
    return {
        index: Scene(
            image_time(index) if picture.time_s is None else picture.time_s,
            picture.width,
            picture.height,
            picture.nodes,
        )
        for index, picture in sorted(pictures.items())
    }


def _agreement(one: outlines.Picture, other: outlines.Picture) -> float:
    """The lowest intersection over union of the structures that either of two pictures shows."""
    worst = 1.0
    for name in {node.id for picture in (one, other) for node in picture.nodes if node.type == "anatomy"}:
        a, b = (
            next((node for node in picture.nodes if node.id == name and node.rle), None)
            for picture in (one, other)
        )
        if a is None or b is None or (one.width, one.height) != (other.width, other.height):
            return 0.0
        first, second = (masks.rle_to_mask(node.rle or "", one.width, one.height) for node in (a, b))
        worst = min(worst, float((first & second).sum() / max(1, (first | second).sum())))
    return worst


def _frames(
    root: Path,
    case_id: str,
    images: dict[int, list[Path]],
    scenes: Mapping[int, Scene],
    drops: list[Dropped],
) -> tuple[Frame, ...]:
    """The stills of a case, all of one size; image 1 is left out where image 2, the same frame, is there."""
    frames: list[Frame] = []
    sizes: dict[tuple[int, int], Path] = {}
    for index, paths in sorted(images.items()):
        path = _one(root, paths, f"picture {index} of {case_id}", drops)
        if path is None or (index == 1 and 2 in images) or index < 1:
            continue
        sizes.setdefault(size_of(path, _shown(root, path)), path)
        frames.append(Frame(scenes[index].time_s if index in scenes else image_time(index), path))
    if len(sizes) > 1:
        sample = ", ".join(f"{_shown(root, path)} is {w}x{h}" for (w, h), path in sorted(sizes.items()))
        raise InputError(f"{case_id}: its pictures differ in size: {sample}")
    return tuple(frames)


def official_splits(folder: Path, fold: int, *, required: bool = True) -> dict[str, str]:
    """What the authors' fold lists below a folder say: case -> "train" or "test".

    Raises:
        InputError: ``required`` and not there, no such fold, or a case that is in both lists.
    """
    lists = {(int(match[1]), match[2]): path for path, match in _fold_lists(folder)}
    if not lists and not required:
        return {}
    if (fold, "train") not in lists or (fold, "test") not in lists:
        there = ", ".join(str(number) for number in sorted({number for number, _ in lists})) or "none"
        raise InputError(
            f"no Cat1k_anatomy_instrument_{fold}_train.csv and …_test.csv below {folder}; folds there: {there}"
        )
    splits: dict[str, str] = {}
    for part in ("train", "test"):
        path = lists[fold, part]
        for row in rows(path, ("imgs",), path.name):
            matches = [_FOLDER.fullmatch(folder) for folder in Path(row["imgs"]).parts]
            found = next((match for match in matches if match), None)
            if found is None:
                raise InputError(f"{path.name}: {row['imgs']!r} has no folder case_NNNN")
            if splits.setdefault(f"case_{found[1]}", part) != part:
                raise InputError(
                    f"{path.name}: case_{found[1]} is in the train and in the test list of fold {fold}"
                )
    return splits


def _fold_lists(folder: Path) -> list[tuple[Path, re.Match[str]]]:
    matches = ((path, _FOLD.fullmatch(path.name)) for path in sorted(folder.rglob("Cat1k_*.csv")))
    return [(path, match) for path, match in matches if match]


def notes(read: Sequence[Case]) -> tuple[str, ...]:
    """The rule from image index to time and how far it agrees with the phases, measured on these cases."""
    if read and not any(case.scenes for case in read):
        return ()  # the second release: phases alone
    rule = (
        f"image n of a case is taken at {IMAGE_STEP_S:g} (n - 2) - {IMAGE_LEAD_S:g} s, "
        "images 1 and 2 at 0 s (the same frame)"
    )
    measured = f"{sentence(measure(read, BELONGS))}; 5 s later: {sentence(measure(read, BELONGS, 5.0))}"
    pictured = [
        f"{case.case_id}: {len(missing)} of {len(case.scenes)} annotated images have no picture"
        for case in read
        if case.frames and (missing := {s.time_s for s in case.scenes} - {f.time_s for f in case.frames})
    ]
    return (f"{rule}; {measured}", *pictured)

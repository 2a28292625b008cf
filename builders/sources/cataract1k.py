"""Cataract-1K: cataract operations with phases, and instruments and anatomy as COCO masks.

Files are found by their names anywhere below the root, in the official layout, surgery-sft's or another:
``case_5013_annotations_phases.csv``, ``…/case_5013/…/instances.json``, ``case_5013.mp4``,
``case5013_01.png``. Videos may be there, or the frames of the segmentation set, or neither::

    surgvqa-build cataract1k --root Cataract-1K --out dataset
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from math import isfinite
from pathlib import Path

from surgvqa.builders.annotations import outlines
from surgvqa.builders.annotations.one_thing import join_outlines
from surgvqa.builders.cases.agreement import measure, sentence
from surgvqa.builders.files.duplicate_files import choose
from surgvqa.builders.files.pictures import size_of
from surgvqa.builders.files.tree import files_below
from surgvqa.builders.geometry import masks
from surgvqa.builders.procedures.taxonomy import Taxonomy, load
from surgvqa.builders.schema import Case, Facts, Frame, Idle, Omission, Scene
from surgvqa.builders.source_files import cataract1k_phases, cataract1k_second
from surgvqa.builders.source_files.cataract1k_files import IMAGE, Files, find, official_splits, relative_path
from surgvqa.builders.source_files.cataract1k_phases import CasePhases
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
TRIED_ON = "real files"
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
# It holds the lids apart: seen in five of five pictures of two operations, plainly in three, and never outlined.
UNLABELLED_TOOLS = ("lid speculum",)
SAME_IOU = 0.9  # masks of cornea and pupil of two images of one moment


def cases(root: Path, *, folds: Path | None = None, fold: int = 0) -> Iterator[Case | Omission]:
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
    """Return a scene in which the outlines of one thing are one entity."""
    return replace(scene, nodes=join_outlines(scene.nodes, scene.width, scene.height))


def read(
    root: Path, *, source: str, folds: Path | None = None, fold: int = 0, idle: Idle = "until_last"
) -> Iterator[Case | Omission]:
    """Read a tree in Cataract-1K's format for a source of any name; every outline is an entity of its own.

    Its authors leave gaps where a case is idle; a gap in which a picture shows an instrument is unknown.
    """
    if not root.is_dir():
        raise InputError(f"no folder {root}; get Cataract-1K at {FACTS.access} and give its folder as --root")
    files_by_case, left_out = find(root)
    has_labels = any(files.phases or files.masks for files in files_by_case.values())
    if not has_labels and files_below(root, "annotations.csv"):
        yield from cataract1k_second.read(root, source)
        return
    if not has_labels:
        raise InputError(
            f"nothing of Cataract-1K below {root}: no case_NNNN_annotations_phases.csv, no instances.json "
            f"below a folder case_NNNN; get it at {FACTS.access}"
        )
    splits = official_splits(folds or root, fold, required=folds is not None)
    absent = {name: part for name, part in sorted(splits.items()) if name not in files_by_case}
    yield from left_out
    for name, part in absent.items():
        yield Omission(
            name, f"in the {part} list of the authors' fold {fold}, and nothing of it lies below the root"
        )
    taxonomy = load(FACTS.procedure)
    for case_id in sorted(files_by_case):
        drops: list[Omission] = []
        case = _case(root, case_id, files_by_case, taxonomy, idle, drops)
        yield from drops
        if case is not None:
            list_name = _split_list(fold, splits, absent) if splits else None
            yield replace(case, source=source, split=splits.get(case_id), split_list=list_name)


def _split_list(fold: int, splits: Mapping[str, str], absent: Mapping[str, str]) -> str:
    """Name the list that splits come from, and what is missing of it."""
    whole, lack = (Counter(parts.values()) for parts in (splits, absent))
    missing = [f"{lack[part]} of its {whole[part]} {part} cases" for part in ("train", "test") if lack[part]]
    return f"the authors' fold {fold}" + (f" (not here: {', '.join(missing)})" if missing else "")


def _case(
    root: Path,
    case_id: str,
    files_by_case: Mapping[str, Files],
    taxonomy: Taxonomy,
    idle: Idle,
    drops: list[Omission],
) -> Case | None:
    """Return a case, if anything of it can be read; what is left out goes into ``drops``."""
    files = files_by_case[case_id]
    if not files.phases and not files.masks:
        drops.append(Omission(case_id, "neither phases nor masks: only videos or pictures"))
        return None
    table = _one(root, files.phases, f"the phases of {case_id}", drops)
    instances = _one(root, files.masks, f"the masks of {case_id}", drops)
    video = _one(root, files.videos, f"the video of {case_id}", drops)
    case_phases = (
        cataract1k_phases.read(case_id, table, relative_path(root, table), taxonomy)
        if table
        else CasePhases()
    )
    drops += case_phases.omissions
    scenes = _scenes(root, instances, case_id, files_by_case.keys(), taxonomy, drops) if instances else {}
    if idle == "until_last":  # stated by nobody but the gap itself
        case_phases.unknown.extend(cataract1k_phases.doubtful_gaps(case_phases, scenes.values()))
    frames: tuple[Frame, ...] = ()
    try:
        if video is None:
            frames = _frames(root, case_id, files.images, scenes, drops)
    except InputError as error:
        # without its pictures the case would pass for one that never had any
        drops.append(Omission(case_id, str(error), fault=True))
        return None
    if not case_phases.phases and not scenes:
        return None
    return Case(
        case_id,
        FACTS.name,
        FACTS.procedure,
        phases=tuple(case_phases.phases),
        scenes=tuple(scenes.values()),
        video=video,
        frames=frames,
        unlabelled_tools=UNLABELLED_TOOLS,
        squeezed=True,  # surgery-sft's square videos are the 4:3 frames squeezed, as its README says
        idle=idle if all(isfinite(end) for _, end in case_phases.unknown) else "stated",
        idle_s=tuple(case_phases.idle),
        unknown=tuple(span for span in case_phases.unknown if isfinite(span[1])),
        files=tuple(path for path in (table, instances, video) if path)
        + tuple(frame.path for frame in frames),
    )


def _one(root: Path, paths: list[Path], what: str, drops: list[Omission]) -> Path | None:
    path, left_out = choose(paths, root, what)
    drops += left_out
    return path


def _scenes(
    root: Path, path: Path, case_id: str, case_ids: Set[str], taxonomy: Taxonomy, drops: list[Omission]
) -> dict[int, Scene]:
    """Return a scene per annotated image, by the image's index."""
    where = relative_path(root, path)
    try:
        read = outlines.coco(path, taxonomy, where)
    except InputError as error:
        drops.append(Omission(where, str(error), fault=True))
        return {}
    drops += [*read.faults, *read.notes]
    pictures: dict[int, outlines.Picture] = {}
    for picture in read.pictures:
        match = IMAGE.fullmatch(picture.name)
        index = int(match[2]) if match else 0
        if match is None or index < 1:
            cause = f"{picture.name!r} has no index; Cataract-1K's images are named case5013_01.png"
        elif index in pictures:
            cause = f"two images have the index {index}: {pictures[index].name}, {picture.name}"
        elif f"case_{match[1]}" in case_ids - {case_id}:
            # a number of no case is a slip of the pen (case_5315's images are named case_53153_01.png)
            cause = f"{picture.name} is named after another case, in the folder of {case_id}"
        else:
            pictures[index] = picture
            continue
        drops.append(Omission(where, cause, fault=True))
    if 1 in pictures and 2 in pictures:
        first, second = pictures.pop(1), pictures[2]
        agreement = _agreement(first, second)
        same = "both show the first frame" if agreement >= SAME_IOU else "but they differ"
        cause = f"taken at the moment of {second.name}; {same} (masks agree to {agreement:.2f})"
        drops.append(Omission(f"{where}: {first.name}", cause))
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
    """Return the lowest intersection over union of the structures that either of two pictures shows."""
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
    drops: list[Omission],
) -> tuple[Frame, ...]:
    """Return the stills of a case, all of one size; image 1 is left out where image 2, the same frame, is there."""
    frames: list[Frame] = []
    sizes: dict[tuple[int, int], Path] = {}
    for index, paths in sorted(images.items()):
        path = _one(root, paths, f"picture {index} of {case_id}", drops)
        if path is None or (index == 1 and 2 in images) or index < 1:
            continue
        sizes.setdefault(size_of(path, relative_path(root, path)), path)
        frames.append(Frame(scenes[index].time_s if index in scenes else image_time(index), path))
    if len(sizes) > 1:
        sample = ", ".join(
            f"{relative_path(root, path)} is {w}x{h}" for (w, h), path in sorted(sizes.items())
        )
        raise InputError(f"{case_id}: its pictures differ in size: {sample}")
    return tuple(frames)


def notes(read: Sequence[Case]) -> tuple[str, ...]:
    """State the rule from image index to time and how far it agrees with the phases, measured on these cases."""
    if read and not any(case.scenes for case in read):
        return ()  # the second release: phases alone
    rule = (
        f"image n of a case is taken at {IMAGE_STEP_S:g} (n - 2) - {IMAGE_LEAD_S:g} s, "
        "images 1 and 2 at 0 s (the same frame)"
    )
    agreement = f"{sentence(measure(read, BELONGS))}; 5 s later: {sentence(measure(read, BELONGS, 5.0))}"
    picture_gaps = [
        f"{case.case_id}: {len(missing)} of {len(case.scenes)} annotated images have no picture"
        for case in read
        if case.frames and (missing := {s.time_s for s in case.scenes} - {f.time_s for f in case.frames})
    ]
    return (f"{rule}; {agreement}", *picture_gaps)

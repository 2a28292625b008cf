"""GraSP: robotic radical prostatectomies with phases, steps, outlines of instruments and what each instrument does.

Expects ``annotations/grasp_long-term_train.json`` (a phase and a step a second) and ``grasp_short-term_train.json`` (things
and actions, every 35 s), the same of ``test``, and ``frames/CASE001/00000.jpg`` where there are pictures. What ids mean
comes from each file. Pictures of the release at 1 frame a second are numbered in seconds (five digits); those of the
release at 30 (nine digits) count the frames of their recording, of which six cases have 30 a second and the others 45::

    surgvqa-build grasp --root GraSP_1fps --out dataset

No real file of the set was at hand: its authors' loader and the names of its files were.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from surgvqa.builders.annotations import outlines
from surgvqa.builders.cases.timeline import IDLE
from surgvqa.builders.procedures.taxonomy import Taxonomy, load
from surgvqa.builders.schema import Case, Facts, Frame, Omission, Phase, Scene
from surgvqa.builders.source_files import moments
from surgvqa.builders.tabular.find import Tree, fields_of
from surgvqa.builders.tabular.stretches import step_name
from surgvqa.cards.command import InputError

FACTS = Facts(
    name="GraSP",
    homepage="https://github.com/BCV-Uniandes/GraSP",
    licence="other: MIT of the repository; the terms of the recordings are not stated",
    access="https://github.com/BCV-Uniandes/GraSP (a link to a drive)",
    citation="""@article{ayobi2024pixelwise,
  title = {Pixel-Wise Recognition for Holistic Surgical Scene Understanding},
  author = {Ayobi, Nicolás and Rodríguez, Santiago and Pérez, Alejandra and Hernández, Isabela and others},
  journal = {arXiv:2401.11174}, year = {2024}
}""",
    procedure="prostatectomy",
)
TRIED_ON = "invented tree"
READS = "phases, steps, instruments, masks, frames"
NATIVE_30 = frozenset(
    {"CASE021", "CASE041", "CASE047", "CASE050", "CASE051", "CASE053"}
)  # by the authors' loader
NO_RATE = "its frame numbers follow no one rate; use the release at 1 frame a second"
NO_RATE_CASES = frozenset({"CASE014"})  # the authors' loader looks its frames up by their names
NO_ANNOTATION = "no annotation: whether no instrument is there, or nobody looked, isn't said"
NATIVE_DIGITS = 9  # of a picture's name in the release at 30 frames a second
PICTURE = ("{case:case}/{frame}.jpg", "{case:case}/{frame}.png")


@dataclass(frozen=True, slots=True)
class Keys:
    """How a release calls its lists and an annotation's labels."""

    phase: str = "phases"
    step: str = "steps"
    lists: str = "{}s_categories"  # with phase, step, action


@dataclass(slots=True)
class Labels:
    """What is known of a case, by second."""

    phases: dict[float, str] = field(default_factory=dict)
    steps: dict[float, str] = field(default_factory=dict)
    scenes: dict[float, Scene] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)
    splits: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)


def cases(root: Path, *, protocol: str = "official") -> Iterator[Case | Omission]:
    """Read every case below ``root``.

    Args:
        root: the data set's folder, or any folder above or below it.
        protocol: official, or none to leave the splits to the build.
    """
    if not root.is_dir():
        raise InputError(f"no folder {root}; get GraSP at {FACTS.access} and give its folder as --root")
    if protocol not in ("official", "none"):
        raise InputError(f"--protocol {protocol}: expected official or none")
    tree = Tree(root)
    files: list[tuple[Path, str]] = []
    for term, split in itertools.product(("long", "short"), ("train", "test")):
        files += [(one.path, split) for one in tree.find([f"grasp_{term}-term_{split}.json"])]
    if not files:
        folds = ", only folds" if any(tree.find(["grasp_*-term_fold*.json"])) else ""
        raise InputError(
            f"nothing of GraSP below {root}: no grasp_long-term_train.json{folds}; {tree.describe()}; "
            f"get it at {FACTS.access}"
        )
    taxonomy = load(FACTS.procedure)
    labels, omissions = read_labels(tree, files, Keys(), taxonomy)
    yield from omissions
    for case in build_cases("grasp", tree, labels, taxonomy):
        yield replace(case, split=None) if isinstance(case, Case) and protocol == "none" else case


def read_labels(
    tree: Tree, files: Sequence[tuple[Path, str]], keys: Keys, taxonomy: Taxonomy
) -> tuple[dict[str, Labels], list[Omission]]:
    """Return the labels of every case of all files, each with the split that it states, and what can't be read."""
    labels: dict[str, Labels] = defaultdict(Labels)
    omissions: list[Omission] = []
    for path, split in files:
        file_name = tree.relative_path(path)
        try:
            file = outlines.read_json(path, file_name)
            omissions += _read_file(file, (path, file_name, split), keys, taxonomy, labels)
        except InputError as error:
            omissions.append(Omission(file_name, str(error), fault=True))
    return labels, omissions


def _read_file(
    file: Any,
    source: tuple[Path, str, str],
    keys: Keys,
    taxonomy: Taxonomy,
    labels: dict[str, Labels],
) -> Iterator[Omission]:
    """Add one file's labels to those of its cases; yield what is wrong with its pictures."""
    path, file_name, split = source
    if not isinstance(file, dict) or not all(
        isinstance(file.get(key), list) for key in ("images", "annotations")
    ):
        raise InputError(f"{file_name}: expected the lists images and annotations, as GraSP has")
    names = {kind: names_by_id(file, keys.lists.format(kind)) for kind in ("phase", "step", "action")}
    images = {str(one.get("id")): one for one in file["images"] if isinstance(one, dict)}
    at = {key: moment_of(str(one.get("file_name")), file_name) for key, one in images.items()}
    for case_id, _ in at.values():
        if path not in labels[case_id].files:
            labels[case_id].files.append(path)
            labels[case_id].splits.add(split)
    acts: dict[tuple[str, float], dict[str, None]] = defaultdict(dict)
    tools = names_by_id(file, "categories")
    before = {case_id: (dict(own.phases), dict(own.steps)) for case_id, own in labels.items()}
    changes: Counter[str] = Counter()
    for one in file["annotations"]:
        moment = at.get(str(one.get("image_id"))) if isinstance(one, dict) else None
        if moment is None:
            raise InputError(f"{file_name}: annotation {str(one)[:60]} is of no picture of the file")
        case_id, second = moment
        where = f"{file_name} {case_id} at {second:g} s"
        for kind, key, by_second in (
            ("phase", keys.phase, labels[case_id].phases),
            ("step", keys.step, labels[case_id].steps),
        ):
            if key not in one:
                continue
            label = _label(names[kind], one[key], f"{where}: {kind}")
            label = taxonomy.canonical("phase", label) if kind == "phase" else step_name(label).lower()
            if by_second.setdefault(second, label) == label:
                continue
            if second in before[case_id][kind == "step"]:
                changes[f"a {kind} that another file, read first, says otherwise"] += 1
            else:
                labels[case_id].faults.append(f"{where}: two {kind}s, {by_second[second]} and {label}")
        for number in one.get("actions") or ():
            verb = _label(names["action"], number, f"{where}: action").lower()
            tool = taxonomy.canonical(
                "instrument", _label(tools, one.get("category_id"), f"{where}: category")
            )
            acts[moment][f"action: {tool}, {verb}"] = None
    yield from (Omission(f"{file_name}, {count:,} times", why) for why, count in sorted(changes.items()))
    if any("category_id" in one for one in file["annotations"]):
        yield from _scenes(file, file_name, taxonomy, acts, labels)


def _scenes(
    file: Any,
    file_name: str,
    taxonomy: Taxonomy,
    acts: Mapping[tuple[str, float], Mapping[str, None]],
    labels: dict[str, Labels],
) -> Iterator[Omission]:
    """Add the things of a file's pictures to their cases."""
    things = outlines.coco(Path(file_name), taxonomy, file_name, file=file)
    yield from (*things.faults, *things.notes)
    bare = sum(not picture.nodes for picture in things.pictures)
    if bare:
        yield Omission(f"{file_name}, {bare:,} pictures", NO_ANNOTATION)
    for picture in (one for one in things.pictures if one.nodes):
        case_id, second = moment_of(picture.name, file_name)
        scene = Scene(
            second,
            picture.width,
            picture.height,
            picture.nodes,
            events=tuple(acts.get((case_id, second), ())),
        )
        if labels[case_id].scenes.setdefault(second, scene) != scene:
            labels[case_id].faults.append(
                f"{file_name}: {case_id} at {second:g} s is annotated twice, differently"
            )


def moment_of(name: str, file_name: str) -> tuple[str, float]:
    """Return the case and the second that a picture's name says.

    >>> moment_of("CASE001/000000090.jpg", "f.json"), moment_of("CASE001/00090.jpg", "f.json")
    (('CASE001', 2.0), ('CASE001', 90.0))
    """
    fields = fields_of(PICTURE, name)
    if fields is None:
        raise InputError(f"{file_name}: the picture {name!r} is not named like CASE001/00000.jpg")
    case_id, digits = fields["case"].upper(), fields["frame"]
    if len(digits) < NATIVE_DIGITS:
        return case_id, float(int(digits))
    return case_id, int(digits) / (30 if case_id in NATIVE_30 else 45)


def build_cases(
    source: str, tree: Tree, labels: Mapping[str, Labels], taxonomy: Taxonomy
) -> Iterator[Case | Omission]:
    """Yield the cases of labels with their pictures, or what is wrong with them."""
    pictures: dict[str, list[Frame]] = defaultdict(list)
    native: Counter[str] = Counter()
    for one in tree.find(PICTURE):
        if len(one.path.parents) > 1 and one.path.parent.parent.name == "segmentations":
            continue  # label pictures; the outlines of the JSON files are the same
        case_id, second = moment_of(f"{one.fields['case']}/{one.path.name}", one.path.name)
        native[case_id] += len(one.path.stem) >= NATIVE_DIGITS
        pictures[case_id].append(Frame(second, one.path))
    for case_id in sorted(labels):
        own = labels[case_id]
        if case_id in NO_RATE_CASES and (native[case_id] or _is_native(own)):
            yield Omission(case_id, NO_RATE)
            continue
        if len(own.splits) > 1:
            own.faults.append(
                f"it is in the files of {' and '.join(sorted(own.splits))}; a case is in one split"
            )
        if own.faults:
            yield from (Omission(case_id, fault, fault=True) for fault in own.faults[:20])
            continue
        phases = runs(own.phases)
        frames = tuple(sorted(pictures[case_id], key=lambda frame: frame.time_s))
        yield Case(
            case_id,
            source,
            taxonomy.name,
            phases=tuple(phase for phase in phases if phase.label != IDLE),
            idle_s=tuple((phase.start_s, phase.end_s) for phase in phases if phase.label == IDLE),
            steps=tuple(phase for phase in runs(own.steps) if phase.label != "idle"),
            scenes=tuple(own.scenes[at] for at in sorted(own.scenes)),
            frames=frames,
            split=next(iter(own.splits), None),
            files=(*own.files, *(frame.path for frame in frames)),
        )


def _is_native(own: Labels) -> bool:
    """Whether a case's labels count frames of its recording: seconds that aren't whole."""
    return any(second % 1 for second in (*own.phases, *own.scenes))


def runs(labels: Mapping[float, str]) -> tuple[Phase, ...]:
    """Phases from a label a second; what lies between two labels further apart is unknown.

    >>> [(one.label, one.start_s, one.end_s) for one in runs({0: "a", 1: "a", 36: "a"})]
    [('a', 0, 2.0), ('a', 36, 37.0)]
    """
    stretches: list[dict[float, str]] = []
    before = None
    for second, label in sorted(labels.items()):
        if before is None or second - before > 1.5:
            stretches.append({})
        stretches[-1][second] = label
        before = second
    return tuple(phase for stretch in stretches for phase in moments.phases(stretch, 1.0))


def names_by_id(file: Mapping[str, Any], key: str) -> dict[str, str]:
    """Return what the ids of a list of the file mean."""
    entries = file.get(key) or ()
    return {str(one.get("id")): str(one.get("name")) for one in entries if isinstance(one, dict)}


def _label(names: Mapping[str, str], value: object, where: str) -> str:
    """Return what an id means; an id without a name is refused."""
    if str(value) not in names:
        raise InputError(
            f"{where} {value!r} has no name in the file; expected one of {', '.join(names) or 'none'}"
        )
    return names[str(value)]


def notes(read: Sequence[Case]) -> tuple[str, ...]:
    """State what the reader of a score must know."""
    scenes = [scene for case in read for scene in case.scenes]
    acts = sum(event.startswith("action: ") for scene in scenes for event in scene.events)
    return (
        f"{len(read)} of the data set's 13 cases, {len(scenes):,} annotated pictures, {acts:,} actions of instruments",
        "an instrument often does two things at once, and nobody says to what: actions are events of scenes, not asked about",
        "labels of phases and steps changed in December 2024; both versions are in use, and nothing in a file says which it is",
    )

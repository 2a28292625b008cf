"""CholecT50 (and its part CholecT45): laparoscopic cholecystectomies with actions as instrument, verb and target.

Expects ``labels/VID01.json`` below the root, and ``videos/VID01/000000.png`` where there are pictures. Where labels are
of some seconds only, as in the challenge's validation set, only these are asked about::

    surgvqa-build cholect50 --root CholecT50 --out dataset
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

from surgvqa.builders.files.duplicate_files import choose
from surgvqa.builders.files.pictures import size_of
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.schema import Case, Facts, Frame, Omission
from surgvqa.builders.source_files import cholect, moments
from surgvqa.builders.tabular.find import Tree
from surgvqa.cards.command import InputError, nearest

FACTS = Facts(
    name="CholecT50",
    homepage="https://github.com/CAMMA-public/cholect50",
    licence="CC-BY-NC-SA-4.0",
    access="https://github.com/CAMMA-public/cholect50 (a form)",
    citation="""@article{nwoye2022rendezvous,
  title = {Rendezvous: Attention Mechanisms for the Recognition of Surgical Action Triplets in Endoscopic Videos},
  author = {Nwoye, Chinedu Innocent and Yu, Tong and Gonzalez, Cristians and Seeliger, Barbara and others},
  journal = {Medical Image Analysis}, volume = {78}, year = {2022}
}""",
    procedure="cholecystectomy",
)
TRIED_ON = "real files"
READS = "phases, instruments, actions, boxes, frames"
# Nwoye and Padoy 2022, https://arxiv.org/abs/2204.05235: the split of Rendezvous and the 2022 challenge's.
PROTOCOLS = {
    "rdv": {"validation": (8, 12, 29, 50, 78), "test": (6, 51, 10, 73, 14, 74, 32, 80, 42, 111)},
    "challenge": {"validation": (), "test": (92, 96, 103, 110, 111)},
}


def cases(root: Path, *, protocol: str = "rdv") -> Iterator[Case | Omission]:
    """Read every video below ``root``.

    Args:
        root: the data set's folder, or any folder above or below it.
        protocol: rdv, challenge, or none to leave the splits to the build.
    """
    if not root.is_dir():
        raise InputError(f"no folder {root}; get CholecT50 at {FACTS.access} and give its folder as --root")
    if protocol not in (*PROTOCOLS, "none"):
        raise InputError(f"--protocol {protocol}: {nearest(protocol, [*PROTOCOLS, 'none'])}")
    tree = Tree(root)
    labels: dict[int, list[Path]] = {}
    for one in tree.find(["VID{number}.json"]):
        labels.setdefault(int(one.fields["case"]), []).append(one.path)
    if not labels:
        raise InputError(f"nothing of CholecT50 below {root}: no labels/VID01.json; get it at {FACTS.access}")
    pictures: dict[int, list[Frame]] = {}
    for one in tree.find(["VID{number}/{frame}.png"]):
        pictures.setdefault(int(one.fields["case"]), []).append(Frame(float(one.fields["frame"]), one.path))
    taxonomy = load(FACTS.procedure)
    for number in sorted(labels, key=lambda one: f"VID{one:02}"):
        case_id = f"VID{number:02}"
        path, left = choose(labels[number], root, f"the labels of {case_id}")
        yield from left
        frames = tuple(sorted(pictures.get(number, ()), key=lambda frame: frame.time_s))
        assert path is not None
        try:
            size = size_of(frames[0].path) if frames else cholect.FRAME_SIZE
            video_labels = cholect.read_labels(path, tree.relative_path(path), taxonomy, size)
        except (InputError, KeyError) as error:
            yield Omission(
                case_id, f"its labels lack {error}" if isinstance(error, KeyError) else str(error), fault=True
            )
            continue
        if video_labels.blank:
            yield Omission(case_id, f"{video_labels.blank} frames without a phase")
        case = Case(
            case_id,
            "cholect50",
            taxonomy.name,
            phases=moments.phases(video_labels.phases, 1.0),
            scenes=tuple(video_labels.scenes),
            frames=frames,
            split=_split(number, protocol),
            files=(path, *(frame.path for frame in frames)),
            end_boxes=True,  # in pictures of VID73 a box holds the jaws; the shaft reaches far out of it
        )
        dense = all(after.time_s - at.time_s <= 1 for at, after in itertools.pairwise(video_labels.scenes))
        yield case if dense else moments.at_moments(case, 1.0)


def _split(number: int, protocol: str) -> str | None:
    if protocol == "none":
        return None
    return next((split for split, numbers in PROTOCOLS[protocol].items() if number in numbers), "train")


def notes(read: Sequence[Case]) -> tuple[str, ...]:
    """State what the reader of a score must know."""
    scenes = [scene for case in read for scene in case.scenes]
    with_boxes = sum(bool(scene.width) for scene in scenes)
    actions = sum(event.startswith("action: ") for scene in scenes for event in scene.events)
    several = sum(sum(e.startswith("action: ") for e in scene.events) > 1 for scene in scenes)
    return (
        f"{len(read)} of the data set's 50 videos, {len(scenes):,} annotated seconds, {with_boxes:,} of them with boxes",
        f"{actions:,} actions; {several:,} seconds have more than one",
        "45 of the 50 videos are Cholec80's; VID92, VID96, VID103, VID110 and VID111 are not",
    )

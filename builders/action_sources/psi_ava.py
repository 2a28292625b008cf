"""PSI-AVA: eight robotic radical prostatectomies, of which a picture every 35 s has boxes, actions, a phase and a step.

Expects ``fold1/coco_anns/train_coco_anns_v3_35s.json`` and ``val_…``, as its repository holds them, and
``keyframes/CASE021/00001.jpg`` where there are pictures; their numbers are seconds. Files of ``coco_preds`` are what a
detector says, and are not read. Read from that repository: 8 cases, 2,311 pictures, 5,804 boxes; 67 of the pictures have no
annotation, and are left out by name. GraSP shows the same cases, with outlines, and supersedes it::

    surgvqa-build psi_ava --root data_annotations/psi-ava --out dataset
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from surgvqa.builders.action_sources import grasp
from surgvqa.builders.procedures.taxonomy import load
from surgvqa.builders.schema import Case, Facts, Omission
from surgvqa.builders.source_files import moments
from surgvqa.builders.tabular.find import Tree
from surgvqa.cards.command import InputError

FACTS = Facts(
    name="PSI-AVA",
    homepage="https://github.com/BCV-Uniandes/TAPIR",
    licence="other: MIT of the repository; the terms of the recordings are not stated",
    access="https://github.com/BCV-Uniandes/TAPIR (labels; pictures by a link in its README)",
    citation="""@inproceedings{valderrama2022tapir,
  title = {Towards Holistic Surgical Scene Understanding},
  author = {Valderrama, Natalia and Ruiz Puentes, Paola and Hernández, Isabela and Ayobi, Nicolás and others},
  booktitle = {MICCAI}, pages = {442--452}, year = {2022}
}""",
    procedure="prostatectomy",
)
TRIED_ON = "real files"
READS = "phases, steps, instruments, boxes, frames"
KEYS = grasp.Keys(phase="phase", step="step", lists="{}_categories")
FOLDS = ("fold1", "fold2")


def cases(root: Path, *, protocol: str = "fold1") -> Iterator[Case | Omission]:
    """Read every case below ``root``.

    Args:
        root: the data set's folder, or any folder above or below it.
        protocol: fold1 or fold2, whose validation files are the test split; none leaves the splits to the build.
    """
    if not root.is_dir():
        raise InputError(f"no folder {root}; get PSI-AVA at {FACTS.access} and give its folder as --root")
    if protocol not in (*FOLDS, "none"):
        raise InputError(f"--protocol {protocol}: expected fold1, fold2 or none")
    tree = Tree(root)
    folds = {
        fold: [
            (one.path, split)
            for name, split in (("train", "train"), ("val", "test"))
            for one in tree.find([f"{fold}/coco_anns/{name}_coco_anns_*.json"])
        ]
        for fold in FOLDS
    }
    files = folds[protocol] if protocol in FOLDS else folds["fold1"] or folds["fold2"]
    if not files:
        there = [fold for fold in FOLDS if folds[fold]]
        other = f"; {there[0]} is there: --protocol {there[0]}" if there else f"; {tree.describe()}"
        raise InputError(
            f"nothing of PSI-AVA below {root}: no {protocol}/coco_anns/train_coco_anns_v3_35s.json{other}; "
            f"get it at {FACTS.access}"
        )
    taxonomy = load(FACTS.procedure)
    labels, omissions = grasp.read_labels(tree, files, KEYS, taxonomy)
    yield from omissions
    for case in grasp.build_cases("psi_ava", tree, labels, taxonomy):
        if isinstance(case, Case):
            case = moments.at_moments(case, 1.0)
            case = replace(case, split=None) if protocol == "none" else case
        yield case


def notes(read: Sequence[Case]) -> tuple[str, ...]:
    """State what the reader of a score must know."""
    scenes = [scene for case in read for scene in case.scenes]
    return (
        f"{len(read)} of the data set's 8 cases, {len(scenes):,} annotated pictures, 35 s apart: between them nothing is known",
        "an instrument often does two things at once, and nobody says to what: actions are events of scenes, not asked about",
        "each of the two folds tests on the cases that the other one trains on",
    )

"""Cholec80-VQA: ``…/1/vqa/Sentence/1_QA.txt``, in versions with and without the frame's place in its video."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from surgvqa.builders.schema import Case, Facts, Omission
from surgvqa.builders.source_files.question_files import Family, read

FACTS = Facts(
    name="Cholec80-VQA",
    homepage="https://github.com/lalithjets/Surgical_VQA",
    licence="CC-BY-NC-SA-4.0",
    access="https://github.com/lalithjets/Surgical_VQA (text; videos as of Cholec80)",
    citation="""@inproceedings{seenivasan2022surgicalvqa,
  title = {Surgical-VQA: Visual Question Answering in Surgical Scenes using Transformer},
  author = {Seenivasan, Lalithkumar and Islam, Mobarakol and Krishna, Adithya K and Ren, Hongliang},
  booktitle = {MICCAI}, year = {2022}
}""",
    procedure="cholecystectomy",
)
TRIED_ON = "invented tree"
READS = "questions"
FAMILY = Family(
    "cholec80_vqa",
    FACTS.procedure,
    FACTS.name,
    FACTS.access,
    files=("{number}/vqa/Sentence/{frame}_QA.txt",),
    short=("{number}/vqa/Classification/{frame}_QA.txt",),
    case="video{case:02}",
    fps=25.0,
    fields=(2, 3),
    held_out={"validation": (5, 11, 12, 17, 19, 26, 27, 31)},
)


def cases(root: Path) -> Iterator[Case | Omission]:
    """Read every question below ``root``."""
    yield from read(root, FAMILY)

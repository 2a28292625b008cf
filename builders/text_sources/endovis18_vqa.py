"""EndoVis18-VQA without the pictures: ``seq_1/vqa/Sentence/frame000_QA.txt``; with them, see ``endovis --vqa``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from surgvqa.builders.schema import Case, Facts, Omission
from surgvqa.builders.source_files.question_files import Family, read

FACTS = Facts(
    name="EndoVis18-VQA",
    homepage="https://github.com/lalithjets/Surgical_VQA",
    licence="other: the challenge's terms, research use",
    access="https://github.com/lalithjets/Surgical_VQA (text; frames from the 2018 challenge)",
    citation="""@inproceedings{seenivasan2022surgicalvqa,
  title = {Surgical-VQA: Visual Question Answering in Surgical Scenes using Transformer},
  author = {Seenivasan, Lalithkumar and Islam, Mobarakol and Krishna, Adithya K and Ren, Hongliang},
  booktitle = {MICCAI}, year = {2022}
}""",
    procedure="nephrectomy",
)
TRIED_ON = "invented tree"
READS = "questions"
FAMILY = Family(
    "endovis18_vqa",
    FACTS.procedure,
    FACTS.name,
    FACTS.access,
    files=("seq_{number}/vqa/Sentence/frame{frame}_QA.txt",),
    short=("seq_{number}/vqa/Classification/frame{frame}_QA.txt",),
    case="seq_{case:02}",
    fps=2.0,
    held_out={"validation": (1, 5, 16)},
)


def cases(root: Path) -> Iterator[Case | Omission]:
    """Read every question below ``root``."""
    yield from read(root, FAMILY)

"""PSI-AVA-VQA: questions on phases, steps and places in prostatectomies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from surgvqa.builders.schema import Case, Dropped, Facts
from surgvqa.builders.source_files.question_files import Family, read

FACTS = Facts(
    name="PSI-AVA-VQA",
    homepage="https://github.com/lalithjets/SurgicalGPT",
    licence="other: research use",
    access="https://github.com/lalithjets/SurgicalGPT (text; frames as of PSI-AVA)",
    citation="""@inproceedings{seenivasan2023surgicalgpt,
  title = {SurgicalGPT: End-to-End Language-Vision GPT for Visual Question Answering in Surgery},
  author = {Seenivasan, Lalithkumar and Islam, Mobarakol and Kannan, Gokul and Ren, Hongliang},
  booktitle = {MICCAI}, year = {2023}
}""",
    procedure="prostatectomy",
)
TRIED = "invented tree"
READS = "questions"
FAMILY = Family(
    "psi_ava_vqa",
    FACTS.procedure,
    FACTS.name,
    FACTS.access,
    files=("CASE{number}/{frame}_QA.txt", "CASE{number}/vqa/*/{frame}_QA.txt"),
    case="CASE{case:03}",
)


def cases(root: Path) -> Iterator[Case | Dropped]:
    """Read every question below ``root``."""
    yield from read(root, FAMILY)

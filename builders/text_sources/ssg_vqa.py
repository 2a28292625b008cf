"""SSG-VQA: questions from scene graphs of CholecT45, ``VID01/0.txt``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from surgvqa.builders.schema import Case, Facts, Omission
from surgvqa.builders.source_files.question_files import Family, read

FACTS = Facts(
    name="SSG-VQA",
    homepage="https://github.com/CAMMA-public/SSG-VQA",
    licence="CC-BY-NC-SA-4.0",
    access="https://github.com/CAMMA-public/SSG-VQA",
    citation="""@article{yuan2024ssgvqa,
  title = {Advancing surgical VQA with scene graph knowledge},
  author = {Yuan, Kun and Kattel, Manasi and Lavanchy, Joel L. and Navab, Nassir and Srivastav, Vinkle and Padoy, Nicolas},
  journal = {International Journal of Computer Assisted Radiology and Surgery}, year = {2024}
}""",
    procedure="cholecystectomy",
)
TRIED_ON = "invented tree"
READS = "questions"
FAMILY = Family(
    "ssg_vqa",
    FACTS.procedure,
    FACTS.name,
    FACTS.access,
    files=("VID{number}/{frame}.txt",),
    case="VID{case:02}",
    longer=True,
)


def cases(root: Path) -> Iterator[Case | Omission]:
    """Read every question below ``root``."""
    yield from read(root, FAMILY)

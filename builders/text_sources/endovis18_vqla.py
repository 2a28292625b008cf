"""EndoVis18-VQLA: ``seq_1/vqla/label/frame000_QA.txt``, a line ``question|answer|x1,y1,x2,y2``.

The box says where the answer lies. It is left out by name: a question has no place for it, and in what pixels it counts was
not to be had. No real file of the set was at hand.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from surgvqa.builders.schema import Case, Facts, Omission
from surgvqa.builders.source_files.question_files import Family, read

FACTS = Facts(
    name="EndoVis18-VQLA",
    homepage="https://github.com/longbai1006/Surgical-VQLA",
    licence="other: the challenge's terms, research use",
    access="https://github.com/longbai1006/Surgical-VQLA (text; frames from the 2018 challenge)",
    citation="""@inproceedings{bai2023surgicalvqla,
  title = {Surgical-VQLA: Transformer with Gated Vision-Language Embedding for Visual Question Localized-Answering in Robotic Surgery},
  author = {Bai, Long and Islam, Mobarakol and Seenivasan, Lalithkumar and Ren, Hongliang},
  booktitle = {ICRA}, year = {2023}
}""",
    procedure="nephrectomy",
)
TRIED_ON = "invented tree"
READS = "questions"
FAMILY = Family(
    "endovis18_vqla",
    FACTS.procedure,
    FACTS.name,
    FACTS.access,
    files=("seq_{number}/vqla/label/frame{frame}_QA.txt", "seq_{number}/vqla/label/frame{frame}.txt"),
    case="seq_{case:02}",
    fps=2.0,
    longer=True,
    held_out={"validation": (1, 5, 16)},
)


def cases(root: Path) -> Iterator[Case | Omission]:
    """Read every question below ``root``."""
    yield from read(root, FAMILY)

"""PSI-AVA-VQA: ``Train/C1_location.txt`` and five like it, a line ``CASE001/00001.jpg|question|answer``.

A file holds one kind of question on pictures of all cases; the picture stands in each line, and its number is the second.
Answers are kept as the files write them: phases and steps are names in Spanish. Training and validation share cases, as
the files say; a case in both is left to the build. No real file was at hand: its authors' loader was.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from surgvqa.builders.cases.timeline import to_ms
from surgvqa.builders.files.texts import read_text
from surgvqa.builders.schema import QA, Case, Clip, Facts, Omission
from surgvqa.builders.tabular.find import Tree, fields_of
from surgvqa.cards.command import InputError

FACTS = Facts(
    name="PSI-AVA-VQA",
    homepage="https://github.com/lalithjets/SurgicalGPT",
    licence="other: not stated; pictures as of PSI-AVA",
    access="https://github.com/lalithjets/SurgicalGPT (text; pictures as of PSI-AVA)",
    citation="""@inproceedings{seenivasan2023surgicalgpt,
  title = {SurgicalGPT: End-to-End Language-Vision GPT for Visual Question Answering in Surgery},
  author = {Seenivasan, Lalithkumar and Islam, Mobarakol and Kannan, Gokul and Ren, Hongliang},
  booktitle = {MICCAI}, year = {2023}
}""",
    procedure="prostatectomy",
)
TRIED_ON = "invented tree"
READS = "questions"
KINDS = {
    "location": ("position", "spatial"),
    "action": ("activity", "recognition"),
    "phase": ("phase", "recognition"),
    "step": ("step", "recognition"),
}
SPLITS = {"train": "train", "val": "test"}
PICTURE = ("{case:case}/{frame}.jpg", "{case:case}/{frame}.png", "{case:case}_{frame}.jpg")
Lines = dict[str, dict[int, list[tuple[str, str, str]]]]  # case -> second -> kind, question, answer


def cases(root: Path, *, protocol: str = "official") -> Iterator[Case | Omission]:
    """Read every question below ``root``.

    Args:
        root: the data set's folder, or any folder above or below it.
        protocol: official, by the folders Train and Val, the second as the test split; or none.
    """
    if not root.is_dir():
        raise InputError(f"no folder {root}; get PSI-AVA-VQA at {FACTS.access} and give its folder as --root")
    if protocol not in ("official", "none"):
        raise InputError(f"--protocol {protocol}: expected official or none")
    tree = Tree(root)
    lines: Lines = defaultdict(lambda: defaultdict(list))
    splits: dict[str, set[str]] = defaultdict(set)
    files: dict[str, list[Path]] = defaultdict(list)
    faults: list[Omission] = []
    for name in KINDS:
        for one in tree.find([f"{{split}}/C{{frame:1}}_{name}.txt"]):
            file_name = tree.relative_path(one.path)
            split = SPLITS.get(one.fields["split"].casefold())
            try:
                for case_id, second, question, answer in read_lines(one.path, file_name):
                    lines[case_id][second].append((name, question, answer))
                    splits[case_id] |= {split} if split else set()
                    if one.path not in files[case_id]:
                        files[case_id].append(one.path)
            except InputError as error:
                faults.append(Omission(file_name, str(error), fault=True))
    if not lines and not faults:
        raise InputError(
            f"nothing of PSI-AVA-VQA below {root}: no Train/C1_location.txt; {tree.describe()}; get it at {FACTS.access}"
        )
    yield from faults
    for case_id, by_second in sorted(lines.items()):
        in_both = len(splits[case_id]) > 1
        if in_both:
            yield Omission(
                f"{case_id}: its split", "training and validation both ask about it; the build chooses"
            )
        official = protocol == "official" and not in_both
        yield Case(
            case_id,
            "psi_ava_vqa",
            FACTS.procedure,
            clips=tuple(clip_of(case_id, second, by_second[second]) for second in sorted(by_second)),
            split=next(iter(splits[case_id]), None) if official else None,
            files=tuple(files[case_id]),
        )


def read_lines(path: Path, file_name: str) -> Iterator[tuple[str, int, str, str]]:
    """Yield case, second, question and answer of every line of a file."""
    for number, line in enumerate(read_text(path, file_name).split("\n"), start=1):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split("|")]
        fields = fields_of(PICTURE, cells[0]) if len(cells) == 3 and all(cells) else None
        if fields is None:
            raise InputError(
                f"{file_name} line {number}: {line[:60]!r} is not CASE001/00001.jpg|question|answer"
            )
        yield fields["case"].upper(), int(fields["frame"]), cells[1], cells[2]


def clip_of(case_id: str, second: int, lines: list[tuple[str, str, str]]) -> Clip:
    """Return a picture's clip; one question in the same words with the same answer counts once."""
    clip = Clip(case_id, to_ms(second), to_ms(second + 1), None)
    counts: Counter[str] = Counter()
    qa = []
    for name, question, answer in dict.fromkeys(lines):
        kind, reasoning = KINDS[name]
        counts[kind] += 1
        qa_id = f"{clip.clip_id}#{kind}" + (f"-{counts[kind]}" if counts[kind] > 1 else "")
        qa.append(QA(qa_id, kind, reasoning, question, answer, answer))
    return Clip(clip.case_id, clip.start_ms, clip.end_ms, None, None, tuple(qa))

"""How much is written for a data set: lines of YAML, and lines of Python that hold code."""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

from surgvqa.builders import sources
from surgvqa.builders.tabular.parts import Tally

FOLDER = Path(sources.__path__[0])
# One of each group of the sets that most benchmarks and papers use, where it is read.
MOST_USED = (
    "cholect50",
    "cholec80",
    "endoscapes",
    "cholectrack20",
    "autolaparo",
    "surgvu",
    "jigsaws",
    "ophnet",
    "cataract101",
    "endovis18_vqa",
)
# Readers that one of these sets alone brought; `moments` and `question_files` are of several, as `tabular/` is.
READERS = (FOLDER.parent / "source_files" / "cholect.py",)
SKIP = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER)


def code_lines(text: str) -> int:
    """Lines that hold more than a comment or a docstring."""
    said: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        if documented and ast.get_docstring(node) is not None:
            said |= {*range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)}
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    held = {line for one in tokens if one.type not in SKIP for line in range(one.start[0], one.end[0] + 1)}
    return len(held - said)


def test_lines_of_code_are_counted() -> None:
    assert code_lines('"""Text.\n\nMore.\n"""\n\nx = 1  # one\n# two\ny = (\n    2,\n)\n') == 4


def test_the_ten_most_used_sets_are_short() -> None:
    described = [FOLDER / f"{name}.yaml" for name in MOST_USED if (FOLDER / f"{name}.yaml").is_file()]
    described += [FOLDER / "autolaparo_motion.yaml", FOLDER / "autolaparo_masks.yaml"]
    written = [path for name in MOST_USED if (path := sources.file_of(name)).suffix == ".py"]
    assert len({path.stem for path in [*described, *written]}) == len(MOST_USED) + 2
    assert sum(path.read_text("utf-8").count("\n") for path in described) < 400
    assert sum(code_lines(path.read_text("utf-8")) for path in [*written, *READERS]) < 600


def test_more_than_a_set_has_is_said_as_such() -> None:
    tally = Tally(cases=3)
    tally.rows["phases"] = 5
    assert tally.notes({"cases": 2, "phases": 9}, ())[1:] == (
        "cases: 3 are below the root, more than the data set's 2; look for files of others",
        "phases: 5 of the data set's 9 are below the root",
    )

"""Names are nouns for data and verbs for actions: no function, class, field, parameter or variable is a bare participle."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IRREGULAR = frozenset(
    [
        "found",
        "told",
        "asked",
        "shown",
        "seen",
        "known",
        "kept",
        "held",
        "drawn",
        "given",
        "taken",
        "said",
        "made",
        "written",
        "done",
        "gone",
        "sent",
        "built",
        "spoken",
        "heard",
        "learnt",
        "thrown",
        "born",
        "worn",
        "torn",
        "bent",
        "lost",
        "meant",
        "met",
        "paid",
        "sold",
        "sought",
        "spent",
        "stood",
        "struck",
        "taught",
        "thought",
        "understood",
        "won",
        "chosen",
        "broken",
        "frozen",
        "hidden",
        "fallen",
        "forgotten",
        "grown",
        "blown",
        "stolen",
        "laid",
    ]
)
NOUNS = frozenset(["seed", "speed", "need", "feed", "bed", "embed", "shed", "hundred"])
# Kinds of question, and their functions: a kind is named in every data set.
KINDS = frozenset({"entered", "exited"})
# Stored documents, rows and options keep the keys that others read.
STORED = ("cards/files/documents.py", "builders/row_types.py", "/settings/", "/verbs/")
KEYS = frozenset(
    {
        "builders/tabular/description.py Description expected",  # of a source's YAML
        "builders/tabular/description.py Description known",
        "builders/tabular/description.py Description tried",
        "eval/controls/benchmark_audit.py BenchmarkAudit shared",  # of the audit's JSON
        "eval/data/predictions.py Prediction counted",  # of a file of predictions
        "eval/documents/scores.py Scores undecided",  # of the score's JSON
    }
)


def is_participle(name: str) -> bool:
    """Tell whether a name is one past participle and nothing else.

    >>> [is_participle(name) for name in ("found", "_asked", "Dropped", "found_rows", "seed", "is_known")]
    [True, True, True, False, False, False]
    """
    word = name.strip("_").lower()
    return word not in NOUNS | KINDS and (word in IRREGULAR or bool(re.fullmatch("[a-z]{2,}ed", word)))


def names(tree: ast.AST, stored: bool, scope: str = ".") -> Iterator[tuple[int, str, str]]:
    """Yield line, scope and name of all that a file defines. ``stored``: fields of its classes are keys of documents."""
    for node in ast.iter_child_nodes(tree):
        inner = scope
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, scope, node.name
            inner = node.name if scope == "." else f"{scope}.{node.name}"
            if isinstance(node, ast.ClassDef) and any(_word(base) == "TypedDict" for base in node.bases):
                continue
        elif isinstance(node, ast.arg) and _word(node.annotation) != "bool":
            yield node.lineno, scope, node.arg
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            field = isinstance(tree, ast.ClassDef)
            if not (field and stored) and _word(node.annotation) != "bool":
                yield node.lineno, scope, node.target.id
            continue
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, scope, node.id
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and _word(node.value) == "self"
        ):
            yield node.lineno, scope, node.attr
        yield from names(node, stored, inner)


def _word(node: ast.AST | None) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def participles(top: str) -> list[str]:
    """Return the participles of a top folder as ``path scope name``."""
    lines = []
    for path in sorted((ROOT / top).rglob("*.py")):
        place = path.relative_to(ROOT).as_posix()
        stored = any(part in place for part in STORED)
        seen = {
            (scope, name)
            for _, scope, name in names(ast.parse(path.read_text("utf-8")), stored)
            if is_participle(name)
        }
        lines.extend(f"{place} {scope} {name}" for scope, name in sorted(seen))
    return lines


@pytest.mark.parametrize("top", ["cards", "builders", "eval", "train"])
def test_no_name_is_a_bare_participle(top):
    faults = [line for line in participles(top) if line not in KEYS]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize(
    "line",
    [
        "def told(): ...",
        "class Found: ...",
        "def f(asked): ...",
        "def f():\n    shown = 1",
        "for kept in (): ...",
        "class A:\n    def f(self): self.seen = 1",
    ],
)
def test_a_participle_is_noticed(line):
    assert [name for *_, name in names(ast.parse(line), False) if is_participle(name)]


@pytest.mark.parametrize(
    "line",
    ["seed = 1", "def f(hidden: bool): ...", "class A(TypedDict):\n    dropped: int", "is_known = True"],
)
def test_a_noun_a_flag_and_a_stored_key_are_not(line):
    assert not [name for *_, name in names(ast.parse(line), False) if is_participle(name)]

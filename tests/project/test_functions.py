"""Functions fit on a screen, take few arguments, and say what shape their dictionaries have."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINES = 60
PARAMETERS = 6  # a configuration counts as one; self and cls don't count
LOOSE = "dict[str, Any]"

# "FILE FUNCTION": why it may be longer, wider or looser. Fewer than ten.
EXCEPTIONS: dict[str, str] = {
    "builders/sources/procedure.py cases": "the options of a source are its keyword arguments; its command line is made of them",
    "builders/sources/synthetic.py cases": "the options of a source, too",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST, shown: bool = True) -> Iterator[tuple[Function, bool]]:
    """Every function, and whether others can call it: no underscore, and not inside another function."""
    for node in ast.iter_child_nodes(tree):
        inside = isinstance(node, Function)
        if inside:
            yield node, shown and not node.name.startswith("_")
        hidden = inside or (isinstance(node, ast.ClassDef) and node.name.startswith("_"))
        yield from functions(node, shown and not hidden)


def faults(source: str) -> Iterator[tuple[str, str]]:
    """Yield the name of each function that breaks a rule, and which."""
    for function, shown in functions(ast.parse(source)):
        lines = function.end_lineno - function.lineno + 1
        arguments = function.args
        names = [one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
        count = len(names) - (names[:1] in (["self"], ["cls"]))
        if lines > LINES:
            yield function.name, f"{lines} lines"
        if count > PARAMETERS:
            yield function.name, f"{count} parameters"
        typed = ast.unparse(arguments) + (ast.unparse(function.returns) if function.returns else "")
        if shown and LOOSE in typed:
            yield function.name, f"{LOOSE} in its signature"


def all_faults() -> dict[str, str]:
    """The faults of every function of the four folders, by file and name."""
    return {
        f"{file.relative_to(ROOT).as_posix()} {name}": fault
        for top in ("cards", "builders", "eval", "train")
        for file in sorted((ROOT / top).rglob("*.py"))
        for name, fault in faults(file.read_text(encoding="utf-8"))
    }


def test_functions_are_short_narrow_and_typed() -> None:
    assert {where: fault for where, fault in all_faults().items() if where not in EXCEPTIONS} == {}


def test_every_exception_is_still_one_and_there_are_few() -> None:
    assert set(EXCEPTIONS) <= set(all_faults())
    assert len(EXCEPTIONS) < 10


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n" + "    x = 1\n" * 60,
        "def f(a, b, c, *, d, e, g, h): ...",
        "class A:\n    def f(self, a, b, c, d, e, g, h): ...",
        "def f() -> dict[str, Any]: ...",
        "class A:\n    def f(self, a: Sequence[dict[str, Any]]): ...",
        "async def f(a, b, c, d, e, g, h): ...",
    ],
)
def test_a_fault_is_seen(source: str) -> None:
    assert list(faults(source))


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n" + "    x = 1\n" * 59,
        "class A:\n    def f(self, a, b, c, d, e, g): ...",
        "def _f() -> dict[str, Any]: ...",
        "def f():\n    def g() -> dict[str, Any]: ...",
        "def f(a: Mapping[str, int]): ...",
    ],
)
def test_what_keeps_the_rules_passes(source: str) -> None:
    assert not list(faults(source))

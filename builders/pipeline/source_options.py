"""A source's own options: the keyword arguments of its ``cases``, read without importing it."""

from __future__ import annotations

import ast
import functools
import re
from dataclasses import MISSING
from pathlib import Path
from typing import Any

from surgvqa.builders import sources
from surgvqa.cards.arguments.option import Given, Option

KINDS: dict[str, type] = {"str": str, "int": int, "float": float, "Path": Path, "bool": bool}


def code(source: str) -> Path:
    """The file that has a source's ``cases``."""
    return Path(sources.__path__[0]) / f"{source}.py"


def about(source: str) -> str:
    """What a source is: the name in its ``FACTS``, and the first line of its docstring; light, for a list of all."""
    text = code(source).read_text("utf-8")
    name = re.search(r'^FACTS = Facts\(\s*name="([^"]*)"', text, re.MULTILINE)
    line = re.match(r'"""(.+?)(?:\n\n|""")', text, re.DOTALL)
    if name is None or line is None:
        raise ValueError(f"{source}: a source begins with a docstring and has FACTS = Facts(name=...)")
    said = " ".join(line[1].split()).rstrip(".")
    return said if said.startswith(name[1]) else f"{name[1]}: {said}"


@functools.cache
def options(source: str) -> tuple[Option, ...]:
    """The options of a source in the order of its arguments."""
    function = next(
        node
        for node in ast.walk(ast.parse(code(source).read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name == "cases"
    )
    said = described(ast.get_docstring(function) or "")
    found = []
    for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        kinds = [part.strip() for part in ast.unparse(argument.annotation).split("|")]  # type: ignore[arg-type]
        value: Any = MISSING if default is None else ast.literal_eval(default)
        found.append(
            Option(
                name=argument.arg,
                kind=KINDS[next(part for part in kinds if part != "None")],
                help=said.get(argument.arg, ""),
                default=value,
                group=f"options of {source}",
                given=Given(),
            )
        )
    return tuple(found)


def described(docstring: str) -> dict[str, str]:
    r"""What the ``Args:`` of a docstring say, on one line each.

    >>> described('Read.\n\nArgs:\n    root: a folder.\n    fold: which of\n        five.\n\nRaises:\n    X: y')
    {'root': 'a folder.', 'fold': 'which of five.'}
    """
    part = re.search(r"^Args:\n((?:[ \t]+.*\n?|\n(?=[ \t]))*)", docstring, re.MULTILINE)
    found: dict[str, str] = {}
    name = ""
    for line in (part[1] if part else "").splitlines():
        if match := re.match(r" {4}(\w+): (.*)", line):
            name, found[match[1]] = match[1], match[2].strip()
        elif name and line.strip():
            found[name] += " " + line.strip()
    return found

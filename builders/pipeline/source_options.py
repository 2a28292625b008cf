"""A source's own options: the keyword arguments of its ``cases``, read without importing it."""

from __future__ import annotations

import ast
import functools
import re
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from surgvqa.builders import sources
from surgvqa.builders.settings.build import Build
from surgvqa.cards.arguments.option import Option, Usage

KINDS: dict[str, type] = {"str": str, "int": int, "float": float, "Path": Path, "bool": bool}
BUILD_OPTIONS = {one.name for one in fields(Build)}  # a source's option of such a name is given in that field


def code(source: str) -> Path:
    """Return the file that has a source's ``cases``."""
    if sources.description(source) is not None:
        return Path(sources.__path__[0]).parent / "tabular" / "source.py"
    return sources.file_of(source)


def about(source: str) -> str:
    """Describe a source for a list of all: its name, and what a module's docstring begins with; imports nothing."""
    own = sources.file_of(source)
    described_in = own.with_suffix(".yaml")
    text = own.read_text("utf-8") if own.suffix == ".py" else ""
    if described_in.is_file():
        name = re.search(
            r"^name:[ \t]*[\"']?(.*?)[\"']?[ \t]*$", described_in.read_text("utf-8"), re.MULTILINE
        )
    else:
        name = re.search(r'^FACTS = Facts\(\s*name="([^"]*)"', text, re.MULTILINE)
    line = re.match(r'"""(.+?)(?:\n\n|""")', text, re.DOTALL)
    if not sources.ships(source):
        return f"{name[1] if name else source}: a source of your own"
    if name is None or (text and line is None):
        raise ValueError(f"{source}: a source has FACTS = Facts(name=...) or {source}.yaml, and a docstring")
    summary = " ".join(line[1].split()).rstrip(".") if line else name[1]
    return summary if summary.startswith(name[1]) else f"{name[1]}: {summary}"


@functools.cache
def options(source: str) -> tuple[Option, ...]:
    """Return the options of a source that a build doesn't have anyway, in the order of its arguments."""
    function = next(
        node
        for node in ast.walk(ast.parse(code(source).read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name == "cases"
    )
    help_by_name = argument_help(ast.get_docstring(function) or "")
    own_options = []
    for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        kinds = [part.strip() for part in ast.unparse(argument.annotation).split("|")]  # type: ignore[arg-type]
        if argument.arg in BUILD_OPTIONS:
            continue
        value: Any = MISSING if default is None else ast.literal_eval(default)
        own_options.append(
            Option(
                name=argument.arg,
                kind=KINDS[next(part for part in kinds if part != "None")],
                help=help_by_name.get(argument.arg, ""),
                default=value,
                group=f"options of {source}",
                usage=Usage(),
            )
        )
    return tuple(own_options)


def argument_help(docstring: str) -> dict[str, str]:
    r"""Read the ``Args:`` of a docstring, on one line each.

    >>> argument_help('Read.\n\nArgs:\n    root: a folder.\n    fold: which of\n        five.\n\nRaises:\n    X: y')
    {'root': 'a folder.', 'fold': 'which of five.'}
    """
    part = re.search(r"^Args:\n((?:[ \t]+.*\n?|\n(?=[ \t]))*)", docstring, re.MULTILINE)
    help_by_name: dict[str, str] = {}
    name = ""
    for line in (part[1] if part else "").splitlines():
        if match := re.match(r" {4}(\w+): (.*)", line):
            name, help_by_name[match[1]] = match[1], match[2].strip()
        elif name and line.strip():
            help_by_name[name] += " " + line.strip()
    return help_by_name

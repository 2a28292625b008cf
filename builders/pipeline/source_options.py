"""A source's own command line options: the keyword arguments of its ``cases``, read without importing it."""

from __future__ import annotations

import argparse
import ast
import re
from pathlib import Path
from typing import Any

from surgvqa.builders import sources

KINDS: dict[str, type] = {"str": str, "int": int, "float": float, "Path": Path, "bool": bool}


def add(parser: argparse.ArgumentParser, source: str) -> list[str]:
    """Add ``source``'s options to a parser; returns their names in the parsed arguments."""
    folder = Path(sources.__path__[0])
    declared = sources.description(source) is not None
    code = folder.parent / "tabular" / "source.py" if declared else folder / f"{source}.py"
    text = code.read_text("utf-8")
    function = next(
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and node.name == "cases"
    )
    group = parser.add_argument_group(f"options of {source}")
    said = described(ast.get_docstring(function) or "")
    for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        kinds = [part.strip() for part in ast.unparse(argument.annotation).split("|")]  # type: ignore[arg-type]
        kind = KINDS[next(part for part in kinds if part != "None")]
        how: dict[str, Any] = {"help": said.get(argument.arg, "").replace("%", "%%")}
        if default is None:
            how["required"] = True
        else:
            how["default"] = ast.literal_eval(default)
            how["help"] += "" if how["default"] is None else f" [{how['default']}]"
        how |= {"action": argparse.BooleanOptionalAction} if kind is bool else {"type": kind}
        if kind is not bool:
            how["metavar"] = "PATH" if kind is Path else "TEXT" if kind is str else "N"
        if f"--{argument.arg}" in parser._option_string_actions:  # the same option for every source
            shared = parser._option_string_actions[f"--{argument.arg}"]
            shared.help = f"{shared.help}; of {source} also: {how['help']}"
            continue
        group.add_argument("--" + argument.arg.replace("_", "-"), dest=argument.arg, **how)
    return [argument.arg for argument in function.args.kwonlyargs]


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

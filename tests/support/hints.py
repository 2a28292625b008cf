"""The commands that texts name: in backticks, on lines of their own, and behind "next: "."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from surgvqa.cards.arguments.parser import parse, parser_of
from surgvqa.train.steps.option_sources import option_sources
from surgvqa.train.verbs.trl import RECIPES

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {
    "surgvqa-build": "builders",
    "surgvqa-eval": "eval",
    "surgvqa-card": "cards",
    "surgvqa-train": "train",
}
COMMAND = re.compile(rf"`((?:{'|'.join(FOLDERS)})\b[^`]*)`|^[ #]*((?:{'|'.join(FOLDERS)}) .*)$", re.MULTILINE)
PLACE = "PLACE"  # what stands for a value that is known when the text is written


def texts(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the strings of a Python file with their lines; what is written into one becomes ``PLACE``."""
    tree = ast.parse(file.read_text("utf-8"))
    parts = {
        id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            pieces = (part.value if isinstance(part, ast.Constant) else PLACE for part in node.values)
            yield node.lineno, "".join(map(str, pieces))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.lineno, node.value


def commands_in(text: str) -> Iterator[str]:
    """Yield the commands of a text, continuation lines joined."""
    for match in COMMAND.finditer(re.sub(r"\\\n\s*", " ", text)):
        yield match[1] or match[2]


def fault_of(command: str) -> str | None:
    """Return what is wrong with a command that a text names; None where its verb and options are right.

    What is no line to be pasted is looked at by its verb and options alone: a verb by itself, what ends with the name of
    an option (`score --out`), and what has ``…`` in it.
    """
    top, name, *words = (*shlex.split(re.sub(r"  +#.*|: .*", "", command)), "")
    if name in ("", PLACE, "VERB", "DIR", "…") or name.startswith("--"):
        return None
    name = "synthetic" if name == "SOURCE" else name
    flags = {word.split("=")[0] for word in words if re.match(r"--\w", word)} - {"--help"}
    if name in (recipe.name for recipe in RECIPES):
        known_flags = {f"--{option}" for option in ("config", *option_sources(name))}
        unknown = {flag for flag in flags if f"--{flag[2:].replace('-', '_')}" not in known_flags}
        return f"{name} has no {' '.join(sorted(unknown))}" if unknown else None
    verbs = {one.name: one for one in importlib.import_module(f"surgvqa.{FOLDERS[top]}.__main__").verbs()}
    if name not in verbs:
        return f"no verb {name}"
    verb = verbs[name]
    if unknown := flags - {option.flag for option in (*verb.options, *verb.more())}:
        return f"{name} has no {' '.join(sorted(unknown))}"
    words.pop()
    if not words or words[-1].startswith("--") or "…" in command:
        return None
    values = ["1" if re.fullmatch("N|K|S|X", word) else word for word in words]
    try:
        parse(parser_of("", "", [verb], name), [verb], [name, *values])
    except SystemExit:
        return "its parser refuses it"
    return None


def next_commands(output: str) -> list[str]:
    """Return the commands that an output names as the next ones, each held to its own parser.

    Raises:
        AssertionError: one of them can't be pasted.
    """
    commands = re.findall(r"^next: (.+)$", output, re.MULTILINE)
    faults = {command: fault for command in commands if (fault := fault_of(command))}
    assert not faults, faults
    return commands


def python_files() -> list[Path]:
    """Return the Python files of the package."""
    return sorted(path for top in (*FOLDERS.values(), "surgvqa") for path in (ROOT / top).rglob("*.py"))

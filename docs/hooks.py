"""Write the map of the code from its docstrings while mkdocs builds the pages."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


def first_line(file: Path) -> str:
    """The first line of a file's docstring."""
    return (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").split("\n")[0]


def map_lines() -> Iterator[str]:
    """The map as Markdown: a heading per top folder, a table per folder, a row per file."""
    for top in ("cards", "builders", "eval", "train"):
        yield f"\n## {top}/\n\n{first_line(ROOT / top / '__init__.py')}\n"
        for init in sorted((ROOT / top).rglob("__init__.py")):
            folder = init.parent
            if folder != ROOT / top:
                yield f"\n### {folder.relative_to(ROOT).as_posix()}/\n\n{first_line(init)}\n"
            yield "\n| file | what it holds |\n|---|---|\n"
            for file in sorted(folder.glob("*.py")):
                if file != init:
                    yield f"| `{file.name}` | {first_line(file).replace('|', chr(92) + '|')} |\n"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the mark on the map's page by the map."""
    return markdown.replace("<!-- map -->", "".join(map_lines()))

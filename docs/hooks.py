"""Write what is generated while mkdocs builds the pages: the map of the code, JSON Schemas, every verb's options."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from surgvqa.cards.arguments.reference import reference
from surgvqa.cards.files.documents import InstructReport, Manifest, Report
from surgvqa.cards.files.json_schema import json_schema, key_table
from surgvqa.eval.documents.comparison import ComparisonFile
from surgvqa.eval.documents.controls import BaselinesFile, LeaksFile, NecessityFile
from surgvqa.eval.documents.pages import DatasetPageFile, PredictionsPageFile
from surgvqa.eval.documents.runs import EnsembleFile, RunFacts
from surgvqa.eval.documents.scores import ScoreFile
from surgvqa.eval.documents.spatial import PointingFile, SegmentationFile

ROOT = Path(__file__).resolve().parents[1]
# File names of the schemas, and the types they are made of.
DOCUMENTS: dict[str, type] = {
    "manifest": Manifest,
    "report": Report,
    "instruct-report": InstructReport,
    "score": ScoreFile,
    "compare": ComparisonFile,
    "baselines": BaselinesFile,
    "necessity": NecessityFile,
    "leaks": LeaksFile,
    "pointing": PointingFile,
    "segmentation": SegmentationFile,
    "predictions-page": PredictionsPageFile,
    "dataset-page": DatasetPageFile,
    "run": RunFacts,
    "ensemble-run": EnsembleFile,
}


def first_line(file: Path) -> str:
    """Return the first line of a file's docstring."""
    return (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").split("\n")[0]


def map_lines() -> Iterator[str]:
    """Yield the map as Markdown: a heading per top folder, a table per folder, a row per file."""
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


def document_lines() -> Iterator[str]:
    """Yield the keys of every document as Markdown, each with its JSON Schema folded below."""
    for name, document in DOCUMENTS.items():
        yield f"\n## {name}\n\n{first_paragraph(document)}\n\n{key_table(document)}\n"
        text = json.dumps(json_schema(document), indent=2, ensure_ascii=False)
        folded = "\n".join(f"    {line}".rstrip() for line in f"```json\n{text}\n```".splitlines())
        yield f'\n??? note "JSON Schema"\n\n{folded}\n'


def first_paragraph(document: type) -> str:
    """Return what a type says of itself, without the details."""
    return " ".join((document.__doc__ or "").split("\n\n")[0].split())


def verb_lines(command: str) -> Iterator[str]:
    """Yield the reference of a command as Markdown."""
    from surgvqa.builders.__main__ import verbs as build
    from surgvqa.cards.__main__ import verbs as card
    from surgvqa.eval.__main__ import verbs as ask
    from surgvqa.train.__main__ import verbs as train

    verbs = {"surgvqa-build": build, "surgvqa-eval": ask, "surgvqa-card": card, "surgvqa-train": train}[
        command
    ]
    yield from reference(command, verbs())


def kind_lines() -> Iterator[str]:
    """Yield the kinds as Markdown: every phrasing and the form of the answer."""
    from surgvqa.builders.asking.templates import wording

    for kind, template in sorted(wording().kinds.items()):
        phrasings = "".join(f"- {text}\n" for text in template.questions)
        nothing = f" Where there is nothing: `{template.nothing}`" if template.nothing else ""
        yield f"\n## {kind}\n\n{phrasings}\nAnswer: `{template.answer}`{nothing}\n"


def api_lines() -> Iterator[str]:
    """Yield the functions of the Python API as Markdown: how each is called, and what it returns."""
    import surgvqa

    for name in surgvqa.__all__:
        if name.startswith("__"):
            continue
        function = getattr(surgvqa, name)
        signature = inspect.signature(function)
        needed = [one.name for one in signature.parameters.values() if one.default is one.empty]
        rest = ", …" if len(needed) < len(signature.parameters) else ""
        said = (inspect.getdoc(function) or "").split("\n\n")[0].replace("\n", " ")
        returned = signature.return_annotation
        shown = f" -> {returned}" if isinstance(returned, str) else ""
        yield f"\n## {name}\n\n```text\nsurgvqa.{name}({', '.join(needed)}{rest}){shown}\n```\n\n{said}\n"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the marks on the pages of the map and of the documents by what is written here."""
    for mark, lines in (
        ("<!-- map -->", map_lines),
        ("<!-- documents -->", document_lines),
        ("<!-- api -->", api_lines),
        ("<!-- kinds -->", kind_lines),
    ):
        if mark in markdown:
            markdown = markdown.replace(mark, "".join(lines()))
    return re.sub(r"<!-- verbs ([\w-]+) -->", lambda mark: "".join(verb_lines(mark[1])), markdown)

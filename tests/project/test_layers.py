"""Imports go one way, folders form a DAG, cards and builders never import torch, and rooms stay small."""

from __future__ import annotations

import ast
import graphlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ORDER = ("cards", "builders", "eval", "train")  # each may import itself and what stands to its left
NEEDS_TORCH = {"torch", "torchvision", "transformers", "trl", "peft", "accelerate", "bitsandbytes"}


def imported(source: str) -> Iterator[str]:
    """Every module a file imports, at any depth, as a dotted name."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def faults(layer: str, source: str) -> list[str]:
    """The imports of a file in ``layer`` that it must not make."""
    allowed = ORDER[: ORDER.index(layer) + 1]
    found = []
    for name in imported(source):
        parts = name.split(".")
        if not parts[0]:
            found.append(f"relative import {name}")
        elif parts[0] in ORDER:
            found.append(f"bare import {name}")
        elif parts[0] == "surgvqa" and len(parts) > 1 and parts[1] not in allowed:
            found.append(f"import against the direction: {name}")
        elif layer in ("cards", "builders") and parts[0] in NEEDS_TORCH:
            found.append(f"needs torch: {name}")
    return found


@pytest.mark.parametrize("layer", ORDER)
def test_imports_go_one_way(layer: str) -> None:
    files = sorted((ROOT / layer).rglob("*.py"))
    assert files
    wrong = {
        str(file.relative_to(ROOT)): found
        for file in files
        if (found := faults(layer, file.read_text(encoding="utf-8")))
    }
    assert not wrong


@pytest.mark.parametrize(
    ("layer", "source"),
    [
        ("builders", "from surgvqa import train"),
        ("builders", "import surgvqa.train.sft as s"),
        ("builders", "from surgvqa.eval.metrics import score"),
        ("builders", "def f():\n    import torch"),
        ("cards", "from surgvqa.builders import schema"),
        ("cards", "from transformers import AutoProcessor"),
        ("eval", "from .metrics import score"),
        ("eval", "from builders.schema import Clip"),
    ],
)
def test_a_wrong_import_is_seen(layer: str, source: str) -> None:
    assert faults(layer, source)


@pytest.mark.parametrize(
    ("layer", "source"),
    [
        ("train", "from surgvqa.eval import encode\nimport torch"),
        ("builders", "from surgvqa.cards import command"),
    ],
)
def test_a_right_import_passes(layer: str, source: str) -> None:
    assert not faults(layer, source)


MODULES = {
    ".".join(("surgvqa", *file.relative_to(ROOT).with_suffix("").parts)): file
    for top in ORDER
    for file in sorted((ROOT / top).rglob("*.py"))
    if "metrics" not in file.parts  # each is a repository of its own on the Hub
}


def room(module: str) -> str:
    """The folder of a module; a file at the door of a top folder stands for itself.

    >>> room("surgvqa.builders.cases.scene"), room("surgvqa.builders.schema")
    ('surgvqa.builders.cases', 'surgvqa.builders.schema')
    """
    parts = module.split(".")
    return ".".join(parts[:3])


def arrows(sources: dict[str, str]) -> dict[str, set[str]]:
    """Which room imports from which, of modules given with their code."""
    found: dict[str, set[str]] = defaultdict(set)
    for module, source in sources.items():
        for name in imported(source):
            while name and name not in sources:
                name = name.rpartition(".")[0]
            if name and room(name) != room(module):
                found[room(module)].add(room(name))
    return found


def test_folders_form_a_dag() -> None:
    read = {module: file.read_text(encoding="utf-8") for module, file in MODULES.items()}
    graphlib.TopologicalSorter(arrows(read)).prepare()  # raises CycleError, which names the circle


def test_a_circle_of_folders_is_seen() -> None:
    circle = {
        "surgvqa.eval.a.one": "from surgvqa.eval.b import two",
        "surgvqa.eval.b.two": "x = 1",
        "surgvqa.eval.b.three": "def f():\n    from surgvqa.eval.a.one import y",
    }
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter(arrows(circle)).prepare()


FOLDER_FILES = 12
FILE_LINES = 350


def test_folders_and_files_stay_small() -> None:
    folders = defaultdict(list)
    for module, file in MODULES.items():
        if file.name not in ("__init__.py", "__main__.py"):
            folders[str(file.parent.relative_to(ROOT))].append(module)
    assert {name: len(files) for name, files in folders.items() if len(files) > FOLDER_FILES} == {}
    long = {
        str(file.relative_to(ROOT)): lines
        for file in MODULES.values()
        if (lines := file.read_text(encoding="utf-8").count("\n")) > FILE_LINES
    }
    assert long == {}, "split these"


def test_each_folder_says_what_it_is_for_and_names_its_modules() -> None:
    for file in MODULES.values():
        if file.name != "__init__.py" or len(file.relative_to(ROOT).parts) < 3 or "sources" in file.parts:
            continue
        code = ast.parse(file.read_text(encoding="utf-8"))
        assert ast.get_docstring(code), file
        names = next(ast.literal_eval(n.value) for n in code.body if isinstance(n, ast.Assign))
        assert names == sorted(p.stem for p in file.parent.glob("*.py") if p.stem != "__init__"), file


@pytest.mark.parametrize("top", ["builders", "eval", "train"])
def test_tests_lie_in_folders_of_the_names_of_what_they_test(top: str) -> None:
    """`tests/train/recipes` is for the recipes at the door of `train`."""
    names = {path.name for path in (ROOT / top).iterdir() if path.is_dir()} | {"recipes"}
    folders = [path for path in (ROOT / "tests" / top).iterdir() if path.name != "__pycache__"]
    assert [path.name for path in folders if path.name not in names or not path.is_dir()] == []
    assert {path.name: n for path in folders if (n := len(list(path.glob("test_*.py")))) > 12} == {}

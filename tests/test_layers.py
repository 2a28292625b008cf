"""Imports go one way, cards -> builders -> eval -> train, and cards and builders never import torch."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
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

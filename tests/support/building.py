"""Data sets and instruction data, made with options as keywords: short forms for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from surgvqa.builders.frames import extract as extracting
from surgvqa.builders.instruct import interchange
from surgvqa.builders.instruct import write as instructing
from surgvqa.builders.pipeline import build as building
from surgvqa.builders.settings.build import Build
from surgvqa.builders.settings.frames import Frames
from surgvqa.builders.settings.instruct import Instruct
from surgvqa.builders.settings.interchange import Import
from surgvqa.builders.teachers.server import Server


def frozen(options: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}


def build(source: str, root: Path, out: Path, **options: Any) -> dict[str, Any]:
    options.setdefault("questions", "nine")  # most tests count on the same kinds of every clip
    return building.build(Build(source=source, root=root, out=out, **frozen(options)))


def extract(root: Path, out: Path, taxonomy: str | None = None, **options: Any) -> extracting.Extraction:
    return extracting.extract(Frames(root=root, out=out, taxonomy=taxonomy, **frozen(options)))


def instruct(
    labels: Path, taxonomy: str, out: Path, server: Server | None = None, **options: Any
) -> dict[str, Any]:
    named = {"teacher": server.url, "model": server.model} if server else {}
    config = Instruct(labels=labels, taxonomy=taxonomy, out=out, **named, **frozen(options))
    return instructing.instruct(config, server=server)


def import_file(file: Path, out: Path, **options: Any) -> dict[str, Any]:
    return interchange.import_file(Import(file=file, out=out, **frozen(options)))

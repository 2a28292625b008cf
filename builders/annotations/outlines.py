"""Annotation files of others that a case is built from: COCO instances and LabelMe shapes, as entities of scenes."""

from __future__ import annotations

from pathlib import Path

from surgvqa.builders.annotations.coco import coco
from surgvqa.builders.annotations.labelme import labelme
from surgvqa.builders.annotations.shapes import (
    Annotated,
    Picture,
    frame_size,
    read_json,
    read_json_lines,
    role_of,
)
from surgvqa.builders.procedures.taxonomy import Taxonomy

__all__ = [
    "Annotated",
    "Picture",
    "coco",
    "frame_size",
    "labelme",
    "read",
    "read_json",
    "read_json_lines",
    "role_of",
]


def read(path: Path, taxonomy: Taxonomy, shown: str) -> Annotated:
    """Read a COCO or a LabelMe file, told apart by their keys."""
    file = read_json(path, shown)
    if isinstance(file, dict) and "shapes" in file:
        return labelme(path, taxonomy, shown, file=file)
    return coco(path, taxonomy, shown, file=file)

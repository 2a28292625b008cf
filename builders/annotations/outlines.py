"""Annotation files of others that a case is built from: COCO instances and LabelMe shapes, as entities of scenes."""

from __future__ import annotations

from pathlib import Path

from surgvqa.builders.annotations.coco import coco
from surgvqa.builders.annotations.labelme import labelme
from surgvqa.builders.annotations.shapes import (
    Annotations,
    Picture,
    frame_size,
    read_json,
    read_json_lines,
    role_of,
)
from surgvqa.builders.procedures.taxonomy import Taxonomy

__all__ = [
    "Annotations",
    "Picture",
    "coco",
    "frame_size",
    "labelme",
    "read",
    "read_json",
    "read_json_lines",
    "role_of",
]


def read(path: Path, taxonomy: Taxonomy, shown_name: str) -> Annotations:
    """Read a COCO or a LabelMe file, told apart by their keys."""
    file = read_json(path, shown_name)
    if isinstance(file, dict) and "shapes" in file:
        return labelme(path, taxonomy, shown_name, file=file)
    return coco(path, taxonomy, shown_name, file=file)

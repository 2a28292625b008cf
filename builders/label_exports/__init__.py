"""Exports of annotation tools, one module a tool, read as labels of pictures: boxes, presence, phases."""

__all__ = [
    "brush",
    "cvat",
    "darwin",
    "exports",
    "known",
    "label_studio",
    "mask_pictures",
    "mot",
    "tables",
    "tracks",
    "voc",
    "yolo",
]

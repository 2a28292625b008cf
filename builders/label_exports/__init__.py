"""Exports of annotation tools, one module a tool, read as labels of pictures: boxes, presence, phases.

Why own readers: of nine odd files of `tests/support/odd_annotations.py`, completed to what their tools write, datumaro
1.13.12 gets three right and refuses one, and reads five as something else, without a word: a COCO box upright beside
its rotation, a normalised one as pixels, one far outside, a deleted object, YOLO's pixels as shares. supervision 0.31.2
has no reader of CVAT, and of eight such files gets two right, refuses one, and reads five so, a crowd as one thing.
"""

__all__ = [
    "brush",
    "cvat",
    "darwin",
    "export_context",
    "exports",
    "label_studio",
    "mask_pictures",
    "mot",
    "tables",
    "tracks",
    "voc",
    "yolo",
]

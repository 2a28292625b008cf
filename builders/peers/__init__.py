"""Data sets in the formats of other projects, one file per format, each with a list of what it can't say."""

__all__ = [
    "chats",
    "coco",
    "common",
    "fiftyone",
    "formats",
    "inspect_ai",
    "lerobot",
    "lmms_eval",
    "medvidbench",
    "surgvu",
    "vlmevalkit",
]

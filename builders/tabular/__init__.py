"""The reader of data sets that one YAML file describes: where files lie, what columns mean, how time counts."""

__all__ = [
    "clock",
    "coco_files",
    "description",
    "find",
    "masks",
    "parts",
    "presence",
    "reader",
    "rows",
    "source",
    "splits",
    "stretches",
]

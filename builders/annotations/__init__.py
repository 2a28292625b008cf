"""Outlines of other tools, COCO and LabelMe, and of segmenters, as the entities of scenes."""

__all__ = [
    "beside",
    "coco",
    "entities",
    "labelme",
    "machine_scenes",
    "one_thing",
    "outlines",
    "own_cases",
    "picture_names",
    "shapes",
]

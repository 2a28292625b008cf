"""Label pictures as scenes: each class of a picture becomes one entity with a mask.

A class's mask says nothing about how many things it holds. Values that no class has are left out by name; where nobody
says what a value's pixels show, the scene keeps them as such, for any structure may lie there. A value that the
description doesn't know makes the picture a fault.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import ImageOps
from surgvqa.builders.annotations import outlines
from surgvqa.builders.files.pictures import opened_picture
from surgvqa.builders.geometry import masks
from surgvqa.builders.procedures.taxonomy import Taxonomy
from surgvqa.builders.schema import Entity, Scene
from surgvqa.builders.tabular.description import Masks
from surgvqa.builders.tabular.find import FileMatch
from surgvqa.cards.command import InputError


def values_of(path: Path, file_name: str) -> dict[str, np.ndarray]:
    """Return the mask of each value of a label picture; grey values by number, colours as ``r,g,b``."""
    with opened_picture(path, file_name) as picture:
        grey = picture.mode in ("L", "P", "I", "I;16")
        upright = ImageOps.exif_transpose(picture)
        pixels = np.asarray(upright if grey else upright.convert("RGB"))
    if pixels.ndim == 3 and (pixels[..., :1] == pixels).all():
        pixels = pixels[..., 0]
    if pixels.ndim == 2:
        return {str(value): pixels == value for value in np.unique(pixels).tolist()}
    code = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    return {
        f"{value >> 16},{value >> 8 & 255},{value & 255}": code == value for value in np.unique(code).tolist()
    }


def scene(
    spec: Masks, path: Path, file_name: str, time_s: float, taxonomy: Taxonomy, left_out: Counter[str]
) -> Scene:
    """Return a label picture's scene; ``left_out`` counts the pictures in which a value has no class."""
    masks_by_value = values_of(path, file_name)
    shape = next(iter(masks_by_value.values())).shape
    height, width = outlines.frame_size(shape[1], shape[0])[::-1]
    unknown = sorted(masks_by_value.keys() - {*spec.values, *spec.background, *spec.leave_out, *spec.unknown})
    if unknown:
        raise InputError(
            f"{file_name}: the value {', '.join(unknown)} is none of {', '.join(spec.values)}; what is it?"
        )
    nodes: dict[str, Entity] = {}
    unsaid = np.zeros(shape, bool)
    for value, mask in masks_by_value.items():
        if value in spec.leave_out or value in spec.unknown:
            left_out[value] += 1
        if value in spec.unknown:
            unsaid |= mask
        if value not in spec.values or value in spec.leave_out or value in spec.unknown:
            continue
        role, name = outlines.role_of(taxonomy, spec.values[value])
        if name in nodes:  # two values of one structure, a tool and its handle
            mask = mask | masks.rle_to_mask(nodes[name].rle or "", width, height)
        rle = masks.mask_to_rle(mask)
        nodes[name] = Entity(
            name,
            name,
            role,
            "mask",
            rle=rle,
            bbox=masks.box_of(rle, width, height),
            area=masks.area_of(rle, width, height),
            centroid=masks.centroid_of(rle, width, height),
            # One mask for all tools of a class: how many they are, nobody drew apart.
            crowd=True if role == "instrument" else None,
        )
    unsaid_rle = masks.mask_to_rle(unsaid) if unsaid.any() else None
    return Scene(time_s, width, height, tuple(nodes.values()), unsaid_rle=unsaid_rle)


def in_order(matches: Iterable[FileMatch]) -> list[FileMatch]:
    """Return label pictures in the order of their frames."""
    return sorted(matches, key=lambda one: (len(one.fields["frame"]), one.fields["frame"], one.path))


def refusal(spec: Masks, one: FileMatch, file_name: str, earlier: dict[str, tuple[str, str]]) -> str | None:
    """Return why a label picture isn't read, None where it is."""
    return _wrong(spec, one.path, file_name) or _repetition(one, file_name, earlier)


def _wrong(spec: Masks, path: Path, file_name: str) -> str | None:
    """Return why a label picture isn't read, where it holds a value that says that its values are wrong."""
    values = values_of(path, file_name).keys() if spec.wrong else ()
    return next((f"value {one}: {spec.wrong[one]}" for one in sorted(values) if one in spec.wrong), None)


def _repetition(one: FileMatch, file_name: str, earlier: dict[str, tuple[str, str]]) -> str | None:
    """Return why a label picture isn't read, where it is byte for byte that of another moment of its case.

    ``earlier`` has frame and name of the case's label pictures by their sha256. Nobody outlines two pictures alike to the
    byte; a picture of one value says that nothing is there, and may.
    """
    frame = one.fields["frame"]
    digest = hashlib.sha256(one.path.read_bytes()).hexdigest()
    first, name = earlier.setdefault(digest, (frame, file_name))
    if first == frame or len(values_of(one.path, file_name)) < 2:
        return None
    return f"byte for byte the label picture {name}, of another moment: its outlines are of what is there, not here"
